package vault

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
	"unique"

	"github.com/tidwall/btree"

	"strongroom"
	"strongroom/book"
)

// Bounds of a search.
const (
	MaxFound = 50 // of one page

	maxSearchField = 256    // bytes of one condition
	decisionsMost  = 10_000 // of one page; where they do not suffice, the page ends early
	offersMost     = 256    // decisions on whether a search would show anything
)

// Sorts of content that a search tells apart.
const (
	SortAudio    = "audio"
	SortScreen   = "screen" // screen recordings and video
	SortText     = "text"   // chats, messages, transcripts
	SortDocument = "document"
	SortData     = "data" // what describes another object
	SortOther    = "other"

	SortEvery = "every" // in a search: those and data
)

// Sorts in the order in which a form shows them.
var Sorts = []string{SortAudio, SortScreen, SortText, SortDocument, SortOther, SortData}

// Conditions of a search on whether a label says confidential.
const (
	LabelConfidential = "confidential"
	LabelOpen         = "open"
)

// SearchRequest says which current versions are looked for; what is left out does not
// matter. Names are compared without regard to case, and a part of one will do.
type SearchRequest struct {
	Since, Until                         time.Time // when it took place, or where that is not known, when it was stored; Until is exclusive
	Bucket                               string    // its whole name
	Queue, Agent, Customer, Conversation string
	Sort                                 string // "" for all but data
	Label                                string
	Class                                string // of the label
	Shortest, Longest                    time.Duration
	Text                                 string // each word of it stands in the key

	After string // Next of the page before
	Max   int    // 0 is MaxFound
}

// Hit is one object as a search shows it: what HEAD would tell, without checksums.
type Hit struct {
	Bucket, Key                                          string
	Version                                              strongroom.ID
	At, Stored                                           time.Time
	Queue, Agent, Customer, Conversation, Kind, Language string
	Sort, Type                                           string
	Duration                                             time.Duration // 0 where it is not known
	Size                                                 int64
	Label                                                strongroom.Label // without reasons
	LegalHold, Scrubbed                                  bool
	Opens                                                Opens // what policy would say now; no promise
}

// SearchPage is a page of what was found, the newest first.
type SearchPage struct {
	Hits []Hit
	Next string // to go on with; "" where this was the last page
	// Until is how far back the search came, where it ended before the page was full: so
	// much was not to be shown that the rest is for the next page.
	Until time.Time
}

// text is a value that many objects share.
type shared = unique.Handle[string]

// found is one current version in the index. It holds what decisions depend on.
type found struct {
	at      int64 // nanoseconds since 1970
	version strongroom.ID
	entry   *entry
	bucket  unique.Handle[strongroom.ID]

	folded                                                             string
	rest                                                               string // other attributes: names and values, each behind its length
	queue, agent, customer, conversation, kind, language, typ, custody shared
	classes                                                            shared
	seconds                                                            uint32 // duration
	sort                                                               uint8
	confidential, held, scrubbed                                       bool
}

func newFinds() *btree.BTreeG[*found] {
	return btree.NewBTreeGOptions(newerFirst, btree.Options{NoLocks: true})
}

// newerFirst orders what is found: a page goes on behind what the one before ended with.
func newerFirst(a, b *found) bool {
	return a.at > b.at || a.at == b.at && slices.Compare(a.version[:], b.version[:]) > 0
}

// Attributes that have a field of their own in the index.
var foundAttributes = []string{"queue", "agent", "customer", "conversation", "kind", "language"}

func (f *found) attribute(name string) *shared {
	switch name {
	case "queue":
		return &f.queue
	case "agent":
		return &f.agent
	case "customer":
		return &f.customer
	case "conversation":
		return &f.conversation
	case "kind":
		return &f.kind
	default:
		return &f.language
	}
}

