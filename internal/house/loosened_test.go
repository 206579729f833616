package house_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/alert"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/internal/landing"
	"strongroom/know/intake"
	"strongroom/limit"
	"strongroom/vault"
)

// of answers the newest alert of a condition.
func of(t *testing.T, d *alert.Desk, condition string) alert.Alert {
	t.Helper()
	all, err := d.Engine.Store.Alerts(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.Condition == condition {
			return a
		}
	}
	return alert.Alert{}
}

// A change that permits more is told apart from one that permits less, be it the room's
// policy or a bucket's; a change that is none is neither.
func TestLoosenedPolicy(t *testing.T) {
	r := housetest.New(t, house.Options{})
	out := newReceiver(t)
	d := desk(t, r)
	if err := d.AddChannel(t.Context(), r.Owner, alert.Channel{Name: "hook", Kind: alert.Webhook, Language: alert.English, URL: out.URL, Secret: hookSecret}); err != nil {
		t.Fatal(err)
	}
	r.Bucket("calls")
	r.Put("calls", "a", []byte("x"), nil)
	otto := r.Person(strongroom.Principal{Name: "otto", Groups: []string{"auditors"}})
	if _, err := r.Get(otto, "calls", "a", 0, -1); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Fatal(err)
	}
	text := string(limit.Default().Text())
	put := func(text string) {
		t.Helper()
		if _, err := r.House.Room.PutPolicy(t.Context(), r.Owner, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	stricter := text + `
@id("nobody-lists") forbid (principal, action == Action::"listObjects", resource) when { principal.name == "otto" };
`
	put(text + "\n// the same\n")
	put(stricter)
	out.wait(t, "policy-changed", 1)
	looser := stricter + `
@id("auditors-listen") permit (principal in Group::"auditors", action == Action::"readObject", resource);
`
	put(looser)
	out.wait(t, "policy-loosened", 1)
	a := of(t, d, "policy-loosened")
	if a.Severity != alert.High || a.Found != 1 || len(a.Evidence) != 1 || !strings.Contains(a.Detail, "permit auditors-listen") || !strings.Contains(a.Detail, "answered more freely") || strings.Contains(a.Detail, "otto") {
		t.Fatalf("%+v", a)
	}
	if of(t, d, "policy-changed").Found != 3 {
		t.Errorf("%+v", of(t, d, "policy-changed"))
	}

	// A bucket's policy is part of the room's: giving one loosens, taking it away does not.
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/otto"},"Action":"s3:DeleteObject","Resource":"arn:aws:s3:::calls/*"}]}`
	if err := r.House.Room.SetBucketPolicy(t.Context(), r.Owner, "calls", []byte(policy)); err != nil {
		t.Fatal(err)
	}
	if err := r.House.Room.SetBucketPolicy(t.Context(), r.Owner, "calls", nil); err != nil {
		t.Fatal(err)
	}
	housetest.Eventually(t, "five changes are noticed", func() bool { return of(t, d, "policy-changed").Found == 5 })
	if a := of(t, d, "policy-loosened"); a.Found != 2 || of(t, d, "policy-changed").Found != 5 {
		t.Errorf("%+v", a)
	}
}

// From a folder in which something lies too long to a message, and back to nothing.
func TestOverdueLandingPlace(t *testing.T) {
	r := housetest.New(t, house.Options{})
	out := newReceiver(t)
	d := desk(t, r)
	if err := d.AddChannel(t.Context(), r.Owner, alert.Channel{Name: "hook", Kind: alert.Webhook, Language: alert.English, URL: out.URL, Secret: hookSecret}); err != nil {
		t.Fatal(err)
	}
	r.Bucket("recordings")
	drain := r.Person(strongroom.Principal{Name: "drain", Kind: strongroom.Workload, Groups: []string{"intake"}})
	store, err := intake.Inside(r.House.Room, func() (vault.Caller, error) { return drain, nil })
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source, err := landing.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	mapping, err := intake.Named("plain")
	if err != nil {
		t.Fatal(err)
	}
	since := time.Now().Add(-40 * time.Minute).Truncate(time.Second)
	call := filepath.Join(dir, "quarrel-with-Frau-Schneider.wav")
	if err := os.WriteFile(call, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(call, since, since); err != nil {
		t.Fatal(err)
	}
	i, err := intake.New(intake.Config{Source: source, Store: store, Reports: store, Mapping: mapping, Into: "recordings", Wait: -1, Log: r.House.Room.Log})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	out.wait(t, "landing-overdue", 1)
	housetest.Eventually(t, "the alert says that nothing is overdue", func() bool { return strings.Contains(of(t, d, "landing-overdue").Detail, "any more") })
	a := of(t, d, "landing-overdue")
	if !strings.Contains(a.Detail, "1 file has been") || !strings.Contains(a.Detail, since.UTC().Format(time.RFC3339)) || !strings.Contains(a.Detail, "nothing is overdue in the landing place any more") || a.Found != 1 {
		t.Errorf("%+v", a)
	}
	if text := a.Detail + a.Why.EN + a.Names; strings.Contains(text, "Schneider") || strings.Contains(text, dir) {
		t.Errorf("it names the file: %s", text)
	}
}
