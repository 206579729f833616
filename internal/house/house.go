// Package house opens rooms on a disk: it joins the vault to its book, blobs,
// custodian, policies and job queue, and is the one list of who listens to whom.
// A room is a folder with everything of one organisation in it. Only one process
// serves a room; others may open it beside that one to administer it, and then
// hold no private key and release nothing.
package house

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/note"

	"strongroom"
	"strongroom/book"
	"strongroom/classify"
	"strongroom/internal/disk"
	"strongroom/internal/s3store"
	"strongroom/internal/store"
	"strongroom/jobs"
	"strongroom/keyserver"
	"strongroom/ledger"
	"strongroom/limit"
	"strongroom/people"
	"strongroom/release"
	"strongroom/seal"
	"strongroom/vault"
)

// Info is what room.json says: nothing secret.
type Info struct {
	Format  int           `json:"format"`
	ID      strongroom.ID `json:"id"`
	Name    string        `json:"name"`
	Server  strongroom.ID `json:"server"`
	Created time.Time     `json:"created"`
	// LedgerKey verifies the room's checkpoints, WitnessKey the embedded custodian's
	// cosignatures.
	LedgerKey  string `json:"ledger_key"`
	WitnessKey string `json:"witness_key"`
	// Blobs is nil where the blobs lie in the room's folder.
	Blobs *Place `json:"blobs,omitempty"`
}

const format = 1

// Founded is what making a room answers, once.
type Founded struct {
	Room      strongroom.ID `json:"room"`
	Name      string        `json:"name"`
	LedgerKey string        `json:"ledger_key"`
	KeyID     string        `json:"s3_access_key_id"`
	Secret    string        `json:"s3_secret_access_key"`
	SetupURL  string        `json:"setup_url"`
}

// Founding says how to make a room.
type Founding struct {
	Dir        string
	Name       string
	Owner      string           // name of the first person, of the group data-owners
	Recipients []seal.Recipient // besides the embedded custodian's, e.g. a recovery share's
	Console    string           // base URL of the console, for the set-up link
	Another    bool             // the folder may hold rooms already
	Blobs      string           // where blobs lie, s3://…; empty means in the room's folder
	Clock      func() time.Time // time.Now where left out
}

func roomsDir(dir string) string { return filepath.Join(dir, "rooms") }

// Rooms lists the rooms of a data folder.
func Rooms(dir string) ([]Info, error) {
	entries, err := os.ReadDir(roomsDir(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("listing rooms: %w", err)
	}
	var out []Info
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // being made
		}
		info, err := readInfo(filepath.Join(roomsDir(dir), e.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b Info) int { return a.Created.Compare(b.Created) })
	return out, nil
}

func readInfo(path string) (Info, error) {
	var info Info
	encoded, err := os.ReadFile(filepath.Join(path, "room.json"))
	if err != nil {
		return info, fmt.Errorf("reading a room: %w", err)
	}
	if err := json.Unmarshal(encoded, &info); err != nil {
		return info, fmt.Errorf("reading %s/room.json: %w", path, err)
	}
	if info.Format != format && info.Format != inBucketFormat {
		return info, fmt.Errorf("room %s has format %d, this strongroom knows formats %d and %d only", info.ID, info.Format, format, inBucketFormat)
	}
	if (info.Format == inBucketFormat) != (info.Blobs != nil) {
		return info, fmt.Errorf("%s/room.json: format %d and blobs belong together, and one is there without the other", path, inBucketFormat)
	}
	return info, nil
}

