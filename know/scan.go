package know

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"strongroom"
)

// Phases of a scan.
const (
	PhaseList = "listing"
	PhaseRead = "reading"
	PhaseDone = "done"
)

// Scan is how far a source was looked at, and what that showed. What it counted and how far
// it came are kept together, so that going on neither skips nor repeats.
type Scan struct {
	ID      strongroom.ID `json:"id"`
	Source  strongroom.ID `json:"source"`
	Runner  strongroom.ID `json:"runner"` // the process whose scan it is
	Started time.Time     `json:"started"`
	Updated time.Time     `json:"updated"`
	Resumed int           `json:"resumed"` // how often it was gone on with

	Phase    string `json:"phase"`
	Cursor   []byte `json:"cursor,omitempty"` // the last name listed, which need not be UTF-8
	Entries  int64  `json:"entries"`
	Bytes    int64  `json:"bytes"`
	Requests int64  `json:"requests"` // of all runs; one that was cut off may have made a few more
	Read     int64  `json:"read"`     // entries of the sample
	ReadSize int64  `json:"read_bytes"`

	Sample   Sample              `json:"sample"`
	Seed     []byte              `json:"seed"`
	Rows     []Row               `json:"rows"` // by type and age
	Troubles map[Trouble]*Notice `json:"troubles,omitempty"`
	Looked   map[string]*Looked  `json:"looked,omitempty"` // by type
	Outside  []string            `json:"not_looked_at,omitempty"`
}

// Notice counts troubles of one kind, with some of them.
type Notice struct {
	Count    int64    `json:"count"`
	Examples []string `json:"examples"` // at most maxExamples
}

const maxExamples = 10

// Looked is what a sample showed of one type.
type Looked struct {
	Drawn      int64            `json:"drawn"`
	Unreadable int64            `json:"unreadable"`
	Partly     int64            `json:"partly"`
	Classes    map[string]int64 `json:"classes"`
}

// maxClasses bounds how many classes are counted apart.
const maxClasses = 200

// HeadBytes is how much of an entry is read.
const HeadBytes = 256 << 10

// Progress is how far a scan is.
type Progress struct {
	Phase          string
	Entries, Bytes int64
	Drawn, Read    int64
	Requests       int64
}

// ScanConfig is what a scan needs. Step, where not nil, is told of progress.
type ScanConfig struct {
	Store      Store
	Place      Place
	Pacer      *Pacer
	Classifier Classifier // nil where nothing is sampled
	Sample     Sample
	Resume     bool // go on with an unfinished one where there is one; it keeps its own sample
	Clock      func() time.Time
	Step       func(Progress)
	Every      int // entries between two checkpoints, 0 means 2000
}

// scanning is a scan under way.
type scanning struct {
	ScanConfig
	*Scan
	source Source
	tally  Tally
	drawn  []Drawn // since the last checkpoint
	below  uint64  // ranks that are drawn
	since  int     // entries since the last checkpoint
	kept   time.Time
	paced  int64 // of the pacer, counted in Requests already
	total  int64 // drawn
}

// RunScan scans a source from where it stands to the end.
func RunScan(ctx context.Context, source Source, c ScanConfig) (*Scan, error) {
	if c.Every == 0 {
		c.Every = 2000
	}
	s := &scanning{ScanConfig: c, source: source, tally: Tally{}}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	var err error
	if s.Phase == PhaseList {
		err = s.list(ctx)
	}
	if err == nil && s.Phase == PhaseRead {
		err = s.read(ctx)
	}
	if err != nil && !errors.Is(err, ErrTakenOver) {
		// What was counted so far stays, also when it is told to stop.
		err = errors.Join(err, s.checkpoint(context.WithoutCancel(ctx)))
	}
	return s.Scan, err
}

