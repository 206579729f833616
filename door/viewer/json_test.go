package viewer

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// costs answers how many bytes something allocates.
func costs(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A list in a thousand lists would be indented to gigabytes.
func TestIndentedIsBounded(t *testing.T) {
	deep := []byte(strings.Repeat("[", 1000) + strings.Repeat("1,", 20_000) + "1" + strings.Repeat("]", 1000))
	wide := []byte("[" + strings.Repeat("1,", TextMost/2-2) + "1]")
	for _, c := range [][]byte{deep, wide} {
		var got []byte
		if n := costs(func() { got = Indented(c) }); n > 8*TextMost || !bytes.Equal(got, c) {
			t.Errorf("%.12q of %d bytes became %d, and cost %d", c, len(c), len(got), n)
		}
	}
	for from, to := range map[string]string{
		`{"a":[1,{"b":"]},["}]}`: "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"]},[\"\n    }\n  ]\n}",
		`{"a":`:                  `{"a":`,
		`}{`:                     `}{`,
		"[1,\n2,\n\n3]":          "[1,\n2,\n\n3]",
		"plain":                  "plain",
	} {
		if got := Indented([]byte(from)); string(got) != to {
			t.Errorf("%q became %q", from, got)
		}
	}
}

func FuzzIndented(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\"]},["}],"c":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		if o := outlineOf(bytes.TrimSpace(b)); json.Indent(&out, bytes.TrimSpace(b), "", "  ") == nil && o.depth <= jsonDepth && int64(out.Len()) > o.indented+int64(len(b)) {
			t.Errorf("%q has %d bytes, at most %d were told", b, out.Len(), o.indented)
		}
		Indented(b)
	})
}

// What is small as it is stored takes no gigabyte, and no minute, to read.
func TestTranscriptsAreBounded(t *testing.T) {
	nested := strings.Repeat(`{"words":[`, 2000) + strings.Repeat(`]}`, 2000)
	for name, content := range map[string]string{
		"empty objects": `{"phrases":[` + strings.Repeat("{},", 2<<20) + `{}]}`,
		"no objects":    `{"phrases":[` + strings.Repeat("1,", 3<<20) + `1]}`,
		"deep":          `{"phrases":[` + strings.Repeat(nested+",", 20) + `{}]}`,
		"a list":        `[` + strings.Repeat("{},", 2<<20) + `{}]`,
	} {
		var err error
		if n := costs(func() { _, err = ReadTranscript([]byte(content)) }); !errors.Is(err, ErrForm) || n > 6*TranscriptMost {
			t.Errorf("%s: %d bytes cost %d: %v", name, len(content), n, err)
		}
	}
}

// An archive of nothing but names is refused before they are read.
func TestArchivesOfNames(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 50_000 {
		if _, err := z.CreateRaw(&zip.FileHeader{Name: fmt.Sprintf("%05d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if n := costs(func() { _, _, err = OfficeText(b.Bytes()) }); !errors.Is(err, ErrForm) || n > 1<<20 {
		t.Errorf("it cost %d: %v", n, err)
	}
}
