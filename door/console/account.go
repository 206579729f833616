package console

import (
	"encoding/json"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"strongroom"
	"strongroom/alert"
	"strongroom/people"
	"strongroom/vault"
)

func accountSection() section {
	return section{name: "account", routes: map[string]func(*visit) error{
		"GET /account":                    (*visit).account,
		"POST /account/sessions/{id}/end": (*visit).endOwn,
		"POST /account/passkeys/begin":    (*visit).beginPasskey,
		"POST /account/passkeys/finish":   (*visit).finishPasskey,
		"POST /account/passkeys/rename":   (*visit).renamePasskey,
		"POST /account/passkeys/remove":   (*visit).removePasskey,
	}}
}

type accountData struct {
	Passkeys []people.Passkey
	Sessions []vault.SeenSession
	This     string // session's id
	Issuer   string // that vouched for it, or ""
	ID       strongroom.ID
	Hears    bool // may be told of alerts
	Devices  []alert.Channel
}

func (v *visit) account() error {
	v.page.Title = "account.title"
	devices, err := v.devices()
	if err != nil {
		return err
	}
	return v.show("account", "account", accountData{v.room.Vault.PasskeysOf(v.who.Holder.ID), v.room.Vault.OwnSessions(v.caller), v.who.ID, v.who.Issuer, v.who.Holder.ID, v.mayHear(), devices})
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

// beginPasskey has the browser make another passkey, once one of those there are is proved.
func (v *visit) beginPasskey() error {
	var said struct {
		Proof json.RawMessage `json:"proof"`
	}
	if err := readJSON(v.w, v.r, &said); err != nil {
		return err
	}
	if err := v.proved("add-passkey "+v.who.Holder.ID.String(), said.Proof); err != nil {
		return err
	}
	h := v.c.holderOf(v.room, v.who.Holder)
	options, session, err := v.c.passkeys.BeginRegistration(h, webauthn.WithExclusions(webauthn.Credentials(h.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return fmt.Errorf("making a challenge: %w", err)
	}
	v.c.answerBegun(v.w, v.r, ceremony{session: *session, act: "passkey-made", of: v.who.ID, room: v.room.Vault.ID}, options)
	return nil
}

// finishPasskey keeps the passkey that the browser made.
func (v *visit) finishPasskey() error {
	var said struct {
		Ceremony string          `json:"ceremony"`
		Response json.RawMessage `json:"response"`
	}
	if err := readJSON(v.w, v.r, &said); err != nil {
		return err
	}
	session, err := v.c.ceremonies.take(said.Ceremony, "passkey-made", v.who.ID, v.c.Clock())
	var made *webauthn.Credential
	if err == nil {
		var parsed *protocol.ParsedCredentialCreationData
		if parsed, err = protocol.ParseCredentialCreationResponseBytes(said.Response); err == nil {
			made, err = v.c.passkeys.CreateCredential(v.c.holderOf(v.room, v.who.Holder), session, parsed)
		}
	}
	if err != nil {
		return v.room.Vault.FailConfirm(v.r.Context(), v.caller, "another passkey", explain(err).Error())
	}
	key := v.c.passkeyOf(made)
	key.Name = device(v.r.UserAgent())
	if _, err := v.room.Vault.AddPasskey(v.r.Context(), v.caller, key); err != nil {
		return err
	}
	answerJSON(v.w, 200, map[string]string{"next": "/account?said=passkey.added"})
	return nil
}

func (v *visit) renamePasskey() error {
	if err := v.room.Vault.RenamePasskey(v.r.Context(), v.caller, v.r.PostFormValue("key"), v.r.PostFormValue("name")); err != nil {
		return err
	}
	return v.back("/account", "passkey.renamed")
}

func (v *visit) removePasskey() error {
	key := v.r.PostFormValue("key")
	if err := v.confirmedFor("remove-passkey", key); err != nil {
		return err
	}
	if err := v.room.Vault.RevokePasskey(v.r.Context(), v.caller, key); err != nil {
		return err
	}
	if v.who.Passkey == key {
		v.c.setSession(v.w, "")
		return v.back("/logon", "passkey.removed")
	}
	return v.back("/account", "passkey.removed")
}

// Browser is how a session's browser calls itself, in short.
func (p *page) Browser(s people.ConsoleSession) string {
	if d := device(s.Browser); d != "" {
		return d
	}
	return p.T("account.browser")
}

var accountWords = map[string]said{
	"account.title":        {"Your account", "Votre compte"},
	"account.passkeys":     {"Your passkeys", "Vos clés d’accès"},
	"account.rename":       {"Rename", "Renommer"},
	"account.name":         {"Name of this passkey", "Nom de cette clé d’accès"},
	"account.save":         {"Save", "Enregistrer"},
	"account.remove":       {"Remove", "Supprimer"},
	"account.add":          {"Add another passkey", "Ajouter une clé d’accès"},
	"account.add.why":      {"Two passkeys on different devices keep you from being shut out. You prove one that you have, then the device makes the new one.", "Deux clés sur des appareils différents vous évitent de rester à la porte. Vous prouvez une clé existante, puis l’appareil crée la nouvelle."},
	"account.last":         {"It is your last one, so it stays.", "C’est la dernière : elle reste."},
	"account.none":         {"You have no passkey. Somebody who manages people makes you a set-up link; answering requests and emergency access need one.", "Vous n’avez aucune clé d’accès. Une personne chargée des accès vous crée un lien d’installation ; répondre aux demandes et ouvrir un accès d’urgence en nécessitent une."},
	"account.vouched":      {"You logged on with %s.", "Vous êtes connecté avec %s."},
	"account.passkey":      {"Passkey", "Clé d’accès"},
	"account.synced":       {"synced between devices", "synchronisée entre appareils"},
	"account.bound":        {"on one device", "sur un seul appareil"},
	"account.lost":         {"If you lose your passkey, somebody else who manages people makes you a new set-up link.", "Si vous perdez votre clé d’accès, une autre personne chargée des accès vous crée un nouveau lien d’installation."},
	"account.sessions":     {"Where you are logged on", "Où vous êtes connecté"},
	"account.where":        {"Browser", "Navigateur"},
	"account.address":      {"Address", "Adresse"},
	"account.began":        {"Since", "Depuis"},
	"account.seen":         {"Last used", "Dernier usage"},
	"account.this":         {"this one", "celle-ci"},
	"account.end":          {"End", "Terminer"},
	"account.browser":      {"A browser", "Un navigateur"},
	"said.passkey.added":   {"You have one more passkey.", "Vous avez une clé d’accès de plus."},
	"said.passkey.renamed": {"The passkey has its new name.", "La clé d’accès porte son nouveau nom."},
	"said.passkey.removed": {"The passkey was removed, and the sessions that it opened ended.", "La clé d’accès est supprimée ; les sessions qu’elle avait ouvertes sont terminées."},

	"said.ended": {"The session was ended.", "La session est terminée."},
}
