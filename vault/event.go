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
	Inward    int64            `json:"inward"`
	Played    int64            `json:"played_ms"`
	Length    int64            `json:"length_ms"`
	Final     bool             `json:"final"`
	Whole     bool             `json:"whole"`
	Counts    map[string]int64 `json:"counts"`
}

// EventReader reads records for those who watch. It remembers what it read lately of the
// principals and decisions in them, since the same ones come again and again: what its
// events hold of them is shared, and must not be changed. Not safe for concurrent use.
type EventReader struct {
	principals map[string]*strongroom.Principal
	decisions  map[string]*strongroom.Decision
}

// remembers is how many principals, and how many decisions, an EventReader remembers.
const remembers = 4096

// EventOf reads one record; see EventReader.Event.
func EventOf(r ledger.Record) (strongroom.Event, error) { return new(EventReader).Event(r) }

// Event reads a record, after checking its parts against its leaf. A personal part that is
// missing makes the event an erased one; whether an erasure record accounts for that is
// for verification to say. Evidence that is missing, and parts that are not the ones
// recorded, are errors.
func (d *EventReader) Event(r ledger.Record) (strongroom.Event, error) {
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
		Lease: e.Lease, Release: e.Release, Bytes: e.Bytes, Inward: e.Inward, Played: e.Played, Length: e.Length, Final: e.Final, Whole: e.Whole, Names: e.Names, Counts: e.Counts,
	}
	if r.Personal != nil {
		if err := d.personal(r.Personal, &event); err != nil {
			return strongroom.Event{}, fmt.Errorf("record %d: reading its personal part: %w", r.Index, err)
		}
	}
	return event, nil
}

// personal reads the personal part of a record, member by member.
func (d *EventReader) personal(encoded []byte, e *strongroom.Event) error {
	return members(encoded, func(name string, value []byte) (err error) {
		switch name {
		case "question":
			e.Question, err = d.question(value)
		case "decision":
			e.Decision, err = recall(&d.decisions, value)
		case "by":
			err = json.Unmarshal(value, &e.By)
		case "session":
			err = json.Unmarshal(value, &e.Session)
		case "request_id":
			err = json.Unmarshal(value, &e.RequestID)
		case "subject":
			err = json.Unmarshal(value, &e.Subject)
		case "detail":
			err = json.Unmarshal(value, &e.Detail)
		}
		return err
	})
}

func (d *EventReader) question(encoded []byte) (*strongroom.Question, error) {
	var q strongroom.Question
	err := members(encoded, func(name string, value []byte) (err error) {
		switch name {
		case "action":
			err = json.Unmarshal(value, &q.Action)
		case "principal":
			var p *strongroom.Principal
			if p, err = recall(&d.principals, value); err == nil {
				q.Principal = *p
			}
		case "resource":
			err = json.Unmarshal(value, &q.Resource)
		case "context":
			err = json.Unmarshal(value, &q.Context)
		}
		return err
	})
	return &q, err
}

// recall decodes a value, or answers what equal bytes were decoded to before.
func recall[T any](memory *map[string]*T, encoded []byte) (*T, error) {
	if v, ok := (*memory)[string(encoded)]; ok {
		return v, nil
	}
	v := new(T)
	if err := json.Unmarshal(encoded, v); err != nil {
		return nil, err
	}
	if *memory == nil || len(*memory) >= remembers {
		*memory = map[string]*T{}
	}
	(*memory)[string(encoded)] = v
	return v, nil
}

// members visits the members of a JSON object without reading their values, which are left
// to whoever decodes them. Names with escapes are not among those that records have.
func members(object []byte, visit func(name string, value []byte) error) error {
	malformed := errors.New("it is not a JSON object")
	i := space(object, 0)
	if i >= len(object) || object[i] != '{' {
		return malformed
	}
	i = space(object, i+1)
	if i < len(object) && object[i] == '}' {
		return trailing(object, i+1)
	}
	for {
		end := text(object, i)
		if end < 0 {
			return malformed
		}
		name := string(object[i+1 : end-1])
		if i = space(object, end); i >= len(object) || object[i] != ':' {
			return malformed
		}
		i = space(object, i+1)
		start := i
		if i = past(object, i); i < 0 {
			return malformed
		}
		if err := visit(name, object[start:i]); err != nil {
			return err
		}
		if i = space(object, i); i >= len(object) {
			return malformed
		}
		switch object[i] {
		case '}':
			return trailing(object, i+1)
		case ',':
			i = space(object, i+1)
		default:
			return malformed
		}
	}
}

func trailing(b []byte, i int) error {
	if space(b, i) != len(b) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// text answers the index behind the string that begins at i, or -1.
func text(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// past answers the index behind the value that begins at i, or -1.
func past(b []byte, i int) int {
	if i < len(b) && b[i] == '"' {
		return text(b, i)
	}
	depth, start := 0, i
	for i < len(b) {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				if i == start {
					return -1
				}
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			if i = text(b, i); i < 0 {
				return -1
			}
			continue
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				if i == start {
					return -1
				}
				return i
			}
		}
		i++
	}
	return -1
}
