package house

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"strongroom"
	"strongroom/alert"
	"strongroom/door"
	"strongroom/know"
	"strongroom/vault"
)

// Door is the room as the doors for people and programs ask for it.
func (h *House) Door() door.Room {
	return door.Room{
		Vault:    h.Room,
		Evidence: door.Evidence{LedgerKey: h.LedgerKey, WitnessKeys: []string{h.WitnessKey}},
		Range: func(ctx context.Context, since time.Time) (from, to int64, err error) {
			from, err = FirstSince(ctx, h.Book, since)
			return from, h.Book.Head().Size, err
		},
		Scan: func(ctx context.Context, from, to int64, take func(*strongroom.Event)) error {
			return Scan(ctx, h.Book, from, to, take, nil)
		},
		Monitor:    h.Monitor(),
		Counted:    h.counted,
		Know:       h.inventory,
		CatchUp:    func(ctx context.Context, s know.Store) error { return h.CatchUp(ctx, s) },
		Classifier: classifier{h},
		Alerts:     func(ctx context.Context) (*alert.Desk, func() error, error) { return h.Alerts(ctx) },
	}
}

// classifier is the room's classifier as the doors ask for it.
type classifier struct{ house *House }

func (c classifier) Ask(ctx context.Context, who vault.Caller, x door.Classification) (door.Classification, error) {
	asked, err := c.house.AskClassify(ctx, who, ClassifyRun{Bucket: x.Bucket, Prefix: x.Prefix, Since: x.Since, Again: x.Again, Dry: x.Dry})
	if err != nil {
		return door.Classification{}, err
	}
	return classification(asked), nil
}

func (c classifier) Run(id strongroom.ID) (door.Classification, bool, error) {
	x, err := c.house.ClassifyRun(id)
	if errors.Is(err, fs.ErrNotExist) {
		return door.Classification{}, false, nil
	} else if err != nil {
		return door.Classification{}, false, err
	}
	return classification(x), true, nil
}

func classification(x *ClassifyRun) door.Classification {
	out := door.Classification{
		ID: x.ID, Bucket: x.Bucket, Prefix: x.Prefix, Since: x.Since, Again: x.Again, Dry: x.Dry,
		State: x.State, Problem: x.Problem, Asked: x.Asked, Ended: x.Ended, Detectors: x.Detectors,
		Seen: x.Seen, Scanned: x.Scanned, Current: x.Current, Media: x.Media, Unread: x.Unread, Partly: x.Partly,
		Tightened: x.Tightened, Refused: x.Refused, Failed: x.Failed, Bytes: x.Bytes, Found: x.Found, More: x.More,
	}
	for _, n := range x.Notes {
		out.Notes = append(out.Notes, door.ClassificationNote(n))
	}
	return out
}
