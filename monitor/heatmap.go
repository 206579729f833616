package monitor

import (
	"fmt"
	"strings"
)

// Days of the week in order, short.
var Weekdays = [7]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

// SVG draws the week as a heat map: a row for each day, a column for each hour, darker for
// more. Each cell says its count in words, for those who hear the picture.
func (w *Week) SVG() string {
	const cell, left, top = 22, 44, 28
	var b strings.Builder
	width, height := left+24*cell+8, top+7*cell+8
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%d by hour of the week, %s" font-family="system-ui, sans-serif" font-size="11">`+"\n",
		width, height, width, height, w.Total, escape(w.Zone))
	for hour := 0; hour < 24; hour += 3 {
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="currentColor">%02d</text>`+"\n", left+hour*cell+2, top-8, hour)
	}
	for day, hours := range w.Counts {
		fmt.Fprintf(&b, `<text x="4" y="%d" fill="currentColor">%s</text>`+"\n", top+day*cell+15, Weekdays[day])
		for hour, n := range hours {
			shade := 0.06
			if n > 0 {
				shade = 0.15 + 0.85*float64(n)/float64(w.Most)
			}
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="3" fill="#1d4ed8" fill-opacity="%.2f"><title>%s %02d–%02dh: %d, of which %d refused</title></rect>`+"\n",
				left+hour*cell, top+day*cell, cell-2, cell-2, shade, Weekdays[day], hour, (hour+1)%24, n, w.Refused[day][hour])
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
