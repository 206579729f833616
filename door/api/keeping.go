package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"strongroom/vault"
)

// holds is one page of what is under hold.
type holds struct {
	Lock vault.Held `json:"legal_hold" doc:"Versions under object lock's legal hold."`
	All  vault.Held `json:"all" doc:"Under either; a version counts once."`
	Page[vault.HoldReport]
}

// rules are the retention rules and where they contradict each other.
type rules struct {
	Conflicts []vault.Conflict `json:"conflicts,omitempty" doc:"Maximums that a minimum sets aside wherever both apply."`
	Page[vault.RetentionRule]
}

// calendar is one page of what becomes of everything that is stored.
type calendar struct {
	At       time.Time `json:"at"`
	Versions int64     `json:"versions" doc:"Of all pages."`
	Bytes    int64     `json:"bytes"`
	Overdue  int64     `json:"overdue" doc:"Versions that the next run deletes."`
	SetAside int64     `json:"set_aside" doc:"Versions whose maximum is shorter than a minimum."`
	Page[vault.CalendarSum]
}

func period(name, text string) (vault.Period, error) {
	if text == "" {
		return vault.Period{}, nil
	}
	p, err := vault.ParsePeriod(text)
	if err != nil {
		return p, invalid(name + ": " + err.Error())
	}
	return p, nil
}

