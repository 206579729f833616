package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/people"
)

// Kinds of record: a log-on to the console that succeeded or failed, and what a fresh
// proof confirmed; and the end of a session.
const (
	KindLogon  = "logon"
	KindLogoff = "logoff"
)

// What records call the act.
const (
	actLogon         = "logon"
	actConfirm       = "passkey-confirm"
	actLogoff        = "logoff"
	actInvite        = "invitation-make"
	actPasskeyAdd    = "passkey-add"
	actPasskeyRevoke = "passkey-revoke"
)

// Kinds of row about log-on.
const (
	rowPasskey = "passkey"
	rowConsole = "console-session"
)

// MethodConsole is how a caller with a session of the console was known.
const MethodConsole = "console"

const (
	// consoleLimit bounds the sessions of one person; one more ends the oldest.
	consoleLimit = 16
	// passkeyLimit bounds the passkeys of one person that are not revoked.
	passkeyLimit = 16
	consoleBatch = 64 // sessions that one commit ends
)

// logons is the passkeys and the sessions of the console, as part of the keyring.
type logons struct {
	passkeys map[string]people.Passkey // by row's id
	sessions map[string]people.ConsoleSession
	rows     map[string]string // row's id → session's id
	tokens   map[string]string // hash of the token → session's id
}

func (l *logons) init() {
	l.passkeys = map[string]people.Passkey{}
	l.sessions = map[string]people.ConsoleSession{}
	l.rows, l.tokens = map[string]string{}, map[string]string{}
}

func (l *logons) learn(row book.Row) error {
	if row.Kind == rowPasskey {
		p, err := decode[people.Passkey](row)
		if err == nil {
			l.passkeys[row.ID] = p
		}
		return err
	}
	s, err := decode[people.ConsoleSession](row)
	if err != nil {
		return err
	}
	l.forget(book.RowKey{Kind: row.Kind, ID: row.ID})
	l.sessions[s.ID], l.rows[row.ID], l.tokens[s.Token] = s, s.ID, s.ID
	return nil
}

func (l *logons) forget(at book.RowKey) {
	if at.Kind == rowPasskey {
		delete(l.passkeys, at.ID)
		return
	}
	if s, known := l.sessions[l.rows[at.ID]]; known {
		delete(l.tokens, s.Token)
		delete(l.sessions, s.ID)
		delete(l.rows, at.ID)
	}
}

// over says why a session is over, or nothing.
func (k *keyring) over(s people.ConsoleSession, p strongroom.Principal, passkeyRow string, seen, now time.Time) error {
	if err := s.Over(p, seen, now); err != nil {
		return err
	}
	if d, gone := k.departures[p.ID]; gone && !s.Created.After(d.At) {
		return errors.New("it ended when its principal was deactivated")
	}
	if s.Issuer != "" {
		if _, trusted := k.providers[s.Issuer]; !trusted {
			return errors.New("the identity provider that vouched for it is no longer trusted")
		}
		return nil
	}
	if key, known := k.logons.passkeys[passkeyRow]; !known || !key.Revoked.IsZero() || key.Principal != s.Principal {
		return errors.New("the passkey that it was made with was revoked")
	}
	return nil
}

func (r *Room) passkeyRow(id string) string { return mac(r.tagKey, "passkey", id) }
func (r *Room) consoleRow(id string) string { return mac(r.tagKey, "console-session", id) }

// seen is when a session was last used, as far as is known.
func (r *Room) seen(s people.ConsoleSession) time.Time {
	if u, ok := r.uses.last.Load(s.ID); ok {
		if at := time.Unix(u.(*use).at.Load(), 0); at.After(s.Created) {
			return at
		}
	}
	return s.Created
}

// recallUses has sessions that were in use before a restart go on.
func (r *Room) recallUses(ctx context.Context) error {
	if r.Uses == nil || len(r.state.ring.logons.sessions) == 0 {
		return nil
	}
	kept, err := r.Uses.Uses(ctx)
	if err != nil {
		return unavailable("when sessions were last used cannot be read", err)
	}
	for id := range r.state.ring.logons.sessions {
		if at := kept[r.useRow(id)]; !at.IsZero() {
			r.uses.note(id, at)
		}
	}
	return nil
}

