package s3

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"strongroom"
	"strongroom/vault"
)

// failure is an answer that is not a success, in S3's own terms.
type failure struct {
	code    string
	message string
	status  int               // 0: the code's own
	extra   []element         // further elements of the error document
	headers map[string]string // further headers
	cause   error             // for the log
}

type element struct{ name, value string }

func (f *failure) Error() string { return f.code + ": " + f.message }
func (f *failure) Unwrap() error { return f.cause }

// refuse makes a failure of one of the codes in statuses.
func refuse(code, format string, args ...any) *failure {
	return &failure{code: code, message: fmt.Sprintf(format, args...)}
}

// unsupported names what this door does not do.
func unsupported(what string) *failure {
	return refuse("NotImplemented", "%s is not supported by this server", what)
}

// statuses are the codes that this door answers with.
var statuses = map[string]int{
	"AccessControlListNotSupported":           400,
	"AccessDenied":                            403,
	"AuthorizationHeaderMalformed":            400,
	"AuthorizationQueryParametersError":       400,
	"AccessForbidden":                         403,
	"BadDigest":                               400,
	"BadRequest":                              400,
	"BucketAlreadyOwnedByYou":                 409,
	"BucketNotEmpty":                          409,
	"ConditionalRequestConflict":              409,
	"InvalidPolicyDocument":                   400,
	"MalformedPOSTRequest":                    400,
	"NoSuchObjectLockConfiguration":           404,
	"InvalidRedirectLocation":                 400,
	"MaxPostPreDataLengthExceededError":       400,
	"EntityTooLarge":                          400,
	"EntityTooSmall":                          400,
	"ExpiredToken":                            400,
	"IllegalVersioningConfigurationException": 400,
	"IncompleteBody":                          400,
	"InternalError":                           500,
	"InvalidAccessKeyId":                      403,
	"InvalidArgument":                         400,
	"InvalidBucketName":                       400,
	"InvalidChunkSizeError":                   403,
	"InvalidDigest":                           400,
	"InvalidPart":                             400,
	"InvalidPartNumber":                       416,
	"InvalidPartOrder":                        400,
	"InvalidBucketOwnerAWSAccountID":          400,
	"InvalidBucketState":                      409,
	"NoSuchVersion":                           404,
	"InvalidRange":                            416,
	"InvalidRequest":                          400,
	"InvalidStorageClass":                     400,
	"InvalidTag":                              400,
	"InvalidToken":                            400,
	"InvalidURI":                              400,
	"KeyTooLongError":                         400,
	"MalformedPolicy":                         400,
	"MalformedTrailerError":                   400,
	"MalformedXML":                            400,
	"MetadataTooLarge":                        400,
	"MethodNotAllowed":                        405,
	"MissingContentLength":                    411,
	"MissingSecurityHeader":                   400,
	"NoSuchBucket":                            404,
	"NoSuchBucketPolicy":                      404,
	"NoSuchCORSConfiguration":                 404,
	"NoSuchLifecycleConfiguration":            404,
	"NoSuchPublicAccessBlockConfiguration":    404,
	"NoSuchTagSet":                            404,
	"ObjectLockConfigurationNotFoundError":    404,
	"NoSuchKey":                               404,
	"NoSuchUpload":                            404,
	"NotImplemented":                          501,
	"NotModified":                             304,
	"OperationAborted":                        409,
	"PreconditionFailed":                      412,
	"RequestTimeTooSkewed":                    403,
	"RequestTimeout":                          400,
	"ServiceUnavailable":                      503,
	"SignatureDoesNotMatch":                   403,
	"SlowDown":                                503,
	"UnexpectedContent":                       400,
	"XAmzContentSHA256Mismatch":               400,
}

