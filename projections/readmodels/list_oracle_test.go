package readmodels_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/projections/lists"
	"crm/projections/readmodels"
	"crm/projections/search"
)

// oracle is a list as it would be answered without a database: all rows, and what each
// field of one is.
type oracle[R any] struct {
	list   *lists.List
	read   func(context.Context, readmodels.Asked) (readmodels.Listed[R], error)
	id     func(R) uuid.UUID
	fields map[string]func(R) any // nil: unknown; a slice of texts: several
	least  []string               // fields of which the unknown stands first
	fixed  bool                   // it has no past
}

// Every list answers as filtering, sorting and cutting all its rows would, whatever it is
// asked, of today and of the past.
func TestListsAgainstAnOracle(t *testing.T) {
	t.Parallel()
	w := randomWorld(3000, 21)
	m, _ := w.build(t)
	t.Run("customers", oracle[readmodels.Customer]{
		list: readmodels.CustomerList, id: func(c readmodels.Customer) uuid.UUID { return c.ID.UUID },
		read: func(ctx context.Context, a readmodels.Asked) (readmodels.Listed[readmodels.Customer], error) {
			return m.Customers.List(ctx, a, "")
		},
		fields: map[string]func(readmodels.Customer) any{
			"id":            func(c readmodels.Customer) any { return c.ID.UUID },
			"kind":          func(c readmodels.Customer) any { return string(c.Kind) },
			"name":          func(c readmodels.Customer) any { return c.Details.Name.Plain() },
			"given_name":    func(c readmodels.Customer) any { return known(c.Details.GivenName.Plain()) },
			"family_name":   func(c readmodels.Customer) any { return known(c.Details.FamilyName.Plain()) },
			"birth_date":    func(c readmodels.Customer) any { return known(c.Details.BirthDate.Plain()) },
			"job_title":     func(c readmodels.Customer) any { return known(c.Details.JobTitle.Plain()) },
			"legal_name":    func(c readmodels.Customer) any { return known(c.Details.LegalName.Plain()) },
			"vat_id":        func(c readmodels.Customer) any { return known(c.Details.VATID.Plain()) },
			"email":         func(c readmodels.Customer) any { return reached(c, customer.Email) },
			"phone":         func(c readmodels.Customer) any { return reached(c, customer.Phone) },
			"language":      func(c readmodels.Customer) any { return known(c.Details.Language) },
			"industry":      func(c readmodels.Customer) any { return known(c.Details.Industry) },
			"employees":     func(c readmodels.Customer) any { return known(c.Details.Employees) },
			"stage":         func(c readmodels.Customer) any { return string(c.Stage) },
			"source":        func(c readmodels.Customer) any { return known(c.Touchpoint.Source) },
			"medium":        func(c readmodels.Customer) any { return known(c.Touchpoint.Medium) },
			"campaign":      func(c readmodels.Customer) any { return known(c.Touchpoint.Campaign) },
			"owner":         func(c readmodels.Customer) any { return known(c.Owner.UUID) },
			"organization":  linked,
			"archived":      func(c readmodels.Customer) any { return c.Archived },
			"registered_at": func(c readmodels.Customer) any { return c.RegisteredAt },
			"changed_at":    func(c readmodels.Customer) any { return c.ChangedAt },
		},
	}.check)
	t.Run("deals", oracle[readmodels.Deal]{
		list: readmodels.DealList, id: func(d readmodels.Deal) uuid.UUID { return d.ID.UUID }, read: m.Deals.List, least: []string{"worth"},
		fields: map[string]func(readmodels.Deal) any{
			"id":                func(d readmodels.Deal) any { return d.ID.UUID },
			"title":             func(d readmodels.Deal) any { return d.Title.Plain() },
			"status":            func(d readmodels.Deal) any { return string(d.Status) },
			"pipeline":          func(d readmodels.Deal) any { return d.Stage.Pipeline.UUID },
			"stage":             func(d readmodels.Deal) any { return string(d.Stage.ID) },
			"probability":       func(d readmodels.Deal) any { return int64(d.Stage.Probability) },
			"forecast_category": func(d readmodels.Deal) any { return string(d.Stage.Category) },
			"customer":          func(d readmodels.Deal) any { return known(d.Customer.UUID) },
			"owner":             func(d readmodels.Deal) any { return known(d.Owner.UUID) },
			"worth":             func(d readmodels.Deal) any { return minor(d.Worth) },
			"currency":          func(d readmodels.Deal) any { return known(string(d.Worth.Currency)) },
			"expected_close":    func(d readmodels.Deal) any { return known(string(d.ExpectedClose)) },
			"closed_at":         func(d readmodels.Deal) any { return told(d.ClosedAt) },
			"loss_reason":       func(d readmodels.Deal) any { return known(string(d.Loss.Reason)) },
			"competitor":        func(d readmodels.Deal) any { return known(d.Loss.Competitor) },
			"opened_at":         func(d readmodels.Deal) any { return d.OpenedAt },
			"changed_at":        func(d readmodels.Deal) any { return d.ChangedAt },
		},
	}.check)
	t.Run("employees", oracle[readmodels.Employee]{
		list: readmodels.EmployeeList, id: func(e readmodels.Employee) uuid.UUID { return e.ID.UUID }, read: m.Catalog.Employees, fixed: true,
		fields: map[string]func(readmodels.Employee) any{
			"id":            func(e readmodels.Employee) any { return e.ID.UUID },
			"name":          func(e readmodels.Employee) any { return e.Details.Name.Plain() },
			"email":         func(e readmodels.Employee) any { return known(e.Details.Email.Plain()) },
			"office":        func(e readmodels.Employee) any { return known(e.Details.Office) },
			"manager":       func(e readmodels.Employee) any { return known(e.Details.Manager.UUID) },
			"registered_at": func(e readmodels.Employee) any { return e.RegisteredAt },
			"changed_at":    func(e readmodels.Employee) any { return e.ChangedAt },
		},
		least: []string{"email", "office"},
	}.check)
	t.Run("products", oracle[readmodels.Product]{
		list: readmodels.ProductList, id: func(p readmodels.Product) uuid.UUID { return p.ID.UUID }, read: m.Catalog.Products, fixed: true,
		fields: map[string]func(readmodels.Product) any{
			"id":         func(p readmodels.Product) any { return p.ID.UUID },
			"name":       func(p readmodels.Product) any { return p.Details.Name },
			"sku":        func(p readmodels.Product) any { return known(p.Details.SKU) },
			"family":     func(p readmodels.Product) any { return known(p.Details.Family) },
			"list_price": func(p readmodels.Product) any { return minor(p.ListPrice) },
			"currency":   func(p readmodels.Product) any { return known(string(p.ListPrice.Currency)) },
			"retired":    func(p readmodels.Product) any { return p.Retired },
			"defined_at": func(p readmodels.Product) any { return p.DefinedAt },
			"changed_at": func(p readmodels.Product) any { return p.ChangedAt },
		},
		least: []string{"sku", "family", "list_price"},
	}.check)
	t.Run("pipelines", oracle[readmodels.Pipeline]{
		list: readmodels.PipelineList, id: func(p readmodels.Pipeline) uuid.UUID { return p.ID.UUID }, read: m.Deals.Pipelines,
		fields: map[string]func(readmodels.Pipeline) any{
			"id":         func(p readmodels.Pipeline) any { return p.ID.UUID },
			"name":       func(p readmodels.Pipeline) any { return p.Name },
			"defined_at": func(p readmodels.Pipeline) any { return p.DefinedAt },
			"changed_at": func(p readmodels.Pipeline) any { return p.ChangedAt },
		},
	}.check)
	t.Run("keys", oracle[readmodels.APIKey]{
		list: readmodels.KeyList, id: func(k readmodels.APIKey) uuid.UUID { return k.ID.UUID }, read: m.Access.Keys, fixed: true,
		fields: map[string]func(readmodels.APIKey) any{
			"id":         func(k readmodels.APIKey) any { return k.ID.UUID },
			"name":       func(k readmodels.APIKey) any { return k.Name },
			"role":       func(k readmodels.APIKey) any { return string(k.Terms.Role) },
			"scope":      func(k readmodels.APIKey) any { return known(k.Terms.Scope.UUID) },
			"masked":     func(k readmodels.APIKey) any { return k.Terms.Masked },
			"expires_at": func(k readmodels.APIKey) any { return known(k.Terms.ExpiresAt) },
			"issued_at":  func(k readmodels.APIKey) any { return k.IssuedAt },
			"revoked_at": func(k readmodels.APIKey) any { return known(k.RevokedAt) },
		},
	}.check)
}