// Invitation is a link that lets one person set up log-on, once.
type Invitation struct {
	Principal strongroom.Principal
	Ends      time.Time
	Recovery  bool // the person's passkeys so far end when it is used
}

// ErrNoInvitation is wrapped by the error for what invites nobody: nothing was proved,
// and the door counts it as noise.
var ErrNoInvitation = errors.New("no invitation of this room")

// Invite makes a link's secret by which a person registers a passkey, and takes the place
// of an earlier one. Whoever has passkeys already gets one from somebody else only: it
// ends those they have. Nobody makes one for themselves out of a session of the console.
func (r *Room) Invite(ctx context.Context, c Caller, name string) (Invitation, string, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return Invitation{}, "", r.refuse(ctx, a)
	}
	p, known := r.PrincipalByName(name)
	switch {
	case !known:
		return Invitation{}, "", noPrincipal(name)
	case p.Kind == strongroom.Workload:
		return Invitation{}, "", bad("give it an access key: `strongroom key create`", "%s is a workload, and only people log on", p.Name)
	}
	recovery := len(r.PasskeysOf(p.ID)) > 0
	// A session of the console would become a passkey that outlives it, and the provider's trust.
	if (recovery || c.Method == MethodConsole) && samePerson(a.question.Principal, p) {
		a.decision.Permit = false
		r.recordRefusal(ctx, a, "an invitation that would recover their own log-on")
		return Invitation{}, "", &strongroom.Error{Kind: strongroom.KindDenied, Message: "nobody recovers their own log-on", Hint: "ask somebody else who may manage people"}
	}
	token, kept := people.NewInvitation()
	ends := r.Clock().UTC().Add(people.InvitationLife)
	put, err := row(rowInvitation, kept, invitationBody{Principal: p.ID, Ends: ends, Recovery: recovery})
	if err != nil {
		return Invitation{}, "", unavailable("the invitation's row could not be made", err)
	}
	change := book.Change{Require: []book.Condition{{Form: book.Exists, Kind: rowPrincipal, ID: p.ID.String()}}, Put: []book.Row{put}}
	for row, err := range r.Book.Rows(ctx, rowInvitation, "") {
		if err != nil {
			return Invitation{}, "", unavailable("the invitations cannot be read", err)
		}
		if was, err := decode[invitationBody](row); err == nil && was.Principal == p.ID {
			change.Require = append(change.Require, book.Condition{Form: book.Unchanged, Kind: rowInvitation, ID: row.ID, Salt: row.Salt})
			change.Drop = append(change.Drop, book.RowKey{Kind: rowInvitation, ID: row.ID})
		}
	}
	subject := p.Name + ", until " + ends.Format(time.RFC3339)
	if recovery {
		subject += ", to take the place of the passkeys so far"
	}
	if err := r.administer(ctx, a, KindPeople, actInvite, subject, change); err != nil {
		return Invitation{}, "", err
	}
	return Invitation{p, ends, recovery}, token, nil
}

// Invited answers whom a link's secret invites.
func (r *Room) Invited(ctx context.Context, token string) (Invitation, error) {
	i, _, err := r.invited(ctx, token)
	return i, err
}

func (r *Room) invited(ctx context.Context, token string) (Invitation, book.Row, error) {
	none := &strongroom.Error{Kind: strongroom.KindDenied, Message: "this link was used already, has expired, or is not one of this server's", Hint: "ask for a new one", Cause: ErrNoInvitation}
	kept, ok := people.InvitationHash(token)
	if !ok {
		return Invitation{}, book.Row{}, none
	}
	was, err := r.Book.Row(ctx, rowInvitation, kept)
	if errors.Is(err, book.ErrNoRow) {
		return Invitation{}, was, none
	} else if err != nil {
		return Invitation{}, was, unavailable("the invitation cannot be read", err)
	}
	body, err := decode[invitationBody](was)
	if err != nil {
		return Invitation{}, was, unavailable("the invitation cannot be read", err)
	}
	now := r.Clock()
	p, known := r.principal(body.Principal)
	if !known || !people.Active(p, now) || !now.Before(body.Ends) {
		return Invitation{}, was, none
	}
	return Invitation{p, body.Ends, body.Recovery}, was, nil
}

