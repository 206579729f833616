package inventory_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/inventory"
	"strongroom/know"
)

var (
	key   = bytes.Repeat([]byte{7}, 32)
	epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func open(t *testing.T) (*inventory.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inventory.db")
	s, err := inventory.Open(t.Context(), path, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, path
}

func event(index int64, bucket string, kind strongroom.PrincipalKind, who string) strongroom.Event {
	q := strongroom.Question{Principal: strongroom.Principal{Name: who, Kind: kind}, Resource: strongroom.Resource{Bucket: bucket, Size: 5, Attributes: map[string]string{"kind": "call"}}}
	return strongroom.Event{Index: index, Time: epoch.Add(time.Duration(index) * time.Minute), Kind: "store", Outcome: strongroom.Permitted, Question: &q, Bytes: 5}
}

// Events count once, whoever tells them and how often, and are those that are flows.
func TestTake(t *testing.T) {
	s, _ := open(t)
	events := []strongroom.Event{event(0, "calls", strongroom.Workload, "drain"), event(1, "calls", strongroom.Workload, "drain"), event(2, "calls", strongroom.Person, "ines"), event(3, "calls", strongroom.Vendor, "v")}
	events[2].Kind, events[3].Kind = "release", "release" // a person who reads is no flow
	refused := event(4, "calls", strongroom.Workload, "drain")
	refused.Outcome = strongroom.Refused
	erased := event(5, "calls", strongroom.Workload, "")
	erased.Question, erased.Bucket = nil, strongroom.NewID()
	events = append(events, refused, erased)
	for _, step := range []struct{ from, to int64 }{{0, 3}, {0, 3}, {1, 5}, {3, 6}, {0, 6}} {
		if err := s.Take(t.Context(), events[step.from:step.to], step.to); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Take(t.Context(), []strongroom.Event{event(9, "calls", strongroom.Workload, "drain")}, 10); err == nil {
		t.Error("a gap was taken")
	}
	if at, err := s.Position(t.Context()); err != nil || at != 6 {
		t.Errorf("position %d, %v", at, err)
	}
	streams, err := s.Seen(t.Context())
	if err != nil || len(streams) != 3 {
		t.Fatalf("%+v %v", streams, err)
	}
	for _, stream := range streams {
		switch stream.Principal {
		case "drain":
			if stream.Direction != know.Into || stream.Count != 2 || stream.Bytes != 10 || !stream.Last.Equal(epoch.Add(time.Minute)) || stream.Kinds[0] != "call" {
				t.Errorf("%+v", stream)
			}
		case "v":
			if stream.Direction != know.OutOf || stream.Count != 1 {
				t.Errorf("%+v", stream)
			}
		case "":
			if stream.Count != 1 || stream.BucketID != erased.Bucket {
				t.Errorf("%+v", stream)
			}
		default:
			t.Errorf("%+v", stream)
		}
	}
}

// Whoever has the file reads no name, and another room's key opens nothing.
func TestSealed(t *testing.T) {
	s, path := open(t)
	ctx := t.Context()
	source := know.Source{ID: strongroom.NewID(), Name: "NAMEPLAIN", Location: "file:///NAMEPLAIN", Owner: "NAMEPLAIN"}
	scan := &know.Scan{ID: strongroom.NewID(), Source: source.ID, Runner: strongroom.NewID(), Cursor: []byte("NAMEPLAIN"), Phase: know.PhaseList, Troubles: map[know.Trouble]*know.Notice{"x": {Count: 1, Examples: []string{"NAMEPLAIN"}}}}
	row := know.Row{Group: know.Group{Place: "NAMEPLAIN"}, Sum: know.Sum{Count: 1}}
	for _, err := range []error{
		s.PutSource(ctx, source), s.BeginScan(ctx, scan), s.Checkpoint(ctx, scan, []know.Drawn{{Rank: 1, Name: "NAMEPLAIN", Type: "text"}}, 0),
		s.PutSnapshot(ctx, know.SnapshotOf("room", epoch, []know.Row{row})), s.PutFlows(ctx, know.FlowFile{Name: "NAMEPLAIN", Text: []byte("NAMEPLAIN")}),
		s.Take(ctx, []strongroom.Event{event(0, "NAMEPLAIN", strongroom.Workload, "NAMEPLAIN")}, 1),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil || bytes.Contains(content, []byte("NAMEPLAIN")) || len(content) == 0 && strings.HasSuffix(f, "wal") {
			t.Errorf("%s: a name stands in it, or %v", f, err)
		}
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info.Mode(), err)
		}
	}
	back, found, err := s.Flows(ctx)
	if err != nil || !found || string(back.Text) != "NAMEPLAIN" {
		t.Errorf("%+v %v", back, err)
	}
	other, err := inventory.Open(ctx, path, bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if all, err := other.Sources(ctx); err == nil {
		t.Errorf("another key opened %+v", all)
	}
}

// Of snapshots the newest old enough is answered, old ones are thinned out, and diffs say
// what is compared.
func TestSnapshots(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	put := func(at time.Time, n int64) know.Snapshot {
		t.Helper()
		rows := []know.Row{{Group: know.Group{Place: "calls", Kind: "call", Label: "confidential", Class: "voice"}, Sum: know.Sum{Count: n, Bytes: 10 * n}}}
		if n > 3 {
			rows = append(rows, know.Row{Group: know.Group{Place: "new"}, Sum: know.Sum{Count: 1}})
		}
		snap := know.SnapshotOf(know.RoomScope, at, rows)
		if err := s.PutSnapshot(ctx, snap); err != nil {
			t.Fatal(err)
		}
		return snap
	}
	for day := range 30 {
		for hour := range 24 {
			if day < 20 || hour%12 == 0 {
				put(epoch.Add(time.Duration(day*24+hour)*time.Hour), 3)
			}
		}
	}
	now := epoch.AddDate(0, 0, 30)
	last := put(now, 5)
	kept := 0
	for day := range 31 {
		seen := map[int64]bool{}
		for hour := range 24 {
			snap, found, err := s.SnapshotBefore(ctx, know.RoomScope, epoch.Add(time.Duration(day*24+hour)*time.Hour))
			if err != nil || !found {
				t.Fatal(err)
			}
			seen[snap.At.Unix()] = true
		}
		kept += len(seen)
	}
	if kept > 31*3 {
		t.Errorf("%d snapshots are told apart", kept)
	}
	d := know.Diff{}
	if err := d.Compare(ctx, s, last, "the room", now.Add(-24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if len(d.Changes) != 2 || d.Changes[0].What != know.Appeared || d.Changes[0].Place != "new" || d.Changes[1].What != know.Grew || d.Changes[1].Before.Count != 3 || d.Changes[1].After.Count != 5 || d.Scopes[0].Later {
		t.Errorf("%+v", d)
	}
	d = know.Diff{}
	if err := d.Compare(ctx, s, last, "the room", epoch.AddDate(-1, 0, 0)); err != nil || !d.Scopes[0].Later {
		t.Errorf("%+v %v", d, err)
	}
	d = know.Diff{}
	if err := d.Compare(ctx, s, know.SnapshotOf("another", now, nil), "another", now); err != nil || !d.Scopes[0].From.IsZero() || len(d.Changes) > 0 {
		t.Errorf("%+v %v", d, err)
	}
}

func TestSources(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	a := know.Source{ID: strongroom.NewID(), Name: "a", Location: "file:///a"}
	if err := errors.Join(s.PutSource(ctx, a), s.PutSource(ctx, a)); err != nil {
		t.Fatal(err)
	}
	if err := s.PutSource(ctx, know.Source{ID: strongroom.NewID(), Name: "a"}); strongroom.KindOf(err) != strongroom.KindConflict {
		t.Errorf("a name twice: %v", err)
	}
	scan := &know.Scan{ID: strongroom.NewID(), Source: a.ID, Runner: strongroom.NewID(), Phase: know.PhaseList}
	if err := s.BeginScan(ctx, scan); err != nil {
		t.Fatal(err)
	}
	if states, err := know.SourceStates(ctx, s, epoch); err != nil || len(states) != 1 || states[0].State != know.BrokenOff {
		t.Errorf("%+v %v", states, err)
	}
	if err := s.DropSource(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	if scans, err := s.Scans(ctx); err != nil || len(scans) != 0 {
		t.Errorf("%+v %v", scans, err)
	}
	if err := s.Checkpoint(ctx, scan, nil, 0); !errors.Is(err, know.ErrTakenOver) {
		t.Errorf("a scan that is gone: %v", err)
	}
}
