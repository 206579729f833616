package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/mod/sumdb/note"

	"strongroom"
	"strongroom/book"
	"strongroom/internal/house"
	"strongroom/internal/store"
	"strongroom/keyserver"
	"strongroom/ledger"
	"strongroom/limit"
	"strongroom/vault"
)

type ledgerCommand struct {
	Head     ledgerHead     `cmd:"" help:"Print the newest signed checkpoint."`
	Tail     ledgerTail     `cmd:"" help:"Print the newest records."`
	Show     ledgerShow     `cmd:"" help:"Print one record whole."`
	Prove    ledgerProve    `cmd:"" help:"Write a bundle that proves records to somebody who never saw the room."`
	Verify   ledgerVerify   `cmd:"" help:"Recompute the ledger, a bundle or an export, and name what is wrong."`
	Export   ledgerExport   `cmd:"" help:"Write the ledger as C2SP tlog-tiles."`
	Redecide ledgerRedecide `cmd:"" help:"Make every recorded decision again and compare."`
}

type ledgerHead struct {
	roomFlags
	Witnessed bool `help:"Print the newest checkpoint that a witness cosigned instead."`
	JSON      bool `help:"Print JSON."`
}

func (ledgerHead) Help() string {
	return `Keep what it prints somewhere else: with it, ledger verify --checkpoint finds any later change to the past.

Example:
  strongroom ledger head > /elsewhere/checkpoint-2026-11-22`
}

func (c ledgerHead) Run(ctx context.Context, out output) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	info, b, err := house.AuditBook(ctx, path)
	if err != nil {
		return err
	}
	defer b.Close()
	text := b.Head().Checkpoint
	if c.Witnessed {
		if text, err = b.Witnessed(ctx); err != nil {
			return err
		}
		if text == nil {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "no checkpoint of this room has been witnessed yet", Hint: "the custodian witnesses one with each release"}
		}
	}
	if !c.JSON {
		out.printf("%s", text)
		return nil
	}
	key, err := ledger.ParseVerifier(info.LedgerKey)
	if err != nil {
		return err
	}
	checkpoint, _, err := ledger.OpenCheckpoint(text, key)
	if err != nil {
		return fmt.Errorf("the signed head does not verify: %w", err)
	}
	return out.json(map[string]any{"origin": checkpoint.Origin, "size": checkpoint.Size, "root": checkpoint.Root, "ledger_key": info.LedgerKey, "checkpoint": string(text)})
}

// shownRecord is a record as people read it.
type shownRecord struct {
	Index    int64           `json:"index"`
	Time     time.Time       `json:"time"`
	Epoch    uint32          `json:"epoch"`
	Kind     string          `json:"kind"`
	Evidence json.RawMessage `json:"evidence,omitempty"`
	Personal json.RawMessage `json:"personal,omitempty"`
	// What the personal part holds, or why it is not shown.
	Withheld string `json:"withheld,omitempty"`
}

func show(r ledger.Record, personal bool) (shownRecord, error) {
	leaf, err := r.Check()
	if missing, ok := errors.AsType[*ledger.MissingPartError](err); err != nil && !ok {
		return shownRecord{}, err
	} else if ok && missing.Part == ledger.PartEvidence {
		return shownRecord{}, err
	}
	if err != nil {
		if leaf, err = ledger.ParseLeaf(r.Leaf); err != nil {
			return shownRecord{}, err
		}
	}
	s := shownRecord{Index: r.Index, Time: leaf.Time.UTC(), Epoch: leaf.Epoch, Kind: leaf.Kind, Evidence: r.Evidence}
	switch {
	case !leaf.HasPersonal():
	case r.Personal == nil:
		s.Withheld = "the personal part is missing or erased"
	case personal:
		s.Personal = r.Personal
	default:
		s.Withheld = "the personal part is shown to those who may read the ledger: set an access key"
	}
	return s, nil
}

