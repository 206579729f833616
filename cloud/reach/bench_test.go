package reach

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"strongroom/cloud/account"
	"strongroom/cloud/account/synth"
	"strongroom/cloud/iam"
)

// made is a synthetic account, the same for the same numbers.
func made(t testing.TB, principals, buckets int) *account.Account {
	t.Helper()
	var b bytes.Buffer
	if err := synth.Write(&b, synth.Config{Principals: principals, Buckets: buckets, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	l := account.NewLoader()
	if err := l.Read("synthetic", &b); err != nil {
		t.Fatal(err)
	}
	a, err := l.Account()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func everyBucket(a *account.Account) []string {
	var out []string
	for _, b := range a.Buckets {
		out = append(out, b.Name)
	}
	return out
}

// BenchmarkGrowth asks about every bucket of synthetic accounts, a bucket for each ten
// principals, and tells of the first chain of each finding. cpu-s is of all processors.
func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{100, 300, 1000, 3000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := made(b, n, n/10)
			q := Question{Buckets: everyBucket(a)}
			var res *Result
			findings := 0
			before := processor()
			for b.Loop() {
				findings = 0
				var err error
				if res, err = Walk(a, q, func(f Finding, chains Chains) {
					findings += len(chains(1))
				}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((processor()-before)/float64(b.N), "cpu-s")
			b.ReportMetric(float64(findings), "findings")
			b.ReportMetric(float64(res.Examined.Classes), "classes")
		})
	}
}

// processor is how many seconds of processor time the process has taken.
func processor() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// TestWalkTellsWhatAnalyzeKeeps: the same findings with the same chains, whether they are kept,
// told as they are found, or told again; the first chain alone is the first of all; and each
// chain cites what it ends at, also where buckets are reached by the same people.
func TestWalkTellsWhatAnalyzeKeeps(t *testing.T) {
	a := made(t, 300, 30)
	q := Question{Buckets: everyBucket(a), Intended: []Intended{{Role: a.Roles[0].ARN}}}
	kept, err := Analyze(a, q)
	if err != nil {
		t.Fatal(err)
	}
	if len(kept.Findings) < 500 {
		t.Fatalf("%d findings", len(kept.Findings))
	}
	var told []Finding
	visit := func(f Finding, chains Chains) {
		first := chains(1)
		f.Chains = chains(0)
		f.Missing = f.Chains[0].Missing
		if len(first) != 1 || !reflect.DeepEqual(first[0], f.Chains[0]) {
			t.Errorf("%s, %s: the first chain alone is %+v, of all it is %+v", f.Principal.Name, f.Right.Target, first, f.Chains[0])
		}
		told = append(told, f)
	}
	res, err := Walk(a, q, visit)
	if err != nil {
		t.Fatal(err)
	}
	for again := range 2 {
		if len(told) != len(kept.Findings) {
			t.Fatalf("%d: %d findings told, %d kept", again, len(told), len(kept.Findings))
		}
		for i, f := range told {
			want := kept.Findings[i]
			if len(want.Missing) == 0 && len(f.Missing) == 0 {
				want.Missing, f.Missing = nil, nil
			}
			if !reflect.DeepEqual(f, want) {
				t.Fatalf("%d: told\n%+v\nkept\n%+v", again, f, want)
			}
		}
		told = nil
		res.Walk(visit)
	}
	for _, f := range kept.Findings {
		for _, c := range f.Chains {
			last := c.Steps[len(c.Steps)-1]
			for _, act := range last.Actions {
				if strings.HasPrefix(act.Action, "s3:GetObject") && strings.HasPrefix(act.Resource, "arn:aws:s3:::") && !strings.HasPrefix(act.Resource, f.Right.Target+"/") && !replicatedTo(a, f.Right.Target, strings.TrimSuffix(act.Resource, "/*")) {
					t.Fatalf("%s reads %s by %s on %s", f.Principal.Name, f.Right.Target, act.Action, act.Resource)
				}
			}
		}
	}
}

// replicatedTo says whether a bucket is replicated to another.
func replicatedTo(a *account.Account, from, to string) bool {
	return slices.ContainsFunc(a.Buckets, func(b *account.Bucket) bool {
		return b.ARN == from && b.Replication.V != nil && slices.ContainsFunc(b.Replication.V.Rules, func(r account.ReplicationRule) bool { return r.Destination == to })
	})
}

// TestJoiningIsBounded: where somebody can put everybody into every group, not every pair of
// them is looked at, and that is said; who can join by themselves is found all the same.
func TestJoiningIsBounded(t *testing.T) {
	a := made(t, 300, 3)
	joins, err := iam.Parse("joins", []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:AddUserToGroup","Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	u := a.Users[0]
	u.Inline = append(u.Inline, account.Attached{Name: "joins", Policy: joins})
	u.Boundary = nil
	for len(a.Groups) < 40 {
		g := *a.Groups[0]
		g.Name = fmt.Sprintf("more%d", len(a.Groups))
		g.ARN = "arn:aws:iam::" + a.ID + ":group/" + g.Name
		a.Groups = append(a.Groups, &g)
	}
	res, err := Analyze(a, Question{Buckets: everyBucket(a)})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(res.Faults, func(f string) bool { return strings.Contains(f, "into groups") }) {
		t.Errorf("nothing is said of what was not looked at: %q", res.Faults)
	}
	for _, r := range res.Routes {
		if r.ID == "group-join" && !slices.ContainsFunc(r.Who, func(w Taker) bool { return w.Principal == u.ARN }) {
			t.Errorf("%s does not join groups: %s", u.Name, r.Status)
		}
	}
}
