package account

import (
	"cmp"
	"fmt"
	"slices"
)

// finishMissing says which inputs were not supplied, or not whole.
func (l *Loader) finishMissing() {
	a := l.a
	for k, p := range l.pages {
		if p.open > 0 && p.last == 0 {
			l.broken[k] = "cut off: " + p.file + " says that more follows, and no page ends it"
		}
	}
	for k, why := range l.broken {
		in := inputs[k.input]
		a.Missing = append(a.Missing, Missing{Input: k.input, Of: k.of, Why: why, Means: in.Means, Command: in.Command})
		a.have[k] = false
	}
	for id, n := range l.others {
		a.Missing = append(a.Missing, Missing{Input: "account", Of: id, Why: fmt.Sprintf("%d entries of it lie among those of account %s and are left out", n, a.ID),
			Means: "what its principals can reach", Command: "supply each account's files by themselves"})
	}
	for _, in := range inputs {
		if _, there := a.have[supplied{input: in.Name}]; !there {
			a.Missing = append(a.Missing, Missing{Input: in.Name, Why: "not supplied", Means: in.Means, Command: in.Command})
		}
	}
	slices.SortFunc(a.Missing, func(x, y Missing) int {
		return cmp.Or(cmp.Compare(x.Input, y.Input), cmp.Compare(x.Of, y.Of), cmp.Compare(x.Region, y.Region))
	})
}
