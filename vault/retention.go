package vault

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"strongroom"
	"strongroom/book"
)

// KindRetention is the record of a change to the room's retention rules, and of reading
// them or what follows from them.
const KindRetention = "retention"

// Period is a length of time as laws count it.
type Period struct{ Years, Months, Days int }

var periodForm = regexp.MustCompile(`^(?:(\d{1,4})y)?(?:(\d{1,5})m)?(?:(\d{1,6})d)?$`)

// ParsePeriod reads years, months and days: 5y, 18m, 90d, 1y6m.
func ParsePeriod(s string) (Period, error) {
	m := periodForm.FindStringSubmatch(s)
	if m == nil || s == "" {
		return Period{}, fmt.Errorf("%q is no period: give years, months and days as in 5y, 18m, 90d or 1y6m", s)
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // "" is 0
	p := Period{number(m[1]), number(m[2]), number(m[3])}
	if p.Years > 1000 || p.Months > 12000 || p.Days > 366000 {
		return Period{}, fmt.Errorf("%q is longer than 1000 years", s)
	}
	if p.IsZero() {
		return Period{}, fmt.Errorf("%q is no time at all; leave it out instead", s)
	}
	return p, nil
}

func (p Period) String() string {
	var b strings.Builder
	for _, part := range []struct {
		n    int
		unit string
	}{{p.Years, "y"}, {p.Months, "m"}, {p.Days, "d"}} {
		if part.n != 0 {
			fmt.Fprintf(&b, "%d%s", part.n, part.unit)
		}
	}
	return b.String()
}

// IsZero reports whether there is no period.
func (p Period) IsZero() bool { return p == Period{} }

// MarshalText and UnmarshalText give a period its text form in JSON.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p *Period) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePeriod(string(b))
	return err
}

// After is when a period that begins at a time is over: with the last hour of the last
// day, in UTC. In a month that has no such day that is the month's last.
func (p Period) After(t time.Time) time.Time {
	t = t.UTC()
	year, month, day := t.Date()
	first := time.Date(year+p.Years, month+time.Month(p.Months), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(day, last)-1+p.Days+1)
}

// shorterThan reports whether p, begun on any day, may be over before q is.
func (p Period) shorterThan(q Period) bool {
	for day := range 4 * 366 {
		begin := time.Date(2023, 1, 1+day, 0, 0, 0, 0, time.UTC)
		if p.After(begin).Before(q.After(begin)) {
			return true
		}
	}
	return false
}

// RetentionRule says how long the versions that it matches are kept at least, and at
// most. Of several that match one version the longest minimum holds, and the shortest
// maximum, but never before the minimum is over.
type RetentionRule struct {
	Name    string    `json:"name"`
	Bucket  string    `json:"bucket,omitempty"` // "" means every bucket
	Class   string    `json:"class,omitempty"`  // a data class, confidential, non-confidential, or "" for everything
	Minimum Period    `json:"minimum,omitzero"`
	Maximum Period    `json:"maximum,omitzero"`
	Basis   string    `json:"basis"` // why: the law, contract or decision
	Set     time.Time `json:"set"`
	By      string    `json:"by"`
}

// Classes that a rule may name and that are no data class.
const (
	ClassConfidential    = "confidential"
	ClassNonConfidential = "non-confidential"
)

func (r *RetentionRule) matches(o *strongroom.Object) bool {
	if r.Bucket != "" && r.Bucket != o.Bucket {
		return false
	}
	switch {
	case r.Class == "":
		return true
	case o.Marker: // nothing is known of its content, for there is none
		return false
	case r.Class == ClassConfidential:
		return o.Label.Confidential
	case r.Class == ClassNonConfidential:
		return !o.Label.Confidential
	}
	return slices.Contains(o.Label.Classes, r.Class)
}

var ruleName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)
var className = regexp.MustCompile(`^[a-z0-9-]{0,64}$`)

func (r *RetentionRule) check() error {
	invalid := func(format string, args ...any) error {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case !ruleName.MatchString(r.Name):
		return invalid("a retention rule's name has 1 to 64 lower-case letters, digits, dots and hyphens")
	case !className.MatchString(r.Class):
		return invalid("a class has up to 64 lower-case letters, digits and hyphens")
	case r.Minimum.IsZero() && r.Maximum.IsZero():
		return invalid("a retention rule has a minimum, a maximum, or both")
	case !r.Minimum.IsZero() && !r.Maximum.IsZero() && r.Maximum.shorterThan(r.Minimum):
		return invalid("the maximum is shorter than the minimum")
	}
	return checkText("the basis of a retention rule", r.Basis, 512)
}

