package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
)

// Kinds of record besides those of package release.
const (
	KindGenesis      = "genesis"
	KindStore        = "store"
	KindDelete       = "delete"
	KindDelivery     = "delivery"
	KindRenewal      = "lease-renewal"
	KindRefusal      = "refusal"
	KindMetadataRead = "metadata-read"
	KindList         = "list"
	KindBucket       = "bucket"
	KindUpload       = "upload"
	KindPart         = "part"
	KindPeople       = "people"
	KindAccessKey    = "access-key"
	KindPolicy       = "policy"
	KindLedgerRead   = "ledger-read"
	KindNoise        = "noise"
)

// Evidence is the part of a record that names nobody and is kept. Releases have
// their own form, in package release.
type Evidence struct {
	Action    string                  `json:"action"`
	Decision  string                  `json:"decision,omitempty"` // permit or deny
	Actor     string                  `json:"actor,omitempty"`    // pseudonym
	PolicySet string                  `json:"policy_set,omitempty"`
	Policies  []string                `json:"policies,omitempty"`
	Missing   []strongroom.Obligation `json:"missing,omitempty"`

	Bucket  strongroom.ID `json:"bucket,omitzero"`
	Blob    strongroom.ID `json:"blob,omitzero"`
	Version strongroom.ID `json:"version,omitzero"`
	Custody string        `json:"custody,omitempty"`
	Digest  string        `json:"digest,omitempty"` // hex SHA-256 of what lies on the disk
	Names   int           `json:"names,omitempty"`  // how many a listing told

	// Of a delivery: the lease's release record, what the key holder called the
	// unwrapping, and the ranges delivered so far, as [from, to) in plaintext bytes.
	Lease   strongroom.ID `json:"lease,omitzero"`
	Release *int64        `json:"release,omitempty"`
	Unwrap  *int64        `json:"unwrap,omitempty"`
	Bytes   int64         `json:"bytes,omitempty"` // with repeats
	Ranges  [][2]int64    `json:"ranges,omitempty"`
	Inward  int64         `json:"inward,omitempty"` // bytes read that did not leave the server
	Final   bool          `json:"final,omitempty"`
	Whole   bool          `json:"whole,omitempty"` // every byte was delivered
	// Resumed: the lease went over a restart, and what was delivered before it is not
	// known; it counts as delivered whole.
	Resumed bool `json:"resumed,omitempty"`
	// Of what a player says that it played, and of how much.
	Played int64 `json:"played_ms,omitempty"`
	Length int64 `json:"length_ms,omitempty"`

	Counts map[string]int64 `json:"counts,omitempty"` // of noise
	book.Marks
}

// Personal is the part of a record that names people and things, and can be erased.
type Personal struct {
	Question  *strongroom.Question `json:"question,omitempty"`
	Decision  *strongroom.Decision `json:"decision,omitempty"`
	By        string               `json:"by,omitempty"` // name of who acted, where no question tells
	Session   string               `json:"session,omitempty"`
	RequestID string               `json:"request_id,omitempty"`
	Shared    bool                 `json:"shared,omitempty"`  // the lease serves range reads
	Subject   string               `json:"subject,omitempty"` // the principal or key that was changed
	Detail    string               `json:"detail,omitempty"`
}

// asked is one decision on its way into a record.
type asked struct {
	caller   Caller
	question strongroom.Question
	decision strongroom.Decision
	also     []asked // what else had to be permitted for the same thing
}

// KindBeside is the record of a decision that the record before it rests on besides its
// own: on the legal hold that comes with a store, on deleting what the store replaces for
// good, or on setting retention aside.
const KindBeside = "beside"

// beside are the records of the decisions that a rests on besides its own, to stand behind
// the record that this evidence is of.
func (r *Room) beside(a asked, of Evidence) ([]*ledger.Entry, error) {
	var out []*ledger.Entry
	for _, other := range a.also {
		e, p := r.evidence(string(other.question.Action), other), other.personal()
		e.Bucket, e.Version, e.Custody = of.Bucket, of.Version, of.Custody
		if about := other.question.Resource; !about.Version.IsZero() {
			e.Version, e.Custody = about.Version, about.Custody
		}
		entry, err := newEntry(KindBeside, e, &p)
		if err != nil {
			return nil, unavailable("the record could not be made", err)
		}
		out = append(out, &entry)
	}
	return out, nil
}