// kinds translate the house's errors; with a message, always in these words.
var kinds = map[strongroom.Kind]struct{ code, message, retryAfter string }{
	strongroom.KindInvalid:      {code: "InvalidRequest"},
	strongroom.KindDenied:       {code: "AccessDenied"},
	strongroom.KindNoBucket:     {code: "NoSuchBucket"},
	strongroom.KindNoObject:     {code: "NoSuchKey"},
	strongroom.KindNoUpload:     {code: "NoSuchUpload"},
	strongroom.KindNoLock:       {code: "InvalidRequest", message: "Bucket is missing Object Lock Configuration"},
	strongroom.KindNotPolicy:    {code: "MalformedPolicy"},
	strongroom.KindNoVersion:    {code: "NoSuchVersion"},
	strongroom.KindMarker:       {code: "MethodNotAllowed"},
	strongroom.KindPrecondition: {code: "PreconditionFailed"},
	strongroom.KindBadState:     {code: "InvalidBucketState"},
	strongroom.KindBucketExists: {code: "BucketAlreadyOwnedByYou"},
	strongroom.KindNotEmpty:     {code: "BucketNotEmpty"},
	strongroom.KindInvalidPart:  {code: "InvalidPart"},
	strongroom.KindPartOrder:    {code: "InvalidPartOrder"},
	strongroom.KindPartTooSmall: {code: "EntityTooSmall"},
	strongroom.KindTooLarge:     {code: "EntityTooLarge"},
	strongroom.KindConflict:     {code: "OperationAborted"},
	strongroom.KindHeld:         {code: "AccessDenied", message: "Access Denied because object protected by object lock."},
	strongroom.KindKept:         {code: "AccessDenied"},
	strongroom.KindUnavailable:  {code: "ServiceUnavailable", retryAfter: "5"},
	strongroom.KindBusy:         {code: "SlowDown", retryAfter: "1"},
	strongroom.KindDamaged:      {code: "InternalError"},
	strongroom.KindUnsupported:  {code: "NotImplemented"},
}

// standard are S3's own words for what needs no other: clients and people know them.
var standard = map[string]string{
	"BucketAlreadyOwnedByYou": "Your previous request to create the named bucket succeeded and you already own it.",
	"BucketNotEmpty":          "The bucket you tried to delete is not empty.",
	"EntityTooLarge":          "Your proposed upload exceeds the maximum allowed object size.",
	"EntityTooSmall":          "Your proposed upload is smaller than the minimum allowed size",
	"InvalidPart":             "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
	"InvalidPartOrder":        "The list of parts was not in ascending order. Parts must be ordered by part number.",
	"MethodNotAllowed":        "The specified method is not allowed against this resource.",
	"NoSuchBucket":            "The specified bucket does not exist.",
	"NoSuchKey":               "The specified key does not exist.",
	"NoSuchUpload":            "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
	"NoSuchVersion":           "The specified version does not exist.",
	"OperationAborted":        "A conflicting conditional operation is currently in progress against this resource. Please try again.",
	"PreconditionFailed":      "At least one of the pre-conditions you specified did not hold.",
}

// sentence begins as S3's messages do.
func sentence(message string) string {
	r, n := utf8.DecodeRuneInString(message)
	if first, _, _ := strings.Cut(message, " "); strings.ContainsAny(first, "-=") {
		return message // the name of a header
	}
	return string(unicode.ToUpper(r)) + message[n:]
}

// about names what an error of some codes is about, as S3 does.
func (x *exchange) about(f *failure) []element {
	var also []element
	key, version := x.key, x.query.get("versionId")
	if x.source != nil { // what a copy does not find is the source
		key, version = x.source.Key, x.source.Version
	}
	switch f.code {
	case "NoSuchBucket", "BucketNotEmpty", "BucketAlreadyOwnedByYou", "NoSuchBucketPolicy", "NoSuchTagSet",
		"NoSuchCORSConfiguration", "NoSuchLifecycleConfiguration", "NoSuchPublicAccessBlockConfiguration", "ObjectLockConfigurationNotFoundError":
		also = []element{{"BucketName", x.bucket}}
	case "NoSuchKey":
		also = []element{{"Key", key}}
	case "NoSuchVersion":
		also = []element{{"Key", key}, {"VersionId", version}}
	case "NoSuchUpload":
		also = []element{{"UploadId", x.query.get("uploadId")}}
	case "MethodNotAllowed":
		also = []element{{"Method", x.r.Method}}
	}
	return slices.DeleteFunc(also, func(e element) bool {
		return e.value == "" || slices.ContainsFunc(f.extra, func(have element) bool { return have.name == e.name })
	})
}

