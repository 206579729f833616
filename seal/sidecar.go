package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"strongroom"
)

// Bounds of a sidecar.
const (
	MaxSidecar = 64 << 10
	MaxStanzas = 16

	sidecarVersion = 1
	maxStanzaField = 4096
)

// Stanza is a data key wrapped to one recipient.
type Stanza struct {
	Type      string `json:"type"`
	Recipient string `json:"recipient"` // Recipient.ID
	Enc       []byte `json:"enc"`       // HPKE: the encapsulated key; RSA: the OAEP ciphertext
	Body      []byte `json:"body"`      // the encrypted data key
}

func (s *Stanza) check() error {
	if len(s.Type) > maxCustody || !isName(s.Type) {
		return errors.New("the type is malformed")
	}
	if _, err := strongroom.ParseID(s.Recipient); err != nil {
		return fmt.Errorf("the recipient is malformed: %w", err)
	}
	if n := max(len(s.Enc), len(s.Body)); len(s.Enc) == 0 || len(s.Body) == 0 || n > maxStanzaField {
		return fmt.Errorf("enc and body have 1 to %d bytes each", maxStanzaField)
	}
	return nil
}

// Sidecar is the small file beside a blob that holds its data key, wrapped to
// every recipient. Nothing in it is secret, and nothing authentic: a stanza that
// was tampered with does not unwrap.
type Sidecar struct {
	Room, Blob strongroom.ID
	Custody    string
	Stanzas    []Stanza
}

// sidecarFile is the order of the members in the file.
type sidecarFile struct {
	Version int           `json:"version"`
	Room    strongroom.ID `json:"room"`
	Blob    strongroom.ID `json:"blob"`
	Custody string        `json:"custody"`
	Stanzas []Stanza      `json:"stanzas"`
}

func (s *Sidecar) check() error {
	if err := (Binding{s.Room, s.Blob, s.Custody}).check(); err != nil {
		return err
	}
	if n := len(s.Stanzas); n < 1 || n > MaxStanzas {
		return fmt.Errorf("a sidecar has 1 to %d stanzas, this has %d", MaxStanzas, n)
	}
	seen := make(map[string]bool, len(s.Stanzas))
	for i := range s.Stanzas {
		if err := s.Stanzas[i].check(); err != nil {
			return fmt.Errorf("stanza %d: %w", i+1, err)
		}
		if id := s.Stanzas[i].Recipient; seen[id] {
			return fmt.Errorf("stanza %d: recipient %s has another one", i+1, id)
		}
		seen[s.Stanzas[i].Recipient] = true
	}
	return nil
}

// Marshal returns the bytes of the file.
func (s Sidecar) Marshal() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("writing a sidecar: %w", err)
	}
	out, err := json.Marshal(sidecarFile{sidecarVersion, s.Room, s.Blob, s.Custody, s.Stanzas})
	if err != nil {
		return nil, fmt.Errorf("writing a sidecar: %w", err)
	}
	if len(out) >= MaxSidecar {
		return nil, fmt.Errorf("writing a sidecar: it would have more than %d bytes", MaxSidecar)
	}
	return append(out, '\n'), nil
}

// ParseSidecar reads what Marshal wrote, and only that: a sidecar has one
// spelling, so members that are unknown, missing, repeated or out of order are
// refused.
func ParseSidecar(data []byte) (*Sidecar, error) {
	if len(data) > MaxSidecar {
		return nil, fmt.Errorf("reading a sidecar: it has %d bytes, at most %d are allowed", len(data), MaxSidecar)
	}
	var f sidecarFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("reading a sidecar: %w", err)
	}
	if f.Version != sidecarVersion {
		return nil, fmt.Errorf("reading a sidecar: it has version %d, this program reads version %d", f.Version, sidecarVersion)
	}
	s := &Sidecar{f.Room, f.Blob, f.Custody, f.Stanzas}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("reading a sidecar: %w", err)
	}
	if again, err := s.Marshal(); err != nil || !bytes.Equal(again, data) {
		return nil, errors.New("reading a sidecar: it is not in canonical form")
	}
	return s, nil
}
