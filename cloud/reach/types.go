package reach

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Question is what somebody wants to know of an account. At least one of Buckets, Keys and
// Admin is set.
type Question struct {
	// Buckets are names ("calls") or ARNs. Reading one means its data, in plain: where the
	// bucket's default key is a customer's own, the use of that key too.
	Buckets []string `json:"buckets,omitempty"`
	// Keys are the ARNs, ids or aliases ("alias/calls") of KMS keys. Using one means
	// kms:Decrypt.
	Keys []string `json:"keys,omitempty"`
	// Admin asks who can get administrative rights: every action on every resource.
	Admin bool `json:"admin,omitempty"`
	// From limits the findings to these principals: ARNs of users or roles of the account,
	// or of another account ("111122223333", arn:aws:iam::111122223333:root, or a role of
	// it), whether or not anything in the account names them. Empty: everybody.
	From []string `json:"from,omitempty"`
	// Intended are the paths that are meant to be there.
	Intended []Intended `json:"intended,omitempty"`
	// Chains is how many chains are kept for each finding, the shortest first. 0 is 3.
	Chains int `json:"chains,omitempty"`
	// Progress is told how much of the work is done, at most a few times a second.
	Progress func(Progress) `json:"-"`
}

// Progress is how far an analysis has got.
type Progress struct {
	Phase       string `json:"phase"` // "rights", "chains", "routes", "closing"
	Done, Total int
}

// Intended is a path that is meant to be there: the content servers' role, read from the
// content servers. Whatever else comes to hold the role is a way in.
type Intended struct {
	Role string `json:"role"` // ARN
	// Servers are the ARNs of what may hold the role: instances, tasks' definitions,
	// functions, auto-scaling groups. Empty: whatever holds it in the snapshot.
	Servers []string `json:"servers,omitempty"`
}

// Text is a sentence in each language of the reports.
type Text struct {
	EN string `json:"en" yaml:"en"`
	FR string `json:"fr" yaml:"fr"`
}

// In is the text in a language, English for one that is not known.
func (t Text) In(language string) string {
	if language == "fr" && t.FR != "" {
		return unbroken.Replace(t.FR)
	}
	return t.EN
}

// unbroken keeps French punctuation on the line of the word before it: a no-break space
// before a colon, a narrow one before the others.
var unbroken = strings.NewReplacer(" :", "\u00a0:", " ;", "\u202f;", " ?", "\u202f?", " !", "\u202f!")

// Certainty says how sure an answer is.
type Certainty int8

const (
	No Certainty = iota
	// Unknown: nothing that was supplied grants it, but an input that is missing might.
	Unknown
	// Possible: what was supplied grants it, under conditions that the snapshot cannot
	// settle, or unless a restriction that was not supplied refuses it.
	Possible
	// Certain: granted, whatever is unknown.
	Certain
)

var certainties = [...]string{"no", "unknown", "possible", "certain"}

func (c Certainty) String() string               { return certainties[c] }
func (c Certainty) MarshalText() ([]byte, error) { return []byte(certainties[c]), nil }
func (c *Certainty) UnmarshalText(b []byte) error {
	var n int
	err := unmarshalWord(b, certainties[:], &n, "a certainty")
	*c = Certainty(n)
	return err
}

// Status of a route.
type Status int

const (
	// NotKnown: nobody was found, but an input that decides it is missing (Route.Missing),
	// or only such findings as depend on one.
	NotKnown Status = iota
	// Closed: nobody, and everything needed to know it was supplied.
	Closed
	// Open: somebody can, certainly or possibly.
	Open
)

var statuses = [...]string{"unknown", "closed", "open"}

func (s Status) String() string               { return statuses[s] }
func (s Status) MarshalText() ([]byte, error) { return []byte(statuses[s]), nil }
func (s *Status) UnmarshalText(b []byte) error {
	return unmarshalWord(b, statuses[:], (*int)(s), "a status")
}

// RightKind says what is reached.
type RightKind string

