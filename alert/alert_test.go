package alert_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/alert"
)

// found runs a story through an engine and answers the alerts by condition.
func found(t *testing.T, s *story, setup alert.Setup) map[string][]alert.Alert {
	t.Helper()
	store := openStore(t, t.TempDir(), 0)
	e := newEngine(t, store, &clock{at: s.at}, &inbox{}, setup)
	if err := s.take(t.Context(), e, 100); err != nil {
		t.Fatal(err)
	}
	all, err := store.Alerts(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]alert.Alert{}
	for _, a := range all {
		if a.Why.EN == "" || a.Why.FR == "" || a.Blind.EN == "" || a.Blind.FR == "" || len(a.Evidence) == 0 || strings.Contains(a.Why.EN+a.Why.FR+a.Blind.EN+a.Blind.FR, "{") {
			t.Errorf("an alert does not say why: %+v", a)
		}
		out[a.Condition] = append(out[a.Condition], a)
	}
	return out
}

// quietDays has somebody work for some days, so that habits are known.
func quietDays(s *story, p strongroom.Principal, days, objects int) {
	for day := range days {
		for hour := range 8 {
			s.at = monday.AddDate(0, 0, day).Add(time.Duration(hour-2) * time.Hour)
			for o := range objects {
				s.release(p, byte(o), "billing", "voice")
				s.at = s.at.Add(time.Minute)
			}
		}
	}
	s.at = monday.AddDate(0, 0, days)
}

