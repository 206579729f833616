package s3store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom"
)

// putSmall stores an object that is no blob.
func (b *Blobs) putSmall(ctx context.Context, key string, content []byte) error {
	_, err := b.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.at.Bucket, Key: &key, Body: bytes.NewReader(content), ContentLength: aws.Int64(int64(len(content))),
		ContentType: aws.String(octets), ChecksumCRC32C: encode(crc32.Checksum(content, castagnoli)),
	})
	return err
}

// getSmall reads an object that is no blob, and nothing longer than such a one is.
func getSmall(ctx context.Context, client *s3.Client, bucket, key string) ([]byte, error) {
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(io.LimitReader(out.Body, 4<<10))
}

// Probe does with an object of its own what the room does with blobs: it is stored,
// read, listed and removed; an upload in parts is begun, listed and ended. The error is
// for a person: it names the first that fails, and what to do.
func (b *Blobs) Probe(ctx context.Context) error {
	key := b.room + "probe/" + strongroom.NewID().String()
	content := make([]byte, 64)
	rand.Read(content)
	steps := []struct {
		doing, needs string
		do           func() error
	}{
		{"stored in", "s3:PutObject", func() error { return b.putSmall(ctx, key, content) }},
		{"read from", "s3:GetObject", func() error {
			got, err := getSmall(ctx, b.s3, b.at.Bucket, key)
			if err == nil && !bytes.Equal(got, content) {
				err = errors.New("other bytes came back than were stored")
			}
			return err
		}},
		{"listed in", "s3:ListBucket", func() error {
			out, err := b.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.at.Bucket, Prefix: &key})
			if err == nil && (len(out.Contents) != 1 || aws.ToString(out.Contents[0].Key) != key) {
				err = errors.New("what was just stored is not listed")
			}
			return err
		}},
		{"stored in parts in", "s3:PutObject and s3:AbortMultipartUpload", func() error {
			out, err := b.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
				Bucket: &b.at.Bucket, Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumType: types.ChecksumTypeFullObject,
			})
			if err != nil {
				return err
			}
			_, err = b.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.at.Bucket, Key: &key, UploadId: out.UploadId})
			return err
		}},
		{"listed while it is half-made in", "s3:ListBucketMultipartUploads", func() error {
			_, err := b.s3.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &b.at.Bucket, Prefix: &key, MaxUploads: aws.Int32(1)})
			return err
		}},
		{"removed from", "s3:DeleteObject, and s3:ListBucketVersions and s3:DeleteObjectVersion where the bucket keeps versions; nothing may lock its objects", func() error {
			if err := b.remove(ctx, key); err != nil {
				return err
			}
			if _, err := getSmall(ctx, b.s3, b.at.Bucket, key); !absent(err) {
				return errors.Join(errors.New("what was removed can still be read"), err)
			}
			return nil
		}},
	}
	for i, s := range steps {
		if err := s.do(); err != nil {
			if i > 0 && i < len(steps)-1 {
				err = errors.Join(err, b.remove(context.WithoutCancel(ctx), key))
			}
			hint := fmt.Sprintf("give the credentials in %s and %s, or the machine a role, and allow them %s", envKeyID, envSecret, s.needs)
			switch {
			case code(err) == "NoSuchBucket":
				hint = "make the bucket first, open to nobody, or correct its name"
			case status(err) == 0:
				hint = "see whether this machine can reach it, and has credentials: " + envKeyID + " and " + envSecret + ", or what the AWS tools use"
			}
			return &strongroom.Error{Kind: strongroom.KindUnavailable, Message: fmt.Sprintf("a probe could not be %s %s", s.doing, b.at.where()), Hint: hint, Cause: err}
		}
	}
	return nil
}

// Exposure is who besides the room can reach its blobs, as far as the server can be asked.
type Exposure struct {
	// Public names the ways in which anybody can; none was found where it is empty.
	Public []string
	// Unknown names what could not be asked.
	Unknown []string
	// Versions: the bucket keeps what is replaced or removed until each version is removed,
	// which Remove does.
	Versions bool
}

