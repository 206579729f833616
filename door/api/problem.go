package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"strongroom"
)

// Problem is an error as clients see it (RFC 9457).
type Problem struct {
	Status  int                     `json:"status"`
	Title   string                  `json:"title"`
	Kind    strongroom.Kind         `json:"kind" doc:"A stable word for programs."`
	Detail  string                  `json:"detail" doc:"One English sentence for people."`
	Hint    string                  `json:"hint,omitempty" doc:"What to do next."`
	Missing []strongroom.Obligation `json:"missing,omitempty" doc:"What would turn the refusal into a permit."`
	Errors  []string                `json:"errors,omitempty" doc:"What is wrong with the request, part by part."`
}

func (p *Problem) Error() string  { return p.Detail }
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// statuses are the HTTP status of each kind of error; others are 500.
var statuses = map[strongroom.Kind]int{
	strongroom.KindInvalid: http.StatusBadRequest, strongroom.KindDenied: http.StatusForbidden,
	strongroom.KindNoBucket: http.StatusNotFound, strongroom.KindNoObject: http.StatusNotFound, strongroom.KindNoVersion: http.StatusNotFound,
	strongroom.KindMarker: http.StatusNotFound, strongroom.KindNoUpload: http.StatusNotFound, strongroom.KindNoLock: http.StatusNotFound,
	strongroom.KindPrecondition: http.StatusPreconditionFailed, strongroom.KindConflict: http.StatusConflict, strongroom.KindRepeated: http.StatusConflict,
	strongroom.KindBucketExists: http.StatusConflict, strongroom.KindNotEmpty: http.StatusConflict, strongroom.KindBadState: http.StatusConflict,
	strongroom.KindHeld: http.StatusConflict, strongroom.KindKept: http.StatusConflict, strongroom.KindTooLarge: http.StatusRequestEntityTooLarge,
	strongroom.KindUnavailable: http.StatusServiceUnavailable, strongroom.KindBusy: http.StatusTooManyRequests,
	strongroom.KindUnsupported: http.StatusNotImplemented, strongroom.KindNotPolicy: http.StatusBadRequest,
}

// problem makes an error one that clients see. What they may not see goes to the log.
func (d *service) problem(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	e, ok := errors.AsType[*strongroom.Error](err)
	if !ok {
		d.Log.Error("an API request failed", "error", err)
		return &Problem{Status: http.StatusInternalServerError, Title: http.StatusText(http.StatusInternalServerError), Kind: "internal", Detail: "something failed here; it is in the log"}
	}
	status := statuses[e.Kind]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	if status >= 500 {
		d.Log.Error("an API request failed", "kind", e.Kind, "error", e.Message, "cause", e.Cause)
	}
	return &Problem{Status: status, Title: http.StatusText(status), Kind: e.Kind, Detail: e.Message, Hint: e.Hint, Missing: e.Missing}
}

// fail answers outside the described operations; a status of 0 means the error's own.
func (d *service) fail(w http.ResponseWriter, _ *http.Request, status int, err error) {
	p := d.problem(err)
	if status != 0 {
		p.Status, p.Title = status, http.StatusText(status)
	}
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// init has the library's own errors, those of validation, in the same form.
func init() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		p := &Problem{Status: status, Title: http.StatusText(status), Kind: strongroom.KindInvalid, Detail: message}
		if status >= 500 {
			p.Kind = "internal"
		}
		for _, e := range errs {
			if e != nil {
				p.Errors = append(p.Errors, e.Error())
			}
		}
		return p
	}
}
