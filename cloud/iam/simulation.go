package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Simulation is one request with all policies that bind it, as a file says it. The form is
// in docs/formats/cloud-simulate.md. What it does not have is absent, not unknown: its
// policies and its context are whole.
type Simulation struct {
	Name     string // what the file calls it, or ""
	Request  Request
	Policies Policies
	// Faults are what is wrong with policies. Whatever depends on them is Unknown.
	Faults []Fault
	// Notes are fields that mean nothing here.
	Notes []string
}

// Evaluate answers it.
func (s *Simulation) Evaluate() Answer {
	a := Evaluate(s.Request, s.Policies)
	if _, id := s.Request.asked().key("aws:userid"); a.Decision == Unknown && id == Maybe {
		// Absent, like whatever else is not given; but that allows nothing.
		r := s.Request
		r.Context = r.Context.Clone()
		r.Context.Set("aws:userid")
		if b := Evaluate(r, s.Policies); b.Decision == ImplicitlyDenied || b.Decision == ExplicitlyDenied {
			a = b
			a.Notes = append(a.Notes, "aws:userid is not given, and taken as absent; every signed request has one")
		}
	}
	if arn, ok := ParseARN(s.Request.Resource); ok && isAccount(arn.Account) && s.Request.Account != "" && arn.Account != s.Request.Account {
		// Whichever is right, what the other refuses is not allowed.
		r := s.Request
		r.Account = arn.Account
		if b := Evaluate(r, s.Policies); b.Decision.rank() < a.Decision.rank() {
			a = b
		}
		a.Notes = append(a.Notes, fmt.Sprintf("request.resource: accountId is %s, and the ARN says %s", s.Request.Account, arn.Account))
	}
	if action, known := LookUp(s.Request.Action); known {
		for _, key := range s.Request.Context.Keys() {
			if service, _, found := strings.Cut(key, ":"); found && loadCatalogue().services[service] != nil && !action.Knows(key) {
				a.Notes = append(a.Notes, fmt.Sprintf("requests for %s have no key %s that AWS documents; it is used as given", action.Name, key))
			}
		}
	}
	if strings.Contains(s.Request.Resource, ":accesspoint/") && strings.HasPrefix(s.Request.Resource, "arn:") {
		a.Notes = append(a.Notes, "this is about the access point; the bucket behind it must permit it too")
	}
	a.Notes = append(a.Notes, s.Notes...)
	for _, f := range s.Faults {
		a.Notes = append(a.Notes, f.String())
	}
	return a
}

// maxResource bounds a request's resource.
const maxResource = 8192

// MaxSimulations bounds the bytes of a file of simulations.
const MaxSimulations = 64 << 20

