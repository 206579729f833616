//go:build linux

package powercut_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"strongroom/internal/powercut"
)

func openDatabase(path, journal, synchronous string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode("+journal+")&_pragma=synchronous("+synchronous+
		")&_pragma=wal_autocheckpoint(20)&_txlock=immediate") // checkpoints happen under load
	if err != nil {
		panic(err) // no such driver
	}
	_, err = db.Exec("CREATE TABLE IF NOT EXISTS t (worker INTEGER, n INTEGER, body BLOB, PRIMARY KEY (worker, n))")
	return db, err
}

// outcome is what reopening databases after power cuts found.
type outcome struct {
	acknowledged, lost int    // rows, over all states
	damaged            string // the first thing wrong with a database
}

// crash loads a database from several connections until the power is cut, at a
// random time or (odd rounds) after a random number of changes, from the making of
// the database on. It then reopens the database in the states of some seeds.
func crash(t *testing.T, journal, synchronous string, round uint64, into *outcome) {
	t.Helper()
	layer, at := mount(t, powercut.Options{}, nil)
	random := rand.New(rand.NewPCG(round, 1))
	if round%2 == 1 {
		check(t, layer.FreezeAfter(random.IntN(600)))
	}
	db, err := openDatabase(at+"/test.db", journal, synchronous)
	//lint:ignore SA5001 the handle is there with an error too
	defer db.Close()
	if err != nil && round%2 == 0 {
		t.Fatal(err)
	}

	const workers = 2
	var acknowledged [workers]atomic.Int64
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for n := int64(1); ; n++ {
				body := make([]byte, 100+n*37%3000)
				if _, err := db.Exec("INSERT INTO t VALUES (?, ?, ?)", w, n, body); err != nil {
					return // the power is off
				}
				acknowledged[w].Store(n)
			}
		})
	}
	if round%2 == 0 {
		time.Sleep(time.Duration(random.IntN(120)+5) * time.Millisecond)
		check(t, layer.Cut(filepath.Join(t.TempDir(), "at once"), 0))
	}
	wait.Wait()
	for seed := range uint64(4) {
		target := filepath.Join(t.TempDir(), "after")
		check(t, layer.Cut(target, round<<32|seed))
		var want []int64
		for w := range workers {
			want = append(want, acknowledged[w].Load())
			into.acknowledged += int(want[w])
		}
		lost, problem := inspect(target+"/test.db", want)
		into.lost += lost
		if problem != "" && into.damaged == "" {
			into.damaged = fmt.Sprintf("round %d, seed %d: %s", round, seed, problem)
		}
	}
}

// inspect opens what a power cut left.
func inspect(path string, acknowledged []int64) (lost int, problem string) {
	db, err := openDatabase(path, "WAL", "FULL")
	//lint:ignore SA5001 the handle is there with an error too
	defer db.Close()
	if err != nil {
		return 0, err.Error()
	}
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		return 0, fmt.Sprintf("integrity_check: %s %v", verdict, err)
	}
	for w, want := range acknowledged {
		var n int64
		if err := db.QueryRow("SELECT count(*) FROM t WHERE worker = ? AND n <= ?", w, want).Scan(&n); err != nil {
			return 0, err.Error()
		}
		lost += int(want - n)
	}
	return lost, ""
}

// TestSQLite holds the layer against what SQLite documents: it forgets enough to
// find every setting out that does not sync, and never more than SQLite can bear.
func TestSQLite(t *testing.T) {
	tests := []struct {
		journal, synchronous string
		rounds               int
		loses                bool // acknowledged rows, in some state
	}{
		{"WAL", "FULL", 16, false},
		{"DELETE", "EXTRA", 6, false},
		{"WAL", "NORMAL", 6, true},
	}
	for _, test := range tests {
		t.Run(test.journal+" "+test.synchronous, func(t *testing.T) {
			var got outcome
			for round := range test.rounds {
				t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
					crash(t, test.journal, test.synchronous, uint64(round), &got)
				})
			}
			t.Logf("of %d acknowledged rows %d are lost", got.acknowledged, got.lost)
			if got.damaged != "" {
				t.Error(got.damaged)
			}
			if got.acknowledged == 0 || got.lost > 0 != test.loses {
				t.Errorf("of %d acknowledged rows %d are lost", got.acknowledged, got.lost)
			}
		})
	}
}

// TestTheLayerBites shows that the layer finds a database out that never syncs:
// the same load with synchronous=OFF loses rows, and comes to harm.
func TestTheLayerBites(t *testing.T) {
	var got outcome
	for round := range uint64(20) {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) { crash(t, "WAL", "OFF", round, &got) })
		if got.lost > 0 && got.damaged != "" {
			t.Logf("of %d acknowledged rows %d are lost; %s", got.acknowledged, got.lost, got.damaged)
			return
		}
	}
	t.Errorf("of %d rows acknowledged without a sync %d are lost; damage: %q", got.acknowledged, got.lost, got.damaged)
}
