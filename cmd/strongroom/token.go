package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/people"
	"strongroom/vault"
)

type tokenCommand struct {
	Ls     tokenLs     `cmd:"" help:"List the tokens."`
	Create tokenCreate `cmd:"" help:"Make a token of a principal; it is printed once."`
	Revoke tokenRevoke `cmd:"" help:"End a token."`
}

type tokenCreate struct {
	roomFlags
	Principal string   `arg:"" help:"Name of the principal that the token acts as."`
	Name      string   `required:"" help:"What the token is for."`
	Scope     []string `required:"" enum:"scim,api,api:read" help:"Where it is taken: ${enum}. May be repeated."`
	Lifetime  string   `default:"90d" help:"How long it is valid, at most 366d." placeholder:"TIME"`
	JSON      bool     `help:"Print JSON."`
}

func (tokenCreate) Help() string {
	return `Whoever has the token acts as the principal, where its scopes let it and no further than policy permits the principal: make a
workload for each program, and give it no more groups than it needs. The token is printed on standard output, once.

Examples:
  strongroom people put directory --kind workload --group security-officers
  strongroom token create directory --name "provisioning" --scope scim --lifetime 180d`
}

func (c tokenCreate) Run(ctx context.Context, out output) error {
	lifetime, err := parseTime(c.Lifetime)
	if err != nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("--lifetime %q is no time such as 90d or 12h", c.Lifetime)}
	}
	var scopes []people.Scope
	for _, s := range c.Scope {
		scopes = append(scopes, people.Scope(s))
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		t, presented, err := h.Room.CreateToken(ctx, who, vault.TokenRequest{Principal: c.Principal, Name: c.Name, Scopes: scopes, Lifetime: lifetime})
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(map[string]any{"id": t.ID, "token": presented, "principal": c.Principal, "scopes": t.Scopes, "expires": t.Expires})
		}
		out.printf("%s\n", presented)
		fmt.Fprintf(out.errors, "token %s of %s, valid until %s; it is shown this once\n", t.ID, c.Principal, t.Expires.Format(time.RFC3339))
		return nil
	})
}

type tokenLs struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c tokenLs) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		tokens, err := h.Room.Tokens(ctx, who)
		if err != nil {
			return err
		}
		all, err := h.Room.Principals(ctx, who)
		if err != nil {
			return err
		}
		used, err := h.Room.LastUsed(ctx)
		if err != nil {
			return err
		}
		byID := map[strongroom.ID]strongroom.Principal{}
		for _, p := range all {
			byID[p.ID] = p
		}
		type shown struct {
			ID        string         `json:"id"`
			Name      string         `json:"name"`
			Principal string         `json:"principal"`
			Scopes    []people.Scope `json:"scopes"`
			Created   time.Time      `json:"created"`
			Used      time.Time      `json:"last_used,omitzero"`
			Expires   time.Time      `json:"expires"`
			State     string         `json:"state"`
		}
		list := []shown{}
		for _, t := range tokens {
			one := shown{t.ID, t.Name, byID[t.Principal].Name, t.Scopes, t.Created, used[t.ID], t.Expires, "valid"}
			if err := t.Usable(byID[t.Principal], time.Now()); err != nil {
				one.State = err.Error()
			}
			list = append(list, one)
		}
		if c.JSON {
			return out.json(list)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "TOKEN\tNAME\tPRINCIPAL\tSCOPES\tCREATED\tLAST USED\tEXPIRES\tSTATE")
		for _, t := range list {
			var scopes []string
			for _, s := range t.Scopes {
				scopes = append(scopes, string(s))
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, t.Principal, strings.Join(scopes, ","),
				t.Created.Format(time.DateOnly), lastUsed(t.Used), t.Expires.Format(time.DateOnly), t.State)
		}
		return w.Flush()
	})
}

type tokenRevoke struct {
	roomFlags
	ID string `arg:"" help:"Id of the token, as ls shows it; never the token itself."`
}

func (c tokenRevoke) Run(ctx context.Context, out output) error {
	if _, _, whole := people.ParseToken(c.ID); whole {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "that is the token itself, which every user of this machine could read just now", Hint: "revoke it by its id: the 20 characters behind srt_"}
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		if err := h.Room.RevokeToken(ctx, who, c.ID); err != nil {
			return err
		}
		out.printf("%s proves nothing any more\n", c.ID)
		return nil
	})
}
