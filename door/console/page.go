package console

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a reader's zone, on machines that have none
	"unicode"
	"unicode/utf8"

	"strongroom"
	"strongroom/alert"
	"strongroom/vault"
	"strongroom/web"
)

// page is what every template is given; its methods speak the reader's language.
type page struct {
	Lang    string
	Theme   string // light, dark, or "" for the system's
	Title   string // key
	Section string // of the navigation
	Nav     []place
	Who     *vault.ConsoleCredential // nil before log-on
	Room    string
	Said    string // key of what was just done, or ""
	Path    string // of this page with its query, for the switches to come back to
	Trouble *trouble
	// Emergency is the reader's emergency access that is open, or nil.
	Emergency *vault.Opening
	Data      any

	zone  *time.Location
	now   time.Time
	paths map[string]string
}

// place is one line of the navigation.
type place struct {
	Section, Path string
	Count         int
}

// trouble is why something was not done.
type trouble struct {
	Title, Message, Hint string
	Said                 bool // in the reader's language, too
	Again                bool // the page may be asked for once more
}

func (p *page) T(key string, args ...any) string          { return say(p.Lang, key, args...) }
func (p *page) N(key string, n int, args ...any) string   { return sayN(p.Lang, key, n, args...) }
func (p *page) Number(n int64) string                     { return number(p.Lang, n) }
func (p *page) Count(n int) string                        { return number(p.Lang, int64(n)) }
func (p *page) Date(t time.Time) string                   { return date(p.Lang, t.In(p.zone)) }
func (p *page) Away(t time.Time) string                   { return away(p.Lang, t, p.now) }
func (p *page) Machine(t time.Time) string                { return t.UTC().Format(time.RFC3339) }
func (p *page) Asset(name string) string                  { return p.paths[name] }
func (p *page) Now() string                               { return p.Date(p.now) }
func (p *page) Zone() string                              { return p.zone.String() }
func (p *page) Passed(t time.Time) bool                   { return !p.now.Before(t) }
func (p *page) With(pairs ...any) (map[string]any, error) { return dict(append(pairs, "Page", p)...) }

// dict makes a map of names and values, for a template within a template.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("%v is no name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// pageSet is every page by its name, parsed with the layout around it when it is first
// shown: all together are most of what an idle server would keep in memory.
type pageSet map[string]func() (*template.Template, error)

func loadPages() (pageSet, error) {
	layout, err := template.New("layout.html").ParseFS(web.Pages, "pages/layout.html", "pages/parts/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the console's layout: %w", err)
	}
	names, err := fs.Glob(web.Pages, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the console's pages: %w", err)
	}
	out := pageSet{}
	for _, name := range names {
		short := strings.TrimSuffix(strings.TrimPrefix(name, "pages/"), ".html")
		if short == "layout" {
			continue
		}
		out[short] = sync.OnceValues(func() (*template.Template, error) {
			one, err := layout.Clone()
			if err == nil {
				one, err = one.ParseFS(web.Pages, name)
			}
			if err != nil {
				return nil, fmt.Errorf("reading the console's page %s: %w", short, err)
			}
			return one, nil
		})
	}
	return out, nil
}

// Names of cookies besides the session's: how the reader wants pages. They prove nothing.
const (
	cookieLanguage = "strongroom-language"
	cookieTheme    = "strongroom-theme"
	cookieZone     = "strongroom-zone"
)

// newPage begins a page as its reader wants pages.
func (c *console) newPage(r *http.Request) *page {
	p := &page{Lang: language(r.Header.Get("Accept-Language")), Path: asked(r), zone: time.UTC, now: c.Clock(), paths: c.paths}
	if k, err := r.Cookie(cookieLanguage); err == nil && (k.Value == english || k.Value == french) {
		p.Lang = k.Value
	}
	if k, err := r.Cookie(cookieTheme); err == nil && (k.Value == "light" || k.Value == "dark") {
		p.Theme = k.Value
	}
	if k, err := r.Cookie(cookieZone); err == nil {
		p.zone = zoneOf(k.Value)
	}
	if said := "said." + r.URL.Query().Get("said"); known(said) {
		p.Said = said
	}
	return p
}

