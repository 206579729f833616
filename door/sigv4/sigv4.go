// Package sigv4 is AWS Signature Version 4 as the doors need it: it reads what a
// request claims about who signed it, checks the claims against a secret and a
// clock, and signs requests the same way. It believes nothing before Verify, and
// compares in constant time. What is wrong is a Refusal that says why in the words
// that AWS has for it; each door puts its protocol's code before them.
package sigv4

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	Algorithm = "AWS4-HMAC-SHA256"
	// Stamp is the layout of the time in a request.
	Stamp = "20060102T150405Z"
	// MaxSkew is how far the clocks of client and server may differ.
	MaxSkew = 15 * time.Minute

	maxSigned = 256 // names under SignedHeaders
	minSecret = 16  // characters
)

// Signature is what a request claims about who signed it and how.
type Signature struct {
	KeyID     string
	Date      string // the scope's day
	Region    string
	Service   string
	Headers   []string // signed, in lower case, ascending
	Value     string   // 64 hexadecimal digits
	Stamp     string   // when it was signed, as in the string to sign
	Time      time.Time
	Expires   time.Duration // presigned only
	Presigned bool
	Payload   string // what stands for the body in the canonical request; the door fills it in

	Key []byte // derived signing key, once verified: chunk signatures need it
}

// Scope is the part of the credential after the key's id.
func (s *Signature) Scope() string {
	return s.Date + "/" + s.Region + "/" + s.Service + "/aws4_request"
}

const (
	malformed           = "The authorization header is malformed; "
	malformedCredential = `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`
	undated             = "AWS authentication requires a valid Date or x-amz-date header."
)

// Reason sorts refusals, for doors to translate.
type Reason int

const (
	Malformed      Reason = iota + 1 // the Authorization header
	MalformedQuery                   // the parameters of a presigned URL
	Mechanism                        // another way of signing
	Undated                          // no time, or none that can be read
	Unsigned                         // a header that means something is not signed
	Skewed                           // signed too long ago, or in the future
	Early                            // a presigned URL from the future
	Expired                          // a presigned URL that is over
	Mismatch                         // the secret did not make this signature
	Unusable                         // the secret is too short to check anything with
)

// Refusal says why a signature is not believed.
type Refusal struct {
	Reason  Reason
	Message string      // for whoever signed
	Details [][2]string // name and value
}

func (r *Refusal) Error() string { return r.Message }

func refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Service is the service that an Authorization header claims to be signed for, or "".
func Service(authorization string) string {
	s, err := ParseAuthorization(authorization, "")
	if err != nil {
		return ""
	}
	return s.Service
}

// ReadHeader reads the claims of an Authorization header and of the headers that date
// the request, for one service.
func ReadHeader(r *http.Request, service string) (Signature, *Refusal) {
	s, refusal := ParseAuthorization(r.Header.Get("Authorization"), service)
	if refusal != nil {
		return s, refusal
	}
	if stamp := r.Header.Get("X-Amz-Date"); stamp != "" {
		if s.Time, s.Stamp = parseStamp(stamp); s.Stamp == "" {
			return s, refuse(Undated, undated)
		}
	} else if s.Time, s.Stamp = parseStamp(r.Header.Get("Date")); s.Stamp == "" { // AWS's own form, or that of HTTP
		t, err := http.ParseTime(r.Header.Get("Date"))
		if err != nil {
			return s, refuse(Undated, undated)
		}
		s.Time, s.Stamp = t, t.UTC().Format(Stamp)
	}
	if !strings.HasPrefix(s.Stamp, s.Date) {
		return s, refuse(Malformed, "%sInvalid credential date. Date is not the same as X-Amz-Date.", malformed)
	}
	return s, nil
}

