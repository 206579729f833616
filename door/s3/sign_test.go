package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/people"
	"strongroom/vault"
)

// The vectors are those of the S3 documentation ("Authenticating Requests (AWS
// Signature Version 4)"), all made with the documentation's own example key.

func vectorRequest(t *testing.T, method, url string, headers ...string) *exchange {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	q, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	d := New(Config{Rooms: fakeRooms{newFakeRoom()}, MaxPresign: 7 * 24 * time.Hour}).(*door)
	return &exchange{door: d, r: r, query: q}
}

func TestHeaderVectors(t *testing.T) {
	const credential = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
	const host = "https://examplebucket.s3.amazonaws.com"
	for _, v := range []struct {
		name, method, url string
		headers           []string
	}{
		{"GET object", "GET", host + "/test.txt", []string{
			"Authorization", credential + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
			"Range", "bytes=0-9", "x-amz-content-sha256", emptySHA256, "x-amz-date", "20130524T000000Z"}},
		{"PUT object", "PUT", host + "/test$file.text", []string{
			"Authorization", credential + "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
			"Date", "Fri, 24 May 2013 00:00:00 GMT", "x-amz-date", "20130524T000000Z", "x-amz-storage-class", "REDUCED_REDUNDANCY",
			"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"}},
		{"GET ?lifecycle", "GET", host + "/?lifecycle", []string{
			"Authorization", credential + "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
			"x-amz-content-sha256", emptySHA256, "x-amz-date", "20130524T000000Z"}},
		{"list objects", "GET", host + "/?max-keys=2&prefix=J", []string{
			"Authorization", credential + "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
			"x-amz-content-sha256", emptySHA256, "x-amz-date", "20130524T000000Z"}},
		{"seed of signed chunks", "PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt", []string{
			"Authorization", credential + "SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
			"Content-Encoding", "aws-chunked", "Content-Length", "66824", "x-amz-decoded-content-length", "66560", "x-amz-storage-class", "REDUCED_REDUNDANCY",
			"x-amz-content-sha256", streamSigned, "x-amz-date", "20130524T000000Z"}},
		{"seed of signed chunks with a trailer", "PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt", []string{
			"Authorization", credential + "SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
			"Content-Encoding", "aws-chunked", "x-amz-decoded-content-length", "66560", "x-amz-storage-class", "REDUCED_REDUNDANCY", "x-amz-trailer", "x-amz-checksum-crc32c",
			"x-amz-content-sha256", streamSignedTrail, "x-amz-date", "20130524T000000Z"}},
	} {
		t.Run(v.name, func(t *testing.T) {
			x := vectorRequest(t, v.method, v.url, v.headers...)
			s, err := x.readSignature()
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(x.r, x.query.all(), testSecret); err != nil {
				t.Errorf("the documented signature is not accepted: %v\n%s", err, s.CanonicalRequest(x.r, x.query.all()))
			}
			if s.Verify(x.r, x.query.all(), testSecret+"x") == nil {
				t.Error("another secret is accepted")
			}
			x.r.Header.Set("X-Amz-Date", "20130524T000001Z")
			if s, err := x.readSignature(); err == nil && s.Verify(x.r, x.query.all(), testSecret) == nil {
				t.Error("a signed header was changed and the signature still holds")
			}
		})
	}
}

func TestPresignedVector(t *testing.T) {
	const url = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	x := vectorRequest(t, "GET", url)
	s, err := x.readSignature()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(x.r, x.query.all(), testSecret); err != nil {
		t.Fatal(err)
	}
	signed := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		at   time.Duration
		want string
	}{{0, ""}, {24 * time.Hour, ""}, {24*time.Hour + time.Second, "Request has expired"}, {-15 * time.Minute, ""}, {-16 * time.Minute, "Request is not yet valid"}} {
		err := s.Timely(signed.Add(c.at), 7*24*time.Hour)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v after signing: %v, want %q", c.at, err, c.want)
		}
	}
}

