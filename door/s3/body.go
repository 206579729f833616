package s3

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"strongroom/door/sigv4"
)

// body is a request's content on its way in: decoded, counted, hashed. Its end is
// io.EOF only if everything that the client said about it is true.
type body struct {
	in   io.Reader
	size int64 // or -1: it has an end, and no length was announced
	read int64

	digest  hash.Hash // nil unless the client named the SHA-256
	claimed string
	md5     hash.Hash // nil unless the client sent Content-MD5
	md5Want []byte
	sum     *checksum // nil unless the client chose one
	sumHash hash.Hash
	sumWant []byte // nil until the trailer has told
	own     bool   // nobody has chosen it: it is computed here, and compared with nothing
	told    bool   // a checksum or Content-MD5 protects the content

	err error // sticky; io.EOF when all was well
}

// content opens the request's body. Nothing is read yet, so that a client waiting
// for "100 Continue" sends nothing before somebody wants it.
func (x *exchange) content(limit int64) (*body, error) {
	b := &body{size: x.r.ContentLength}
	in := x.paced()
	payload := x.signed.Payload
	streaming := strings.HasPrefix(payload, "STREAMING-")
	trails := strings.HasSuffix(payload, "-TRAILER")
	if streaming {
		declared, ok := x.fields["x-amz-decoded-content-length"]
		if !ok {
			return nil, refuse("MissingContentLength", "You must provide the Content-Length HTTP header.")
		}
		n, err := strconv.ParseUint(declared, 10, 62)
		if err != nil {
			return nil, refuse("InvalidArgument", "x-amz-decoded-content-length must be a number of bytes")
		}
		if b.size >= 0 && int64(n) > b.size {
			return nil, refuse("IncompleteBody", "x-amz-decoded-content-length is larger than Content-Length")
		}
		b.size = int64(n)
	}
	if b.size < 0 {
		return nil, refuse("MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if b.size > limit {
		f := refuse("EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")
		f.extra = []element{{"ProposedSize", strconv.FormatInt(b.size, 10)}, {"MaxSizeAllowed", strconv.FormatInt(limit, 10)}}
		return nil, f
	}
	if sigv4.IsDigest(payload) {
		b.claimed, b.digest = payload, sha256.New()
	}
	if err := b.readMD5(x.r.Header.Values("Content-Md5")); err != nil {
		return nil, err
	}
	awaited, err := b.readChecksum(x.fields, trails)
	if err != nil {
		return nil, err
	}
	if payload == streamSignedTrail && awaited == "" {
		return nil, refuse("MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
	}
	if streaming {
		var signer *chunkSigner
		if payload != streamPlainTrail {
			signer = newChunkSigner(&x.signed)
		}
		in = newChunkReader(in, signer, awaited != "", b.takeTrailer(awaited))
	}
	b.in = in
	return b, nil
}

// paced is the request's body as it comes, under the minimum rate.
func (x *exchange) paced() io.Reader {
	if x.r.Body == nil {
		return http.NoBody
	}
	return &pacedReader{x.r.Body, newPace(x.control.SetReadDeadline, x.PaceWindow, x.PaceBytes, x.r.ProtoMajor >= 2)}
}

func (b *body) readMD5(values []string) error {
	if len(values) == 0 {
		return nil
	}
	want, err := base64.StdEncoding.Strict().DecodeString(values[0])
	if err != nil || len(want) != 16 || len(values) > 1 {
		f := refuse("InvalidDigest", "The Content-Md5 you specified is not valid.")
		f.extra = []element{{"Content-MD5", strings.ToValidUTF8(clip(values[0]), "\ufffd")}}
		return f
	}
	b.md5, b.md5Want, b.told = newMD5(), want, true
	return nil
}

// readChecksum finds the one checksum that the client chose, and answers the name
// of the trailer that will bring its value, or "".
func (b *body) readChecksum(fields map[string]string, trails bool) (string, error) {
	named := ""
	for name := range fields {
		if strings.HasPrefix(name, prefixChecksum) && !slices.Contains(checksumFields, name) {
			if named != "" {
				return "", refuse("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
			}
			named = name
		}
	}
	if named != "" {
		c := checksumNamed(strings.TrimPrefix(named, prefixChecksum))
		if c == nil {
			return "", refuse("InvalidRequest", "The algorithm type you specified in x-amz-checksum- header is invalid.")
		}
		b.sum, b.sumWant = c, c.decode(fields[named])
		if b.sumWant == nil {
			return "", refuse("InvalidRequest", "Value for %s header is invalid.", named)
		}
	}
	trailer, announced := fields["x-amz-trailer"]
	trailer = strings.ToLower(trailer)
	switch {
	case announced && !trails:
		return "", refuse("InvalidRequest", "x-amz-trailer needs a payload of the form STREAMING-…-TRAILER")
	case announced:
		c := checksumNamed(strings.TrimPrefix(trailer, "x-amz-checksum-"))
		if c == nil || !strings.HasPrefix(trailer, "x-amz-checksum-") {
			return "", refuse("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
		}
		if named != "" {
			return "", refuse("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		b.sum = c
	}
	if algorithm, ok := fields["x-amz-sdk-checksum-algorithm"]; ok {
		switch c := checksumNamed(algorithm); {
		case c == nil:
			return "", refuse("InvalidRequest", "%s", noSuchChecksum)
		case b.sum == nil:
			return "", refuse("InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
		case c != b.sum:
			return "", refuse("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
	}
	if b.sum != nil {
		b.sumHash, b.told = b.sum.new(), true
	}
	return trailer, nil
}

func (b *body) takeTrailer(awaited string) func(name, value string) error {
	return func(name, value string) error {
		if name != awaited || b.sumWant != nil {
			return refuse("MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
		}
		if b.sumWant = b.sum.decode(value); b.sumWant == nil {
			return refuse("InvalidRequest", "Value for %s trailing header is invalid.", name)
		}
		return nil
	}
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.in.Read(p)
	b.read += int64(n)
	if b.size >= 0 && b.read > b.size {
		b.err = refuse("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
		return 0, b.err
	}
	if b.digest != nil {
		b.digest.Write(p[:n])
	}
	if b.md5 != nil {
		b.md5.Write(p[:n])
	}
	if b.sumHash != nil {
		b.sumHash.Write(p[:n])
	}
	if err != nil {
		b.err = b.ended(err)
	}
	return n, b.err
}

// ended says what the end of the input means.
func (b *body) ended(err error) error {
	if _, ok := errors.AsType[*failure](err); ok {
		return err
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse("RequestTimeout", "your connection was not written to fast enough; idle and very slow connections are closed")
	case err != io.EOF || b.read < b.size:
		f := refuse("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
		if err != io.EOF {
			f.cause = fmt.Errorf("reading the request's body: %w", err)
		}
		return f
	case b.digest != nil && !equal(hex.EncodeToString(b.digest.Sum(nil)), b.claimed):
		return refuse("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
	case b.md5 != nil && !bytes.Equal(b.md5.Sum(nil), b.md5Want):
		f := refuse("BadDigest", "The Content-MD5 you specified did not match what we received.")
		f.extra = []element{{"CalculatedDigest", base64.StdEncoding.EncodeToString(b.md5.Sum(nil))}, {"ExpectedDigest", hex.EncodeToString(b.md5Want)}}
		return f
	case b.own:
		b.sumWant = b.sumHash.Sum(nil)
	case b.sum != nil && b.sumWant == nil:
		return refuse("MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
	case b.sum != nil && !bytes.Equal(b.sumHash.Sum(nil), b.sumWant):
		return refuse("BadDigest", "The %s you specified did not match the calculated checksum.", strings.ToUpper(b.sum.name))
	}
	return io.EOF
}

// finish is the vault.AtEOF of this body.
func (b *body) finish() (map[string]string, error) {
	if b.err == nil {
		var one [1]byte
		if n, _ := b.Read(one[:]); n > 0 {
			return nil, errors.New("the request's body was not read to its end")
		}
	}
	if b.err != io.EOF {
		if b.err == nil {
			return nil, errors.New("the request's body did not end")
		}
		return nil, b.err
	}
	if b.sum == nil {
		return nil, nil
	}
	return map[string]string{b.sum.name: base64.StdEncoding.EncodeToString(b.sumWant)}, nil
}

// compute has a checksum made of content that came without one.
func (b *body) compute(c *checksum) {
	b.sum, b.sumHash, b.own = c, c.new(), true
}

// byDefault has the checksum made that S3 makes of content which came without one.
func (b *body) byDefault() {
	if b.sum == nil {
		b.compute(checksumNamed(byDefault))
	}
}

// explain prefers what was wrong with the body over what the store made of it.
func (b *body) explain(err error) error {
	if err != nil && b.err != nil && b.err != io.EOF {
		return b.err
	}
	return err
}

// document reads a whole XML body.
func (x *exchange) document(limit int64) ([]byte, *body, error) {
	b, err := x.content(limit)
	if err != nil {
		if f := asFailure(err); f.code == "EntityTooLarge" {
			return nil, nil, malformed("it is larger than " + strconv.FormatInt(limit, 10) + " bytes")
		}
		return nil, nil, err
	}
	data, err := io.ReadAll(b)
	return data, b, err
}

// noContent refuses a body where the operation takes none, and checks the digest
// that the client signed of it.
func (x *exchange) noContent() error {
	if x.r.ContentLength > 0 || strings.HasPrefix(x.signed.Payload, "STREAMING-") {
		return refuse("InvalidRequest", "%s takes no body", x.op.name)
	}
	if x.r.ContentLength < 0 {
		n, err := x.paced().Read(make([]byte, 1))
		if n > 0 || err != io.EOF {
			return refuse("InvalidRequest", "%s takes no body", x.op.name)
		}
	}
	if sigv4.IsDigest(x.signed.Payload) && x.signed.Payload != emptySHA256 {
		return refuse("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return nil
}
