package oidctest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
)

// Client is a program that sends people here to log on.
type Client struct{ ID, Secret, Redirect string }

// logons is what the provider knows of people who log on.
type logons struct {
	clients map[string]Client
	user    map[string]any // claims of whoever sits at the browser
	ask     bool
	codes   map[string]code
}

// code is what was asked for with a code that waits to be exchanged.
type code struct{ client, redirect, nonce, challenge string }

// Register has the provider take a client.
func (p *Provider) Register(c Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.logons.clients == nil {
		p.logons.clients, p.logons.codes = map[string]Client{}, map[string]code{}
	}
	p.logons.clients[c.ID] = c
}

// Sits says who sits at the browser: claims that change those of a good token.
func (p *Provider) Sits(claims map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logons.user = claims
}

// Ask has the provider show a page of its own before it sends a browser back.
func (p *Provider) Ask() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logons.ask = true
}

// authorize sends the browser back with a code.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.URL.Query()
	c, known := p.logons.clients[q.Get("client_id")]
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case !known || err != nil || q.Get("redirect_uri") != c.Redirect:
		http.Error(w, "no such client, or not its address", http.StatusBadRequest)
		return
	case q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		http.Error(w, "this provider takes the code flow with S256", http.StatusBadRequest)
		return
	case r.Method == http.MethodGet && p.logons.ask:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>Provider</title><h1>Provider</h1><form method="post" action="%s"><button id="go">Log on</button></form>`, html.EscapeString(r.URL.RequestURI()))
		return
	}
	given := rand.Text()
	p.logons.codes[given] = code{c.ID, c.Redirect, q.Get("nonce"), q.Get("code_challenge")}
	back.RawQuery = url.Values{"code": {given}, "state": {q.Get("state")}, "iss": {p.Issuer}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

// token exchanges a code, once, by the client that it was given to.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fail := func(status int, what string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": what})
	}
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if c, known := p.logons.clients[id]; !known || subtle.ConstantTimeCompare([]byte(c.Secret), []byte(secret)) != 1 {
		fail(http.StatusUnauthorized, "invalid_client")
		return
	}
	given := r.PostFormValue("code")
	asked, known := p.logons.codes[given]
	delete(p.logons.codes, given)
	proof := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !known || asked.client != id || asked.redirect != r.PostFormValue("redirect_uri") || r.PostFormValue("grant_type") != "authorization_code" || encode(proof[:]) != asked.challenge {
		fail(http.StatusBadRequest, "invalid_grant")
		return
	}
	change := map[string]any{"nonce": asked.nonce}
	maps.Copy(change, p.logons.user)
	token, err := p.Token("ES256", "ec", p.Claims(id, change))
	if err != nil {
		fail(http.StatusInternalServerError, "server_error")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"id_token": token, "access_token": "none", "token_type": "Bearer", "expires_in": 300})
}