// line is a record in one line: what happened, and to whom if that may be shown.
func (s shownRecord) line() string {
	var e vault.Evidence
	json.Unmarshal(s.Evidence, &e) // evidence of every kind shares these fields
	words := []string{e.Action}
	if e.Action == s.Kind {
		words = nil
	}
	if e.Decision != "" {
		words = append(words, e.Decision)
	}
	if !e.Blob.IsZero() {
		words = append(words, "blob "+e.Blob.String()[:8])
	}
	if e.Bytes > 0 {
		words = append(words, count(e.Bytes, "byte"))
	}
	if e.Release != nil {
		words = append(words, fmt.Sprintf("of release %d", *e.Release))
	}
	for _, kind := range slices.Sorted(maps.Keys(e.Counts)) {
		words = append(words, fmt.Sprintf("%d × %s", e.Counts[kind], kind))
	}
	if len(e.Policies) > 0 {
		words = append(words, "by "+strings.Join(e.Policies, ", "))
	}
	var p vault.Personal
	if s.Personal != nil && json.Unmarshal(s.Personal, &p) == nil {
		if q := p.Question; q != nil {
			words = append(words, "· "+q.Principal.Name)
			if q.Resource.Bucket != "" {
				words = append(words, strings.TrimSuffix(q.Resource.Bucket+"/"+q.Resource.Key, "/"))
			}
			if q.Context.Purpose.Text != "" {
				words = append(words, fmt.Sprintf("for %q", q.Context.Purpose.Text))
			}
			if q.Context.Purpose.Ticket != "" {
				words = append(words, "ticket "+q.Context.Purpose.Ticket)
			}
		}
		if p.Subject != "" {
			words = append(words, p.Subject)
		}
		if p.Detail != "" {
			words = append(words, p.Detail)
		}
	}
	if len(words) == 0 {
		words = []string{e.Action}
	}
	return strings.Join(words, " ")
}

type ledgerTail struct {
	roomFlags
	Count   int    `short:"n" default:"20" help:"How many records, at most 10,000."`
	Purpose string `help:"Why, for the record."`
	JSON    bool   `help:"Print a JSON object a line."`
}

func (ledgerTail) Help() string {
	return `Without an access key in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) only the pseudonymous
evidence is shown; with one, what policy lets its principal see. Either way the reading itself becomes a record.

Example:
  strongroom ledger tail -n 50 --purpose "weekly sample"`
}

