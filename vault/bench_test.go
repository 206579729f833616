package vault_test

import (
	"io"
	"testing"

	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// BenchmarkRead is a whole read of 1 MiB by eight callers at once: decided, recorded,
// proved, unwrapped, verified and its delivery recorded.
func BenchmarkRead(b *testing.B) {
	r := housetest.New(b, house.Options{})
	r.Bucket("calls")
	r.Put("calls", "call.wav", content(b, 1<<20), nil)
	b.SetBytes(1 << 20)
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			o, err := r.Room.Open(b.Context(), r.Owner, vault.GetRequest{Bucket: "calls", Key: "call.wav", Plan: whole})
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := o.WriteTo(io.Discard); err != nil {
				b.Error(err)
			}
			if err := o.Close(); err != nil {
				b.Error(err)
			}
		}
	})
}
