package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unique"

	"github.com/tidwall/btree"

	"strongroom"
	"strongroom/book"
	"strongroom/people"
	"strongroom/seal"
)

// Kinds of row.
const (
	rowBucket     = "bucket"
	rowObject     = "object"       // the current version of a key, which may be a delete marker
	rowVersion    = "version"      // an older version
	rowNull       = "null-version" // an older version that is the null version
	rowUpload     = "upload"
	rowPart       = "part"
	rowPrincipal  = "principal"
	rowAccessKey  = "access-key"
	rowProvider   = "identity-provider"
	rowPolicySet  = "policy-set" // by hash, kept for ever: decisions are replayed with it
	rowPolicy     = "policy"     // id "current": the hash in force
	rowRecipient  = "recipient"
	rowInvitation = "invitation" // id: SHA-256 of the token
	rowRetention  = "retention-rule"
	rowHold       = "hold"
	rowKeeping    = "keeping" // id "current": counts the retention rules and holds, and changes with them
)

const (
	currentPolicy  = "current"
	currentKeeping = "current"
)

// state is what decisions need at hand, kept true by the commits themselves.
type state struct {
	mu         sync.RWMutex
	principals map[strongroom.ID]strongroom.Principal
	names      map[string]strongroom.ID
	ring       keyring
	buckets    map[strongroom.ID]bucketRow
	byName     map[string]strongroom.ID
	recipients map[string][]seal.Recipient // by custody class
	policy     Decider
	policyErr  error                                   // why there is none
	index      map[strongroom.ID]*btree.BTreeG[*entry] // by bucket: objects that keys name now
	history    map[strongroom.ID]*btree.BTreeG[*entry] // by bucket: older versions, and delete markers
	versions   map[strongroom.ID]*entry                // object version → where it stands
	finds      *btree.BTreeG[*found]                   // current versions, for searches
	keeping    keeping
	asking     asking
}

// entry is what a listing tells of a version, and where it stands: in the index, or else in
// the history. Nobody changes one: those who list share it with those who store.
type entry struct {
	kind     string // of its row
	bucket   strongroom.ID
	key      string
	sequence uint64
	version  strongroom.ID
	size     int64
	etag     string
	modified time.Time
	null     bool
	marker   bool
	latest   bool
	at       int64   // where it stands among those that searches find
	sums     *summed // what checksums it has, not their values; nil for none
	agent    shared  // whose call it is, as the platform names them
}

// summed says by which algorithms there are checksums, and of which type. Versions that
// are alike in this share one.
type summed struct {
	algorithms map[string]string // to ""
	kind       string
}

var allSummed sync.Map // algorithms and type → *summed

func summedOf(o strongroom.Object) *summed {
	if len(o.Checksums) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(o.Checksums))
	name := strings.Join(names, " ") + "/" + o.ChecksumType
	if s, ok := allSummed.Load(name); ok {
		return s.(*summed)
	}
	s := &summed{algorithms: map[string]string{}, kind: o.ChecksumType}
	for _, n := range names {
		s.algorithms[n] = ""
	}
	shared, _ := allSummed.LoadOrStore(name, s)
	return shared.(*summed)
}

func (e *entry) object(b bucketRow) strongroom.Object {
	o := strongroom.Object{
		Bucket: b.Name, Key: e.key, Version: e.version, Size: e.size, ETag: e.etag, Modified: e.modified,
		Sequence: e.sequence, Null: e.null, Marker: e.marker, Latest: e.latest, Versioned: b.Versioning != strongroom.Unversioned,
	}
	if e.sums != nil {
		o.Checksums, o.ChecksumType = e.sums.algorithms, e.sums.kind
	}
	return o
}

