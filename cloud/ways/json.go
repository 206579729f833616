package ways

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"strongroom/cloud/reach"
)

// noFindings is where the findings go, in what is written without them. Only a member of the
// report itself is indented by one space.
const noFindings = "\n \"findings\": []"

// WriteJSON writes a report in the form of docs/formats/cloud-ways.md, one finding at a time:
// they may be a million.
func (out *Report) WriteJSON(w io.Writer) error {
	rest := *out
	rest.Findings = []reach.Finding{}
	var b bytes.Buffer
	if err := encoder(&b, "").Encode(&rest); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	before, after, found := bytes.Cut(b.Bytes(), []byte(noFindings))
	if !found {
		return fmt.Errorf("writing JSON: the report has no place for findings")
	}
	if _, err := w.Write(before); err != nil {
		return err
	}
	if _, err := io.WriteString(w, "\n \"findings\": ["); err != nil {
		return err
	}
	var failed error
	n := 0
	var one bytes.Buffer
	e := encoder(&one, "  ")
	out.each(func(f reach.Finding, chains reach.Chains) {
		if failed != nil {
			return
		}
		f.Chains = chains(0)
		if f.Missing == nil && len(f.Chains) > 0 {
			f.Missing = f.Chains[0].Missing
		}
		one.Reset()
		if failed = e.Encode(f); failed != nil {
			return
		}
		comma := ",\n  "
		if n == 0 {
			comma = "\n  "
		}
		n++
		if _, failed = io.WriteString(w, comma); failed == nil {
			_, failed = w.Write(bytes.TrimRight(one.Bytes(), "\n"))
		}
	})
	if failed != nil {
		return fmt.Errorf("writing JSON: %w", failed)
	}
	end := "]"
	if n > 0 {
		end = "\n ]"
	}
	if _, err := io.WriteString(w, end); err != nil {
		return err
	}
	_, err := w.Write(after)
	return err
}

func encoder(w io.Writer, prefix string) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, " ")
	return e
}
