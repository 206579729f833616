package main

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"
)

// What callers named is no formula in CSV and moves no cursor in a table.
func TestMonitorTable(t *testing.T) {
	hostile := []string{"=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1", "\x1b[2J", "a,\"b\"", "plain", "é"}
	var all table
	all.titles = []string{"name", "count"}
	for _, name := range hostile {
		all.add(1, name, 7)
	}
	var b bytes.Buffer
	if err := all.print(output{&b, &b}, true); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 1+len(hostile) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, row := range rows[1:] {
		if strings.ContainsAny(row[0][:1], "=+-@\t\r\n") {
			t.Errorf("the cell of %q is %q, a formula", hostile[i], row[0])
		}
		if strings.ContainsRune("=+-@\t\n", rune(hostile[i][0])) && row[0] != "'"+hostile[i] {
			t.Errorf("the cell of %q is %q", hostile[i], row[0])
		}
	}
	if err := all.print(output{&b, &b}, false); err != nil {
		t.Fatal(err)
	}
	if out := b.String(); strings.ContainsAny(out, "\x1b\r\t") || strings.Count(out, "\n") != 1+len(hostile) {
		t.Errorf("the table is %q", out)
	}
}

func TestInstant(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	zone := time.FixedZone("two", 2*3600)
	for text, want := range map[string]time.Time{
		"":                     {},
		"7d":                   now.AddDate(0, 0, -7),
		"36h":                  now.Add(-36 * time.Hour),
		"2026-10-01":           time.Date(2026, 9, 30, 22, 0, 0, 0, time.UTC),
		"2026-10":              time.Date(2026, 9, 30, 22, 0, 0, 0, time.UTC),
		"2026-10-01T09:30":     time.Date(2026, 10, 1, 7, 30, 0, 0, time.UTC),
		"2026-10-01T09:30:00Z": time.Date(2026, 10, 1, 9, 30, 0, 0, time.UTC),
	} {
		if got, err := instant("--since", text, now, zone); err != nil || !got.Equal(want) {
			t.Errorf("%q is %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-3h", "2026-13-01", "d"} {
		if got, err := instant("--since", text, now, zone); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestBars(t *testing.T) {
	for n, want := range map[int64]string{0: "", 1: "▏", 500: strings.Repeat("█", 10), 1000: strings.Repeat("█", 20)} {
		if got := bar(n, 1000); got != want {
			t.Errorf("%d of 1000 is %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 12_345_678: "12.3 MB", 1 << 62: "4.6 EB"} {
		if got := size(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}
