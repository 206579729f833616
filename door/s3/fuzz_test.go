package s3

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"strongroom/door/sigv4"
)

func FuzzQuery(f *testing.F) {
	f.Add("X-Amz-Expires=-1&X-Amz-Date=0&&=&%41=%")
	f.Add("prefix=a+b&list-type=2")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			return
		}
		// What is signed is a fixed point: reading it gives the same again.
		signed := sigv4.CanonicalQuery(q.all())
		again, err := parseQuery(signed)
		if err != nil || sigv4.CanonicalQuery(again.all()) != signed {
			t.Errorf("%q becomes %q and then %q, %v", raw, signed, sigv4.CanonicalQuery(again.all()), err)
		}
	})
}

func FuzzCanonicalPath(f *testing.F) {
	for _, s := range []string{"/calls/a", "/calls//a/../b", "/%C3%A9%2f+", "/%", "//", "/a b", "*", "/calls/%00%ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		plain, ok := unescape(path, false)
		if !ok {
			return
		}
		encoded := sigv4.Escape(plain, true)
		if back, ok := unescape(encoded, false); !ok || back != plain {
			t.Errorf("%q is encoded as %q, which is read as %q", plain, encoded, back)
		}
		if strings.Count(encoded, "/") != strings.Count(plain, "/") {
			t.Errorf("encoding changes the slashes of %q", plain)
		}
		r, err := http.NewRequest("GET", "http://h", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.URL.Path = plain; plain == "" {
			return
		}
		x := &exchange{door: &door{}, r: r}
		if x.locate() == nil && (x.bucket != "" && plain != "/"+x.bucket && plain != "/"+x.bucket+"/"+x.key || !utf8.ValidString(x.key) || len(x.key) > maxKey) {
			t.Errorf("%q is taken for bucket %q, key %q", plain, x.bucket, x.key)
		}
	})
}

func FuzzChunks(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"), uint8(0))
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"), uint8(1))
	f.Add(plainChunks[60_000:], uint8(2))
	f.Add(trailedChunks[66_000:], uint8(3))
	f.Add([]byte("ffffffffffffffff\r\n"), uint8(0))
	f.Add([]byte("0\r\n0:\r0\n\r\n"), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, mode uint8) {
		var signer *chunkSigner
		if mode&2 != 0 {
			signer = vectorSigner(plainSeed)
		}
		trailers := 0
		c := newChunkReader(bytes.NewReader(data), signer, mode&1 == 0, func(name, value string) error {
			if trailers++; strings.ContainsAny(name+value, "\r\n") {
				t.Errorf("a trailer has line ends: %q: %q", name, value)
			}
			return nil
		})
		got, err := io.ReadAll(c)
		if len(got) > len(data) || trailers > maxTrailer {
			t.Errorf("%d bytes became %d, with %d trailers", len(data), len(got), trailers)
		}
		if err == nil && signer != nil && !bytes.Equal(data, plainChunks) && len(got) > 0 {
			t.Errorf("accepted without a signature that nobody can make: %q", data)
		}
		if _, again := c.Read(make([]byte, 1)); err == nil && again != io.EOF || err != nil && again == nil {
			t.Errorf("the end is not the end: %v, then %v", err, again)
		}
	})
}

func FuzzDelete(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><Delete xmlns="` + namespace + `"><Quiet>true</Quiet><Object><Key>a&amp;b</Key></Object></Delete>`))
	f.Add([]byte(`<!DOCTYPE x [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>`))
	f.Add([]byte(`<Delete><Object><Key><![CDATA[<x>]]></Key></Object><!-- c --></Delete>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, _, err := parseDelete(data)
		checkRefusal(t, err)
		if err == nil && (len(keys) == 0 || len(keys) > maxDelete) {
			t.Errorf("%d keys", len(keys))
		}
		if err == nil && bytes.Contains(data, []byte("<!DOCTYPE")) && !bytes.Contains(data, []byte("<![CDATA[")) && !bytes.Contains(data, []byte("<!--")) {
			t.Errorf("a document type is let through: %q", data)
		}
		_, err = checkCreateBucket(data)
		checkRefusal(t, err)
	})
}

