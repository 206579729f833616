package console

import "strongroom"

// thing is the object that a record is about, in readers' words as far as the record has them.
type thing struct {
	Kind                   string // "Call"; "" where the record does not say
	Queue, Agent, Customer string
	Name                   string // bucket and key
	Link                   string // its page, where it is there still
}

// thing says what a record is about. The words are the record's own: no more is told than
// whoever may read it can read there.
func (v *visit) thing(at strongroom.Resource, version strongroom.ID) thing {
	var t thing
	if at.Bucket == "" {
		return t
	}
	t.Name = printable(at.Bucket)
	if at.Key == "" {
		return t
	}
	t.Name += "/" + printable(at.Key)
	t.Queue, t.Agent, t.Customer = named(at.Attributes["queue"]), named(at.Attributes["agent"]), named(at.Attributes["customer"])
	t.Kind = named(at.Attributes["kind"])
	if key := "kind." + t.Kind; known(key) {
		t.Kind = v.page.T(key)
	}
	if version.IsZero() {
		version = at.Version
	}
	if _, _, _, there := v.room.Vault.Locate(version); there {
		t.Link = "/recordings/" + version.String()
	}
	return t
}
