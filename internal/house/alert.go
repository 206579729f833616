package house

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"strongroom"
	"strongroom/alert"
	"strongroom/book"
	"strongroom/internal/alertstore"
	"strongroom/internal/push"
	"strongroom/internal/store"
	"strongroom/limit"
	"strongroom/release"
	"strongroom/vault"
)

// openAlerts opens what alerts: it is told what the ledger records, and sends beside the
// room.
func openAlerts(ctx context.Context, h *House, o Options) (Watcher, error) {
	engine, s, err := h.alertEngine(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := s.Unclaim(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	h.trouble.to.Store(engine)
	return alertWatcher{engine, s}, nil
}

// alertWatcher closes the store with the engine.
type alertWatcher struct {
	*alert.Engine
	store *alertstore.Store
}

func (w alertWatcher) Close() error { return w.store.Close() }

func (h *House) alertEngine(ctx context.Context, o Options) (*alert.Engine, *alertstore.Store, error) {
	s, err := alertstore.Open(ctx, filepath.Join(h.Path, "alerts.db"), h.key, h.Book.Head().Size)
	if err != nil {
		return nil, nil, err
	}
	return alert.New(alert.Config{
		Room: h.ID, RoomName: h.Name, Store: s, Sender: push.Sender{Clock: o.Clock},
		Setup: func(ctx context.Context) (alert.Setup, error) {
			setup, err := alert.SetupOf(ctx, h.Room)
			setup.Settings.PublicURL = cmp.Or(setup.Settings.PublicURL, o.PublicURL)
			return setup, err
		},
		Gone: func(ctx context.Context, channel, why string) error {
			return h.Room.EndAlertSetting(ctx, "channel", channel, why)
		},
		Usage: usage{h}, Policies: policies{h}, Clock: o.Clock, Log: o.Log,
	}), s, nil
}

// usage is what monitoring knows of habits, where the room is being served.
type usage struct{ h *House }

func (u usage) Usual(ctx context.Context, actor string, at time.Time, weeks int) (strongroom.Baseline, error) {
	if m := u.h.Monitor(); m != nil {
		return m.Usual(ctx, actor, at, weeks)
	}
	return strongroom.Baseline{}, nil
}

// policies judges changes of policy by what is on record.
type policies struct{ h *House }

// What is looked at of the ledger: decisions of so long before a change, the newest of them.
const (
	comparedDays      = 7
	comparedQuestions = 20_000
	comparedRecords   = 100_000
)

// Loosens implements alert.Policies.
func (p policies) Loosens(ctx context.Context, change *strongroom.Event) (bool, string, error) {
	next, err := p.putBy(ctx, change.Index)
	if err != nil {
		return false, "", err
	}
	text, err := p.h.Room.PolicySet(ctx, change.PolicySet)
	if err != nil {
		return false, "", fmt.Errorf("reading the policies before record %d: %w", change.Index, err)
	}
	was, err := limit.Parse(text)
	if err != nil {
		return false, "", fmt.Errorf("the policies before record %d: %w", change.Index, err)
	}
	questions, err := p.asked(ctx, change)
	if err != nil {
		return false, "", err
	}
	found := limit.Compare(was, next, questions, change.Time)
	return found.Verdict.Loose(), found.Sentence(), nil
}

// putBy is the policy set that a record put in force: of those it wrote the longest, since a
// room's whole set is what is no bucket's, and then what is.
func (p policies) putBy(ctx context.Context, index int64) (*limit.Set, error) {
	record, err := p.h.Book.Record(ctx, index)
	if err != nil {
		return nil, fmt.Errorf("reading record %d: %w", index, err)
	}
	var wrote book.Marks
	if err := json.Unmarshal(record.Evidence, &wrote); err != nil {
		return nil, fmt.Errorf("record %d: reading what it wrote: %w", index, err)
	}
	var whole []byte
	for _, m := range wrote.Rows {
		if m.Kind != vault.RowPolicySet {
			continue
		}
		text, err := p.h.Room.PolicySet(ctx, m.ID)
		if err != nil {
			return nil, fmt.Errorf("reading the policies of record %d: %w", index, err)
		}
		if len(text) > len(whole) {
			whole = text
		}
	}
	set, err := limit.Parse(whole)
	if err != nil {
		return nil, fmt.Errorf("the policies of record %d: %w", index, err)
	}
	return set, nil
}

// asked is what was asked before a change, the newest first.
func (p policies) asked(ctx context.Context, change *strongroom.Event) ([]strongroom.Question, error) {
	from, err := FirstSince(ctx, p.h.Book, change.Time.AddDate(0, 0, -comparedDays))
	if err != nil {
		return nil, err
	}
	from = max(from, change.Index-comparedRecords)
	var out []strongroom.Question
	var reader vault.EventReader
	for to := change.Index; to > from && len(out) < comparedQuestions; to -= scanPage {
		var page []strongroom.Question
		err := scan(ctx, p.h.Book, &reader, max(from, to-scanPage), to, func(e *strongroom.Event) {
			if e.Question != nil && e.Decision != nil {
				page = append(page, *e.Question)
			}
		})
		if err != nil {
			return nil, err
		}
		slices.Reverse(page)
		out = append(out, page...)
	}
	return out[:min(len(out), comparedQuestions)], nil
}

// Alerts is where people meet the room's alerts, beside whoever serves the room. Whoever
// asked closes it.
func (h *House) Alerts(ctx context.Context) (_ *alert.Desk, done func() error, err error) {
	engine, s, err := h.alertEngine(ctx, Options{Clock: h.Room.Clock, Log: h.Room.Log})
	if err != nil {
		return nil, nil, err
	}
	return &alert.Desk{
		Room: h.Room, Engine: engine, NewVAPID: push.NewVAPID,
		Check: func(c alert.Channel) error {
			if err := push.Check(c); err != nil || c.Kind != alert.WebPush {
				return err
			}
			return push.CheckSubscription(c)
		},
	}, s.Close, nil
}

// watchedCustodian tells of keys that were not given.
type watchedCustodian struct {
	vault.Custodian
	trouble *troubleshooter
}

func (w watchedCustodian) Unwrap(ctx context.Context, r release.UnwrapRequest) (release.UnwrapResponse, error) {
	answer, err := w.Custodian.Unwrap(ctx, r)
	if err != nil && ctx.Err() == nil {
		w.trouble.report(alert.TroubleCustody, "a key was not given")
	}
	return answer, err
}

// watchedBook tells of records that could not be written.
type watchedBook struct {
	*store.Book
	trouble *troubleshooter
}

func (w watchedBook) Apply(ctx context.Context, c book.Change) (book.Receipt, error) {
	receipt, err := w.Book.Apply(ctx, c)
	if strongroom.KindOf(err) == strongroom.KindUnavailable && ctx.Err() == nil {
		w.trouble.report(alert.TroubleLedger, "a record could not be appended")
	}
	return receipt, err
}

// troubleshooter passes on what the server reports of itself, once somebody listens.
type troubleshooter struct{ to atomic.Pointer[alert.Engine] }

func (t *troubleshooter) report(kind, detail string) {
	if e := t.to.Load(); e != nil {
		e.Trouble(kind, detail)
	}
}