// PasskeysOf answers the passkeys of a person that are not revoked, the oldest first, for
// a door that verifies a proof.
func (r *Room) PasskeysOf(id strongroom.ID) []people.Passkey {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return r.state.ring.logons.of(id)
}

func (l *logons) of(id strongroom.ID) []people.Passkey {
	var out []people.Passkey
	for _, k := range l.passkeys {
		if k.Principal == id && k.Revoked.IsZero() {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b people.Passkey) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return out
}

// Logon is a session that was just made, with the token for the browser to keep.
type Logon struct {
	people.ConsoleSession
	Token     string
	Principal strongroom.Principal
}

// From is where somebody logs on from.
type From struct {
	Source, Browser, RequestID string
}

func (f From) detail(what string) string {
	return people.CleanLine(what+", from "+f.Source+", "+f.Browser, 600)
}

// SetUp takes an invitation up: the passkey, which the door has verified, is the person's
// from now on, and they are logged on. Of a recovery, every passkey and session so far
// ends by the same records.
func (r *Room) SetUp(ctx context.Context, token string, key people.Passkey, from From) (Logon, error) {
	i, was, err := r.invited(ctx, token)
	if err != nil {
		return Logon{}, err
	}
	now := r.Clock().UTC()
	key.Principal, key.Created = i.Principal.ID, now
	if err := people.CheckPasskey(&key); err != nil {
		return Logon{}, bad("", "%v", err)
	}
	put, err := row(rowPasskey, r.passkeyRow(key.ID), key)
	if err != nil {
		return Logon{}, unavailable("the passkey's row could not be made", err)
	}
	added := part{
		kind: KindPeople, evidence: Evidence{Action: actPasskeyAdd, Decision: strongroom.Permitted, Actor: r.actor(i.Principal.ID)},
		personal: Personal{By: i.Principal.Name, RequestID: from.RequestID, Subject: i.Principal.Name + " " + key.ID, Detail: from.detail("by an invitation")},
		change: book.Change{
			Require: []book.Condition{
				{Form: book.Unchanged, Kind: rowInvitation, ID: was.ID, Salt: was.Salt},
				{Form: book.Absent, Kind: rowPasskey, ID: put.ID},
			},
			Drop: []book.RowKey{{Kind: rowInvitation, ID: was.ID}}, Put: []book.Row{put},
		},
	}
	parts := []part{added}
	if i.Recovery {
		ended, err := r.revokeAll(i.Principal, now, from)
		if err != nil {
			return Logon{}, err
		}
		parts = append(parts, ended...)
	}
	return r.begin(ctx, i.Principal, people.ConsoleSession{Passkey: key.ID}, from, "by setting up passkey "+key.ID, parts...)
}

// revokeAll ends all passkeys and sessions of a person, each by a record.
func (r *Room) revokeAll(p strongroom.Principal, now time.Time, from From) ([]part, error) {
	var parts []part
	for _, k := range r.PasskeysOf(p.ID) {
		k.Revoked = now
		put, err := row(rowPasskey, r.passkeyRow(k.ID), k)
		if err != nil {
			return nil, unavailable("the passkey's row could not be made", err)
		}
		parts = append(parts, part{
			kind: KindPeople, evidence: Evidence{Action: actPasskeyRevoke, Actor: r.actor(p.ID)},
			personal: Personal{By: p.Name, RequestID: from.RequestID, Subject: p.Name + " " + k.ID, Detail: "another took its place"},
			change:   book.Change{Require: []book.Condition{{Form: book.Exists, Kind: rowPasskey, ID: put.ID}}, Put: []book.Row{put}},
		})
	}
	for _, s := range r.consoleSessionsOf(p.ID) {
		parts = append(parts, r.endPart(s, p, "another passkey took the place of the one that made it"))
	}
	return parts, nil
}

// begin makes a session durable, with what else is to happen, before it is answered.
func (r *Room) begin(ctx context.Context, p strongroom.Principal, s people.ConsoleSession, from From, how string, before ...part) (Logon, error) {
	s.Principal, s.Source, s.Browser = p.ID, from.Source, from.Browser
	s, token := people.NewConsoleSession(s, r.Clock())
	put, err := row(rowConsole, r.consoleRow(s.ID), s)
	if err != nil {
		return Logon{}, unavailable("the session's row could not be made", err)
	}
	parts := before
	if have := r.consoleSessionsOf(p.ID); len(have) >= consoleLimit && !slices.ContainsFunc(before, func(b part) bool { return b.kind == KindLogoff }) {
		parts = append(parts, r.endPart(have[0], p, fmt.Sprintf("%s has %d sessions", p.Name, len(have))))
	}
	parts = append(parts, part{
		kind: KindLogon, evidence: Evidence{Action: actLogon, Decision: strongroom.Permitted, Actor: r.actor(p.ID)},
		personal: Personal{By: p.Name, Session: s.ID, RequestID: from.RequestID, Subject: p.Name, Detail: from.detail(how)},
		change: book.Change{
			Require: []book.Condition{{Form: book.Exists, Kind: rowPrincipal, ID: p.ID.String()}, {Form: book.Absent, Kind: rowConsole, ID: put.ID}},
			Put:     []book.Row{put},
		},
	})
	if err := r.commit(ctx, parts); err != nil {
		return Logon{}, err
	}
	r.uses.note(s.ID, r.Clock())
	return Logon{s, token, p}, nil
}

// PasskeyProof is what a door verified: a fresh signature by a passkey over a challenge
// of its own, with user verification.
type PasskeyProof struct {
	Passkey string // its id
	Count   uint32 // the authenticator's count of signatures
}

// prove checks a proof against the passkey as it is kept now, and answers what must stay
// as it is and what of it changes.
func (r *Room) prove(ctx context.Context, proof PasskeyProof) (people.Passkey, strongroom.Principal, book.Change, error) {
	var change book.Change
	was, err := r.Book.Row(ctx, rowPasskey, r.passkeyRow(proof.Passkey))
	if errors.Is(err, book.ErrNoRow) {
		return people.Passkey{}, strongroom.Principal{}, change, errors.New("there is no such passkey")
	} else if err != nil {
		return people.Passkey{}, strongroom.Principal{}, change, unavailable("the passkey's row cannot be read", err)
	}
	key, err := decode[people.Passkey](was)
	if err != nil {
		return key, strongroom.Principal{}, change, unavailable("the passkey's row cannot be read", err)
	}
	change.Require = []book.Condition{{Form: book.Unchanged, Kind: rowPasskey, ID: was.ID, Salt: was.Salt}}
	p, known := r.principal(key.Principal)
	now := r.Clock()
	switch {
	case !known:
		return key, p, change, errors.New("its person does not exist any more")
	case p.Suspended:
		return key, p, change, errors.New("its person is suspended")
	case !people.Active(p, now):
		return key, p, change, errors.New("its person's leaving date has passed")
	case !key.Revoked.IsZero():
		return key, p, change, errors.New("it was revoked")
	case (proof.Count > 0 || key.Count > 0) && proof.Count <= key.Count:
		return key, p, change, fmt.Errorf("its count of signatures went from %d to %d: it may have been copied", key.Count, proof.Count)
	}
	if r.state.gone(p.ID, key.Created) {
		return key, p, change, errors.New("it ended when its person was removed")
	}
	if proof.Count != key.Count {
		key.Count = proof.Count
		put, err := row(rowPasskey, was.ID, key)
		if err != nil {
			return key, p, change, unavailable("the passkey's row could not be made", err)
		}
		change.Put = []book.Row{put}
	}
	return key, p, change, nil
}

// gone reports whether somebody was removed for good after a credential of theirs was made.
func (s *state) gone(id strongroom.ID, made time.Time) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d, gone := s.ring.departures[id]
	return gone && !made.After(d.Keys)
}

