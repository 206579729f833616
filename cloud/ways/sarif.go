package ways

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"strongroom/cloud/reach"
)

// The parts of SARIF 2.1.0 that a report needs
// (docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html, section 3).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Artifacts   []sarifArtifact   `json:"artifacts,omitempty"`
		Results     []sarifResult     `json:"results"`
		Properties  map[string]any    `json:"properties,omitempty"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifRule struct {
		ID      string         `json:"id"`
		Short   sarifText      `json:"shortDescription"`
		Full    sarifText      `json:"fullDescription"`
		Default map[string]any `json:"defaultConfiguration"`
		Props   map[string]any `json:"properties"`
	}
	sarifInvocation struct {
		Done  bool                `json:"executionSuccessful"`
		Notes []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifArtifact struct {
		Location sarifURI `json:"location"`
	}
	sarifURI struct {
		URI   string `json:"uri"`
		Index *int   `json:"index,omitempty"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Kind         string            `json:"kind"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		CodeFlows    []sarifCodeFlow   `json:"codeFlows,omitempty"`
		Properties   map[string]any    `json:"properties,omitempty"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifText     `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifURI       `json:"artifactLocation"`
		Region   map[string]int `json:"region"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Full string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifCodeFlow struct {
		ThreadFlows []sarifThread `json:"threadFlows"`
	}
	sarifThread struct {
		Locations []sarifStep `json:"locations"`
	}
	sarifStep struct {
		Location sarifLocation `json:"location"`
	}
)

// WriteSARIF writes a report as SARIF 2.1.0: a rule for each route; a result for each
// principal and right (error where it is certain, warning where it is possible, of kind
// "open" where it is unknown), and one of kind "open" for each route of which nothing more is
// known. files are those that the account was read from: results point at the first.
func (out *Report) WriteSARIF(w io.Writer, lang string, files []string) error {
	s := speaker{lang}
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "strongroom cloud ways", Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{Done: true}},
		Results:     []sarifResult{},
		Properties:  map[string]any{"account": out.Account, "form": out.Form},
	}
	for _, f := range files {
		run.Artifacts = append(run.Artifacts, sarifArtifact{sarifURI{URI: uri(f)}})
	}
	at := map[string]int{}
	for _, g := range out.Groups {
		for _, r := range g.Routes {
			at[r.ID] = len(run.Tool.Driver.Rules)
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
				ID: r.ID, Short: sarifText{r.Title.In(lang)}, Full: sarifText{g.Title.In(lang) + ": " + r.Title.In(lang) + "."},
				Default: map[string]any{"level": "error"},
				Props:   map[string]any{"tags": []string{"security", "group:" + g.ID}, "status": r.Status},
			})
		}
	}
	for _, m := range out.Missing {
		if m.Decides {
			run.Invocations[0].Notes = append(run.Invocations[0].Notes, sarifNotification{"warning", sarifText{strings.TrimSpace(m.Input+" "+printable(m.Of)) + ": " + s.why(m.Why) + ". " + m.Means.In(lang)}})
		}
	}
	for _, f := range out.Faults {
		run.Invocations[0].Notes = append(run.Invocations[0].Notes, sarifNotification{"warning", sarifText{f.String()}})
	}
	here := func(name, logical, kind, message string) sarifLocation {
		l := sarifLocation{}
		if len(files) > 0 {
			zero := 0
			l.Physical = &sarifPhysical{sarifURI{uri(files[0]), &zero}, map[string]int{"startLine": 1}}
		}
		if logical != "" {
			l.Logical = []sarifLogical{{Name: name, Full: logical, Kind: kind}}
		}
		if message != "" {
			l.Message = &sarifText{message}
		}
		return l
	}
	rule := func(id string) int {
		i, there := at[id]
		if !there {
			i = len(run.Tool.Driver.Rules)
			at[id] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: id, Short: sarifText{id}, Full: sarifText{id}, Default: map[string]any{"level": "error"}, Props: map[string]any{}})
		}
		return i
	}
	out.each(func(f reach.Finding, chains reach.Chains) {
		id := "unknown-way"
		var flow []sarifStep
		missing := f.Missing
		if first := chains(1); len(first) > 0 && len(first[0].Steps) > 0 {
			id = first[0].Steps[0].Rule
			for _, step := range first[0].Steps {
				flow = append(flow, sarifStep{here(s.at(step.From, out.Account), step.From.ARN, "resource", s.step(step, out.Account)+". "+strings.Join(s.details(step), ". "))})
			}
			if missing == nil {
				missing = first[0].Missing
			}
		}
		res := sarifResult{
			RuleID: id, RuleIndex: rule(id), Level: "error", Kind: "fail",
			Message:      sarifText{s.who(f.Principal, out.Account) + " " + s.right(f.Right, out.Account) + " (" + s.T("sure."+f.Certainty.String()) + ")"},
			Locations:    []sarifLocation{here(s.thing(f.Principal.ARN, out.Account), f.Principal.ARN, "resource", "")},
			Fingerprints: map[string]string{"way/v1": fingerprint(f.Principal.ARN, string(f.Right.Kind), f.Right.Target, id)},
			Properties:   map[string]any{"certainty": f.Certainty, "missing": missing},
		}
		switch f.Certainty {
		case reach.Possible:
			res.Level = "warning"
		case reach.Unknown:
			res.Level, res.Kind = "none", "open" // 3.27.10: other kinds than fail have level none
		}
		if len(flow) > 0 {
			res.CodeFlows = []sarifCodeFlow{{[]sarifThread{{flow}}}}
		}
		run.Results = append(run.Results, res)
	})
	for _, g := range out.Groups {
		for _, r := range g.Routes {
			if r.Status != reach.NotKnown {
				continue
			}
			text := r.Title.In(lang) + ": " + s.T("status.unknown")
			if why := r.Why.In(lang); why != "" {
				text += ". " + printable(why)
			}
			run.Results = append(run.Results, sarifResult{
				RuleID: r.ID, RuleIndex: at[r.ID], Level: "none", Kind: "open", Message: sarifText{text},
				Locations:    []sarifLocation{here("", "", "", "")},
				Fingerprints: map[string]string{"way/v1": fingerprint("route", out.Account, r.ID)},
			})
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	if err := e.Encode(sarifLog{"https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json", "2.1.0", []sarifRun{run}}); err != nil {
		return fmt.Errorf("writing SARIF: %w", err)
	}
	return nil
}

// uri is a path as a relative reference (RFC 3986).
func uri(path string) string { return (&url.URL{Path: filepath.ToSlash(path)}).String() }

// fingerprint is the same for the same way in every run.
func fingerprint(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:16])
}
