package account

import (
	"slices"
	"strings"
	"time"

	"strongroom/cloud/iam"
)

// details are the lists of iam get-account-authorization-details
// (docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html).
// Each reader says whether it took the entry.
var details = map[string]func(*Loader, value) bool{
	"userdetaillist":  (*Loader).user,
	"groupdetaillist": (*Loader).group,
	"roledetaillist":  (*Loader).role,
	"policies":        (*Loader).managedPolicy,
}

var detailLists = []string{"UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"}

// detailLists notes which of the four lists an answer has: a list that no answer has was
// filtered out by whoever exported it.
func (d *document) detailLists(v value) {
	for _, name := range detailLists {
		if v.get(name).n != nil {
			d.l.a.have[supplied{"authorization-details", name}] = true
		}
	}
}

// identity reads what users and roles have in common. ok is false where the entry cannot
// be used at all.
func (l *Loader) identity(v value, kind, inline string) (id Identity, ok bool) {
	d := v.d
	d.bad = false
	id = Identity{
		ARN:     v.get("Arn").text(),
		Name:    v.get(kind + "Name").text(),
		Path:    v.get("Path").text(),
		ID:      v.get(kind + "Id").text(),
		Created: v.get("CreateDate").time(),
		Tags:    v.get("Tags").tags(),
	}
	if !d.own(v.get("Arn"), id.ARN) {
		return id, false
	}
	kind = strings.ToLower(kind)
	if id.Name == "" {
		id.Name = id.ARN[strings.LastIndex(id.ARN, "/")+1:]
	}
	if !d.once(kind, id.ARN, v) {
		return id, false
	}
	who := kind + " " + id.Name
	if b := v.get("PermissionsBoundary"); b.there() && b.want(object) {
		arn := b.get("PermissionsBoundaryArn")
		b.get("PermissionsBoundaryType")
		id.Boundary = &Attached{Name: policyName(arn.text()), ARN: arn.text()}
		if arn.text() == "" {
			b.fault("%s has a boundary without an ARN", who)
		}
	}
	id.Inline = l.inline(v.get(inline), who)
	id.Attached = l.attached(v.get("AttachedManagedPolicies"))
	return id, true
}

