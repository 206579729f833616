// Package scim lets a company's directory provision principals, by SCIM 2.0 (RFC 7643 and
// RFC 7644): Users and Groups with filters, sorting, paging, PUT, PATCH and DELETE, in the
// dialects that Microsoft Entra ID and Okta speak. Who asks shows a bearer token of scope
// scim; what is permitted the room decides, and records. A directory sees and changes only
// what it provisioned itself or what was adopted for it, and no group that governs the room.
package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/people"
	"strongroom/vault"
)

// Rooms finds the room that a token belongs to.
type Rooms interface {
	// ByToken answers an error of KindDenied for what is no token of any room, without a
	// room, or for one that is not valid any more, with it.
	ByToken(ctx context.Context, presented string) (Room, vault.TokenCredential, error)
}

// Room is one room as this door needs it.
type Room interface {
	ReadDirectory(ctx context.Context, c vault.Caller, asking string) (vault.Directory, error)
	ChangePerson(ctx context.Context, c vault.Caller, id strongroom.ID, change func(*vault.DirectoryPerson) error) (vault.DirectoryPerson, error)
	RemovePerson(ctx context.Context, c vault.Caller, id strongroom.ID, check func(vault.DirectoryPerson) error) error
	ChangeGroup(ctx context.Context, c vault.Caller, id strongroom.ID, change func(*vault.DirectoryGroup) error) (vault.DirectoryGroup, error)
	RemoveGroup(ctx context.Context, c vault.Caller, id strongroom.ID, check func(vault.DirectoryGroup) error) error
	// Noise counts a request that was not believed. It must be cheap.
	Noise(kind string)
	// Enter takes one of the room's places for a session, or answers KindBusy.
	Enter(ctx context.Context, session string) (release func(), err error)
}

// Config says how the door stands.
type Config struct {
	Rooms Rooms
	// Base is the address of /scim/v2 as a request reached it, for locations; default from
	// the request's own Host.
	Base  func(*http.Request) string
	Now   func() time.Time
	Log   *slog.Logger      // causes of answers in the 500s; default none
	Noise func(kind string) // counts requests that show no token of any room; default none
}

// Root is the path under which the door answers.
const Root = "/scim/v2"

const (
	maxBody    = 1 << 20
	mediaType  = "application/scim+json"
	maxPage    = 200
	presetPage = 100
)

type door struct {
	Config
	pages pages
}

// New returns the handler of /scim/v2/.
func New(c Config) http.Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Noise == nil {
		c.Noise = func(string) {}
	}
	if c.Base == nil {
		c.Base = func(r *http.Request) string {
			scheme := "http"
			if r.TLS != nil {
				scheme = "https"
			}
			return scheme + "://" + r.Host + Root
		}
	}
	return &door{Config: c}
}

// failure is an answer in the 400s or 500s.
type failure struct {
	status     int
	kind       string // scimType, or ""
	detail     string
	retryAfter string
}

func (f *failure) Error() string { return f.detail }

func refuse(status int, kind, format string, args ...any) error {
	return &failure{status: status, kind: kind, detail: fmt.Sprintf(format, args...)}
}

// exchange is one request on its way through the door.
type exchange struct {
	*door
	w      http.ResponseWriter
	r      *http.Request
	room   Room
	caller vault.Caller
	base   string
	id     string
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{door: d, w: w, r: r, base: d.Base(r), id: strongroom.NewID().String()}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", x.id)
	if err := x.serve(); err != nil {
		x.fail(err)
	}
}

// serve believes the token and lets the resource answer.
func (x *exchange) serve() error {
	if len(x.r.URL.RawQuery) > 2*maxFilter {
		return refuse(http.StatusRequestURITooLong, "", "the query has more than %d bytes", 2*maxFilter)
	}
	if err := x.authenticate(); err != nil {
		return err
	}
	release, err := x.room.Enter(x.r.Context(), x.caller.Principal.ID.String())
	if err != nil {
		return err
	}
	defer release()
	rest, ok := strings.CutPrefix(x.r.URL.Path, Root+"/")
	if !ok {
		return notThere()
	}
	name, id, _ := strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	switch name {
	case userType.path:
		return x.resource(users{x}, id)
	case groupType.path:
		return x.resource(groups{x}, id)
	case "ServiceProviderConfig", "ResourceTypes", "Schemas":
		if x.r.Method != http.MethodGet {
			return notAllowed(x.w, http.MethodGet)
		}
		if x.r.URL.Query().Has("filter") {
			return refuse(http.StatusForbidden, "", "what describes the server has no filter")
		}
		return x.describe(name, id)
	case "Bulk", "Me", ".search":
		return refuse(http.StatusNotImplemented, "", "%s is not supported", name)
	}
	return notThere()
}

