package s3

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/internal/s3clients"
	"strongroom/vault"
)

// serve starts the door as Server stands it up, on a port of its own.
func serve(t testing.TB, c Config, secure bool) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	var config *tls.Config
	if secure {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	server.Config = Server("", New(c), config)
	if secure {
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

// watched is a real room that remembers who asked it.
type watched struct {
	realRoom
	seen *callers
}

type callers struct {
	mu  sync.Mutex
	all []vault.Caller
}

func (w watched) ByAccessKey(ctx context.Context, id string) (Room, vault.Credential, error) {
	c, err := w.Room.Credential(id)
	return w, c, err
}

func (w watched) Sole(context.Context) Room { return w }

func (w watched) see(c vault.Caller) {
	w.seen.mu.Lock()
	defer w.seen.mu.Unlock()
	w.seen.all = append(w.seen.all, c)
}

func (w watched) Put(ctx context.Context, c vault.Caller, q vault.PutRequest, body io.Reader) (strongroom.Object, error) {
	w.see(c)
	return w.realRoom.Put(ctx, c, q, body)
}

func (w watched) Open(ctx context.Context, c vault.Caller, q vault.GetRequest) (*vault.Opened, error) {
	w.see(c)
	return w.realRoom.Open(ctx, c, q)
}

func TestClients(t *testing.T) {
	for _, c := range []struct {
		name           string
		secure, strict bool
		clients        []string
	}{{"plain", false, false, nil}, {"TLS, reading needs a purpose", true, true, []string{"boto3", "minio-go"}}} {
		t.Run(c.name, func(t *testing.T) {
			house := housetest.New(t, house.Options{})
			if !c.strict {
				if _, err := house.Room.PutPolicy(t.Context(), house.Owner, []byte(`@id("all") permit (principal, action, resource);`)); err != nil {
					t.Fatal(err)
				}
			}
			room := watched{realRoom{house.House.Room}, &callers{}}
			server := serve(t, Config{Rooms: room}, c.secure)
			e := s3clients.Endpoint{URL: server.URL, AccessKey: house.Founded.KeyID, Secret: house.Founded.Secret, NeedsPurpose: c.strict}
			if c.secure {
				e.CAFile = filepath.Join(t.TempDir(), "ca.pem")
				block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
				if err := os.WriteFile(e.CAFile, block, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Run("with", func(t *testing.T) { s3clients.Run(t, e, c.clients...) }) // returns when all clients have ended
			if left, err := house.Room.ListBuckets(t.Context(), house.Owner); err != nil || len(left) != 0 {
				t.Errorf("%d buckets are left, %v", len(left), err)
			}
			said := strongroom.Purpose{}
			for _, caller := range room.seen.all {
				if caller.Purpose.Text != "" {
					said = caller.Purpose
				}
				if caller.Session != e.AccessKey || caller.Secure != c.secure || net.ParseIP(caller.Source) == nil || caller.RequestID == "" {
					t.Fatalf("the caller is told as %+v", caller)
				}
			}
			if want := (strongroom.Purpose{Text: "réclamation 50%", Ticket: "TICKET-1"}); said != want && len(room.seen.all) > 0 {
				t.Errorf("the purpose arrived as %+v, want %+v", said, want)
			}
		})
	}
}
