package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/vault"
)

// askingCommands are the commands of what is asked for beyond what policy gives: by
// approval, or behind broken glass.
type askingCommands struct {
	Request    limitRequest   `cmd:"" help:"Ask others to approve what policy permits only with their approval."`
	Requests   requestsCmd    `cmd:"" help:"Requests: list, show, withdraw; how long they wait and hold."`
	Approve    limitApprove   `cmd:"" help:"Approve somebody else's request."`
	Refuse     limitRefuse    `cmd:"" help:"Refuse somebody else's request, or end what was approved."`
	BreakGlass limitGlass     `cmd:"" help:"Open a time in which what policy keeps for emergencies is permitted."`
	Reviews    reviewsCommand `cmd:"" help:"Review what was done behind broken glass."`
	Tickets    ticketsCommand `cmd:"" help:"The ticket system that is asked whether a ticket is good."`
}

type limitRequest struct {
	roomFlags
	Objects         []string      `arg:"" help:"Objects, as BUCKET/KEY; up to 50 of one bucket."`
	Version         string        `help:"This version of the one object, not the current one." placeholder:"ID"`
	Action          string        `default:"readObject" help:"What you would do."`
	NonConfidential bool          `help:"Of loosenLabel: they are not to be confidential any more."`
	Class           []string      `help:"Of loosenLabel: class that stays; together they take the place of those there are. May be repeated." placeholder:"CLASS"`
	Purpose         string        `required:"" help:"Why; those who approve see it." placeholder:"TEXT"`
	Ticket          string        `help:"The ticket it belongs to." placeholder:"TICKET"`
	For             time.Duration `help:"How long it is needed from now on, such as 2h; as long as the room allows where left out." placeholder:"DURATION"`
	JSON            bool          `help:"Print JSON."`
}

func (limitRequest) Help() string {
	return `Each object's version is pinned: what is stored under the key afterwards is another object, which nobody approved.
Once enough others approved, do what you asked for; where you do not say why, the purpose of the request counts, and another purpose is
another request. Done in the name of the access key in the environment.

Examples:
  strongroom limit request recordings/2026/call-7.wav --purpose "complaint of 3 March" --ticket CASE-118
  strongroom limit request recordings/a.wav recordings/b.wav --purpose "complaint of 3 March" --for 2h
  strongroom limit request docs/flyer.txt --action loosenLabel --non-confidential --purpose "published last year"`
}

func (c limitRequest) Run(ctx context.Context, out output) error {
	req := vault.AccessRequest{Action: strongroom.Action(c.Action), Purpose: strongroom.Purpose{Text: c.Purpose, Ticket: c.Ticket}}
	if c.Version != "" && len(c.Objects) != 1 {
		return invalid("--version is of one object, and %d are named", len(c.Objects))
	}
	for _, o := range c.Objects {
		bucket, key, ok := strings.Cut(o, "/")
		if !ok || bucket == "" || key == "" {
			return invalid("%q is not BUCKET/KEY", o)
		}
		if req.Bucket != "" && req.Bucket != bucket {
			return invalid("a request is for objects of one bucket; make another for those of %s", bucket)
		}
		req.Bucket = bucket
		req.Objects = append(req.Objects, vault.ObjectName{Key: key, Version: c.Version})
	}
	if c.NonConfidential || len(c.Class) > 0 {
		req.To = &vault.NewLabel{Classes: c.Class}
		if c.NonConfidential {
			req.To.Confidential = new(bool)
		}
	}
	if c.For < 0 {
		return invalid("--for is a time from now on")
	} else if c.For > 0 {
		req.Until = time.Now().Add(c.For)
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		q, err := h.Room.RequestAccess(ctx, who, req)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(q)
		}
		out.printf("request %s waits until %s for %s by others\n", q.ID, stamp(q.AnswerBy), count(q.Quorum, "approval"))
		return nil
	})
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func requestID(text string) (strongroom.ID, error) {
	id, err := strongroom.ParseID(text)
	if err != nil {
		return id, invalid("%q is no id: %v", text, err)
	}
	return id, nil
}

type limitApprove struct {
	roomFlags
	ID      string        `arg:"" help:"Id of the request."`
	For     time.Duration `help:"How long the approval holds, such as 1h; as long as the room allows where left out." placeholder:"DURATION"`
	Comment string        `help:"Anything to say, for the record." placeholder:"TEXT"`
}

