package console

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/ledger"
	"strongroom/vault"
)

func ledgerSection() section {
	return section{
		name: "ledger", path: "/ledger",
		offered: func(v *visit) bool { return v.room.Vault.Offers(v.caller, strongroom.ActionReadLedger) },
		routes: map[string]func(*visit) error{
			"GET /ledger":                       (*visit).ledger,
			"GET /ledger/records/{index}":       (*visit).ledgerRecord,
			"GET /ledger/records/{index}/proof": (*visit).ledgerProof,
			"GET /ledger/consistency":           (*visit).ledgerConsistency,
			"POST /ledger/bundle":               (*visit).ledgerBundle,
			"POST /ledger/history":              (*visit).seekHistory,
			"GET /ledger/history/{id}":          (*visit).ledgerHistory,
			"POST /ledger/check":                (*visit).checkLedger,
			"GET /ledger/check/{id}":            (*visit).ledgerChecked,
		},
	}
}

// Bounds on what pages of the ledger show and hand out.
const (
	recordsMost   = 25
	growthDays    = 30
	bundleMost    = 1000            // records
	dayStartsMost = 40 * growthDays // every zone has its own
	linksMost     = 1_000_000       // deliveries that are remembered while an object's history is sought
)

type ledgerData struct {
	Room          strongroom.ID
	Head          headOf
	Witnessed     *headOf
	Checked       *checkData // by this session, lately
	Key           string
	Rows          []recordRow
	From, To      int64
	Newer, Older  int64 // where the next pages begin; -1 for none
	Picture       template.HTML
	Days          []ledgerDay
	MostOfBundle  int
	MayBundle     bool
	First, Latest int64
}

// headOf is a signed state, and who signed it.
type headOf struct {
	Size       int64
	Root       string
	Epoch      uint32
	Time       time.Time // of its newest record
	Checkpoint string
	Witnesses  []ledger.Cosignature
}

// ledgerDay is how many records a day brought.
type ledgerDay struct {
	At time.Time
	N  int64
}

type recordRow struct {
	strongroom.Event
	Who     string // acted, or ""
	Altered string // why it cannot be trusted, or ""
}

// signed reads a signed checkpoint by the room's own keys.
func (v *visit) signed(text []byte) (headOf, error) {
	c, witnesses, err := ledger.ReadCheckpoint(text, v.room.Evidence.LedgerKey, v.room.Evidence.WitnessKeys)
	if err != nil {
		return headOf{}, err
	}
	h := headOf{Size: c.Size, Root: c.Root.String(), Checkpoint: string(text), Witnesses: witnesses}
	_, h.Epoch, err = ledger.ParseOrigin(c.Origin)
	return h, err
}

// whole is a number of the query, and whether it is one.
func (v *visit) whole(name string) (int64, bool) {
	n, err := strconv.ParseInt(v.r.URL.Query().Get(name), 10, 64)
	return n, err == nil && n >= 0 && n <= ledger.MaxSize
}

func (v *visit) ledger() error {
	ctx, book := v.r.Context(), v.room.Vault.Book
	head := book.Head()
	size := head.Size
	from := max(0, size-recordsMost)
	if asked, ok := v.whole("from"); ok && asked < size {
		from = asked
	}
	to := min(size, from+recordsMost)
	if _, err := v.room.Vault.ReadLedger(ctx, v.caller, from, to); err != nil {
		return err
	}
	var d ledgerData
	var err error
	if d.Head, err = v.signed(head.Checkpoint); err != nil {
		return err
	}
	if text, err := book.Witnessed(ctx); err != nil {
		return err
	} else if text != nil {
		w, err := v.signed(text)
		if err != nil {
			return err
		}
		d.Witnessed = &w
	}
	if newest, err := book.Record(ctx, d.Head.Size-1); err == nil {
		if leaf, err := ledger.ParseLeaf(newest.Leaf); err == nil {
			d.Head.Time = leaf.Time
		}
	}
	d.Room, d.Key, d.From, d.To, d.MostOfBundle, d.Latest = v.room.Vault.ID, v.room.Evidence.LedgerKey, from, to, bundleMost, size-1
	if d.Rows, err = v.recordRows(ctx, from, to); err != nil {
		return err
	}
	d.Newer, d.Older = -1, -1
	if to < size {
		d.Newer = min(to, size-1)
	}
	if from > 0 {
		d.Older = max(0, from-recordsMost)
	}
	if t, ok := v.keeps.tasks.newest("check", v.who.ID, v.c.Clock(), taskLife); ok && t.over() && t.err == nil {
		c := t.result.(checkData)
		d.Checked = &c
	}
	if err := v.ledgerGrowth(ctx, &d); err != nil {
		return err
	}
	return v.show("ledger", "ledger", d)
}

