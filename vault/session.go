package vault

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/people"
)

const (
	// sessionLimit bounds the sessions of one principal that have not been dropped.
	sessionLimit = 4096
	// sessionRest is how long an expired session's row stays, so that whoever still
	// uses it is told that it has expired.
	sessionRest = time.Hour
	// sessionBatch is how many sessions one record drops.
	sessionBatch = 256
)

// keyring is the access keys, sessions among them, and the identity providers of a
// room. It is part of the state, under the state's lock.
type keyring struct {
	keys      map[string]people.AccessKey
	rows      map[string]string // row's id → key's id
	sessions  map[strongroom.ID]int
	providers map[string]people.Provider // by issuer

	tokens     map[string]people.Token // by id
	tokenRows  map[string]string       // row's id → token's id
	departures map[strongroom.ID]departure
	ended      []strongroom.ID // departed since their leases were last looked at
	directory  directory
	logons     logons
}

func (k *keyring) init() {
	k.keys = map[string]people.AccessKey{}
	k.rows = map[string]string{}
	k.sessions = map[strongroom.ID]int{}
	k.providers = map[string]people.Provider{}
	k.tokens, k.tokenRows = map[string]people.Token{}, map[string]string{}
	k.departures = map[strongroom.ID]departure{}
	k.directory.init()
	k.logons.init()
}

func (k *keyring) learn(row book.Row) error {
	switch row.Kind {
	case rowProvider:
		p, err := decode[people.Provider](row)
		if err != nil {
			return err
		}
		k.providers[p.Issuer] = p
		return nil
	case rowToken:
		t, err := decode[people.Token](row)
		if err != nil {
			return err
		}
		k.tokens[t.ID], k.tokenRows[row.ID] = t, t.ID
		return nil
	case rowDeparture:
		id, err := strongroom.ParseID(row.ID)
		if err != nil {
			return err
		}
		d, err := decode[departure](row)
		if err != nil {
			return err
		}
		k.departures[id], k.ended = d, append(k.ended, id)
		return nil
	case rowDirectory, rowEntry, rowGroup:
		return k.directory.learn(row)
	case rowPasskey, rowConsole:
		return k.logons.learn(row)
	}
	key, err := decode[people.AccessKey](row)
	if err != nil {
		return err
	}
	k.forgetKey(row.ID)
	k.keys[key.ID], k.rows[row.ID] = key, key.ID
	if key.Session != nil {
		k.sessions[key.Principal]++
	}
	return nil
}

// forget takes out what a row said. A departure cannot be taken out: that nobody can
// read it must not bring sessions back.
func (k *keyring) forget(at book.RowKey) {
	switch at.Kind {
	case rowAccessKey:
		k.forgetKey(at.ID)
	case rowToken:
		delete(k.tokens, k.tokenRows[at.ID])
		delete(k.tokenRows, at.ID)
	case rowDeparture:
		if id, err := strongroom.ParseID(at.ID); err == nil {
			k.departures[id] = departure{At: time.Unix(1<<40, 0), Keys: time.Unix(1<<40, 0)}
			k.ended = append(k.ended, id)
		}
	case rowDirectory, rowEntry, rowGroup:
		k.directory.forget(at)
	case rowPasskey, rowConsole:
		k.logons.forget(at)
	}
}

func (k *keyring) forgetKey(row string) {
	key, known := k.keys[k.rows[row]]
	if !known {
		return
	}
	delete(k.keys, key.ID)
	delete(k.rows, row)
	if key.Session == nil {
		return
	}
	if k.sessions[key.Principal]--; k.sessions[key.Principal] <= 0 {
		delete(k.sessions, key.Principal)
	}
}

