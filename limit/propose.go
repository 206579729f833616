package limit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"strongroom"
)

// Proposal is one right that can go, as far as the window shows.
type Proposal struct {
	Form   string `json:"form"`             // remove-policy, narrow-actions, leave-group
	Policy string `json:"policy,omitempty"` // that changes
	Why    string `json:"why"`              // one English sentence
	// Diff is the change of the policy text in unified form, or "" where a membership is
	// what can go.
	Diff      string `json:"diff,omitempty"`
	Principal string `json:"principal,omitempty"` // who can leave
	Group     string `json:"group,omitempty"`

	change  edit
	days    int
	idle    []string // actions that nobody took
	decided int64
}

// Say says why in English ("en") or French ("fr").
func (p Proposal) Say(lang string) string {
	t := proposalWords["en"]
	if lang == "fr" {
		t = proposalWords["fr"]
	}
	switch p.Form {
	case "narrow-actions":
		var idle []string
		for _, name := range p.idle {
			idle = append(idle, DeedWords(strongroom.Action(name), lang))
		}
		return fmt.Sprintf(t.narrow, p.days, strings.Join(idle, ", "), p.decided)
	case "leave-group":
		return fmt.Sprintf(t.leave, p.Principal, p.days, p.Group)
	}
	return fmt.Sprintf(t.remove, p.days)
}

var proposalWords = map[string]struct{ remove, narrow, leave string }{
	"en": {"It permitted nothing in %d days.", "In %d days nobody used it to %s; its other decisions: %d.", "%s used nothing in %d days that being in %s permits."},
	"fr": {"Elle n’a rien permis en %d jours.", "En %d jours, personne ne s’en est servi pour %s ; ses autres décisions : %d.", "%s n’a rien utilisé en %d jours de ce que permet l’appartenance à %s."},
}

// Apply answers the text of base, from which the proposal was made, with it alone carried
// out; base as it is where a membership is what can go.
func (p Proposal) Apply(base *Set) string {
	if p.Diff == "" {
		return base.text
	}
	return applyEdits(base.text, []edit{p.change})
}

// Proposed is all proposals for a set of policies, and the text with all of them made.
type Proposed struct {
	Proposals []Proposal `json:"proposals"`
	// Kept says of permits that were not used why they are not proposed.
	Kept []string `json:"kept,omitempty"`
	// Caution says that the window is too short to conclude from, where it is.
	Caution string `json:"caution,omitempty"`
	Text    string `json:"text"`
}

// enough is how long a window has to be for what is not used in it to be called unused.
const enough = 30 * 24 * time.Hour