// ParseAuthorization reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
// With service "" any service will do.
func ParseAuthorization(value, service string) (Signature, *Refusal) {
	bad := func(what string) (Signature, *Refusal) {
		return Signature{}, refuse(Malformed, "%s%s", malformed, what)
	}
	scheme, rest, _ := strings.Cut(value, " ")
	if scheme != Algorithm {
		return Signature{}, refuse(Mechanism, "The authorization mechanism you have provided is not supported. Please use %s.", Algorithm)
	}
	parts := map[string]string{}
	n := 0
	for part := range strings.SplitSeq(rest, ",") {
		part = strings.Trim(part, " \t")
		name, value, ok := strings.Cut(part, "=")
		if !ok && part != "" {
			return bad(fmt.Sprintf("the authorization component %.64q is malformed.", part))
		}
		parts[name] = value
		n++
	}
	if n != 3 || len(parts) != 3 {
		return bad("the authorization header requires three components: Credential, SignedHeaders, and Signature.")
	}
	var s Signature
	for _, c := range []struct {
		name string
		set  func(string) string
	}{
		{"Credential", func(v string) string { return s.setCredential(v, service) }},
		{"SignedHeaders", s.setHeaders},
		{"Signature", s.setValue},
	} {
		value, ok := parts[c.name]
		if !ok {
			return bad("missing " + c.name + ".")
		}
		if why := c.set(value); why != "" {
			return bad(why)
		}
	}
	return s, nil
}

