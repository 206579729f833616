package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	// TileBytes is the size of a full tile.
	TileBytes = tileWidth * tlog.HashSize
)

// Tile is a full tile: the 256 hashes at height 8·Level of the tree that start
// with the one numbered 256·N.
type Tile struct {
	Level  int
	N      int64
	Hashes []byte // TileBytes long
}

// FullTile reads the hashes of a full tile.
type FullTile func(level int, n int64) ([]byte, error)

// Edge is the right edge of the tree: all that appending needs, a few tens of
// kilobytes whatever the size. Storage keeps the full tiles that TakeFull hands
// out, and the leaves; RestoreEdge makes the edge again from these. An Edge is not
// safe for concurrent use, but a clone is independent of its origin.
type Edge struct {
	size int64
	// partial[l] is the unfinished tile of level l, its hashes and the interior
	// hashes over them in the order of tlog.StoredHashIndex. It only ever grows at
	// its end, so that clones may share the memory.
	partial [][]tlog.Hash
	full    []Tile
}

// NewEdge returns the edge of the empty tree.
func NewEdge() *Edge { return &Edge{} }

// RestoreEdge makes the edge of a tree of the given size from its full tiles and
// from the encoded leaves with indexes from ≤ i < to of its unfinished tile. The
// caller compares Root with the checkpoint of that size.
func RestoreEdge(size int64, full FullTile, leaves func(from, to int64) ([][]byte, error)) (*Edge, error) {
	if size < 0 || size > MaxSize {
		return nil, fmt.Errorf("a ledger has between 0 and %d records", MaxSize)
	}
	e := &Edge{size: size}
	for level := 0; size>>(tileHeight*level) > 0; level++ {
		to := size >> (tileHeight * level)
		from := to &^ (tileWidth - 1)
		e.partial = append(e.partial, nil)
		if from == to {
			continue
		}
		if level == 0 {
			list, err := leaves(from, to)
			if err != nil {
				return nil, fmt.Errorf("reading leaves %d to %d: %w", from, to-1, err)
			}
			if int64(len(list)) != to-from {
				return nil, fmt.Errorf("reading leaves %d to %d: got %d", from, to-1, len(list))
			}
			for _, leaf := range list {
				e.push(0, LeafHash(leaf))
			}
			continue
		}
		for n := from; n < to; n++ {
			hashes, err := readTile(full, level-1, n)
			if err != nil {
				return nil, err
			}
			e.push(level, hashUp(hashes))
		}
	}
	return e, nil
}

// Clone returns a copy that can grow, or be thrown away, independently of e.
func (e *Edge) Clone() *Edge {
	c := &Edge{size: e.size, partial: make([][]tlog.Hash, len(e.partial)), full: e.full[:len(e.full):len(e.full)]}
	for l, p := range e.partial {
		c.partial[l] = p[:len(p):len(p)]
	}
	return c
}

// Next returns a copy to go on from in e's place. Unlike a clone it may use the room
// behind e's hashes, so that going on costs no copy of them: of all that Next returned
// only the newest may grow, and neither e nor its clones may. Dropping it, as when what
// was appended is not to be, takes nothing from e.
func (e *Edge) Next() *Edge {
	c := &Edge{size: e.size, partial: make([][]tlog.Hash, len(e.partial)), full: e.full[:len(e.full):len(e.full)]}
	copy(c.partial, e.partial)
	return c
}

// Size is the number of leaves.
func (e *Edge) Size() int64 { return e.size }

// Append adds the hash of the next leaf.
func (e *Edge) Append(h tlog.Hash) {
	e.size++
	for level := 0; ; level++ {
		if level == len(e.partial) {
			e.partial = append(e.partial, nil)
		}
		if e.partial[level] == nil && level == 0 {
			e.partial[level] = make([]tlog.Hash, 0, 2*tileWidth-1) // it will fill
		}
		e.push(level, h)
		p := e.partial[level]
		if len(p) < 2*tileWidth-1 {
			return
		}
		h = p[len(p)-1]
		e.full = append(e.full, Tile{level, e.size>>(tileHeight*(level+1)) - 1, rowBytes(p, tileWidth)})
		e.partial[level] = nil // not [:0]: clones may share the memory
	}
}

// push adds a hash to an unfinished tile, and the interior hashes it completes.
func (e *Edge) push(level int, h tlog.Hash) {
	p := append(e.partial[level], h)
	n := tilePos(len(p) - 1)
	for height := 0; n&1 == 1; height, n = height+1, n>>1 {
		h = tlog.NodeHash(p[tlog.StoredHashIndex(height, int64(n-1))], h)
		p = append(p, h)
	}
	e.partial[level] = p
}

