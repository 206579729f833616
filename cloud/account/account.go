package account

import (
	"time"

	"strongroom/cloud/iam"
)

// Account is one AWS account as its exports say. Every list is sorted by ARN or by name, so
// that the order of files changes nothing. Nothing in it is written to after Load: it may be
// shared, and its parts are shared among themselves.
//
// Policies that say the same share their Statements (the same backing array), each under
// its own Name: &p.Statements[0] tells whether two of them are one document.
type Account struct {
	ID        string    // 12 digits; "" where no export says
	Partition string    // aws, aws-cn, aws-us-gov
	Taken     time.Time // when a snapshot was made; zero where the files do not say

	Users   []*User
	Roles   []*Role
	Groups  []*Group
	Managed []*Managed // managed policies that the exports hold, of the account and of AWS

	Profiles  []Profile // instance profiles, with or without an instance
	Providers []Provider
	Root      Value[Root]

	Buckets      []*Bucket
	PublicAccess Value[PublicAccess] // the account's own block, over that of each bucket
	AccessPoints []*AccessPoint
	AccessGrants []AccessGrant // S3 Access Grants
	Keys         []*Key        // KMS

	// Organization is known and nil where the account belongs to none.
	Organization Value[*Organization]

	Workloads []*Workload // whatever runs with a role, or can
	Resources []*Resource // what else has a policy of its own
	Centers   []Center    // instances of IAM Identity Center that the account sees
	Backups   []Backup    // what AWS Backup has backed up

	SecurityGroups  []*SecurityGroup
	KeyPairs        []KeyPair
	LaunchTemplates []*LaunchTemplate
	Endpoints       []*Endpoint // VPC endpoints
	ConnectPoints   []ConnectPoint
	Clusters        []string // ECS clusters, by ARN, whether or not anything runs in them
	Images          []Share  // machine images and to whom they are shared
	Snapshots       []Share  // EBS snapshots, likewise
	// SerialConsole says for each region whether EC2's serial console is enabled.
	SerialConsole map[string]bool
	Trails        []*Trail

	// Regions are those that the account has enabled; nil where no export says.
	Regions []string

	// Missing are the inputs that were not supplied, or not whole. Sorted.
	Missing []Missing
	// Faults are what is wrong in the files.
	Faults []Fault
	// Ignored counts members of the files that mean nothing here, by input and path
	// ("instances: Reservations[].Instances[].EnaSupport").
	Ignored map[string]int

	have map[supplied]bool
}

// Value is what an export says about one thing, if any does.
type Value[T any] struct {
	Known bool
	// V is what it is; where Known, a nil or zero V means that there is none. Where not, a
	// list can have entries: there is more that nobody knows.
	V T
}

// Is is a value that is known.
func Is[T any](v T) Value[T] { return Value[T]{true, v} }

// Identity is what users and roles have in common.
type Identity struct {
	ARN     string
	Name    string
	Path    string // "/" or "/division/"
	ID      string // the unique id: AIDA… of a user, AROA… of a role; "" unknown
	Created time.Time
	Tags    map[string]string

	// Boundary is nil where there is none; with a nil Policy where the export lacks it.
	Boundary *Attached
	Inline   []Attached
	Attached []Attached // managed policies

	// Unknown says why it may have more, or less, than what stands here: two different
	// entries under one ARN, a member that could not be read. Empty is the usual case.
	Unknown []string
}

// Attached is a policy where it stands: inline, attached, or as a boundary.
type Attached struct {
	Name string
	ARN  string // of a managed policy
	// Policy is nil where the exports lack it or nobody could read it: unknown, never
	// empty. Its Name tells a person where it stands: "user alice, inline policy p1"; a
	// managed one is the same pointer wherever it is attached.
	Policy *iam.Policy
}

// User is an IAM user.
type User struct {
	Identity
	Groups []*Group
	// PasswordLastUsed is zero where the user never used one or no export says.
	PasswordLastUsed time.Time
	Login            Value[bool] // has a console password
	MFA              Value[bool]
	Keys             Value[[]AccessKey]
}

// AccessKey is one of at most two of a user, without its secret.
type AccessKey struct {
	ID       string // "" where the credential report is all there is: it numbers them
	Active   bool
	Created  time.Time
	LastUsed time.Time // zero: never
}

// Role is an IAM role.
type Role struct {
	Identity
	Trust *iam.Policy // nil where it could not be read
	// LastUsed is known with a zero time where IAM says that the role was not used within
	// the time it tracks (400 days).
	LastUsed       Value[time.Time]
	LastUsedRegion string
	MaxSession     time.Duration // 0 unknown
	Profiles       []string      // ARNs of instance profiles that hold it
}

