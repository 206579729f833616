package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/vault"
)

type holdCommand struct {
	Place holdPlace `cmd:"" help:"Keep an object, or whatever belongs to a conversation, customer or case, from being deleted."`
	Lift  holdLift  `cmd:"" help:"Lift a hold."`
	Ls    holdLs    `cmd:"" help:"List the holds and what is under them, object lock's legal holds included."`
	Show  holdShow  `cmd:"" help:"Show a hold: who placed it, when and why, and what it keeps."`
}

type holdPlace struct {
	roomFlags
	Bucket       string `help:"Bucket of the object." placeholder:"BUCKET"`
	Key          string `help:"Key of the object; every version of it, what is stored later included." placeholder:"KEY"`
	Version      string `help:"Only this version of the key." placeholder:"ID"`
	Conversation string `help:"Everything stored with this strongroom-conversation." placeholder:"ID"`
	Customer     string `help:"Everything stored with this strongroom-customer." placeholder:"ID"`
	Case         string `name:"case" help:"Everything stored with this strongroom-case." placeholder:"ID"`
	Matter       string `required:"" help:"What it is for: the reference of the court or the legal department." placeholder:"TEXT"`
	Reason       string `required:"" help:"Why, for the record." placeholder:"TEXT"`
	TwoPeople    bool   `help:"Lifting it takes two different people."`
	JSON         bool   `help:"Print JSON."`
}

func (holdPlace) Help() string {
	return `Nobody deletes or replaces what is under a hold, no rule does, and policy cannot permit it. Of several holds on one object each has to be lifted.

Examples:
  strongroom hold place --customer 4711 --matter "2026/118" --reason "claim announced on 3 March" --two-people
  strongroom hold place --bucket recordings --key 2026/call-7.wav --matter "2026/118" --reason "evidence"`
}

func (c holdPlace) Run(ctx context.Context, out output) error {
	h := vault.Hold{Bucket: c.Bucket, Key: c.Key, Version: c.Version, Matter: c.Matter, Reason: c.Reason, TwoPeople: c.TwoPeople}
	for _, a := range [][2]string{{"conversation", c.Conversation}, {"customer", c.Customer}, {"case", c.Case}} {
		if a[1] == "" {
			continue
		}
		if h.Attribute != "" {
			return invalid("a hold is on one conversation, customer or case; place one for each")
		}
		h.Attribute, h.Value = a[0], a[1]
	}
	return c.actingFor(ctx, c.Reason, func(room *house.House, who vault.Caller) error {
		h, err := room.Room.PlaceHold(ctx, who, h)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(h)
		}
		out.printf("hold %s on %s\n", h.ID, h.What())
		return nil
	})
}

type holdLift struct {
	roomFlags
	ID     string `arg:"" help:"Id of the hold."`
	Reason string `required:"" help:"Why, for the record." placeholder:"TEXT"`
}

func (c holdLift) Run(ctx context.Context, out output) error {
	id, err := strongroom.ParseID(c.ID)
	if err != nil {
		return invalid("%q is no id of a hold: %v", c.ID, err)
	}
	return c.actingFor(ctx, c.Reason, func(room *house.House, who vault.Caller) error {
		h, err := room.Room.LiftHold(ctx, who, id, c.Reason)
		if err != nil {
			return err
		}
		if h.Lifted == nil {
			out.printf("hold %s stands: it takes two people to lift it, and another has to do so by %s\n", h.ID, h.Asked.At.Add(vault.LiftTogether).Format(time.RFC3339))
			return nil
		}
		out.printf("hold %s on %s is lifted\n", h.ID, h.What())
		return nil
	})
}

type holdLs struct {
	roomFlags
	Lifted   bool `help:"Holds that were lifted too."`
	Versions bool `help:"Print every version under hold, one a line as JSON, in the place of sums."`
	JSON     bool `help:"Print JSON."`
}

