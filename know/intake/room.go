package intake

import (
	"context"
	"errors"
	"fmt"
	"io"

	"strongroom"
	"strongroom/vault"
)

// Room is the front door of a room in this process, as seen by one principal. As is
// asked before each request, so that a suspension holds at once.
type Room struct {
	Room *vault.Room
	As   func() (vault.Caller, error)
	name string
}

// Inside makes a Store of a room in this process.
func Inside(room *vault.Room, as func() (vault.Caller, error)) (*Room, error) {
	c, err := as()
	if err != nil {
		return nil, err
	}
	return &Room{room, as, c.Principal.Name}, nil
}

var (
	_ Store    = (*Room)(nil)
	_ Reporter = (*Room)(nil)
)

// Name implements Store.
func (r *Room) Name() string { return r.name }

func (r *Room) caller() (vault.Caller, error) {
	c, err := r.As()
	if err != nil {
		return c, fmt.Errorf("looking up who this is: %w", err)
	}
	c.RequestID = strongroom.NewID().String()
	c.Purpose = strongroom.Purpose{Text: Purpose}
	return c, nil
}

// Put implements Store.
func (r *Room) Put(ctx context.Context, o Object, body io.Reader) error {
	c, err := r.caller()
	if err != nil {
		return err
	}
	headers := map[string]string{}
	if o.ContentType != "" {
		headers["Content-Type"] = o.ContentType
	}
	_, err = r.Room.Put(ctx, c, vault.PutRequest{
		Bucket: o.Bucket, Key: o.Key, Size: o.Size, Declared: vault.Declared{Headers: headers, Meta: o.Meta}, Precondition: vault.Precondition{IfNoneMatch: true},
	}, body)
	if strongroom.KindOf(err) == strongroom.KindPrecondition {
		return errors.Join(ErrExists, err)
	}
	return err
}

// Head implements Store.
func (r *Room) Head(ctx context.Context, bucket, key string) (Object, error) {
	c, err := r.caller()
	if err != nil {
		return Object{}, err
	}
	o, err := r.Room.Head(ctx, c, bucket, key, "")
	switch strongroom.KindOf(err) {
	case strongroom.KindDenied, strongroom.KindNoObject:
		return Object{}, errors.Join(ErrHidden, err)
	}
	return Object{Bucket: bucket, Key: key, Size: o.Size, Meta: o.Meta}, err
}

// Read implements Store.
func (r *Room) Read(ctx context.Context, bucket, key string, w io.Writer) error {
	c, err := r.caller()
	if err != nil {
		return err
	}
	opened, err := r.Room.Open(ctx, c, vault.GetRequest{Bucket: bucket, Key: key, Plan: func(o strongroom.Object) (int64, int64, error) {
		return 0, o.Size, nil
	}})
	if err != nil {
		return err
	}
	_, err = opened.WriteTo(w)
	return errors.Join(err, opened.Close())
}

// Report implements Reporter.
func (r *Room) Report(ctx context.Context, kind, detail string) error {
	c, err := r.caller()
	if err != nil {
		return err
	}
	return r.Room.Report(ctx, c, kind, detail)
}
