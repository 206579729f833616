package main

import (
	"io"

	"strongroom/cloud/account/synth"
)

type cloudSynth struct {
	Principals int    `default:"1000" help:"How many users and roles."`
	Buckets    int    `default:"100" help:"How many buckets."`
	Seed       uint64 `default:"1" help:"The same seed and sizes make the same account, byte for byte."`
	Out        string `short:"o" required:"" placeholder:"FILE" help:"The snapshot to write; gzipped if its name ends in .gz."`
}

func (cloudSynth) Help() string {
	return `Writes a snapshot of an account that does not exist: what the project's figures were measured on.

Example:
  strongroom cloud synth --principals 1000 --buckets 100 --seed 1 -o synthetic.jsonl`
}

func (c cloudSynth) Run(out output) error {
	size, err := writeSnapshot(c.Out, func(w io.Writer) error {
		return synth.Write(w, synth.Config{Principals: c.Principals, Buckets: c.Buckets, Seed: c.Seed})
	})
	if err != nil {
		return err
	}
	out.printf("%s: %s, %s, seed %d, %d bytes\n", c.Out, count(c.Principals, "principal"), count(c.Buckets, "bucket"), c.Seed, size)
	return nil
}
