package vault

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
)

// KindInventory is the record of an inventory taken, and of what was declared, scanned or
// looked at for one.
const KindInventory = "inventory"

// Acts of KindInventory.
const (
	InventoryTake    = "inventory-take"    // what is stored here
	InventoryMeasure = "inventory-measure" // the same by the room itself, for nobody
	InventoryLook    = "inventory-look"    // at sources, flows, owners, or earlier inventories
	InventorySource  = "inventory-source"  // a source outside: declared, changed or removed
	InventoryScan    = "inventory-scan"    // a source outside, in its place
	InventoryFlows   = "inventory-flows"   // a file of flows was taken in the place of the last
)

// InventoryRequest says what an inventory tells beside sums.
type InventoryRequest struct {
	// Keys has keys told; the asker must be permitted to list every bucket.
	Keys bool
	// Meta are names of user metadata to tell, in lower case without the x-amz-meta- prefix.
	Meta []string
}

// StoredBucket is a bucket as an inventory tells it.
type StoredBucket struct {
	ID         strongroom.ID         `json:"id"`
	Name       string                `json:"name"`
	Custody    string                `json:"custody"`
	Created    time.Time             `json:"created"`
	Versioning strongroom.Versioning `json:"versioning,omitempty"`
	Tags       []strongroom.Tag      `json:"tags,omitempty"`
}

// Stored is what one version is, without its content.
type Stored struct {
	Bucket     strongroom.ID
	Key        string // "" unless asked for
	Version    strongroom.ID
	Current    bool // the version that its key names
	Size       int64
	Created    time.Time
	Custody    string
	Label      strongroom.Label
	Attributes map[string]string // what the storer declared: kind, queue …
	Meta       map[string]string // of the names asked for, those that it has
	Hold       bool
	Retention  strongroom.Retention
	Scrubbed   bool
}

// InventoryTaken is what an inventory was taken of.
type InventoryTaken struct {
	At       time.Time      `json:"at"`
	Buckets  []StoredBucket `json:"buckets"` // in order of name
	Versions int64          `json:"versions"`
	Markers  int64          `json:"delete_markers"`
	// Uploads are under way: what they brought is no object yet, and is not counted.
	Uploads int64 `json:"uploads_under_way"`
	// Unread are rows that do not open; what they stand for is not known.
	Unread int64 `json:"unread_rows"`
}

// Inventory tells visit what every version stored here is, on record, reading rows and no
// content. Versions come in no order, one at a time, and are those of one instant. An error
// of visit ends it.
func (r *Room) Inventory(ctx context.Context, c Caller, req InventoryRequest, visit func(Stored) error) (InventoryTaken, error) {
	detail := ""
	if req.Keys {
		detail = "with keys"
	}
	if err := r.NoteInventory(ctx, c, InventoryTake, "", detail); err != nil {
		return InventoryTaken{}, err
	}
	if req.Keys {
		if err := r.mayName(ctx, c, ""); err != nil {
			return InventoryTaken{}, err
		}
	}
	return r.takeInventory(ctx, req, visit)
}

// Measure is an inventory without keys or metadata that the room takes of itself, on record
// as such. Only sums of it may rest anywhere.
func (r *Room) Measure(ctx context.Context, visit func(Stored) error) (InventoryTaken, error) {
	if _, err := r.apply(ctx, KindInventory, Evidence{Action: InventoryMeasure}, Personal{}, book.Change{}); err != nil {
		return InventoryTaken{}, unavailable("it could not be recorded, so nothing was counted", err)
	}
	return r.takeInventory(ctx, InventoryRequest{}, visit)
}

