package account

import (
	"slices"
	"strings"

	"strongroom/cloud/iam"
)

// KeyUse is what S3 asks of KMS, as the same principal, for an object that a customer's key
// encrypts.
type KeyUse struct {
	Action string // kms:Decrypt or kms:GenerateDataKey
	Key    string // its ARN; as the bucket names it, where no export has it
	Answer iam.Answer
}

// keyActions are what reading and writing an object takes of its key (S3 User Guide, "Using
// server-side encryption with AWS KMS keys": permissions).
var keyActions = map[string]string{
	"s3:getobject": "kms:Decrypt", "s3:getobjectversion": "kms:Decrypt", "s3:putobject": "kms:GenerateDataKey",
}

// carried are the beginnings of the keys that a request to S3 and what S3 asks of KMS for it
// have in common: they are about the principal and its session.
var carried = []string{"aws:principal", "aws:userid", "aws:username", "aws:multifactorauth", "aws:tokenissuetime", "aws:sourceidentity", "aws:federatedprovider", "aws:currenttime", "aws:epochtime", "kms:"}

// KeyUse answers for the key of a customer that an object is encrypted with by its bucket's
// default, or by what a request to write it says. Nil where the exports tell of none.
func (a *Account) KeyUse(principal, action, resource string, context iam.Context) (*KeyUse, error) {
	use := KeyUse{Action: keyActions[strings.ToLower(action)]}
	arn, ok := iam.ParseARN(resource)
	if use.Action == "" || !ok {
		return nil, nil
	}
	use.Key = a.encrypts(arn)
	if strings.EqualFold(action, "s3:PutObject") {
		if v := context.Values("s3:x-amz-server-side-encryption"); len(v) > 0 && !strings.HasPrefix(v[0], "aws:kms") {
			return nil, nil
		}
		if v := context.Values("s3:x-amz-server-side-encryption-aws-kms-key-id"); len(v) > 0 {
			use.Key = v[0]
		}
	}
	if use.Key == "" || strings.HasSuffix(use.Key, "alias/aws/s3") {
		return nil, nil
	}
	known := slices.IndexFunc(a.Keys, func(k *Key) bool { return k.called(use.Key) })
	switch {
	case known >= 0 && a.Keys[known].Manager == "AWS":
		return nil, nil
	case known >= 0:
		use.Key = a.Keys[known].ARN
	case !strings.HasPrefix(use.Key, "arn:") || !strings.Contains(use.Key, ":key/"):
		use.Answer = iam.Answer{Why: []string{"no export has the key " + use.Key}}
		return &use, nil
	}
	var asked iam.Context
	for _, k := range context.Keys() {
		if slices.ContainsFunc(carried, func(p string) bool { return strings.HasPrefix(k, p) }) {
			asked.Set(k, context.Values(k)...)
		}
	}
	if of, _ := iam.ParseARN(use.Key); of.Region != "" {
		asked.Set("kms:ViaService", "s3."+of.Region+".amazonaws.com")
	}
	asked.Set("aws:ViaAWSService", "true")
	var err error
	use.Answer, err = a.Evaluate(principal, use.Action, use.Key, asked)
	return &use, err
}

// encrypts is the key by default of the bucket that an object is in, "" where that is not
// known, or is none.
func (a *Account) encrypts(object iam.ARN) string {
	bucket, _, _ := strings.Cut(object.Resource, "/")
	if point, _, found := strings.Cut(strings.TrimPrefix(object.Resource, "accesspoint/"), "/object/"); found && bucket == "accesspoint" {
		for _, ap := range a.AccessPoints {
			if ap.Name == point && ap.Region == object.Region {
				bucket = ap.Bucket
			}
		}
	}
	for _, b := range a.Buckets {
		if b.Name == bucket && b.Encryption.Known && strings.HasPrefix(b.Encryption.V.Algorithm, "aws:kms") {
			return b.Encryption.V.Key
		}
	}
	return ""
}

// called says whether a name is the key's: its ARN, its id, or an alias, with or without what
// stands before it in an ARN.
func (k *Key) called(name string) bool {
	return k.ARN == name || k.ID == name || k.Aliases.Known && slices.ContainsFunc(k.Aliases.V, func(a string) bool { return a == name || strings.HasSuffix(name, ":"+a) })
}