// entryOf makes the entry of a row.
func entryOf(kind string, bucket strongroom.ID, o *strongroom.Object) *entry {
	return &entry{
		kind: kind, bucket: bucket, key: o.Key, sequence: o.Sequence, version: o.Version, size: o.Size, etag: o.ETag, modified: o.Modified,
		null: o.Null, marker: o.Marker, latest: o.Latest, sums: summedOf(*o), agent: unique.Make(o.Attribute("agent")),
	}
}

func newIndex() *btree.BTreeG[*entry] {
	return btree.NewBTreeGOptions(func(a, b *entry) bool { return a.key < b.key }, btree.Options{NoLocks: true})
}

// newHistory orders by key, and the versions of each with the newest first.
func newHistory() *btree.BTreeG[*entry] {
	return btree.NewBTreeGOptions(func(a, b *entry) bool {
		return a.key < b.key || a.key == b.key && a.sequence > b.sequence
	}, btree.Options{NoLocks: true})
}

// bucketRow is a bucket as its row has it.
type bucketRow struct {
	strongroom.Bucket
	salt [16]byte // of the row: to require that nobody has changed it
}

// unchanged requires that the bucket is still as it was read.
func (b bucketRow) unchanged() book.Condition {
	return book.Condition{Form: book.Unchanged, Kind: rowBucket, ID: b.ID.String(), Salt: b.salt}
}

func (s *state) init() {
	s.principals = map[strongroom.ID]strongroom.Principal{}
	s.names = map[string]strongroom.ID{}
	s.ring.init()
	s.keeping.init()
	s.asking.init()
	s.buckets = map[strongroom.ID]bucketRow{}
	s.byName = map[string]strongroom.ID{}
	s.recipients = map[string][]seal.Recipient{}
	s.index = map[strongroom.ID]*btree.BTreeG[*entry]{}
	s.history = map[strongroom.ID]*btree.BTreeG[*entry]{}
	s.versions = map[strongroom.ID]*entry{}
	s.finds = newFinds()
	s.policyErr = errors.New("the room has no policy set")
}

// objectBody is the row of an object's version. A delete marker has no blob, digest
// or stanzas.
type objectBody struct {
	strongroom.Object
	Digest   string              `json:"digest,omitempty"` // hex SHA-256 of the sealed blob, or of its manifest
	Segments []seal.ManifestPart `json:"segments,omitempty"`
	Stanzas  []seal.Stanza       `json:"stanzas,omitempty"`
	Upload   strongroom.ID       `json:"upload,omitzero"` // the multipart upload that it was completed from
	Labelled *Labelling          `json:"labelled,omitempty"`

	kind string   // of the row that it was read from
	salt [16]byte // of that row
}

// unchanged requires that the version's row is still the one that was read.
func (o objectBody) unchanged() book.Condition {
	return book.Condition{Form: book.Unchanged, Kind: o.kind, ID: o.Version.String(), Salt: o.salt}
}

// row makes the version's row: as the current version, or as an older one.
func (r *Room) objectRow(b bucketRow, o objectBody, current bool) (book.Row, error) {
	kind := rowObject
	if !current && o.Null {
		kind = rowNull
	} else if !current {
		kind = rowVersion
	}
	row, err := row(kind, o.Version.String(), o)
	if err != nil {
		return row, unavailable("the object's row could not be made", err)
	}
	row.Parent, row.Tag = b.ID.String(), r.tag(b.ID, o.Key)
	if !o.Marker {
		row.Ref = o.Blob.String()
	}
	row.Value = o.Object
	return row, nil
}

// readObject reads the row of a version.
func readObject(row book.Row) (objectBody, error) {
	o, err := decode[objectBody](row)
	o.kind, o.salt, o.Latest = row.Kind, row.Salt, row.Kind == rowObject
	o.Null = o.Null || o.Sequence == 0 // written before there were versions
	return o, err
}

// seenObject is the object of a row that a commit put, as its row has it: without the
// decoding, where this process made the row.
func seenObject(row book.Row) (strongroom.Object, error) {
	o, made := row.Value.(strongroom.Object)
	if !made {
		body, err := readObject(row)
		return body.Object, err
	}
	o.Latest, o.Null = row.Kind == rowObject, o.Null || o.Sequence == 0
	o.Key, o.Modified = strings.Clone(o.Key), o.Modified.Round(0) // of a request, and by its clock
	return o, nil
}

