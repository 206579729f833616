package ways

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium finds a browser: the one that STRONGROOM_CHROMIUM names, or one on the PATH.
func chromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("STRONGROOM_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no Chromium: install it, or name one in STRONGROOM_CHROMIUM")
	return ""
}

// axeScript is axe-core as scripts/setup fetched it; "" where it is not here.
func axeScript(t *testing.T) string {
	t.Helper()
	path := os.Getenv("STRONGROOM_AXE")
	if path == "" {
		cache := os.Getenv("XDG_CACHE_HOME")
		if cache == "" {
			cache = filepath.Join(os.Getenv("HOME"), ".cache")
		}
		found, _ := filepath.Glob(filepath.Join(cache, "strongroom", "axe-core-*.js"))
		if len(found) == 0 {
			t.Log("axe-core is not here, so the page is not checked for accessibility")
			return ""
		}
		path = found[len(found)-1]
	}
	script, err := os.ReadFile(path)
	if err != nil {
		t.Logf("axe-core cannot be read, so the page is not checked for accessibility: %v", err)
	}
	return string(script)
}

// profile is a folder for a browser, which may still write to it for a moment when it has
// been told to end.
func profile(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 100 {
			if err = os.RemoveAll(folder); err == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Logf("the browser's folder is still there: %v", err)
	})
	return folder
}

// TestPageInABrowser looks at pages in a real browser: on wide screens and phones, light and
// dark, in both languages, for few and for many. Nothing may stand out of the page, axe may
// find nothing that keeps people out, and who is chosen in the picture is lit and told.
func TestPageInABrowser(t *testing.T) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(profile(t)), chromedp.NoSandbox)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	axe := axeScript(t)
	folder := t.TempDir()
	look := os.Getenv("STRONGROOM_LOOK")
	for _, c := range []struct {
		n           int // -1: the page of log-ons
		lang, theme string
		width       int64
	}{
		{-1, "fr", "dark", 390}, {-1, "en", "light", 1280},
		{2, "en", "light", 1280}, {10, "fr", "dark", 390}, {100, "en", "dark", 1280}, {1000, "fr", "light", 390}, {1000, "en", "light", 1280}, {0, "fr", "light", 1280},
	} {
		name := fmt.Sprintf("%d principals, %s, %s, %d pixels", c.n, c.lang, c.theme, c.width)
		r := sample()
		if c.n >= 0 && c.n != 2 {
			r = many(c.n)
		}
		file := filepath.Join(folder, strings.NewReplacer(" ", "-", ",", "").Replace(name)+".html")
		content := ""
		if c.n < 0 {
			content = logonPage(t, c.lang)
		} else {
			content = html5(t, full(t, r), c.lang)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var wide float64
		if err := chromedp.Run(ctx,
			emulation.SetDeviceMetricsOverride(c.width, 900, 1, false),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: c.theme}}),
			chromedp.Navigate("file://"+file),
			chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &wide),
		); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if wide > 0 {
			var what string
			_ = chromedp.Run(ctx, chromedp.Evaluate(`[...document.querySelectorAll("main *")].filter(e => !e.closest(".scroll") && e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join("\n")`, &what))
			t.Errorf("%s: the page is %.0f pixels wider than the screen:\n%s", name, wide, what)
		}
		if c.n > 0 {
			var lit []string
			if err := chromedp.Run(ctx, chromedp.Evaluate(`(() => {
				const shown = () => [...document.querySelectorAll(".lit")].filter(e => e.checkVisibility()).map(e => e.id).join();
				const strokes = () => [...document.querySelectorAll(".ways-picture .edge path:first-of-type")].filter(e => getComputedStyle(e).strokeWidth == "3px").length;
				const out = [shown(), String(strokes() > 0)];
				const links = document.querySelectorAll(".ways-picture a");
				location.hash = links[links.length - 1].getAttribute("href");
				return [...out, shown(), String(strokes() > 0), links[links.length - 1].getAttribute("href").slice(1)];
			})()`, &lit)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if lit[0] != "lit-1" || lit[1] != "true" || lit[2] != lit[4] || lit[3] != "true" {
				t.Errorf("%s: first %s is told, and after a choice of %s %s (lit: %s, %s)", name, lit[0], lit[4], lit[2], lit[1], lit[3])
			}
		}
		if axe != "" {
			var found []struct {
				ID, Help string
				Nodes    []struct{ HTML, Summary string }
			}
			// Of a thousand, the first of each kind stand for the others.
			if err := chromedp.Run(ctx, cdp.SetBypassCSP(true), chromedp.Reload(), chromedp.Evaluate(`for (const list of document.querySelectorAll("section")) [...list.querySelectorAll(":scope > .way, tbody > tr")].slice(40).forEach(e => e.remove()); 0`, nil),
				chromedp.Evaluate(axe+`; 0`, nil), chromedp.Evaluate(`axe.run(document, {
				runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"]
			}).then(r => r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 3).map(n => ({HTML: n.html.slice(0, 300), Summary: n.failureSummary}))})))`,
					&found, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })); err != nil {
				t.Fatalf("%s: axe: %v", name, err)
			}
			for _, v := range found {
				t.Errorf("%s: axe: %s (%s): %+v", name, v.Help, v.ID, v.Nodes)
			}
		}
		if look != "" {
			var shot []byte
			if err := chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(c.width, 2400, 1, false), chromedp.CaptureScreenshot(&shot)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(look, strings.TrimSuffix(filepath.Base(file), ".html")+".png"), shot, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