// Found makes a room under a temporary name and renames it when it is whole, so
// that a crash leaves no half-made room.
func Found(ctx context.Context, f Founding) (Founded, error) {
	have, err := Rooms(f.Dir)
	if err != nil {
		return Founded{}, err
	}
	if len(have) > 0 && !f.Another {
		return Founded{}, &strongroom.Error{
			Kind:    strongroom.KindConflict,
			Message: fmt.Sprintf("%s already holds the room %q", f.Dir, have[0].Name),
			Hint:    "give --another to make one more room beside it, or another --data folder",
		}
	}
	for _, info := range have {
		if info.Name == f.Name {
			return Founded{}, &strongroom.Error{Kind: strongroom.KindConflict, Message: fmt.Sprintf("%s already holds a room %q", f.Dir, f.Name), Hint: "give the new one a --name of its own"}
		}
	}
	id := strongroom.NewID()
	temp := filepath.Join(roomsDir(f.Dir), "."+id.String())
	if err := os.MkdirAll(filepath.Join(temp, "secrets"), 0o700); err != nil {
		return Founded{}, fmt.Errorf("making the room's folder: %w", err)
	}
	out, err := found(ctx, f, id, temp)
	if err == nil {
		err = syncTree(temp) // a key that a power cut takes is content that nobody opens again
	}
	if err != nil {
		return Founded{}, errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.Rename(temp, filepath.Join(roomsDir(f.Dir), id.String())); err != nil {
		return Founded{}, fmt.Errorf("naming the room: %w", err)
	}
	return out, errors.Join(disk.SyncFolder(roomsDir(f.Dir)), disk.SyncFolder(f.Dir))
}

func found(ctx context.Context, f Founding, id strongroom.ID, path string) (Founded, error) {
	if f.Clock == nil {
		f.Clock = time.Now
	}
	now := f.Clock().UTC()
	info := Info{Format: format, ID: id, Name: f.Name, Server: strongroom.NewID(), Created: now}
	if f.Blobs != "" {
		at, err := s3store.ParseLocation(f.Blobs)
		if err != nil {
			return Founded{}, err
		}
		info.Format, info.Blobs = inBucketFormat, &Place{At: at.String(), Claim: strongroom.NewID()}
	}
	bucket, err := OpenBucket(ctx, info)
	if err == nil && bucket != nil {
		err = checkBucket(ctx, bucket, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		return Founded{}, err
	}
	roomKey := make([]byte, 32)
	rand.Read(roomKey)
	signer, ledgerKey, err := ledger.GenerateKey(ledger.KeyName(id))
	if err != nil {
		return Founded{}, fmt.Errorf("making the ledger's key: %w", err)
	}
	info.LedgerKey = ledgerKey
	custodian, err := foundCustodian(id, filepath.Join(path, "custodian"))
	if err != nil {
		return Founded{}, err
	}
	info.WitnessKey = custodian.witness
	if err := beginCustodian(ctx, id, filepath.Join(path, "custodian"), f.Clock); err != nil {
		return Founded{}, err
	}
	if err := writeInfo(path, info); err != nil {
		return Founded{}, err
	}
	for name, content := range map[string][]byte{
		"secrets/room.key":   encodeKey(roomKey),
		"secrets/ledger.key": []byte(signer + "\n"),
	} {
		if err := writeFile(filepath.Join(path, name), content); err != nil {
			return Founded{}, err
		}
	}
	s, err := ledger.ParseSigner(signer)
	if err != nil {
		return Founded{}, err
	}
	verifier, err := ledger.ParseVerifier(ledgerKey)
	if err != nil {
		return Founded{}, err
	}
	b, err := store.OpenSQLite(ctx, filepath.Join(path, "content.db"), store.Config{Room: id, Key: roomKey, Signer: s, Ledger: verifier, Clock: f.Clock})
	if err != nil {
		return Founded{}, err
	}
	owner := strongroom.Principal{ID: strongroom.NewID(), Name: f.Owner, Kind: strongroom.Person, Groups: []string{"data-owners"}}
	key := people.NewAccessKey(owner.ID, now, 0)
	policy := limit.Default()
	token := make([]byte, 32)
	rand.Read(token)
	err = vault.Found(ctx, b, vault.Founding{
		Key: roomKey, Custody: vault.StandardCustody, Recipient: append([]seal.Recipient{custodian.recipient}, f.Recipients...),
		Policy: policy.Text(), Hash: policy.Hash(), Owner: owner, AccessKey: key,
		Invitation: sha256.Sum256(token), InvitationEnds: time.Now().UTC().Add(7 * 24 * time.Hour),
	})
	if err := errors.Join(err, b.Close()); err != nil {
		return Founded{}, fmt.Errorf("founding the room: %w", err)
	}
	if bucket != nil {
		if err := bucket.Claim(ctx, info.Blobs.Claim); err != nil {
			return Founded{}, err
		}
	}
	return Founded{
		Room: id, Name: f.Name, LedgerKey: ledgerKey, KeyID: key.ID, Secret: key.Secret,
		SetupURL: fmt.Sprintf("%s/setup#%x", strings.TrimSuffix(f.Console, "/"), token),
	}, nil
}

type newCustodian struct {
	recipient seal.Recipient
	witness   string
}

func foundCustodian(room strongroom.ID, path string) (newCustodian, error) {
	var c newCustodian
	if err := os.MkdirAll(filepath.Join(path, "keys"), 0o700); err != nil {
		return c, fmt.Errorf("making the custodian's folder: %w", err)
	}
	identity, err := seal.GenerateIdentity(seal.TypeMLKEM768X25519)
	if err != nil {
		return c, fmt.Errorf("making the custodian's key pair: %w", err)
	}
	c.recipient = identity.Recipient()
	private, err := identity.MarshalText()
	if err != nil {
		return c, err
	}
	id := strongroom.NewID()
	signer, verifier, err := ledger.GenerateKey(ledger.KeyName(id))
	if err != nil {
		return c, fmt.Errorf("making the custodian's ledger key: %w", err)
	}
	cosigner, witness, err := ledger.GenerateCosignerKey("strongroom/custodian/" + room.String())
	if err != nil {
		return c, fmt.Errorf("making the custodian's witness key: %w", err)
	}
	c.witness = witness
	bookKey := make([]byte, 32)
	rand.Read(bookKey)
	for name, content := range map[string][]byte{
		"keys/" + c.recipient.ID() + ".key": private,
		"id":                                []byte(id.String() + "\n"),
		"book.key":                          encodeKey(bookKey),
		"ledger.key":                        []byte(signer + "\n"),
		"ledger.pub":                        []byte(verifier + "\n"),
		"witness.key":                       []byte(cosigner + "\n"),
	} {
		if err := writeFile(filepath.Join(path, name), content); err != nil {
			return c, err
		}
	}
	return c, nil
}

// beginCustodian writes the first record of the custodian's ledger.
func beginCustodian(ctx context.Context, room strongroom.ID, path string, clock func() time.Time) error {
	_, b, err := OpenCustodianBook(ctx, path, clock)
	if err != nil {
		return fmt.Errorf("making the custodian's book: %w", err)
	}
	evidence, err := json.Marshal(map[string]any{"action": vault.KindGenesis, "room": room})
	if err != nil {
		return err
	}
	_, err = b.Apply(ctx, book.Change{Entries: []ledger.Entry{{Kind: vault.KindGenesis, Evidence: evidence}}})
	if err := errors.Join(err, b.Close()); err != nil {
		return fmt.Errorf("beginning the custodian's ledger: %w", err)
	}
	return nil
}

// House is one open room with everything that belongs to it.
type House struct {
	Info
	Path      string
	Room      *vault.Room
	Book      *store.Book
	Blobs     vault.Blobs
	Custodian *keyserver.Server // nil unless serving
	Ledger    note.Verifier

	feed     *Feed   // nil unless serving
	watchers []named // of the feed
	trouble  troubleshooter

	bucket  *s3store.Blobs // nil where the blobs lie in the room's folder
	key     []byte
	queue   *store.Queue
	closers []func() error
	stop    context.CancelFunc
	ended   chan struct{}

	classifier chan struct{} // has it look for runs
}

// Options say how to open a room.
type Options struct {
	Serve bool // take the room's lock, open the custodian, do jobs, sweep
	Log   *slog.Logger
	Clock func() time.Time
	// Wrap, where not nil, is given the custodian and answers what the vault is to
	// use in its place: a remote one, or in tests one that fails.
	Wrap func(vault.Custodian) vault.Custodian
	// Concurrent bounds the requests of this room at once; 0 means the default.
	Concurrent int
	// Lifecycle is how often what lifecycle and retention rules say is due is done while
	// serving; 0 means never.
	Lifecycle time.Duration
	// Classify is how often what is new, or was looked at by older detectors only, is looked
	// through for labels while serving; 0 means never, but for runs that somebody asked for.
	Classify time.Duration
	// PublicURL is where people reach the console, for links in messages where the room
	// does not say otherwise; "" where only this machine does.
	PublicURL string
}

// Find returns the room of that id or name; where both are empty, the only one.
func Find(dir, room string) (Info, error) {
	all, err := Rooms(dir)
	if err != nil {
		return Info{}, err
	}
	if len(all) == 0 {
		return Info{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s holds no room", dir), Hint: fmt.Sprintf("make one with `strongroom init --data %s`", dir)}
	}
	var names []string
	for _, info := range all {
		if room == info.ID.String() || room == info.Name || room == "" && len(all) == 1 {
			return info, nil
		}
		names = append(names, info.Name+" ("+info.ID.String()+")")
	}
	message := fmt.Sprintf("%s holds several rooms", dir)
	if room != "" {
		message = fmt.Sprintf("%s holds no room %q", dir, room)
	}
	return Info{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: message, Hint: "give --room with one of: " + strings.Join(names, ", ")}
}

// Path is the folder of a room.
func Path(dir string, info Info) string { return filepath.Join(roomsDir(dir), info.ID.String()) }

// OpenBook opens a room's book alone, for commands that read the ledger.
func OpenBook(ctx context.Context, path string, clock func() time.Time) (Info, *store.Book, error) {
	info, err := readInfo(path)
	if err != nil {
		return info, nil, err
	}
	key, err := readKey(filepath.Join(path, "secrets", "room.key"))
	if err != nil {
		return info, nil, err
	}
	signer, err := readSigner(filepath.Join(path, "secrets", "ledger.key"))
	if err != nil {
		return info, nil, err
	}
	verifier, err := ledger.ParseVerifier(info.LedgerKey)
	if err != nil {
		return info, nil, fmt.Errorf("reading the ledger's key: %w", err)
	}
	b, err := store.OpenSQLite(ctx, filepath.Join(path, "content.db"), store.Config{Room: info.ID, Key: key, Signer: signer, Ledger: verifier, Clock: clock})
	return info, b, err
}

// AuditBook opens a room's book for reading as it lies there.
func AuditBook(ctx context.Context, path string) (Info, *store.Book, error) {
	info, err := readInfo(path)
	if err != nil {
		return info, nil, err
	}
	key, err := readKey(filepath.Join(path, "secrets", "room.key"))
	if err != nil {
		return info, nil, err
	}
	b, err := store.AuditSQLite(ctx, filepath.Join(path, "content.db"), store.Config{Room: info.ID, Key: key})
	return info, b, err
}

// AuditCustodian opens the embedded custodian's book for reading as it lies there. The
// error is fs.ErrNotExist where there is none.
func AuditCustodian(ctx context.Context, path string) (*CustodianBook, error) {
	folder := filepath.Join(path, "custodian")
	database := filepath.Join(folder, "custodian.db")
	if _, err := os.Stat(database); err != nil {
		return nil, fmt.Errorf("looking for the custodian's book: %w", err)
	}
	var c CustodianBook
	var err error
	if c.ID, c.Key, err = readCustodian(folder); err != nil {
		return nil, err
	}
	key, err := readKey(filepath.Join(folder, "book.key"))
	if err != nil {
		return nil, err
	}
	c.Book, err = store.AuditSQLite(ctx, database, store.Config{Key: key})
	return &c, err
}

// CustodianBook is a custodian's book with what its ledger is verified by.
type CustodianBook struct {
	*store.Book
	ID  strongroom.ID
	Key note.Verifier
}

// readCustodian reads the id of a custodian and the key that verifies its ledger.
func readCustodian(path string) (strongroom.ID, note.Verifier, error) {
	text, err := os.ReadFile(filepath.Join(path, "id"))
	if err != nil {
		return strongroom.ID{}, nil, fmt.Errorf("reading the custodian's id: %w", err)
	}
	id, err := strongroom.ParseID(strings.TrimSpace(string(text)))
	if err != nil {
		return id, nil, fmt.Errorf("reading the custodian's id: %w", err)
	}
	public, err := os.ReadFile(filepath.Join(path, "ledger.pub"))
	if err != nil {
		return id, nil, fmt.Errorf("reading the custodian's ledger key: %w", err)
	}
	verifier, err := ledger.ParseVerifier(strings.TrimSpace(string(public)))
	if err != nil {
		return id, nil, fmt.Errorf("reading the custodian's ledger key: %w", err)
	}
	return id, verifier, nil
}

// Open opens a room.
func Open(ctx context.Context, dir string, info Info, o Options) (_ *House, err error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &House{Info: info, Path: Path(dir, info), ended: make(chan struct{}), classifier: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("opening room %q: %w", info.Name, err), h.closeParts())
		}
	}()
	if o.Serve {
		unlock, err := lock(filepath.Join(h.Path, "serve.lock"))
		if err != nil {
			return nil, err
		}
		h.closers = append(h.closers, unlock)
	}
	if h.Ledger, err = ledger.ParseVerifier(info.LedgerKey); err != nil {
		return nil, fmt.Errorf("reading the ledger's key: %w", err)
	}
	if h.key, err = readKey(filepath.Join(h.Path, "secrets", "room.key")); err != nil {
		return nil, err
	}
	if _, h.Book, err = OpenBook(ctx, h.Path, o.Clock); err != nil {
		return nil, err
	}
	h.closers = append(h.closers, h.Book.Close)
	if h.queue, err = store.OpenSQLiteQueue(ctx, filepath.Join(h.Path, "ops.db")); err != nil {
		return nil, err
	}
	h.closers = append(h.closers, h.queue.Close)
	if o.Serve {
		if err := errors.Join(h.Book.Settle(ctx), h.queue.Settle(ctx)); err != nil {
			return nil, err
		}
	}
	if err = h.openBlobs(ctx, o); err != nil {
		return nil, err
	}
	var custodian vault.Custodian = noCustodian{}
	if o.Serve {
		if h.Custodian, err = h.openCustodian(ctx, o); err != nil {
			return nil, fmt.Errorf("opening the custodian: %w", err)
		}
		custodian = h.Custodian
	}
	if o.Wrap != nil {
		custodian = o.Wrap(custodian)
	}
	custodian = watchedCustodian{custodian, &h.trouble}
	runner := jobs.NewRunner(h.queue, map[string]jobs.Handler{"erase": h.erase, classifyJob: h.wakeClassifier}, o.Log)
	h.Room, err = vault.Open(ctx, vault.Config{
		ID: info.ID, Name: info.Name, Server: info.Server, Key: h.key, Ledger: h.Ledger, Book: watchedBook{h.Book, &h.trouble}, Blobs: h.Blobs,
		Custodian: custodian, Compile: compile, Classify: classify.Arriving, TranslatePolicy: translatePolicy, Clock: o.Clock, Log: o.Log, Concurrent: o.Concurrent,
		Tickets: ticketsOf(info.ID, o.Clock), Uses: h.queue,
		Erase: func(ctx context.Context, names []string) error {
			return runner.Add(ctx, "erase", []byte(strings.Join(names, "\n")))
		},
	})
	if err != nil {
		return nil, err
	}
	if o.Serve {
		if err = h.listen(ctx, o); err != nil {
			return nil, errors.Join(err, h.Room.Close(ctx))
		}
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	go func() {
		defer close(h.ended)
		if !o.Serve {
			return
		}
		var work sync.WaitGroup
		work.Go(func() { h.sweep(background, o) })
		work.Go(func() { h.lifecycle(background, o) })
		work.Go(func() { h.classifies(background, o) })
		work.Go(func() { h.watch(background) })
		runner.Run(background)
		work.Wait()
	}()
	return h, nil
}

// sweep removes, at once and then daily, what is older than a day and named by no
// row: what crashes and erasures that failed left.
func (h *House) sweep(ctx context.Context, o Options) {
	daily := time.NewTicker(24 * time.Hour)
	defer daily.Stop()
	for {
		if err := h.sweepOnce(ctx, o); err != nil && ctx.Err() == nil {
			o.Log.Warn("sweeping blobs", "room", h.ID, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-daily.C:
		}
	}
}

func (h *House) sweepOnce(ctx context.Context, o Options) error {
	before := o.Clock().Add(-24 * time.Hour)
	if err := h.MayErase(ctx); err != nil {
		return err
	}
	files, err := h.Room.Sweep(ctx, before)
	if files > 0 {
		o.Log.Info("swept files that no row names", "room", h.ID, "files", files)
	}
	uploads, e := h.abortStale(ctx, before)
	if uploads > 0 {
		o.Log.Info("ended uploads that were left half-made", "room", h.ID, "uploads", uploads)
	}
	return errors.Join(err, e)
}

func compile(text []byte) (vault.Decider, error) { return limit.Parse(text) }

func translatePolicy(bucket string, text []byte, known func(string) bool) (strongroom.BucketPolicy, error) {
	t, err := limit.BucketPolicy(bucket, text, known)
	if malformed, ok := errors.AsType[*limit.MalformedPolicy](err); ok {
		return strongroom.BucketPolicy{}, &strongroom.Error{Kind: strongroom.KindNotPolicy, Message: malformed.Message}
	}
	if cannot, ok := errors.AsType[*limit.UntranslatablePolicy](err); ok {
		return strongroom.BucketPolicy{}, &strongroom.Error{Kind: strongroom.KindUnsupported, Message: cannot.Error()}
	}
	return strongroom.BucketPolicy{Text: string(text), Cedar: t.Cedar, Public: t.Public}, err
}

// noCustodian stands where a process that only administers would have the keys.
type noCustodian struct{}

var errNoCustodian = errors.New("this process administers the room and holds no keys")

func (noCustodian) Advance(context.Context, release.AdvanceRequest) (release.AdvanceResponse, error) {
	return release.AdvanceResponse{}, errNoCustodian
}

func (noCustodian) Unwrap(context.Context, release.UnwrapRequest) (release.UnwrapResponse, error) {
	return release.UnwrapResponse{}, errNoCustodian
}

func errNoCustodianLedger(path string) error {
	return &strongroom.Error{
		Kind: strongroom.KindDamaged, Message: fmt.Sprintf("the custodian's ledger %s is missing or empty, so what it has witnessed is not known", path),
		Hint: "restore the room from a backup, which opens a new epoch; never delete that file",
	}
}

func (h *House) openCustodian(ctx context.Context, o Options) (*keyserver.Server, error) {
	path := filepath.Join(h.Path, "custodian")
	database := filepath.Join(path, "custodian.db")
	// Opening would make a new database, and the custodian of a new one would trust
	// whatever state of the room it is shown first.
	if _, err := os.Stat(database); err != nil {
		return nil, errors.Join(errNoCustodianLedger(database), err)
	}
	_, b, err := OpenCustodianBook(ctx, path, o.Clock)
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, b.Close)
	if b.Head().Size == 0 {
		return nil, errNoCustodianLedger(database)
	}
	if err := b.Settle(ctx); err != nil {
		return nil, err
	}
	identities, err := ReadIdentities(filepath.Join(path, "keys"))
	if err != nil {
		return nil, err
	}
	cosigner, err := os.ReadFile(filepath.Join(path, "witness.key"))
	if err != nil {
		return nil, fmt.Errorf("reading the witness key: %w", err)
	}
	witness, err := ledger.ParseCosigner(strings.TrimSpace(string(cosigner)), o.Clock)
	if err != nil {
		return nil, fmt.Errorf("reading the witness key: %w", err)
	}
	return keyserver.Open(ctx, keyserver.Config{
		Room: h.ID, RoomLedger: h.Ledger, Book: b, Identities: identities, Cosigner: witness, Clock: o.Clock,
	})
}

// OpenCustodianBook opens the embedded custodian's own book.
func OpenCustodianBook(ctx context.Context, path string, clock func() time.Time) (strongroom.ID, *store.Book, error) {
	id, verifier, err := readCustodian(path)
	if err != nil {
		return id, nil, err
	}
	key, err := readKey(filepath.Join(path, "book.key"))
	if err != nil {
		return id, nil, err
	}
	signer, err := readSigner(filepath.Join(path, "ledger.key"))
	if err != nil {
		return id, nil, err
	}
	b, err := store.OpenSQLite(ctx, filepath.Join(path, "custodian.db"), store.Config{Room: id, Key: key, Signer: signer, Ledger: verifier, Clock: clock, Prompt: true})
	return id, b, err
}

// ReadIdentities reads the private keys of a folder.
func ReadIdentities(folder string) ([]*seal.Identity, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.key"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("%s holds no private key (*.key)", folder)
	}
	var out []*seal.Identity
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("reading a private key: %w", err)
		}
		id, err := seal.ParseIdentity(text)
		if err != nil {
			return nil, fmt.Errorf("reading the private key %s: %w", f, err)
		}
		out = append(out, id)
	}
	return out, nil
}

