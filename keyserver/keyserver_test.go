package keyserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"strongroom"
	"strongroom/book"
	"strongroom/internal/store"
	"strongroom/keyserver"
	"strongroom/ledger"
	"strongroom/release"
	"strongroom/seal"
)

// world is a key server with its keys and ledger, and a room that asks it.
type world struct {
	t        *testing.T
	server   *keyserver.Server
	config   keyserver.Config
	own      *store.Book // the key server's ledger
	ownPath  string
	identity *seal.Identity
	witness  note.Verifier

	room   strongroom.ID
	signer note.Signer
	ledger *store.Book // the room's
	ahead  atomic.Int64

	key     seal.DataKey
	binding seal.Binding
	stanza  seal.Stanza
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) openBook(path string, room strongroom.ID, signer note.Signer, verifier note.Verifier) *store.Book {
	w.t.Helper()
	b, err := store.OpenSQLite(w.t.Context(), path, store.Config{Room: room, Key: make([]byte, 32), Signer: signer, Ledger: verifier, Clock: w.now})
	w.must(err)
	w.t.Cleanup(func() { b.Close() })
	return b
}

func keyPair(t *testing.T, room strongroom.ID) (note.Signer, note.Verifier) {
	t.Helper()
	secret, public, err := ledger.GenerateKey(ledger.KeyName(room))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ledger.ParseSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := ledger.ParseVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, room: strongroom.NewID(), key: seal.NewDataKey()}
	signer, verifier := keyPair(t, w.room)
	w.signer = signer
	w.ledger = w.openBook(filepath.Join(t.TempDir(), "room.db"), w.room, signer, verifier)

	var err error
	w.identity, err = seal.GenerateIdentity(seal.TypeMLKEM768X25519)
	w.must(err)
	secret, public, err := ledger.GenerateCosignerKey("custodian")
	w.must(err)
	cosigner, err := ledger.ParseCosigner(secret, w.now)
	w.must(err)
	w.witness, err = ledger.ParseWitness(public)
	w.must(err)
	own := strongroom.NewID()
	ownSigner, ownVerifier := keyPair(t, own)
	w.ownPath = filepath.Join(t.TempDir(), "keys.db")
	w.own = w.openBook(w.ownPath, own, ownSigner, ownVerifier)
	w.config = keyserver.Config{Room: w.room, RoomLedger: verifier, Book: w.own, Identities: []*seal.Identity{w.identity}, Cosigner: cosigner, Clock: w.now}
	w.restart()

	w.binding = seal.Binding{Room: w.room, Blob: strongroom.NewID(), Custody: "standard"}
	w.stanza, err = w.identity.Recipient().Wrap(w.key, w.binding)
	w.must(err)
	w.record(w.ledger, "genesis", map[string]string{"action": "genesis"})
	return w
}

// restart opens the key server anew on its ledger.
func (w *world) restart() {
	w.t.Helper()
	var err error
	w.server, err = keyserver.Open(w.t.Context(), w.config)
	w.must(err)
}

func (w *world) record(b book.Book, kind string, evidence any) book.Receipt {
	w.t.Helper()
	payload, err := json.Marshal(evidence)
	w.must(err)
	r, err := b.Apply(w.t.Context(), book.Change{Entries: []ledger.Entry{{Kind: kind, Evidence: payload, Personal: []byte(`{"who":"somebody"}`)}}})
	w.must(err)
	return r
}

// asked is a release on the room's record, and the means to ask for its key.
type asked struct {
	release.UnwrapRequest
	evidence  release.Evidence
	ephemeral *seal.Ephemeral
	receipt   book.Receipt
}

// releaseOf puts a release on a ledger's record, with changes to its evidence, and
// makes the request that proves it.
func (w *world) releaseIn(b book.Book, change func(*release.Evidence)) asked {
	w.t.Helper()
	ephemeral, err := seal.NewEphemeral()
	w.must(err)
	e := release.Evidence{
		Action: release.KindRelease, Decision: "permit", Actor: "5f2b", Lease: strongroom.NewID(),
		Expires: w.now().Add(15 * time.Minute).UnixMilli(), Blob: w.binding.Blob, Version: strongroom.NewID(),
		Custody: w.binding.Custody, Server: strongroom.NewID(), Ephemeral: release.EphemeralHash(ephemeral.PublicKey()),
		PolicySet: "00", Policies: []string{"owners-read"},
	}
	if change != nil {
		change(&e)
	}
	a := asked{evidence: e, ephemeral: ephemeral, receipt: w.record(b, e.Action, e)}
	a.UnwrapRequest = w.prove(b, a.receipt, ephemeral.PublicKey())
	return a
}

