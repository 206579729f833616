package account

import (
	"encoding/base64"
	"encoding/csv"
	"slices"
	"strings"
	"time"
)

// Readers of answers about the account itself, its organization and its trails.

func readDetails(d *document, v value) {
	d.detailLists(v)
	for name, entry := range details {
		l := v.get(name)
		for _, e := range l.objects() {
			if !entry(d.l, e) {
				e.n.markWhole()
			}
		}
	}
}

func readCaller(d *document, v value) {
	d.own(v.get("Arn"), v.get("Arn").text())
	v.get("UserId")
	v.get("Account")
}

func readRegions(d *document, v value) {
	for _, r := range v.get("Regions").objects() {
		if name := r.get("RegionName").text(); name != "" && r.get("OptInStatus").text() != "not-opted-in" && !slices.Contains(d.l.a.Regions, name) {
			d.l.a.Regions = append(d.l.a.Regions, name)
		}
		r.get("Endpoint")
	}
}

func readProfiles(d *document, v value) {
	for _, p := range v.get("InstanceProfiles").objects() {
		d.l.profile(p)
		p.get("Tags").n.markWhole()
	}
}

func readSAML(d *document, v value) {
	for _, p := range v.get("SAMLProviderList").objects() {
		p.get("ValidUntil")
		d.provider(p, Provider{ARN: p.get("Arn").text(), Kind: "saml", Created: p.get("CreateDate").time()})
	}
}

func (d *document) provider(v value, p Provider) {
	if v.d.own(v, p.ARN) && d.once("provider", p.ARN, v) {
		d.l.a.Providers = append(d.l.a.Providers, p)
	}
}

func readOIDCList(d *document, v value) {
	for _, p := range v.get("OpenIDConnectProviderList").objects() {
		arn := p.get("Arn").text()
		_, url, _ := strings.Cut(arn, ":oidc-provider/")
		d.provider(p, Provider{ARN: arn, Kind: "oidc", URL: url})
		d.l.expect("oidc-provider", url)
	}
}

func readOIDC(d *document, v value) {
	url := strings.TrimPrefix(v.get("Url").text(), "https://")
	d.of = url
	d.l.clients[url] = Provider{Clients: v.get("ClientIDList").texts(), Created: v.get("CreateDate").time()}
	v.get("ThumbprintList").n.markWhole()
	v.get("Tags").n.markWhole()
}

func readTrustAnchors(d *document, v value) {
	for _, t := range v.get("trustAnchors").objects() {
		p := Provider{ARN: t.get("trustAnchorArn").text(), Kind: "trust-anchor", Source: t.get("source").get("sourceType").text(), Created: t.get("createdAt").time()}
		p.Off = t.get("enabled").there() && !t.get("enabled").flag()
		d.provider(t, p)
	}
}

func readSummary(d *document, v value) {
	m := d.must(v, "SummaryMap", object)
	d.l.a.Root = Is(Root{
		MFA: m.get("AccountMFAEnabled").int() > 0, Keys: m.get("AccountAccessKeysPresent").int() > 0,
		Password: Value[bool]{m.get("AccountPasswordPresent").there(), m.get("AccountPasswordPresent").int() > 0},
		LastUsed: d.l.a.Root.V.LastUsed,
	})
	m.n.markWhole()
}

// sightings are what other exports than the authorization details say of a user, by name.
type sightings struct {
	login, mfa       Value[bool]
	keys             Value[[]AccessKey]
	passwordLastUsed time.Time
}

func (l *Loader) sighting(user string) *sightings {
	s := l.sightings[user]
	if s == nil {
		s = &sightings{}
		l.sightings[user] = s
	}
	return s
}

func readAccessKeys(d *document, v value) {
	for _, k := range v.get("AccessKeyMetadata").objects() {
		user := k.get("UserName").text()
		key := AccessKey{ID: k.get("AccessKeyId").text(), Active: k.get("Status").text() == "Active", Created: k.get("CreateDate").time()}
		if d.once("access key", key.ID, k) {
			d.l.listedKeys[user] = append(d.l.listedKeys[user], key)
		}
		d.of = user
	}
	if d.of != "" && d.l.listedKeys[d.of] == nil {
		d.l.listedKeys[d.of] = []AccessKey{}
	}
}

