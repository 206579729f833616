package push

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

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
	// The connection is closed here, however it ends: the library leaves it open where
	// greeting, encryption or log-on fail.
	var open net.Conn
	defer func() {
		if open != nil {
			open.Close()
		}
	}()
	options := []mail.Option{
		mail.WithPort(port), mail.WithTimeout(sendTime), mail.WithTLSConfig(config), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithHELO("strongroom.invalid"),
	}
	if c.Implicit {
		options = append(options, mail.WithSSL())
	}
	options = append(options, mail.WithDialContextFunc(func(dialing context.Context, network, address string) (conn net.Conn, err error) {
		if c.Implicit {
			conn, err = (&tls.Dialer{NetDialer: dialer(host), Config: config}).DialContext(dialing, network, address)
		} else {
			conn, err = dialer(host).DialContext(dialing, network, address)
		}
		if err == nil {
			open = conn
			context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
		}
		return conn, err
	}))
	if c.User != "" {
		options = append(options, mail.WithSMTPAuthCustom(&logOn{user: c.User, password: c.Secret, host: host}))
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

// logOn gives name and password by the way that the server offers, over TLS only.
type logOn struct {
	user, password, host string
	smtp.Auth            // as the server offers it
}

func (l *logOn) Start(server *smtp.ServerInfo) (string, []byte, error) {
	switch {
	case !server.TLS:
		return "", nil, errors.New("the connection is not encrypted, so no password is given")
	case slices.Contains(server.Auth, "PLAIN"):
		l.Auth = smtp.PlainAuth("", l.user, l.password, l.host, false)
	case slices.Contains(server.Auth, "LOGIN"):
		l.Auth = smtp.LoginAuth(l.user, l.password, l.host, false)
	default:
		return "", nil, errors.New("the server offers neither PLAIN nor LOGIN to log on with")
	}
	return l.Auth.Start(server)
}