// SplitSimulations gives the simulations of a file: one object, or a list of them.
func SplitSimulations(data []byte) ([]json.RawMessage, error) {
	if len(data) > MaxSimulations {
		return nil, fmt.Errorf("it has more than %d MiB", MaxSimulations>>20)
	}
	data = bytes.TrimSpace(data)
	if !bytes.HasPrefix(data, []byte("[")) {
		return []json.RawMessage{data}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	return list, nil
}

// ignored are fields that say something to people, or to other programs.
var ignored = []string{"id", "description", "comment", "expected", "group", "source", "$schema"}

// ParseSimulation reads one. An error says which field is wrong, and how.
func ParseSimulation(data []byte) (*Simulation, error) {
	top, err := fields(data, "", "request", "identityPolicies", "resourcePolicy", "permissionBoundaryPolicies", "serviceControlPolicies", "resourceControlPolicies", "sessionPolicy", "vpcEndpointPolicies", "grants", "name")
	if err != nil {
		return nil, err
	}
	s := &Simulation{Notes: top.notes}
	if raw, ok := top.values["name"]; ok && json.Unmarshal(raw, &s.Name) != nil {
		return nil, fmt.Errorf("name: %s is not text", short(raw))
	}
	raw, ok := top.values["request"]
	if !ok {
		return nil, errors.New("request: it is missing: {\"principal\": …, \"action\": …, \"resource\": {\"resource\": …, \"accountId\": …}, \"context\": {…}}")
	}
	if err := s.request(raw); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name  string
		layer *Layer
	}{
		{"identityPolicies", &s.Policies.Identity},
		{"resourcePolicy", &s.Policies.Resource},
		{"permissionBoundaryPolicies", &s.Policies.Boundary},
		{"sessionPolicy", &s.Policies.Session},
		{"vpcEndpointPolicies", &s.Policies.Endpoint},
	} {
		f.layer.Known = true
		raw, ok := top.values[f.name]
		if !ok {
			continue
		}
		if err := s.policies(f.layer, raw, f.name); err != nil {
			return nil, err
		}
	}
	if s.Policies.SCPs, err = s.levels(top.values["serviceControlPolicies"], "serviceControlPolicies"); err != nil {
		return nil, err
	}
	if s.Policies.RCPs, err = s.levels(top.values["resourceControlPolicies"], "resourceControlPolicies"); err != nil {
		return nil, err
	}
	s.Policies.Grants = Supplied()
	if raw, ok := top.values["grants"]; ok {
		if err := s.grants(raw); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// isProse says that a value is no object, no list, and no text of one.
func isProse(raw json.RawMessage) bool {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = bytes.TrimSpace([]byte(text))
	}
	return !json.Valid(raw) || !bytes.HasPrefix(raw, []byte("{")) && !bytes.HasPrefix(raw, []byte("["))
}

// object with known fields, by their names in any letter case.
type objectFields struct {
	values map[string]json.RawMessage
	notes  []string
}

// fields reads an object. A field that is not known is noted; one that may be a slip of the
// pen, or that holds policies, is an error, since leaving it out could allow what it denies.
func fields(data []byte, at string, known ...string) (objectFields, error) {
	out := objectFields{values: map[string]json.RawMessage{}}
	where := at
	if at != "" {
		where += ": "
		at += "."
	}
	members, err := object(data)
	if err != nil {
		return out, fmt.Errorf("%s%w", where, err)
	}
	for _, m := range members {
		i := slices.IndexFunc(known, func(k string) bool { return strings.ToLower(k) == m.folded })
		switch {
		case i >= 0:
			if _, twice := out.values[known[i]]; twice {
				return out, fmt.Errorf("%s%s: it is there twice", at, m.name)
			}
			if !bytes.Equal(m.value, []byte("null")) {
				out.values[known[i]] = m.value
			} else {
				out.values[known[i]] = nil
				delete(out.values, known[i])
			}
		case slices.Contains(ignored, m.folded):
		default:
			near := slices.IndexFunc(known, func(k string) bool {
				return len(m.folded) <= 64 && distance(m.folded, strings.ToLower(k)) <= len(k)/4
			})
			prose := isProse(m.value)
			switch {
			case near >= 0 && (!prose || where == "request: "):
				return out, fmt.Errorf("%s%s: there is no such field; %s is one", at, m.name, known[near])
			case !prose && strings.HasPrefix(m.folded, "context"):
				return out, fmt.Errorf("%s%s: it belongs into request.context", at, m.name)
			case !prose && (strings.Contains(m.folded, "polic") || bytes.Contains(bytes.ToLower(m.value), []byte(`statement`))):
				return out, fmt.Errorf("%s%s: there is no such field, and policies are not left out; there are %s", at, m.name, strings.Join(known, ", "))
			}
			out.notes = append(out.notes, fmt.Sprintf("%s%s: there is no such field, and nothing is done with it", at, m.name))
		}
	}
	return out, nil
}

func elements(raw json.RawMessage, at string) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if !bytes.HasPrefix(raw, []byte("[")) {
		return nil, fmt.Errorf("%s: %s is not a list", at, short(raw))
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%s: it is not JSON: %w", at, err)
	}
	return list, nil
}