// What a bucket is configured with is read without a fault, and what is taken reads the
// same when it is answered and given again.
func FuzzConfiguration(f *testing.F) {
	f.Add("LifecycleConfiguration", []byte("<LifecycleConfiguration><Rule><ID>a</ID><Filter><And><Prefix>a/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>"))
	f.Add("CORSConfiguration", []byte("<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>"))
	f.Add("ObjectLockConfiguration", []byte("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>"))
	f.Add("Tagging", []byte("<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"))
	f.Add("ServerSideEncryptionConfiguration", []byte("<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		root, err := parseDocument(data, name, 1024)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		switch name {
		case "LifecycleConfiguration":
			rules, err := lifecycle(root)
			checkRefusal(t, err)
			if err != nil {
				return
			}
			var d document
			d.root(name, func() {
				for _, r := range rules {
					d.element("Rule", func() { d.lifecycleRule(r) })
				}
			})
			again, err := parseDocument(d.b, name, 1<<15)
			if err != nil {
				return // characters that XML has no place for
			}
			if rules, err = lifecycle(again); err != nil || len(rules) == 0 {
				t.Errorf("what was answered is refused: %v: %s", err, d.b)
			}
		case "CORSConfiguration":
			_, err := corsRules(root)
			checkRefusal(t, err)
		case "ObjectLockConfiguration":
			_, err := lockRule(root)
			checkRefusal(t, err)
		case "Tagging":
			_, err := tagging(root, 10)
			checkRefusal(t, err)
		case "ServerSideEncryptionConfiguration":
			_, _, err := encryption(root)
			checkRefusal(t, err)
		}
	})
}

func FuzzComplete(f *testing.F) {
	f.Add([]byte(`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"abc"</ETag><ChecksumCRC32>NhCmhg==</ChecksumCRC32></Part></CompleteMultipartUpload>`))
	f.Add([]byte(`<CompleteMultipartUpload><Part><PartNumber>-1</PartNumber><ETag/></Part></CompleteMultipartUpload>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		parts, err := parseComplete(data)
		checkRefusal(t, err)
		last := 0
		for _, p := range parts {
			if p.number <= last || p.number > maxParts || p.etag == "" {
				t.Errorf("part %+v after %d", p, last)
			}
			last = p.number
		}
	})
}

// checkRefusal demands that an error is an answer with a code that the door knows.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if f, ok := errors.AsType[*failure](err); !ok || statuses[f.code] == 0 {
		t.Errorf("not an answer: %v", err)
	}
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-9", "bytes=-5", "bytes=5-", "bytes=9-0", "bytes=0-1,3-4", "bytes=99999999999999999999-", "BYTES = 1-2", "bytes=--1", ""} {
		f.Add(s, int64(100))
	}
	f.Add("bytes=0-9223372036854775807", int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, spec string, size int64) {
		if size < 0 {
			return
		}
		offset, length, kind := parseRange(spec, size)
		if kind == rangeWithin && (offset < 0 || length < 1 || offset > size-length) {
			t.Errorf("%q of %d bytes is %d+%d", spec, size, offset, length)
		}
		if kind != rangeWithin && (offset != 0 || length != 0) {
			t.Errorf("%q is refused with %d+%d", spec, offset, length)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	r, _ := call{path: "/calls/a/long/key.wav", headers: []string{"x-strongroom-purpose", "p"}}.request(b, "http://h")
	q, _ := parseQuery(r.URL.RawQuery)
	x := &exchange{door: New(Config{Rooms: fakeRooms{newFakeRoom()}}).(*door), r: r, query: q}
	for b.Loop() {
		s, err := x.readSignature()
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Verify(r, q.all(), testSecret); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignedChunks(b *testing.B) {
	body := bytes.Clone(plainChunks)
	b.SetBytes(66560)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, newChunkReader(bytes.NewReader(body), vectorSigner(plainSeed), false, nil)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChecksums(b *testing.B) {
	data := make([]byte, 1<<20)
	for _, c := range checksums {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			h := c.new()
			for b.Loop() {
				h.Write(data)
			}
		})
	}
}
