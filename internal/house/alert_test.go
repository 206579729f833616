package house_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"strongroom"
	"strongroom/alert"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/internal/push"
	"strongroom/release"
	"strongroom/vault"
)

const hookSecret = "a-secret-that-nobody-ever-sees-again"

// receiver is a webhook's other side.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	hooks []push.Hook
	deaf  bool
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var hook push.Hook
		if err != nil || json.Unmarshal(body, &hook) != nil {
			t.Errorf("a body that is none: %s", body)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.deaf {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		r.hooks = append(r.hooks, hook)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) conditions() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]int{}
	for _, h := range r.hooks {
		out[h.Condition]++
	}
	return out
}

// wait waits until a condition was told so often.
func (r *receiver) wait(t *testing.T, condition string, n int) {
	t.Helper()
	housetest.Eventually(t, fmt.Sprintf("%s is told %d times", condition, n), func() bool { return r.conditions()[condition] >= n })
}

func desk(t testing.TB, r *housetest.Room) *alert.Desk {
	t.Helper()
	d, done, err := r.House.Alerts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { done() })
	return d
}

// refuseThem has somebody be refused ten times.
func refuseThem(t *testing.T, r *housetest.Room, c vault.Caller) {
	t.Helper()
	for range 10 {
		if _, err := r.Get(c, "calls", "quarrel-with-Frau-Schneider", 0, -1); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Fatal(err)
		}
	}
}

// From an act in the room to a message outside it, and back to an acknowledgement: in a
// served room, over a restart, with nothing of it readable on the disk.
func TestAlerts(t *testing.T) {
	r := housetest.New(t, house.Options{})
	out := newReceiver(t)
	d := desk(t, r)
	channel := alert.Channel{Name: "soc-hook", Kind: alert.Webhook, Language: alert.English, URL: out.URL + "/path-that-is-secret", Secret: hookSecret}
	if err := d.AddChannel(t.Context(), r.Owner, channel); err != nil {
		t.Fatal(err)
	}
	out.wait(t, "alerting-changed", 1)
	r.Bucket("calls")
	r.Put("calls", "quarrel-with-Frau-Schneider", []byte("x"), nil)
	curious := r.Person(strongroom.Principal{Name: "otto.curious", Groups: []string{"auditors"}}) // who may read alerts
	officer := r.Person(strongroom.Principal{Name: "pia.officer", Groups: []string{"security-officers"}})
	nobody := r.Person(strongroom.Principal{Name: "nobody"})
	refuseThem(t, r, curious)
	out.wait(t, "repeated-refusals", 1)

	all, err := d.List(t.Context(), officer, 10, alert.Open)
	if err != nil {
		t.Fatal(err)
	}
	var a alert.Alert
	for _, one := range all {
		if one.Condition == "repeated-refusals" {
			a = one
		}
	}
	if a.Person != "otto.curious" || len(a.Evidence) != 10 || a.Seen != 10 {
		t.Fatalf("%+v", all)
	}
	for _, index := range a.Evidence {
		record, err := r.House.Book.Record(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := vault.EventOf(record); err != nil || e.Kind != vault.KindRefusal || e.Principal().Name != "otto.curious" {
			t.Errorf("record %d is no evidence: %+v, %v", index, e, err)
		}
	}

	// Whoever may not read alerts learns nothing; whoever it is about does not decide it.
	if _, err := d.List(t.Context(), nobody, 10); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("nobody listed: %v", err)
	}
	if _, err := d.Acknowledge(t.Context(), nobody, a.ID, ""); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("nobody acknowledged: %v", err)
	}
	if _, err := d.Acknowledge(t.Context(), nobody, strongroom.NewID(), ""); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("nobody learned that there is no such alert: %v", err)
	}
	size := r.House.Book.Head().Size
	if _, err := d.Acknowledge(t.Context(), curious, a.ID, "nothing to see"); strongroom.KindOf(err) != strongroom.KindDenied || !strings.Contains(err.Error(), "about you") {
		t.Errorf("the suspect acknowledged: %v", err)
	}
	if record, err := r.House.Book.Record(t.Context(), size); err != nil {
		t.Error(err)
	} else if e, err := vault.EventOf(record); err != nil || e.Kind != vault.KindRefusal || e.Did != "readAlerts" || !strings.Contains(e.Detail, a.ID.String()) {
		t.Errorf("the attempt is not on record: %+v %v", e, err)
	}
	second := r.Person(strongroom.Principal{Name: "o.curious", Aliases: []string{"otto.curious"}, Groups: []string{"auditors"}})
	if _, err := d.Acknowledge(t.Context(), second, a.ID, "nothing to see"); strongroom.KindOf(err) != strongroom.KindDenied || !strings.Contains(err.Error(), "about you") {
		t.Errorf("the suspect acknowledged by another account of theirs: %v", err)
	}
	if err := d.AddChannel(t.Context(), curious, channel); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("who may not manage alerts added a channel: %v", err)
	}
	acked, err := d.Acknowledge(t.Context(), officer, a.ID, "called his lead")
	if err != nil || acked.Acked.By != "pia.officer" || acked.State != alert.Acknowledged {
		t.Fatalf("%+v, %v", acked, err)
	}
	if _, err := d.Acknowledge(t.Context(), r.Owner, a.ID, ""); strongroom.KindOf(err) != strongroom.KindConflict {
		t.Errorf("acknowledged twice: %v", err)
	}
	shown, deliveries, err := d.Show(t.Context(), officer, a.ID)
	if err != nil || shown.Acked.Note != "called his lead" || len(deliveries) != 1 || deliveries[0].State != alert.Sent {
		t.Errorf("%+v %+v %v", shown, deliveries, err)
	}
	setup, err := d.Setup(t.Context(), officer)
	if err != nil || len(setup.Channels) != 1 {
		t.Fatal(setup, err)
	}
	if text := fmt.Sprintf("%+v", setup); strings.Contains(text, hookSecret) || strings.Contains(text, "path-that-is-secret") {
		t.Errorf("a secret is shown: %s", text)
	}

	// What could not be sent before a restart is sent after it, once more with the same id.
	out.mu.Lock()
	out.deaf = true
	out.mu.Unlock()
	refuseThem(t, r, nobody)
	housetest.Eventually(t, "an alert about nobody", func() bool {
		open, err := d.Engine.Store.Alerts(t.Context(), 1, alert.Open)
		return err == nil && len(open) == 1 && open[0].Person == "nobody"
	})
	r.Stop()
	checkNothingReadable(t, r.Dir, "otto.curious", "pia.officer", "Schneider", hookSecret, "path-that-is-secret", "called his lead", "soc-hook")
	out.mu.Lock()
	out.deaf = false
	out.mu.Unlock()
	r = housetest.Open(t, r, house.Options{})
	out.wait(t, "repeated-refusals", 2)

	// Taking the channel away is told on that channel.
	d = desk(t, r)
	if err := d.RemoveChannel(t.Context(), r.Owner, "soc-hook"); err != nil {
		t.Fatal(err)
	}
	out.wait(t, "alerting-changed", 1)
	if err := d.AddChannel(t.Context(), r.Owner, channel); strongroom.KindOf(err) != strongroom.KindConflict {
		t.Errorf("the name of a channel that was just removed was given to another: %v", err)
	}
	if _, _, err := d.Test(t.Context(), r.Owner, nil); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("a test without a channel: %v", err)
	}
}

