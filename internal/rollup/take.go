package rollup

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"strongroom"
	"strongroom/monitor"
)

// Grains of cells.
const (
	allTime = iota
	week
	day
	hour
)

const (
	hourLength = int64(time.Hour / time.Millisecond)
	dayLength  = 24 * hourLength
)

// startOf counts the grain's periods from 1970 to a time in milliseconds. Weeks begin on
// Monday; 1970 began on a Thursday.
func startOf(grain int, ms int64) int64 {
	switch grain {
	case week:
		return (ms/dayLength + 3) / 7
	case day:
		return ms / dayLength
	case hour:
		return ms / hourLength
	}
	return 0
}

// everybody is the actor of the cells of all actors together.
const everybody = 0

type cellKey struct {
	grain               int
	start, actor, facet int64
}

type cellSums struct{ n, bytes, first, last int64 }

type useKey struct{ object, actor int64 }

type useSums struct{ opened, downloaded, other, refused, bytes, first, last, latest int64 }

type lease struct {
	at, actor, facet, object, size, counted int64
	resumed                                 bool
	stored, ended                           bool // a row is there; none is to be left
}

// Take implements monitor.Rollups.
func (r *Rollups) Take(ctx context.Context, events []strongroom.Event, next int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	conn, err := r.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := r.take(ctx, tx, events, next); err != nil {
		r.forget()
		return fmt.Errorf("counting the records before %d: %w", next, err)
	}
	if err := tx.Commit(); err != nil {
		r.forget()
		return fmt.Errorf("keeping the counts of the records before %d: %w", next, err)
	}
	return nil
}

// forget has the next Take read again what rests in the database.
func (r *Rollups) forget() { r.dims = nil }

func (r *Rollups) take(ctx context.Context, tx *sql.Tx, events []strongroom.Event, next int64) error {
	position, err := meta(ctx, tx, "position")
	if err != nil {
		return err
	}
	generation, err := meta(ctx, tx, "generation")
	if err != nil {
		return err
	}
	if next <= position {
		return nil // another process counted them
	}
	for len(events) > 0 && events[0].Index < position {
		events = events[1:]
	}
	for i := range events {
		if events[i].Index != position+int64(i) {
			return fmt.Errorf("record %d was told where %d is next", events[i].Index, position+int64(i))
		}
	}
	if position+int64(len(events)) != next {
		return fmt.Errorf("%d records were told from %d on, which does not end before %d", len(events), position, next)
	}
	heed, err := meta(ctx, tx, "heed")
	if err != nil {
		return err
	}
	for i := range events {
		if monitor.IsErasure(&events[i]) && events[i].Index >= heed {
			// What was counted may name what is erased: count again what is left.
			r.forget()
			if err := empty(ctx, tx); err != nil {
				return err
			}
			return setMeta(ctx, tx, "heed", next)
		}
	}
	if r.dims == nil || r.dims.position != position || r.dims.generation != generation {
		if r.dims, err = r.loadDims(ctx, tx); err != nil {
			return err
		}
		r.dims.position, r.dims.generation = position, generation
	}
	b := batch{dims: r.dims, cells: map[cellKey]cellSums{}, uses: map[useKey]useSums{}, leases: map[strongroom.ID]*lease{}}
	if err := b.dims.begin(ctx, tx); err != nil {
		return err
	}
	defer b.dims.end()
	for i := range events {
		if err := b.add(ctx, &events[i]); err != nil {
			return fmt.Errorf("record %d: %w", events[i].Index, err)
		}
	}
	if err := b.write(ctx); err != nil {
		return err
	}
	r.dims.position = next
	return setMeta(ctx, tx, "position", next)
}

func setMeta(ctx context.Context, tx *sql.Tx, name string, value int64) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", name, value)
	return err
}

// batch gathers what some events add before it is written.
type batch struct {
	*dims
	cells  map[cellKey]cellSums
	uses   map[useKey]useSums
	leases map[strongroom.ID]*lease
	traces []trace
}

// trace is that a record is about an object.
type trace struct{ object, record int64 }

