package main

import (
	"context"
	"fmt"
	"os"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/seal"
)

type initCommand struct {
	Data      string   `default:"strongroom-data" env:"STRONGROOM_DATA" help:"Folder to make the room in." placeholder:"DIR"`
	Name      string   `default:"main" help:"The room's name."`
	Owner     string   `default:"owner" help:"Name of the first person, who is of the group data-owners."`
	Recipient []string `help:"Public key to seal to as well, such as a recovery share's (strongroom-recipient:…). May be repeated." placeholder:"KEY"`
	Console   string   `default:"http://localhost:7400" help:"Where people will open the console, for the set-up link." placeholder:"URL"`
	Blobs     string   `help:"Keep sealed blobs in a bucket and not in the data folder: s3://BUCKET/PREFIX?region=REGION, with endpoint=https://HOST for a server other than AWS, owner=ACCOUNT to insist on whose the bucket is. Credentials come from STRONGROOM_BLOBS_ACCESS_KEY_ID and STRONGROOM_BLOBS_SECRET_ACCESS_KEY, or from where the AWS tools have them." placeholder:"URL"`
	Another   bool     `help:"Make one more room in a folder that has rooms already."`
	JSON      bool     `help:"Print JSON."`
}

func (initCommand) Help() string {
	return `Prints the access key's secret and the set-up link once; neither can be shown again.

Examples:
  strongroom init --data /srv/strongroom
  strongroom init --data /srv/strongroom --another --name outsourcer --json
  strongroom init --data /srv/strongroom --blobs "s3://sealed/strongroom?region=eu-central-1"`
}

func (c initCommand) Run(ctx context.Context, out output) error {
	var recipients []seal.Recipient
	for _, text := range c.Recipient {
		r, err := seal.ParseRecipient(text)
		if err != nil {
			return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "--recipient: " + err.Error()}
		}
		recipients = append(recipients, r)
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	f, err := house.Found(ctx, house.Founding{Dir: c.Data, Name: c.Name, Owner: c.Owner, Recipients: recipients, Console: c.Console, Another: c.Another, Blobs: c.Blobs})
	if err != nil {
		return err
	}
	if c.JSON {
		return out.json(f)
	}
	out.printf(`room                  %s (%s)
ledger key            %s
S3 access key id      %s
S3 secret access key  %s
set-up link           %s

The secret and the link are shown this once. They are of %s, of the group data-owners.
Keep the ledger key where the room's operators cannot change it: with it anybody can verify the ledger.

next: strongroom serve --data %s
`, f.Room, f.Name, f.LedgerKey, f.KeyID, f.Secret, f.SetupURL, c.Owner, c.Data)
	return nil
}
