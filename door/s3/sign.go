package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/vault"
)

const (
	algorithmV4 = "AWS4-HMAC-SHA256"
	stampLayout = "20060102T150405Z"
	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

	unsignedPayload   = "UNSIGNED-PAYLOAD"
	streamSigned      = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamSignedTrail = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamPlainTrail  = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// signature is what a request claims about who signed it and how. Nothing of it is
// believed until verify.
type signature struct {
	keyID     string
	date      string // the scope's day
	region    string
	headers   []string // signed, in lower case, ascending
	value     string   // 64 hexadecimal digits
	stamp     string   // when it was signed, as in the string to sign
	time      time.Time
	expires   time.Duration // presigned only
	presigned bool
	payload   string // a digest, or one of the words above

	key []byte // derived signing key, once verified: chunk signatures need it
}

func (s *signature) scope() string {
	return s.date + "/" + s.region + "/s3/aws4_request"
}

// authenticate believes the request's signature or refuses it, and fills in room
// and caller. It reads nothing of the body.
func (x *exchange) authenticate() error {
	s, err := x.readSignature()
	if err != nil {
		x.Noise("unsigned")
		return err
	}
	room, credential, err := x.Rooms.ByAccessKey(x.r.Context(), s.keyID)
	noise := x.Noise
	if room != nil {
		noise = room.Noise
	}
	if err != nil {
		if k := strongroom.KindOf(err); k != strongroom.KindDenied {
			return err
		}
		noise("key")
		// Why a known key is refused is told to whoever proves its secret, and to nobody else.
		if credential.Secret != "" && s.verify(x.r, x.query, credential.Secret) == nil {
			reason, _ := errors.AsType[*strongroom.Error](err)
			return refuse("InvalidAccessKeyId", "%s", reason.Error())
		}
		return refuse("InvalidAccessKeyId", "the access key id you provided is not one that can be used here")
	}
	if err := s.timely(x.Now(), x.MaxPresign); err != nil {
		noise("time")
		return err
	}
	if err := s.verify(x.r, x.query, credential.Secret); err != nil {
		noise("signature")
		return err
	}
	x.signed = s
	x.room = room
	x.caller = vault.Caller{
		Principal: credential.Principal,
		Session:   credential.KeyID,
		Method:    "sigv4",
		Source:    source(x.r.RemoteAddr),
		Secure:    x.r.TLS != nil,
		RequestID: x.id,
	}
	if s.presigned {
		x.caller.Method = "sigv4-presigned"
	}
	return nil
}

func source(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}

// readSignature finds out which way the request is signed and reads its claims.
func (x *exchange) readSignature() (signature, error) {
	authorization := x.r.Header.Values("Authorization")
	presigned := x.query.has("X-Amz-Algorithm") || x.query.has("X-Amz-Credential") || x.query.has("X-Amz-Signature")
	var s signature
	var err error
	switch {
	case len(authorization) > 1 || len(authorization) == 1 && presigned:
		return s, refuse("InvalidArgument", "only one way of signing is allowed: one Authorization header, or query parameters")
	case x.query.has("AWSAccessKeyId") || len(authorization) == 1 && strings.HasPrefix(authorization[0], "AWS "):
		return s, refuse("InvalidRequest", "the authorization mechanism you have provided (Signature Version 2) is not supported; please use %s", algorithmV4)
	case presigned:
		s, err = x.readPresigned()
	case len(authorization) == 1:
		s, err = x.readHeader(authorization[0])
	case x.r.Method == http.MethodPost && strings.HasPrefix(x.r.Header.Get("Content-Type"), "multipart/form-data"):
		return s, unsupported("the browser form upload (POST policy)")
	default:
		return s, refuse("AccessDenied", "anonymous requests are not answered; sign the request with %s", algorithmV4)
	}
	if err != nil {
		return s, err
	}
	if x.r.Header.Get("X-Amz-Security-Token") != "" || x.query.has("X-Amz-Security-Token") {
		return s, refuse("InvalidToken", "session tokens are not issued by this server; sign with an access key of its own")
	}
	return s, x.allSigned(s.headers)
}

// allSigned refuses headers that mean something here and are not signed.
func (x *exchange) allSigned(signed []string) error {
	if !slices.Contains(signed, "host") {
		return refuse("AccessDenied", "the Host header must be signed")
	}
	for name := range x.r.Header {
		name = strings.ToLower(name)
		if (strings.HasPrefix(name, "x-amz-") || strings.HasPrefix(name, "x-strongroom-")) && !slices.Contains(signed, name) {
			f := refuse("AccessDenied", "there were headers present in the request which were not signed")
			f.extra = []element{{"HeadersNotSigned", name}}
			return f
		}
	}
	return nil
}

// readHeader reads the claims of an Authorization header and its companions.
func (x *exchange) readHeader(authorization string) (signature, error) {
	s, err := parseAuthorization(authorization)
	if err != nil {
		err.extra = []element{{"Region", x.Region}}
		return s, err
	}
	if stamp := x.r.Header.Get("X-Amz-Date"); stamp != "" {
		if s.time, s.stamp = parseStamp(stamp); s.stamp == "" {
			return s, refuse("AccessDenied", "the x-amz-date header must look like 20060102T150405Z")
		}
	} else if t, err := http.ParseTime(x.r.Header.Get("Date")); err == nil {
		s.time, s.stamp = t, t.UTC().Format(stampLayout)
	} else {
		return s, refuse("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
	}
	if !strings.HasPrefix(s.stamp, s.date) {
		f := refuse("AuthorizationHeaderMalformed", "the credential's date is not that of x-amz-date")
		f.extra = []element{{"Region", x.Region}}
		return s, f
	}
	if s.payload = x.r.Header.Get("X-Amz-Content-Sha256"); s.payload == "" {
		return s, refuse("InvalidRequest", "missing required header for this request: x-amz-content-sha256")
	}
	return s, checkPayload(s.payload)
}

// parseAuthorization reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
func parseAuthorization(value string) (signature, *failure) {
	bad := func(what string) (signature, *failure) {
		return signature{}, refuse("AuthorizationHeaderMalformed", "the authorization header is malformed: %s", what)
	}
	scheme, rest, _ := strings.Cut(value, " ")
	if scheme != algorithmV4 {
		return signature{}, refuse("InvalidRequest", "the authorization mechanism you have provided is not supported; please use %s", algorithmV4)
	}
	var s signature
	seen := map[string]bool{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.Trim(part, " \t"), "=")
		if !ok || seen[name] {
			return bad("it must have Credential, SignedHeaders and Signature, each once")
		}
		seen[name] = true
		var why string
		switch name {
		case "Credential":
			why = s.setCredential(value)
		case "SignedHeaders":
			why = s.setHeaders(value)
		case "Signature":
			why = s.setValue(value)
		default:
			why = "it has a part that is not Credential, SignedHeaders or Signature"
		}
		if why != "" {
			return bad(why)
		}
	}
	if len(seen) != 3 {
		return bad("it must have Credential, SignedHeaders and Signature, each once")
	}
	return s, nil
}

// readPresigned reads the claims of a presigned URL.
func (x *exchange) readPresigned() (signature, error) {
	s, err := parsePresigned(x.query, x.MaxPresign)
	if err != nil {
		if err.code == "AuthorizationQueryParametersError" {
			err.extra = []element{{"Region", x.Region}}
		}
		return s, err
	}
	s.payload = x.query.get("X-Amz-Content-Sha256")
	if s.payload == "" {
		s.payload = x.r.Header.Get("X-Amz-Content-Sha256")
	}
	if s.payload == "" {
		s.payload = unsignedPayload
	}
	return s, checkPayload(s.payload)
}

func parsePresigned(q query, longest time.Duration) (signature, *failure) {
	bad := func(format string, args ...any) (signature, *failure) {
		return signature{}, refuse("AuthorizationQueryParametersError", format, args...)
	}
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		if q.get(name) == "" {
			return bad("a presigned URL needs X-Amz-Algorithm, X-Amz-Credential, X-Amz-Date, X-Amz-Expires, X-Amz-SignedHeaders and X-Amz-Signature; %s is missing", name)
		}
	}
	if q.get("X-Amz-Algorithm") != algorithmV4 {
		return signature{}, refuse("InvalidRequest", "the authorization mechanism you have provided is not supported; please use %s", algorithmV4)
	}
	s := signature{presigned: true}
	for _, why := range []string{
		s.setCredential(q.get("X-Amz-Credential")),
		s.setHeaders(q.get("X-Amz-SignedHeaders")),
		s.setValue(q.get("X-Amz-Signature")),
	} {
		if why != "" {
			return bad("%s", why)
		}
	}
	if s.time, s.stamp = parseStamp(q.get("X-Amz-Date")); s.stamp == "" {
		return bad("X-Amz-Date must look like 20060102T150405Z")
	}
	if !strings.HasPrefix(s.stamp, s.date) {
		return bad("the credential's date is not that of X-Amz-Date")
	}
	seconds, err := strconv.ParseUint(q.get("X-Amz-Expires"), 10, 31)
	if err != nil || seconds == 0 {
		return bad("X-Amz-Expires must be a number of seconds, at least 1")
	}
	if s.expires = time.Duration(seconds) * time.Second; s.expires > longest {
		return bad("X-Amz-Expires must be at most %d seconds here", int64(longest/time.Second))
	}
	return s, nil
}

