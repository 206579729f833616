package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
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
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png",
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
func (c *console) serveManifest(w http.ResponseWriter, r *http.Request) {
	lang := c.newPage(r).Lang
	type icon struct {
		Source  string `json:"src"`
		Sizes   string `json:"sizes"`
		Type    string `json:"type"`
		Purpose string `json:"purpose"`
	}
	type shortcut struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	}
	manifest := struct {
		ID          string     `json:"id"`
		Name        string     `json:"name"`
		ShortName   string     `json:"short_name"`
		Description string     `json:"description"`
		Lang        string     `json:"lang"`
		StartURL    string     `json:"start_url"`
		Scope       string     `json:"scope"`
		Display     string     `json:"display"`
		Background  string     `json:"background_color"`
		Theme       string     `json:"theme_color"`
		Categories  []string   `json:"categories"`
		Icons       []icon     `json:"icons"`
		Shortcuts   []shortcut `json:"shortcuts"`
	}{
		ID: "/", Name: "Strongroom", ShortName: "Strongroom", Description: say(lang, "logon.lead"), Lang: lang, StartURL: "/", Scope: "/",
		Display: "standalone", Background: "#f7f6f3", Theme: "#0b5d4d", Categories: []string{"business", "security"},
		Icons: []icon{
			{c.paths["icon-192.png"], "192x192", "image/png", "any"}, {c.paths["icon-512.png"], "512x512", "image/png", "any"},
			{c.paths["icon-maskable.png"], "512x512", "image/png", "maskable"}, {c.paths["icon.svg"], "any", "image/svg+xml", "any"},
		},
		Shortcuts: []shortcut{{say(lang, "nav.requests"), "/requests"}, {say(lang, "nav.alerts"), "/alerts"}},
	}
	w.Header().Set("Content-Type", "application/manifest+json")
	w.Header().Set("Cache-Control", "private, max-age=3600")
	w.Header().Set("Vary", "Accept-Language, Cookie")
	json.NewEncoder(w).Encode(manifest)
}

// serveWorker answers the service worker, under an address that stays: browsers look there
// whether there is a newer one.
func (c *console) serveWorker(w http.ResponseWriter, _ *http.Request) {
	text := strings.NewReplacer("ICON", c.paths["icon-192.png"], "BADGE", c.paths["badge.png"]).Replace(string(c.assets[c.paths["worker.js"]].plain))
	w.Header().Set("Content-Type", assetKinds[".js"])
	w.Header().Set("Cache-Control", "no-cache")
	io.WriteString(w, text)
}
