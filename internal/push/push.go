// Package push sends the messages of alerts out of the house: as signed webhooks, e-mail,
// to ntfy, and by Web Push. Connections are encrypted and their certificates verified;
// only an address on this machine itself may be spoken to in plain. Where a name leads is
// looked at when the connection is made: addresses of the link and of clouds' metadata are
// refused, so that whoever may set a channel cannot have the server fetch credentials.
// Redirects are not followed, answers are bounded, and every attempt has an end.
package push

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"strongroom/alert"
)

// Sender is an alert.Sender for every kind of channel.
type Sender struct {
	Clock func() time.Time
}

const (
	// mostAnswer is how much of an answer is read, in bytes.
	mostAnswer = 64 << 10
	dialTime   = 10 * time.Second
	sendTime   = 25 * time.Second // of a whole mail
)

// Send implements alert.Sender.
func (s Sender) Send(ctx context.Context, c alert.Channel, m alert.Message) error {
	switch c.Kind {
	case alert.Webhook:
		return s.webhook(ctx, c, m)
	case alert.Email:
		return s.email(ctx, c, m)
	case alert.Ntfy:
		return s.ntfy(ctx, c, m)
	case alert.WebPush:
		return s.webPush(ctx, c, m)
	}
	return &alert.Refusal{Err: fmt.Errorf("there is no kind of channel %q", c.Kind)}
}

// metadata are addresses from which clouds give machines their credentials, besides those
// of the link.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS by IPv6
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba Cloud
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle Cloud
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
}

// allowed says whether a connection may go to an address, where loopback is allowed only
// to names that mean nothing else.
func allowed(address netip.Addr, loopback bool) error {
	address = address.Unmap()
	if v4, ok := embedded(address); ok {
		if err := allowed(v4, loopback); err != nil {
			return err
		}
	}
	switch {
	case !address.IsValid(), address.IsUnspecified(), address.IsMulticast(), address.IsLinkLocalUnicast(),
		slices.ContainsFunc(metadata, func(p netip.Prefix) bool { return p.Contains(address.WithZone("")) }):
		return fmt.Errorf("messages are not sent to %s, which is of the link, of many, or a cloud's metadata", address)
	case address.IsLoopback() && !loopback:
		return fmt.Errorf("the name leads to %s, this machine itself, and does not say so", address)
	}
	return nil
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// embedded is the IPv4 address that a translated IPv6 address means.
func embedded(address netip.Addr) (netip.Addr, bool) {
	if !nat64.Contains(address) {
		return netip.Addr{}, false
	}
	b := address.As16()
	return netip.AddrFrom4([4]byte(b[12:])), true
}

// local reports whether a host can mean this machine only.
func local(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// dialer connects to where a host leads, if it may.
func dialer(host string) *net.Dialer {
	return &net.Dialer{Timeout: dialTime, ControlContext: func(_ context.Context, _, to string, _ syscall.RawConn) error {
		address, err := netip.ParseAddrPort(to)
		if err != nil {
			return fmt.Errorf("%s is no address", to)
		}
		if err := allowed(address.Addr(), local(host)); err != nil {
			return &alert.Refusal{Err: err}
		}
		return nil
	}}
}

// trust is who may vouch for the server: the machine's own authorities, and a channel's.
func trust(c alert.Channel, host string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if c.CA == "" {
		return config, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM([]byte(c.CA)) {
		return nil, &alert.Refusal{Err: errors.New("the channel's certificate authority is no PEM certificate")}
	}
	config.RootCAs = pool
	return config, nil
}

// client is an HTTP client for one message of a channel: by TLS, or in plain to this
// machine itself.
func client(c alert.Channel, at *url.URL) (*http.Client, error) {
	if at.Scheme != "https" && !(at.Scheme == "http" && local(at.Hostname())) || at.Host == "" {
		return nil, &alert.Refusal{Err: fmt.Errorf("%s is not https, and not on this machine", at.Scheme)}
	}
	config, err := trust(c, at.Hostname())
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer(at.Hostname()).DialContext, TLSClientConfig: config, TLSHandshakeTimeout: dialTime,
			DisableKeepAlives: true, DisableCompression: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// place parses where a channel leads.
func place(text string) (*url.URL, error) {
	at, err := url.Parse(text)
	if err != nil || at.User != nil {
		return nil, &alert.Refusal{Err: errors.New("the channel's address is no URL without credentials")}
	}
	return at, nil
}

// Check says why a channel's address would be refused, without connecting.
func Check(c alert.Channel) error {
	if c.Kind == alert.Email {
		host, port, err := net.SplitHostPort(c.Server)
		if err != nil || host == "" || port == "" {
			return errors.New("the mail server is written HOST:PORT")
		}
		if address, err := netip.ParseAddr(host); err == nil {
			return allowed(address, true)
		}
		return nil
	}
	at, err := place(c.URL)
	if err != nil {
		return err
	}
	if _, err := client(c, at); err != nil {
		return err
	}
	if address, err := netip.ParseAddr(at.Hostname()); err == nil {
		return allowed(address, true)
	}
	return nil
}

// do sends a request and judges the answer: any of 200 to 299 says that the other side
// has it, once all of the answer is there.
func do(client *http.Client, r *http.Request) error {
	answer, err := client.Do(r)
	if err != nil {
		return plain(err)
	}
	return judge(answer)
}

// plain leaves out of an error the address, which may be all that protects a topic.
func plain(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return err
}

func judge(answer *http.Response) error {
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		if err != nil {
			return fmt.Errorf("the answer broke off: %w", err)
		}
		return nil
	case code >= 300 && code < 400:
		return fmt.Errorf("it answered %d, and redirects are not followed: give the address that it leads to", code)
	case code == http.StatusGone || code == http.StatusNotFound:
		return fmt.Errorf("it answered %d: there is nothing at this address%s", code, quote(said))
	default:
		return fmt.Errorf("it answered %d%s", code, quote(said))
	}
}

// quote is the beginning of what an answer said, on one line.
func quote(said []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(said[:min(len(said), 120)]), "")), " ")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return ""
	}
	return ": " + text
}
