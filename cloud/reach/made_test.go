package reach

import (
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom/cloud/account/draft"
)

// TestNewPrincipals: who can make a role or a user gets what that can get, and no more.
func TestNewPrincipals(t *testing.T) {
	const iamOf = "arn:aws:iam::" + truthAccount + ":"
	own := func(eve *draft.Principal, actions, on string) *draft.Principal {
		return eve.Can(draft.Allow(actions, iamOf+on))
	}
	const role, user = "iam:CreateRole iam:PutRolePolicy", "iam:CreateUser iam:AttachUserPolicy iam:CreateAccessKey"
	lambda := func(eve *draft.Principal) *draft.Principal {
		return own(eve, role, "role/dev-*").Can(draft.Allow("iam:PassRole", iamOf+"role/dev-*").If("StringEquals", "iam:PassedToService", "lambda.amazonaws.com"), draft.Allow("lambda:CreateFunction lambda:InvokeFunction", "*"))
	}
	only := func(names string) draft.Statement {
		return draft.Deny("s3:*", "arn:aws:s3:::calls", "arn:aws:s3:::calls/*").To("*").If("ArnNotLike", "aws:PrincipalArn", iamOf+names)
	}
	bounded := func(grant, boundary draft.Statement, more ...draft.Statement) func(*draft.Account, *draft.Principal) {
		return func(a *draft.Account, eve *draft.Principal) {
			b := a.Managed("limits", boundary)
			eve.Can(append(more, grant.If("StringEquals", "iam:PermissionsBoundary", b))...)
		}
	}
	roles := draft.Allow(role, iamOf+"role/dev-*")
	lets := func(names string) []draft.Statement {
		return []draft.Statement{draft.Allow("s3:GetObject", "arn:aws:s3:::calls/*").To("*").If("ArnLike", "aws:PrincipalArn", iamOf+names)}
	}
	for name, c := range map[string]struct {
		bucket []draft.Statement
		make   func(*draft.Account, *draft.Principal)
		want   Certainty
		rule   string
	}{
		"a role": {nil, func(a *draft.Account, eve *draft.Principal) { own(eve, role, "role/dev-*") }, Certain, "new-role"},
		"a role, its rights on others": {nil, func(a *draft.Account, eve *draft.Principal) {
			own(own(eve, "iam:CreateRole", "role/dev-*"), "iam:PutRolePolicy", "role/ops-*")
		}, No, ""},
		"a role that is there already": {nil, func(a *draft.Account, eve *draft.Principal) {
			a.Role("dev", "ec2.amazonaws.com")
			own(eve, "iam:CreateRole iam:AttachRolePolicy", "role/dev")
		}, Possible, "role-attach"}, // with somebody who has its credentials
		"a role, and assuming is denied": {nil, func(a *draft.Account, eve *draft.Principal) {
			own(eve, role, "role/dev-*").Can(draft.Deny("sts:AssumeRole", "*"))
		}, No, ""},
		"a role, and assuming others is denied": {nil, func(a *draft.Account, eve *draft.Principal) {
			own(eve, role, "role/dev-*").Can(draft.Deny("sts:AssumeRole", iamOf+"role/ops-*"))
		}, Certain, "new-role"},
		"a role for a function, and assuming is denied": {nil, func(a *draft.Account, eve *draft.Principal) {
			lambda(eve).Can(draft.Deny("sts:AssumeRole", "*"))
		}, Certain, "new-role-pass"},
		"a role for some service, and assuming is denied": {nil, func(a *draft.Account, eve *draft.Principal) {
			own(eve, role+" iam:PassRole", "role/dev-*").Can(draft.Deny("sts:AssumeRole", "*"))
		}, Possible, "new-role-pass-other"},
		"a user": {nil, func(a *draft.Account, eve *draft.Principal) { own(eve, user, "user/new/*") }, Certain, "new-user"},
		"a user without credentials": {nil, func(a *draft.Account, eve *draft.Principal) {
			own(eve, "iam:CreateUser iam:PutUserPolicy", "user/new/*")
		}, No, ""},
		"a user in a group that reads": {nil, func(a *draft.Account, eve *draft.Principal) {
			a.Group("staff").Can(draft.Allow("s3:GetObject", "*"))
			own(own(eve, "iam:CreateUser iam:CreateLoginProfile", "user/new/*"), "iam:AddUserToGroup", "group/staff")
		}, Certain, "new-user-group"},
		"a user in a group that does not": {nil, func(a *draft.Account, eve *draft.Principal) {
			a.Group("staff").Can(draft.Allow("s3:ListAllMyBuckets", "*"))
			own(own(eve, "iam:CreateUser iam:CreateLoginProfile", "user/new/*"), "iam:AddUserToGroup", "group/staff")
		}, No, ""},
		"a role that the bucket lets by its name": {[]draft.Statement{only("role/content*")}, func(a *draft.Account, eve *draft.Principal) {
			own(eve, role, "role/content-*")
		}, Certain, "new-role"},
		"a role that the bucket denies, and that may change nothing": {[]draft.Statement{only("role/content*")}, func(a *draft.Account, eve *draft.Principal) {
			own(eve, role, "role/dev-*")
			organization(a, draft.Deny("iam:* s3:Put* s3:Delete*", "*").If("ArnLike", "aws:PrincipalArn", iamOf+"role/dev-*"))
		}, No, ""},
		"a role that the bucket denies, and that makes another": {[]draft.Statement{only("role/content*")}, func(a *draft.Account, eve *draft.Principal) {
			own(eve, role, "role/dev-*")
			organization(a, draft.Deny("s3:Put* s3:Delete*", "*"))
		}, Certain, "new-role"},
		"the one role that the bucket lets, and that is not there": {[]draft.Statement{only("role/content")}, func(a *draft.Account, eve *draft.Principal) {
			own(eve, role, "role/*")
		}, Certain, "new-role"},
		"a role, reading is denied by the organization": {nil, func(a *draft.Account, eve *draft.Principal) {
			own(eve, role, "role/dev-*")
			organization(a, draft.Deny("s3:*", "*"))
		}, No, ""},
		"with a boundary that does not read":                       {nil, bounded(roles, draft.Allow("logs:*", "*")), No, ""},
		"with a boundary that reads":                               {nil, bounded(roles, draft.Allow("s3:*", "*")), Certain, "new-role"},
		"with a boundary that can be taken away by its maker":      {nil, bounded(roles, draft.Allow("logs:*", "*"), draft.Allow("iam:DeleteRolePermissionsBoundary iam:PutRolePolicy", iamOf+"role/dev-*")), Certain, "new-role"},
		"with a boundary that can be taken away from other roles":  {nil, bounded(roles, draft.Allow("logs:*", "*"), draft.Allow("iam:DeleteRolePermissionsBoundary iam:PutRolePolicy", iamOf+"role/ops-*")), No, ""},
		"with a boundary that makes others without":                {nil, bounded(roles, draft.Allow("iam:* s3:GetObject", "*"), draft.Deny("sts:AssumeRole", iamOf+"role/other*")), Certain, "new-role"},
		"with a boundary that it takes away itself":                {nil, bounded(roles, draft.Allow("iam:DeleteRolePermissionsBoundary", "*")), Certain, "new-role"},
		"with a boundary that it takes away itself, of some names": {nil, bounded(roles, draft.Allow("iam:DeleteRolePermissionsBoundary", iamOf+"role/dev-a*")), Possible, "new-role"},
		"with a boundary that others take away":                    {nil, bounded(roles, draft.Allow("iam:DeleteUserPermissionsBoundary", "*")), No, ""},
		"a role of a path that is the services' own": {nil, func(a *draft.Account, eve *draft.Principal) {
			own(eve, role, "role/aws-service-role/*")
		}, No, ""},
		"a role without rights, let by its name": {lets("role/content*"), func(a *draft.Account, eve *draft.Principal) {
			own(eve, "iam:CreateRole", "role/*")
		}, Certain, "new-role-named"},
		"a role without rights, others let by name": {lets("role/content*"), func(a *draft.Account, eve *draft.Principal) {
			own(eve, "iam:CreateRole", "role/dev-*")
		}, No, ""},
		"a user without rights, let by its name": {lets("user/content*"), func(a *draft.Account, eve *draft.Principal) {
			own(eve, "iam:CreateUser iam:CreateAccessKey", "user/content-*")
		}, Certain, "new-user-named"},
		"a role without rights, and another takes it on by its name": {nil, func(a *draft.Account, eve *draft.Principal) {
			a.RoleTrusting("reader", draft.Allow("sts:AssumeRole").To("*").If("ArnLike", "aws:PrincipalArn", iamOf+"role/deploy-*")).Can(draft.Allow("s3:GetObject", "*"))
			own(eve, "iam:CreateRole", "role/deploy-*")
		}, Certain, "new-role-named"},
		"with a condition that nobody can settle": {nil, func(a *draft.Account, eve *draft.Principal) {
			eve.Can(roles.If("IpAddress", "aws:SourceIp", "10.0.0.0/8"))
		}, Possible, "new-role"},
		"with the tags that the bucket asks for": {[]draft.Statement{draft.Deny("s3:*", "arn:aws:s3:::calls", "arn:aws:s3:::calls/*").To("*").If("StringNotEquals", "aws:PrincipalTag/team", "calls")}, func(a *draft.Account, eve *draft.Principal) {
			own(eve, role+" iam:TagRole", "role/dev-*")
		}, Possible, "new-role"},
	} {
		a := draft.New(truthAccount).Bucket("calls", c.bucket...)
		c.make(a, a.User("eve"))
		res := analyzed(t, a, Question{})
		f := of(res, "eve")
		if f.Certainty != c.want || c.want != No && f.Chains[0].Steps[0].Rule != c.rule {
			t.Errorf("%s: %s by %q, not %s by %s", name, f.Certainty, rulesOf(f.Chains), c.want, c.rule)
		}
		if f.Certainty == Possible && !slices.ContainsFunc(f.Chains[0].Steps, func(s Step) bool { return len(s.Conditions) > 0 }) {
			t.Errorf("%s: possible, and no condition is told", name)
		}
		if c.want != No && strings.HasPrefix(c.rule, "new-") {
			first, next := f.Chains[0].Steps[0], f.Chains[0].Steps[1]
			if first.To.Kind != AtNew || next.From != first.To || res.engine.byARN[first.To.ARN] != nil {
				t.Errorf("%s: it leads to %+v, the next step is from %+v", name, first.To, next.From)
			}
			for _, act := range first.Actions {
				if len(act.Because) == 0 || strings.Contains(act.Action, ":Create") && strings.HasPrefix(act.Action, "iam:") && act.Resource != first.To.ARN {
					t.Errorf("%s: %s on %s, not on %s, or nothing lets it", name, act.Action, act.Resource, first.To.ARN)
				}
			}
		}
		for _, f := range res.Findings {
			if strings.Contains(f.Principal.ARN, "new") && f.Principal.Name != "eve" {
				t.Errorf("%s: %s, which is not there, is told of", name, f.Principal.ARN)
			}
		}
		if c.want == No {
			continue
		}
		if r := routeOf(t, res, c.rule); r.Status != Open || !slices.ContainsFunc(r.Who, func(w Taker) bool { return strings.HasSuffix(w.Principal, "/eve") }) {
			t.Errorf("%s: the route %s is %s", name, c.rule, r.Status)
		}
		account := a.Load(t)
		res, err := Analyze(account, Question{Buckets: []string{"calls"}, From: []string{iamOf + "user/eve"}})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := Close(account, res, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Changes) == 0 {
			t.Errorf("%s: nothing is proposed", name)
		}
		for _, l := range plan.Left {
			if strings.HasSuffix(l.Principal, "/eve") {
				t.Errorf("%s: nothing closes it: %s", name, l.Why.EN)
			}
		}
		changed, err := Apply(account, plan.Changes)
		if err != nil {
			t.Fatal(err)
		}
		if res, err = Analyze(changed, res.Question); err != nil || len(res.Findings) > 0 {
			t.Errorf("%s: after %d changes there are %d findings: %v", name, len(plan.Changes), len(res.Findings), err)
		}
	}
}
