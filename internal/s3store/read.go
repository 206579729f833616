package s3store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/vault"
)

const (
	// small blobs are fetched whole when they are opened. It is a little more than an
	// object of 1 MiB has when it is sealed.
	small = 1<<20 + 64<<10
	// skip is how far a stream is read on to the place that is wanted.
	skip = 256 << 10
	// resumptions of one read whose streams break off.
	resumptions = 5
)

// errReplaced says that the object is no longer the one that was opened.
var errReplaced = errors.New("it was replaced while it was read")

// reader reads one object, as it was when it was opened. Reads that follow one another
// are served by one stream; a read anywhere else asks for its own range, and becomes a
// stream when another follows it.
type reader struct {
	b         *Blobs
	name, key string
	etag      string
	size      int64
	ctx       context.Context
	end       context.CancelCauseFunc
	fetching  sync.Mutex // of a small blob

	// Guarded by b.idle.mu.
	keeps  []*kept
	closed bool

	mu   sync.Mutex
	ends [4]int64 // where the last ranges ended
	next int
}

// stream is an answer that is being read.
type stream struct {
	body io.ReadCloser
	at   int64 // offset in the blob of the next byte
	end  int64
}

func (s *stream) Close() error { return s.body.Close() }

// Open opens a blob for reading at any place. The context is for the opening alone.
func (b *Blobs) Open(ctx context.Context, name string) (_ vault.BlobReader, err error) {
	key, err := b.key(name)
	if err != nil {
		return nil, err
	}
	r := &reader{b: b, name: name, key: key}
	r.ctx, r.end = context.WithCancelCause(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, func() { r.end(context.Cause(ctx)) })
	defer func() {
		if release(); err != nil {
			r.end(errClosed)
			err = b.failed("opening the blob", name, err)
		}
	}()
	s, err := r.get(0, -1)
	if err != nil {
		return nil, err
	}
	if r.size > small {
		r.keepStream(s)
		return r, nil
	}
	content, err := r.whole(s)
	if err == nil {
		r.keepContent(content)
	}
	return r, err
}

func (r *reader) Size() int64 { return r.size }

func (r *reader) Close() error {
	r.end(errClosed)
	r.b.idle.close(r)
	return nil
}

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, r.b.failed("reading the blob", r.name, errors.New("the offset is negative"))
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off >= r.size {
		return 0, io.EOF
	}
	var last error
	if int64(len(p)) > r.size-off {
		p, last = p[:r.size-off], io.EOF
	}
	n, err := r.read(p, off)
	if err != nil {
		if c := context.Cause(r.ctx); c != nil {
			err = c
		}
		return n, r.b.failed("reading the blob", r.name, err)
	}
	return n, last
}

func (r *reader) read(p []byte, off int64) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	if r.size <= small {
		content, err := r.content()
		if err != nil {
			return 0, err
		}
		return copy(p, content[off:]), nil
	}
	s := r.b.idle.stream(r, off)
	sequential := s != nil || r.follows(off, int64(len(p)))
	n := 0
	for failures := 0; ; failures++ {
		if s == nil {
			end := off + int64(len(p))
			if sequential {
				end = r.size
			}
			var err error
			if s, err = r.get(off+int64(n), end); err != nil {
				return n, err
			}
		}
		_, err := io.CopyN(io.Discard, s.body, off+int64(n)-s.at)
		var m int
		if err == nil {
			s.at = off + int64(n)
			m, err = io.ReadFull(s.body, p[n:])
			s.at += int64(m)
			n += m
		}
		if err == nil && s.at == s.end {
			// One read more, for what is checked at the end.
			if _, err = io.ReadFull(s.body, make([]byte, 1)); err == nil {
				err = errors.New("more came than was announced")
			} else if err == io.EOF {
				return n, s.Close()
			}
			return n, errors.Join(err, s.Close())
		}
		if err == nil {
			r.keepStream(s)
			return n, nil
		}
		s.Close()
		s = nil
		if failures == resumptions || r.ctx.Err() != nil {
			return n, fmt.Errorf("its bytes from %d: %w", off+int64(n), unexpected(err))
		}
		r.b.pause(r.ctx, failures)
	}
}

