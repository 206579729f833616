package people

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"strongroom"
)

// Scope is a door at which a token is taken.
type Scope string

const (
	ScopeSCIM    Scope = "scim"     // provisioning by a directory
	ScopeAPI     Scope = "api"      // the JSON API
	ScopeAPIRead Scope = "api:read" // the JSON API, for what changes nothing
)

// Scopes are all there are.
var Scopes = []Scope{ScopeAPI, ScopeAPIRead, ScopeSCIM}

// MaxToken is the longest that a token is valid; then somebody makes another.
const MaxToken = 366 * 24 * time.Hour

// Token is an API token of a principal: what bears it acts as the principal, at the
// doors that its scopes name and no further than policy permits the principal. Its
// secret is nowhere kept.
type Token struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Hash      string        `json:"hash,omitempty"` // hex SHA-256 of the secret
	Principal strongroom.ID `json:"principal"`
	Scopes    []Scope       `json:"scopes"`
	Created   time.Time     `json:"created"`
	Expires   time.Time     `json:"expires"`
	Revoked   time.Time     `json:"revoked,omitzero"`
}

// Format keeps the hash out of logs whatever verb is used.
func (t Token) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "token %s", t.ID) }

// A token is presented as srt_<id>_<secret>: 20 letters and digits, 64 hexadecimal
// digits. The prefix lets scanners of source code know one.
const tokenPrefix = "srt_"

var tokenForm = regexp.MustCompile(`^srt_([a-z2-7]{20})_([0-9a-f]{64})$`)

// NewToken makes a token, and what is presented: 256 bits of secret.
func NewToken(principal strongroom.ID, name string, scopes []Scope, now time.Time, lifetime time.Duration) (Token, string, error) {
	switch {
	case name == "" || len(name) > 64 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return Token{}, "", errors.New("a token has a name of 1 to 64 bytes without control characters, that says what it is for")
	case len(scopes) == 0:
		return Token{}, "", fmt.Errorf("a token needs a scope: %s", scopeNames())
	case lifetime <= 0 || lifetime > MaxToken:
		return Token{}, "", fmt.Errorf("a token is valid for more than nothing and at most %d days", int(MaxToken.Hours()/24))
	}
	for _, s := range scopes {
		if !slices.Contains(Scopes, s) {
			return Token{}, "", fmt.Errorf("%q is no scope: %s", clip(string(s)), scopeNames())
		}
	}
	var id [13]byte
	var secret [32]byte
	rand.Read(id[:])
	rand.Read(secret[:])
	text := hex.EncodeToString(secret[:])
	scopes = slices.Clone(scopes)
	slices.Sort(scopes)
	t := Token{
		ID: strings.ToLower(keyEncoding.EncodeToString(id[:])[:20]), Name: name, Hash: tokenHash(text), Principal: principal,
		Scopes: slices.Compact(scopes), Created: now.UTC(), Expires: now.Add(lifetime).UTC(),
	}
	return t, tokenPrefix + t.ID + "_" + text, nil
}

func scopeNames() string {
	var names []string
	for _, s := range Scopes {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

func tokenHash(secret string) string {
	sum := sha256.Sum256([]byte("strongroom/token/v1\x00" + secret))
	return hex.EncodeToString(sum[:])
}

// ParseToken takes what is presented apart; ok is false for what is no token.
func ParseToken(presented string) (id, secret string, ok bool) {
	m := tokenForm.FindStringSubmatch(presented)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// Proves reports whether the secret is the token's, in a time that does not tell how
// much of it is right.
func (t Token) Proves(secret string) bool {
	return subtle.ConstantTimeCompare([]byte(tokenHash(secret)), []byte(t.Hash)) == 1
}

// Has reports whether the token is taken where this scope is asked for. api includes
// api:read.
func (t Token) Has(s Scope) bool {
	return slices.Contains(t.Scopes, s) || s == ScopeAPIRead && slices.Contains(t.Scopes, ScopeAPI)
}

// Usable says whether the token of this principal proves anything now; the error is for
// whoever has shown the secret.
func (t Token) Usable(p strongroom.Principal, now time.Time) error {
	switch {
	case !t.Revoked.IsZero():
		return fmt.Errorf("the token was revoked on %s", t.Revoked.Format(time.DateOnly))
	case !now.Before(t.Expires):
		return fmt.Errorf("the token expired on %s", t.Expires.Format(time.DateOnly))
	}
	return standing(p, now)
}
