package trail

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// Limits of what a survey keeps.
const (
	mostKept   = 500    // resources of one action, by one statement
	mostUses   = 4096   // actions of one principal
	mostOthers = 10_000 // principals that are not the account's
	mostHours  = 200_000
)

// Survey gathers, event by event, what a trail shows of an account's principals.
type Survey struct {
	account *account.Account
	mapper  *Mapper
	holders map[string]*holder // by ARN
	byName  map[string]*holder // roles by name: sessions do not tell paths
	order   []*holder

	first, last time.Time
	hours       map[int64]struct{}
	regions     map[string]int64
	data        map[string]int64 // data events by service
	dataOf      map[string]bool  // buckets that have data events
	insight     int64
	global      bool // events of IAM or STS were seen
	others      map[string]*Other
	unlisted    int64 // events of others beyond mostOthers
	noUse       map[string]int64
}

// Other is somebody who appears in the trail and is no principal of the account's files.
type Other struct {
	Who    string    `json:"who"`
	Why    Text      `json:"why"`
	Events int64     `json:"events"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// useKey tells uses apart in what a survey counts.
type useKey struct{ action, passedTo string }

// tally counts uses of one right.
type tally struct {
	count, failed int64
	first, last   time.Time
	on            resources
	codes         map[string]int64
	perhaps       bool // no event needed it for certain
}

// resources is a bounded set of ARNs.
type resources struct {
	arns    map[string]struct{}
	unknown bool // some use did not say on what
	more    bool // there were more than are kept
}

func (r *resources) add(arn string) {
	switch {
	case arn == "":
		r.unknown = true
	case r.more:
	default:
		if _, ok := r.arns[arn]; ok {
			return
		}
		if len(r.arns) >= mostKept {
			r.more = true
			return
		}
		if r.arns == nil {
			r.arns = map[string]struct{}{}
		}
		r.arns[arn] = struct{}{}
	}
}

func (r *resources) list() []string { return slices.Sorted(maps.Keys(r.arns)) }

// New makes a survey of an account.
func New(a *account.Account) *Survey {
	s := &Survey{account: a, mapper: NewMapper(a), holders: map[string]*holder{}, byName: map[string]*holder{}, hours: map[int64]struct{}{}, regions: map[string]int64{},
		data: map[string]int64{}, dataOf: map[string]bool{}, others: map[string]*Other{}, noUse: map[string]int64{}}
	compiled := map[*iam.Policy]*iam.Compiled{}
	compile := func(p *iam.Policy) *iam.Compiled {
		c, ok := compiled[p]
		if !ok {
			c = iam.Compile(p)
			compiled[p] = c
		}
		return c
	}
	owners := map[string]iam.Layer{}
	owner := func(arn string) iam.Layer {
		a, _ := iam.ParseARN(arn)
		root := "arn:" + a.Partition + ":iam::" + a.Account + ":root"
		if _, ok := owners[root]; !ok {
			owners[root] = universal(root)
		}
		return owners[root]
	}
	add := func(kind string, id *account.Identity, groups []*account.Group) *holder {
		h := &holder{kind: kind, own: id, unknown: same(id.Unknown), uses: map[useKey]*tally{}, refused: map[useKey]*tally{}, beside: map[useKey]*tally{}, kept: map[*iam.Compound]map[string]*resources{}}
		if p, err := iam.ParsePrincipal(id.ARN); err == nil {
			h.as = p
			h.as.ID = id.ID
			if kind == "user" {
				h.as.Tags = id.Tags // a session may have more than its role
			}
		} else {
			h.unknown = append(h.unknown, Text{EN: err.Error(), FR: err.Error()})
		}
		from := func(kind, group string, list []account.Attached) {
			for _, p := range list {
				src := Source{Kind: kind, Name: p.Name, ARN: p.ARN, From: group, policy: p.Policy}
				if p.Policy != nil {
					if c := compile(p.Policy); len(c.Faults) == 0 {
						src.Whole = true
						h.policies = append(h.policies, c)
					}
				}
				if !src.Whole {
					is := src.Text()
					why := both(is.EN+" has parts that are not understood", is.FR+" a des parties qui ne sont pas comprises")
					if p.Policy == nil {
						why = both(is.EN+" was not supplied", is.FR+" n’a pas été fournie")
					}
					h.unknown = append(h.unknown, why)
				}
				h.sources = append(h.sources, src)
			}
		}
		from("inline", "", id.Inline)
		from("managed", "", id.Attached)
		for _, g := range groups {
			from("group inline", g.Name, g.Inline)
			from("group managed", g.Name, g.Attached)
			for _, u := range g.Unknown {
				h.unknown = append(h.unknown, both("group "+g.Name+": "+u, "groupe "+g.Name+" : "+u))
			}
		}
		if b := id.Boundary; b != nil {
			h.boundary, h.unbounded = b.Policy, b.Policy == nil
			if h.unbounded {
				h.unknown = append(h.unknown, both("its permissions boundary "+b.Name+" was not supplied", "sa limite d’autorisations "+b.Name+" n’a pas été fournie"))
			}
		}
		h.owner = owner(id.ARN)
		h.keys = keysOf(h.policies)
		s.holders[id.ARN] = h
		s.order = append(s.order, h)
		return h
	}
	for _, u := range a.Users {
		add("user", &u.Identity, u.Groups)
	}
	for _, r := range a.Roles {
		h := add("role", &r.Identity, nil)
		h.linked = r.ServiceLinked()
		s.byName[r.Name] = h
	}
	return s
}

// who finds the account's principal whom an event shows; else whom it shows instead, and why
// that is none of them.
func (s *Survey) who(e *Event) (h *holder, other string, why Text) {
	id := &e.Identity
	arn := id.ARN
	if id.Issuer.ARN != "" {
		arn = id.Issuer.ARN
	}
	if s.account.ID != "" && id.Account != "" && id.Account != s.account.ID {
		return nil, "account " + id.Account, Text{EN: "another account", FR: "un autre compte"}
	}
	unique, _, _ := strings.Cut(id.PrincipalID, ":")
	switch id.Type {
	case "IAMUser":
		if h = s.holders[arn]; h == nil && arn == "" && id.User != "" {
			h = s.holders["arn:aws:iam::"+id.Account+":user/"+id.User]
		}
	case "AssumedRole":
		h = s.holders[arn]
		if name, _, ok := strings.Cut(strings.TrimPrefix(id.ARN, "arn:aws:sts::"+id.Account+":assumed-role/"), "/"); h == nil && ok && id.Issuer.ARN == "" {
			h = s.byName[name]
		}
	case "FederatedUser": // a session of a user's: within the user's rights
		unique = id.Issuer.PrincipalID
		if id.Issuer.Type == "Root" {
			return nil, "root user", ofRoot
		}
		h = s.holders[arn]
	case "Root":
		return nil, "root user", ofRoot
	case "AWSService", "":
		return nil, cmp.Or(id.InvokedBy, "AWS"), Text{EN: "an AWS service, as itself", FR: "un service AWS, en son nom"}
	case "WebIdentityUser", "SAMLUser":
		return nil, cmp.Or(id.User, id.PrincipalID, id.Type), Text{EN: "somebody whom an identity provider vouches for, before taking on a role", FR: "quelqu’un dont un fournisseur d’identité se porte garant, avant d’endosser un rôle"}
	case "IdentityCenterUser":
		return nil, "person " + cmp.Or(id.OnBehalfOf, id.PrincipalID), Text{EN: "IAM Identity Center", FR: "IAM Identity Center"}
	default:
		return nil, cmp.Or(id.ARN, id.PrincipalID, id.Type), say("a principal of type %s", "une identité de type %s", id.Type)
	}
	if h == nil {
		return nil, cmp.Or(arn, id.ARN, id.User, id.PrincipalID), Text{EN: "not in the account's files", FR: "absent des fichiers du compte"}
	}
	if unique != "" && h.own.ID != "" && unique != h.own.ID {
		return nil, h.own.ARN + " (" + unique + ")", earlierOne(h)
	}
	return h, "", Text{}
}

var ofRoot = Text{EN: "root needs no grant", FR: "l’utilisateur racine n’a besoin d’aucun droit"}

func earlierOne(h *holder) Text {
	fr := "un utilisateur antérieur du même nom : %[2]s le porte maintenant"
	if h.kind == "role" {
		fr = "un rôle antérieur du même nom : %[2]s le porte maintenant"
	}
	return say("an earlier %s of that name: %s has it now", fr, h.kind, h.own.ID)
}

// Add counts one event.
func (s *Survey) Add(e *Event) {
	if e.Category == "Insight" {
		s.insight++
		return
	}
	if s.first.IsZero() || e.Time.Before(s.first) {
		s.first = e.Time
	}
	if e.Time.After(s.last) {
		s.last = e.Time
	}
	if len(s.hours) < mostHours {
		s.hours[e.Time.Unix()/3600] = struct{}{}
	}
	s.regions[e.Region]++
	s.global = s.global || e.Source == "iam.amazonaws.com" || e.Source == "sts.amazonaws.com"
	if e.Category == "Data" {
		svc := service(e.Source)
		s.data[svc]++
		if svc == "s3" && len(s.dataOf) < mostOthers {
			for _, r := range e.Resources {
				if bucket, ok := strings.CutPrefix(r.ARN, "arn:aws:s3:::"); ok && !strings.Contains(bucket, "/") {
					s.dataOf[bucket] = true
				}
			}
		}
	}
	h, other, why := s.who(e)
	if h == nil {
		o := s.others[other]
		if o == nil {
			if len(s.others) >= mostOthers {
				s.unlisted++
				return
			}
			o = &Other{Who: other, Why: why, First: e.Time}
			s.others[other] = o
		}
		o.Events++
		o.First, o.Last = earlier(o.First, e.Time), later(o.Last, e.Time)
		return
	}
	uses := s.mapper.Uses(e)
	if len(uses) == 0 {
		s.noUse[e.Source+" "+e.Name]++
		return
	}
	for _, u := range uses {
		s.count(h, e, u)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) || a.IsZero() {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (s *Survey) count(h *holder, e *Event, u Use) {
	add := func(to map[useKey]*tally) *tally {
		k := useKey{u.Action, u.PassedTo}
		t := to[k]
		if t == nil {
			if len(to) >= mostUses {
				k = useKey{"(more)", ""}
				if t = to[k]; t != nil {
					return t
				}
			}
			t = &tally{perhaps: true, codes: map[string]int64{}}
			to[k] = t
		}
		t.count++
		t.perhaps = t.perhaps && u.Perhaps
		t.first, t.last = earlier(t.first, e.Time), later(t.last, e.Time)
		t.on.add(u.Resource)
		if e.Error != "" {
			t.failed++
			if len(t.codes) < 16 {
				t.codes[e.Error]++
			}
		}
		return t
	}
	if Denied(e.Error) {
		add(h.refused)
		return
	}
	add(h.uses)
	v := h.verdict(e, u)
	if len(v.statements) == 0 || v.decision == iam.ExplicitlyDenied || v.decision == iam.ImplicitlyDenied {
		if !u.Perhaps {
			add(h.beside)
		}
		return
	}
	keep := v.statements
	if v.decision == iam.Allowed {
		keep = []*iam.Compound{narrowest(v.statements)}
	}
	resource := u.Resource
	if v.decision != iam.Allowed && strings.ContainsAny(resource, "*?") {
		resource = ""
	}
	for _, st := range keep {
		if h.kept[st] == nil {
			h.kept[st] = map[string]*resources{}
		}
		r := h.kept[st][u.Action]
		if r == nil {
			r = &resources{}
			h.kept[st][u.Action] = r
		}
		r.add(resource)
	}
}

// Window is the time that a trail covers, and what it cannot show.
type Window struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Hours int       `json:"hours"` // from the first event to the last
	// Covered is how many of them have an event. An hour without one may have been quiet,
	// or be missing.
	Covered    int              `json:"covered"`
	Gaps       []Gap            `json:"gaps,omitempty"` // the longest first, at most five
	Regions    map[string]int64 `json:"regions"`        // events by region
	DataEvents map[string]int64 `json:"dataEvents"`     // by service
	// NotShown says what the trail does not contain, or may not.
	NotShown []Text `json:"notShown"`
}

// Gap is a time without any event.
type Gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (s *Survey) window() Window {
	w := Window{First: s.first, Last: s.last, Covered: len(s.hours), Regions: s.regions, DataEvents: s.data}
	if s.first.IsZero() {
		w.NotShown = []Text{{EN: "there is no event at all", FR: "il n’y a aucun événement"}}
		return w
	}
	hours := slices.Sorted(maps.Keys(s.hours))
	w.Hours = int(hours[len(hours)-1]-hours[0]) + 1
	for i := 1; i < len(hours); i++ {
		if hours[i]-hours[i-1] > 1 {
			w.Gaps = append(w.Gaps, Gap{time.Unix((hours[i-1]+1)*3600, 0).UTC(), time.Unix(hours[i]*3600, 0).UTC()})
		}
	}
	slices.SortStableFunc(w.Gaps, func(a, b Gap) int { return cmp.Compare(b.To.Sub(b.From), a.To.Sub(a.From)) })
	note := func(t Text) { w.NotShown = append(w.NotShown, t) }
	if n := len(w.Gaps); n > 0 {
		total := 0
		for _, g := range w.Gaps {
			total += int(g.To.Sub(g.From) / time.Hour)
		}
		gap := w.Gaps[0]
		const minute = "2006-01-02 15:04"
		note(say("%d of %d hours have no event, in %d gaps; the longest is %s to %s: quiet, or missing from the files", "%d heures sur %d n’ont aucun événement, en %d trous ; le plus long va du %s au %s : calme, ou absent des fichiers",
			total, w.Hours, n, gap.From.Format(minute), gap.To.Format(minute)))
		w.Gaps = w.Gaps[:min(5, n)]
	}
	if days := s.last.Sub(s.first).Hours() / 24; days < 90 {
		n := fmt.Sprintf("%.1f", days)
		note(both("the window is "+n+" days: what is done by the quarter or the year is not in it",
			"la fenêtre est de "+strings.Replace(n, ".", ",", 1)+" jours : ce qui se fait une fois par trimestre ou par an n’y est pas"))
	}
	switch {
	case len(s.data) == 0:
		note(both("no data events: reads and writes of objects (s3), invocations (lambda), items (dynamodb), messages (sqs, sns) and the like leave no trace here, so that nothing says that they are unused",
			"aucun événement de données : lectures et écritures d’objets (s3), appels de fonctions (lambda), éléments (dynamodb), messages (sqs, sns) et autres ne laissent ici aucune trace, si bien que rien ne dit qu’ils sont inutilisés"))
	default:
		seen := slices.Sorted(maps.Keys(s.data))
		list := strings.Join(seen, ", ")
		text := both("data events are there of "+list+" only", "il n’y a d’événements de données que de "+list)
		if n := len(s.dataOf); n > 0 {
			of := counted(n, "bucket", "buckets", "compartiment", "compartiments")
			text = both(text.EN+", and of "+of.EN, text.FR+", et de "+of.FR)
		}
		note(both(text.EN+": whether others are logged the files do not say", text.FR+" : si d’autres sont journalisés, les fichiers ne le disent pas"))
	}
	note(say("regions with events: %s; any other was not used, or is not logged", "régions avec des événements : %s ; toute autre n’a pas été utilisée, ou n’est pas journalisée", strings.Join(slices.Sorted(maps.Keys(s.regions)), ", ")))
	if len(s.account.Trails) > 0 && !slices.ContainsFunc(s.account.Trails, func(t *account.Trail) bool { return t.MultiRegion }) {
		note(both("no trail of the account covers all regions", "aucun journal de suivi du compte ne couvre toutes les régions"))
	}
	if !s.global {
		note(both("no events of IAM or STS: the files may lack global services, which are logged in us-east-1", "aucun événement d’IAM ni de STS : il manque peut-être aux fichiers les services mondiaux, journalisés en us-east-1"))
	}
	return w
}