func (c ledgerTail) Run(ctx context.Context, out output) error {
	return c.with(ctx, func(h *house.House) error {
		size := h.Book.Head().Size
		records, personal, err := readRecords(ctx, h, max(0, size-int64(min(c.Count, 10_000))), size, c.Purpose)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		if !c.JSON {
			fmt.Fprintln(w, "INDEX\tTIME\tKIND\tWHAT")
		}
		for r, err := range records {
			if err != nil {
				return err
			}
			s, err := show(r, personal)
			if err != nil {
				return err
			}
			if c.JSON {
				line, err := json.Marshal(s)
				if err != nil {
					return err
				}
				out.printf("%s\n", line)
				continue
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", s.Index, s.Time.Format(time.DateTime), s.Kind, s.line())
		}
		if !personal && !c.JSON {
			defer fmt.Fprintln(out.errors, "hint: names, keys and purposes are shown to those who may read the ledger: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
		}
		return w.Flush()
	})
}

// readRecords reads records in the name of whoever's access key is set, or without
// their personal parts as the machine's operator. Both are recorded.
func readRecords(ctx context.Context, h *house.House, from, to int64, purpose string) (_ iter.Seq2[ledger.Record, error], personal bool, err error) {
	if id, _ := credentials(); id != "" {
		who, err := caller(h, strongroom.Purpose{Text: purpose})
		if err != nil {
			return nil, false, err
		}
		records, err := h.Room.ReadLedger(ctx, who, from, to)
		return records, true, err
	}
	if err := h.Room.NoteOperator(ctx, vault.KindLedgerRead, "evidence-read", operator(fmt.Sprintf("evidence of records %d to %d", from, to))); err != nil {
		return nil, false, err
	}
	return h.Book.Records(ctx, from, to), false, nil
}

type ledgerShow struct {
	roomFlags
	Index   int64  `arg:"" help:"Index of the record."`
	Purpose string `help:"Why, for the record."`
}

func (ledgerShow) Help() string {
	return `The personal part is shown as by ledger tail: with an access key whose principal may read the ledger.

Example:
  strongroom ledger show 41 --purpose "complaint 4711"`
}

func (c ledgerShow) Run(ctx context.Context, out output) error {
	return c.with(ctx, func(h *house.House) error {
		if size := h.Book.Head().Size; c.Index < 0 || c.Index >= size {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no record %d: the ledger has records 0 to %d", c.Index, size-1)}
		}
		records, personal, err := readRecords(ctx, h, c.Index, c.Index+1, c.Purpose)
		if err != nil {
			return err
		}
		for r, err := range records {
			if err != nil {
				return err
			}
			s, err := show(r, personal)
			if err != nil {
				return err
			}
			return out.json(s)
		}
		return fmt.Errorf("record %d is missing from the database; run `strongroom ledger verify`", c.Index)
	})
}

type ledgerProve struct {
	roomFlags
	Index   []int64 `arg:"" help:"Indexes of the records."`
	To      string  `help:"File to write, - for standard output." default:"-" placeholder:"FILE"`
	Since   string  `help:"Earlier checkpoint that the bundle shall prove to be continued." placeholder:"FILE"`
	Purpose string  `help:"Why, for the record."`
}

func (ledgerProve) Help() string {
	return `Personal parts are in the bundle if an access key is set whose principal may read the ledger.

Example:
  strongroom ledger prove 41 42 --to evidence.json
  strongroom ledger verify --bundle evidence.json --ledger-key "$LEDGER_KEY"    (on any machine)`
}

func (c ledgerProve) Run(ctx context.Context, out output) error {
	return c.with(ctx, func(h *house.House) error {
		var since []byte
		var earlier ledger.Checkpoint
		if c.Since != "" {
			var err error
			if since, err = os.ReadFile(c.Since); err != nil {
				return err
			}
			if earlier, _, err = ledger.OpenCheckpoint(since, h.Ledger); err != nil {
				return fmt.Errorf("reading %s: %w", c.Since, err)
			}
			if size := h.Book.Head().Size; earlier.Size > size {
				return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s is a checkpoint of %s, and the ledger has only %d", c.Since, count(earlier.Size, "record"), size), Hint: "records were lost: run `strongroom ledger verify --checkpoint " + c.Since + "`"}
			}
		}
		room := h.Door()
		bundle, err := room.Bundle(ctx, earlier.Size, c.Index, func(ctx context.Context, index int64) (ledger.Record, error) {
			records, personal, err := readRecords(ctx, h, index, index+1, c.Purpose)
			if err != nil {
				return ledger.Record{}, err
			}
			for r, err := range records {
				if !personal {
					r.Personal, r.PersonalSalt = nil, nil
				}
				return r, err
			}
			return ledger.Record{}, fmt.Errorf("record %d is missing from the database; run `strongroom ledger verify`", index)
		})
		if err != nil {
			return err
		}
		head, _, err := ledger.OpenCheckpoint([]byte(bundle.Checkpoint), h.Ledger)
		if err != nil {
			return err
		}
		if since != nil {
			proof, err := h.Book.ProveConsistency(ctx, earlier.Size, head.Size)
			if err != nil {
				return err
			}
			bundle.Earlier = &ledger.BundledEarlier{Checkpoint: string(since), Proof: proof}
		}
		encoded, err := bundle.Encode()
		if err != nil {
			return err
		}
		if c.To == "-" {
			_, err = out.Write(append(encoded, '\n'))
			return err
		}
		if err := os.WriteFile(c.To, append(encoded, '\n'), 0o600); err != nil {
			return err
		}
		out.printf("%s proven in %s against a checkpoint of %s\n", count(len(bundle.Records), "record"), c.To, count(head.Size, "record"))
		return nil
	})
}

type ledgerVerify struct {
	roomFlags
	State      bool     `help:"Rebuild every row that decisions trust from the records, and compare."`
	Checkpoint []string `sep:"none" help:"Earlier checkpoint to verify against. May be repeated." placeholder:"FILE"`
	Bundle     string   `help:"Verify a bundle instead of a room; needs no data folder." placeholder:"FILE"`
	Tiles      string   `help:"Verify an export in tlog-tiles layout instead of a room; needs --ledger-key." placeholder:"DIR"`
	LedgerKey  string   `help:"The room's ledger key, as known from elsewhere." placeholder:"KEY"`
	WitnessKey []string `help:"Key of a witness to trust. May be repeated." placeholder:"KEY"`
	JSON       bool     `help:"Print JSON."`
}

func (ledgerVerify) Help() string {
	return `Ends with status 1 if anything is wrong, and names the first bad record.

Without an earlier checkpoint a ledger can only be found to agree with itself: somebody who could rewrite all of it
and had its key would not be found. Keep checkpoints (ledger head) elsewhere.

Examples:
  strongroom ledger verify --state --checkpoint /elsewhere/checkpoint-2026-11-22
  strongroom ledger verify --bundle evidence.json --ledger-key strongroom/…`
}

func (c ledgerVerify) Run(ctx context.Context, out output) error {
	switch {
	case c.Bundle != "":
		return c.bundle(out)
	case c.Tiles != "":
		return c.tiles(ctx, out)
	}
	return c.room(ctx, out)
}

func (c ledgerVerify) bundle(out output) error {
	f, err := os.Open(c.Bundle)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := readBounded(f, ledger.MaxBundle)
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.Bundle, err)
	}
	b, err := ledger.ParseBundle(text)
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.Bundle, err)
	}
	report, err := b.Verify(ledger.Trust{LedgerKey: c.LedgerKey, WitnessKeys: c.WitnessKey})
	if err != nil {
		return fmt.Errorf("%s does not verify: %w", c.Bundle, err)
	}
	if c.JSON {
		return out.json(report)
	}
	out.printf("%s of room %s proven to stand in its ledger of %s (epoch %d)\n", count(report.Records, "record"), report.Room, count(report.Size, "record"), report.Epoch)
	if report.KeyTrusted {
		out.printf("signed with the ledger key you gave\n")
	} else {
		out.printf("signed with the ledger key in the bundle itself: give --ledger-key with the key you know to make sure of it\n")
	}
	switch {
	case report.WitnessTrusted:
		out.printf("witnessed, by a witness you trust\n")
	case report.Witnessed:
		for _, w := range report.Witnesses {
			out.printf("witnessed by %s at %s; give --witness-key to say that you trust it\n", w.Witness, w.Time.UTC().Format(time.RFC3339))
		}
	default:
		out.printf("unwitnessed\n")
	}
	for _, m := range report.Missing {
		out.printf("record %d comes without its %s part\n", m.Index, m.Part)
	}
	return nil
}

