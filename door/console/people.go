package console

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"strongroom"
	"strongroom/people"
	"strongroom/vault"
)

// peoplePerPage is how many people one page lists.
const peoplePerPage = 100

func peopleSection() section {
	return section{
		name: "people", path: "/people",
		offered: func(v *visit) bool { return v.room.Vault.Offers(v.caller, strongroom.ActionManagePeople) },
		routes: map[string]func(*visit) error{
			"GET /people":                    (*visit).people,
			"POST /people/search":            (*visit).people,
			"GET /people/invite":             (*visit).inviting,
			"POST /people/invite":            (*visit).inviteMany,
			"GET /people/unmatched":          (*visit).unmatched,
			"POST /people/unmatched/give":    (*visit).giveAgent,
			"GET /people/{id}":               (*visit).person,
			"POST /people/{id}/sessions/end": (*visit).endTheirs,
			"POST /people/{id}/suspend":      (*visit).suspend,
			"POST /people/{id}/resume":       (*visit).resume,
			"POST /people/{id}/invite":       (*visit).inviteOne,
		},
	}
}

type peopleData struct {
	Rows         []personRow
	Total        int
	Query        string // that their names begin with
	Found        int
	Before, Next int // page numbers, 0 for none
}

type personRow struct {
	vault.Account
	State string // active, suspended or left
}

func (v *visit) stateOf(p strongroom.Principal) string {
	switch {
	case p.Suspended:
		return "suspended"
	case !people.Active(p, v.c.Clock()):
		return "left"
	}
	return "active"
}

// people lists everybody, or, by POST so that no name stands in an address, those whose
// name, or one of whose aliases, begins with what was asked for.
func (v *visit) people() error {
	all, err := v.room.Vault.Accounts(v.r.Context(), v.caller)
	if err != nil {
		return err
	}
	d := peopleData{Total: len(all)}
	if v.r.Method == http.MethodPost {
		d.Query = people.CleanLine(v.r.PostFormValue("name"), 128)
		v.page.Path = "/people"
	}
	if d.Query != "" {
		begins := func(name string) bool {
			return len(name) >= len(d.Query) && strings.EqualFold(name[:len(d.Query)], d.Query)
		}
		all = slices.DeleteFunc(all, func(a vault.Account) bool {
			return !begins(a.Principal.Name) && !slices.ContainsFunc(a.Principal.Aliases, begins)
		})
	}
	d.Found = len(all)
	at, err := strconv.Atoi(v.r.URL.Query().Get("page"))
	if err != nil || at < 1 || (at-1)*peoplePerPage >= len(all) {
		at = 1
	}
	if d.Query == "" {
		d.Before = at - 1
		if at*peoplePerPage < len(all) {
			d.Next = at + 1
		}
	}
	for _, a := range all[(at-1)*peoplePerPage : min(at*peoplePerPage, len(all))] {
		d.Rows = append(d.Rows, personRow{Account: a, State: v.stateOf(a.Principal)})
	}
	return v.show("people", "people", d)
}

type personData struct {
	personRow
	Keys    []keyRow
	Tokens  []tokenRow
	Self    bool
	Invites bool // a set-up link may be made: nobody makes their own
	// MayUsage: the reader is offered what this person accessed.
	MayUsage bool
}

func (v *visit) person() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	all, err := v.room.Vault.Accounts(v.r.Context(), v.caller)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Principal.ID != id {
			continue
		}
		d := personData{personRow: personRow{Account: a, State: v.stateOf(a.Principal)}, Self: id == v.who.Holder.ID, MayUsage: v.mayUsage()}
		if d.Keys, d.Tokens, err = v.keysOf(&id); err != nil {
			return err
		}
		d.Invites = d.State == "active" && !d.Self
		v.page.Title = "person.title"
		return v.show("person", "people", d)
	}
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.nowhere.message")}
}

// endTheirs ends all console sessions of a person.
func (v *visit) endTheirs() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	all, err := v.room.Vault.Accounts(v.r.Context(), v.caller)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Principal.ID != id {
			continue
		}
		for _, s := range a.Sessions {
			if s.ID == v.who.ID {
				continue
			}
			if err := v.room.Vault.EndSession(v.r.Context(), v.caller, s.ID); err != nil {
				return err
			}
		}
	}
	return v.back("/people/"+id.String(), "theirs")
}