// setCredential takes in "key id/day/region/s3/aws4_request", and answers what is
// wrong with it, or "".
func (s *signature) setCredential(v string) string {
	parts := strings.Split(v, "/")
	if len(parts) < 5 {
		return "the credential must be of the form <access key id>/<day>/<region>/s3/aws4_request"
	}
	key, scope := strings.Join(parts[:len(parts)-4], "/"), parts[len(parts)-4:]
	if key == "" || len(key) > 128 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "the access key id must have 1 to 128 visible ASCII characters"
	}
	if _, err := time.Parse("20060102", scope[0]); err != nil {
		return "the credential's date must look like 20060102"
	}
	if scope[1] == "" || len(scope[1]) > 64 || strings.ContainsFunc(scope[1], func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	}) {
		return "the credential's region must have 1 to 64 lower-case letters, digits and hyphens"
	}
	if scope[2] != "s3" {
		return "the credential's service must be s3"
	}
	if scope[3] != "aws4_request" {
		return "the credential must end with aws4_request"
	}
	s.keyID, s.date, s.region = key, scope[0], scope[1]
	return ""
}

func (s *signature) setHeaders(v string) string {
	names := strings.Split(v, ";")
	if len(names) > maxSigned {
		return "too many signed headers"
	}
	for i, n := range names {
		if n == "" || strings.ContainsFunc(n, func(r rune) bool { return !tokenRune(r) || r >= 'A' && r <= 'Z' }) {
			return "the signed headers must be header names in lower case, divided by semicolons"
		}
		if i > 0 && names[i-1] >= n {
			return "the signed headers must be in ascending order, each once"
		}
	}
	s.headers = names
	return ""
}

