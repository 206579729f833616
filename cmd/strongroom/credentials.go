package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/people"
)

type credentialsCommand struct {
	Purpose  string        `required:"" help:"Why content is to be read."`
	Ticket   string        `help:"Ticket that it is read for."`
	Endpoint string        `default:"http://127.0.0.1:7480" env:"AWS_ENDPOINT_URL" help:"The S3 endpoint, which answers for sessions too." placeholder:"URL"`
	Region   string        `default:"us-east-1" env:"AWS_REGION" help:"Region to sign for."`
	Duration time.Duration `default:"1h" help:"How long the session is good for, 15m to 12h."`
	Keys     string        `env:"STRONGROOM_KEYS" help:"File with the access key, of mode 0600: what strongroom key create --json prints, or profiles as in ~/.aws/credentials (default ~/.strongroom/key.json)." placeholder:"FILE"`
	Profile  string        `help:"Profile of the file that has the access key; without --keys of ~/.aws/credentials." placeholder:"NAME"`
	CAFile   string        `name:"ca-file" env:"AWS_CA_BUNDLE" help:"Certificates to trust instead of the system's, PEM." placeholder:"FILE"`
	Plain    bool          `help:"Speak plain HTTP with another machine too. The session's secret then crosses the network readable."`
}

func (credentialsCommand) Help() string {
	return `Makes a session for one purpose and prints it as an AWS credential_process does, for whatever reads profiles: the AWS command
line, boto3, the SDKs. Each object that the session opens is on record with the purpose and the ticket. Nothing is kept on disk.

The access key is taken from STRONGROOM_ACCESS_KEY_ID and STRONGROOM_SECRET_ACCESS_KEY, or from a file: --keys, --profile.

Example, in ~/.aws/config:
  [profile complaint-4711]
  endpoint_url = http://127.0.0.1:7480
  region = us-east-1
  credential_process = strongroom credentials --endpoint http://127.0.0.1:7480 --purpose "complaint 4711" --ticket CASE-4711

and then:
  strongroom key create ines.martin --json > ~/.strongroom/key.json   (once, with umask 077)
  aws --profile complaint-4711 s3 cp s3://calls/2026/call.wav .`
}

func (c credentialsCommand) Run(ctx context.Context, out output) error {
	purpose := strongroom.Purpose{Text: c.Purpose, Ticket: c.Ticket}
	if strings.TrimSpace(c.Purpose) == "" {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "--purpose is empty", Hint: "say in a few words why"}
	}
	if err := people.CheckPurpose(purpose); err != nil {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: err.Error()}
	}
	if c.Duration < people.MinSession || c.Duration > people.MaxSession {
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("--duration %s is not between %s and %s", c.Duration, people.MinSession, people.MaxSession)}
	}
	id, secret, err := c.accessKey()
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	r, err := c.request(ctx, purpose, id, secret)
	if err != nil {
		return err
	}
	session, err := askForSession(client, r)
	if err != nil {
		return err
	}
	return out.json(session)
}

// accessKey finds the key that lasts; never on the command line, which every user of the
// machine can read.
func (c credentialsCommand) accessKey() (id, secret string, err error) {
	id, secret = os.Getenv("STRONGROOM_ACCESS_KEY_ID"), os.Getenv("STRONGROOM_SECRET_ACCESS_KEY")
	if id != "" && secret != "" && c.Profile == "" {
		return id, secret, nil
	}
	path := c.Keys
	if path == "" && c.Profile != "" {
		path = os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	}
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", "", fmt.Errorf("finding the home folder: %w", err)
		}
		if path = filepath.Join(home, ".strongroom", "key.json"); c.Profile != "" {
			path = filepath.Join(home, ".aws", "credentials")
		}
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", &strongroom.Error{
			Kind: strongroom.KindDenied, Message: "there is no access key: STRONGROOM_ACCESS_KEY_ID and STRONGROOM_SECRET_ACCESS_KEY are not set, and there is no file " + path,
			Hint: "put what `strongroom key create NAME --json` prints there, with mode 0600",
		}
	} else if err != nil {
		return "", "", fmt.Errorf("opening the access key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", "", fmt.Errorf("looking at the access key: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return "", "", &strongroom.Error{
			Kind: strongroom.KindDenied, Message: fmt.Sprintf("%s has mode %04o: others on this machine may read the secret in it", path, info.Mode().Perm()),
			Hint: "chmod 600 " + path + ", and have a new key made if somebody may have read it",
		}
	}
	text, err := readBounded(f, 64<<10)
	if err != nil {
		return "", "", fmt.Errorf("reading the access key: %w", err)
	}
	id, secret, ok := readKeys(string(text), cmp.Or(c.Profile, "default"))
	if !ok {
		return "", "", &strongroom.Error{
			Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s does not hold an access key, nor a profile %q with one", path, cmp.Or(c.Profile, "default")),
			Hint: "it holds what `strongroom key create NAME --json` prints, or lines like those of ~/.aws/credentials",
		}
	}
	return id, secret, nil
}

