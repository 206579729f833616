package rollup

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// columns of the tables, an id that seals a name first.
var columns = map[string]string{
	"name": "id, topic, hash, sealed", "actor": "id, pseudonym, sealed", "facet": "id, bare, action, refused, untold, bucket, queue, classes, groups",
	"cell": "grain, start, actor, facet, n, bytes, first, last", "object": "id, version, tag, sealed, size",
	"use": "object, actor, opened, downloaded, other, refused, bytes, first, last, latest", "lease": "id, at, actor, facet, object, size, counted, resumed",
	"trace": "object, record",
}

// order of the rows, where it is not that of the first column.
var order = map[string]string{"cell": "grain, start, actor, facet", "use": "object, actor", "trace": "object, record"}

// Compare answers the tables in which fresh differs from r, both of one room, "position"
// where they have not counted the same records. What is sealed is compared by what it
// seals. Before it compares it holds still what it sees of r and has fresh fed up to the
// same record, where feed is not nil; r may go on meanwhile.
func (r *Rollups) Compare(ctx context.Context, fresh *Rollups, feed func(ctx context.Context, to int64) error) ([]string, error) {
	tx, err := r.readers.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	position, err := meta(ctx, tx, "position")
	if err != nil {
		return nil, err
	}
	if feed != nil {
		if err := feed(ctx, position); err != nil {
			return nil, err
		}
	}
	x, err := r.digests(ctx, tx)
	if err != nil {
		return nil, err
	}
	other, err := fresh.readers.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer other.Rollback()
	y, err := fresh.digests(ctx, other)
	if err != nil {
		return nil, err
	}
	var differ []string
	for t := range x {
		if x[t] != y[t] {
			differ = append(differ, t)
		}
	}
	slices.Sort(differ)
	return differ, nil
}

// digests are the SHA-256 of each table's content.
func (r *Rollups) digests(ctx context.Context, tx querier) (map[string][32]byte, error) {
	position, err := meta(ctx, tx, "position")
	if err != nil {
		return nil, err
	}
	out := map[string][32]byte{"position": sha256.Sum256(fmt.Append(nil, position))}
	for _, t := range tables[1:] {
		names := strings.Split(columns[t], ", ")
		values, pointers := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			pointers[i] = &values[i]
		}
		sealed := slices.Index(names, "sealed")
		h := sha256.New()
		var line []byte
		err := each(ctx, tx, fmt.Sprintf("SELECT %s FROM %s ORDER BY %s", columns[t], t, cmp.Or(order[t], names[0])), func(scan func(...any) error) error {
			if err := scan(pointers...); err != nil {
				return err
			}
			if sealed >= 0 && values[sealed] != nil {
				id, _ := values[0].(int64)
				text, _ := values[sealed].([]byte)
				plain, err := r.keys.open(t, id, text)
				if err != nil {
					return err
				}
				values[sealed] = plain
			}
			line = line[:0]
			for _, v := range values {
				if b, ok := v.([]byte); ok {
					line = fmt.Appendf(line, "%x ", b)
				} else {
					line = fmt.Appendf(line, "%v ", v)
				}
			}
			h.Write(append(line, '\n'))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading the table %s of %s: %w", t, r.path, err)
		}
		out[t] = [32]byte(h.Sum(nil))
	}
	return out, nil
}

// Replace puts the counts of another rollup of the room in the place of these, in one
// transaction; whoever feeds these goes on from there.
func (r *Rollups) Replace(ctx context.Context, with *Rollups) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	conn, err := r.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "ATTACH ? AS new", with.path); err != nil {
		return fmt.Errorf("opening %s: %w", with.path, err)
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "DETACH new")
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := empty(ctx, tx); err != nil {
		return err
	}
	for _, t := range tables[1:] {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO main.%[1]s (%[2]s) SELECT %[2]s FROM new.%[1]s", t, columns[t])); err != nil {
			return fmt.Errorf("replacing the table %s: %w", t, err)
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO main.meta SELECT name, value FROM new.meta WHERE name IN ('position', 'heed') ON CONFLICT DO UPDATE SET value = max(value, excluded.value)"); err != nil {
		return fmt.Errorf("replacing the position: %w", err)
	}
	return tx.Commit()
}
