// Package sources reaches the places outside that know scans where they lie: folders, and
// buckets over the S3 protocol. It reads and lists; it changes nothing there.
package sources

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"strongroom"
	"strongroom/know"
)

// Open opens a source by its location, as Location answers it. No secret stands in it:
// credentials come from where the AWS tools find them.
func Open(ctx context.Context, location string, pacer *know.Pacer) (know.Place, error) {
	u, err := url.Parse(location)
	if err != nil || u.User != nil || u.Fragment != "" {
		return nil, bad(location, "it is no URL, or it has a user or a fragment")
	}
	switch u.Scheme {
	case "s3":
		return openS3(ctx, u, pacer)
	case "file":
		if u.Host != "" && u.Host != "localhost" || u.Path == "" || u.RawQuery != "" {
			return nil, bad(location, "a folder is file:///path")
		}
		return OpenFolder(filepath.FromSlash(u.Path), pacer)
	}
	return nil, bad(location, "its scheme is neither s3 nor file")
}

// Location is the one spelling of a location that a person gave: a folder's path becomes a
// URL. It opens nothing.
func Location(given string) (string, error) {
	if strings.Contains(given, "://") {
		u, err := url.Parse(given)
		if err != nil || u.User != nil || u.Fragment != "" || u.Scheme != "s3" && u.Scheme != "file" {
			return "", bad(given, "it is no URL with s3:// or file://, or it has a user or a fragment")
		}
		if u.Scheme == "s3" {
			_, err = parseS3(u)
		}
		return given, err
	}
	path, err := filepath.Abs(given)
	if err != nil {
		return "", fmt.Errorf("finding the folder: %w", err)
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String(), nil
}

func bad(location, why string) error {
	if i := strings.LastIndex(location, "@"); i >= 0 {
		location = "…" + location[i:] // what stands before may be a secret
	}
	return &strongroom.Error{
		Kind: strongroom.KindInvalid, Message: fmt.Sprintf("the source %q cannot be reached: %s", location, why),
		Hint: "for example s3://bucket/prefix?endpoint=https://minio.example:9000&profile=audit, or /srv/share",
	}
}
