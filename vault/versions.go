package vault

import (
	"context"
	"strings"

	"github.com/tidwall/btree"

	"strongroom"
)

// ListVersions lists versions and delete markers; the page is on record before it is
// answered.
func (r *Room) ListVersions(ctx context.Context, c Caller, req ListVersionsRequest) (VersionPage, error) {
	b, a, err := r.mayList(ctx, c, req.Bucket, req.Prefix, true)
	if err != nil {
		return VersionPage{}, err
	}
	page := r.listVersions(b, req)
	e := r.evidence("list-versions", a)
	e.Bucket, e.Names = b.ID, len(page.Versions)
	if err := r.note(ctx, KindList, e, a); err != nil {
		return VersionPage{}, unavailable("the listing could not be recorded", err)
	}
	return page, nil
}

func (r *Room) listVersions(b bucketRow, req ListVersionsRequest) VersionPage {
	r.state.mu.Lock() // copying a tree writes to it
	if r.state.index[b.ID] == nil {
		r.state.mu.Unlock()
		return VersionPage{}
	}
	all := versions{current: r.state.index[b.ID].Copy().Iter(), older: r.state.history[b.ID].Copy().Iter()}
	after := r.marked(b.ID, req)
	r.state.mu.Unlock()
	defer all.release()

	var page VersionPage
	for e, more := all.seek(max(req.Prefix, req.AfterKey)); more; {
		if !strings.HasPrefix(e.key, req.Prefix) {
			break
		}
		prefix, rolled := rollUp(e.key, req.Prefix, req.Delimiter)
		switch {
		case rolled && prefix <= req.AfterKey, !rolled && after(e):
		case len(page.Versions)+len(page.Prefixes) == req.Max:
			page.Truncated = true
			return page
		case rolled:
			page.Prefixes = append(page.Prefixes, prefix)
			page.NextKey, page.NextVersion = prefix, ""
		default:
			o := e.object(b)
			page.Versions = append(page.Versions, o)
			page.NextKey, page.NextVersion = o.Key, o.VersionName()
		}
		if !rolled {
			e, more = all.next()
		} else if beyond := greaterThanAll(prefix); beyond == "" {
			break
		} else {
			e, more = all.seek(beyond)
		}
	}
	page.NextKey, page.NextVersion = "", ""
	return page
}

// marked answers which versions a listing has told already. Where the version that it
// goes on after was deleted meanwhile, its key's remaining versions are older and have
// not been told. The caller holds the state's lock.
func (r *Room) marked(bucket strongroom.ID, req ListVersionsRequest) func(*entry) bool {
	if req.AfterVersion == "" {
		return func(e *entry) bool { return e.key <= req.AfterKey && req.AfterKey != "" }
	}
	told, found := uint64(0), false
	if req.AfterVersion == "null" {
		for _, at := range []func() (*entry, bool){
			func() (*entry, bool) { return r.state.index[bucket].Get(&entry{key: req.AfterKey}) },
			func() (e *entry, ok bool) {
				r.state.history[bucket].Ascend(&entry{key: req.AfterKey, sequence: ^uint64(0)}, func(h *entry) bool {
					if h.key == req.AfterKey && h.null {
						e, ok = h, true
					}
					return h.key == req.AfterKey && !ok
				})
				return e, ok
			},
		} {
			if e, ok := at(); ok && e.null {
				told, found = e.sequence, true
			}
		}
	} else if id, err := strongroom.ParseID(req.AfterVersion); err == nil {
		if at, ok := r.state.versions[id]; ok && at.bucket == bucket && at.key == req.AfterKey {
			told, found = at.sequence, true
		}
	}
	return func(e *entry) bool {
		return e.key < req.AfterKey || e.key == req.AfterKey && found && e.sequence >= told
	}
}

// versions goes through index and history of a bucket as one, in order of key, each
// key's newest version first.
type versions struct {
	current, older         btree.IterG[*entry]
	moreCurrent, moreOlder bool
}

func (v *versions) release() {
	v.current.Release()
	v.older.Release()
}

func (v *versions) seek(key string) (*entry, bool) {
	v.moreCurrent = v.current.Seek(&entry{key: key})
	v.moreOlder = v.older.Seek(&entry{key: key, sequence: ^uint64(0)})
	return v.least()
}

// next steps over what least answered.
func (v *versions) next() (*entry, bool) {
	if v.fromCurrent() {
		v.moreCurrent = v.current.Next()
	} else {
		v.moreOlder = v.older.Next()
	}
	return v.least()
}

// fromCurrent reports whether the index has what comes next: of one key it is the newest.
func (v *versions) fromCurrent() bool {
	return v.moreCurrent && (!v.moreOlder || v.current.Item().key <= v.older.Item().key)
}

func (v *versions) least() (*entry, bool) {
	switch {
	case v.fromCurrent():
		return v.current.Item(), true
	case v.moreOlder:
		return v.older.Item(), true
	}
	return nil, false
}
