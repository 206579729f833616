package keyserver

import (
	"testing"
	"testing/synctest"
	"time"

	"strongroom"
	"strongroom/seal"
)

func TestRecentForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recent[string, int]
		has := func(key string) bool {
			_, ok := r.get(key)
			return ok
		}
		if has("a") {
			t.Error("it knows what it was never told")
		}
		r.put("a", 1)
		r.put("b", 2)
		time.Sleep(recentFor + time.Second)
		if v, ok := r.get("a"); !ok || v != 1 {
			t.Error("it forgot at once")
		}
		time.Sleep(recentFor) // a was asked for meanwhile, b was not
		if !has("a") {
			t.Error("it forgot what was asked for")
		}
		if has("b") {
			t.Error("it still knows what nobody asked for")
		}
		time.Sleep(2*recentFor + time.Second)
		if n := kept(&r); n != 0 {
			t.Errorf("it keeps %d that nobody asks for", n)
		}
	})
}

func TestRecentIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recent[int, int]
		for i := range 10 * recentLimit {
			r.put(i, i)
			if v, ok := r.get(i); !ok || v != i {
				t.Fatalf("%d is not known", i)
			}
			if n := kept(&r); n > 2*recentLimit {
				t.Fatalf("after %d it keeps %d", i, n)
			}
		}
		time.Sleep(3 * recentFor) // until its timer has ended
	})
}

func kept[K comparable, V any](r *recent[K, V]) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.now) + len(r.before)
}

// What a stanza opened to is known again only together with all that it is bound to.
func TestStanzaNames(t *testing.T) {
	stanza := seal.Stanza{Type: "t", Recipient: "r", Enc: []byte("enc"), Body: []byte("body")}
	binding := seal.Binding{Room: strongroom.NewID(), Blob: strongroom.NewID(), Custody: "standard"}
	own := nameOf(stanza, binding)
	for what, change := range map[string]func(*seal.Stanza, *seal.Binding){
		"type":      func(s *seal.Stanza, _ *seal.Binding) { s.Type = "u" },
		"recipient": func(s *seal.Stanza, _ *seal.Binding) { s.Recipient = "s" },
		"enc":       func(s *seal.Stanza, _ *seal.Binding) { s.Enc = []byte("enb") },
		"body":      func(s *seal.Stanza, _ *seal.Binding) { s.Body = []byte("bodz") },
		"a border":  func(s *seal.Stanza, _ *seal.Binding) { s.Enc, s.Body = []byte("encb"), []byte("ody") },
		"room":      func(_ *seal.Stanza, b *seal.Binding) { b.Room = strongroom.NewID() },
		"blob":      func(_ *seal.Stanza, b *seal.Binding) { b.Blob = strongroom.NewID() },
		"custody":   func(_ *seal.Stanza, b *seal.Binding) { b.Custody = "person-bound" },
	} {
		s, b := stanza, binding
		change(&s, &b)
		if nameOf(s, b) == own {
			t.Errorf("%s makes no difference", what)
		}
	}
}