// ParsePresigned reads the claims of a presigned URL that may live as long as longest;
// get answers its query parameters, decoded.
func ParsePresigned(get func(name string) string, service string, longest time.Duration) (Signature, *Refusal) {
	bad := func(format string, args ...any) (Signature, *Refusal) {
		return Signature{}, refuse(MalformedQuery, format, args...)
	}
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		if get(name) == "" {
			return bad("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	if get("X-Amz-Algorithm") != Algorithm {
		return bad("X-Amz-Algorithm only supports %q", Algorithm)
	}
	s := Signature{Presigned: true}
	if why := s.setCredential(get("X-Amz-Credential"), service); why != "" {
		return bad("Error parsing the X-Amz-Credential parameter; %s", why)
	}
	for _, why := range []string{s.setHeaders(get("X-Amz-SignedHeaders")), s.setValue(get("X-Amz-Signature"))} {
		if why != "" {
			return bad("%s", why)
		}
	}
	if s.Time, s.Stamp = parseStamp(get("X-Amz-Date")); s.Stamp == "" {
		return bad(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	if !strings.HasPrefix(s.Stamp, s.Date) {
		return bad("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", s.Date, s.Stamp[:8])
	}
	const week = 7 * 24 * 60 * 60
	seconds, err := strconv.ParseInt(get("X-Amz-Expires"), 10, 32)
	switch s.Expires = time.Duration(seconds) * time.Second; {
	case err != nil:
		return bad("X-Amz-Expires should be a number")
	case seconds < 0:
		return bad("X-Amz-Expires must be non-negative")
	case seconds > week:
		return bad("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than %d seconds", week)
	case seconds == 0 || s.Expires > longest:
		return bad("X-Amz-Expires must be at least 1 and at most %d seconds here", int64(longest/time.Second))
	}
	return s, nil
}

// setCredential takes in "key id/day/region/service/aws4_request", and answers what is
// wrong with it, or "".
func (s *Signature) setCredential(v, service string) string {
	parts := strings.Split(v, "/")
	if len(parts) < 5 {
		return malformedCredential
	}
	key, scope := strings.Join(parts[:len(parts)-4], "/"), parts[len(parts)-4:]
	if key == "" || len(key) > 128 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "the access key id must have 1 to 128 visible ASCII characters"
	}
	_, err := time.Parse("20060102", scope[0])
	switch {
	case scope[3] != "aws4_request" && len(parts) > 5:
		return malformedCredential
	case scope[3] != "aws4_request":
		return fmt.Sprintf(`incorrect terminal %.64q. This endpoint uses "aws4_request".`, scope[3])
	case service != "" && scope[2] != service:
		return fmt.Sprintf("incorrect service %.64q. This endpoint belongs to %q.", scope[2], service)
	case !isName(scope[2]):
		return "the service must have 1 to 64 lower-case letters, digits and hyphens"
	case !isName(scope[1]):
		return "the region must have 1 to 64 lower-case letters, digits and hyphens"
	case err != nil:
		return fmt.Sprintf(`incorrect date format %.64q. This date in the credential must be in the format "yyyyMMdd".`, scope[0])
	}
	s.KeyID, s.Date, s.Region, s.Service = key, scope[0], scope[1], scope[2]
	return ""
}

func isName(v string) bool {
	return v != "" && len(v) <= 64 && !strings.ContainsFunc(v, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	})
}

func (s *Signature) setHeaders(v string) string {
	names := strings.Split(v, ";")
	if len(names) > maxSigned {
		return "too many signed headers"
	}
	for i, n := range names {
		if n == "" || strings.ContainsFunc(n, func(r rune) bool { return !IsTokenRune(r) || r >= 'A' && r <= 'Z' }) {
			return "the signed headers must be header names in lower case, divided by semicolons"
		}
		if i > 0 && names[i-1] >= n {
			return "the signed headers must be in ascending order, each once"
		}
	}
	s.Headers = names
	return ""
}

func (s *Signature) setValue(v string) string {
	if !IsDigest(v) {
		return "the signature must have 64 lower-case hexadecimal digits"
	}
	s.Value = v
	return ""
}

// AllSigned refuses a request that has a header under one of the prefixes which is not
// signed, or whose host is not.
func (s *Signature) AllSigned(r *http.Request, prefixes ...string) *Refusal {
	if !slices.Contains(s.Headers, "host") {
		return refuse(Unsigned, "the Host header must be signed")
	}
	var missing []string
	for name := range r.Header {
		name = strings.ToLower(name)
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) && !slices.Contains(s.Headers, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	message := "There were headers present in the request which were not signed"
	if own := slices.DeleteFunc(slices.Clone(missing), func(n string) bool { return strings.HasPrefix(n, "x-amz-") }); len(own) > 0 {
		message += ": " + strings.Join(own, ", ") // AWS's tools show the message alone, and sign their own
	}
	refusal := refuse(Unsigned, "%.256s", message)
	refusal.Details = [][2]string{{"HeadersNotSigned", strings.Join(missing, ", ")}}
	return refusal
}

// Timely refuses a signature that was not made around now, or whose URL has expired.
func (s *Signature) Timely(now time.Time, longest time.Duration) *Refusal {
	if !s.Presigned {
		if d := now.Sub(s.Time); d > MaxSkew || d < -MaxSkew {
			refusal := refuse(Skewed, "The difference between the request time and the current time is too large.")
			refusal.Details = [][2]string{
				{"RequestTime", s.Stamp},
				{"ServerTime", now.UTC().Format(time.RFC3339)},
				{"MaxAllowedSkewMilliseconds", strconv.FormatInt(MaxSkew.Milliseconds(), 10)},
			}
			return refusal
		}
		return nil
	}
	if s.Time.After(now.Add(MaxSkew)) {
		return refuse(Early, "Request is not yet valid")
	}
	if end := s.Time.Add(min(s.Expires, longest)); now.After(end) {
		refusal := refuse(Expired, "Request has expired.")
		refusal.Details = [][2]string{
			{"X-Amz-Expires", strconv.FormatInt(int64(s.Expires/time.Second), 10)},
			{"Expires", end.UTC().Format(time.RFC3339)},
			{"ServerTime", now.UTC().Format(time.RFC3339)},
		}
		return refusal
	}
	return nil
}

// Verify checks the signature with the secret, and keeps the derived key.
func (s *Signature) Verify(r *http.Request, query iter.Seq2[string, string], secret string) *Refusal {
	if len(secret) < minSecret {
		return refuse(Unusable, "the access key cannot be checked")
	}
	key, canonical, toSign := s.sign(r, query, secret)
	if !equal(s.Value, hex.EncodeToString(MAC(key, toSign))) {
		refusal := refuse(Mismatch, "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
		canonical = withoutToken(r, query, canonical)
		refusal.Details = [][2]string{
			{"AWSAccessKeyId", s.KeyID},
			{"StringToSign", toSign},
			{"SignatureProvided", s.Value},
			{"StringToSignBytes", fmt.Sprintf("% x", toSign)},
			{"CanonicalRequest", canonical},
			{"CanonicalRequestBytes", fmt.Sprintf("% x", canonical)},
		}
		return refusal
	}
	s.Key = key
	return nil
}

// withoutToken is a canonical request as it may be shown, and logged by whoever it is
// shown to.
func withoutToken(r *http.Request, query iter.Seq2[string, string], canonical string) string {
	hide := func(token string) {
		if token != "" {
			canonical = strings.ReplaceAll(canonical, token, "…")
		}
	}
	hide(headerValue(r, "x-amz-security-token"))
	if query != nil {
		for name, value := range query {
			if name == "X-Amz-Security-Token" {
				hide(Escape(value, false))
			}
		}
	}
	return canonical
}

// Sign fills in Value and Key from everything else that s says. A presigned URL's
// parameters, but for the signature, must be in the query already.
func (s *Signature) Sign(r *http.Request, query iter.Seq2[string, string], secret string) {
	key, _, toSign := s.sign(r, query, secret)
	s.Key, s.Value = key, hex.EncodeToString(MAC(key, toSign))
}

// Authorization is the header that carries the signature.
func (s *Signature) Authorization() string {
	return Algorithm + " Credential=" + s.KeyID + "/" + s.Scope() + ", SignedHeaders=" + strings.Join(s.Headers, ";") + ", Signature=" + s.Value
}

func (s *Signature) sign(r *http.Request, query iter.Seq2[string, string], secret string) (key []byte, canonical, toSign string) {
	canonical = s.CanonicalRequest(r, query)
	return SigningKey(secret, s.Date, s.Region, s.Service), canonical, Algorithm + "\n" + s.Stamp + "\n" + s.Scope() + "\n" + Digest(canonical)
}

// CanonicalRequest is the request in the one spelling that is signed. As S3 has it the
// path is encoded once and never cleaned; other services differ in paths that no door
// here has.
func (s *Signature) CanonicalRequest(r *http.Request, query iter.Seq2[string, string]) string {
	var b strings.Builder
	b.WriteString(r.Method)
	b.WriteByte('\n')
	b.WriteString(Escape(cmp.Or(r.URL.Path, "/"), true))
	b.WriteByte('\n')
	b.WriteString(CanonicalQuery(query))
	b.WriteByte('\n')
	for _, name := range s.Headers {
		b.WriteString(name)
		b.WriteByte(':')
		b.WriteString(headerValue(r, name))
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.WriteString(strings.Join(s.Headers, ";"))
	b.WriteByte('\n')
	b.WriteString(s.Payload)
	return b.String()
}

// CanonicalQuery is decoded parameters as they are signed: encoded once, sorted,
// without the signature itself.
func CanonicalQuery(query iter.Seq2[string, string]) string {
	var pairs [][2]string
	if query != nil {
		for name, value := range query {
			if name != "X-Amz-Signature" {
				pairs = append(pairs, [2]string{Escape(name, false), Escape(value, false)})
			}
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p[0])
		b.WriteByte('=')
		b.WriteString(p[1])
	}
	return b.String()
}

// headerValue is a header as it is signed: values joined by commas, each without
// surrounding white space and with runs of it made one space. A few headers are
// kept by net/http outside the map.
func headerValue(r *http.Request, name string) string {
	values := r.Header[http.CanonicalHeaderKey(name)]
	switch {
	case name == "host":
		values = []string{r.Host}
	case name == "content-length" && len(values) == 0 && r.ContentLength >= 0:
		values = []string{strconv.FormatInt(r.ContentLength, 10)}
	case name == "transfer-encoding":
		values = r.TransferEncoding
	}
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		gap := false
		for _, c := range []byte(strings.Trim(v, " \t")) {
			if c == ' ' || c == '\t' {
				gap = true
				continue
			}
			if gap {
				b.WriteByte(' ')
				gap = false
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

// SigningKey derives the key of one day, region and service from a secret.
func SigningKey(secret, date, region, service string) []byte {
	return MAC(MAC(MAC(MAC([]byte("AWS4"+secret), date), region), service), "aws4_request")
}

// MAC is HMAC-SHA256.
func MAC(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// Digest is a SHA-256 in lower-case hexadecimal.
func Digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// IsDigest reports whether v is a SHA-256 in lower-case hexadecimal.
func IsDigest(v string) bool {
	return len(v) == 64 && !strings.ContainsFunc(v, func(r rune) bool { return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'f') })
}

// IsTokenRune reports whether r may stand in a header's name.
func IsTokenRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// Escape percent-encodes as the signature does: all but the unreserved characters,
// and the slash where it divides a path.
func Escape(s string, slash bool) string {
	const digits = "0123456789ABCDEF"
	plain := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' || c == '.' || c == '_' || c == '~' || c == '/' && slash
	}
	n := 0
	for i := range len(s) {
		if !plain(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

func parseStamp(v string) (time.Time, string) {
	t, err := time.Parse(Stamp, v)
	if err != nil || t.Format(Stamp) != v {
		return time.Time{}, ""
	}
	return t, v
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Endpoint is the URL that the client reached, as far as the request tells, or "" where
// its host is none that could stand in a command line.
func Endpoint(r *http.Request) string {
	if r.Host == "" || len(r.Host) > 255 || strings.ContainsFunc(r.Host, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(".:-[]", c))
	}) {
		return ""
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