func (limitApprove) Help() string {
	return `Policy decides about each of the objects whether you may (approveRequest). Look at the request first:
  strongroom limit requests show ID`
}

func (c limitApprove) Run(ctx context.Context, out output) error {
	id, err := requestID(c.ID)
	if err != nil {
		return err
	}
	if c.For < 0 {
		return invalid("--for is a time from now on")
	}
	return c.actingFor(ctx, c.Comment, func(h *house.House, who vault.Caller) error {
		q, err := h.Room.Approve(ctx, who, id, c.Comment, c.For)
		if err != nil {
			return err
		}
		a := q.Approvals[len(q.Approvals)-1]
		out.printf("approved for %s until %s: %s\n", q.AskerName, stamp(a.Ends), standing(q))
		return nil
	})
}

// standing says where a request stands.
func standing(q vault.Request) string {
	status := q.Status(time.Now())
	if status == vault.RequestWaiting && q.Quorum > 1 {
		return fmt.Sprintf("%s, with %d of %s", status, len(q.Approvals), count(q.Quorum, "approval"))
	}
	return status
}

type limitRefuse struct {
	roomFlags
	ID     string `arg:"" help:"Id of the request."`
	Reason string `required:"" help:"Why; the asker sees it." placeholder:"TEXT"`
}

func (c limitRefuse) Run(ctx context.Context, out output) error {
	id, err := requestID(c.ID)
	if err != nil {
		return err
	}
	return c.actingFor(ctx, c.Reason, func(h *house.House, who vault.Caller) error {
		q, err := h.Room.RefuseRequest(ctx, who, id, c.Reason)
		if err != nil {
			return err
		}
		out.printf("the request of %s is refused\n", q.AskerName)
		return nil
	})
}

type requestsCmd struct {
	Ls       requestsLs       `cmd:"" default:"withargs" help:"List requests: those that wait for you, yours, or all."`
	Show     requestsShow     `cmd:"" help:"Show a request."`
	Withdraw requestsWithdraw `cmd:"" help:"Withdraw a request of yours, and with it the approvals."`
	Bounds   requestsBounds   `cmd:"" help:"How long requests wait for answers, and approvals hold: show, or set for those made from now on."`
}

type requestsLs struct {
	roomFlags
	Mine  bool `help:"Yours." xor:"which"`
	All   bool `help:"Everybody's, for those who may review access." xor:"which"`
	Ended bool `help:"Those that ended within the last week too."`
	JSON  bool `help:"Print JSON."`
}

func (c requestsLs) Run(ctx context.Context, out output) error {
	which := vault.RequestsWaiting
	if c.Mine {
		which = vault.RequestsMine
	} else if c.All {
		which = vault.RequestsAll
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		all, err := h.Room.Requests(ctx, who, which, c.Ended)
		if err != nil {
			return err
		}
		if c.JSON {
			if all == nil {
				all = []vault.Request{}
			}
			return out.json(all)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "REQUEST\tSTATUS\tBY\tACTION\tOBJECTS\tANSWER BY\tPURPOSE")
		for _, q := range all {
			what := q.Bucket + "/" + q.Objects[0].Key
			if len(q.Objects) > 1 {
				what += fmt.Sprintf(" and %d more", len(q.Objects)-1)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", q.ID, standing(q), q.AskerName, q.Action, plain(what), stamp(q.AnswerBy), plain(q.Purpose.Text))
		}
		return w.Flush()
	})
}

// plain keeps what somebody wrote from breaking a table or the terminal it is shown on.
func plain(s string) string {
	q := fmt.Sprintf("%q", s)
	if q[1:len(q)-1] == s {
		return s
	}
	return q
}

type requestsShow struct {
	roomFlags
	ID   string `arg:"" help:"Id of the request."`
	JSON bool   `help:"Print JSON."`
}

