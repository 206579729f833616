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
	"unicode"
	"unicode/utf8"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
	"strongroom/people"
)

// Kinds of record: a request made, withdrawn, expired or looked at; and the answer to one.
const (
	KindRequest  = "request"
	KindApproval = "approval"
)

// Bounds on requests.
const (
	MaxRequested  = 50     // objects of one request
	openPerPerson = 100    // requests of one principal that have not ended
	keptPerPerson = 1_000  // and those that ended lately
	openPerRoom   = 10_000 // requests that have not ended
	requestRest   = 7 * 24 * time.Hour
	requestBatch  = 64 // that one record ends or drops

	MaxAnswer = 7 * 24 * time.Hour
	MaxHold   = 24 * time.Hour
)

// RequestBounds are how long a request waits for answers, and how long an approval
// holds, in seconds. Each room has its own.
type RequestBounds struct {
	Answer int64 `json:"answer_seconds"`
	Hold   int64 `json:"hold_seconds"`
}

// DefaultBounds is what a room has until somebody sets others.
var DefaultBounds = RequestBounds{Answer: 24 * 3600, Hold: 8 * 3600}

func (b RequestBounds) answer() time.Duration { return time.Duration(b.Answer) * time.Second }
func (b RequestBounds) hold() time.Duration   { return time.Duration(b.Hold) * time.Second }

// Requestable are the actions that may be asked for: those on a stored version.
var Requestable = []strongroom.Action{
	strongroom.ActionReadObject, strongroom.ActionDownload, strongroom.ActionReadMetadata, strongroom.ActionDeleteObject, strongroom.ActionTagObject,
	strongroom.ActionHoldObject, strongroom.ActionRetainObject, strongroom.ActionBypassRetention, strongroom.ActionRelabel, strongroom.ActionLoosenLabel,
}

// Request asks that others approve what policy permits only with their approval: an
// action of the asker, on some versions of objects of a bucket, for a purpose.
type Request struct {
	ID        strongroom.ID      `json:"id"`
	Action    strongroom.Action  `json:"action"`
	Asker     strongroom.ID      `json:"asker"`
	AskerName string             `json:"asker_name"`
	Bucket    string             `json:"bucket"`
	Objects   []Requested        `json:"objects"`
	To        *NewLabel          `json:"to,omitempty"` // of loosenLabel: what the labels are to become
	Purpose   strongroom.Purpose `json:"purpose"`
	Quorum    int                `json:"quorum"` // approvals that policy asked for when it was made
	Asked     time.Time          `json:"asked"`
	AnswerBy  time.Time          `json:"answer_by"` // nobody approves it from then on
	Until     time.Time          `json:"until"`     // no approval holds any longer
	Approvals []Approval         `json:"approvals,omitempty"`
	Ended     *Ending            `json:"ended,omitempty"`
}

// Requested is one version. It is pinned when the request is made, also where the asker
// named only the key: what is stored under the key afterwards was approved by nobody.
type Requested struct {
	Key       string        `json:"key"`
	Version   strongroom.ID `json:"version"`
	ByVersion bool          `json:"by_version,omitempty"` // the asker named the version
	// From is the label it had, without reasons, where it is to be loosened: what was found in
	// it afterwards was approved by nobody.
	From *strongroom.Label `json:"from,omitempty"`
}

// Approval is one person's.
type Approval struct {
	By      strongroom.ID `json:"by"`
	Name    string        `json:"name"`
	At      time.Time     `json:"at"`
	Ends    time.Time     `json:"ends"`
	Comment string        `json:"comment,omitempty"`
}

// Ending is how a request ended.
type Ending struct {
	How    string        `json:"how"` // a status: refused, withdrawn, expired or over
	By     strongroom.ID `json:"by,omitzero"`
	Name   string        `json:"name,omitempty"`
	At     time.Time     `json:"at"`
	Reason string        `json:"reason,omitempty"`
}

// Statuses of a request.
const (
	RequestWaiting   = "waiting"
	RequestApproved  = "approved"
	RequestRefused   = "refused"
	RequestWithdrawn = "withdrawn"
	RequestExpired   = "expired" // too few answered
	RequestOver      = "over"    // it was approved, and its time is over
)

