package api

import "fmt"

// TryCursor reads a cursor as every list does.
func TryCursor(text string) {
	_, some, err := after[string](text)
	if some != (text != "" && err == nil) {
		panic(fmt.Sprintf("%q: %t, %v", text, some, err))
	}
	if _, err := paged([]string{"a", "b"}, Paging{Cursor: text, Limit: 1}, func(s string) string { return s }); (err != nil) != (text != "" && !some) {
		panic(err)
	}
}