func (c ledgerVerify) tiles(ctx context.Context, out output) error {
	if c.LedgerKey == "" {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "an export is verified with the room's ledger key", Hint: "give --ledger-key; init printed it"}
	}
	key, err := ledger.ParseVerifier(c.LedgerKey)
	if err != nil {
		return fmt.Errorf("--ledger-key: %w", err)
	}
	root, err := os.OpenRoot(c.Tiles)
	if err != nil {
		return err
	}
	defer root.Close()
	var witnesses []note.Verifier
	for _, w := range c.WitnessKey {
		v, err := ledger.ParseWitness(w)
		if err != nil {
			return fmt.Errorf("--witness-key: %w", err)
		}
		witnesses = append(witnesses, v)
	}
	checkpoint, signed, err := ledger.VerifyTiles(ctx, root.ReadFile, key, witnesses...)
	if err != nil {
		return fmt.Errorf("%s does not verify: %w", c.Tiles, err)
	}
	state := "unwitnessed"
	if len(ledger.Cosignatures(signed, witnesses...)) > 0 {
		state = "witnessed"
	}
	if c.JSON {
		return out.json(map[string]any{"origin": checkpoint.Origin, "size": checkpoint.Size, "root": checkpoint.Root, "witnessed": state == "witnessed"})
	}
	out.printf("%d records, tiles and signed checkpoint agree (%s)\n", checkpoint.Size, state)
	return nil
}