// LogOn makes a session for whoever proved a passkey. One that proves nothing any more is
// refused, on record.
func (r *Room) LogOn(ctx context.Context, proof PasskeyProof, from From) (Logon, error) {
	for range 16 {
		key, p, change, err := r.prove(ctx, proof)
		if strongroom.KindOf(err) != "" {
			return Logon{}, err
		}
		if err != nil {
			return Logon{}, r.FailLogOn(ctx, p.ID, from, "passkey "+proof.Passkey+": "+err.Error())
		}
		var parts []part
		if len(change.Put) > 0 {
			parts = append(parts, part{
				kind: KindPeople, evidence: Evidence{Action: "passkey-count", Actor: r.actor(p.ID)},
				personal: Personal{By: p.Name, RequestID: from.RequestID, Subject: p.Name + " " + key.ID}, change: change,
			})
		}
		l, err := r.begin(ctx, p, people.ConsoleSession{Passkey: key.ID}, from, "with passkey "+key.ID, parts...)
		if strongroom.KindOf(err) != strongroom.KindConflict {
			return l, err
		}
	}
	return Logon{}, conflict(errors.New("the passkey changed with every attempt"))
}

// ErrLogOn is the answer to every log-on that fails, whatever the reason.
var ErrLogOn = &strongroom.Error{Kind: strongroom.KindDenied, Message: "this log-on was refused", Hint: "try again, or ask somebody who manages people here"}

