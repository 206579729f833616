package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Both commands speak French where asked, warnings and all, and say what a replay decides by.
func TestCloudUsedInFrench(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../cloud/trail/testdata/trail")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"short.json": `{"Records":[{"eventName":"x"`, "none.json": `{"Records":[{"eventSource":"kms.amazonaws.com","eventName":"Decrypt"}]}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	account := "../../cloud/trail/testdata/account.json"
	for _, c := range []struct {
		args         []string
		fr, en, none []string
	}{
		{[]string{"used"}, []string{"NON LUS\u00a0: 1 événement, et le reste de 1 fichier", "il s’arrête", "il n’a pas d’eventTime", "IDENTITÉ", "jamais", "la fenêtre est de 0,3 jours", "un autre compte", "compte 999988887777"},
			[]string{"NOT READ: 1 event, and the rest of 1 file", "it has no eventTime", "PRINCIPAL", "another account"}, []string{"PRINCIPAL", "never", "the window", "root user", "NOT "}},
		{[]string{"used", "--principal", "ines"}, []string{"politique en ligne own-keys", "UTILISÉ", "JAMAIS UTILISÉ", "(peut-être)"}, []string{"inline policy own-keys", "NEVER USED"}, []string{"NEVER", "granted", "USED"}},
		{[]string{"propose", "--bucket", "calls"}, []string{"GARDÉS", "SCP, RCP) ne font que les restreindre", "rien n’est proposé pour 1 identité", "avec ces politiques en vigueur", "maintenant, puis"},
			[]string{"KEPT", "SCPs, RCPs) only narrow these", "nothing is proposed for 1 principal", "with these policies in force"}, []string{"KEPT", "policies", " now", "nobody"}},
	} {
		for _, lang := range []string{"en", "fr"} {
			args := append([]string{"cloud"}, c.args...)
			var said, wrong bytes.Buffer
			if status := run(t.Context(), append(args, "--trail", dir, "--account", account, "--lang", lang), output{&said, &wrong}); status != 0 {
				t.Fatalf("%v: status %d: %s", args, status, &wrong)
			}
			want := c.fr
			if lang == "en" {
				want = c.en
			}
			for _, w := range want {
				if !strings.Contains(said.String(), w) {
					t.Errorf("%v, %s: %q is not in\n%s", args, lang, w, &said)
				}
			}
			if strings.ContainsRune(said.String(), '\ufffd') {
				t.Errorf("%v, %s: a character is lost:\n%s", args, lang, &said)
			}
			for _, w := range c.none {
				if lang == "fr" && strings.Contains(said.String(), w) {
					t.Errorf("%v: %q is not French:\n%s", args, w, &said)
				}
			}
		}
	}
}
