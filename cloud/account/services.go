package account

import (
	"slices"
	"strings"
)

// Readers of answers about services that read with a role, and about what has a policy of
// its own. Shapes: docs.aws.amazon.com/cli/latest/reference/sso-admin, …/ecr, …/transfer and
// so on.

func readAnchorProfiles(d *document, v value) {
	for _, p := range v.get("profiles").objects() {
		w := d.workload("rolesanywhere:profile", p.get("profileArn").text(), p.get("name").text())
		if !d.once("profile of Roles Anywhere", w.ARN, p) {
			continue
		}
		for _, r := range p.get("roleArns").texts() {
			w.runsAs(r)
		}
		w.NoRole = len(w.Roles) == 0
		w.State, w.Created = "enabled", p.get("createdAt").time()
		if p.get("enabled").there() && !p.get("enabled").flag() {
			w.State = "disabled"
		}
	}
}

// center is an instance of Identity Center by its ARN.
func (l *Loader) center(arn string) *Center {
	c := l.centers[arn]
	if c == nil {
		c = &Center{ARN: arn}
		l.centers[arn] = c
	}
	return c
}

func readCenters(d *document, v value) {
	for _, i := range v.get("Instances").objects() {
		arn := i.get("InstanceArn").text()
		if arn == "" {
			i.fault("an instance of Identity Center without an ARN")
			continue
		}
		i.n.markWhole()
		c := d.l.center(arn)
		c.Owner, c.Region = i.get("OwnerAccountId").text(), d.region
		d.l.expect("permission-sets", arn)
	}
}

// centerOf is the instance that a permission set is of:
// arn:aws:sso:::permissionSet/ssoins-1/ps-1 is of arn:aws:sso:::instance/ssoins-1.
func centerOf(set string) string {
	before, rest, ok := strings.Cut(set, ":permissionSet/")
	id, _, slash := strings.Cut(rest, "/")
	if !ok || !slash {
		return ""
	}
	return before + ":instance/" + id
}

func readPermissionSets(d *document, v value) {
	sets := v.get("PermissionSets").texts()
	if len(sets) > 0 {
		d.of = centerOf(sets[0])
	}
	if d.of == "" {
		v.fault("of which instance of Identity Center are they? Name the file permission-sets/ARN.json, percent-encoded")
		return
	}
	c := d.l.center(d.of)
	c.Sets.Known = true
	for _, arn := range sets {
		if !slices.ContainsFunc(c.Sets.V, func(s PermissionSet) bool { return s.ARN == arn }) {
			c.Sets.V = append(c.Sets.V, PermissionSet{ARN: arn})
		}
		d.l.expect("permission-set", arn)
		d.l.expect("permission-set-assignments", arn)
	}
}

func readPermissionSet(d *document, v value) {
	s := v.get("PermissionSet")
	arn := s.get("PermissionSetArn").text()
	if arn == "" {
		s.fault("a permission set without an ARN")
		return
	}
	d.of = arn
	d.l.setNames[arn] = s.get("Name").text()
	s.n.markWhole()
}

func readAssignments(d *document, v value) {
	for _, a := range v.get("AccountAssignments").objects() {
		d.of = a.get("PermissionSetArn").text()
		if d.l.a.ID != "" && a.get("AccountId").text() != d.l.a.ID {
			continue
		}
		d.l.assigned[d.of] = append(d.l.assigned[d.of], Assignment{a.get("PrincipalType").text(), a.get("PrincipalId").text()})
	}
	if d.of == "" {
		v.fault("of which permission set are they? Name the file permission-set-assignments/ARN.json, percent-encoded")
	}
}

// resource is the entry of a resource with a policy, made where it is seen first.
func (d *document) resource(kind, arn, name string) *Resource {
	r := d.l.resources[arn]
	if r == nil {
		r = &Resource{Kind: kind, ARN: arn, Name: name, Region: regionOf(arn, d.region)}
		d.l.resources[arn] = r
	}
	return r
}

