package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"strings"

	"strongroom/alert"
)

// topic is a message as ntfy's publishing API takes it.
type topic struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"` // 1 to 5
	Tags     []string `json:"tags"`
	Click    string   `json:"click,omitempty"`
	// Sequence takes the place of an earlier message of the same one, where the server
	// knows that.
	Sequence string `json:"sequence_id"`
}

func (s Sender) ntfy(ctx context.Context, c alert.Channel, m alert.Message) error {
	at, err := place(c.URL)
	if err != nil {
		return err
	}
	client, err := client(c, at)
	if err != nil {
		return err
	}
	// A message as JSON goes to the server's root, and names its topic.
	name := path.Base(at.Path)
	if at.Path = strings.TrimSuffix(path.Dir(at.Path), "/") + "/"; name == "/" || name == "." || at.RawQuery != "" {
		return &alert.Refusal{Err: errors.New("the address of an ntfy channel ends with a topic, as in https://ntfy.example/alerts")}
	}
	priority := map[alert.Severity]int{alert.Low: 2, alert.Medium: 3, alert.High: 4, alert.Critical: 5}[m.Severity]
	tags := []string{map[alert.Severity]string{alert.Low: "information_source", alert.Medium: "warning", alert.High: "rotating_light", alert.Critical: "rotating_light"}[m.Severity], m.Condition}
	body, err := json.Marshal(topic{Topic: name, Title: m.Title, Message: m.Body, Priority: priority, Tags: tags, Click: m.Link, Sequence: m.ID.String()})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(body))
	if err != nil {
		return plain(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "strongroom")
	r.Header.Set("Idempotency-Key", m.Notice)
	if c.Secret != "" {
		r.Header.Set("Authorization", "Bearer "+c.Secret)
	}
	return do(client, r)
}
