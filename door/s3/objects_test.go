package s3

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"hash/crc64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/crc64nvme"

	"strongroom"
)

// put stores an object and answers the version it became.
func (r real) put(path, body string, headers ...string) answer {
	r.t.Helper()
	return r.want(call{method: "PUT", path: path, body: body, headers: headers}, 200, "")
}

// configured makes a bucket and configures it.
func (r real) bucket(name string, change func(*strongroom.Bucket)) {
	r.t.Helper()
	r.want(call{method: "PUT", path: "/" + name}, 200, "")
	if change != nil {
		r.room.Configure(name, change)
	}
}

func versioned(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled }

func locked(b *strongroom.Bucket) {
	versioned(b)
	b.Lock = &strongroom.LockRule{}
}

func (r real) header(a answer, name, want string) {
	r.t.Helper()
	if got := a.headers.Get(name); got != want {
		r.t.Errorf("%s is %q, want %q", name, got, want)
	}
}

const versionHeader = "x-amz-version-id"

func TestVersions(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", nil)
	r.header(r.put("/calls/a", "null"), versionHeader, "")
	r.room.Configure("calls", versioned)
	first := r.put("/calls/a", "one").headers.Get(versionHeader)
	second := r.put("/calls/a", "two").headers.Get(versionHeader)
	if len(first) != 32 || len(second) != 32 || first == second {
		t.Fatalf("the versions are %q and %q", first, second)
	}
	for version, body := range map[string]string{"null": "null", first: "one", second: "two", "": "two"} {
		path := "/calls/a"
		if version != "" {
			path += "?versionId=" + version
		}
		a := r.want(call{path: path}, 200, "")
		if a.body != body {
			t.Errorf("version %q holds %q, want %q", version, a.body, body)
		}
		r.header(a, versionHeader, or(version, second))
		r.header(r.want(call{method: "HEAD", path: path}, 200, ""), versionHeader, or(version, second))
	}
	r.want(call{path: "/calls/a?versionId=" + strongroom.NewID().String()}, 404, "NoSuchVersion", "<Key>a</Key><VersionId>")
	r.want(call{path: "/calls/a?versionId=01BX5ZZKBKACTAV9WEVGEMMVRY"}, 404, "NoSuchVersion") // another server's
	r.header(r.want(call{method: "DELETE", path: "/calls/a?versionId=01BX5ZZKBKACTAV9WEVGEMMVRY"}, 204, ""), versionHeader, "01BX5ZZKBKACTAV9WEVGEMMVRY")
	r.want(call{path: "/calls/a?versionId=abc"}, 400, "InvalidArgument", "<ArgumentName>versionId</ArgumentName><ArgumentValue>abc</ArgumentValue>")

	gone := r.want(call{method: "DELETE", path: "/calls/a"}, 204, "")
	marker := gone.headers.Get(versionHeader)
	r.header(gone, "x-amz-delete-marker", "true")
	for _, method := range []string{"GET", "HEAD"} {
		a := r.do(call{method: method, path: "/calls/a"})
		if a.status != 404 {
			t.Errorf("%s of a deleted object: %d", method, a.status)
		}
		r.header(a, "x-amz-delete-marker", "true")
		r.header(a, versionHeader, marker)
		a = r.do(call{method: method, path: "/calls/a?versionId=" + marker})
		if a.status != 405 || a.headers.Get("Last-Modified") == "" {
			t.Errorf("%s of a delete marker: %d, %v", method, a.status, a.headers)
		}
		r.header(a, "Allow", "DELETE")
	}
	r.want(call{method: "PUT", path: "/calls/a?tagging&versionId=" + marker, body: "<Tagging><TagSet/></Tagging>"}, 405, "MethodNotAllowed")

	list := r.want(call{path: "/calls?versions"}, 200, "", "<VersionId>null</VersionId><IsLatest>false</IsLatest>",
		"<DeleteMarker><Key>a</Key><VersionId>"+marker+"</VersionId><IsLatest>true</IsLatest>")
	if strings.Index(list.body, second) > strings.Index(list.body, first) || strings.Index(list.body, marker) > strings.Index(list.body, second) {
		t.Errorf("the newest is not the first: %s", list.body)
	}
	page := r.want(call{path: "/calls?versions&max-keys=2"}, 200, "", "<IsTruncated>true</IsTruncated>", "<NextKeyMarker>a</NextKeyMarker><NextVersionIdMarker>"+second+"</NextVersionIdMarker>", "<MaxKeys>2</MaxKeys>")
	if strings.Contains(page.body, first) {
		t.Error("the page is longer than asked for")
	}
	r.want(call{path: "/calls?versions&key-marker=a&version-id-marker=" + second}, 200, "", first, "<IsTruncated>false</IsTruncated>")
	r.want(call{path: "/calls?versions&version-id-marker=" + second}, 400, "InvalidArgument", "without a key marker")
	r.want(call{path: "/calls?versions&key-marker=a&version-id-marker=x"}, 400, "InvalidArgument", "Invalid version id")
	r.want(call{path: "/calls?versions&max-keys=0"}, 200, "", "<IsTruncated>false</IsTruncated>")
	r.want(call{path: "/calls/a?versions"}, 400, "InvalidRequest")

	back := r.want(call{method: "DELETE", path: "/calls/a?versionId=" + marker}, 204, "")
	r.header(back, versionHeader, marker)
	r.header(back, "x-amz-delete-marker", "true")
	if a := r.want(call{path: "/calls/a"}, 200, ""); a.body != "two" {
		t.Errorf("without its delete marker the object is %q", a.body)
	}
	r.header(r.want(call{method: "DELETE", path: "/calls/a?versionId=null"}, 204, ""), versionHeader, "null")

	body := "<Delete><Object><Key>a</Key><VersionId>" + first + "</VersionId></Object><Object><Key>b</Key></Object><Object><Key>a</Key><VersionId>nonsense</VersionId></Object><Object><Key>b</Key></Object></Delete>"
	many := r.want(call{method: "POST", path: "/calls?delete", body: body, headers: []string{"x-amz-checksum-sha256", sha256Of(body)}}, 200, "",
		"<Deleted><Key>a</Key><VersionId>"+first+"</VersionId></Deleted><Deleted><Key>b</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>",
		"<Error><Key>a</Key><VersionId>nonsense</VersionId><Code>NoSuchVersion</Code>")
	if n := strings.Count(many.body, "<Deleted><Key>b</Key>"); n != 2 {
		t.Errorf("an object named twice is answered %d times", n)
	}
}