// known is nil for what nobody told.
func known[T comparable](value T) any {
	var none T
	if value == none {
		return nil
	}
	return value
}

func told(at *time.Time) any {
	if at == nil {
		return nil
	}
	return *at
}

func minor(m domain.Money) any {
	if m.IsZero() {
		return nil
	}
	return m.Minor
}

func reached(c readmodels.Customer, kind customer.ContactKind) any {
	var all []string
	for _, p := range c.ContactPoints {
		if p.Kind == kind && kind == customer.Email {
			all = append(all, strings.ToLower(p.Normalized.Plain()))
		} else if p.Kind == kind {
			all = append(all, p.Normalized.Plain())
		}
	}
	return several(all)
}

func linked(c readmodels.Customer) any {
	var all []string
	for _, l := range c.Links {
		all = append(all, l.Organization.String())
	}
	return several(all)
}

func several(all []string) any {
	if all == nil {
		return nil
	}
	return all
}

func (o oracle[R]) check(t *testing.T) {
	for i := range o.list.Fields {
		if o.fields[o.list.Fields[i].Name] == nil {
			t.Fatalf("nothing tells what %s is", o.list.Fields[i].Name)
		}
	}
	r := rand.New(rand.NewPCG(7, uint64(len(o.fields))))
	for _, asOf := range []readmodels.AsOf{{}, {At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}} {
		if o.fixed && !asOf.IsZero() {
			continue
		}
		all := o.pages(t, lists.Question{}, asOf, 200)
		if len(all) == 0 {
			t.Fatal("there are no rows to ask for")
		}
		found := 0
		for range 60 {
			question := o.question(r, all)
			got := o.pages(t, question, asOf, []int{2, 9, 200}[r.IntN(3)])
			found += len(got)
			if diff := gocmp.Diff(o.ids(o.answer(question, all)), o.ids(got)); diff != "" {
				t.Errorf("%+v as of %v (-oracle +list)\n%s", question, asOf, diff)
			}
		}
		if found == 0 {
			t.Error("no question found anything")
		}
	}
}