func (c requestsShow) Run(ctx context.Context, out output) error {
	id, err := requestID(c.ID)
	if err != nil {
		return err
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		q, err := h.Room.Request(ctx, who, id)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(q)
		}
		out.printf("request  %s, %s\nby       %s, at %s\nto       %s\npurpose  %s\n", q.ID, standing(q), q.AskerName, stamp(q.Asked), q.Action, plain(q.Purpose.Text))
		if q.To != nil {
			out.printf("becomes  %s\n", becoming(q.To))
		}
		if q.Purpose.Ticket != "" {
			out.printf("ticket   %s\n", plain(q.Purpose.Ticket))
		}
		out.printf("answer   by %s; nothing holds beyond %s\nneeds    %s by others\n", stamp(q.AnswerBy), stamp(q.Until), count(q.Quorum, "approval"))
		for _, o := range q.Objects {
			how := "the current version then"
			if o.ByVersion {
				how = "by version"
			}
			out.printf("object   %s, version %s (%s)\n", plain(q.Bucket+"/"+o.Key), o.Version, how)
		}
		for _, a := range q.Approvals {
			out.printf("approved by %s at %s, until %s", a.Name, stamp(a.At), stamp(a.Ends))
			if a.Comment != "" {
				out.printf(": %s", plain(a.Comment))
			}
			out.printf("\n")
		}
		if e := q.Ended; e != nil {
			out.printf("ended    %s at %s", e.How, stamp(e.At))
			if e.Name != "" {
				out.printf(" by %s", e.Name)
			}
			if e.Reason != "" {
				out.printf(": %s", plain(e.Reason))
			}
			out.printf("\n")
		}
		return nil
	})
}

type requestsWithdraw struct {
	roomFlags
	ID string `arg:"" help:"Id of the request."`
}

func (c requestsWithdraw) Run(ctx context.Context, out output) error {
	id, err := requestID(c.ID)
	if err != nil {
		return err
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		if _, err := h.Room.WithdrawRequest(ctx, who, id); err != nil {
			return err
		}
		out.printf("request %s is withdrawn\n", id)
		return nil
	})
}

type requestsBounds struct {
	roomFlags
	Answer time.Duration `help:"How long a request waits for answers, a minute to 168h." placeholder:"DURATION"`
	Hold   time.Duration `help:"How long an approval holds at most, a minute to 24h." placeholder:"DURATION"`
}

func (c requestsBounds) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		b := h.Room.RequestBounds()
		if c.Answer != 0 || c.Hold != 0 {
			if c.Answer != 0 {
				b.Answer = int64(c.Answer / time.Second)
			}
			if c.Hold != 0 {
				b.Hold = int64(c.Hold / time.Second)
			}
			if err := h.Room.SetRequestBounds(ctx, who, b); err != nil {
				return err
			}
		}
		out.printf("a request waits %s for answers, and an approval holds %s at most\n", time.Duration(b.Answer)*time.Second, time.Duration(b.Hold)*time.Second)
		return nil
	})
}

type limitGlass struct {
	roomFlags
	Reason string        `help:"Why; it is the purpose of what you do behind it, and somebody reviews it." placeholder:"TEXT"`
	Ticket string        `help:"The ticket it belongs to." placeholder:"TICKET"`
	For    time.Duration `default:"1h" help:"How long, up to 4h." placeholder:"DURATION"`
	End    bool          `help:"End your own opening before its time."`
	JSON   bool          `help:"Print JSON."`
}

func (limitGlass) Help() string {
	return `For an emergency that cannot wait for an approval. It is on record at once and security personnel are told; everything you do
meanwhile names this opening, and somebody else reviews all of it. Once three of yours wait for review you cannot break it again.

Examples:
  strongroom limit break-glass --reason "threat to life, police on the line" --ticket INC-9 --for 30m
  strongroom limit break-glass --end`
}

func (c limitGlass) Run(ctx context.Context, out output) error {
	if c.End == (c.Reason != "") {
		return invalid("say why with --reason, or end your opening with --end")
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		var o vault.Opening
		var err error
		if c.End {
			o, err = h.Room.MendGlass(ctx, who)
		} else {
			o, err = h.Room.BreakGlass(ctx, who, strongroom.Purpose{Text: c.Reason, Ticket: c.Ticket}, c.For)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(o)
		}
		if c.End {
			out.printf("opening %s has ended; it will be reviewed\n", o.ID)
			return nil
		}
		out.printf("the glass is broken until %s: opening %s\nit is on record, and so is all that you do behind it; somebody else will review it\n", stamp(o.Until), o.ID)
		return nil
	})
}

