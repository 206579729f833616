package trail

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// Limits of what is read.
const (
	// mostEvent bounds one event, in bytes. CloudTrail's largest are 1 MB (256 KB before
	// events could carry tags of resources).
	mostEvent = 4 << 20
	// mostUnpacked bounds one file's content, in bytes. CloudTrail closes a file after about
	// five minutes or 50 MB.
	mostUnpacked = 16 << 30
	// mostFaults bounds how many faults are told one by one.
	mostFaults = 100
	// idsRemembered is among how many events before it, at least, a duplicate is noticed.
	idsRemembered = 4 << 20
)

// File is one file of a place.
type File struct {
	Name string // within its place
	Size int64  // in bytes, as it lies there
}

// Place is where files of a trail lie: a folder, a file, a bucket.
type Place interface {
	// String names the place in messages.
	String() string
	// Files lists what may hold events, in order of name. An error ends the list.
	Files(ctx context.Context) iter.Seq2[File, error]
	// Open reads one of them.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
}

// Fault is what could not be read, and where.
type Fault struct {
	File  string `json:"file"`
	Index int    `json:"index"` // which event of the file, from 0; -1 for the file itself
	What  Text   `json:"what"`
}

// Text says it with the place.
func (f Fault) Text() Text {
	if f.Index < 0 {
		return both(f.File+": "+f.What.EN, f.File+" : "+f.What.FR)
	}
	return both(fmt.Sprintf("%s: event %d (counted from 0): %s", f.File, f.Index, f.What.EN), fmt.Sprintf("%s : événement %d (compté à partir de 0) : %s", f.File, f.Index, f.What.FR))
}

func (f Fault) String() string { return f.Text().EN }

// Reading is what reading a trail came to.
type Reading struct {
	Files      int64 `json:"files"`
	Bytes      int64 `json:"bytes"`  // as they lie there
	Events     int64 `json:"events"` // without duplicates and malformed ones
	Duplicates int64 `json:"duplicates"`
	Malformed  int64 `json:"malformed"`  // events that could not be understood
	Broken     int64 `json:"broken"`     // files that could not be read to their end
	PassedOver int64 `json:"passedOver"` // files of digests, which hold no events
	// Forgot says that there were more events than ids are remembered: a duplicate that came
	// more than about four million events after its like counts twice.
	Forgot bool    `json:"forgot,omitempty"`
	Faults []Fault `json:"faults,omitempty"` // the first hundred
}

func (r *Reading) fault(file string, index int, what Text) {
	if len(r.Faults) < mostFaults {
		r.Faults = append(r.Faults, Fault{file, index, what})
	}
}

// Read reads all events of places, each once, in the order in which they lie there, which is
// not that of their times. do must not keep what the event says is valid until the next only.
// progress, if there is one, is called now and then. What cannot be read is in the Reading;
// the error is do's, the context's, or of a place that could not be listed.
func Read(ctx context.Context, places []Place, do func(*Event) error, progress func(*Reading)) (*Reading, error) {
	r := &Reading{}
	seen := newIDs(idsRemembered)
	s := &stream{parser: parser{words: &words{}}}
	for _, place := range places {
		for file, err := range place.Files(ctx) {
			if err != nil {
				return r, fmt.Errorf("%s: %w", place, err)
			}
			if strings.Contains("/"+file.Name, "/CloudTrail-Digest/") {
				r.PassedOver++
				continue
			}
			name := place.String()
			if file.Name != "" {
				name = strings.TrimSuffix(name, "/") + "/" + file.Name
			}
			r.Files++
			ended := func() error {
				body, err := place.Open(ctx, file.Name)
				if err != nil {
					return err
				}
				defer body.Close()
				return s.file(body, func(index int, e *Event, err error) error {
					if err != nil {
						r.Malformed++
						r.fault(name, index, textOf(err))
						return nil
					}
					if e.ID != "" && !seen.add(e.ID) {
						r.Duplicates++
						return nil
					}
					r.Events++
					if r.Events%1024 == 0 {
						if progress != nil {
							progress(r)
						}
						if err := ctx.Err(); err != nil {
							return &stopped{err}
						}
					}
					if err := do(e); err != nil {
						return &stopped{err}
					}
					return nil
				})
			}()
			if stop, ok := errors.AsType[*stopped](ended); ok {
				return r, stop.error
			}
			if err := ctx.Err(); err != nil {
				return r, err
			}
			if ended != nil {
				r.Broken++
				r.fault(name, -1, textOf(ended))
			}
			r.Bytes += file.Size
			if progress != nil {
				progress(r)
			}
		}
	}
	r.Forgot = seen.forgot
	return r, nil
}

// stopped is an error that ends the reading, as those of one file do not.
type stopped struct{ error }

// ids remembers which events were seen, by 64 bits of hash: among ten million, two that
// differ are taken for one with a chance of 3 in a million.
type ids struct {
	seed     maphash.Seed
	most     int
	now, old map[uint64]struct{}
	forgot   bool
}

