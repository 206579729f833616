package trail

import (
	_ "embed"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// Use is a right that an event shows somebody using, or trying to.
type Use struct {
	Action string // service:Name, as IAM writes it
	// Resource is the ARN that it was used on, a wildcard for a set of which it is one, "*"
	// where the action takes no resource, and "" where the event does not say.
	Resource string
	// PassedTo is, of an iam:PassRole, the service that the role was passed to. PassRole is
	// no event of its own: it is inferred from the parameters that name a role.
	PassedTo string
	// Perhaps says that the event may have needed the right and does not say: a role that
	// stands in the launch template or task definition that a request names.
	Perhaps bool
}

//go:embed actions.json
var actionsFile []byte

// table is actions.json: which rights events need, on what, and which roles they pass.
type table struct {
	Services  map[string]string              // first labels of eventSource → service, where they differ
	None      []string                       // first labels of eventSource whose events are no use of a right
	Suffixed  []string                       // services whose event names end in the API's version
	Events    map[string]map[string][]string // service → event → rights, each with its resource behind a space where it is another
	Versioned map[string]string              // right → right with a versionId
	Also      []struct{ On, With, Action string }
	Resources []resourceRow
	Roles     struct {
		Names    []string // of parameters, in lower case, that name a role
		Profiles []string // that name an instance profile
		Never    []string // rights that pass no role, whatever their parameters are called
		Always   []string // exceptions of Never
		Bare     []string // services that take a role's name for its ARN
		To       map[string]string
	}
	// MaybePassed are rights that pass a role where what a parameter names has one.
	MaybePassed []struct{ On, With, To string }
	DataEvents  []string // rights whose use is a data event, or in no trail at all
	Denied      []string

	resources map[string][]resourceRow // by service
}

type resourceRow struct{ On, ARN string }

var actions = sync.OnceValue(func() *table {
	t := &table{}
	if err := json.Unmarshal(actionsFile, t); err != nil {
		panic(err) // it is part of the program
	}
	t.resources = map[string][]resourceRow{}
	for _, r := range t.Resources {
		svc, _, _ := strings.Cut(r.On, ":")
		t.resources[svc] = append(t.resources[svc], r)
	}
	return t
})

// fits says whether a right is one of "service:*", "service:Verb*" or "service:Name".
func fits(pattern, action string) bool {
	if p, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(action, p)
	}
	return pattern == action
}

// Denied tells by an errorCode whether the caller had no right to do what was asked. Other
// errors tell nothing: somebody who gets NoSuchBucket may have had the right or not.
func Denied(code string) bool {
	if code == "" {
		return false
	}
	return slices.Contains(actions().Denied, code) || strings.HasSuffix(code, ".AccessDenied") || strings.HasSuffix(code, ".AccessDeniedException") || strings.HasSuffix(code, ".UnauthorizedOperation")
}