func TestConditions(t *testing.T) {
	ines := person("ines")
	ines.Attributes = map[string][]string{"queues": {"billing"}, "supervises": {"loans"}}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	hours := alert.Hours{Zone: paris, Days: [7]bool{false, true, true, true, true, true}, From: 8 * 60, To: 18 * 60}
	for name, c := range map[string]struct {
		tell func(s *story)
		want map[string]int // how many alerts by condition
		look func(t *testing.T, all map[string][]alert.Alert)
	}{
		"many objects": {func(s *story) {
			for i := range 60 {
				s.release(ines, byte(i), "billing")
				s.at = s.at.Add(10 * time.Second)
			}
		}, map[string]int{"bulk-releases": 1}, func(t *testing.T, all map[string][]alert.Alert) {
			if a := all["bulk-releases"][0]; a.Seen != 60 || a.Person != "ines" || a.Subject != "actor-of-ines" || a.Severity != alert.High || len(a.Evidence) != 20 || a.Usual != nil ||
				!strings.Contains(a.Why.EN, "60 different objects") || !strings.Contains(a.Why.FR, "60 objets") || !strings.Contains(a.Why.EN, "not known yet") {
				t.Errorf("%+v", a)
			}
		}},
		"the same object many times": {func(s *story) {
			for range 100 {
				s.release(ines, 1, "billing")
			}
		}, nil, nil},
		"many objects, slowly": {func(s *story) {
			for i := range 100 {
				s.release(ines, byte(i), "billing")
				s.at = s.at.Add(2 * time.Minute)
			}
		}, nil, nil},
		"many for this person": {func(s *story) {
			quietDays(s, ines, 3, 2)
			for i := range 15 {
				s.release(ines, byte(100+i), "billing", "voice")
			}
		}, map[string]int{"bulk-releases": 1}, func(t *testing.T, all map[string][]alert.Alert) {
			if a := all["bulk-releases"][0]; a.Usual == nil || *a.Usual != 2 || a.Threshold != 15 || !strings.Contains(a.Why.EN, "usual for this person: 2.") {
				t.Errorf("%+v", a)
			}
		}},
		"as many as ever": {func(s *story) { quietDays(s, ines, 3, 14) }, nil, nil},
		"refused again and again": {func(s *story) {
			for range 10 {
				s.refusal(ines)
			}
		}, map[string]int{"repeated-refusals": 1}, nil},
		"refused by different people": {func(s *story) {
			for i := range 30 {
				s.refusal(person(fmt.Sprint("p", i)))
			}
		}, nil, nil},
		"noise": {func(s *story) {
			s.add(strongroom.Event{Kind: "noise", Did: "noise", Counts: map[string]int64{"unsigned": 300, "malformed": 199}})
			s.add(strongroom.Event{Kind: "noise", Did: "noise", Counts: map[string]int64{"unsigned": 1}})
		}, map[string]int{"refused-noise": 1}, nil},
		"own queues":                 {func(s *story) { s.release(ines, 1, "billing"); s.release(ines, 2, "loans"); s.release(ines, 3, "") }, nil, nil},
		"another's queue":            {func(s *story) { s.release(ines, 1, "cards") }, map[string]int{"outside-queue": 1}, nil},
		"no queues to be outside of": {func(s *story) { s.release(person("boss"), 1, "cards") }, nil, nil},
		"at night": {func(s *story) {
			s.at = time.Date(2026, 11, 2, 17, 30, 0, 0, time.UTC) // 18:30 in Paris
			s.release(ines, 1, "billing")
			s.add(strongroom.Event{Kind: "access-key", Did: "access-key-create", Outcome: strongroom.Permitted, Actor: "actor-of-ines"})
		}, map[string]int{"out-of-hours": 1, "rights-out-of-hours": 1}, nil},
		"first touch": {func(s *story) {
			quietDays(s, ines, 9, 1)
			s.release(ines, 1, "billing", "voice", "health")
			s.release(ines, 2, "billing", "health")
		}, map[string]int{"first-touch": 1, "out-of-hours": 1}, nil}, // of a week-end
		"first touch of somebody new": {func(s *story) { s.release(ines, 1, "billing", "voice"); s.release(ines, 1, "billing", "card") }, nil, nil},
		"glass":                       {func(s *story) { s.add(strongroom.Event{Kind: "break-glass", Did: "break-glass-open", Actor: "a"}) }, map[string]int{"break-glass": 1}, nil},
		"policy": {func(s *story) {
			s.add(strongroom.Event{Kind: "policy", Did: "policy-put", Outcome: strongroom.Permitted, Actor: "a", Subject: "abc"})
			s.add(strongroom.Event{Kind: "retention", Did: "retention-list", Actor: "a"})
		}, map[string]int{"policy-changed": 1}, nil},
		"a looser policy": {func(s *story) {
			s.add(strongroom.Event{Kind: "policy", Did: "policy-put", Outcome: strongroom.Permitted, Actor: "a", Subject: "looser"})
			s.add(strongroom.Event{Kind: "policy", Did: "policy-read", Outcome: strongroom.Permitted, Actor: "b", Subject: "looser"})
		}, map[string]int{"policy-changed": 1, "policy-loosened": 1}, func(t *testing.T, all map[string][]alert.Alert) {
			if a := all["policy-loosened"][0]; a.Severity != alert.High || a.Detail != "permit all" || a.Names != "looser" {
				t.Errorf("%+v", a)
			}
		}},
		"a policy that cannot be judged": {func(s *story) {
			s.add(strongroom.Event{Kind: "policy", Did: "policy-put", Outcome: strongroom.Permitted, Actor: "a", Subject: "unreadable"})
		}, map[string]int{"policy-changed": 1, "policy-loosened": 1}, nil},
		"a landing place that was cleared": {func(s *story) {
			s.add(strongroom.Event{Kind: "finding", Did: "landing-overdue", Actor: "w", Detail: "3 files since 09:00"})
			s.add(strongroom.Event{Kind: "finding", Did: "landing-cleared", Actor: "w", Detail: "nothing any more"})
		}, map[string]int{"landing-overdue": 1}, func(t *testing.T, all map[string][]alert.Alert) {
			if a := all["landing-overdue"][0]; a.Detail != "3 files since 09:00; nothing any more" || a.State != alert.Open || a.Found != 1 {
				t.Errorf("%+v", a)
			}
		}},
		"a policy that does not evaluate": {func(s *story) { s.refusal(ines).Decision = &strongroom.Decision{Errors: []string{"x"}} }, map[string]int{"policy-fails": 1}, nil},
		"a leaver": {func(s *story) {
			gone := ines
			gone.Expires = s.at.Add(-time.Hour)
			s.refusal(gone)
		}, map[string]int{"leaver-acts": 1}, nil},
		"suspended": {func(s *story) {
			gone := ines
			gone.Suspended = true
			s.refusal(gone)
		}, map[string]int{"suspended-tries": 1}, nil},
		"landing": {func(s *story) { s.add(strongroom.Event{Kind: "finding", Did: "landing-overdue", Actor: "w"}) }, map[string]int{"landing-overdue": 1}, nil},
		"erased": {func(s *story) {
			for i := range 60 {
				e := s.release(ines, byte(i), "cards")
				e.Question, e.Erased = nil, true
			}
		}, map[string]int{"bulk-releases": 1}, func(t *testing.T, all map[string][]alert.Alert) {
			if a := all["bulk-releases"][0]; a.Person != "" || a.Subject == "" {
				t.Errorf("%+v", a)
			}
		}},
		"machines open many": {func(s *story) {
			w := person("drain")
			w.Kind = strongroom.Workload
			for i := range 100 {
				s.release(w, byte(i), "cards")
			}
		}, nil, nil},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			s := &story{at: monday}
			c.tell(s)
			settings, err := alert.Default()
			if err != nil {
				t.Fatal(err)
			}
			settings.Hours = &hours
			all := found(t, s, alert.Setup{Settings: settings})
			got := map[string]int{}
			for id, alerts := range all {
				got[id] = len(alerts)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) && len(got)+len(c.want) > 0 {
				t.Fatalf("found %v, want %v", got, c.want)
			}
			if c.look != nil && !t.Failed() {
				c.look(t, all)
			}
		})
	}
}

