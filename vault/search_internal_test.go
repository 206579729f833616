package vault

import (
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"testing"
	"time"

	"strongroom"
)

func callNumber(i int) strongroom.Object {
	began := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC).Add(-time.Duration(i) * time.Minute)
	return strongroom.Object{
		Bucket: "calls", Version: strongroom.NewID(), Custody: "standard", Size: 480044, Modified: began.Add(time.Minute), Headers: map[string]string{"Content-Type": "audio/wav"},
		Key: fmt.Sprintf("8c1f0c5e-5d6b-4d2a-9d3c-0c8d5e6f7a8b/year=%d/month=%02d/day=%02d/hour=%02d/conversation_id=%032x/%032x.wav", began.Year(), began.Month(), began.Day(), began.Hour(), i/2, i),
		Meta: map[string]string{
			"strongroom-kind": "call", "strongroom-queue": fmt.Sprint("queue-", i%20), "strongroom-agent": fmt.Sprint("agent-", i%500), "strongroom-customer": fmt.Sprint("C-", i%30_000), "strongroom-language": "en",
			"strongroom-conversation": fmt.Sprintf("%032x", i/2), "strongroom-recorded-at": began.Format(time.RFC3339), "strongroom-duration": fmt.Sprint(i % 1200),
		},
		Label: strongroom.Label{Confidential: true, Classes: []string{"participants", "voice"}},
	}
}

// What searches cost in memory for each object, besides its entry, which listings keep too.
func BenchmarkSearchMemory(b *testing.B) {
	const objects = 100_000
	bucket := strongroom.NewID()
	for b.Loop() {
		objectsOf, entries := make([]strongroom.Object, objects), make([]*entry, objects)
		for i := range objectsOf {
			objectsOf[i] = callNumber(i)
			entries[i] = entryOf(rowObject, bucket, &objectsOf[i])
		}
		before := heap()
		index := newFinds()
		for i := range objectsOf {
			index.Set(findOf(entries[i], &objectsOf[i]))
		}
		full := heap()
		b.ReportMetric(float64(full-before)/objects, "B/object")
		runtime.KeepAlive(index)
		runtime.KeepAlive(objectsOf)
		runtime.KeepAlive(entries)
	}
}

func heap() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Decisions in a search are made on what decisions elsewhere are made on.
func TestFoundResource(t *testing.T) {
	for _, change := range []func(*strongroom.Object){
		func(*strongroom.Object) {},
		func(o *strongroom.Object) { o.Meta = nil },
		func(o *strongroom.Object) { o.Headers, o.Label.Classes, o.LegalHold, o.Scrubbed = nil, nil, true, true },
		func(o *strongroom.Object) { o.Meta["strongroom-vendor"] = "acme\x00sample\x00quality" },
		func(o *strongroom.Object) { o.Meta["strongroom-"], o.Meta["other"] = "x", "y" },
		func(o *strongroom.Object) { o.Key, o.Modified = "Ärger.WAV", time.Unix(0, 123456789).UTC() },
	} {
		o := callNumber(7)
		change(&o)
		f := findOf(entryOf(rowObject, strongroom.NewID(), &o), &o)
		want, got := resourceOf(o), f.resource(o.Bucket)
		maps.DeleteFunc(want.Attributes, func(_, v string) bool { return v == "" })
		if !reflect.DeepEqual(got, want) {
			t.Errorf("in a search an object is\n%+v\nand elsewhere\n%+v", got, want)
		}
	}
}

func TestSortOf(t *testing.T) {
	for _, c := range []struct{ kind, typ, want string }{
		{"call", "", SortAudio}, {"screen", "image/gif", SortScreen}, {"", "video/mp4", SortScreen}, {"", "audio/ogg", SortAudio}, {"transcript", "application/json", SortText}, {"chat", "", SortText},
		{"metadata", "application/json", SortData}, {"document", "text/plain", SortDocument}, {"", "application/pdf", SortDocument}, {"", "image/png", SortDocument}, {"", "", SortOther}, {"own-kind", "audio/wav", SortAudio}, {"own-kind", "", SortOther},
	} {
		if got := sortOf(c.kind, c.typ); got != c.want {
			t.Errorf("%q of type %q is %s, want %s", c.kind, c.typ, got, c.want)
		}
	}
}

func FuzzParsePlace(f *testing.F) {
	f.Add(placeOf(12345, strongroom.NewID(), true))
	f.Add(placeOf(-5, strongroom.NewID(), false))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := parsePlace(s); err == nil && s != "" {
			if again, err := parsePlace(placeOf(p.at, p.version, false)); err != nil || again.at != p.at || again.version != p.version {
				t.Errorf("%q is %+v, and that %+v, %v", s, p, again, err)
			}
		}
	})
}
