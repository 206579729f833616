package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/door"
	"strongroom/monitor"
)

const (
	// countPatience is how long a question waits until what is on record is counted.
	countPatience = 3 * time.Second
	// mostUses bounds how many lines are told of one object.
	mostUses = 10_000
	// lastOpened is how many objects a dossier names.
	lastOpened = 20
)

// counted is one page of what was counted.
type counted[T any] struct {
	AsOf door.AsOf `json:"as_of"`
	Page[T]
}

// UsageFilter narrows a question about usage.
type UsageFilter struct {
	Since   time.Time         `query:"since" doc:"Whole hours of UTC are counted; rounded down."`
	Until   time.Time         `query:"until" doc:"Rounded up."`
	Bucket  string            `query:"bucket" maxLength:"63"`
	Queue   string            `query:"queue" maxLength:"256"`
	Class   string            `query:"class" maxLength:"64" doc:"Only objects whose label has this class."`
	Action  strongroom.Action `query:"action" maxLength:"64"`
	Refused bool              `query:"refused" doc:"Only what was refused."`
}

func (f UsageFilter) filter() (monitor.Filter, error) {
	out := monitor.Filter{Since: f.Since, Until: f.Until, Bucket: f.Bucket, Queue: f.Queue, Class: f.Class, Action: f.Action}
	if f.Refused {
		out.Outcome = strongroom.Refused
	}
	if !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return out, invalid("since is not before until")
	}
	return out, nil
}

// question is what was asked, in the words of the commands, for the record.
func (f UsageFilter) question(words ...string) string {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	for _, flag := range [][2]string{{"since", stamp(f.Since)}, {"until", stamp(f.Until)}, {"bucket", f.Bucket}, {"queue", f.Queue}, {"class", f.Class}, {"action", string(f.Action)}} {
		if flag[1] != "" {
			words = append(words, "--"+flag[0], flag[1])
		}
	}
	if f.Refused {
		words = append(words, "--refused")
	}
	return strings.Join(words, " ")
}

// Zoned is a question whose answer depends on a time zone.
type Zoned struct {
	Zone string `query:"zone" maxLength:"64" default:"UTC" doc:"Time zone of the answer, such as Europe/Paris."`
}

func (z Zoned) zone() (*time.Location, error) {
	zone, err := time.LoadLocation(z.Zone)
	if err != nil || z.Zone == "Local" {
		return nil, invalid("zone is no time zone: give UTC, or a name such as Europe/Paris")
	}
	return zone, nil
}

// usageAsked is one permitted question.
type usageAsked struct{ door.Usage }

// usageOf asks the vault, and waits a while until what was on record before is counted; for
// a page after the first it does not.
func (d *service) usageOf(ctx context.Context, s session, question string, p Paging) (usageAsked, error) {
	if s.room.Monitor == nil {
		return usageAsked{}, notHere("monitoring")
	}
	patience := countPatience
	if p.Cursor != "" {
		patience = 0
	}
	u, err := s.room.Usage(ctx, s.caller, question, patience)
	return usageAsked{u}, err
}

// actor finds the pseudonym of a name, or takes the pseudonym itself.
func (a usageAsked) actor(name string) (string, error) {
	actor, known := a.Actor(name)
	if !known {
		return "", notThere("there is no principal " + name + ", and no record names one")
	}
	return actor, nil
}

// pace is how often somebody opened something in an hour.
type pace struct {
	Who string `json:"who"`
	monitor.Pace
	Peers []peers `json:"peers,omitempty" doc:"What is usual in the groups that they were in."`
}

type peers struct {
	Group string `json:"group"`
	strongroom.Baseline
}

// objectUse is how often somebody used a version of an object.
type objectUse struct {
	Who string `json:"who"`
	monitor.ObjectUse
}

type usageWeek struct {
	AsOf door.AsOf    `json:"as_of"`
	When monitor.Week `json:"when" doc:"[0] is Monday, [0][0] its hour from 00:00."`
}

