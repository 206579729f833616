package door

import (
	"context"
	"fmt"

	"strongroom"
	"strongroom/ledger"
	"strongroom/vault"
)

// Evidence is the room's keys that evidence out of its ledger verifies by.
type Evidence struct {
	LedgerKey   string
	WitnessKeys []string
}

// Bundle is evidence of some records that verifies on a machine which never saw the room,
// against a checkpoint of at least so many records: the witnessed one where that covers all,
// since it is the stronger. Read answers a record to whomever the bundle is for, after
// deciding that it may.
func (r *Room) Bundle(ctx context.Context, covers int64, indexes []int64, read func(ctx context.Context, index int64) (ledger.Record, error)) (*ledger.Bundle, error) {
	key, err := ledger.ParseVerifier(r.Evidence.LedgerKey)
	if err != nil {
		return nil, fmt.Errorf("reading the ledger's key: %w", err)
	}
	for _, index := range indexes {
		covers = max(covers, index+1)
	}
	book := r.Vault.Book
	checkpoint := book.Head().Checkpoint
	if w, err := book.Witnessed(ctx); err == nil && w != nil {
		if c, _, err := ledger.OpenCheckpoint(w, key); err == nil && covers <= c.Size {
			checkpoint = w
		}
	}
	head, _, err := ledger.OpenCheckpoint(checkpoint, key)
	if err != nil {
		return nil, fmt.Errorf("the signed head does not verify: %w", err)
	}
	b := &ledger.Bundle{Format: ledger.BundleFormat, Room: r.Vault.ID, LedgerKey: r.Evidence.LedgerKey, WitnessKeys: r.Evidence.WitnessKeys, Checkpoint: string(checkpoint)}
	for _, index := range indexes {
		if index < 0 || index >= head.Size {
			return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("there is no record %d: the ledger has records 0 to %d", index, head.Size-1)}
		}
		record, err := read(ctx, index)
		if err != nil {
			return nil, err
		}
		proof, err := book.ProveInclusion(ctx, head.Size, index)
		if err != nil {
			return nil, err
		}
		b.Records = append(b.Records, ledger.BundledRecord{Record: record, Proof: proof})
	}
	return b, nil
}

// ReadRecord reads one record for somebody who may read the ledger, on record.
func (r *Room) ReadRecord(who vault.Caller) func(ctx context.Context, index int64) (ledger.Record, error) {
	return func(ctx context.Context, index int64) (ledger.Record, error) {
		records, err := r.Vault.ReadLedger(ctx, who, index, index+1)
		if err != nil {
			return ledger.Record{}, err
		}
		for record, err := range records {
			return record, err
		}
		return ledger.Record{}, fmt.Errorf("record %d is missing from the database", index)
	}
}
