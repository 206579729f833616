package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"strongroom"
	"strongroom/book"
	"strongroom/people"
)

// Kinds of row about people.
const (
	rowToken     = "api-token"
	rowDeparture = "departure"       // id: the principal's
	rowDirectory = "directory"       // id "current": what a directory may hand out
	rowEntry     = "directory-entry" // id: the principal's
	rowGroup     = "directory-group"
)

const currentDirectory = "current"

// directory is what a directory manages here, as part of the keyring.
type directory struct {
	settings people.DirectorySettings
	doubt    bool // the settings cannot be read: every group is protected
	entries  map[strongroom.ID]people.Entry
	groups   map[strongroom.ID]people.DirectoryGroup
}

func (d *directory) init() {
	d.entries = map[strongroom.ID]people.Entry{}
	d.groups = map[strongroom.ID]people.DirectoryGroup{}
}

func (d *directory) learn(row book.Row) (err error) {
	if row.Kind == rowDirectory {
		d.settings, err = decode[people.DirectorySettings](row)
		d.doubt = err != nil
		return err
	}
	id, err := strongroom.ParseID(row.ID)
	if err != nil {
		return err
	}
	if row.Kind == rowEntry {
		e, err := decode[people.Entry](row)
		if err == nil {
			d.entries[id] = e
		}
		return err
	}
	g, err := decode[people.DirectoryGroup](row)
	if err == nil {
		d.groups[id] = g
	}
	return err
}

func (d *directory) forget(at book.RowKey) {
	if at.Kind == rowDirectory {
		d.doubt = true
		return
	}
	id, err := strongroom.ParseID(at.ID)
	switch {
	case err != nil:
	case at.Kind == rowEntry:
		delete(d.entries, id)
	default:
		delete(d.groups, id)
	}
}

// DirectoryPerson is a principal whom a directory provisions.
type DirectoryPerson struct {
	Principal strongroom.Principal
	Entry     people.Entry
	Manager   strongroom.ID // whom the attribute manager names, if a directory provisions them too
	Groups    []people.DirectoryGroup
}

// DirectoryGroup is a group that a directory manages, with who is in it, of those whom a
// directory provisions, in order of id.
type DirectoryGroup struct {
	people.DirectoryGroup
	Members []DirectoryMember
}

// DirectoryMember is one member of a group.
type DirectoryMember struct {
	ID   strongroom.ID
	Name string
}

// Has reports whether a principal is in the group.
func (g DirectoryGroup) Has(id strongroom.ID) bool {
	return slices.ContainsFunc(g.Members, func(m DirectoryMember) bool { return m.ID == id })
}

// Directory is what a directory sees here: what it provisioned, and nothing else.
type Directory struct {
	People []DirectoryPerson // in the order in which they came, then of id
	Groups []DirectoryGroup  // likewise
}

// managed is the directory's groups by name. The caller holds the state's lock.
func (s *state) managed() map[string]people.DirectoryGroup {
	out := make(map[string]people.DirectoryGroup, len(s.ring.directory.groups))
	for _, g := range s.ring.directory.groups {
		out[g.Group] = g
	}
	return out
}

// person is one of a directory's, if it is one. The caller holds the state's lock.
func (s *state) person(id strongroom.ID, managed map[string]people.DirectoryGroup) (DirectoryPerson, bool) {
	e, provisioned := s.ring.directory.entries[id]
	p, known := s.principals[id]
	if !known || !provisioned || e.Source != people.SourceSCIM {
		return DirectoryPerson{}, false
	}
	out := DirectoryPerson{Principal: p, Entry: e}
	if m := p.Attributes[people.AttributeManager]; len(m) == 1 {
		if manager, known := s.names[m[0]]; known && s.ring.directory.entries[manager].Source == people.SourceSCIM {
			out.Manager = manager
		}
	}
	for _, name := range p.Groups {
		if g, ok := managed[name]; ok {
			out.Groups = append(out.Groups, g)
		}
	}
	return out, true
}

