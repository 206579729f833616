package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
)

// Config is what a book needs besides its file.
type Config struct {
	Room   strongroom.ID
	Key    []byte        // the room key, 32 bytes
	Signer note.Signer   // signs checkpoints
	Ledger note.Verifier // verifies them
	Clock  func() time.Time
	// Prompt has no commit wait for company. It is for a ledger whose changes follow
	// those of another, which has gathered them.
	Prompt bool
}

// Book is a book.Book in SQL. One goroutine writes; while it commits one batch the
// next gathers.
type Book struct {
	Config
	path    string
	d       dialect
	writer  *sql.DB
	readers *sql.DB
	asking  *statements // over the readers
	rows    sealer
	parts   sealer

	queue chan *pending
	nudge chan chan struct{}
	stop  chan struct{}
	done  chan struct{}

	// of the writer's goroutine
	session  *session // nil until needed, and after one that is in doubt
	edge     *ledger.Edge
	epoch    uint32
	lastTime time.Time
	around   float64   // how many callers are about, by the last commits
	answered time.Time // when the last commit was over
	failed   error     // after a rollback that failed, nothing more is written

	state     atomic.Pointer[snapshot]
	probed    atomic.Pointer[outcome] // of the last commit without a change
	follow    sync.Mutex
	followers []func(book.Committed)

	tiles sync.Map // tileKey → []byte: complete tiles never change
}

type snapshot struct {
	head book.Head
	edge *ledger.Edge // never appended to
}

type outcome struct{ err error }

type tileKey struct {
	level int
	n     int64
}

type pending struct {
	change  book.Change
	epoch   bool       // begins a new epoch
	witness *book.Head // of a change without entries: the cosigned checkpoint to keep
	done    chan struct{}
	receipt book.Receipt
	err     error
}

// batchLimit bounds the changes of one transaction, and with them the time that
// the first of them waits.
const batchLimit = 512

// OpenSQLite opens the book in a SQLite file, creating it where there is none.
func OpenSQLite(ctx context.Context, path string, c Config) (*Book, error) {
	w, r, err := openSQLite(path)
	if err != nil {
		return nil, err
	}
	b, err := open(ctx, sqlite, w, r, c)
	if err != nil {
		w.Close()
		r.Close()
		return nil, fmt.Errorf("opening the book %s: %w", path, err)
	}
	b.path = path
	return b, nil
}

// AuditSQLite opens a book for reading as it lies there, checking nothing and able
// to write nothing: what an audit starts from.
func AuditSQLite(ctx context.Context, path string, c Config) (*Book, error) {
	r, err := openSQLiteReading(path)
	if err != nil {
		return nil, err
	}
	b := &Book{Config: c, path: path, d: sqlite, writer: r, readers: r, asking: &statements{on: r}, stop: make(chan struct{}), done: make(chan struct{})}
	close(b.done)
	fail := func(err error) (*Book, error) {
		r.Close()
		return nil, fmt.Errorf("opening the book %s: %w", path, err)
	}
	if b.rows, err = newSealer(c.Key, "rows"); err != nil {
		return fail(err)
	}
	if b.parts, err = newSealer(c.Key, "personal"); err != nil {
		return fail(err)
	}
	head, err := b.readHead(ctx, r)
	if err != nil {
		return fail(err)
	}
	b.state.Store(&snapshot{head: head, edge: ledger.NewEdge()})
	return b, nil
}

// Probe asks whether the database can be written, without writing: it takes the
// writer's turn, so a writer that hangs shows.
func (b *Book) Probe(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case b.nudge <- done:
	case <-ctx.Done():
		return fmt.Errorf("the ledger's writer does not answer: %w", ctx.Err())
	case <-b.stop:
		return errors.New("the book is closed")
	}
	select {
	case <-done:
		return b.probed.Load().err
	case <-ctx.Done():
		return fmt.Errorf("the ledger's writer does not answer: %w", ctx.Err())
	}
}

// Last returns the number of records there are, whatever the head says.
func (b *Book) Last(ctx context.Context) (int64, error) {
	var n int64
	if err := b.readers.QueryRowContext(ctx, "SELECT coalesce(max(idx) + 1, 0) FROM record").Scan(&n); err != nil {
		return 0, fmt.Errorf("counting records: %w", err)
	}
	return n, nil
}

