package readmodels_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	"crm/domain/customer"
	"crm/domain/employee"
	"crm/projections"
	"crm/projections/readmodels"
)

func register(name string, more ...func(*customer.Register)) customer.Register {
	c := customer.Register{Kind: customer.Person, Details: customer.Details{Name: domain.Personal(name)}}
	for _, change := range more {
		change(&c)
	}
	return c
}

func reachedAt(kind customer.ContactKind, typed, normalized string) func(*customer.Register) {
	return func(c *customer.Register) {
		c.ContactPoints = append(c.ContactPoints, customer.ContactPoint{
			ID: domain.ContactPointID{UUID: numbered(typed, 0)}, Kind: kind,
			Typed: domain.Personal(typed), Normalized: domain.Personal(normalized),
		})
	}
}

func names(customers []readmodels.Customer) []string {
	found := []string{}
	for _, c := range customers {
		found = append(found, c.Details.Name.Plain())
	}
	slices.Sort(found)
	return found
}

func TestCustomersAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i, c := range []customer.Register{
		register("Jane Müller", reachedAt(customer.Email, "Jane.M@Example.org", "Jane.M@example.org"), reachedAt(customer.Phone, "030 1234 567", "+49301234567")),
		register("李小龍", func(c *customer.Register) { c.Touchpoint.Source = "Google" }),
		register("Ann O'Hara 100%", func(c *customer.Register) { c.Touchpoint.Source = "google"; c.Owner = employeeID(1) }),
		register("Acme_GmbH", func(c *customer.Register) { c.Kind, c.Stage = customer.Organization, customer.Customer }),
		register("Janus", func(c *customer.Register) { c.Stage = customer.Customer }),
		register("Gone"),
	} {
		w.must(t, w.customer(customerID(i), c))
	}
	w.must(t, w.customer(customerID(5), customer.Archive{}))
	w.must(t, w.customer(customerID(4), customer.AddContactPoint{ContactPoint: customer.ContactPoint{
		ID: domain.ContactPointID{UUID: numbered("old", 0)}, Kind: customer.Email, Typed: "old@x.example", Normalized: "old@x.example",
	}}))
	w.must(t, w.customer(customerID(4), customer.RemoveContactPoint{ID: domain.ContactPointID{UUID: numbered("old", 0)}}))
	w.must(t, w.customer(customerID(4), customer.ChangeDetails{Patch: domain.Patch[customer.Details]{Set: customer.Details{Name: "Janus Two"}}}))
	w.must(t, w.customer(customerID(0), customer.Correct{Patch: domain.Patch[customer.Details]{Set: customer.Details{Name: "Jane Möller"}}}))
	models, _ := w.build(t)
	for name, story := range map[string]struct {
		filter string
		text   string
		want   []string
	}{
		"all":                            {"", "", []string{"Acme_GmbH", "Ann O'Hara 100%", "Gone", "Jane Möller", "Janus Two", "李小龍"}},
		"those in use":                   {"archived eq false", "", []string{"Acme_GmbH", "Ann O'Hara 100%", "Jane Möller", "Janus Two", "李小龍"}},
		"the archived":                   {"archived eq true", "", []string{"Gone"}},
		"organisations":                  {"kind eq organization", "", []string{"Acme_GmbH"}},
		"a stage":                        {"stage eq customer", "", []string{"Acme_GmbH", "Janus Two"}},
		"a stage and a kind":             {"stage eq customer; kind eq person", "", []string{"Janus Two"}},
		"a source in its own case":       {"source eq google", "", []string{"Ann O'Hara 100%"}},
		"an owner":                       {"owner eq " + employeeID(1).String(), "", []string{"Ann O'Hara 100%"}},
		"an address in any case":         {"email eq jane.m@EXAMPLE.org", "", []string{"Jane Möller"}},
		"one of several numbers":         {"phone in +491,+49301234567", "", []string{"Jane Möller"}},
		"who has no address":             {"email null true; archived eq false", "", []string{"Acme_GmbH", "Ann O'Hara 100%", "Janus Two", "李小龍"}},
		"part of a name in any case":     {"", "MÖLL", []string{"Jane Möller"}},
		"and in another spelling":        {"", "moeller", []string{"Jane Möller"}},
		"not by a corrected name":        {"name contains müller", "", []string{}},
		"the beginning of a word":        {"", "ja", []string{"Jane Möller", "Janus Two"}},
		"short words only begin":         {"", "an", []string{"Ann O'Hara 100%"}},
		"of one letter too":              {"", "j", []string{"Jane Möller", "Janus Two"}},
		"all of several words":           {"", "mö jane", []string{"Jane Möller"}},
		"some of one letter":             {"", "t janus", []string{"Janus Two"}},
		"a name without Latin letters":   {"", "李小", []string{"李小龍"}},
		"an address as typed":            {"", "jane.m@EXAMPLE", []string{"Jane Möller"}},
		"a domain":                       {"", "@example.org", []string{"Jane Möller"}},
		"a number in its normal form":    {"", "+4930123", []string{"Jane Möller"}},
		"a number as typed":              {"", "030 1234 567", []string{"Jane Möller"}},
		"another way":                    {"", "0049 (30) 1234-567", []string{"Jane Möller"}},
		"the end of a number":            {"", "1234 567", []string{"Jane Möller"}},
		"a contact point that went":      {"", "old@x", []string{}},
		"a percent sign is none":         {"", "100%", []string{"Ann O'Hara 100%"}},
		"an underscore parts words":      {"", "acme_g", []string{"Acme_GmbH"}},
		"a backslash is no harm":         {"", `jane\`, []string{"Jane Möller"}},
		"a quote is no harm":             {"", "o'hara", []string{"Ann O'Hara 100%"}},
		"nor are signs of a search":      {"", `jane' | 'acme:* & !ann`, []string{}},
		"a text without letters is none": {"", `%%% ''`, []string{}},
		"within a filter":                {"kind eq organization", "a", []string{"Acme_GmbH"}},
		"a typo":                         {"", "Jnae", []string{"Jane Möller"}},
		"two in a long word":             {"", "Möeler", []string{"Jane Möller"}},
		"and part of a word":             {"", "anus", []string{"Janus Two"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, sort := range []string{"", "name"} {
				page, err := models.Customers.List(t.Context(), asked(t, readmodels.CustomerList, story.filter, sort, 100), story.text)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(story.want, names(page.Items)); diff != "" && (sort == "" || !strings.HasPrefix(name, "a typo") && !strings.HasPrefix(name, "two in") && !strings.HasPrefix(name, "and part")) {
					t.Errorf("sorted by %q (-want +got)\n%s", sort, diff)
				}
			}
		})
	}
}

// Pages neither lose nor repeat a customer, whatever is registered meanwhile.
func TestCustomerPagesHoldStill(t *testing.T) {
	t.Parallel()
	w := newWorld()
	day := w.now
	for i := range 57 {
		w.now = day.AddDate(0, 0, -i%5) // many of the same instant
		w.must(t, w.customer(customerID(i), register(fmt.Sprint("old ", i))))
	}
	models, pool := w.build(t)
	var seen []string
	question := asked(t, readmodels.CustomerList, "", "", 10)
	for n := 0; ; n++ {
		page, err := models.Customers.List(t.Context(), question, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Items {
			if c.Details.Name[:3] == "old" {
				seen = append(seen, c.ID.String())
			}
		}
		// Before, between and after what was read so far.
		if _, err := pool.Exec(t.Context(), `
			INSERT INTO customers.customers
			SELECT (jsonb_populate_record(NULL::customers.customers, to_jsonb(c) || jsonb_build_object(
			  'customer_id', gen_random_uuid(), 'name', 'new', 'registered_at', registered_at + n * interval '7 hours'))).*
			FROM (SELECT * FROM customers.customers ORDER BY customer_id LIMIT 1) AS c, generate_series(-20, 2) AS n`); err != nil {
			t.Fatal(err)
		}
		if page.Next == nil {
			break
		}
		question.After = *page.Next
		if n > 100 {
			break // new ones are added all the time
		}
	}
	slices.Sort(seen)
	if unique := slices.Compact(slices.Clone(seen)); len(unique) != 57 || len(seen) != 57 {
		t.Errorf("of 57 customers the pages showed %d, %d different ones", len(seen), len(unique))
	}
}

func TestCustomerCard(t *testing.T) {
	t.Parallel()
	w := newWorld()
	at := w.now
	w.must(t, w.employee(employeeID(1), employee.Register{Details: employee.Details{Name: "Anna"}}))
	w.must(t, w.customer(customerID(1), customer.Register{Kind: customer.Organization, Details: customer.Details{Name: "ACME"}}))
	w.must(t, w.customer(customerID(2), customer.Register{
		Kind: customer.Person, Details: customer.Details{Name: "Jane"}, Owner: employeeID(1),
		Links: []customer.Link{{Organization: customerID(1), Relation: customer.WorksAt, Title: "CEO"}},
	}))
	w.now = at.AddDate(0, 0, -3) // what is recorded last may have occurred before
	w.must(t, w.customer(customerID(2), customer.ChangeLifecycleStage{Stage: customer.Customer}))
	models, pool := w.build(t)

	card, err := models.Customers.Card(t.Context(), customerID(2), readmodels.AsOf{})
	if err != nil {
		t.Fatal(err)
	}
	if card.OwnerName != "Anna" || card.Organizations[customerID(1)] != "ACME" {
		t.Errorf("owner %q, organisations %v", card.OwnerName, card.Organizations)
	}
	if !card.RegisteredAt.Equal(at) || !card.ChangedAt.Equal(w.now) || card.Revision != 3 {
		t.Errorf("registered %s, changed %s, revision %d", card.RegisteredAt, card.ChangedAt, card.Revision)
	}
	if _, err := models.Customers.Card(t.Context(), customerID(3), readmodels.AsOf{}); !errors.Is(err, customer.ErrUnknown) {
		t.Errorf("a card of nobody: %v", err)
	}
	if err := models.Customers.Exists(t.Context(), customerID(3), readmodels.AsOf{}); !errors.Is(err, customer.ErrUnknown) {
		t.Errorf("nobody exists: %v", err)
	}

	// The views for SQL say the same.
	var relation, title string
	if err := pool.QueryRow(t.Context(), `SELECT relation, title FROM customers.links WHERE customer_id = $1 AND organization_id = $2`,
		customerID(2).UUID, customerID(1).UUID).Scan(&relation, &title); err != nil || relation != "works_at" || title != "CEO" {
		t.Errorf("view links: %s %s %v", relation, title, err)
	}
}

func TestCustomerViews(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.must(t, w.customer(customerID(1), register("Jane", reachedAt(customer.Email, "A@x.example", "a@x.example"), reachedAt(customer.Phone, "1", "+491"), func(c *customer.Register) {
		c.ContactPoints[1].Primary = true
		c.Attributes = []customer.Attribute{{Key: "vip", Kind: customer.Boolean, Value: "true"}}
	})))
	_, pool := w.build(t)
	var points, attributes string
	if err := pool.QueryRow(t.Context(), `
		SELECT string_agg(format('%s %s %s %s %s', ordinal, kind, normalized, "primary", verified), ', ' ORDER BY ordinal),
		  (SELECT string_agg(format('%s %s %s', key, kind, value), ', ') FROM customers.attributes)
		FROM customers.contact_points`).Scan(&points, &attributes); err != nil {
		t.Fatal(err)
	}
	if want := "1 email a@x.example f f, 2 phone +491 t f"; points != want {
		t.Errorf("contact points %q, want %q", points, want)
	}
	if want := "vip boolean true"; attributes != want {
		t.Errorf("attributes %q, want %q", attributes, want)
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	w := newWorld()
	from := func(source string) func(*customer.Register) {
		return func(c *customer.Register) { c.Touchpoint.Source = source }
	}
	for i, c := range []customer.Register{register("a", from("Google")), register("b", from("Google")), register("c", from("google")), register("d"), register("e", from("Google"))} {
		w.must(t, w.customer(customerID(i), c))
	}
	w.must(t, w.customer(customerID(1), customer.ChangeLifecycleStage{Stage: customer.Customer}))
	w.must(t, w.customer(customerID(4), customer.Archive{}))
	models, _ := w.build(t)
	got, err := models.Customers.Sources(t.Context(), readmodels.SourcesQuestion{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]readmodels.SourceCount{
		{Source: "", Stage: customer.Lead, Count: 1},
		{Source: "Google", Stage: customer.Customer, Count: 1},
		{Source: "Google", Stage: customer.Lead, Count: 1},
		{Source: "google", Stage: customer.Lead, Count: 1},
	}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestModelsThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	models, pool := newWorld().build(t)
	if _, err := pool.Exec(t.Context(), "DROP SCHEMA customers CASCADE"); err != nil {
		t.Fatal(err)
	}
	if _, err := models.Customers.Card(t.Context(), customerID(1), readmodels.AsOf{}); !errors.Is(err, projections.ErrUnavailable) {
		t.Errorf("without its tables: %v", err)
	}
	pool.Close()
	if _, err := models.Deals.Card(t.Context(), dealID(1), readmodels.AsOf{}); !errors.Is(err, projections.ErrUnavailable) {
		t.Errorf("without Postgres: %v", err)
	}
	if _, err := models.Deals.Board(t.Context(), domain.DefaultPipeline, readmodels.AsOf{}, 1); !errors.Is(err, projections.ErrUnavailable) {
		t.Errorf("a board without Postgres: %v", err)
	}
}
