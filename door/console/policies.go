package console

import (
	"context"
	"encoding/hex"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/door"
	"strongroom/limit"
)

func policySection() section {
	return section{
		name: "policies", path: "/policies", most: 4 << 20,
		offered: func(v *visit) bool { return v.room.Vault.Offers(v.caller, strongroom.ActionReadPolicy) },
		routes: map[string]func(*visit) error{
			"GET /policies":                     (*visit).policies,
			"GET /policies/edit":                (*visit).editPolicies,
			"POST /policies/preview":            (*visit).previewPolicies,
			"GET /policies/preview/{id}":        (*visit).policyPreview,
			"GET /policies/preview/{id}/edit":   (*visit).editPreview,
			"POST /policies/preview/{id}/save":  (*visit).savePolicies,
			"GET /policies/usage":               (*visit).policyUsage,
			"GET /policies/usage/{id}":          (*visit).policyUsageOf,
			"POST /policies/usage/{id}/propose": (*visit).propose,
		},
	}
}

// Bounds on what pages of policies show.
const (
	changesMost  = 200 // rows by person and sort of object
	examplesMost = 3
	diffMost     = 2000 // lines
	usedMost     = 300  // people
	classesFirst = 10   // sorts of content shown unasked
	faultyMost   = 20
	usageFresh   = 5 * time.Minute
)

type policiesData struct {
	Groups   []policyGroup // of what is no bucket's
	Buckets  []policyRow
	Count    int
	Hash     string
	MayEdit  bool
	MayUsage bool
}

// policyGroup are the policies for one group, one principal, or everybody.
type policyGroup struct {
	Kind, Name string
	Rows       []policyRow
}

type policyRow struct {
	limit.Policy
	Sentence          limit.Sentence
	Text, Description string
}

func (v *visit) rowOf(set *limit.Set, p limit.Policy) policyRow {
	row := policyRow{Policy: p, Sentence: set.Sentence(p.ID, v.page.Lang)}
	row.Text, row.Description = set.Written(p.ID)
	row.Description = limit.DescriptionIn(row.Description, v.page.Lang)
	return row
}

func (v *visit) policies() error {
	ctx := v.r.Context()
	text, hash, err := v.room.Vault.ReadPolicy(ctx, v.caller)
	if err != nil {
		return err
	}
	base, err := limit.Parse(text)
	if err != nil {
		return err
	}
	whole, err := v.room.InForce(ctx)
	if err != nil {
		return err
	}
	d := policiesData{Hash: hash, Count: whole.Len(), MayEdit: v.room.Vault.Offers(v.caller, strongroom.ActionManagePolicy), MayUsage: v.mayCompare()}
	own := map[string]bool{}
	for _, p := range base.Policies() {
		own[p.ID] = true
		kind, name := base.Concerns(p.ID)
		i := slices.IndexFunc(d.Groups, func(g policyGroup) bool { return g.Kind == kind && g.Name == name })
		if i < 0 {
			i = len(d.Groups)
			d.Groups = append(d.Groups, policyGroup{Kind: kind, Name: name})
		}
		d.Groups[i].Rows = append(d.Groups[i].Rows, v.rowOf(base, p))
	}
	for _, p := range whole.Policies() {
		if !own[p.ID] {
			d.Buckets = append(d.Buckets, v.rowOf(whole, p))
		}
	}
	return v.show("policies", "policies", d)
}

// mayCompare reports whether to offer what is granted against what is used.
func (v *visit) mayCompare() bool {
	for _, a := range []strongroom.Action{strongroom.ActionReadPolicy, strongroom.ActionManagePeople, strongroom.ActionTakeInventory, strongroom.ActionReadLedger} {
		if !v.room.Vault.Offers(v.caller, a) {
			return false
		}
	}
	return v.room.Scan != nil
}

// editData is a text of policies under the pen.
type editData struct {
	Text, Seen string
	Faults     []faultRow
	More       int // faults that are not shown
	Actions    []strongroom.Action
}

// faultRow is a fault, and the line that it is in.
type faultRow struct {
	limit.Fault
	Excerpt string
}

