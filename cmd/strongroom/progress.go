package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress shows on a terminal how far long work is; elsewhere it is silent.
type progress struct {
	w       io.Writer
	what    string
	n, of   int64
	shown   time.Time
	visible bool
}

func newProgress(w io.Writer, what string, of int64) *progress {
	p := &progress{w: w, what: what, of: of, shown: time.Now()}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.visible = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *progress) step() {
	p.n++
	if !p.visible || p.n%256 != 0 || time.Since(p.shown) < 200*time.Millisecond {
		return
	}
	p.shown = time.Now()
	fmt.Fprintf(p.w, "\r%d of %d %s", p.n, p.of, p.what)
}

// add counts n at once.
func (p *progress) add(n int64) {
	p.n += n
	if !p.visible || time.Since(p.shown) < 200*time.Millisecond {
		return
	}
	p.shown = time.Now()
	fmt.Fprintf(p.w, "\r%d of %d %s", p.n, p.of, p.what)
}

// say shows what is being done, where nobody knows how much of it there is.
func (p *progress) say(what string, n int) {
	if p.visible {
		fmt.Fprintf(p.w, "\r\x1b[K%s (%d requests)", what, n)
	}
}

func (p *progress) done() {
	if p.visible {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// readBounded reads all of r, or fails where that is more than limit bytes.
func readBounded(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("it is larger than %d bytes", limit)
	}
	return b, err
}
