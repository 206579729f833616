package iam

// Truth is three-valued: what was not supplied leaves a question at Maybe. And is min, or is
// max (Kleene's strong logic), so an answer of Yes or No holds whatever the unknown is.
type Truth int8

const (
	No Truth = iota
	Maybe
	Yes
)

func (t Truth) String() string { return [...]string{"no", "maybe", "yes"}[t] }

// Not turns yes and no round.
func (t Truth) Not() Truth { return Yes - t }

func truth(b bool) Truth {
	if b {
		return Yes
	}
	return No
}

// Decision is what AWS would answer, or Unknown where that depends on what is not known.
type Decision int8

const (
	Unknown Decision = iota
	ImplicitlyDenied
	ExplicitlyDenied
	Allowed
)

func (d Decision) String() string {
	return [...]string{"Unknown", "ImplicitlyDenied", "ExplicitlyDenied", "Allowed"}[d]
}

// MarshalText gives the word that String gives.
func (d Decision) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// rank orders decisions by how much they let through.
func (d Decision) rank() int {
	switch d {
	case Allowed:
		return 2
	case Unknown:
		return 1
	}
	return 0
}
