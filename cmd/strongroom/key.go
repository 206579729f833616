package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/people"
	"strongroom/vault"
)

type keyCommand struct {
	Ls      keyLs      `cmd:"" help:"List the access keys."`
	Create  keyCreate  `cmd:"" help:"Make an access key of a principal; its secret is printed once."`
	Rotate  keyRotate  `cmd:"" help:"Make another key in the place of one, which goes on for a time of grace."`
	Expire  keyExpire  `cmd:"" help:"Have an access key end at a time."`
	Revoke  keyRevoke  `cmd:"" help:"End an access key, and every session made with it."`
	Purpose keyPurpose `cmd:"" help:"Give a machine's access key a standing purpose, with an end and a rate."`
}

type keyLs struct {
	roomFlags
	Sessions bool `help:"List the sessions too."`
	JSON     bool `help:"Print JSON."`
}

func (c keyLs) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		keys, err := h.Room.AccessKeys(ctx, who)
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
			ID        string           `json:"id"`
			Principal string           `json:"principal"`
			Created   time.Time        `json:"created"`
			Expires   time.Time        `json:"expires,omitzero"`
			State     string           `json:"state"`
			Used      time.Time        `json:"last_used,omitzero"` // to the minute; of a session, its access key's
			Standing  *people.Standing `json:"standing,omitempty"`
			Session   *shownSession    `json:"session,omitempty"`
		}
		byKey := map[string]people.AccessKey{}
		for _, k := range keys {
			byKey[k.ID] = k
		}
		var list []shown
		for _, k := range keys {
			if k.Session != nil && !c.Sessions {
				continue
			}
			one := shown{ID: k.ID, Principal: byID[k.Principal].Name, Created: k.Created, Expires: k.Expires, State: keyState(k, byID[k.Principal]), Used: used[k.ID], Standing: k.Standing}
			if s := k.Session; s != nil {
				one.Session = &shownSession{s.Parent, s.Issuer, s.Name, s.Purpose}
				parent, known := byKey[s.Parent]
				_, trusted := h.Room.Provider(s.Issuer)
				switch {
				case one.State != "valid":
				case s.Parent != "" && (!known || keyState(parent, byID[k.Principal]) != "valid"):
					one.State = "its access key is not valid"
				case s.Parent == "" && !trusted:
					one.State = "its identity provider is no longer trusted"
				}
			}
			if one.State == "valid" {
				if _, err := h.Room.Credential(k.ID); err != nil {
					one.State = "ended when its principal was deactivated"
				}
			}
			list = append(list, one)
		}
		if c.JSON {
			return out.json(list)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ACCESS KEY\tPRINCIPAL\tCREATED\tLAST USED\tEXPIRES\tSTATE\tPURPOSE")
		for _, k := range list {
			expires, why := "never", ""
			if !k.Expires.IsZero() {
				expires = k.Expires.Format(time.DateOnly)
			}
			switch {
			case k.Session != nil:
				expires, why = k.Expires.Format(time.RFC3339), stated(k.Session.Purpose)
			case k.Standing != nil:
				why = fmt.Sprintf("%s until %s, %d/h", stated(k.Standing.Purpose), k.Standing.Expires.Format(time.DateOnly), k.Standing.PerHour)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Principal, k.Created.Format(time.DateOnly), lastUsed(k.Used), expires, k.State, why)
		}
		return w.Flush()
	})
}

// lastUsed is when something was used, as far as is known.
func lastUsed(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Format("2006-01-02 15:04")
}

// shownSession is what a listing tells of a session.
type shownSession struct {
	Parent  string             `json:"access_key,omitempty"`
	Issuer  string             `json:"issuer,omitempty"`
	Name    string             `json:"name,omitempty"`
	Purpose strongroom.Purpose `json:"purpose,omitzero"`
}

// stated is a purpose in one line.
func stated(p strongroom.Purpose) string {
	if p.Ticket != "" {
		return fmt.Sprintf("%q for %q", p.Text, p.Ticket)
	}
	return fmt.Sprintf("%q", p.Text)
}

func keyState(k people.AccessKey, p strongroom.Principal) string {
	if err := k.Usable(p, time.Now()); err != nil {
		return err.Error()
	}
	return "valid"
}

type keyCreate struct {
	roomFlags
	Name     string        `arg:"" help:"Name of the principal."`
	Lifetime time.Duration `help:"How long the key is valid, such as 720h; without it the key does not expire."`
	JSON     bool          `help:"Print JSON."`
}

func (keyCreate) Help() string {
	return `Example:
  strongroom key create ines.martin --lifetime 720h`
}

func (c keyCreate) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		k, err := h.Room.CreateKey(ctx, who, c.Name, c.Lifetime)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(map[string]any{"s3_access_key_id": k.ID, "s3_secret_access_key": k.Secret, "principal": c.Name, "expires": k.Expires})
		}
		out.printf("S3 access key id      %s\nS3 secret access key  %s\nThe secret is shown this once.\n", k.ID, k.Secret)
		return nil
	})
}

type keyRotate struct {
	roomFlags
	ID    string `arg:"" help:"Id of the access key."`
	Grace string `default:"24h" help:"How long the old key goes on, such as 24h or 7d; 0 ends it at once." placeholder:"TIME"`
	JSON  bool   `help:"Print JSON."`
}

