package reach

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/account/draft"
)

// plot is a small account, made of parts that can be left out, added to and reordered.
type plot struct {
	statements map[string][]draft.Statement // by who has them
	trusts     map[string][]string
	names      []string
	bucket     []draft.Statement
}

var plotActions = []string{"s3:GetObject", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "iam:PassRole", "ec2:RunInstances", "sts:AssumeRole", "iam:PutUserPolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy",
	"iam:CreateAccessKey", "iam:AttachUserPolicy", "lambda:UpdateFunctionCode", "lambda:InvokeFunction", "lambda:CreateFunction", "iam:DetachUserPolicy iam:DeleteUserPolicy", "iam:*", "s3:*", "*",
	"iam:CreateRole iam:PutRolePolicy", "iam:CreateRole iam:AttachRolePolicy", "iam:CreateUser iam:PutUserPolicy iam:CreateAccessKey", "iam:CreateRole", "iam:DeleteRolePermissionsBoundary"}

const (
	plotAccount  = "123456789012"
	plotBoundary = "arn:aws:iam::" + plotAccount + ":policy/limits"
)

// plotNew are names of whom somebody may make.
var plotNew = []string{"role/*", "role/dev-*", "role/dev-a", "user/dev-*"}

func random(r *rand.Rand) *plot {
	p := &plot{statements: map[string][]draft.Statement{}, trusts: map[string][]string{}}
	for i := range 3 + r.IntN(3) {
		p.names = append(p.names, fmt.Sprintf("user/u%d", i))
	}
	for i := range 2 + r.IntN(3) {
		name := fmt.Sprintf("role/r%d", i)
		p.names = append(p.names, name)
		p.trusts[name] = []string{[]string{"ec2.amazonaws.com", "lambda.amazonaws.com", "arn:aws:iam::" + plotAccount + ":root", "arn:aws:iam::444455556666:root"}[r.IntN(4)]}
	}
	for _, name := range p.names {
		for range r.IntN(4) {
			p.statements[name] = append(p.statements[name], p.statement(r, r.IntN(5) > 0))
		}
	}
	for range r.IntN(3) {
		p.bucket = append(p.bucket, p.bucketStatement(r, r.IntN(2) == 0))
	}
	return p
}

func (p *plot) statement(r *rand.Rand, allow bool) draft.Statement {
	make := draft.Deny
	if allow {
		make = draft.Allow
	}
	on := "*"
	switch r.IntN(6) {
	case 0:
		on = "arn:aws:iam::" + plotAccount + ":" + p.names[r.IntN(len(p.names))]
	case 1:
		on = "arn:aws:s3:::calls*"
	case 2:
		on = "arn:aws:iam::" + plotAccount + ":" + plotNew[r.IntN(len(plotNew))]
	}
	s := make(plotActions[r.IntN(len(plotActions))], on)
	switch r.IntN(9) {
	case 2:
		s = s.If("StringEquals", "iam:PermissionsBoundary", plotBoundary)
	case 0:
		s = s.If("Bool", "aws:MultiFactorAuthPresent", "true")
	case 1:
		s = s.If("StringEquals", "aws:SourceVpce", "vpce-1")
	}
	return s
}

func (p *plot) bucketStatement(r *rand.Rand, allow bool) draft.Statement {
	make := draft.Deny
	if allow {
		make = draft.Allow
	}
	s := make("s3:GetObject", "arn:aws:s3:::calls/*")
	switch r.IntN(4) {
	case 3:
		if allow {
			break
		}
		return s.To("*").If("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::"+plotAccount+":"+plotNew[r.IntN(len(plotNew))])
	case 0:
		return s.To("arn:aws:iam::" + plotAccount + ":" + p.names[r.IntN(len(p.names))])
	case 1:
		if allow {
			break // a public policy, which S3's block then withholds from other accounts whole
		}
		return s.To("*").If("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::"+plotAccount+":"+p.names[r.IntN(len(p.names))])
	}
	return s.To("arn:aws:iam::444455556666:root")
}

