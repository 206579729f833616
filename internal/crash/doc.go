// Package crash holds the tests that take the finished program away in the middle
// of its work: killed at random instants under load, its power cut, its disk full,
// its fsyncs failing. They drive the real binary over S3 and keep a journal of what
// was acknowledged. What is left is then opened again and held against that journal:
// nothing acknowledged is lost, nothing was released without a record, and no part
// of an object is to be seen. STRONGROOM_CRASH_ROUNDS says how many rounds to run.
package crash
