package console

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/door/viewer"
	"strongroom/people"
	"strongroom/vault"
)

// Bounds on the player.
const (
	wavePoints = 1200
	// waveMost is how large a recording is whose loudness is read: ten hours of telephone.
	waveMost = 2 << 30
	// browserMost is how large a recording of another form may be for its browser to
	// decode it whole.
	browserMost = 16 << 20
)

func playerSection() section {
	return section{name: "player", routes: map[string]func(*visit) error{
		"POST /recordings/{id}/open":                 (*visit).openContent,
		"GET /recordings/{id}/play/{opening}":        (*visit).player,
		"GET /recordings/{id}/media/{opening}":       (*visit).media,
		"GET /recordings/{id}/peaks/{opening}":       (*visit).peaks,
		"GET /recordings/{id}/pages/{opening}/{n}":   (*visit).sheet,
		"POST /recordings/{id}/played/{opening}":     (*visit).notePlayed,
		"POST /recordings/{id}/transcript/{opening}": (*visit).readTranscript,
		"POST /recordings/{id}/download":             (*visit).download,
	}}
}

// stated reads for which object a form asks, and why.
func (v *visit) stated() (strongroom.ID, strongroom.Purpose, error) {
	id, err := v.id()
	if err != nil {
		return id, strongroom.Purpose{}, errGone
	}
	if _, err := v.where(id); err != nil {
		return id, strongroom.Purpose{}, err
	}
	p := strongroom.Purpose{Text: strings.TrimSpace(v.r.PostFormValue("purpose")), Ticket: strings.TrimSpace(v.r.PostFormValue("ticket"))}
	if p.Text == "" {
		return id, p, &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("player.why")}
	}
	if err := people.CheckPurpose(p); err != nil {
		return id, p, &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()}
	}
	return id, p, nil
}

// openContent asks the vault for a content, for the purpose that the form states.
func (v *visit) openContent() error {
	id, purpose, err := v.stated()
	if err != nil {
		return err
	}
	v.caller.Purpose = purpose
	from, err := v.open(id, true, upTo(viewer.HeadSize))
	if err != nil {
		return v.refused(id, strongroom.ActionReadObject, purpose, err)
	}
	head, err := whole(from)
	if err != nil {
		return err
	}
	now := v.c.Clock()
	o := &opening{
		Version: id, Purpose: purpose, Object: from.Object, Form: viewer.FormOf(head, from.Object.Key, from.Object.Headers["Content-Type"]),
		Began: now, Ends: now.Add(openingLife), by: v.who.Holder.ID, session: v.who.ID, lease: from.Lease, release: from.Release,
	}
	if o.Form.Kind == viewer.Audio || o.Form.Kind == viewer.Video {
		words, there, err := v.room.Vault.Companion(v.r.Context(), v.caller, from.Object.Bucket, transcriptsOf(from.Object.Key))
		if err != nil {
			return err
		}
		if there {
			o.transcript = &words
		}
	}
	if err := v.keeps.openings.add(o, now); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, "/recordings/"+id.String()+"/play/"+o.ID, http.StatusSeeOther)
	return nil
}

// transcriptsOf are the keys under which platforms put the transcript of a recording.
func transcriptsOf(key string) []string {
	stem := strings.TrimSuffix(key, path.Ext(key))
	var keys []string
	for _, between := range []string{"_transcript", "-transcript", ".transcript", ""} {
		for _, ending := range []string{".json", ".vtt", ".txt"} {
			if between+ending != ".json" { // which is rather the recording's metadata
				keys = append(keys, stem+between+ending)
			}
		}
	}
	return keys
}

// refusedData is a refusal, and what may be asked for instead.
type refusedData struct {
	ID       strongroom.ID
	Action   strongroom.Action
	Purpose  strongroom.Purpose
	Approval bool                 // others may approve it
	Ticket   bool                 // it wants a ticket
	Approved []strongroom.Purpose // those for which others have approved it already
}

