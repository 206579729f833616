package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/book"
)

// KindLifecycle is the record of a run of the lifecycle rules, and of a look at them.
const KindLifecycle = "lifecycle"

// Actions of the records of what a run does; the personal detail names the rule.
const (
	actionExpire = "lifecycle-expire" // a version was deleted
	actionHide   = "lifecycle-hide"   // a delete marker was put over the current version
	actionAbort  = "lifecycle-abort"  // an upload was aborted
)

// What a rule has done to a version.
const (
	RemoveVersion = "delete"
	HideVersion   = "delete-marker"
	AbortUpload   = "abort-upload"
)

// Whose rule it is.
const (
	ByLifecycle = "lifecycle" // of the bucket
	ByRetention = "retention" // of the room: a maximum
)

// verdict is what rules have done to a version, and when; none where due is zero.
type verdict struct {
	due      time.Time
	act      string
	by, rule string
	setAside bool // a maximum that a minimum is longer than
}

func (v verdict) isDue(now time.Time) bool { return !v.due.IsZero() && !now.Before(v.due) }

func (v verdict) String() string { return fmt.Sprintf("%s rule %s", v.by, v.rule) }

// earliest of verdicts; the first of those that fall together.
func earliest(all ...verdict) verdict {
	var first verdict
	for _, v := range all {
		if !v.due.IsZero() && (first.due.IsZero() || v.due.Before(first.due)) {
			first = v
		}
	}
	return first
}

// midnightAfter is S3's rounding: the midnight, in UTC, that follows so many days after.
func midnightAfter(t time.Time, days int) time.Time {
	return t.UTC().AddDate(0, 0, days+1).Truncate(24 * time.Hour)
}

// filters reports whether a lifecycle rule's filter matches.
func filters(rule *strongroom.LifecycleRule, o *strongroom.Object) bool {
	if !sizeAndName(rule, o.Key, o.Size) {
		return false
	}
	for _, t := range rule.Tags {
		if !slices.Contains(o.Tags, t) {
			return false
		}
	}
	return true
}

func sizeAndName(rule *strongroom.LifecycleRule, key string, size int64) bool {
	return rule.Enabled && strings.HasPrefix(key, rule.Prefix) &&
		(rule.Larger == nil || size > *rule.Larger) && (rule.Smaller == nil || size < *rule.Smaller)
}

// standing is where a version stands among those of its key.
type standing struct {
	newer int  // versions with content that are no longer current and newer than this one
	alone bool // it is the key's only version
}

// lifecycle answers what a bucket's rules have done to a version.
func lifecycle(b *strongroom.Bucket, o *strongroom.Object, at standing) verdict {
	var first verdict
	propose := func(due time.Time, rule *strongroom.LifecycleRule, act string) {
		first = earliest(first, verdict{due: due, act: act, by: ByLifecycle, rule: rule.ID})
	}
	for i := range b.Lifecycle {
		rule := &b.Lifecycle[i]
		if !filters(rule, o) {
			continue
		}
		switch {
		case !o.Latest:
			if rule.NoncurrentDays > 0 && at.newer >= rule.NoncurrentKeep && !o.Succeeded.IsZero() {
				propose(midnightAfter(o.Succeeded, rule.NoncurrentDays), rule, RemoveVersion)
			}
		case o.Marker && !at.alone:
		case o.Marker && rule.ExpiredMarkers:
			propose(o.Modified, rule, RemoveVersion)
		default:
			act := RemoveVersion
			if !o.Marker && b.Versioning != strongroom.Unversioned {
				act = HideVersion
			}
			if rule.Days > 0 {
				propose(midnightAfter(o.Modified, rule.Days), rule, act)
			} else if !rule.Date.IsZero() {
				propose(rule.Date, rule, act)
			}
		}
	}
	return first
}

// retention answers when the room's rules have a version deleted for good. A delete
// marker that still hides something stays.
func retention(rules []RetentionRule, o *strongroom.Object, at standing) verdict {
	if o.Marker && o.Latest && !at.alone {
		return verdict{}
	}
	due, rule, setAside := maximum(rules, o)
	return verdict{due: due, act: RemoveVersion, by: ByRetention, rule: rule.Name, setAside: setAside}
}

