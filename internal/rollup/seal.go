package rollup

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// keys seal names and make hashes of them that nobody without the room key can guess.
type keys struct {
	aead cipher.AEAD
	hash []byte
}

func deriveKeys(roomKey []byte) (keys, error) {
	if len(roomKey) != 32 {
		return keys{}, errors.New("a room key has 32 bytes")
	}
	derive := func(label string) ([]byte, error) {
		return hkdf.Key(sha256.New, roomKey, nil, "strongroom/monitor/v1/"+label, 32)
	}
	names, err := derive("names")
	if err != nil {
		return keys{}, fmt.Errorf("deriving a key: %w", err)
	}
	hash, err := derive("hash")
	if err != nil {
		return keys{}, fmt.Errorf("deriving a key: %w", err)
	}
	block, err := aes.NewCipher(names)
	if err != nil {
		return keys{}, fmt.Errorf("making a cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return keys{}, fmt.Errorf("making a cipher: %w", err)
	}
	return keys{aead, hash}, nil
}

// seal seals a name for one row of one table.
func (k keys) seal(table string, id int64, plain []byte) []byte {
	return k.aead.Seal(nil, nil, plain, place(table, id))
}

func (k keys) open(table string, id int64, sealed []byte) ([]byte, error) {
	plain, err := k.aead.Open(nil, nil, sealed, place(table, id))
	if err != nil {
		return nil, fmt.Errorf("the sealed name of %s %d does not open: it was altered, moved, or belongs to another room key; rebuild the rollups with `strongroom monitor rebuild`", table, id)
	}
	return plain, nil
}

func place(table string, id int64) []byte {
	return binary.BigEndian.AppendUint64([]byte(table+"\x00"), uint64(id))
}

// digest is a keyed hash of fields with their lengths, 16 bytes.
func (k keys) digest(fields ...string) [16]byte {
	h := hmac.New(sha256.New, k.hash)
	for _, f := range fields {
		fmt.Fprintf(h, "%d:", len(f))
		h.Write([]byte(f))
	}
	return [16]byte(h.Sum(nil)[:16])
}
