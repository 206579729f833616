// Package sts speaks the part of AWS's Security Token Service that stock clients need
// to say why they ask: GetCallerIdentity, GetSessionToken and
// AssumeRoleWithWebIdentity, in the query protocol, with STS's own answers and error
// codes. A session is never more than the principal whose it is; it only brings along
// a purpose and an end. The door verifies signatures and has identity tokens verified;
// who may have a session the room decides, and records. What would narrow a session
// and is not done here (session policies, MFA) is refused, never ignored.
package sts

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/people"
	"strongroom/vault"
)

// Rooms finds the room that a request is for.
type Rooms interface {
	// ByAccessKey answers as the S3 door's Rooms does.
	ByAccessKey(ctx context.Context, keyID string) (Room, vault.Credential, error)
	// ByProvider answers the rooms that take tokens of this issuer for one of these
	// audiences.
	ByProvider(issuer string, audiences []string) []Room
}

// Room is one room as this door needs it.
type Room interface {
	ID() strongroom.ID
	StartSession(ctx context.Context, c vault.Caller, lifetime time.Duration) (vault.IssuedSession, error)
	StartWebSession(ctx context.Context, c vault.Caller, who people.Identity, name string, lifetime time.Duration) (vault.IssuedSession, error)
	Provider(issuer string) (people.Provider, bool)
	// Noise counts a request that was not believed. It must be cheap.
	Noise(kind string)
	// Enter takes one of the room's places for a session, or answers KindBusy.
	Enter(ctx context.Context, session string) (release func(), err error)
}

// Verifier verifies an identity token for one provider: signature, issuer, audience and
// times. Its errors wrap those of package people.
type Verifier interface {
	Verify(ctx context.Context, p people.Provider, token string) (people.Identity, error)
}

// Config says how the door stands.
type Config struct {
	Rooms    Rooms
	Verifier Verifier

	Now   func() time.Time  // default time.Now
	Log   *slog.Logger      // causes of answers in the 500s; default none
	Noise func(kind string) // counts requests that name no room; default none
}

const (
	maxBody  = 64 << 10
	maxToken = 20_000 // characters of an identity token, as STS has it
	bodyTime = 10 * time.Second
	version  = "2011-06-15"

	formType = "application/x-www-form-urlencoded"
)

type door struct {
	Config
	told atomic.Int64 // second in which a refused token was last logged
}

// New returns the handler of the STS endpoint.
func New(c Config) http.Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Noise == nil {
		c.Noise = func(string) {}
	}
	return &door{Config: c}
}

// Takes reports whether a request at an address that serves S3 too is for STS: a form
// sent to the root, signed for STS or not at all. S3 has no such request.
func Takes(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if r.Method != http.MethodPost || r.URL.Path != "/" && r.URL.Path != "" || !strings.EqualFold(strings.TrimSpace(kind), formType) {
		return false
	}
	authorization := r.Header.Values("Authorization")
	return len(authorization) == 0 || len(authorization) == 1 && sigv4.Service(authorization[0]) == "sts"
}

// exchange is one request on its way through the door.
type exchange struct {
	*door
	w    http.ResponseWriter
	r    *http.Request
	id   string
	body string
	form form
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{door: d, w: w, r: r, id: requestID()}
	control := http.NewResponseController(w)
	// An error says that the connection knows no deadlines; then the server's own bounds hold.
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	_ = control.SetWriteDeadline(time.Now().Add(2 * bodyTime))
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	result, err := x.serve()
	if err != nil {
		x.fail(err)
		return
	}
	x.answer(http.StatusOK, result)
}

// requestID is an id in the form that STS gives it.
func requestID() string {
	id := strongroom.NewID().String()
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}

// serve reads the form, believes the signature where the action needs one, and lets
// the room answer.
func (x *exchange) serve() (any, error) {
	if x.r.URL.RawQuery != "" {
		return nil, refuse("ValidationError", "parameters belong into the form, and the URL has some")
	}
	if x.r.ContentLength > maxBody {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, tooLarge
	}
	if err != nil {
		return nil, refuse("IncompleteBody", "the form could not be read to its end")
	}
	x.body = string(body)
	if x.form, err = parseForm(x.body); err != nil {
		return nil, err
	}
	action := x.form["Action"]
	switch {
	case action == "":
		return nil, refuse("MissingAction", "the form has no Action")
	case x.form["Version"] != version || !slices.Contains(actions, action):
		return nil, refuse("InvalidAction", "could not find operation %.64s for version %.32s; here are %s for %s", action, x.form["Version"], strings.Join(actions, ", "), version)
	}
	if action == "AssumeRoleWithWebIdentity" {
		return x.assumeRole()
	}
	room, caller, credential, err := x.authenticate()
	if err != nil {
		return nil, err
	}
	release, err := room.Enter(x.r.Context(), caller.Session)
	if err != nil {
		return nil, err
	}
	defer release()
	if action == "GetSessionToken" {
		return x.sessionToken(room, caller)
	}
	return x.callerIdentity(room, credential)
}

