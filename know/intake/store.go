package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"strongroom"
)

// User metadata that tells where an object came from. It says nothing of the content:
// a digest would confirm a guess to whoever may read metadata.
const (
	metaSource  = "intake-source"  // Source.Name
	metaKey     = "intake-key"     // hash of source and key
	metaVersion = "intake-version" // hash of source, key and version
)

// Purpose is given with each reading back.
const Purpose = "intake verification"

// ErrAltered says that the source's bytes are not what the source said they were.
var ErrAltered = errors.New("what came from the source is not what it stores there")

var (
	errMismatch = errors.New("what was read back from the room is not what was read at the source")
	errCrowded  = fmt.Errorf("the room holds %d different contents of this key already", maxSame)
	errName     = errors.New("the key is longer than 1,024 bytes, not UTF-8, or has control characters")
)

// maxSame bounds how many different contents of one key are kept side by side.
const maxSame = 99

// digest identifies fields with their lengths, as 32 hexadecimal digits.
func digest(fields ...string) string {
	h := sha256.New()
	for _, f := range fields {
		fmt.Fprintf(h, "%d:%s", len(f), f)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (i *Intake) keyDigest(key string) string { return digest(i.Source.Name(), key) }

// versionDigest tells one state of a key from another. No ETag goes in: it may be a
// digest of the content.
func (i *Intake) versionDigest(key string, v Version) string {
	return digest(i.Source.Name(), key, v.ID, v.Modified.UTC().Format(time.RFC3339Nano), strconv.FormatInt(v.Size, 10))
}

// numbered is the n-th name for different contents of one source key: call.wav,
// call~2.wav …
func numbered(key string, n int) string {
	if n == 1 {
		return key
	}
	ending := path.Ext(key)
	return strings.TrimSuffix(key, ending) + "~" + strconv.Itoa(n) + ending
}

type describe func(c *Content, tags map[string]string) map[string]string

// takeItem stores every version of a key that has content, the oldest first, and reads
// each back. When it returns nil all of them are in the room.
func (i *Intake) takeItem(ctx context.Context, p *pass, h held, d describe) error {
	bucket, key := i.Mapping.destination(h.file, i.Into)
	if key == "" || len(key) > 1020 || !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
		return errName
	}
	if err := p.setbacks.isShut(bucket); err != nil {
		return err
	}
	for _, v := range h.Versions {
		if v.Marker {
			continue
		}
		resumed, err := i.store(ctx, h, v, bucket, key, d)
		if err != nil {
			return err
		}
		p.stored(h, v, resumed)
	}
	return nil
}

// store puts one version under the first of its names that is free and reads it back;
// where a name holds this very content of this very source key, it is stored already.
func (i *Intake) store(ctx context.Context, h held, v Version, bucket, key string, d describe) (resumed bool, err error) {
	var tags map[string]string
	if i.Mapping.usesTags && h.rule.As != AsMetadata {
		if tags, err = i.Source.Tags(ctx, h.Key, v); err != nil {
			return false, atSource(fmt.Errorf("reading the tags: %w", err))
		}
	}
	for n := 1; n <= maxSame; n++ {
		name := numbered(key, n)
		done, found, err := i.storeAs(ctx, h, v, Object{Bucket: bucket, Key: name}, d, tags)
		if done || err != nil {
			return found, err
		}
	}
	return false, errCrowded
}

// storeAs tries one name. Neither done nor an error means that something else has it.
func (i *Intake) storeAs(ctx context.Context, h held, v Version, o Object, d describe, tags map[string]string) (done, resumed bool, err error) {
	content, err := i.Source.Open(ctx, h.Key, v)
	if err != nil {
		return false, false, atSource(fmt.Errorf("reading the source: %w", err))
	}
	body := i.check(ctx, h.Key, v, content)
	defer body.Close()
	o.Size = v.Size
	o.ContentType = i.Mapping.contentType(h.rule, h.Key, content.ContentType)
	o.Meta = d(content, tags)
	o.Meta[metaKey], o.Meta[metaVersion] = i.keyDigest(h.Key), i.versionDigest(h.Key, v)
	err = i.Store.Put(ctx, o, body)
	if body.err != nil {
		return false, false, atSource(fmt.Errorf("reading the source: %w", body.err)) // whatever the room made of it
	}
	if err == nil {
		if !body.whole {
			return false, false, errors.New("the room said that it stored what it had not read")
		}
		return true, false, i.verify(ctx, o, body.sum())
	}
	exists := errors.Is(err, ErrExists)
	if !exists && strongroom.KindOf(err) != strongroom.KindDenied {
		return false, false, fmt.Errorf("storing: %w", err)
	}
	// Who may not replace an object is refused where there is one already.
	there, headErr := i.Store.Head(ctx, o.Bucket, o.Key)
	switch {
	case errors.Is(headErr, ErrHidden) && exists:
		return false, false, nil
	case errors.Is(headErr, ErrHidden):
		return false, false, fmt.Errorf("storing: %w", err)
	case headErr != nil:
		return false, false, fmt.Errorf("looking at what is stored: %w", headErr)
	case there.Meta[metaKey] != o.Meta[metaKey] || there.Size != v.Size:
		return false, false, nil
	}
	sum, err := i.sumOf(ctx, h.Key, v)
	if err != nil {
		return false, false, err
	}
	switch err := i.verify(ctx, o, sum); {
	case err == nil:
		return true, true, nil
	case errors.Is(err, errMismatch):
		return false, false, nil // another content of the same key
	default:
		return false, false, err
	}
}

// lookAgain is how long the room is believed not to hold a file.
const lookAgain = 15 * time.Minute

// isStored reports whether all of a file is in the room, looking only.
func (i *Intake) isStored(ctx context.Context, p *pass, h held) (bool, error) {
	bucket, key := i.Mapping.destination(h.file, i.Into)
	if err := p.setbacks.isShut(bucket); err != nil {
		return false, err
	}
	for _, v := range h.Versions {
		if v.Marker {
			continue
		}
		version := i.versionDigest(h.Key, v)
		i.mu.Lock()
		asked := i.hidden[version]
		i.mu.Unlock()
		if i.Clock().Sub(asked) < lookAgain {
			return false, nil
		}
		found := false
		for n := 1; n <= maxSame && !found; n++ {
			o := Object{Bucket: bucket, Key: numbered(key, n)}
			there, err := i.Store.Head(ctx, o.Bucket, o.Key)
			if errors.Is(err, ErrHidden) {
				break
			} else if err != nil {
				return false, fmt.Errorf("looking at what is stored: %w", err)
			}
			if there.Meta[metaKey] != i.keyDigest(h.Key) || there.Size != v.Size {
				continue
			}
			sum, err := i.sumOf(ctx, h.Key, v)
			if err != nil {
				return false, err
			}
			if err = i.verify(ctx, o, sum); err != nil && !errors.Is(err, errMismatch) {
				return false, err
			}
			found = err == nil
		}
		if !found {
			i.mu.Lock()
			if len(i.hidden) >= i.Window {
				clear(i.hidden)
			}
			i.hidden[version] = i.Clock()
			i.mu.Unlock()
			return false, nil
		}
	}
	return true, nil
}

// verify reads an object back through the front door.
func (i *Intake) verify(ctx context.Context, o Object, want []byte) error {
	h := sha256.New()
	if err := i.Store.Read(ctx, o.Bucket, o.Key, h); err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	if subtle.ConstantTimeCompare(h.Sum(nil), want) != 1 {
		return errMismatch
	}
	return nil
}

// sumOf is the SHA-256 of a version at the source, checked as when it is stored.
func (i *Intake) sumOf(ctx context.Context, key string, v Version) ([]byte, error) {
	content, err := i.Source.Open(ctx, key, v)
	if err != nil {
		return nil, atSource(fmt.Errorf("reading the source: %w", err))
	}
	body := i.check(ctx, key, v, content)
	defer body.Close()
	if _, err := io.Copy(io.Discard, body); err != nil {
		return nil, atSource(fmt.Errorf("reading the source: %w", err))
	}
	return body.sum(), nil
}

// readAll reads a small version into memory.
func (i *Intake) readAll(ctx context.Context, key string, v Version, limit int64) ([]byte, error) {
	if v.Size > limit {
		return nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	content, err := i.Source.Open(ctx, key, v)
	if err != nil {
		return nil, err
	}
	body := i.check(ctx, key, v, content)
	defer body.Close()
	return io.ReadAll(body)
}

// checkedBody holds back the last bytes of a version until everything that the source
// said of it has been seen to be true. So whoever stores it never sees a whole body that
// is in doubt.
type checkedBody struct {
	io.ReadCloser
	hash   hash.Hash
	n      int64
	size   int64
	second func(sum []byte) error // reads the source again, or nil
	whole  bool
	err    error
}

func (i *Intake) check(ctx context.Context, key string, v Version, c *Content) *checkedBody {
	b := &checkedBody{ReadCloser: c.ReadCloser, hash: sha256.New(), size: v.Size}
	if c.Size != v.Size {
		b.err = fmt.Errorf("%w: %d bytes were listed and %d announced", ErrChanged, v.Size, c.Size)
	}
	if !c.Checked {
		b.second = func(sum []byte) error {
			again, err := i.Source.Open(ctx, key, v)
			if err != nil {
				return err
			}
			defer again.Close()
			h := sha256.New()
			if _, err := io.Copy(h, again); err != nil {
				return err
			}
			if !bytes.Equal(h.Sum(nil), sum) {
				return fmt.Errorf("%w: it has no checksum there, and two readings differ", ErrAltered)
			}
			return nil
		}
	}
	return b
}

func (b *checkedBody) sum() []byte { return b.hash.Sum(nil) }

func (b *checkedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.whole {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.ReadCloser.Read(p)
	b.hash.Write(p[:n])
	b.n += int64(n)
	for end := make([]byte, 1); b.n == b.size && err == nil; { // its checksum is checked at its end
		var more int
		more, err = b.ReadCloser.Read(end)
		b.n += int64(more)
	}
	switch {
	case b.n > b.size:
		b.err = fmt.Errorf("%w: it is longer than was listed", ErrAltered)
	case err != nil && err != io.EOF:
		b.err = err
	case err == io.EOF && b.n < b.size:
		b.err = fmt.Errorf("%w: it ended after %d of %d bytes", ErrAltered, b.n, b.size)
	case err == io.EOF:
		if b.second != nil {
			b.err = b.second(b.sum())
		}
		b.whole = b.err == nil
	}
	if b.err != nil {
		return 0, b.err
	}
	if b.whole && n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
