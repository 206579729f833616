package account

import (
	"strings"

	"strongroom/cloud/iam"
)

// Readers of S3 and KMS answers. Shapes: docs.aws.amazon.com/cli/latest/reference/s3api,
// …/s3control, …/kms.

// bucket is the entry of a bucket, made where it is seen first.
func (l *Loader) bucket(name string) *Bucket {
	b := l.buckets[name]
	if b == nil {
		b = &Bucket{Name: name}
		l.buckets[name] = b
	}
	return b
}

// about is the bucket that an answer is about; nil, with a fault, where nothing says which.
func (d *document) about(v value) *Bucket {
	if d.of == "" {
		v.fault("which bucket is it about? Name the file %s/BUCKET.json", d.input.Name)
		return nil
	}
	return d.l.bucket(d.of)
}

func readBuckets(d *document, v value) {
	owner := v.get("Owner").get("ID").text()
	v.get("Owner").get("DisplayName")
	for _, b := range v.get("Buckets").objects() {
		name := b.get("Name").text()
		if name == "" {
			b.lost("a bucket without a name")
			continue
		}
		k := d.l.bucket(name)
		k.Created, k.Owner = b.get("CreationDate").time(), owner
		if r := b.get("BucketRegion").text(); r != "" {
			k.Region = r
		}
	}
	v.get("Prefix")
}

func readLocation(d *document, v value) {
	if b := d.about(v); b != nil {
		switch r := v.get("LocationConstraint").text(); r {
		case "":
			b.Region = "us-east-1"
		case "EU":
			b.Region = "eu-west-1"
		default:
			b.Region = r
		}
	}
}

// setOnce takes a value that only one answer may give. A second one that differs makes it
// unknown.
func setOnce[T any](d *document, v value, to *Value[T], is T) {
	if to.Known || d.l.doubts[d.input.Name+" "+d.of] != "" {
		if !d.once(d.input.Name, d.of, v) && d.l.doubts[d.input.Name+" "+d.of] != "" {
			*to = Value[T]{}
			d.l.broken[supplied{d.input.Name, d.of}] = "it was supplied twice, and the two differ"
		}
		return
	}
	d.once(d.input.Name, d.of, v)
	if d.bad {
		d.l.broken[supplied{d.input.Name, d.of}] = "it cannot be read: see the faults"
		return
	}
	*to = Is(is)
}

// resourcePolicy reads the policy of a resource: the member Policy, or a document that is
// itself the policy.
func (d *document) resourcePolicy(v value, name string) *iam.Policy {
	if v.get("Statement").there() {
		v.n.whole = true
		return v.policy(name)
	}
	m := v.get("Policy")
	if !m.there() && !d.none {
		m.fault("it is missing: where there is no policy, keep what the AWS CLI says (2>&1)")
		return nil
	}
	p := m.policy(name)
	if m.there() && p == nil {
		d.bad = true
	}
	return p
}

func readBucketPolicy(d *document, v value) {
	if d.of == "" {
		d.of = bucketOf(d.peek(v))
	}
	if b := d.about(v); b != nil {
		setOnce(d, v, &b.Policy, d.resourcePolicy(v, "bucket "+d.of+", bucket policy"))
	}
}

// bucketOf is the one bucket that a bucket policy is about, by its resources.
func bucketOf(p *iam.Policy) string {
	if p == nil {
		return ""
	}
	name := ""
	for _, s := range p.Statements {
		for _, r := range s.Resources {
			part := strings.SplitN(r, ":", 6)
			if len(part) != 6 || part[2] != "s3" {
				return ""
			}
			b, _, _ := strings.Cut(part[5], "/")
			if strings.ContainsAny(b, "*?$") || part[3] != "" || name != "" && name != b {
				return ""
			}
			name = b
		}
	}
	return name
}

// peek reads a policy without a word about its faults.
func (d *document) peek(v value) *iam.Policy {
	var raw []byte
	switch m := v.get("Policy"); {
	case v.get("Statement").there():
		raw = v.n.raw
	case m.is(text):
		raw = []byte(m.n.text)
	case m.is(object):
		raw = m.n.raw
	}
	p, err := iam.Parse("", raw)
	if err != nil {
		return nil
	}
	return p
}