var (
	actions  = []string{"AssumeRoleWithWebIdentity", "GetCallerIdentity", "GetSessionToken"}
	tooLarge = refuse("RequestEntityTooLarge", "the form has more than %d bytes", maxBody)
)

// caller is what the request tells about its sender, whoever that is.
func (x *exchange) caller() vault.Caller {
	source := x.r.RemoteAddr
	if host, _, err := net.SplitHostPort(source); err == nil {
		source = host
	}
	return vault.Caller{Source: source, Secure: x.r.TLS != nil, RequestID: x.id, Endpoint: sigv4.Endpoint(x.r)}
}

// authenticate believes the request's signature or refuses it.
func (x *exchange) authenticate() (Room, vault.Caller, vault.Credential, error) {
	refused := func(noise func(string), kind string, err error) (Room, vault.Caller, vault.Credential, error) {
		noise(kind)
		return nil, vault.Caller{}, vault.Credential{}, err
	}
	if x.r.Header.Get("Authorization") == "" {
		return refused(x.Noise, "unsigned", refuse("MissingAuthenticationToken", "the request must be signed with an access key"))
	}
	s, refusal := sigv4.ReadHeader(x.r, "sts")
	if refusal == nil {
		refusal = s.AllSigned(x.r, "x-amz-", "x-strongroom-")
	}
	if refusal != nil {
		return refused(x.Noise, "unsigned", translate(refusal))
	}
	s.Payload = sigv4.Digest(x.body)
	room, credential, err := x.Rooms.ByAccessKey(x.r.Context(), s.KeyID)
	noise := x.Noise
	if room != nil {
		noise = room.Noise
	}
	if err != nil {
		if strongroom.KindOf(err) != strongroom.KindDenied {
			return nil, vault.Caller{}, credential, err
		}
		invalid := refuse("InvalidClientTokenId", "the security token included in the request is invalid")
		// Why a known key is refused is told to whoever proves its secret, and to nobody else.
		if credential.Secret != "" && s.Verify(x.r, nil, credential.Secret) == nil {
			reason, _ := errors.AsType[*strongroom.Error](err)
			if invalid.message = reason.Error(); credential.Expired {
				invalid = refuse("ExpiredToken", "the security token included in the request is expired")
			}
		}
		return refused(noise, "key", invalid)
	}
	if refusal := s.Timely(x.Now(), 0); refusal != nil {
		return refused(noise, "time", translate(refusal))
	}
	if refusal := s.Verify(x.r, nil, credential.Secret); refusal != nil {
		return refused(noise, "signature", translate(refusal))
	}
	tokens := x.r.Header.Values("X-Amz-Security-Token")
	if len(tokens) > 1 || !credential.ProvesToken(strings.Join(tokens, "")) {
		return refused(noise, "token", refuse("InvalidClientTokenId", "the security token included in the request is invalid"))
	}
	c := x.caller()
	c.Principal, c.Session, c.Method = credential.Principal, credential.KeyID, "sigv4"
	return room, c, credential, nil
}

// purpose reads the signed headers that say why, UTF-8 as it is or percent-encoded.
func (x *exchange) purpose() (strongroom.Purpose, error) {
	var p strongroom.Purpose
	for name, to := range map[string]*string{"X-Strongroom-Purpose": &p.Text, "X-Strongroom-Ticket": &p.Ticket} {
		values := x.r.Header.Values(name)
		if len(values) > 1 {
			return p, refuse("ValidationError", "the header %s occurs more than once", name)
		}
		var err error
		if *to, err = url.PathUnescape(strings.Join(values, "")); err != nil {
			return p, refuse("ValidationError", "%s has a percent sign that is not followed by two hexadecimal digits; write a percent sign as %%25", name)
		}
	}
	if err := people.CheckPurpose(p); err != nil {
		return p, refuse("ValidationError", "%s", err)
	}
	return p, nil
}

// callerIdentity tells whose the credentials are: only whoever has them learns it.
func (x *exchange) callerIdentity(room Room, c vault.Credential) (any, error) {
	if err := x.form.only(); err != nil {
		return nil, err
	}
	account := room.ID().Account()
	out := callerIdentityResponse{Result: callerIdentityResult{
		Arn: "arn:aws:iam::" + account + ":user/" + c.Principal.Name, UserID: c.Principal.ID.String(), Account: account,
	}}
	if s := c.Session; s != nil && s.Issuer != "" {
		out.Result.Arn, out.Result.UserID = assumed(account, s.Purpose.Text, s.Name, c.Principal)
	}
	return &out, nil
}

func assumed(account, purpose, name string, p strongroom.Principal) (arn, id string) {
	return "arn:aws:sts::" + account + ":assumed-role/" + purpose + "/" + name, p.ID.String() + ":" + name
}

