// Package landing reaches the places into which platforms export: a bucket over the S3
// protocol, by versions where it has them, or a folder; and the queue on which a bucket
// announces what arrives. It implements what know/intake asks of a source: it deletes
// only what still is as it was listed, and reads nothing but the version that is meant.
package landing

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"strongroom"
	"strongroom/know/intake"
)

// Open opens a source by its URL: s3://bucket/prefix?endpoint=…&region=…&profile=…&plain=true,
// or file:///folder. No secret stands in a URL: credentials come from where the AWS
// tools find them.
func Open(ctx context.Context, source string) (intake.Source, error) {
	u, err := url.Parse(source)
	if err != nil || u.User != nil || u.Fragment != "" {
		return nil, bad(source, "it is no URL, or it has a user or a fragment")
	}
	switch u.Scheme {
	case "s3":
		return openS3(ctx, u)
	case "file":
		if u.Host != "" && u.Host != "localhost" || u.Path == "" || u.RawQuery != "" {
			return nil, bad(source, "a folder is file:///path")
		}
		return OpenFolder(u.Path)
	}
	return nil, bad(source, "its scheme is neither s3 nor file")
}

func bad(source, why string) error {
	if i := strings.LastIndex(source, "@"); i >= 0 {
		source = "…" + source[i:] // what stands before may be a secret
	}
	return &strongroom.Error{
		Kind: strongroom.KindInvalid, Message: fmt.Sprintf("the source %q cannot be opened: %s", source, why),
		Hint: "for example s3://bucket/prefix?endpoint=https://minio.example:9000, or file:///srv/export",
	}
}

// checkEndpoint refuses to carry content readable across a network, unless told to.
func checkEndpoint(endpoint string, plain bool) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is no address of a server: it begins with http:// or https:// and names no user", endpoint)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && !plain && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return &strongroom.Error{
			Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s is plain HTTP: recordings would cross the network readable", endpoint),
			Hint: "use https, or say plain=true in the source's URL if that network is yours",
		}
	}
	return nil
}

// Flags are the region and profile that a source's URL names, and whether plain HTTP is
// meant, for the queue that goes with it.
func Flags(source string) (region, profile string, plain bool) {
	u, err := url.Parse(source)
	if err != nil {
		return "", "", false
	}
	q := u.Query()
	return q.Get("region"), q.Get("profile"), q.Get("plain") == "true"
}