func (v value) publicAccess() PublicAccess {
	return PublicAccess{
		BlockACLs:   v.get("BlockPublicAcls").flag(),
		IgnoreACLs:  v.get("IgnorePublicAcls").flag(),
		BlockPolicy: v.get("BlockPublicPolicy").flag(),
		Restrict:    v.get("RestrictPublicBuckets").flag(),
	}
}

// must is a member that an answer has to have, unless AWS said that there is none.
func (d *document) must(v value, name string, k kind) value {
	m := v.get(name)
	if !m.there() {
		if !d.none {
			m.fault("it is missing")
		}
		return m
	}
	m.want(k)
	return m
}

func readBucketPublicAccess(d *document, v value) {
	if b := d.about(v); b != nil {
		setOnce(d, v, &b.PublicAccess, d.must(v, "PublicAccessBlockConfiguration", object).publicAccess())
	}
}

func readAccountPublicAccess(d *document, v value) {
	setOnce(d, v, &d.l.a.PublicAccess, d.must(v, "PublicAccessBlockConfiguration", object).publicAccess())
}

func readACL(d *document, v value) {
	b := d.about(v)
	if b == nil {
		return
	}
	acl := ACL{Owner: v.get("Owner").get("ID").text()}
	v.get("Owner").get("DisplayName")
	for _, g := range d.must(v, "Grants", list).objects() {
		who := g.get("Grantee")
		who.get("DisplayName")
		acl.Grants = append(acl.Grants, ACLGrant{
			Kind:       who.get("Type").text(),
			Grantee:    who.first("ID", "URI", "EmailAddress").text(),
			Permission: g.get("Permission").text(),
		})
	}
	setOnce(d, v, &b.ACL, acl)
	if b.Owner == "" {
		b.Owner = acl.Owner
	}
}

func readOwnership(d *document, v value) {
	b := d.about(v)
	if b == nil {
		return
	}
	is := ""
	for _, r := range d.must(v, "OwnershipControls", object).get("Rules").objects() {
		is = r.get("ObjectOwnership").text()
	}
	setOnce(d, v, &b.Ownership, is)
}

func readEncryption(d *document, v value) {
	b := d.about(v)
	if b == nil {
		return
	}
	is := Encryption{Algorithm: "AES256"} // S3's own since January 2023, where nothing is configured
	for _, r := range d.must(v, "ServerSideEncryptionConfiguration", object).get("Rules").objects() {
		by := r.get("ApplyServerSideEncryptionByDefault")
		is = Encryption{by.get("SSEAlgorithm").text(), by.get("KMSMasterKeyID").text()}
		r.get("BucketKeyEnabled")
	}
	setOnce(d, v, &b.Encryption, is)
}

func readVersioning(d *document, v value) {
	if b := d.about(v); b != nil {
		v.get("MFADelete")
		setOnce(d, v, &b.Versioning, v.get("Status").text())
	}
}

func readReplication(d *document, v value) {
	b := d.about(v)
	if b == nil {
		return
	}
	c := d.must(v, "ReplicationConfiguration", object)
	if d.none {
		setOnce(d, v, &b.Replication, nil)
		return
	}
	is := &Replication{Role: c.get("Role").text()}
	for _, r := range c.get("Rules").objects() {
		to := r.get("Destination")
		is.Rules = append(is.Rules, ReplicationRule{
			ID:          r.get("ID").text(),
			Enabled:     r.get("Status").text() == "Enabled",
			Prefix:      r.get("Prefix").text() + r.get("Filter").get("Prefix").text() + r.get("Filter").get("And").get("Prefix").text(),
			Destination: to.get("Bucket").text(),
			Account:     to.get("Account").text(),
			Key:         to.get("EncryptionConfiguration").get("ReplicaKmsKeyID").text(),
			Theirs:      strings.EqualFold(to.get("AccessControlTranslation").get("Owner").text(), "Destination"),
		})
	}
	setOnce(d, v, &b.Replication, is)
}

