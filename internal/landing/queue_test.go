package landing_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom/internal/landing"
	"strongroom/know/intake"
)

// queue speaks the JSON protocol of SQS as far as a reader of messages needs it: a
// message that was received is hidden until it is deleted or its time is up, and comes
// with a receipt of its own each time.
type queue struct {
	t       *testing.T
	mu      sync.Mutex
	entries []*entry
	n       int
	deleted []string
}

type entry struct {
	id, body, receipt string
	hidden            time.Time
}

func (q *queue) send(body string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.n++
	q.entries = append(q.entries, &entry{id: fmt.Sprint("m", q.n), body: body})
}

func (q *queue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var in struct {
		QueueUrl            string
		MaxNumberOfMessages int
		VisibilityTimeout   int
		WaitTimeSeconds     int
		Entries             []struct{ Id, ReceiptHandle string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		q.t.Error(err)
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+user+"/") || !strings.Contains(r.Header.Get("Authorization"), "/sqs/aws4_request") {
		q.t.Errorf("the request is not signed for SQS: %q", r.Header.Get("Authorization"))
	}
	if in.QueueUrl != "http://"+r.Host+"/123456789012/landing" || r.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		q.t.Errorf("queue %q, type %q", in.QueueUrl, r.Header.Get("Content-Type"))
	}
	answer := map[string]any{}
	switch target := r.Header.Get("X-Amz-Target"); target {
	case "AmazonSQS.ReceiveMessage":
		if in.MaxNumberOfMessages < 1 || in.MaxNumberOfMessages > 10 || in.WaitTimeSeconds > 20 {
			q.t.Errorf("%+v is outside the limits of SQS", in)
		}
		var messages []map[string]string
		for _, e := range q.entries {
			if len(messages) == in.MaxNumberOfMessages || time.Now().Before(e.hidden) {
				continue
			}
			q.n++
			e.receipt, e.hidden = fmt.Sprint("receipt-", q.n), time.Now().Add(time.Duration(in.VisibilityTimeout)*time.Second)
			sum := md5.Sum([]byte(e.body))
			messages = append(messages, map[string]string{"MessageId": e.id, "ReceiptHandle": e.receipt, "Body": e.body, "MD5OfBody": hex.EncodeToString(sum[:])})
		}
		if messages != nil {
			answer["Messages"] = messages
		}
	case "AmazonSQS.DeleteMessageBatch":
		var ok, failed []map[string]any
		for _, d := range in.Entries {
			i := slices.IndexFunc(q.entries, func(e *entry) bool { return e.receipt == d.ReceiptHandle })
			if i < 0 {
				failed = append(failed, map[string]any{"Id": d.Id, "Code": "ReceiptHandleIsInvalid", "SenderFault": true})
				continue
			}
			q.deleted = append(q.deleted, q.entries[i].id)
			q.entries = slices.Delete(q.entries, i, i+1)
			ok = append(ok, map[string]any{"Id": d.Id})
		}
		answer["Successful"], answer["Failed"] = ok, failed
	default:
		q.t.Errorf("target %q", target)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		q.t.Error(err)
	}
}

func newQueue(t *testing.T) (*queue, *landing.SQS) {
	q := &queue{t: t}
	server := httptest.NewServer(q)
	t.Cleanup(server.Close)
	s, err := landing.OpenSQS(t.Context(), server.URL+"/123456789012/landing", "us-east-1", "", false, credentials)
	if err != nil {
		t.Fatal(err)
	}
	return q, s
}

// TestQueue: messages come, are hidden, and go when they are done; one that is done too
// late is an error and no harm.
func TestQueue(t *testing.T) {
	q, s := newQueue(t)
	for i := range 12 {
		q.send(fmt.Sprint("message ", i))
	}
	first, err := s.Receive(t.Context(), 0)
	if err != nil || len(first) != 10 || string(first[0].Body) != "message 0" {
		t.Fatalf("%d messages, %v", len(first), err)
	}
	second, err := s.Receive(t.Context(), time.Hour)
	if err != nil || len(second) != 2 {
		t.Fatalf("%d messages, %v", len(second), err)
	}
	if err := s.Done(t.Context(), first); err != nil {
		t.Error(err)
	}
	if err := s.Done(t.Context(), first[:1]); err == nil || !strings.Contains(err.Error(), "ReceiptHandleIsInvalid") {
		t.Errorf("done twice: %v", err)
	}
	if err := s.Done(t.Context(), nil); err != nil || len(q.entries) != 2 {
		t.Errorf("%v, %d messages left", err, len(q.entries))
	}
}

// TestQueueIsOnlyAHint: messages that are lost, repeated or forged change nothing of what
// is taken, and none is left.
func TestQueueIsOnlyAHint(t *testing.T) {
	b := newBucket(t, "hinted", true)
	r, store := room(t)
	q, hints := newQueue(t)
	want := map[string][]byte{}
	for i := range 6 {
		key, content := fmt.Sprintf("calls/%d + é.wav", i), fmt.Appendf(nil, "sound %d", i)
		b.put(key, content)
		want[key] = content
		if i%2 == 0 {
			for range 2 {
				q.send(fmt.Sprintf(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"hinted"},"object":{"key":"calls/%d+%%2B+%%C3%%A9.wav"}}}]}`, i))
			}
		}
	}
	q.send(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"other"},"object":{"key":"calls/1 + é.wav"}}}]}`)
	q.send(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"hinted"},"object":{"key":"never/was.wav"}}}]}`)
	q.send(`not JSON at all`)
	report := drain(t, b.source(""), store, func(c *intake.Config) { c.Queue, c.Wait = hints, 0 })
	if report.Hints != 4 || report.Files != len(want) || len(report.Counts) != 0 || b.left() != 0 || len(q.entries) != 0 || len(q.deleted) != 9 {
		t.Errorf("%d versions and %d messages left, %+v", b.left(), len(q.entries), report)
	}
	for key, content := range want {
		holds(t, r, key, content)
	}
}
