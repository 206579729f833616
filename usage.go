package strongroom

import "time"

// Use is how often one principal did one thing to one sort of object, or was refused it,
// within a time: what monitoring counted in the ledger's records. A field that is "" was
// told by none of them: the act has no bucket, the object no queue, or the personal part
// of the records is erased (Untold).
type Use struct {
	Actor     string   `json:"actor,omitempty"`    // pseudonym; "" for requests that proved nobody, "operator" for commands without an access key
	Principal ID       `json:"principal,omitzero"` // behind the pseudonym, where a record told
	Groups    []string `json:"groups,omitempty"`   // of the principal, as recorded at the time, sorted
	Action    Action   `json:"action,omitempty"`
	Outcome   string   `json:"outcome"` // Permitted or Refused
	Bucket    string   `json:"bucket,omitempty"`
	Queue     string   `json:"queue,omitempty"`
	Classes   []string `json:"classes,omitempty"` // of the object's label, sorted
	Untold    bool     `json:"untold,omitempty"`  // the records had no personal part, or have none any more: bucket, queue, classes and groups are unknown

	Count int64     `json:"count"`
	First time.Time `json:"first"` // of these, not of all time
	Last  time.Time `json:"last"`
	// Bytes were delivered (readObject, counting repeats) or stored (storeObject). A
	// release whose lease has not ended counts with the object's whole size.
	Bytes int64 `json:"bytes,omitempty"`
}

// Baseline is how many releases there usually are in one hour of the week.
type Baseline struct {
	Hour   time.Time `json:"hour"`  // the hour that was asked about, its start
	Weeks  int       `json:"weeks"` // how many weeks before it there are to compare with; 0 means that nothing is known
	Values int       `json:"values"`
	Median int64     `json:"median"`
	P95    int64     `json:"p95"`
	Most   int64     `json:"most"`
}
