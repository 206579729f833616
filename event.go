package strongroom

import "time"

// Event is what one record of a room's ledger tells, with as much of its personal part
// as is there. Those who watch (monitoring, alerting, replay) are told events; they
// never read the ledger's own forms.
type Event struct {
	Index int64     `json:"index"` // of the record
	Time  time.Time `json:"time"`
	Kind  string    `json:"kind"`   // of the record: release, refusal, store, delivery, list, people …
	Did   string    `json:"action"` // what the evidence calls the act: an Action's name, or principal-put, access-key-revoke …
	// Outcome is permit, deny, or "" where nothing was decided.
	Outcome string `json:"outcome,omitempty"`
	Actor   string `json:"actor,omitempty"` // pseudonym of the principal; "operator" for whoever has the machine's files

	// Of the personal part; nil and "" where there is none, or Erased.
	Question  *Question `json:"question,omitempty"`
	Decision  *Decision `json:"decision,omitempty"`
	By        string    `json:"by,omitempty"` // name of who acted, where no question tells
	Session   string    `json:"session,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	Subject   string    `json:"subject,omitempty"` // the principal, key, policy set … that was changed
	Detail    string    `json:"detail,omitempty"`
	// Erased: the record committed to a personal part that is not there any more.
	Erased bool `json:"erased,omitempty"`

	Bucket    ID       `json:"bucket,omitzero"` // of a bucket's own records
	Blob      ID       `json:"blob,omitzero"`
	Version   ID       `json:"version,omitzero"`
	Custody   string   `json:"custody,omitempty"`
	PolicySet string   `json:"policy_set,omitempty"`
	Policies  []string `json:"policies,omitempty"`

	// Of a delivery: bytes count repeats, and each delivery of a lease tells the total so
	// far. Release is the index of the release that it belongs to, which names the person
	// and the object.
	Lease   ID     `json:"lease,omitzero"`
	Release *int64 `json:"release,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
	Final   bool   `json:"final,omitempty"`
	Whole   bool   `json:"whole,omitempty"` // every byte of the object was delivered
	// Inward are bytes that were read and did not leave the server, only what was made of
	// them: how loud it is, or of which form.
	Inward int64 `json:"inward,omitempty"`

	// What a player says that it played, and of how much, in milliseconds. Nothing proves it.
	Played int64 `json:"played_ms,omitempty"`
	Length int64 `json:"length_ms,omitempty"`

	Names  int              `json:"names,omitempty"`  // how many a listing told
	Counts map[string]int64 `json:"counts,omitempty"` // of what is counted rather than recorded one by one
}

// Principal answers who acted, or nil where the record does not tell (any more).
func (e *Event) Principal() *Principal {
	if e.Question == nil {
		return nil
	}
	return &e.Question.Principal
}

// Who answers the name of who acted, or "" where the record does not tell (any more).
func (e *Event) Who() string {
	if p := e.Principal(); p != nil {
		return p.Name
	}
	return e.By
}

// Outcomes of an Event.
const (
	Permitted = "permit"
	Refused   = "deny"
)