func sha256Of(s string) string {
	h := checksumNamed("sha256").new()
	h.Write([]byte(s))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestConditionalWrites(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", nil)
	etag := r.put("/calls/a", "one").headers.Get("ETag")
	put := func(key string, headers ...string) call {
		return call{method: "PUT", path: "/calls/" + key, body: "x", headers: headers}
	}
	r.want(put("a", "If-None-Match", "*"), 412, "PreconditionFailed", "<Condition>If-None-Match</Condition>")
	r.want(put("a", "If-Match", `"other"`), 412, "PreconditionFailed", "<Condition>If-Match</Condition>")
	r.want(put("none", "If-Match", etag), 404, "NoSuchKey", "<Key>none</Key>")
	r.want(put("none", "If-None-Match", etag), 501, "NotImplemented", "<Header>If-None-Match</Header>")
	r.want(put("none", "If-None-Match", "*", "If-Match", etag), 501, "NotImplemented")
	r.want(put("new", "If-None-Match", "*"), 200, "")
	etag = r.want(put("a", "If-Match", etag), 200, "").headers.Get("ETag")
	r.want(put("a", "If-Match", strings.Trim(etag, `"`)), 200, "")
	r.want(call{method: "PUT", path: "/calls/new", headers: []string{fieldSource, "calls/a", "If-None-Match", "*"}}, 412, "PreconditionFailed")

	etag = r.do(call{method: "HEAD", path: "/calls/a"}).headers.Get("ETag")
	modified := r.do(call{method: "HEAD", path: "/calls/a"}).headers.Get("Last-Modified")
	remove := func(key string, headers ...string) call {
		return call{method: "DELETE", path: "/calls/" + key, headers: headers}
	}
	r.want(remove("a", "If-Match", `"other"`), 412, "PreconditionFailed")
	r.want(remove("a", "x-amz-if-match-size", "2"), 412, "PreconditionFailed")
	r.want(remove("a", "x-amz-if-match-last-modified-time", "Sun, 06 Nov 1994 08:49:37 GMT"), 412, "PreconditionFailed")
	r.want(remove("none", "If-Match", "*"), 404, "NoSuchKey")
	r.want(put("a", "If-Match", "*"), 501, "NotImplemented", "<Header>If-Match</Header>")
	r.want(remove("a", "If-None-Match", "*"), 501, "NotImplemented")
	r.want(remove("a", "If-Match", etag, "x-amz-if-match-size", "1", "x-amz-if-match-last-modified-time", modified), 204, "")
	r.want(call{method: "HEAD", path: "/calls/a"}, 404, "")

	body := "<Delete><Object><Key>new</Key><ETag>other</ETag></Object></Delete>"
	r.want(call{method: "POST", path: "/calls?delete", body: body, headers: []string{"x-amz-checksum-sha256", sha256Of(body)}}, 200, "", "<Code>PreconditionFailed</Code>")
}

func TestCopies(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", versioned)
	r.bucket("other", nil)
	first := r.put("/calls/dir/a%20%2B%C3%A9", "first", "x-amz-meta-queue", "billing", "Content-Type", "audio/wav", fieldTags, "case=1").headers.Get(versionHeader)
	r.put("/calls/dir/a%20%2B%C3%A9", "second", "x-amz-meta-queue", "sales")
	copied := func(path, source string, headers ...string) call {
		return call{method: "PUT", path: path, headers: append([]string{fieldSource, source}, headers...)}
	}
	const source = "calls/dir/a%20%2B%C3%A9"

	a := r.want(copied("/other/b", "/"+source+"?versionId="+first), 200, "", "<CopyObjectResult", "<ETag>", "<LastModified>", "<ChecksumCRC64NVME>")
	r.header(a, "x-amz-copy-source-version-id", first)
	a = r.want(call{path: "/other/b"}, 200, "")
	if a.body != "first" {
		t.Errorf("the copy holds %q", a.body)
	}
	r.header(a, "x-amz-meta-queue", "billing")
	r.header(a, "Content-Type", "audio/wav")
	r.header(a, "x-amz-tagging-count", "1")

	r.want(copied("/other/c", source, "x-amz-metadata-directive", "REPLACE", "x-amz-meta-queue", "new", "x-amz-tagging-directive", "REPLACE", fieldTags, "a=1&b=2", "x-amz-checksum-algorithm", "SHA256"), 200, "", "<ChecksumSHA256>"+sha256Of("second")+"</ChecksumSHA256>")
	a = r.want(call{path: "/other/c", headers: []string{"x-amz-checksum-mode", "ENABLED"}}, 200, "")
	r.header(a, "x-amz-meta-queue", "new")
	r.header(a, "x-amz-tagging-count", "2")
	r.header(a, "x-amz-checksum-sha256", sha256Of("second"))

	r.want(copied("/calls/dir/a%20%2B%C3%A9", source), 400, "InvalidRequest", "illegal because it is trying to copy an object to itself")
	r.want(copied("/calls/dir/a%20%2B%C3%A9", source, "x-amz-storage-class", "STANDARD"), 200, "")
	r.want(copied("/calls/dir/a%20%2B%C3%A9", source, "x-amz-metadata-directive", "REPLACE"), 200, "")
	r.want(copied("/calls/dir/a%20%2B%C3%A9", source+"?versionId="+first), 200, "") // an old version made current again
	if a := r.want(call{path: "/calls/dir/a%20%2B%C3%A9"}, 200, ""); a.body != "first" {
		t.Errorf("the version brought back holds %q", a.body)
	}
	now := r.do(call{method: "HEAD", path: "/calls/dir/a%20%2B%C3%A9"}).headers
	etag, modified := now.Get("ETag"), now.Get("Last-Modified")

	for _, c := range []struct {
		source  string
		headers []string
		status  int
		code    string
	}{
		{"calls", nil, 400, "InvalidArgument"},
		{"calls/", nil, 400, "InvalidArgument"},
		{"calls/%zz", nil, 400, "InvalidArgument"},
		{"Calls/a", nil, 400, "InvalidArgument"},
		{"calls/../a", nil, 400, "InvalidArgument"},
		{source + "?versionId=abc", nil, 400, "InvalidArgument"},
		{source + "?versionId=" + strongroom.NewID().String(), nil, 404, "NoSuchVersion"},
		{"calls/none", nil, 404, "NoSuchKey"},
		{"nothing-here/none", nil, 404, "NoSuchBucket"},
		{source, []string{"x-amz-metadata-directive", "MERGE"}, 400, "InvalidArgument"},
		{source, []string{"x-amz-tagging-directive", "merge"}, 400, "InvalidArgument"},
		{source, []string{"x-amz-checksum-algorithm", "ADLER32"}, 400, "InvalidRequest"},
		{source, []string{prefixSource + "if-match", "other"}, 412, "PreconditionFailed"},
		{source, []string{prefixSource + "if-none-match", etag}, 412, "PreconditionFailed"},
		{source, []string{prefixSource + "if-modified-since", modified}, 412, "PreconditionFailed"},
		{source, []string{prefixSource + "if-modified-since", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}, 200, ""}, // nobody can know
		{source, []string{prefixSource + "if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"}, 412, "PreconditionFailed"},
		{source, []string{prefixSource + "if-match", etag, prefixSource + "if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"}, 200, ""},
	} {
		r.want(copied("/other/d", c.source, c.headers...), c.status, c.code)
	}
	r.want(call{method: "GET", path: "/other/b", headers: []string{fieldSource, source}}, 400, "InvalidArgument")
}

// An answer that takes long begins with white space, and tells a failure in its document.
func TestLongCopies(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.server = serve(t, Config{Rooms: realRooms{r.room}, Patience: time.Nanosecond}, false)
	r.bucket("calls", nil)
	r.put("/calls/a", "content")
	a := r.want(call{method: "PUT", path: "/calls/b", headers: []string{fieldSource, "calls/a", "x-amz-checksum-algorithm", "SHA1"}}, 200, "")
	if !strings.HasPrefix(a.body, "<?xml") || !strings.Contains(a.body, ">\n ") || !strings.HasSuffix(a.body, "</CopyObjectResult>") {
		t.Errorf("answered %q", a.body)
	}
	a = r.do(call{method: "PUT", path: "/calls/b", headers: []string{fieldSource, "calls/none"}})
	if a.code != "NoSuchKey" || a.status != 200 && a.status != 404 {
		t.Errorf("answered %d %q", a.status, a.body)
	}
}

// start begins an upload and answers its id.
func (r real) start(path string, headers ...string) string {
	r.t.Helper()
	a := r.want(call{method: "POST", path: path + "?uploads", headers: headers}, 200, "")
	var result struct{ UploadId string }
	if err := xml.Unmarshal([]byte(a.body), &result); err != nil {
		r.t.Fatal(err)
	}
	return result.UploadId
}

func complete(parts ...string) string {
	return "<CompleteMultipartUpload>" + strings.Join(parts, "") + "</CompleteMultipartUpload>"
}

func listed(number int, etag, more string) string {
	return fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag>%s</Part>", number, etag, more)
}

func TestPartsOfObjects(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", versioned)
	big := strings.Repeat("0123456789abcdef", 5<<16)
	r.put("/calls/source", big)
	id := r.start("/calls/a", "x-amz-checksum-algorithm", "CRC64NVME")
	path := func(number int) string { return fmt.Sprintf("/calls/a?uploadId=%s&partNumber=%d", id, number) }

	// 5 MiB have the last byte 5242879.
	for _, v := range []string{"bytes=0-5242880", "bytes=5242880-5242881"} {
		r.want(call{method: "PUT", path: path(2), headers: []string{fieldSource, "calls/source", prefixSource + "range", v}}, 400, "InvalidArgument", "Range specified is not valid for source object of size: 5242880", "<ArgumentValue>"+v+"</ArgumentValue>")
	}
	for _, v := range []string{"bytes=-5", "bytes=5-", "0-5", "bytes=5-4", "bytes=0-1,3-4", "bytes=a-b", "Bytes=0-1"} {
		r.want(call{method: "PUT", path: path(2), headers: []string{fieldSource, "calls/source", prefixSource + "range", v}}, 400, "InvalidArgument", "must be of the form bytes=first-last")
	}
	r.want(call{method: "PUT", path: path(2), headers: []string{fieldSource, "calls/source", prefixSource + "if-none-match", "*"}}, 412, "PreconditionFailed")
	other := r.start("/calls/other")
	abort := func(began string) call {
		return call{method: "DELETE", path: "/calls/other?uploadId=" + other, headers: []string{"x-amz-if-match-initiated-time", began}}
	}
	r.want(abort("Sun, 06 Nov 1994 08:49:37 GMT"), 412, "PreconditionFailed")
	r.want(abort("yesterday"), 400, "InvalidArgument")
	etag := func(a answer) string {
		var result struct{ ETag string }
		xml.Unmarshal([]byte(a.body), &result)
		return or(a.headers.Get("ETag"), result.ETag)
	}
	two := etag(r.want(call{method: "PUT", path: path(2), headers: []string{fieldSource, "calls/source"}}, 200, "", "<CopyPartResult"))
	five := etag(r.want(call{method: "PUT", path: path(5), headers: []string{fieldSource, "calls/source", prefixSource + "range", "bytes=10-15"}}, 200, ""))
	end := complete(listed(2, two, ""), listed(5, five, ""))
	r.want(call{path: "/calls/a?uploadId=" + id}, 200, "", "<NextPartNumberMarker>5</NextPartNumberMarker>", "<IsTruncated>false</IsTruncated>")
	finish := call{method: "POST", path: "/calls/a?uploadId=" + id, body: end}
	finish.headers = []string{"x-amz-mp-object-size", "5"}
	r.want(finish, 400, "InvalidRequest", "x-amz-mp-object-size")
	finish.headers = []string{"If-None-Match", "*"}
	done := r.want(finish, 200, "", "<CompleteMultipartUploadResult", "<Location>", "<Key>a</Key>")
	version := done.headers.Get(versionHeader)
	if len(version) != 32 {
		t.Errorf("completed as version %q", version)
	}
	finish.headers = nil
	again := r.want(finish, 200, "")
	r.header(again, versionHeader, version)

	whole := r.want(call{path: "/calls/a"}, 200, "")
	if whole.body != big+"abcdef" {
		t.Errorf("the object has %d bytes", len(whole.body))
	}
	r.header(whole, "x-amz-mp-parts-count", "")
	part := r.want(call{path: "/calls/a?partNumber=5"}, 206, "")
	if part.body != "abcdef" {
		t.Errorf("part 5 is %q", part.body)
	}
	r.header(part, "x-amz-mp-parts-count", "2")
	r.header(part, "Content-Range", "bytes 5242880-5242885/5242886")
	r.want(call{path: "/calls/a?partNumber=1"}, 416, "InvalidPartNumber", "<ActualPartCount>2</ActualPartCount>")
	r.want(call{path: "/calls/a?partNumber=0"}, 400, "InvalidArgument")
	r.want(call{path: "/calls/a?partNumber=2", headers: []string{"Range", "bytes=0-1"}}, 400, "InvalidRequest")
	r.want(call{path: "/calls/source?partNumber=1"}, 206, "")

	attributes := func(headers ...string) call { return call{path: "/calls/a?attributes", headers: headers} }
	r.want(attributes(), 400, "InvalidRequest", "missing or empty")
	r.want(attributes(fieldWanted, "ETag,Colour"), 400, "InvalidArgument", "<ArgumentValue>Colour</ArgumentValue>")
	all := r.want(attributes(fieldWanted, "ETag,Checksum", fieldWanted, "ObjectParts, StorageClass,ObjectSize"), 200, "",
		"<ETag>"+strings.Trim(whole.headers.Get("ETag"), `"`)+"</ETag>", "<Checksum><ChecksumCRC64NVME>", "<ChecksumType>FULL_OBJECT</ChecksumType>",
		"<PartsCount>2</PartsCount>", "<StorageClass>STANDARD</StorageClass>", "<ObjectSize>5242886</ObjectSize>", "<PartNumber>5</PartNumber><Size>6</Size>")
	r.header(all, versionHeader, version)
	r.want(attributes(fieldWanted, "ObjectParts", "x-amz-max-parts", "1"), 200, "", "<NextPartNumberMarker>2</NextPartNumberMarker>", "<IsTruncated>true</IsTruncated>")
	r.want(attributes(fieldWanted, "ObjectParts", "x-amz-max-parts", "1", "x-amz-part-number-marker", "2"), 200, "", "<PartNumber>5</PartNumber>", "<IsTruncated>false</IsTruncated>")
	r.want(attributes(fieldWanted, "ObjectParts", "x-amz-part-number-marker", "9"), 200, "", "<NextPartNumberMarker>0</NextPartNumberMarker>", "<IsTruncated>false</IsTruncated>")
	r.want(attributes(fieldWanted, "ObjectParts", "x-amz-max-parts", "-1"), 400, "InvalidArgument")

	h := crc64.New(crc64.MakeTable(crc64nvme.NVME))
	h.Write([]byte(whole.body))
	if sum := base64.StdEncoding.EncodeToString(h.Sum(nil)); !strings.Contains(all.body, sum) {
		t.Errorf("the checksum is not %s: %s", sum, all.body)
	}
}

func TestChecksumsOfUploads(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", nil)
	sum := func(name, content string) string {
		h := checksumNamed(name).new()
		h.Write([]byte(content))
		return base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	for i := range checksums {
		c := &checksums[i]
		a := r.put("/calls/"+c.name, "content", prefixChecksum+c.name, sum(c.name, "content"))
		r.header(a, prefixChecksum+c.name, sum(c.name, "content"))
		r.header(a, "x-amz-checksum-type", "FULL_OBJECT")
		a = r.want(call{method: "HEAD", path: "/calls/" + c.name, headers: []string{"x-amz-checksum-mode", "ENABLED"}}, 200, "")
		r.header(a, prefixChecksum+c.name, sum(c.name, "content"))
		r.header(r.want(call{path: "/calls/" + c.name, headers: []string{"x-amz-checksum-mode", "ENABLED", "Range", "bytes=1-2"}}, 206, ""), prefixChecksum+c.name, "")
		for _, kind := range []string{composite, fullObject} {
			start := call{method: "POST", path: "/calls/mp?uploads", headers: []string{"x-amz-checksum-algorithm", c.name, "x-amz-checksum-type", kind}}
			if !c.allows(kind) {
				r.want(start, 400, "InvalidRequest", strings.ToUpper(kind))
				continue
			}
			id := r.start("/calls/mp", start.headers...)
			path := "/calls/mp?uploadId=" + id
			other := "sha1"
			if c.name == other {
				other = "crc32"
			}
			r.want(call{method: "PUT", path: path + "&partNumber=1", body: "content", headers: []string{prefixChecksum + other, sum(other, "content")}}, 400, "InvalidRequest", "Checksum Type mismatch")
			bare := call{method: "PUT", path: path + "&partNumber=1", body: "content"}
			if kind == composite {
				r.want(bare, 400, "InvalidRequest", "actual checksum Type: null")
				bare.headers = []string{prefixChecksum + c.name, sum(c.name, "content")}
			}
			a := r.want(bare, 200, "")
			r.header(a, prefixChecksum+c.name, sum(c.name, "content"))
			finish := call{method: "POST", path: path, body: complete(listed(1, a.headers.Get("ETag"), ""))}
			if kind == composite {
				r.want(finish, 400, "InvalidRequest", "must include the checksum for each part")
			}
			finish.body = complete(listed(1, a.headers.Get("ETag"), "<"+c.tag+">"+sum(c.name, "other")+"</"+c.tag+">"))
			r.want(finish, 400, "InvalidPart")
			finish.body = complete(listed(1, a.headers.Get("ETag"), "<"+c.tag+">"+sum(c.name, "content")+"</"+c.tag+">"))
			finish.headers = []string{"x-amz-checksum-type", map[string]string{composite: fullObject, fullObject: composite}[kind]}
			r.want(finish, 400, "InvalidRequest", "checksum mode")
			finish.headers = []string{prefixChecksum + c.name, sum(c.name, "other")}
			r.want(finish, 400, "BadDigest")
			finish.headers = nil
			r.want(finish, 200, "", "<"+c.tag+">", "<ChecksumType>"+strings.ToUpper(kind)+"</ChecksumType>")
			a = r.want(call{method: "HEAD", path: "/calls/mp?partNumber=1", headers: []string{"x-amz-checksum-mode", "ENABLED"}}, 206, "")
			r.header(a, prefixChecksum+c.name, sum(c.name, "content"))
		}
	}
	a := r.put("/calls/bare", "content")
	r.header(a, "x-amz-checksum-crc64nvme", sum("crc64nvme", "content"))
	r.want(call{path: "/calls?list-type=2&prefix=sha1"}, 200, "", "<ChecksumAlgorithm>SHA1</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>")
}

func TestObjectTags(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", versioned)
	version := r.put("/calls/a", "x", fieldTags, "b=2&a=1%2B1&&c").headers.Get(versionHeader)
	get := call{path: "/calls/a?tagging"}
	a := r.want(get, 200, "", "<TagSet><Tag><Key>a</Key><Value>1+1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag><Tag><Key>c</Key><Value></Value></Tag></TagSet>")
	r.header(a, versionHeader, version)
	r.header(r.want(call{method: "HEAD", path: "/calls/a"}, 200, ""), "x-amz-tagging-count", "3")
	r.put("/calls/a", "y")
	r.want(get, 200, "", "<TagSet></TagSet>")
	tags := func(s string) string { return "<Tagging><TagSet>" + s + "</TagSet></Tagging>" }
	tag := func(k, v string) string { return "<Tag><Key>" + k + "</Key><Value>" + v + "</Value></Tag>" }
	many := ""
	for i := range 11 {
		many += tag(fmt.Sprint(i), "")
	}
	for _, c := range []struct {
		body   string
		status int
		code   string
	}{
		{tags(tag("d", "4")), 200, ""},
		{"\ufeff" + tags(tag("d", "4")), 200, ""}, // as some clients begin text
		{tags(many), 400, "BadRequest"},
		{tags(tag("a", "1") + tag("a", "2")), 400, "InvalidTag"},
		{tags(tag(strings.Repeat("k", 129), "1")), 400, "InvalidTag"},
		{tags(tag("k", strings.Repeat("v", 257))), 400, "InvalidTag"},
		{tags(tag("k?", "v")), 400, "InvalidTag"},
		{tags("<Tag><Key>k</Key><Value>v</Value><More/></Tag>"), 400, "MalformedXML"},
		{"", 400, "MalformedXML"},
	} {
		r.want(call{method: "PUT", path: "/calls/a?tagging&versionId=" + version, body: c.body}, c.status, c.code)
	}
	r.want(call{path: "/calls/a?tagging&versionId=" + version}, 200, "", "<TagSet><Tag><Key>d</Key>")
	r.want(get, 200, "", "<TagSet></TagSet>")
	r.want(call{method: "DELETE", path: "/calls/a?tagging&versionId=" + version}, 204, "")
	r.want(call{path: "/calls/a?tagging&versionId=" + version}, 200, "", "<TagSet></TagSet>")
	r.want(call{path: "/calls/none?tagging"}, 404, "NoSuchKey")
	for body, says := range map[string][]string{
		tags(tag("a", "1") + tag("a", "2")): {"<TagKey>a</TagKey>"},
		tags(tag("k?", "v")):                {"<TagKey>k?</TagKey>"},
		tags(tag("k", "v?")):                {"<TagKey>k</TagKey>", "<TagValue>v?</TagValue>"},
		tags(tag("aws:k", "v")):             {"Your TagKey cannot be prefixed with aws:", "<TagKey>aws:k</TagKey>"},
	} {
		r.want(call{method: "PUT", path: "/calls/a?tagging", body: body}, 400, "InvalidTag", says...)
	}
	r.want(call{method: "DELETE", path: "/calls/a"}, 204, "")
	r.want(get, 405, "MethodNotAllowed", "<ResourceType>DeleteMarker</ResourceType>")
	r.want(call{method: "PUT", path: "/calls/a?tagging", body: tags("")}, 405, "MethodNotAllowed")
	r.want(call{method: "DELETE", path: "/calls/a?tagging"}, 405, "MethodNotAllowed")
}

func TestObjectLock(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", locked)
	r.bucket("open", nil)
	until := time.Now().Add(time.Hour).UTC().Format(lockTime)
	later := time.Now().Add(2 * time.Hour).UTC().Format(lockTime)
	retention := func(mode, until string) string {
		return "<Retention><Mode>" + mode + "</Mode><RetainUntilDate>" + until + "</RetainUntilDate></Retention>"
	}
	hold := func(status string) string { return "<LegalHold><Status>" + status + "</Status></LegalHold>" }

	r.want(call{method: "PUT", path: "/open/a", body: "x", headers: []string{fieldHold, "ON"}}, 400, "InvalidRequest", "Bucket is missing ObjectLockConfiguration")
	r.put("/open/a", "x")
	r.want(call{method: "PUT", path: "/open/a?retention", body: retention("GOVERNANCE", until)}, 400, "InvalidRequest", "Bucket is missing Object Lock Configuration")
	r.want(call{path: "/open/a?retention"}, 400, "InvalidRequest", "Bucket is missing Object Lock Configuration")
	r.want(call{path: "/open/a?legal-hold"}, 400, "InvalidRequest")

	version := r.put("/calls/a", "x", fieldLockMode, "GOVERNANCE", fieldLockUntil, until).headers.Get(versionHeader)
	for _, method := range []string{"GET", "HEAD"} {
		a := r.want(call{method: method, path: "/calls/a"}, 200, "")
		r.header(a, fieldLockMode, "GOVERNANCE")
		r.header(a, fieldLockUntil, until)
	}
	r.want(call{path: "/calls/a?retention"}, 200, "", "<Mode>GOVERNANCE</Mode><RetainUntilDate>"+until+"</RetainUntilDate>")
	r.want(call{path: "/calls/a?legal-hold"}, 404, "NoSuchObjectLockConfiguration")
	one := call{method: "DELETE", path: "/calls/a?versionId=" + version}
	r.want(one, 403, "AccessDenied", "Access Denied because object protected by object lock.", "<Detail>")
	put := func(path, body string, headers ...string) call {
		return call{method: "PUT", path: path, body: body, headers: headers}
	}
	r.want(put("/calls/a?retention", retention("GOVERNANCE", later)), 200, "")
	r.want(put("/calls/a?retention", retention("GOVERNANCE", until)), 403, "AccessDenied", "object lock")
	r.want(put("/calls/a?retention", retention("COMPLIANCE", later)), 403, "AccessDenied", "object lock")
	r.want(put("/calls/a?retention", retention("governance", until)), 400, "MalformedXML")
	r.want(put("/nothing-here/a?retention", ""), 404, "NoSuchBucket")
	r.want(put("/calls/a?retention", retention("GOVERNANCE", "tomorrow")), 400, "MalformedXML")
	r.want(put("/calls/a?retention", retention("GOVERNANCE", "1999-01-01T00:00:00Z")), 400, "InvalidArgument", "must be in the future")
	r.want(put("/calls/a?legal-hold", hold("MAYBE")), 400, "MalformedXML")
	r.want(put("/calls/a?legal-hold", hold("ON")), 200, "")
	r.want(call{path: "/calls/a?legal-hold"}, 200, "", "<Status>ON</Status>")
	r.header(r.want(call{method: "HEAD", path: "/calls/a"}, 200, ""), fieldHold, "ON")
	r.want(call{method: "DELETE", path: "/calls/a?versionId=" + version}, 403, "AccessDenied", "Access Denied because object protected by object lock.")
	r.want(put("/calls/a?legal-hold", hold("OFF")), 200, "")
	r.want(call{path: "/calls/a?legal-hold"}, 200, "", "<Status>OFF</Status>")
	// Whether the asker may go past governance retention is for the policy to say; the
	// first set of a room permits it to nobody.
	one.headers = []string{fieldBypass, "true"}
	if a := r.do(one); a.status != 403 && a.status != 204 {
		t.Errorf("answered %d %s", a.status, a.code)
	}
	r.want(call{method: "DELETE", path: "/calls/a"}, 204, "") // a delete marker is always possible
	r.want(call{path: "/calls/none?retention"}, 404, "NoSuchKey")
}

func TestObjectACL(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", nil)
	r.put("/calls/a", "x", "x-amz-acl", "private")
	r.want(call{path: "/calls/a?acl"}, 200, "", "<Permission>FULL_CONTROL</Permission>", r.room.Founded.Room.String())
	r.want(call{path: "/calls/none?acl"}, 404, "NoSuchKey")
	acl := func(headers ...string) call {
		return call{method: "PUT", path: "/calls/a?acl", headers: headers}
	}
	r.want(acl("x-amz-acl", "bucket-owner-full-control"), 200, "")
	r.want(acl("x-amz-acl", "public-read"), 400, "AccessControlListNotSupported")
	r.want(acl("x-amz-acl", "mine"), 400, "InvalidArgument")
	r.want(acl("x-amz-grant-read", "uri=http://acs.amazonaws.com/groups/global/AllUsers"), 400, "AccessControlListNotSupported")
	r.want(call{method: "PUT", path: "/calls/b", body: "x", headers: []string{"x-amz-grant-full-control", "id=somebody"}}, 400, "AccessControlListNotSupported")
}

func TestMetadataAsAnswered(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	r.bucket("calls", nil)
	r.put("/calls/a", "x", "x-amz-meta-Upper", "Value", "x-amz-meta-empty", "", "x-amz-meta-text", "réclamation", "x-amz-meta-encoded", "=?UTF-8?Q?r=C3=A9clamation?=",
		"Cache-Control", "max-age=60", "Expires", "Thu, 01 Jan 2099 00:00:00 GMT", fieldCipher, "AES256")
	a := r.want(call{method: "HEAD", path: "/calls/a"}, 200, "")
	for name, want := range map[string]string{
		"x-amz-meta-upper": "Value", "x-amz-meta-text": "=?UTF-8?b?csOpY2xhbWF0aW9u?=", "x-amz-meta-encoded": "=?UTF-8?b?csOpY2xhbWF0aW9u?=",
		"Cache-Control": "max-age=60", "Expires": "Thu, 01 Jan 2099 00:00:00 GMT", fieldCipher: "AES256", fieldKey: "",
	} {
		r.header(a, name, want)
	}
	if v, ok := a.headers["X-Amz-Meta-Empty"]; !ok || !slices.Equal(v, []string{""}) {
		t.Errorf("empty metadata is answered as %q", v)
	}
	r.room.Put("calls", "b", []byte("x"), map[string]string{"two": "a\nb", "one": "b"})
	a = r.want(call{method: "HEAD", path: "/calls/b"}, 200, "")
	r.header(a, "x-amz-missing-meta", "1")
	r.header(a, "x-amz-meta-one", "b")
	r.header(r.want(call{path: "/calls/a", headers: []string{"If-None-Match", "*"}}, 304, ""), "Expires", "Thu, 01 Jan 2099 00:00:00 GMT")
}
