//go:build race

package console_test

// raced says that the race detector watches, under which the code of the sandbox for PDF
// documents takes a minute to make. "make test" runs those tests without it too.
const raced = true
