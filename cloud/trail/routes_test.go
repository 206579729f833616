package trail

import (
	"path/filepath"
	"testing"

	"strongroom/cloud/account"
	"strongroom/cloud/reach"
)

// TestCloses holds that proposals take ways in away, and never make one.
func TestCloses(t *testing.T) {
	try := func(t *testing.T, a *account.Account, q reach.Question, o Options, events ...[]byte) *Closed {
		t.Helper()
		s := surveyed(t, a, events...)
		var list []*Proposal
		for _, h := range s.order {
			list = append(list, proposal(t, s, h.own.ARN, o))
		}
		c, err := Closes(a, list, q)
		if err != nil {
			t.Fatal(err)
		}
		before, err := reach.Analyze(a, q)
		if err != nil {
			t.Fatal(err)
		}
		after, err := reach.Analyze(On(a, list), q)
		if err != nil {
			t.Fatal(err)
		}
		type reached struct {
			who   string
			right reach.Right
		}
		was := map[reached]reach.Certainty{}
		for _, f := range before.Findings {
			was[reached{f.Principal.ARN, f.Right}] = f.Certainty
		}
		for _, f := range after.Findings {
			if f.Certainty > was[reached{f.Principal.ARN, f.Right}] {
				t.Errorf("%s reaches %v: %s, and was %s", f.Principal.ARN, f.Right, f.Certainty, was[reached{f.Principal.ARN, f.Right}])
			}
		}
		return c
	}
	week := week().events
	t.Run("example", func(t *testing.T) {
		c := try(t, loaded(t), reach.Question{Buckets: []string{"calls"}, Admin: true}, Options{Complete: true}, week...)
		found := false
		for _, r := range c.Reached {
			found = found || r.Principal == "arn:aws:iam::111122223333:user/old-export" && r.Right.Kind == reach.ReadBucket && r.After < r.Before
			if r.Principal == "arn:aws:iam::111122223333:role/service/app" && r.Right.Kind == reach.ReadBucket {
				t.Errorf("what the application does is taken away: %+v", r)
			}
		}
		if !found || len(c.Routes) == 0 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("weak account", func(t *testing.T) {
		a, err := account.Load(filepath.Join(corpus(t, "aws-authz"), "iam-vulnerable-deployed.json"))
		if err != nil {
			t.Fatal(err)
		}
		// Nobody of the account did anything: nobody needs what leads to administrative rights.
		c := try(t, a, reach.Question{Admin: true}, Options{Complete: true}, week...)
		if len(c.Reached) < 50 {
			t.Errorf("%d reached less, %d remain", len(c.Reached), c.Remaining)
		}
		t.Logf("%d reach less, %d remain", len(c.Reached), c.Remaining)
	})
}