// usable says whether a key of this principal proves anything now. A session ends with
// what it was made with: the access key, or the trust in the identity provider.
func (k *keyring) usable(key people.AccessKey, p strongroom.Principal, now time.Time) error {
	if err := key.Usable(p, now); err != nil {
		return err
	}
	if d, gone := k.departures[p.ID]; gone && (!key.Created.After(d.Keys) || key.Session != nil && !key.Created.After(d.At)) {
		return errors.New("it ended when its principal was deactivated")
	}
	switch s := key.Session; {
	case s == nil:
		return nil
	case s.Parent != "":
		parent, known := k.keys[s.Parent]
		if !known || parent.Principal != key.Principal {
			return errors.New("the access key that it was made with does not exist any more")
		}
		if err := parent.Usable(p, now); err != nil {
			return fmt.Errorf("it was made with an access key that is not valid: %w", err)
		}
		return nil
	default:
		if _, trusted := k.providers[s.Issuer]; !trusted {
			return errors.New("the identity provider that vouched for it is no longer trusted")
		}
		return nil
	}
}

// lasting is the key that a key stands for: for a session the one it was made with.
func (k *keyring) lasting(keyID string) people.AccessKey {
	key := k.keys[keyID]
	if key.Session != nil && key.Session.Parent != "" {
		return k.keys[key.Session.Parent]
	}
	return key
}

// purpose is why a key is used when the request does not say: the session's purpose,
// else the standing one. Only a machine has one, whatever was written down.
func (k *keyring) purpose(key people.AccessKey, p strongroom.Principal, now time.Time) strongroom.Purpose {
	if key.Session != nil && key.Session.Purpose.Text != "" {
		return key.Session.Purpose
	}
	if s := k.lasting(key.ID).Standing; s != nil && p.Kind == strongroom.Workload && now.Before(s.Expires) {
		return s.Purpose
	}
	return strongroom.Purpose{}
}

// asking is who asks, as they are now, with the groups that the claims of their session
// bring, and notes that their key is used.
func (r *Room) asking(c Caller) (strongroom.Principal, bool) {
	p, known := r.principal(c.Principal.ID)
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	if s, isConsole := r.state.ring.logons.sessions[c.Session]; isConsole && s.Principal == p.ID {
		return r.state.ring.withClaims(p, s.Issuer, s.Claimed), known
	}
	key, isKey := r.state.ring.keys[c.Session]
	if !isKey || key.Principal != p.ID {
		return p, known
	}
	if lasting := r.state.ring.lasting(c.Session); lasting.Session == nil && lasting.ID != "" {
		r.uses.note(lasting.ID, r.Clock())
	}
	if key.Session != nil {
		p = r.state.ring.withClaims(p, key.Session.Issuer, key.Session.Claimed)
	}
	return p, known
}

// withClaims adds to a principal's groups those that the session's identity token claimed
// and that its provider's table still lists. A claim takes no group away, so that nothing
// a group forbids can be lifted by leaving a claim out.
func (k *keyring) withClaims(p strongroom.Principal, issuer string, claimed []string) strongroom.Principal {
	if len(claimed) == 0 {
		return p
	}
	groups := slices.Clone(p.Groups)
	for _, m := range k.providers[issuer].Groups {
		if slices.Contains(claimed, m.Claimed) {
			groups = append(groups, m.Group)
		}
	}
	slices.Sort(groups)
	p.Groups = slices.Compact(groups)
	return p
}

// Credential returns what is needed to verify a signature by this access key. Where
// the key must not be used any more the credential stands beside the error: only
// who proves to know the secret may be told why.
func (r *Room) Credential(keyID string) (Credential, error) {
	unknown := &strongroom.Error{Kind: strongroom.KindDenied, Message: "this access key does not exist, or is no longer valid"}
	now := r.Clock()
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	k, ok := r.state.ring.keys[keyID]
	if !ok {
		return Credential{}, unknown
	}
	p, ok := r.state.principals[k.Principal]
	if !ok {
		return Credential{}, unknown
	}
	c := Credential{KeyID: k.ID, Secret: k.Secret, Principal: p, Purpose: r.state.ring.purpose(k, p, now)}
	if k.Session != nil {
		c.Session, c.Expired = k.Session, !now.Before(k.Expires)
	}
	if err := r.state.ring.usable(k, p, now); err != nil {
		return c, &strongroom.Error{Kind: strongroom.KindDenied, Message: "this access key is not valid: " + err.Error(), Hint: "ask for a new one"}
	}
	return c, nil
}

