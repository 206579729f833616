package console

import (
	"strings"

	"strongroom"
)

// refusal says in the reader's language why policy refuses something and what would help,
// as far as that is known; "" where there is nothing to say but what the vault said.
func refusal(lang string, e *strongroom.Error) string {
	if e.Kind != strongroom.KindDenied {
		return ""
	}
	if len(e.Missing) > 0 {
		return refusalMissing(lang, e.Missing)
	}
	for _, known := range []struct{ begins, key string }{
		{"policy does not permit this", "refusal.policy"},
		{"this could not be decided", "refusal.doubt"},
		{"the room's policy cannot be evaluated", "refusal.doubt"},
		{"this account is suspended", "refusal.suspended"},
		{"this account has expired", "refusal.expired"},
		{"nobody answers a request of their own", "refusal.own"},
		{"a request is answered by a person", "refusal.machine"},
	} {
		if strings.HasPrefix(e.Message, known.begins) {
			return say(lang, known.key)
		}
	}
	return ""
}

// refusalMissing is what a refusal asks for, in one sentence.
func refusalMissing(lang string, missing []strongroom.Obligation) string {
	var parts []string
	for _, o := range missing {
		switch {
		case o == strongroom.ObligePurpose:
			parts = append(parts, say(lang, "refusal.purpose"))
		case o == strongroom.ObligeTicket:
			parts = append(parts, say(lang, "refusal.ticket"))
		case o.Approvals() == 1:
			parts = append(parts, say(lang, "refusal.approval.one"))
		case o.Approvals() > 1:
			parts = append(parts, say(lang, "refusal.approval", number(lang, int64(o.Approvals()))))
		case o == strongroom.ObligeScrubbedCopy:
			parts = append(parts, say(lang, "refusal.scrubbed"))
		}
	}
	if len(parts) == 0 {
		return say(lang, "refusal.policy")
	}
	last := len(parts) - 1
	list := parts[last]
	if last > 0 {
		list = strings.Join(parts[:last], ", ") + " " + say(lang, "refusal.and") + " " + list
	}
	return say(lang, "refusal.needs", list)
}

// canAsk reports whether others may lift a refusal, so that a request is worth making.
func canAsk(missing []strongroom.Obligation) bool {
	for _, o := range missing {
		if o.Approvals() > 0 {
			return true
		}
	}
	return false
}
