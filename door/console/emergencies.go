package console

import (
	"slices"
	"strconv"
	"time"

	"strongroom"
	"strongroom/vault"
)

// actsMost is how many acts behind one opening the page shows.
const actsMost = 500

func emergencySection() section {
	return section{
		name: "emergencies", path: "/emergencies",
		offered: func(v *visit) bool {
			return v.mayBreakGlass() || v.room.Vault.Offers(v.caller, strongroom.ActionReviewAccess)
		},
		routes: map[string]func(*visit) error{
			"GET /emergencies":              (*visit).emergencies,
			"POST /emergencies/open":        (*visit).openEmergency,
			"POST /emergencies/end":         (*visit).endEmergency,
			"GET /emergencies/{id}":         (*visit).review,
			"POST /emergencies/{id}/review": (*visit).finishReview,
		},
	}
}

// mayBreakGlass reports whether policy would let this person open emergency access, given
// a reason.
func (v *visit) mayBreakGlass() bool {
	c := v.caller
	c.Purpose = strongroom.Purpose{Text: "…", Ticket: "…"}
	return v.room.Vault.Offers(c, strongroom.ActionBreakGlass)
}

// openingTimes are the lengths that the page offers, in minutes.
var openingTimes = []int{15, 30, 60, 120, 240}

type emergenciesData struct {
	MayOpen, MayReview bool
	Times              []time.Duration
	Waiting, Done      []vault.Behind
}

func (v *visit) emergencies() error {
	d := emergenciesData{MayOpen: v.mayBreakGlass() && v.page.Emergency == nil, MayReview: v.room.Vault.Offers(v.caller, strongroom.ActionReviewAccess)}
	for _, m := range openingTimes {
		d.Times = append(d.Times, time.Duration(m)*time.Minute)
	}
	if d.MayReview {
		all, err := v.room.Vault.Reviews(v.r.Context(), v.caller, true)
		if err != nil {
			return err
		}
		for _, b := range all {
			if b.Reviewed == nil {
				d.Waiting = append(d.Waiting, b)
			} else {
				d.Done = append(d.Done, b)
			}
		}
		slices.Reverse(d.Done)
		d.Done = d.Done[:min(len(d.Done), 100)]
		v.badge("emergencies", len(d.Waiting))
	}
	v.page.Title = "review.title"
	return v.show("emergencies", "emergencies", d)
}

func (v *visit) openEmergency() error {
	minutes, err := strconv.Atoi(v.r.PostFormValue("minutes"))
	if err != nil || !slices.Contains(openingTimes, minutes) || v.r.PostFormValue("sure") == "" {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.emergency")}
	}
	if err := v.confirmed("break-glass", v.who.Holder.ID); err != nil {
		return err
	}
	why := strongroom.Purpose{Text: v.r.PostFormValue("reason"), Ticket: v.r.PostFormValue("ticket")}
	if _, err := v.room.Vault.BreakGlass(v.r.Context(), v.caller, why, time.Duration(minutes)*time.Minute); err != nil {
		return err
	}
	return v.back("/emergencies", "emergency.open")
}

func (v *visit) endEmergency() error {
	if _, err := v.room.Vault.MendGlass(v.r.Context(), v.caller); err != nil {
		return err
	}
	return v.back("/emergencies", "emergency.ended")
}

type reviewData struct {
	vault.ReviewSeen
	Own     bool // nobody reviews what they did themselves
	Running bool
	MayRead bool // the ledger
}

func (v *visit) review() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	b, err := v.room.Vault.SeeReview(v.r.Context(), v.caller, id, actsMost)
	if err != nil {
		return err
	}
	d := reviewData{ReviewSeen: b, Own: b.By == v.who.Holder.ID, Running: v.c.Clock().Before(b.End()), MayRead: v.room.Vault.Offers(v.caller, strongroom.ActionReadLedger)}
	v.page.Title = "review.title"
	return v.show("emergency", "emergencies", &d)
}

func (v *visit) finishReview() error {
	id, err := v.id()
	if err == nil {
		err = v.confirmed("review", id)
	}
	if err != nil {
		return err
	}
	if _, err := v.room.Vault.FinishReview(v.r.Context(), v.caller, id, v.r.PostFormValue("finding")); err != nil {
		return err
	}
	return v.back("/emergencies", "reviewed")
}

// Minutes is a whole number of minutes, for a form.
func (p *page) Minutes(d time.Duration) int { return int(d.Minutes()) }

// Length is a length of time in words.
func (p *page) Length(d time.Duration) string {
	if d < time.Hour {
		return p.N("time.whole.minutes", int(d.Minutes()))
	}
	return p.N("time.whole.hours", int(d.Hours()))
}

