// Package aws asks an AWS account what a snapshot of it holds (cloud/account), and changes
// nothing in it. Requests are made by hand: a few dozen operations of twenty services, of
// which an SDK module each would be many times this size.
package aws