func (w *world) release(change func(*release.Evidence)) asked { return w.releaseIn(w.ledger, change) }

func (w *world) prove(b book.Book, r book.Receipt, ephemeral []byte) release.UnwrapRequest {
	w.t.Helper()
	req := release.UnwrapRequest{Stanza: w.stanza, Record: r.Records[0], Size: r.Head.Size, Ephemeral: ephemeral}
	var err error
	req.Proof, err = b.ProveInclusion(w.t.Context(), r.Head.Size, r.Records[0].Index)
	w.must(err)
	req.Advance = w.advanceTo(b, r.Head)
	return req
}

func (w *world) advanceTo(b book.Book, h book.Head) *release.AdvanceRequest {
	w.t.Helper()
	a := &release.AdvanceRequest{Checkpoint: h.Checkpoint, From: w.server.Witnessed()}
	if a.From > 0 && a.From <= h.Size {
		var err error
		a.Proof, err = b.ProveConsistency(w.t.Context(), a.From, h.Size)
		w.must(err)
	}
	return a
}

func (w *world) unwrap(a asked) (release.UnwrapResponse, error) {
	return w.server.Unwrap(w.t.Context(), a.UnwrapRequest)
}

// opens fails the test unless the answer holds the data key.
func (w *world) opens(a asked, answer release.UnwrapResponse, err error) {
	w.t.Helper()
	w.must(err)
	opened, err := a.ephemeral.Open(answer.Sealed, release.SealInfo(a.Record))
	if err != nil || seal.DataKey(opened) != w.key {
		w.t.Fatalf("the answer does not hold the data key: %v", err)
	}
}

// refused fails the test unless it was refused for that reason, without a key, and on
// record.
func (w *world) refused(name, code string, answer release.UnwrapResponse, err error) {
	w.t.Helper()
	r, ok := errors.AsType[*release.Refusal](err)
	if !ok || r.Code != code {
		w.t.Errorf("%s: want the refusal %q, have %v", name, code, err)
		return
	}
	if !reflect.DeepEqual(answer, release.UnwrapResponse{}) {
		w.t.Errorf("%s: refused, with an answer", name)
	}
	last := w.last()
	if last.Action != keyserver.KindRefused || last.Reason != code {
		w.t.Errorf("%s: the refusal is recorded as %+v", name, last)
	}
}

type keyEvidence struct {
	Action, Reason, Leaf, Recipient string
	Index                           *int64
	Tree                            *keyserver.Tree
	Release                         *release.Evidence
	Skipped                         int
}

func (w *world) last() (e keyEvidence) {
	w.t.Helper()
	r, err := w.own.Record(w.t.Context(), w.own.Head().Size-1)
	w.must(err)
	_, err = r.Check()
	w.must(err)
	w.must(json.Unmarshal(r.Evidence, &e))
	return e
}

// A release that stands in the witnessed ledger opens, once; a retry of the very same
// request gets the same answer; and it is on record with the state it was checked in.
func TestUnwrap(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		a := w.release(nil)
		answer, err := w.unwrap(a)
		w.opens(a, answer, err)
		if answer.Advance == nil || answer.Advance.Size != a.Size {
			t.Errorf("the state was not cosigned: %+v", answer.Advance)
		} else if _, n, err := ledger.OpenCheckpoint(answer.Advance.Checkpoint, w.config.RoomLedger, w.witness); err != nil || len(n.Sigs) != 2 {
			t.Errorf("the cosignature: %v", err)
		}
		last := w.last()
		hash := a.Record.Hash()
		if last.Action != keyserver.KindUnwrap || *last.Index != a.Record.Index || last.Leaf != fmt.Sprintf("%x", hash[:]) ||
			last.Recipient != w.stanza.Recipient || last.Tree.Size != a.Size || last.Tree.Root != a.receipt.Head.Root || last.Release.Blob != w.binding.Blob {
			t.Errorf("recorded as %+v", last)
		}
		if answer.Receipt.Index != w.own.Head().Size-1 {
			t.Errorf("the receipt names record %d", answer.Receipt.Index)
		}
		size := w.own.Head().Size
		again, err := w.unwrap(a)
		if err != nil || !reflect.DeepEqual(again, answer) {
			t.Errorf("the same request is answered otherwise: %v", err)
		}
		if w.own.Head().Size != size {
			t.Error("a retry is another use on record")
		}
	}
}

