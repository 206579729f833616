package console

import (
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"strongroom/know"
)

// wellFormed reads a picture as XML, and answers what stands in it as text.
func wellFormed(t *testing.T, picture template.HTML) string {
	t.Helper()
	var text strings.Builder
	d := xml.NewDecoder(strings.NewReader(string(picture)))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return text.String()
		} else if err != nil {
			t.Fatalf("the picture is not well formed: %v\n%s", err, picture)
		}
		switch token := token.(type) {
		case xml.CharData:
			text.Write(token)
		case xml.StartElement:
			for _, a := range token.Attr {
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
					t.Errorf("the picture has the attribute %s", a.Name.Local)
				}
			}
			if token.Name.Local == "script" || token.Name.Local == "style" || token.Name.Local == "image" {
				t.Errorf("the picture has the element %s", token.Name.Local)
			}
		}
	}
}

// Whatever something is called, a picture of it stays a picture.
func FuzzDrawing(f *testing.F) {
	f.Add("billing", int64(5), int64(9))
	f.Add(`"><script>alert(1)</script>`, int64(0), int64(0))
	f.Add("\u202e\u2066x\x00\xff]]>&amp;", int64(-1), int64(1<<62))
	f.Add(strings.Repeat("long ", 100), int64(999_999), int64(1))
	f.Fuzz(func(t *testing.T, name string, n, most int64) {
		m := heatMap{lang: french, name: "map", title: name, description: name, left: 140, top: 96, cell: 30, slant: true, columns: []string{name, ""}, rows: []string{name}, most: most,
			at: func(r, c int) heatCell {
				return heatCell{n, []string{"more", "less", "new", ""}[uint64(n)%4], name, "c0-0"}
			}}
		text := wellFormed(t, m.draw())
		v := &visit{page: &page{Lang: english}}
		end := know.End{System: name, Supplier: name}
		text += wellFormed(t, v.drawFlows([]know.Joined{
			{State: know.SeenOnly, Flow: know.Flow{Name: name, From: end, To: know.End{Bucket: name}}}, {State: know.NotSeen, Flow: know.Flow{From: know.End{Bucket: name}, To: end}},
			{State: know.Quiet, Flow: know.Flow{From: know.End{Source: name}, To: know.End{Source: name}, Via: name}}, {Flow: know.Flow{From: know.End{Bucket: name}, To: know.End{Bucket: name}}},
		}, map[string]int{name: 3}))
		text += wellFormed(t, (&bars{lang: english, name: "b", title: name, up: []int64{max(0, n), 1}, down: []int64{0, max(0, most)}, labels: []string{name, ""}, says: []string{name, name}}).draw())
		for _, c := range text {
			if !unicode.IsPrint(c) && c != '\u202f' && c != '\u00a0' {
				t.Errorf("%q shows what cannot be seen: %q", name, c)
			}
		}
	})
}

// Whatever stands in an address, a page's own links hold only what the page knows.
func FuzzAccessQuery(f *testing.F) {
	f.Add("by=class&weeks=13&of=refused&at=abc-1&before=7")
	f.Add("by=%22%3E&weeks=-1&at=../x&before=99999999999999999999&of=")
	f.Fuzz(func(t *testing.T, query string) {
		asked, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		q := readAccessQuery(asked)
		link := string(q.With("by", "hours").With("weeks", 1).Link())
		if strings.Trim(link, "abcdefghijklmnopqrstuvwxyz0123456789=&-") != "" || q.Weeks < 1 || q.Weeks > 13 || q.Before < 0 {
			t.Errorf("%q gives %+v and %q", query, q, link)
		}
	})
}