func (s *scanning) begin(ctx context.Context) (err error) {
	runner := strongroom.NewID()
	s.paced = s.Pacer.Requests()
	if s.Resume {
		if s.Scan, err = s.Store.TakeOver(ctx, s.source.ID, runner); err != nil {
			return err
		}
	}
	now := s.Clock().UTC()
	if s.Scan == nil {
		s.Scan = &Scan{
			ID: strongroom.NewID(), Source: s.source.ID, Runner: runner, Started: now, Updated: now, Phase: PhaseList, Sample: s.ScanConfig.Sample, Seed: make([]byte, 32),
			Troubles: map[Trouble]*Notice{}, Looked: map[string]*Looked{}, Outside: s.Place.Describe(),
		}
		rand.Read(s.Seed)
		if err = s.Store.BeginScan(ctx, s.Scan); err != nil {
			return err
		}
	} else {
		s.Resumed++
		if s.Troubles == nil {
			s.Troubles = map[Trouble]*Notice{}
		}
		if s.Looked == nil {
			s.Looked = map[string]*Looked{}
		}
		for _, r := range s.Rows {
			s.tally.of(r.Group).merge(r.Sum)
		}
		types, err := s.Store.DrawnByType(ctx, s.ID)
		if err != nil {
			return err
		}
		for _, n := range types {
			s.total += n
		}
	}
	s.kept = time.Now()
	return s.limit(ctx)
}

// limit finds out which ranks are drawn.
func (s *scanning) limit(ctx context.Context) (err error) {
	switch {
	case s.Scan.Sample.Percent > 0:
		s.below = s.Scan.Sample.threshold()
	case s.Scan.Sample.Number > 0:
		s.below, err = s.Store.Threshold(ctx, s.ID, s.Scan.Sample.Number)
	}
	return err
}

func (s *scanning) list(ctx context.Context) error {
	for e, err := range s.Place.Walk(ctx, string(s.Cursor)) {
		if err != nil {
			return fmt.Errorf("listing %s after %d entries: %w", s.source.Name, s.Entries, err)
		}
		s.Cursor = []byte(e.Name)
		if e.Trouble != "" {
			s.trouble(e.Trouble, e.Name, e.Detail)
		} else {
			s.count(e)
		}
		if s.since++; s.since >= s.Every || s.since&63 == 0 && time.Since(s.kept) > 2*time.Second {
			if err := s.checkpoint(ctx); err != nil {
				return err
			}
		}
	}
	s.Phase = PhaseRead
	return s.checkpoint(ctx)
}

func (s *scanning) count(e Entry) {
	t := TypeOf(e.Name)
	s.Entries++
	s.Bytes += e.Size
	s.tally.of(Group{Place: s.source.Name, Outside: true, Kind: t, Label: Unknown, Class: Unknown, Age: Age(e.Modified, s.Started)}).add(e.Size, e.Modified, time.Time{})
	if s.below == 0 {
		return
	}
	if r := rank(s.Seed, e.Name); r < s.below {
		s.drawn = append(s.drawn, Drawn{Rank: r, Name: e.Name, Size: e.Size, Type: t})
	}
}

func (s *scanning) trouble(t Trouble, name, detail string) {
	n := s.Troubles[t]
	if n == nil {
		n = &Notice{}
		s.Troubles[t] = n
	}
	n.Count++
	if len(n.Examples) < maxExamples {
		if detail != "" {
			name += ": " + detail
		}
		n.Examples = append(n.Examples, name)
	}
}

// checkpoint keeps what was counted together with how far it came.
func (s *scanning) checkpoint(ctx context.Context) error {
	s.Rows = s.tally.Rows()
	s.Requests += s.Pacer.Requests() - s.paced
	s.paced = s.Pacer.Requests()
	s.Updated = s.Clock().UTC()
	if err := s.Store.Checkpoint(ctx, s.Scan, s.drawn, s.Scan.Sample.Number); err != nil {
		return err
	}
	s.total += int64(len(s.drawn))
	s.drawn, s.since, s.kept = nil, 0, time.Now()
	if s.Step != nil {
		drawn := s.total
		if n := s.Scan.Sample.Number; n > 0 {
			drawn = min(drawn, n)
		}
		s.Step(Progress{Phase: s.Phase, Entries: s.Entries, Bytes: s.Bytes, Drawn: drawn, Read: s.Read, Requests: s.Requests})
	}
	if s.Scan.Sample.Number > 0 && s.Phase == PhaseList {
		return s.limit(ctx)
	}
	return nil
}

// readBatch is how many entries of the sample are taken at once.
const readBatch = 64