// aboutResource is the resource that a policy is of: by the ARN in the answer or its name,
// else by the name of the file, once the listing is read.
func (d *document) aboutResource(kind, arn string, v value) *Resource {
	if arn == "" && strings.HasPrefix(d.of, "arn:") {
		arn = d.of
	}
	var found *Resource
	for _, r := range d.l.resources {
		if r.Kind != kind || r.ARN != arn && (arn != "" || r.Name != d.of || d.region != "" && r.Region != d.region) {
			continue
		}
		if found != nil {
			v.fault("%s is in %s and in %s: name the file %s/REGION/%s.json", d.of, found.Region, r.Region, d.input.Name, d.of)
			return nil
		}
		found = r
	}
	switch {
	case found != nil:
		d.of = found.ARN
	case !d.final:
		d.l.later = append(d.l.later, later{*d, v})
	case arn != "":
		d.of = arn
		found = d.resource(kind, arn, arn[strings.LastIndexAny(arn, ":/")+1:])
	default:
		v.fault("no file lists a resource named %q: which is it about?", d.of)
	}
	return found
}

func readRepositories(d *document, v value) {
	for _, r := range v.get("repositories").objects() {
		arn := r.get("repositoryArn").text()
		if !d.once("repository", arn, r) {
			continue
		}
		e := d.resource("ecr:repository", arn, r.get("repositoryName").text())
		e.Created, e.Immutable = r.get("createdAt").time(), r.get("imageTagMutability").text() == "IMMUTABLE"
		d.l.expect("repository-policy", arn)
	}
}

func readRepositoryPolicy(d *document, v value) {
	arn := ""
	if name, id := v.get("repositoryName").text(), v.get("registryId").text(); name != "" && id != "" && d.region != "" {
		arn = "arn:" + d.l.a.Partition + ":ecr:" + d.region + ":" + id + ":repository/" + name
	} else if name != "" {
		d.of = name
	}
	if r := d.aboutResource("ecr:repository", arn, v); r != nil {
		d.ownPolicy(v, v.get("policyText"), r, "repository "+r.Name+", policy")
	}
}

// ownPolicy reads the policy of a resource; without one, it has none.
func (d *document) ownPolicy(v, text value, r *Resource, name string) {
	p := text.policy(name)
	if text.there() && p == nil {
		d.bad = true
	}
	setOnce(d, v, &r.Policy, p)
}

func readSecrets(d *document, v value) {
	for _, s := range v.get("SecretList").objects() {
		arn := s.get("ARN").text()
		s.n.markWhole()
		if !d.once("secret", arn, s) {
			continue
		}
		d.resource("secretsmanager:secret", arn, s.get("Name").text()).Created = s.get("CreatedDate").time()
		d.l.expect("secret-policy", arn)
	}
}

func readSecretPolicy(d *document, v value) {
	if r := d.aboutResource("secretsmanager:secret", v.get("ARN").text(), v); r != nil {
		v.get("Name")
		d.ownPolicy(v, v.get("ResourcePolicy"), r, "secret "+r.Name+", policy")
	}
}

func readVaults(d *document, v value) {
	for _, b := range v.get("BackupVaultList").objects() {
		arn := b.get("BackupVaultArn").text()
		b.n.markWhole()
		if !d.once("backup vault", arn, b) {
			continue
		}
		d.resource("backup:vault", arn, b.get("BackupVaultName").text()).Created = b.get("CreationDate").time()
		d.l.expect("backup-vault-policy", arn)
	}
}

func readVaultPolicy(d *document, v value) {
	if r := d.aboutResource("backup:vault", v.get("BackupVaultArn").text(), v); r != nil {
		v.get("BackupVaultName")
		d.ownPolicy(v, v.get("Policy"), r, "backup vault "+r.Name+", policy")
	}
}

