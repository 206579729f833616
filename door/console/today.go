package console

import (
	"context"
	"slices"
	"sync"

	"strongroom"
	"strongroom/alert"
	"strongroom/limit"
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
	States                         []state
	Wrong                          int  // of those
	MayRead                        bool // the ledger
	Changes                        []lateChange
	Landing                        *lastLanding // nil where no intake said anything
	More                           int          // changes that are not shown
	Cut                            bool         // older ones were not looked for
	// Unspoken are actions of which no policy here says anything, for those who may change
	// policies.
	Unspoken []limit.Unspoken
	MayFind  bool // recordings
	// Alone: nobody else can answer what this person asks.
	Alone bool
	Quiet bool // nothing waits
	// Empty: nothing is stored yet, for those who may list buckets.
	Empty bool
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
	var errs [7]error
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
	look(4, d.MayAlert, func(ctx context.Context) error {
		d.States = v.states(ctx)
		return nil
	})
	d.MayRead = v.room.Range != nil && v.room.Scan != nil && room.Offers(v.caller, strongroom.ActionReadLedger)
	look(5, d.MayRead, func(ctx context.Context) (err error) {
		d.Changes, d.More, d.Cut, err = v.lately(ctx)
		d.Landing = v.c.changesOf(v.room).landed()
		return err
	})
	look(6, room.Offers(v.caller, strongroom.ActionManagePolicy), func(ctx context.Context) (err error) {
		d.Unspoken, err = v.keeps.unspoken(ctx, v.room)
		return err
	})
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	worstFirst(d.Alerts)
	d.MayFind = slices.ContainsFunc(v.page.Nav, func(x place) bool { return x.Section == "recordings" })
	d.Empty = room.Empty() && room.Offers(v.caller, strongroom.ActionListBuckets)
	d.Alone = d.MayManage && room.People() < 2
	for _, s := range d.States {
		if !s.Good {
			d.Wrong++
		}
	}
	d.Quiet = d.Wrong == 0 && (d.Landing == nil || !d.Landing.Overdue) && len(d.Waiting)+len(d.Alerts)+len(d.Reviews) == 0
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
	v.keeps.badges.note(v.who.ID, section, n, v.c.Clock())
}

