package console

import (
	"html/template"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/door"
	"strongroom/know"
	"strongroom/monitor"
	"strongroom/people"
	"strongroom/vault"
)

const (
	stockRows      = 200 // lines of the table of kinds
	unlabelledRows = 50
	growthPoints   = 30
	growthStep     = 3 * 24 * time.Hour
	changesShown   = 100
)

func inventorySection() section {
	return section{
		name: "inventory", path: "/inventory",
		offered: func(v *visit) bool {
			return v.room.Know != nil && v.room.Vault.Offers(v.caller, strongroom.ActionTakeInventory)
		},
		routes: map[string]func(*visit) error{
			"GET /inventory":                 (*visit).inventory,
			"POST /inventory/count":          (*visit).countAnew,
			"POST /inventory/owner":          (*visit).setOwner,
			"GET /inventory/unlabelled/{id}": (*visit).unlabelled,
			"POST /inventory/label":          (*visit).setLabel,
			"POST /inventory/classify":       (*visit).lookThrough,
		},
	}
}

// stockHolds is how long the count of a room's objects is shown before they are counted
// anew: it reads every row.
const stockHolds = 10 * time.Minute

// stocks are the rooms' latest counts, of sums alone. Whoever looks is decided upon each
// time.
type stocks struct {
	mu   sync.Mutex
	last map[strongroom.ID]know.Gathered
}

func (s *stocks) gather(v *visit, store know.Store, since time.Time) (know.Gathered, error) {
	room := v.room.Vault.ID
	s.mu.Lock()
	var earlier *know.Gathered
	if g, ok := s.last[room]; ok && v.c.Clock().Sub(g.At) < stockHolds && g.Since.Equal(since) {
		earlier = &g
	}
	s.mu.Unlock()
	g, err := know.Gather(v.r.Context(), v.room.Vault, store, v.caller, v.room.CatchUp, since, earlier)
	if err == nil && earlier == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.last == nil {
			s.last = map[strongroom.ID]know.Gathered{}
		}
		s.last[room] = g
	}
	return g, err
}

// anew has a room's objects counted again at the next look.
func (s *stocks) anew(room strongroom.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.last, room)
}

func (v *visit) countAnew() error {
	v.c.stocks.anew(v.room.Vault.ID)
	return v.back("/inventory", "counted")
}

type inventoryData struct {
	At       time.Time
	Total    know.Sum
	Count    int
	States   []string // of flows, for the key
	Buckets  int
	Sources  int
	Open     []ownRow // what nobody answers for, or has no label
	Places   []placeRow
	Rows     []stockRow
	More     int // rows beside those
	Flows    []flowRow
	Picture  template.HTML
	Undrawn  int
	Growth   template.HTML
	Points   []growthPoint
	Since    string // day, as a form gives it
	From     time.Time
	Changes  []changeRow
	MoreDiff int
	Blind    []string
}

type ownRow struct {
	know.Ownership
	Label, Key string // Label is the name as shown, Key the state as a text's key
	Bucket     string // id, "" where it is none
	Bare       int    // how many bear no label
	MayOwn     bool   // the reader may name an owner
	MayLabel   bool   // and label what bears none
}

type placeRow struct {
	Name    string
	Outside bool
	Owner   string
	Sum     know.Sum
	Unknown int64
}

type stockRow struct {
	know.Row
	Place, Kind, Class, Age string
}

type flowRow struct {
	know.Joined
	Key                        string
	Name, From, To, Via, Owner string
	Beyond                     string
}

type growthPoint struct {
	At           time.Time
	Count, Bytes int64
}

type changeRow struct {
	know.Change
	Where, Kind, Class string
}

// knowing opens what is known of the room's data.
func (v *visit) knowing(do func(know.Store) error) error {
	if v.room.Know == nil {
		return &strongroom.Error{Kind: strongroom.KindUnsupported, Message: v.page.T("error.nowhere.message")}
	}
	store, done, err := v.room.Know(v.r.Context())
	if err != nil {
		return err
	}
	err = do(store)
	if e := done(); err == nil {
		err = e
	}
	return err
}