// Releases that name the same ephemeral key get an answer each, which opens for no other.
func TestUnwrapSharedEphemeral(t *testing.T) {
	w := newWorld(t)
	first := w.release(nil)
	answers := map[int64]release.UnwrapResponse{}
	var all []asked
	for range 3 {
		a := w.release(func(e *release.Evidence) { e.Ephemeral = first.evidence.Ephemeral })
		a.ephemeral, a.Ephemeral = first.ephemeral, first.Ephemeral
		answer, err := w.unwrap(a)
		w.opens(a, answer, err)
		answers[a.Record.Index] = answer
		all = append(all, a)
	}
	for _, a := range all {
		for index, answer := range answers {
			if _, err := a.ephemeral.Open(answer.Sealed, release.SealInfo(a.Record)); (err == nil) != (index == a.Record.Index) {
				t.Errorf("the answer to %d opens for %d: %v", index, a.Record.Index, err)
			}
		}
	}
}

// P2: whatever is not the release that it should be gets no key.
func TestUnwrapRefuses(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	good := w.release(nil) // so that it has the key of the true stanza in mind
	answer, err := w.unwrap(good)
	w.opens(good, answer, err)
	for name, c := range map[string]struct {
		code string
		ask  func(*world) asked
	}{
		"a record of a refusal": {"proof", func(w *world) asked { return w.release(func(e *release.Evidence) { e.Decision = "deny" }) }},
		"a record of no decision": {"proof", func(w *world) asked {
			return w.release(func(e *release.Evidence) { e.Decision = "" })
		}},
		"a record of another kind": {"proof", func(w *world) asked {
			a := w.release(nil)
			a.receipt = w.record(w.ledger, "store", a.evidence)
			a.UnwrapRequest = w.prove(w.ledger, a.receipt, a.ephemeral.PublicKey())
			return a
		}},
		"evidence with something unknown": {"proof", func(w *world) asked {
			a := w.release(nil)
			payload, err := a.evidence.Encode()
			w.must(err)
			payload = append(payload[:len(payload)-1], `,"also":"this"}`...)
			a.receipt = w.record(w.ledger, "release", json.RawMessage(payload))
			a.UnwrapRequest = w.prove(w.ledger, a.receipt, a.ephemeral.PublicKey())
			return a
		}},
		"another blob": {"stanza", func(w *world) asked {
			return w.release(func(e *release.Evidence) { e.Blob = strongroom.NewID() })
		}},
		"another custody class": {"stanza", func(w *world) asked {
			return w.release(func(e *release.Evidence) { e.Custody = "person-bound" })
		}},
		"no blob": {"proof", func(w *world) asked { return w.release(func(e *release.Evidence) { e.Blob = strongroom.ID{} }) }},
		"a lease for days": {"proof", func(w *world) asked {
			return w.release(func(e *release.Evidence) { e.Expires = w.now().Add(release.MaxLease + time.Hour).UnixMilli() })
		}},
		"another ephemeral key": {"proof", func(w *world) asked {
			a := w.release(nil)
			mine, err := seal.NewEphemeral()
			w.must(err)
			a.Ephemeral = mine.PublicKey()
			return a
		}},
		"an ephemeral key that is none": {"ephemeral", func(w *world) asked {
			bad := []byte("not a key")
			a := w.release(func(e *release.Evidence) { e.Ephemeral = release.EphemeralHash(bad) })
			a.Ephemeral = bad
			return a
		}},
		"a stanza of another room": {"stanza", func(w *world) asked {
			a := w.release(nil)
			var err error
			a.Stanza, err = w.identity.Recipient().Wrap(w.key, seal.Binding{Room: other.room, Blob: w.binding.Blob, Custody: w.binding.Custody})
			w.must(err)
			return a
		}},
		"a stanza of another blob": {"stanza", func(w *world) asked {
			a := w.release(nil)
			var err error
			a.Stanza, err = w.identity.Recipient().Wrap(w.key, seal.Binding{Room: w.room, Blob: strongroom.NewID(), Custody: w.binding.Custody})
			w.must(err)
			return a
		}},
		"a stanza altered": {"stanza", func(w *world) asked {
			a := w.release(nil)
			a.Stanza.Body = slices.Clone(a.Stanza.Body)
			a.Stanza.Body[0] ^= 1
			return a
		}},
		"a stanza for another key": {"recipient", func(w *world) asked {
			a := w.release(nil)
			a.Stanza = other.stanza
			return a
		}},
		"evidence altered": {"proof", func(w *world) asked {
			a := w.release(nil)
			a.Record.Evidence = []byte(strings.Replace(string(a.Record.Evidence), "5f2b", "5f2c", 1))
			return a
		}},
		"no personal part": {"proof", func(w *world) asked {
			a := w.release(nil)
			a.Record.Personal, a.Record.PersonalSalt = nil, nil
			return a
		}},
		"a record made up": {"proof", func(w *world) asked {
			a := w.release(nil)
			var err error
			payload, _ := a.evidence.Encode()
			a.Record, err = ledger.NewRecord(a.Record.Index, 1, w.now(), w.room, ledger.Entry{Kind: "release", Evidence: payload, Personal: []byte("{}")})
			w.must(err)
			return a
		}},
		"a record of another room": {"proof", func(w *world) asked {
			a := w.release(nil)
			b := other.release(nil)
			a.Record = b.Record
			return a
		}},
		"a proof altered": {"proof", func(w *world) asked {
			a := w.release(nil)
			a.Proof = slices.Clone(a.Proof)
			a.Proof[0][0] ^= 1
			return a
		}},
		"no proof": {"proof", func(w *world) asked {
			a := w.release(nil)
			a.Proof = nil
			return a
		}},
		"another index": {"proof", func(w *world) asked {
			a := w.release(nil)
			a.Record.Index--
			return a
		}},
		"an index beyond": {"proof", func(w *world) asked {
			a := w.release(nil)
			a.Record.Index = a.Size
			return a
		}},
		"a negative index": {"proof", func(w *world) asked {
			a := w.release(nil)
			a.Record.Index = -1
			return a
		}},
		"a record that is old": {"proof", func(w *world) asked {
			a := w.release(nil)
			w.ahead.Add(int64(release.Freshness + 2*time.Second))
			return a
		}},
		"a record from the future": {"proof", func(w *world) asked {
			w.ahead.Add(int64(release.Freshness + 10*time.Second))
			a := w.release(nil)
			w.ahead.Add(-int64(release.Freshness + 10*time.Second))
			return a
		}},
		"a checkpoint altered": {"checkpoint", func(w *world) asked {
			a := w.release(nil)
			a.Advance.Checkpoint = slices.Clone(a.Advance.Checkpoint)
			a.Advance.Checkpoint[len(a.Advance.Checkpoint)-10] ^= 1
			return a
		}},
		"a checkpoint of another key": {"checkpoint", func(w *world) asked {
			a := w.release(nil)
			signer, _ := keyPair(w.t, w.room)
			var err error
			a.Advance.Checkpoint, err = ledger.Sign(ledger.Checkpoint{Origin: ledger.Origin(w.room, 1), Size: a.Size, Root: a.receipt.Head.Root}, signer)
			w.must(err)
			return a
		}},
		"a checkpoint of another room": {"checkpoint", func(w *world) asked {
			a := w.release(nil)
			a.Advance.Checkpoint = other.ledger.Head().Checkpoint
			return a
		}},
	} {
		a := c.ask(w)
		answer, err := w.unwrap(a)
		w.refused(name, c.code, answer, err)
		w.ahead.Store(0)
		good := w.release(nil) // it is the request that is refused, not whoever asks
		answer, err = w.unwrap(good)
		w.opens(good, answer, err)
	}
}