// decide asks the policy in force. The principal is read afresh, so that a
// suspension holds from the next request on.
func (r *Room) decide(c Caller, action strongroom.Action, resource strongroom.Resource) asked {
	p, known := r.asking(c)
	if !known {
		p = c.Principal
		p.Groups, p.Attributes, p.Suspended = nil, nil, true
	}
	a := asked{caller: c, question: strongroom.Question{
		Action: action, Principal: p, Resource: resource,
		Context: strongroom.Context{
			Time: r.Clock().UTC(), Purpose: c.Purpose, Source: c.Source, Method: c.Method, Secure: c.Secure, Authenticated: c.Authenticated.UTC(), To: c.to,
		},
	}}
	r.state.mu.RLock()
	policy, err, desk := r.state.policy, r.state.policyErr, r.state.asking.desk
	r.state.fill(&a.question)
	r.state.mu.RUnlock()
	if policy == nil {
		a.decision = strongroom.Decision{Reason: "the room's policy cannot be evaluated, so nothing is permitted", Errors: []string{err.Error()}}
		return a
	}
	a.decision = desk.decide(policy, &a.question)
	return a
}

// evidence begins a record's evidence with the decision.
func (r *Room) evidence(action string, a asked) Evidence {
	e := Evidence{
		Action: action, Decision: "deny", Actor: r.actor(a.question.Principal.ID),
		PolicySet: a.decision.PolicySet, Policies: someOf(a.decision.Policies), Missing: a.decision.Missing,
	}
	if a.decision.Permit {
		e.Decision = "permit"
	}
	return e
}

func (a asked) personal() Personal {
	return Personal{Question: &a.question, Decision: &a.decision, Session: a.caller.Session, RequestID: a.caller.RequestID}
}

// entry makes a ledger entry. The personal part must fit what a record holds; the
// bounds on requests see to it.
func newEntry(kind string, evidence any, personal *Personal) (ledger.Entry, error) {
	e := ledger.Entry{Kind: kind}
	var err error
	if e.Evidence, err = encode(evidence); err != nil {
		return e, fmt.Errorf("encoding evidence: %w", err)
	}
	if personal == nil {
		return e, nil
	}
	if e.Personal, err = encode(personal); err == nil && len(e.Personal) > ledger.MaxPayload {
		// What happened is on record whatever was said with it.
		short := Personal{By: personal.By, Session: personal.Session, RequestID: personal.RequestID, Shared: personal.Shared,
			Detail: fmt.Sprintf("the personal part had %d bytes, more than a record holds; its SHA-256 is %x", len(e.Personal), sha256.Sum256(e.Personal))}
		e.Personal, err = encode(short)
	}
	if err != nil {
		return e, fmt.Errorf("encoding the personal part: %w", err)
	}
	return e, nil
}

// encode is JSON as records have it: nothing is escaped that need not be.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// apply completes a change with one record that carries its marks, and where there is
// one another beside it, and commits it.
func (r *Room) apply(ctx context.Context, kind string, e Evidence, p Personal, change book.Change, beside ...*ledger.Entry) (book.Receipt, error) {
	if err := r.onceOnly(ctx, &change); err != nil {
		return book.Receipt{}, err
	}
	e.Marks = change.Marks()
	entry, err := newEntry(kind, e, &p)
	if err != nil {
		return book.Receipt{}, err
	}
	change.Entries = []ledger.Entry{entry}
	for _, b := range beside {
		if b != nil {
			change.Entries = append(change.Entries, *b)
		}
	}
	return r.commitOnce(ctx, change)
}

// note records something that changes no row, before its answer is given.
func (r *Room) note(ctx context.Context, kind string, e Evidence, a asked) error {
	_, err := r.apply(ctx, kind, e, a.personal(), book.Change{})
	return err
}

// refuse records a refusal and returns it as the asker sees it.
func (r *Room) refuse(ctx context.Context, a asked) error {
	r.recordRefusal(ctx, a, "")
	if len(a.decision.Errors) > 0 {
		r.Log.Error("a policy did not evaluate", "room", r.ID, "policy_set", a.decision.PolicySet, "errors", strings.Join(a.decision.Errors, "; "))
	}
	return denied(a)
}

