package s3

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"iter"
	"net"
	"net/http"
	"strconv"
	"strings"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/vault"
)

const (
	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

	unsignedPayload   = "UNSIGNED-PAYLOAD"
	streamSigned      = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamSignedTrail = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamPlainTrail  = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// authenticate believes the request's signature or refuses it, and fills in room
// and caller. It reads nothing of the body.
func (x *exchange) authenticate() error {
	s, err := x.readSignature()
	if err != nil {
		x.Noise("unsigned")
		return err
	}
	return x.believe(&s,
		func(string) *sigv4.Refusal { return s.Timely(x.Now(), x.MaxPresign) },
		func(secret string) *sigv4.Refusal { return s.Verify(x.r, x.query.all(), secret) }, x.sessionToken)
}

// believe finds the key that a signature names and fills in room and caller, if the
// signature is of its time, made with the key's secret, and beside the key's token.
func (x *exchange) believe(s *sigv4.Signature, timely, verify func(secret string) *sigv4.Refusal, sessionToken func() (string, error)) error {
	room, credential, err := x.Rooms.ByAccessKey(x.r.Context(), s.KeyID)
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
		if credential.Secret != "" && verify(credential.Secret) == nil {
			if credential.Expired {
				return refuse("ExpiredToken", "the provided token has expired")
			}
			reason, _ := errors.AsType[*strongroom.Error](err)
			return refuse("InvalidAccessKeyId", "%s", reason.Error())
		}
		f := refuse("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
		f.extra = []element{{"AWSAccessKeyId", s.KeyID}}
		return f
	}
	if refusal := timely(credential.Secret); refusal != nil {
		noise("time")
		return x.translate(refusal)
	}
	if refusal := verify(credential.Secret); refusal != nil {
		noise("signature")
		return x.translate(refusal)
	}
	if token, err := sessionToken(); err != nil || !credential.ProvesToken(token) {
		noise("token")
		return cmp.Or(err, error(refuse("InvalidToken", "the provided token is malformed or otherwise invalid; x-amz-security-token goes with the access key that it was issued with, and with no other")))
	}
	x.signed = *s
	x.room = room
	x.caller = vault.Caller{
		Principal: credential.Principal,
		Session:   credential.KeyID,
		Method:    "sigv4",
		Source:    source(x.r.RemoteAddr),
		Secure:    x.r.TLS != nil,
		RequestID: x.id,
		Purpose:   credential.Purpose,
		Endpoint:  sigv4.Endpoint(x.r),
	}
	if s.Presigned {
		x.caller.Method = "sigv4-presigned"
	}
	return nil
}

// sessionToken is the token of a session's key, from the header or a presigned URL. Both
// are signed.
func (x *exchange) sessionToken() (string, error) {
	header, inQuery := x.r.Header.Values("X-Amz-Security-Token"), x.query.has("X-Amz-Security-Token")
	switch {
	case len(header) > 1 || len(header) == 1 && inQuery:
		return "", refuse("InvalidRequest", "x-amz-security-token is given more than once")
	case len(header) == 1:
		return header[0], nil
	}
	return x.query.get("X-Amz-Security-Token"), nil
}

func source(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}

// refusals are the codes for what a signature can be refused for.
var refusals = map[sigv4.Reason]string{
	sigv4.Malformed:      "AuthorizationHeaderMalformed",
	sigv4.MalformedQuery: "AuthorizationQueryParametersError",
	sigv4.Mechanism:      "InvalidArgument",
	sigv4.Undated:        "AccessDenied",
	sigv4.Unsigned:       "AccessDenied",
	sigv4.Skewed:         "RequestTimeTooSkewed",
	sigv4.Early:          "AccessDenied",
	sigv4.Expired:        "AccessDenied",
	sigv4.Mismatch:       "SignatureDoesNotMatch",
	sigv4.Unusable:       "InternalError",
}

func (x *exchange) translate(r *sigv4.Refusal) *failure {
	f := &failure{code: refusals[r.Reason], message: r.Message}
	if r.Reason == sigv4.Unusable {
		f.cause = errors.New("the secret of an access key is too short")
	}
	if r.Reason == sigv4.Mechanism {
		scheme, _, spaced := strings.Cut(x.r.Header.Get("Authorization"), " ")
		if f.message = "Unsupported Authorization Type"; !spaced {
			f.message = "Authorization header is invalid -- one and only one ' ' (space) required."
		}
		f.extra = []element{{"ArgumentName", "Authorization"}, {"ArgumentValue", clip(scheme)}}
	}
	for _, d := range r.Details {
		f.extra = append(f.extra, element{d[0], d[1]})
	}
	return f
}

// readSignature finds out which way the request is signed and reads its claims.
func (x *exchange) readSignature() (sigv4.Signature, error) {
	authorization := x.r.Header.Values("Authorization")
	presigned := x.query.has("X-Amz-Algorithm") || x.query.has("X-Amz-Credential") || x.query.has("X-Amz-Signature")
	var s sigv4.Signature
	var err error
	switch {
	case len(authorization) > 1 || len(authorization) == 1 && presigned:
		return s, refuse("InvalidArgument", "only one way of signing is allowed: one Authorization header, or query parameters")
	case x.query.has("AWSAccessKeyId") || len(authorization) == 1 && strings.HasPrefix(authorization[0], "AWS "):
		return s, refuse("InvalidRequest", "The authorization mechanism you have provided is not supported. Please use %s.", sigv4.Algorithm)
	case presigned:
		s, err = x.readPresigned()
	case len(authorization) == 1:
		s, err = x.readHeader()
	case x.isBucketPost():
		f := refuse("PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
		f.extra = []element{{"Condition", "Bucket POST must be of the enclosure-type multipart/form-data"}}
		return s, f
	default:
		return s, refuse("AccessDenied", "anonymous requests are not answered; sign the request with %s", sigv4.Algorithm)
	}
	if err != nil {
		return s, err
	}
	if refusal := s.AllSigned(x.r, "x-amz-", "x-strongroom-"); refusal != nil {
		return s, x.translate(refusal)
	}
	return s, nil
}

// readHeader reads the claims of an Authorization header and its companions.
func (x *exchange) readHeader() (sigv4.Signature, error) {
	s, refusal := sigv4.ReadHeader(x.r, "s3")
	if refusal != nil {
		return s, x.translate(refusal)
	}
	if s.Payload = x.r.Header.Get("X-Amz-Content-Sha256"); s.Payload == "" {
		return s, refuse("InvalidRequest", "missing required header for this request: x-amz-content-sha256")
	}
	return s, checkPayload(s.Payload)
}

// readPresigned reads the claims of a presigned URL.
func (x *exchange) readPresigned() (sigv4.Signature, error) {
	s, refusal := sigv4.ParsePresigned(x.query.get, "s3", x.MaxPresign)
	if refusal != nil {
		return s, x.translate(refusal)
	}
	s.Payload = x.query.get("X-Amz-Content-Sha256")
	if s.Payload == "" {
		s.Payload = x.r.Header.Get("X-Amz-Content-Sha256")
	}
	if s.Payload == "" {
		s.Payload = unsignedPayload
	}
	return s, checkPayload(s.Payload)
}

func checkPayload(v string) error {
	switch {
	case sigv4.IsDigest(v), v == unsignedPayload, v == streamSigned, v == streamSignedTrail, v == streamPlainTrail:
		return nil
	case strings.HasPrefix(v, "STREAMING-"):
		return unsupported("the payload " + strconv.Quote(clip(v)))
	}
	f := refuse("InvalidArgument", "x-amz-content-sha256 must be %s, %s, %s, %s, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
		unsignedPayload, streamPlainTrail, streamSigned, streamSignedTrail)
	f.extra = []element{{"ArgumentName", "x-amz-content-sha256"}, {"ArgumentValue", clip(v)}}
	return f
}

// all goes through the parameters as they are signed.
func (q query) all() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, e := range q {
			if !yield(e.name, e.value) {
				return
			}
		}
	}
}

func clip(s string) string { return s[:min(len(s), 64)] }

// requestPath is the decoded path, byte for byte as the client meant it.
func requestPath(r *http.Request) string {
	if r.URL.Path == "" {
		return "/"
	}
	return r.URL.Path
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