var todayWords = map[string]said{
	"today.lead":          {"What waits for you in %s.", "Ce qui vous attend dans %s."},
	"today.quiet":         {"Nothing waits for you", "Rien ne vous attend"},
	"today.quiet.message": {"Requests to answer, open alerts and reviews show up here.", "Les demandes à traiter, les alertes ouvertes et les revues apparaîtront ici."},
	"today.find":          {"Find a recording", "Trouver un enregistrement"},
	"today.changes.by":    {"by %s", "par %s"},
	"today.waiting":       {"Waiting for your answer", "En attente de votre réponse"},
	"today.waiting.none":  {"No request waits for your answer.", "Aucune demande n’attend votre réponse."},
	"today.alerts":        {"Open alerts", "Alertes ouvertes"},
	"today.alerts.none":   {"No alert is open.", "Aucune alerte n’est ouverte."},
	"today.reviews":       {"Emergency access to review", "Accès d’urgence à examiner"},
	"today.reviews.none":  {"No emergency access waits for a review.", "Aucun accès d’urgence n’attend d’examen."},
	"today.review.line":   {"%s opened emergency access: %s", "%s a ouvert un accès d’urgence : %s"},
	"today.review.behind": {"%s object opened behind it|%s objects opened behind it", "%s objet ouvert sous ce couvert|%s objets ouverts sous ce couvert"},
	"today.states":        {"The room", "La salle"},
	"today.states.good":   {"Everything answers.", "Tout répond."},
	"today.states.wrong":  {"%s part does not answer|%s parts do not answer", "%s élément ne répond pas|%s éléments ne répondent pas"},
	"check.ledger":        {"Ledger can be written", "Le registre s’écrit"},
	"check.disk":          {"Disk has room", "Le disque a de la place"},
	"check.custodian":     {"Keys are available", "Les clés sont disponibles"},
	"check.blobs":         {"Stored content is available", "Les contenus sont disponibles"},
	"today.landing":       {"Landing place is emptied in time", "La zone d’arrivée est vidée à temps"},
	"today.landing.bad":   {"Something lies in the landing place too long", "Des fichiers restent trop longtemps dans la zone d’arrivée"},
	"today.landing.how":   {"Intake says so since %s. What lies there is not sealed yet: see that intake runs, and what its log says.", "C’est ce que signale la collecte depuis le %s. Ces fichiers ne sont pas encore scellés : vérifiez que la collecte fonctionne, et ce que dit son journal."},
	"today.good":          {"good", "en ordre"},
	"today.bad":           {"failing", "en défaut"},
	"today.bad.how":       {"Recordings may be refused until it is mended. The server’s log says why.", "Des enregistrements peuvent être refusés jusqu’au rétablissement. Le journal du serveur dit pourquoi."},
	"today.changes":       {"What changed in the last days", "Ce qui a changé ces derniers jours"},
	"today.changes.none":  {"No policy, person or key was changed in the last seven days. Begin with", "Aucune politique, personne ou clé n’a changé ces sept derniers jours. Commencez par"},
	"today.changes.more":  {"%s change more is on record|%s changes more are on record", "%s autre changement est inscrit|%s autres changements sont inscrits"},
	"today.changes.cut":   {"Only the newest %s record was looked through|Only the newest %s records were looked through", "Seule la dernière inscription (%s) a été parcourue|Seules les %s dernières inscriptions ont été parcourues"},
	"today.operator":      {"from the server itself", "depuis le serveur"},

	"change.policy-put":           {"Policy was changed", "Politique modifiée"},
	"change.policy-set":           {"Policy was set", "Politique définie"},
	"change.principal-put":        {"Person was added or changed", "Personne ajoutée ou modifiée"},
	"change.principal-import":     {"People were imported", "Personnes importées"},
	"change.principal-deactivate": {"Person was deactivated", "Personne désactivée"},
	"change.principal-activate":   {"Person was activated", "Personne activée"},
	"change.principal-adopt":      {"Person was adopted by a directory", "Personne reprise par un annuaire"},
	"change.access-key-create":    {"S3 key was made", "Clé S3 créée"},
	"change.access-key-rotate":    {"S3 key was rotated", "Clé S3 renouvelée"},
	"change.access-key-revoke":    {"S3 key was revoked", "Clé S3 révoquée"},
	"change.token-create":         {"API token was made", "Jeton d’API créé"},
	"change.token-revoke":         {"API token was revoked", "Jeton d’API révoqué"},
	"change.provider-put":         {"Identity provider is trusted", "Fournisseur d’identité approuvé"},
	"change.provider-remove":      {"Identity provider is trusted no longer", "Fournisseur d’identité retiré"},
	"change.invitation-make":      {"Set-up link was made", "Lien d’installation créé"},
	"change.passkey-add":          {"Passkey was added", "Clé d’accès ajoutée"},
	"change.passkey-revoke":       {"Passkey was removed", "Clé d’accès supprimée"},
	"change.group-put":            {"Group was changed", "Groupe modifié"},
	"change.group-remove":         {"Group was removed", "Groupe supprimé"},
	"change.directory-put":        {"What directories may hand out was changed", "Droits des annuaires modifiés"},
	"change.tickets-set":          {"Ticket system is asked", "Système de tickets configuré"},
	"change.tickets-remove":       {"Ticket system is asked no longer", "Système de tickets retiré"},
	"change.break-glass-open":     {"Emergency access was opened", "Accès d’urgence ouvert"},
	"today.overdue":               {"overdue", "en retard"},
	"today.mine":                  {"Your own requests", "Vos propres demandes"},
	"today.mine.none":             {"You have asked for nothing that is still open.", "Vous n’avez aucune demande en cours."},
	"today.all":                   {"Show all", "Tout afficher"},
	"today.empty":                 {"Store the first recordings", "Déposez les premiers enregistrements"},
	"today.empty.message":         {"Nothing is stored yet. Drain the export bucket of your platform, or store by any S3 client. First hold an export against how its files are read:", "Rien n’est encore déposé. Videz le compartiment d’export de votre plateforme, ou déposez avec n’importe quel client S3. Vérifiez d’abord comment un export serait lu :"},
	"today.alone":                 {"Invite a second person", "Invitez une deuxième personne"},
	"today.unspoken":              {"New here, and not permitted to anybody yet", "Nouveau ici, et encore permis à personne"},
	"today.unspoken.message":      {"No policy of this room speaks of what follows: the room was made before it was known. A new room’s policies permit it to some. Each command adds those.", "Aucune politique de cette salle ne parle de ce qui suit : la salle a été créée avant. Les politiques d’une nouvelle salle le permettent à certaines personnes. Chaque commande les ajoute."},
	"today.unspoken.one":          {"%s:", "%s :"},
	"today.alone.message":         {"Nobody answers a request of their own, and nobody recovers their own log-on. Add a colleague, then print their set-up link:", "Personne ne répond à sa propre demande ni ne rétablit son propre accès. Ajoutez un collègue, puis imprimez son lien d’installation :"},
}