func (d *service) keeping() {
	handle(d, operation{method: "GET", path: "/holds", summary: "The holds and what each keeps, in order of placing", section: "keep"},
		func(ctx context.Context, s session, in *struct {
			Paging
			Lifted bool `query:"lifted" doc:"Those that were lifted too."`
		}) (*answer[holds], error) {
			all, err := s.room.Vault.Holds(ctx, s.caller, vault.HoldsRequest{Lifted: in.Lifted})
			if err != nil {
				return nil, err
			}
			page, err := listed(all.Holds, in.Paging, func(h vault.HoldReport) string { return byTime(h.Placed, h.ID) })
			return answering(holds{all.Lock, all.All, page}, err)
		})
	handle(d, operation{method: "POST", path: "/holds", summary: "Keep an object, or whatever belongs to a conversation, customer or case, from being deleted", section: "keep", status: http.StatusCreated},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Bucket    string `json:"bucket,omitempty" maxLength:"63"`
				Key       string `json:"key,omitempty" maxLength:"1024" doc:"Every version of it, what is stored later included."`
				Version   string `json:"version,omitempty" maxLength:"64" doc:"Only this version of the key."`
				Attribute string `json:"attribute,omitempty" enum:"conversation,customer,case" doc:"In the place of a key."`
				Value     string `json:"value,omitempty" maxLength:"1024"`
				Matter    string `json:"matter" minLength:"1" maxLength:"128" doc:"What it is for: the reference of the court or the legal department."`
				Reason    string `json:"reason" minLength:"1" maxLength:"1024"`
				TwoPeople bool   `json:"two_people,omitempty" doc:"Lifting it takes two different people."`
			}
		}) (*answer[vault.Hold], error) {
			b := in.Body
			return answering(s.room.Vault.PlaceHold(ctx, s.caller, vault.Hold{
				Bucket: b.Bucket, Key: b.Key, Version: b.Version, Attribute: b.Attribute, Value: b.Value, Matter: b.Matter, Reason: b.Reason, TwoPeople: b.TwoPeople,
			}))
		})
	handle(d, operation{method: "POST", path: "/holds/{id}/lift", summary: "Lift a hold; where that takes two people the first one's call waits a week for the second's", section: "keep"},
		func(ctx context.Context, s session, in *struct {
			ByID
			Body struct {
				Reason string `json:"reason" minLength:"1" maxLength:"1024"`
			}
		}) (*answer[vault.Hold], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			return answering(s.room.Vault.LiftHold(ctx, s.caller, id, in.Body.Reason))
		})

	handle(d, operation{method: "GET", path: "/retention", summary: "The retention rules, in order of name", section: "keep"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[rules], error) {
			all, conflicts, err := s.room.Vault.Retention(ctx, s.caller)
			if err != nil {
				return nil, err
			}
			page, err := listed(all, in.Paging, func(r vault.RetentionRule) string { return r.Name })
			return answering(rules{conflicts, page}, err)
		})
	handle(d, operation{method: "PUT", path: "/retention/{name}", summary: "Write a retention rule, new or in the place of the one with its name", section: "keep"},
		func(ctx context.Context, s session, in *struct {
			Named
			Body struct {
				Bucket  string `json:"bucket,omitempty" maxLength:"63" doc:"Every bucket where left out."`
				Class   string `json:"class,omitempty" maxLength:"64" doc:"A data class, confidential or non-confidential; everything where left out."`
				Minimum string `json:"minimum,omitempty" maxLength:"32" doc:"Such as 7y, 18m, 90d."`
				Maximum string `json:"maximum,omitempty" maxLength:"32"`
				Basis   string `json:"basis" minLength:"1" maxLength:"1024" doc:"Why: the law, contract or decision."`
				Reason  string `json:"reason,omitempty" maxLength:"1024" doc:"Needed where more may be destroyed than before."`
			}
		}) (*answer[vault.RetentionRule], error) {
			rule := vault.RetentionRule{Name: in.Name, Bucket: in.Body.Bucket, Class: in.Body.Class, Basis: in.Body.Basis}
			var err error
			if rule.Minimum, err = period("minimum", in.Body.Minimum); err != nil {
				return nil, err
			}
			if rule.Maximum, err = period("maximum", in.Body.Maximum); err != nil {
				return nil, err
			}
			return answering(s.room.Vault.PutRetention(ctx, s.caller, rule, in.Body.Reason))
		})
	handle(d, operation{method: "DELETE", path: "/retention/{name}", summary: "Take a retention rule away", section: "keep", status: http.StatusNoContent},
		func(ctx context.Context, s session, in *struct {
			Named
			Reason string `query:"reason" maxLength:"1024" doc:"Needed where more may be destroyed than before."`
		}) (*none, error) {
			return &none{}, s.room.Vault.DropRetention(ctx, s.caller, in.Name, in.Reason)
		})
	handle(d, operation{method: "GET", path: "/calendar", summary: "When what is stored will be deleted for good, in sums by month or day, bucket, label and cause, in that order", section: "keep"},
		func(ctx context.Context, s session, in *struct {
			Paging
			Bucket string    `query:"bucket" maxLength:"63"`
			From   time.Time `query:"from"`
			To     time.Time `query:"to"`
			ByDay  bool      `query:"by_day"`
		}) (*answer[calendar], error) {
			c, err := s.room.Vault.Calendar(ctx, s.caller, vault.CalendarRequest{Bucket: in.Bucket, From: in.From, To: in.To, ByDay: in.ByDay})
			if err != nil {
				return nil, err
			}
			page, err := listed(c.Sums, in.Paging, func(x vault.CalendarSum) string {
				return strings.Join([]string{x.When, x.Bucket, x.Label, x.By, x.Rule, x.Kept, x.Why}, "\x00")
			})
			return answering(calendar{c.At, c.Versions, c.Bytes, c.Overdue, c.SetAside, page}, err)
		})
	handle(d, operation{method: "GET", path: "/lifecycle", summary: "The lifecycle rules of buckets, in order of bucket", section: "keep"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[Page[vault.BucketLifecycle]], error) {
			all, err := s.room.Vault.LifecycleRules(ctx, s.caller)
			if err != nil {
				return nil, err
			}
			return answering(listed(all, in.Paging, func(b vault.BucketLifecycle) string { return b.Bucket }))
		})
	handle(d, operation{method: "GET", path: "/lifecycle/due", summary: "What the next run of lifecycle and retention rules deletes, and what keeps what is due; nothing is deleted by asking", section: "keep"},
		func(ctx context.Context, s session, in *struct {
			Bucket string    `query:"bucket" maxLength:"63"`
			At     time.Time `query:"at" doc:"As if it were then; now where left out."`
		}) (*answer[vault.LifecycleReport], error) {
			by := s.caller
			return answering(s.room.Vault.RunLifecycle(ctx, vault.LifecycleRequest{By: &by, Bucket: in.Bucket, Dry: true, At: in.At}))
		})
}
