package api

import (
	"context"
	"net/http"
	"time"

	"strongroom"
	"strongroom/classify"
	"strongroom/door"
	"strongroom/vault"
)

// labelled is an object's label and where it comes from.
type labelled struct {
	Bucket    string           `json:"bucket"`
	Key       string           `json:"key"`
	Version   string           `json:"version"`
	Label     strongroom.Label `json:"label"`
	Labelling *vault.Labelling `json:"labelling,omitempty" doc:"None: the label is what storing gave it."`
	Detectors string           `json:"detectors" doc:"The version of those of now."`
}

func labelledAs(o strongroom.Object, l vault.Labelling, err error) (*answer[labelled], error) {
	out := labelled{Bucket: o.Bucket, Key: o.Key, Version: o.VersionName(), Label: o.Label, Detectors: classify.Version()}
	if l.By != "" {
		out.Labelling = &l
	}
	return answering(out, err)
}

// ObjectAt is an operation on one version of an object.
type ObjectAt struct {
	BucketName
	Key     string `query:"key" required:"true" maxLength:"1024"`
	Version string `query:"version" maxLength:"64" doc:"The current one where left out."`
}

func (d *service) classify() {
	handle(d, operation{method: "GET", path: "/buckets/{bucket}/label", summary: "An object's label and where it comes from", section: "classify"},
		func(ctx context.Context, s session, in *ObjectAt) (*answer[labelled], error) {
			return labelledAs(s.room.Vault.LabelOf(ctx, s.caller, in.Bucket, in.Key, in.Version))
		})
	handle(d, operation{method: "PUT", path: "/buckets/{bucket}/label", summary: "Set an object's label; a less strict one takes what policy asks for", section: "classify"},
		func(ctx context.Context, s session, in *struct {
			ObjectAt
			Body struct {
				Confidential *bool    `json:"confidential,omitempty" doc:"As it is where left out."`
				Classes      []string `json:"classes,omitempty" maxItems:"32" doc:"Together they take the place of those it has; as they are where left out."`
				Reason       string   `json:"reason" minLength:"1" maxLength:"512" doc:"Why, for the label and the record."`
			}
		}) (*answer[labelled], error) {
			if in.Body.Confidential == nil && in.Body.Classes == nil {
				return nil, invalid("say whether it is confidential, or its classes")
			}
			return labelledAs(s.room.Vault.Relabel(ctx, s.caller, vault.Relabelling{
				Bucket: in.Bucket, Key: in.Key, Version: in.Version, Confidential: in.Body.Confidential, Classes: in.Body.Classes, Reason: in.Body.Reason,
			}))
		})
	handle(d, operation{method: "POST", path: "/classifications", summary: "Have what is stored looked through; labels only become stricter", section: "classify", status: http.StatusAccepted},
		func(ctx context.Context, s session, in *struct {
			Body struct {
				Bucket string    `json:"bucket,omitempty" maxLength:"63" doc:"Only this bucket."`
				Prefix string    `json:"prefix,omitempty" maxLength:"1024" doc:"Only keys of the bucket that begin so."`
				Since  time.Time `json:"since,omitzero" required:"false" doc:"Only what was stored from then on."`
				Again  bool      `json:"again,omitempty" doc:"Also what the detectors of now have looked at already."`
				Dry    bool      `json:"dry_run,omitempty" doc:"Change no label. Content is opened, on record, all the same."`
			}
		}) (*answer[door.Classification], error) {
			if s.room.Classifier == nil {
				return nil, notHere("classifier")
			}
			if in.Body.Prefix != "" && in.Body.Bucket == "" {
				return nil, invalid("a prefix is of one bucket")
			}
			return answering(s.room.Classifier.Ask(ctx, s.caller, door.Classification{Bucket: in.Body.Bucket, Prefix: in.Body.Prefix, Since: in.Body.Since, Again: in.Body.Again, Dry: in.Body.Dry}))
		})
	handle(d, operation{method: "GET", path: "/classifications/{id}", summary: "How far a run is, and what it found, for whoever may have asked for it", section: "classify"},
		func(ctx context.Context, s session, in *ByID) (*answer[door.Classification], error) {
			if s.room.Classifier == nil {
				return nil, notHere("classifier")
			}
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			x, found, err := s.room.Classifier.Run(id)
			if err != nil {
				return nil, err
			}
			// The same refusal whether there is such a run or not.
			if err := s.room.Vault.MayClassify(ctx, s.caller, x.Bucket, x.Prefix); err != nil && (found || strongroom.KindOf(err) == strongroom.KindDenied) {
				return nil, err
			}
			if !found {
				return nil, notThere("there is no such run")
			}
			return answering(x, nil)
		})
	handle(d, operation{method: "GET", path: "/detectors", summary: "What the classifier looks for, in order of id", section: "classify"},
		func(_ context.Context, _ session, in *struct{ Paging }) (*answer[Page[classify.Detector]], error) {
			return answering(listed(classify.Detectors(), in.Paging, func(d classify.Detector) string { return d.ID }))
		})
}