type uploadBody struct {
	Upload
	BucketID  strongroom.ID        `json:"bucket_id"`
	Blob      strongroom.ID        `json:"blob"`
	Headers   map[string]string    `json:"headers,omitempty"`
	Meta      map[string]string    `json:"meta,omitempty"`
	Tags      []strongroom.Tag     `json:"tags,omitempty"`
	LegalHold bool                 `json:"legal_hold,omitempty"`
	Retention strongroom.Retention `json:"retention,omitzero"`
	Stanzas   []seal.Stanza        `json:"stanzas"`
	// The data key under the upload's own key: with both here, which the room key
	// seals and completion drops, parts need no unwrap at the custodian.
	UploadKey []byte `json:"upload_key"`
	Wrapped   []byte `json:"wrapped"`
}

type partBody struct {
	Part
	Attempt strongroom.ID `json:"attempt"`
	Digest  string        `json:"digest"` // hex SHA-256 of the sealed segment
	// What a copied part was copied from bears, and the object will.
	Label     *strongroom.Label `json:"label,omitempty"`
	LegalHold bool              `json:"legal_hold,omitempty"`
}

type policyBody struct {
	Hash string `json:"hash"`           // of the set in force
	Base string `json:"base,omitempty"` // of the part of it that is no bucket's policy, if there is another
}

type policySetBody struct {
	Text string `json:"text"`
}

