package console

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"strongroom"
	"strongroom/door/viewer"
	"strongroom/vault"
)

// Bounds on openings.
const (
	openingLife       = 30 * time.Minute
	openingsMost      = 4096 // of all rooms
	openingsInSession = 16
	openingsOfEach    = 64 // of one person, whatever sessions they have
	// reportsMost is how often one opening's player is put on record.
	reportsMost = 12
)

// opening is one content that somebody opened for a purpose: what plays and shows it asks
// by it. It permits nothing: each read asks the vault again.
type opening struct {
	ID      string // 128 random bits in hex
	Version strongroom.ID
	Purpose strongroom.Purpose
	Object  strongroom.Object
	Form    viewer.Form
	Began   time.Time
	Ends    time.Time

	by      strongroom.ID
	session string

	mu         sync.Mutex
	lease      strongroom.ID // the last one it was served from
	release    int64
	wave       *viewer.Wave
	transcript *strongroom.Object // that there is, for those who may open it
	told       bool               // that the transcript was read is on record

	reporting sync.Mutex // held while a report is put on record
	reports   int        // that are on record
	played    int64      // milliseconds, as they say
}

// openings are those of one room.
type openings struct {
	most int
	mu   sync.Mutex
	all  map[string]*opening
}

// add keeps an opening. Of one session, and of one person, the oldest gives way.
func (s *openings) add(o *opening, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]*opening{}
	}
	var oldest, oldestOwn *opening // of the session, of the person
	n, own := 0, 0
	for id, other := range s.all {
		if !now.Before(other.Ends) {
			delete(s.all, id)
			continue
		}
		if other.by == o.by {
			if own++; oldestOwn == nil || other.Began.Before(oldestOwn.Began) {
				oldestOwn = other
			}
		}
		if other.session == o.session {
			if n++; oldest == nil || other.Began.Before(oldest.Began) {
				oldest = other
			}
		}
	}
	switch {
	case n >= openingsInSession:
		delete(s.all, oldest.ID)
	case own >= openingsOfEach:
		delete(s.all, oldestOwn.ID)
	}
	if len(s.all) >= s.most {
		return &strongroom.Error{Kind: strongroom.KindBusy, Message: "as much is opened here as may be", Hint: "wait a few minutes"}
	}
	var b [16]byte
	rand.Read(b[:])
	o.ID = hex.EncodeToString(b[:])
	s.all[o.ID] = o
	return nil
}

// find answers an opening to the session that made it, for the object that it is of.
func (s *openings) find(id, session string, version strongroom.ID, now time.Time) (*opening, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.all[id]
	if !ok || o.session != session || o.Version != version || !now.Before(o.Ends) {
		return nil, false
	}
	return o, true
}

// errOver says that an opening is no more, or never was.
var errOver = &strongroom.Error{Kind: strongroom.KindNoObject, Message: "this opening has ended"}

// errGone says that an object is no more, or its name means another now.
var errGone = &strongroom.Error{Kind: strongroom.KindNoObject, Message: "there is no such recording"}

// opened is the opening that the path names.
func (v *visit) opened() (*opening, error) {
	id, err := strongroom.ParseID(v.r.PathValue("id"))
	if err != nil {
		return nil, errOver
	}
	o, ok := v.keeps.openings.find(v.r.PathValue("opening"), v.who.ID, id, v.c.Clock())
	if !ok {
		return nil, errOver
	}
	v.caller.Purpose = o.Purpose
	return o, nil
}

// where names the version of an id, for the vault.
func (v *visit) where(id strongroom.ID) (vault.ObjectAt, error) {
	bucket, key, version, ok := v.room.Vault.Locate(id)
	if !ok {
		return vault.ObjectAt{}, errGone
	}
	return vault.ObjectAt{Bucket: bucket, Key: key, Version: version, Is: id}, nil
}

// request asks for a version's content by its id, and for nothing else that its name may
// mean by then.
func (v *visit) ask(id strongroom.ID, inward bool, plan func(strongroom.Object) (int64, int64, error)) (vault.GetRequest, vault.ObjectAt, error) {
	at, err := v.where(id)
	return vault.GetRequest{Bucket: at.Bucket, Key: at.Key, Version: at.Version, Shared: true, Inward: inward, Plan: func(o strongroom.Object) (int64, int64, error) {
		if o.Version != id {
			return 0, 0, errGone
		}
		return plan(o)
	}}, at, err
}

// open opens a version for the visit's caller and purpose.
func (v *visit) open(id strongroom.ID, inward bool, plan func(strongroom.Object) (int64, int64, error)) (*vault.Opened, error) {
	req, _, err := v.ask(id, inward, plan)
	if err != nil {
		return nil, err
	}
	return v.room.Vault.Open(v.r.Context(), v.caller, req)
}

// served notes by which lease an opening is served.
func (o *opening) served(from *vault.Opened) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lease, o.release = from.Lease, from.Release
}

// upTo plans to read at most so many bytes from the beginning.
func upTo(most int64) func(strongroom.Object) (int64, int64, error) {
	return func(o strongroom.Object) (int64, int64, error) { return 0, min(o.Size, most), nil }
}

// read reads the beginning of a content into memory.
func (v *visit) read(o *opening, most int64) ([]byte, error) {
	from, err := v.open(o.Version, false, upTo(most))
	if err != nil {
		return nil, err
	}
	o.served(from)
	return whole(from)
}

func whole(from *vault.Opened) ([]byte, error) {
	var b bytes.Buffer
	_, err := from.WriteTo(&b)
	if e := from.Close(); err == nil {
		err = e
	}
	return b.Bytes(), err
}