func (v *visit) inventory() error {
	d := inventoryData{}
	now := v.c.Clock()
	since := now.Truncate(24*time.Hour).AddDate(0, 0, -7)
	if t, err := time.ParseInLocation(time.DateOnly, v.r.URL.Query().Get("since"), v.page.zone); err == nil && t.Before(now) && t.Year() > 1970 {
		since = t
	}
	d.Since = since.In(v.page.zone).Format(time.DateOnly)
	err := v.knowing(func(store know.Store) error {
		g, err := v.c.stocks.gather(v, store, since)
		if err != nil {
			return err
		}
		v.stock(&d, g)
		if err := v.growth(&d, store, g); err != nil {
			return err
		}
		return v.changes(&d, store, g, since)
	})
	if err != nil {
		return err
	}
	return v.show("inventory", "inventory", d)
}

// stock fills in what there is, and what sends what where.
func (v *visit) stock(d *inventoryData, g know.Gathered) {
	d.States = []string{"seen", "undeclared", "missing", "quiet", "unseeable"}
	d.At, d.Total, d.Buckets, d.Sources, d.Blind = g.At, know.Total(g.All), len(g.Taken.Buckets), len(g.States), g.NotLookedAt
	d.Count = int(d.Total.Count)
	ids := map[string]string{}
	for _, b := range g.Taken.Buckets {
		ids[b.Name] = b.ID.String()
	}
	for _, o := range g.Owners {
		if o.State == know.Owned && o.Unknown == 0 {
			continue
		}
		row := ownRow{Ownership: o, Label: named(o.Name), Key: ownerKeys[o.State], Bare: int(o.Unknown)}
		if o.What == "bucket" {
			row.Bucket = ids[o.Name]
		}
		row.MayOwn = row.Key != "owned" && o.What != "flow" && (o.What != "bucket" || v.room.Vault.OffersIn(v.caller, strongroom.ActionConfigureBucket, o.Name, ""))
		row.MayLabel = row.Bucket != "" && o.Unknown > 0 && v.room.Vault.OffersIn(v.caller, strongroom.ActionRelabel, o.Name, "*")
		d.Open = append(d.Open, row)
	}
	for _, r := range know.Fold(g.All, []string{"place", "owner"}) {
		d.Places = append(d.Places, placeRow{Name: named(r.Place), Outside: r.Outside, Owner: named(r.Owner), Sum: r.Sum})
	}
	for _, r := range g.All {
		if r.Label != know.Unknown {
			continue
		}
		for i := range d.Places {
			if d.Places[i].Name == named(r.Place) && d.Places[i].Outside == r.Outside {
				d.Places[i].Unknown += r.Count
				break
			}
		}
	}
	for _, b := range g.Empty {
		d.Places = append(d.Places, placeRow{Name: named(b)})
	}
	rows := know.Fold(g.All, []string{"place", "kind", "label", "class", "age"})
	d.More = max(0, len(rows)-stockRows)
	for _, r := range rows[:min(len(rows), stockRows)] {
		d.Rows = append(d.Rows, stockRow{Row: r, Place: named(r.Place), Kind: v.kindName(r.Kind), Class: v.classNames(r.Class), Age: v.page.T("age." + ageKeys[r.Age])})
	}
	for _, j := range g.Flows {
		d.Flows = append(d.Flows, flowRow{
			Joined: j, Key: flowState(&j), Name: named(j.Flow.Name), From: v.endName(&j, j.From), To: v.endName(&j, j.To), Via: named(j.Via), Owner: named(j.Owner),
			Beyond: named(strings.Join(j.Beyond, ", ")),
		})
	}
	d.Undrawn = max(0, len(g.Flows)-flowsDrawn)
	if readers := v.readers(); len(g.Flows) > 0 || len(readers) > 0 {
		d.Picture = v.drawFlows(g.Flows, readers)
	}
}