// readKeys finds an access key in what key create --json prints, or under a profile's
// heading in a file like ~/.aws/credentials.
func readKeys(text, profile string) (id, secret string, ok bool) {
	var key struct {
		ID     string `json:"s3_access_key_id"`
		Secret string `json:"s3_secret_access_key"`
	}
	if json.Unmarshal([]byte(text), &key) == nil {
		return key.ID, key.Secret, key.ID != "" && key.Secret != ""
	}
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "["); ok {
			name, _, closed := strings.Cut(heading, "]")
			inside = closed && strings.TrimSpace(name) == profile
			continue
		}
		name, value, assigned := strings.Cut(line, "=")
		if !inside || !assigned || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "aws_access_key_id":
			key.ID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			key.Secret = strings.TrimSpace(value)
		}
	}
	return key.ID, key.Secret, key.ID != "" && key.Secret != ""
}

func (c credentialsCommand) client() (*http.Client, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 20 * time.Second}
	if c.CAFile != "" {
		pem, err := readFile(c.CAFile, 4<<20)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: c.CAFile + " holds no certificate in PEM"}
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// request is a signed GetSessionToken.
func (c credentialsCommand) request(ctx context.Context, purpose strongroom.Purpose, id, secret string) (*http.Request, error) {
	at, err := url.Parse(c.Endpoint)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || at.Path != "" && at.Path != "/" || at.User != nil || at.RawQuery != "" {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%q is no endpoint such as http://127.0.0.1:7480", c.Endpoint)}
	}
	ip := net.ParseIP(at.Hostname())
	if at.Scheme == "http" && !c.Plain && at.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, &strongroom.Error{
			Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s is another machine, and plain HTTP would show the session's secret on the way", c.Endpoint),
			Hint: "use an https endpoint, or --plain on a wire that you trust",
		}
	}
	body := url.Values{"Action": {"GetSessionToken"}, "Version": {"2011-06-15"}, "DurationSeconds": {strconv.Itoa(int(c.Duration / time.Second))}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Scheme+"://"+at.Host+"/", strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	stamp := time.Now().UTC().Format(sigv4.Stamp)
	s := sigv4.Signature{KeyID: id, Date: stamp[:8], Region: c.Region, Service: "sts", Stamp: stamp, Headers: []string{"host"}, Payload: sigv4.Digest(body)}
	for name, value := range map[string]string{
		"content-type": "application/x-www-form-urlencoded", "x-amz-date": stamp,
		"x-strongroom-purpose": url.PathEscape(purpose.Text), "x-strongroom-ticket": url.PathEscape(purpose.Ticket),
	} {
		if value != "" {
			r.Header.Set(name, value)
			s.Headers = append(s.Headers, name)
		}
	}
	slices.Sort(s.Headers)
	s.Sign(r, nil, secret)
	r.Header.Set("Authorization", s.Authorization())
	return r, nil
}

// processCredentials is what AWS's tools read from a credential_process.
type processCredentials struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

func askForSession(client *http.Client, r *http.Request) (processCredentials, error) {
	session := processCredentials{Version: 1}
	unreachable := func(err error) error {
		return &strongroom.Error{Kind: strongroom.KindUnavailable, Message: "no session could be had from " + r.URL.Host, Hint: "is `strongroom serve` running there? name it with --endpoint", Cause: err}
	}
	answer, err := client.Do(r)
	if err != nil {
		return session, unreachable(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return session, unreachable(err)
	}
	if answer.StatusCode != http.StatusOK {
		var refused struct {
			Code    string `xml:"Error>Code"`
			Message string `xml:"Error>Message"`
		}
		if xml.Unmarshal(text, &refused) != nil || refused.Code == "" {
			return session, unreachable(errors.New("it answers " + answer.Status))
		}
		return session, &strongroom.Error{Kind: strongroom.KindDenied, Message: "the server refuses a session: " + refused.Message + " (" + refused.Code + ")"}
	}
	var issued struct {
		Result struct {
			Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string }
		} `xml:"GetSessionTokenResult"`
	}
	if err := xml.NewDecoder(bytes.NewReader(text)).Decode(&issued); err != nil {
		return session, unreachable(err)
	}
	c := issued.Result.Credentials
	if c.AccessKeyId == "" || c.SecretAccessKey == "" || c.SessionToken == "" {
		return session, unreachable(errors.New("its answer holds no credentials"))
	}
	session.AccessKeyID, session.SecretAccessKey, session.SessionToken, session.Expiration = c.AccessKeyId, c.SecretAccessKey, c.SessionToken, c.Expiration
	return session, nil
}