// checkText bounds what people write into rows.
func checkText(what, text string, most int) error {
	if strings.TrimSpace(text) == "" || len(text) > most || !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s is one line of 1 to %d bytes", what, most)}
	}
	return nil
}

// loosens says what a change of a rule lets be destroyed that was not before, or "".
// The zero rule stands for none.
func loosens(was, is RetentionRule) string {
	covers := func(wide, narrow string) bool { return wide == "" || wide == narrow }
	kept, ended := !was.Minimum.IsZero(), !is.Maximum.IsZero()
	switch {
	case is.Name == "" && kept:
		return "a minimum is taken away"
	case is.Name == "":
		return ""
	case kept && (is.Minimum.IsZero() || is.Minimum.shorterThan(was.Minimum)):
		return "a minimum becomes shorter"
	case kept && !(covers(is.Bucket, was.Bucket) && covers(is.Class, was.Class)):
		return "a minimum covers less"
	case ended && (was.Maximum.IsZero() || is.Maximum.shorterThan(was.Maximum)):
		return "a maximum begins or becomes shorter"
	case ended && !(covers(was.Bucket, is.Bucket) && covers(was.Class, is.Class)):
		return "a maximum covers more"
	}
	return ""
}

// Preset is a retention rule that laws and standards suggest. Where they name no figure
// whoever uses it has to.
type Preset struct {
	Name     string `json:"name"`
	Class    string `json:"class,omitempty"`
	Minimum  Period `json:"minimum,omitzero"`
	Maximum  Period `json:"maximum,omitzero"`
	Basis    string `json:"basis"`
	Says     string `json:"says"`               // what the source asks for
	Needs    string `json:"needs,omitempty"`    // minimum or maximum: what has to be decided here
	Consider string `json:"consider,omitempty"` // what this rule alone does not do
}

//go:embed retention_presets.json
var presetText []byte

// Presets are the built-in ones, in order of name.
func Presets() ([]Preset, error) {
	var all []Preset
	if err := json.Unmarshal(presetText, &all); err != nil {
		return nil, fmt.Errorf("reading the built-in retention presets: %w", err)
	}
	return all, nil
}

// keeping is what the room as a whole says of how long versions stay: its retention
// rules and its holds. It is part of the state, under the state's lock.
type keeping struct {
	rules  map[string]RetentionRule // by row's id
	sorted []RetentionRule          // in order of name; replaced, never changed
	holds  map[strongroom.ID]Hold
	active map[holdTarget][]strongroom.ID
	count  keepingBody
	known  bool // there is a row that counts
	salt   [16]byte
	doubts map[book.RowKey]error // rows that cannot be read: while there is one nothing is deleted
}

// keepingBody counts the rows that keep versions. Whatever writes one of them writes
// this row too, so that it tells of any change, and of a row that was taken away.
type keepingBody struct {
	Rules int `json:"rules"`
	Holds int `json:"holds"`
}

func (k *keeping) init() {
	k.rules = map[string]RetentionRule{}
	k.holds = map[strongroom.ID]Hold{}
	k.active = map[holdTarget][]strongroom.ID{}
	k.doubts = map[book.RowKey]error{}
}

// keeps reports whether rows of this kind keep versions from being deleted.
func keeps(kind string) bool {
	return kind == rowRetention || kind == rowHold || kind == rowKeeping
}

// learn takes a row in.
func (k *keeping) learn(row book.Row) error {
	k.forget(book.RowKey{Kind: row.Kind, ID: row.ID})
	switch row.Kind {
	case rowRetention:
		rule, err := decode[RetentionRule](row)
		if err != nil {
			return err
		}
		k.rules[row.ID] = rule
		k.sort()
	case rowHold:
		h, err := decode[Hold](row)
		if err != nil {
			return err
		}
		k.holds[h.ID] = h
		if h.Lifted == nil {
			k.active[h.target()] = append(k.active[h.target()], h.ID)
		}
	case rowKeeping:
		count, err := decode[keepingBody](row)
		if err != nil {
			return err
		}
		k.count, k.known, k.salt = count, true, row.Salt
	}
	return nil
}

