package house

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/classify"
	"strongroom/internal/reports"
	"strongroom/jobs"
	"strongroom/vault"
)

// States of a run.
const (
	ClassifyQueued  = "queued"
	ClassifyRunning = "running"
	ClassifyDone    = "done"
	ClassifyFailed  = "failed"
)

const (
	classifyJob  = "classify"
	classifyMost = 16 << 20 // bytes of an object that are looked at
	// classifyFirst is how long after the start the first daily run waits.
	classifyFirst = 2 * time.Minute
	classifyNotes = 1000 // versions that a run's report names
	classifyKept  = 20   // reports that are kept
)

// ClassifyRun is a run of the classifier: what is asked for, and how far it has come. It lies
// sealed in the room's folder, since it names things; the job that starts it names only the run.
type ClassifyRun struct {
	ID     strongroom.ID `json:"id"`
	Bucket string        `json:"bucket,omitempty"`
	Prefix string        `json:"prefix,omitempty"`
	Since  time.Time     `json:"since,omitzero"`  // only what was stored from then on
	Again  bool          `json:"again,omitempty"` // also what these detectors have looked at
	Dry    bool          `json:"dry_run,omitempty"`

	State     string    `json:"state"`
	Problem   string    `json:"problem,omitempty"`
	Asked     time.Time `json:"asked"`
	Ended     time.Time `json:"ended,omitzero"`
	Detectors string    `json:"detectors"`

	Seen      int64 `json:"seen"`      // versions
	Scanned   int64 `json:"scanned"`   // opened and looked at
	Current   int64 `json:"current"`   // these detectors had looked at before
	Media     int64 `json:"media"`     // confidential by nature, not opened
	Unread    int64 `json:"unread"`    // opened, and of a type that detectors do not read
	Partly    int64 `json:"partly"`    // only the beginning was looked at
	Tightened int64 `json:"tightened"` // labels that became stricter, or would
	Refused   int64 `json:"refused"`   // by policy
	Failed    int64 `json:"failed"`
	Bytes     int64 `json:"bytes"`

	Found map[string]int64 `json:"found,omitempty"` // by detector
	Notes []ClassifyNote   `json:"notes,omitempty"`
	More  int64            `json:"more,omitempty"` // notes that did not fit
}

// Kinds of note.
const (
	NoteTightened = "tightened"
	NoteLoosen    = "may-be-loosened" // proposed; two people decide
	NoteDisputed  = "disputed"        // a person set less than what is found
	NoteFailed    = "failed"
)

// ClassifyNote is something that a run tells of one version.
type ClassifyNote struct {
	Kind    string `json:"kind"`
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Version string `json:"version"`
	Text    string `json:"text"`
}

func (x *ClassifyRun) note(kind string, o *strongroom.Object, format string, args ...any) {
	if len(x.Notes) >= classifyNotes {
		x.More++
		return
	}
	x.Notes = append(x.Notes, ClassifyNote{kind, o.Bucket, o.Key, o.VersionName(), fmt.Sprintf(format, args...)})
}

// runs is where the runs lie.
func (h *House) runs() (*reports.Folder, error) { return reports.Open(h.Path, "classify", h.key) }

func (h *House) keepRun(x *ClassifyRun) error {
	runs, err := h.runs()
	if err != nil {
		return err
	}
	return runs.Keep(x.ID, x)
}

// ClassifyRun reads a run.
func (h *House) ClassifyRun(id strongroom.ID) (*ClassifyRun, error) {
	runs, err := h.runs()
	if err != nil {
		return nil, err
	}
	var x ClassifyRun
	return &x, runs.Read(id, &x)
}

// classifyRuns answers the runs of the room, oldest first. What cannot be read is told in the log.
func (h *House) classifyRuns() ([]*ClassifyRun, error) {
	runs, err := h.runs()
	if err != nil {
		return nil, err
	}
	ids, err := runs.IDs()
	if err != nil {
		return nil, err
	}
	var out []*ClassifyRun
	for _, id := range ids {
		x, err := h.ClassifyRun(id)
		if err != nil {
			h.Room.Log.Warn("a run of the classifier cannot be read", "room", h.ID, "error", err)
			continue
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b *ClassifyRun) int { return a.Asked.Compare(b.Asked) })
	return out, nil
}