// A release that is not in any witnessed state is asked for again with the right
// proof, and gets nothing.
func TestUnwrapOfUnwitnessed(t *testing.T) {
	w := newWorld(t)
	a := w.release(nil)
	a.Advance = nil
	answer, err := w.unwrap(a)
	if behind, ok := errors.AsType[*release.BehindError](err); !ok || behind.Size != 0 || answer.Sealed != nil {
		t.Fatalf("answered %v", err)
	}
	a.Advance = w.advanceTo(w.ledger, a.receipt.Head)
	answer, err = w.unwrap(a)
	w.opens(a, answer, err)

	b := w.release(nil)
	b.Advance = nil
	if _, err := w.unwrap(b); !isBehind(err, a.Size) {
		t.Fatalf("answered %v", err)
	}
	c := w.release(nil)
	c.Advance.From-- // its proof starts elsewhere
	if _, err := w.unwrap(c); !isBehind(err, a.Size) {
		t.Fatalf("answered %v", err)
	}
	c.Advance = w.advanceTo(w.ledger, c.receipt.Head)
	answer, err = w.unwrap(c)
	w.opens(c, answer, err)
	// The earlier one proves in the newer state, or in its own where that was seen.
	b.Size = c.Size
	b.Proof, err = w.ledger.ProveInclusion(t.Context(), c.Size, b.Record.Index)
	w.must(err)
	answer, err = w.unwrap(b)
	w.opens(b, answer, err)
}