// Status is where a request stands, as far as it says itself: an approver who was
// suspended since is still counted here, and is not when the approval is used.
func (q *Request) Status(now time.Time) string {
	if q.Ended != nil {
		return q.Ended.How
	}
	holding := 0
	for _, a := range q.Approvals {
		if now.Before(a.Ends) {
			holding++
		}
	}
	switch {
	case holding >= q.Quorum:
		return RequestApproved
	case now.Before(q.AnswerBy):
		return RequestWaiting
	case len(q.Approvals) >= q.Quorum:
		return RequestOver
	}
	return RequestExpired
}

// covers reports whether an asker who says this asks for what was approved. What is left
// unsaid is taken from the request.
func (q *Request) covers(said strongroom.Purpose) bool {
	text, ticket := strings.TrimSpace(said.Text), strings.TrimSpace(said.Ticket)
	return (text == "" || text == strings.TrimSpace(q.Purpose.Text)) && (ticket == "" || ticket == strings.TrimSpace(q.Purpose.Ticket))
}

// becomes reports whether a label would become what was approved, from no more than it was
// then, where the question is of one.
func (q *Request) becomes(asked *strongroom.Question) bool {
	if q.Action != strongroom.ActionLoosenLabel {
		return true
	}
	return q.To != nil && asked.Context.To != nil && asStrict(q.To.of(asked.Resource.Label), *asked.Context.To) &&
		slices.ContainsFunc(q.Objects, func(o Requested) bool {
			return o.Version == asked.Resource.Version && o.From != nil && !looser(*o.From, asked.Resource.Label)
		})
}

// AccessRequest is what is to be asked for.
type AccessRequest struct {
	Action  strongroom.Action // readObject where empty
	Bucket  string
	Objects []ObjectName
	To      *NewLabel // of loosenLabel, and required there: what the labels are to become
	Purpose strongroom.Purpose
	Until   time.Time // when it is no longer needed; zero for as long as the room allows
}

// ObjectName names a version, or with Version "" what the key names now.
type ObjectName struct{ Key, Version string }

// requesting has the requests and openings of this process made one after the other, so
// that the bounds on how many there are hold.
type requesting struct{ mu sync.Mutex }

