package reach

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// target is what a step is done to.
type target struct {
	kind     string
	arn      string // "" where it was not supplied and pattern stands for it
	pattern  string
	actor    *actor // role or user, where it is one
	workload *account.Workload
	template *account.LaunchTemplate
	role     string // ARN of the role that it holds
	bucket   *account.Bucket
	point    *account.AccessPoint
	grant    *account.AccessGrant
	key      *account.Key
	group    *account.Group
	policy   *account.Managed
	resource *account.Resource
	made     *newPrincipal // whom the step makes
	replica  *replica
}

// fact is how a thing stands: Certain it is so, Possible it may be under the note, Unknown
// where an input is missing, No.
type fact struct {
	level   Certainty
	note    *Text
	missing string
}

var (
	isSo  = fact{level: Certain}
	isNot = fact{}
)

func lacking(input string) fact { return fact{level: Unknown, missing: input} }

// unsure is a fact that an input which was not supplied would settle, and which is so often.
func unsure(input, en, fr string) fact {
	return fact{level: Possible, missing: input, note: &Text{en, fr}}
}

func assumed(en, fr string) fact { return fact{level: Possible, note: &Text{en, fr}} }

func known(b bool) fact {
	if b {
		return isSo
	}
	return isNot
}

// kind of workloads: the inputs that list them, and the service that takes their roles.
type workloads struct {
	inputs  []string
	service string
}

var kinds = map[string]workloads{
	"ec2:instance":                       {[]string{"instances"}, "ec2.amazonaws.com"},
	"ec2:launch-template":                {[]string{"launch-templates", "launch-template-versions"}, "ec2.amazonaws.com"},
	"lambda:function":                    {[]string{"functions"}, "lambda.amazonaws.com"},
	"ecs:task-definition":                {[]string{"task-definition-list", "task-definition"}, "ecs-tasks.amazonaws.com"},
	"ecs:service":                        {[]string{"clusters", "services"}, "ecs-tasks.amazonaws.com"},
	"ecs:task":                           {[]string{"clusters", "tasks"}, "ecs-tasks.amazonaws.com"},
	"codebuild:project":                  {[]string{"project-list", "projects"}, "codebuild.amazonaws.com"},
	"cloudformation:stack":               {[]string{"stacks"}, "cloudformation.amazonaws.com"},
	"cloudformation:stack-set":           {[]string{"stack-sets", "stack-set"}, ""},
	"glue:dev-endpoint":                  {[]string{"dev-endpoints"}, "glue.amazonaws.com"},
	"glue:job":                           {[]string{"glue-jobs"}, "glue.amazonaws.com"},
	"sagemaker:notebook-instance":        {[]string{"notebooks", "notebook"}, "sagemaker.amazonaws.com"},
	"apprunner:service":                  {[]string{"apprunner-services", "apprunner-service"}, "tasks.apprunner.amazonaws.com"},
	"batch:job-definition":               {[]string{"batch-job-definitions"}, "ecs-tasks.amazonaws.com"},
	"states:state-machine":               {[]string{"state-machines", "state-machine"}, "states.amazonaws.com"},
	"datapipeline:pipeline":              {[]string{"data-pipelines"}, "datapipeline.amazonaws.com"},
	"bedrock-agentcore:code-interpreter": {[]string{"code-interpreters", "code-interpreter"}, "bedrock-agentcore.amazonaws.com"},
	"eks:pod-identity":                   {[]string{"eks-clusters", "pod-identities", "pod-identity"}, "pods.eks.amazonaws.com"},
	"rolesanywhere:profile":              {[]string{"rolesanywhere-profiles"}, "rolesanywhere.amazonaws.com"},
	"scheduler:schedule":                 {[]string{"schedules", "schedule"}, "scheduler.amazonaws.com"},
	"datasync:location":                  {[]string{"datasync-locations", "datasync-location"}, "datasync.amazonaws.com"},
	"transfer:server":                    {[]string{"transfer-servers"}, "transfer.amazonaws.com"},
	"transfer:user":                      {[]string{"transfer-servers", "transfer-users"}, "transfer.amazonaws.com"},
	"elasticmapreduce:cluster":           {[]string{"emr-clusters", "emr-cluster"}, "ec2.amazonaws.com"},
	"emr-serverless:application":         {[]string{"emr-applications"}, "emr-serverless.amazonaws.com"},
	"redshift:cluster":                   {[]string{"redshift-clusters"}, "redshift.amazonaws.com"},
	"redshift-serverless:namespace":      {[]string{"redshift-namespaces"}, "redshift.amazonaws.com"},
	"rds:cluster":                        {[]string{"db-clusters"}, "rds.amazonaws.com"},
	"rds:db":                             {[]string{"db-instances"}, "rds.amazonaws.com"},
	"athena:workgroup":                   {[]string{"athena-workgroups", "athena-workgroup"}, "athena.amazonaws.com"},
	"backup:vault":                       {[]string{"backup-vaults"}, ""},
}

