package main

import (
	"strings"
	"testing"

	crmhttp "crm/http"
)

// FuzzKeyFile checks that a key file is refused without a word of it, or read: each key is
// a word of one line that is no comment, long enough, and with a role that there is.
func FuzzKeyFile(f *testing.F) {
	long := strings.Repeat("k", 40)
	for _, text := range []string{
		"", "# none\n", "shop " + long, "shop " + long + " sales\n#a\n\n\tdesk\t" + long + "x reader \r\n", "shop " + long + "\nshop " + long + "y",
		"shop " + long + " " + long + "z", long + " shop", "shop " + long + " root", "shop\x00 " + long, "shop " + long + " sales reader", "\ufeffshop " + long, "shop\u00a0" + long,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := parseKeys(text)
		if err != nil {
			for word := range strings.FieldsSeq(text) {
				if len(word) >= 32 && strings.Contains(err.Error(), word) {
					t.Errorf("%q is refused with %q", text, err)
				}
			}
			if len(keys) > 0 {
				t.Errorf("%q is refused, and read", text)
			}
			return
		}
		for name, key := range keys {
			found := false
			for line := range strings.SplitSeq(text, "\n") {
				words := strings.Fields(line)
				found = found || len(words) >= 2 && words[0] == name && !strings.HasPrefix(name, "#") &&
					len(words[1]) >= 32 && key.Hash == crmhttp.HashKey(words[1]) && (len(words) == 3) == (string(key.Role) == words[len(words)-1])
			}
			if !found || !key.Role.Valid() {
				t.Errorf("%q gives %s the role %q", text, name, key.Role)
			}
		}
	})
}