func findOf(e *entry, o *strongroom.Object) *found {
	f := &found{
		at: tookPlace(o).UnixNano(), version: e.version, entry: e, bucket: unique.Make(e.bucket), folded: e.key,
		typ: unique.Make(o.Headers["Content-Type"]), custody: unique.Make(o.Custody), classes: unique.Make(strings.Join(o.Label.Classes, "\x00")),
		confidential: o.Label.Confidential, held: o.LegalHold, scrubbed: o.Scrubbed,
	}
	if low := strings.ToLower(e.key); low != e.key {
		f.folded = low
	}
	for _, name := range foundAttributes {
		*f.attribute(name) = unique.Make(o.Attribute(name))
	}
	var rest []byte
	for _, name := range slices.Sorted(maps.Keys(o.Meta)) {
		if a, ok := strings.CutPrefix(name, strongroom.AttributePrefix); ok && !slices.Contains(foundAttributes, a) {
			for _, part := range [...]string{a, o.Meta[name]} {
				rest = append(binary.AppendUvarint(rest, uint64(len(part))), part...)
			}
		}
	}
	f.rest = string(rest)
	f.seconds = uint32(lasts(o) / time.Second)
	f.sort = uint8(slices.Index(Sorts, sortOf(f.kind.Value(), f.typ.Value())))
	return f
}

// same reports whether nothing that a search tells, or that decisions depend on, differs.
func (f *found) same(o *found) bool {
	a, b := *f, *o
	a.entry, b.entry = nil, nil
	return a == b && f.entry.key == o.entry.key && f.entry.size == o.entry.size && f.entry.modified.Equal(o.entry.modified)
}

// lasts is how long it lasts, in whole seconds, as far as whoever stored it said.
func lasts(o *strongroom.Object) time.Duration {
	s, err := strconv.ParseFloat(o.Attribute("duration"), 64)
	if err != nil || !(s > 0 && s < 1<<31) {
		return 0
	}
	return time.Duration(s+0.5) * time.Second
}

// tookPlace is when what is stored began, as far as whoever stored it said.
func tookPlace(o *strongroom.Object) time.Time {
	for _, name := range [...]string{"recorded-at", "started"} {
		if t, err := time.Parse(time.RFC3339, o.Attribute(name)); err == nil && t.Year() > 1970 && t.Year() < 2200 {
			return t
		}
	}
	return o.Modified
}

// sortOf goes by what was declared: the kind, or else the content type.
func sortOf(kind, contentType string) string {
	switch kind {
	case "call", "redacted-call", "voicemail", "voice":
		return SortAudio
	case "screen", "video":
		return SortScreen
	case "chat", "message", "email", "transcript", "sms":
		return SortText
	case "document":
		return SortDocument
	case "metadata":
		return SortData
	}
	major, _, _ := strings.Cut(strings.ToLower(contentType), "/")
	switch {
	case major == "audio":
		return SortAudio
	case major == "video":
		return SortScreen
	case major == "text":
		return SortText
	case major == "image", strings.HasPrefix(strings.ToLower(contentType), "application/pdf"), strings.Contains(contentType, "officedocument"), strings.Contains(contentType, "opendocument"), strings.HasPrefix(contentType, "application/msword"):
		return SortDocument
	}
	return SortOther
}

// resource is the object as policies see it, but for the label's reasons.
func (f *found) resource(bucket string) strongroom.Resource {
	attributes := make(map[string]string, len(foundAttributes)+2)
	for _, name := range foundAttributes {
		if v := f.attribute(name).Value(); v != "" {
			attributes[name] = v
		}
	}
	for rest := []byte(f.rest); len(rest) > 0; {
		var parts [2]string
		for i := range parts {
			n, begins := binary.Uvarint(rest)
			parts[i], rest = string(rest[begins:begins+int(n)]), rest[begins+int(n):]
		}
		attributes[parts[0]] = parts[1]
	}
	return strongroom.Resource{
		Bucket: bucket, Key: f.entry.key, Version: f.version, Custody: f.custody.Value(), Size: f.entry.size, Created: f.entry.modified.UTC(),
		Attributes: attributes, Label: f.label(), LegalHold: f.held, Scrubbed: f.scrubbed,
	}
}

func (f *found) label() strongroom.Label {
	l := strongroom.Label{Confidential: f.confidential}
	if all := f.classes.Value(); all != "" {
		l.Classes = strings.Split(all, "\x00")
	}
	return l
}

func (f *found) told(bucket string) Hit {
	return Hit{
		Bucket: bucket, Key: f.entry.key, Version: f.version, At: time.Unix(0, f.at).UTC(), Stored: f.entry.modified.UTC(),
		Queue: f.queue.Value(), Agent: f.agent.Value(), Customer: f.customer.Value(), Conversation: f.conversation.Value(), Kind: f.kind.Value(), Language: f.language.Value(),
		Sort: Sorts[f.sort], Type: f.typ.Value(), Duration: time.Duration(f.seconds) * time.Second, Size: f.entry.size, Label: f.label(), LegalHold: f.held, Scrubbed: f.scrubbed,
	}
}