// lacks are the inputs that were not supplied, of those that list a kind.
func (k workloads) lacks(e *engine) []string {
	var out []string
	for _, in := range k.inputs {
		if !e.known(in) {
			out = append(out, in)
		}
	}
	return out
}

// holds says how a fact of the rules stands for a target.
func (e *engine) holds(name string, t *target) fact {
	w := t.workload
	var in *account.Instance
	if w != nil {
		in = w.Instance
	}
	noted := func(en, fr string) fact { // of an instance that was not supplied
		return unsure("instances", en, fr)
	}
	switch name {
	case "torrents-served":
		return isNot
	case "outsiders-let":
		return fact{level: e.outsidersLet(t.bucket)}
	case "changeable":
		return known(t.actor != nil && t.actor.role != nil && !t.actor.role.ServiceLinked() && !strings.HasPrefix(t.actor.role.Path, "/aws-reserved/"))
	case "keys-free", "keys-full":
		u := t.actor.user
		full := len(u.Keys.V) >= 2
		if !u.Keys.Known {
			if name == "keys-full" {
				return isNot
			}
			return unsure("credential-report", "the user has fewer than two access keys", "l’utilisateur a moins de deux clés d’accès")
		}
		return known(full == (name == "keys-full"))
	case "login-none":
		if !t.actor.user.Login.Known {
			return unsure("credential-report", "the user has no password yet", "l’utilisateur n’a pas encore de mot de passe")
		}
		return known(!t.actor.user.Login.V)
	case "login-exists":
		if !t.actor.user.Login.Known {
			return unsure("credential-report", "the user has a password", "l’utilisateur a un mot de passe")
		}
		return known(t.actor.user.Login.V)
	case "in-profile":
		return known(t.actor != nil && t.actor.role != nil && len(t.actor.role.Profiles) > 0)
	case "empty-profile":
		if slices.ContainsFunc(e.a.Profiles, func(p account.Profile) bool { return len(p.Roles) == 0 }) {
			return isSo
		}
		if !e.known("instance-profiles") {
			return lacking("instance-profiles")
		}
		return isNot
	case "cluster":
		if len(e.a.Clusters) > 0 {
			return isSo // whether or not it runs anything
		}
		for _, w := range e.a.Workloads {
			if w.Task != nil && w.Task.Cluster != "" {
				return isSo
			}
		}
		if !e.known("clusters") {
			return unsure("clusters", "a cluster exists", "un cluster existe")
		}
		return isNot
	case "stack-set-execution":
		if t.actor == nil || t.actor.role == nil || t.actor.role.Trust == nil {
			return isNot
		}
		// The execution role trusts an administration role, which trusts CloudFormation.
		for _, s := range t.actor.role.Trust.Statements {
			if s.Allow && s.Principals != nil {
				for _, name := range s.Principals.AWS {
					if a := e.byARN[name]; a != nil && a.role != nil && e.trust(a.role, "cloudformation.amazonaws.com") >= Possible {
						return isSo
					}
				}
			}
		}
		if t.actor.role.Name == "AWSCloudFormationStackSetExecutionRole" || t.actor.role.Name == "AWSCloudFormationStackSetAdministrationRole" {
			return isSo
		}
		return known(e.trust(t.actor.role, "cloudformation.amazonaws.com") >= Possible)
	case "agent":
		switch {
		case in == nil:
			return noted("Systems Manager’s agent runs on the instance", "l’agent de Systems Manager s’exécute sur l’instance")
		case !in.SSM.Known:
			return unsure("managed-instances", "Systems Manager’s agent runs on the instance", "l’agent de Systems Manager s’exécute sur l’instance")
		case in.SSM.V == nil:
			return isNot
		case in.SSM.V.Ping != "Online" && in.SSM.V.Ping != "":
			return assumed("Systems Manager’s agent comes back: it was seen last as "+in.SSM.V.Ping, "l’agent de Systems Manager revient : vu en dernier comme "+in.SSM.V.Ping)
		}
		return isSo
	case "credentials":
		if in != nil && in.MetadataOff {
			return isNot
		}
		return isSo
	case "metadata-v1":
		switch {
		case in == nil:
			return lacking("instances")
		case in.MetadataOff, strings.HasPrefix(in.ID, "mi-"):
			return isNot
		case !in.MetadataV1.Known:
			return unsure("instances", "metadata answers without a session token", "les métadonnées répondent sans jeton de session")
		}
		return known(in.MetadataV1.V)
	case "port-22", "port-3389":
		if in == nil {
			return noted("a network path to the instance", "un chemin réseau vers l’instance")
		}
		return e.port(w, name == "port-3389", false)
	case "port-22-open", "port-3389-open":
		switch {
		case in == nil:
			return lacking("instances")
		case strings.HasPrefix(in.ID, "mi-"):
			return lacking("machine-elsewhere")
		}
		return e.port(w, name == "port-3389-open", true)
	case "connect-endpoint":
		if in == nil {
			return noted("a Connect endpoint in the instance’s network", "un point de terminaison Connect dans le réseau de l’instance")
		}
		if slices.ContainsFunc(e.a.ConnectPoints, func(p account.ConnectPoint) bool { return p.VPC == in.VPC }) {
			return isSo
		}
		if !e.known("instance-connect-endpoints") {
			return lacking("instance-connect-endpoints")
		}
		return isNot
	case "key-pair":
		if in == nil {
			return noted("one has the instance’s private key", "on a la clé privée de l’instance")
		}
		if strings.HasPrefix(in.ID, "mi-") {
			return assumed("one has a key of the machine’s", "on a une clé de la machine")
		}
		if in.KeyPair == "" {
			return isNot
		}
		return assumed("one has the private key of "+in.KeyPair, "on a la clé privée de "+in.KeyPair)
	case "serial-console":
		region := ""
		if w != nil {
			region = w.Region
		}
		if v, ok := e.a.SerialConsole[region]; ok {
			return known(v)
		}
		return unsure("serial-console", "the serial console is enabled", "la console série est activée")
	case "windows":
		if in == nil {
			return noted("the instance runs Windows", "l’instance exécute Windows")
		}
		return known(strings.EqualFold(in.Platform, "windows"))
	case "exec":
		if w == nil || w.Task == nil || !w.Task.Exec.Known {
			return unsure("tasks", "ECS Exec is enabled", "ECS Exec est activé")
		}
		return known(w.Task.Exec.V)
	case "multi-region":
		if t.key != nil && (t.key.MultiRegion == "PRIMARY" || strings.HasPrefix(t.key.ID, "mrk-")) {
			return isSo
		}
		return isNot
	case "on-ec2":
		// A machine that Systems Manager manages elsewhere is none of EC2's.
		return known(in == nil || !strings.HasPrefix(in.ID, "mi-"))
	case "cluster-lets":
		return lacking("kubernetes-access")
	case "in-network":
		if v := t.point.VPC; v != "" {
			return assumed("one is in the network "+v+", from where alone the access point answers", "on est dans le réseau "+v+", depuis lequel seul le point d’accès répond")
		}
		return isSo
	case "grantee", "administrator":
		return isSo // who it is was looked at with the target
	case "acls-on":
		if !t.bucket.Ownership.Known {
			return unsure("bucket-ownership", "access control lists are not disabled", "les listes de contrôle d’accès ne sont pas désactivées")
		}
		return known(t.bucket.Ownership.V != "BucketOwnerEnforced")
	case "acls-obeyed":
		// A grant to one account by its canonical id is no public one, and no block stops it.
		return assumed("the reader is of an account that the list names", "le lecteur est d’un compte que la liste nomme")
	case "acl-reads":
		// What the export holds is the bucket's own list, which grants no object: objects
		// have lists of their own, which no export holds.
		return objectLists(t.bucket)
	case "acl-public":
		// A block ignores lists that let everybody in, or everybody who has an account. One
		// that names an account is none of these.
		if ignores(t.bucket.PublicAccess) || ignores(e.a.PublicAccess) {
			return isNot
		}
		return objectLists(t.bucket)
	case "subject-open":
		return e.subjectOpen(t)
	case "anywhere-profile":
		for _, w := range e.workloads[t.arn] {
			if w.Kind == "rolesanywhere:profile" && w.State != "disabled" {
				return isSo
			}
		}
		for _, w := range e.workloads[t.arn] {
			if w.Kind == "rolesanywhere:profile" {
				return assumed("the profile "+w.Name+" of Roles Anywhere is enabled again", "le profil "+w.Name+" de Roles Anywhere est réactivé")
			}
		}
		return e.unless("rolesanywhere-profiles", "a profile of Roles Anywhere holds the role", "un profil de Roles Anywhere contient le rôle")
	case "trust-anchor", "private-authority":
		for _, p := range e.a.Providers {
			if p.Kind == "trust-anchor" && (name == "trust-anchor" || p.Source == "AWS_ACM_PCA" && !p.Off) {
				return isSo
			}
		}
		if name == "trust-anchor" {
			return e.unless("trust-anchors", "Roles Anywhere has a trust anchor", "Roles Anywhere a une ancre de confiance")
		}
		return e.unless("trust-anchors", "Roles Anywhere trusts a private authority of the account", "Roles Anywhere fait confiance à une autorité privée du compte")
	case "center-here":
		return e.centerHere()
	case "center-group":
		return e.centerGroup(t)
	case "backed-up":
		for _, b := range e.a.Backups {
			if slices.ContainsFunc(e.asked(), func(x *account.Bucket) bool { return x.ARN == b.Resource }) {
				return isSo
			}
		}
		return e.unless("protected-resources", "a backup of the bucket exists", "une sauvegarde du compartiment existe")
	case "provider-there", "provider-absent":
		return known((name == "provider-absent") == e.absent(t.arn))
	case "replicated":
		return e.replicated(t.replica.rule)
	case "tags-mutable":
		if t.resource != nil {
			return known(!t.resource.Immutable)
		}
		return e.unless("repositories", "the repository takes a tag a second time", "le dépôt accepte une étiquette une seconde fois")
	}
	return isNot
}