// ProvesToken reports whether token is the session token that belongs to the key, or
// is empty where the key is no session's.
func (c Credential) ProvesToken(token string) bool {
	if c.Session == nil {
		return token == ""
	}
	return subtle.ConstantTimeCompare([]byte(people.TokenHash(token)), []byte(c.Session.Token)) == 1
}

// PurposeOf is the purpose of a request: what it says itself, else what its key brings along. A request
// that only names a ticket belongs to the key's purpose.
func PurposeOf(said, brought strongroom.Purpose) strongroom.Purpose {
	switch {
	case said.Text != "":
		return said
	case said.Ticket != "":
		return strongroom.Purpose{Text: brought.Text, Ticket: said.Ticket}
	}
	return brought
}

// IssuedSession is a session with its secret and token, answered this once.
type IssuedSession struct {
	people.AccessKey
	Token     string
	Principal strongroom.Principal
}

// StartSession makes a session for the caller, bound to the caller's purpose and to
// the access key that it was asked for with. It opens nothing that the key would not.
func (r *Room) StartSession(ctx context.Context, c Caller, lifetime time.Duration) (IssuedSession, error) {
	r.state.mu.RLock()
	parent, known := r.state.ring.keys[c.Session]
	r.state.mu.RUnlock()
	switch {
	case !known || parent.Principal != c.Principal.ID:
		return IssuedSession{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "this access key does not exist, or is no longer valid"}
	case parent.Session != nil:
		return IssuedSession{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "a session cannot be made with the credentials of a session", Hint: "sign with the access key itself"}
	}
	return r.issue(ctx, c, parent.Principal, lifetime, parent.Expires, people.Session{Parent: parent.ID, Purpose: c.Purpose}, "with access key "+parent.ID)
}

// StartWebSession makes a session for whom a verified identity names. The caller says
// where from and why; who it is follows from the identity alone. Somebody whom the room
// does not know is refused, on record.
func (r *Room) StartWebSession(ctx context.Context, c Caller, who people.Identity, name string, lifetime time.Duration) (IssuedSession, error) {
	r.state.mu.RLock()
	provider, trusted := r.state.ring.providers[who.Issuer]
	r.state.mu.RUnlock()
	if !trusted || !slices.Contains(provider.Audiences, who.Audience) {
		return IssuedSession{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "the room does not trust this identity provider"}
	}
	claim := who.Claim(provider.Claim)
	vouched := fmt.Sprintf("vouched for by %s: sub %q, %s %q", who.Issuer, shorten(who.Subject), provider.Claim, shorten(claim))
	matches := r.principalsNamed(claim)
	if len(matches) != 1 {
		r.recordStranger(ctx, KindRefusal, Evidence{Action: actionStart, Decision: "deny"}, c, fmt.Sprintf("%s; it names %d principals", vouched, len(matches)))
		return IssuedSession{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "the identity token names nobody whom this room knows", Hint: fmt.Sprintf("ask for the %s it bears to be made an alias of yours", provider.Claim)}
	}
	c.Principal = matches[0]
	claimed := provider.Listed(who.Groups)
	if len(claimed) > 0 {
		vouched += fmt.Sprintf(", claiming groups %q", claimed)
	}
	return r.issue(ctx, c, c.Principal.ID, lifetime, time.Time{}, people.Session{Issuer: who.Issuer, Name: name, Purpose: c.Purpose, Claimed: claimed}, vouched)
}

// shorten keeps what a token says within what a record should hold of it.
func shorten(s string) string {
	if len(s) > 256 {
		s = strings.ToValidUTF8(s[:256], "") + "…"
	}
	return s
}

// principalsNamed finds who has this name or alias.
func (r *Room) principalsNamed(name string) []strongroom.Principal {
	if name == "" {
		return nil
	}
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	var out []strongroom.Principal
	for _, p := range r.state.principals {
		if p.Name == name || slices.Contains(p.Aliases, name) {
			out = append(out, p)
		}
	}
	return out
}

