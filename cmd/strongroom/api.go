package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"strongroom"
	"strongroom/alert"
	"strongroom/door/api"
	"strongroom/internal/house"
	"strongroom/know"
	"strongroom/vault"
)

// programs answers what programs ask under /api/v1/.
func programs(houses []*house.House, log *slog.Logger, noise func(string)) http.Handler {
	return api.New(api.Config{Rooms: roomsAPI(houses), Log: log, Noise: noise})
}

// roomsAPI is the rooms as the JSON API asks for them.
type roomsAPI []*house.House

func (r roomsAPI) ByToken(ctx context.Context, presented string) (api.Room, vault.TokenCredential, error) {
	h, c, err := byToken(ctx, r, presented)
	if h == nil {
		return api.Room{}, c, err
	}
	return api.Room{
		Vault: h.Room,
		Range: func(ctx context.Context, since time.Time) (from, to int64, err error) {
			from, err = house.FirstSince(ctx, h.Book, since)
			return from, h.Book.Head().Size, err
		},
		Scan: func(ctx context.Context, from, to int64, take func(*strongroom.Event)) error {
			return house.Scan(ctx, h.Book, from, to, take, nil)
		},
		Monitor: h.Monitor(),
		Know: func(ctx context.Context) (know.Store, func() error, error) {
			s, err := h.OpenInventory(ctx)
			if err != nil {
				return nil, nil, err
			}
			return s, s.Close, nil
		},
		CatchUp:    func(ctx context.Context, s know.Store) error { return h.CatchUp(ctx, s) },
		Classifier: classifierAPI{h},
		Alerts:     func(ctx context.Context) (*alert.Desk, func() error, error) { return h.Alerts(ctx) },
	}, c, err
}

// classifierAPI is a room's classifier as the JSON API asks for it.
type classifierAPI struct{ house *house.House }

func (c classifierAPI) Ask(ctx context.Context, who vault.Caller, x api.Classification) (api.Classification, error) {
	asked, err := c.house.AskClassify(ctx, who, house.ClassifyRun{Bucket: x.Bucket, Prefix: x.Prefix, Since: x.Since, Again: x.Again, Dry: x.Dry})
	if err != nil {
		return api.Classification{}, err
	}
	return classification(asked), nil
}

func (c classifierAPI) Run(id strongroom.ID) (api.Classification, bool, error) {
	x, err := c.house.ClassifyRun(id)
	if errors.Is(err, fs.ErrNotExist) {
		return api.Classification{}, false, nil
	} else if err != nil {
		return api.Classification{}, false, err
	}
	return classification(x), true, nil
}

func classification(x *house.ClassifyRun) api.Classification {
	out := api.Classification{
		ID: x.ID, Bucket: x.Bucket, Prefix: x.Prefix, Since: x.Since, Again: x.Again, Dry: x.Dry,
		State: x.State, Problem: x.Problem, Asked: x.Asked, Ended: x.Ended, Detectors: x.Detectors,
		Seen: x.Seen, Scanned: x.Scanned, Current: x.Current, Media: x.Media, Unread: x.Unread, Partly: x.Partly,
		Tightened: x.Tightened, Refused: x.Refused, Failed: x.Failed, Bytes: x.Bytes, Found: x.Found, More: x.More,
	}
	for _, n := range x.Notes {
		out.Notes = append(out.Notes, api.ClassificationNote(n))
	}
	return out
}
