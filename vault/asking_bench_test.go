package vault

import (
	"fmt"
	"testing"
	"time"

	"strongroom"
)

// BenchmarkFill is what approvals and broken glass cost each decision: of somebody who
// has none while ten thousand others do, and of somebody who has the most.
func BenchmarkFill(b *testing.B) {
	now := time.Now()
	var s state
	s.init()
	learn := func(kind string, id strongroom.ID, body any) {
		put, err := row(kind, id.String(), body)
		if err == nil {
			err = s.asking.learn(nil, put)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	approver := strongroom.Principal{ID: strongroom.NewID(), Name: "dora"}
	s.principals[approver.ID] = approver
	var asker strongroom.ID
	version := strongroom.NewID()
	for i := range openPerRoom {
		if i%openPerPerson == 0 {
			asker = strongroom.NewID()
		}
		q := Request{
			ID: strongroom.NewID(), Action: strongroom.ActionReadObject, Asker: asker, Bucket: "calls", Quorum: 1, Purpose: strongroom.Purpose{Text: "complaint"},
			Approvals: []Approval{{By: approver.ID, At: now.Add(-time.Minute), Ends: now.Add(time.Hour)}},
		}
		for range MaxRequested - 1 {
			q.Objects = append(q.Objects, Requested{Key: fmt.Sprint(i), Version: strongroom.NewID()})
		}
		q.Objects = append(q.Objects, Requested{Key: "call.wav", Version: version})
		learn(rowRequest, q.ID, q)
	}
	for name, id := range map[string]strongroom.ID{"none": strongroom.NewID(), "a hundred": asker} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q := strongroom.Question{
					Action: strongroom.ActionReadObject, Principal: strongroom.Principal{ID: id, Name: "carol"},
					Resource: strongroom.Resource{Bucket: "calls", Key: "call.wav", Version: version}, Context: strongroom.Context{Time: now},
				}
				s.fill(&q)
				if len(q.Context.Approvals) == 1 != (id == asker) {
					b.Fatal(q.Context)
				}
			}
		})
	}
}
