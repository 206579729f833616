package account

import (
	"maps"
	"slices"
)

// input is one kind of answer that AWS gives.
type input struct {
	Name    string // stable; also the name of the folder or file that holds such answers
	Command string // makes it; words in capitals stand for a resource
	Means   string // what is unknown without it
	per     per    // what one answer is about
	// members tell the answer apart by its shape, in a file whose name says nothing.
	members []string
	// first is a member of the first entry of the list members[0], where two answers have
	// lists of one name; "-": the list is of texts, or empty.
	first string
	// none are the error codes by which AWS says that there is none.
	none []string
	// read takes an answer. Where AWS said that there is none, v is an empty object and
	// d.none is set.
	read func(d *document, v value)
}

// per is what one answer of an input is about: all of the account, a region, or one
// resource.
type per int

const (
	perAccount per = iota
	perRegion
	perBucket
	perKey
	perFunction
	perAccessPoint
	perObjectLambda
	perMultiRegion
	perTrail
	perLevel    // of the organization
	perResource // any other: answers say which, and a listing says which there are
)

// Input is what docs and programs may know of an input.
type Input struct{ Name, Command, Means string }

// Inputs are all that Load understands, by name.
func Inputs() []Input {
	out := make([]Input, 0, len(inputs))
	for _, name := range sortedKeys(inputs) {
		in := inputs[name]
		out = append(out, Input{in.Name, in.Command, in.Means})
	}
	return out
}

var inputs = map[string]*input{}

