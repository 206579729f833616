package push

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/alert"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func sender() Sender { return Sender{Clock: func() time.Time { return noon }} }

func message() alert.Message {
	id := strongroom.ID{0xab, 0xcd}
	return alert.Message{
		ID: id, Notice: id.String() + ".0.0", Condition: "bulk-releases", Severity: alert.High, Room: "main", Link: "https://room.example/alerts/" + id.String(),
		Language: alert.French, Title: "main · Beaucoup d'enregistrements ouverts par une personne", Body: "Gravité: élevée\nÀ voir.\n", Time: noon,
	}
}

// authority is the certificate of a test server, as a channel names it.
func authority(s *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func refusal(err error) *alert.Refusal {
	r, _ := errors.AsType[*alert.Refusal](err)
	return r
}

// A receiver that knows the secret, and nothing of this code but the documents, finds the
// message true.
func TestWebhook(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	got := make(chan *http.Request, 2)
	bodies := make(chan []byte, 2)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- r
		bodies <- body
		w.WriteHeader(http.StatusAccepted)
	}))
	defer s.Close()
	c := alert.Channel{Kind: alert.Webhook, URL: s.URL + "/hooks/alerts?team=soc", Secret: secret, CA: authority(s)}
	for range 2 {
		if err := sender().Send(t.Context(), c, message()); err != nil {
			t.Fatal(err)
		}
	}
	first, second := <-got, <-got
	for _, name := range []string{"Idempotency-Key", "Webhook-Id"} {
		if a, b := first.Header.Get(name), second.Header.Get(name); a == "" || a != b {
			t.Errorf("%s of a message and its repeat: %q and %q", name, a, b)
		}
	}
	body := <-bodies
	seconds, err := strconv.ParseInt(first.Header.Get("webhook-timestamp"), 10, 64)
	if err != nil || seconds != noon.Unix() {
		t.Errorf("timestamp %d, %v", seconds, err)
	}

	want := Sign(secret, first.Header.Get("webhook-id"), time.Unix(seconds, 0), body)
	if !hmac.Equal([]byte(want), []byte(first.Header.Get("webhook-signature"))) {
		t.Errorf("signature %q, want %q", first.Header.Get("webhook-signature"), want)
	}
	if other := Sign(secret, first.Header.Get("webhook-id"), time.Unix(seconds+1, 0), body); other == want {
		t.Error("the signature does not cover the time")
	}
	var hook map[string]any
	if err := json.Unmarshal(body, &hook); err != nil || hook["type"] != "strongroom.alert" || hook["severity"] != "high" || hook["condition"] != "bulk-releases" || hook["room"] != "main" {
		t.Errorf("%s", body)
	}
	if first.URL.RequestURI() != "/hooks/alerts?team=soc" || first.Method != http.MethodPost {
		t.Errorf("%s %s", first.Method, first.URL)
	}
}

// TestSign holds the signature against a value computed with another program:
// printf 'msg.1793620800.{}' | openssl dgst -sha256 -hmac secret -binary | base64
func TestSign(t *testing.T) {
	if got := Sign("secret", "msg", time.Unix(1793620800, 0), []byte("{}")); got != "v1,Hw5mkrjTAkrrwBt2YR2SAUmwMHfNAPreBePy1jwxqf0=" {
		t.Errorf("%s", got)
	}
}

// What is answered otherwise than well is a failure, which says what it was; a redirect
// leads nowhere, and an end that does not answer does not hold anybody up.
func TestWebhookFailures(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	var mode atomic.Value
	release := make(chan struct{})
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch mode.Load() {
		case "500":
			http.Error(w, "database\x1b[31m is\ndown", http.StatusInternalServerError)
		case "redirect":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "half-way":
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(http.StatusOK)
			w.Write([]byte("some of it"))
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "no answer":
			panic(http.ErrAbortHandler)
		case "silence":
			<-release
		case "flood":
			for range 100 {
				w.Write(make([]byte, 64<<10))
			}
		}
	}))
	defer s.Close()
	defer close(release)
	c := alert.Channel{Kind: alert.Webhook, URL: s.URL, Secret: "x", CA: authority(s)}
	for kind, want := range map[string]string{
		"500": "it answered 500: database[31m is down", "redirect": "redirects are not followed", "half-way": "broke off", "no answer": "EOF", "silence": "deadline exceeded",
	} {
		mode.Store(kind)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		began := time.Now()
		err := sender().Send(ctx, c, message())
		cancel()
		if err == nil || !strings.Contains(err.Error(), want) || refusal(err) != nil {
			t.Errorf("%s: %v, want %q", kind, err, want)
		}
		if strings.Contains(fmt.Sprint(err), s.URL) {
			t.Errorf("%s: the error tells the address: %v", kind, err)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("%s took %s", kind, d)
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("the message was sent to where a redirect led")
	}
	mode.Store("flood")
	if err := sender().Send(t.Context(), c, message()); err != nil {
		t.Errorf("a long answer: %v", err)
	}
	c.CA = ""
	if err := sender().Send(t.Context(), c, message()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody trusts: %v", err)
	}
}

