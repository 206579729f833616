package ways

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"strongroom/cloud/account/draft"
	"strongroom/cloud/reach"
)

// TestLogon: yes only where each way on each server is closed and nothing that would list
// further servers is missing.
func TestLogon(t *testing.T) {
	content := home + "role/content"
	server := func(id string, status reach.Status) reach.Server {
		way := reach.LogonWay{Rule: "ssm-session", Title: reach.Text{EN: "A session by Systems Manager", FR: "Une session"}, Status: status, Why: text("why")}
		switch status {
		case reach.Open:
			way.Who = []reach.Taker{{Principal: home + "user/eve\u202e<script>", Certainty: reach.Possible}}
		case reach.NotKnown:
			way.Missing = []string{"managed-instances"}
		}
		return reach.Server{ARN: "arn:aws:ec2:eu-west-1:111122223333:instance/" + id, Kind: "ec2:instance", Role: content, Declared: true, Shell: status, Why: text("because of " + id), Ways: []reach.LogonWay{way}}
	}
	whole := draft.New("111122223333").Load(t)
	for name, c := range map[string]struct {
		servers []reach.Server
		partly  bool
		want    reach.Status
		says    string
	}{
		"all closed":    {[]reach.Server{server("i-1", reach.Closed), server("i-2", reach.Closed)}, false, reach.Closed, "YES, because: of 2 servers, without any way to log on: 2"},
		"one open":      {[]reach.Server{server("i-1", reach.Closed), server("i-2", reach.Open)}, false, reach.Open, "NO, because: of 2 servers"},
		"one not known": {[]reach.Server{server("i-1", reach.NotKnown)}, false, reach.NotKnown, "NOT KNOWN"},
		"none":          {nil, false, reach.Closed, "YES, because: no server was found"},
		"none listed":   {nil, true, reach.NotKnown, "what is missing may hide one"},
		"more unlisted": {[]reach.Server{server("i-1", reach.Closed)}, true, reach.NotKnown, "what would list further servers was not supplied"},
		"a thing without ways to log on": {[]reach.Server{{ARN: "arn:aws:cloudformation:eu-west-1:111122223333:stack/s/1", Kind: "cloudformation:stack", Role: content, Shell: reach.Closed}}, false, reach.Closed,
			"no server was found"},
	} {
		a := whole
		if c.partly {
			a = load(t, details)
		}
		r := &reach.Result{Account: "111122223333", Logon: c.servers}
		for _, s := range c.servers {
			for _, w := range s.Ways {
				r.Missing = append(r.Missing, w.Missing...)
			}
		}
		out := NewLogon(a, r, []string{content})
		if out.Without != c.want {
			t.Errorf("%s: %v, not %v; %v", name, out.Without, c.want, out.Unlisted)
		}
		for _, lang := range Languages {
			var b, page bytes.Buffer
			if err := out.WriteText(&b, TextOptions{Lang: lang, Top: 20}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(strings.Fields(b.String()), " "); lang == "en" && !strings.Contains(got, c.says) {
				t.Errorf("%s does not say %q: %s", name, c.says, got)
			}
			if err := out.WriteHTML(&page, lang); err != nil {
				t.Fatal(err)
			}
			if got := page.String(); strings.Contains(got, "<script") || strings.Contains(got, "\u202e") || !strings.Contains(got, "style-src &#39;sha256-") && !strings.Contains(got, "style-src 'sha256-") {
				t.Errorf("%s: the page has a name as markup, or no policy", name)
			}
		}
	}
}

// logonPage is a page with a server of each kind.
func logonPage(t *testing.T, lang string) string {
	t.Helper()
	var servers []reach.Server
	for i, status := range []reach.Status{reach.Open, reach.NotKnown, reach.Closed} {
		servers = append(servers, reach.Server{ARN: fmt.Sprintf("arn:aws:ec2:eu-west-1:111122223333:instance/i-%d", i), Kind: "ec2:instance", Role: home + "role/content", Shell: status, Why: text("because"), Ways: []reach.LogonWay{
			{Rule: "ssm-session", Title: text("A session by Systems Manager"), Status: status, Why: text("because"), Missing: []string{"managed-instances"}},
			{Rule: "ssh-open", Title: text("An open port and a key pair"), Status: reach.Closed, Why: text("nobody")}}})
	}
	var b bytes.Buffer
	if err := NewLogon(load(t, details), &reach.Result{Account: "111122223333", Logon: servers, Missing: []string{"managed-instances"}}, []string{home + "role/content"}).WriteHTML(&b, lang); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