// FailLogOn puts on record that a log-on failed in the name of somebody whom the room
// knows (a zero id for nobody, who is counted as noise), and answers ErrLogOn.
func (r *Room) FailLogOn(ctx context.Context, id strongroom.ID, from From, why string) error {
	p, known := r.principal(id)
	if !known || !r.noise.allow(id, r.Clock().Unix()) {
		r.Noise("logon refused")
		return ErrLogOn
	}
	_, err := r.apply(context.WithoutCancel(ctx), KindLogon, Evidence{Action: actLogon, Decision: strongroom.Refused, Actor: r.actor(id)},
		Personal{By: p.Name, RequestID: from.RequestID, Subject: p.Name, Detail: from.detail(why)}, book.Change{})
	if err != nil {
		r.Log.Error("a refused log-on was not recorded", "room", r.ID, "error", err)
	}
	return ErrLogOn
}

// Knows reports whether a verified identity names somebody here. It permits nothing.
func (r *Room) Knows(who people.Identity) bool {
	provider, trusted := r.Provider(who.Issuer)
	return trusted && len(r.principalsNamed(who.Claim(provider.Claim))) > 0
}

// LogOnByProvider makes a session for whom a verified identity names, as StartWebSession
// does for programs.
func (r *Room) LogOnByProvider(ctx context.Context, who people.Identity, from From) (Logon, error) {
	provider, trusted := r.Provider(who.Issuer)
	if !trusted || !slices.Contains(provider.Audiences, who.Audience) {
		r.Noise("logon refused")
		return Logon{}, ErrLogOn
	}
	claim := who.Claim(provider.Claim)
	vouched := fmt.Sprintf("vouched for by %s: sub %q, %s %q", who.Issuer, shorten(who.Subject), provider.Claim, shorten(claim))
	matches := r.principalsNamed(claim)
	if len(matches) != 1 {
		r.recordStranger(ctx, KindLogon, Evidence{Action: actLogon, Decision: strongroom.Refused}, Caller{Source: from.Source, RequestID: from.RequestID}, fmt.Sprintf("%s; it names %d principals", vouched, len(matches)))
		return Logon{}, ErrLogOn
	}
	p := matches[0]
	switch {
	case p.Kind == strongroom.Workload:
		return Logon{}, r.FailLogOn(ctx, p.ID, from, vouched+"; a workload does not log on")
	case !people.Active(p, r.Clock()):
		return Logon{}, r.FailLogOn(ctx, p.ID, from, vouched+"; suspended, or past the leaving date")
	}
	return r.begin(ctx, p, people.ConsoleSession{Issuer: who.Issuer, Claimed: provider.Listed(who.Groups)}, from, vouched)
}