// person is one of a directory's, if it is one.
func (r *Room) person(id strongroom.ID) (DirectoryPerson, bool) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return r.state.person(id, r.state.managed())
}

// view makes what a directory sees. The caller holds the state's lock.
func (s *state) view() Directory {
	var out Directory
	managed := s.managed()
	members := map[string][]DirectoryMember{}
	for id := range s.ring.directory.entries {
		p, ok := s.person(id, managed)
		if !ok {
			continue
		}
		out.People = append(out.People, p)
		for _, g := range p.Groups {
			members[g.Group] = append(members[g.Group], DirectoryMember{id, p.Principal.Name})
		}
	}
	slices.SortFunc(out.People, func(a, b DirectoryPerson) int {
		if c := a.Entry.Created.Compare(b.Entry.Created); c != 0 {
			return c
		}
		return strings.Compare(a.Principal.ID.String(), b.Principal.ID.String())
	})
	for _, g := range managed {
		one := DirectoryGroup{DirectoryGroup: g, Members: members[g.Group]}
		slices.SortFunc(one.Members, func(a, b DirectoryMember) int { return strings.Compare(a.ID.String(), b.ID.String()) })
		out.Groups = append(out.Groups, one)
	}
	slices.SortFunc(out.Groups, func(a, b DirectoryGroup) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID.String(), b.ID.String())
	})
	return out
}

func (d Directory) group(id strongroom.ID) (DirectoryGroup, bool) {
	i := slices.IndexFunc(d.Groups, func(g DirectoryGroup) bool { return g.ID == id })
	if i < 0 {
		return DirectoryGroup{}, false
	}
	return d.Groups[i], true
}

// ReadDirectory answers what a directory sees, on record with what was asked.
func (r *Room) ReadDirectory(ctx context.Context, c Caller, asking string) (Directory, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return Directory{}, r.refuse(ctx, a)
	}
	r.state.mu.RLock()
	out := r.state.view()
	r.state.mu.RUnlock()
	p := a.personal()
	p.Detail = shorten(asking)
	if _, err := r.apply(ctx, KindPeople, r.evidence("directory-read", a), p, book.Change{}); err != nil {
		return Directory{}, unavailable("it could not be recorded, so nothing is shown", err)
	}
	return out, nil
}

// refuseDirectory refuses, on record, what a directory may not ask for although its token
// may manage people.
func (r *Room) refuseDirectory(ctx context.Context, a asked, message, hint string) error {
	r.recordRefusal(ctx, a, message)
	return &strongroom.Error{Kind: strongroom.KindDenied, Message: message, Hint: hint}
}

// ErrNotProvisioned is wrapped by the error for an id that no directory's resource has.
var ErrNotProvisioned = errors.New("not provisioned by a directory")

func notProvisioned(what string) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "there is no such " + what, Cause: ErrNotProvisioned}
}

// ChangePerson changes a principal whom a directory provisions, or with a zero id makes
// one. change is given the person as the database has it, and may be called again; its
// error ends the request and is returned unchanged. Of the principal it may change name,
// attributes and suspension; kind, groups and aliases stay, and a change of them is lost.
func (r *Room) ChangePerson(ctx context.Context, c Caller, id strongroom.ID, change func(*DirectoryPerson) error) (DirectoryPerson, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return DirectoryPerson{}, r.refuse(ctx, a)
	}
	for range 16 {
		one, person, err := r.changePerson(ctx, a, id, change)
		if err != nil {
			return DirectoryPerson{}, err
		}
		kept, err := r.alterOne(ctx, a, one)
		if strongroom.KindOf(err) == strongroom.KindConflict && !errors.Is(err, ErrTaken) {
			continue
		}
		if err != nil {
			return DirectoryPerson{}, err
		}
		person.Principal = kept
		if now, ok := r.person(kept.ID); ok {
			person = now
		}
		return person, nil
	}
	return DirectoryPerson{}, conflict(errors.New("the principal changed with every attempt"))
}