// judge answers what is done to a version first: what is to go for good goes, whatever
// would only hide it.
func judge(b *strongroom.Bucket, rules []RetentionRule, o *strongroom.Object, at standing, now time.Time) verdict {
	room, own := retention(rules, o, at), lifecycle(b, o, at)
	if own.act == HideVersion && room.isDue(now) {
		return room
	}
	return earliest(own, room)
}

// foretell tells in an answer when the bucket's rules have an object expire.
func (r *Room) foretell(o *strongroom.Object) {
	if b, exists := r.bucket(o.Bucket); exists && o.Latest && !o.Marker && len(b.Lifecycle) > 0 {
		if v := lifecycle(&b.Bucket, o, standing{}); v.due.Year() < 10000 {
			o.Expires, o.ExpiresBy = v.due, v.rule
		}
	}
}

// walked is a version on a walk through a bucket.
type walked struct {
	*entry
	standing
}

// walkPage is how many versions a walk looks at while it holds on to a state of the index.
const walkPage = 512

// walk goes through a bucket's versions and delete markers in order of key, each key's
// newest first, a page at a time. What is stored and deleted meanwhile may be seen or not.
func (r *Room) walk(ctx context.Context, b bucketRow, each func(page []walked) error) error {
	last := &entry{} // of the page before
	begun, newer := false, 0
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.state.mu.Lock() // copying a tree writes to it
		if r.state.index[b.ID] == nil {
			r.state.mu.Unlock()
			return nil
		}
		all := versions{current: r.state.index[b.ID].Copy().Iter(), older: r.state.history[b.ID].Copy().Iter()}
		r.state.mu.Unlock()
		var page []walked
		e, more := all.behind(last, begun)
		for ; more && len(page) < walkPage; e, more = all.next() {
			if e.key != last.key || !begun {
				newer = 0
			}
			w := walked{e, standing{newer: newer, alone: !begun || e.key != last.key}}
			if !e.latest && !e.marker {
				newer++
			}
			if n := len(page); n > 0 && !w.alone {
				page[n-1].alone = false
			}
			page = append(page, w)
			last, begun = e, true
		}
		if more && e.key == last.key {
			page[len(page)-1].alone = false
		}
		all.release()
		if len(page) == 0 {
			return nil
		}
		if err := each(page); err != nil {
			return err
		}
	}
}

// behind answers the first version after one, which need not be there any more.
func (v *versions) behind(last *entry, begun bool) (*entry, bool) {
	if !begun {
		return v.seek("")
	}
	v.moreCurrent = v.current.Seek(&entry{key: last.key})
	if v.moreCurrent && v.current.Item().key == last.key {
		v.moreCurrent = v.current.Next()
	}
	v.moreOlder = v.older.Seek(&entry{key: last.key, sequence: last.sequence - 1})
	if last.sequence == 0 && v.moreOlder && v.older.Item().key == last.key {
		v.moreOlder = v.older.Seek(&entry{key: last.key + "\x00", sequence: ^uint64(0)})
	}
	return v.least()
}

// walkedRow reads the row of a version on a walk; nil where it is gone or stands
// elsewhere by now.
func (r *Room) walkedRow(ctx context.Context, w walked) (*objectBody, error) {
	row, err := r.Book.Row(ctx, w.kind, w.version.String())
	if errors.Is(err, book.ErrNoRow) {
		return nil, nil
	} else if err != nil {
		return nil, unavailable("the room's database cannot be read now", err)
	}
	o, err := readObject(row)
	if err != nil {
		return nil, unavailable("an object's row cannot be read", err)
	}
	return &o, nil
}

