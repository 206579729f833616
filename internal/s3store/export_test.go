package s3store

import (
	"context"
	"time"
)

const (
	PartSize = partSize
	Small    = small
)

// OpenHasty opens as Open does, with short pauses and little kept.
func OpenHasty(ctx context.Context, c Config) (*Blobs, error) {
	return open(ctx, c, limits{attempts: 5, backoff: 50 * time.Millisecond, stall: time.Second, attempt: 20 * time.Second, idle: 300 * time.Millisecond, pause: 300 * time.Millisecond, held: 2 << 20, page: 7})
}

// OpenPatient opens as Open does; an idle stream is not given up however slow the machine.
func OpenPatient(ctx context.Context, c Config) (*Blobs, error) {
	patient := usual
	patient.stall, patient.pause = time.Minute, time.Minute
	return open(ctx, c, patient)
}

// Held is what idle readers keep.
func (b *Blobs) Held() int64 {
	b.idle.mu.Lock()
	defer b.idle.mu.Unlock()
	return b.idle.held
}

// Key is the object's key of a blob.
func (b *Blobs) Key(name string) string {
	key, err := b.key(name)
	if err != nil {
		panic(err)
	}
	return key
}

// EnvKeyID is where a person is told to put the credentials.
const EnvKeyID = envKeyID