// sessionToken makes a session with the purpose that the request's headers state.
func (x *exchange) sessionToken(room Room, c vault.Caller) (any, error) {
	if err := x.form.only("DurationSeconds"); err != nil {
		return nil, err
	}
	lifetime, err := x.form.duration(36*time.Hour, 12*time.Hour)
	if err != nil {
		return nil, err
	}
	if c.Purpose, err = x.purpose(); err != nil {
		return nil, err
	}
	s, err := room.StartSession(x.r.Context(), c, lifetime)
	if err != nil {
		return nil, err
	}
	return &sessionTokenResponse{Result: sessionTokenResult{Credentials: credentialsOf(s)}}, nil
}

// assumeRole makes a session for whom an identity token names. The role says why.
func (x *exchange) assumeRole() (any, error) {
	for name := range x.r.Header { // this action is not signed, so nothing counts but the form
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-strongroom-") {
			return nil, refuse("AccessDenied", "there were headers present in the request which were not signed: %.64s; here the role's name is the purpose, and the session's the ticket", lower)
		}
	}
	if x.r.Header.Get("Authorization") != "" {
		return nil, refuse("ValidationError", "AssumeRoleWithWebIdentity is not signed: the identity token proves who asks")
	}
	if err := x.form.only("DurationSeconds", "RoleArn", "RoleSessionName", "WebIdentityToken"); err != nil {
		return nil, err
	}
	account, purpose, err := parseRole(x.form["RoleArn"])
	if err != nil {
		return nil, err
	}
	name := x.form["RoleSessionName"]
	ticket, err := ticketOf(name)
	if err != nil {
		return nil, err
	}
	lifetime, err := x.form.duration(12*time.Hour, time.Hour)
	if err != nil {
		return nil, err
	}
	token := x.form["WebIdentityToken"]
	if len(token) < 4 || len(token) > maxToken {
		return nil, refuse("ValidationError", "WebIdentityToken must have 4 to %d characters", maxToken)
	}
	issuer, audiences, err := peek(token)
	if err != nil {
		x.Noise("identity")
		return nil, err
	}
	rooms := x.Rooms.ByProvider(issuer, audiences)
	if account != anyAccount {
		rooms = slices.DeleteFunc(rooms, func(r Room) bool { return r.ID().Account() != account })
	}
	switch {
	case len(rooms) == 0:
		x.Noise("identity")
		return nil, refuse("InvalidIdentityToken", "no OpenIDConnect provider found in your account for %.256s with this audience", issuer)
	case len(rooms) > 1:
		return nil, refuse("ValidationError", "several rooms take this token; put the account number of one into RoleArn in the place of %s", anyAccount)
	}
	room := rooms[0]
	release, err := room.Enter(x.r.Context(), "web identity")
	if err != nil {
		return nil, err
	}
	defer release()
	provider, _ := room.Provider(issuer)
	who, err := x.Verifier.Verify(x.r.Context(), provider, token)
	if err != nil {
		room.Noise("identity")
		if now := x.Now().Unix(); x.told.Swap(now) != now { // one a second: anybody can send tokens
			x.Log.Warn("an identity token was refused", "request", x.id, "room", room.ID(), "issuer", issuer, "cause", err)
		}
		switch {
		case errors.Is(err, people.ErrTokenExpired):
			return nil, refuse("ExpiredTokenException", "token expired: the web identity token that was passed is expired; get a new one from the identity provider")
		case errors.Is(err, people.ErrProvider):
			return nil, refuse("IDPCommunicationError", "the identity provider's keys could not be had, so the token cannot be verified; try again")
		}
		return nil, refuse("InvalidIdentityToken", "the web identity token that was passed could not be validated for this issuer and audience")
	}
	c := x.caller()
	c.Method, c.Purpose = "web-identity", strongroom.Purpose{Text: purpose, Ticket: ticket}
	s, err := room.StartWebSession(x.r.Context(), c, who, name, lifetime)
	if err != nil {
		return nil, err
	}
	out := assumeRoleResponse{Result: assumeRoleResult{
		Credentials: credentialsOf(s), Subject: who.Subject, Audience: who.Audience, Provider: who.Issuer,
	}}
	out.Result.User.Arn, out.Result.User.ID = assumed(room.ID().Account(), purpose, name, s.Principal)
	return &out, nil
}

// duration reads DurationSeconds. The room bounds what it grants; the answer says when
// the session really ends.
func (f form) duration(longest, preset time.Duration) (time.Duration, error) {
	v, given := f["DurationSeconds"]
	if !given {
		return preset, nil
	}
	seconds, err := strconv.ParseUint(v, 10, 31)
	d := time.Duration(seconds) * time.Second
	if err != nil || d < people.MinSession || d > longest {
		return 0, refuse("ValidationError", "DurationSeconds must be a number from %d to %d", int(people.MinSession/time.Second), int(longest/time.Second))
	}
	return d, nil
}
