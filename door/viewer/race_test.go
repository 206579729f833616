//go:build race

package viewer

// raced says that the race detector watches, under which the code of the sandbox for PDF
// documents takes a minute to make. "make test" runs those tests without it too.
const raced = true
