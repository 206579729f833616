package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/vault"
)

// requestsData is a list of requests.
type requestsData struct {
	Waiting, Mine, Others []vault.Request
	All                   bool // Others is everybody's, for those who review access
}

func requestSection() section {
	return section{name: "requests", path: "/requests", routes: map[string]func(*visit) error{
		"GET /requests":                (*visit).requests,
		"GET /requests/{id}":           (*visit).request,
		"POST /requests/{id}/approve":  (*visit).approve,
		"POST /requests/{id}/refuse":   (*visit).refuse,
		"POST /requests/{id}/withdraw": (*visit).withdraw,
	}}
}

func (v *visit) requests() error {
	var d requestsData
	var err error
	ctx, room := v.r.Context(), v.room.Vault
	if d.Waiting, err = room.Requests(ctx, v.caller, vault.RequestsWaiting, false); err != nil {
		return err
	}
	if d.Mine, err = room.Requests(ctx, v.caller, vault.RequestsMine, true); err != nil {
		return err
	}
	if d.All = room.Offers(v.caller, strongroom.ActionReviewAccess); d.All {
		all, err := room.Requests(ctx, v.caller, vault.RequestsAll, true)
		if err != nil {
			return err
		}
		listed := func(q vault.Request) bool {
			return q.Asker == v.who.Holder.ID || slices.ContainsFunc(d.Waiting, func(w vault.Request) bool { return w.ID == q.ID })
		}
		d.Others = slices.DeleteFunc(all, listed)
	}
	slices.Reverse(d.Mine)
	slices.Reverse(d.Others)
	d.Mine, d.Others = d.Mine[:min(len(d.Mine), 100)], d.Others[:min(len(d.Others), 100)]
	v.badge("requests", len(d.Waiting))
	return v.show("requests", "requests", d)
}

// requestData is one request, as its reader meets it.
type requestData struct {
	vault.RequestSeen
	Own       bool
	Approved  bool // by the reader already
	MayAnswer bool
	Status    string
	Holding   int
	Needed    int
	Hold      time.Duration
	Sum       requestSum
	First     []askedObject // of what is asked for
	Rest      []askedObject
}

// askedObject is one of what is asked for.
type askedObject struct {
	vault.Hit
	ByVersion bool // the asker named this version
}

// requestSum is what many objects are, taken together.
type requestSum struct {
	Kinds, Queues, Agents []tally
	Customers             int
	Since, Until          time.Time // zero where none is known
	Untold                int       // of which the reader is told the name alone
}

// tally is how often something occurs.
type tally struct {
	What string
	N    int
}

// askedFirst is how many objects of a request show at once; the others are folded, and
// summed up.
const askedFirst = 5

func (p *page) sumOf(all []vault.Hit) requestSum {
	var sum requestSum
	kinds, queues, agents, customers := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, h := range all {
		if h.Sort == "" {
			sum.Untold++
			continue
		}
		kinds[p.KindOf(h.Sort, h.Kind)]++
		queues[cmp.Or(named(h.Queue), "–")]++
		agents[cmp.Or(named(h.Agent), "–")]++
		if h.Customer != "" {
			customers[h.Customer]++
		}
		if sum.Since.IsZero() || h.At.Before(sum.Since) {
			sum.Since = h.At
		}
		if h.At.After(sum.Until) {
			sum.Until = h.At
		}
	}
	sum.Kinds, sum.Queues, sum.Agents, sum.Customers = tallied(kinds), tallied(queues), tallied(agents), len(customers)
	return sum
}

// tallied is the most frequent first.
func tallied(n map[string]int) []tally {
	var all []tally
	for what, count := range n {
		all = append(all, tally{what, count})
	}
	slices.SortFunc(all, func(a, b tally) int { return cmp.Or(b.N-a.N, strings.Compare(a.What, b.What)) })
	return all
}