// refused shows why somebody may not, in one sentence, and how to ask for it.
func (v *visit) refused(id strongroom.ID, action strongroom.Action, purpose strongroom.Purpose, err error) error {
	if strongroom.KindOf(err) != strongroom.KindDenied {
		return err
	}
	e, _ := asError(err)
	d := refusedData{ID: id, Action: action, Purpose: purpose}
	for _, m := range e.Missing {
		d.Approval = d.Approval || m.Approvals() > 0
		d.Ticket = d.Ticket || m == strongroom.ObligeTicket
	}
	if d.Approval { // perhaps for another purpose than the one stated now
		mine, err := v.room.Vault.Requests(v.r.Context(), v.caller, vault.RequestsMine, false)
		if err != nil {
			return err
		}
		for _, q := range mine {
			if q.Action == action && q.Status(v.c.Clock()) == vault.RequestApproved && q.Purpose != purpose &&
				slices.ContainsFunc(q.Objects, func(o vault.Requested) bool { return o.Version == id }) {
				d.Approved = append(d.Approved, q.Purpose)
			}
		}
	}
	v.page.Title, v.page.Path, v.page.Section, v.page.Data = "player.refused", "/", "recordings", d
	_, v.page.Trouble = troubleOf(v.page.Lang, err)
	v.c.render(v.w, http.StatusForbidden, "refused", v.page)
	return nil
}

// over answers what has ended with a page that says how to go on.
func (v *visit) over(err error) error {
	if err != errOver && err != errGone { //nolint:errorlint // one of ours
		return err
	}
	v.page.Title, v.page.Path, v.page.Section = "player.over", "/", "recordings"
	d := refusedData{}
	if id, bad := v.id(); bad == nil && err == errOver {
		d.ID = id
	}
	v.page.Data = d
	v.c.render(v.w, http.StatusGone, "over", v.page)
	return nil
}

// playerData is what the page of an opening shows.
type playerData struct {
	*opening
	Name     string // of the file
	Heading  string
	Recorded time.Time
	Length   float64 // seconds, 0 where nobody declared it
	Channels []channel
	Decode   bool // the browser may decode it for its waveform
	Veil     string

	HasTranscript bool
	Transcript    *viewer.Transcript
	Chat          bool // what is shown is itself a conversation

	Lines    []string
	Sections []viewer.Section
	Letter   *viewer.Letter
	Sheets   []viewer.Sheet
	All      int // pages, also those that are not shown
	Cut      bool
	Unread   bool // it is not of the form it seemed to be

	Download string // "yes", "approval", or "" where it is not offered
}

// meaningless are names that platforms give files: long ids, with numbers around them.
var meaningless = regexp.MustCompile(`(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}|[0-9a-f]{20}`)

// channel is one side of a recording.
type channel struct{ Key, Name string }

// player shows the page of an opening.
func (v *visit) player() error {
	o, err := v.opened()
	if err != nil {
		return v.over(err)
	}
	d := playerData{opening: o, Name: path.Base(o.Object.Key), Recorded: o.Object.Modified, Veil: fmt.Sprintf("%s · %s · %s", v.who.Holder.Name, o.Began.In(v.page.zone).Format("2006-01-02 15:04"), o.ID[:8])}
	if s, err := strconv.ParseFloat(o.Object.Attribute("duration"), 64); err == nil && s > 0 && s < 1e6 {
		d.Length = s
	}
	if at, err := time.Parse(time.RFC3339, o.Object.Attribute("recorded-at")); err == nil {
		d.Recorded = at
	}
	d.Heading = d.Name
	if stem := strings.TrimSuffix(d.Name, path.Ext(d.Name)); meaningless.MatchString(stem) { // a platform's id says nothing to people
		what := v.page.T("shown." + string(o.Form.Kind))
		if kind := o.Object.Attribute("kind"); known("kind." + kind) {
			what = v.page.T("kind." + kind)
		}
		d.Heading = v.page.T("recording.of", what, v.page.Date(d.Recorded))
	}
	switch o.Form.Kind {
	case viewer.Audio, viewer.Video, viewer.Image, viewer.None:
		if err := v.askAgain(o); err != nil {
			return v.over(err)
		}
		d.Decode = o.Form.Kind == viewer.Audio && !o.Form.Wave && o.Object.Size <= browserMost
		d.Channels = []channel{{"left", v.page.T("player.left")}, {"right", v.page.T("player.right")}}
		if kind := o.Object.Attribute("kind"); kind == "call" || kind == "" && o.Object.Attribute("agent") != "" {
			d.Channels = []channel{{"left", v.page.T("player.agent")}, {"right", v.page.T("player.customer")}}
		}
		if err := v.withTranscript(o, &d); err != nil {
			return err
		}
	default:
		if err := v.document(o, &d); err != nil {
			return v.over(err)
		}
	}
	permitted, missing := v.room.Vault.Lets(v.caller, strongroom.ActionDownload, o.Object)
	switch {
	case permitted:
		d.Download = "yes"
	case len(missing) > 0:
		d.Download = "approval"
	}
	v.page.Title = "shown." + string(o.Form.Kind)
	return v.show("play", "recordings", d)
}

