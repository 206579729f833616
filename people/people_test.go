package people

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"strongroom"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestNewAccessKey(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		p := strongroom.NewID()
		k := NewAccessKey(p, now, 0)
		if len(k.ID) != 20 || !strings.HasPrefix(k.ID, "SR") || strings.ToUpper(k.ID) != k.ID || seen[k.ID] || seen[k.Secret] {
			t.Fatalf("the key is %q", k.ID)
		}
		if raw, err := base64.StdEncoding.DecodeString(k.Secret); err != nil || len(raw) != 30 || len(k.Secret) != 40 {
			t.Fatalf("the secret has %d characters, %v", len(k.Secret), err)
		}
		if k.Principal != p || !k.Created.Equal(now) || !k.Expires.IsZero() || !k.Revoked.IsZero() {
			t.Fatalf("the key is of %v", k.Principal)
		}
		seen[k.ID], seen[k.Secret] = true, true
	}
	if k := NewAccessKey(strongroom.NewID(), now, time.Hour); !k.Expires.Equal(now.Add(time.Hour)) {
		t.Errorf("it expires at %v", k.Expires)
	}
}

// A key never outlives its expiry, its revocation, or its principal.
func TestUsable(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*AccessKey, *strongroom.Principal)
		usable bool
	}{
		"as made":                 {func(*AccessKey, *strongroom.Principal) {}, true},
		"before it expires":       {func(k *AccessKey, _ *strongroom.Principal) { k.Expires = now.Add(time.Nanosecond) }, true},
		"when it expires":         {func(k *AccessKey, _ *strongroom.Principal) { k.Expires = now }, false},
		"revoked":                 {func(k *AccessKey, _ *strongroom.Principal) { k.Revoked = now }, false},
		"revoked, says the clock": {func(k *AccessKey, _ *strongroom.Principal) { k.Revoked = now.Add(time.Hour) }, false}, // a revocation holds at once
		"suspended":               {func(_ *AccessKey, p *strongroom.Principal) { p.Suspended = true }, false},
		"before the principal's":  {func(_ *AccessKey, p *strongroom.Principal) { p.Expires = now.Add(time.Second) }, true},
		"the principal's expiry":  {func(_ *AccessKey, p *strongroom.Principal) { p.Expires = now }, false},
	} {
		p := strongroom.Principal{ID: strongroom.NewID(), Name: "ines"}
		k := NewAccessKey(p.ID, now.Add(-time.Hour), 0)
		c.change(&k, &p)
		if err := k.Usable(p, now); (err == nil) != c.usable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The secret shows in no way of printing a key.
func TestSecretIsNotPrinted(t *testing.T) {
	k := NewAccessKey(strongroom.NewID(), now, 0)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{k, &k, []AccessKey{k}, map[string]AccessKey{"k": k}, struct{ K AccessKey }{k}} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, k.Secret) || strings.Contains(s, fmt.Sprintf("%x", k.Secret)) {
				t.Errorf("%s of %T shows the secret", verb, v)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	many := func(n int, form string) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf(form, i))
		}
		return out
	}
	for name, c := range map[string]struct {
		change func(*strongroom.Principal)
		ok     bool
	}{
		"a person":             {func(*strongroom.Principal) {}, true},
		"a workload":           {func(p *strongroom.Principal) { p.Kind = strongroom.Workload }, true},
		"an address as a name": {func(p *strongroom.Principal) { p.Name = "zoë.müller+qa@example.org" }, true},
		"128 letters":          {func(p *strongroom.Principal) { p.Name = strings.Repeat("é", 128) }, true},
		"129 letters":          {func(p *strongroom.Principal) { p.Name = strings.Repeat("é", 129) }, false},
		"no name":              {func(p *strongroom.Principal) { p.Name = "" }, false},
		"a space":              {func(p *strongroom.Principal) { p.Name = "ines martin" }, false},
		"a line break":         {func(p *strongroom.Principal) { p.Name = "ines\n" }, false},
		"a path":               {func(p *strongroom.Principal) { p.Name = "../ines" }, false},
		"no UTF-8":             {func(p *strongroom.Principal) { p.Name = "ines\xff" }, false},
		"the house's own name": {func(p *strongroom.Principal) {
			p.Name, p.Kind = "strongroom-lifecycle", strongroom.Workload
		}, false},
		"one like the house's": {func(p *strongroom.Principal) { p.Name = "Strongroom-x" }, false},
		"the house itself":     {func(p *strongroom.Principal) { p.Name = "strongroom" }, true},
		"no kind":              {func(p *strongroom.Principal) { p.Kind = "" }, false},
		"another kind":         {func(p *strongroom.Principal) { p.Kind = "root" }, false},
		"a group":              {func(p *strongroom.Principal) { p.Groups = []string{"data-owners", "a1"} }, true},
		"a group in capitals":  {func(p *strongroom.Principal) { p.Groups = []string{"Data-owners"} }, false},
		"an empty group":       {func(p *strongroom.Principal) { p.Groups = []string{""} }, false},
		"256 groups":           {func(p *strongroom.Principal) { p.Groups = many(256, "g%d") }, true},
		"257 groups":           {func(p *strongroom.Principal) { p.Groups = many(257, "g%d") }, false},
		"an attribute": {func(p *strongroom.Principal) {
			p.Attributes = map[string][]string{"supervises": {"billing", "vente à distance"}}
		}, true},
		"an attribute's form": {func(p *strongroom.Principal) { p.Attributes = map[string][]string{"Supervises": nil} }, false},
		"a value too long":    {func(p *strongroom.Principal) { p.Attributes = map[string][]string{"a": {strings.Repeat("x", 257)}} }, false},
		"a value no UTF-8":    {func(p *strongroom.Principal) { p.Attributes = map[string][]string{"a": {"\xff"}} }, false},
		"1,024 values":        {func(p *strongroom.Principal) { p.Attributes = map[string][]string{"a": many(1024, "queue-%d")} }, true},
		"1,025 values":        {func(p *strongroom.Principal) { p.Attributes = map[string][]string{"a": many(1025, "queue-%d")} }, false},
		"more than a record": {func(p *strongroom.Principal) {
			p.Attributes = map[string][]string{"a": many(1000, strings.Repeat("x", 100)+"%d")}
		}, false},
		"escapes count as well": {func(p *strongroom.Principal) {
			p.Attributes = map[string][]string{"a": many(100, strings.Repeat("\x01", 100)+"%d")}
		}, false},
		"an alias":       {func(p *strongroom.Principal) { p.Aliases = []string{"11111111-aaaa"} }, true},
		"an empty alias": {func(p *strongroom.Principal) { p.Aliases = []string{""} }, false},
		"65 aliases":     {func(p *strongroom.Principal) { p.Aliases = many(65, "%d") }, false},
	} {
		p := strongroom.Principal{ID: strongroom.NewID(), Name: "ines.martin", Kind: strongroom.Person}
		c.change(&p)
		err := Check(&p)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("%s: a message of %d bytes", name, len(err.Error()))
		}
	}
}

// Equal principals are equal bytes, in whatever order they were written.
func TestCheckSorts(t *testing.T) {
	a := strongroom.Principal{Name: "x", Kind: strongroom.Person, Groups: []string{"b", "a", "b"}, Aliases: []string{"2", "1"},
		Attributes: map[string][]string{"q": {"z", "y", "z"}}, Expires: now.In(time.FixedZone("elsewhere", 3600))}
	b := strongroom.Principal{Name: "x", Kind: strongroom.Person, Groups: []string{"a", "b"}, Aliases: []string{"1", "2", "2"},
		Attributes: map[string][]string{"q": {"y", "z"}}, Expires: now}
	given := a.Groups
	for _, p := range []*strongroom.Principal{&a, &b} {
		if err := Check(p); err != nil {
			t.Fatal(err)
		}
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("%s is not %s", x, y)
	}
	if !reflect.DeepEqual(given, []string{"b", "a", "b"}) {
		t.Error("the caller's own slice was changed")
	}
}
