package limit

import (
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func id(b byte) (id strongroom.ID) {
	id[15] = b
	return id
}

// unsampled and sampled are versions outside and inside the sample.
var unsampled, sampled = strongroom.ID{7: 1}, strongroom.ID{7: 20}

func recording(key string, created time.Time, attributes ...string) strongroom.Resource {
	r := strongroom.Resource{
		Bucket: "recordings", Key: key, Version: unsampled, Custody: "machine", Size: 1 << 20, Created: created,
		Label: strongroom.Label{Confidential: true, Classes: []string{"voice"}},
	}
	for i := 0; i < len(attributes); i += 2 {
		if r.Attributes == nil {
			r.Attributes = map[string]string{}
		}
		r.Attributes[attributes[i]] = attributes[i+1]
	}
	return r
}

func with(r strongroom.Resource, change func(*strongroom.Resource)) strongroom.Resource {
	change(&r)
	return r
}

var yesterday, lastYear = noon.AddDate(0, 0, -1), noon.AddDate(-1, 0, 0)

var resources = map[string]strongroom.Resource{
	"room":          {},
	"recordings":    {Bucket: "recordings", Custody: "machine"},
	"billing":       {Bucket: "billing", Custody: "machine"},
	"lea-fresh":     recording("lea-fresh", yesterday, "agent", "4711", "queue", "billing"),
	"lea-by-name":   recording("lea-by-name", yesterday, "agent", "lea.roux", "queue", "sales"),
	"lea-at-30d":    recording("lea-at-30d", noon.Add(-30*24*time.Hour), "agent", "4711", "queue", "sales"),
	"lea-under-30d": recording("lea-under-30d", noon.Add(time.Millisecond-30*24*time.Hour), "agent", "4711", "queue", "sales"),
	"old-sales":     recording("old-sales", lastYear, "agent", "someone", "queue", "sales"),
	"sampled":       with(recording("sampled", lastYear, "queue", "sales"), func(r *strongroom.Resource) { r.Version = sampled }),
	"chosen":        recording("chosen", lastYear, "queue", "sales", "sample", "quality"),
	"copy":          with(recording("copy", yesterday), func(r *strongroom.Resource) { r.Scrubbed = true }),
	"rivals-copy":   with(recording("rivals-copy", yesterday, "vendor", "rival"), func(r *strongroom.Resource) { r.Scrubbed = true }),
	"held":          with(recording("held", yesterday), func(r *strongroom.Resource) { r.LegalHold = true }),
	"empty-agent":   recording("empty-agent", yesterday, "agent", "", "queue", ""),
	"just-stored":   recording("just-stored", noon.Add(time.Millisecond-time.Hour)),
	"hour-old":      recording("hour-old", noon.Add(-time.Hour)),
	"absent":        {Bucket: "recordings", Key: "absent", Custody: "machine"}, // nothing is stored there
}

var people = map[string]strongroom.Principal{
	"agent":            {ID: id(1), Name: "lea.roux", Kind: strongroom.Person, Groups: []string{"agents"}, Aliases: []string{"4711", ""}},
	"supervisor":       {ID: id(2), Name: "ines.martin", Kind: strongroom.Person, Groups: []string{"supervisors"}, Attributes: map[string][]string{"supervises": {"billing", ""}}},
	"quality":          {ID: id(3), Name: "quinn", Kind: strongroom.Person, Groups: []string{"quality"}},
	"vendor":           {ID: id(4), Name: "vic@acme", Kind: strongroom.Vendor, Groups: []string{"vendors"}, Attributes: map[string][]string{"vendor": {"acme"}}},
	"rival":            {ID: id(5), Name: "ray@rival", Kind: strongroom.Vendor, Groups: []string{"vendors"}, Attributes: map[string][]string{"vendor": {"rival"}}},
	"owner":            {ID: id(6), Name: "dora", Kind: strongroom.Person, Groups: []string{"data-owners"}},
	"recorder":         {ID: id(7), Name: "recorder-1", Kind: strongroom.Workload, Groups: []string{"recorders"}},
	"scrubber":         {ID: id(8), Name: "scrubber-1", Kind: strongroom.Workload, Groups: []string{"scrubbers"}},
	"officer":          {ID: id(9), Name: "sam", Kind: strongroom.Person, Groups: []string{"security-officers"}},
	"auditor":          {ID: id(10), Name: "aude", Kind: strongroom.Person, Groups: []string{"auditors"}},
	"admin":            {ID: id(11), Name: "root", Kind: strongroom.Person, Groups: []string{"platform-administrators", "data-owners", "recorders"}},
	"double":           {ID: id(12), Name: "dan", Kind: strongroom.Person, Groups: []string{"security-officers", "data-owners"}},
	"posing":           {ID: id(13), Name: "paul", Kind: strongroom.Person, Groups: []string{"recorders", "scrubbers"}},
	"nobody":           {ID: id(14), Name: "nadia", Kind: strongroom.Person},
	"lifecycle":        {ID: id(15), Name: "strongroom-lifecycle", Kind: strongroom.Workload},
	"posing-lifecycle": {ID: id(16), Name: "strongroom-lifecycle", Kind: strongroom.Person},
}

var allActions = []strongroom.Action{
	strongroom.ActionReadObject, strongroom.ActionDownload, strongroom.ActionReadMetadata, strongroom.ActionListObjects, strongroom.ActionStoreObject,
	strongroom.ActionDeleteObject, strongroom.ActionMarkScrubbed, strongroom.ActionCreateBucket, strongroom.ActionDeleteBucket,
	strongroom.ActionListBuckets, strongroom.ActionReadLedger, strongroom.ActionManagePeople, strongroom.ActionManagePolicy,
	strongroom.ActionReadPolicy, strongroom.ActionTagObject, strongroom.ActionHoldObject, strongroom.ActionRetainObject,
	strongroom.ActionBypassRetention, strongroom.ActionConfigureBucket, strongroom.ActionReadBucket,
	strongroom.ActionTakeInventory, strongroom.ActionRelabel, strongroom.ActionLoosenLabel, strongroom.ActionReadUsage,
	strongroom.ActionApproveRequest, strongroom.ActionBreakGlass, strongroom.ActionReviewAccess, strongroom.ActionReadAlerts,
	strongroom.ActionManageAlerts,
}

// granted lists, per person, all that the default policies permit: "action
// resource…", where "?" after the action asks for a purpose, "!" for the scrubbed
// copy besides, and "#" for an approval besides. What is not listed must be denied flatly.
var granted = map[string][]string{
	"agent": {
		"readObject lea-fresh lea-by-name lea-under-30d",
		"readMetadata lea-fresh lea-by-name lea-under-30d",
	},
	"supervisor": {
		"readObject? lea-fresh",
		"readObject# lea-by-name lea-at-30d lea-under-30d old-sales sampled chosen copy rivals-copy held empty-agent just-stored hour-old absent",
		"downloadObject# lea-fresh",
		"readMetadata lea-fresh",
		"listObjects? billing",
		"approveRequest lea-fresh", "breakGlass? room",
	},
	"quality": {
		"readObject? sampled chosen",
		"readMetadata sampled chosen",
	},
	"vendor": {
		"readObject? copy",
		"readObject! lea-fresh lea-by-name lea-at-30d lea-under-30d old-sales sampled chosen held empty-agent absent just-stored hour-old",
		"readMetadata copy",
	},
	"rival": {
		"readObject? copy rivals-copy",
		"readObject! lea-fresh lea-by-name lea-at-30d lea-under-30d old-sales sampled chosen held empty-agent absent just-stored hour-old",
		"readMetadata copy rivals-copy",
	},
	"owner": {
		"readObject? OBJECTS", "downloadObject? OBJECTS", "bypassRetention? OBJECTS", "tagObject OBJECTS", "holdObject OBJECTS", "retainObject OBJECTS",
		"configureBucket BUCKETS", "readBucket BUCKETS",
		"readMetadata OBJECTS BUCKETS",
		"storeObject OBJECTS",
		"deleteObject lea-fresh lea-by-name lea-at-30d lea-under-30d old-sales sampled chosen copy rivals-copy empty-agent absent just-stored hour-old",
		"listObjects BUCKETS", "createBucket BUCKETS", "deleteBucket BUCKETS", "listBuckets BUCKETS room",
		"readLedger OBJECTS BUCKETS room", "managePeople room", "managePolicy room", "readPolicy room",
		"takeInventory room", "readUsage room", "readAlerts room", "manageAlerts room", "reviewAccess room",
		"relabel OBJECTS", "loosenLabel# OBJECTS", "approveRequest OBJECTS", "breakGlass? room",
	},
	"recorder": {"storeObject OBJECTS", "tagObject just-stored absent", "listBuckets BUCKETS room"},
	"scrubber": {"storeObject OBJECTS", "tagObject just-stored absent", "markScrubbed OBJECTS", "listBuckets BUCKETS room"},
	"lifecycle": {
		"deleteObject lea-fresh lea-by-name lea-at-30d lea-under-30d old-sales sampled chosen copy rivals-copy empty-agent absent just-stored hour-old",
	},
	"posing-lifecycle": {},
	"officer": {
		"readMetadata OBJECTS BUCKETS", "readLedger OBJECTS BUCKETS room",
		"managePeople room", "managePolicy room", "readPolicy room", "readBucket BUCKETS",
		"takeInventory room", "readUsage room", "readAlerts room", "manageAlerts room", "reviewAccess room", "relabel OBJECTS",
	},
	"auditor": {
		"readBucket BUCKETS", "readMetadata OBJECTS BUCKETS", "readLedger OBJECTS BUCKETS room", "readPolicy room",
		"takeInventory room", "readUsage room", "readAlerts room",
	},
	"admin": {},
	"double": {
		"readMetadata OBJECTS BUCKETS", "bypassRetention? OBJECTS", "tagObject OBJECTS", "holdObject OBJECTS", "retainObject OBJECTS",
		"configureBucket BUCKETS", "readBucket BUCKETS",
		"storeObject OBJECTS",
		"deleteObject lea-fresh lea-by-name lea-at-30d lea-under-30d old-sales sampled chosen copy rivals-copy empty-agent absent just-stored hour-old",
		"listObjects BUCKETS", "createBucket BUCKETS", "deleteBucket BUCKETS", "listBuckets BUCKETS room",
		"readLedger OBJECTS BUCKETS room", "managePeople room", "managePolicy room", "readPolicy room",
		"takeInventory room", "readUsage room", "readAlerts room", "manageAlerts room", "reviewAccess room",
		"relabel OBJECTS", "loosenLabel# OBJECTS", "approveRequest OBJECTS",
	},
	"posing": {},
	"nobody": {},
}

func expectation(t *testing.T, who string) map[string]byte {
	t.Helper()
	var objects, buckets []string
	for name, r := range resources {
		switch {
		case r.Key != "":
			objects = append(objects, name)
		case r.Bucket != "":
			buckets = append(buckets, name)
		}
	}
	want := map[string]byte{}
	for _, line := range granted[who] {
		line = strings.NewReplacer("OBJECTS", strings.Join(objects, " "), "BUCKETS", strings.Join(buckets, " ")).Replace(line)
		words := strings.Fields(line)
		action, how := words[0], byte('+')
		if last := action[len(action)-1]; last == '?' || last == '!' || last == '#' {
			action, how = action[:len(action)-1], last
		}
		for _, r := range words[1:] {
			if _, ok := resources[r]; !ok {
				t.Fatalf("%s: no resource %q", who, r)
			}
			want[action+" "+r] = how
		}
	}
	return want
}

func TestDefaultPolicies(t *testing.T) {
	set := Default()
	for who, principal := range people {
		want := expectation(t, who)
		for _, action := range allActions {
			for what, resource := range resources {
				if action == strongroom.ActionListObjects && resource.Key != "" {
					continue // a key would be a prefix: see TestListingHasAPrefix
				}
				q := strongroom.Question{
					Action: action, Principal: principal, Resource: resource,
					Context: strongroom.Context{Time: noon, Method: "sigv4", Source: "192.0.2.7"},
				}
				plain := set.Decide(q)
				q.Context.Purpose.Text = "complaint 12"
				given := set.Decide(q)

				var ok bool
				switch how := want[string(action)+" "+what]; how {
				case '+':
					ok = plain.Permit && given.Permit
				case '?':
					ok = !plain.Permit && given.Permit && slices.Equal(plain.Missing, []strongroom.Obligation{strongroom.ObligePurpose})
				case '!':
					ok = !plain.Permit && !given.Permit && slices.Equal(given.Missing, []strongroom.Obligation{strongroom.ObligeScrubbedCopy})
				case '#':
					ok = !plain.Permit && !given.Permit && slices.Equal(given.Missing, []strongroom.Obligation{strongroom.ObligeApproval})
				default:
					ok = !plain.Permit && !given.Permit && plain.Missing == nil && given.Missing == nil
				}
				if !ok {
					t.Errorf("%s, %s, %s: want %q, got %+v; with a purpose %+v", who, action, what, want[string(action)+" "+what], plain, given)
				}
				// A question that fits the schema never makes the default policies fail.
				fits := slices.ContainsFunc([]string{"owner", "double", "officer", "auditor", "scrubber"}, func(w string) bool {
					_, ok := expectation(t, w)[string(action)+" "+what]
					return ok
				})
				if fits && len(given.Errors) > 0 {
					t.Errorf("%s, %s, %s: %q", who, action, what, given.Errors)
				}
			}
		}
	}
}

func TestHeldObjectIsNotDeletedByItsOwner(t *testing.T) {
	d := Default().Decide(strongroom.Question{
		Action: strongroom.ActionDeleteObject, Principal: people["owner"], Resource: resources["held"],
		Context: strongroom.Context{Time: noon, Method: "sigv4"},
	})
	if d.Permit || !slices.Equal(d.Policies, []string{"legal-hold-forbids-deletion"}) {
		t.Errorf("got %+v", d)
	}
}

// TestBehindBrokenGlass: what breaking the glass adds, and to whom it adds nothing.
func TestBehindBrokenGlass(t *testing.T) {
	ask := func(who, what string, action strongroom.Action, purpose string) strongroom.Decision {
		return Default().Decide(strongroom.Question{
			Action: action, Principal: people[who], Resource: resources[what],
			Context: strongroom.Context{Time: noon, Method: "sigv4", BreakGlass: id(200), Purpose: strongroom.Purpose{Text: purpose}},
		})
	}
	for _, action := range []strongroom.Action{strongroom.ActionReadObject, strongroom.ActionReadMetadata} {
		if d := ask("supervisor", "old-sales", action, "threat to life"); !d.Permit || !slices.Equal(d.Policies, []string{"break-glass-reads-what-emergencies-need"}) {
			t.Errorf("a supervisor, %s: %+v", action, d)
		}
		if d := ask("supervisor", "old-sales", action, ""); d.Permit || !slices.Equal(d.Missing, []strongroom.Obligation{strongroom.ObligePurpose}) {
			t.Errorf("a supervisor without a purpose, %s: %+v", action, d)
		}
	}
	if d := ask("supervisor", "old-sales", strongroom.ActionDeleteObject, "threat to life"); d.Permit {
		t.Errorf("broken glass deletes: %+v", d)
	}
	for _, who := range []string{"agent", "quality", "vendor", "officer", "auditor", "admin", "double", "nobody", "recorder"} {
		q := strongroom.Question{
			Action: strongroom.ActionReadObject, Principal: people[who], Resource: resources["old-sales"],
			Context: strongroom.Context{Time: noon, Method: "sigv4", Purpose: strongroom.Purpose{Text: "threat to life"}},
		}
		if before, behind := Default().Decide(q), ask(who, "old-sales", strongroom.ActionReadObject, "threat to life"); before.Permit != behind.Permit {
			t.Errorf("%s: %v before, %v behind broken glass", who, before.Permit, behind.Permit)
		}
	}
	posing := people["owner"]
	posing.Kind = strongroom.Workload
	d := Default().Decide(strongroom.Question{
		Action: strongroom.ActionBreakGlass, Principal: posing,
		Context: strongroom.Context{Time: noon, Method: "sigv4", Purpose: strongroom.Purpose{Text: "threat to life"}},
	})
	if d.Permit {
		t.Errorf("a machine breaks the glass: %+v", d)
	}
}

func TestSampleIsOneInTwenty(t *testing.T) {
	n := 0
	for i := range 20_000 {
		if Sampled(strongroom.ID{4: byte(i >> 24), 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i), 8: 0xff}) {
			n++
		}
	}
	if n != 1000 {
		t.Errorf("%d of 20,000 consecutive versions are sampled, want 1,000", n)
	}
	if Sampled(strongroom.ID{}) {
		t.Error("an object without a version is sampled")
	}
}