// zoneOf answers the zone of that name, UTC where there is none.
func zoneOf(name string) *time.Location {
	if len(name) > 64 || name == "Local" {
		return time.UTC
	}
	if l, err := time.LoadLocation(name); err == nil {
		return l
	}
	return time.UTC
}

// render writes a page whole or, where it cannot be made, an error.
func (c *console) render(w http.ResponseWriter, code int, name string, p *page) {
	var b bytes.Buffer
	t, err := c.pages[name]()
	if err == nil {
		err = t.ExecuteTemplate(&b, "layout.html", p)
	}
	if err != nil {
		c.Log.Error("a page cannot be shown", "page", name, "error", err)
		http.Error(w, say(p.Lang, "error.page"), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.Lang)
	h.Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(code)
	w.Write(b.Bytes())
}

// troubleOf translates an error for its reader: what kind of refusal it is in their
// language, and beside it the sentence of whoever refused.
func troubleOf(lang string, err error) (int, *trouble) {
	code, key := http.StatusInternalServerError, "error.failed"
	kind := strongroom.KindOf(err)
	switch kind {
	case strongroom.KindDenied:
		code, key = http.StatusForbidden, "error.denied"
	case strongroom.KindInvalid, strongroom.KindPrecondition:
		code, key = http.StatusBadRequest, "error.invalid"
	case strongroom.KindNoObject, strongroom.KindNoVersion, strongroom.KindNoBucket:
		code, key = http.StatusNotFound, "error.nowhere"
	case strongroom.KindConflict:
		code, key = http.StatusConflict, "error.conflict"
	case strongroom.KindBusy:
		code, key = http.StatusTooManyRequests, "error.busy"
	case strongroom.KindUnavailable:
		code, key = http.StatusServiceUnavailable, "error.unavailable"
	}
	t := &trouble{Title: say(lang, key)}
	if e, ok := asError(err); ok && kind != strongroom.KindUnavailable {
		message, known := told(lang, e.Message)
		hint, also := told(lang, e.Hint)
		t.Message, t.Hint, t.Said = sentence(message), sentence(hint), known && (also || e.Hint == "")
		if said := refusal(lang, e); said != "" {
			t.Message, t.Hint, t.Said = said, "", true // the hint is for commands
		}
	}
	if code >= 500 && t.Message == "" {
		t.Message, t.Hint, t.Said = say(lang, key+".message"), "", true
	}
	return code, t
}

func sentence(s string) string {
	if s == "" {
		return ""
	}
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(s[n:], ".") + "."
}

func (c *console) nowhere(w http.ResponseWriter, r *http.Request) {
	p := c.newPage(r)
	p.Title, p.Path = "error.nowhere", "/"
	p.Trouble = &trouble{Title: p.T("error.nowhere"), Message: p.T("error.nowhere.message")}
	c.render(w, http.StatusNotFound, "error", p)
}

// prefer keeps how the reader wants pages, in their browser.
func (c *console) prefer(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	set := func(name, value string) {
		age := 365 * 24 * 3600
		if value == "" {
			age = -1
		}
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	switch l := r.PostFormValue("language"); l {
	case english, french:
		set(cookieLanguage, l)
	}
	switch t := r.PostFormValue("theme"); t {
	case "light", "dark":
		set(cookieTheme, t)
	case "system":
		set(cookieTheme, "")
	}
	http.Redirect(w, r, within(r.PostFormValue("return")), http.StatusSeeOther)
}

// asked is the page that was asked for, with its query.
func asked(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return r.URL.EscapedPath()
	}
	return r.URL.EscapedPath() + "?" + r.URL.RawQuery
}

// within answers an address of this console: a path, / for anything else, and the query
// beside it, where that is as this console's are.
func within(address string) string {
	path, query, asks := strings.Cut(address, "?")
	if len(path) > 512 || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsFunc(path, func(c rune) bool {
		return c == '\\' || c == '#' || c <= ' ' || c > '~'
	}) {
		return "/"
	}
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~%=&+", c)
	}
	if !asks || query == "" || len(query) > 512 || strings.ContainsFunc(query, func(c rune) bool { return !plain(c) }) {
		return path
	}
	return path + "?" + query
}

