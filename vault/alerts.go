package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
)

const (
	// KindAlert is the record of reading, acknowledging and testing alerts, and of a change
	// to what the room says about alerting.
	KindAlert = "alert"
	// KindFinding is the record of something that a workload noticed outside the room.
	KindFinding = "finding"
)

// What records of alerts call the act.
const (
	ActReadAlerts      = "alert-read"
	ActAcknowledge     = "alert-ack" // the subject is the alert's id, the detail the note
	ActTestAlert       = "alert-test"
	ActAlertSettingPut = "alert-setting-put"
	ActAlertSettingEnd = "alert-setting-remove"
	actChannelOver     = "alert-channel-over" // its other side ended it
	actReport          = "finding-report"     // of a refusal
)

// RowPolicySet is what records call the row of a policy set; its id is the set's hash.
const RowPolicySet = rowPolicySet

// rowAlerting is a row of what the room says about alerting.
const rowAlerting = "alerting"

// AlertSetting is one thing that the room says about alerting: a channel, the rota, the
// conditions. What it says is package alert's; the vault keeps it, sealed and on record.
type AlertSetting struct {
	What string `json:"what"`
	Name string `json:"name"`
	Body []byte `json:"body"`
	// Retired is when it was taken away. It is kept for a day, so that whoever takes a
	// channel away does not thereby keep that channel from being told of it.
	Retired time.Time `json:"retired,omitzero"`
}

const (
	// alertSettings bounds how many there are, alertSettingBody the bytes of one.
	alertSettings, alertSettingBody = 1000, 512 << 10
	// AlertSettingRests is how long one that was taken away is kept, and its name not free.
	AlertSettingRests = 24 * time.Hour
)

func (r *Room) alertSettingRow(what, name string) string {
	return mac(r.tagKey, "alerting", what, name)
}

// AlertSettings are all there are, for the server itself; what of them is shown to people
// is asked for by ReadAlerts.
func (r *Room) AlertSettings(ctx context.Context) ([]AlertSetting, error) {
	var out []AlertSetting
	for row, err := range r.Book.Rows(ctx, rowAlerting, "") {
		if err != nil {
			return nil, unavailable("what the room says about alerting cannot be read", err)
		}
		s, err := decode[AlertSetting](row)
		if err != nil {
			return nil, unavailable("what the room says about alerting cannot be read", err)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b AlertSetting) int {
		return strings.Compare(a.What+"\x00"+a.Name, b.What+"\x00"+b.Name)
	})
	return out, nil
}