func (v *visit) editPolicies() error {
	if !v.room.Vault.Offers(v.caller, strongroom.ActionManagePolicy) {
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: v.page.T("error.policies.noedit")}
	}
	text, hash, err := v.room.Vault.ReadPolicy(v.r.Context(), v.caller)
	if err != nil {
		return err
	}
	return v.edit(http.StatusOK, editData{Text: string(text), Seen: hash})
}

func (v *visit) edit(code int, d editData) error {
	d.Actions = limit.Actions()
	v.page.Title, v.page.Section, v.page.Data = "policies.edit", "policies", d
	if v.r.Method != http.MethodGet {
		v.page.Path = "/policies/edit"
	}
	v.c.render(v.w, code, "policies-edit", v.page)
	return nil
}

// faulty shows what is wrong with a text, where.
func (v *visit) faulty(text, seen string, err error) error {
	d := editData{Text: text, Seen: seen}
	lines := strings.Split(text, "\n")
	for _, f := range limit.Faults(err) {
		if len(d.Faults) == faultyMost {
			d.More++
			continue
		}
		row := faultRow{Fault: f}
		if f.Line > 0 && f.Line <= len(lines) {
			row.Excerpt = strings.TrimRight(lines[f.Line-1], "\r")
			if r := []rune(row.Excerpt); len(r) > 200 {
				row.Excerpt = string(r[:200]) + "…"
			}
		}
		d.Faults = append(d.Faults, row)
	}
	return v.edit(http.StatusUnprocessableEntity, d)
}

// preview is a change of policies that was tried and not made.
type preview struct {
	text, seen string
	base, next *limit.Set // what is no bucket's, before and after
	report     limit.ReplayReport
	compared   limit.Comparison
}

// previewPolicies tries a text over what is on record.
func (v *visit) previewPolicies() error {
	if err := v.r.ParseForm(); err != nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.policies.long")}
	}
	// Browsers send each line with a carriage return.
	text := strings.ReplaceAll(v.r.PostFormValue("text"), "\r\n", "\n")
	seen := v.r.PostFormValue("seen")
	if raw, err := hex.DecodeString(seen); err != nil || len(raw) != 32 {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.policies.again")}
	}
	return v.try(text, seen)
}

func (v *visit) try(text, seen string) error {
	ctx := v.r.Context()
	now, hash, err := v.room.Vault.ReadPolicy(ctx, v.caller)
	if err != nil {
		return err
	}
	if !v.room.Vault.Offers(v.caller, strongroom.ActionManagePolicy) {
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: v.page.T("error.policies.noedit")}
	}
	p := &preview{text: text, seen: seen}
	if p.next, err = limit.Parse([]byte(text)); err != nil {
		return v.faulty(text, seen, err)
	}
	if hash != seen {
		return &strongroom.Error{Kind: strongroom.KindConflict, Message: v.page.T("error.policies.stale")}
	}
	if p.base, err = limit.Parse(now); err != nil {
		return err
	}
	current, next, err := v.room.Sets(ctx, text)
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			return v.faulty(text, seen, cause)
		}
		return err
	}
	since := v.room.Vault.Clock().Add(-door.Window)
	room, caller, clock := v.room, v.caller, v.room.Vault.Clock
	t, err := v.keeps.tasks.start("preview", v.who.ID, v.who.Holder.ID, v.c.Clock(), func(ctx context.Context, t *task) (any, error) {
		if err := count(ctx, room, since, t); err != nil {
			return nil, err
		}
		replay := limit.NewReplay(next, current)
		asked := sample{seen: map[string]bool{}}
		err := room.ScanSince(ctx, caller, since, func(e *strongroom.Event) {
			t.Done.Add(1)
			asked.take(e)
			replay.Take(e)
		})
		if err != nil {
			return nil, err
		}
		p.report = replay.Report()
		p.compared = limit.Compare(current, next, asked.questions, clock())
		return p, nil
	})
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.r, "/policies/preview/"+t.ID.String(), http.StatusSeeOther)
	return nil
}

