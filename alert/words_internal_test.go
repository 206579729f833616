package alert

import (
	"testing"
	"time"
)

// What people read of figures is in their language's form: one or more, digits in threes,
// spans in words.
func TestFill(t *testing.T) {
	usual := 1.5
	w := Words{"{seen} [object was|objects were] opened within {window}; usual: {usual}.", "{seen} [objet a été ouvert|objets ont été ouverts] en {window} ; habituel : {usual}."}
	for _, c := range []struct {
		seen   int64
		usual  *float64
		window time.Duration
		want   Words
	}{
		{1, nil, time.Hour, Words{"1 object was opened within 1\u00a0hour; usual: not known yet.", "1 objet a été ouvert en 1\u00a0heure ; habituel : pas encore connu."}},
		{1200, &usual, 10 * time.Minute, Words{"1,200 objects were opened within 10\u00a0minutes; usual: 1.5.", "1\u202f200 objets ont été ouverts en 10\u00a0minutes ; habituel : 1,5."}},
		{2, nil, 7 * 24 * time.Hour, Words{"2 objects were opened within 7\u00a0days; usual: not known yet.", "2 objets ont été ouverts en 7\u00a0jours ; habituel : pas encore connu."}},
	} {
		if got := w.fill(c.seen, 0, c.usual, Duration(c.window), 0); got != c.want {
			t.Errorf("%+v", got)
		}
	}
}