func (s *Simulation) request(raw json.RawMessage) error {
	f, err := fields(raw, "request", "principal", "action", "resource", "accountId", "context", "contextVariables", "managementAccount")
	if err != nil {
		return err
	}
	s.Notes = append(s.Notes, f.notes...)
	text := func(name string, raw json.RawMessage) (string, error) {
		var t string
		if raw == nil {
			return "", fmt.Errorf("request.%s: it is missing", name)
		}
		if json.Unmarshal(raw, &t) != nil || t == "" {
			return "", fmt.Errorf("request.%s: %s is not text", name, short(raw))
		}
		return t, nil
	}
	asks := f.values["principal"]
	if bytes.HasPrefix(asks, []byte("{")) {
		if asks, err = principalObject(asks); err != nil {
			return err
		}
	}
	who, err := text("principal", asks)
	if err != nil {
		return err
	}
	if s.Request.Principal, err = ParsePrincipal(who); err != nil {
		return fmt.Errorf("request.principal: %w", err)
	}
	if s.Request.Action, err = text("action", f.values["action"]); err != nil {
		return err
	}
	if service, name, found := strings.Cut(s.Request.Action, ":"); !found || service == "" || name == "" || strings.ContainsAny(s.Request.Action, "*? ") {
		return fmt.Errorf("request.action: %q is not an action: service:Name, without wildcards", s.Request.Action)
	}
	resource, account := f.values["resource"], f.values["accountId"]
	if bytes.HasPrefix(resource, []byte("{")) {
		r, err := fields(resource, "request.resource", "resource", "accountId")
		if err != nil {
			return err
		}
		s.Notes = append(s.Notes, r.notes...)
		if resource = r.values["resource"]; account == nil {
			account = r.values["accountId"]
		}
	}
	if s.Request.Resource, err = text("resource.resource", resource); err != nil {
		return err
	}
	if n := len(s.Request.Resource); n > maxResource {
		return fmt.Errorf("request.resource.resource: it has %d bytes; ARNs have at most 2,048, and %d are read here", n, maxResource)
	}
	if a, ok := ParseARN(s.Request.Resource); s.Request.Resource != "*" && (!ok || a.Service == "" || a.Resource == "") {
		return fmt.Errorf("request.resource.resource: %q is neither an ARN nor *", s.Request.Resource)
	}
	if account != nil && string(account) != `""` {
		if s.Request.Account, err = text("resource.accountId", digits(account)); err != nil {
			return err
		}
		if !isAccount(s.Request.Account) {
			return fmt.Errorf("request.resource.accountId: %q is not 12 digits", s.Request.Account)
		}
	}
	if raw, ok := f.values["managementAccount"]; ok {
		manager, err := text("managementAccount", raw)
		if err != nil {
			return err
		}
		s.Request.PrincipalManages = truth(manager == s.Request.Principal.Account)
		s.Request.ResourceManages = truth(manager == s.Request.owner())
	}
	s.Request.Context.Whole = true
	for _, name := range []string{"context", "contextVariables"} {
		raw, ok := f.values[name]
		if !ok {
			continue
		}
		members, err := object(raw)
		if err != nil {
			return fmt.Errorf("request.%s: %w", name, err)
		}
		for _, m := range members {
			values, err := texts(m.value)
			if bytes.Equal(m.value, []byte("null")) {
				values, err = nil, nil
			}
			if err != nil {
				return fmt.Errorf("request.%s.%s: %w", name, m.name, err)
			}
			if _, twice := s.Request.Context.values[m.folded]; twice {
				return fmt.Errorf("request.%s.%s: it is there twice", name, m.name)
			}
			s.Request.Context.Set(m.name, values...)
		}
	}
	s.Request.Principal.recognise(s.Request.Context)
	return nil
}

// principalObject reads a principal that is written as in a policy, {"AWS": ARN}, or as
// {"type": "Anonymous"}.
func principalObject(raw json.RawMessage) (json.RawMessage, error) {
	members, err := object(raw)
	if err == nil && len(members) == 1 && slices.Contains([]string{"aws", "service", "federated", "type"}, members[0].folded) {
		return members[0].value, nil
	}
	return nil, fmt.Errorf("request.principal: %s is not a principal: write its ARN, a service such as \"ec2.amazonaws.com\", or \"anonymous\"", short(raw))
}

// digits is an account that is written as a number, as text.
func digits(raw json.RawMessage) json.RawMessage {
	if n := len(raw); n > 0 && n <= 12 && strings.Trim(string(raw), "0123456789") == "" {
		return json.RawMessage(`"` + strings.Repeat("0", 12-n) + string(raw) + `"`)
	}
	return raw
}

// policies adds one policy to a layer, or a list of them.
func (s *Simulation) policies(l *Layer, raw json.RawMessage, at string) error {
	if !bytes.HasPrefix(raw, []byte("[")) {
		return s.policy(l, raw, at)
	}
	list, err := elements(raw, at)
	if err != nil {
		return err
	}
	for i, one := range list {
		if err := s.policy(l, one, fmt.Sprintf("%s[%d]", at, i)); err != nil {
			return err
		}
	}
	return nil
}