func (v *visit) kindName(s string) string {
	if known("kind." + s) {
		return v.page.T("kind." + s)
	}
	return v.orUnknown(s)
}

// classNames are data classes that are joined by +, in the reader's words.
func (v *visit) classNames(joined string) string {
	all := strings.Split(joined, "+")
	for i, c := range all {
		if all[i] = v.orUnknown(c); known("class." + c) {
			all[i] = v.page.T("class." + c)
		}
	}
	return strings.Join(all, ", ")
}

// orUnknown is a name, or the word for what is not known.
func (v *visit) orUnknown(s string) string {
	switch s {
	case know.Unknown, "":
		return v.page.T("inventory.unknown")
	case "none":
		return "–"
	}
	return named(s)
}

func (v *visit) endName(j *know.Joined, e know.End) string {
	switch {
	case e.Bucket != "":
		return v.page.T("flow.sort.bucket") + " " + named(e.Bucket)
	case e.Source != "":
		return v.page.T("flow.sort.source") + " " + named(e.Source)
	case e.System == know.Unknown:
		return v.page.T("inventory.unknown")
	}
	if kind, name, two := strings.Cut(e.System, " "); j.State == know.SeenOnly && two && known("flow.kind."+kind) {
		e.System = v.page.T("flow.kind."+kind) + " " + name
	}
	return named(e.String())
}

// readers counts the people who opened something in the last 13 weeks, by bucket: for
// those who may know it, with a record of its own.
func (v *visit) readers() map[string]int {
	if !v.mayUsage() {
		return nil
	}
	u, err := v.usage("readers by bucket, for the picture of flows")
	if err != nil {
		return nil
	}
	uses, err := u.Uses(v.r.Context(), monitor.Filter{Since: v.c.Clock().AddDate(0, 0, -13*7), Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted})
	if err != nil {
		return nil
	}
	seen, many := map[[2]string]bool{}, map[string]int{}
	for _, x := range uses {
		p, known := u.Principal(x.Actor)
		if k := [2]string{x.Bucket, x.Actor}; known && p.Kind == strongroom.Person && x.Bucket != "" && !seen[k] {
			seen[k] = true
			many[x.Bucket]++
		}
	}
	return many
}

// growth draws how the room grew, by the snapshots that were kept.
func (v *visit) growth(d *inventoryData, store know.Store, g know.Gathered) error {
	now := growthPoint{At: g.At}
	sum := know.Total(g.Rows)
	now.Count, now.Bytes = sum.Count, sum.Bytes
	for i := growthPoints; i > 0; i-- {
		at := g.At.Add(-time.Duration(i) * growthStep)
		if i == 1 {
			at = g.At.Add(-time.Hour)
		}
		was, found, err := store.SnapshotBefore(v.r.Context(), know.RoomScope, at)
		if err != nil {
			return err
		}
		if !found || !was.At.Before(g.At) || len(d.Points) > 0 && !was.At.After(d.Points[len(d.Points)-1].At) {
			continue
		}
		sum := know.Total(was.Rows)
		d.Points = append(d.Points, growthPoint{was.At, sum.Count, sum.Bytes})
	}
	d.Points = append(d.Points, now)
	if len(d.Points) < 2 {
		d.Points = nil
		return nil
	}
	t := trend{lang: v.page.Lang, name: "growth", title: v.page.T("inventory.growth"), description: v.page.T("inventory.growth.says", v.page.Day(d.Points[0].At), v.page.Bytes(d.Points[0].Bytes), v.page.Bytes(now.Bytes)), write: v.page.Bytes}
	every := max(1, len(d.Points)/5)
	for i, p := range d.Points {
		label := ""
		if last := len(d.Points) - 1; i == last || i%every == 0 && last-i >= every {
			label = v.page.ShortDay(p.At)
		}
		t.values, t.labels = append(t.values, p.Bytes), append(t.labels, label)
		t.says = append(t.says, v.page.Day(p.At)+": "+v.page.Bytes(p.Bytes)+", "+number(v.page.Lang, p.Count))
	}
	d.Growth = t.draw()
	slices.Reverse(d.Points)
	return nil
}