// conditions is a search made ready to be held against many objects.
type conditions struct {
	since, until  int64
	bucket        unique.Handle[strongroom.ID]
	inBucket      bool
	names         []*nameCondition
	sort          int // -1 for all but data, -2 for every
	label, class  string
	shortest      uint32
	longest       uint32
	words         []string
	lastClasses   shared
	lastHasClass  bool
	classCompared bool
}

// nameCondition is that a name contains something. Neighbours often have the same name.
type nameCondition struct {
	attribute string
	part      string // in lower case
	last      shared
	compared  bool
	holds     bool
}

func (n *nameCondition) of(f *found) bool {
	if v := *f.attribute(n.attribute); !n.compared || v != n.last {
		n.last, n.compared, n.holds = v, true, containsFold(v.Value(), n.part)
	}
	return n.holds
}

// containsFold reports whether s, in lower case, contains part, which is.
func containsFold(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		for j := 0; ; j++ {
			if j == len(part) {
				return true
			}
			c := s[i+j]
			if c >= utf8.RuneSelf {
				return strings.Contains(strings.ToLower(s), part)
			}
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c != part[j] {
				break
			}
		}
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.Contains(strings.ToLower(s), part)
		}
	}
	return false
}

func (q *SearchRequest) check() error {
	for name, value := range map[string]string{
		"bucket": q.Bucket, "queue": q.Queue, "agent": q.Agent, "customer": q.Customer, "conversation": q.Conversation, "class": q.Class, "text": q.Text,
	} {
		if len(value) > maxSearchField || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
			return bad("", "what is looked for as %s has up to %d bytes and no control characters", name, maxSearchField)
		}
	}
	switch {
	case !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until):
		return bad("", "the time looked for ends before it begins")
	case q.Shortest < 0 || q.Longest < 0 || q.Longest > 0 && q.Longest < q.Shortest:
		return bad("", "the longest duration looked for is below the shortest")
	case q.Sort != "" && q.Sort != SortEvery && !slices.Contains(Sorts, q.Sort):
		return bad("", "%q is no kind of content", q.Sort)
	case q.Label != "" && q.Label != LabelConfidential && q.Label != LabelOpen:
		return bad("", "%q is no label", q.Label)
	case q.Max < 0 || q.Max > MaxFound:
		return bad("", "a page shows up to %d", MaxFound)
	}
	return nil
}

// inWords is what is looked for, for the record.
func (q *SearchRequest) inWords() string {
	var words []string
	add := func(name, value string) {
		if value != "" {
			words = append(words, name+" "+strconv.Quote(value))
		}
	}
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	length := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	add("since", stamp(q.Since))
	add("until", stamp(q.Until))
	add("bucket", q.Bucket)
	add("queue", q.Queue)
	add("agent", q.Agent)
	add("customer", q.Customer)
	add("conversation", q.Conversation)
	add("kind", q.Sort)
	add("label", q.Label)
	add("class", q.Class)
	add("shortest", length(q.Shortest))
	add("longest", length(q.Longest))
	add("text", q.Text)
	if q.After != "" {
		words = append(words, "(a further page)")
	}
	if len(words) == 0 {
		return "everything"
	}
	return strings.Join(words, ", ")
}

func (r *Room) conditionsOf(q SearchRequest) (conditions, bool) {
	c := conditions{until: 1<<63 - 1, since: -1 << 63, sort: -1, label: q.Label, class: strings.ToLower(q.Class), longest: 1<<32 - 1}
	if !q.Since.IsZero() {
		c.since = q.Since.UnixNano()
	}
	if !q.Until.IsZero() {
		c.until = q.Until.UnixNano()
	}
	if q.Bucket != "" {
		b, ok := r.bucket(q.Bucket)
		if !ok {
			return c, false
		}
		c.bucket, c.inBucket = unique.Make(b.ID), true
	}
	for _, n := range []struct{ attribute, part string }{{"queue", q.Queue}, {"agent", q.Agent}, {"customer", q.Customer}, {"conversation", q.Conversation}} {
		if n.part = strings.ToLower(strings.TrimSpace(n.part)); n.part != "" {
			c.names = append(c.names, &nameCondition{attribute: n.attribute, part: n.part})
		}
	}
	if q.Sort == SortEvery {
		c.sort = -2
	} else if q.Sort != "" {
		c.sort = slices.Index(Sorts, q.Sort)
	}
	seconds := func(d time.Duration) uint32 { return uint32(min(int64(d/time.Second), 1<<31)) }
	c.shortest = seconds(q.Shortest)
	if q.Longest > 0 {
		c.longest = seconds(q.Longest)
	}
	c.words = strings.Fields(strings.ToLower(q.Text))
	return c, true
}

