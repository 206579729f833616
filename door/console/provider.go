package console

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"strongroom/door"
	"strongroom/people"
	"strongroom/vault"
)

// Identities asks identity providers in the name of browsers that log on.
type Identities interface {
	// Address answers where a browser goes to log on.
	Address(ctx context.Context, p people.Provider, a people.Asking) (string, error)
	// Redeem exchanges the code that a browser brought back for an identity, all of it
	// verified. Issuer is what the answer says of itself, or "".
	Redeem(ctx context.Context, p people.Provider, a people.Asking, issuer, code string) (people.Identity, error)
}

const (
	// abroadLife is how long somebody may take to log on at a provider.
	abroadLife = 10 * time.Minute
	// waysMost bounds the providers that the log-on page offers.
	waysMost = 8
	// answerMost bounds what a provider's answer may have in one field.
	answerMost = 4096
)

// way is a provider by which people log on, and the rooms that take it.
type way struct {
	ID, Name string
	provider people.Provider
	rooms    []*door.Room
}

// ways are the providers by which people log on here. Rooms that ask one provider in the
// same manner share a line: which room somebody is of, their identity says.
func (c *console) ways() []way {
	if c.Identities == nil {
		return nil
	}
	var out []way
	for i := range c.Rooms {
		for _, p := range c.Rooms[i].Vault.LogOnProviders() {
			same := hmac.New(sha256.New, c.wayKey[:]) // a secret is among it, and the page is anybody's
			same.Write([]byte(strings.Join(append([]string{p.Issuer, p.Client, string(p.Secret), p.Label, p.Claim}, p.Scopes...), "\x00")))
			id := hex.EncodeToString(same.Sum(nil)[:8])
			if at := slices.IndexFunc(out, func(w way) bool { return w.ID == id }); at >= 0 {
				out[at].rooms = append(out[at].rooms, &c.Rooms[i])
			} else if len(out) < waysMost {
				out = append(out, way{id, p.Called(), p, []*door.Room{&c.Rooms[i]}})
			}
		}
	}
	return out
}

// abroad is a log-on under way at a provider.
type abroad struct {
	way        string // id
	issuer     string
	asking     people.Asking
	zone, next string
}

type logonData struct {
	Next    string
	Ways    []way
	Trouble string
	Over    bool // the browser bears a session that is over
}

// returnCookie is the name of the cookie that binds a log-on at a provider to the browser
// that began it. It comes along when the provider sends the browser back, which a strict
// one would not, and is good for nothing else.
func (c *console) returnCookie() string { return c.cookie() + "-return" }

func (c *console) setReturn(w http.ResponseWriter, value string) {
	k := &http.Cookie{Name: c.returnCookie(), Value: value, Path: "/", Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(abroadLife.Seconds())}
	if value == "" {
		k.MaxAge = -1
	}
	http.SetCookie(w, k)
}

func random() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// binding is what is kept of a browser's cookie.
func binding(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return "browser " + hex.EncodeToString(sum[:])
}

// goAbroad sends a browser to a provider. It is a page that goes on by itself and no
// redirect, which the page's policy for forms would stop.
func (c *console) goAbroad(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	at := slices.IndexFunc(c.ways(), func(x way) bool { return x.ID == r.PathValue("way") })
	if at < 0 {
		c.nowhere(w, r)
		return
	}
	if c.strikes.out(source(r), c.Clock()) > 0 {
		c.Noise("logon too often")
		c.refused(w, r, http.StatusTooManyRequests, "logon.wait")
		return
	}
	x := c.ways()[at]
	browser := random()
	a := &abroad{
		way: x.ID, issuer: x.provider.Issuer, zone: r.PostFormValue("zone"), next: within(r.PostFormValue("next")),
		asking: people.Asking{Redirect: c.origin + people.ReturnPath(x.provider.Issuer), Nonce: random(), Verifier: random()},
	}
	state, err := c.ceremonies.begin(ceremony{act: "abroad", of: binding(browser), from: source(r), abroad: a}, c.Clock())
	if err != nil {
		c.Noise("logon beyond what may be under way")
		c.refused(w, r, http.StatusTooManyRequests, "error.busy.message")
		return
	}
	a.asking.State = state
	address, err := c.Identities.Address(r.Context(), x.provider, a.asking)
	if err != nil {
		c.ceremonies.claim(state, "", "", c.Clock()) // nobody will bring it back
		c.Log.Error("an identity provider cannot be asked", "issuer", x.provider.Issuer, "error", err)
		c.refused(w, r, http.StatusBadGateway, "logon.provider.away")
		return
	}
	c.setReturn(w, browser)
	c.onward(w, r, address)
}

