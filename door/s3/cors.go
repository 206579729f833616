package s3

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"strongroom"
	"strongroom/door/sigv4"
)

const (
	maxCORSRules = 100
	maxRuleID    = 255 // characters
)

func (x *exchange) getCORS() error {
	b, err := x.read()
	if err != nil {
		return err
	}
	if len(b.CORS) == 0 {
		return refuse("NoSuchCORSConfiguration", "the CORS configuration does not exist")
	}
	var d document
	d.root("CORSConfiguration", func() {
		for _, r := range b.CORS {
			d.element("CORSRule", func() {
				if r.ID != "" {
					d.text("ID", r.ID)
				}
				for _, list := range []struct {
					name   string
					values []string
				}{{"AllowedMethod", r.Methods}, {"AllowedOrigin", r.Origins}, {"AllowedHeader", r.Headers}, {"ExposeHeader", r.Expose}} {
					for _, v := range list.values {
						d.text(list.name, v)
					}
				}
				if r.MaxAge != nil {
					d.number("MaxAgeSeconds", int64(*r.MaxAge))
				}
			})
		}
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) putCORS() error {
	root, err := x.parsed("CORSConfiguration")
	if err != nil {
		return err
	}
	rules, err := corsRules(root)
	if err != nil {
		return err
	}
	return x.configure(http.StatusOK, func(b *strongroom.Bucket) error {
		b.CORS = rules
		return nil
	})
}

func (x *exchange) deleteCORS() error {
	return x.remove(func(b *strongroom.Bucket) { b.CORS = nil })
}

// corsRules reads the body of PutBucketCors.
func corsRules(root *node) ([]strongroom.CORSRule, error) {
	children, err := root.branch()
	if err != nil {
		return nil, err
	}
	if len(children) == 0 || len(children) > maxCORSRules {
		return nil, malformed("a CORS configuration has 1 to " + strconv.Itoa(maxCORSRules) + " rules")
	}
	var rules []strongroom.CORSRule
	for _, c := range children {
		if c.name != "CORSRule" {
			return nil, malformed("CORSConfiguration may hold CORSRules only")
		}
		r, err := corsRule(c)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func corsRule(n *node) (strongroom.CORSRule, error) {
	var r strongroom.CORSRule
	children, err := n.branch()
	if err != nil {
		return r, err
	}
	for _, c := range children {
		v, err := c.leaf()
		if err != nil {
			return r, err
		}
		if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' }) {
			return r, malformed("a CORSRule has characters that a header may not have")
		}
		switch c.name {
		case "ID":
			if r.ID = v; len(v) > maxRuleID {
				return r, refuse("InvalidRequest", "the ID of a CORSRule is longer than %d characters", maxRuleID)
			}
		case "AllowedMethod":
			if !slices.Contains([]string{"GET", "PUT", "POST", "DELETE", "HEAD"}, v) {
				return r, refuse("InvalidRequest", "found unsupported HTTP method in CORS config. Unsupported method is %s", clip(v))
			}
			r.Methods = append(r.Methods, v)
		case "AllowedOrigin", "AllowedHeader":
			if strings.Count(v, "*") > 1 {
				return r, refuse("InvalidRequest", "%s %q can not have more than one wildcard.", c.name, clip(v))
			}
			if c.name == "AllowedOrigin" {
				r.Origins = append(r.Origins, v)
				break
			}
			if !isToken(strings.Replace(v, "*", "", 1)) {
				return r, invalidHeader(c.name, v)
			}
			r.Headers = append(r.Headers, v)
		case "ExposeHeader":
			if strings.Contains(v, "*") {
				return r, refuse("InvalidRequest", "ExposeHeader %q contains wildcard. We currently do not support wildcard for ExposeHeader", clip(v))
			}
			if !isToken(v) {
				return r, invalidHeader(c.name, v)
			}
			r.Expose = append(r.Expose, v)
		case "MaxAgeSeconds":
			age, err := strconv.ParseInt(v, 10, 32)
			if err != nil { // a negative one keeps browsers from remembering, and is taken
				return r, malformed("MaxAgeSeconds must be a number of seconds")
			}
			seconds := int(age)
			r.MaxAge = &seconds
		default:
			return r, malformed("a CORSRule may not hold " + clip(c.name))
		}
	}
	if len(r.Methods) == 0 || len(r.Origins) == 0 {
		return r, malformed("a CORSRule has an AllowedMethod and an AllowedOrigin")
	}
	return r, nil
}

// isToken reports whether a header may be called so.
func isToken(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !sigv4.IsTokenRune(r) })
}

func invalidHeader(element, name string) error {
	return refuse("InvalidRequest", "%s %q contains invalid character.", element, clip(name))
}

// matchesOne reports whether a value matches a pattern with at most one asterisk.
func matchesOne(pattern, value string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == value
	}
	return len(value) >= len(before)+len(after) && strings.HasPrefix(value, before) && strings.HasSuffix(value, after)
}

