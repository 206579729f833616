package vault

import "strongroom"

// Locate answers by which name a version is asked for: its bucket, its key, and the version
// as Head and Open take it, "" where it is what the key names now. It is for doors whose
// addresses must name nothing: it permits nothing and is told to nobody, and whoever calls asks
// for a decision next. Delete markers are not found.
//
// What a name means may change at once. Whoever goes on by it holds the answer's
// Object.Version against the id before using it: of Open in Plan, before anything is released.
func (r *Room) Locate(id strongroom.ID) (bucket, key, version string, ok bool) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	at, ok := r.state.versions[id]
	if !ok || at.marker {
		return "", "", "", false
	}
	b, exists := r.state.buckets[at.bucket]
	if !exists {
		return "", "", "", false
	}
	if !at.latest {
		version = id.String()
		if at.null {
			version = "null"
		}
	}
	return b.Name, at.key, version, true
}