// named is the person in the path, for those who manage people; whatever is then done is
// decided on its own.
func (v *visit) named() (strongroom.Principal, error) {
	id, err := v.id()
	if err != nil {
		return strongroom.Principal{}, err
	}
	p, known := v.room.Vault.PrincipalByID(id)
	if !known || !v.room.Vault.Offers(v.caller, strongroom.ActionManagePeople) {
		return p, &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.nowhere.message")}
	}
	return p, nil
}

// because takes the reason of an act into its record.
func (v *visit) because() error {
	why := strings.TrimSpace(v.r.PostFormValue("reason"))
	if why == "" {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("people.reason.missing")}
	}
	v.caller.Purpose = strongroom.Purpose{Text: why}
	if err := people.CheckPurpose(v.caller.Purpose); err != nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()}
	}
	return nil
}

func (v *visit) suspend() error { return v.standing("suspend", "suspended", true) }
func (v *visit) resume() error  { return v.standing("resume", "resumed", false) }

// standing suspends somebody, or ends that; nobody does it to themselves.
func (v *visit) standing(act, said string, suspended bool) error {
	p, err := v.named()
	if err == nil && p.ID == v.who.Holder.ID {
		err = &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("people.self")}
	}
	if err == nil {
		err = v.because()
	}
	if err == nil {
		err = v.confirmed(act, p.ID)
	}
	if err != nil {
		return err
	}
	if _, err := v.room.Vault.ChangePrincipal(v.r.Context(), v.caller, p.Name, func(p *strongroom.Principal) { p.Suspended = suspended }); err != nil {
		return err
	}
	return v.back("/people/"+p.ID.String(), said)
}

// invitesMost is how many people one form invites.
const invitesMost = 100

type link struct {
	vault.Invitation
	Address string
}

type linksData struct {
	Links  []link
	Failed []failedInvite
	// Unknown are names that nobody here has, to be corrected.
	Unknown []string
}

type failedInvite struct{ Name, Why string }

func (v *visit) inviting() error {
	if !v.room.Vault.Offers(v.caller, strongroom.ActionManagePeople) {
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: v.page.T("error.nowhere.message")}
	}
	v.page.Title = "invite.title"
	return v.show("invite", "people", linksData{})
}

func (v *visit) inviteOne() error {
	p, err := v.named()
	if err == nil {
		err = v.confirmed("invite", p.ID)
	}
	if err != nil {
		return err
	}
	return v.invite([]string{p.Name})
}

