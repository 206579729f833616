package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"strongroom/internal/bench/lean"
)

// callersPerProcess is how many each client that means well has.
const callersPerProcess = 6

// kept is how many objects a caller keeps at most; beyond it each store is paid for
// by a deletion.
const kept = 60

const smallestPart = 5 << 20

// good works as a recorder and its readers do, and answers which objects must be there
// at the end.
func (t task) good(l *log) map[string]synthetic {
	var all sync.WaitGroup
	var mu sync.Mutex
	left := map[string]synthetic{}
	for i := range callersPerProcess {
		all.Go(func() {
			c := &caller{task: t, log: l, prefix: fmt.Sprintf("client-%d/%d/", t.Number, i), have: map[string]synthetic{}}
			c.run(time.Duration(callersPerProcess / t.Rate * float64(time.Second)))
			mu.Lock()
			defer mu.Unlock()
			for key, s := range c.have {
				left[key] = s
			}
		})
	}
	all.Wait()
	return left
}

// caller is one that means well, with keys of its own.
type caller struct {
	task
	log    *log
	prefix string
	conn   *lean.Caller
	have   map[string]synthetic
	keys   []string
	made   int
	copies bool // the server may copy, as far as is known
	asked  bool // whether it does
}

func (c *caller) run(pause time.Duration) {
	next := time.Now()
	for time.Now().Before(c.Ends) {
		if wait := time.Until(next); wait > 0 {
			time.Sleep(min(wait, time.Until(c.Ends)))
		}
		next = next.Add(pause)
		if behind := time.Now().Add(-10 * pause); next.Before(behind) {
			next = behind // a slow moment is not made up for
		}
		c.once()
	}
	if c.conn != nil {
		c.conn.Close()
	}
}

// once does one thing at random.
func (c *caller) once() {
	n := rand.IntN(100)
	switch {
	case len(c.keys) < 4 || n < 22:
		c.put(synthetic{rand.Uint64(), 1 + rand.Int64N(64<<10)})
	case n < 28:
		c.put(synthetic{rand.Uint64(), 1 + rand.Int64N(4<<20)})
	case n < 29:
		c.multipart()
	case n < 33:
		c.copy()
	case n < 53:
		c.get()
	case n < 75:
		c.ranges()
	case n < 87:
		c.head()
	case n < 93:
		c.list()
	default:
		c.remove()
	}
	for len(c.keys) > kept {
		c.remove()
	}
}

// do makes a request; the word that it came to is its status and code. After a broken
// connection the next request has a new one.
func (c *caller) do(operation string, r lean.Request, expected ...string) (lean.Answer, bool) {
	began := time.Now()
	if c.conn == nil {
		var err error
		if c.conn, err = lean.Dial(c.Endpoint, "soak"); err != nil {
			c.log.note(operation, began, "no connection", expected...)
			time.Sleep(100 * time.Millisecond)
			return lean.Answer{}, false
		}
	}
	c.conn.Conn.SetDeadline(time.Now().Add(time.Minute))
	a, err := c.conn.Do(r)
	came := word(a, err)
	c.log.note(operation, began, came, expected...)
	if err != nil || a.Header.Get("Connection") == "close" {
		c.conn.Close()
		c.conn = nil
	}
	return a, err == nil && a.OK()
}

// word is what a request came to.
func word(a lean.Answer, err error) string {
	switch {
	case err != nil:
		var e interface{ Timeout() bool }
		if errors.As(err, &e) && e.Timeout() {
			return "no answer in time"
		}
		return "connection broken"
	case a.OK():
		return strconv.Itoa(a.Status)
	}
	return strings.TrimSpace(strconv.Itoa(a.Status) + " " + a.Code())
}

func (c *caller) path(key string) string { return "/" + bucket + "/" + key }

func (c *caller) any() string { return c.keys[rand.IntN(len(c.keys))] }

func (c *caller) newKey() string {
	c.made++
	return c.prefix + strconv.Itoa(c.made)
}

func (c *caller) keep(key string, s synthetic) {
	if _, had := c.have[key]; !had {
		c.keys = append(c.keys, key)
	}
	c.have[key] = s
}

// put stores an object, one time in ten in the place of another.
func (c *caller) put(s synthetic) {
	key := c.newKey()
	if len(c.keys) > 0 && rand.IntN(10) == 0 {
		key = c.any()
	}
	if _, ok := c.do("put", lean.Request{Method: "PUT", Path: c.path(key), Body: s.bytes()}, "200"); ok {
		c.keep(key, s)
	}
}