// pages are all pages of an answer.
func (o oracle[R]) pages(t *testing.T, question lists.Question, asOf readmodels.AsOf, limit int) []R {
	t.Helper()
	query, err := o.list.Read(question, true)
	if err != nil {
		t.Fatalf("%+v: %v", question, err)
	}
	var rows []R
	for a := (readmodels.Asked{Query: query, AsOf: asOf, Limit: limit}); ; {
		page, err := o.read(t.Context(), a)
		if err != nil {
			t.Fatalf("%+v: %v", question, err)
		}
		rows = append(rows, page.Items...)
		if page.Next == nil {
			return rows
		}
		a.After = *page.Next
	}
}

func (o oracle[R]) ids(rows []R) []string {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = o.id(row).String()
	}
	return ids
}

// question is any, with values that rows have.
func (o oracle[R]) question(r *rand.Rand, all []R) lists.Question {
	var q lists.Question
	for range r.IntN(3) {
		q.All = append(q.All, o.condition(r, all))
	}
	if r.IntN(3) == 0 {
		q.Any = [][]lists.Condition{{o.condition(r, all), o.condition(r, all)}}
	}
	var sorts []string
	names := slices.Clone(o.list.Sortable())
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:r.IntN(min(len(names), lists.MaxSorts)+1)] {
		sorts = append(sorts, []string{"", "-"}[r.IntN(2)]+name)
	}
	q.Sort = strings.Join(sorts, ",")
	return q
}

