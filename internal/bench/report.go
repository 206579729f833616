package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// row is one limit and what became of it. A row without a limit only describes.
type row struct {
	what, limit, measured string
	ratio                 float64 // measured by limit, or by the peer where the limit is a ratio
	met                   bool
}

type report struct{ rows []row }

func (r *report) add(rows ...row) { r.rows = append(r.rows, rows...) }

func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tLIMIT\tMEASURED\tRATIO\tMET")
	for _, row := range r.rows {
		if row.limit == "" {
			fmt.Fprintf(w, "%s\t\t%s\t\t\n", row.what, row.measured)
			continue
		}
		met := "no"
		if row.met {
			met = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%s\n", row.what, row.limit, row.measured, row.ratio, met)
	}
	w.Flush()
}
