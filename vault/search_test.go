package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

func searched(t testing.TB, r *housetest.Room, c vault.Caller, q vault.SearchRequest) (all []vault.Hit) {
	t.Helper()
	for range 1000 {
		page, err := r.Room.Search(t.Context(), c, q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Hits...)
		if q.After = page.Next; q.After == "" {
			return all
		}
	}
	t.Fatal("the search does not end")
	return nil
}

func keysOf(all []vault.Hit) string {
	var keys []string
	for _, h := range all {
		keys = append(keys, h.Key)
	}
	return strings.Join(keys, " ")
}

func about(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[strongroom.AttributePrefix+pairs[i]] = pairs[i+1]
	}
	return m
}

func TestSearchConditions(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	r.Bucket("papers")
	r.Put("calls", "2026/b/Call-ÉTÉ.wav", []byte("1"), about("kind", "call", "queue", "Billing", "agent", "Ines.Martin", "customer", "C-1001", "conversation", "conv-1", "duration", "75.4", "recorded-at", "2026-03-02T10:00:00Z"))
	r.Put("calls", "2026/b/call.json", []byte("1"), about("kind", "metadata", "queue", "Billing", "recorded-at", "2026-03-02T10:00:00Z"))
	r.Put("calls", "2026/s/chat.json", []byte("1"), about("kind", "chat", "queue", "support", "customer", "C-1002", "conversation", "conv-2", "recorded-at", "2026-03-01T09:00:00+01:00"))
	r.Put("papers", "letter.pdf", []byte("1"), about("kind", "document", "customer", "C-1001", "started", "2026-02-01T00:00:00Z"))
	at := func(s string) time.Time {
		when, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	call, chat, letter, data := "2026/b/Call-ÉTÉ.wav", "2026/s/chat.json", "letter.pdf", "2026/b/call.json"
	for name, c := range map[string]struct {
		q    vault.SearchRequest
		want []string
	}{
		"all, newest first":       {vault.SearchRequest{}, []string{call, chat, letter}},
		"text in parts":           {vault.SearchRequest{Text: "été 2026"}, []string{call}},
		"text nowhere":            {vault.SearchRequest{Text: "2026 nowhere"}, nil},
		"queue in any case":       {vault.SearchRequest{Queue: "BILL"}, []string{call}},
		"agent":                   {vault.SearchRequest{Agent: " martin "}, []string{call}},
		"customer":                {vault.SearchRequest{Customer: "c-1001"}, []string{call, letter}},
		"conversation":            {vault.SearchRequest{Conversation: "conv-2"}, []string{chat}},
		"bucket":                  {vault.SearchRequest{Bucket: "papers"}, []string{letter}},
		"no such bucket":          {vault.SearchRequest{Bucket: "paper"}, nil},
		"audio":                   {vault.SearchRequest{Sort: vault.SortAudio}, []string{call}},
		"data":                    {vault.SearchRequest{Sort: vault.SortData}, []string{data}},
		"text":                    {vault.SearchRequest{Sort: vault.SortText}, []string{chat}},
		"class":                   {vault.SearchRequest{Class: "Voice"}, []string{call}},
		"confidential":            {vault.SearchRequest{Label: vault.LabelConfidential}, []string{call, chat, letter}},
		"not confidential":        {vault.SearchRequest{Label: vault.LabelOpen}, nil},
		"since, inclusive":        {vault.SearchRequest{Since: at("2026-03-01T08:00:00Z")}, []string{call, chat}},
		"until, exclusive":        {vault.SearchRequest{Until: at("2026-03-01T08:00:00Z")}, []string{letter}},
		"between":                 {vault.SearchRequest{Since: at("2026-02-20T00:00:00Z"), Until: at("2026-03-02T00:00:00Z")}, []string{chat}},
		"longer":                  {vault.SearchRequest{Shortest: 75 * time.Second}, []string{call}},
		"too long":                {vault.SearchRequest{Shortest: 76 * time.Second}, nil},
		"shorter, where known":    {vault.SearchRequest{Longest: 2 * time.Minute}, []string{call}},
		"shorter than this one":   {vault.SearchRequest{Longest: time.Minute}, nil},
		"several":                 {vault.SearchRequest{Customer: "1001", Queue: "billing", Sort: vault.SortAudio, Class: "voice", Text: "call"}, []string{call}},
		"a value of another name": {vault.SearchRequest{Agent: "billing"}, nil},
	} {
		got := searched(t, r, r.Owner, c.q)
		if keysOf(got) != strings.Join(c.want, " ") {
			t.Errorf("%s: found %q, want %q", name, keysOf(got), c.want)
		}
		c.q.Max = 1
		if one := searched(t, r, r.Owner, c.q); keysOf(one) != keysOf(got) {
			t.Errorf("%s: by ones there is %q, at once %q", name, keysOf(one), keysOf(got))
		}
	}
	hit := searched(t, r, r.Owner, vault.SearchRequest{Sort: vault.SortAudio})[0]
	if hit.Queue != "Billing" || hit.Duration != 75*time.Second || !hit.At.Equal(at("2026-03-02T10:00:00Z")) || hit.Opens != vault.OpensFreely || hit.Bucket != "calls" {
		t.Errorf("it is told as %+v", hit)
	}
	for name, q := range map[string]vault.SearchRequest{
		"a long field": {Queue: strings.Repeat("x", 257)}, "control characters": {Text: "a\x00b"}, "not UTF-8": {Agent: "\xff"}, "no sort": {Sort: "tape"}, "no label": {Label: "secret"},
		"turned time": {Since: at("2026-03-02T10:00:00Z"), Until: at("2026-03-02T10:00:00Z")}, "turned length": {Shortest: time.Hour, Longest: time.Minute}, "a large page": {Max: 51}, "no place": {After: "elsewhere"},
	} {
		if _, err := r.Room.Search(t.Context(), r.Owner, q); strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Everybody is shown what they may read the metadata of, nothing else, and on record.
func TestSearchShowsWhatPolicyPermits(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	for i := range 20 {
		r.Put("calls", fmt.Sprintf("%02d.wav", i), []byte("1"), about("kind", "call", "queue", []string{"billing", "support"}[i%2], "agent", fmt.Sprint("agent-", i%5)))
	}
	ines := r.Person(strongroom.Principal{Name: "ines", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	agent := r.Person(strongroom.Principal{Name: "agent-3", Groups: []string{"agents"}})
	admin := r.Person(strongroom.Principal{Name: "root", Groups: []string{"platform-administrators", "data-owners"}})
	newcomer := r.Person(strongroom.Principal{Name: "new"})
	officer := r.Person(strongroom.Principal{Name: "olga", Groups: []string{"security-officers"}})
	for _, c := range []struct {
		who   vault.Caller
		shown int
		opens vault.Opens
	}{
		{r.Owner, 20, vault.OpensFreely}, {ines, 10, vault.OpensForPurpose}, {agent, 4, vault.OpensFreely}, {admin, 0, ""}, {newcomer, 0, ""}, {officer, 20, vault.OpensNot},
	} {
		from := r.Book.Head().Size
		got := searched(t, r, c.who, vault.SearchRequest{Text: "wav"})
		if len(got) != c.shown {
			t.Errorf("%s is shown %d of them, want %d", c.who.Principal.Name, len(got), c.shown)
		}
		for _, h := range got {
			if _, err := r.Room.Head(t.Context(), c.who, h.Bucket, h.Key, ""); err != nil {
				t.Errorf("%s is shown %s and may not see it: %v", c.who.Principal.Name, h.Key, err)
			}
			if h.Opens != c.opens {
				t.Errorf("to %s %s opens %s, want %s", c.who.Principal.Name, h.Key, h.Opens, c.opens)
			}
		}
		if offers := r.Room.OffersSearch(c.who); offers != (c.shown > 0) {
			t.Errorf("%s is offered a search: %t", c.who.Principal.Name, offers)
		}
		on := ofKind(records(t, r, from), vault.KindList)
		if len(on) != 1 || on[0].evidence.Action != "search" || on[0].evidence.Names != c.shown || !strings.Contains(on[0].personal.Detail, c.who.Principal.Name) || !strings.Contains(on[0].personal.Detail, `text "wav"`) {
			t.Errorf("the search of %s is on record as %+v", c.who.Principal.Name, on)
		}
		if bytes.Contains(on[0].Evidence, []byte("wav")) {
			t.Errorf("what was looked for stands in the evidence: %s", on[0].Evidence)
		}
	}
	// What cannot be recorded is not shown.
	mend := breakLedger(t, r)
	if page, err := r.Room.Search(t.Context(), r.Owner, vault.SearchRequest{}); err == nil || len(page.Hits) > 0 {
		t.Errorf("a search that is not on record shows %d, %v", len(page.Hits), err)
	}
	mend()
	// A suspension, a forbidden listing and a policy that cannot be evaluated hold at once.
	set, err := r.Room.PolicyBase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, also := range map[string]string{
		"forbidden listing": `@id("x") forbid (principal == Principal::"ines", action == Action::"listObjects", resource == Bucket::"calls");`,
		"doubt":             `@id("x") forbid (principal == Principal::"ines", action == Action::"readMetadata", resource is Object) when { resource.size + 9223372036854775807 > 0 };`,
	} {
		if _, err := r.Room.PutPolicy(t.Context(), r.Owner, append(slices.Clone(set), []byte("\n"+also)...)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := searched(t, r, ines, vault.SearchRequest{}); len(got) != 0 {
			t.Errorf("%s: she is shown %d", name, len(got))
		}
	}
	if _, err := r.Room.PutPolicy(t.Context(), r.Owner, set); err != nil {
		t.Fatal(err)
	}
	if got := searched(t, r, ines, vault.SearchRequest{}); len(got) != 10 {
		t.Errorf("she is shown %d again", len(got))
	}
	suspended := ines.Principal
	suspended.Suspended = true
	if _, err := r.Room.PutPrincipal(t.Context(), r.Owner, suspended); err != nil {
		t.Fatal(err)
	}
	if got := searched(t, r, ines, vault.SearchRequest{}); len(got) != 0 {
		t.Errorf("suspended, she is shown %d", len(got))
	}
}

// Whatever is stored, replaced, deleted, relabelled and restarted, by this process or one
// beside it, a search finds what going through everything finds.
func TestSearchFollowsTheModel(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("a")
	r.Bucket("b")
	r.Configure("b", func(b *strongroom.Bucket) { b.Versioning = strongroom.VersioningEnabled })
	random := rand.New(rand.NewPCG(11, 12))
	ines := r.Person(strongroom.Principal{Name: "ines", Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing"}}})
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	at := func() string {
		return time.Date(2026, 3, 1+random.IntN(5), 10, 0, 0, 0, time.UTC).Format(time.RFC3339)
	}
	check := func(r *housetest.Room, step int) {
		t.Helper()
		for _, who := range []vault.Caller{r.Owner, ines} {
			q := vault.SearchRequest{Queue: pick("", "", "bill", "sup"), Bucket: pick("", "a", "b"), Sort: pick(vault.SortEvery, vault.SortEvery, vault.SortAudio), Class: pick("", "", "card"), Max: 1 + random.IntN(50)}
			var want []vault.Hit
			for _, bucket := range []string{"a", "b"} {
				page, err := r.Room.List(t.Context(), r.Owner, vault.ListRequest{Bucket: bucket, Max: 1000})
				if err != nil {
					t.Fatal(err)
				}
				for _, listed := range page.Objects {
					o, err := r.Room.Head(t.Context(), who, bucket, listed.Key, "")
					if strongroom.KindOf(err) == strongroom.KindDenied {
						continue
					} else if err != nil {
						t.Fatal(err)
					}
					if !strings.Contains(o.Attribute("queue"), q.Queue) || q.Bucket != "" && bucket != q.Bucket || q.Class != "" && !slices.Contains(o.Label.Classes, q.Class) || q.Sort == vault.SortAudio && o.Attribute("kind") != "call" {
						continue
					}
					when, err := time.Parse(time.RFC3339, o.Attribute("recorded-at"))
					if err != nil {
						when = o.Modified
					}
					want = append(want, vault.Hit{Bucket: bucket, Key: o.Key, Version: o.Version, At: when})
				}
			}
			slices.SortFunc(want, func(x, y vault.Hit) int {
				if c := y.At.Compare(x.At); c != 0 {
					return c
				}
				return bytes.Compare(y.Version[:], x.Version[:])
			})
			got := searched(t, r, who, q)
			same := slices.EqualFunc(got, want, func(g, w vault.Hit) bool {
				return g.Version == w.Version && g.Key == w.Key && g.Bucket == w.Bucket && g.At.Equal(w.At)
			})
			if !same {
				t.Fatalf("after step %d %s finds with %+v\n%+v\nand should find\n%+v", step, who.Principal.Name, q, got, want)
			}
		}
	}
	for step := range 80 {
		bucket, key := pick("a", "b"), pick("k1", "k2", "k3", "k4", "k5")
		switch n := random.IntN(100); {
		case n < 50:
			meta := about("kind", pick("call", "metadata", ""), "queue", pick("billing", "support"))
			if random.IntN(3) > 0 {
				meta[strongroom.AttributePrefix+"recorded-at"] = at()
			}
			r.Put(bucket, key, []byte("x"), meta)
		case n < 70:
			if err := deleted(r.Room.Delete(t.Context(), r.Owner, bucket, []vault.DeleteRequest{{Key: key}})); err != nil {
				t.Fatal(err)
			}
		case n < 85:
			_, _, err := r.Room.Relabel(t.Context(), r.Owner, vault.Relabelling{Bucket: bucket, Key: key, Classes: []string{"card", "voice"}, Reason: "heard one"})
			if _, gone := errors.AsType[*vault.MarkerError](err); err != nil && !gone && strongroom.KindOf(err) != strongroom.KindNoObject && strongroom.KindOf(err) != strongroom.KindDenied {
				t.Fatal(err)
			}
		case n < 92: // another process does it
			beside, err := house.Open(t.Context(), r.Dir, r.Info, house.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := beside.Room.Relabel(t.Context(), r.Owner, vault.Relabelling{Bucket: bucket, Key: key, Classes: []string{"card", "voice"}, Reason: "heard one"}); err != nil && strongroom.KindOf(err) == strongroom.KindUnavailable {
				t.Fatal(err)
			}
			if err := deleted(beside.Room.Delete(t.Context(), r.Owner, bucket, []vault.DeleteRequest{{Key: pick("k1", "k2")}})); err != nil {
				t.Fatal(err)
			}
			if err := beside.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := r.Book.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		default:
			r.Stop()
			r = housetest.Open(t, r, house.Options{})
		}
		check(r, step)
	}
}

// Pages are stable: while others store and delete, whoever goes through them meets each
// object that stays once, newest first, and none that was deleted before they asked.
func TestSearchBesideWriters(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	const stays = 60
	for i := range stays {
		r.Put("calls", fmt.Sprintf("stays-%02d", i), []byte("x"), about("kind", "call", "recorded-at", time.Date(2026, 3, 1, 0, i, 0, 0, time.UTC).Format(time.RFC3339)))
	}
	ctx, stop := context.WithCancel(t.Context())
	var highest atomic.Int64 // all with lower numbers were deleted
	done := make(chan error, 2)
	for w := range 2 {
		go func() {
			for i := 0; ctx.Err() == nil; i++ {
				key := fmt.Sprintf("goes-%d-%d", w, i)
				_, err := r.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: key, Size: 1, Declared: vault.Declared{Meta: about("kind", "call", "recorded-at", time.Date(2026, 3, 1, 0, i%stays, 30, 0, time.UTC).Format(time.RFC3339))}}, strings.NewReader("x"))
				if err == nil {
					err = deleted(r.Room.Delete(t.Context(), r.Owner, "calls", []vault.DeleteRequest{{Key: key}}))
				}
				if err != nil {
					done <- err
					return
				}
				if w == 0 {
					highest.Store(int64(i + 1))
				}
			}
			done <- nil
		}()
	}
	for range 15 {
		var seen []string
		q := vault.SearchRequest{Max: 7}
		for {
			gone := highest.Load()
			page, err := r.Room.Search(t.Context(), r.Owner, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range page.Hits {
				var i int64
				if n, _ := fmt.Sscanf(h.Key, "goes-0-%d", &i); n == 1 && i < gone {
					t.Fatalf("%s is shown after it was deleted", h.Key)
				}
				if strings.HasPrefix(h.Key, "stays") {
					seen = append(seen, h.Key)
				}
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if len(seen) != stays || !slices.IsSortedFunc(seen, func(a, b string) int { return strings.Compare(b, a) }) {
			t.Fatalf("of %d that stay there are shown %d: %v", stays, len(seen), seen)
		}
	}
	stop()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
