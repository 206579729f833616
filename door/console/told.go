package console

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"strongroom/limit"
)

// told answers a sentence of the parts beneath the console, which speak English, in the
// reader's language; false, and the sentence as it is, where that is not known: names, and
// what people wrote. Sentences rest in records as they were said, so that they are taken
// apart here, by the format that they were made with.
func told(lang, sentence string) (string, bool) {
	if lang != french {
		if _, whole := toldFrench[sentence]; whole { // nobody's name is in it
			sentence = strings.ReplaceAll(sentence, "'", "’")
		}
		if m := finding.FindStringSubmatchIndex(sentence); m != nil {
			sentence = sentence[:m[2]] + detector(lang, sentence[m[2]:m[3]]) + "," + sentence[m[3]:]
		}
		return sentence, true
	}
	for _, f := range tellings() {
		if m := f.says.FindStringSubmatch(sentence); m != nil {
			return f.french(m[1:]), true
		}
	}
	return sentence, frenchAlready()[sentence]
}

// frenchAlready are the console's own texts, which need no telling.
var frenchAlready = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, s := range words {
		all[s.fr] = true
	}
	return all
})

// frenchDeeds has the French words of actions by the English ones.
var frenchDeeds = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for _, a := range limit.Actions() {
		all[limit.DeedWords(a, english)] = limit.DeedWords(a, french)
	}
	return all
})

// telling is one format of English sentences, and the French of them.
type telling struct {
	says  *regexp.Regexp
	holes []string // verbs
	fr    string
}

var (
	verbs = regexp.MustCompile(`%[sdqvw]`)
	gaps  = regexp.MustCompile(`\{(\d)([tldkf]?)\}`)
)

// tellings are all formats, those that say the most first.
var tellings = sync.OnceValue(func() []telling {
	type weighed struct {
		telling
		weight int
	}
	var all []weighed
	for format, fr := range toldFrench {
		t := telling{holes: verbs.FindAllString(format, -1), fr: frenchMarks.Replace(fr)}
		text, at := "(?s)^", 0
		for _, m := range verbs.FindAllStringIndex(format, -1) {
			text += regexp.QuoteMeta(format[at:m[0]])
			switch format[m[0]:m[1]] {
			case "%d":
				text += `(-?\d+)`
			case "%q":
				text += `("(?:[^"\\]|\\.)*")`
			default:
				text += `(.+?)`
			}
			at = m[1]
		}
		t.says = regexp.MustCompile(text + regexp.QuoteMeta(format[at:]) + "$")
		all = append(all, weighed{t, len(verbs.ReplaceAllString(format, ""))*100 + len(format)})
	}
	slices.SortFunc(all, func(a, b weighed) int {
		if a.weight != b.weight {
			return b.weight - a.weight
		}
		return strings.Compare(a.fr, b.fr)
	})
	out := make([]telling, len(all))
	for i, a := range all {
		out[i] = a.telling
	}
	return out
})

// french fills in what an English sentence says: {0} its first part as it is, {0t} that told
// itself, {0l} a list of such, {0d} a list of actions in words, {0k} a kind of content or who
// takes part in it, {0f} what a detector finds. Of two forms, parted by a bar, the first number picks one.
func (t *telling) french(parts []string) string {
	form := t.fr
	if one, more, two := strings.Cut(t.fr, "|"); two {
		form = more
		for i, hole := range t.holes {
			if hole == "%d" {
				if n, _ := strconv.Atoi(parts[i]); n < 2 {
					form = one
				}
				break
			}
		}
	}
	return gaps.ReplaceAllStringFunc(form, func(gap string) string {
		m := gaps.FindStringSubmatch(gap)
		n := int(m[1][0] - '0')
		part := parts[n]
		switch {
		case m[2] == "t":
			part, _ = told(french, part)
		case m[2] == "f":
			part = detector(french, part)
		case m[2] == "k":
			for _, table := range []string{"kind.", "recordings."} {
				if known(table + part) {
					return strings.ToLower(say(french, table+part))
				}
			}
		case m[2] == "l", m[2] == "d":
			list := strings.Split(part, ", ")
			for i := range list {
				if deed, known := frenchDeeds()[list[i]]; known && m[2] == "d" {
					list[i] = deed
				} else if m[2] == "l" {
					list[i], _ = told(french, list[i])
				}
			}
			part = strings.Join(list, ", ")
		case t.holes[n] == "%q":
			if plain, err := strconv.Unquote(part); err == nil {
				part = printable(plain)
			}
		case t.holes[n] == "%d":
			if i, err := strconv.ParseInt(part, 10, 64); err == nil {
				part = number(french, i)
			}
		}
		return part
	})
}

