package limit

import (
	"strings"

	"github.com/cedar-policy/cedar-go/types"

	"strongroom"
)

// tongue is how one language says a policy. Of two forms the first goes with a permit, the
// second with a forbid; of four, they are for less, at most, more and at least.
type tongue struct {
	lang                           string
	everybody, members, somebody   [2]string
	any                            map[types.EntityType][2]string
	one                            map[types.EntityType]string
	a                              map[types.EntityType]string
	within                         [2]string // objects of one bucket
	anything, anythingWith         [2]string
	further                        [2]string // before what is done with another sort of resource
	acts                           map[strongroom.Action]deed
	given, givenText               string
	permitsText, forbidsText       string
	provided, unless               [2]string // before the first condition, and before the others
	and, or, not, that, holds      string
	quote                          string
	terms                          map[string]string
	tags                           map[string]string
	facts, tagged                  map[string][2]string // so, and not so
	known                          [2]string            // so, and not so
	is, isThe                      map[types.EntityType]string
	kindOf                         map[string]string
	equal, differs, among          string
	include                        [2]string // by one, by several
	isIn, theyAre, liesIn, matches string
	like                           [4]string // is, begins, ends, has within
	comesFrom                      string
	age, moment, hour, order       [4]string
	units                          [5]string
	elide                          func(lead, clause string) string
}

// contracted has "de" and what follows it written as French writes them.
func (t *tongue) contracted(text string, noun Sentence) (string, Sentence) {
	if before, isFrench := strings.CutSuffix(text, " de {0}"); isFrench && t == &inFrench {
		rest := noun[0].Text
		switch {
		case strings.HasPrefix(rest, "le "):
			text, rest = before+" du {0}", strings.TrimPrefix(rest, "le ")
		case strings.HasPrefix(rest, "un "):
			text = before + " d’{0}"
		}
		return text, append(Sentence{{Text: rest, Form: noun[0].Form}}, noun[1:]...)
	}
	return text, noun
}

// deed is an action: with something named, with the same thing again, and where it
// concerns the room.
type deed struct{ first, next, room string }

var tongues = map[string]*tongue{"en": &inEnglish, "fr": &inFrench}