// verified is what verifying a room found.
type verified struct {
	Room     strongroom.ID `json:"room"`
	Records  int64         `json:"records"`
	Epochs   int           `json:"epochs"`
	Erased   int64         `json:"erased_parts"`
	Against  []string      `json:"against,omitempty"` // earlier checkpoints that agreed
	Problems []string      `json:"problems,omitempty"`
	// What this verification says nothing about.
	NotLookedAt []string          `json:"not_looked_at"`
	State       *book.StateReport `json:"state,omitempty"`
}

func (c ledgerVerify) room(ctx context.Context, out output) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	info, b, err := house.AuditBook(ctx, path)
	if err != nil {
		return err
	}
	defer b.Close()
	if c.LedgerKey != "" && c.LedgerKey != info.LedgerKey {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "the room's folder names another ledger key than the one you gave", Hint: "either it is another room, or its key was exchanged"}
	}
	v, err := verifyRoom(ctx, path, info, b, c.Checkpoint, c.State, out)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := out.json(v); err != nil {
			return err
		}
	} else {
		v.print(out)
	}
	if len(v.Problems) > 0 || v.State != nil && !v.State.Sound() {
		return exitError(1)
	}
	return nil
}

func (v verified) print(out output) {
	if len(v.Problems) == 0 {
		out.printf("%s verified: every leaf, commitment and hash was recomputed, up to the signed checkpoint\n", count(v.Records, "record"))
		if len(v.Against) == 0 {
			out.printf("no earlier checkpoint was at hand: the ledger agrees with itself, which is all that can be said\n")
		}
		for _, a := range v.Against {
			out.printf("continues %s\n", a)
		}
		out.printf("not looked at: %s\n", strings.Join(v.NotLookedAt, "; "))
	}
	for _, p := range v.Problems {
		out.printf("WRONG: %s\n", p)
	}
	if v.State == nil {
		return
	}
	s := v.State
	if s.Sound() {
		out.printf("%d rows are as the ledger says\n", s.Rows)
		return
	}
	for _, list := range []struct {
		keys []book.RowKey
		what string
	}{{s.Altered, "was altered"}, {s.Missing, "is on record, but not in the database"}, {s.Extra, "is in the database, but not on record"}} {
		for _, k := range list.keys {
			out.printf("WRONG: %s row %s %s\n", k.Kind, k.ID, list.what)
		}
	}
	for _, u := range s.Unread {
		out.printf("WRONG: %s\n", u.Problem)
	}
}

// evidenced are the checkpoints that a ledger is held against, and where each is from.
type evidenced []struct {
	ledger.Checkpoint
	from string
}

