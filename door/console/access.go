package console

import (
	"encoding/csv"
	"fmt"
	"html/template"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"strongroom"
	"strongroom/door"
	"strongroom/monitor"
	"strongroom/people"
	"strongroom/vault"
)

const (
	// countPatience is how long a page waits until what is on record is counted; it says
	// what is not.
	countPatience = 600 * time.Millisecond
	usesPerPage   = 25
	usesPerFile   = 1000
	firstsShown   = 8 // people
	firstsOfEach  = 4
	latestShown   = 20
)

func accessSection() section {
	return section{
		name: "access", path: "/access",
		offered: (*visit).mayUsage,
		routes: map[string]func(*visit) error{
			"GET /access":                (*visit).access,
			"GET /access/table.csv":      (*visit).accessFile,
			"GET /access/uses/{actor}":   (*visit).accessUses,
			"GET /access/people/{actor}": (*visit).accessPerson,
			"GET /access/proof/{index}":  (*visit).accessProof,
			"GET /access/unused":         (*visit).accessUnused,
			"POST /access/unused":        (*visit).countUnused,
		},
	}
}

// mayUsage reports whether somebody is offered who accessed what.
func (v *visit) mayUsage() bool {
	return v.room.Monitor != nil && v.room.Vault.Offers(v.caller, strongroom.ActionReadUsage)
}

// accessQuery is what a page of usage is asked for: by what, how long, and what became of
// it. It names nothing, and so may stand in an address.
type accessQuery struct {
	By    string
	Weeks int
	Of    string // opened or refused
	At    string // tag of a column, "" for all
	// Before is the record before which a list goes on.
	Before int64
}

func (v *visit) accessQuery() accessQuery { return readAccessQuery(v.r.URL.Query()) }

// readAccessQuery takes of an address what a page knows, and its usual for all else.
func readAccessQuery(asked url.Values) accessQuery {
	pick := func(name string, from ...string) string {
		if got := asked.Get(name); slices.Contains(from, got) {
			return got
		}
		return from[0]
	}
	q := accessQuery{By: pick("by", monitor.ByQueue, monitor.ByBucket, monitor.ByClass, monitor.ByHours), Of: pick("of", "opened", "refused")}
	q.Weeks, _ = strconv.Atoi(pick("weeks", "4", "1", "13"))
	if at := asked.Get("at"); len(at) <= 64 && strings.Trim(at, "0123456789abcdefghijklmnopqrstuvwxyz-") == "" {
		q.At = at
	}
	if n, err := strconv.ParseInt(asked.Get("before"), 10, 64); err == nil && n > 0 {
		q.Before = n
	}
	return q
}

func (q accessQuery) outcome() string {
	if q.Of == "refused" {
		return strongroom.Refused
	}
	return strongroom.Permitted
}

// String is the query of an address.
func (q accessQuery) String() string {
	s := fmt.Sprintf("by=%s&weeks=%d&of=%s", q.By, q.Weeks, q.Of)
	if q.At != "" {
		s += "&at=" + q.At
	}
	if q.Before > 0 {
		s += fmt.Sprintf("&before=%d", q.Before)
	}
	return s
}

// Link is the same for a page: it holds nothing that anybody wrote.
func (q accessQuery) Link() template.URL { return template.URL(q.String()) }

// With is the query with one thing changed.
func (q accessQuery) With(name string, value any) accessQuery {
	switch value := value.(type) {
	case int:
		q.Weeks = value
	case int64:
		q.Before = value
	case string:
		switch name {
		case "by":
			q.By = value
		case "of":
			q.Of = value
		case "at":
			q.At = value
		}
	}
	return q
}

// usage asks who may know who accessed what, in words for the record.
func (v *visit) usage(words string) (door.Usage, error) {
	if v.room.Monitor == nil {
		return door.Usage{}, &strongroom.Error{Kind: strongroom.KindUnsupported, Message: v.page.T("error.nowhere.message")}
	}
	return v.room.Usage(v.r.Context(), v.caller, words, countPatience)
}

// accessName is what to call an actor on a page.
func (v *visit) accessName(u door.Usage, actor string) string {
	switch actor {
	case "":
		return v.page.T("access.nobody")
	case "operator":
		return v.page.T("access.operator")
	}
	return named(u.Name(actor))
}

