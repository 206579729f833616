package console_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// keyboard goes through the page by the Tab key alone: everything that can be used is
// reached, and shows that it has the focus.
func keyboard(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	var wanted []string
	do(t, ctx, "listing what can be used on "+name, chromedp.Evaluate(`(() => {
		document.activeElement.blur();
		window.scrollTo(0, 0);
		const groups = new Set();
		return [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].filter((e) => {
			if (e.disabled || e.tabIndex < 0 || e.type === "hidden" || !e.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true})) return false;
			if (e.type !== "radio") return true;
			const all = [...document.getElementsByName(e.name)].filter((o) => o.form === e.form), one = all.find((o) => o.checked) || all[0];
			return e === one && !groups.has(e.name) && groups.add(e.name);
		}).map((e, i) => { e.dataset.stop = i; return (e.outerHTML.match(/^<[^>]*>/) || [""])[0].slice(0, 200); });
	})()`, &wanted))
	reached := make([]bool, len(wanted))
	left := len(wanted)
	for range 2*len(wanted) + 10 { // a player has stops of its own
		var at struct {
			Stop int
			Bare bool // nothing shows the focus
			What string
		}
		do(t, ctx, "pressing Tab on "+name, chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(`(() => {
			const e = document.activeElement, s = getComputedStyle(e);
			return {Stop: e.dataset.stop === undefined ? -1 : +e.dataset.stop, Bare: e !== document.body && s.outlineStyle === "none" && s.boxShadow === "none", What: e.outerHTML.slice(0, 200)};
		})()`, &at))
		if at.Bare {
			t.Errorf("%s: nothing shows that this has the focus: %s", name, at.What)
			return
		}
		if at.Stop >= 0 && !reached[at.Stop] {
			reached[at.Stop] = true
			left--
		}
		if left == 0 {
			return
		}
	}
	for i, yes := range reached {
		if !yes {
			t.Errorf("%s: the Tab key does not come to %s", name, wanted[i])
		}
	}
}