func readLoginProfile(d *document, v value) {
	p := v.get("LoginProfile")
	if name := p.get("UserName").text(); name != "" {
		d.of = name
	}
	p.get("CreateDate")
	p.get("PasswordResetRequired")
	if d.of != "" {
		d.l.sighting(d.of).login = Is(!d.none)
	}
}

func readCredentialReport(d *document, v value) {
	c := v.get("Content")
	v.get("ReportFormat")
	v.get("GeneratedTime")
	raw, err := base64.StdEncoding.DecodeString(c.text())
	if err != nil {
		c.fault("it is not base64: %v", err)
		return
	}
	d.credentialReport(string(raw))
}

// credentialReport reads the CSV of
// docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html.
func (d *document) credentialReport(report string) {
	d.l.understood++
	r := csv.NewReader(strings.NewReader(report))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		d.fault("", "the credential report cannot be read: %v", err)
		return
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[strings.ToLower(name)] = i
	}
	for n, row := range rows[1:] {
		cell := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				switch row[i] {
				case "N/A", "no_information", "not_supported":
					return ""
				}
				return row[i]
			}
			return ""
		}
		when := func(name string) time.Time {
			t, err := time.Parse(time.RFC3339, cell(name))
			if err != nil && cell(name) != "" {
				d.fault("", "the credential report's row %d: %s %q is not a time", n+2, name, cell(name))
			}
			return t
		}
		user, arn := cell("user"), cell("arn")
		if _, account, ok := arnAccount(arn); !ok {
			d.fault("", "the credential report's row %d: %q is not an ARN", n+2, arn)
			continue
		} else if d.l.a.ID == "" {
			d.l.a.ID, d.l.idFrom = account, d.file
		} else if account != d.l.a.ID {
			d.fault("", "the credential report's row %d: %s is of account %s, not of %s: it is left out", n+2, arn, account, d.l.a.ID)
			d.l.others[account]++
			continue
		}
		d.l.met = true
		var keys []AccessKey
		for _, k := range []string{"access_key_1", "access_key_2"} {
			active, made := cell(k+"_active"), when(k+"_last_rotated")
			if active == "true" || !made.IsZero() {
				keys = append(keys, AccessKey{Active: active == "true", Created: made, LastUsed: when(k + "_last_used_date")})
			}
		}
		if user == "<root_account>" {
			root := Root{MFA: cell("mfa_active") == "true", Keys: slices.ContainsFunc(keys, func(k AccessKey) bool { return k.Active }), LastUsed: when("password_last_used")}
			if p := cell("password_enabled"); p != "" {
				root.Password = Is(p == "true")
			}
			for _, k := range keys {
				root.LastUsed = latest(root.LastUsed, k.LastUsed)
			}
			d.l.a.Root = Is(root)
			continue
		}
		s := d.l.sighting(user)
		s.login, s.mfa, s.keys = Is(cell("password_enabled") == "true"), Is(cell("mfa_active") == "true"), Is(keys)
		s.passwordLastUsed = when("password_last_used")
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func readOrganization(d *document, v value) {
	if d.none {
		d.l.noOrganization = true
		return
	}
	o := d.must(v, "Organization", object)
	d.l.organization().ID = o.get("Id").text()
	d.l.organization().Management = o.first("MasterAccountId", "ManagementAccountId").text()
	o.n.markWhole()
}

func (l *Loader) organization() *Organization {
	if l.org == nil {
		l.org = &Organization{}
	}
	return l.org
}

func readRoots(d *document, v value) {
	o := d.l.organization()
	for _, r := range v.get("Roots").objects() {
		d.l.rootID = r.get("Id").text()
		o.SCPs, o.RCPs = Is(false), Is(false)
		for _, t := range r.get("PolicyTypes").objects() {
			on := t.get("Status").text() == "ENABLED"
			switch t.get("Type").text() {
			case "SERVICE_CONTROL_POLICY":
				o.SCPs = Is(on)
			case "RESOURCE_CONTROL_POLICY":
				o.RCPs = Is(on)
			}
		}
		r.n.markWhole()
	}
}

func readParents(d *document, v value) {
	if d.of == "" {
		v.fault("whose parents are they? Name the file organization-parents/ID.json: the account's id, or a unit's")
		return
	}
	d.l.organization()
	for _, p := range v.get("Parents").objects() {
		d.l.parents[d.of] = p.get("Id").text()
		p.get("Type")
	}
}

