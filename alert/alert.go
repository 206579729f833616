// Package alert decides which actions reach security personnel, and sees to it that
// they do. Conditions are data: a short table, changed by a room's own file, held against
// every record of the ledger as it is told. What fires becomes an alert with its reasons
// and evidence; the alert, the messages to send and the place reached in the ledger become
// durable in one transaction, so that a finding is told at least once, and its repeats bear
// the same id. Messages name the condition, the severity and the room, and no person, object
// or customer. Silence escalates by a rota. Nobody acknowledges an alert about themselves.
package alert

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"strongroom"
)

// Severity orders alerts.
type Severity string

const (
	Low      Severity = "low"
	Medium   Severity = "medium"
	High     Severity = "high"
	Critical Severity = "critical"
)

var severities = []Severity{Low, Medium, High, Critical}

// rank is 1 for low to 4 for critical, 0 for anything else.
func (s Severity) rank() int {
	for i, known := range severities {
		if s == known {
			return i + 1
		}
	}
	return 0
}

// State is what has become of an alert.
type State string

const (
	Open         State = "open"
	Acknowledged State = "acknowledged"
	// Past: the records that it rests on were there before anybody watched. It is listed,
	// and nobody was told.
	Past State = "past"
	// Tested: it was made to see whether messages arrive.
	Tested State = "test"
)

// Alert is something that fired. Of its fields only those that name nobody leave the
// house; all of it rests sealed.
type Alert struct {
	ID        strongroom.ID `json:"id"` // the same whenever the same records are watched again
	Condition string        `json:"condition"`
	Severity  Severity      `json:"severity"`
	State     State         `json:"state"`
	// Subject is the pseudonym of whom it is about, "" where it is about the room.
	Subject   string        `json:"subject,omitempty"`
	Person    string        `json:"person,omitempty"`   // the subject's name, where the records told it
	Principal strongroom.ID `json:"principal,omitzero"` // and id
	Names     string        `json:"names,omitempty"`    // what was changed, where something was
	First     time.Time     `json:"first"`              // of what it counts
	Last      time.Time     `json:"last"`               //
	Found     int           `json:"found"`              // how many times it fired
	Seen      int64         `json:"seen"`               // what was measured, the most of any time
	Threshold int64         `json:"threshold"`          // what it was held against
	Usual     *float64      `json:"usual,omitempty"`    // what is usual, where that is known
	Window    Duration      `json:"window"`             //
	Evidence  []int64       `json:"evidence"`           // records of the ledger, the first twenty
	Detail    string        `json:"detail,omitempty"`   // of trouble, what was said about it
	Why       Words         `json:"why"`                // in sentences
	Blind     Words         `json:"not_looked_at"`      //
	Round     int           `json:"round"`              // how often people were told anew, from 0
	Level     int           `json:"level"`              // how far it has escalated, from 0
	Told      time.Time     `json:"told,omitzero"`      // last
	Due       time.Time     `json:"escalates,omitzero"` // when the next level is told
	Acked     *Ack          `json:"acknowledged,omitempty"`
	FoundThen int           `json:"found_when_acknowledged,omitempty"`
}

// Ack is who took an alert on.
type Ack struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Note   string    `json:"note,omitempty"`
	Record int64     `json:"record"` // of the ledger
}

// maxEvidence is how many records an alert names.
const maxEvidence = 20

// alertID is the id of a finding, the same whenever the same records are watched again.
func alertID(room strongroom.ID, condition, subject string, start time.Time, record int64) strongroom.ID {
	h := sha256.New()
	fmt.Fprintf(h, "strongroom/alert/v1/%s/%d:%s/%d:%s/", room, len(condition), condition, len(subject), subject)
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(start.UnixMilli()))
	binary.BigEndian.PutUint64(b[8:], uint64(record))
	h.Write(b[:])
	return strongroom.ID(h.Sum(nil)[:16])
}

// ErrNone says that there is no such alert, tally or delivery.
var ErrNone = errors.New("there is none")

// Language of texts for people.
type Language string

const (
	English Language = "en"
	French  Language = "fr"
)

// Words is a text in the languages that there are.
type Words struct {
	EN string `json:"en"`
	FR string `json:"fr"`
}

// In answers the text in a language, English where there is no other.
func (w Words) In(l Language) string {
	if l == French {
		return cmp.Or(w.FR, w.EN)
	}
	return w.EN
}

// Duration is written as in 10m or 7d.
type Duration time.Duration

func (d Duration) String() string {
	const day = 24 * time.Hour
	switch t := time.Duration(d); {
	case t != 0 && t%day == 0:
		return fmt.Sprintf("%dd", t/day)
	case t != 0 && t%time.Hour == 0:
		return fmt.Sprintf("%dh", t/time.Hour)
	case t != 0 && t%time.Minute == 0:
		return fmt.Sprintf("%dm", t/time.Minute)
	default:
		return t.String()
	}
}

// In is the duration in words.
func (d Duration) In(l Language) string {
	for _, unit := range []struct {
		is Duration
		Words
	}{
		{Duration(24 * time.Hour), Words{"day", "jour"}}, {Duration(time.Hour), Words{"hour", "heure"}}, {Duration(time.Minute), Words{"minute", "minute"}},
	} {
		if n := d / unit.is; n > 0 && d%unit.is == 0 {
			text := fmt.Sprintf("%d\u00a0%s", n, unit.In(l))
			if n > 1 {
				text += "s"
			}
			return text
		}
	}
	return d.String()
}

// MarshalText and UnmarshalText give a Duration its text form in JSON.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = parseDuration(string(text))
	return err
}