const (
	ReadBucket RightKind = "read"  // Target is a bucket's ARN
	UseKey     RightKind = "use"   // Target is a key's ARN
	BeAdmin    RightKind = "admin" // Target is an account id
)

// Right is something to reach.
type Right struct {
	Kind   RightKind `json:"kind"`
	Target string    `json:"target"`
}

// Result is the answer to a Question. All lists are in a fixed order: the same account and
// question give the same bytes.
type Result struct {
	Account  string    `json:"account"`
	Taken    time.Time `json:"taken"`
	Question Question  `json:"question"`
	Rights   []Right   `json:"rights"`
	// Routes has every route of every group, open or not, in the order of the rules.
	Routes []Route `json:"routes"`
	// Findings has one entry for each principal and right that is reached or may be, except
	// the intended: by right, then certainty (certain first), then principal. Empty after Walk.
	Findings []Finding `json:"findings"`
	// Intended are the findings that are meant to be there.
	Intended []Finding `json:"intended"`
	// Logon says for each server that may hold an intended role how somebody gets a shell.
	Logon []Server `json:"logon,omitempty"`
	// Missing are the inputs that were not supplied and that could have changed something.
	Missing []string `json:"missing,omitempty"`
	// Faults are what could not be understood in the inputs, as sentences.
	Faults []string `json:"faults,omitempty"`
	// Examined says how much was looked at.
	Examined Examined `json:"examined"`

	engine *engine
	found  int // findings
}

// Examined counts what an analysis looked at.
type Examined struct {
	Principals int `json:"principals"`
	Classes    int `json:"classes"` // principals with the same policies count once
	Buckets    int `json:"buckets"`
	Keys       int `json:"keys"`
	Compute    int `json:"compute"`
	Rules      int `json:"rules"`
}

// Route is one way in, as a row of the list: a rule and whether anybody can take it.
type Route struct {
	Group  string `json:"group"` // the id of a Group
	ID     string `json:"id"`    // the rule's
	Title  Text   `json:"title"`
	Status Status `json:"status"`
	// Why says in a sentence why the status is what it is.
	Why Text `json:"why"`
	// Who can take it, for the rights that were asked about. Sorted by certainty, then
	// principal; at most 100, WhoTotal counts all.
	Who      []Taker `json:"who,omitempty"`
	WhoTotal int     `json:"whoTotal,omitempty"`
	// Into are the roles, by ARN, that anybody takes on who has an account at a provider; of no
	// other route.
	Into []string `json:"into,omitempty"`
	// Missing are the inputs without which it cannot be said to be closed.
	Missing []string `json:"missing,omitempty"`
	// Effect says what kind of route it is: "reach" leads to the rights that were asked
	// about; "cover" blinds those who watch; "loosen" takes away a restriction of the
	// network that others rest on. Only the first counts as a way to content.
	Effect string `json:"effect"`
}

// Taker is a principal who can take a route, with one example.
type Taker struct {
	Principal string    `json:"principal"`
	Certainty Certainty `json:"certainty"`
	Step      Step      `json:"step"`
	Intended  bool      `json:"intended,omitempty"`
}

// Finding is one principal who reaches a right, or may.
type Finding struct {
	Principal Principal `json:"principal"`
	Right     Right     `json:"right"`
	Certainty Certainty `json:"certainty"`
	// Chains are minimal: without any one step there is no chain. The shortest of the
	// finding's certainty come first.
	Chains []Chain `json:"chains"`
	// Missing are the inputs that decide it (Unknown), or that could still refuse it.
	Missing []string `json:"missing,omitempty"`
}

// PrincipalKind is a kind of subject.
type PrincipalKind string

const (
	User      PrincipalKind = "user"
	Role      PrincipalKind = "role"
	Root      PrincipalKind = "root"
	External  PrincipalKind = "external"  // another account, or a principal of it
	Federated PrincipalKind = "federated" // whoever an identity provider vouches for
	Service   PrincipalKind = "service"   // an AWS service
	Anonymous PrincipalKind = "anonymous" // anybody at all
	// Everybody is each user and role of the account of whom nothing else is known: whom a
	// policy that was not supplied may let. Its ARN is the account's with * for a resource.
	Everybody PrincipalKind = "everybody"
)