var sortData = uint8(slices.Index(Sorts, SortData))

func (c *conditions) hold(f *found) bool {
	switch {
	case c.inBucket && f.bucket != c.bucket,
		c.sort >= 0 && int(f.sort) != c.sort, c.sort == -1 && f.sort == sortData,
		c.label == LabelConfidential && !f.confidential, c.label == LabelOpen && f.confidential,
		f.seconds < c.shortest, f.seconds > c.longest, c.longest < 1<<32-1 && f.seconds == 0:
		return false
	}
	for _, n := range c.names {
		if !n.of(f) {
			return false
		}
	}
	if c.class != "" {
		if !c.classCompared || f.classes != c.lastClasses {
			c.lastClasses, c.classCompared = f.classes, true
			c.lastHasClass = slices.Contains(strings.Split(f.classes.Value(), "\x00"), c.class)
		}
		if !c.lastHasClass {
			return false
		}
	}
	for _, w := range c.words {
		if !strings.Contains(f.folded, w) {
			return false
		}
	}
	return true
}

// dependent is a Decider that can say on which facts of an object a decision depends: see
// limit.Set.DependsOn.
type dependent interface {
	DependsOn(q *strongroom.Question) []string
}

// likeness is what a decision depends on: objects alike in it are decided alike, for one
// asker at one time.
type likeness struct {
	bucket                                                                       unique.Handle[strongroom.ID]
	custody, queue, agent, customer, conversation, kind, language, classes, rest shared
	flags                                                                        uint64
}

// judged is what was decided on objects that are alike.
type judged uint8

const (
	unseen judged = iota
	shownAll
	shownNone
	each // it depends on when each was stored
)

// sight decides what somebody may be shown in a search, at one time and under one policy
// set. Objects that decisions cannot tell apart are decided on once.
type sight struct {
	room      *Room
	policy    Decider
	desk      *ticketDesk
	question  strongroom.Question
	apart     map[strongroom.ID]bool // versions that an approval may stand for
	buckets   map[unique.Handle[strongroom.ID]]seenBucket
	facts     []string
	alike     bool // facts are all that decisions depend on, and few objects differ in them all
	timely    bool // decisions may depend on when an object was stored
	decided   map[likeness]judged
	decisions int
}

// seenBucket is a bucket in a search. Nothing of one whose listing is expressly forbidden
// is shown.
type seenBucket struct {
	name  string
	shown bool
}

func (r *Room) sight(c Caller) (*sight, error) {
	a := r.decide(c, strongroom.ActionReadMetadata, strongroom.Resource{})
	s := &sight{room: r, question: a.question, apart: map[strongroom.ID]bool{}, buckets: map[unique.Handle[strongroom.ID]]seenBucket{}, decided: map[likeness]judged{}}
	r.state.mu.RLock()
	policy, err := r.state.policy, r.state.policyErr
	s.policy, s.desk = policy, r.state.asking.desk
	for w := range r.state.asking.live[a.question.Principal.ID] {
		if w.action == strongroom.ActionReadMetadata {
			s.apart[w.version] = true
		}
	}
	r.state.mu.RUnlock()
	if policy == nil {
		return nil, &strongroom.Error{Kind: strongroom.KindDenied, Message: "the room's policy cannot be evaluated, so nothing is permitted", Cause: err}
	}
	if d, ok := policy.(dependent); ok {
		s.facts, s.alike = d.DependsOn(&s.question), true
		for _, fact := range s.facts {
			switch fact {
			case "bucket", "custody", "queue", "agent", "customer", "conversation", "kind", "language", "classes", "confidential", "legalHold", "scrubbed":
			case "tags":
			case "created":
				s.timely = true
			default: // size, sampled, its name, or what is not known here
				s.alike = false
			}
		}
	}
	return s, nil
}

func (l *likeness) flag(bit uint64, on bool) {
	if on {
		l.flags |= bit
	}
}