// erase removes sealed files, unless a backup is copying them: then it is tried
// again later.
func (h *House) erase(ctx context.Context, body []byte) error {
	unlock, err := lock(filepath.Join(h.Path, "erase.lock"))
	if err != nil {
		return fmt.Errorf("a backup is running: %w", err)
	}
	defer unlock()
	if err := h.MayErase(ctx); err != nil {
		return err
	}
	for name := range strings.Lines(string(body)) {
		// Whoever deletes waits for readers, but knows those of its own process only.
		if h.Room.BeingRead(name) {
			return errors.New("somebody is reading it")
		}
		if err := h.Blobs.Remove(ctx, strings.TrimSuffix(name, "\n")); err != nil {
			return err
		}
	}
	return nil
}

// Close ends what the room has under way and closes it.
func (h *House) Close(ctx context.Context) error {
	h.stop()
	<-h.ended
	return errors.Join(h.Room.Close(ctx), h.closeParts())
}

func (h *House) closeParts() error {
	var errs []error
	for _, c := range slices.Backward(h.closers) {
		errs = append(errs, c())
	}
	h.closers = nil
	return errors.Join(errs...)
}

func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening a lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, &strongroom.Error{
			Kind: strongroom.KindConflict, Message: fmt.Sprintf("another process holds %s", path),
			Hint: "only one process serves a room; stop the other one first", Cause: err,
		}
	}
	return f.Close, nil
}
