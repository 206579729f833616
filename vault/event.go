package vault

import (
	"encoding/json"
	"errors"
	"fmt"

	"strongroom"
	"strongroom/ledger"
)

// eventEvidence is what the evidence of any kind of record may tell a watcher.
type eventEvidence struct {
	Action    string           `json:"action"`
	Decision  string           `json:"decision"`
	Actor     string           `json:"actor"`
	PolicySet string           `json:"policy_set"`
	Policies  []string         `json:"policies"`
	Bucket    strongroom.ID    `json:"bucket"`
	Blob      strongroom.ID    `json:"blob"`
	Version   strongroom.ID    `json:"version"`
	Custody   string           `json:"custody"`
	Names     int              `json:"names"`
	Lease     strongroom.ID    `json:"lease"`
	Release   *int64           `json:"release"`
	Bytes     int64            `json:"bytes"`
	Final     bool             `json:"final"`
	Whole     bool             `json:"whole"`
	Counts    map[string]int64 `json:"counts"`
}

// EventOf reads a record for those who watch, after checking its parts against its leaf.
// A personal part that is missing makes the event an erased one; whether an erasure
// record accounts for that is for verification to say. Evidence that is missing, and
// parts that are not the ones recorded, are errors.
func EventOf(r ledger.Record) (strongroom.Event, error) {
	leaf, err := r.Check()
	erased := false
	if missing, ok := errors.AsType[*ledger.MissingPartError](err); ok && missing.Part == ledger.PartPersonal {
		erased = true
		leaf, err = ledger.ParseLeaf(r.Leaf)
	}
	if err != nil {
		return strongroom.Event{}, err
	}
	var e eventEvidence
	if err := json.Unmarshal(r.Evidence, &e); err != nil {
		return strongroom.Event{}, fmt.Errorf("record %d: reading its evidence: %w", r.Index, err)
	}
	event := strongroom.Event{
		Index: r.Index, Time: leaf.Time.UTC(), Kind: leaf.Kind, Did: e.Action, Outcome: e.Decision, Actor: e.Actor, Erased: erased,
		Bucket: e.Bucket, Blob: e.Blob, Version: e.Version, Custody: e.Custody, PolicySet: e.PolicySet, Policies: e.Policies,
		Lease: e.Lease, Release: e.Release, Bytes: e.Bytes, Final: e.Final, Whole: e.Whole, Names: e.Names, Counts: e.Counts,
	}
	if r.Personal != nil {
		var p Personal
		if err := json.Unmarshal(r.Personal, &p); err != nil {
			return strongroom.Event{}, fmt.Errorf("record %d: reading its personal part: %w", r.Index, err)
		}
		event.Question, event.Decision, event.Session, event.RequestID = p.Question, p.Decision, p.Session, p.RequestID
		event.Subject, event.Detail = p.Subject, p.Detail
	}
	return event, nil
}