// named is a name that somebody chose, as far as a line of a page has room for it.
func named(s string) string { return cut(printable(s), 80) }

// actorPath is how an actor stands in an address.
func actorPath(actor string) string {
	if actor == "" {
		return "nobody"
	}
	return actor
}

// actor is whom an address means: a pseudonym, or the id of a person.
func (v *visit) actor(u door.Usage) (string, error) {
	name := v.r.PathValue("actor")
	if name == "nobody" {
		return "", nil
	}
	if len(name) <= 64 && u.Known(name) {
		return name, nil
	}
	if id, err := strongroom.ParseID(name); err == nil {
		if actor, known := u.ActorOf(id); known {
			return actor, nil
		}
	}
	return "", &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.nowhere.message")}
}

// columnName is what to call a column of a map.
func (v *visit) columnName(c monitor.Column, by string) string {
	switch {
	case by == monitor.ByHours:
		return v.page.T("access.day."+weekdays[c.Day]) + " " + dayParts[c.Part]
	case c.Sort != monitor.Named:
		return v.page.T("access." + c.Sort + "." + by)
	case by == monitor.ByClass:
		return named(v.page.ClassOf(c.Name))
	}
	return named(c.Name)
}

var (
	weekdays = [...]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	dayParts = [...]string{"0–7", "7–19", "19–24"}
)

// columnTag is how a column stands in an address; "" where it leads nowhere.
func columnTag(u door.Usage, c monitor.Column, by string) string {
	switch {
	case c.Sort == monitor.Rest:
		return ""
	case by == monitor.ByHours:
		return fmt.Sprintf("%s-%d", weekdays[c.Day], c.Part)
	}
	return u.Tag(by, c.Sort+" "+c.Name)
}

type accessData struct {
	Query    accessQuery
	Since    time.Time
	Until    time.Time
	AsOf     door.AsOf
	Total    monitor.Cell
	Columns  []accessColumn
	Rows     []accessRow
	Map      template.HTML
	Series   accessSeries
	Movers   []accessMover
	Firsts   []accessFirst
	More     int  // firsts beside those
	Unused   bool // the reader may have unused rights worked out
	Machines int  // firsts of machines, which are not among them
	Behind   int  // records that are not counted yet
}

type accessColumn struct{ Name string }

type accessRow struct {
	Name, Path string // Path is "" for all others
	Total      accessCell
	Cells      []accessCell
}

type accessCell struct {
	monitor.Cell
	Mark, Says string
	ID, Path   string
}

type accessMover struct {
	Name, Path string
	accessCell
}

// accessFirst is what one person did for the first time ever, the latest first.
type accessFirst struct {
	Name, Path string
	At         time.Time // of the latest
	What       []firstOf
	More       int // beside those
}

type firstOf struct {
	By, Of string
	Count  int
}

// cellSays is a cell in words: how many, and how that stands to the usual.
func (v *visit) cellSays(c monitor.Cell) string {
	n := number(v.page.Lang, c.Count)
	switch c.Stands() {
	case monitor.Fresh:
		return v.page.T("access.says.new", n)
	case monitor.More:
		return v.page.T("access.says.more", n, decimal(v.page.Lang, c.Usual))
	case monitor.Less:
		return v.page.T("access.says.less", n, decimal(v.page.Lang, c.Usual))
	}
	if c.Weeks == 0 {
		return n
	}
	return v.page.T("access.says.usual", n, decimal(v.page.Lang, c.Usual))
}

func (v *visit) accessCell(c monitor.Cell) accessCell {
	return accessCell{Cell: c, Mark: c.Stands(), Says: v.cellSays(c)}
}

