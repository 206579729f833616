package reach

import (
	"cmp"
	"slices"
	"strings"

	"strongroom/cloud/account"
)

// replica is a bucket to which S3 replicates another's content: whoever reads it reads that.
type replica struct {
	rule   *account.ReplicationRule
	bucket *account.Bucket // nil: of another account, or of nobody knows whom
	cap    Certainty
	notes  []Text
}

// replicas are where S3 replicates a bucket's content to. Replicas are not replicated again
// (Amazon S3 User Guide, "What does Amazon S3 replicate?"), so one look is enough.
func (e *engine) replicas(b *account.Bucket) []replica {
	if b.Replication.V == nil {
		return nil
	}
	var out []replica
	seen := map[string]int{}
	for i := range b.Replication.V.Rules {
		rule := &b.Replication.V.Rules[i]
		c := replica{rule: rule, bucket: e.bucket(rule.Destination), cap: Certain}
		if rule.Destination == "" || c.bucket == b {
			continue
		}
		if !rule.Enabled {
			c.cap = Possible
			c.notes = append(c.notes, Text{"objects were replicated while the rule was enabled", "des objets ont été répliqués tant que la règle était active"})
		}
		// "By default, Amazon S3 doesn't replicate objects that are encrypted with" KMS keys: a
		// rule that does names the replicas' key (User Guide, "Replicating encrypted objects").
		if u := e.keyOf(b); rule.Key == "" && (u.needed || u.managed) {
			c.cap = Possible
			c.notes = append(c.notes, Text{"the bucket has objects that no KMS key encrypts: others are not replicated", "le compartiment a des objets qu’aucune clé KMS ne chiffre : les autres ne sont pas répliqués"})
		}
		at, ok := seen[rule.Destination]
		switch {
		case !ok:
			seen[rule.Destination] = len(out)
			out = append(out, c)
		case c.cap > out[at].cap:
			out[at] = c
		}
	}
	return out
}

// holding are the buckets in which the content lies that the question is about.
func (e *engine) holding() []*account.Bucket {
	if e.contents == nil {
		e.contents = slices.Clone(e.asked())
		for _, b := range e.asked() {
			for _, c := range e.replicas(b) {
				if c.bucket != nil {
					e.contents = append(e.contents, c.bucket)
				}
			}
		}
	}
	return e.contents
}

// goalReplica are the steps that read a bucket's content where S3 replicates it to.
func (e *engine) goalReplica(b *account.Bucket, c replica) []*ref {
	limit := func(refs []*ref) []*ref {
		for _, r := range refs {
			r.cap = min(r.cap, c.cap)
			r.notes = append(r.notes[:len(r.notes):len(r.notes)], c.notes...)
		}
		return refs
	}
	if c.bucket != nil {
		at := *c.bucket
		if c.rule.Key != "" {
			at.Encryption = account.Is(account.Encryption{Algorithm: "aws:kms", Key: c.rule.Key})
		}
		return limit(e.goalIn(c.bucket, e.keyOf(&at)))
	}
	to := &target{kind: "replica", arn: c.rule.Destination, replica: &c}
	var out []*ref
	for _, alt := range e.alts {
		if alt.rule.Gives != "read" || alt.rule.Target != to.kind {
			continue
		}
		r, ok := e.step(alt, to)
		if !ok {
			continue
		}
		m := map[int32]Certainty{int32(e.byARN[e.receiver(c.rule)].class.id): Certain}
		if !e.known("buckets") && c.rule.Account == "" {
			m[int32(e.everyone.class.id)] = Unknown
		}
		r.who = e.fromMap(m)
		if arnAccount(c.rule.Key) == e.a.ID { // which it has to be let use
			k := e.key(c.rule.Key)
			if k == nil {
				k = &account.Key{ARN: c.rule.Key, ID: last(c.rule.Key)}
			}
			key := &target{kind: "key", arn: k.ARN, key: k, bucket: b}
			for _, alt := range e.alts {
				if alt.rule.ID == "kms-decrypt" {
					r.first = &ref{alt: alt, to: key, cap: Certain, who: e.whoKey(&alt.need[0], k, r.who, b)}
					if !k.Policy.Known {
						r.first.who = e.or(r.first.who, e.capped(r.who, Unknown))
						r.missing = append(r.missing, "key-policy")
					}
				}
			}
			if r.first != nil {
				r.who, r.cap = e.and(r.who, r.first.who), min(r.cap, r.first.cap)
			}
		}
		if r.who != none {
			out = append(out, r)
		}
	}
	return limit(out)
}

// receiver is the account, as an actor's ARN, to which a rule replicates that names no bucket
// of this account's: any account, where the rule does not say which.
func (e *engine) receiver(rule *account.ReplicationRule) string {
	if rule.Account == e.a.ID || len(rule.Account) != 12 || strings.Trim(rule.Account, "0123456789") != "" {
		return anyAccount
	}
	return "arn:" + cmp.Or(e.a.Partition, "aws") + ":iam::" + rule.Account + ":root"
}

// replicated says how surely what is replicated to a bucket elsewhere is the other account's to
// read: it is where the rule gives it to the bucket's owner, or where that bucket's owner has
// what is written to it, as is so of new buckets since April 2023 (Amazon S3 User Guide,
// "Changing the replica owner", "Controlling ownership of objects").
func (e *engine) replicated(rule *account.ReplicationRule) fact {
	switch {
	case (rule.Account == "" || rule.Account == e.a.ID) && !e.known("buckets"):
		return lacking("buckets")
	case rule.Theirs:
		return isSo
	}
	return assumed("the owner of the bucket "+last(rule.Destination)+" owns what is written to it", "le propriétaire du compartiment "+last(rule.Destination)+" possède ce qui y est écrit")
}
