package console

import (
	"testing"
	"time"

	"strongroom"
	"strongroom/vault"
)

// Whatever a form says, it is a search that makes sense, or wrong in a way that has words.
func FuzzSearchForm(f *testing.F) {
	f.Add("2026-08-03", "2026-08-03", "0,5", "2.5")
	f.Add("", "2026-03-29", "", "1e3")
	f.Add("1969-12-31", "9999-01-01", "-1", "NaN")
	f.Add("2026-02-30", "x", "Inf", "0x1p4")
	f.Fuzz(func(t *testing.T, from, to, shortest, longest string) {
		q, wrong := searchForm{From: from, To: to, Shortest: shortest, Longest: longest}.request(zoneOf("Europe/Paris"))
		if wrong != "" {
			if !known(wrong) {
				t.Errorf("there are no words for %s", wrong)
			}
			return
		}
		if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) || q.Shortest < 0 || q.Longest < 0 || q.Longest > 0 && q.Longest < q.Shortest || q.Longest > 7*24*time.Hour {
			t.Errorf("%q to %q, %q to %q is taken as %+v", from, to, shortest, longest, q)
		}
	})
}

// Searches are kept for their session, for a time, and never without end.
func TestSearchesAreKept(t *testing.T) {
	s := searches{most: 400}
	now := time.Now()
	keep := func(session, text string) strongroom.ID {
		return s.keep(kept{by: strongroom.NewID(), session: session, at: now, asked: vault.SearchRequest{Text: text}})
	}
	mine := keep("a", "one")
	if k, ok := s.find(mine, "a", now); !ok || k.asked.Text != "one" {
		t.Errorf("it is kept as %+v, %t", k, ok)
	}
	for name, ok := range map[string]bool{
		"another session": func() bool { _, ok := s.find(mine, "b", now); return ok }(),
		"too late":        func() bool { _, ok := s.find(mine, "a", now.Add(searchLife)); return ok }(),
		"never made":      func() bool { _, ok := s.find(strongroom.NewID(), "a", now); return ok }(),
	} {
		if ok {
			t.Errorf("%s finds it", name)
		}
	}
	theirs := keep("b", "two")
	for range searchesInSession {
		keep("a", "more")
	}
	if _, ok := s.find(mine, "a", now); ok {
		t.Error("one session keeps searches without end")
	}
	if _, ok := s.find(theirs, "b", now); !ok {
		t.Error("one session's searches take the place of another's")
	}
	for range 2 * s.most {
		keep(strongroom.NewID().String(), "flood")
	}
	if len(s.kept) != s.most || len(s.order) != s.most {
		t.Errorf("%d and %d are kept", len(s.kept), len(s.order))
	}
	me := strongroom.NewID()
	for i := range 2 * searchesOfEach {
		s.keep(kept{by: me, session: string(rune('a' + i%20)), at: now})
	}
	own := 0
	for _, k := range s.kept {
		if k.by == me {
			own++
		}
	}
	if own != searchesOfEach || len(s.kept) != s.most {
		t.Errorf("somebody with many sessions keeps %d searches of %d", own, len(s.kept))
	}
}

// Refusals are told in both languages, with all that would lift them.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		e      strongroom.Error
		en, fr string
	}{
		{strongroom.Error{Kind: strongroom.KindDenied, Message: "policy does not permit this"}, "The room’s policy does not permit this to you.", "La politique de la salle ne vous le permet pas."},
		{strongroom.Error{Kind: strongroom.KindDenied, Missing: []strongroom.Obligation{strongroom.ObligePurpose}}, "This needs a purpose.", "Il faut pour cela un motif."},
		{
			strongroom.Error{Kind: strongroom.KindDenied, Missing: []strongroom.Obligation{strongroom.ObligePurpose, strongroom.ObligeTicket, strongroom.ObligeApprovals(2)}},
			"This needs a purpose, a ticket that is open and yours and the approval of 2 other people.", "Il faut pour cela un motif, un ticket ouvert à votre nom et l’accord de 2 autres personnes.",
		},
		{strongroom.Error{Kind: strongroom.KindDenied, Message: "this account is suspended; ask whoever manages accounts here"}, "Your account is suspended. Ask whoever manages people here.", "Votre compte est suspendu. Adressez-vous aux personnes chargées des accès."},
		{strongroom.Error{Kind: strongroom.KindDenied, Message: "something else"}, "", ""},
		{strongroom.Error{Kind: strongroom.KindInvalid, Message: "policy does not permit this"}, "", ""},
	} {
		if en, fr := refusal(english, &c.e), refusal(french, &c.e); en != c.en || fr != c.fr {
			t.Errorf("%+v is told as %q and %q", c.e, en, fr)
		}
	}
}
