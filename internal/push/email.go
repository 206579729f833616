package push

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"strongroom/alert"
)

func (s Sender) email(ctx context.Context, c alert.Channel, m alert.Message) error {
	host, portText, err := net.SplitHostPort(c.Server)
	port, e := strconv.Atoi(portText)
	if err != nil || e != nil {
		return &alert.Refusal{Err: errors.New("the mail server is written HOST:PORT")}
	}
	letter, err := s.letter(c, m)
	if err != nil {
		return &alert.Refusal{Err: err}
	}
	config, err := trust(c, host)
	if err != nil {
		return err
	}
	dial := dialer(host).DialContext
	options := []mail.Option{
		mail.WithPort(port), mail.WithTimeout(sendTime), mail.WithTLSConfig(config), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithHELO("strongroom.invalid"),
	}
	if c.Implicit {
		options = append(options, mail.WithSSL())
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return (&tls.Dialer{NetDialer: dialer(host), Config: config}).DialContext(ctx, network, address)
		}
	}
	options = append(options, mail.WithDialContextFunc(mail.DialContextFunc(dial)))
	if c.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.User), mail.WithPassword(c.Secret))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return &alert.Refusal{Err: err}
	}
	if err := client.DialAndSendWithContext(ctx, letter); err != nil {
		// The message went once the server has taken its end; what follows is a good-bye.
		if letter.IsDelivered() {
			return nil
		}
		if send, ok := errors.AsType[*mail.SendError](err); ok && !send.IsTemp() && send.ErrorCode() >= 500 {
			return &alert.Refusal{Err: err}
		}
		return err
	}
	return nil
}

// letter makes the e-mail. Its Message-ID is the same whenever the same message is sent
// again, so that who reads mail sees it once.
func (s Sender) letter(c alert.Channel, m alert.Message) (*mail.Msg, error) {
	letter := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8))
	if err := letter.From(c.From); err != nil {
		return nil, fmt.Errorf("from whom the mail is: %w", err)
	}
	if err := letter.To(c.To...); err != nil {
		return nil, fmt.Errorf("to whom the mail goes: %w", err)
	}
	_, domain, _ := strings.Cut(strings.Trim(c.From, "<> "), "@")
	letter.SetMessageIDWithValue(m.Notice + "@" + domain)
	if m.Again {
		letter.SetGenHeader(mail.HeaderReferences, "<"+m.ID.String()+".0.0@"+domain+">")
	}
	letter.SetDateWithValue(s.Clock())
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	letter.SetGenHeader("X-Strongroom-Alert", m.ID.String())
	if m.Severity == alert.High || m.Severity == alert.Critical {
		letter.SetImportance(mail.ImportanceHigh)
	}
	letter.Subject(m.Title)
	letter.SetBodyString(mail.TypeTextPlain, m.Body)
	return letter, nil
}