func isBehind(err error, size int64) bool {
	behind, ok := errors.AsType[*release.BehindError](err)
	return ok && behind.Size == size
}

// A release is used once, whatever else the second request says, and also after the
// key server was started anew.
func TestUsedOnce(t *testing.T) {
	w := newWorld(t)
	a := w.release(nil)
	answer, err := w.unwrap(a)
	w.opens(a, answer, err)
	b := a
	b.Advance = nil // another request for the same release
	answer, err = w.unwrap(b)
	w.refused("again", "used", answer, err)
	w.restart()
	b.Advance = w.advanceTo(w.ledger, a.receipt.Head)
	for range 2 {
		answer, err = w.unwrap(b)
		w.refused("after a restart", "used", answer, err)
	}
	w.ahead.Add(int64(10 * time.Minute)) // too old, by when it may be forgotten
	c := w.release(nil)
	answer, err = w.unwrap(c)
	w.opens(c, answer, err)
	answer, err = w.unwrap(b)
	w.refused("much later", "proof", answer, err)

	// At once: one gets it.
	d := w.release(nil)
	if _, err := w.server.Advance(t.Context(), *d.Advance); err != nil {
		t.Fatal(err)
	}
	d.Advance = nil
	var given atomic.Int64
	done := make(chan struct{})
	for i := range 16 {
		go func() {
			defer func() { done <- struct{}{} }()
			e := d
			if i%2 == 0 { // half of them differ from the others
				e.Advance = &release.AdvanceRequest{Checkpoint: d.receipt.Head.Checkpoint, From: int64(i)}
			}
			if answer, err := w.server.Unwrap(context.Background(), e.UnwrapRequest); err == nil && answer.Sealed != nil {
				given.Add(1)
			} else if r, ok := errors.AsType[*release.Refusal](err); !ok || r.Code != "used" {
				t.Error(err)
			}
		}()
	}
	for range 16 {
		<-done
	}
	uses := 0
	for r, err := range w.own.Records(t.Context(), 0, w.own.Head().Size) {
		w.must(err)
		var e keyEvidence
		w.must(json.Unmarshal(r.Evidence, &e))
		if e.Action == keyserver.KindUnwrap && *e.Index == d.Record.Index {
			uses++
		}
	}
	if uses != 1 || given.Load() < 1 || given.Load() > 8 {
		t.Errorf("given %d times, recorded %d times", given.Load(), uses)
	}
}

// A refused attempt uses nothing up: with the right stanza it opens.
func TestRefusalUsesNothingUp(t *testing.T) {
	w := newWorld(t)
	a := w.release(nil)
	right := a.Stanza
	a.Stanza = newWorld(t).stanza
	answer, err := w.unwrap(a)
	w.refused("another recipient", "recipient", answer, err)
	a.Stanza = right
	answer, err = w.unwrap(a)
	w.opens(a, answer, err)
}

