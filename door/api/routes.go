package api

import (
	"context"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"strongroom"
)

// routes is everything there is.
func (d *service) routes() {
	d.me()
	d.people()
	d.keys()
	d.directory()
	d.objects()
	d.know()
	d.classify()
	d.monitor()
	d.policies()
	d.check()
	d.requests()
	d.emergencies()
	d.tickets()
	d.alerts()
	d.findings()
	d.keeping()
	d.ledger()
}

// operation describes one: method, path under Prefix, a sentence, and the section that it
// stands in.
type operation struct {
	method, path, summary, section string
	status                         int // of success; 200 where left out
}

// handle registers an operation. The handler is told who asks.
func handle[I, O any](d *service, op operation, do func(ctx context.Context, s session, in *I) (*O, error)) {
	id := strings.ToLower(op.method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(op.path)
	huma.Register(d.api, huma.Operation{
		OperationID: id, Method: op.method, Path: Prefix + op.path, Summary: op.summary, Tags: []string{op.section}, DefaultStatus: op.status, MaxBodyBytes: MaxBody,
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable},
	}, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, sessionOf(ctx), in)
		if err != nil {
			return nil, d.problem(err)
		}
		return out, nil
	})
}

// none is an operation's input or output where there is nothing in it.
type none struct{}

// answer is an output that is a body.
type answer[T any] struct{ Body T }

func answering[T any](body T, err error) (*answer[T], error) {
	if err != nil {
		return nil, err
	}
	return &answer[T]{body}, nil
}

// Me is who a token acts as.
type Me struct {
	Principal strongroom.Principal `json:"principal"`
	Room      strongroom.ID        `json:"room"`
	RoomName  string               `json:"room_name"`
}

func (d *service) me() {
	handle(d, operation{method: "GET", path: "/me", summary: "Who the token acts as", section: "people"}, func(_ context.Context, s session, _ *none) (*answer[Me], error) {
		return answering(Me{s.caller.Principal, s.room.Vault.ID, s.room.Vault.Name}, nil)
	})
}

var indexPage = template.Must(template.New("index").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Strongroom API</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
code{font-family:ui-monospace,monospace}td{padding:.15rem 1rem .15rem 0;vertical-align:top}h2{margin:1.5rem 0 .3rem}</style>
<h1>Strongroom API</h1><p>The description for programs is <a href="openapi.json">openapi.json</a> (OpenAPI 3.1; also <a href="openapi.yaml">YAML</a>).
Send <code>Authorization: Bearer</code> with a token that <code>strongroom token create --scope api</code> made.</p>
{{range .}}<h2>{{.Name}}</h2><table>{{range .Operations}}<tr><td><code>{{.Method}}</code><td><code>{{.Path}}</code><td>{{.Summary}}{{end}}</table>{{end}}`))

// index lists the operations for people.
func (d *service) index(w http.ResponseWriter, _ *http.Request) {
	type row struct{ Method, Path, Summary string }
	type section struct {
		Name       string
		Operations []row
	}
	sections := map[string]*section{}
	for path, item := range d.api.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if op == nil {
				continue
			}
			name := op.Tags[0]
			if sections[name] == nil {
				sections[name] = &section{Name: name}
			}
			sections[name].Operations = append(sections[name].Operations, row{method, path, op.Summary})
		}
	}
	var list []*section
	for _, s := range sections {
		slices.SortFunc(s.Operations, func(a, b row) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *section) int { return strings.Compare(a.Name, b.Name) })
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := indexPage.Execute(w, list); err != nil {
		d.Log.Warn("writing the API's index", "error", err)
	}
}