func (b *batch) add(ctx context.Context, e *strongroom.Event) error {
	if version := monitor.About(e); !version.IsZero() {
		c := monitor.Count{Object: version}
		if e.Question != nil {
			c.Bucket, c.Key, c.Size = e.Question.Resource.Bucket, e.Question.Resource.Key, e.Question.Resource.Size
		}
		o, err := b.object(ctx, &c)
		if err != nil {
			return err
		}
		b.traces = append(b.traces, trace{o.id, e.Index})
	}
	switch {
	case monitor.IsDelivery(e):
		return b.deliver(ctx, e)
	case monitor.IsResumption(e):
		l, err := b.lease(ctx, e.Lease)
		if l != nil {
			l.resumed = true
		}
		return err
	}
	for _, c := range monitor.Counts(e) {
		if err := b.count(ctx, &c); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) count(ctx context.Context, c *monitor.Count) error {
	actor, err := b.actor(ctx, c.Actor, c.Who)
	if err != nil {
		return err
	}
	f, err := b.facet(ctx, c)
	if err != nil {
		return err
	}
	at, bytes := c.Time.UnixMilli(), c.Bytes
	var o object
	if !c.Object.IsZero() {
		if o, err = b.object(ctx, c); err != nil {
			return err
		}
	}
	if !c.Lease.IsZero() {
		size := max(c.Size, o.size)
		b.leases[c.Lease] = &lease{at: at, actor: actor, facet: f, object: o.id, size: size, counted: size}
		bytes = size
	}
	b.cell(at, actor, f, cellSums{c.N, bytes, at, at})
	if o.id != 0 {
		u := useSums{first: at, last: at}
		switch {
		case c.Outcome == strongroom.Refused:
			u.refused = c.N
		case c.Opened():
			u.opened, u.latest, u.bytes = c.N, at, bytes
		case c.Downloaded():
			u.downloaded = c.N
		default:
			u.other = c.N
		}
		b.use(o.id, actor, u)
	}
	return nil
}

// deliver corrects what the release of a delivery counts with. One whose lease is not
// known, since it ended, adds nothing.
func (b *batch) deliver(ctx context.Context, e *strongroom.Event) error {
	l, err := b.lease(ctx, e.Lease)
	if err != nil || l == nil {
		return err
	}
	counted, more := monitor.Delivered(l.counted, l.size, l.resumed, e)
	l.counted, l.ended = counted, e.Final
	if more != 0 {
		b.cell(l.at, l.actor, l.facet, cellSums{0, more, math.MaxInt64, 0})
		if l.object != 0 {
			b.use(l.object, l.actor, useSums{bytes: more, first: math.MaxInt64})
		}
	}
	return nil
}

// cell adds to the cells of every grain, of the actor and of everybody, with names and bare.
func (b *batch) cell(at, actor, facet int64, s cellSums) {
	kin := b.kin[facet]
	for grain := allTime; grain <= hour; grain++ {
		start := startOf(grain, at)
		for _, k := range [...]cellKey{{grain, start, actor, facet}, {grain, start, actor, kin.bare}, {grain, start, everybody, kin.groupless}, {grain, start, everybody, kin.bare}} {
			have, ok := b.cells[k]
			if !ok {
				have.first = math.MaxInt64
			}
			b.cells[k] = cellSums{have.n + s.n, have.bytes + s.bytes, min(have.first, s.first), max(have.last, s.last)}
		}
	}
}

func (b *batch) use(object, actor int64, s useSums) {
	k := useKey{object, actor}
	have, ok := b.uses[k]
	if !ok {
		have.first = math.MaxInt64
	}
	b.uses[k] = useSums{have.opened + s.opened, have.downloaded + s.downloaded, have.other + s.other, have.refused + s.refused, have.bytes + s.bytes,
		min(have.first, s.first), max(have.last, s.last), max(have.latest, s.latest)}
}

// lease finds a lease that has not ended, or nil.
func (b *batch) lease(ctx context.Context, id strongroom.ID) (*lease, error) {
	if l := b.leases[id]; l != nil {
		if l.ended {
			return nil, nil
		}
		return l, nil
	}
	l := &lease{stored: true}
	err := b.row(ctx, "SELECT at, actor, facet, object, size, counted, resumed FROM lease WHERE id = ?", id[:]).
		Scan(&l.at, &l.actor, &l.facet, &l.object, &l.size, &l.counted, &l.resumed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	b.leases[id] = l
	return l, nil
}

// write adds the batch to the database, in the order of the keys so that neighbours
// are written together.
func (b *batch) write(ctx context.Context) error {
	cells := slices.SortedFunc(maps.Keys(b.cells), func(x, y cellKey) int {
		return cmp.Or(x.grain-y.grain, cmp.Compare(x.start, y.start), cmp.Compare(x.actor, y.actor), cmp.Compare(x.facet, y.facet))
	})
	for _, k := range cells {
		s := b.cells[k]
		if err := b.exec(ctx, `INSERT INTO cell VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
			n = n + excluded.n, bytes = bytes + excluded.bytes, first = min(first, excluded.first), last = max(last, excluded.last)`,
			k.grain, k.start, k.actor, k.facet, s.n, s.bytes, s.first, s.last); err != nil {
			return err
		}
	}
	uses := slices.SortedFunc(maps.Keys(b.uses), func(x, y useKey) int {
		return cmp.Or(cmp.Compare(x.object, y.object), cmp.Compare(x.actor, y.actor))
	})
	for _, k := range uses {
		s := b.uses[k]
		if err := b.exec(ctx, `INSERT INTO use VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
			opened = opened + excluded.opened, downloaded = downloaded + excluded.downloaded, other = other + excluded.other, refused = refused + excluded.refused, bytes = bytes + excluded.bytes,
			first = min(first, excluded.first), last = max(last, excluded.last), latest = max(latest, excluded.latest)`,
			k.object, k.actor, s.opened, s.downloaded, s.other, s.refused, s.bytes, s.first, s.last, s.latest); err != nil {
			return err
		}
	}
	slices.SortFunc(b.traces, func(x, y trace) int { return cmp.Or(cmp.Compare(x.object, y.object), cmp.Compare(x.record, y.record)) })
	for _, t := range b.traces {
		if err := b.exec(ctx, "INSERT OR IGNORE INTO trace VALUES (?, ?)", t.object, t.record); err != nil {
			return err
		}
	}
	for id, l := range b.leases {
		var err error
		switch {
		case l.ended && l.stored:
			err = b.exec(ctx, "DELETE FROM lease WHERE id = ?", id[:])
		case l.ended:
		default:
			err = b.exec(ctx, "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?)", id[:], l.at, l.actor, l.facet, l.object, l.size, l.counted, l.resumed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Topics of names.
const (
	topicBucket = iota + 1
	topicQueue
	topicClasses
	topicGroups
)

// Names beyond these many of a topic count as otherName: what those who are refused ask
// for, and what those who store declare, must not grow the rollups without end.
const (
	mostNames        = 1 << 16
	mostRefusedNames = 1 << 10
	otherName        = "(other)"
)

type nameKey struct {
	topic int
	hash  [16]byte
}

type facetKey struct {
	bare                           bool
	action                         string
	refused, untold                bool
	bucket, queue, classes, groups int64
}

// kin are the facets that count the same as another one.
type kin struct{ bare, groupless int64 }

type object struct {
	id, size int64
	told     bool
}

// mostObjects bounds how many objects' ids are kept in memory.
const mostObjects = 1 << 17

// dims are the ids given to actors, names, facets and objects so far, those of objects in
// part. Ids are given in the order in which the ledger brings what they stand for.
type dims struct {
	keys                 keys
	position, generation int64
	actors               map[string]int64
	told                 map[int64]bool // actors whose principal is known
	names                map[nameKey]int64
	plain                map[string]int64 // topic and name → id, to spare a hash
	topics               map[int]int
	facets               map[facetKey]int64
	kin                  map[int64]kin
	objects              map[strongroom.ID]object
	lastObject           int64

	tx       *sql.Tx
	prepared map[string]*sql.Stmt
}

func (d *dims) begin(_ context.Context, tx *sql.Tx) error {
	d.tx, d.prepared = tx, map[string]*sql.Stmt{}
	return nil
}

func (d *dims) end() {
	for _, s := range d.prepared {
		s.Close()
	}
	d.tx, d.prepared = nil, nil
}

// statement prepares a query once in a transaction.
func (d *dims) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := d.prepared[query]; s != nil {
		return s, nil
	}
	s, err := d.tx.PrepareContext(ctx, query)
	if err == nil {
		d.prepared[query] = s
	}
	return s, err
}

func (d *dims) exec(ctx context.Context, query string, args ...any) error {
	s, err := d.statement(ctx, query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(ctx, args...)
	return err
}

func (d *dims) row(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := d.statement(ctx, query)
	if err != nil {
		return d.tx.QueryRowContext(ctx, query, args...) // a Row that carries the error
	}
	return s.QueryRowContext(ctx, args...)
}

func (r *Rollups) loadDims(ctx context.Context, on querier) (*dims, error) {
	d := &dims{keys: r.keys, actors: map[string]int64{}, told: map[int64]bool{}, names: map[nameKey]int64{}, plain: map[string]int64{}, topics: map[int]int{},
		facets: map[facetKey]int64{}, kin: map[int64]kin{}, objects: map[strongroom.ID]object{}}
	if err := each(ctx, on, "SELECT id, pseudonym, sealed IS NOT NULL FROM actor", func(scan func(...any) error) error {
		var id int64
		var pseudonym string
		var told bool
		err := scan(&id, &pseudonym, &told)
		d.actors[pseudonym], d.told[id] = id, told
		return err
	}); err != nil {
		return nil, err
	}
	if err := each(ctx, on, "SELECT id, topic, hash FROM name", func(scan func(...any) error) error {
		var id int64
		var k nameKey
		var hash []byte
		if err := scan(&id, &k.topic, &hash); err != nil || len(hash) != len(k.hash) {
			return errors.Join(err, fmt.Errorf("name %d has a hash of %d bytes", id, len(hash)))
		}
		k.hash = [16]byte(hash)
		d.names[k] = id
		d.topics[k.topic]++
		return nil
	}); err != nil {
		return nil, err
	}
	if err := each(ctx, on, "SELECT id, bare, action, refused, untold, bucket, queue, classes, groups FROM facet", func(scan func(...any) error) error {
		var id int64
		var k facetKey
		err := scan(&id, &k.bare, &k.action, &k.refused, &k.untold, &k.bucket, &k.queue, &k.classes, &k.groups)
		d.facets[k] = id
		return err
	}); err != nil {
		return nil, err
	}
	for k, id := range d.facets {
		bare, groupless := k.kin()
		d.kin[id] = kin{d.facets[bare], d.facets[groupless]}
	}
	return d, on.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM object").Scan(&d.lastObject)
}

// each reads the rows of a query.
func each(ctx context.Context, on querier, query string, take func(scan func(...any) error) error, args ...any) error {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := take(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// sealedActor is what is sealed of an actor: what does not change while they are one.
type sealedActor struct {
	ID   strongroom.ID `json:"id"`
	Name string        `json:"name"`
	Kind string        `json:"kind"`
}

func (d *dims) actor(ctx context.Context, pseudonym string, who *strongroom.Principal) (int64, error) {
	id, known := d.actors[pseudonym]
	if known && (who == nil || d.told[id]) {
		return id, nil
	}
	if !known {
		id = int64(len(d.actors)) + 1
	}
	var sealed []byte
	if who != nil {
		plain, err := json.Marshal(sealedActor{who.ID, who.Name, string(who.Kind)})
		if err != nil {
			return 0, err
		}
		sealed = d.keys.seal("actor", id, plain)
	}
	d.actors[pseudonym], d.told[id] = id, who != nil
	return id, d.exec(ctx, "INSERT INTO actor VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed", id, pseudonym, sealed)
}

// name answers the id of a name, 0 of none.
func (d *dims) name(ctx context.Context, topic int, value string, refused bool) (int64, error) {
	if value == "" {
		return 0, nil
	}
	plain := string(rune(topic)) + value
	if id, ok := d.plain[plain]; ok {
		return id, nil
	}
	k := nameKey{topic, d.keys.digest("name", string(rune(topic)), value)}
	id, known := d.names[k]
	if !known {
		most := mostNames
		if refused {
			most = mostRefusedNames
		}
		if d.topics[topic] >= most && value != otherName {
			return d.name(ctx, topic, otherName, refused)
		}
		id = int64(len(d.names)) + 1
		if err := d.exec(ctx, "INSERT INTO name VALUES (?, ?, ?, ?)", id, topic, k.hash[:], d.keys.seal("name", id, []byte(value))); err != nil {
			return 0, err
		}
		d.names[k] = id
		d.topics[topic]++
	}
	d.plain[plain] = id
	return id, nil
}

func (d *dims) facet(ctx context.Context, c *monitor.Count) (int64, error) {
	k := facetKey{action: string(c.Action), refused: c.Outcome == strongroom.Refused, untold: c.Untold}
	var err error
	if k.bucket, err = d.name(ctx, topicBucket, c.Bucket, k.refused); err != nil {
		return 0, err
	}
	if k.queue, err = d.name(ctx, topicQueue, c.Queue, k.refused); err != nil {
		return 0, err
	}
	if k.classes, err = d.name(ctx, topicClasses, joined(c.Classes), k.refused); err != nil {
		return 0, err
	}
	if k.groups, err = d.name(ctx, topicGroups, joined(c.Groups), k.refused); err != nil {
		return 0, err
	}
	if id, known := d.facets[k]; known && d.kin[id].bare != 0 {
		return id, nil
	}
	bare, groupless := k.kin()
	id, err := d.facetID(ctx, k)
	if err != nil {
		return 0, err
	}
	var of kin
	if of.groupless, err = d.facetID(ctx, groupless); err != nil {
		return 0, err
	}
	if of.bare, err = d.facetID(ctx, bare); err != nil {
		return 0, err
	}
	d.kin[id] = of
	return id, nil
}

// kin answers the keys of the facets that count the same without names, and without groups.
func (k facetKey) kin() (bare, groupless facetKey) {
	groupless = k
	groupless.groups = 0
	return facetKey{bare: true, action: k.action, refused: k.refused, untold: k.untold}, groupless
}

func (d *dims) facetID(ctx context.Context, k facetKey) (int64, error) {
	id, known := d.facets[k]
	if known {
		return id, nil
	}
	id = int64(len(d.facets)) + 1
	d.facets[k] = id
	return id, d.exec(ctx, "INSERT INTO facet VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", id, k.bare, k.action, k.refused, k.untold, k.bucket, k.queue, k.classes, k.groups)
}

// joined is a set as one name.
func joined(set []string) string {
	if len(set) == 0 {
		return ""
	}
	b, _ := json.Marshal(set) // of strings
	return string(b)
}

func (d *dims) object(ctx context.Context, c *monitor.Count) (object, error) {
	o, known := d.objects[c.Object]
	if !known {
		err := d.row(ctx, "SELECT id, size, tag IS NOT NULL FROM object WHERE version = ?", c.Object[:]).Scan(&o.id, &o.size, &o.told)
		known = err == nil
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return o, err
		}
	}
	tells := c.Bucket != "" && c.Key != ""
	if known && (o.told || !tells) && c.Size <= o.size {
		d.remember(c.Object, o)
		return o, nil
	}
	if !known {
		d.lastObject++
		o.id = d.lastObject
	}
	o.size = max(o.size, c.Size)
	var tag, sealed []byte
	if tells {
		plain, err := json.Marshal([2]string{c.Bucket, c.Key})
		if err != nil {
			return o, err
		}
		hash := d.keys.digest("object", c.Bucket, c.Key)
		tag, sealed, o.told = hash[:], d.keys.seal("object", o.id, plain), true
	}
	d.remember(c.Object, o)
	return o, d.exec(ctx, `INSERT INTO object VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
		tag = coalesce(object.tag, excluded.tag), sealed = coalesce(object.sealed, excluded.sealed), size = excluded.size`, o.id, c.Object[:], tag, sealed, o.size)
}

func (d *dims) remember(version strongroom.ID, o object) {
	if len(d.objects) >= mostObjects {
		clear(d.objects)
	}
	d.objects[version] = o
}