// multipart stores an object of two parts and a bit.
func (c *caller) multipart() {
	key, s := c.newKey(), synthetic{rand.Uint64(), 2*smallestPart + rand.Int64N(1<<20)}
	a, ok := c.do("create upload", lean.Request{Method: "POST", Path: c.path(key), Query: "uploads=", Keep: true}, "200")
	if !ok {
		return
	}
	upload := lean.Element(a.Body, "UploadId")
	content := s.bytes()
	var tags []string
	for n := 0; n*smallestPart < len(content); n++ {
		part := content[n*smallestPart : min((n+1)*smallestPart, len(content))]
		a, ok := c.do("upload part", lean.Request{Method: "PUT", Path: c.path(key), Query: lean.Query("partNumber", strconv.Itoa(n+1), "uploadId", upload), Body: part}, "200")
		if !ok {
			break
		}
		tags = append(tags, a.Header.Get("ETag"))
		if rand.IntN(8) == 0 {
			break // and think better of it
		}
	}
	if len(tags)*smallestPart < len(content) {
		c.do("abort upload", lean.Request{Method: "DELETE", Path: c.path(key), Query: lean.Query("uploadId", upload)}, "204")
		return
	}
	if _, ok := c.do("complete upload", lean.Request{Method: "POST", Path: c.path(key), Query: lean.Query("uploadId", upload), Body: lean.Completion(tags)}, "200"); ok {
		c.keep(key, s)
	}
}

// copy copies, as long as the server does not say that it cannot.
func (c *caller) copy() {
	if c.asked && !c.copies {
		c.get()
		return
	}
	from, to := c.any(), c.newKey()
	a, ok := c.do("copy", lean.Request{Method: "PUT", Path: c.path(to), Headers: [][2]string{{"x-amz-copy-source", c.path(from)}}}, "200", "501 NotImplemented")
	c.copies = ok || a.Status != 501
	c.asked = true
	if ok {
		c.keep(to, c.have[from])
	}
}

// get reads a whole object and compares it.
func (c *caller) get() {
	key := c.any()
	got := sha256.New()
	began := time.Now()
	if _, ok := c.do("get", lean.Request{Method: "GET", Path: c.path(key), Into: got}, "200"); ok {
		if want := sha256.Sum256(c.have[key].bytes()); !bytes.Equal(got.Sum(nil), want[:]) {
			c.log.note("get", began, "other content than was stored")
		}
	}
}

// ranges reads two ranges of an object and compares them.
func (c *caller) ranges() {
	key := c.any()
	content := c.have[key].bytes()
	for range 2 {
		from := rand.IntN(len(content))
		to := min(len(content), from+1+rand.IntN(256<<10))
		var got bytes.Buffer
		began := time.Now()
		if _, ok := c.do("get a range", lean.Request{Method: "GET", Path: c.path(key), From: int64(from), To: int64(to), Into: &got}, "206"); ok && !bytes.Equal(got.Bytes(), content[from:to]) {
			c.log.note("get a range", began, "other content than was stored")
		}
	}
}

func (c *caller) head() {
	key := c.any()
	began := time.Now()
	a, ok := c.do("head", lean.Request{Method: "HEAD", Path: c.path(key)}, "200")
	if want := strconv.FormatInt(c.have[key].Size, 10); ok && a.Header.Get("Content-Length") != want {
		c.log.note("head", began, "another size than was stored")
	}
}

// list compares the caller's own keys with what the server lists.
func (c *caller) list() {
	began := time.Now()
	a, ok := c.do("list", lean.Request{Method: "GET", Path: "/" + bucket, Query: lean.Query("list-type", "2", "prefix", c.prefix), Keep: true}, "200")
	if !ok {
		return
	}
	if n := bytes.Count(a.Body, []byte("<Key>")); n != len(c.keys) {
		c.log.note("list", began, fmt.Sprintf("%d keys instead of %d", n, len(c.keys)))
	}
}

func (c *caller) remove() {
	i := rand.IntN(len(c.keys))
	key := c.keys[i]
	if _, ok := c.do("delete", lean.Request{Method: "DELETE", Path: c.path(key)}, "204"); ok {
		delete(c.have, key)
		c.keys[i] = c.keys[len(c.keys)-1]
		c.keys = c.keys[:len(c.keys)-1]
	}
}

// compare reads every object once more, and lists the bucket.
func compare(s *server, objects map[string]synthetic) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	for key, want := range objects {
		got := sha256.New()
		a, err := c.Do(lean.Request{Method: "GET", Path: "/" + bucket + "/" + key, Into: got})
		if err != nil || !a.OK() {
			return fmt.Errorf("%s: %s", key, word(a, err))
		}
		if sum := sha256.Sum256(want.bytes()); !bytes.Equal(got.Sum(nil), sum[:]) {
			return fmt.Errorf("%s has other content than was stored", key)
		}
	}
	listed := 0
	for token := ""; ; {
		parameters := []string{"list-type", "2"}
		if token != "" {
			parameters = append([]string{"continuation-token", token}, parameters...)
		}
		a, err := c.Do(lean.Request{Method: "GET", Path: "/" + bucket, Query: lean.Query(parameters...), Keep: true})
		if err != nil || !a.OK() {
			return fmt.Errorf("listing: %s", word(a, err))
		}
		rest := a.Body
		for {
			key := lean.Element(rest, "Key")
			if key == "" {
				break
			}
			if _, ok := objects[key]; !ok {
				return fmt.Errorf("%s is listed, and should not be there", key)
			}
			listed++
			_, rest, _ = bytes.Cut(rest, []byte("</Key>"))
		}
		if token = lean.Element(a.Body, "NextContinuationToken"); token == "" {
			break
		}
	}
	if listed != len(objects) {
		return fmt.Errorf("%d objects are listed instead of %d", listed, len(objects))
	}
	return nil
}