// problems says what is wrong, and by whose checkpoint it shows.
func (all evidenced) problems(err error) (out []string) {
	if e, ok := errors.AsType[*ledger.TruncatedError](err); ok {
		for _, c := range all {
			if c.Size > e.Size {
				out = append(out, fmt.Sprintf("record %d is missing: the checkpoint of %s from %s covers it, the ledger ends after %d", e.Size, count(c.Size, "record"), c.from, e.Size))
			}
		}
		if out != nil {
			return out
		}
	}
	if e, ok := errors.AsType[*ledger.RootError](err); ok {
		for _, c := range all {
			if c.Size == e.Checkpoint.Size && c.Root == e.Checkpoint.Root {
				out = append(out, fmt.Sprintf("%v (the checkpoint from %s)", err, c.from))
			}
		}
		if out != nil {
			return out
		}
	}
	return []string{err.Error()}
}

// verifyRoom recomputes the ledger, and the rows if asked. Problems of the ledger are
// findings, not errors; an error means that the verification itself failed.
func verifyRoom(ctx context.Context, path string, info house.Info, b *store.Book, checkpoints []string, rows bool, out output) (verified, error) {
	v := verified{Room: info.ID, NotLookedAt: []string{"sealed blobs and sidecars, which are verified when they are read"}}
	if info.Blobs != nil {
		v.NotLookedAt[0] = "sealed blobs and sidecars, which lie in " + info.Blobs.At + " and are verified when they are read"
	}
	if !rows {
		v.NotLookedAt = append(v.NotLookedAt, "the rows that decisions trust (--state)")
	}
	key, err := ledger.ParseVerifier(info.LedgerKey)
	if err != nil {
		return v, fmt.Errorf("reading the ledger key: %w", err)
	}
	audit := ledger.NewAudit(info.ID)
	var known evidenced
	add := func(c ledger.Checkpoint, from string) error {
		if err := audit.AddEarlier(c); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		known = append(known, struct {
			ledger.Checkpoint
			from string
		}{c, from})
		v.Against = append(v.Against, fmt.Sprintf("the checkpoint of %s from %s", count(c.Size, "record"), from))
		return nil
	}
	for _, file := range checkpoints {
		text, err := os.ReadFile(file)
		if err != nil {
			return v, err
		}
		c, _, err := ledger.OpenCheckpoint(text, key)
		if err != nil {
			return v, fmt.Errorf("reading %s: %w", file, err)
		}
		if err := add(c, file); err != nil {
			return v, err
		}
	}
	if c, ok, err := custodianCheckpoint(ctx, path, info); err != nil {
		v.Problems = append(v.Problems, fmt.Sprintf("the embedded custodian's own ledger does not verify: %v", err))
	} else if ok {
		if err := add(c, "the embedded custodian"); err != nil {
			return v, err
		}
	}
	if c, ok, err := witnessedCheckpoint(ctx, info, key, b); err != nil {
		v.Problems = append(v.Problems, fmt.Sprintf("the witnessed checkpoint in the database does not verify: %v", err))
	} else if ok {
		if err := add(c, "the room's own database, cosigned by its witness"); err != nil {
			return v, err
		}
	}
	state := book.NewState()
	last, err := b.Last(ctx)
	if err != nil {
		return v, err
	}
	progress := newProgress(out.errors, "records verified", last)
	defer progress.done()
	take := func(r ledger.Record) error {
		if err := audit.Add(r); err != nil {
			return err
		}
		v.Records++
		progress.step()
		if rows {
			return state.Add(r)
		}
		return nil
	}
	if problem, err := readAll(ctx, b, last, take); err != nil {
		return v, err
	} else if problem != nil {
		v.Problems = append(v.Problems, known.problems(problem)...)
		return v, nil
	}
	head, _, err := ledger.OpenCheckpoint(b.Head().Checkpoint, key)
	if err != nil {
		v.Problems = append(v.Problems, fmt.Sprintf("the signed head does not verify: %v", err))
		return v, nil
	}
	result, err := audit.Finish(head)
	if err != nil {
		v.Problems = append(v.Problems, known.problems(err)...)
		return v, nil
	}
	v.Epochs, v.Erased = len(result.Epochs), result.Erased
	if rows {
		report, err := state.Compare(ctx, b.Rows(ctx, "", ""))
		if err != nil {
			return v, err
		}
		v.State = &report
	}
	return v, nil
}

