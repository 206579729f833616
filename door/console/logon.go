package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"strongroom"
	"strongroom/door"
	"strongroom/people"
	"strongroom/vault"
)

func asError(err error) (*strongroom.Error, bool) { return errors.AsType[*strongroom.Error](err) }

// cookie is the name of the session's cookie. With the prefix browsers take it from this
// host alone, over TLS alone; plain http is for localhost only.
func (c *console) cookie() string {
	if c.secure {
		return "__Host-strongroom"
	}
	return "strongroom"
}

func (c *console) setSession(w http.ResponseWriter, token string) {
	k := &http.Cookie{Name: c.cookie(), Value: token, Path: "/", Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int(people.ConsoleLongest.Seconds())}
	if token == "" {
		k.MaxAge = -1
	}
	http.SetCookie(w, k)
}

// visit is one request of somebody who has logged on.
type visit struct {
	c      *console
	w      http.ResponseWriter
	r      *http.Request
	room   *door.Room
	keeps  *keeping
	who    vault.ConsoleCredential
	caller vault.Caller
	page   *page
}

// session finds whose session a request bears.
func (c *console) session(r *http.Request) (*door.Room, vault.ConsoleCredential, error) {
	err := error(&strongroom.Error{Kind: strongroom.KindDenied, Message: "nobody is logged on", Cause: vault.ErrNoSession})
	k, none := r.Cookie(c.cookie())
	if none != nil || len(k.Value) > 128 {
		return nil, vault.ConsoleCredential{}, err
	}
	for i := range c.Rooms {
		who, e := c.Rooms[i].Vault.ConsoleCaller(k.Value)
		if e == nil {
			return &c.Rooms[i], who, nil
		}
		err = e
	}
	return nil, vault.ConsoleCredential{}, err
}

// bodyMost is how long a request's body may be where a section says nothing else.
const bodyMost = 256 << 10

// inside has only those in who have logged on, and bodies of at most so many bytes.
func (c *console) inside(do func(*visit) error, most int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		room, who, err := c.session(r)
		if err != nil {
			c.outside(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		caller := who.Caller()
		caller.Source, caller.Secure, caller.RequestID, caller.Endpoint = source(r), c.secure, strongroom.NewID().String(), c.origin
		v := &visit{c: c, w: w, r: r, room: room, keeps: c.kept[room.Vault.ID], who: who, caller: caller, page: c.newPage(r)}
		v.page.Who, v.page.Room = &v.who, room.Vault.Name
		v.page.Nav = v.nav()
		if r.Method != http.MethodGet {
			v.keeps.badges.acted(v.page.Nav, v.who.ID, r.URL.Path)
		}
		v.keeps.badges.beside(v.page.Nav, v.who.ID, v.page.now)
		leave, err := room.Vault.Enter(r.Context(), who.Holder.ID.String())
		if err == nil {
			v.page.Emergency = room.Vault.OwnOpening(v.caller)
			if large := new(http.MaxBytesError); errors.As(r.ParseForm(), &large) {
				v.tooLarge(large.Limit)
			} else {
				err = do(v)
			}
			leave()
		}
		if err != nil {
			v.fail(err)
		}
	}
}

// outside sends whoever has no session to log on, and afterwards back to the page.
func (c *console) outside(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			c.answerError(w, r, &strongroom.Error{Kind: strongroom.KindDenied, Message: say(c.newPage(r).Lang, "error.session")})
			return
		}
		http.Redirect(w, r, "/logon", http.StatusSeeOther)
	case r.Header.Get("Sec-Fetch-Site") == "cross-site":
		// A link from elsewhere bears no strict cookie: the page asks again by itself.
		p := c.newPage(r)
		p.Title = "logon.title"
		c.render(w, http.StatusOK, "again", p)
	case r.URL.Path == "/":
		http.Redirect(w, r, "/logon", http.StatusSeeOther)
	default:
		http.Redirect(w, r, "/logon?next="+url.QueryEscape(within(asked(r))), http.StatusSeeOther)
	}
}

// nav lists the pages that there are for this person.
func (v *visit) nav() []place {
	var nav []place
	for _, part := range v.c.sections {
		if part.path != "" && (part.offered == nil || part.offered(v)) {
			nav = append(nav, place{Section: part.name, Path: part.path})
		}
	}
	return nav
}

