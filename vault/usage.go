package vault

import (
	"context"
	"strings"

	"strongroom"
	"strongroom/book"
)

// KindUsageRead is the kind of record that somebody asked who accessed what, when and how
// often.
const KindUsageRead = "usage-read"

// usageQuestion bounds what a record keeps of a question about usage, in bytes.
const usageQuestion = 1024

// UsageNames says who the pseudonyms in evidence are.
type UsageNames struct {
	people map[string]strongroom.Principal // by pseudonym
	actors map[string]string               // by name
	room   *Room
}

// Principal answers who a pseudonym is now, among those whom the room knows.
func (n UsageNames) Principal(actor string) (strongroom.Principal, bool) {
	p, known := n.people[actor]
	return p, known
}

// Actor answers the pseudonym of a principal's name.
func (n UsageNames) Actor(name string) (string, bool) {
	actor, known := n.actors[name]
	return actor, known
}

// ActorOf answers the pseudonym of a principal whom the room knows.
func (n UsageNames) ActorOf(id strongroom.ID) (string, bool) {
	actor := n.room.actor(id)
	_, known := n.people[actor]
	return actor, known
}

// Tag stands for a name where the name itself must not stand, such as an address. It is a
// keyed hash: nobody without the room's keys can try a guess.
func (n UsageNames) Tag(what, name string) string { return mac(n.room.tagKey, "usage", what, name) }

// ReadUsage decides whether somebody may learn who accessed what, when and how often, puts
// on record what they asked, in words, and answers whom the pseudonyms stand for. Whoever
// answers questions about usage asks here first, also where it is about the asker.
func (r *Room) ReadUsage(ctx context.Context, c Caller, question string) (UsageNames, error) {
	a := r.decide(c, strongroom.ActionReadUsage, strongroom.Resource{})
	if !a.decision.Permit {
		return UsageNames{}, r.refuse(ctx, a)
	}
	p := a.personal()
	if len(question) > usageQuestion {
		question = strings.ToValidUTF8(question[:usageQuestion], "") + "…"
	}
	p.Detail = question
	if _, err := r.apply(ctx, KindUsageRead, r.evidence(KindUsageRead, a), p, book.Change{}); err != nil {
		return UsageNames{}, unavailable("reading usage could not be recorded, so nothing is shown", err)
	}
	return r.usageNames(), nil
}

// ReadHistory puts on record that somebody looks at what was done to one version, and
// answers how much of that they may learn: everybody's part where they may read usage, else
// what they did themselves, who go by the pseudonym own.
func (r *Room) ReadHistory(ctx context.Context, c Caller, version strongroom.ID) (names UsageNames, all bool, own string, err error) {
	a := r.decide(c, strongroom.ActionReadUsage, strongroom.Resource{})
	own = r.actor(a.question.Principal.ID)
	e, p := r.evidence(KindUsageRead, a), a.personal()
	p.Detail = "history of " + version.String()
	if all = a.decision.Permit; !all {
		e = Evidence{Action: KindUsageRead, Actor: own}
		p = Personal{Session: c.Session, RequestID: c.RequestID, Detail: "own part of the history of " + version.String() + ", by " + a.question.Principal.Name}
	}
	if _, err := r.apply(ctx, KindUsageRead, e, p, book.Change{}); err != nil {
		return UsageNames{}, false, "", unavailable("reading the history could not be recorded, so nothing is shown", err)
	}
	if !all {
		return UsageNames{people: map[string]strongroom.Principal{own: a.question.Principal}}, false, own, nil
	}
	return r.usageNames(), true, own, nil
}

func (r *Room) usageNames() UsageNames {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	n := UsageNames{make(map[string]strongroom.Principal, len(r.state.principals)), make(map[string]string, len(r.state.principals)), r}
	for id, p := range r.state.principals {
		actor := r.actor(id)
		n.people[actor], n.actors[p.Name] = p, actor
	}
	return n
}
