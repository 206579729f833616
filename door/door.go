// Package door is what every door for people and programs asks of a room: the wiring gives
// it, once, to the JSON API and to the console.
package door

import (
	"context"
	"time"

	"strongroom"
	"strongroom/alert"
	"strongroom/know"
	"strongroom/monitor"
	"strongroom/vault"
)

// Room is one room. What is nil is not to be had there.
type Room struct {
	Vault *vault.Room
	// Range answers the indexes of the records since then, and Scan tells of each, in no
	// order and from several goroutines at once.
	Range func(ctx context.Context, since time.Time) (from, to int64, err error)
	Scan  func(ctx context.Context, from, to int64, take func(*strongroom.Event)) error
	// Monitor answers who accessed what, when and how often.
	Monitor *monitor.Monitor
	// Counted waits until Monitor has counted the records before to, or patience ends, and
	// answers how far it has come.
	Counted func(ctx context.Context, to int64, patience time.Duration) (at int64, err error)
	// Know opens what is known of data inside and outside, and CatchUp tells it everything
	// that is on record now.
	Know       Knowing
	CatchUp    func(context.Context, know.Store) error
	Classifier Classifier
	Alerts     Alerting
	Evidence   Evidence
}

// Knowing opens what is known of a room's data, inside and outside; whoever asked closes it.
type Knowing func(ctx context.Context) (know.Store, func() error, error)

// Alerting opens the desk where people meet a room's alerts; whoever asked closes it.
type Alerting func(ctx context.Context) (*alert.Desk, func() error, error)

// Classification is a run of the classifier: what is asked for, and how far it has come.
type Classification struct {
	ID     strongroom.ID `json:"id"`
	Bucket string        `json:"bucket,omitempty"`
	Prefix string        `json:"prefix,omitempty"`
	Since  time.Time     `json:"since,omitzero" required:"false"`
	Again  bool          `json:"again,omitempty"`
	Dry    bool          `json:"dry_run,omitempty"`

	State     string    `json:"state" enum:"queued,running,done,failed"`
	Problem   string    `json:"problem,omitempty"`
	Asked     time.Time `json:"asked"`
	Ended     time.Time `json:"ended,omitzero" required:"false"`
	Detectors string    `json:"detectors" doc:"Their version."`

	Seen      int64 `json:"seen" doc:"Versions."`
	Scanned   int64 `json:"scanned" doc:"Opened and looked at."`
	Current   int64 `json:"current" doc:"These detectors had looked at before."`
	Media     int64 `json:"media" doc:"Confidential by nature, not opened."`
	Unread    int64 `json:"unread" doc:"Opened, and of a type that detectors do not read."`
	Partly    int64 `json:"partly" doc:"Only the beginning was looked at."`
	Tightened int64 `json:"tightened" doc:"Labels that became stricter, or would."`
	Refused   int64 `json:"refused" doc:"By policy."`
	Failed    int64 `json:"failed"`
	Bytes     int64 `json:"bytes"`

	Found map[string]int64     `json:"found,omitempty" doc:"By detector."`
	Notes []ClassificationNote `json:"notes,omitempty"`
	More  int64                `json:"more,omitempty" doc:"Notes that did not fit."`
}

// ClassificationNote is something that a run tells of one version.
type ClassificationNote struct {
	Kind    string `json:"kind" enum:"tightened,may-be-loosened,disputed,failed"`
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Version string `json:"version"`
	Text    string `json:"text"`
}

// Classifier runs the classifier over what is stored.
type Classifier interface {
	// Ask keeps a new run, and has whoever serves the room do it, once policy has permitted
	// it, on record.
	Ask(ctx context.Context, who vault.Caller, x Classification) (Classification, error)
	// Run reads a run, for whomever has asked policy; false where there is none.
	Run(id strongroom.ID) (Classification, bool, error)
}
