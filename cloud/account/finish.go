package account

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// finishResources joins what the answers say of resources, and sorts it.
func (l *Loader) finishResources() {
	a := l.a
	for _, e := range l.later {
		e.d.final = true
		e.d.take(e.v)
	}
	arn := func(service, region, resource string) string {
		return "arn:" + a.Partition + ":" + service + ":" + region + ":" + a.ID + ":" + resource
	}

	for _, b := range l.buckets {
		b.ARN = "arn:" + a.Partition + ":s3:::" + b.Name
	}
	a.Buckets = sorted(l.buckets)
	for _, p := range l.accessPoints {
		if p.ARN == "" {
			switch p.Kind {
			case "multi-region":
				p.ARN = arn("s3", "", "accesspoint/"+p.Alias)
			case "object-lambda":
				p.ARN = arn("s3-object-lambda", p.Region, "accesspoint/"+p.Name)
			default:
				p.ARN = arn("s3", p.Region, "accesspoint/"+p.Name)
			}
		}
	}
	a.AccessPoints = sorted(l.accessPoints)
	slices.SortFunc(a.AccessGrants, func(x, y AccessGrant) int { return cmp.Compare(x.ARN, y.ARN) })
	for _, k := range l.keys {
		if k.ARN == "" && k.Region != "" {
			k.ARN = arn("kms", k.Region, "key/"+k.ID)
		}
		if contains(l.aliases, k.Region) || contains(l.aliases, "") {
			k.Aliases.Known = true
		}
		slices.Sort(k.Aliases.V)
		k.Unknown = l.doubt("key", k.ID, false)
	}
	a.Keys = sorted(l.keys)
	slices.SortFunc(a.Keys, func(x, y *Key) int { return cmp.Or(cmp.Compare(x.ARN, y.ARN), cmp.Compare(x.ID, y.ID)) })

	l.finishWorkloads(arn)

	a.SecurityGroups = sorted(l.securityGroups)
	for _, s := range a.SecurityGroups {
		s.Unknown = append(s.Unknown, l.doubt("security group", s.ID, false)...)
	}
	slices.SortFunc(a.KeyPairs, func(x, y KeyPair) int { return cmp.Or(cmp.Compare(x.Region, y.Region), cmp.Compare(x.Name, y.Name)) })
	a.LaunchTemplates = sorted(l.templates)
	for _, t := range a.LaunchTemplates {
		slices.SortFunc(t.Versions, func(x, y TemplateVersion) int { return cmp.Compare(x.Number, y.Number) })
	}
	a.Endpoints = sorted(l.endpoints)
	slices.Sort(a.Clusters)
	slices.SortFunc(a.ConnectPoints, func(x, y ConnectPoint) int { return cmp.Compare(x.ID, y.ID) })
	for _, s := range sorted(l.images) {
		a.Images = append(a.Images, *s)
	}
	for _, s := range sorted(l.snapshots) {
		a.Snapshots = append(a.Snapshots, *s)
	}
	a.Trails = sorted(l.trails)
	for i := range a.Providers {
		p := &a.Providers[i]
		if c, ok := l.clients[p.URL]; ok && p.Kind == "oidc" {
			p.Clients = c.Clients
			p.Created = latest(p.Created, c.Created)
		}
	}
	slices.SortFunc(a.Providers, func(x, y Provider) int { return cmp.Compare(x.ARN, y.ARN) })
	slices.Sort(a.Regions)
	l.finishServices()
	l.finishOrganization()
	l.finishPolicies()
}

