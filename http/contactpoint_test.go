package http

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
)

func TestNormalForms(t *testing.T) {
	t.Parallel()
	s := &Server{cfg: Config{PhoneRegion: "AT"}}
	for _, test := range []struct {
		kind          customer.ContactKind
		typed, region string
		want          string // empty: refused
	}{
		{customer.Email, "Ada@Example.ORG", "", "Ada@example.org"},
		{customer.Email, "  ada@example.org ", "", "ada@example.org"},
		{customer.Email, "ada@müller.example", "", "ada@xn--mller-kva.example"},
		{customer.Email, "Ада@пример.рф", "", "Ада@xn--e1afmkfd.xn--p1ai"},
		{customer.Email, `"a b"@Example.org`, "", `"a b"@example.org`},
		{customer.Email, "ada(of london)@example.org", "", ""},
		{customer.Email, "a@b@example.org", "", ""},
		{customer.Email, "Ada <ada@example.org>", "", ""},
		{customer.Email, "<ada@example.org>", "", ""},
		{customer.Email, "ada@localhost", "", ""},
		{customer.Email, "ada@[127.0.0.1]", "", ""},
		{customer.Email, "a@b.c, d@e.f", "", ""},
		{customer.Email, "ada@exa mple.org", "", ""},
		{customer.Email, strings.Repeat("a", 260) + "@example.org", "", ""},
		{customer.Phone, "+43 (1) 234-567", "", "+431234567"},
		{customer.Phone, "01 234567", "", "+431234567"},
		{customer.Phone, "01 234567", "AT", "+431234567"},
		{customer.Phone, "01 234567", "at", "+431234567"},
		{customer.Phone, "(212) 555-0100", "US", "+12125550100"},
		{customer.Phone, "+1 212 555 0100 ext. 7", "", "+12125550100;ext=7"},
		{customer.Phone, "0800-FLOWERS", "US", ""},
		{customer.Phone, "12", "", ""},
		{customer.Phone, "call me", "", ""},
		{customer.Phone, "+999 123456", "", ""},
		{customer.Web, "Example.org", "", "https://example.org"},
		{customer.Web, "HTTP://Example.org:8080/A?b#c", "", "http://example.org:8080/A?b#c"},
		{customer.Web, "https://münchen.example/", "", "https://xn--mnchen-3ya.example"},
		{customer.Web, "ftp://example.org", "", ""},
		{customer.Web, "https://example.org:65536", "", ""},
		{customer.Web, "https://user:pw@example.org", "", ""},
		{customer.Web, "https://", "", ""},
		{customer.Web, "http://[::1", "", ""},
		{customer.Social, " @Ada ", "", "@Ada"},
		{customer.Social, "   ", "", ""},
		{customer.Postal, "1  Main St,\nVienna", "", "1 main st, vienna"},
	} {
		point, err := s.contactPoint(ContactPointInput{Kind: test.kind, Value: domain.Personal(test.typed), Region: test.region}, uuid.New())
		if got := point.Normalized.Plain(); got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s %q: %q, %v; want %q", test.kind, test.typed, got, err, test.want)
		}
		if err == nil && point.Typed.Plain() != test.typed {
			t.Errorf("%q was not kept: %q", test.typed, point.Typed.Plain())
		}
	}
	if _, err := (&Server{}).contactPoint(ContactPointInput{Kind: customer.Phone, Value: "+999 123456"}, uuid.New()); err == nil || strings.Contains(err.Error(), "region") {
		t.Errorf("a country that is none: %v", err)
	}
	address := addressInput{Street: "Graben 1", PostalCode: "1010", City: "Wien", Country: "AT"}
	point, err := s.contactPoint(ContactPointInput{Kind: customer.Postal, Address: address}, uuid.New())
	if err != nil || point.Typed != "Graben 1, 1010 Wien, AT" || point.Normalized != "graben 1, 1010 wien, at" {
		t.Errorf("got %q, %q, %v", point.Typed.Plain(), point.Normalized.Plain(), err)
	}
	if _, err := (&Server{}).contactPoint(ContactPointInput{Kind: customer.Phone, Value: "01 234567"}, uuid.New()); err == nil || !strings.Contains(err.Error(), "region") {
		t.Errorf("a national number of nowhere: %v", err)
	}
}
