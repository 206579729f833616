package vault

import (
	"context"
	"errors"
	"sync"

	"strongroom"
	"strongroom/book"
)

// remembered are current versions that were opened a moment ago, so that whoever opens
// one again need not wait for its row to be read. It may be out of date, since other
// processes write rows too: it is a guess at what the row will turn out to be, and
// nothing is released on it before the row was looked at again.
type remembered struct {
	mu      sync.Mutex
	objects map[objectName]objectBody
	names   map[string]objectName // by id of the version
	changes uint64                // commits that wrote or dropped versions
}

type objectName struct {
	bucket strongroom.ID
	key    string
}

const (
	rememberedObjects = 1024 // at most
	rememberedParts   = 16   // objects of more parts, whose rows are large, are not
)

// at returns a moment to be given to keep, before the row is read.
func (m *remembered) at() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes
}

// keep remembers a current version, unless any was written since that moment.
func (m *remembered) keep(at uint64, b bucketRow, o objectBody) {
	if o.kind != rowObject || o.Marker || o.ByVersion || len(o.Segments) > rememberedParts || len(o.Parts) > rememberedParts {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changes != at {
		return
	}
	if m.objects == nil {
		m.objects, m.names = map[objectName]objectBody{}, map[string]objectName{}
	}
	name := objectName{b.ID, o.Key}
	if _, known := m.objects[name]; !known && len(m.objects) >= rememberedObjects {
		for other, old := range m.objects { // any
			delete(m.objects, other)
			delete(m.names, old.Version.String())
			break
		}
	}
	m.objects[name], m.names[o.Version.String()] = o, name
}

// find returns the version that a key named a moment ago.
func (m *remembered) find(b bucketRow, key string) (objectBody, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[objectName{b.ID, key}]
	o.Versioned = b.Versioning != strongroom.Unversioned
	return o, ok
}

// follow forgets what a commit changed.
func (m *remembered) follow(c book.Committed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := false
	isVersion := func(kind string) bool { return kind == rowObject || kind == rowVersion || kind == rowNull }
	forget := func(kind, id string) {
		if !isVersion(kind) {
			return
		}
		changed = true
		if name, ok := m.names[id]; ok {
			delete(m.objects, name)
			delete(m.names, id)
		}
	}
	for _, s := range c.Steps {
		for _, k := range s.Drop {
			forget(k.Kind, k.ID)
		}
		for _, row := range s.Put {
			forget(row.Kind, row.ID)
		}
		for _, k := range s.Touched {
			forget(k.Kind, k.ID)
		}
		for _, k := range s.DropUnder {
			if isVersion(k.Kind) {
				changed = true
				m.objects, m.names = nil, nil
			}
		}
	}
	if changed {
		m.changes++
	}
}

// holds reports whether a version's row is the one remembered, after all that this
// process has committed and has seen others commit.
func (m *remembered) holds(o objectBody) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	name, ok := m.names[o.Version.String()]
	if !ok {
		return false
	}
	kept := m.objects[name]
	return kept.Version == o.Version && kept.salt == o.salt
}

// stillThere answers errReplaced unless the row that a release was decided on was still
// the same when the release went on record. It is asked after that commit, which
// brought in whatever other processes had committed before. Whoever drops the row later
// finds its blob being read.
func (r *Room) stillThere(ctx context.Context, o objectBody) error {
	if r.remembered.holds(o) {
		return nil
	}
	row, err := r.Book.Row(ctx, o.kind, o.Version.String())
	switch {
	case errors.Is(err, book.ErrNoRow):
		return errReplaced
	case err != nil:
		return unavailable("the room's database cannot be read now", err)
	case row.Salt != o.salt:
		return errReplaced
	}
	return nil
}

// among reports whether a version's row, unchanged, is one of these.
func (o objectBody) among(rows []book.Row) bool {
	for _, row := range rows {
		if row.Kind == o.kind && row.ID == o.Version.String() && row.Salt == o.salt {
			return true
		}
	}
	return false
}
