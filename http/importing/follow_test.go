package importing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// What a creating command becomes when its target exists already.
func TestChanges(t *testing.T) {
	t.Parallel()
	const source = `"source":{"application":"crm import","import":"m","row":"r"}`
	for _, test := range []struct {
		name, body string
		want       []string
	}{
		{"customer.register", `{"id":"x","kind":"person","name":"Ann","job_title":"CEO","stage":"customer","touchpoint":{"source":"s"},` +
			`"owner":"o","contact_points":[{"kind":"email","value":"a@x"},{"kind":"phone","value":"1"}],"attributes":[{"key":"k"}],` +
			`"links":[{"organization":"g","relation":"works_at"}],"occurred_at":"2020-01-01T00:00:00Z",` + source + `}`, []string{
			`customer.change_details {"name":"Ann","job_title":"CEO",` + source + `}`,
			`customer.change_lifecycle_stage {"stage":"customer","touchpoint":{"source":"s"},` + source + `}`,
			`customer.add_contact_point {"kind":"email","value":"a@x",` + source + `}`,
			`customer.add_contact_point {"kind":"phone","value":"1",` + source + `}`,
			`customer.change_attributes {"set":[{"key":"k"}],` + source + `}`,
			`customer.link_to_organization {"organization":"g","relation":"works_at",` + source + `}`,
			`customer.assign_owner {"owner":"o",` + source + `}`,
		}},
		{"customer.register", `{"id":"x","kind":"person","touchpoint":{"source":"s"},` + source + `}`, nil},
		{"employee.register", `{"id":"x","name":"Ann","manager":"m",` + source + `}`, []string{`employee.change_details {"name":"Ann","manager":"m",` + source + `}`}},
		{"product.define", `{"id":"x","name":"P","list_price":{"minor":1},` + source + `}`, []string{
			`product.change_details {"name":"P",` + source + `}`, `product.set_list_price {"list_price":{"minor":1},` + source + `}`,
		}},
		{"deal.open", `{"id":"x","title":"T","stage":"s","customer":"c","owner":"o","amount":{"minor":1},"expected_close":"2020-01-01",` + source + `}`, []string{
			`deal.link_customer {"customer":"c",` + source + `}`, `deal.assign_owner {"owner":"o",` + source + `}`,
			`deal.change_amount {"amount":{"minor":1},` + source + `}`, `deal.change_close_date {"expected_close":"2020-01-01",` + source + `}`,
		}},
		{"pipeline.define", `{"id":"x","name":"P",` + source + `}`, nil},
	} {
		c := &Command{Name: test.name, Target: uuid.NameSpaceURL, Body: []byte(test.body), label: "rows/" + test.name + "#1"}
		var got []string
		keys := map[string]bool{}
		for _, change := range c.changes("m") {
			got = append(got, fmt.Sprintf("%s %s", change.Name, change.Body))
			keys[change.Key] = true
			if change.Target != c.Target {
				t.Errorf("%s is about %s", change.Name, change.Target)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" || len(keys) != len(got) {
			t.Errorf("%s: %d keys %s", test.name, len(keys), diff)
		}
		for _, member := range got {
			name, _, _ := strings.Cut(member, " ")
			if _, known := members[name]; !known {
				t.Errorf("%s is no command", name)
			}
		}
	}
}

// Which refusals mean that the target exists.
func TestAlreadyThere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		command, slug string
		status        int
		want          bool
	}{
		{"customer.register", "customer-already-registered", 409, true},
		{"deal.open", "deal-already-opened", 409, true},
		{"deal.open", "customer-unknown", 404, false},
		{"deal.win", "deal-not-open", 409, false},
		{"customer.register", "", 201, false},
	} {
		c := &Command{Name: test.command}
		if got := c.alreadyThere(Outcome{Status: test.status, Problem: Problem{Type: "/problems/" + test.slug}}); got != test.want {
			t.Errorf("%s %s: %v", test.command, test.slug, got)
		}
	}
}

func TestProblemAbout(t *testing.T) {
	t.Parallel()
	body := []byte(`{"contact_points":[{"value":"a~b/c"}],"x/y":{"m~n":3}}`)
	for pointer, want := range map[string]string{
		"/contact_points/0/value": `"a~b/c"`, "/x~1y/m~0n": "3", "/contact_points/7": "", "/contact_points/x": "", "/none/at/all": "", "": "",
	} {
		if got := at(body, pointer); got != want {
			t.Errorf("%s is %s", pointer, got)
		}
	}
	p := Problem{Detail: "No.", Errors: []Fault{{"/body/x~1y/m~0n", "No."}, {"/contact_points", "Never."}}}
	if diff := cmp.Diff(`No. (/x~1y/m~0n: 3) (/contact_points: [{"value":"a~b/c"}]) Never.`, p.about(body)); diff != "" {
		t.Error(diff)
	}
}
