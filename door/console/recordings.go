package console

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/vault"
)

func recordingSection() section {
	return section{
		name: "recordings", path: "/recordings",
		offered: func(v *visit) bool { return v.room.Vault.OffersSearch(v.caller) },
		routes: map[string]func(*visit) error{
			"GET /recordings":               (*visit).recordings,
			"POST /recordings":              (*visit).search,
			"GET /searches/{id}":            (*visit).found,
			"POST /searches/{id}/older":     (*visit).older,
			"POST /recordings/ask":          (*visit).askForMany,
			"GET /recordings/{id}":          (*visit).recording,
			"POST /recordings/{id}/request": (*visit).askFor,
		},
	}
}

// searchForm is what somebody looks for, as they said it.
type searchForm struct {
	Text, From, To, Queue, Agent, Customer, Conversation, Sort, Label, Class, Shortest, Longest, Bucket string
}

// classes that a form offers.
var labelClasses = []string{"voice", "screen", "conversation", "document", "image", "text", "participants", "card", "card-code", "bank", "credential", "health", "identity", "contact", "name", "online", "company", "sensitive", "metadata"}

func (f searchForm) Sorts() []string   { return append(slices.Clone(vault.Sorts), vault.SortEvery) }
func (f searchForm) Classes() []string { return labelClasses }

// More reports whether something is said among what a form shows on demand.
func (f searchForm) More() bool {
	return f.Agent+f.Conversation+f.Label+f.Class+f.Shortest+f.Longest+f.Bucket != ""
}

// request reads what was said. wrong is the key of what is wrong with it.
func (f searchForm) request(zone *time.Location) (q vault.SearchRequest, wrong string) {
	q = vault.SearchRequest{
		Text: f.Text, Queue: f.Queue, Agent: f.Agent, Customer: f.Customer, Conversation: f.Conversation, Sort: f.Sort, Label: f.Label, Class: f.Class, Bucket: f.Bucket,
	}
	for _, d := range []struct {
		said string
		into *time.Time
		days int
	}{{f.From, &q.Since, 0}, {f.To, &q.Until, 1}} {
		if d.said == "" {
			continue
		}
		day, err := time.ParseInLocation(time.DateOnly, d.said, zone)
		if err != nil || day.Year() < 1970 || day.Year() > 2200 {
			return q, "recordings.wrong.day"
		}
		*d.into = day.AddDate(0, 0, d.days)
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return q, "recordings.wrong.days"
	}
	for _, m := range []struct {
		said string
		into *time.Duration
	}{{f.Shortest, &q.Shortest}, {f.Longest, &q.Longest}} {
		if m.said == "" {
			continue
		}
		minutes, err := strconv.ParseFloat(strings.Replace(m.said, ",", ".", 1), 64)
		if err != nil || !(minutes >= 0 && minutes <= 7*24*60) {
			return q, "recordings.wrong.minutes"
		}
		*m.into = time.Duration(minutes * float64(time.Minute)).Truncate(time.Second)
	}
	if q.Longest > 0 && q.Longest < q.Shortest {
		return q, "recordings.wrong.lengths"
	}
	return q, ""
}

// recordingsData is a page of what was found.
type recordingsData struct {
	Form   searchForm
	Wrong  string // key of what is wrong with the form
	Page   vault.SearchPage
	Search string // its name, "" for the page that shows everything
	Before string // the name of the page before, or of none where that shows everything
	Later  bool   // this is not the first page
	Some   bool   // something was looked for
	Ask    int    // how many need an approval
	Until  time.Time
}

func (v *visit) recordings() error { return v.showFound(kept{}, "") }

func (v *visit) showFound(k kept, name string) error {
	d := recordingsData{Form: k.form, Search: name, Some: k.form != searchForm{}, Later: k.asked.After != ""}
	if !k.before.IsZero() {
		d.Before = k.before.String()
	}
	var err error
	if d.Page, err = v.room.Vault.Search(v.r.Context(), v.caller, k.asked); err != nil {
		return err
	}
	for _, h := range d.Page.Hits {
		if h.Opens == vault.OpensWithApproval {
			d.Ask++
		}
	}
	return v.show("recordings", "recordings", d)
}

// search keeps what is looked for and goes on to what was found.
func (v *visit) search() error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, 16<<10)
	said := func(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }
	f := searchForm{
		Text: said("text"), From: said("from"), To: said("to"), Queue: said("queue"), Agent: said("agent"), Customer: said("customer"), Conversation: said("conversation"),
		Sort: said("sort"), Label: said("label"), Class: said("class"), Shortest: said("shortest"), Longest: said("longest"), Bucket: said("bucket"),
	}
	q, wrong := f.request(v.page.zone)
	if wrong != "" {
		v.page.Title, v.page.Section, v.page.Path = "nav.recordings", "recordings", "/recordings"
		v.page.Data = recordingsData{Form: f, Wrong: wrong, Some: true}
		v.c.render(v.w, http.StatusBadRequest, "recordings", v.page)
		return nil
	}
	return v.onTo(kept{asked: q, form: f})
}

