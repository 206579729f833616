package s3

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"

	"strongroom/door/sigv4"
)

const (
	maxChunkLine = 256
	maxTrailer   = 2 << 10 // bytes of all trailing lines
	minChunk     = 8 << 10 // S3's own bound, for all chunks but the last
	lineBuffer   = 16 << 10
)

// chunkReader decodes a body of Content-Encoding aws-chunked. Data is passed on as
// it comes; a chunk's signature is checked when its data has ended, and io.EOF is
// answered only after the last signature, so a store that waits for the end never
// keeps what was not signed.
type chunkReader struct {
	in      *bufio.Reader
	sign    *chunkSigner // nil: chunks are not signed
	trailer func(name, value string) error
	trails  bool // the stream announces a trailer

	left     int64  // of the chunk being read
	claimed  string // its signature
	inChunk  bool
	wasShort bool // a chunk below the minimum has been seen: it must be the last
	err      error
}

// chunkSigner carries the chain of signatures: each covers the one before.
type chunkSigner struct {
	key      []byte
	stamp    string
	scope    string
	previous string
	data     hash.Hash
}

func newChunkReader(in io.Reader, sign *chunkSigner, trails bool, trailer func(name, value string) error) *chunkReader {
	return &chunkReader{in: bufio.NewReaderSize(in, lineBuffer), sign: sign, trails: trails, trailer: trailer}
}

func newChunkSigner(s *sigv4.Signature) *chunkSigner {
	return &chunkSigner{key: s.Key, stamp: s.Stamp, scope: s.Scope(), previous: s.Value, data: sha256.New()}
}

func (s *chunkSigner) next(text string) string {
	return hex.EncodeToString(sigv4.MAC(s.key, text))
}

// chunk checks the signature of the data hashed since the last call.
func (s *chunkSigner) chunk(claimed string) error {
	want := s.next("AWS4-HMAC-SHA256-PAYLOAD\n" + s.stamp + "\n" + s.scope + "\n" + s.previous + "\n" + emptySHA256 + "\n" + hex.EncodeToString(s.data.Sum(nil)))
	if !equal(claimed, want) {
		return refuse("SignatureDoesNotMatch", "the signature of a chunk does not match its data")
	}
	s.previous = want
	s.data.Reset()
	return nil
}

func (s *chunkSigner) trailer(canonical, claimed string) error {
	want := s.next("AWS4-HMAC-SHA256-TRAILER\n" + s.stamp + "\n" + s.scope + "\n" + s.previous + "\n" + sigv4.Digest(canonical))
	if !equal(claimed, want) {
		return refuse("SignatureDoesNotMatch", "the signature of the trailer does not match")
	}
	return nil
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 || c.err != nil {
		return 0, c.err
	}
	for {
		if c.left > 0 {
			n, err := c.in.Read(p[:min(int64(len(p)), c.left)])
			c.left -= int64(n)
			if c.sign != nil {
				c.sign.data.Write(p[:n])
			}
			if err != nil {
				c.err = short(err)
			}
			if n > 0 {
				return n, nil
			}
			return 0, c.err
		}
		if c.err = c.step(); c.err != nil {
			return 0, c.err
		}
	}
}

// step ends the chunk whose data has been read and begins the next; io.EOF after the last.
func (c *chunkReader) step() error {
	if c.inChunk {
		if line, err := c.line(2); err != nil || line != "" {
			return broken(err, "a chunk is longer than its length says")
		}
		if c.sign != nil {
			if err := c.sign.chunk(c.claimed); err != nil {
				return err
			}
		}
		c.inChunk = false
	}
	line, err := c.line(maxChunkLine)
	if err != nil {
		return broken(err, "a chunk's header is not a line")
	}
	size, extension, signed := strings.Cut(line, ";")
	n, err := strconv.ParseUint(size, 16, 62)
	if err != nil || size == "" || len(size) > 16 {
		return broken(nil, "a chunk's header does not begin with its length in hexadecimal")
	}
	if c.sign != nil {
		claimed, ok := strings.CutPrefix(extension, "chunk-signature=")
		if !ok || !sigv4.IsDigest(claimed) {
			return broken(nil, "a chunk's header has no signature")
		}
		c.claimed = claimed
	} else if signed {
		return broken(nil, "a chunk's header has an extension that was not announced")
	}
	if n > 0 {
		if c.wasShort {
			return refuse("InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than %d bytes", minChunk)
		}
		c.wasShort = n < minChunk
		c.left, c.inChunk = int64(n), true
		return nil
	}
	if c.sign != nil {
		if err := c.sign.chunk(c.claimed); err != nil {
			return err
		}
	}
	return c.end()
}

// end reads what follows the last chunk: the trailer, an empty line, nothing more.
func (c *chunkReader) end() error {
	var canonical strings.Builder
	var claimed string
	budget := maxTrailer
	gap := false
	for {
		line, err := c.trailerLine(budget)
		if err != nil {
			return broken(err, "the trailer is not made of lines, or too long")
		}
		if line == "" {
			// Some clients write "name:value\n\r\n": an empty line too many.
			if c.trails && claimed == "" && !gap && !c.atEnd() {
				gap = true
				continue
			}
			break
		}
		budget -= len(line) + 2
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(name), strings.Trim(value, " \t")
		if !ok || name == "" || !c.trails || claimed != "" {
			return refuse("MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
		}
		if c.sign != nil && name == "x-amz-trailer-signature" {
			claimed = value
			continue
		}
		canonical.WriteString(name + ":" + value + "\n")
		if err := c.trailer(name, value); err != nil {
			return err
		}
	}
	if c.sign != nil && c.trails {
		if err := c.sign.trailer(canonical.String(), claimed); err != nil {
			return err
		}
	}
	if !c.atEnd() {
		return broken(nil, "bytes follow the last chunk")
	}
	return io.EOF
}

// atEnd reports whether the input has ended.
func (c *chunkReader) atEnd() bool {
	_, err := c.in.Peek(1)
	return errors.Is(err, io.EOF)
}

// line reads a line of at most limit bytes that ends with CR LF, and answers it without them.
func (c *chunkReader) line(limit int) (string, error) {
	line, err := c.rawLine(limit)
	if err == nil && !strings.HasSuffix(line, "\r") {
		err = errNoLine
	}
	return strings.TrimSuffix(line, "\r"), err
}

// trailerLine is line, but a lone LF also ends it.
func (c *chunkReader) trailerLine(limit int) (string, error) {
	line, err := c.rawLine(limit)
	return strings.TrimSuffix(line, "\r"), err
}

func (c *chunkReader) rawLine(limit int) (string, error) {
	b, err := c.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || err == nil && (len(b) > limit || bytes.IndexByte(b[:max(len(b)-2, 0)], '\r') >= 0) {
		return "", errNoLine
	}
	if err != nil {
		return "", short(err)
	}
	return string(b[:len(b)-1]), nil
}

var errNoLine = errors.New("no line of the length allowed")

// broken says that the chunk stream is not one; a failure of reading says so itself.
func broken(err error, why string) error {
	if err != nil && !errors.Is(err, errNoLine) {
		return err
	}
	f := refuse("IncompleteBody", "The request body terminated unexpectedly")
	f.cause = errors.New("the chunk-encoded body is malformed: " + why)
	return f
}

// short turns the end of the input, where more was announced, into what it means.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
