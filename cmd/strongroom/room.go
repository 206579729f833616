package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"time"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/vault"
)

// roomFlags name a room of a data folder.
type roomFlags struct {
	Data string `default:"strongroom-data" env:"STRONGROOM_DATA" help:"Data folder." placeholder:"DIR"`
	Room string `help:"Id or name of the room, where the folder holds several." placeholder:"ROOM"`
}

func (f roomFlags) find() (house.Info, error) { return house.Find(f.Data, f.Room) }

// path is the folder of the room.
func (f roomFlags) path() (string, error) {
	info, err := f.find()
	return house.Path(f.Data, info), err
}

// with opens the room beside whoever serves it, for a command that administers it.
func (f roomFlags) with(ctx context.Context, do func(*house.House) error) error {
	info, err := f.find()
	if err != nil {
		return err
	}
	h, err := house.Open(ctx, f.Data, info, house.Options{Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	err = do(h)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(err, h.Close(closing))
}

// credentials read an access key from the environment, where the S3 tools have it
// too; never from the command line, which every user of the machine can read.
func credentials() (id, secret string) {
	first := func(names ...string) string {
		for _, n := range names {
			if v := os.Getenv(n); v != "" {
				return v
			}
		}
		return ""
	}
	return first("STRONGROOM_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"), first("STRONGROOM_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY")
}

// sessionToken is the token of the session that credentials belong to, or "".
func sessionToken() string {
	if os.Getenv("STRONGROOM_ACCESS_KEY_ID") != "" {
		return os.Getenv("STRONGROOM_SESSION_TOKEN")
	}
	return os.Getenv("AWS_SESSION_TOKEN")
}

// caller proves who runs the command by the access key in the environment.
func caller(h *house.House, purpose strongroom.Purpose) (vault.Caller, error) {
	id, secret := credentials()
	if id == "" || secret == "" {
		return vault.Caller{}, &strongroom.Error{
			Kind:    strongroom.KindDenied,
			Message: "this is done in somebody's name, and no access key says whose",
			Hint:    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to an access key of this room, such as the one init printed",
		}
	}
	c, err := h.Room.Credential(id)
	a, b := sha256.Sum256([]byte(c.Secret)), sha256.Sum256([]byte(secret))
	if c.Secret == "" || subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		h.Room.Noise("a command with a wrong secret")
		return vault.Caller{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: fmt.Sprintf("the access key %s does not exist in this room, or the secret is not its", id)}
	}
	if err != nil {
		return vault.Caller{}, err
	}
	if !c.ProvesToken(sessionToken()) {
		h.Room.Noise("a command with a wrong session token")
		return vault.Caller{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "the session token is not the access key's", Hint: "set AWS_SESSION_TOKEN for a session's key, and unset it for any other"}
	}
	return vault.Caller{
		Principal: c.Principal, Session: c.KeyID, Method: "local", Secure: true,
		RequestID: strongroom.NewID().String(), Purpose: vault.PurposeOf(purpose, c.Purpose),
	}, nil
}

// operator names who runs a command that needs no access key, for its record.
func operator(doing string) string {
	name := fmt.Sprintf("uid %d", os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username + " (" + name + ")"
	}
	return name + ": " + doing
}
