package vault_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// setClock is a clock that stands still until a test sets it.
type setClock struct{ at atomic.Int64 }

func clockAt(t time.Time) *setClock {
	c := &setClock{}
	c.at.Store(t.UnixNano())
	return c
}

func (c *setClock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *setClock) advance(d time.Duration) { c.at.Add(int64(d)) }

// ruledVersion and ruleModel say again, in the plainest way, what S3's documentation and
// docs/retention.md say becomes of versions.
type ruledVersion struct {
	id        string // "" of delete markers that a run made
	null      bool
	marker    bool
	stored    time.Time
	succeeded time.Time
	size      int64
	tags      []strongroom.Tag
	customer  string
	label     strongroom.Label
	legalHold bool
	lock      time.Time
}

type ruleModel struct {
	versioning strongroom.Versioning
	rules      []strongroom.LifecycleRule
	room       []vault.RetentionRule
	held       map[string]bool            // customers and keys
	keys       map[string][]*ruledVersion // newest first
}

// nextDay is the first midnight that is later than so many whole days after.
func nextDay(t time.Time, days int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days+1, 0, 0, 0, 0, time.UTC)
}

func (m *ruleModel) ofClass(rule vault.RetentionRule, v *ruledVersion) bool {
	switch rule.Class {
	case "":
		return true
	case "confidential":
		return !v.marker && v.label.Confidential
	case "non-confidential":
		return !v.marker && !v.label.Confidential
	}
	return !v.marker && slices.Contains(v.label.Classes, rule.Class)
}

func (m *ruleModel) minimum(v *ruledVersion) (until time.Time) {
	for _, rule := range m.room {
		if end := nextDay(v.stored, rule.Minimum.Days); rule.Minimum.Days > 0 && !v.marker && m.ofClass(rule, v) && end.After(until) {
			until = end
		}
	}
	return until
}

// kept says whether anything forbids that a version goes.
func (m *ruleModel) kept(key string, v *ruledVersion, now time.Time) bool {
	return !v.marker && (v.legalHold || m.held[v.customer] || m.held[key] || now.Before(v.lock) || now.Before(m.minimum(v)))
}

func (m *ruleModel) pastMaximum(v *ruledVersion, now time.Time) bool {
	for _, rule := range m.room {
		if rule.Maximum.Days > 0 && m.ofClass(rule, v) && !now.Before(nextDay(v.stored, rule.Maximum.Days)) && !now.Before(m.minimum(v)) {
			return true
		}
	}
	return false
}

func filtered(rule strongroom.LifecycleRule, key string, v *ruledVersion) bool {
	for _, want := range rule.Tags {
		if !slices.Contains(v.tags, want) {
			return false
		}
	}
	return rule.Enabled && strings.HasPrefix(key, rule.Prefix) && !(rule.Larger != nil && v.size <= *rule.Larger) && !(rule.Smaller != nil && v.size >= *rule.Smaller)
}

// run does what is due and answers how many things that were.
func (m *ruleModel) run(now time.Time) (done int64) {
	for key, versions := range m.keys {
		goes := map[*ruledVersion]bool{}
		hides := false
		for i, v := range versions {
			current, alone := i == 0, len(versions) == 1
			if m.pastMaximum(v, now) && !(v.marker && current && !alone) && !m.kept(key, v, now) {
				goes[v] = true
			}
			newer := 0
			for _, other := range versions[1:max(i, 1)] {
				if !other.marker {
					newer++
				}
			}
			for _, rule := range m.rules {
				if !filtered(rule, key, v) {
					continue
				}
				expired := rule.Days > 0 && !now.Before(nextDay(v.stored, rule.Days)) || !rule.Date.IsZero() && !now.Before(rule.Date)
				switch {
				case !current:
					if rule.NoncurrentDays > 0 && newer >= rule.NoncurrentKeep && !now.Before(nextDay(v.succeeded, rule.NoncurrentDays)) && !m.kept(key, v, now) {
						goes[v] = true
					}
				case v.marker:
					if alone && (expired || rule.ExpiredMarkers) {
						goes[v] = true
					}
				case expired && m.versioning == strongroom.Unversioned:
					if !m.kept(key, v, now) {
						goes[v] = true
					}
				case expired:
					hides = hides || !v.legalHold && !m.held[v.customer] && !m.held[key]
				}
			}
		}
		current := versions[0]
		var left []*ruledVersion
		for _, v := range versions {
			if goes[v] {
				done++
			} else {
				left = append(left, v)
			}
		}
		switch {
		case goes[current] && !current.marker && len(left) > 0:
			// What is behind must not come back.
			left = slices.Insert(left, 0, &ruledVersion{marker: true, null: m.versioning == strongroom.VersioningSuspended, stored: now})
			left[1].succeeded = now
			m.onlyOneNull(&left)
		case goes[current] && len(left) > 0:
			left[0].succeeded = time.Time{}
		case !goes[current] && hides:
			marker := &ruledVersion{marker: true, null: m.versioning == strongroom.VersioningSuspended, stored: now}
			over := slices.Concat([]*ruledVersion{marker}, left)
			if gone := m.onlyOneNull(&over); gone == nil || !m.kept(key, gone, now) {
				if gone != current {
					current.succeeded = now
				}
				left = over
				done++
			}
		}
		if m.keys[key] = left; len(left) == 0 {
			delete(m.keys, key)
		}
	}
	return done
}