func bad(hint, format string, args ...any) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// RequestAccess makes a request. Only what an approval would permit can be asked for:
// for all else the asker gets the refusal that they would get without it.
func (r *Room) RequestAccess(ctx context.Context, c Caller, req AccessRequest) (Request, error) {
	now := r.Clock().UTC()
	bounds := r.RequestBounds()
	req.Action = cmp.Or(req.Action, strongroom.ActionReadObject)
	last := now.Add(bounds.answer() + bounds.hold())
	switch {
	case !slices.Contains(Requestable, req.Action):
		return Request{}, bad("", "%q cannot be asked for: requests are for what is done to stored objects", req.Action)
	case len(req.Objects) == 0 || len(req.Objects) > MaxRequested:
		return Request{}, bad("", "a request is for 1 to %d objects, not %d", MaxRequested, len(req.Objects))
	case strings.TrimSpace(req.Purpose.Text) == "":
		return Request{}, bad("say why; those who approve see it", "a request needs a purpose")
	case !req.Until.IsZero() && (!req.Until.After(now) || req.Until.After(last)):
		return Request{}, bad("leave the time out for as long as the room allows", "a request is for a time in the future, and at most until %s", last.Format(time.RFC3339))
	}
	if err := people.CheckPurpose(req.Purpose); err != nil {
		return Request{}, bad("", "%v", err)
	}
	if loosens := req.Action == strongroom.ActionLoosenLabel; loosens != (req.To != nil) {
		return Request{}, bad("name the classes that stay, or that it is not confidential any more", "what a label is to become is said of a request for loosenLabel, and of no other")
	} else if loosens {
		if err := checkClasses(req.To.Classes); err != nil {
			return Request{}, err
		}
	}
	c.Purpose = req.Purpose
	q := Request{
		ID: strongroom.NewID(), Action: req.Action, Bucket: req.Bucket, To: req.To, Purpose: req.Purpose,
		Asked: now, AnswerBy: now.Add(bounds.answer()), Until: last,
	}
	if !req.Until.IsZero() {
		q.Until = req.Until.UTC()
		if q.AnswerBy.After(q.Until) {
			q.AnswerBy = q.Until
		}
	}
	var all []asked
	for _, name := range req.Objects {
		o, err := r.identify(ctx, c, req.Action, req.Bucket, name.Key, name.Version)
		if err != nil {
			return Request{}, err
		}
		if slices.ContainsFunc(q.Objects, func(other Requested) bool { return other.Version == o.Version }) {
			return Request{}, bad("name it once", "the request names %s twice", name.Key)
		}
		if req.To != nil {
			to := req.To.of(o.Label)
			if !looser(to, o.Label) {
				return Request{}, bad("it needs no approval: set it", "%s/%s would have a label that is as strict as now", req.Bucket, name.Key)
			}
			c.to = &to
		}
		a := r.decide(c, req.Action, resourceOf(o.Object))
		if a.decision.Permit {
			return Request{}, bad("leave it out", "you are permitted to %s %s/%s without a further approval", req.Action, req.Bucket, name.Key)
		}
		quorum := r.quorumFor(a)
		if quorum == 0 {
			return Request{}, r.refuse(ctx, a)
		}
		q.Quorum = max(q.Quorum, quorum)
		requested := Requested{Key: name.Key, Version: o.Version, ByVersion: o.ByVersion}
		if req.To != nil {
			requested.From = &strongroom.Label{Confidential: o.Label.Confidential, Classes: o.Label.Classes}
		}
		q.Objects = append(q.Objects, requested)
		all = append(all, a)
	}
	q.Asker, q.AskerName = all[0].question.Principal.ID, all[0].question.Principal.Name

	r.requesting.mu.Lock()
	defer r.requesting.mu.Unlock()
	r.state.mu.RLock()
	mine, kept, open := 0, len(r.state.asking.byAsker[q.Asker]), r.state.asking.open
	for _, id := range r.state.asking.byAsker[q.Asker] {
		if r.state.asking.requests[id].Ended == nil {
			mine++
		}
	}
	r.state.mu.RUnlock()
	busy := func(message, hint string) (Request, error) {
		return Request{}, &strongroom.Error{Kind: strongroom.KindBusy, Message: message, Hint: hint}
	}
	switch {
	case mine >= openPerPerson:
		return busy(fmt.Sprintf("you have %d requests that have not ended", mine), "withdraw what is no longer needed, or wait for the answers")
	case kept >= keptPerPerson:
		return busy(fmt.Sprintf("you have made %d requests lately", kept), "wait: they are forgotten a week after they ended")
	case open >= openPerRoom:
		return busy(fmt.Sprintf("the room has %d requests that have not ended", open), "try again later, or tell those who approve")
	}
	return q, r.putRequest(ctx, KindRequest, "request-make", q, nil, all, "")
}

// quorumFor answers how many approvals would turn a refusal into a permit, 0 where none
// would.
func (r *Room) quorumFor(a asked) int {
	r.state.mu.RLock()
	policy := r.state.policy
	r.state.mu.RUnlock()
	if policy == nil {
		return 0
	}
	q := a.question
	q.Context.Approvals = nil
	for n := 1; n <= strongroom.MaxQuorum; n++ {
		q.Context.Approvals = append(q.Context.Approvals, strongroom.NewID())
		if policy.Decide(q).Permit {
			return n
		}
	}
	return 0
}