func (k *keeping) forget(key book.RowKey) {
	delete(k.doubts, key)
	switch key.Kind {
	case rowRetention:
		delete(k.rules, key.ID)
		k.sort()
	case rowHold:
		id, err := strongroom.ParseID(key.ID)
		h, known := k.holds[id]
		if err != nil || !known {
			return
		}
		delete(k.holds, id)
		at := h.target()
		left := slices.DeleteFunc(slices.Clone(k.active[at]), func(other strongroom.ID) bool { return other == id })
		if k.active[at] = left; len(left) == 0 {
			delete(k.active, at)
		}
	case rowKeeping:
		k.count, k.known, k.salt = keepingBody{}, false, [16]byte{}
	}
}

func (k *keeping) sort() {
	all := make([]RetentionRule, 0, len(k.rules))
	for _, rule := range k.rules {
		all = append(all, rule)
	}
	slices.SortFunc(all, func(a, b RetentionRule) int { return cmp.Compare(a.Name, b.Name) })
	k.sorted = all
}

// whole says why it is in doubt what the room keeps, or nil.
func (k *keeping) whole() error {
	for key, err := range k.doubts {
		return fmt.Errorf("the row %s %s cannot be read: %w", key.Kind, key.ID, err)
	}
	if len(k.rules) != k.count.Rules || len(k.holds) != k.count.Holds {
		return fmt.Errorf("there are %d retention rules and %d holds where there should be %d and %d; run `strongroom ledger verify --state`",
			len(k.rules), len(k.holds), k.count.Rules, k.count.Holds)
	}
	return nil
}

// unchanged requires that no rule or hold was written since.
func (k *keeping) unchanged() book.Condition {
	if !k.known {
		return book.Condition{Form: book.Absent, Kind: rowKeeping, ID: currentKeeping}
	}
	return book.Condition{Form: book.Unchanged, Kind: rowKeeping, ID: currentKeeping, Salt: k.salt}
}

// keepingNow answers the retention rules, and the condition that neither they nor the
// holds change before a deletion that relies on them is durable: a hold that was
// acknowledged holds, whichever process placed it.
func (r *Room) keepingNow() ([]RetentionRule, book.Condition, error) {
	var doubt error
	for attempt := range 6 {
		if attempt > 0 {
			time.Sleep(5 * time.Millisecond) // the rows of one commit are learned one after the other
		}
		r.state.mu.RLock()
		rules, condition := r.state.keeping.sorted, r.state.keeping.unchanged()
		doubt = r.state.keeping.whole()
		r.state.mu.RUnlock()
		if doubt == nil {
			return rules, condition, nil
		}
	}
	r.Log.Error("what the room keeps is in doubt, so nothing is deleted", "room", r.ID, "error", doubt)
	return nil, book.Condition{}, unavailable("what has to be kept cannot be told now, so nothing is deleted or replaced", doubt)
}

// minimum answers until when rules keep a version at least, and which rule it is.
func minimum(rules []RetentionRule, o *strongroom.Object) (until time.Time, by RetentionRule) {
	if o.Marker {
		return until, by
	}
	for i := range rules {
		if !rules[i].Minimum.IsZero() && rules[i].matches(o) {
			if end := rules[i].Minimum.After(o.Modified); end.After(until) {
				until, by = end, rules[i]
			}
		}
	}
	return until, by
}

// maximum answers when rules have a version deleted, and which rule it is; set aside
// says that a minimum is longer.
func maximum(rules []RetentionRule, o *strongroom.Object) (due time.Time, by RetentionRule, setAside bool) {
	for i := range rules {
		if !rules[i].Maximum.IsZero() && rules[i].matches(o) {
			if end := rules[i].Maximum.After(o.Modified); due.IsZero() || end.Before(due) {
				due, by = end, rules[i]
			}
		}
	}
	if least, _ := minimum(rules, o); !due.IsZero() && least.After(due) {
		return least, by, true
	}
	return due, by, false
}

// What keeps a version.
const (
	KeptByLegalHold = "legal hold"
	KeptByHold      = "hold"
	KeptByLock      = "object lock"
	KeptByMinimum   = "minimum retention"
)

