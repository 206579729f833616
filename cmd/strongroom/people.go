package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/people"
	"strongroom/vault"
)

type peopleCommand struct {
	Ls        peopleLs         `cmd:"" help:"List the principals."`
	Put       peoplePut        `cmd:"" help:"Add a principal, or change one."`
	Import    peopleImport     `cmd:"" help:"Bring a file of people (CSV) into the room, all or nothing."`
	Unmatched peopleUnmatched  `cmd:"" help:"List the agents' ids on recordings that are nobody's name or alias."`
	Invite    peopleInvite     `cmd:"" help:"Print a set-up link for each of some people, with which they register a passkey for the console."`
	Suspend   peopleSuspend    `cmd:"" help:"Suspend a principal: its sessions end, and its access keys and tokens prove nothing from the next request on."`
	Resume    peopleResume     `cmd:"" help:"End a suspension; sessions from before it stay ended."`
	Adopt     peopleAdopt      `cmd:"" help:"Let the directory have a principal that it did not provision."`
	Directory directoryCommand `cmd:"" help:"What a directory (SCIM) may hand out."`
	Provider  providerCommand  `cmd:"" help:"Identity providers that may vouch for principals: list, trust, remove."`
}

// acting opens the room and does something in the name of the access key set.
func (f roomFlags) acting(ctx context.Context, do func(*house.House, vault.Caller) error) error {
	return f.with(ctx, func(h *house.House) error {
		who, err := caller(h, strongroom.Purpose{})
		if err != nil {
			return err
		}
		return do(h, who)
	})
}

type peopleLs struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c peopleLs) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		all, err := h.Room.Principals(ctx, who)
		if err != nil {
			return err
		}
		sources := h.Room.Sources()
		if c.JSON {
			type shown struct {
				strongroom.Principal
				Source string `json:"source,omitempty"` // scim or csv
			}
			list := []shown{}
			for _, p := range all {
				list = append(list, shown{p, sources[p.ID]})
			}
			return out.json(list)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tKIND\tGROUPS\tSTATE\tLEAVES\tFROM\tATTRIBUTES")
		for _, p := range all {
			var attributes []string
			for name, values := range p.Attributes {
				attributes = append(attributes, name+"="+strings.Join(values, ","))
			}
			slices.Sort(attributes)
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.Kind, strings.Join(p.Groups, ","), state(p), orDash(people.Leaving(p.Expires)), orDash(sources[p.ID]), strings.Join(attributes, " "))
		}
		return w.Flush()
	})
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func state(p strongroom.Principal) string {
	switch {
	case p.Suspended:
		return "suspended"
	case !people.Active(p, time.Now()):
		return "expired"
	}
	return "active"
}

type peoplePut struct {
	roomFlags
	Name      string   `arg:"" optional:"" help:"Name of the principal."`
	Kind      string   `default:"person" enum:"person,workload,vendor" help:"What it is: person, workload or vendor."`
	Group     []string `help:"Group. May be repeated."`
	Attribute []string `sep:"none" help:"Attribute, such as queues=billing,support. May be repeated." placeholder:"NAME=VALUE[,VALUE]"`
	Alias     []string `help:"The principal's id on another platform. May be repeated."`
	Leaves    string   `help:"Leaving date: the last day, or an instant." placeholder:"2026-12-31"`
	File      string   `help:"JSON array of principals to put instead, - for standard input." placeholder:"FILE"`
}

func (peoplePut) Help() string {
	return `A principal of that name is replaced as a whole; otherwise one is added.

Examples:
  strongroom people put ines.martin --group supervisors --attribute supervises=billing --attribute manager=paul.roy
  strongroom people put temp.17 --group agents --alias genesys-4711 --leaves 2026-12-31
  strongroom people put recorder --kind workload --group recorders
  strongroom people put --file staff.json`
}

func (c peoplePut) Run(ctx context.Context, out output) error {
	var put []strongroom.Principal
	switch {
	case c.File != "" && c.Name == "":
		text, err := c.read()
		if err != nil {
			return err
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&put); err != nil {
			return fmt.Errorf("reading %s: %w", c.File, err)
		}
	case c.Name != "" && c.File == "":
		p := strongroom.Principal{Name: c.Name, Kind: strongroom.PrincipalKind(c.Kind), Groups: c.Group, Aliases: c.Alias, Attributes: map[string][]string{}}
		for _, a := range c.Attribute {
			name, values, ok := strings.Cut(a, "=")
			if !ok {
				return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("--attribute %q is not NAME=VALUE", a)}
			}
			p.Attributes[name] = append(p.Attributes[name], strings.Split(values, ",")...)
		}
		var err error
		if p.Expires, err = people.ParseLeaving(c.Leaves); err != nil {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "--leaves: " + err.Error()}
		}
		put = []strongroom.Principal{p}
	default:
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "give a name, or --file with several principals"}
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		for _, p := range put {
			var kept strongroom.Principal
			var err error
			if _, known := h.Room.PrincipalByName(p.Name); known {
				kept, err = h.Room.ChangePrincipal(ctx, who, p.Name, func(old *strongroom.Principal) {
					suspended := old.Suspended // only resume ends a suspension
					*old = p
					old.Suspended = old.Suspended || suspended
				})
			} else {
				p.ID = strongroom.ID{}
				kept, err = h.Room.PutPrincipal(ctx, who, p)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			groups := "no group"
			if len(kept.Groups) > 0 {
				groups = strings.Join(kept.Groups, ", ")
			}
			out.printf("%s: %s of %s\n", kept.Name, kept.Kind, groups)
		}
		return nil
	})
}

func (c peoplePut) read() ([]byte, error) {
	const limit = 16 << 20
	if c.File == "-" {
		return readBounded(os.Stdin, limit)
	}
	return readFile(c.File, limit)
}

type peopleSuspend struct {
	roomFlags
	Name string `arg:"" help:"Name of the principal."`
}

func (c peopleSuspend) Run(ctx context.Context, out output) error {
	return c.setSuspended(ctx, out, c.Name, true)
}

type peopleResume struct {
	roomFlags
	Name string `arg:"" help:"Name of the principal."`
}

func (c peopleResume) Run(ctx context.Context, out output) error {
	return c.setSuspended(ctx, out, c.Name, false)
}

func (f roomFlags) setSuspended(ctx context.Context, out output, name string, suspended bool) error {
	return f.acting(ctx, func(h *house.House, who vault.Caller) error {
		p, err := h.Room.ChangePrincipal(ctx, who, name, func(p *strongroom.Principal) { p.Suspended = suspended })
		if err != nil {
			return err
		}
		out.printf("%s is %s\n", name, state(p))
		return nil
	})
}