func newIDs(most int) *ids {
	return &ids{seed: maphash.MakeSeed(), most: most, now: map[uint64]struct{}{}}
}

// add tells whether the id is new.
func (s *ids) add(id string) bool {
	h := maphash.String(s.seed, id)
	if _, ok := s.now[h]; ok {
		return false
	}
	if _, ok := s.old[h]; ok {
		return false
	}
	if len(s.now) >= s.most {
		s.forgot = s.forgot || s.old != nil
		s.old, s.now = s.now, make(map[uint64]struct{}, s.most)
	}
	s.now[h] = struct{}{}
	return true
}

// stream is a parser over a reader: what it has of the text grows as it is needed.
type stream struct {
	parser
	r     io.Reader
	ended bool // nothing comes after b
	fault error
	buf   []byte
	event Event
	index int
	take  func(index int, e *Event, err error) error
}

// file reads one file, packed or not. take gets every event, or what is wrong with it. The
// error is take's, or says why the rest of the file was not read.
func (s *stream) file(r io.Reader, take func(index int, e *Event, err error) error) error {
	head := bufio.NewReaderSize(r, 64<<10)
	var plain io.Reader = head
	if magic, _ := head.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(head)
		if err != nil {
			return tell(err, "it cannot be unpacked: %v", "il ne peut être décompressé : %v", err)
		}
		defer z.Close()
		plain = z
	}
	if s.buf == nil {
		s.buf = make([]byte, 256<<10)
	}
	s.r, s.ended, s.fault, s.index, s.take = &bounded{plain, mostUnpacked}, false, nil, 0, take
	s.b, s.i = s.buf[:0], 0
	err := s.values()
	if errors.Is(err, errShort) && s.fault != nil {
		err = s.fault
	}
	return err
}

// bounded fails, rather than ends, where its source has more.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tell(nil, "it has more than %d GiB unpacked: the rest was not read", "il fait plus de %d Gio une fois décompressé : le reste n’a pas été lu", mostUnpacked>>30)
	}
	return n, err
}

// errLong is of an event beyond mostEvent.
var errLong = tell(nil, "it has more than %d MiB", "il fait plus de %d Mio", mostEvent>>20)

