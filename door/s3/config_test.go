package s3

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// What a bucket's owner configures is answered as it was given, and refused as AWS
// refuses it.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.want(call{method: "PUT", path: "/calls"}, 200, "")
	lifecycle := func(rule string) string { return "<LifecycleConfiguration>" + rule + "</LifecycleConfiguration>" }
	cors := func(rule string) string {
		return "<CORSConfiguration><CORSRule>" + rule + "</CORSRule></CORSConfiguration>"
	}
	encryption := func(rule string) string {
		return "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>" + rule + "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
	}
	tags := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "<Tag><Key>k%d</Key><Value>v</Value></Tag>", i)
		}
		return "<Tagging><TagSet>" + b.String() + "</TagSet></Tagging>"
	}
	lock := func(s string) string {
		return "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>" + s + "</ObjectLockConfiguration>"
	}
	for _, c := range []struct {
		method, what, body string
		status             int
		code               string
		contains           string
	}{
		{"GET", "versioning", "", 200, "", `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></VersioningConfiguration>`},
		{"PUT", "versioning", "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>", 400, "MalformedXML", ""},
		{"PUT", "versioning", "<VersioningConfiguration></VersioningConfiguration>", 400, "IllegalVersioningConfigurationException", ""},
		{"PUT", "versioning", "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>", 501, "NotImplemented", ""},

		{"GET", "object-lock", "", 404, "ObjectLockConfigurationNotFoundError", ""},
		{"PUT", "object-lock", lock(""), 409, "InvalidBucketState", ""}, // versioning comes first
		{"PUT", "versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>", 200, "", ""},
		{"GET", "versioning", "", 200, "", "<Status>Suspended</Status>"},
		{"PUT", "versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", 200, "", ""},
		{"PUT", "object-lock", "<ObjectLockConfiguration></ObjectLockConfiguration>", 400, "MalformedXML", ""},
		{"PUT", "object-lock", lock("<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years></DefaultRetention></Rule>"), 400, "MalformedXML", ""},
		{"PUT", "object-lock", lock("<Rule><DefaultRetention><Mode>governance</Mode><Days>1</Days></DefaultRetention></Rule>"), 400, "MalformedXML", ""},
		{"PUT", "object-lock", lock("<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>0</Days></DefaultRetention></Rule>"), 400, "InvalidArgument", ""},
		{"PUT", "object-lock", lock("<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Years>101</Years></DefaultRetention></Rule>"), 400, "InvalidArgument", ""},
		{"PUT", "object-lock", lock("<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>7</Days></DefaultRetention></Rule>"), 200, "", ""},
		{"GET", "object-lock", "", 200, "", "<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>7</Days></DefaultRetention></Rule>"},
		{"PUT", "versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>", 409, "InvalidBucketState", ""},

		{"GET", "tagging", "", 404, "NoSuchTagSet", ""},
		{"PUT", "tagging", tags(50), 204, "", ""},
		{"PUT", "tagging", tags(51), 400, "BadRequest", ""},
		{"GET", "tagging", "", 200, "", "<Tag><Key>k9</Key><Value>v</Value></Tag>"},
		{"PUT", "tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>a</Key><Value>2</Value></Tag></TagSet></Tagging>", 400, "InvalidTag", ""},
		{"PUT", "tagging", "<Tagging><TagSet><Tag><Key>aws:a</Key><Value>1</Value></Tag></TagSet></Tagging>", 400, "InvalidTag", "System tags cannot be added/updated by requester"},
		{"PUT", "tagging", "<Tagging></Tagging>", 400, "MalformedXML", ""},
		{"DELETE", "tagging", "", 204, "", ""},
		{"GET", "tagging", "", 404, "NoSuchTagSet", ""},

		{"GET", "encryption", "", 200, "", "<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>"},
		{"PUT", "encryption", encryption("<SSEAlgorithm>AES256</SSEAlgorithm>"), 200, "", ""},
		{"GET", "encryption", "", 200, "", "<SSEAlgorithm>AES256</SSEAlgorithm></Apply"},
		{"PUT", "encryption", encryption("<SSEAlgorithm>rot13</SSEAlgorithm>"), 400, "MalformedXML", ""},
		{"PUT", "encryption", encryption("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>another</KMSMasterKeyID>"), 400, "InvalidArgument", ""},
		{"DELETE", "encryption", "", 204, "", ""},
		{"GET", "encryption", "", 200, "", "aws:kms"},

		{"GET", "publicAccessBlock", "", 200, "", "<BlockPublicPolicy>true</BlockPublicPolicy>"},
		{"PUT", "publicAccessBlock", "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>", 200, "", ""},
		{"GET", "publicAccessBlock", "", 200, "", "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>false</IgnorePublicAcls>"},
		{"PUT", "publicAccessBlock", "<PublicAccessBlockConfiguration><BlockPublicAcls>yes</BlockPublicAcls></PublicAccessBlockConfiguration>", 400, "MalformedXML", ""},
		{"DELETE", "publicAccessBlock", "", 204, "", ""},
		{"GET", "publicAccessBlock", "", 404, "NoSuchPublicAccessBlockConfiguration", ""},

		{"GET", "ownershipControls", "", 200, "", "<ObjectOwnership>BucketOwnerEnforced</ObjectOwnership>"},
		{"PUT", "ownershipControls", "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>", 200, "", ""},
		{"PUT", "ownershipControls", "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>", 501, "NotImplemented", ""},

		{"GET", "acl", "", 200, "", "<Permission>FULL_CONTROL</Permission>"},
		{"PUT", "acl", "", 400, "MissingSecurityHeader", ""},
		{"PUT", "acl", "<AccessControlPolicy><AccessControlList><Grant><Grantee><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>", 400, "AccessControlListNotSupported", ""},

		{"GET", "lifecycle", "", 404, "NoSuchLifecycleConfiguration", ""},
		{"PUT", "lifecycle", lifecycle("<Rule><ID>old</ID><Filter><And><Prefix>a/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><Status>Enabled</Status><Expiration><Days>30</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>"), 200, "", ""},
		{"GET", "lifecycle", "", 200, "", "<Rule><ID>old</ID><Filter><And><Prefix>a/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><Status>Enabled</Status><Expiration><Days>30</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>"},
		{"PUT", "lifecycle", lifecycle("<Rule><Prefix>a</Prefix><Status>Disabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>"), 200, "", ""},
		{"GET", "lifecycle", "", 200, "", "<Prefix>a</Prefix><Status>Disabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>"},
		{"PUT", "lifecycle", lifecycle("<Rule><Filter></Filter><Status>Enabled</Status><Expiration><Days>0</Days></Expiration></Rule>"), 400, "InvalidArgument", ""},
		{"PUT", "lifecycle", lifecycle("<Rule><Filter></Filter><Status>Enabled</Status><Expiration><Date>2027-01-01T01:00:00Z</Date></Expiration></Rule>"), 400, "InvalidArgument", "midnight"},
		{"PUT", "lifecycle", lifecycle("<Rule><Filter></Filter><Status>enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"), 400, "MalformedXML", ""},
		{"PUT", "lifecycle", lifecycle("<Rule><Filter></Filter><Status>Enabled</Status></Rule>"), 400, "InvalidRequest", "t least one action"},
		{"PUT", "lifecycle", lifecycle(strings.Repeat("<Rule><ID>same</ID><Filter></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>", 2)), 400, "InvalidArgument", "unique"},
		{"PUT", "lifecycle", lifecycle("<Rule><Filter></Filter><Status>Enabled</Status><Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>"), 400, "InvalidStorageClass", ""},
		{"DELETE", "lifecycle", "", 204, "", ""},
		{"GET", "lifecycle", "", 404, "NoSuchLifecycleConfiguration", ""},

		{"GET", "cors", "", 404, "NoSuchCORSConfiguration", ""},
		{"PUT", "cors", cors("<AllowedMethod>PATCH</AllowedMethod><AllowedOrigin>*</AllowedOrigin>"), 400, "InvalidRequest", "PATCH"},
		{"PUT", "cors", cors("<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*a*</AllowedOrigin>"), 400, "InvalidRequest", "wildcard"},
		{"PUT", "cors", cors("<AllowedMethod>GET</AllowedMethod>"), 400, "MalformedXML", ""},
		{"PUT", "cors", cors("<ID>" + strings.Repeat("i", 256) + "</ID><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>"), 400, "InvalidRequest", "255"},
		{"PUT", "cors", cors("<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin><AllowedHeader>a header</AllowedHeader>"), 400, "InvalidRequest", "AllowedHeader"},
		{"PUT", "cors", cors("<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin><ExposeHeader>a:</ExposeHeader>"), 400, "InvalidRequest", "ExposeHeader"},

		{"GET", "requestPayment", "", 200, "", "<Payer>BucketOwner</Payer>"},
		{"GET", "logging", "", 200, "", "BucketLoggingStatus"},
		{"GET", "policy", "", 404, "NoSuchBucketPolicy", ""},
		{"GET", "policyStatus", "", 404, "NoSuchBucketPolicy", ""},
		{"GET", "website", "", 501, "NotImplemented", ""},
		{"GET", "notification", "", 501, "NotImplemented", ""},
		{"PUT", "replication", "<ReplicationConfiguration/>", 501, "NotImplemented", ""},
	} {
		r.want(call{method: c.method, path: "/calls?" + c.what, body: c.body}, c.status, c.code, c.contains)
	}
	r.want(call{path: "/absent?versioning"}, 404, "NoSuchBucket")

	r.want(call{method: "PUT", path: "/calls/a", body: "x"}, 200, "")
	r.want(call{method: "DELETE", path: "/calls"}, 409, "BucketNotEmpty", "You must delete all versions in the bucket.")
	r.want(call{method: "PUT", path: "/plain", headers: []string{"x-amz-object-ownership", "Mine"}}, 400, "InvalidArgument", "<ArgumentName>x-amz-object-ownership<")
	r.want(call{method: "PUT", path: "/plain"}, 200, "")
	r.want(call{method: "PUT", path: "/plain/a", body: "x"}, 200, "")
	if a := r.want(call{method: "DELETE", path: "/plain"}, 409, "BucketNotEmpty"); strings.Contains(a.body, "versions") {
		t.Errorf("a bucket without versions: %s", a.body)
	}
	r.want(call{method: "DELETE", path: "/plain/a", headers: []string{fieldBypass, "true"}}, 204, "") // clients that empty buckets say it everywhere

	r.want(call{method: "PUT", path: "/locked", headers: []string{"x-amz-bucket-object-lock-enabled", "true"},
		body: "<CreateBucketConfiguration><Tags><Tag><Key>team</Key><Value>audit</Value></Tag></Tags></CreateBucketConfiguration>"}, 200, "")
	r.want(call{path: "/locked?versioning"}, 200, "", "<Status>Enabled</Status>")
	r.want(call{path: "/locked?object-lock"}, 200, "", "<ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>")
	r.want(call{path: "/locked?tagging"}, 200, "", "<Key>team</Key>")
}

