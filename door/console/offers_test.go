package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"strongroom"
	"strongroom/vault"
)

// Who looks and may not act is offered nothing that is then refused.
func TestAuditorIsOfferedWhatTheyMay(t *testing.T) {
	p, h := served(t)
	stocked(t, p)
	owner, auditor := p.logon(t), p.invited(t, strongroom.Principal{Name: "amelia.brown", Groups: []string{"auditors"}}, 3)
	for _, c := range []struct {
		at, offer, path string
		method          string
		form            url.Values
	}{
		{"/inventory", `name="what" value="bucket"`, "/inventory/owner", http.MethodPost, url.Values{"what": {"bucket"}, "name": {"documents"}, "owner": {"amelia.brown"}}},
		{"/access", `href="/access/unused"`, "/access/unused", http.MethodGet, nil},
	} {
		if got, page := asked(h, owner, http.MethodGet, c.at, nil); got.StatusCode != http.StatusOK || !strings.Contains(page, c.offer) {
			t.Errorf("%s answers an owner %s, and does not offer %s", c.at, got.Status, c.offer)
		}
		if got, page := asked(h, auditor, http.MethodGet, c.at, nil); got.StatusCode != http.StatusOK || strings.Contains(page, c.offer) {
			t.Errorf("%s answers an auditor %s, and offers %s", c.at, got.Status, c.offer)
		}
		if got, _ := asked(h, auditor, c.method, c.path, c.form); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s answers an auditor %s", c.path, got.Status)
		}
	}
}

// An empty room says what to do first, until something is there.
func TestEmptyRoomSaysWhatToDo(t *testing.T) {
	p, h := served(t)
	l := p.logon(t)
	today := func() string { _, page := asked(h, l, http.MethodGet, "/", nil); return page }
	if page := today(); !strings.Contains(page, "Store the first recordings") || !strings.Contains(page, "strongroom intake check") || strings.Contains(page, "Find a recording") {
		t.Errorf("an empty room's page says:\n%s", page)
	}
	p.Bucket("calls")
	p.Put("calls", "k.wav", []byte("RIFF"), nil)
	if page := today(); strings.Contains(page, "Store the first recordings") || !strings.Contains(page, "Find a recording") {
		t.Errorf("a room with a recording says:\n%s", page)
	}
	agent := p.invited(t, strongroom.Principal{Name: "tom.keller", Groups: []string{"agents"}}, 4)
	if _, err := p.House.Room.Delete(t.Context(), p.Owner, "calls", []vault.DeleteRequest{{Key: "k.wav"}}); err != nil {
		t.Fatal(err)
	}
	if _, page := asked(h, agent, http.MethodGet, "/", nil); strings.Contains(page, "Store the first recordings") {
		t.Error("somebody who cannot store is told to")
	}
}

// What there is not, and what another site sent, is said in the reader's language, and as one
// sentence; commands are for terminals.
func TestErrorsAreSaid(t *testing.T) {
	p, h := served(t)
	l := p.logon(t)
	nobodys := strongroom.NewID().String()
	for _, at := range []string{"/requests/" + nobodys, "/requests/x", "/recordings/x"} {
		got, page := asked(h, l, http.MethodGet, at, nil)
		if got.StatusCode != http.StatusNotFound || !strings.Contains(page, "nothing that you may see.<") || strings.Contains(page, "strongroom limit") {
			t.Errorf("%s answers %s:\n%s", at, got.Status, page)
		}
	}
	r := request(http.MethodPost, "/logoff", "x=1")
	r.Header.Set("Origin", "https://evil.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Accept-Language", "fr")
	if got, page := answer(h, r); got.StatusCode != http.StatusForbidden || !strings.Contains(page, "rien n’a été fait") {
		t.Errorf("a form of another site answers %s:\n%s", got.Status, page)
	}
}

// What was approved opens for the reason that was given: the page has it filled in.
func TestReasonIsFilledIn(t *testing.T) {
	p, h := served(t)
	p.Bucket("calls")
	o := p.Put("calls", "k.wav", []byte("RIFF"), map[string]string{"strongroom-kind": "call", "strongroom-queue": "billing"})
	base, err := p.House.Room.PolicyBase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	finds := "\n@id(\"supervisors-find-everything\") permit (principal in Group::\"supervisors\", action == Action::\"readMetadata\", resource is Object);\n"
	if _, err := p.House.Room.PutPolicy(t.Context(), p.Owner, append(base, finds...)); err != nil {
		t.Fatal(err)
	}
	ines := p.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"claims"}}})
	l, at := p.logonAs(t, "ines.martin"), "/recordings/"+o.Version.String()
	q, err := p.House.Room.RequestAccess(t.Context(), ines, vault.AccessRequest{Bucket: "calls", Objects: []vault.ObjectName{{Key: "k.wav"}}, Purpose: strongroom.Purpose{Text: "Complaint <12>", Ticket: "CASE-12"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, page := asked(h, l, http.MethodGet, at, nil); strings.Contains(page, `action="`+at+`/open"`) {
		t.Fatal("it is offered before anybody approved")
	}
	if _, err := p.House.Room.Approve(t.Context(), p.Owner, q.ID, "", 0); err != nil {
		t.Fatal(err)
	}
	_, page := asked(h, l, http.MethodGet, at, nil)
	if !strings.Contains(page, ">Complaint &lt;12&gt;</textarea>") || !strings.Contains(page, `value="CASE-12"`) {
		t.Errorf("the page has no reason filled in:\n%s", page)
	}
	if got, page := asked(h, l, http.MethodPost, at+"/open", url.Values{"purpose": {"Complaint <12>"}, "ticket": {"CASE-12"}}); got.StatusCode != http.StatusSeeOther {
		t.Errorf("opening for it answers %s:\n%s", got.Status, page)
	}
}
