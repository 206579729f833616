package push

import (
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	webpush "github.com/SherClockHolmes/webpush-go"

	"strongroom/alert"
)

// NewVAPID makes the key pair by which push services know a room.
func NewVAPID() (alert.VAPID, error) {
	private, public, err := webpush.GenerateVAPIDKeys()
	return alert.VAPID{Public: public, Private: private}, err
}

// CheckSubscription says what is wrong with the keys of a subscription.
func CheckSubscription(c alert.Channel) error {
	point, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(c.P256dh, "="))
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(point)
	}
	if err != nil {
		return errors.New("the subscription's key p256dh is no point of P-256 in base64url")
	}
	if auth, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(c.Auth, "=")); err != nil || len(auth) != 16 {
		return errors.New("the subscription's key auth is not 16 bytes in base64url")
	}
	return nil
}

// pushed is what a service worker gets, encrypted for it.
type pushed struct {
	ID        string         `json:"id"`
	Title     string         `json:"title"`
	Body      string         `json:"body"`
	Severity  alert.Severity `json:"severity"`
	Condition string         `json:"condition"`
	Link      string         `json:"link,omitempty"`
}

// keptFor is how long a push service keeps a message for a device that is away, in seconds.
const keptFor = 24 * 60 * 60

func (s Sender) webPush(ctx context.Context, c alert.Channel, m alert.Message) error {
	at, err := place(c.URL)
	if err != nil {
		return err
	}
	client, err := client(c, at)
	if err != nil {
		return err
	}
	if err := CheckSubscription(c); err != nil {
		return &alert.Refusal{Err: err}
	}
	contact, isMail := strings.CutPrefix(c.Contact, "mailto:")
	if c.VAPID.Private == "" || contact == "" || !isMail && !strings.HasPrefix(contact, "https:") {
		return errors.New("push services want to know whom to turn to: say contact: mailto:… or public_url: https://… with `strongroom alert conditions set`")
	}
	body, err := json.Marshal(pushed{ID: m.ID.String(), Title: m.Title, Body: m.Body, Severity: m.Severity, Condition: m.Condition, Link: m.Link})
	if err != nil {
		return err
	}
	urgency := webpush.UrgencyNormal
	if m.Severity == alert.High || m.Severity == alert.Critical {
		urgency = webpush.UrgencyHigh
	}
	answer, err := webpush.SendNotificationWithContext(ctx, body, &webpush.Subscription{Endpoint: at.String(), Keys: webpush.Keys{Auth: c.Auth, P256dh: c.P256dh}}, &webpush.Options{
		HTTPClient: client, Subscriber: contact, Topic: m.ID.String(), TTL: keptFor, Urgency: urgency,
		VAPIDPublicKey: c.VAPID.Public, VAPIDPrivateKey: c.VAPID.Private,
	})
	if err != nil {
		return plain(err)
	}
	if code := answer.StatusCode; code == http.StatusNotFound || code == http.StatusGone {
		answer.Body.Close()
		return &alert.Refusal{Gone: true, Err: fmt.Errorf("the push service answered %d: the subscription is over", code)}
	}
	return judge(answer)
}
