package api

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"strongroom"
)

// Paging is how a list is asked for in pages.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"2048" doc:"What the page before answered as next."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most."`
}

// Page is one page of a list. What stays there while the pages are read is on exactly one
// of them.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; none after the last."`
}

// cursor hides what it holds so that nobody builds on it; it grants nothing.
func cursor(after any) string {
	encoded, err := json.Marshal(after)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(encoded)
}

// after reads a cursor.
func after[T any](cursor string) (at T, some bool, err error) {
	if cursor == "" {
		return at, false, nil
	}
	encoded, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(encoded, &at)
	}
	if err != nil {
		return at, false, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "the cursor is none that was answered here", Hint: "begin without one"}
	}
	return at, true, nil
}

// paged cuts a page out of a list that is in ascending order of key, which no two share.
func paged[T any](all []T, p Paging, key func(T) string) (Page[T], error) {
	from, some, err := after[string](p.Cursor)
	if err != nil {
		return Page[T]{}, err
	}
	start := 0
	if some {
		start, _ = slices.BinarySearchFunc(all, from, func(item T, from string) int {
			if key(item) <= from {
				return -1
			}
			return 1
		})
	}
	end := min(start+p.Limit, len(all))
	page := Page[T]{Items: append([]T{}, all[start:end]...)}
	if end < len(all) {
		page.Next = cursor(key(all[end-1]))
	}
	return page, nil
}