const actionStart = "session-start"

// recordStranger puts on record that somebody whom a provider vouched for was not let in.
func (r *Room) recordStranger(ctx context.Context, kind string, e Evidence, c Caller, detail string) {
	if !r.noise.allow(strongroom.ID{}, r.Clock().Unix()) {
		r.Noise(e.Action + " refused beyond the recorded rate to strangers")
		return
	}
	p := Personal{RequestID: c.RequestID, Detail: detail + ", from " + c.Source}
	if _, err := r.apply(context.WithoutCancel(ctx), kind, e, p, book.Change{}); err != nil {
		r.Log.Error("a refusal was not recorded", "room", r.ID, "error", err)
	}
}

// issue makes a session durable before it is answered.
func (r *Room) issue(ctx context.Context, c Caller, id strongroom.ID, lifetime time.Duration, end time.Time, s people.Session, detail string) (IssuedSession, error) {
	if err := people.CheckPurpose(s.Purpose); err != nil {
		return IssuedSession{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()}
	}
	now := r.Clock()
	lifetime = min(max(lifetime, people.MinSession), people.MaxSession)
	r.state.mu.RLock()
	p, known := r.state.principals[id]
	crowd := r.state.ring.sessions[id]
	r.state.mu.RUnlock()
	evidence := Evidence{Action: actionStart, Decision: "permit", Actor: r.actor(id)}
	personal := Personal{
		By: p.Name, Session: c.Session, RequestID: c.RequestID, Subject: p.Name,
		Detail: fmt.Sprintf("%s, from %s, for purpose %q, ticket %q", detail, c.Source, s.Purpose.Text, s.Purpose.Ticket),
	}
	refuse := func(kind strongroom.Kind, message, hint string) (IssuedSession, error) {
		if r.noise.allow(id, now.Unix()) {
			evidence.Decision, personal.Detail = "deny", message+"; "+personal.Detail
			if _, err := r.apply(context.WithoutCancel(ctx), KindRefusal, evidence, personal, book.Change{}); err != nil {
				r.Log.Error("a refusal was not recorded", "room", r.ID, "error", err)
			}
		} else {
			r.Noise(actionStart + " refused beyond the recorded rate to " + r.actor(id))
		}
		return IssuedSession{}, &strongroom.Error{Kind: kind, Message: message, Hint: hint}
	}
	switch {
	case !known:
		return refuse(strongroom.KindDenied, "this principal does not exist any more", "")
	case p.Suspended:
		return refuse(strongroom.KindDenied, "this principal is suspended", "")
	case !p.Expires.IsZero() && !now.Before(p.Expires):
		return refuse(strongroom.KindDenied, "this principal has expired", "")
	case crowd >= sessionLimit:
		return refuse(strongroom.KindBusy, fmt.Sprintf("this principal has %d sessions already", crowd), "use one until it expires, or ask for shorter ones")
	}
	for _, end := range []time.Time{end, p.Expires} { // it ends with these in any case: the answer says so
		if !end.IsZero() {
			lifetime = min(lifetime, end.Sub(now))
		}
	}
	if lifetime <= 0 {
		return refuse(strongroom.KindDenied, "the access key has expired", "")
	}
	k, token := people.NewSession(id, now, lifetime, s)
	row, err := row(rowAccessKey, r.keyRow(k.ID), k)
	if err != nil {
		return IssuedSession{}, unavailable("the session's row could not be made", err)
	}
	change := book.Change{
		Require: []book.Condition{{Form: book.Exists, Kind: rowPrincipal, ID: id.String()}, {Form: book.Absent, Kind: rowAccessKey, ID: row.ID}},
		Put:     []book.Row{row},
	}
	personal.Subject += " " + k.ID
	_, err = r.apply(ctx, KindAccessKey, evidence, personal, change)
	if _, ok := errors.AsType[*book.ConditionError](err); ok {
		return IssuedSession{}, conflict(err)
	}
	if err != nil {
		return IssuedSession{}, unavailable("the session could not be recorded, so it does not exist", err)
	}
	return IssuedSession{AccessKey: k, Token: token, Principal: p}, nil
}