func (keyRotate) Help() string {
	return `The new key is of the same principal, lives as long as the old one did, and has its standing purpose, each with the rate of its
own while both are valid. Nothing else changes: put the new key where the old one is used, and look at LAST USED of the old one.

Example:
  strongroom key rotate SRDUIJFBVU3DL4INCEU4 --grace 7d`
}

func (c keyRotate) Run(ctx context.Context, out output) error {
	grace, err := parseTime(c.Grace)
	if err != nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("--grace %q is no time such as 24h or 7d", c.Grace)}
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		k, old, err := h.Room.RotateKey(ctx, who, c.ID, grace)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(map[string]any{"s3_access_key_id": k.ID, "s3_secret_access_key": k.Secret, "expires": k.Expires, "replaces": old.ID, "replaced_ends": old.Expires})
		}
		out.printf("S3 access key id      %s\nS3 secret access key  %s\nThe secret is shown this once. %s ends on %s.\n", k.ID, k.Secret, old.ID, old.Expires.Format(time.RFC3339))
		return nil
	})
}

type keyExpire struct {
	roomFlags
	ID string `arg:"" help:"Id of the access key."`
	In string `required:"" help:"When it ends, from now, such as 12h or 30d." placeholder:"TIME"`
}

func (keyExpire) Help() string {
	return `An end can be brought forward, never put off: for that, rotate the key.

Example:
  strongroom key expire SRDUIJFBVU3DL4INCEU4 --in 30d`
}

func (c keyExpire) Run(ctx context.Context, out output) error {
	in, err := parseTime(c.In)
	if err != nil || in < 0 {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("--in %q is no time such as 12h or 30d", c.In)}
	}
	end := time.Now().Add(in).UTC()
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		if err := h.Room.ExpireKey(ctx, who, c.ID, end); err != nil {
			return err
		}
		out.printf("%s ends on %s\n", c.ID, end.Format(time.RFC3339))
		return nil
	})
}

type keyRevoke struct {
	roomFlags
	ID string `arg:"" help:"Id of the access key."`
}

func (c keyRevoke) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		if err := h.Room.RevokeKey(ctx, who, c.ID); err != nil {
			return err
		}
		out.printf("%s proves nothing any more\n", c.ID)
		return nil
	})
}

type keyPurpose struct {
	roomFlags
	ID      string `arg:"" help:"Id of the access key, of a workload."`
	Purpose string `help:"What the machine reads for."`
	Ticket  string `help:"Ticket that allows it."`
	Expires string `help:"How long the purpose stands, such as 90d or 12h, at most 366d." placeholder:"TIME"`
	Rate    string `help:"Releases that the key may cause in any hour, such as 600/h." placeholder:"N/h"`
	None    bool   `help:"Take the standing purpose away."`
}

func (keyPurpose) Help() string {
	return `A machine cannot say why each time; somebody says it once, for a time and a rate. A request that states a purpose itself, or is
made with a session that has one, goes by that; the rate holds for every release that the key or its sessions cause, also after
the purpose has expired.

Examples:
  strongroom key purpose SRDUIJFBVU3DL4INCEU4 --purpose "nightly transcription" --ticket CHG-17 --expires 90d --rate 600/h
  strongroom key purpose SRDUIJFBVU3DL4INCEU4 --none`
}

func (c keyPurpose) Run(ctx context.Context, out output) error {
	standing, err := c.standing(time.Now())
	if err != nil {
		return err
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		if err := h.Room.SetStanding(ctx, who, c.ID, standing); err != nil {
			return err
		}
		if standing == nil {
			out.printf("%s has no standing purpose\n", c.ID)
			return nil
		}
		out.printf("%s reads for %s until %s, %s an hour\n", c.ID, stated(standing.Purpose), standing.Expires.UTC().Format(time.RFC3339), count(standing.PerHour, "release"))
		return nil
	})
}

// standing is what the flags ask for; nil to take it away.
func (c keyPurpose) standing(now time.Time) (*people.Standing, error) {
	invalid := func(format string, args ...any) (*people.Standing, error) {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf(format, args...)}
	}
	given := c.Purpose != "" || c.Ticket != "" || c.Expires != "" || c.Rate != ""
	switch {
	case c.None && given:
		return invalid("--none takes the standing purpose away, and goes with no other flag")
	case c.None:
		return nil, nil
	case c.Purpose == "" || c.Expires == "" || c.Rate == "":
		return invalid("a standing purpose needs --purpose, --expires and --rate")
	}
	lifetime, err := parseTime(c.Expires)
	if err != nil {
		return invalid("--expires %q is no time such as 90d or 12h", c.Expires)
	}
	number, perHour := strings.CutSuffix(c.Rate, "/h")
	rate, err := strconv.Atoi(number)
	if err != nil || !perHour {
		return invalid("--rate %q is not a number of releases an hour, such as 600/h", c.Rate)
	}
	s := &people.Standing{Purpose: strongroom.Purpose{Text: c.Purpose, Ticket: c.Ticket}, Expires: now.Add(lifetime), PerHour: rate}
	if err := people.CheckStanding(*s, now); err != nil {
		return invalid("%s", err)
	}
	return s, nil
}

// parseTime reads a length of time, in days as well.
func parseTime(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}