// Snapshot writes a consistent copy of the database while others write, for its owner
// only, and makes it durable, which SQLite leaves to the caller.
func (b *Book) Snapshot(ctx context.Context, path string) error {
	if err := create(path); err != nil {
		return err
	}
	own, err := openSQLiteReading(b.path) // the writer's connection is the writer's alone
	if err != nil {
		return err
	}
	defer own.Close()
	if _, err := own.ExecContext(ctx, "VACUUM INTO $1", path); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}

func open(ctx context.Context, d dialect, w, r *sql.DB, c Config) (*Book, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if err := migrate(ctx, w, d, contentMigrations, "content"); err != nil {
		return nil, err
	}
	b := &Book{
		Config: c, d: d, writer: w, readers: r, asking: &statements{on: r},
		queue: make(chan *pending, 4*batchLimit),
		nudge: make(chan chan struct{}),
		stop:  make(chan struct{}), done: make(chan struct{}),
	}
	var err error
	if b.rows, err = newSealer(c.Key, "rows"); err != nil {
		return nil, err
	}
	if b.parts, err = newSealer(c.Key, "personal"); err != nil {
		return nil, err
	}
	conn, err := w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := b.load(ctx, conn); err != nil {
		return nil, err
	}
	go b.write()
	return b, nil
}

// load reads the head and rebuilds the tree's edge from complete tiles and the last
// records.
func (b *Book) load(ctx context.Context, q queryer) error {
	head, err := b.readHead(ctx, q)
	if err != nil {
		return err
	}
	edge, err := b.edgeAt(ctx, q, head.Size)
	if err != nil {
		return err
	}
	if head.Size > 0 {
		// Signing on top of records that the last checkpoint does not cover would make
		// a fork out of somebody's tampering.
		head.Root = edge.Root()
		c, _, err := ledger.OpenCheckpoint(head.Checkpoint, b.Ledger)
		if err != nil {
			return fmt.Errorf("the signed head does not verify: %w; run `strongroom ledger verify`", err)
		}
		if c.Size != head.Size || c.Root != head.Root {
			return fmt.Errorf("the records are not those that the signed head covers; run `strongroom ledger verify`")
		}
		if b.lastTime, err = b.latest(ctx, q, head.Size); err != nil {
			return err
		}
	}
	b.edge, b.epoch = edge, head.Epoch
	b.state.Store(&snapshot{head: head, edge: edge.Clone()})
	return nil
}

type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (b *Book) readHead(ctx context.Context, q queryer) (book.Head, error) {
	var h book.Head
	err := q.QueryRowContext(ctx, "SELECT epoch, size, checkpoint FROM head"+b.d.lockHead).Scan(&h.Epoch, &h.Size, &h.Checkpoint)
	if errors.Is(err, sql.ErrNoRows) {
		return book.Head{Epoch: 1}, nil
	}
	if err != nil {
		return book.Head{}, fmt.Errorf("reading the head: %w", err)
	}
	return h, nil
}

// latest returns the latest time of the last records. Where the clock was set back a
// little the last one's is not the latest; a thousand records back it is taken to be.
func (b *Book) latest(ctx context.Context, q queryer, size int64) (time.Time, error) {
	var at time.Time
	rows, err := b.recordPage(ctx, q, max(0, size-1000), size)
	if err != nil {
		return at, fmt.Errorf("reading the last records: %w", err)
	}
	for _, r := range rows {
		leaf, err := ledger.ParseLeaf(r.Leaf)
		if err != nil {
			return at, fmt.Errorf("record %d: %w", r.Index, err)
		}
		if leaf.Time.After(at) {
			at = leaf.Time
		}
	}
	return at, nil
}

func (b *Book) edgeAt(ctx context.Context, q queryer, size int64) (*ledger.Edge, error) {
	full := func(level int, n int64) ([]byte, error) { return b.tile(ctx, q, level, n) }
	leaves := func(from, to int64) ([][]byte, error) {
		rows, err := q.QueryContext(ctx, "SELECT leaf FROM record WHERE idx >= $1 AND idx < $2 ORDER BY idx", from, to)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var out [][]byte
		for rows.Next() {
			var leaf []byte
			if err := rows.Scan(&leaf); err != nil {
				return nil, err
			}
			out = append(out, leaf)
		}
		return out, rows.Err()
	}
	edge, err := ledger.RestoreEdge(size, full, leaves)
	if err != nil {
		return nil, fmt.Errorf("rebuilding the tree's edge at %d records: %w; run `strongroom ledger verify`", size, err)
	}
	return edge, nil
}

