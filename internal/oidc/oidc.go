// Package oidc verifies OpenID Connect identity tokens against the provider's published
// keys. A token counts when its signature is by a key of the provider and one of the
// algorithms allowed here (never none, never a shared secret), and issuer, audience and
// times are right; every doubt refuses it. Keys are fetched by discovery within bounds
// of time and size, without following redirects, kept for an hour, and fetched again
// for an unknown key at most every half minute, so that nobody can have the provider
// asked at will.
package oidc

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
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
	keys    []key
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
	t, err := parse(token)
	if err != nil {
		return people.Identity{}, err
	}
	if err := v.signed(ctx, p.Issuer, t); err != nil {
		return people.Identity{}, err
	}
	return t.identity(p, v.clock())
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", people.ErrToken, fmt.Sprintf(format, args...))
}

// token is a JSON Web Token of which nothing is believed yet.
type token struct {
	algorithm algorithm
	keyID     string
	claims    map[string]json.RawMessage
	signed    string // header and payload as they were signed
	signature []byte
}

// parse reads a token in the compact form. Names of fields are taken exactly as they
// are written.
func parse(text string) (token, error) {
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") {
		return token{}, refuse("it has not three parts")
	}
	t := token{signed: text[:len(header)+1+len(payload)]}
	var fields map[string]json.RawMessage
	for _, part := range []struct {
		text string
		into *map[string]json.RawMessage
	}{{header, &fields}, {payload, &t.claims}} {
		decoded, err := encoding.DecodeString(part.text)
		if err != nil || json.Unmarshal(decoded, part.into) != nil || *part.into == nil {
			return token{}, refuse("its header or payload is not a JSON object in base64url")
		}
	}
	var err error
	if t.signature, err = encoding.DecodeString(signature); err != nil || len(t.signature) == 0 {
		return token{}, refuse("it is not signed")
	}
	name, ok := textOf(fields["alg"])
	if t.algorithm, ok = algorithms[name]; !ok {
		return token{}, refuse("its algorithm %.16q is not allowed", name)
	}
	if _, critical := fields["crit"]; critical {
		return token{}, refuse("it has critical extensions, and none is known here")
	}
	if raw, given := fields["kid"]; given {
		if t.keyID, ok = textOf(raw); !ok {
			return token{}, refuse("its key id is not text")
		}
	}
	return t, nil
}

var encoding = base64.RawURLEncoding.Strict()

