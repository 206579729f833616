package know

import (
	"context"
	"time"

	"strongroom"
)

// Store keeps what know finds out, for one room. Names in it rest sealed.
type Store interface {
	Sources(ctx context.Context) ([]Source, error) // in order of name
	// PutSource writes a source by its id; the error is of KindConflict where another has
	// its name.
	PutSource(ctx context.Context, s Source) error
	// DropSource removes a source with its scans and snapshots.
	DropSource(ctx context.Context, id strongroom.ID) error

	// BeginScan writes a new scan, dropping an unfinished one of its source.
	BeginScan(ctx context.Context, s *Scan) error
	// TakeOver answers the unfinished scan of a source as last kept, from now on of this
	// runner alone; nil where there is none.
	TakeOver(ctx context.Context, source, runner strongroom.ID) (*Scan, error)
	// Checkpoint keeps a scan and what was sampled since the last one, together. Of more
	// than most drawn it keeps those of the lowest rank; 0 means all. The error is
	// ErrTakenOver unless the scan is still this runner's.
	Checkpoint(ctx context.Context, s *Scan, drawn []Drawn, most int64) error
	// Threshold is the rank that only lower ones are drawn below once so many are.
	Threshold(ctx context.Context, scan strongroom.ID, most int64) (rank uint64, err error)
	// Undecided are drawn entries that were not read yet, in order of rank.
	Undecided(ctx context.Context, scan strongroom.ID, n int) ([]Drawn, error)
	// DrawnByType counts what is drawn of each type.
	DrawnByType(ctx context.Context, scan strongroom.ID) (map[string]int64, error)
	// Scans are the last finished and the unfinished scan of each source.
	Scans(ctx context.Context) ([]*Scan, error)

	// PutSnapshot keeps sums, and thins out what is older.
	PutSnapshot(ctx context.Context, s Snapshot) error
	// SnapshotBefore is a scope's newest snapshot of that time or before, or else its
	// oldest; false where there is none.
	SnapshotBefore(ctx context.Context, scope string, at time.Time) (Snapshot, bool, error)

	// PutFlows keeps a file of flows in the place of the last, and Flows answers it.
	PutFlows(ctx context.Context, f FlowFile) error
	Flows(ctx context.Context) (FlowFile, bool, error)

	// Seen are the streams that the ledger showed.
	Seen(ctx context.Context) ([]Stream, error)
	// Position is the index of the first record that was not taken yet.
	Position(ctx context.Context) (int64, error)
	// Take takes what events show; those before the position were taken already.
	Take(ctx context.Context, events []strongroom.Event, next int64) error
}