// count says how many records there are to look at.
func count(ctx context.Context, room *door.Room, since time.Time, t *task) error {
	if room.Range == nil {
		return door.NotHere("reading of records")
	}
	from, to, err := room.Range(ctx, since)
	t.Total.Store(to - from)
	return err
}

// sample are questions on record, one of each sort.
type sample struct {
	mu        sync.Mutex
	seen      map[string]bool
	questions []strongroom.Question
}

func (s *sample) take(e *strongroom.Event) {
	if e.Question == nil {
		return
	}
	q := e.Question
	key := q.Principal.ID.String() + string(q.Action) + limit.ShapeOf(q.Resource).String()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.questions) < 5000 && !s.seen[key] {
		s.seen[key] = true
		s.questions = append(s.questions, *q)
	}
}

type previewData struct {
	ID          strongroom.ID
	Report      limit.ReplayReport
	Classes     []limit.ClassChange // what changes most often
	MoreClasses []limit.ClassChange
	More        int // rows that are not shown
	Diff        []limit.DiffLine
	DiffMore    int
	Changed     []changedPolicy
	Compared    limit.Comparison
	MaySave     bool
	Stale       bool
	Nothing     bool
	Days        int
}

// changedPolicy is one that came, went, or says something else.
type changedPolicy struct {
	ID            string
	How           string // added, removed or changed
	Before, After limit.Sentence
	Same          bool // in words
}

func (v *visit) policyPreview() error {
	t, err := v.task("preview")
	if err != nil {
		return err
	}
	if t.running(v.r.Context()) {
		return v.waiting(t, "policies", "policies.preview", "/policies/preview/"+t.ID.String())
	}
	if t.err != nil {
		return t.err
	}
	hash, err := v.room.Vault.PolicyInForce()
	if err != nil {
		return err
	}
	p := t.result.(*preview)
	d := previewData{
		ID: t.ID, Report: p.report, Classes: p.report.ByClass(examplesMost), Compared: p.compared, Days: int(door.Window.Hours() / 24),
		Diff: limit.Diff(string(p.base.Text()), p.text, 3), Changed: v.changed(p.base, p.next),
		MaySave: v.room.Vault.Offers(v.caller, strongroom.ActionManagePolicy), Stale: hash != p.seen, Nothing: p.text == string(p.base.Text()),
	}
	d.More = max(0, len(d.Classes)-changesMost)
	d.Classes = d.Classes[:min(len(d.Classes), changesMost)]
	if len(d.Classes) > classesFirst {
		d.Classes, d.MoreClasses = d.Classes[:classesFirst], d.Classes[classesFirst:]
	}
	d.DiffMore = max(0, len(d.Diff)-diffMost)
	d.Diff = d.Diff[:min(len(d.Diff), diffMost)]
	v.page.Title = "policies.preview"
	return v.show("policies-preview", "policies", d)
}

// changed lists what came, went, or says something else.
func (v *visit) changed(base, next *limit.Set) []changedPolicy {
	var out []changedPolicy
	here := map[string]bool{}
	for _, p := range next.Policies() {
		here[p.ID] = true
		now, _ := next.Written(p.ID)
		was, _ := base.Written(p.ID)
		c := changedPolicy{ID: p.ID, How: "changed", Before: base.Sentence(p.ID, v.page.Lang), After: next.Sentence(p.ID, v.page.Lang)}
		switch {
		case was == "":
			c.How = "added"
		case was == now:
			continue
		}
		c.Same = c.How == "changed" && slices.Equal(c.Before, c.After)
		out = append(out, c)
	}
	for _, p := range base.Policies() {
		if !here[p.ID] {
			out = append(out, changedPolicy{ID: p.ID, How: "removed", Before: base.Sentence(p.ID, v.page.Lang)})
		}
	}
	return out
}

// tried answers a preview that has come to its end.
func (v *visit) tried() (*task, *preview, error) {
	t, err := v.task("preview")
	if err != nil {
		return nil, nil, err
	}
	if !t.over() || t.err != nil {
		return nil, nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.policies.notyet")}
	}
	return t, t.result.(*preview), nil
}

