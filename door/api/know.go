package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"strongroom/know"
	"strongroom/vault"
)

// knowing asks what is known, where it is. Whatever is told of it was decided and put on
// record by do, or by the vault that it asks.
func knowing[T any](ctx context.Context, s session, do func(know.Store) (T, error)) (*answer[T], error) {
	if s.room.Know == nil {
		return nil, notHere("inventory")
	}
	store, done, err := s.room.Know(ctx)
	if err != nil {
		return nil, err
	}
	out, err := do(store)
	if e := done(); err == nil {
		err = e
	}
	return answering(out, err)
}

// stock is one page of an inventory.
type stock struct {
	At          time.Time `json:"at"`
	Since       time.Time `json:"since" doc:"What counts as new is from after then."`
	Total       know.Sum  `json:"total" doc:"Of all pages."`
	Empty       []string  `json:"empty_buckets,omitempty"`
	NotLookedAt []string  `json:"not_looked_at,omitempty" doc:"What these figures do not cover."`
	Page[know.Row]
}

// changes is what changed.
type changes struct {
	know.Diff
	NotLookedAt []string `json:"not_looked_at,omitempty"`
}

func groupKey(g know.Group) string {
	return strings.Join([]string{g.Place, fmt.Sprint(g.Outside), g.Kind, g.Label, g.Class, g.Age, g.Owner}, "\x00")
}

// Stocktaking is since when.
type Stocktaking struct {
	Since time.Time `query:"since" doc:"24 hours ago where left out."`
}

func (t Stocktaking) since(s session) time.Time {
	if t.Since.IsZero() {
		return s.room.Vault.Clock().Add(-24 * time.Hour).UTC()
	}
	return t.Since.UTC()
}

// OwnedBy is whose something is to be.
type OwnedBy struct {
	Owner string `json:"owner" maxLength:"128" doc:"Name of a person; nobody where empty."`
}

