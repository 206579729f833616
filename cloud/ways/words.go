package ways

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"strongroom/cloud/reach"
)

// Languages are those of the reports.
var Languages = []string{"en", "fr"}

// speaker writes in one language.
type speaker struct{ lang string }

// T is a word or sentence, with what it is about put in.
func (s speaker) T(key string, args ...any) string {
	w, ok := words[key]
	if !ok {
		panic("ways: no word " + key)
	}
	text := w.In(s.lang)
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// N is a number with its noun. In French, 0 and 1 are singular.
func (s speaker) N(key string, n int) string {
	one := n == 1 || s.lang == "fr" && n == 0
	if one {
		return s.T(key+".one", s.number(n))
	}
	return s.T(key+".many", s.number(n))
}

// number groups digits by threes.
func (s speaker) number(n int) string {
	digits := fmt.Sprint(n)
	sep := ","
	if s.lang == "fr" {
		sep = "\u202f"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + sep + digits[i:]
	}
	return digits
}

func (s speaker) day(t time.Time) string {
	if s.lang == "fr" {
		return t.Format("02/01/2006")
	}
	return t.Format("2006-01-02")
}

func (s speaker) time(t time.Time) string { return s.day(t.UTC()) + t.UTC().Format(" 15:04 UTC") }

// printable is text without what cannot be seen: it could turn the text after it around, or
// steer a terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) || c == '\u202f' || c == '\u00a0' {
			return c
		}
		return '\uFFFD'
	}, s)
}

// twoLines parts a text that is longer than so many letters at its last space before them.
func twoLines(s string, most int) (first, rest string) {
	r := []rune(s)
	if len(r) <= most {
		return s, ""
	}
	for i := most; i > 0; i-- {
		if r[i] == ' ' {
			return string(r[:i]), string(r[i+1:])
		}
	}
	return s, ""
}

// cut shortens a name to fit so many letters.
func cut(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:max(0, most-1)]) + "…"
}

// arn is the parts of an ARN that people read.
type arn struct{ service, region, account, resource string }

func splitARN(s string) (arn, bool) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" {
		return arn{}, false
	}
	return arn{p[2], p[3], p[4], p[5]}, true
}

// thing names what an ARN stands for: "role app", "bucket calls", "instance i-1".
func (s speaker) thing(name, home string) string {
	switch name {
	case "*":
		return s.T("anybody")
	case "":
		return s.T("something")
	case "any-account":
		return s.T("any.account")
	}
	a, ok := splitARN(name)
	if !ok {
		return printable(name)
	}
	resource := printable(a.resource)
	kind, rest, cutted := strings.Cut(resource, "/")
	if !cutted {
		kind, rest, _ = strings.Cut(resource, ":")
	}
	short := rest[strings.LastIndex(rest, "/")+1:]
	out := resource
	switch {
	case a.service == "s3" && a.account == "":
		out = s.T("kind.bucket", resource)
	case a.service == "iam" && resource == "*":
		out = s.T("everybody")
	case a.service == "iam" && resource == "root" && home != "" && a.account != home:
		return s.T("kind.account", printable(a.account)) // whom policies name so
	case a.service == "iam" && resource == "root":
		out = s.T("kind.root")
	case a.service == "iam" && words["kind."+kind].EN != "":
		out = s.T("kind."+kind, short)
	case a.service == "kms" && kind == "key":
		out = s.T("kind.key", rest)
	case a.service == "lambda":
		out = s.T("kind.function", strings.TrimPrefix(resource, "function:"))
	case a.service == "ec2" && kind == "instance":
		out = s.T("kind.instance", rest)
	case a.service == "sts":
		out = s.T("kind.session", rest)
	default:
		out = a.service + " " + resource
	}
	if a.account != "" && home != "" && a.account != home && a.account != "aws" {
		out = s.T("of.account", out, a.account)
	}
	return out
}