var inEnglish = tongue{
	lang:      "en",
	everybody: [2]string{"everybody may", "nobody may"},
	members:   [2]string{"members of {0} may", "members of {0} may never"},
	somebody:  [2]string{"{0} may", "{0} may never"},
	any: map[types.EntityType][2]string{
		typeObject: {"any object", "any object"}, typeBucket: {"any bucket", "any bucket"}, typeRoom: {"the room", "the room"},
	},
	one:          map[types.EntityType]string{typeObject: "the object {0}", typeBucket: "the bucket {0}"},
	a:            map[types.EntityType]string{typeObject: "an object", typeBucket: "a bucket"},
	within:       [2]string{"any object in the bucket {0}", "any object in the bucket {0}"},
	anything:     [2]string{"do anything", "do anything"},
	anythingWith: [2]string{"do anything with {0}", "do anything with {0}"},
	further:      [2]string{"; ", "; "},
	acts: map[strongroom.Action]deed{
		strongroom.ActionReadObject:      {"open {0}", "open it", ""},
		strongroom.ActionDownload:        {"take a copy of {0}", "take a copy of it", ""},
		strongroom.ActionReadMetadata:    {"see the metadata of {0}", "see its metadata", ""},
		strongroom.ActionStoreObject:     {"store {0}", "store it", ""},
		strongroom.ActionDeleteObject:    {"delete {0}", "delete it", ""},
		strongroom.ActionMarkScrubbed:    {"declare {0} a scrubbed copy", "declare it a scrubbed copy", ""},
		strongroom.ActionTagObject:       {"tag {0}", "tag it", ""},
		strongroom.ActionHoldObject:      {"place or lift a legal hold on {0}", "place or lift a legal hold on it", ""},
		strongroom.ActionRetainObject:    {"change the retention of {0}", "change its retention", ""},
		strongroom.ActionBypassRetention: {"bypass the governance retention of {0}", "bypass its governance retention", ""},
		strongroom.ActionRelabel:         {"label {0} as strictly or more strictly", "label it as strictly or more strictly", ""},
		strongroom.ActionLoosenLabel:     {"loosen the label of {0}", "loosen its label", ""},
		strongroom.ActionApproveRequest:  {"answer others’ requests for {0}", "answer others’ requests for it", ""},
		strongroom.ActionListObjects:     {"list the names in {0}", "list the names in it", ""},
		strongroom.ActionCreateBucket:    {"create {0}", "create it", ""},
		strongroom.ActionDeleteBucket:    {"delete {0}", "delete it", ""},
		strongroom.ActionConfigureBucket: {"configure {0}", "configure it", ""},
		strongroom.ActionReadBucket:      {"see the configuration of {0}", "see its configuration", ""},
		strongroom.ActionListBuckets:     {"see that {0} exists", "see that it exists", "see the names of all buckets"},
		strongroom.ActionReadLedger:      {"read the ledger about {0}", "read the ledger about it", "read the ledger"},
		strongroom.ActionManagePeople:    {"", "", "manage people"},
		strongroom.ActionManagePolicy:    {"", "", "change policies"},
		strongroom.ActionReadPolicy:      {"", "", "read policies"},
		strongroom.ActionTakeInventory:   {"", "", "take inventory"},
		strongroom.ActionReadUsage:       {"", "", "see who accessed what"},
		strongroom.ActionBreakGlass:      {"", "", "open emergency access"},
		strongroom.ActionReviewAccess:    {"", "", "review emergency access"},
		strongroom.ActionReadAlerts:      {"", "", "see alerts"},
		strongroom.ActionManageAlerts:    {"", "", "manage alerts"},
	},
	given: ", given {0},", givenText: ", given {0}",
	permitsText: "this policy permits what its text says, {0}", forbidsText: "this policy forbids what its text says, {0}",
	provided: [2]string{"if", ""}, unless: [2]string{"unless", ""},
	and: "and", or: "or", not: "it is not so {0}", that: "that", holds: "{0} holds",
	quote: "“{0}”",
	terms: map[string]string{
		"principal.name": "their name", "principal.kind": "their kind", "principal.aliases": "their aliases", "principal.queues": "the queues they work in",
		"principal.supervises": "the queues they answer for", "principal.vendor": "their supplier",
		"resource.name": "its name", "resource.bucket": "its bucket", "resource.key": "its key", "resource.custody": "its custody class", "resource.size": "its size in bytes",
		"resource.created": "its creation", "resource.queue": "its queue", "resource.agent": "its agent", "resource.kind": "its kind", "resource.customer": "its customer",
		"resource.conversation": "its conversation", "resource.language": "its language", "resource.classes": "its data classes",
		"context.time": "the time of asking", "context.purpose": "the purpose", "context.ticket": "the ticket", "context.source": "the network address",
		"context.method": "the method of proof", "context.approvals": "the number of approvals", "context.prefix": "the prefix asked for",
	},
	tags: map[string]string{"principal": "their attribute {0}", "resource": "its attribute {0}"},
	tagged: map[string][2]string{
		"principal": {"they have the attribute {0}", "they do not have the attribute {0}"}, "resource": {"it has the attribute {0}", "it does not have the attribute {0}"},
	},
	facts: map[string][2]string{
		"resource.confidential": {"it is confidential", "it is not confidential"},
		"resource.legalHold":    {"it is under legal hold", "it is not under legal hold"},
		"resource.scrubbed":     {"it is a scrubbed copy", "it is not a scrubbed copy"},
		"resource.sampled":      {"it is in the sample of one version in twenty", "it is not in the sample of one version in twenty"},
		"context.secure":        {"the connection uses TLS", "the connection does not use TLS"},
		"context.breakGlass":    {"they have opened emergency access", "they have not opened emergency access"},
		"context.byVersion":     {"the version is asked for by name", "no version is asked for by name"},
	},
	known:  [2]string{"{0} is known", "{0} is not known"},
	is:     map[types.EntityType]string{typeObject: "it is an object", typeBucket: "it is a bucket", typeRoom: "it is the room"},
	isThe:  map[types.EntityType]string{typeObject: "it is the object {0}", typeBucket: "it is the bucket {0}"},
	kindOf: map[string]string{"person": "they are a person", "workload": "they are a machine", "vendor": "they are a supplier"},
	equal:  "{0} is {1}", differs: "{0} is not {1}", among: "{0} is among {1}",
	include: [2]string{"{0} includes {1}", "{0} include {1}"},
	isIn:    "they are in {0}", theyAre: "they are {0}", liesIn: "it lies in the bucket {0}", matches: "{0} matches {1}",
	like:      [4]string{"{0} is {1}", "{0} begins with {1}", "{0} ends with {1}", "{0} has {1} in it"},
	comesFrom: "the network address is in {0}",
	age:       [4]string{"it was created less than {0} ago", "it was created at most {0} ago", "it was created more than {0} ago", "it was created at least {0} ago"},
	moment:    [4]string{"{0} is before {1}", "{0} is {1} or before", "{0} is after {1}", "{0} is {1} or after"},
	hour:      [4]string{"it is before {0} (UTC)", "it is {0} or before (UTC)", "it is after {0} (UTC)", "it is {0} or after (UTC)"},
	order:     [4]string{"{0} is less than {1}", "{0} is at most {1}", "{0} is more than {1}", "{0} is at least {1}"},
	units:     [5]string{"day|days", "hour|hours", "minute|minutes", "second|seconds", "ms|ms"},
}

