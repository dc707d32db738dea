package readmodels_test

import (
	"errors"
	"fmt"
	"slices"
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
	yes, no := true, false
	for name, story := range map[string]struct {
		filter readmodels.CustomerFilter
		want   []string
	}{
		"all":                            {readmodels.CustomerFilter{}, []string{"Acme_GmbH", "Ann O'Hara 100%", "Gone", "Jane Möller", "Janus Two", "李小龍"}},
		"those in use":                   {readmodels.CustomerFilter{Archived: &no}, []string{"Acme_GmbH", "Ann O'Hara 100%", "Jane Möller", "Janus Two", "李小龍"}},
		"the archived":                   {readmodels.CustomerFilter{Archived: &yes}, []string{"Gone"}},
		"organisations":                  {readmodels.CustomerFilter{Kind: customer.Organization}, []string{"Acme_GmbH"}},
		"a stage":                        {readmodels.CustomerFilter{Stage: customer.Customer}, []string{"Acme_GmbH", "Janus Two"}},
		"a stage and a kind":             {readmodels.CustomerFilter{Stage: customer.Customer, Kind: customer.Person}, []string{"Janus Two"}},
		"a source in its own case":       {readmodels.CustomerFilter{Source: "google"}, []string{"Ann O'Hara 100%"}},
		"an owner":                       {readmodels.CustomerFilter{Owner: employeeID(1)}, []string{"Ann O'Hara 100%"}},
		"part of a name in any case":     {readmodels.CustomerFilter{Text: "MÖLL"}, []string{"Jane Möller"}},
		"not by a corrected name":        {readmodels.CustomerFilter{Text: "müller"}, []string{}},
		"the beginning of a word":        {readmodels.CustomerFilter{Text: "ja"}, []string{"Jane Möller", "Janus Two"}},
		"short words only begin":         {readmodels.CustomerFilter{Text: "an"}, []string{"Ann O'Hara 100%"}},
		"all of several words":           {readmodels.CustomerFilter{Text: "mö jane"}, []string{"Jane Möller"}},
		"a name without Latin letters":   {readmodels.CustomerFilter{Text: "李小"}, []string{"李小龍"}},
		"an address as typed":            {readmodels.CustomerFilter{Text: "jane.m@EXAMPLE"}, []string{"Jane Möller"}},
		"a number in its normal form":    {readmodels.CustomerFilter{Text: "+4930123"}, []string{"Jane Möller"}},
		"a number as typed":              {readmodels.CustomerFilter{Text: "1234 567"}, []string{"Jane Möller"}},
		"a contact point that went":      {readmodels.CustomerFilter{Text: "old@x"}, []string{}},
		"a percent sign is one":          {readmodels.CustomerFilter{Text: "100%"}, []string{"Ann O'Hara 100%"}},
		"an underscore is one":           {readmodels.CustomerFilter{Text: "acme_g"}, []string{"Acme_GmbH"}},
		"an underscore is no wildcard":   {readmodels.CustomerFilter{Text: "ann_o"}, []string{}},
		"a backslash finds nothing here": {readmodels.CustomerFilter{Text: `jane\`}, []string{}},
		"a quote is no harm":             {readmodels.CustomerFilter{Text: "o'hara"}, []string{"Ann O'Hara 100%"}},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := models.Customers.List(t.Context(), story.filter, readmodels.AsOf{}, nil, 100)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(story.want, names(page.Items)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
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
	var after *readmodels.AgeMark
	for n := 0; ; n++ {
		page, err := models.Customers.List(t.Context(), readmodels.CustomerFilter{}, readmodels.AsOf{}, after, 10)
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
		after = page.Next
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