// Principal is a subject.
type Principal struct {
	Kind PrincipalKind `json:"kind"`
	ARN  string        `json:"arn"`  // "*" for anonymous, the host name for a service
	Name string        `json:"name"` // for people
	// Created is when it came to be, if known: how long the way may have been open.
	Created *time.Time `json:"created,omitempty"`
}

// Chain is how a principal reaches a right: steps in the order in which they are taken. The
// first starts at the principal; each starts where an earlier one has led. Their
// Actions are shared among chains and are not to be written to.
type Chain struct {
	// ID names the chain by its steps: the same in every snapshot where it exists.
	ID        string    `json:"id"`
	Certainty Certainty `json:"certainty"`
	Steps     []Step    `json:"steps"`
	Missing   []string  `json:"missing,omitempty"`
}

// NodeKind is a kind of place in a chain.
type NodeKind string

const (
	AtPrincipal NodeKind = "principal" // who one is
	AtRights    NodeKind = "rights"    // a principal with every right that its ceilings leave
	AtNew       NodeKind = "new"       // a role or user that is not there, and that the step makes
	AtRight     NodeKind = "right"     // the end
)

// Node is a place in a chain.
type Node struct {
	Kind NodeKind `json:"kind"`
	// ARN of the principal, or the target of the right; of a new one, one that it may have.
	ARN string `json:"arn"`
	// Right is what is reached at the end.
	Right RightKind `json:"right,omitempty"`
}

// Step is one step of a chain.
type Step struct {
	From Node   `json:"from"`
	Rule string `json:"rule"` // its id
	// Title is the rule's.
	Title   Text  `json:"title"`
	To      Node  `json:"to"`
	Actions []Act `json:"actions"`
	// Via is what it goes through: the ARN of an instance, function, policy, group, profile.
	// ViaUnknown says that no such thing was supplied, but one may exist.
	Via        string      `json:"via,omitempty"`
	ViaUnknown bool        `json:"viaUnknown,omitempty"`
	Certainty  Certainty   `json:"certainty"`
	Conditions []Condition `json:"conditions,omitempty"`
	Missing    []string    `json:"missing,omitempty"`
}

// Act is one action that a step needs, and the statements that grant it.
type Act struct {
	Action   string    `json:"action"`
	Resource string    `json:"resource"` // an ARN, with wildcards where any will do
	Because  []Because `json:"because,omitempty"`
	// Only and Except are what the statements say of it, as they write it, where they let a part:
	// objects that begin so, all but those that end so.
	Only   []string `json:"only,omitempty"`
	Except []string `json:"except,omitempty"`
}

// Because is one statement that decides.
type Because struct {
	Policy    string `json:"policy"`          // as a person knows it
	Statement int    `json:"statement"`       // its index in the policy, from 0
	Sid       string `json:"sid,omitempty"`   //
	Effect    string `json:"effect"`          // "Allow" or "Deny"
	Source    Source `json:"source,omitzero"` // where the policy is
}

// Source says where a policy is, so that it can be changed.
type Source struct {
	// Kind: "user-inline", "group-inline", "role-inline", "managed", "trust", "bucket",
	// "access-point", "key", "grant", "function", "resource", "scp", "rcp", "boundary", "acl",
	// "builtin".
	Kind string `json:"kind"`
	// Owner is the ARN of what it belongs to (for managed policies, the policy's own).
	Owner string `json:"owner"`
	// Name is the name of an inline policy.
	Name string `json:"name,omitempty"`
}

// Condition is something that must be so, and that the snapshot cannot settle.
type Condition struct {
	// Operator, Key and Values are those of a policy's condition; Operator is "" for what
	// the rule itself assumes, which Note tells.
	Operator string   `json:"operator,omitempty"`
	Key      string   `json:"key,omitempty"`
	Values   []string `json:"values,omitempty"`
	// Deny says that the condition is of a Deny: it must not hold.
	Deny bool `json:"deny,omitempty"`
	// Settable says that whoever takes the step chooses the value, or can change it (tags
	// that they may write).
	Settable bool  `json:"settable,omitempty"`
	Note     *Text `json:"note,omitempty"`
}