func (d *service) know() {
	handle(d, operation{method: "GET", path: "/inventory", section: "know",
		summary: "What there is, inside and outside: counts, bytes, ages, labels, owners, in order of place, kind, label, class, age and owner; taken anew for each page"},
		func(ctx context.Context, s session, in *struct {
			Paging
			Stocktaking
			By []string `query:"by" enum:"place,kind,label,class,age,owner" default:"place,kind,label,class,owner" doc:"What is counted apart."`
		}) (*answer[stock], error) {
			return knowing(ctx, s, func(store know.Store) (stock, error) {
				i, states, err := s.stock(ctx, store, in.since(s))
				if err != nil {
					return stock{}, err
				}
				all := i.Rows
				for _, state := range states {
					all = append(all, state.Rows()...)
				}
				out := stock{At: i.At, Since: i.Since, Total: know.Total(all), Empty: i.Empty, NotLookedAt: append(know.NotLookedAt(states), i.NotLookedAt...)}
				out.Page, err = listed(know.Fold(all, in.By), in.Paging, func(r know.Row) string { return groupKey(r.Group) })
				if err != nil {
					return stock{}, err
				}
				return out, store.PutSnapshot(ctx, know.SnapshotOf(know.RoomScope, i.At, i.Rows))
			})
		})
	handle(d, operation{method: "GET", path: "/inventory/diff", summary: "What appeared, grew, shrank or vanished since", section: "know"},
		func(ctx context.Context, s session, in *Stocktaking) (*answer[changes], error) {
			return knowing(ctx, s, func(store know.Store) (changes, error) {
				i, states, err := s.stock(ctx, store, in.since(s))
				if err != nil {
					return changes{}, err
				}
				out := changes{know.Diff{Changes: []know.Change{}}, append(know.NotLookedAt(states), i.NotLookedAt...)}
				now := know.SnapshotOf(know.RoomScope, i.At, i.Rows)
				if err := out.Compare(ctx, store, now, "the room", i.Since); err != nil {
					return changes{}, err
				}
				for _, state := range states {
					if state.Last == nil {
						continue
					}
					if err := out.Compare(ctx, store, know.SnapshotOf(state.ID.String(), state.Last.Updated, state.Rows()), "source "+state.Name, i.Since); err != nil {
						return changes{}, err
					}
				}
				return out, store.PutSnapshot(ctx, now)
			})
		})
	handle(d, operation{method: "GET", path: "/sources", summary: "Sources outside, in order of name; they are declared and scanned by command, which has the credentials for them", section: "know"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[Page[know.SourceState]], error) {
			return knowing(ctx, s, func(store know.Store) (Page[know.SourceState], error) {
				if err := s.room.Vault.NoteInventory(ctx, s.caller, vault.InventoryLook, "sources", ""); err != nil {
					return Page[know.SourceState]{}, err
				}
				states, err := know.SourceStates(ctx, store, s.room.Vault.Clock())
				if err != nil {
					return Page[know.SourceState]{}, err
				}
				for i := range states { // where a scan is to go on, and by what it draws, is no concern of others
					states[i].Last, states[i].Unfinished = shownScan(states[i].Last), shownScan(states[i].Unfinished)
				}
				return listed(states, in.Paging, func(s know.SourceState) string { return s.Name })
			})
		})
	handle(d, operation{method: "GET", path: "/flows", summary: "What sends what where: as declared, beside what is seen, in order of state, ends and name", section: "know"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[Page[know.Joined]], error) {
			return knowing(ctx, s, func(store know.Store) (Page[know.Joined], error) {
				all, err := know.Flows(ctx, s.room.Vault, store, s.caller, s.room.CatchUp)
				if err != nil {
					return Page[know.Joined]{}, err
				}
				return listed(all, in.Paging, func(j know.Joined) string {
					parts := []string{j.State, j.From.String(), j.To.String(), j.Name, fmt.Sprint(j.Line)}
					for _, stream := range j.Streams {
						parts = append(parts, stream.Key())
					}
					return strings.Join(parts, "\x00")
				})
			})
		})
	type flowFile struct {
		know.FlowFile
		Flows int `json:"flows"`
	}
	handle(d, operation{method: "PUT", path: "/flows", summary: "Take in a file of flows, in the place of the last", section: "know"},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Name string `json:"name" minLength:"1" maxLength:"256" doc:"What to call the file."`
				Text string `json:"text" minLength:"1" maxLength:"1048576" doc:"YAML, as docs/know.md describes it."`
			}
		}) (*answer[flowFile], error) {
			flows, err := know.ParseFlows(in.Body.Name, []byte(in.Body.Text))
			if err != nil {
				return nil, invalid(err.Error())
			}
			return knowing(ctx, s, func(store know.Store) (flowFile, error) {
				f := know.FlowFile{
					Name: in.Body.Name, Text: []byte(in.Body.Text), Digest: fmt.Sprintf("%x", sha256.Sum256([]byte(in.Body.Text))),
					Imported: s.room.Vault.Clock().UTC(), By: s.caller.Principal.Name,
				}
				if err := s.room.Vault.NoteInventory(ctx, s.caller, vault.InventoryFlows, f.Name, "SHA-256 "+f.Digest); err != nil {
					return flowFile{}, err
				}
				return flowFile{f, len(flows)}, store.PutFlows(ctx, f)
			})
		})
	handle(d, operation{method: "GET", path: "/owners", summary: "Who answers for what, in order of kind and name", section: "know"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[Page[know.Ownership]], error) {
			return knowing(ctx, s, func(store know.Store) (Page[know.Ownership], error) {
				all, err := know.Owners(ctx, s.room.Vault, store, s.caller)
				if err != nil {
					return Page[know.Ownership]{}, err
				}
				return listed(all, in.Paging, func(o know.Ownership) string { return o.What + "\x00" + o.Name })
			})
		})
	handle(d, operation{method: "PUT", path: "/owners/buckets/{bucket}", summary: "Name the person who answers for a bucket: its tag owner", section: "know"},
		func(ctx context.Context, s session, in *struct {
			BucketName
			Body OwnedBy
		}) (*answer[OwnedBy], error) {
			return answering(in.Body, owned(know.SetOwner(ctx, s.room.Vault, nil, s.caller, "bucket", in.Bucket, in.Body.Owner)))
		})
	handle(d, operation{method: "PUT", path: "/owners/sources/{name}", summary: "Name the person who answers for a source outside", section: "know"},
		func(ctx context.Context, s session, in *struct {
			Named
			Body OwnedBy
		}) (*answer[OwnedBy], error) {
			return knowing(ctx, s, func(store know.Store) (OwnedBy, error) {
				return in.Body, owned(know.SetOwner(ctx, s.room.Vault, store, s.caller, "source", in.Name, in.Body.Owner))
			})
		})
}

// owned says of what is not there that it is not there.
func owned(err error) error {
	if errors.Is(err, know.ErrNobody) || errors.Is(err, know.ErrNoSource) {
		return notThere(err.Error())
	}
	return err
}

// shownScan is a scan without where it goes on and what it draws by.
func shownScan(s *know.Scan) *know.Scan {
	if s == nil {
		return nil
	}
	shown := *s
	shown.Cursor, shown.Seed = nil, nil
	return &shown
}

// stock takes the inventory of the room on the caller's behalf, and tells how sources stand.
func (s session) stock(ctx context.Context, store know.Store, since time.Time) (know.Inventory, []know.SourceState, error) {
	i, err := know.Own(ctx, s.room.Vault, s.caller, since)
	if err != nil {
		return i, nil, err
	}
	states, err := know.SourceStates(ctx, store, s.room.Vault.Clock())
	return i, states, err
}