// textOf reads a JSON string; what is not one is not ok.
func textOf(raw json.RawMessage) (string, bool) {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// identity checks what the token claims, once its signature holds.
func (t token) identity(p people.Provider, now time.Time) (people.Identity, error) {
	who := people.Identity{}
	var ok bool
	if who.Issuer, ok = textOf(t.claims["iss"]); !ok || who.Issuer != p.Issuer {
		return who, refuse("its issuer is another")
	}
	if who.Subject, ok = textOf(t.claims["sub"]); !ok || who.Subject == "" || len(who.Subject) > 255 {
		return who, refuse("its subject is missing, or longer than 255 bytes")
	}
	audiences, ok := texts(t.claims["aud"])
	if !ok {
		return who, refuse("its audience is neither text nor a list of texts")
	}
	at := slices.IndexFunc(audiences, func(a string) bool { return slices.Contains(p.Audiences, a) })
	if at < 0 {
		return who, refuse("its audience is another")
	}
	who.Audience = audiences[at]
	if party, given := t.claims["azp"]; given && len(audiences) > 1 {
		if name, ok := textOf(party); !ok || !slices.Contains(p.Audiences, name) {
			return who, refuse("it was issued to another party, and has several audiences")
		}
	}
	expires, given, ok := instant(t.claims, "exp")
	if !ok || !given {
		return who, refuse("it does not say when it expires")
	}
	if !now.Before(expires) {
		return who, fmt.Errorf("%w on %s", people.ErrTokenExpired, expires.UTC().Format(time.RFC3339))
	}
	who.Expires = expires
	for _, name := range []string{"nbf", "iat"} {
		from, given, ok := instant(t.claims, name)
		if !ok || given && from.After(now.Add(skew)) {
			return who, refuse("its %s is no time, or in the future", name)
		}
	}
	who.PreferredUsername, _ = textOf(t.claims["preferred_username"])
	if verified := string(t.claims["email_verified"]); verified == "true" || verified == `"true"` {
		who.Email, _ = textOf(t.claims["email"])
	}
	return who, nil
}

// texts reads a JSON string or a list of them.
func texts(raw json.RawMessage) ([]string, bool) {
	if one, ok := textOf(raw); ok {
		return []string{one}, true
	}
	var many []string
	return many, json.Unmarshal(raw, &many) == nil && len(many) > 0
}

// instant reads a claim that is a time.
func instant(claims map[string]json.RawMessage, name string) (at time.Time, given, ok bool) {
	raw, given := claims[name]
	if !given {
		return at, false, true
	}
	var seconds *float64
	if json.Unmarshal(raw, &seconds) != nil || seconds == nil || math.Abs(*seconds) > 1<<40 {
		return at, true, false
	}
	whole, part := math.Modf(*seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true, true
}

// signed checks a token's signature by the keys of its issuer.
func (v *Verifier) signed(ctx context.Context, issuer string, t token) error {
	v.mu.Lock()
	p := v.providers[issuer]
	if p == nil {
		if len(v.providers) >= maxProvider { // issuers are registered ones; old ones come back when asked for
			clear(v.providers)
		}
		p = &provider{}
		v.providers[issuer] = p
	}
	v.mu.Unlock()

	p.mu.Lock()
	defer p.mu.Unlock()
	now := v.clock()
	if now.Sub(p.fetched) >= keysFresh || now.Before(p.fetched) {
		p.keys = nil
		if err := v.fetch(ctx, p, issuer, failPause); err != nil {
			return err
		}
	}
	for again := false; ; again = true {
		known := false
		for _, k := range p.keys {
			if t.keyID != "" && k.id != t.keyID {
				continue
			}
			known = true
			if k.verifies(t) {
				return nil
			}
		}
		if known && t.keyID != "" {
			return refuse("its signature is not by the provider's key %.64q", t.keyID)
		}
		if again || now.Sub(p.tried) < fetchPause {
			return refuse("none of the provider's keys made its signature")
		}
		if err := v.fetch(ctx, p, issuer, fetchPause); err != nil {
			return err
		}
	}
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
	keys, err := v.discover(ctx, issuer)
	p.tried, p.err = now, nil
	if err != nil {
		p.err = fmt.Errorf("%w: %w", people.ErrProvider, err)
		return p.err
	}
	p.keys, p.fetched = keys, now
	return nil
}

// discover fetches the provider's description, and the keys that it names.
func (v *Verifier) discover(ctx context.Context, issuer string) ([]key, error) {
	var description struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := v.get(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", &description); err != nil {
		return nil, fmt.Errorf("fetching the provider's description: %w", err)
	}
	if description.Issuer != issuer {
		return nil, fmt.Errorf("the provider describes itself as %.256q", description.Issuer)
	}
	if strings.HasPrefix(issuer, "https:") && !strings.HasPrefix(description.Keys, "https:") {
		return nil, fmt.Errorf("the provider has its keys at %.256q, which is not https", description.Keys)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := v.get(ctx, description.Keys, &set); err != nil {
		return nil, fmt.Errorf("fetching the provider's keys: %w", err)
	}
	return parseKeys(set.Keys)
}

// get fetches a JSON document.
func (v *Verifier) get(ctx context.Context, address string, into any) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("reading an address: %w", err)
	}
	client := v.secure
	switch u.Scheme {
	case "https":
	case "http":
		client = v.nearby
	default:
		return fmt.Errorf("%.256q is neither https nor http", address)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%.256s answers %s", address, answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err != nil {
		return fmt.Errorf("reading %.256s: %w", address, err)
	}
	if len(body) > maxDocument {
		return fmt.Errorf("%.256s has more than %d bytes", address, maxDocument)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("reading %.256s: %w", address, err)
	}
	return nil
}

// algorithm is one way to sign that is allowed.
type algorithm struct {
	name string
	kind string // RSA, RSA-PSS, OKP, or the name of a curve
	hash crypto.Hash
}
