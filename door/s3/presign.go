package s3

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"strongroom"
	"strongroom/door/sigv4"
)

// Presigned is a request to be signed into a URL: SigV4 by query, as AWS documents
// it, with the purpose and ticket among what is signed.
type Presigned struct {
	Method      string // GET or HEAD
	Endpoint    string // http://127.0.0.1:7480
	Bucket, Key string
	Purpose     strongroom.Purpose
	KeyID       string
	Secret      string
	Token       string // of a session, "" for a key that lasts
	Region      string
	Now         time.Time
	Expires     time.Duration
}

// URL returns the URL. It opens the object for whoever has it until it expires, so it
// is to be handled like the content itself; the secret cannot be had from it.
func (p Presigned) URL() (string, error) {
	base, err := url.Parse(p.Endpoint)
	if err != nil || base.Host == "" || base.Path != "" && base.Path != "/" {
		return "", fmt.Errorf("%q is no endpoint such as http://127.0.0.1:7480", p.Endpoint)
	}
	stamp := p.Now.UTC().Format(sigv4.Stamp)
	s := sigv4.Signature{
		KeyID: p.KeyID, Date: stamp[:8], Region: p.Region, Service: "s3", Stamp: stamp,
		Headers: []string{"host"}, Payload: unsignedPayload, Presigned: true,
	}
	q := query{
		{"X-Amz-Algorithm", sigv4.Algorithm},
		{"X-Amz-Credential", p.KeyID + "/" + s.Scope()},
		{"X-Amz-Date", stamp},
		{"X-Amz-Expires", strconv.Itoa(int(p.Expires / time.Second))},
		{"X-Amz-SignedHeaders", "host"},
	}
	if p.Token != "" {
		q = append(q, element{"X-Amz-Security-Token", p.Token})
	}
	if p.Purpose.Text != "" {
		q = append(q, element{"x-strongroom-purpose", p.Purpose.Text})
	}
	if p.Purpose.Ticket != "" {
		q = append(q, element{"x-strongroom-ticket", p.Purpose.Ticket})
	}
	r := &http.Request{Method: p.Method, Host: base.Host, URL: &url.URL{Path: "/" + p.Bucket + "/" + p.Key}}
	s.Sign(r, q.all(), p.Secret)
	return base.Scheme + "://" + base.Host + sigv4.Escape(r.URL.Path, true) + "?" + sigv4.CanonicalQuery(q.all()) + "&X-Amz-Signature=" + s.Value, nil
}
