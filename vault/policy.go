package vault

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"strongroom"
	"strongroom/book"
)

// TranslatePolicy makes a bucket policy, in the AWS policy language, into Cedar policies
// of that bucket, or says why it cannot; known reports whether the room has a principal
// of that name.
type TranslatePolicy func(bucket string, text []byte, known func(name string) bool) (strongroom.BucketPolicy, error)

// PutPolicy puts a policy set in force, beside the policies that buckets have. An
// invalid one is refused and the old one stays; so is one under which the very person
// who puts it could not put another. It answers the hash of all that is now in force.
func (r *Room) PutPolicy(ctx context.Context, c Caller, text []byte) (string, error) {
	return r.putPolicy(ctx, c, text, "")
}

// PutPolicyOver is PutPolicy in the place of what somebody saw: it is refused where what is
// in force has another hash by now.
func (r *Room) PutPolicyOver(ctx context.Context, c Caller, text []byte, seen string) (string, error) {
	return r.putPolicy(ctx, c, text, cmp.Or(seen, "nothing"))
}

func (r *Room) putPolicy(ctx context.Context, c Caller, text []byte, seen string) (string, error) {
	a := r.decide(c, strongroom.ActionManagePolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return "", r.refuse(ctx, a)
	}
	if _, err := r.Compile(text); err != nil {
		return "", invalidPolicy(err)
	}
	for range 16 {
		now, err := r.policies(ctx)
		if err != nil {
			return "", err
		}
		if seen != "" && hashOf(now.text()) != seen {
			return "", &strongroom.Error{Kind: strongroom.KindConflict, Message: "the policies have changed since you looked at them, so nothing was changed", Hint: "look at them as they are now, and make the change again"}
		}
		now.base = text
		var change book.Change
		hash, err := r.enforce(a, now, &change)
		if err != nil {
			return "", err
		}
		p := a.personal()
		p.Subject = hash
		_, err = r.apply(ctx, KindPolicy, r.evidence("policy-put", a), p, change)
		if _, conflicts := errors.AsType[*book.ConditionError](err); conflicts {
			continue
		}
		if err != nil {
			return "", unavailable("it could not be recorded, so nothing was changed", err)
		}
		return hash, nil
	}
	return "", conflict(errors.New("the policy changed with every attempt"))
}

// SetBucketPolicy gives a bucket a policy, or with no text takes it away. What it says
// becomes part of the room's policy set.
func (r *Room) SetBucketPolicy(ctx context.Context, c Caller, bucket string, text []byte) error {
	for range 16 {
		now, err := r.policies(ctx) // before the bucket's row, so that the two agree or the change fails
		if err != nil {
			return err
		}
		b, exists := r.bucket(bucket)
		a := r.decide(c, strongroom.ActionManagePolicy, strongroom.Resource{})
		if !a.decision.Permit {
			return r.refuse(ctx, a)
		}
		if !exists {
			return noBucket(bucket)
		}
		changed := b.Bucket
		changed.Policy = nil
		delete(now.buckets, b.Name)
		if len(text) > 0 {
			p, err := r.TranslatePolicy(bucket, text, func(name string) bool { _, known := r.PrincipalByName(name); return known })
			if err != nil {
				return err
			}
			if block := b.AccessBlock(); p.Public && block != nil && block.BlockPolicy {
				r.recordRefusal(ctx, a, "public access block")
				return &strongroom.Error{Kind: strongroom.KindDenied,
					Message: "the policy grants to everybody in the room, and the bucket's public access block refuses such policies",
					Hint:    "name who is meant, or change the bucket's public access block first"}
			}
			changed.Policy = &p
			now.buckets[b.Name] = p.Cedar
		}
		change := book.Change{Require: []book.Condition{b.unchanged()}}
		if _, err := r.enforce(a, now, &change); err != nil {
			return err
		}
		row, err := r.bucketRow(changed)
		if err != nil {
			return err
		}
		change.Put = append(change.Put, row)
		p := a.personal()
		p.Subject = bucket
		e := r.evidence("bucket-policy", a)
		e.Bucket = b.ID
		_, err = r.apply(ctx, KindPolicy, e, p, change)
		if _, conflicts := errors.AsType[*book.ConditionError](err); conflicts {
			continue
		}
		if err != nil {
			return unavailable("the policy could not be recorded, so nothing was changed", err)
		}
		return nil
	}
	return conflict(errors.New("the policy changed with every attempt"))
}

// withoutPolicy adds to a bucket's deletion that its policy goes with it.
func (r *Room) withoutPolicy(ctx context.Context, b bucketRow, change *book.Change) error {
	now, err := r.policies(ctx)
	if err != nil {
		return err
	}
	delete(now.buckets, b.Name)
	_, err = r.combine(now, change)
	return err
}