// corsFor finds the first rule that lets an origin use a method with these headers.
func corsFor(rules []strongroom.CORSRule, origin, method string, headers []string) *strongroom.CORSRule {
	for i, r := range rules {
		if !slices.Contains(r.Methods, method) ||
			!slices.ContainsFunc(r.Origins, func(p string) bool { return matchesOne(p, origin) }) {
			continue
		}
		if !slices.ContainsFunc(headers, func(h string) bool {
			return !slices.ContainsFunc(r.Headers, func(p string) bool { return matchesOne(strings.ToLower(p), h) })
		}) {
			return &rules[i]
		}
	}
	return nil
}

// tellOrigin sets the headers by which a browser lets a page of that origin read the
// answer, if a rule of the bucket says so.
func (x *exchange) tellOrigin(rules []strongroom.CORSRule, method string, headers []string) *strongroom.CORSRule {
	origin := x.r.Header.Get("Origin")
	rule := corsFor(rules, origin, method, headers)
	if rule == nil {
		return nil
	}
	h := x.w.Header()
	h.Add("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
	if slices.Contains(rule.Origins, "*") {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(rule.Methods, ", "))
	if len(rule.Expose) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(rule.Expose, ", "))
	}
	return rule
}

// preflight answers a browser that asks, without credentials, whether a page may send a
// request. What it is told is the same whether there is no such bucket, no rules, or no
// rule that fits.
func (x *exchange) preflight(ctx context.Context) error {
	origin, method := x.r.Header.Get("Origin"), x.r.Header.Get("Access-Control-Request-Method")
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete:
	default:
		if origin != "" {
			return refuse("BadRequest", "Invalid Access-Control-Request-Method: %s", cmp.Or(clip(method), "null"))
		}
	}
	if origin == "" {
		return refuse("BadRequest", "Insufficient information. Origin request header needed.")
	}
	x.Noise("preflight")
	if err := x.locate(); err != nil {
		return err
	}
	var headers []string
	for h := range strings.SplitSeq(x.r.Header.Get("Access-Control-Request-Headers"), ",") {
		name := strings.ToLower(strings.Trim(h, " "))
		if !isToken(name) {
			return refuse("BadRequest", "Access-Control-Request-Headers \"%s\" contains invalid character.", clip(h))
		}
		if name != "" {
			headers = append(headers, name)
		}
	}
	var rules []strongroom.CORSRule
	if room := x.Rooms.Sole(ctx); room != nil {
		rules = room.CORS(x.bucket)
	}
	rule := x.tellOrigin(rules, method, headers)
	if rule == nil {
		return refuse("AccessForbidden", "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.")
	}
	h := x.w.Header()
	if len(headers) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(headers, ", "))
	}
	if rule.MaxAge != nil {
		h.Set("Access-Control-Max-Age", strconv.Itoa(*rule.MaxAge))
	}
	return x.done(http.StatusOK)
}
