package main

// cloudCommand is what looks at the AWS account around a repository; none of it needs one.
type cloudCommand struct {
	Can      cloudCan      `cmd:"" help:"Say whether a principal may do something, and why, from an account's exports."`
	Simulate cloudSimulate `cmd:"" help:"Say what AWS would answer to a request, from a file that has it and all policies that bind it."`
	Ways     cloudWays     `cmd:"" help:"Every way in: who can reach the content, a key or administrative rights outside the intended path, how, and what closes it."`
	Logon    cloudLogon    `cmd:"" help:"Whether the servers that may hold a role can be logged on to from afar: by which ways, by whom."`
	Used     cloudUsed     `cmd:"" help:"What each user and role of an account used, by CloudTrail, against what it is granted."`
	Propose  cloudPropose  `cmd:"" help:"Propose policies that keep what was used, and decide every event again under them."`
	Snapshot cloudSnapshot `cmd:"" help:"Ask an AWS account everything that the ways into it depend on, and change nothing."`
	Synth    cloudSynth    `cmd:"" help:"Make up an account of any size, for measuring."`
}