// ServiceLinked says whether an AWS service made the role for itself: SCPs do not bind it,
// and nobody can change what it may do.
func (r *Role) ServiceLinked() bool {
	return len(r.Path) >= len(serviceLinked) && r.Path[:len(serviceLinked)] == serviceLinked
}

const serviceLinked = "/aws-service-role/"

// Group is an IAM group.
type Group struct {
	ARN, Name, Path, ID string
	Created             time.Time
	Inline              []Attached
	Attached            []Attached
	// Unknown says why it may have more: a group that a user names and no export holds has
	// nothing but its name and this.
	Unknown []string
}

// Managed is a managed policy with all its versions that the export holds.
type Managed struct {
	ARN, Name, Path, ID string
	Created, Updated    time.Time
	Default             string // the version in force
	Versions            []Version
	Policy              *iam.Policy // of the default version; nil where it is not there
	AWS                 bool        // made by AWS: nobody in the account changes it
	Unknown             []string
}

// Version is one version of a managed policy. IAM keeps five, and whoever may
// SetDefaultPolicyVersion brings an old one back.
type Version struct {
	ID      string // v1
	Default bool
	Created time.Time
	Policy  *iam.Policy // nil where it could not be read
}

// Profile is an instance profile.
type Profile struct {
	ARN, Name, Path, ID string
	Roles               []string // ARNs; IAM takes one today
}

// Provider is an identity provider whose word roles can trust.
type Provider struct {
	ARN     string
	Kind    string // saml, oidc, trust-anchor (IAM Roles Anywhere)
	URL     string // of an OIDC provider, without the scheme
	Clients []string
	// Source of a trust anchor's certificates is AWS_ACM_PCA (a private authority of the
	// account's), CERTIFICATE_BUNDLE or SELF_SIGNED_REPOSITORY; "" unknown. Off says that it
	// is disabled.
	Source  string
	Off     bool
	Created time.Time
}

// Resource is something that runs nothing and has a policy of its own, which lets principals
// in, or keeps them out:
//
//	ecr:repository, secretsmanager:secret, backup:vault
type Resource struct {
	Kind, ARN, Name, Region string
	Created                 time.Time
	Policy                  Value[*iam.Policy]
	// Immutable says of an image repository that no tag is ever pushed a second time.
	Immutable bool
	Unknown   []string
}

// Center is an instance of IAM Identity Center, the organization's or the account's own.
type Center struct {
	ARN, Region string
	Owner       string // the account that it was made in
	// Sets are the permission sets that are provisioned to the account.
	Sets Value[[]PermissionSet]
}

// PermissionSet is one of Identity Center's sets: its role in the account is
// AWSReservedSSO_NAME_ and 16 digits.
type PermissionSet struct {
	ARN, Name   string              // Name "" unknown
	Assignments Value[[]Assignment] // in the account
}

// Assignment gives a permission set to somebody of Identity Center.
type Assignment struct{ Kind, ID string } // USER or GROUP

// Backup is a resource of which AWS Backup has a recovery point, or had one.
type Backup struct {
	Resource, Kind, Vault string // ARN; S3, EBS …; ARN of the vault of the last one
	Last                  time.Time
	Region                string
}

// Root is what is known of the root user.
type Root struct {
	MFA, Keys bool // has an MFA device; has access keys
	Password  Value[bool]
	LastUsed  time.Time // zero: never, or no export says
}

// Bucket is an S3 bucket. A bucket of another account can be among them where its files were
// supplied.
type Bucket struct {
	Name, ARN string
	Region    string // "" unknown
	Created   time.Time
	Owner     string // canonical user id, "" unknown

	Policy       Value[*iam.Policy] // known and nil: it has none
	PublicAccess Value[PublicAccess]
	ACL          Value[ACL]
	// Ownership is BucketOwnerEnforced (ACLs mean nothing), BucketOwnerPreferred or
	// ObjectWriter; known and "" where nothing is configured, which is ObjectWriter.
	Ownership   Value[string]
	Encryption  Value[Encryption]
	Versioning  Value[string] // Enabled, Suspended, "" never enabled
	Replication Value[*Replication]
	Logging     Value[*BucketLogging]
	Notify      Value[[]Notification]
	Inventories Value[[]Inventory]
	Tags        Value[map[string]string]

	Unknown []string
}

// PublicAccess is a public-access block: of an account, a bucket or an access point.
type PublicAccess struct {
	BlockACLs, IgnoreACLs, BlockPolicy, Restrict bool
}

// ACL is an access control list: of a bucket, never of its objects, which no export holds.
type ACL struct {
	Owner  string // canonical user id
	Grants []ACLGrant
}

// ACLGrant gives one grantee one permission.
type ACLGrant struct {
	Kind       string // CanonicalUser, Group, AmazonCustomerByEmail
	Grantee    string // canonical id, URI of the group, or address
	Permission string // FULL_CONTROL, READ, WRITE, READ_ACP, WRITE_ACP
}

