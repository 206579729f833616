package console

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Behind has a handler see the address of the client and not that of the proxies which
// are trusted: the last address in X-Forwarded-For that is none of them. Whoever is not
// trusted is not believed.
func Behind(proxies []netip.Prefix, next http.Handler) http.Handler {
	if len(proxies) == 0 {
		return next
	}
	trusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !trusted(peer.Addr().Unmap()) {
			next.ServeHTTP(w, r)
			return
		}
		client := peer.Addr().Unmap()
		said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(said) - 1; i >= 0; i-- {
			a, err := netip.ParseAddr(strings.TrimSpace(said[i]))
			if err != nil {
				break
			}
			if client = a.Unmap(); !trusted(client) {
				break
			}
		}
		passed := r.WithContext(r.Context())
		passed.RemoteAddr = netip.AddrPortFrom(client, 0).String()
		next.ServeHTTP(w, passed)
	})
}

// source is the client's address without the port.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// contentPolicy keeps pages to what this server sends: no other host, no script in a page,
// no frame around it.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// protect sets what keeps a page to itself.
func (c *console) protect(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	if err := cross.AddTrustedOrigin(c.origin); err != nil {
		c.Log.Error("the console's own address is no origin", "origin", c.origin, "error", err)
	}
	cross.SetDenyHandler(http.HandlerFunc(c.foreign))
	next = cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)")
		h.Set("Cache-Control", "no-store")
		if c.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !c.here(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign answers what another site's page sent: nothing is done.
func (c *console) foreign(w http.ResponseWriter, r *http.Request) {
	p := c.newPage(r)
	p.Title, p.Path = "error.foreign", "/"
	p.Trouble = &trouble{Title: p.T("error.foreign"), Message: p.T("error.foreign.message"), Said: true}
	c.render(w, http.StatusForbidden, "error", p)
}

// here sends whoever knocks under another name than the console's to the one that
// passkeys are made for. Health and metrics are asked by address.
func (c *console) here(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.Host == c.host, r.URL.Path == "/healthz", r.URL.Path == "/readyz", r.URL.Path == "/metrics":
		return true
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		http.Redirect(w, r, c.origin+r.URL.EscapedPath(), http.StatusTemporaryRedirect)
	default:
		http.Error(w, "this is "+c.origin, http.StatusMisdirectedRequest)
	}
	return false
}

// Bounds on log-ons from one source.
const (
	failuresMost   = 10
	failuresWithin = 5 * time.Minute
	sourcesMost    = 16384
)

// strikes counts what failed by source: an IPv4 address, or a /64 of IPv6.
type strikes struct {
	mu   sync.Mutex
	seen map[string][]time.Time
}

func network(source string) string {
	a, err := netip.ParseAddr(source)
	if err != nil || a.Unmap().Is4() {
		return source
	}
	p, err := a.Prefix(64)
	if err != nil {
		return source
	}
	return p.String()
}

// out answers how long a source has to wait, 0 where it may go on.
func (s *strikes) out(source string, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.recent(network(source), now)
	if len(at) < failuresMost {
		return 0
	}
	return at[0].Add(failuresWithin).Sub(now)
}

func (s *strikes) recent(key string, now time.Time) []time.Time {
	at := slices.DeleteFunc(s.seen[key], func(t time.Time) bool { return !now.Before(t.Add(failuresWithin)) })
	if len(at) == 0 {
		delete(s.seen, key)
		return nil
	}
	s.seen[key] = at
	return at
}

// add counts a failure.
func (s *strikes) add(source string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string][]time.Time{}
	}
	if len(s.seen) >= sourcesMost {
		for key := range s.seen {
			s.recent(key, now)
		}
		if len(s.seen) >= sourcesMost {
			return // so many networks at once are no one source
		}
	}
	key := network(source)
	if at := s.recent(key, now); len(at) < failuresMost {
		s.seen[key] = append(at, now)
	}
}
