package main

import (
	"fmt"
	"regexp"
	"strings"

	"strongroom/cloud/iam"
)

// answerWords are the words of answers about requests, in French. What stands in policies and
// in files stays as it stands there.
var answerWords = map[string]string{
	iam.Allowed.String():          "Autorisé",
	iam.ImplicitlyDenied.String(): "Refusé implicitement",
	iam.ExplicitlyDenied.String(): "Refusé explicitement",
	iam.Unknown.String():          "Inconnu",

	string(iam.IdentityPolicy):  "politique d’identité",
	string(iam.ResourcePolicy):  "politique de la ressource",
	string(iam.BoundaryPolicy):  "limite d’autorisations",
	string(iam.SessionPolicy):   "politique de session",
	string(iam.EndpointPolicy):  "politique du point de terminaison de VPC",
	string(iam.ServiceControl):  "politique de contrôle des services",
	string(iam.ResourceControl): "politique de contrôle des ressources",

	"holds": "s’applique", "does not hold": "ne s’applique pas", "may hold": "s’applique peut-être",
	"met": "remplie", "not met": "non remplie", "not known": "non connue",
	"the principal is not named":            "le principal n’est pas nommé",
	"it is not about the resource":          "elle ne porte pas sur la ressource",
	"also about the action":                 "portent aussi sur l’action",
	"note":                                  "remarque",
	"lacking":                               "il manque",
	"of":                                    "de",
	"%d faults in the files, the first: %s": "%d défauts dans les fichiers, dont le premier : %s",
	"1 fault in the files: %s":              "1 défaut dans les fichiers : %s",
	"the key that encrypts it must permit %s on %s": "la clé qui le chiffre doit permettre %s sur %s",
}

// answerSentences are the sentences that answers give as reasons and notes, with %s for what
// varies.
var answerSentences = [][2]string{
	{"the resource's account is not known, and whether two accounts must agree depends on it", "le compte de la ressource n’est pas connu, et c’est de lui que dépend s’il faut l’accord de deux comptes"},
	{"%s: not supplied, or with faults", "%s : non fournie, ou défectueuse"},
	{"a level of the organisation has no service control policy that allows it", "à un niveau de l’organisation, aucune politique de contrôle des services ne l’autorise"},
	{"the VPC endpoint's policy does not allow it", "la politique du point de terminaison de VPC ne l’autorise pas"},
	{"the resource's policy does not grant it to anonymous", "la politique de la ressource ne l’accorde pas aux anonymes"},
	{"the resource's policy does not grant it to the service", "la politique de la ressource ne l’accorde pas au service"},
	{"the resource's policy does not grant it to those whom the provider vouches for", "la politique de la ressource ne l’accorde pas à ceux dont le fournisseur d’identité se porte garant"},
	{"the resource's own policy must grant it, and does not", "la politique de la ressource doit l’accorder elle-même, et ne le fait pas"},
	{"the resource is another account's, whose policy does not grant it", "la ressource est d’un autre compte, dont la politique ne l’accorde pas"},
	{"the resource is another account's, so the principal's own policies must allow it too, and do not", "la ressource est d’un autre compte : les politiques du principal doivent l’autoriser aussi, et ne le font pas"},
	{"no identity policy allows it", "aucune politique d’identité ne l’autorise"},
	{"the permissions boundary does not allow it", "la limite d’autorisations ne l’autorise pas"},
	{"the session's policy does not allow it", "la politique de session ne l’autorise pas"},
	{"sts:GetCallerIdentity needs no permission and cannot be denied", "sts:GetCallerIdentity ne demande aucune autorisation et ne peut être refusé"},
	{"a root user cannot assume roles", "un utilisateur racine ne peut endosser de rôle"},
	{"a policy that AWS manages cannot be changed", "une politique gérée par AWS ne peut être modifiée"},
	{"a role that belongs to a service cannot be changed through IAM", "un rôle qui appartient à un service ne peut être modifié par IAM"},
	{"the bucket behind the access point must permit it too", "le compartiment derrière le point d’accès doit le permettre aussi"},
	{"which bucket is behind the access point is not known, and it must permit it too", "le compartiment derrière le point d’accès n’est pas connu, et il doit le permettre aussi"},
	{"this is about the access point; the bucket behind it must permit it too", "ceci ne concerne que le point d’accès ; le compartiment derrière lui doit le permettre aussi"},
	{"aws:userid is not given, and taken as absent; every signed request has one", "aws:userid n’est pas donné, et tenu pour absent ; toute requête signée en a un"},
	{"request.resource: accountId is %s, and the ARN says %s", "request.resource : accountId est %s, et l’ARN dit %s"},
	{"requests for %s have no key %s that AWS documents; it is used as given", "les requêtes %s n’ont pas de clé %s documentée par AWS ; elle est prise telle quelle"},
	{"%s: there is no such field, and nothing is done with it", "%s : ce champ n’existe pas, et il n’en est rien fait"},
	{"%s is not an action that AWS documents; %s is", "%s n’est pas une action documentée par AWS ; %s en est une"},
	{"%s is not an action that AWS documents", "%s n’est pas une action documentée par AWS"},
	{"%s takes no resource: it is asked of *, and policies allow it for * only", "%s ne prend pas de ressource : on la demande pour *, et les politiques ne l’autorisent que pour *"},
	{"%s is never asked of %s, but of %s", "%s n’est jamais demandée pour %s, mais pour %s"},
	{"no export has the key %s", "aucun export n’a la clé %s"},
}

