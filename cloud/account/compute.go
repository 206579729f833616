package account

import (
	"slices"
	"strings"
)

// Readers of answers about what runs. Shapes: docs.aws.amazon.com/cli/latest/reference/ec2,
// …/lambda, …/ecs and so on.

// workload is the entry of a workload, made where it is seen first.
func (d *document) workload(kind, arn, name string) *Workload {
	id := arn
	if id == "" {
		id = d.region + " " + name
	}
	w := d.l.workloads[kind+" "+id]
	if w == nil {
		w = &Workload{Kind: kind, ARN: arn, Name: name, Region: regionOf(arn, d.region)}
		d.l.workloads[kind+" "+id] = w
	}
	if w.Name == "" {
		w.Name = name
	}
	return w
}

// runsAs notes a workload's role; without one, that it has none.
func (w *Workload) runsAs(role string) {
	switch {
	case role == "":
		w.NoRole = len(w.Roles) == 0
	case !contains(w.Roles, role):
		w.Roles, w.NoRole = append(w.Roles, role), false
	}
}

func (w *Workload) serves(role string) {
	if role != "" && !contains(w.Execution, role) {
		w.Execution = append(w.Execution, role)
	}
}

// named notes a role by its name or its ARN.
func (l *Loader) named(w *Workload, role string) {
	if strings.HasPrefix(role, "arn:") || role == "" {
		w.runsAs(role)
		return
	}
	l.namedRoles[w] = role
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func readInstances(d *document, v value) {
	for _, r := range v.get("Reservations").objects() {
		for _, known := range []string{"ReservationId", "OwnerId", "RequesterId", "Groups"} {
			r.get(known).n.markWhole()
		}
		for _, i := range r.get("Instances").objects() {
			d.bad = false
			id := i.get("InstanceId").text()
			region := d.region
			if zone := i.get("Placement").get("AvailabilityZone").text(); zone != "" {
				region = zoneRegion(zone)
			}
			if id == "" {
				i.lost("an instance without an id")
				continue
			}
			w := d.l.instance(id)
			if !d.once("instance", id, i) {
				continue
			}
			w.Region = region
			w.State = i.get("State").get("Name").text()
			i.get("State").get("Code")
			w.Tags = i.get("Tags").tags()
			w.Name = id
			n := w.Instance
			n.Profile = i.get("IamInstanceProfile").get("Arn").text()
			i.get("IamInstanceProfile").get("Id")
			n.Image, n.VPC, n.Subnet = i.get("ImageId").text(), i.get("VpcId").text(), i.get("SubnetId").text()
			n.PublicIP, n.PrivateIP = i.get("PublicIpAddress").text(), i.get("PrivateIpAddress").text()
			n.KeyPair, n.Platform = i.get("KeyName").text(), i.get("Platform").text()
			n.Launched = i.get("LaunchTime").time()
			w.Created = n.Launched
			for _, g := range i.get("SecurityGroups").objects() {
				g.get("GroupName")
				n.SecurityGroups = append(n.SecurityGroups, g.get("GroupId").text())
			}
			for _, t := range i.get("Tags").objects() {
				if t.get("Key").text() == "aws:ec2launchtemplate:id" {
					n.Template = t.get("Value").text()
				}
			}
			if m := i.get("MetadataOptions"); m.there() {
				n.MetadataOff = m.get("HttpEndpoint").text() == "disabled"
				if tokens := m.get("HttpTokens").text(); tokens != "" {
					n.MetadataV1 = Is(tokens == "optional" && !n.MetadataOff)
				}
				n.HopLimit = m.get("HttpPutResponseHopLimit").int()
			}
			if d.bad {
				w.Unknown = append(w.Unknown, "parts of its entry cannot be read")
			}
			d.l.expect("instance-user-data", id)
		}
	}
}

// zoneRegion is the region of an availability zone: eu-west-1a, or us-west-2-lax-1a of a
// local zone.
func zoneRegion(zone string) string {
	n := 0
	for i := range len(zone) {
		if zone[i] >= '0' && zone[i] <= '9' {
			n = i + 1
			break
		}
	}
	return zone[:n]
}

// instance is the entry of an instance; its ARN is made when the account is known.
func (l *Loader) instance(id string) *Workload {
	w := l.instances[id]
	if w == nil {
		w = &Workload{Kind: "ec2:instance", Name: id, Instance: &Instance{ID: id}}
		l.instances[id] = w
	}
	return w
}

func readUserData(d *document, v value) {
	id := v.get("InstanceId").text()
	if id == "" {
		id = d.of
	}
	if id == "" {
		v.fault("which instance is it about?")
		return
	}
	d.of = id
	d.l.instance(id).Instance.UserData = Is(v.get("UserData").get("Value").text() != "")
}

func readManagedInstances(d *document, v value) {
	for _, i := range v.get("InstanceInformationList").objects() {
		id := i.get("InstanceId").text()
		d.l.agents[id] = &Agent{
			Ping:     i.get("PingStatus").text(),
			LastPing: i.get("LastPingDateTime").time(),
			Version:  i.get("AgentVersion").text(),
			Platform: i.get("PlatformType").text(),
		}
		if strings.HasPrefix(id, "mi-") { // a machine elsewhere that Systems Manager manages
			w := d.l.instance(id)
			w.Region = d.region
			w.State = i.get("PingStatus").text()
			role := i.get("IamRole").text()
			d.l.named(w, role)
		}
	}
	d.l.agentRegions[d.region] = true
}

func readSecurityGroups(d *document, v value) {
	for _, g := range v.get("SecurityGroups").objects() {
		d.bad = false
		s := &SecurityGroup{ID: g.get("GroupId").text(), Name: g.get("GroupName").text(), VPC: g.get("VpcId").text(), Region: regionOf(g.get("SecurityGroupArn").text(), d.region)}
		for _, known := range []string{"Description", "OwnerId", "Tags", "IpPermissionsEgress"} {
			g.get(known).n.markWhole()
		}
		if s.ID == "" || !d.once("security group", s.ID, g) {
			continue
		}
		for _, p := range g.get("IpPermissions").objects() {
			in := Ingress{Protocol: p.get("IpProtocol").text(), From: p.get("FromPort").int(), To: p.get("ToPort").int()}
			if in.Protocol == "-1" || !p.get("FromPort").there() {
				in.From, in.To = 0, 65535
			}
			for _, r := range p.get("IpRanges").objects() {
				r.get("Description")
				in.CIDRs = append(in.CIDRs, r.get("CidrIp").text())
			}
			for _, r := range p.get("Ipv6Ranges").objects() {
				r.get("Description")
				in.CIDRs = append(in.CIDRs, r.get("CidrIpv6").text())
			}
			for _, r := range p.get("UserIdGroupPairs").objects() {
				r.n.markWhole()
				in.Groups = append(in.Groups, r.get("GroupId").text())
			}
			for _, r := range p.get("PrefixListIds").objects() {
				r.get("Description")
				in.Prefixes = append(in.Prefixes, r.get("PrefixListId").text())
			}
			s.Ingress = append(s.Ingress, in)
		}
		s.Unknown = d.l.doubt("security group", "", d.bad)
		d.l.securityGroups[s.ID] = s
	}
}

func readKeyPairs(d *document, v value) {
	for _, k := range v.get("KeyPairs").objects() {
		p := KeyPair{k.get("KeyName").text(), k.get("KeyPairId").text(), d.region, k.get("CreateTime").time()}
		if d.once("key pair", p.Region+" "+p.ID+p.Name, k) {
			d.l.a.KeyPairs = append(d.l.a.KeyPairs, p)
		}
	}
}

func readSerialConsole(d *document, v value) {
	if d.region == "" {
		v.fault("which region is it about? Name the file serial-console/REGION.json")
		return
	}
	if d.l.a.SerialConsole == nil {
		d.l.a.SerialConsole = map[string]bool{}
	}
	v.get("ManagedBy")
	d.l.a.SerialConsole[d.region] = v.get("SerialConsoleAccessEnabled").flag()
}

func readConnectPoints(d *document, v value) {
	for _, e := range v.get("InstanceConnectEndpoints").objects() {
		p := ConnectPoint{
			ID: e.get("InstanceConnectEndpointId").text(), VPC: e.get("VpcId").text(), Subnet: e.get("SubnetId").text(),
			Region: regionOf(e.get("InstanceConnectEndpointArn").text(), d.region), State: e.get("State").text(),
		}
		if d.once("instance connect endpoint", p.ID, e) {
			d.l.a.ConnectPoints = append(d.l.a.ConnectPoints, p)
		}
	}
}

func (l *Loader) template(id, name, region string) *LaunchTemplate {
	t := l.templates[id]
	if t == nil {
		t = &LaunchTemplate{ID: id}
		l.templates[id] = t
	}
	if name != "" {
		t.Name = name
	}
	if region != "" {
		t.Region = region
	}
	return t
}

func readTemplates(d *document, v value) {
	for _, t := range v.get("LaunchTemplates").objects() {
		id := t.get("LaunchTemplateId").text()
		if !d.once("launch template", id, t) {
			continue
		}
		e := d.l.template(id, t.get("LaunchTemplateName").text(), d.region)
		e.Default, e.Latest = t.get("DefaultVersionNumber").int(), t.get("LatestVersionNumber").int()
	}
}

func readTemplateVersions(d *document, v value) {
	for _, t := range v.get("LaunchTemplateVersions").objects() {
		id := t.get("LaunchTemplateId").text()
		e := d.l.template(id, t.get("LaunchTemplateName").text(), d.region)
		n := TemplateVersion{Number: t.get("VersionNumber").int(), Default: t.get("DefaultVersion").flag()}
		if !d.once("launch template version", id+" "+t.get("VersionNumber").text(), t) {
			continue
		}
		c := t.get("LaunchTemplateData")
		n.Profile = c.get("IamInstanceProfile").first("Arn", "Name").text()
		n.KeyPair, n.Image = c.get("KeyName").text(), c.get("ImageId").text()
		n.UserData = c.get("UserData").there()
		// Without an option the account's or AWS's default holds, which permits version 1.
		n.MetadataV1 = c.get("MetadataOptions").get("HttpTokens").text() != "required" && c.get("MetadataOptions").get("HttpEndpoint").text() != "disabled"
		n.Groups = c.get("SecurityGroupIds").texts()
		e.Versions = append(e.Versions, n)
	}
}

func readScalingGroups(d *document, v value) {
	for _, g := range v.get("AutoScalingGroups").objects() {
		w := d.workload("autoscaling:group", g.get("AutoScalingGroupARN").text(), g.get("AutoScalingGroupName").text())
		if !d.once("scaling group", w.ARN+w.Name, g) {
			continue
		}
		w.Created, w.Tags = g.get("CreatedTime").time(), g.get("Tags").tags()
		s := scaling{w: w, configuration: g.get("LaunchConfigurationName").text()}
		s.template = g.get("LaunchTemplate").get("LaunchTemplateId").text()
		s.version = g.get("LaunchTemplate").get("Version").text()
		if m := g.get("MixedInstancesPolicy").get("LaunchTemplate").get("LaunchTemplateSpecification"); m.there() {
			s.template, s.version = m.get("LaunchTemplateId").text(), m.get("Version").text()
		}
		d.l.scaling = append(d.l.scaling, s)
	}
}

// scaling joins a scaling group with what it starts instances from.
type scaling struct {
	w                                *Workload
	configuration, template, version string
}

func readLaunchConfigurations(d *document, v value) {
	for _, c := range v.get("LaunchConfigurations").objects() {
		w := d.workload("autoscaling:launch-configuration", c.get("LaunchConfigurationARN").text(), c.get("LaunchConfigurationName").text())
		if !d.once("launch configuration", w.ARN+w.Name, c) {
			continue
		}
		w.Created = c.get("CreatedTime").time()
		d.l.profiled[w] = c.get("IamInstanceProfile").text()
	}
}

func readEndpoints(d *document, v value) {
	for _, e := range v.get("VpcEndpoints").objects() {
		id := e.get("VpcEndpointId").text()
		if !d.once("VPC endpoint", id, e) {
			continue
		}
		service := e.get("ServiceName").text()
		p := &Endpoint{ID: id, VPC: e.get("VpcId").text(), Service: service, Region: d.region, Kind: e.get("VpcEndpointType").text(), State: e.get("State").text()}
		if part := strings.Split(service, "."); len(part) > 3 && part[0] == "com" && part[1] == "amazonaws" {
			p.Region = part[2]
		}
		// Interface endpoints of third parties have no policy at all.
		if doc := e.get("PolicyDocument"); doc.there() {
			if pol := doc.policy("VPC endpoint " + id + ", policy"); pol != nil {
				p.Policy = Is(pol)
			}
		}
		d.l.endpoints[id] = p
	}
}

func readImages(d *document, v value) {
	for _, i := range v.get("Images").objects() {
		s := d.l.share(d.l.images, i.get("ImageId").text(), d.region)
		if !d.once("image", s.ID, i) {
			continue
		}
		s.Name, s.Created = i.get("Name").text(), i.get("CreationDate").time()
		if i.get("Public").there() {
			s.Public = Is(i.get("Public").flag())
		}
		for _, b := range i.get("BlockDeviceMappings").objects() {
			if id := b.get("Ebs").get("SnapshotId").text(); id != "" {
				s.Of = append(s.Of, id)
				s.Encrypted = s.Encrypted || b.get("Ebs").get("Encrypted").flag()
			}
		}
		d.l.expect("image-sharing", s.ID)
	}
}

func (l *Loader) share(all map[string]*Share, id, region string) *Share {
	s := all[id]
	if s == nil {
		s = &Share{ID: id}
		all[id] = s
	}
	if region != "" {
		s.Region = region
	}
	return s
}

func (s *Share) sharedWith(v value) {
	s.Public, s.Accounts = Is(false), Is([]string(nil))
	for _, p := range v.objects() {
		if p.get("Group").text() == "all" {
			s.Public = Is(true)
		}
		for _, name := range []string{"UserId", "OrganizationArn", "OrganizationalUnitArn"} {
			if id := p.get(name).text(); id != "" {
				s.Accounts = Is(append(s.Accounts.V, id))
			}
		}
	}
}

func readImageSharing(d *document, v value) {
	d.of = v.get("ImageId").text()
	d.l.share(d.l.images, d.of, d.region).sharedWith(v.get("LaunchPermissions"))
}

func readSnapshots(d *document, v value) {
	for _, i := range v.get("Snapshots").objects() {
		s := d.l.share(d.l.snapshots, i.get("SnapshotId").text(), d.region)
		if !d.once("snapshot", s.ID, i) {
			continue
		}
		s.Name, s.Created = i.get("Description").text(), i.get("StartTime").time()
		s.Encrypted, s.Key = i.get("Encrypted").flag(), i.get("KmsKeyId").text()
		if volume := i.get("VolumeId").text(); volume != "" {
			s.Of = []string{volume}
		}
		d.l.expect("snapshot-sharing", s.ID)
	}
}

func readSnapshotSharing(d *document, v value) {
	d.of = v.get("SnapshotId").text()
	d.l.share(d.l.snapshots, d.of, d.region).sharedWith(v.get("CreateVolumePermissions"))
}

func readFunctions(d *document, v value) {
	for _, f := range v.get("Functions").objects() {
		d.bad = false
		arn := f.get("FunctionArn").text()
		w := d.workload("lambda:function", arn, f.get("FunctionName").text())
		if !d.once("function", arn, f) {
			continue
		}
		w.runsAs(f.get("Role").text())
		w.State = f.get("State").text()
		if t := f.get("LastModified"); t.is(text) {
			w.Created = t.time() // of its code, which is all that Lambda says
		}
		w.function().Runtime, w.Function.Handler, w.Function.VPC = f.get("Runtime").text(), f.get("Handler").text(), f.get("VpcConfig").get("VpcId").text()
		for _, y := range f.get("Layers").objects() {
			w.Function.Layers = append(w.Function.Layers, y.get("Arn").text())
		}
		w.Function.Image = f.get("Code").get("ImageUri").text()
		w.Unknown = append(w.Unknown, d.l.doubt("function", "", d.bad)...)
	}
}

func (w *Workload) function() *Function {
	if w.Function == nil {
		w.Function = &Function{}
	}
	return w.Function
}

// aboutFunction is the function that an answer is about, by its ARN or by its name.
func (d *document) aboutFunction(v value) *Workload {
	if d.of == "" {
		v.fault("which function is it about? Name the file %s/NAME.json", d.input.Name)
		return nil
	}
	if strings.HasPrefix(d.of, "arn:") {
		return d.workload("lambda:function", d.of, d.of[strings.LastIndex(d.of, ":")+1:])
	}
	var found *Workload
	for _, w := range d.l.workloads {
		if w.Kind == "lambda:function" && w.Name == d.of && (d.region == "" || w.Region == d.region) {
			if found != nil {
				v.fault("functions named %s are in %s and in %s: name the file %s/REGION/%s.json", d.of, found.Region, w.Region, d.input.Name, d.of)
				return nil
			}
			found = w
		}
	}
	if found == nil && d.final {
		v.fault("no file lists a function named %s", d.of)
	} else if found == nil {
		d.l.later = append(d.l.later, later{*d, v})
	}
	return found
}

func readFunctionPolicy(d *document, v value) {
	w := d.aboutFunction(v)
	if w == nil {
		return
	}
	v.get("RevisionId")
	d.of = w.ARN
	setOnce(d, v, &w.Policy, d.resourcePolicy(v, "function "+w.Name+", policy"))
}

func readFunctionURLs(d *document, v value) {
	w := d.aboutFunction(v)
	if w == nil {
		return
	}
	d.of = w.ARN
	auth := ""
	for _, u := range v.get("FunctionUrlConfigs").objects() {
		if a := u.get("AuthType").text(); auth != "NONE" {
			auth = a
		}
	}
	w.function().URL = Is(auth)
}

func readTaskDefinitionList(d *document, v value) {
	for _, arn := range v.get("taskDefinitionArns").texts() {
		d.l.expect("task-definition", arn)
	}
}

func readTaskDefinition(d *document, v value) {
	t := v.get("taskDefinition")
	v.get("tags").n.markWhole()
	arn := t.get("taskDefinitionArn").text()
	if arn == "" {
		t.lost("a task definition without an ARN")
		return
	}
	d.of = arn
	w := d.workload("ecs:task-definition", arn, policyName(arn))
	if !d.once("task definition", arn, v) {
		return
	}
	w.runsAs(t.get("taskRoleArn").text())
	w.serves(t.get("executionRoleArn").text())
	w.State = t.get("status").text()
	w.Created = t.get("registeredAt").time()
	w.Tags = v.get("tags").tags()
	w.Task = &Task{Definition: arn, Family: t.get("family").text(), Revision: t.get("revision").int()}
	w.Task.Launch = strings.Join(t.get("requiresCompatibilities").texts(), ",")
	for _, c := range t.get("containerDefinitions").objects() {
		w.Task.Images = append(w.Task.Images, c.get("image").text())
		w.Task.Privileged = w.Task.Privileged || c.get("privileged").flag()
	}
}

func readClusters(d *document, v value) {
	for _, arn := range v.get("clusterArns").texts() {
		if !slices.Contains(d.l.a.Clusters, arn) {
			d.l.a.Clusters = append(d.l.a.Clusters, arn)
		}
		d.l.expect("services", arn)
		d.l.expect("tasks", arn)
	}
}

func readServices(d *document, v value) {
	for _, s := range v.get("services").objects() {
		arn := s.get("serviceArn").text()
		d.of = s.get("clusterArn").text()
		w := d.workload("ecs:service", arn, s.get("serviceName").text())
		if !d.once("service", arn, s) {
			continue
		}
		w.State, w.Created, w.Tags = s.get("status").text(), s.get("createdAt").time(), s.get("tags").tags()
		w.serves(s.get("roleArn").text())
		w.Task = &Task{Cluster: s.get("clusterArn").text(), Definition: s.get("taskDefinition").text(), Launch: s.get("launchType").text(), Exec: Is(s.get("enableExecuteCommand").flag())}
	}
}

func readTasks(d *document, v value) {
	for _, t := range v.get("tasks").objects() {
		arn := t.get("taskArn").text()
		d.of = t.get("clusterArn").text()
		w := d.workload("ecs:task", arn, policyName(arn))
		if !d.once("task", arn, t) {
			continue
		}
		w.State, w.Created, w.Tags = t.get("lastStatus").text(), t.get("createdAt").time(), t.get("tags").tags()
		if role := t.get("overrides").get("taskRoleArn").text(); role != "" {
			w.runsAs(role)
		}
		w.serves(t.get("overrides").get("executionRoleArn").text())
		w.Task = &Task{Cluster: t.get("clusterArn").text(), Definition: t.get("taskDefinitionArn").text(), Launch: t.get("launchType").text(), Exec: Is(t.get("enableExecuteCommand").flag())}
	}
}

func readProjectList(d *document, v value) {
	for _, name := range v.get("projects").texts() {
		d.l.expect("projects", name)
	}
}

func readProjects(d *document, v value) {
	list := v.get("projects")
	if items := list.items(); len(items) > 0 && items[0].is(text) {
		d.input = inputs["project-list"]
		readProjectList(d, v)
		return
	}
	for _, p := range list.objects() {
		w := d.workload("codebuild:project", p.get("arn").text(), p.get("name").text())
		d.l.haveOf("projects", w.Name)
		if !d.once("project", w.ARN, p) {
			continue
		}
		w.runsAs(p.get("serviceRole").text())
		w.Created, w.Tags = p.get("created").time(), p.get("tags").tags()
	}
	v.get("projectsNotFound")
}

func readStacks(d *document, v value) {
	for _, s := range v.get("Stacks").objects() {
		w := d.workload("cloudformation:stack", s.get("StackId").text(), s.get("StackName").text())
		if !d.once("stack", w.ARN, s) {
			continue
		}
		w.runsAs(s.get("RoleARN").text())
		w.State, w.Created, w.Tags = s.get("StackStatus").text(), s.get("CreationTime").time(), s.get("Tags").tags()
	}
}

func readStackSets(d *document, v value) {
	for _, s := range v.get("Summaries").objects() {
		if name := s.get("StackSetName").text(); name != "" {
			d.l.expect("stack-set", name)
		}
		s.n.markWhole()
	}
}

func readStackSet(d *document, v value) {
	s := v.get("StackSet")
	d.of = s.get("StackSetName").text()
	w := d.workload("cloudformation:stack-set", s.get("StackSetARN").text(), d.of)
	if !d.once("stack set", w.ARN, v) {
		return
	}
	w.runsAs(s.get("AdministrationRoleARN").text())
	if name := s.get("ExecutionRoleName").text(); name != "" {
		d.l.named(w, name)
	}
	w.State, w.Tags = s.get("Status").text(), s.get("Tags").tags()
}

func readDevEndpoints(d *document, v value) {
	for _, e := range v.get("DevEndpoints").objects() {
		name := e.get("EndpointName").text()
		w := d.workload("glue:dev-endpoint", "", name)
		if !d.once("development endpoint", d.region+" "+name, e) {
			continue
		}
		d.l.named(w, e.get("RoleArn").text())
		w.State, w.Created = e.get("Status").text(), e.get("CreatedTimestamp").time()
	}
}

func readJobs(d *document, v value) {
	for _, j := range v.get("Jobs").objects() {
		name := j.get("Name").text()
		w := d.workload("glue:job", "", name)
		if !d.once("Glue job", d.region+" "+name, j) {
			continue
		}
		d.l.named(w, j.get("Role").text())
		w.Created = j.get("CreatedOn").time()
	}
}

func readNotebooks(d *document, v value) {
	for _, n := range v.get("NotebookInstances").objects() {
		d.l.expect("notebook", n.get("NotebookInstanceName").text())
		n.n.markWhole()
	}
}

func readNotebook(d *document, v value) {
	d.of = v.get("NotebookInstanceName").text()
	w := d.workload("sagemaker:notebook-instance", v.get("NotebookInstanceArn").text(), d.of)
	if !d.once("notebook", w.ARN, v) {
		return
	}
	w.runsAs(v.get("RoleArn").text())
	w.State, w.Created = v.get("NotebookInstanceStatus").text(), v.get("CreationTime").time()
}

func readAppRunnerList(d *document, v value) {
	for _, s := range v.get("ServiceSummaryList").objects() {
		d.l.expect("apprunner-service", s.get("ServiceArn").text())
		s.n.markWhole()
	}
}

func readAppRunner(d *document, v value) {
	s := v.get("Service")
	d.of = s.get("ServiceArn").text()
	w := d.workload("apprunner:service", d.of, s.get("ServiceName").text())
	if !d.once("App Runner service", d.of, v) {
		return
	}
	w.runsAs(s.get("InstanceConfiguration").get("InstanceRoleArn").text())
	w.serves(s.get("SourceConfiguration").get("AuthenticationConfiguration").get("AccessRoleArn").text())
	w.State, w.Created = s.get("Status").text(), s.get("CreatedAt").time()
}

func readBatch(d *document, v value) {
	for _, j := range v.get("jobDefinitions").objects() {
		w := d.workload("batch:job-definition", j.get("jobDefinitionArn").text(), j.get("jobDefinitionName").text())
		if !d.once("job definition", w.ARN, j) {
			continue
		}
		c := j.get("containerProperties")
		if !c.there() {
			c = j.get("ecsProperties")
			for _, t := range c.get("taskProperties").objects() {
				w.runsAs(t.get("taskRoleArn").text())
				w.serves(t.get("executionRoleArn").text())
			}
		} else {
			w.runsAs(c.get("jobRoleArn").text())
			w.serves(c.get("executionRoleArn").text())
		}
		w.State, w.Tags = j.get("status").text(), j.get("tags").tags()
	}
}

func readStateMachines(d *document, v value) {
	for _, m := range v.get("stateMachines").objects() {
		d.l.expect("state-machine", m.get("stateMachineArn").text())
		m.n.markWhole()
	}
}

func readStateMachine(d *document, v value) {
	d.of = v.get("stateMachineArn").text()
	w := d.workload("states:state-machine", d.of, v.get("name").text())
	if !d.once("state machine", d.of, v) {
		return
	}
	w.runsAs(v.get("roleArn").text())
	w.State, w.Created = v.get("status").text(), v.get("creationDate").time()
}

func readPipelines(d *document, v value) {
	for _, p := range v.get("pipelineIdList").objects() {
		id := p.get("id").text()
		w := d.workload("datapipeline:pipeline", "", id)
		if d.once("pipeline", d.region+" "+id, p) {
			w.Unknown = append(w.Unknown, "its roles stand in its definition, which is not read")
		}
		w.Tags = map[string]string{"name": p.get("name").text()}
	}
}

func readInterpreters(d *document, v value) {
	for _, c := range v.get("codeInterpreterSummaries").objects() {
		d.l.expect("code-interpreter", c.get("codeInterpreterId").text())
		c.n.markWhole()
	}
}

func readInterpreter(d *document, v value) {
	d.of = v.get("codeInterpreterId").text()
	w := d.workload("bedrock-agentcore:code-interpreter", v.get("codeInterpreterArn").text(), v.get("name").text())
	if !d.once("code interpreter", w.ARN, v) {
		return
	}
	w.runsAs(v.get("executionRoleArn").text())
	w.State, w.Created = v.get("status").text(), v.get("createdAt").time()
}

func readEKS(d *document, v value) {
	for _, name := range v.get("clusters").texts() {
		d.l.expect("pod-identities", name)
	}
}

func readPodIdentities(d *document, v value) {
	for _, p := range v.get("associations").objects() {
		d.of = p.get("clusterName").text()
		d.l.expect("pod-identity", p.get("associationArn").text())
		p.n.markWhole()
	}
}

func readPodIdentity(d *document, v value) {
	p := v.get("association")
	w := d.workload("eks:pod-identity", p.get("associationArn").text(), p.get("clusterName").text()+"/"+p.get("namespace").text()+"/"+p.get("serviceAccount").text())
	d.of = w.ARN
	if d.once("pod identity", w.ARN, v) {
		w.runsAs(p.get("roleArn").text())
		w.Created = p.get("createdAt").time()
	}
}
