package api

import (
	"context"
	"net/http"
	"time"

	"strongroom"
	"strongroom/limit"
)

// policyText is a policy set.
type policyText struct {
	Hash string `json:"hash" doc:"SHA-256 of all that is in force, buckets' policies included."`
	Text string `json:"text" doc:"Cedar: the policies that are no bucket's."`
}

func (d *service) policies() {
	handle(d, operation{method: "GET", path: "/policy", summary: "The policies in force", section: "limit"},
		func(ctx context.Context, s session, _ *none) (*answer[policyText], error) {
			text, hash, err := s.room.Vault.ReadPolicy(ctx, s.caller)
			return answering(policyText{hash, string(text)}, err)
		})
	handle(d, operation{method: "PUT", path: "/policy", summary: "Put policies in force", section: "limit"},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Text string `json:"text" minLength:"1" maxLength:"1048576"`
			}
		}) (*answer[policyText], error) {
			hash, err := s.room.Vault.PutPolicy(ctx, s.caller, []byte(in.Body.Text))
			return answering(policyText{hash, in.Body.Text}, err)
		})
	handle(d, operation{method: "POST", path: "/policy/replay", summary: "What other policies would have refused and newly permitted, by what is on record", section: "limit"},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Text  string    `json:"text" minLength:"1" maxLength:"1048576"`
				Since time.Time `json:"since,omitzero" required:"false" doc:"90 days ago where left out."`
			}
		}) (*answer[limit.ReplayReport], error) {
			if s.room.Scan == nil {
				return nil, notHere("replay")
			}
			current, next, err := d.sets(ctx, s, in.Body.Text)
			if err != nil {
				return nil, err
			}
			replay := limit.NewReplay(next, current)
			if err := d.scan(ctx, s, in.Body.Since, replay.Take); err != nil {
				return nil, err
			}
			return answering(replay.Report(), nil)
		})
	type window struct {
		Since time.Time `query:"since" doc:"90 days ago where left out."`
	}
	handle(d, operation{method: "GET", path: "/limit/unused", summary: "What is granted against what was used", section: "limit"},
		func(ctx context.Context, s session, in *window) (*answer[limit.UsageReport], error) {
			_, report, _, err := d.usage(ctx, s, in.Since)
			return answering(report, err)
		})
	handle(d, operation{method: "GET", path: "/limit/proposals", summary: "What of the policies could go, since nobody used it", section: "limit"},
		func(ctx context.Context, s session, in *window) (*answer[limit.Proposed], error) {
			usage, report, base, err := d.usage(ctx, s, in.Since)
			if err != nil {
				return nil, err
			}
			return answering(usage.Propose(base, report), nil)
		})
}

// sets compiles the policies in force and those that would be with text in the base's place.
func (d *service) sets(ctx context.Context, s session, text string) (current, next *limit.Set, err error) {
	if _, err := limit.Parse([]byte(text)); err != nil {
		return nil, nil, invalid(err.Error())
	}
	if current, err = d.inForce(ctx, s); err != nil {
		return nil, nil, err
	}
	whole, err := s.room.Vault.PolicyIf(ctx, []byte(text))
	if err != nil {
		return nil, nil, err
	}
	if next, err = limit.Parse(whole); err != nil {
		return nil, nil, invalid("beside the policies that buckets have: " + err.Error())
	}
	return current, next, nil
}

func (d *service) inForce(ctx context.Context, s session) (*limit.Set, error) {
	hash, err := s.room.Vault.PolicyInForce()
	if err != nil {
		return nil, err
	}
	text, err := s.room.Vault.PolicySet(ctx, hash)
	if err != nil {
		return nil, err
	}
	return limit.Parse(text)
}

// scan tells take what is on record since then, after putting on record that it is read.
func (d *service) scan(ctx context.Context, s session, since time.Time, take func(*strongroom.Event)) error {
	if since.IsZero() {
		since = s.room.Vault.Clock().AddDate(0, 0, -90)
	}
	from, to, err := s.room.Range(ctx, since)
	if err != nil {
		return err
	}
	if _, err := s.room.Vault.ReadLedger(ctx, s.caller, from, to); err != nil {
		return err
	}
	return s.room.Scan(ctx, from, to, take)
}

func (d *service) usage(ctx context.Context, s session, since time.Time) (*limit.Usage, limit.UsageReport, *limit.Set, error) {
	fail := func(err error) (*limit.Usage, limit.UsageReport, *limit.Set, error) {
		return nil, limit.UsageReport{}, nil, err
	}
	if s.room.Scan == nil {
		return fail(notHere("usage"))
	}
	people, err := s.room.Vault.Principals(ctx, s.caller)
	if err != nil {
		return fail(err)
	}
	text, _, err := s.room.Vault.ReadPolicy(ctx, s.caller)
	if err != nil {
		return fail(err)
	}
	base, err := limit.Parse(text)
	if err != nil {
		return fail(err)
	}
	set, err := d.inForce(ctx, s)
	if err != nil {
		return fail(err)
	}
	usage := limit.NewUsage()
	if err := usage.SeeStored(ctx, s.room.Vault, s.caller); err != nil {
		return fail(err)
	}
	if err := d.scan(ctx, s, since, usage.Take); err != nil {
		return fail(err)
	}
	report := usage.Unused(set, people, s.room.Vault.Clock().UTC(), func(hash string) (*limit.Set, error) {
		if hash == set.Hash() {
			return set, nil
		}
		text, err := s.room.Vault.PolicySet(ctx, hash)
		if err != nil {
			return nil, err
		}
		return limit.Parse(text)
	})
	return usage, report, base, nil
}

func notHere(what string) error {
	return &Problem{Status: http.StatusNotImplemented, Title: http.StatusText(http.StatusNotImplemented), Kind: strongroom.KindUnsupported, Detail: "this server has no " + what}
}