// putRequest commits a request's row with one record for each decision about it, so that
// each can be made again. A ConditionError is answered unchanged.
func (r *Room) putRequest(ctx context.Context, kind, action string, q Request, require []book.Condition, all []asked, detail string) error {
	put, err := row(rowRequest, q.ID.String(), q)
	if err != nil {
		return unavailable("the request's row could not be made", err)
	}
	change := book.Change{Require: require, Put: []book.Row{put}}
	if require == nil {
		change.Require = []book.Condition{{Form: book.Absent, Kind: rowRequest, ID: put.ID}}
	}
	var beside []*ledger.Entry
	var first Evidence
	var personal Personal
	for i, a := range all {
		e, p := r.evidence(action, a), a.personal()
		e.Version, e.Custody = a.question.Resource.Version, a.question.Resource.Custody
		if kind == KindRequest {
			e.Decision = "" // what was decided is what an approval would lift; nothing was refused
		}
		p.Subject, p.Detail = q.ID.String(), detail
		if i == 0 {
			first, personal = e, p
			continue
		}
		entry, err := newEntry(kind, e, &p)
		if err != nil {
			return unavailable("the record could not be made", err)
		}
		beside = append(beside, &entry)
	}
	_, err = r.apply(ctx, kind, first, personal, change, beside...)
	if _, changed := errors.AsType[*book.ConditionError](err); err == nil || changed {
		return err
	}
	return unavailable("it could not be recorded, so nothing was changed", err)
}

// requestRow reads a request as the database has it.
func (r *Room) requestRow(ctx context.Context, id strongroom.ID) (Request, book.Condition, error) {
	was, err := r.Book.Row(ctx, rowRequest, id.String())
	if errors.Is(err, book.ErrNoRow) {
		return Request{}, book.Condition{}, noRequest(id)
	}
	var q Request
	if err == nil {
		q, err = decode[Request](was)
	}
	if err != nil {
		return q, book.Condition{}, unavailable("the request's row cannot be read", err)
	}
	return q, book.Condition{Form: book.Unchanged, Kind: rowRequest, ID: was.ID, Salt: was.Salt}, nil
}

func noRequest(id strongroom.ID) error {
	return bad("see `strongroom limit requests`", "there is no request %s", id)
}

// exactly reads the row of one version, whatever its key names now.
func (r *Room) exactly(ctx context.Context, b bucketRow, o Requested) (objectBody, error) {
	for _, kind := range []string{rowObject, rowVersion, rowNull} {
		found, err := r.Book.Row(ctx, kind, o.Version.String())
		if errors.Is(err, book.ErrNoRow) {
			continue
		} else if err != nil {
			return objectBody{}, unavailable("the room's database cannot be read now", err)
		}
		object, err := readObject(found)
		if err != nil {
			return objectBody{}, unavailable("the object's row cannot be read", err)
		}
		if found.Parent != b.ID.String() || object.Key != o.Key || object.Marker {
			break
		}
		object.ByVersion = o.ByVersion
		return object, nil
	}
	return objectBody{}, book.ErrNoRow
}

// weigh decides whether somebody may answer a request: on each of its objects. It
// answers the decisions and what must stay as it is; gone are the keys of versions that
// are there no more.
func (r *Room) weigh(ctx context.Context, c Caller, q *Request) (all []asked, require []book.Condition, gone []string, err error) {
	b, exists := r.bucket(q.Bucket)
	for _, requested := range q.Objects {
		o, err := objectBody{}, error(book.ErrNoRow)
		if exists {
			o, err = r.exactly(ctx, b, requested)
		}
		resource := strongroom.Resource{Bucket: q.Bucket, Key: requested.Key, ByVersion: requested.ByVersion, Custody: cmp.Or(b.Custody, StandardCustody)}
		switch {
		case err == nil:
			resource = resourceOf(o.Object)
			require = append(require, o.unchanged())
		case errors.Is(err, book.ErrNoRow):
			gone = append(gone, requested.Key)
		default:
			return nil, nil, nil, err
		}
		all = append(all, r.decide(c, strongroom.ActionApproveRequest, resource))
	}
	return all, require, gone, nil
}