func (v *visit) request() error {
	id, err := v.id()
	if err != nil {
		return errNowhere(v)
	}
	q, err := v.room.Vault.SeeRequest(v.r.Context(), v.caller, id)
	if strongroom.KindOf(err) == strongroom.KindInvalid {
		return errNowhere(v)
	}
	if err != nil {
		return err
	}
	now := v.c.Clock()
	d := requestData{RequestSeen: q, Own: q.Asker == v.who.Holder.ID, Status: q.Status(now), Hold: time.Duration(v.room.Vault.RequestBounds().Hold) * time.Second}
	for _, a := range q.Approvals {
		d.Approved = d.Approved || a.By == v.who.Holder.ID
		if q.Ended != nil || now.Before(a.Ends) {
			d.Holding++
		}
	}
	d.Needed = max(0, q.Quorum-d.Holding)
	for i, h := range q.What {
		one := askedObject{Hit: h, ByVersion: q.Objects[i].ByVersion}
		if i < askedFirst {
			d.First = append(d.First, one)
		} else {
			d.Rest = append(d.Rest, one)
		}
	}
	if len(d.Rest) > 0 {
		d.Sum = v.page.sumOf(q.What)
	}
	open := d.Status == vault.RequestWaiting || d.Status == vault.RequestApproved
	if open && !d.Own {
		if d.MayAnswer, err = v.room.Vault.MayAnswer(v.r.Context(), v.caller, id); err != nil {
			return err
		}
	}
	v.page.Title = "request.title"
	return v.show("request", "requests", d)
}

// Becomes says what labels are to become.
func (p *page) Becomes(to *vault.NewLabel) string {
	var parts []string
	if to.Confidential != nil && !*to.Confidential {
		parts = append(parts, p.T("request.becomes.open"))
	}
	if to.Classes != nil {
		parts = append(parts, p.T("request.becomes.classes", cmp.Or(strings.Join(to.Classes, ", "), "–")))
	}
	return strings.Join(parts, " · ")
}

func (v *visit) approve() error {
	id, err := v.id()
	if err == nil {
		err = v.confirmed("approve", id)
	}
	if err != nil {
		return err
	}
	if _, err := v.room.Vault.Approve(v.r.Context(), v.caller, id, v.r.PostFormValue("comment"), 0); err != nil {
		return err
	}
	return v.back("/requests/"+id.String(), "approved")
}

func (v *visit) refuse() error {
	id, err := v.id()
	if err == nil {
		err = v.confirmed("refuse", id)
	}
	if err != nil {
		return err
	}
	if _, err := v.room.Vault.RefuseRequest(v.r.Context(), v.caller, id, v.r.PostFormValue("comment")); err != nil {
		return err
	}
	return v.back("/requests/"+id.String(), "refused")
}

func (v *visit) withdraw() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	if _, err := v.room.Vault.WithdrawRequest(v.r.Context(), v.caller, id); err != nil {
		return err
	}
	return v.back("/requests/"+id.String(), "withdrawn")
}

