// Package oidc verifies OpenID Connect identity tokens against the provider's published
// keys, with go-oidc and go-jose. A token counts when its signature is by a key of the
// provider and one of the algorithms allowed here (never none, never a shared secret),
// and issuer, audience and times are right; every doubt refuses it. Keys are fetched by
// discovery within bounds of time and size, without following redirects, kept for an
// hour, and fetched again for an unknown key at most every half minute, so that nobody
// can have the provider asked at will.
package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	exactly "github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"strongroom/people"
)

const (
	fetchTime   = 10 * time.Second
	maxDocument = 1 << 20
	keysFresh   = time.Hour
	fetchPause  = 30 * time.Second // between fetches for an unknown key
	failPause   = 5 * time.Second  // after a fetch that failed
	skew        = time.Minute      // that a provider's clock may be ahead
	maxProvider = 256
)

// Verifier verifies tokens, and remembers the keys of providers.
type Verifier struct {
	clock          func() time.Time
	secure, nearby *http.Client // for https, and for http on this machine

	mu        sync.Mutex
	providers map[string]*provider // by issuer
}

// provider is what is known of one provider.
type provider struct {
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	about   description
	fetched time.Time // when keys were last fetched
	tried   time.Time // when that was last tried
	err     error     // what came of it
}

// New returns a Verifier that goes by this clock.
func New(clock func() time.Time) *Verifier {
	client := func(dialer net.Dialer, proxy func(*http.Request) (*url.URL, error)) *http.Client {
		return &http.Client{
			Timeout: fetchTime,
			Transport: &http.Transport{
				Proxy: proxy, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
				TLSHandshakeTimeout: fetchTime, MaxResponseHeaderBytes: 64 << 10, MaxIdleConns: 8, IdleConnTimeout: time.Minute,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &Verifier{
		clock:     clock,
		secure:    client(net.Dialer{Timeout: fetchTime}, http.ProxyFromEnvironment),
		nearby:    client(net.Dialer{Timeout: fetchTime, Control: onlyLoopback}, nil),
		providers: map[string]*provider{},
	}
}

// onlyLoopback refuses to connect to another machine, whatever a name resolves to.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s is not this machine, and plain http goes nowhere else", address)
	}
	return nil
}

// Verify verifies a token for one provider, and answers who it is of.
func (v *Verifier) Verify(ctx context.Context, p people.Provider, token string) (people.Identity, error) {
	if err := admit(token); err != nil {
		return people.Identity{}, err
	}
	keys := &published{verifier: v, issuer: p.Issuer}
	_, err := oidc.NewVerifier(p.Issuer, keys, &oidc.Config{
		SupportedSigningAlgs: names,
		SkipClientIDCheck:    true, // a provider has several audiences here: see identity
		Now:                  v.clock,
	}).Verify(ctx, token)
	switch {
	case keys.err != nil:
		return people.Identity{}, keys.err
	case keys.payload == nil:
		return people.Identity{}, refuse("%.200s", err)
	}
	who, refused := identity(keys.payload, p, v.clock())
	if refused != nil {
		return people.Identity{}, refused
	}
	if _, expired := errors.AsType[*oidc.TokenExpiredError](err); expired {
		return people.Identity{}, fmt.Errorf("%w on %s", people.ErrTokenExpired, who.Expires.UTC().Format(time.RFC3339))
	}
	if err != nil {
		return people.Identity{}, refuse("%.200s", err)
	}
	return who, nil
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", people.ErrToken, fmt.Sprintf(format, args...))
}

// admit refuses what the library would take, or look at too closely: white space, JSON
// instead of the compact form, more than one spelling of the same bytes, extensions, and
// a key in the token, which it would test for being prime, for seconds, before anything
// is verified.
func admit(token string) error {
	parts := strings.SplitN(token, ".", 4)
	if len(parts) != 3 {
		return refuse("it has not three parts")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = encoding.DecodeString(part); err != nil || part == "" || strings.ContainsAny(part, "\r\n") {
			return refuse("one of its parts is empty, or not base64url")
		}
	}
	var header map[string]json.RawMessage
	if json.Unmarshal(decoded[0], &header) != nil {
		return refuse("its header is not a JSON object")
	}
	for _, name := range []string{"crit", "b64", "jwk"} {
		if _, given := header[name]; given {
			return refuse("its header has %s, which is not taken here", name)
		}
	}
	return nil
}

var encoding = base64.RawURLEncoding.Strict()

// names are those of the algorithms.
var names = func() []string {
	var out []string
	for _, a := range algorithms {
		out = append(out, string(a))
	}
	return out
}()

// claims are read with their names exactly as they are written, each at most once;
// the library's own reading takes any spelling.
type claims struct {
	Issuer            string       `json:"iss"`
	Subject           string       `json:"sub"`
	Audiences         jwt.Audience `json:"aud"`
	Party             *string      `json:"azp"`
	Expires           *float64     `json:"exp"`
	NotBefore         *float64     `json:"nbf"`
	Issued            *float64     `json:"iat"`
	Nonce             string       `json:"nonce"`
	PreferredUsername any          `json:"preferred_username"`
	Email             any          `json:"email"`
	EmailVerified     any          `json:"email_verified"`
}

// identity checks what a token claims, once its signature holds, beyond what the library
// checks: whether it has expired is left to that.
func identity(payload []byte, p people.Provider, now time.Time) (people.Identity, error) {
	var c claims
	if err := exactly.Unmarshal(payload, &c); err != nil {
		return people.Identity{}, refuse("reading its claims: %.200s", err)
	}
	at := slices.IndexFunc(c.Audiences, func(a string) bool { return slices.Contains(p.Audiences, a) })
	late := float64(now.Add(skew).Unix())
	switch {
	case c.Issuer != p.Issuer:
		return people.Identity{}, refuse("its issuer is another")
	case c.Subject == "" || len(c.Subject) > 255:
		return people.Identity{}, refuse("its subject is missing, or longer than 255 bytes")
	case at < 0:
		return people.Identity{}, refuse("its audience is another")
	case len(c.Audiences) > 1 && c.Party != nil && !slices.Contains(p.Audiences, *c.Party):
		return people.Identity{}, refuse("it was issued to another party, and has several audiences")
	case c.Expires == nil || math.Abs(*c.Expires) > 1<<40:
		return people.Identity{}, refuse("it does not say when it expires")
	case c.NotBefore != nil && *c.NotBefore > late, c.Issued != nil && *c.Issued > late:
		return people.Identity{}, refuse("it is from the future")
	}
	who := people.Identity{Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audiences[at], Expires: time.Unix(int64(*c.Expires), 0), Nonce: c.Nonce}
	who.PreferredUsername, _ = c.PreferredUsername.(string)
	if c.EmailVerified == true || c.EmailVerified == "true" {
		who.Email, _ = c.Email.(string)
	}
	var err error
	if who.Groups, err = groups(payload, p.GroupsClaim); err != nil {
		return people.Identity{}, err
	}
	return who, nil
}

// maxGroups bounds the groups that a token may list; providers have lower bounds of
// their own.
const maxGroups = 1000

// groups reads the claim that lists groups: a string or an array of strings. A token
// without it claims none; anything else is refused, since what it means is in doubt.
func groups(payload []byte, claim string) ([]string, error) {
	if claim == "" {
		return nil, nil
	}
	var all map[string]json.RawMessage
	if err := exactly.Unmarshal(payload, &all); err != nil {
		return nil, refuse("reading its claims: %.200s", err)
	}
	written, claimed := all[claim]
	if !claimed || string(written) == "null" {
		return nil, nil
	}
	var one string
	if json.Unmarshal(written, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if err := json.Unmarshal(written, &many); err != nil || len(many) > maxGroups {
		return nil, refuse("its claim %.64q is no list of at most %d strings", claim, maxGroups)
	}
	return many, nil
}

// published is the keys of one issuer, as the library asks for them to verify one token.
// It says what came of that, since the library keeps only the words of an error.
type published struct {
	verifier *Verifier
	issuer   string
	payload  []byte
	err      error
}

// VerifySignature is called for tokens whose algorithm is one of those allowed.
func (k *published) VerifySignature(ctx context.Context, text string) ([]byte, error) {
	token, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		k.err = refuse("%.200s", err)
	} else {
		k.payload, k.err = k.verifier.signed(ctx, k.issuer, token)
	}
	return k.payload, k.err
}

// signed answers a token's payload if one of its issuer's keys has signed it.
func (v *Verifier) signed(ctx context.Context, issuer string, token *jose.JSONWebSignature) ([]byte, error) {
	p := v.provider(issuer)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := v.fresh(ctx, p, issuer); err != nil {
		return nil, err
	}
	now := v.clock()
	id := token.Signatures[0].Header.KeyID
	for again := false; ; again = true {
		known := false
		for _, k := range p.keys {
			if id != "" && k.KeyID != id {
				continue
			}
			known = true
			if payload, ok := verifies(k, token); ok {
				return payload, nil
			}
		}
		if known && id != "" {
			return nil, refuse("its signature is not by the provider's key %.64q", id)
		}
		if again || now.Sub(p.tried) < fetchPause {
			return nil, refuse("none of the provider's keys made its signature")
		}
		if err := v.fetch(ctx, p, issuer, fetchPause); err != nil {
			return nil, err
		}
	}
}

// provider is what is known of an issuer.
func (v *Verifier) provider(issuer string) *provider {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.providers[issuer]
	if p == nil {
		if len(v.providers) >= maxProvider { // issuers are registered ones; old ones come back when asked for
			clear(v.providers)
		}
		p = &provider{}
		v.providers[issuer] = p
	}
	return p
}

// fresh fetches what is known of a provider where that is too old. The caller holds p.mu.
func (v *Verifier) fresh(ctx context.Context, p *provider, issuer string) error {
	if now := v.clock(); now.Sub(p.fetched) < keysFresh && !now.Before(p.fetched) {
		return nil
	}
	p.keys = nil
	return v.fetch(ctx, p, issuer, failPause)
}

// fetch brings the provider's keys up to date, unless that was tried just now: then what
// came of it is the answer. The caller holds p.mu.
func (v *Verifier) fetch(ctx context.Context, p *provider, issuer string, pause time.Duration) error {
	now := v.clock()
	if !p.tried.IsZero() && now.Sub(p.tried) < pause && p.err != nil {
		return p.err
	}
	// Whoever asked may go away; the keys are for the next one too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
	defer cancel()
	keys, about, err := v.discover(ctx, issuer)
	p.tried, p.err = now, nil
	if err != nil {
		p.err = fmt.Errorf("%w: %w", people.ErrProvider, err)
		return p.err
	}
	p.keys, p.about, p.fetched = keys, about, now
	return nil
}

// description is what a provider publishes about itself.
type description struct {
	Issuer    string   `json:"issuer"`
	Keys      string   `json:"jwks_uri"`
	Authorize string   `json:"authorization_endpoint"`
	Token     string   `json:"token_endpoint"`
	Methods   []string `json:"token_endpoint_auth_methods_supported"`
	NamesSelf bool     `json:"authorization_response_iss_parameter_supported"`
}

// discover fetches the provider's description, and the keys that it names.
func (v *Verifier) discover(ctx context.Context, issuer string) ([]jose.JSONWebKey, description, error) {
	var about description
	if err := v.get(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", &about); err != nil {
		return nil, about, fmt.Errorf("fetching the provider's description: %w", err)
	}
	if about.Issuer != issuer {
		return nil, about, fmt.Errorf("the provider describes itself as %.256q", about.Issuer)
	}
	for what, at := range map[string]string{"keys": about.Keys, "log-on": about.Authorize, "tokens": about.Token} {
		if strings.HasPrefix(issuer, "https:") && at != "" && !strings.HasPrefix(at, "https:") {
			return nil, about, fmt.Errorf("the provider has its %s at %.256q, which is not https", what, at)
		}
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := v.get(ctx, about.Keys, &set); err != nil {
		return nil, about, fmt.Errorf("fetching the provider's keys: %w", err)
	}
	keys, err := parseKeys(set.Keys)
	return keys, about, err
}

// get fetches a JSON document.
func (v *Verifier) get(ctx context.Context, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	code, body, err := v.send(r)
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return fmt.Errorf("%.256s answers %d", address, code)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("reading %.256s: %w", address, err)
	}
	return nil
}

// send sends a request, over https, or to this machine itself, and answers what came,
// within bounds.
func (v *Verifier) send(r *http.Request) (int, []byte, error) {
	client := v.secure
	switch r.URL.Scheme {
	case "https":
	case "http":
		client = v.nearby
	default:
		return 0, nil, fmt.Errorf("%.256q is neither https nor http", r.URL)
	}
	r.Header.Set("Accept", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err != nil {
		return 0, nil, fmt.Errorf("reading %.256s: %w", r.URL, err)
	}
	if len(body) > maxDocument {
		return 0, nil, fmt.Errorf("%.256s has more than %d bytes", r.URL, maxDocument)
	}
	return answer.StatusCode, body, nil
}
