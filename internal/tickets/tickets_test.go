package tickets

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/vault"
)

var (
	room   = strongroom.ID([]byte("room-of-the-test"))
	secret = []byte("0123456789abcdef0123456789abcdef")
	carol  = strongroom.Principal{ID: strongroom.ID([]byte("carol-of-the-tes")), Name: "carol", Kind: strongroom.Person, Aliases: []string{"c@example.com"}}
	noon   = time.Unix(1_800_000_000, 0)
)

func checker(t testing.TB, address string) *Checker {
	t.Helper()
	c, err := New(room, vault.TicketSetting{URL: address, Secret: secret}, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const good = `{"ticket":"T-1","exists":true,"open":true,"assigned":true}`

func answering(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		io.WriteString(w, text)
	}
}

// TestQuestionIsSigned is what a ticket system sees, as docs/approvals.md says.
func TestQuestionIsSigned(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.Method != http.MethodPost || r.URL.Path != "/check" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("asked by %s %s, %s", r.Method, r.URL, r.Header.Get("Content-Type"))
		}
		stamp, err := strconv.ParseInt(r.Header.Get("Strongroom-Timestamp"), 10, 64)
		if err != nil || stamp != noon.Unix() {
			t.Errorf("the timestamp is %q", r.Header.Get("Strongroom-Timestamp"))
		}
		if got := r.Header.Get("Strongroom-Signature"); !hmac.Equal([]byte(got), []byte(Sign(secret, stamp, body))) {
			t.Errorf("the signature is %s", got)
		}
		const want = `{"format":"strongroom/ticket-check/v1","room":"726f6f6d2d6f662d7468652d74657374","ticket":"T-1","principal":{"id":"6361726f6c2d6f662d7468652d746573","name":"carol","kind":"person","aliases":["c@example.com"]}}`
		if string(body) != want {
			t.Errorf("the body is %s", body)
		}
		answering(good)(w, r)
	}))
	defer s.Close()
	if state, err := checker(t, s.URL+"/check").Check(t.Context(), "T-1", carol); err != nil || state != strongroom.TicketGood {
		t.Fatalf("%q, %v", state, err)
	}
	// Reckoned with: printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
	if got := Sign(secret, 1800000000, []byte(`{"a":1}`)); got != "v1=d40e555bc2c1dae21953757b24b165a171698880732ac310a5c8cf0ab751abf2" {
		t.Errorf("signed as %s", got)
	}
	if Sign(secret, 1, []byte("x")) == Sign(secret, 2, []byte("x")) {
		t.Error("the time is not signed")
	}
}

func TestAnswers(t *testing.T) {
	for text, want := range map[string]strongroom.TicketState{
		good: strongroom.TicketGood,
		` { "assigned" : true, "open" : true, "exists" : true, "ticket" : "T-1" } ` + "\n": strongroom.TicketGood,
		`{"ticket":"T-1","exists":true,"open":true,"assigned":false}`:                      strongroom.TicketNotYours,
		`{"ticket":"T-1","exists":true,"open":false,"assigned":true}`:                      strongroom.TicketClosed,
		`{"ticket":"T-1","exists":true,"open":false,"assigned":false}`:                     strongroom.TicketClosed,
		`{"ticket":"T-1","exists":false,"open":false,"assigned":false}`:                    strongroom.TicketUnknown,
		// Whatever is not exactly an answer is none.
		``:     "",
		`null`: "",
		`true`: "",
		`[]`:   "",
		`{}`:   "",
		`{"ticket":"T-1","exists":true,"open":true}`:                                  "",
		`{"ticket":"T-2","exists":true,"open":true,"assigned":true}`:                  "",
		`{"ticket":"t-1","exists":true,"open":true,"assigned":true}`:                  "",
		`{"ticket":1,"exists":true,"open":true,"assigned":true}`:                      "",
		`{"ticket":"T-1","exists":"true","open":true,"assigned":true}`:                "",
		`{"ticket":"T-1","exists":1,"open":true,"assigned":true}`:                     "",
		`{"ticket":"T-1","exists":true,"open":null,"assigned":true}`:                  "",
		`{"ticket":"T-1","exists":true,"open":true,"assigned":[true]}`:                "",
		`{"ticket":"T-1","exists":true,"open":true,"assigned":true,"more":1}`:         "",
		`{"ticket":"T-1","exists":true,"open":true,"assigned":true,"open":true}`:      "",
		`{"ticket":"T-1","exists":true,"open":true,"assigned":false,"assigned":true}`: "",
		`{"Ticket":"T-1","exists":true,"open":true,"assigned":true}`:                  "",
		`{"ticket":"T-1","exists":false,"open":true,"assigned":true}`:                 "",
		`{"ticket":"T-1","exists":false,"open":false,"assigned":true}`:                "",
		good + good:                           "",
		good + "x":                            "",
		good[:40]:                             "",
		"\ufeff" + good:                       "",
		"<html>":                              "",
		strings.Repeat(" ", maxAnswer) + good: "",
		`{"ticket":"` + strings.Repeat("x", maxAnswer) + `"}`: "",
		strings.Repeat(`[`, maxAnswer/2):                      "",
	} {
		s := httptest.NewServer(answering(text))
		state, err := checker(t, s.URL).Check(t.Context(), "T-1", carol)
		if state != want || (err == nil) != (want != "") {
			t.Errorf("%.80s: %q, %v", text, state, err)
		}
		s.Close()
	}
}

