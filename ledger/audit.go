package ledger

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"strongroom"

	"golang.org/x/mod/sumdb/tlog"
)

// MaxClockStep is how far a record's time may lie before the latest earlier one.
// Who appends must not go back further.
const MaxClockStep = 5 * time.Minute

// Audit recomputes a room's ledger from its records, in order, and holds it
// against checkpoints. It keeps no payloads, so that memory grows only with the
// parts that are missing.
type Audit struct {
	room    strongroom.ID
	edge    *Edge
	latest  time.Time
	epochs  []Epoch
	missing map[PartOf]bool
	erased  int64
	earlier []Checkpoint // sorted by size, those not reached yet
	matched int64        // the largest size at which an earlier checkpoint agreed
	lost    []error
	failed  error
}

// Epoch is one span of a ledger between restores.
type Epoch struct {
	Epoch   uint32 `json:"epoch"`
	Start   int64  `json:"start"`              // index of its first record
	OldHead *Head  `json:"old_head,omitempty"` // the head before the restore, as the room knew it
}

// Result is what an audit that found nothing wrong has covered.
type Result struct {
	Head
	Epochs  []Epoch `json:"epochs"`
	Erased  int64   `json:"erased"`  // parts missing, each named by an erasure record
	Matched int64   `json:"matched"` // the largest earlier checkpoint that agreed; 0 when none was given
}

// RootError says that the records up to a size do not make the root that a
// checkpoint states. The change lies in one of the records from After on.
type RootError struct {
	Checkpoint Checkpoint
	Root       tlog.Hash // recomputed
	After      int64     // up to here an earlier checkpoint agreed
}

func (e *RootError) Error() string {
	if e.After >= e.Checkpoint.Size {
		return fmt.Sprintf("two checkpoints of %d records differ: the ledger has been forked", e.Checkpoint.Size)
	}
	return fmt.Sprintf("records %d to %d are not those of the checkpoint of %d records: one of them was changed, or the ledger was forked",
		e.After, e.Checkpoint.Size-1, e.Checkpoint.Size)
}

// TruncatedError says that a checkpoint covers records which are not there: the
// last ones were deleted, or an older state was put back without a new epoch.
type TruncatedError struct {
	Checkpoint Checkpoint
	Size       int64 // records that are there
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("record %d is missing: a checkpoint covers %d records, the ledger ends after %d", e.Size, e.Checkpoint.Size, e.Size)
}

// LostRecordsError says that a restore from a backup lost records which an earlier
// checkpoint covers. The new epoch says so openly; whether to accept it is for the
// data owner to decide.
type LostRecordsError struct {
	Checkpoint Checkpoint
	Epoch      Epoch // the one that began below the checkpoint
}

func (e *LostRecordsError) Error() string {
	return fmt.Sprintf("records %d to %d were lost by a restore: epoch %d began at record %d, an earlier checkpoint covers %d",
		e.Epoch.Start, e.Checkpoint.Size-1, e.Epoch.Epoch, e.Epoch.Start, e.Checkpoint.Size)
}

// NewAudit starts the audit of a room's ledger.
func NewAudit(room strongroom.ID) *Audit {
	return &Audit{room: room, edge: NewEdge(), missing: map[PartOf]bool{}}
}

// AddEarlier gives a checkpoint, opened with the ledger's key, that the records
// must agree with. All are given before the first record.
func (a *Audit) AddEarlier(c Checkpoint) error {
	room, _, err := ParseOrigin(c.Origin)
	if err != nil {
		return fmt.Errorf("taking an earlier checkpoint: %w", err)
	}
	if room != a.room {
		return errors.New("taking an earlier checkpoint: it is of another room")
	}
	if a.edge.Size() > 0 {
		return errors.New("taking an earlier checkpoint: earlier checkpoints are given before the first record")
	}
	a.earlier = append(a.earlier, c)
	slices.SortStableFunc(a.earlier, func(x, y Checkpoint) int { return cmp.Compare(x.Size, y.Size) })
	return nil
}

// Add checks the next record. The first error stands: it names the first bad
// record, and every later call returns it again.
func (a *Audit) Add(r Record) error {
	if a.failed == nil {
		if a.failed = a.compareEarlier(); a.failed == nil {
			a.failed = a.add(r)
		}
	}
	return a.failed
}

func (a *Audit) add(r Record) error {
	index := a.edge.Size()
	if r.Index != index {
		return &AlteredError{index, fmt.Sprintf("it is not there, record %d stands in its place", r.Index)}
	}
	l, missing, err := r.open()
	if err != nil {
		return err
	}
	if l.Room != a.room {
		return &AlteredError{index, "it belongs to another room"}
	}
	if index > 0 && l.Time.Before(a.latest.Add(-MaxClockStep)) {
		return &AlteredError{index, fmt.Sprintf("its time lies more than %v before that of an earlier record", MaxClockStep)}
	}
	if err := a.addEpoch(r, l); err != nil {
		return err
	}
	if l.Time.After(a.latest) {
		a.latest = l.Time
	}
	for _, part := range missing {
		a.missing[PartOf{index, part}] = true
	}
	if l.Kind == KindErasure && len(r.Evidence) > 0 {
		var e Erasure
		if err := json.Unmarshal(r.Evidence, &e); err != nil || e.Action != "erase" {
			return &AlteredError{index, "its evidence is not that of an erasure"}
		}
		for _, p := range e.Records {
			// Only parts of earlier records are in the map, so that an erasure never
			// excuses itself or what comes later.
			if p.Index < index && a.missing[p] {
				delete(a.missing, p)
				a.erased++
			}
		}
	}
	a.edge.Append(r.Hash())
	a.edge.TakeFull()
	return nil
}

