package s3

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/vault"
)

// call is one request in the making. Its zero value is a signed GET of the bucket "calls".
type call struct {
	method, path string // path and query as they stand in the request line; default /calls
	host         string
	headers      []string // name, value, …; signed
	loose        []string // name, value, …; not signed
	body         string
	payload      string // x-amz-content-sha256; default the body's digest
	key, secret  string
	at           time.Time
	presigned    bool
	expires      int
}

func hexDigest(s string) string { d := sha256.Sum256([]byte(s)); return hex.EncodeToString(d[:]) }

func or[T comparable](v, preset T) T {
	var zero T
	if v == zero {
		return preset
	}
	return v
}

// request builds and signs the call. The signer is this package's own; that it is
// right is proved by the published vectors and by the clients.
func (c call) request(t testing.TB, base string) (*http.Request, *sigv4.Signature) {
	t.Helper()
	at := or(c.at, time.Now()).UTC()
	s := &sigv4.Signature{
		KeyID: or(c.key, testKey), Date: at.Format("20060102"), Region: testRegion, Service: "s3",
		Stamp: at.Format(sigv4.Stamp), Headers: []string{"host"}, Presigned: c.presigned,
	}
	path := or(c.path, "/calls")
	if c.presigned {
		s.Payload = or(c.payload, unsignedPayload)
		glue := "?"
		if strings.Contains(path, "?") {
			glue = "&"
		}
		path += glue + "X-Amz-Algorithm=" + sigv4.Algorithm + "&X-Amz-Credential=" + sigv4.Escape(s.KeyID+"/"+s.Scope(), false) +
			"&X-Amz-Date=" + s.Stamp + "&X-Amz-Expires=" + strconv.Itoa(or(c.expires, 60)) + "&X-Amz-SignedHeaders=host"
	}
	r, err := http.NewRequest(or(c.method, "GET"), base+path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = or(c.host, r.Host)
	set := func(name, value string) {
		r.Header.Add(name, value)
		if lower := strings.ToLower(name); !c.presigned && !slices.Contains(s.Headers, lower) {
			s.Headers = append(s.Headers, lower)
		}
	}
	if !c.presigned {
		s.Payload = or(c.payload, hexDigest(c.body))
		set("x-amz-date", s.Stamp)
		set("x-amz-content-sha256", s.Payload)
	}
	for i := 0; i < len(c.headers); i += 2 {
		set(c.headers[i], c.headers[i+1])
	}
	slices.Sort(s.Headers)
	q, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return r, s // what cannot be parsed cannot be signed: the door must refuse it before
	}
	s.Sign(r, q.all(), or(c.secret, testSecret))
	if c.presigned {
		r.URL.RawQuery += "&X-Amz-Signature=" + s.Value
	} else {
		r.Header.Set("Authorization", s.Authorization())
	}
	for i := 0; i < len(c.loose); i += 2 {
		r.Header.Add(c.loose[i], c.loose[i+1])
	}
	return r, s
}

type answer struct {
	status  int
	headers http.Header
	body    string
	code    string
	message string
}

func (c call) send(t testing.TB, server *httptest.Server) answer {
	t.Helper()
	r, _ := c.request(t, server.URL)
	return send(t, r)
}

func send(t testing.TB, r *http.Request) answer {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, headers: resp.Header, body: string(body)}
	var e struct{ Code, Message string }
	if xml.Unmarshal(body, &e) == nil {
		a.code, a.message = e.Code, e.Message
	}
	if len(resp.Header.Get("x-amz-request-id")) != 32 {
		t.Error("the answer has no request id")
	}
	return a
}

// open starts a door with a bucket "calls" that holds "greeting".
func open(t testing.TB, changes ...func(*Config)) (*httptest.Server, *fakeRoom) {
	room := newFakeRoom()
	c := Config{Rooms: fakeRooms{room}}
	for _, change := range changes {
		change(&c)
	}
	room.CreateBucket(context.Background(), room.callerOf(), vault.BucketRequest{Name: "calls"})
	room.keep("calls", "greeting", []byte("hello, this call is recorded"), map[string]string{"Content-Type": "text/plain"}, map[string]string{"queue": "billing"}, nil, false, nil)
	return serve(t, c, false), room
}