func readProtected(d *document, v value) {
	for _, r := range v.get("Results").objects() {
		b := Backup{Resource: r.get("ResourceArn").text(), Kind: r.get("ResourceType").text(), Vault: r.get("LastBackupVaultArn").text(), Last: r.get("LastBackupTime").time(), Region: d.region}
		r.n.markWhole()
		if d.once("backup of", b.Region+" "+b.Resource, r) {
			d.l.a.Backups = append(d.l.a.Backups, b)
		}
	}
}

func readSchedules(d *document, v value) {
	for _, s := range v.get("Schedules").objects() {
		d.l.expect("schedule", s.get("Arn").text())
		s.n.markWhole()
	}
}

func readSchedule(d *document, v value) {
	d.of = v.get("Arn").text()
	w := d.workload("scheduler:schedule", d.of, v.get("Name").text())
	if !d.once("schedule", d.of, v) {
		return
	}
	w.runsAs(v.get("Target").get("RoleArn").text())
	w.State, w.Created = v.get("State").text(), v.get("CreationDate").time()
	v.n.markWhole()
}

func readLocations(d *document, v value) {
	for _, l := range v.get("Locations").objects() {
		if strings.HasPrefix(l.get("LocationUri").text(), "s3://") {
			d.l.expect("datasync-location", l.get("LocationArn").text())
		}
		l.n.markWhole()
	}
}

func readSyncLocation(d *document, v value) {
	d.of = v.get("LocationArn").text()
	w := d.workload("datasync:location", d.of, v.get("LocationUri").text())
	if !d.once("location", d.of, v) {
		return
	}
	w.runsAs(v.get("S3Config").get("BucketAccessRoleArn").text())
	w.Created = v.get("CreationTime").time()
}

func readServers(d *document, v value) {
	for _, s := range v.get("Servers").objects() {
		w := d.workload("transfer:server", s.get("Arn").text(), s.get("ServerId").text())
		if !d.once("server", w.ARN, s) {
			continue
		}
		w.runsAs("")
		w.serves(s.get("LoggingRole").text())
		w.State = s.get("State").text()
		if kind := s.get("IdentityProviderType").text(); kind != "" && kind != "SERVICE_MANAGED" {
			w.Unknown = append(w.Unknown, "its users' roles are given by its identity provider ("+kind+"), which is not read")
		}
		d.l.expect("transfer-users", w.Name)
	}
}

func readServerUsers(d *document, v value) {
	d.of = v.get("ServerId").text()
	for _, u := range v.get("Users").objects() {
		w := d.workload("transfer:user", u.get("Arn").text(), d.of+"/"+u.get("UserName").text())
		if d.once("SFTP user", w.ARN, u) {
			w.runsAs(u.get("Role").text())
		}
	}
}

func readEMRClusters(d *document, v value) {
	for _, c := range v.get("Clusters").objects() {
		d.l.expect("emr-cluster", c.get("Id").text())
		c.n.markWhole()
	}
}

func readEMRCluster(d *document, v value) {
	c := v.get("Cluster")
	d.of = c.get("Id").text()
	w := d.workload("elasticmapreduce:cluster", c.get("ClusterArn").text(), c.get("Name").text())
	c.n.markWhole()
	if !d.once("EMR cluster", w.ARN, v) {
		return
	}
	w.State, w.Tags = c.get("Status").get("State").text(), c.get("Tags").tags()
	w.Created = c.get("Status").get("Timeline").get("CreationDateTime").time()
	d.l.profiled[w] = c.get("Ec2InstanceAttributes").get("IamInstanceProfile").text()
}

func readApplications(d *document, v value) {
	for _, a := range v.get("applications").objects() {
		w := d.workload("emr-serverless:application", a.get("arn").text(), a.get("name").text())
		if d.once("application", w.ARN, a) {
			w.runsAs("") // each job brings its own
			w.State, w.Created = a.get("state").text(), a.get("createdAt").time()
		}
	}
}