// askAgain asks for a content that was opened before, and reads nothing of it: whatever is
// shown then, it is permitted still.
func (v *visit) askAgain(o *opening) error {
	from, err := v.open(o.Version, true, upTo(0))
	if err == nil {
		_, err = whole(from)
	}
	return err
}

// withTranscript adds the transcript to a page, once somebody asked for it.
func (v *visit) withTranscript(o *opening, d *playerData) error {
	o.mu.Lock()
	words, told := o.transcript, o.told
	o.mu.Unlock()
	d.HasTranscript = words != nil
	if words == nil || !told {
		return nil
	}
	release, err := v.keeps.readers.take(v.r.Context(), v.who.Holder.ID)
	if err != nil {
		return err
	}
	defer release()
	from, err := v.open(words.Version, false, upTo(viewer.TranscriptMost))
	if err != nil {
		return err
	}
	content, err := whole(from)
	if err != nil {
		return err
	}
	t, err := viewer.ReadTranscript(content)
	if err != nil {
		d.Unread = true
		return nil
	}
	d.Transcript = &t
	return nil
}

// readTranscript is the act of reading the transcript: decided, and on record as that.
func (v *visit) readTranscript() error {
	o, err := v.opened()
	if err != nil {
		return v.over(err)
	}
	o.mu.Lock()
	words, told := o.transcript, o.told
	o.mu.Unlock()
	if words == nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("player.transcript.none")}
	}
	if !told {
		at, err := v.where(o.Version)
		if err != nil {
			return v.over(err)
		}
		req, _, err := v.ask(words.Version, false, upTo(0))
		if err != nil {
			return err
		}
		from, err := v.room.Vault.OpenTranscript(v.r.Context(), v.caller, at, req)
		if err != nil {
			return err
		}
		if _, err := whole(from); err != nil {
			return err
		}
		o.mu.Lock()
		o.told = true
		o.mu.Unlock()
	}
	http.Redirect(v.w, v.r, "/recordings/"+o.Version.String()+"/play/"+o.ID+"#transcript", http.StatusSeeOther)
	return nil
}

// document reads what a document says.
func (v *visit) document(o *opening, d *playerData) error {
	most := int64(viewer.TextMost)
	switch o.Form.Kind {
	case viewer.Office:
		most = viewer.OfficeMost
	case viewer.Mail:
		most = viewer.MailMost
	case viewer.PDF:
		most = viewer.PDFMost
	}
	release, err := v.keeps.readers.take(v.r.Context(), v.who.Holder.ID)
	if err != nil {
		return err
	}
	defer release()
	content, err := v.read(o, most)
	if err != nil {
		return err
	}
	short := int64(len(content)) < o.Object.Size
	switch o.Form.Kind {
	case viewer.PDF:
		if err = viewer.ErrForm; !short {
			d.Sheets, d.All, err = v.c.pdfs.Sheets(v.r.Context(), content)
		}
		d.Cut = d.All > len(d.Sheets)
	case viewer.Office:
		d.Sections, d.Cut, err = viewer.OfficeText(content)
	case viewer.Mail:
		var l viewer.Letter
		if l, err = viewer.ReadMail(content); err == nil {
			d.Letter, d.Lines, d.Cut = &l, l.Lines, l.Cut
		} else {
			d.Lines, d.Cut = viewer.Lines(content[:min(len(content), viewer.TextMost)])
			err = nil
		}
	default:
		kind := o.Object.Attribute("kind")
		if kind == "transcript" || kind == "chat" {
			if t, bad := viewer.ReadTranscript(content); bad == nil && !short {
				d.Transcript, d.Chat = &t, true
				return nil
			}
		}
		if !short {
			content = viewer.Indented(content)
		}
		d.Lines, d.Cut = viewer.Lines(content)
	}
	d.Cut = d.Cut || short
	if errors.Is(err, viewer.ErrForm) {
		d.Unread, err = true, nil
	}
	return err
}

