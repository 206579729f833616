package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"strongroom"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// BundleFormat is the first field of every bundle of this version.
const BundleFormat = "strongroom/ledger-bundle/v1"

// MaxBundle is the size of the largest bundle that is read.
const MaxBundle = 64 << 20

// As many signatures as a signed note can bear.
const maxWitnesses = 100

// Bundle is evidence that verifies on a machine that never saw the room: some
// records, each with the proof that it stands in the ledger of a signed checkpoint.
// Parts may be left out, and are then reported.
type Bundle struct {
	Format      string          `json:"format"`
	Room        strongroom.ID   `json:"room"`
	LedgerKey   string          `json:"ledger_key"`
	WitnessKeys []string        `json:"witness_keys,omitempty"`
	Checkpoint  string          `json:"checkpoint"` // signed text
	Records     []BundledRecord `json:"records"`
	Earlier     *BundledEarlier `json:"earlier,omitempty"`
}

// BundledRecord is a record with its inclusion proof at the checkpoint's size.
type BundledRecord struct {
	Record
	Proof tlog.RecordProof `json:"proof"`
}

// BundledEarlier is a checkpoint of the same ledger from before, with the proof
// that the bundle's checkpoint continues it.
type BundledEarlier struct {
	Checkpoint string         `json:"checkpoint"` // signed text
	Proof      tlog.TreeProof `json:"proof"`
}

// Trust is what the verifier knows from elsewhere. Without it, a bundle only shows
// that it agrees with itself.
type Trust struct {
	LedgerKey   string
	WitnessKeys []string
}

// Report says what a bundle showed.
type Report struct {
	Room    strongroom.ID `json:"room"`
	Epoch   uint32        `json:"epoch"`
	Records int           `json:"records"`
	Head
	// KeyTrusted is false when the ledger's key was taken from the bundle itself:
	// whoever made the bundle may have made the key.
	KeyTrusted bool `json:"key_trusted"`
	// Witnessed says that a witness cosigned the checkpoint; WitnessTrusted, that one
	// did whose key the verifier knew from elsewhere.
	Witnessed      bool          `json:"witnessed"`
	WitnessTrusted bool          `json:"witness_trusted"`
	Witnesses      []Cosignature `json:"witnesses,omitempty"`
	Missing        []PartOf      `json:"missing,omitempty"` // parts left out of the bundle, or erased
	Earlier        *Head         `json:"earlier,omitempty"` // the earlier head that the checkpoint continues
}

// Encode returns the bundle as it is handed over.
func (b *Bundle) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the bundle: %w", err)
	}
	if len(text) >= MaxBundle {
		return nil, fmt.Errorf("encoding the bundle: it has more than %d bytes; put fewer records into it", MaxBundle)
	}
	return append(text, '\n'), nil
}

// ParseBundle reads a bundle; what it claims is yet to be verified.
func ParseBundle(text []byte) (*Bundle, error) {
	if len(text) > MaxBundle {
		return nil, fmt.Errorf("reading the bundle: it has more than %d bytes", MaxBundle)
	}
	var b Bundle
	if err := decodeStrict(text, &b); err != nil {
		return nil, fmt.Errorf("reading the bundle: %w", err)
	}
	if b.Format != BundleFormat {
		return nil, fmt.Errorf("reading the bundle: its format is %q, this program reads %q", b.Format, BundleFormat)
	}
	return &b, nil
}

// Verify checks everything that the bundle claims. A ledger key in trust must be
// the bundle's; without one the report says that the key was not trusted.
func (b *Bundle) Verify(trust Trust) (Report, error) {
	report := Report{Room: b.Room, Records: len(b.Records)}
	key, err := ParseVerifier(b.LedgerKey)
	if err != nil {
		return Report{}, err
	}
	if trust.LedgerKey != "" {
		if strings.TrimSpace(trust.LedgerKey) != b.LedgerKey {
			return Report{}, errors.New("the bundle bears another ledger key than the one trusted: it may come from another room, or be forged")
		}
		report.KeyTrusted = true
	}
	if key.Name() != KeyName(b.Room) {
		return Report{}, errors.New("the bundle's ledger key is of another room")
	}
	witnesses, trusted, err := b.witnesses(trust)
	if err != nil {
		return Report{}, err
	}
	c, n, err := OpenCheckpoint([]byte(b.Checkpoint), key, witnesses...)
	if err != nil {
		return Report{}, err
	}
	if _, report.Epoch, err = ParseOrigin(c.Origin); err != nil {
		return Report{}, err
	}
	report.Head = Head{c.Size, c.Root}
	report.Witnesses = Cosignatures(n, witnesses...)
	report.Witnessed = len(report.Witnesses) > 0
	report.WitnessTrusted = len(Cosignatures(n, witnesses[:trusted]...)) > 0
	seen := map[int64]bool{}
	for _, r := range b.Records {
		missing, err := b.verifyRecord(r, c, report.Epoch)
		if err != nil {
			return Report{}, err
		}
		if seen[r.Index] {
			return Report{}, &AlteredError{r.Index, "it is in the bundle twice"}
		}
		seen[r.Index] = true
		report.Missing = append(report.Missing, missing...)
	}
	if b.Earlier != nil {
		head, err := b.verifyEarlier(key, c)
		if err != nil {
			return Report{}, err
		}
		report.Earlier = &head
	}
	return report, nil
}

// witnesses returns the witnesses to check, those the verifier trusts first, and
// how many these are.
func (b *Bundle) witnesses(trust Trust) (list []note.Verifier, trusted int, err error) {
	if len(b.WitnessKeys) > maxWitnesses {
		return nil, 0, fmt.Errorf("the bundle names more than %d witnesses", maxWitnesses)
	}
	seen := map[string]bool{}
	for i, keys := range [...][]string{trust.WitnessKeys, b.WitnessKeys} {
		for _, k := range keys {
			k = strings.TrimSpace(k)
			if seen[k] {
				continue
			}
			seen[k] = true
			w, err := ParseWitness(k)
			if err != nil {
				return nil, 0, err
			}
			list = append(list, w)
		}
		if i == 0 {
			trusted = len(list)
		}
	}
	return list, trusted, nil
}

func (b *Bundle) verifyRecord(r BundledRecord, c Checkpoint, epoch uint32) ([]PartOf, error) {
	l, missing, err := r.open()
	if err != nil {
		return nil, err
	}
	if l.Room != b.Room {
		return nil, &AlteredError{r.Index, "it belongs to another room"}
	}
	if l.Epoch > epoch {
		return nil, &AlteredError{r.Index, "its epoch is later than the checkpoint's"}
	}
	if err := CheckInclusion(r.Proof, c.Size, c.Root, r.Index, r.Hash()); err != nil {
		return nil, err
	}
	var list []PartOf
	for _, part := range missing {
		list = append(list, PartOf{r.Index, part})
	}
	return list, nil
}

func (b *Bundle) verifyEarlier(key note.Verifier, c Checkpoint) (Head, error) {
	e, _, err := OpenCheckpoint([]byte(b.Earlier.Checkpoint), key)
	if err != nil {
		return Head{}, fmt.Errorf("reading the earlier checkpoint: %w", err)
	}
	if err := CheckConsistency(b.Earlier.Proof, e.Size, e.Root, c.Size, c.Root); err != nil {
		return Head{}, err
	}
	return Head{e.Size, e.Root}, nil
}