func (b *Book) tile(ctx context.Context, q queryer, level int, n int64) ([]byte, error) {
	key := tileKey{level, n}
	if t, ok := b.tiles.Load(key); ok {
		return t.([]byte), nil
	}
	var hashes []byte
	if err := q.QueryRowContext(ctx, "SELECT hashes FROM tile WHERE level = $1 AND n = $2", level, n).Scan(&hashes); err != nil {
		return nil, fmt.Errorf("reading tile %d/%d: %w", level, n, err)
	}
	if level > 0 { // few, and on every proof's way; level 0 would grow with the ledger
		b.tiles.Store(key, hashes)
	}
	return hashes, nil
}

// Close ends the writer after the batch under way; changes still queued are refused.
func (b *Book) Close() error {
	close(b.stop)
	<-b.done
	var err error
	if b.session != nil {
		err = b.session.close()
	}
	return errors.Join(err, b.asking.close(), b.writer.Close(), b.readers.Close())
}

// Unavailable is the error of a ledger that cannot be written: P1 makes it the end
// of every release and store.
func unavailable(cause error) error {
	return &strongroom.Error{
		Kind:    strongroom.KindUnavailable,
		Message: "the ledger cannot be written now, so nothing is stored or released",
		Hint:    "try again shortly",
		Cause:   cause,
	}
}

// Apply implements book.Book. Once queued, a change is waited for whatever becomes
// of the context: whether it was committed must be known.
func (b *Book) Apply(ctx context.Context, c book.Change) (book.Receipt, error) {
	if len(c.Entries) == 0 {
		return book.Receipt{}, errors.New("a change needs an entry: nothing changes unrecorded")
	}
	return b.enqueue(ctx, &pending{change: c, done: make(chan struct{})})
}

// OpenEpoch appends the entry as the first record of a new epoch: what a restore
// from backup does, since records may have been lost.
func (b *Book) OpenEpoch(ctx context.Context, e ledger.Entry) (book.Receipt, error) {
	return b.enqueue(ctx, &pending{change: book.Change{Entries: []ledger.Entry{e}}, epoch: true, done: make(chan struct{})})
}

func (b *Book) enqueue(ctx context.Context, p *pending) (book.Receipt, error) {
	select {
	case b.queue <- p:
	case <-ctx.Done():
		return book.Receipt{}, ctx.Err()
	case <-b.stop:
		return book.Receipt{}, unavailable(errors.New("the book is closed"))
	}
	select {
	case <-p.done:
	case <-b.done:
		select {
		case <-p.done:
		default:
			return book.Receipt{}, unavailable(errors.New("the book was closed"))
		}
	}
	return p.receipt, p.err
}

// Refresh looks for commits of other processes and tells the followers.
func (b *Book) Refresh(ctx context.Context) error {
	var size int64
	if err := b.readers.QueryRowContext(ctx, "SELECT coalesce(max(size), 0) FROM head").Scan(&size); err != nil {
		return fmt.Errorf("reading the head: %w", err)
	}
	if size == b.Head().Size {
		return nil
	}
	done := make(chan struct{})
	select {
	case b.nudge <- done:
	case <-ctx.Done():
		return ctx.Err()
	case <-b.stop:
		return errors.New("the book is closed")
	}
	<-done
	return b.probed.Load().err
}

func (b *Book) write() {
	defer close(b.done)
	for {
		select {
		case <-b.stop:
			return
		case done := <-b.nudge:
			b.probed.Store(&outcome{b.commit(nil)})
			close(done)
		case p := <-b.queue:
			batch := b.gather(p)
			b.commit(batch)
			b.around += (float64(len(batch)+len(b.queue)) - b.around) / 8
			b.answered = time.Now()
		}
	}
}

