// Package reach finds every way to a bucket's content, to a key, or to administrative
// rights, in an account that is given as data: who can read it directly, and who can by any
// chain of steps (become a role, run code on a server that holds it, change a policy).
//
// What counts as a step is a data file, rules.yaml, whose form docs/formats/cloud-rules.md
// describes. The engine knows none of the services.
//
// Every answer is one of four: certain, possible (with the conditions), unknown (with the
// input that is missing), or no. "No" is said only where everything needed to know it was
// supplied.
package reach
