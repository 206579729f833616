// Package s3store keeps sealed blobs in a bucket of an S3 server. A blob becomes
// visible by the one request that stores or completes it, and by nothing before;
// what the server says it received is held against what was sent. Every request is
// tried again a bounded number of times with growing random pauses, given up when
// nothing moves, and ends with its context. A reader notices when the object is
// replaced beneath it. Memory is bounded: a writer holds at most three parts of
// 5 MiB, a reader one small blob or none.
package s3store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom"
	"strongroom/vault"
)

var nameForm = regexp.MustCompile(`^[0-9a-f]{32}(\.[0-9a-z]{1,48}){0,2}$`)

// Config says where a room's blobs lie.
type Config struct {
	Location Location
	Room     strongroom.ID
	// Credentials, where nil, are those of STRONGROOM_BLOBS_ACCESS_KEY_ID and its fellows,
	// or else what the AWS tools would use: environment, profile, web identity, the
	// machine's role.
	Credentials aws.CredentialsProvider
}

// Blobs is the part of a bucket that belongs to one room.
type Blobs struct {
	at     Location
	id     strongroom.ID
	room   string // the prefix of everything of the room, with its slash
	s3     *s3.Client
	nobody *s3.Client
	limits limits
	beside chan struct{} // parts that are sent while their writer goes on
	idle   *idle
}

// Open makes no request: Probe shows whether the bucket does what it must.
func Open(ctx context.Context, c Config) (*Blobs, error) { return open(ctx, c, usual) }

func open(ctx context.Context, c Config, l limits) (*Blobs, error) {
	known, nobody, err := client(ctx, c.Location, c.Credentials, l)
	if err != nil {
		return nil, err
	}
	room := "rooms/" + c.Room.String() + "/"
	if c.Location.Prefix != "" {
		room = c.Location.Prefix + "/" + room
	}
	return &Blobs{
		at: c.Location, id: c.Room, room: room, s3: known, nobody: nobody, limits: l,
		beside: make(chan struct{}, sendingBeside), idle: &idle{limit: l.held},
	}, nil
}

// Location says where the blobs lie.
func (b *Blobs) Location() Location { return b.at }

func (b *Blobs) key(name string) (string, error) {
	if !nameForm.MatchString(name) {
		return "", fmt.Errorf("%q is no blob name", name)
	}
	return b.room + "blobs/" + name[:2] + "/" + name, nil
}

// failed says what was being done, with which blob, and where.
func (b *Blobs) failed(doing, name string, err error) error {
	return fmt.Errorf("%s %s in %s: %w", doing, name, b.at.where(), err)
}

// Remove removes a blob; one that is not there is no error. Where the bucket keeps
// versions, all of this key's are removed: what was erased is not to be got back.
func (b *Blobs) Remove(ctx context.Context, name string) error {
	key, err := b.key(name)
	if err != nil {
		return err
	}
	if err := b.remove(ctx, key); err != nil {
		return b.failed("removing the blob", name, err)
	}
	return nil
}

func (b *Blobs) remove(ctx context.Context, key string) error {
	out, err := b.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.at.Bucket, Key: &key})
	if err != nil && !absent(err) {
		return err
	}
	if err != nil || !aws.ToBool(out.DeleteMarker) && aws.ToString(out.VersionId) == "" {
		return nil
	}
	in := &s3.ListObjectVersionsInput{Bucket: &b.at.Bucket, Prefix: &key, MaxKeys: &b.limits.page}
	for {
		page, err := b.s3.ListObjectVersions(ctx, in)
		if err != nil {
			return fmt.Errorf("the bucket keeps versions, which cannot be listed: %w", err)
		}
		var versions []string
		for _, v := range page.Versions {
			if aws.ToString(v.Key) == key {
				versions = append(versions, aws.ToString(v.VersionId))
			}
		}
		for _, v := range page.DeleteMarkers {
			if aws.ToString(v.Key) == key {
				versions = append(versions, aws.ToString(v.VersionId))
			}
		}
		for _, v := range versions {
			if _, err := b.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.at.Bucket, Key: &key, VersionId: &v}); err != nil && !absent(err) {
				return fmt.Errorf("the bucket keeps versions, and one cannot be deleted: %w", err)
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			return nil
		}
		in.KeyMarker, in.VersionIdMarker = page.NextKeyMarker, page.NextVersionIdMarker
	}
}

// List goes through the names and ages of all blobs. What bears no blob's name is
// passed over.
func (b *Blobs) List(ctx context.Context) iter.Seq2[vault.BlobFile, error] {
	return func(yield func(vault.BlobFile, error) bool) {
		under := b.room + "blobs/"
		in := &s3.ListObjectsV2Input{Bucket: &b.at.Bucket, Prefix: &under, MaxKeys: &b.limits.page}
		for {
			page, err := b.s3.ListObjectsV2(ctx, in)
			if err != nil {
				yield(vault.BlobFile{}, fmt.Errorf("listing blobs in %s: %w", b.at.where(), err))
				return
			}
			for _, o := range page.Contents {
				folder, name, _ := strings.Cut(strings.TrimPrefix(aws.ToString(o.Key), under), "/")
				if !nameForm.MatchString(name) || folder != name[:2] {
					continue
				}
				if !yield(vault.BlobFile{Name: name, Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)}, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			if next := page.NextContinuationToken; next == nil || in.ContinuationToken != nil && *next == *in.ContinuationToken {
				yield(vault.BlobFile{}, fmt.Errorf("listing blobs in %s: the server says that there is more and not where", b.at.where()))
				return
			}
			in.ContinuationToken = page.NextContinuationToken
		}
	}
}

// AbortStale ends the uploads of this room that began before the time given, which
// processes that crashed left, and returns how many. Their parts cost room and are
// seen by nobody.
func (b *Blobs) AbortStale(ctx context.Context, before time.Time) (int, error) {
	under, ended := b.room, 0
	in := &s3.ListMultipartUploadsInput{Bucket: &b.at.Bucket, Prefix: &under, MaxUploads: &b.limits.page}
	for {
		page, err := b.s3.ListMultipartUploads(ctx, in)
		if err != nil {
			return ended, fmt.Errorf("listing half-made blobs in %s: %w", b.at.where(), err)
		}
		for _, u := range page.Uploads {
			if u.Initiated == nil || !u.Initiated.Before(before) || !strings.HasPrefix(aws.ToString(u.Key), b.room) {
				continue
			}
			_, err := b.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.at.Bucket, Key: u.Key, UploadId: u.UploadId})
			if err != nil && status(err) != http.StatusNotFound {
				return ended, fmt.Errorf("ending a half-made blob in %s: %w", b.at.where(), err)
			}
			ended++
		}
		if !aws.ToBool(page.IsTruncated) {
			return ended, nil
		}
		// By key alone: not every server takes the id that it gave. Further uploads of the
		// last key are ended the next time.
		if aws.ToString(page.NextKeyMarker) <= aws.ToString(in.KeyMarker) {
			return ended, fmt.Errorf("listing half-made blobs in %s: the server says that there are more and not where", b.at.where())
		}
		in.KeyMarker = page.NextKeyMarker
	}
}

var errClosed = errors.New("the reader is closed")

var _ vault.Blobs = (*Blobs)(nil)