// Buckets are listed in pages, by prefix and by region.
func TestListingOfBuckets(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	for _, name := range []string{"calls-b", "calls-a", "files"} {
		r.want(call{method: "PUT", path: "/" + name}, 200, "")
	}
	const region = "<BucketRegion>us-east-1</BucketRegion>"
	all := r.want(call{path: "/"}, 200, "")
	if names := regexp.MustCompile("<Name>(.*?)</Name>").FindAllString(all.body, -1); len(names) != 3 || names[0] != "<Name>calls-a</Name>" || strings.Contains(all.body, region) {
		t.Errorf("all: %s", all.body)
	}
	page := r.want(call{path: "/?max-buckets=1&prefix=calls-"}, 200, "", "<Name>calls-a</Name>", region, "<Prefix>calls-</Prefix>")
	token := regexp.MustCompile("<ContinuationToken>(.*?)<").FindStringSubmatch(page.body)
	if token == nil || strings.Contains(page.body, "calls-b") {
		t.Fatalf("the first page: %s", page.body)
	}
	last := r.want(call{path: "/?max-buckets=1&prefix=calls-&continuation-token=" + token[1]}, 200, "", "<Name>calls-b</Name>")
	if strings.Contains(last.body, "<ContinuationToken>") {
		t.Errorf("the last page: %s", last.body)
	}
	r.want(call{path: "/?bucket-region=us-east-1"}, 200, "", "<Name>files</Name>", region)
	if none := r.want(call{path: "/?bucket-region=eu-west-1"}, 200, ""); strings.Contains(none.body, "<Name>") {
		t.Errorf("of another region: %s", none.body)
	}
}

