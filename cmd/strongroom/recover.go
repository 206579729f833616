package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"strongroom"
	"strongroom/internal/disk"
	"strongroom/internal/house"
	"strongroom/seal"
	"strongroom/vault"
)

type recoverCommand struct {
	Blobs   string   `required:"" help:"Folder of sealed blobs and sidecars: rooms/ROOM/blobs, or a copy of it; or s3://BUCKET/PREFIX?region=… as room.json has it." placeholder:"DIR"`
	Room    string   `help:"Id of the room whose blobs they are, where they lie in a bucket." placeholder:"ROOM"`
	Keys    string   `required:"" help:"Folder of private keys (*.key): rooms/ROOM/custodian/keys, or the recovery share's." placeholder:"DIR"`
	To      string   `required:"" help:"Folder to write the content to, made if absent." placeholder:"DIR"`
	Purpose string   `required:"" help:"Why; it goes into the recovery's own record."`
	Blob    []string `arg:"" optional:"" help:"Ids of the blobs to recover; all of them where none is named."`
}

func (recoverCommand) Help() string {
	return `For the day on which the database is lost. Each blob is put on record in DIR/recovery.jsonl, durably, before a byte of
it is written to DIR/BLOB. Names and metadata are not in the blobs and do not come back.

Example:
  strongroom recover --blobs backup/blobs --keys /media/recovery --to recovered --purpose "database lost, case 4711"
  strongroom recover --blobs "s3://sealed/strongroom?region=eu-central-1" --room ROOM --keys /media/recovery --to recovered --purpose "database lost, case 4711"`
}

func (c recoverCommand) Run(ctx context.Context, out output) error {
	identities, err := house.ReadIdentities(c.Keys)
	if err != nil {
		return err
	}
	blobs, err := house.OpenBlobs(ctx, c.Blobs, c.Room)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.To, 0o700); err != nil {
		return err
	}
	journal, err := os.OpenFile(filepath.Join(c.To, "recovery.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer journal.Close()
	if err := disk.SyncFolder(c.To); err != nil {
		return fmt.Errorf("making the journal's name durable: %w", err)
	}
	names := c.Blob
	if len(names) == 0 {
		for f, err := range blobs.List(ctx) {
			if err != nil {
				return err
			}
			if name, isSidecar := strings.CutSuffix(f.Name, ".stanzas"); isSidecar {
				names = append(names, name)
			}
		}
	}
	r := recovery{blobs: blobs, identities: identities, journal: journal, purpose: c.Purpose, to: c.To}
	failed := 0
	progress := newProgress(out.errors, "blobs recovered", int64(len(names)))
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.recover(ctx, name); err != nil {
			failed++
			fmt.Fprintf(out.errors, "strongroom: blob %s: %v\n", name, err)
		}
		progress.step()
	}
	progress.done()
	out.printf("%d of %s recovered to %s\n", len(names)-failed, count(len(names), "blob"), c.To)
	if failed > 0 {
		return exitError(1)
	}
	return nil
}

// recovery opens blobs where the private keys are. Besides the vault it is the only
// caller that may unseal, and it records first as the vault does.
type recovery struct {
	blobs      vault.Blobs
	identities []*seal.Identity
	journal    *os.File
	purpose    string
	to         string
}

func (r recovery) recover(ctx context.Context, name string) error {
	id, err := strongroom.ParseID(name)
	if err != nil {
		return err
	}
	blob, err := r.blobs.Open(ctx, name)
	if err != nil {
		return err
	}
	defer blob.Close()
	header, err := seal.ReadHeader(io.NewSectionReader(blob, 0, blob.Size()))
	if err != nil {
		return err
	}
	if header.Blob != id {
		return fmt.Errorf("its header says that it is blob %s", header.Blob)
	}
	key, recipient, err := r.key(ctx, header)
	if err != nil {
		return err
	}
	entry, err := json.Marshal(map[string]any{
		"time": time.Now().UTC(), "by": operator("recover"), "purpose": r.purpose, "room": header.Room, "blob": id, "recipient": recipient,
	})
	if err != nil {
		return err
	}
	if _, err := r.journal.Write(append(entry, '\n')); err != nil {
		return fmt.Errorf("recording the recovery: %w", err)
	}
	if err := r.journal.Sync(); err != nil {
		return fmt.Errorf("recording the recovery: %w", err)
	}
	var content *seal.Reader
	if header.Layout == seal.Segmented {
		content, err = seal.OpenSegmented(blob, header, key, func(p seal.ManifestPart) (seal.Source, error) {
			return r.blobs.Open(ctx, fmt.Sprintf("%s.%d.%s", name, p.Number, p.Attempt))
		})
	} else {
		content, err = seal.Open(blob, header, key)
	}
	if err != nil {
		return err
	}
	defer content.Close()
	f, err := os.OpenFile(filepath.Join(r.to, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = content.WriteRangeTo(f, 0, content.Size())
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// key unwraps the data key with whichever private key one of the stanzas is for.
func (r recovery) key(ctx context.Context, h seal.Header) (seal.DataKey, string, error) {
	sidecar, err := r.blobs.Open(ctx, h.Blob.String()+".stanzas")
	if err != nil {
		return seal.DataKey{}, "", err
	}
	defer sidecar.Close()
	text, err := readBounded(io.NewSectionReader(sidecar, 0, sidecar.Size()), seal.MaxSidecar)
	if err != nil {
		return seal.DataKey{}, "", err
	}
	s, err := seal.ParseSidecar(text)
	if err != nil {
		return seal.DataKey{}, "", err
	}
	for _, stanza := range s.Stanzas {
		for _, identity := range r.identities {
			if identity.Recipient().ID() != stanza.Recipient {
				continue
			}
			key, err := identity.Unwrap(stanza, seal.Binding{Room: h.Room, Blob: h.Blob, Custody: h.Custody})
			return key, stanza.Recipient, err
		}
	}
	return seal.DataKey{}, "", errors.New("none of these private keys is one it was sealed to")
}
