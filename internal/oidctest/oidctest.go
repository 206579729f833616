// Package oidctest is an OpenID Connect provider for tests: discovery, keys and tokens
// on this machine's loopback. It signs whatever it is asked to, also what a provider
// never would.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// Provider is a running provider. It publishes an RSA key "rsa", an ECDSA key on P-256
// "ec" and an Ed25519 key "ed".
type Provider struct {
	Issuer string

	server  *httptest.Server
	rsa     *rsa.PrivateKey
	ec      *ecdsa.PrivateKey
	ed      ed25519.PrivateKey
	mu      sync.Mutex
	keys    []map[string]any
	answers map[string]http.HandlerFunc
	asked   map[string]int
	logons  logons
}

// Paths of what a provider publishes.
const (
	Discovery = "/.well-known/openid-configuration"
	Keys      = "/keys"
	Authorize = "/authorize"
	Tokens    = "/token"
)

// New starts a provider; Close ends it.
func New() (*Provider, error) {
	p := &Provider{answers: map[string]http.HandlerFunc{}, asked: map[string]int{}}
	var err error
	if p.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, fmt.Errorf("making an RSA key: %w", err)
	}
	if p.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("making an ECDSA key: %w", err)
	}
	_, p.ed, err = ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making an Ed25519 key: %w", err)
	}
	point, err := p.ec.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding an ECDSA key: %w", err)
	}
	p.keys = []map[string]any{
		{"kty": "RSA", "kid": "rsa", "use": "sig", "n": encode(p.rsa.N.Bytes()), "e": encode(big.NewInt(int64(p.rsa.E)).Bytes())},
		{"kty": "EC", "kid": "ec", "use": "sig", "alg": "ES256", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])},
		{"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": encode(p.ed.Public().(ed25519.PublicKey))},
		{"kty": "EC", "kid": "elsewhere", "crv": "secp256k1", "x": "AA", "y": "AA"},
	}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	p.Issuer = p.server.URL
	return p, nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Close ends the provider.
func (p *Provider) Close() { p.server.Close() }

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	answer, keys := p.answers[r.URL.Path], p.keys
	p.mu.Unlock()
	switch {
	case answer != nil:
		answer(w, r)
	case r.URL.Path == Discovery:
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": p.Issuer, "jwks_uri": p.Issuer + Keys, "authorization_endpoint": p.Issuer + Authorize, "token_endpoint": p.Issuer + Tokens,
			"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}, "code_challenge_methods_supported": []string{"S256"},
			"authorization_response_iss_parameter_supported": true,
		})
	case r.URL.Path == Keys:
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
	case r.URL.Path == Authorize:
		p.authorize(w, r)
	case r.URL.Path == Tokens && r.Method == http.MethodPost:
		p.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

// Asked is how often a path was asked for.
func (p *Provider) Asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// Answer has a path answered otherwise; with nil as usual again.
func (p *Provider) Answer(path string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[path] = h
}

// Rename publishes the RSA key under another id.
func (p *Provider) Rename(kid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	keys := make([]map[string]any, len(p.keys))
	for i, k := range p.keys {
		keys[i] = maps.Clone(k)
	}
	keys[0]["kid"] = kid
	p.keys = keys
}

// Claims are those of a good token for an audience, changed by change: a nil value
// leaves a claim out.
func (p *Provider) Claims(audience string, change map[string]any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{"iss": p.Issuer, "aud": audience, "sub": "user-1", "iat": now, "exp": now + 300}
	for name, value := range change {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// Token is signed claims. The algorithm none leaves the signature empty, and HS256 signs
// with the RSA key's published modulus, which every verifier knows.
func (p *Provider) Token(alg, kid string, claims map[string]any) (string, error) {
	header := map[string]any{"alg": alg, "typ": "JWT"}
	if kid != "" {
		header["kid"] = kid
	}
	return p.Sign(header, claims)
}

// Sign makes a token with this header.
func (p *Provider) Sign(header, claims map[string]any) (string, error) {
	h, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("encoding a header: %w", err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encoding claims: %w", err)
	}
	text := encode(h) + "." + encode(c)
	digest := sha256.Sum256([]byte(text))
	var signature []byte
	switch header["alg"] {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(rand.Reader, p.rsa, crypto.SHA256, digest[:])
	case "PS256":
		signature, err = rsa.SignPSS(rand.Reader, p.rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "ES256":
		r, s, signErr := ecdsa.Sign(rand.Reader, p.ec, digest[:])
		if err = signErr; err == nil {
			signature = make([]byte, 64)
			r.FillBytes(signature[:32])
			s.FillBytes(signature[32:])
		}
	case "EdDSA":
		signature = ed25519.Sign(p.ed, []byte(text))
	case "HS256":
		mac := hmac.New(sha256.New, p.rsa.N.Bytes())
		mac.Write([]byte(text))
		signature = mac.Sum(nil)
	}
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return text + "." + encode(signature), nil
}
