package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"strongroom/internal/bench/lean"
)

// dial begins one caller of the light client.
func (j job) dial() (*lean.Caller, error) {
	return lean.Dial(lean.Endpoint(j.endpoint), "benchmark")
}

// ask makes a request, which must succeed.
func ask(c *lean.Caller, r lean.Request) (lean.Answer, error) {
	a, err := c.Do(r)
	if err == nil && !a.OK() {
		err = fmt.Errorf("%s %s?%s: %d: %s", r.Method, r.Path, r.Query, a.Status, lastLines(a.Body, 3))
	}
	return a, err
}

func (j job) path(n int) string { return "/" + j.Bucket + "/" + j.Prefix + strconv.Itoa(n) }

// object is the one object of the actions that have one.
func (j job) object() string { return "/" + j.Bucket + "/" + strings.TrimSuffix(j.Prefix, "/") }

// listed is where number n of the objects to be listed lies: a thousand to a folder.
func (j job) listed(n int) string {
	return fmt.Sprintf("/%s/%s%03d/%03d.wav", j.Bucket, j.Prefix, n/1000, n%1000)
}

// runLight does a job by the light client.
func (j job) runLight() (result, error) {
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
	each := func(c *lean.Caller, n int) (int64, error) {
		var err error
		var a lean.Answer
		switch j.Action {
		case "put", "fill":
			path := j.path(n)
			if j.Action == "fill" {
				path = j.listed(n)
			}
			a, err = ask(c, lean.Request{Method: "PUT", Path: path, Body: content})
			if err == nil && j.Sealed && a.Header.Get("x-amz-server-side-encryption") != "aws:kms" {
				err = errors.New("the server does not say that it encrypted the object")
			}
			return j.Size, err
		case "head":
			_, err = ask(c, lean.Request{Method: "HEAD", Path: j.path(n % j.Objects)})
			return 0, err
		case "delete":
			_, err = ask(c, lean.Request{Method: "DELETE", Path: j.path(n)})
			return 0, err
		case "get":
			a, err = ask(c, lean.Request{Method: "GET", Path: j.path(n % j.Objects)})
		case "down": // one object, in ranges
			a, err = ask(c, lean.Request{Method: "GET", Path: j.object(), From: int64(n) * j.Size, To: int64(n+1) * j.Size})
		}
		if err == nil && a.Length != j.Size {
			err = fmt.Errorf("%d bytes came instead of %d", a.Length, j.Size)
		}
		return a.Length, err
	}
	return j.together(each)
}

// together has the job's callers do each, until the job's count or time is over.
func (j job) together(each func(c *lean.Caller, n int) (int64, error)) (result, error) {
	callers := make([]*lean.Caller, j.Callers)
	for i := range callers {
		var err error
		if callers[i], err = j.dial(); err != nil {
			return result{}, err
		}
		defer callers[i].Close()
	}
	var (
		next, moved atomic.Int64
		all         sync.WaitGroup
		mu          sync.Mutex
		took        []time.Duration
		wrong       error
	)
	start := time.Now()
	for _, c := range callers {
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
				bytes, err = each(c, n)
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
	c, err := j.dial()
	if err != nil {
		return result{}, err
	}
	defer c.Close()
	var took []time.Duration
	entry := "<Key>"
	if j.Delimiter != "" {
		entry = "<CommonPrefixes>"
	}
	start := time.Now()
	for range j.Count {
		entries := 0
		for token := ""; ; {
			var parameters []string
			if token != "" {
				parameters = append(parameters, "continuation-token", token)
			}
			if j.Delimiter != "" {
				parameters = append(parameters, "delimiter", j.Delimiter)
			}
			parameters = append(parameters, "list-type", "2", "max-keys", "1000", "prefix", j.Prefix)
			began := time.Now()
			a, err := ask(c, lean.Request{Method: "GET", Path: "/" + j.Bucket, Query: lean.Query(parameters...), Keep: true})
			if err != nil {
				return result{}, err
			}
			took = append(took, time.Since(began))
			entries += bytes.Count(a.Body, []byte(entry))
			if token = lean.Element(a.Body, "NextContinuationToken"); token == "" {
				break
			}
		}
		if entries != j.Objects {
			return result{}, fmt.Errorf("%d entries were listed instead of %d", entries, j.Objects)
		}
	}
	return resultOf(took, 0, time.Since(start).Seconds()), nil
}

// upload stores one object of Count parts of Size bytes each.
func (j job) upload() (result, error) {
	c, err := j.dial()
	if err != nil {
		return result{}, err
	}
	defer c.Close()
	start := time.Now()
	begun, err := ask(c, lean.Request{Method: "POST", Path: j.object(), Query: "uploads=", Keep: true})
	if err != nil {
		return result{}, err
	}
	upload := lean.Element(begun.Body, "UploadId")
	content := make([]byte, j.Size)
	fill(content)
	tags := make([]string, j.Count)
	r, err := j.together(func(c *lean.Caller, n int) (int64, error) {
		a, err := ask(c, lean.Request{Method: "PUT", Path: j.object(), Query: lean.Query("partNumber", strconv.Itoa(n+1), "uploadId", upload), Body: content})
		if err == nil {
			tags[n] = a.Header.Get("ETag")
		}
		return j.Size, err
	})
	if err != nil {
		return r, err
	}
	_, err = ask(c, lean.Request{Method: "POST", Path: j.object(), Query: lean.Query("uploadId", upload), Body: lean.Completion(tags)})
	r.Seconds = time.Since(start).Seconds()
	return r, err
}
