package aws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

type params = map[string]any

// protocols of AWS's APIs (smithy.io/2.0/aws/protocols).
type protocol int

const (
	queryXML   protocol = iota // awsQuery and ec2Query
	targetJSON                 // awsJson1_0 and awsJson1_1
	restJSON
	restXML
)

// service is one of AWS's services: how it is spoken to, and where.
type service struct {
	protocol protocol
	version  string // of the API, or of JSON
	target   string
	host     string // before .REGION.amazonaws.com, where it is not the service's name
	signs    string // the name it is signed for, likewise
	global   bool   // one endpoint for all regions
}

var services = map[string]service{
	"sts":                 {protocol: queryXML, version: "2011-06-15"},
	"iam":                 {protocol: queryXML, version: "2010-05-08", global: true},
	"ec2":                 {protocol: queryXML, version: "2016-11-15"},
	"autoscaling":         {protocol: queryXML, version: "2011-01-01"},
	"cloudformation":      {protocol: queryXML, version: "2010-05-15"},
	"organizations":       {protocol: targetJSON, version: "1.1", target: "AWSOrganizationsV20161128", global: true},
	"kms":                 {protocol: targetJSON, version: "1.1", target: "TrentService"},
	"ecs":                 {protocol: targetJSON, version: "1.1", target: "AmazonEC2ContainerServiceV20141113"},
	"codebuild":           {protocol: targetJSON, version: "1.1", target: "CodeBuild_20161006"},
	"glue":                {protocol: targetJSON, version: "1.1", target: "AWSGlue"},
	"sagemaker":           {protocol: targetJSON, version: "1.1", target: "SageMaker", host: "api.sagemaker"},
	"apprunner":           {protocol: targetJSON, version: "1.0", target: "AppRunner"},
	"states":              {protocol: targetJSON, version: "1.0", target: "AWSStepFunctions"},
	"datapipeline":        {protocol: targetJSON, version: "1.1", target: "DataPipeline"},
	"ssm":                 {protocol: targetJSON, version: "1.1", target: "AmazonSSM"},
	"cloudtrail":          {protocol: targetJSON, version: "1.1", target: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"},
	"sso":                 {protocol: targetJSON, version: "1.1", target: "SWBExternalService"},
	"ecr":                 {protocol: targetJSON, version: "1.1", target: "AmazonEC2ContainerRegistry_V20150921", host: "api.ecr"},
	"datasync":            {protocol: targetJSON, version: "1.1", target: "FmrsService"},
	"transfer":            {protocol: targetJSON, version: "1.1", target: "TransferService"},
	"elasticmapreduce":    {protocol: targetJSON, version: "1.1", target: "ElasticMapReduce"},
	"redshift-serverless": {protocol: targetJSON, version: "1.1", target: "RedshiftServerless"},
	"secretsmanager":      {protocol: targetJSON, version: "1.1", target: "secretsmanager"},
	"athena":              {protocol: targetJSON, version: "1.1", target: "AmazonAthena"},
	"redshift":            {protocol: queryXML, version: "2012-12-01"},
	"rds":                 {protocol: queryXML, version: "2014-10-31"},
	"scheduler":           {protocol: restJSON},
	"emr-serverless":      {protocol: restJSON},
	"backup":              {protocol: restJSON},
	"lambda":              {protocol: restJSON},
	"batch":               {protocol: restJSON},
	"eks":                 {protocol: restJSON},
	"rolesanywhere":       {protocol: restJSON},
	"bedrock-agentcore":   {protocol: restJSON, host: "bedrock-agentcore-control"},
	"s3":                  {protocol: restXML},
	"s3control":           {protocol: restXML, host: "s3-control", signs: "s3"},
}

func (s service) signing(name string) string { return cmp.Or(s.signs, name) }

// signedFor is the region in the signature.
func (s service) signedFor(region, partition string) string {
	if !s.global {
		return region
	}
	return map[string]string{"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}[partition]
}

// endpoint is where a service answers for a region
// (docs.aws.amazon.com/general/latest/gr/aws-service-information.html).
func (s service) endpoint(name, region, account, partition string) string {
	suffix := "amazonaws.com"
	if partition == "aws-cn" {
		suffix += ".cn"
	}
	host := cmp.Or(s.host, name)
	switch {
	case name == "iam" && partition == "aws":
		host = "iam"
	case name == "iam" && partition == "aws-cn":
		host = "iam.cn-north-1"
	case name == "iam":
		host = "iam.us-gov"
	case s.global: // organizations
		host += "." + map[string]string{"aws": "us-east-1", "aws-cn": "cn-northwest-1", "aws-us-gov": "us-gov-west-1"}[partition]
	case name == "s3control":
		host = account + "." + host + "." + region
	default:
		host += "." + region
	}
	return "https://" + host + "." + suffix
}

// operation is one thing that is asked.
type operation struct {
	service, name string
	action        string // what IAM calls the permission, where it is not service:name
	method, path  string // of REST; {hole}s are parameters, a query is fixed
	// shape makes an XML answer what the AWS CLI prints; the protocol's own way where nil.
	shape func(*element) object
	// token is the member of an answer that says how to go on, and back the parameter that
	// says so.
	token, back string
	// lists are members that are there even where they are empty.
	lists []string
}

func (o operation) permission() string { return cmp.Or(o.action, o.service+":"+o.name) }

// answer reads a body as the AWS CLI would print it.
func (o operation) answer(body []byte) (object, error) {
	var out object
	switch services[o.service].protocol {
	case targetJSON, restJSON:
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.UseNumber()
		if err := d.Decode(&out); err != nil || out == nil {
			return nil, fmt.Errorf("%s of %s answered what is not JSON: %w", o.name, o.service, err)
		}
	default:
		if o.name == "GetBucketPolicy" { // the one that is no XML
			return object{"Policy": string(body)}, nil
		}
		e, err := readXML(body)
		if err != nil {
			return nil, fmt.Errorf("%s of %s answered what is not XML: %w", o.name, o.service, err)
		}
		switch {
		case o.shape != nil:
			out = o.shape(e)
		case o.service == "ec2":
			out, _ = e.generic("item", ec2Name).(object)
		default:
			if r := e.at(o.name + "Result"); r != nil {
				e = r
			}
			out, _ = e.generic("member", asIs).(object)
		}
		if out == nil {
			out = object{}
		}
	}
	for _, l := range o.lists {
		if out[l] == nil {
			out[l] = []any{}
		}
	}
	delete(out, "requestId")
	delete(out, "RequestId")
	return hide(out).(object), nil
}

// secret are members that may hold passwords and the like, and of which nothing here needs
// more than that they are there.
var secret = []string{"environment", "environmentvariables", "parameters", "outputs", "secrets", "secondarysourcesversions", "buildspec", "defaultarguments", "nonoverridablearguments",
	"command", "entrypoint", "definition", "logconfiguration", "dockerlabels", "arguments", "runtimeenvironmentvariables", "runtimeenvironmentsecrets", "startcommand", "buildcommand", "publickey", "publickeys",
	"input", "configurations", "kerberosattributes", "pendingmodifiedvalues"}

const leftOut = "(left out)"

// hide takes out what may be secret, at any depth. Of user data it leaves that there is
// some.
func hide(v any) any {
	switch v := v.(type) {
	case object:
		for k, m := range v {
			switch fold := strings.ToLower(k); {
			case slices.Contains(secret, fold):
				delete(v, k)
			case fold == "userdata":
				if s, ok := m.(string); ok && s != "" {
					v[k] = leftOut
				} else if o, ok := m.(object); ok && o["Value"] != nil && o["Value"] != "" {
					v[k] = object{"Value": leftOut}
				}
			default:
				v[k] = hide(m)
			}
		}
	case []any:
		for i := range v {
			v[i] = hide(v[i])
		}
	case []object:
		for i := range v {
			v[i], _ = hide(v[i]).(object)
		}
	}
	return v
}

// The operations, one place for all: permissions are made of this list.
var (
	getCaller = operation{service: "sts", name: "GetCallerIdentity"}

	getDetails      = operation{service: "iam", name: "GetAccountAuthorizationDetails", token: "Marker", back: "Marker", lists: []string{"UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"}}
	makeReport      = operation{service: "iam", name: "GenerateCredentialReport"}
	getReport       = operation{service: "iam", name: "GetCredentialReport"}
	getSummary      = operation{service: "iam", name: "GetAccountSummary"}
	listProfiles    = operation{service: "iam", name: "ListInstanceProfiles", token: "Marker", back: "Marker", lists: []string{"InstanceProfiles"}}
	listSAML        = operation{service: "iam", name: "ListSAMLProviders", lists: []string{"SAMLProviderList"}}
	listOIDC        = operation{service: "iam", name: "ListOpenIDConnectProviders", lists: []string{"OpenIDConnectProviderList"}}
	getOIDC         = operation{service: "iam", name: "GetOpenIDConnectProvider", lists: []string{"ClientIDList"}}
	describeOrg     = operation{service: "organizations", name: "DescribeOrganization"}
	listRoots       = operation{service: "organizations", name: "ListRoots", token: "NextToken", back: "NextToken", lists: []string{"Roots"}}
	listParents     = operation{service: "organizations", name: "ListParents", token: "NextToken", back: "NextToken", lists: []string{"Parents"}}
	listForTarget   = operation{service: "organizations", name: "ListPoliciesForTarget", token: "NextToken", back: "NextToken", lists: []string{"Policies"}}
	describePolicy  = operation{service: "organizations", name: "DescribePolicy"}
	describeRegions = operation{service: "ec2", name: "DescribeRegions", lists: []string{"Regions"}}

	listBuckets    = operation{service: "s3", name: "ListBuckets", action: "s3:ListAllMyBuckets", method: "GET", path: "/", shape: buckets, token: "ContinuationToken", back: "continuation-token"}
	bucketLocation = operation{service: "s3", name: "GetBucketLocation", method: "GET", path: "/{bucket}?location", shape: func(e *element) object { return object{"LocationConstraint": e.text} }}
	bucketPolicy   = operation{service: "s3", name: "GetBucketPolicy", method: "GET", path: "/{bucket}?policy"}
	bucketBlock    = operation{service: "s3", name: "GetPublicAccessBlock", action: "s3:GetBucketPublicAccessBlock", method: "GET", path: "/{bucket}?publicAccessBlock", shape: block}
	bucketACL      = operation{service: "s3", name: "GetBucketAcl", method: "GET", path: "/{bucket}?acl", shape: acl}
	bucketOwner    = operation{service: "s3", name: "GetBucketOwnershipControls", method: "GET", path: "/{bucket}?ownershipControls", shape: ownership}
	bucketCrypt    = operation{service: "s3", name: "GetBucketEncryption", action: "s3:GetEncryptionConfiguration", method: "GET", path: "/{bucket}?encryption", shape: encryption}
	bucketVersions = operation{service: "s3", name: "GetBucketVersioning", method: "GET", path: "/{bucket}?versioning", shape: func(e *element) object { return e.fields("Status") }}
	bucketReplica  = operation{service: "s3", name: "GetBucketReplication", action: "s3:GetReplicationConfiguration", method: "GET", path: "/{bucket}?replication", shape: replication}
	bucketLogs     = operation{service: "s3", name: "GetBucketLogging", method: "GET", path: "/{bucket}?logging", shape: logsTo}
	bucketNotify   = operation{service: "s3", name: "GetBucketNotificationConfiguration", action: "s3:GetBucketNotification", method: "GET", path: "/{bucket}?notification", shape: notification}
	bucketLists    = operation{service: "s3", name: "ListBucketInventoryConfigurations", action: "s3:GetInventoryConfiguration", method: "GET", path: "/{bucket}?inventory", shape: inventories, token: "NextContinuationToken", back: "continuation-token"}
	bucketTags     = operation{service: "s3", name: "GetBucketTagging", method: "GET", path: "/{bucket}?tagging", shape: tagged}

	accountBlock      = operation{service: "s3control", name: "GetPublicAccessBlock", action: "s3:GetAccountPublicAccessBlock", method: "GET", path: "/v20180820/configuration/publicAccessBlock", shape: block}
	listPoints        = operation{service: "s3control", name: "ListAccessPoints", action: "s3:ListAccessPoints", method: "GET", path: "/v20180820/accesspoint", shape: points("AccessPointList", "AccessPoint"), token: "NextToken", back: "nextToken"}
	getPoint          = operation{service: "s3control", name: "GetAccessPoint", action: "s3:GetAccessPoint", method: "GET", path: "/v20180820/accesspoint/{name}", shape: point}
	pointPolicy       = operation{service: "s3control", name: "GetAccessPointPolicy", action: "s3:GetAccessPointPolicy", method: "GET", path: "/v20180820/accesspoint/{name}/policy", shape: policyText}
	listObjectLambda  = operation{service: "s3control", name: "ListAccessPointsForObjectLambda", action: "s3:ListAccessPointsForObjectLambda", method: "GET", path: "/v20180820/accesspointforobjectlambda", shape: points("ObjectLambdaAccessPointList", "ObjectLambdaAccessPoint"), token: "NextToken", back: "nextToken"}
	getObjectLambda   = operation{service: "s3control", name: "GetAccessPointConfigurationForObjectLambda", action: "s3:GetAccessPointConfigurationForObjectLambda", method: "GET", path: "/v20180820/accesspointforobjectlambda/{name}/configuration", shape: objectLambda}
	objectLambdaRules = operation{service: "s3control", name: "GetAccessPointPolicyForObjectLambda", action: "s3:GetAccessPointPolicyForObjectLambda", method: "GET", path: "/v20180820/accesspointforobjectlambda/{name}/policy", shape: policyText}
	listMultiRegion   = operation{service: "s3control", name: "ListMultiRegionAccessPoints", action: "s3:ListMultiRegionAccessPoints", method: "GET", path: "/v20180820/mrap/instances", shape: multiRegion, token: "NextToken", back: "nextToken"}
	multiRegionPolicy = operation{service: "s3control", name: "GetMultiRegionAccessPointPolicy", action: "s3:GetMultiRegionAccessPointPolicy", method: "GET", path: "/v20180820/mrap/instances/{name}/policy", shape: establishedPolicy}
	listGrants        = operation{service: "s3control", name: "ListAccessGrants", action: "s3:ListAccessGrants", method: "GET", path: "/v20180820/accessgrantsinstance/grants", shape: accessGrants, token: "NextToken", back: "nextToken"}

	listKeys    = operation{service: "kms", name: "ListKeys", token: "NextMarker", back: "Marker", lists: []string{"Keys"}}
	describeKey = operation{service: "kms", name: "DescribeKey"}
	keyPolicy   = operation{service: "kms", name: "GetKeyPolicy"}
	keyGrants   = operation{service: "kms", name: "ListGrants", token: "NextMarker", back: "Marker", lists: []string{"Grants"}}
	keyTags     = operation{service: "kms", name: "ListResourceTags", token: "NextMarker", back: "Marker", lists: []string{"Tags"}}
	keyAliases  = operation{service: "kms", name: "ListAliases", token: "NextMarker", back: "Marker", lists: []string{"Aliases"}}

	describeInstances  = ec2Listing("DescribeInstances", "Reservations")
	describeGroups     = ec2Listing("DescribeSecurityGroups", "SecurityGroups")
	describePairs      = operation{service: "ec2", name: "DescribeKeyPairs", lists: []string{"KeyPairs"}}
	describeTemplates  = ec2Listing("DescribeLaunchTemplates", "LaunchTemplates")
	templateVersions   = ec2Listing("DescribeLaunchTemplateVersions", "LaunchTemplateVersions")
	describeEndpoints  = ec2Listing("DescribeVpcEndpoints", "VpcEndpoints")
	describeConnect    = ec2Listing("DescribeInstanceConnectEndpoints", "InstanceConnectEndpoints")
	describeImages     = ec2Listing("DescribeImages", "Images")
	describeSnapshots  = ec2Listing("DescribeSnapshots", "Snapshots")
	instanceAttribute  = operation{service: "ec2", name: "DescribeInstanceAttribute"}
	imageAttribute     = operation{service: "ec2", name: "DescribeImageAttribute", lists: []string{"LaunchPermissions"}}
	snapshotAttribute  = operation{service: "ec2", name: "DescribeSnapshotAttribute", lists: []string{"CreateVolumePermissions"}}
	serialConsole      = operation{service: "ec2", name: "GetSerialConsoleAccessStatus"}
	managedInstances   = operation{service: "ssm", name: "DescribeInstanceInformation", token: "NextToken", back: "NextToken", lists: []string{"InstanceInformationList"}}
	scalingGroups      = operation{service: "autoscaling", name: "DescribeAutoScalingGroups", token: "NextToken", back: "NextToken", lists: []string{"AutoScalingGroups"}}
	configurations     = operation{service: "autoscaling", name: "DescribeLaunchConfigurations", token: "NextToken", back: "NextToken", lists: []string{"LaunchConfigurations"}}
	listFunctions      = operation{service: "lambda", name: "ListFunctions", method: "GET", path: "/2015-03-31/functions/", token: "NextMarker", back: "Marker", lists: []string{"Functions"}}
	functionPolicy     = operation{service: "lambda", name: "GetPolicy", method: "GET", path: "/2015-03-31/functions/{name}/policy"}
	functionURLs       = operation{service: "lambda", name: "ListFunctionUrlConfigs", method: "GET", path: "/2021-10-31/functions/{name}/urls", token: "NextMarker", back: "Marker", lists: []string{"FunctionUrlConfigs"}}
	listDefinitions    = operation{service: "ecs", name: "ListTaskDefinitions", token: "nextToken", back: "nextToken", lists: []string{"taskDefinitionArns"}}
	describeDefinition = operation{service: "ecs", name: "DescribeTaskDefinition"}
	listClusters       = operation{service: "ecs", name: "ListClusters", token: "nextToken", back: "nextToken", lists: []string{"clusterArns"}}
	listServices       = operation{service: "ecs", name: "ListServices", token: "nextToken", back: "nextToken", lists: []string{"serviceArns"}}
	describeServices   = operation{service: "ecs", name: "DescribeServices", lists: []string{"services"}}
	listTasks          = operation{service: "ecs", name: "ListTasks", token: "nextToken", back: "nextToken", lists: []string{"taskArns"}}
	describeTasks      = operation{service: "ecs", name: "DescribeTasks", lists: []string{"tasks"}}
	listProjects       = operation{service: "codebuild", name: "ListProjects", token: "nextToken", back: "nextToken", lists: []string{"projects"}}
	getProjects        = operation{service: "codebuild", name: "BatchGetProjects", lists: []string{"projects"}}
	describeStacks     = operation{service: "cloudformation", name: "DescribeStacks", token: "NextToken", back: "NextToken", lists: []string{"Stacks"}}
	listStackSets      = operation{service: "cloudformation", name: "ListStackSets", token: "NextToken", back: "NextToken", lists: []string{"Summaries"}}
	describeStackSet   = operation{service: "cloudformation", name: "DescribeStackSet"}
	devEndpoints       = operation{service: "glue", name: "GetDevEndpoints", token: "NextToken", back: "NextToken", lists: []string{"DevEndpoints"}}
	getJobs            = operation{service: "glue", name: "GetJobs", token: "NextToken", back: "NextToken", lists: []string{"Jobs"}}
	listNotebooks      = operation{service: "sagemaker", name: "ListNotebookInstances", token: "NextToken", back: "NextToken", lists: []string{"NotebookInstances"}}
	describeNotebook   = operation{service: "sagemaker", name: "DescribeNotebookInstance"}
	listAppRunner      = operation{service: "apprunner", name: "ListServices", token: "NextToken", back: "NextToken", lists: []string{"ServiceSummaryList"}}
	describeAppRunner  = operation{service: "apprunner", name: "DescribeService"}
	jobDefinitions     = operation{service: "batch", name: "DescribeJobDefinitions", method: "POST", path: "/v1/describejobdefinitions", token: "nextToken", back: "nextToken", lists: []string{"jobDefinitions"}}
	listMachines       = operation{service: "states", name: "ListStateMachines", token: "nextToken", back: "nextToken", lists: []string{"stateMachines"}}
	describeMachine    = operation{service: "states", name: "DescribeStateMachine"}
	listPipelines      = operation{service: "datapipeline", name: "ListPipelines", token: "marker", back: "marker", lists: []string{"pipelineIdList"}}
	listInterpreters   = operation{service: "bedrock-agentcore", name: "ListCodeInterpreters", method: "POST", path: "/code-interpreters", token: "nextToken", back: "nextToken", lists: []string{"codeInterpreterSummaries"}}
	getInterpreter     = operation{service: "bedrock-agentcore", name: "GetCodeInterpreter", method: "GET", path: "/code-interpreters/{id}"}
	listEKS            = operation{service: "eks", name: "ListClusters", method: "GET", path: "/clusters", token: "nextToken", back: "nextToken", lists: []string{"clusters"}}
	listPodIdentities  = operation{service: "eks", name: "ListPodIdentityAssociations", method: "GET", path: "/clusters/{cluster}/pod-identity-associations", token: "nextToken", back: "nextToken", lists: []string{"associations"}}
	describePod        = operation{service: "eks", name: "DescribePodIdentityAssociation", method: "GET", path: "/clusters/{cluster}/pod-identity-associations/{id}"}
	listAnchors        = operation{service: "rolesanywhere", name: "ListTrustAnchors", method: "GET", path: "/trustanchors", token: "nextToken", back: "nextToken", lists: []string{"trustAnchors"}}
	listAnchorProfiles = operation{service: "rolesanywhere", name: "ListProfiles", method: "GET", path: "/profiles", token: "nextToken", back: "nextToken", lists: []string{"profiles"}}
	listCenters        = operation{service: "sso", name: "ListInstances", token: "NextToken", back: "NextToken", lists: []string{"Instances"}}
	listPermissionSets = operation{service: "sso", name: "ListPermissionSetsProvisionedToAccount", token: "NextToken", back: "NextToken", lists: []string{"PermissionSets"}}
	describeSet        = operation{service: "sso", name: "DescribePermissionSet"}
	listAssignments    = operation{service: "sso", name: "ListAccountAssignments", token: "NextToken", back: "NextToken", lists: []string{"AccountAssignments"}}
	listRepositories   = operation{service: "ecr", name: "DescribeRepositories", token: "nextToken", back: "nextToken", lists: []string{"repositories"}}
	repositoryPolicy   = operation{service: "ecr", name: "GetRepositoryPolicy"}
	listSecrets        = operation{service: "secretsmanager", name: "ListSecrets", token: "NextToken", back: "NextToken", lists: []string{"SecretList"}}
	secretPolicy       = operation{service: "secretsmanager", name: "GetResourcePolicy"}
	listVaults         = operation{service: "backup", name: "ListBackupVaults", method: "GET", path: "/backup-vaults/", token: "NextToken", back: "nextToken", lists: []string{"BackupVaultList"}}
	vaultPolicy        = operation{service: "backup", name: "GetBackupVaultAccessPolicy", method: "GET", path: "/backup-vaults/{name}/access-policy"}
	listProtected      = operation{service: "backup", name: "ListProtectedResources", method: "GET", path: "/resources/", token: "NextToken", back: "nextToken", lists: []string{"Results"}}
	listSchedules      = operation{service: "scheduler", name: "ListSchedules", method: "GET", path: "/schedules", token: "NextToken", back: "NextToken", lists: []string{"Schedules"}}
	getSchedule        = operation{service: "scheduler", name: "GetSchedule", method: "GET", path: "/schedules/{name}"}
	listLocations      = operation{service: "datasync", name: "ListLocations", token: "NextToken", back: "NextToken", lists: []string{"Locations"}}
	describeLocation   = operation{service: "datasync", name: "DescribeLocationS3"}
	listServers        = operation{service: "transfer", name: "ListServers", token: "NextToken", back: "NextToken", lists: []string{"Servers"}}
	listServerUsers    = operation{service: "transfer", name: "ListUsers", token: "NextToken", back: "NextToken", lists: []string{"Users"}}
	listEMR            = operation{service: "elasticmapreduce", name: "ListClusters", token: "Marker", back: "Marker", lists: []string{"Clusters"}}
	describeEMR        = operation{service: "elasticmapreduce", name: "DescribeCluster"}
	listApplications   = operation{service: "emr-serverless", name: "ListApplications", method: "GET", path: "/applications", token: "nextToken", back: "nextToken", lists: []string{"applications"}}
	describeRedshift   = operation{service: "redshift", name: "DescribeClusters", shape: redshiftClusters, token: "Marker", back: "Marker"}
	listNamespaces     = operation{service: "redshift-serverless", name: "ListNamespaces", token: "nextToken", back: "nextToken", lists: []string{"namespaces"}}
	describeDBClusters = operation{service: "rds", name: "DescribeDBClusters", shape: databases("DBClusters", "DBCluster", "DBClusterRole", "DBClusterIdentifier", "DBClusterArn", "Status"), token: "Marker", back: "Marker"}
	describeDBs        = operation{service: "rds", name: "DescribeDBInstances", shape: databases("DBInstances", "DBInstance", "DBInstanceRole", "DBInstanceIdentifier", "DBInstanceArn", "DBInstanceStatus"), token: "Marker", back: "Marker"}
	listWorkgroups     = operation{service: "athena", name: "ListWorkGroups", token: "NextToken", back: "NextToken", lists: []string{"WorkGroups"}}
	getWorkgroup       = operation{service: "athena", name: "GetWorkGroup"}
	describeTrails     = operation{service: "cloudtrail", name: "DescribeTrails", lists: []string{"trailList"}}
	trailStatus        = operation{service: "cloudtrail", name: "GetTrailStatus"}
	trailSelectors     = operation{service: "cloudtrail", name: "GetEventSelectors"}
)

func ec2Listing(name, list string) operation {
	return operation{service: "ec2", name: name, token: "NextToken", back: "NextToken", lists: []string{list}}
}

var operations = []operation{
	getCaller, getDetails, makeReport, getReport, getSummary, listProfiles, listSAML, listOIDC, getOIDC, describeOrg, listRoots, listParents, listForTarget, describePolicy, describeRegions,
	listBuckets, bucketLocation, bucketPolicy, bucketBlock, bucketACL, bucketOwner, bucketCrypt, bucketVersions, bucketReplica, bucketLogs, bucketNotify, bucketLists, bucketTags,
	accountBlock, listPoints, getPoint, pointPolicy, listObjectLambda, getObjectLambda, objectLambdaRules, listMultiRegion, multiRegionPolicy, listGrants,
	listKeys, describeKey, keyPolicy, keyGrants, keyTags, keyAliases,
	describeInstances, describeGroups, describePairs, describeTemplates, templateVersions, describeEndpoints, describeConnect, describeImages, describeSnapshots, instanceAttribute, imageAttribute, snapshotAttribute,
	serialConsole, managedInstances, scalingGroups, configurations, listFunctions, functionPolicy, functionURLs, listDefinitions, describeDefinition, listClusters, listServices, describeServices, listTasks, describeTasks,
	listProjects, getProjects, describeStacks, listStackSets, describeStackSet, devEndpoints, getJobs, listNotebooks, describeNotebook, listAppRunner, describeAppRunner, jobDefinitions, listMachines, describeMachine,
	listPipelines, listInterpreters, getInterpreter, listEKS, listPodIdentities, describePod, listAnchors, listAnchorProfiles,
	listCenters, listPermissionSets, describeSet, listAssignments, listRepositories, repositoryPolicy, listSecrets, secretPolicy, listVaults, vaultPolicy, listProtected, listSchedules, getSchedule,
	listLocations, describeLocation, listServers, listServerUsers, listEMR, describeEMR, listApplications, describeRedshift, listNamespaces, describeDBClusters, describeDBs, listWorkgroups, getWorkgroup, describeTrails, trailStatus, trailSelectors,
}

// Policy is the least that a snapshot needs: exactly the permissions of what is asked.
func Policy() []byte {
	var actions []string
	for _, o := range operations {
		actions = append(actions, o.permission())
	}
	slices.Sort(actions)
	out, _ := json.MarshalIndent(object{"Version": "2012-10-17", "Statement": []object{{"Sid": "StrongroomSnapshot", "Effect": "Allow", "Action": slices.Compact(actions), "Resource": "*"}}}, "", "  ")
	return append(out, '\n')
}

// The shapes of S3's answers (docs.aws.amazon.com/AmazonS3/latest/API).

func buckets(e *element) object {
	return object{
		"Buckets":           objects(e.at("Buckets").each("Bucket"), func(b *element) object { return b.fields("Name", "CreationDate", "BucketRegion") }),
		"Owner":             object{"ID": e.value("Owner/ID")},
		"ContinuationToken": e.value("ContinuationToken"),
	}
}

func block(e *element) object {
	return object{"PublicAccessBlockConfiguration": e.fields("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")}
}

func acl(e *element) object {
	return object{
		"Owner": object{"ID": e.value("Owner/ID")},
		"Grants": objects(e.at("AccessControlList").each("Grant"), func(g *element) object {
			who := g.at("Grantee")
			if who == nil {
				return object{"Permission": g.value("Permission")}
			}
			grantee := who.fields("ID", "URI", "EmailAddress")
			grantee["Type"] = who.kind
			return object{"Grantee": grantee, "Permission": g.value("Permission")}
		}),
	}
}

func ownership(e *element) object {
	return object{"OwnershipControls": object{"Rules": objects(e.each("Rule"), func(r *element) object { return r.fields("ObjectOwnership") })}}
}

func encryption(e *element) object {
	return object{"ServerSideEncryptionConfiguration": object{"Rules": objects(e.each("Rule"), func(r *element) object {
		by := object{}
		if d := r.at("ApplyServerSideEncryptionByDefault"); d != nil {
			by = d.fields("SSEAlgorithm", "KMSMasterKeyID")
		}
		return object{"ApplyServerSideEncryptionByDefault": by}
	})}}
}

func replication(e *element) object {
	return object{"ReplicationConfiguration": object{"Role": e.value("Role"), "Rules": objects(e.each("Rule"), func(r *element) object {
		out := r.fields("ID", "Status", "Prefix")
		if p := cmp.Or(r.value("Filter/Prefix"), r.value("Filter/And/Prefix")); p != "" {
			out["Filter"] = object{"Prefix": p}
		}
		to := object{"Bucket": r.value("Destination/Bucket")}
		if a := r.value("Destination/Account"); a != "" {
			to["Account"] = a
		}
		if k := r.value("Destination/EncryptionConfiguration/ReplicaKmsKeyID"); k != "" {
			to["EncryptionConfiguration"] = object{"ReplicaKmsKeyID": k}
		}
		out["Destination"] = to
		return out
	})}}
}

func logsTo(e *element) object {
	if to := e.at("LoggingEnabled"); to != nil {
		return object{"LoggingEnabled": to.fields("TargetBucket", "TargetPrefix")}
	}
	return object{}
}

func notification(e *element) object {
	out := object{}
	for _, k := range [][4]string{{"TopicConfiguration", "Topic", "TopicConfigurations", "TopicArn"}, {"QueueConfiguration", "Queue", "QueueConfigurations", "QueueArn"}, {"CloudFunctionConfiguration", "CloudFunction", "LambdaFunctionConfigurations", "LambdaFunctionArn"}} {
		if all := e.each(k[0]); len(all) > 0 {
			out[k[2]] = objects(all, func(c *element) object {
				events := []string{}
				for _, v := range c.each("Event") {
					events = append(events, v.text)
				}
				return object{k[3]: c.value(k[1]), "Events": events}
			})
		}
	}
	if e.at("EventBridgeConfiguration") != nil {
		out["EventBridgeConfiguration"] = object{}
	}
	return out
}

func inventories(e *element) object {
	return object{
		"InventoryConfigurationList": objects(e.each("InventoryConfiguration"), func(c *element) object {
			out := c.fields("Id", "IsEnabled")
			if to := c.at("Destination/S3BucketDestination"); to != nil {
				out["Destination"] = object{"S3BucketDestination": to.fields("AccountId", "Bucket")}
			}
			return out
		}),
		"NextContinuationToken": e.value("NextContinuationToken"),
	}
}

func tagged(e *element) object {
	return object{"TagSet": objects(e.at("TagSet").each("Tag"), func(t *element) object { return t.fields("Key", "Value") })}
}

// The shapes of Redshift's and RDS's answers, whose lists name their items, each its own way
// (docs.aws.amazon.com/redshift/latest/APIReference, …/AmazonRDS/latest/APIReference).

func redshiftClusters(e *element) object {
	r := e.at("DescribeClustersResult")
	return object{"Clusters": objects(r.at("Clusters").each("Cluster"), func(c *element) object {
		out := c.fields("ClusterIdentifier", "ClusterStatus", "ClusterCreateTime", "ClusterNamespaceArn")
		out["IamRoles"] = objects(c.at("IamRoles").each("ClusterIamRole"), func(r *element) object { return r.fields("IamRoleArn", "ApplyStatus") })
		return out
	}), "Marker": r.value("Marker")}
}

func databases(list, one, role string, members ...string) func(*element) object {
	return func(e *element) object {
		if len(e.kids) > 0 {
			e = e.kids[0] // its Result
		}
		return object{list: objects(e.at(list).each(one), func(d *element) object {
			out := d.fields(members...)
			out["AssociatedRoles"] = objects(d.at("AssociatedRoles").each(role), func(r *element) object { return r.fields("RoleArn", "FeatureName", "Status") })
			return out
		}), "Marker": e.value("Marker")}
	}
}

// The shapes of S3 Control's answers (docs.aws.amazon.com/AmazonS3/latest/API, S3 Control).

func point(e *element) object {
	out := e.fields("Name", "Bucket", "NetworkOrigin", "AccessPointArn", "Alias", "BucketAccountId", "ObjectLambdaAccessPointArn")
	if v := e.value("VpcConfiguration/VpcId"); v != "" {
		out["VpcConfiguration"] = object{"VpcId": v}
	}
	if a := e.value("Alias/Value"); a != "" {
		out["Alias"] = object{"Value": a}
	}
	if b := e.at("PublicAccessBlockConfiguration"); b != nil {
		out["PublicAccessBlockConfiguration"] = block(b)["PublicAccessBlockConfiguration"]
	}
	return out
}

func points(list, one string) func(*element) object {
	return func(e *element) object {
		return object{list: objects(e.at(list).each(one), point), "NextToken": e.value("NextToken")}
	}
}

func policyText(e *element) object { return object{"Policy": e.value("Policy")} }

func objectLambda(e *element) object {
	return object{"Configuration": object{
		"SupportingAccessPoint": e.value("Configuration/SupportingAccessPoint"),
		"TransformationConfigurations": objects(e.at("Configuration/TransformationConfigurations").each("TransformationConfiguration"), func(t *element) object {
			return object{"ContentTransformation": object{"AwsLambda": object{"FunctionArn": t.value("ContentTransformation/AwsLambda/FunctionArn")}}}
		}),
	}}
}

func multiRegion(e *element) object {
	return object{
		"AccessPoints": objects(e.at("AccessPoints").each("AccessPoint"), func(p *element) object {
			out := p.fields("Name", "Alias", "Status")
			if b := p.at("PublicAccessBlock"); b != nil {
				out["PublicAccessBlock"] = block(b)["PublicAccessBlockConfiguration"]
			}
			out["Regions"] = objects(p.at("Regions").each("Region"), func(r *element) object { return r.fields("Bucket", "Region", "BucketAccountId") })
			return out
		}),
		"NextToken": e.value("NextToken"),
	}
}

func establishedPolicy(e *element) object {
	out := object{}
	if p := e.value("Policy/Established/Policy"); p != "" {
		out["Established"] = object{"Policy": p}
	}
	return object{"Policy": out}
}

func accessGrants(e *element) object {
	return object{
		"AccessGrantsList": objects(e.at("AccessGrantsList").each("AccessGrant"), func(g *element) object {
			out := g.fields("AccessGrantArn", "AccessGrantId", "Permission", "GrantScope", "AccessGrantsLocationId")
			if who := g.at("Grantee"); who != nil {
				out["Grantee"] = who.fields("GranteeType", "GranteeIdentifier")
			}
			return out
		}),
		"NextToken": e.value("NextToken"),
	}
}
