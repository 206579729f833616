// Package tickets asks a ticket system, over HTTP, whether a ticket exists, is open and
// is assigned to whoever names it. The question is signed; the answer is bounded in time
// and size and read strictly: whatever is not exactly an answer is none.
package tickets

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"strongroom"
	"strongroom/vault"
)

// What a ticket system gets, and what it may answer.
const (
	Format          = "strongroom/ticket-check/v1"
	TimestampHeader = "Strongroom-Timestamp" // Unix seconds
	SignatureHeader = "Strongroom-Signature" // see Sign

	patience  = 3 * time.Second
	maxAnswer = 16 << 10
)

// Question is the body of a request.
type Question struct {
	Format    string        `json:"format"`
	Room      strongroom.ID `json:"room"`
	Ticket    string        `json:"ticket"`
	Principal Principal     `json:"principal"`
}

// Principal is who names the ticket.
type Principal struct {
	ID      strongroom.ID            `json:"id"`
	Name    string                   `json:"name"`
	Kind    strongroom.PrincipalKind `json:"kind"`
	Aliases []string                 `json:"aliases"` // ids of the same person on other platforms
}

// Checker asks one ticket system.
type Checker struct {
	room    strongroom.ID
	address string
	secret  []byte
	clock   func() time.Time
	client  *http.Client
}

// New makes the asker of a room's ticket system. It asks nothing yet.
func New(room strongroom.ID, setting vault.TicketSetting, clock func() time.Time) (*Checker, error) {
	if err := vault.CheckTicketURL(setting.URL); err != nil {
		return nil, err
	}
	if len(setting.Secret) < vault.MinTicketSecret {
		return nil, fmt.Errorf("the signing secret has %d bytes, fewer than %d", len(setting.Secret), vault.MinTicketSecret)
	}
	u, err := url.Parse(setting.URL)
	if err != nil {
		return nil, errors.New("the ticket system's address is no URL")
	}
	dialer := &net.Dialer{Timeout: patience, Control: func(_, address string, _ syscall.RawConn) error {
		return mayDial(address, u.Scheme == "http")
	}}
	return &Checker{
		room: room, address: setting.URL, secret: bytes.Clone(setting.Secret), clock: clock,
		client: &http.Client{
			Timeout: patience,
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSHandshakeTimeout: patience, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
				MaxResponseHeaderBytes: maxAnswer, DisableCompression: true,
				MaxIdleConns: 4, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// mayDial looks at the address that a name led to, so that no name leads from plain HTTP
// off this machine, and none to the metadata service of a cloud machine.
func mayDial(address string, loopbackOnly bool) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return errors.New("its name leads to no network address")
	}
	ip := ap.Addr().Unmap()
	switch {
	case loopbackOnly && !ip.IsLoopback():
		return errors.New("its address is asked over plain HTTP, and its name leads off this machine")
	case ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified():
		return errors.New("its name leads to an address that no ticket system has")
	}
	return nil
}

// Sign answers the signature of a body at a time: "v1=" and the hexadecimal
// HMAC-SHA-256, under the secret, of the timestamp in decimal, a full stop, and the body.
func Sign(secret []byte, unix int64, body []byte) string {
	h := hmac.New(sha256.New, secret)
	fmt.Fprintf(h, "%d.", unix)
	h.Write(body)
	return "v1=" + hex.EncodeToString(h.Sum(nil))
}

// Check implements vault.Tickets. No error names the address or the secret.
func (c *Checker) Check(ctx context.Context, ticket string, p strongroom.Principal) (strongroom.TicketState, error) {
	aliases := p.Aliases
	if aliases == nil {
		aliases = []string{}
	}
	body, err := json.Marshal(Question{Format: Format, Room: c.room, Ticket: ticket, Principal: Principal{ID: p.ID, Name: p.Name, Kind: p.Kind, Aliases: aliases}})
	if err != nil {
		return "", fmt.Errorf("encoding the question: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address, bytes.NewReader(body))
	if err != nil {
		return "", errors.New("the ticket system's address is no URL")
	}
	now := c.clock().Unix()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "strongroom")
	req.Header.Set(TimestampHeader, strconv.FormatInt(now, 10))
	req.Header.Set(SignatureHeader, Sign(c.secret, now, body))
	res, err := c.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("asking the ticket system: %w", withoutAddress(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the ticket system answered with status %d, not 200", res.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return "", errors.New("the ticket system's answer is not application/json")
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return "", fmt.Errorf("reading the ticket system's answer: %w", withoutAddress(err))
	}
	return parseAnswer(text, ticket)
}

// withoutAddress takes the address out of an error: it may hold a token.
func withoutAddress(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// parseAnswer reads an answer: one object with exactly the fields ticket (the one asked
// about), exists, open and assigned, each once.
func parseAnswer(text []byte, ticket string) (strongroom.TicketState, error) {
	const shape = `; give {"ticket": the ticket asked about, "exists": true or false, "open": …, "assigned": …}`
	if len(text) > maxAnswer {
		return "", fmt.Errorf("the ticket system's answer is longer than %d bytes", maxAnswer)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", errors.New("the ticket system's answer is no JSON object" + shape)
	}
	told := ""
	facts := map[string]bool{}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return "", errors.New("the ticket system's answer is no valid JSON" + shape)
		}
		field, _ := name.(string)
		if seen[field] {
			return "", errors.New("the ticket system's answer has a field twice" + shape)
		}
		seen[field] = true
		value, err := d.Token()
		if err != nil {
			return "", errors.New("the ticket system's answer is no valid JSON" + shape)
		}
		var ok bool
		switch field {
		case "ticket":
			told, ok = value.(string)
		case "exists", "open", "assigned":
			facts[field], ok = value.(bool)
		}
		if !ok {
			return "", errors.New("the ticket system's answer has a field that is not agreed, or of another type" + shape)
		}
	}
	if _, err := d.Token(); err != nil {
		return "", errors.New("the ticket system's answer is no valid JSON" + shape)
	}
	if _, err := d.Token(); err != io.EOF {
		return "", errors.New("the ticket system's answer is followed by something else" + shape)
	}
	switch {
	case len(seen) != 4:
		return "", errors.New("the ticket system's answer lacks a field" + shape)
	case told != ticket:
		return "", errors.New("the ticket system's answer is about another ticket than it was asked about")
	case !facts["exists"] && (facts["open"] || facts["assigned"]):
		return "", errors.New("the ticket system's answer says of a ticket that does not exist that it is open or assigned")
	case !facts["exists"]:
		return strongroom.TicketUnknown, nil
	case !facts["open"]:
		return strongroom.TicketClosed, nil
	case !facts["assigned"]:
		return strongroom.TicketNotYours, nil
	}
	return strongroom.TicketGood, nil
}