// more gets more text behind what is there, and drops what was read. What stands at s.i
// stays readable, at another place.
func (s *stream) more() error {
	if s.ended {
		return errShort
	}
	rest := len(s.b) - s.i
	if rest == len(s.buf) {
		if rest >= mostEvent {
			return errLong
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	copy(s.buf, s.b[s.i:])
	n := rest
	for n < len(s.buf) {
		got, err := s.r.Read(s.buf[n:])
		n += got
		if err != nil {
			s.ended = true
			if err != io.EOF {
				why := textOf(err)
				s.fault = &told{both("it could not be read to its end: "+why.EN, "il n’a pu être lu jusqu’au bout : "+why.FR), err}
			}
			break
		}
	}
	s.b, s.i = s.buf[:n], 0
	return nil
}

// attempt reads something, again with more text as long as that is short.
func (s *stream) attempt(read func() error) error {
	for {
		mark := s.i
		err := read()
		if !errors.Is(err, errShort) {
			return err
		}
		s.i = mark
		if err := s.more(); err != nil {
			return err
		}
	}
}

// peek skips white space and says what stands there; errShort is the end.
func (s *stream) peek() (byte, error) {
	for {
		s.space()
		if s.i < len(s.b) {
			return s.b[s.i], nil
		}
		if err := s.more(); err != nil {
			return 0, err
		}
	}
}

// line passes over the rest of a line.
func (s *stream) line() error {
	for {
		if at := bytes.IndexByte(s.b[s.i:], '\n'); at >= 0 {
			s.i += at + 1
			return nil
		}
		s.i = len(s.b)
		if err := s.more(); err != nil {
			return err
		}
	}
}

// values reads what a file consists of: one value after the other. Each is an event, a list
// of events, or an object with such a list as Records or Events.
func (s *stream) values() error {
	if err := s.attempt(func() error {
		if len(s.b) < 3 && !s.ended {
			return errShort
		}
		if bytes.HasPrefix(s.b, []byte("\xef\xbb\xbf")) {
			s.i = 3
		}
		return nil
	}); err != nil {
		return err
	}
	for lines := false; ; {
		c, err := s.peek()
		if errors.Is(err, errShort) {
			return s.fault
		}
		if err != nil {
			return err
		}
		switch c {
		case '[':
			err = s.list()
		case '{':
			var first string
			err = s.attempt(func() error {
				at := s.i
				defer func() { s.i = at }()
				s.i++
				if c, err := s.next(); err != nil || c != '"' {
					return err
				}
				name, err := s.text()
				first = string(name)
				return err
			})
			if err != nil {
				return err
			}
			switch first {
			case "Records", "Events", "NextToken", "ResponseMetadata":
				err = s.wrapper()
			default:
				err = s.one()
				lines = lines || err == nil
			}
		default:
			err = &syntaxError{s.i, "an object or a list"}
		}
		if syntax, ok := errors.AsType[*syntaxError](err); ok && lines {
			// One line is bad; the next may not be.
			if err := s.take(s.index, nil, syntax); err != nil {
				return err
			}
			s.index++
			err = s.line()
			if errors.Is(err, errShort) {
				return s.fault
			}
		}
		if err != nil {
			return err
		}
	}
}

// one reads one event and gives it away.
func (s *stream) one() error {
	err := s.attempt(func() error { return s.parser.event(&s.event) })
	switch shape, bad := errors.AsType[shapeError](err); {
	case err == nil:
		err = s.take(s.index, &s.event, nil)
	case bad:
		err = s.take(s.index, nil, shape)
	case errors.Is(err, errLong):
		if err = s.skipLong(); err == nil {
			err = s.take(s.index, nil, errLong)
		}
	case errors.Is(err, errShort):
		return tell(errShort, "it ends in the middle of event %d", "il s’arrête au milieu de l’événement %d", s.index)
	default:
		return err
	}
	s.index++
	return err
}

// skipLong passes over an object that has no room.
func (s *stream) skipLong() error {
	depth, quoted := 0, false
	for {
		for ; s.i < len(s.b); s.i++ {
			switch c := s.b[s.i]; {
			case quoted && c == '\\':
				if s.i+1 >= len(s.b) {
					if err := s.more(); err != nil {
						return err
					}
				}
				s.i++
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				if depth--; depth == 0 {
					s.i++
					return nil
				}
			}
		}
		s.i = len(s.b)
		if err := s.more(); err != nil {
			return err
		}
	}
}

// list reads a list of events.
func (s *stream) list() error {
	s.i++
	for first := true; ; first = false {
		c, err := s.peek()
		if err != nil {
			return s.short(err)
		}
		if first && c == ']' {
			s.i++
			return nil
		}
		if err := s.one(); err != nil {
			if syntax, ok := errors.AsType[*syntaxError](err); ok {
				why := syntax.text()
				return tell(nil, "event %d: %[2]s: the rest of the file was not read", "événement %d : %[3]s : le reste du fichier n’a pas été lu", s.index, why.EN, why.FR)
			}
			return err
		}
		if c, err = s.peek(); err != nil {
			return s.short(err)
		}
		s.i++
		switch c {
		case ',':
		case ']':
			return nil
		default:
			return tell(nil, "after event %d a comma or ] is missing: the rest of the file was not read", "après l’événement %d il manque une virgule ou ] : le reste du fichier n’a pas été lu", s.index-1)
		}
	}
}

func (s *stream) short(err error) error {
	if errors.Is(err, errShort) {
		return tell(errShort, "it ends after %d events, in the middle of their list", "il s’arrête après %d événements, au milieu de leur liste", s.index)
	}
	return err
}

// wrapper reads an object with a list of events.
func (s *stream) wrapper() error {
	s.i++
	for {
		c, err := s.peek()
		if err != nil {
			return s.short(err)
		}
		if c == '}' {
			s.i++
			return nil
		}
		var name string
		if err := s.attempt(func() error {
			if c, err := s.next(); err != nil || c != '"' {
				if err == nil {
					err = &syntaxError{s.i, "a name in quotes"}
				}
				return err
			}
			b, err := s.text()
			name = string(b)
			if err != nil {
				return err
			}
			return s.expect(':')
		}); err != nil {
			return err
		}
		if c, err = s.peek(); err != nil {
			return s.short(err)
		}
		if (name == "Records" || name == "Events") && c == '[' {
			err = s.list()
		} else {
			err = s.attempt(s.skip)
		}
		if err != nil {
			return err
		}
		if c, err = s.peek(); err != nil {
			return s.short(err)
		}
		s.i++
		switch c {
		case ',':
		case '}':
			return nil
		default:
			return &syntaxError{s.i - 1, "a comma or }"}
		}
	}
}

// Path is a folder with files of a trail below it, or one file.
func Path(name string) (Place, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("it is neither a file nor a folder")}
	}
	return &disk{name, info}, nil
}

type disk struct {
	name string
	info fs.FileInfo
}

func (d *disk) String() string { return d.name }

// Files lists the files named .json, .jsonl, .ndjson or .log, each also with .gz.
func (d *disk) Files(ctx context.Context) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		if !d.info.IsDir() {
			yield(File{"", d.info.Size()}, nil)
			return
		}
		err := filepath.WalkDir(d.name, func(p string, e fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			if !e.Type().IsRegular() || !HoldsEvents(p) {
				return nil
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			name, err := filepath.Rel(d.name, p)
			if err != nil {
				return err
			}
			if !yield(File{filepath.ToSlash(name), info.Size()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(File{}, err)
		}
	}
}

func (d *disk) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(d.name, filepath.FromSlash(name)))
}

// HoldsEvents tells by a file's name whether it may hold events.
func HoldsEvents(name string) bool {
	switch filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz")) {
	case ".json", ".jsonl", ".ndjson", ".log":
		return true
	}
	return false
}
