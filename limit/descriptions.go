package limit

import "strings"

// DescriptionIn answers a policy's @description in a language: of the policies that a new
// room starts with there is a French one, and an English one with typographic apostrophes;
// what people wrote stays as it is.
func DescriptionIn(description, lang string) string {
	switch fr, ok := frenchDescriptions[description]; {
	case !ok:
		return description
	case lang == "fr":
		return fr
	default:
		return strings.ReplaceAll(description, "'", "’")
	}
}

var frenchDescriptions = map[string]string{
	"An agent hears, for 30 days, the calls that bear their name or an alias of theirs.":                             "Un agent réécoute, pendant 30 jours, les appels qui portent son nom ou l’un de ses identifiants.",
	"What a call is (not what was said in it), so that a supervisor can tell which one they need.":                   "Ce qu’est un appel (non ce qui s’y est dit), pour qu’un superviseur reconnaisse celui qu’il cherche.",
	"A call of another queue, for instance while its supervisor is away, when somebody who answers for it approves.": "Un appel d’une autre file, par exemple en l’absence de son superviseur, quand une personne qui en répond l’approuve.",
	"A copy by the console's download, for instance for a court. To play a call is not to take it along.":            "Une copie téléchargée depuis la console, par exemple pour un tribunal. Écouter un appel n’est pas l’emporter.",
	"Names of one bucket show every queue in it, so only a bucket that bears the queue's name.":                      "Les noms d’un compartiment en révèlent toutes les files : seulement un compartiment qui porte le nom de la file.",
	"One call in twenty, chosen by the version's random id, and those stored with the attribute sample: quality.":    "Un appel sur vingt, choisi par l’identifiant aléatoire de la version, et ceux stockés avec l’attribut sample : quality.",
	"A copy made for one vendor opens for that vendor only.":                                                         "Une copie faite pour un fournisseur ne s’ouvre que pour lui.",
	"Shortening or lifting retention in governance mode; compliance mode and legal hold know no bypass.":             "Raccourcir ou lever la conservation en mode gouvernance ; le mode conformité et la conservation légale ne se contournent pas.",
	"A stricter label is set at once.": "Une classification plus stricte se pose aussitôt.",
	"Opens a few hours in which the next policy permits. It alerts, and somebody else reviews it.":             "Ouvre quelques heures pendant lesquelles la politique suivante s’applique. Une alerte part, et une autre personne examine.",
	"A recorder adds; it reads nothing, replaces nothing and sees no names but its buckets'.":                  "Un enregistreur ajoute ; il ne lit rien, ne remplace rien et ne voit d’autres noms que ceux de ses compartiments.",
	"What drains a platform's export bucket adds, in its own name, and replaces nothing.":                      "Ce qui vide le compartiment d’export d’une plateforme ajoute, en son nom propre, et ne remplace rien.",
	"For a week, what it stored itself, to compare it before the source is deleted.":                           "Pendant une semaine, ce qu’il a stocké lui-même, pour le comparer avant que la source soit supprimée.",
	"Tags that come with a store, or follow within the hour; nothing older is retagged.":                       "Les étiquettes qui accompagnent un dépôt, ou le suivent dans l’heure ; rien de plus ancien n’est réétiqueté.",
	"The house's own workload carries out the lifecycle rules of buckets. No person can bear its name.":        "Le programme interne applique les règles de cycle de vie des compartiments. Aucune personne ne peut porter son nom.",
	"The house's own workload reads text to label it. No person can bear its name.":                            "Le programme interne lit les textes pour les classer. Aucune personne ne peut porter son nom.",
	"Who hands out rights does not use them on content, even when in another group as well.":                   "Qui distribue les droits ne s’en sert pas sur les contenus, même s’il est aussi d’un autre groupe.",
	"Whoever reviews what was done behind broken glass does not break it, even when in another group as well.": "Qui examine les accès d’urgence n’en ouvre pas, même s’il est aussi d’un autre groupe.",
	"Who runs the platform has no part in what it keeps, even when in another group as well.":                  "Qui exploite la plateforme n’a aucune part à ce qu’elle garde, même s’il est aussi d’un autre groupe.",
}
