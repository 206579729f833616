package push

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom/alert"
)

// pushService is a push service as RFC 8030, 8291 and 8292 have it, and the browser behind.
type pushService struct {
	*httptest.Server
	key    *ecdh.PrivateKey
	auth   []byte
	status atomic.Int32
	got    chan map[string]any
	topics chan string
}

func newPushService(t *testing.T, vapid string) *pushService {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &pushService{key: key, auth: make([]byte, 16), got: make(chan map[string]any, 16), topics: make(chan string, 16)}
	rand.Read(p.auth)
	p.status.Store(http.StatusCreated)
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("TTL") == "" || r.Header.Get("Content-Encoding") != "aes128gcm" {
			t.Errorf("%s with TTL %q and encoding %q", r.Method, r.Header.Get("TTL"), r.Header.Get("Content-Encoding"))
		}
		p.verify(t, r.Header.Get("Authorization"), vapid)
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil || len(body) > 4096 {
			t.Errorf("a body of %d bytes, %v", len(body), err)
		}
		var said map[string]any
		if err := json.Unmarshal(p.decrypt(t, body), &said); err != nil {
			t.Error(err)
		}
		p.got <- said
		p.topics <- r.Header.Get("Topic")
		w.WriteHeader(int(p.status.Load()))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *pushService) channel(vapid alert.VAPID) alert.Channel {
	return alert.Channel{
		Kind: alert.WebPush, URL: p.URL + "/push/subscription-1", CA: authority(p.Server), VAPID: vapid, Contact: "mailto:security@example.com",
		P256dh: base64.RawURLEncoding.EncodeToString(p.key.PublicKey().Bytes()), Auth: base64.RawURLEncoding.EncodeToString(p.auth),
	}
}

// verify checks the sender's proof, RFC 8292.
func (p *pushService) verify(t *testing.T, authorization, vapid string) {
	rest, ok := strings.CutPrefix(authorization, "vapid ")
	token, k, both := strings.Cut(rest, ", k=")
	token, named := strings.CutPrefix(token, "t=")
	parts := strings.Split(token, ".")
	if !ok || !both || !named || len(parts) != 3 || k != vapid {
		t.Errorf("authorization %q", authorization)
		return
	}
	point := decode64(t, k)
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Error(err)
		return
	}
	signature, sum := decode64(t, parts[2]), sha256.Sum256([]byte(parts[0]+"."+parts[1]))
	if len(signature) != 64 || !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Error("the token's signature is not of the key")
	}
	var header, claims map[string]any
	if json.Unmarshal(decode64(t, parts[0]), &header) != nil || json.Unmarshal(decode64(t, parts[1]), &claims) != nil {
		t.Error("the token is no JSON")
	}
	end, _ := claims["exp"].(float64)
	if header["alg"] != "ES256" || claims["aud"] != p.URL || claims["sub"] != "mailto:security@example.com" || end < float64(time.Now().Unix()) || end > float64(time.Now().Add(24*time.Hour).Unix()) {
		t.Errorf("header %v, claims %v", header, claims)
	}
}

// decrypt is what the browser does, RFC 8291 with RFC 8188.
func (p *pushService) decrypt(t *testing.T, body []byte) []byte {
	if len(body) < 21+65 {
		t.Fatalf("a body of %d bytes", len(body))
	}
	salt, size, id := body[:16], binary.BigEndian.Uint32(body[16:20]), int(body[20])
	if id != 65 || size < uint32(len(body)-21-id) {
		t.Errorf("record size %d, key of %d bytes", size, id)
	}
	sender, err := ecdh.P256().NewPublicKey(body[21 : 21+id])
	if err != nil {
		t.Fatal(err)
	}
	shared, err := p.key.ECDH(sender)
	if err != nil {
		t.Fatal(err)
	}
	derive := func(secret, salt []byte, info string, n int) []byte {
		out, err := hkdf.Key(sha256.New, secret, salt, info, n)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	ikm := derive(shared, p.auth, "WebPush: info\x00"+string(p.key.PublicKey().Bytes())+string(sender.Bytes()), 32)
	block, err := aes.NewCipher(derive(ikm, salt, "Content-Encoding: aes128gcm\x00", 16))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gcm.Open(nil, derive(ikm, salt, "Content-Encoding: nonce\x00", 12), body[21+id:], nil)
	if err != nil {
		t.Fatalf("the message does not open: %v", err)
	}
	plain = []byte(strings.TrimRight(string(plain), "\x00"))
	if len(plain) == 0 || plain[len(plain)-1] != 2 {
		t.Fatal("the last record does not end as one")
	}
	return plain[:len(plain)-1]
}

func TestWebPush(t *testing.T) {
	vapid, err := NewVAPID()
	if err != nil {
		t.Fatal(err)
	}
	p := newPushService(t, vapid.Public)
	c := p.channel(vapid)
	if err := CheckSubscription(c); err != nil {
		t.Fatal(err)
	}
	if err := sender().Send(t.Context(), c, message()); err != nil {
		t.Fatal(err)
	}
	if said, topic := <-p.got, <-p.topics; said["id"] != message().ID.String() || said["title"] != message().Title || said["body"] != message().Body || topic != message().ID.String() {
		t.Errorf("%v, topic %q", said, topic)
	}
	for status, gone := range map[int]bool{http.StatusGone: true, http.StatusNotFound: true, http.StatusTooManyRequests: false, http.StatusInternalServerError: false, http.StatusForbidden: false} {
		p.status.Store(int32(status))
		err := sender().Send(t.Context(), c, message())
		<-p.got
		if r := refusal(err); err == nil || (r != nil && r.Gone) != gone {
			t.Errorf("%d: %v", status, err)
		}
	}
	for name, change := range map[string]func(*alert.Channel){
		"no point":  func(c *alert.Channel) { c.P256dh = base64.RawURLEncoding.EncodeToString(make([]byte, 65)) },
		"no base64": func(c *alert.Channel) { c.P256dh = "!" },
		"short":     func(c *alert.Channel) { c.Auth = "AAAA" },
	} {
		bad := c
		change(&bad)
		if err := sender().Send(t.Context(), bad, message()); refusal(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.Contact = ""
	if err := sender().Send(t.Context(), c, message()); err == nil || !strings.Contains(err.Error(), "contact") {
		t.Errorf("%v", err)
	}
}
