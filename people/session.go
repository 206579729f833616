package people

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"strongroom"
)

// Bounds of a session's life, and of what a standing purpose allows.
const (
	MinSession  = 15 * time.Minute
	MaxSession  = 12 * time.Hour
	MaxStanding = 366 * 24 * time.Hour
	MaxPerHour  = 1_000_000
)

// Session makes an access key a temporary one, which proves something only beside its
// token and for as long as what it was made with does.
type Session struct {
	Token   string             `json:"token"`            // hex SHA-256 of the session token
	Parent  string             `json:"parent,omitempty"` // id of the access key that it was made with
	Issuer  string             `json:"issuer,omitempty"` // or the identity provider that vouched
	Name    string             `json:"name,omitempty"`   // role session name
	Purpose strongroom.Purpose `json:"purpose,omitzero"`
	// Claimed is what the identity token claims of groups, as far as the provider's table
	// lists it.
	Claimed []string `json:"claimed,omitempty"`
}

// NewSession makes a temporary access key of a principal, and its token, which is
// nowhere kept.
func NewSession(principal strongroom.ID, now time.Time, lifetime time.Duration, s Session) (AccessKey, string) {
	k := NewAccessKey(principal, now, lifetime)
	k.ID = "SS" + k.ID[2:] // so that people can tell it from one that stays
	var token [48]byte
	rand.Read(token[:])
	text := base64.StdEncoding.EncodeToString(token[:])
	s.Token = TokenHash(text)
	k.Session = &s
	return k, text
}

// TokenHash is what is kept of a session token.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Standing is the purpose that a machine's access key has by itself, until it expires,
// and how many releases an hour the key may cause.
type Standing struct {
	Purpose strongroom.Purpose `json:"purpose"`
	Expires time.Time          `json:"expires"`
	PerHour int                `json:"per_hour"`
}

// CheckStanding validates a standing purpose as somebody asks for it.
func CheckStanding(s Standing, now time.Time) error {
	if err := CheckPurpose(s.Purpose); err != nil {
		return err
	}
	switch {
	case s.Purpose.Text == "":
		return errors.New("a standing purpose needs a purpose")
	case !s.Expires.After(now) || s.Expires.After(now.Add(MaxStanding)):
		return fmt.Errorf("a standing purpose expires within %d days; afterwards somebody confirms that it is still needed", int(MaxStanding.Hours()/24))
	case s.PerHour < 1 || s.PerHour > MaxPerHour:
		return fmt.Errorf("a standing purpose allows 1 to %d releases an hour", MaxPerHour)
	}
	return nil
}

// CheckPurpose validates what somebody says about why.
func CheckPurpose(p strongroom.Purpose) error {
	for _, f := range []struct {
		name, text string
		limit      int
	}{{"purpose", p.Text, 512}, {"ticket", p.Ticket, 128}} {
		switch {
		case len(f.text) > f.limit:
			return fmt.Errorf("the %s is longer than %d bytes", f.name, f.limit)
		case !utf8.ValidString(f.text):
			return fmt.Errorf("the %s is not UTF-8", f.name)
		case strings.ContainsFunc(f.text, unicode.IsControl):
			return fmt.Errorf("the %s has control characters", f.name)
		}
	}
	return nil
}

// Provider is an OpenID Connect provider whose tokens a room takes.
type Provider struct {
	Issuer    string   `json:"issuer"`    // as it stands in the tokens
	Audiences []string `json:"audiences"` // of which a token must bear one
	Claim     string   `json:"claim"`     // that names the principal: sub, email or preferred_username
	// GroupsClaim is the claim that lists groups, or "" where claims give none. What the
	// table does not list gives nothing.
	GroupsClaim string         `json:"groups_claim,omitempty"`
	Groups      []ClaimedGroup `json:"groups,omitempty"`
	// Client is the client id that the console bears there, one of the audiences. Without
	// one people do not log on to the console by this provider.
	Client string   `json:"client,omitempty"`
	Secret Secret   `json:"client_secret,omitempty"` // none for a client that proves itself by PKCE alone
	Scopes []string `json:"scopes,omitempty"`        // asked for besides openid and what the claim needs
	Label  string   `json:"label,omitempty"`         // on the log-on page; the issuer's host where there is none
}

// Secret is shown to nobody, whatever verb it is printed with.
type Secret string

// Format keeps the secret out of logs.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "(secret)") }

// Asking is one log-on by a provider that is under way: what was sent there, and what the
// answer must bear.
type Asking struct {
	Redirect string // where the browser comes back to
	State    string
	Nonce    string
	Verifier string // of PKCE
}

// Called is how the provider is called on the log-on page.
func (p Provider) Called() string {
	if p.Label != "" {
		return p.Label
	}
	u, err := url.Parse(p.Issuer)
	if err != nil {
		return p.Issuer
	}
	return u.Host
}