func notThere() error {
	return refuse(http.StatusNotFound, "", "there is nothing here; resources are at %s/Users and %s/Groups", Root, Root)
}

func notAllowed(w http.ResponseWriter, methods ...string) error {
	w.Header().Set("Allow", strings.Join(methods, ", "))
	return refuse(http.StatusMethodNotAllowed, "", "here are %s", strings.Join(methods, ", "))
}

// authenticate believes the bearer token or refuses it.
func (x *exchange) authenticate() error {
	values := x.r.Header.Values("Authorization")
	unproved := func(kind, detail string) error {
		x.w.Header().Set("WWW-Authenticate", `Bearer realm="strongroom"`)
		if x.room != nil {
			x.room.Noise(kind)
		} else {
			x.Noise(kind)
		}
		return refuse(http.StatusUnauthorized, "", "%s", detail)
	}
	scheme, presented, _ := strings.Cut(strings.Join(values, ""), " ")
	if len(values) != 1 || !strings.EqualFold(scheme, "Bearer") {
		return unproved("unsigned", "show a token of scope scim: Authorization: Bearer srt_…")
	}
	room, token, err := x.Rooms.ByToken(x.r.Context(), strings.TrimSpace(presented))
	x.room = room
	switch {
	case strongroom.KindOf(err) == strongroom.KindDenied:
		return unproved("token", err.Error())
	case err != nil:
		return err
	case !token.Has(people.ScopeSCIM):
		room.Noise("token")
		return refuse(http.StatusForbidden, "", "this token is not of scope scim")
	}
	x.caller = token.Caller()
	x.caller.Source, x.caller.Secure, x.caller.RequestID = x.r.RemoteAddr, x.r.TLS != nil, x.id
	if host, _, err := net.SplitHostPort(x.r.RemoteAddr); err == nil {
		x.caller.Source = host
	}
	return nil
}

// fail answers an error as SCIM has it.
func (x *exchange) fail(err error) {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = x.translate(err)
	}
	if f.retryAfter != "" {
		x.w.Header().Set("Retry-After", f.retryAfter)
	}
	out := document{"schemas": []string{urnError}, "status": strconv.Itoa(f.status), "detail": f.detail}
	if f.kind != "" {
		out["scimType"] = f.kind
	}
	x.answer(f.status, out)
}

func (x *exchange) translate(err error) *failure {
	e, ok := errors.AsType[*strongroom.Error](err)
	if !ok {
		x.Log.Error("a directory's request failed", "request", x.id, "error", err)
		return &failure{status: http.StatusInternalServerError, detail: "this could not be done; the reason is in the operator's log, under " + x.id}
	}
	f := &failure{detail: e.Error()}
	switch {
	case errors.Is(err, vault.ErrNotProvisioned):
		f.status = http.StatusNotFound
	case errors.Is(err, vault.ErrTaken):
		f.status, f.kind = http.StatusConflict, "uniqueness"
	case e.Kind == strongroom.KindInvalid:
		f.status, f.kind = http.StatusBadRequest, "invalidValue"
	case e.Kind == strongroom.KindDenied:
		f.status = http.StatusForbidden
	case e.Kind == strongroom.KindConflict:
		f.status, f.retryAfter = http.StatusConflict, "1"
	case e.Kind == strongroom.KindBusy:
		f.status, f.retryAfter = http.StatusTooManyRequests, "2"
	default:
		x.Log.Error("a directory's request failed", "request", x.id, "error", err, "cause", e.Cause)
		f.status, f.retryAfter = http.StatusServiceUnavailable, "5"
	}
	return f
}

func (x *exchange) answer(status int, body any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		x.Log.Error("an answer could not be encoded", "request", x.id, "error", err)
		status, encoded = http.StatusInternalServerError, []byte("{}")
	}
	x.w.Header().Set("Content-Type", mediaType)
	x.w.WriteHeader(status)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(encoded) // who asked has gone away: nothing is left to tell them
	}
}

