package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"strongroom"
	"strongroom/ledger"
	"strongroom/seal"
)

func sample() Evidence {
	return Evidence{
		Action: KindRelease, Decision: "permit", Actor: "5f2b", Lease: strongroom.NewID(), Expires: 1_800_000_000_000,
		Blob: strongroom.NewID(), Version: strongroom.NewID(), Custody: "standard", Server: strongroom.NewID(),
		Ephemeral: EphemeralHash([]byte("key")), PolicySet: "00", Policies: []string{"owners-read"},
	}
}

func TestEvidence(t *testing.T) {
	index := int64(7)
	for name, c := range map[string]struct {
		kind   string
		change func(*Evidence)
		ok     bool
	}{
		"a release":                    {KindRelease, func(*Evidence) {}, true},
		"a resumption":                 {KindResume, func(e *Evidence) { e.Action, e.Resumes = KindResume, &index }, true},
		"a resumption of the first":    {KindResume, func(e *Evidence) { e.Action, e.Resumes = KindResume, new(int64) }, true},
		"a resumption of nothing":      {KindResume, func(e *Evidence) { e.Action = KindResume }, false},
		"a release that resumes":       {KindRelease, func(e *Evidence) { e.Resumes = &index }, false},
		"a release in another's name":  {"store", func(*Evidence) {}, false},
		"another action":               {KindRelease, func(e *Evidence) { e.Action = "store" }, false},
		"both another":                 {"store", func(e *Evidence) { e.Action = "store" }, false},
		"denied":                       {KindRelease, func(e *Evidence) { e.Decision = "deny" }, false},
		"undecided":                    {KindRelease, func(e *Evidence) { e.Decision = "" }, false},
		"permitted in capitals":        {KindRelease, func(e *Evidence) { e.Decision = "Permit" }, false},
		"no blob":                      {KindRelease, func(e *Evidence) { e.Blob = strongroom.ID{} }, false},
		"no version":                   {KindRelease, func(e *Evidence) { e.Version = strongroom.ID{} }, false},
		"no lease":                     {KindRelease, func(e *Evidence) { e.Lease = strongroom.ID{} }, false},
		"no server":                    {KindRelease, func(e *Evidence) { e.Server = strongroom.ID{} }, false},
		"no actor":                     {KindRelease, func(e *Evidence) { e.Actor = "" }, false},
		"no custody class":             {KindRelease, func(e *Evidence) { e.Custody = "" }, false},
		"a custody class that is none": {KindRelease, func(e *Evidence) { e.Custody = "../x" }, false},
	} {
		e := sample()
		c.change(&e)
		encoded, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseEvidence(c.kind, encoded)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if c.ok && !reflect.DeepEqual(got, e) {
			t.Errorf("%s: %+v comes back as %+v", name, e, got)
		}
	}
}

// Nothing else stands in evidence, nor beside it.
func TestEvidenceIsStrict(t *testing.T) {
	encoded, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := string(encoded)
	for name, altered := range map[string]string{
		"something unknown": strings.Replace(text, `{`, `{"also":"this",`, 1),
		"something after":   text + `{}`,
		"half":              text[:len(text)/2],
		"nothing":           "",
		"a list":            "[" + text + "]",
		"an id in capitals": strings.Replace(text, `"blob":"`, `"blob":"A`, 1),
	} {
		if _, err := ParseEvidence(KindRelease, []byte(altered)); err == nil {
			t.Errorf("%s passed", name)
		}
	}
}

// proved is a request with all that proves it.
func proved(t testing.TB, at time.Time, e Evidence) (UnwrapRequest, strongroom.ID, tlog.Hash) {
	t.Helper()
	room := strongroom.NewID()
	edge := ledger.NewEdge()
	var record ledger.Record
	for i := range int64(5) {
		payload, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		r, err := ledger.NewRecord(i, 1, at, room, ledger.Entry{Kind: e.Action, Evidence: payload, Personal: []byte(`{}`)})
		if err != nil {
			t.Fatal(err)
		}
		edge.Append(r.Hash())
		if i == 3 {
			record = r
		}
	}
	proof, err := ledger.ProveInclusion(5, 3, edge.HashReader(nil))
	if err != nil {
		t.Fatal(err)
	}
	return UnwrapRequest{Record: record, Size: 5, Proof: proof, Ephemeral: []byte("key")}, room, edge.Root()
}

