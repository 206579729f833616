package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
)

func benchBook(b *testing.B) *Book {
	b.Helper()
	room := strongroom.NewID()
	text, _, err := ledger.GenerateKey(ledger.KeyName(room))
	if err != nil {
		b.Fatal(err)
	}
	var signer note.Signer
	if signer, err = ledger.ParseSigner(text); err != nil {
		b.Fatal(err)
	}
	k, err := OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "book.db"), Config{Room: room, Key: make([]byte, 32), Signer: signer})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { k.Close() })
	return k
}

// releaseSized is an entry as large as a release's: evidence and personal part.
func releaseSized() ledger.Entry {
	filler := func(n int) []byte {
		return fmt.Appendf(nil, `{"action":"release","filler":"%s"}`, bytes.Repeat([]byte("x"), n-35))
	}
	return ledger.Entry{Kind: "release", Evidence: filler(600), Personal: filler(1200)}
}

// BenchmarkAppend appends durable records from one caller, and from 256 at once. Beside
// each it reports the p50 of what one fsync of as many bytes costs on the same disk
// in the same run: fsyncs and appends take turns.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 256} {
		b.Run(fmt.Sprintf("%d-callers", callers), func(b *testing.B) {
			k := benchBook(b)
			raw, err := os.Create(filepath.Join(b.TempDir(), "raw"))
			if err != nil {
				b.Fatal(err)
			}
			defer raw.Close()
			page := make([]byte, 4096)
			var took, fsyncs []time.Duration
			var appending time.Duration
			records := 0
			for b.Loop() {
				start := time.Now()
				if _, err := raw.Write(page); err != nil {
					b.Fatal(err)
				}
				if err := raw.Sync(); err != nil {
					b.Fatal(err)
				}
				fsyncs = append(fsyncs, time.Since(start))

				start = time.Now()
				took = append(took, appendAll(b, k, callers)...)
				appending += time.Since(start)
				records += callers * perRound(callers)
			}
			slices.Sort(took)
			slices.Sort(fsyncs)
			b.ReportMetric(float64(records)/appending.Seconds(), "records/s")
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
			b.ReportMetric(float64(fsyncs[len(fsyncs)/2].Nanoseconds()), "fsync-p50-ns")
		})
	}
}

// perRound is how many records each caller appends between two fsyncs.
func perRound(callers int) int {
	if callers == 1 {
		return 1
	}
	return 64
}

func appendAll(b *testing.B, k *Book, callers int) []time.Duration {
	var all sync.WaitGroup
	each := perRound(callers)
	took := make([]time.Duration, callers*each)
	change := book.Change{Entries: []ledger.Entry{releaseSized()}}
	for i := range callers {
		all.Go(func() {
			for j := range each {
				start := time.Now()
				if _, err := k.Apply(b.Context(), change); err != nil {
					b.Error(err)
				}
				took[i*each+j] = time.Since(start)
			}
		})
	}
	all.Wait()
	return took
}