type invitationBody struct {
	Principal strongroom.ID `json:"principal"`
	Ends      time.Time     `json:"ends"`
	Recovery  bool          `json:"recovery,omitempty"`
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
	for _, kind := range append(slices.Clone(askingRows), rowRecipient, rowPolicySet, rowPolicy, rowPrincipal, rowAccessKey, rowProvider, rowToken, rowDeparture, rowDirectory, rowEntry, rowGroup, rowPasskey, rowConsole, rowRetention, rowHold, rowKeeping, rowBucket, rowObject, rowVersion, rowNull) {
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
		r.state.mu.Lock() // one step at once, so that nobody sees a key between two versions
		for _, k := range step.Drop {
			r.unlearnLocked(k)
		}
		for _, row := range step.Put {
			r.learnOrDoubt(row)
		}
		r.state.mu.Unlock()
		for _, k := range step.Touched {
			row, err := r.Book.Row(context.Background(), k.Kind, k.ID)
			if errors.Is(err, book.ErrNoRow) {
				r.unlearn(k)
			} else if err != nil {
				r.Log.Error("reading a row that another process wrote", "room", r.ID, "kind", k.Kind, "error", err)
				r.doubt(k, err)
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
	r.learnOrDoubt(row)
}

func (r *Room) learnOrDoubt(row book.Row) {
	if err := r.learnLocked(row); err != nil {
		r.Log.Error("a row cannot be used", "room", r.ID, "kind", row.Kind, "id", row.ID, "error", err)
		r.doubtLocked(book.RowKey{Kind: row.Kind, ID: row.ID}, err)
	}
}

func (r *Room) doubt(k book.RowKey, err error) {
	r.state.mu.Lock()
	defer r.state.mu.Unlock()
	r.doubtLocked(k, err)
}

// doubtLocked takes out what cannot be read: what is in doubt grants nothing, and lets
// nothing be deleted where it may have been there to forbid that.
func (r *Room) doubtLocked(k book.RowKey, err error) {
	r.unlearnLocked(k)
	if keeps(k.Kind) {
		r.state.keeping.doubts[k] = err
	}
	if k.Kind == rowTickets {
		r.state.asking.desk = newTicketDesk(r, TicketSetting{}) // which no ticket satisfies
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
	case rowAccessKey, rowProvider, rowToken, rowDeparture, rowDirectory, rowEntry, rowGroup, rowPasskey, rowConsole:
		return s.ring.learn(row)
	case rowRetention, rowHold, rowKeeping:
		return s.keeping.learn(row)
	case rowRequest, rowBounds, rowOpening, rowTickets:
		return s.asking.learn(r, row)
	case rowBucket:
		b, err := decode[strongroom.Bucket](row)
		if err != nil {
			return err
		}
		s.buckets[b.ID], s.byName[b.Name] = bucketRow{b, row.Salt}, b.ID
		if s.index[b.ID] == nil {
			s.index[b.ID], s.history[b.ID] = newIndex(), newHistory()
		}
	case rowObject, rowVersion, rowNull:
		o, err := seenObject(row)
		if err != nil {
			return err
		}
		bucket, err := strongroom.ParseID(row.Parent)
		if err != nil {
			return err
		}
		if s.index[bucket] == nil {
			return errors.New("its bucket does not exist")
		}
		s.forget(o.Version)
		at := entryOf(row.Kind, bucket, &o)
		if at.findable() {
			f := findOf(at, &o)
			at.at = f.at
			s.finds.Set(f)
		}
		s.tree(at).Set(at)
		s.versions[o.Version] = at
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
	case rowAccessKey, rowToken, rowDeparture, rowDirectory, rowEntry, rowGroup, rowPasskey, rowConsole:
		s.ring.forget(k)
	case rowRetention, rowHold, rowKeeping:
		s.keeping.forget(k)
	case rowRequest, rowBounds, rowOpening, rowTickets:
		s.asking.forget(k)
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
		delete(s.history, id)
	case rowObject, rowVersion, rowNull:
		if at := s.versions[id]; at != nil && at.kind == k.Kind { // else it stands elsewhere already
			s.forget(id)
		}
	}
}

// findable reports whether searches find a version: it is what its key names now.
func (e *entry) findable() bool { return e.latest && !e.marker }

// tree is where a version stands.
func (s *state) tree(at *entry) *btree.BTreeG[*entry] {
	if at.findable() {
		return s.index[at.bucket]
	}
	return s.history[at.bucket]
}

// forget takes a version out of index and history.
func (s *state) forget(version strongroom.ID) {
	at, ok := s.versions[version]
	if !ok {
		return
	}
	delete(s.versions, version)
	if at.findable() {
		s.finds.Delete(&found{at: at.at, version: version})
	}
	tree := s.tree(at)
	if tree == nil {
		return
	}
	if e, ok := tree.Get(at); ok && e.version == version {
		tree.Delete(e)
	}
}

// newestBehind answers the newest version behind the current one, where the state knows
// that one as the current version.
func (s *state) newestBehind(bucket strongroom.ID, o objectBody) (newest *entry, any, known bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at, ok := s.versions[o.Version]
	if !ok || at.kind != rowObject {
		return nil, false, false
	}
	s.history[bucket].Ascend(&entry{key: o.Key, sequence: at.sequence - 1}, func(e *entry) bool {
		if e.key == o.Key {
			newest, any = e, true
		}
		return false
	})
	return newest, any, true
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

// Lifecycle is the workload that deletes what a bucket's lifecycle rules or the room's
// retention rules say is due. Policy has to permit it like anybody else.
var Lifecycle = strongroom.Principal{
	ID: strongroom.ID([]byte("strongroom-lifec")), Name: "strongroom-lifecycle", Kind: strongroom.Workload,
}

// principal returns the principal as it is now, for the fresh check of each request.
func (r *Room) principal(id strongroom.ID) (strongroom.Principal, bool) {
	switch id {
	case Lifecycle.ID:
		return Lifecycle, true
	case Classifier.ID:
		return Classifier, true
	}
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	p, ok := r.state.principals[id]
	return p, ok
}

func (r *Room) bucket(name string) (bucketRow, bool) {
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
