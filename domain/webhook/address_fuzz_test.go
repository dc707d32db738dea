package webhook_test

import (
	"net/url"
	"strings"
	"testing"

	"crm/domain/webhook"
)

// FuzzAddress checks that no address becomes history which holds a user, a password, a
// fragment, or what no URL does.
func FuzzAddress(f *testing.F) {
	for _, address := range []string{
		"https://hooks.example.com/crm?a=1&b=2", "http://127.0.0.1:8080", "https://[::1]:8443/", "https://user:password@example.com",
		"https://example.com\\@evil.example", "https://example.com/#x", "https:/example.com", "HTTPS://example.com", "ftp://example.com",
		"https://example.com/ x", "https://example.com/\u2028", "//example.com", "https://%40example.com", "https://a@b@c/", "javascript://x",
	} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		_, err := webhook.Decider.Decide(webhook.Decider.Initial(), webhook.Register{
			Details: webhook.Details{URL: address}, Secret: "9f86d081884c7d65",
		})
		if err != nil {
			return
		}
		if strings.ContainsAny(address, " \t\r\n\x00\u0085#") {
			t.Errorf("%q is taken", address)
		}
		at, err := url.Parse(address)
		if err != nil {
			return // whoever is to speak to it refuses it first
		}
		if at.Scheme != "https" && at.Scheme != "http" || at.Host == "" || at.User != nil || at.Fragment != "" || at.Opaque != "" {
			t.Errorf("%q is taken, which is %#v", address, at)
		}
	})
}
