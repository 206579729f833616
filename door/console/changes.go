package console

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/door"
	"strongroom/vault"
)

const (
	// lateFor is how far back Today tells what was changed, lateLook how many records
	// it looks through for that at most, and lateShown how many it shows.
	lateFor   = 7 * 24 * time.Hour
	lateLook  = 20_000
	lateShown = 8
	lateKept  = 200
	// intakeOverdue and intakeCleared are what intake calls a landing place in which
	// something lies too long, and one in which nothing does any more.
	intakeOverdue = "landing-overdue"
	intakeCleared = "landing-cleared"
	// checkMemory is how long the answer of a check counts.
	checkMemory = 10 * time.Second
	checkWait   = 2 * time.Second
)

// lateChange is one record of something that Today tells.
type lateChange struct {
	Index    int64
	At       time.Time
	Did      string
	Who      string // "" for the server itself, or whoever has its files
	Subject  string
	Operator bool
}

// notable are the acts that Today tells, each with its words.
var notable = []string{
	"policy-put", "policy-set", "principal-put", "principal-import", "principal-deactivate", "principal-activate", "principal-adopt",
	"access-key-create", "access-key-rotate", "access-key-revoke", "token-create", "token-revoke", "provider-put", "provider-remove",
	"invitation-make", "passkey-add", "passkey-revoke", "group-put", "group-remove", "directory-put", "tickets-set", "tickets-remove", "break-glass-open",
}

// changes are what was changed in a room lately. What was looked through once is not looked
// through again.
type changes struct {
	mu      sync.Mutex
	upTo    int64
	list    []lateChange           // in order of the ledger
	landing map[string]lastLanding // by the pseudonym of the intake that reported it
}

// lastLanding is what an intake said last of its landing place.
type lastLanding struct {
	Index   int64
	At      time.Time
	Overdue bool
}

// landingMost is how many intakes are told apart.
const landingMost = 64

// land takes what an intake says.
func (c *changes) land(e *strongroom.Event) {
	if c.landing == nil {
		c.landing = map[string]lastLanding{}
	}
	was, known := c.landing[e.Actor]
	if known && was.Index > e.Index || !known && len(c.landing) >= landingMost {
		return
	}
	c.landing[e.Actor] = lastLanding{e.Index, e.Time, e.Did == intakeOverdue}
}

// landed answers what was said last: the longest overdue of all landing places, or the newest
// word that nothing is; nil where nothing was said.
func (c *changes) landed() *lastLanding {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out *lastLanding
	for _, l := range c.landing {
		if out == nil || l.Overdue && (!out.Overdue || l.At.Before(out.At)) || !l.Overdue && !out.Overdue && l.At.After(out.At) {
			out = &l
		}
	}
	return out
}

// since answers what was changed from a record on, and catches up to another first.
func (c *changes) since(ctx context.Context, room *door.Room, from, to int64) ([]lateChange, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if start := max(from, c.upTo); start < to {
		var mu sync.Mutex
		var found []lateChange
		err := room.Scan(ctx, start, to, func(e *strongroom.Event) {
			if e.Kind == vault.KindFinding && (e.Did == intakeOverdue || e.Did == intakeCleared) {
				mu.Lock()
				defer mu.Unlock()
				c.land(e)
				return
			}
			if e.Outcome == strongroom.Refused || !slices.Contains(notable, e.Did) {
				return
			}
			one := lateChange{Index: e.Index, At: e.Time, Did: e.Did} // no more, since the rest may be erased
			mu.Lock()
			defer mu.Unlock()
			found = append(found, one)
		})
		if err != nil {
			return nil, err
		}
		slices.SortFunc(found, func(a, b lateChange) int { return int(a.Index - b.Index) })
		c.list, c.upTo = append(c.list, found...), to
		c.list = slices.Clone(c.list[max(0, len(c.list)-lateKept):])
	}
	return slices.DeleteFunc(slices.Clone(c.list), func(x lateChange) bool { return x.Index < from }), nil
}

// lately answers what was changed lately, newest first, once it is on record that the
// reader reads the ledger; more is how many are not shown, and cut says that only the newest
// records were looked through.
func (v *visit) lately(ctx context.Context) (out []lateChange, more int, cut bool, err error) {
	from, to, err := v.room.Range(ctx, v.c.Clock().Add(-lateFor))
	if err != nil {
		return nil, 0, false, err
	}
	if to-from > lateLook {
		from, cut = to-lateLook, true
	}
	if _, err := v.room.Vault.ReadLedger(ctx, v.caller, from, to); err != nil {
		return nil, 0, false, err
	}
	all, err := v.c.changesOf(v.room).since(ctx, v.room, from, to)
	if err != nil {
		return nil, 0, false, err
	}
	slices.Reverse(all)
	more = max(0, len(all)-lateShown)
	all = all[:len(all)-more]
	for i := range all {
		if err := v.room.Scan(ctx, all[i].Index, all[i].Index+1, all[i].tell); err != nil {
			return nil, 0, false, err
		}
	}
	return all, more, cut, nil
}

// tell takes from the record who changed what.
func (c *lateChange) tell(e *strongroom.Event) {
	c.Operator = e.Actor == "operator"
	c.Who = e.Who()
	if !strings.HasPrefix(e.Did, "policy-") && e.Did != "break-glass-open" { // whose subject is a hash, or an id
		c.Subject, _, _ = strings.Cut(e.Subject, ", ")
	}
}

func (c *console) changesOf(room *door.Room) *changes {
	one, _ := c.changed.LoadOrStore(room.Vault.ID, &changes{})
	return one.(*changes)
}

// state is one check of the room, as Today shows it.
type state struct {
	Name string // ledger, disk, custodian or blobs
	Good bool
}

// checked is the answer of a check, which counts for a while, since some cost a record.
type checked struct {
	mu   sync.Mutex
	at   time.Time
	good bool
}

// states asks the checks of this room.
func (v *visit) states(ctx context.Context) []state {
	out := make([]state, 0, len(v.c.Ready)) // it does not move while answers come in
	var wait sync.WaitGroup
	for i, check := range v.c.Ready {
		name, room, _ := strings.Cut(check.Name, " ")
		if room != v.room.Vault.ID.String() || !known("check."+name) {
			continue
		}
		out = append(out, state{Name: name})
		slot := &out[len(out)-1]
		memory, _ := v.c.checks.LoadOrStore(i, &checked{})
		wait.Go(func() {
			m := memory.(*checked)
			m.mu.Lock()
			defer m.mu.Unlock()
			if now := v.c.Clock(); now.Sub(m.at) >= checkMemory || now.Before(m.at) {
				bounded, cancel := context.WithTimeout(ctx, checkWait)
				defer cancel()
				err := check.Ask(bounded)
				m.good, m.at = err == nil, now
				if err != nil {
					v.c.Failed(check.Name, err)
				}
			}
			slot.Good = m.good
		})
	}
	wait.Wait()
	return out
}