// mayAnswer refuses, on record, whoever may not answer the request.
func (r *Room) mayAnswer(ctx context.Context, c Caller, q *Request) (all []asked, require []book.Condition, gone []string, err error) {
	all, require, gone, err = r.weigh(ctx, c, q)
	if err != nil {
		return nil, nil, nil, err
	}
	asker, known := r.principal(q.Asker)
	if !known {
		asker = strongroom.Principal{ID: q.Asker, Name: q.AskerName}
	}
	who := all[0].question.Principal
	if samePerson(who, asker) {
		r.recordRefusal(ctx, all[0], "the request is their own")
		return nil, nil, nil, &strongroom.Error{Kind: strongroom.KindDenied, Message: "nobody answers a request of their own", Hint: "ask somebody else, or withdraw it"}
	}
	for _, a := range all {
		if !a.decision.Permit {
			return nil, nil, nil, r.refuse(ctx, a)
		}
	}
	if who.Kind == strongroom.Workload {
		r.recordRefusal(ctx, all[0], "a machine is nobody's second pair of eyes")
		return nil, nil, nil, &strongroom.Error{Kind: strongroom.KindDenied, Message: "a request is answered by a person, and this is a workload"}
	}
	return all, require, gone, nil
}

// answer changes a request in the name of somebody who may answer it, again where
// somebody else came first.
func (r *Room) answer(ctx context.Context, c Caller, id strongroom.ID, action, detail string, change func(q *Request, who strongroom.Principal, now time.Time, gone []string) error) (Request, error) {
	for range 16 {
		q, same, err := r.requestRow(ctx, id)
		if err != nil {
			return q, err
		}
		all, require, gone, err := r.mayAnswer(ctx, c, &q)
		if err != nil {
			return Request{}, err
		}
		now := r.Clock().UTC()
		switch status := q.Status(now); {
		case q.Ended != nil:
			return q, bad("", "the request is %s since %s", status, q.Ended.At.Format(time.RFC3339))
		case status == RequestExpired || status == RequestOver:
			return q, bad("ask them to make it again", "the request could be answered until %s", q.AnswerBy.Format(time.RFC3339))
		}
		if err := change(&q, all[0].question.Principal, now, gone); err != nil {
			return q, err
		}
		err = r.putRequest(ctx, KindApproval, action, q, append(require, same), all, detail)
		if _, changed := errors.AsType[*book.ConditionError](err); !changed {
			return q, err
		}
	}
	return Request{}, conflict(errors.New("the request, or what it is for, changed with every attempt"))
}

// Approve adds an approval by the caller: for hold, or with 0 as long as the room
// allows. Of several calls by one person the last one counts.
func (r *Room) Approve(ctx context.Context, c Caller, id strongroom.ID, comment string, hold time.Duration) (Request, error) {
	longest := r.RequestBounds().hold()
	if hold < 0 || hold > longest {
		return Request{}, bad("", "an approval holds %s at most in this room", longest)
	}
	if comment != "" {
		if err := checkText("a comment", comment, 1024); err != nil {
			return Request{}, err
		}
	}
	return r.answer(ctx, c, id, "request-approve", comment, func(q *Request, who strongroom.Principal, now time.Time, gone []string) error {
		if !now.Before(q.AnswerBy) {
			return bad("ask them to make it again", "the request could be answered until %s", q.AnswerBy.Format(time.RFC3339))
		}
		if len(gone) > 0 {
			return &strongroom.Error{Kind: strongroom.KindConflict,
				Message: fmt.Sprintf("%d of the objects asked for were replaced or deleted since: %s", len(gone), strings.Join(gone[:min(len(gone), 3)], ", ")),
				Hint:    "what is there now is not what was asked for: ask them to make the request again"}
		}
		ends := now.Add(cmp.Or(hold, longest))
		if ends.After(q.Until) {
			ends = q.Until
		}
		q.Approvals = slices.DeleteFunc(q.Approvals, func(a Approval) bool { return a.By == who.ID })
		q.Approvals = append(q.Approvals, Approval{By: who.ID, Name: who.Name, At: now, Ends: ends, Comment: comment})
		return nil
	})
}

