package console

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"strongroom"
	"strongroom/door"
	"strongroom/people"
	"strongroom/vault"
)

// ceremonyLife is how long a challenge waits for its answer.
const ceremonyLife = 5 * time.Minute

// newParty is who passkeys are made for. A verified user and a passkey that is found
// without a name are required of every one.
func newParty(party, origin string) (*webauthn.WebAuthn, error) {
	required := true
	timeouts := webauthn.TimeoutConfig{Enforce: true, Timeout: ceremonyLife, TimeoutUVD: ceremonyLife}
	w, err := webauthn.New(&webauthn.Config{
		RPID: party, RPDisplayName: "Strongroom", RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &required, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: timeouts, Registration: timeouts},
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys for %s: %w", origin, err)
	}
	return w, nil
}

// holder is a person as passkeys know them: by room and principal.
type holder struct {
	room      strongroom.ID
	principal strongroom.Principal
	keys      []people.Passkey
	party     string
}

func (h holder) WebAuthnID() []byte          { return append(h.room[:], h.principal.ID[:]...) }
func (h holder) WebAuthnName() string        { return h.principal.Name }
func (h holder) WebAuthnDisplayName() string { return h.principal.Name }

func (h holder) WebAuthnCredentials() []webauthn.Credential {
	var out []webauthn.Credential
	for _, k := range h.keys {
		if k.Party != h.party {
			continue
		}
		one := webauthn.Credential{ID: k.Credential, PublicKey: k.PublicKey}
		one.Flags.BackupEligible = k.Synced
		one.Authenticator.SignCount = k.Count
		for _, t := range k.Transports {
			one.Transport = append(one.Transport, protocol.AuthenticatorTransport(t))
		}
		out = append(out, one)
	}
	return out
}

func (c *console) holderOf(r *door.Room, p strongroom.Principal) holder {
	return holder{r.Vault.ID, p, r.Vault.PasskeysOf(p.ID), c.party}
}

// passkeyOf is what is kept of a credential that was verified.
func (c *console) passkeyOf(k *webauthn.Credential) people.Passkey {
	p := people.Passkey{
		Credential: k.ID, PublicKey: k.PublicKey, Party: c.party, Model: hex.EncodeToString(k.Authenticator.AAGUID),
		Synced: k.Flags.BackupEligible, Count: k.Authenticator.SignCount,
	}
	for _, t := range k.Transport {
		p.Transports = append(p.Transports, string(t))
	}
	return p
}

// ceremony is a challenge that waits for its answer, and what the answer is for.
type ceremony struct {
	session webauthn.SessionData
	act     string // setup, logon, or act and id of what is confirmed
	of      string // source, or the console session that asked
	ends    time.Time

	abroad *abroad       // of a log-on by a provider
	from   string        // whose bound it counts against; of, where empty
	room   strongroom.ID // of whoever has logged on; zero before that
}

func (c ceremony) counts() string {
	if c.from != "" {
		return c.from
	}
	return c.of
}

// Bounds on challenges that wait: half of them are for log-ons, and each room has a share
// of the other half.
const (
	ceremoniesMost      = 16384
	ceremoniesPerSource = 64
)

// ceremonies are the challenges that wait, each answered once at most.
type ceremonies struct {
	inRoom  int
	mu      sync.Mutex
	waiting map[string]ceremony
	per     map[string]int
	rooms   map[strongroom.ID]int
}

// full reports whether there is no place for one more.
func (s *ceremonies) full(c ceremony) bool {
	most := ceremoniesMost / 2
	if !c.room.IsZero() {
		most = s.inRoom
	}
	return s.rooms[c.room] >= most || s.per[c.counts()] >= ceremoniesPerSource
}

var errBusy = &strongroom.Error{Kind: strongroom.KindBusy, Message: "too many log-ons are under way", Hint: "wait a few minutes"}

