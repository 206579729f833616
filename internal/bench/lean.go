package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// lean is one caller of the light client: one connection, requests written by hand
// and signed by SigV4 with UNSIGNED-PAYLOAD, so that on a machine which client and
// server share little of it goes to the client. It is the same for every server.
type lean struct {
	endpoint
	key    []byte // signing key of the day
	day    string
	conn   net.Conn
	in     *bufio.Reader
	buffer []byte // for bodies that come
}

const region = "us-east-1"

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func newLean(e endpoint) (*lean, error) {
	conn, err := net.Dial("tcp", e.Address)
	if err != nil {
		return nil, err
	}
	day := time.Now().UTC().Format("20060102")
	key := hmacSHA256(hmacSHA256(hmacSHA256(hmacSHA256([]byte("AWS4"+e.Secret), day), region), "s3"), "aws4_request")
	return &lean{endpoint: e, key: key, day: day, conn: conn, in: bufio.NewReaderSize(conn, 64<<10), buffer: make([]byte, 256<<10)}, nil
}

// request is one request. Path and query are as they stand in the request line, and
// the query in the order that SigV4 has.
type request struct {
	method, path, query string
	from, to            int64 // range, where to is above 0
	body                []byte
	keep                bool // the answer's body is wanted
}

// head writes the request's line and headers.
func (l *lean) head(r request) []byte {
	stamp := time.Now().UTC().Format("20060102T150405Z")
	const signed = "host;x-amz-content-sha256;x-amz-date;x-strongroom-purpose"
	canonical := r.method + "\n" + r.path + "\n" + r.query + "\nhost:" + l.Address +
		"\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:" + stamp + "\nx-strongroom-purpose:benchmark\n\n" + signed + "\nUNSIGNED-PAYLOAD"
	digest := sha256.Sum256([]byte(canonical))
	scope := l.day + "/" + region + "/s3/aws4_request"
	signature := hmacSHA256(l.key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hex.EncodeToString(digest[:]))
	var b bytes.Buffer
	b.Grow(768)
	b.WriteString(r.method + " " + r.path)
	if r.query != "" {
		b.WriteString("?" + r.query)
	}
	b.WriteString(" HTTP/1.1\r\nHost: " + l.Address + "\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nx-amz-date: " + stamp +
		"\r\nx-strongroom-purpose: benchmark\r\nAuthorization: AWS4-HMAC-SHA256 Credential=" + l.KeyID + "/" + scope +
		", SignedHeaders=" + signed + ", Signature=" + hex.EncodeToString(signature) + "\r\n")
	if r.to > 0 {
		fmt.Fprintf(&b, "Range: bytes=%d-%d\r\n", r.from, r.to-1)
	}
	if r.method == http.MethodPut || r.method == http.MethodPost {
		b.WriteString("Content-Type: audio/wav\r\nContent-Length: " + strconv.Itoa(len(r.body)) + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// do sends a request and reads its answer, whose status must be a success.
func (l *lean) do(r request) (length int64, body []byte, h http.Header, err error) {
	head := l.head(r)
	if len(r.body) <= 32<<10 {
		_, err = l.conn.Write(append(head, r.body...))
	} else {
		parts := net.Buffers{head, r.body}
		_, err = parts.WriteTo(l.conn)
	}
	if err != nil {
		return 0, nil, nil, fmt.Errorf("sending %s %s: %w", r.method, r.path, err)
	}
	answer, err := http.ReadResponse(l.in, &http.Request{Method: r.method})
	if err != nil {
		return 0, nil, nil, fmt.Errorf("reading the answer to %s %s: %w", r.method, r.path, err)
	}
	keep := r.keep || answer.StatusCode >= 300
	for err == nil {
		var n int
		n, err = answer.Body.Read(l.buffer)
		length += int64(n)
		if keep {
			body = append(body, l.buffer[:n]...)
		}
	}
	if err != io.EOF {
		return length, body, nil, fmt.Errorf("reading the answer to %s %s: %w", r.method, r.path, err)
	}
	if answer.StatusCode >= 300 {
		return length, body, nil, fmt.Errorf("%s %s?%s: %s: %s", r.method, r.path, r.query, answer.Status, lastLines(body, 3))
	}
	return length, body, answer.Header, nil
}

func (j job) path(n int) string { return "/" + j.Bucket + "/" + j.Prefix + strconv.Itoa(n) }

// object is the one object of the actions that have one.
func (j job) object() string { return "/" + j.Bucket + "/" + strings.TrimSuffix(j.Prefix, "/") }

// listed is where number n of the objects to be listed lies: a thousand to a folder.
func (j job) listed(n int) string {
	return fmt.Sprintf("/%s/%s%03d/%03d.wav", j.Bucket, j.Prefix, n/1000, n%1000)
}

// runLean does a job by the light client.
func (j job) runLean() (result, error) {
	var r result
	var err error
	switch j.Action {
	case "list":
		r, err = j.list()
	case "up":
		r, err = j.upload()
	default:
		r, err = j.repeat()
	}
	var used syscall.Rusage
	if err == nil {
		err = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	}
	r.Processor = time.Duration(used.Utime.Nano() + used.Stime.Nano())
	return r, err
}

// repeat makes the job's one kind of request again and again.
func (j job) repeat() (result, error) {
	var content []byte
	if j.Action == "put" || j.Action == "fill" {
		content = make([]byte, j.Size)
		fill(content)
	}
	each := func(l *lean, n int) (int64, error) {
		var err error
		var length int64
		switch j.Action {
		case "put", "fill":
			path := j.path(n)
			if j.Action == "fill" {
				path = j.listed(n)
			}
			var h http.Header
			_, _, h, err = l.do(request{method: "PUT", path: path, body: content})
			if err == nil && j.Sealed && h.Get("x-amz-server-side-encryption") != "aws:kms" {
				err = errors.New("the server does not say that it encrypted the object")
			}
			return j.Size, err
		case "head":
			_, _, _, err = l.do(request{method: "HEAD", path: j.path(n % j.Objects)})
			return 0, err
		case "delete":
			_, _, _, err = l.do(request{method: "DELETE", path: j.path(n)})
			return 0, err
		case "get":
			length, _, _, err = l.do(request{method: "GET", path: j.path(n % j.Objects)})
		case "down": // one object, in ranges
			length, _, _, err = l.do(request{method: "GET", path: j.object(), from: int64(n) * j.Size, to: int64(n+1) * j.Size})
		}
		if err == nil && length != j.Size {
			err = fmt.Errorf("%d bytes came instead of %d", length, j.Size)
		}
		return length, err
	}
	return j.together(each)
}

// together has the job's callers do each, until the job's count or time is over.
func (j job) together(each func(l *lean, n int) (int64, error)) (result, error) {
	callers := make([]*lean, j.Callers)
	for i := range callers {
		var err error
		if callers[i], err = newLean(j.endpoint); err != nil {
			return result{}, err
		}
		defer callers[i].conn.Close()
	}
	var (
		next, moved atomic.Int64
		all         sync.WaitGroup
		mu          sync.Mutex
		took        []time.Duration
		wrong       error
	)
	start := time.Now()
	for _, l := range callers {
		all.Go(func() {
			var own []time.Duration
			var err error
			for err == nil {
				n := int(next.Add(1)) - 1
				if j.Count > 0 && n >= j.Count || j.Time > 0 && time.Since(start) >= j.Time {
					break
				}
				began := time.Now()
				var bytes int64
				bytes, err = each(l, n)
				own = append(own, time.Since(began))
				moved.Add(bytes)
			}
			mu.Lock()
			took, wrong = append(took, own...), errors.Join(wrong, err)
			mu.Unlock()
		})
	}
	all.Wait()
	seconds := time.Since(start).Seconds()
	if wrong != nil {
		return result{}, wrong
	}
	return resultOf(took, moved.Load(), seconds), nil
}

func resultOf(took []time.Duration, bytes int64, seconds float64) result {
	slices.Sort(took)
	return result{Requests: len(took), Bytes: bytes, Seconds: seconds, P50: took[len(took)/2], P99: took[len(took)*99/100]}
}

// list goes through every page of a listing, as often as the job counts.
func (j job) list() (result, error) {
	l, err := newLean(j.endpoint)
	if err != nil {
		return result{}, err
	}
	defer l.conn.Close()
	var took []time.Duration
	entry := "<Key>"
	if j.Delimiter != "" {
		entry = "<CommonPrefixes>"
	}
	start := time.Now()
	for range j.Count {
		entries := 0
		for token := ""; ; {
			query := ""
			if token != "" {
				query = "continuation-token=" + queryEscape(token) + "&"
			}
			if j.Delimiter != "" {
				query += "delimiter=" + queryEscape(j.Delimiter) + "&"
			}
			query += "list-type=2&max-keys=1000&prefix=" + queryEscape(j.Prefix)
			began := time.Now()
			_, body, _, err := l.do(request{method: "GET", path: "/" + j.Bucket, query: query, keep: true})
			if err != nil {
				return result{}, err
			}
			took = append(took, time.Since(began))
			entries += bytes.Count(body, []byte(entry))
			if token = element(body, "NextContinuationToken"); token == "" {
				break
			}
		}
		if entries != j.Objects {
			return result{}, fmt.Errorf("%d entries were listed instead of %d", entries, j.Objects)
		}
	}
	return resultOf(took, 0, time.Since(start).Seconds()), nil
}

// queryEscape writes a parameter as SigV4 has it.
func queryEscape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// element is the text of the first element of that name, or "".
func element(document []byte, name string) string {
	_, rest, ok := bytes.Cut(document, []byte("<"+name+">"))
	text, _, closed := bytes.Cut(rest, []byte("</"+name+">"))
	if !ok || !closed {
		return ""
	}
	return html.UnescapeString(string(text))
}

// upload stores one object of Count parts of Size bytes each.
func (j job) upload() (result, error) {
	l, err := newLean(j.endpoint)
	if err != nil {
		return result{}, err
	}
	defer l.conn.Close()
	start := time.Now()
	_, body, _, err := l.do(request{method: "POST", path: j.object(), query: "uploads=", keep: true})
	if err != nil {
		return result{}, err
	}
	upload := queryEscape(element(body, "UploadId"))
	content := make([]byte, j.Size)
	fill(content)
	tags := make([]string, j.Count)
	r, err := j.together(func(l *lean, n int) (int64, error) {
		_, _, h, err := l.do(request{method: "PUT", path: j.object(), query: fmt.Sprintf("partNumber=%d&uploadId=%s", n+1, upload), body: content})
		if err == nil {
			tags[n] = h.Get("ETag")
		}
		return j.Size, err
	})
	if err != nil {
		return r, err
	}
	var complete bytes.Buffer
	complete.WriteString("<CompleteMultipartUpload>")
	for i, tag := range tags {
		fmt.Fprintf(&complete, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, html.EscapeString(tag))
	}
	complete.WriteString("</CompleteMultipartUpload>")
	_, _, _, err = l.do(request{method: "POST", path: j.object(), query: "uploadId=" + upload, body: complete.Bytes(), keep: true})
	r.Seconds = time.Since(start).Seconds()
	return r, err
}