func (l *Loader) finishWorkloads(arn func(service, region, resource string) string) {
	a := l.a
	byName := map[string]string{}
	for _, r := range l.roles {
		byName[r.Name] = r.ARN
	}
	profile := func(name string) *Profile {
		i := slices.IndexFunc(a.Profiles, func(p Profile) bool { return p.ARN == name || p.Name == name })
		if i < 0 {
			return nil
		}
		return &a.Profiles[i]
	}
	runsWith := func(w *Workload, name string) {
		if name == "" {
			w.runsAs("")
			return
		}
		p := profile(name)
		if p == nil {
			w.Unknown = append(w.Unknown, "no export holds its instance profile "+name)
			return
		}
		for _, r := range p.Roles {
			w.runsAs(r)
		}
		w.NoRole = len(p.Roles) == 0
	}
	for id, w := range l.instances {
		w.ARN = arn("ec2", w.Region, "instance/"+id)
		if strings.HasPrefix(id, "mi-") {
			w.ARN = arn("ssm", w.Region, "managed-instance/"+id)
		} else {
			runsWith(w, w.Instance.Profile)
		}
		agent, known := l.agents[id], len(l.agentRegions) > 0 && (l.agentRegions[w.Region] || l.agentRegions[""])
		if agent != nil || known {
			w.Instance.SSM = Is(agent)
		}
		w.Unknown = append(w.Unknown, l.doubt("instance", id, false)...)
		l.workloads["ec2:instance "+w.ARN] = w
	}
	for w, name := range l.profiled {
		runsWith(w, name)
	}
	for _, s := range l.scaling {
		name, found := "", false
		if s.template != "" {
			t := l.templates[s.template]
			if t != nil {
				for _, v := range t.Versions {
					if s.version == "" && v.Default || s.version == "$Default" && v.Default || s.version == "$Latest" && v.Number == t.Latest || s.version == strconv.Itoa(v.Number) {
						name, found = v.Profile, true
					}
				}
			}
		} else {
			for w, p := range l.profiled {
				if w.Name == s.configuration {
					name, found = p, true
				}
			}
		}
		if !found {
			s.w.Unknown = append(s.w.Unknown, "no export holds what it starts instances from")
			continue
		}
		runsWith(s.w, name)
	}
	for w, name := range l.namedRoles {
		name = name[strings.LastIndex(name, "/")+1:]
		if r := byName[name]; r != "" {
			w.runsAs(r)
		} else {
			w.Unknown = append(w.Unknown, "no export holds its role "+name)
		}
	}
	kinds := map[string]string{"glue:dev-endpoint": "devEndpoint/", "glue:job": "job/", "datapipeline:pipeline": "pipeline/", "redshift:cluster": "cluster:", "athena:workgroup": "workgroup/"}
	for _, w := range l.workloads {
		if prefix := kinds[w.Kind]; prefix != "" && w.ARN == "" {
			service, _, _ := strings.Cut(w.Kind, ":")
			w.ARN = arn(service, w.Region, prefix+w.Name)
		}
	}
	// Services and tasks run with the role of their definition, where they do not name one.
	for _, w := range l.workloads {
		if w.Kind != "ecs:service" && w.Kind != "ecs:task" {
			continue
		}
		def := l.workloads["ecs:task-definition "+w.Task.Definition]
		if def == nil {
			if len(w.Roles) == 0 {
				w.Unknown = append(w.Unknown, "no export holds its task definition "+w.Task.Definition)
			}
			continue
		}
		w.Task.Family, w.Task.Revision, w.Task.Images, w.Task.Privileged = def.Task.Family, def.Task.Revision, def.Task.Images, def.Task.Privileged
		if len(w.Roles) == 0 {
			w.Roles, w.NoRole = slices.Clone(def.Roles), def.NoRole
		}
		for _, r := range def.Execution {
			w.serves(r)
		}
	}
	for _, w := range l.workloads {
		what := map[string]string{
			"lambda:function": "function", "ecs:task-definition": "task definition", "ecs:service": "service", "ecs:task": "task",
			"codebuild:project": "project", "cloudformation:stack": "stack", "cloudformation:stack-set": "stack set",
			"sagemaker:notebook-instance": "notebook", "apprunner:service": "App Runner service", "batch:job-definition": "job definition",
			"states:state-machine": "state machine", "bedrock-agentcore:code-interpreter": "code interpreter", "eks:pod-identity": "pod identity",
			"rolesanywhere:profile": "profile of Roles Anywhere", "scheduler:schedule": "schedule", "datasync:location": "location", "transfer:server": "server", "transfer:user": "SFTP user",
			"elasticmapreduce:cluster": "EMR cluster", "emr-serverless:application": "application", "redshift-serverless:namespace": "namespace", "rds:cluster": "database", "rds:db": "database",
		}[w.Kind]
		if what != "" {
			w.Unknown = append(w.Unknown, l.doubt(what, w.ARN, false)...)
		}
		slices.Sort(w.Roles)
		slices.Sort(w.Execution)
	}
	a.Workloads = sorted(l.workloads)
	slices.SortFunc(a.Workloads, func(x, y *Workload) int { return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.ARN, y.ARN)) })
}

// levels are root, units and the account, as far as the answers say.
func (l *Loader) levels() []Level {
	if l.org == nil {
		return nil
	}
	var out []Level
	at := l.a.ID
	for range 10 { // AWS nests five units
		if at == "" || slices.ContainsFunc(out, func(x Level) bool { return x.ID == at }) {
			break
		}
		kind := "unit"
		switch {
		case at == l.a.ID:
			kind = "account"
		case strings.HasPrefix(at, "r-"):
			kind = "root"
		}
		out = append(out, Level{ID: at, Kind: kind})
		at = l.parents[at]
	}
	if last := len(out) - 1; last >= 0 && out[last].Kind != "root" && l.rootID != "" && last == 0 && len(l.parents) == 0 {
		out = append(out, Level{ID: l.rootID, Kind: "root"})
	}
	slices.Reverse(out)
	return out
}

func (l *Loader) finishOrganization() {
	a := l.a
	if l.org == nil {
		if l.noOrganization {
			a.Organization = Is[*Organization](nil)
		}
		return
	}
	o := l.org
	o.Levels = l.levels()
	read := func(kind, id string) Value[[]Attached] {
		ids, known := l.attachedAt[kind+" "+id]
		if !known {
			return Value[[]Attached]{}
		}
		out := []Attached{}
		for _, p := range ids {
			out = append(out, Attached{Name: cmp.Or(l.orgNames[p], p), ARN: l.orgARNs[p], Policy: l.orgPolicies[p]})
		}
		slices.SortFunc(out, func(x, y Attached) int { return cmp.Compare(x.Name, y.Name) })
		return Is(out)
	}
	for i := range o.Levels {
		o.Levels[i].SCPs = read("organization-scps", o.Levels[i].ID)
		o.Levels[i].RCPs = read("organization-rcps", o.Levels[i].ID)
	}
	a.Organization = Is(o)
}
