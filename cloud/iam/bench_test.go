package iam

import (
	"fmt"
	"testing"
)

// office is a policy of the size that real ones have, of one of some teams.
func office(t testing.TB, team int) *Compiled {
	return policy(t, fmt.Sprint("team ", team), fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": ["arn:aws:s3:::team-%[1]d", "arn:aws:s3:::team-%[1]d/*"]},
		{"Effect": "Allow", "Action": ["ec2:Describe*", "cloudwatch:*", "logs:*"], "Resource": "*"},
		{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::team-%[1]d/${aws:username}/*"},
		{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}},
		{"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*", "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}},
		{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::*/private/*"}]}`, team))
}

func BenchmarkEvaluate(b *testing.B) {
	p := nothing()
	p.Identity = Supplied(office(b, 1), office(b, 2), office(b, 3))
	p.SCPs.Layers = []Layer{Supplied(policy(b, "full", `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`))}
	r := Request{Question: Question{Principal: principal(b, "arn:aws:iam::111122223333:user/alice"), Action: "s3:GetObject", Account: "111122223333"}, Resource: "arn:aws:s3:::team-2/2026/a.wav"}
	b.ReportAllocs()
	for b.Loop() {
		if Evaluate(r, p).Decision != Unknown {
			b.Fatal("the condition on MFA is not known")
		}
	}
}

func BenchmarkScope(b *testing.B) {
	p := nothing()
	p.Identity = Supplied(office(b, 1), office(b, 2), office(b, 3))
	p.SCPs.Layers = []Layer{Supplied(policy(b, "full", `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`))}
	who := principal(b, "arn:aws:iam::111122223333:user/alice")
	for _, action := range []string{"s3:GetObject", "s3:PutObject", "iam:PassRole"} {
		b.Run(action, func(b *testing.B) {
			q := Question{Principal: who, Action: action, Account: "111122223333"}
			all := Of(ResourcePattern("arn:aws:s3:::*/*"))
			b.ReportAllocs()
			for b.Loop() {
				Scope(q, all, p)
			}
		})
	}
}