func (v *visit) inviteMany() error {
	said := strings.ReplaceAll(v.r.PostFormValue("names"), "\r\n", "\n") // as the page's script hashes it
	if err := v.confirmedFor("invite", fmt.Sprintf("%x", sha256.Sum256([]byte(said)))); err != nil {
		return err
	}
	var names []string
	for name := range strings.Lines(said) {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 || len(names) > invitesMost {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.invite")}
	}
	return v.invite(names)
}

// invite makes set-up links and shows them, this once.
func (v *visit) invite(names []string) error {
	var d linksData
	for _, name := range names {
		i, token, err := v.room.Vault.Invite(v.r.Context(), v.caller, name)
		if err != nil {
			e, ok := asError(err)
			_, there := v.room.Vault.PrincipalByName(name)
			why := ""
			switch {
			case ok && e.Kind == strongroom.KindInvalid && !there:
				why = v.page.T("error.invite.unknown")
				d.Unknown = append(d.Unknown, people.CleanLine(name, 128))
			case ok && e.Kind != strongroom.KindUnavailable && len(names) > 1:
				why = sentence(v.page.Told(e.Message))
			case len(d.Links) == 0:
				return err
			default:
				why = v.page.T("error.failed")
			}
			d.Failed = append(d.Failed, failedInvite{people.CleanLine(name, 128), why})
			continue
		}
		d.Links = append(d.Links, link{i, v.c.origin + "/setup#" + token})
	}
	v.page.Title, v.page.Path = "invite.title", "/people/invite"
	return v.show("invite", "people", d)
}

type unmatchedData struct {
	Rows   []vault.Unmatched
	More   int // ids that are not shown
	Others int
}

// unmatchedMost is how many ids the page shows.
const unmatchedMost = 200

func (v *visit) unmatched() error {
	var d unmatchedData
	var err error
	if d.Rows, d.Others, err = v.room.Vault.UnmatchedAgents(v.r.Context(), v.caller); err != nil {
		return err
	}
	d.More = max(0, len(d.Rows)-unmatchedMost)
	d.Rows = d.Rows[:len(d.Rows)-d.More]
	v.page.Title = "unmatched.title"
	return v.show("unmatched", "people", d)
}

func (v *visit) giveAgent() error {
	agent, name := v.r.PostFormValue("agent"), strings.TrimSpace(v.r.PostFormValue("name"))
	if agent == "" || name == "" {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.unmatched")}
	}
	if _, err := v.room.Vault.NameAgent(v.r.Context(), v.caller, name, agent); err != nil {
		return err
	}
	return v.back("/people/unmatched", "matched")
}

// AttributeOf is an attribute of a person, in words where there are any.
func (p *page) AttributeOf(name string) string {
	if known("attribute." + name) {
		return p.T("attribute." + name)
	}
	return name
}

var peopleWords = map[string]said{
	"people.lead":           {"%s person is known here|%s people are known here", "%s personne connue ici|%s personnes connues ici"},
	"people.name":           {"Name", "Nom"},
	"people.groups":         {"Groups", "Groupes"},
	"people.state":          {"State", "État"},
	"people.logon":          {"Log-on", "Connexion"},
	"people.logon.none":     {"none yet", "pas encore"},
	"people.logon.keys":     {"%s passkey|%s passkeys", "%s clé d’accès|%s clés d’accès"},
	"people.invited":        {"invited until %s", "invitation valable jusqu’au %s"},
	"people.sessions":       {"%s session|%s sessions", "%s session|%s sessions"},
	"people.leaves":         {"Leaves", "Départ"},
	"people.before":         {"Previous page", "Page précédente"},
	"people.next":           {"Next page", "Page suivante"},
	"people.tab.all":        {"Everybody", "Toutes"},
	"people.tab.keys":       {"Keys and tokens", "Clés et jetons"},
	"people.tab.ids":        {"Unmatched ids", "Identifiants orphelins"},
	"people.tab.invite":     {"Invite", "Inviter"},
	"people.search":         {"Name begins with", "Le nom commence par"},
	"people.find":           {"Find", "Rechercher"},
	"people.found":          {"%s of %d begins with “%s”|%s of %d begin with “%s”", "%s sur %d commence par « %s »|%s sur %d commencent par « %s »"},
	"people.found.none":     {"Nobody’s name or alias begins so. Add people with", "Aucun nom ni identifiant ne commence ainsi. Ajoutez des personnes avec"},
	"people.all":            {"Show everybody", "Afficher tout le monde"},
	"people.reason":         {"Why", "Pourquoi"},
	"people.reason.missing": {"Say why: it goes on record.", "Dites pourquoi : cela reste inscrit."},
	"people.self":           {"Nobody does this to themselves.", "Personne ne fait cela à soi-même."},
	"people.active":         {"active", "actif"},
	"people.suspended":      {"suspended", "suspendu"},
	"people.left":           {"has left", "parti"},
	"people.no.groups":      {"no group", "aucun groupe"},
	"person.title":          {"Person", "Personne"},
	"person.aliases":        {"Also known as", "Autres identifiants"},
	"said.theirs":           {"Their sessions are ended: they log on again.", "Ses sessions ont pris fin : cette personne devra se reconnecter."},
	"person.access":         {"What they accessed", "Ce que cette personne a consulté"},
	"attribute.queues":      {"Works in queues", "Files de travail"},
	"attribute.supervises":  {"Answers for queues", "Files supervisées"},
	"person.keys":           {"S3 access keys", "Clés S3"},
	"person.keys.none":      {"No access key.", "Aucune clé S3."},
	"person.key":            {"Key", "Clé"},
	"person.made":           {"Made", "Créée"},
	"person.used":           {"Last used", "Dernier usage"},
	"person.never":          {"not known", "inconnu"},
	"person.sessions":       {"Sessions of the console", "Sessions de la console"},
	"person.end":            {"End all sessions", "Mettre fin à toutes les sessions"},
	"person.tokens":         {"API tokens", "Jetons d’API"},
	"person.tokens.none":    {"No token.", "Aucun jeton."},
	"person.token":          {"Token", "Jeton"},
	"person.revoke":         {"Revoke", "Révoquer"},
	"person.revoke.of":      {"Revoke %s", "Révoquer %s"},
	"person.acts":           {"What you can do", "Ce que vous pouvez faire"},
	"person.suspend":        {"Suspend with passkey", "Suspendre avec la clé d’accès"},
	"person.suspend.how":    {"Sessions, keys and tokens stop at once. Nothing is deleted, and it can be undone.", "Les sessions, clés et jetons cessent aussitôt. Rien n’est supprimé, et c’est réversible."},
	"person.resume":         {"Let them back in with passkey", "Rétablir avec la clé d’accès"},
	"person.resume.how":     {"Keys and tokens that were not revoked work again.", "Les clés et jetons non révoqués fonctionnent à nouveau."},
	"person.invite":         {"Make a set-up link with passkey", "Créer un lien d’installation avec la clé d’accès"},
	"person.invite.how":     {"The link is shown once and is good for seven days and one passkey.", "Le lien est affiché une seule fois ; il vaut sept jours et pour une clé d’accès."},
	"person.recover.how":    {"They have passkeys: when the link is used, those and all sessions end.", "Cette personne a des clés d’accès : à l’usage du lien, elles et toutes ses sessions prennent fin."},
	"person.own":            {"This is you. Your passkeys and sessions are under", "C’est vous. Vos clés d’accès et sessions se trouvent sous"},

	"invite.title":         {"Invite people", "Inviter des personnes"},
	"invite.lead":          {"One set-up link for each person, shown this once. They must be known here already.", "Un lien d’installation par personne, affiché une seule fois. Elles doivent déjà être connues ici."},
	"invite.names":         {"Names, one a line, 100 at most", "Noms, un par ligne, 100 au plus"},
	"invite.button":        {"Make links with passkey", "Créer les liens avec la clé d’accès"},
	"error.invite":         {"Give 1 to 100 names, one a line.", "Donnez de 1 à 100 noms, un par ligne."},
	"invite.once":          {"These links are shown this once. Print the list or hand each link over now; whoever has one can log on as that person.", "Ces liens ne sont affichés qu’une fois. Imprimez la liste ou remettez chaque lien maintenant ; qui en détient un peut se connecter au nom de la personne."},
	"invite.until":         {"Good until", "Valable jusqu’au"},
	"invite.recovery":      {"ends their passkeys and sessions so far", "met fin à leurs clés et sessions actuelles"},
	"invite.failed":        {"Not invited", "Non invitées"},
	"error.invite.unknown": {"Nobody here has this name.", "Personne ici ne porte ce nom."},
	"invite.correct":       {"Compare the spelling with the list of people, correct it below and try again. Somebody who is not on the list yet is added first, by whoever runs this server: from a staff list or from your directory.", "Comparez l’orthographe avec la liste des personnes, corrigez-la ci-dessous et réessayez. Une personne qui n’y figure pas encore est d’abord ajoutée par l’exploitant de ce serveur, à partir d’une liste du personnel ou de votre annuaire."},
	"invite.list":          {"See the list of people", "Voir la liste des personnes"},
	"invite.more":          {"Invite more people", "Inviter d’autres personnes"},

	"unmatched.title":   {"Unmatched ids", "Identifiants orphelins"},
	"unmatched.lead":    {"Ids of agents that recordings bear and that nobody here has. Rules about one’s own recordings miss these.", "Identifiants d’agents portés par des enregistrements et que personne n’a ici. Les règles sur ses propres enregistrements ne les voient pas."},
	"unmatched.none":    {"Every recording’s agent is somebody here.", "L’agent de chaque enregistrement est une personne connue ici."},
	"unmatched.id":      {"Id", "Identifiant"},
	"unmatched.objects": {"How many", "Nombre"},
	"unmatched.last":    {"Last stored", "Dernier dépôt"},
	"unmatched.whose":   {"Whose is it?", "À qui est-il ?"},
	"unmatched.give":    {"Give", "Attribuer"},
	"error.unmatched":   {"Say whose id it is.", "Dites à qui est cet identifiant."},
	"unmatched.more":    {"%s id more is not shown|%s ids more are not shown", "%s autre identifiant n’est pas affiché|%s autres identifiants ne sont pas affichés"},

	"said.suspended": {"They are suspended: sessions, keys and tokens have stopped.", "La personne est suspendue : sessions, clés et jetons ont cessé."},
	"said.resumed":   {"They are let back in.", "La personne est rétablie."},
	"said.revoked":   {"It is revoked.", "C’est révoqué."},
	"said.matched":   {"The id is theirs now.", "L’identifiant est désormais le sien."},

	"person.nosessions": {"Not logged on now.", "Pas connecté en ce moment."},
}