var requestWords = map[string]said{
	"requests.lead":         {"Access that policy gives only with somebody else’s approval.", "Les accès que la politique n’accorde qu’avec l’accord d’une autre personne."},
	"requests.waiting":      {"Waiting for your answer", "En attente de votre réponse"},
	"requests.waiting.none": {"No request waits for your answer.", "Aucune demande n’attend votre réponse."},
	"requests.mine":         {"Yours", "Les vôtres"},
	"requests.mine.none":    {"You have not asked for anything lately. Where policy refuses you a recording, the refusal says how to ask for it.", "Vous n’avez rien demandé récemment. Lorsqu’un enregistrement vous est refusé, le refus indique comment le demander."},
	"requests.others":       {"Everybody else’s", "Celles des autres"},
	"requests.others.none":  {"Nobody else has asked for anything lately.", "Personne d’autre n’a fait de demande récemment."},
	"requests.who":          {"Who", "Qui"},
	"requests.what":         {"What", "Quoi"},
	"requests.why":          {"Why", "Pourquoi"},
	"requests.when":         {"Asked", "Demandé"},
	"requests.status":       {"Status", "État"},

	"action.readObject":      {"open", "ouvrir"},
	"action.downloadObject":  {"download", "télécharger"},
	"action.readMetadata":    {"see the details of", "voir les détails de"},
	"action.deleteObject":    {"delete", "supprimer"},
	"action.tagObject":       {"tag", "étiqueter"},
	"action.holdObject":      {"place or lift a legal hold on", "poser ou lever une conservation légale sur"},
	"action.retainObject":    {"change the retention of", "modifier la conservation de"},
	"action.bypassRetention": {"bypass the retention of", "passer outre la conservation de"},
	"action.relabel":         {"change the label of", "modifier la classification de"},
	"action.loosenLabel":     {"loosen the label of", "assouplir la classification de"},

	"request.objects":         {"%s recording|%s recordings", "%s enregistrement|%s enregistrements"},
	"request.title":           {"Request", "Demande"},
	"request.asks":            {"%s asks to %s", "%s demande à %s"},
	"request.purpose":         {"Purpose", "Motif"},
	"request.becomes":         {"Label becomes", "Nouvelle classification"},
	"request.becomes.open":    {"not confidential any more", "plus confidentielle"},
	"request.becomes.classes": {"only these classes: %s", "ces classes seulement : %s"},
	"request.ticket":          {"Ticket", "Ticket"},
	"request.asked":           {"Asked", "Demandée"},
	"request.answerby":        {"Answer by", "Répondre avant"},
	"request.until":           {"Needed until", "Valable jusqu’au"},
	"request.quorum":          {"Approvals", "Accords"},
	"request.quorum.of":       {"%d of %d", "%d sur %d"},
	"request.list":            {"What is asked for", "Ce qui est demandé"},
	"request.version":         {"this version only", "cette version seulement"},
	"request.bucket":          {"Bucket", "Compartiment"},
	"request.rest":            {"Show %s more|Show the other %s", "Afficher %s autre|Afficher les %s autres"},
	"request.kinds":           {"Kinds", "Types"},
	"request.queues":          {"Queues", "Files d’attente"},
	"request.agents":          {"Agents", "Agents"},
	"request.customers":       {"Customers", "Clients"},
	"request.period":          {"Period", "Période"},
	"request.period.of":       {"%s to %s", "du %s au %s"},
	"request.untold":          {"Of %s you may see the name only.|Of %s you may see the names only.", "Pour %s d’entre eux, vous ne voyez que le nom.|Pour %s d’entre eux, vous ne voyez que le nom."},
	"request.earlier":         {"Asked by %s before", "Demandes antérieures de %s"},
	"request.earlier.none":    {"Nothing that you may see.", "Aucune que vous puissiez voir."},
	"request.history":         {"Answers so far", "Réponses jusqu’ici"},
	"request.approved.by":     {"%s approved, until %s", "%s a donné son accord, jusqu’au %s"},
	"request.expired":         {"It was not approved in time. Whoever needs it still asks again.", "Aucun accord n’a été donné à temps. Qui en a encore besoin refait une demande."},
	"request.none":            {"Nobody has answered yet.", "Personne n’a encore répondu."},
	"request.own.approved":    {"It is approved: open what you need from the list above.", "Elle est approuvée : ouvrez ce dont vous avez besoin dans la liste ci-dessus."},
	"request.own":             {"This is your own request. Somebody else answers it.", "C’est votre propre demande. Une autre personne y répondra."},
	"request.already":         {"You have approved it. You may still refuse it.", "Vous avez donné votre accord. Vous pouvez encore refuser."},
	"request.your":            {"Your answer", "Votre réponse"},
	"request.comment":         {"Comment, or the reason of a refusal", "Commentaire, ou raison d’un refus"},
	"request.comment.why":     {"The asker reads it, and it stays on record. A refusal needs a reason.", "Le demandeur le lit, et il reste inscrit au registre. Un refus doit être motivé."},
	"request.approve":         {"Approve with passkey", "Approuver avec la clé d’accès"},
	"request.refuse":          {"Refuse with passkey", "Refuser avec la clé d’accès"},
	"request.hold":            {"An approval holds for %s, and is on record with your name.", "Un accord vaut %s et reste inscrit à votre nom."},
	"request.withdraw":        {"Withdraw this request", "Retirer cette demande"},
	"request.ended":           {"%s, %s", "%s, le %s"},
	"request.ended.by":        {"%s by %s, %s", "%s par %s, le %s"},

	"status.waiting":   {"waiting", "en attente"},
	"status.approved":  {"approved", "approuvée"},
	"status.refused":   {"refused", "refusée"},
	"status.withdrawn": {"withdrawn", "retirée"},
	"status.expired":   {"expired", "expirée"},
	"status.over":      {"over", "terminée"},

	"said.approved":  {"You approved the request.", "Vous avez approuvé la demande."},
	"said.refused":   {"You refused the request.", "Vous avez refusé la demande."},
	"said.withdrawn": {"You withdrew the request.", "Vous avez retiré la demande."},
}