// absent says that a role trusts an identity provider of the account's which there is not: it
// vouches for nobody until somebody makes it.
func (e *engine) absent(arn string) bool {
	p, ok := iam.ParseARN(arn)
	if !ok || p.Service != "iam" || p.Account != e.a.ID {
		return false
	}
	kind, _, _ := strings.Cut(p.Resource, "/")
	if kind != "oidc-provider" && kind != "saml-provider" || !e.known(kind+"s") {
		return false
	}
	return !slices.ContainsFunc(e.a.Providers, func(p account.Provider) bool { return p.ARN == arn })
}

// unless is that something is not, unless an input was not supplied: then it may be.
func (e *engine) unless(input, en, fr string) fact {
	if e.known(input) {
		return isNot
	}
	return unsure(input, en, fr)
}

// centerHere says whether Identity Center's assignments are made from this account: that in
// which the organization's instance was made, or one to which it delegated that, which alone
// may list what is provisioned. An account's own instance assigns no roles. (IAM Identity
// Center User Guide, "Organization and account instances", "Delegated administration".)
func (e *engine) centerHere() fact {
	en, fr := "the account is the one from which Identity Center is managed", "le compte est celui depuis lequel Identity Center est géré"
	out := e.unless("identity-center", en, fr)
	org := e.a.Organization
	for _, c := range e.a.Centers {
		switch {
		case c.Owner == e.a.ID && !org.Known:
			return unsure("organization", en, fr)
		case c.Owner == e.a.ID && (org.V == nil || org.V.Management != "" && org.V.Management != e.a.ID):
		case c.Owner == e.a.ID, c.Sets.Known:
			return isSo
		default:
			out = unsure("permission-sets", en, fr)
		}
	}
	return out
}

