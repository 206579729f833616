package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"strongroom"
	"strongroom/vault"
)

// ByID is an operation on one thing of the room's.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

func (b ByID) id() (strongroom.ID, error) {
	id, err := strongroom.ParseID(b.ID)
	if err != nil {
		return id, invalid(err.Error())
	}
	return id, nil
}

// byTime is a key that no two things with an id share, and whose order is that of time.
func byTime(t time.Time, id strongroom.ID) string {
	return fmt.Sprintf("%020d %s", t.UnixNano(), id)
}

// accessRequest is a request and where it stands.
type accessRequest struct {
	vault.Request
	Status string `json:"status" enum:"waiting,approved,refused,withdrawn,expired,over"`
}

func requested(s session, q vault.Request, err error) (*answer[accessRequest], error) {
	return answering(accessRequest{q, q.Status(s.room.Vault.Clock())}, err)
}

// review is an opening of the glass and what was done behind it.
type review struct {
	vault.Behind
	Overdue bool `json:"overdue" doc:"Nobody has reviewed it for too long."`
}

func (d *service) requests() {
	handle(d, operation{method: "POST", path: "/requests", summary: "Ask others to approve what policy permits only with their approval", section: "limit", status: http.StatusCreated},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Action  strongroom.Action `json:"action,omitempty" maxLength:"64" doc:"readObject where left out."`
				Bucket  string            `json:"bucket" minLength:"1" maxLength:"63"`
				Objects []struct {
					Key     string `json:"key" minLength:"1" maxLength:"1024"`
					Version string `json:"version,omitempty" maxLength:"64" doc:"The current one where left out; either is pinned."`
				} `json:"objects" minItems:"1" maxItems:"50"`
				To      *vault.NewLabel    `json:"to,omitempty" doc:"Of loosenLabel, and required there: what the labels are to become. They approve that and no other."`
				Purpose strongroom.Purpose `json:"purpose" doc:"Why; those who approve see it."`
				Until   time.Time          `json:"until,omitzero" required:"false" doc:"When it is no longer needed; as long as the room allows where left out."`
			}
		}) (*answer[accessRequest], error) {
			req := vault.AccessRequest{Action: in.Body.Action, Bucket: in.Body.Bucket, To: in.Body.To, Purpose: in.Body.Purpose, Until: in.Body.Until}
			for _, o := range in.Body.Objects {
				req.Objects = append(req.Objects, vault.ObjectName{Key: o.Key, Version: o.Version})
			}
			q, err := s.room.Vault.RequestAccess(ctx, s.caller, req)
			return requested(s, q, err)
		})
	handle(d, operation{method: "GET", path: "/requests", summary: "Requests, in order of time: those that wait for you, yours, or all", section: "limit"},
		func(ctx context.Context, s session, in *struct {
			Paging
			Which string `query:"which" enum:"waiting,mine,all" default:"waiting" doc:"All are for those who may review access."`
			Ended bool   `query:"ended" doc:"Those that ended within the last week too."`
		}) (*answer[Page[accessRequest]], error) {
			all, err := s.room.Vault.Requests(ctx, s.caller, in.Which, in.Ended)
			if err != nil {
				return nil, err
			}
			shown := make([]accessRequest, 0, len(all))
			for _, q := range all {
				shown = append(shown, accessRequest{q, q.Status(s.room.Vault.Clock())})
			}
			return answering(paged(shown, in.Paging, func(q accessRequest) string { return byTime(q.Asked, q.ID) }))
		})
	handle(d, operation{method: "GET", path: "/requests/{id}", summary: "One request, for its asker, who may answer it and who may review access", section: "limit"},
		func(ctx context.Context, s session, in *ByID) (*answer[accessRequest], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			q, err := s.room.Vault.Request(ctx, s.caller, id)
			return requested(s, q, err)
		})
	handle(d, operation{method: "POST", path: "/requests/{id}/approve", summary: "Approve somebody else's request", section: "limit"},
		func(ctx context.Context, s session, in *struct {
			ByID
			Body struct {
				Comment string `json:"comment,omitempty" maxLength:"1024" doc:"Anything to say, for the record."`
				Hold    int    `json:"hold_seconds,omitempty" minimum:"0" maximum:"86400" doc:"How long the approval holds; as long as the room allows where 0 or left out."`
			}
		}) (*answer[accessRequest], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			q, err := s.room.Vault.Approve(ctx, s.caller, id, in.Body.Comment, time.Duration(in.Body.Hold)*time.Second)
			return requested(s, q, err)
		})
	handle(d, operation{method: "POST", path: "/requests/{id}/refuse", summary: "Refuse somebody else's request, or end what was approved", section: "limit"},
		func(ctx context.Context, s session, in *struct {
			ByID
			Body struct {
				Reason string `json:"reason" minLength:"1" maxLength:"1024" doc:"Why; the asker sees it."`
			}
		}) (*answer[accessRequest], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			q, err := s.room.Vault.RefuseRequest(ctx, s.caller, id, in.Body.Reason)
			return requested(s, q, err)
		})
	handle(d, operation{method: "POST", path: "/requests/{id}/withdraw", summary: "Withdraw a request of yours, and with it the approvals", section: "limit"},
		func(ctx context.Context, s session, in *ByID) (*answer[accessRequest], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			q, err := s.room.Vault.WithdrawRequest(ctx, s.caller, id)
			return requested(s, q, err)
		})
	handle(d, operation{method: "GET", path: "/limit/bounds", summary: "How long requests wait for answers, and approvals hold", section: "limit"},
		func(_ context.Context, s session, _ *none) (*answer[vault.RequestBounds], error) {
			return answering(s.room.Vault.RequestBounds(), nil) // everybody who asks meets them
		})
	handle(d, operation{method: "PUT", path: "/limit/bounds", summary: "Set how long requests made from now on wait, and approvals of them hold", section: "limit"},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Answer int64 `json:"answer_seconds" minimum:"60" maximum:"604800"`
				Hold   int64 `json:"hold_seconds" minimum:"60" maximum:"86400"`
			}
		}) (*answer[vault.RequestBounds], error) {
			b := vault.RequestBounds{Answer: in.Body.Answer, Hold: in.Body.Hold}
			return answering(b, s.room.Vault.SetRequestBounds(ctx, s.caller, b))
		})
}

