package console_test

import (
	"strongroom/people"
)

// passkey is one as a door has verified it.
func passkey(n byte) people.Passkey {
	return people.Passkey{Credential: []byte{n, 1, 2, 3}, PublicKey: []byte{n, 4, 5, 6}, Party: "strongroom.example"}
}
