package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// plainTree is tlog's own way to store a tree, against which the edge is held.
type plainTree []tlog.Hash

func (p plainTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = p[x]
	}
	return out, nil
}

func (p *plainTree) append(t testing.TB, n int64, leaf []byte) {
	t.Helper()
	hashes, err := tlog.StoredHashes(n, leaf, *p)
	if err != nil {
		t.Fatal(err)
	}
	*p = append(*p, hashes...)
}

func testLeaf(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func testLeaves(from, to int64) ([][]byte, error) {
	var list [][]byte
	for n := from; n < to; n++ {
		list = append(list, testLeaf(n))
	}
	return list, nil
}

type tileStore map[string][]byte

func (s tileStore) put(tiles []Tile) {
	for _, t := range tiles {
		s[fmt.Sprint(t.Level, "/", t.N)] = t.Hashes
	}
}

func (s tileStore) full(level int, n int64) ([]byte, error) {
	b, ok := s[fmt.Sprint(level, "/", n)]
	if !ok {
		return nil, errors.New("no such tile")
	}
	return b, nil
}

func TestEdgeAgreesWithPlainTree(t *testing.T) {
	var plain plainTree
	store := tileStore{}
	edge := NewEdge()
	size := int64(70_000)
	random := rand.New(rand.NewPCG(1, 2))
	for n := int64(0); n <= size; n++ {
		if n <= 600 || n&(n-1) == 0 || n == size || n == 65_792 || random.IntN(3000) == 0 {
			compareWithPlain(t, edge, store, plain, n, random)
		}
		plain.append(t, n, testLeaf(n))
		edge.Append(LeafHash(testLeaf(n)))
		store.put(edge.TakeFull())
	}
}

func compareWithPlain(t *testing.T, edge *Edge, store tileStore, plain plainTree, n int64, random *rand.Rand) {
	t.Helper()
	want, err := tlog.TreeHash(n, plain)
	if err != nil {
		t.Fatal(err)
	}
	if edge.Size() != n || edge.Root() != want {
		t.Fatalf("size %d: the root differs from the plain tree's", n)
	}
	restored, err := RestoreEdge(n, store.full, testLeaves)
	if err != nil {
		t.Fatalf("size %d: %v", n, err)
	}
	if restored.Root() != want {
		t.Fatalf("size %d: the restored root differs", n)
	}
	r := restored.HashReader(store.full)
	var indexes []int64
	if n <= 300 {
		for i := range tlog.StoredHashCount(n) {
			indexes = append(indexes, i)
		}
	} else {
		for range 20 {
			indexes = append(indexes, random.Int64N(tlog.StoredHashCount(n)))
		}
	}
	got, err := r.ReadHashes(indexes)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range indexes {
		if got[i] != plain[x] {
			t.Fatalf("size %d: stored hash %d differs", n, x)
		}
	}
	if _, err := r.ReadHashes([]int64{tlog.StoredHashCount(n)}); err == nil {
		t.Fatalf("size %d: a hash beyond the tree was served", n)
	}
	if _, err := r.ReadHashes([]int64{-1}); err == nil {
		t.Fatal("a negative hash index was served")
	}
	if n == 0 {
		return
	}
	index, old := random.Int64N(n), random.Int64N(n+1)
	p, err := ProveInclusion(n, index, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckInclusion(p, n, want, index, LeafHash(testLeaf(index))); err != nil {
		t.Fatal(err)
	}
	if CheckInclusion(p, n, want, index, LeafHash(testLeaf(index+1))) == nil {
		t.Fatal("a proof holds for another leaf")
	}
	oldRoot, err := tlog.TreeHash(old, plain)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ProveConsistency(old, n, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckConsistency(c, old, oldRoot, n, want); err != nil {
		t.Fatal(err)
	}
	oldRoot[0] ^= 1
	if CheckConsistency(c, old, oldRoot, n, want) == nil {
		t.Fatalf("sizes %d and %d: a proof holds for another old root", old, n)
	}
}

func TestClonesAreIndependent(t *testing.T) {
	for _, size := range []int64{0, 1, 3, 255, 256, 300, 511} {
		edge := NewEdge()
		for n := range size {
			edge.Append(LeafHash(testLeaf(n)))
		}
		edge.TakeFull()
		root := edge.Root()
		reader := edge.HashReader(nil)
		a, b := edge.Clone(), edge.Clone()
		for n := range int64(600) {
			a.Append(LeafHash(testLeaf(1000 + n)))
			b.Append(LeafHash(testLeaf(size + n)))
			edge.Append(LeafHash(testLeaf(5000 + n)))
		}
		whole := NewEdge()
		for n := range size + 600 {
			whole.Append(LeafHash(testLeaf(n)))
		}
		if b.Root() != whole.Root() || a.Root() == b.Root() || edge.Root() == a.Root() || edge.Root() == root {
			t.Fatalf("size %d: a clone changed with another", size)
		}
		if size > 0 && size < 256 {
			if got, err := tlog.TreeHash(size, reader); err != nil || got != root {
				t.Fatalf("size %d: the reader moved on with the edge (%v)", size, err)
			}
		}
	}
}

// A writer goes on with Next, batch after batch, and drops some of them: what was kept
// and what was published of it stays as it was, and the tree is that of what was kept.
func TestNext(t *testing.T) {
	type published struct {
		edge   *Edge
		reader tlog.HashReader
		root   tlog.Hash
	}
	edge, kept := NewEdge(), []int64{}
	var all []published
	leaf := int64(0)
	for batch := range 400 {
		next := edge.Next()
		var added []int64
		for range batch%7 + batch%90/80*300 {
			leaf++
			next.Append(LeafHash(testLeaf(leaf)))
			added = append(added, leaf)
		}
		next.Root()
		if batch%3 == 0 {
			continue // it failed
		}
		next.TakeFull()
		edge, kept = next, append(kept, added...)
		all = append(all, published{edge.Clone(), edge.HashReader(nil), edge.Root()})
	}
	plain := NewEdge()
	for _, n := range kept {
		plain.Append(LeafHash(testLeaf(n)))
	}
	if edge.Size() != plain.Size() || edge.Root() != plain.Root() {
		t.Fatalf("after %d records the root is another than that of a plain tree", edge.Size())
	}
	for _, p := range all {
		if p.edge.Root() != p.root {
			t.Fatalf("what was published at %d records has changed", p.edge.Size())
		}
		if n := p.edge.Size(); n > 0 && n < 256 {
			if got, err := tlog.TreeHash(n, p.reader); err != nil || got != p.root {
				t.Fatalf("the reader at %d records has changed (%v)", n, err)
			}
		}
	}
}

func TestTakeFullHandsOutEachTileOnce(t *testing.T) {
	edge := NewEdge()
	var got []string
	for n := range int64(256*256 + 256) {
		edge.Append(LeafHash(testLeaf(n)))
		if n%1000 == 999 {
			for _, tile := range edge.TakeFull() {
				got = append(got, fmt.Sprint(tile.Level, "/", tile.N))
			}
		}
	}
	for _, tile := range edge.TakeFull() {
		got = append(got, fmt.Sprint(tile.Level, "/", tile.N))
	}
	seen := map[string]bool{}
	for _, name := range got {
		if seen[name] {
			t.Fatalf("tile %s was handed out twice", name)
		}
		seen[name] = true
	}
	if len(got) != 257+1 || !seen["0/256"] || !seen["1/0"] {
		t.Fatalf("got %d tiles", len(got))
	}
}

func TestBrokenStorageIsAnError(t *testing.T) {
	edge := NewEdge()
	for n := range int64(1000) {
		edge.Append(LeafHash(testLeaf(n)))
	}
	store := tileStore{}
	store.put(edge.TakeFull())
	short := func(level int, n int64) ([]byte, error) { return bytes.Repeat([]byte{1}, 100), nil }
	gone := func(level int, n int64) ([]byte, error) { return nil, errors.New("gone") }
	for name, full := range map[string]FullTile{"short": short, "gone": gone, "nil": nil} {
		if _, err := ProveInclusion(1000, 3, edge.HashReader(full)); err == nil {
			t.Errorf("%s tiles: a proof was made", name)
		}
		if _, err := RestoreEdge(1000, full, testLeaves); err == nil {
			t.Errorf("%s tiles: the edge was restored", name)
		}
	}
	few := func(from, to int64) ([][]byte, error) { return testLeaves(from, to-1) }
	if _, err := RestoreEdge(1000, store.full, few); err == nil {
		t.Error("the edge was restored without its last leaf")
	}
	for _, size := range []int64{-1, MaxSize + 1} {
		if _, err := RestoreEdge(size, store.full, testLeaves); err == nil {
			t.Errorf("an edge of size %d was restored", size)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	edge := NewEdge()
	h := LeafHash(testLeaf(1))
	for b.Loop() {
		edge.Append(h)
		if edge.Size()%4096 == 0 {
			edge.TakeFull()
		}
	}
}

func benchmarkTree(b *testing.B) (*Edge, tileStore) {
	edge, store := NewEdge(), tileStore{}
	for n := range int64(200_000) {
		edge.Append(LeafHash(testLeaf(n)))
		store.put(edge.TakeFull())
	}
	return edge, store
}

func BenchmarkCommit(b *testing.B) { // next, one record, root, clone: what each small batch costs
	edge, _ := benchmarkTree(b)
	h := LeafHash(testLeaf(1))
	b.ReportAllocs()
	for b.Loop() {
		c := edge.Next()
		c.Append(h)
		c.Root()
		c.TakeFull()
		c.Clone()
		edge = c
	}
}

func BenchmarkProveInclusion(b *testing.B) {
	edge, store := benchmarkTree(b)
	r := edge.HashReader(store.full)
	for name, index := range map[string]int64{"old": 1234, "latest": 199_999} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := ProveInclusion(200_000, index, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheckInclusion(b *testing.B) {
	edge, store := benchmarkTree(b)
	p, err := ProveInclusion(200_000, 1234, edge.HashReader(store.full))
	if err != nil {
		b.Fatal(err)
	}
	root, h := edge.Root(), LeafHash(testLeaf(1234))
	for b.Loop() {
		if err := CheckInclusion(p, 200_000, root, 1234, h); err != nil {
			b.Fatal(err)
		}
	}
}