func readLogging(d *document, v value) {
	b := d.about(v)
	if b == nil {
		return
	}
	var is *BucketLogging
	if c := v.get("LoggingEnabled"); c.there() && c.want(object) {
		is = &BucketLogging{c.get("TargetBucket").text(), c.get("TargetPrefix").text()}
	}
	setOnce(d, v, &b.Logging, is)
}

func readNotification(d *document, v value) {
	b := d.about(v)
	if b == nil {
		return
	}
	var is []Notification
	for _, kind := range [][2]string{{"TopicConfigurations", "TopicArn"}, {"QueueConfigurations", "QueueArn"}, {"LambdaFunctionConfigurations", "LambdaFunctionArn"}} {
		for _, c := range v.get(kind[0]).objects() {
			is = append(is, Notification{c.get(kind[1]).text(), c.get("Events").texts()})
		}
	}
	if v.get("EventBridgeConfiguration").there() {
		is = append(is, Notification{})
	}
	setOnce(d, v, &b.Notify, is)
}

func readInventory(d *document, v value) {
	b := d.about(v)
	if b == nil {
		return
	}
	var is []Inventory
	for _, c := range v.get("InventoryConfigurationList").objects() {
		to := c.get("Destination").get("S3BucketDestination")
		is = append(is, Inventory{c.get("Id").text(), to.get("Bucket").text(), to.get("AccountId").text(), c.get("IsEnabled").flag()})
	}
	if b.Inventories.Known { // pages
		is = append(b.Inventories.V, is...)
	}
	b.Inventories = Is(is)
}

func readBucketTags(d *document, v value) {
	if b := d.about(v); b != nil {
		setOnce(d, v, &b.Tags, d.must(v, "TagSet", list).tags())
	}
}

// accessPoint is the entry of an access point, by kind, region and name.
func (l *Loader) accessPoint(kind, region, name string) *AccessPoint {
	// A name is unique in a region; answers in files that name none are joined with the
	// only one of that name.
	k := kind + " " + region + " " + name
	if p := l.accessPoints[k]; p != nil {
		return p
	}
	var found *AccessPoint
	for _, p := range l.accessPoints {
		if p.Kind == kind && p.Name == name && (region == "" || p.Region == "") {
			if found != nil {
				found = nil
				break
			}
			found = p
		}
	}
	if found != nil {
		if found.Region == "" {
			delete(l.accessPoints, kind+"  "+name)
			found.Region = region
			l.accessPoints[k] = found
		}
		return found
	}
	p := &AccessPoint{Kind: kind, Region: region, Name: name}
	l.accessPoints[k] = p
	return p
}

func (d *document) readAccessPoint(v value) {
	arn := v.get("AccessPointArn").text()
	name := v.get("Name").text()
	if name == "" {
		v.lost("an access point without a name")
		return
	}
	p := d.l.accessPoint("s3", regionOf(arn, d.region), name)
	p.ARN, p.Alias, p.Bucket, p.BucketAccount = arn, v.get("Alias").text(), v.get("Bucket").text(), v.get("BucketAccountId").text()
	p.VPC = v.get("VpcConfiguration").get("VpcId").text()
	v.get("NetworkOrigin")
}

func readAccessPoints(d *document, v value) {
	for _, p := range v.get("AccessPointList").objects() {
		d.readAccessPoint(p)
	}
}

func readAccessPoint(d *document, v value) {
	d.of = v.get("Name").text()
	d.readAccessPoint(v)
	if c := v.get("PublicAccessBlockConfiguration"); c.there() {
		p := d.l.accessPoint("s3", regionOf(v.get("AccessPointArn").text(), d.region), d.of)
		p.PublicAccess = Is(c.publicAccess())
	}
}

func readAccessPointPolicy(d *document, v value) {
	if d.of == "" {
		v.fault("which access point is it about? Name the file %s/NAME.json", d.input.Name)
		return
	}
	kind := "s3"
	if d.input.Name == "object-lambda-access-point-policy" {
		kind = "object-lambda"
	}
	p := d.l.accessPoint(kind, d.region, d.of)
	setOnce(d, v, &p.Policy, d.resourcePolicy(v, "access point "+d.of+", policy"))
}

