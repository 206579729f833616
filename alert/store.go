package alert

import (
	"context"
	"time"

	"strongroom"
)

// Store keeps alerts, what is counted, what is to be sent, and how far the ledger was
// watched. What names anybody or anything rests sealed in it.
type Store interface {
	// Change does something in one transaction, which excludes those of other processes:
	// all of it is durable when it returns nil, and otherwise none of it happened.
	Change(ctx context.Context, do func(Tx) error) error
	// Position is the index of the first record that was not watched yet, and of the first
	// one that came while somebody watched.
	Position(ctx context.Context) (next, began int64, err error)
	Alert(ctx context.Context, id strongroom.ID) (Alert, error)
	// Alerts are the newest first, at most n, of these states, or of any where none is given.
	Alerts(ctx context.Context, n int, states ...State) ([]Alert, error)
	// Deliveries are those of an alert, the oldest first.
	Deliveries(ctx context.Context, alert strongroom.ID) ([]Delivery, error)
	// Waiting reports whether something is to be sent, or to escalate, by now.
	Waiting(ctx context.Context, now time.Time) (bool, error)
	Close() error
}

// Tx is a transaction of a Store.
type Tx interface {
	Position() (next, began int64, err error)
	SetPosition(next int64) error

	// Tally answers what was put under these names, or ErrNone.
	Tally(condition, subject string) ([]byte, error)
	PutTally(condition, subject string, at time.Time, body []byte) error
	// DropTallies forgets those not put since a time.
	DropTallies(before time.Time) error
	// DropDone forgets alerts that are not open and of which nothing is to be sent any more,
	// and messages that were sent or given up: those made before a time, and of the others
	// all but so many, the newest. It may leave some of many for the next time.
	DropDone(before time.Time, alerts, messages int) error

	Alert(id strongroom.ID) (Alert, error)
	// Newest is the newest alert of a condition about a subject, or ErrNone.
	Newest(condition, subject string) (Alert, error)
	PutAlert(a Alert) error
	// DueAlerts are open alerts that escalate by now.
	DueAlerts(now time.Time, n int) ([]Alert, error)

	// AddDelivery adds one, unless there is one of that id already.
	AddDelivery(d Delivery) error
	PutDelivery(d Delivery) error
	Delivery(id strongroom.ID) (Delivery, error)
	Deliveries(alert strongroom.ID) ([]Delivery, error)
	// Claim answers deliveries that are due, of one alert or, with the zero id, of any, and
	// keeps others from claiming them until a time.
	Claim(now, until time.Time, n int, alert strongroom.ID) ([]Delivery, error)
}

// Delivery is one message to be sent to one channel.
type Delivery struct {
	ID     strongroom.ID `json:"id"`
	Alert  strongroom.ID `json:"alert"`
	Round  int           `json:"round"`
	Level  int           `json:"level"`
	Person string        `json:"person,omitempty"` // whose channel it is
	// Channel is where it goes, Rest where to if that fails.
	Channel string   `json:"channel"`
	Rest    []string `json:"rest,omitempty"`

	State    DeliveryState `json:"state"`
	Made     time.Time     `json:"made"`
	Due      time.Time     `json:"due"`
	Attempts int           `json:"attempts"`
	Problem  string        `json:"problem,omitempty"` // of the last attempt
	Done     time.Time     `json:"done,omitzero"`
}

// DeliveryState is what has become of a delivery.
type DeliveryState string

const (
	ToSend DeliveryState = "to-send"
	Sent   DeliveryState = "sent"   // the other side said that it has it
	Failed DeliveryState = "failed" // given up
)