// Confirm puts on record that the caller proved a passkey of theirs afresh, for one act.
func (r *Room) Confirm(ctx context.Context, c Caller, proof PasskeyProof, act string) error {
	for range 16 {
		key, p, change, err := r.prove(ctx, proof)
		if strongroom.KindOf(err) != "" {
			return err
		}
		if err == nil && p.ID != c.Principal.ID {
			err = errors.New("it is somebody else's")
		}
		e := Evidence{Action: actConfirm, Decision: strongroom.Permitted, Actor: r.actor(c.Principal.ID)}
		personal := Personal{By: c.Principal.Name, Session: c.Session, RequestID: c.RequestID, Subject: c.Principal.Name, Detail: "passkey " + key.ID + ", for " + act}
		refused := err != nil
		if refused {
			e.Decision, personal.Detail, change = strongroom.Refused, "passkey "+proof.Passkey+": "+err.Error()+", for "+act, book.Change{}
		}
		_, err = r.apply(ctx, KindLogon, e, personal, change)
		if _, changed := errors.AsType[*book.ConditionError](err); changed {
			continue
		}
		if err != nil {
			return unavailable("the proof could not be recorded, so nothing was done", err)
		}
		if refused {
			return &strongroom.Error{Kind: strongroom.KindDenied, Message: "the passkey was not accepted, so nothing was done", Hint: "try again"}
		}
		return nil
	}
	return conflict(errors.New("the passkey changed with every attempt"))
}

// FailConfirm puts on record that a fresh proof which the caller gave did not verify.
func (r *Room) FailConfirm(ctx context.Context, c Caller, act, why string) error {
	if r.noise.allow(c.Principal.ID, r.Clock().Unix()) {
		_, err := r.apply(context.WithoutCancel(ctx), KindLogon, Evidence{Action: actConfirm, Decision: strongroom.Refused, Actor: r.actor(c.Principal.ID)},
			Personal{By: c.Principal.Name, Session: c.Session, RequestID: c.RequestID, Subject: c.Principal.Name, Detail: people.CleanLine(why, 300) + ", for " + act}, book.Change{})
		if err != nil {
			r.Log.Error("a refused proof was not recorded", "room", r.ID, "error", err)
		}
	} else {
		r.Noise("passkey-confirm refused")
	}
	return &strongroom.Error{Kind: strongroom.KindDenied, Message: "the passkey was not accepted, so nothing was done", Hint: "try again"}
}

// Still refuses, on record, whom policy does not permit any one of these actions any more,
// for a door that shows what it read earlier: reading that was put on record then.
func (r *Room) Still(ctx context.Context, c Caller, actions ...strongroom.Action) error {
	for _, action := range actions {
		if a := r.decide(c, action, strongroom.Resource{}); !a.decision.Permit {
			return r.refuse(ctx, a)
		}
	}
	return nil
}

// ConsoleCredential is a session that a browser proved, and whose it is. It is an answer
// for one request: the next asks again.
type ConsoleCredential struct {
	people.ConsoleSession // without its token's hash
	Holder                strongroom.Principal
}

// Caller is who asks with the session. The door adds where from and how.
func (s ConsoleCredential) Caller() Caller {
	return Caller{Principal: s.Holder, Session: s.ID, Method: MethodConsole, Authenticated: s.Created}
}

// ErrNoSession is wrapped by the error for a session that is not there, or over.
var ErrNoSession = errors.New("no session of this room")