func (s *signature) setValue(v string) string {
	if !isDigest(v) {
		return "the signature must have 64 lower-case hexadecimal digits"
	}
	s.value = v
	return ""
}

// tokenRune reports whether r may stand in a header's name.
func tokenRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// isDigest reports whether v is a SHA-256 in lower-case hexadecimal.
func isDigest(v string) bool {
	return len(v) == 64 && !strings.ContainsFunc(v, func(r rune) bool { return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'f') })
}

func parseStamp(v string) (time.Time, string) {
	t, err := time.Parse(stampLayout, v)
	if err != nil || t.Format(stampLayout) != v {
		return time.Time{}, ""
	}
	return t, v
}

func checkPayload(v string) error {
	switch {
	case isDigest(v), v == unsignedPayload, v == streamSigned, v == streamSignedTrail, v == streamPlainTrail:
		return nil
	case strings.HasPrefix(v, "STREAMING-"):
		return unsupported("the payload " + strconv.Quote(clip(v)))
	}
	return refuse("InvalidArgument", "x-amz-content-sha256 must be %s, a STREAMING value, or a SHA-256 in lower-case hexadecimal", unsignedPayload)
}

func clip(s string) string { return s[:min(len(s), 64)] }

// timely refuses a signature that was not made around now, or whose URL has expired.
func (s *signature) timely(now time.Time, longest time.Duration) error {
	if !s.presigned {
		if d := now.Sub(s.time); d > maxSkew || d < -maxSkew {
			f := refuse("RequestTimeTooSkewed", "the difference between the request time and the server's time is too large")
			f.extra = []element{
				{"RequestTime", s.stamp},
				{"ServerTime", now.UTC().Format(time.RFC3339)},
				{"MaxAllowedSkewMilliseconds", strconv.FormatInt(maxSkew.Milliseconds(), 10)},
			}
			return f
		}
		return nil
	}
	if s.time.After(now.Add(maxSkew)) {
		return refuse("AccessDenied", "Request is not yet valid")
	}
	if end := s.time.Add(min(s.expires, longest)); now.After(end) {
		f := refuse("AccessDenied", "Request has expired")
		f.extra = []element{
			{"X-Amz-Expires", strconv.FormatInt(int64(s.expires/time.Second), 10)},
			{"Expires", end.UTC().Format(time.RFC3339)},
			{"ServerTime", now.UTC().Format(time.RFC3339)},
		}
		return f
	}
	return nil
}

