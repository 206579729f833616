package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

const days = 24 * time.Hour

func lifecycleOf(rules ...strongroom.LifecycleRule) func(*strongroom.Bucket) {
	return func(b *strongroom.Bucket) {
		for i := range rules {
			rules[i].Enabled = true
		}
		b.Lifecycle = rules
	}
}

// S3's own example: stored on the 15th at 10:30 and kept for three days, it goes on the
// 19th at midnight, and not a moment before.
func TestLifecycleGoesByMidnights(t *testing.T) {
	clock := clockAt(time.Date(2040, 1, 15, 10, 30, 0, 0, time.UTC))
	r := governed{housetest.New(t, house.Options{Clock: clock.now})}
	r.Bucket("calls")
	r.Configure("calls", lifecycleOf(strongroom.LifecycleRule{ID: "three", Days: 3}))
	if _, err := r.put(t, "calls", "a"); err != nil {
		t.Fatal(err)
	}
	clock.at.Store(time.Date(2040, 1, 18, 23, 59, 59, 999999999, time.UTC).UnixNano())
	if report := r.run(t, false); report.Done != 0 {
		t.Errorf("a nanosecond early: %+v", report)
	}
	future, err := r.Room.Room.RunLifecycle(t.Context(), vault.LifecycleRequest{Dry: true, At: time.Date(2040, 1, 19, 0, 0, 0, 0, time.UTC)})
	if err != nil || future.Done != 1 || keys(t, r.Room, "calls") != "a" {
		t.Errorf("as it will be: %+v %v", future, err)
	}
	_, err = r.Room.Room.RunLifecycle(t.Context(), vault.LifecycleRequest{At: time.Date(2040, 1, 19, 0, 0, 0, 0, time.UTC)})
	wantKind(t, err, strongroom.KindInvalid)
	clock.advance(time.Nanosecond)
	if report := r.run(t, false); report.Done != 1 || keys(t, r.Room, "calls") != "" {
		t.Errorf("at midnight: %+v", report)
	}
	housetest.Eventually(t, "the sealed bytes are erased", func() bool { return len(files(t, r.Room)) == 0 })
}

// Object lock and legal hold go before every rule; what only retention keeps may be
// hidden, which destroys nothing.
func TestLifecycleLeavesWhatIsLocked(t *testing.T) {
	room, clock := ruledRoom(t)
	r := governed{room}
	if _, err := room.Room.CreateBucket(t.Context(), r.Owner, vault.BucketRequest{Name: "locked", Lock: true}); err != nil {
		t.Fatal(err)
	}
	r.Configure("locked", lifecycleOf(strongroom.LifecycleRule{ID: "all", Days: 1, NoncurrentDays: 1}))
	r.rule(t, vault.RetentionRule{Name: "most", Maximum: period(t, "5d")})
	for key, change := range map[string]func(*vault.PutRequest){
		"compliance": func(q *vault.PutRequest) {
			q.Retention = strongroom.Retention{Mode: strongroom.Compliance, Until: epoch.Add(30 * days)}
		},
		"governance": func(q *vault.PutRequest) {
			q.Retention = strongroom.Retention{Mode: strongroom.Governance, Until: epoch.Add(30 * days)}
		},
		"hold": func(q *vault.PutRequest) { q.LegalHold = true },
		"free": func(*vault.PutRequest) {},
	} {
		if _, err := r.put(t, "locked", key, change); err != nil {
			t.Fatal(err)
		}
	}
	clock.advance(10 * days)
	report := r.run(t, false)
	if want := map[string]int64{"legal hold": 1, "object lock": 2}; !maps.Equal(report.Kept, want) || report.Done != 1 {
		t.Errorf("%+v", report)
	}
	holds, err := room.Room.Holds(t.Context(), r.Owner, vault.HoldsRequest{})
	if err != nil || holds.Lock.Versions != 1 || holds.All.Versions != 1 {
		t.Errorf("%+v %v", holds, err)
	}
	clock.advance(21 * days)
	if report := r.run(t, false); report.Kept["legal hold"] != 1 || report.Done != 2 {
		t.Errorf("when the retention is over: %+v", report)
	}
	if _, err := room.Room.SetLegalHold(t.Context(), r.Owner, "locked", "hold", "", false); err != nil {
		t.Fatal(err)
	}
	if report := r.run(t, false); report.Done != 1 || shown(t, room, "locked") != "" {
		t.Errorf("when the hold is lifted: %+v, %s", report, shown(t, room, "locked"))
	}
	sound(t, room)
}

