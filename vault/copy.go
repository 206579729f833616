package vault

import (
	"context"
	"errors"
	"io"

	"strongroom"
	"strongroom/book"
)

// KindCopy is the record of what was copied, beside that of the store.
const KindCopy = "copy"

// Copy stores a copy of a whole object version. Whoever asks must be permitted to open
// the source. Within a custody class the copy shares the sealed bytes, no key is asked
// for, and one commit holds the copy's record and the store's; else it is a release and
// a store. Label and legal hold come along.
func (r *Room) Copy(ctx context.Context, c Caller, req CopyRequest) (Copied, error) {
	for range 16 {
		done, err := r.copy(ctx, c, req)
		if _, changed := errors.AsType[*book.ConditionError](err); !changed {
			return done, err
		}
	}
	return Copied{}, conflict(errors.New("the source was replaced with every attempt"))
}

func (r *Room) copy(ctx context.Context, c Caller, req CopyRequest) (Copied, error) {
	source, a, err := r.source(ctx, c, req.Source)
	if err != nil {
		return Copied{}, err
	}
	declared := req.Declared
	if !req.ReplaceMeta {
		declared.Headers, declared.Meta = source.Headers, source.Meta
	}
	if !req.ReplaceTags {
		declared.Tags = source.Tags
	}
	o := source
	o.Upload, o.Labelled = strongroom.ID{}, nil // whatever was set was set for the source
	o.Object = strongroom.Object{
		Bucket: req.Bucket, Key: req.Key, Version: strongroom.NewID(), Blob: source.Blob, Size: source.Size,
		ETag: source.ETag, Checksums: source.Checksums, ChecksumType: source.ChecksumType, Parts: source.Parts,
	}
	declared.on(&o.Object)
	b, err := r.mayStore(ctx, c, &o.Object, req.Precondition, &source.Object)
	if err != nil {
		return Copied{}, err
	}
	if source.Size > MaxObject {
		return Copied{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "the specified copy source is larger than the maximum allowable size for a copy source: 5368709120"}
	}
	if _, has := source.Checksums[req.Algorithm]; b.Custody != source.Custody || req.Algorithm != "" && !has {
		return r.copyAnew(ctx, c, req, source, declared)
	}
	o.Label = join(source.Label, r.Classify(nil, declared.Headers["Content-Type"], declared.Meta))
	e := r.evidence(KindCopy, a)
	e.Blob, e.Version, e.Custody = source.Blob, source.Version, source.Custody
	p := a.personal()
	beside, err := newEntry(KindCopy, e, &p)
	if err != nil {
		return Copied{}, unavailable("the copy could not be recorded", err)
	}
	stored, err := r.place(ctx, c, b.Name, placing{
		object: o, precondition: req.Precondition, from: &source.Object, beside: &beside,
		// As long as this row is there nobody erases the blob, and as long as it is the one
		// that was read the copy misses no hold.
		change: book.Change{Require: []book.Condition{source.unchanged()}},
	})
	if err != nil {
		return Copied{}, err
	}
	return Copied{stored, source.Object}, nil
}

// source finds what is to be copied, and decides on opening it.
func (r *Room) source(ctx context.Context, c Caller, s Source) (objectBody, asked, error) {
	o, err := r.identify(ctx, c, strongroom.ActionReadObject, s.Bucket, s.Key, s.Version)
	if err != nil {
		return o, asked{}, err
	}
	a := r.decide(c, strongroom.ActionReadObject, resourceOf(o.Object))
	if !a.decision.Permit {
		return o, a, r.refuse(ctx, a)
	}
	if s.Plan != nil {
		if _, _, err := s.Plan(o.Object); err != nil {
			if unrecorded := r.noteMetadataRead(ctx, a, o, 0); unrecorded != nil {
				return o, a, unrecorded
			}
			return o, a, err
		}
	}
	return o, a, nil
}

// copyAnew opens the source and stores it again.
func (r *Room) copyAnew(ctx context.Context, c Caller, req CopyRequest, source objectBody, declared Declared) (Copied, error) {
	algorithm := req.Algorithm
	if algorithm == "" {
		for algorithm = range source.Checksums {
			break
		}
	}
	var stored strongroom.Object
	err := r.reread(ctx, c, GetRequest{
		Bucket: req.Source.Bucket, Key: req.Source.Key, Version: req.Source.Version,
		Plan: func(o strongroom.Object) (int64, int64, error) {
			if o.Version != source.Version {
				return 0, 0, &book.ConditionError{Condition: source.unchanged()} // and all is asked again
			}
			return 0, o.Size, nil
		},
	}, algorithm, req.Sum, func(content io.Reader, size int64, end AtEOF) (err error) {
		stored, err = r.put(ctx, c, PutRequest{
			Bucket: req.Bucket, Key: req.Key, Size: size, Declared: declared, Precondition: req.Precondition, AtEOF: end,
		}, &source.Object, content)
		return err
	})
	return Copied{stored, source.Object}, err
}

// CopyPart stores a range of an object version as a part of an upload: a release of the
// range, and a part like any other.
func (r *Room) CopyPart(ctx context.Context, c Caller, req PartCopyRequest) (Part, strongroom.Object, error) {
	u, _, err := r.upload(ctx, c, strongroom.ActionStoreObject, req.Bucket, req.Key, req.Upload)
	if err != nil {
		return Part{}, strongroom.Object{}, err
	}
	var part Part
	var source strongroom.Object
	err = r.reread(ctx, c, GetRequest{
		Bucket: req.Source.Bucket, Key: req.Source.Key, Version: req.Source.Version,
		Plan: func(o strongroom.Object) (int64, int64, error) {
			source = o
			return req.Source.Plan(o)
		},
	}, u.ChecksumAlgorithm, req.Sum, func(content io.Reader, size int64, end AtEOF) (err error) {
		part, err = r.putPart(ctx, c, PartRequest{
			Bucket: req.Bucket, Key: req.Key, Upload: req.Upload, Number: req.Number, Size: size, AtEOF: end,
		}, &source, content)
		return err
	})
	return part, source, err
}

// reread opens content and hands it to whoever stores it again.
func (r *Room) reread(ctx context.Context, c Caller, q GetRequest, algorithm string, sum Sum, store func(content io.Reader, size int64, end AtEOF) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opened, err := r.Open(ctx, c, q)
	if err != nil {
		return err
	}
	content, in := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, err := opened.WriteTo(in)
		in.CloseWithError(err)
		opened.Close()
	}()
	var body io.Reader = content
	var end AtEOF
	if sum != nil {
		body, end = sum(algorithm, content)
	}
	err = store(body, opened.Length, end)
	content.CloseWithError(errors.New("the copy ended"))
	<-ended
	return err
}