// changes tells what appeared, grew, shrank or vanished since a day.
func (v *visit) changes(d *inventoryData, store know.Store, g know.Gathered, since time.Time) error {
	var diff know.Diff
	if err := diff.Compare(v.r.Context(), store, know.SnapshotOf(know.RoomScope, g.At, g.Rows), "", since); err != nil {
		return err
	}
	d.From = diff.Scopes[0].From
	for _, state := range g.States {
		if state.Last == nil {
			continue
		}
		if err := diff.Compare(v.r.Context(), store, know.SnapshotOf(state.ID.String(), state.Last.Updated, state.Rows()), state.Name, since); err != nil {
			return err
		}
	}
	d.MoreDiff = max(0, len(diff.Changes)-changesShown)
	for _, c := range diff.Changes[:min(len(diff.Changes), changesShown)] {
		d.Changes = append(d.Changes, changeRow{c, named(c.Place), v.kindName(c.Kind), v.classNames(c.Class)})
	}
	return nil
}

// setOwner names the person who answers for a bucket or a source.
func (v *visit) setOwner() error {
	what, name, owner := v.r.PostFormValue("what"), v.r.PostFormValue("name"), strings.TrimSpace(v.r.PostFormValue("owner"))
	if len(name) > 256 || len(owner) > 128 || name == "" || owner == "" {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("inventory.owner.missing")}
	}
	if err := v.knowing(func(store know.Store) error {
		return know.SetOwner(v.r.Context(), v.room.Vault, store, v.caller, what, name, owner)
	}); err != nil {
		return err
	}
	v.c.stocks.anew(v.room.Vault.ID)
	return v.back("/inventory", "owned")
}

// bucketOf finds a bucket by its id, for whoever may take inventory, on record.
func (v *visit) bucketOf(id strongroom.ID) (vault.StoredBucket, error) {
	taken, err := v.room.Vault.Inventory(v.r.Context(), v.caller, vault.InventoryRequest{}, func(vault.Stored) error { return nil })
	if err != nil {
		return vault.StoredBucket{}, err
	}
	i := slices.IndexFunc(taken.Buckets, func(b vault.StoredBucket) bool { return b.ID == id })
	if i < 0 {
		return vault.StoredBucket{}, &strongroom.Error{Kind: strongroom.KindNoBucket, Message: v.page.T("error.nowhere.message")}
	}
	return taken.Buckets[i], nil
}

type unlabelledData struct {
	Bucket, ID string
	Rows       []unlabelledRow
	More       int
	Classes    []string
	MayLook    bool
}

type unlabelledRow struct {
	vault.Stored
	Name string
}

// settledClasses are what a person may say of something at once.
var settledClasses = []string{"voice", "screen", "conversation", "document", "image", "name", "contact", "identity", "health", "card", "bank", "credential", "sensitive"}

// unlabelled lists what of a bucket bears no label.
func (v *visit) unlabelled() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	d := unlabelledData{ID: id.String(), Classes: settledClasses, MayLook: v.room.Classifier != nil}
	taken, err := v.room.Vault.Inventory(v.r.Context(), v.caller, vault.InventoryRequest{Keys: true}, func(s vault.Stored) error {
		if s.Bucket != id || !s.Label.Confidential || len(s.Label.Classes) > 0 {
			return nil
		}
		if len(d.Rows) == unlabelledRows {
			d.More++
			return nil
		}
		d.Rows = append(d.Rows, unlabelledRow{s, printable(s.Key)})
		return nil
	})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(taken.Buckets, func(b vault.StoredBucket) bool { return b.ID == id })
	if i < 0 {
		return &strongroom.Error{Kind: strongroom.KindNoBucket, Message: v.page.T("error.nowhere.message")}
	}
	d.Bucket = named(taken.Buckets[i].Name)
	v.page.Title = "inventory.unlabelled.title"
	return v.show("unlabelled", "inventory", d)
}