// bucketsByName answers the buckets in order of name, or the one named.
func (r *Room) bucketsByName(only string) []bucketRow {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	var out []bucketRow
	for _, b := range r.state.buckets {
		if only == "" || b.Name == only {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b bucketRow) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// mayName decides whether the asker may be told names in every bucket, or in one, and
// records it as listings.
func (r *Room) mayName(ctx context.Context, c Caller, only string) error {
	for _, b := range r.bucketsByName(only) {
		_, a, err := r.mayList(ctx, c, b.Name, "", true)
		if err != nil {
			return err
		}
		e := r.evidence("list-versions", a)
		e.Bucket = b.ID
		if err := r.note(ctx, KindList, e, a); err != nil {
			return unavailable("the listing could not be recorded", err)
		}
	}
	return nil
}

// LifecycleRequest asks for a run of the lifecycle rules of buckets and of the room's
// maximums.
type LifecycleRequest struct {
	// By is who asks; nil is the house itself, at the hour.
	By     *Caller
	Bucket string // only this one
	// Dry does nothing and tells what would be done. At is the time to do as if, which
	// only a dry run may choose; zero means now.
	Dry bool
	At  time.Time
	// Each, where not nil, is told what is done to each version or upload, or would be.
	Each func(LifecycleDeed) error
	Step func() // called for each version looked at
}

// LifecycleDeed is one thing done, or to be done.
type LifecycleDeed struct {
	Bucket  string    `json:"bucket"`
	Key     string    `json:"key"`
	Version string    `json:"version,omitempty"` // or of an upload its id
	Act     string    `json:"act"`
	Rule    string    `json:"rule"`
	By      string    `json:"by"`
	Due     time.Time `json:"due"`
	Kept    string    `json:"kept,omitempty"` // what keeps it all the same
	Size    int64     `json:"size,omitempty"`
}

// LifecycleTally counts what one rule has done.
type LifecycleTally struct {
	Bucket string `json:"bucket"`
	By     string `json:"by"`
	Rule   string `json:"rule"`
	Act    string `json:"act"`
	Done   int64  `json:"done"`
	Bytes  int64  `json:"bytes"`
}

// LifecycleReport is what a run did.
type LifecycleReport struct {
	At       time.Time        `json:"at"`
	Dry      bool             `json:"dry"`
	Versions int64            `json:"versions"` // looked at, delete markers included
	Uploads  int64            `json:"uploads"`
	Done     int64            `json:"done"`
	Bytes    int64            `json:"bytes"`             // of versions deleted
	ByRule   []LifecycleTally `json:"by_rule,omitempty"` // in order of bucket, then rule
	// Kept counts what is due and what keeps it all the same, by reason.
	Kept     map[string]int64 `json:"kept,omitempty"`
	Refused  int64            `json:"refused"`   // by policy
	SetAside int64            `json:"set_aside"` // versions past a maximum that a longer minimum goes before
	Failed   int64            `json:"failed"`
	Problem  string           `json:"problem,omitempty"` // of the first that failed
}

// run is a run under way.
type run struct {
	*Room
	LifecycleRequest
	caller Caller // the workload that does it
	now    time.Time
	rules  []RetentionRule

	mu      sync.Mutex
	report  LifecycleReport
	tallies map[LifecycleTally]*LifecycleTally
	told    bool // a refusal by policy is on record
	broken  error
}

// together is how many deletions are under way at once, so that they share commits.
const together = 8

// errNotDue says that a version is not what it was when the run looked at it.
var errNotDue = errors.New("it is not due any more")

// RunLifecycle does what is due: each deletion decided by policy, recorded, and a commit
// of its own, so that a run that breaks off leaves nothing half done and the next one
// goes on. It rests while requests are being served.
func (r *Room) RunLifecycle(ctx context.Context, req LifecycleRequest) (LifecycleReport, error) {
	x := &run{Room: r, LifecycleRequest: req, now: r.Clock().UTC(), tallies: map[LifecycleTally]*LifecycleTally{}}
	if !req.At.IsZero() {
		if !req.Dry {
			return x.report, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "only a dry run may choose its time: the future can be looked at, not acted on"}
		}
		x.now = req.At.UTC()
	}
	x.caller = Caller{Principal: Lifecycle, Method: "local", Secure: true, RequestID: strongroom.NewID().String()}
	x.report = LifecycleReport{At: x.now, Dry: req.Dry, Kept: map[string]int64{}}
	asker, err := x.mayRun(ctx)
	if err != nil {
		return x.report, err
	}
	if x.rules, _, err = r.keepingNow(); err != nil {
		return x.report, err
	}
	for _, b := range r.bucketsByName(req.Bucket) {
		if err = x.inBucket(ctx, b); err != nil {
			break
		}
	}
	for _, t := range x.tallies {
		x.report.ByRule = append(x.report.ByRule, *t)
	}
	slices.SortFunc(x.report.ByRule, func(a, b LifecycleTally) int {
		return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.By, b.By), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Act, b.Act))
	})
	return x.report, errors.Join(err, x.record(context.WithoutCancel(ctx), asker))
}