// RefuseRequest ends a request for everybody, whoever approved it before.
func (r *Room) RefuseRequest(ctx context.Context, c Caller, id strongroom.ID, reason string) (Request, error) {
	if err := checkReason("a request is to be refused", reason); err != nil {
		return Request{}, err
	}
	return r.answer(ctx, c, id, "request-refuse", reason, func(q *Request, who strongroom.Principal, now time.Time, _ []string) error {
		q.Ended = &Ending{How: RequestRefused, By: who.ID, Name: who.Name, At: now, Reason: reason}
		return nil
	})
}

// WithdrawRequest ends a request of the caller's own, and with it the approvals.
func (r *Room) WithdrawRequest(ctx context.Context, c Caller, id strongroom.ID) (Request, error) {
	for range 16 {
		q, same, err := r.requestRow(ctx, id)
		if err != nil {
			return q, err
		}
		if q.Asker != c.Principal.ID {
			return Request{}, noRequest(id)
		}
		if q.Ended != nil {
			return q, bad("", "the request is %s since %s", q.Ended.How, q.Ended.At.Format(time.RFC3339))
		}
		q.Ended = &Ending{How: RequestWithdrawn, By: q.Asker, Name: q.AskerName, At: r.Clock().UTC()}
		err = r.rewriteRequests(ctx, "request-withdraw", r.actor(q.Asker),
			Personal{Session: c.Session, RequestID: c.RequestID, Subject: q.ID.String(), Detail: "by " + q.AskerName}, []book.Condition{same}, q)
		if _, changed := errors.AsType[*book.ConditionError](err); !changed {
			return q, err
		}
	}
	return Request{}, conflict(errors.New("the request changed with every attempt"))
}

// rewriteRequests commits requests about which nothing had to be decided.
func (r *Room) rewriteRequests(ctx context.Context, action, actor string, p Personal, require []book.Condition, all ...Request) error {
	change := book.Change{Require: require}
	for _, q := range all {
		put, err := row(rowRequest, q.ID.String(), q)
		if err != nil {
			return unavailable("the request's row could not be made", err)
		}
		change.Put = append(change.Put, put)
	}
	_, err := r.apply(ctx, KindRequest, Evidence{Action: action, Actor: actor}, p, change)
	if _, changed := errors.AsType[*book.ConditionError](err); err == nil || changed {
		return err
	}
	return unavailable("it could not be recorded, so nothing was changed", err)
}

// Lists of requests.
const (
	RequestsMine    = "mine"    // the caller's own
	RequestsWaiting = "waiting" // those that wait for an answer which the caller may give
	RequestsAll     = "all"     // for those who may review access
)

// Requests lists requests, on record, the oldest first; those that ended only where
// asked for.
func (r *Room) Requests(ctx context.Context, c Caller, which string, ended bool) ([]Request, error) {
	e := Evidence{Action: "request-list", Actor: r.actor(c.Principal.ID)}
	p := Personal{By: c.Principal.Name, Session: c.Session, RequestID: c.RequestID, Detail: which + ", by " + c.Principal.Name}
	switch which {
	case RequestsMine, RequestsWaiting:
	case RequestsAll:
		a := r.decide(c, strongroom.ActionReviewAccess, strongroom.Resource{})
		if !a.decision.Permit {
			return nil, r.refuse(ctx, a)
		}
		e, p = r.evidence("request-list", a), a.personal()
		p.Detail = which
	default:
		return nil, bad("", "requests are listed as mine, waiting or all, not as %q", which)
	}
	now := r.Clock().UTC()
	var found, out []Request
	r.state.mu.RLock()
	for _, q := range r.state.asking.requests {
		over := q.Ended != nil || q.Status(now) == RequestExpired || q.Status(now) == RequestOver
		switch {
		case over && !ended, which == RequestsMine && q.Asker != c.Principal.ID,
			which == RequestsWaiting && (q.Asker == c.Principal.ID || q.Status(now) != RequestWaiting):
		default:
			found = append(found, q)
		}
	}
	r.state.mu.RUnlock()
	slices.SortFunc(found, func(a, b Request) int {
		return cmp.Or(a.Asked.Compare(b.Asked), strings.Compare(a.ID.String(), b.ID.String()))
	})
	for _, q := range found {
		if which == RequestsWaiting {
			may, err := r.awaits(ctx, c, &q)
			if err != nil {
				return nil, err
			}
			if !may {
				continue
			}
		}
		out = append(out, q)
	}
	e.Names = len(out)
	if _, err := r.apply(ctx, KindRequest, e, p, book.Change{}); err != nil {
		return nil, unavailable("the listing could not be recorded, so nothing is shown", err)
	}
	return out, nil
}

