package vault

import (
	"encoding/json"
	"reflect"
	"testing"
)

// What the members of an object are is what encoding/json says, or the object is refused.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { } `, `{"a":1}`, `{"a":"b\"}","c":[1,{"d":"]"}],"e":null,"f":-1.5e3,"g":{"h":{}}}`, `{"a":1}x`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{"a":1 "b":2}`, `[1]`, ``, `{"a":tru}`, `{"é":"ü"}`, "{\"a\":\t1\n,\"b\": [ ] }",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		got := map[string]any{}
		err := members(object, func(name string, value []byte) error {
			var v any
			if err := json.Unmarshal(value, &v); err != nil {
				return err
			}
			got[name] = v
			return nil
		})
		var want map[string]any
		wrong := json.Unmarshal(object, &want)
		if wrong == nil && want == nil {
			return // null
		}
		if wrong == nil && err != nil {
			t.Fatalf("%q is refused: %v", object, err)
		}
		if wrong == nil && len(want) > 0 {
			for name := range want { // names with escapes are left as they are written
				if _, ok := got[name]; !ok {
					return
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%q: got %v, want %v", object, got, want)
			}
		}
	})
}