// AskClassify keeps a new run and has whoever serves the room do it; somebody permitted must have
// asked for it.
func (h *House) AskClassify(ctx context.Context, who vault.Caller, x ClassifyRun) (*ClassifyRun, error) {
	if err := h.Room.MayClassify(ctx, who, x.Bucket, x.Prefix); err != nil {
		return nil, err
	}
	x.ID, x.State, x.Asked, x.Detectors = strongroom.NewID(), ClassifyQueued, time.Now().UTC(), classify.Version()
	if err := h.keepRun(&x); err != nil {
		return nil, err
	}
	return &x, h.queue.Add(ctx, jobs.Job{ID: strongroom.NewID(), Kind: classifyJob, Body: []byte(x.ID.String()), Due: time.Now()})
}

// wakeClassifier does a job: it only tells the classifier, which works beside the other jobs.
func (h *House) wakeClassifier(context.Context, []byte) error {
	select {
	case h.classifier <- struct{}{}:
	default:
	}
	return nil
}

// classifies does the runs that are asked for, those first that were broken off, and where so
// configured looks at what is new again and again.
func (h *House) classifies(ctx context.Context, o Options) {
	var due <-chan time.Time
	if o.Classify > 0 {
		due = time.After(min(classifyFirst, o.Classify))
	}
	for {
		if err := h.doRuns(ctx); err != nil && ctx.Err() == nil {
			o.Log.Error("a run of the classifier failed", "room", h.ID, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-h.classifier:
		case <-due:
			x := &ClassifyRun{ID: strongroom.NewID(), Asked: time.Now().UTC()}
			if err := h.Classify(ctx, x); err != nil && ctx.Err() == nil {
				o.Log.Error("looking through what is new failed", "room", h.ID, "error", err)
			}
			if x.Scanned+x.Failed+x.Refused > 0 {
				o.Log.Info("looked through what is new", "room", h.ID, "scanned", x.Scanned, "tightened", x.Tightened, "refused", x.Refused, "failed", x.Failed)
			}
			due = time.After(o.Classify)
		}
	}
}

// doRuns does the runs that are not done, and lets go of old reports.
func (h *House) doRuns(ctx context.Context) error {
	runs, err := h.classifyRuns()
	if err != nil {
		return err
	}
	var errs []error
	for i, x := range runs {
		if x.State == ClassifyQueued || x.State == ClassifyRunning {
			errs = append(errs, h.Classify(ctx, x))
		} else if i < len(runs)-classifyKept {
			folder, err := h.runs()
			if err == nil {
				err = folder.Remove(x.ID)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Classify does a run, in a room that is open for serving, and keeps its progress. A run that was
// broken off goes on: what it has looked at bears the detectors' version and is passed over.
func (h *House) Classify(ctx context.Context, x *ClassifyRun) error {
	notes := slices.DeleteFunc(x.Notes, func(n ClassifyNote) bool { return n.Kind == NoteFailed })
	x.State, x.Notes, x.Detectors = ClassifyRunning, notes, classify.Version()
	x.Seen, x.Current, x.Media, x.Failed, x.Refused = 0, 0, 0, 0, 0
	if x.Dry || x.Again { // which leave no mark to go on from
		asked := *x
		*x = ClassifyRun{ID: asked.ID, Bucket: asked.Bucket, Prefix: asked.Prefix, Since: asked.Since, Again: asked.Again, Dry: asked.Dry,
			State: ClassifyRunning, Asked: asked.Asked, Detectors: asked.Detectors}
	}
	if err := h.keepRun(x); err != nil {
		return err
	}
	kept := time.Now()
	who := vault.Caller{
		Principal: vault.Classifier, Session: "classify-" + x.ID.String(), Method: "local", Secure: true, RequestID: x.ID.String(),
		Purpose: strongroom.Purpose{Text: vault.PurposeClassification},
	}
	refused, err := h.Room.ToClassify(ctx, x.Bucket, x.Prefix, func(o strongroom.Object, was vault.Labelling) error {
		if o.Modified.Before(x.Since) {
			return nil
		}
		x.Seen++
		if time.Since(kept) > time.Second {
			kept = time.Now()
			if err := h.keepRun(x); err != nil {
				return err
			}
		}
		return h.classifyOne(ctx, who, x, &o, was)
	})
	x.Refused += refused
	if ctx.Err() != nil { // it goes on when the room is served again
		return errors.Join(err, h.keepRun(x))
	}
	x.State, x.Ended = ClassifyDone, time.Now().UTC()
	if err != nil {
		x.State, x.Problem = ClassifyFailed, err.Error()
	}
	return errors.Join(err, h.keepRun(x))
}

// classifyOne looks through one version. Its error ends the run.
func (h *House) classifyOne(ctx context.Context, who vault.Caller, x *ClassifyRun, o *strongroom.Object, was vault.Labelling) error {
	switch {
	case slices.ContainsFunc(o.Label.Classes, func(c string) bool { return c == "voice" || c == "screen" || c == "image" }):
		x.Media++
		return nil
	case was.Detectors == x.Detectors && !x.Again:
		x.Current++
		return nil
	}
	j, of, err := h.judge(ctx, who, o)
	switch kind := strongroom.KindOf(err); {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case kind == strongroom.KindDenied:
		x.Refused++
		return nil
	case kind == strongroom.KindNoObject, kind == strongroom.KindNoVersion, kind == strongroom.KindMarker: // gone meanwhile
		return nil
	case kind == strongroom.KindUnavailable: // the next one would fail too
		return err
	default:
		x.Failed++
		x.note(NoteFailed, o, "%v", err)
		return nil
	}
	x.Scanned++
	x.Bytes += j.Extent.Bytes
	if !j.Text && j.Size > 0 {
		x.Unread++
	} else if !j.Whole && j.Size > 0 {
		x.Partly++
	}
	for id, n := range j.Found {
		if x.Found == nil {
			x.Found = map[string]int64{}
		}
		x.Found[id] += int64(n)
	}
	var more []string
	for _, c := range j.Label.Classes {
		if !slices.Contains(o.Label.Classes, c) {
			more = append(more, c)
		}
	}
	switch {
	case was.Override && (len(more) > 0 || !o.Label.Confidential && foundSomething(j)):
		x.note(NoteDisputed, o, "somebody set it to what it says; found besides: %s", strings.Join(sortedFinds(j), ", "))
	case was.Override:
	case len(more) > 0 || !o.Label.Confidential:
		x.Tightened++
		x.note(NoteTightened, o, "adds %s", strings.Join(more, ", "))
	}
	if j.Text && j.Whole && !foundSomething(j) && o.Label.Confidential && !was.Override {
		x.note(NoteLoosen, o, "nothing was found in any of its %d bytes; that does not show that it is not confidential", j.Size)
	}
	if x.Dry {
		return nil
	}
	_, _, err = h.Room.Relabel(ctx, who, vault.Relabelling{
		Bucket: o.Bucket, Key: o.Key, Version: o.VersionName(), Judged: &vault.Judged{Of: of, Label: j.Label, Detectors: j.Version},
	})
	switch strongroom.KindOf(err) {
	case "":
		return err
	case strongroom.KindDenied:
		x.Refused++
	case strongroom.KindNoObject, strongroom.KindNoVersion, strongroom.KindMarker:
	case strongroom.KindUnavailable:
		return err
	default:
		x.Failed++
		x.note(NoteFailed, o, "%v", err)
	}
	return nil
}

func foundSomething(j classify.Judgement) bool { return len(j.Found) > 0 }

func sortedFinds(j classify.Judgement) []string {
	var out []string
	for id, n := range j.Found {
		out = append(out, fmt.Sprintf("%s (%d)", id, n))
	}
	slices.Sort(out)
	return out
}

// judge opens a version through the vault, as any reader does, and labels what it says. It
// answers which one it was: what bears the name null may have been replaced.
func (h *House) judge(ctx context.Context, who vault.Caller, o *strongroom.Object) (classify.Judgement, strongroom.ID, error) {
	opened, err := h.Room.Open(ctx, who, vault.GetRequest{Bucket: o.Bucket, Key: o.Key, Version: o.VersionName(), Plan: func(o strongroom.Object) (int64, int64, error) {
		return 0, min(o.Size, classifyMost), nil
	}})
	if err != nil {
		return classify.Judgement{}, strongroom.ID{}, err
	}
	content, to := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := opened.WriteTo(to)
		ended <- errors.Join(err, opened.Close())
		to.CloseWithError(err)
	}()
	j, err := classify.Judge(content, opened.Object.Size, classifyMost, opened.Object.Headers["Content-Type"], opened.Object.Meta, nil)
	content.CloseWithError(errEnough)
	if wrote := <-ended; err == nil && wrote != nil && !errors.Is(wrote, errEnough) {
		err = wrote
	}
	return j, opened.Object.Version, err
}

var errEnough = errors.New("enough was read")