// verify checks the signature with the secret, and keeps the derived key.
func (s *signature) verify(r *http.Request, q query, secret string) error {
	if len(secret) < 16 {
		return &failure{code: "InternalError", message: "the access key cannot be checked", cause: errors.New("the secret of an access key is shorter than 16 characters")}
	}
	canonical := s.canonicalRequest(r, q)
	toSign := algorithmV4 + "\n" + s.stamp + "\n" + s.scope() + "\n" + hexSHA256(canonical)
	key := signingKey(secret, s.date, s.region)
	if !equal(s.value, hex.EncodeToString(mac(key, toSign))) {
		f := refuse("SignatureDoesNotMatch", "the request signature we calculated does not match the signature you provided; check your key and signing method")
		f.extra = []element{
			{"AWSAccessKeyId", s.keyID},
			{"SignatureProvided", s.value},
			{"StringToSign", toSign},
			{"CanonicalRequest", canonical},
		}
		return f
	}
	s.key = key
	return nil
}

// canonicalRequest is the request in the one spelling that is signed. S3 encodes
// the path once and never cleans it.
func (s *signature) canonicalRequest(r *http.Request, q query) string {
	var b strings.Builder
	b.WriteString(r.Method)
	b.WriteByte('\n')
	b.WriteString(escape(requestPath(r), true))
	b.WriteByte('\n')
	b.WriteString(q.canonical())
	b.WriteByte('\n')
	for _, name := range s.headers {
		b.WriteString(name)
		b.WriteByte(':')
		b.WriteString(headerValue(r, name))
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.WriteString(strings.Join(s.headers, ";"))
	b.WriteByte('\n')
	b.WriteString(s.payload)
	return b.String()
}

// requestPath is the decoded path, byte for byte as the client meant it.
func requestPath(r *http.Request) string {
	if r.URL.Path == "" {
		return "/"
	}
	return r.URL.Path
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

func signingKey(secret, date, region string) []byte {
	return mac(mac(mac(mac([]byte("AWS4"+secret), date), region), "s3"), "aws4_request")
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSHA256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