func (d *service) emergencies() {
	handle(d, operation{method: "POST", path: "/break-glass", summary: "Open a time in which what policy keeps for emergencies is permitted; it alerts, and somebody reviews it", section: "limit", status: http.StatusCreated},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Reason  string `json:"reason" minLength:"1" maxLength:"1024" doc:"Why; it is the purpose of what you do behind it."`
				Ticket  string `json:"ticket,omitempty" maxLength:"128"`
				Seconds int    `json:"seconds,omitempty" minimum:"60" maximum:"14400" default:"3600" doc:"How long."`
			}
		}) (*answer[vault.Opening], error) {
			return answering(s.room.Vault.BreakGlass(ctx, s.caller, strongroom.Purpose{Text: in.Body.Reason, Ticket: in.Body.Ticket}, time.Duration(in.Body.Seconds)*time.Second))
		})
	handle(d, operation{method: "POST", path: "/break-glass/end", summary: "End your own opening before its time", section: "limit"},
		func(ctx context.Context, s session, _ *none) (*answer[vault.Opening], error) {
			return answering(s.room.Vault.MendGlass(ctx, s.caller))
		})
	handle(d, operation{method: "GET", path: "/reviews", summary: "Openings of the glass with sums of what was done behind them, in order of time", section: "limit"},
		func(ctx context.Context, s session, in *struct {
			Paging
			All bool `query:"all" doc:"Those that were reviewed too."`
		}) (*answer[Page[review]], error) {
			all, err := s.room.Vault.Reviews(ctx, s.caller, in.All)
			if err != nil {
				return nil, err
			}
			shown := make([]review, 0, len(all))
			for _, b := range all {
				shown = append(shown, review{b, b.Overdue(s.room.Vault.Clock())})
			}
			key := func(r review) string { return byTime(r.Opened, r.ID) }
			sortBy(shown, key) // not the overdue first, as the vault has it: what becomes overdue would move between pages
			return answering(paged(shown, in.Paging, key))
		})
	handle(d, operation{method: "GET", path: "/reviews/{id}", summary: "One opening and each act behind it", section: "limit"},
		func(ctx context.Context, s session, in *ByID) (*answer[review], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			b, err := s.room.Vault.ReviewOf(ctx, s.caller, id)
			return answering(review{b, b.Overdue(s.room.Vault.Clock())}, err)
		})
	handle(d, operation{method: "POST", path: "/reviews/{id}/done", summary: "End the review of somebody else's opening with what was found", section: "limit"},
		func(ctx context.Context, s session, in *struct {
			ByID
			Body struct {
				Finding string `json:"finding" minLength:"1" maxLength:"2048"`
			}
		}) (*answer[review], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			b, err := s.room.Vault.FinishReview(ctx, s.caller, id, in.Body.Finding)
			return answering(review{b, false}, err)
		})
}

// listed answers a list of anything in pages, in the order of a key.
func listed[T any](all []T, p Paging, key func(T) string) (Page[T], error) {
	all = slices.Clone(all)
	sortBy(all, key)
	return paged(all, p, key)
}
