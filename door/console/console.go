// Package console is what people see in a browser. As yet it is health, metrics
// and a plain landing page that says what this server is and how to go on; it
// shows nothing of any room and sets no cookie.
package console

import (
	"context"
	_ "embed" // the landing page
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Check is one thing that must hold for the server to be ready. Its error is for
// the log; the page says only which check failed.
type Check struct {
	Name string
	Ask  func(ctx context.Context) error
}

// Config says what the console serves.
type Config struct {
	Metrics http.Handler
	Ready   []Check
	S3      string // the S3 endpoint's URL, as clients reach it
	Failed  func(check string, err error)
}

//go:embed landing.html
var landingText string

var landing = template.Must(template.New("landing").Parse(landingText))

// words are the landing page's in each language.
var words = map[string]map[string]string{
	"en": {
		"Lang": "en", "Title": "Strongroom",
		"What":   "A content repository for call recordings, screen recordings and customers’ documents. Policy decides every read, and every read leaves a record.",
		"S3":     "Clients reach it by the S3 protocol at",
		"State":  "State",
		"Health": "is it running", "Ready": "can it store and release", "Metrics": "figures for Prometheus",
		"Setup": "A set-up link was opened. Log-on with passkeys is not part of this version, so the link does nothing yet: use the access key that was printed with it.",
	},
	"fr": {
		"Lang": "fr", "Title": "Strongroom",
		"What":   "Un référentiel de contenus pour les enregistrements d’appels et d’écrans et les documents des clients. Chaque lecture est soumise à une règle et laisse une trace.",
		"S3":     "Les clients y accèdent par le protocole S3 à l’adresse",
		"State":  "État",
		"Health": "le service tourne-t-il", "Ready": "peut-il enregistrer et remettre", "Metrics": "mesures pour Prometheus",
		"Setup": "Un lien d’installation a été ouvert. La connexion par clé d’accès (passkey) ne fait pas partie de cette version et le lien est donc sans effet : utilisez la clé S3 affichée avec lui.",
	},
}

// New returns the console's handler.
func New(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { ready(w, r, c) })
	mux.Handle("GET /metrics", c.Metrics)
	page := func(setup bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			lang := language(r.Header.Get("Accept-Language"))
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Language", lang)
			w.Header().Set("Vary", "Accept-Language")
			landing.Execute(w, map[string]any{"Words": words[lang], "Address": c.S3, "Setup": setup})
		}
	}
	mux.HandleFunc("GET /{$}", page(false))
	mux.HandleFunc("GET /setup", page(true))
	return protect(mux)
}

func ready(w http.ResponseWriter, r *http.Request, c Config) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	state := map[string]string{}
	code := http.StatusOK
	for _, check := range c.Ready {
		state[check.Name] = "ok"
		if err := check.Ask(ctx); err != nil {
			state[check.Name], code = "failed", http.StatusServiceUnavailable
			c.Failed(check.Name, err)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(state)
}

// language picks the page's language from Accept-Language: the one of English and
// French that is wanted most, English where neither is.
func language(accept string) string {
	best, most := "en", 0.0
	for part := range strings.SplitSeq(accept, ",") {
		tag, weight, weighed := strings.Cut(strings.ToLower(part), ";")
		wanted := 1.0
		if weighed {
			var err error
			if wanted, err = strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64); err != nil {
				continue
			}
		}
		primary, _, _ := strings.Cut(strings.TrimSpace(tag), "-")
		if words[primary] != nil && wanted > most {
			best, most = primary, wanted
		}
	}
	return best
}

// protect sets what keeps a page to itself: no script, no frame, no other host.
func protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