// body reads the request's JSON object.
func (x *exchange) body() (document, error) {
	kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || kind != mediaType && kind != "application/json" {
		return nil, refuse(http.StatusUnsupportedMediaType, "", "the body is %s", mediaType)
	}
	text, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, refuse(http.StatusRequestEntityTooLarge, "", "the body has more than %d bytes", maxBody)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalidSyntax", "the body could not be read to its end")
	}
	return readDocument(text)
}

// resources is what differs between users and groups.
type resources interface {
	kind() resourceType
	all(vault.Directory) []document
	// put makes a resource (id zero) or changes it: change is given it as it is, nil where
	// it is new, and answers what it is to be.
	put(id strongroom.ID, change func(document) (document, error)) (document, error)
	remove(id strongroom.ID, check func(document) error) error
}

type users struct{ *exchange }

func (users) kind() resourceType { return userType }

func (u users) all(d vault.Directory) []document {
	out := make([]document, 0, len(d.People))
	for _, p := range d.People {
		out = append(out, showUser(p, u.base))
	}
	return out
}

func (u users) put(id strongroom.ID, change func(document) (document, error)) (document, error) {
	kept, err := u.room.ChangePerson(u.r.Context(), u.caller, id, func(p *vault.DirectoryPerson) error {
		var before document
		if !id.IsZero() {
			before = showUser(*p, u.base)
		}
		after, err := change(before)
		if err != nil {
			return err
		}
		return takeUser(p, after)
	})
	if err != nil {
		return nil, err
	}
	return showUser(kept, u.base), nil
}

func (u users) remove(id strongroom.ID, check func(document) error) error {
	return u.room.RemovePerson(u.r.Context(), u.caller, id, func(p vault.DirectoryPerson) error { return check(showUser(p, u.base)) })
}

type groups struct{ *exchange }

func (groups) kind() resourceType { return groupType }

func (g groups) all(d vault.Directory) []document {
	out := make([]document, 0, len(d.Groups))
	for _, one := range d.Groups {
		out = append(out, showGroup(one, g.base))
	}
	return out
}

func (g groups) put(id strongroom.ID, change func(document) (document, error)) (document, error) {
	kept, err := g.room.ChangeGroup(g.r.Context(), g.caller, id, func(one *vault.DirectoryGroup) error {
		var before document
		if !id.IsZero() {
			before = showGroup(*one, g.base)
		}
		after, err := change(before)
		if err != nil {
			return err
		}
		return takeGroup(one, after)
	})
	if err != nil {
		return nil, err
	}
	return showGroup(kept, g.base), nil
}

func (g groups) remove(id strongroom.ID, check func(document) error) error {
	return g.room.RemoveGroup(g.r.Context(), g.caller, id, func(one vault.DirectoryGroup) error { return check(showGroup(one, g.base)) })
}

