package reach

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"strongroom/cloud/account"
	"strongroom/cloud/iam"
)

// TestBucketsAloneOrTogether: what is worked out of one bucket is taken for others that differ
// in name alone, so a bucket that is asked about with others has the answer that it has alone.
func TestBucketsAloneOrTogether(t *testing.T) {
	a := made(t, 200, 24)
	// Policies that are nearly each other's: of a part, of a neighbour, by name, by tag.
	neighbour := func(i int) *account.Bucket { return a.Buckets[(i+1)%len(a.Buckets)] }
	for i, b := range a.Buckets {
		user, role := a.Users[i%3].ARN, a.Roles[i%5].ARN
		text := []string{
			`"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["BUCKET","BUCKET/*"],"Condition":{"ArnNotLike":{"aws:PrincipalArn":"ROLE"}}`,
			`"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"NEXT/*"`,
			`"Effect":"Deny","Principal":{"AWS":"USER"},"Action":"s3:GetObject","Resource":"BUCKET/*"`,
			`"Effect":"Allow","Principal":{"AWS":["ROLE","USER"]},"Action":"s3:GetObject","Resource":"BUCKET/*"`,
			`"Effect":"Deny","NotPrincipal":{"AWS":["ROLE","arn:aws:iam::` + a.ID + `:root"]},"Action":"s3:GetObject","Resource":"BUCKET/*"`,
			`"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::` + a.ID + `:root"},"Action":"s3:GetObject*","Resource":"BUCKET/private/*"`,
			`"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::*0/*"`,
			`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"BUCKET/*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"payments"}}`,
		}[i%8]
		text = strings.NewReplacer("BUCKET", b.ARN, "NEXT", neighbour(i).ARN, "USER", user, "ROLE", role).Replace(text)
		p, err := iam.Parse("bucket policy", []byte(`{"Version":"2012-10-17","Statement":[{`+text+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		b.Policy = account.Value[*iam.Policy]{Known: true, V: p}
	}
	tell := func(buckets ...string) map[string][]string {
		out := map[string][]string{}
		if _, err := Walk(a, Question{Buckets: buckets}, func(f Finding, chains Chains) {
			first := chains(1)[0]
			rules := ""
			for _, s := range first.Steps {
				rules += " " + s.Rule
			}
			out[f.Right.Target] = append(out[f.Right.Target], fmt.Sprintf("%s %v%s", f.Principal.ARN, f.Certainty, rules))
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	together := tell(everyBucket(a)...)
	differ := map[string]bool{}
	for _, b := range a.Buckets {
		alone := tell(b.Name)[b.ARN]
		if !slices.Equal(alone, together[b.ARN]) {
			t.Errorf("%s:\nalone    %q\ntogether %q", b.Name, alone, together[b.ARN])
		}
		differ[strings.Join(alone, "\n")] = true
	}
	if len(differ) < 12 {
		t.Errorf("only %d buckets differ: too few to tell", len(differ))
	}
}
