package s3store_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom/internal/s3store"
)

// fault is what the proxy does to one request.
type fault string

const (
	none          fault = ""
	slowDown      fault = "503 SlowDown"
	internalError fault = "500 InternalError"
	resetBefore   fault = "connection reset before the request is passed on"
	resetAfter    fault = "connection reset in place of the answer"
	truncate      fault = "answer broken off"
	stall         fault = "no answer"
	corruptSent   fault = "a bit of what is sent flips"
	corruptGot    fault = "a bit of the answer flips"
	otherRange    fault = "another range is answered"
	denied        fault = "403 AccessDenied"
)

// proxy stands between the store and the server, and does to each request what the plan
// says. It counts the requests by what they are.
type proxy struct {
	*httptest.Server
	target string

	mu   sync.Mutex
	plan func(kind string, n int) fault // n counts the requests of that kind from 1
	seen map[string]int
}

// kindOf names what a request does.
func kindOf(r *http.Request) string {
	q := r.URL.Query()
	object := strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "begin"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "complete"
	case r.Method == http.MethodPut && q.Has("uploadId"):
		return "part"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "abort"
	case r.Method == http.MethodGet && !object:
		return "list"
	}
	return strings.ToLower(r.Method)
}

func newProxy(t testing.TB, s *server, plan func(kind string, n int) fault) *proxy {
	t.Helper()
	p := &proxy{target: s.endpoint, plan: plan, seen: map[string]int{}}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.Server.Config.ErrorLog = nil
	p.Start()
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) count(kind string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[kind]
}

func (p *proxy) set(plan func(kind string, n int) fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.seen = plan, map[string]int{}
}

// open opens a store behind the proxy, with little patience.
func (p *proxy) open(t testing.TB, place s3store.Config) *s3store.Blobs {
	t.Helper()
	place.Location.Endpoint = p.URL
	b, err := s3store.OpenHasty(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// patient opens a store behind the proxy that asks no sooner again than it must.
func (p *proxy) patient(t testing.TB, place s3store.Config) *s3store.Blobs {
	t.Helper()
	place.Location.Endpoint = p.URL
	b, err := s3store.OpenPatient(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>`+code+`</Code><Message>made up</Message></Error>`)
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	kind := kindOf(r)
	p.seen[kind]++
	f := none
	if p.plan != nil {
		f = p.plan(kind, p.seen[kind])
	}
	p.mu.Unlock()
	if f == resetBefore {
		reset(w)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	switch f {
	case slowDown:
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
		return
	case internalError:
		refuse(w, http.StatusInternalServerError, "InternalError")
		return
	case denied:
		refuse(w, http.StatusForbidden, "AccessDenied")
		return
	case stall:
		<-r.Context().Done()
		return
	}
	if f == corruptSent && len(body) > 0 {
		body[len(body)/2] ^= 1
	}
	on, err := url.Parse(p.target + r.URL.RequestURI())
	if err != nil {
		return
	}
	out, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, on.String(), bytes.NewReader(body))
	if err != nil {
		return
	}
	out.Header, out.Host, out.ContentLength = r.Header.Clone(), r.Host, int64(len(body))
	out.Header.Del("Expect")
	if f == otherRange {
		out.Header.Set("Range", "bytes=5-9")
	}
	answer, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		reset(w)
		return
	}
	defer answer.Body.Close()
	if f == resetAfter {
		io.Copy(io.Discard, answer.Body)
		reset(w)
		return
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if answer.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(answer.ContentLength, 10))
	}
	w.WriteHeader(answer.StatusCode)
	switch f {
	case truncate:
		io.CopyN(w, answer.Body, answer.ContentLength/2)
		http.NewResponseController(w).Flush()
		reset(w)
	case corruptGot:
		content, _ := io.ReadAll(answer.Body)
		if len(content) > 0 {
			content[len(content)/2] ^= 1
		}
		w.Write(content)
	default:
		io.Copy(w, answer.Body)
	}
}

// twice does the fault to the first two requests of a kind.
func twice(kind string, f fault) func(string, int) fault {
	return func(k string, n int) fault {
		if k == kind && n <= 2 {
			return f
		}
		return none
	}
}

// always does the fault to every request of a kind.
func always(kind string, f fault) func(string, int) fault {
	return func(k string, _ int) fault {
		if k == kind {
			return f
		}
		return none
	}
}

// eventually waits for what happens in a moment.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}
