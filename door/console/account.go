package console

import (
	"fmt"

	"strongroom"
	"strongroom/people"
	"strongroom/vault"
)

func accountSection() section {
	return section{name: "account", routes: map[string]func(*visit) error{
		"GET /account":                    (*visit).account,
		"POST /account/sessions/{id}/end": (*visit).endOwn,
	}}
}

type accountData struct {
	Passkeys []people.Passkey
	Sessions []vault.SeenSession
	This     string // session's id
}

func (v *visit) account() error {
	v.page.Title = "account.title"
	return v.show("account", "account", accountData{v.room.Vault.PasskeysOf(v.who.Holder.ID), v.room.Vault.OwnSessions(v.caller), v.who.ID})
}

// endOwn ends one of the sessions of whoever asks.
func (v *visit) endOwn() error {
	id := v.r.PathValue("id")
	for _, s := range v.room.Vault.OwnSessions(v.caller) {
		if s.ID != id {
			continue
		}
		if err := v.room.Vault.EndSession(v.r.Context(), v.caller, id); err != nil {
			return err
		}
		if id == v.who.ID {
			v.c.setSession(v.w, "")
			return v.back("/logon", "loggedoff")
		}
		return v.back("/account", "ended")
	}
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.nowhere.message"), Cause: fmt.Errorf("session %.24s is none of theirs", id)}
}

// Browser is how a session's browser calls itself, in short.
func (p *page) Browser(s people.ConsoleSession) string {
	if d := device(s.Browser); d != "" {
		return d
	}
	return p.T("account.browser")
}

var accountWords = map[string]said{
	"account.title":    {"Your account", "Votre compte"},
	"account.passkeys": {"Your passkeys", "Vos clés d’accès"},
	"account.passkey":  {"Passkey", "Clé d’accès"},
	"account.synced":   {"synced between devices", "synchronisée entre appareils"},
	"account.bound":    {"on one device", "sur un seul appareil"},
	"account.lost":     {"If you lose your passkey, somebody else who manages people makes you a new set-up link.", "Si vous perdez votre clé d’accès, une autre personne chargée des accès vous crée un nouveau lien d’installation."},
	"account.sessions": {"Where you are logged on", "Où vous êtes connecté"},
	"account.where":    {"Browser", "Navigateur"},
	"account.address":  {"Address", "Adresse"},
	"account.began":    {"Since", "Depuis"},
	"account.seen":     {"Last used", "Dernier usage"},
	"account.this":     {"this one", "celle-ci"},
	"account.end":      {"End", "Terminer"},
	"account.browser":  {"A browser", "Un navigateur"},
	"said.ended":       {"The session was ended.", "La session est terminée."},
}
