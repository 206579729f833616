package account

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const two = `{"UserDetailList":[
{"UserName":"ann","UserId":"AIDA1","Arn":"arn:aws:iam::111111111111:user/ann","Path":"/"},
{"UserName":"bob","UserId":"AIDA2","Arn":"arn:aws:iam::222222222222:user/bob","Path":"/"}],"RoleDetailList":[],"GroupDetailList":[],"Policies":[]}`

// Of two accounts in the files one can be chosen; the other's entries are counted and named.
func TestChosenAccount(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("details.json", two)
	write("snapshot1.jsonl", `{"snapshot":"strongroom-cloud/1","account":"111111111111"}`+"\n"+`{"input":"saml-providers","answer":{"SAMLProviderList":[]}}`+"\n"+`{"end":1}`+"\n")
	write("snapshot2.jsonl", `{"snapshot":"strongroom-cloud/1","account":"222222222222"}`+"\n"+`{"input":"buckets","answer":{"Buckets":[]}}`+"\n"+`{"end":1}`+"\n")
	for id, c := range map[string]struct{ user, other, known, unknown string }{
		"111111111111": {"ann", "222222222222", "saml-providers", "buckets"},
		"222222222222": {"bob", "111111111111", "buckets", "saml-providers"},
	} {
		a, err := LoadOf(id, dir)
		if err != nil {
			t.Fatal(err)
		}
		if a.ID != id || len(a.Users) != 1 || a.Users[0].Name != c.user || !a.Known(c.known) || a.Known(c.unknown) {
			t.Errorf("%s: %+v, known %v %v", id, a.Users, a.Known(c.known), a.Known(c.unknown))
		}
		told := false
		for _, m := range a.Missing {
			told = told || m.Input == "account" && m.Of == c.other && strings.HasPrefix(m.Why, "2 entries") && strings.HasSuffix(m.Command, "--account-id "+c.other)
		}
		if !told || len(a.Faults) != 2 {
			t.Errorf("%s: the other account is not told: %v %v", id, a.Faults, a.Missing)
		}
	}
	if a, err := Load(filepath.Join(dir, "details.json")); err != nil || a.ID != "111111111111" {
		t.Errorf("without a choice: %v, %v", a, err)
	}
	if _, err := LoadOf("333333333333", dir); err == nil || !strings.Contains(err.Error(), "111111111111, 222222222222") {
		t.Errorf("an account that is not there: %v", err)
	}
	for _, bad := range []string{"12", "11111111111a", "arn:aws:iam::1"} {
		if _, err := LoadOf(bad, dir); err == nil || !strings.Contains(err.Error(), "twelve digits") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