// ReadAlerts decides whether somebody may see alerts and what the room says about them,
// and puts on record that they did.
func (r *Room) ReadAlerts(ctx context.Context, c Caller, what string) error {
	a := r.decide(c, strongroom.ActionReadAlerts, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	p := a.personal()
	p.Detail = what
	if _, err := r.apply(ctx, KindAlert, r.evidence(ActReadAlerts, a), p, book.Change{}); err != nil {
		return unavailable("reading alerts could not be recorded, so nothing is shown", err)
	}
	return nil
}

// TestAlert decides whether somebody may have a test alert sent, and records it.
func (r *Room) TestAlert(ctx context.Context, c Caller, channels []string) error {
	a := r.decide(c, strongroom.ActionManageAlerts, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	return r.administer(ctx, a, KindAlert, ActTestAlert, strings.Join(channels, " "), book.Change{})
}

// AcknowledgeAlert puts on record that somebody takes on an alert about the principal of
// that pseudonym ("" for nobody), and answers the record's index. Whoever it is about is
// refused.
func (r *Room) AcknowledgeAlert(ctx context.Context, c Caller, alert strongroom.ID, about, note string) (int64, error) {
	a := r.decide(c, strongroom.ActionReadAlerts, strongroom.Resource{})
	if !a.decision.Permit {
		return 0, r.refuse(ctx, a)
	}
	if r.isAbout(about, a.question.Principal) {
		a.decision.Permit = false
		r.recordRefusal(ctx, a, "acknowledging alert "+alert.String()+", which is about themselves")
		return 0, &strongroom.Error{Kind: strongroom.KindDenied, Message: "this alert is about you, and nobody acknowledges an alert about themselves", Hint: "ask somebody else who may read alerts"}
	}
	if note != "" {
		if err := checkText("a note", note, 1024); err != nil {
			return 0, err
		}
	}
	p := a.personal()
	p.Subject, p.Detail = alert.String(), note
	receipt, err := r.apply(ctx, KindAlert, r.evidence(ActAcknowledge, a), p, book.Change{})
	if err != nil {
		return 0, unavailable("the acknowledgement could not be recorded, so it does not count", err)
	}
	return receipt.Records[0].Index, nil
}

// isAbout reports whether a pseudonym is that of an account of the same person.
func (r *Room) isAbout(actor string, who strongroom.Principal) bool {
	if actor == "" {
		return false
	}
	p, known := r.usageNames().Principal(actor)
	return actor == r.actor(who.ID) || known && samePerson(p, who)
}

// PutAlertSetting says something about alerting, in the place of what was said under this
// name; isNew asks that nothing was.
func (r *Room) PutAlertSetting(ctx context.Context, c Caller, s AlertSetting, isNew bool) error {
	return r.putAlertSetting(ctx, c, strongroom.ActionManageAlerts, s, isNew)
}

// PutOwnAlertSetting says something new about alerting that concerns its sayer alone, such
// as where their own device is: for those who may read alerts.
func (r *Room) PutOwnAlertSetting(ctx context.Context, c Caller, s AlertSetting) error {
	return r.putAlertSetting(ctx, c, strongroom.ActionReadAlerts, s, true)
}

func (r *Room) putAlertSetting(ctx context.Context, c Caller, action strongroom.Action, s AlertSetting, isNew bool) error {
	a := r.decide(c, action, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	if err := checkText("the name of a setting", s.What+" "+s.Name, 256); err != nil {
		return err
	}
	if len(s.Body) > alertSettingBody {
		return &strongroom.Error{Kind: strongroom.KindTooLarge, Message: fmt.Sprintf("a setting has at most %d bytes", alertSettingBody)}
	}
	s.Retired = time.Time{}
	return r.changeAlertSetting(ctx, s.What, s.Name, func(was *AlertSetting, there int) (*AlertSetting, error) {
		switch {
		case was == nil && there >= alertSettings:
			return nil, &strongroom.Error{Kind: strongroom.KindTooLarge, Message: fmt.Sprintf("the room has %d settings about alerting already", there)}
		case was != nil && !was.Retired.IsZero():
			return nil, &strongroom.Error{Kind: strongroom.KindConflict,
				Message: fmt.Sprintf("%s %s was taken away, and its name is free again at %s", s.What, s.Name, was.Retired.Add(AlertSettingRests).UTC().Format(time.RFC3339)),
				Hint:    "take another name"}
		case was != nil && isNew:
			return nil, &strongroom.Error{Kind: strongroom.KindConflict, Message: fmt.Sprintf("there is a %s %s already", s.What, s.Name), Hint: "take another name, or remove that one first"}
		}
		return &s, nil
	}, func(change book.Change) error {
		return r.administer(ctx, a, KindAlert, ActAlertSettingPut, s.What+" "+s.Name, change)
	})
}

// RemoveAlertSetting takes something away; it is kept for a day as retired.
func (r *Room) RemoveAlertSetting(ctx context.Context, c Caller, what, name string) error {
	a := r.decide(c, strongroom.ActionManageAlerts, strongroom.Resource{})
	if !a.decision.Permit {
		return r.refuse(ctx, a)
	}
	return r.retireAlertSetting(ctx, what, name, func(change book.Change) error {
		return r.administer(ctx, a, KindAlert, ActAlertSettingEnd, what+" "+name, change)
	})
}

// RemoveOwnAlertSetting takes away what somebody said with PutOwnAlertSetting. It is their
// own, which whoever calls this has seen to, so that nothing but the session is asked for.
func (r *Room) RemoveOwnAlertSetting(ctx context.Context, c Caller, what, name string) error {
	return r.retireAlertSetting(ctx, what, name, func(change book.Change) error {
		_, err := r.apply(ctx, KindAlert, Evidence{Action: ActAlertSettingEnd, Decision: strongroom.Permitted, Actor: r.actor(c.Principal.ID)},
			Personal{By: c.Principal.Name, Session: c.Session, RequestID: c.RequestID, Subject: what + " " + name, Detail: "their own"}, change)
		if _, ok := errors.AsType[*book.ConditionError](err); ok {
			return conflict(err)
		}
		return err
	})
}

// EndAlertSetting is RemoveAlertSetting by the server itself, for a channel that its other
// side has ended.
func (r *Room) EndAlertSetting(ctx context.Context, what, name, why string) error {
	return r.retireAlertSetting(ctx, what, name, func(change book.Change) error {
		_, err := r.apply(ctx, KindAlert, Evidence{Action: actChannelOver}, Personal{Subject: what + " " + name, Detail: why}, change)
		if _, ok := errors.AsType[*book.ConditionError](err); ok {
			return conflict(err)
		}
		return err
	})
}

func (r *Room) retireAlertSetting(ctx context.Context, what, name string, commit func(book.Change) error) error {
	return r.changeAlertSetting(ctx, what, name, func(was *AlertSetting, _ int) (*AlertSetting, error) {
		if was == nil || !was.Retired.IsZero() {
			return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no %s %q", what, shorten(name)), Hint: "see `strongroom alert channel ls`"}
		}
		is := *was
		is.Retired = r.Clock().UTC()
		return &is, nil
	}, commit)
}

// changeAlertSetting changes one as the database has it, and forgets those that were taken
// away long enough ago.
func (r *Room) changeAlertSetting(ctx context.Context, what, name string, become func(was *AlertSetting, there int) (*AlertSetting, error), commit func(book.Change) error) error {
	id := r.alertSettingRow(what, name)
	for range 16 {
		var change book.Change
		var was *AlertSetting
		there := 0
		require := book.Condition{Form: book.Absent, Kind: rowAlerting, ID: id}
		for row, err := range r.Book.Rows(ctx, rowAlerting, "") {
			if err != nil {
				return unavailable("what the room says about alerting cannot be read", err)
			}
			s, err := decode[AlertSetting](row)
			if err != nil {
				return unavailable("what the room says about alerting cannot be read", err)
			}
			over := !s.Retired.IsZero() && r.Clock().Sub(s.Retired) >= AlertSettingRests
			switch unchanged := (book.Condition{Form: book.Unchanged, Kind: rowAlerting, ID: row.ID, Salt: row.Salt}); {
			case row.ID == id:
				require = unchanged
				if !over {
					was = &s
				}
			case over:
				change.Require = append(change.Require, unchanged)
				change.Drop = append(change.Drop, book.RowKey{Kind: rowAlerting, ID: row.ID})
			}
			there++
		}
		is, err := become(was, there)
		if err != nil {
			return err
		}
		row, err := row(rowAlerting, id, is)
		if err != nil {
			return unavailable("the setting's row could not be made", err)
		}
		change.Require = append(change.Require, require)
		change.Put = []book.Row{row}
		if err := commit(change); strongroom.KindOf(err) != strongroom.KindConflict {
			return err
		}
	}
	return conflict(errors.New("what the room says about alerting changed with every attempt"))
}

// Report puts on record what a workload noticed outside the room, such as something that
// lies in a landing place too long. Kind is one word of what it is; the detail may name
// things, and is erasable. It is recorded at the rate of refusals, so that it cannot fill the
// ledger.
func (r *Room) Report(ctx context.Context, c Caller, kind, detail string) error {
	p, known := r.principal(c.Principal.ID)
	if !known || p.Suspended || p.Kind != strongroom.Workload {
		if known && r.noise.allow(p.ID, r.Clock().Unix()) {
			_, err := r.apply(ctx, KindRefusal, Evidence{Action: actReport, Decision: strongroom.Refused, Actor: r.actor(p.ID)},
				Personal{By: p.Name, Detail: "a finding reported by " + p.Name, Session: c.Session, RequestID: c.RequestID}, book.Change{})
			if err != nil {
				r.Log.Error("a refusal was not recorded", "room", r.ID, "error", err)
			}
		} else {
			r.Noise(actReport + " refused beyond the recorded rate to " + r.actor(c.Principal.ID))
		}
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: "only a workload of this room reports findings"}
	}
	if err := checkText("the kind of a finding", kind, 64); err != nil {
		return err
	}
	if err := checkText("what was found", detail, 1024); err != nil {
		return err
	}
	if !r.noise.allow(p.ID, r.Clock().Unix()) {
		r.Noise("finding beyond the recorded rate by " + r.actor(p.ID))
		return nil
	}
	_, err := r.apply(ctx, KindFinding, Evidence{Action: kind, Actor: r.actor(p.ID)},
		Personal{By: p.Name, Subject: p.Name, Detail: detail, Session: c.Session, RequestID: c.RequestID}, book.Change{})
	if err != nil {
		return unavailable("the finding could not be recorded", err)
	}
	return nil
}