// onTo goes on to a search.
func (v *visit) onTo(k kept) error {
	k.by, k.session, k.at = v.who.Holder.ID, v.who.ID, v.c.Clock()
	http.Redirect(v.w, v.r, "/searches/"+v.keeps.searches.keep(k).String(), http.StatusSeeOther)
	return nil
}

func (v *visit) kept() (kept, strongroom.ID, bool) {
	id, err := v.id()
	if err != nil {
		return kept{}, id, false
	}
	k, ok := v.keeps.searches.find(id, v.who.ID, v.c.Clock())
	return k, id, ok
}

func (v *visit) found() error {
	k, id, ok := v.kept()
	if !ok { // of another session, or from before a restart
		http.Redirect(v.w, v.r, "/recordings", http.StatusSeeOther)
		return nil
	}
	return v.showFound(k, id.String())
}

// older goes on to the next page of a search, or of everything.
func (v *visit) older() error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, 4<<10)
	k, id, ok := v.kept()
	if ok {
		k.before = id
	} else {
		k = kept{}
	}
	k.asked.After = v.r.PostFormValue("after")
	return v.onTo(k)
}

// askedAccess reads why access is asked for, and until when.
func (v *visit) askedAccess() (vault.AccessRequest, error) {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, 16<<10)
	q := vault.AccessRequest{Purpose: strongroom.Purpose{Text: strings.TrimSpace(v.r.PostFormValue("purpose")), Ticket: strings.TrimSpace(v.r.PostFormValue("ticket"))}}
	if q.Purpose.Text == "" {
		return q, &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("recordings.wrong.purpose")}
	}
	if until := v.r.PostFormValue("until"); until != "" {
		t, err := time.ParseInLocation("2006-01-02T15:04", until, v.page.zone)
		if err != nil {
			return q, &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("recordings.wrong.until")}
		}
		q.Until = t
	}
	return q, nil
}

// askedData are requests that were made, and those that were not.
type askedData struct{ Made, Unmade []askedBucket }

type askedBucket struct {
	Bucket  string
	Objects int
	ID      strongroom.ID // of the request
	Why     *trouble      // there is none
}

// askForMany asks for access to all that somebody selected: one request for each bucket.
// One that is not made leaves the others.
func (v *visit) askForMany() error {
	q, err := v.askedAccess()
	if err != nil {
		return err
	}
	var buckets []string
	names := map[string][]vault.ObjectName{}
	ids := v.r.PostForm["id"]
	if len(ids) == 0 || len(ids) > vault.MaxRequested {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.N("recordings.wrong.many", vault.MaxRequested)}
	}
	for _, text := range ids {
		id, err := strongroom.ParseID(text)
		if err != nil {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.N("recordings.wrong.many", vault.MaxRequested)}
		}
		bucket, key, version, ok := v.room.Vault.Locate(id)
		if !ok {
			return &strongroom.Error{Kind: strongroom.KindConflict, Message: v.page.T("recordings.wrong.gone")}
		}
		if names[bucket] == nil {
			buckets = append(buckets, bucket)
		}
		names[bucket] = append(names[bucket], vault.ObjectName{Key: key, Version: version})
	}
	var d askedData
	for _, bucket := range buckets {
		q.Bucket, q.Objects = bucket, names[bucket]
		r, err := v.room.Vault.RequestAccess(v.r.Context(), v.caller, q)
		if err == nil {
			d.Made = append(d.Made, askedBucket{Bucket: named(bucket), Objects: len(q.Objects), ID: r.ID})
			continue
		}
		if len(buckets) == 1 {
			return err
		}
		code, why := troubleOf(v.page.Lang, err)
		if code >= 500 {
			v.c.Log.Error("a request was not made", "error", err, "cause", cause(err))
		}
		d.Unmade = append(d.Unmade, askedBucket{Bucket: named(bucket), Objects: len(q.Objects), Why: why})
	}
	switch {
	case len(d.Unmade) > 0:
		v.page.Title, v.page.Path = "asked.title", "/requests"
		return v.show("asked", "recordings", d)
	case len(d.Made) > 1:
		return v.back("/requests", "asked")
	}
	return v.back("/requests/"+d.Made[0].ID.String(), "asked")
}