func TestCheck(t *testing.T) {
	now := time.UnixMilli(sample().Expires).Add(-time.Hour)
	for name, c := range map[string]struct {
		change func(*UnwrapRequest, *strongroom.ID, *tlog.Hash, *time.Time)
		ok     bool
	}{
		"as it should be": {func(*UnwrapRequest, *strongroom.ID, *tlog.Hash, *time.Time) {}, true},
		"just fresh":      {func(_ *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, at *time.Time) { *at = at.Add(Freshness) }, true},
		"just not ahead":  {func(_ *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, at *time.Time) { *at = at.Add(-Freshness) }, true},
		"stale": {func(_ *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, at *time.Time) {
			*at = at.Add(Freshness + time.Second)
		}, false},
		"from the future": {func(_ *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, at *time.Time) {
			*at = at.Add(-Freshness - time.Second)
		}, false},
		"a year later":  {func(_ *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, at *time.Time) { *at = at.AddDate(400, 0, 0) }, false},
		"another room":  {func(_ *UnwrapRequest, room *strongroom.ID, _ *tlog.Hash, _ *time.Time) { room[0] ^= 1 }, false},
		"another root":  {func(_ *UnwrapRequest, _ *strongroom.ID, root *tlog.Hash, _ *time.Time) { root[0] ^= 1 }, false},
		"another key":   {func(r *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, _ *time.Time) { r.Ephemeral = []byte("mine") }, false},
		"no key":        {func(r *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, _ *time.Time) { r.Ephemeral = nil }, false},
		"another size":  {func(r *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, _ *time.Time) { r.Size = 4 }, false},
		"another index": {func(r *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, _ *time.Time) { r.Record.Index = 2 }, false},
		"evidence altered": {func(r *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, _ *time.Time) {
			r.Record.Evidence = bytes.Replace(r.Record.Evidence, []byte("5f2b"), []byte("5f2c"), 1)
		}, false},
		"no evidence": {func(r *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, _ *time.Time) {
			r.Record.Evidence, r.Record.EvidenceSalt = nil, nil
		}, false},
		"the names left out": {func(r *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, _ *time.Time) {
			r.Record.Personal, r.Record.PersonalSalt = nil, nil
		}, false},
		"nothing": {func(r *UnwrapRequest, _ *strongroom.ID, _ *tlog.Hash, _ *time.Time) { *r = UnwrapRequest{} }, false},
	} {
		e := sample()
		req, room, root := proved(t, now, e)
		at := now
		c.change(&req, &room, &root, &at)
		got, err := Check(req, room, root, at)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if c.ok != (got.Blob == e.Blob) {
			t.Errorf("%s: the evidence is of blob %v", name, got.Blob)
		}
	}
	for lease, ok := range map[time.Duration]bool{MaxLease: true, MaxLease + time.Second: false} {
		e := sample()
		req, room, root := proved(t, time.UnixMilli(e.Expires).Add(-lease), e)
		if _, err := Check(req, room, root, time.UnixMilli(e.Expires).Add(-lease)); (err == nil) != ok {
			t.Errorf("a lease of %v: %v", lease, err)
		}
	}
}

// A sealed answer is bound to one record.
func TestSealInfo(t *testing.T) {
	a, _, _ := proved(t, time.Now(), sample())
	b, _, _ := proved(t, time.Now(), sample())
	if bytes.Equal(SealInfo(a.Record), SealInfo(b.Record)) || !bytes.Equal(SealInfo(a.Record), SealInfo(a.Record)) {
		t.Error("it is not bound to the record")
	}
}

func FuzzParseEvidence(f *testing.F) {
	e := sample()
	encoded, err := e.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(KindRelease, encoded)
	e.Action, e.Resumes = KindResume, new(int64)
	encoded, _ = e.Encode()
	f.Add(KindResume, encoded)
	f.Add("store", []byte(`{}`))
	f.Add(KindRelease, []byte(`{"action":"release","decision":"permit"}`))
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		e, err := ParseEvidence(kind, payload)
		if err != nil {
			return
		}
		if e.Decision != "permit" || e.Action != kind || e.Blob.IsZero() || (kind != KindRelease && kind != KindResume) {
			t.Fatalf("passed: %+v", e)
		}
		again, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseEvidence(kind, again); err != nil || !sameJSON(got, e) {
			t.Fatalf("%+v came back as %+v, %v", e, got, err)
		}
	})
}