// recordRefusal puts a refusal on record, with what besides the decision was the
// reason. One that cannot be recorded is a refusal all the same. What one principal is
// refused beyond a rate is counted rather than recorded one by one.
func (r *Room) recordRefusal(ctx context.Context, a asked, detail string) {
	if !r.noise.allow(a.question.Principal.ID, r.Clock().Unix()) {
		r.Noise(string(a.question.Action) + " refused beyond the recorded rate to " + r.actor(a.question.Principal.ID))
		return
	}
	e, p := r.evidence(string(a.question.Action), a), a.personal()
	e.Decision, p.Detail = "deny", detail
	if _, err := r.apply(context.WithoutCancel(ctx), KindRefusal, e, p, book.Change{}); err != nil {
		r.Log.Error("a refusal was not recorded", "room", r.ID, "error", err)
	}
}

// denied is a refusal as the asker sees it, with what to do where something would lift it.
func denied(a asked) error {
	missing := a.decision.Missing
	var advice []string
	purpose, ticket := slices.Contains(missing, strongroom.ObligePurpose), slices.Contains(missing, strongroom.ObligeTicket)
	if ticket && a.question.Context.Ticket == strongroom.TicketUnreachable && !purpose {
		ticket = false // there is nothing that the asker could say better
		advice = append(advice, "try again shortly")
	}
	if purpose || ticket {
		command, header := "strongroom credentials", "x-strongroom-purpose"
		if a.caller.Endpoint != "" {
			command += " --endpoint " + a.caller.Endpoint
		}
		command += " --purpose WHY"
		if ticket {
			command += " --ticket TICKET"
			if header = "x-strongroom-ticket"; purpose {
				header = "x-strongroom-purpose and x-strongroom-ticket"
			}
		}
		advice = append(advice, fmt.Sprintf("say why with the session that `%s` makes, as credential_process of your AWS profile (its --help shows one), or in the signed header %s", command, header))
	}
	if slices.ContainsFunc(missing, func(o strongroom.Obligation) bool { return o.Approvals() > 0 }) {
		advice = append(advice, "ask those who may approve it with `"+requestCommand(&a.question)+"`")
	}
	if slices.Contains(missing, strongroom.ObligeScrubbedCopy) {
		advice = append(advice, "ask for the scrubbed copy")
	}
	return &strongroom.Error{Kind: strongroom.KindDenied, Message: a.decision.Reason, Missing: missing, Hint: strings.Join(advice, "; ")}
}

// noise counts what is not worth a record each.
type noise struct {
	mu     sync.Mutex
	counts map[string]int64
	second int64
	burst  map[strongroom.ID]int
}

// refusalsPerSecond is how many refusals of one principal are recorded one by one.
const refusalsPerSecond = 20

func (n *noise) allow(p strongroom.ID, second int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.second != second || n.burst == nil {
		n.second, n.burst = second, map[strongroom.ID]int{}
	}
	n.burst[p]++
	return n.burst[p] <= refusalsPerSecond
}

// Noise counts a request that proved nobody: unsigned, badly signed, malformed.
// Counts are recorded every ten seconds, so that noise cannot fill the ledger.
func (r *Room) Noise(kind string) { r.countNoise(kind, 1) }

// noiseKinds bounds the kinds counted apart between two records.
const noiseKinds = 64

func (r *Room) countNoise(kind string, n int64) {
	r.noise.mu.Lock()
	defer r.noise.mu.Unlock()
	if r.noise.counts == nil {
		r.noise.counts = map[string]int64{}
	}
	if len(r.noise.counts) >= noiseKinds && r.noise.counts[kind] == 0 {
		kind = "other"
	}
	r.noise.counts[kind] += n
}

// someOf keeps evidence within what a record holds, whatever a policy set names.
func someOf(policies []string) []string {
	const most = 64
	if len(policies) <= most {
		return policies
	}
	return append(policies[:most:most], fmt.Sprintf("and %d more", len(policies)-most))
}

func (r *Room) flushNoise(ctx context.Context) error {
	r.noise.mu.Lock()
	counts := r.noise.counts
	r.noise.counts = nil
	r.noise.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	e, err := newEntry(KindNoise, Evidence{Action: KindNoise, Counts: counts}, nil)
	if err != nil {
		return err
	}
	if _, err = r.Book.Apply(ctx, book.Change{Entries: []ledger.Entry{e}}); err != nil {
		for kind, n := range counts { // not lost, only late
			r.countNoise(kind, n)
		}
	}
	return err
}

// unavailable wraps what the asker cannot mend.
func unavailable(message string, cause error) error {
	if _, ok := errors.AsType[*strongroom.Error](cause); ok {
		return cause
	}
	return &strongroom.Error{Kind: strongroom.KindUnavailable, Message: message, Hint: "try again shortly", Cause: cause}
}