// What templates ask besides words.

// Status is where a request stands now.
func (p *page) Status(q vault.Request) string { return q.Status(p.now) }

// phoneTabs is how many places a phone's bar holds; more of them are behind one button.
const phoneTabs = 5

// First are the places of the navigation that a phone shows at once.
func (p *page) First() []place {
	if len(p.Nav) <= phoneTabs {
		return p.Nav
	}
	return p.Nav[:phoneTabs-1]
}

// Rest are the others.
func (p *page) Rest() []place { return p.Nav[len(p.First()):] }

// InRest reports whether the page is one of those.
func (p *page) InRest() bool {
	return slices.ContainsFunc(p.Rest(), func(x place) bool { return x.Section == p.Section })
}

// FirstRequests are as many requests as Today shows.
func (p *page) FirstRequests(all []vault.Request) []vault.Request {
	return all[:min(len(all), todayMost)]
}

// FirstAlerts are as many alerts as Today shows.
func (p *page) FirstAlerts(all []alert.Alert) []alert.Alert { return all[:min(len(all), todayMost)] }

// worstFirst orders alerts by severity, and leaves those of one in their order.
func worstFirst(all []alert.Alert) {
	slices.SortStableFunc(all, func(a, b alert.Alert) int {
		return cmp.Compare(slices.Index(severityOrder, a.Severity), slices.Index(severityOrder, b.Severity))
	})
}

// Words are an alert's in the reader's language.
func (p *page) Words(w alert.Words) string {
	if p.Lang == french {
		return frenchMarks.Replace(w.In(alert.French))
	}
	return w.In(alert.English)
}

// Overdue reports whether a review has waited too long.
func (p *page) Overdue(b vault.Behind) bool { return b.Opening.Overdue(p.now) }

// Span is a length of time in hours, or minutes where it is short.
func (p *page) Span(d time.Duration) string {
	if d < time.Hour {
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

// Decimal is a number with one digit after the point, or the comma, unless that is 0.
func (p *page) Decimal(f *float64) string {
	return p.Point(strings.TrimSuffix(fmt.Sprintf("%.1f", *f), ".0"))
}

// Point is a number as a program writes it, with the reader's decimal mark.
func (p *page) Point(number string) string {
	if p.Lang == french {
		return strings.Replace(number, ".", ",", 1)
	}
	return number
}

// Speeds are those of the player.
func (p *page) Speeds() []string {
	return []string{"0.5", "0.75", "1", "1.25", "1.5", "1.75", "2"}
}

// Subject is what a record is about: of a hash its beginning, anything else as it is.
func (p *page) Subject(s string) string {
	if len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" {
		return p.Short(s) + "…"
	}
	return s
}

// Hour is the time of a day.
func (p *page) Hour(t time.Time) string { return t.In(p.zone).Format("15:04") }

// Clock is a time within a recording, or its length: 4:05, or 1:04:05.
func (p *page) Clock(seconds float64) string {
	s := int(seconds)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// Bytes is a size in the unit that fits.
func (p *page) Bytes(n int64) string {
	units, at, size := []string{"B", "kB", "MB", "GB", "TB"}, 0, float64(n)
	if p.Lang == french {
		units = []string{"o", "ko", "Mo", "Go", "To"}
	}
	for size >= 999.5 && at < len(units)-1 {
		size, at = size/1000, at+1
	}
	text := fmt.Sprintf("%.0f", size)
	if at > 0 && size < 9.95 {
		text = p.Decimal(&size)
	}
	return text + "\u00a0" + units[at]
}

// Day is a day in the reader's zone and form.
func (p *page) Day(t time.Time) string { return day(p.Lang, t.In(p.zone)) }

// ShortDay is the same without the year.
func (p *page) ShortDay(t time.Time) string {
	t = t.In(p.zone)
	if p.Lang == french {
		return fmt.Sprintf("%d %s", t.Day(), frenchMonths[t.Month()-1])
	}
	return t.Format("2 Jan")
}