// who names a principal.
func (s speaker) who(p reach.Principal, home string) string {
	switch p.Kind {
	case reach.Anonymous:
		return s.T("anybody")
	case reach.Everybody:
		return s.T("everybody")
	case reach.Service:
		return s.T("kind.service", printable(p.ARN))
	case reach.Federated:
		name := p.Name
		if name == "" {
			name = p.ARN
		}
		return s.T("kind.federated", printable(name))
	case reach.External:
		if p.ARN == "any-account" {
			return s.T("any.account")
		}
		if a, ok := splitARN(p.ARN); !ok || a.resource == "root" {
			id := p.ARN
			if ok {
				id = a.account
			}
			return s.T("kind.account", printable(id))
		}
	}
	if p.ARN == "" {
		return printable(p.Name)
	}
	return s.thing(p.ARN, home)
}

// right says what is reached.
func (s speaker) right(r reach.Right, home string) string {
	name := r.Target
	if a, ok := splitARN(name); ok {
		name = strings.TrimPrefix(a.resource, "key/")
		if a.account != "" && a.account != home {
			name = s.T("of.account", name, a.account)
		}
	}
	return s.T("right."+string(r.Kind), printable(name))
}

// target names what a right is to.
func (s speaker) target(r reach.Right, home string) string {
	if r.Kind == reach.BeAdmin {
		return s.T("kind.account", printable(r.Target))
	}
	return s.thing(r.Target, home)
}

// leadsTo says where a step leads.
func (s speaker) leadsTo(n reach.Node, home string) string {
	switch n.Kind {
	case reach.AtRight:
		return s.right(reach.Right{Kind: n.Right, Target: n.ARN}, home)
	case reach.AtRights:
		return s.T("to.rights", s.thing(n.ARN, home))
	case reach.AtNew:
		return s.T("to."+newKind(n), printable(n.ARN[strings.LastIndex(n.ARN, "/")+1:]))
	}
	return s.T("to.principal", s.thing(n.ARN, home))
}

// at names somebody on the way.
func (s speaker) at(n reach.Node, home string) string {
	if n.Kind == reach.AtNew {
		return s.T(newKind(n))
	}
	return s.thing(n.ARN, home)
}

// newKind is the word for somebody whom a step makes.
func newKind(n reach.Node) string {
	if a, ok := splitARN(n.ARN); ok && strings.HasPrefix(a.resource, "user/") {
		return "new.user"
	}
	return "new.role"
}

// condition says what must be so.
func (s speaker) condition(c reach.Condition) string {
	if c.Note != nil && c.Operator == "" {
		return printable(c.Note.In(s.lang))
	}
	values := make([]string, len(c.Values))
	for i, v := range c.Values {
		values[i] = printable(v)
	}
	key := "if"
	if c.Deny {
		key = "unless"
	}
	text := s.T(key, printable(c.Key), printable(c.Operator), strings.Join(values, ", "))
	if c.Settable {
		text += " " + s.T("settable")
	}
	if c.Note != nil {
		text += " (" + printable(c.Note.In(s.lang)) + ")"
	}
	return text
}

// because names a statement.
func (s speaker) because(b reach.Because) string {
	name := s.policy(b)
	if b.Statement < 0 {
		return name
	}
	if b.Sid != "" {
		return s.T("statement.sid", b.Statement+1, printable(b.Sid), name)
	}
	return s.T("statement", b.Statement+1, name)
}

// named are policies that reach names in words: what a step of the chain writes, and what no
// file shows.
var named = []string{"by.written", "by.elsewhere"}

// policy names the policy that a statement is of.
func (s speaker) policy(b reach.Because) string {
	key, owner := "by."+b.Source.Kind, b.Source.Owner
	for _, k := range named {
		if b.Policy == words[k].EN {
			return s.T(k)
		}
	}
	if _, ok := words[key]; !ok || owner == "" {
		return printable(b.Policy)
	}
	if a, ok := splitARN(owner); ok {
		owner = a.resource[strings.LastIndexAny(a.resource, "/:")+1:]
	}
	if strings.HasSuffix(b.Source.Kind, "-inline") {
		return s.T(key, printable(owner), printable(b.Source.Name))
	}
	return s.T(key, printable(owner))
}

// Means says, in a language, what is unknown without an input; in English the account says it.
func Means(input, english, lang string) string {
	if text := means(input, english).In(lang); text != "" {
		return text
	}
	return english
}