// A browser is told what a bucket's rules let a page do, and nothing else.
func TestCORS(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.want(call{method: "PUT", path: "/calls"}, 200, "")
	r.want(call{method: "PUT", path: "/calls/a", body: "x"}, 200, "")
	r.want(call{method: "PUT", path: "/calls?cors", body: `<CORSConfiguration>
		<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule>
		<CORSRule><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>`}, 200, "")
	for _, c := range []struct {
		bucket, origin, method, headers string
		allowed                         string
	}{
		{"calls", "https://app.example.com", "GET", "", "https://app.example.com"},
		{"calls", "https://app.example.com", "GET", "X-Amz-Date, x-amz-content-sha256", "https://app.example.com"},
		{"calls", "https://app.example.com", "GET", "authorization", ""},
		{"calls", "https://app.example.org", "GET", "", ""},
		{"calls", "https://app.example.org", "PUT", "", "*"},
		{"calls", "https://app.example.com", "DELETE", "", ""},
		{"absent", "https://app.example.com", "GET", "", ""},
	} {
		q, _ := call{method: "OPTIONS", path: "/" + c.bucket + "/a"}.request(t, r.server.URL)
		q.Header = map[string][]string{"Origin": {c.origin}, "Access-Control-Request-Method": {c.method}}
		if c.headers != "" {
			q.Header.Set("Access-Control-Request-Headers", c.headers)
		}
		a := send(t, q)
		if got := a.headers.Get("Access-Control-Allow-Origin"); got != c.allowed || (a.status == 200) != (c.allowed != "") {
			t.Errorf("%+v: %d, allowed %q", c, a.status, got)
		}
	}
	for _, c := range []struct{ origin, method, headers, says string }{
		{"", "GET", "", "Origin request header needed"},
		{"https://app.example.com", "", "", "Invalid Access-Control-Request-Method: null"},
		{"https://app.example.com", "get", "", "Invalid Access-Control-Request-Method: get"},
		{"https://app.example.com", "GET", "x-amz-date,not a name", "contains invalid character"},
	} {
		q, _ := call{method: "OPTIONS", path: "/calls/a"}.request(t, r.server.URL)
		q.Header = map[string][]string{"Origin": {c.origin}, "Access-Control-Request-Method": {c.method}, "Access-Control-Request-Headers": {c.headers}}
		if a := send(t, q); a.status != 400 || a.code != "BadRequest" || !strings.Contains(a.message, c.says) {
			t.Errorf("%+v: answered %d %s %q", c, a.status, a.code, a.message)
		}
	}
	a := r.want(call{path: "/calls/a", headers: []string{"Origin", "https://app.example.com"}}, 200, "")
	if a.headers.Get("Access-Control-Allow-Origin") != "https://app.example.com" || a.headers.Get("Access-Control-Expose-Headers") != "ETag" {
		t.Errorf("an answer to a page: %v", a.headers)
	}
	a = r.want(call{path: "/calls/a", headers: []string{"Origin", "https://elsewhere.example"}}, 200, "")
	if a.headers.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("an answer to another page: %v", a.headers)
	}
}

// Whoever says whose a bucket should be is refused where it is another's.
func TestExpectedOwner(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.want(call{method: "PUT", path: "/calls"}, 200, "")
	mine := r.room.ID.Account()
	r.want(call{path: "/calls", headers: []string{"x-amz-expected-bucket-owner", mine}}, 200, "")
	r.want(call{path: "/calls", headers: []string{"x-amz-expected-bucket-owner", "123456789012"}}, 403, "AccessDenied")
	r.want(call{path: "/calls", headers: []string{"x-amz-expected-bucket-owner", "mine"}}, 400, "InvalidBucketOwnerAWSAccountID")
}