func readLevelPolicies(d *document, v value) {
	if d.of == "" {
		v.fault("at which level are they? Name the file %s/ID.json: the root's id, a unit's, or the account's", d.input.Name)
		return
	}
	d.l.organization()
	kind := d.input.Name
	ids := d.l.attachedAt[kind+" "+d.of]
	if ids == nil {
		ids = []string{}
	}
	for _, p := range v.get("Policies").objects() {
		id := p.get("Id").text()
		if !contains(ids, id) {
			ids = append(ids, id)
		}
		d.l.orgNames[id] = p.get("Name").text()
		d.l.orgARNs[id] = p.get("Arn").text()
		p.n.markWhole()
		d.l.expect("organization-policy", id)
	}
	d.l.attachedAt[kind+" "+d.of] = ids
}

func readOrganizationPolicy(d *document, v value) {
	p := v.get("Policy")
	s := p.get("PolicySummary")
	id := s.get("Id").text()
	if id == "" {
		p.lost("a policy without an id")
		return
	}
	d.of = id
	name := s.get("Name").text()
	if name == "" {
		name = id
	}
	kind := "SCP "
	if strings.HasPrefix(s.get("Type").text(), "RESOURCE_") {
		kind = "RCP "
	}
	s.n.markWhole()
	if d.once("policy of the organization", id, v) {
		d.l.orgPolicies[id] = p.get("Content").policy(kind + name)
		d.l.orgNames[id], d.l.orgARNs[id] = name, s.get("Arn").text()
	}
}

func (l *Loader) trail(name, region string) *Trail {
	if i := strings.LastIndex(name, "/"); strings.HasPrefix(name, "arn:") && i > 0 {
		region = regionOf(name, region)
		name = name[i+1:]
	}
	t := l.trails[name]
	if t == nil {
		t = &Trail{Name: name, Region: region}
		l.trails[name] = t
	}
	return t
}

func readTrails(d *document, v value) {
	for _, e := range v.get("trailList").objects() {
		name := e.get("Name").text()
		arn := e.get("TrailARN").text()
		home := e.get("HomeRegion").text()
		if home == "" {
			home = regionOf(arn, d.region)
		}
		t := d.l.trail(name, home)
		t.ARN, t.Region = arn, home
		t.Bucket, t.Prefix, t.Key = e.get("S3BucketName").text(), e.get("S3KeyPrefix").text(), e.get("KmsKeyId").text()
		t.MultiRegion, t.Organization, t.Validation = e.get("IsMultiRegionTrail").flag(), e.get("IsOrganizationTrail").flag(), e.get("LogFileValidationEnabled").flag()
		t.LogGroup = e.get("CloudWatchLogsLogGroupArn").text()
	}
}

func readTrailStatus(d *document, v value) {
	if d.of == "" {
		v.fault("which trail is it about? Name the file trail-status/TRAIL.json")
		return
	}
	t := d.l.trail(d.of, d.region)
	d.of = t.Name
	t.Logging = Is(v.get("IsLogging").flag())
	v.n.markWhole()
}

func readTrailSelectors(d *document, v value) {
	name := v.get("TrailARN").text()
	if name == "" {
		name = d.of
	}
	t := d.l.trail(name, d.region)
	d.of = t.Name
	events := []string{}
	for _, s := range v.get("EventSelectors").objects() {
		for _, r := range s.get("DataResources").objects() {
			r.get("Type")
			events = append(events, r.get("Values").texts()...)
		}
		s.get("ReadWriteType")
		s.get("IncludeManagementEvents")
		s.get("ExcludeManagementEventSources")
	}
	for _, s := range v.get("AdvancedEventSelectors").objects() {
		data, s3, resources := false, false, []string(nil)
		for _, f := range s.get("FieldSelectors").objects() {
			switch f.get("Field").text() {
			case "eventCategory":
				data = contains(f.get("Equals").texts(), "Data")
			case "resources.type":
				s3 = contains(f.get("Equals").texts(), "AWS::S3::Object")
			case "resources.ARN":
				resources = append(f.get("Equals").texts(), f.get("StartsWith").texts()...)
			}
			f.n.markWhole()
		}
		s.get("Name")
		if data && s3 {
			if resources == nil {
				resources = []string{"arn:" + d.l.a.Partition + ":s3"}
			}
			events = append(events, resources...)
		}
	}
	t.DataEvents = Is(events)
}
