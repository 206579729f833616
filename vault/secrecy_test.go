package vault_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strongroom"
	"strongroom/internal/house"
	"strongroom/internal/housetest"
	"strongroom/limit"
	"strongroom/vault"
)

// busy runs a room through all that a day brings, and returns the words that people
// wrote in it, and the ids of the rows that decisions trust. The room is stopped.
func busy(t *testing.T) (r *housetest.Room, path string, words, ids []string) {
	t.Helper()
	r = housetest.New(t, house.Options{})
	path = r.Path
	bucket := "quejas-confidenciales"
	r.Bucket(bucket)
	agent := r.Person(strongroom.Principal{Name: "ines.martin", Groups: []string{"agents"}, Aliases: []string{"genesys-user-4711"},
		Attributes: map[string][]string{"queues": {"hypothekenabteilung"}}})
	agent.Purpose = strongroom.Purpose{Text: "neugier-und-langeweile", Ticket: "INC-20931-refused"}
	owner := r.Owner
	owner.Purpose = strongroom.Purpose{Text: "beschwerde-des-kunden", Ticket: "INC-20930-granted"}
	owner.Source = "198.51.100.77"
	words = []string{
		bucket, "ines.martin", "genesys-user-4711", "hypothekenabteilung", "neugier-und-langeweile", "INC-20931-refused",
		"beschwerde-des-kunden", "INC-20930-granted", "198.51.100.77", "Frau-Schneider", "audio/x-unusual", "said-in-confidence", "kündigung-2026",
		"upload-von-herrn-huber", "gelöschte-aufnahme", r.Founded.KeyID,
	}
	meta := map[string]string{"strongroom-customer": "Frau-Schneider"}
	body := []byte(strings.Repeat("said-in-confidence ", 5000))
	put := func(key string) {
		t.Helper()
		_, err := r.Room.Put(t.Context(), owner, vault.PutRequest{Bucket: bucket, Key: key, Size: -1,
			Declared: vault.Declared{Meta: meta, Headers: map[string]string{"Content-Type": "audio/x-unusual"}}}, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		put(fmt.Sprintf("kündigung-2026/%d", i))
		put("gelöschte-aufnahme")
	}
	for i := range 10 {
		key := fmt.Sprintf("kündigung-2026/%d", i)
		if _, err := r.Get(agent, bucket, key, 0, -1); strongroom.KindOf(err) != strongroom.KindDenied {
			t.Fatal(err)
		}
		for _, length := range []int64{10, -1} {
			if got, err := r.Get(owner, bucket, key, 0, length); err != nil || len(got) == 0 {
				t.Fatal(err)
			}
		}
	}
	for _, end := range []bool{true, false} {
		u, err := r.Room.CreateUpload(t.Context(), owner, vault.UploadRequest{Bucket: bucket, Key: "upload-von-herrn-huber", Declared: vault.Declared{Meta: meta}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Room.PutPart(t.Context(), owner, vault.PartRequest{Bucket: bucket, Key: "upload-von-herrn-huber", Upload: u.ID, Number: 1, Size: -1}, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		if end {
			if err := r.Room.Abort(t.Context(), owner, bucket, "upload-von-herrn-huber", u.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := deleted(r.Room.Delete(t.Context(), owner, bucket, []vault.DeleteRequest{{Key: "gelöschte-aufnahme"}, {Key: "nothing"}})); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.List(t.Context(), owner, vault.ListRequest{Bucket: bucket, Prefix: "kündigung-2026", Max: 5}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Room.PutPolicy(t.Context(), owner, append(limit.Default().Text(), "\n// geheime-bemerkung\n"...)); err != nil {
		t.Fatal(err)
	}
	words = append(words, "geheime-bemerkung", r.Founded.Secret)
	for row, err := range r.Book.Rows(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, row.Kind+" "+row.ID)
	}
	r.Stop()
	return r, path, words, ids
}

// search reads a database's files and says which of the needles they hold, in the
// forms that bytes take in a database: as they are, in base64, in hexadecimal.
func search(t *testing.T, path string, needles []string) (found []string) {
	t.Helper()
	var all []byte
	for _, suffix := range []string{"", "-wal", "-journal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if len(all) < 4096 {
		t.Fatalf("%s has %d bytes", path, len(all))
	}
	for _, needle := range needles {
		forms := [][]byte{[]byte(needle), []byte(base64.StdEncoding.EncodeToString([]byte(needle))), []byte(hex.EncodeToString([]byte(needle)))}
		if raw, err := hex.DecodeString(needle); err == nil {
			forms = append(forms, raw)
		}
		for _, form := range forms {
			if bytes.Contains(all, form) {
				found = append(found, needle)
				break
			}
		}
	}
	return found
}

// P8: the operational database reveals no object, person or right.
func TestOperationalDatabaseRevealsNothing(t *testing.T) {
	_, path, words, ids := busy(t)
	needles := slices.Clone(words)
	for _, id := range ids {
		_, id, _ = strings.Cut(id, " ")
		if id != "current" {
			needles = append(needles, id)
		}
	}
	if len(needles) < 30 {
		t.Fatalf("only %d things to look for", len(needles))
	}
	if found := search(t, filepath.Join(path, "ops.db"), needles); len(found) > 0 {
		t.Errorf("ops.db holds %q", found)
	}
	// It is the file that was written to: the jobs that erased what was deleted.
	db, err := sql.Open("sqlite", "file:"+filepath.Join(path, "ops.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("INSERT INTO job (id, kind, body, due, attempts, problem) VALUES ('x', 'y', CAST('said-in-confidence' AS BLOB), 0, 0, '')"); err != nil {
		t.Fatal(err)
	}
	if found := search(t, filepath.Join(path, "ops.db"), words); len(found) != 1 {
		t.Errorf("the search is blind: of what was just written it finds %q", found)
	}
}

// Whoever administers the database, or holds a backup of it, reads no name, key,
// purpose, metadata, ticket or content in it; nor in the blobs, nor at the custodian.
func TestDatabaseAndBlobsHoldNoPlaintext(t *testing.T) {
	_, path, words, ids := busy(t)
	if found := search(t, filepath.Join(path, "content.db"), words); len(found) > 0 {
		t.Errorf("content.db holds %q", found)
	}
	if found := search(t, filepath.Join(path, "custodian", "custodian.db"), words); len(found) > 0 {
		t.Errorf("custodian.db holds %q", found)
	}
	var row string
	for _, id := range ids {
		if strings.HasPrefix(id, "object ") {
			_, row, _ = strings.Cut(id, " ")
		}
	}
	if found := search(t, filepath.Join(path, "content.db"), []string{row}); len(found) != 1 {
		t.Errorf("the search is blind: it does not find row %s", row)
	}
	err := filepath.WalkDir(filepath.Join(path, "blobs"), func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(file)
		for _, w := range words {
			if bytes.Contains(b, []byte(w)) || strings.Contains(d.Name(), w) {
				t.Errorf("%s holds %q", file, w)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
