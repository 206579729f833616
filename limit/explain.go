package limit

import (
	"fmt"
	"strings"
	"unicode"

	"strongroom"
)

// Explain says in one sentence, in English ("en") or French ("fr"), why d
// answers q, naming the policies. It is for those who keep policies and records,
// not for the asker: that is d.Reason. Any other language is answered in English.
func (s *Set) Explain(q strongroom.Question, d strongroom.Decision, lang string) string {
	v, ok := voices[lang]
	if !ok {
		v = &english
	}
	why := standing(&q)
	switch {
	case len(d.Errors) > 0 && len(d.Policies) == 0:
		return fmt.Sprintf(v.malformed, strings.Join(d.Errors, "; "))
	case len(d.Errors) > 0:
		return fmt.Sprintf(v.doubt, strings.Join(d.Errors, "; "))
	case why != "":
		return fmt.Sprintf(v.standing, q.Principal.Name, v.standings[why])
	case d.Permit:
		return fmt.Sprintf(v.permitted, v.policies(d.Policies)) + s.asked(&q, d, v) + v.circumstances(&q) + "."
	case len(d.Missing) > 0:
		return fmt.Sprintf(v.missing, v.policies(d.Policies), v.obligations(d.Missing)) + v.circumstances(&q) + "."
	case len(d.Policies) > 0:
		return fmt.Sprintf(v.forbidden, v.policies(d.Policies))
	}
	who := q.Principal.Name
	if groups := q.Principal.Groups; len(groups) == 0 {
		who += v.noGroup
	} else {
		who += fmt.Sprintf(v.groups[min(len(groups), 2)-1], enumerate(quoted(groups, v), v.and))
	}
	on := v.room
	switch {
	case q.Resource.Key != "" && q.Action != strongroom.ActionListObjects:
		on = fmt.Sprintf(v.inBucket, q.Resource.Bucket)
	case q.Resource.Bucket != "":
		on = fmt.Sprintf(v.onBucket, q.Resource.Bucket)
	}
	return fmt.Sprintf(v.none, who, q.Action, on)
}

// asked says what the one permit asks for and what was given; of several, and of
// another set's, nothing.
func (s *Set) asked(q *strongroom.Question, d strongroom.Decision, v *voice) string {
	if d.PolicySet != s.hash || len(d.Policies) != 1 || s.policies[d.Policies[0]] == nil {
		return ""
	}
	asks := s.policies[d.Policies[0]].requires
	if len(asks) == 0 {
		return ""
	}
	out := fmt.Sprintf(v.asks, v.obligations(asks))
	for _, o := range asks {
		switch kindOf(o) {
		case strongroom.ObligePurpose:
			out += fmt.Sprintf(v.givenPurpose, oneLine(q.Context.Purpose.Text))
		case strongroom.ObligeTicket:
			out += fmt.Sprintf(v.givenTicket, oneLine(q.Context.Purpose.Ticket))
		case strongroom.ObligeApproval:
			out += fmt.Sprintf(v.givenApprovals, approvals(q))
		}
	}
	return out
}

// circumstances says what the ticket system said, and that the glass was broken.
func (v *voice) circumstances(q *strongroom.Question) (out string) {
	if said, ok := v.tickets[q.Context.Ticket]; ok {
		out += v.then + said
	}
	if !q.Context.BreakGlass.IsZero() {
		out += v.then + fmt.Sprintf(v.glass, q.Context.BreakGlass)
	}
	return out
}

// voice is the wording of one language.
type voice struct {
	permitted, asks, missing, forbidden, none string
	doubt, malformed, standing                string
	givenPurpose, givenTicket, givenApprovals string
	noGroup, room, inBucket, onBucket         string
	groups                                    [2]string
	and, quote                                string
	standings                                 map[string]string
	names                                     map[strongroom.Obligation]string
	several                                   string // approvals by so many others
	then, glass                               string
	tickets                                   map[strongroom.TicketState]string
}

var voices = map[string]*voice{"en": &english, "fr": &french}