// Exposure asks as nobody for an object that it stored and for a listing, and asks the
// bucket what its policy and its block of public access are.
func (b *Blobs) Exposure(ctx context.Context) (Exposure, error) {
	var e Exposure
	key := b.room + "probe/" + strongroom.NewID().String()
	if err := b.putSmall(ctx, key, []byte("probe")); err != nil {
		return e, b.failed("storing", "a probe", err)
	}
	defer b.remove(context.WithoutCancel(ctx), key)
	ask := func(what string, err error) {
		switch {
		case err == nil:
			e.Public = append(e.Public, what+" without credentials")
		case status(err) != http.StatusForbidden && status(err) != http.StatusUnauthorized:
			e.Unknown = append(e.Unknown, fmt.Sprintf("%s without credentials: %v", what, err))
		}
	}
	_, err := getSmall(ctx, b.nobody, b.at.Bucket, key)
	ask("objects can be read", err)
	_, err = b.nobody.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.at.Bucket, Prefix: &key, MaxKeys: aws.Int32(1)})
	ask("objects can be listed", err)
	policy, err := b.s3.GetBucketPolicyStatus(ctx, &s3.GetBucketPolicyStatusInput{Bucket: &b.at.Bucket})
	switch {
	case err == nil && policy.PolicyStatus != nil && aws.ToBool(policy.PolicyStatus.IsPublic):
		e.Public = append(e.Public, "the bucket's policy is public")
	case err != nil && code(err) != "NoSuchBucketPolicy":
		e.Unknown = append(e.Unknown, fmt.Sprintf("whether the bucket's policy is public: %v", err))
	}
	if b.at.Endpoint == "" { // others do not have it
		out, err := b.s3.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &b.at.Bucket})
		c := types.PublicAccessBlockConfiguration{}
		if err == nil && out.PublicAccessBlockConfiguration != nil {
			c = *out.PublicAccessBlockConfiguration
		}
		if !(aws.ToBool(c.BlockPublicAcls) && aws.ToBool(c.BlockPublicPolicy) && aws.ToBool(c.IgnorePublicAcls) && aws.ToBool(c.RestrictPublicBuckets)) {
			e.Unknown = append(e.Unknown, "whether the account blocks what the bucket does not: its own block of public access is not complete, or cannot be asked")
		}
	}
	versions, err := b.s3.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &b.at.Bucket})
	if err != nil {
		e.Unknown = append(e.Unknown, fmt.Sprintf("whether the bucket keeps versions: %v", err))
	} else {
		e.Versions = versions.Status != ""
	}
	return e, nil
}

// claim names the copy of the room that the blobs belong to.
type claim struct {
	Room  strongroom.ID `json:"room"`
	Claim strongroom.ID `json:"claim"`
}

// Claim makes the blobs belong to one copy of the room, and to no other any more.
func (b *Blobs) Claim(ctx context.Context, id strongroom.ID) error {
	text, err := json.Marshal(claim{b.id, id})
	if err != nil {
		return err
	}
	if err := b.putSmall(ctx, b.room+"claim", append(text, '\n')); err != nil {
		return b.failed("claiming", "the room's blobs", err)
	}
	return nil
}

// Claimed fails unless the blobs belong to that copy of the room. A room that was
// restored from a backup shares its blobs with the one that was copied, and only one of
// them may erase what its rows do not name.
func (b *Blobs) Claimed(ctx context.Context, id strongroom.ID) error {
	text, err := getSmall(ctx, b.s3, b.at.Bucket, b.room+"claim")
	if err != nil {
		return b.failed("asking", "whose the room's blobs are", err)
	}
	var c claim
	if err := json.Unmarshal(text, &c); err != nil || c.Room != b.id {
		return b.failed("asking", "whose the room's blobs are", errors.New("the claim cannot be read"))
	}
	if c.Claim != id {
		return &strongroom.Error{
			Kind:    strongroom.KindConflict,
			Message: fmt.Sprintf("the blobs in %s belong to another copy of room %s, which was restored from a backup", b.at.where(), b.id),
			Hint:    "serve that one; to go on with this one, restore a backup of it",
		}
	}
	return nil
}
