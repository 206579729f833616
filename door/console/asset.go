package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"strongroom/web"
)

// asset is a file that pages refer to, under a name that changes with its content.
type asset struct {
	name, kind    string
	plain, packed []byte
}

var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// loadAssets reads the assets, by the paths under which they are served and by their names.
func loadAssets() (byPath map[string]asset, paths map[string]string, err error) {
	byPath, paths = map[string]asset{}, map[string]string{}
	entries, err := fs.ReadDir(web.Assets, ".")
	if err != nil {
		return nil, nil, fmt.Errorf("reading the console's assets: %w", err)
	}
	for _, e := range entries {
		content, err := fs.ReadFile(web.Assets, e.Name())
		if err != nil {
			return nil, nil, fmt.Errorf("reading the console's assets: %w", err)
		}
		var packed bytes.Buffer
		w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		if err == nil {
			if _, err = w.Write(content); err == nil {
				err = w.Close()
			}
		}
		if err != nil {
			return nil, nil, fmt.Errorf("packing %s: %w", e.Name(), err)
		}
		sum := sha256.Sum256(content)
		at := "/assets/" + hex.EncodeToString(sum[:8]) + "/" + e.Name()
		byPath[at] = asset{e.Name(), assetKinds[path.Ext(e.Name())], content, packed.Bytes()}
		paths[e.Name()] = at
	}
	return byPath, paths, nil
}

// serveAsset answers an asset, for ever the same under its name.
func (c *console) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := c.assets[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	content := a.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(a.packed) < len(a.plain) {
		h.Set("Content-Encoding", "gzip")
		content = a.packed
	}
	h.Set("Content-Length", fmt.Sprint(len(content)))
	if r.Method != http.MethodHead {
		w.Write(content)
	}
}

// serveManifest lets the console be installed as an app.
func (c *console) serveManifest(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/manifest+json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	fmt.Fprintf(w, `{"name":"Strongroom","short_name":"Strongroom","start_url":"/","scope":"/","display":"standalone","background_color":"#f7f6f3","theme_color":"#0b5d4d","icons":[{"src":%q,"sizes":"any","type":"image/svg+xml","purpose":"any"}]}`, c.paths["icon.svg"])
}