// DropSessions removes the rows of sessions that expired some time ago, on record, and
// returns how many; at most so many that one record can name them.
func (r *Room) DropSessions(ctx context.Context) (int, error) {
	before := r.Clock().Add(-sessionRest)
	var over []string
	r.state.mu.RLock()
	for _, k := range r.state.ring.keys {
		if k.Session != nil && k.Expires.Before(before) {
			if over = append(over, k.ID); len(over) == sessionBatch {
				break
			}
		}
	}
	r.state.mu.RUnlock()
	if len(over) == 0 {
		return 0, nil
	}
	slices.Sort(over)
	var change book.Change
	for _, id := range over {
		row := r.keyRow(id)
		change.Require = append(change.Require, book.Condition{Form: book.Exists, Kind: rowAccessKey, ID: row})
		change.Drop = append(change.Drop, book.RowKey{Kind: rowAccessKey, ID: row})
	}
	_, err := r.apply(ctx, KindAccessKey, Evidence{Action: "session-drop"}, Personal{Detail: fmt.Sprintf("%d sessions that had expired", len(over))}, change)
	if _, ok := errors.AsType[*book.ConditionError](err); ok {
		return 0, nil // another process was faster
	}
	return len(over), err
}

// SetStanding gives a machine's access key a purpose of its own, or with nil takes it away.
func (r *Room) SetStanding(ctx context.Context, c Caller, keyID string, s *people.Standing) error {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	invalid := func(message, hint string) error {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: message, Hint: hint}
	}
	if s != nil {
		if err := people.CheckStanding(*s, r.Clock()); err != nil {
			return invalid(err.Error(), "")
		}
		own := *s
		own.Expires = s.Expires.UTC()
		s = &own
	}
	return r.changeKey(ctx, a, keyID, "access-key-purpose", func(k *people.AccessKey) (string, error) {
		p, known := r.principal(k.Principal)
		switch {
		case !known:
			return "", noKey(keyID)
		case s != nil && k.Session != nil:
			return "", invalid("a session has the purpose that it was made for", "give the access key itself a standing purpose")
		case s != nil && p.Kind != strongroom.Workload:
			return "", invalid(fmt.Sprintf("%s is a %s, and only a workload's key has a standing purpose: people say why each time", p.Name, p.Kind), "see `strongroom credentials --help`")
		}
		if k.Standing = s; s == nil {
			return k.ID + " without a standing purpose", nil
		}
		return fmt.Sprintf("%s for purpose %q, ticket %q until %s, %d releases an hour", k.ID, s.Purpose.Text, s.Purpose.Ticket, s.Expires.Format(time.RFC3339), s.PerHour), nil
	})
}

func noKey(keyID string) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no access key %q", keyID), Hint: "see `strongroom key ls`"}
}

// providerRow is the id of a provider's row, which does not tell the issuer.
func (r *Room) providerRow(issuer string) string {
	return mac(r.tagKey, "identity-provider", issuer)
}

// PutProvider has the room trust an identity provider, or changes how. A client secret
// that is left out stays as it is, as long as the client is the same.
func (r *Room) PutProvider(ctx context.Context, c Caller, p people.Provider) error {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	if err := people.CheckProvider(&p); err != nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()}
	}
	if was, known := r.Provider(p.Issuer); known && p.Secret == "" && p.Client != "" && p.Client == was.Client {
		p.Secret = was.Secret // whoever changes something else need not know it
	}
	row, err := row(rowProvider, r.providerRow(p.Issuer), p)
	if err != nil {
		return unavailable("the provider's row could not be made", err)
	}
	subject := fmt.Sprintf("%s, audience %s, claim %s", p.Issuer, strings.Join(p.Audiences, " "), p.Claim)
	if p.GroupsClaim != "" {
		subject += ", groups by " + p.GroupsClaim
		for _, m := range p.Groups {
			subject += fmt.Sprintf(" %q=%s", m.Claimed, m.Group)
		}
	}
	if p.Client != "" {
		subject += ", log-on by client " + p.Client
	}
	return r.administer(ctx, a, KindPeople, "provider-put", subject, book.Change{Put: []book.Row{row}})
}