func init() {
	for _, in := range []*input{
		{Name: "authorization-details", Command: "aws iam get-account-authorization-details",
			Means:   "who is in the account, and what each may do",
			members: []string{"UserDetailList", "RoleDetailList"}, read: readDetails},
		{Name: "credential-report", Command: "aws iam generate-credential-report; aws iam get-credential-report",
			Means:   "which users have passwords, keys and MFA, and whether the root user has",
			members: []string{"Content", "ReportFormat"}, read: readCredentialReport},
		{Name: "account-summary", Command: "aws iam get-account-summary",
			Means:   "whether the root user has MFA and access keys",
			members: []string{"SummaryMap"}, read: readSummary},
		{Name: "access-keys", Command: "aws iam list-access-keys --user-name USER", per: perResource,
			Means:   "which access keys a user has; the credential report says so for all",
			members: []string{"AccessKeyMetadata"}, read: readAccessKeys},
		{Name: "login-profile", Command: "aws iam get-login-profile --user-name USER", per: perResource,
			Means:   "whether a user has a password; the credential report says so for all",
			members: []string{"LoginProfile"}, none: []string{"NoSuchEntity"}, read: readLoginProfile},
		{Name: "instance-profiles", Command: "aws iam list-instance-profiles",
			Means:   "which instance profiles hold no role yet; the others are in the authorization details",
			members: []string{"InstanceProfiles"}, read: readProfiles},
		{Name: "saml-providers", Command: "aws iam list-saml-providers",
			Means:   "which SAML providers roles can trust",
			members: []string{"SAMLProviderList"}, read: readSAML},
		{Name: "oidc-providers", Command: "aws iam list-open-id-connect-providers",
			Means:   "which OpenID Connect providers roles can trust",
			members: []string{"OpenIDConnectProviderList"}, read: readOIDCList},
		{Name: "oidc-provider", Command: "aws iam get-open-id-connect-provider --open-id-connect-provider-arn ARN", per: perResource,
			Means:   "for which clients an OpenID Connect provider speaks",
			members: []string{"Url", "ClientIDList"}, read: readOIDC},
		{Name: "trust-anchors", Command: "aws rolesanywhere list-trust-anchors", per: perRegion,
			Means:   "which certificate authorities let machines outside take on roles (IAM Roles Anywhere)",
			members: []string{"trustAnchors"}, read: readTrustAnchors},
		{Name: "caller", Command: "aws sts get-caller-identity",
			Means:   "which account the other files are of, where they do not say",
			members: []string{"UserId", "Account", "Arn"}, read: readCaller},
		{Name: "regions", Command: "aws ec2 describe-regions",
			Means:   "which regions there are to look at",
			members: []string{"Regions"}, read: readRegions},

		{Name: "organization", Command: "aws organizations describe-organization",
			Means:   "whether the account is in an organization whose policies bind it, and which account manages it",
			members: []string{"Organization"}, none: []string{"AWSOrganizationsNotInUseException"}, read: readOrganization},
		{Name: "organization-roots", Command: "aws organizations list-roots",
			Means:   "whether service control and resource control policies are enabled",
			members: []string{"Roots"}, read: readRoots},
		{Name: "organization-parents", Command: "aws organizations list-parents --child-id ID", per: perLevel,
			Means:   "which units of the organization the account lies in",
			members: []string{"Parents"}, read: readParents},
		{Name: "organization-scps", Command: "aws organizations list-policies-for-target --filter SERVICE_CONTROL_POLICY --target-id ID", per: perLevel,
			Means: "which service control policies are attached at a level", read: readLevelPolicies},
		{Name: "organization-rcps", Command: "aws organizations list-policies-for-target --filter RESOURCE_CONTROL_POLICY --target-id ID", per: perLevel,
			Means: "which resource control policies are attached at a level", read: readLevelPolicies},
		{Name: "organization-policy", Command: "aws organizations describe-policy --policy-id ID", per: perResource,
			Means: "what a policy of the organization says", read: readOrganizationPolicy},

		{Name: "buckets", Command: "aws s3api list-buckets",
			Means:   "which buckets there are",
			members: []string{"Buckets"}, read: readBuckets},
		{Name: "account-public-access-block", Command: "aws s3control get-public-access-block --account-id ACCOUNT",
			Means: "whether the account blocks public policies and ACLs", none: []string{"NoSuchPublicAccessBlockConfiguration"}, read: readAccountPublicAccess},
		{Name: "bucket-location", Command: "aws s3api get-bucket-location --bucket BUCKET", per: perBucket,
			Means: "a bucket's region", members: []string{"LocationConstraint"}, read: readLocation},
		{Name: "bucket-policy", Command: "aws s3api get-bucket-policy --bucket BUCKET", per: perBucket,
			Means: "whom a bucket's own policy lets in or keeps out", none: []string{"NoSuchBucketPolicy"}, read: readBucketPolicy},
		{Name: "bucket-public-access-block", Command: "aws s3api get-public-access-block --bucket BUCKET", per: perBucket,
			Means: "whether a bucket blocks public policies and ACLs", none: []string{"NoSuchPublicAccessBlockConfiguration"}, read: readBucketPublicAccess},
		{Name: "bucket-acl", Command: "aws s3api get-bucket-acl --bucket BUCKET", per: perBucket,
			Means: "whom a bucket's ACL lets in", members: []string{"Owner", "Grants"}, read: readACL},
		{Name: "bucket-ownership", Command: "aws s3api get-bucket-ownership-controls --bucket BUCKET", per: perBucket,
			Means: "whether ACLs mean anything in a bucket", members: []string{"OwnershipControls"}, none: []string{"OwnershipControlsNotFoundError"}, read: readOwnership},
		{Name: "bucket-encryption", Command: "aws s3api get-bucket-encryption --bucket BUCKET", per: perBucket,
			Means: "which key a bucket's objects need", members: []string{"ServerSideEncryptionConfiguration"}, none: []string{"ServerSideEncryptionConfigurationNotFoundError"}, read: readEncryption},
		{Name: "bucket-versioning", Command: "aws s3api get-bucket-versioning --bucket BUCKET", per: perBucket,
			Means: "whether a bucket keeps old versions", read: readVersioning},
		{Name: "bucket-replication", Command: "aws s3api get-bucket-replication --bucket BUCKET", per: perBucket,
			Means: "where a bucket's objects are copied to", members: []string{"ReplicationConfiguration"}, none: []string{"ReplicationConfigurationNotFoundError"}, read: readReplication},
		{Name: "bucket-logging", Command: "aws s3api get-bucket-logging --bucket BUCKET", per: perBucket,
			Means: "where a bucket's access logs go", read: readLogging},
		{Name: "bucket-notification", Command: "aws s3api get-bucket-notification-configuration --bucket BUCKET", per: perBucket,
			Means: "who is told of objects' names, and which functions run on them", read: readNotification},
		{Name: "bucket-inventory", Command: "aws s3api list-bucket-inventory-configurations --bucket BUCKET", per: perBucket,
			Means: "where lists of a bucket's objects are written", members: []string{"InventoryConfigurationList"}, read: readInventory},
		{Name: "bucket-tags", Command: "aws s3api get-bucket-tagging --bucket BUCKET", per: perBucket,
			Means: "conditions on a bucket's tags", members: []string{"TagSet"}, none: []string{"NoSuchTagSet"}, read: readBucketTags},
		{Name: "access-points", Command: "aws s3control list-access-points --account-id ACCOUNT", per: perRegion,
			Means: "by which other names buckets are reached", members: []string{"AccessPointList"}, read: readAccessPoints},
		{Name: "access-point", Command: "aws s3control get-access-point --account-id ACCOUNT --name NAME", per: perAccessPoint,
			Means: "whether an access point blocks public policies", members: []string{"AccessPointArn", "NetworkOrigin"}, read: readAccessPoint},
		{Name: "access-point-policy", Command: "aws s3control get-access-point-policy --account-id ACCOUNT --name NAME", per: perAccessPoint,
			Means: "whom an access point's policy lets in", none: []string{"NoSuchAccessPointPolicy"}, read: readAccessPointPolicy},
		{Name: "object-lambda-access-points", Command: "aws s3control list-access-points-for-object-lambda --account-id ACCOUNT", per: perRegion,
			Means: "which Object Lambda access points there are", members: []string{"ObjectLambdaAccessPointList"}, read: readObjectLambdas},
		{Name: "object-lambda-access-point", Command: "aws s3control get-access-point-configuration-for-object-lambda --account-id ACCOUNT --name NAME", per: perObjectLambda,
			Means: "through which function and access point an Object Lambda access point reads", members: []string{"Configuration"}, read: readObjectLambda},
		{Name: "object-lambda-access-point-policy", Command: "aws s3control get-access-point-policy-for-object-lambda --account-id ACCOUNT --name NAME", per: perObjectLambda,
			Means: "whom an Object Lambda access point's policy lets in", none: []string{"NoSuchAccessPointPolicy"}, read: readAccessPointPolicy},
		{Name: "multi-region-access-points", Command: "aws s3control list-multi-region-access-points --account-id ACCOUNT --region us-west-2",
			Means: "which multi-region access points there are", members: []string{"AccessPoints"}, read: readMultiRegion},
		{Name: "multi-region-access-point-policy", Command: "aws s3control get-multi-region-access-point-policy --account-id ACCOUNT --name NAME --region us-west-2", per: perMultiRegion,
			Means: "whom a multi-region access point's policy lets in", read: readMultiRegionPolicy},
		{Name: "access-grants", Command: "aws s3control list-access-grants --account-id ACCOUNT", per: perRegion,
			Means: "whom S3 Access Grants let in", members: []string{"AccessGrantsList"}, none: []string{"AccessGrantsInstanceNotExistsError"}, read: readAccessGrants},

		{Name: "keys", Command: "aws kms list-keys", per: perRegion,
			Means: "which KMS keys there are", members: []string{"Keys"}, read: readKeys},
		{Name: "key", Command: "aws kms describe-key --key-id KEY", per: perKey,
			Means: "a key's state and who manages it", members: []string{"KeyMetadata"}, read: readKey},
		{Name: "key-policy", Command: "aws kms get-key-policy --key-id KEY --policy-name default", per: perKey,
			Means: "who may use a key: without it nobody can say", members: []string{"Policy", "PolicyName"}, read: readKeyPolicy},
		{Name: "key-grants", Command: "aws kms list-grants --key-id KEY", per: perKey,
			Means: "who may use a key by a grant, whatever policies say", members: []string{"Grants"}, read: readGrants},
		{Name: "key-tags", Command: "aws kms list-resource-tags --key-id KEY", per: perKey,
			Means: "conditions on a key's tags", read: readKeyTags},
		{Name: "key-aliases", Command: "aws kms list-aliases", per: perRegion,
			Means: "permissions by a key's alias", members: []string{"Aliases"}, read: readAliases},

		{Name: "instances", Command: "aws ec2 describe-instances", per: perRegion,
			Means: "which instances run with which role, and how one logs on to them", members: []string{"Reservations"}, read: readInstances},
		{Name: "instance-user-data", Command: "aws ec2 describe-instance-attribute --attribute userData --instance-id ID", per: perResource,
			Means: "whether an instance has user data", members: []string{"InstanceId", "UserData"}, read: readUserData},
		{Name: "managed-instances", Command: "aws ssm describe-instance-information", per: perRegion,
			Means: "on which instances Systems Manager's agent runs", members: []string{"InstanceInformationList"}, read: readManagedInstances},
		{Name: "security-groups", Command: "aws ec2 describe-security-groups", per: perRegion,
			Means: "which ports are open to whom", members: []string{"SecurityGroups"}, read: readSecurityGroups},
		{Name: "key-pairs", Command: "aws ec2 describe-key-pairs", per: perRegion,
			Means: "which SSH key pairs there are", members: []string{"KeyPairs"}, read: readKeyPairs},
		{Name: "serial-console", Command: "aws ec2 get-serial-console-access-status", per: perRegion,
			Means: "whether the serial console is enabled", members: []string{"SerialConsoleAccessEnabled"}, read: readSerialConsole},
		{Name: "instance-connect-endpoints", Command: "aws ec2 describe-instance-connect-endpoints", per: perRegion,
			Means: "into which networks EC2 Instance Connect opens tunnels", members: []string{"InstanceConnectEndpoints"}, none: []string{"InvalidAction"}, read: readConnectPoints},
		{Name: "launch-templates", Command: "aws ec2 describe-launch-templates", per: perRegion,
			Means: "which launch templates there are", members: []string{"LaunchTemplates"}, read: readTemplates},
		{Name: "launch-template-versions", Command: "aws ec2 describe-launch-template-versions --versions '$Default' '$Latest'", per: perRegion,
			Means: "with which profile, key and user data a launch template starts instances", members: []string{"LaunchTemplateVersions"}, read: readTemplateVersions},
		{Name: "auto-scaling-groups", Command: "aws autoscaling describe-auto-scaling-groups", per: perRegion,
			Means: "what starts instances by itself", members: []string{"AutoScalingGroups"}, read: readScalingGroups},
		{Name: "launch-configurations", Command: "aws autoscaling describe-launch-configurations", per: perRegion,
			Means: "with which profile older scaling groups start instances", members: []string{"LaunchConfigurations"}, read: readLaunchConfigurations},
		{Name: "vpc-endpoints", Command: "aws ec2 describe-vpc-endpoints", per: perRegion,
			Means: "which private ways to S3 and KMS there are, and what their policies permit", members: []string{"VpcEndpoints"}, read: readEndpoints},
		{Name: "images", Command: "aws ec2 describe-images --owners self", per: perRegion,
			Means: "which machine images there are", members: []string{"Images"}, read: readImages},
		{Name: "image-sharing", Command: "aws ec2 describe-image-attribute --attribute launchPermission --image-id ID", per: perResource,
			Means: "to whom a machine image is shared", members: []string{"ImageId", "LaunchPermissions"}, read: readImageSharing},
		{Name: "snapshots", Command: "aws ec2 describe-snapshots --owner-ids self", per: perRegion,
			Means: "which disk snapshots there are", members: []string{"Snapshots"}, read: readSnapshots},
		{Name: "snapshot-sharing", Command: "aws ec2 describe-snapshot-attribute --attribute createVolumePermission --snapshot-id ID", per: perResource,
			Means: "to whom a disk snapshot is shared", members: []string{"SnapshotId", "CreateVolumePermissions"}, read: readSnapshotSharing},

		{Name: "functions", Command: "aws lambda list-functions", per: perRegion,
			Means: "which functions run with which role", members: []string{"Functions"}, read: readFunctions},
		{Name: "function-policy", Command: "aws lambda get-policy --function-name NAME", per: perFunction,
			Means: "who may invoke a function by its own policy", members: []string{"Policy", "RevisionId"}, none: []string{"ResourceNotFoundException"}, read: readFunctionPolicy},
		{Name: "function-urls", Command: "aws lambda list-function-url-configs --function-name NAME", per: perFunction,
			Means: "whether a function answers at a URL", members: []string{"FunctionUrlConfigs"}, read: readFunctionURLs},
		{Name: "task-definition-list", Command: "aws ecs list-task-definitions", per: perRegion,
			Means: "which task definitions there are", members: []string{"taskDefinitionArns"}, read: readTaskDefinitionList},
		{Name: "task-definition", Command: "aws ecs describe-task-definition --task-definition ARN", per: perResource,
			Means: "with which role a task runs", members: []string{"taskDefinition"}, read: readTaskDefinition},
		{Name: "clusters", Command: "aws ecs list-clusters", per: perRegion,
			Means: "which ECS clusters there are", members: []string{"clusterArns"}, read: readClusters},
		{Name: "services", Command: "aws ecs describe-services --cluster ARN --services ARN…", per: perResource,
			Means: "which services run tasks, and whether they let people into containers", members: []string{"services"}, read: readServices},
		{Name: "tasks", Command: "aws ecs describe-tasks --cluster ARN --tasks ARN…", per: perResource,
			Means: "which tasks run, and whether they let people into containers", members: []string{"tasks"}, read: readTasks},
		{Name: "project-list", Command: "aws codebuild list-projects", per: perRegion,
			Means: "which CodeBuild projects there are", read: readProjectList},
		{Name: "projects", Command: "aws codebuild batch-get-projects --names NAME…", per: perResource,
			Means: "with which role a CodeBuild project builds", members: []string{"projects"}, read: readProjects},
		{Name: "stacks", Command: "aws cloudformation describe-stacks", per: perRegion,
			Means: "which stacks act with which role", members: []string{"Stacks"}, read: readStacks},
		{Name: "stack-sets", Command: "aws cloudformation list-stack-sets --status ACTIVE", per: perRegion,
			Means: "which stack sets there are", members: []string{"Summaries"}, read: readStackSets},
		{Name: "stack-set", Command: "aws cloudformation describe-stack-set --stack-set-name NAME", per: perResource,
			Means: "with which role a stack set acts", members: []string{"StackSet"}, read: readStackSet},
		{Name: "dev-endpoints", Command: "aws glue get-dev-endpoints", per: perRegion,
			Means: "which Glue development endpoints run with which role", members: []string{"DevEndpoints"}, read: readDevEndpoints},
		{Name: "glue-jobs", Command: "aws glue get-jobs", per: perRegion,
			Means: "which Glue jobs run with which role", members: []string{"Jobs"}, read: readJobs},
		{Name: "notebooks", Command: "aws sagemaker list-notebook-instances", per: perRegion,
			Means: "which SageMaker notebooks there are", members: []string{"NotebookInstances"}, read: readNotebooks},
		{Name: "notebook", Command: "aws sagemaker describe-notebook-instance --notebook-instance-name NAME", per: perResource,
			Means: "with which role a SageMaker notebook runs", members: []string{"NotebookInstanceName", "RoleArn"}, read: readNotebook},
		{Name: "apprunner-services", Command: "aws apprunner list-services", per: perRegion,
			Means: "which App Runner services there are", members: []string{"ServiceSummaryList"}, read: readAppRunnerList},
		{Name: "apprunner-service", Command: "aws apprunner describe-service --service-arn ARN", per: perResource,
			Means: "with which role an App Runner service runs", members: []string{"Service"}, read: readAppRunner},
		{Name: "batch-job-definitions", Command: "aws batch describe-job-definitions --status ACTIVE", per: perRegion,
			Means: "with which role batch jobs run", members: []string{"jobDefinitions"}, read: readBatch},
		{Name: "state-machines", Command: "aws stepfunctions list-state-machines", per: perRegion,
			Means: "which Step Functions state machines there are", members: []string{"stateMachines"}, read: readStateMachines},
		{Name: "state-machine", Command: "aws stepfunctions describe-state-machine --state-machine-arn ARN", per: perResource,
			Means: "with which role a state machine runs", members: []string{"stateMachineArn", "roleArn"}, read: readStateMachine},
		{Name: "data-pipelines", Command: "aws datapipeline list-pipelines", per: perRegion,
			Means: "which Data Pipeline pipelines there are", members: []string{"pipelineIdList"}, read: readPipelines},
		{Name: "code-interpreters", Command: "aws bedrock-agentcore-control list-code-interpreters", per: perRegion,
			Means: "which Bedrock AgentCore code interpreters there are", members: []string{"codeInterpreterSummaries"}, read: readInterpreters},
		{Name: "code-interpreter", Command: "aws bedrock-agentcore-control get-code-interpreter --code-interpreter-id ID", per: perResource,
			Means: "with which role a code interpreter runs", members: []string{"codeInterpreterId", "codeInterpreterArn"}, read: readInterpreter},
		{Name: "eks-clusters", Command: "aws eks list-clusters", per: perRegion,
			Means: "which EKS clusters there are", members: []string{"clusters"}, first: "-", read: readEKS},
		{Name: "pod-identities", Command: "aws eks list-pod-identity-associations --cluster-name NAME", per: perResource,
			Means: "to which pods of an EKS cluster roles are given", members: []string{"associations"}, read: readPodIdentities},
		{Name: "pod-identity", Command: "aws eks describe-pod-identity-association --cluster-name NAME --association-id ID", per: perResource,
			Means: "which pods of EKS get which role", members: []string{"association"}, read: readPodIdentity},

		{Name: "rolesanywhere-profiles", Command: "aws rolesanywhere list-profiles", per: perRegion,
			Means: "which roles machines outside take on with a certificate (IAM Roles Anywhere)", members: []string{"profiles"}, read: readAnchorProfiles},
		{Name: "identity-center", Command: "aws sso-admin list-instances", per: perRegion,
			Means: "whether IAM Identity Center is managed from this account", members: []string{"Instances"}, read: readCenters},
		{Name: "permission-sets", Command: "aws sso-admin list-permission-sets-provisioned-to-account --account-id ACCOUNT --instance-arn ARN", per: perResource,
			Means: "which permission sets of IAM Identity Center the account has", members: []string{"PermissionSets"}, read: readPermissionSets},
		{Name: "permission-set", Command: "aws sso-admin describe-permission-set --instance-arn ARN --permission-set-arn ARN", per: perResource,
			Means: "which role a permission set of IAM Identity Center is", members: []string{"PermissionSet"}, read: readPermissionSet},
		{Name: "permission-set-assignments", Command: "aws sso-admin list-account-assignments --account-id ACCOUNT --instance-arn ARN --permission-set-arn ARN", per: perResource,
			Means: "to which groups and people of IAM Identity Center a permission set is given", members: []string{"AccountAssignments"}, read: readAssignments},
		{Name: "repositories", Command: "aws ecr describe-repositories", per: perRegion,
			Means: "which repositories of container images there are", members: []string{"repositories"}, read: readRepositories},
		{Name: "repository-policy", Command: "aws ecr get-repository-policy --repository-name NAME", per: perResource,
			Means: "who may push images by a repository’s own policy", members: []string{"repositoryName", "policyText"}, none: []string{"RepositoryPolicyNotFoundException"}, read: readRepositoryPolicy},
		{Name: "secrets", Command: "aws secretsmanager list-secrets", per: perRegion,
			Means: "which secrets there are", members: []string{"SecretList"}, read: readSecrets},
		{Name: "secret-policy", Command: "aws secretsmanager get-resource-policy --secret-id ARN", per: perResource,
			Means: "who may read a secret by its own policy", members: []string{"ARN", "Name"}, none: []string{"ResourceNotFoundException"}, read: readSecretPolicy},
		{Name: "protected-resources", Command: "aws backup list-protected-resources", per: perRegion,
			Means: "of what AWS Backup holds copies", members: []string{"Results"}, read: readProtected},
		{Name: "backup-vaults", Command: "aws backup list-backup-vaults", per: perRegion,
			Means: "which backup vaults there are", members: []string{"BackupVaultList"}, read: readVaults},
		{Name: "backup-vault-policy", Command: "aws backup get-backup-vault-access-policy --backup-vault-name NAME", per: perResource,
			Means: "whom a backup vault’s policy lets in or keeps out", members: []string{"BackupVaultArn", "Policy"}, none: []string{"ResourceNotFoundException"}, read: readVaultPolicy},
		{Name: "schedules", Command: "aws scheduler list-schedules", per: perRegion,
			Means: "which schedules of EventBridge there are", members: []string{"Schedules"}, read: readSchedules},
		{Name: "schedule", Command: "aws scheduler get-schedule --group-name GROUP --name NAME", per: perResource,
			Means: "with which role a schedule calls", members: []string{"Arn", "ScheduleExpression"}, read: readSchedule},
		{Name: "datasync-locations", Command: "aws datasync list-locations", per: perRegion,
			Means: "between which places DataSync copies", members: []string{"Locations"}, read: readLocations},
		{Name: "datasync-location", Command: "aws datasync describe-location-s3 --location-arn ARN", per: perResource,
			Means: "with which role DataSync reads a bucket", members: []string{"LocationArn", "S3Config"}, read: readSyncLocation},
		{Name: "transfer-servers", Command: "aws transfer list-servers", per: perRegion,
			Means: "which SFTP servers of Transfer Family there are", members: []string{"Servers"}, read: readServers},
		{Name: "transfer-users", Command: "aws transfer list-users --server-id ID", per: perResource,
			Means: "with which role an SFTP user of Transfer Family reads", members: []string{"ServerId", "Users"}, read: readServerUsers},
		{Name: "emr-clusters", Command: "aws emr list-clusters --active", per: perRegion,
			Means: "which EMR clusters run", members: []string{"Clusters"}, first: "Id", read: readEMRClusters},
		{Name: "emr-cluster", Command: "aws emr describe-cluster --cluster-id ID", per: perResource,
			Means: "with which profile an EMR cluster runs", members: []string{"Cluster"}, read: readEMRCluster},
		{Name: "emr-applications", Command: "aws emr-serverless list-applications", per: perRegion,
			Means: "which applications of EMR Serverless there are", members: []string{"applications"}, read: readApplications},
		{Name: "redshift-clusters", Command: "aws redshift describe-clusters", per: perRegion,
			Means: "which Redshift clusters read with which roles", members: []string{"Clusters"}, first: "ClusterIdentifier", read: readRedshift},
		{Name: "redshift-namespaces", Command: "aws redshift-serverless list-namespaces", per: perRegion,
			Means: "which namespaces of Redshift Serverless read with which roles", members: []string{"namespaces"}, read: readNamespaces},
		{Name: "db-clusters", Command: "aws rds describe-db-clusters", per: perRegion,
			Means: "which database clusters read with which roles", members: []string{"DBClusters"}, read: readDBClusters},
		{Name: "db-instances", Command: "aws rds describe-db-instances", per: perRegion,
			Means: "which databases read with which roles", members: []string{"DBInstances"}, read: readDBs},
		{Name: "athena-workgroups", Command: "aws athena list-work-groups", per: perRegion,
			Means: "which workgroups of Athena there are", members: []string{"WorkGroups"}, read: readWorkgroups},
		{Name: "athena-workgroup", Command: "aws athena get-work-group --work-group NAME", per: perResource,
			Means: "with which role the notebooks of a workgroup of Athena run", members: []string{"WorkGroup"}, read: readWorkgroup},

		{Name: "trails", Command: "aws cloudtrail describe-trails", per: perRegion,
			Means: "which CloudTrail trails there are", members: []string{"trailList"}, read: readTrails},
		{Name: "trail-status", Command: "aws cloudtrail get-trail-status --name TRAIL", per: perTrail,
			Means: "whether a trail is logging", members: []string{"IsLogging"}, read: readTrailStatus},
		{Name: "trail-selectors", Command: "aws cloudtrail get-event-selectors --trail-name TRAIL", per: perTrail,
			Means: "whether a trail logs reads of objects", members: []string{"TrailARN"}, read: readTrailSelectors},
	} {
		inputs[in.Name] = in
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