func (v *visit) overview() (accessData, door.Usage, monitor.Overview, error) {
	q := v.accessQuery()
	d := accessData{Query: q}
	u, err := v.usage(fmt.Sprintf("overview --by %s --weeks %d --%s", q.By, q.Weeks, q.Of))
	if err != nil {
		return d, u, monitor.Overview{}, err
	}
	o, err := u.Overview(v.r.Context(), monitor.OverviewQuestion{Until: v.c.Clock(), Weeks: q.Weeks, By: q.By, Outcome: q.outcome(), Zone: v.page.zone})
	if err != nil {
		return d, u, o, err
	}
	d.Since, d.Until, d.AsOf, d.Total = o.Since, o.Until, u.AsOf, o.Total
	d.Behind = int(u.AsOf.Behind)
	for _, c := range o.Columns {
		d.Columns = append(d.Columns, accessColumn{v.columnName(c, q.By)})
	}
	for r, row := range o.Rows {
		one := accessRow{Name: v.accessName(u, row.Actor), Path: actorPath(row.Actor), Total: v.accessCell(row.Total)}
		if row.Sort == monitor.Rest {
			one.Name, one.Path = v.page.N("access.others", row.Many), ""
		}
		for c, cell := range row.Cells {
			x := v.accessCell(cell)
			if tag := columnTag(u, o.Columns[c], q.By); one.Path != "" && tag != "" && cell.Count > 0 {
				x.ID, x.Path = fmt.Sprintf("c%d-%d", r, c), "/access/uses/"+one.Path+"?"+q.With("at", tag).String()
			}
			one.Cells = append(one.Cells, x)
		}
		d.Rows = append(d.Rows, one)
	}
	for _, m := range o.Movers {
		d.Movers = append(d.Movers, accessMover{v.accessName(u, m.Actor), actorPath(m.Actor), v.accessCell(m.Cell)})
	}
	d.More, d.Machines = o.MoreFirsts, o.Machines
	of := map[string]int{} // actor → place in Firsts
	for _, f := range o.Firsts {
		at, known := of[f.Actor]
		switch {
		case !known && len(d.Firsts) == firstsShown:
			d.More++
			continue
		case !known:
			at = len(d.Firsts)
			of[f.Actor] = at
			d.Firsts = append(d.Firsts, accessFirst{Name: v.accessName(u, f.Actor), Path: actorPath(f.Actor), At: f.At})
		}
		if one := &d.Firsts[at]; len(one.What) < firstsOfEach {
			one.What = append(one.What, firstOf{f.By, named(f.Name), int(f.Count)})
		} else {
			one.More++
		}
	}
	return d, u, o, nil
}

// mapWidth is how wide a map may be where its fields need not be narrower than their numbers.
const mapWidth = 890

func (v *visit) access() error {
	d, _, o, err := v.overview()
	if err != nil {
		return err
	}
	by := d.Query.By
	m := heatMap{
		lang: v.page.Lang, name: "map", left: 80, top: 48, slant: true, most: o.Most,
		title:       v.page.T("access.map.title", v.page.T("access.by."+by), v.page.T("access.weeks", d.Query.Weeks)),
		description: v.page.T("access.map.says", len(d.Rows), len(d.Columns), number(v.page.Lang, d.Total.Count)),
		at: func(r, c int) heatCell {
			x := d.Rows[r].Cells[c]
			return heatCell{x.Count, x.Mark, d.Rows[r].Name + ", " + d.Columns[c].Name + ": " + x.Says, x.ID}
		},
	}
	for _, c := range d.Columns {
		m.columns = append(m.columns, c.Name)
		m.top = min(128, max(m.top, 28+utf8.RuneCountInString(c.Name)*9/2))
	}
	for _, r := range d.Rows {
		m.rows = append(m.rows, r.Name)
		m.left = min(180, max(m.left, 16+utf8.RuneCountInString(r.Name)*7))
	}
	m.cell = max(30, min(64, (mapWidth-m.left-m.top)/max(1, len(d.Columns))))
	if len(d.Rows) > 0 {
		d.Map = m.draw()
	}
	d.Series = v.series(o.Hours, d.Since, d.Until, d.Query.Weeks == 1)
	d.Unused = v.mayCompare()
	return v.show("access", "access", d)
}

// accessSeries is what was opened and refused over time.
type accessSeries struct {
	Picture template.HTML
	Points  []accessPoint
	Hourly  bool
}

type accessPoint struct {
	At              time.Time
	Opened, Refused int64
}