func (o oracle[R]) condition(r *rand.Rand, all []R) lists.Condition {
	f := &o.list.Fields[r.IntN(len(o.list.Fields))]
	op := f.Ops()[r.IntN(len(f.Ops()))]
	c := lists.Condition{Field: f.Name, Op: string(op)}
	for range map[bool]int{true: 3, false: 1}[op == lists.In] {
		text := written(o.fields[f.Name](all[r.IntN(len(all))]))
		switch {
		case op == lists.Null:
			text = []string{"true", "false"}[r.IntN(2)]
		case text == "" && f.Type == lists.Choice:
			text = f.Choices[0]
		case text == "":
			text = map[lists.Type]string{lists.Text: "?", lists.ID: uuid.Nil.String(), lists.Whole: "7", lists.Day: "2026-01-01", lists.Instant: "2026-01-01"}[f.Type]
		case op == lists.Prefix || op == lists.Contains:
			runes := []rune(text)
			from := 0
			if op == lists.Contains {
				from = r.IntN(len(runes))
			}
			text = string(runes[from:min(len(runes), from+3)])
		}
		c.Values = append(c.Values, text)
	}
	return c
}

// written is a value as a caller writes it; of several the first.
func written(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []string:
		return v[0]
	case time.Time:
		return v.Format(time.RFC3339Nano)
	default:
		return fmt.Sprint(v)
	}
}

// answer is what the question should find.
func (o oracle[R]) answer(q lists.Question, all []R) []R {
	var rows []R
	for _, row := range all {
		holds := func(c lists.Condition) bool { return o.holds(c, row) }
		if !slices.ContainsFunc(q.All, func(c lists.Condition) bool { return !holds(c) }) &&
			!slices.ContainsFunc(q.Any, func(group []lists.Condition) bool { return !slices.ContainsFunc(group, holds) }) {
			rows = append(rows, row)
		}
	}
	sort := q.Sort
	if sort == "" {
		sort = o.list.Default
	}
	slices.SortFunc(rows, func(a, b R) int {
		descending := false
		for name := range strings.SplitSeq(sort, ",") {
			name, descending = strings.CutPrefix(name, "-")
			if order := o.compare(name, a, b); order != 0 {
				return turned(order, descending)
			}
		}
		ida, idb := o.id(a), o.id(b)
		return turned(slices.Compare(ida[:], idb[:]), descending)
	})
	return rows
}

func turned(order int, descending bool) int {
	if descending {
		return -order
	}
	return order
}

func (o oracle[R]) compare(name string, a, b R) int {
	x, y := o.fields[name](a), o.fields[name](b)
	if name == "name" && o.list == readmodels.CustomerList {
		x, y = search.Key(x.(string)), search.Key(y.(string))
	}
	unknown := 1 // comes last
	if slices.Contains(o.least, name) {
		unknown = -1
	}
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return unknown
	case y == nil:
		return -unknown
	}
	return compared(x, y)
}

func compared(x, y any) int {
	switch x := x.(type) {
	case string:
		return strings.Compare(x, y.(string))
	case int64:
		return cmp.Compare(x, y.(int64))
	case time.Time:
		return x.Compare(y.(time.Time))
	default:
		return math.MaxInt // of no order
	}
}

func (o oracle[R]) holds(c lists.Condition, row R) bool {
	value := o.fields[c.Field](row)
	is := func(text string) bool {
		if all, several := value.([]string); several {
			return slices.Contains(all, text)
		}
		return value != nil && written(value) == text
	}
	switch lists.Op(c.Op) {
	case lists.Null:
		return (value == nil) == (c.Values[0] == "true")
	case lists.Eq:
		return is(c.Values[0])
	case lists.Ne:
		return !is(c.Values[0])
	case lists.In:
		return slices.ContainsFunc(c.Values, is)
	case lists.Prefix, lists.Contains:
		text, of := c.Values[0], written(value)
		if c.Field == "name" && o.list == readmodels.CustomerList {
			text, of = search.Key(text), search.Key(of)
		}
		if lists.Op(c.Op) == lists.Prefix {
			return strings.HasPrefix(of, text)
		}
		return strings.Contains(of, text)
	default: // of order, below
	}
	if value == nil {
		return false
	}
	order := compared(value, parsed(value, c.Values[0]))
	switch lists.Op(c.Op) {
	case lists.Lt:
		return order < 0
	case lists.Lte:
		return order <= 0
	case lists.Gt:
		return order > 0
	default:
		return order >= 0
	}
}

// parsed is a text as a value of the kind of another.
func parsed(kind any, text string) any {
	switch kind.(type) {
	case int64:
		var n int64
		_, _ = fmt.Sscan(text, &n)
		return n
	case time.Time:
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			at, _ = time.Parse(time.DateOnly, text)
		}
		return at
	default:
		return text
	}
}
