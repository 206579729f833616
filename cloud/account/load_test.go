package account

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpus is the folder of accounts that others made.
func corpus(t testing.TB, name string) string {
	dir := os.Getenv("STRONGROOM_CORPORA")
	if dir == "" {
		dir = "../../../shared/corpora"
	}
	p := filepath.Join(dir, "aws-authz", name)
	if _, err := os.Stat(p); err != nil {
		t.Skip("skipped: the corpora are not here; STRONGROOM_CORPORA names their folder")
	}
	return p
}

func TestCorpusAccount(t *testing.T) {
	a, err := Load(corpus(t, "iam-vulnerable-deployed.json"))
	if err != nil {
		t.Fatal(err)
	}
	if a.ID != "200611803367" || len(a.Users) != 41 || len(a.Roles) != 75 || len(a.Groups) != 3 || len(a.Managed) != 82 {
		t.Errorf("account %s: %d users, %d roles, %d groups, %d policies", a.ID, len(a.Users), len(a.Roles), len(a.Groups), len(a.Managed))
	}
	if !a.Known("authorization-details") {
		t.Error("the authorization details are not known")
	}
	// The file's last ten entries are another account's.
	if len(a.Faults) != 10 || !strings.Contains(a.Faults[0].What, "arn:aws:iam::012345678901:user/obama is of account 012345678901") || a.Faults[0].Path != "UserDetailList[41].Arn" {
		t.Errorf("faults: %v", a.Faults)
	}
	if len(a.Ignored) > 0 {
		t.Errorf("ignored: %v", a.Ignored)
	}
	i := slices.IndexFunc(a.Missing, func(m Missing) bool { return m.Input == "account" })
	if i < 0 || a.Missing[i].Of != "012345678901" || !strings.HasPrefix(a.Missing[i].Why, "10 entries") {
		t.Errorf("missing: %v", a.Missing)
	}
}
