package frontdoor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"strongroom"
	"strongroom/know/intake"
)

// Findings tells a room that another process serves what a workload noticed, through its
// JSON API.
type Findings struct {
	url, token string
	client     *http.Client
}

var _ intake.Reporter = (*Findings)(nil)

// OpenFindings prepares to tell: by the address of a server's console, and an API token of
// the workload. Nothing is sent yet.
func OpenFindings(address, token string) (*Findings, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, invalid(fmt.Sprintf("%q is no address of an API: it begins with http:// or https:// and names no user", address))
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, invalid(address + " is plain HTTP: the token would cross the network readable")
	}
	if token == "" {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "telling the API needs a token of its own",
			Hint: "have `strongroom token create PRINCIPAL --scope api` make one, and set STRONGROOM_TOKEN to it"}
	}
	return &Findings{
		url: strings.TrimRight(u.String(), "/") + "/api/v1/findings", token: token,
		client: &http.Client{
			Timeout:       30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is for this server
		},
	}, nil
}

// Report implements intake.Reporter.
func (f *Findings) Report(ctx context.Context, kind, detail string) error {
	body, err := json.Marshal(map[string]string{"kind": kind, "detail": detail})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+f.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return fmt.Errorf("telling the room: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return nil
	}
	var problem struct {
		Kind   strongroom.Kind `json:"kind"`
		Detail string          `json:"detail"`
		Hint   string          `json:"hint"`
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil || json.Unmarshal(answer, &problem) != nil || problem.Detail == "" {
		return fmt.Errorf("telling the room: the server answers %s", resp.Status)
	}
	return &strongroom.Error{Kind: problem.Kind, Message: problem.Detail, Hint: problem.Hint}
}
