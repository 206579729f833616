package s3

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"strongroom"
	"strongroom/internal/s3clients"
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

func TestClients(t *testing.T) {
	for _, c := range []struct {
		name           string
		secure, strict bool
		clients        []string
	}{{"plain", false, false, nil}, {"TLS, reading needs a purpose", true, true, []string{"boto3", "minio-go"}}} {
		t.Run(c.name, func(t *testing.T) {
			room := newFakeRoom()
			room.purpose = c.strict
			server := serve(t, Config{Rooms: fakeRooms{room}}, c.secure)
			e := s3clients.Endpoint{URL: server.URL, AccessKey: testKey, Secret: testSecret, NeedsPurpose: c.strict}
			if c.secure {
				e.CAFile = filepath.Join(t.TempDir(), "ca.pem")
				block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
				if err := os.WriteFile(e.CAFile, block, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Run("with", func(t *testing.T) { s3clients.Run(t, e, c.clients...) }) // returns when all clients have ended
			if n := room.stored(); n != 0 {
				t.Errorf("%d objects are left", n)
			}
			if room.inside != 0 {
				t.Errorf("%d places in the room were never given back", room.inside)
			}
			said := strongroom.Purpose{}
			for _, caller := range room.callers {
				if caller.Purpose.Text != "" {
					said = caller.Purpose
				}
				if caller.Session != testKey || caller.Secure != c.secure || net.ParseIP(caller.Source) == nil || caller.RequestID == "" {
					t.Fatalf("the caller is told as %+v", caller)
				}
			}
			if want := (strongroom.Purpose{Text: "réclamation 50%", Ticket: "TICKET-1"}); said != want && len(room.callers) > 0 {
				t.Errorf("the purpose arrived as %+v, want %+v", said, want)
			}
		})
	}
}