func TestRefusals(t *testing.T) {
	digestMD5 := func(s string) string {
		h := newMD5()
		h.Write([]byte(s))
		return base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	put := func(headers ...string) call {
		return call{method: "PUT", path: "/calls/new", body: "content", headers: headers}
	}
	chunked := func(payload, body string, headers ...string) call {
		return call{method: "PUT", path: "/calls/new", body: body, payload: payload, headers: append([]string{"Content-Encoding", "aws-chunked"}, headers...)}
	}
	plainTrail := func(body string, headers ...string) call {
		return chunked(streamPlainTrail, body, append([]string{"x-amz-trailer", "x-amz-checksum-crc32"}, headers...)...)
	}
	document := func(method, path, body string) call {
		return call{method: method, path: path, body: body, headers: []string{"Content-MD5", digestMD5(body)}}
	}
	upload := "/calls/new?uploadId=" + strongroom.NewID().String()
	many := func(n int, entry string) string { return strings.Repeat(entry, n) }
	old := time.Now().Add(-16 * time.Minute)
	cases := []struct {
		name   string
		call   call
		status int
		code   string
		says   string
	}{
		{"unknown key", call{key: "AKIANOBODY"}, 403, "InvalidAccessKeyId", ""},
		{"wrong secret", call{secret: "another secret of some length"}, 403, "SignatureDoesNotMatch", ""},
		{"revoked key, secret proved", call{key: "REVOKED"}, 403, "InvalidAccessKeyId", "revoked"},
		{"revoked key, secret not proved", call{key: "REVOKED", secret: "another secret of some length"}, 403, "InvalidAccessKeyId", "does not exist in our records"},
		{"keys cannot be looked up", call{key: "DOWN"}, 503, "ServiceUnavailable", "restored"},
		{"key lookup breaks", call{key: "BROKEN"}, 500, "InternalError", "internal error"},
		{"too old", call{at: old}, 403, "RequestTimeTooSkewed", ""},
		{"too new", call{at: time.Now().Add(16 * time.Minute)}, 403, "RequestTimeTooSkewed", ""},
		{"unsigned x-amz header", call{loose: []string{"x-amz-meta-a", "b"}}, 403, "AccessDenied", "not signed"},
		{"unsigned purpose", call{loose: []string{"x-strongroom-purpose", "mine"}}, 403, "AccessDenied", "not signed"},
		{"unsigned purpose beside a presigned URL", call{presigned: true, loose: []string{"x-strongroom-purpose", "mine"}}, 403, "AccessDenied", "not signed"},
		{"presigned and expired", call{presigned: true, at: old, expires: 60}, 403, "AccessDenied", "Request has expired"},
		{"presigned for later", call{presigned: true, at: time.Now().Add(16 * time.Minute)}, 403, "AccessDenied", "not yet valid"},
		{"presigned for too long", call{presigned: true, expires: 901}, 400, "AuthorizationQueryParametersError", "at most 900 seconds"},
		{"presigned and a header", call{presigned: true, loose: []string{"Authorization", "AWS4-HMAC-SHA256 x"}}, 400, "InvalidArgument", "only one"},
		{"payload of another kind", call{payload: "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}, 501, "NotImplemented", "ECDSA"},
		{"payload that is no digest", call{payload: "abc"}, 400, "InvalidArgument", "x-amz-content-sha256"},

		{"digest of other content", call{method: "PUT", path: "/calls/new", body: "content", payload: hexDigest("other")}, 400, "XAmzContentSHA256Mismatch", ""},
		{"digest of other content on an operation without a body", call{payload: hexDigest("other")}, 400, "XAmzContentSHA256Mismatch", ""},
		{"MD5 of other content", put("Content-MD5", digestMD5("other")), 400, "BadDigest", "MD5"},
		{"MD5 that is none", put("Content-MD5", "abc"), 400, "InvalidDigest", ""},
		{"CRC32 of other content", put("x-amz-checksum-crc32", "AAAAAA=="), 400, "BadDigest", "CRC32"},
		{"CRC64NVME of other content", put("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="), 400, "BadDigest", "CRC64NVME"},
		{"checksum of a wrong length", put("x-amz-checksum-sha256", "AAAAAA=="), 400, "InvalidRequest", "x-amz-checksum-sha256"},
		{"two checksums", put("x-amz-checksum-crc32", "AAAAAA==", "x-amz-checksum-crc32c", "AAAAAA=="), 400, "InvalidRequest", "single"},
		{"checksum that nobody knows", put("x-amz-checksum-adler32", "AAAAAA=="), 400, "InvalidRequest", "algorithm type"},
		{"algorithm without a checksum", put("x-amz-sdk-checksum-algorithm", "CRC32"), 400, "InvalidRequest", "no corresponding"},
		{"algorithm other than the checksum's", put("x-amz-sdk-checksum-algorithm", "SHA1", "x-amz-checksum-crc32", "AAAAAA=="), 400, "InvalidRequest", "x-amz-sdk-checksum-algorithm"},
		{"trailer announced for a body without one", put("x-amz-trailer", "x-amz-checksum-crc32"), 400, "InvalidRequest", "x-amz-trailer"},
		{"too large", call{method: "PUT", path: "/calls/new", body: strings.Repeat("x", 2<<20)}, 400, "EntityTooLarge", ""},

		{"chunks without a decoded length", plainTrail("0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"), 411, "MissingContentLength", ""},
		{"chunks longer than the decoded length", plainTrail("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "x-amz-decoded-content-length", "4"), 400, "IncompleteBody", ""},
		{"chunks shorter than the decoded length", plainTrail("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "x-amz-decoded-content-length", "6"), 400, "IncompleteBody", ""},
		{"decoded length beyond the content's", plainTrail("5\r\nhello\r\n0\r\n\r\n", "x-amz-decoded-content-length", "600"), 400, "IncompleteBody", ""},
		{"no trailer where one was announced", plainTrail("5\r\nhello\r\n0\r\n\r\n", "x-amz-decoded-content-length", "5"), 400, "MalformedTrailerError", ""},
		{"wrong checksum in the trailer", plainTrail("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "x-amz-decoded-content-length", "5"), 400, "BadDigest", ""},
		{"another trailer than announced", plainTrail("5\r\nhello\r\n0\r\nx-amz-checksum-sha1:AAAAAA==\r\n\r\n", "x-amz-decoded-content-length", "5"), 400, "MalformedTrailerError", ""},
		{"metadata in the trailer", plainTrail("5\r\nhello\r\n0\r\nx-amz-meta-a:b\r\n\r\n", "x-amz-decoded-content-length", "5"), 400, "MalformedTrailerError", ""},
		{"trailer that does not end", plainTrail("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:"+strings.Repeat("A", 20_000), "x-amz-decoded-content-length", "5"), 400, "IncompleteBody", ""},
		{"chunk header that does not end", plainTrail("5"+strings.Repeat("0", 20_000), "x-amz-decoded-content-length", "5"), 400, "IncompleteBody", ""},
		{"chunk length that is none", plainTrail("-5\r\nhello\r\n0\r\n\r\n", "x-amz-decoded-content-length", "5"), 400, "IncompleteBody", ""},
		{"chunk length beyond numbers", plainTrail("fffffffffffffffff\r\nhello\r\n0\r\n\r\n", "x-amz-decoded-content-length", "5"), 400, "IncompleteBody", ""},
		{"chunk longer than it says", plainTrail("4\r\nhello\r\n0\r\n\r\n", "x-amz-decoded-content-length", "5"), 400, "IncompleteBody", ""},
		{"bytes after the end", plainTrail("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\nmore\r\n", "x-amz-decoded-content-length", "5"), 400, "MalformedTrailerError", ""},
		{"trailer for every checksum but this", plainTrail("0\r\n\r\n", "x-amz-decoded-content-length", "0", "x-amz-checksum-crc32c", "AAAAAA=="), 400, "InvalidRequest", "single"},
		{"signed chunks without signatures", chunked(streamSigned, "5\r\nhello\r\n0\r\n\r\n", "x-amz-decoded-content-length", "5"), 400, "IncompleteBody", ""},
		{"signed chunk with a wrong signature", chunked(streamSigned, "5;chunk-signature="+emptySHA256+"\r\nhello\r\n0;chunk-signature="+emptySHA256+"\r\n\r\n", "x-amz-decoded-content-length", "5"), 403, "SignatureDoesNotMatch", "chunk"},

		{"access control list", put("x-amz-acl", "public-read"), 400, "AccessControlListNotSupported", ""},
		{"storage class", put("x-amz-storage-class", "GLACIER"), 400, "InvalidStorageClass", ""},
		{"other encryption", put("x-amz-server-side-encryption", "rot13"), 400, "InvalidArgument", "not supported"},
		{"two layers of encryption", put("x-amz-server-side-encryption", "aws:kms:dsse"), 400, "InvalidArgument", "once"},
		{"other recipient", put("x-amz-server-side-encryption", "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id", "mine"), 400, "InvalidArgument", "another recipient"},
		{"recipient without encryption", put("x-amz-server-side-encryption-aws-kms-key-id", "recipient-of-machine"), 400, "InvalidArgument", ""},
		{"encryption context", put("x-amz-server-side-encryption-context", "e30="), 501, "NotImplemented", "context"},
		{"key of the client", put("x-amz-server-side-encryption-customer-algorithm", "AES256"), 400, "InvalidArgument", "SSE-C"},
		{"one tag twice", put("x-amz-tagging", "a=b&a=c"), 400, "InvalidArgument", "x-amz-tagging"},
		{"eleven tags", put("x-amz-tagging", "a&b&c&d&e&f&g&h&i&j&k"), 400, "BadRequest", "10"},
		{"website redirect", put("x-amz-website-redirect-location", "/x"), 501, "NotImplemented", "x-amz-website-redirect-location"},
		{"retention without an end", put("x-amz-object-lock-mode", "COMPLIANCE"), 400, "InvalidArgument", "both"},
		{"retention of another kind", put("x-amz-object-lock-mode", "FOREVER", "x-amz-object-lock-retain-until-date", "2999-01-01T00:00:00Z"), 400, "InvalidArgument", "wormMode"},
		{"retention until the past", put("x-amz-object-lock-mode", "COMPLIANCE", "x-amz-object-lock-retain-until-date", "1999-01-01T00:00:00Z"), 400, "InvalidArgument", "future"},
		{"legal hold that is neither", put("x-amz-object-lock-legal-hold", "MAYBE"), 400, "InvalidArgument", "'ON' or 'OFF'"},
		{"copy with a body", put("x-amz-copy-source", "/calls/greeting"), 400, "InvalidRequest", "no body"},
		{"copy by a GET", call{headers: []string{"x-amz-copy-source", "/calls/greeting"}}, 400, "InvalidArgument", "copy requests"},
		{"header of the future", put("x-amz-something-new", "1"), 501, "NotImplemented", "x-amz-something-new"},
		{"conditional write on other than absence", put("If-None-Match", "abc"), 501, "NotImplemented", "not implemented"},
		{"write on two conditions", put("If-None-Match", "*", "If-Match", "abc"), 501, "NotImplemented", "not implemented"},
		{"too much metadata", put("x-amz-meta-a", strings.Repeat("x", 2048)), 400, "MetadataTooLarge", ""},
		{"metadata that is not text", put("x-amz-meta-a", "\xff"), 400, "InvalidArgument", "UTF-8"},
		{"header twice", put("x-amz-storage-class", "STANDARD", "x-amz-storage-class", "STANDARD"), 400, "InvalidRequest", "more than once"},

		{"purpose too long", call{headers: []string{"x-strongroom-purpose", strings.Repeat("x", 513)}}, 400, "InvalidArgument", "512"},
		{"ticket too long", call{headers: []string{"x-strongroom-ticket", strings.Repeat("x", 129)}}, 400, "InvalidArgument", "128"},
		{"purpose with a lone percent sign", call{headers: []string{"x-strongroom-purpose", "50% off"}}, 400, "InvalidArgument", "%25"},
		{"purpose that is not text", call{headers: []string{"x-strongroom-purpose", "%ff"}}, 400, "InvalidArgument", "UTF-8"},
		{"purpose of two lines", call{headers: []string{"x-strongroom-purpose", "a%0Ab"}}, 400, "InvalidArgument", "control"},
		{"purpose in two places", call{path: "/calls?x-strongroom-purpose=b", headers: []string{"x-strongroom-purpose", "a"}}, 400, "InvalidRequest", "both"},

		{"bucket name", call{path: "/Calls"}, 400, "InvalidBucketName", ""},
		{"bucket name like an address", call{path: "/10.0.0.1"}, 400, "InvalidBucketName", ""},
		{"no bucket before a key", call{path: "//greeting"}, 400, "InvalidBucketName", ""},
		{"key too long", call{path: "/calls/" + strings.Repeat("k", 1025)}, 400, "KeyTooLongError", ""},
		{"key that leads above the bucket", call{path: "/calls/a/../../etc"}, 400, "BadRequest", ""},
		{"key that is not text", call{path: "/calls/%ff"}, 400, "InvalidURI", "UTF-8"},
		{"no such bucket", call{path: "/nothing-here/x"}, 404, "NoSuchBucket", ""},
		{"no such key", call{path: "/calls/none"}, 404, "NoSuchKey", ""},
		{"method", call{method: "PATCH"}, 405, "MethodNotAllowed", ""},
		{"POST of an object", call{method: "POST", path: "/calls/greeting"}, 405, "MethodNotAllowed", ""},
		{"POST of a bucket", call{method: "POST", path: "/calls"}, 405, "MethodNotAllowed", ""},
		{"PUT of the service", call{method: "PUT", path: "/"}, 405, "MethodNotAllowed", ""},
		{"encryption asked of a read", call{path: "/calls/greeting", headers: []string{"x-amz-server-side-encryption", "AES256"}}, 400, "InvalidArgument", "not supported for this operation"},
		{"query that cannot be decoded", call{path: "/calls?prefix=%zz"}, 400, "InvalidURI", ""},
		{"parameter twice", call{path: "/calls?prefix=a&prefix=b"}, 400, "InvalidArgument", "more than once"},
		{"body where there is none", call{path: "/calls/greeting", body: "x"}, 400, "InvalidRequest", "no body"},

		{"DELETE of a version that is none", call{method: "DELETE", path: "/calls/greeting?versionId=1"}, 400, "InvalidArgument", "Invalid version id"},
		{"POST ?select", call{method: "POST", path: "/calls/greeting?select&select-type=2"}, 501, "NotImplemented", "select"},
		{"POST ?restore", call{method: "POST", path: "/calls/greeting?restore"}, 501, "NotImplemented", "restore"},
		{"PUT ?partNumber without an upload", call{method: "PUT", path: "/calls/new?partNumber=1"}, 400, "InvalidArgument", "without uploadId"},

		{"max-keys", call{path: "/calls?max-keys=-1"}, 400, "InvalidArgument", "max-keys"},
		{"max-keys beyond numbers", call{path: "/calls?max-keys=99999999999"}, 400, "InvalidArgument", "max-keys"},
		{"encoding", call{path: "/calls?encoding-type=latin"}, 400, "InvalidArgument", "Encoding Method"},
		{"max-buckets 0", call{path: "/?max-buckets=0"}, 400, "InvalidArgument", "max-buckets"},
		{"max-buckets 10,001", call{path: "/?max-buckets=10001"}, 400, "InvalidArgument", "max-buckets"},
		{"encoding that is empty", call{path: "/calls?list-type=2&encoding-type="}, 400, "InvalidArgument", "Encoding Method"},
		{"prefix that is not text", call{path: "/calls?prefix=%ff"}, 400, "InvalidArgument", "UTF-8"},
		{"continuation token", call{path: "/calls?list-type=2&continuation-token=zzz"}, 400, "InvalidArgument", "token"},
		{"list-type", call{path: "/calls?list-type=3"}, 501, "NotImplemented", "list-type"},
		{"response header of two lines", call{path: "/calls/greeting?response-content-type=a%0d%0ab"}, 400, "InvalidArgument", "response-content-type"},

		{"part 0", call{method: "PUT", path: upload + "&partNumber=0", body: "x"}, 400, "InvalidArgument", "10000"},
		{"part 10,001", call{method: "PUT", path: upload + "&partNumber=10001", body: "x"}, 400, "InvalidArgument", "10000"},
		{"part of nothing", call{method: "PUT", path: upload + "&partNumber=1", body: "x"}, 404, "NoSuchUpload", ""},
		{"upload id that is none", call{method: "PUT", path: "/calls/new?uploadId=..%2f..&partNumber=1", body: "x"}, 404, "NoSuchUpload", ""},
		{"checksum type that does not fit", call{method: "POST", path: "/calls/new?uploads", headers: []string{"x-amz-checksum-algorithm", "SHA256", "x-amz-checksum-type", "FULL_OBJECT"}}, 400, "InvalidRequest", "SHA256"},
		{"complete with nothing", document("POST", upload, ""), 400, "MalformedXML", ""},
		{"complete without parts", document("POST", upload, "<CompleteMultipartUpload/>"), 400, "MalformedXML", "no part"},
		{"complete with 10,001 parts", document("POST", upload, "<CompleteMultipartUpload>"+parts(10_001)+"</CompleteMultipartUpload>"), 400, "MalformedXML", "10000"},
		{"complete with a million parts", document("POST", upload, "<CompleteMultipartUpload>"+many(500_000, "<Part/>")), 400, "MalformedXML", ""},
		{"complete with a part's number absurd", document("POST", upload, "<CompleteMultipartUpload><Part><PartNumber>99999999999999999999</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>"), 400, "InvalidArgument", "10000"},
		{"complete out of order", document("POST", upload, "<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>x</ETag></Part><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>"), 400, "InvalidPartOrder", ""},
		{"complete with one part twice", document("POST", upload, "<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>x</ETag></Part><Part><PartNumber>2</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>"), 400, "InvalidPartOrder", ""},

		{"delete without a checksum", call{method: "POST", path: "/calls?delete", body: "<Delete><Object><Key>greeting</Key></Object></Delete>"}, 400, "InvalidRequest", "Content-MD5"},
		{"delete with a document type", document("POST", "/calls?delete", `<!DOCTYPE d [<!ENTITY a "greeting">]><Delete><Object><Key>&a;</Key></Object></Delete>`), 400, "MalformedXML", "document type"},
		{"delete with an entity", document("POST", "/calls?delete", `<Delete><Object><Key>&a;</Key></Object></Delete>`), 400, "MalformedXML", ""},
		{"delete with a processing instruction", document("POST", "/calls?delete", `<Delete><?php x?><Object><Key>greeting</Key></Object></Delete>`), 400, "MalformedXML", "processing instruction"},
		{"delete of another root", document("POST", "/calls?delete", `<Remove><Object><Key>greeting</Key></Object></Remove>`), 400, "MalformedXML", "root"},
		{"delete with two roots", document("POST", "/calls?delete", `<Delete><Object><Key>greeting</Key></Object></Delete><Delete/>`), 400, "MalformedXML", "root"},
		{"delete with more than is known", document("POST", "/calls?delete", `<Delete><Object><Key>greeting</Key><Force>true</Force></Object></Delete>`), 400, "MalformedXML", "Force"},
		{"delete that breaks off", document("POST", "/calls?delete", `<Delete><Object><Key>greeting</Key></Object>`), 400, "MalformedXML", ""},
		{"delete with garbage behind", document("POST", "/calls?delete", `<Delete><Object><Key>greeting</Key></Object></Delete>x`), 400, "MalformedXML", ""},
		{"delete in depth", document("POST", "/calls?delete", "<Delete>"+many(100_000, "<a>")), 400, "MalformedXML", "deep"},
		{"delete with a tag of attributes", document("POST", "/calls?delete", "<Delete "+many(100_000, `a="b" `)+"/>"), 400, "MalformedXML", "tag"},
		{"delete of 1,001", document("POST", "/calls?delete", "<Delete>"+many(1001, "<Object><Key>greeting</Key></Object>")+"</Delete>"), 400, "MalformedXML", "1000"},
		{"delete with a body too large", document("POST", "/calls?delete", "<Delete>"+many(5<<20, " ")+"</Delete>"), 400, "MalformedXML", "larger"},
		{"create with garbage", document("PUT", "/another", "garbage"), 400, "MalformedXML", ""},
		{"create again", call{method: "PUT", path: "/calls"}, 409, "BucketAlreadyOwnedByYou", ""},
		{"delete what is not empty", call{method: "DELETE", path: "/calls"}, 409, "BucketNotEmpty", ""},
	}
	server, room := open(t, func(c *Config) { c.MaxObject = 1 << 20 })
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := c.call.send(t, server)
			if a.status != c.status || a.code != c.code || !saysSo(a.message+a.body, c.says) {
				t.Errorf("answered %d %s %q, want %d %s …%s…", a.status, a.code, a.message, c.status, c.code, c.says)
			}
			if strings.Contains(a.body, "secret detail") || strings.Contains(a.body, testSecret) {
				t.Error("the answer tells a secret")
			}
			if n := room.stored(); n != 1 {
				t.Fatalf("%d objects are stored, want the 1 from before", n)
			}
		})
	}
	if room.inside != 0 {
		t.Errorf("%d places in the room were never given back", room.inside)
	}
	for kind, least := range map[string]int{"key": 2, "time": 4, "signature": 1} {
		if room.heard(kind) < least {
			t.Errorf("noise of kind %q was counted %d times, want %d or more", kind, room.heard(kind), least)
		}
	}
}

func parts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>x</ETag></Part>", i+1)
	}
	return b.String()
}

// Requests whose signature is not even of the right form.
func TestUnsigned(t *testing.T) {
	room := newFakeRoom()
	counted := 0
	server := serve(t, Config{Rooms: fakeRooms{room}, Noise: func(string) { counted++ }}, false)
	const good = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=" + emptySHA256
	cases := []struct {
		name, path, authorization string
		status                    int
		code, says                string
	}{
		{"anonymous", "/calls/greeting", "", 403, "AccessDenied", "anonymous"},
		{"Signature Version 2", "/calls", "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=", 400, "InvalidRequest", "AWS4-HMAC-SHA256"},
		{"Signature Version 2 in the query", "/calls?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1&Signature=x", "", 400, "InvalidRequest", "AWS4-HMAC-SHA256"},
		{"another scheme", "/calls", "Bearer abc", 400, "InvalidArgument", "Unsupported Authorization Type"},
		{"no scheme", "/calls", "abc", 400, "InvalidArgument", "one and only one"},
		{"Signature Version 4A", "/calls", strings.Replace(good, "HMAC", "ECDSA-P256", 1), 400, "InvalidArgument", "Unsupported Authorization Type"},
		{"another algorithm in the query", "/calls?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Credential=a&X-Amz-Date=b&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=s", "", 400, "AuthorizationQueryParametersError", "AWS4-HMAC-SHA256"},
		{"query with parts missing", "/calls?X-Amz-Signature=00", "", 400, "AuthorizationQueryParametersError", "requires the X-Amz-Algorithm"},
		{"nothing behind the scheme", "/calls", "AWS4-HMAC-SHA256", 400, "AuthorizationHeaderMalformed", ""},
		{"no signature", "/calls", good[:strings.Index(good, ", Signature")], 400, "AuthorizationHeaderMalformed", ""},
		{"signature twice", "/calls", good + ", Signature=" + emptySHA256, 400, "AuthorizationHeaderMalformed", "three components"},
		{"short signature", "/calls", good[:len(good)-1], 400, "AuthorizationHeaderMalformed", "64"},
		{"upper-case signature", "/calls", good[:len(good)-1] + "A", 400, "AuthorizationHeaderMalformed", "64"},
		{"something else besides", "/calls", good + ", Also=x", 400, "AuthorizationHeaderMalformed", ""},
		{"another service", "/calls", strings.Replace(good, "/s3/", "/iam/", 1), 400, "AuthorizationHeaderMalformed", "s3"},
		{"another end of the scope", "/calls", strings.Replace(good, "aws4_request", "aws5", 1), 400, "AuthorizationHeaderMalformed", "aws4_request"},
		{"day that is none", "/calls", strings.Replace(good, "20130524", "20131324", 1), 400, "AuthorizationHeaderMalformed", "date"},
		{"region of another shape", "/calls", strings.Replace(good, "us-east-1", "US east", 1), 400, "AuthorizationHeaderMalformed", "region"},
		{"headers out of order", "/calls", strings.Replace(good, "host;x-amz-content-sha256", "x-amz-content-sha256;host", 1), 400, "AuthorizationHeaderMalformed", "ascending"},
		{"headers in upper case", "/calls", strings.Replace(good, "=host", "=Host", 1), 400, "AuthorizationHeaderMalformed", "lower case"},
		{"a thousand headers", "/calls", strings.Replace(good, "=host", "=h"+strings.Repeat(";h", 1000), 1), 400, "AuthorizationHeaderMalformed", "too many"},
		{"host is not signed", "/calls", strings.Replace(good, "=host;", "=", 1), 403, "AccessDenied", "Host"},
		{"day is not that of the request", "/calls", strings.Replace(good, "20130524", "20130525", 1), 400, "AuthorizationHeaderMalformed", "date"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequest("GET", server.URL+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("x-amz-date", "20130524T000000Z")
			r.Header.Set("x-amz-content-sha256", emptySHA256)
			if c.authorization != "" {
				r.Header.Set("Authorization", c.authorization)
			}
			a := send(t, r)
			if a.status != c.status || a.code != c.code || !saysSo(a.message+a.body, c.says) {
				t.Errorf("answered %d %s %q, want %d %s …%s…", a.status, a.code, a.message, c.status, c.code, c.says)
			}
		})
	}
	for _, c := range []struct {
		name, header, value, code string
	}{
		{"no date", "x-amz-date", "", "AccessDenied"},
		{"date of another shape", "x-amz-date", "2013-05-24", "AccessDenied"},
		{"no payload digest", "x-amz-content-sha256", "", "InvalidRequest"},
	} {
		r, _ := http.NewRequest("GET", server.URL+"/calls", nil)
		r.Header.Set("x-amz-date", "20130524T000000Z")
		r.Header.Set("x-amz-content-sha256", emptySHA256)
		r.Header.Set("Authorization", good)
		if r.Header.Del(c.header); c.value != "" {
			r.Header.Set(c.header, c.value)
		}
		if a := send(t, r); a.code != c.code {
			t.Errorf("%s: answered %d %s %q, want %s", c.name, a.status, a.code, a.message, c.code)
		}
	}
	if want := len(cases) + 3; counted != want {
		t.Errorf("%d requests that name no room were counted, want %d", counted, want)
	}
	if r, _ := http.NewRequest("POST", server.URL+"/calls", strings.NewReader("x")); true {
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		if a := send(t, r); a.code != "InvalidArgument" || !strings.Contains(a.message, "file") {
			t.Errorf("a form without a file: %d %s %q", a.status, a.code, a.message)
		}
	}
}

// saysSo compares as people read.
func saysSo(message, says string) bool {
	return strings.Contains(strings.ToLower(message), strings.ToLower(says))
}

func TestKinds(t *testing.T) {
	for kind, want := range map[strongroom.Kind]struct {
		status int
		code   string
	}{
		strongroom.KindInvalid: {400, "InvalidRequest"}, strongroom.KindDenied: {403, "AccessDenied"}, strongroom.KindNoBucket: {404, "NoSuchBucket"},
		strongroom.KindNoObject: {404, "NoSuchKey"}, strongroom.KindNoUpload: {404, "NoSuchUpload"}, strongroom.KindBucketExists: {409, "BucketAlreadyOwnedByYou"},
		strongroom.KindNotEmpty: {409, "BucketNotEmpty"}, strongroom.KindInvalidPart: {400, "InvalidPart"}, strongroom.KindPartOrder: {400, "InvalidPartOrder"},
		strongroom.KindPartTooSmall: {400, "EntityTooSmall"}, strongroom.KindTooLarge: {400, "EntityTooLarge"}, strongroom.KindConflict: {409, "OperationAborted"},
		strongroom.KindHeld: {403, "AccessDenied"}, strongroom.KindKept: {403, "AccessDenied"}, strongroom.KindUnavailable: {503, "ServiceUnavailable"}, strongroom.KindBusy: {503, "SlowDown"},
		strongroom.KindDamaged: {500, "InternalError"}, strongroom.KindUnsupported: {501, "NotImplemented"}, "": {500, "InternalError"}, "of tomorrow": {500, "InternalError"},
	} {
		err := fmt.Errorf("opening: %w", &strongroom.Error{Kind: kind, Message: "for the asker", Hint: "do this", Cause: errors.New("for the log")})
		if kind == "" {
			err = errors.New("for the log")
		}
		f := asFailure(err)
		if f.httpStatus() != want.status || f.code != want.code {
			t.Errorf("%q is answered %d %s, want %d %s", kind, f.httpStatus(), f.code, want.status, want.code)
		}
		if strings.Contains(f.message, "for the log") || f.code != "InternalError" && f.message != cmp.Or(kinds[kind].message, standard[f.code], "for the asker; do this") {
			t.Errorf("%q says %q", kind, f.message)
		}
		if (f.headers["Retry-After"] != "") != (want.status == 503) {
			t.Errorf("%q: Retry-After is %q", kind, f.headers["Retry-After"])
		}
	}
	for code, status := range statuses {
		if status < 300 || status > 599 || code == "" {
			t.Errorf("%s has the status %d", code, status)
		}
	}
}

func TestRefusalOfPolicy(t *testing.T) {
	server, room := open(t)
	room.purpose = true
	a := call{path: "/calls/greeting"}.send(t, server)
	if a.status != 403 || a.message != "This recording opens only with a purpose; send x-strongroom-purpose" || a.headers.Get("x-strongroom-missing") != "purpose" {
		t.Errorf("answered %d %q, missing %q", a.status, a.message, a.headers.Get("x-strongroom-missing"))
	}
	for _, c := range []call{
		{path: "/calls/greeting", headers: []string{"x-strongroom-purpose", "r%C3%A9clamation 50%25"}},
		{path: "/calls/greeting", headers: []string{"x-strongroom-purpose", "réclamation 50%25"}},
		{path: "/calls/greeting?x-strongroom-purpose=r%C3%A9clamation+50%25", presigned: true},
		{path: "/calls/greeting?X-Strongroom-Purpose=r%C3%A9clamation+50%25&X-Amz-Checksum-Mode=ENABLED", presigned: true}, // as the AWS SDK for Go moves headers
	} {
		a := c.send(t, server)
		if a.status != 200 || a.body != "hello, this call is recorded" || room.lastCaller().Purpose.Text != "réclamation 50%" {
			t.Errorf("with a purpose: %d %s, told as %q", a.status, a.message, room.lastCaller().Purpose.Text)
		}
	}
	if m := room.lastCaller().Method; m != "sigv4-presigned" {
		t.Errorf("the method is told as %q", m)
	}
	room.fail["Enter"] = &strongroom.Error{Kind: strongroom.KindBusy, Message: "the room has too many requests at once"}
	if a := (call{}).send(t, server); a.status != 503 || a.code != "SlowDown" || a.headers.Get("Retry-After") == "" {
		t.Errorf("a full room answers %d %s", a.status, a.code)
	}
}

func TestPurposeIsNotMetadata(t *testing.T) {
	server, room := open(t)
	a := call{method: "PUT", path: "/calls/new", body: "x", headers: []string{"x-strongroom-purpose", "intake", "x-strongroom-ticket", "T1", "x-amz-meta-A", "b", "x-amz-object-lock-legal-hold", "ON"}}.send(t, server)
	o := room.objects["calls"]["new"]
	if a.status != 200 || fmt.Sprint(o.Meta) != "map[a:b]" || !o.LegalHold || fmt.Sprint(o.Headers) != "map[Content-Type:binary/octet-stream]" {
		t.Fatalf("answered %d; stored with %v, %v, hold %v", a.status, o.Meta, o.Headers, o.LegalHold)
	}
	if a.headers.Get(fieldCipher) != "aws:kms" || a.headers.Get(fieldKey) != "recipient-of-machine" {
		t.Errorf("the answer says %v", a.headers)
	}
	a = call{method: "HEAD", path: "/calls/new"}.send(t, server)
	if a.headers.Get(fieldHold) != "ON" || a.headers.Get("x-amz-meta-a") != "b" {
		t.Errorf("HEAD answers %v", a.headers)
	}
	a = call{method: "POST", path: "/calls?delete", body: "<Delete><Object><Key>new</Key></Object><Object><Key>greeting</Key></Object></Delete>", headers: []string{"x-amz-checksum-sha256", ""}}.send(t, server)
	if a.status != 400 {
		t.Errorf("an empty checksum is taken: %d", a.status)
	}
	body := "<Delete xmlns=\"" + namespace + "\"><Quiet>true</Quiet><Object><Key>new</Key></Object><Object><Key>greeting</Key></Object></Delete>"
	sum := sha256.Sum256([]byte(body))
	a = call{method: "POST", path: "/calls?delete", body: body, headers: []string{"x-amz-checksum-sha256", base64.StdEncoding.EncodeToString(sum[:])}}.send(t, server)
	if a.status != 200 || strings.Contains(a.body, "<Deleted>") || !strings.Contains(a.body, "<Key>new</Key><Code>AccessDenied</Code>") || room.stored() != 1 {
		t.Errorf("deleting one that is held and one that is not: %d %s", a.status, a.body)
	}
}

func TestHeadFailsWithoutABody(t *testing.T) {
	server, _ := open(t)
	a := call{method: "HEAD", path: "/calls/none"}.send(t, server)
	if a.status != 404 || a.body != "" {
		t.Errorf("HEAD answers %d %q", a.status, a.body)
	}
}

// signedChunks is content in signed chunks, with a trailing checksum if sum is given.
func signedChunks(s *sigv4.Signature, content, name, sum string) string {
	signer := newChunkSigner(s)
	var b strings.Builder
	for rest := content; ; {
		piece := rest[:min(len(rest), minChunk)]
		rest = rest[len(piece):]
		signer.previous = signer.next("AWS4-HMAC-SHA256-PAYLOAD\n" + signer.stamp + "\n" + signer.scope + "\n" + signer.previous + "\n" + emptySHA256 + "\n" + hexDigest(piece))
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n%s", len(piece), signer.previous, piece)
		if piece == "" {
			break
		}
		b.WriteString("\r\n")
	}
	if sum != "" {
		last := signer.next("AWS4-HMAC-SHA256-TRAILER\n" + signer.stamp + "\n" + signer.scope + "\n" + signer.previous + "\n" + hexDigest(name+":"+sum+"\n"))
		b.WriteString(name + ":" + sum + "\r\nx-amz-trailer-signature:" + last + "\r\n")
	}
	return b.String() + "\r\n"
}

// A stream that may have a trailer need not have one.
func TestChunksWithoutATrailer(t *testing.T) {
	server, room := open(t)
	chunk := func(n int) string { return fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("x", n)) }
	for _, c := range []struct {
		name, body string
		size       int
		code       string
	}{
		{"one", chunk(5) + "0\r\n\r\n", 5, ""},
		{"a short one at the end", chunk(minChunk) + chunk(5) + "0\r\n\r\n", minChunk + 5, ""},
		{"a short one before the end", chunk(5) + chunk(minChunk) + "0\r\n\r\n", minChunk + 5, "InvalidChunkSizeError"},
		{"a trailer that was not announced", chunk(5) + "0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", 5, "MalformedTrailerError"},
	} {
		before := room.stored()
		a := call{method: "PUT", path: "/calls/" + strings.ReplaceAll(c.name, " ", "-"), body: c.body, payload: streamPlainTrail,
			headers: []string{"x-amz-decoded-content-length", strconv.Itoa(c.size)}}.send(t, server)
		if a.code != c.code || (room.stored() == before+1) != (c.code == "") {
			t.Errorf("%s: answered %d %s, and %d objects more are stored", c.name, a.status, a.code, room.stored()-before)
		}
	}
	a := call{method: "PUT", path: "/calls/new", body: "0\r\n\r\n", payload: streamSignedTrail, headers: []string{"x-amz-decoded-content-length", "0"}}.send(t, server)
	if a.code != "MalformedTrailerError" {
		t.Errorf("a signed trailer that is not announced: answered %d %s", a.status, a.code)
	}
}

func TestSignedChunksAreStored(t *testing.T) {
	server, room := open(t)
	content := strings.Repeat("chunk by chunk ", 2000)
	h := checksumNamed("crc64nvme").new()
	h.Write([]byte(content))
	sum := base64.StdEncoding.EncodeToString(h.Sum(nil))
	length := strconv.Itoa(len(content))
	for _, c := range []struct {
		name string
		call call
		sum  string
		code string
	}{
		{"plain", call{payload: streamSigned, headers: []string{"x-amz-decoded-content-length", length}}, "", ""},
		{"with a trailer", call{payload: streamSignedTrail, headers: []string{"x-amz-decoded-content-length", length, "x-amz-trailer", "x-amz-checksum-crc64nvme"}}, sum, ""},
		{"with a wrong checksum, rightly signed", call{payload: streamSignedTrail, headers: []string{"x-amz-decoded-content-length", length, "x-amz-trailer", "x-amz-checksum-crc64nvme"}}, "AAAAAAAAAAA=", "BadDigest"},
		{"with a trailer announced and left out", call{payload: streamSignedTrail, headers: []string{"x-amz-decoded-content-length", length, "x-amz-trailer", "x-amz-checksum-crc64nvme"}}, "", "SignatureDoesNotMatch"},
	} {
		c.call.method, c.call.path = "PUT", "/calls/chunks"
		c.call.headers = append(c.call.headers, "Content-Encoding", "aws-chunked, gzip")
		delete(room.objects["calls"], "chunks")
		r, s := c.call.request(t, server.URL)
		body := signedChunks(s, content, "x-amz-checksum-crc64nvme", c.sum)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		a := send(t, r)
		o := room.objects["calls"]["chunks"]
		if c.code != "" {
			if a.code != c.code || o != nil {
				t.Errorf("%s: answered %d %s, want %s; stored: %v", c.name, a.status, a.code, c.code, o != nil)
			}
			continue
		}
		if a.status != 200 || string(o.data) != content || o.Headers["Content-Encoding"] != "gzip" || o.Checksums["crc64nvme"] != sum || a.headers.Get("x-amz-checksum-crc64nvme") != sum {
			t.Errorf("%s: answered %d %s; %d bytes with %v, %v", c.name, a.status, a.message, len(o.data), o.Headers, o.Checksums)
		}
	}
}

// A URL that this package signs is one that it honours, for as long as it says.
func TestPresignedURL(t *testing.T) {
	server, room := open(t)
	room.keep("calls", "odd//../é +?.wav", []byte("odd"), nil, nil, nil, false, nil)
	purpose := strongroom.Purpose{Text: "réclamation 50% & more", Ticket: "T-1"}
	p := Presigned{Method: "GET", Endpoint: server.URL, Bucket: "calls", Key: "odd//../é +?.wav", Purpose: purpose,
		KeyID: testKey, Secret: testSecret, Region: testRegion, Now: time.Now(), Expires: time.Minute}
	for _, c := range []struct {
		change func(*Presigned)
		status int
	}{
		{func(*Presigned) {}, 200},
		{func(p *Presigned) { p.Now = p.Now.Add(-2 * time.Minute) }, 403},
		{func(p *Presigned) { p.Secret += "x" }, 403},
		{func(p *Presigned) { p.Expires = time.Hour }, 400},
	} {
		p := p
		c.change(&p)
		u, err := p.URL()
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequest("GET", u, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := send(t, r); a.status != c.status || a.status == 200 && (a.body != "odd" || room.lastCaller().Purpose != purpose) {
			t.Errorf("%s answers %d %s, told as %+v; want %d", u, a.status, a.message, room.lastCaller().Purpose, c.status)
		}
	}
}

// Damage found in the middle of a body: the client must see that bytes are missing.
func TestDamageBreaksTheConnection(t *testing.T) {
	for _, secure := range []bool{false, true} {
		room := newFakeRoom()
		server := serve(t, Config{Rooms: fakeRooms{room}}, secure)
		room.CreateBucket(t.Context(), room.callerOf(), vault.BucketRequest{Name: "calls"})
		room.keep("calls", "big", bytes.Repeat([]byte("good"), 100_000), nil, nil, nil, false, nil)
		room.damage = 200_001
		r, _ := call{path: "/calls/big"}.request(t, server.URL)
		resp, err := server.Client().Transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil || len(got) > 200_000 || resp.ContentLength != 400_000 {
			t.Errorf("TLS %v: %d of %d bytes came, and the error %v", secure, len(got), resp.ContentLength, err)
		}
		room.damage = 1
		r, _ = call{path: "/calls/big"}.request(t, server.URL)
		resp, err = server.Client().Transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		got, _ = io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 500 || !strings.Contains(string(got), "fail verification") {
			t.Errorf("TLS %v: damage before the first byte answers %d %s", secure, resp.StatusCode, got)
		}
		server.Close()
		if room.closed != 2 || room.inside != 0 {
			t.Errorf("TLS %v: %d releases closed, %d places still taken", secure, room.closed, room.inside)
		}
	}
}

// raw sends the head of a signed request on a connection of its own.
func raw(t *testing.T, server *httptest.Server, c call, also ...string) net.Conn {
	t.Helper()
	r, _ := c.request(t, server.URL)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.Host)
	r.Header.Write(conn)
	for _, line := range also {
		fmt.Fprintf(conn, "%s\r\n", line)
	}
	fmt.Fprint(conn, "\r\n")
	return conn
}

func TestTruncatedBody(t *testing.T) {
	server, room := open(t)
	c := call{method: "PUT", path: "/calls/new", payload: unsignedPayload}
	conn := raw(t, server, c, "Content-Length: 100")
	io.WriteString(conn, strings.Repeat("x", 50))
	conn.(*net.TCPConn).CloseWrite()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 400 || !strings.Contains(string(body), "<Code>IncompleteBody</Code>") {
		t.Errorf("answered %d %s", resp.StatusCode, body)
	}
	if err := <-room.ended; err == nil || room.stored() != 1 {
		t.Errorf("the store's read ended with %v, and %d objects are stored", err, room.stored())
	}
	// Without any length.
	conn = raw(t, server, c, "Transfer-Encoding: chunked")
	io.WriteString(conn, "1\r\nx\r\n0\r\n\r\n")
	if resp, err = http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != 411 {
		t.Errorf("a body without a length: %v, %v", resp, err)
	}
}

func TestRefusedBodyIsNotAskedFor(t *testing.T) {
	server, room := open(t)
	for name, c := range map[string]call{
		"not authenticated": {method: "PUT", path: "/calls/new", payload: unsignedPayload, secret: "another secret of some length"},
		"refused by policy": {method: "PUT", path: "/calls/new", payload: unsignedPayload},
		"accepted":          {method: "PUT", path: "/calls/new", payload: unsignedPayload},
	} {
		delete(room.fail, "Put")
		if name == "refused by policy" {
			room.fail["Put"] = &strongroom.Error{Kind: strongroom.KindDenied, Message: "not for you"}
		}
		conn := raw(t, server, c, "Content-Length: 5", "Expect: 100-continue")
		line, err := bufio.NewReader(conn).ReadString('\n')
		if want := map[bool]string{true: "100", false: "403"}[name == "accepted"]; err != nil || !strings.Contains(line, want) {
			t.Errorf("%s: first line %q, %v; want %s", name, line, err, want)
		}
		conn.Close()
	}
}

// A body that is empty is asked for nevertheless by whoever expects it: botocore would
// misread the connection's next answer.
func TestEmptyBodyIsAskedFor(t *testing.T) {
	server, room := open(t)
	for _, fails := range []error{nil, &strongroom.Error{Kind: strongroom.KindPrecondition, Message: "no"}} {
		delete(room.fail, "Put")
		want := "200"
		if fails != nil {
			room.fail["Put"], want = fails, "412"
		}
		conn := raw(t, server, call{method: "PUT", path: "/calls/empty", payload: unsignedPayload}, "Content-Length: 0", "Expect: 100-continue")
		answers := bufio.NewReader(conn)
		if line, err := answers.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("the first line is %q, %v", line, err)
		}
		if line, err := answers.ReadString('\n'); err != nil || line != "\r\n" {
			t.Fatalf("after the first line comes %q, %v", line, err)
		}
		if line, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+want) {
			t.Errorf("the answer begins with %q, %v; want %s", line, err, want)
		}
		conn.Close()
	}
}

func TestSlowClients(t *testing.T) {
	server, room := open(t, func(c *Config) { c.PaceWindow, c.PaceBytes = 150*time.Millisecond, 1000 })
	t.Run("a sender that stalls", func(t *testing.T) {
		conn := raw(t, server, call{method: "PUT", path: "/calls/new", payload: unsignedPayload}, "Content-Length: 100000")
		start := time.Now()
		for range 100 { // a trickle below the rate does not help
			if _, err := io.WriteString(conn, "x"); err != nil {
				break
			}
			if time.Since(start) > 5*time.Second {
				t.Fatal("nobody cuts off the trickle")
			}
			time.Sleep(5 * time.Millisecond)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 400 || !strings.Contains(string(body), "<Code>RequestTimeout</Code>") || room.stored() != 1 {
			t.Errorf("answered %d %s; %d stored", resp.StatusCode, body, room.stored())
		}
	})
	t.Run("a sender above the rate", func(t *testing.T) {
		conn := raw(t, server, call{method: "PUT", path: "/calls/slow", payload: unsignedPayload}, "Content-Length: 24000")
		for range 24 { // takes several windows in all
			io.WriteString(conn, strings.Repeat("x", 1000))
			time.Sleep(20 * time.Millisecond)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("answered %v, %v", resp, err)
		}
	})
	t.Run("a taker that stalls", func(t *testing.T) {
		room.keep("calls", "big", make([]byte, 64<<20), nil, nil, nil, false, nil)
		closed := room.closed
		conn := raw(t, server, call{path: "/calls/big"})
		if _, err := io.ReadFull(conn, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			room.mu.Lock()
			done := room.closed > closed && room.inside == 0
			room.mu.Unlock()
			if done {
				break
			}
			if time.Since(start) > 10*time.Second {
				t.Fatal("the release was not ended")
			}
		}
	})
	t.Run("a sender that stalls over HTTP/2", func(t *testing.T) {
		server := serve(t, Config{Rooms: fakeRooms{room}, PaceWindow: 100 * time.Millisecond, PaceBytes: 1000}, true)
		r, _ := call{method: "PUT", path: "/calls/h2", payload: unsignedPayload}.request(t, server.URL)
		reader, writer := io.Pipe()
		defer writer.Close()
		r.Body, r.ContentLength = reader, 5000
		resp, err := server.Client().Transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.ProtoMajor != 2 || resp.StatusCode != 400 || !strings.Contains(string(body), "RequestTimeout") {
			t.Errorf("%s answered %d %s", resp.Proto, resp.StatusCode, body)
		}
	})
}

func TestDisconnectIsSeen(t *testing.T) {
	server, room := open(t)
	asked := make(chan context.Context, 1)
	room.onOpen = func(ctx context.Context) { asked <- ctx; <-ctx.Done() }
	conn := raw(t, server, call{path: "/calls/greeting"})
	ctx := <-asked
	conn.Close()
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
		t.Error("the client left, and the request goes on")
	}
}

func TestHeaderFlood(t *testing.T) {
	server, room := open(t)
	for name, lines := range map[string][]string{
		"one huge header": {"X-Filler: " + strings.Repeat("x", 64<<10)},
		"many headers":    strings.Split(strings.TrimSpace(strings.Repeat("X-F: 1\n", 8000)), "\n"),
	} {
		conn := raw(t, server, call{}, lines...)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(line, "431") {
			t.Errorf("%s: %q, %v", name, line, err)
		}
	}
	if len(room.callers) != 1 {
		t.Errorf("the room was asked %d times", len(room.callers)-1)
	}
}

// Hostile XML must not cost more than a small multiple of its size.
func TestHostileXMLIsBounded(t *testing.T) {
	size := 4 << 20
	for name, body := range map[string]string{
		"attributes": "<Delete " + strings.Repeat(`a="" `, size/5) + "/>",
		"depth":      "<Delete>" + strings.Repeat("<a>", size/3),
		"elements":   "<Delete>" + strings.Repeat("<a/>", size/4),
		"references": "<Delete><Object><Key>" + strings.Repeat("&lt;", size/4),
		"pieces":     "<Delete><Object><Key>" + strings.Repeat("x<!---->", size/8),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, _, err := parseDelete([]byte(body))
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 || took > 30*time.Second { // a busy machine under the race detector
			t.Errorf("%s: allocated %d MiB in %v", name, used>>20, took)
		}
	}
}

func TestGetAndHead(t *testing.T) {
	server, room := open(t)
	content := "hello, this call is recorded"
	o := room.objects["calls"]["greeting"].Object
	room.keep("calls", "empty", nil, nil, nil, nil, false, nil)
	past, future := o.Modified.Add(-time.Hour).UTC().Format(http.TimeFormat), o.Modified.Add(time.Hour).UTC().Format(http.TimeFormat)
	for _, c := range []struct {
		name    string
		key     string
		headers []string
		status  int
		body    string
		partial string
	}{
		{"whole", "greeting", nil, 200, content, ""},
		{"first bytes", "greeting", []string{"Range", "bytes=0-4"}, 206, "hello", "bytes 0-4/28"},
		{"last bytes", "greeting", []string{"Range", "bytes=-8"}, 206, "recorded", "bytes 20-27/28"},
		{"more than all", "greeting", []string{"Range", "bytes=-100"}, 206, content, "bytes 0-27/28"},
		{"to the end", "greeting", []string{"Range", "bytes=20-"}, 206, "recorded", "bytes 20-27/28"},
		{"beyond the end", "greeting", []string{"Range", "bytes=20-99999999999999999999999"}, 206, "recorded", "bytes 20-27/28"},
		{"several", "greeting", []string{"Range", "bytes=0-1,4-5"}, 200, content, ""},
		{"other unit", "greeting", []string{"Range", "words=0-1"}, 200, content, ""},
		{"backwards", "greeting", []string{"Range", "bytes=5-1"}, 200, content, ""},
		{"outside", "greeting", []string{"Range", "bytes=28-"}, 416, "", "bytes */28"},
		{"no last bytes", "greeting", []string{"Range", "bytes=-0"}, 416, "", "bytes */28"},
		{"of nothing", "empty", []string{"Range", "bytes=0-"}, 416, "", "bytes */0"},
		{"nothing", "empty", nil, 200, "", ""},
		{"If-Range holds", "greeting", []string{"Range", "bytes=0-4", "If-Range", `"` + o.ETag + `"`}, 206, "hello", "bytes 0-4/28"},
		{"If-Range does not", "greeting", []string{"Range", "bytes=0-4", "If-Range", `"x"`}, 200, content, ""},
		{"If-Match", "greeting", []string{"If-Match", `"x", "` + o.ETag + `"`}, 200, content, ""},
		{"If-Match any", "greeting", []string{"If-Match", "*"}, 200, content, ""},
		{"If-Match fails", "greeting", []string{"If-Match", `"x"`}, 412, "", ""},
		{"If-Match before If-Unmodified-Since", "greeting", []string{"If-Match", `"` + o.ETag + `"`, "If-Unmodified-Since", past}, 200, content, ""},
		{"If-Unmodified-Since fails", "greeting", []string{"If-Unmodified-Since", past}, 412, "", ""},
		{"If-Unmodified-Since", "greeting", []string{"If-Unmodified-Since", future}, 200, content, ""},
		{"If-None-Match", "greeting", []string{"If-None-Match", `"x"`}, 200, content, ""},
		{"If-None-Match fails", "greeting", []string{"If-None-Match", `W/"` + o.ETag + `"`}, 304, "", ""},
		{"If-Modified-Since", "greeting", []string{"If-Modified-Since", past}, 200, content, ""},
		{"If-Modified-Since fails", "greeting", []string{"If-Modified-Since", future}, 304, "", ""},
		{"If-None-Match before If-Modified-Since", "greeting", []string{"If-None-Match", `"x"`, "If-Modified-Since", future}, 200, content, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD"} {
				a := call{method: method, path: "/calls/" + c.key, headers: c.headers}.send(t, server)
				want := c.body
				if method == "HEAD" {
					want = ""
				}
				if a.status != c.status || a.status < 300 && a.body != want || a.headers.Get("Content-Range") != c.partial {
					t.Errorf("%s answers %d %q, Content-Range %q", method, a.status, a.body, a.headers.Get("Content-Range"))
				}
				if a.status < 300 && a.headers.Get("Content-Length") != strconv.Itoa(len(c.body)) {
					t.Errorf("%s has Content-Length %s, want %d", method, a.headers.Get("Content-Length"), len(c.body))
				}
				if a.status < 300 && a.headers.Get(fieldCipher) != "aws:kms" {
					t.Errorf("%s does not say how the content is encrypted", method)
				}
				if a.status == 304 && (a.headers.Get("ETag") == "" || a.body != "") {
					t.Errorf("%s 304 comes with %v %q", method, a.headers, a.body)
				}
			}
		})
	}
	a := call{path: "/calls/greeting?response-content-type=audio%2Fwav&response-cache-control=public%2Cmax-age%3D9999", presigned: true}.send(t, server)
	if a.headers.Get("Content-Type") != "audio/wav" || a.headers.Get("Cache-Control") != "private, no-store" || a.headers.Get(fieldKey) != "opened-by-7" {
		t.Errorf("overridden headers: %v", a.headers)
	}
	if a := (call{path: "/calls/greeting"}).send(t, server); a.headers.Get("Cache-Control") != "private, no-store" {
		t.Errorf("released content may be cached: %v", a.headers)
	}
}

