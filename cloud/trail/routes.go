package trail

import (
	"strongroom/cloud/account"
	"strongroom/cloud/reach"
)

// Closed is what becomes of the ways in under proposals.
type Closed struct {
	// Routes are those that fewer principals could take, or that would close.
	Routes []RouteChange `json:"routes"`
	// Reached are the rights that principals reach now and would reach no longer, or not
	// for certain; Remaining counts those that would stay as they are.
	Reached   []ReachChange `json:"reached"`
	Remaining int           `json:"remaining"`
	// Missing are the inputs without which more may be open, before and after.
	Missing []string `json:"missing,omitempty"`
}

// RouteChange is a route before and after.
type RouteChange struct {
	ID        string       `json:"id"`
	Title     reach.Text   `json:"title"`
	Before    reach.Status `json:"before"`
	After     reach.Status `json:"after"`
	WhoBefore int          `json:"whoBefore"` // how many principals can take it
	WhoAfter  int          `json:"whoAfter"`
}

// ReachChange is a right that a principal reaches, before and after.
type ReachChange struct {
	Principal string          `json:"principal"`
	Right     reach.Right     `json:"right"`
	Before    reach.Certainty `json:"before"`
	After     reach.Certainty `json:"after"`
}

// Closes asks a question of the account as it is, and as it would be with the proposals in
// force, and says what differs.
func Closes(a *account.Account, proposals []*Proposal, q reach.Question) (*Closed, error) {
	before, err := reach.Analyze(a, q)
	if err != nil {
		return nil, err
	}
	after, err := reach.Analyze(On(a, proposals), q)
	if err != nil {
		return nil, err
	}
	out := &Closed{Routes: []RouteChange{}, Reached: []ReachChange{}, Missing: before.Missing}
	routes := map[string]reach.Route{}
	for _, r := range after.Routes {
		routes[r.ID] = r
	}
	for _, b := range before.Routes {
		if n := routes[b.ID]; n.Status != b.Status || n.WhoTotal != b.WhoTotal {
			out.Routes = append(out.Routes, RouteChange{b.ID, b.Title, b.Status, n.Status, b.WhoTotal, n.WhoTotal})
		}
	}
	type reached struct {
		who   string
		right reach.Right
	}
	now := map[reached]reach.Certainty{}
	for _, f := range after.Findings {
		now[reached{f.Principal.ARN, f.Right}] = f.Certainty
	}
	for _, f := range before.Findings {
		if c := now[reached{f.Principal.ARN, f.Right}]; c < f.Certainty {
			out.Reached = append(out.Reached, ReachChange{f.Principal.ARN, f.Right, f.Certainty, c})
		} else {
			out.Remaining++
		}
	}
	return out, nil
}