func (v *visit) show(name, section string, data any) error {
	v.page.Section, v.page.Data = section, data
	if v.page.Title == "" {
		v.page.Title = "nav." + section
	}
	v.c.render(v.w, http.StatusOK, name, v.page)
	return nil
}

// fail shows why something was not done.
func (v *visit) fail(err error) {
	if strings.HasPrefix(v.r.Header.Get("Content-Type"), "application/json") {
		v.c.answerError(v.w, v.r, err)
		return
	}
	code, t := troubleOf(v.page.Lang, err)
	if code >= 500 {
		v.c.Log.Error("the console could not answer", "method", v.r.Method, "pattern", v.r.Pattern, "error", err, "cause", cause(err))
	}
	v.page.Title, v.page.Trouble = "error.title", t
	t.Again = v.r.Method == http.MethodGet && (code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable)
	if v.r.Method != http.MethodGet {
		v.page.Path = "/"
	}
	v.c.render(v.w, code, "error", v.page)
}

// tooLarge answers a form that is longer than the page takes: nothing of it was read.
func (v *visit) tooLarge(most int64) {
	v.page.Title, v.page.Path = "error.title", "/"
	v.page.Trouble = &trouble{Title: v.page.T("error.large"), Message: v.page.T("error.large.message", v.page.Bytes(most)), Said: true}
	v.c.render(v.w, http.StatusRequestEntityTooLarge, "error", v.page)
}

func cause(err error) error {
	if e, ok := asError(err); ok {
		return e.Cause
	}
	return nil
}

// back goes on to a page that says what was done.
func (v *visit) back(path, said string) error {
	path, _, _ = strings.Cut(path, "?")
	http.Redirect(v.w, v.r, path+"?said="+said, http.StatusSeeOther)
	return nil
}

// id is the id in the path.
func (v *visit) id() (strongroom.ID, error) {
	id, err := strongroom.ParseID(v.r.PathValue("id"))
	if err != nil {
		return id, &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.nowhere.message")}
	}
	return id, nil
}

// from is where a request comes from, for a log-on's record.
func from(r *http.Request) vault.From {
	return vault.From{Source: source(r), Browser: people.CleanLine(r.UserAgent(), 256), RequestID: strongroom.NewID().String()}
}

// readJSON reads what the console's own script posts.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	bad := &strongroom.Error{Kind: strongroom.KindInvalid, Message: "this is not what the page sends"}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return bad
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 128<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return bad
	}
	return nil
}

func answerJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v)
}

func (c *console) answerError(w http.ResponseWriter, r *http.Request, err error) {
	p := c.newPage(r)
	code, t := troubleOf(p.Lang, err)
	if code >= 500 {
		c.Log.Error("the console could not answer", "pattern", r.Pattern, "error", err, "cause", cause(err))
	}
	message := t.Title
	switch {
	case errors.Is(err, vault.ErrLogOn):
		message = p.T("logon.refused")
	case errors.Is(err, vault.ErrNoInvitation):
		message = p.T("setup.over")
	case t.Message != "" && (p.Lang == english || t.Said):
		message = t.Message
	}
	answerJSON(w, code, map[string]string{"message": message})
}

// wait refuses a source that failed too often lately.
func (c *console) wait(w http.ResponseWriter, r *http.Request) bool {
	left := c.strikes.out(source(r), c.Clock())
	if left <= 0 {
		return false
	}
	c.Noise("logon too often")
	w.Header().Set("Retry-After", fmt.Sprint(int(left.Seconds())+1))
	answerJSON(w, http.StatusTooManyRequests, map[string]string{"message": say(c.newPage(r).Lang, "logon.wait")})
	return true
}

// strike counts a failure, and answers it.
func (c *console) strike(w http.ResponseWriter, r *http.Request, err error) {
	c.strikes.add(source(r), c.Clock())
	c.answerError(w, r, err)
}

func (c *console) showLogon(w http.ResponseWriter, r *http.Request) {
	if _, _, err := c.session(r); err == nil {
		http.Redirect(w, r, within(r.URL.Query().Get("next")), http.StatusSeeOther)
		return
	}
	p := c.newPage(r)
	k, none := r.Cookie(c.cookie())
	p.Title, p.Data = "logon.title", logonData{Next: within(r.URL.Query().Get("next")), Ways: c.ways(), Over: none == nil && k.Value != ""}
	c.render(w, http.StatusOK, "logon", p)
}

