package limit

import (
	"testing"
	"time"

	"strongroom"
)

func TestExplain(t *testing.T) {
	purpose := func(q *strongroom.Question) { q.Context.Purpose.Text = "complaint\n12" }
	as := func(who, what string, action strongroom.Action) func(*strongroom.Question) {
		return func(q *strongroom.Question) { q.Principal, q.Resource, q.Action = people[who], resources[what], action }
	}
	all := mustParse(t, `@id("two-eyes") @requires("approval,ticket") permit (principal, action, resource);`)
	failing := mustParse(t, permitAll+`@id("fails") forbid (principal, action == Action::"readObject", resource) when { resource.size + 9223372036854775807 < 0 };`)
	both := mustParse(t, permitAll+`@id("another") permit (principal, action, resource);`)

	tests := []struct {
		name   string
		set    *Set
		q      strongroom.Question
		en, fr string
	}{
		{
			"permitted with a purpose", Default(), reading(purpose),
			"permitted by supervisors-replay-their-queues, which asks for a purpose; the purpose given is “complaint 12”.",
			"permis par « supervisors-replay-their-queues », qui demande un motif ; le motif donné est « complaint 12 ».",
		},
		{
			"permitted without", Default(), reading(as("agent", "lea-fresh", strongroom.ActionReadObject)),
			"permitted by agents-replay-their-own-calls.",
			"permis par « agents-replay-their-own-calls ».",
		},
		{
			"permitted by two", both, reading(),
			"permitted by all and another.",
			"permis par « all » et « another ».",
		},
		{
			"approved", all, reading(func(q *strongroom.Question) {
				q.Context.Purpose.Ticket, q.Context.Approvals = "T-1", []strongroom.ID{id(50)}
			}),
			"permitted by two-eyes, which asks for a ticket and an approval by another person; the ticket given is “T-1”; approvals by others: 1.",
			"permis par « two-eyes », qui demande un ticket et l’approbation d’une autre personne ; le ticket donné est « T-1 » ; approbations par d’autres : 1.",
		},
		{
			"a quorum, behind a ticket system and broken glass", mustParse(t, `@id("many-eyes") @requires("approval:2,ticket") permit (principal, action, resource);`), reading(func(q *strongroom.Question) {
				q.Context.Purpose.Ticket, q.Context.Ticket, q.Context.BreakGlass = "T-1", strongroom.TicketNotYours, id(5)
			}),
			"denied for now: many-eyes would permit it, given a ticket and approvals by 2 other people; the ticket is somebody else’s; the glass was broken by opening 00000000000000000000000000000005.",
			"refusé pour l’instant : « many-eyes » le permettrait, avec un ticket et l’approbation de 2 autres personnes ; le ticket est attribué à quelqu’un d’autre ; sous le bris de glace 00000000000000000000000000000005.",
		},
		{
			"missing", Default(), reading(),
			"denied for now: supervisors-replay-their-queues would permit it, given a purpose.",
			"refusé pour l’instant : « supervisors-replay-their-queues » le permettrait, avec un motif.",
		},
		{
			"forbidden", Default(), reading(as("owner", "held", strongroom.ActionDeleteObject)),
			"denied: forbidden by legal-hold-forbids-deletion.",
			"refusé : interdit par « legal-hold-forbids-deletion ».",
		},
		{
			"administrator", Default(), reading(as("admin", "lea-fresh", strongroom.ActionReadObject)),
			"denied: forbidden by administering-is-not-reading.",
			"refusé : interdit par « administering-is-not-reading ».",
		},
		{
			"no policy", Default(), reading(as("agent", "old-sales", strongroom.ActionReadObject)),
			"denied: no policy permits lea.roux, in group agents, to readObject in bucket recordings.",
			"refusé : aucune règle ne permet à lea.roux, du groupe « agents », l’action readObject dans le bucket recordings.",
		},
		{
			"no policy on a bucket", Default(), reading(as("posing", "recordings", strongroom.ActionListObjects)),
			"denied: no policy permits paul, in groups recorders and scrubbers, to listObjects on bucket recordings.",
			"refusé : aucune règle ne permet à paul, des groupes « recorders » et « scrubbers », l’action listObjects sur le bucket recordings.",
		},
		{
			"no policy in the room", Default(), reading(as("nobody", "room", strongroom.ActionManagePolicy)),
			"denied: no policy permits nadia, who is in no group, to managePolicy in this room.",
			"refusé : aucune règle ne permet à nadia, qui n’est dans aucun groupe, l’action managePolicy dans cette salle.",
		},
		{
			"suspended", Default(), reading(func(q *strongroom.Question) { q.Principal.Suspended = true }),
			"denied before any policy: the account of ines.martin is suspended.",
			"refusé avant toute règle : le compte de ines.martin est suspendu.",
		},
		{
			"expired", Default(), reading(func(q *strongroom.Question) { q.Principal.Expires = noon.Add(-time.Hour) }),
			"denied before any policy: the account of ines.martin has expired.",
			"refusé avant toute règle : le compte de ines.martin a expiré.",
		},
		{
			"failing", failing, reading(),
			`denied, because every doubt denies: policy "fails" (line 2): integer overflow while attempting to add ` + "`1048576` with `9223372036854775807`.",
			`refusé, car tout doute refuse : policy "fails" (line 2): integer overflow while attempting to add ` + "`1048576` with `9223372036854775807`.",
		},
		{
			"malformed", Default(), reading(func(q *strongroom.Question) { q.Action = "open" }),
			"denied before any policy, because the question cannot be answered: the question names an action that policy does not know.",
			"refusé avant toute règle, car la question n’a pas de réponse : the question names an action that policy does not know.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.set.Decide(tt.q)
			if got := tt.set.Explain(tt.q, d, "en"); got != tt.en {
				t.Errorf("got  %s\nwant %s", got, tt.en)
			}
			if got := tt.set.Explain(tt.q, d, "fr"); got != tt.fr {
				t.Errorf("got  %s\nwant %s", got, tt.fr)
			}
			if tt.set.Explain(tt.q, d, "de") != tt.en {
				t.Error("an unknown language is not answered in English")
			}
		})
	}
}

func TestExplainOfAnotherSetsDecisionClaimsNothing(t *testing.T) {
	q := reading()
	q.Context.Purpose.Text = "audit"
	d := Default().Decide(q)
	other := mustParse(t, `@id("supervisors-replay-their-queues") @requires("approval") permit (principal, action, resource);`)
	if got := other.Explain(q, d, "en"); got != "permitted by supervisors-replay-their-queues." {
		t.Errorf("got %s", got)
	}
}
