package trail

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"strongroom/cloud/iam"
)

// DecidedBy says which policies a replay asks, and why no other.
var DecidedBy = both("decided by the principals' own policies: boundaries, policies of sessions and of VPC endpoints, and the organization's (SCPs, RCPs) only narrow these, and stay as they are; what is kept is refused by them no more than before",
	"décidé selon les politiques propres aux identités : les limites d’autorisations, les politiques de session et de point de terminaison VPC, et celles de l’organisation (SCP, RCP) ne font que les restreindre, et restent telles quelles ; ce qui est gardé n’est pas plus refusé par elles qu’avant")

// Replayed is what deciding the window's events again under a proposal came to. The
// principal's own policies are asked, before and after: boundaries, organisation and the
// resources' policies stay as they are, and refuse afterwards what they refused before.
type Replayed struct {
	// Kept counts uses that are allowed as before, on whatever resource they were.
	Kept int64 `json:"kept"`
	// Unjudged counts uses of which neither policy says for certain that they are allowed:
	// they depend on conditions that events do not tell, and that the proposal keeps.
	Unjudged   int64    `json:"unjudged"`
	Conditions []string `json:"conditions,omitempty"` // which
	// Refused counts uses that were allowed and would not be: a proposal that has any is
	// not to be used.
	Refused  int64   `json:"refused"`
	Examples []Again `json:"examples,omitempty"` // at most twenty
	// Beside counts uses that the policies, as they are now, do not allow anyway.
	Beside int64 `json:"beside"`
}

// Again is one use that a proposal would refuse.
type Again struct {
	Time     time.Time `json:"time"`
	ID       string    `json:"eventID"`
	Action   string    `json:"action"`
	Resource string    `json:"resource,omitempty"`
}

// Replay decides events again under proposals.
type Replay struct {
	survey    *Survey
	until     time.Time
	proposals map[*holder]*replayed
}

type replayed struct {
	p          *Proposal
	after      *holder
	conditions map[string]bool
	included   map[string]bool // uses on unknown resources that are kept
}

// NewReplay begins a replay. Give it the events of the survey's trail again: Add each.
func (s *Survey) NewReplay(proposals []*Proposal) *Replay {
	r := &Replay{survey: s, until: s.last, proposals: map[*holder]*replayed{}}
	for _, p := range proposals {
		if p.Nothing != nil {
			continue
		}
		p.Replayed = &Replayed{}
		after := *p.h
		after.policies, after.judged = p.compiled, nil
		r.proposals[p.h] = &replayed{p: p, after: &after, conditions: map[string]bool{}, included: map[string]bool{}}
	}
	return r
}

// Add decides one event again.
func (r *Replay) Add(e *Event) {
	if e.Category == "Insight" || e.Time.After(r.until) || Denied(e.Error) {
		return
	}
	h, _, _ := r.survey.who(e)
	again := r.proposals[h]
	if again == nil {
		return
	}
	out := again.p.Replayed
	for _, u := range r.survey.mapper.Uses(e) {
		before := h.verdict(e, u)
		if before.decision == iam.ExplicitlyDenied || before.decision == iam.ImplicitlyDenied {
			if !u.Perhaps {
				out.Beside++
			}
			continue
		}
		after := again.after.verdict(e, u)
		switch {
		case after.decision == iam.Allowed:
			out.Kept++
		case after.decision == iam.Unknown && before.decision == iam.Unknown && len(before.residual) == 0 && again.includes(h, e, u):
			out.Kept++
		case after.decision == iam.Unknown && before.decision == iam.Unknown && again.possible(h, e, u):
			out.Unjudged++
			for _, c := range before.residual {
				if len(again.conditions) < 100 {
					again.conditions[c] = true
				}
			}
		default:
			out.Refused++
			if len(out.Examples) < 20 {
				out.Examples = append(out.Examples, Again{e.Time, e.ID, u.Action, u.Resource})
			}
		}
	}
	out.Conditions = slices.Sorted(maps.Keys(again.conditions))
}

// includes says whether the proposal allows a use, whichever resource it was on, wherever
// the present policies do for certain.
func (a *replayed) includes(h *holder, e *Event, u Use) bool {
	return a.compare(h, e, u, "certain", func(before, after iam.Scoped) bool { return after.Certain.Includes(before.Certain) == iam.Yes })
}

// possible says the same of what they may allow, if what is not known is for it.
func (a *replayed) possible(h *holder, e *Event, u Use) bool {
	return a.compare(h, e, u, "possible", func(before, after iam.Scoped) bool {
		scope := before.Possible
		if u.Resource != "" && !strings.ContainsAny(u.Resource, "*?") {
			scope = scope.Intersect(iam.Of(iam.Literal(u.Resource)))
		}
		return after.Possible.Includes(scope) == iam.Yes
	})
}

func (a *replayed) compare(h *holder, e *Event, u Use, what string, same func(before, after iam.Scoped) bool) bool {
	key := fmt.Sprint(what, "\x00", h.signature(e, u))
	if v, ok := a.included[key]; ok {
		return v
	}
	scope := func(policies []*iam.Compiled) iam.Scoped {
		q := asks(h, e, u)
		q.Account = q.Principal.Account
		return iam.Scope(q, iam.Everything(), iam.Policies{Identity: iam.Supplied(policies...), Resource: h.owner, Boundary: iam.Supplied(), Session: iam.Supplied(), Endpoint: iam.Supplied(),
			SCPs: iam.Levels{Known: true}, RCPs: iam.Levels{Known: true}, Grants: iam.Supplied()})
	}
	v := same(scope(h.policies), scope(a.after.policies))
	if len(a.included) >= mostJudged {
		clear(a.included)
	}
	a.included[key] = v
	return v
}