func (c *console) beginLogon(w http.ResponseWriter, r *http.Request) {
	if c.wait(w, r) {
		return
	}
	options, session, err := c.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		c.answerError(w, r, fmt.Errorf("making a challenge: %w", err))
		return
	}
	c.answerBegun(w, r, ceremony{session: *session, act: "logon", of: source(r)}, options)
}

func (c *console) answerBegun(w http.ResponseWriter, r *http.Request, begun ceremony, options any) {
	id, err := c.ceremonies.begin(begun, c.Clock())
	if err != nil {
		c.Noise("logon beyond what may be under way")
		c.answerError(w, r, err)
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"ceremony": id, "options": options})
}

func (c *console) finishLogon(w http.ResponseWriter, r *http.Request) {
	if c.wait(w, r) {
		return
	}
	var said struct {
		Ceremony string          `json:"ceremony"`
		Response json.RawMessage `json:"response"`
		Zone     string          `json:"zone"`
		Next     string          `json:"next"`
	}
	if err := readJSON(w, r, &said); err != nil {
		c.answerError(w, r, err)
		return
	}
	session, err := c.ceremonies.take(said.Ceremony, "logon", source(r), c.Clock())
	if err != nil {
		c.Noise("logon refused")
		c.strike(w, r, vault.ErrLogOn)
		return
	}
	who, proof, err := c.verify(session, said.Response)
	switch {
	case err != nil && who.room == nil:
		c.Noise("logon refused")
		c.strike(w, r, vault.ErrLogOn)
		return
	case err != nil:
		c.strike(w, r, who.room.Vault.FailLogOn(r.Context(), who.principal.ID, from(r), "the passkey's answer does not verify: "+err.Error()))
		return
	}
	l, err := who.room.Vault.LogOn(r.Context(), proof, from(r))
	if err != nil {
		c.strike(w, r, err)
		return
	}
	c.logged(w, r, l, said.Zone, said.Next)
}

// logged gives the browser its session, and says where it goes on.
func (c *console) logged(w http.ResponseWriter, r *http.Request, l vault.Logon, zone, next string) {
	c.admit(w, r, l, zone)
	answerJSON(w, http.StatusOK, map[string]string{"next": within(next)})
}

