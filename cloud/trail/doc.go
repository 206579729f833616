// Package trail reads CloudTrail's files and holds what they show against what an account
// grants: who used which rights, who never did, which policies would have been enough for
// everything that was used, and whether that is true, by deciding every event again.
//
// It reads files and reaches no network. The form of the events is CloudTrail's ("CloudTrail
// record contents" and "CloudTrail userIdentity element", CloudTrail User Guide).
package trail