// mayRun decides whether somebody may have a run now, or see what one would do.
func (x *run) mayRun(ctx context.Context) (*asked, error) {
	if x.Bucket != "" {
		if _, exists := x.bucket(x.Bucket); !exists {
			return nil, noBucket(x.Bucket)
		}
	}
	if x.By == nil {
		return nil, nil
	}
	action := strongroom.ActionManagePolicy
	if x.Dry {
		action = strongroom.ActionReadPolicy
	}
	a := x.decide(*x.By, action, strongroom.Resource{})
	if !a.decision.Permit {
		return &a, x.refuse(ctx, a)
	}
	if x.Each != nil {
		if err := x.mayName(ctx, *x.By, x.Bucket); err != nil {
			return &a, err
		}
	}
	if x.Dry {
		return &a, x.keepRecord(ctx, a, KindLifecycle, "lifecycle-dry-run", "", "as of "+x.now.Format(time.RFC3339), book.Change{})
	}
	return &a, nil
}

// record puts the run itself on record: always where somebody asked for it, at the hour
// where there is something to tell.
func (x *run) record(ctx context.Context, asker *asked) error {
	if x.Dry || asker == nil && x.report.Done+x.report.Failed+x.report.Refused == 0 {
		return nil
	}
	var a asked
	if asker != nil {
		a = *asker
	} else {
		a = asked{caller: x.caller, question: strongroom.Question{Principal: Lifecycle}}
	}
	e := x.evidence("lifecycle-run", a)
	if asker == nil {
		e.Decision = "" // each deletion was decided by itself
	}
	e.Bytes = x.report.Bytes
	e.Counts = map[string]int64{"done": x.report.Done, "refused": x.report.Refused, "failed": x.report.Failed, "set aside": x.report.SetAside}
	for why, n := range x.report.Kept {
		e.Counts["kept by "+why] = n
	}
	p := Personal{RequestID: x.caller.RequestID}
	if asker != nil {
		p = a.personal()
	}
	if _, err := x.apply(ctx, KindLifecycle, e, p, book.Change{}); err != nil {
		return unavailable("the run could not be recorded", err)
	}
	return nil
}

// concerns reports whether any rule could have something done in a bucket.
func (x *run) concerns(b *strongroom.Bucket) bool {
	return slices.ContainsFunc(b.Lifecycle, func(rule strongroom.LifecycleRule) bool { return rule.Enabled }) ||
		slices.ContainsFunc(x.rules, func(rule RetentionRule) bool {
			return !rule.Maximum.IsZero() && (rule.Bucket == "" || rule.Bucket == b.Name)
		})
}

func (x *run) inBucket(ctx context.Context, b bucketRow) error {
	if !x.concerns(&b.Bucket) {
		return nil
	}
	err := x.walk(ctx, b, func(page []walked) error {
		began := time.Now()
		var due []task
		for _, w := range page {
			x.report.Versions++
			if x.Step != nil {
				x.Step()
			}
			if !x.mayBeDue(&b.Bucket, w) {
				continue
			}
			t, err := x.judge(ctx, b, w)
			if err != nil {
				return err
			}
			if t != nil {
				due = append(due, *t)
			}
		}
		if err := x.carryOut(ctx, b, due); err != nil {
			return err
		}
		x.rest(ctx, time.Since(began))
		return nil
	})
	if err != nil {
		return err
	}
	return x.uploads(ctx, b)
}

// rest leaves the room to those who wait for answers.
func (x *run) rest(ctx context.Context, worked time.Duration) {
	if len(x.slots) == 0 {
		return
	}
	wait := time.NewTimer(min(2*worked, 200*time.Millisecond))
	defer wait.Stop()
	select {
	case <-ctx.Done():
	case <-wait.C:
	}
}