func (r *Room) changePerson(ctx context.Context, a asked, id strongroom.ID, change func(*DirectoryPerson) error) (alteration, DirectoryPerson, error) {
	one := alteration{why: "by a directory"}
	fail := func(err error) (alteration, DirectoryPerson, error) { return one, DirectoryPerson{}, err }
	now := r.Clock().UTC()
	var person DirectoryPerson
	if id.IsZero() {
		person.Principal = strongroom.Principal{Kind: strongroom.Person, Attributes: map[string][]string{}}
		person.Entry = people.Entry{Source: people.SourceSCIM, Created: now}
	} else {
		was, err := r.Book.Row(ctx, rowPrincipal, id.String())
		if errors.Is(err, book.ErrNoRow) {
			return fail(notProvisioned("user"))
		} else if err != nil {
			return fail(unavailable("the principal's row cannot be read", err))
		}
		entry, err := r.Book.Row(ctx, rowEntry, id.String())
		if errors.Is(err, book.ErrNoRow) {
			return fail(notProvisioned("user"))
		} else if err != nil {
			return fail(unavailable("the principal's entry cannot be read", err))
		}
		seen, known := r.person(id)
		if !known {
			return fail(notProvisioned("user"))
		}
		person = seen
		if person.Principal, err = decode[strongroom.Principal](was); err == nil {
			person.Entry, err = decode[people.Entry](entry)
		}
		if err != nil {
			return fail(unavailable("the principal's row cannot be read", err))
		}
		one.was = &was
		one.require = append(one.require, book.Condition{Form: book.Unchanged, Kind: rowEntry, ID: entry.ID, Salt: entry.Salt})
	}
	before := person.Principal
	if person.Principal.Attributes = cloneAttributes(before.Attributes); person.Principal.Attributes == nil {
		person.Principal.Attributes = map[string][]string{}
	}
	if err := change(&person); err != nil {
		return fail(err)
	}
	after := &person.Principal
	after.ID, after.Kind, after.Groups, after.Aliases, after.Expires = before.ID, before.Kind, before.Groups, before.Aliases, before.Expires
	if one.was != nil && (after.Name != before.Name || people.Active(*after, now) && !people.Active(before, now)) {
		if err := r.steers(ctx, a, before); err != nil {
			return fail(err)
		}
	}
	if !strings.EqualFold(after.Name, before.Name) || one.was == nil {
		if err := r.freeName(*after); err != nil {
			return fail(err)
		}
	}
	delete(after.Attributes, people.AttributeManager)
	if !person.Manager.IsZero() {
		m, known := r.person(person.Manager)
		if !known {
			return fail(&strongroom.Error{Kind: strongroom.KindInvalid, Message: "the manager is no user that the directory provisioned"})
		}
		after.Attributes[people.AttributeManager] = []string{m.Principal.Name}
	}
	person.Entry.Source, person.Entry.Modified = people.SourceSCIM, now
	if err := people.CheckEntry(&person.Entry); err != nil {
		return fail(&strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()})
	}
	one.new = *after
	// A new principal's id is known only when it is written: it brings its entry along.
	one.entry = &person.Entry
	return one, person, nil
}

// steers refuses to have a directory rename or bring back somebody whom the room itself
// put into a protected group: identity tokens are matched by name, so that another name
// would give what the group may to whoever bears it. Ending such a principal it may.
func (r *Room) steers(ctx context.Context, a asked, p strongroom.Principal) error {
	for _, g := range p.Groups {
		if why := r.protected(g); why != "" {
			return r.refuseDirectory(ctx, a, p.Name+" is in a protected group: a directory may neither rename nor bring back such a principal", "whoever manages people here does that, or takes the group away first")
		}
	}
	return nil
}

