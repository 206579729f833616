package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"

	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// A room that is stored into and read from while it is verified is not thereby found
// tampered with.
func TestVerifyBesideAServerFindsNothingThatIsNotThere(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Bucket("calls")
	stop := make(chan struct{})
	var work sync.WaitGroup
	defer work.Wait()
	defer close(stop)
	for k := range 3 {
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprintf("%d/%d", k, i%20)
				if _, err := r.House.Room.Put(t.Context(), r.Owner, vault.PutRequest{Bucket: "calls", Key: key, Size: -1}, bytes.NewReader([]byte("x"))); err != nil {
					t.Error(err)
					return
				}
				if _, err := r.Get(r.Owner, "calls", key, 0, -1); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 10 {
		info, b, err := house.AuditBook(t.Context(), r.Path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := verifyRoom(t.Context(), r.Path, info, b, nil, true, output{io.Discard, io.Discard})
		if err != nil || len(v.Problems) > 0 || v.State == nil || !v.State.Sound() {
			t.Fatalf("found %v, %+v: %v", v.Problems, v.State, err)
		}
		b.Close()
	}
}
