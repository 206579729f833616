package monitor

import (
	"testing"

	"strongroom"
)

// To ask for an approval is not to open; to be refused it is a refusal of what was asked.
func TestAskingIsNotDoing(t *testing.T) {
	ask := strongroom.Event{
		Kind: "request", Did: "request-make", Outcome: strongroom.Permitted, Version: strongroom.NewID(),
		Question: &strongroom.Question{Action: strongroom.ActionReadObject, Resource: strongroom.Resource{Bucket: "calls", Key: "a"}, Principal: strongroom.Principal{Groups: []string{"supervisors"}}},
	}
	got := Counts(&ask)
	if len(got) != 1 || got[0].Action != "" || got[0].Key != "" || !got[0].Object.IsZero() || got[0].Who == nil {
		t.Errorf("asking counts as %+v", got)
	}
	ask.Kind = "release"
	if got := Counts(&ask); got[0].Action != strongroom.ActionReadObject || got[0].Key != "a" {
		t.Errorf("opening counts as %+v", got)
	}
	ask.Kind, ask.Outcome = "request", strongroom.Refused
	if got := Counts(&ask); got[0].Action != strongroom.ActionReadObject || got[0].Outcome != strongroom.Refused {
		t.Errorf("a refused request counts as %+v", got)
	}
}