// editPreview goes on with the text that was tried.
func (v *visit) editPreview() error {
	_, p, err := v.tried()
	if err != nil {
		return err
	}
	return v.edit(http.StatusOK, editData{Text: p.text, Seen: p.seen})
}

// savePolicies puts in force what was tried, and nothing else.
func (v *visit) savePolicies() error {
	t, p, err := v.tried()
	if err != nil {
		return err
	}
	if err := v.confirmed("put-policy", t.ID); err != nil {
		return err
	}
	if _, err := v.room.Vault.PutPolicyOver(v.r.Context(), v.caller, []byte(p.text), p.seen); err != nil {
		return err
	}
	return v.back("/policies", "policyput")
}

// usageData is what is granted, held against what was used.
type usageData struct {
	ID       strongroom.ID
	Report   limit.UsageReport
	Proposed limit.Proposed
	Rows     []proposalRow
	Changes  int // proposals that change the text
	Days     int
	More     int // people that are not shown
	MayEdit  bool
	People   []limit.PersonRights

	ClassesFirst int // how many sorts of content are shown unasked
}

type proposalRow struct {
	limit.Proposal
	N    int
	Diff []limit.DiffLine
}

// rights is what a task of usage comes to.
type rights struct {
	door.Rights
	since    time.Time
	proposed limit.Proposed
}

func (v *visit) policyUsage() error {
	t, err := v.counting(usageFresh)
	if err != nil {
		return err
	}
	return v.showUsage(t)
}

// counting answers the task that holds what is granted against what was used: the
// session's newest, if it is not older than that, or a new one.
func (v *visit) counting(within time.Duration) (*task, error) {
	if t, ok := v.keeps.tasks.newest("usage", v.who.ID, v.c.Clock(), within); ok && !(t.over() && t.err != nil) {
		return t, v.still("usage")
	}
	return v.countUsage()
}

func (v *visit) countUsage() (*task, error) {
	room, caller := v.room, v.caller
	if room.Scan == nil {
		return nil, door.NotHere("usage")
	}
	if err := v.still("usage"); err != nil {
		return nil, err
	}
	return v.keeps.tasks.start("usage", v.who.ID, v.who.Holder.ID, v.c.Clock(), func(ctx context.Context, t *task) (any, error) {
		since := room.Vault.Clock().Add(-door.Window)
		if err := count(ctx, room, since, t); err != nil {
			return nil, err
		}
		counted := *room
		counted.Scan = func(ctx context.Context, from, to int64, take func(*strongroom.Event)) error {
			return room.Scan(ctx, from, to, func(e *strongroom.Event) { t.Done.Add(1); take(e) })
		}
		held, err := counted.Unused(ctx, caller, since)
		if err != nil {
			return nil, err
		}
		return &rights{held, since, held.Propose(held.Base, held.Report)}, nil
	})
}

func (v *visit) policyUsageOf() error {
	t, err := v.task("usage")
	if err != nil {
		return err
	}
	return v.showUsage(t)
}

func (v *visit) showUsage(t *task) error {
	if t.running(v.r.Context()) {
		return v.waiting(t, "policies", "usage.title", "/policies/usage/"+t.ID.String())
	}
	if t.err != nil {
		return t.err
	}
	held := t.result.(*rights)
	d := usageData{
		ID: t.ID, Report: held.Report, Proposed: held.proposed, Days: int(held.Report.To.Sub(held.Report.From).Hours() / 24),
		MayEdit: v.room.Vault.Offers(v.caller, strongroom.ActionManagePolicy), ClassesFirst: min(len(held.Report.Classes), classesFirst),
	}
	for i, p := range held.proposed.Proposals {
		row := proposalRow{Proposal: p, N: i}
		if p.Diff != "" {
			d.Changes++
			row.Diff = limit.Diff(string(held.Base.Text()), p.Apply(held.Base), 2)
		}
		d.Rows = append(d.Rows, row)
	}
	slices.SortStableFunc(d.Rows, func(a, b proposalRow) int { return boolOrder(a.Diff == nil, b.Diff == nil) })
	d.People = slices.Clone(held.Report.People)
	slices.SortStableFunc(d.People, func(a, b limit.PersonRights) int { return (b.Granted - b.Used) - (a.Granted - a.Used) })
	d.More = max(0, len(d.People)-usedMost)
	d.People = d.People[:min(len(d.People), usedMost)]
	v.page.Title = "usage.title"
	return v.show("policies-usage", "policies", d)
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// propose tries one proposal, or all that change the text.
func (v *visit) propose() error {
	t, err := v.task("usage")
	if err != nil {
		return err
	}
	if !t.over() || t.err != nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.policies.notyet")}
	}
	held := t.result.(*rights)
	text := held.proposed.Text
	if which := v.r.PostFormValue("proposal"); which != "all" {
		n, err := strconv.Atoi(which)
		if err != nil || n < 0 || n >= len(held.proposed.Proposals) || held.proposed.Proposals[n].Diff == "" {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.policies.again")}
		}
		text = held.proposed.Proposals[n].Apply(held.Base)
	}
	return v.try(text, held.Hash)
}

