package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strongroom"
	"strongroom/cloud/account"
	"strongroom/internal/aws"
)

type cloudSnapshot struct {
	Bucket      []string `placeholder:"NAME" help:"Look at these buckets only; repeatable."`
	Region      []string `placeholder:"REGION" help:"Look at these regions only; repeatable. Without it, at all that the account has enabled."`
	Profile     string   `placeholder:"NAME" help:"The profile of the AWS configuration to use."`
	Out         string   `short:"o" placeholder:"FILE" help:"The snapshot to write; gzipped if its name ends in .gz."`
	JSON        bool     `help:"Print what came of it as JSON."`
	PrintPolicy bool     `help:"Print the least policy that a snapshot needs, and do nothing else."`
}

func (cloudSnapshot) Help() string {
	return `Asks the AWS account everything that the ways into it depend on, and writes it to one file. It only reads, with the credentials
that the AWS CLI would use. What AWS refuses stands in the file as refused, and is unknown in every answer made of it.
Passwords in environments, parameters and user data are left out; the file still tells an attacker where to begin: it is
made readable by you alone.

Attach the policy that --print-policy prints to the role or user that it runs as. About a thousand buckets take ten minutes, since AWS is asked at
most 25 times a second; credentials have to last as long. A snapshot that is stopped on the way, or whose credentials end, leaves no file: half of one
would look like a whole. Only --region and --bucket make it shorter; of the rest is then said that it was not supplied.

Examples:
  strongroom cloud snapshot --print-policy
  strongroom cloud snapshot --profile audit -o account.jsonl.gz
  strongroom cloud snapshot --profile audit --region eu-west-1 --json -o account.jsonl.gz`
}

func (c cloudSnapshot) Run(ctx context.Context, out output) error {
	if c.PrintPolicy {
		_, err := out.Write(aws.Policy())
		return err
	}
	if c.Out == "" {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "where to? -o FILE names the snapshot", Hint: "strongroom cloud snapshot -o account.jsonl.gz"}
	}
	region := ""
	if len(c.Region) > 0 {
		region = c.Region[0]
	}
	client, err := aws.New(ctx, c.Profile, region)
	if err != nil {
		return err
	}
	defer client.Close()
	show := newProgress(out.errors, "", 0)
	var report aws.Report
	size, err := writeSnapshot(c.Out, func(w io.Writer) error {
		var err error
		report, err = client.Collect(ctx, w, aws.Options{Regions: c.Region, Buckets: c.Bucket, Program: "strongroom", Progress: show.say})
		return err
	})
	show.done()
	if ctx.Err() != nil {
		return fmt.Errorf("stopped after %s: nothing is written, since half a snapshot would look like a whole one", count(report.Requests, "request"))
	}
	if err != nil {
		return err
	}
	means := map[string]string{}
	for _, in := range account.Inputs() {
		means[in.Name] = in.Means
	}
	if c.JSON {
		type refused struct {
			Input string `json:"input"`
			Code  string `json:"code"`
			Times int    `json:"times"`
			Means string `json:"means"` // what is unknown for it
		}
		list := []refused{}
		for _, what := range slices.Sorted(maps.Keys(report.Refused)) {
			input, code, _ := strings.Cut(what, ": ")
			list = append(list, refused{input, code, report.Refused[what], means[input]})
		}
		return out.json(struct {
			File      string    `json:"file"`
			Bytes     int64     `json:"bytes"`
			Account   string    `json:"account"`
			Partition string    `json:"partition"`
			Regions   []string  `json:"regions"`
			Answers   int       `json:"answers"`
			Requests  int       `json:"requests"`
			Refused   []refused `json:"refused"`
		}{c.Out, size, report.Account, report.Partition, report.Regions, report.Answers, report.Requests, list})
	}
	out.printf("%s: account %s, %s, %s, %d bytes\n", c.Out, report.Account, count(len(report.Regions), "region"), count(report.Answers, "answer"), size)
	if len(report.Refused) > 0 {
		out.printf("refused, and so unknown in whatever is made of it (strongroom cloud snapshot --print-policy has all permissions):\n")
	}
	for _, what := range slices.Sorted(maps.Keys(report.Refused)) {
		input, _, _ := strings.Cut(what, ": ")
		out.printf("  %s (%s): %s\n", what, count(report.Refused[what], "time"), means[input])
	}
	return nil
}

// writeSnapshot writes a file whole or not at all: to a temporary one beside it, readable by
// its owner alone, which then takes the name. It answers the size.
func writeSnapshot(name string, write func(io.Writer) error) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return 0, fmt.Errorf("the snapshot cannot be written: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	var to io.WriteCloser = f
	if strings.HasSuffix(name, ".gz") {
		to = gzip.NewWriter(f)
	}
	err = write(to)
	if to != io.WriteCloser(f) && err == nil {
		err = to.Close()
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		size, err = f.Seek(0, io.SeekEnd)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return size, err
}