// checkNothingReadable looks for words in every file of alerts.
func checkNothingReadable(t *testing.T, dir string, words ...string) {
	t.Helper()
	read := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(entry.Name(), ".db") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		for _, w := range words {
			if bytes.Contains(content, []byte(w)) {
				t.Errorf("%s holds %q", entry.Name(), w)
			}
		}
		return nil
	})
	if err != nil || read < 3 {
		t.Errorf("read %d files, %v", read, err)
	}
}

// A test goes the way of alerts and says what became of it on each channel.
func TestAlertTest(t *testing.T) {
	r := housetest.New(t, house.Options{})
	good, bad := newReceiver(t), newReceiver(t)
	bad.deaf = true
	d := desk(t, r)
	for name, to := range map[string]*receiver{"good": good, "bad": bad} {
		if err := d.AddChannel(t.Context(), r.Owner, alert.Channel{Name: name, Kind: alert.Webhook, Language: alert.French, URL: to.URL, Secret: hookSecret}); err != nil {
			t.Fatal(err)
		}
	}
	_, deliveries, err := d.Test(t.Context(), r.Owner, nil)
	if err != nil || len(deliveries) != 2 {
		t.Fatal(deliveries, err)
	}
	for _, v := range deliveries {
		if v.Channel == "good" && v.State != alert.Sent || v.Channel == "bad" && (v.State != alert.ToSend || !strings.Contains(v.Problem, "503")) {
			t.Errorf("%+v", v)
		}
	}
	if good.conditions()["test"] != 1 {
		t.Errorf("told %v", good.conditions())
	}
	for name, c := range map[string]alert.Channel{
		"plain":       {Name: "x", Kind: alert.Webhook, Language: alert.English, URL: "http://example.com/", Secret: hookSecret},
		"metadata":    {Name: "x", Kind: alert.Webhook, Language: alert.English, URL: "https://169.254.169.254/", Secret: hookSecret},
		"weak secret": {Name: "x", Kind: alert.Webhook, Language: alert.English, URL: "https://example.com/", Secret: "short"},
		"bad name":    {Name: "x y", Kind: alert.Webhook, Language: alert.English, URL: "https://example.com/", Secret: hookSecret},
		"no keys":     {Name: "x", Kind: alert.WebPush, Language: alert.English, URL: "https://example.com/"},
	} {
		if err := d.AddChannel(t.Context(), r.Owner, c); strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A rota names people and channels that there are.
	if _, err := d.SetRota(t.Context(), r.Owner, "rota", []byte("people: [{name: ghost, channels: [good]}]\nlevels: [{people: [ghost]}]")); err == nil || !strings.Contains(err.Error(), `no principal "ghost"`) {
		t.Errorf("%v", err)
	}
	if _, err := d.SetRota(t.Context(), r.Owner, "rota", []byte("people: [{name: owner, channels: [good]}]\nlevels: [{people: [owner]}]")); err != nil {
		t.Error(err)
	}
	if _, err := d.SetConditions(t.Context(), r.Owner, "c", []byte("conditions: [{id: repeated-refusals, threshold: 3}]")); err != nil {
		t.Error(err)
	}
	setup, err := alert.SetupOf(t.Context(), r.House.Room)
	if err != nil || setup.Rota == nil || len(setup.Channels) != 2 || setup.Channels[0].Secret != hookSecret {
		t.Errorf("%+v %v", setup, err)
	}
}

// A custodian that gives no keys is told of, and a workload's finding too.
func TestTroubleIsTold(t *testing.T) {
	r := housetest.New(t, house.Options{Wrap: func(vault.Custodian) vault.Custodian { return &noKeys{} }})
	out := newReceiver(t)
	d := desk(t, r)
	if err := d.AddChannel(t.Context(), r.Owner, alert.Channel{Name: "hook", Kind: alert.Webhook, Language: alert.English, URL: out.URL, Secret: hookSecret}); err != nil {
		t.Fatal(err)
	}
	r.Bucket("calls")
	r.Put("calls", "a", []byte("x"), nil)
	for range 3 {
		if _, err := r.Get(r.Owner, "calls", "a", 0, -1); err == nil {
			t.Fatal("content without a key")
		}
	}
	out.wait(t, "custody-fails", 1)
	drain := r.Person(strongroom.Principal{Name: "drain", Kind: strongroom.Workload, Groups: []string{"intake"}})
	if err := r.House.Room.Report(t.Context(), r.Owner, "landing-overdue", "x"); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("a person reported: %v", err)
	}
	if err := r.House.Room.Report(t.Context(), drain, "landing-overdue", "s3://export/calls/7.wav, for 40 minutes"); err != nil {
		t.Fatal(err)
	}
	out.wait(t, "landing-overdue", 1)
}