func invalidPolicy(err error) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "the policy set is not valid, so the one in force stays: " + err.Error()}
}

// policies is what the policy set in force consists of.
type policies struct {
	base    []byte            // what is no bucket's
	buckets map[string]string // by the bucket's name, in Cedar
	salt    [16]byte          // of the row that puts it in force
}

// text is the whole set.
func (p policies) text() string {
	var b strings.Builder
	b.Write(p.base)
	for _, bucket := range slices.Sorted(maps.Keys(p.buckets)) {
		fmt.Fprintf(&b, "\n// --- Bucket policy of %s ---\n\n%s", bucket, p.buckets[bucket])
	}
	return b.String()
}

// policies reads what the policy set in force consists of. The row that says which one it
// is comes first: whatever changes afterwards, a change that requires that row fails.
func (r *Room) policies(ctx context.Context) (policies, error) {
	for range 100 {
		row, err := r.Book.Row(ctx, rowPolicy, currentPolicy)
		if err != nil {
			return policies{}, unavailable("the policy in force cannot be read", err)
		}
		body, err := decode[policyBody](row)
		if err != nil {
			return policies{}, unavailable("the policy in force cannot be read", err)
		}
		p := policies{buckets: map[string]string{}, salt: row.Salt}
		if p.base, err = r.PolicySet(ctx, cmp.Or(body.Base, body.Hash)); err != nil {
			return policies{}, unavailable("the policy in force cannot be read", err)
		}
		r.state.mu.RLock()
		for _, b := range r.state.buckets {
			if b.Policy != nil {
				p.buckets[b.Name] = b.Policy.Cedar
			}
		}
		r.state.mu.RUnlock()
		if hashOf(p.text()) == body.Hash {
			return p, nil
		}
		time.Sleep(time.Millisecond) // the state is about to follow, or another change came between
	}
	return policies{}, unavailable("the policy in force cannot be read", errors.New("it is not what the room and its buckets say"))
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// enforce is combine, refusing a set under which the asker could not change it again.
func (r *Room) enforce(a asked, p policies, change *book.Change) (string, error) {
	set, err := r.combine(p, change)
	if err != nil {
		return "", err
	}
	if d := set.Decide(a.question); !d.Permit {
		return "", &strongroom.Error{
			Kind:    strongroom.KindInvalid,
			Message: "under this policy set you could not change policies any more, so the one in force stays",
			Hint:    "keep a permit for managePolicy that holds for you",
		}
	}
	return set.Hash(), nil
}

// combine adds to a change that policies come into force in the place of those that were
// read.
func (r *Room) combine(p policies, change *book.Change) (Decider, error) {
	text := p.text()
	set, err := r.Compile([]byte(text))
	if err != nil {
		return nil, invalidPolicy(err)
	}
	change.Require = append(change.Require, book.Condition{Form: book.Unchanged, Kind: rowPolicy, ID: currentPolicy, Salt: p.salt})
	body := policyBody{Hash: set.Hash()}
	texts := map[string]string{set.Hash(): text}
	if len(p.buckets) > 0 {
		body.Base = hashOf(string(p.base))
		texts[body.Base] = string(p.base)
	}
	for hash, text := range texts {
		set, err := row(rowPolicySet, hash, policySetBody{text})
		if err != nil {
			return nil, unavailable("the policy's row could not be made", err)
		}
		change.Put = append(change.Put, set)
	}
	force, err := row(rowPolicy, currentPolicy, body)
	if err != nil {
		return nil, unavailable("the policy's row could not be made", err)
	}
	change.Put = append(change.Put, force)
	return set, nil
}

// PolicyBase answers the part of the policy set in force that is no bucket's: what
// PutPolicy would replace.
func (r *Room) PolicyBase(ctx context.Context) ([]byte, error) {
	p, err := r.policies(ctx)
	return p.base, err
}

// ReadPolicy answers the part of the policy set in force that is no bucket's, and the hash of
// the whole, on record.
func (r *Room) ReadPolicy(ctx context.Context, c Caller) (base []byte, hash string, err error) {
	a := r.decide(c, strongroom.ActionReadPolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return nil, "", r.refuse(ctx, a)
	}
	now, err := r.policies(ctx)
	if err != nil {
		return nil, "", err
	}
	return now.base, hashOf(now.text()), r.administer(ctx, a, KindPolicy, "policy-read", hashOf(now.text()), book.Change{})
}

// PolicyIf answers what would be in force if PutPolicy were given base: with it, the
// policies of the buckets.
func (r *Room) PolicyIf(ctx context.Context, base []byte) ([]byte, error) {
	p, err := r.policies(ctx)
	p.base = base
	return []byte(p.text()), err
}
