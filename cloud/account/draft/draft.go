// Package draft makes small AWS accounts for tests, a few lines each: what it holds becomes
// a snapshot, and that is loaded as any other is.
package draft

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"strongroom/cloud/account"
)

// Region is where everything of a draft lies that does not say otherwise.
const Region = "eu-west-1"

// Account is an account in the making.
//
//	a := draft.New("123456789012")
//	a.Role("content", "ec2.amazonaws.com").Can(draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*"))
//	a.User("mallory").Can(draft.Allow("iam:PassRole", "*"), draft.Allow("ec2:RunInstances", "*"))
//	a.Bucket("calls")
//	got := a.Load(t)
type Account struct {
	ID      string
	users   []*Principal
	roles   []*Principal
	groups  []*Principal
	managed []any
	answers []answer
	lists   map[string][]any // entries of listings, by input
	left    map[string]bool  // inputs left out
	serial  int
}

type answer struct {
	about account.About
	body  any
	code  string // an error's
}

// New is an account of which everything is supplied, and empty.
func New(id string) *Account {
	return &Account{ID: id, lists: map[string][]any{}, left: map[string]bool{}}
}

// Document is a policy document, or part of one.
type Document = map[string]any

// Statement is one statement of a policy.
type Statement map[string]any

// Allow permits an action, or several apart by spaces, on resources.
func Allow(actions string, resources ...string) Statement {
	return statement("Allow", actions, resources)
}

// Deny forbids it.
func Deny(actions string, resources ...string) Statement {
	return statement("Deny", actions, resources)
}

func statement(effect, actions string, resources []string) Statement {
	s := Statement{"Effect": effect, "Action": strings.Fields(actions)}
	if len(resources) > 0 {
		s["Resource"] = resources
	}
	return s
}

// If adds a condition.
func (s Statement) If(operator, key string, values ...string) Statement {
	c, _ := s["Condition"].(Document)
	if c == nil {
		c = Document{}
	}
	keys, _ := c[operator].(Document)
	if keys == nil {
		keys = Document{}
	}
	keys[key], c[operator] = values, keys
	out := maps.Clone(s)
	out["Condition"] = c
	return out
}

// To names the principals of a resource's policy: ARNs or account ids, services
// (x.amazonaws.com), or *.
func (s Statement) To(principals ...string) Statement {
	out := maps.Clone(s)
	out["Principal"] = who(principals)
	return out
}

// Sid names the statement.
func (s Statement) Sid(sid string) Statement {
	out := maps.Clone(s)
	out["Sid"] = sid
	return out
}

func who(principals []string) any {
	if len(principals) == 1 && principals[0] == "*" {
		return "*"
	}
	p := map[string][]string{}
	for _, name := range principals {
		kind := "AWS"
		switch {
		case strings.HasSuffix(name, ".amazonaws.com"):
			kind = "Service"
		case strings.Contains(name, ":saml-provider/"), strings.Contains(name, ":oidc-provider/"):
			kind = "Federated"
		}
		p[kind] = append(p[kind], name)
	}
	return p
}

// Policy is a document of statements.
func Policy(statements ...Statement) Document {
	return Document{"Version": "2012-10-17", "Statement": statements}
}

// Principal is a user, a role or a group of a draft.
type Principal struct {
	a      *Account
	kind   string // User, Role, Group
	Name   string
	ARN    string
	ID     string
	entry  Document
	inline []any
	att    []any

	password, key bool
}

const made = "2024-03-01T09:00:00Z"

func (a *Account) principal(kind, prefix, name string) *Principal {
	a.serial++
	path, base := "/", name
	if i := strings.LastIndex(name, "/"); i >= 0 {
		path, base = "/"+name[:i+1], name[i+1:]
	}
	p := &Principal{a: a, kind: kind, Name: base, ID: fmt.Sprintf("%s%017d", prefix, a.serial)}
	p.ARN = "arn:aws:iam::" + a.ID + ":" + strings.ToLower(kind) + path + base
	p.entry = Document{"Path": path, kind + "Name": base, kind + "Id": p.ID, "Arn": p.ARN, "CreateDate": made}
	return p
}

