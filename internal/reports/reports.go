// Package reports keeps reports of long work as sealed files in a folder of the room: what is
// asked for and how far it has come, which names things and so never rests in the clear. A
// file is written whole or not at all.
package reports

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"strongroom"
)

// Folder is where reports of one kind lie.
type Folder struct {
	path string
	aead cipher.AEAD
}

// Open answers a folder of the room, which is made with the first report. Its name is part of the
// key that seals the reports: "strongroom/reports/v1/NAME", derived from the room's.
func Open(room, name string, roomKey []byte) (*Folder, error) {
	key, err := hkdf.Key(sha256.New, roomKey, nil, "strongroom/reports/v1/"+name, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of reports: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of reports: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of reports: %w", err)
	}
	return &Folder{filepath.Join(room, name), aead}, nil
}

const ending = ".run"

func (f *Folder) file(id strongroom.ID) string { return filepath.Join(f.path, id.String()+ending) }

// Keep writes a report in the place of the one with its id.
func (f *Folder) Keep(id strongroom.ID, report any) error {
	body, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("encoding a report: %w", err)
	}
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return fmt.Errorf("keeping a report: %w", err)
	}
	temp := filepath.Join(f.path, "."+id.String())
	w, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keeping a report: %w", err)
	}
	_, err = w.Write(f.aead.Seal(nil, nil, body, []byte(id.String())))
	if err = errors.Join(err, w.Sync(), w.Close()); err == nil {
		err = os.Rename(temp, f.file(id))
	}
	if err != nil {
		return fmt.Errorf("keeping a report: %w", err)
	}
	folder, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("keeping a report: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil { // or a power cut takes its name
		return fmt.Errorf("keeping a report: %w", err)
	}
	return nil
}

// Read reads a report. The error is fs.ErrNotExist where there is none.
func (f *Folder) Read(id strongroom.ID, report any) error {
	sealed, err := os.ReadFile(f.file(id))
	if err != nil {
		return fmt.Errorf("reading a report: %w", err)
	}
	body, err := f.aead.Open(nil, nil, sealed, []byte(id.String()))
	if err != nil {
		return fmt.Errorf("the report %s is damaged, or another's: %w", id, err)
	}
	if err := json.Unmarshal(body, report); err != nil {
		return fmt.Errorf("reading the report %s: %w", id, err)
	}
	return nil
}

// IDs lists the reports that are there.
func (f *Folder) IDs() ([]strongroom.ID, error) {
	entries, err := os.ReadDir(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("listing reports: %w", err)
	}
	var out []strongroom.ID
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ending); ok {
			if id, err := strongroom.ParseID(name); err == nil {
				out = append(out, id)
			}
		}
	}
	return out, nil
}

// Remove takes a report away.
func (f *Folder) Remove(id strongroom.ID) error { return os.Remove(f.file(id)) }
