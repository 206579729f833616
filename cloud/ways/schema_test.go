package ways

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"strongroom/cloud/account/draft"
	"strongroom/cloud/reach"
)

// validate holds files against the OASIS committee's own schema of SARIF 2.1.0, which Microsoft's
// matchers for tests (npm, MIT) have with them, by the validator that these use. It prints
// what is wrong, and how many files it looked at.
const validate = `
const ajv = new (require('ajv'))({allErrors: true, schemaId: 'auto', unknownFormats: 'ignore'});
ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-04.json'));
const fs = require('fs');
const check = ajv.compile(JSON.parse(fs.readFileSync('node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json')));
const wrong = [];
for (const f of process.argv.slice(2)) {
  if (!check(JSON.parse(fs.readFileSync(f)))) for (const e of check.errors) wrong.push(f + e.dataPath + ' ' + e.message);
}
console.log(JSON.stringify({files: process.argv.length - 2, wrong}));
`

// What is written is SARIF 2.1.0 by its schema: of an account with findings of each certainty,
// routes of each status, files with faults and names that are not plain, and of an empty one.
func TestSARIFSchema(t *testing.T) {
	if os.Getenv("STRONGROOM_SARIF") == "" {
		t.Skip("skipped: STRONGROOM_SARIF=1 gets the schema and a validator from npm, and runs them with Node.js")
	}
	dir := t.TempDir()
	command := func(name string, args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		var wrong bytes.Buffer
		cmd.Stderr = &wrong
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s%s", name, err, out, &wrong)
		}
		return out
	}
	command("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "@microsoft/jest-sarif@1.0.0-beta.0", "ajv@6.12.6")
	if err := os.WriteFile(filepath.Join(dir, "validate.js"), []byte(validate), 0o600); err != nil {
		t.Fatal(err)
	}
	full := sample()
	full.Findings = append(full.Findings, reach.Finding{Principal: principal(reach.Role, "eve"), Right: calls, Certainty: reach.Unknown, Chains: []reach.Chain{direct(principal(reach.Role, "eve"), byRole)}, Missing: []string{"bucket-policy"}},
		reach.Finding{Principal: principal(reach.User, "nobody"), Right: calls, Certainty: reach.Possible})
	a := draft.New("123456789012").Bucket("calls")
	a.User("mal\nlory é%").Can(draft.Allow("s3:GetObject iam:*", "*"))
	whole := a.Without("functions", "organization").Load(t)
	result, err := reach.Analyze(whole, reach.Question{Buckets: []string{"calls"}, Admin: true})
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	put := func(name string, log []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), log, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	for name, report := range map[string]*Report{"full": New(load(t, details), full), "draft": New(whole, result), "empty": New(load(t, details), &reach.Result{Account: "111122223333"})} {
		for lang, from := range map[string][]string{"en": {"exports/a b.json", "/abs/ü#?.json", "C:\\x:y.json"}, "fr": nil} {
			var b bytes.Buffer
			if err := report.WriteSARIF(&b, lang, from); err != nil {
				t.Fatal(err)
			}
			put(name+"-"+lang+".sarif", b.Bytes())
		}
	}
	var said struct {
		Files int
		Wrong []string
	}
	run := func(names ...string) {
		said.Wrong = nil
		if err := json.Unmarshal(command("node", append([]string{"validate.js"}, names...)...), &said); err != nil || said.Files != len(names) {
			t.Fatalf("%d files looked at: %v", said.Files, err)
		}
	}
	run(files...)
	for _, w := range said.Wrong {
		t.Error(w)
	}
	put("none.sarif", []byte(`{"version":"2.1.0","runs":[{"results":[{"level":"grave"}]}]}`))
	if run("none.sarif"); len(said.Wrong) == 0 {
		t.Error("the validator finds nothing wrong with what is no SARIF")
	}
}
