package main

import (
	"strings"
	"time"

	"strongroom"
	"strongroom/door/s3"
)

type presignCommand struct {
	Object   string        `arg:"" help:"s3://BUCKET/KEY"`
	Purpose  string        `required:"" help:"Why the object is to be read."`
	Ticket   string        `help:"Ticket that it is read for."`
	Endpoint string        `default:"http://127.0.0.1:7480" env:"AWS_ENDPOINT_URL" help:"The S3 endpoint." placeholder:"URL"`
	Region   string        `default:"us-east-1" env:"AWS_REGION" help:"Region to sign for."`
	Expires  time.Duration `default:"5m" help:"How long the URL is good for, at most what the server allows (15m)."`
}

func (presignCommand) Help() string {
	return `The access key is taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN). The URL opens the object for whoever has it
until it expires: handle it like the content itself.

Example:
  curl -o call.wav "$(strongroom presign s3://calls/2026/call.wav --purpose "complaint 4711")"`
}

func (c presignCommand) Run(out output) error {
	id, secret := credentials()
	bucket, key, ok := strings.Cut(strings.TrimPrefix(c.Object, "s3://"), "/")
	switch {
	case !strings.HasPrefix(c.Object, "s3://") || !ok || key == "":
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "the object is to be named as s3://BUCKET/KEY"}
	case id == "" || secret == "":
		return &strongroom.Error{Kind: strongroom.KindDenied, Message: "no access key is set", Hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"}
	}
	u, err := s3.Presigned{
		Method: "GET", Endpoint: c.Endpoint, Bucket: bucket, Key: key, Purpose: strongroom.Purpose{Text: c.Purpose, Ticket: c.Ticket},
		KeyID: id, Secret: secret, Token: sessionToken(), Region: c.Region, Now: time.Now(), Expires: c.Expires,
	}.URL()
	if err != nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()}
	}
	out.printf("%s\n", u)
	return nil
}