// versioned takes an API's date and version off an event's name: CreateFunction20150331,
// UpdateFunctionCode20150331v2, CreateDistribution2020_05_31.
func versioned(name string) string {
	end := len(name)
	if i := strings.LastIndexByte(name, 'v'); i > 0 && i+1 < len(name) && digits(name[i+1:]) {
		end = i
	}
	from := end
	for from > 0 && (name[from-1] >= '0' && name[from-1] <= '9' || name[from-1] == '_') {
		from--
	}
	if date := strings.ReplaceAll(name[from:end], "_", ""); len(date) != 8 || !strings.HasPrefix(date, "20") {
		return name
	}
	return name[:from]
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// service is the prefix of IAM's actions for an eventSource, or "".
func service(source string) string {
	host, ok := strings.CutSuffix(source, ".amazonaws.com")
	if !ok {
		host, _ = strings.CutSuffix(source, ".amazonaws.com.cn")
	}
	t := actions()
	if slices.Contains(t.None, host) {
		return ""
	}
	if s, ok := t.Services[host]; ok {
		return s
	}
	return host
}

// httpMethods are API Gateway's actions, by how names of events begin.
var httpMethods = []struct{ verb, action string }{
	{"Create", "POST"}, {"Import", "POST"}, {"Generate", "POST"}, {"Put", "PUT"}, {"Get", "GET"}, {"Update", "PATCH"}, {"Delete", "DELETE"}, {"Flush", "DELETE"}, {"Tag", "PUT"}, {"Untag", "DELETE"}, {"Export", "GET"},
}

// Mapper says which rights events show in use.
type Mapper struct {
	account  string
	arns     map[string]string   // "user alice" → ARN: IAM's events tell names without paths
	profiles map[string][]string // ARN or name of an instance profile → ARNs of its roles
}

// NewMapper makes a mapper that knows the names of an account, which may be nil.
func NewMapper(a *account.Account) *Mapper {
	m := &Mapper{arns: map[string]string{}, profiles: map[string][]string{}}
	if a == nil {
		return m
	}
	m.account = a.ID
	know := func(kind, name, arn string) { m.arns[kind+" "+strings.ToLower(name)] = arn }
	for _, u := range a.Users {
		know("user", u.Name, u.ARN)
	}
	for _, r := range a.Roles {
		know("role", r.Name, r.ARN)
	}
	for _, g := range a.Groups {
		know("group", g.Name, g.ARN)
	}
	for _, p := range a.Profiles {
		know("instance-profile", p.Name, p.ARN)
		m.profiles[p.Name], m.profiles[p.ARN] = p.Roles, p.Roles
	}
	return m
}

// Uses says which rights an event shows in use. None: the event is nobody's use of a right,
// as a log-on is, or what a service tells of itself.
func (m *Mapper) Uses(e *Event) []Use {
	if e.Type != "" && e.Type != "AwsApiCall" && e.Type != "AwsConsoleAction" || e.Category == "Insight" {
		return nil
	}
	svc := service(e.Source)
	if svc == "" || e.Name == "" {
		return nil
	}
	t := actions()
	name := e.Name
	if slices.Contains(t.Suffixed, svc) {
		name = versioned(name)
	}
	p := m.parameters(e)
	var rights []string
	switch list, known := t.Events[svc][name]; {
	case known:
		rights = list
	case svc == "apigateway":
		for _, m := range httpMethods {
			if strings.HasPrefix(name, m.verb) {
				rights = []string{"apigateway:" + m.action}
				break
			}
		}
	default:
		rights = []string{svc + ":" + name}
	}
	var out []Use
	for _, right := range rights {
		action, other, elsewhere := strings.Cut(right, " ")
		if with, ok := t.Versioned[action]; ok && p.has("versionid") {
			action = with
		}
		on := p.resources(e, action)
		if elsewhere {
			on = p.fill(other)
		}
		if len(on) == 0 {
			on = []string{""}
		}
		taken, listed := iam.LookUp(action)
		for i, r := range on {
			switch {
			case listed && len(taken.Resources) == 0:
				r = "*" // whatever the event tells beside, policies allow it for * only
			case listed && r != "" && !taken.Takes(r):
				r = "" // what the event names is not what policies are asked about
			}
			on[i] = r
			if u := (Use{Action: action, Resource: r}); !slices.Contains(out, u) {
				out = append(out, u)
			}
		}
		for _, also := range t.Also {
			if fits(also.On, action) && p.has(strings.ToLower(also.With)) {
				resource := ""
				if svc == "s3" {
					resource = on[0]
				}
				out = append(out, Use{Action: also.Action, Resource: resource})
			}
		}
	}
	if len(rights) > 0 && !e.ReadOnly {
		out = append(out, p.passed(svc, svc+":"+name)...)
	}
	return out
}

// parameters are the texts of an event's request, by their paths in lower case.
type parameters struct {
	at, value                  []string
	partition, region, account string
	mapper                     *Mapper
}

const (
	mostParameters = 1024 // of one event
	deepParameters = 24
)

func (m *Mapper) parameters(e *Event) *parameters {
	p := &parameters{partition: "aws", region: e.Region, account: e.Recipient, mapper: m}
	if p.account == "" {
		p.account = e.Identity.Account
	}
	switch {
	case strings.HasPrefix(e.Region, "cn-"):
		p.partition = "aws-cn"
	case strings.HasPrefix(e.Region, "us-gov-"):
		p.partition = "aws-us-gov"
	}
	if e.Parameters != nil {
		r := parser{b: e.Parameters}
		// What cannot be read to its end says what it said until there.
		_ = p.read(&r, "", 0)
	}
	return p
}

func (p *parameters) read(r *parser, path string, depth int) error {
	c, err := r.next()
	if err != nil {
		return err
	}
	switch {
	case depth > deepParameters || len(p.at) >= mostParameters:
		return r.skip()
	case c == '{':
		return r.members(func(name []byte) error {
			at := strings.ToLower(string(name))
			if path != "" && !strings.HasSuffix(path, "request") { // EC2 wraps some requests: CreateFlowLogsRequest
				at = path + "." + at
			}
			return p.read(r, at, depth+1)
		})
	case c == '[':
		return r.elements(func() error { return p.read(r, path, depth+1) })
	case c == '"':
		v, err := r.text()
		if err != nil {
			return err
		}
		p.at, p.value = append(p.at, path), append(p.value, string(v))
		return nil
	}
	// Numbers and truth values: that they are there is all that counts.
	p.at, p.value = append(p.at, path), append(p.value, "")
	return r.skip()
}

// has tells whether there is a parameter, or something below it.
func (p *parameters) has(path string) bool {
	return slices.ContainsFunc(p.at, func(at string) bool {
		return strings.HasPrefix(at, path) && (len(at) == len(path) || at[len(path)] == '.')
	})
}

func (p *parameters) values(path string) []string {
	var out []string
	for i, at := range p.at {
		if at == path && p.value[i] != "" {
			out = append(out, p.value[i])
		}
	}
	return out
}

// resources are what a right was used on: as the event says, or as its parameters do.
func (p *parameters) resources(e *Event, action string) []string {
	if said := saidResources(e, action); len(said) > 0 {
		return said
	}
	svc, _, _ := strings.Cut(action, ":")
	for _, row := range actions().resources[svc] {
		if !fits(row.On, action) {
			continue
		}
		if out := p.fill(row.ARN); len(out) > 0 {
			return out
		}
	}
	return nil
}

// saidResources are those of the event's resources that the right is about.
func saidResources(e *Event, action string) []string {
	svc, _, _ := strings.Cut(action, ":")
	var out []string
	for _, r := range e.Resources {
		a := strings.SplitN(r.ARN, ":", 6)
		if len(a) != 6 || a[0] != "arn" {
			continue
		}
		if a[2] == svc || action == "sts:AssumeRole" && a[2] == "iam" {
			out = append(out, r.ARN)
		}
	}
	if svc == "s3" {
		// Of an object and its bucket the object is meant, but for rights on buckets.
		isObject := func(arn string) bool { return strings.Contains(strings.SplitN(arn, ":", 6)[5], "/") }
		onObject := strings.Contains(action, "Object") && !strings.Contains(action, "BucketObjectLock") || action == "s3:AbortMultipartUpload" || action == "s3:ListMultipartUploadParts"
		out = slices.DeleteFunc(out, func(arn string) bool { return isObject(arn) != onObject })
	}
	return out
}

// fill makes ARNs of a template: "arn:{partition}:lambda:{region}:{account}:function:{functionName}",
// where other names than these three are parameters; or "role {roleName}" for what IAM keeps
// below a path. A parameter that is an ARN already is taken as it is. Nil where one is missing.
func (p *parameters) fill(template string) []string {
	kind, rest, named := strings.Cut(template, " ")
	if named {
		template = rest
	}
	out := []string{""}
	for template != "" {
		before, after, found := strings.Cut(template, "{")
		for i := range out {
			out[i] += before
		}
		if !found {
			break
		}
		name, behind, _ := strings.Cut(after, "}")
		template = behind
		var values []string
		switch name {
		case "partition":
			values = []string{p.partition}
		case "region":
			values = []string{p.region}
		case "account":
			values = []string{p.account}
		default:
			values = p.values(strings.ToLower(name))
			if name == "x-amz-copy-source" {
				for i, v := range values {
					v, _, _ = strings.Cut(strings.TrimPrefix(v, "/"), "?versionId=")
					if plain, err := url.PathUnescape(v); err == nil {
						v = plain
					}
					values[i] = v
				}
			}
		}
		var next []string
		for _, v := range values {
			if strings.HasPrefix(v, "arn:") {
				next = append(next, v)
				template = "" // it is whole
				continue
			}
			for _, o := range out {
				if strings.HasSuffix(o, "/") && strings.HasPrefix(v, "/") {
					v = v[1:] // a parameter of SSM with a path
				}
				next = append(next, o+v)
			}
		}
		if len(next) == 0 || len(next) > mostResources {
			return nil
		}
		out = next
	}
	if named {
		for i, name := range out {
			if !strings.HasPrefix(name, "arn:") {
				out[i] = p.named(kind, name)
			}
		}
	}
	return out
}

// named is the ARN of what IAM knows by its name: with its path, where that is known.
func (p *parameters) named(kind, name string) string {
	path := "/"
	if v := p.values("path"); len(v) == 1 && strings.HasPrefix(v[0], "/") && strings.HasSuffix(v[0], "/") {
		path = v[0]
	}
	if arn, ok := p.mapper.arns[kind+" "+strings.ToLower(name)]; ok && p.mapper.account == p.account {
		return arn
	}
	return "arn:" + p.partition + ":iam::" + p.account + ":" + kind + path + name
}

// passed are the roles that a request hands to a service.
func (p *parameters) passed(svc, action string) []Use {
	t := actions()
	any := func(list []string) bool {
		return slices.ContainsFunc(list, func(pattern string) bool { return fits(pattern, action) })
	}
	if any(t.Roles.Never) && !any(t.Roles.Always) {
		return nil
	}
	var out []Use
	add := func(name, role string) {
		to := ""
		for _, key := range []string{action + " " + name, action, svc + " " + name, svc} {
			if v, ok := t.Roles.To[key]; ok {
				to = strings.ReplaceAll(v, "{region}", p.region)
				break
			}
		}
		if to == "" {
			to = svc + ".amazonaws.com"
		}
		if u := (Use{Action: "iam:PassRole", Resource: role, PassedTo: to}); !slices.Contains(out, u) && len(out) < mostResources {
			out = append(out, u)
		}
	}
	for i, at := range p.at {
		v := p.value[i]
		if v == "" {
			continue
		}
		names := strings.Split(at, ".")
		name := names[len(names)-1]
		parent := ""
		if len(names) > 1 {
			parent = names[len(names)-2]
		}
		switch {
		case any(t.Roles.Always):
			if name == "rolename" {
				add(name, p.named("role", v))
			}
		case slices.Contains(t.Roles.Profiles, name), (name == "arn" || name == "name") && slices.Contains(t.Roles.Profiles, parent):
			p.profile(v, func(role string) {
				u := Use{Action: "iam:PassRole", Resource: role, PassedTo: "ec2.amazonaws.com"}
				if !slices.Contains(out, u) {
					out = append(out, u)
				}
			})
		case slices.Contains(t.Roles.Names, name):
			if a := strings.SplitN(v, ":", 6); len(a) == 6 && a[2] == "iam" && strings.HasPrefix(a[5], "role/") {
				add(name, v)
			} else if slices.Contains(t.Roles.Bare, svc) && !strings.ContainsAny(v, ":/ ") {
				add(name, p.named("role", v))
			}
		}
	}
	for _, m := range t.MaybePassed {
		if m.On == action && p.has(m.With) {
			out = append(out, Use{Action: "iam:PassRole", PassedTo: m.To, Perhaps: true})
		}
	}
	return out
}

// Unlogged says of a right that its use is a data event, which trails log only where they are
// told to, or is logged nowhere: that a trail shows no use says nothing.
func Unlogged(action string) bool {
	return slices.ContainsFunc(actions().DataEvents, func(p string) bool { return fits(p, action) })
}

// profile tells the roles of an instance profile, known by its ARN or its name. One that the
// account does not show passes a role that nobody can name.
func (p *parameters) profile(v string, tell func(role string)) {
	roles := p.mapper.profiles[v]
	for _, r := range roles {
		tell(r)
	}
	if len(roles) == 0 {
		tell("")
	}
}
