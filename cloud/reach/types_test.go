package reach

import (
	"encoding/json"
	"testing"
)

// TestWordsOfResults: what other programs read in a result are words, and they come back.
func TestWordsOfResults(t *testing.T) {
	in := Result{Routes: []Route{{Status: Open, Who: []Taker{{Certainty: Possible}}}}}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var loose struct {
		Routes []struct {
			Status string
			Who    []struct{ Certainty string }
		}
	}
	if err := json.Unmarshal(b, &loose); err != nil || loose.Routes[0].Status != "open" || loose.Routes[0].Who[0].Certainty != "possible" {
		t.Errorf("%s: %v", b, err)
	}
	var out Result
	if err := json.Unmarshal(b, &out); err != nil || out.Routes[0].Status != Open || out.Routes[0].Who[0].Certainty != Possible {
		t.Errorf("%+v: %v", out, err)
	}
	var c Certainty
	if err := c.UnmarshalText([]byte("perhaps")); err == nil {
		t.Error(`"perhaps" was read as a certainty`)
	}
}
