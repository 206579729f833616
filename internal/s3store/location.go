package s3store

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"strings"

	"strongroom"
)

// Location says where sealed blobs lie. Nothing in it is secret.
type Location struct {
	Bucket string
	Prefix string // without slashes around it; may be empty
	Region string
	// Endpoint is a URL of scheme and host; empty means AWS. Another server's buckets are
	// addressed by path.
	Endpoint string
	Owner    string // the bucket's account, 12 digits: requests fail on anybody else's; may be empty
}

var (
	bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}(/[A-Za-z0-9._-]{1,64}){0,7}$`)
	regionForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	ownerForm  = regexp.MustCompile(`^[0-9]{12}$`)
	hostForm   = regexp.MustCompile(`^([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(:[0-9]{1,5})?$`)
)

const locationHint = "write s3://BUCKET/PREFIX?region=REGION for AWS, and s3://BUCKET/PREFIX?endpoint=https://HOST for another server; credentials come from the environment, never from here"

// ParseLocation reads s3://BUCKET/PREFIX?region=…&endpoint=…&owner=…. What it refuses it
// does not repeat, since a secret may have been put there.
func ParseLocation(text string) (Location, error) {
	refuse := func(what string) (Location, error) {
		return Location{}, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "a place for blobs: " + what, Hint: locationHint}
	}
	if len(text) > 2048 {
		return refuse("the URL is too long")
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.Opaque != "" || u.Fragment != "" {
		return refuse("it is no s3:// URL")
	}
	if u.User != nil {
		return refuse("credentials have no place in the URL")
	}
	l := Location{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	if !bucketForm.MatchString(l.Bucket) || strings.Contains(l.Bucket, "..") {
		return refuse("the bucket's name is not one that S3 allows")
	}
	if l.Prefix != "" && (!prefixForm.MatchString(l.Prefix) || path.Clean("/"+l.Prefix) != "/"+l.Prefix) {
		return refuse("the prefix has up to eight parts of letters, digits, dots, hyphens and underscores")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return refuse("what follows the question mark cannot be read")
	}
	for name, values := range query {
		if len(values) != 1 {
			return refuse("each setting is given once")
		}
		switch value := values[0]; name {
		case "region":
			if l.Region = value; !regionForm.MatchString(value) {
				return refuse("the region is not a region's name")
			}
		case "endpoint":
			if l.Endpoint, err = parseEndpoint(value); err != nil {
				return refuse(err.Error())
			}
		case "owner":
			if l.Owner = value; !ownerForm.MatchString(value) {
				return refuse("the owner is an account's 12 digits")
			}
		default:
			return refuse("the settings are region, endpoint and owner, and no others")
		}
	}
	if l.Region == "" {
		if l.Endpoint == "" {
			return refuse("the region is missing")
		}
		l.Region = "us-east-1"
	}
	return l, nil
}

// parseEndpoint allows plain HTTP on loopback only: whoever sits on the wire could say
// that they stored, or removed, what they did not.
func parseEndpoint(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || !hostForm.MatchString(u.Host) {
		return "", fmt.Errorf("the endpoint is a scheme and a host, such as https://s3.example.com")
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return "", fmt.Errorf("plain HTTP is for an endpoint on this machine only")
	}
	return u.Scheme + "://" + u.Host, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// String writes the location as ParseLocation reads it.
func (l Location) String() string {
	out := l.short() + "?region=" + l.Region
	if l.Endpoint != "" {
		out += "&endpoint=" + l.Endpoint
	}
	if l.Owner != "" {
		out += "&owner=" + l.Owner
	}
	return out
}

// short is the location as it stands in messages.
func (l Location) short() string {
	return strings.TrimSuffix("s3://"+l.Bucket+"/"+l.Prefix, "/")
}

// where is the location and who is asked for it.
func (l Location) where() string {
	if l.Endpoint != "" {
		return l.short() + " at " + l.Endpoint
	}
	return l.short() + " in " + l.Region
}