// onward is a page that goes on to another by itself, as from this site.
func (c *console) onward(w http.ResponseWriter, r *http.Request, address string) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	p := c.newPage(r)
	p.Title, p.Path, p.Data = "logon.title", "/logon", address
	c.render(w, http.StatusOK, "onward", p)
}

// refused shows the log-on page, with a sentence that says little.
func (c *console) refused(w http.ResponseWriter, r *http.Request, code int, why string) {
	p := c.newPage(r)
	p.Title, p.Path, p.Data = "logon.title", "/logon", logonData{Next: "/", Ways: c.ways(), Trouble: p.T(why)}
	c.render(w, code, "logon", p)
}

// comeBack takes a browser that a provider sent back. It changes something on GET, as the
// protocol has it: one use of a state that this very browser was given.
func (c *console) comeBack(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodGet {
		c.nowhere(w, r)
		return
	}
	if c.strikes.out(source(r), c.Clock()) > 0 {
		c.Noise("logon too often")
		c.refused(w, r, http.StatusTooManyRequests, "logon.wait")
		return
	}
	refuse := func(why string, known bool) {
		if !known {
			c.Noise("logon refused")
		}
		c.strikes.add(source(r), c.Clock())
		c.Log.Info("a log-on by a provider was refused", "why", why)
		c.refused(w, r, http.StatusForbidden, "logon.refused")
	}
	c.setReturn(w, "")
	q := r.URL.Query()
	one := func(name string) string {
		if values := q[name]; len(values) == 1 && len(values[0]) <= answerMost {
			return values[0]
		}
		return ""
	}
	k, err := r.Cookie(c.returnCookie())
	if err != nil || len(k.Value) > 128 {
		// Any site can have a browser ask for this address, in the name of whoever looks at it:
		// that counts as noise, and keeps nobody from logging on.
		c.Noise("logon refused")
		c.refused(w, r, http.StatusForbidden, "logon.refused")
		return
	}
	begun, err := c.ceremonies.claim(one("state"), "abroad", binding(k.Value), c.Clock())
	if err != nil {
		refuse(err.Error(), false)
		return
	}
	a := begun.abroad
	if r.URL.Path != people.ReturnPath(a.issuer) {
		refuse("another provider answers than was asked", false)
		return
	}
	if one("error") != "" || one("code") == "" || len(q["iss"]) > 1 {
		refuse(fmt.Sprintf("the provider answers %.64q", one("error")), false)
		return
	}
	at := slices.IndexFunc(c.ways(), func(x way) bool { return x.ID == a.way })
	if at < 0 {
		refuse("the provider is asked otherwise by now", false)
		return
	}
	x := c.ways()[at]
	who, err := c.Identities.Redeem(r.Context(), x.provider, a.asking, one("iss"), one("code"))
	if errors.Is(err, people.ErrProvider) {
		c.Log.Error("an identity provider did not answer", "issuer", a.issuer, "error", err)
		c.refused(w, r, http.StatusBadGateway, "logon.provider.away")
		return
	} else if err != nil {
		refuse(err.Error(), false)
		return
	}
	l, err := logOnAt(r.Context(), x.rooms, who, from(r))
	if err != nil {
		refuse(err.Error(), true)
		return
	}
	c.admit(w, r, l, a.zone)
	c.onward(w, r, a.next)
}

// logOnAt logs on at the one room that knows somebody by their identity. Where several
// do, none is guessed.
func logOnAt(ctx context.Context, rooms []*door.Room, who people.Identity, from vault.From) (vault.Logon, error) {
	known := slices.DeleteFunc(slices.Clone(rooms), func(r *door.Room) bool { return !r.Vault.Knows(who) })
	switch len(known) {
	case 0:
		return rooms[0].Vault.LogOnByProvider(ctx, who, from) // puts the stranger on record
	case 1:
		return known[0].Vault.LogOnByProvider(ctx, who, from)
	}
	return vault.Logon{}, fmt.Errorf("%w: the identity names somebody in %d rooms: give each a client of its own", vault.ErrLogOn, len(known))
}

var providerWords = map[string]said{
	"logon.with":          {"Log on with %s", "Se connecter avec %s"},
	"logon.or":            {"or", "ou"},
	"logon.provider.away": {"The identity provider does not answer now. Try again shortly, or use a passkey.", "Le fournisseur d’identité ne répond pas. Réessayez dans un instant, ou utilisez une clé d’accès."},
	"logon.onward":        {"Go on", "Continuer"},
}
