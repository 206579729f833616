package console

import (
	"unicode"
	"unicode/utf8"

	"strongroom"
	"strongroom/alert"
	"strongroom/limit"
)

// Act says what a record's act is, "" where there are no words for it: what workloads call
// their findings.
func (p *page) Act(did string) string {
	if known("act." + did) {
		return p.T("act." + did)
	}
	if says := limit.DeedWords(strongroom.Action(did), p.Lang); says != did {
		return capital(says)
	}
	return ""
}

// Deed says an action of policies, its name where there are no words for it.
func (p *page) Deed(action strongroom.Action) string { return capital(limit.DeedWords(action, p.Lang)) }

// capital begins a text as a line begins.
func capital(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:]
}

// ConditionOf names a condition of alerts, by its id where the table has it no more.
func (p *page) ConditionOf(id string) string {
	all, err := alert.Conditions()
	if err != nil {
		return id
	}
	for _, c := range all {
		if c.ID == id {
			return p.Words(c.Name)
		}
	}
	return id
}

// actWords are the acts that records tell of (docs/formats/room.md); a test finds one that
// has no words. Actions that are refused have those of policies.
var actWords = map[string]said{
	"act.genesis":          {"The room was founded", "Fondation de la salle"},
	"act.bucket-create":    {"Bucket made", "Compartiment créé"},
	"act.bucket-delete":    {"Bucket deleted", "Compartiment supprimé"},
	"act.bucket-configure": {"Bucket configured", "Compartiment configuré"},
	"act.store":            {"Stored", "Dépôt"},
	"act.copy":             {"Copied from", "Copie à partir de"},
	"act.delete":           {"Deleted", "Suppression"},
	"act.delete-marker":    {"Hidden by a delete marker", "Masquage par un marqueur de suppression"},
	"act.lifecycle-expire": {"Deleted by a lifecycle rule", "Suppression par une règle de cycle de vie"},
	"act.lifecycle-hide":   {"Hidden by a lifecycle rule", "Masquage par une règle de cycle de vie"},
	"act.tags":             {"Tags changed", "Étiquettes modifiées"},
	"act.legal-hold":       {"Legal hold placed", "Conservation légale posée"},
	"act.legal-hold-lift":  {"Legal hold lifted", "Conservation légale levée"},
	"act.retention":        {"Retention changed", "Durée de conservation modifiée"},
	"act.relabel":          {"Label set as strictly or more strictly", "Classification maintenue ou durcie"},
	"act.loosenLabel":      {"Label loosened", "Classification assouplie"},

	"act.classification-run": {"Bucket looked through by the classifier", "Compartiment passé au classement"},
	"act.upload-create":      {"Upload in parts begun", "Envoi en plusieurs parties commencé"},
	"act.upload-abort":       {"Upload in parts given up", "Envoi en plusieurs parties abandonné"},
	"act.lifecycle-abort":    {"Upload given up by a lifecycle rule", "Envoi abandonné par une règle de cycle de vie"},
	"act.upload-part":        {"Part of an upload stored", "Partie d’un envoi déposée"},
	"act.release":            {"Opened", "Ouverture"},
	"act.lease-resume":       {"Opening taken up again", "Ouverture reprise"},
	"act.lease-renewal":      {"Opening prolonged", "Ouverture prolongée"},
	"act.delivery":           {"Delivered", "Remise"},
	"act.content-download":   {"Downloaded", "Téléchargement"},
	"act.transcript-read":    {"Transcript read", "Lecture de la transcription"},
	"act.content-played":     {"Played, says the player", "Écoute, selon le lecteur"},
	"act.metadata-read":      {"Details read", "Lecture des détails"},
	"act.head-bucket":        {"Asked whether a bucket exists", "Existence d’un compartiment demandée"},
	"act.read-bucket":        {"Bucket’s configuration read", "Lecture de la configuration d’un compartiment"},
	"act.list-parts":         {"Parts of an upload listed", "Liste des parties d’un envoi"},
	"act.list":               {"Names listed", "Liste de noms"},
	"act.list-versions":      {"Versions listed", "Liste de versions"},
	"act.list-buckets":       {"Buckets listed", "Liste des compartiments"},
	"act.list-uploads":       {"Uploads listed", "Liste des envois"},
	"act.search":             {"Searched", "Recherche"},

	"act.principal-put":            {"Person added or changed", "Personne ajoutée ou modifiée"},
	"act.principal-activate":       {"Person activated", "Personne activée"},
	"act.principal-deactivate":     {"Person deactivated", "Personne désactivée"},
	"act.principal-list":           {"People listed", "Liste des personnes"},
	"act.principal-import":         {"People imported", "Personnes importées"},
	"act.principal-import-dry-run": {"Import of people tried", "Importation de personnes essayée"},
	"act.principal-unmatched":      {"Unknown agents’ ids listed", "Liste des identifiants inconnus"},
	"act.principal-adopt":          {"Person adopted by a directory", "Personne reprise par un annuaire"},
	"act.directory-read":           {"Directory’s settings read", "Lecture des réglages d’un annuaire"},
	"act.directory-show":           {"Directory’s entries read", "Lecture des entrées d’un annuaire"},
	"act.directory-put":            {"What directories may hand out changed", "Droits des annuaires modifiés"},
	"act.group-put":                {"Group changed", "Groupe modifié"},
	"act.group-remove":             {"Group removed", "Groupe supprimé"},
	"act.provider-put":             {"Identity provider trusted", "Fournisseur d’identité approuvé"},
	"act.provider-remove":          {"Identity provider trusted no longer", "Fournisseur d’identité retiré"},
	"act.provider-list":            {"Identity providers listed", "Liste des fournisseurs d’identité"},
	"act.invitation-make":          {"Set-up link made", "Lien d’installation créé"},
	"act.invitation-drop":          {"Set-up link expired", "Lien d’installation expiré"},
	"act.passkey-add":              {"Passkey added", "Clé d’accès ajoutée"},
	"act.passkey-rename":           {"Passkey renamed", "Clé d’accès renommée"},
	"act.passkey-revoke":           {"Passkey removed", "Clé d’accès supprimée"},
	"act.passkey-count":            {"Passkey’s count of uses noted", "Compteur de la clé d’accès relevé"},
	"act.account-list":             {"Own sessions and passkeys read", "Lecture des sessions et clés d’accès"},
	"act.logon":                    {"Logged on", "Connexion"},
	"act.logoff":                   {"Session ended", "Fin de session"},
	"act.passkey-confirm":          {"Passkey proved afresh", "Nouvelle preuve par clé d’accès"},
	"act.access-key-create":        {"S3 key made", "Clé S3 créée"},
	"act.access-key-revoke":        {"S3 key revoked", "Clé S3 révoquée"},
	"act.access-key-expire":        {"S3 key given an end", "Échéance posée sur une clé S3"},
	"act.access-key-purpose":       {"Standing purpose of an S3 key set", "Motif permanent d’une clé S3 défini"},
	"act.access-key-list":          {"S3 keys listed", "Liste des clés S3"},
	"act.access-key-rotate":        {"S3 key rotated", "Clé S3 renouvelée"},
	"act.token-create":             {"API token made", "Jeton d’API créé"},
	"act.token-revoke":             {"API token revoked", "Jeton d’API révoqué"},
	"act.token-list":               {"API tokens listed", "Liste des jetons d’API"},
	"act.session-start":            {"Session of an S3 key made", "Session de clé S3 créée"},
	"act.session-drop":             {"Sessions that were over cleared away", "Sessions terminées retirées"},
	"act.policy-put":               {"Policies changed", "Politiques modifiées"},
	"act.bucket-policy":            {"Policy of a bucket changed", "Politique d’un compartiment modifiée"},
	"act.policy-ask":               {"Policies asked by somebody with the machine’s files", "Politiques interrogées depuis la machine"},
	"act.policy-read":              {"Policies read", "Lecture des politiques"},
	"act.request-bounds":           {"Bounds of requests changed", "Limites des demandes modifiées"},
	"act.tickets-set":              {"Ticket system set", "Système de tickets configuré"},
	"act.tickets-remove":           {"Ticket system removed", "Système de tickets retiré"},
	"act.tickets-read":             {"Settings of the ticket system read", "Lecture des réglages du système de tickets"},
	"act.tickets-try":              {"Ticket system tried", "Système de tickets essayé"},
	"act.request-make":             {"Access asked for", "Demande d’accès"},
	"act.request-withdraw":         {"Request withdrawn", "Demande retirée"},
	"act.request-end":              {"Request ended", "Demande terminée"},
	"act.request-drop":             {"Old requests cleared away", "Anciennes demandes retirées"},
	"act.request-list":             {"Requests listed", "Liste des demandes"},
	"act.request-read":             {"Request read", "Lecture d’une demande"},
	"act.request-approve":          {"Request approved", "Demande approuvée"},
	"act.request-refuse":           {"Request refused", "Demande refusée"},
	"act.break-glass-open":         {"Emergency access opened", "Accès d’urgence ouvert"},
	"act.break-glass-end":          {"Emergency access closed", "Accès d’urgence clos"},
	"act.review-done":              {"Emergency access reviewed", "Accès d’urgence examiné"},
	"act.review-list":              {"Emergency accesses listed", "Liste des accès d’urgence"},
	"act.review-read":              {"Emergency access read", "Lecture d’un accès d’urgence"},
	"act.review-drop":              {"Old emergency accesses cleared away", "Anciens accès d’urgence retirés"},
	"act.ledger-read":              {"Ledger read", "Lecture du registre"},
	"act.evidence-read":            {"Evidence read by somebody with the machine’s files", "Lecture des preuves depuis la machine"},
	"act.export":                   {"Ledger exported", "Registre exporté"},
	"act.redecide":                 {"Decisions made again to check them", "Décisions refaites pour contrôle"},
	"act.usage-read":               {"Usage looked at", "Consultation des usages"},
	"act.usage-rebuild":            {"Usage counted anew", "Usages recomptés"},
	"act.retention-put":            {"Retention rule set", "Règle de conservation définie"},
	"act.retention-remove":         {"Retention rule removed", "Règle de conservation retirée"},
	"act.retention-list":           {"Retention rules listed", "Liste des règles de conservation"},
	"act.retention-calendar":       {"Calendar of deletions read", "Lecture du calendrier des suppressions"},
	"act.hold-place":               {"Hold placed", "Blocage posé"},
	"act.hold-lift-ask":            {"Lifting of a hold asked for", "Levée d’un blocage demandée"},
	"act.hold-lift":                {"Hold lifted", "Blocage levé"},
	"act.hold-list":                {"Holds listed", "Liste des blocages"},
	"act.lifecycle-run":            {"Lifecycle rules run", "Règles de cycle de vie appliquées"},
	"act.lifecycle-dry-run":        {"Lifecycle rules tried", "Règles de cycle de vie essayées"},
	"act.lifecycle-list":           {"Lifecycle rules listed", "Liste des règles de cycle de vie"},
	"act.inventory-take":           {"Inventory taken", "Inventaire dressé"},
	"act.inventory-look":           {"Inventory looked at", "Consultation de l’inventaire"},
	"act.inventory-source":         {"Source of the inventory changed", "Source de l’inventaire modifiée"},
	"act.inventory-scan":           {"Source scanned", "Source analysée"},
	"act.inventory-flows":          {"Flows declared", "Flux déclarés"},
	"act.inventory-measure":        {"Objects counted by the room itself", "Objets comptés par la salle"},
	"act.alert-read":               {"Alerts looked at", "Consultation des alertes"},
	"act.alert-test":               {"Test alert sent", "Alerte d’essai envoyée"},
	"act.alert-ack":                {"Alert taken on", "Alerte prise en charge"},
	"act.alert-setting-put":        {"Alerting changed", "Réglage des alertes modifié"},
	"act.alert-setting-remove":     {"Setting of alerts removed", "Réglage des alertes retiré"},
	"act.alert-channel-over":       {"Channel ended by its other side", "Canal fermé par l’autre partie"},
	"act.landing-overdue":          {"Something lies in the landing place too long", "Fichiers trop longtemps en zone d’arrivée"},
	"act.landing-cleared":          {"Landing place emptied again", "Zone d’arrivée de nouveau vide"},
	"act.finding-report":           {"Finding reported", "Constat signalé"},
	"act.once-forgotten":           {"Keys of finished requests forgotten", "Clés de demandes achevées oubliées"},
	"act.noise":                    {"Counts of what proved nobody", "Comptage des demandes sans identité"},
	"act.backup":                   {"Backup made", "Sauvegarde effectuée"},
	"act.epoch":                    {"New epoch after a restore", "Nouvelle époque après restauration"},
}