// Replaying the same records gives the same ids, and what was there before anybody
// watched is listed without telling anybody.
func TestReplay(t *testing.T) {
	s := &story{at: monday}
	for range 40 {
		s.refusal(person("otto"))
	}
	setup := alert.Setup{Channels: []alert.Channel{{Name: "one"}}}
	var ids []string
	for _, before := range []int64{0, 40, 35} {
		store, box := openStore(t, t.TempDir(), before), &inbox{}
		e := newEngine(t, store, &clock{at: s.at}, box, setup)
		if err := s.take(t.Context(), e, 3); err != nil {
			t.Fatal(err)
		}
		if err := e.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, err := store.Alerts(t.Context(), 10)
		if err != nil || len(all) == 0 {
			t.Fatal(all, err)
		}
		ids = append(ids, all[len(all)-1].ID.String())
		switch before {
		case 0:
			if len(box.messages) != 1 || all[0].State != alert.Open || all[0].Found != 4 {
				t.Errorf("%d messages, %+v", len(box.messages), all[0])
			}
		case 40:
			if len(box.messages) != 0 || all[0].State != alert.Past {
				t.Errorf("%d messages, %+v", len(box.messages), all[0])
			}
		case 35:
			if len(box.messages) != 1 || len(all) != 2 {
				t.Errorf("%d messages, %d alerts", len(box.messages), len(all))
			}
		}
	}
	if ids[0] != ids[1] {
		t.Errorf("the same records gave alerts %v", ids)
	}
}

// What leaves the house names no person, object, key or customer.
func TestMessages(t *testing.T) {
	s := &story{at: monday}
	p := person("ines.martin")
	p.Attributes = map[string][]string{"queues": {"billing"}}
	for i := range 70 {
		s.release(p, byte(i), "loans")
		s.refusal(p)
	}
	settings, err := alert.ParseSettings("x", []byte("public_url: https://room.example/"))
	if err != nil {
		t.Fatal(err)
	}
	box := &inbox{}
	store := openStore(t, t.TempDir(), 0)
	e := newEngine(t, store, &clock{at: s.at}, box, alert.Setup{Settings: settings, Channels: []alert.Channel{{Name: "a", Language: alert.English}, {Name: "b", Language: alert.French}}})
	if err := s.take(t.Context(), e, 1000); err != nil {
		t.Fatal(err)
	}
	if err := e.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(box.messages) != 6 {
		t.Fatalf("%d messages", len(box.messages))
	}
	for i, m := range box.messages {
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"ines", "martin", "loans", "billing", "secret-key", "calls", "actor-of"} {
			if strings.Contains(string(text), word) {
				t.Errorf("a message holds %q: %s", word, text)
			}
		}
		if !strings.Contains(m.Body, m.ID.String()) || m.Link != "https://room.example/alerts/"+m.ID.String() || !strings.Contains(m.Body, m.Link) || !strings.Contains(m.Title, "main") {
			t.Errorf("%+v", m)
		}
		if french := strings.Contains(m.Body, "Gravité"); french != (box.by[i] == "b") {
			t.Errorf("to %s: %s", box.by[i], m.Body)
		}
	}
}

