package limit_test

import (
	"strings"
	"testing"

	"strongroom/limit"
)

// Whoever reads French reads it of the policies that a room starts with, and what somebody
// wrote as they wrote it.
func TestDescriptionsInFrench(t *testing.T) {
	set := limit.Default()
	told := 0
	for _, p := range set.Policies() {
		id := p.ID
		_, en := set.Written(id)
		if en == "" {
			continue
		}
		told++
		if fr := limit.DescriptionIn(en, "fr"); fr == en {
			t.Errorf("%s has no French description of %q", id, en)
		}
		if got := limit.DescriptionIn(en, "en"); got != strings.ReplaceAll(en, "'", "’") {
			t.Errorf("%s is described in English as %q", id, got)
		}
	}
	if told < 10 {
		t.Errorf("%d of the policies are described", told)
	}
	if got := limit.DescriptionIn("Ours.", "fr"); got != "Ours." {
		t.Errorf("a description of the room's own becomes %q", got)
	}
}