func (s *sight) likenessOf(f *found) likeness {
	l := likeness{bucket: f.bucket, custody: f.custody, queue: f.queue}
	for _, fact := range s.facts {
		switch fact {
		case "agent":
			l.agent = f.agent
		case "customer":
			l.customer = f.customer
		case "conversation":
			l.conversation = f.conversation
		case "kind":
			l.kind = f.kind
		case "language":
			l.language = f.language
		case "classes":
			l.classes = f.classes
		case "confidential":
			l.flag(1, f.confidential)
		case "legalHold":
			l.flag(2, f.held)
		case "scrubbed":
			l.flag(4, f.scrubbed)
		case "tags":
			l.rest = unique.Make(f.rest)
		}
	}
	return l
}

// bucket looks a bucket up, once.
func (s *sight) bucket(id unique.Handle[strongroom.ID]) seenBucket {
	if b, known := s.buckets[id]; known {
		return b
	}
	s.room.state.mu.RLock()
	row, exists := s.room.state.buckets[id.Value()]
	s.room.state.mu.RUnlock()
	b := seenBucket{name: row.Name}
	if exists {
		q := s.question
		q.Action, q.Resource = strongroom.ActionListObjects, strongroom.Resource{Bucket: row.Name, Custody: row.Custody}
		d := s.desk.decide(s.policy, &q)
		s.decisions++
		// Who is merely not permitted to list is shown what they may read the metadata of, and
		// nothing beside it; a policy that decides against listing is another matter.
		b.shown = d.Permit || len(d.Errors) == 0 && (len(d.Policies) == 0 || len(d.Missing) > 0)
	}
	s.buckets[id] = b
	return b
}

// shows reports whether the asker may read the metadata of an object.
func (s *sight) shows(f *found) bool {
	b := s.bucket(f.bucket)
	if !b.shown {
		return false
	}
	if !s.alike || s.apart[f.version] {
		return s.decide(f, b).Permit
	}
	l := s.likenessOf(f)
	v := s.decided[l]
	if v == unseen {
		v = s.judge(f, b)
		s.decided[l] = v
	}
	return v == shownAll || v == each && s.decide(f, b).Permit
}

func (s *sight) decide(f *found, b seenBucket) strongroom.Decision {
	s.decisions++
	q := s.question
	if q.Resource = f.resource(b.name); s.apart[f.version] {
		s.room.state.mu.RLock()
		s.room.state.fill(&q)
		s.room.state.mu.RUnlock()
	}
	return s.desk.decide(s.policy, &q)
}

// judge decides on all objects that are alike. Where their times may matter, they are left
// out: a policy that asks for one then cannot be evaluated, and if none does, the decision
// is the same at any time.
func (s *sight) judge(f *found, b seenBucket) judged {
	s.decisions++
	q := s.question
	q.Resource = f.resource(b.name)
	if s.timely {
		q.Resource.Created = time.Time{}
	}
	switch d := s.desk.decide(s.policy, &q); {
	case s.timely && len(d.Errors) > 0:
		return each
	case d.Permit:
		return shownAll
	}
	return shownNone
}

// Opens is what policy would say to opening an object.
type Opens string

const (
	OpensFreely       Opens = "freely"
	OpensForPurpose   Opens = "purpose"  // to those who say why
	OpensWithApproval Opens = "approval" // others must agree
	OpensScrubbed     Opens = "scrubbed" // a scrubbed copy would
	OpensNot          Opens = "refused"
)

// opens is what policy would say now to opening an object. It is told to the asker only.
func (r *Room) opens(c Caller, resource strongroom.Resource) (Opens, []strongroom.Obligation) {
	d := r.decide(c, strongroom.ActionReadObject, resource).decision
	switch {
	case d.Permit:
		return OpensFreely, nil
	case len(d.Missing) == 0:
		return OpensNot, nil
	case slices.Contains(d.Missing, strongroom.ObligeScrubbedCopy):
		return OpensScrubbed, d.Missing
	case slices.ContainsFunc(d.Missing, func(o strongroom.Obligation) bool { return o.Approvals() > 0 }):
		return OpensWithApproval, d.Missing
	}
	return OpensForPurpose, d.Missing
}

