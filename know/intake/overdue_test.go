package intake_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strongroom/know/intake"
	"strongroom/vault"
)

// findings are what the room has on record of what workloads noticed.
func (c *centre) findings() (kinds, details []string) {
	c.t.Helper()
	for record, err := range c.room.House.Book.Records(c.t.Context(), 0, c.room.House.Book.Head().Size) {
		if err != nil {
			c.t.Fatal(err)
		}
		e, err := vault.EventOf(record)
		if err != nil {
			c.t.Fatal(err)
		}
		if e.Kind == vault.KindFinding {
			kinds, details = append(kinds, e.Did), append(details, e.Detail)
			if e.Subject != "drain-1" {
				c.t.Errorf("%s is told by %q", e.Did, e.Subject)
			}
		}
	}
	return kinds, details
}

// What is overdue is told once when it begins and once when it is over, on record, with
// since when and how many and without a name.
func TestOverdueIsTold(t *testing.T) {
	c := newCentre(t, `{"name": "waves", "files": [{"as": "recording", "key": "{call}.wav"}], "metadata": "optional"}`)
	c.config.Reports = c.store.(intake.Reporter)
	i, err := intake.New(c.config)
	if err != nil {
		t.Fatal(err)
	}
	once := func() {
		t.Helper()
		if _, err := i.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	once()
	if kinds, _ := c.findings(); len(kinds) != 0 {
		t.Fatalf("told %v of an empty place", kinds)
	}
	since := time.Now().Add(-time.Hour).Truncate(time.Second)
	c.file("madame-dupont.strange", "x", time.Hour) // which nobody takes
	if err := os.Chtimes(filepath.Join(c.dir, "madame-dupont.strange"), since, since); err != nil {
		t.Fatal(err)
	}
	c.file("call.wav", "y", 30*time.Minute)
	for range 3 {
		once()
	}
	kinds, details := c.findings()
	if len(kinds) != 1 || kinds[0] != "landing-overdue" || !strings.Contains(details[0], "2 files") || !strings.Contains(details[0], since.UTC().Format(time.RFC3339)) {
		t.Fatalf("told %v: %q", kinds, details)
	}
	if err := os.Remove(filepath.Join(c.dir, "madame-dupont.strange")); err != nil {
		t.Fatal(err)
	}
	once()
	once()
	c.file("call2.wav", "y", 30*time.Minute) // came late, and is taken in the same breath
	once()
	kinds, details = c.findings()
	if strings.Join(kinds, " ") != "landing-overdue landing-cleared landing-overdue landing-cleared" {
		t.Errorf("told %v: %q", kinds, details)
	}
	for _, d := range details {
		for _, name := range []string{"dupont", "strange", "call", ".wav", c.dir, "recordings"} {
			if strings.Contains(d, name) {
				t.Errorf("the report names %s: %s", name, d)
			}
		}
	}
}

// deaf is a room that takes no reports for a while.
type deaf struct {
	intake.Reporter
	off bool
}

func (d *deaf) Report(ctx context.Context, kind, detail string) error {
	if d.off {
		return errors.New("away")
	}
	return d.Reporter.Report(ctx, kind, detail)
}

// What could not be told is told later, the beginning before the end.
func TestOverdueIsToldLater(t *testing.T) {
	c := newCentre(t, "plain")
	d := &deaf{c.store.(intake.Reporter), true}
	c.config.Reports = d
	i, err := intake.New(c.config)
	if err != nil {
		t.Fatal(err)
	}
	c.file("call.wav", "y", 30*time.Minute)
	for _, off := range []bool{true, true, false, false} {
		d.off = off
		if _, err := i.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if kinds, details := c.findings(); strings.Join(kinds, " ") != "landing-overdue landing-cleared" || !strings.Contains(details[0], "1 file") {
		t.Errorf("told %v: %q", kinds, details)
	}
}