func cloneAttributes(a map[string][]string) map[string][]string {
	if a == nil {
		return nil
	}
	out := make(map[string][]string, len(a))
	for name, values := range a {
		out[name] = slices.Clone(values)
	}
	return out
}

// freeName refuses a name that is somebody else's, in any spelling, or somebody's alias:
// whoever a directory names so would see what is the other's.
func (r *Room) freeName(p strongroom.Principal) error {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	for _, other := range r.state.principals {
		switch {
		case other.ID == p.ID:
		case strings.EqualFold(other.Name, p.Name) && r.state.ring.directory.entries[other.ID].Source == people.SourceSCIM:
			return taken("there is a user %q already", other.Name)
		case strings.EqualFold(other.Name, p.Name):
			return taken("there is a principal %q that the directory did not provision; whoever manages people here lets it have it with: strongroom people adopt %s", other.Name, other.Name)
		case slices.ContainsFunc(other.Aliases, func(alias string) bool { return strings.EqualFold(alias, p.Name) }):
			return taken("%q is an alias of another principal", p.Name)
		}
	}
	return nil
}

// RemovePerson ends what a directory provisioned: the principal is suspended and leaves
// the directory's groups, its access keys, sessions and tokens are over for good, and the
// directory sees it no more. The principal's row stays, since records name it, and nobody
// gets its name unless somebody adopts it.
func (r *Room) RemovePerson(ctx context.Context, c Caller, id strongroom.ID, check func(DirectoryPerson) error) error {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	for range 16 {
		one, person, err := r.changePerson(ctx, a, id, func(p *DirectoryPerson) error {
			p.Manager = strongroom.ID{}
			return check(*p)
		})
		if err != nil {
			return err
		}
		one.entry, one.forGood = nil, true
		one.drop = append(one.drop, book.RowKey{Kind: rowEntry, ID: id.String()})
		one.new.Suspended = true
		one.new.Groups = slices.DeleteFunc(slices.Clone(one.new.Groups), func(name string) bool {
			return slices.ContainsFunc(person.Groups, func(g people.DirectoryGroup) bool { return g.Group == name })
		})
		if _, err = r.alterOne(ctx, a, one); strongroom.KindOf(err) != strongroom.KindConflict {
			return err
		}
	}
	return conflict(errors.New("the principal changed with every attempt"))
}

// Adopt lets a directory have a principal that it did not provision. From then on it may
// rename and suspend it, and give and take groups that it manages.
func (r *Room) Adopt(ctx context.Context, c Caller, name string) error {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	was, p, err := r.principalRow(ctx, name)
	if err != nil {
		return err
	}
	if p.Kind != strongroom.Person {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s is a %s, and a directory has persons", p.Name, p.Kind)}
	}
	r.state.mu.RLock()
	have := r.state.ring.directory.entries[p.ID]
	r.state.mu.RUnlock()
	if have.Source == people.SourceSCIM {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("a directory has %s already", p.Name)}
	}
	for _, g := range p.Groups {
		if why := r.protected(g); why != "" {
			return &strongroom.Error{Kind: strongroom.KindDenied, Message: fmt.Sprintf("%s is in the group %s, %s: a directory must not have such a principal", p.Name, g, why), Hint: "take the group away first, or allow it with `strongroom people directory set --allow`"}
		}
	}
	now := r.Clock().UTC()
	entry, err := row(rowEntry, p.ID.String(), people.Entry{Source: people.SourceSCIM, Created: now, Modified: now})
	if err != nil {
		return unavailable("the entry's row could not be made", err)
	}
	return r.administer(ctx, a, KindPeople, "principal-adopt", p.Name, book.Change{
		Require: []book.Condition{{Form: book.Unchanged, Kind: rowPrincipal, ID: was.ID, Salt: was.Salt}}, Put: []book.Row{entry},
	})
}