var english = voice{
	permitted:      "permitted by %s",
	asks:           ", which asks for %s",
	givenPurpose:   "; the purpose given is “%s”",
	givenTicket:    "; the ticket given is “%s”",
	givenApprovals: "; approvals by others: %d",
	missing:        "denied for now: %s would permit it, given %s",
	forbidden:      "denied: forbidden by %s.",
	none:           "denied: no policy permits %s to %s %s.",
	doubt:          "denied, because every doubt denies: %s.",
	malformed:      "denied before any policy, because the question cannot be answered: %s.",
	standing:       "denied before any policy: the account of %s %s.",
	standings:      map[string]string{"is suspended": "is suspended", "has expired": "has expired"},
	noGroup:        ", who is in no group,",
	groups:         [2]string{", in group %s,", ", in groups %s,"},
	room:           "in this room",
	inBucket:       "in bucket %s",
	onBucket:       "on bucket %s",
	and:            "and",
	quote:          "%s",
	names: map[strongroom.Obligation]string{
		strongroom.ObligePurpose:      "a purpose",
		strongroom.ObligeTicket:       "a ticket",
		strongroom.ObligeApproval:     "an approval by another person",
		strongroom.ObligeScrubbedCopy: "the scrubbed copy",
	},
	several: "approvals by %d other people",
	then:    "; ",
	glass:   "the glass was broken by opening %s",
	tickets: map[strongroom.TicketState]string{
		strongroom.TicketGood:        "the ticket system knows the ticket as open and the asker’s",
		strongroom.TicketUnknown:     "the ticket system knows no such ticket",
		strongroom.TicketClosed:      "the ticket is closed",
		strongroom.TicketNotYours:    "the ticket is somebody else’s",
		strongroom.TicketUnreachable: "the ticket system cannot be reached",
	},
}

var french = voice{
	permitted:      "permis par %s",
	asks:           ", qui demande %s",
	givenPurpose:   " ; le motif donné est « %s »",
	givenTicket:    " ; le ticket donné est « %s »",
	givenApprovals: " ; approbations par d’autres : %d",
	missing:        "refusé pour l’instant : %s le permettrait, avec %s",
	forbidden:      "refusé : interdit par %s.",
	none:           "refusé : aucune règle ne permet à %s l’action %s %s.",
	doubt:          "refusé, car tout doute refuse : %s.",
	malformed:      "refusé avant toute règle, car la question n’a pas de réponse : %s.",
	standing:       "refusé avant toute règle : le compte de %s %s.",
	standings:      map[string]string{"is suspended": "est suspendu", "has expired": "a expiré"},
	noGroup:        ", qui n’est dans aucun groupe,",
	groups:         [2]string{", du groupe %s,", ", des groupes %s,"},
	room:           "dans cette salle",
	inBucket:       "dans le bucket %s",
	onBucket:       "sur le bucket %s",
	and:            "et",
	quote:          "« %s »",
	names: map[strongroom.Obligation]string{
		strongroom.ObligePurpose:      "un motif",
		strongroom.ObligeTicket:       "un ticket",
		strongroom.ObligeApproval:     "l’approbation d’une autre personne",
		strongroom.ObligeScrubbedCopy: "la copie expurgée",
	},
	several: "l’approbation de %d autres personnes",
	then:    " ; ",
	glass:   "sous le bris de glace %s",
	tickets: map[strongroom.TicketState]string{
		strongroom.TicketGood:        "le ticket est ouvert et attribué au demandeur, d’après le système de tickets",
		strongroom.TicketUnknown:     "le système de tickets ne connaît pas ce ticket",
		strongroom.TicketClosed:      "le ticket est clos",
		strongroom.TicketNotYours:    "le ticket est attribué à quelqu’un d’autre",
		strongroom.TicketUnreachable: "le système de tickets est injoignable",
	},
}

func (v *voice) policies(ids []string) string { return enumerate(quoted(ids, v), v.and) }

func (v *voice) obligations(list []strongroom.Obligation) string {
	names := make([]string, len(list))
	for i, o := range list {
		if n := o.Approvals(); n > 1 {
			names[i] = fmt.Sprintf(v.several, n)
		} else {
			names[i] = v.names[o]
		}
	}
	return enumerate(names, v.and)
}

func quoted(list []string, v *voice) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf(v.quote, s)
	}
	return out
}

// oneLine keeps what an asker wrote from breaking the sentence or the terminal
// that it is printed on.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
}

// enumerate joins a list as a sentence does: "a, b and c".
func enumerate(list []string, and string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " " + and + " " + list[len(list)-1]
}