type reviewsCommand struct {
	Ls   reviewsLs   `cmd:"" default:"withargs" help:"List the openings that nobody has reviewed, the overdue first."`
	Show reviewsShow `cmd:"" help:"Show an opening and each thing done behind it."`
	Done reviewsDone `cmd:"" help:"End the review of somebody else's opening with what you found."`
}

type reviewsLs struct {
	roomFlags
	All  bool `help:"Those reviewed within the last 90 days too."`
	JSON bool `help:"Print JSON."`
}

func (c reviewsLs) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		all, err := h.Room.Reviews(ctx, who, c.All)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(all)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "OPENING\tREVIEW\tBY\tOPENED\tENDS\tRELEASES\tREFUSALS\tOBJECTS\tBYTES\tREASON")
		for _, b := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", b.ID, reviewState(&b), b.Name, stamp(b.Opened), stamp(b.End()), b.Releases, b.Refusals, b.Objects, b.Bytes, plain(b.Reason))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for _, b := range all {
			if b.Erased > 0 {
				out.printf("of opening %s, %s of that time no longer tell what they are of: their personal part is erased\n", b.ID, count(b.Erased, "record"))
			}
		}
		return nil
	})
}

func reviewState(b *vault.Behind) string {
	switch now := time.Now(); {
	case b.Reviewed != nil:
		return "done"
	case b.Overdue(now):
		return "OVERDUE"
	case now.Before(b.End()):
		return "still open"
	}
	return "waits"
}

type reviewsShow struct {
	roomFlags
	ID   string `arg:"" help:"Id of the opening."`
	JSON bool   `help:"Print JSON."`
}

func (c reviewsShow) Run(ctx context.Context, out output) error {
	id, err := requestID(c.ID)
	if err != nil {
		return err
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		b, err := h.Room.ReviewOf(ctx, who, id)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(b)
		}
		out.printf("opening  %s, review: %s\nby       %s, %s to %s\nreason   %s\n", b.ID, reviewState(&b), b.Name, stamp(b.Opened), stamp(b.End()), plain(b.Reason))
		if b.Ticket != "" {
			out.printf("ticket   %s\n", plain(b.Ticket))
		}
		out.printf("behind   %d releases of %d objects, %d bytes; %d refusals; %d other acts\n", b.Releases, b.Objects, b.Bytes, b.Refusals, b.Other)
		if b.Unended > 0 {
			out.printf("unended  %s without a last delivery on record, so that more may have been delivered\n", count(b.Unended, "release"))
		}
		if b.Erased > 0 {
			out.printf("erased   %s of that time no longer tell what they are of\n", count(b.Erased, "record"))
		}
		if v := b.Reviewed; v != nil {
			out.printf("reviewed by %s at %s: %s\n", v.Name, stamp(v.At), plain(v.Finding))
		}
		if len(b.Acts) == 0 {
			return nil
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "RECORD\tTIME\tWHAT\tOUTCOME\tOF\tBYTES\tPOLICIES")
		for _, a := range b.Acts {
			outcome, of := "refused", a.Bucket
			if a.Permit {
				outcome = "permitted"
			}
			if a.Key != "" {
				of += "/" + a.Key
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%s\n", a.Index, stamp(a.Time), a.Action, outcome, plain(of), a.Bytes, strings.Join(a.Policies, ", "))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if b.Untold > 0 {
			out.printf("and %s more\n", count(b.Untold, "act"))
		}
		return nil
	})
}

type reviewsDone struct {
	roomFlags
	ID      string `arg:"" help:"Id of the opening."`
	Finding string `required:"" help:"What you found, for the record." placeholder:"TEXT"`
}

func (c reviewsDone) Run(ctx context.Context, out output) error {
	id, err := requestID(c.ID)
	if err != nil {
		return err
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		b, err := h.Room.FinishReview(ctx, who, id, c.Finding)
		if err != nil {
			return err
		}
		out.printf("the opening of %s is reviewed: %d releases of %d objects, %d refusals\n", b.Name, b.Releases, b.Objects, b.Refusals)
		return nil
	})
}

// becoming is what labels are to become, in words.
func becoming(to *vault.NewLabel) string {
	var parts []string
	if to.Confidential != nil && !*to.Confidential {
		parts = append(parts, "not confidential any more")
	}
	if to.Classes != nil {
		parts = append(parts, "classes: "+strings.Join(to.Classes, ", "))
	}
	return strings.Join(parts, "; ")
}
