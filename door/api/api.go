// Package api is the JSON API: everything that the commands and the console do, for
// programs, with the same decisions and records. It only translates. Whoever asks
// presents a token that is bound to a principal, and may do what policy permits that
// principal and no more. Writes with an Idempotency-Key happen once; pages neither skip
// nor repeat what stays there. The description in OpenAPI is made from the code that
// serves it, and is served from here like everything else.
package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"strongroom"
	"strongroom/door"
	"strongroom/people"
	"strongroom/vault"
)

// Prefix is where the API stands.
const Prefix = "/api/v1"

// Bounds on requests.
const (
	MaxBody   = 1 << 20
	maxHeader = 512 // of an idempotency key
	longest   = 3 * time.Minute
)

// Rooms finds the room of a token.
type Rooms interface {
	// ByToken answers the room of a token and whose it is, or an error that wraps
	// vault.ErrNoToken where nobody has proved anything.
	ByToken(ctx context.Context, presented string) (door.Room, vault.TokenCredential, error)
}

// Config says how the door stands.
type Config struct {
	Rooms Rooms
	Log   *slog.Logger      // causes of answers in the 500s
	Noise func(kind string) // counts requests that name no room
}

// door is the API.
type service struct {
	Config
	api     huma.API
	answers answers
}

// New returns the API's handler. It serves what is under Prefix.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Noise == nil {
		c.Noise = func(string) {}
	}
	mux := http.NewServeMux()
	d := &service{Config: c, api: humago.New(mux, description())}
	d.routes()
	mux.HandleFunc("GET "+Prefix+"/{$}", d.index)
	return d.guard(mux)
}

// description is the head of the OpenAPI document.
func description() huma.Config {
	version := "(unreleased)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	c := huma.DefaultConfig("Strongroom", version)
	c.Info.Description = "What is stored and generated where, what of it is confidential, who accessed it, who may, and what is being alerted about. " +
		"Every request is decided by the room's policy and put on record, refusals too."
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, hint string) string {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		name := huma.DefaultSchemaNamer(t, hint)
		if from := path.Base(t.PkgPath()); t.Name() != "" && from != "api" && from != "strongroom" && from != "." {
			name = strings.ToUpper(from[:1]) + from[1:] + name // limit's Change is not another package's
		}
		return name
	})
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = Prefix+"/openapi", "", ""
	c.CreateHooks = nil // no $schema in answers
	c.RejectUnknownQueryParameters = true
	c.Formats = map[string]huma.Format{"application/json": strict, "json": strict}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "An API token: `strongroom token create --scope api`."},
	}
	c.Security = []map[string][]string{{"token": {}}}
	return c
}

// strict refuses what follows a body's JSON.
var strict = huma.Format{
	Marshal: huma.DefaultJSONFormat.Marshal,
	Unmarshal: func(data []byte, v any) error {
		d := json.NewDecoder(bytes.NewReader(data))
		if err := d.Decode(v); err != nil {
			return err
		}
		if _, err := d.Token(); err != io.EOF {
			return errors.New("something follows the JSON value")
		}
		return nil
	},
}

// session is who asks, in which room.
type session struct {
	room   door.Room
	caller vault.Caller
}

type sessionKey struct{}

func sessionOf(ctx context.Context) session { return ctx.Value(sessionKey{}).(session) }

// guard lets in whoever presents a token, in one of their room's places, and answers a
// repeated write as the first one was.
func (d *service) guard(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		if r.Method == http.MethodGet && (r.URL.Path == Prefix+"/" || strings.HasPrefix(r.URL.Path, Prefix+"/openapi")) {
			inner.ServeHTTP(w, r) // what there is to ask for is no secret
			return
		}
		s, token, err := d.known(r)
		if err != nil {
			h.Set("WWW-Authenticate", `Bearer realm="strongroom"`)
			d.fail(w, r, http.StatusUnauthorized, err)
			return
		}
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		scope := people.ScopeAPI
		if reads {
			scope = people.ScopeAPIRead
		}
		if !token.Has(scope) {
			d.fail(w, r, http.StatusForbidden, &strongroom.Error{
				Kind: strongroom.KindDenied, Message: "this token's scopes do not include " + string(scope), Hint: "use a token made with --scope " + string(scope),
			})
			return
		}
		leave, err := s.room.Vault.Enter(r.Context(), s.caller.Session)
		if err != nil {
			d.fail(w, r, 0, err)
			return
		}
		defer leave()
		// Deciding a ledger again takes longer than a page does.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longest))
		ctx := context.WithValue(r.Context(), sessionKey{}, s)
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		key := r.Header.Get("Idempotency-Key")
		if reads || key == "" {
			inner.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		if len(key) > maxHeader {
			d.fail(w, r, http.StatusBadRequest, invalid("an Idempotency-Key has at most 512 bytes"))
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			d.fail(w, r, http.StatusRequestEntityTooLarge, invalid("the body has more than 1 MiB, or broke off"))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		asked := sha256.Sum256([]byte(r.Method + "\x00" + r.URL.RequestURI() + "\x00" + string(body)))
		name := s.caller.Principal.ID.String() + "\x00" + key
		slot, first := d.answers.begin(name, asked, time.Now())
		switch {
		case slot == nil:
			d.fail(w, r, http.StatusUnprocessableEntity, invalid("this Idempotency-Key was used for another request; choose a new one for each"))
		case !first:
			slot.replay(r.Context(), w)
		default:
			rec := &recorder{ResponseWriter: w}
			defer func() { d.answers.end(name, slot, rec) }()
			inner.ServeHTTP(rec, r.WithContext(vault.Once(ctx, s.caller.Principal.ID, key)))
		}
	})
}

// known finds out who asks.
func (d *service) known(r *http.Request) (session, vault.TokenCredential, error) {
	presented, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		d.Noise("API request without a token")
		return session{}, vault.TokenCredential{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "the request bears no token", Hint: "send Authorization: Bearer with a token that `strongroom token create --scope api` made"}
	}
	room, token, err := d.Rooms.ByToken(r.Context(), presented)
	if err != nil {
		if errors.Is(err, vault.ErrNoToken) {
			d.Noise("API request with an unknown token")
		}
		return session{}, token, err
	}
	c := token.Caller()
	c.RequestID, c.Secure = strongroom.NewID().String(), r.TLS != nil
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		if a, err := netip.ParseAddr(host); err == nil {
			c.Source = a.Unmap().WithZone("").String()
		}
	}
	c.Purpose = strongroom.Purpose{Text: r.Header.Get("X-Strongroom-Purpose"), Ticket: r.Header.Get("X-Strongroom-Ticket")}
	if err := people.CheckPurpose(c.Purpose); err != nil {
		return session{}, token, invalid(err.Error())
	}
	return session{room, c}, token, nil
}

func invalid(message string) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: message}
}
