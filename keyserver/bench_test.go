package keyserver_test

import (
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"strongroom"
	"strongroom/book"
	"strongroom/internal/store"
	"strongroom/keyserver"
	"strongroom/ledger"
	"strongroom/release"
	"strongroom/seal"
)

// together is how many content-side requests are under way at once.
const together = 64

// bench is a key server on a durable book, and a room's ledger to prove from.
type bench struct {
	server    *keyserver.Server
	room      strongroom.ID
	ledger    book.Book
	objects   []object // asked for in turn
	next      int
	witnessed int64
}

type object struct {
	binding seal.Binding
	stanza  seal.Stanza
}

func newBench(b *testing.B, objects int) *bench {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	openBook := func(id strongroom.ID) (book.Book, note.Verifier) {
		secret, public, err := ledger.GenerateKey(ledger.KeyName(id))
		must(err)
		signer, err := ledger.ParseSigner(secret)
		must(err)
		verifier, err := ledger.ParseVerifier(public)
		must(err)
		k, err := store.OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "book.db"), store.Config{Room: id, Key: make([]byte, 32), Signer: signer})
		must(err)
		b.Cleanup(func() { k.Close() })
		return k, verifier
	}
	w := &bench{room: strongroom.NewID()}
	var verifier note.Verifier
	w.ledger, verifier = openBook(w.room)
	own, _ := openBook(strongroom.NewID())
	identity, err := seal.GenerateIdentity(seal.TypeMLKEM768X25519)
	must(err)
	secret, _, err := ledger.GenerateCosignerKey("custodian")
	must(err)
	cosigner, err := ledger.ParseCosigner(secret, time.Now)
	must(err)
	w.server, err = keyserver.Open(b.Context(), keyserver.Config{
		Room: w.room, RoomLedger: verifier, Book: own, Identities: []*seal.Identity{identity}, Cosigner: cosigner,
	})
	must(err)
	for range objects {
		o := object{binding: seal.Binding{Room: w.room, Blob: strongroom.NewID(), Custody: "standard"}}
		o.stanza, err = identity.Recipient().Wrap(seal.NewDataKey(), o.binding)
		must(err)
		w.objects = append(w.objects, o)
	}
	return w
}

// releases puts n releases on the room's record and makes the requests that prove
// them. As the vault does, all are proved in the newest state, to which the first brings
// the key server, and name one ephemeral key.
func (w *bench) releases(b *testing.B, n int) []release.UnwrapRequest {
	b.Helper()
	var change book.Change
	requests := make([]release.UnwrapRequest, n)
	ephemeral, err := seal.NewEphemeral()
	if err != nil {
		b.Fatal(err)
	}
	for i := range requests {
		o := w.objects[w.next%len(w.objects)]
		w.next++
		evidence, err := release.Evidence{
			Action: release.KindRelease, Decision: "permit", Actor: "5f2b", Lease: strongroom.NewID(),
			Expires: time.Now().Add(15 * time.Minute).UnixMilli(), Blob: o.binding.Blob, Version: strongroom.NewID(),
			Custody: o.binding.Custody, Server: strongroom.NewID(), Ephemeral: release.EphemeralHash(ephemeral.PublicKey()),
			PolicySet: "00", Policies: []string{"owners-read"},
		}.Encode()
		if err != nil {
			b.Fatal(err)
		}
		change.Entries = append(change.Entries, ledger.Entry{Kind: release.KindRelease, Evidence: evidence, Personal: make([]byte, 1000)})
		requests[i] = release.UnwrapRequest{Stanza: o.stanza, Ephemeral: ephemeral.PublicKey()}
	}
	receipt, err := w.ledger.Apply(b.Context(), change)
	if err != nil {
		b.Fatal(err)
	}
	size := receipt.Head.Size
	for i := range requests {
		requests[i].Record, requests[i].Size = receipt.Records[i], size
		if requests[i].Proof, err = w.ledger.ProveInclusion(b.Context(), size, receipt.Records[i].Index); err != nil {
			b.Fatal(err)
		}
	}
	advance := &release.AdvanceRequest{Checkpoint: receipt.Head.Checkpoint, From: w.witnessed}
	if advance.Proof, err = w.ledger.ProveConsistency(b.Context(), w.witnessed, size); err != nil {
		b.Fatal(err)
	}
	requests[0].Advance, w.witnessed = advance, size
	return requests
}

// BenchmarkUnwrap has 64 requests at a time checked, recorded durably and answered.
// Making the requests, which is the content side's work, is not counted. Run it
// with -cpu 1 for what one core does. There are more objects than a key server
// remembers, so that each stanza is opened.
func BenchmarkUnwrap(b *testing.B) { benchmarkUnwrap(b, 2000) }

// BenchmarkUnwrapAgain is the same for objects whose stanzas were opened a moment ago.
func BenchmarkUnwrapAgain(b *testing.B) { benchmarkUnwrap(b, 100) }

func benchmarkUnwrap(b *testing.B, objects int) {
	w := newBench(b, objects)
	var took, busy time.Duration
	unwraps := 0
	for b.Loop() {
		b.StopTimer()
		requests := w.releases(b, together)
		b.StartTimer()
		start, used := time.Now(), processorTime()
		ask := func(r release.UnwrapRequest) {
			if _, err := w.server.Unwrap(b.Context(), r); err != nil {
				b.Error(err)
			}
		}
		var rest sync.WaitGroup
		rest.Go(func() { ask(requests[0]) })
		for w.server.Witnessed() < requests[0].Size { // the others prove in a state that it knows
			time.Sleep(10 * time.Microsecond)
		}
		for _, r := range requests[1:] {
			rest.Go(func() { ask(r) })
		}
		rest.Wait()
		took += time.Since(start)
		busy += processorTime() - used
		unwraps += together
	}
	b.ReportMetric(float64(unwraps)/took.Seconds(), "unwraps/s")
	b.ReportMetric(float64(busy.Nanoseconds())/float64(unwraps), "cpu-ns/unwrap")
}

// processorTime is what the process has used so far, which neighbours on the machine
// do not change.
func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