// centerGroup says whether somebody who joins a group of Identity Center's gets a role.
func (e *engine) centerGroup(t *target) fact {
	en, fr := "a group of Identity Center has the role", "un groupe d’Identity Center a le rôle"
	missing := ""
	for _, c := range e.a.Centers {
		if !c.Sets.Known {
			missing = "permission-sets"
		}
		for _, s := range c.Sets.V {
			if s.Name == "" {
				missing = "permission-set"
			}
			if s.Name == "" || !reservedFor(last(t.arn), s.Name) {
				continue
			}
			if !s.Assignments.Known {
				missing = "permission-set-assignments"
			}
			if slices.ContainsFunc(s.Assignments.V, func(a account.Assignment) bool { return a.Kind == "GROUP" }) {
				return isSo
			}
		}
	}
	if missing != "" {
		return unsure(missing, en, fr)
	}
	return e.unless("identity-center", en, fr)
}

// reservedFor says whether a role is that of a permission set: AWSReservedSSO_NAME_ and 16
// hexadecimal digits.
func reservedFor(role, set string) bool {
	rest, ok := strings.CutPrefix(role, "AWSReservedSSO_"+set+"_")
	return ok && len(rest) == 16 && !strings.Contains(rest, "_")
}

// objectLists says what objects' access control lists grant, which no export holds: nothing
// where they are disabled. (Amazon S3 User Guide, "Controlling ownership of objects".)
func objectLists(b *account.Bucket) fact {
	switch {
	case !b.Ownership.Known:
		return lacking("bucket-ownership")
	case b.Ownership.V == "BucketOwnerEnforced":
		return isNot
	}
	return lacking("object-acls")
}