// admit gives the browser its session. One that it bore before ends: nothing of it goes
// over into the new one.
func (c *console) admit(w http.ResponseWriter, r *http.Request, l vault.Logon, zone string) {
	if room, was, err := c.session(r); err == nil {
		if err := room.Vault.EndSession(r.Context(), was.Caller(), was.ID); err != nil {
			c.Log.Error("the session before a log-on was not ended", "error", err)
		}
	}
	c.setSession(w, l.Token)
	http.SetCookie(w, &http.Cookie{Name: cookieZone, Value: zoneOf(zone).String(), Path: "/", MaxAge: 365 * 24 * 3600, Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (c *console) showSetup(w http.ResponseWriter, r *http.Request) {
	p := c.newPage(r)
	p.Title = "setup.title"
	c.render(w, http.StatusOK, "setup", p)
}

// invitedTo finds the room that a link's secret invites to.
func (c *console) invitedTo(r *http.Request, token string) (*door.Room, vault.Invitation, error) {
	var err error
	for i := range c.Rooms {
		var invited vault.Invitation
		if invited, err = c.Rooms[i].Vault.Invited(r.Context(), token); err == nil {
			return &c.Rooms[i], invited, nil
		} else if !errors.Is(err, vault.ErrNoInvitation) {
			break
		}
	}
	c.Noise("setup refused")
	return nil, vault.Invitation{}, err
}

func (c *console) beginSetup(w http.ResponseWriter, r *http.Request) {
	if c.wait(w, r) {
		return
	}
	var said struct {
		Token string `json:"token"`
	}
	if err := readJSON(w, r, &said); err != nil {
		c.answerError(w, r, err)
		return
	}
	room, invited, err := c.invitedTo(r, said.Token)
	if err != nil {
		c.strike(w, r, err)
		return
	}
	h := c.holderOf(room, invited.Principal)
	if invited.Recovery {
		h.keys = nil // the same authenticator may hold the passkey that takes their place
	}
	options, session, err := c.passkeys.BeginRegistration(h, webauthn.WithExclusions(webauthn.Credentials(h.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		c.answerError(w, r, fmt.Errorf("making a challenge: %w", err))
		return
	}
	c.answerBegun(w, r, ceremony{session: *session, act: "setup", of: source(r)}, options)
}

func (c *console) finishSetup(w http.ResponseWriter, r *http.Request) {
	if c.wait(w, r) {
		return
	}
	var said struct {
		Ceremony string          `json:"ceremony"`
		Token    string          `json:"token"`
		Response json.RawMessage `json:"response"`
		Zone     string          `json:"zone"`
	}
	if err := readJSON(w, r, &said); err != nil {
		c.answerError(w, r, err)
		return
	}
	session, err := c.ceremonies.take(said.Ceremony, "setup", source(r), c.Clock())
	if err != nil {
		c.Noise("setup refused")
		c.strike(w, r, vault.ErrLogOn)
		return
	}
	room, invited, err := c.invitedTo(r, said.Token)
	if err != nil {
		c.strike(w, r, err)
		return
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(said.Response)
	var made *webauthn.Credential
	if err == nil {
		made, err = c.passkeys.CreateCredential(c.holderOf(room, invited.Principal), session, parsed)
	}
	if err != nil {
		c.strike(w, r, room.Vault.FailLogOn(r.Context(), invited.Principal.ID, from(r), "setting up: the passkey does not verify: "+explain(err).Error()))
		return
	}
	key := c.passkeyOf(made)
	key.Name = device(r.UserAgent())
	l, err := room.Vault.SetUp(r.Context(), said.Token, key, from(r))
	if err != nil {
		c.strike(w, r, err)
		return
	}
	c.logged(w, r, l, said.Zone, "/")
}

// device names a browser and its system as people would, as far as it says.
func device(agent string) string {
	pick := func(table [][2]string) string {
		for _, one := range table {
			if strings.Contains(agent, one[0]) {
				return one[1]
			}
		}
		return ""
	}
	browser := pick([][2]string{{"Edg/", "Edge"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}})
	system := pick([][2]string{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Mac OS", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}})
	switch {
	case browser == "":
		return system
	case system == "":
		return browser
	}
	return browser + ", " + system
}

// logoff ends the session that the browser bears.
func (v *visit) logoff() error {
	err := v.room.Vault.EndSession(v.r.Context(), v.caller, v.who.ID)
	if err != nil {
		return err
	}
	v.c.setSession(v.w, "")
	http.Redirect(v.w, v.r, "/logon?said=loggedoff", http.StatusSeeOther)
	return nil
}

// confirm puts a challenge to the person who is logged on, for one act.
func (v *visit) confirm() error {
	var said struct{ Act, ID string }
	if err := readJSON(v.w, v.r, &said); err != nil {
		return err
	}
	h := v.c.holderOf(v.room, v.who.Holder)
	if len(h.WebAuthnCredentials()) == 0 {
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: v.page.T("confirm.none")}
	}
	options, session, err := v.c.passkeys.BeginLogin(h, webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return fmt.Errorf("making a challenge: %w", err)
	}
	v.c.answerBegun(v.w, v.r, ceremony{session: *session, act: said.Act + " " + said.ID, of: v.who.ID, room: v.room.Vault.ID}, options)
	return nil
}

// confirmed checks, on record, that the form bears a fresh proof for this act.
func (v *visit) confirmed(act string, id strongroom.ID) error {
	return v.confirmedFor(act, id.String())
}

// confirmedFor is confirmed for what has an id of another form, as the page's data-id says it.
func (v *visit) confirmedFor(act, id string) error {
	return v.proved(act+" "+id, []byte(v.r.PostFormValue("proof")))
}

// proved checks, on record, a fresh proof for what is to be done.
func (v *visit) proved(what string, proofOf []byte) error {
	var said struct {
		Ceremony string          `json:"ceremony"`
		Response json.RawMessage `json:"response"`
	}
	if err := json.Unmarshal(proofOf, &said); err != nil {
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: v.page.T("confirm.missing")}
	}
	session, err := v.c.ceremonies.take(said.Ceremony, what, v.who.ID, v.c.Clock())
	var proof vault.PasskeyProof
	if err == nil {
		proof, err = v.c.verifyOwn(v.c.holderOf(v.room, v.who.Holder), session, said.Response)
	}
	if err != nil {
		return v.room.Vault.FailConfirm(v.r.Context(), v.caller, what, err.Error())
	}
	return v.room.Vault.Confirm(v.r.Context(), v.caller, proof, what)
}