// setLabel says what one version is.
func (v *visit) setLabel() error {
	id, err := strongroom.ParseID(v.r.PostFormValue("version"))
	if err != nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.nowhere.message")}
	}
	class, reason := v.r.PostFormValue("class"), people.CleanLine(v.r.PostFormValue("reason"), 512)
	if reason == "" || class == "" {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("inventory.label.missing")}
	}
	x := vault.Relabelling{Of: id, Reason: reason}
	if class == "none" {
		no := false
		x.Confidential, x.Classes = &no, []string{}
	} else {
		yes := true
		x.Confidential, x.Classes = &yes, []string{class}
	}
	var there bool
	if x.Bucket, x.Key, x.Version, there = v.room.Vault.Locate(id); !there {
		return &strongroom.Error{Kind: strongroom.KindNoVersion, Message: v.page.T("error.nowhere.message")}
	}
	if _, _, err := v.room.Vault.Relabel(v.r.Context(), v.caller, x); err != nil {
		return err
	}
	if bucket, err := strongroom.ParseID(v.r.PostFormValue("bucket")); err == nil {
		v.c.stocks.anew(v.room.Vault.ID)
		return v.back("/inventory/unlabelled/"+bucket.String(), "labelled")
	}
	v.c.stocks.anew(v.room.Vault.ID)
	return v.back("/inventory", "labelled")
}

// lookThrough has the classifier look through a bucket.
func (v *visit) lookThrough() error {
	id, err := strongroom.ParseID(v.r.PostFormValue("bucket"))
	if err != nil || v.room.Classifier == nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.nowhere.message")}
	}
	b, err := v.bucketOf(id)
	if err != nil {
		return err
	}
	if _, err := v.room.Classifier.Ask(v.r.Context(), v.caller, door.Classification{Bucket: b.Name}); err != nil {
		return err
	}
	v.c.stocks.anew(v.room.Vault.ID)
	return v.back("/inventory", "looking")
}

var (
	ownerKeys = map[string]string{know.NoOwner: "none", know.OwnerUnknown: "unknown", know.OwnerGone: "gone", know.OwnerMachine: "machine", know.Owned: "owned"}
	ageKeys   = map[string]string{
		"under a day": "day", "under a week": "week", "under 30 days": "month", "under 90 days": "quarter", "under a year": "year", "under 3 years": "three", "under 7 years": "seven",
		"7 years and more": "more", "from the future": "future", "": "more",
	}
)

