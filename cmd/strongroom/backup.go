package main

import (
	"context"
	"fmt"
	"os"

	"strongroom/internal/house"
)

type backupCommand struct {
	roomFlags
	To          string `required:"" help:"Folder to write, which must not exist." placeholder:"DIR"`
	WithoutKeys bool   `help:"Leave the private keys and secrets out; restoring then needs them from elsewhere."`
	JSON        bool   `help:"Print JSON."`
}

func (backupCommand) Help() string {
	return `The database is copied at one instant; sealed blobs, which never change, follow while the room is served, and none is
erased meanwhile. Blobs that lie in a bucket stay there and are not copied. With its keys a backup opens everything: keep it as you keep the room.

Example:
  strongroom backup --data /srv/strongroom --to /backup/2026-11-22 --without-keys`
}

func (c backupCommand) Run(ctx context.Context, out output) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	progress := newProgress(out.errors, "files copied", 0)
	report, err := house.Backup(ctx, path, c.To, !c.WithoutKeys, operator("copied the room to "+c.To), progress.step)
	progress.done()
	if err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	if c.JSON {
		return out.json(report)
	}
	out.printf("room %s copied to %s: %s, %s, %.1f MB\n", report.Room, c.To, count(report.Records, "record"), count(report.Files, "file"), float64(report.Bytes)/1e6)
	if report.BlobsAt != "" {
		out.printf("the sealed blobs are not in it: they stay in %s, and what is erased there is gone for this backup too\n", report.BlobsAt)
	}
	if c.WithoutKeys {
		out.printf("without the room's key, its signing key and the custodian's private keys: keep those elsewhere\n")
	} else {
		out.printf("it holds the keys beside the data: whoever has it can read everything\n")
	}
	return nil
}

type restoreCommand struct {
	Data      string `default:"strongroom-data" env:"STRONGROOM_DATA" help:"Data folder to restore into." placeholder:"DIR"`
	From      string `required:"" help:"The backup." placeholder:"DIR"`
	Keys      string `help:"Folder with secrets/ and custodian/ of the room, where the backup was made without keys." placeholder:"DIR"`
	TakeBlobs bool   `help:"Where the sealed blobs lie in a bucket: take them over from the room that was copied, which can then no longer be served."`
	OldHead   string `help:"The newest checkpoint known of the lost room; its size and root go into the new epoch's first record." placeholder:"FILE"`
	JSON      bool   `help:"Print JSON."`
}

func (restoreCommand) Help() string {
	return `What was recorded after the backup is lost, so the ledger opens a new epoch whose first record says where it goes on
from: an earlier checkpoint that reached further is then reported as records lost, never passed over. The embedded custodian adopts the epoch.

Example:
  strongroom restore --from /backup/2026-11-22 --data /srv/strongroom-new --old-head /elsewhere/checkpoint`
}

func (c restoreCommand) Run(ctx context.Context, out output) error {
	var old []byte
	if c.OldHead != "" {
		var err error
		if old, err = os.ReadFile(c.OldHead); err != nil {
			return err
		}
	}
	progress := newProgress(out.errors, "files copied", 0)
	report, err := house.Restore(ctx, house.Restoration{From: c.From, Dir: c.Data, Keys: c.Keys, OldHead: old, TakeBlobs: c.TakeBlobs, Step: progress.step})
	progress.done()
	if err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	if c.JSON {
		return out.json(report)
	}
	out.printf("room %s restored with %s; its ledger is in epoch %d now\n", report.Room, count(report.Records, "record"), report.Epoch)
	if report.BlobsAt != "" {
		out.printf("its blobs are those in %s; what was stored there after the backup is kept, though no row names it\n", report.BlobsAt)
	}
	return nil
}
