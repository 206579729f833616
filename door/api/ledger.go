package api

import (
	"cmp"
	"context"
	"slices"

	"strongroom"
	"strongroom/ledger"
	"strongroom/vault"
)

// head is the ledger's newest signed state.
type head struct {
	Size       int64  `json:"size"`
	Root       string `json:"root" doc:"Base64, as in the checkpoint."`
	Checkpoint string `json:"checkpoint" doc:"Signed note (C2SP tlog-checkpoint)."`
	Witnessed  string `json:"witnessed,omitempty" doc:"The newest checkpoint that a witness cosigned."`
}

// proven is a record with the proof that it stands in the ledger.
type proven struct {
	Record     ledger.Record    `json:"record"`
	Size       int64            `json:"size"`
	Proof      []string         `json:"proof" doc:"Base64: RFC 6962 inclusion proof to the tree of that size."`
	Checkpoint string           `json:"checkpoint"`
	Event      strongroom.Event `json:"event"`
}

func (d *service) ledger() {
	handle(d, operation{method: "GET", path: "/ledger/head", summary: "The ledger's newest signed state", section: "ledger"},
		func(ctx context.Context, s session, _ *none) (*answer[head], error) {
			h := s.room.Vault.Book.Head()
			witnessed, err := s.room.Vault.Book.Witnessed(ctx)
			return answering(head{h.Size, h.Root.String(), string(h.Checkpoint), string(witnessed)}, err)
		})
	handle(d, operation{method: "GET", path: "/ledger/records", summary: "What is on record, in order of index", section: "ledger"},
		func(ctx context.Context, s session, in *struct {
			Paging
			From int64 `query:"from" minimum:"0" doc:"Index of the first record, where there is no cursor."`
		}) (*answer[Page[strongroom.Event]], error) {
			from, some, err := after[int64](in.Cursor)
			if err != nil {
				return nil, err
			}
			if !some {
				from = in.From
			}
			size := s.room.Vault.Book.Head().Size
			if from < 0 || from > size {
				return nil, invalid("the ledger has no record there")
			}
			to := min(from+int64(in.Limit), size)
			var page Page[strongroom.Event]
			if _, err := s.room.Vault.ReadLedger(ctx, s.caller, from, to); err != nil {
				return nil, err
			}
			if page.Items, err = d.events(ctx, s, from, to); err != nil {
				return nil, err
			}
			if to < size {
				page.Next = cursor(to)
			}
			return answering(page, nil)
		})
	handle(d, operation{method: "GET", path: "/ledger/records/{index}", summary: "One record with the proof that it stands in the ledger", section: "ledger"},
		func(ctx context.Context, s session, in *struct {
			Index int64 `path:"index" minimum:"0"`
		}) (*answer[proven], error) {
			h := s.room.Vault.Book.Head()
			if in.Index >= h.Size {
				return nil, notThere("the ledger has no such record yet")
			}
			if _, err := s.room.Vault.ReadLedger(ctx, s.caller, in.Index, in.Index+1); err != nil {
				return nil, err
			}
			out := proven{Size: h.Size, Checkpoint: string(h.Checkpoint)}
			var err error
			if out.Record, err = s.room.Vault.Book.Record(ctx, in.Index); err != nil {
				return nil, err
			}
			proof, err := s.room.Vault.Book.ProveInclusion(ctx, h.Size, in.Index)
			if err != nil {
				return nil, err
			}
			for _, hash := range proof {
				out.Proof = append(out.Proof, hash.String())
			}
			events, err := d.events(ctx, s, in.Index, in.Index+1)
			if err != nil {
				return nil, err
			}
			out.Event = events[0]
			return answering(out, nil)
		})
}

// events answers what the records from ≤ index < to tell, in order.
func (d *service) events(ctx context.Context, s session, from, to int64) ([]strongroom.Event, error) {
	out := make([]strongroom.Event, 0, to-from)
	var reader vault.EventReader
	for r, err := range s.room.Vault.Book.Records(ctx, from, to) {
		if err != nil {
			return nil, err
		}
		e, err := reader.Event(r)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// sortBy sorts by a key.
func sortBy[T any](list []T, key func(T) string) {
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