func (s *scanning) read(ctx context.Context) error {
	types, err := s.Store.DrawnByType(ctx, s.ID)
	if err != nil {
		return err
	}
	s.total = 0
	for t, n := range types {
		s.looked(t).Drawn = n
		s.total += n
	}
	for {
		batch, err := s.Store.Undecided(ctx, s.ID, readBatch)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			break
		}
		for _, d := range batch {
			if err := s.look(ctx, d); err != nil {
				return err
			}
			d.Decided = true
			s.drawn = append(s.drawn, d)
			if time.Since(s.kept) > 2*time.Second {
				if err := s.checkpoint(ctx); err != nil {
					return err
				}
			}
		}
		if err := s.checkpoint(ctx); err != nil {
			return err
		}
	}
	s.Phase = PhaseDone
	return s.checkpoint(ctx)
}

func (s *scanning) looked(t string) *Looked {
	l := s.Looked[t]
	if l == nil {
		l = &Looked{}
		s.Looked[t] = l
	}
	if l.Classes == nil {
		l.Classes = map[string]int64{}
	}
	return l
}

// look reads the beginning of one entry and counts what the classifier makes of it.
func (s *scanning) look(ctx context.Context, d Drawn) error {
	if s.Classifier == nil {
		return errors.New("a sample is to be read, and nothing is there to classify it")
	}
	l := s.looked(d.Type)
	unreadable := func(t *Troubled) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.Unreadable++
		s.Read++
		s.trouble(t.Trouble, d.Name, t.Cause.Error())
		return nil
	}
	if err := s.Pacer.Wait(ctx); err != nil {
		return err
	}
	body, err := s.Place.Open(ctx, d.Name)
	if t, ok := errors.AsType[*Troubled](err); ok {
		return unreadable(t)
	} else if err != nil {
		return fmt.Errorf("reading from %s: %w", s.source.Name, err)
	}
	head := &counted{r: io.LimitReader(body, HeadBytes)}
	label, err := s.Classifier.Classify(ctx, d.Name, head)
	if err == nil {
		_, err = io.Copy(io.Discard, head) // what the classifier left tells whether there is more
	}
	more := false
	if err == nil && head.n == HeadBytes {
		var one [1]byte
		n, _ := io.ReadFull(body, one[:])
		more = n > 0
	}
	body.Close()
	if err != nil {
		return unreadable(&Troubled{TroubleError, fmt.Errorf("reading its beginning: %w", err)})
	}
	s.Read++
	s.ReadSize += head.n
	if more {
		l.Partly++
	}
	classes := slices.Compact(slices.Sorted(slices.Values(label.Classes)))
	if len(classes) == 0 {
		classes = []string{NoClass}
	}
	for _, c := range classes {
		if len(l.Classes) >= maxClasses && l.Classes[c] == 0 {
			c = "other"
		}
		l.Classes[c]++
	}
	return nil
}

type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Shares are what a finished or unfinished scan's sample tells of each type and class. A
// type of which nothing was read comes first, and as unknown.
func (s *Scan) Shares(source string) []Share {
	population := map[string]int64{}
	for _, r := range s.Rows {
		population[r.Kind] += r.Count
	}
	var out []Share
	for _, t := range slices.Sorted(maps.Keys(population)) {
		base := Share{Source: source, Type: t, Population: population[t], High: 1}
		l := s.Looked[t]
		// Until all that is drawn was read, what was read is no draw by chance of its own
		// size that anything is said of.
		if s.Phase != PhaseDone || l == nil || l.Drawn == 0 {
			base.Class = Unknown
			out = append(out, base)
			continue
		}
		base.Drawn, base.Unreadable, base.Partly = l.Drawn, l.Unreadable, l.Partly
		if len(l.Classes) == 0 {
			base.Class = Unknown
			out = append(out, base)
		}
		for _, c := range slices.Sorted(maps.Keys(l.Classes)) {
			share := base
			share.Class, share.Positives = c, l.Classes[c]
			share.bound()
			out = append(out, share)
		}
	}
	slices.SortStableFunc(out, func(a, b Share) int { return cmp.Compare(shareRank(a), shareRank(b)) })
	return out
}

func shareRank(s Share) int {
	switch s.Class {
	case Unknown:
		return 0
	case NoClass:
		return 2
	}
	return 1
}