// resource answers a request for users or groups.
func (x *exchange) resource(s resources, id string) error {
	t := s.kind()
	show, err := x.projection(t)
	if err != nil {
		return err
	}
	if id == "" {
		switch x.r.Method {
		case http.MethodGet:
			return x.list(s, show)
		case http.MethodPost:
			return x.create(s, show)
		}
		return notAllowed(x.w, http.MethodGet, http.MethodPost)
	}
	key, err := strongroom.ParseID(id)
	if err != nil || key.IsZero() {
		return refuse(http.StatusNotFound, "", "there is no %s %q", strings.ToLower(t.name), clip(id))
	}
	switch x.r.Method {
	case http.MethodGet:
		return x.get(s, key, show)
	case http.MethodPut:
		return x.replace(s, key, show)
	case http.MethodPatch:
		return x.patch(s, key, show)
	case http.MethodDelete:
		if err := s.remove(key, x.matches); err != nil {
			return err
		}
		x.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return notAllowed(x.w, http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete)
}

// projection reads which attributes an answer shows.
func (x *exchange) projection(t resourceType) (func(document) document, error) {
	q := x.r.URL.Query()
	read := func(name string) ([]target, error) {
		var out []target
		for path := range strings.SplitSeq(q.Get(name), ",") {
			path = strings.TrimSpace(path)
			if path == "" {
				continue
			}
			p, ok := t.resolve(path)
			if !ok {
				continue // of another schema: there is nothing to show or hide
			}
			if out = append(out, p); len(out) > 64 {
				return nil, refuse(http.StatusBadRequest, "tooMany", "%s has more than 64 names", name)
			}
		}
		return out, nil
	}
	attributes, err := read("attributes")
	if err != nil {
		return nil, err
	}
	excluded, err := read("excludedAttributes")
	if err != nil {
		return nil, err
	}
	return func(d document) document { return t.project(d, attributes, excluded) }, nil
}

// matches holds If-Match against a resource as it is now.
func (x *exchange) matches(d document) error {
	if wanted := x.r.Header.Values("If-Match"); len(wanted) > 0 && !names(wanted, versionOf(d)) {
		return refuse(http.StatusPreconditionFailed, "", "the resource has changed; its version is %s now", versionOf(d))
	}
	return nil
}

// names reports whether a header of entity tags has this one. Weak and strong are alike.
func names(header []string, version string) bool {
	for _, part := range strings.Split(strings.Join(header, ","), ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == strings.TrimPrefix(version, "W/") {
			return true
		}
	}
	return false
}

func (x *exchange) one(status int, d document, show func(document) document) error {
	meta, _ := d["meta"].(document)
	x.w.Header().Set("ETag", versionOf(d))
	x.w.Header().Set("Location", str(meta, "location"))
	x.answer(status, show(d))
	return nil
}

func (x *exchange) get(s resources, id strongroom.ID, show func(document) document) error {
	t := s.kind()
	d, err := x.room.ReadDirectory(x.r.Context(), x.caller, t.path+"/"+id.String())
	if err != nil {
		return err
	}
	for _, one := range s.all(d) {
		if one["id"] != id.String() {
			continue
		}
		if none := x.r.Header.Values("If-None-Match"); len(none) > 0 && names(none, versionOf(one)) {
			x.w.Header().Set("ETag", versionOf(one))
			x.w.WriteHeader(http.StatusNotModified)
			return nil
		}
		return x.one(http.StatusOK, one, show)
	}
	return refuse(http.StatusNotFound, "", "there is no %s %s", strings.ToLower(t.name), id)
}

func (x *exchange) create(s resources, show func(document) document) error {
	sent, err := x.body()
	if err != nil {
		return err
	}
	d, err := s.kind().normalise(sent)
	if err != nil {
		return err
	}
	kept, err := s.put(strongroom.ID{}, func(document) (document, error) { return d, nil })
	if err != nil {
		return err
	}
	return x.one(http.StatusCreated, kept, show)
}

func (x *exchange) replace(s resources, id strongroom.ID, show func(document) document) error {
	sent, err := x.body()
	if err != nil {
		return err
	}
	d, err := s.kind().normalise(sent)
	if err != nil {
		return err
	}
	kept, err := s.put(id, func(before document) (document, error) { return d, x.matches(before) })
	if err != nil {
		return err
	}
	return x.one(http.StatusOK, kept, show)
}

func (x *exchange) patch(s resources, id strongroom.ID, show func(document) document) error {
	sent, err := x.body()
	if err != nil {
		return err
	}
	operations, err := readPatch(sent)
	if err != nil {
		return err
	}
	kept, err := s.put(id, func(before document) (document, error) {
		if err := x.matches(before); err != nil {
			return nil, err
		}
		after := clone(before)
		return after, s.kind().patch(after, operations)
	})
	if err != nil {
		return err
	}
	if q := x.r.URL.Query(); s.kind().name == groupType.name && !q.Has("attributes") { // it may have thousands of members
		x.w.Header().Set("ETag", versionOf(kept))
		x.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return x.one(http.StatusOK, kept, show)
}

// list answers a page of the resources that a filter finds.
func (x *exchange) list(s resources, show func(document) document) error {
	t, q := s.kind(), x.r.URL.Query()
	number := func(name string, preset int) (int, error) {
		v := q.Get(name)
		if v == "" {
			return preset, nil
		}
		n, err := strconv.Atoi(v)
		if err != nil {
			return 0, refuse(http.StatusBadRequest, "invalidValue", "%s is no number", name)
		}
		return n, nil
	}
	start, err := number("startIndex", 1)
	if err != nil {
		return err
	}
	count, err := number("count", presetPage)
	if err != nil {
		return err
	}
	start, count = max(start, 1), min(max(count, 0), maxPage)
	var f filter
	if text := q.Get("filter"); text != "" {
		if f, err = parseFilter(text, t); err != nil {
			return refuse(http.StatusBadRequest, "invalidFilter", "the filter: %s", err)
		}
	}
	var by *target
	if name := q.Get("sortBy"); name != "" {
		p, ok := t.resolve(name)
		if !ok {
			return refuse(http.StatusBadRequest, "invalidPath", "sortBy names no attribute: %q", clip(name))
		}
		by = &p
	}
	var descending bool
	switch order := q.Get("sortOrder"); {
	case order == "" || strings.EqualFold(order, "ascending"):
	case strings.EqualFold(order, "descending"):
		descending = true
	default:
		return refuse(http.StatusBadRequest, "invalidValue", "sortOrder is ascending or descending")
	}
	directory, err := x.room.ReadDirectory(x.r.Context(), x.caller, t.path+"?"+x.r.URL.RawQuery)
	if err != nil {
		return err
	}
	query := strings.Join([]string{x.caller.Session, t.path, q.Get("filter"), q.Get("sortBy"), q.Get("sortOrder"), x.base}, "\x00")
	now := x.Now()
	found, kept := x.pages.find(query, now)
	if start == 1 || !kept {
		found = nil
		for _, d := range s.all(directory) {
			if f == nil || f.holds(resource{d, t}) {
				found = append(found, d)
			}
		}
		if by != nil {
			t.order(found, *by, descending)
		}
		if len(found) > count {
			x.pages.keep(query, found, now)
		}
	}
	total := len(found)
	page := found[min(start-1, total):min(start-1+count, total)]
	shown := make([]document, 0, len(page))
	for _, d := range page {
		shown = append(shown, show(d))
	}
	x.answer(http.StatusOK, document{
		"schemas": []string{urnList}, "totalResults": total, "startIndex": start, "itemsPerPage": len(shown), "Resources": shown,
	})
	return nil
}

// describe answers what the server is.
func (x *exchange) describe(name, id string) error {
	var all []document
	switch name {
	case "ServiceProviderConfig":
		if id != "" {
			return notThere()
		}
		no := document{"supported": false}
		yes := document{"supported": true}
		x.answer(http.StatusOK, document{
			"schemas": []string{urnProvider}, "patch": yes, "changePassword": no, "sort": yes, "etag": yes,
			"bulk":   document{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
			"filter": document{"supported": true, "maxResults": maxPage},
			"authenticationSchemes": []document{{
				"type": "oauthbearertoken", "name": "Bearer token", "description": "A token of scope scim, made with `strongroom token create`", "primary": true,
			}},
			"meta": document{"resourceType": "ServiceProviderConfig", "location": x.base + "/ServiceProviderConfig"},
		})
		return nil
	case "ResourceTypes":
		for _, t := range []resourceType{userType, groupType} {
			d := document{
				"schemas": []string{urnType}, "id": t.name, "name": t.name, "endpoint": "/" + t.path, "description": t.about, "schema": t.urn,
				"meta": document{"resourceType": "ResourceType", "location": x.base + "/ResourceTypes/" + t.name},
			}
			if t.extension != "" {
				d["schemaExtensions"] = []document{{"schema": t.extension, "required": false}}
			}
			all = append(all, d)
		}
	case "Schemas":
		for _, s := range []struct {
			urn, name, about string
			attributes       []attribute
		}{
			{urnUser, "User", userType.about, userAttributes}, {urnEnterprise, "EnterpriseUser", "What a company adds", enterpriseAttributes},
			{urnGroup, "Group", groupType.about, groupAttributes},
		} {
			all = append(all, document{
				"schemas": []string{urnSchema}, "id": s.urn, "name": s.name, "description": s.about, "attributes": described(s.attributes),
				"meta": document{"resourceType": "Schema", "location": x.base + "/Schemas/" + s.urn},
			})
		}
	}
	if id == "" {
		x.answer(http.StatusOK, document{"schemas": []string{urnList}, "totalResults": len(all), "startIndex": 1, "itemsPerPage": len(all), "Resources": all})
		return nil
	}
	for _, d := range all {
		if d["id"] == id {
			x.answer(http.StatusOK, d)
			return nil
		}
	}
	return notThere()
}

func sortedNames(d document) []string { return slices.Sorted(maps.Keys(d)) }
