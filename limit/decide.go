package limit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"strongroom"
)

// Decide answers q from q alone: the same set and question give the same answer
// at any time. It permits only when a permit with met obligations matches, no
// forbid matches, and every policy that concerns the question could be evaluated.
func (s *Set) Decide(q strongroom.Question) strongroom.Decision {
	d := strongroom.Decision{PolicySet: s.hash}
	if why := standing(&q); why != "" {
		d.Reason = "this account " + why + "; ask whoever manages accounts here"
		return d
	}
	f, err := s.needs.factsOf(&q)
	if err != nil {
		d.Errors = []string{err.Error()}
		d.Reason = reasonDoubt
		return d
	}
	verdict, found := cedar.Authorize(s.candidates(&q), f, f.request)
	for _, r := range found.Reasons {
		d.Policies = append(d.Policies, string(r.PolicyID))
	}
	if len(found.Errors) > 0 {
		if verdict == cedar.Allow {
			d.Policies = nil // what would have permitted did not decide
		}
		for _, e := range found.Errors {
			d.Policies = append(d.Policies, string(e.PolicyID))
			d.Errors = append(d.Errors, fmt.Sprintf("policy %q (line %d): %s", e.PolicyID, e.Position.Line, f.withoutNames(e.Message)))
		}
		d.Policies, d.Errors = sortedOnce(d.Policies), sortedOnce(d.Errors)
		d.Reason = reasonDoubt
		return d
	}
	d.Policies = sortedOnce(d.Policies)
	if verdict == cedar.Deny {
		d.Reason = reasonDenied
		return d
	}
	d.Permit, d.Policies, d.Missing = s.settle(&q, d.Policies)
	d.Reason = reasonPermitted
	if !d.Permit {
		d.Reason = askFor(&q, d.Missing)
	}
	return d
}

const (
	reasonPermitted = "policy permits this"
	reasonDenied    = "policy does not permit this"
	reasonDoubt     = "this could not be decided and is refused; those who keep the policies can see why"
)

// standing says what is wrong with the asker's account, or "".
func standing(q *strongroom.Question) string {
	p := &q.Principal
	switch {
	case p.Suspended:
		return "is suspended"
	case !p.Expires.IsZero() && !q.Context.Time.Before(p.Expires):
		return "has expired"
	}
	return ""
}

// settle weighs the permits that match: those whose obligations are met permit;
// if there are none, those with the fewest unmet ones decide what is missing,
// and among equally many the easiest to meet.
func (s *Set) settle(q *strongroom.Question, permits []string) (permit bool, deciding []string, missing []strongroom.Obligation) {
	unmet := make([][]strongroom.Obligation, len(permits))
	var least []strongroom.Obligation
	for i, id := range permits {
		unmet[i] = unmetOf(q, s.policies[id].requires)
		if i == 0 || easier(unmet[i], least) {
			least = unmet[i]
		}
	}
	for i, id := range permits {
		if slices.Equal(unmet[i], least) {
			deciding = append(deciding, id)
		}
	}
	return len(least) == 0, deciding, least
}

func easier(a, b []strongroom.Obligation) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return slices.CompareFunc(a, b, compareObligations) < 0
}

func unmetOf(q *strongroom.Question, requires []strongroom.Obligation) []strongroom.Obligation {
	var out []strongroom.Obligation
	for _, o := range requires {
		met := false
		switch kindOf(o) {
		case strongroom.ObligePurpose:
			met = strings.TrimSpace(q.Context.Purpose.Text) != ""
		case strongroom.ObligeTicket:
			met = strings.TrimSpace(q.Context.Purpose.Ticket) != "" &&
				(q.Context.Ticket == "" || q.Context.Ticket == strongroom.TicketGood)
		case strongroom.ObligeApproval:
			met = approvals(q) >= o.Approvals()
		case strongroom.ObligeScrubbedCopy:
			met = q.Resource.Scrubbed
		}
		if !met {
			out = append(out, o)
		}
	}
	return out
}

// askFor says what would turn the refusal into a permit. Of a ticket that will not do it
// does not say whether it exists.
func askFor(q *strongroom.Question, missing []strongroom.Obligation) string {
	var need, do []string
	for _, o := range missing {
		switch kindOf(o) {
		case strongroom.ObligePurpose:
			need, do = append(need, "a purpose"), append(do, "say why you want it")
		case strongroom.ObligeTicket:
			need = append(need, "a ticket")
			switch {
			case strings.TrimSpace(q.Context.Purpose.Ticket) == "" || q.Context.Ticket == "":
				do = append(do, "name the ticket it belongs to")
			case q.Context.Ticket == strongroom.TicketUnreachable:
				do = append(do, "the ticket system cannot be reached, so try again shortly")
			default:
				do = append(do, "the one named is not an open ticket of yours, so name one that is")
			}
		case strongroom.ObligeApproval:
			if n := o.Approvals(); n > 1 {
				need, do = append(need, fmt.Sprintf("approvals by %d people", n)), append(do, fmt.Sprintf("ask %d other people to approve it", n))
			} else {
				need, do = append(need, "an approval"), append(do, "ask one other person to approve it")
			}
		case strongroom.ObligeScrubbedCopy:
			need, do = append(need, "the scrubbed copy"), append(do, "ask for the scrubbed copy instead of the original")
		}
	}
	return "this needs " + enumerate(need, "and") + ": " + enumerate(do, "and")
}

// withoutNames takes the names of this question's principal, object and bucket
// out of an evaluation error: it may go where names may not.
func (f *facts) withoutNames(message string) string {
	for _, uid := range []cedar.EntityUID{f.resource.UID, f.bucket.UID, f.principal.UID} {
		if !uid.IsZero() {
			message = strings.ReplaceAll(message, uid.String(), string(uid.Type))
		}
	}
	return message
}

func sortedOnce(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// Redecide decides q again and says in what the answer differs from the
// recorded one. The wording of reasons and errors may change between versions
// and is not compared.
func Redecide(set *Set, q strongroom.Question, recorded strongroom.Decision) error {
	if set.hash != recorded.PolicySet {
		return fmt.Errorf("the decision was made under policy set %s, and this is %s; load the set that the record names", recorded.PolicySet, set.hash)
	}
	now := set.Decide(q)
	var differ []string
	if now.Permit != recorded.Permit {
		differ = append(differ, fmt.Sprintf("the record says %s, the policies say %s", verdict(recorded), verdict(now)))
	}
	if !slices.Equal(now.Policies, recorded.Policies) {
		differ = append(differ, fmt.Sprintf("the record names the policies %q, deciding now were %q", recorded.Policies, now.Policies))
	}
	if !slices.Equal(now.Missing, recorded.Missing) {
		differ = append(differ, fmt.Sprintf("the record has %q missing, now %q", recorded.Missing, now.Missing))
	}
	if len(now.Errors) != len(recorded.Errors) {
		differ = append(differ, fmt.Sprintf("the record has %d evaluation errors, now there are %d", len(recorded.Errors), len(now.Errors)))
	}
	if len(differ) > 0 {
		return errors.New(strings.Join(differ, "; "))
	}
	return nil
}

func verdict(d strongroom.Decision) string {
	if d.Permit {
		return "permit"
	}
	return "deny"
}