// onlyOneNull lets only the newest null version stay, and answers the one that goes.
func (m *ruleModel) onlyOneNull(versions *[]*ruledVersion) (gone *ruledVersion) {
	seen := false
	*versions = slices.DeleteFunc(slices.Clone(*versions), func(v *ruledVersion) bool {
		if v.null && seen {
			gone = v
			return true
		}
		seen = seen || v.null
		return false
	})
	return gone
}

// add makes a version the current one, unless what it takes the place of is kept.
func (m *ruleModel) add(key string, v *ruledVersion, now time.Time) bool {
	was := m.keys[key]
	if v.null = m.versioning != strongroom.VersioningEnabled; m.versioning == strongroom.Unversioned && len(was) > 0 {
		if m.kept(key, was[0], now) {
			return false
		}
		was = nil
	}
	all := slices.Concat([]*ruledVersion{v}, was)
	gone := m.onlyOneNull(&all)
	if gone != nil && m.kept(key, gone, now) {
		return false
	}
	if len(was) > 0 && was[0] != gone {
		was[0].succeeded = now
	}
	m.keys[key] = all
	return true
}

func (m *ruleModel) remove(key string, i int, now time.Time) bool {
	all := m.keys[key]
	if m.kept(key, all[i], now) {
		return false
	}
	all = slices.Delete(slices.Clone(all), i, i+1)
	if m.keys[key] = all; len(all) == 0 {
		delete(m.keys, key)
	} else if i == 0 {
		all[0].succeeded = time.Time{}
	}
	return true
}