// awaits reports whether a request waits for this caller's answer.
func (r *Room) awaits(ctx context.Context, c Caller, q *Request) (bool, error) {
	if slices.ContainsFunc(q.Approvals, func(a Approval) bool { return a.By == c.Principal.ID }) {
		return false, nil
	}
	return r.couldAnswer(ctx, c, q)
}

func (r *Room) couldAnswer(ctx context.Context, c Caller, q *Request) (bool, error) {
	all, _, _, err := r.weigh(ctx, c, q)
	if err != nil {
		return false, err
	}
	asker, known := r.principal(q.Asker)
	if !known || samePerson(all[0].question.Principal, asker) {
		return false, nil
	}
	return !slices.ContainsFunc(all, func(a asked) bool { return !a.decision.Permit }), nil
}

// Request shows one request, on record: to the asker, to those who may answer it, and to
// those who may review access. For anybody else there is none.
func (r *Room) Request(ctx context.Context, c Caller, id strongroom.ID) (Request, error) {
	return r.seeRequest(ctx, c, id, func(*Request) (int, error) { return 0, nil })
}

// seeRequest shows a request, and reads what is shown beside it: of how many objects and
// requests that tells stands in the record.
func (r *Room) seeRequest(ctx context.Context, c Caller, id strongroom.ID, beside func(*Request) (int, error)) (Request, error) {
	q, _, err := r.requestRow(ctx, id)
	if err != nil {
		return q, err
	}
	e := Evidence{Action: "request-read", Actor: r.actor(c.Principal.ID)}
	p := Personal{By: c.Principal.Name, Session: c.Session, RequestID: c.RequestID, Subject: id.String(), Detail: "by " + c.Principal.Name}
	if q.Asker != c.Principal.ID {
		may, err := r.couldAnswer(ctx, c, &q)
		if err != nil {
			return Request{}, err
		}
		if !may {
			a := r.decide(c, strongroom.ActionReviewAccess, strongroom.Resource{})
			if !a.decision.Permit {
				r.recordRefusal(ctx, a, "asked to see request "+id.String())
				return Request{}, noRequest(id)
			}
			e, p = r.evidence("request-read", a), a.personal()
			p.Subject = id.String()
		}
	}
	if e.Names, err = beside(&q); err != nil {
		return Request{}, err
	}
	if _, err := r.apply(ctx, KindRequest, e, p, book.Change{}); err != nil {
		return Request{}, unavailable("the look could not be recorded, so nothing is shown", err)
	}
	return q, nil
}

// RequestBounds answers the room's bounds on requests.
func (r *Room) RequestBounds() RequestBounds {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return r.state.asking.bounds
}