// An alert that goes on is counted up; people are told again after a while, when nobody
// takes it on, and when it grows after somebody did.
func TestCountedUpEscalatedAcknowledged(t *testing.T) {
	rota, err := alert.ParseRota("rota", []byte(`
people:
  - {name: ines, channels: [phone, mail]}
  - {name: otto, channels: [pager]}
levels:
  - people: [ines]
  - {after: 10m, people: [otto]}
  - {after: 30m, everyone: true}
repeat: 1h
`))
	if err != nil {
		t.Fatal(err)
	}
	setup := alert.Setup{Rota: rota, Channels: []alert.Channel{{Name: "phone"}, {Name: "mail"}, {Name: "pager"}, {Name: "soc"}}}
	store, c, box := openStore(t, t.TempDir(), 0), &clock{at: monday}, &inbox{}
	e := newEngine(t, store, c, box, setup)
	s := &story{at: monday}
	suspect := person("suspect")
	step := func(pass time.Duration, refusals int, want ...string) {
		t.Helper()
		c.pass(pass)
		s.at = c.now()
		for range refusals {
			s.refusal(suspect)
		}
		box.messages, box.by = nil, nil
		if err := s.take(t.Context(), e, 100); err != nil {
			t.Fatal(err)
		}
		if err := e.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(box.by)
		if !slices.Equal(box.by, want) {
			t.Fatalf("after %s more: told %v, want %v", pass, box.by, want)
		}
	}
	step(0, 10, "phone")
	step(5*time.Minute, 10)
	step(4*time.Minute, 0)
	step(2*time.Minute, 0, "pager")
	step(20*time.Minute, 0, "mail", "pager", "phone", "soc")
	step(59*time.Minute, 0)
	step(time.Minute, 0, "mail", "pager", "phone", "soc")
	ids := map[string]bool{}
	all, err := store.Alerts(t.Context(), 10)
	if err != nil || len(all) != 1 || all[0].Found != 2 {
		t.Fatalf("%+v %v", all, err)
	}
	for _, m := range box.messages {
		ids[m.ID.String()] = true
		if !m.Again {
			t.Errorf("a repeat does not say so: %+v", m)
		}
	}
	if len(ids) != 1 || !ids[all[0].ID.String()] {
		t.Errorf("repeats bear the ids %v, the alert %s", ids, all[0].ID)
	}
	// The suspect's word counts for nothing, whatever the ledger says; another's does.
	ack := func(who strongroom.Principal) {
		s.add(strongroom.Event{Kind: "alert", Did: "alert-ack", Outcome: strongroom.Permitted, Actor: "actor-of-" + who.Name, Subject: all[0].ID.String(), Detail: "looking",
			Question: &strongroom.Question{Principal: who}})
	}
	s.at = c.now()
	ack(suspect)
	step(0, 0)
	if a, _ := store.Alert(t.Context(), all[0].ID); a.State != alert.Open {
		t.Fatalf("the suspect acknowledged: %+v", a)
	}
	ack(person("ines"))
	step(0, 0)
	if a, _ := store.Alert(t.Context(), all[0].ID); a.State != alert.Acknowledged || a.Acked.By != "ines" || a.Acked.Note != "looking" {
		t.Fatalf("%+v", a)
	}
	step(3*time.Hour, 0)
	// Long after, it is another alert.
	step(0, 10, "phone")
	if all, err = store.Alerts(t.Context(), 10); err != nil || len(all) != 2 {
		t.Fatalf("%d alerts, %v", len(all), err)
	}
	// Acknowledged, what goes on within the window is counted; five times as much is told.
	ack(person("ines"))
	step(0, 30)
	step(0, 10, "phone")
}