// keeper is one thing that keeps a version from being deleted.
type keeper struct {
	why   string
	until time.Time // zero: until it is lifted
	rule  RetentionRule
}

// keepers answers what keeps a version now. Nothing keeps a delete marker.
func (r *Room) keepers(rules []RetentionRule, o *strongroom.Object, now time.Time) []keeper {
	if o.Marker {
		return nil
	}
	var out []keeper
	if o.LegalHold {
		out = append(out, keeper{why: KeptByLegalHold})
	}
	if r.heldBy(o) {
		out = append(out, keeper{why: KeptByHold})
	}
	if o.Retention.Active(now) {
		out = append(out, keeper{why: KeptByLock, until: o.Retention.Until})
	}
	if until, rule := minimum(rules, o); now.Before(until) {
		out = append(out, keeper{why: KeptByMinimum, until: until, rule: rule})
	}
	return out
}

// mayEnd refuses to let a version go that the room's holds or retention rules keep, and
// answers the condition under which it may. Whatever the asker's rights, nobody goes past
// them; a rule can be changed and a hold lifted, on record.
func (r *Room) mayEnd(ctx context.Context, a asked, o objectBody) (book.Condition, error) {
	rules, unchanged, err := r.keepingNow()
	if err != nil || o.Marker {
		return unchanged, err
	}
	refuse := func(why, message, hint string) (book.Condition, error) {
		r.recordRefusal(ctx, a, why)
		return unchanged, &strongroom.Error{Kind: strongroom.KindKept, Message: message, Hint: hint}
	}
	if r.heldBy(&o.Object) {
		return refuse(KeptByHold, "the object is under a hold, so it can be neither deleted nor replaced", "`strongroom hold ls` shows the holds to those who may see them")
	}
	until, rule := minimum(rules, &o.Object)
	if !r.Clock().Before(until) {
		return unchanged, nil
	}
	message := "retention rules keep the object until " + until.Format(time.RFC3339) + ", so it can be neither deleted nor replaced before"
	if r.decide(a.caller, strongroom.ActionReadPolicy, strongroom.Resource{}).decision.Permit {
		message += fmt.Sprintf(" (%s: %s)", rule.Name, rule.Basis)
	}
	return refuse(KeptByMinimum, message, "")
}

// mostRules bounds what every deletion is held against.
const mostRules = 256

// mayGovern decides about the room's retention rules: they are policy, and whoever may
// change policy could lift whatever else guarded them.
func (r *Room) mayGovern(ctx context.Context, c Caller) (asked, error) {
	a := r.decide(c, strongroom.ActionManagePolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return a, r.refuse(ctx, a)
	}
	return a, nil
}

func (r *Room) retentionRow(name string) string { return mac(r.tagKey, rowRetention, name) }

// PutRetention writes a retention rule, new or in the place of the one with its name.
// What lets more be destroyed than before needs a reason, for the record.
func (r *Room) PutRetention(ctx context.Context, c Caller, rule RetentionRule, reason string) (RetentionRule, error) {
	a, err := r.mayGovern(ctx, c)
	if err != nil {
		return rule, err
	}
	if err := rule.check(); err != nil {
		return rule, err
	}
	if _, exists := r.bucket(rule.Bucket); rule.Bucket != "" && !exists {
		return rule, noBucket(rule.Bucket)
	}
	rule.Set, rule.By = r.Clock().UTC(), a.question.Principal.Name
	id := r.retentionRow(rule.Name)
	err = r.rewriteKeeping(func(k *keeping) (book.Change, error) {
		was, known := k.rules[id]
		if what := loosens(was, rule); what != "" {
			if err := checkReason(what, reason); err != nil {
				return book.Change{}, err
			}
		}
		if !known {
			k.count.Rules++
		}
		if k.count.Rules > mostRules {
			return book.Change{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("a room has at most %d retention rules", mostRules)}
		}
		row, err := row(rowRetention, id, rule)
		return book.Change{Put: []book.Row{row}}, err
	}, func(change book.Change) error {
		return r.keepRecord(ctx, a, KindRetention, "retention-put", rule.Name, rule.Describe()+because(reason), change)
	})
	return rule, err
}

