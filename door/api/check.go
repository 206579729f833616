package api

import (
	"context"
	"strings"

	"strongroom"
	"strongroom/limit"
	"strongroom/vault"
)

// checked is what policy would say, and why.
type checked struct {
	Principal   string              `json:"principal"`
	Action      strongroom.Action   `json:"action"`
	Bucket      string              `json:"bucket,omitempty"`
	Key         string              `json:"key,omitempty"`
	Stored      bool                `json:"stored" doc:"The object is there, and was asked about as it is."`
	Decision    strongroom.Decision `json:"decision"`
	Explanation string              `json:"explanation" doc:"One sentence."`
}

func (d *service) check() {
	handle(d, operation{method: "GET", path: "/limit/check", section: "limit",
		summary: "Would policy permit it, and why: for those who may read the policies, the principals (of another) and the object's metadata (of one that is stored)"},
		func(ctx context.Context, s session, in *struct {
			Principal string            `query:"principal" maxLength:"128" doc:"Whoever asks where left out."`
			Action    strongroom.Action `query:"action" maxLength:"64" default:"readObject"`
			Bucket    string            `query:"bucket" maxLength:"63"`
			Key       string            `query:"key" maxLength:"1024" doc:"One that is stored brings its attributes."`
			Attribute []string          `query:"attribute,explode" maxItems:"64" doc:"NAME=VALUE, of an object that is not stored. May be repeated."`
			Purpose   string            `query:"purpose" maxLength:"1024"`
			Ticket    string            `query:"ticket" maxLength:"128"`
			Language  string            `query:"language" enum:"en,fr" default:"en" doc:"Of the sentence."`
		}) (*answer[checked], error) {
			room := s.room.Vault
			if _, _, err := room.ReadPolicy(ctx, s.caller); err != nil {
				return nil, err
			}
			p := s.caller.Principal
			if in.Principal != "" && in.Principal != p.Name {
				if _, err := room.Principals(ctx, s.caller); err != nil {
					return nil, err
				}
				var known bool
				if p, known = room.PrincipalByName(in.Principal); !known {
					return nil, notThere("there is no principal " + in.Principal)
				}
			}
			resource := strongroom.Resource{Bucket: in.Bucket, Key: in.Key, Custody: vault.StandardCustody, Created: room.Clock().UTC()}
			stored := false
			if in.Key != "" {
				switch _, err := room.Head(ctx, s.caller, in.Bucket, in.Key, ""); strongroom.KindOf(err) {
				case "":
					if err != nil {
						return nil, err
					}
					if resource, err = room.ResourceOf(ctx, in.Bucket, in.Key); err != nil {
						return nil, err
					}
					stored = true
				case strongroom.KindNoBucket, strongroom.KindNoObject:
				default:
					return nil, err
				}
			} else {
				resource = strongroom.Resource{Bucket: in.Bucket}
			}
			if len(in.Attribute) > 0 {
				if stored {
					return nil, invalid("the object is stored and brings its own attributes: leave attribute out, or ask about a key that is not stored")
				}
				resource.Attributes = map[string]string{}
				for _, a := range in.Attribute {
					name, value, ok := strings.Cut(a, "=")
					if !ok {
						return nil, invalid("attribute is NAME=VALUE")
					}
					resource.Attributes[name] = value
				}
			}
			set, err := s.room.InForce(ctx)
			if err != nil {
				return nil, err
			}
			return answering(checkedBy(set, strongroom.Question{
				Action: in.Action, Principal: p, Resource: resource,
				Context: strongroom.Context{Time: room.Clock().UTC(), Method: "sigv4", Secure: true, Purpose: strongroom.Purpose{Text: in.Purpose, Ticket: in.Ticket}},
			}, stored, in.Language), nil)
		})
}

func checkedBy(set *limit.Set, q strongroom.Question, stored bool, language string) checked {
	decision := set.Decide(q)
	return checked{
		Principal: q.Principal.Name, Action: q.Action, Bucket: q.Resource.Bucket, Key: q.Resource.Key, Stored: stored,
		Decision: decision, Explanation: set.Explain(q, decision, language),
	}
}
