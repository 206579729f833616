package push

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"strongroom"
	"strongroom/alert"
)

// Hook is the body of a webhook.
type Hook struct {
	Type      string         `json:"type"` // strongroom.alert, or strongroom.test
	Timestamp time.Time      `json:"timestamp"`
	Alert     strongroom.ID  `json:"alert"`
	Notice    string         `json:"notice"` // the webhook-id: the same whenever this is sent again
	Condition string         `json:"condition"`
	Severity  alert.Severity `json:"severity"`
	Room      string         `json:"room"`
	Title     string         `json:"title"`
	Again     bool           `json:"again,omitempty"` // a reminder or an escalation
	Link      string         `json:"link,omitempty"`
}

// Sign is the value of the header webhook-signature: an HMAC-SHA-256 under the channel's
// secret over id, timestamp (seconds since 1970) and body, with dots between.
func Sign(secret, id string, at time.Time, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(h, "%s.%d.", id, at.Unix())
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func (s Sender) webhook(ctx context.Context, c alert.Channel, m alert.Message) error {
	at, err := place(c.URL)
	if err != nil {
		return err
	}
	client, err := client(c, at)
	if err != nil {
		return err
	}
	hook := Hook{
		Type: "strongroom.alert", Timestamp: m.Time.UTC(), Alert: m.ID, Notice: m.Notice, Condition: m.Condition, Severity: m.Severity,
		Room: m.Room, Title: m.Title, Again: m.Again, Link: m.Link,
	}
	if m.Test {
		hook.Type = "strongroom.test"
	}
	body, err := json.Marshal(hook)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(body))
	if err != nil {
		return plain(err)
	}
	now := s.Clock()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "strongroom")
	r.Header.Set("Idempotency-Key", m.Notice)
	r.Header.Set("webhook-id", m.Notice)
	r.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("webhook-signature", Sign(c.Secret, m.Notice, now, body))
	return do(client, r)
}