// asFailure turns any error into an answer. Nothing of an error that the house did
// not phrase for the asker is shown.
func asFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	e, ok := errors.AsType[*strongroom.Error](err)
	k, known := kinds[strongroom.KindOf(err)]
	if !ok || !known {
		return &failure{code: "InternalError", message: "We encountered an internal error, please try again.", cause: err}
	}
	f := &failure{code: k.code, message: cmp.Or(k.message, standard[k.code], e.Error()), cause: err, headers: map[string]string{}}
	if k.retryAfter != "" {
		f.headers["Retry-After"] = k.retryAfter
	}
	if e.Kind == strongroom.KindHeld {
		f.extra = []element{{"Detail", e.Error()}}
	}
	if m, ok := errors.AsType[*vault.MarkerError](err); ok {
		f.tellMarker(m.Marker)
	}
	if len(e.Missing) > 0 {
		missing := make([]string, len(e.Missing))
		for i, m := range e.Missing {
			missing[i] = string(m)
		}
		f.headers["x-strongroom-missing"] = strings.Join(missing, ",")
	}
	return f
}

// tellMarker says that a delete marker was met: it was named, or the key names it now.
func (f *failure) tellMarker(m strongroom.Object) {
	f.headers["x-amz-delete-marker"] = "true"
	f.headers["x-amz-version-id"] = m.VersionName()
	if f.code == "MethodNotAllowed" {
		f.headers["Allow"] = "DELETE"
		f.headers["Last-Modified"] = m.Modified.UTC().Format(http.TimeFormat)
		f.extra = []element{{"ResourceType", "DeleteMarker"}}
	}
}

// causes is err with the part that only the operator's log may show.
func causes(err error) error {
	if e, ok := errors.AsType[*strongroom.Error](err); ok && e.Cause != nil {
		return fmt.Errorf("%w: %w", err, e.Cause)
	}
	return err
}

func (f *failure) httpStatus() int {
	if f.status != 0 {
		return f.status
	}
	if s := statuses[f.code]; s != 0 {
		return s
	}
	return http.StatusInternalServerError
}

// fail answers err, or breaks the connection if an answer has begun.
func (x *exchange) fail(err error) {
	f := asFailure(err)
	status := f.httpStatus()
	if status >= 500 && status != http.StatusNotImplemented {
		x.Log.Error("s3 request failed", "request", x.id, "code", f.code, "status", status, "cause", causes(err))
	}
	if x.begun {
		panic(http.ErrAbortHandler)
	}
	x.stopReading()
	h := x.w.Header()
	for k, v := range f.headers {
		h.Set(k, v)
	}
	if status == http.StatusNotModified {
		x.header(status)
		return
	}
	var d document
	d.start()
	x.describeFailure(&d, f)
	x.answer(status, &d)
}

// describeFailure writes an error as a document has it.
func (x *exchange) describeFailure(d *document, f *failure) {
	d.element("Error", func() {
		d.text("Code", f.code)
		d.text("Message", sentence(f.message))
		for _, e := range append(f.extra[:len(f.extra):len(f.extra)], x.about(f)...) {
			d.text(e.name, e.value)
		}
		d.text("Resource", x.r.URL.Path)
		d.text("RequestId", x.id)
		d.text("HostId", x.host)
	})
}

// badArgument refuses the value of a header or parameter.
func badArgument(name, value, format string, args ...any) *failure {
	f := refuse("InvalidArgument", format, args...)
	f.extra = []element{{"ArgumentName", name}}
	if value != "" {
		f.extra = append(f.extra, element{"ArgumentValue", strings.ToValidUTF8(value[:min(len(value), maxKey)], "\ufffd")})
	}
	return f
}

// unsupportedHeader is unsupported as S3 says it of a header.
func unsupportedHeader(name, more string) *failure {
	f := refuse("NotImplemented", "A header you provided implies functionality that is not implemented.")
	f.extra = []element{{"Header", name}}
	if more != "" {
		f.extra = append(f.extra, element{"additionalMessage", more})
	}
	return f
}