// unexpected keeps an answer that ends early from being taken for the blob's end.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// follows reports whether a range begins where one of the last ended, and notes it.
func (r *reader) follows(off, n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := false
	for i, end := range r.ends {
		if end == off && off > 0 {
			found = true
			r.ends[i] = 0
		}
	}
	r.ends[r.next%len(r.ends)] = off + n
	r.next++
	return found
}

// content answers a small blob, fetching it again where it is no longer kept.
func (r *reader) content() ([]byte, error) {
	if r.size == 0 {
		return nil, nil
	}
	if content := r.b.idle.content(r); content != nil {
		return content, nil
	}
	r.fetching.Lock()
	defer r.fetching.Unlock()
	if content := r.b.idle.content(r); content != nil {
		return content, nil
	}
	s, err := r.get(0, r.size)
	if err != nil {
		return nil, err
	}
	content, err := r.whole(s)
	if err == nil {
		r.keepContent(content)
	}
	return content, err
}

// whole reads a small blob to its end, where its checksum is compared.
func (r *reader) whole(s *stream) ([]byte, error) {
	content := make([]byte, r.size)
	for failures := 0; ; failures++ {
		_, err := io.ReadFull(s.body, content)
		if err == nil {
			if _, err = s.body.Read(make([]byte, 1)); err == io.EOF {
				return content, s.Close()
			} else if err == nil {
				err = errors.New("more came than was announced")
			}
		}
		s.Close()
		if failures == resumptions || r.ctx.Err() != nil {
			return nil, unexpected(err)
		}
		r.b.pause(r.ctx, failures)
		if s, err = r.get(0, r.size); err != nil {
			return nil, err
		}
	}
}

// get asks for the bytes from off to end; the first time, which has no end, for all of
// them, and notes size and tag.
func (r *reader) get(off, end int64) (*stream, error) {
	first := end < 0
	in := &s3.GetObjectInput{Bucket: &r.b.at.Bucket, Key: &r.key}
	if !first {
		in.IfMatch = &r.etag
	}
	part := !first && (off > 0 || end < r.size)
	if part {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", off, end-1))
	} else {
		in.ChecksumMode = types.ChecksumModeEnabled
	}
	out, err := r.b.s3.GetObject(streaming(r.ctx), in)
	switch {
	case err != nil && absent(err):
		return nil, fmt.Errorf("%w: %w", vault.ErrNoBlob, err)
	case status(err) == http.StatusPreconditionFailed:
		return nil, errReplaced
	case err != nil:
		return nil, err
	}
	refuse := func(why string) (*stream, error) {
		return nil, errors.Join(errors.New("the server's answer cannot be relied on: "+why), out.Body.Close())
	}
	switch {
	case first && (out.ContentLength == nil || *out.ContentLength < 0):
		return refuse("it says no size")
	case first && aws.ToString(out.ETag) == "":
		return refuse("it says no ETag")
	case first:
		r.size, r.etag, end = *out.ContentLength, *out.ETag, *out.ContentLength
	case aws.ToString(out.ETag) != r.etag:
		return nil, errors.Join(errReplaced, out.Body.Close())
	case out.ContentLength == nil || *out.ContentLength != end-off:
		return refuse(fmt.Sprintf("it has %d bytes of the %d asked for", aws.ToInt64(out.ContentLength), end-off))
	case part && aws.ToString(out.ContentRange) != fmt.Sprintf("bytes %d-%d/%d", off, end-1, r.size):
		return refuse(fmt.Sprintf("it has another range (%.40q)", aws.ToString(out.ContentRange)))
	}
	return &stream{body: out.Body, at: off, end: end}, nil
}

// pause waits before a broken stream is resumed: longer each time, and for a random part
// of it, so that many readers do not return at once.
func (b *Blobs) pause(ctx context.Context, failures int) {
	most := min(b.limits.backoff, 100*time.Millisecond<<failures)
	var random [8]byte
	rand.Read(random[:])
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(binary.BigEndian.Uint64(random[:]) % uint64(most))):
	}
}
