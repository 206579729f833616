package main

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"strongroom/internal/bench/lean"
)

// rough presses on the server as those do who mean ill, or are broken.
func (t task) rough(l *log) map[string]synthetic {
	target := synthetic{rand.Uint64(), 16 << 20}
	p := &pressure{task: t, log: l, target: "/" + bucket + "/rough/target"}
	if came := p.ask("store a target", lean.Request{Method: "PUT", Path: p.target, Body: target.bytes()}, "200"); came != "200" {
		return nil
	}
	var all sync.WaitGroup
	for _, each := range []struct {
		callers int
		do      func()
	}{{6, p.readSlowly}, {6, p.writeSlowly}, {2, p.breakOff}, {2, p.lie}, {1, p.pretend}, {1, p.bomb}, {1, p.crowd}} {
		for range each.callers {
			all.Go(func() {
				for time.Now().Before(t.Ends) {
					each.do()
				}
			})
		}
	}
	all.Wait()
	return map[string]synthetic{"rough/target": target}
}

type pressure struct {
	task
	log    *log
	target string
}

// pause keeps the rough ones from taking all of the machine.
func pause() { time.Sleep(50*time.Millisecond + rand.N(100*time.Millisecond)) }

func (p *pressure) path(what string) string {
	return fmt.Sprintf("/%s/rough/%s-%d", bucket, what, rand.Uint64())
}

// dial begins a connection that ends when the soak does, at the latest.
func (p *pressure) dial() (*lean.Caller, error) {
	c, err := lean.Dial(p.Endpoint, "soak")
	if err != nil {
		p.log.note("connect", time.Now(), "no connection")
		time.Sleep(time.Second)
		return nil, err
	}
	c.Conn.SetDeadline(time.Now().Add(90 * time.Second))
	return c, nil
}

// ask makes one request on a connection of its own.
func (p *pressure) ask(operation string, r lean.Request, expected ...string) string {
	return p.as(p.Endpoint, operation, r, expected...)
}

func (p *pressure) as(e lean.Endpoint, operation string, r lean.Request, expected ...string) string {
	c, err := p.dial()
	if err != nil {
		return ""
	}
	defer c.Close()
	c.Endpoint = e
	began := time.Now()
	a, err := c.Do(r)
	came := word(a, err)
	p.log.note(operation, began, came, expected...)
	return came
}

// readSlowly takes content far below the rate that is asked for.
func (p *pressure) readSlowly() {
	c, err := p.dial()
	if err != nil {
		return
	}
	defer c.Close()
	c.Conn.(*net.TCPConn).SetReadBuffer(8 << 10)
	began := time.Now()
	patience := 5*time.Second + rand.N(60*time.Second)
	if _, err := c.Conn.Write(c.Head(lean.Request{Method: "GET", Path: p.target})); err != nil {
		p.log.note("read slowly", began, "connection broken", "connection broken")
		return
	}
	came := "gave up"
	for piece := make([]byte, 1<<10); time.Since(began) < patience && time.Now().Before(p.Ends); time.Sleep(500 * time.Millisecond) {
		if _, err := c.Conn.Read(piece); err != nil {
			came = "cut off"
			break
		}
	}
	p.log.note("read slowly", began, came, "gave up", "cut off")
}

// writeSlowly sends content far below the rate that is asked for.
func (p *pressure) writeSlowly() {
	c, err := p.dial()
	if err != nil {
		return
	}
	defer c.Close()
	r := lean.Request{Method: "PUT", Path: p.path("slow"), Length: 1 << 20}
	began := time.Now()
	patience := 5*time.Second + rand.N(60*time.Second)
	c.Conn.Write(c.Head(r))
	came := "gave up"
	for piece := make([]byte, 512); time.Since(began) < patience && time.Now().Before(p.Ends); time.Sleep(250 * time.Millisecond) {
		if time.Since(began) > 25*time.Second { // the answer may be there
			c.Conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			a, err := c.Receive(r)
			if w := word(a, err); w != "no answer in time" {
				came = w
				break
			}
		}
		if _, err := c.Conn.Write(piece); err != nil {
			came = "connection broken"
			break
		}
	}
	p.log.note("write slowly", began, came, "gave up", "400 RequestTimeout", "connection broken")
}

