// Package ways says what an analysis of reach found so that a person can act on it: the list
// of ways in with the status of each, who can take them and how, what closes them (as changes
// to policy documents), what has changed since an earlier snapshot, and which servers can be
// logged on to. As text, JSON, a picture, a page and SARIF.
//
// What was not supplied comes first in every form: nothing unknown is shown as closed.
package ways