// TestBadServers: whatever a server does, the asker has an error within the time, and
// the error tells neither address nor secret.
func TestBadServers(t *testing.T) {
	elsewhere := httptest.NewServer(answering(good))
	defer elsewhere.Close()
	released := make(chan struct{})
	defer close(released)
	hang := func(r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-released:
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"a permanent one": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusPermanentRedirect)
		},
		"see other": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusSeeOther) },
		"an error":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); answering(good)(w, r) },
		"created": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(201)
			io.WriteString(w, good)
		},
		"no type": func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, good)
		},
		"another type": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, good)
		},
		"no answer": func(w http.ResponseWriter, r *http.Request) { hang(r) },
		"an endless answer": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat(" ", 1<<16)); err != nil {
					return
				}
			}
		},
		"a byte a moment": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for i := range len(good) {
				select {
				case <-r.Context().Done():
					return
				case <-time.After(200 * time.Millisecond):
				}
				io.WriteString(w, good[i:i+1])
				w.(http.Flusher).Flush()
			}
		},
		"cut off": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(good)+1))
			io.WriteString(w, good)
		},
		"huge headers": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Much", strings.Repeat("x", 1<<20))
			answering(good)(w, r)
		},
		"compressed": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff})
		},
		"hangs up": func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(handler)
			t.Cleanup(s.CloseClientConnections)
			began := time.Now()
			state, err := checker(t, s.URL+"/check?token=hidden").Check(t.Context(), "T-1", carol)
			if err == nil || state != "" {
				t.Fatalf("answered %q", state)
			}
			if took := time.Since(began); took > patience+2*time.Second {
				t.Errorf("it took %s", took)
			}
			if strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), string(secret)) {
				t.Errorf("the error shows the address or the secret: %v", err)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		gone := httptest.NewServer(answering(good))
		gone.Close()
		if state, err := checker(t, gone.URL).Check(t.Context(), "T-1", carol); err == nil || state != "" {
			t.Errorf("answered %q", state)
		}
	})
	t.Run("a certificate that nobody vouches for", func(t *testing.T) {
		s := httptest.NewTLSServer(answering(good))
		defer s.Close()
		if state, err := checker(t, s.URL).Check(t.Context(), "T-1", carol); err == nil || state != "" {
			t.Errorf("answered %q", state)
		}
	})
	t.Run("something else than HTTP", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				fmt.Fprint(c, "220 mail.example.com ESMTP\r\n")
				c.Close()
			}
		}()
		if state, err := checker(t, "http://"+l.Addr().String()).Check(t.Context(), "T-1", carol); err == nil || state != "" {
			t.Errorf("answered %q", state)
		}
	})
}

func TestWhereNoQuestionGoes(t *testing.T) {
	for address, plain := range map[string]bool{
		"192.0.2.1:80": true, "[2001:db8::1]:80": true, "10.0.0.1:80": true, "[::ffff:192.0.2.1]:80": true, "nonsense": true,
		"169.254.169.254:443": false, "[fe80::1]:443": false, "0.0.0.0:443": false, "[::]:443": false, "224.0.0.1:443": false, "[::ffff:169.254.169.254]:443": false,
	} {
		if mayDial(address, plain) == nil {
			t.Errorf("%s is dialled", address)
		}
	}
	for address, plain := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true, "10.0.0.1:443": false, "192.0.2.1:443": false, "127.0.0.1:443": false} {
		if err := mayDial(address, plain); err != nil {
			t.Errorf("%s is not dialled: %v", address, err)
		}
	}
	for _, setting := range []vault.TicketSetting{{URL: "http://example.com", Secret: secret}, {URL: "https://example.com", Secret: secret[:31]}, {Secret: secret}} {
		if _, err := New(room, setting, time.Now); err == nil || strings.Contains(err.Error(), string(secret[:31])) {
			t.Errorf("%v is taken: %v", setting, err)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{good, `{}`, `{"ticket":"T-1","exists":false,"open":false,"assigned":false}`, `{"ticket":"T-1","exists":true,"open":true,"assigned":true,"x":{"y":[1]}}`, good + good, "[[[["} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		state, err := parseAnswer([]byte(text), "T-1")
		if (err == nil) == (state == "") {
			t.Fatalf("%q, %v", state, err)
		}
		if state != strongroom.TicketGood {
			return
		}
		// Only what any JSON reader takes for the same is good.
		var a struct {
			Ticket                 string
			Exists, Open, Assigned bool
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&a); err != nil || a.Ticket != "T-1" || !a.Exists || !a.Open || !a.Assigned {
			t.Fatalf("%q is good: %+v, %v", text, a, err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			t.Fatalf("%q is good, with something behind it", text)
		}
	})
}