func (p *plot) draft(order []int) *draft.Account {
	a := draft.New(plotAccount)
	a.Managed("limits", draft.Allow("s3:* iam:DeleteRolePermissionsBoundary", "*"))
	names := slices.Clone(p.names)
	if order != nil {
		slices.Reverse(names)
	}
	for _, name := range names {
		var who *draft.Principal
		if kind, base, _ := strings.Cut(name, "/"); kind == "user" {
			who = a.User(base)
		} else {
			who = a.Role(base, p.trusts[name]...)
			who.Profile()
		}
		for i, s := range p.statements[name] {
			n := i
			if order != nil {
				n = len(p.statements[name]) - 1 - i
				s = p.statements[name][n]
			}
			who.Inline(fmt.Sprintf("p%d", n), draft.Policy(s))
		}
		if name == "role/r0" {
			a.Function("f", who.ARN)
		}
	}
	bucket := slices.Clone(p.bucket)
	if order != nil {
		slices.Reverse(bucket)
	}
	a.Bucket("calls", bucket...)
	return a
}

func reached(t *testing.T, a *draft.Account) (map[string]Certainty, map[string]string) {
	t.Helper()
	res, err := Analyze(a.Load(t), Question{Buckets: []string{"calls"}, Admin: true})
	if err != nil {
		t.Fatal(err)
	}
	out, chains := map[string]Certainty{}, map[string]string{}
	for _, f := range res.Findings {
		key := string(f.Right.Kind) + " " + f.Principal.ARN
		out[key] = f.Certainty
		for _, c := range f.Chains {
			chains[key] += c.ID + " "
			check(t, f, c)
		}
	}
	return out, chains
}

// check holds what every chain promises: it begins with the principal, each step starts where
// one stood before, and it ends at the right.
func check(t *testing.T, f Finding, c Chain) {
	t.Helper()
	at := map[string]bool{f.Principal.ARN: true}
	for _, s := range c.Steps {
		if !at[s.From.ARN] {
			t.Errorf("%s: a step begins at %s, which no step led to", f.Principal.ARN, s.From.ARN)
		}
		at[s.To.ARN] = true
		if s.Certainty < c.Certainty {
			t.Errorf("%s: a %s chain with a %s step", f.Principal.ARN, c.Certainty, s.Certainty)
		}
	}
	end := c.Steps[len(c.Steps)-1].To
	if end.Kind != AtRight || end.Right != f.Right.Kind || end.ARN != f.Right.Target {
		t.Errorf("%s: a chain ends at %+v", f.Principal.ARN, end)
	}
}

// TestMoreAndLess: a further Deny never adds reach or certainty, a further Allow never takes
// any away, and order never matters.
func TestMoreAndLess(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := random(r)
		before, chains := reached(t, p.draft(nil))
		again, same := reached(t, p.draft([]int{1}))
		for k := range before {
			if before[k] != again[k] || chains[k] != same[k] {
				t.Errorf("seed %d: in another order %s is %s (%s), not %s (%s)", seed, k, again[k], same[k], before[k], chains[k])
			}
		}
		if len(again) != len(before) {
			t.Errorf("seed %d: in another order %d findings, not %d", seed, len(again), len(before))
		}
		for _, allow := range []bool{true, false} {
			q := *p
			q.statements = map[string][]draft.Statement{}
			for k, v := range p.statements {
				q.statements[k] = slices.Clone(v)
			}
			q.bucket = slices.Clone(p.bucket)
			what := ""
			if r.IntN(3) == 0 {
				q.bucket = append(q.bucket, q.bucketStatement(r, allow))
				what = fmt.Sprint("bucket ", q.bucket[len(q.bucket)-1])
			} else {
				name := q.names[r.IntN(len(q.names))]
				q.statements[name] = append(q.statements[name], q.statement(r, allow))
				what = fmt.Sprint(name, " ", q.statements[name][len(q.statements[name])-1])
			}
			after, _ := reached(t, q.draft(nil))
			less, more := before, after
			if !allow {
				less, more = after, before
			}
			for k, c := range less {
				if more[k] < c {
					t.Errorf("seed %d: %s with %s, %s without (allow %t): %v", seed, k, after[k], before[k], allow, what)
				}
			}
		}
		if t.Failed() {
			break
		}
	}
}
