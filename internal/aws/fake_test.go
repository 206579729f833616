package aws

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fake answers as AWS does, in each service's protocol, for one small account in two
// regions. It knows requests by themselves, not by what the client says that it sends.
type fake struct {
	*httptest.Server
	mu     sync.Mutex
	asked  map[string]int // by permission
	faults []string
	// before is asked first; an answer of true means that it answered.
	before func(w http.ResponseWriter, permission string, n int) bool
}

const fakeID = "123456789012"

func newFake(t *testing.T) *fake {
	f := &fake{asked: map[string]int{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	t.Setenv("AWS_ENDPOINT_URL", f.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example")
	t.Setenv("AWS_PROFILE", "") // so that it is put back
	if err := os.Unsetenv("AWS_PROFILE"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return f
}

var scope = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}$`)

// s3Names are the permissions of S3's operations, by sub-resource
// (docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html).
var s3Names = map[string]string{
	"location": "GetBucketLocation", "policy": "GetBucketPolicy", "publicAccessBlock": "GetBucketPublicAccessBlock", "acl": "GetBucketAcl", "ownershipControls": "GetBucketOwnershipControls",
	"encryption": "GetEncryptionConfiguration", "versioning": "GetBucketVersioning", "replication": "GetReplicationConfiguration", "logging": "GetBucketLogging",
	"notification": "GetBucketNotification", "inventory": "GetInventoryConfiguration", "tagging": "GetBucketTagging",
}

var restNames = []struct{ service, method, path, permission string }{
	{"s3", "GET", `^/v20180820/configuration/publicAccessBlock$`, "s3:GetAccountPublicAccessBlock"},
	{"s3", "GET", `^/v20180820/accesspoint$`, "s3:ListAccessPoints"},
	{"s3", "GET", `^/v20180820/accesspoint/[^/]+$`, "s3:GetAccessPoint"},
	{"s3", "GET", `^/v20180820/accesspoint/[^/]+/policy$`, "s3:GetAccessPointPolicy"},
	{"s3", "GET", `^/v20180820/accesspointforobjectlambda$`, "s3:ListAccessPointsForObjectLambda"},
	{"s3", "GET", `^/v20180820/accesspointforobjectlambda/[^/]+/configuration$`, "s3:GetAccessPointConfigurationForObjectLambda"},
	{"s3", "GET", `^/v20180820/accesspointforobjectlambda/[^/]+/policy$`, "s3:GetAccessPointPolicyForObjectLambda"},
	{"s3", "GET", `^/v20180820/mrap/instances$`, "s3:ListMultiRegionAccessPoints"},
	{"s3", "GET", `^/v20180820/mrap/instances/[^/]+/policy$`, "s3:GetMultiRegionAccessPointPolicy"},
	{"s3", "GET", `^/v20180820/accessgrantsinstance/grants$`, "s3:ListAccessGrants"},
	{"lambda", "GET", `^/2015-03-31/functions/?$`, "lambda:ListFunctions"},
	{"lambda", "GET", `^/2015-03-31/functions/[^/]+/policy$`, "lambda:GetPolicy"},
	{"lambda", "GET", `^/2021-10-31/functions/[^/]+/urls$`, "lambda:ListFunctionUrlConfigs"},
	{"batch", "POST", `^/v1/describejobdefinitions$`, "batch:DescribeJobDefinitions"},
	{"eks", "GET", `^/clusters$`, "eks:ListClusters"},
	{"eks", "GET", `^/clusters/[^/]+/pod-identity-associations$`, "eks:ListPodIdentityAssociations"},
	{"eks", "GET", `^/clusters/[^/]+/pod-identity-associations/[^/]+$`, "eks:DescribePodIdentityAssociation"},
	{"rolesanywhere", "GET", `^/trustanchors$`, "rolesanywhere:ListTrustAnchors"},
	{"rolesanywhere", "GET", `^/profiles$`, "rolesanywhere:ListProfiles"},
	{"scheduler", "GET", `^/schedules$`, "scheduler:ListSchedules"},
	{"scheduler", "GET", `^/schedules/[^/]+$`, "scheduler:GetSchedule"},
	{"emr-serverless", "GET", `^/applications$`, "emr-serverless:ListApplications"},
	{"backup", "GET", `^/backup-vaults/?$`, "backup:ListBackupVaults"},
	{"backup", "GET", `^/backup-vaults/[^/]+/access-policy$`, "backup:GetBackupVaultAccessPolicy"},
	{"backup", "GET", `^/resources/?$`, "backup:ListProtectedResources"},
	{"bedrock-agentcore", "POST", `^/code-interpreters/?$`, "bedrock-agentcore:ListCodeInterpreters"},
	{"bedrock-agentcore", "GET", `^/code-interpreters/[^/]+/?$`, "bedrock-agentcore:GetCodeInterpreter"},
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m := scope.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		f.fault("unsigned: %s %s: %q", r.Method, r.URL, r.Header.Get("Authorization"))
		w.WriteHeader(403)
		return
	}
	region, service := m[1], m[2]
	permission, p := "", url.Values{}
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		op = op[strings.LastIndex(op, ".")+1:]
		permission = service + ":" + op
		var in map[string]any
		if err := json.Unmarshal(body, &in); err != nil {
			f.fault("%s: its body is not JSON: %s", permission, body)
		}
		for k, v := range in {
			p.Set(k, fmt.Sprint(v))
		}
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		p, _ = url.ParseQuery(string(body))
		permission = service + ":" + p.Get("Action")
	default:
		p = r.URL.Query()
		if service == "s3" && !strings.HasPrefix(r.URL.Path, "/v20180820/") {
			permission = "s3:ListAllMyBuckets"
			for sub, name := range s3Names {
				if p.Has(sub) {
					permission = "s3:" + name
					p.Set("bucket", strings.Trim(r.URL.Path, "/"))
				}
			}
		}
		for _, n := range restNames {
			if n.service == service && n.method == r.Method && regexp.MustCompile(n.path).MatchString(r.URL.EscapedPath()) {
				permission = n.permission
			}
		}
	}
	if permission == "" || strings.HasSuffix(permission, ":") {
		f.fault("what is it? %s %s %s", service, r.Method, r.URL)
		w.WriteHeader(404)
		return
	}
	f.mu.Lock()
	f.asked[permission]++
	n := f.asked[permission]
	before := f.before
	f.mu.Unlock()
	if before != nil && before(w, permission, n) {
		return
	}
	f.answer(w, r, permission, region, p)
}

func (f *fake) fault(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, fmt.Sprintf(format, args...))
}

// refuse answers an error in the protocol of the permission's service.
func refuse(w http.ResponseWriter, permission string, status int, code string) {
	service, _, _ := strings.Cut(permission, ":")
	switch service {
	case "iam", "sts", "autoscaling", "cloudformation", "redshift", "rds":
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, `<ErrorResponse xmlns="https://x/"><Error><Type>Sender</Type><Code>%s</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>`, code)
	case "ec2":
		w.WriteHeader(status)
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>%s</Code><Message>no</Message></Error></Errors><RequestID>1</RequestID></Response>`, code)
	case "s3":
		w.WriteHeader(status)
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>no</Message><RequestId>1</RequestId></Error>`, code)
	case "lambda", "batch", "eks", "rolesanywhere", "bedrock-agentcore", "scheduler", "emr-serverless", "backup":
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		fmt.Fprint(w, `{"message":"no"}`)
	default:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":"com.amazonaws.x#%s","message":"no"}`, code)
	}
}