// Sources answers which principals were provisioned, and by what.
func (r *Room) Sources() map[strongroom.ID]string {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	out := map[strongroom.ID]string{}
	for id, e := range r.state.ring.directory.entries {
		out[id] = e.Source
	}
	return out
}

// DirectorySettings answers what a directory may hand out, on record.
func (r *Room) DirectorySettings(ctx context.Context, c Caller) (people.DirectorySettings, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return people.DirectorySettings{}, r.refuse(ctx, a)
	}
	r.state.mu.RLock()
	s := r.state.ring.directory.settings
	r.state.mu.RUnlock()
	return s, r.administer(ctx, a, KindPeople, "directory-show", "", book.Change{})
}

// PutDirectorySettings says what a directory may hand out. A group that is managed
// already and becomes protected stays as it is; no more is given or taken.
func (r *Room) PutDirectorySettings(ctx context.Context, c Caller, s people.DirectorySettings) error {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	if err := people.CheckDirectory(&s); err != nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()}
	}
	row, err := row(rowDirectory, currentDirectory, s)
	if err != nil {
		return unavailable("the settings' row could not be made", err)
	}
	subject := fmt.Sprintf("allow %s; protect %s", strings.Join(s.Allow, " "), strings.Join(s.Protect, " "))
	return r.administer(ctx, a, KindPeople, "directory-put", subject, book.Change{Put: []book.Row{row}})
}

// guarded are groups of the policies that a room starts with, which govern it, or forbid.
var guarded = []string{"security-officers", "data-owners", "platform-administrators", "auditors"}

// governing are the actions that make a group a protected one: who may do them governs
// the room, or sees what everybody did.
var governing = []strongroom.Action{
	strongroom.ActionManagePeople, strongroom.ActionManagePolicy, strongroom.ActionReadLedger, strongroom.ActionManageAlerts,
	strongroom.ActionBreakGlass, strongroom.ActionReviewAccess,
}

// wholesale are the actions that make a group a protected one where its members may do
// them to whatever is stored: who approves, or lifts a label or retention, stands for the
// second person that others need.
var wholesale = map[strongroom.Action]string{
	strongroom.ActionReadObject:      "open whatever is stored",
	strongroom.ActionDownload:        "take copies of whatever is stored",
	strongroom.ActionApproveRequest:  "approve whatever is asked for",
	strongroom.ActionLoosenLabel:     "loosen any label",
	strongroom.ActionBypassRetention: "set any retention aside",
}

// protected says why a directory must not hand out a group, or "". It goes by a list and
// by the policy in force, which is asked what a member of the group alone might do.
func (r *Room) protected(group string) string {
	r.state.mu.RLock()
	settings, doubt, policy := r.state.ring.directory.settings, r.state.ring.directory.doubt, r.state.policy
	r.state.mu.RUnlock()
	switch {
	case doubt || policy == nil:
		return "and what it may do cannot be read now"
	case slices.Contains(settings.Protect, group):
		return "which the room's settings protect"
	case slices.Contains(settings.Allow, group):
		return ""
	case slices.Contains(guarded, group):
		return "which is protected"
	}
	ask := func(action strongroom.Action, resource strongroom.Resource) bool {
		d := policy.Decide(strongroom.Question{
			Action: action, Resource: resource,
			Principal: strongroom.Principal{ID: strongroom.NewID(), Name: "somebody", Kind: strongroom.Person, Groups: []string{group}},
			Context:   strongroom.Context{Time: r.Clock().UTC(), Purpose: strongroom.Purpose{Text: "asking", Ticket: "asking"}, Source: "127.0.0.1", Method: "sigv4", Secure: true},
		})
		return d.Permit || len(d.Missing) > 0 || len(d.Errors) > 0
	}
	for _, action := range governing {
		if ask(action, strongroom.Resource{}) {
			return fmt.Sprintf("whose members may %s", action)
		}
	}
	anything := strongroom.Resource{Bucket: "any", Key: "any", Custody: "any", Created: r.Clock().UTC(), Label: strongroom.Label{Confidential: true}}
	for action, may := range wholesale {
		if ask(action, anything) {
			return "whose members may " + may
		}
	}
	return ""
}

