// Package monitor tells who accessed what, when, and how often. It counts what the
// room's ledger records into rollups (cells of an hour, a day, a week and of all time,
// and the uses of each object by each principal) and answers from those alone, so that a
// question costs the same whether the ledger has a thousand records or ten million.
//
// Rollups hold no more than the ledger does, and can be made again from it at any time;
// then they are equal. They say nothing that records do not: an act whose personal part
// was erased is counted as such, and what was refused beyond the rate at which refusals
// are recorded one by one is counted with the numbers that the ledger has of it.
//
// Asking is for those whom policy lets (the vault's ReadUsage); this package does not
// ask who asks. Those who decide (limit) and those who alert use Monitor's methods
// through interfaces of their own, in nouns of the root package.
package monitor

import (
	"context"
	"iter"
	"time"

	"strongroom"
)

// Everybody stands for all actors together where an actor is asked for.
const Everybody = "*"

// Filter narrows a question; a field that is zero does not narrow it.
type Filter struct {
	// Since and Until bound the time, Until excluded. Cells are whole hours of UTC:
	// Since is rounded down and Until up to one.
	Since, Until time.Time
	Actor        string // a pseudonym; "" for each actor apart, Everybody for all in one
	// Actors are several pseudonyms, each apart; what is not nil narrows, and goes with no Actor.
	Actors  []string
	Action  strongroom.Action
	Outcome string // strongroom.Permitted or Refused
	Bucket  string
	Queue   string
	Class   string // objects whose label has this class, among others or alone
	Group   string // principals who had this group at the time
	// Bare has bucket, queue, classes and groups not told apart, which is much quicker for
	// many actors. It goes with none of the four above.
	Bare bool
}

// ObjectUse is how often one principal used one version of an object. Opened, Downloaded,
// Other and Refused are counts: openings (releases, and copies within the room), copies that
// were taken along, what else was permitted, and refusals.
type ObjectUse struct {
	Actor      string        `json:"actor"`
	Bucket     string        `json:"bucket,omitempty"`
	Key        string        `json:"key,omitempty"`
	Version    strongroom.ID `json:"version"`
	Opened     int64         `json:"opened"`
	Downloaded int64         `json:"downloaded"`
	Other      int64         `json:"other"`
	Refused    int64         `json:"refused"`
	Bytes      int64         `json:"delivered_bytes"`
	First      time.Time     `json:"first"`
	Last       time.Time     `json:"last"`
	Latest     time.Time     `json:"last_opened,omitzero"`
}

// Actor is one pseudonym in the rollups.
type Actor struct {
	Actor     string        `json:"actor"`
	Principal strongroom.ID `json:"principal,omitzero"` // where a record told
	Name      string        `json:"name,omitempty"`     // as last recorded
	Kind      string        `json:"kind,omitempty"`
}

// Hour is the count of one hour, of one outcome.
type Hour struct {
	Start   time.Time
	Outcome string
	Count   int64
}

// Spot counts what one actor did in one hour to one sort of object, with when it was
// first and last: it tells where in the ledger the records are.
type Spot struct {
	Actor       string
	Start       time.Time // of the hour
	Outcome     string
	Count       int64
	Bytes       int64 // delivered or stored
	First, Last time.Time

	Bucket, Queue string // of what, unless the filter is Bare
	Classes       []string
	Untold        bool
}

// Rollups is where the counts rest. An adapter keeps them in a database.
type Rollups interface {
	// Position is the index of the first record that is not counted yet.
	Position(ctx context.Context) (int64, error)
	// Take counts events in order of index, of which those before the position are
	// counted already, and keeps next as the new position, in one transaction.
	Take(ctx context.Context, events []strongroom.Event, next int64) error
	// Uses sums the cells that a filter lets through, by all that a Use tells apart.
	Uses(ctx context.Context, f Filter) ([]strongroom.Use, error)
	// Hours sums the cells that a filter lets through by the hour, in order of time.
	Hours(ctx context.Context, f Filter) ([]Hour, error)
	// Spots are the cells of hours that a filter lets through, the latest first: of
	// Everybody where it names no actor.
	Spots(ctx context.Context, f Filter) ([]Spot, error)
	// Releases sums the openings of the hours that start at the times given, by actor and
	// start in milliseconds since 1970.
	Releases(ctx context.Context, actor string, hours []time.Time) (map[string]map[int64]int64, error)
	// Members answers who of a group did anything in the week (from Monday, UTC) of a time.
	Members(ctx context.Context, group string, week time.Time) ([]string, error)
	// Distinct counts the objects that an actor opened since a time.
	Distinct(ctx context.Context, actor string, since time.Time) (int64, error)
	// ObjectsOf lists objects that an actor used, those opened last first; at most n.
	ObjectsOf(ctx context.Context, actor string, n int) ([]ObjectUse, error)
	// UsesOf lists who used the versions of a key, at most n, those who used them last first.
	UsesOf(ctx context.Context, bucket, key string, n int) ([]ObjectUse, error)
	// Trace lists the indexes of the records about a version that come before one, at most
	// n, the last first.
	Trace(ctx context.Context, version strongroom.ID, before int64, n int) ([]int64, error)
	// Actors lists all pseudonyms.
	Actors(ctx context.Context) ([]Actor, error)
}

