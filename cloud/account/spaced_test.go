package account

import (
	"strings"
	"testing"
)

// A snapshot is one however its JSON is spaced: other programs write it too.
func TestSpacedSnapshot(t *testing.T) {
	for _, head := range []string{
		`{"snapshot": "strongroom-cloud/1", "account": "123456789012"}`,
		`{ "snapshot" :"strongroom-cloud/1","account":"123456789012"}`,
	} {
		a := load(t, "s.jsonl", strings.Join([]string{head, `{"input": "buckets", "answer": {"Buckets": []}}`, `{"end": 1}`}, "\n")+"\n")
		if !a.Known("buckets") || len(a.Faults) > 0 {
			t.Errorf("%s: %v", head, a.Faults)
		}
	}
}