var emergencyWords = map[string]said{
	"emergency.banner":       {"Emergency access is open.", "Accès d’urgence ouvert."},
	"emergency.banner.until": {"It ends at %s (%s). Each thing you do is on record and will be reviewed.", "Il prend fin à %s (%s). Chacun de vos actes est inscrit et sera examiné."},
	"emergency.end":          {"End it now", "Y mettre fin"},
	"emergency.lead":         {"For when waiting for an approval would do harm. It is loud, and everything done behind it is reviewed.", "Pour les cas où attendre un accord causerait un dommage. L’ouverture est signalée et tout ce qui suit est examiné."},
	"emergency.open":         {"Open emergency access", "Ouvrir un accès d’urgence"},
	"emergency.what.act":     {"You may do what policy keeps for emergencies, in your own name, until the time you choose is over.", "Vous pouvez faire ce que la politique réserve aux urgences, en votre nom, jusqu’à la fin de la durée choisie."},
	"emergency.what.told":    {"Everybody who receives this room’s alerts is told at once that you opened it, and when.", "Toutes les personnes qui reçoivent les alertes de cette salle sont prévenues aussitôt que vous l’avez ouvert."},
	"emergency.what.seen":    {"Somebody else goes through each thing that you did, with your reason beside it. After three openings that nobody has reviewed there is no fourth.", "Une autre personne examine chacun de vos actes, avec votre motif. Après trois ouvertures non examinées, il n’y en a pas de quatrième."},
	"emergency.reason":       {"What is the emergency?", "Quelle est l’urgence ?"},
	"emergency.ticket":       {"Ticket, if there is one", "Ticket, s’il y en a un"},
	"emergency.how.long":     {"For how long", "Pour combien de temps"},
	"time.whole.minutes":     {"%s minute|%s minutes", "%s minute|%s minutes"},
	"time.whole.hours":       {"%s hour|%s hours", "%s heure|%s heures"},
	"emergency.sure":         {"I know that others are told now, and that all of it is reviewed.", "Je sais que d’autres sont prévenus maintenant et que tout sera examiné."},
	"emergency.button":       {"Open it with passkey", "Ouvrir avec la clé d’accès"},
	"emergency.now":          {"What you may do now", "Ce que vous pouvez faire maintenant"},
	"emergency.now.how":      {"Find what the emergency needs and open it. Your reason is filled in each time. End it as soon as you are done.", "Trouvez ce dont l’urgence a besoin et ouvrez-le. Votre motif est repris à chaque fois. Mettez-y fin dès que vous avez terminé."},
	"emergency.none":         {"Policy lets you open no emergency access.", "La politique ne vous permet pas d’ouvrir un accès d’urgence."},
	"emergency.reviews":      {"To review", "À examiner"},
	"emergency.reviews.none": {"No emergency access waits for a review.", "Aucun accès d’urgence n’attend d’examen."},
	"emergency.done":         {"Reviewed", "Examinés"},
	"emergency.done.none":    {"None so far. What is opened in an emergency shows up here once somebody has looked at it.", "Aucun pour l’instant. Ce qui est ouvert en urgence apparaît ici une fois examiné."},
	"emergency.running":      {"open until %s", "ouvert jusqu’au %s"},
	"emergency.seen":         {"reviewed", "examiné"},
	"emergency.wait":         {"to review", "à examiner"},

	"review.title":       {"Emergency access", "Accès d’urgence"},
	"review.why":         {"Why", "Pourquoi"},
	"review.opened":      {"Opened", "Ouvert"},
	"review.ended":       {"Ended", "Terminé"},
	"review.ends":        {"Ends", "Prend fin"},
	"review.ticket":      {"Ticket", "Ticket"},
	"review.sum":         {"What was done", "Ce qui a été fait"},
	"review.objects":     {"Objects opened", "Objets ouverts"},
	"review.bytes":       {"Delivered", "Remis"},
	"review.unended":     {"without %s opening whose delivery is not on record|without %s openings whose delivery is not on record", "sans %s ouverture dont la remise n’est pas inscrite|sans %s ouvertures dont la remise n’est pas inscrite"},
	"review.refused":     {"Refused", "Refusés"},
	"review.other":       {"Other acts", "Autres actes"},
	"review.erased":      {"Records erased since", "Inscriptions effacées depuis"},
	"review.acts":        {"Each act", "Chaque acte"},
	"review.acts.none":   {"Nothing was done behind it.", "Rien n’a été fait sous ce couvert."},
	"review.when":        {"When", "Quand"},
	"review.did":         {"Act", "Acte"},
	"review.what":        {"What", "Quoi"},
	"review.outcome":     {"Outcome", "Issue"},
	"review.record":      {"Record", "Inscription"},
	"review.permitted":   {"permitted", "permis"},
	"review.denied":      {"refused", "refusé"},
	"review.more":        {"%s act more is not shown: see the ledger|%s acts more are not shown: see the ledger", "%s acte de plus n’est pas affiché : voyez le registre|%s actes de plus ne sont pas affichés : voyez le registre"},
	"review.own":         {"This is your own. Somebody else reviews it.", "C’est le vôtre. Une autre personne l’examine."},
	"review.early":       {"It still runs. Review it when it is over.", "Il est encore ouvert. Examinez-le une fois terminé."},
	"review.yours":       {"Your finding", "Votre constat"},
	"review.finding":     {"Was it an emergency, and was what was done needed for it?", "Était-ce une urgence, et ce qui a été fait était-il nécessaire ?"},
	"review.finding.how": {"It goes on record with your name and ends the review.", "Il reste inscrit à votre nom et clôt l’examen."},
	"review.button":      {"End the review with passkey", "Clore l’examen avec la clé d’accès"},
	"review.by":          {"%s reviewed it, %s", "%s l’a examiné, le %s"},

	"error.emergency":      {"Choose for how long, and confirm that you know what it does.", "Choisissez une durée et confirmez que vous savez ce que cela implique."},
	"said.emergency.open":  {"Emergency access is open. Those who watch are being told.", "L’accès d’urgence est ouvert. Les personnes qui veillent en sont prévenues."},
	"said.emergency.ended": {"Emergency access has ended. Somebody else will review what you did.", "L’accès d’urgence est terminé. Une autre personne examinera vos actes."},
	"said.reviewed":        {"The review is done, and on record.", "L’examen est clos et inscrit."},
}
