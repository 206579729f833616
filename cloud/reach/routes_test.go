package reach

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/account/draft"
)

// staged is an account in which mallory has the actions of one alternative of a rule, and in
// which there is what it is done to: whatever it gives reads the calls, and nobody else does.
func staged(alt *alternative, without string) *draft.Account {
	r := alt.rule
	a := draft.New(truthAccount)
	facts := map[string]bool{}
	for _, n := range alt.need {
		facts[n.Is] = true
	}
	read := draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*")
	if r.Gives == "replica" {
		read = draft.Allow("s3:GetObjectVersionForReplication", "arn:aws:s3:::calls/*")
	}
	m := a.User("mallory")
	for _, n := range alt.need {
		if n.Action != "" && n.Action != without {
			m.Can(draft.Allow(n.Action, "*"))
		}
	}
	bucket := func() {
		switch {
		case r.Gives == "use":
			id := "k"
			if facts["multi-region"] {
				id = "mrk-1"
			}
			// A key that leaves everything but its use to identities.
			own := []draft.Statement{draft.Allow("kms:*", "*").To(rootARN)}
			a.Encrypted("calls", a.Key(id, own...))
			m.Can(read)
		case r.Target == "access-point":
			a.Bucket("calls", draft.Allow("s3:*", "arn:aws:s3:::calls", "arn:aws:s3:::calls/*").To("*").If("StringEquals", "s3:DataAccessPointAccount", truthAccount))
			point(a, "team", "calls", "")
			return
		case r.ID == "new-role-named", r.ID == "new-user-named":
			a.Bucket("calls", draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*").To("*").If("ArnLike", "aws:PrincipalArn", "arn:aws:iam::"+truthAccount+":*/content-*"))
			return
		}
		a.Bucket("calls")
		if facts["acls-on"] {
			a.Instead("bucket-ownership", "calls", draft.Document{"OwnershipControls": draft.Document{"Rules": []any{draft.Document{"ObjectOwnership": "ObjectWriter"}}}})
		}
	}
	role := func(trusts ...string) *draft.Principal {
		p := a.Role("boss", trusts...).Can(read)
		if facts["in-profile"] {
			p.Profile()
		}
		return p
	}
	service := rootARN
	if len(r.Trusts) > 0 {
		service = r.Trusts[0]
	} else if k, ok := kinds[r.Target]; ok && k.service != "" {
		service = k.service
	}
	switch {
	case r.Target == "role" && r.TrustsProvider != "":
		a.RoleTrusting("boss", draft.Allow("sts:AssumeRoleWithSAML").To("arn:aws:iam::"+truthAccount+":saml-provider/AWSSSO_1")).Can(read)
	case r.Target == "role" && facts["stack-set-execution"]:
		role(a.Role("sets-admin", "cloudformation.amazonaws.com").ARN)
	case r.Target == "role":
		role(service)
	case r.Target == "user", r.Target == "principal":
		b := a.User("boss").Can(read)
		if facts["login-exists"] {
			b.LogsOn()
		}
		if facts["keys-full"] {
			a.Answer("access-keys", "boss", draft.Document{"AccessKeyMetadata": []any{
				draft.Document{"UserName": "boss", "AccessKeyId": "AKIA1", "Status": "Active"}, draft.Document{"UserName": "boss", "AccessKeyId": "AKIA2", "Status": "Active"}}})
		}
	case r.ID == "new-user-group":
		a.Group("staff").Can(read)
	case r.Target == "group":
		a.Group("staff").Can(read)
		if r.Gives != "join" {
			m.In("staff")
		}
	case r.Target == "policy":
		m.Attach(a.ManagedVersions("own", 1, draft.Policy(draft.Allow("s3:ListAllMyBuckets", "*")), draft.Policy(draft.Allow("*", "*"))))
	case r.Target == "ec2:instance":
		profile := role(service).Profile()
		a.Instance("i-1", profile, draft.Document{"PublicIpAddress": "203.0.113.7", "KeyName": "ops", "Platform": map[bool]string{true: "windows"}[facts["windows"]],
			"SecurityGroups": []any{draft.Document{"GroupId": "sg-1"}}, "MetadataOptions": draft.Document{"HttpTokens": "required", "HttpEndpoint": "enabled"}})
		port := 22
		if facts["port-3389"] {
			port = 3389
		}
		if facts["port-22"] || facts["port-3389"] {
			a.List("security-groups", draft.Document{"GroupId": "sg-1", "GroupName": "in", "VpcId": "vpc-1", "IpPermissions": []any{draft.Document{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": []any{draft.Document{"CidrIp": "10.0.0.0/8"}}}}})
		}
		if facts["agent"] {
			a.List("managed-instances", draft.Document{"InstanceId": "i-1", "PingStatus": "Online"})
		}
		if facts["connect-endpoint"] {
			a.List("instance-connect-endpoints", draft.Document{"InstanceConnectEndpointId": "eice-1", "VpcId": "vpc-1", "State": "create-complete"})
		}
		if facts["serial-console"] {
			a.Answer("serial-console", "", draft.Document{"SerialConsoleAccessEnabled": true})
		}
	case r.Target == "ec2:launch-template":
		profile := role(service).Profile()
		a.List("launch-templates", draft.Document{"LaunchTemplateId": "lt-1", "LaunchTemplateName": "web", "DefaultVersionNumber": 1, "LatestVersionNumber": 1})
		a.List("launch-template-versions", draft.Document{"LaunchTemplateId": "lt-1", "LaunchTemplateName": "web", "VersionNumber": 1, "DefaultVersion": true, "LaunchTemplateData": draft.Document{"IamInstanceProfile": draft.Document{"Arn": profile}}})
	case r.Target == "lambda:function":
		a.Function("worker", role(service).ARN)
	case r.Target == "elasticmapreduce:cluster":
		a.Workload(r.Target, "worker", role("ec2.amazonaws.com").Profile())
	case kind(r.Target):
		a.Workload(r.Target, "worker", role(service).ARN)
	}
	bucket()
	if facts["cluster"] && r.Target != "ecs:service" {
		a.Workload("ecs:service", "other", a.Role("plain", "ecs-tasks.amazonaws.com").ARN)
	}
	if facts["empty-profile"] {
		a.List("instance-profiles", draft.Document{"InstanceProfileName": "empty", "InstanceProfileId": "AIPA1", "Arn": "arn:aws:iam::" + truthAccount + ":instance-profile/empty", "Path": "/", "Roles": []any{}})
	}
	for _, n := range alt.need {
		for _, on := range n.On {
			if k, ok := strings.CutPrefix(on, "existing "); ok && len(kinds[k].inputs) > 0 {
				other := a.Role("other", cmpOr(kinds[k].service, rootARN)).ARN
				if k == "transfer:server" {
					k = "transfer:user" // with the server that it is of
				}
				if k == "lambda:function" {
					a.Function("existing", other)
				} else {
					a.Workload(k, "existing", other)
				}
				break
			}
		}
	}
	return a
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// stagedElsewhere are routes that take more than a mallory with actions: others' word (by), a
// fact that is told by an input of its own, or a thing with a policy. Each has tests of its own.
var stagedElsewhere = []string{"administrator", "s3-get-torrent", "s3-access-point", "s3-object-lambda", "s3-access-grant", "access-point-policy", "saml-provider", "oidc-provider", "identity-center", "identity-center-policy", "identity-center-group",
	"roles-anywhere", "eks-access", "eks-access-account", "eks-pod-identity", "image-push", "layer", "secret", "data-pipeline-update", "deny-lift", "boundary-lift", "principal-tags", "session-tags",
	"kms-decrypt", "replica", "backup-restore", "backup-copy"}

// TestEachRouteOpensAndCloses: in an account made for it each alternative of each rule is found,
// and not without any one of its actions, unless what is left is another alternative.
func TestEachRouteOpensAndCloses(t *testing.T) {
	e := newEngine(draft.New(truthAccount).Load(t), Question{}, DefaultRules())
	takes := func(a *draft.Account, rule string) bool {
		res, err := Analyze(a.Load(t), Question{Buckets: []string{"calls"}, From: []string{"arn:aws:iam::" + truthAccount + ":user/mallory"}, Chains: maxChains})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range res.Findings {
			for _, c := range f.Chains {
				if f.Principal.Name == "mallory" && c.Certainty >= Possible && slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Rule == rule }) {
					return true
				}
			}
		}
		return false
	}
	tried := 0
	for _, alt := range e.alts {
		r := alt.rule
		if r.By != "" || r.Effect != "reach" || slices.Contains(stagedElsewhere, r.ID) {
			continue
		}
		tried++
		name := fmt.Sprintf("%s, alternative %d", r.ID, alt.n)
		if !takes(staged(alt, ""), r.ID) {
			t.Errorf("%s: it is not found", name)
			continue
		}
		for _, n := range alt.need {
			if n.Action == "" || n.Otherwise != nil || n.Policy != "" { // a policy that the step writes grants it
				continue
			}
			if strings.HasPrefix(r.ID, "ecs-exec") && n.Action == "ecs:UpdateService" { // drafts have it enabled
				continue
			}
			left := func(other []Need) bool { // is another alternative left?
				return !slices.ContainsFunc(other, func(o Need) bool {
					if o.Action == "" {
						return o.Is != "" && !slices.ContainsFunc(alt.need, func(x Need) bool { return x.Is == o.Is })
					}
					return o.Action == n.Action || !slices.ContainsFunc(alt.need, func(x Need) bool { return x.Action == o.Action })
				})
			}
			if slices.ContainsFunc(r.Alternatives, left) {
				continue
			}
			if takes(staged(alt, n.Action), r.ID) {
				t.Errorf("%s: it is found without %s", name, n.Action)
			}
		}
	}
	if tried < 120 {
		t.Errorf("%d alternatives tried", tried)
	}
}