const (
	// gatherWait is the longest that a batch waits for company.
	gatherWait = 2 * time.Millisecond
	// gatherFrom is how many have to be about for a batch to wait.
	gatherFrom = 3
	// gatherEnough is how many changes share a commit so well that no more are waited for.
	gatherEnough = 16
	// leftAfter is how long nobody has to come for a crowd to have left.
	leftAfter = 10 * gatherWait
)

// gather returns the batch that begins with a change. Where several callers come again
// and again, it waits a moment for nearly as many as are about: a commit costs as much
// processor time as a request or two, so they gain more by sharing it than they lose.
// Who is alone does not wait.
func (b *Book) gather(p *pending) []*pending {
	if time.Since(b.answered) > leftAfter {
		b.around = 0
	}
	batch := []*pending{p}
	// Where processors are short, let those who are about to ask do so first:
	// otherwise every commit would carry one change. With nobody else to run
	// this costs nothing.
	runtime.Gosched()
	batch = b.drain(batch)
	about := min(int(b.around+0.5), gatherEnough)
	if b.Prompt || about < gatherFrom || len(batch) >= about {
		return batch
	}
	enough := time.NewTimer(gatherWait)
	defer enough.Stop()
	for len(batch) < about {
		select {
		case p := <-b.queue:
			batch = append(batch, p)
		case <-enough.C:
			return batch
		}
	}
	return b.drain(batch)
}