func ignores(v account.Value[account.PublicAccess]) bool { return v.Known && v.V.IgnoreACLs }

// port says whether an instance can be reached on a port: from anywhere, or at all.
func (e *engine) port(w *account.Workload, rdp, anywhere bool) fact {
	port := 22
	if rdp {
		port = 3389
	}
	in := w.Instance
	if !e.known("security-groups") {
		return unsure("security-groups", "a security group lets it through", "un groupe de sécurité le laisse passer")
	}
	if anywhere && in.PublicIP == "" {
		return isNot
	}
	for _, g := range e.a.SecurityGroups {
		if !slices.Contains(in.SecurityGroups, g.ID) {
			continue
		}
		for _, i := range g.Ingress {
			if i.Protocol != "-1" && i.Protocol != "tcp" || i.Protocol == "tcp" && (port < i.From || port > i.To) {
				continue
			}
			open := slices.Contains(i.CIDRs, "0.0.0.0/0") || slices.Contains(i.CIDRs, "::/0")
			if open && in.PublicIP != "" {
				return isSo
			}
			if open {
				return assumed("one is in the network of the instance, which has no public address", "on est dans le réseau de l’instance, qui n’a pas d’adresse publique")
			}
			if !anywhere && len(i.CIDRs)+len(i.Groups)+len(i.Prefixes) > 0 {
				return assumed("one is where the security group "+g.ID+" lets in", "on est là d’où le groupe de sécurité "+g.ID+" laisse entrer")
			}
		}
	}
	return isNot
}