// Reads is a sentence as a page shows it.
func (p *page) Reads(s limit.Sentence) template.HTML {
	var b strings.Builder
	for _, piece := range s {
		text := template.HTMLEscapeString(piece.Text)
		switch piece.Form {
		case limit.PieceName:
			text = `<b translate="no">` + text + `</b>`
		case limit.PieceCode:
			text = `<code translate="no">` + text + `</code>`
		}
		b.WriteString(text)
	}
	return template.HTML(b.String()) // every piece was escaped
}

// Does says an action in a few words.
func (p *page) Does(a strongroom.Action) string { return limit.ActionWords(a, p.Lang) }

// Owes names obligations.
func (p *page) Owes(list []strongroom.Obligation) string { return limit.ObligationWords(list, p.Lang) }

// Sort says a sort of object.
func (p *page) Sort(s limit.Shape) string {
	if s.Bucket == "" {
		return p.T("shown.sort.room")
	}
	out := []string{s.Bucket}
	if !s.Object {
		return p.T("shown.sort.bucket", s.Bucket)
	}
	if s.Kind != "" {
		kind := s.Kind
		if known("kind." + kind) {
			kind = strings.ToLower(p.T("kind." + kind))
		}
		out = append(out, kind)
	}
	if s.Queue != "" {
		out = append(out, p.T("shown.sort.queue", s.Queue))
	}
	if s.Scrubbed {
		out = append(out, p.T("shown.sort.scrubbed"))
	}
	return strings.Join(out, ", ")
}

// Idle are the rights that somebody did not use.
func (p *page) Idle(r limit.PersonRights) []limit.Right {
	var out []limit.Right
	for _, x := range r.Rights {
		if x.Used == 0 {
			out = append(out, x)
		}
	}
	return out
}

// rightsListed is how many rights of one person are listed.
const rightsListed = 50

func (p *page) FirstRights(all []limit.Right) []limit.Right { return all[:min(len(all), rightsListed)] }
func (p *page) MoreRights(all []limit.Right) int            { return max(0, len(all)-rightsListed) }

// Short is the beginning of a hash.
func (p *page) Short(hash string) string { return hash[:min(len(hash), 12)] }

