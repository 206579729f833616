package console

import (
	"context"
	"sync"
	"time"

	"strongroom"
	"strongroom/door"
	"strongroom/limit"
)

// Bounds on what takes memory or long, of the whole server. Each of its rooms has an equal
// share, and at least one place; one person has half of their room's at most.
const (
	readersMost = 2 // documents read at once, each in some hundred megabytes
	wavesMost   = 4 // recordings listened to at once
	placeWait   = 10 * time.Second
)

// share is what one of so many rooms has of a bound of the whole.
func share(whole, rooms int) int { return max(1, whole/max(1, rooms)) }

// keeping is what the console keeps of one room, in memory alone: no other room's people
// take any of it.
type keeping struct {
	openings  openings
	searches  searches
	tasks     tasks
	dayStarts dayStarts
	badges    badges
	readers   *places
	waves     *places

	mu     sync.Mutex
	hash   string // of the policies that were looked at
	silent []limit.Unspoken
}

// unspoken answers of which actions no policy in force speaks. It is worked out once for
// each set.
func (k *keeping) unspoken(ctx context.Context, room *door.Room) ([]limit.Unspoken, error) {
	hash, err := room.Vault.PolicyInForce()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if hash != k.hash {
		set, err := room.InForce(ctx)
		if err != nil {
			return nil, err
		}
		k.hash, k.silent = set.Hash(), set.Unspoken(limit.Default())
	}
	return k.silent, nil
}

func keepings(rooms []door.Room) map[strongroom.ID]*keeping {
	readers, waves := make(chan struct{}, readersMost), make(chan struct{}, wavesMost)
	out := make(map[strongroom.ID]*keeping, len(rooms))
	for _, r := range rooms {
		out[r.Vault.ID] = &keeping{
			openings: openings{most: share(openingsMost, len(rooms))},
			searches: searches{most: share(searchesMost, len(rooms))},
			tasks:    tasks{most: share(tasksMost, len(rooms))},
			readers:  newPlaces(readers, len(rooms)),
			waves:    newPlaces(waves, len(rooms)),
		}
	}
	return out
}

// places are how many of a room may do something at once: so many of one person, so many
// of the room, so many of the server.
type places struct {
	each      int // of one person
	room, all chan struct{}
	mu        sync.Mutex
	of        map[strongroom.ID]*turn // by person
}

// turn are one person's places, as long as they hold or wait for one.
type turn struct {
	places chan struct{}
	takers int
}

func newPlaces(all chan struct{}, rooms int) *places {
	most := share(cap(all), rooms)
	return &places{each: max(1, most/2), room: make(chan struct{}, most), all: all, of: map[strongroom.ID]*turn{}}
}

// take waits shortly for a place, and answers how to give it back.
func (p *places) take(ctx context.Context, by strongroom.ID) (func(), error) {
	wait, cancel := context.WithTimeout(ctx, placeWait)
	defer cancel()
	p.mu.Lock()
	own := p.of[by]
	if own == nil {
		own = &turn{places: make(chan struct{}, p.each)}
		p.of[by] = own
	}
	own.takers++
	p.mu.Unlock()
	var held []chan struct{}
	leave := func() {
		for _, c := range held {
			<-c
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if own.takers--; own.takers == 0 {
			delete(p.of, by)
		}
	}
	for _, c := range []chan struct{}{own.places, p.room, p.all} {
		select {
		case c <- struct{}{}:
			held = append(held, c)
			continue
		case <-wait.Done():
		}
		leave()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, &strongroom.Error{Kind: strongroom.KindBusy, Message: "many documents are being read just now", Hint: "try again in a moment"}
	}
	return sync.OnceFunc(leave), nil
}
