package frontdoor_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"strongroom"
	"strongroom/door/s3"
	"strongroom/internal/frontdoor"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/know/intake"
	"strongroom/vault"
)

// rooms is one room behind a door.
type rooms struct{ *housetest.Room }

func (r rooms) ByAccessKey(_ context.Context, keyID string) (s3.Room, vault.Credential, error) {
	c, err := r.House.Room.Credential(keyID)
	return served{r.House.Room}, c, err
}

func (r rooms) Sole(context.Context) s3.Room { return served{r.House.Room} }

type served struct{ *vault.Room }

func (s served) ID() strongroom.ID { return s.Config.ID }

func (s served) Enter(ctx context.Context) (func(), error) { return s.Room.Enter(ctx, "test") }

// open serves a real room by the real door and answers a way in for its intake.
func open(t *testing.T) (*housetest.Room, *frontdoor.Door, frontdoor.Config) {
	r := housetest.New(t, house.Options{})
	r.Bucket("recordings")
	p, err := r.House.Room.PutPrincipal(t.Context(), r.Owner, strongroom.Principal{Name: "drain-1", Kind: strongroom.Workload, Groups: []string{"intake"}})
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.House.Room.CreateKey(t.Context(), r.Owner, p.Name, 0)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s3.New(s3.Config{Rooms: rooms{r}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Noise: func(string) {}}))
	t.Cleanup(server.Close)
	c := frontdoor.Config{URL: server.URL, KeyID: k.ID, Secret: k.Secret, Principal: p.Name, Purpose: intake.Purpose}
	d, err := frontdoor.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return r, d, c
}

func object(key string, size int) intake.Object {
	return intake.Object{Bucket: "recordings", Key: key, Size: int64(size), ContentType: "audio/wav", Meta: map[string]string{"strongroom-intake": "drain-1", "strongroom-queue": "Réclamations"}}
}

// stream hides that a body could be read again.
func stream(b []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(b)} }

// TestThroughTheDoor: what is stored streams in, is there with its metadata, and reads
// back; what is there already is not stored over.
func TestThroughTheDoor(t *testing.T) {
	r, d, _ := open(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 500_000)
	for key, body := range map[string][]byte{"a b/é+%20.wav": content, "empty": {}, "one": {1}} {
		o := object(key, len(body))
		if err := d.Put(t.Context(), o, stream(body)); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if err := d.Put(t.Context(), o, stream(body)); !errors.Is(err, intake.ErrExists) {
			t.Errorf("%s, stored again: %v", key, err)
		}
		got, err := d.Head(t.Context(), "recordings", key)
		if err != nil || got.Size != o.Size || got.Meta["strongroom-queue"] != "Réclamations" {
			t.Errorf("%s: %+v, %v", key, got, err)
		}
		var out bytes.Buffer
		if err := d.Read(t.Context(), "recordings", key, &out); err != nil || !bytes.Equal(out.Bytes(), body) {
			t.Errorf("%s: %d bytes, %v", key, out.Len(), err)
		}
		if stored, err := r.Get(r.Owner, "recordings", key, 0, -1); err != nil || !bytes.Equal(stored, body) {
			t.Errorf("%s: %d bytes are in the room, %v", key, len(stored), err)
		}
	}
}

// TestBrokenOff: a body that fails, even after all bytes but the last, leaves nothing.
func TestBrokenOff(t *testing.T) {
	r, d, _ := open(t)
	content := bytes.Repeat([]byte("x"), 300_000)
	broken := errors.New("the source is in doubt")
	err := d.Put(t.Context(), object("a.wav", len(content)), io.MultiReader(stream(content[:len(content)-1]), failing{broken}))
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := r.House.Room.Head(t.Context(), r.Owner, "recordings", "a.wav", ""); strongroom.KindOf(err) != strongroom.KindNoObject {
		t.Errorf("in the room: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestAnswerLost: where the connection breaks before the answer comes, what was stored is
// found, and what was not is an error.
func TestAnswerLost(t *testing.T) {
	r, _, c := open(t)
	lose := &losing{next: http.DefaultTransport}
	c.HTTPClient = &http.Client{Transport: lose}
	d, err := frontdoor.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	lose.after = true
	if err := d.Put(t.Context(), object("a.wav", 5), stream([]byte("sound"))); !errors.Is(err, intake.ErrExists) {
		t.Errorf("lost after it was stored: %v", err)
	}
	if got, err := r.Get(r.Owner, "recordings", "a.wav", 0, -1); err != nil || string(got) != "sound" {
		t.Errorf("in the room: %q, %v", got, err)
	}
	lose.after = false
	if err := d.Put(t.Context(), object("b.wav", 5), stream([]byte("sound"))); err == nil || errors.Is(err, intake.ErrExists) {
		t.Errorf("lost before it was stored: %v", err)
	}
}

// losing breaks each PUT, before it is sent or after it was answered.
type losing struct {
	next  http.RoundTripper
	after bool
}

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPut {
		return l.next.RoundTrip(r)
	}
	if l.after {
		answer, err := l.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		answer.Body.Close()
	}
	return nil, errors.New("connection reset")
}

// TestErrors: what the door refuses has the kind that a room would give.
func TestErrors(t *testing.T) {
	r, d, c := open(t)
	r.Put("recordings", "theirs", []byte("x"), nil)
	o := object("a.wav", 1)
	o.Bucket = "nowhere"
	if err := d.Put(t.Context(), o, stream([]byte("x"))); strongroom.KindOf(err) != strongroom.KindNoBucket {
		t.Errorf("no bucket: %v", err)
	}
	o = object("a.wav", 1)
	o.Meta["strongroom-intake"] = "other"
	if err := d.Put(t.Context(), o, stream([]byte("x"))); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("in another's name: %v", err)
	}
	for _, key := range []string{"theirs", "absent"} {
		if _, err := d.Head(t.Context(), "recordings", key); !errors.Is(err, intake.ErrHidden) {
			t.Errorf("%s: %v", key, err)
		}
		if err := d.Read(t.Context(), "recordings", key, io.Discard); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := d.Put(t.Context(), object("theirs", 1), stream([]byte("y"))); !errors.Is(err, intake.ErrExists) {
		t.Errorf("over another's: %v", err)
	}
	c.Secret = strings.Repeat("x", 40)
	wrong, err := frontdoor.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := wrong.Put(t.Context(), object("b.wav", 1), stream([]byte("x"))); strongroom.KindOf(err) != strongroom.KindDenied || strings.Contains(err.Error(), c.Secret) {
		t.Errorf("a wrong secret: %v", err)
	}
	for _, url := range []string{"http://strongroom.example:7480", "https://key:secret@host", "ftp://x", ""} {
		c.URL = url
		if _, err := frontdoor.Open(c); err == nil {
			t.Errorf("%q was opened", url)
		}
	}
}