// otherLedger is another ledger of the same room under the same key: what a fork or a
// rolled-back one looks like.
func (w *world) otherLedger(records int) *store.Book {
	w.t.Helper()
	b := w.openBook(filepath.Join(w.t.TempDir(), "other.db"), w.room, w.signer, w.config.RoomLedger)
	for range records {
		w.record(b, "other", map[string]string{"action": "other"})
	}
	return b
}

// P2: a ledger that shows two faces, or goes back, or begins anew, gets no key.
func TestForksAndRollBacks(t *testing.T) {
	ask := func(w *world, b *store.Book) (asked, release.UnwrapResponse, error) {
		a := w.releaseIn(b, nil)
		answer, err := w.unwrap(a)
		return a, answer, err
	}
	begin := func(t *testing.T) *world {
		w := newWorld(t)
		for range 5 {
			a, answer, err := ask(w, w.ledger)
			w.opens(a, answer, err)
		}
		return w
	}
	t.Run("two roots for one size", func(t *testing.T) {
		w := begin(t)
		_, answer, err := ask(w, w.otherLedger(int(w.server.Witnessed())-1))
		w.refused("fork", "fork", answer, err)
		if _, err := w.server.Advance(t.Context(), release.AdvanceRequest{Checkpoint: w.otherLedger(int(w.server.Witnessed())).Head().Checkpoint, From: w.server.Witnessed()}); !isRefusal(err, "fork") {
			t.Errorf("advancing to it: %v", err)
		}
	})
	t.Run("a longer ledger that is no continuation", func(t *testing.T) {
		w := begin(t)
		_, answer, err := ask(w, w.otherLedger(int(w.server.Witnessed())+10))
		w.refused("fork", "fork", answer, err)
	})
	t.Run("rolled back", func(t *testing.T) {
		w := begin(t)
		witnessed := w.server.Witnessed()
		_, answer, err := ask(w, w.otherLedger(2))
		if answer.Sealed != nil || !isBehind(err, witnessed) && !isRefusal(err, "proof") {
			t.Errorf("answered %v", err)
		}
		if w.server.Witnessed() != witnessed {
			t.Error("the key server went back with it")
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		w := begin(t)
		witnessed := w.server.Witnessed()
		w.restart()
		if n := w.server.Witnessed(); n != witnessed {
			t.Fatalf("started anew it has witnessed %d of %d", n, witnessed)
		}
		_, answer, err := ask(w, w.otherLedger(20))
		w.refused("fork", "fork", answer, err)
		a, answer, err := ask(w, w.ledger)
		w.opens(a, answer, err)
	})
	t.Run("a refused state is not witnessed", func(t *testing.T) {
		w := begin(t)
		fork := w.otherLedger(30)
		_, answer, err := ask(w, fork)
		w.refused("fork", "fork", answer, err)
		a := w.releaseIn(fork, nil)
		a.Advance = nil
		if answer, err := w.unwrap(a); !isBehind(err, w.server.Witnessed()) || answer.Sealed != nil {
			t.Errorf("answered %v", err)
		}
	})
}

func isRefusal(err error, code string) bool {
	r, ok := errors.AsType[*release.Refusal](err)
	return ok && r.Code == code
}

// A new epoch is refused until the keys' owner adopts it; then it serves, also where an
// index is given a second time.
func TestEpochIsAdopted(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		a := w.release(nil)
		answer, err := w.unwrap(a)
		w.opens(a, answer, err)
	}
	restored := w.otherLedger(2) // the backup had two records
	entry := ledger.Entry{Kind: ledger.KindEpoch, Evidence: []byte(`{"action":"epoch","epoch":2}`)}
	if _, err := restored.OpenEpoch(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	a := w.releaseIn(restored, nil)
	answer, err := w.unwrap(a)
	w.refused("before it is adopted", "epoch", answer, err)

	old := w.ledger.Head().Checkpoint
	if err := w.server.Adopt(t.Context(), old); err == nil {
		t.Error("the epoch it witnesses was adopted again")
	}
	if err := w.server.Adopt(t.Context(), newWorld(t).ledger.Head().Checkpoint); err == nil {
		t.Error("another room's checkpoint was adopted")
	}
	w.must(w.server.Adopt(t.Context(), restored.Head().Checkpoint))
	if last := w.last(); last.Action != "adopt" || last.Tree.Epoch != 2 {
		t.Errorf("recorded as %+v", last)
	}
	for range 3 { // an index that was used in the old epoch is another record now
		a = w.releaseIn(restored, nil)
		answer, err = w.unwrap(a)
		w.opens(a, answer, err)
	}
	b := w.release(nil)
	answer, err = w.unwrap(b)
	w.refused("the old epoch", "epoch", answer, err)
	w.restart()
	a = w.releaseIn(restored, nil)
	answer, err = w.unwrap(a)
	w.opens(a, answer, err)
}

// A resumption continues a release that was used here: the same blob, actor and lease,
// once for each server, while the lease lasts.
func TestResume(t *testing.T) {
	w := newWorld(t)
	first := w.release(nil)
	resume := func(server strongroom.ID, change func(*release.Evidence)) asked {
		return w.release(func(e *release.Evidence) {
			e.Action, e.Lease, e.Expires, e.Resumes = release.KindResume, first.evidence.Lease, first.evidence.Expires, &first.Record.Index
			e.Server = server
			if change != nil {
				change(e)
			}
		})
	}
	here, there := strongroom.NewID(), strongroom.NewID()
	early := resume(here, nil)
	answer, err := w.unwrap(early)
	w.refused("before the release was used", "resume", answer, err)
	answer, err = w.unwrap(first)
	if isBehind(err, early.Size) { // proves in the newer state
		first.Size, first.Advance = early.Size, nil
		first.Proof, err = w.ledger.ProveInclusion(t.Context(), early.Size, first.Record.Index)
		w.must(err)
		answer, err = w.unwrap(first)
	}
	w.opens(first, answer, err)

	for name, change := range map[string]func(*release.Evidence){
		"another blob":       func(e *release.Evidence) { e.Blob = strongroom.NewID() },
		"another actor":      func(e *release.Evidence) { e.Actor = "somebody" },
		"another lease":      func(e *release.Evidence) { e.Lease = strongroom.NewID() },
		"a longer lease":     func(e *release.Evidence) { e.Expires += 1000 },
		"no release":         func(e *release.Evidence) { e.Resumes = new(int64) },
		"one that is beyond": func(e *release.Evidence) { n := int64(1 << 40); e.Resumes = &n },
	} {
		a := resume(here, change)
		answer, err := w.unwrap(a)
		w.refused(name, "resume", answer, err)
	}
	// Several at once for one server: one gets it.
	var requests []asked
	for range 6 {
		requests = append(requests, resume(here, nil))
	}
	last := requests[len(requests)-1]
	if _, err := w.server.Advance(t.Context(), *w.advanceTo(w.ledger, last.receipt.Head)); err != nil {
		t.Fatal(err)
	}
	var given atomic.Int64
	done := make(chan struct{})
	for _, a := range requests {
		go func() {
			defer func() { done <- struct{}{} }()
			a.Size, a.Advance = last.Size, nil
			a.Proof, _ = w.ledger.ProveInclusion(context.Background(), a.Size, a.Record.Index)
			if _, err := w.unwrap(a); err == nil {
				given.Add(1)
			} else if !isRefusal(err, "resume") {
				t.Error(err)
			}
		}()
	}
	for range requests {
		<-done
	}
	if given.Load() != 1 {
		t.Errorf("one server resumed %d times", given.Load())
	}
	other := resume(there, nil)
	answer, err = w.unwrap(other)
	w.opens(other, answer, err)
	w.restart()
	again := resume(there, nil)
	answer, err = w.unwrap(again)
	w.refused("again, after a restart", "resume", answer, err)
	third := resume(strongroom.NewID(), nil)
	answer, err = w.unwrap(third)
	w.opens(third, answer, err)
	w.ahead.Add(int64(16 * time.Minute))
	late := resume(strongroom.NewID(), nil)
	answer, err = w.unwrap(late)
	w.refused("after the lease", "resume", answer, err)
}

// The owner's limit holds in every minute, and is told as such.
func TestPerMinute(t *testing.T) {
	w := newWorld(t)
	w.config.PerMinute = 3
	w.restart()
	w.ahead.Store(int64(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))) // a minute begins
	for range 3 {
		a := w.release(nil)
		answer, err := w.unwrap(a)
		w.opens(a, answer, err)
	}
	a := w.release(nil)
	answer, err := w.unwrap(a)
	w.refused("the fourth", "rate", answer, err)
	w.ahead.Add(int64(time.Minute))
	a = w.release(nil)
	answer, err = w.unwrap(a)
	w.opens(a, answer, err)
}

