package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// endpoint is where a client connects, and as whom.
type endpoint struct {
	Address, KeyID, Secret string
}

// job is one cell of work for a client process. Either Count or Time ends it.
type job struct {
	endpoint
	Light   bool   // by the light client
	Action  string // bucket, put, get; of the light client also head, delete, fill, list, up, down
	Bucket  string
	Prefix  string // of the keys: put writes PREFIX0, PREFIX1 …, get reads them
	Size    int64  // bytes of an object
	Callers int
	Count   int           // objects to put, or requests to make
	Objects int           // how many there are to get
	Time    time.Duration // how long
	Parts   bool          // let the client upload in parts where it would

	Delimiter string // of a listing
	Sealed    bool   // the server must say that it encrypted what it stored
}

// result is what a client saw.
type result struct {
	Requests int
	Bytes    int64
	Seconds  float64
	P50, P99 time.Duration
	// Processor is what the light client used itself.
	Processor time.Duration
}

func (r result) perSecond() float64 { return float64(r.Requests) / r.Seconds }

func (r result) mebibytes() float64 { return float64(r.Bytes) / (1 << 20) / r.Seconds }

// do runs the job in a process of its own.
func (j job) do(ctx context.Context) (result, error) {
	self, err := os.Executable()
	if err != nil {
		return result{}, err
	}
	in, err := json.Marshal(j)
	if err != nil {
		return result{}, err
	}
	c := exec.CommandContext(ctx, self, "-client")
	c.Stdin = bytes.NewReader(in)
	var said bytes.Buffer
	c.Stderr = &said
	answer, err := c.Output()
	if err != nil {
		return result{}, fmt.Errorf("%s of %d bytes at %s: %w: %s", j.Action, j.Size, j.Address, err, lastLines(said.Bytes(), 3))
	}
	var r result
	return r, json.Unmarshal(answer, &r)
}

func runClient(in io.Reader, out io.Writer) error {
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	if j.Light {
		r, err := j.runLight()
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(r)
	}
	c, err := minio.NewCore(j.Address, &minio.Options{
		Creds: credentials.NewStaticV4(j.KeyID, j.Secret, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10},
	})
	if err != nil {
		return err
	}
	r, err := j.run(context.Background(), c)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

func (j job) run(ctx context.Context, c *minio.Core) (result, error) {
	if j.Action == "bucket" {
		return result{}, c.MakeBucket(ctx, j.Bucket, minio.MakeBucketOptions{})
	}
	request := j.get
	if j.Action == "put" {
		content := make([]byte, j.Size)
		fill(content)
		request = func(ctx context.Context, c *minio.Core, n int) error { return j.put(ctx, c, n, content) }
	}
	var (
		next  atomic.Int64
		all   sync.WaitGroup
		mu    sync.Mutex
		took  []time.Duration
		wrong error
	)
	start := time.Now()
	for range j.Callers {
		all.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if j.Count > 0 && n >= j.Count || j.Time > 0 && time.Since(start) >= j.Time {
					return
				}
				began := time.Now()
				err := request(ctx, c, n)
				mu.Lock()
				took = append(took, time.Since(began))
				wrong = errors.Join(wrong, err)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	seconds := time.Since(start).Seconds()
	if wrong != nil {
		return result{}, wrong
	}
	return resultOf(took, int64(len(took))*j.Size, seconds), nil
}

// fill writes bytes that do not compress, fast.
func fill(b []byte) {
	rand.NewChaCha8([32]byte{1}).Read(b)
}

func (j job) put(ctx context.Context, c *minio.Core, n int, content []byte) error {
	_, err := c.Client.PutObject(ctx, j.Bucket, fmt.Sprint(j.Prefix, n), bytes.NewReader(content), j.Size,
		minio.PutObjectOptions{ContentType: "audio/wav", DisableMultipart: !j.Parts})
	return err
}

func (j job) get(ctx context.Context, c *minio.Core, n int) error {
	var o minio.GetObjectOptions
	o.Set("x-strongroom-purpose", "benchmark") // a signed header like any other; peers pass over it
	body, _, _, err := c.GetObject(ctx, j.Bucket, fmt.Sprint(j.Prefix, n%j.Objects), o)
	if err != nil {
		return err
	}
	defer body.Close()
	read, err := io.Copy(io.Discard, body)
	if err == nil && read != j.Size {
		err = fmt.Errorf("%d bytes came instead of %d", read, j.Size)
	}
	return err
}
