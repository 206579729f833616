package know

import (
	"context"
	"fmt"
	"time"
)

// Prices of AWS S3 Standard in us-east-1 as published (aws.amazon.com/s3/pricing, 2026),
// stated with every estimate: other servers, regions and storage classes differ.
const (
	dollarsPerList = 0.005 / 1000
	dollarsPerRead = 0.0004 / 1000
	dollarsPerByte = 0.09 / (1 << 30) // leaving AWS for the internet
	priceBasis     = "AWS S3 Standard, us-east-1: $0.005 for 1,000 LIST, $0.0004 for 1,000 GET, $0.09 a GiB leaving AWS; no other charge is counted"
)

// Estimate is what a scan will cost, before it begins.
type Estimate struct {
	Source string `json:"source"`
	// Entries and Bytes are what is there: all of it where Exact, what an earlier scan found
	// where Basis says so, and else what the estimate saw before it stopped: there is more.
	Entries int64  `json:"entries"`
	Bytes   int64  `json:"bytes"`
	Exact   bool   `json:"exact"`
	AtLeast bool   `json:"at_least"`
	Basis   string `json:"basis"`

	ListRequests int64   `json:"list_requests"`
	ReadRequests int64   `json:"read_requests"`
	ReadBytes    int64   `json:"read_bytes"` // at most
	Seconds      float64 `json:"seconds"`
	Dollars      float64 `json:"dollars"`
	Assumption   string  `json:"assumption,omitempty"` // of the price; "" where requests cost nothing
	Spent        int64   `json:"spent_requests"`       // on this estimate
}

// Bounds of what an estimate may look at.
const (
	probeEntries = 10_000
	probeTime    = 3 * time.Second
)

// Cost estimates a scan by looking at the first entries, for a few seconds at most, and at
// an earlier scan where there is one. rate is in requests a second, 0 for any.
func Cost(ctx context.Context, s Source, place Place, pacer *Pacer, sample Sample, rate float64, last *Scan) (Estimate, error) {
	e := Estimate{Source: s.Name, Exact: true}
	began, before := time.Now(), pacer.Requests()
	for entry, err := range place.Walk(ctx, "") {
		if err != nil {
			return e, fmt.Errorf("looking at %s: %w", s.Name, err)
		}
		if e.Entries == probeEntries || time.Since(began) > probeTime {
			e.Exact = false
			break
		}
		if entry.Trouble == "" {
			e.Entries++
			e.Bytes += entry.Size
		}
	}
	took := time.Since(began).Seconds()
	e.Spent = pacer.Requests() - before
	speed := float64(e.Spent) / max(took, 0.001) // requests a second as they went
	switch {
	case e.Exact:
		e.Basis = "all of it was listed for this estimate"
	case last != nil && last.Phase == PhaseDone && last.Entries > e.Entries:
		e.Entries, e.Bytes = last.Entries, last.Bytes
		e.Basis = "what the scan of " + last.Updated.Format(time.DateOnly) + " found"
	default:
		e.AtLeast = true
		e.Basis = fmt.Sprintf("the listing was stopped after %d entries: there is more, and every million more costs %d requests", e.Entries, 1_000_000/place.PerRequest())
	}
	e.ListRequests = e.Entries/place.PerRequest() + 1
	switch {
	case sample.Percent > 0:
		e.ReadRequests = int64(float64(e.Entries)*sample.Percent/100 + 0.5)
	case sample.Number > 0:
		e.ReadRequests = min(sample.Number, e.Entries)
		if e.AtLeast {
			e.ReadRequests = sample.Number
		}
	}
	e.ReadBytes = e.ReadRequests * HeadBytes
	if e.Exact {
		e.ReadBytes = min(e.ReadBytes, e.Bytes)
	}
	if rate > 0 {
		speed = min(speed, rate)
		if e.Spent == 0 {
			speed = rate
		}
	}
	e.Seconds = float64(e.ListRequests+e.ReadRequests) / max(speed, 1)
	if place.Priced() {
		e.Assumption = priceBasis
		e.Dollars = float64(e.ListRequests)*dollarsPerList + float64(e.ReadRequests)*dollarsPerRead + float64(e.ReadBytes)*dollarsPerByte
	}
	return e, nil
}

func (e Estimate) String() string {
	at := ""
	if e.AtLeast {
		at = "at least "
	}
	line := fmt.Sprintf("%s: %s%d entries, %s; %s%d requests to list, %d to read at most %s; %sabout %s",
		e.Source, at, e.Entries, Bytes(e.Bytes), at, e.ListRequests, e.ReadRequests, Bytes(e.ReadBytes), at, time.Duration(e.Seconds*float64(time.Second)).Round(time.Second))
	if e.Assumption != "" {
		line += fmt.Sprintf("; %s$%.4f (%s)", at, e.Dollars, e.Assumption)
	}
	return line + ". " + e.Basis + "."
}

// Bytes is a size as people read it.
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < 5 {
		v /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", v, " kMGTP"[unit])
}
