package ledger

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ProveInclusion proves that the tree of the given size has the leaf with that
// index. The reader may belong to a later size.
func ProveInclusion(size, index int64, r tlog.HashReader) (tlog.RecordProof, error) {
	if err := checkPlace(size, index); err != nil {
		return nil, err
	}
	p, err := tlog.ProveRecord(size, index, r)
	if err != nil {
		return nil, fmt.Errorf("proving record %d of %d: %w", index, size, err)
	}
	return p, nil
}

// CheckInclusion checks that the tree of the given size and root has leafHash at
// index.
func CheckInclusion(p tlog.RecordProof, size int64, root tlog.Hash, index int64, leafHash tlog.Hash) error {
	if err := checkPlace(size, index); err != nil {
		return err
	}
	if err := tlog.CheckRecord(p, size, root, index, leafHash); err != nil {
		return fmt.Errorf("the inclusion proof of record %d does not hold in the tree of %d records", index, size)
	}
	return nil
}

// ProveConsistency proves that the tree of newSize starts with all leaves of the
// tree of oldSize. The reader may belong to a later size.
func ProveConsistency(oldSize, newSize int64, r tlog.HashReader) (tlog.TreeProof, error) {
	if err := checkSizes(oldSize, newSize); err != nil {
		return nil, err
	}
	if oldSize == 0 {
		return tlog.TreeProof{}, nil
	}
	p, err := tlog.ProveTree(newSize, oldSize, r)
	if err != nil {
		return nil, fmt.Errorf("proving that %d records start with %d: %w", newSize, oldSize, err)
	}
	return p, nil
}

// CheckConsistency checks that the new tree starts with all leaves of the old one.
// The empty tree precedes every tree, with an empty proof.
func CheckConsistency(p tlog.TreeProof, oldSize int64, oldRoot tlog.Hash, newSize int64, newRoot tlog.Hash) error {
	if err := checkSizes(oldSize, newSize); err != nil {
		return err
	}
	bad := fmt.Errorf("the consistency proof from %d to %d records does not hold", oldSize, newSize)
	if newSize == 0 && newRoot != NewEdge().Root() {
		return bad
	}
	if oldSize == 0 {
		if len(p) != 0 || oldRoot != NewEdge().Root() {
			return bad
		}
		return nil
	}
	if tlog.CheckTree(p, newSize, newRoot, oldSize, oldRoot) != nil {
		return bad
	}
	return nil
}

func checkPlace(size, index int64) error {
	if size < 0 || size > MaxSize {
		return fmt.Errorf("a ledger has between 0 and %d records", MaxSize)
	}
	if index < 0 || index >= size {
		return fmt.Errorf("a ledger of %d records has no record %d", size, index)
	}
	return nil
}

func checkSizes(oldSize, newSize int64) error {
	if oldSize < 0 || newSize > MaxSize {
		return fmt.Errorf("a ledger has between 0 and %d records", MaxSize)
	}
	if oldSize > newSize {
		return errors.New("the older ledger is larger than the newer one")
	}
	return nil
}
