package s3

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"strongroom"
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
	stamp := p.Now.UTC().Format(stampLayout)
	s := signature{keyID: p.KeyID, date: stamp[:8], region: p.Region, stamp: stamp}
	q := query{
		{"X-Amz-Algorithm", algorithmV4},
		{"X-Amz-Credential", p.KeyID + "/" + s.scope()},
		{"X-Amz-Date", stamp},
		{"X-Amz-Expires", strconv.Itoa(int(p.Expires / time.Second))},
		{"X-Amz-SignedHeaders", "host"},
	}
	if p.Purpose.Text != "" {
		q = append(q, element{"x-strongroom-purpose", p.Purpose.Text})
	}
	if p.Purpose.Ticket != "" {
		q = append(q, element{"x-strongroom-ticket", p.Purpose.Ticket})
	}
	path := "/" + escape(p.Bucket, false) + "/" + escape(p.Key, true)
	canonical := p.Method + "\n" + path + "\n" + q.canonical() + "\nhost:" + base.Host + "\n\nhost\n" + unsignedPayload
	toSign := algorithmV4 + "\n" + s.stamp + "\n" + s.scope() + "\n" + hexSHA256(canonical)
	value := hex.EncodeToString(mac(signingKey(p.Secret, s.date, s.region), toSign))
	return base.Scheme + "://" + base.Host + path + "?" + q.canonical() + "&X-Amz-Signature=" + value, nil
}
