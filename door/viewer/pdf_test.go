package viewer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// paper makes a PDF document of pages, each with a line of text.
func paper(lines ...string) []byte {
	var b bytes.Buffer
	var at []int
	object := func(format string, args ...any) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n"+format+"\nendobj\n", append([]any{len(at)}, args...)...)
	}
	b.WriteString("%PDF-1.4\n")
	var kids strings.Builder
	for i := range lines {
		fmt.Fprintf(&kids, "%d 0 R ", 4+2*i)
	}
	object("<</Type/Catalog/Pages 2 0 R>>")
	object("<</Type/Pages/Count %d/Kids[%s]>>", len(lines), kids.String())
	object("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	for i, line := range lines {
		object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<</F 3 0 R>>>>>>", 5+2*i)
		content := fmt.Sprintf("BT /F 24 Tf 72 720 Td (%s) Tj ET", line)
		object("<</Length %d>>\nstream\n%s\nendstream", len(content), content)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

func TestPDF(t *testing.T) {
	if raced {
		t.Skip("the race detector makes the sandbox start for a minute")
	}
	var p PDFs
	defer p.rest()
	content := paper("Dear Sir", "Yours")
	sheets, all, err := p.Sheets(t.Context(), content)
	if err != nil || all != 2 || len(sheets) != 2 || strings.Join(sheets[0].Lines, "") != "Dear Sir" || sheets[1].Number != 2 || sheets[0].Wide != pdfWide {
		t.Fatalf("%+v of %d, %v", sheets, all, err)
	}
	dark := 0
	err = p.Draw(t.Context(), content, 1, func(i image.Image) error {
		for y := range i.Bounds().Dy() {
			for x := range i.Bounds().Dx() {
				if r, _, _, _ := i.At(x, y).RGBA(); r < 0x8000 {
					dark++
				}
			}
		}
		return nil
	})
	if err != nil || dark < 500 {
		t.Errorf("%d dark points, %v", dark, err)
	}
	for _, page := range []int{0, 3, -1, 1 << 30} {
		if err := p.Draw(t.Context(), content, page, func(image.Image) error { return nil }); !errors.Is(err, ErrForm) {
			t.Errorf("page %d: %v", page, err)
		}
	}
	for _, bad := range [][]byte{nil, []byte("%PDF-1.7\n"), content[:200], bytes.ReplaceAll(content, []byte("595 842"), []byte("9e9 842"))} {
		if sheets, _, err := p.Sheets(t.Context(), bad); err == nil && len(sheets) > 2 || err != nil && !errors.Is(err, ErrForm) {
			t.Errorf("%.20q answers %d sheets, %v", bad, len(sheets), err)
		}
	}
	// Whoever goes away ends it.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.Sheets(ctx, content); err == nil {
		t.Error("a request that has gone is served")
	}
	p.mu.Lock()
	using := p.using
	p.mu.Unlock()
	if using != 0 {
		t.Errorf("%d are still using the sandbox", using)
	}
}

// TestRealPDFs draws documents that others made, where they are at hand.
func TestRealPDFs(t *testing.T) {
	if raced {
		t.Skip("the race detector makes the sandbox start for a minute")
	}
	folder := os.Getenv("STRONGROOM_CORPORA")
	if folder == "" {
		folder = "../../../shared/corpora"
	}
	names, err := filepath.Glob(filepath.Join(folder, "pdf-redaction", "*.pdf"))
	if err != nil || len(names) == 0 {
		t.Skip("the corpora are not here: set STRONGROOM_CORPORA to their folder")
	}
	var p PDFs
	defer p.rest()
	for _, name := range names[:min(len(names), 5)] {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		sheets, all, err := p.Sheets(t.Context(), content)
		read := time.Since(start)
		if err == nil {
			err = p.Draw(t.Context(), content, 1, func(image.Image) error { return nil })
		}
		if err != nil || len(sheets) == 0 {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %d pages, read in %v, with the first drawn %v", filepath.Base(name), all, read.Round(time.Millisecond), time.Since(start).Round(time.Millisecond))
	}
}
