package account

import (
	"fmt"
	"strings"
	"testing"
)

// TestWhatPoliciesSayWrongly: each fault is named with the policy, the statement and the element
// that has it.
func TestWhatPoliciesSayWrongly(t *testing.T) {
	for statement, want := range map[string]string{
		`{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjekt"],"Resource":"*"}`:                                           `Statement[0].Action: "s3:GetObjekt" is no action of AWS's list of `,
		`{"Effect":"Allow","Action":"s4:GetObject","Resource":"*"}`:                                                            `did it mean s3:GetObject?`,
		`{"Effect":"Allow","Action":"s3:*Objekt*","Resource":"*"}`:                                                             `"s3:*Objekt*" is no action`,
		`{"Effect":"Deny","NotAction":"nothing:*","Resource":"*"}`:                                                             `"nothing:*" is no action`,
		`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}`:                                            `Statement[0].Principal: a policy of an identity has none`,
		`{"Effect":"Allow","Action":"s3:GetObject"}`:                                                                           `Statement[0].Resource: it is missing`,
		`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringSortOfLike":{"aws:username":"eve"}}}`:    `Statement[0].Condition: "StringSortOfLike" is not a condition operator`,
		`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/99"}}}`:   `Statement[0].Condition: IpAddress: aws:SourceIp: "10.0.0.0/99" is not an IP address`,
		`{"Effect":"Allow","Action":"s3:GetObject","Resource":"calls/*"}`:                                                      `Statement[0].Resource: "calls/*" is neither an ARN nor *`,
		`{"Effect":"Allow","Action":["S3:getOBJECT","s3:Get*","*","s3:*"],"Resource":"*"}`:                                     "",
		`{"Effect":"Deny","NotAction":["iam:*","sts:GetCallerIdentity"],"Resource":"*","Condition":{"Null":{"a:b":["true"]}}}`: "",
	} {
		l := NewLoader()
		file := fmt.Sprintf(`{"UserDetailList":[{"UserName":"eve","Arn":"arn:aws:iam::123456789012:user/eve","UserPolicyList":[{"PolicyName":"p","PolicyDocument":{"Version":"2012-10-17","Statement":[%s]}}]}],"GroupDetailList":[],"RoleDetailList":[],"Policies":[]}`, statement)
		if err := l.Read("authorization-details.json", strings.NewReader(file)); err != nil {
			t.Fatal(err)
		}
		a, err := l.Account()
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, f := range a.Faults {
			said = append(said, f.Path+": "+f.What)
		}
		all := strings.Join(said, "\n")
		if want == "" && all != "" || !strings.Contains(all, want) || want != "" && !strings.Contains(all, "user eve, inline policy p") {
			t.Errorf("%s\nis said to be %q; it should say %q", statement, all, want)
		}
	}
}

func TestUTF16IsNamed(t *testing.T) {
	for _, file := range []string{"\xff\xfe{\x00}\x00", "\xfe\xff\x00{\x00}"} {
		l := NewLoader()
		if err := l.Read("authorization-details.json", strings.NewReader(file)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Account(); err == nil || !strings.Contains(err.Error(), "UTF-16") {
			t.Errorf("%v", err)
		}
	}
}

// TestLostEntries: a list of which an entry cannot be read is not whole.
func TestLostEntries(t *testing.T) {
	for input, file := range map[string]string{
		"authorization-details": `{"UserDetailList":["eve"],"GroupDetailList":[],"RoleDetailList":[],"Policies":[]}`,
		"buckets":               `{"Buckets":[{"CreationDate":"2024-01-01T00:00:00Z"}],"Owner":{"ID":"x"}}`,
		"instances":             `{"Reservations":[{"Instances":[7]}]}`,
		"keys":                  `{"Keys":[{"KeyArn":null}]}`,
		"security-groups":       `{"SecurityGroups":["sg-1"]}`,
	} {
		l := NewLoader()
		if err := l.Read(input+".json", strings.NewReader(file)); err != nil {
			t.Fatal(err)
		}
		a, err := l.Account()
		if err != nil {
			t.Fatal(err)
		}
		if a.Known(input) || len(a.Faults) == 0 {
			t.Errorf("%s: known, with the faults %v", input, a.Faults)
		}
	}
}
