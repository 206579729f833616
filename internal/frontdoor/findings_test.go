package frontdoor_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/door"
	"strongroom/door/api"
	"strongroom/internal/frontdoor"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/know/intake"
	"strongroom/people"
	"strongroom/vault"
)

type byToken struct{ *housetest.Room }

func (r byToken) ByToken(ctx context.Context, presented string) (door.Room, vault.TokenCredential, error) {
	c, err := r.House.Room.TokenCaller(ctx, presented)
	return door.Room{Vault: r.House.Room}, c, err
}

func TestFindings(t *testing.T) {
	r := housetest.New(t, house.Options{})
	r.Person(strongroom.Principal{Name: "drain", Kind: strongroom.Workload})
	server := httptest.NewServer(api.New(api.Config{Rooms: byToken{r}}))
	t.Cleanup(server.Close)
	token := func(name string) string {
		_, presented, err := r.House.Room.CreateToken(t.Context(), r.Owner, vault.TokenRequest{Principal: name, Name: "test", Scopes: []people.Scope{people.ScopeAPI}, Lifetime: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return presented
	}
	tell := func(address, token string) error {
		f, err := frontdoor.OpenFindings(address, token)
		if err != nil {
			return err
		}
		return f.Report(t.Context(), intake.ReportOverdue, "3 files since 09:00")
	}
	good := token("drain")
	size := r.House.Book.Head().Size
	if err := tell(server.URL+"/", good); err != nil {
		t.Fatal(err)
	}
	record, err := r.House.Book.Record(t.Context(), size)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := vault.EventOf(record); err != nil || e.Kind != vault.KindFinding || e.Did != intake.ReportOverdue || e.Subject != "drain" || e.Detail != "3 files since 09:00" {
		t.Errorf("on record is %+v, %v", e, err)
	}
	if err := tell(server.URL, token("owner")); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("a person's finding: %v", err)
	}
	if err := tell(server.URL, strings.Repeat("x", 40)); strongroom.KindOf(err) != strongroom.KindDenied {
		t.Errorf("nobody's finding: %v", err)
	}
	for _, address := range []string{"http://192.0.2.1", "http://strongroom.example", "ftp://x", "https://me:secret@x", "x", "https://x?token=1"} {
		if err := tell(address, good); strongroom.KindOf(err) != strongroom.KindInvalid {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := tell(server.URL, ""); strongroom.KindOf(err) != strongroom.KindInvalid {
		t.Errorf("without a token: %v", err)
	}

	// A server that sends one elsewhere gets the token, and elsewhere does not.
	led := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { led = true }))
	t.Cleanup(elsewhere.Close)
	leads := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(leads.Close)
	if err := tell(leads.URL, good); err == nil || led || strings.Contains(err.Error(), good) {
		t.Errorf("led elsewhere (%v): %v", led, err)
	}
}