func sameJSON(a, b Evidence) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errors.Join(errX, errY) == nil && bytes.Equal(x, y)
}

// Who holds the keys knows a request again by the digest of its JSON, so that no field may
// be written otherwise than encoding/json would, or be left out.
func TestUnwrapRequestDigest(t *testing.T) {
	e := sample()
	req, _, _ := proved(t, time.Now(), e)
	req.Stanza = seal.Stanza{Type: "mlkem768-x25519", Recipient: "ab12", Enc: []byte{1, 2, 3}, Body: []byte("body")}
	proof := tlog.TreeProof{{1}, {2, 3}}
	for name, change := range map[string]func(*UnwrapRequest){
		"as it is":             func(*UnwrapRequest) {},
		"with an advance":      func(r *UnwrapRequest) { r.Advance = &AdvanceRequest{[]byte("checkpoint"), 17, proof} },
		"with an empty one":    func(r *UnwrapRequest) { r.Advance = &AdvanceRequest{Proof: tlog.TreeProof{}} },
		"with a first advance": func(r *UnwrapRequest) { r.Advance = &AdvanceRequest{Checkpoint: []byte("checkpoint")} },
		"nothing":              func(r *UnwrapRequest) { *r = UnwrapRequest{} },
		"nothing personal":     func(r *UnwrapRequest) { r.Record.Personal, r.Record.PersonalSalt = nil, nil },
		"negative":             func(r *UnwrapRequest) { r.Record.Index, r.Size = -1, -5 },
		"empty bytes":          func(r *UnwrapRequest) { r.Stanza.Enc, r.Ephemeral, r.Proof = []byte{}, []byte{}, tlog.RecordProof{} },
		"an odd type":          func(r *UnwrapRequest) { r.Stanza.Type = `a"\<&>é` + "\u2028\x00\xff" },
		"an odd recipient":     func(r *UnwrapRequest) { r.Stanza.Recipient = "\t" },
	} {
		r := req
		change(&r)
		got, err := r.appendJSON([]byte("before "))
		want, wantErr := json.Marshal(r)
		if err != nil || wantErr != nil || !bytes.Equal(got, append([]byte("before "), want...)) {
			t.Errorf("%s: %s, %v; encoding/json writes %s", name, got, err, want)
		}
		for range 2 {
			if digest, err := r.Digest(); err != nil || digest != sha256.Sum256(want) {
				t.Errorf("%s: the digest is %x, %v", name, digest, err)
			}
		}
	}
}

func BenchmarkUnwrapRequestDigest(b *testing.B) {
	req, _, _ := proved(b, time.Now(), sample())
	req.Stanza = seal.Stanza{Type: "mlkem768-x25519", Recipient: "ab12", Enc: make([]byte, 1120), Body: make([]byte, 48)}
	req.Record.Personal = make([]byte, 1200)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := req.Digest(); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzUnwrapRequest: whatever arrives as a request is refused or was proved.
func FuzzUnwrapRequest(f *testing.F) {
	at := time.Now()
	e := sample()
	e.Expires = at.Add(time.Minute).UnixMilli()
	req, room, root := proved(f, at, e)
	encoded, err := json.Marshal(req)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Add([]byte(`{"record":{"index":-1},"size":-5,"proof":[]}`))
	f.Add([]byte(`{"stanza":{"type":"a\u2028<&\"","recipient":"é","enc":"","body":null},"record":{"leaf":"","evidence":""},"proof":[],"advance":{"checkpoint":"","proof":[]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var got UnwrapRequest
		if json.Unmarshal(body, &got) != nil {
			return
		}
		written, err := got.appendJSON(nil)
		if plain, plainErr := json.Marshal(got); err != nil || plainErr != nil || !bytes.Equal(written, plain) {
			t.Fatalf("it is written as %s, %v, and by encoding/json as %s", written, err, plain)
		}
		if e, err := Check(got, room, root, at); err == nil && (got.Record.Hash() != req.Record.Hash() || e.Blob.IsZero()) {
			t.Fatalf("a request that was never proved passed: %+v", e)
		}
	})
}