type usageDossier struct {
	AsOf   door.AsOf       `json:"as_of"`
	Person monitor.Dossier `json:"person"`
}

func (d *service) monitor() {
	handle(d, operation{method: "GET", path: "/usage/who", summary: "Who did how much, in order of pseudonym", section: "monitor"},
		func(ctx context.Context, s session, in *struct {
			Paging
			UsageFilter
		}) (*answer[counted[monitor.Person]], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			a, err := d.usageOf(ctx, s, in.question("who"), in.Paging)
			if err != nil {
				return nil, err
			}
			all, err := a.Who(ctx, f)
			if err != nil {
				return nil, err
			}
			for i, p := range all {
				all[i].Name = a.Name(p.Actor.Actor)
			}
			page, err := listed(all, in.Paging, func(p monitor.Person) string { return p.Actor.Actor })
			return answering(counted[monitor.Person]{a.AsOf, page}, err)
		})
	handle(d, operation{method: "GET", path: "/usage/what", summary: "What was done, by bucket, queue and classes, in that order", section: "monitor"},
		func(ctx context.Context, s session, in *struct {
			Paging
			UsageFilter
		}) (*answer[counted[monitor.Thing]], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			a, err := d.usageOf(ctx, s, in.question("what"), in.Paging)
			if err != nil {
				return nil, err
			}
			all, err := a.What(ctx, f)
			if err != nil {
				return nil, err
			}
			page, err := listed(all, in.Paging, func(t monitor.Thing) string {
				return strings.Join(append([]string{t.Bucket, t.Queue}, t.Classes...), "\x00")
			})
			return answering(counted[monitor.Thing]{a.AsOf, page}, err)
		})
	handle(d, operation{method: "GET", path: "/usage/when", summary: "How much was done in each hour of the week", section: "monitor"},
		func(ctx context.Context, s session, in *struct {
			UsageFilter
			Zoned
			Person string `query:"person" maxLength:"128" doc:"Only this person, by name or pseudonym."`
		}) (*answer[usageWeek], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			zone, err := in.zone()
			if err != nil {
				return nil, err
			}
			words := []string{"when"}
			if in.Person != "" {
				words = append(words, "--person", in.Person)
			}
			a, err := d.usageOf(ctx, s, in.question(words...), Paging{})
			if err != nil {
				return nil, err
			}
			if in.Person != "" {
				if f.Actor, err = a.actor(in.Person); err != nil {
					return nil, err
				}
			}
			w, err := a.When(ctx, f, zone)
			return answering(usageWeek{a.AsOf, w}, err)
		})
	handle(d, operation{method: "GET", path: "/usage/often", summary: "Releases of an hour beside what is usual for each person and their peers, in order of pseudonym", section: "monitor"},
		func(ctx context.Context, s session, in *struct {
			Paging
			At     time.Time `query:"at" doc:"An hour of the past instead of this one."`
			Weeks  int       `query:"weeks" minimum:"1" maximum:"520" default:"12" doc:"How many weeks back to compare with."`
			Person string    `query:"person" maxLength:"128" doc:"Only this person, also where there was nothing."`
		}) (*answer[counted[pace]], error) {
			at := in.At
			if at.IsZero() {
				at = s.room.Vault.Clock()
			}
			question := fmt.Sprintf("often --weeks %d", in.Weeks)
			if !in.At.IsZero() {
				question += " --at " + in.At.UTC().Format(time.RFC3339)
			}
			if in.Person != "" {
				question += " --person " + in.Person
			}
			a, err := d.usageOf(ctx, s, question, in.Paging)
			if err != nil {
				return nil, err
			}
			all, err := a.paces(ctx, in.Person, at, in.Weeks)
			if err != nil {
				return nil, err
			}
			page, err := listed(all, in.Paging, func(p pace) string { return p.Actor })
			if err != nil {
				return nil, err
			}
			return answering(counted[pace]{a.AsOf, page}, a.peers(ctx, page.Items, at, in.Weeks))
		})
	handle(d, operation{method: "GET", path: "/usage/people/{name}", summary: "All that is counted of one person, by name or pseudonym", section: "monitor"},
		func(ctx context.Context, s session, in *struct {
			Named
			UsageFilter
			Zoned
		}) (*answer[usageDossier], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			zone, err := in.zone()
			if err != nil {
				return nil, err
			}
			a, err := d.usageOf(ctx, s, in.question("person", in.Name), Paging{})
			if err != nil {
				return nil, err
			}
			if f.Actor, err = a.actor(in.Name); err != nil {
				return nil, err
			}
			dossier, err := a.Dossier(ctx, f, lastOpened, zone)
			dossier.Name = a.Name(f.Actor)
			return answering(usageDossier{a.AsOf, dossier}, err)
		})
	handle(d, operation{method: "GET", path: "/usage/object", summary: "Who used one object, of all time, in order of version and pseudonym", section: "monitor"},
		func(ctx context.Context, s session, in *struct {
			Paging
			Bucket  string `query:"bucket" required:"true" maxLength:"63"`
			Key     string `query:"key" required:"true" maxLength:"1024" doc:"Whether or not it is still there."`
			Refused bool   `query:"refused" doc:"Only those who were refused."`
		}) (*answer[counted[objectUse]], error) {
			question := "object " + in.Bucket + "/" + in.Key
			if in.Refused {
				question += " --refused"
			}
			a, err := d.usageOf(ctx, s, question, in.Paging)
			if err != nil {
				return nil, err
			}
			uses, err := a.UsesOf(ctx, in.Bucket, in.Key, mostUses)
			if err != nil {
				return nil, err
			}
			lines := make([]objectUse, 0, len(uses))
			for _, u := range uses {
				if !in.Refused || u.Refused > 0 {
					lines = append(lines, objectUse{a.Name(u.Actor), u})
				}
			}
			page, err := listed(lines, in.Paging, func(u objectUse) string { return u.Version.String() + " " + u.Actor })
			return answering(counted[objectUse]{a.AsOf, page}, err)
		})
}

