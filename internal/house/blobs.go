package house

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"strongroom"
	"strongroom/internal/disk"
	"strongroom/internal/s3store"
	"strongroom/vault"
)

// Place says where a room's blobs lie when that is a bucket and not the room's folder.
type Place struct {
	At string `json:"at"` // as s3store.ParseLocation reads it
	// Claim is this copy of the room. Of several, restored from one another's backups, only
	// that may erase whose claim stands in the bucket.
	Claim strongroom.ID `json:"claim"`
	// What was stored between these times is kept though no row may name it: the rows of a
	// restored room end where the backup was made.
	KeptFrom time.Time `json:"kept_from,omitzero"`
	KeptTo   time.Time `json:"kept_to,omitzero"`
}

// inBucketFormat is the format of rooms whose blobs lie in a bucket, so that no older
// version takes the empty folder for them.
const inBucketFormat = 2

// OpenBucket opens the blobs that a room has in a bucket, or answers nil where they are in
// its folder. It makes no request.
func OpenBucket(ctx context.Context, info Info) (*s3store.Blobs, error) {
	if info.Blobs == nil {
		return nil, nil
	}
	at, err := s3store.ParseLocation(info.Blobs.At)
	if err != nil {
		return nil, fmt.Errorf("reading where the room's blobs are: %w", err)
	}
	return s3store.Open(ctx, s3store.Config{Location: at, Room: info.ID})
}

// checkBucket fails unless the bucket does what a room needs, and is nobody else's to read.
func checkBucket(ctx context.Context, b *s3store.Blobs, log *slog.Logger) error {
	if err := b.Probe(ctx); err != nil {
		return err
	}
	e, err := b.Exposure(ctx)
	if err != nil {
		return err
	}
	if len(e.Public) > 0 {
		return &strongroom.Error{
			Kind:    strongroom.KindDenied,
			Message: fmt.Sprintf("the bucket of %s is open to everybody: %s", b.Location(), strings.Join(e.Public, "; ")),
			Hint:    "take the public access away; what is sealed stays sealed, but how much is stored, and when, is for nobody else to see",
		}
	}
	for _, what := range e.Unknown {
		log.Warn("the bucket could not be asked", "bucket", b.Location().Bucket, "what", what)
	}
	return nil
}

// openBlobs opens the room's blobs, wherever they are.
func (h *House) openBlobs(ctx context.Context, o Options) (err error) {
	if h.bucket, err = OpenBucket(ctx, h.Info); err != nil {
		return err
	}
	if h.bucket == nil {
		folder, err := disk.Open(filepath.Join(h.Path, "blobs"), o.Serve)
		if err != nil {
			return err
		}
		h.Blobs = folder
		h.closers = append(h.closers, folder.Close)
		return nil
	}
	h.Blobs = h.bucket
	if at := h.Info.Blobs; !at.KeptTo.IsZero() {
		h.Blobs = sparing{h.bucket, at.KeptFrom, at.KeptTo}
	}
	if !o.Serve {
		return nil
	}
	if err := checkBucket(ctx, h.bucket, o.Log); err != nil {
		return err
	}
	return h.bucket.Claimed(ctx, h.Info.Blobs.Claim)
}

// Free returns the bytes that can still be written to the room's folder.
func (h *House) Free() (int64, error) { return disk.Free(h.Path) }

// InBucket reports whether the room's blobs lie in a bucket.
func (h *House) InBucket() bool { return h.bucket != nil }

// MayErase fails where the blobs lie in a bucket that cannot be reached, or that belongs
// to another copy of the room.
func (h *House) MayErase(ctx context.Context) error {
	if h.bucket == nil {
		return nil
	}
	return h.bucket.Claimed(ctx, h.Info.Blobs.Claim)
}

// abortStale ends what was left half-made in a bucket.
func (h *House) abortStale(ctx context.Context, before time.Time) (int, error) {
	if h.bucket == nil {
		return 0, nil // a folder is cleaned when it is opened
	}
	return h.bucket.AbortStale(ctx, before)
}

// sparing leaves out of a listing, and so out of the sweep, what was stored in a time that
// the room's rows do not cover.
type sparing struct {
	vault.Blobs
	from, to time.Time
}

func (s sparing) List(ctx context.Context) iter.Seq2[vault.BlobFile, error] {
	return func(yield func(vault.BlobFile, error) bool) {
		for f, err := range s.Blobs.List(ctx) {
			if err == nil && !f.Modified.Before(s.from) && !f.Modified.After(s.to) {
				continue
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// OpenBlobs opens blobs for reading where no room is: a folder, or s3://… with the id of
// the room whose they are.
func OpenBlobs(ctx context.Context, at, room string) (vault.Blobs, error) {
	if !strings.HasPrefix(at, "s3:") {
		if info, err := os.Stat(at); err != nil || !info.IsDir() {
			return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s is no folder of sealed blobs", at), Hint: "name the folder blobs of a room, or a copy of it", Cause: err}
		}
		return disk.Open(at, false)
	}
	l, err := s3store.ParseLocation(at)
	if err != nil {
		return nil, err
	}
	id, err := strongroom.ParseID(room)
	if err != nil {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "a bucket holds the blobs of several rooms", Hint: "say which with --room, the room's id; `aws s3 ls " + "s3://" + l.Bucket + "/" + l.Prefix + "` shows them under rooms/"}
	}
	return s3store.Open(ctx, s3store.Config{Location: l, Room: id})
}

// writeInfo writes room.json.
func writeInfo(path string, info Info) error {
	var encoded bytes.Buffer
	e := json.NewEncoder(&encoded)
	e.SetEscapeHTML(false) // a URL stays one that a person can copy
	e.SetIndent("", "  ")
	if err := e.Encode(info); err != nil {
		return err
	}
	return writeFile(filepath.Join(path, "room.json"), encoded.Bytes())
}

// margin is how far before the last record a blob of a later row may have been stored:
// the parts of a long upload come first.
const margin = 7 * 24 * time.Hour

// claimBlobs makes a restored room the one that its blobs belong to.
func claimBlobs(ctx context.Context, info Info, path string, last time.Time) error {
	b, err := OpenBucket(ctx, info)
	if err != nil {
		return err
	}
	if err := b.Probe(ctx); err != nil {
		return err
	}
	place := *info.Blobs
	place.Claim = strongroom.NewID()
	if from := last.Add(-margin).UTC(); place.KeptFrom.IsZero() || from.Before(place.KeptFrom) {
		place.KeptFrom = from
	}
	place.KeptTo = time.Now().Add(time.Hour).UTC()
	info.Blobs = &place
	if err := errors.Join(os.Remove(filepath.Join(path, "room.json")), writeInfo(path, info)); err != nil {
		return err
	}
	return b.Claim(ctx, place.Claim)
}
