package s3clients

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func runMinio(t *testing.T, e Endpoint) {
	at, err := url.Parse(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := e.transport(t)
	connect := func(trailers bool) *minio.Client {
		c, err := minio.New(at.Host, &minio.Options{
			Creds: credentials.NewStaticV4(e.AccessKey, e.Secret, ""), Secure: at.Scheme == "https",
			Transport: transport, Region: e.Region, BucketLookup: minio.BucketLookupPath,
			TrailingHeaders: trailers, MaxRetries: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := connect(true)
	ctx := t.Context()
	must := func(err error, what string) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	read := minio.GetObjectOptions{}
	read.Set("x-strongroom-purpose", url.PathEscape(e.Purpose.Text))
	read.Set("x-strongroom-ticket", e.Purpose.Ticket)
	bucket := "minio-" + strings.ToLower(rand.Text()[:12])
	must(c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: e.Region}), "making a bucket")
	if ok, err := c.BucketExists(ctx, bucket); err != nil || !ok {
		t.Errorf("the new bucket: %v, %v", ok, err)
	}

	data := make([]byte, 300_000)
	rand.Read(data)
	fetch := func(key string) ([]byte, minio.ObjectInfo) {
		t.Helper()
		o, err := c.GetObject(ctx, bucket, key, read)
		must(err, "opening "+key)
		defer o.Close()
		got, err := io.ReadAll(o)
		must(err, "reading "+key)
		info, err := o.Stat()
		must(err, "asking about "+key)
		return got, info
	}
	// Each checksum in the trailer, in signed chunks on a plain connection.
	for _, sum := range []minio.ChecksumType{minio.ChecksumCRC32, minio.ChecksumCRC32C, minio.ChecksumCRC64NVME, minio.ChecksumSHA1, minio.ChecksumSHA256} {
		key := "sums/" + sum.String()
		_, err := c.PutObject(ctx, bucket, key, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{Checksum: sum, UserMetadata: map[string]string{"Queue": "billing"}})
		must(err, "storing "+key)
		got, info := fetch(key)
		if !bytes.Equal(got, data) || info.UserMetadata["Queue"] != "billing" || len(info.UserMetadata) != 1 {
			t.Errorf("%s did not come back as it was: %d bytes, %v", key, len(got), info.UserMetadata)
		}
	}
	// Signed chunks without a trailer, and a plain digest.
	plain := connect(false)
	_, err = plain.PutObject(ctx, bucket, "chunks", bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{})
	must(err, "storing in signed chunks")
	_, err = plain.PutObject(ctx, bucket, "md5", bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{SendContentMd5: true, DisableContentSha256: true})
	must(err, "storing with Content-MD5")
	for _, key := range []string{"chunks", "md5"} {
		if got, _ := fetch(key); !bytes.Equal(got, data) {
			t.Errorf("%s did not come back as it was", key)
		}
	}

	// Multipart, of a length that is known and of one that is not.
	big := make([]byte, 11<<20)
	rand.Read(big)
	for i, size := range []int64{int64(len(big)), -1} {
		key := fmt.Sprint("big/", i)
		_, err := c.PutObject(ctx, bucket, key, bytes.NewReader(big), size, minio.PutObjectOptions{PartSize: 5 << 20})
		must(err, "storing "+key)
		if got, _ := fetch(key); !bytes.Equal(got, big) {
			t.Errorf("%s did not come back as it was", key)
		}
	}
	part := read
	must(part.SetRange(5<<20-5, 5<<20+4), "setting a range")
	o, err := c.GetObject(ctx, bucket, "big/0", part)
	must(err, "opening a range")
	if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, big[5<<20-5:5<<20+5]) {
		t.Errorf("a range across two parts: %d bytes, %v", len(got), err)
	}
	o.Close()

	// Presigned, with the purpose as a query parameter.
	signed, err := c.PresignedGetObject(ctx, bucket, "chunks", time.Minute, url.Values{"x-strongroom-purpose": {e.Purpose.Text}, "x-strongroom-ticket": {e.Purpose.Ticket}})
	must(err, "presigning")
	answer, err := (&http.Client{Transport: transport}).Get(signed.String())
	must(err, "following a presigned URL")
	if got, _ := io.ReadAll(answer.Body); answer.StatusCode != 200 || !bytes.Equal(got, data) {
		t.Errorf("a presigned URL answers %d", answer.StatusCode)
	}
	answer.Body.Close()

	var names []string
	for o := range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true, MaxKeys: 2}) {
		must(o.Err, "listing")
		names = append(names, o.Key)
	}
	want := []string{"big/0", "big/1", "chunks", "md5", "sums/CRC32", "sums/CRC32C", "sums/CRC64NVME", "sums/SHA1", "sums/SHA256"}
	if !slices.Equal(names, want) {
		t.Errorf("listed %v, want %v", names, want)
	}
	if e.NeedsPurpose {
		o, err := c.GetObject(ctx, bucket, "chunks", minio.GetObjectOptions{})
		if err == nil {
			_, err = io.ReadAll(o)
			o.Close()
		}
		if minio.ToErrorResponse(err).Code != "AccessDenied" {
			t.Errorf("reading without a purpose: %v", err)
		}
	}

	doomed := make(chan minio.ObjectInfo, len(names))
	for _, n := range names {
		doomed <- minio.ObjectInfo{Key: n}
	}
	close(doomed)
	for r := range c.RemoveObjects(ctx, bucket, doomed, minio.RemoveObjectsOptions{}) {
		t.Errorf("removing %s: %v", r.ObjectName, r.Err)
	}
	must(c.RemoveBucket(ctx, bucket), "removing the bucket")
}
