package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"strongroom/people"
)

// about answers what a provider says of itself.
func (v *Verifier) about(ctx context.Context, issuer string) (description, error) {
	p := v.provider(issuer)
	p.mu.Lock()
	defer p.mu.Unlock()
	err := v.fresh(ctx, p, issuer)
	return p.about, err
}

// Address answers where a browser goes to log on by a provider: the authorization code
// flow, with PKCE, state and nonce.
func (v *Verifier) Address(ctx context.Context, p people.Provider, a people.Asking) (string, error) {
	about, err := v.about(ctx, p.Issuer)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(about.Authorize)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return "", fmt.Errorf("%w: it names no address to log on at", people.ErrProvider)
	}
	challenge := sha256.Sum256([]byte(a.Verifier))
	q := u.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": p.Client, "redirect_uri": a.Redirect, "scope": strings.Join(p.Wanted(), " "),
		"state": a.State, "nonce": a.Nonce, "code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	} {
		q.Set(name, value)
	}
	u.RawQuery, u.Fragment = q.Encode(), ""
	return u.String(), nil
}

// Redeem exchanges the code that a browser brought back for an identity. Issuer is what
// the answer said of itself (RFC 9207), or "".
func (v *Verifier) Redeem(ctx context.Context, p people.Provider, a people.Asking, issuer, code string) (people.Identity, error) {
	about, err := v.about(ctx, p.Issuer)
	if err != nil {
		return people.Identity{}, err
	}
	if issuer != "" && issuer != p.Issuer {
		return people.Identity{}, refuse("the answer is another provider's, %.256q", issuer)
	}
	if issuer == "" && about.NamesSelf {
		return people.Identity{}, refuse("the answer does not say whose it is, and this provider's do")
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.Redirect}, "code_verifier": {a.Verifier}}
	basic := false
	switch {
	case p.Secret == "":
		form.Set("client_id", p.Client)
	case len(about.Methods) > 0 && !slices.Contains(about.Methods, "client_secret_basic") && slices.Contains(about.Methods, "client_secret_post"):
		form.Set("client_id", p.Client)
		form.Set("client_secret", string(p.Secret))
	default:
		basic = true
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, about.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return people.Identity{}, fmt.Errorf("%w: making a request: %w", people.ErrProvider, err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		r.SetBasicAuth(url.QueryEscape(p.Client), url.QueryEscape(string(p.Secret)))
	}
	status, body, err := v.send(r)
	if err != nil {
		return people.Identity{}, fmt.Errorf("%w: exchanging a code: %w", people.ErrProvider, err)
	}
	var said struct {
		Token string `json:"id_token"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(body, &said); status != http.StatusOK || err != nil || said.Token == "" {
		if status >= 500 {
			return people.Identity{}, fmt.Errorf("%w: exchanging a code answers %d", people.ErrProvider, status)
		}
		return people.Identity{}, refuse("the provider gave no identity token for the code: %d %.64q", status, said.Error)
	}
	p.Audiences = []string{p.Client}
	who, err := v.Verify(ctx, p, said.Token)
	if err != nil {
		return people.Identity{}, err
	}
	if a.Nonce == "" || subtle.ConstantTimeCompare([]byte(who.Nonce), []byte(a.Nonce)) != 1 {
		return people.Identity{}, refuse("it was made for another log-on")
	}
	return who, nil
}