// policy adds a policy to a layer: a document, {name, policy}, or a document as text.
func (s *Simulation) policy(l *Layer, raw json.RawMessage, at string) error {
	name := at
	if bytes.HasPrefix(raw, []byte("{")) {
		members, err := object(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		for _, as := range [][2]string{{"name", "policy"}, {"PolicyName", "PolicyDocument"}} {
			if !slices.ContainsFunc(members, func(m member) bool { return m.folded == strings.ToLower(as[1]) }) {
				continue
			}
			f, err := fields(raw, at, as[0], as[1], "arn", "type")
			if err != nil {
				return err
			}
			s.Notes = append(s.Notes, f.notes...)
			if n, ok := f.values[as[0]]; ok && json.Unmarshal(n, &name) != nil {
				return fmt.Errorf("%s.%s: %s is not text", at, as[0], short(n))
			}
			if raw = f.values[as[1]]; raw == nil {
				return fmt.Errorf("%s.%s: it is null: leave the whole entry out where there is no policy", at, as[1])
			}
			break
		}
	}
	if bytes.HasPrefix(raw, []byte(`"`)) {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		raw = json.RawMessage(text)
	}
	p, err := Parse(name, raw)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	c := Compile(p)
	s.Faults = append(s.Faults, c.Faults...)
	l.Policies = append(l.Policies, c)
	return nil
}

// levels reads an organisation's policies: levels from the root down, or the policies of one.
func (s *Simulation) levels(raw json.RawMessage, at string) (Levels, error) {
	out := Levels{Known: true}
	if raw == nil {
		return out, nil
	}
	list, err := elements(raw, at)
	if err != nil {
		return out, err
	}
	flat := 0
	for i, one := range list {
		here := fmt.Sprintf("%s[%d]", at, i)
		if bytes.HasPrefix(one, []byte("[")) {
			level := Supplied()
			if err := s.policies(&level, one, here); err != nil {
				return out, err
			}
			out.Layers = append(out.Layers, level)
			continue
		}
		members, err := object(one)
		if err != nil {
			return out, fmt.Errorf("%s: %w", here, err)
		}
		if !slices.ContainsFunc(members, func(m member) bool { return m.folded == "policies" || m.folded == "orgidentifier" }) {
			if flat++; flat == 1 {
				out.Layers = append(out.Layers, Supplied())
			}
			if err := s.policy(&out.Layers[0], one, here); err != nil {
				return out, err
			}
			continue
		}
		f, err := fields(one, here, "orgIdentifier", "policies")
		if err != nil {
			return out, err
		}
		s.Notes = append(s.Notes, f.notes...)
		policies, ok := f.values["policies"]
		if !ok {
			return out, fmt.Errorf("%s.policies: it is missing", here)
		}
		inner, err := elements(policies, here+".policies")
		if err != nil {
			return out, err
		}
		level := Supplied()
		for j, p := range inner {
			if err := s.policy(&level, p, fmt.Sprintf("%s.policies[%d]", here, j)); err != nil {
				return out, err
			}
		}
		out.Layers = append(out.Layers, level)
	}
	if flat > 0 && flat < len(list) {
		return out, fmt.Errorf("%s: it has levels and policies side by side: a policy belongs into a level's policies", at)
	}
	return out, nil
}

// grants reads a KMS key's grants as kms:ListGrants gives them.
func (s *Simulation) grants(raw json.RawMessage) error {
	list, err := elements(raw, "grants")
	if err != nil {
		return err
	}
	for i, one := range list {
		var g struct {
			GrantID          string `json:"GrantId"`
			GranteePrincipal string
			Operations       []string
			Constraints      struct{ EncryptionContextSubset, EncryptionContextEquals map[string]string }
		}
		if err := json.Unmarshal(one, &g); err != nil {
			return fmt.Errorf("grants[%d]: %w", i, err)
		}
		if g.GranteePrincipal == "" || len(g.Operations) == 0 {
			return fmt.Errorf("grants[%d]: it needs GranteePrincipal and Operations", i)
		}
		if g.GrantID == "" {
			g.GrantID = fmt.Sprintf("grants[%d]", i)
		}
		s.Policies.Grants.Policies = append(s.Policies.Grants.Policies, Compile(GrantPolicy(KeyGrant{g.GrantID, g.GranteePrincipal, g.Operations, g.Constraints.EncryptionContextSubset, g.Constraints.EncryptionContextEquals})))
	}
	return nil
}
