// Package people says who may knock: principals with groups, attributes and
// aliases, the access keys and sessions that prove them, and the identity
// providers that may vouch for them. It validates what is written about a
// person and makes keys; it keeps nothing itself. An access key never outlives
// its expiry, its revocation, or the suspension of its principal.
package people

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"strongroom"
)

// AccessKey is an S3 access key of a principal. The secret must be known to
// verify SigV4, so it rests sealed with the rest of the row.
type AccessKey struct {
	ID        string        `json:"id"`
	Secret    string        `json:"secret"`
	Principal strongroom.ID `json:"principal"`
	Created   time.Time     `json:"created"`
	Expires   time.Time     `json:"expires,omitzero"`
	Revoked   time.Time     `json:"revoked,omitzero"`

	Session  *Session  `json:"session,omitempty"`  // of a temporary key
	Standing *Standing `json:"standing,omitempty"` // of a machine's
}

// Format keeps the secret out of logs whatever verb is used.
func (k AccessKey) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "access key %s", k.ID) }

var keyEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewAccessKey makes a key with 100 bits of identifier and 240 of secret.
// A zero lifetime means no expiry.
func NewAccessKey(principal strongroom.ID, now time.Time, lifetime time.Duration) AccessKey {
	var id [13]byte
	var secret [30]byte
	rand.Read(id[:])
	rand.Read(secret[:])
	k := AccessKey{
		ID:        "SR" + keyEncoding.EncodeToString(id[:])[:18],
		Secret:    base64.StdEncoding.EncodeToString(secret[:]),
		Principal: principal,
		Created:   now.UTC(),
	}
	if lifetime > 0 {
		k.Expires = now.Add(lifetime).UTC()
	}
	return k
}

// Usable says whether the key of this principal proves anything now; the error
// is for the operator, not for who presents the key.
func (k AccessKey) Usable(p strongroom.Principal, now time.Time) error {
	switch {
	case !k.Revoked.IsZero():
		return fmt.Errorf("the key was revoked on %s", k.Revoked.Format(time.DateOnly))
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return fmt.Errorf("the key expired on %s", k.Expires.Format(time.DateOnly))
	}
	return standing(p, now)
}

func standing(p strongroom.Principal, now time.Time) error {
	switch {
	case p.Suspended:
		return fmt.Errorf("its principal is suspended")
	case !Active(p, now):
		return fmt.Errorf("its principal expired on %s", p.Expires.Format(time.DateOnly))
	}
	return nil
}

// Active reports whether a principal is neither suspended nor past the leaving date.
func Active(p strongroom.Principal, now time.Time) bool {
	return !p.Suspended && (p.Expires.IsZero() || now.Before(p.Expires))
}

var (
	nameForm      = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,127}$`)
	groupForm     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	attributeForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
)

// MaxPrincipal bounds a principal in JSON, in bytes: it stands in the record of each of
// its requests, beside the request.
const MaxPrincipal = 32 << 10

// builtIn begins the names of the house's own workloads, which policies know by name.
const builtIn = "strongroom-"

// Check validates a principal as written by a person or a directory: bounds,
// forms and duplicates. It sorts groups and aliases, so that equal principals
// are equal bytes.
func Check(p *strongroom.Principal) error {
	if !nameForm.MatchString(p.Name) {
		return fmt.Errorf("%q is no name: 1 to 128 letters, digits or . _ @ + -, beginning with a letter or digit", clip(p.Name))
	}
	if len(p.Name) >= len(builtIn) && strings.EqualFold(p.Name[:len(builtIn)], builtIn) {
		return fmt.Errorf("%q is a name of the house's own workloads; choose one that does not begin with %s", clip(p.Name), builtIn)
	}
	switch p.Kind {
	case strongroom.Person, strongroom.Workload, strongroom.Vendor:
	default:
		return fmt.Errorf("%q is no kind of principal: person, workload or vendor", clip(string(p.Kind)))
	}
	if len(p.Groups) > 256 || len(p.Aliases) > 64 || len(p.Attributes) > 64 {
		return fmt.Errorf("%s has too many groups (at most 256), aliases (64) or attributes (64)", p.Name)
	}
	for _, g := range p.Groups {
		if !groupForm.MatchString(g) {
			return fmt.Errorf("%q is no group: 1 to 64 lower-case letters, digits or -", clip(g))
		}
	}
	for _, a := range p.Aliases {
		if a == "" || len(a) > 256 || !utf8.ValidString(a) {
			return fmt.Errorf("an alias of %s is empty, longer than 256 bytes or not UTF-8", p.Name)
		}
	}
	for name, values := range p.Attributes {
		if !attributeForm.MatchString(name) {
			return fmt.Errorf("%q is no attribute: 1 to 64 lower-case letters, digits or _", clip(name))
		}
		if len(values) > 1024 {
			return fmt.Errorf("attribute %s of %s has more than 1,024 values", name, p.Name)
		}
		for _, v := range values {
			if len(v) > 256 || !utf8.ValidString(v) {
				return fmt.Errorf("a value of attribute %s of %s is longer than 256 bytes or not UTF-8", name, p.Name)
			}
		}
		p.Attributes[name] = sortedSet(values)
	}
	p.Groups, p.Aliases = sortedSet(p.Groups), sortedSet(p.Aliases)
	p.Expires = p.Expires.UTC()
	encoded, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("measuring %s: %w", p.Name, err)
	}
	if len(encoded) > MaxPrincipal {
		return fmt.Errorf("%s has %d bytes of groups, attributes and aliases, more than %d; put many values that go together into one group", p.Name, len(encoded), MaxPrincipal)
	}
	return nil
}

func sortedSet(values []string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}

func clip(s string) string {
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
