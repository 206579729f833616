// Package lean is a light S3 client for measuring servers and pressing on them: a
// caller is one connection, and writes its requests by hand, signed by SigV4 in
// headers, with UNSIGNED-PAYLOAD unless told otherwise. It retries nothing, follows
// nothing and checks no more than it is asked to, so that on a machine which client and
// server share little of it goes to the client, and so that what a server answers is
// seen as it is.
package lean

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Endpoint is where to connect, and as whom.
type Endpoint struct{ Address, KeyID, Secret string }

// Caller is one connection. It is for one goroutine.
type Caller struct {
	Endpoint
	Conn    net.Conn
	Purpose string // sent with every request as x-strongroom-purpose, which other servers pass over

	in     *bufio.Reader
	buffer []byte
	day    string
	key    []byte // signing key of that day
}

// Region that requests are signed for.
const Region = "us-east-1"

// Unsigned is the payload that a request has unless it says otherwise.
const Unsigned = "UNSIGNED-PAYLOAD"

// Dial connects.
func Dial(e Endpoint, purpose string) (*Caller, error) {
	conn, err := net.Dial("tcp", e.Address)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", e.Address, err)
	}
	return &Caller{Endpoint: e, Conn: conn, Purpose: purpose, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// Close ends the connection.
func (c *Caller) Close() error { return c.Conn.Close() }

// Request is one request. Path and query are as they stand in the request line, and
// the query's parameters in the order of their names, as SigV4 has it.
type Request struct {
	Method, Path, Query string
	Headers             [][2]string // x-amz-… and the like, in lower case: signed
	Loose               [][2]string // not signed
	From, To            int64       // a range of bytes, where To is above 0
	Body                []byte
	Length              int64     // what Content-Length says, where above 0; below 0 it is left out
	Payload             string    // x-amz-content-sha256; empty means Unsigned
	At                  time.Time // when it says that it was signed; zero means now
	Keep                bool      // the answer's body is wanted even of a success
	Into                io.Writer // where a success's body goes, if anywhere
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Length int64  // bytes of the body
	Body   []byte // of a refusal, or where it was wanted
}

// OK reports a success.
func (a Answer) OK() bool { return a.Status < 300 }

// Code is the error code of a refusal, or "".
func (a Answer) Code() string { return Element(a.Body, "Code") }

// Head is the request's line and headers, signed.
func (c *Caller) Head(r Request) []byte {
	at := r.At
	if at.IsZero() {
		at = time.Now()
	}
	stamp := at.UTC().Format("20060102T150405Z")
	if c.day != stamp[:8] {
		c.day = stamp[:8]
		c.key = mac(mac(mac(mac([]byte("AWS4"+c.Secret), c.day), Region), "s3"), "aws4_request")
	}
	payload := r.Payload
	if payload == "" {
		payload = Unsigned
	}
	headers := make([][2]string, 0, 8)
	headers = append(headers, [2]string{"host", c.Address}, [2]string{"x-amz-content-sha256", payload}, [2]string{"x-amz-date", stamp})
	if c.Purpose != "" {
		headers = append(headers, [2]string{"x-strongroom-purpose", c.Purpose})
	}
	headers = append(headers, r.Headers...)
	slices.SortFunc(headers, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	var canonical, signed, out bytes.Buffer
	canonical.WriteString(r.Method + "\n" + r.Path + "\n" + r.Query + "\n")
	out.Grow(1 << 10)
	out.WriteString(r.Method + " " + r.Path)
	if r.Query != "" {
		out.WriteString("?" + r.Query)
	}
	out.WriteString(" HTTP/1.1\r\n")
	for i, h := range headers {
		canonical.WriteString(h[0] + ":" + h[1] + "\n")
		out.WriteString(h[0] + ": " + h[1] + "\r\n")
		if i > 0 {
			signed.WriteByte(';')
		}
		signed.WriteString(h[0])
	}
	canonical.WriteString("\n" + signed.String() + "\n" + payload)
	digest := sha256.Sum256(canonical.Bytes())
	scope := c.day + "/" + Region + "/s3/aws4_request"
	signature := mac(c.key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hex.EncodeToString(digest[:]))
	out.WriteString("Authorization: AWS4-HMAC-SHA256 Credential=" + c.KeyID + "/" + scope +
		", SignedHeaders=" + signed.String() + ", Signature=" + hex.EncodeToString(signature) + "\r\n")
	if r.To > 0 {
		fmt.Fprintf(&out, "Range: bytes=%d-%d\r\n", r.From, r.To-1)
	}
	for _, h := range r.Loose {
		out.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	if r.Length >= 0 && (r.Method == http.MethodPut || r.Method == http.MethodPost) {
		length := r.Length
		if length == 0 {
			length = int64(len(r.Body))
		}
		out.WriteString("Content-Length: " + strconv.FormatInt(length, 10) + "\r\n")
	}
	out.WriteString("\r\n")
	return out.Bytes()
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// Do sends a request and reads its answer. An error means that no whole answer came.
func (c *Caller) Do(r Request) (Answer, error) {
	if err := c.Send(c.Head(r), r.Body); err != nil {
		return Answer{}, fmt.Errorf("sending %s %s: %w", r.Method, r.Path, err)
	}
	a, err := c.Receive(r)
	if err != nil {
		return a, fmt.Errorf("reading the answer to %s %s: %w", r.Method, r.Path, err)
	}
	return a, nil
}

// Send writes a head that Head made, and a body.
func (c *Caller) Send(head, body []byte) error {
	if len(body) <= 32<<10 {
		_, err := c.Conn.Write(append(slices.Clip(head), body...))
		return err
	}
	parts := net.Buffers{head, body}
	_, err := parts.WriteTo(c.Conn)
	return err
}

// Receive reads the answer to a request that was sent.
func (c *Caller) Receive(r Request) (Answer, error) {
	answer, err := http.ReadResponse(c.in, &http.Request{Method: r.Method})
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Status: answer.StatusCode, Header: answer.Header}
	if c.buffer == nil {
		c.buffer = make([]byte, 256<<10)
	}
	for {
		n, err := answer.Body.Read(c.buffer)
		a.Length += int64(n)
		if r.Keep || !a.OK() {
			a.Body = append(a.Body, c.buffer[:n]...)
		}
		if r.Into != nil && a.OK() {
			if _, err := r.Into.Write(c.buffer[:n]); err != nil {
				return a, err
			}
		}
		if err == io.EOF {
			return a, nil
		}
		if err != nil {
			return a, err
		}
	}
}

// Query writes parameters, names and values in turn, as SigV4 wants them. Their names
// must ascend.
func Query(parameters ...string) string {
	var b strings.Builder
	for i := 0; i < len(parameters); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(parameters[i]) + "=" + escape(parameters[i+1]))
	}
	return b.String()
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// Element is the text of a document's first element of that name, or "".
func Element(document []byte, name string) string {
	_, rest, ok := bytes.Cut(document, []byte("<"+name+">"))
	text, _, closed := bytes.Cut(rest, []byte("</"+name+">"))
	if !ok || !closed {
		return ""
	}
	return html.UnescapeString(string(text))
}

// Completion is the body that completes an upload of parts 1, 2 … with these ETags.
func Completion(tags []string) []byte {
	var b bytes.Buffer
	b.WriteString("<CompleteMultipartUpload>")
	for i, tag := range tags {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, html.EscapeString(tag))
	}
	b.WriteString("</CompleteMultipartUpload>")
	return b.Bytes()
}