// RemoveProvider ends the trust in an identity provider, and every session that it
// vouched for.
func (r *Room) RemoveProvider(ctx context.Context, c Caller, issuer string) error {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	if _, known := r.Provider(issuer); !known {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no identity provider %q", shorten(issuer)), Hint: "see `strongroom people provider ls`"}
	}
	key := book.RowKey{Kind: rowProvider, ID: r.providerRow(issuer)}
	return r.administer(ctx, a, KindPeople, "provider-remove", issuer, book.Change{
		Require: []book.Condition{{Form: book.Exists, Kind: key.Kind, ID: key.ID}}, Drop: []book.RowKey{key},
	})
}

// LogOnProviders lists the identity providers by which people log on to the console, in
// order of issuer, for the door that sends them there.
func (r *Room) LogOnProviders() []people.Provider {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	var out []people.Provider
	for _, p := range r.state.ring.providers {
		if p.Client != "" {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b people.Provider) int { return strings.Compare(a.Issuer, b.Issuer) })
	return out
}

// Provider returns the identity provider that the room trusts under this issuer.
func (r *Room) Provider(issuer string) (people.Provider, bool) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	p, ok := r.state.ring.providers[issuer]
	return p, ok
}

// Providers lists the identity providers in order of issuer, on record.
func (r *Room) Providers(ctx context.Context, c Caller) ([]people.Provider, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, r.refuse(ctx, a)
	}
	var out []people.Provider
	r.state.mu.RLock()
	for _, p := range r.state.ring.providers {
		p.Secret = ""
		out = append(out, p)
	}
	r.state.mu.RUnlock()
	slices.SortFunc(out, func(a, b people.Provider) int { return strings.Compare(a.Issuer, b.Issuer) })
	return out, r.administer(ctx, a, KindPeople, "provider-list", "", book.Change{})
}

// rates counts the releases of keys that have a limit, by the minute, so that in no
// hour a key causes more than it may.
type rates struct {
	mu   sync.Mutex
	keys map[string]*rate
}

// rate is a ring of the last 61 minutes: one more than an hour, for the minute that
// has only begun.
type rate struct {
	minute  int64 // of the newest count
	counts  [61]int32
	started int32 // sum of counts
}

func (c *rate) forward(minute int64) {
	for range min(max(minute-c.minute, 0), int64(len(c.counts))) {
		c.minute++
		at := &c.counts[c.minute%int64(len(c.counts))]
		c.started -= *at
		*at = 0
	}
	c.minute = max(c.minute, minute)
}

// take counts one release of a key at that time, unless most an hour are reached.
func (s *rates) take(keyID string, at time.Time, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = map[string]*rate{}
	}
	c := s.keys[keyID]
	minute := at.Unix() / 60
	if c == nil {
		c = &rate{minute: minute}
		s.keys[keyID] = c
	}
	c.forward(minute)
	if int(c.started) >= most {
		return false
	}
	c.counts[c.minute%int64(len(c.counts))]++
	c.started++
	return true
}

// limited is the key whose limit a release counts against, and the limit; 0 where there
// is none.
func (r *Room) limited(session string) (string, int) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	k := r.state.ring.lasting(session)
	if k.Standing == nil {
		return "", 0
	}
	return k.ID, k.Standing.PerHour
}

// withinRate refuses a release beyond what the key's standing purpose allows, on record.
func (r *Room) withinRate(ctx context.Context, a asked) error {
	key, most := r.limited(a.caller.Session)
	if most == 0 || r.rates.take(key, r.Clock(), most) {
		return nil
	}
	message := fmt.Sprintf("this access key may cause %d releases an hour, and has", most)
	r.recordRefusal(ctx, a, message)
	return &strongroom.Error{Kind: strongroom.KindBusy, Message: message, Hint: "slow down, or ask for a higher rate (strongroom key purpose)"}
}