// ChangeGroup changes a group that a directory manages, or with a zero id makes one, and
// who is in it: everything at once or nothing. change may be called again.
func (r *Room) ChangeGroup(ctx context.Context, c Caller, id strongroom.ID, change func(*DirectoryGroup) error) (DirectoryGroup, error) {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return DirectoryGroup{}, r.refuse(ctx, a)
	}
	for range 16 {
		kept, err := r.changeGroup(ctx, a, id, change)
		if strongroom.KindOf(err) != strongroom.KindConflict || errors.Is(err, ErrTaken) {
			return kept, err
		}
	}
	return DirectoryGroup{}, conflict(errors.New("the group changed with every attempt"))
}

func (r *Room) changeGroup(ctx context.Context, a asked, id strongroom.ID, change func(*DirectoryGroup) error) (DirectoryGroup, error) {
	fail := func(err error) (DirectoryGroup, error) { return DirectoryGroup{}, err }
	now := r.Clock().UTC()
	g := DirectoryGroup{DirectoryGroup: people.DirectoryGroup{Created: now}}
	record := part{kind: KindPeople, evidence: r.evidence("group-put", a), personal: a.personal()}
	if !id.IsZero() {
		was, err := r.Book.Row(ctx, rowGroup, id.String())
		if errors.Is(err, book.ErrNoRow) {
			return fail(notProvisioned("group"))
		} else if err != nil {
			return fail(unavailable("the group's row cannot be read", err))
		}
		record.change.Require = []book.Condition{{Form: book.Unchanged, Kind: rowGroup, ID: was.ID, Salt: was.Salt}}
		r.state.mu.RLock()
		seen, known := r.state.view().group(id)
		r.state.mu.RUnlock()
		if !known {
			return fail(notProvisioned("group"))
		}
		g = seen
		if g.DirectoryGroup, err = decode[people.DirectoryGroup](was); err != nil {
			return fail(unavailable("the group's row cannot be read", err))
		}
	} else {
		g.ID = strongroom.NewID()
	}
	before := g
	g.Members = slices.Clone(before.Members)
	if err := change(&g); err != nil {
		return fail(err)
	}
	g.ID, g.Created, g.Modified = before.ID, before.Created, now
	if err := people.CheckGroup(&g.DirectoryGroup); err != nil {
		return fail(&strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()})
	}
	for _, name := range []string{before.Group, g.Group} {
		if why := r.protected(name); name != "" && why != "" {
			return fail(r.refuseDirectory(ctx, a, fmt.Sprintf("a directory may not hand out the group %s, %s", name, why), "whoever manages people here may allow it: strongroom people directory set --allow "+name))
		}
	}
	tag := mac(r.tagKey, "directory-group", g.Group)
	if before.Group != g.Group {
		r.state.mu.RLock()
		for _, other := range r.state.ring.directory.groups {
			if other.Group == g.Group && other.ID != g.ID {
				r.state.mu.RUnlock()
				return fail(taken("%q and %q would both be the group %s here", other.DisplayName, g.DisplayName, g.Group))
			}
		}
		r.state.mu.RUnlock()
		record.change.Require = append(record.change.Require, book.Condition{Form: book.Only, Kind: rowGroup, Tag: tag})
	}
	row, err := row(rowGroup, g.ID.String(), g.DirectoryGroup)
	if err != nil {
		return fail(unavailable("the group's row could not be made", err))
	}
	row.Tag = tag
	record.change.Put = []book.Row{row}
	record.personal.Subject = g.Group
	var all []alteration
	for _, m := range before.Members {
		if !g.Has(m.ID) || before.Group != g.Group {
			all = append(all, alteration{new: strongroom.Principal{ID: m.ID}})
		}
	}
	for _, m := range g.Members {
		if !before.Has(m.ID) {
			all = append(all, alteration{new: strongroom.Principal{ID: m.ID}})
		}
	}
	for i := range all {
		if all[i], err = r.regroup(ctx, all[i].new.ID, before.Group, g); err != nil {
			return fail(err)
		}
	}
	if _, err := r.alter(ctx, a, KindPeople, all, record); err != nil {
		return fail(err)
	}
	r.state.mu.RLock()
	kept, known := r.state.view().group(g.ID)
	r.state.mu.RUnlock()
	if !known {
		return g, nil
	}
	return kept, nil
}

