package seal

import (
	"bytes"
	"io"
	"testing"
)

func BenchmarkWriter(b *testing.B) {
	for name, size := range map[string]int{"16KiB": 16 << 10, "1MiB": 1 << 20, "10MiB": 10 << 20} {
		plain := plaintext(size)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				w, err := NewWriter(io.Discard, testHeader, testKey)
				if err != nil {
					b.Fatal(err)
				}
				// As content arrives from a connection: in pieces below a chunk.
				for rest := plain; len(rest) > 0; {
					n := min(32<<10, len(rest))
					if _, err := w.Write(rest[:n]); err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenAndWriteRangeTo(b *testing.B) {
	for name, size := range map[string]int{"16KiB": 16 << 10, "1MiB": 1 << 20, "10MiB": 10 << 20} {
		src := source(sealBlob(b, plaintext(size)))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				r, err := Open(src, testHeader, testKey)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := r.WriteRangeTo(io.Discard, 0, r.Size()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSegmentedWriteRangeTo(b *testing.B) {
	p := sealParts(b, testHeader, testKey, 5<<20, 5<<20, 5<<20)
	r, err := OpenSegmented(source(p.manifest), testHeader, testKey, p.part)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.SetBytes(r.Size())
	for b.Loop() {
		if _, err := r.WriteRangeTo(io.Discard, 0, r.Size()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKeys(b *testing.B) {
	for kind, identity := range identities(b) {
		r := identity.Recipient()
		stanza, err := r.Wrap(testKey, testBinding)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(kind+"/Wrap", func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Wrap(testKey, testBinding); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(kind+"/Unwrap", func(b *testing.B) {
			for b.Loop() {
				if _, err := identity.Unwrap(stanza, testBinding); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEphemeral is what an answer of a key server costs: New and Channel once for
// all answers of a short time, Seal and Open for each.
func BenchmarkEphemeral(b *testing.B) {
	e, err := NewEphemeral()
	if err != nil {
		b.Fatal(err)
	}
	c, err := NewChannel(e.PublicKey())
	if err != nil {
		b.Fatal(err)
	}
	info := []byte("release")
	sealed, err := c.Seal(info, testKey[:])
	if err != nil {
		b.Fatal(err)
	}
	b.Run("New", func(b *testing.B) {
		for b.Loop() {
			if _, err := NewEphemeral(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Channel", func(b *testing.B) {
		for b.Loop() {
			if _, err := NewChannel(e.PublicKey()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Seal", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Seal(info, testKey[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Open", func(b *testing.B) {
		for b.Loop() {
			if got, err := e.Open(sealed, info); err != nil || !bytes.Equal(got, testKey[:]) {
				b.Fatal(err)
			}
		}
	})
}