// paces are those of everybody to whom something was released in the hour, or of one.
func (a usageAsked) paces(ctx context.Context, name string, at time.Time, weeks int) ([]pace, error) {
	var found []monitor.Pace
	if name == "" {
		var err error
		if found, err = a.Often(ctx, at, weeks); err != nil {
			return nil, err
		}
	} else {
		actor, err := a.actor(name)
		if err != nil {
			return nil, err
		}
		p := monitor.Pace{Actor: actor}
		if p.Count, err = a.InHour(ctx, actor, at); err != nil {
			return nil, err
		}
		if p.Baseline, err = a.Usual(ctx, actor, at, weeks); err != nil {
			return nil, err
		}
		found = append(found, p)
	}
	out := make([]pace, 0, len(found))
	for _, p := range found {
		out = append(out, pace{Who: a.Name(p.Actor), Pace: p})
	}
	return out, nil
}

// peers adds what is usual in the groups that people were in when something was released
// to them in the hour.
func (a usageAsked) peers(ctx context.Context, page []pace, at time.Time, weeks int) error {
	uses, err := a.Uses(ctx, monitor.Filter{Since: at, Until: at.Add(time.Nanosecond), Action: strongroom.ActionReadObject, Outcome: strongroom.Permitted})
	if err != nil {
		return err
	}
	groups := map[string][]string{}
	for _, u := range uses {
		groups[u.Actor] = append(groups[u.Actor], u.Groups...)
	}
	usual := map[string]strongroom.Baseline{}
	for i := range page {
		in := groups[page[i].Actor]
		slices.Sort(in)
		for _, g := range slices.Compact(in) {
			if _, known := usual[g]; !known {
				if usual[g], err = a.UsualOfGroup(ctx, g, at, weeks); err != nil {
					return err
				}
			}
			page[i].Peers = append(page[i].Peers, peers{g, usual[g]})
		}
	}
	return nil
}