// regroup takes a principal out of a group and into what that has become, as far as it is
// a member.
func (r *Room) regroup(ctx context.Context, id strongroom.ID, out string, g DirectoryGroup) (alteration, error) {
	was, err := r.Book.Row(ctx, rowPrincipal, id.String())
	if err != nil && !errors.Is(err, book.ErrNoRow) {
		return alteration{}, unavailable("a member's row cannot be read", err)
	}
	r.state.mu.RLock()
	e := r.state.ring.directory.entries[id]
	r.state.mu.RUnlock()
	if err != nil || e.Source != people.SourceSCIM {
		return alteration{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("the member %s is no user that the directory provisioned", id)}
	}
	p, err := decode[strongroom.Principal](was)
	if err != nil {
		return alteration{}, unavailable("a member's row cannot be read", err)
	}
	p.Groups = slices.DeleteFunc(slices.Clone(p.Groups), func(name string) bool { return name == out || name == g.Group })
	why := "out of the group " + out
	if g.Has(id) {
		p.Groups, why = append(p.Groups, g.Group), "into the group "+g.Group
	}
	// The entry must be there still: it is not, once the directory has removed the user.
	return alteration{was: &was, new: p, why: why + " by a directory", require: []book.Condition{{Form: book.Exists, Kind: rowEntry, ID: id.String()}}}, nil
}

// RemoveGroup ends a group that a directory manages: nobody of those whom it provisioned
// is in it any more.
func (r *Room) RemoveGroup(ctx context.Context, c Caller, id strongroom.ID, check func(DirectoryGroup) error) error {
	a := r.decide(c, strongroom.ActionManagePeople, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	for range 16 {
		was, err := r.Book.Row(ctx, rowGroup, id.String())
		if errors.Is(err, book.ErrNoRow) {
			return notProvisioned("group")
		} else if err != nil {
			return unavailable("the group's row cannot be read", err)
		}
		r.state.mu.RLock()
		g, known := r.state.view().group(id)
		r.state.mu.RUnlock()
		if !known {
			return notProvisioned("group")
		}
		if err := check(g); err != nil {
			return err
		}
		if why := r.protected(g.Group); why != "" {
			return r.refuseDirectory(ctx, a, fmt.Sprintf("a directory may not take away the group %s, %s", g.Group, why), "")
		}
		record := part{kind: KindPeople, evidence: r.evidence("group-remove", a), personal: a.personal(), change: book.Change{
			Require: []book.Condition{{Form: book.Unchanged, Kind: rowGroup, ID: was.ID, Salt: was.Salt}},
			Drop:    []book.RowKey{{Kind: rowGroup, ID: was.ID}},
		}}
		record.personal.Subject = g.Group
		var all []alteration
		for _, m := range g.Members {
			one, err := r.regroup(ctx, m.ID, g.Group, DirectoryGroup{DirectoryGroup: g.DirectoryGroup})
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		if _, err = r.alter(ctx, a, KindPeople, all, record); strongroom.KindOf(err) != strongroom.KindConflict {
			return err
		}
	}
	return conflict(errors.New("the group changed with every attempt"))
}