// begin keeps a challenge and answers under which name.
func (s *ceremonies) begin(c ceremony, now time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting, s.per, s.rooms = map[string]ceremony{}, map[string]int{}, map[strongroom.ID]int{}
	}
	if s.full(c) {
		for id, other := range s.waiting {
			if !now.Before(other.ends) {
				s.drop(id, other)
			}
		}
		if s.full(c) {
			return "", errBusy
		}
	}
	var b [32]byte
	rand.Read(b[:])
	id := base64.RawURLEncoding.EncodeToString(b[:])
	c.ends = now.Add(ceremonyLife)
	if c.abroad != nil {
		c.ends = now.Add(abroadLife)
	}
	s.waiting[id] = c
	s.per[c.counts()]++
	s.rooms[c.room]++
	return id, nil
}

func (s *ceremonies) drop(id string, c ceremony) {
	delete(s.waiting, id)
	s.rooms[c.room]--
	if s.per[c.counts()]--; s.per[c.counts()] <= 0 {
		delete(s.per, c.counts())
	}
}

// take answers a challenge for an act by whoever began it, once.
func (s *ceremonies) take(id, act, of string, now time.Time) (webauthn.SessionData, error) {
	c, err := s.claim(id, act, of, now)
	return c.session, err
}

func (s *ceremonies) claim(id, act, of string, now time.Time) (ceremony, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.waiting[id]
	if !ok {
		return ceremony{}, errors.New("there is no such challenge")
	}
	s.drop(id, c)
	switch {
	case !now.Before(c.ends):
		return ceremony{}, errors.New("the challenge was answered too late")
	case c.act != act || c.of != of:
		return ceremony{}, errors.New("the challenge is for something else")
	}
	return c, nil
}

// claimant is who an answer to a challenge says it is from; nothing of it is proved.
type claimant struct {
	room      *door.Room
	principal strongroom.Principal
}

// verify checks the answer to a log-on's challenge, and answers whose passkey it is. An
// error may stand beside whom the answer named.
func (c *console) verify(session webauthn.SessionData, response []byte) (claimant, vault.PasskeyProof, error) {
	var who claimant
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return who, vault.PasskeyProof{}, fmt.Errorf("reading the passkey's answer: %w", err)
	}
	_, _, err = c.passkeys.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		if len(handle) != 32 {
			return nil, errors.New("its user handle is none of this server's")
		}
		room, id := strongroom.ID(handle[:16]), strongroom.ID(handle[16:])
		for i := range c.Rooms {
			if c.Rooms[i].Vault.ID != room {
				continue
			}
			p, known := c.Rooms[i].Vault.PrincipalByID(id)
			if !known {
				return nil, errors.New("its person is not known")
			}
			who = claimant{&c.Rooms[i], p}
			return c.holderOf(who.room, p), nil
		}
		return nil, errors.New("its room is not known")
	}, session, parsed)
	if err != nil {
		return who, vault.PasskeyProof{}, explain(err)
	}
	return who, vault.PasskeyProof{Passkey: people.PasskeyID(parsed.RawID), Count: parsed.Response.AuthenticatorData.Counter}, nil
}

// verifyOwn checks the answer to a challenge that was put to one person.
func (c *console) verifyOwn(h holder, session webauthn.SessionData, response []byte) (vault.PasskeyProof, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return vault.PasskeyProof{}, fmt.Errorf("reading the passkey's answer: %w", err)
	}
	if _, err := c.passkeys.ValidateLogin(h, session, parsed); err != nil {
		return vault.PasskeyProof{}, explain(err)
	}
	return vault.PasskeyProof{Passkey: people.PasskeyID(parsed.RawID), Count: parsed.Response.AuthenticatorData.Counter}, nil
}

// explain adds what the library keeps apart of an error.
func explain(err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok && e.DevInfo != "" {
		return fmt.Errorf("%w: %s", err, e.DevInfo)
	}
	return err
}