// User adds a user. A name may have a path: division/alice.
func (a *Account) User(name string) *Principal {
	p := a.principal("User", "AIDA", name)
	a.users = append(a.users, p)
	return p
}

// Role adds a role that trusts principals, as Statement.To has them.
func (a *Account) Role(name string, trusts ...string) *Principal {
	action := "sts:AssumeRole"
	if len(trusts) > 0 && strings.Contains(trusts[0], ":saml-provider/") {
		action = "sts:AssumeRoleWithSAML"
	} else if len(trusts) > 0 && strings.Contains(trusts[0], ":oidc-provider/") {
		action = "sts:AssumeRoleWithWebIdentity"
	}
	return a.RoleTrusting(name, Allow(action).To(trusts...))
}

// RoleTrusting adds a role with a trust policy of its own.
func (a *Account) RoleTrusting(name string, trust ...Statement) *Principal {
	p := a.principal("Role", "AROA", name)
	p.entry["AssumeRolePolicyDocument"] = Policy(trust...)
	p.entry["RoleLastUsed"] = Document{}
	p.entry["InstanceProfileList"] = []any{}
	a.roles = append(a.roles, p)
	return p
}

// Group adds a group.
func (a *Account) Group(name string) *Principal {
	p := a.principal("Group", "AGPA", name)
	a.groups = append(a.groups, p)
	return p
}

// Can gives the principal an inline policy.
func (p *Principal) Can(statements ...Statement) *Principal {
	return p.Inline(fmt.Sprintf("p%d", len(p.inline)+1), Policy(statements...))
}

// Inline gives the principal an inline policy by name; the document may be anything.
func (p *Principal) Inline(name string, document any) *Principal {
	p.inline = append(p.inline, Document{"PolicyName": name, "PolicyDocument": document})
	return p
}

// Attach attaches managed policies by ARN.
func (p *Principal) Attach(arns ...string) *Principal {
	for _, arn := range arns {
		p.att = append(p.att, Document{"PolicyName": arn[strings.LastIndex(arn, "/")+1:], "PolicyArn": arn})
	}
	return p
}