// If the key ledger cannot be written no key is given; once it can, the same request is
// answered.
func TestNoRecordNoKey(t *testing.T) {
	w := newWorld(t)
	broken := &brokenBook{Book: w.own}
	w.config.Book = broken
	w.restart()
	a := w.release(nil)
	broken.down.Store(true)
	answer, err := w.unwrap(a)
	if err == nil || answer.Sealed != nil {
		t.Fatal("a key was given without a record")
	}
	if _, err := w.server.Advance(t.Context(), *w.advanceTo(w.ledger, a.receipt.Head)); err == nil {
		t.Error("a state was cosigned without a record")
	}
	if err := w.server.Adopt(t.Context(), w.ledger.Head().Checkpoint); err == nil {
		t.Error("an epoch was adopted without a record")
	}
	broken.down.Store(false)
	answer, err = w.unwrap(a)
	w.opens(a, answer, err)
}

type brokenBook struct {
	book.Book
	down atomic.Bool
}

func (b *brokenBook) Apply(ctx context.Context, c book.Change) (book.Receipt, error) {
	if b.down.Load() {
		return book.Receipt{}, errors.New("disk I/O error")
	}
	return b.Book.Apply(ctx, c)
}

// A flood of refusals is counted rather than recorded one by one, and the count is on
// record in the end.
func TestFloodOfRefusals(t *testing.T) {
	w := newWorld(t)
	w.ahead.Store(int64(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute))))
	a := w.release(func(e *release.Evidence) { e.Decision = "deny" })
	before := w.own.Head().Size
	const n = 500
	for range n {
		if _, err := w.unwrap(a); !isRefusal(err, "proof") {
			t.Fatal(err)
		}
	}
	recorded := w.own.Head().Size - before
	if recorded > 150 {
		t.Errorf("%d refusals took %d records", n, recorded)
	}
	w.ahead.Add(int64(time.Minute))
	if _, err := w.unwrap(a); !isRefusal(err, "proof") {
		t.Fatal(err)
	}
	if skipped := w.last().Skipped; int64(skipped)+recorded != n {
		t.Errorf("of %d refusals %d are recorded and %d counted", n, recorded, skipped)
	}
}

