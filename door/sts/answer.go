package sts

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"strongroom"
	"strongroom/door/sigv4"
	"strongroom/vault"
)

const namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

type metadata struct {
	RequestID string `xml:"RequestId"`
}

type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

func credentialsOf(s vault.IssuedSession) credentials {
	return credentials{s.ID, s.Secret, s.Token, s.Expires.UTC().Format(time.RFC3339)}
}

type callerIdentityResult struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

type callerIdentityResponse struct {
	XMLName  xml.Name             `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	Result   callerIdentityResult `xml:"GetCallerIdentityResult"`
	Metadata metadata             `xml:"ResponseMetadata"`
}

type sessionTokenResult struct {
	Credentials credentials
}

type sessionTokenResponse struct {
	XMLName  xml.Name           `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetSessionTokenResponse"`
	Result   sessionTokenResult `xml:"GetSessionTokenResult"`
	Metadata metadata           `xml:"ResponseMetadata"`
}

type assumeRoleResult struct {
	Subject  string `xml:"SubjectFromWebIdentityToken"`
	Audience string
	User     struct {
		Arn string
		ID  string `xml:"AssumedRoleId"`
	} `xml:"AssumedRoleUser"`
	Credentials credentials
	Provider    string
}

type assumeRoleResponse struct {
	XMLName  xml.Name         `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleWithWebIdentityResponse"`
	Result   assumeRoleResult `xml:"AssumeRoleWithWebIdentityResult"`
	Metadata metadata         `xml:"ResponseMetadata"`
}

func (r *callerIdentityResponse) identify(id string) { r.Metadata.RequestID = id }
func (r *sessionTokenResponse) identify(id string)   { r.Metadata.RequestID = id }
func (r *assumeRoleResponse) identify(id string)     { r.Metadata.RequestID = id }

type errorResponse struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Error   struct {
		Type, Code, Message string
	}
	RequestID string `xml:"RequestId"`
}

func (r *errorResponse) identify(id string) { r.RequestID = id }

// answer writes a document. Credentials are for nobody's cache.
func (x *exchange) answer(status int, document any) {
	if d, ok := document.(interface{ identify(string) }); ok {
		d.identify(x.id)
	}
	body, err := xml.Marshal(document)
	if err != nil {
		x.Log.Error("an STS answer could not be written", "request", x.id, "error", err)
		status, body = http.StatusInternalServerError, nil
	}
	h := x.w.Header()
	h.Set("Content-Type", "text/xml")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("x-amzn-RequestId", x.id)
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // whoever went away does not want it
}

// failure is an answer that is not a success, in STS's own terms.
type failure struct {
	code    string
	message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

// refuse makes a failure of one of the codes in statuses.
func refuse(code, format string, args ...any) *failure {
	return &failure{code, fmt.Sprintf(format, args...)}
}

// statuses are the codes that this door answers with.
var statuses = map[string]int{
	"AccessDenied":               403,
	"ExpiredToken":               403,
	"ExpiredTokenException":      400,
	"IDPCommunicationError":      400,
	"IncompleteBody":             400,
	"IncompleteSignature":        400,
	"InternalFailure":            500,
	"InvalidAction":              400,
	"InvalidClientTokenId":       403,
	"InvalidIdentityToken":       400,
	"MissingAction":              400,
	"MissingAuthenticationToken": 403,
	"RequestEntityTooLarge":      413,
	"ServiceUnavailable":         503,
	"SignatureDoesNotMatch":      403,
	"Throttling":                 400,
	"ValidationError":            400,
}

// refusals are the codes for what a signature can be refused for. STS has none of its
// own for a clock that is off.
var refusals = map[sigv4.Reason]string{
	sigv4.Malformed: "IncompleteSignature",
	sigv4.Mechanism: "IncompleteSignature",
	sigv4.Undated:   "IncompleteSignature",
	sigv4.Unsigned:  "AccessDenied",
	sigv4.Skewed:    "SignatureDoesNotMatch",
	sigv4.Mismatch:  "SignatureDoesNotMatch",
	sigv4.Unusable:  "InternalFailure",
}

func translate(r *sigv4.Refusal) *failure {
	f := &failure{refusals[r.Reason], r.Message}
	if r.Reason == sigv4.Skewed {
		f.message = "Signature expired or not yet current: " + r.Message
		for _, d := range r.Details {
			f.message += ", " + d[0] + " " + d[1]
		}
	}
	return f
}

// kinds translate the house's errors.
var kinds = map[strongroom.Kind]string{
	strongroom.KindInvalid:     "ValidationError",
	strongroom.KindDenied:      "AccessDenied",
	strongroom.KindConflict:    "ServiceUnavailable",
	strongroom.KindUnavailable: "ServiceUnavailable",
	strongroom.KindBusy:        "Throttling",
}

// fail answers err. Nothing of an error that the house did not phrase for the asker is
// shown.
func (x *exchange) fail(err error) {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = refuse("InternalFailure", "the request processing has failed because of an unknown error")
		if e, phrased := errors.AsType[*strongroom.Error](err); phrased && kinds[e.Kind] != "" {
			f = refuse(kinds[e.Kind], "%s", e.Error())
		}
	}
	status := statuses[f.code]
	var document errorResponse
	document.Error.Type, document.Error.Code, document.Error.Message = "Sender", f.code, sentence(f.message)
	if status >= 500 {
		document.Error.Type = "Receiver"
		cause := err
		if e, ok := errors.AsType[*strongroom.Error](err); ok && e.Cause != nil {
			cause = fmt.Errorf("%w: %w", err, e.Cause)
		}
		x.Log.Error("sts request failed", "request", x.id, "code", f.code, "cause", cause)
	}
	x.answer(status, &document)
}

// sentence begins a message as AWS's begin.
func sentence(message string) string {
	first, n := utf8.DecodeRuneInString(message)
	if word, _, _ := strings.Cut(message, " "); strings.Contains(word, "-") {
		return message // a header's name
	}
	return string(unicode.ToUpper(first)) + message[n:]
}