// answerPolicies are the names of policies as exports give them.
var answerPolicies = [][2]string{
	{"user %s, inline policy %s", "politique en ligne de l’utilisateur %s, %s"},
	{"role %s, inline policy %s", "politique en ligne du rôle %s, %s"},
	{"group %s, inline policy %s", "politique en ligne du groupe %s, %s"},
	{"role %s, trust policy", "politique de confiance du rôle %s"},
	{"bucket %s, bucket policy", "politique du compartiment %s"},
	{"key %s, key policy", "politique de la clé %s"},
	{"function %s, policy", "politique de la fonction %s"},
	{"access point %s, policy", "politique du point d’accès %s"},
	{"repository %s, policy", "politique du dépôt %s"},
	{"secret %s, policy", "politique du secret %s"},
	{"backup vault %s, policy", "politique du coffre de sauvegarde %s"},
	{"policy %s", "politique %s"},
	{"grant %s", "octroi %s"},
}

// answering says answers in a language.
type answering string

// T is a word or a form.
func (l answering) T(word string, args ...any) string {
	if l == "fr" {
		if w, ok := answerWords[word]; ok {
			word = w
		}
	}
	if len(args) > 0 {
		word = fmt.Sprintf(word, args...)
	}
	return word
}

// colon stands before what explains a word.
func (l answering) colon() string {
	if l == "fr" {
		return "\u00a0: "
	}
	return ": "
}

// sentence is a reason or a note. One that is not known, such as a fault of a policy, stays as
// it is.
func (l answering) sentence(text string) string { return l.among(answerSentences, text) }

// statement names a statement by its policy.
func (l answering) statement(s *iam.Compound) string {
	return l.among(answerPolicies, s.Policy.Name) + strings.TrimPrefix(s.String(), s.Policy.Name)
}

// among translates a text that is one of a table's.
func (l answering) among(table [][2]string, text string) string {
	if l != "fr" {
		return text
	}
	for _, s := range table {
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(s[0]), "%s", "(.+?)") + "$"
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			continue
		}
		args := make([]any, len(found)-1)
		for i := range args {
			args[i] = l.T(found[i+1])
		}
		return strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;").Replace(fmt.Sprintf(s[1], args...))
	}
	return text
}