// vectorChunks is the body of the documentation's chunked upload: 65 KiB of 'a'.
func vectorChunks(signatures [3]string, end string) []byte {
	var b bytes.Buffer
	b.WriteString("10000;chunk-signature=" + signatures[0] + "\r\n" + strings.Repeat("a", 65536) + "\r\n")
	b.WriteString("400;chunk-signature=" + signatures[1] + "\r\n" + strings.Repeat("a", 1024) + "\r\n")
	b.WriteString("0;chunk-signature=" + signatures[2] + "\r\n" + end)
	return b.Bytes()
}

var (
	plainChunks = vectorChunks([3]string{
		"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
		"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
		"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"}, "\r\n")
	trailedChunks = vectorChunks([3]string{
		"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
		"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
		"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"},
		"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n")
)

const (
	plainSeed   = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
	trailedSeed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
)

func vectorSigner(seed string) *chunkSigner {
	return newChunkSigner(&sigv4.Signature{
		Date: "20130524", Region: "us-east-1", Service: "s3", Stamp: "20130524T000000Z", Value: seed,
		Key: sigv4.SigningKey(testSecret, "20130524", "us-east-1", "s3"),
	})
}

func TestChunkVectors(t *testing.T) {
	for _, v := range []struct {
		name, seed string
		body       []byte
		trails     bool
	}{
		{"without a trailer", plainSeed, plainChunks, false},
		{"with a trailer", trailedSeed, trailedChunks, true},
		{"with a trailer set off by an empty line", trailedSeed, bytes.Replace(trailedChunks, []byte("sOO8/Q==\r\n"), []byte("sOO8/Q==\n\r\n"), 1), true},
	} {
		t.Run(v.name, func(t *testing.T) {
			trailer := ""
			read := func(body []byte) ([]byte, error) {
				return io.ReadAll(newChunkReader(bytes.NewReader(body), vectorSigner(v.seed), v.trails, func(name, value string) error {
					trailer = name + "=" + value
					return nil
				}))
			}
			data, err := read(v.body)
			if err != nil || len(data) != 66560 {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
			if v.trails && trailer != "x-amz-checksum-crc32c=sOO8/Q==" {
				t.Errorf("trailer %q", trailer)
			}
			// Wherever one byte differs, the stream does not end well.
			for at := 0; at < len(v.body); at += 1 + len(v.body)/300 {
				bad := bytes.Clone(v.body)
				bad[at] ^= 1
				if _, err := read(bad); err == nil {
					t.Errorf("byte %d was changed unnoticed", at)
				}
			}
			for cut := 0; cut < len(v.body); cut += 1 + len(v.body)/300 {
				if _, err := read(v.body[:cut]); err == nil {
					t.Errorf("a stream cut after %d bytes ends well", cut)
				}
			}
			for _, tail := range []string{"x", "\r\n", "0\r\n\r\n"} {
				if _, err := read(append(bytes.Clone(v.body), tail...)); err == nil {
					t.Errorf("a stream followed by %q ends well", tail)
				}
			}
		})
	}
}

func TestChunksOutOfOrder(t *testing.T) {
	first, rest, _ := bytes.Cut(plainChunks, []byte("400;"))
	second, last, _ := bytes.Cut(rest, []byte("0;chunk"))
	swapped := append(append(append([]byte("400;"), second...), first...), append([]byte("0;chunk"), last...)...)
	_, err := io.ReadAll(newChunkReader(bytes.NewReader(swapped), vectorSigner(plainSeed), false, nil))
	if f, ok := errors.AsType[*failure](err); !ok || f.code != "SignatureDoesNotMatch" {
		t.Errorf("swapped chunks: %v", err)
	}
}

func TestCanonicalForms(t *testing.T) {
	for in, want := range map[string]string{
		"/b/a b+c":   "/b/a%20b%2Bc",
		"/b//x/../y": "/b//x/../y",
		"/b/é~_-.*'": "/b/%C3%A9~_-.%2A%27",
		"/b/a%2Fb":   "/b/a%252Fb",
		"/b/\x00":    "/b/%00",
	} {
		if got := sigv4.Escape(in, true); got != want {
			t.Errorf("path %q becomes %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"b=2&a=1":             "a=1&b=2",
		"uploads":             "uploads=",
		"prefix=a+b&x=%2b":    "prefix=a%20b&x=%2B",
		"a=&A=/":              "A=%2F&a=",
		"X-Amz-Signature=00":  "",
		"k=%C3%A9&&l=é":       "k=%C3%A9&l=%C3%A9",
		"a-b=1&a=2&a%20=3":    "a=2&a%20=3&a-b=1",
		"prefix=a=b;c&list=x": "list=x&prefix=a%3Db%3Bc",
	} {
		q, err := parseQuery(in)
		if err != nil || sigv4.CanonicalQuery(q.all()) != want {
			t.Errorf("query %q becomes %q (%v), want %q", in, sigv4.CanonicalQuery(q.all()), err, want)
		}
	}
	for _, in := range []string{"a=%", "a=%4", "a=%zz", "a=1&a=2", "%41=1&A=2", strings.Repeat("a&", 1) + manyParameters()} {
		if _, err := parseQuery(in); err == nil {
			t.Errorf("query %.40q is accepted", in)
		}
	}
}

func manyParameters() string {
	var b strings.Builder
	for i := range maxQuery + 1 {
		b.WriteString("&p")
		b.WriteString(strings.Repeat("x", i))
		b.WriteString("=1")
	}
	return b.String()
}

// sessionRooms knows, besides the usual keys, two sessions and one that is over.
type sessionRooms struct{ fakeRooms }

func (f sessionRooms) ByAccessKey(ctx context.Context, id string) (Room, vault.Credential, error) {
	c := vault.Credential{KeyID: id, Secret: testSecret, Principal: strongroom.Principal{ID: strongroom.ID{1}, Name: "ines.martin", Kind: strongroom.Person}}
	session := func(purpose strongroom.Purpose) vault.Credential {
		c.Session, c.Purpose = &people.Session{Token: people.TokenHash("token of " + id)}, purpose
		return c
	}
	switch id {
	case "SESSION":
		return f.room, session(strongroom.Purpose{Text: "complaint", Ticket: "T-1"}), nil
	case "ANOTHER":
		return f.room, session(strongroom.Purpose{}), nil
	case "OVER":
		c = session(strongroom.Purpose{})
		c.Expired = true
		return f.room, c, &strongroom.Error{Kind: strongroom.KindDenied, Message: "it expired"}
	case "MACHINE":
		c.Purpose = strongroom.Purpose{Text: "nightly copy"}
		return f.room, c, nil
	}
	return f.fakeRooms.ByAccessKey(ctx, id)
}

func TestSessionTokens(t *testing.T) {
	server, room := open(t, func(c *Config) { c.Rooms = sessionRooms{c.Rooms.(fakeRooms)} })
	token := func(of string) []string { return []string{"x-amz-security-token", "token of " + of} }
	purpose := func(headers []string, more ...string) []string { return append(headers, more...) }
	inURL := "/calls/greeting?X-Amz-Security-Token=token%20of%20"
	for _, c := range []struct {
		name   string
		call   call
		status int
		code   string
		want   strongroom.Purpose
	}{
		{"a session's purpose", call{key: "SESSION", headers: token("SESSION")}, 200, "", strongroom.Purpose{Text: "complaint", Ticket: "T-1"}},
		{"the request's own purpose", call{key: "SESSION", headers: purpose(token("SESSION"), "x-strongroom-purpose", "audit")}, 200, "", strongroom.Purpose{Text: "audit"}},
		{"the request's own ticket", call{key: "SESSION", headers: purpose(token("SESSION"), "x-strongroom-ticket", "T-2")}, 200, "", strongroom.Purpose{Text: "complaint", Ticket: "T-2"}},
		{"a session in a URL", call{key: "SESSION", path: inURL + "SESSION", presigned: true}, 200, "", strongroom.Purpose{Text: "complaint", Ticket: "T-1"}},
		{"a standing purpose", call{key: "MACHINE"}, 200, "", strongroom.Purpose{Text: "nightly copy"}},
		{"no token", call{key: "SESSION"}, 400, "InvalidToken", strongroom.Purpose{}},
		{"an empty token", call{key: "SESSION", headers: []string{"x-amz-security-token", ""}}, 400, "InvalidToken", strongroom.Purpose{}},
		{"another session's token", call{key: "SESSION", headers: token("ANOTHER")}, 400, "InvalidToken", strongroom.Purpose{}},
		{"another session's token in a URL", call{key: "SESSION", path: inURL + "ANOTHER", presigned: true}, 400, "InvalidToken", strongroom.Purpose{}},
		{"a token with a lasting key", call{headers: token("SESSION")}, 400, "InvalidToken", strongroom.Purpose{}},
		{"a token that is not signed", call{key: "SESSION", loose: token("SESSION")}, 403, "AccessDenied", strongroom.Purpose{}},
		{"a token in two places", call{key: "SESSION", path: inURL + "SESSION", presigned: true, loose: token("SESSION")}, 403, "AccessDenied", strongroom.Purpose{}},
		{"a token in the query and in a header", call{key: "SESSION", path: inURL + "SESSION", headers: token("SESSION")}, 400, "InvalidRequest", strongroom.Purpose{}},
		{"a session that is over", call{key: "OVER", headers: token("OVER")}, 400, "ExpiredToken", strongroom.Purpose{}},
		{"a session that is over, to whoever guesses", call{key: "OVER", secret: "another secret of some length", headers: token("OVER")}, 403, "InvalidAccessKeyId", strongroom.Purpose{}},
		{"a wrong signature", call{key: "SESSION", secret: "another secret of some length", headers: token("SESSION")}, 403, "SignatureDoesNotMatch", strongroom.Purpose{}},
	} {
		if c.call.path == "" {
			c.call.path = "/calls/greeting"
		}
		before := room.heard("token") + room.heard("key") + room.heard("signature")
		a := c.call.send(t, server)
		if a.status != c.status || a.code != c.code || strings.Contains(a.body, "token of") {
			t.Errorf("%s: answered %d %s %q", c.name, a.status, a.code, a.message)
		}
		if a.status == 200 && room.lastCaller().Purpose != c.want {
			t.Errorf("%s: the purpose is told as %+v", c.name, room.lastCaller().Purpose)
		}
		if noted := room.heard("token") + room.heard("key") + room.heard("signature"); a.status != 200 && c.call.loose == nil && noted != before+1 {
			t.Errorf("%s: %d refusals were counted", c.name, noted-before)
		}
	}
	if e := room.lastCaller().Endpoint; e != server.URL {
		t.Errorf("the endpoint is told as %q", e)
	}
}

// A purpose counts only where it was signed; the refusal names what was not.
func TestPurposeMustBeSigned(t *testing.T) {
	server, room := open(t)
	before := len(room.callers)
	for _, name := range []string{"x-strongroom-purpose", "x-strongroom-ticket", "x-amz-security-token"} {
		for _, presigned := range []bool{false, true} {
			a := call{path: "/calls/greeting", presigned: presigned, loose: []string{name, "mine"}}.send(t, server)
			if a.status != 403 || a.code != "AccessDenied" || !strings.Contains(a.body, name) {
				t.Errorf("%s, presigned %v: answered %d %s %q", name, presigned, a.status, a.code, a.message)
			}
		}
	}
	if len(room.callers) != before {
		t.Error("the room was asked all the same")
	}
}