var inventoryWords = map[string]said{
	"inventory.lead":    {"%s object|%s objects", "%s objet|%s objets"},
	"inventory.where":   {"%s, %s, in %s and %s; counted %s.", "%s, %s, dans %s et %s ; compté le %s."},
	"inventory.buckets": {"%s bucket|%s buckets", "%s compartiment|%s compartiments"},
	"inventory.sources": {"%s source outside|%s sources outside", "%s source externe|%s sources externes"},
	"inventory.empty":   {"There is nothing here yet. Make a bucket and store something, or take in an export with", "Il n’y a encore rien ici. Créez un compartiment et déposez-y quelque chose, ou importez un export avec"},

	"inventory.open":          {"Without owner or label", "Sans propriétaire ou sans classification"},
	"inventory.open.none":     {"Somebody answers for everything here, and everything bears a label.", "Chaque élément a un propriétaire et une classification."},
	"inventory.own.none":      {"nobody answers for it", "sans propriétaire"},
	"inventory.own.unknown":   {"owner not known here", "propriétaire inconnu ici"},
	"inventory.own.gone":      {"owner suspended or gone", "propriétaire suspendu ou parti"},
	"inventory.own.machine":   {"owner is not a person", "le propriétaire n’est pas une personne"},
	"inventory.own.owned":     {"%s", "%s"},
	"inventory.what.bucket":   {"Bucket", "Compartiment"},
	"inventory.what.source":   {"Source outside", "Source externe"},
	"inventory.what.flow":     {"Flow", "Flux"},
	"inventory.nolabel":       {"%s without a label|%s without a label", "%s sans classification|%s sans classification"},
	"inventory.owner":         {"Owner", "Propriétaire"},
	"inventory.owner.who":     {"Who answers for %s", "Qui répond de %s"},
	"inventory.owner.set":     {"Name as owner", "Désigner"},
	"inventory.owner.missing": {"name the person who answers for it", "nommez la personne qui en répond"},
	"inventory.owner.flow":    {"A flow’s owner stands in the file of flows.", "Le propriétaire d’un flux figure dans le fichier des flux."},
	"inventory.label.go":      {"Label them", "Classer"},
	"inventory.label.look":    {"Have it looked through", "Faire analyser"},
	"inventory.anew":          {"Count anew", "Recompter"},
	"said.counted":            {"Counted anew.", "Comptage refait."},
	"said.owned":              {"The owner is named, on record.", "Le propriétaire est désigné et inscrit au registre."},
	"said.labelled":           {"The label is set, on record with your reason.", "La classification est attribuée, et inscrite au registre avec votre motif."},
	"said.looking":            {"The classifier looks through the bucket now. Labels follow as it goes.", "Le classificateur analyse le compartiment. Les classifications suivront."},

	"inventory.places":     {"Where it lies", "Où se trouvent les données"},
	"inventory.place":      {"Place", "Emplacement"},
	"inventory.count":      {"Count", "Nombre"},
	"inventory.bytes":      {"Size", "Taille"},
	"inventory.unlabelled": {"No label", "Non classé"},
	"inventory.oldest":     {"Oldest", "Plus ancien"},
	"inventory.newest":     {"Newest", "Plus récent"},
	"inventory.outside":    {"outside", "externe"},
	"inventory.kinds":      {"Kinds, labels and ages", "Types, classifications et âges"},
	"inventory.kind":       {"Kind", "Type"},
	"inventory.label":      {"Label", "Classification"},
	"inventory.class":      {"Classes", "Classes"},
	"inventory.age":        {"Age", "Âge"},
	"inventory.more":       {"and %s line more|and %s lines more", "et %s autre ligne|et %s autres lignes"},
	"inventory.unknown":    {"not known", "inconnu"},
	"inventory.blind":      {"What these figures do not cover", "Ce que ces chiffres ne couvrent pas"},

	"bears.unknown":          {"no label", "non classé"},
	"bears.confidential":     {"confidential", "confidentiel"},
	"bears.non-confidential": {"not confidential", "non confidentiel"},

	"age.day":     {"under a day", "moins d’un jour"},
	"age.week":    {"under a week", "moins d’une semaine"},
	"age.month":   {"under 30 days", "moins de 30 jours"},
	"age.quarter": {"under 90 days", "moins de 90 jours"},
	"age.year":    {"under a year", "moins d’un an"},
	"age.three":   {"under 3 years", "moins de 3 ans"},
	"age.seven":   {"under 7 years", "moins de 7 ans"},
	"age.more":    {"7 years and more", "7 ans et plus"},
	"age.future":  {"from the future", "dans le futur"},

	"inventory.growth":      {"Growth of the room", "Croissance de la salle"},
	"inventory.growth.says": {"Since %s from %s to %s.", "Depuis le %s, de %s à %s."},
	"inventory.growth.none": {"The room counts itself now and then; growth shows once there are two counts.", "La salle se compte régulièrement ; la croissance apparaîtra après deux décomptes."},
	"inventory.day":         {"Day", "Jour"},

	"inventory.diff":       {"What changed since", "Ce qui a changé depuis"},
	"inventory.diff.show":  {"Show", "Afficher"},
	"inventory.diff.from":  {"Beside the count of %s.", "Par rapport au décompte du %s."},
	"inventory.diff.none":  {"Nothing changed.", "Rien n’a changé."},
	"inventory.diff.never": {"There is no earlier count to compare with.", "Il n’y a pas de décompte antérieur."},
	"inventory.before":     {"Before", "Avant"},
	"inventory.after":      {"After", "Après"},
	"inventory.what":       {"Change", "Évolution"},
	"change.appeared":      {"appeared", "apparu"},
	"change.vanished":      {"vanished", "disparu"},
	"change.grew":          {"grew", "en hausse"},
	"change.shrank":        {"shrank", "en baisse"},

	"flow.title":          {"What sends what where", "Qui envoie quoi, et où"},
	"flow.none":           {"No flow is declared or seen. Declare what sends what where with", "Aucun flux déclaré ou observé. Déclarez qui envoie quoi et où avec"},
	"flow.says":           {"%s flow. The table below the picture has all of it.|%s flows. The table below the picture has all of them.", "%s flux. Le tableau sous l’image le décrit.|%s flux. Le tableau sous l’image les décrit tous."},
	"flow.undrawn":        {"%s more is in the table only|%s more are in the table only", "%s autre figure seulement dans le tableau|%s autres figurent seulement dans le tableau"},
	"flow.column.from":    {"Systems and suppliers", "Systèmes et fournisseurs"},
	"flow.column.via":     {"Interfaces", "Interfaces"},
	"flow.column.in":      {"Buckets", "Compartiments"},
	"flow.column.to":      {"Readers", "Lecteurs"},
	"flow.sort.bucket":    {"bucket", "compartiment"},
	"flow.sort.source":    {"source", "source"},
	"flow.sort.system":    {"system", "système"},
	"flow.sort.supplier":  {"supplier", "fournisseur"},
	"flow.sort.via":       {"interface", "interface"},
	"flow.kind.person":    {"person", "personne"},
	"flow.kind.workload":  {"workload", "programme"},
	"flow.kind.vendor":    {"vendor", "fournisseur"},
	"flow.kind.principal": {"principal", "compte"},
	"flow.sort.people":    {"people", "personnes"},
	"flow.sort.unknown":   {"not known", "inconnu"},
	"flow.people":         {"People", "Personnes"},
	"flow.people.many":    {"%s person|%s people", "%s personne|%s personnes"},
	"flow.seen":           {"declared and seen", "déclaré et observé"},
	"flow.undeclared":     {"seen, not declared", "observé, non déclaré"},
	"flow.missing":        {"declared, not seen", "déclaré, non observé"},
	"flow.quiet":          {"declared, quiet for too long", "déclaré, silencieux depuis trop longtemps"},
	"flow.unseeable":      {"declared, cannot be seen from here", "déclaré, non observable d’ici"},
	"flow.flow":           {"Flow", "Flux"},
	"flow.from":           {"From", "De"},
	"flow.to":             {"To", "Vers"},
	"flow.via":            {"Interface", "Interface"},
	"flow.last":           {"Last", "Dernier"},
	"flow.beyond":         {"carries undeclared: %s", "transporte sans déclaration : %s"},

	"inventory.unlabelled.title": {"Without a label", "Sans classification"},
	"inventory.unlabelled.lead":  {"What bears no label counts as confidential until somebody shows that it is not.", "Ce qui n’a pas de classification est tenu pour confidentiel jusqu’à preuve du contraire."},
	"inventory.unlabelled.none":  {"Everything in this bucket bears a label.", "Tout dans ce compartiment est classé."},
	"inventory.label.what":       {"What %s holds", "Contenu de %s"},
	"inventory.label.why":        {"Why", "Motif"},
	"inventory.label.none":       {"nothing confidential", "rien de confidentiel"},
	"inventory.label.pick":       {"choose", "choisir"},
	"inventory.label.each":       {"One by one", "Un par un"},
	"inventory.label.set":        {"Set the label", "Attribuer la classification"},
	"inventory.label.missing":    {"say what it holds, and why you know", "indiquez ce que cela contient, et comment vous le savez"},
}
