package s3store_test

import (
	"strings"
	"testing"

	"strongroom/internal/s3store"
)

func TestLocation(t *testing.T) {
	for _, c := range []struct {
		text string
		want s3store.Location
	}{
		{"s3://sealed?region=eu-central-1", s3store.Location{Bucket: "sealed", Region: "eu-central-1"}},
		{"s3://sealed/a/b/?region=eu-central-1&owner=123456789012", s3store.Location{Bucket: "sealed", Prefix: "a/b", Region: "eu-central-1", Owner: "123456789012"}},
		{"s3://sealed/a?endpoint=https://s3.example.com:9000/", s3store.Location{Bucket: "sealed", Prefix: "a", Region: "us-east-1", Endpoint: "https://s3.example.com:9000"}},
		{"s3://sealed?endpoint=http%3A%2F%2F127.0.0.1%3A9000", s3store.Location{Bucket: "sealed", Region: "us-east-1", Endpoint: "http://127.0.0.1:9000"}},
		{"s3://sealed?endpoint=http://[::1]:9000", s3store.Location{Bucket: "sealed", Region: "us-east-1", Endpoint: "http://[::1]:9000"}},
	} {
		got, err := s3store.ParseLocation(c.text)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.text, got, err)
		}
		if again, err := s3store.ParseLocation(got.String()); err != nil || again != got {
			t.Errorf("%s written as %s: %+v, %v", c.text, got, again, err)
		}
	}
	for text, why := range map[string]string{
		"":                                                  "no s3:// URL",
		"/srv/blobs":                                        "no s3:// URL",
		"https://sealed.example.com":                        "no s3:// URL",
		"s3://sealed":                                       "region is missing",
		"s3://key:SECRET@sealed?region=a":                   "credentials have no place",
		"s3://sealed?region=a&secret=SECRET":                "no others",
		"s3://sealed?region=a&region=b":                     "once",
		"s3://Sealed_?region=a":                             "bucket's name",
		"s3://a..b?region=a":                                "bucket's name",
		"s3:///x?region=a":                                  "bucket's name",
		"s3://sealed/../x?region=a":                         "prefix",
		"s3://sealed/a//b?region=a":                         "prefix",
		"s3://sealed/a b?region=a":                          "prefix",
		"s3://sealed?region=A/SECRET":                       "region",
		"s3://sealed?owner=12&region=a":                     "12 digits",
		"s3://sealed?endpoint=http://s3.example.com":        "plain HTTP",
		"s3://sealed?endpoint=https://u:SECRET@example.com": "scheme and a host",
		"s3://sealed?endpoint=https://example.com/path":     "scheme and a host",
		"s3://sealed?endpoint=ftp://example.com":            "scheme and a host",
		"s3://" + strings.Repeat("x", 3000):                 "too long",
	} {
		l, err := s3store.ParseLocation(text)
		if err == nil {
			t.Errorf("%s is taken as %+v", text, l)
		} else if !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzLocation(f *testing.F) {
	for _, s := range []string{"s3://sealed/a?region=x", "s3://sealed?endpoint=https://h&owner=123456789012", "s3://u:p@b", "s3://b/%2e%2e/x?region=a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := s3store.ParseLocation(text)
		if err != nil {
			return
		}
		if strings.Contains(l.Prefix, "..") && strings.Contains("/"+l.Prefix+"/", "/../") {
			t.Errorf("a prefix that leads elsewhere: %q", l.Prefix)
		}
		again, err := s3store.ParseLocation(l.String())
		if err != nil || again != l {
			t.Errorf("%q is written as %q, which reads as %+v, %v", text, l, again, err)
		}
	})
}
