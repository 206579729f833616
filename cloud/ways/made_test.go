package ways

import (
	"bytes"
	"strings"
	"testing"

	"strongroom/cloud/account/draft"
	"strongroom/cloud/reach"
)

// TestNewPrincipalsAreTold: a role that is not there, and that somebody may make, is told as a
// new one in every form, and those who make theirs by other names go the same way.
func TestNewPrincipalsAreTold(t *testing.T) {
	d := draft.New("111122223333").Bucket("calls")
	for _, team := range []string{"dev", "ops"} {
		d.User(team).Inline("p", draft.Policy(draft.Allow("iam:CreateRole iam:PutRolePolicy", "arn:aws:iam::111122223333:role/"+team+"-*")))
	}
	a := d.Load(t)
	res, err := reach.Analyze(a, reach.Question{Buckets: []string{"calls"}})
	if err != nil {
		t.Fatal(err)
	}
	r := New(a, res)
	var way *Way
	for i := range r.Ways {
		if r.Ways[i].Chain.Steps[0].Rule == "new-role" {
			if way != nil {
				t.Error("the same way is told twice")
			}
			way = &r.Ways[i]
		}
	}
	if way == nil || len(way.Who) != 2 || way.Chain.Steps[0].To != (reach.Node{Kind: reach.AtNew, ARN: "arn:aws:iam::111122223333:role/dev-new"}) {
		t.Fatalf("the way is %+v", way)
	}
	for lang, want := range map[string]struct{ step, name string }{
		"en": {"acts as a new role that it makes, such as dev-new", "a new role"},
		"fr": {"agit sous un nouveau rôle qu’il crée, par exemple dev-new", "un nouveau rôle"},
	} {
		text := strings.Join(strings.Fields(printed(t, r, TextOptions{Lang: lang})), " ")
		var page, sarif bytes.Buffer
		if err := r.WriteHTML(&page, lang); err != nil {
			t.Fatal(err)
		}
		if err := r.WriteSARIF(&sarif, lang, nil); err != nil {
			t.Fatal(err)
		}
		for form, got := range map[string]string{"text": text, "page": page.String(), "SARIF": sarif.String()} {
			if !strings.Contains(got, want.step) {
				t.Errorf("%s, %s: it does not say %q", lang, form, want.step)
			}
		}
		for form, got := range map[string]string{"picture": r.Picture(lang).SVG(), "page": page.String(), "SARIF": sarif.String()} {
			if strings.Contains(got, ">role dev-new<") || strings.Contains(got, ">rôle dev-new<") || !strings.Contains(got, ">"+want.name+"<") && !strings.Contains(got, `"`+want.name+`"`) {
				t.Errorf("%s, %s: it does not name %s", lang, form, want.name)
			}
		}
	}
}
