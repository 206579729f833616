// Package account is one AWS account as data: what the exports of the account say, read from
// files, without touching it. What no export says is not empty but unknown, and everything
// that leans on it can tell: Value for one thing, Known and Missing for whole inputs, Unknown
// where a principal or a resource may have more than what stands here.
package account