// NoteInventory decides whether somebody may take inventory and puts on record what they do
// for it: one of the acts of KindInventory, with what it is about.
func (r *Room) NoteInventory(ctx context.Context, c Caller, act, subject, detail string) error {
	a := r.decide(c, strongroom.ActionTakeInventory, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	return r.keepRecord(ctx, a, KindInventory, act, subject, detail, book.Change{})
}

// storedBody is what an inventory reads of an object's row.
type storedBody struct {
	Key       string               `json:"key"`
	Custody   string               `json:"custody"`
	Size      int64                `json:"size"`
	Modified  time.Time            `json:"modified"`
	Meta      map[string]string    `json:"meta"`
	Label     strongroom.Label     `json:"label"`
	LegalHold bool                 `json:"legal_hold"`
	Retention strongroom.Retention `json:"retention"`
	Scrubbed  bool                 `json:"scrubbed"`
	Marker    bool                 `json:"marker"`
}

// inventoryBatch is how many rows go from reading to counting at once.
const inventoryBatch = 128

type readRow struct {
	book.Row
	err error
}

func (r *Room) takeInventory(ctx context.Context, req InventoryRequest, visit func(Stored) error) (InventoryTaken, error) {
	taken := InventoryTaken{At: r.Clock().UTC(), Buckets: []StoredBucket{}}
	r.state.mu.RLock()
	known := int64(len(r.state.versions))
	r.state.mu.RUnlock()
	// Rows are read and decrypted while those before are counted.
	reading, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan []readRow, 4)
	go func() {
		defer close(batches)
		send := func(batch []readRow) bool {
			select {
			case batches <- batch:
				return true
			case <-reading.Done():
				return false
			}
		}
		var batch []readRow
		// One statement over all kinds of row sees one state of them.
		for row, err := range r.Book.Rows(reading, "", "") {
			if batch = append(batch, readRow{row, err}); len(batch) == inventoryBatch {
				if !send(batch) {
					return
				}
				batch = nil
			}
		}
		send(batch)
	}()
	var last error
	for batch := range batches {
		for _, read := range batch {
			if last = read.err; last != nil {
				r.Log.Error("a row cannot be counted", "room", r.ID, "error", last)
				taken.Unread++
			} else if err := taken.add(read.Row, req, visit); err != nil {
				return taken, err
			}
		}
	}
	if ctx.Err() != nil {
		return taken, ctx.Err()
	}
	if last != nil && taken.Versions+taken.Markers+taken.Unread < known {
		return taken, unavailable("the room's database cannot be read now", last)
	}
	slices.SortFunc(taken.Buckets, func(a, b StoredBucket) int { return cmp.Compare(a.Name, b.Name) })
	return taken, nil
}

func (t *InventoryTaken) add(row book.Row, req InventoryRequest, visit func(Stored) error) error {
	switch row.Kind {
	case rowBucket:
		b, err := decode[strongroom.Bucket](row)
		if err != nil {
			t.Unread++
			return nil
		}
		t.Buckets = append(t.Buckets, StoredBucket{b.ID, b.Name, b.Custody, b.Created, b.Versioning, b.Tags})
	case rowUpload:
		t.Uploads++
	case rowObject, rowVersion, rowNull:
		s, marker, err := storedOf(row, req)
		switch {
		case err != nil:
			t.Unread++
		case marker:
			t.Markers++
		default:
			t.Versions++
			return visit(s)
		}
	}
	return nil
}

func storedOf(row book.Row, req InventoryRequest) (s Stored, marker bool, err error) {
	var o storedBody
	if err := json.Unmarshal(row.Body, &o); err != nil || o.Marker {
		return s, o.Marker, err
	}
	s = Stored{
		Current: row.Kind == rowObject, Size: o.Size, Created: o.Modified, Custody: o.Custody, Label: o.Label,
		Hold: o.LegalHold, Retention: o.Retention, Scrubbed: o.Scrubbed,
	}
	if s.Bucket, err = strongroom.ParseID(row.Parent); err != nil {
		return s, false, fmt.Errorf("reading whose object it is: %w", err)
	}
	if s.Version, err = strongroom.ParseID(row.ID); err != nil {
		return s, false, fmt.Errorf("reading a version's id: %w", err)
	}
	if req.Keys {
		s.Key = o.Key
	}
	for name, value := range o.Meta {
		if a, ok := strings.CutPrefix(name, strongroom.AttributePrefix); ok {
			if s.Attributes == nil {
				s.Attributes = map[string]string{}
			}
			s.Attributes[a] = value
		}
		if slices.Contains(req.Meta, name) {
			if s.Meta == nil {
				s.Meta = map[string]string{}
			}
			s.Meta[name] = value
		}
	}
	return s, false, nil
}