// A record that cannot be read, as after somebody changed it in the database, is not passed
// over: whoever watches stays before it, and that is told outside.
func TestAnUnreadableRecordIsTold(t *testing.T) {
	r := housetest.New(t, house.Options{})
	out := newReceiver(t)
	if err := desk(t, r).AddChannel(t.Context(), r.Owner, alert.Channel{Name: "hook", Kind: alert.Webhook, Language: alert.English, URL: out.URL, Secret: hookSecret}); err != nil {
		t.Fatal(err)
	}
	r.Bucket("calls")
	out.wait(t, "alerting-changed", 1)
	folder := r.House.Path
	r.Stop()
	for _, counts := range []string{"monitor.db", "monitor.db-wal", "monitor.db-shm"} { // so that they are made again, from the first record on
		if err := os.Remove(filepath.Join(folder, counts)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(folder, "content.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE record SET evidence = '{}' WHERE idx = 1"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	housetest.Open(t, r, house.Options{})
	out.wait(t, "watching-fails", 1)
}

// noKeys is a custodian that witnesses and gives nothing.
type noKeys struct{}

func (noKeys) Advance(context.Context, release.AdvanceRequest) (release.AdvanceResponse, error) {
	return release.AdvanceResponse{}, errors.New("away")
}

func (noKeys) Unwrap(context.Context, release.UnwrapRequest) (release.UnwrapResponse, error) {
	return release.UnwrapResponse{}, errors.New("away")
}