// means says what is unknown without an input.
func means(input, english string) reach.Text {
	if text, ok := inNoExport[input]; ok {
		return text
	}
	return reach.Text{EN: english, FR: inputFrench[input]}
}

// why says why an input is missing.
func (s speaker) why(text string) string {
	if s.lang != "fr" {
		return printable(text)
	}
	for _, w := range whys {
		if rest, ok := strings.CutPrefix(text, w.EN); ok {
			return w.In(s.lang) + printable(rest)
		}
	}
	return printable(text)
}

var whys = []reach.Text{
	{EN: "not supplied", FR: "non fourni"},
	{EN: "not whole", FR: "incomplet"},
	{EN: "in no export", FR: "dans aucun export"},
	{EN: "refused: ", FR: "refusé : "},
	{EN: "cut off: ", FR: "coupé : "},
	{EN: "it cannot be read to its end: ", FR: "illisible jusqu’à la fin : "},
	{EN: "cannot be read", FR: "illisible"},
}

var words = map[string]reach.Text{
	// Things.
	"anybody":         {EN: "anybody", FR: "n’importe qui"},
	"everybody":       {EN: "everybody in this account", FR: "toutes les identités de ce compte"},
	"any.account":     {EN: "any other account", FR: "n’importe quel autre compte"},
	"something":       {EN: "something that was not supplied", FR: "quelque chose qui n’a pas été fourni"},
	"kind.user":       {EN: "user %s", FR: "utilisateur %s"},
	"kind.role":       {EN: "role %s", FR: "rôle %s"},
	"kind.group":      {EN: "group %s", FR: "groupe %s"},
	"kind.policy":     {EN: "policy %s", FR: "politique %s"},
	"kind.root":       {EN: "the root user", FR: "l’utilisateur racine"},
	"kind.bucket":     {EN: "bucket %s", FR: "compartiment %s"},
	"kind.key":        {EN: "key %s", FR: "clé %s"},
	"kind.function":   {EN: "function %s", FR: "fonction %s"},
	"kind.instance":   {EN: "instance %s", FR: "instance %s"},
	"kind.workload":   {EN: "%s", FR: "%s"},
	"kind.session":    {EN: "session %s", FR: "session %s"},
	"kind.service":    {EN: "service %s", FR: "service %s"},
	"kind.federated":  {EN: "whoever %s vouches for", FR: "toute identité garantie par %s"},
	"kind.account":    {EN: "account %s", FR: "compte %s"},
	"of.account":      {EN: "%s of account %s", FR: "%s du compte %s"},
	"right.read":      {EN: "reads bucket %s", FR: "lit le compartiment %s"},
	"right.use":       {EN: "decrypts with key %s", FR: "déchiffre avec la clé %s"},
	"right.admin":     {EN: "administers account %s", FR: "administre le compte %s"},
	"to.rights":       {EN: "has every right of %s, within its limits", FR: "a tous les droits de %s, dans ses limites"},
	"to.new.role":     {EN: "acts as a new role that it makes, such as %s", FR: "agit sous un nouveau rôle qu’il crée, par exemple %s"},
	"to.new.user":     {EN: "acts as a new user that it makes, such as %s", FR: "agit sous l’identité d’un nouvel utilisateur qu’il crée, par exemple %s"},
	"new.role":        {EN: "a new role", FR: "un nouveau rôle"},
	"new.user":        {EN: "a new user", FR: "un nouvel utilisateur"},
	"to.principal":    {EN: "acts as %s", FR: "agit en tant que %s"},
	"if":              {EN: "if %s %s %s", FR: "si %s %s %s"},
	"unless":          {EN: "unless %s %s %s", FR: "sauf si %s %s %s"},
	"settable":        {EN: "(which they set themselves)", FR: "(qu’ils choisissent eux-mêmes)"},
	"statement":       {EN: "statement %d of %s", FR: "instruction %d, %s"},
	"statement.sid":   {EN: "statement %d (%s) of %s", FR: "instruction %d (%s), %s"},
	"via":             {EN: "through %s", FR: "par %s"},
	"via.unknown":     {EN: "through %s, which was not supplied but may exist", FR: "par %s, qui n’a pas été fourni mais peut exister"},
	"step.by":         {EN: "%s on %s, by %s", FR: "%s sur %s, selon %s"},
	"act.only":        {EN: "%s, but only %s", FR: "%s, mais seulement %s"},
	"act.except":      {EN: "%s, but not %s", FR: "%s, sauf %s"},
	"step.act":        {EN: "%s on %s", FR: "%s sur %s"},
	"and.more":        {EN: "and %s more", FR: "et %s de plus"},
	"colon":           {EN: ": ", FR: " : "},
	"semicolon":       {EN: "; ", FR: " ; "},
	"by.user-inline":  {EN: "user %s, inline policy %s", FR: "politique en ligne de l’utilisateur %s : %s"},
	"by.role-inline":  {EN: "role %s, inline policy %s", FR: "politique en ligne du rôle %s : %s"},
	"by.group-inline": {EN: "group %s, inline policy %s", FR: "politique en ligne du groupe %s : %s"},
	"by.written":      {EN: "a policy that the chain writes", FR: "une politique que la chaîne écrit"},
	"by.root":         {EN: "its own right: the root user needs no policy", FR: "son propre droit : l’utilisateur racine n’a besoin d’aucune politique"},
	"by.elsewhere":    {EN: "the other account’s own policies, which nobody here sees", FR: "les politiques de l’autre compte, que personne ne voit d’ici"},
	"by.function":     {EN: "policy of function %s", FR: "politique de la fonction %s"},
	"by.managed":      {EN: "managed policy %s", FR: "politique gérée %s"},
	"by.boundary":     {EN: "boundary %s", FR: "limite d’autorisations %s"},
	"by.trust":        {EN: "trust policy of role %s", FR: "politique de confiance du rôle %s"},
	"by.bucket":       {EN: "policy of bucket %s", FR: "politique du compartiment %s"},
	"by.access-point": {EN: "policy of access point %s", FR: "politique du point d’accès %s"},
	"by.key":          {EN: "policy of key %s", FR: "politique de la clé %s"},
	"by.grant":        {EN: "grant on key %s", FR: "octroi sur la clé %s"},
	"by.scp":          {EN: "service control policy %s", FR: "politique de contrôle des services %s"},
	"by.rcp":          {EN: "resource control policy %s", FR: "politique de contrôle des ressources %s"},
	"since":           {EN: "not open before %s (%s)", FR: "pas ouvert avant le %s (%s)"},
	"since.unknown":   {EN: "since when is not known", FR: "date d’ouverture inconnue"},
	"missing.for":     {EN: "not known without: %s", FR: "inconnu sans : %s"},
	"missing.could":   {EN: "could still be refused by: %s (not supplied)", FR: "pourrait encore être refusé par : %s (non fourni)"},
	"status.open":     {EN: "open", FR: "ouverte"},
	"status.closed":   {EN: "closed", FR: "fermée"},
	"status.unknown":  {EN: "unknown", FR: "inconnue"},
	"sure.certain":    {EN: "certain", FR: "certain"},
	"sure.possible":   {EN: "possible", FR: "possible"},
	"sure.unknown":    {EN: "unknown", FR: "inconnu"},
	"principals.one":  {EN: "%s principal", FR: "%s identité"},
	"principals.many": {EN: "%s principals", FR: "%s identités"},
	"buckets.one":     {EN: "%s bucket", FR: "%s compartiment"},
	"buckets.many":    {EN: "%s buckets", FR: "%s compartiments"},
	"keys.one":        {EN: "%s key", FR: "%s clé"},
	"keys.many":       {EN: "%s keys", FR: "%s clés"},
	"compute.one":     {EN: "%s server, function or the like", FR: "%s serveur, fonction ou autre"},
	"compute.many":    {EN: "%s servers, functions and the like", FR: "%s serveurs, fonctions et autres"},
	"rules.one":       {EN: "%s rule", FR: "%s règle"},
	"rules.many":      {EN: "%s rules", FR: "%s règles"},
	"routes.one":      {EN: "%s route", FR: "%s voie"},
	"routes.many":     {EN: "%s routes", FR: "%s voies"},
	"ways.one":        {EN: "%s way", FR: "%s chemin"},
	"ways.many":       {EN: "%s ways", FR: "%s chemins"},
	"changes.one":     {EN: "%s change", FR: "%s modification"},
	"changes.many":    {EN: "%s changes", FR: "%s modifications"},
	"users.one":       {EN: "%s user", FR: "%s utilisateur"},
	"users.many":      {EN: "%s users", FR: "%s utilisateurs"},
	"roles.one":       {EN: "%s role", FR: "%s rôle"},
	"roles.many":      {EN: "%s roles", FR: "%s rôles"},
	"faults.one":      {EN: "%s fault", FR: "%s défaut"},
	"faults.many":     {EN: "%s faults", FR: "%s défauts"},
	"inputs.one":      {EN: "%s input", FR: "%s donnée"},
	"inputs.many":     {EN: "%s inputs", FR: "%s données"},

	// The list.
	"title":                 {EN: "All the ways in", FR: "Toutes les voies d’accès"},
	"account":               {EN: "account %s", FR: "compte %s"},
	"account.unknown":       {EN: "an account whose number no file says", FR: "un compte dont aucun fichier ne dit le numéro"},
	"taken":                 {EN: "snapshot of %s", FR: "relevé du %s"},
	"asked":                 {EN: "who %s", FR: "qui %s"},
	"asked.from":            {EN: "from %s only", FR: "depuis %s seulement"},
	"asked.intended":        {EN: "meant to be there: %s", FR: "prévu : %s"},
	"sum.routes":            {EN: "open routes: %d of %d (closed: %d, unknown: %d)", FR: "voies ouvertes : %d sur %d (fermées : %d, inconnues : %d)"},
	"sum.who":               {EN: "get there: %s (certainly: %d, possibly: %d)", FR: "y parviennent : %s (certainement : %d, peut-être : %d)"},
	"sum.unknown":           {EN: "not known of: %s", FR: "inconnu pour : %s"},
	"sum.nobody":            {EN: "nobody was found who gets there", FR: "personne n’a été trouvé qui y parvienne"},
	"sum.nobody.but":        {EN: "nobody was found who gets there, but what is missing may hide somebody", FR: "personne n’a été trouvé qui y parvienne, mais ce qui manque peut cacher quelqu’un"},
	"sum.beside":            {EN: "beside them, routes that blind who watches or loosen a restriction: %d of %d open", FR: "à côté, voies ouvertes qui aveuglent la surveillance ou relâchent une restriction : %d sur %d"},
	"sum.intended":          {EN: "meant to get there: %s", FR: "y parviennent comme prévu : %s"},
	"sum.best":              {EN: "closes most: %s (%d of %d)", FR: "ferme le plus : %s (%d sur %d)"},
	"not.looked":            {EN: "Not looked at, or not whole", FR: "Non examiné, ou incomplet"},
	"not.decides":           {EN: "the answer depends on %s: %s", FR: "la réponse dépend de %s : %s"},
	"not.other":             {EN: "it could be surer with: %s", FR: "elle serait plus sûre avec : %s"},
	"not.how":               {EN: "strongroom cloud snapshot gets all of it; --top 0, --json and --html tell each with its command", FR: "strongroom cloud snapshot obtient tout ; --top 0, --json et --html disent chacune avec sa commande"},
	"route.first":           {EN: "first step of %s", FR: "première étape pour : %s"},
	"route.into":            {EN: "anybody there takes on %s", FR: "quiconque y a un compte endosse : %s"},
	"kind.saml-provider":    {EN: "the SAML provider %s", FR: "le fournisseur SAML %s"},
	"kind.oidc-provider":    {EN: "the OpenID Connect provider %s", FR: "le fournisseur OpenID Connect %s"},
	"kind.instance-profile": {EN: "instance profile %s", FR: "profil d’instance %s"},
	"wrong":                 {EN: "Wrong in the files", FR: "Erreurs dans les fichiers"},
	"routes.head":           {EN: "Routes", FR: "Voies"},
	"routes.theirs":         {EN: "Routes on their chains", FR: "Voies sur leurs chaînes"},
	"sum.theirs":            {EN: "routes on their chains: %d", FR: "voies sur leurs chaînes : %d"},
	"routes.closed":         {EN: "closed", FR: "fermées"},
	"who.head":              {EN: "Who, and how", FR: "Qui, et comment"},
	"who.more":              {EN: "more, in --json, --html and with --top 0: %s", FR: "de plus, dans --json, --html et avec --top 0 : %s"},
	"close.head":            {EN: "What closes them", FR: "Ce qui les ferme"},
	"close.smallest":        {EN: "closes all of it: %s; no smaller set does (considered: %d)", FR: "ferme tout : %s ; aucun ensemble plus petit ne suffit (examinées : %d)"},
	"close.enough":          {EN: "closes all of it: %s; none can be left out; that no smaller set does is not proven (considered: %d)", FR: "ferme tout : %s ; aucune n’est superflue ; qu’aucun ensemble plus petit ne suffise n’est pas prouvé (examinées : %d)"},
	"close.partly":          {EN: "closes all but what is listed below: %s; none can be left out (stays open: %d; considered: %d)", FR: "ferme tout sauf ce qui est listé ci-dessous : %s ; aucune n’est superflue (reste ouvert : %d ; examinées : %d)"},
	"close.none":            {EN: "no change to the policies closes any of it", FR: "aucune modification des politiques n’y ferme quoi que ce soit"},
	"close.left":            {EN: "Stays open", FR: "Reste ouvert"},
	"close.counts.one":      {EN: "%d of %d needs what it takes away", FR: "%d sur %d a besoin de ce qu’elle retire"},
	"close.counts.many":     {EN: "%d of %d need what it takes away", FR: "%d sur %d ont besoin de ce qu’elle retire"},
	"close.nopatch":         {EN: "not a change to a document: do it by hand", FR: "ce n’est pas une modification de document : à faire à la main"},
	"effect.head":           {EN: "After these changes", FR: "Après ces modifications"},
	"effect.before":         {EN: "before", FR: "avant"},
	"effect.after":          {EN: "after", FR: "après"},
	"effect.open":           {EN: "open routes", FR: "voies ouvertes"},
	"effect.unknown":        {EN: "unknown routes", FR: "voies inconnues"},
	"effect.certain":        {EN: "principals, certain", FR: "identités, certain"},
	"effect.possible":       {EN: "principals, possible", FR: "identités, possible"},
	"effect.notknown":       {EN: "principals, unknown", FR: "identités, inconnu"},
	"effect.skipped":        {EN: "no patch: %s", FR: "sans correctif : %s"},
	"effect.intended":       {EN: "the intended path", FR: "le chemin prévu"},
	"diff.head":             {EN: "Since the earlier snapshot", FR: "Depuis le relevé antérieur"},
	"diff.same":             {EN: "nothing has opened, closed or become unknown", FR: "rien ne s’est ouvert, fermé ou n’est devenu inconnu"},
	"diff.opened":           {EN: "opened", FR: "ouvert"},
	"diff.closed":           {EN: "closed", FR: "fermé"},
	"diff.unknown":          {EN: "became unknown", FR: "devenu inconnu"},
	"diff.changed":          {EN: "surer or less sure", FR: "plus ou moins sûr"},
	"diff.was":              {EN: "was %s", FR: "était : %s"},
	"diff.no":               {EN: "no", FR: "non"},
	"diff.because":          {EN: "because", FR: "parce que"},
	"diff.new":              {EN: "%s is new", FR: "nouveau : %s"},
	"diff.gone":             {EN: "%s is gone", FR: "disparu : %s"},
	"diff.statement":        {EN: "%s is new or was changed", FR: "nouvelle ou modifiée : %s"},
	"diff.removed":          {EN: "%s was taken out or changed", FR: "retirée ou modifiée : %s"},
	"diff.input":            {EN: "%s was supplied then and is missing now", FR: "fourni alors, manquant maintenant : %s"},
	"diff.untold":           {EN: "by something that the two snapshots do not show", FR: "par quelque chose que les deux relevés ne montrent pas"},
	"counted.head":          {EN: "How it was counted", FR: "Comment on a compté"},
	"counted":               {EN: "looked at: %s, %s, %s, %s, by %s", FR: "examiné : %s, %s, %s, %s, selon %s"},
	"counted.certain":       {EN: "Certain: granted by what was supplied, whatever is unknown.", FR: "Certain : accordé par ce qui a été fourni, quoi que soit l’inconnu."},
	"counted.possible":      {EN: "Possible: granted, under conditions that the files cannot settle, or unless a restriction that was not supplied refuses it.", FR: "Possible : accordé, sous des conditions que les fichiers ne tranchent pas, ou sauf si une restriction non fournie le refuse."},
	"counted.unknown":       {EN: "Unknown: nothing supplied grants it, but something that was not supplied might. It is never counted as closed.", FR: "Inconnu : rien de fourni ne l’accorde, mais quelque chose de non fourni le pourrait. Ce n’est jamais compté comme fermé."},
	"counted.closed":        {EN: "Closed: nobody, and everything that decides it was supplied.", FR: "Fermé : personne, et tout ce qui en décide a été fourni."},
	"cover":                 {EN: "blinds who watches", FR: "aveugle la surveillance"},
	"loosen":                {EN: "loosens a restriction", FR: "relâche une restriction"},

	// The picture.
	"pic.says":     {EN: "Who reaches what by which route. The table below says the same.", FR: "Qui atteint quoi par quelle voie. Le tableau ci-dessous dit la même chose."},
	"pic.who":      {EN: "Who", FR: "Qui"},
	"pic.route":    {EN: "Route", FR: "Voie"},
	"pic.through":  {EN: "With the rights of", FR: "Avec les droits de"},
	"pic.what":     {EN: "Reaches", FR: "Atteint"},
	"pic.more":     {EN: "%s more", FR: "%s de plus"},
	"pic.groups":   {EN: "of %s further combinations", FR: "de %s autres combinaisons"},
	"pic.directly": {EN: "their own", FR: "les leurs"},
	"pic.rights":   {EN: "whose rights are used", FR: "dont les droits servent"},
	"pic.read":     {EN: "read", FR: "lecture"},
	"pic.use":      {EN: "decrypt", FR: "déchiffrement"},
	"pic.admin":    {EN: "administrative rights", FR: "droits d’administration"},
	"pic.table":    {EN: "The picture as a table", FR: "L’image en tableau"},
	"others.one":   {EN: "%s other", FR: "%s autre"},
	"others.many":  {EN: "%s others", FR: "%s autres"},

	// The page.
	"page.skip":     {EN: "To the content", FR: "Aller au contenu"},
	"page.contents": {EN: "Contents", FR: "Sommaire"},
	"page.summary":  {EN: "Summary", FR: "Résumé"},
	"page.picture":  {EN: "The picture", FR: "L’image"},
	"page.doubt":    {EN: "What this cannot know", FR: "Ce que cette page ne peut savoir"},
	"page.wide":     {EN: "The picture is wider than this screen: move it sideways.", FR: "L’image est plus large que cet écran : faites-la glisser."},
	"page.drawn":    {EN: "Who gets where", FR: "Qui arrive où"},
	"page.pick":     {EN: "Choose who, at left: their chain is lit, and told below.", FR: "Choisissez qui, à gauche : la chaîne s’éclaire et se lit au-dessous."},
	"page.decisive": {EN: "The answer depends on %s that nobody supplied, or not whole. What depends on them is counted as unknown.", FR: "La réponse dépend de ce qui n’a pas été fourni, ou pas entièrement : %s. Ce qui en dépend est compté comme inconnu."},
	"page.faults":   {EN: "The files have %s. What they touch is counted as unknown.", FR: "Les fichiers ont %s. Ce qu’ils touchent est compté comme inconnu."},
	"page.which":    {EN: "Which, and what to do", FR: "Le détail, et que faire"},
	"page.detail":   {EN: "All about this way", FR: "Tout sur ce chemin"},
	"page.ways":     {EN: "%s by %s: who goes the same way is told once.", FR: "%s par %s : qui suit le même chemin est dit une fois."},
	"page.hidden":   {EN: "More ways, in the JSON form: %s", FR: "Chemins de plus, dans la forme JSON : %s"},
	"page.others":   {EN: "%s more of theirs", FR: "%s de plus pour les mêmes"},
	"page.patch":    {EN: "JSON patch", FR: "Correctif JSON"},
	"page.otherinputs": {
		EN: "%s more that were not supplied, on which this answer does not depend",
		FR: "%s de plus non fournies, dont cette réponse ne dépend pas",
	},
	"page.secret":   {EN: "This page says how content can be reached. Keep it as you keep the keys.", FR: "Cette page dit comment atteindre le contenu. Gardez-la comme vous gardez les clés."},
	"fig.open":      {EN: "open routes", FR: "voies ouvertes"},
	"fig.closed":    {EN: "closed routes", FR: "voies fermées"},
	"fig.unknown":   {EN: "unknown: something that decides is missing", FR: "inconnues : il manque ce qui en décide"},
	"col.status":    {EN: "Status", FR: "État"},
	"col.route":     {EN: "Route", FR: "Voie"},
	"col.certainty": {EN: "Certainty", FR: "Certitude"},
	"col.counts":    {EN: "%d open, %d unknown, %d closed", FR: "ouvertes : %d, inconnues : %d, fermées : %d"},
	"col.input":     {EN: "Input", FR: "Donnée"},
	"col.why":       {EN: "Why", FR: "Pourquoi"},
	"col.means":     {EN: "What is unknown without it, and the command that gets it", FR: "Ce qu’on ignore sans elle, et la commande qui l’obtient"},

	// Log-on.
	"logon.title":   {EN: "Servers without remote log-on", FR: "Serveurs sans connexion à distance"},
	"logon.yes":     {EN: "yes", FR: "oui"},
	"logon.no":      {EN: "no", FR: "non"},
	"logon.unknown": {EN: "not known", FR: "inconnu"},
	"logon.none":    {EN: "no server was found that may hold the role", FR: "aucun serveur trouvé qui puisse tenir le rôle"},
	"logon.none.but": {
		EN: "no server was found that may hold the role, but what is missing may hide one",
		FR: "aucun serveur trouvé qui puisse tenir le rôle, mais ce qui manque peut en cacher un",
	},
	"logon.sum":         {EN: "of %s, without any way to log on: %d; can be logged on to: %d; not known: %d", FR: "sur %s, sans aucun moyen de connexion : %d ; accessibles : %d ; inconnu : %d"},
	"logon.holds":       {EN: "may hold %s", FR: "peut tenir %s"},
	"logon.other":       {EN: "not declared as a content server", FR: "non déclaré comme serveur de contenu"},
	"logon.asked":       {EN: "asked of what may hold", FR: "demandé de ce qui peut tenir"},
	"logon.norole":      {EN: "no role: nothing was found that holds one", FR: "aucun rôle : rien n’a été trouvé qui en tienne un"},
	"logon.unlisted":    {EN: "what would list further servers was not supplied", FR: "ce qui listerait d’autres serveurs n’a pas été fourni"},
	"logon.servers":     {EN: "Servers", FR: "Serveurs"},
	"logon.fig.open":    {EN: "servers that can be logged on to", FR: "serveurs auxquels on peut se connecter"},
	"logon.fig.unknown": {EN: "servers of which it is not known", FR: "serveurs pour lesquels on ne sait pas"},
	"shell.open":        {EN: "can be logged on to", FR: "connexion possible"},
	"shell.closed":      {EN: "no remote log-on", FR: "aucune connexion à distance"},
	"shell.unknown":     {EN: "not known", FR: "inconnu"},
	"servers.one":       {EN: "%s server", FR: "%s serveur"},
	"servers.many":      {EN: "%s servers", FR: "%s serveurs"},
	"logon.because":     {EN: "because", FR: "parce que"},
}