// Encryption is a bucket's default encryption.
type Encryption struct {
	Algorithm string // AES256, aws:kms, aws:kms:dsse
	Key       string // as written: an ARN, an id, an alias; "" is AWS's own key aws/s3
}

// Replication is what a bucket copies elsewhere.
type Replication struct {
	Role  string // ARN
	Rules []ReplicationRule
}

// ReplicationRule is one rule of it.
type ReplicationRule struct {
	ID          string
	Enabled     bool
	Prefix      string
	Destination string // ARN of the bucket
	Account     string // of the destination, "" where the rule does not say
	Key         string // that encrypts the replica
	Theirs      bool   // the destination's account owns the replica
}

// BucketLogging is where server access logs go.
type BucketLogging struct{ Bucket, Prefix string }

// Notification tells somebody of what happens to objects, by name.
type Notification struct {
	ARN    string // of a function, queue or topic; "" is EventBridge
	Events []string
}

// Inventory is a report of object names that S3 writes.
type Inventory struct {
	ID, Destination, Account string
	Enabled                  bool
}

// AccessPoint is another name by which a bucket is reached.
type AccessPoint struct {
	Name, ARN, Alias string
	Kind             string // s3, object-lambda, multi-region
	Region           string
	Bucket           string // its name
	BucketAccount    string
	VPC              string // "" is the internet
	Buckets          []string
	Supporting       string   // of an Object Lambda access point: the access point beneath it
	Functions        []string // of an Object Lambda access point: ARNs of what changes the answer
	Policy           Value[*iam.Policy]
	PublicAccess     Value[PublicAccess]
	Unknown          []string
}

// AccessGrant is one grant of S3 Access Grants.
type AccessGrant struct {
	ARN         string
	GranteeKind string // IAM, DIRECTORY_USER, DIRECTORY_GROUP
	Grantee     string // ARN or id
	Permission  string // READ, WRITE, READWRITE
	Scope       string // s3://bucket/prefix*
	Location    string // id of the location
	Region      string
}

// Key is a KMS key.
type Key struct {
	ID, ARN, Region string
	State           string // Enabled, Disabled, PendingDeletion …; "" unknown
	Manager         string // CUSTOMER, or AWS: whose policy nobody in the account changes; "" unknown
	Usage, Origin   string
	MultiRegion     string // "", PRIMARY, REPLICA
	Created         time.Time
	Description     string
	Policy          Value[*iam.Policy]
	Grants          Value[[]Grant]
	Aliases         Value[[]string] // alias/name
	Tags            Value[map[string]string]
	Unknown         []string
}

// Grant is a grant on a key.
type Grant struct {
	ID, Name   string
	Grantee    string // ARN of a principal, or a service
	Retiring   string
	Issuer     string
	Operations []string
	// Equals and Subset are its constraints on the encryption context; nil where it has
	// none.
	Equals, Subset map[string]string
	Created        time.Time
}

// Organization is the account's place in its organization.
type Organization struct {
	ID         string
	Management string // the management account's id: SCPs and RCPs do not bind it; "" unknown
	// Levels are root, organizational units downward, and the account itself.
	Levels []Level
	// SCPs and RCPs say whether these kinds of policy are enabled.
	SCPs, RCPs Value[bool]
}

// Level is one level of the organization above the account, or the account.
type Level struct {
	ID   string // r-…, ou-…, or the account's
	Name string
	Kind string // root, unit, account
	SCPs Value[[]Attached]
	RCPs Value[[]Attached]
}

// Workload is something that runs with a role. Kind tells what, as in its ARN or its API:
//
//	ec2:instance, ec2:spot-request, autoscaling:group, autoscaling:launch-configuration
//	lambda:function
//	ecs:task-definition, ecs:service, ecs:task
//	codebuild:project, cloudformation:stack, cloudformation:stack-set
//	glue:dev-endpoint, glue:job, sagemaker:notebook-instance
//	apprunner:service, batch:job-definition, datapipeline:pipeline
//	states:state-machine, scheduler:schedule, bedrock-agentcore:code-interpreter
//	eks:pod-identity, rolesanywhere:profile
//	elasticmapreduce:cluster, emr-serverless:application, athena:workgroup
//	redshift:cluster, redshift-serverless:namespace, rds:cluster, rds:db
//	datasync:location, transfer:server, transfer:user
type Workload struct {
	Kind, ARN, Name, Region string
	State                   string // as AWS writes it; "" unknown
	// Roles are the ARNs of the roles whose credentials the workload's code, or whoever
	// changes it, gets. For an instance, those of its profile.
	Roles []string
	// Execution are roles that the service uses for the workload and its code does not get
	// (a task's execution role).
	Execution []string
	Created   time.Time
	Tags      map[string]string

	Instance *Instance          // of an ec2:instance
	Task     *Task              // of the three ecs kinds
	Policy   Value[*iam.Policy] // a lambda:function's own
	Function *Function          // of a lambda:function
	// NoRole says that it has no role, where Roles is empty; else empty is unknown.
	NoRole  bool
	Unknown []string
}

