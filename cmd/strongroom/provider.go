package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"strongroom"
	"strongroom/door/console"
	"strongroom/internal/house"
	"strongroom/people"
	"strongroom/vault"
)

type providerCommand struct {
	Ls  providerLs  `cmd:"" help:"List the identity providers that the room trusts."`
	Put providerPut `cmd:"" help:"Trust an identity provider, or change how."`
	Rm  providerRm  `cmd:"" help:"Trust an identity provider no longer; the sessions that it vouched for end."`
}

type providerPut struct {
	roomFlags
	Issuer   string   `required:"" help:"The issuer, exactly as it stands in the tokens." placeholder:"URL"`
	Audience []string `required:"" help:"Audience (client id) that tokens for this room have. May be repeated."`
	Claim    string   `required:"" enum:"sub,email,preferred_username" help:"Claim that equals a principal's name or alias: ${enum}."`

	GroupsClaim string   `help:"Claim that lists groups, such as groups or roles." placeholder:"CLAIM"`
	Group       []string `sep:"none" help:"What a token that claims CLAIMED brings: a group of the room. May be repeated." placeholder:"CLAIMED=GROUP"`

	Client           string   `help:"Client id of the console at the provider: people log on there too from now on. One of the audiences." placeholder:"ID"`
	ClientSecretFile string   `help:"File with the client's secret, - for standard input; or in STRONGROOM_CLIENT_SECRET. Left out, it stays as it is; a client without one proves itself by PKCE alone." placeholder:"FILE"`
	Scope            []string `sep:"none" help:"Scope to ask for besides openid and what the claim needs, such as groups. May be repeated." placeholder:"SCOPE"`
	Label            string   `help:"What the log-on page calls the provider." placeholder:"TEXT"`
	Console          string   `env:"STRONGROOM_PUBLIC_URL" default:"http://localhost:7400" help:"Where people open the console, as serve's --public-url says: the address to register at the provider is below it." placeholder:"URL"`
}

// secret reads the client's secret from where it was put, which is never the command line.
func (c providerPut) secret() (people.Secret, error) {
	text := []byte(os.Getenv("STRONGROOM_CLIENT_SECRET"))
	var err error
	switch c.ClientSecretFile {
	case "":
	case "-":
		text, err = readBounded(os.Stdin, 1024)
	default:
		var f *os.File
		if f, err = os.Open(c.ClientSecretFile); err == nil {
			defer f.Close()
			text, err = readBounded(f, 1024)
		}
	}
	if err != nil {
		return "", invalid("reading the client's secret: %v", err)
	}
	return people.Secret(bytes.TrimRight(text, "\r\n")), nil
}

func (providerPut) Help() string {
	return `Whoever shows a token of this issuer for one of the audiences gets sessions of the principal whose name or alias the claim equals.
An email counts only where the token says email_verified: true. Whoever can change that claim at the provider can be anybody
here: sub is the one that nobody changes.

With --groups-claim and --group a session has, besides the principal's own groups, those that its token claims and the table lists; what
it does not list gives nothing, and no claim takes a group away. Whoever can change that claim at the provider hands out these groups.

With --client people log on to the console with this provider, beside passkeys. Register the redirect address that this prints at the
provider. The secret comes from a file, standard input or STRONGROOM_CLIENT_SECRET, and is kept sealed.

Examples:
  strongroom people provider put --issuer https://login.example.com --audience strongroom --claim sub
  strongroom people provider put --issuer https://login.example.com --audience strongroom --claim sub \
    --client strongroom --client-secret-file secret.txt --label "Example SSO" --console https://strongroom.example.com
  strongroom people provider put --issuer https://login.example.com --audience strongroom --claim sub \
    --groups-claim groups --group 'CC Supervisors=supervisors' --group 8f2c…=quality`
}

func (c providerPut) Run(ctx context.Context, out output) error {
	p := people.Provider{Issuer: c.Issuer, Audiences: c.Audience, Claim: c.Claim, GroupsClaim: c.GroupsClaim, Client: c.Client, Scopes: c.Scope, Label: c.Label}
	if c.Client != "" {
		var err error
		if p.Secret, err = c.secret(); err != nil {
			return err
		}
	}
	at, err := console.CheckURL(c.Console)
	if err != nil {
		return err
	}
	for _, g := range c.Group {
		i := strings.LastIndex(g, "=") // a claim may have one in it, a group has none
		if i < 0 {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("--group %q is not CLAIMED=GROUP", g)}
		}
		p.Groups = append(p.Groups, people.ClaimedGroup{Claimed: g[:i], Group: g[i+1:]})
	}
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		if err := h.Room.PutProvider(ctx, who, p); err != nil {
			return err
		}
		out.printf("%s vouches for principals by %s\n", c.Issuer, c.Claim)
		if c.Client != "" {
			out.printf("people log on with it; its redirect address is %s\n", at.String()+people.ReturnPath(c.Issuer))
		}
		return nil
	})
}

type providerLs struct {
	roomFlags
	JSON bool `help:"Print JSON."`
}

func (c providerLs) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		all, err := h.Room.Providers(ctx, who)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(all)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ISSUER\tAUDIENCES\tCLAIM\tLOG-ON\tGROUPS")
		for _, p := range all {
			groups := "-"
			if p.GroupsClaim != "" {
				groups = p.GroupsClaim + ":"
				for _, m := range p.Groups {
					groups += fmt.Sprintf(" %q=%s", m.Claimed, m.Group)
				}
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.Issuer, strings.Join(p.Audiences, ","), p.Claim, cmp.Or(p.Client, "-"), groups)
		}
		return w.Flush()
	})
}

type providerRm struct {
	roomFlags
	Issuer string `required:"" help:"The issuer." placeholder:"URL"`
}

func (c providerRm) Run(ctx context.Context, out output) error {
	return c.acting(ctx, func(h *house.House, who vault.Caller) error {
		if err := h.Room.RemoveProvider(ctx, who, c.Issuer); err != nil {
			return err
		}
		out.printf("%s vouches for nobody any more\n", c.Issuer)
		return nil
	})
}
