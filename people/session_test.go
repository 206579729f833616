package people

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
)

func TestNewSession(t *testing.T) {
	p := strongroom.NewID()
	k, token := NewSession(p, now, time.Hour, Session{Parent: "SRPARENT", Purpose: strongroom.Purpose{Text: "complaint"}})
	again, other := NewSession(p, now, time.Hour, Session{})
	if !strings.HasPrefix(k.ID, "SS") || len(k.ID) != 20 || k.ID == again.ID || token == other || !k.Expires.Equal(now.Add(time.Hour)) || k.Principal != p {
		t.Errorf("the session is %+v", k.Session)
	}
	if raw, err := base64.StdEncoding.DecodeString(token); err != nil || len(raw) != 48 {
		t.Errorf("the token has %d characters, %v", len(token), err)
	}
	if k.Session.Token != TokenHash(token) || len(k.Session.Token) != 64 || k.Session.Parent != "SRPARENT" || k.Session.Purpose.Text != "complaint" {
		t.Errorf("what is kept is %+v", k.Session)
	}
	if said := fmt.Sprintf("%v %+v %s", k, k, k); strings.Contains(said, k.Secret) || strings.Contains(said, k.Session.Token) {
		t.Errorf("printing it tells %s", said)
	}
}

func TestCheckPurpose(t *testing.T) {
	for _, c := range []struct {
		p  strongroom.Purpose
		ok bool
	}{
		{strongroom.Purpose{}, true},
		{strongroom.Purpose{Text: strings.Repeat("x", 512), Ticket: strings.Repeat("x", 128)}, true},
		{strongroom.Purpose{Text: "réclamation 50%"}, true},
		{strongroom.Purpose{Text: strings.Repeat("x", 513)}, false},
		{strongroom.Purpose{Ticket: strings.Repeat("x", 129)}, false},
		{strongroom.Purpose{Text: "a\nb"}, false},
		{strongroom.Purpose{Ticket: "\x00"}, false},
		{strongroom.Purpose{Text: "\xff"}, false},
	} {
		if err := CheckPurpose(c.p); (err == nil) != c.ok {
			t.Errorf("%.20q, %.20q: %v", c.p.Text, c.p.Ticket, err)
		}
	}
}

func TestCheckStanding(t *testing.T) {
	good := Standing{Purpose: strongroom.Purpose{Text: "transcription"}, Expires: now.Add(time.Hour), PerHour: 1}
	for name, c := range map[string]struct {
		change func(*Standing)
		ok     bool
	}{
		"as it should be":     {func(*Standing) {}, true},
		"for a year":          {func(s *Standing) { s.Expires = now.Add(MaxStanding) }, true},
		"for longer":          {func(s *Standing) { s.Expires = now.Add(MaxStanding + time.Second) }, false},
		"over already":        {func(s *Standing) { s.Expires = now }, false},
		"for ever":            {func(s *Standing) { s.Expires = time.Time{} }, false},
		"without a purpose":   {func(s *Standing) { s.Purpose = strongroom.Purpose{Ticket: "T"} }, false},
		"two lines":           {func(s *Standing) { s.Purpose.Text = "a\nb" }, false},
		"without a rate":      {func(s *Standing) { s.PerHour = 0 }, false},
		"with too high a one": {func(s *Standing) { s.PerHour = MaxPerHour + 1 }, false},
	} {
		s := good
		c.change(&s)
		if err := CheckStanding(s, now); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckProvider(t *testing.T) {
	for _, c := range []struct {
		issuer    string
		audiences []string
		claim     string
		ok        bool
	}{
		{"https://login.example.com", []string{"b", "a", "b"}, "sub", true},
		{"https://login.example.com/realms/x/", []string{"a"}, "email", true},
		{"http://127.0.0.1:8080", []string{"a"}, "preferred_username", true},
		{"http://[::1]:8080", []string{"a"}, "sub", true},
		{"http://localhost", []string{"a"}, "sub", true},
		{"http://login.example.com", []string{"a"}, "sub", false},
		{"http://127.0.0.1.example.com", []string{"a"}, "sub", false},
		{"ftp://127.0.0.1", []string{"a"}, "sub", false},
		{"login.example.com", []string{"a"}, "sub", false},
		{"https://", []string{"a"}, "sub", false},
		{"https://user:secret@login.example.com", []string{"a"}, "sub", false},
		{"https://login.example.com?a=b", []string{"a"}, "sub", false},
		{"https://login.example.com#a", []string{"a"}, "sub", false},
		{"https://login.example.com", nil, "sub", false},
		{"https://login.example.com", []string{""}, "sub", false},
		{"https://login.example.com", slices.Repeat([]string{"a"}, 17), "sub", false},
		{"https://login.example.com", []string{"a"}, "name", false},
		{"https://login.example.com", []string{"a"}, "", false},
	} {
		p := Provider{Issuer: c.issuer, Audiences: c.audiences, Claim: c.claim}
		if err := CheckProvider(&p); (err == nil) != c.ok {
			t.Errorf("%s %v %s: %v", c.issuer, c.audiences, c.claim, err)
		} else if err == nil && !slices.IsSorted(p.Audiences) {
			t.Errorf("the audiences are %v", p.Audiences)
		}
	}
}

func TestClaim(t *testing.T) {
	who := Identity{Subject: "s", Email: "e", PreferredUsername: "u"}
	for name, want := range map[string]string{"sub": "s", "email": "e", "preferred_username": "u", "name": "", "": ""} {
		if got := who.Claim(name); got != want {
			t.Errorf("%q is %q", name, got)
		}
	}
}
