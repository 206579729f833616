package s3

import (
	"net/http"
	"strings"
	"time"

	"strongroom"
)

// lockTime is how object lock writes the end of retention.
const lockTime = "2006-01-02T15:04:05.000Z"

// lockHeaders reads the retention and legal hold that a store or a copy declares.
func (x *exchange) lockHeaders() (r strongroom.Retention, hold bool, err error) {
	switch v := x.fields[fieldHold]; v {
	case "ON":
		hold = true
	case "OFF", "":
	default:
		return r, false, badArgument(fieldHold, v, "Legal Hold must be either of 'ON' or 'OFF'")
	}
	mode, moded := x.fields[fieldLockMode]
	until, dated := x.fields[fieldLockUntil]
	if moded != dated {
		missing := fieldLockMode
		if moded {
			missing = fieldLockUntil
		}
		return r, false, badArgument(missing, "", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied.")
	}
	if !moded {
		return r, hold, nil
	}
	r.Mode = strongroom.LockMode(mode)
	if r.Mode != strongroom.Governance && r.Mode != strongroom.Compliance {
		return r, false, badArgument(fieldLockMode, mode, "Unknown wormMode directive.")
	}
	r.Until, err = x.retainUntil(until)
	return r, hold, err
}

// retainUntil reads the end of a retention.
func (x *exchange) retainUntil(v string) (time.Time, error) {
	t, ok := parseTime(v)
	if !ok {
		return t, badArgument(fieldLockUntil, v, "The retain until date must be provided in ISO 8601 format")
	}
	if !t.After(x.Now()) {
		return t, badArgument(fieldLockUntil, v, "The retain until date must be in the future!")
	}
	return t, nil
}

// lockWanted says of a store what S3 says where the bucket has no object lock.
func lockWanted(err error) error {
	if strongroom.KindOf(err) == strongroom.KindNoLock {
		return refuse("InvalidRequest", "Bucket is missing ObjectLockConfiguration")
	}
	return err
}

// bypass reports whether governance retention is to be set aside.
func (x *exchange) bypass() bool { return strings.EqualFold(x.fields[fieldBypass], "true") }

// lockState answers a version of which a part of its object lock is asked for. Where it
// has none, found false, the error says why.
func (x *exchange) lockState(found func(strongroom.Object) bool) (strongroom.Object, error) {
	o, err := x.metadata()
	if err != nil || found(o) {
		return o, err
	}
	if b, err := x.room.HeadBucket(x.r.Context(), x.caller, x.bucket); err == nil && b.Lock == nil {
		return o, refuse("InvalidRequest", "Bucket is missing Object Lock Configuration")
	}
	return o, refuse("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration.")
}

func (x *exchange) getRetention() error {
	o, err := x.lockState(func(o strongroom.Object) bool { return o.Retention.Mode != "" })
	if err != nil {
		return err
	}
	var d document
	d.root("Retention", func() {
		d.text("Mode", string(o.Retention.Mode))
		d.text("RetainUntilDate", o.Retention.Until.UTC().Format(lockTime))
	})
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) putRetention() error {
	version, err := x.version()
	if err != nil {
		return err
	}
	root, err := x.parsed("Retention")
	if err != nil {
		return x.orNoBucket(err)
	}
	fields, err := root.fields("Mode", "RetainUntilDate")
	if err != nil {
		return err
	}
	var r strongroom.Retention
	if len(fields) > 0 { // none of them takes the retention away
		r.Mode = strongroom.LockMode(fields["Mode"])
		if r.Mode != strongroom.Governance && r.Mode != strongroom.Compliance {
			return malformed("Mode must be GOVERNANCE or COMPLIANCE")
		}
		if _, ok := parseTime(fields["RetainUntilDate"]); !ok {
			return malformed("RetainUntilDate must be a time as ISO 8601 has it")
		}
		if r.Until, err = x.retainUntil(fields["RetainUntilDate"]); err != nil {
			return err
		}
	}
	return x.amended(http.StatusOK)(x.room.SetRetention(x.r.Context(), x.caller, x.bucket, x.key, version, r, x.bypass()))
}

func (x *exchange) getHold() error {
	o, err := x.lockState(func(o strongroom.Object) bool { return o.LegalHold || o.HoldSet })
	if err != nil {
		return err
	}
	status := "OFF"
	if o.LegalHold {
		status = "ON"
	}
	var d document
	d.root("LegalHold", func() { d.text("Status", status) })
	x.answer(http.StatusOK, &d)
	return nil
}

func (x *exchange) putHold() error {
	version, err := x.version()
	if err != nil {
		return err
	}
	root, err := x.parsed("LegalHold")
	if err != nil {
		return x.orNoBucket(err)
	}
	fields, err := root.fields("Status")
	if err != nil {
		return err
	}
	if fields["Status"] != "ON" && fields["Status"] != "OFF" {
		return malformed("Status must be ON or OFF")
	}
	return x.amended(http.StatusOK)(x.room.SetLegalHold(x.r.Context(), x.caller, x.bucket, x.key, version, fields["Status"] == "ON"))
}
