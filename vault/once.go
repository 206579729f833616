package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"strongroom"
	"strongroom/book"
	"strongroom/ledger"
)

// KindOnce is the kind of record of forgetting what was to be done once.
const KindOnce = "once"

const rowOnce = "once"

// onceRest is how long a room remembers that a change was made under a key.
const onceRest = 25 * time.Hour

// onceBatch is how many keys one record forgets.
const onceBatch = 256

type onceBody struct {
	Done time.Time `json:"done"`
}

// once is a change that is to be made once, whoever asks for it again.
type once struct {
	key   string
	spent bool
}

type onceKey struct{}

// Once lets the first change that is committed with the context be committed once only,
// by this principal under this key: the row that says so goes with it. A second one fails
// as KindRepeated, for a day. A context serves one request.
func Once(ctx context.Context, principal strongroom.ID, key string) context.Context {
	return context.WithValue(ctx, onceKey{}, &once{key: principal.String() + "\x00" + key})
}

// onceOnly adds to a change that it is made once. What writes nothing may be repeated.
func (r *Room) onceOnly(ctx context.Context, change *book.Change) error {
	o, ok := ctx.Value(onceKey{}).(*once)
	if !ok || o.spent || len(change.Put)+len(change.Drop)+len(change.DropUnder) == 0 {
		return nil
	}
	row, err := row(rowOnce, mac(r.tagKey, "once", o.key), onceBody{r.Clock().UTC()})
	if err != nil {
		return err
	}
	change.Require = append(change.Require, book.Condition{Form: book.Absent, Kind: rowOnce, ID: row.ID})
	change.Put = append(change.Put, row)
	return nil
}

// commitOnce commits what onceOnly was asked about.
func (r *Room) commitOnce(ctx context.Context, change book.Change) (book.Receipt, error) {
	receipt, err := r.Book.Apply(ctx, change)
	if c, ok := errors.AsType[*book.ConditionError](err); ok && c.Condition.Kind == rowOnce {
		return receipt, &strongroom.Error{Kind: strongroom.KindRepeated, Message: "this was done already, under the same idempotency key", Hint: "look at what it made; use another key to do it again"}
	}
	if o, ok := ctx.Value(onceKey{}).(*once); ok && err == nil && len(change.Put) > 0 {
		o.spent = true
	}
	return receipt, err
}

// forgetOnce drops the rows of changes whose repetition nobody waits for any more.
func (r *Room) forgetOnce(ctx context.Context) error {
	before := r.Clock().Add(-onceRest)
	for {
		var change book.Change
		for row, err := range r.Book.Rows(ctx, rowOnce, "") {
			if err != nil {
				return fmt.Errorf("reading what was done once: %w", err)
			}
			var b onceBody
			if err := json.Unmarshal(row.Body, &b); err == nil && b.Done.After(before) {
				continue
			}
			change.Drop = append(change.Drop, book.RowKey{Kind: row.Kind, ID: row.ID})
			if len(change.Drop) == onceBatch {
				break
			}
		}
		if len(change.Drop) == 0 {
			return nil
		}
		entry, err := newEntry(KindOnce, Evidence{Action: "once-forgotten", Marks: change.Marks()}, nil)
		if err != nil {
			return err
		}
		change.Entries = []ledger.Entry{entry}
		if _, err := r.Book.Apply(ctx, change); err != nil {
			return fmt.Errorf("forgetting what was done once: %w", err)
		}
	}
}
