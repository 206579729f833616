package viewer

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// Bounds on PDF documents.
const (
	PDFMost  = 32 << 20 // bytes read
	PDFPages = 60       // that are shown
	pdfWide  = 1100     // pixels
	pdfHigh  = 1800
	pdfTime  = 30 * time.Second // for one request, once the sandbox is up
	pdfStart = 2 * time.Minute  // for making the sandbox's code
	pdfRoom  = 4096             // pages of 64 KiB: what the sandbox may hold
	pdfIdle  = time.Minute      // then the sandbox is given back
)

// Sheet is a page of a PDF document.
type Sheet struct {
	Number     int
	Wide, High int // pixels, when drawn
	Lines      []string
}

// PDFs draws PDF documents with PDFium in a WebAssembly sandbox, which has no files, no
// network, and bounded memory and time; each request has a new one. Scripts in documents are
// not run: this PDFium knows none. Making the sandbox's code takes seconds and some 60 MB,
// which are given back when nobody has asked for a minute.
type PDFs struct {
	mu    sync.Mutex
	cache wazero.CompilationCache // the sandbox's code, read once
	using int
	last  *time.Timer
}

// enter answers the code's cache and how to leave it.
func (p *PDFs) enter() (wazero.CompilationCache, func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cache == nil {
		p.cache = wazero.NewCompilationCache()
	}
	p.using++
	if p.last != nil {
		p.last.Stop()
	}
	return p.cache, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.using--; p.using == 0 {
			p.last = time.AfterFunc(pdfIdle, p.rest)
		}
	}
}

// rest gives back what the sandbox took, once nobody has asked for a while.
func (p *PDFs) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.using > 0 || p.cache == nil {
		return
	}
	_ = p.cache.Close(context.Background()) // which holds nothing but memory
	p.cache = nil
	go debug.FreeOSMemory()
}

// with opens a document in a sandbox of its own.
func (p *PDFs) with(ctx context.Context, content []byte, do func(pdfium.Pdfium, references.FPDF_DOCUMENT, int) error) (err error) {
	if len(content) > PDFMost {
		return fmt.Errorf("%w: a document of more than %d MiB", ErrForm, PDFMost>>20)
	}
	cache, leave := p.enter()
	defer leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slow := errors.New("drawing it took too long")
	bound := time.AfterFunc(pdfStart, func() { cancel(slow) })
	defer bound.Stop()
	defer func() { // what a document did to the sandbox stays with the document
		if broken := recover(); broken != nil {
			err = fmt.Errorf("%w: %v", ErrForm, broken)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrForm) {
			err = fmt.Errorf("%w: %v", ErrForm, err)
		} else if errors.Is(context.Cause(ctx), slow) {
			err = fmt.Errorf("%w: %w", ErrForm, slow)
		}
	}()
	pool, err := webassembly.Init(webassembly.Config{
		Context: ctx, MaxIdle: 1, MaxTotal: 1, Stdout: io.Discard, Stderr: io.Discard, FSConfig: wazero.NewFSConfig(),
		RuntimeConfig: wazero.NewRuntimeConfig().WithCompilationCache(cache).WithMemoryLimitPages(pdfRoom).WithCloseOnContextDone(true).
			WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling),
	})
	if err != nil {
		return fmt.Errorf("starting the sandbox: %w", err)
	}
	defer pool.Close()
	in, err := pool.GetInstanceWithContext(ctx)
	if err != nil {
		return fmt.Errorf("starting the sandbox: %w", err)
	}
	bound.Reset(pdfTime)
	d, err := in.OpenDocument(&requests.OpenDocument{File: &content})
	if err != nil {
		return err
	}
	n, err := in.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: d.Document})
	if err != nil {
		return err
	}
	return do(in, d.Document, n.PageCount)
}

// drawn is how large a page is drawn that is so large on paper.
func drawn(wide, high float64) (int, int) {
	if !(wide > 0.1 && high > 0.1 && wide < 1e5 && high < 1e5) {
		return 0, 0
	}
	scale := min(pdfWide/wide, pdfHigh/high)
	return max(1, int(wide*scale)), max(1, int(high*scale))
}

// Sheets answers the pages of a document with their text, as many as are shown, and how
// many there are.
func (p *PDFs) Sheets(ctx context.Context, content []byte) (sheets []Sheet, all int, err error) {
	err = p.with(ctx, content, func(in pdfium.Pdfium, d references.FPDF_DOCUMENT, n int) error {
		all = n
		room := TextMost
		for i := range min(n, PDFPages) {
			size, err := in.FPDF_GetPageSizeByIndex(&requests.FPDF_GetPageSizeByIndex{Document: d, Index: i})
			if err != nil {
				return err
			}
			s := Sheet{Number: i + 1}
			if s.Wide, s.High = drawn(size.Width, size.Height); s.Wide == 0 {
				return fmt.Errorf("page %d has no size", i+1)
			}
			text, err := in.GetPageText(&requests.GetPageText{Page: requests.Page{ByIndex: &requests.PageByIndex{Document: d, Index: i}}})
			if err == nil && len(text.Text) <= room { // a page without its text is still drawn
				room -= len(text.Text)
				if strings.TrimSpace(text.Text) != "" {
					s.Lines, _ = split(strings.ToValidUTF8(text.Text, "\ufffd"))
				}
			}
			sheets = append(sheets, s)
		}
		return nil
	})
	return sheets, all, err
}

// Draw draws one page, from 1, and gives it to use before the sandbox ends.
func (p *PDFs) Draw(ctx context.Context, content []byte, page int, use func(image.Image) error) error {
	return p.with(ctx, content, func(in pdfium.Pdfium, d references.FPDF_DOCUMENT, n int) error {
		if page < 1 || page > min(n, PDFPages) {
			return fmt.Errorf("%w: there is no page %d", ErrForm, page)
		}
		size, err := in.FPDF_GetPageSizeByIndex(&requests.FPDF_GetPageSizeByIndex{Document: d, Index: page - 1})
		if err != nil {
			return err
		}
		wide, high := drawn(size.Width, size.Height)
		if wide == 0 {
			return fmt.Errorf("%w: page %d has no size", ErrForm, page)
		}
		out, err := in.RenderPageInPixels(&requests.RenderPageInPixels{Width: wide, Height: high, Page: requests.Page{ByIndex: &requests.PageByIndex{Document: d, Index: page - 1}}})
		if err != nil {
			return err
		}
		defer out.Cleanup()
		return use(out.Result.RenderedImage)
	})
}