// recordRows are records as a list shows them, the newest first.
func (v *visit) recordRows(ctx context.Context, from, to int64) ([]recordRow, error) {
	var out []recordRow
	var reader vault.EventReader
	for r, err := range v.room.Vault.Book.Records(ctx, from, to) {
		if err != nil {
			return nil, err
		}
		e, err := reader.Event(r)
		row := recordRow{Event: e}
		if err != nil {
			row.Event, row.Altered = strongroom.Event{Index: r.Index}, err.Error()
		}
		out = append(out, row)
	}
	for i := range out { // after the records, whose reading holds a connection
		var err error
		if out[i].Who, err = v.acted(ctx, &reader, &out[i].Event); err != nil {
			return nil, err
		}
	}
	slices.Reverse(out)
	return out, nil
}

// acted is the name of who acted, as far as records tell: a delivery is its release's.
func (v *visit) acted(ctx context.Context, reader *vault.EventReader, e *strongroom.Event) (string, error) {
	if who := e.Who(); who != "" || e.Release == nil || e.Erased {
		return printable(who), nil
	}
	record, err := v.room.Vault.Book.Record(ctx, *e.Release)
	if err != nil {
		return "", err
	}
	if released, err := reader.Event(record); err == nil {
		return printable(released.Who()), nil
	}
	return "", nil // its own page says what is wrong with it
}

// dayStarts remembers at which records days that are over began.
type dayStarts struct {
	mu sync.Mutex
	at map[int64]int64 // by when the day began, in seconds
}

func (d *dayStarts) find(at time.Time) (int64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, ok := d.at[at.Unix()]
	return n, ok
}

// keep remembers a day; of too many, which readers in many zones make, all are forgotten.
func (d *dayStarts) keep(at time.Time, begins int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at == nil || len(d.at) >= dayStartsMost {
		d.at = map[int64]int64{}
	}
	d.at[at.Unix()] = begins
}

// ledgerGrowth draws how many records each of the last days brought.
func (v *visit) ledgerGrowth(ctx context.Context, d *ledgerData) error {
	if v.room.Range == nil {
		return nil
	}
	now := v.c.Clock().In(v.page.zone)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, v.page.zone)
	var begins []int64
	for i := range growthDays {
		at := today.AddDate(0, 0, i+1-growthDays)
		if n, ok := v.keeps.dayStarts.find(at); ok {
			begins = append(begins, n)
		} else {
			from, size, err := v.room.Range(ctx, at)
			if err != nil {
				return err
			}
			if from < size { // a record of that day is there: where it begins does not change any more
				v.keeps.dayStarts.keep(at, from)
			}
			begins = append(begins, from)
		}
		d.Days = append(d.Days, ledgerDay{At: at})
	}
	begins = append(begins, d.Head.Size)
	g := bars{lang: v.page.Lang, name: "growth", title: v.page.T("ledger.growth"), description: v.page.T("ledger.growth.says")}
	for i := range d.Days {
		d.Days[i].N = max(0, begins[i+1]-begins[i])
		g.up, g.down = append(g.up, d.Days[i].N), append(g.down, 0)
		label := ""
		if (growthDays-3-i)%7 == 0 {
			label = v.page.ShortDay(d.Days[i].At)
		}
		g.labels = append(g.labels, label)
		g.says = append(g.says, v.page.Day(d.Days[i].At)+": "+v.page.Number(d.Days[i].N))
	}
	d.Picture = g.draw()
	return nil
}

// index is the record that the path names, of those there are.
func (v *visit) index() (int64, error) {
	n, err := strconv.ParseInt(v.r.PathValue("index"), 10, 64)
	if err != nil || n < 0 || n >= v.room.Vault.Book.Head().Size {
		return 0, &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.ledger.none")}
	}
	return n, nil
}

type recordData struct {
	recordRow
	Room               strongroom.ID
	Leaf               ledger.Leaf
	Hash               string
	Evidence, Personal string
	EvidenceOf         string // commitments
	PersonalOf         string
	Size               int64
	Before, After      int64 // neighbours, -1 for none
}