// addEpoch checks that epochs only rise, each with a record that says where it
// continues.
func (a *Audit) addEpoch(r Record, l Leaf) error {
	if len(a.epochs) == 0 {
		a.epochs = append(a.epochs, Epoch{Epoch: l.Epoch, Start: r.Index})
		return nil
	}
	switch now := a.epochs[len(a.epochs)-1].Epoch; {
	case l.Epoch < now:
		return &AlteredError{r.Index, fmt.Sprintf("its epoch is %d, after epoch %d had begun", l.Epoch, now)}
	case l.Epoch == now && l.Kind == KindEpoch:
		return &AlteredError{r.Index, "it announces an epoch that had begun before"}
	case l.Epoch == now:
		return nil
	case l.Kind != KindEpoch:
		return &AlteredError{r.Index, fmt.Sprintf("epoch %d begins without a record that says so", l.Epoch)}
	}
	var e EpochChange
	if err := json.Unmarshal(r.Evidence, &e); err != nil || e.Action != "epoch" || e.Epoch != l.Epoch {
		return &AlteredError{r.Index, "its evidence is not that of its epoch"}
	}
	if e.Continues.Size != r.Index || e.Continues.Root != a.edge.Root() {
		return &AlteredError{r.Index, "its epoch does not continue the records before it"}
	}
	a.epochs = append(a.epochs, Epoch{Epoch: l.Epoch, Start: r.Index, OldHead: e.OldHead})
	return nil
}

// compareEarlier holds the tree against the earlier checkpoints of its size.
func (a *Audit) compareEarlier() error {
	for len(a.earlier) > 0 && a.earlier[0].Size == a.edge.Size() {
		c := a.earlier[0]
		if lost := a.lostBelow(c); lost != nil {
			a.lost = append(a.lost, lost)
		} else if err := a.compare(c); err != nil {
			return err
		} else {
			a.matched = c.Size
		}
		a.earlier = a.earlier[1:]
	}
	return nil
}

func (a *Audit) compare(c Checkpoint) error {
	if root := a.edge.Root(); root != c.Root {
		return &RootError{c, root, a.matched}
	}
	return nil
}

// lostBelow reports the epoch later than c's that began below c's size.
func (a *Audit) lostBelow(c Checkpoint) error {
	_, epoch, err := ParseOrigin(c.Origin)
	if err != nil {
		return err
	}
	for _, e := range a.epochs {
		if e.Epoch > epoch && e.Start < c.Size {
			return &LostRecordsError{c, e}
		}
	}
	return nil
}

// Finish holds what was added against the ledger's checkpoint, opened with its
// key. The error, where not nil, joins all that was found: the first bad record,
// a root that differs, records deleted at the end, the first missing part, and
// records lost by a restore. When only the last is found, the Result is complete.
func (a *Audit) Finish(c Checkpoint) (Result, error) {
	if a.failed == nil {
		a.failed = a.finish(c)
	}
	result := Result{Head: Head{a.edge.Size(), a.edge.Root()}, Epochs: a.epochs, Erased: a.erased, Matched: a.matched}
	return result, errors.Join(append([]error{a.failed}, a.lost...)...)
}

func (a *Audit) finish(c Checkpoint) error {
	room, epoch, err := ParseOrigin(c.Origin)
	if err != nil {
		return err
	}
	if room != a.room {
		return errors.New("the checkpoint is of another room")
	}
	if err := a.compareEarlier(); err != nil {
		return err
	}
	for _, e := range a.earlier {
		if lost := a.lostBelow(e); lost != nil {
			a.lost = append(a.lost, lost)
		} else {
			return &TruncatedError{e, a.edge.Size()}
		}
	}
	a.earlier = nil
	if c.Size > a.edge.Size() {
		return &TruncatedError{c, a.edge.Size()}
	}
	if c.Size < a.edge.Size() {
		return fmt.Errorf("the checkpoint covers %d records, %d were read", c.Size, a.edge.Size())
	}
	if n := len(a.epochs); n > 0 && a.epochs[n-1].Epoch != epoch {
		return fmt.Errorf("the checkpoint is of epoch %d, the last record of epoch %d", epoch, a.epochs[n-1].Epoch)
	}
	if err := a.compare(c); err != nil {
		return err
	}
	if len(a.missing) > 0 {
		return a.firstMissing()
	}
	return nil
}

// firstMissing names the first part that is missing without an erasure record.
func (a *Audit) firstMissing() error {
	first, more := PartOf{Index: -1}, len(a.missing)-1
	for p := range a.missing {
		if first.Index < 0 || p.Index < first.Index || p.Index == first.Index && p.Part < first.Part {
			first = p
		}
	}
	err := fmt.Errorf("%w, and no erasure record names it", &MissingPartError{first.Index, first.Part})
	if more > 0 {
		err = fmt.Errorf("%w (nor %d further parts)", err, more)
	}
	return err
}

// decodeStrict reads one JSON value and refuses fields it does not know and
// anything that follows.
func decodeStrict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the end")
	}
	return nil
}
