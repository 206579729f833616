package api

import (
	"context"
	"time"

	"strongroom"
	"strongroom/vault"
)

// object is a stored version as the API tells of it: never content, which has one door,
// S3's.
type object struct {
	Bucket   string            `json:"bucket"`
	Key      string            `json:"key"`
	Version  string            `json:"version,omitempty"`
	Size     int64             `json:"size" doc:"Bytes of content."`
	Modified time.Time         `json:"modified"`
	ETag     string            `json:"etag"`
	Headers  map[string]string `json:"headers,omitempty"`
	Meta     map[string]string `json:"meta,omitempty"`
	Label    *strongroom.Label `json:"label,omitempty"`
	Hold     bool              `json:"legal_hold,omitempty"`
	Scrubbed bool              `json:"scrubbed,omitempty"`
}

// BucketName is an operation on one bucket.
type BucketName struct {
	Bucket string `path:"bucket" maxLength:"63"`
}

type bucket struct {
	Name    string    `json:"name"`
	Custody string    `json:"custody"`
	Created time.Time `json:"created"`
}

func (d *service) objects() {
	handle(d, operation{method: "GET", path: "/buckets", summary: "The buckets, in order of name", section: "objects"},
		func(ctx context.Context, s session, in *struct{ Paging }) (*answer[Page[bucket]], error) {
			all, err := s.room.Vault.ListBuckets(ctx, s.caller)
			if err != nil {
				return nil, err
			}
			shown := make([]bucket, 0, len(all))
			for _, b := range all {
				shown = append(shown, bucket{b.Name, b.Custody, b.Created})
			}
			sortBy(shown, func(b bucket) string { return b.Name })
			return answering(paged(shown, in.Paging, func(b bucket) string { return b.Name }))
		})
	handle(d, operation{method: "GET", path: "/buckets/{bucket}/objects", summary: "What a bucket's keys name now, in order of key", section: "objects"},
		func(ctx context.Context, s session, in *struct {
			BucketName
			Paging
			Prefix string `query:"prefix" maxLength:"1024"`
		}) (*answer[Page[object]], error) {
			from, _, err := after[string](in.Cursor)
			if err != nil {
				return nil, err
			}
			list, err := s.room.Vault.List(ctx, s.caller, vault.ListRequest{Bucket: in.Bucket, Prefix: in.Prefix, After: from, Max: in.Limit})
			if err != nil {
				return nil, err
			}
			page := Page[object]{Items: make([]object, 0, len(list.Objects))}
			for _, o := range list.Objects {
				page.Items = append(page.Items, object{Bucket: o.Bucket, Key: o.Key, Version: o.VersionName(), Size: o.Size, Modified: o.Modified, ETag: o.ETag})
			}
			if list.Next != "" {
				page.Next = cursor(list.Next)
			}
			return answering(page, nil)
		})
	handle(d, operation{method: "GET", path: "/buckets/{bucket}/object", summary: "What one object is; content has one door, S3's", section: "objects"},
		func(ctx context.Context, s session, in *struct {
			BucketName
			Key     string `query:"key" required:"true" maxLength:"1024"`
			Version string `query:"version" maxLength:"64"`
		}) (*answer[object], error) {
			o, err := s.room.Vault.Head(ctx, s.caller, in.Bucket, in.Key, in.Version)
			if err != nil {
				return nil, err
			}
			return answering(object{
				Bucket: in.Bucket, Key: in.Key, Version: o.VersionName(), Size: o.Size, Modified: o.Modified, ETag: o.ETag, Headers: o.Headers, Meta: o.Meta,
				Label: &o.Label, Hold: o.LegalHold, Scrubbed: o.Scrubbed,
			}, nil)
		})
}