func TestVirtualHosts(t *testing.T) {
	server, _ := open(t, func(c *Config) { c.Domain = "s3.example.com" })
	for _, c := range []struct {
		host, path string
		want       int
	}{
		{"calls.s3.example.com", "/greeting", 200},
		{"Calls.S3.example.com:443", "/greeting", 200},
		{"s3.example.com", "/calls/greeting", 200},
		{"10.1.2.3", "/calls/greeting", 200},
		{"other.s3.example.com", "/greeting", 404},
		{"callss3.example.com", "/greeting", 404},
		{".s3.example.com", "/calls/greeting", 200},
		{"UP_.s3.example.com", "/greeting", 400},
	} {
		if a := (call{host: c.host, path: c.path}).send(t, server); a.status != c.want {
			t.Errorf("%s%s answers %d %s, want %d", c.host, c.path, a.status, a.message, c.want)
		}
	}
}

func TestBucketNames(t *testing.T) {
	for name, want := range map[string]bool{
		"abc": true, "a.b-c9": true, strings.Repeat("a", 63): true, "1.2.3": true, "999": true,
		"ab": false, strings.Repeat("a", 64): false, "a..b": false, "a.-b": false, "a-.b": false, "-ab": false, "ab-": false, ".ab": false, "aBc": false, "a_b": false,
		"192.168.5.4": false, "xn--abc": false, "sthree-x": false, "amzn-s3-demo-x": false, "x-s3alias": false, "x--ols-s3": false, "x.mrap": false, "x--x-s3": false, "é-é": false,
	} {
		if validBucket(name) != want {
			t.Errorf("%q is valid: %v, want %v", name, !want, want)
		}
	}
}