// SetRequestBounds changes the room's bounds. Requests that are there keep theirs.
func (r *Room) SetRequestBounds(ctx context.Context, c Caller, b RequestBounds) error {
	a := r.decide(c, strongroom.ActionManagePolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	if b.answer() < time.Minute || b.answer() > MaxAnswer || b.hold() < time.Minute || b.hold() > MaxHold {
		return bad("", "a request waits for a minute to %s, and an approval holds for a minute to %s", MaxAnswer, MaxHold)
	}
	put, err := row(rowBounds, currentAsking, b)
	if err != nil {
		return unavailable("the row could not be made", err)
	}
	return r.administer(ctx, a, KindPolicy, "request-bounds", fmt.Sprintf("requests wait %s, approvals hold %s", b.answer(), b.hold()), book.Change{Put: []book.Row{put}})
}

// EndRequests ends the requests whose time is over, and drops those that ended a week
// ago, on record, as many as one record names; it answers how many.
func (r *Room) EndRequests(ctx context.Context) (int, error) {
	now := r.Clock().UTC()
	var over, old []Request
	r.state.mu.RLock()
	for _, q := range r.state.asking.requests {
		switch status := q.Status(now); {
		case q.Ended != nil && now.Sub(q.Ended.At) > requestRest && len(old) < requestBatch:
			old = append(old, q)
		case q.Ended == nil && (status == RequestExpired || status == RequestOver) && len(over) < requestBatch:
			q.Ended = &Ending{How: status, At: now}
			over = append(over, q)
		}
	}
	r.state.mu.RUnlock()
	byID := func(a, b Request) int { return strings.Compare(a.ID.String(), b.ID.String()) }
	slices.SortFunc(over, byID)
	slices.SortFunc(old, byID)
	raced := func(err error) error {
		if _, changed := errors.AsType[*book.ConditionError](err); changed {
			return nil // another process, or an answer, was faster
		}
		return err
	}
	ended := 0
	for _, q := range over { // each by itself, so that an answer to one does not keep the others
		was, same, err := r.requestRow(ctx, q.ID)
		if err != nil || was.Ended != nil || was.Status(now) != q.Ended.How {
			continue
		}
		was.Ended = q.Ended
		err = r.rewriteRequests(ctx, "request-end", "", Personal{Subject: q.ID.String(), Detail: q.Ended.How}, []book.Condition{same}, was)
		if err == nil {
			ended++
		}
		if err = raced(err); err != nil {
			return ended, err
		}
	}
	if len(old) == 0 {
		return ended, nil
	}
	var change book.Change
	for _, q := range old {
		change.Require = append(change.Require, book.Condition{Form: book.Exists, Kind: rowRequest, ID: q.ID.String()})
		change.Drop = append(change.Drop, book.RowKey{Kind: rowRequest, ID: q.ID.String()})
	}
	_, err := r.apply(ctx, KindRequest, Evidence{Action: "request-drop"}, Personal{Detail: fmt.Sprintf("%d requests that had ended", len(old))}, change)
	if err == nil {
		ended += len(old)
	}
	return ended, raced(err)
}

// tendAsking ends and forgets requests and openings whose time is over.
func (r *Room) tendAsking(ctx context.Context) error {
	_, err := r.EndRequests(ctx)
	_, dropped := r.DropOpenings(ctx)
	return errors.Join(err, dropped)
}

// requestCommand is the command that asks for what a question was refused.
func requestCommand(q *strongroom.Question) string {
	name := q.Resource.Bucket + "/" + q.Resource.Key
	if strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) || !utf8.ValidString(name) {
		name = "BUCKET/KEY"
	}
	command := "strongroom limit request " + quoteArgument(name)
	if q.Action != strongroom.ActionReadObject {
		command += " --action " + string(q.Action)
	}
	if to := q.Context.To; to != nil {
		if q.Resource.Label.Confidential && !to.Confidential {
			command += " --non-confidential"
		}
		if !slices.Equal(to.Classes, q.Resource.Label.Classes) {
			for _, class := range to.Classes {
				command += " --class " + class
			}
		}
	}
	if q.Resource.ByVersion && !q.Resource.Version.IsZero() {
		command += " --version " + q.Resource.Version.String()
	}
	purpose := "WHY"
	if text := strings.TrimSpace(q.Context.Purpose.Text); text != "" {
		purpose = quoteArgument(text)
	}
	command += " --purpose " + purpose
	if ticket := strings.TrimSpace(q.Context.Purpose.Ticket); ticket != "" {
		command += " --ticket " + quoteArgument(ticket)
	}
	return command
}

// quoteArgument makes one argument of a shell's of a text.
func quoteArgument(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:@+=", c))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// MayAnswer reports whether policy would let the caller answer a request now, for a page
// that offers it. Whoever then answers is decided upon, and recorded.
func (r *Room) MayAnswer(ctx context.Context, c Caller, id strongroom.ID) (bool, error) {
	q, _, err := r.requestRow(ctx, id)
	if err != nil {
		return false, err
	}
	return r.couldAnswer(ctx, c, &q)
}
