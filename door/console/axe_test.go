package console_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axeVersion is the one that scripts/setup fetches.
const axeVersion = "4.13.0"

// axeScript is axe-core: the file that STRONGROOM_AXE names, or the one that scripts/setup
// fetched. Without it the pages are not looked at, and the log says so.
func axeScript(t *testing.T) string {
	t.Helper()
	path := os.Getenv("STRONGROOM_AXE")
	if path == "" {
		cache := os.Getenv("XDG_CACHE_HOME")
		if cache == "" {
			cache = filepath.Join(os.Getenv("HOME"), ".cache")
		}
		path = filepath.Join(cache, "strongroom", "axe-core-"+axeVersion+".js")
	}
	script, err := os.ReadFile(path)
	if err != nil {
		t.Logf("axe-core is not here, so no page is checked for accessibility: %v", err)
		return ""
	}
	return string(script)
}

// axe has axe-core look for what keeps people out by WCAG 2.2 AA, and its own good practice.
func axe(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	script := axeScript(t)
	if script == "" {
		return
	}
	var found []struct {
		ID, Impact, Help string
		Nodes            []struct {
			HTML           string
			FailureSummary string
		}
	}
	do(t, ctx, "asking axe about "+name, chromedp.Evaluate(script+`; 0`, nil), chromedp.Evaluate(`axe.run(document, {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"]
	}).then(r => r.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.map(n => ({HTML: n.html.slice(0, 300), FailureSummary: n.failureSummary}))})))`,
		&found, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	for _, v := range found {
		var where []string
		for _, n := range v.Nodes[:min(len(v.Nodes), 3)] {
			where = append(where, fmt.Sprintf("%s\n\t%s", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n\t")))
		}
		t.Errorf("axe on %s: %s (%s, %s), %d places:\n%s", name, v.Help, v.ID, v.Impact, len(v.Nodes), strings.Join(where, "\n"))
	}
}