// Wanted are the scopes that a log-on asks for.
func (p Provider) Wanted() []string {
	out := []string{"openid"}
	switch p.Claim {
	case "email":
		out = append(out, "email")
	case "preferred_username":
		out = append(out, "profile")
	}
	for _, s := range p.Scopes {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// ReturnPath is the console's own path to which a provider sends browsers back: one for
// each issuer, so that no provider's answer is taken for another's.
func ReturnPath(issuer string) string {
	sum := sha256.Sum256([]byte(issuer))
	return "/logon/return/" + hex.EncodeToString(sum[:8])
}

// checkLogOn validates what people log on to the console with.
func checkLogOn(p *Provider) error {
	if p.Client == "" {
		if p.Secret != "" || len(p.Scopes) > 0 || p.Label != "" {
			return errors.New("a secret, scopes and a label belong to a client id, by which people log on to the console")
		}
		return nil
	}
	if !slices.Contains(p.Audiences, p.Client) {
		return errors.New("the client id that people log on with must be one of the audiences")
	}
	if len(p.Secret) > 512 || strings.ContainsFunc(string(p.Secret), func(c rune) bool { return c < ' ' || c > '~' }) {
		return errors.New("a client secret has at most 512 printable ASCII characters")
	}
	if len(p.Scopes) > 16 {
		return errors.New("at most 16 scopes are asked for")
	}
	for _, s := range p.Scopes {
		if s == "" || len(s) > 128 || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
			return fmt.Errorf("%q is no scope", clip(s))
		}
	}
	if len(p.Label) > 64 || p.Label != CleanLine(p.Label, 64) {
		return errors.New("a label is one line of at most 64 bytes")
	}
	return nil
}

// ClaimedGroup is one line of the table from what tokens claim to the room's groups.
type ClaimedGroup struct {
	Claimed string `json:"claimed"` // exactly as it stands in tokens
	Group   string `json:"group"`
}

// maxClaimed bounds the table, and so the groups that a session brings.
const maxClaimed = 64

// Listed answers which of what a token claims the table lists, sorted.
func (p Provider) Listed(claimed []string) []string {
	var out []string
	for _, m := range p.Groups {
		if slices.Contains(claimed, m.Claimed) {
			out = append(out, m.Claimed)
		}
	}
	return sortedSet(out)
}

// checkGroups validates the table from claims to groups.
func checkGroups(p *Provider) error {
	switch {
	case p.GroupsClaim == "" && len(p.Groups) == 0:
		return nil
	case p.GroupsClaim == "" || len(p.Groups) == 0:
		return errors.New("groups by claims need both the claim that lists them and a table of what it may give")
	case len(p.GroupsClaim) > 128 || !utf8.ValidString(p.GroupsClaim) || slices.Contains(reserved, p.GroupsClaim):
		return fmt.Errorf("%q is no claim that lists groups", clip(p.GroupsClaim))
	case len(p.Groups) > maxClaimed:
		return fmt.Errorf("the table of groups has more than %d lines", maxClaimed)
	}
	for _, m := range p.Groups {
		if m.Claimed == "" || len(m.Claimed) > 256 || !utf8.ValidString(m.Claimed) || strings.ContainsFunc(m.Claimed, unicode.IsControl) {
			return errors.New("what a token claims is 1 to 256 bytes without control characters")
		}
		if !groupForm.MatchString(m.Group) {
			return fmt.Errorf("%q is no group: 1 to 64 lower-case letters, digits or -", clip(m.Group))
		}
	}
	return nil
}

// reserved claims mean something else.
var reserved = []string{"iss", "sub", "aud", "azp", "exp", "nbf", "iat", "jti", "nonce", "email", "email_verified", "preferred_username"}

// Claims that may name a principal.
var Claims = []string{"sub", "email", "preferred_username"}

// CheckProvider validates a provider as an administrator writes it.
func CheckProvider(p *Provider) error {
	u, err := url.Parse(p.Issuer)
	switch {
	case err != nil || len(p.Issuer) > 512 || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsFunc(p.Issuer, unicode.IsSpace):
		return fmt.Errorf("%q is no issuer: it is a URL without query, as it stands in the tokens", clip(p.Issuer))
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	default:
		return fmt.Errorf("%q must be an https URL; http is for an issuer on this machine's loopback only", clip(p.Issuer))
	}
	if len(p.Audiences) == 0 || len(p.Audiences) > 16 {
		return errors.New("an identity provider needs 1 to 16 audiences: the client ids that its tokens for this room are issued to")
	}
	for _, a := range p.Audiences {
		if a == "" || len(a) > 256 || !utf8.ValidString(a) {
			return errors.New("an audience is empty, longer than 256 bytes or not UTF-8")
		}
	}
	if !slices.Contains(Claims, p.Claim) {
		return fmt.Errorf("%q is no claim that names a principal here: %s", clip(p.Claim), strings.Join(Claims, ", "))
	}
	p.Audiences = sortedSet(p.Audiences)
	if err := checkLogOn(p); err != nil {
		return err
	}
	return checkGroups(p)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Identity is what a verified token says about its bearer.
type Identity struct {
	Issuer            string
	Subject           string
	Email             string // "" unless the provider says that it has verified it
	PreferredUsername string
	Audience          string // the one of the room's that the token bears
	Expires           time.Time
	Groups            []string // what the provider's claim of groups lists, as written
	Nonce             string   // of whoever asked for the token, or ""
}

// Claim answers what the identity's claim of that name says, or "".
func (i Identity) Claim(name string) string {
	switch name {
	case "sub":
		return i.Subject
	case "email":
		return i.Email
	case "preferred_username":
		return i.PreferredUsername
	}
	return ""
}

// What whoever verifies tokens answers, so that a bearer learns what to do.
var (
	// ErrTokenExpired: the token was good once.
	ErrTokenExpired = errors.New("the identity token has expired")
	// ErrToken: the token proves nothing here.
	ErrToken = errors.New("the identity token is not valid")
	// ErrProvider: the provider's keys could not be had, so nothing can be said of the token.
	ErrProvider = errors.New("the identity provider cannot be reached")
)