func (m *ruleModel) String() string {
	var lines []string
	for key, versions := range m.keys {
		line := key
		for _, v := range versions {
			if v.marker {
				line += " marker"
			} else {
				line += " " + v.id
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// shown is what a room has in a bucket, as the model writes it.
func shown(t *testing.T, r *housetest.Room, bucket string) string {
	t.Helper()
	page, err := r.Room.ListVersions(t.Context(), r.Owner, vault.ListVersionsRequest{Bucket: bucket, Max: 1000})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, o := range page.Versions {
		if o.Marker {
			keys[o.Key] += " marker"
		} else {
			keys[o.Key] += " " + o.Version.String()
		}
	}
	var lines []string
	for key, line := range keys {
		lines = append(lines, key+line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Whatever rules there are, whatever is stored and however much time goes by, what stays
// is what the documentation says.
func TestLifecycleAgainstModel(t *testing.T) {
	clock := clockAt(time.Date(2031, 1, 30, 22, 30, 0, 0, time.UTC))
	r := housetest.New(t, house.Options{Clock: clock.now})
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		bucket := fmt.Sprintf("bucket-%d", seed)
		x := &ruled{T: t, r: r, clock: clock, rnd: rnd, bucket: bucket, log: fmt.Sprintf("seed %d\n", seed)}
		x.begin()
		for range 28 {
			x.step()
		}
		x.end()
		if t.Failed() {
			t.Fatal(x.log)
		}
	}
}

type ruled struct {
	*testing.T
	r      *housetest.Room
	clock  *setClock
	rnd    *rand.Rand
	bucket string
	log    string
	m      ruleModel
	holds  []vault.Hold
}

func (x *ruled) note(format string, args ...any) {
	x.log += x.clock.now().Format("01-02 15:04 ") + fmt.Sprintf(format, args...) + "\n"
}

func (x *ruled) begin() {
	x.r.Bucket(x.bucket)
	x.m = ruleModel{held: map[string]bool{}, keys: map[string][]*ruledVersion{}}
	x.m.versioning = []strongroom.Versioning{strongroom.Unversioned, strongroom.VersioningEnabled, strongroom.VersioningEnabled, strongroom.VersioningSuspended}[x.rnd.IntN(4)]
	x.configure()
	x.note("versioning %q, rules %+v", x.m.versioning, x.m.rules)
}

// configure gives the bucket random rules. A bucket becomes suspended only with versions
// of both sorts in it.
func (x *ruled) configure() {
	n := x.rnd.IntN(4)
	for i := range n {
		rule := strongroom.LifecycleRule{ID: fmt.Sprintf("rule-%d", i), Enabled: x.rnd.IntN(6) > 0, Prefix: []string{"", "a", "b/"}[x.rnd.IntN(3)]}
		switch x.rnd.IntN(4) {
		case 0:
			rule.Days = 1 + x.rnd.IntN(6)
		case 1:
			rule.Date = x.clock.now().AddDate(0, 0, x.rnd.IntN(10)).Truncate(24 * time.Hour)
		case 2:
			rule.ExpiredMarkers = true
		}
		if x.rnd.IntN(2) == 0 {
			rule.NoncurrentDays, rule.NoncurrentKeep = 1+x.rnd.IntN(4), x.rnd.IntN(3)
		}
		if x.rnd.IntN(3) == 0 && !rule.ExpiredMarkers {
			rule.Tags = []strongroom.Tag{{Key: "keep", Value: "short"}}
		}
		if size := int64(20); x.rnd.IntN(4) == 0 {
			if x.rnd.IntN(2) == 0 {
				rule.Larger = &size
			} else {
				rule.Smaller = &size
			}
		}
		x.m.rules = append(x.m.rules, rule)
	}
	x.r.Configure(x.bucket, func(b *strongroom.Bucket) {
		b.Lifecycle = x.m.rules
		if b.Versioning = x.m.versioning; b.Versioning == strongroom.VersioningSuspended {
			b.Versioning = strongroom.VersioningEnabled
		}
	})
	if x.m.versioning == strongroom.VersioningSuspended {
		x.m.versioning = strongroom.VersioningEnabled
		for range 6 {
			x.put()
		}
		x.m.versioning = strongroom.VersioningSuspended
		x.r.Configure(x.bucket, func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningSuspended })
	}
}

func (x *ruled) key() string { return []string{"a", "ab", "b/c", "z"}[x.rnd.IntN(4)] }

func (x *ruled) step() {
	switch n := x.rnd.IntN(20); {
	case n < 8:
		x.put()
	case n < 11:
		x.delete()
	case n < 12:
		x.govern()
	case n < 13:
		x.hold()
	case n < 14 && len(x.holds) > 0:
		h := x.holds[0]
		x.holds = x.holds[1:]
		if _, err := x.r.Room.LiftHold(x.Context(), x.r.Owner, h.ID, "settled"); err != nil {
			x.Error(err)
		}
		delete(x.m.held, h.Key+h.Value)
		x.note("lift %s", h.What())
	default:
		x.clock.advance(time.Duration(x.rnd.IntN(60)) * time.Hour)
		x.run()
	}
}

func (x *ruled) put() {
	key := x.key()
	v := &ruledVersion{customer: []string{"", "4711", "4712"}[x.rnd.IntN(3)], size: int64(1 + x.rnd.IntN(40))}
	if x.rnd.IntN(2) == 0 {
		v.tags = []strongroom.Tag{{Key: "keep", Value: []string{"short", "long"}[x.rnd.IntN(2)]}}
	}
	req := vault.PutRequest{Bucket: x.bucket, Key: key, Size: v.size, Declared: vault.Declared{
		Meta: map[string]string{}, Headers: map[string]string{"Content-Type": []string{"audio/wav", "text/plain", "application/x-public"}[x.rnd.IntN(3)]}, Tags: v.tags}}
	if v.customer != "" {
		req.Meta["strongroom-customer"] = v.customer
	}
	now := x.clock.now()
	o, err := x.r.Room.Put(x.Context(), x.r.Owner, req, bytes.NewReader(make([]byte, v.size)))
	v.id, v.stored, v.label = o.Version.String(), o.Modified, o.Label
	if err != nil {
		v.stored = now
	}
	x.agree("put "+key, err, x.m.add(key, v, now))
}

func (x *ruled) delete() {
	key, now := x.key(), x.clock.now()
	versions := x.m.keys[key]
	q := vault.DeleteRequest{Key: key}
	want := true
	if len(versions) > 0 && x.rnd.IntN(2) == 0 {
		i := x.rnd.IntN(len(versions))
		if versions[i].id == "" && !versions[i].null {
			return // a marker whose id the model does not know
		}
		if q.Version = versions[i].id; versions[i].null {
			q.Version = "null"
		}
		want = x.m.remove(key, i, now)
	} else if x.m.versioning != strongroom.Unversioned {
		want = x.m.add(key, &ruledVersion{marker: true, stored: now}, now)
	} else if len(versions) > 0 {
		want = x.m.remove(key, 0, now)
	}
	results, err := x.r.Room.Delete(x.Context(), x.r.Owner, x.bucket, []vault.DeleteRequest{q})
	if err != nil {
		x.Fatal(err)
	}
	x.agree("delete "+key+" "+q.Version, results[0].Err, want)
}

// agree holds what the room did against what the model did.
func (x *ruled) agree(what string, err error, want bool) {
	x.note("%s: %v", what, err)
	if (err == nil) != want || err != nil && strongroom.KindOf(err) != strongroom.KindKept {
		x.Errorf("%s: the room says %v, the model %v", what, err, want)
	}
	x.compare(what)
}

func (x *ruled) compare(what string) {
	if have, want := shown(x.T, x.r, x.bucket), x.m.String(); have != want {
		x.Errorf("after %s the room has\n%s\nand the model\n%s", what, have, want)
	}
	if x.Failed() {
		x.Fatal(x.log)
	}
}

func (x *ruled) govern() {
	rule := vault.RetentionRule{Name: fmt.Sprintf("%s-%d", x.bucket, x.rnd.IntN(3)), Bucket: x.bucket, Basis: "test",
		Class: []string{"", "confidential", "voice", "non-confidential"}[x.rnd.IntN(4)]}
	if x.rnd.IntN(3) > 0 {
		rule.Minimum.Days = 1 + x.rnd.IntN(6)
	}
	if x.rnd.IntN(2) == 0 || rule.Minimum.IsZero() {
		rule.Maximum.Days = rule.Minimum.Days + 2 + x.rnd.IntN(4)
	}
	if _, err := x.r.Room.PutRetention(x.Context(), x.r.Owner, rule, "a test"); err != nil {
		x.Fatal(err)
	}
	x.m.room = append(slices.DeleteFunc(x.m.room, func(other vault.RetentionRule) bool { return other.Name == rule.Name }), rule)
	x.note("rule %+v", rule)
}

func (x *ruled) hold() {
	h := vault.Hold{Matter: "m", Reason: "test"}
	if x.rnd.IntN(2) == 0 {
		h.Bucket, h.Key = x.bucket, x.key()
	} else {
		h.Attribute, h.Value = "customer", "4711"
	}
	if x.m.held[h.Key+h.Value] {
		return
	}
	h, err := x.r.Room.PlaceHold(x.Context(), x.r.Owner, h)
	if err != nil {
		x.Fatal(err)
	}
	x.m.held[h.Key+h.Value] = true
	x.holds = append(x.holds, h)
	x.note("hold %s", h.What())
}

func (x *ruled) run() {
	dry, err := x.r.Room.RunLifecycle(x.Context(), vault.LifecycleRequest{Bucket: x.bucket, Dry: true})
	if err != nil {
		x.Fatal(err)
	}
	report, err := x.r.Room.RunLifecycle(x.Context(), vault.LifecycleRequest{Bucket: x.bucket})
	if err != nil {
		x.Fatal(err)
	}
	done := x.m.run(x.clock.now())
	x.note("run: %+v", report)
	if report.Done != done || report.Failed != 0 || dry.Done != done {
		x.Errorf("the room did %d (a dry run said %d) and failed %d times, the model did %d: %s", report.Done, dry.Done, report.Failed, done, report.Problem)
	}
	x.compare("the run")
}

// end lifts what would keep other buckets' objects and holds the rows against the ledger.
func (x *ruled) end() {
	for _, h := range x.holds {
		if _, err := x.r.Room.LiftHold(x.Context(), x.r.Owner, h.ID, "the test ends"); err != nil {
			x.Error(err)
		}
	}
}
