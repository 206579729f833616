package s3store_test

import (
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"strongroom"
	"strongroom/internal/disk"
	"strongroom/internal/s3store"
	"strongroom/vault"
)

// benchmarked are the stores side by side: files, and a server on the same machine.
func benchmarked(b *testing.B, do func(b *testing.B, blobs vault.Blobs)) {
	b.Run("disk", func(b *testing.B) {
		blobs, err := disk.Open(b.TempDir(), true)
		if err != nil {
			b.Fatal(err)
		}
		do(b, blobs)
	})
	for _, name := range []string{"minio", "versitygw"} {
		b.Run(name, func(b *testing.B) {
			s := start(b, name)
			blobs, err := s3store.Open(b.Context(), s.place(s.bucket(b)))
			if err != nil {
				b.Fatal(err)
			}
			do(b, blobs)
		})
	}
}

var benchmarkSizes = []int{1 << 20, 10 << 20}

// BenchmarkWrite commits blobs, four at once for each processor.
func BenchmarkWrite(b *testing.B) {
	for _, size := range benchmarkSizes {
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			benchmarked(b, func(b *testing.B, blobs vault.Blobs) {
				what := content(size)
				b.SetBytes(int64(size))
				b.SetParallelism(4)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := store(b.Context(), blobs, strongroom.NewID().String(), what); err != nil {
							b.Error(err)
						}
					}
				})
			})
		})
	}
}

// BenchmarkRead opens blobs and reads them in order, 256 KiB at a time as the vault does.
func BenchmarkRead(b *testing.B) {
	for _, size := range benchmarkSizes {
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			benchmarked(b, func(b *testing.B, blobs vault.Blobs) {
				var names []string
				for range 8 {
					name := strongroom.NewID().String()
					if err := store(b.Context(), blobs, name, content(size)); err != nil {
						b.Fatal(err)
					}
					names = append(names, name)
				}
				b.SetBytes(int64(size))
				b.SetParallelism(4)
				b.ReportAllocs()
				var next atomic.Int64
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					buffer := make([]byte, 256<<10)
					for pb.Next() {
						r, err := blobs.Open(b.Context(), names[int(next.Add(1))%len(names)])
						if err != nil {
							b.Error(err)
							continue
						}
						if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.NewSectionReader(r, 0, r.Size())}, buffer); err != nil {
							b.Error(err)
						}
						r.Close()
					}
				})
			})
		})
	}
}
