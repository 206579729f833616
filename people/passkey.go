package people

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"strongroom"
)

// How long a session of the console goes on without being used, and at most; how long a
// link that invites somebody to set up log-on is good for.
const (
	ConsoleIdle    = 30 * time.Minute
	ConsoleLongest = 12 * time.Hour
	InvitationLife = 7 * 24 * time.Hour
)

// Passkey is a key pair by which a person proves who they are. The private key never
// leaves the authenticator.
type Passkey struct {
	ID         string        `json:"id"` // PasskeyID of the credential's id
	Principal  strongroom.ID `json:"principal"`
	Name       string        `json:"name"`       // what its holder calls it
	Credential []byte        `json:"credential"` // the credential's id, as the authenticator made it
	PublicKey  []byte        `json:"public_key"` // COSE_Key
	Party      string        `json:"rp_id"`      // relying party that it was made for: the console's host name
	Transports []string      `json:"transports,omitempty"`
	Model      string        `json:"aaguid,omitempty"` // of the authenticator, hexadecimal
	Synced     bool          `json:"backup_eligible,omitempty"`
	Count      uint32        `json:"sign_count,omitempty"` // signatures so far, 0 where the authenticator does not count
	Created    time.Time     `json:"created"`
	Revoked    time.Time     `json:"revoked,omitzero"`
}

// PasskeyID is what a credential is called here: 80 bits of the SHA-256 of its id.
func PasskeyID(credential []byte) string {
	sum := sha256.Sum256(credential)
	return "PK" + keyEncoding.EncodeToString(sum[:10])
}

// CheckPasskey validates a passkey before it is kept, and names it where it has no name.
func CheckPasskey(p *Passkey) error {
	switch {
	case len(p.Credential) == 0 || len(p.Credential) > 1023:
		return errors.New("a credential's id has 1 to 1023 bytes")
	case len(p.PublicKey) == 0 || len(p.PublicKey) > 8192:
		return errors.New("a passkey's public key has 1 to 8192 bytes")
	case len(p.Transports) > 16:
		return errors.New("a passkey has at most 16 transports")
	}
	for _, t := range p.Transports {
		if len(t) > 32 || strings.ContainsFunc(t, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return fmt.Errorf("%q is no transport", clip(t))
		}
	}
	p.ID, p.Name = PasskeyID(p.Credential), CleanLine(p.Name, 64)
	return nil
}

// CleanLine makes one line of at most so many bytes of a text from outside that is only
// shown.
func CleanLine(text string, most int) string {
	text = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == utf8.RuneError {
			return ' '
		}
		return c
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// ConsoleSession is one log-on to the console. Whoever presents the token is its
// principal, until it ends.
type ConsoleSession struct {
	ID        string        `json:"id"`
	Token     string        `json:"token"` // hex SHA-256 of what the browser keeps
	Principal strongroom.ID `json:"principal"`
	Passkey   string        `json:"passkey,omitempty"` // that proved it
	Issuer    string        `json:"issuer,omitempty"`  // or the identity provider that vouched
	Claimed   []string      `json:"claimed,omitempty"` // of groups, as far as the provider's table lists them
	Created   time.Time     `json:"created"`           // when it was proved
	Expires   time.Time     `json:"expires"`
	Source    string        `json:"source,omitempty"`  // network address
	Browser   string        `json:"browser,omitempty"` // as it calls itself
}

// NewConsoleSession makes a session with a token of 256 bits, which is nowhere kept.
func NewConsoleSession(s ConsoleSession, now time.Time) (ConsoleSession, string) {
	var id [13]byte
	var token [32]byte
	rand.Read(id[:])
	rand.Read(token[:])
	s.ID = "CS" + keyEncoding.EncodeToString(id[:])[:18]
	text := base64.RawURLEncoding.EncodeToString(token[:])
	s.Token, s.Created, s.Expires = TokenHash(text), now.UTC(), now.UTC().Add(ConsoleLongest)
	s.Source, s.Browser = CleanLine(s.Source, 64), CleanLine(s.Browser, 256)
	return s, text
}

// Over says how a session ended by the clock or with its principal, or nothing. Seen is
// when it was last used.
func (s ConsoleSession) Over(p strongroom.Principal, seen, now time.Time) error {
	switch {
	case !now.Before(s.Expires):
		return fmt.Errorf("it began %d hours ago", int(ConsoleLongest.Hours()))
	case !now.Before(seen.Add(ConsoleIdle)):
		return fmt.Errorf("it was not used for %d minutes", int(ConsoleIdle.Minutes()))
	}
	return standing(p, now)
}

// NewInvitation makes the secret of a link that invites to set up log-on, and what is
// kept of it.
func NewInvitation() (token, kept string) {
	var b [32]byte
	rand.Read(b[:])
	token = hex.EncodeToString(b[:])
	kept, _ = InvitationHash(token)
	return token, kept
}

// InvitationHash is what is kept of an invitation's secret; ok is false for what cannot
// be one.
func InvitationHash(token string) (kept string, ok bool) {
	b, err := hex.DecodeString(token)
	if err != nil || len(b) != 32 {
		return "", false
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), true
}