// tilePos returns how many hashes of height 0 stand before place i of a tile in
// the order of tlog.StoredHashIndex.
func tilePos(i int) int {
	_, n := tlog.SplitStoredHashIndex(int64(i))
	return int(n)
}

// rowBytes returns the first width hashes of height 0.
func rowBytes(p []tlog.Hash, width int) []byte {
	b := make([]byte, 0, width*tlog.HashSize)
	for n := range width {
		b = append(b, p[tlog.StoredHashIndex(0, int64(n))][:]...)
	}
	return b
}

// unfinished returns the hashes of the unfinished tile of a level, or nil.
func (e *Edge) unfinished(level int) []byte {
	if width := int(e.size >> (tileHeight * level) & (tileWidth - 1)); width > 0 {
		return rowBytes(e.partial[level], width)
	}
	return nil
}

// Root is the root of the tree.
func (e *Edge) Root() tlog.Hash {
	if e.size == 0 {
		return sha256.Sum256(nil)
	}
	var root tlog.Hash
	started := false
	for l := 0; e.size>>l > 0; l++ {
		if e.size>>l&1 == 0 {
			continue
		}
		// The completed subtree of 2^l leaves that ends with the leaves before it.
		n := (e.size>>l - 1) & (1<<(tileHeight-l%tileHeight) - 1)
		h := e.partial[l/tileHeight][tlog.StoredHashIndex(l%tileHeight, n)]
		if started {
			h = tlog.NodeHash(h, root)
		}
		root, started = h, true
	}
	return root
}

// TakeFull returns the tiles completed since it was last called, to be stored.
func (e *Edge) TakeFull() []Tile {
	full := e.full
	e.full = nil
	return full
}

// HashReader serves the tree as it is now, and every earlier size of it: hashes
// in unfinished tiles from memory, all others from full tiles. Tiles that TakeFull
// has not yet handed out are served too.
func (e *Edge) HashReader(full FullTile) tlog.HashReader {
	return &edgeReader{e.Clone(), full}
}

type edgeReader struct {
	edge *Edge
	full FullTile
}

func (r *edgeReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	count := tlog.StoredHashCount(r.edge.size)
	out := make([]tlog.Hash, len(indexes))
	var tiles []Tile // read during this call
	for i, index := range indexes {
		if index < 0 || index >= count {
			return nil, fmt.Errorf("hash %d is not in a tree of %d records", index, r.edge.size)
		}
		height, n := tlog.SplitStoredHashIndex(index)
		level, height := height/tileHeight, height%tileHeight
		tile, n := n>>(tileHeight-height), n&(1<<(tileHeight-height)-1)
		if tile == r.edge.size>>(tileHeight*(level+1)) {
			out[i] = r.edge.partial[level][tlog.StoredHashIndex(height, n)]
			continue
		}
		hashes, err := r.tile(level, tile, &tiles)
		if err != nil {
			return nil, err
		}
		width := int64(tlog.HashSize) << height
		out[i] = hashUp(hashes[n*width : (n+1)*width])
	}
	return out, nil
}

func (r *edgeReader) tile(level int, n int64, read *[]Tile) ([]byte, error) {
	for _, tiles := range [...][]Tile{*read, r.edge.full} {
		for _, t := range tiles {
			if t.Level == level && t.N == n {
				return t.Hashes, nil
			}
		}
	}
	hashes, err := readTile(r.full, level, n)
	if err != nil {
		return nil, err
	}
	*read = append(*read, Tile{level, n, hashes})
	return hashes, nil
}

func readTile(full FullTile, level int, n int64) ([]byte, error) {
	if full == nil {
		return nil, errors.New("there is no reader of full tiles")
	}
	hashes, err := full(level, n)
	if err != nil {
		return nil, fmt.Errorf("reading tile %d of level %d: %w", n, level, err)
	}
	if len(hashes) != TileBytes {
		return nil, fmt.Errorf("tile %d of level %d has %d bytes instead of %d", n, level, len(hashes), TileBytes)
	}
	return hashes, nil
}

// hashUp returns the root over a row of 2^k hashes, k ≤ 8.
func hashUp(row []byte) tlog.Hash {
	var nodes [tileWidth]tlog.Hash
	width := len(row) / tlog.HashSize
	for i := range width {
		nodes[i] = tlog.Hash(row[i*tlog.HashSize:])
	}
	for ; width > 1; width /= 2 {
		for i := range width / 2 {
			nodes[i] = tlog.NodeHash(nodes[2*i], nodes[2*i+1])
		}
	}
	return nodes[0]
}
