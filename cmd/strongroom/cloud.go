package main

// cloudCommand is what looks at the AWS account around a repository; none of it needs one.
type cloudCommand struct {
	Synth cloudSynth `cmd:"" help:"Make up an account of any size, for measuring."`
}
