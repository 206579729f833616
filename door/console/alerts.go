package console

import (
	"slices"
	"time"

	"strongroom"
	"strongroom/alert"
)

// alertsMost is how many alerts the list shows.
const alertsMost = 200

var severityOrder = []alert.Severity{alert.Critical, alert.High, alert.Medium, alert.Low}

func alertSection() section {
	return section{
		name: "alerts", path: "/alerts",
		offered: func(v *visit) bool {
			return v.room.Alerts != nil && v.room.Vault.Offers(v.caller, strongroom.ActionReadAlerts)
		},
		routes: map[string]func(*visit) error{
			"GET /alerts":                   (*visit).alerts,
			"GET /alerts/{id}":              (*visit).alert,
			"POST /alerts/{id}/acknowledge": (*visit).acknowledge,
		},
	}
}

type alertsData struct{ Open, Other []alert.Alert }

func (v *visit) alerts() error {
	var d alertsData
	err := v.atDesk(func(desk *alert.Desk) error {
		all, err := desk.List(v.r.Context(), v.caller, alertsMost)
		for _, a := range all {
			if a.State == alert.Open {
				d.Open = append(d.Open, a)
			} else {
				d.Other = append(d.Other, a)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	worstFirst(d.Open)
	v.badge("alerts", len(d.Open))
	return v.show("alerts", "alerts", d)
}

type alertData struct {
	alert.Alert
	Deliveries []alert.Delivery
	Own        bool       // about the reader
	Newest     []evidence // of the records that it rests on
	Rest       []evidence
	MayRead    bool // the ledger
	Why, Blind string
}

func (v *visit) alert() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	var d alertData
	err = v.atDesk(func(desk *alert.Desk) (err error) {
		d.Alert, d.Deliveries, err = desk.Show(v.r.Context(), v.caller, id)
		return err
	})
	if err != nil {
		return err
	}
	d.Why, d.Blind = v.page.Words(d.Alert.Why), v.page.Words(d.Alert.Blind)
	if err := v.evidence(&d); err != nil {
		return err
	}
	d.Own = d.Principal == v.who.Holder.ID
	v.page.Title = "alert.title"
	return v.show("alert", "alerts", d)
}

// evidenceFirst is how many records of an alert the page shows unasked.
const evidenceFirst = 5

// evidence is one record that an alert rests on.
type evidence struct {
	Index   int64
	At      time.Time
	Did     string
	Who     string
	What    thing
	Subject string // where it is about no object
	Outcome string
	Erased  bool
}

// evidence reads the records that an alert rests on, the newest first, for those who may
// read the ledger, once that is on record.
func (v *visit) evidence(d *alertData) error {
	d.MayRead = v.room.Scan != nil && v.room.Vault.Offers(v.caller, strongroom.ActionReadLedger)
	if !d.MayRead || len(d.Evidence) == 0 {
		return nil
	}
	wanted := slices.Clone(d.Evidence)
	slices.Sort(wanted)
	if _, err := v.room.Vault.ReadLedger(v.r.Context(), v.caller, wanted[0], wanted[len(wanted)-1]+1); err != nil {
		return err
	}
	var all []evidence
	for _, index := range slices.Backward(wanted) {
		err := v.room.Scan(v.r.Context(), index, index+1, func(e *strongroom.Event) {
			one := evidence{Index: e.Index, At: e.Time, Did: e.Did, Subject: e.Subject, Outcome: e.Outcome, Erased: e.Erased}
			if q := e.Question; q != nil {
				one.Who, one.What = q.Principal.Name, v.thing(q.Resource, e.Version)
			}
			all = append(all, one)
		})
		if err != nil {
			return err
		}
	}
	first := min(len(all), evidenceFirst)
	d.Newest, d.Rest = all[:first], all[first:]
	return nil
}

func (v *visit) acknowledge() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	err = v.atDesk(func(desk *alert.Desk) error {
		_, err := desk.Acknowledge(v.r.Context(), v.caller, id, v.r.PostFormValue("note"))
		return err
	})
	if err != nil {
		return err
	}
	return v.back("/alerts/"+id.String(), "acknowledged")
}

var alertWords = map[string]said{
	"alerts.lead":       {"What the ledger’s watch found, the most serious first.", "Ce que la surveillance du registre a relevé, le plus grave d’abord."},
	"alerts.open":       {"Open", "Ouvertes"},
	"alerts.open.none":  {"No alert is open.", "Aucune alerte n’est ouverte."},
	"alerts.other":      {"Earlier", "Antérieures"},
	"alerts.other.none": {"None of them has been taken on yet.", "Aucune n’a encore été prise en charge."},
	"alerts.none":       {"Nothing has alerted yet. Channels that tell people of alerts are added with", "Aucune alerte pour l’instant. Les canaux qui préviennent les personnes s’ajoutent avec"},
	"alert.title":       {"Alert", "Alerte"},
	"alert.about":       {"About", "Concerne"},
	"alert.room":        {"the room itself", "la salle elle-même"},
	"alert.condition":   {"Condition", "Condition"},
	"alert.first":       {"First", "Premier"},
	"alert.last":        {"Last", "Dernier"},
	"alert.seen":        {"Measured", "Mesuré"},
	"alert.seen.over":   {"%s, alerts from %s", "%s, seuil d’alerte %s"},
	"alert.usual":       {"Usual", "Habituel"},
	"alert.often":       {"How often", "Fréquence"},
	"alert.found":       {"it fired %s time|it fired %s times", "déclenchée %s fois|déclenchée %s fois"},
	"alert.blind":       {"What was not looked at", "Ce qui n’a pas été examiné"},
	"alert.evidence":    {"Evidence in the ledger", "Preuves dans le registre"},
	"alert.records":     {"Records", "Inscriptions"},
	"alert.record":      {"Record", "Inscription"},
	"alert.when":        {"When", "Quand"},
	"alert.who":         {"Who", "Qui"},
	"alert.did":         {"Act", "Acte"},
	"alert.what":        {"What", "Quoi"},
	"alert.outcome":     {"Outcome", "Issue"},
	"alert.erased":      {"erased since", "effacé depuis"},
	"alert.proof":       {"Proof", "Preuve"},
	"alert.proof.of":    {"Download the proof of record %s", "Télécharger la preuve de l’inscription %s"},
	"alert.more":        {"%s earlier record|%s earlier records", "%s inscription antérieure|%s inscriptions antérieures"},
	"alert.permit":      {"permitted", "permis"},
	"alert.deny":        {"refused", "refusé"},
	"alert.problem":     {"What the channel answered:", "Réponse du canal :"},
	"alert.tries":       {"%s attempt|%s attempts", "%s tentative|%s tentatives"},
	"told.to-send":      {"being told", "en cours"},
	"told.sent":         {"told", "prévenu"},
	"told.failed":       {"not reached", "non joint"},
	"alert.told":        {"Who was told", "Qui a été prévenu"},
	"alert.told.none":   {"Nobody was told: the room has no channel, or it is too early.", "Personne n’a été prévenu : la salle n’a pas de canal, ou il est trop tôt."},
	"alert.told.here":   {"Have your own device told", "Faire prévenir votre appareil"},
	"alert.detail":      {"Detail", "Détail"},
	"alert.ack":         {"Acknowledge", "Prendre en charge"},
	"alert.ack.note":    {"Note (what you will do about it)", "Note (ce que vous allez faire)"},
	"alert.ack.how":     {"Nobody is told of it any further. Your name goes on record.", "Plus personne n’en sera prévenu. Votre nom reste inscrit."},
	"alert.acked":       {"%s acknowledged it, %s", "%s l’a prise en charge, le %s"},
	"alert.own":         {"This alert is about you: somebody else acknowledges it.", "Cette alerte vous concerne : une autre personne la prendra en charge."},
	"alert.escalates":   {"Escalates", "Escalade"},

	"severity.critical":  {"critical", "critique"},
	"severity.high":      {"high", "élevée"},
	"severity.medium":    {"medium", "moyenne"},
	"severity.low":       {"low", "faible"},
	"state.open":         {"open", "ouverte"},
	"state.acknowledged": {"acknowledged", "prise en charge"},
	"state.past":         {"from before the watch", "antérieure à la surveillance"},
	"state.test":         {"test", "essai"},

	"said.acknowledged": {"You took the alert on.", "Vous avez pris l’alerte en charge."},
}
