package console

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/vault"
)

// Bounds on content that leaves.
const (
	// rangeMost is how much of a recording one answer holds: a player asks for the rest.
	rangeMost = 4 << 20
	// pieceWait is how long a client may take for pieceSize bytes.
	pieceWait = 30 * time.Second
	pieceSize = 64 << 10
)

// mediaPolicy is that of what is served as content: whatever it is, it runs nothing.
const mediaPolicy = "default-src 'none'; sandbox; frame-ancestors 'none'"

// sought is what a request asks of a content of that size, by net/http's own reading of
// its Range: the whole, one range, or an answer that it cannot be had. Several ranges at
// once are answered with the whole.
func sought(r *http.Request, size int64) (status int, offset, length int64) {
	asked := &http.Request{Method: http.MethodHead, Header: http.Header{}, URL: r.URL, ProtoMajor: 1, ProtoMinor: 1}
	if said := r.Header.Values("Range"); len(said) == 1 && len(said[0]) <= 256 {
		asked.Header.Set("Range", said[0])
	}
	if size == 0 {
		return http.StatusOK, 0, 0
	}
	w := &headOnly{header: http.Header{"Content-Type": {"application/octet-stream"}}}
	http.ServeContent(w, asked, "", time.Time{}, &sized{size: size})
	switch w.status {
	case http.StatusPartialContent:
		var from, to, of int64
		if n, _ := fmt.Sscanf(w.header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &of); n == 3 && of == size && from >= 0 && from <= to && to < size {
			return http.StatusPartialContent, from, to - from + 1
		}
	case http.StatusRequestedRangeNotSatisfiable:
		return w.status, 0, 0
	}
	return http.StatusOK, 0, size
}

// headOnly keeps the head of an answer.
type headOnly struct {
	header http.Header
	status int
}

func (w *headOnly) Header() http.Header         { return w.header }
func (w *headOnly) Write(b []byte) (int, error) { return len(b), nil }
func (w *headOnly) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// sized is a content of which nothing is known but its size.
type sized struct{ size, at int64 }

func (s *sized) Read([]byte) (int, error) { return 0, io.EOF }
func (s *sized) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("before the beginning")
	}
	s.at = offset
	return offset, nil
}

// media serves the content of an opening to the element that plays or shows it.
func (v *visit) media() error {
	o, err := v.opened()
	if err != nil {
		return err
	}
	if o.Form.Type == "" || v.r.Header.Get("Sec-Fetch-Dest") == "document" {
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: v.page.T("player.bare")}
	}
	status, offset, length := 0, int64(0), int64(0)
	unsatisfied := errors.New("there is no such range")
	from, err := v.open(o.Version, false, func(object strongroom.Object) (int64, int64, error) {
		if status, offset, length = sought(v.r, object.Size); status == http.StatusRequestedRangeNotSatisfiable {
			return 0, 0, unsatisfied
		}
		if status == http.StatusPartialContent {
			length = min(length, rangeMost)
		}
		if v.r.Method == http.MethodHead {
			return 0, 0, nil
		}
		return offset, length, nil
	})
	h := v.w.Header()
	if errors.Is(err, unsatisfied) {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", o.Object.Size))
		http.Error(v.w, "there is no such range", http.StatusRequestedRangeNotSatisfiable)
		return nil
	} else if err != nil {
		return err
	}
	o.served(from)
	return v.stream(from, status, func() {
		h.Set("Content-Type", o.Form.Type)
		h.Set("Content-Disposition", "inline")
		h.Set("Accept-Ranges", "bytes")
		h.Set("Content-Length", strconv.FormatInt(length, 10))
		if status == http.StatusPartialContent {
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, offset+length-1, from.Object.Size))
		}
	})
}

// stream sends what was opened, under a head that leaves with its first byte. What fails
// after that breaks the connection, so that it shows.
func (v *visit) stream(from *vault.Opened, status int, prepare func()) error {
	out := &flow{v: v, control: http.NewResponseController(v.w), prepare: func() {
		h := v.w.Header()
		h.Set("Content-Security-Policy", mediaPolicy)
		prepare()
		v.w.WriteHeader(status)
	}}
	n, err := from.WriteTo(out)
	if e := from.Close(); e != nil {
		v.c.Log.Error("closing a release failed", "error", e)
	}
	if err == nil && n != from.Length {
		err = fmt.Errorf("the content ended after %d of %d bytes", n, from.Length)
	}
	switch {
	case err == nil:
		out.begin()
		return nil
	case !out.begun:
		return err
	case out.failed == nil:
		v.c.Log.Error("an answer broke off", "pattern", v.r.Pattern, "error", err, "cause", cause(err))
	}
	panic(http.ErrAbortHandler)
}

// flow is an answer's body: at the pace that a client takes it, within bounds, and for as
// long as its session lasts.
type flow struct {
	v       *visit
	control *http.ResponseController
	prepare func()
	begun   bool
	looked  time.Time
	failed  error // of the client's side
}

func (f *flow) begin() {
	if !f.begun {
		f.begun = true
		f.looked = f.v.c.Clock()
		f.prepare()
	}
}

func (f *flow) Write(b []byte) (int, error) {
	f.begin()
	total := 0
	for len(b) > 0 {
		if now := f.v.c.Clock(); now.Sub(f.looked) >= time.Second {
			if _, _, err := f.v.c.session(f.v.r); err != nil {
				return total, err
			}
			f.looked = now
		}
		_ = f.control.SetWriteDeadline(time.Now().Add(pieceWait)) // not every connection has one
		n, err := f.v.w.Write(b[:min(len(b), pieceSize)])
		total += n
		if err != nil {
			f.failed = err
			return total, err
		}
		b = b[n:]
	}
	return total, nil
}

// fileName is what a copy is called: the last part of a key, without what file systems
// take amiss.
func fileName(key string) string {
	name := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || strings.ContainsRune(`/\:*?"<>|`, c) {
			return '_'
		}
		return c
	}, path.Base(key))
	name = strings.TrimLeft(name, ".")
	if len(name) > 150 {
		name = strings.ToValidUTF8(name[len(name)-150:], "")
	}
	if name == "" {
		return "recording"
	}
	return name
}

// download sends a copy to take along: an act of its own, decided and recorded as such.
func (v *visit) download() error {
	id, purpose, err := v.stated()
	if err != nil {
		return err
	}
	v.caller.Purpose = purpose
	req, at, err := v.ask(id, false, func(o strongroom.Object) (int64, int64, error) { return 0, o.Size, nil })
	if err != nil {
		return err
	}
	req.Shared = false
	from, err := v.room.Vault.Download(v.r.Context(), v.caller, req)
	if err != nil {
		return v.refused(id, strongroom.ActionDownload, purpose, err)
	}
	return v.stream(from, http.StatusOK, func() {
		h := v.w.Header()
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(at.Key)}))
		h.Set("Content-Length", strconv.FormatInt(from.Length, 10))
	})
}