// mayBeDue judges by what the index knows, so that of a bucket in which nothing is due no
// row is read. A version was succeeded after it was stored.
func (x *run) mayBeDue(b *strongroom.Bucket, w walked) bool {
	for i := range x.rules {
		rule := &x.rules[i]
		if !rule.Maximum.IsZero() && (rule.Bucket == "" || rule.Bucket == b.Name) && !x.now.Before(rule.Maximum.After(w.modified)) {
			return true
		}
	}
	for i := range b.Lifecycle {
		rule := &b.Lifecycle[i]
		if !sizeAndName(rule, w.key, w.size) {
			continue
		}
		switch {
		case !w.latest:
			if rule.NoncurrentDays > 0 && w.newer >= rule.NoncurrentKeep && !x.now.Before(midnightAfter(w.modified, rule.NoncurrentDays)) {
				return true
			}
		case w.marker && !w.alone:
		case w.marker && rule.ExpiredMarkers,
			rule.Days > 0 && !x.now.Before(midnightAfter(w.modified, rule.Days)),
			!rule.Date.IsZero() && !x.now.Before(rule.Date):
			return true
		}
	}
	return false
}

// task is a version that is due.
type task struct {
	walked
	verdict
	o objectBody
}

func (x *run) deed(b bucketRow, t task) LifecycleDeed {
	return LifecycleDeed{Bucket: b.Name, Key: t.key, Version: t.o.VersionName(), Act: t.act, Rule: t.rule, By: t.by, Due: t.due, Size: t.size}
}

// judge answers what is due of a version, unless something keeps it.
func (x *run) judge(ctx context.Context, b bucketRow, w walked) (*task, error) {
	o, err := x.walkedRow(ctx, w)
	if o == nil || err != nil {
		return nil, err
	}
	if retention(x.rules, &o.Object, w.standing).setAside {
		x.report.SetAside++
	}
	v := judge(&b.Bucket, x.rules, &o.Object, w.standing, x.now)
	if !v.isDue(x.now) {
		return nil, nil
	}
	t := &task{w, v, *o}
	why, err := x.kept(ctx, b, *t)
	if err != nil {
		return nil, err
	}
	if why == "" {
		resource := resourceOf(o.Object)
		resource.LegalHold = resource.LegalHold && v.act == RemoveVersion
		if a := x.decide(x.caller, strongroom.ActionDeleteObject, resource); !a.decision.Permit {
			x.report.Refused++
			if !x.told { // the rest is counted in the run's record
				x.told = true
				if !x.Dry {
					_ = x.refuse(ctx, a)
				}
			}
			return nil, nil
		}
		return t, nil
	}
	x.report.Kept[why]++
	if x.Each != nil {
		d := x.deed(b, *t)
		d.Kept = why
		return nil, x.Each(d)
	}
	return nil, nil
}

// kept says what keeps a due version, or "". What a hold keeps is not hidden either; what
// only retention keeps is, as in S3, since hiding destroys nothing.
func (x *run) kept(ctx context.Context, b bucketRow, t task) (string, error) {
	destroyed := []objectBody{t.o}
	if t.act == HideVersion {
		for _, k := range x.keepers(x.rules, &t.o.Object, x.now) {
			if k.until.IsZero() {
				return k.why, nil
			}
		}
		if destroyed = nil; b.Versioning == strongroom.VersioningSuspended {
			// The marker takes the place of the null version, whichever that is.
			if t.o.Null {
				destroyed = []objectBody{t.o}
			} else if null, err := x.only(ctx, rowNull, b, t.key); err == nil {
				destroyed = []objectBody{null}
			} else if !errors.Is(err, book.ErrNoRow) {
				return "", err
			}
		}
	}
	for _, o := range destroyed {
		if all := x.keepers(x.rules, &o.Object, x.now); len(all) > 0 {
			return all[0].why, nil
		}
	}
	return "", nil
}