// Server is a thing that may hold an intended role, and how somebody gets a shell on it.
type Server struct {
	ARN  string `json:"arn"`
	Kind string `json:"kind"` // "instance", "task", "function" …
	Role string `json:"role"`
	// Declared says that the question names it (or names none).
	Declared bool `json:"declared"`
	// Shell is Open where somebody can log on: the answer to "is it without remote log-on?"
	// is yes only where it is Closed.
	Shell Status `json:"shell"`
	Why   Text   `json:"why"`
	// Ways has every way to log on, each with its status.
	Ways []LogonWay `json:"ways"`
}

// LogonWay is one way to get a shell on a server.
type LogonWay struct {
	Rule    string   `json:"rule"`
	Title   Text     `json:"title"`
	Status  Status   `json:"status"`
	Why     Text     `json:"why"`
	Who     []Taker  `json:"who,omitempty"`
	Missing []string `json:"missing,omitempty"`
}

// Op is what a change does.
type Op string

const (
	// RemoveActions takes actions out of a statement of a policy. Where a wildcard grants
	// them, it denies them in that policy instead (see AddDeny).
	RemoveActions Op = "remove-actions"
	// RemoveStatement takes a whole statement out.
	RemoveStatement Op = "remove-statement"
	// AddDeny adds a Deny statement to a policy, or as a new inline policy of the owner.
	AddDeny Op = "add-deny"
	// TightenTrust takes a principal out of a role's trust policy.
	TightenTrust Op = "tighten-trust"
	// RemovePrincipals takes principals out of a statement of the policy of a bucket, an
	// access point or a key; the statement goes where it names nobody else.
	RemovePrincipals Op = "remove-principals"
	// Set changes a setting of a server, account or bucket: Setting and Value.
	Set Op = "set"
)

// Change is one change to an account, small enough to be judged by a person.
type Change struct {
	ID     string `json:"id"` // stable, from its content
	Op     Op     `json:"op"`
	Policy Source `json:"policy,omitzero"`
	// Statement is the index of the statement it changes, -1 where it adds one.
	Statement int      `json:"statement"`
	Actions   []string `json:"actions,omitempty"`
	Resources []string `json:"resources,omitempty"`
	// Principals are taken out of a trust or resource policy.
	Principals []string `json:"principals,omitempty"`
	// Document is the statement that AddDeny adds.
	Document json.RawMessage `json:"document,omitempty"`
	// Target, Setting and Value: "arn:…:instance/i-1", "imdsv2", "required".
	Target  string `json:"target,omitempty"`
	Setting string `json:"setting,omitempty"`
	Value   string `json:"value,omitempty"`
	What    Text   `json:"what"`
	// Closes counts the findings that need what it takes away.
	Closes int `json:"closes"`
}

// Plan is a set of changes that closes what was asked for.
type Plan struct {
	Changes []Change `json:"changes"`
	// Irredundant is always true: without any one of the changes, something stays open.
	Irredundant bool `json:"irredundant"`
	// Smallest says that no set of fewer changes, of the kinds considered, does it. False:
	// not proven within the time.
	Smallest bool `json:"smallest"`
	// Left are the findings that no change considered here closes, each with why.
	Left []Left `json:"left,omitempty"`
	// Considered counts the candidate changes.
	Considered int `json:"considered"`
}

// Left is a finding that a plan does not close.
type Left struct {
	Principal string `json:"principal"`
	Right     Right  `json:"right"`
	Why       Text   `json:"why"`
}

// unmarshalWord reads one of several words.
func unmarshalWord(b []byte, words []string, to *int, what string) error {
	i := slices.Index(words, string(b))
	if i < 0 {
		return fmt.Errorf("%q is not %s: one of %q", b, what, words)
	}
	*to = i
	return nil
}
