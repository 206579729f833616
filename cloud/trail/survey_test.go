package trail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// asUser and asRole say who asked, of the account in testdata.
func asUser(name, id string) func(map[string]any) {
	return func(e map[string]any) {
		e["userIdentity"] = map[string]any{"type": "IAMUser", "principalId": id, "arn": "arn:aws:iam::111122223333:user/" + name, "accountId": "111122223333", "userName": name[strings.LastIndexByte(name, '/')+1:]}
	}
}

func asRole(path, name, id, session string) func(map[string]any) {
	return func(e map[string]any) {
		e["userIdentity"] = map[string]any{"type": "AssumedRole", "principalId": id + ":" + session, "arn": "arn:aws:sts::111122223333:assumed-role/" + name + "/" + session, "accountId": "111122223333",
			"sessionContext": map[string]any{"sessionIssuer": map[string]any{"type": "Role", "principalId": id, "arn": "arn:aws:iam::111122223333:role" + path + name, "accountId": "111122223333", "userName": name}, "attributes": map[string]any{"mfaAuthenticated": "false"}}}
	}
}

var (
	ines    = asUser("staff/ines", "AIDAEXAMPLEINES00001")
	app     = asRole("/service/", "app", "AROAEXAMPLEAPP000001", "i-0a1b")
	partner = asRole("/", "partner", "AROAEXAMPLEPARTNER01", "audit")
)

// history makes events one after the other.
type history struct {
	events [][]byte
	n      int
}

func (h *history) add(who func(map[string]any), source, name string, parameters map[string]any, more ...func(map[string]any)) {
	h.n++
	n := h.n
	h.events = append(h.events, made(fmt.Sprintf("event-%d", n), func(e map[string]any) {
		e["eventSource"], e["eventName"], e["requestParameters"] = source+".amazonaws.com", name, parameters
		e["eventTime"] = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * 20 * time.Minute).Format(time.RFC3339)
		e["eventCategory"], e["readOnly"], e["sourceIPAddress"] = "Management", false, "203.0.113.7"
		delete(e, "resources")
		delete(e, "vpcEndpointId")
		who(e)
		for _, m := range more {
			m(e)
		}
	}))
}

func with(key string, v any) func(map[string]any) { return func(e map[string]any) { e[key] = v } }