// series draws hours, or days in the reader's zone.
func (v *visit) series(hours []monitor.Hour, since, until time.Time, hourly bool) accessSeries {
	s := accessSeries{Hourly: hourly}
	start := func(t time.Time) time.Time {
		if hourly {
			return t.Truncate(time.Hour)
		}
		t = t.In(v.page.zone)
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, v.page.zone)
	}
	at := map[int64]int{}
	for t := start(since); t.Before(until); {
		at[t.Unix()] = len(s.Points)
		s.Points = append(s.Points, accessPoint{At: t})
		if hourly {
			t = t.Add(time.Hour)
		} else {
			t = start(t.Add(36 * time.Hour))
		}
	}
	any := false
	for _, h := range hours {
		i, ok := at[start(h.Start).Unix()]
		if !ok {
			continue
		}
		any = true
		if h.Outcome == strongroom.Refused {
			s.Points[i].Refused += h.Count
		} else {
			s.Points[i].Opened += h.Count
		}
	}
	if !any {
		return accessSeries{}
	}
	g := bars{lang: v.page.Lang, name: "series", title: v.page.T("access.series"), description: v.page.T("access.series.says", v.page.Day(since), v.page.Day(until))}
	every := max(1, len(s.Points)/7)
	for i, p := range s.Points {
		label := ""
		if i%every == 0 && i+every/2 < len(s.Points) {
			label = v.page.ShortDay(p.At)
		}
		when := v.page.Day(p.At)
		if hourly {
			when = v.page.Date(p.At)
		}
		g.up, g.down, g.labels = append(g.up, p.Opened), append(g.down, p.Refused), append(g.labels, label)
		g.says = append(g.says, v.page.T("access.point", when, number(v.page.Lang, p.Opened), number(v.page.Lang, p.Refused)))
	}
	s.Picture = g.draw()
	s.Points = slices.DeleteFunc(s.Points, func(p accessPoint) bool { return p.Opened+p.Refused == 0 })
	slices.Reverse(s.Points)
	return s
}