// breakOff leaves in the middle: of a store, a part, a read.
func (p *pressure) breakOff() {
	defer pause()
	c, err := p.dial()
	if err != nil {
		return
	}
	if rand.IntN(2) == 0 {
		c.Conn.(*net.TCPConn).SetLinger(0) // a reset, not a farewell
	}
	defer c.Close()
	began := time.Now()
	switch rand.IntN(3) {
	case 0:
		c.Send(c.Head(lean.Request{Method: "PUT", Path: p.path("broken"), Length: 1 << 20}), make([]byte, rand.IntN(1<<20)))
		p.log.note("break off a store", began, "left", "left")
	case 1:
		r := lean.Request{Method: "POST", Path: p.path("broken"), Query: "uploads=", Keep: true}
		a, err := c.Do(r)
		if p.log.note("break off a part", began, word(a, err), "200"); err != nil || !a.OK() {
			return
		}
		upload := lean.Element(a.Body, "UploadId")
		c.Send(c.Head(lean.Request{Method: "PUT", Path: r.Path, Query: lean.Query("partNumber", "1", "uploadId", upload), Length: 1 << 20}), make([]byte, rand.IntN(1<<20)))
		c.Close()
		p.ask("abort upload", lean.Request{Method: "DELETE", Path: r.Path, Query: lean.Query("uploadId", upload)}, "204")
	case 2:
		c.Conn.Write(c.Head(lean.Request{Method: "GET", Path: p.target}))
		io.CopyN(io.Discard, c.Conn, rand.Int64N(1<<20))
		p.log.note("break off a read", began, "left", "left")
	}
}

// lies are bodies that are not what their headers say, and what becomes of them.
var lies = []struct {
	name     string
	request  lean.Request
	body     string
	hangUp   bool // and says no more
	expected []string
}{
	{"fewer bytes than announced", lean.Request{Length: 1000}, "too few", true, []string{"400 IncompleteBody"}},
	{"no length", lean.Request{Length: -1, Loose: [][2]string{{"Transfer-Encoding", "chunked"}}}, "3\r\nabc\r\n0\r\n\r\n", false, []string{"411 MissingContentLength"}},
	{"two lengths", lean.Request{Length: 5, Loose: [][2]string{{"Content-Length", "50"}}}, "hello", false, []string{"400"}},
	{"a length below nothing", lean.Request{Length: -1, Loose: [][2]string{{"Content-Length", "-5"}}}, "hello", false, []string{"400"}},
	{"a decoded length of more", chunked("100"), "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", false, []string{"400 IncompleteBody"}},
	{"a decoded length of less", chunked("3"), "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", false, []string{"400 IncompleteBody"}},
	{"a chunk longer than itself", chunked("5"), "fffffff0\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", true, []string{"400 IncompleteBody"}},
	{"a chunk beyond counting", chunked("5"), "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n", true, []string{"400 InvalidRequest", "400 IncompleteBody"}},
	{"another digest", lean.Request{Payload: strings.Repeat("0", 64)}, "hello", false, []string{"400 XAmzContentSHA256Mismatch"}},
	{"another MD5", lean.Request{Loose: [][2]string{{"Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="}}}, "hello", false, []string{"400 BadDigest"}},
}

func chunked(decoded string) lean.Request {
	return lean.Request{
		Payload: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
		Headers: [][2]string{{"x-amz-decoded-content-length", decoded}, {"x-amz-trailer", "x-amz-checksum-crc32"}},
		Loose:   [][2]string{{"Content-Encoding", "aws-chunked"}},
	}
}

