package push

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom/alert"
)

// mailServer speaks as much SMTP as RFC 5321, 3207 and 4954 ask of one that takes mail.
type mailServer struct {
	t        *testing.T
	l        net.Listener
	tls      *tls.Config
	ca       string
	implicit bool
	noTLS    bool   // it does not know STARTTLS
	reply    string // to the end of the message; "" for 250
	silent   bool   // after the greeting

	mu       sync.Mutex
	mails    []string
	to       []string
	user     string
	password string
	clear    []string // what it heard before TLS
	work     sync.WaitGroup
}

func newMailServer(t *testing.T, change func(*mailServer)) *mailServer {
	t.Helper()
	certificate := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate, which is of 127.0.0.1
	s := &mailServer{t: t, tls: &tls.Config{Certificates: certificate.TLS.Certificates, MinVersion: tls.VersionTLS12}, ca: authority(certificate)}
	certificate.Close()
	change(s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.l = l
	s.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.work.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); s.work.Wait() })
	return s
}

func (s *mailServer) serve(c net.Conn) {
	defer func() { c.Close() }()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	secure := s.implicit
	if secure {
		c = tls.Server(c, s.tls)
	}
	r := textproto.NewReader(bufio.NewReader(c))
	say := func(line string) { io.WriteString(c, line+"\r\n") }
	say("220 mail.test ESMTP")
	if s.silent {
		r.ReadLine()
		time.Sleep(3 * time.Second)
		return
	}
	for {
		line, err := r.ReadLine()
		if err != nil {
			return
		}
		s.mu.Lock()
		if !secure {
			s.clear = append(s.clear, line)
		}
		s.mu.Unlock()
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			say("250-mail.test")
			if !secure && !s.noTLS {
				say("250-STARTTLS")
			}
			if secure || s.noTLS {
				say("250-AUTH PLAIN")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go ahead")
			c = tls.Server(c, s.tls)
			r, secure = textproto.NewReader(bufio.NewReader(c)), true
		case "AUTH":
			_, encoded, _ := strings.Cut(rest, " ")
			plain, err := base64.StdEncoding.DecodeString(encoded)
			parts := strings.Split(string(plain), "\x00")
			if err != nil || len(parts) != 3 {
				say("501 what?")
				continue
			}
			s.mu.Lock()
			s.user, s.password = parts[1], parts[2]
			s.mu.Unlock()
			if parts[2] != "mail-secret" {
				say("535 5.7.8 no")
				continue
			}
			say("235 welcome")
		case "RCPT":
			s.mu.Lock()
			s.to = append(s.to, rest)
			s.mu.Unlock()
			say("250 ok")
		case "DATA":
			say("354 go on")
			text, err := r.ReadDotBytes()
			if err != nil {
				return
			}
			if s.reply != "" {
				say(s.reply)
				continue
			}
			s.mu.Lock()
			s.mails = append(s.mails, string(text))
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) channel() alert.Channel {
	return alert.Channel{
		Kind: alert.Email, Server: s.l.Addr().String(), Implicit: s.implicit, CA: s.ca, User: "robot", Secret: "mail-secret",
		From: "alerts@room.example", To: []string{"soc@example.com", "cto@example.com"},
	}
}

func TestEmail(t *testing.T) {
	for name, implicit := range map[string]bool{"STARTTLS": false, "implicit TLS": true} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t, func(s *mailServer) { s.implicit = implicit })
			for range 2 {
				if err := sender().Send(t.Context(), s.channel(), message()); err != nil {
					t.Fatal(err)
				}
			}
			if len(s.mails) != 2 || len(s.to) != 4 || s.user != "robot" {
				t.Fatalf("%d mails to %v", len(s.mails), s.to)
			}
			if heard := strings.Join(s.clear, " "); strings.Contains(heard, "AUTH") || strings.Contains(heard, "MAIL") {
				t.Errorf("in plain: %s", heard)
			}
			var ids []string
			for _, text := range s.mails {
				m, err := mail.ReadMessage(strings.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, m.Header.Get("Message-ID"))
				subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
				if err != nil || subject != message().Title || m.Header.Get("Auto-Submitted") != "auto-generated" {
					t.Errorf("%v: subject %q, header %v", err, subject, m.Header)
				}
				body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
				if err != nil || !strings.Contains(strings.ReplaceAll(string(body), "\r\n", "\n"), message().Body) {
					t.Errorf("%v: %s", err, body)
				}
			}
			if ids[0] != "<"+message().Notice+"@room.example>" || ids[0] != ids[1] {
				t.Errorf("Message-IDs of a message and its repeat: %v", ids)
			}
		})
	}
}

func TestEmailFailures(t *testing.T) {
	for name, c := range map[string]struct {
		server    func(*mailServer)
		channel   func(*alert.Channel)
		want      string
		permanent bool
	}{
		"no STARTTLS":                 {func(s *mailServer) { s.noTLS = true }, nil, "STARTTLS", false},
		"somebody else's certificate": {nil, func(c *alert.Channel) { c.CA = "" }, "certificate", false},
		"wrong password":              {nil, func(c *alert.Channel) { c.Secret = "wrong-secret" }, "535", false},
		"refused for good":            {func(s *mailServer) { s.reply = "554 5.7.1 no such people" }, nil, "554", true},
		"refused for now":             {func(s *mailServer) { s.reply = "451 4.3.0 later" }, nil, "451", false},
		"silence":                     {func(s *mailServer) { s.silent = true }, nil, "", false},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			s := newMailServer(t, func(s *mailServer) {
				if c.server != nil {
					c.server(s)
				}
			})
			ch := s.channel()
			if c.channel != nil {
				c.channel(&ch)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			err := sender().Send(ctx, ch, message())
			if err == nil || !strings.Contains(err.Error(), c.want) || (refusal(err) != nil) != c.permanent {
				t.Errorf("%v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the password: %v", err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.mails) != 0 {
				t.Error("a mail was taken all the same")
			}
			if heard := strings.Join(s.clear, " "); strings.Contains(heard, "AUTH") {
				t.Errorf("credentials in plain: %s", heard)
			}
		})
	}
}
