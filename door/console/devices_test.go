package console_test

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/alert"
	"strongroom/vault"
)

// subscription is one as a browser makes it.
func subscription(t *testing.T, endpoint string) string {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"endpoint":%q,"p256dh":%q,"auth":%q}`, endpoint, e(key.PublicKey().Bytes()), e(make([]byte, 16)))
}

func TestDevices(t *testing.T) {
	p, h := served(t)
	owner := p.logon(t)
	ask := func(token, path, body string) (*http.Response, string) {
		r := request(http.MethodPost, path, body)
		r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: token})
		r.Header.Set("User-Agent", "Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36")
		return answer(h, r)
	}
	setup := func() alert.Setup {
		t.Helper()
		s, err := alert.SetupOf(t.Context(), p.House.Room)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	got, body := ask(owner.Token, "/account/devices/key", "{}")
	var said struct{ Key string }
	if err := json.Unmarshal([]byte(body), &said); err != nil || got.StatusCode != http.StatusOK || said.Key == "" || said.Key != setup().VAPID.Public {
		t.Fatalf("the key is answered %s %s", got.Status, body)
	}
	phone := subscription(t, "https://fcm.googleapis.com/fcm/send/phone")
	for range 2 { // the second time nothing changes
		if got, body := ask(owner.Token, "/account/devices", phone); got.StatusCode != http.StatusOK {
			t.Fatalf("subscribing answers %s %s", got.Status, body)
		}
	}
	channels := setup().Channels
	if len(channels) != 1 || channels[0].Kind != alert.WebPush || channels[0].Owner != p.Owner.Principal.ID || channels[0].Device != "Chrome, Android" || !strings.HasPrefix(channels[0].Name, "owner-") {
		t.Fatalf("the channels are %+v", channels)
	}
	name := channels[0].Name
	r := request(http.MethodGet, "/account", "")
	r.AddCookie(&http.Cookie{Name: "__Host-strongroom", Value: owner.Token})
	if _, page := answer(h, r); !strings.Contains(page, "Chrome, Android") || strings.Contains(page, "send/phone") {
		t.Errorf("the account's page shows\n%s", page)
	}

	// What is no subscription of a browser is not taken.
	for _, bad := range []string{
		subscription(t, "https://192.0.2.1/inside"), subscription(t, "http://fcm.googleapis.com/x"), subscription(t, "https://fcm.googleapis.com.evil.example/x"), subscription(t, "https://fcm.googleapis.com:8443/x"),
		`{"endpoint":"https://fcm.googleapis.com/x","p256dh":"AAAA","auth":"AAAA"}`, `{"endpoint":""}`, `{"more":1}`, `{`,
	} {
		if got, body := ask(owner.Token, "/account/devices", bad); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s answers %s %s", bad, got.Status, body)
		}
	}

	// Another person's device is not theirs to take away; who may not read alerts has none.
	for _, name := range []string{"ana", "tom"} {
		groups := map[string][]string{"ana": {"security-officers"}, "tom": {"agents"}}[name]
		p.Person(strongroom.Principal{Name: name, Groups: groups})
	}
	session := func(name string, n byte) string {
		_, token, err := p.House.Room.Invite(t.Context(), p.Owner, name)
		if err != nil {
			t.Fatal(err)
		}
		l, err := p.House.Room.SetUp(t.Context(), token, passkey(n), vault.From{})
		if err != nil {
			t.Fatal(err)
		}
		return l.Token
	}
	tom := session("tom", 3)
	for path, body := range map[string]string{"/account/devices/key": "{}", "/account/devices": phone} {
		if got, body := ask(tom, path, body); got.StatusCode != http.StatusForbidden {
			t.Errorf("for an agent %s answers %s %s", path, got.Status, body)
		}
	}
	ana := session("ana", 2)
	if got, _ := ask(ana, "/account/devices/remove", "device="+name); got.StatusCode != http.StatusBadRequest || len(setup().Channels) != 1 {
		t.Errorf("another's device is taken away: %s", got.Status)
	}
	if got, _ := ask(ana, "/account/devices/test", "device="+name); got.StatusCode != http.StatusBadRequest {
		t.Errorf("another's device is tried: %s", got.Status)
	}

	// Whoever is suspended is told nothing, and one's own goes when one says so.
	if got, body := ask(ana, "/account/devices", subscription(t, "https://updates.push.services.mozilla.com/wpush/v2/a")); got.StatusCode == http.StatusOK {
		if _, err := p.House.Room.ChangePrincipal(t.Context(), p.Owner, "ana", func(p *strongroom.Principal) { p.Suspended = true }); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(setup().Channels, func(c alert.Channel) bool { return strings.HasPrefix(c.Name, "ana-") }) {
			t.Error("a suspended person's device is told of alerts")
		}
	} else {
		t.Errorf("a security officer's device answers %s %s", got.Status, body)
	}
	if got, body := ask(owner.Token, "/account/devices/remove", "device="+name); got.StatusCode != http.StatusSeeOther {
		t.Errorf("taking it away answers %s %s", got.Status, body)
	}
	if c := setup().Channels; len(c) != 1 || c[0].Retired.IsZero() {
		t.Errorf("the channels are %+v", c)
	}
}

// awaited has a script's promise waited for.
func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// The worker shows that there is an alert, and leads to its page; the console installs.
func TestAppAndPush(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	begun(t, ctx, p)
	do(t, ctx, "permitting messages", chromedp.ActionFunc(func(ctx context.Context) error {
		c := chromedp.FromContext(ctx)
		return cdpbrowser.GrantPermissions([]cdpbrowser.PermissionType{cdpbrowser.PermissionTypeNotifications}).WithOrigin(p.URL).Do(cdp.WithExecutor(ctx, c.Browser))
	}))
	do(t, ctx, "opening the account", chromedp.Navigate(p.URL+"/account"), sees("owner"), chromedp.WaitEnabled("#push"))

	do(t, ctx, "asking whether it installs", chromedp.ActionFunc(func(ctx context.Context) error {
		errs, err := page.GetInstallabilityErrors().Do(ctx)
		for _, e := range errs {
			if e.ErrorID != "in-incognito" {
				t.Errorf("it does not install: %s %v", e.ErrorID, e.ErrorArguments)
			}
		}
		if err != nil {
			return err
		}
		url, wrong, data, _, err := page.GetAppManifest().Do(ctx)
		if len(wrong) > 0 || !strings.HasSuffix(url, "/manifest.webmanifest") || !strings.Contains(data, "maskable") {
			t.Errorf("the manifest %s has %v: %s", url, wrong, data)
		}
		return err
	}))

	id := strongroom.NewID().String()
	registrations := make(chan *serviceworker.Registration, 16)
	chromedp.ListenTarget(ctx, func(e any) {
		if e, ok := e.(*serviceworker.EventWorkerRegistrationUpdated); ok {
			for _, r := range e.Registrations {
				select {
				case registrations <- r:
				default:
				}
			}
		}
	})
	// A message to a worker that is still being activated is lost.
	var state string
	do(t, ctx, "registering the worker", serviceworker.Enable(),
		chromedp.Evaluate(`navigator.serviceWorker.register("/worker.js", {scope: "/"}).then(() => navigator.serviceWorker.ready).then((r) => new Promise((done) => {
			const look = () => r.active.state === "activated" && done(r.active.state);
			r.active.addEventListener("statechange", look);
			look();
		}))`, &state, awaited))
	worker := <-registrations
	push := func(data string) {
		do(t, ctx, "a message arrives", serviceworker.DeliverPushMessage(p.URL, worker.RegistrationID, data))
	}
	type shown struct{ Title, Body, Path, Tag string }
	// notifications waits until so many are shown.
	notifications := func(n int) (out []shown) {
		t.Helper()
		do(t, ctx, "looking at messages", chromedp.Evaluate(`(async () => {
			const r = await navigator.serviceWorker.ready;
			for (const began = Date.now(); ; await new Promise((go) => setTimeout(go, 50))) {
				const all = await r.getNotifications();
				if (all.length >= `+strconv.Itoa(n)+` || Date.now() - began > 20000) return all.map((n) => ({Title: n.title, Body: n.body, Path: n.data.path, Tag: n.tag}));
			}
		})()`, &out, awaited))
		return out
	}
	push(`{"id":"` + id + `","title":"contact-centre · Many refusals","body":"Many refusals\n\nSeverity: high\nRoom: contact-centre\n","severity":"high","link":"https://evil.example/"}`)
	if got := notifications(1); len(got) != 1 || got[0] != (shown{"contact-centre · Many refusals", "Severity: high", "/alerts/" + id, id}) {
		t.Errorf("shown is %+v", got)
	}
	push(`not JSON`)
	push(`{"id":"../../evil","title":{"a":1}}`)
	if got := notifications(2); len(got) != 2 || !slices.ContainsFunc(got, func(s shown) bool { return s.Title == "Strongroom" && s.Path == "/alerts" }) {
		t.Errorf("of a message that cannot be read is shown %+v", got)
	}
	do(t, ctx, "pages go on beside the worker", chromedp.Navigate(p.URL+"/requests"), sees("Requests"), chromedp.Navigate(p.URL+"/account"), sees("owner"))
	var caches int
	do(t, ctx, "nothing is kept", chromedp.Evaluate(`caches.keys().then((k) => k.length)`, &caches, awaited))
	if caches != 0 {
		t.Errorf("%d caches are kept", caches)
	}
	shots(t, ctx, "devices-en")
	inFrench(t, ctx, func() { shots(t, ctx, "devices-fr") })
}