// readAll reads every record, in two steps: the bulk beside whoever serves the room,
// then what has come since as one state with the head and the rows, since rows newer
// than the records would look like tampering. A problem is the ledger's, an error the
// reading's.
func readAll(ctx context.Context, b *store.Book, last int64, take func(ledger.Record) error) (problem, err error) {
	read := int64(0)
	for held := false; ; held = true {
		for r, err := range b.Records(ctx, read, last) {
			if err == nil {
				err = take(r)
			}
			if err != nil {
				return err, nil
			}
			read++
		}
		if read != last {
			return fmt.Errorf("record %d is missing from the database", read), nil
		}
		if held {
			return nil, nil
		}
		if err := b.Hold(ctx); err != nil {
			return nil, err
		}
		if last, err = b.Last(ctx); err != nil {
			return nil, err
		}
	}
}

// custodianCheckpoint is the newest state of the room's ledger that the embedded
// custodian has on its own record.
func custodianCheckpoint(ctx context.Context, path string, info house.Info) (ledger.Checkpoint, bool, error) {
	b, err := house.AuditCustodian(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		if keys, globErr := filepath.Glob(filepath.Join(path, "custodian", "keys", "*.key")); globErr != nil || len(keys) > 0 {
			return ledger.Checkpoint{}, false, errors.New("its private keys are here, and its ledger is missing")
		}
		return ledger.Checkpoint{}, false, nil // the keys are elsewhere
	} else if err != nil {
		return ledger.Checkpoint{}, false, err
	}
	defer b.Close()
	audit := ledger.NewAudit(b.ID)
	last, err := b.Last(ctx)
	if err != nil {
		return ledger.Checkpoint{}, false, err
	}
	if problem, err := readAll(ctx, b.Book, last, audit.Add); err != nil || problem != nil {
		return ledger.Checkpoint{}, false, errors.Join(err, problem)
	}
	head, _, err := ledger.OpenCheckpoint(b.Head().Checkpoint, b.Key)
	if err == nil {
		_, err = audit.Finish(head)
	}
	if err != nil {
		return ledger.Checkpoint{}, false, err
	}
	tree, ok, err := keyserver.Newest(ctx, b)
	if err != nil || !ok {
		return ledger.Checkpoint{}, false, err
	}
	return ledger.Checkpoint{Origin: ledger.Origin(info.ID, tree.Epoch), Size: tree.Size, Root: tree.Root}, true, nil
}

// witnessedCheckpoint is the newest checkpoint that the room's witness cosigned, as
// the room's database keeps it.
func witnessedCheckpoint(ctx context.Context, info house.Info, key note.Verifier, b *store.Book) (ledger.Checkpoint, bool, error) {
	text, err := b.Witnessed(ctx)
	if err != nil || text == nil {
		return ledger.Checkpoint{}, false, err
	}
	witness, err := ledger.ParseWitness(info.WitnessKey)
	if err != nil {
		return ledger.Checkpoint{}, false, err
	}
	c, signed, err := ledger.OpenCheckpoint(text, key, witness)
	if err != nil {
		return ledger.Checkpoint{}, false, err
	}
	if len(ledger.Cosignatures(signed, witness)) == 0 {
		return ledger.Checkpoint{}, false, errors.New("its witness did not cosign it")
	}
	return c, true, nil
}

type ledgerExport struct {
	roomFlags
	To string `required:"" help:"Folder to write, made if absent." placeholder:"DIR"`
}

func (ledgerExport) Help() string {
	return `The export holds leaves only: no name, no evidence. Verifiers and witnesses for C2SP tlog-tiles can read it.

Example:
  strongroom ledger export --to /srv/www/ledger
  strongroom ledger verify --tiles /srv/www/ledger --ledger-key "$LEDGER_KEY"`
}