// sheet serves the picture of one page of a PDF document.
func (v *visit) sheet() error {
	o, err := v.opened()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(v.r.PathValue("n"))
	if err != nil || o.Form.Kind != viewer.PDF || v.r.Header.Get("Sec-Fetch-Dest") == "document" {
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: v.page.T("player.bare")}
	}
	release, err := v.keeps.readers.take(v.r.Context(), v.who.Holder.ID)
	if err != nil {
		return err
	}
	defer release()
	content, err := v.read(o, viewer.PDFMost)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = v.c.pdfs.Draw(v.r.Context(), content, n, func(page image.Image) error {
		return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, page)
	})
	if errors.Is(err, viewer.ErrForm) {
		v.c.Log.Warn("a page cannot be drawn", "error", err)
		return errGone
	} else if err != nil {
		return err
	}
	release() // however long the client takes
	h := v.w.Header()
	h.Set("Content-Security-Policy", mediaPolicy)
	h.Set("Content-Type", "image/png")
	h.Set("Content-Disposition", "inline")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Now().Add(pieceWait)) // not every connection has one
	_, _ = v.w.Write(b.Bytes())
	return nil
}

// peaks answers how loud a recording is over its time. It is read under the opening and
// does not leave the server.
func (v *visit) peaks() error {
	o, err := v.opened()
	if err != nil {
		return err
	}
	if !o.Form.Wave || o.Object.Size > waveMost {
		answerJSON(v.w, http.StatusNotFound, map[string]string{})
		return nil
	}
	o.mu.Lock()
	w := o.wave
	o.mu.Unlock()
	most := o.Object.Size
	if w != nil {
		most = 0 // only asked again
	}
	from, err := v.open(o.Version, true, upTo(most))
	if err != nil {
		return err
	}
	if w != nil {
		_, err = whole(from)
	} else {
		w, err = v.wave(o, from)
	}
	if errors.Is(err, viewer.ErrForm) {
		answerJSON(v.w, http.StatusNotFound, map[string]string{})
		return nil
	} else if err != nil {
		return err
	}
	channels := make([][]int, len(w.Peaks))
	for i, c := range w.Peaks {
		channels[i] = make([]int, len(c))
		for j, p := range c {
			channels[i][j] = int(p)
		}
	}
	answerJSON(v.w, http.StatusOK, map[string]any{"seconds": w.Seconds, "peaks": channels})
	return nil
}

func (v *visit) wave(o *opening, from *vault.Opened) (*viewer.Wave, error) {
	defer from.Close()
	release, err := v.keeps.waves.take(v.r.Context(), v.who.Holder.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	in, out := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := from.WriteTo(out)
		out.CloseWithError(err)
	}()
	w, err := viewer.ReadWave(in, o.Object.Size, wavePoints)
	in.CloseWithError(io.ErrClosedPipe)
	<-done
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	o.wave = &w
	o.mu.Unlock()
	return &w, nil
}

// notePlayed takes what the player says that it played.
func (v *visit) notePlayed() error {
	o, err := v.opened()
	if err != nil {
		return err
	}
	var said struct {
		Seconds float64 `json:"seconds"`
		Length  float64 `json:"length"`
	}
	if err := readJSON(v.w, v.r, &said); err != nil {
		return err
	}
	// Nobody plays faster than twice, nor before they opened.
	most := 2*v.c.Clock().Sub(o.Began).Seconds() + 5
	if !(said.Seconds > 0 && said.Seconds <= most) || !(said.Length >= 0 && said.Length < 1e6) || o.Form.Kind != viewer.Audio && o.Form.Kind != viewer.Video {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "no player says that"}
	}
	at, err := v.where(o.Version)
	if err != nil {
		return err
	}
	o.reporting.Lock()
	defer o.reporting.Unlock()
	millis := int64(math.Round(said.Seconds * 1000))
	if millis <= o.played || o.reports >= reportsMost {
		answerJSON(v.w, http.StatusOK, map[string]bool{"recorded": false})
		return nil
	}
	o.mu.Lock()
	p := vault.Played{Release: o.release, Lease: o.lease, Millis: millis, Length: int64(math.Round(said.Length * 1000)), Detail: "as the browser says, opening " + o.ID[:8]}
	o.mu.Unlock()
	if err := v.room.Vault.NotePlayed(v.r.Context(), v.caller, at, p); err != nil {
		return err
	}
	o.reports++
	o.played = millis
	answerJSON(v.w, http.StatusOK, map[string]bool{"recorded": true})
	return nil
}

// Voice is who speaks in a transcript, as it names them where there is no word for it.
func (p *page) Voice(speaker string) string {
	if key := "voice." + speaker; known(key) {
		return p.T(key)
	}
	return speaker
}

