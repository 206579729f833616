package s3clients

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// runSDK drives the AWS SDK for Go, version 2: its waiters, paginators, checksums,
// conditional writes and presigned URLs. Like boto3 it lets a header be added before
// the request is signed; with a credential process a stock client reads as well.
func runSDK(t *testing.T, e Endpoint) {
	ctx := t.Context()
	client := &http.Client{Transport: e.transport(t)}
	options := func(o *s3.Options) { o.UsePathStyle, o.BaseEndpoint, o.RetryMaxAttempts = true, aws.String(e.URL), 1 }
	c := s3.New(s3.Options{Region: e.Region, HTTPClient: client, Credentials: credentials.NewStaticCredentialsProvider(e.AccessKey, e.Secret, "")}, options)
	why := s3.WithAPIOptions(smithyhttp.AddHeaderValue("x-strongroom-purpose", url.PathEscape(e.Purpose.Text)),
		smithyhttp.AddHeaderValue("x-strongroom-ticket", e.Purpose.Ticket))
	bucket := aws.String("sdk-" + strings.ToLower(rand.Text()[:12]))
	must := func(err error, what string) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	refused := func(err error, code, what string) {
		t.Helper()
		var answer smithy.APIError
		if !errors.As(err, &answer) || answer.ErrorCode() != code {
			t.Errorf("%s: %v instead of %s", what, err, code)
		}
	}
	read := func(key string, with ...func(*s3.Options)) ([]byte, *s3.GetObjectOutput, error) {
		got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled}, with...)
		if err != nil {
			return nil, nil, err
		}
		defer got.Body.Close()
		content, err := io.ReadAll(got.Body) // the SDK compares the checksum here
		return content, got, err
	}
	const patience = 10 * time.Second

	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket})
	must(err, "making the bucket")
	must(s3.NewBucketExistsWaiter(c).Wait(ctx, &s3.HeadBucketInput{Bucket: bucket}, patience), "waiting for the bucket")

	// Every checksum that the SDK computes.
	data := make([]byte, 300_000)
	rand.Read(data)
	for _, algorithm := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme,
		types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256, types.ChecksumAlgorithmSha512} {
		key := "sums/" + string(algorithm)
		put, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(data), ChecksumAlgorithm: algorithm})
		if err != nil {
			t.Errorf("storing with %s: %v", algorithm, err)
			continue
		}
		content, got, err := read(key, why)
		if err != nil || !bytes.Equal(content, data) || *got.ETag != *put.ETag {
			t.Errorf("%s did not come back as it was: %d bytes, %v", key, len(content), err)
		}
	}
	attributes, err := c.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: bucket, Key: aws.String("sums/SHA256"),
		ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesChecksum, types.ObjectAttributesObjectSize}}, why)
	must(err, "asking for attributes")
	if *attributes.ObjectSize != int64(len(data)) || attributes.Checksum == nil || attributes.Checksum.ChecksumSHA256 == nil {
		t.Errorf("the attributes are %+v", attributes)
	}

	// Conditional writes: made once, changed only by who saw what stands there.
	once := &s3.PutObjectInput{Bucket: bucket, Key: aws.String("once"), IfNoneMatch: aws.String("*")}
	put := func(body string) (*s3.PutObjectOutput, error) {
		once.Body = strings.NewReader(body)
		return c.PutObject(ctx, once)
	}
	first, err := put("first")
	must(err, "storing if there is nothing")
	_, err = put("second")
	refused(err, "PreconditionFailed", "storing again if there is nothing")
	once.IfNoneMatch, once.IfMatch = nil, first.ETag
	_, err = put("second")
	must(err, "storing if it is the first")
	_, err = put("third")
	refused(err, "PreconditionFailed", "storing again if it is the first")
	once.Key = aws.String("nothing")
	_, err = put("first")
	refused(err, "NoSuchKey", "changing what is not there")
	content, got, err := read("once", why)
	if must(err, "reading"); string(content) != "second" {
		t.Errorf("what was written under conditions is %q", content)
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("once"), IfNoneMatch: got.ETag}, why)
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) || answer.HTTPStatusCode() != http.StatusNotModified {
		t.Errorf("reading what has not changed: %v", err)
	}

	// Multipart, with a checksum over the whole, completed once only.
	upload, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("big"),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeFullObject})
	must(err, "beginning an upload")
	big := bytes.Repeat(data, 20)
	var parts []types.CompletedPart
	for n, piece := range [][]byte{big[:5<<20], big[5<<20:]} {
		number := aws.Int32(int32(n + 1))
		part, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: upload.Key, UploadId: upload.UploadId, PartNumber: number,
			Body: bytes.NewReader(piece), ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme})
		must(err, fmt.Sprint("storing part ", n+1))
		parts = append(parts, types.CompletedPart{PartNumber: number, ETag: part.ETag, ChecksumCRC64NVME: part.ChecksumCRC64NVME})
	}
	shown := 0
	for pages := s3.NewListPartsPaginator(c, &s3.ListPartsInput{Bucket: bucket, Key: upload.Key, UploadId: upload.UploadId, MaxParts: aws.Int32(1)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		must(err, "listing parts")
		shown += len(page.Parts)
	}
	if shown != 2 {
		t.Errorf("%d parts are listed", shown)
	}
	complete := &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: upload.Key, UploadId: upload.UploadId, IfNoneMatch: aws.String("*"),
		ChecksumType: types.ChecksumTypeFullObject, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}
	_, err = c.CompleteMultipartUpload(ctx, complete)
	must(err, "completing the upload")
	if content, _, err := read("big", why); err != nil || !bytes.Equal(content, big) {
		t.Errorf("the upload did not come back as it was: %d bytes, %v", len(content), err)
	}
	if second, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("big"), PartNumber: aws.Int32(2)}, why); err != nil {
		t.Errorf("reading the second part: %v", err)
	} else {
		content, _ := io.ReadAll(second.Body)
		second.Body.Close()
		if !bytes.Equal(content, big[5<<20:]) || aws.ToInt32(second.PartsCount) != 2 {
			t.Errorf("the second part has %d bytes, of %d parts", len(content), aws.ToInt32(second.PartsCount))
		}
	}

	// Presigned, to store and to read.
	urls := s3.NewPresignClient(c)
	signed, err := urls.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("presigned"), ContentType: aws.String("audio/wav")})
	must(err, "presigning a store")
	if status := follow(t, client, signed, strings.NewReader("by URL")); status != http.StatusOK {
		t.Errorf("storing by a URL answers %d", status)
	}

	// Listings page by page, in both orders of things.
	var names []string
	for pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: bucket, Delimiter: aws.String("/"), MaxKeys: aws.Int32(2)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		must(err, "listing")
		for _, o := range page.Contents {
			names = append(names, *o.Key)
		}
		for _, p := range page.CommonPrefixes {
			names = append(names, *p.Prefix)
		}
	}
	slices.Sort(names)
	if want := []string{"big", "once", "presigned", "sums/"}; !slices.Equal(names, want) {
		t.Errorf("listed %v, want %v", names, want)
	}

	// A stock client: without a purpose refused, with a session that brings one served.
	if e.NeedsPurpose {
		_, _, err := read("once")
		refused(err, "AccessDenied", "reading without a purpose")
	}
	if e.CredentialProcess != "" {
		shared, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigFiles([]string{e.configFile(t)}), config.WithSharedConfigProfile("reader"))
		must(err, "loading the shared configuration")
		stock := s3.NewFromConfig(shared, options, func(o *s3.Options) { o.HTTPClient = client })
		got, err := stock.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("once")})
		must(err, "reading with a session")
		content, err := io.ReadAll(got.Body)
		if got.Body.Close(); err != nil || string(content) != "second" {
			t.Errorf("a session reads %q, %v", content, err)
		}
		signed, err := s3.NewPresignClient(stock).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("once")})
		must(err, "presigning with a session")
		if status, content := get(t, e, signed.URL); status != http.StatusOK || content != "second" {
			t.Errorf("a URL presigned with a session answers %d: %s", status, content)
		}
	}

	// What is gone is gone.
	var doomed []types.ObjectIdentifier
	for pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: bucket}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		must(err, "listing what to delete")
		for _, o := range page.Contents {
			doomed = append(doomed, types.ObjectIdentifier{Key: o.Key})
		}
	}
	gone, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: doomed}})
	must(err, "deleting")
	if len(gone.Deleted) != len(doomed) || len(gone.Errors) != 0 {
		t.Errorf("%d of %d are deleted, with %d errors", len(gone.Deleted), len(doomed), len(gone.Errors))
	}
	must(s3.NewObjectNotExistsWaiter(c).Wait(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("once")}, patience), "waiting for the object to go")
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
	must(err, "removing the bucket")
	must(s3.NewBucketNotExistsWaiter(c).Wait(ctx, &s3.HeadBucketInput{Bucket: bucket}, patience), "waiting for the bucket to go")
}

// follow sends what was presigned.
func follow(t *testing.T, client *http.Client, signed *v4.PresignedHTTPRequest, body io.Reader) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), signed.Method, signed.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range signed.SignedHeader {
		if name != "Host" && name != "Content-Length" {
			r.Header[name] = values
		}
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}
