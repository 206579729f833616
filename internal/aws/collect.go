package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/cloud/account"
)

// Options say what to ask.
type Options struct {
	Regions []string // none: every region that the account has enabled
	Buckets []string // none: every bucket
	// Progress is told what is being asked, and how many requests were sent.
	Progress func(what string, requests int)
	Program  string
}

// Report is what came of it.
type Report struct {
	Account, Partition string
	Regions            []string
	Answers, Requests  int
	// Refused counts AWS's errors in the place of answers, by input and code. An error that
	// means that there is none is an answer.
	Refused map[string]int
}

// Collect asks an account everything that the ways into it depend on, and writes a snapshot.
// What AWS refuses stands in it as refused; an error means that there is none.
func (c *Client) Collect(ctx context.Context, w io.Writer, o Options) (Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x := &collector{Client: c, ctx: ctx, cancel: cancel, o: o, report: Report{Refused: map[string]int{}}}
	if x.o.Progress == nil {
		x.o.Progress = func(string, int) {}
	}
	err := x.collect(w)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	x.report.Requests = c.requests
	return x.report, err
}

type collector struct {
	*Client
	ctx    context.Context
	cancel context.CancelCauseFunc
	o      Options
	w      *account.Writer
	report Report
}

// batch gathers answers in order, so that what is asked at the same time is written in the
// order in which it would have been asked one after another.
type batch struct {
	*collector
	region string
	lines  []outcome
}

type outcome struct {
	about         account.About
	answer        object
	code, message string
}

// get asks one operation, page by page, and keeps the answers as those of an input.
func (b *batch) get(input, of string, op operation, p params) []object {
	return b.keep(account.About{Input: input, Of: of, Region: b.region}, op, p, nil)
}

// fetch asks without keeping answers; a refusal is kept, as the input's.
func (b *batch) fetch(input, of string, op operation, p params) []object {
	return b.keep(account.About{Input: input, Of: of, Region: b.region}, op, p, func(object) bool { return false })
}

func (b *batch) keep(about account.About, op operation, p params, want func(object) bool) []object {
	region := cmp.Or(b.region, b.config.Region)
	var out []object
	token := ""
	for page := 0; b.ctx.Err() == nil; page++ {
		given := maps.Clone(p)
		if token != "" {
			if given == nil {
				given = params{}
			}
			given[op.back] = token
		}
		body, err := b.ask(b.ctx, op, region, b.report.Account, given)
		var answer object
		if err == nil {
			answer, err = op.answer(body)
		}
		if err != nil {
			f, ok := errors.AsType[*failure](err)
			if !ok {
				f = &failure{code: "NoAnswer", message: err.Error()}
			}
			if f.ends() {
				message := "AWS does not take the credentials: " + f.Error()
				if b.report.Account != "" {
					message = fmt.Sprintf("AWS takes the credentials no more: %s; half a snapshot would look like a whole one, and none is written", f)
				}
				b.cancel(&strongroom.Error{Kind: strongroom.KindInvalid, Message: message, Hint: f.advice()})
				return out
			}
			b.lines = append(b.lines, outcome{about, nil, f.code, f.message})
			return out
		}
		next := ""
		if op.token != "" {
			next, _ = answer[op.token].(string)
		}
		if next == token && next != "" {
			b.lines = append(b.lines, outcome{about, nil, "PagesDoNotEnd", ""})
			return out
		}
		out = append(out, answer)
		if want == nil || want(answer) {
			b.lines = append(b.lines, outcome{about, answer, "", ""})
		}
		if token = next; token == "" {
			break
		}
	}
	return out
}

