package vault_test

import (
	"testing"

	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// What an inventory costs for each version stored.
func BenchmarkInventory(b *testing.B) {
	const objects = 100_000
	clock := clockAt(epoch)
	r := housetest.New(b, house.Options{Clock: clock.now})
	r.Bucket("calls")
	r.Fill("calls", objects, epoch)
	for b.Loop() {
		var n, bytes int64
		if _, err := r.Room.Inventory(b.Context(), r.Owner, vault.InventoryRequest{}, func(s vault.Stored) error {
			n, bytes = n+1, bytes+s.Size
			return nil
		}); err != nil || n != objects || bytes == 0 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/objects, "ns/version")
}