// Bound sets a managed policy as the permission boundary.
func (p *Principal) Bound(arn string) *Principal {
	p.entry["PermissionsBoundary"] = Document{"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
	return p
}

// In puts a user into groups.
func (p *Principal) In(groups ...string) *Principal {
	p.entry["GroupList"] = groups
	return p
}

// Tag sets a tag.
func (p *Principal) Tag(key, value string) *Principal {
	tags, _ := p.entry["Tags"].([]any)
	p.entry["Tags"] = append(tags, Document{"Key": key, "Value": value})
	return p
}

// Profile puts a role into an instance profile of its own name, and answers its ARN.
func (p *Principal) Profile() string {
	arn := "arn:aws:iam::" + p.a.ID + ":instance-profile/" + p.Name
	p.entry["InstanceProfileList"] = []any{Document{
		"Path": "/", "InstanceProfileName": p.Name, "InstanceProfileId": "AIPA" + p.ID[4:], "Arn": arn, "CreateDate": made,
		"Roles": []any{Document{"Arn": p.ARN, "RoleName": p.Name}},
	}}
	return arn
}

// LogsOn gives a user a console password and an access key.
func (p *Principal) LogsOn() *Principal {
	p.password, p.key = true, true
	return p
}

// Set sets any member of the principal's entry.
func (p *Principal) Set(member string, value any) *Principal {
	p.entry[member] = value
	return p
}

// Managed adds a managed policy with one version, and answers its ARN. A name with
// "arn:aws:iam::aws:policy/" before it is AWS's.
func (a *Account) Managed(name string, statements ...Statement) string {
	return a.ManagedVersions(name, 1, Policy(statements...))
}

// ManagedVersions adds a managed policy of several versions, the first of which is v1.
func (a *Account) ManagedVersions(name string, inForce int, documents ...Document) string {
	arn := name
	if !strings.HasPrefix(name, "arn:") {
		arn = "arn:aws:iam::" + a.ID + ":policy/" + name
	}
	var versions []any
	for i, d := range documents {
		versions = append(versions, Document{"VersionId": fmt.Sprintf("v%d", i+1), "IsDefaultVersion": i+1 == inForce, "Document": d, "CreateDate": made})
	}
	a.serial++
	a.managed = append(a.managed, Document{
		"PolicyName": arn[strings.LastIndex(arn, "/")+1:], "PolicyId": fmt.Sprintf("ANPA%017d", a.serial), "Arn": arn, "Path": "/",
		"DefaultVersionId": fmt.Sprintf("v%d", inForce), "IsAttachable": true, "CreateDate": made, "UpdateDate": made, "PolicyVersionList": versions,
	})
	return arn
}

// Answer adds any answer, in the AWS CLI's JSON.
func (a *Account) Answer(input, of string, body any) *Account {
	a.answers = append(a.answers, answer{account.About{Input: input, Of: of}, body, ""})
	return a
}

// Instead replaces an answer.
func (a *Account) Instead(input, of string, body any) *Account {
	a.answers = slices.DeleteFunc(a.answers, func(x answer) bool { return x.about == account.About{Input: input, Of: of} })
	return a.Answer(input, of, body)
}

// Refused has AWS refuse an input.
func (a *Account) Refused(input, of, code string) *Account {
	a.answers = append(a.answers, answer{account.About{Input: input, Of: of}, nil, code})
	return a
}

// List adds an entry to a listing: an instance to "instances", a stack to "stacks".
func (a *Account) List(input string, entry any) *Account {
	a.lists[input] = append(a.lists[input], entry)
	return a
}

// Without leaves inputs out, as if nobody had supplied them.
func (a *Account) Without(inputs ...string) *Account {
	for _, in := range inputs {
		a.left[in] = true
	}
	return a
}

// Bucket adds a bucket with a policy (none without statements), private and encrypted with
// S3's own keys.
func (a *Account) Bucket(name string, policy ...Statement) *Account {
	a.List("buckets", Document{"Name": name, "CreationDate": made})
	if len(policy) > 0 {
		a.Answer("bucket-policy", name, Document{"Policy": Policy(policy...)})
	} else {
		a.Refused("bucket-policy", name, "NoSuchBucketPolicy")
	}
	block := Document{"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true}
	return a.Answer("bucket-location", name, Document{"LocationConstraint": Region}).
		Answer("bucket-public-access-block", name, Document{"PublicAccessBlockConfiguration": block}).
		Answer("bucket-acl", name, Document{"Owner": Document{"ID": "owner-" + a.ID}, "Grants": []any{Document{"Grantee": Document{"Type": "CanonicalUser", "ID": "owner-" + a.ID}, "Permission": "FULL_CONTROL"}}}).
		Answer("bucket-ownership", name, Document{"OwnershipControls": Document{"Rules": []any{Document{"ObjectOwnership": "BucketOwnerEnforced"}}}}).
		Answer("bucket-versioning", name, Document{}).
		Refused("bucket-replication", name, "ReplicationConfigurationNotFoundError").
		Answer("bucket-logging", name, Document{}).
		Answer("bucket-notification", name, Document{}).
		Answer("bucket-inventory", name, Document{"InventoryConfigurationList": []any{}}).
		Refused("bucket-tags", name, "NoSuchTagSet")
}

// Encrypted says with which key a bucket's objects are encrypted; without a call of it none
// of the buckets is (S3's own key).
func (a *Account) Encrypted(bucket, key string) *Account {
	return a.Answer("bucket-encryption", bucket, Document{"ServerSideEncryptionConfiguration": Document{"Rules": []any{
		Document{"ApplyServerSideEncryptionByDefault": Document{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}}}})
}

// Key adds a KMS key with a policy, and answers its ARN. Without statements it has AWS's
// default policy, which leaves everything to the account's identity policies.
func (a *Account) Key(id string, policy ...Statement) string {
	arn := "arn:aws:kms:" + Region + ":" + a.ID + ":key/" + id
	if len(policy) == 0 {
		policy = []Statement{Allow("kms:*", "*").To("arn:aws:iam::" + a.ID + ":root")}
	}
	a.List("keys", Document{"KeyId": id, "KeyArn": arn})
	a.Answer("key", id, Document{"KeyMetadata": Document{"KeyId": id, "Arn": arn, "KeyState": "Enabled", "KeyManager": "CUSTOMER", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS", "CreationDate": made}})
	a.Answer("key-policy", id, Document{"Policy": Policy(policy...), "PolicyName": "default"})
	a.Answer("key-tags", id, Document{"Tags": []any{}})
	return arn
}

// Grant adds a grant on a key.
func (a *Account) Grant(key, grantee string, operations ...string) *Account {
	a.serial++
	return a.List("key-grants "+key, Document{"KeyId": "arn:aws:kms:" + Region + ":" + a.ID + ":key/" + key, "GrantId": fmt.Sprintf("grant%d", a.serial),
		"GranteePrincipal": grantee, "IssuingAccount": "arn:aws:iam::" + a.ID + ":root", "Operations": operations, "CreationDate": made})
}

// Instance adds a running EC2 instance, with the profile of a role ("" none), and answers
// its ARN. More sets further members of AWS's answer.
func (a *Account) Instance(id, profile string, more ...Document) string {
	i := Document{"InstanceId": id, "State": Document{"Name": "running"}, "Placement": Document{"AvailabilityZone": Region + "a"},
		"ImageId": "ami-1", "VpcId": "vpc-1", "SubnetId": "subnet-1", "PrivateIpAddress": "10.0.0.10", "LaunchTime": made,
		"MetadataOptions": Document{"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1}}
	if profile != "" {
		i["IamInstanceProfile"] = Document{"Arn": profile}
	}
	for _, m := range more {
		maps.Copy(i, m)
	}
	a.List("instances", Document{"Instances": []any{i}})
	a.Answer("instance-user-data", id, Document{"InstanceId": id, "UserData": Document{}})
	return "arn:aws:ec2:" + Region + ":" + a.ID + ":instance/" + id
}

// Function adds a Lambda function that runs with a role, and answers its ARN.
func (a *Account) Function(name, role string, policy ...Statement) string {
	arn := "arn:aws:lambda:" + Region + ":" + a.ID + ":function:" + name
	a.List("functions", Document{"FunctionName": name, "FunctionArn": arn, "Role": role, "Runtime": "python3.13", "Handler": "main.handler"})
	if len(policy) > 0 {
		a.Answer("function-policy", arn, Document{"Policy": Policy(policy...), "RevisionId": "1"})
	} else {
		a.Refused("function-policy", arn, "ResourceNotFoundException")
	}
	a.Answer("function-urls", arn, Document{"FunctionUrlConfigs": []any{}})
	return arn
}

// Workload adds anything else that runs with a role, by its kind in account.Workload, and
// answers its ARN.
func (a *Account) Workload(kind, name, role string) string {
	at := Region + ":" + a.ID + ":"
	switch kind {
	case "ecs:task-definition":
		arn := "arn:aws:ecs:" + at + "task-definition/" + name + ":1"
		a.List("task-definition-list", arn)
		a.Answer("task-definition", arn, Document{"taskDefinition": Document{"taskDefinitionArn": arn, "family": name, "revision": 1, "status": "ACTIVE", "taskRoleArn": role}})
		return arn
	case "ecs:service", "ecs:task":
		def := a.Workload("ecs:task-definition", name, role)
		cluster := "arn:aws:ecs:" + at + "cluster/main"
		if kind == "ecs:task" {
			arn := "arn:aws:ecs:" + at + "task/main/" + name
			a.task("tasks", Document{"taskArn": arn, "clusterArn": cluster, "taskDefinitionArn": def, "enableExecuteCommand": true, "lastStatus": "RUNNING", "launchType": "FARGATE"})
			return arn
		}
		arn := "arn:aws:ecs:" + at + "service/main/" + name
		a.task("services", Document{"serviceArn": arn, "serviceName": name, "clusterArn": cluster, "taskDefinition": def, "enableExecuteCommand": true, "status": "ACTIVE", "launchType": "FARGATE"})
		return arn
	case "codebuild:project":
		arn := "arn:aws:codebuild:" + at + "project/" + name
		a.List("project-list", name)
		a.Answer("projects", name, Document{"projects": []any{Document{"name": name, "arn": arn, "serviceRole": role}}})
		return arn
	case "cloudformation:stack":
		arn := "arn:aws:cloudformation:" + at + "stack/" + name + "/1"
		a.List("stacks", Document{"StackName": name, "StackId": arn, "RoleARN": role, "StackStatus": "CREATE_COMPLETE"})
		return arn
	case "cloudformation:stack-set":
		arn := "arn:aws:cloudformation:" + at + "stackset/" + name + ":1"
		a.List("stack-sets", Document{"StackSetName": name, "Status": "ACTIVE"})
		a.Answer("stack-set", name, Document{"StackSet": Document{"StackSetName": name, "StackSetARN": arn, "AdministrationRoleARN": role, "Status": "ACTIVE"}})
		return arn
	case "glue:dev-endpoint":
		a.List("dev-endpoints", Document{"EndpointName": name, "RoleArn": role, "Status": "READY"})
		return "arn:aws:glue:" + at + "devEndpoint/" + name
	case "glue:job":
		a.List("glue-jobs", Document{"Name": name, "Role": role})
		return "arn:aws:glue:" + at + "job/" + name
	case "sagemaker:notebook-instance":
		arn := "arn:aws:sagemaker:" + at + "notebook-instance/" + name
		a.List("notebooks", Document{"NotebookInstanceName": name, "NotebookInstanceArn": arn})
		a.Answer("notebook", name, Document{"NotebookInstanceName": name, "NotebookInstanceArn": arn, "RoleArn": role, "NotebookInstanceStatus": "InService"})
		return arn
	case "apprunner:service":
		arn := "arn:aws:apprunner:" + at + "service/" + name + "/1"
		a.List("apprunner-services", Document{"ServiceName": name, "ServiceArn": arn})
		a.Answer("apprunner-service", arn, Document{"Service": Document{"ServiceName": name, "ServiceArn": arn, "Status": "RUNNING", "InstanceConfiguration": Document{"InstanceRoleArn": role}}})
		return arn
	case "batch:job-definition":
		arn := "arn:aws:batch:" + at + "job-definition/" + name + ":1"
		a.List("batch-job-definitions", Document{"jobDefinitionName": name, "jobDefinitionArn": arn, "status": "ACTIVE", "containerProperties": Document{"jobRoleArn": role}})
		return arn
	case "states:state-machine":
		arn := "arn:aws:states:" + at + "stateMachine:" + name
		a.List("state-machines", Document{"name": name, "stateMachineArn": arn})
		a.Answer("state-machine", arn, Document{"name": name, "stateMachineArn": arn, "roleArn": role, "status": "ACTIVE"})
		return arn
	case "bedrock-agentcore:code-interpreter":
		arn := "arn:aws:bedrock-agentcore:" + at + "code-interpreter-custom/" + name
		a.List("code-interpreters", Document{"codeInterpreterId": name, "codeInterpreterArn": arn})
		a.Answer("code-interpreter", name, Document{"codeInterpreterId": name, "codeInterpreterArn": arn, "name": name, "executionRoleArn": role, "status": "READY"})
		return arn
	case "datapipeline:pipeline":
		a.List("data-pipelines", Document{"id": name, "name": name})
		return "arn:aws:datapipeline:" + at + "pipeline/" + name
	}
	a.serial++
	switch kind {
	case "rolesanywhere:profile":
		arn := "arn:aws:rolesanywhere:" + at + "profile/" + name
		a.List("rolesanywhere-profiles", Document{"profileArn": arn, "name": name, "enabled": true, "roleArns": []string{role}})
		return arn
	case "scheduler:schedule":
		arn := "arn:aws:scheduler:" + at + "schedule/default/" + name
		a.List("schedules", Document{"Arn": arn, "Name": name, "GroupName": "default"})
		a.Answer("schedule", arn, Document{"Arn": arn, "Name": name, "GroupName": "default", "State": "ENABLED", "ScheduleExpression": "rate(1 day)", "Target": Document{"RoleArn": role}})
		return arn
	case "datasync:location":
		arn := "arn:aws:datasync:" + at + fmt.Sprintf("location/loc-%017d", a.serial)
		a.List("datasync-locations", Document{"LocationArn": arn, "LocationUri": "s3://" + name + "/"})
		a.Answer("datasync-location", arn, Document{"LocationArn": arn, "LocationUri": "s3://" + name + "/", "S3Config": Document{"BucketAccessRoleArn": role}})
		return arn
	case "transfer:user":
		id := fmt.Sprintf("s-%017d", a.serial)
		arn := "arn:aws:transfer:" + at + "user/" + id + "/" + name
		a.List("transfer-servers", Document{"Arn": "arn:aws:transfer:" + at + "server/" + id, "ServerId": id, "IdentityProviderType": "SERVICE_MANAGED"})
		a.Answer("transfer-users", id, Document{"ServerId": id, "Users": []any{Document{"Arn": arn, "UserName": name, "Role": role}}})
		return arn
	case "elasticmapreduce:cluster": // role is an instance profile
		id := fmt.Sprintf("j-%d", a.serial)
		arn := "arn:aws:elasticmapreduce:" + at + "cluster/" + id
		a.List("emr-clusters", Document{"Id": id, "Name": name, "ClusterArn": arn})
		a.Answer("emr-cluster", id, Document{"Cluster": Document{"Id": id, "Name": name, "ClusterArn": arn, "Ec2InstanceAttributes": Document{"IamInstanceProfile": role}}})
		return arn
	case "emr-serverless:application":
		arn := "arn:aws:emr-serverless:" + at + "/applications/" + name
		a.List("emr-applications", Document{"arn": arn, "id": name, "name": name, "state": "CREATED"})
		return arn
	case "redshift:cluster":
		a.List("redshift-clusters", Document{"ClusterIdentifier": name, "ClusterStatus": "available", "IamRoles": []any{Document{"IamRoleArn": role}}})
		return "arn:aws:redshift:" + at + "cluster:" + name
	case "redshift-serverless:namespace":
		arn := "arn:aws:redshift-serverless:" + at + "namespace/" + name
		a.List("redshift-namespaces", Document{"namespaceArn": arn, "namespaceName": name, "iamRoles": []string{"IamRole(applyStatus=in-sync, iamRoleArn=" + role + ")"}})
		return arn
	case "rds:cluster":
		arn := "arn:aws:rds:" + at + "cluster:" + name
		a.List("db-clusters", Document{"DBClusterArn": arn, "DBClusterIdentifier": name, "AssociatedRoles": []any{Document{"RoleArn": role, "Status": "ACTIVE"}}})
		return arn
	case "rds:db":
		arn := "arn:aws:rds:" + at + "db:" + name
		a.List("db-instances", Document{"DBInstanceArn": arn, "DBInstanceIdentifier": name, "AssociatedRoles": []any{Document{"RoleArn": role, "Status": "ACTIVE"}}})
		return arn
	case "athena:workgroup":
		a.List("athena-workgroups", Document{"Name": name})
		a.Answer("athena-workgroup", Region+"/"+name, Document{"WorkGroup": Document{"Name": name, "State": "ENABLED", "Configuration": Document{"ExecutionRole": role}}})
		return "arn:aws:athena:" + at + "workgroup/" + name
	}
	panic("draft: no such kind of workload: " + kind)
}

// Resource adds something that has a policy of its own, by its kind in account.Resource, and
// answers its ARN; without statements it has none.
func (a *Account) Resource(kind, name string, policy ...Statement) string {
	at := Region + ":" + a.ID + ":"
	switch kind {
	case "ecr:repository":
		arn := "arn:aws:ecr:" + at + "repository/" + name
		a.List("repositories", Document{"repositoryArn": arn, "repositoryName": name, "imageTagMutability": "MUTABLE"})
		if len(policy) == 0 {
			a.Refused("repository-policy", arn, "RepositoryPolicyNotFoundException")
		} else {
			a.Answer("repository-policy", arn, Document{"registryId": a.ID, "repositoryName": name, "policyText": Policy(policy...)})
		}
		return arn
	case "secretsmanager:secret":
		arn := "arn:aws:secretsmanager:" + at + "secret:" + name + "-AbCdEf"
		a.List("secrets", Document{"ARN": arn, "Name": name})
		answer := Document{"ARN": arn, "Name": name}
		if len(policy) > 0 {
			answer["ResourcePolicy"] = Policy(policy...)
		}
		a.Answer("secret-policy", arn, answer)
		return arn
	case "backup:vault":
		arn := "arn:aws:backup:" + at + "backup-vault:" + name
		a.List("backup-vaults", Document{"BackupVaultArn": arn, "BackupVaultName": name})
		if len(policy) == 0 {
			a.Refused("backup-vault-policy", arn, "ResourceNotFoundException")
		} else {
			a.Answer("backup-vault-policy", arn, Document{"BackupVaultArn": arn, "BackupVaultName": name, "Policy": Policy(policy...)})
		}
		return arn
	}
	panic("draft: no such kind of resource: " + kind)
}

// task adds a service or a task to the draft's one cluster.
func (a *Account) task(input string, entry Document) {
	cluster := "arn:aws:ecs:" + Region + ":" + a.ID + ":cluster/main"
	if len(a.lists["clusters"]) == 0 {
		a.List("clusters", cluster)
		a.Answer("services", cluster, Document{"services": []any{}})
		a.Answer("tasks", cluster, Document{"tasks": []any{}})
	}
	a.Answer(input, cluster, Document{input: []any{entry}})
}

// listings are the inputs that hold a list, and the member that does.
var listings = map[string]string{
	"instance-profiles": "InstanceProfiles", "saml-providers": "SAMLProviderList", "oidc-providers": "OpenIDConnectProviderList",
	"trust-anchors": "trustAnchors", "buckets": "Buckets", "access-points": "AccessPointList",
	"object-lambda-access-points": "ObjectLambdaAccessPointList", "multi-region-access-points": "AccessPoints", "access-grants": "AccessGrantsList",
	"keys": "Keys", "key-aliases": "Aliases", "instances": "Reservations", "managed-instances": "InstanceInformationList",
	"security-groups": "SecurityGroups", "key-pairs": "KeyPairs", "instance-connect-endpoints": "InstanceConnectEndpoints",
	"launch-templates": "LaunchTemplates", "launch-template-versions": "LaunchTemplateVersions", "auto-scaling-groups": "AutoScalingGroups",
	"launch-configurations": "LaunchConfigurations", "vpc-endpoints": "VpcEndpoints", "images": "Images", "snapshots": "Snapshots",
	"functions": "Functions", "task-definition-list": "taskDefinitionArns", "clusters": "clusterArns", "eks-clusters": "clusters",
	"project-list": "projects", "stacks": "Stacks", "stack-sets": "Summaries", "dev-endpoints": "DevEndpoints",
	"glue-jobs": "Jobs", "notebooks": "NotebookInstances", "apprunner-services": "ServiceSummaryList", "batch-job-definitions": "jobDefinitions",
	"state-machines": "stateMachines", "data-pipelines": "pipelineIdList", "code-interpreters": "codeInterpreterSummaries", "trails": "trailList",
	"rolesanywhere-profiles": "profiles", "identity-center": "Instances", "repositories": "repositories", "secrets": "SecretList", "protected-resources": "Results", "backup-vaults": "BackupVaultList", "schedules": "Schedules", "datasync-locations": "Locations",
	"transfer-servers": "Servers", "emr-clusters": "Clusters", "emr-applications": "applications", "redshift-clusters": "Clusters", "redshift-namespaces": "namespaces", "db-clusters": "DBClusters", "db-instances": "DBInstances", "athena-workgroups": "WorkGroups",
}

// Write writes the account as a snapshot.
func (a *Account) Write(out io.Writer) error {
	w, err := account.NewWriter(out, account.Head{Account: a.ID, Partition: "aws", Taken: time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC), Regions: []string{Region}, Program: "draft"})
	if err != nil {
		return err
	}
	put := func(about account.About, body any, code string) error {
		if a.left[about.Input] {
			return nil
		}
		if about.Region == "" {
			about.Region = Region
		}
		if code != "" {
			return w.Refused(about, code, "")
		}
		return w.Answer(about, body)
	}
	given := map[account.About]bool{}
	for _, x := range a.answers {
		given[account.About{Input: x.about.Input}] = true
		given[x.about] = true
	}
	entries := func(all []*Principal) []any {
		out := []any{}
		for _, p := range all {
			e := maps.Clone(p.entry)
			e["AttachedManagedPolicies"] = some(p.att)
			e[p.kind+"PolicyList"] = some(p.inline)
			if p.kind == "User" && e["GroupList"] == nil {
				e["GroupList"] = []string{}
			}
			out = append(out, e)
		}
		return out
	}
	details := Document{"UserDetailList": entries(a.users), "GroupDetailList": entries(a.groups), "RoleDetailList": entries(a.roles), "Policies": some(a.managed), "IsTruncated": false}
	if err := put(account.About{Input: "authorization-details"}, details, ""); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(listings)) {
		if given[account.About{Input: name}] {
			continue
		}
		body := Document{listings[name]: some(a.lists[name])}
		if name == "buckets" {
			body["Owner"] = Document{"ID": "owner-" + a.ID}
		}
		if err := put(account.About{Input: name}, body, ""); err != nil {
			return err
		}
	}
	for _, x := range []answer{
		{account.About{Input: "regions"}, Document{"Regions": []any{Document{"RegionName": Region, "OptInStatus": "opt-in-not-required"}}}, ""},
		{account.About{Input: "account-summary"}, Document{"SummaryMap": Document{"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0}}, ""},
		{account.About{Input: "credential-report"}, Document{"Content": base64.StdEncoding.EncodeToString([]byte(a.credentials())), "ReportFormat": "text/csv"}, ""},
		{account.About{Input: "serial-console"}, Document{"SerialConsoleAccessEnabled": false}, ""},
		{account.About{Input: "organization"}, nil, "AWSOrganizationsNotInUseException"},
		{account.About{Input: "account-public-access-block"}, nil, "NoSuchPublicAccessBlockConfiguration"},
	} {
		if given[x.about] {
			continue
		}
		if err := put(x.about, x.body, x.code); err != nil {
			return err
		}
	}
	for _, b := range a.lists["buckets"] {
		about := account.About{Input: "bucket-encryption", Of: b.(Document)["Name"].(string)}
		if !given[about] {
			if err := put(about, nil, "ServerSideEncryptionConfigurationNotFoundError"); err != nil {
				return err
			}
		}
	}
	for _, k := range a.lists["keys"] {
		id := k.(Document)["KeyId"].(string)
		if about := (account.About{Input: "key-grants", Of: id}); !given[about] {
			if err := put(about, Document{"Grants": some(a.lists["key-grants "+id])}, ""); err != nil {
				return err
			}
		}
	}
	for _, x := range a.answers {
		if err := put(x.about, x.body, x.code); err != nil {
			return err
		}
	}
	return w.Close()
}

// credentials is the credential report: nobody has a password or a key who was not given
// one.
func (a *Account) credentials() string {
	var b strings.Builder
	b.WriteString("user,arn,password_enabled,password_last_used,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date\n")
	fmt.Fprintf(&b, "<root_account>,arn:aws:iam::%s:root,true,N/A,true,false,N/A,N/A\n", a.ID)
	for _, u := range a.users {
		rotated := "N/A"
		if u.key {
			rotated = made
		}
		fmt.Fprintf(&b, "%s,%s,%t,N/A,false,%t,%s,N/A\n", u.Name, u.ARN, u.password, u.key, rotated)
	}
	return b.String()
}

func some(list []any) []any {
	if list == nil {
		return []any{}
	}
	return list
}

// testing is what Load needs of a test.
type testing interface {
	Helper()
	Fatal(...any)
}

// Load loads the account as it stands.
func (a *Account) Load(t testing) *account.Account {
	t.Helper()
	var b bytes.Buffer
	if err := a.Write(&b); err != nil {
		t.Fatal(err)
	}
	l := account.NewLoader()
	if err := l.Read("draft", &b); err != nil {
		t.Fatal(err)
	}
	got, err := l.Account()
	if err != nil {
		t.Fatal(err)
	}
	return got
}
