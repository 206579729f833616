package api

import (
	"context"
	"time"

	"strongroom/door"
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
			current, next, err := s.room.Sets(ctx, in.Body.Text)
			if err != nil {
				return nil, err
			}
			replay := limit.NewReplay(next, current)
			if err := s.room.ScanSince(ctx, s.caller, in.Body.Since, replay.Take); err != nil {
				return nil, err
			}
			return answering(replay.Report(), nil)
		})
	type window struct {
		Since time.Time `query:"since" doc:"90 days ago where left out."`
	}
	handle(d, operation{method: "GET", path: "/limit/unused", summary: "What is granted against what was used", section: "limit"},
		func(ctx context.Context, s session, in *window) (*answer[limit.UsageReport], error) {
			used, err := s.room.Unused(ctx, s.caller, in.Since)
			return answering(used.Report, err)
		})
	handle(d, operation{method: "GET", path: "/limit/proposals", summary: "What of the policies could go, since nobody used it", section: "limit"},
		func(ctx context.Context, s session, in *window) (*answer[limit.Proposed], error) {
			used, err := s.room.Unused(ctx, s.caller, in.Since)
			if err != nil {
				return nil, err
			}
			return answering(used.Propose(used.Base, used.Report), nil)
		})
}

func notHere(what string) error { return door.NotHere(what) }
