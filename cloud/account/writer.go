package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Head is a snapshot's first line.
type Head struct {
	Account, Partition string
	Taken              time.Time
	Regions            []string // that were asked
	Program            string   // that made it
}

// Writer writes a snapshot, line by line: docs/formats/cloud-snapshot.md.
type Writer struct {
	w     io.Writer
	lines int
}

// NewWriter writes the first line.
func NewWriter(w io.Writer, h Head) (*Writer, error) {
	out := &Writer{w: w}
	return out, out.line(struct {
		Snapshot  string    `json:"snapshot"`
		Account   string    `json:"account"`
		Partition string    `json:"partition"`
		Taken     time.Time `json:"taken"`
		Regions   []string  `json:"regions,omitempty"`
		Program   string    `json:"program,omitempty"`
	}{SnapshotVersion, h.Account, h.Partition, h.Taken.UTC(), h.Regions, h.Program})
}

// About is what one line is about: an input by its name, and a resource or a region where
// the input is about one.
type About struct{ Input, Of, Region string }

type line struct {
	Input  string     `json:"input"`
	Of     string     `json:"of,omitempty"`
	Region string     `json:"region,omitempty"`
	Answer any        `json:"answer,omitempty"`
	Error  *lineError `json:"error,omitempty"`
}

type lineError struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
}

// Answer writes one answer, in the AWS CLI's JSON.
func (w *Writer) Answer(about About, answer any) error {
	if inputs[about.Input] == nil {
		return fmt.Errorf("there is no input named %q", about.Input)
	}
	w.lines++
	return w.line(line{Input: about.Input, Of: about.Of, Region: about.Region, Answer: answer})
}

// Refused writes AWS's error in the place of an answer.
func (w *Writer) Refused(about About, code, message string) error {
	if inputs[about.Input] == nil {
		return fmt.Errorf("there is no input named %q", about.Input)
	}
	w.lines++
	return w.line(line{Input: about.Input, Of: about.Of, Region: about.Region, Error: &lineError{code, message}})
}

// Close writes the last line. It closes nothing else.
func (w *Writer) Close() error {
	return w.line(map[string]int{"end": w.lines})
}

func (w *Writer) line(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	if b.Len() > maxValue {
		return errors.New("one answer has more bytes than a snapshot's line may have")
	}
	_, err := w.w.Write(b.Bytes())
	return err
}
