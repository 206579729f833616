package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ExportTiles writes a ledger in the layout of C2SP tlog-tiles: hash tiles, bundles
// of leaves and, last, the signed checkpoint. Leaves alone are exported, so that
// nothing of the payloads leaves. The records are those from index 0 to the
// checkpoint's size; memory stays small whatever their number. The paths given to
// put have no leading slash.
func ExportTiles(ctx context.Context, checkpoint []byte, records iter.Seq2[Record, error], put func(path string, data []byte) error) error {
	c, err := unverifiedCheckpoint(checkpoint)
	if err != nil {
		return fmt.Errorf("exporting tiles: %w", err)
	}
	x := tileExport{edge: NewEdge(), put: put}
	for r, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("exporting tiles: reading record %d: %w", x.edge.Size(), err)
		}
		if r.Index != x.edge.Size() {
			return fmt.Errorf("exporting tiles: record %d stands in the place of record %d", r.Index, x.edge.Size())
		}
		if x.edge.Size() == c.Size {
			break
		}
		if err := x.add(r.Leaf); err != nil {
			return fmt.Errorf("exporting tiles: %w", err)
		}
	}
	if x.edge.Size() != c.Size || x.edge.Root() != c.Root {
		return errors.New("exporting tiles: the records are not those of the checkpoint; verify the ledger")
	}
	if err := x.finish(); err != nil {
		return fmt.Errorf("exporting tiles: %w", err)
	}
	if err := put("checkpoint", checkpoint); err != nil {
		return fmt.Errorf("exporting tiles: writing the checkpoint: %w", err)
	}
	return nil
}

type tileExport struct {
	edge    *Edge
	entries []byte
	put     func(path string, data []byte) error
}

func (x *tileExport) add(leaf []byte) error {
	if _, err := ParseLeaf(leaf); err != nil {
		return &AlteredError{x.edge.Size(), err.Error()}
	}
	x.entries = binary.BigEndian.AppendUint16(x.entries, uint16(len(leaf)))
	x.entries = append(x.entries, leaf...)
	x.edge.Append(LeafHash(leaf))
	if x.edge.Size()%tileWidth == 0 {
		if err := x.write(tilePath("entries", x.edge.Size()/tileWidth-1, tileWidth), x.entries); err != nil {
			return err
		}
		x.entries = nil
	}
	for _, t := range x.edge.TakeFull() {
		if err := x.write(tilePath(fmt.Sprint(t.Level), t.N, tileWidth), t.Hashes); err != nil {
			return err
		}
	}
	return nil
}

func (x *tileExport) finish() error {
	size := x.edge.Size()
	if width := int(size % tileWidth); width > 0 {
		if err := x.write(tilePath("entries", size/tileWidth, width), x.entries); err != nil {
			return err
		}
	}
	for level := 0; size>>(tileHeight*level) > 0; level++ {
		if hashes := x.edge.unfinished(level); hashes != nil {
			path := tilePath(fmt.Sprint(level), size>>(tileHeight*(level+1)), len(hashes)/tlog.HashSize)
			if err := x.write(path, hashes); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *tileExport) write(path string, data []byte) error {
	if err := x.put(path, data); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// tilePath is the path of a tile: its number in elements of three digits, all but
// the last marked with an x, and its width unless it is full.
func tilePath(level string, n int64, width int) string {
	number := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		number = fmt.Sprintf("x%03d/%s", n%1000, number)
	}
	path := "tile/" + level + "/" + number
	if width < tileWidth {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

// VerifyTiles reads an export back and recomputes it: every leaf, every tile and
// the root, against the checkpoint that the ledger's key signed. read gets paths
// as ExportTiles gave them.
func VerifyTiles(ctx context.Context, read func(path string) ([]byte, error), ledgerKey note.Verifier, witnesses ...note.Verifier) (Checkpoint, *note.Note, error) {
	signed, err := read("checkpoint")
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("verifying tiles: reading the checkpoint: %w", err)
	}
	c, n, err := OpenCheckpoint(signed, ledgerKey, witnesses...)
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("verifying tiles: %w", err)
	}
	// The tiles are made again from the entries, and compared path by path.
	x := tileExport{edge: NewEdge(), put: func(path string, data []byte) error {
		if strings.HasPrefix(path, "tile/entries/") {
			return nil // data was read from there
		}
		got, err := read(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, data) {
			return errors.New("its hashes are not those of the entries")
		}
		return nil
	}}
	for first := int64(0); first < c.Size; first += tileWidth {
		if err := ctx.Err(); err != nil {
			return Checkpoint{}, nil, err
		}
		width := int(min(tileWidth, c.Size-first))
		path := tilePath("entries", first/tileWidth, width)
		data, err := read(path)
		if err != nil {
			return Checkpoint{}, nil, fmt.Errorf("verifying tiles: reading %s: %w", path, err)
		}
		leaves, err := splitEntries(data, width)
		if err != nil {
			return Checkpoint{}, nil, fmt.Errorf("verifying tiles: reading %s: %w", path, err)
		}
		for _, leaf := range leaves {
			if err := x.add(leaf); err != nil {
				return Checkpoint{}, nil, fmt.Errorf("verifying tiles: %w", err)
			}
		}
	}
	if err := x.finish(); err != nil {
		return Checkpoint{}, nil, fmt.Errorf("verifying tiles: %w", err)
	}
	if root := x.edge.Root(); root != c.Root {
		return Checkpoint{}, nil, fmt.Errorf("verifying tiles: %w", &RootError{Checkpoint: c, Root: root})
	}
	return c, n, nil
}

func splitEntries(data []byte, width int) ([][]byte, error) {
	leaves := make([][]byte, 0, width)
	for range width {
		if len(data) < 2 {
			return nil, fmt.Errorf("it ends after %d of %d entries", len(leaves), width)
		}
		n := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+n {
			return nil, fmt.Errorf("it ends within entry %d", len(leaves))
		}
		leaves = append(leaves, data[2:2+n])
		data = data[2+n:]
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("something follows its %d entries", width)
	}
	return leaves, nil
}

// unverifiedCheckpoint reads a checkpoint that this side has signed itself.
func unverifiedCheckpoint(signed []byte) (Checkpoint, error) {
	text, _, ok := strings.Cut(string(signed), "\n\n")
	if !ok {
		return Checkpoint{}, errors.New("the checkpoint is not signed")
	}
	return parseCheckpoint(text + "\n")
}
