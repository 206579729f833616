package reach

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed rules.yaml
var builtin []byte

// Rules are the steps that an analysis knows.
type Rules struct {
	Groups []Group
	Rules  []*Rule
	// Things are the ARNs that "new KIND" stands for, with {partition} and {account}.
	Things map[string]string
}

// Group is a group of routes.
type Group struct {
	ID    string `yaml:"id" json:"id"`
	Title Text   `yaml:"title" json:"title"`
}

// Rule is one kind of step: who may do all of one of its alternatives to a target gets what
// the rule gives. docs/formats/cloud-rules.md says what each word means.
type Rule struct {
	ID     string
	Group  string
	Title  Text
	Target string
	// By is whose step it is: "" a user, role or principal of another account; anonymous,
	// outsider (any other account), everybody (of this account, of whom nothing else is known),
	// root, service, federated, replication.
	By string
	// Service is the one that By: service is about, "" any.
	Service string
	// Trusts are services, one of which the target role's trust policy must let in.
	Trusts []string
	// TrustsProvider is how the name of a federated provider begins that the role trusts.
	TrustsProvider string
	Gives          string
	Effect         string // reach, cover, loosen
	Logon          bool
	Covers         []string
	// Alternatives are what must hold, each a list of which all must: the rule's steps
	// with their "any" multiplied out.
	Alternatives [][]Need
}

// Need is one thing that must hold: an action, a fact of the snapshot, or an assumption.
type Need struct {
	Action string
	On     []string          // on all of them
	Given  map[string]string // condition keys that are known in this step
	// Policy: "" as it is; trust, rewritten, deleted: the resource's policy in this step.
	Policy string
	// Otherwise: without the action the step is possible under this condition.
	Otherwise *Text

	Is     string // a fact
	Assume *Text  // what the snapshot never tells
}

// DefaultRules are the rules that come with the package.
func DefaultRules() *Rules { return defaultRules() }

var defaultRules = func() func() *Rules {
	r, err := ParseRules(builtin)
	return func() *Rules {
		if err != nil {
			panic("reach: rules.yaml: " + err.Error())
		}
		return r
	}
}()

type fileRule struct {
	ID             string     `yaml:"id"`
	Group          string     `yaml:"group"`
	Title          Text       `yaml:"title"`
	Target         string     `yaml:"target"`
	By             string     `yaml:"by"`
	Service        string     `yaml:"service"`
	Trusts         []string   `yaml:"trusts"`
	TrustsProvider string     `yaml:"trusts-provider"`
	Steps          []fileNeed `yaml:"steps"`
	Gives          string     `yaml:"gives"`
	Effect         string     `yaml:"effect"`
	Logon          bool       `yaml:"logon"`
	Covers         []string   `yaml:"covers"`
}

type fileNeed struct {
	Action    string            `yaml:"action"`
	On        oneOrMore         `yaml:"on"`
	Given     map[string]string `yaml:"given"`
	Policy    string            `yaml:"policy"`
	Otherwise *Text             `yaml:"otherwise"`
	Is        string            `yaml:"is"`
	Assume    *Text             `yaml:"assume"`
	Any       [][]fileNeed      `yaml:"any"`
}

type oneOrMore []string

func (o *oneOrMore) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		var l []string
		if err := n.Decode(&l); err != nil {
			return err
		}
		*o = l
		return nil
	}
	var s string
	if err := n.Decode(&s); err != nil {
		return err
	}
	*o = []string{s}
	return nil
}

const (
	maxRules        = 1 << 20 // bytes of a file of rules
	maxAlternatives = 64      // of one rule
)

// ParseRules reads a file of rules and checks it whole: the error lists everything that is
// wrong with it.
func ParseRules(file []byte) (*Rules, error) {
	if len(file) > maxRules {
		return nil, fmt.Errorf("the file has %d bytes; at most %d are read", len(file), maxRules)
	}
	var f struct {
		Groups []Group           `yaml:"groups"`
		Things map[string]string `yaml:"things"`
		Rules  []fileRule        `yaml:"rules"`
	}
	d := yaml.NewDecoder(bytes.NewReader(file))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty")
		}
		return nil, err
	}
	r := &Rules{Groups: f.Groups, Things: f.Things}
	var wrong []error
	groups, ids := map[string]bool{}, map[string]bool{}
	for i, g := range f.Groups {
		if g.ID == "" || groups[g.ID] {
			wrong = append(wrong, fmt.Errorf("groups[%d]: its id is missing or there twice", i))
		}
		groups[g.ID] = true
		if g.Title.EN == "" || g.Title.FR == "" {
			wrong = append(wrong, fmt.Errorf("group %s: its title needs en and fr", g.ID))
		}
	}
	for i, fr := range f.Rules {
		bad := func(format string, args ...any) {
			wrong = append(wrong, fmt.Errorf("rules[%d] (%s): "+format, append([]any{i, fr.ID}, args...)...))
		}
		if fr.ID == "" || ids[fr.ID] {
			bad("its id is missing or there twice")
		}
		ids[fr.ID] = true
		if !groups[fr.Group] {
			bad("%q is not a group of the file", fr.Group)
		}
		if fr.Title.EN == "" || fr.Title.FR == "" {
			bad("its title needs en and fr")
		}
		switch fr.Effect {
		case "":
			fr.Effect = "reach"
			if !slices.Contains(gives, fr.Gives) {
				bad("gives: %q is none of %q", fr.Gives, gives)
			}
		case "cover", "loosen":
			if fr.Gives != "" {
				bad("a route that covers or loosens gives nothing")
			}
		default:
			bad("effect: %q is neither cover nor loosen", fr.Effect)
		}
		if !slices.Contains(targets, fr.Target) && !kind(fr.Target) {
			bad("target: %q is neither a kind of workload (service:kind) nor one of %q", fr.Target, targets)
		}
		if !slices.Contains([]string{"", "anonymous", "outsider", "everybody", "root", "service", "federated", "replication"}, fr.By) {
			bad("by: %q is none of anonymous, outsider, everybody, root, service, federated, replication", fr.By)
		}
		if len(fr.Steps) == 0 {
			bad("it has no steps")
		}
		alternatives := r.multiply(fr.Steps, bad)
		if len(alternatives) > maxAlternatives {
			bad("its steps make %d alternatives; at most %d are kept", len(alternatives), maxAlternatives)
			continue
		}
		r.Rules = append(r.Rules, &Rule{fr.ID, fr.Group, fr.Title, fr.Target, fr.By, fr.Service, fr.Trusts, fr.TrustsProvider, fr.Gives, fr.Effect, fr.Logon, fr.Covers, alternatives})
	}
	if len(f.Rules) == 0 {
		wrong = append(wrong, errors.New("it has no rules"))
	}
	// Routes are listed by group, whatever the order of the file.
	at := map[string]int{}
	for i, g := range f.Groups {
		at[g.ID] = i
	}
	slices.SortStableFunc(r.Rules, func(a, b *Rule) int { return at[a.Group] - at[b.Group] })
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return r, nil
}