// Instance is what decides who can log on to an EC2 instance.
type Instance struct {
	ID             string
	Profile        string // ARN; "" none
	Image, VPC     string
	Subnet         string
	PublicIP       string // "" none
	PrivateIP      string
	KeyPair        string // name; "" none
	SecurityGroups []string
	Platform       string // "", windows
	Template       string // launch template id
	Launched       time.Time
	MetadataV1     Value[bool] // answers without a session token
	MetadataOff    bool
	HopLimit       int
	UserData       Value[bool]   // has user data
	SSM            Value[*Agent] // known and nil: Systems Manager does not know it
}

// Agent is Systems Manager's agent on an instance.
type Agent struct {
	Ping     string // Online, ConnectionLost, Inactive
	LastPing time.Time
	Version  string
	Platform string
}

// Task is what decides who gets a shell in a container.
type Task struct {
	Cluster    string // ARN
	Definition string // ARN, with its revision
	Family     string // of a task definition
	Revision   int
	Launch     string      // FARGATE, EC2, EXTERNAL
	Exec       Value[bool] // ExecuteCommand is enabled; of services and tasks
	Images     []string    // of the containers
	Privileged bool
}

// Function is what else is known of a function.
type Function struct {
	Runtime string
	Image   string // of a function that is a container image
	Layers  []string
	Handler string
	VPC     string
	URL     Value[string] // authentication type of its URL; known and "" where it has none
}

// SecurityGroup is a security group's way in.
type SecurityGroup struct {
	ID, Name, VPC, Region string
	Ingress               []Ingress
	Unknown               []string
}

// Ingress is one opening.
type Ingress struct {
	Protocol string // tcp, udp, icmp, -1 all
	From, To int    // ports; 0 and 65535 where the protocol is -1
	CIDRs    []string
	Groups   []string // security groups
	Prefixes []string // prefix lists
}

// KeyPair is an EC2 key pair.
type KeyPair struct {
	Name, ID, Region string
	Created          time.Time
}

// LaunchTemplate is an EC2 launch template with its versions that the export holds.
type LaunchTemplate struct {
	ID, Name, Region string
	Default, Latest  int
	Versions         []TemplateVersion
}

// TemplateVersion is one version.
type TemplateVersion struct {
	Number     int
	Default    bool
	Profile    string // ARN or name of the instance profile
	KeyPair    string
	Image      string
	UserData   bool
	MetadataV1 bool
	Groups     []string
}

// Endpoint is a VPC endpoint.
type Endpoint struct {
	ID, VPC, Region string
	Service         string // com.amazonaws.eu-west-1.s3
	Kind            string // Gateway, Interface …
	State           string
	Policy          Value[*iam.Policy]
}

// ConnectPoint is an EC2 Instance Connect endpoint.
type ConnectPoint struct{ ID, VPC, Subnet, Region, State string }

// Share is an image or a snapshot, and who else has it.
type Share struct {
	ID, Region string
	Name       string
	Public     Value[bool]
	Accounts   Value[[]string]
	Encrypted  bool
	Key        string // ARN of its KMS key
	Created    time.Time
	Of         []string // snapshots of an image; the volume of a snapshot
}

// Trail is a CloudTrail trail.
type Trail struct {
	Name, ARN, Region string
	Bucket, Prefix    string
	Key               string // ARN
	MultiRegion       bool
	Organization      bool
	Validation        bool
	Logging           Value[bool]
	// DataEvents are the resources whose data events are logged ("arn:aws:s3:::calls/");
	// known and empty: none.
	DataEvents Value[[]string]
	LogGroup   string
}

// Missing is an input that was not supplied, or not whole.
type Missing struct {
	Input  string // its stable name: bucket-policy
	Of     string // the resource, where the input is about one: a bucket's name, a key's id
	Region string
	Why    string // "not supplied", "refused: AccessDenied", "cut off: …", "cannot be read"
	// Means says what is unknown without it; Command makes it.
	Means, Command string
}

// Fault is what is wrong with a file, and where.
type Fault struct {
	File string
	Line int    // of a snapshot; 0 elsewhere
	Path string // "UserDetailList[3].CreateDate"
	What string
}

// supplied names an input, as far as it is about one resource or region.
type supplied struct{ input, of string }

// Known says whether an input was supplied, whole; with of, that about one resource or in
// one region.
func (a *Account) Known(input string, of ...string) bool {
	s := supplied{input: input}
	if len(of) > 0 {
		s.of = of[0]
	}
	return a.have[s]
}
