package s3store

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom"
	"strongroom/vault"
)

const (
	// partSize is the least that S3 takes for a part that is not the last. What fits into
	// one is stored by one request. 10,000 parts are 48 GiB, far above what a sealed file has.
	partSize  = 5 << 20
	maxParts  = 10_000
	blockSize = 64 << 10
	// sendingAtOnce are the parts of one writer that are under way while it fills the next.
	sendingAtOnce = 2
	// sendingBeside are those of all writers: n of them hold (n + 8) · 5 MiB at most.
	sendingBeside = 8

	octets       = "application/octet-stream"
	attemptField = "attempt" // metadata: which writer made the object

	abortTime = 10 * time.Second
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	blocks     = sync.Pool{New: func() any { return new([blockSize]byte) }}
)

// part is a run of a blob's bytes in memory, with its checksum.
type part struct {
	number int32
	blocks []*[blockSize]byte
	size   int64
	sum    uint32
}

func (p *part) write(b []byte) {
	p.sum = crc32.Update(p.sum, castagnoli, b)
	for len(b) > 0 {
		at := int(p.size % blockSize)
		if at == 0 {
			p.blocks = append(p.blocks, blocks.Get().(*[blockSize]byte))
		}
		n := copy(p.blocks[len(p.blocks)-1][at:], b)
		p.size += int64(n)
		b = b[n:]
	}
}

func (p *part) release() {
	for _, b := range p.blocks {
		blocks.Put(b)
	}
	p.blocks, p.size, p.sum = nil, 0, 0
}

// reader reads the part from its start, as often as a request is tried.
func (p *part) reader() io.ReadSeeker { return &partReader{part: p} }

type partReader struct {
	part *part
	at   int64
}

func (r *partReader) Read(b []byte) (int, error) {
	if r.at >= r.part.size {
		return 0, io.EOF
	}
	from := r.at % blockSize
	n := copy(b, r.part.blocks[r.at/blockSize][from:min(blockSize, from+r.part.size-r.at)])
	r.at += int64(n)
	return n, nil
}

func (r *partReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.part.size
	}
	if offset < 0 {
		return 0, errors.New("seeking before the start")
	}
	r.at = offset
	return offset, nil
}

// encode writes a checksum as S3 does.
func encode(sum uint32) *string {
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum)))
}

type writer struct {
	b         *Blobs
	name, key string
	attempt   string
	ctx       context.Context
	cancel    context.CancelFunc
	filling   part
	size      int64
	sum       uint32
	upload    *string
	sending   sync.WaitGroup
	own       chan struct{}
	done      bool

	mu    sync.Mutex
	parts []types.CompletedPart
	err   error
}

// Create starts writing a blob. The context is the writer's until it commits.
func (b *Blobs) Create(ctx context.Context, name string) (vault.BlobWriter, error) {
	key, err := b.key(name)
	if err != nil {
		return nil, err
	}
	w := &writer{b: b, name: name, key: key, attempt: strongroom.NewID().String(), own: make(chan struct{}, sendingAtOnce), filling: part{number: 1}}
	w.ctx, w.cancel = context.WithCancel(ctx)
	return w, nil
}

func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, w.b.failed("writing the blob", w.name, errors.New("it was committed or aborted"))
	}
	written := 0
	for len(p) > 0 {
		if w.filling.size == partSize {
			if err := w.send(); err != nil {
				return written, w.b.failed("writing the blob", w.name, err)
			}
		}
		n := min(len(p), int(partSize-w.filling.size))
		w.filling.write(p[:n])
		w.sum = crc32.Update(w.sum, castagnoli, p[:n])
		w.size += int64(n)
		written += n
		p = p[n:]
	}
	return written, nil
}

// send sends the part that is full: beside the writer where few others are sent so, and
// otherwise while it waits, so that a slow bucket fills no memory.
func (w *writer) send() error {
	if w.upload == nil {
		out, err := w.b.s3.CreateMultipartUpload(w.ctx, &s3.CreateMultipartUploadInput{
			Bucket: &w.b.at.Bucket, Key: &w.key, ContentType: aws.String(octets), Metadata: map[string]string{attemptField: w.attempt},
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumType: types.ChecksumTypeFullObject,
		})
		if err != nil {
			return err
		}
		if aws.ToString(out.UploadId) == "" {
			return errors.New("the server began an upload without an id")
		}
		w.upload = out.UploadId
	}
	if err := w.failure(); err != nil {
		return err
	}
	p := w.filling
	if p.number >= maxParts {
		return fmt.Errorf("it has more than %d bytes", int64(maxParts)*partSize)
	}
	w.filling = part{number: p.number + 1}
	select {
	case w.own <- struct{}{}:
		select {
		case w.b.beside <- struct{}{}:
			w.sending.Go(func() {
				defer func() { <-w.b.beside; <-w.own }()
				w.put(&p)
			})
			return nil
		default:
			<-w.own
		}
	default:
	}
	w.put(&p)
	return w.failure()
}