// Keys of shapes that a path on disk or a cleaning router would change.
func TestKeysComeBackExactly(t *testing.T) {
	server, room := open(t)
	keys := []string{"/", "//", "a//b", "a/..", "a/../b", "a/./b", ".", "%2e%2e", "a%2Fb", "+ +", "\x00", "\x7f\x01", "é", "日本", "a\\b", "?", "#", "&<>\"'", "\u2028", "\ufffe", strings.Repeat("é", 512), "con", "a:b", " ", "a\r\nb"}
	for _, k := range keys {
		a := call{method: "PUT", path: "/calls/" + sigv4.Escape(k, true), body: k}.send(t, server)
		if a.status != 200 || room.objects["calls"][k] == nil {
			t.Errorf("%q: stored with %d %s", k, a.status, a.message)
			continue
		}
		if a := (call{path: "/calls/" + sigv4.Escape(k, false)}).send(t, server); a.status != 200 || a.body != k {
			t.Errorf("%q: read as %d %q", k, a.status, a.body)
		}
	}
	a := call{path: "/calls?encoding-type=url&prefix="}.send(t, server)
	var list struct{ Contents []struct{ Key string } }
	if err := xml.Unmarshal([]byte(a.body), &list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list.Contents {
		k, ok := unescape(c.Key, true)
		if !ok {
			t.Errorf("%q is not encoded", c.Key)
		}
		got = append(got, k)
	}
	want := append(slices.Clone(keys), "greeting")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
}

func TestListingOfUploads(t *testing.T) {
	server, _ := open(t)
	for _, key := range []string{"a", "b", "b", "c/é"} {
		if a := (call{method: "POST", path: "/calls/" + sigv4.Escape(key, true) + "?uploads"}).send(t, server); a.status != 200 || a.headers.Get(fieldKey) != "recipient-of-machine" {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	var got []string
	query := "/calls?uploads&max-uploads=1&encoding-type=url"
	next := query
	for range 5 {
		a := call{path: next}.send(t, server)
		var page struct {
			IsTruncated                       bool
			NextKeyMarker, NextUploadIdMarker string
			Upload                            []struct{ Key, UploadId string }
		}
		if err := xml.Unmarshal([]byte(a.body), &page); err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Upload {
			got = append(got, u.Key)
		}
		if n := len(page.Upload); n != 1 || page.NextKeyMarker != page.Upload[0].Key || page.NextUploadIdMarker != page.Upload[0].UploadId {
			t.Errorf("a page of %d uploads ends at %q, %q", n, page.NextKeyMarker, page.NextUploadIdMarker)
		}
		if !page.IsTruncated {
			break
		}
		next = query + "&key-marker=" + page.NextKeyMarker + "&upload-id-marker=" + page.NextUploadIdMarker
	}
	if want := []string{"a", "b", "b", "c/%C3%A9"}; !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

func TestServerIsBounded(t *testing.T) {
	s := Server("127.0.0.1:0", http.NotFoundHandler(), nil)
	if s.ReadHeaderTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes != 32<<10 || s.Protocols.HTTP2() || s.Protocols.UnencryptedHTTP2() {
		t.Errorf("the plain server is %+v", s)
	}
}

// With FIPS 140 enforced, MD5 and SHA-1 are still compared where a client asks for it.
func TestUnderFIPS(t *testing.T) {
	if os.Getenv("S3_UNDER_FIPS") != "" {
		t.Skip("this is the inner run")
	}
	inner := execSelf(t, "^(TestHeaderVectors|TestChunkVectors|TestChecksumValues|TestRefusals)$", "GODEBUG=fips140=only", "S3_UNDER_FIPS=1")
	if out, err := inner.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