// The words of a file of rules.
var (
	gives   = []string{"be", "data", "replica", "rights", "version", "join", "undenied", "unbounded", "retagged", "read", "use", "admin"}
	targets = []string{"role", "user", "new-role", "new-user", "group", "policy", "principal", "bucket", "log-bucket", "state-bucket", "access-point", "object-lambda", "access-grant", "key", "account", "trail", "saml-provider", "oidc-provider", "server", "image-user", "layer-user", "secret", "replica", "ec2:launch-template"}
	places  = []string{"target", "any", "objects", "bucket", "role", "any-role", "any-user", "any-object", "groups", "repository", "layer", "access-point objects", "supporting objects", "log objects", "state objects", "new access-point objects"}
	facts   = []string{"torrents-served", "grantee", "acl-reads", "acl-public", "acls-on", "acls-obeyed", "keys-free", "keys-full", "login-none", "login-exists", "changeable", "in-profile", "empty-profile", "cluster", "stack-set-execution", "agent", "credentials", "port-22", "port-22-open", "port-3389", "port-3389-open", "connect-endpoint", "key-pair", "serial-console", "windows", "metadata-v1", "exec", "multi-region", "in-network", "on-ec2", "cluster-lets", "subject-open", "administrator", "outsiders-let", "anywhere-profile", "trust-anchor", "private-authority", "center-here", "center-group", "backed-up", "tags-mutable", "replicated", "provider-there", "provider-absent"}
)

func kind(s string) bool {
	service, k, ok := strings.Cut(s, ":")
	return ok && service != "" && k != ""
}

// multiply makes the alternatives of steps: each "any" among them once for each of its
// branches.
func (r *Rules) multiply(steps []fileNeed, bad func(string, ...any)) [][]Need {
	out := [][]Need{nil}
	for i, s := range steps {
		var branches [][]Need
		n := 0
		for _, is := range []bool{s.Action != "", s.Is != "", s.Assume != nil, s.Any != nil} {
			if is {
				n++
			}
		}
		if n != 1 {
			bad("step %d is not exactly one of action, is, assume, any", i+1)
			continue
		}
		switch {
		case s.Any != nil:
			for _, b := range s.Any {
				branches = append(branches, r.multiply(b, bad)...)
			}
		case s.Is != "":
			if !slices.Contains(facts, s.Is) {
				bad("step %d: is: %q is none of %q", i+1, s.Is, facts)
			}
			branches = [][]Need{{{Is: s.Is}}}
		case s.Assume != nil:
			if s.Assume.EN == "" || s.Assume.FR == "" {
				bad("step %d: what it assumes needs en and fr", i+1)
			}
			branches = [][]Need{{{Assume: s.Assume}}}
		default:
			if service, name, ok := strings.Cut(s.Action, ":"); !ok || service == "" || name == "" || strings.ContainsAny(s.Action, "*?") {
				bad("step %d: %q is not one action, service:Name", i+1, s.Action)
			}
			if len(s.On) == 0 {
				bad("step %d: it does not say on what", i+1)
			}
			for _, on := range s.On {
				if which, k, ok := strings.Cut(on, " "); ok && (which == "new" || which == "existing") && r.Things[k] != "" || slices.Contains(places, on) {
					continue
				}
				bad("step %d: on: %q is neither new or existing KIND, with a kind of the file's things, nor one of %q", i+1, on, places)
			}
			if !slices.Contains([]string{"", "trust", "rewritten", "deleted"}, s.Policy) {
				bad("step %d: policy: %q is none of trust, rewritten, deleted", i+1, s.Policy)
			}
			branches = [][]Need{{{Action: s.Action, On: s.On, Given: s.Given, Policy: s.Policy, Otherwise: s.Otherwise}}}
		}
		var next [][]Need
		for _, so := range out {
			for _, b := range branches {
				next = append(next, append(slices.Clip(slices.Clone(so)), b...))
			}
		}
		if len(next) > 8*maxAlternatives {
			bad("its steps have too many alternatives")
			return nil
		}
		out = next
	}
	return out
}