func (f *fake) answer(w http.ResponseWriter, r *http.Request, permission, region string, p url.Values) {
	service, op, _ := strings.Cut(permission, ":")
	q := func(result string) { // of a query service
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<%[1]sResponse xmlns="https://%[2]s.amazonaws.com/doc/"><%[1]sResult>%[3]s</%[1]sResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></%[1]sResponse>`, op, service, result)
	}
	e := func(result string) {
		w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><%[1]sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId>%[2]s</%[1]sResponse>`, op, result)
	}
	x := func(body string) {
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+body)
	}
	j := func(body string) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		fmt.Fprint(w, strings.ReplaceAll(body, "REGION", region))
	}
	home := region == "eu-west-1"
	doc := url.QueryEscape(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::calls/*"}]}`)
	doc = strings.ReplaceAll(doc, "+", "%20")
	trust := strings.ReplaceAll(url.QueryEscape(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`), "+", "%20")
	const everyone = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`
	quoted := fmt.Sprintf("%q", everyone)
	switch permission {
	case "sts:GetCallerIdentity":
		q(`<Arn>arn:aws:iam::123456789012:user/reader</Arn><UserId>AIDAREADER</UserId><Account>123456789012</Account>`)
	case "iam:GetAccountAuthorizationDetails":
		if p.Get("Marker") == "" {
			q(`<IsTruncated>true</IsTruncated><Marker>next</Marker><UserDetailList><member><GroupList><member>devs</member></GroupList><UserPolicyList><member><PolicyName>p</PolicyName><PolicyDocument>` + doc + `</PolicyDocument></member></UserPolicyList><Arn>arn:aws:iam::123456789012:user/ann</Arn><Path>/</Path><UserName>ann</UserName><UserId>AIDAANN</UserId><CreateDate>2024-03-01T09:00:00Z</CreateDate><AttachedManagedPolicies/><Tags><member><Key>team</Key><Value>web</Value></member></Tags></member></UserDetailList><GroupDetailList/><RoleDetailList/><Policies/>`)
			return
		}
		q(`<IsTruncated>false</IsTruncated><UserDetailList/><GroupDetailList><member><Path>/</Path><GroupName>devs</GroupName><GroupId>AGPADEVS</GroupId><Arn>arn:aws:iam::123456789012:group/devs</Arn><CreateDate>2024-03-01T09:00:00Z</CreateDate><GroupPolicyList/><AttachedManagedPolicies><member><PolicyName>shared</PolicyName><PolicyArn>arn:aws:iam::123456789012:policy/shared</PolicyArn></member></AttachedManagedPolicies></member></GroupDetailList><RoleDetailList><member><Path>/</Path><RoleName>content</RoleName><RoleId>AROACONTENT</RoleId><Arn>arn:aws:iam::123456789012:role/content</Arn><CreateDate>2024-03-01T09:00:00Z</CreateDate><AssumeRolePolicyDocument>` + trust + `</AssumeRolePolicyDocument><InstanceProfileList><member><Path>/</Path><InstanceProfileName>content</InstanceProfileName><InstanceProfileId>AIPA1</InstanceProfileId><Arn>arn:aws:iam::123456789012:instance-profile/content</Arn><CreateDate>2024-03-01T09:00:00Z</CreateDate><Roles><member><Path>/</Path><RoleName>content</RoleName><RoleId>AROACONTENT</RoleId><Arn>arn:aws:iam::123456789012:role/content</Arn><CreateDate>2024-03-01T09:00:00Z</CreateDate></member></Roles></member></InstanceProfileList><RolePolicyList/><AttachedManagedPolicies/><RoleLastUsed><LastUsedDate>2026-10-01T00:00:00Z</LastUsedDate><Region>eu-west-1</Region></RoleLastUsed></member></RoleDetailList><Policies><member><PolicyName>shared</PolicyName><PolicyId>ANPA1</PolicyId><Arn>arn:aws:iam::123456789012:policy/shared</Arn><Path>/</Path><DefaultVersionId>v1</DefaultVersionId><AttachmentCount>1</AttachmentCount><IsAttachable>true</IsAttachable><CreateDate>2024-03-01T09:00:00Z</CreateDate><UpdateDate>2024-03-01T09:00:00Z</UpdateDate><PolicyVersionList><member><Document>` + doc + `</Document><VersionId>v1</VersionId><IsDefaultVersion>true</IsDefaultVersion><CreateDate>2024-03-01T09:00:00Z</CreateDate></member></PolicyVersionList></member></Policies>`)
	case "iam:GenerateCredentialReport":
		state := "COMPLETE"
		if f.asked[permission] == 1 {
			state = "STARTED"
		}
		q(`<State>` + state + `</State>`)
	case "iam:GetCredentialReport":
		// user,arn,password_enabled,mfa_active,access_key_1_active: ann and the root user
		q(`<Content>dXNlcixhcm4scGFzc3dvcmRfZW5hYmxlZCxtZmFfYWN0aXZlLGFjY2Vzc19rZXlfMV9hY3RpdmUKYW5uLGFybjphd3M6aWFtOjoxMjM0NTY3ODkwMTI6dXNlci9hbm4sdHJ1ZSxmYWxzZSx0cnVlCjxyb290X2FjY291bnQ+LGFybjphd3M6aWFtOjoxMjM0NTY3ODkwMTI6cm9vdCxub3Rfc3VwcG9ydGVkLHRydWUsZmFsc2UK</Content><ReportFormat>text/csv</ReportFormat><GeneratedTime>2026-11-01T00:00:00Z</GeneratedTime>`)
	case "iam:GetAccountSummary":
		q(`<SummaryMap><entry><key>AccountMFAEnabled</key><value>1</value></entry><entry><key>AccountAccessKeysPresent</key><value>0</value></entry></SummaryMap>`)
	case "iam:ListInstanceProfiles":
		q(`<InstanceProfiles/><IsTruncated>false</IsTruncated>`)
	case "iam:ListSAMLProviders":
		q(`<SAMLProviderList><member><Arn>arn:aws:iam::123456789012:saml-provider/people</Arn><ValidUntil>2124-01-01T00:00:00Z</ValidUntil><CreateDate>2024-01-01T00:00:00Z</CreateDate></member></SAMLProviderList>`)
	case "iam:ListOpenIDConnectProviders":
		q(`<OpenIDConnectProviderList><member><Arn>arn:aws:iam::123456789012:oidc-provider/token.example.com</Arn></member></OpenIDConnectProviderList>`)
	case "iam:GetOpenIDConnectProvider":
		q(`<Url>token.example.com</Url><ClientIDList><member>sts.amazonaws.com</member></ClientIDList><ThumbprintList><member>00</member></ThumbprintList><CreateDate>2024-01-01T00:00:00Z</CreateDate>`)
	case "organizations:DescribeOrganization":
		j(`{"Organization":{"Id":"o-1","Arn":"arn:aws:organizations::111111111111:organization/o-1","MasterAccountId":"111111111111","FeatureSet":"ALL"}}`)
	case "organizations:ListRoots":
		j(`{"Roots":[{"Id":"r-1","Name":"Root","PolicyTypes":[{"Type":"SERVICE_CONTROL_POLICY","Status":"ENABLED"}]}]}`)
	case "organizations:ListParents":
		if p.Get("ChildId") == "123456789012" {
			j(`{"Parents":[{"Id":"ou-1","Type":"ORGANIZATIONAL_UNIT"}]}`)
		} else {
			j(`{"Parents":[{"Id":"r-1","Type":"ROOT"}]}`)
		}
	case "organizations:ListPoliciesForTarget":
		if p.Get("Filter") == "SERVICE_CONTROL_POLICY" {
			j(`{"Policies":[{"Id":"p-FullAWSAccess","Name":"FullAWSAccess","Type":"SERVICE_CONTROL_POLICY","AwsManaged":true}]}`)
		} else {
			j(`{"Policies":[]}`)
		}
	case "organizations:DescribePolicy":
		j(`{"Policy":{"PolicySummary":{"Id":"p-FullAWSAccess","Name":"FullAWSAccess","Type":"SERVICE_CONTROL_POLICY"},"Content":` + quoted + `}}`)
	case "ec2:DescribeRegions":
		e(`<regionInfo><item><regionName>us-west-2</regionName><regionEndpoint>ec2.us-west-2.amazonaws.com</regionEndpoint><optInStatus>opt-in-not-required</optInStatus></item><item><regionName>eu-west-1</regionName><regionEndpoint>ec2.eu-west-1.amazonaws.com</regionEndpoint><optInStatus>opt-in-not-required</optInStatus></item></regionInfo>`)

	case "s3:ListAllMyBuckets":
		if p.Get("continuation-token") == "" {
			x(`<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets><Bucket><Name>calls</Name><CreationDate>2023-01-01T00:00:00.000Z</CreationDate><BucketRegion>eu-west-1</BucketRegion></Bucket></Buckets><Owner><ID>owner1</ID></Owner><ContinuationToken>t</ContinuationToken></ListAllMyBucketsResult>`)
			return
		}
		x(`<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets><Bucket><Name>plain.name</Name><CreationDate>2023-01-01T00:00:00.000Z</CreationDate></Bucket></Buckets><Owner><ID>owner1</ID></Owner></ListAllMyBucketsResult>`)
	case "s3:GetBucketLocation":
		x(`<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">us-west-2</LocationConstraint>`)
	case "s3:GetBucketPolicy":
		if p.Get("bucket") != "calls" {
			refuse(w, permission, 404, "NoSuchBucketPolicy")
			return
		}
		fmt.Fprint(w, strings.Replace(everyone, `"Resource":"*"`, `"Resource":"arn:aws:s3:::calls/*"`, 1))
	case "s3:GetBucketPublicAccessBlock":
		x(`<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`)
	case "s3:GetBucketAcl":
		x(`<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>owner1</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>owner1</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group"><URI>http://acs.amazonaws.com/groups/s3/LogDelivery</URI></Grantee><Permission>WRITE</Permission></Grant></AccessControlList></AccessControlPolicy>`)
	case "s3:GetBucketOwnershipControls":
		x(`<OwnershipControls xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>`)
	case "s3:GetEncryptionConfiguration":
		x(`<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>arn:aws:kms:eu-west-1:123456789012:key/k1</KMSMasterKeyID></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`)
	case "s3:GetBucketVersioning":
		x(`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`)
	case "s3:GetReplicationConfiguration":
		x(`<ReplicationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Role>arn:aws:iam::123456789012:role/content</Role><Rule><ID>r</ID><Priority>1</Priority><Filter><And><Prefix>2026/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter><Status>Enabled</Status><Destination><Bucket>arn:aws:s3:::far</Bucket><Account>999999999999</Account><EncryptionConfiguration><ReplicaKmsKeyID>arn:aws:kms:us-west-2:999999999999:key/f</ReplicaKmsKeyID></EncryptionConfiguration></Destination></Rule></ReplicationConfiguration>`)
	case "s3:GetBucketLogging":
		x(`<BucketLoggingStatus xmlns="http://doc.s3.amazonaws.com/2006-03-01"><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>calls/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>`)
	case "s3:GetBucketNotification":
		x(`<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CloudFunctionConfiguration><Id>1</Id><CloudFunction>arn:aws:lambda:eu-west-1:123456789012:function:report</CloudFunction><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration><EventBridgeConfiguration></EventBridgeConfiguration></NotificationConfiguration>`)
	case "s3:GetInventoryConfiguration":
		x(`<ListInventoryConfigurationsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><InventoryConfiguration><Id>all</Id><IsEnabled>true</IsEnabled><Destination><S3BucketDestination><AccountId>999999999999</AccountId><Bucket>arn:aws:s3:::lists</Bucket><Format>CSV</Format></S3BucketDestination></Destination><IncludedObjectVersions>All</IncludedObjectVersions><Schedule><Frequency>Daily</Frequency></Schedule></InventoryConfiguration><IsTruncated>false</IsTruncated></ListInventoryConfigurationsResult>`)
	case "s3:GetBucketTagging":
		x(`<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>class</Key><Value>confidential</Value></Tag></TagSet></Tagging>`)
	case "s3:GetAccountPublicAccessBlock":
		refuse(w, permission, 404, "NoSuchPublicAccessBlockConfiguration")
	case "s3:ListAccessPoints":
		if !home {
			x(`<ListAccessPointsResult xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><AccessPointList/></ListAccessPointsResult>`)
			return
		}
		x(`<ListAccessPointsResult xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><AccessPointList><AccessPoint><Name>ap</Name><NetworkOrigin>VPC</NetworkOrigin><VpcConfiguration><VpcId>vpc-1</VpcId></VpcConfiguration><Bucket>calls</Bucket><AccessPointArn>arn:aws:s3:eu-west-1:123456789012:accesspoint/ap</AccessPointArn><Alias>ap-x-s3alias</Alias><BucketAccountId>123456789012</BucketAccountId></AccessPoint></AccessPointList></ListAccessPointsResult>`)
	case "s3:GetAccessPoint":
		x(`<GetAccessPointResult xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Name>ap</Name><Bucket>calls</Bucket><NetworkOrigin>VPC</NetworkOrigin><VpcConfiguration><VpcId>vpc-1</VpcId></VpcConfiguration><PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration><Alias>ap-x-s3alias</Alias><AccessPointArn>arn:aws:s3:eu-west-1:123456789012:accesspoint/ap</AccessPointArn><BucketAccountId>123456789012</BucketAccountId></GetAccessPointResult>`)
	case "s3:GetAccessPointPolicy":
		x(`<GetAccessPointPolicyResult xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Policy>` + strings.ReplaceAll(everyone, `"`, "&quot;") + `</Policy></GetAccessPointPolicyResult>`)
	case "s3:ListAccessPointsForObjectLambda":
		if !home {
			refuse(w, permission, 405, "MethodNotAllowed")
			return
		}
		x(`<ListAccessPointsForObjectLambdaResult xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><ObjectLambdaAccessPointList><ObjectLambdaAccessPoint><Name>ol</Name><ObjectLambdaAccessPointArn>arn:aws:s3-object-lambda:eu-west-1:123456789012:accesspoint/ol</ObjectLambdaAccessPointArn><Alias><Value>ol-x--ol-s3</Value><Status>READY</Status></Alias></ObjectLambdaAccessPoint></ObjectLambdaAccessPointList></ListAccessPointsForObjectLambdaResult>`)
	case "s3:GetAccessPointConfigurationForObjectLambda":
		x(`<GetAccessPointConfigurationForObjectLambdaResult xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Configuration><SupportingAccessPoint>arn:aws:s3:eu-west-1:123456789012:accesspoint/ap</SupportingAccessPoint><TransformationConfigurations><TransformationConfiguration><Actions><Action>GetObject</Action></Actions><ContentTransformation><AwsLambda><FunctionArn>arn:aws:lambda:eu-west-1:123456789012:function:report</FunctionArn></AwsLambda></ContentTransformation></TransformationConfiguration></TransformationConfigurations></Configuration></GetAccessPointConfigurationForObjectLambdaResult>`)
	case "s3:GetAccessPointPolicyForObjectLambda":
		refuse(w, permission, 404, "NoSuchAccessPointPolicy")
	case "s3:ListMultiRegionAccessPoints":
		if region != "us-west-2" {
			refuse(w, permission, 405, "MethodNotAllowed")
			return
		}
		x(`<ListMultiRegionAccessPointsResult xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><AccessPoints><AccessPoint><Name>mr</Name><Alias>abc.mrap</Alias><PublicAccessBlock><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlock><Status>READY</Status><Regions><Region><Bucket>calls</Bucket><Region>eu-west-1</Region><BucketAccountId>123456789012</BucketAccountId></Region></Regions></AccessPoint></AccessPoints></ListMultiRegionAccessPointsResult>`)
	case "s3:GetMultiRegionAccessPointPolicy":
		x(`<GetMultiRegionAccessPointPolicyResult xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Policy><Established><Policy>` + strings.ReplaceAll(everyone, `"`, "&quot;") + `</Policy></Established></Policy></GetMultiRegionAccessPointPolicyResult>`)
	case "s3:ListAccessGrants":
		if !home {
			refuse(w, permission, 404, "AccessGrantsInstanceNotExistsError")
			return
		}
		x(`<ListAccessGrantsResult xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><AccessGrantsList><AccessGrant><CreatedAt>2024-01-01T00:00:00Z</CreatedAt><AccessGrantId>g1</AccessGrantId><AccessGrantArn>arn:aws:s3:eu-west-1:123456789012:access-grants/default/grant/g1</AccessGrantArn><Grantee><GranteeType>IAM</GranteeType><GranteeIdentifier>arn:aws:iam::123456789012:user/ann</GranteeIdentifier></Grantee><Permission>READ</Permission><AccessGrantsLocationId>default</AccessGrantsLocationId><GrantScope>s3://calls/*</GrantScope></AccessGrant></AccessGrantsList></ListAccessGrantsResult>`)

	case "kms:ListKeys":
		if !home {
			j(`{"Keys":[],"KeyCount":0,"Truncated":false}`)
			return
		}
		j(`{"Keys":[{"KeyId":"k1","KeyArn":"arn:aws:kms:eu-west-1:123456789012:key/k1"}],"KeyCount":1,"Truncated":false}`)
	case "kms:DescribeKey":
		j(`{"KeyMetadata":{"AWSAccountId":"123456789012","KeyId":"k1","Arn":"arn:aws:kms:eu-west-1:123456789012:key/k1","CreationDate":1.5E9,"Enabled":true,"KeyUsage":"ENCRYPT_DECRYPT","KeyState":"Enabled","Origin":"AWS_KMS","KeyManager":"CUSTOMER","MultiRegion":false}}`)
	case "kms:GetKeyPolicy":
		j(`{"Policy":` + quoted + `,"PolicyName":"default"}`)
	case "kms:ListGrants":
		if p.Get("Marker") == "" {
			j(`{"Grants":[{"KeyId":"arn:aws:kms:eu-west-1:123456789012:key/k1","GrantId":"g1","GranteePrincipal":"arn:aws:iam::123456789012:role/content","IssuingAccount":"arn:aws:iam::123456789012:root","Operations":["Decrypt"],"CreationDate":1.6E9,"Constraints":{"EncryptionContextSubset":{"aws:s3:arn":"arn:aws:s3:::calls"}}}],"NextMarker":"m","Truncated":true}`)
			return
		}
		j(`{"Grants":[{"KeyId":"arn:aws:kms:eu-west-1:123456789012:key/k1","GrantId":"g2","GranteePrincipal":"ec2.amazonaws.com","IssuingAccount":"arn:aws:iam::123456789012:root","Operations":["Encrypt"],"CreationDate":1.6E9}],"Truncated":false}`)
	case "kms:ListResourceTags":
		j(`{"Tags":[{"TagKey":"team","TagValue":"web"}],"Truncated":false}`)
	case "kms:ListAliases":
		if !home {
			j(`{"Aliases":[],"Truncated":false}`)
			return
		}
		j(`{"Aliases":[{"AliasName":"alias/calls","AliasArn":"arn:aws:kms:eu-west-1:123456789012:alias/calls","TargetKeyId":"k1"},{"AliasName":"alias/aws/ebs","AliasArn":"arn:aws:kms:eu-west-1:123456789012:alias/aws/ebs"}],"Truncated":false}`)

	case "ec2:DescribeInstances":
		if !home {
			e(`<reservationSet/>`)
			return
		}
		e(`<reservationSet><item><reservationId>r-1</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet><item><instanceId>i-1</instanceId><imageId>ami-1</imageId><instanceState><code>16</code><name>running</name></instanceState><keyName>ops</keyName><launchTime>2026-01-01T00:00:00.000Z</launchTime><placement><availabilityZone>eu-west-1a</availabilityZone></placement><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><privateIpAddress>10.0.0.1</privateIpAddress><ipAddress>198.51.100.1</ipAddress><groupSet><item><groupId>sg-1</groupId><groupName>web</groupName></item></groupSet><iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/content</arn><id>AIPA1</id></iamInstanceProfile><tagSet><item><key>Name</key><value>web 1</value></item></tagSet><networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId><groupSet><item><groupId>sg-1</groupId><groupName>web</groupName></item></groupSet></item></networkInterfaceSet><metadataOptions><state>applied</state><httpTokens>optional</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint></metadataOptions></item></instancesSet></item></reservationSet>`)
	case "ec2:DescribeInstanceAttribute":
		e(`<instanceId>i-1</instanceId><userData><value>c2VjcmV0</value></userData>`)
	case "ec2:DescribeSecurityGroups":
		if !home {
			e(`<securityGroupInfo/>`)
			return
		}
		e(`<securityGroupInfo><item><ownerId>123456789012</ownerId><groupId>sg-1</groupId><groupName>web</groupName><groupDescription>d</groupDescription><vpcId>vpc-1</vpcId><ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><groups><item><userId>123456789012</userId><groupId>sg-2</groupId></item></groups><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges><ipv6Ranges><item><cidrIpv6>::/0</cidrIpv6></item></ipv6Ranges><prefixListIds/></item></ipPermissions><ipPermissionsEgress/></item></securityGroupInfo>`)
	case "ec2:DescribeKeyPairs":
		e(`<keySet><item><keyPairId>key-` + region + `</keyPairId><keyName>ops</keyName><keyFingerprint>00</keyFingerprint><createTime>2024-01-01T00:00:00.000Z</createTime></item></keySet>`)
	case "ec2:GetSerialConsoleAccessStatus":
		e(`<serialConsoleAccessEnabled>` + fmt.Sprint(home) + `</serialConsoleAccessEnabled>`)
	case "ec2:DescribeInstanceConnectEndpoints":
		e(`<instanceConnectEndpointSet/>`)
	case "ec2:DescribeLaunchTemplates":
		if !home {
			e(`<launchTemplates/>`)
			return
		}
		e(`<launchTemplates><item><launchTemplateId>lt-1</launchTemplateId><launchTemplateName>web</launchTemplateName><defaultVersionNumber>1</defaultVersionNumber><latestVersionNumber>2</latestVersionNumber></item></launchTemplates>`)
	case "ec2:DescribeLaunchTemplateVersions":
		if !slices.Contains([]string{"$Default", "$Latest"}, p.Get("LaunchTemplateVersion.1")) {
			f.fault("which versions? %v", p)
		}
		if !home {
			e(`<launchTemplateVersionSet/>`)
			return
		}
		e(`<launchTemplateVersionSet><item><launchTemplateId>lt-1</launchTemplateId><launchTemplateName>web</launchTemplateName><versionNumber>1</versionNumber><defaultVersion>true</defaultVersion><launchTemplateData><iamInstanceProfile><name>content</name></iamInstanceProfile><imageId>ami-1</imageId><keyName>ops</keyName><userData>c2VjcmV0</userData><securityGroupIdSet><item>sg-1</item></securityGroupIdSet></launchTemplateData></item><item><launchTemplateId>lt-1</launchTemplateId><launchTemplateName>web</launchTemplateName><versionNumber>2</versionNumber><defaultVersion>false</defaultVersion><launchTemplateData><metadataOptions><httpTokens>required</httpTokens></metadataOptions></launchTemplateData></item></launchTemplateVersionSet>`)
	case "ec2:DescribeVpcEndpoints":
		if !home {
			e(`<vpcEndpointSet/>`)
			return
		}
		e(`<vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId><vpcEndpointType>Gateway</vpcEndpointType><vpcId>vpc-1</vpcId><serviceName>com.amazonaws.eu-west-1.s3</serviceName><state>available</state><policyDocument>` + strings.ReplaceAll(everyone, `"`, "&quot;") + `</policyDocument></item></vpcEndpointSet>`)
	case "ec2:DescribeImages":
		if !home {
			e(`<imagesSet/>`)
			return
		}
		e(`<imagesSet><item><imageId>ami-1</imageId><name>golden</name><isPublic>false</isPublic><imageOwnerId>123456789012</imageOwnerId><creationDate>2025-01-01T00:00:00.000Z</creationDate><blockDeviceMapping><item><deviceName>/dev/sda1</deviceName><ebs><snapshotId>snap-1</snapshotId><encrypted>true</encrypted></ebs></item></blockDeviceMapping></item></imagesSet>`)
	case "ec2:DescribeImageAttribute":
		e(`<imageId>ami-1</imageId><launchPermission><item><userId>999999999999</userId></item></launchPermission>`)
	case "ec2:DescribeSnapshots":
		if !home {
			e(`<snapshotSet/>`)
			return
		}
		e(`<snapshotSet><item><snapshotId>snap-1</snapshotId><volumeId>vol-1</volumeId><status>completed</status><startTime>2025-01-01T00:00:00.000Z</startTime><ownerId>123456789012</ownerId><description>d</description><encrypted>true</encrypted><kmsKeyId>arn:aws:kms:eu-west-1:123456789012:key/k1</kmsKeyId></item></snapshotSet>`)
	case "ec2:DescribeSnapshotAttribute":
		e(`<snapshotId>snap-1</snapshotId><createVolumePermission><item><group>all</group></item></createVolumePermission>`)
	case "ssm:DescribeInstanceInformation":
		if !home {
			j(`{"InstanceInformationList":[]}`)
			return
		}
		j(`{"InstanceInformationList":[{"InstanceId":"i-1","PingStatus":"Online","LastPingDateTime":1.7E9,"AgentVersion":"3.3","PlatformType":"Linux","ResourceType":"EC2Instance"}]}`)
	case "autoscaling:DescribeAutoScalingGroups":
		if !home {
			q(`<AutoScalingGroups/>`)
			return
		}
		q(`<AutoScalingGroups><member><AutoScalingGroupName>web</AutoScalingGroupName><AutoScalingGroupARN>arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:1:autoScalingGroupName/web</AutoScalingGroupARN><LaunchTemplate><LaunchTemplateId>lt-1</LaunchTemplateId><LaunchTemplateName>web</LaunchTemplateName><Version>$Default</Version></LaunchTemplate><MinSize>1</MinSize><MaxSize>1</MaxSize><DesiredCapacity>1</DesiredCapacity><DefaultCooldown>300</DefaultCooldown><AvailabilityZones><member>eu-west-1a</member></AvailabilityZones><HealthCheckType>EC2</HealthCheckType><CreatedTime>2025-01-01T00:00:00Z</CreatedTime></member></AutoScalingGroups>`)
	case "autoscaling:DescribeLaunchConfigurations":
		q(`<LaunchConfigurations/>`)

	case "lambda:ListFunctions":
		if !home {
			j(`{"Functions":[]}`)
			return
		}
		j(`{"Functions":[{"FunctionName":"report","FunctionArn":"arn:aws:lambda:eu-west-1:123456789012:function:report","Runtime":"python3.13","Role":"arn:aws:iam::123456789012:role/content","Handler":"main.handler","LastModified":"2025-01-01T00:00:00.000+0000","Environment":{"Variables":{"PASSWORD":"hunter2"}},"Layers":[{"Arn":"arn:aws:lambda:eu-west-1:123456789012:layer:l:1"}]}]}`)
	case "lambda:GetPolicy":
		if !strings.Contains(r.URL.EscapedPath(), "report") {
			f.fault("whose policy? %s", r.URL)
		}
		j(`{"Policy":` + quoted + `,"RevisionId":"1"}`)
	case "lambda:ListFunctionUrlConfigs":
		j(`{"FunctionUrlConfigs":[{"FunctionUrl":"https://x.lambda-url.eu-west-1.on.aws/","FunctionArn":"arn:aws:lambda:eu-west-1:123456789012:function:report","AuthType":"NONE","CreationTime":"2025-01-01T00:00:00Z","LastModifiedTime":"2025-01-01T00:00:00Z"}]}`)
	case "ecs:ListTaskDefinitions":
		if !home {
			j(`{"taskDefinitionArns":[]}`)
			return
		}
		j(`{"taskDefinitionArns":["arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3"]}`)
	case "ecs:DescribeTaskDefinition":
		j(`{"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3","family":"web","revision":3,"status":"ACTIVE","taskRoleArn":"arn:aws:iam::123456789012:role/content","executionRoleArn":"arn:aws:iam::123456789012:role/exec","containerDefinitions":[{"name":"web","image":"web:1","privileged":true,"environment":[{"name":"PASSWORD","value":"hunter2"}],"command":["--password","hunter2"]}],"requiresCompatibilities":["FARGATE"],"registeredAt":1.7E9},"tags":[]}`)
	case "ecs:ListClusters":
		if !home {
			j(`{"clusterArns":[]}`)
			return
		}
		j(`{"clusterArns":["arn:aws:ecs:eu-west-1:123456789012:cluster/main"]}`)
	case "ecs:ListServices":
		j(`{"serviceArns":["arn:aws:ecs:eu-west-1:123456789012:service/main/web"]}`)
	case "ecs:DescribeServices":
		j(`{"services":[{"serviceArn":"arn:aws:ecs:eu-west-1:123456789012:service/main/web","serviceName":"web","clusterArn":"arn:aws:ecs:eu-west-1:123456789012:cluster/main","status":"ACTIVE","launchType":"FARGATE","taskDefinition":"arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3","enableExecuteCommand":true,"createdAt":1.7E9}],"failures":[]}`)
	case "ecs:ListTasks":
		j(`{"taskArns":[]}`)
	case "ecs:DescribeTasks":
		j(`{"tasks":[],"failures":[]}`)
	case "codebuild:ListProjects":
		if !home {
			j(`{"projects":[]}`)
			return
		}
		j(`{"projects":["build"]}`)
	case "codebuild:BatchGetProjects":
		j(`{"projects":[{"name":"build","arn":"arn:aws:codebuild:eu-west-1:123456789012:project/build","serviceRole":"arn:aws:iam::123456789012:role/content","created":1.7E9,"environment":{"environmentVariables":[{"name":"TOKEN","value":"hunter2"}]}}],"projectsNotFound":[]}`)
	case "cloudformation:DescribeStacks":
		if !home {
			q(`<Stacks/>`)
			return
		}
		q(`<Stacks><member><StackName>base</StackName><StackId>arn:aws:cloudformation:eu-west-1:123456789012:stack/base/1</StackId><CreationTime>2025-01-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus><RoleARN>arn:aws:iam::123456789012:role/content</RoleARN><Parameters><member><ParameterKey>Password</ParameterKey><ParameterValue>hunter2</ParameterValue></member></Parameters></member></Stacks>`)
	case "cloudformation:ListStackSets":
		if !home {
			q(`<Summaries/>`)
			return
		}
		q(`<Summaries><member><StackSetName>set</StackSetName><Status>ACTIVE</Status></member></Summaries>`)
	case "cloudformation:DescribeStackSet":
		q(`<StackSet><StackSetName>set</StackSetName><StackSetARN>arn:aws:cloudformation:eu-west-1:123456789012:stackset/set:1</StackSetARN><Status>ACTIVE</Status><AdministrationRoleARN>arn:aws:iam::123456789012:role/content</AdministrationRoleARN></StackSet>`)
	case "glue:GetDevEndpoints":
		j(`{"DevEndpoints":[]}`)
	case "glue:GetJobs":
		if !home {
			j(`{"Jobs":[]}`)
			return
		}
		j(`{"Jobs":[{"Name":"etl","Role":"content","CreatedOn":1.7E9,"DefaultArguments":{"--password":"hunter2"}}]}`)
	case "sagemaker:ListNotebookInstances":
		if !home {
			j(`{"NotebookInstances":[]}`)
			return
		}
		j(`{"NotebookInstances":[{"NotebookInstanceName":"lab","NotebookInstanceArn":"arn:aws:sagemaker:eu-west-1:123456789012:notebook-instance/lab"}]}`)
	case "sagemaker:DescribeNotebookInstance":
		j(`{"NotebookInstanceName":"lab","NotebookInstanceArn":"arn:aws:sagemaker:eu-west-1:123456789012:notebook-instance/lab","RoleArn":"arn:aws:iam::123456789012:role/content","NotebookInstanceStatus":"InService","CreationTime":1.7E9}`)
	case "apprunner:ListServices":
		if !home {
			refuse(w, permission, 400, "AccessDeniedException")
			return
		}
		j(`{"ServiceSummaryList":[{"ServiceName":"front","ServiceId":"1","ServiceArn":"arn:aws:apprunner:eu-west-1:123456789012:service/front/1"}]}`)
	case "apprunner:DescribeService":
		j(`{"Service":{"ServiceName":"front","ServiceId":"1","ServiceArn":"arn:aws:apprunner:eu-west-1:123456789012:service/front/1","Status":"RUNNING","CreatedAt":1.7E9,"InstanceConfiguration":{"InstanceRoleArn":"arn:aws:iam::123456789012:role/content"},"SourceConfiguration":{"ImageRepository":{"ImageConfiguration":{"RuntimeEnvironmentVariables":{"PASSWORD":"hunter2"}}}}}}`)
	case "batch:DescribeJobDefinitions":
		if !home {
			j(`{"jobDefinitions":[]}`)
			return
		}
		j(`{"jobDefinitions":[{"jobDefinitionName":"nightly","jobDefinitionArn":"arn:aws:batch:eu-west-1:123456789012:job-definition/nightly:1","revision":1,"status":"ACTIVE","type":"container","containerProperties":{"image":"x","jobRoleArn":"arn:aws:iam::123456789012:role/content","environment":[{"name":"P","value":"hunter2"}]}}]}`)
	case "states:ListStateMachines":
		if !home {
			j(`{"stateMachines":[]}`)
			return
		}
		j(`{"stateMachines":[{"stateMachineArn":"arn:aws:states:eu-west-1:123456789012:stateMachine:flow","name":"flow","type":"STANDARD","creationDate":1.7E9}]}`)
	case "states:DescribeStateMachine":
		j(`{"stateMachineArn":"arn:aws:states:eu-west-1:123456789012:stateMachine:flow","name":"flow","status":"ACTIVE","definition":"{\"x\":\"hunter2\"}","roleArn":"arn:aws:iam::123456789012:role/content","type":"STANDARD","creationDate":1.7E9}`)
	case "datapipeline:ListPipelines":
		j(`{"pipelineIdList":[],"hasMoreResults":false}`)
	case "bedrock-agentcore:ListCodeInterpreters":
		if !home {
			j(`{"codeInterpreterSummaries":[]}`)
			return
		}
		j(`{"codeInterpreterSummaries":[{"codeInterpreterId":"ci-1","codeInterpreterArn":"arn:aws:bedrock-agentcore:eu-west-1:123456789012:code-interpreter-custom/ci-1","name":"ci","status":"READY","createdAt":"2025-01-01T00:00:00Z"}]}`)
	case "bedrock-agentcore:GetCodeInterpreter":
		j(`{"codeInterpreterId":"ci-1","codeInterpreterArn":"arn:aws:bedrock-agentcore:eu-west-1:123456789012:code-interpreter-custom/ci-1","name":"ci","executionRoleArn":"arn:aws:iam::123456789012:role/content","status":"READY","createdAt":"2025-01-01T00:00:00Z"}`)
	case "eks:ListClusters":
		if !home {
			j(`{"clusters":[]}`)
			return
		}
		j(`{"clusters":["k8s"]}`)
	case "eks:ListPodIdentityAssociations":
		j(`{"associations":[{"clusterName":"k8s","namespace":"web","serviceAccount":"sa","associationArn":"arn:aws:eks:eu-west-1:123456789012:podidentityassociation/k8s/a-1","associationId":"a-1"}]}`)
	case "eks:DescribePodIdentityAssociation":
		j(`{"association":{"clusterName":"k8s","namespace":"web","serviceAccount":"sa","roleArn":"arn:aws:iam::123456789012:role/content","associationArn":"arn:aws:eks:eu-west-1:123456789012:podidentityassociation/k8s/a-1","associationId":"a-1","createdAt":1.7E9}}`)
	case "rolesanywhere:ListTrustAnchors":
		if !home {
			j(`{"trustAnchors":[]}`)
			return
		}
		j(`{"trustAnchors":[{"trustAnchorId":"ta","trustAnchorArn":"arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/ta","name":"ca","enabled":true,"createdAt":"2025-01-01T00:00:00Z"}]}`)
	case "rolesanywhere:ListProfiles":
		empty := map[bool]string{true: `[{"profileId":"p","profileArn":"arn:aws:rolesanywhere:eu-west-1:123456789012:profile/p","name":"machines","enabled":true,"roleArns":["arn:aws:iam::123456789012:role/content"],"createdAt":"2025-01-01T00:00:00Z"}]`, false: `[]`}
		j(`{"profiles":` + empty[home] + `}`)
	case "sso:ListInstances":
		if !home {
			j(`{"Instances":[]}`)
			return
		}
		j(`{"Instances":[{"InstanceArn":"arn:aws:sso:::instance/ssoins-1","IdentityStoreId":"d-1","OwnerAccountId":"111111111111","Status":"ACTIVE"}]}`)
	case "sso:ListPermissionSetsProvisionedToAccount":
		if p.Get("InstanceArn") != "arn:aws:sso:::instance/ssoins-1" || p.Get("AccountId") != fakeID {
			f.fault("of what? %v", p)
		}
		j(`{"PermissionSets":["arn:aws:sso:::permissionSet/ssoins-1/ps-1"]}`)
	case "sso:DescribePermissionSet":
		j(`{"PermissionSet":{"Name":"Operators","PermissionSetArn":"arn:aws:sso:::permissionSet/ssoins-1/ps-1","CreatedDate":1.7E9,"SessionDuration":"PT1H"}}`)
	case "sso:ListAccountAssignments":
		if p.Get("NextToken") == "" {
			j(`{"AccountAssignments":[{"AccountId":"123456789012","PermissionSetArn":"arn:aws:sso:::permissionSet/ssoins-1/ps-1","PrincipalType":"GROUP","PrincipalId":"g-1"}],"NextToken":"t"}`)
			return
		}
		j(`{"AccountAssignments":[{"AccountId":"123456789012","PermissionSetArn":"arn:aws:sso:::permissionSet/ssoins-1/ps-1","PrincipalType":"USER","PrincipalId":"u-1"}]}`)
	case "ecr:DescribeRepositories":
		j(`{"repositories":[{"repositoryArn":"arn:aws:ecr:REGION:123456789012:repository/team/web","registryId":"123456789012","repositoryName":"team/web","repositoryUri":"123456789012.dkr.ecr.REGION.amazonaws.com/team/web","createdAt":1.7E9,"imageTagMutability":"MUTABLE"}]}`)
	case "ecr:GetRepositoryPolicy":
		if p.Get("repositoryName") != "team/web" {
			f.fault("whose policy? %v", p)
		}
		if !home {
			refuse(w, permission, 400, "RepositoryPolicyNotFoundException")
			return
		}
		j(`{"registryId":"123456789012","repositoryName":"team/web","policyText":` + fmt.Sprintf("%q", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"999999999999"},"Action":"ecr:PutImage"}]}`) + `}`)
	case "secretsmanager:ListSecrets":
		if !home {
			j(`{"SecretList":[]}`)
			return
		}
		j(`{"SecretList":[{"ARN":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf","Name":"db","CreatedDate":1.7E9,"SecretVersionsToStages":{"v":["AWSCURRENT"]}},{"ARN":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:plain-AbCdEf","Name":"plain","CreatedDate":1.7E9}]}`)
	case "secretsmanager:GetResourcePolicy":
		if strings.Contains(p.Get("SecretId"), "plain") {
			j(`{"ARN":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:plain-AbCdEf","Name":"plain"}`)
			return
		}
		j(`{"ARN":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf","Name":"db","ResourcePolicy":` + quoted + `}`)
	case "backup:ListProtectedResources":
		if !home {
			j(`{"Results":[]}`)
			return
		}
		j(`{"Results":[{"ResourceArn":"arn:aws:s3:::calls","ResourceType":"S3","LastBackupTime":1.7E9,"LastBackupVaultArn":"arn:aws:backup:eu-west-1:123456789012:backup-vault:main"}]}`)
	case "backup:ListBackupVaults":
		if !home {
			j(`{"BackupVaultList":[]}`)
			return
		}
		if p.Get("nextToken") == "" {
			j(`{"BackupVaultList":[{"BackupVaultName":"main","BackupVaultArn":"arn:aws:backup:eu-west-1:123456789012:backup-vault:main","CreationDate":1.7E9,"NumberOfRecoveryPoints":1}],"NextToken":"t"}`)
			return
		}
		j(`{"BackupVaultList":[{"BackupVaultName":"bare","BackupVaultArn":"arn:aws:backup:eu-west-1:123456789012:backup-vault:bare","CreationDate":1.7E9,"NumberOfRecoveryPoints":0}]}`)
	case "backup:GetBackupVaultAccessPolicy":
		if strings.Contains(r.URL.Path, "/bare/") {
			refuse(w, permission, 400, "ResourceNotFoundException")
			return
		}
		j(`{"BackupVaultName":"main","BackupVaultArn":"arn:aws:backup:eu-west-1:123456789012:backup-vault:main","Policy":` + quoted + `}`)
	case "scheduler:ListSchedules":
		if !home {
			j(`{"Schedules":[]}`)
			return
		}
		j(`{"Schedules":[{"Arn":"arn:aws:scheduler:eu-west-1:123456789012:schedule/nights/report","GroupName":"nights","Name":"report","State":"ENABLED","CreationDate":1.7E9,"Target":{"Arn":"arn:aws:lambda:eu-west-1:123456789012:function:report"}}]}`)
	case "scheduler:GetSchedule":
		if p.Get("groupName") != "nights" || !strings.HasSuffix(r.URL.Path, "/report") {
			f.fault("which schedule? %s", r.URL)
		}
		j(`{"Arn":"arn:aws:scheduler:eu-west-1:123456789012:schedule/nights/report","GroupName":"nights","Name":"report","State":"ENABLED","ScheduleExpression":"rate(1 day)","CreationDate":1.7E9,"Target":{"Arn":"arn:aws:lambda:eu-west-1:123456789012:function:report","RoleArn":"arn:aws:iam::123456789012:role/content","Input":"{\"password\":\"hunter2\"}"}}`)
	case "datasync:ListLocations":
		if !home {
			j(`{"Locations":[]}`)
			return
		}
		j(`{"Locations":[{"LocationArn":"arn:aws:datasync:eu-west-1:123456789012:location/loc-1","LocationUri":"s3://calls/"},{"LocationArn":"arn:aws:datasync:eu-west-1:123456789012:location/loc-2","LocationUri":"nfs://10.0.0.1/x/"}]}`)
	case "datasync:DescribeLocationS3":
		if p.Get("LocationArn") != "arn:aws:datasync:eu-west-1:123456789012:location/loc-1" {
			f.fault("which location? %v", p)
		}
		j(`{"LocationArn":"arn:aws:datasync:eu-west-1:123456789012:location/loc-1","LocationUri":"s3://calls/","S3StorageClass":"STANDARD","S3Config":{"BucketAccessRoleArn":"arn:aws:iam::123456789012:role/content"},"CreationTime":1.7E9}`)
	case "transfer:ListServers":
		if !home {
			j(`{"Servers":[]}`)
			return
		}
		j(`{"Servers":[{"Arn":"arn:aws:transfer:eu-west-1:123456789012:server/s-01234567890abcdef","ServerId":"s-01234567890abcdef","IdentityProviderType":"SERVICE_MANAGED","State":"ONLINE","UserCount":1}]}`)
	case "transfer:ListUsers":
		j(`{"ServerId":"s-01234567890abcdef","Users":[{"Arn":"arn:aws:transfer:eu-west-1:123456789012:user/s-01234567890abcdef/bank","UserName":"bank","Role":"arn:aws:iam::123456789012:role/content","SshPublicKeyCount":1}]}`)
	case "elasticmapreduce:ListClusters":
		if !strings.Contains(p.Get("ClusterStates"), "RUNNING") || strings.Contains(p.Get("ClusterStates"), "TERMINATED") {
			f.fault("which clusters? %v", p)
		}
		if !home {
			j(`{"Clusters":[]}`)
			return
		}
		j(`{"Clusters":[{"Id":"j-1","Name":"spark","ClusterArn":"arn:aws:elasticmapreduce:eu-west-1:123456789012:cluster/j-1","Status":{"State":"RUNNING"}}]}`)
	case "elasticmapreduce:DescribeCluster":
		j(`{"Cluster":{"Id":"j-1","Name":"spark","ClusterArn":"arn:aws:elasticmapreduce:eu-west-1:123456789012:cluster/j-1","Status":{"State":"RUNNING","Timeline":{"CreationDateTime":1.7E9}},"Ec2InstanceAttributes":{"IamInstanceProfile":"content"},"ServiceRole":"EMR_DefaultRole","Tags":[],"InstanceCollectionType":"INSTANCE_GROUP","Configurations":[{"Classification":"x","Properties":{"password":"hunter2"}}]}}`)
	case "elasticmapreduce:ListInstanceGroups": // the AWS CLI asks for them beside the cluster
		j(`{"InstanceGroups":[]}`)
	case "elasticmapreduce:ListBootstrapActions":
		j(`{"BootstrapActions":[]}`)
	case "emr-serverless:ListApplications":
		if !home {
			j(`{"applications":[]}`)
			return
		}
		j(`{"applications":[{"id":"a1","name":"jobs","arn":"arn:aws:emr-serverless:eu-west-1:123456789012:/applications/a1","state":"CREATED","createdAt":1.7E9}]}`)
	case "redshift:DescribeClusters":
		if !home {
			q(`<Clusters/>`)
			return
		}
		if p.Get("Marker") == "" {
			q(`<Marker>m</Marker><Clusters><Cluster><ClusterIdentifier>dwh</ClusterIdentifier><NodeType>ra3</NodeType><ClusterStatus>available</ClusterStatus><ClusterCreateTime>2025-01-01T00:00:00Z</ClusterCreateTime><Endpoint><Address>a</Address><Port>5439</Port></Endpoint><IamRoles><ClusterIamRole><IamRoleArn>arn:aws:iam::123456789012:role/content</IamRoleArn><ApplyStatus>in-sync</ApplyStatus></ClusterIamRole></IamRoles></Cluster></Clusters>`)
			return
		}
		q(`<Clusters/>`)
	case "redshift-serverless:ListNamespaces":
		if !home {
			j(`{"namespaces":[]}`)
			return
		}
		j(`{"namespaces":[{"namespaceArn":"arn:aws:redshift-serverless:eu-west-1:123456789012:namespace/n1","namespaceName":"lake","status":"AVAILABLE","creationDate":1.7E9,"iamRoles":["IamRole(applyStatus=in-sync, iamRoleArn=arn:aws:iam::123456789012:role/content)"]}]}`)
	case "rds:DescribeDBClusters":
		if !home {
			q(`<DBClusters/>`)
			return
		}
		q(`<DBClusters><DBCluster><DBClusterIdentifier>aurora</DBClusterIdentifier><DBClusterArn>arn:aws:rds:eu-west-1:123456789012:cluster:aurora</DBClusterArn><Status>available</Status><AssociatedRoles><DBClusterRole><RoleArn>arn:aws:iam::123456789012:role/content</RoleArn><Status>ACTIVE</Status><FeatureName>s3Import</FeatureName></DBClusterRole></AssociatedRoles></DBCluster></DBClusters>`)
	case "rds:DescribeDBInstances":
		if !home {
			q(`<DBInstances/>`)
			return
		}
		q(`<DBInstances><DBInstance><DBInstanceIdentifier>pg</DBInstanceIdentifier><DBInstanceArn>arn:aws:rds:eu-west-1:123456789012:db:pg</DBInstanceArn><DBInstanceStatus>available</DBInstanceStatus><AssociatedRoles><DBInstanceRole><RoleArn>arn:aws:iam::123456789012:role/content</RoleArn><FeatureName>s3Import</FeatureName><Status>ACTIVE</Status></DBInstanceRole></AssociatedRoles></DBInstance></DBInstances>`)
	case "athena:ListWorkGroups":
		j(`{"WorkGroups":[{"Name":"primary","State":"ENABLED","CreationTime":1.7E9}]}`)
	case "athena:GetWorkGroup":
		role := ""
		if home {
			role = `"ExecutionRole":"arn:aws:iam::123456789012:role/content",`
		}
		j(`{"WorkGroup":{"Name":"primary","State":"ENABLED","Configuration":{` + role + `"EnforceWorkGroupConfiguration":true},"CreationTime":1.7E9}}`)
	case "cloudtrail:DescribeTrails":
		j(`{"trailList":[{"Name":"main","S3BucketName":"logs","IncludeGlobalServiceEvents":true,"IsMultiRegionTrail":true,"HomeRegion":"eu-west-1","TrailARN":"arn:aws:cloudtrail:eu-west-1:123456789012:trail/main","LogFileValidationEnabled":true,"IsOrganizationTrail":false}]}`)
	case "cloudtrail:GetTrailStatus":
		j(`{"IsLogging":true,"LatestDeliveryTime":1.7E9}`)
	case "cloudtrail:GetEventSelectors":
		j(`{"TrailARN":"arn:aws:cloudtrail:eu-west-1:123456789012:trail/main","AdvancedEventSelectors":[{"Name":"data","FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::S3::Object"]},{"Field":"resources.ARN","StartsWith":["arn:aws:s3:::calls/"]}]}]}`)
	default:
		f.fault("nobody answers %s", permission)
		w.WriteHeader(501)
	}
}
