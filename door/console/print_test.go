package console_test

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// On paper a table stays a table, though a page of it is as narrow as a small screen, and
// nothing goes beyond its edge.
func TestPrintedReports(t *testing.T) {
	ctx := browser(t)
	p := open(t)
	p.inhabited(t)
	do(t, ctx, "setting up", chromedp.Navigate(p.URL+"/setup#"+p.setupToken()), chromedp.WaitEnabled("#setup"), chromedp.Click("#setup"), sees("Today"))
	const a4 = 718 // pixels between the margins of a page of 210 mm
	for path, heading := range map[string]string{"/access": "Who accessed what", "/access/people/" + p.Owner.Principal.ID.String(): "owner", "/inventory": "Inventory", "/ledger": "Ledger"} {
		var display string
		var wide int64
		do(t, ctx, "looking at "+path+" as it is printed", chromedp.EmulateViewport(a4, 1000), emulation.SetEmulatedMedia().WithMedia("screen"), chromedp.Navigate(p.URL+path), sees(heading),
			emulation.SetEmulatedMedia().WithMedia("print"),
			chromedp.Evaluate(`getComputedStyle(document.querySelector("main table td")).display`, &display), chromedp.Evaluate(`document.documentElement.scrollWidth`, &wide))
		if display != "table-cell" || wide > a4 {
			t.Errorf("%s is printed with cells as %q, %d px wide on %d", path, display, wide, a4)
		}
	}
}