// Propose says what of base, the policies that are no bucket's, could go: permits that
// decided nothing in the window, and actions of permits that nobody took. A forbid is
// never proposed, nor what came into force within the window, nor what would leave nobody
// to manage the policies. Each proposal stands by itself; all together make Text.
func (u *Usage) Propose(base *Set, report UsageReport) Proposed {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := Proposed{Proposals: []Proposal{}}
	text := base.text
	var edits []edit
	if seen := report.To.Sub(report.From); seen < enough {
		out.Caution = fmt.Sprintf("the ledger shows only %d days of the %d that a month's and a holiday's work need: look again before anything is removed", int(seen.Hours()/24), int(enough.Hours()/24))
	}
	days := int(report.To.Sub(report.From).Hours() / 24)
	for _, used := range report.Policies {
		p := base.policies[used.ID]
		if p == nil || used.Effect != "permit" {
			continue
		}
		from, to := base.span(used.ID)
		young := !used.Since.IsZero()
		if used.Decided == 0 {
			switch {
			case young:
				out.Kept = append(out.Kept, fmt.Sprintf("%s came into force on %s, within the window", used.ID, used.Since.Format(time.DateOnly)))
			case u.erasedBy[used.ID] > 0:
				out.Kept = append(out.Kept, fmt.Sprintf("%s: decisions of which the personal part was erased: %d", used.ID, u.erasedBy[used.ID]))
			case houses(p.compiled):
				out.Kept = append(out.Kept, fmt.Sprintf("%s is for the house's own work, of which not each decision is on record", used.ID))
			case len(untold(p.compiled)) > 0:
				out.Kept = append(out.Kept, fmt.Sprintf("%s lets people %s, which is also decided beside another act, whose record does not tell", used.ID, strings.Join(untold(p.compiled), ", ")))
			case essential(p.compiled):
				out.Kept = append(out.Kept, fmt.Sprintf("%s lets people and policies be managed", used.ID))
			case speaksOf(p.compiled, emergencies):
				out.Kept = append(out.Kept, fmt.Sprintf("%s is for emergencies, which are meant to be rare", used.ID))
			default:
				e := edit{from, to, ""}
				edits = append(edits, e)
				out.Proposals = append(out.Proposals, Proposal{
					Form: "remove-policy", Policy: used.ID, Diff: diff(text, e), change: e, days: days,
					Why: fmt.Sprintf("it permitted nothing in %d days and %d uses", days, report.Permits),
				})
			}
			continue
		}
		if young || houses(p.compiled) {
			continue
		}
		if n := u.erasedBy[used.ID]; n > 0 {
			out.Kept = append(out.Kept, fmt.Sprintf("the actions of %s: decisions of which the personal part was erased: %d", used.ID, n))
			continue
		}
		idle, keep := u.idleActions(p)
		if len(idle) == 0 {
			continue
		}
		if at, list, ok := actionList(text[from:to]); ok {
			e := edit{from + at, from + at + len(list), actionScope(keep)}
			edits = append(edits, e)
			out.Proposals = append(out.Proposals, Proposal{
				Form: "narrow-actions", Policy: used.ID, Diff: diff(text, e), change: e, days: days, idle: idle, decided: used.Decided,
				Why: fmt.Sprintf("nobody took %s by it in %d days; its decisions on %s: %d", strings.Join(idle, ", "), days, strings.Join(keep, ", "), used.Decided),
			})
		}
	}
	if n := report.Erased; n > 0 {
		out.Kept = append(out.Kept, fmt.Sprintf("memberships in groups: %d uses are nobody's any more, since their personal part was erased", n))
	}
	for _, g := range report.Groups {
		if report.Erased > 0 {
			break
		}
		for _, name := range g.Idle {
			out.Proposals = append(out.Proposals, Proposal{
				Form: "leave-group", Principal: name, Group: g.Group, days: days,
				Why: fmt.Sprintf("%s used nothing in %d days that being in %s permits", name, days, g.Group),
			})
		}
	}
	out.Text = applyEdits(text, edits)
	return out
}

// essential reports whether a permit lets people or policies be managed: a right that is
// rarely used and without which nobody could give any.
func essential(p *cedar.Policy) bool {
	for _, at := range scopesOf(p) {
		if at.action == strongroom.ActionManagePolicy || at.action == strongroom.ActionManagePeople || at.action == "" {
			return true
		}
	}
	return false
}

// beside are actions that are decided together with another one, such as tagging with the
// store that brings the tags: where all are permitted, the record is of the other alone.
var beside = []strongroom.Action{
	strongroom.ActionMarkScrubbed, strongroom.ActionTagObject, strongroom.ActionHoldObject, strongroom.ActionRetainObject, strongroom.ActionBypassRetention,
}

// untold lists, in English words, the actions of a permit whose use the ledger need not show.
func untold(p *cedar.Policy) (out []string) {
	for _, at := range scopesOf(p) {
		if says := DeedWords(at.action, "en"); slices.Contains(beside, at.action) && !slices.Contains(out, says) {
			out = append(out, says)
		}
	}
	return out
}

// houses reports whether a permit is for one of the house's own workloads alone.
func houses(p *cedar.Policy) bool {
	all := scopesOf(p)
	return len(all) > 0 && !slices.ContainsFunc(all, func(at scope) bool { return at.group || !strings.HasPrefix(at.principal, "strongroom-") })
}

// emergencies names the attributes of a context by which policies are kept for emergencies.
var emergencies = []types.String{"breakGlass"}

func speaksOf(p *cedar.Policy, names []types.String) bool {
	found := false
	for _, condition := range (*ast.Policy)(p.AST()).Conditions {
		ast.Inspect(ast.NewNode(condition.Body), func(n ast.IsNode) bool {
			if a, ok := n.(ast.NodeTypeAccess); ok && slices.Contains(names, a.Value) {
				found = true
			}
			return true
		})
	}
	return found
}

// idleActions divides the actions that a permit lists into those that nobody took by it
// and those that somebody did.
func (u *Usage) idleActions(p *policy) (idle, keep []string) {
	var listed []string
	for _, at := range scopesOf(p.compiled) {
		if at.action != "" && !slices.Contains(listed, string(at.action)) {
			listed = append(listed, string(at.action))
		}
	}
	for _, a := range listed {
		action := strongroom.Action(a)
		if u.actions[policyAction{p.id, action}] > 0 || action == strongroom.ActionManagePolicy || action == strongroom.ActionManagePeople || slices.Contains(beside, action) {
			keep = append(keep, a)
		} else {
			idle = append(idle, a)
		}
	}
	if len(keep) == 0 {
		return nil, nil
	}
	return idle, keep
}

