package api

import "context"

func (d *service) findings() {
	handle(d, operation{method: "POST", path: "/findings", section: "alert", status: 204,
		summary: "Put on record what a workload noticed outside the room: for workloads alone"},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Kind   string `json:"kind" pattern:"^[a-z][a-z0-9-]{0,63}$" doc:"One word for what it is, such as landing-overdue. Conditions of alerts go by it."`
				Detail string `json:"detail" minLength:"1" maxLength:"1024" doc:"A sentence that names no person, object or customer."`
			}
		}) (*none, error) {
			return nil, s.room.Vault.Report(ctx, s.caller, in.Body.Kind, in.Body.Detail)
		})
}