// week is some work of the account in testdata.
func week() *history {
	h := &history{}
	mfa := func(e map[string]any) {
		e["userIdentity"].(map[string]any)["sessionContext"] = map[string]any{"attributes": map[string]any{"mfaAuthenticated": "true"}}
	}
	for i := range 3 {
		h.add(app, "s3", "GetObject", map[string]any{"bucketName": "calls", "key": fmt.Sprintf("2026/%d.wav", i)}, with("eventCategory", "Data"), with("readOnly", true),
			with("resources", []any{map[string]any{"type": "AWS::S3::Object", "ARN": fmt.Sprintf("arn:aws:s3:::calls/2026/%d.wav", i)}, map[string]any{"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::calls"}}))
		h.add(app, "kms", "Decrypt", nil, with("resources", []any{map[string]any{"ARN": "arn:aws:kms:eu-west-1:111122223333:key/k1"}}))
	}
	h.add(ines, "lambda", "CreateFunction20150331", map[string]any{"functionName": "rate", "role": "arn:aws:iam::111122223333:role/service/app"})
	h.add(ines, "lambda", "UpdateFunctionCode20150331v2", map[string]any{"functionName": "rate"})
	h.add(ines, "ec2", "StartInstances", map[string]any{"instancesSet": map[string]any{"items": []any{map[string]any{"instanceId": "i-0123"}}}})
	h.add(ines, "ec2", "RunInstances", map[string]any{"launchTemplate": map[string]any{"launchTemplateName": "web"}})
	h.add(ines, "iam", "ListAccessKeys", map[string]any{"userName": "ines"})
	h.add(ines, "secretsmanager", "GetSecretValue", map[string]any{"secretId": "db"}, mfa)
	h.add(ines, "secretsmanager", "GetSecretValue", map[string]any{"secretId": "other"}, with("errorCode", "AccessDeniedException"))
	h.add(ines, "s3", "GetBucketPolicy", map[string]any{"bucketName": "site"}, with("errorCode", "NoSuchBucketPolicy"))
	h.add(ines, "s3", "GetBucketPolicy", map[string]any{"bucketName": "calls"}, with("errorCode", "AccessDenied"))
	h.add(partner, "iam", "ListUsers", nil)
	h.add(asUser("old-export", "AIDAEXAMPLEGONE00001"), "s3", "ListBuckets", nil)
	h.add(func(e map[string]any) {
		e["userIdentity"] = map[string]any{"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}
	}, "sts", "AssumeRole", map[string]any{"roleArn": "arn:aws:iam::111122223333:role/service/app"})
	h.add(func(e map[string]any) {
		e["userIdentity"] = map[string]any{"type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"}
	}, "iam", "CreateUser", map[string]any{"userName": "x"})
	h.add(func(e map[string]any) {
		e["userIdentity"] = map[string]any{"type": "AWSAccount", "principalId": "AIDA:x", "accountId": "999988887777"}
	}, "s3", "GetObject", map[string]any{"bucketName": "calls", "key": "x"})
	return h
}

func loaded(t testing.TB) *account.Account {
	t.Helper()
	a, err := account.Load("testdata/account.json")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func surveyed(t testing.TB, a *account.Account, events ...[]byte) *Survey {
	t.Helper()
	s := New(a)
	if _, err := Read(t.Context(), []Place{files("events", records(events...))}, func(e *Event) error { s.Add(e); return nil }, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func decideAgain(t testing.TB, s *Survey, list []*Proposal, events ...[]byte) {
	t.Helper()
	r := s.NewReplay(list)
	if _, err := Read(t.Context(), []Place{files("events", records(events...))}, func(e *Event) error { r.Add(e); return nil }, nil); err != nil {
		t.Fatal(err)
	}
}

func TestReport(t *testing.T) {
	h := week()
	s := surveyed(t, loaded(t), h.events...)
	r := s.Report()
	by := map[string]Principal{}
	for _, p := range r.Principals {
		by[p.ARN] = p
	}
	uses := func(list []ActionUse) string {
		var out []string
		for _, u := range list {
			out = append(out, strings.TrimSuffix(fmt.Sprintf("%s×%d %s", u.Action, u.Count, u.PassedTo), " "))
		}
		return strings.Join(out, "; ")
	}
	in := by["arn:aws:iam::111122223333:user/staff/ines"]
	if got, want := uses(in.Uses), "ec2:RunInstances×1; ec2:StartInstances×1; iam:ListAccessKeys×1; iam:PassRole×1 ec2.amazonaws.com; iam:PassRole×1 lambda.amazonaws.com; lambda:CreateFunction×1; lambda:UpdateFunctionCode×1; s3:GetBucketPolicy×1; secretsmanager:GetSecretValue×1"; got != want {
		t.Errorf("ines used %s, want %s", got, want)
	}
	if got, want := uses(in.Refused), "s3:GetBucketPolicy×1; secretsmanager:GetSecretValue×1"; got != want {
		t.Errorf("ines was refused %s, want %s", got, want)
	}
	if in.Granted < 900 || in.Used != 8 || in.Never == 0 || in.Granted != in.Used+in.Never+in.Unlogged || in.Unlogged == 0 {
		t.Errorf("ines: %d granted, %d used, %d never, %d unlogged", in.Granted, in.Used, in.Never, in.Unlogged)
	}
	var unused []string
	for _, g := range in.Unused {
		unused = append(unused, g.Action)
	}
	if want := []string{"iam:GetUser", "cloudformation:*", "logs:*"}; !slices.Equal(unused, want) {
		t.Errorf("unused: %q, want %q", unused, want)
	}
	ap := by["arn:aws:iam::111122223333:role/service/app"]
	if got, want := uses(ap.Uses), "kms:Decrypt×3; s3:GetObject×3"; got != want {
		t.Errorf("app used %s, want %s", got, want)
	}
	if old := by["arn:aws:iam::111122223333:user/old-export"]; len(old.Uses) != 0 || !old.Last.IsZero() || old.Never == 0 {
		t.Errorf("what an earlier user of the name did is laid to the present one: %+v", old.Uses)
	}
	if p := by["arn:aws:iam::111122223333:role/partner"]; len(p.Unknown) != 1 || !strings.Contains(p.Unknown[0].EN, "SecurityAudit was not supplied") || uses(p.Beside) != "iam:ListUsers×1" {
		t.Errorf("partner: %v, beside %v", p.Unknown, p.Beside)
	}
	var others []string
	for _, o := range r.Others {
		others = append(others, o.Who)
	}
	slices.Sort(others)
	if want := []string{"account 999988887777", "arn:aws:iam::111122223333:user/old-export (AIDAEXAMPLEGONE00001)", "ec2.amazonaws.com", "root user"}; !slices.Equal(others, want) {
		t.Errorf("others: %q, want %q", others, want)
	}
	if w := r.Window; w.Covered != 7 || w.Hours != 7 || len(w.Gaps) != 0 || w.DataEvents["s3"] != 3 || !strings.Contains(joined(w.NotShown, " ").EN, "data events are there of s3 only, and of 1 bucket:") {
		t.Errorf("window: %+v", w)
	}
}

// TestExample holds that the files in testdata, which the documentation shows, are the week
// that the other tests are about.
func TestExample(t *testing.T) {
	place, err := Path("testdata/trail")
	if err != nil {
		t.Fatal(err)
	}
	s := New(loaded(t))
	if _, err := Read(t.Context(), []Place{place}, func(e *Event) error { s.Add(e); return nil }, nil); err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(s.Report())
	want, _ := json.Marshal(surveyed(t, loaded(t), week().events...).Report())
	if !bytes.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestWindow(t *testing.T) {
	h := &history{}
	h.add(app, "kms", "Decrypt", nil)
	h.n += 3 * 72 // three days later
	h.add(app, "kms", "Decrypt", nil)
	w := surveyed(t, loaded(t), h.events...).Report().Window
	said := joined(w.NotShown, "\n").EN
	if w.Hours != 73 || w.Covered != 2 || len(w.Gaps) != 1 || !strings.Contains(said, "71 of 73 hours have no event") || !strings.Contains(said, "no data events") || !strings.Contains(said, "no events of IAM or STS") || !strings.Contains(said, "the window is 3.0 days") {
		t.Errorf("%+v\n%s", w, said)
	}
	if w := surveyed(t, loaded(t)).Report().Window; len(w.NotShown) != 1 {
		t.Errorf("nothing at all: %+v", w)
	}
}

func proposal(t testing.TB, s *Survey, arn string, o Options) *Proposal {
	t.Helper()
	p, err := s.Propose(arn, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPropose(t *testing.T) {
	h := week()
	s := surveyed(t, loaded(t), h.events...)
	find := func(p *Proposal, effect, action string) (out []Statement) {
		for _, d := range p.Policies {
			for _, st := range d.Document.Statement {
				if st.Effect == effect && slices.Contains(st.Action, action) {
					out = append(out, st)
				}
			}
		}
		return out
	}
	has := func(p *Proposal, action string, resources ...string) {
		t.Helper()
		list := find(p, "Allow", action)
		if len(list) != 1 || !slices.Equal(list[0].Resource, resources) {
			t.Errorf("%s: %s: %+v, want on %q", p.Principal, action, list, resources)
		}
	}
	in := proposal(t, s, "arn:aws:iam::111122223333:user/staff/ines", Options{})
	has(in, "lambda:UpdateFunctionCode", "arn:aws:lambda:eu-west-1:111122223333:function:rate")
	has(in, "ec2:StartInstances", "arn:aws:ec2:eu-west-1:111122223333:instance/*")
	has(in, "ec2:RunInstances", "*")                                           // what it touched the event does not say
	has(in, "iam:PassRole", "*")                                               // the launch template may hold any role
	has(in, "iam:ListAccessKeys", "arn:aws:iam::*:user/staff/${aws:username}") // the variable stays
	has(in, "s3:GetBucketPolicy", "arn:aws:s3:::site")
	has(in, "lambda:InvokeFunction", "*") // no data events of lambda: kept
	if list := find(in, "Allow", "secretsmanager:GetSecretValue"); len(list) != 1 || list[0].Condition["Bool"]["aws:MultiFactorAuthPresent"][0] != "true" || !slices.Equal(list[0].Resource, []string{"arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-??????"}) {
		t.Errorf("the condition is lost: %+v", list)
	}
	if list := find(in, "Deny", "s3:*"); len(list) != 1 {
		t.Errorf("the denial is lost: %+v", list)
	}
	if len(find(in, "Allow", "cloudformation:*"))+len(find(in, "Allow", "cloudformation:CreateStack")) > 0 || in.GrantedAfter >= in.GrantedBefore/4 {
		t.Errorf("%d rights before, %d after", in.GrantedBefore, in.GrantedAfter)
	}
	exact := proposal(t, s, "arn:aws:iam::111122223333:user/staff/ines", Options{Exact: true, Complete: true})
	has(exact, "ec2:StartInstances", "arn:aws:ec2:eu-west-1:111122223333:instance/i-0123")
	if len(find(exact, "Allow", "lambda:InvokeFunction")) != 0 || len(exact.Unlogged) != 0 {
		t.Error("--complete keeps what was not used")
	}
	// The bucket's data events are there: reads are judged, writes that nobody did go.
	ap := proposal(t, s, "arn:aws:iam::111122223333:role/service/app", Options{})
	has(ap, "s3:GetObject", "arn:aws:s3:::calls/*")
	if len(find(ap, "Allow", "s3:DeleteObject")) != 0 {
		t.Error("a right whose use would show, and does not, is kept")
	}
	has(ap, "kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/k1")
	has(proposal(t, s, "arn:aws:iam::111122223333:role/service/app", Options{Exact: true}), "s3:GetObject", "arn:aws:s3:::calls/2026/0.wav", "arn:aws:s3:::calls/2026/1.wav", "arn:aws:s3:::calls/2026/2.wav")

	if p := proposal(t, s, "arn:aws:iam::111122223333:role/partner", Options{}); p.Nothing == nil {
		t.Errorf("proposes in the place of what nobody could read: %+v", p)
	}
	old := proposal(t, s, "arn:aws:iam::111122223333:user/old-export", Options{Complete: true})
	if old.Nothing != nil || len(old.Policies) != 0 || !strings.Contains(joined(old.Notes, " ").EN, "it used nothing") {
		t.Errorf("%+v", old)
	}
	if _, err := s.Propose("arn:aws:iam::111122223333:user/nobody", Options{}); err == nil {
		t.Error("somebody who is not there")
	}

	list := []*Proposal{in, exact, ap}
	for _, p := range list {
		decideAgain(t, s, []*Proposal{p}, h.events...)
		if p.Replayed.Refused != 0 || p.Replayed.Kept == 0 {
			t.Errorf("%s: %+v", p.Principal, p.Replayed)
		}
	}
	// A proposal that lacks something is found out.
	for i := range ap.Policies {
		d := &ap.Policies[i].Document
		d.Statement = slices.DeleteFunc(d.Statement, func(st Statement) bool { return slices.Contains(st.Action, "kms:Decrypt") })
		b, _ := json.Marshal(d)
		parsed, err := iam.Parse("x", b)
		if err != nil {
			t.Fatal(err)
		}
		ap.compiled[i] = iam.Compile(parsed)
	}
	decideAgain(t, s, []*Proposal{ap}, h.events...)
	if r := ap.Replayed; r.Refused != 3 || len(r.Examples) != 3 || r.Examples[0].Action != "kms:Decrypt" || r.Kept != 3 {
		t.Errorf("without kms:Decrypt: %+v", r)
	}

	// The account as it would be.
	after := On(loaded(t), []*Proposal{in})
	for _, u := range after.Users {
		switch {
		case u.Name == "ines" && (len(u.Groups) != 0 || len(u.Inline) != 0 || len(u.Attached) != len(in.Policies)):
			t.Errorf("ines: %+v", u)
		case u.Name == "old-export" && len(u.Attached) != 1:
			t.Errorf("old-export: %+v", u)
		}
	}
	tf := in.Terraform()
	for _, want := range []string{`resource "aws_iam_policy" "user_ines_used_1"`, `$${aws:username}`, `resource "aws_iam_user_policy_attachment" "user_ines_used_1"`, `leave group developers`} {
		if !strings.Contains(tf, want) {
			t.Errorf("the Terraform text lacks %s:\n%s", want, tf)
		}
	}
}

// TestDocumentsFit holds that documents are of a size that AWS takes, and say all.
func TestDocumentsFit(t *testing.T) {
	h := &history{}
	for i := range 400 {
		h.add(app, "s3", "GetObject", map[string]any{"bucketName": "calls", "key": fmt.Sprintf("2026/a long name of a recording %d*.wav", i)}, with("eventCategory", "Data"),
			with("resources", []any{map[string]any{"ARN": "arn:aws:s3:::calls"}, map[string]any{"ARN": fmt.Sprintf("arn:aws:s3:::calls/2026/a long name of a recording %d*.wav", i)}}))
	}
	s := surveyed(t, loaded(t), h.events...)
	p := proposal(t, s, "arn:aws:iam::111122223333:role/service/app", Options{Exact: true, Complete: true})
	n := 0
	for _, d := range p.Policies {
		b, _ := json.Marshal(d.Document)
		if len(b) > mostCharacters {
			t.Errorf("%s has %d characters", d.Name, len(b))
		}
		for _, st := range d.Document.Statement {
			n += len(st.Resource)
		}
	}
	decideAgain(t, s, []*Proposal{p}, h.events...)
	if n != 400 || p.Replayed.Refused != 0 || p.Replayed.Kept != 400 || len(p.Policies) < 3 {
		t.Errorf("%d resources in %d documents, %+v", n, len(p.Policies), p.Replayed)
	}
}

// BenchmarkSurvey reads packed events and holds each against the account: everything that
// cloud used does with an event.
func BenchmarkSurvey(b *testing.B) {
	h := week()
	var events [][]byte
	for i := range 5000 {
		events = append(events, slices.Clone(h.events[i%len(h.events)]))
	}
	for i, e := range events {
		events[i] = []byte(strings.Replace(string(e), `"eventID":"event-`, fmt.Sprintf(`"eventID":"%d-`, i), 1))
	}
	content := records(events...)
	packed := zipped(content)
	s := New(loaded(b))
	st := &stream{parser: parser{words: &words{}}}
	seen := newIDs(idsRemembered)
	b.SetBytes(int64(len(content)))
	n := 0
	for b.Loop() {
		if err := st.file(bytes.NewReader(packed), func(_ int, e *Event, err error) error {
			n++
			seen.add(e.ID)
			s.Add(e)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// TestCorpusProposals proposes for everybody in real events, over policies of several
// shapes, and holds that nothing that was used is refused.
func TestCorpusProposals(t *testing.T) {
	place, err := Path(corpus(t, "cloudtrail"))
	if err != nil {
		t.Fatal(err)
	}
	for name, statements := range map[string]string{
		"administrator":   `{"Effect":"Allow","Action":"*","Resource":"*"}`,
		"power user":      `{"Effect":"Allow","NotAction":["organizations:*","account:*"],"Resource":"*"},{"Effect":"Deny","Action":"iam:DeleteRole","Resource":"*"}`,
		"services":        `{"Sid":"A","Effect":"Allow","Action":["ec2:*","iam:*","ssm:*"],"Resource":"*"},{"Sid":"A2","Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]},{"Effect":"Allow","Action":["kms:*","secretsmanager:*"],"Resource":"arn:aws:*:*:*:*"}`,
		"with conditions": `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":["us-east-1","eu-west-1"]}}},{"Effect":"Allow","Action":["iam:*","ec2:*"],"Resource":"*","Condition":{"StringLike":{"aws:PrincipalTag/team":"red*"}}},{"Effect":"Allow","Action":"ssm:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			policy, err := iam.Parse("inline", []byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			users, roles := map[string]*account.User{}, map[string]*account.Role{}
			_, err = Read(t.Context(), []Place{place}, func(e *Event) error {
				inline := []account.Attached{{Name: "p", Policy: policy}}
				id := e.Identity
				switch {
				case id.Type == "IAMUser" && id.ARN != "" && users[id.ARN] == nil:
					users[id.ARN] = &account.User{Identity: account.Identity{ARN: id.ARN, Name: id.User, ID: id.PrincipalID, Inline: inline}}
				case id.Type == "AssumedRole" && roles[id.Issuer.ARN] == nil:
					roles[id.Issuer.ARN] = &account.Role{Identity: account.Identity{ARN: id.Issuer.ARN, Name: id.Issuer.ARN[strings.LastIndexByte(id.Issuer.ARN, '/')+1:], ID: id.Issuer.PrincipalID, Inline: inline}}
				}
				return nil
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			a := &account.Account{Partition: "aws"}
			for _, u := range users {
				a.Users = append(a.Users, u)
			}
			for _, r := range roles {
				a.Roles = append(a.Roles, r)
			}
			s := New(a)
			if _, err := Read(t.Context(), []Place{place}, func(e *Event) error { s.Add(e); return nil }, nil); err != nil {
				t.Fatal(err)
			}
			for _, o := range []Options{{}, {Exact: true}, {Complete: true}, {Exact: true, Complete: true}} {
				var list []*Proposal
				for _, h := range s.order {
					list = append(list, proposal(t, s, h.own.ARN, o))
				}
				r := s.NewReplay(list)
				if _, err := Read(t.Context(), []Place{place}, func(e *Event) error { r.Add(e); return nil }, nil); err != nil {
					t.Fatal(err)
				}
				var sum Replayed
				before, after := 0, 0
				for _, p := range list {
					if p.Nothing != nil {
						if !p.h.linked {
							t.Errorf("%s: %s", p.Principal, p.Nothing)
						}
						continue
					}
					sum.Kept += p.Replayed.Kept
					sum.Unjudged += p.Replayed.Unjudged
					sum.Beside += p.Replayed.Beside
					before += p.GrantedBefore
					after += p.GrantedAfter
					if p.Replayed.Refused > 0 {
						t.Errorf("%+v: %s: %+v", o, p.Principal, p.Replayed)
					}
				}
				t.Logf("%+v: %d principals, %d kept, %d unjudged, %d not allowed anyway; rights %d before, %d after", o, len(list), sum.Kept, sum.Unjudged, sum.Beside, before, after)
				if name == "administrator" && sum.Beside > 0 || sum.Kept == 0 || after >= before {
					t.Errorf("%+v: %+v, %d before, %d after", o, sum, before, after)
				}
			}
		})
	}
}

// TestProposalsNeverWiden makes policies and events by chance: a proposal refuses nothing
// that was used, and permits nothing that the policies did not.
func TestProposalsNeverWiden(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[rnd.IntN(len(list))] }
	some := func(list []string) []string {
		out := []string{pick(list)}
		for rnd.IntN(2) == 0 {
			out = append(out, pick(list))
		}
		return out
	}
	patterns := []string{"*", "s3:*", "s3:Get*", "s3:GetObject", "kms:*", "kms:Decrypt", "secretsmanager:GetSecretValue", "ec2:*", "ec2:StartInstances", "iam:*"}
	on := []string{"*", "arn:aws:s3:::*", "arn:aws:s3:::calls/*", "arn:aws:s3:::calls/2026/*", "arn:aws:s3:::calls", "arn:aws:s3:::c*", "arn:aws:kms:*:*:key/*", "arn:aws:kms:eu-west-1:111122223333:key/k1", "arn:aws:secretsmanager:*:*:secret:db-*", "arn:aws:ec2:*:*:instance/i-0*", "arn:aws:iam::*:user/${aws:username}"}
	conditions := []map[string]map[string][]string{nil, nil, {"StringEquals": {"aws:RequestedRegion": {"eu-west-1"}}}, {"IpAddress": {"aws:SourceIp": {"203.0.113.0/24"}}}, {"StringEquals": {"aws:PrincipalTag/team": {"red"}}}, {"Bool": {"aws:MultiFactorAuthPresent": {"false"}}}}
	for round := range 60 {
		doc := Document{Version: pick([]string{"2012-10-17", "2012-10-17", "2008-10-17"})}
		for range 1 + rnd.IntN(4) {
			st := Statement{Effect: pick([]string{"Allow", "Allow", "Allow", "Deny"}), Condition: conditions[rnd.IntN(len(conditions))]}
			if rnd.IntN(6) == 0 {
				st.NotAction = some(patterns[3:])
			} else {
				st.Action = some(patterns)
			}
			if rnd.IntN(6) == 0 {
				st.NotResource = some(on[1:])
			} else {
				st.Resource = some(on)
			}
			doc.Statement = append(doc.Statement, st)
		}
		b, _ := json.Marshal(doc)
		policy, err := iam.Parse("p", b)
		if err != nil {
			t.Fatal(err)
		}
		present := iam.Compile(policy)
		if len(present.Faults) > 0 {
			continue
		}
		a := &account.Account{ID: "111122223333", Partition: "aws", Users: []*account.User{{Identity: account.Identity{Name: "ines", ARN: "arn:aws:iam::111122223333:user/staff/ines", ID: "AIDAEXAMPLEINES00001", Inline: []account.Attached{{Name: "p", Policy: policy}}}}}}
		h := &history{}
		for range 30 {
			key := pick([]string{"2026/1.wav", "2025/x*?", "2026/${aws:username}", "a"})
			where := func(e map[string]any) {
				e["awsRegion"] = pick([]string{"eu-west-1", "us-east-1"})
				e["sourceIPAddress"] = pick([]string{"203.0.113.9", "198.51.100.1"})
			}
			switch rnd.IntN(6) {
			case 0:
				h.add(ines, "s3", pick([]string{"GetObject", "PutObject", "HeadObject"}), map[string]any{"bucketName": "calls", "key": key}, where)
			case 1:
				h.add(ines, "kms", "Decrypt", nil, where, with("resources", []any{map[string]any{"ARN": "arn:aws:kms:eu-west-1:111122223333:key/" + pick([]string{"k1", "k2"})}}))
			case 2:
				h.add(ines, "secretsmanager", "GetSecretValue", map[string]any{"secretId": pick([]string{"db", "web"})}, where)
			case 3:
				h.add(ines, "ec2", "StartInstances", map[string]any{"instancesSet": map[string]any{"items": []any{map[string]any{"instanceId": pick([]string{"i-01", "i-12"})}}}}, where)
			case 4:
				h.add(ines, "ec2", "RunInstances", nil, where)
			case 5:
				h.add(ines, "iam", "ListAccessKeys", map[string]any{"userName": pick([]string{"ines", "other"})}, where)
			}
		}
		s := surveyed(t, a, h.events...)
		for _, o := range []Options{{}, {Exact: true}, {Complete: true}, {Exact: true, Complete: true}} {
			p := proposal(t, s, "arn:aws:iam::111122223333:user/staff/ines", o)
			decideAgain(t, s, []*Proposal{p}, h.events...)
			if p.Replayed.Refused > 0 {
				t.Fatalf("round %d, %+v: %+v\nof %s\nto %s", round, o, p.Replayed, p.Present(), p.Proposed())
			}
			for range 40 {
				q := iam.Question{Principal: s.order[0].as, Action: pick([]string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "kms:Decrypt", "secretsmanager:GetSecretValue", "ec2:StartInstances", "iam:ListAccessKeys", "iam:CreateUser"})}
				q.Context.Set("aws:RequestedRegion", pick([]string{"eu-west-1", "us-east-1"}))
				q.Context.Set("aws:SourceIp", pick([]string{"203.0.113.9", "198.51.100.1"}))
				q.Context.Set("aws:MultiFactorAuthPresent")
				r := pick([]string{"*", "arn:aws:s3:::calls/2026/1.wav", "arn:aws:s3:::calls/2025/x*?", "arn:aws:s3:::calls/z", "arn:aws:s3:::other/1", "arn:aws:kms:eu-west-1:111122223333:key/k1", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf", "arn:aws:ec2:eu-west-1:111122223333:instance/i-01", "arn:aws:iam::111122223333:user/staff/ines", "arn:aws:iam::111122223333:user/ines"})
				before, after := judge(q, r, []*iam.Compiled{present}, s.order[0].owner), judge(q, r, p.compiled, s.order[0].owner)
				if after.decision == iam.Allowed && before.decision != iam.Allowed {
					t.Fatalf("round %d, %+v: %s on %s was %s and would be allowed\nof %s\nto %s", round, o, q.Action, r, before.decision, p.Present(), p.Proposed())
				}
			}
		}
	}
}
