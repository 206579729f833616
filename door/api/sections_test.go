package api_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
)

// What each section answers is what the room holds, in a room that all of them share.
func TestSections(t *testing.T) {
	s := newScene(t)
	for _, section := range []struct {
		name string
		test func(*testing.T)
	}{
		{"requests", s.requests},
		{"emergencies", s.emergencies},
		{"tickets", s.tickets},
		{"check", s.check},
		{"keys", s.keys},
		{"monitor", s.monitor},
		{"know", s.know},
		{"classify", s.classify},
		{"alert", s.alert},
		{"keep", s.keep},
		{"without engines", s.without},
	} {
		t.Run(section.name, func(t *testing.T) {
			for _, c := range []*client{&s.owner, &s.ines, &s.carol, &s.dora} {
				c.t = t
			}
			section.test(t)
		})
	}
}

func text(resp *http.Response) string {
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

type request struct {
	ID        string
	Status    string
	Quorum    int
	Approvals []struct{ Name, Comment string }
	Ended     *struct{ How, Reason string }
}

// With an approval the asker reads what they could not read before; without it not.
func (s *scene) requests(t *testing.T) {
	reads := func() error {
		p, _ := s.House.Room.PrincipalByName("carol")
		_, err := s.Get(s.callerOf(p, "complaint"), "calls", "2026/call-7.wav", 0, -1)
		return err
	}
	if reads() == nil {
		t.Fatal("carol reads without an approval")
	}
	ask := body{"bucket": "calls", "objects": []body{{"key": "2026/call-7.wav"}}, "purpose": body{"text": "complaint"}}
	var q request
	s.carol.want(http.StatusCreated, "POST", "/requests", ask, &q)
	if q.Status != "waiting" || q.Quorum != 1 {
		t.Errorf("asked: %+v", q)
	}
	var waiting struct{ Items []request }
	s.ines.want(http.StatusOK, "GET", "/requests", nil, &waiting)
	if len(waiting.Items) != 1 || waiting.Items[0].ID != q.ID {
		t.Errorf("for ines waits %+v", waiting)
	}
	s.carol.want(http.StatusForbidden, "POST", "/requests/"+q.ID+"/approve", body{}, nil)
	s.carol.want(http.StatusForbidden, "GET", "/requests?which=all", nil, nil)
	s.ines.want(http.StatusOK, "POST", "/requests/"+q.ID+"/approve", body{"comment": "hers to answer", "hold_seconds": 600}, &q)
	if q.Status != "approved" || q.Approvals[0].Name != "ines" || q.Approvals[0].Comment != "hers to answer" {
		t.Errorf("approved: %+v", q)
	}
	if err := reads(); err != nil {
		t.Errorf("with an approval: %v", err)
	}
	s.ines.want(http.StatusOK, "POST", "/requests/"+q.ID+"/refuse", body{"reason": "withdrawn by the customer"}, &q)
	if q.Status != "refused" || q.Ended.Reason != "withdrawn by the customer" || reads() == nil {
		t.Errorf("refused: %+v", q)
	}
	var p problem
	s.carol.want(http.StatusUnprocessableEntity, "POST", "/requests", body{"bucket": "calls", "objects": []body{}, "purpose": body{"text": "x"}}, &p)
	s.carol.want(http.StatusBadRequest, "POST", "/requests", body{"bucket": "calls", "objects": []body{{"key": "2026/call-7.wav"}}, "purpose": body{"text": " "}}, &p)
	s.owner.want(http.StatusUnprocessableEntity, "PUT", "/limit/bounds", body{"answer_seconds": 1, "hold_seconds": 3600}, &p)
}

func (s *scene) emergencies(t *testing.T) {
	var opening struct {
		ID     string
		Name   string
		Mended time.Time
	}
	s.ines.want(http.StatusCreated, "POST", "/break-glass", body{"reason": "police on the line", "ticket": "INC-9", "seconds": 600}, &opening)
	p, _ := s.House.Room.PrincipalByName("ines")
	if _, err := s.Get(s.callerOf(p, ""), "calls", "2026/call-8.wav", 0, -1); err != nil {
		t.Errorf("behind broken glass: %v", err)
	}
	s.owner.want(http.StatusBadRequest, "POST", "/reviews/"+opening.ID+"/done", body{"finding": "too early"}, nil)
	s.ines.want(http.StatusOK, "POST", "/break-glass/end", nil, &opening)
	if opening.Mended.IsZero() {
		t.Errorf("ended: %+v", opening)
	}
	var review struct {
		Releases int
		Acts     []struct{ Key string }
		Reviewed *struct{ Name, Finding string }
	}
	s.owner.want(http.StatusOK, "GET", "/reviews/"+opening.ID, nil, &review)
	if review.Releases != 1 || !slices.ContainsFunc(review.Acts, func(a struct{ Key string }) bool { return a.Key == "2026/call-8.wav" }) {
		t.Errorf("behind it was %+v", review)
	}
	s.ines.want(http.StatusForbidden, "POST", "/reviews/"+opening.ID+"/done", body{"finding": "all well"}, nil)
	s.owner.want(http.StatusOK, "POST", "/reviews/"+opening.ID+"/done", body{"finding": "as it should be"}, &review)
	if review.Reviewed == nil || review.Reviewed.Name != "owner" {
		t.Errorf("reviewed: %+v", review)
	}
	var open struct{ Items []any }
	s.owner.want(http.StatusOK, "GET", "/reviews", nil, &open)
	if len(open.Items) != 0 {
		t.Errorf("still to review: %v", open)
	}
}

// The secret is answered by the request that had it made, and never again.
func (s *scene) tickets(t *testing.T) {
	var set struct{ URL, Secret string }
	s.owner.want(http.StatusOK, "PUT", "/limit/tickets", body{"url": s.hook.URL + "/token-in-path"}, &set)
	if len(set.Secret) < 32 || set.URL != s.hook.URL {
		t.Errorf("set: %d bytes of secret, %s", len(set.Secret), set.URL)
	}
	if shown := text(s.owner.want(http.StatusOK, "GET", "/limit/tickets", nil, nil)); strings.Contains(shown, set.Secret) || strings.Contains(shown, "token-in-path") || !strings.Contains(shown, s.hook.URL) {
		t.Errorf("shown: %s", shown)
	}
	own := strings.Repeat("own-secret-", 4)
	if answered := text(s.owner.want(http.StatusOK, "PUT", "/limit/tickets", body{"url": s.hook.URL, "secret": own}, nil)); strings.Contains(answered, own) || strings.Contains(answered, "secret") {
		t.Errorf("answered: %s", answered)
	}
	var tried struct{ State strongroom.TicketState }
	for ticket, state := range map[string]strongroom.TicketState{"CASE-1": strongroom.TicketGood, "CASE-2": strongroom.TicketUnknown} {
		s.owner.want(http.StatusOK, "POST", "/limit/tickets/try", body{"ticket": ticket, "principal": "carol"}, &tried)
		if tried.State != state {
			t.Errorf("%s is %s", ticket, tried.State)
		}
	}
	s.owner.want(http.StatusBadRequest, "PUT", "/limit/tickets", body{"url": "http://tickets.example.com"}, nil)
	s.owner.want(http.StatusNoContent, "DELETE", "/limit/tickets", nil, nil)
}

func (s *scene) check(t *testing.T) {
	var c struct {
		Principal   string
		Stored      bool
		Decision    strongroom.Decision
		Explanation string
	}
	ask := func(query string) {
		t.Helper()
		s.owner.want(http.StatusOK, "GET", "/limit/check?"+query, nil, &c)
	}
	ask("principal=ines&bucket=calls&key=2026/call-7.wav&purpose=complaint")
	if !c.Stored || !c.Decision.Permit || !slices.Contains(c.Decision.Policies, "supervisors-replay-their-queues") || c.Explanation == "" {
		t.Errorf("%+v", c)
	}
	ask("principal=carol&bucket=calls&key=2026/call-7.wav&purpose=complaint")
	if c.Decision.Permit || !slices.Contains(c.Decision.Missing, strongroom.ObligeApproval) {
		t.Errorf("%+v", c)
	}
	english := c.Explanation
	ask("principal=carol&bucket=calls&key=2026/call-7.wav&purpose=complaint&language=fr")
	if c.Explanation == english {
		t.Errorf("in French: %s", c.Explanation)
	}
	ask("principal=carol&bucket=calls&key=new.wav&attribute=queue=sales&attribute=agent=a&purpose=complaint")
	if c.Stored || !c.Decision.Permit {
		t.Errorf("%+v", c)
	}
	ask("action=managePolicy")
	if c.Principal != "owner" || !c.Decision.Permit {
		t.Errorf("%+v", c)
	}
	s.owner.want(http.StatusNotFound, "GET", "/limit/check?principal=who", nil, nil)
	s.owner.want(http.StatusBadRequest, "GET", "/limit/check?principal=carol&bucket=calls&key=2026/call-7.wav&attribute=queue=sales", nil, nil)
}

func (s *scene) keys(t *testing.T) {
	var key struct{ ID string }
	s.owner.want(http.StatusCreated, "POST", "/keys", body{"principal": "machine", "days": 9}, &key)
	end := time.Now().Add(2 * time.Hour).UTC().Truncate(time.Second)
	s.owner.want(http.StatusOK, "PUT", "/keys/"+key.ID+"/purpose", body{"purpose": body{"text": "nightly"}, "expires": end, "per_hour": 7}, nil)
	s.owner.want(http.StatusNoContent, "POST", "/keys/"+key.ID+"/expire", body{"at": end}, nil)
	s.owner.want(http.StatusBadRequest, "POST", "/keys/"+key.ID+"/expire", body{"at": end.Add(time.Hour)}, nil)
	s.owner.want(http.StatusBadRequest, "POST", "/keys/"+key.ID+"/expire", body{"at": "0001-01-01T00:00:00Z"}, nil)
	var all struct {
		Items []struct {
			ID, State, Secret string
			Expires           time.Time
			Standing          *struct {
				PerHour int `json:"per_hour"`
			}
		}
	}
	s.owner.want(http.StatusOK, "GET", "/keys", nil, &all)
	for _, k := range all.Items {
		if k.Secret != "" {
			t.Errorf("%s is listed with its secret", k.ID)
		}
		if k.ID == key.ID && (!k.Expires.Equal(end) || k.State != "valid" || k.Standing == nil || k.Standing.PerHour != 7) {
			t.Errorf("%+v", k)
		}
	}
	s.owner.want(http.StatusOK, "PUT", "/directory", body{"allow": []string{"auditors"}}, nil)
	if shown := text(s.owner.want(http.StatusOK, "GET", "/directory", nil, nil)); !strings.Contains(shown, "auditors") {
		t.Errorf("the directory may hand out %s", shown)
	}
}

func (s *scene) monitor(t *testing.T) {
	var who struct {
		AsOf  struct{ Records, Behind int64 } `json:"as_of"`
		Items []struct {
			Name            string
			Opened, Refused int64
		}
	}
	size := s.House.Book.Head().Size
	s.owner.want(http.StatusOK, "GET", "/usage/who?bucket=calls", nil, &who)
	if who.AsOf.Records < size && who.AsOf.Behind == 0 {
		t.Errorf("as of %+v of %d", who.AsOf, size)
	}
	opened := map[string]int64{}
	for _, p := range who.Items {
		opened[p.Name] = p.Opened
	}
	if opened["owner"] != 1 || opened["carol"] == 0 || opened["ines"] != 1 {
		t.Errorf("opened in calls: %v", opened)
	}
	s.owner.want(http.StatusOK, "GET", "/usage/who?bucket=calls&refused=true", nil, &who)
	if len(who.Items) != 1 || who.Items[0].Name != "carol" || who.Items[0].Refused < 2 {
		t.Errorf("refused: %+v", who)
	}
	var what struct {
		Items []struct{ Bucket, Queue string }
	}
	s.owner.want(http.StatusOK, "GET", "/usage/what?queue=billing", nil, &what)
	if len(what.Items) == 0 || what.Items[0].Queue != "billing" {
		t.Errorf("what: %+v", what)
	}
	var when struct{ When struct{ Total int64 } }
	s.owner.want(http.StatusOK, "GET", "/usage/when?person=ines&zone=Europe/Paris", nil, &when)
	if when.When.Total == 0 {
		t.Error("ines did nothing in any hour")
	}
	var often struct {
		Items []struct {
			Who   string
			Count int64
			Peers []struct{ Group string }
		}
	}
	s.owner.want(http.StatusOK, "GET", "/usage/often?person=ines", nil, &often)
	if len(often.Items) != 1 || often.Items[0].Count != 1 || often.Items[0].Peers[0].Group != "supervisors" {
		t.Errorf("often: %+v", often)
	}
	var person struct {
		Person struct {
			Name   string
			Latest []struct{ Key string }
		}
	}
	s.owner.want(http.StatusOK, "GET", "/usage/people/ines", nil, &person)
	if person.Person.Name != "ines" || len(person.Person.Latest) == 0 || person.Person.Latest[0].Key != "2026/call-8.wav" {
		t.Errorf("person: %+v", person)
	}
	var object struct{ Items []struct{ Who string } }
	s.owner.want(http.StatusOK, "GET", "/usage/object?bucket=calls&key="+url.QueryEscape("2026/call-8.wav"), nil, &object)
	if len(object.Items) == 0 || !slices.ContainsFunc(object.Items, func(u struct{ Who string }) bool { return u.Who == "ines" }) {
		t.Errorf("object: %+v", object)
	}
	s.owner.want(http.StatusOK, "GET", "/usage/who?until=2020-01-01T00:00:00Z", nil, &who)
	if len(who.Items) != 0 {
		t.Errorf("before there was anything: %+v", who)
	}
	s.owner.want(http.StatusNotFound, "GET", "/usage/people/who", nil, nil)
	s.owner.want(http.StatusBadRequest, "GET", "/usage/when?zone=Local", nil, nil)
	s.owner.want(http.StatusBadRequest, "GET", "/usage/who?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z", nil, nil)
}

func (s *scene) know(t *testing.T) {
	var stock struct {
		Total struct{ Count, New int64 }
		Items []struct {
			Place string
			Count int64
		}
		NotLookedAt []string `json:"not_looked_at"`
	}
	s.owner.want(http.StatusOK, "GET", "/inventory?by=place", nil, &stock)
	if stock.Total.Count != 4 || stock.Total.New != 4 || len(stock.Items) != 2 || stock.Items[0].Place != "calls" || stock.Items[0].Count != 2 {
		t.Errorf("%+v", stock)
	}
	if !strings.Contains(strings.Join(stock.NotLookedAt, ";"), "share") {
		t.Errorf("a source that was never scanned is not said: %q", stock.NotLookedAt)
	}
	s.Put("texts", "chat-3.txt", []byte("one more"), nil)
	var diff struct {
		Changes []struct{ What, Place string }
	}
	s.owner.want(http.StatusOK, "GET", "/inventory/diff?since="+time.Now().UTC().Format(time.RFC3339), nil, &diff)
	if len(diff.Changes) != 1 || diff.Changes[0].Place != "texts" {
		t.Errorf("%+v", diff)
	}
	file := "version: 1\nflows:\n  - name: calls\n    from: { system: genesys-cloud, supplier: Genesys }\n    to: { bucket: calls }\n    principal: drain\n    owner: dora\n"
	s.owner.want(http.StatusOK, "PUT", "/flows", body{"name": "flows.yaml", "text": file}, nil)
	if p := text(s.owner.want(http.StatusBadRequest, "PUT", "/flows", body{"name": "flows.yaml", "text": "version: 1\nflows:\n  - nam: calls\n"}, nil)); !strings.Contains(p, "flows.yaml:3") {
		t.Errorf("a wrong file: %s", p)
	}
	if flows := text(s.owner.want(http.StatusOK, "GET", "/flows", nil, nil)); !strings.Contains(flows, `"name":"calls"`) || !strings.Contains(flows, `"principal":"owner"`) {
		t.Errorf("flows: %s", flows)
	}
	s.owner.want(http.StatusOK, "PUT", "/owners/buckets/calls", body{"owner": "dora"}, nil)
	s.owner.want(http.StatusOK, "PUT", "/owners/sources/share", body{"owner": "dora"}, nil)
	s.owner.want(http.StatusNotFound, "PUT", "/owners/sources/none", body{"owner": "dora"}, nil)
	s.owner.want(http.StatusBadRequest, "PUT", "/owners/buckets/calls", body{"owner": "machine"}, nil)
	var owners struct {
		Items []struct{ What, Name, Owner string }
	}
	s.owner.want(http.StatusOK, "GET", "/owners", nil, &owners)
	got := map[string]string{}
	for _, o := range owners.Items {
		got[o.What+" "+o.Name] = o.Owner
	}
	if got["bucket calls"] != "dora" || got["source share"] != "dora" || got["flow calls"] != "dora" || got["bucket texts"] != "" || len(got) != 4 {
		t.Errorf("owners: %v", got)
	}
	if sources := text(s.owner.want(http.StatusOK, "GET", "/sources", nil, nil)); !strings.Contains(sources, "file:///srv/share") {
		t.Errorf("sources: %s", sources)
	}
}

func (s *scene) classify(t *testing.T) {
	var run struct {
		ID, State string
		Found     map[string]int64
	}
	s.owner.want(http.StatusAccepted, "POST", "/classifications", body{"bucket": "texts"}, &run)
	for range 200 {
		if s.owner.want(http.StatusOK, "GET", "/classifications/"+run.ID, nil, &run); run.State == "done" || run.State == "failed" {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if run.State != "done" || len(run.Found) == 0 {
		t.Fatalf("%+v", run)
	}
	var label struct {
		Label     strongroom.Label
		Labelling *struct{ By, Reason string }
	}
	s.owner.want(http.StatusOK, "GET", "/buckets/texts/label?key=chat-1.txt", nil, &label)
	if !slices.Contains(label.Label.Classes, "card") || label.Labelling == nil || label.Labelling.By != "strongroom-classifier" {
		t.Errorf("%+v", label)
	}
	var p problem
	s.owner.want(http.StatusForbidden, "PUT", "/buckets/texts/label?key=chat-1.txt", body{"confidential": false, "reason": "published"}, &p)
	if !slices.Contains(p.Missing, "approval") {
		t.Errorf("%+v", p)
	}
	s.owner.want(http.StatusOK, "PUT", "/buckets/texts/label?key=chat-1.txt", body{"classes": append(label.Label.Classes, "health"), "reason": "a diagnosis"}, &label)
	if !slices.Contains(label.Label.Classes, "health") || label.Labelling.Reason != "a diagnosis" {
		t.Errorf("%+v", label)
	}
	s.owner.want(http.StatusBadRequest, "PUT", "/buckets/texts/label?key=chat-1.txt", body{"reason": "nothing"}, nil)
	s.owner.want(http.StatusNotFound, "GET", "/classifications/"+strongroom.NewID().String(), nil, nil)
}

// What is secret of a channel goes in and never comes out.
func (s *scene) alert(t *testing.T) {
	secret := strings.Repeat("channel-secret-", 3)
	add := body{"name": "soc", "kind": "webhook", "url": s.hook.URL + "/hooks/hidden", "secret": secret}
	said := text(s.owner.want(http.StatusCreated, "POST", "/alerting/channels", add, nil))
	s.owner.want(http.StatusConflict, "POST", "/alerting/channels", add, nil)
	s.owner.want(http.StatusUnprocessableEntity, "POST", "/alerting/channels", body{"name": "x", "kind": "pigeon"}, nil)
	said += text(s.owner.want(http.StatusOK, "GET", "/alerting/channels", nil, nil))
	posted := s.posted.Load()
	var test struct{ Deliveries []struct{ State string } }
	s.owner.want(http.StatusOK, "POST", "/alerting/test", body{"wait_seconds": 20}, &test)
	if len(test.Deliveries) != 1 || test.Deliveries[0].State != "sent" || s.posted.Load() == posted {
		t.Errorf("%+v, posted %d", test, s.posted.Load()-posted)
	}
	id := s.alerted(t, "break-glass")
	said += text(s.owner.want(http.StatusOK, "GET", "/alerts/"+id.String(), nil, nil))
	if !strings.Contains(said, "ines") || !strings.Contains(said, `"evidence"`) {
		t.Errorf("%s", said)
	}
	var a struct {
		State        string
		Acknowledged struct{ By, Note string }
	}
	s.dora.want(http.StatusOK, "POST", "/alerts/"+id.String()+"/acknowledge", body{"note": "it was reviewed"}, &a)
	if a.State != "acknowledged" || a.Acknowledged.By != "dora" {
		t.Errorf("%+v", a)
	}
	s.owner.want(http.StatusConflict, "POST", "/alerts/"+id.String()+"/acknowledge", body{}, nil)
	said += text(s.owner.want(http.StatusOK, "PUT", "/alerting/rota", body{"text": "people:\n  - {name: dora, channels: [soc]}\nlevels:\n  - people: [dora]\n"}, nil))
	said += text(s.owner.want(http.StatusBadRequest, "PUT", "/alerting/rota", body{"text": "people:\n  - {name: who, channels: [soc]}\nlevels:\n  - people: [who]\n"}, nil))
	var duty struct {
		Levels []struct{ Targets []struct{ Person string } }
	}
	said += text(s.owner.want(http.StatusOK, "GET", "/alerting/rota", nil, &duty))
	if len(duty.Levels) != 1 || duty.Levels[0].Targets[0].Person != "dora" {
		t.Errorf("%+v", duty)
	}
	s.owner.want(http.StatusBadRequest, "PUT", "/alerting/conditions", body{"text": "conditions: 7"}, nil)
	s.owner.want(http.StatusOK, "PUT", "/alerting/conditions", body{"text": "conditions:\n  - {id: first-touch, off: true}\n"}, nil)
	var conditions struct {
		Items []struct {
			ID  string
			Off bool
		}
	}
	s.owner.want(http.StatusOK, "GET", "/alerting/conditions", nil, &conditions)
	for _, c := range conditions.Items {
		if c.Off != (c.ID == "first-touch") {
			t.Errorf("%+v", c)
		}
	}
	if strings.Contains(said, secret) || strings.Contains(said, "hidden") {
		t.Errorf("a secret came out: %s", said)
	}
	s.owner.want(http.StatusNoContent, "DELETE", "/alerting/channels/soc", nil, nil)
}

func (s *scene) keep(t *testing.T) {
	var hold struct {
		ID     string
		Lifted *struct{ Reason string }
	}
	s.owner.want(http.StatusCreated, "POST", "/holds", body{"attribute": "customer", "value": "4711", "matter": "2026/118", "reason": "a claim", "two_people": true}, &hold)
	var holds struct {
		All   struct{ Versions int64 }
		Items []struct {
			ID       string
			Versions int64
		}
	}
	s.owner.want(http.StatusOK, "GET", "/holds", nil, &holds)
	if len(holds.Items) != 1 || holds.Items[0].Versions != 1 || holds.All.Versions != 1 {
		t.Errorf("%+v", holds)
	}
	s.owner.want(http.StatusOK, "POST", "/holds/"+hold.ID+"/lift", body{"reason": "settled"}, &hold)
	if hold.Lifted != nil {
		t.Error("one person lifted what takes two")
	}
	s.dora.want(http.StatusOK, "POST", "/holds/"+hold.ID+"/lift", body{"reason": "settled, indeed"}, &hold)
	if hold.Lifted == nil || hold.Lifted.Reason != "settled, indeed" {
		t.Errorf("%+v", hold)
	}
	s.owner.want(http.StatusOK, "PUT", "/retention/calls", body{"bucket": "calls", "maximum": "1d", "basis": "the contract", "reason": "as decided"}, nil)
	s.owner.want(http.StatusBadRequest, "PUT", "/retention/calls", body{"bucket": "calls", "maximum": "soon", "basis": "x"}, nil)
	if rules := text(s.owner.want(http.StatusOK, "GET", "/retention", nil, nil)); !strings.Contains(rules, `"maximum":"1d"`) {
		t.Errorf("%s", rules)
	}
	var calendar struct {
		Versions int64
		Items    []struct{ When, Bucket, Rule string }
	}
	s.owner.want(http.StatusOK, "GET", "/calendar?bucket=calls&by_day=true", nil, &calendar)
	if calendar.Versions != 2 || calendar.Items[0].Rule != "calls" || len(calendar.Items[0].When) != len("2026-01-01") {
		t.Errorf("%+v", calendar)
	}
	var due struct {
		Dry  bool
		Done int64
	}
	s.owner.want(http.StatusOK, "GET", "/lifecycle/due?at="+time.Now().AddDate(0, 0, 9).UTC().Format(time.RFC3339), nil, &due)
	if !due.Dry || due.Done != 2 {
		t.Errorf("%+v", due)
	}
	if _, err := s.Get(s.Owner, "calls", "2026/call-7.wav", 0, -1); err != nil {
		t.Errorf("asking what is due deleted it: %v", err)
	}
	s.owner.want(http.StatusNoContent, "DELETE", "/retention/calls", nil, nil)
}