func (c ledgerExport) Run(ctx context.Context, out output) error {
	return c.with(ctx, func(h *house.House) error {
		if err := h.Room.NoteOperator(ctx, vault.KindLedgerRead, "export", operator("exported the ledger's leaves")); err != nil {
			return err
		}
		head := h.Book.Head()
		checkpoint := head.Checkpoint
		if err := os.MkdirAll(c.To, 0o755); err != nil {
			return err
		}
		root, err := os.OpenRoot(c.To)
		if err != nil {
			return err
		}
		defer root.Close()
		files := 0
		err = ledger.ExportTiles(ctx, checkpoint, h.Book.Records(ctx, 0, head.Size), func(path string, data []byte) error {
			if err := root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			files++
			// The checkpoint comes last and replaces the old one at once.
			if err := root.WriteFile(path+".new", data, 0o644); err != nil {
				return err
			}
			return root.Rename(path+".new", path)
		})
		if err != nil {
			return fmt.Errorf("exporting: %w", err)
		}
		out.printf("%s exported to %s in %s\n", count(head.Size, "record"), c.To, count(files, "file"))
		return nil
	})
}

type ledgerRedecide struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (ledgerRedecide) Help() string {
	return "Shows nothing personal: it prints counts, and the indexes of records whose decision comes out differently."
}

func (c ledgerRedecide) Run(ctx context.Context, out output) error {
	return c.with(ctx, func(h *house.House) error {
		size := h.Book.Head().Size
		if err := h.Room.NoteOperator(ctx, vault.KindLedgerRead, "redecide", operator(fmt.Sprintf("made the decisions of records 0 to %d again", size))); err != nil {
			return err
		}
		var result struct {
			Decisions     int64    `json:"decisions"`
			Same          int64    `json:"same"`
			NotReplayable int64    `json:"not_replayable"` // their personal part was erased
			Different     []string `json:"different,omitempty"`
		}
		sets := map[string]*limit.Set{}
		progress := newProgress(out.errors, "records read", size)
		for r, err := range h.Book.Records(ctx, 0, size) {
			if err != nil {
				return err
			}
			progress.step()
			leaf, err := ledger.ParseLeaf(r.Leaf)
			if err != nil {
				return fmt.Errorf("record %d: %w", r.Index, err)
			}
			if r.Personal == nil {
				if leaf.HasPersonal() {
					result.NotReplayable++
				}
				continue
			}
			var p vault.Personal
			if err := json.Unmarshal(r.Personal, &p); err != nil {
				return fmt.Errorf("record %d: reading its personal part: %w", r.Index, err)
			}
			if p.Question == nil || p.Decision == nil {
				continue
			}
			result.Decisions++
			set := sets[p.Decision.PolicySet]
			if set == nil {
				text, err := h.Room.PolicySet(ctx, p.Decision.PolicySet)
				if err == nil {
					set, err = limit.Parse(text)
				}
				if err != nil {
					result.Different = append(result.Different, fmt.Sprintf("record %d: its policy set is not to be had: %v", r.Index, err))
					continue
				}
				sets[p.Decision.PolicySet] = set
			}
			if err := limit.Redecide(set, *p.Question, *p.Decision); err != nil {
				result.Different = append(result.Different, fmt.Sprintf("record %d: %v", r.Index, err))
			} else {
				result.Same++
			}
		}
		progress.done()
		if c.JSON {
			if err := out.json(result); err != nil {
				return err
			}
		} else {
			out.printf("%s made again with the policy set each names: %d the same, %d different\n", count(result.Decisions, "decision"), result.Same, len(result.Different))
			if result.NotReplayable > 0 {
				out.printf("%s cannot be replayed, since their personal part is erased\n", count(result.NotReplayable, "record"))
			}
			for _, d := range result.Different {
				out.printf("DIFFERENT: %s\n", d)
			}
		}
		if len(result.Different) > 0 {
			return exitError(1)
		}
		return nil
	})
}
