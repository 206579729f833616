package house

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"strongroom/internal/disk"
	"strongroom/ledger"
)

// writeFile writes a file that only its owner may read, and makes it durable.
func writeFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if _, err = f.Write(content); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// syncTree makes the names of everything under a folder durable.
func syncTree(path string) error {
	return filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return disk.SyncFolder(p)
	})
}

func encodeKey(key []byte) []byte { return append([]byte(hex.EncodeToString(key)), '\n') }

func readKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	key := make([]byte, 32)
	text = bytes.TrimSpace(text)
	if len(text) != 64 {
		return nil, fmt.Errorf("%s is no key: 64 hexadecimal digits", path)
	}
	if _, err := hex.Decode(key, text); err != nil {
		return nil, fmt.Errorf("%s is no key: 64 hexadecimal digits", path)
	}
	return key, nil
}

func readSigner(path string) (note.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a signing key: %w", err)
	}
	s, err := ledger.ParseSigner(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, fmt.Errorf("reading the signing key %s: %w", path, err)
	}
	return s, nil
}