// Where messages may not go they do not go, whatever the address is written like.
func TestPlaces(t *testing.T) {
	for _, address := range []string{
		"http://example.com/", "ftp://127.0.0.1/", "https://user:secret@example.com/", "//example.com", "https://", "file:///etc/passwd", "http://[::1%25eth0]x/",
		"https://169.254.169.254/latest/meta-data", "https://[::ffff:169.254.169.254]/", "https://[fe80::1]/", "https://[fd00:ec2::254]/", "https://0.0.0.0/",
		"https://224.0.0.1/", "https://100.100.100.200/", "https://[64:ff9b::a9fe:a9fe]/", "http://0.0.0.0/", "https://168.63.129.16/",
	} {
		for _, kind := range []alert.ChannelKind{alert.Webhook, alert.Ntfy, alert.WebPush} {
			c := alert.Channel{Kind: kind, URL: address, Secret: "x"}
			if err := Check(c); err == nil {
				t.Errorf("%s is taken for a place to send to", address)
			}
			if err := sender().Send(t.Context(), c, message()); err == nil || refusal(err) == nil {
				t.Errorf("%s %s: %v", kind, address, err)
			}
		}
	}
	for _, address := range []string{"https://example.com/x", "https://10.1.2.3/", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/x"} {
		if err := Check(alert.Channel{Kind: alert.Webhook, URL: address}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := Check(alert.Channel{Kind: alert.Email, Server: "169.254.169.254:25"}); err == nil {
		t.Error("mail to a cloud's metadata")
	}
}

// A name is judged by where it leads when the connection is made.
func TestNamesThatLeadAstray(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if c, err := dialer("rebinding.example").DialContext(t.Context(), "tcp", l.Addr().String()); err == nil || refusal(err) == nil {
		t.Errorf("a name that leads to this machine was connected to: %v", err)
		c.Close()
	}
	c, err := dialer("localhost").DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	for _, address := range []string{"169.254.0.1", "fe80::1", "::", "ff02::1"} {
		if allowed(netip.MustParseAddr(address), true) == nil {
			t.Errorf("%s is allowed", address)
		}
	}
}

// The fake takes and answers what ntfy's documents say of publishing as JSON.
func TestNtfy(t *testing.T) {
	type published struct {
		path, authorization string
		body                map[string]any
	}
	got := make(chan published, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p published
		p.path, p.authorization = r.URL.Path, r.Header.Get("Authorization")
		d := json.NewDecoder(r.Body)
		if err := d.Decode(&p.body); err != nil {
			http.Error(w, `{"code":40024,"http":400,"error":"invalid request: request body must be valid JSON"}`, http.StatusBadRequest)
			return
		}
		if p.authorization != "Bearer tk_secret" {
			http.Error(w, `{"code":40301,"http":403,"error":"forbidden"}`, http.StatusForbidden)
			return
		}
		got <- p
		fmt.Fprintf(w, `{"id":"hwQ2YpKdmg","time":%d,"event":"message","topic":%q}`, noon.Unix(), p.body["topic"])
	}))
	defer s.Close()
	c := alert.Channel{Kind: alert.Ntfy, URL: s.URL + "/push/alerts-main", Secret: "tk_secret"}
	if err := sender().Send(t.Context(), c, message()); err != nil {
		t.Fatal(err)
	}
	p := <-got
	if p.path != "/push/" || p.body["topic"] != "alerts-main" || p.body["priority"] != 4.0 || p.body["click"] != message().Link || p.body["sequence_id"] != message().ID.String() ||
		p.body["title"] != message().Title || p.body["message"] != message().Body || fmt.Sprint(p.body["tags"]) != "[rotating_light bulk-releases]" {
		t.Errorf("%+v", p)
	}
	c.Secret = "wrong"
	if err := sender().Send(t.Context(), c, message()); err == nil || !strings.Contains(err.Error(), "403") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("%v", err)
	}
	c.URL = s.URL
	if err := sender().Send(t.Context(), c, message()); refusal(err) == nil {
		t.Errorf("without a topic: %v", err)
	}
}

// decode64 is base64url without padding.
func decode64(t *testing.T, text string) []byte {
	t.Helper()
	out, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return bytes.Clone(out)
}
