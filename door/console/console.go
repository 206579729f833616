// Package console is what people see in a browser: log-on with passkeys, and pages that
// show and do what the vault decides and records. It keeps what is under way, in memory
// alone. Nothing changes on GET; a page loads nothing from anywhere else.
package console

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"strongroom"
	"strongroom/door"
	"strongroom/door/viewer"
)

// Check is one thing that must hold for the server to be ready. Its error is for
// the log; the page says only which check failed.
type Check struct {
	Name string
	Ask  func(ctx context.Context) error
}

// Config says what the console serves.
type Config struct {
	Metrics http.Handler
	Ready   []Check
	Failed  func(check string, err error)
	Rooms   []door.Room
	// URL is where browsers reach the console: passkeys are made for its host.
	URL   string
	Log   *slog.Logger
	Noise func(kind string) // counts what proved nobody
	Clock func() time.Time
	// Identities asks identity providers; without it people log on with passkeys alone.
	Identities Identities
}

type console struct {
	Config
	origin, host string
	party        string // relying party id
	secure       bool   // browsers reach it by TLS
	passkeys     *webauthn.WebAuthn
	sections     []section
	stocks       stocks
	kept         map[strongroom.ID]*keeping // by room
	ceremonies   ceremonies
	strikes      strikes
	changed      sync.Map // what was changed lately, by room
	checks       sync.Map // what checks answered last, by place in Ready
	wayKey       [32]byte // of the ids of providers on the page
	pdfs         viewer.PDFs
	assets       map[string]asset
	paths        map[string]string
	pages        pageSet
}

// CheckURL says whether browsers let passkeys be made at this address: https with a name,
// or this machine's localhost.
func CheckURL(text string) (*url.URL, error) {
	bad := func(why string) (*url.URL, error) {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%q is no address for the console: %s", text, why), Hint: "give https://NAME, as browsers will reach it"}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return bad("it is a scheme, a name and perhaps a port")
	case u.Hostname() == "localhost" && (u.Scheme == "http" || u.Scheme == "https"):
	case u.Scheme != "https":
		return bad("browsers make passkeys over https only, but for localhost")
	case !strings.ContainsFunc(u.Hostname(), func(c rune) bool { return c >= 'a' && c <= 'z' }) || strings.Contains(u.Hostname(), ":"):
		return bad("passkeys belong to a name in lower case, and not to an IP address")
	}
	if port := u.Port(); port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http" {
		u.Host = u.Hostname() // as browsers write it
	}
	u.Path = ""
	return u, nil
}

// New returns the console's handler.
func New(config Config) (http.Handler, error) {
	at, err := CheckURL(config.URL)
	if err != nil {
		return nil, err
	}
	if config.Clock == nil {
		config.Clock = time.Now
	}
	c := &console{Config: config, origin: at.String(), host: at.Host, party: at.Hostname(), secure: at.Scheme == "https", sections: sections(), kept: keepings(config.Rooms), ceremonies: ceremonies{inRoom: share(ceremoniesMost/2, len(config.Rooms))}}
	if _, err := rand.Read(c.wayKey[:]); err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	if c.passkeys, err = newParty(c.party, c.origin); err != nil {
		return nil, err
	}
	if c.assets, c.paths, err = loadAssets(); err != nil {
		return nil, err
	}
	if c.pages, err = loadPages(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { ready(w, r, c.Config) })
	mux.Handle("GET /metrics", c.Metrics)
	mux.HandleFunc("GET /assets/", c.serveAsset)
	mux.HandleFunc("GET /manifest.webmanifest", c.serveManifest)
	mux.HandleFunc("GET /worker.js", c.serveWorker)
	mux.HandleFunc("POST /preferences", c.prefer)

	mux.HandleFunc("GET /setup", c.showSetup)
	mux.HandleFunc("POST /setup/begin", c.beginSetup)
	mux.HandleFunc("POST /setup/finish", c.finishSetup)
	mux.HandleFunc("GET /logon", c.showLogon)
	mux.HandleFunc("POST /logon/begin", c.beginLogon)
	mux.HandleFunc("POST /logon/finish", c.finishLogon)
	mux.HandleFunc("POST /logon/with/{way}", c.goAbroad)
	mux.HandleFunc("GET /logon/return/{issuer}", c.comeBack)

	for _, part := range c.sections {
		for pattern, do := range part.routes {
			mux.HandleFunc(pattern, c.inside(do, cmp.Or(part.most, bodyMost)))
		}
	}
	mux.HandleFunc("POST /confirm", c.inside((*visit).confirm, bodyMost))
	mux.HandleFunc("POST /logoff", c.inside((*visit).logoff, bodyMost))
	mux.HandleFunc("/", c.nowhere)
	return c.protect(mux), nil
}

func ready(w http.ResponseWriter, r *http.Request, c Config) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	state := map[string]string{}
	code := http.StatusOK
	for _, check := range c.Ready {
		state[check.Name] = "ok"
		if err := check.Ask(ctx); err != nil {
			state[check.Name], code = "failed", http.StatusServiceUnavailable
			c.Failed(check.Name, err)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(state)
}