func (p *pressure) lie() {
	defer pause()
	lie := lies[rand.IntN(len(lies))]
	c, err := p.dial()
	if err != nil {
		return
	}
	defer c.Close()
	r := lie.request
	r.Method, r.Path, r.Body = "PUT", p.path("lie"), []byte(lie.body)
	began := time.Now()
	c.Send(c.Head(r), r.Body)
	if lie.hangUp {
		c.Conn.(*net.TCPConn).CloseWrite()
	}
	a, err := c.Receive(r)
	p.log.note("lie: "+lie.name, began, word(a, err), lie.expected...)
}

// pretend is somebody else, or at another time.
func (p *pressure) pretend() {
	defer pause()
	other, absent := p.Endpoint, p.path("absent")
	other.Secret = strings.Repeat("x", len(other.Secret))
	p.as(other, "a wrong secret", lean.Request{Method: "GET", Path: p.target}, "403 SignatureDoesNotMatch")
	other.KeyID = fmt.Sprintf("SRAK%016X", rand.Uint64())
	p.as(other, "a guessed key", lean.Request{Method: "GET", Path: p.target}, "403 InvalidAccessKeyId")
	p.ask("an old signature", lean.Request{Method: "GET", Path: p.target, At: time.Now().Add(-16 * time.Minute)}, "403 RequestTimeTooSkewed")
	p.ask("a signature to come", lean.Request{Method: "GET", Path: p.target, At: time.Now().Add(16 * time.Minute)}, "403 RequestTimeTooSkewed")
	p.ask("a guessed name", lean.Request{Method: "GET", Path: absent}, "404 NoSuchKey")
	// The same signed bytes again are served again, and recorded again.
	r := lean.Request{Method: "PUT", Path: p.path("replayed"), Body: []byte("said once"), At: time.Now()}
	for range 2 {
		p.ask("replay a store", r, "200")
	}
	r.Method, r.Body = "DELETE", nil
	for range 2 {
		p.ask("replay a deletion", r, "204")
	}
}

// bomb sends little that would be much if it were believed.
func (p *pressure) bomb() {
	defer pause()
	laughs := `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><Delete><Object><Key>&c;</Key></Object></Delete>`
	for name, body := range map[string]string{
		"entities": laughs,
		"depth":    "<Delete>" + strings.Repeat("<a>", 300_000),
		"elements": "<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", 100_000) + "</Delete>",
		"tag":      "<Delete " + strings.Repeat(`a="" `, 500_000) + "/>",
	} {
		sum := md5.Sum([]byte(body)) // without which it would be refused unread
		p.ask("XML bomb: "+name, lean.Request{Method: "POST", Path: "/" + bucket, Query: "delete=", Body: []byte(body),
			Loose: [][2]string{{"Content-MD5", base64.StdEncoding.EncodeToString(sum[:])}}}, "400 MalformedXML")
	}
	p.ask("headers of 64 KiB", lean.Request{Method: "GET", Path: p.target, Loose: [][2]string{{"X-Filler", strings.Repeat("x", 64<<10)}}}, "431", "connection broken")
	p.ask("metadata of 8 KiB", lean.Request{Method: "PUT", Path: p.path("bomb"), Headers: [][2]string{{"x-amz-meta-filler", strings.Repeat("x", 8<<10)}}, Body: []byte("x")}, "400 MetadataTooLarge")
}

// crowd holds connections that say nothing, or never finish to say it, for a while.
func (p *pressure) crowd() {
	began := time.Now()
	var all []net.Conn
	for i := range 1000 {
		conn, err := net.Dial("tcp", p.Address)
		if err != nil {
			p.log.note("crowd", began, "no connection")
			break
		}
		if i%4 == 0 {
			io.Copy(conn, bytes.NewReader([]byte("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")))
		}
		all = append(all, conn)
	}
	for end := began.Add(20 * time.Second); time.Now().Before(end) && time.Now().Before(p.Ends); {
		time.Sleep(500 * time.Millisecond)
	}
	for _, conn := range all {
		conn.Close()
	}
	p.log.note("crowd", began, "left", "left")
}
