package s3

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/vault"
)

// realRooms is the one room of a test, as the program wires it.
type realRooms struct{ *housetest.Room }

func (r realRooms) ByAccessKey(_ context.Context, id string) (Room, vault.Credential, error) {
	c, err := r.House.Room.Credential(id)
	return realRoom{r.House.Room}, c, err
}

func (r realRooms) Sole(context.Context) Room { return realRoom{r.House.Room} }

type realRoom struct{ *vault.Room }

func (r realRoom) ID() strongroom.ID { return r.Config.ID }

func (r realRoom) Enter(ctx context.Context) (func(), error) { return r.Room.Enter(ctx, "test") }

// real is a door before a real room.
type real struct {
	t      *testing.T
	room   *housetest.Room
	server *httptest.Server
}

func openReal(t *testing.T) real {
	room := housetest.New(t, house.Options{})
	return real{t, room, serve(t, Config{Rooms: realRooms{room}}, false)}
}

// do sends a request as the room's owner, with a purpose.
func (r real) do(c call) answer {
	r.t.Helper()
	c.key, c.secret = r.room.Founded.KeyID, r.room.Founded.Secret
	if !c.presigned {
		c.headers = append([]string{fieldPurpose, "testing"}, c.headers...)
	}
	return c.send(r.t, r.server)
}

// want sends a request and holds the answer against a status, an error code ("" for
// none) and what its body must contain.
func (r real) want(c call, status int, code string, contains ...string) answer {
	r.t.Helper()
	a := r.do(c)
	if a.status != status || a.code != code {
		r.t.Errorf("%s %s: %d %s %q, want %d %s", or(c.method, "GET"), c.path, a.status, a.code, a.message, status, code)
	}
	for _, s := range contains {
		if !strings.Contains(a.body, s) {
			r.t.Errorf("%s %s: the answer has no %q: %s", or(c.method, "GET"), c.path, s, a.body)
		}
	}
	return a
}
