package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"strongroom"
)

// Every command says what it does in a sentence, and so does every flag.
func TestHelp(t *testing.T) {
	var p program
	parser, err := kong.New(&p, kong.Name("strongroom"))
	if err != nil {
		t.Fatal(err)
	}
	sentence := func(of, text string) {
		t.Helper()
		if text == "" || strings.ToUpper(text[:1]) != text[:1] || !strings.ContainsAny(text[len(text)-1:], ".?)") {
			t.Errorf("%s: %q is no sentence", of, text)
		}
	}
	leaves := parser.Model.Leaves(true)
	if len(leaves) < 25 {
		t.Fatalf("there are %d commands", len(leaves))
	}
	for _, leaf := range leaves {
		name := leaf.Path()
		sentence(name, leaf.Help)
		for _, f := range leaf.Flags {
			sentence(name+" --"+f.Name, f.Help)
		}
		var out, errs bytes.Buffer
		args := append(strings.Fields(strings.TrimPrefix(leaf.FullPath(), "strongroom")), "--help")
		if code := run(t.Context(), args, output{&out, &errs}); code != 0 {
			t.Errorf("%v ends with %d: %s", args, code, &errs)
		}
		if !strings.HasPrefix(out.String(), "Usage: strongroom ") || !strings.Contains(out.String(), leaf.Help[:12]) {
			t.Errorf("%v prints %q", args, out.String())
		}
	}
}

// An error says what, where and what to do, and loses nothing of it on the way.
func TestReport(t *testing.T) {
	refused := &strongroom.Error{Kind: strongroom.KindDenied, Message: "policy does not permit this", Hint: "ask the data owner"}
	full := &strongroom.Error{Kind: strongroom.KindUnavailable, Message: "nothing is stored", Hint: "make room", Cause: errors.New("disk full")}
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("reading x: no such file"), "strongroom: reading x: no such file\n"},
		{refused, "strongroom: policy does not permit this\nhint: ask the data owner\n"},
		{full, "strongroom: nothing is stored: disk full\nhint: make room\n"},
		{fmt.Errorf("ines.martin: %w", refused), "strongroom: ines.martin: policy does not permit this\nhint: ask the data owner\n"},
		{fmt.Errorf("backing up: %w", full), "strongroom: backing up: nothing is stored: disk full\nhint: make room\n"},
		{&strongroom.Error{Message: "no"}, "strongroom: no\n"},
	} {
		var out bytes.Buffer
		if report(&out, c.err); out.String() != c.want {
			t.Errorf("%v is reported as %q, want %q", c.err, out.String(), c.want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 records", 1: "1 record", 2: "2 records"} {
		if got := count(n, "record"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