// file begins an answer that is kept as a file. Its name tells nothing.
func (v *visit) file(kind, name string) {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

// table writes a table for spreadsheets, in which no name becomes a formula.
func (v *visit) table(name string, rows [][]string) error {
	v.file("text/csv; charset=utf-8", name)
	w := csv.NewWriter(v.w)
	for _, row := range rows {
		for i := range row {
			row[i] = monitor.NoFormula(row[i])
		}
		if err := w.Write(row); err != nil {
			return nil // the client went away
		}
	}
	w.Flush()
	return nil
}

// accessFile is the map as a table, a line for each field that counts something.
func (v *visit) accessFile() error {
	d, _, _, err := v.overview()
	if err != nil {
		return err
	}
	rows := [][]string{{"person", d.Query.By, d.Query.Of, "usual", "weeks_compared", "stands"}}
	for _, r := range d.Rows {
		for c, x := range r.Cells {
			if x.Count > 0 || x.Usual > 0 {
				rows = append(rows, []string{r.Name, d.Columns[c].Name, fmt.Sprint(x.Count), fmt.Sprintf("%.2f", x.Usual), fmt.Sprint(x.Weeks), x.Mark})
			}
		}
	}
	return v.table("strongroom-access.csv", rows)
}

type usesData struct {
	Query    accessQuery
	Name     string
	Path     string
	Column   string
	Since    time.Time
	Rows     []useRow
	Next     template.URL // query of the page that follows
	MayProve bool
}

type useRow struct {
	door.UseRecord
	Name    string
	What    thing
	Refused bool
}

// accessUses lists the records behind a field of the map, or behind all of one person.
func (v *visit) accessUses() error {
	q := v.accessQuery()
	asFile := v.r.URL.Query().Get("form") == "csv"
	u, err := v.usage(fmt.Sprintf("records %s --by %s --weeks %d --%s", people.CleanLine(v.r.PathValue("actor"), 64), q.By, q.Weeks, q.Of))
	if err != nil {
		return err
	}
	actor, err := v.actor(u)
	if err != nil {
		return err
	}
	until := v.c.Clock()
	f := monitor.Filter{Since: until.Truncate(time.Hour).Add(time.Hour).AddDate(0, 0, -7*q.Weeks), Actors: []string{actor}, Action: strongroom.ActionReadObject, Outcome: q.outcome()}
	d := usesData{Query: q, Name: v.accessName(u, actor), Path: actorPath(actor), Since: f.Since, MayProve: v.room.Vault.Offers(v.caller, strongroom.ActionReadLedger)}
	ask := door.RecordsQuestion{Filter: f, Zone: v.page.zone, Before: q.Before, Most: usesPerPage}
	if asFile {
		ask.Most = usesPerFile
	}
	if q.At != "" {
		if ask.Column, err = v.column(u, f, q); err != nil {
			return err
		}
		ask.By, d.Column = q.By, v.columnName(ask.Column, q.By)
	}
	page, err := v.room.Records(v.r.Context(), v.caller, u, ask)
	if err != nil {
		return err
	}
	for _, r := range page.Records {
		d.Rows = append(d.Rows, v.useRow(u, r))
	}
	if asFile {
		rows := [][]string{{"record", "time", "person", "bucket", "key", "action", "outcome", "delivered_bytes"}}
		for _, r := range d.Rows {
			bucket, key, bytes := "", "", ""
			if r.Question != nil {
				bucket, key = r.Question.Resource.Bucket, r.Question.Resource.Key
			}
			if r.Told {
				bytes = fmt.Sprint(r.Bytes)
			}
			rows = append(rows, []string{fmt.Sprint(r.Index), r.Time.UTC().Format(time.RFC3339Nano), r.Name, bucket, key, string(r.Action), r.Outcome, bytes})
		}
		return v.table("strongroom-records.csv", rows)
	}
	if page.Next > 0 {
		d.Next = q.With("before", page.Next).Link()
	}
	v.page.Title = "access.uses.title"
	return v.show("uses", "access", d)
}

func (v *visit) useRow(u door.Usage, r door.UseRecord) useRow {
	row := useRow{UseRecord: r, Name: v.accessName(u, r.Actor), Refused: r.Outcome == strongroom.Refused}
	if r.Question == nil {
		return row
	}
	row.What = v.thing(r.Question.Resource, r.Version)
	return row
}

// column finds the column of a map that a tag stands for.
func (v *visit) column(u door.Usage, f monitor.Filter, q accessQuery) (monitor.Column, error) {
	if q.By == monitor.ByHours {
		for day := range weekdays {
			for part := range dayParts {
				if c := (monitor.Column{Day: day, Part: part}); columnTag(u, c, q.By) == q.At {
					return c, nil
				}
			}
		}
	} else {
		all, err := u.Columns(v.r.Context(), f, q.By)
		if err != nil {
			return monitor.Column{}, err
		}
		for _, c := range all {
			if columnTag(u, c, q.By) == q.At {
				return c, nil
			}
		}
	}
	return monitor.Column{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.nowhere.message")}
}

// accessProof is evidence of one record, which verifies on any machine.
func (v *visit) accessProof() error {
	index, err := strconv.ParseInt(v.r.PathValue("index"), 10, 64)
	if err != nil || index < 0 {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.nowhere.message")}
	}
	bundle, err := v.room.Bundle(v.r.Context(), 0, []int64{index}, v.room.ReadRecord(v.caller))
	if err != nil {
		return err
	}
	encoded, err := bundle.Encode()
	if err != nil {
		return err
	}
	v.file("application/json", fmt.Sprintf("strongroom-record-%d.json", index))
	v.w.Write(append(encoded, '\n'))
	return nil
}

type portraitData struct {
	Beside     string // the usual
	Query      accessQuery
	Name       string
	Path       string
	Person     string
	AsOf       door.AsOf
	Opened     accessCell
	Picture    template.HTML // of the week
	Days       []weekRow
	Things     []thingRow // what was opened most
	MoreThings []thingRow
	Latest     []latestRow
	Series     accessSeries
	monitor.Portrait
}

type weekRow struct {
	Name  string
	Cells []accessCell
}

// thingsFirst is how many sorts of content a person's page shows unasked.
const thingsFirst = 8

type thingRow struct {
	monitor.Thing
	Where, Queue string
}

type latestRow struct {
	monitor.ObjectUse
	What          vault.Hit // as far as the reader may know it
	Object, Whole string    // its name without folders, and with them
	Link          string
	Times         int
}

// accessPerson is what one person opened, and when, beside the weeks before.
func (v *visit) accessPerson() error {
	q := v.accessQuery()
	u, err := v.usage(fmt.Sprintf("person %s --weeks %d", people.CleanLine(v.r.PathValue("actor"), 64), q.Weeks))
	if err != nil {
		return err
	}
	actor, err := v.actor(u)
	if err != nil {
		return err
	}
	d := portraitData{Query: q, Name: v.accessName(u, actor), Path: actorPath(actor), AsOf: u.AsOf}
	if p, known := u.Principal(actor); known && v.room.Vault.Offers(v.caller, strongroom.ActionManagePeople) {
		d.Person = p.ID.String()
	}
	if d.Portrait, err = u.Portrait(v.r.Context(), actor, v.c.Clock(), q.Weeks, latestShown, v.page.zone); err != nil {
		return err
	}
	d.Opened = v.accessCell(d.Usual)
	if d.Usual.Weeks > 0 {
		d.Beside = v.page.T("access.usually", decimal(v.page.Lang, d.Usual.Usual))
	}
	m := heatMap{
		lang: v.page.Lang, name: "week", left: 52, top: 28, cell: 33,
		title: v.page.T("access.week.title", d.Name), description: v.page.T("access.week.says", number(v.page.Lang, d.Opened.Count), v.page.T("access.weeks", q.Weeks)),
	}
	for hour := range 24 {
		name := ""
		if hour%2 == 0 {
			name = fmt.Sprint(hour)
		}
		m.columns = append(m.columns, name)
	}
	for day, hours := range d.Portrait.Week {
		row := weekRow{Name: v.page.T("access.day." + weekdays[day])}
		m.rows = append(m.rows, row.Name)
		for _, c := range hours {
			m.most = max(m.most, c.Count)
			row.Cells = append(row.Cells, v.accessCell(c))
		}
		d.Days = append(d.Days, row)
	}
	m.at = func(r, c int) heatCell {
		x := d.Days[r].Cells[c]
		return heatCell{count: x.Count, mark: x.Mark, says: fmt.Sprintf("%s %d–%d h: %s", d.Days[r].Name, c, c+1, x.Says)}
	}
	d.Picture = m.draw()
	for _, t := range d.Portrait.Things[:min(len(d.Portrait.Things), 20)] {
		if t.Opened+t.Refused == 0 {
			continue
		}
		row := thingRow{Thing: t, Where: named(t.Bucket), Queue: named(t.Queue)}
		d.Things = append(d.Things, row)
	}
	if len(d.Things) > thingsFirst {
		d.Things, d.MoreThings = d.Things[:thingsFirst], d.Things[thingsFirst:]
	}
	for _, o := range d.Portrait.Latest {
		row := latestRow{ObjectUse: o, Times: int(o.Opened), Object: printable(path.Base(o.Key)), Whole: printable(o.Bucket + "/" + o.Key)}
		if _, _, _, there := v.room.Vault.Locate(o.Version); there {
			row.Link = "/recordings/" + o.Version.String()
		}
		if o.Opened > 0 {
			d.Latest = append(d.Latest, row)
		}
	}
	used := make([]vault.Hit, len(d.Latest))
	for i, row := range d.Latest {
		used[i] = vault.Hit{Bucket: row.Bucket, Key: row.Key, Version: row.Version}
	}
	if used, err = v.room.Vault.SeeUsed(v.r.Context(), v.caller, used); err != nil {
		return err
	}
	for i, h := range used {
		h.Queue, h.Agent, h.Customer, h.Kind = printable(h.Queue), printable(h.Agent), printable(h.Customer), printable(h.Kind)
		d.Latest[i].What = h
	}
	d.Series = v.series(d.Portrait.Hours, d.Since, d.Until, q.Weeks == 1)
	v.page.Title = "access.person.title"
	return v.show("portrait", "access", d)
}

var accessWords = map[string]said{
	"access.lead":      {"From %s to %s, beside the weeks before", "Du %s au %s, comparé aux semaines précédentes"},
	"access.asof":      {"counted up to record %s", "compté jusqu’à l’inscription %s"},
	"access.behind":    {"%s record is not counted yet|%s records are not counted yet", "%s inscription n’est pas encore comptée|%s inscriptions ne sont pas encore comptées"},
	"access.nobody":    {"(nobody proved)", "(personne d’identifié)"},
	"access.operator":  {"(operator)", "(opérateur)"},
	"access.others":    {"%s other|%s others", "%s autre|%s autres"},
	"access.pick.by":   {"Beside what", "Croiser avec"},
	"access.pick.long": {"How long", "Période"},
	"access.pick.of":   {"What became of it", "Issue"},

	"access.by.queue":  {"queues", "files d’attente"},
	"access.by.bucket": {"buckets", "compartiments"},
	"access.by.class":  {"data classes", "classes de données"},
	"access.by.hours":  {"hours of the week", "heures de la semaine"},

	"access.none.queue":    {"no queue", "sans file"},
	"access.none.bucket":   {"no bucket", "sans compartiment"},
	"access.none.class":    {"no class", "sans classe"},
	"access.untold.queue":  {"not told", "non précisé"},
	"access.untold.bucket": {"not told", "non précisé"},
	"access.untold.class":  {"not told", "non précisé"},
	"access.rest.queue":    {"all others", "toutes les autres"},
	"access.rest.bucket":   {"all others", "tous les autres"},
	"access.rest.class":    {"all others", "toutes les autres"},

	"access.weeks":      {"%d weeks", "%d semaines"},
	"access.long.1":     {"7 days", "7 jours"},
	"access.long.4":     {"4 weeks", "4 semaines"},
	"access.long.13":    {"13 weeks", "13 semaines"},
	"access.of.opened":  {"Opened", "Ouvert"},
	"access.of.refused": {"Refused", "Refusé"},

	"access.map":              {"People and %s", "Personnes et %s"},
	"access.map.title":        {"People and %s, %s", "Personnes et %s, %s"},
	"access.map.says":         {"%d rows, %d columns, %s uses in all. The table below the picture has every number.", "%d lignes, %d colonnes, %s consultations au total. Le tableau sous l’image donne chaque nombre."},
	"access.map.none":         {"Nobody opened anything in this time. Uses show up here as soon as somebody opens a recording.", "Personne n’a rien ouvert pendant cette période. Les consultations apparaîtront ici dès qu’un enregistrement sera ouvert."},
	"access.map.none.refused": {"Nobody was refused anything in this time.", "Personne n’a essuyé de refus pendant cette période."},
	"access.twin":             {"As a table", "Sous forme de tableau"},
	"access.person":           {"Person", "Personne"},
	"access.total":            {"In all", "Total"},
	"access.key.leads":        {"A field leads to its records.", "Chaque case mène à ses inscriptions."},
	"access.mark.more":        {"more than usual", "plus que d’habitude"},
	"access.mark.less":        {"less than usual", "moins que d’habitude"},
	"access.mark.new":         {"never before", "jamais auparavant"},
	"access.says.new":         {"%s, none before", "%s, aucune auparavant"},
	"access.says.more":        {"%s, more than the usual %s", "%s, plus que les %s habituelles"},
	"access.says.less":        {"%s, less than the usual %s", "%s, moins que les %s habituelles"},
	"access.usually":          {"usually %s", "d’habitude %s"},
	"access.says.usual":       {"%s, usually %s", "%s, d’habitude %s"},

	"access.movers":          {"Furthest from their usual", "Plus grands écarts à l’habitude"},
	"access.movers.none":     {"Nobody is far from their weeks before.", "Personne ne s’écarte de ses semaines précédentes."},
	"access.firsts":          {"First time ever", "Toute première fois"},
	"access.firsts.none":     {"Nobody opened something of a queue or class that was new to them.", "Personne n’a abordé une file ou une classe nouvelle pour elle ou lui."},
	"access.firsts.machines": {"Without %s first time of a machine.|Without %s first times of machines.", "Sans %s première fois d’un programme.|Sans %s premières fois de programmes."},
	"access.firsts.more":     {"and %s more|and %s more", "et %s autre|et %s autres"},
	"access.first.queue":     {"queue", "file"},
	"access.first.class":     {"class", "classe"},
	"access.times":           {"%s time|%s times", "%s fois|%s fois"},

	"access.series":      {"Opened and refused over time", "Ouvertures et refus dans le temps"},
	"access.series.says": {"From %s to %s; opened upwards, refused downwards.", "Du %s au %s ; les ouvertures vers le haut, les refus vers le bas."},
	"access.series.none": {"Nothing was opened or refused in this time.", "Rien n’a été ouvert ni refusé pendant cette période."},
	"access.point":       {"%s: %s opened, %s refused", "%s : %s ouvertures, %s refus"},
	"access.when":        {"When", "Quand"},
	"access.csv":         {"Download as CSV", "Télécharger en CSV"},
	"access.print":       {"Print", "Imprimer"},

	"access.unused":        {"Rights that nobody used", "Droits restés inutilisés"},
	"access.unused.title":  {"Rights that nobody used", "Droits restés inutilisés"},
	"access.unused.since":  {"What policy grants to people, held against what they did since %s, as the ledger tells it. Counted:", "Ce que la politique accorde aux personnes, comparé à ce qu’elles ont fait depuis le %s d’après le registre. Décompte :"},
	"access.unused.by":     {"By person", "Par personne"},
	"access.unused.none":   {"Everybody used all that is granted to them.", "Chacun a utilisé tout ce qui lui est accordé."},
	"access.unused.what":   {"Not used", "Inutilisés"},
	"access.unused.rights": {"%s right|%s rights", "%s droit|%s droits"},
	"access.granted":       {"Granted", "Accordés"},
	"access.used":          {"Used", "Utilisés"},
	"access.last":          {"Last use", "Dernier usage"},
	"access.never":         {"never", "jamais"},
	"access.uses.title":    {"Records", "Inscriptions"},
	"access.uses.opened":   {"Opened since %s", "Ouvertures depuis le %s"},
	"access.uses.refused":  {"Refused since %s", "Refus depuis le %s"},
	"access.uses.none":     {"There is no record of it in this time.", "Aucune inscription pour cette période."},
	"access.object":        {"What", "Objet"},
	"access.outcome":       {"Outcome", "Issue"},
	"access.bytes":         {"Delivered", "Remis"},
	"access.bytes.sofar":   {"%s so far", "%s pour l’instant"},
	"access.bytes.untold":  {"not known here", "inconnu ici"},
	"access.proof":         {"Proof", "Preuve"},
	"access.proof.get":     {"Download proof", "Télécharger la preuve"},
	"access.proof.of":      {"of record %s", "de l’inscription %s"},
	"access.proof.how":     {"A proof verifies on any machine: strongroom ledger verify --bundle FILE", "Une preuve se vérifie sur toute machine : strongroom ledger verify --bundle FICHIER"},
	"access.erased":        {"erased", "effacé"},
	"access.permit":        {"permitted", "permis"},
	"access.deny":          {"refused", "refusé"},
	"access.earlier":       {"Earlier records", "Inscriptions antérieures"},

	"access.person.title": {"One person’s access", "Les consultations d’une personne"},
	"access.person.page":  {"Groups, passkeys and sessions", "Groupes, clés d’accès et sessions"},
	"access.person.uses":  {"Every record", "Toutes les inscriptions"},
	"access.opened":       {"Opened", "Ouvertures"},
	"access.refused":      {"Refused", "Refus"},
	"access.distinct":     {"Different recordings", "Enregistrements différents"},
	"access.groups":       {"Groups at the time", "Groupes à ce moment"},
	"access.week":         {"Hours of the week", "Heures de la semaine"},
	"access.week.title":   {"When %s opened something", "Quand %s a consulté"},
	"access.week.says":    {"%s openings in %s by weekday and hour. The table below the picture has every number.", "%s ouvertures en %s, par jour et par heure. Le tableau sous l’image donne chaque nombre."},
	"access.things":       {"What was opened", "Ce qui a été ouvert"},
	"access.things.more":  {"%s more|%s more", "%s autre|%s autres"},
	"access.things.none":  {"Nothing was opened in this time.", "Rien n’a été ouvert pendant cette période."},
	"access.bucket":       {"Bucket", "Compartiment"},
	"access.queue":        {"Queue", "File"},
	"access.class":        {"Classes", "Classes"},
	"access.latest":       {"Opened last", "Dernières ouvertures"},
	"access.often":        {"How often", "Combien de fois"},
	"access.day":          {"Day", "Jour"},

	"access.day.mon": {"Mon", "lun."},
	"access.day.tue": {"Tue", "mar."},
	"access.day.wed": {"Wed", "mer."},
	"access.day.thu": {"Thu", "jeu."},
	"access.day.fri": {"Fri", "ven."},
	"access.day.sat": {"Sat", "sam."},
	"access.day.sun": {"Sun", "dim."},
}