// askFor asks for access to one.
func (v *visit) askFor() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	q, err := v.askedAccess()
	if err != nil {
		return err
	}
	bucket, key, version, ok := v.room.Vault.Locate(id)
	if !ok {
		return errNowhere(v)
	}
	q.Action = strongroom.Action(v.r.PostFormValue("action"))
	q.Bucket, q.Objects = bucket, []vault.ObjectName{{Key: key, Version: version}}
	r, err := v.room.Vault.RequestAccess(v.r.Context(), v.caller, q)
	if err != nil {
		return err
	}
	return v.back("/requests/"+r.ID.String(), "asked")
}

// errNowhere says that there is no such page, or none that may be seen.
func errNowhere(v *visit) error {
	return &strongroom.Error{Kind: strongroom.KindNoVersion, Message: v.page.T("error.nowhere.message")}
}

// What templates ask of recordings.

// KindOf is what something is, in a word.
func (p *page) KindOf(sort, kind string) string {
	if known("kind." + kind) {
		return p.T("kind." + kind)
	}
	return p.T("sort." + sort)
}

// LanguageOf is the language that a tag names (BCP 47), in a word where there is one.
func (p *page) LanguageOf(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if known("language." + primary) {
		return p.T("language." + primary)
	}
	return tag
}

// ClassOf is a class of a label, in a word where there is one.
func (p *page) ClassOf(class string) string {
	if known("class." + class) {
		return p.T("class." + class)
	}
	return class
}

// ClassesOf are the classes of a label.
func (p *page) ClassesOf(l strongroom.Label) string {
	var out []string
	for _, c := range l.Classes {
		out = append(out, p.ClassOf(c))
	}
	return strings.Join(out, ", ")
}

// Telling are the classes of a label that say what was found in something, rather than what
// sort of thing it is.
func (p *page) Telling(l strongroom.Label) string {
	plain := []string{"voice", "screen", "conversation", "document", "image", "text", "participants", "metadata"}
	l.Classes = slices.DeleteFunc(slices.Clone(l.Classes), func(c string) bool { return slices.Contains(plain, c) })
	return p.ClassesOf(l)
}

// KeptKey ends the key of why something is kept.
func (p *page) KeptKey(why string) string {
	switch why {
	case vault.KeptByLegalHold, vault.KeptByHold:
		return "hold"
	case vault.KeptByLock:
		return "lock"
	}
	return "minimum"
}

// Doing says what belongs to a line of a history.
func (p *page) Doing(d done) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	switch d.Act {
	case didDeliver:
		if d.Whole {
			add(p.T("doing.whole", p.Bytes(d.Bytes)))
		} else {
			add(p.T("doing.part", p.Bytes(d.Bytes)))
		}
	case didRead:
		add(p.Bytes(d.Bytes))
	case didPlay:
		add(p.T("doing.played", p.Clock(d.Played.Seconds()), p.Clock(d.Length.Seconds())))
	case didRefuse, didAsk, didAnswer:
		if known("asks." + string(d.What)) {
			add(p.T("asks." + string(d.What)))
		} else {
			add(string(d.What))
		}
	case didBeside:
		add(p.Deed(d.What))
	case didOther:
		add(d.Record)
	}
	if d.Act != didSee && d.Act != didDeliver && d.Act != didPlay {
		add(d.Purpose.Text)
		add(d.Purpose.Ticket)
	}
	if d.Act == didChange {
		add(p.relabelled(d.Detail))
	} else {
		add(d.Detail)
	}
	return strings.Join(parts, " · ")
}

// relabelling is how a record tells that a label was set (vault.Relabel).
var relabelling = regexp.MustCompile(`(?s)^(confidential|non-confidential)(?: ([^\s,:]+))?, was (confidential|non-confidential)(?: ([^\s,:]+))?(, by detectors |: )(.*)$`)

// relabelled says in the reader's language what a record tells of a change; of other changes
// what the record says.
func (p *page) relabelled(detail string) string {
	m := relabelling.FindStringSubmatch(detail)
	if m == nil {
		return detail
	}
	label := func(name, classes string) string {
		l := strongroom.Label{Confidential: name == vault.ClassConfidential}
		if classes != "" {
			l.Classes = strings.Split(classes, "+")
		}
		words := p.T("label.open")
		if l.Confidential {
			words = p.T("label.confidential")
		}
		if of := p.ClassesOf(l); of != "" {
			words += " (" + of + ")"
		}
		return words
	}
	why := m[6]
	if m[5] != ": " {
		why = p.T("doing.detectors", why)
	}
	return p.T("doing.relabelled", label(m[1], m[2]), label(m[3], m[4])) + " · " + why
}
