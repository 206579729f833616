package store

import (
	"path/filepath"
	"strings"
	"testing"

	"strongroom"
	"strongroom/ledger"
)

// What a request looks up by name or parent must not cost more with every object in
// the room: each such query has to search an index by all that it is given.
func TestLookupsSearchAnIndex(t *testing.T) {
	room := strongroom.NewID()
	secret, _, err := ledger.GenerateKey(ledger.KeyName(room))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ledger.ParseSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "book.db"), Config{Room: room, Key: make([]byte, 32), Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, c := range []struct {
		where, index string
		args         []any
	}{
		{findRows, "(kind=? AND parent=? AND tag=?)", []any{"object", "p", "t"}},
		{childRows, "(kind=? AND parent=?)", []any{"part", "p"}},
		{referringRows, "(ref=?)", []any{"r"}},
		{oneRow, "(kind=? AND id=?)", []any{"object", "i"}},
	} {
		rows, err := b.readers.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+rowColumns+c.where, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, step)
		}
		rows.Close()
		if text := strings.Join(plan, "; "); !strings.Contains(text, "USING INDEX") || !strings.Contains(text, c.index) {
			t.Errorf("%s: the plan is %q, which does not search by %s", c.where, text, c.index)
		}
	}
}