func readObjectLambdas(d *document, v value) {
	for _, o := range v.get("ObjectLambdaAccessPointList").objects() {
		arn := o.get("ObjectLambdaAccessPointArn").text()
		p := d.l.accessPoint("object-lambda", regionOf(arn, d.region), o.get("Name").text())
		p.ARN, p.Alias = arn, o.get("Alias").get("Value").text()
		o.get("Alias").get("Status")
	}
}

func readObjectLambda(d *document, v value) {
	if d.of == "" {
		v.fault("which access point is it about? Name the file %s/NAME.json", d.input.Name)
		return
	}
	p := d.l.accessPoint("object-lambda", d.region, d.of)
	c := v.get("Configuration")
	p.Supporting = c.get("SupportingAccessPoint").text()
	for _, t := range c.get("TransformationConfigurations").objects() {
		t.get("Actions")
		if arn := t.get("ContentTransformation").get("AwsLambda").get("FunctionArn").text(); arn != "" {
			p.Functions = append(p.Functions, arn)
		}
	}
}

func readMultiRegion(d *document, v value) {
	for _, m := range v.get("AccessPoints").objects() {
		p := d.l.accessPoint("multi-region", "", m.get("Name").text())
		p.Alias = m.get("Alias").text()
		p.PublicAccess = Is(m.get("PublicAccessBlock").publicAccess())
		p.Buckets = nil
		for _, r := range m.get("Regions").objects() {
			p.Buckets = append(p.Buckets, r.get("Bucket").text())
			p.BucketAccount = r.get("BucketAccountId").text()
		}
	}
}

func readMultiRegionPolicy(d *document, v value) {
	if d.of == "" {
		v.fault("which access point is it about? Name the file %s/NAME.json", d.input.Name)
		return
	}
	p := d.l.accessPoint("multi-region", "", d.of)
	// A proposed policy is not in force.
	v.get("Policy").get("Proposed").n.markWhole()
	in := v.get("Policy").get("Established")
	setOnce(d, v, &p.Policy, in.get("Policy").policy("access point "+d.of+", policy"))
}

func readAccessGrants(d *document, v value) {
	for _, g := range v.get("AccessGrantsList").objects() {
		a := AccessGrant{
			ARN:         g.get("AccessGrantArn").text(),
			GranteeKind: g.get("Grantee").get("GranteeType").text(),
			Grantee:     g.get("Grantee").get("GranteeIdentifier").text(),
			Permission:  g.get("Permission").text(),
			Scope:       g.get("GrantScope").text(),
			Location:    g.get("AccessGrantsLocationId").text(),
		}
		a.Region = regionOf(a.ARN, d.region)
		if d.once("access grant", a.ARN, g) {
			d.l.a.AccessGrants = append(d.l.a.AccessGrants, a)
		}
	}
}

// key is the entry of a key, by its id or ARN.
func (l *Loader) key(id, region string) *Key {
	arn := ""
	if strings.HasPrefix(id, "arn:") {
		arn = id
		region = regionOf(id, region)
		id = id[strings.LastIndex(id, "/")+1:]
	}
	k := l.keys[id]
	if k == nil {
		k = &Key{ID: id, Region: region}
		l.keys[id] = k
	}
	if k.ARN == "" {
		k.ARN = arn
	}
	if k.Region == "" {
		k.Region = region
	}
	return k
}

// aboutKey is the key that an answer is about.
func (d *document) aboutKey(v value) *Key {
	if d.of == "" {
		v.fault("which key is it about? Name the file %s/KEY-ID.json", d.input.Name)
		return nil
	}
	k := d.l.key(d.of, d.region)
	d.of = k.ID
	return k
}

func readKeys(d *document, v value) {
	for _, k := range v.get("Keys").objects() {
		id := k.get("KeyId").text()
		if arn := k.get("KeyArn").text(); arn != "" {
			id = arn
		}
		if id == "" {
			k.lost("a key without an id")
			continue
		}
		d.l.key(id, d.region)
	}
}