// carryOut does what is due, versions of one key one after the other and the oldest
// first, so that none comes back to light because a newer one went.
func (x *run) carryOut(ctx context.Context, b bucketRow, due []task) error {
	var keys [][]task
	for _, t := range due {
		if n := len(keys); n > 0 && keys[n-1][0].key == t.key {
			keys[n-1] = append(keys[n-1], t)
		} else {
			keys = append(keys, []task{t})
		}
	}
	slots := make(chan struct{}, together)
	for _, of := range keys {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			for _, t := range slices.Backward(of) {
				if ctx.Err() != nil {
					return
				}
				x.do(ctx, b, t)
			}
		}()
	}
	for range together {
		slots <- struct{}{}
	}
	return errors.Join(x.broken, ctx.Err())
}

func (x *run) do(ctx context.Context, b bucketRow, t task) {
	var err error
	if !x.Dry {
		err = x.delete(ctx, b, t)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case errors.Is(err, errNotDue):
	case strongroom.KindOf(err) == strongroom.KindHeld, strongroom.KindOf(err) == strongroom.KindKept: // since the run looked
		x.report.Kept["what came since it was looked at"]++
	case strongroom.KindOf(err) == strongroom.KindDenied:
		x.report.Refused++
	case err != nil:
		x.failed(err)
	default:
		x.count(x.deed(b, t))
	}
}

func (x *run) failed(err error) {
	x.report.Failed++
	if x.report.Problem == "" {
		x.report.Problem = err.Error()
		x.Log.Error("a lifecycle rule could not be carried out", "room", x.ID, "error", errors.Join(err, errors.Unwrap(err)))
	}
	if strongroom.KindOf(err) == strongroom.KindUnavailable && x.broken == nil {
		x.broken = err // the ledger or the database: the next one would fail too
	}
}

func (x *run) count(d LifecycleDeed) {
	x.report.Done++
	if d.Act == RemoveVersion {
		x.report.Bytes += d.Size
	}
	key := LifecycleTally{Bucket: d.Bucket, By: d.By, Rule: d.Rule, Act: d.Act}
	t := x.tallies[key]
	if t == nil {
		t = &LifecycleTally{Bucket: d.Bucket, By: d.By, Rule: d.Rule, Act: d.Act}
		x.tallies[key] = t
	}
	t.Done++
	t.Bytes += d.Size
	if x.Each != nil {
		if err := x.Each(d); err != nil && x.broken == nil {
			x.broken = err
		}
	}
}

// delete deletes or hides a version if it is still what the run looked at.
func (x *run) delete(ctx context.Context, b bucketRow, t task) error {
	_, behind, known := x.state.newestBehind(b.ID, t.o)
	if t.act == RemoveVersion && t.latest && !t.marker && (behind || !known) && b.Versioning != strongroom.Unversioned {
		// Deleting it would make an older version the current one.
		if t.null && b.Versioning == strongroom.VersioningSuspended { // the marker takes its place
			return x.deleteOne(ctx, x.caller, b.Name, x.request(t, "", actionExpire)).Err
		}
		if err := x.deleteOne(ctx, x.caller, b.Name, x.request(t, "", actionHide)).Err; err != nil {
			return err
		}
		t.o.Latest = false
	}
	if t.act == HideVersion {
		return x.deleteOne(ctx, x.caller, b.Name, x.request(t, "", actionHide)).Err
	}
	return x.deleteOne(ctx, x.caller, b.Name, x.request(t, t.o.VersionName(), actionExpire)).Err
}

// request asks for what a rule has done to a version, provided that the version, the
// bucket's rules and the room's still say so.
func (x *run) request(t task, version, action string) DeleteRequest {
	return DeleteRequest{Key: t.key, Version: version, house: &houseDeletion{
		action: action, detail: t.verdict.String(),
		due: func(b bucketRow, o objectBody) error {
			rules, _, err := x.keepingNow()
			if err != nil {
				return err
			}
			if o.Version != t.version || o.Latest != t.o.Latest {
				return errNotDue
			}
			still := judge(&b.Bucket, rules, &o.Object, t.standing, x.now)
			if t.latest && !o.Latest { // hidden by this run, to be deleted
				still = retention(rules, &o.Object, t.standing)
			}
			if !still.isDue(x.now) || still.act != t.act || still.rule != t.rule || still.by != t.by {
				return errNotDue
			}
			return nil
		},
	}}
}

// houseDeletion is what the house's own workload adds to a DeleteRequest.
type houseDeletion struct {
	action, detail string
	due            func(bucketRow, objectBody) error
}

