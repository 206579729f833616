package console

import (
	"net/http"
	"strconv"
	"time"

	"strongroom"
	"strongroom/vault"
)

// recordingData is one version, as its page shows it: nothing of its content.
type recordingData struct {
	vault.Described
	ID      strongroom.ID
	Sort    string
	At      time.Time
	Seconds float64
	Why     string // what opening it needs, in a sentence; "" where nothing but a purpose
	Ask     bool   // others may permit it
	Ticket  bool   // a ticket is needed
	History history
	MayRead bool // the ledger
	Acts    []string
}

// Attribute is what was declared under a name.
func (d *recordingData) Attribute(name string) string { return d.Object.Attribute(name) }

func (v *visit) recording() error {
	id, err := v.id()
	if err != nil {
		return errNowhere(v)
	}
	before := int64(0)
	if text := v.r.URL.Query().Get("before"); text != "" {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil || before <= 0 {
			return errNowhere(v)
		}
	}
	d := recordingData{ID: id, Acts: historyActs}
	if d.Described, err = v.room.Vault.Describe(v.r.Context(), v.caller, id); err != nil {
		return v.notShown(id, strongroom.ActionReadMetadata, err)
	}
	d.Sort, d.At = d.Described.Sort(), d.Described.TookPlace()
	d.Seconds = d.Described.Duration().Seconds()
	switch d.Opens {
	case vault.OpensFreely, vault.OpensForPurpose:
		d.Ticket = d.NeedsTicket()
	default:
		d.Why, d.Ask = refusalMissing(v.page.Lang, d.Missing), d.Opens == vault.OpensWithApproval
		if d.Opens == vault.OpensNot {
			d.Why = v.page.T("refusal.policy")
		}
	}
	if d.History, err = v.history(id, before); err != nil {
		return err
	}
	d.MayRead = v.room.Scan != nil && v.room.Vault.Offers(v.caller, strongroom.ActionReadLedger)
	v.page.Title = "recording.title"
	return v.show("recording", "recordings", &d)
}

// notShownData is a refusal to show what something is.
type notShownData struct {
	ID     strongroom.ID
	Action strongroom.Action
	Ask    bool
}

// notShown says in one sentence why somebody may not, and lets them ask where that may help.
func (v *visit) notShown(id strongroom.ID, action strongroom.Action, err error) error {
	e, ok := asError(err)
	if !ok || e.Kind != strongroom.KindDenied {
		return err
	}
	v.page.Title, v.page.Section, v.page.Path = "recording.title", "recordings", v.r.URL.EscapedPath()
	_, v.page.Trouble = troubleOf(v.page.Lang, err)
	v.page.Data = notShownData{ID: id, Action: action, Ask: canAsk(e.Missing)}
	v.c.render(v.w, http.StatusForbidden, "notshown", v.page)
	return nil
}