func (v *visit) ledgerRecord() error {
	index, err := v.index()
	if err != nil {
		return err
	}
	record, err := v.room.ReadRecord(v.caller)(v.r.Context(), index)
	if err != nil {
		return err
	}
	d := recordData{Room: v.room.Vault.ID, Hash: record.Hash().String(), Size: v.room.Vault.Book.Head().Size, Before: index - 1, After: index + 1}
	if d.After >= d.Size {
		d.After = -1
	}
	e, err := vault.EventOf(record)
	d.Event = e
	if err != nil {
		d.Event.Index, d.Altered = index, err.Error()
	} else if d.Who, err = v.acted(v.r.Context(), new(vault.EventReader), &e); err != nil {
		return err
	}
	if d.Leaf, err = ledger.ParseLeaf(record.Leaf); err == nil {
		d.EvidenceOf = hex.EncodeToString(d.Leaf.Evidence[:])
		if d.Leaf.HasPersonal() {
			d.PersonalOf = hex.EncodeToString(d.Leaf.Personal[:])
		}
	}
	d.Evidence, d.Personal = pretty(record.Evidence), pretty(record.Personal)
	v.page.Title = "ledger.record.title"
	return v.show("ledger-record", "ledger", d)
}

// pretty is a part of a record as people read it.
func pretty(part []byte) string {
	if len(part) == 0 {
		return ""
	}
	var out bytes.Buffer
	text := string(part)
	if err := json.Indent(&out, part, "", "  "); err == nil {
		text = out.String()
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// provenLeaf is what a browser recomputes a root from.
type provenLeaf struct {
	ledger.Record
	Size       int64    `json:"size"`
	Proof      []string `json:"proof"`
	Checkpoint string   `json:"checkpoint"`
}

func (v *visit) ledgerProof() error {
	index, err := v.index()
	if err != nil {
		return err
	}
	record, err := v.room.ReadRecord(v.caller)(v.r.Context(), index)
	if err != nil {
		return err
	}
	head := v.room.Vault.Book.Head()
	proof, err := v.room.Vault.Book.ProveInclusion(v.r.Context(), head.Size, index)
	if err != nil {
		return err
	}
	out := provenLeaf{Record: record, Size: head.Size, Proof: []string{}, Checkpoint: string(head.Checkpoint)}
	for _, h := range proof {
		out.Proof = append(out.Proof, h.String())
	}
	answerJSON(v.w, http.StatusOK, out)
	return nil
}

// ledgerConsistency proves that one size of the ledger continues another.
func (v *visit) ledgerConsistency() error {
	from, okFrom := v.whole("from")
	to, okTo := v.whole("to")
	if !okFrom || !okTo || from < 1 || from > to || to > v.room.Vault.Book.Head().Size {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.ledger.none")}
	}
	if _, err := v.room.Vault.ReadLedger(v.r.Context(), v.caller, to, to); err != nil {
		return err
	}
	proof, err := v.room.Vault.Book.ProveConsistency(v.r.Context(), from, to)
	if err != nil {
		return err
	}
	out := []string{}
	for _, h := range proof {
		out = append(out, h.String())
	}
	answerJSON(v.w, http.StatusOK, map[string]any{"from": from, "to": to, "proof": out})
	return nil
}

// ledgerBundle hands out evidence of one record, of a range, or of what a search found
// about an object.
func (v *visit) ledgerBundle() error {
	ctx, size := v.r.Context(), v.room.Vault.Book.Head().Size
	bad := func(key string) error {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T(key)}
	}
	var indexes []int64
	if id := v.r.PostFormValue("history"); id != "" {
		var err error
		if indexes, err = v.recordsOf(id); err != nil {
			return err
		}
	} else {
		first, err := strconv.ParseInt(v.r.PostFormValue("from"), 10, 64)
		last, e := strconv.ParseInt(v.r.PostFormValue("to"), 10, 64)
		if err != nil || e != nil || first < 0 || last < first || last >= size {
			return bad("error.ledger.range")
		}
		if last-first >= bundleMost {
			return bad("error.ledger.most")
		}
		for i := first; i <= last; i++ {
			indexes = append(indexes, i)
		}
	}
	if len(indexes) > bundleMost {
		return bad("error.ledger.most")
	}
	if _, err := v.room.Vault.ReadLedger(ctx, v.caller, indexes[0], indexes[len(indexes)-1]+1); err != nil {
		return err
	}
	bundle, err := v.room.Bundle(ctx, 0, indexes, func(ctx context.Context, index int64) (ledger.Record, error) {
		return v.room.Vault.Book.Record(ctx, index)
	})
	if err != nil {
		return err
	}
	encoded, err := bundle.Encode()
	if err != nil {
		return err
	}
	v.file("application/json", fmt.Sprintf("strongroom-records-%d-%d.json", indexes[0], indexes[len(indexes)-1]))
	v.w.Write(encoded)
	return nil
}

// checkData is what recomputing the whole ledger came to.
type checkData struct {
	ledger.Result
	At    time.Time
	Fault string // what is wrong, or ""
}

// checkLedger recomputes the whole ledger from its records.
func (v *visit) checkLedger() error {
	head := v.room.Vault.Book.Head()
	if _, err := v.room.Vault.ReadLedger(v.r.Context(), v.caller, 0, head.Size); err != nil {
		return err
	}
	key, err := ledger.ParseVerifier(v.room.Evidence.LedgerKey)
	if err != nil {
		return fmt.Errorf("reading the ledger's key: %w", err)
	}
	room, clock := v.room, v.c.Clock
	t, err := v.keeps.tasks.start("check", v.who.ID, v.who.Holder.ID, v.c.Clock(), func(ctx context.Context, t *task) (any, error) {
		t.Total.Store(head.Size)
		out := checkData{At: clock()}
		audit := ledger.NewAudit(room.Vault.ID)
		checkpoint, _, err := ledger.OpenCheckpoint(head.Checkpoint, key)
		if err != nil {
			out.Fault = err.Error()
			return out, nil
		}
		if text, err := room.Vault.Book.Witnessed(ctx); err == nil && text != nil {
			if earlier, _, err := ledger.OpenCheckpoint(text, key); err == nil && earlier.Size <= checkpoint.Size {
				if err := audit.AddEarlier(earlier); err != nil {
					return nil, err
				}
			}
		}
		for r, err := range room.Vault.Book.Records(ctx, 0, head.Size) {
			if err != nil {
				return nil, err
			}
			if audit.Add(r) != nil {
				break // Finish says what it is
			}
			t.Done.Add(1)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		result, err := audit.Finish(checkpoint)
		if out.Result = result; err != nil {
			out.Fault = err.Error()
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.r, "/ledger/check/"+t.ID.String(), http.StatusSeeOther)
	return nil
}

func (v *visit) ledgerChecked() error {
	t, err := v.task("check")
	if err != nil {
		return err
	}
	if t.running(v.r.Context()) {
		return v.waiting(t, "ledger", "ledger.check.title", "/ledger/check/"+t.ID.String())
	}
	if t.err != nil {
		return t.err
	}
	v.page.Title = "ledger.check.title"
	return v.show("ledger-check", "ledger", t.result.(checkData))
}

var ledgerWords = map[string]said{
	"error.ledger.none":    {"The ledger has no such record.", "Le registre ne contient pas cette inscription."},
	"error.ledger.range":   {"Name a first and a last record that the ledger has.", "Indiquez une première et une dernière inscription présentes dans le registre."},
	"error.ledger.most":    {"A bundle holds at most 1,000 records. Take fewer.", "Un dossier de preuve contient au plus 1 000 inscriptions. Réduisez la sélection."},
	"error.ledger.object":  {"Name both a bucket and a key.", "Indiquez un compartiment et une clé."},
	"error.ledger.history": {"Nothing of the last 90 days is on record about this object.", "Aucune inscription des 90 derniers jours ne concerne cet objet."},

	"ledger.lead":          {"Every release, refusal and change stands here, each bound to all before it. Reading it is on record as well.", "Chaque ouverture, refus et modification s’y inscrit, lié à tout ce qui précède. Le consulter est inscrit aussi."},
	"ledger.head":          {"Head", "Tête"},
	"ledger.size":          {"Records", "Inscriptions"},
	"ledger.root":          {"Root", "Racine"},
	"ledger.epoch":         {"Epoch", "Époque"},
	"ledger.newest":        {"Newest record", "Dernière inscription"},
	"ledger.key":           {"Ledger key", "Clé du registre"},
	"ledger.key.why":       {"Compare it with the one that you were given elsewhere.", "Comparez-la à celle qui vous a été remise par ailleurs."},
	"ledger.checkpoint":    {"Signed checkpoint", "Point de contrôle signé"},
	"ledger.witnesses":     {"Witnesses", "Témoins"},
	"ledger.upto":          {"signed up to record %s", "a signé jusqu’à l’inscription %s"},
	"ledger.unwitnessed":   {"No witness has signed a checkpoint yet. The custodian signs one with each release.", "Aucun témoin n’a encore signé de point de contrôle. Le dépositaire en signe un à chaque ouverture."},
	"ledger.embedded":      {"A witness in the same hands as the room notices mistakes, and not its owner’s malice: keep checkpoints elsewhere too.", "Un témoin tenu par la même main que la salle détecte les erreurs, non la malveillance de son exploitant : conservez aussi des points de contrôle ailleurs."},
	"ledger.kept":          {"Since this browser looked last", "Depuis la dernière visite de ce navigateur"},
	"ledger.kept.first":    {"This browser keeps the head from now on, and will notice if the past changes.", "Ce navigateur conserve désormais la tête et remarquera tout changement du passé."},
	"ledger.kept.good":     {"The ledger continues what this browser saw at record count", "Le registre prolonge ce que ce navigateur avait vu, nombre d’inscriptions :"},
	"ledger.kept.bad":      {"The ledger does NOT continue what this browser saw before. Do not go on; keep this page and verify elsewhere.", "Le registre ne prolonge PAS ce que ce navigateur avait vu. Arrêtez-vous là, conservez cette page et vérifiez ailleurs."},
	"ledger.kept.wait":     {"Comparing…", "Comparaison…"},
	"ledger.kept.noscript": {"Without JavaScript this browser keeps nothing.", "Sans JavaScript, ce navigateur ne conserve rien."},
	"ledger.growth":        {"Growth", "Croissance"},
	"ledger.growth.says":   {"Records of each of the last 30 days", "Inscriptions de chacun des 30 derniers jours"},
	"ledger.records":       {"Records", "Inscriptions"},
	"ledger.table":         {"As a table", "Sous forme de tableau"},
	"ledger.day":           {"Day", "Jour"},
	"ledger.gaps":          {"Gaps and erasures", "Lacunes et effacements"},
	"ledger.gaps.none":     {"Nobody has recomputed the ledger in this session.", "Le registre n’a pas été recalculé pendant cette session."},
	"ledger.check":         {"Recompute all records", "Recalculer toutes les inscriptions"},
	"ledger.check.title":   {"The whole ledger, recomputed", "Le registre entier, recalculé"},
	"ledger.check.good":    {"All %s records make the signed root. None is missing, and none was changed.", "Les %s inscriptions donnent la racine signée. Aucune ne manque, aucune n’a été modifiée."},
	"ledger.check.bad":     {"Something is wrong with the ledger", "Le registre présente une anomalie"},
	"ledger.check.when":    {"Recomputed", "Recalculé"},
	"ledger.erased":        {"Parts erased, each by a record that says so", "Parts effacées, chacune par une inscription qui le dit"},
	"ledger.epochs":        {"Restores from a backup", "Restaurations d’une sauvegarde"},
	"ledger.back":          {"Back to the ledger", "Retour au registre"},
	"ledger.list":          {"Records %s to %s", "Inscriptions %s à %s"},
	"ledger.index":         {"Record", "Inscription"},
	"ledger.time":          {"Time", "Heure"},
	"ledger.did":           {"Act", "Acte"},
	"ledger.outcome":       {"Decision", "Décision"},
	"ledger.who":           {"Who", "Qui"},
	"decided.permit":       {"permitted", "permis"},
	"decided.deny":         {"refused", "refusé"},
	"ledger.nobody":        {"not told", "non indiqué"},
	"ledger.gone":          {"personal part erased", "part personnelle effacée"},
	"ledger.altered.why":   {"It does not agree with the ledger, and counts for nothing:", "Elle ne s’accorde pas avec le registre et ne vaut rien. Le détail, en anglais :"},
	"ledger.altered":       {"not what was recorded", "ne correspond pas à l’inscription d’origine"},
	"ledger.newer":         {"Newer records", "Inscriptions plus récentes"},
	"ledger.older":         {"Older records", "Inscriptions plus anciennes"},
	"ledger.goto":          {"From record", "À partir de l’inscription"},
	"ledger.go":            {"Show", "Afficher"},
	"ledger.record.title":  {"Record of the ledger", "Inscription du registre"},
	"ledger.record":        {"Record %s", "Inscription %s"},
	"ledger.leaf":          {"What stays for ever", "Ce qui reste à jamais"},
	"ledger.leafhash":      {"Leaf hash", "Empreinte de la feuille"},
	"ledger.evidence":      {"Evidence", "Preuve"},
	"ledger.personal":      {"Personal part", "Part personnelle"},
	"ledger.commitment":    {"Commitment", "Engagement"},
	"ledger.part.none":     {"The record has none.", "L’inscription n’en a pas."},
	"ledger.part.gone":     {"It was erased, or is missing. Recomputing the ledger says which.", "Elle a été effacée ou manque. Le recalcul du registre dit lequel des deux."},
	"ledger.verify":        {"Verify here", "Vérifier ici"},
	"ledger.verify.why":    {"Your browser recomputes the way from this record to the signed root by itself. Who doubts this server verifies a bundle on another machine.", "Votre navigateur recalcule lui-même le chemin de cette inscription à la racine signée. Qui doute de ce serveur vérifie un dossier de preuve sur une autre machine."},
	"ledger.verify.go":     {"Recompute the root", "Recalculer la racine"},
	"verify.leaf":          {"The leaf bears the kind and time shown on this page", "La feuille porte la nature et l’heure affichées sur cette page"},
	"verify.evidence":      {"The evidence is what the leaf commits to", "La preuve est celle à laquelle la feuille s’engage"},
	"verify.personal":      {"The personal part is what the leaf commits to", "La part personnelle est celle à laquelle la feuille s’engage"},
	"verify.nopersonal":    {"No personal part is there to compare", "Aucune part personnelle à comparer"},
	"verify.path":          {"The way from the leaf leads to a root", "Le chemin depuis la feuille mène à une racine"},
	"verify.root":          {"It is the root of the checkpoint", "C’est la racine du point de contrôle"},
	"verify.kept":          {"The checkpoint continues what this browser saw before", "Le point de contrôle prolonge ce que ce navigateur avait vu"},
	"verify.good":          {"This record stands in the ledger as it is shown.", "Cette inscription figure dans le registre telle qu’elle est affichée."},
	"verify.bad":           {"This does NOT verify. Keep the page, and verify a bundle elsewhere.", "La vérification ÉCHOUE. Conservez la page et vérifiez un dossier de preuve ailleurs."},
	"verify.yes":           {"holds", "vérifié"},
	"verify.no":            {"fails", "échec"},
	"ledger.bundle":        {"Evidence for elsewhere", "Preuves à emporter"},
	"ledger.bundle.why":    {"One file with records, proofs and the signed checkpoint, names included. It verifies without this server:", "Un fichier avec les inscriptions, leurs preuves et le point de contrôle signé, noms compris. Il se vérifie sans ce serveur :"},
	"ledger.bundle.one":    {"Download a bundle of this record", "Télécharger le dossier de preuve"},
	"ledger.bundle.range":  {"A range of records", "Une suite d’inscriptions"},
	"ledger.bundle.from":   {"First record", "Première inscription"},
	"ledger.bundle.to":     {"Last record", "Dernière inscription"},
	"ledger.bundle.object": {"The history of an object", "L’historique d’un objet"},
	"ledger.bundle.bucket": {"Bucket", "Compartiment"},
	"ledger.bundle.key":    {"Key", "Clé"},
	"ledger.history.title": {"The history of an object", "L’historique d’un objet"},
	"ledger.history.found": {"%s record of the last 90 days is about it|%s records of the last 90 days are about it", "%s inscription des 90 derniers jours le concerne|%s inscriptions des 90 derniers jours le concernent"},
	"ledger.history.more":  {"More than 1,000 records of the last 90 days are about it, which is more than a bundle holds. Take the records of a shorter time, by their numbers.", "Plus de 1 000 inscriptions des 90 derniers jours le concernent, soit plus qu’un dossier de preuve n’en contient. Prenez les inscriptions d’une période plus courte, par leurs numéros."},
	"ledger.seek":          {"Find its records", "Chercher ses inscriptions"},
	"ledger.bundle.days":   {"Of the last 90 days: decisions about it, and what was delivered.", "Des 90 derniers jours : les décisions qui le concernent et ce qui a été remis."},
	"ledger.download":      {"Download", "Télécharger"},
}

// Last is the index before an end.
func (p *page) Last(to int64) int64 { return max(0, to-1) }

// Less is how many there are besides the first.
func (p *page) Less(n int) int { return max(0, n-1) }