// still fails unless what the house would delete is still due.
func (h *houseDeletion) still(b bucketRow, o objectBody) error {
	if h == nil {
		return nil
	}
	return h.due(b, o)
}

// as puts on a deletion's record why the house did it.
func (h *houseDeletion) as(action string, p Personal) (string, Personal) {
	if h == nil {
		return action, p
	}
	p.Detail = h.detail
	return h.action, p
}

// uploads aborts what has been going on for too long.
func (x *run) uploads(ctx context.Context, b bucketRow) error {
	if !slices.ContainsFunc(b.Lifecycle, func(rule strongroom.LifecycleRule) bool { return rule.Enabled && rule.AbortUploadDays > 0 }) {
		return nil
	}
	type stale struct {
		u uploadBody
		v verdict
	}
	var due []stale
	for row, err := range x.Book.Rows(ctx, rowUpload, b.ID.String()) {
		if err != nil {
			return unavailable("the room's database cannot be read now", err)
		}
		u, err := decode[uploadBody](row)
		if err != nil {
			return unavailable("an upload's row cannot be read", err)
		}
		x.report.Uploads++
		var v verdict
		for i := range b.Lifecycle {
			if rule := &b.Lifecycle[i]; rule.Enabled && rule.AbortUploadDays > 0 && strings.HasPrefix(u.Key, rule.Prefix) {
				v = earliest(v, verdict{due: midnightAfter(u.Started, rule.AbortUploadDays), act: AbortUpload, by: ByLifecycle, rule: rule.ID})
			}
		}
		if v.isDue(x.now) {
			u.Stanzas, u.Wrapped, u.UploadKey = nil, nil, nil // not needed, and there may be many
			due = append(due, stale{u, v})
		}
	}
	for _, s := range due {
		if err := errors.Join(ctx.Err(), x.broken); err != nil {
			return err
		}
		d := LifecycleDeed{Bucket: b.Name, Key: s.u.Key, Version: s.u.ID.String(), Act: AbortUpload, Rule: s.v.rule, By: s.v.by, Due: s.v.due}
		o := strongroom.Object{Bucket: b.Name, Key: s.u.Key}
		s.u.declared().on(&o)
		if x.heldBy(&o) {
			x.report.Kept[KeptByHold]++
			if d.Kept = KeptByHold; x.Each != nil {
				if err := x.Each(d); err != nil {
					return err
				}
			}
			continue
		}
		var err error
		if !x.Dry {
			err = x.end(ctx, s.u, s.v)
		}
		switch strongroom.KindOf(err) {
		case "":
			if err != nil {
				x.failed(err)
			} else {
				x.count(d)
			}
		case strongroom.KindNoUpload: // completed or aborted meanwhile
		case strongroom.KindDenied:
			x.report.Refused++
		default:
			x.failed(err)
		}
	}
	return x.broken
}

func (x *run) end(ctx context.Context, u uploadBody, v verdict) error {
	u, a, err := x.upload(ctx, x.caller, strongroom.ActionDeleteObject, u.Bucket, u.Key, u.ID)
	if err != nil {
		return err
	}
	return x.abort(ctx, u, a, &houseDeletion{action: actionAbort, detail: v.String()})
}

// BucketLifecycle is a bucket's lifecycle rules.
type BucketLifecycle struct {
	Bucket     string                     `json:"bucket"`
	Versioning strongroom.Versioning      `json:"versioning,omitempty"`
	Rules      []strongroom.LifecycleRule `json:"rules"`
}

// LifecycleRules answers the lifecycle rules of the buckets that have any, on record.
func (r *Room) LifecycleRules(ctx context.Context, c Caller) ([]BucketLifecycle, error) {
	a := r.decide(c, strongroom.ActionReadPolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	if err := r.keepRecord(ctx, a, KindLifecycle, "lifecycle-list", "", "", book.Change{}); err != nil {
		return nil, err
	}
	var out []BucketLifecycle
	for _, b := range r.bucketsByName("") {
		if len(b.Lifecycle) > 0 {
			out = append(out, BucketLifecycle{b.Name, b.Versioning, b.Lifecycle})
		}
	}
	return out, nil
}