// DropRetention takes a retention rule away.
func (r *Room) DropRetention(ctx context.Context, c Caller, name, reason string) error {
	a, err := r.mayGovern(ctx, c)
	if err != nil {
		return err
	}
	id := r.retentionRow(name)
	return r.rewriteKeeping(func(k *keeping) (book.Change, error) {
		was, known := k.rules[id]
		if !known {
			return book.Change{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no retention rule %q", name), Hint: "see `strongroom retention ls`"}
		}
		if what := loosens(was, RetentionRule{}); what != "" {
			if err := checkReason(what, reason); err != nil {
				return book.Change{}, err
			}
		}
		k.count.Rules--
		return book.Change{Drop: []book.RowKey{{Kind: rowRetention, ID: id}}}, nil
	}, func(change book.Change) error {
		return r.keepRecord(ctx, a, KindRetention, "retention-remove", name, because(reason), change)
	})
}

func checkReason(what, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: what + ", and no reason was given", Hint: "say why with --reason; it goes on record"}
	}
	return checkText("a reason", reason, 1024)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return "; reason: " + reason
}

// Describe says what a rule asks for, in a line.
func (r *RetentionRule) Describe() string {
	where, what := "every bucket", "everything"
	if r.Bucket != "" {
		where = "bucket " + r.Bucket
	}
	if r.Class != "" {
		what = "class " + r.Class
	}
	return fmt.Sprintf("%s, %s: minimum %s, maximum %s; basis: %s", where, what, cmp.Or(r.Minimum.String(), "none"), cmp.Or(r.Maximum.String(), "none"), r.Basis)
}

// rewriteKeeping plans and commits a change of rules or holds, again where another came
// first. The plan says in the count how many rows there are then.
func (r *Room) rewriteKeeping(plan func(k *keeping) (book.Change, error), commit func(book.Change) error) error {
	for range 16 {
		if _, _, err := r.keepingNow(); err != nil {
			return err
		}
		r.state.mu.RLock()
		now := r.state.keeping
		condition := now.unchanged()
		change, err := plan(&now) // a copy: nothing of it but the count may be changed
		r.state.mu.RUnlock()
		if err != nil {
			return err
		}
		counted, err := row(rowKeeping, currentKeeping, now.count)
		if err != nil {
			return unavailable("the row could not be made", err)
		}
		change.Require = append(change.Require, condition)
		change.Put = append(change.Put, counted)
		err = commit(change)
		if _, changed := errors.AsType[*book.ConditionError](err); !changed {
			return err
		}
	}
	return conflict(errors.New("the rules or holds changed with every attempt"))
}

// keepRecord commits a permitted change of rules or holds, or a look at them.
func (r *Room) keepRecord(ctx context.Context, a asked, kind, action, subject, detail string, change book.Change) error {
	p := a.personal()
	p.Subject, p.Detail = subject, strings.TrimPrefix(detail, "; ")
	_, err := r.apply(ctx, kind, r.evidence(action, a), p, change)
	if _, changed := errors.AsType[*book.ConditionError](err); err == nil || changed {
		return err
	}
	return unavailable("it could not be recorded, so nothing was changed or shown", err)
}

// Conflict is a maximum that a minimum sets aside wherever both apply.
type Conflict struct {
	Maximum string `json:"maximum"` // rule
	Minimum string `json:"minimum"` // rule
}

// Retention answers the retention rules in order of name, and where they contradict each
// other, on record.
func (r *Room) Retention(ctx context.Context, c Caller) ([]RetentionRule, []Conflict, error) {
	a := r.decide(c, strongroom.ActionReadPolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, nil, r.refuse(ctx, a)
	}
	rules, _, err := r.keepingNow()
	if err != nil {
		return nil, nil, err
	}
	return slices.Clone(rules), conflicts(rules), r.keepRecord(ctx, a, KindRetention, "retention-list", "", "", book.Change{})
}

// conflicts are pairs of rules that contradict each other on whatever the narrower of
// the two matches.
func conflicts(rules []RetentionRule) []Conflict {
	meet := func(a, b string) bool { return a == "" || b == "" || a == b }
	var out []Conflict
	for i := range rules {
		for j := range rules {
			least, most := &rules[i], &rules[j]
			if !least.Minimum.IsZero() && !most.Maximum.IsZero() && meet(least.Bucket, most.Bucket) && meet(least.Class, most.Class) && most.Maximum.shorterThan(least.Minimum) {
				out = append(out, Conflict{Maximum: most.Name, Minimum: least.Name})
			}
		}
	}
	return out
}