var policyWords = map[string]said{
	"task.lead":    {"This looks at every record of the time in question. You may leave the page and come back.", "Chaque inscription de la période est examinée. Vous pouvez quitter la page et y revenir."},
	"task.far":     {"So far", "Avancement"},
	"task.records": {"%s of %s records", "%s inscriptions sur %s"},
	"task.again":   {"Look again", "Actualiser"},

	"error.task.gone":       {"What was worked out here is kept for half an hour, and for whoever asked alone. Start again.", "Ce résultat n’est conservé qu’une demi-heure, et pour la seule personne qui l’a demandé. Recommencez."},
	"error.policies.noedit": {"You may read policies and not change them.", "Vous pouvez lire les politiques, mais non les modifier."},
	"error.policies.long":   {"The text is too long. Policies have at most 1 MiB.", "Le texte est trop long. Les politiques font au plus 1 Mio."},
	"error.policies.again":  {"Open the page anew, and try again.", "Rouvrez la page et réessayez."},
	"error.policies.stale":  {"The policies have changed since you opened this page. Open it anew, and make your change to what holds now.", "Les politiques ont changé depuis que vous avez ouvert cette page. Rouvrez-la et modifiez ce qui vaut désormais."},
	"error.policies.notyet": {"It is not worked out yet.", "Le résultat n’est pas encore là."},

	"policies.lead":         {"Whatever no policy permits is refused, and what one forbids no other permits. %s policy in force.|Whatever no policy permits is refused, and what one forbids no other permits. %s policies in force.", "Ce qu’aucune politique ne permet est refusé, et ce qu’une interdit, aucune ne le permet. %s politique en vigueur.|Ce qu’aucune politique ne permet est refusé, et ce qu’une interdit, aucune ne le permet. %s politiques en vigueur."},
	"policies.change":       {"Change policies", "Modifier les politiques"},
	"policies.usage":        {"Granted against used", "Accordé et utilisé"},
	"policies.hash":         {"Policy set", "Jeu de politiques"},
	"policies.everybody":    {"For everybody", "Pour tous"},
	"policies.group":        {"Group %s", "Groupe %s"},
	"policies.principal":    {"%s alone", "%s seul"},
	"policies.buckets":      {"From the policies of buckets", "Issues des politiques de compartiments"},
	"policies.buckets.why":  {"Changed where the bucket’s own policy is.", "Elles se modifient avec la politique du compartiment."},
	"policies.text":         {"Cedar", "Cedar"},
	"effect.permit":         {"permits", "permet"},
	"effect.forbid":         {"forbids", "interdit"},
	"policies.edit":         {"Change policies", "Modifier les politiques"},
	"policies.edit.lead":    {"Nothing comes into force here: first you see what your change would have done.", "Rien n’entre en vigueur ici : vous voyez d’abord ce que votre modification aurait changé."},
	"policies.field":        {"Policies, in Cedar", "Politiques, en Cedar"},
	"policies.field.hint":   {"Every policy has an @id of its own. @requires names what is asked of the asker: purpose, ticket, approval, approval:2, scrubbed-copy.", "Chaque politique a son propre @id. @requires indique ce qui est exigé du demandeur : purpose, ticket, approval, approval:2, scrubbed-copy."},
	"policies.try":          {"Preview the change", "Prévisualiser la modification"},
	"policies.back":         {"Back to the policies", "Retour aux politiques"},
	"policies.faults":       {"%s thing to correct|%s things to correct", "%s point à corriger|%s points à corriger"},
	"policies.faults.en":    {"The policies in force stay.", "Les politiques en vigueur restent."},
	"policies.faults.cedar": {"Cedar’s parser says:", "L’analyseur de Cedar dit :"},
	"policies.faults.more":  {"and %s more|and %s more", "et %s autre|et %s autres"},
	"policies.line":         {"Line %d", "Ligne %d"},
	"policies.column":       {"Line %d, column %d", "Ligne %d, colonne %d"},
	"policies.actions":      {"Actions that policies can speak of", "Actions dont les politiques peuvent parler"},
	"policies.action":       {"Action", "Action"},
	"policies.means":        {"Meaning", "Sens"},
	"policies.preview":      {"What the change would have done", "Ce que la modification aurait changé"},
	"policies.preview.lead": {"%s decision of the last %d days made again|%s decisions of the last %d days made again", "%s décision des %d derniers jours reprise|%s décisions des %d derniers jours reprises"},
	"policies.nothing":      {"The text is the one in force. There is nothing to save.", "Ce texte est celui en vigueur. Il n’y a rien à enregistrer."},
	"policies.gone":         {"The policies in force have changed since. Make your change to them anew.", "Les politiques en vigueur ont changé entre-temps. Refaites votre modification."},
	"policies.same":         {"the same", "identiques"},
	"policies.refused":      {"would have been refused", "auraient été refusées"},
	"policies.asked":        {"would have been asked for more", "auraient exigé davantage"},
	"policies.permitted":    {"newly permitted", "nouvellement permises"},
	"policies.already":      {"%s more comes out like this under the policies in force already.|%s more come out like this under the policies in force already.", "%s autre donne déjà ce résultat sous les politiques en vigueur.|%s autres donnent déjà ce résultat sous les politiques en vigueur."},
	"policies.erased":       {"%s decision cannot be made again, since its personal part was erased.|%s decisions cannot be made again, since their personal parts were erased.", "%s décision n’est pas rejouable, car sa part personnelle a été effacée.|%s décisions ne sont pas rejouables, car leurs parts personnelles ont été effacées."},
	"policies.counted":      {"%s refusal was counted and not recorded one by one.|%s refusals were counted and not recorded one by one.", "%s refus a été compté sans inscription propre.|%s refus ont été comptés sans inscription propre."},
	"policies.evaluation":   {"What the new policies cannot evaluate is refused:", "Ce que les nouvelles politiques ne peuvent évaluer est refusé :"},
	"policies.none":         {"No decision on record would have come out otherwise. That says nothing of what nobody asked for.", "Aucune décision inscrite n’aurait été différente. Cela ne dit rien de ce que personne n’a demandé."},
	"policies.changes":      {"Who it would have concerned", "Qui aurait été concerné"},
	"policies.changes.more": {"%s more|%s more", "%s autre|%s autres"},
	"policies.who":          {"Who", "Qui"},
	"policies.what":         {"Would have been", "Aurait été"},
	"policies.does":         {"To do what", "Pour quoi faire"},
	"policies.sort":         {"With what", "Avec quoi"},
	"policies.times":        {"Times", "Fois"},
	"policies.objects":      {"%s object|%s objects", "%s objet|%s objets"},
	"policies.for.instance": {"For instance", "Par exemple"},
	"policies.last":         {"Last", "Dernière fois"},
	"policies.more":         {"%s more row is not shown.|%s more rows are not shown.", "%s autre ligne n’est pas affichée.|%s autres lignes ne sont pas affichées."},
	"policies.beyond":       {"%s decision differs and is not listed.|%s decisions differ and are not listed.", "%s décision diffère et n’est pas listée.|%s décisions diffèrent et ne sont pas listées."},
	"outcome.refused":       {"refused", "refusé"},
	"outcome.asked":         {"asked for more", "soumis à condition"},
	"outcome.permitted":     {"permitted", "permis"},
	"policies.read":         {"What changes, in words", "Ce qui change, en mots"},
	"change.added":          {"added", "ajoutée"},
	"change.removed":        {"removed", "retirée"},
	"change.changed":        {"changed", "modifiée"},
	"policies.before":       {"Before", "Avant"},
	"policies.after":        {"After", "Après"},
	"policies.samewords":    {"It says the same in other Cedar, or another description.", "Elle dit la même chose en d’autres termes Cedar, ou avec une autre description."},
	"policies.diff":         {"What changes, in Cedar", "Ce qui change, en Cedar"},
	"policies.diff.more":    {"%s more line is not shown.|%s more lines are not shown.", "%s autre ligne n’est pas affichée.|%s autres lignes ne sont pas affichées."},
	"policies.diff.none":    {"Nothing.", "Rien."},
	"policies.line.added":   {"added:", "ajouté :"},
	"policies.line.removed": {"removed:", "retiré :"},
	"verdict.loosened":      {"The change permits more than before.", "La modification permet davantage qu’avant."},
	"verdict.tightened":     {"The change permits less than before.", "La modification permet moins qu’avant."},
	"verdict.both":          {"The change permits more in one place and less in another.", "La modification permet davantage à un endroit et moins à un autre."},
	"verdict.neither":       {"The change permits neither more nor less, as far as was looked.", "La modification ne permet ni plus ni moins, pour autant qu’on ait regardé."},
	"policies.save":         {"Save with passkey", "Enregistrer avec la clé d’accès"},
	"policies.save.hint":    {"It comes into force at once, on record in your name. Whoever watches over policies is told.", "L’effet est immédiat et inscrit à votre nom. Les personnes chargées de veiller sur les politiques en sont averties."},
	"policies.on":           {"Change it further", "Continuer à modifier"},
	"said.policyput":        {"The policies are in force.", "Les politiques sont en vigueur."},

	"usage.title":             {"Granted against used", "Accordé et utilisé"},
	"usage.lead":              {"%s use on record in %d days, held against what the policies grant|%s uses on record in %d days, held against what the policies grant", "%s usage inscrit en %d jours, comparé à ce que les politiques accordent|%s usages inscrits en %d jours, comparés à ce que les politiques accordent"},
	"usage.caution":           {"Too short a time to conclude from: the ledger shows less than 30 days. Look again before anything is removed.", "Période trop courte pour conclure : le registre couvre moins de 30 jours. Revoyez avant de retirer quoi que ce soit."},
	"usage.erased":            {"%s use is nobody’s any more, since its personal part was erased.|%s uses are nobody’s any more, since their personal parts were erased.", "%s usage n’est plus attribuable, car sa part personnelle a été effacée.|%s usages ne sont plus attribuables, car leurs parts personnelles ont été effacées."},
	"usage.proposals":         {"What could go", "Ce qui pourrait disparaître"},
	"usage.proposals.why":     {"Each stands by itself. Nothing changes before you have seen what it would have done.", "Chaque proposition vaut seule. Rien ne change avant que vous ayez vu ce qu’elle aurait changé."},
	"usage.proposals.none":    {"Nothing: whatever is granted was used, or is kept for a reason below.", "Rien : tout ce qui est accordé a servi, ou est gardé pour une raison indiquée ci-dessous."},
	"proposal.remove-policy":  {"Remove %s", "Retirer %s"},
	"proposal.narrow-actions": {"Narrow %s", "Restreindre %s"},
	"proposal.leave-group":    {"%s leaves %s", "%s quitte %s"},
	"usage.try":               {"Preview this", "Prévisualiser"},
	"usage.diff":              {"What would change, in Cedar", "Ce qui changerait, en Cedar"},
	"usage.tryall":            {"Preview all together", "Prévisualiser l’ensemble"},
	"usage.people.change":     {"Who manages people takes somebody out of a group.", "Une personne chargée des accès retire quelqu’un d’un groupe."},

	"usage.kept":          {"What was left out, and why", "Ce qui a été écarté, et pourquoi"},
	"usage.people":        {"By person", "Par personne"},
	"usage.people.none":   {"Nobody holds any right.", "Personne ne détient de droit."},
	"usage.groups":        {"By group", "Par groupe"},
	"usage.classes":       {"By sort of content", "Par type de contenu"},
	"usage.policies":      {"By policy", "Par politique"},
	"usage.name":          {"Name", "Nom"},
	"usage.granted":       {"Granted", "Accordé"},
	"usage.used":          {"Used", "Utilisé"},
	"usage.last":          {"Last used", "Dernier usage"},
	"usage.never":         {"never", "jamais"},
	"usage.unused":        {"Not used", "Non utilisé"},
	"usage.rights":        {"%s right|%s rights", "%s droit|%s droits"},
	"usage.rights.more":   {"and %s more|and %s more", "et %s autre|et %s autres"},
	"usage.classes.more":  {"%s more|%s more", "%s autre|%s autres"},
	"usage.members":       {"Members", "Membres"},
	"usage.active":        {"of them active", "dont actifs"},
	"usage.may":           {"May open", "Peuvent ouvrir"},
	"usage.did":           {"Did", "Ont ouvert"},
	"usage.decided":       {"Decided", "Décisions"},
	"usage.by":            {"People", "Personnes"},
	"usage.more":          {"%s more person is not shown.|%s more people are not shown.", "%s autre personne n’est pas affichée.|%s autres personnes ne sont pas affichées."},
	"shown.sort.room":     {"the room", "la salle"},
	"shown.sort.bucket":   {"the bucket %s", "le compartiment %s"},
	"shown.sort.queue":    {"queue %s", "file %s"},
	"shown.sort.scrubbed": {"scrubbed copies", "copies expurgées"},
}

// Int is a count for a text that depends on it.
func (p *page) Int(n int64) int { return int(n) }
