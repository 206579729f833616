package account

import (
	"testing"

	"strongroom/cloud/iam"
)

func TestKeyUse(t *testing.T) {
	const arn = "arn:aws:kms:eu-west-1:111122223333:key/k1"
	a := &Account{ID: "111122223333",
		Keys: []*Key{
			{ID: "k1", ARN: arn, Manager: "CUSTOMER", Aliases: Value[[]string]{Known: true, V: []string{"alias/calls"}}},
			{ID: "k2", ARN: "arn:aws:kms:eu-west-1:111122223333:key/k2", Manager: "AWS"},
		},
		AccessPoints: []*AccessPoint{{Name: "point", Region: "eu-west-1", Bucket: "alias"}},
	}
	for name, e := range map[string]Encryption{
		"alias": {"aws:kms", "arn:aws:kms:eu-west-1:111122223333:alias/calls"}, "id": {"aws:kms:dsse", "k1"}, "aws": {"aws:kms", ""}, "managed": {"aws:kms", "k2"},
		"plain": {"AES256", ""}, "lost": {"aws:kms", "alias/lost"}, "other": {"aws:kms", "arn:aws:kms:eu-west-1:444455556666:key/k3"},
	} {
		a.Buckets = append(a.Buckets, &Bucket{Name: name, Encryption: Value[Encryption]{true, e}})
	}
	a.Buckets = append(a.Buckets, &Bucket{Name: "unsaid"})
	for _, c := range []struct{ action, resource, header, value, want string }{
		{"s3:GetObject", "arn:aws:s3:::alias/a", "", "", "kms:Decrypt " + arn},
		{"S3:getobjectversion", "arn:aws:s3:::id/a", "", "", "kms:Decrypt " + arn},
		{"s3:PutObject", "arn:aws:s3:::id/a", "", "", "kms:GenerateDataKey " + arn},
		{"s3:GetObject", "arn:aws:s3:eu-west-1:111122223333:accesspoint/point/object/a", "", "", "kms:Decrypt " + arn},
		{"s3:GetObject", "arn:aws:s3:::lost/a", "", "", "kms:Decrypt alias/lost"},
		{"s3:GetObject", "arn:aws:s3:::other/a", "", "", "kms:Decrypt arn:aws:kms:eu-west-1:444455556666:key/k3"},
		{"s3:PutObject", "arn:aws:s3:::plain/a", "s3:x-amz-server-side-encryption-aws-kms-key-id", arn, "kms:GenerateDataKey " + arn},
		{"s3:PutObject", "arn:aws:s3:::alias/a", "s3:x-amz-server-side-encryption", "AES256", ""},
		{"s3:GetObject", "arn:aws:s3:::aws/a", "", "", ""},
		{"s3:GetObject", "arn:aws:s3:::managed/a", "", "", ""},
		{"s3:GetObject", "arn:aws:s3:::plain/a", "", "", ""},
		{"s3:GetObject", "arn:aws:s3:::unsaid/a", "", "", ""},
		{"s3:ListBucket", "arn:aws:s3:::alias", "", "", ""},
	} {
		var known iam.Context
		if c.header != "" {
			known.Set(c.header, c.value)
		}
		use, err := a.KeyUse("arn:aws:iam::111122223333:user/alice", c.action, c.resource, known)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if use != nil {
			got = use.Action + " " + use.Key
			if use.Answer.Decision != iam.Unknown {
				t.Errorf("%s on %s: %v, and no policy is known", c.action, c.resource, use.Answer.Decision)
			}
		}
		if got != c.want {
			t.Errorf("%s on %s takes %q, want %q", c.action, c.resource, got, c.want)
		}
	}
}