// ConsoleCaller answers whose session's token a browser presents, and notes its use.
func (r *Room) ConsoleCaller(token string) (ConsoleCredential, error) {
	now := r.Clock()
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	l := &r.state.ring.logons
	s, known := l.sessions[l.tokens[people.TokenHash(token)]]
	p, there := r.state.principals[s.Principal]
	if !known || !there {
		return ConsoleCredential{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "this session does not exist, or is over", Hint: "log on again", Cause: ErrNoSession}
	}
	if err := r.state.ring.over(s, p, r.passkeyRow(s.Passkey), r.seen(s), now); err != nil {
		return ConsoleCredential{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "this session is over: " + err.Error(), Hint: "log on again", Cause: ErrNoSession}
	}
	s.Token = ""
	r.uses.note(s.ID, now)
	return ConsoleCredential{s, p}, nil
}

// consoleSessionsOf answers the sessions of a person that have a row, the oldest first.
func (r *Room) consoleSessionsOf(id strongroom.ID) []people.ConsoleSession {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	var out []people.ConsoleSession
	for _, s := range r.state.ring.logons.sessions {
		if s.Principal == id {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b people.ConsoleSession) int { return a.Created.Compare(b.Created) })
	return out
}

// SeenSession is a session and when it was last used.
type SeenSession struct {
	people.ConsoleSession
	Seen time.Time
}

// OwnSessions answers the caller's sessions that go on, the latest first.
func (r *Room) OwnSessions(c Caller) []SeenSession { return r.goingOn(c.Principal) }

func (r *Room) goingOn(p strongroom.Principal) []SeenSession {
	now := r.Clock()
	var out []SeenSession
	for _, s := range r.consoleSessionsOf(p.ID) {
		r.state.mu.RLock()
		err := r.state.ring.over(s, p, r.passkeyRow(s.Passkey), r.seen(s), now)
		r.state.mu.RUnlock()
		if err == nil {
			s.Token = ""
			out = append(out, SeenSession{s, r.seen(s)})
		}
	}
	slices.SortFunc(out, func(a, b SeenSession) int { return b.Seen.Compare(a.Seen) })
	return out
}

// Account is how one person logs on.
type Account struct {
	Principal strongroom.Principal
	Passkeys  []people.Passkey // without credentials
	Sessions  []SeenSession
	Invited   time.Time // until when an invitation of theirs is open; zero for none
}

// Accounts lists how people log on, in order of name, on record. Workloads are left out.
func (r *Room) Accounts(ctx context.Context, c Caller) ([]Account, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	invited := map[strongroom.ID]time.Time{}
	now := r.Clock()
	for row, err := range r.Book.Rows(ctx, rowInvitation, "") {
		if err != nil {
			return nil, unavailable("the invitations cannot be read", err)
		}
		if i, err := decode[invitationBody](row); err == nil && now.Before(i.Ends) {
			invited[i.Principal] = i.Ends
		}
	}
	if err := r.administer(ctx, a, KindPeople, "account-list", "", book.Change{}); err != nil {
		return nil, err
	}
	keys := map[strongroom.ID][]people.Passkey{}
	r.state.mu.RLock()
	for _, k := range r.state.ring.logons.passkeys {
		if k.Revoked.IsZero() {
			k.Credential, k.PublicKey = nil, nil
			keys[k.Principal] = append(keys[k.Principal], k)
		}
	}
	r.state.mu.RUnlock()
	var out []Account
	for _, p := range r.everybody() {
		if p.Kind != strongroom.Workload {
			out = append(out, Account{p, keys[p.ID], r.goingOn(p), invited[p.ID]})
		}
	}
	return out, nil
}