var playerWords = map[string]said{
	"shown.audio":  {"Recording", "Enregistrement"},
	"shown.video":  {"Screen recording", "Enregistrement d’écran"},
	"shown.image":  {"Image", "Image"},
	"shown.pdf":    {"Document", "Document"},
	"shown.office": {"Document", "Document"},
	"shown.mail":   {"Mail", "Courriel"},
	"shown.text":   {"Document", "Document"},
	"shown.none":   {"File", "Fichier"},

	"player.why":       {"say in a few words why you need it", "dites en quelques mots pourquoi vous en avez besoin"},
	"player.bare":      {"a recording plays on its own page only", "un enregistrement ne se lit que sur sa propre page"},
	"player.back":      {"Details and history", "Détails et historique"},
	"player.for":       {"Opened for", "Ouvert pour"},
	"player.until":     {"until %s", "jusqu’à %s"},
	"player.queue":     {"Queue", "File d’attente"},
	"player.who":       {"Agent", "Agent"},
	"player.customer":  {"Customer", "Client"},
	"player.agent":     {"Agent", "Agent"},
	"player.left":      {"Left", "Gauche"},
	"player.right":     {"Right", "Droite"},
	"player.recorded":  {"Recorded", "Enregistré"},
	"player.file":      {"File", "Fichier"},
	"player.stored":    {"Stored", "Stocké"},
	"player.size":      {"Size", "Taille"},
	"player.region":    {"Player", "Lecteur"},
	"player.play":      {"Play", "Lire"},
	"player.pause":     {"Pause", "Pause"},
	"player.rewind":    {"Back 10 seconds", "Reculer de 10 secondes"},
	"player.forward":   {"Forward 10 seconds", "Avancer de 10 secondes"},
	"player.position":  {"Position", "Position"},
	"player.of":        {"%s of %s", "%s sur %s"},
	"player.speed":     {"Speed", "Vitesse"},
	"player.mute":      {"Mute", "Couper"},
	"player.solo":      {"Only", "Seul"},
	"player.mute.of":   {"Mute %s", "Couper : %s"},
	"player.solo.of":   {"Hear only %s", "N’entendre que : %s"},
	"player.keys":      {"Keyboard shortcuts", "Raccourcis clavier"},
	"player.keys.list": {"Space or K plays and pauses · ← → 5 s · J L 10 s · , . speed · M which side is heard · Home End", "Espace ou K lit et met en pause · ← → 5 s · J L 10 s · , . vitesse · M côté entendu · Début Fin"},
	"player.keys.full": {"F full screen", "F plein écran"},
	"player.full":      {"Full screen", "Plein écran"},
	"player.keys.note": {"They rest while you type.", "Ils sont suspendus pendant la saisie."},
	"player.figures":   {"The waveform in figures", "La forme d’onde en chiffres"},
	"player.stretch":   {"From – to", "De – à"},
	"player.sounding":  {"%s speaks", "%s parle"},
	"player.nowave":    {"There is no waveform for this recording.", "Il n’y a pas de forme d’onde pour cet enregistrement."},
	"player.unplayed":  {"Your browser cannot play this recording.", "Votre navigateur ne peut pas lire cet enregistrement."},
	"player.lost":      {"Playing stopped: this opening has ended, or you may no longer open this recording.", "La lecture s’est arrêtée : cette ouverture a pris fin, ou l’enregistrement ne vous est plus accessible."},
	"player.both":      {"Both sides are heard", "Les deux côtés sont entendus"},
	"player.onlyheard": {"Only %s is heard", "Seul côté entendu : %s"},

	"player.transcript":        {"Transcript", "Transcription"},
	"player.transcript.lead":   {"What was said, in writing. Reading it is a record of its own.", "Ce qui a été dit, par écrit. Sa lecture fait l’objet d’une inscription distincte."},
	"player.transcript.show":   {"Read the transcript", "Lire la transcription"},
	"player.transcript.none":   {"there is no transcript", "il n’y a pas de transcription"},
	"player.transcript.absent": {"There is no transcript of this recording that you may read.", "Il n’y a pas de transcription de cet enregistrement que vous puissiez lire."},
	"player.transcript.bad":    {"The transcript is of a form that cannot be shown.", "La transcription est d’un format qui ne peut pas être affiché."},
	"player.search":            {"Search in the transcript", "Chercher dans la transcription"},
	"player.hits":              {"%s of %s", "%s sur %s"},
	"player.hits.none":         {"Not found", "Introuvable"},
	"player.follow":            {"Follow the recording", "Suivre l’enregistrement"},
	"voice.agent":              {"Agent", "Agent"},
	"voice.customer":           {"Customer", "Client"},
	"voice.assistant":          {"Assistant", "Assistant"},
	"voice.bot":                {"Bot", "Robot"},
	"voice.system":             {"System", "Système"},

	"part.sheet":        {"Sheet %s", "Feuille %s"},
	"part.slide":        {"Slide %s", "Diapositive %s"},
	"part.notes":        {"Notes %s", "Notes %s"},
	"part.comments":     {"Comments %s", "Commentaires %s"},
	"part.header":       {"Headers and footers %s", "En-têtes et pieds de page %s"},
	"player.text":       {"The text of the document. Pictures and layout are left out.", "Le texte du document, sans images ni mise en page."},
	"player.mail.html":  {"This mail is written in HTML; this is its text.", "Ce courriel est rédigé en HTML ; en voici le texte."},
	"player.mail.files": {"Attached", "Pièces jointes"},
	"letter.From":       {"From", "De"},
	"letter.To":         {"To", "À"},
	"letter.Cc":         {"Copy", "Copie"},
	"letter.Date":       {"Date", "Date"},
	"letter.Subject":    {"Subject", "Objet"},
	"player.sheet":      {"Page %s of %s", "Page %s sur %s"},
	"player.sheet.text": {"Text of page %s", "Texte de la page %s"},
	"player.cut":        {"It is longer than what is shown here.", "Le contenu est plus long que ce qui est affiché ici."},
	"player.unread":     {"This file is not what it seems to be, or beyond what is shown here.", "Ce fichier n’est pas ce qu’il paraît être, ou dépasse ce qui peut être affiché ici."},
	"player.none":       {"Files of this form cannot be shown here; they can only be downloaded.", "Les fichiers de ce format ne peuvent pas être affichés ici, seulement téléchargés."},
	"player.image":      {"The image", "L’image"},

	"player.download":          {"Download a copy", "Télécharger une copie"},
	"player.download.lead":     {"A copy that leaves this console is an act of its own, on record with its own purpose.", "Une copie qui quitte cette console est un acte distinct, inscrit avec son propre motif."},
	"player.download.approval": {"Somebody else has to approve it first.", "Une autre personne doit d’abord donner son accord."},
	"player.purpose":           {"Why do you need it?", "Pourquoi en avez-vous besoin ?"},
	"player.purpose.hint":      {"Your words stay on record with your name.", "Vos mots restent inscrits à votre nom."},
	"player.ticket":            {"Ticket, if there is one", "Ticket, s’il y en a un"},
	"player.get":               {"Download", "Télécharger"},

	"player.refused":               {"You may not open this", "Vous ne pouvez pas ouvrir ceci"},
	"player.refused.download":      {"You may not download this", "Vous ne pouvez pas télécharger ceci"},
	"player.refused.ask":           {"Ask for access", "Demander l’accès"},
	"player.refused.lead":          {"Somebody who answers for it decides, and you are told on the page Requests.", "Une personne responsable décidera ; la réponse figurera sur la page Demandes."},
	"player.refused.approved":      {"Somebody approved it for another purpose", "L’accord a été donné pour un autre motif"},
	"player.refused.approved.lead": {"An approval holds for the purpose that was asked for, and for no other.", "Un accord vaut pour le motif demandé, et pour aucun autre."},
	"player.refused.go":            {"Go on for “%s”", "Continuer pour « %s »"},
	"player.refused.flat":          {"No rule gives it to you, whoever approves. Somebody who manages policies can tell you more.", "Aucune règle ne vous l’accorde, quel que soit l’accord. Une personne qui gère les politiques peut vous en dire plus."},
	"player.refused.ticket":        {"A ticket is needed. Go back and name one.", "Un ticket est nécessaire. Revenez en arrière et indiquez-en un."},
	"player.refused.send":          {"Send the request", "Envoyer la demande"},

	"player.over":      {"This opening has ended", "Cette ouverture a pris fin"},
	"player.over.lead": {"What somebody opens stays open for half an hour, in the session that opened it. Say again why you need it, and it opens again.", "Ce que l’on ouvre le reste une demi-heure, dans la session qui l’a ouvert. Redites pourquoi vous en avez besoin pour l’ouvrir à nouveau."},
	"player.over.gone": {"There is nothing here any more.", "Il n’y a plus rien ici."},
	"player.open":      {"Open", "Ouvrir"},
}
