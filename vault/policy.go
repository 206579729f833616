package vault

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	a := r.decide(c, strongroom.ActionManagePolicy, strongroom.Resource{})
	if !a.decision.Permit {
		return "", r.refuse(ctx, a)
	}
	if _, err := r.Compile(text); err != nil {
		return "", invalidPolicy(err)
	}
	var change book.Change
	hash, err := r.enforce(ctx, a, text, r.bucketPolicies(strongroom.ID{}), &change)
	if err != nil {
		return "", err
	}
	return hash, r.administer(ctx, a, KindPolicy, "policy-put", hash, change)
}

// SetBucketPolicy gives a bucket a policy, or with no text takes it away. What it says
// becomes part of the room's policy set.
func (r *Room) SetBucketPolicy(ctx context.Context, c Caller, bucket string, text []byte) error {
	for range 16 {
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
		policies := r.bucketPolicies(b.ID)
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
			policies = append(policies, bucketCedar{bucket, p.Cedar})
		}
		change := book.Change{Require: []book.Condition{b.unchanged()}}
		base, err := r.basePolicy(ctx)
		if err != nil {
			return err
		}
		if _, err := r.enforce(ctx, a, base, policies, &change); err != nil {
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
	base, err := r.basePolicy(ctx)
	if err != nil {
		return err
	}
	_, err = r.combine(ctx, base, r.bucketPolicies(b.ID), change)
	return err
}

func invalidPolicy(err error) error {
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "the policy set is not valid, so the one in force stays: " + err.Error()}
}

type bucketCedar struct{ bucket, cedar string }

// bucketPolicies answers what the policies of buckets say, but for one bucket.
func (r *Room) bucketPolicies(but strongroom.ID) []bucketCedar {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	var out []bucketCedar
	for id, b := range r.state.buckets {
		if b.Policy != nil && id != but {
			out = append(out, bucketCedar{b.Name, b.Policy.Cedar})
		}
	}
	return out
}

// basePolicy is the part of the policy set in force that is no bucket's.
func (r *Room) basePolicy(ctx context.Context) ([]byte, error) {
	row, err := r.Book.Row(ctx, rowPolicy, currentPolicy)
	if err != nil {
		return nil, unavailable("the policy in force cannot be read", err)
	}
	b, err := decode[policyBody](row)
	if err != nil {
		return nil, unavailable("the policy in force cannot be read", err)
	}
	text, err := r.PolicySet(ctx, cmp.Or(b.Base, b.Hash))
	if err != nil {
		return nil, unavailable("the policy in force cannot be read", err)
	}
	return text, nil
}

// enforce is combine, refusing a set under which the asker could not change it again.
func (r *Room) enforce(ctx context.Context, a asked, base []byte, policies []bucketCedar, change *book.Change) (string, error) {
	set, err := r.combine(ctx, base, policies, change)
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

// combine adds to a change that a set of policies comes into force: the base, and
// what buckets have.
func (r *Room) combine(ctx context.Context, base []byte, policies []bucketCedar, change *book.Change) (Decider, error) {
	slices.SortFunc(policies, func(a, b bucketCedar) int { return strings.Compare(a.bucket, b.bucket) })
	text := string(base)
	for _, p := range policies {
		text += fmt.Sprintf("\n// --- Bucket policy of %s ---\n\n%s", p.bucket, p.cedar)
	}
	set, err := r.Compile([]byte(text))
	if err != nil {
		return nil, invalidPolicy(err)
	}
	current, err := r.Book.Row(ctx, rowPolicy, currentPolicy)
	if err != nil {
		return nil, unavailable("the policy in force cannot be read", err)
	}
	change.Require = append(change.Require, book.Condition{Form: book.Unchanged, Kind: rowPolicy, ID: currentPolicy, Salt: current.Salt})
	body := policyBody{Hash: set.Hash()}
	texts := map[string]string{set.Hash(): text}
	if len(policies) > 0 {
		sum := sha256.Sum256(base)
		body.Base = hex.EncodeToString(sum[:])
		texts[body.Base] = string(base)
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
