package limit

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"strongroom"
)

// manyPolicies writes n policies as a large contact centre would have them: by
// team, by person, by bucket, by queue, and a few that concern everyone.
func manyPolicies(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "@id(\"policy-%d\") ", i)
		switch i % 20 {
		case 0, 1, 2, 3, 4, 5:
			fmt.Fprintf(&b, `@requires("purpose") permit (principal in Group::"team-%d", action == Action::"readObject", resource in Bucket::"bucket-%d")
				when { resource has queue && principal.supervises.contains(resource.queue) };`, i%97, i%31)
		case 6, 7, 8, 9, 10:
			fmt.Fprintf(&b, `permit (principal in Group::"agents", action in [Action::"readObject", Action::"readMetadata"], resource is Object)
				when { resource has queue && resource.queue == "queue-%d" && principal.queues.contains(resource.queue) };`, i%200)
		case 11, 12, 13, 14:
			fmt.Fprintf(&b, `permit (principal == Principal::"person-%d", action, resource) when { context.secure };`, i)
		case 15, 16, 17:
			fmt.Fprintf(&b, `permit (principal, action == Action::"readObject", resource in Bucket::"bucket-%d") when { resource.scrubbed };`, i%31)
		case 18:
			fmt.Fprintf(&b, `forbid (principal, action == Action::"readObject", resource in Bucket::"bucket-%d")
				when { resource.created.offset(duration("365d")) < context.time };`, i%31)
		case 19:
			fmt.Fprintf(&b, `forbid (principal in Group::"team-%d", action, resource) unless { context has source && context.source.isInRange(ip("192.0.2.0/24")) };`, i%97)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func manyQuestions(n int) []strongroom.Question {
	r := rand.New(rand.NewPCG(5, 6))
	out := make([]strongroom.Question, n)
	for i := range out {
		person := r.IntN(1000)
		queue := fmt.Sprintf("queue-%d", r.IntN(200))
		out[i] = strongroom.Question{
			Action: pick(r, strongroom.ActionReadObject, strongroom.ActionReadObject, strongroom.ActionReadMetadata),
			Principal: strongroom.Principal{
				ID: strongroom.NewID(), Name: fmt.Sprintf("person-%d", person), Kind: strongroom.Person,
				Groups:     []string{"agents", fmt.Sprintf("team-%d", r.IntN(97)), fmt.Sprintf("site-%d", r.IntN(9))},
				Aliases:    []string{fmt.Sprint(person)},
				Attributes: map[string][]string{"queues": {queue, "queue-3"}, "supervises": {"queue-4"}, "site": {"Lyon"}},
			},
			Resource: strongroom.Resource{
				Bucket: fmt.Sprintf("bucket-%d", r.IntN(31)), Key: fmt.Sprintf("2026/03/%d.wav", i), Version: strongroom.NewID(),
				Custody: "machine", Size: 1 << 20, Created: yesterday,
				Attributes: map[string]string{"queue": queue, "agent": fmt.Sprint(person), "kind": "call", "customer": "c", "conversation": "v", "language": "fr", "site": "Lyon"},
				Label:      strongroom.Label{Confidential: true, Classes: []string{"voice", "card"}},
			},
			Context: strongroom.Context{Time: noon, Method: "sigv4", Source: "192.0.2.7", Secure: true, Purpose: strongroom.Purpose{Text: "audit"}},
		}
	}
	return out
}

func benchmarkDecide(b *testing.B, text string) {
	s, questions := mustParse(b, text), manyQuestions(512)
	took, used := make([]time.Duration, 0, 1<<16), make([]time.Duration, 0, 1<<16)
	permitted := 0
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		start, before := time.Now(), threadTime()
		d := s.Decide(questions[i%len(questions)])
		if len(took) < cap(took) {
			used, took = append(used, threadTime()-before), append(took, time.Since(start))
		}
		if d.Permit {
			permitted++
		}
	}
	if permitted == 0 {
		b.Error("nothing was permitted; the policies and questions do not meet")
	}
	slices.Sort(took)
	slices.Sort(used)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
	b.ReportMetric(float64(used[len(used)*99/100].Nanoseconds()), "p99-cpu-ns")
}

// threadTime is the processor time of this thread: what a decision costs, whatever
// else the machine is doing.
func threadTime() time.Duration {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

func BenchmarkDecide(b *testing.B) {
	b.Run("default", func(b *testing.B) {
		benchmarkDecide(b, string(defaultText)+`@id("x") permit (principal, action, resource);`)
	})
	b.Run("1000-mixed", func(b *testing.B) { benchmarkDecide(b, manyPolicies(1000)) })
	b.Run("1000-alike", func(b *testing.B) { // no scope tells them apart: nothing to slice by
		var t strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&t, `@id("policy-%d") permit (principal, action, resource is Object) when { resource.hasTag("site") && resource.getTag("site") == "site-%d" };`+"\n", i, i)
		}
		t.WriteString(`@id("all") permit (principal, action, resource);`)
		benchmarkDecide(b, t.String())
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte(manyPolicies(1000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