// Search looks through the current versions of every bucket, the newest first, and shows
// those that the asker may read the metadata of. One record tells who looked for what and how
// many they were shown.
func (r *Room) Search(ctx context.Context, c Caller, q SearchRequest) (SearchPage, error) {
	if err := q.check(); err != nil {
		return SearchPage{}, err
	}
	from, err := parsePlace(q.After)
	if err != nil {
		return SearchPage{}, err
	}
	s, err := r.sight(c)
	if err != nil {
		return SearchPage{}, err
	}
	want, somewhere := r.conditionsOf(q)
	all := newFinds()
	if somewhere {
		r.state.mu.Lock() // copying a tree writes to it
		all = r.state.finds.Copy()
		r.state.mu.Unlock()
	}
	if q.After == "" || want.until <= from.at {
		from = &found{at: want.until, version: strongroom.ID{}} // exclusive: nothing has the least id
	}
	most := cmp.Or(q.Max, MaxFound)
	var shown []*found
	var page SearchPage
	n := 0
	all.Ascend(from, func(f *found) bool {
		if f.at < want.since {
			return false
		}
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return false
		}
		if f.at == from.at && f.version == from.version || f.at >= want.until || !want.hold(f) {
			return true
		}
		if s.decisions >= decisionsMost {
			page.Next, page.Until = placeOf(f.at, f.version, true), time.Unix(0, f.at).UTC()
			return false
		}
		if !s.shows(f) {
			return true
		}
		if len(shown) == most {
			last := shown[most-1]
			page.Next = placeOf(last.at, last.version, false)
			return false
		}
		shown = append(shown, f)
		return true
	})
	if err := ctx.Err(); err != nil {
		return SearchPage{}, err
	}
	p := Personal{By: s.question.Principal.Name, Session: c.Session, RequestID: c.RequestID, Detail: "by " + s.question.Principal.Name + ": " + q.inWords()}
	e := Evidence{Action: "search", Actor: r.actor(s.question.Principal.ID), PolicySet: s.policy.Hash(), Names: len(shown)}
	if _, err := r.apply(ctx, KindList, e, p, book.Change{}); err != nil {
		return SearchPage{}, unavailable("the search could not be recorded, so nothing is shown", err)
	}
	// That commit brought in what other processes did before it: what is gone or was changed
	// meanwhile was not decided upon.
	r.state.mu.RLock()
	shown = slices.DeleteFunc(shown, func(f *found) bool {
		now, there := r.state.finds.Get(f)
		return !there || !now.same(f)
	})
	r.state.mu.RUnlock()
	for _, f := range shown {
		name := s.bucket(f.bucket).name
		t := f.told(name)
		t.Opens, _ = r.opens(c, f.resource(name))
		page.Hits = append(page.Hits, t)
	}
	return page, nil
}

// Empty reports whether nothing is stored that has a current version, for a page that says
// what to do first.
func (r *Room) Empty() bool {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return r.state.finds.Len() == 0
}

// OffersSearch reports whether a search would show somebody anything, for a page that
// offers it. It permits nothing and is no record.
func (r *Room) OffersSearch(c Caller) bool {
	if r.Offers(c, strongroom.ActionListBuckets) {
		return true
	}
	s, err := r.sight(c)
	if err != nil {
		return false
	}
	r.state.mu.Lock()
	all := r.state.finds.Copy()
	r.state.mu.Unlock()
	shows, n := false, 0
	all.Scan(func(f *found) bool {
		n++
		shows = s.shows(f)
		return !shows && s.decisions < offersMost && n < 1<<16
	})
	return shows
}

// placeOf names where a page ends: it says nothing that the page does not.
func placeOf(at int64, version strongroom.ID, before bool) string {
	if before { // the object itself is to come
		return fmt.Sprintf("%x-%s-", uint64(at), version)
	}
	return fmt.Sprintf("%x-%s", uint64(at), version)
}

func parsePlace(s string) (*found, error) {
	if s == "" {
		return &found{}, nil
	}
	at, id, ok := strings.Cut(s, "-")
	id, before := strings.CutSuffix(id, "-")
	n, err := strconv.ParseUint(at, 16, 64)
	version, e := strongroom.ParseID(id)
	if !ok || err != nil || e != nil {
		return nil, bad("", "there is no such page")
	}
	if before { // just before it, in the order of newerFirst
		for i := len(version) - 1; i >= 0; i-- {
			if version[i]++; version[i] != 0 {
				break
			}
		}
	}
	return &found{at: int64(n), version: version}, nil
}