func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// put uploads one part.
func (w *writer) put(p *part) {
	defer p.release()
	sum := encode(p.sum)
	out, err := w.b.s3.UploadPart(w.ctx, &s3.UploadPartInput{
		Bucket: &w.b.at.Bucket, Key: &w.key, UploadId: w.upload, PartNumber: &p.number,
		Body: p.reader(), ContentLength: &p.size, ChecksumCRC32C: sum,
	})
	if err == nil {
		err = echoed(out.ChecksumCRC32C, sum)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		if w.err == nil {
			w.err = fmt.Errorf("part %d: %w", p.number, err)
			w.cancel() // the other parts are of no use any more
		}
		return
	}
	w.parts = append(w.parts, types.CompletedPart{PartNumber: aws.Int32(p.number), ETag: out.ETag, ChecksumCRC32C: sum})
}

// echoed compares the checksum of what was sent with that of what the server says it
// received, where it says so.
func echoed(got, want *string) error {
	if got != nil && *got != *want {
		return fmt.Errorf("the server received other bytes than were sent: their checksum is %.20q, not %s", *got, *want)
	}
	return nil
}

func (w *writer) Commit() error {
	if w.done {
		return w.b.failed("storing the blob", w.name, errors.New("it was committed or aborted"))
	}
	var err error
	if w.upload == nil {
		err = w.store()
	} else {
		err = w.complete()
	}
	if err != nil {
		w.Abort()
		return w.b.failed("storing the blob", w.name, err)
	}
	w.done = true
	w.cancel()
	return nil
}

// store stores a blob that fits into one part.
func (w *writer) store() error {
	defer w.filling.release()
	sum := encode(w.sum)
	out, err := w.b.s3.PutObject(w.ctx, &s3.PutObjectInput{
		Bucket: &w.b.at.Bucket, Key: &w.key, Body: w.filling.reader(), ContentLength: &w.filling.size,
		ContentType: aws.String(octets), Metadata: map[string]string{attemptField: w.attempt}, ChecksumCRC32C: sum,
	})
	if err != nil {
		return err
	}
	if out.ChecksumCRC32C == nil {
		return w.confirm() // a server that checks no checksums is at least asked for the size
	}
	return echoed(out.ChecksumCRC32C, sum)
}

// complete joins the parts.
func (w *writer) complete() error {
	if err := w.send(); err != nil {
		return err
	}
	w.sending.Wait()
	if err := w.failure(); err != nil {
		return err
	}
	slices.SortFunc(w.parts, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	sum := encode(w.sum)
	out, err := w.b.s3.CompleteMultipartUpload(w.ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &w.b.at.Bucket, Key: &w.key, UploadId: w.upload, MultipartUpload: &types.CompletedMultipartUpload{Parts: w.parts},
		ChecksumCRC32C: sum, ChecksumType: types.ChecksumTypeFullObject, MpuObjectSize: &w.size,
	})
	if err != nil {
		// An answer that was lost leaves a blob that is whole: the next attempt hears that
		// there is no such upload.
		if w.ctx.Err() == nil && w.confirm() == nil {
			return nil
		}
		return err
	}
	if err := echoed(out.ChecksumCRC32C, sum); err != nil {
		return err
	}
	return w.confirm()
}

// confirm asks whether the key has what this writer wrote, whole.
func (w *writer) confirm() error {
	out, err := w.b.s3.HeadObject(w.ctx, &s3.HeadObjectInput{Bucket: &w.b.at.Bucket, Key: &w.key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return fmt.Errorf("asking for what was stored: %w", err)
	}
	if got := out.Metadata[attemptField]; got != w.attempt {
		return errors.New("the key has not what was stored under it")
	}
	if got := aws.ToInt64(out.ContentLength); out.ContentLength == nil || got != w.size {
		return errors.New("the server keeps " + strconv.FormatInt(got, 10) + " bytes of " + strconv.FormatInt(w.size, 10))
	}
	if out.ChecksumType == types.ChecksumTypeComposite {
		return nil
	}
	return echoed(out.ChecksumCRC32C, encode(w.sum))
}

func (w *writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	w.cancel()
	w.sending.Wait()
	w.filling.release()
	if w.upload == nil {
		return
	}
	// What this fails to end, AbortStale does.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), abortTime)
	defer cancel()
	w.b.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &w.b.at.Bucket, Key: &w.key, UploadId: w.upload})
}