// actionScope writes the action part of a policy's head.
func actionScope(actions []string) string {
	if len(actions) == 1 {
		return fmt.Sprintf("action == Action::%q", actions[0])
	}
	var list []string
	for _, a := range actions {
		list = append(list, fmt.Sprintf("Action::%q", a))
	}
	return "action in [" + strings.Join(list, ", ") + "]"
}

// span answers where a policy stands in the text, annotations and the newline after it
// included.
func (s *Set) span(id string) (from, to int) {
	p := s.policies[id]
	from = p.compiled.Position().Offset
	to = endOfPolicy(s.text, from)
	for to < len(s.text) && (s.text[to] == ' ' || s.text[to] == '\t' || s.text[to] == '\r') {
		to++
	}
	if to < len(s.text) && s.text[to] == '\n' {
		to++
	}
	return from, to
}

// policyText answers a policy as it is written, or "".
func (s *Set) policyText(id string) string {
	if s.policies[id] == nil {
		return ""
	}
	from, to := s.span(id)
	return strings.TrimSpace(s.text[from:to])
}

// code goes through what of a policy text is neither in a string nor in a comment.
func code(text string, from int, visit func(i int) (more bool)) {
	for i := from; i < len(text); i++ {
		switch {
		case text[i] == '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case text[i] == '/' && i+1 < len(text) && text[i+1] == '/':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case !visit(i):
			return
		}
	}
}

// endOfPolicy answers the index behind the semicolon that ends the policy at from.
func endOfPolicy(text string, from int) int {
	end := len(text)
	code(text, from, func(i int) bool {
		if text[i] == ';' {
			end = i + 1
			return false
		}
		return true
	})
	return end
}

// actionList finds "action in […]" in the head of a policy.
func actionList(policy string) (at int, list string, ok bool) {
	head, end := 0, -1
	code(policy, 0, func(i int) bool { // behind the annotations, which have brackets of their own
		head = i
		return !strings.HasPrefix(policy[i:], "permit") && !strings.HasPrefix(policy[i:], "forbid") || i > 0 && !strings.ContainsRune(" \t\r\n)", rune(policy[i-1]))
	})
	at = -1
	code(policy, head, func(i int) bool {
		if at < 0 && strings.HasPrefix(policy[i:], "action") && strings.HasPrefix(strings.TrimLeft(policy[i+len("action"):], " \t\r\n"), "in") {
			at = i
		}
		if at >= 0 && policy[i] == ']' {
			end = i + 1
			return false
		}
		return policy[i] != ')' || at >= 0
	})
	if at < 0 || end < 0 {
		return 0, "", false
	}
	return at, policy[at:end], true
}

// edit puts something in the place of text[from:to].
type edit struct {
	from, to int
	with     string
}

func applyEdits(text string, edits []edit) string {
	slices.SortFunc(edits, func(a, b edit) int { return b.from - a.from })
	for _, e := range edits {
		text = text[:e.from] + e.with + text[e.to:]
	}
	return text
}

// diff is one edit in unified form, with three lines around it.
func diff(text string, e edit) string {
	const around = 3
	before, after := lines(text), lines(text[:e.from]+e.with+text[e.to:])
	head := 0
	for head < len(before) && head < len(after) && before[head] == after[head] {
		head++
	}
	tail := 0
	for tail < len(before)-head && tail < len(after)-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	from := max(0, head-around)
	gone, come := before[head:len(before)-tail], after[head:len(after)-tail]
	end := min(len(before), len(before)-tail+around)
	var b strings.Builder
	size := end - from
	fmt.Fprintf(&b, "--- policies.cedar\n+++ policies.cedar\n@@ -%d,%d +%d,%d @@\n", from+1, size, from+1, size-len(gone)+len(come))
	write := func(sign string, lines []string) {
		for _, l := range lines {
			b.WriteString(sign + strings.TrimSuffix(l, "\n") + "\n")
			if !strings.HasSuffix(l, "\n") {
				b.WriteString("\\ No newline at end of file\n")
			}
		}
	}
	write(" ", before[from:head])
	write("-", gone)
	write("+", come)
	write(" ", before[len(before)-tail:end])
	return b.String()
}

// lines are a text's lines, each with its end.
func lines(text string) []string {
	return slices.Collect(strings.Lines(text))
}