// Monitor answers from rollups.
type Monitor struct {
	rollups Rollups
	clock   func() time.Time
}

// New makes a Monitor. The clock says what hour it is now.
func New(r Rollups, clock func() time.Time) *Monitor { return &Monitor{r, clock} }

// Position is the index of the first record that no answer counts yet.
func (m *Monitor) Position(ctx context.Context) (int64, error) { return m.rollups.Position(ctx) }

// Usage tells who did what to what from since (rounded down to an hour of UTC) to until
// (rounded up), a Use for each principal, groups, action, outcome, bucket, queue and
// classes. Zero times do not bound it; then it is quickest.
func (m *Monitor) Usage(ctx context.Context, since, until time.Time) iter.Seq2[strongroom.Use, error] {
	return func(yield func(strongroom.Use, error) bool) {
		uses, err := m.rollups.Uses(ctx, Filter{Since: since, Until: until})
		if err != nil {
			yield(strongroom.Use{}, err)
			return
		}
		for _, u := range uses {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// Uses tells the same of what a filter lets through.
func (m *Monitor) Uses(ctx context.Context, f Filter) ([]strongroom.Use, error) {
	return m.rollups.Uses(ctx, f)
}

// Hours counts what a filter lets through by the hour, permitted and refused apart, in
// order of time; hours without any are left out.
func (m *Monitor) Hours(ctx context.Context, f Filter) ([]Hour, error) {
	return m.rollups.Hours(ctx, f)
}

// Spots are the cells of hours that a filter lets through, the latest first: of Everybody
// where it names no actor.
func (m *Monitor) Spots(ctx context.Context, f Filter) ([]Spot, error) {
	return m.rollups.Spots(ctx, f)
}

// ObjectsOf lists objects that an actor used, those opened last first; at most n.
func (m *Monitor) ObjectsOf(ctx context.Context, actor string, n int) ([]ObjectUse, error) {
	return m.rollups.ObjectsOf(ctx, actor, n)
}

// Trace lists the indexes of the counted records about a version that come before one, the
// last first; at most n.
func (m *Monitor) Trace(ctx context.Context, version strongroom.ID, before int64, n int) ([]int64, error) {
	return m.rollups.Trace(ctx, version, before, n)
}

// UsesOf lists who used the versions of a key, those who used them last first; at most n.
func (m *Monitor) UsesOf(ctx context.Context, bucket, key string, n int) ([]ObjectUse, error) {
	return m.rollups.UsesOf(ctx, bucket, key, n)
}

// Actors lists the pseudonyms that the records name.
func (m *Monitor) Actors(ctx context.Context) ([]Actor, error) { return m.rollups.Actors(ctx) }

// InHour counts the releases to an actor in the hour (of UTC) that a time lies in.
func (m *Monitor) InHour(ctx context.Context, actor string, at time.Time) (int64, error) {
	return m.Between(ctx, actor, at, at)
}

// Between counts the releases to an actor in the hours from that of since to that of
// last, both included, at most 10,000 hours.
func (m *Monitor) Between(ctx context.Context, actor string, since, last time.Time) (int64, error) {
	var n int64
	hours := hoursBetween(since, last)
	counts, err := m.rollups.Releases(ctx, actor, hours)
	for _, c := range counts[actor] {
		n += c
	}
	return n, err
}

// Distinct counts the objects (versions) that an actor opened since a time, exactly.
func (m *Monitor) Distinct(ctx context.Context, actor string, since time.Time) (int64, error) {
	return m.rollups.Distinct(ctx, actor, since)
}

// Seen tells when an actor first opened an object whose label has a class, and whether
// they ever did. Records whose personal part is erased do not tell classes.
func (m *Monitor) Seen(ctx context.Context, actor, class string) (first time.Time, ok bool, err error) {
	uses, err := m.rollups.Uses(ctx, Filter{Actor: actor, Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted, Class: class})
	for _, u := range uses {
		if !ok || u.First.Before(first) {
			first, ok = u.First, true
		}
	}
	return first, ok, err
}

func hoursBetween(first, last time.Time) []time.Time {
	const most = 10_000
	var out []time.Time
	for h := first.UTC().Truncate(time.Hour); !h.After(last) && len(out) < most; h = h.Add(time.Hour) {
		out = append(out, h)
	}
	return out
}