func policyName(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// inline reads inline policies. One that cannot be read has a nil Policy.
func (l *Loader) inline(v value, who string) []Attached {
	var out []Attached
	for _, p := range v.objects() {
		name := p.get("PolicyName").text()
		if slices.ContainsFunc(out, func(a Attached) bool { return a.Name == name }) {
			p.fault("%s has two inline policies named %q", who, name)
		}
		doc := p.get("PolicyDocument")
		if !doc.there() {
			doc.fault("the document of %s's inline policy %q is missing", who, name)
		}
		out = append(out, Attached{Name: name, Policy: doc.policy(who + ", inline policy " + name)})
	}
	return out
}

// attached reads attachments; finishIAM finds their policies.
func (l *Loader) attached(v value) []Attached {
	var out []Attached
	for _, p := range v.objects() {
		arn := p.get("PolicyArn").text()
		name := p.get("PolicyName").text()
		if arn == "" {
			p.fault("an attached policy without an ARN")
			continue
		}
		if name == "" {
			name = policyName(arn)
		}
		out = append(out, Attached{Name: name, ARN: arn})
	}
	return out
}

func (l *Loader) user(v value) bool {
	id, ok := l.identity(v, "User", "UserPolicyList")
	if !ok {
		return false
	}
	u := &User{Identity: id, PasswordLastUsed: v.get("PasswordLastUsed").time()}
	l.member[u] = v.get("GroupList").texts()
	u.Unknown = l.doubt("user", "", v.d.bad)
	l.users[u.ARN] = u
	return true
}

func (l *Loader) role(v value) bool {
	id, ok := l.identity(v, "Role", "RolePolicyList")
	if !ok {
		return false
	}
	r := &Role{Identity: id}
	trust := v.get("AssumeRolePolicyDocument")
	if !trust.there() {
		trust.fault("the trust policy of role %s is missing", id.Name)
	}
	r.Trust = trust.policy("role " + id.Name + ", trust policy")
	if used := v.get("RoleLastUsed"); used.there() && used.want(object) {
		r.LastUsed = Is(used.get("LastUsedDate").time())
		r.LastUsedRegion = used.get("Region").text()
	}
	r.MaxSession = time.Duration(v.get("MaxSessionDuration").int()) * time.Second
	for _, p := range v.get("InstanceProfileList").objects() {
		if arn := l.profile(p); arn != "" {
			r.Profiles = append(r.Profiles, arn)
		}
	}
	r.Unknown = l.doubt("role", "", v.d.bad)
	l.roles[r.ARN] = r
	return true
}

// profile reads an instance profile, and answers its ARN.
func (l *Loader) profile(v value) string {
	p := Profile{ARN: v.get("Arn").text(), Name: v.get("InstanceProfileName").text(), Path: v.get("Path").text(), ID: v.get("InstanceProfileId").text()}
	v.get("CreateDate")
	if !v.d.own(v.get("Arn"), p.ARN) {
		return ""
	}
	for _, r := range v.get("Roles").objects() {
		p.Roles = append(p.Roles, r.get("Arn").text())
		r.n.whole = true // the role has an entry of its own
	}
	i := slices.IndexFunc(l.a.Profiles, func(o Profile) bool { return o.ARN == p.ARN })
	if i < 0 {
		l.a.Profiles = append(l.a.Profiles, p)
	} else {
		for _, r := range p.Roles {
			if !slices.Contains(l.a.Profiles[i].Roles, r) {
				l.a.Profiles[i].Roles = append(l.a.Profiles[i].Roles, r)
			}
		}
	}
	return p.ARN
}

func (l *Loader) group(v value) bool {
	d := v.d
	d.bad = false
	g := &Group{ARN: v.get("Arn").text(), Name: v.get("GroupName").text(), Path: v.get("Path").text(), ID: v.get("GroupId").text(), Created: v.get("CreateDate").time()}
	if !d.own(v.get("Arn"), g.ARN) {
		return false
	}
	if g.Name == "" {
		g.Name = policyName(g.ARN)
	}
	if !d.once("group", g.ARN, v) {
		return false
	}
	g.Inline = l.inline(v.get("GroupPolicyList"), "group "+g.Name)
	g.Attached = l.attached(v.get("AttachedManagedPolicies"))
	g.Unknown = l.doubt("group", "", d.bad)
	l.groups[g.ARN] = g
	return true
}

func (l *Loader) managedPolicy(v value) bool {
	d := v.d
	d.bad = false
	m := &Managed{
		ARN: v.get("Arn").text(), Name: v.get("PolicyName").text(), Path: v.get("Path").text(), ID: v.get("PolicyId").text(),
		Created: v.get("CreateDate").time(), Updated: v.get("UpdateDate").time(), Default: v.get("DefaultVersionId").text(),
	}
	for _, known := range []string{"AttachmentCount", "PermissionsBoundaryUsageCount", "IsAttachable", "Description"} {
		v.get(known)
	}
	if !d.own(v.get("Arn"), m.ARN) || !d.once("policy", m.ARN, v) {
		return false
	}
	if m.Name == "" {
		m.Name = policyName(m.ARN)
	}
	_, account, _ := arnAccount(m.ARN)
	m.AWS = account == "aws"
	for _, p := range v.get("PolicyVersionList").objects() {
		version := Version{ID: p.get("VersionId").text(), Default: p.get("IsDefaultVersion").flag(), Created: p.get("CreateDate").time()}
		if version.ID == m.Default && version.ID != "" {
			version.Default = true
		}
		name := "policy " + m.Name
		if !version.Default {
			name += " " + version.ID
		}
		if doc := p.get("Document"); doc.there() {
			version.Policy = doc.policy(name)
		} else {
			doc.fault("the document of policy %s, version %s, is missing", m.Name, version.ID)
		}
		if version.Default {
			if m.Policy != nil {
				p.fault("policy %s has two default versions", m.Name)
			}
			m.Policy = version.Policy
			if m.Default == "" {
				m.Default = version.ID
			}
		}
		m.Versions = append(m.Versions, version)
	}
	m.Unknown = l.doubt("policy", "", d.bad)
	if m.Policy == nil {
		v.fault("the default version (%s) of policy %s is missing or cannot be read: whoever has it may do unknown things", m.Default, m.Name)
	}
	l.managed[m.ARN] = m
	return true
}

// finishIAM joins principals, groups and policies.
func (l *Loader) finishIAM() {
	a := l.a
	byName := map[string]*Group{}
	for _, arn := range sortedKeys(l.groups) {
		g := l.groups[arn]
		byName[g.Name] = g
		l.policiesOf(g.Inline, g.Attached)
		g.Unknown = append(g.Unknown, l.doubt("group", g.ARN, false)...)
	}
	a.Groups = sorted(l.groups)
	stubs := map[string]*Group{}
	for _, arn := range sortedKeys(l.users) {
		u := l.users[arn]
		l.join(&u.Identity, "user")
		if s := l.sightings[u.Name]; s != nil {
			u.Login, u.MFA, u.Keys = s.login, s.mfa, s.keys
			u.PasswordLastUsed = latest(u.PasswordLastUsed, s.passwordLastUsed)
		}
		if keys, listed := l.listedKeys[u.Name]; listed {
			for i := range keys { // the report knows when, the listing knows which
				for _, k := range u.Keys.V {
					if k.Created.Equal(keys[i].Created) {
						keys[i].LastUsed = k.LastUsed
					}
				}
			}
			u.Keys = Is(keys)
		}
		for _, name := range l.member[u] {
			g := byName[name]
			if g == nil {
				if g = stubs[name]; g == nil {
					g = &Group{Name: name, Unknown: []string{"no export holds it"}}
					stubs[name] = g
					a.Faults = append(a.Faults, Fault{Path: u.ARN, What: "it is in group " + name + ", which no file holds: what the group permits is unknown"})
				}
			}
			u.Groups = append(u.Groups, g)
		}
	}
	a.Users = sorted(l.users)
	for _, r := range l.roles {
		l.join(&r.Identity, "role")
		for i := range a.Profiles {
			if slices.Contains(a.Profiles[i].Roles, r.ARN) && !slices.Contains(r.Profiles, a.Profiles[i].ARN) {
				r.Profiles = append(r.Profiles, a.Profiles[i].ARN)
			}
		}
		for _, arn := range r.Profiles {
			i := slices.IndexFunc(a.Profiles, func(p Profile) bool { return p.ARN == arn })
			if !slices.Contains(a.Profiles[i].Roles, r.ARN) {
				a.Profiles[i].Roles = append(a.Profiles[i].Roles, r.ARN)
			}
		}
		slices.Sort(r.Profiles)
	}
	a.Roles = sorted(l.roles)
	for _, m := range l.managed {
		m.Unknown = append(m.Unknown, l.doubt("policy", m.ARN, false)...)
	}
	a.Managed = sorted(l.managed)
	for i := range a.Profiles {
		slices.Sort(a.Profiles[i].Roles)
	}
	slices.SortFunc(a.Profiles, func(x, y Profile) int { return strings.Compare(x.ARN, y.ARN) })
}

func (l *Loader) join(id *Identity, kind string) {
	id.Unknown = append(id.Unknown, l.doubt(kind, id.ARN, false)...)
	l.policiesOf(id.Inline, id.Attached)
	if id.Boundary != nil {
		id.Boundary.Policy = l.managedBy(id.Boundary.ARN)
	}
}

func (l *Loader) policiesOf(inline, attached []Attached) {
	slices.SortStableFunc(inline, func(x, y Attached) int { return strings.Compare(x.Name, y.Name) })
	slices.SortStableFunc(attached, func(x, y Attached) int { return strings.Compare(x.ARN, y.ARN) })
	for i := range attached {
		attached[i].Policy = l.managedBy(attached[i].ARN)
	}
}

// managedBy finds the policy of an attachment. One that no export holds is said once.
func (l *Loader) managedBy(arn string) *iam.Policy {
	if m := l.managed[arn]; m != nil {
		return m.Policy
	}
	k := "missing policy " + arn
	if l.doubts[k] == "" {
		l.doubts[k] = "said"
		l.a.Faults = append(l.a.Faults, Fault{Path: arn, What: "it is attached, and no file holds it: what it permits is unknown. Export with the filters LocalManagedPolicy and AWSManagedPolicy too, or with none"})
	}
	return nil
}