// EndSession ends a session: one of the caller's own, or for those who manage people
// anybody's.
func (r *Room) EndSession(ctx context.Context, c Caller, id string) error {
	r.state.mu.RLock()
	s, known := r.state.ring.logons.sessions[id]
	r.state.mu.RUnlock()
	none := bad("", "there is no session %q", shorten(id))
	if known && s.Principal == c.Principal.ID {
		one := r.endPart(s, c.Principal, "by themselves")
		one.personal.RequestID = c.RequestID
		return gone(r.commit(ctx, []part{one}))
	}
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	if !known {
		return none
	}
	p, _ := r.principal(s.Principal)
	one := r.endPart(s, p, "")
	one.evidence, one.personal = r.evidence(actLogoff, a), a.personal()
	one.personal.Subject = p.Name + " " + s.ID
	return gone(r.commit(ctx, []part{one}))
}

// gone makes success of a session that somebody else ended first.
func gone(err error) error {
	if strongroom.KindOf(err) == strongroom.KindConflict {
		return nil
	}
	return err
}

// endPart ends a session by a record of its own.
func (r *Room) endPart(s people.ConsoleSession, p strongroom.Principal, how string) part {
	id := r.consoleRow(s.ID)
	return part{
		kind: KindLogoff, evidence: Evidence{Action: actLogoff, Actor: r.actor(s.Principal)},
		personal: Personal{By: p.Name, Session: s.ID, Subject: p.Name, Detail: how},
		change: book.Change{
			Require: []book.Condition{{Form: book.Exists, Kind: rowConsole, ID: id}},
			Drop:    []book.RowKey{{Kind: rowConsole, ID: id}},
		},
	}
}

// EndSessions ends the sessions of the console that are over, each by a record, and drops
// the invitations that nobody took up in time; it answers how many.
func (r *Room) EndSessions(ctx context.Context) (int, error) {
	now := r.Clock()
	var parts []part
	r.state.mu.RLock()
	for _, s := range r.state.ring.logons.sessions {
		p, known := r.state.principals[s.Principal]
		err := errors.New("its principal does not exist any more")
		if known {
			err = r.state.ring.over(s, p, r.passkeyRow(s.Passkey), r.seen(s), now)
		}
		if err != nil && len(parts) < consoleBatch {
			parts = append(parts, r.endPart(s, p, err.Error()))
		}
	}
	r.state.mu.RUnlock()
	for row, err := range r.Book.Rows(ctx, rowInvitation, "") {
		if err != nil {
			return 0, err
		}
		i, err := decode[invitationBody](row)
		if err != nil || now.Before(i.Ends) || len(parts) >= 2*consoleBatch {
			continue
		}
		p, _ := r.principal(i.Principal)
		parts = append(parts, part{
			kind: KindPeople, evidence: Evidence{Action: "invitation-drop"}, personal: Personal{Subject: p.Name, Detail: "nobody took it up in time"},
			change: book.Change{
				Require: []book.Condition{{Form: book.Unchanged, Kind: rowInvitation, ID: row.ID, Salt: row.Salt}},
				Drop:    []book.RowKey{{Kind: rowInvitation, ID: row.ID}},
			},
		})
	}
	if len(parts) == 0 {
		return 0, nil
	}
	if err := r.commit(ctx, parts); strongroom.KindOf(err) == strongroom.KindConflict {
		return 0, nil // somebody was faster; the next time
	} else if err != nil {
		return 0, err
	}
	return len(parts), nil
}

// Offers reports whether policy would permit somebody something now, for a page that
// offers it. It permits nothing and is no record: whoever then asks is decided upon.
func (r *Room) Offers(c Caller, action strongroom.Action) bool {
	return r.decide(c, action, strongroom.Resource{}).decision.Permit
}

// OffersIn is as Offers of a bucket, or, where a key is given, of an object by that name which
// is stored now.
func (r *Room) OffersIn(c Caller, action strongroom.Action, bucket, key string) bool {
	b, exists := r.bucket(bucket)
	if !exists {
		return false
	}
	on := strongroom.Resource{Bucket: b.Name, Key: key, Custody: b.Custody}
	if key != "" {
		on.Created = r.Clock().UTC()
	}
	return r.decide(c, action, on).decision.Permit
}