// Whoever an alert is about is not told of it; where nobody else is on duty, the next are.
func TestSuspectIsNotTold(t *testing.T) {
	rota, err := alert.ParseRota("rota", []byte("people:\n  - {name: ines, channels: [phone]}\n  - {name: otto, channels: [pager]}\nlevels:\n  - people: [ines]\n  - {after: 10m, people: [otto]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, box := &story{at: monday}, &inbox{}
	for range 10 {
		s.refusal(person("ines"))
	}
	e := newEngine(t, openStore(t, t.TempDir(), 0), &clock{at: monday}, box, alert.Setup{Rota: rota, Channels: []alert.Channel{{Name: "phone"}, {Name: "pager"}}})
	if err := s.take(t.Context(), e, 100); err != nil {
		t.Fatal(err)
	}
	if err := e.Work(t.Context()); err != nil || !slices.Equal(box.by, []string{"pager"}) {
		t.Errorf("told %v, %v", box.by, err)
	}
}

// A channel that fails is tried with growing pauses, then the person's next one beside
// it; where a person cannot be reached at all the next level need not wait.
func TestFailingChannels(t *testing.T) {
	rota, err := alert.ParseRota("rota", []byte(`
people:
  - {name: ines, channels: [phone, mail]}
  - {name: otto, channels: [pager]}
levels:
  - people: [ines]
  - {after: 6h, people: [otto]}
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dead  []string
		wants []string
		fatal bool
	}{
		"one":            {[]string{"phone"}, []string{"mail"}, false},
		"both":           {[]string{"phone", "mail"}, []string{"pager"}, false},
		"one, for good":  {[]string{"phone"}, []string{"mail"}, true},
		"both, for good": {[]string{"phone", "mail"}, []string{"pager"}, true},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			store, clk, s := openStore(t, t.TempDir(), 0), &clock{at: monday}, &story{at: monday}
			box := &inbox{fail: func(channel string, _ int) error {
				if !slices.Contains(c.dead, channel) {
					return nil
				}
				if c.fatal {
					return &alert.Refusal{Err: errors.New("no such place")}
				}
				return errors.New("busy")
			}}
			for range 10 {
				s.refusal(person("suspect"))
			}
			e := newEngine(t, store, clk, box, alert.Setup{Rota: rota, Channels: []alert.Channel{{Name: "phone"}, {Name: "mail"}, {Name: "pager"}}})
			if err := s.take(t.Context(), e, 100); err != nil {
				t.Fatal(err)
			}
			for range 30 {
				if err := e.Work(t.Context()); err != nil {
					t.Fatal(err)
				}
				clk.pass(time.Second)
			}
			if !slices.Equal(box.by, c.wants) {
				t.Errorf("told %v, want %v", box.by, c.wants)
			}
			if n := box.tries["phone"]; c.fatal && n != 1 || !c.fatal && (n < 4 || n > 6) {
				t.Errorf("the phone was tried %d times within half a minute", n)
			}
		})
	}
}

// Trouble needs no record; and where even alerts cannot be kept, everyone is told at once.
func TestTrouble(t *testing.T) {
	store, c, box := openStore(t, t.TempDir(), 0), &clock{at: monday}, &inbox{}
	run := func(s alert.Store, times int, until func() bool) {
		t.Helper()
		e := newEngine(t, s, c, box, alert.Setup{Channels: []alert.Channel{{Name: "one"}}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); e.Run(ctx) }()
		for range times {
			e.Trouble(alert.TroubleCustody, "a key was not given")
		}
		for end := time.Now().Add(2 * time.Minute); !until() && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		<-done
	}
	count := func() int { box.mu.Lock(); defer box.mu.Unlock(); return len(box.messages) }
	run(store, 2, func() bool { time.Sleep(300 * time.Millisecond); return true })
	if count() != 0 {
		t.Fatal("two failures are not three")
	}
	run(store, 1, func() bool { return count() == 1 })
	if count() != 1 || box.messages[0].Condition != "custody-fails" {
		t.Fatalf("%+v", box.messages)
	}
	run(&mortal{Store: store, left: 1}, 5, func() bool { return count() == 2 })
	if count() != 2 {
		t.Fatalf("where nothing can be kept, %d messages", count())
	}
}

// A channel that is taken away is told of it.
func TestRetiredChannelIsTold(t *testing.T) {
	s, box := &story{at: monday}, &inbox{}
	s.add(strongroom.Event{Kind: "alert", Did: "alert-setting-remove", Outcome: strongroom.Permitted, Actor: "a", Subject: "channel one"})
	for range 10 {
		s.refusal(person("otto"))
	}
	e := newEngine(t, openStore(t, t.TempDir(), 0), &clock{at: monday}, box, alert.Setup{Channels: []alert.Channel{{Name: "one", Retired: monday.Add(-time.Second)}, {Name: "old", Retired: monday.Add(-25 * time.Hour)}}})
	if err := s.take(t.Context(), e, 100); err != nil {
		t.Fatal(err)
	}
	if err := e.Work(t.Context()); err != nil || len(box.messages) != 1 || box.by[0] != "one" || box.messages[0].Condition != "alerting-changed" {
		t.Errorf("%v told %+v, %v", box.by, box.messages, err)
	}
}

// The table says everything in both languages, with no figure that nobody fills in.
func TestTable(t *testing.T) {
	all, err := alert.Conditions()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 15 {
		t.Errorf("%d conditions", len(all))
	}
	figure := regexp.MustCompile(`\{[^}]*\}`)
	for _, c := range all {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(c.ID) {
			t.Errorf("%q is no id", c.ID)
		}
		for _, f := range figure.FindAllString(c.Says.EN+c.Says.FR+c.Blind.EN+c.Blind.FR, -1) {
			if !slices.Contains([]string{"{seen}", "{threshold}", "{usual}", "{window}", "{learn}"}, f) {
				t.Errorf("%s: nobody fills in %s", c.ID, f)
			}
		}
		for _, text := range []string{c.Says.EN, c.Says.FR} {
			if strings.Contains(text, "{seen}") && !regexp.MustCompile(`\{seen\} (fois|refus) `).MatchString(text) && !regexp.MustCompile(`\{seen\} (different )?\[[^]|]+\|[^]|]+\]`).MatchString(text) {
				t.Errorf("%s: no form for one in %q", c.ID, text)
			}
		}
		if c.Factor > 0 && (c.Measure != alert.Objects || c.Per != alert.PerActor) {
			t.Errorf("%s: what is usual is known only of objects that a principal opens", c.ID)
		}
	}
}
