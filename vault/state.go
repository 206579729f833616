package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/tidwall/btree"

	"strongroom"
	"strongroom/book"
	"strongroom/people"
	"strongroom/seal"
)

// Kinds of row.
const (
	rowBucket     = "bucket"
	rowObject     = "object"
	rowUpload     = "upload"
	rowPart       = "part"
	rowPrincipal  = "principal"
	rowAccessKey  = "access-key"
	rowProvider   = "identity-provider"
	rowPolicySet  = "policy-set" // by hash, kept for ever: decisions are replayed with it
	rowPolicy     = "policy"     // id "current": the hash in force
	rowRecipient  = "recipient"
	rowInvitation = "invitation" // id: SHA-256 of the token
)

const currentPolicy = "current"

// state is what decisions need at hand, kept true by the commits themselves.
type state struct {
	mu         sync.RWMutex
	principals map[strongroom.ID]strongroom.Principal
	names      map[string]strongroom.ID
	ring       keyring
	buckets    map[strongroom.ID]strongroom.Bucket
	byName     map[string]strongroom.ID
	recipients map[string][]seal.Recipient // by custody class
	policy     Decider
	policyErr  error // why there is none
	index      map[strongroom.ID]*btree.BTreeG[entry]
	versions   map[strongroom.ID]place // object version → where it stands in the index
}

// entry is what a listing tells of an object.
type entry struct {
	key      string
	version  strongroom.ID
	size     int64
	etag     string
	modified time.Time
	parts    int
}

type place struct {
	bucket strongroom.ID
	key    string
}

func (s *state) init() {
	s.principals = map[strongroom.ID]strongroom.Principal{}
	s.names = map[string]strongroom.ID{}
	s.ring.init()
	s.buckets = map[strongroom.ID]strongroom.Bucket{}
	s.byName = map[string]strongroom.ID{}
	s.recipients = map[string][]seal.Recipient{}
	s.index = map[strongroom.ID]*btree.BTreeG[entry]{}
	s.versions = map[strongroom.ID]place{}
	s.policyErr = errors.New("the room has no policy set")
}

// objectBody is an object's row.
type objectBody struct {
	strongroom.Object
	Digest   string              `json:"digest"` // hex SHA-256 of the sealed blob, or of its manifest
	Segments []seal.ManifestPart `json:"segments,omitempty"`
	Stanzas  []seal.Stanza       `json:"stanzas"`
}

type uploadBody struct {
	Upload
	BucketID  strongroom.ID     `json:"bucket_id"`
	Blob      strongroom.ID     `json:"blob"`
	Headers   map[string]string `json:"headers,omitempty"`
	Meta      map[string]string `json:"meta,omitempty"`
	LegalHold bool              `json:"legal_hold,omitempty"`
	Stanzas   []seal.Stanza     `json:"stanzas"`
	// The data key under the upload's own key: with both here, which the room key
	// seals and completion drops, parts need no unwrap at the custodian.
	UploadKey []byte `json:"upload_key"`
	Wrapped   []byte `json:"wrapped"`
}

type partBody struct {
	Part
	Attempt strongroom.ID `json:"attempt"`
	Digest  string        `json:"digest"` // hex SHA-256 of the sealed segment
}

type policyBody struct {
	Hash string `json:"hash"`
}

type policySetBody struct {
	Text string `json:"text"`
}

type invitationBody struct {
	Principal strongroom.ID `json:"principal"`
	Ends      time.Time     `json:"ends"`
}

type recipientBody struct {
	Custody   string `json:"custody"`
	Recipient string `json:"recipient"`
}

// row makes a row of a body.
func row(kind, id string, body any) (book.Row, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return book.Row{}, fmt.Errorf("encoding a %s row: %w", kind, err)
	}
	return book.NewRow(kind, id, encoded), nil
}

func decode[T any](r book.Row) (T, error) {
	var body T
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return body, fmt.Errorf("reading a %s row: %w", r.Kind, err)
	}
	return body, nil
}

// load reads all rows but those of uploads, which are read when asked for.
func (r *Room) load(ctx context.Context) error {
	for _, kind := range []string{rowRecipient, rowPolicySet, rowPolicy, rowPrincipal, rowAccessKey, rowProvider, rowBucket, rowObject} {
		for row, err := range r.Book.Rows(ctx, kind, "") {
			if err != nil {
				return err
			}
			r.learn(row)
		}
	}
	return nil
}

// follow keeps the state true; it runs on the book's writer, in commit order.
func (r *Room) follow(c book.Committed) {
	for _, step := range c.Steps {
		for _, k := range step.Drop {
			r.unlearn(k)
		}
		for _, row := range step.Put {
			r.learn(row)
		}
		for _, k := range step.Touched {
			row, err := r.Book.Row(context.Background(), k.Kind, k.ID)
			if errors.Is(err, book.ErrNoRow) {
				r.unlearn(k)
			} else if err != nil {
				r.Log.Error("reading a row that another process wrote", "room", r.ID, "kind", k.Kind, "error", err)
				r.unlearn(k) // what is in doubt grants nothing
			} else {
				r.learn(row)
			}
		}
	}
}