func readKey(d *document, v value) {
	m := d.must(v, "KeyMetadata", object)
	id := m.first("Arn", "KeyId").text()
	if id == "" {
		v.lost("a key without an id")
		return
	}
	m.get("KeyId")
	k := d.l.key(id, d.region)
	d.of = k.ID
	if !d.once("key", k.ID, v) {
		return
	}
	k.State, k.Manager, k.Usage, k.Origin = m.get("KeyState").text(), m.get("KeyManager").text(), m.get("KeyUsage").text(), m.get("Origin").text()
	k.Created, k.Description = m.get("CreationDate").time(), m.get("Description").text()
	k.MultiRegion = m.get("MultiRegionConfiguration").get("MultiRegionKeyType").text()
	m.get("MultiRegionConfiguration").n.markWhole()
	for _, known := range []string{"AWSAccountId", "Enabled", "MultiRegion", "CustomerMasterKeySpec", "KeySpec", "EncryptionAlgorithms"} {
		m.get(known)
	}
}

func readKeyPolicy(d *document, v value) {
	if k := d.aboutKey(v); k != nil {
		v.get("PolicyName")
		setOnce(d, v, &k.Policy, d.resourcePolicy(v, "key "+k.ID+", key policy"))
	}
}

func readGrants(d *document, v value) {
	of := d.of
	if of != "" {
		of = d.l.key(of, d.region).ID
	}
	byKey := map[string][]Grant{}
	if of != "" {
		byKey[of] = nil
	}
	for _, g := range d.must(v, "Grants", list).objects() {
		grant := Grant{
			ID: g.get("GrantId").text(), Name: g.get("Name").text(),
			Grantee: g.get("GranteePrincipal").text(), Retiring: g.get("RetiringPrincipal").text(), Issuer: g.get("IssuingAccount").text(),
			Operations: g.get("Operations").texts(),
			Created:    g.get("CreationDate").time(),
		}
		if c := g.get("Constraints"); c.there() {
			grant.Equals, grant.Subset = c.get("EncryptionContextEquals").pairs(), c.get("EncryptionContextSubset").pairs()
		}
		key := of
		if id := g.get("KeyId").text(); id != "" {
			key = d.l.key(id, d.region).ID
		}
		if key == "" {
			g.fault("a grant that names no key")
			continue
		}
		if d.once("grant", key+" "+grant.ID, g) {
			byKey[key] = append(byKey[key], grant)
		}
	}
	if len(byKey) == 0 {
		v.fault("no grants, and of which key? Name the file %s/KEY-ID.json", d.input.Name)
	}
	for _, id := range sortedKeys(byKey) {
		k := d.l.key(id, d.region)
		k.Grants = Is(append(k.Grants.V, byKey[id]...))
		d.of = id
		d.have()
		if d.bad {
			d.l.broken[supplied{d.input.Name, id}] = "it cannot be read: see the faults"
		}
	}
}

func readKeyTags(d *document, v value) {
	if k := d.aboutKey(v); k != nil {
		setOnce(d, v, &k.Tags, d.must(v, "Tags", list).tags())
	}
}

func readAliases(d *document, v value) {
	for _, a := range v.get("Aliases").objects() {
		id, name := a.get("TargetKeyId").text(), a.get("AliasName").text()
		region := regionOf(a.get("AliasArn").text(), d.region)
		if id == "" {
			continue // AWS's own aliases name no key before it is used
		}
		k := d.l.key(id, region)
		if d.once("alias", region+" "+name, a) {
			k.Aliases = Is(append(k.Aliases.V, name))
		}
	}
	d.l.aliases = append(d.l.aliases, d.region)
}

// regionOf is the region in an ARN, else another.
func regionOf(arn, other string) string {
	part := strings.SplitN(arn, ":", 6)
	if len(part) == 6 && part[3] != "" {
		return part[3]
	}
	return other
}

func (n *node) markWhole() {
	if n != nil {
		n.whole = true
	}
}