// subjectOpen says whether a role takes any subject of an OpenID Connect provider.
func (e *engine) subjectOpen(t *target) fact {
	if t.actor == nil || t.actor.role == nil || t.actor.role.Trust == nil {
		return isNot
	}
	for _, s := range t.actor.role.Trust.Statements {
		if !s.Allow || s.Principals == nil || len(s.Principals.Federated) == 0 {
			continue
		}
		tight := false
		for _, c := range s.Conditions {
			op := strings.ToLower(c.Operator)
			if !strings.HasSuffix(strings.ToLower(c.Key), ":sub") || strings.Contains(op, "not") || strings.Contains(op, "null") {
				continue // which leaves all but a few
			}
			tight = tight || strings.Contains(op, "equals") && !strings.Contains(op, "arn") || !slices.ContainsFunc(c.Values, open)
		}
		if !tight {
			return isSo
		}
	}
	return isNot
}

// open says that a pattern for a subject leaves the owner of the code to anybody.
func open(v string) bool {
	i := strings.IndexAny(v, "*?")
	return i >= 0 && strings.Count(v[:i], ":") < 2 && !strings.Contains(v[:i], "/")
}

// trust says how surely a role's trust policy lets a service in.
func (e *engine) trust(r *account.Role, service string) Certainty {
	if r.Trust == nil {
		return Unknown
	}
	key := r.ARN
	if len(r.Trust.Statements) > 0 {
		key = strconv.Itoa(e.document(r.Trust))
	}
	key += "|" + service
	if c, ok := e.trusts[key]; ok {
		return c
	}
	q := iam.Question{Principal: iam.Principal{Kind: iam.Service, ARN: service}, Action: "sts:AssumeRole", Account: e.a.ID, ResourceManages: e.manages, PrincipalManages: iam.No}
	q.Context = e.serving.Clone()
	// The service acts for this account.
	q.Context.Set("aws:SourceAccount", e.a.ID)
	s := iam.Scope(q, iam.Of(iam.ResourcePattern(e.arn("iam", "", "role/*"))), iam.Policies{
		Resource: iam.Supplied(e.compile(r.Trust)), Session: iam.Supplied(), Boundary: iam.Supplied(), Identity: iam.Supplied(), Endpoint: iam.Supplied(), SCPs: iam.Levels{Known: true}, RCPs: iam.Levels{Known: true}})
	c := No
	switch {
	case exists(s.Certain) == iam.Yes:
		c = Certain
	case exists(s.Possible) != iam.No:
		c = Possible
	}
	e.trusts[key] = c
	return c
}

// outsidersLet says whether another account can read a bucket once its policy says so: what
// binds the resource may refuse it, the account's own ceilings do not.
func (e *engine) outsidersLet(b *account.Bucket) Certainty {
	all := e.compile(anything)
	id := "000000000000"
	who := iam.Principal{Kind: iam.User, ARN: "arn:" + cmp.Or(e.a.Partition, "aws") + ":iam::" + id + ":user/anybody", Account: id}
	c := &class{rep: &actor{principal: Principal{Kind: External, ARN: who.ARN}, who: who}, slots: []*iam.Compiled{all}, strict: []*iam.Compiled{all}, bound: iam.Supplied()}
	objects := iam.Of(iam.ResourcePattern(b.ARN + "/*"))
	a := e.scope(c, "s3:GetObject", e.direct(b, nil), objects, e.a.ID, func(p *iam.Policies, _ bool) { p.Resource = iam.Supplied(toAnyone) })
	return a.some(objects)
}