// learn takes a row into the state. A row that cannot be read is taken out of it:
// what is in doubt grants nothing.
func (r *Room) learn(row book.Row) {
	r.state.mu.Lock()
	defer r.state.mu.Unlock()
	if err := r.learnLocked(row); err != nil {
		r.Log.Error("a row cannot be used", "room", r.ID, "kind", row.Kind, "id", row.ID, "error", err)
		r.unlearnLocked(book.RowKey{Kind: row.Kind, ID: row.ID})
	}
}

func (r *Room) learnLocked(row book.Row) error {
	s := &r.state
	switch row.Kind {
	case rowPrincipal:
		p, err := decode[strongroom.Principal](row)
		if err != nil {
			return err
		}
		if old := s.principals[p.ID]; s.names[old.Name] == p.ID {
			delete(s.names, old.Name)
		}
		s.principals[p.ID], s.names[p.Name] = p, p.ID
	case rowAccessKey, rowProvider:
		return s.ring.learn(row)
	case rowBucket:
		b, err := decode[strongroom.Bucket](row)
		if err != nil {
			return err
		}
		s.buckets[b.ID], s.byName[b.Name] = b, b.ID
		if s.index[b.ID] == nil {
			s.index[b.ID] = btree.NewBTreeGOptions(func(a, b entry) bool { return a.key < b.key }, btree.Options{NoLocks: true})
		}
	case rowObject:
		o, err := decode[objectBody](row)
		if err != nil {
			return err
		}
		bucket, err := strongroom.ParseID(row.Parent)
		if err != nil {
			return err
		}
		tree := s.index[bucket]
		if tree == nil {
			return errors.New("its bucket does not exist")
		}
		tree.Set(entry{key: o.Key, version: o.Version, size: o.Size, etag: o.ETag, modified: o.Modified, parts: len(o.Parts)})
		s.versions[o.Version] = place{bucket, o.Key}
	case rowRecipient:
		b, err := decode[recipientBody](row)
		if err != nil {
			return err
		}
		recipient, err := seal.ParseRecipient(b.Recipient)
		if err != nil {
			return err
		}
		for _, have := range s.recipients[b.Custody] {
			if have.ID() == recipient.ID() {
				return nil
			}
		}
		s.recipients[b.Custody] = append(s.recipients[b.Custody], recipient)
	case rowPolicy:
		b, err := decode[policyBody](row)
		if err != nil {
			return err
		}
		s.policy, s.policyErr = nil, nil
		set, err := r.PolicySet(context.Background(), b.Hash)
		if err != nil {
			s.policyErr = err
			return err
		}
		if s.policy, err = r.Compile(set); err != nil {
			s.policy, s.policyErr = nil, err
			return err
		}
	}
	return nil
}

func (r *Room) unlearn(k book.RowKey) {
	r.state.mu.Lock()
	defer r.state.mu.Unlock()
	r.unlearnLocked(k)
}

func (r *Room) unlearnLocked(k book.RowKey) {
	s := &r.state
	switch k.Kind {
	case rowAccessKey:
		s.ring.forget(k.ID)
	case rowProvider:
		maps.DeleteFunc(s.ring.providers, func(issuer string, _ people.Provider) bool { return r.providerRow(issuer) == k.ID })
	case rowPolicy:
		s.policy, s.policyErr = nil, errors.New("the room has no policy set")
	}
	id, err := strongroom.ParseID(k.ID)
	if err != nil {
		return
	}
	switch k.Kind {
	case rowPrincipal:
		if name := s.principals[id].Name; s.names[name] == id {
			delete(s.names, name)
		}
		delete(s.principals, id)
	case rowBucket:
		delete(s.byName, s.buckets[id].Name)
		delete(s.buckets, id)
		delete(s.index, id)
	case rowObject:
		at, ok := s.versions[id]
		if !ok {
			return
		}
		delete(s.versions, id)
		tree := s.index[at.bucket]
		if tree == nil {
			return
		}
		if e, ok := tree.Get(entry{key: at.key}); ok && e.version == id {
			tree.Delete(e)
		}
	}
}

// PolicySet returns the text of a policy set that is or was in force.
func (r *Room) PolicySet(ctx context.Context, hash string) ([]byte, error) {
	row, err := r.Book.Row(ctx, rowPolicySet, hash)
	if err != nil {
		return nil, fmt.Errorf("reading policy set %.12s…: %w", hash, err)
	}
	b, err := decode[policySetBody](row)
	return []byte(b.Text), err
}

// principal returns the principal as it is now, for the fresh check of each request.
func (r *Room) principal(id strongroom.ID) (strongroom.Principal, bool) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	p, ok := r.state.principals[id]
	return p, ok
}

func (r *Room) bucket(name string) (strongroom.Bucket, bool) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	b, ok := r.state.buckets[r.state.byName[name]]
	return b, ok
}

// wrapTo returns the recipients of a custody class.
func (r *Room) wrapTo(custody string) ([]seal.Recipient, error) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	to := r.state.recipients[custody]
	if len(to) == 0 {
		return nil, fmt.Errorf("custody class %q has no recipient", custody)
	}
	return to, nil
}

// Recipient names the first key pair of a custody class, for answers to clients.
func (r *Room) Recipient(custody string) string {
	to, err := r.wrapTo(custody)
	if err != nil {
		return ""
	}
	return to[0].ID()
}