// drain adds to a batch what is queued.
func (b *Book) drain(batch []*pending) []*pending {
	for len(batch) < batchLimit {
		select {
		case p := <-b.queue:
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}

// commit applies a batch in one transaction and answers each of its changes.
func (b *Book) commit(batch []*pending) error {
	ctx := context.Background()
	err := b.failed
	if err == nil {
		err = b.transact(ctx, batch)
	}
	for _, p := range batch {
		if err != nil && p.err == nil {
			p.receipt, p.err = book.Receipt{}, unavailable(err)
		}
		close(p.done)
	}
	return err
}

func (b *Book) transact(ctx context.Context, batch []*pending) (err error) {
	if b.session == nil {
		if b.session, err = newSession(ctx, b.writer); err != nil {
			return err
		}
	}
	t := &transaction{Book: b, ctx: ctx, conn: b.session, edge: b.edge.Next(), epoch: b.epoch}
	if err := t.exec(b.d.begin); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	committed := false
	defer func() {
		if committed {
			return
		}
		if e := t.exec("ROLLBACK"); e != nil {
			// A failed COMMIT may have ended the transaction by itself; a connection
			// that is in doubt is thrown away.
			b.session.discard()
			b.session = nil
		}
	}()

	foreign, err := t.catchUp()
	if err != nil {
		return err
	}
	own, err := t.run(batch)
	if err != nil {
		return err
	}
	head := b.Head()
	if len(own.Records) > 0 {
		if head, err = t.seal(); err != nil {
			return err
		}
	} else if foreign != nil {
		if head, err = b.readHead(ctx, t.conn); err != nil {
			return err
		}
		head.Root = t.edge.Root()
	}
	if err := t.exec("COMMIT"); err != nil {
		return fmt.Errorf("committing: %w", inDoubt(err))
	}
	committed = true

	b.edge, b.epoch, b.lastTime = t.edge, t.epoch, t.lastTime
	b.state.Store(&snapshot{head: head, edge: t.edge.Clone()})
	if foreign != nil {
		b.tell(*foreign)
	}
	if len(own.Records) > 0 {
		b.tell(own)
	}
	for _, p := range batch {
		if p.err == nil {
			p.receipt.Head = head
		}
	}
	return nil
}

func (b *Book) tell(c book.Committed) {
	b.follow.Lock()
	defer b.follow.Unlock()
	for _, f := range b.followers {
		f(c)
	}
}

// Follow implements book.Book.
func (b *Book) Follow(f func(book.Committed)) {
	b.follow.Lock()
	defer b.follow.Unlock()
	b.followers = append(b.followers, f)
}

// transaction is one batch on its way into the database.
type transaction struct {
	*Book
	ctx      context.Context
	conn     *session
	edge     *ledger.Edge
	epoch    uint32
	lastTime time.Time
}

func (t *transaction) exec(query string, args ...any) error {
	return t.conn.exec(t.ctx, query, args...)
}

// catchUp notices what another process committed since, and rebuilds the edge.
func (t *transaction) catchUp() (*book.Committed, error) {
	t.lastTime = t.Book.lastTime
	head, err := t.readHead(t.ctx, t.conn)
	if err != nil {
		return nil, err
	}
	from, signed := t.edge.Size(), t.Head()
	if head.Size == from && bytes.Equal(head.Checkpoint, signed.Checkpoint) {
		return nil, nil
	}
	if head.Size < from {
		t.failed = fmt.Errorf("the ledger on disk has %d records, fewer than the %d already signed: it was rolled back", head.Size, from)
		return nil, t.failed
	}
	if from > 0 {
		begun, err := t.edgeAt(t.ctx, t.conn, from)
		if err != nil {
			return nil, err
		}
		if head.Size == from || begun.Root() != signed.Root {
			t.failed = fmt.Errorf("the first %d records on disk are not those already signed: it was rolled back, and others wrote in their place", from)
			return nil, t.failed
		}
	}
	if t.edge, err = t.edgeAt(t.ctx, t.conn, head.Size); err != nil {
		return nil, err
	}
	t.epoch = head.Epoch
	foreign := &book.Committed{}
	for r, err := range t.records(t.ctx, t.conn, from, head.Size) {
		if err != nil {
			return nil, err
		}
		foreign.Records = append(foreign.Records, r)
		var marks book.Marks
		if err := json.Unmarshal(r.Evidence, &marks); err != nil {
			return nil, fmt.Errorf("record %d: reading its marks: %w", r.Index, err)
		}
		var step book.Step
		for _, m := range marks.Rows {
			key := book.RowKey{Kind: m.Kind, ID: m.ID}
			if m.Under != "" {
				step.DropUnder = append(step.DropUnder, book.RowKey{Kind: m.Kind, ID: m.Under})
			} else if m.Digest == "" {
				step.Drop = append(step.Drop, key)
			} else {
				step.Touched = append(step.Touched, key)
			}
		}
		if len(marks.Rows) > 0 {
			foreign.Steps = append(foreign.Steps, step)
		}
	}
	for _, r := range foreign.Records {
		leaf, err := ledger.ParseLeaf(r.Leaf)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", r.Index, err)
		}
		t.newest(leaf.Time)
	}
	return foreign, nil
}

const (
	insertRecord  = "INSERT INTO record (idx, leaf, evidence_salt, evidence, personal) VALUES ($1, $2, $3, $4, $5)"
	keepWitnessed = `INSERT INTO witnessed (one, size, checkpoint) VALUES (1, $1, $2)
		ON CONFLICT (one) DO UPDATE SET size = excluded.size, checkpoint = excluded.checkpoint WHERE excluded.size >= witnessed.size`
)

// clockTolerance is how far the clock may stand behind the newest record.
const clockTolerance = 5 * time.Minute

// run applies the changes, each for itself, and appends the records of those that
// held.
func (t *transaction) run(batch []*pending) (book.Committed, error) {
	var own book.Committed
	now := t.Clock()
	if now.Before(t.lastTime.Add(-clockTolerance)) {
		return own, fmt.Errorf("the clock (%s) is behind the newest record (%s): correct it", now.UTC().Format(time.RFC3339), t.lastTime.UTC().Format(time.RFC3339))
	}
	for _, p := range batch {
		if p.witness != nil {
			if err := t.exec(keepWitnessed, p.witness.Size, p.witness.Checkpoint); err != nil {
				return own, fmt.Errorf("keeping the witnessed checkpoint: %w", err)
			}
			continue
		}
		records, err := t.make(p, now)
		if err != nil {
			p.err = unavailable(err)
			continue
		}
		if err := t.apply(&p.change); err != nil {
			if _, ok := errors.AsType[*book.ConditionError](err); !ok {
				// The database may have given up the whole transaction, and would commit each
				// further statement by itself.
				return own, err
			}
			p.err = err
			continue
		}
		if p.epoch {
			t.epoch++
		}
		for _, r := range records {
			var personal []byte
			if r.Personal != nil {
				personal = t.parts.seal(append(append([]byte(nil), r.PersonalSalt...), r.Personal...), r.Leaf)
			}
			if err := t.exec(insertRecord, r.Index, r.Leaf, r.EvidenceSalt, r.Evidence, personal); err != nil {
				return own, fmt.Errorf("appending a record: %w", err)
			}
			t.edge.Append(r.Hash())
		}
		p.receipt.Records = records
		own.Records = append(own.Records, records...)
		own.Steps = append(own.Steps, book.Step{Drop: p.change.Drop, DropUnder: p.change.DropUnder, Put: p.change.Put})
		t.newest(now)
	}
	return own, nil
}

// make makes the records of a change, before anything of it is written: one that
// cannot be made fails for itself.
func (t *transaction) make(p *pending, at time.Time) ([]ledger.Record, error) {
	epoch := t.epoch
	if p.epoch {
		epoch++
	}
	records := make([]ledger.Record, len(p.change.Entries))
	for i, e := range p.change.Entries {
		var err error
		if records[i], err = ledger.NewRecord(t.edge.Size()+int64(i), epoch, at, t.Room, e); err != nil {
			return nil, fmt.Errorf("making a record: %w", err)
		}
	}
	return records, nil
}

// newest keeps the latest time of any record: going back a little again and again
// must not go back far.
func (t *transaction) newest(at time.Time) {
	if at.After(t.lastTime) {
		t.lastTime = at
	}
}

// apply checks all conditions of a change before it writes anything, so one whose
// condition fails leaves nothing to undo.
func (t *transaction) apply(c *book.Change) error {
	for _, cond := range c.Require {
		if err := t.check(cond); err != nil {
			return err
		}
	}
	for _, k := range c.Drop {
		if err := t.exec("DELETE FROM book_row WHERE kind = $1 AND id = $2", k.Kind, k.ID); err != nil {
			return fmt.Errorf("dropping a row: %w", err)
		}
	}
	for _, u := range c.DropUnder {
		if err := t.exec("DELETE FROM book_row WHERE kind = $1 AND parent = $2", u.Kind, u.ID); err != nil {
			return fmt.Errorf("dropping rows: %w", err)
		}
	}
	for i := range c.Put {
		r := &c.Put[i]
		err := t.exec(`INSERT INTO book_row (kind, id, parent, tag, ref, salt, body) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (kind, id) DO UPDATE SET parent = excluded.parent, tag = excluded.tag, ref = excluded.ref, salt = excluded.salt, body = excluded.body`,
			r.Kind, r.ID, r.Parent, r.Tag, r.Ref, r.Salt[:], t.rows.seal(r.Body, rowContext(r)))
		if err != nil {
			return fmt.Errorf("writing a row: %w", err)
		}
	}
	return nil
}

func (t *transaction) check(c book.Condition) error {
	holds := false
	var err error
	switch c.Form {
	case book.Exists, book.Absent:
		var n int
		err = t.conn.QueryRowContext(t.ctx, "SELECT count(*) FROM book_row WHERE kind = $1 AND id = $2", c.Kind, c.ID).Scan(&n)
		holds = (n == 1) == (c.Form == book.Exists)
	case book.Only:
		var n, same int
		err = t.conn.QueryRowContext(t.ctx, "SELECT count(*), coalesce(sum(CASE WHEN id = $4 THEN 1 ELSE 0 END), 0) FROM book_row WHERE kind = $1 AND parent = $2 AND tag = $3",
			c.Kind, c.Parent, c.Tag, c.ID).Scan(&n, &same)
		holds = n == same && (c.ID == "") == (n == 0)
	case book.Childless:
		var n int
		err = t.conn.QueryRowContext(t.ctx, "SELECT count(*) FROM (SELECT 1 FROM book_row WHERE kind = $1 AND parent = $2 LIMIT 1) AS child", c.Kind, c.Parent).Scan(&n)
		holds = n == 0
	case book.Unchanged:
		var n int
		err = t.conn.QueryRowContext(t.ctx, "SELECT count(*) FROM book_row WHERE kind = $1 AND id = $2 AND salt = $3", c.Kind, c.ID, c.Salt[:]).Scan(&n)
		holds = n == 1
	}
	if err != nil {
		return fmt.Errorf("checking a condition: %w", err)
	}
	if !holds {
		return &book.ConditionError{Condition: c}
	}
	return nil
}

// seal writes completed tiles, signs the new checkpoint and moves the head.
func (t *transaction) seal() (book.Head, error) {
	for _, tile := range t.edge.TakeFull() {
		if err := t.exec("INSERT INTO tile (level, n, hashes) VALUES ($1, $2, $3)", tile.Level, tile.N, tile.Hashes); err != nil {
			return book.Head{}, fmt.Errorf("writing a tile: %w", err)
		}
	}
	var err error
	h := book.Head{Epoch: t.epoch, Size: t.edge.Size(), Root: t.edge.Root()}
	h.Checkpoint, err = ledger.Sign(ledger.Checkpoint{Origin: ledger.Origin(t.Room, t.epoch), Size: h.Size, Root: h.Root}, t.Signer)
	if err != nil {
		return book.Head{}, fmt.Errorf("signing the checkpoint: %w", err)
	}
	err = t.exec(`INSERT INTO head (one, epoch, size, checkpoint) VALUES (1, $1, $2, $3)
		ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, size = excluded.size, checkpoint = excluded.checkpoint`, h.Epoch, h.Size, h.Checkpoint)
	if err != nil {
		return book.Head{}, fmt.Errorf("moving the head: %w", err)
	}
	return h, nil
}

// Head implements book.Book.
func (b *Book) Head() book.Head { return b.state.Load().head }

const rowColumns = "SELECT kind, id, parent, tag, ref, salt, body FROM book_row "

func (b *Book) scanRow(scan func(...any) error) (book.Row, error) {
	var r book.Row
	var salt, sealed []byte
	if err := scan(&r.Kind, &r.ID, &r.Parent, &r.Tag, &r.Ref, &salt, &sealed); err != nil {
		return book.Row{}, err
	}
	if len(salt) != len(r.Salt) {
		return book.Row{}, fmt.Errorf("a %s row has a salt of %d bytes", r.Kind, len(salt))
	}
	copy(r.Salt[:], salt)
	var err error
	if r.Body, err = b.rows.open(sealed, rowContext(&r)); err != nil {
		return book.Row{}, fmt.Errorf("%s row %s: %w", r.Kind, r.ID, err)
	}
	return r, nil
}

// The rows that one lookup is after. Ordering by an expression keeps the planner from
// walking the primary key in that order, past every row of the kind. Where few rows
// are found they are put in order here: SQLite's sorter costs more than the lookup.
const (
	oneRow        = "WHERE kind = $1 AND id = $2"
	findRows      = "WHERE kind = $1 AND parent = $2 AND tag = $3"
	childRows     = "WHERE kind = $1 AND parent = $2 ORDER BY id || ''"
	referringRows = "WHERE ref = $1 AND ref <> ''"
)

// Row implements book.Book.
func (b *Book) Row(ctx context.Context, kind, id string) (book.Row, error) {
	r, err := b.scanRow(b.asking.QueryRowContext(ctx, rowColumns+oneRow, kind, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return book.Row{}, fmt.Errorf("%s: %w", kind, book.ErrNoRow)
	}
	return r, err
}

// Find implements book.Book.
func (b *Book) Find(ctx context.Context, kind, parent, tag string) ([]book.Row, error) {
	return collect(b.query(ctx, findRows, kind, parent, tag))
}

// collect returns the rows in order of kind and id.
func collect(rows iter.Seq2[book.Row, error]) ([]book.Row, error) {
	var out []book.Row
	for r, err := range rows {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	if len(out) > 1 {
		slices.SortFunc(out, func(a, b book.Row) int {
			return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.ID, b.ID))
		})
	}
	return out, nil
}

// Rows implements book.Book; kind "" means all kinds.
func (b *Book) Rows(ctx context.Context, kind, parent string) iter.Seq2[book.Row, error] {
	switch {
	case kind == "":
		return b.query(ctx, "ORDER BY kind, id")
	case parent == "":
		return b.query(ctx, "WHERE kind = $1 ORDER BY id", kind)
	default:
		return b.query(ctx, childRows, kind, parent)
	}
}

func (b *Book) query(ctx context.Context, where string, args ...any) iter.Seq2[book.Row, error] {
	return func(yield func(book.Row, error) bool) {
		rows, err := b.asking.QueryContext(ctx, rowColumns+where, args...)
		if err != nil {
			yield(book.Row{}, fmt.Errorf("reading rows: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			r, err := b.scanRow(rows.Scan)
			if !yield(r, err) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(book.Row{}, fmt.Errorf("reading rows: %w", err))
		}
	}
}

// Referring implements book.Book.
func (b *Book) Referring(ctx context.Context, ref string) ([]book.Row, error) {
	return collect(b.query(ctx, referringRows, ref))
}

// Record implements book.Book.
func (b *Book) Record(ctx context.Context, index int64) (ledger.Record, error) {
	for r, err := range b.records(ctx, b.asking, index, index+1) {
		return r, err
	}
	return ledger.Record{}, fmt.Errorf("there is no record %d: the ledger has %d", index, b.Head().Size)
}

// Records implements book.Book.
func (b *Book) Records(ctx context.Context, from, to int64) iter.Seq2[ledger.Record, error] {
	return b.records(ctx, b.asking, from, to)
}

// records reads in pages, so that no read transaction lasts long.
func (b *Book) records(ctx context.Context, q queryer, from, to int64) iter.Seq2[ledger.Record, error] {
	const page = 1000
	return func(yield func(ledger.Record, error) bool) {
		for from < to {
			rows, err := b.recordPage(ctx, q, from, min(to, from+page))
			if err != nil {
				yield(ledger.Record{}, fmt.Errorf("reading records from %d: %w", from, err))
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
			if len(rows) == 0 {
				return
			}
			from = rows[len(rows)-1].Index + 1
		}
	}
}

func (b *Book) recordPage(ctx context.Context, q queryer, from, to int64) ([]ledger.Record, error) {
	rows, err := q.QueryContext(ctx, "SELECT idx, leaf, evidence_salt, evidence, personal FROM record WHERE idx >= $1 AND idx < $2 ORDER BY idx", from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []ledger.Record
	for rows.Next() {
		var r ledger.Record
		var sealed []byte
		if err := rows.Scan(&r.Index, &r.Leaf, &r.EvidenceSalt, &r.Evidence, &sealed); err != nil {
			return nil, err
		}
		if sealed != nil {
			// A part that does not open is left out: the record's own check then says
			// that it is missing, and which record it is.
			if plain, err := b.parts.open(sealed, r.Leaf); err == nil && len(plain) >= sha256.Size {
				r.PersonalSalt, r.Personal = plain[:sha256.Size:sha256.Size], plain[sha256.Size:]
			}
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

func (b *Book) hashes(ctx context.Context, size int64) (tlog.HashReader, error) {
	s := b.state.Load()
	if size > s.head.Size || size < 0 {
		return nil, fmt.Errorf("there is no tree of %d records: the ledger has %d", size, s.head.Size)
	}
	return s.edge.HashReader(func(level int, n int64) ([]byte, error) { return b.tile(ctx, b.asking, level, n) }), nil
}

// ProveInclusion implements book.Book.
func (b *Book) ProveInclusion(ctx context.Context, size, index int64) ([]tlog.Hash, error) {
	r, err := b.hashes(ctx, size)
	if err != nil {
		return nil, err
	}
	return ledger.ProveInclusion(size, index, r)
}

// ProveConsistency implements book.Book.
func (b *Book) ProveConsistency(ctx context.Context, from, to int64) ([]tlog.Hash, error) {
	r, err := b.hashes(ctx, to)
	if err != nil {
		return nil, err
	}
	return ledger.ProveConsistency(from, to, r)
}

// Witnessed implements book.Book.
func (b *Book) Witnessed(ctx context.Context) ([]byte, error) {
	var checkpoint []byte
	err := b.readers.QueryRowContext(ctx, "SELECT checkpoint FROM witnessed").Scan(&checkpoint)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the witnessed checkpoint: %w", err)
	}
	return checkpoint, nil
}

// KeepWitnessed implements book.Book.
func (b *Book) KeepWitnessed(ctx context.Context, size int64, checkpoint []byte) error {
	_, err := b.enqueue(ctx, &pending{witness: &book.Head{Size: size, Checkpoint: checkpoint}, done: make(chan struct{})})
	return err
}

var _ book.Book = (*Book)(nil)
