// Command strongroom is the content repository, its server and its tools in one
// binary. `strongroom demo` shows what it does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"strongroom"
)

// program is the command tree. One file per command.
type program struct {
	Demo        demoCommand        `cmd:"" help:"Make a room with a small synthetic contact centre, show a refused and a permitted read, and serve it."`
	Init        initCommand        `cmd:"" help:"Make a room: its keys, its database, its first person and that person's access key."`
	Serve       serveCommand       `cmd:"" help:"Serve the rooms of a data folder: S3 on one address, the console, the JSON API, SCIM, health and metrics on another."`
	Presign     presignCommand     `cmd:"" help:"Make a URL that reads one object for a stated purpose."`
	Credentials credentialsCommand `cmd:"" help:"Make a session for a stated purpose, as AWS's tools ask for one (credential_process)."`
	Ledger      ledgerCommand      `cmd:"" help:"Read, prove, verify and export the ledger."`
	Monitor     monitorCommand     `cmd:"" help:"Who accessed what, when, and how often."`
	Limit       limitCommand       `cmd:"" help:"Ask, explain and change what policy permits."`
	Classify    classifyCommand    `cmd:"" help:"What is confidential, and why: files, stored objects, overrides."`
	Retention   retentionCommand   `cmd:"" help:"How long things are kept: the room's rules, and the calendar of what is deleted when."`
	Hold        holdCommand        `cmd:"" help:"Holds that keep things from being deleted: place, lift, list."`
	Lifecycle   lifecycleCommand   `cmd:"" help:"Delete what lifecycle and retention rules say is due, or look at what would be."`
	People      peopleCommand      `cmd:"" help:"Principals: list, add, change, suspend."`
	Key         keyCommand         `cmd:"" help:"Access keys: list, create, rotate, expire, revoke."`
	Token       tokenCommand       `cmd:"" help:"API tokens for directories and programs: list, create, revoke."`
	Intake      intakeCommand      `cmd:"" help:"Empty a platform's export bucket or folder into the room."`
	Know        knowCommand        `cmd:"" help:"The inventory: what is stored and generated, inside and outside, where it flows, who owns it."`
	Alert       alertCommand       `cmd:"" help:"Which actions reach somebody: alerts, channels, rotas, conditions."`
	Cloud       cloudCommand       `cmd:"" help:"All the ways in: who could reach what, in the AWS account around it, from its exports."`
	Recover     recoverCommand     `cmd:"" help:"Get content back from sealed blobs, their sidecars and a private key, without any database."`
	Backup      backupCommand      `cmd:"" help:"Copy a room while it is being served."`
	Restore     restoreCommand     `cmd:"" help:"Make a room of a backup; its ledger opens a new epoch."`
	Doctor      doctorCommand      `cmd:"" help:"Say what is unsafe here and now."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

// output is where commands write; they never write to os.Stdout themselves.
type output struct {
	io.Writer
	errors io.Writer
}

func (o output) printf(format string, args ...any) { fmt.Fprintf(o, format, args...) }

func (o output) json(v any) error {
	e := json.NewEncoder(o)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// count is a number with its noun.
func count[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

type versionCommand struct{}

func (versionCommand) Run(out output) error {
	version := "(unreleased)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	out.printf("strongroom %s\n", version)
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal asks, a second one ends the process
	os.Exit(run(ctx, os.Args[1:], output{os.Stdout, os.Stderr}))
}

// exitError ends the program with a code after it has said what it had to say.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func run(ctx context.Context, args []string, out output) (code int) {
	var p program
	parser, err := kong.New(&p,
		kong.Name("strongroom"),
		kong.Description("A content repository that nobody reads outside the path its owner approved."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ValueFormatter(describe),
		kong.Writers(out.Writer, out.errors),
		kong.Exit(func(c int) { panic(exitError(c)) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(out),
	)
	if err != nil {
		fmt.Fprintln(out.errors, "strongroom:", err)
		return 2
	}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exitError: // --help ends the program this way
			code = int(e)
		default:
			panic(e)
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(out.errors, "strongroom:", err)
		fmt.Fprintln(out.errors, "hint: strongroom --help, or --help after any command, shows what there is")
		return 2
	}
	err = command.Run()
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[exitError](err); ok {
		return int(e)
	}
	report(out.errors, err)
	return 1
}

// describe is a flag's line of help: with its default where a placeholder stands in the
// place of one.
func describe(v *kong.Value) string {
	if v.Flag == nil || v.Flag.PlaceHolder == "" || !v.HasDefault {
		return kong.DefaultHelpValueFormatter(v)
	}
	otherwise := v.Default
	for _, name := range v.Flag.Envs {
		otherwise = "$" + name + " or " + otherwise
	}
	return strings.TrimSuffix(v.Help, ".") + " (default " + otherwise + ")."
}

// report prints an error as a person should see it: what, and what to do.
func report(w io.Writer, err error) {
	e, ok := errors.AsType[*strongroom.Error](err)
	if !ok {
		fmt.Fprintln(w, "strongroom:", err)
		return
	}
	message := e.Message
	if e.Cause != nil {
		message += ": " + e.Cause.Error()
	}
	// What was being done when it happened stays around it.
	fmt.Fprintln(w, "strongroom:", strings.Replace(err.Error(), e.Error(), message, 1))
	if e.Hint != "" {
		fmt.Fprintln(w, "hint:", e.Hint)
	}
}