// Without a policy that permits it the house's own workload deletes nothing either: the
// first refusal is a record, the others are counted.
func TestLifecycleNeedsPolicy(t *testing.T) {
	room, clock := ruledRoom(t)
	r := governed{room}
	r.Bucket("calls")
	r.Configure("calls", lifecycleOf(strongroom.LifecycleRule{ID: "all", Days: 1}))
	for i := range 5 {
		if _, err := r.put(t, "calls", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	hash, err := room.Room.PolicyInForce()
	if err != nil {
		t.Fatal(err)
	}
	text, err := room.Room.PolicySet(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	forbid := "\n@id(\"keep-two\")\nforbid (principal == Principal::\"strongroom-lifecycle\", action, resource is Object) when { resource.key != \"4\" };"
	if _, err := room.Room.PutPolicy(t.Context(), r.Owner, append(text, forbid...)); err != nil {
		t.Fatal(err)
	}
	clock.advance(3 * days)
	from := r.Book.Head().Size
	if report := r.run(t, false); report.Refused != 4 || report.Done != 1 || keys(t, room, "calls") != "0 1 2 3" {
		t.Errorf("%+v", report)
	}
	all := records(t, room, from)
	refused, runs := ofKind(all, vault.KindRefusal), ofKind(all, vault.KindLifecycle)
	if len(refused) != 1 || refused[0].personal.Question.Principal.ID != vault.Lifecycle.ID || len(runs) != 1 || runs[0].evidence.Counts["refused"] != 4 {
		t.Errorf("%+v %+v", refused, runs)
	}
	agent := r.Person(strongroom.Principal{Name: "agent", Groups: []string{"agents"}})
	for _, dry := range []bool{true, false} {
		_, err := room.Room.RunLifecycle(t.Context(), vault.LifecycleRequest{By: &agent, Dry: dry})
		wantKind(t, err, strongroom.KindDenied)
	}
	auditor := r.Person(strongroom.Principal{Name: "auditor", Groups: []string{"auditors"}})
	if _, err := room.Room.RunLifecycle(t.Context(), vault.LifecycleRequest{By: &auditor, Dry: true}); err != nil {
		t.Errorf("an auditor looks: %v", err)
	}
	_, err = room.Room.RunLifecycle(t.Context(), vault.LifecycleRequest{By: &auditor})
	wantKind(t, err, strongroom.KindDenied)
	_, err = room.Room.RunLifecycle(t.Context(), vault.LifecycleRequest{By: &auditor, Dry: true, Each: func(vault.LifecycleDeed) error { return nil }})
	wantKind(t, err, strongroom.KindDenied) // names are for those who may list
}

// Uploads that go on for too long are aborted, by prefix, unless what they bring is held.
func TestLifecycleAbortsUploads(t *testing.T) {
	room, clock := ruledRoom(t)
	r := governed{room}
	r.Bucket("calls")
	r.Configure("calls", lifecycleOf(strongroom.LifecycleRule{ID: "stale", Prefix: "in/", AbortUploadDays: 2}))
	begin := func(key, customer string) {
		u, err := room.Room.CreateUpload(t.Context(), r.Owner, vault.UploadRequest{Bucket: "calls", Key: key, Declared: vault.Declared{Meta: map[string]string{"strongroom-customer": customer}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := room.Room.PutPart(t.Context(), r.Owner, vault.PartRequest{Bucket: "calls", Key: key, Upload: u.ID, Number: 1, Size: 4}, bytes.NewReader([]byte("part"))); err != nil {
			t.Fatal(err)
		}
	}
	begin("in/a", "4711")
	begin("in/b", "4712")
	begin("out/c", "4712")
	if _, err := room.Room.PlaceHold(t.Context(), r.Owner, vault.Hold{Attribute: "customer", Value: "4711", Matter: "m", Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	clock.at.Store(epoch.Truncate(days).Add(3*days - time.Second).UnixNano())
	if report := r.run(t, false); report.Done != 0 || report.Uploads != 3 {
		t.Errorf("too early: %+v", report)
	}
	clock.advance(time.Second)
	begin("in/late", "")
	from := r.Book.Head().Size
	if report := r.run(t, false); report.Done != 1 || report.Kept["hold"] != 1 || report.ByRule[0].Act != "abort-upload" {
		t.Errorf("%+v", report)
	}
	if aborted := ofKind(records(t, room, from), vault.KindUpload); len(aborted) != 1 || aborted[0].evidence.Action != "lifecycle-abort" || aborted[0].personal.Detail != "lifecycle rule stale" {
		t.Errorf("%+v", aborted)
	}
	page, err := room.Room.ListUploads(t.Context(), r.Owner, vault.ListUploadsRequest{Bucket: "calls", Max: 10})
	if err != nil || len(page.Uploads) != 3 {
		t.Errorf("%+v %v", page, err)
	}
	sound(t, room)
}

// More versions than a page holds, many of one key: each is met once, and the newest
// that a rule keeps stay.
func TestLifecycleWalksFar(t *testing.T) {
	room, clock := ruledRoom(t)
	r := governed{room}
	r.Bucket("calls")
	r.Configure("calls", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	const many, others = 300, 15 * 20
	atOnce(16, func(n int) {
		for i := range others / 15 {
			put := func(key string) {
				if _, err := room.Room.Put(context.Background(), r.Owner, vault.PutRequest{Bucket: "calls", Key: key, Size: 1}, strings.NewReader("x")); err != nil {
					t.Error(err)
				}
			}
			if n > 0 {
				put(fmt.Sprintf("%d-%d", n, i))
				continue
			}
			for range many / (others / 15) {
				put("many")
			}
		}
	})
	r.Configure("calls", lifecycleOf(strongroom.LifecycleRule{ID: "old", NoncurrentDays: 1, NoncurrentKeep: 7}))
	clock.advance(5 * days)
	dry := r.run(t, true)
	if report := r.run(t, false); report.Versions != many+others || report.Done != many-8 || dry.Done != many-8 {
		t.Errorf("%+v, dry %+v", report, dry)
	}
	if report := r.run(t, false); report.Versions != others+8 || report.Done != 0 {
		t.Errorf("again: %+v", report)
	}
}

// A run that ends at any point, the process with it, has done some things whole and
// others not at all, and the next run does the rest.
func TestLifecycleGoesOnAfterACrash(t *testing.T) {
	room, clock := ruledRoom(t)
	r := governed{room}
	r.Bucket("calls")
	r.Configure("calls", func(b *strongroom.Bucket) {
		b.Versioning = strongroom.VersioningEnabled
		lifecycleOf(strongroom.LifecycleRule{ID: "all", Days: 1, NoncurrentDays: 1})(b)
	})
	for i := range 40 {
		if _, err := r.put(t, "calls", fmt.Sprint(i%20)); err != nil {
			t.Fatal(err)
		}
	}
	r.rule(t, vault.RetentionRule{Name: "most", Maximum: period(t, "2d")})
	clock.advance(9 * days)
	stop := errors.New("enough")
	seen := 0
	_, err := room.Room.RunLifecycle(t.Context(), vault.LifecycleRequest{Each: func(vault.LifecycleDeed) error {
		if seen++; seen == 7 {
			return stop
		}
		return nil
	}})
	if !errors.Is(err, stop) {
		t.Fatalf("the run ended with %v", err)
	}
	crashed := abandon(t, room)
	again := governed{housetest.Open(t, crashed, house.Options{Clock: clock.now})}
	sound(t, again.Room)
	again.run(t, false)
	clock.advance(9 * days)
	again.run(t, false) // delete markers, where a newer version went before an older one
	if left := shown(t, again.Room, "calls"); left != "" {
		t.Errorf("left: %s", left)
	}
	sound(t, again.Room)
	housetest.Eventually(t, "nothing is left of what was deleted", func() bool { return len(files(t, again.Room)) == 0 })
}

// The calendar says what comes true: every version goes with the first run after its
// end, and what has no end stays.
func TestCalendarComesTrue(t *testing.T) {
	clock := clockAt(epoch)
	room := housetest.New(t, house.Options{Clock: clock.now})
	var worlds []*ruled
	suspended := map[string]bool{}
	for seed := range uint64(12) {
		x := &ruled{T: t, r: room, clock: clock, rnd: rand.New(rand.NewPCG(seed, 11)), bucket: fmt.Sprintf("bucket-%d", seed)}
		if x.begin(); x.m.versioning == strongroom.VersioningSuspended {
			suspended[x.bucket] = true // hiding one version may delete another there, the null version
		}
		for range 8 {
			x.put()
			clock.advance(time.Duration(x.rnd.IntN(4)) * time.Hour)
		}
		x.m.rules = append(x.m.rules, strongroom.LifecycleRule{ID: "all", Enabled: true, Prefix: []string{"a", ""}[seed%2], Days: 12 + x.rnd.IntN(3), NoncurrentDays: 12 + x.rnd.IntN(3)})
		room.Configure(x.bucket, func(b *strongroom.Bucket) { b.Lifecycle = x.m.rules })
		x.govern()
		worlds = append(worlds, x)
	}
	for _, x := range worlds {
		if x.rnd.IntN(2) == 0 {
			x.hold()
		}
	}
	run := func() {
		t.Helper()
		if report, err := room.Room.RunLifecycle(t.Context(), vault.LifecycleRequest{}); err != nil || report.Failed > 0 {
			t.Fatalf("%+v %v", report, err)
		}
	}
	run()
	var entries []vault.CalendarEntry
	cal, err := room.Room.Calendar(t.Context(), room.Owner, vault.CalendarRequest{ByDay: true, Each: func(e vault.CalendarEntry) error {
		entries = append(entries, e)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]int64{}
	for _, s := range cal.Sums {
		switch s.When {
		case vault.WhenHeld, vault.WhenNever:
			sums[s.When] += s.Versions
		default:
			sums["dated"] += s.Versions
		}
	}
	have := map[string]int64{}
	for _, e := range entries {
		switch {
		case e.Why != "":
			have[vault.WhenNever]++
		case e.Ends.IsZero():
			have[vault.WhenHeld]++
		default:
			have["dated"]++
		}
	}
	if !maps.Equal(sums, have) || cal.Versions != int64(len(entries)) || have["dated"] < 10 || have[vault.WhenNever] < 5 || have[vault.WhenHeld] < 2 {
		t.Fatalf("the sums %v, the versions %v", sums, have)
	}
	keepsNewest := map[string]bool{}
	for _, x := range worlds {
		for _, rule := range x.m.rules {
			keepsNewest[x.bucket] = keepsNewest[x.bucket] || rule.NoncurrentKeep > 0
		}
	}
	for midnight := clock.now().Truncate(days).Add(days); midnight.Before(epoch.Add(40 * days)); midnight = midnight.Add(days) {
		clock.at.Store(midnight.UnixNano())
		run()
		left := map[string]bool{}
		for _, x := range worlds {
			page, err := room.Room.ListVersions(t.Context(), room.Owner, vault.ListVersionsRequest{Bucket: x.bucket, Max: 1000})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Versions {
				if !o.Marker {
					left[o.Bucket+"/"+o.Key+"/"+o.VersionName()] = true
				}
			}
		}
		for _, e := range entries {
			is := left[e.Bucket+"/"+e.Key+"/"+e.Version]
			ended := !e.Ends.IsZero() && !midnight.Before(e.Ends)
			if is && ended || !is && !ended && !keepsNewest[e.Bucket] && !suspended[e.Bucket] { // with what is hidden there are more that are newer
				t.Fatalf("at %s: there is %v, the calendar said %+v", midnight, is, e)
			}
		}
	}
}

// The calendar's words: what keeps a version longer, and what nobody decided.
func TestCalendar(t *testing.T) {
	room, clock := ruledRoom(t)
	r := governed{room}
	for _, name := range []string{"plain", "ruled", "versioned"} {
		r.Bucket(name)
		if _, err := r.put(t, name, "a"); err != nil {
			t.Fatal(err)
		}
	}
	r.Configure("ruled", lifecycleOf(strongroom.LifecycleRule{ID: "month", Days: 30}))
	r.Configure("versioned", func(b *strongroom.Bucket) {
		b.Versioning = strongroom.VersioningEnabled
		lifecycleOf(strongroom.LifecycleRule{ID: "hides", Days: 30})(b)
	})
	r.rule(t, vault.RetentionRule{Name: "least", Bucket: "ruled", Minimum: period(t, "1y")})
	r.rule(t, vault.RetentionRule{Name: "most", Bucket: "ruled", Maximum: period(t, "6m")})
	look := func(req vault.CalendarRequest) (vault.Calendar, string) {
		t.Helper()
		cal, err := room.Room.Calendar(t.Context(), r.Owner, req)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, s := range cal.Sums {
			lines = append(lines, strings.Trim(fmt.Sprintf("%s %s %s/%s kept by %s: %s %d", s.When, s.Bucket, s.By, s.Rule, s.Kept, s.Why, s.Versions), " "))
		}
		return cal, strings.Join(lines, "\n")
	}
	cal, got := look(vault.CalendarRequest{})
	if want := `2041-03 ruled lifecycle/month kept by minimum retention:  1
never plain / kept by : nobody decided 1
never versioned / kept by : its bucket's rule hides it, and none deletes what is hidden 1`; got != want || cal.SetAside != 1 || cal.Bytes != 12 {
		t.Errorf("%s\n%+v", got, cal)
	}
	if _, got := look(vault.CalendarRequest{ByDay: true, To: epoch.AddDate(2, 0, 0), Bucket: "ruled"}); got != "2041-03-02 ruled lifecycle/month kept by minimum retention:  1" {
		t.Error(got)
	}
	if _, got := look(vault.CalendarRequest{Bucket: "ruled", From: epoch.AddDate(2, 0, 0)}); got != "" {
		t.Error(got)
	}
	if _, err := room.Room.PlaceHold(t.Context(), r.Owner, vault.Hold{Bucket: "ruled", Key: "a", Matter: "m", Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	if _, got := look(vault.CalendarRequest{Bucket: "ruled"}); got != "held ruled lifecycle/month kept by hold:  1" {
		t.Error(got)
	}
	clock.advance(400 * days)
	from := r.Book.Head().Size
	if cal, _ := look(vault.CalendarRequest{}); cal.Overdue != 0 {
		t.Errorf("%+v", cal)
	}
	if asked := ofKind(records(t, room, from), vault.KindRetention); len(asked) != 1 || asked[0].evidence.Action != "retention-calendar" {
		t.Errorf("%+v", asked)
	}
	_, err := room.Room.Calendar(t.Context(), r.Owner, vault.CalendarRequest{Bucket: "none"})
	wantKind(t, err, strongroom.KindNoBucket)
}
