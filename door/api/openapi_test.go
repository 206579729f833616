package api_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"strongroom/door/api"
)

// described is the API's description, as far as these tests read it.
type described struct {
	OpenAPI string `json:"openapi"`
	Info    struct{ Title, Version string }
	Paths   map[string]map[string]operation
	Tree    any // all of it
}

type operation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Tags        []string
	Parameters  []struct {
		Name, In string
		Required bool
		Schema   map[string]any
	}
	RequestBody *struct {
		Required bool
		Content  map[string]struct{ Schema map[string]any }
	}
	Responses map[string]struct {
		Description string
		Content     map[string]struct{ Schema map[string]any }
	}
}

func describe(t *testing.T) described {
	t.Helper()
	w := httptest.NewRecorder()
	api.New(api.Config{}).ServeHTTP(w, httptest.NewRequest("GET", api.Prefix+"/openapi.json", nil))
	var d described
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d.Tree); err != nil {
		t.Fatal(err)
	}
	return d
}

// operations are those of the description, as in "GET /me", in order.
func (d described) operations() (names []string, by map[string]operation) {
	by = map[string]operation{}
	for path, item := range d.Paths {
		for method, o := range item {
			name := strings.ToUpper(method) + " " + strings.TrimPrefix(path, api.Prefix)
			names, by[name] = append(names, name), o
		}
	}
	slices.Sort(names)
	return names, by
}

// The description says of every operation what it does, in which section it stands, what
// goes in and out; every reference in it leads somewhere, and every placeholder of a path
// is a parameter.
func TestOpenAPI(t *testing.T) {
	d := describe(t)
	if d.OpenAPI != "3.1.0" || d.Info.Title == "" || d.Info.Version == "" {
		t.Errorf("openapi %q, title %q, version %q", d.OpenAPI, d.Info.Title, d.Info.Version)
	}
	names, by := d.operations()
	if len(names) < 80 {
		t.Errorf("only %d operations", len(names))
	}
	sections := map[string]bool{}
	ids := map[string]string{}
	for _, name := range names {
		o := by[name]
		method, path, _ := strings.Cut(name, " ")
		if len(o.Summary) < 5 || len(o.Tags) != 1 || o.Tags[0] == "" {
			t.Errorf("%s: summary %q, sections %v", name, o.Summary, o.Tags)
		} else {
			sections[o.Tags[0]] = true
		}
		if other := ids[o.OperationID]; other != "" || o.OperationID == "" {
			t.Errorf("%s and %s are both called %q", name, other, o.OperationID)
		}
		ids[o.OperationID] = name
		placed := map[string]bool{}
		for _, p := range o.Parameters {
			if !slices.Contains([]string{"path", "query", "header"}, p.In) || p.Schema == nil {
				t.Errorf("%s: parameter %s lies in %q with the schema %v", name, p.Name, p.In, p.Schema)
			}
			if p.In == "path" {
				placed[p.Name] = true
				if !p.Required || !strings.Contains(path, "{"+p.Name+"}") {
					t.Errorf("%s: parameter %s of the path", name, p.Name)
				}
			}
			if p.Schema["type"] == "string" && p.In != "path" && p.Schema["maxLength"] == nil && p.Schema["enum"] == nil && p.Schema["format"] == nil {
				t.Errorf("%s: parameter %s has no bound", name, p.Name)
			}
		}
		if n := strings.Count(path, "{"); n != len(placed) {
			t.Errorf("%s has %d placeholders and %d parameters for them", name, n, len(placed))
		}
		if o.RequestBody != nil && (method == "GET" || method == "DELETE" || o.RequestBody.Content["application/json"].Schema == nil) {
			t.Errorf("%s has a body: %+v", name, o.RequestBody)
		}
		succeeds := false
		for status, r := range o.Responses {
			if strings.HasPrefix(status, "2") {
				succeeds = true
				if hasBody := r.Content["application/json"].Schema != nil; hasBody == (status == "204") {
					t.Errorf("%s: a %s with a body: %v", name, status, hasBody)
				}
			}
			if r.Description == "" {
				t.Errorf("%s: nothing describes %s", name, status)
			}
		}
		if !succeeds || o.Responses["403"].Description == "" {
			t.Errorf("%s answers %v", name, o.Responses)
		}
	}
	for _, s := range []string{"people", "keys", "objects", "know", "classify", "monitor", "limit", "alert", "keep", "ledger"} {
		if !sections[s] {
			t.Errorf("there is no section %s", s)
		}
	}
	d.references(t, "", d.Tree)
}

// schemaTypes are those of JSON Schema.
var schemaTypes = []string{"string", "number", "integer", "boolean", "object", "array", "null"}

// references holds every reference against the document, and every schema's type against
// those that there are.
func (d described) references(t *testing.T, at string, v any) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			d.references(t, at, x)
		}
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			found := d.Tree
			for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
				of, _ := found.(map[string]any)
				found = of[part]
			}
			if !strings.HasPrefix(ref, "#/") || found == nil {
				t.Errorf("%s: %s leads nowhere", at, ref)
			}
		}
		if strings.HasSuffix(at, "/schema") || strings.Contains(at, "/schemas/") && !strings.HasSuffix(at, "/properties") {
			switch kind := v["type"].(type) {
			case string:
				if !slices.Contains(schemaTypes, kind) {
					t.Errorf("%s is of type %q", at, kind)
				}
				if kind == "array" && v["items"] == nil {
					t.Errorf("%s: an array of nothing", at)
				}
			case []any:
				for _, k := range kind {
					if name, _ := k.(string); !slices.Contains(schemaTypes, name) {
						t.Errorf("%s is of type %v", at, k)
					}
				}
			}
			if required, ok := v["required"].([]any); ok {
				properties, _ := v["properties"].(map[string]any)
				for _, name := range required {
					if properties[name.(string)] == nil {
						t.Errorf("%s requires %v, which it does not have", at, name)
					}
				}
			}
		}
		for name, x := range v {
			d.references(t, at+"/"+name, x)
		}
	}
}
