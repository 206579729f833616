package sts

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"strongroom"
	"strongroom/people"
)

// form is the parameters of a request, each once.
type form map[string]string

const maxParameters = 64

// parseForm reads a form-encoded body.
func parseForm(body string) (form, error) {
	if strings.Count(body, "&") >= maxParameters {
		return nil, refuse("ValidationError", "the form has more than %d parameters", maxParameters)
	}
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, refuse("ValidationError", "the form is not form-encoded")
	}
	f := form{}
	for name, v := range values {
		switch {
		case len(v) != 1:
			return nil, refuse("ValidationError", "the parameter %.64q occurs more than once", name)
		case !utf8.ValidString(name) || !utf8.ValidString(v[0]):
			return nil, refuse("ValidationError", "the form has a parameter that is not UTF-8")
		}
		f[name] = v[0]
	}
	return f, nil
}

// only refuses parameters that the action does not know: one that would narrow a session
// must not be overlooked.
func (f form) only(names ...string) error {
	for name := range f {
		if name != "Action" && name != "Version" && !slices.Contains(names, name) {
			return refuse("ValidationError", "the parameter %.64q is not supported by this server", name)
		}
	}
	return nil
}

// anyAccount stands in a role's ARN where only one room takes the token.
const anyAccount = "000000000000"

var roleForm = regexp.MustCompile(`^arn:aws:iam::([0-9]{12}):role/(.+)$`)

// parseRole reads a role's ARN: the account says which room, the role's name with its
// path is the purpose, percent-encoded or as it is.
func parseRole(arn string) (account, purpose string, err error) {
	m := roleForm.FindStringSubmatch(arn)
	if m == nil || len(arn) > 2048 {
		return "", "", refuse("ValidationError", "RoleArn must be of the form arn:aws:iam::<12 digits>:role/<purpose>")
	}
	purpose, unescapeErr := url.PathUnescape(m[2])
	if unescapeErr != nil {
		return "", "", refuse("ValidationError", "the purpose in RoleArn has a percent sign that is not followed by two hexadecimal digits; write a percent sign as %%25")
	}
	if purpose != strings.TrimSpace(purpose) || purpose == "" {
		return "", "", refuse("ValidationError", "the purpose in RoleArn is empty, or begins or ends with white space")
	}
	if err := people.CheckPurpose(strongroom.Purpose{Text: purpose}); err != nil {
		return "", "", refuse("ValidationError", "RoleArn: %s", err)
	}
	return m[1], purpose, nil
}

var (
	sessionForm = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	// madeUp are the session names that the SDKs make up where nobody gave one: Python, Java,
	// JavaScript, PHP, Ruby, .NET, Rust, and Go, which has nothing but the time.
	madeUp = regexp.MustCompile(`^(botocore-session-|aws-sdk-|aws-dotnet-sdk-|web-identity-token-|base64-token-|[0-9]{13,}$)`)
)

// ticketOf is the ticket that a session's name stands for: the name itself, unless a
// program made it up.
func ticketOf(name string) (string, error) {
	switch {
	case !sessionForm.MatchString(name):
		return "", refuse("ValidationError", "RoleSessionName must have 2 to 64 letters, digits or characters of _+=,.@-")
	case madeUp.MatchString(name):
		return "", nil
	}
	return name, nil
}

// peek reads from a token, before anything of it is believed, who is said to have issued
// it and for whom: that says which room is to have it verified.
func peek(token string) (issuer string, audiences []string, err error) {
	malformed := refuse("InvalidIdentityToken", "the web identity token that was passed is not a JSON Web Token")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", nil, malformed
	}
	payload, decodeErr := base64.RawURLEncoding.DecodeString(parts[1])
	if decodeErr != nil {
		return "", nil, malformed
	}
	var claims struct {
		Issuer   string          `json:"iss"`
		Audience json.RawMessage `json:"aud"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Issuer == "" {
		return "", nil, malformed
	}
	var one string
	if json.Unmarshal(claims.Audience, &one) == nil {
		return claims.Issuer, []string{one}, nil
	}
	if json.Unmarshal(claims.Audience, &audiences) != nil {
		return "", nil, malformed
	}
	return claims.Issuer, audiences, nil
}