var inFrench = tongue{
	lang:      "fr",
	everybody: [2]string{"chacun peut", "personne ne peut"},
	members:   [2]string{"les membres du groupe {0} peuvent", "les membres du groupe {0} ne peuvent jamais"},
	somebody:  [2]string{"{0} peut", "{0} ne peut jamais"},
	any: map[types.EntityType][2]string{
		typeObject: {"tout objet", "un objet"}, typeBucket: {"tout compartiment", "un compartiment"}, typeRoom: {"la salle", "la salle"},
	},
	one:          map[types.EntityType]string{typeObject: "l’objet {0}", typeBucket: "le compartiment {0}"},
	a:            map[types.EntityType]string{typeObject: "un objet", typeBucket: "un compartiment"},
	within:       [2]string{"tout objet du compartiment {0}", "un objet du compartiment {0}"},
	anything:     [2]string{"tout faire", "rien faire"},
	anythingWith: [2]string{"tout faire avec {0}", "rien faire avec {0}"},
	further:      [2]string{" ; ", " ; "},
	acts: map[strongroom.Action]deed{
		strongroom.ActionReadObject:      {"ouvrir {0}", "l’ouvrir", ""},
		strongroom.ActionDownload:        {"emporter une copie de {0}", "en emporter une copie", ""},
		strongroom.ActionReadMetadata:    {"consulter les métadonnées de {0}", "consulter ses métadonnées", ""},
		strongroom.ActionStoreObject:     {"stocker {0}", "le stocker", ""},
		strongroom.ActionDeleteObject:    {"supprimer {0}", "le supprimer", ""},
		strongroom.ActionMarkScrubbed:    {"déclarer {0} comme copie expurgée", "le déclarer comme copie expurgée", ""},
		strongroom.ActionTagObject:       {"étiqueter {0}", "l’étiqueter", ""},
		strongroom.ActionHoldObject:      {"poser ou lever une conservation légale sur {0}", "y poser ou lever une conservation légale", ""},
		strongroom.ActionRetainObject:    {"modifier la durée de conservation de {0}", "modifier sa durée de conservation", ""},
		strongroom.ActionBypassRetention: {"passer outre la conservation en mode gouvernance de {0}", "passer outre sa conservation en mode gouvernance", ""},
		strongroom.ActionRelabel:         {"classer {0} aussi ou plus strictement", "le classer aussi ou plus strictement", ""},
		strongroom.ActionLoosenLabel:     {"assouplir la classification de {0}", "assouplir sa classification", ""},
		strongroom.ActionApproveRequest:  {"répondre aux demandes d’autrui portant sur {0}", "répondre aux demandes d’autrui le concernant", ""},
		strongroom.ActionListObjects:     {"lister les noms dans {0}", "y lister les noms", ""},
		strongroom.ActionCreateBucket:    {"créer {0}", "le créer", ""},
		strongroom.ActionDeleteBucket:    {"supprimer {0}", "le supprimer", ""},
		strongroom.ActionConfigureBucket: {"configurer {0}", "le configurer", ""},
		strongroom.ActionReadBucket:      {"consulter la configuration de {0}", "consulter sa configuration", ""},
		strongroom.ActionListBuckets:     {"constater que {0} existe", "constater qu’il existe", "voir les noms de tous les compartiments"},
		strongroom.ActionReadLedger:      {"lire le registre concernant {0}", "lire le registre le concernant", "lire le registre"},
		strongroom.ActionManagePeople:    {"", "", "gérer les personnes"},
		strongroom.ActionManagePolicy:    {"", "", "modifier les politiques"},
		strongroom.ActionReadPolicy:      {"", "", "lire les politiques"},
		strongroom.ActionTakeInventory:   {"", "", "dresser l’inventaire"},
		strongroom.ActionReadUsage:       {"", "", "voir qui a consulté quoi"},
		strongroom.ActionBreakGlass:      {"", "", "ouvrir un accès d’urgence"},
		strongroom.ActionReviewAccess:    {"", "", "examiner les accès d’urgence"},
		strongroom.ActionReadAlerts:      {"", "", "voir les alertes"},
		strongroom.ActionManageAlerts:    {"", "", "gérer les alertes"},
	},
	given: ", avec {0},", givenText: ", avec {0}",
	permitsText: "cette politique permet ce que dit son texte, {0}", forbidsText: "cette politique interdit ce que dit son texte, {0}",
	provided: [2]string{"si", "si"}, unless: [2]string{"sauf si", "si"},
	and: "et", or: "ou", not: "il n’est pas vrai {0}", that: "que", holds: "{0} est vérifié",
	quote: "«\u00a0{0}\u00a0»",
	terms: map[string]string{
		"principal.name": "le nom du demandeur", "principal.kind": "le type du demandeur", "principal.aliases": "les alias du demandeur",
		"principal.queues": "les files où travaille le demandeur", "principal.supervises": "les files dont répond le demandeur", "principal.vendor": "le fournisseur du demandeur",
		"resource.name": "son nom", "resource.bucket": "son compartiment", "resource.key": "sa clé", "resource.custody": "sa classe de garde", "resource.size": "sa taille en octets",
		"resource.created": "sa création", "resource.queue": "sa file", "resource.agent": "son agent", "resource.kind": "son type", "resource.customer": "son client",
		"resource.conversation": "sa conversation", "resource.language": "sa langue", "resource.classes": "ses classes de données",
		"context.time": "l’instant de la demande", "context.purpose": "le motif", "context.ticket": "le ticket", "context.source": "l’adresse réseau",
		"context.method": "le mode de preuve", "context.approvals": "le nombre d’approbations", "context.prefix": "le préfixe demandé",
	},
	tags: map[string]string{"principal": "l’attribut {0} du demandeur", "resource": "son attribut {0}"},
	tagged: map[string][2]string{
		"principal": {"le demandeur a l’attribut {0}", "le demandeur n’a pas l’attribut {0}"}, "resource": {"il a l’attribut {0}", "il n’a pas l’attribut {0}"},
	},
	facts: map[string][2]string{
		"resource.confidential": {"il est confidentiel", "il n’est pas confidentiel"},
		"resource.legalHold":    {"il est sous conservation légale", "il n’est pas sous conservation légale"},
		"resource.scrubbed":     {"il s’agit d’une copie expurgée", "il ne s’agit pas d’une copie expurgée"},
		"resource.sampled":      {"il fait partie de l’échantillon d’une version sur vingt", "il ne fait pas partie de l’échantillon d’une version sur vingt"},
		"context.secure":        {"la connexion utilise TLS", "la connexion n’utilise pas TLS"},
		"context.breakGlass":    {"le demandeur a ouvert un accès d’urgence", "le demandeur n’a pas ouvert d’accès d’urgence"},
		"context.byVersion":     {"la version est demandée nommément", "aucune version n’est demandée nommément"},
	},
	known:  [2]string{"on connaît {0}", "on ne connaît pas {0}"},
	is:     map[types.EntityType]string{typeObject: "il s’agit d’un objet", typeBucket: "il s’agit d’un compartiment", typeRoom: "il s’agit de la salle"},
	isThe:  map[types.EntityType]string{typeObject: "il s’agit de l’objet {0}", typeBucket: "il s’agit du compartiment {0}"},
	kindOf: map[string]string{"person": "le demandeur est une personne", "workload": "le demandeur est une machine", "vendor": "le demandeur est un fournisseur"},
	equal:  "{0} est {1}", differs: "{0} n’est pas {1}", among: "{0} figure parmi {1}",
	include: [2]string{"{0} comprend {1}", "{0} comprennent {1}"},
	isIn:    "le demandeur est membre de {0}", theyAre: "le demandeur est {0}", liesIn: "il se trouve dans le compartiment {0}", matches: "{0} correspond à {1}",
	like:      [4]string{"{0} est {1}", "{0} commence par {1}", "{0} se termine par {1}", "{0} contient {1}"},
	comesFrom: "l’adresse réseau est dans {0}",
	age:       [4]string{"il a été créé il y a moins de {0}", "il a été créé il y a au plus {0}", "il a été créé il y a plus de {0}", "il a été créé il y a au moins {0}"},
	moment:    [4]string{"{0} précède {1}", "{0} ne suit pas {1}", "{0} suit {1}", "{0} ne précède pas {1}"},
	hour:      [4]string{"l’heure UTC précède {0}", "l’heure UTC ne suit pas {0}", "l’heure UTC suit {0}", "l’heure UTC ne précède pas {0}"},
	order:     [4]string{"{0} est inférieur à {1}", "{0} ne dépasse pas {1}", "{0} dépasse {1}", "{0} n’est pas inférieur à {1}"},
	units:     [5]string{"jour|jours", "heure|heures", "minute|minutes", "seconde|secondes", "ms|ms"},
	elide: func(lead, clause string) string {
		if vowel := strings.HasPrefix(clause, "il "); vowel && strings.HasSuffix(lead, "si") {
			return strings.TrimSuffix(lead, "i") + "’"
		}
		if strings.HasSuffix(lead, "que") && strings.ContainsRune("aeiouhéàê", []rune(clause + " ")[0]) {
			return strings.TrimSuffix(lead, "e") + "’"
		}
		return lead + " "
	},
}