// names are the texts of a member of list entries, over all pages.
func names(pages []object, list, member string) []string {
	var out []string
	for _, p := range pages {
		for _, e := range entries(p[list]) {
			switch e := e.(type) {
			case string:
				out = append(out, e)
			case object:
				if s, ok := e[member].(string); ok && s != "" {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

func entries(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case []object:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out
	}
	return nil
}

// part asks in one go, and writes what came.
func (x *collector) part(what, region string, ask func(*batch)) error {
	b := &batch{collector: x, region: region}
	x.progress(what)
	ask(b)
	return x.write(b)
}

func (x *collector) progress(what string) {
	x.mu.Lock()
	n := x.requests
	x.mu.Unlock()
	x.o.Progress(what, n)
}

// each asks about many at the same time, and writes the answers in their order.
func (x *collector) each(what, region string, ids []string, ask func(*batch, string)) error {
	const together = 64
	for len(ids) > 0 && x.ctx.Err() == nil {
		n := min(together, len(ids))
		x.progress(what)
		batches := make([]*batch, n)
		slots := make(chan struct{}, x.limits.parallel)
		var all sync.WaitGroup
		for i, id := range ids[:n] {
			batches[i] = &batch{collector: x, region: region}
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				ask(batches[i], id)
			})
		}
		all.Wait()
		for _, b := range batches {
			if err := x.write(b); err != nil {
				return err
			}
		}
		ids = ids[n:]
	}
	return context.Cause(x.ctx)
}

func (x *collector) write(b *batch) error {
	for _, l := range b.lines {
		var err error
		switch {
		case l.answer != nil:
			x.report.Answers++
			err = x.w.Answer(l.about, l.answer)
		case account.None(l.about.Input, l.code):
			x.report.Answers++
			err = x.w.Refused(l.about, l.code, l.message)
		default:
			x.report.Refused[l.about.Input+": "+l.code]++
			err = x.w.Refused(l.about, l.code, l.message)
		}
		if err != nil {
			return err
		}
	}
	b.lines = nil
	return context.Cause(x.ctx)
}

func (x *collector) collect(w io.Writer) error {
	x.progress("whose credentials they are")
	home := &batch{collector: x}
	who := home.get("caller", "", getCaller, nil)
	if len(who) == 0 {
		if err := context.Cause(x.ctx); err != nil {
			return err
		}
		why := home.lines[0]
		e := &strongroom.Error{Kind: strongroom.KindInvalid, Message: strings.TrimSpace("AWS does not say whose credentials these are: " + why.code + " " + why.message)}
		if why.code == noEndpoint {
			e.Message, e.Hint = "there is no AWS at "+why.message, fmt.Sprintf("is %q a region? --region eu-west-1; without a network, nothing can be asked", x.config.Region)
		}
		return e
	}
	x.report.Account, _ = who[0]["Account"].(string)
	x.report.Partition = "aws"
	if arn, _ := who[0]["Arn"].(string); strings.HasPrefix(arn, "arn:") {
		x.report.Partition = strings.Split(arn, ":")[1]
	}
	listed := &batch{collector: x}
	regions := listed.get("regions", "", describeRegions, nil)
	x.report.Regions = x.o.Regions
	enabled := names(regions, "Regions", "RegionName")
	for _, r := range x.o.Regions {
		// A name that is none has no services, which would pass for a region without any.
		if len(enabled) > 0 && !slices.Contains(enabled, r) {
			slices.Sort(enabled)
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("account %s has no region %q enabled", x.report.Account, r), Hint: "it has " + strings.Join(enabled, ", ")}
		}
	}
	if len(x.report.Regions) == 0 {
		for _, p := range regions {
			for _, r := range entries(p["Regions"]) {
				if r, ok := r.(object); ok && r["OptInStatus"] != "not-opted-in" {
					name, _ := r["RegionName"].(string)
					x.report.Regions = append(x.report.Regions, name)
				}
			}
		}
	}
	if len(x.report.Regions) == 0 {
		x.report.Regions = []string{x.config.Region}
	}
	slices.Sort(x.report.Regions)
	if err := context.Cause(x.ctx); err != nil {
		return err
	}
	out, err := account.NewWriter(w, account.Head{Account: x.report.Account, Partition: x.report.Partition, Taken: time.Now().Truncate(time.Second), Regions: x.report.Regions, Program: x.o.Program})
	if err != nil {
		return err
	}
	x.w = out
	for _, ask := range []func() error{
		func() error { return x.write(home) },
		func() error { return x.write(listed) },
		x.identities, x.organization, x.buckets,
		func() error {
			for _, r := range x.report.Regions {
				if err := x.regional(r); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		if err := ask(); err != nil {
			return err
		}
	}
	return x.w.Close()
}

func (x *collector) identities() error {
	var providers []object
	err := x.part("identities and permissions", "", func(b *batch) {
		b.get("authorization-details", "", getDetails, params{"MaxItems": 1000})
		b.get("account-summary", "", getSummary, nil)
		// A report is made of the last four hours, or waited for.
		for n, wait := 0, x.limits.backoff; b.ctx.Err() == nil; n, wait = n+1, min(2*wait, x.limits.longest) {
			if n == 30 {
				b.lines = append(b.lines, outcome{account.About{Input: "credential-report"}, nil, "ReportInProgress", "it is still being made"})
				break
			}
			r := b.fetch("credential-report", "", makeReport, nil)
			if len(r) == 0 {
				break
			}
			if r[0]["State"] == "COMPLETE" {
				b.get("credential-report", "", getReport, nil)
				break
			}
			select {
			case <-time.After(wait):
			case <-b.ctx.Done():
			}
		}
		b.get("instance-profiles", "", listProfiles, params{"MaxItems": 1000})
		b.get("saml-providers", "", listSAML, nil)
		providers = b.get("oidc-providers", "", listOIDC, nil)
	})
	if err != nil {
		return err
	}
	return x.each("identity providers", "", names(providers, "OpenIDConnectProviderList", "Arn"), func(b *batch, arn string) {
		_, url, _ := strings.Cut(arn, ":oidc-provider/")
		b.get("oidc-provider", url, getOIDC, params{"OpenIDConnectProviderArn": arn})
	})
}

func (x *collector) organization() error {
	return x.part("the organization", "", func(b *batch) {
		if len(b.get("organization", "", describeOrg, nil)) == 0 {
			return
		}
		b.get("organization-roots", "", listRoots, nil)
		asked := map[string]bool{}
		for at, n := b.report.Account, 0; at != "" && n < 10; n++ {
			for _, kind := range [][2]string{{"organization-scps", "SERVICE_CONTROL_POLICY"}, {"organization-rcps", "RESOURCE_CONTROL_POLICY"}} {
				for _, id := range names(b.get(kind[0], at, listForTarget, params{"TargetId": at, "Filter": kind[1]}), "Policies", "Id") {
					if !asked[id] {
						asked[id] = true
						b.get("organization-policy", id, describePolicy, params{"PolicyId": id})
					}
				}
			}
			if strings.HasPrefix(at, "r-") {
				break
			}
			up := names(b.get("organization-parents", at, listParents, params{"ChildId": at}), "Parents", "Id")
			if len(up) != 1 {
				break
			}
			at = up[0]
		}
	})
}

func (x *collector) buckets() error {
	where := map[string]string{}
	var list []string
	err := x.part("buckets", "", func(b *batch) {
		b.get("account-public-access-block", "", accountBlock, nil)
		for _, p := range b.get("buckets", "", listBuckets, params{"max-buckets": 1000}) {
			for _, e := range entries(p["Buckets"]) {
				if e, ok := e.(object); ok {
					name, _ := e["Name"].(string)
					where[name], _ = e["BucketRegion"].(string)
					list = append(list, name)
				}
			}
		}
	})
	if err != nil {
		return err
	}
	if len(x.o.Buckets) > 0 {
		list = slices.Clone(x.o.Buckets)
	}
	slices.Sort(list)
	return x.each("buckets", "", slices.Compact(list), func(b *batch, name string) {
		in := params{"bucket": name}
		b.region = where[name]
		if b.region == "" {
			if b.report.Partition == "aws" {
				b.region = "us-east-1" // which answers for buckets of every region
			}
			for _, p := range b.get("bucket-location", name, bucketLocation, in) {
				switch l, _ := p["LocationConstraint"].(string); l {
				case "":
					b.region = "us-east-1"
				case "EU":
					b.region = "eu-west-1"
				default:
					b.region = l
				}
			}
		}
		for _, q := range []struct {
			input string
			op    operation
		}{
			{"bucket-policy", bucketPolicy}, {"bucket-public-access-block", bucketBlock}, {"bucket-acl", bucketACL}, {"bucket-ownership", bucketOwner},
			{"bucket-encryption", bucketCrypt}, {"bucket-versioning", bucketVersions}, {"bucket-replication", bucketReplica}, {"bucket-logging", bucketLogs},
			{"bucket-notification", bucketNotify}, {"bucket-inventory", bucketLists}, {"bucket-tags", bucketTags},
		} {
			b.get(q.input, name, q.op, in)
		}
	})
}

// regional asks everything that a region has.
func (x *collector) regional(region string) error {
	in := func(what string) string { return region + ": " + what }
	many := func(what string, ids []string, ask func(*batch, string)) func() error {
		return func() error { return x.each(in(what), region, ids, ask) }
	}
	var steps []func() error
	err := x.part(in("access points and keys"), region, func(b *batch) {
		steps = append(steps, many("access points", names(b.get("access-points", "", listPoints, nil), "AccessPointList", "Name"), func(b *batch, name string) {
			b.get("access-point", name, getPoint, params{"name": name})
			b.get("access-point-policy", name, pointPolicy, params{"name": name})
		}))
		steps = append(steps, many("Object Lambda", names(b.get("object-lambda-access-points", "", listObjectLambda, nil), "ObjectLambdaAccessPointList", "Name"), func(b *batch, name string) {
			b.get("object-lambda-access-point", name, getObjectLambda, params{"name": name})
			b.get("object-lambda-access-point-policy", name, objectLambdaRules, params{"name": name})
		}))
		if region == "us-west-2" || b.report.Partition != "aws" && region == b.report.Regions[0] || !slices.Contains(b.report.Regions, "us-west-2") && region == b.report.Regions[0] {
			m := &batch{collector: x, region: "us-west-2"} // the one that knows all of them
			for _, name := range names(m.get("multi-region-access-points", "", listMultiRegion, nil), "AccessPoints", "Name") {
				m.get("multi-region-access-point-policy", name, multiRegionPolicy, params{"name": name})
			}
			b.lines = append(b.lines, m.lines...)
		}
		b.get("access-grants", "", listGrants, nil)
		steps = append(steps, many("keys", names(b.get("keys", "", listKeys, params{"Limit": 1000}), "Keys", "KeyId"), func(b *batch, id string) {
			b.get("key", id, describeKey, params{"KeyId": id})
			b.get("key-policy", id, keyPolicy, params{"KeyId": id, "PolicyName": "default"})
			b.get("key-grants", id, keyGrants, params{"KeyId": id, "Limit": 100})
			b.get("key-tags", id, keyTags, params{"KeyId": id})
		}))
		b.get("key-aliases", "", keyAliases, params{"Limit": 100})
	})
	if err != nil {
		return err
	}
	err = x.part(in("instances"), region, func(b *batch) {
		var ids []string
		for _, p := range b.get("instances", "", describeInstances, params{"MaxResults": 1000}) {
			for _, r := range entries(p["Reservations"]) {
				if r, ok := r.(object); ok {
					ids = append(ids, names([]object{r}, "Instances", "InstanceId")...)
				}
			}
		}
		steps = append(steps, many("instances", ids, func(b *batch, id string) {
			b.get("instance-user-data", id, instanceAttribute, params{"InstanceId": id, "Attribute": "userData"})
		}))
		b.get("managed-instances", "", managedInstances, params{"MaxResults": 50})
		b.get("security-groups", "", describeGroups, params{"MaxResults": 1000})
		b.get("key-pairs", "", describePairs, nil)
		b.get("serial-console", "", serialConsole, nil)
		b.get("instance-connect-endpoints", "", describeConnect, params{"MaxResults": 50})
		b.get("launch-templates", "", describeTemplates, params{"MaxResults": 200})
		b.get("launch-template-versions", "", templateVersions, params{"LaunchTemplateVersion": []string{"$Default", "$Latest"}, "MaxResults": 200})
		b.get("auto-scaling-groups", "", scalingGroups, params{"MaxRecords": 100})
		b.get("launch-configurations", "", configurations, params{"MaxRecords": 100})
		b.get("vpc-endpoints", "", describeEndpoints, params{"MaxResults": 1000})
		steps = append(steps, many("images", names(b.get("images", "", describeImages, params{"Owner": []string{"self"}, "MaxResults": 1000}), "Images", "ImageId"), func(b *batch, id string) {
			b.get("image-sharing", id, imageAttribute, params{"ImageId": id, "Attribute": "launchPermission"})
		}))
		steps = append(steps, many("snapshots", names(b.get("snapshots", "", describeSnapshots, params{"Owner": []string{"self"}, "MaxResults": 1000}), "Snapshots", "SnapshotId"), func(b *batch, id string) {
			b.get("snapshot-sharing", id, snapshotAttribute, params{"SnapshotId": id, "Attribute": "createVolumePermission"})
		}))
	})
	if err != nil {
		return err
	}
	err = x.part(in("functions, tasks, jobs"), region, func(b *batch) {
		steps = append(steps, many("functions", names(b.get("functions", "", listFunctions, nil), "Functions", "FunctionArn"), func(b *batch, arn string) {
			b.get("function-policy", arn, functionPolicy, params{"name": arn})
			b.get("function-urls", arn, functionURLs, params{"name": arn})
		}))
		steps = append(steps, many("task definitions", names(b.get("task-definition-list", "", listDefinitions, nil), "taskDefinitionArns", ""), func(b *batch, arn string) {
			b.get("task-definition", arn, describeDefinition, params{"taskDefinition": arn})
		}))
		steps = append(steps, many("clusters", names(b.get("clusters", "", listClusters, nil), "clusterArns", ""), func(b *batch, cluster string) {
			b.members("services", cluster, listServices, "serviceArns", describeServices, 10)
			b.members("tasks", cluster, listTasks, "taskArns", describeTasks, 100)
		}))
		steps = append(steps, many("CodeBuild projects", chunks(names(b.get("project-list", "", listProjects, nil), "projects", ""), 100), func(b *batch, together string) {
			b.get("projects", "", getProjects, params{"names": strings.Split(together, "\n")})
		}))
		b.get("stacks", "", describeStacks, nil)
		steps = append(steps, many("stack sets", names(b.get("stack-sets", "", listStackSets, params{"Status": "ACTIVE"}), "Summaries", "StackSetName"), func(b *batch, name string) {
			b.get("stack-set", name, describeStackSet, params{"StackSetName": name})
		}))
		b.get("dev-endpoints", "", devEndpoints, nil)
		b.get("glue-jobs", "", getJobs, nil)
		steps = append(steps, many("notebooks", names(b.get("notebooks", "", listNotebooks, nil), "NotebookInstances", "NotebookInstanceName"), func(b *batch, name string) {
			b.get("notebook", name, describeNotebook, params{"NotebookInstanceName": name})
		}))
		steps = append(steps, many("App Runner", names(b.get("apprunner-services", "", listAppRunner, nil), "ServiceSummaryList", "ServiceArn"), func(b *batch, arn string) {
			b.get("apprunner-service", arn, describeAppRunner, params{"ServiceArn": arn})
		}))
		b.get("batch-job-definitions", "", jobDefinitions, params{"status": "ACTIVE"})
		steps = append(steps, many("state machines", names(b.get("state-machines", "", listMachines, nil), "stateMachines", "stateMachineArn"), func(b *batch, arn string) {
			b.get("state-machine", arn, describeMachine, params{"stateMachineArn": arn})
		}))
		b.get("data-pipelines", "", listPipelines, nil)
		steps = append(steps, many("code interpreters", names(b.get("code-interpreters", "", listInterpreters, nil), "codeInterpreterSummaries", "codeInterpreterId"), func(b *batch, id string) {
			b.get("code-interpreter", id, getInterpreter, params{"id": id})
		}))
		steps = append(steps, many("EKS clusters", names(b.get("eks-clusters", "", listEKS, nil), "clusters", ""), func(b *batch, cluster string) {
			for _, p := range b.get("pod-identities", cluster, listPodIdentities, params{"cluster": cluster}) {
				for _, a := range entries(p["associations"]) {
					if a, ok := a.(object); ok {
						arn, _ := a["associationArn"].(string)
						b.get("pod-identity", arn, describePod, params{"cluster": cluster, "id": a["associationId"]})
					}
				}
			}
		}))
		b.get("trust-anchors", "", listAnchors, nil)
		b.get("rolesanywhere-profiles", "", listAnchorProfiles, nil)
		// Trails of other regions are in a listing too; each is asked where it lives.
		var trails []string
		for _, p := range b.get("trails", "", describeTrails, params{"includeShadowTrails": true}) {
			for _, t := range entries(p["trailList"]) {
				if t, ok := t.(object); ok && t["HomeRegion"] == region {
					arn, _ := t["TrailARN"].(string)
					trails = append(trails, arn)
				}
			}
		}
		steps = append(steps, many("trails", trails, func(b *batch, arn string) {
			name := arn[strings.LastIndex(arn, "/")+1:]
			b.get("trail-status", name, trailStatus, params{"Name": arn})
			b.get("trail-selectors", name, trailSelectors, params{"TrailName": arn})
		}))
	})
	if err != nil {
		return err
	}
	err = x.part(in("data services"), region, func(b *batch) {
		for _, center := range names(b.get("identity-center", "", listCenters, nil), "Instances", "InstanceArn") {
			sets := names(b.get("permission-sets", center, listPermissionSets, params{"InstanceArn": center, "AccountId": b.report.Account}), "PermissionSets", "")
			steps = append(steps, many("permission sets", sets, func(b *batch, set string) {
				b.get("permission-set", set, describeSet, params{"InstanceArn": center, "PermissionSetArn": set})
				b.get("permission-set-assignments", set, listAssignments, params{"InstanceArn": center, "AccountId": b.report.Account, "PermissionSetArn": set})
			}))
		}
		repositories := map[string]string{}
		steps = append(steps, many("repositories", b.keyed(repositories, b.get("repositories", "", listRepositories, nil), "repositories", "repositoryArn", "repositoryName"), func(b *batch, arn string) {
			b.get("repository-policy", arn, repositoryPolicy, params{"repositoryName": repositories[arn]})
		}))
		steps = append(steps, many("secrets", names(b.get("secrets", "", listSecrets, params{"MaxResults": 100}), "SecretList", "ARN"), func(b *batch, arn string) {
			b.get("secret-policy", arn, secretPolicy, params{"SecretId": arn})
		}))
		b.get("protected-resources", "", listProtected, nil)
		vaults := map[string]string{}
		steps = append(steps, many("backup vaults", b.keyed(vaults, b.get("backup-vaults", "", listVaults, nil), "BackupVaultList", "BackupVaultArn", "BackupVaultName"), func(b *batch, arn string) {
			b.get("backup-vault-policy", arn, vaultPolicy, params{"name": vaults[arn]})
		}))
		steps = append(steps, many("schedules", names(b.get("schedules", "", listSchedules, nil), "Schedules", "Arn"), func(b *batch, arn string) {
			group, name, _ := strings.Cut(arn[strings.LastIndex(arn, ":schedule/")+len(":schedule/"):], "/")
			b.get("schedule", arn, getSchedule, params{"name": name, "groupName": group})
		}))
		var locations []string
		for _, p := range b.get("datasync-locations", "", listLocations, nil) {
			for _, e := range entries(p["Locations"]) {
				if l, ok := e.(object); ok && strings.HasPrefix(fmt.Sprint(l["LocationUri"]), "s3://") {
					arn, _ := l["LocationArn"].(string)
					locations = append(locations, arn)
				}
			}
		}
		steps = append(steps, many("DataSync", locations, func(b *batch, arn string) {
			b.get("datasync-location", arn, describeLocation, params{"LocationArn": arn})
		}))
		steps = append(steps, many("Transfer Family", names(b.get("transfer-servers", "", listServers, nil), "Servers", "ServerId"), func(b *batch, id string) {
			b.get("transfer-users", id, listServerUsers, params{"ServerId": id})
		}))
		steps = append(steps, many("EMR", names(b.get("emr-clusters", "", listEMR, params{"ClusterStates": []string{"STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"}}), "Clusters", "Id"), func(b *batch, id string) {
			b.get("emr-cluster", id, describeEMR, params{"ClusterId": id})
		}))
		b.get("emr-applications", "", listApplications, nil)
		b.get("redshift-clusters", "", describeRedshift, nil)
		b.get("redshift-namespaces", "", listNamespaces, nil)
		b.get("db-clusters", "", describeDBClusters, nil)
		b.get("db-instances", "", describeDBs, nil)
		steps = append(steps, many("Athena", names(b.get("athena-workgroups", "", listWorkgroups, nil), "WorkGroups", "Name"), func(b *batch, name string) {
			b.get("athena-workgroup", region+"/"+name, getWorkgroup, params{"WorkGroup": name})
		}))
	})
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// keyed are the ARNs of list entries, and into is told each one's name.
func (b *batch) keyed(into map[string]string, pages []object, list, arn, name string) []string {
	for _, p := range pages {
		for _, e := range entries(p[list]) {
			if e, ok := e.(object); ok {
				a, _ := e[arn].(string)
				into[a], _ = e[name].(string)
			}
		}
	}
	return names(pages, list, arn)
}

// members asks what a cluster holds: a listing, and descriptions of so many at once. A
// cluster that holds nothing has an empty answer.
func (b *batch) members(input, cluster string, listing operation, list string, describe operation, together int) {
	before := len(b.lines)
	ids := names(b.fetch(input, cluster, listing, params{"cluster": cluster}), list, "")
	if len(b.lines) > before { // refused
		return
	}
	if len(ids) == 0 {
		b.lines = append(b.lines, outcome{account.About{Input: input, Of: cluster, Region: b.region}, object{input: []any{}}, "", ""})
	}
	for chunk := range slices.Chunk(ids, together) {
		b.get(input, cluster, describe, params{"cluster": cluster, input: chunk, "include": []string{"TAGS"}})
	}
}

// chunks joins names, so many in one, by line feeds, which no name holds.
func chunks(names []string, together int) []string {
	var out []string
	for c := range slices.Chunk(names, together) {
		out = append(out, strings.Join(c, "\n"))
	}
	return out
}