func readRedshift(d *document, v value) {
	for _, c := range v.get("Clusters").objects() {
		name := c.get("ClusterIdentifier").text()
		w := d.workload("redshift:cluster", "", name)
		if !d.once("Redshift cluster", d.region+" "+name, c) {
			continue
		}
		roles := c.get("IamRoles").objects()
		for _, r := range roles {
			w.runsAs(r.get("IamRoleArn").text())
		}
		w.NoRole = len(roles) == 0
		w.State, w.Created = c.get("ClusterStatus").text(), c.get("ClusterCreateTime").time()
	}
}

func readNamespaces(d *document, v value) {
	for _, n := range v.get("namespaces").objects() {
		w := d.workload("redshift-serverless:namespace", n.get("namespaceArn").text(), n.get("namespaceName").text())
		if !d.once("namespace", w.ARN, n) {
			continue
		}
		w.State, w.Created, w.NoRole = n.get("status").text(), n.get("creationDate").time(), true
		// A role stands there as IamRole(applyStatus=in-sync, iamRoleArn=arn:…).
		for _, r := range append(n.get("iamRoles").texts(), n.get("defaultIamRoleArn").text()) {
			if i := strings.Index(r, "arn:"); i >= 0 {
				r, _, _ = strings.Cut(r[i:], ")")
				r, _, _ = strings.Cut(r, ",")
				w.runsAs(r)
			} else if r != "" {
				w.Unknown = append(w.Unknown, "one of its roles cannot be read: "+r)
			}
		}
	}
}

func readDBClusters(d *document, v value) {
	d.databases(v.get("DBClusters"), "rds:cluster", "DBClusterArn", "DBClusterIdentifier", "Status")
}

func readDBs(d *document, v value) {
	d.databases(v.get("DBInstances"), "rds:db", "DBInstanceArn", "DBInstanceIdentifier", "DBInstanceStatus")
}

func (d *document) databases(list value, kind, arn, name, state string) {
	for _, b := range list.objects() {
		w := d.workload(kind, b.get(arn).text(), b.get(name).text())
		if !d.once("database", w.ARN, b) {
			continue
		}
		roles := b.get("AssociatedRoles").objects()
		for _, r := range roles {
			w.runsAs(r.get("RoleArn").text())
			r.n.markWhole()
		}
		w.NoRole = len(roles) == 0
		w.State = b.get(state).text()
	}
}

func readWorkgroups(d *document, v value) {
	for _, w := range v.get("WorkGroups").objects() {
		d.l.expect("athena-workgroup", d.region+"/"+w.get("Name").text())
		w.n.markWhole()
	}
}

func readWorkgroup(d *document, v value) {
	g := v.get("WorkGroup")
	name := g.get("Name").text()
	d.of = d.region + "/" + name
	w := d.workload("athena:workgroup", "", name)
	if !d.once("workgroup", d.of, v) {
		return
	}
	w.runsAs(g.get("Configuration").get("ExecutionRole").text())
	w.State, w.Created = g.get("State").text(), g.get("CreationTime").time()
	g.n.markWhole()
}

// finishServices joins what the answers say of Identity Center and of what has a policy.
func (l *Loader) finishServices() {
	a := l.a
	for _, c := range sorted(l.centers) {
		slices.SortFunc(c.Sets.V, func(x, y PermissionSet) int { return strings.Compare(x.ARN, y.ARN) })
		for i := range c.Sets.V {
			s := &c.Sets.V[i]
			s.Name = l.setNames[s.ARN]
			s.Assignments.V = l.assigned[s.ARN]
		}
		a.Centers = append(a.Centers, *c)
	}
	kinds := map[string]string{"ecr:repository": "repository", "secretsmanager:secret": "secret", "backup:vault": "backup vault"}
	a.Resources = sorted(l.resources)
	for _, r := range a.Resources {
		r.Unknown = l.doubt(kinds[r.Kind], r.ARN, false)
	}
	slices.SortFunc(a.Backups, func(x, y Backup) int { return strings.Compare(x.Resource+" "+x.Region, y.Resource+" "+y.Region) })
}