// look answers what is under hold, with progress shown.
func (f roomFlags) look(ctx context.Context, out output, req vault.HoldsRequest, do func(vault.Holds) error) error {
	return f.acting(ctx, func(room *house.House, who vault.Caller) error {
		p := newProgress(out.errors, "versions", room.Room.Stored())
		req.Step = p.step
		holds, err := room.Room.Holds(ctx, who, req)
		p.done()
		if err != nil {
			return err
		}
		return do(holds)
	})
}

func (c holdLs) Run(ctx context.Context, out output) error {
	req := vault.HoldsRequest{Lifted: c.Lifted}
	lines := bufio.NewWriter(out)
	if c.Versions {
		e := json.NewEncoder(lines)
		req.Each = func(o strongroom.Object, holds []strongroom.ID) error {
			return e.Encode(map[string]any{
				"bucket": o.Bucket, "key": o.Key, "version": o.VersionName(), "stored": o.Modified, "size": o.Size, "legal_hold": o.LegalHold,
				"holds": append([]strongroom.ID{}, holds...),
			})
		}
	}
	return c.look(ctx, out, req, func(holds vault.Holds) error {
		if c.Versions {
			return lines.Flush()
		}
		if c.JSON {
			holds.Holds = append([]vault.HoldReport{}, holds.Holds...)
			return out.json(holds)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "HOLD\tON\tMATTER\tPLACED\tBY\tSTATE\tVERSIONS\tBYTES\tOLDEST")
		for _, h := range holds.Holds {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", h.ID, h.What(), h.Matter, day(h.Placed), h.By, holdState(h.Hold), h.Versions, h.Bytes, day(h.Oldest))
		}
		fmt.Fprintf(w, "legal hold\tobject lock\t\t\t\t\t%d\t%d\t%s\n", holds.Lock.Versions, holds.Lock.Bytes, day(holds.Lock.Oldest))
		fmt.Fprintf(w, "all\t\t\t\t\t\t%d\t%d\t%s\n", holds.All.Versions, holds.All.Bytes, day(holds.All.Oldest))
		return w.Flush()
	})
}

func holdState(h vault.Hold) string {
	switch {
	case h.Lifted != nil:
		return "lifted " + day(h.Lifted.At)
	case h.Asked != nil:
		return "lifting asked by " + h.Asked.By
	}
	return "stands"
}

type holdShow struct {
	roomFlags
	ID   string `arg:"" help:"Id of the hold."`
	JSON bool   `help:"Print JSON."`
}

func (c holdShow) Run(ctx context.Context, out output) error {
	id, err := strongroom.ParseID(c.ID)
	if err != nil {
		return invalid("%q is no id of a hold: %v", c.ID, err)
	}
	return c.look(ctx, out, vault.HoldsRequest{Lifted: true}, func(holds vault.Holds) error {
		for _, h := range holds.Holds {
			if h.ID != id {
				continue
			}
			if c.JSON {
				return out.json(h)
			}
			lines := [][2]string{
				{"hold", h.ID.String()}, {"on", h.What()}, {"matter", h.Matter}, {"reason", h.Reason}, {"placed", h.Placed.Format(time.RFC3339) + " by " + h.By},
				{"state", holdState(h.Hold)}, {"keeps", fmt.Sprintf("%s, %s, the oldest of %s", count(h.Versions, "version"), count(h.Bytes, "byte"), day(h.Oldest))},
			}
			if h.Lifted != nil {
				lines = append(lines, [2]string{"lifted", h.Lifted.At.Format(time.RFC3339) + " by " + h.Lifted.By + ": " + h.Lifted.Reason})
			} else if h.TwoPeople {
				lines = append(lines, [2]string{"lifting", "takes two people"})
			}
			for _, l := range lines {
				out.printf("%-7s %s\n", l[0], strings.TrimSuffix(l[1], ", the oldest of -"))
			}
			return nil
		}
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no hold %s", id), Hint: "see `strongroom hold ls`"}
	})
}