// Advancing witnesses a state, durably, and cosigns it; asking again is no event.
func TestAdvance(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		r := w.record(w.ledger, "store", map[string]string{})
		req := *w.advanceTo(w.ledger, r.Head)
		for i := range 2 {
			size := w.own.Head().Size
			a, err := w.server.Advance(t.Context(), req)
			w.must(err)
			c, n, err := ledger.OpenCheckpoint(a.Checkpoint, w.config.RoomLedger, w.witness)
			if err != nil || len(n.Sigs) != 2 || c.Size != r.Head.Size || a.Size != c.Size || w.server.Witnessed() != c.Size {
				t.Errorf("cosigned: %+v, %v", c, err)
			}
			if grown := w.own.Head().Size - size; grown != int64(1-i) {
				t.Errorf("time %d: %d records", i, grown)
			}
		}
	}
	old := release.AdvanceRequest{Checkpoint: w.ledger.Head().Checkpoint, From: 1, Proof: tlog.TreeProof{}}
	w.record(w.ledger, "store", map[string]string{})
	old.Checkpoint = w.ledger.Head().Checkpoint
	if _, err := w.server.Advance(t.Context(), old); !isBehind(err, w.server.Witnessed()) {
		t.Errorf("a proof from elsewhere: %v", err)
	}
}

// A key server without a key is none.
func TestNoKeys(t *testing.T) {
	w := newWorld(t)
	w.config.Identities = nil
	if _, err := keyserver.Open(t.Context(), w.config); err == nil {
		t.Error("it opened")
	}
}
