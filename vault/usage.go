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

// HistoryRight is how much of what was done to a version somebody may learn.
type HistoryRight struct {
	Names UsageNames
	Own   string // pseudonym of whoever asks
	All   bool   // everybody's part: they may read usage. Else their own alone
	Words bool   // and others' purposes and words: they may read the personal parts of the ledger
}

// ReadHistory puts on record that somebody looks at what was done to one version, and
// answers how much of that they may learn.
func (r *Room) ReadHistory(ctx context.Context, c Caller, version strongroom.ID) (HistoryRight, error) {
	a := r.decide(c, strongroom.ActionReadUsage, strongroom.Resource{})
	who := a.question.Principal
	h := HistoryRight{Own: r.actor(who.ID), All: a.decision.Permit}
	h.Words = h.All && r.decide(c, strongroom.ActionReadLedger, strongroom.Resource{}).decision.Permit
	e, p := r.evidence(KindUsageRead, a), a.personal()
	p.Detail = "history of " + version.String()
	switch {
	case h.Words:
		p.Detail += ", with purposes"
	case !h.All:
		e = Evidence{Action: KindUsageRead, Actor: h.Own}
		p = Personal{By: who.Name, Session: c.Session, RequestID: c.RequestID, Detail: "own part of the history of " + version.String() + ", by " + who.Name}
	}
	if _, err := r.apply(ctx, KindUsageRead, e, p, book.Change{}); err != nil {
		return HistoryRight{}, unavailable("reading the history could not be recorded, so nothing is shown", err)
	}
	if h.All {
		h.Names = r.usageNames()
	} else {
		h.Names = UsageNames{people: map[string]strongroom.Principal{h.Own: who}}
	}
	return h, nil
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
