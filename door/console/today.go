package console

import (
	"context"
	"sync"

	"strongroom"
	"strongroom/alert"
	"strongroom/vault"
)

// todayMost is how many lines of each kind the page shows; the rest is behind a link.
const todayMost = 5

// todayData is what waits for somebody.
type todayData struct {
	Waiting                        []vault.Request // for an answer of theirs
	Mine                           []vault.Request // that have not ended
	Alerts                         []alert.Alert   // open
	Reviews                        []vault.Behind  // that nobody has done
	MayAlert, MayReview, MayManage bool
	// Alone: nobody else can answer what this person asks.
	Alone bool
	Quiet bool // nothing waits
}

// atDesk opens the desk where people meet alerts.
func (v *visit) atDesk(do func(*alert.Desk) error) error {
	if v.room.Alerts == nil {
		return &strongroom.Error{Kind: strongroom.KindUnsupported, Message: v.page.T("error.nowhere.message")}
	}
	desk, done, err := v.room.Alerts(v.r.Context())
	if err != nil {
		return err
	}
	err = do(desk)
	if e := done(); err == nil {
		err = e
	}
	return err
}

func todaySection() section {
	return section{name: "today", path: "/", routes: map[string]func(*visit) error{"GET /{$}": (*visit).today}}
}

func (v *visit) today() error {
	var d todayData
	ctx, room := v.r.Context(), v.room.Vault
	d.MayAlert = v.room.Alerts != nil && room.Offers(v.caller, strongroom.ActionReadAlerts)
	d.MayReview = room.Offers(v.caller, strongroom.ActionReviewAccess)
	d.MayManage = room.Offers(v.caller, strongroom.ActionManagePeople)
	// Each look is a record; beside each other they share one commit.
	var wait sync.WaitGroup
	var errs [4]error
	look := func(i int, may bool, do func(context.Context) error) {
		if may {
			wait.Go(func() { errs[i] = do(ctx) })
		}
	}
	look(0, true, func(ctx context.Context) (err error) {
		d.Waiting, err = room.Requests(ctx, v.caller, vault.RequestsWaiting, false)
		return err
	})
	look(1, true, func(ctx context.Context) (err error) {
		d.Mine, err = room.Requests(ctx, v.caller, vault.RequestsMine, false)
		return err
	})
	look(2, d.MayAlert, func(context.Context) error {
		return v.atDesk(func(desk *alert.Desk) (err error) {
			d.Alerts, err = desk.List(ctx, v.caller, 100, alert.Open)
			return err
		})
	})
	look(3, d.MayReview, func(ctx context.Context) (err error) {
		d.Reviews, err = room.Reviews(ctx, v.caller, false)
		return err
	})
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	d.Alone = d.MayManage && room.People() < 2
	d.Quiet = len(d.Waiting)+len(d.Alerts)+len(d.Reviews) == 0
	v.badge("requests", len(d.Waiting))
	v.badge("alerts", len(d.Alerts))
	v.badge("emergencies", len(d.Reviews))
	return v.show("today", "today", d)
}

// badge says beside a page's name how much waits there.
func (v *visit) badge(section string, n int) {
	for i := range v.page.Nav {
		if v.page.Nav[i].Section == section {
			v.page.Nav[i].Count = n
		}
	}
}

var todayWords = map[string]said{
	"today.lead":          {"What waits for you in %s.", "Ce qui vous attend dans %s."},
	"today.quiet":         {"Nothing waits for you", "Rien ne vous attend"},
	"today.quiet.message": {"Requests to answer, open alerts and reviews show up here.", "Les demandes à traiter, les alertes ouvertes et les revues apparaîtront ici."},
	"today.waiting":       {"Waiting for your answer", "En attente de votre réponse"},
	"today.waiting.none":  {"No request waits for your answer.", "Aucune demande n’attend votre réponse."},
	"today.alerts":        {"Open alerts", "Alertes ouvertes"},
	"today.alerts.none":   {"No alert is open.", "Aucune alerte n’est ouverte."},
	"today.reviews":       {"Emergency access to review", "Accès d’urgence à examiner"},
	"today.reviews.none":  {"No emergency access waits for a review.", "Aucun accès d’urgence n’attend d’examen."},
	"today.review.line":   {"%s opened emergency access: %s", "%s a ouvert un accès d’urgence : %s"},
	"today.review.behind": {"%s object opened behind it|%s objects opened behind it", "%s objet ouvert sous ce couvert|%s objets ouverts sous ce couvert"},
	"today.overdue":       {"overdue", "en retard"},
	"today.mine":          {"Your own requests", "Vos propres demandes"},
	"today.mine.none":     {"You have asked for nothing that is still open.", "Vous n’avez aucune demande en cours."},
	"today.all":           {"Show all", "Tout afficher"},
	"today.alone":         {"Invite a second person", "Invitez une deuxième personne"},
	"today.alone.message": {"Nobody answers a request of their own, and nobody recovers their own log-on. Add a colleague, then print their set-up link:", "Personne ne répond à sa propre demande ni ne rétablit son propre accès. Ajoutez un collègue, puis imprimez son lien d’installation :"},
}