// ToldAll are such sentences in one line, parted by semicolons.
func (p *page) ToldAll(line string) string {
	all := strings.Split(line, "; ")
	for i := range all {
		all[i] = p.Told(all[i])
	}
	if p.Lang == french {
		return strings.Join(all, "\u00a0; ")
	}
	return strings.Join(all, "; ")
}

// Told is such a sentence on a page.
func (p *page) Told(sentence string) string {
	s, _ := told(p.Lang, sentence)
	return s
}

// toldFrench has the French of each format of sentences. A test reads the sources for
// formats that are not here.
var toldFrench = map[string]string{
	// Why a label is as it is (classify, vault).
	"set: %s":                              "attribuée : {0}",
	"its beginning could not be read":      "son début n’a pas pu être lu",
	"nothing of its content was looked at": "rien de son contenu n’a été examiné",
	"what it says was not looked at: detectors read text, and it is %s":              "ce qu’il dit n’a pas été examiné : les détecteurs lisent du texte, et ceci est du type {0}",
	"all %d bytes were looked at, by detectors %s":                                   "{0} octet examiné, soit tout, par les détecteurs {1}|les {0} octets ont tous été examinés, par les détecteurs {1}",
	"the first %d of %d bytes were looked at, by detectors %s; what follows was not": "les premiers octets ({0} sur {1}) ont été examinés, par les détecteurs {2} ; la suite ne l’a pas été",
	"the first %d bytes were looked at, by detectors %s; what follows was not":       "les premiers octets ({0}) ont été examinés, par les détecteurs {1} ; la suite ne l’a pas été",
	"declared as %s":                                    "déclaré comme : {0k}",
	"its type was declared as %s…":                      "type déclaré : {0}…",
	"declared as sensitive":                             "déclaré comme sensible",
	"its metadata says who took part: %s":               "ses métadonnées disent qui a pris part : {0k}",
	"its content begins as %s":                          "son contenu commence comme {0}",
	"its content is text":                               "son contenu est du texte",
	"nothing shows that it is not confidential":         "rien ne montre qu’il n’est pas confidentiel",
	"metadata of %s":                                    "métadonnées de {0}",
	"metadata of %s: %s":                                "métadonnées de {0} : {1l}",
	"it describes a %s":                                 "décrit un contenu « {0} »",
	"names a queue":                                     "nomme une file",
	"inbound":                                           "entrant",
	"outbound":                                          "sortant",
	"names who took part":                               "nomme qui a pris part",
	"is marked sensitive":                               "marqué comme sensible",
	"its recording is encrypted by the platform":        "son enregistrement est chiffré par la plateforme",
	"found %s %s, with %s confidence, first at byte %d": "trouvé : {0f}, {1t}, avec une confiance {2t}, d’abord à l’octet {3}",
	"found %s %s, with %s confidence, first at byte %d, which is too little for a class":                                                "trouvé : {0f}, {1t}, avec une confiance {2t}, d’abord à l’octet {3} ; trop peu pour une classe",
	"found %s %s, with %s confidence, first at byte %d; such codes may not be kept after authorisation, even encrypted (PCI DSS 3.3.1)": "trouvé : {0f}, {1t}, avec une confiance {2t}, d’abord à l’octet {3} ; un tel code ne peut être conservé après l’autorisation, même chiffré (PCI DSS 3.3.1)",
	"once":     "une fois",
	"%d times": "{0} fois",
	"high":     "élevée",
	"medium":   "moyenne",
	"low":      "faible",

	// What a change of policies does, in an alert (limit).
	"%d of %d questions on record and %d of %d possible ones are answered more freely":                    "{0} questions inscrites sur {1} et {2} questions possibles sur {3} reçoivent une réponse plus libre",
	"by its text it may permit more, though none of %d questions on record and %d possible ones shows it": "d’après son texte elle peut permettre davantage, sans qu’aucune des {0} questions inscrites ni des {1} possibles ne le montre",
	"wider: %s":                                "s’élargit : {0}",
	"it tightens as well (%d answers)":         "elle restreint aussi ({0} réponse)|elle restreint aussi ({0} réponses)",
	"%d possible questions were not looked at": "{0} question possible n’a pas été examinée|{0} questions possibles n’ont pas été examinées",

	// What an inventory did not look at (know).
	"the content of the room's objects: labels are as given when they were stored, or since":  "le contenu des objets de la salle : les classifications sont celles du dépôt, ou celles attribuées depuis",
	"%d rows of the room's database that do not open: see `strongroom ledger verify --state`": "{0} ligne de la base de la salle qui ne s’ouvre pas : voir `strongroom ledger verify --state`|{0} lignes de la base de la salle qui ne s’ouvrent pas : voir `strongroom ledger verify --state`",
	"what %d unfinished uploads have brought so far":                                          "ce que {0} envoi inachevé a apporté jusqu’ici|ce que {0} envois inachevés ont apporté jusqu’ici",
	"source %s: %s": "source {0} : {1t}",
	"source %s: what changed since its scan of %s, which is overdue": "source {0} : ce qui a changé depuis son analyse du {1}, en retard",
	"source %s: %d × %s":                             "source {0} : {1} × {2t}",
	"source %s: the content of %d of its %d entries": "source {0} : le contenu de {1} de ses {2} entrées",
	"never scanned":                                  "jamais analysée",
	"broke off":                                      "analyse interrompue",
	"overdue":                                        "en retard",
	"permission":                                     "lecture refusée",
	"link":                                           "lien symbolique",
	"special":                                        "fichier spécial",
	"other-device":                                   "autre système de fichiers",
	"too-deep":                                       "dossiers trop imbriqués",
	"error":                                          "erreur",
	"archived":                                       "archivé",
	"gone":                                           "disparu entre-temps",

	// What usage leaves out, and why (limit).
	"%s came into force on %s, within the window":                                                                                "{0} est entrée en vigueur le {1}, pendant la période",
	"%s: decisions of which the personal part was erased: %d":                                                                    "{0} : décisions dont la part personnelle a été effacée : {1}",
	"%s is for the house's own work, of which not each decision is on record":                                                    "{0} sert aux travaux internes, dont chaque décision n’est pas inscrite",
	"%s lets people %s, which is also decided beside another act, whose record does not tell":                                    "{0} permet ceci : {1d} ; cela se décide aussi à côté d’un autre acte, dont l’inscription ne le dit pas",
	"%s lets people and policies be managed":                                                                                     "{0} permet de gérer les personnes et les politiques",
	"%s is for emergencies, which are meant to be rare":                                                                          "{0} sert aux urgences, qui doivent rester rares",
	"the actions of %s: decisions of which the personal part was erased: %d":                                                     "les actions de {0} : décisions dont la part personnelle a été effacée : {1}",
	"memberships in groups: %d uses are nobody's any more, since their personal part was erased":                                 "les appartenances aux groupes : {0} usage n’est plus attribuable, car sa part personnelle a été effacée|les appartenances aux groupes : {0} usages ne sont plus attribuables, car leur part personnelle a été effacée",
	"conditions on the network address, the time of day and the exact name: a right that holds only there counts as not granted": "les conditions sur l’adresse réseau, l’heure et le nom exact : un droit qui ne vaut que là compte comme non accordé",
	"more than %d objects of a sort: a right to few of many may be missing":                                                      "au-delà de {0} objets d’une sorte : un droit sur quelques-uns de beaucoup peut manquer",

	// What is wrong with a text of policies (limit). What Cedar itself says stays.
	"line %d: %s":                         "ligne {0} : {1t}",
	"line %d, column %d: %s":              "ligne {0}, colonne {1} : {2t}",
	"policy %q (line %d)":                 "politique « {0} » (ligne {1})",
	"policy %d of the text (line %d)":     "politique n° {0} du texte (ligne {1})",
	"policy %q (line %d): %s":             "politique « {0} » (ligne {1}) : {2t}",
	"policy %d of the text (line %d): %s": "politique n° {0} du texte (ligne {1}) : {2t}",
	"the policies have %d bytes, more than the %d allowed; merge policies that differ only in a name into one that names a group": "les politiques font {0} octets, au-delà des {1} permis ; réunissez celles qui ne diffèrent que par un nom en une seule qui nomme un groupe",
	"the policies are not valid UTF-8; save the file in UTF-8 and try again":                                                      "les politiques ne sont pas en UTF-8 valable ; enregistrez le fichier en UTF-8 et réessayez",
	`the text holds no policy; to deny everything, say so: @id("nothing") forbid (principal, action, resource);`:                  `le texte ne contient aucune politique ; pour tout refuser, dites-le : @id("nothing") forbid (principal, action, resource);`,
	"line %d has the same @id already; every policy needs its own":                                                                "la ligne {0} porte déjà le même @id ; chaque politique a le sien",
	"the rest was not looked at":                                                                                                                     "le reste n’a pas été examiné",
	"a chain of more than %d names; no attribute lies that deep":                                                                                     "une chaîne de plus de {0} noms ; aucun attribut n’est aussi profond",
	"brackets nest deeper than %d; split the policy":                                                                                                 "parenthèses imbriquées au-delà de {0} ; divisez la politique",
	"more than the %d policies allowed; merge policies that differ only in a name into one that names a group":                                       "plus que les {0} politiques permises ; réunissez celles qui ne diffèrent que par un nom en une seule qui nomme un groupe",
	"a policy is longer than the %d bytes allowed; split it":                                                                                         "une politique dépasse les {0} octets permis ; divisez-la",
	"line %d, column %d: %s (Cedar: %s)":                                                                                                             "ligne {0}, colonne {1} : {2t} (Cedar : {3})",
	"it names an action that there is not; use one of %s (Cedar: %s)":                                                                                "elle nomme une action qui n’existe pas ; utilisez l’une de : {0} (Cedar : {1})",
	"it names a type that there is not; use Principal, Group, Room, Bucket or Object (Cedar: %s)":                                                    "elle nomme un type qui n’existe pas ; utilisez Principal, Group, Room, Bucket ou Object (Cedar : {0})",
	"its action does not concern such a principal or resource; see which resources it has in the schema (Cedar: %s)":                                 "son action ne concerne pas un tel principal ou une telle ressource ; voyez dans le schéma quelles ressources elle a (Cedar : {0})",
	"it asks for an attribute that may be absent; ask first whether it is there, for instance resource has queue && resource.queue == … (Cedar: %s)": "elle lit un attribut qui peut manquer ; demandez d’abord s’il est là, par exemple resource has queue && resource.queue == … (Cedar : {0})",
	"it asks for a tag that may be absent; ask first whether it is there, for instance resource.hasTag(…) && resource.getTag(…) == … (Cedar: %s)":    "elle lit une étiquette qui peut manquer ; demandez d’abord si elle est là, par exemple resource.hasTag(…) && resource.getTag(…) == … (Cedar : {0})",
	"it asks for an attribute that there is not; use one of the schema, or narrow the resource (resource is Object); others are tags (Cedar: %s)":    "elle lit un attribut qui n’existe pas ; utilisez-en un du schéma, ou précisez la ressource (resource is Object) ; les autres sont des étiquettes S3 (Cedar : {0})",
	"its parts do not fit together; compare their types with the schema (Cedar: %s)":                                                                 "ses parties ne vont pas ensemble ; comparez leurs types avec le schéma (Cedar : {0})",

	// What is wrong with how a policy is written (limit/syntax.go).
	"the text ends before the policy does; put a semicolon at its end":                                                                                             "le texte s’arrête avant la fin de la politique ; terminez-la par un point-virgule",
	"the text ends where %q is expected; complete the policy":                                                                                                      "le texte s’arrête là où « {0} » est attendu ; complétez la politique",
	"the text ends in the midst of a policy; complete it, and put a semicolon at its end":                                                                          "le texte s’arrête au milieu d’une politique ; complétez-la et terminez-la par un point-virgule",
	"%q stands where the policy ends or its next condition begins; put a semicolon before it, or begin the condition with when or unless":                          "« {0} » se trouve là où la politique se termine ou une condition commence ; mettez un point-virgule devant, ou commencez la condition par when ou unless",
	"%q stands where the head of the policy names %s; write permit (principal, action, resource), each with what narrows it":                                       "« {0} » se trouve là où l’en-tête de la politique nomme {1} ; écrivez permit (principal, action, resource), chacun avec ce qui le précise",
	"there is no operator %q; write %q":                                                                                                                            "l’opérateur « {0} » n’existe pas ; écrivez « {1} »",
	"%q stands where %q is expected; name things by their type and id, for instance Group::\"agents\"":                                                             "« {0} » se trouve là où « {1} » est attendu ; nommez les choses par leur type et leur identifiant, par exemple Group::\"agents\"",
	"%q stands where %q is expected; a condition stands between braces and is one expression, with && and || between its parts":                                    "« {0} » se trouve là où « {1} » est attendu ; une condition s’écrit entre accolades et forme une seule expression, avec && et || entre ses parties",
	"%q stands where %q is expected; put it there, or take away what is too much":                                                                                  "« {0} » se trouve là où « {1} » est attendu ; mettez-le, ou retirez ce qui est de trop",
	"%q begins no policy; a policy begins with permit or forbid, behind its annotations":                                                                           "« {0} » ne commence pas une politique ; une politique commence par permit ou forbid, après ses annotations",
	"the annotation %s stands twice before one policy; keep one":                                                                                                   "l’annotation {0} figure deux fois devant une politique ; gardez-en une",
	"the record has the key %q twice; keep one":                                                                                                                    "l’enregistrement a deux fois la clé « {0} » ; gardez-en une",
	"there is no function %q; Cedar has ip, decimal, datetime and duration, and methods stand behind a value and a dot":                                            "la fonction « {0} » n’existe pas ; Cedar a ip, decimal, datetime et duration, et les méthodes s’écrivent après une valeur et un point",
	"%q is a method; write it behind a value and a dot, for instance principal.queues.contains(…)":                                                                 "« {0} » est une méthode ; écrivez-la après une valeur et un point, par exemple principal.queues.contains(…)",
	"there is no method %q; see which ones Cedar has: contains, containsAll, containsAny, isEmpty, hasTag, getTag and those of ip, decimal, datetime and duration": "la méthode « {0} » n’existe pas ; Cedar a contains, containsAll, containsAny, isEmpty, hasTag, getTag et celles de ip, decimal, datetime et duration",
	"%q is a function; write it by itself, not behind a dot":                                                                                                       "« {0} » est une fonction ; écrivez-la seule, non après un point",
	"%q takes nothing between its brackets; leave them empty":                                                                                                      "« {0} » ne prend rien entre ses parenthèses ; laissez-les vides",
	"%q takes one value between its brackets":                                                                                                                      "« {0} » prend une seule valeur entre ses parenthèses",
	"a text begins here and does not end on its line; put a double quote at its end":                                                                               "un texte commence ici et ne se termine pas sur sa ligne ; fermez-le par un guillemet droit double",
	"a comment begins here and does not end; put */ at its end":                                                                                                    "un commentaire commence ici et ne se termine pas ; fermez-le par */",
	"a backslash in this text is followed by what it cannot stand for; write \\\\ for a backslash and \\\" for a double quote":                                     "dans ce texte, une barre oblique inverse est suivie d’un signe qu’elle ne peut précéder ; écrivez \\\\ pour une barre oblique inverse et \\\" pour un guillemet double",
	"the text holds a zero byte; take it away":                                                                                                                     "le texte contient un octet nul ; retirez-le",
	"a number is too large: Cedar counts to 9223372036854775807":                                                                                                   "un nombre est trop grand : Cedar compte jusqu’à 9223372036854775807",
	"%q stands where a value is expected; values are principal, action, resource, context, texts between double quotes, whole numbers, true, false and lists":      "« {0} » se trouve là où une valeur est attendue : principal, action, resource, context, un texte entre guillemets doubles, un nombre entier, true, false ou une liste",
	"%q stands where a text is expected; write texts between double quotes":                                                                                        "« {0} » se trouve là où un texte est attendu ; écrivez les textes entre guillemets doubles",
	"%q stands where the name of an attribute is expected; write it without quotes, or as a text between double quotes":                                            "« {0} » se trouve là où le nom d’un attribut est attendu ; écrivez-le sans guillemets, ou comme un texte entre guillemets doubles",
	"%q is no name of an annotation; write for instance @id(\"a-name\")":                                                                                           "« {0} » n’est pas un nom d’annotation ; écrivez par exemple @id(\"un-nom\")",
	"%q stands where a name is expected; write a type as Group, a thing as Group::\"agents\" and an attribute behind a dot, as in resource.queue":                  "« {0} » se trouve là où un nom est attendu ; écrivez un type comme Group, une chose comme Group::\"agents\" et un attribut après un point, comme dans resource.queue",
	"Cedar does not understand %q here; look at what stands before it for a comma, a bracket or a quote that is missing":                                           "Cedar ne comprend pas « {0} » ici ; cherchez devant lui une virgule, une parenthèse ou un guillemet qui manque",
	"the annotation @%s is not known; use @id, @requires or @description":                                                                                          "l’annotation @{0} est inconnue ; utilisez @id, @requires ou @description",
	`it has no @id; put one before it, for instance @id("supervisors-replay-their-queues")`:                                                                        `elle n’a pas d’@id ; mettez-en un devant, par exemple @id("supervisors-replay-their-queues")`,
	"a forbid cannot have @requires; put the condition into its when clause":                                                                                       "un forbid ne peut avoir de @requires ; mettez la condition dans sa clause when",
	"its @id has %d characters; give it 1 to 128":                                                                                                                  "son @id a {0} caractères ; il en faut de 1 à 128",
	"its @id has other characters than letters, digits, '-', '_', '.' and '/'; leave them out":                                                                     "son @id a d’autres caractères que lettres, chiffres, '-', '_', '.' et '/' ; retirez-les",
	"@requires names %q; use %s, with commas between":                                                                                                              "@requires nomme « {0} » ; utilisez {1}, séparés par des virgules",
	"@requires names %q twice; name it once":                                                                                                                       "@requires nomme deux fois « {0} » ; une seule suffit",
	"no %s has an attribute %q; use one that the schema has (others of a principal or an object are tags: resource.hasTag(…))":                                     "aucun {0} n’a d’attribut « {1} » ; utilisez-en un du schéma (les autres d’un principal ou d’un objet se lisent ainsi : resource.hasTag(…))",

	// Why something was not done (vault, alert, know, people, and the console itself).
	"the reason has %d bytes, it may have %d":                                    "le motif fait {0} octets, il peut en faire {1}",
	"a label is set for a reason, and none is given":                             "une classification s’attribue pour un motif, et aucun n’est indiqué",
	"a label may have %d classes, these are %d":                                  "une classification peut avoir {0} classes, en voici {1}",
	"a class has 1 to 32 lower-case letters, digits and hyphens, not %q":         "une classe a 1 à 32 lettres minuscules, chiffres et tirets, et non « {0} »",
	"there are two principals %q":                                                "il y a deux comptes « {0} »",
	"there is another principal %q":                                              "il existe un autre compte « {0} »",
	"there is no principal %q":                                                   "il n’y a pas de compte « {0} »",
	"there is no source %q":                                                      "il n’y a pas de source « {0} »",
	"%s is a %s, and an owner is a person":                                       "{0} n’est pas une personne ({1}), et un propriétaire en est une",
	"an owner is named of a bucket or a source; a flow's stands in its file":     "on désigne le propriétaire d’un compartiment ou d’une source ; celui d’un flux figure dans son fichier",
	"nobody answers a request of their own":                                      "personne ne répond à sa propre demande",
	"a request is answered by a person, and this is a workload":                  "une personne répond à une demande, et ceci est un programme",
	"%d of the objects asked for were replaced or deleted since: %s":             "{0} objet demandé a été remplacé ou supprimé depuis : {1}|{0} objets demandés ont été remplacés ou supprimés depuis : {1}",
	"%d times that you broke the glass have not been reviewed":                   "{0} de vos accès d’urgence n’a pas été revu|{0} de vos accès d’urgence n’ont pas été revus",
	"nobody reviews what they did themselves":                                    "personne ne revoit ce qu’il a fait lui-même",
	"the old key goes on for at most %d days":                                    "l’ancienne clé reste valable {0} jour au plus|l’ancienne clé reste valable {0} jours au plus",
	"a session is not rotated: it ends":                                          "une session ne se renouvelle pas : elle se termine",
	"%s has ended already":                                                       "{0} est déjà terminée",
	"%s ends on %s already, and is not prolonged":                                "{0} se termine déjà le {1} et n’est pas prolongée",
	"nobody recovers their own log-on":                                           "personne ne rétablit sa propre connexion",
	"this link was used already, has expired, or is not one of this server's":    "ce lien a déjà servi, a expiré ou ne vient pas de ce serveur",
	"this log-on was refused":                                                    "cette connexion a été refusée",
	"the passkey was not accepted, so nothing was done":                          "la clé d’accès n’a pas été acceptée : rien n’a été fait",
	"this session does not exist, or is over":                                    "cette session n’existe pas ou est terminée",
	"this session is over: %s":                                                   "cette session est terminée : {0t}",
	"its principal is suspended":                                                 "son titulaire est suspendu",
	"its principal expired on %s":                                                "son titulaire a expiré le {0}",
	"no player plays as long as that":                                            "aucun lecteur ne joue aussi longtemps",
	"what players say is put on record %d times an hour at most":                 "ce que disent les lecteurs est inscrit {0} fois par heure au plus",
	"the policies have changed since you looked at them, so nothing was changed": "les politiques ont changé depuis que vous les avez lues : rien n’a été modifié",
	"the policy grants to everybody in the room, and the bucket's public access block refuses such policies": "la politique accorde à toute la salle, et le blocage d’accès public du compartiment refuse de telles politiques",
	"the policy set is not valid, so the one in force stays: %s":                                             "le jeu de politiques n’est pas valable, celui en vigueur reste : {0t}",
	"under this policy set you could not change policies any more, so the one in force stays":                "avec ce jeu de politiques vous ne pourriez plus modifier les politiques ; celui en vigueur reste",
	"beside the policies that buckets have: %s":                                                              "avec les politiques des compartiments : {0t}",
	"the version is a delete marker, which has no content":                                                   "cette version est un marqueur de suppression, sans contenu",
	"there is no such version of the object":                                                                 "cette version de l’objet n’existe pas",
	"there is no object %q in bucket %s":                                                                     "il n’y a pas d’objet « {0} » dans le compartiment {1}",
	"there is no bucket %q":                                                                                  "il n’y a pas de compartiment « {0} »",
	"invalid version id specified":                                                                           "identifiant de version non valable",
	"you are no longer among those who may read here":                                                        "vous ne faites plus partie de ceux qui peuvent lire ici",
	"the token is no longer valid":                                                                           "le jeton n’est plus valable",
	"the access key is no longer valid":                                                                      "la clé S3 n’est plus valable",
	"one release is served for %s at most":                                                                   "une ouverture est servie pendant {0} au plus",
	"this room serves as many requests as it may":                                                            "cette salle sert autant de demandes qu’elle le peut",
	"the room's policy cannot be evaluated, so nothing is permitted":                                         "la politique de la salle ne s’évalue pas : rien n’est permis",
	"the holder of the keys did not give the key":                                                            "le détenteur des clés n’a pas remis la clé",
	"the owner of the keys limits how many are given, and the limit is reached":                              "le propriétaire des clés limite combien en sont remises, et la limite est atteinte",
	"retention rules keep the object until %s, so it can be neither deleted nor replaced before":             "des règles de conservation gardent l’objet jusqu’au {0} ; il ne peut être ni supprimé ni remplacé avant",
	"there is no record %d: the ledger has records 0 to %d":                                                  "il n’y a pas d’inscription {0} : le registre en a de 0 à {1}",
	"this server has no %s":                                                                                  "ce serveur n’a pas cela : {0}",
	"there is no alert %s":                                                                                   "il n’y a pas d’alerte {0}",
	"%s has acknowledged it, at %s":                                                                          "{0} l’a prise en charge, le {1}",
	"nobody was told of this alert, so there is nothing to acknowledge":                                      "personne n’a été averti de cette alerte : il n’y a rien à prendre en charge",
	"the room has no channel, so nobody is told of any alert":                                                "la salle n’a pas de canal : personne n’est averti d’aucune alerte",
	"there is no channel %q":                                                                                 "il n’y a pas de canal « {0} »",
	"messages are in en or fr":                                                                               "les messages sont en en ou en fr",
	"this is no push subscription":                                                                           "ceci n’est pas un abonnement aux notifications",
	"this browser's push service is none of those known here":                                                "le service de notification de ce navigateur n’est pas connu ici",
	"this device cannot be told: %v":                                                                         "cet appareil ne peut être averti : {0}",
	"%d devices of yours are told already":                                                                   "{0} de vos appareils est déjà averti|{0} de vos appareils sont déjà avertis",
	"this is no device of yours":                                                                             "cet appareil n’est pas à vous",
	"%q is no name: 1 to 128 letters, digits or . _ @ + -, beginning with a letter or digit":                 "« {0} » n’est pas un nom : 1 à 128 lettres, chiffres ou . _ @ + -, en commençant par une lettre ou un chiffre",
	"%q is a name of the house's own workloads; choose one that does not begin with %s":                      "« {0} » est un nom des programmes internes ; choisissez-en un qui ne commence pas par {1}",
	"%q is no kind of principal: person, workload or vendor":                                                 "« {0} » n’est pas un type de compte : person, workload ou vendor",
	"%s has too many groups (at most 256), aliases (64) or attributes (64)":                                  "{0} a trop de groupes (256 au plus), d’identifiants (64) ou d’attributs (64)",
	"%q is no group: 1 to 64 lower-case letters, digits or -":                                                "« {0} » n’est pas un groupe : 1 à 64 lettres minuscules, chiffres ou -",
	"an alias of %s is empty, longer than 256 bytes or not UTF-8":                                            "un identifiant de {0} est vide, dépasse 256 octets ou n’est pas en UTF-8",

	"this is not what the page sends":                              "ce n’est pas ce que la page envoie",
	"nobody is logged on":                                          "personne n’est connecté",
	"as much is opened here as may be":                             "autant de contenus que permis sont ouverts ici",
	"this opening has ended":                                       "cette ouverture est terminée",
	"there is no such recording":                                   "cet enregistrement n’existe pas",
	"too many log-ons are under way":                               "trop de connexions sont en cours",
	"no player says that":                                          "aucun lecteur ne dit cela",
	"many documents are being read just now":                       "beaucoup de documents sont lus en ce moment",
	"two such tasks of yours are under way":                        "deux de vos calculs sont en cours",
	"too many such tasks are under way":                            "trop de calculs sont en cours",
	"wait a few minutes":                                           "patientez quelques minutes",
	"wait for one of them":                                         "attendez la fin de l’un d’eux",
	"try again":                                                    "réessayez",
	"try again in a moment":                                        "réessayez dans un instant",
	"ask again for the rest":                                       "redemandez pour la suite",
	"slow down and try again":                                      "ralentissez et réessayez",
	"slow down, or ask for a higher rate (strongroom key purpose)": "ralentissez, ou demandez un débit plus élevé (strongroom key purpose)",
	"try again shortly; the reason is in the operator's log":       "réessayez dans un instant ; la raison est dans le journal de l’exploitant",
	"what is there now is not what was asked for: ask them to make the request again": "ce qui s’y trouve n’est plus ce qui avait été demandé : faites refaire la demande",
	"rotate the access key itself": "renouvelez la clé S3 elle-même",
	"rotate it: %s":                "renouvelez-la : {0}",
	"make a new key with %s":       "créez une nouvelle clé avec {0}",
	"name who is meant, or change the bucket's public access block first": "nommez les personnes concernées, ou modifiez d’abord le blocage de l’accès public du compartiment",
	"the rota in force stays":                 "l’astreinte en vigueur reste",
	"ask for a new one":                       "demandez-en un nouveau",
	"log on again":                            "reconnectez-vous",
	"take one away first":                     "retirez-en un d’abord",
	"see %s":                                  "voir {0}",
	"ask somebody else, or withdraw it":       "adressez-vous à quelqu’un d’autre, ou retirez-la",
	"ask somebody else who may review access": "adressez-vous à une autre personne qui peut revoir les accès",
	"ask somebody else who may manage people": "adressez-vous à une autre personne chargée des accès",
	"ask somebody who may review them (`strongroom limit reviews`)": "adressez-vous à une personne qui peut les revoir (`strongroom limit reviews`)",
	"keep a permit for managePolicy that holds for you":             "gardez une permission managePolicy qui vaut pour vous",
	"look at them as they are now, and make the change again":       "regardez-les telles qu’elles sont, et refaites la modification",
	"try again, or ask somebody who manages people here":            "réessayez, ou adressez-vous à une personne chargée des accès",
	"whoever manages alerts can add it as a channel":                "une personne qui gère les alertes peut l’ajouter comme canal",
}
