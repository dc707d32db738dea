package importing

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/http/importing/importingtest"
)

// folders gives a generated folder and, where the data set lies beside the
// repository, the real one.
func folders(t *testing.T, set importingtest.Set, rows int) map[string]string {
	t.Helper()
	all := map[string]string{"generated": set.Generate(t, rows)}
	if dir, there := set.Real(t); there {
		all["real"] = dir
	}
	return all
}

// twice imports a folder two times; the second must append nothing.
func twice(t *testing.T, mapping, dir string) (*api, tried) {
	t.Helper()
	a := newAPI(t)
	var first tried
	for i := range 2 {
		before := a.events()
		s, err := a.importFiles(t.Context(), mapping, []string{dir})
		if err != nil {
			t.Fatal(err)
		}
		if s.Rejected > 0 {
			t.Errorf("%d rows were rejected", s.Rejected)
		}
		if i == 0 {
			first = s
		} else if n := a.events() - before; n > 0 {
			t.Errorf("the second time appends %d", n)
		}
	}
	return a, first
}

func TestSalesOpportunities(t *testing.T) {
	t.Parallel()
	for name, dir := range folders(t, importingtest.Sales, 1000) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, s := twice(t, "crm-sales-opportunities", dir)

			want, rows := map[string]int{}, 0
			agents := map[string]bool{}
			for _, r := range importingtest.Rows(t, filepath.Join(dir, "accounts.csv")) {
				rows += 2 // once as an account, once as a subsidiary
				want["organisations in "+strings.Replace(r["sector"], importingtest.MisspeltSector, "technology", 1)]++
				want["accounts in "+strings.Replace(r["office_location"], importingtest.MisspeltOffice, "Philippines", 1)]++
				want["revenue"] += millions(t, r["revenue"])
				if r["subsidiary_of"] != "" {
					want["subsidiaries of "+r["subsidiary_of"]]++
				}
			}
			for _, r := range importingtest.Rows(t, filepath.Join(dir, "products.csv")) {
				rows++
				want["list price of "+r["product"]+" of "+r["series"]] = millions(t, r["sales_price"]) / 1_000_000
			}
			for _, r := range importingtest.Rows(t, filepath.Join(dir, "sales_teams.csv")) {
				rows++
				agents[r["sales_agent"]], agents[r["manager"]] = true, true
				want["agents of "+r["manager"]+" in "+r["regional_office"]]++
			}
			want["employees"] = len(agents)
			for _, r := range importingtest.Rows(t, filepath.Join(dir, "sales_pipeline.csv")) {
				rows++
				want["deals "+r["deal_stage"]]++
				want["deals of "+r["sales_agent"]]++
				want["deals with "+strings.Replace(r["product"], "GTXPro", "GTX Pro", 1)]++
				want["deals for "+r["account"]]++
				if r["deal_stage"] == "Won" {
					value, err := strconv.Atoi(r["close_value"])
					if err != nil {
						t.Fatal(err)
					}
					want["won by "+r["sales_agent"]] += 100 * value
					want["won in "+r["close_date"][:7]] += 100 * value
				}
				if r["close_date"] != "" {
					want["closed after engaging on "+r["engage_date"]]++
				}
			}
			if diff := cmp.Diff(want, salesFigures(a)); diff != "" {
				t.Error(diff)
			}
			if s.Rows != rows {
				t.Errorf("%d rows of %d", s.Rows, rows)
			}
		})
	}
}

// millions is an amount of millions of dollars in cents.
func millions(t *testing.T, amount string) int {
	t.Helper()
	whole, fraction, _ := strings.Cut(amount, ".")
	n, err := strconv.Atoi(whole + (fraction + "00000000")[:8])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// salesFigures counts the same figures in what the server was told.
func salesFigures(a *api) map[string]int {
	got := map[string]int{}
	names, offices := map[string]string{}, map[string]string{"": ""}
	cents := func(of any) int { return int(of.(map[string]any)["minor"].(float64)) }
	for _, c := range a.of("customer.register") {
		names[c.id] = c.body["name"].(string)
		got["organisations in "+c.body["industry"].(string)]++
		got["accounts in "+c.body["attributes"].([]any)[0].(map[string]any)["value"].(string)]++
		got["revenue"] += cents(c.body["annual_revenue"])
	}
	for _, c := range a.of("customer.link_to_organization") {
		got["subsidiaries of "+names[c.body["organization"].(string)]]++
	}
	for _, c := range a.of("product.define") {
		names[c.id] = c.body["name"].(string)
		got[fmt.Sprintf("list price of %s of %s", c.body["name"], c.body["family"])] = cents(c.body["list_price"])
	}
	for _, c := range a.of("employee.register") {
		names[c.id], offices[c.id] = c.body["name"].(string), c.body["office"].(string)
	}
	got["employees"] = len(a.of("employee.register"))
	for _, c := range a.of("employee.register") {
		if manager, ok := c.body["manager"].(string); ok {
			got["agents of "+names[manager]+" in "+c.body["office"].(string)]++
		}
	}
	stage, owner, engaged := map[string]string{}, map[string]string{}, map[string]string{}
	for _, c := range a.of("deal.open") {
		stage[c.id] = "Prospecting"
		owner[c.id] = names[c.body["owner"].(string)]
		got["deals of "+owner[c.id]]++
		customer, _ := c.body["customer"].(string)
		got["deals for "+names[customer]]++
		item := c.body["line_items"].([]any)[0].(map[string]any)
		got["deals with "+names[item["product"].(string)]]++
	}
	for _, c := range a.of("deal.change_stage") {
		stage[c.id], engaged[c.id] = "Engaging", c.body["occurred_at"].(string)[:10]
	}
	for _, c := range a.of("deal.win") {
		stage[c.id] = "Won"
		got["won by "+owner[c.id]] += cents(c.body["amount"])
		got["won in "+c.body["occurred_at"].(string)[:7]] += cents(c.body["amount"])
		got["closed after engaging on "+engaged[c.id]]++
	}
	for _, c := range a.of("deal.lose") {
		stage[c.id] = "Lost"
		got["closed after engaging on "+engaged[c.id]]++
	}
	for _, s := range stage {
		got["deals "+s]++
	}
	return got
}

func TestEducationLeads(t *testing.T) {
	t.Parallel()
	for name, dir := range folders(t, importingtest.Leads, 600) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, s := twice(t, "x-education-leads", dir)

			want := map[string]int{}
			rows := importingtest.Rows(t, filepath.Join(dir, "Leads.csv.gz"))
			for _, r := range rows {
				stage := map[string]string{"0": "lead", "1": "customer"}[r["Converted"]]
				want["from "+r["Lead Source"]+" by "+r["Lead Origin"]+": "+stage]++
				for _, column := range []string{"Do Not Email", "Do Not Call"} {
					if r[column] == "Yes" {
						want[column]++
					}
				}
				for _, column := range []string{"Receive More Updates About Our Courses", "Update me on Supply Chain Content", "Get updates on DM Content"} {
					if r[column] == "Yes" {
						want["consents"]++
					}
				}
				for _, column := range []string{"Last Activity", "Last Notable Activity"} {
					if r[column] != "" {
						want[column+" "+r[column]]++
					}
				}
				for _, column := range []string{"Specialization", "City"} {
					if r[column] != "" && r[column] != "Select" {
						want[strings.ToLower(column)+" "+r[column]]++
					}
				}
				if r["TotalVisits"] != "" {
					visits, err := strconv.Atoi(r["TotalVisits"])
					if err != nil {
						t.Fatal(err)
					}
					want["visits"] += visits
				}
			}

			got := map[string]int{}
			for _, c := range a.of("customer.register") {
				touchpoint, _ := c.body["touchpoint"].(map[string]any)
				source, _ := touchpoint["source"].(string)
				got[fmt.Sprintf("from %s by %s: %s", source, touchpoint["medium"], c.body["stage"])]++
				for _, each := range c.body["attributes"].([]any) {
					switch attribute := each.(map[string]any); attribute["key"] {
					case "total_visits":
						visits, err := strconv.Atoi(attribute["value"].(string))
						if err != nil || attribute["kind"] != "number" {
							t.Errorf("%v", attribute)
						}
						got["visits"] += visits
					case "specialization", "city":
						got[fmt.Sprintf("%s %s", attribute["key"], attribute["value"])]++
					}
				}
			}
			for _, c := range a.of("consent.object") {
				got[map[string]string{"marketing:email": "Do Not Email", "marketing:phone": "Do Not Call"}[c.Part]]++
			}
			if n := len(a.of("consent.grant")); n > 0 {
				got["consents"] = n
			}
			for _, c := range a.of("interaction.log") {
				got[strings.Replace(strings.Replace(c.body["note"].(string), "activity", "Activity", 1), "notable", "Notable", 1)+" "+c.body["subject"].(string)]++
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if s.Rows != len(rows) {
				t.Errorf("%d rows of %d", s.Rows, len(rows))
			}
		})
	}
}

func TestVCards(t *testing.T) {
	t.Parallel()
	for name, dir := range folders(t, importingtest.Cards, 500) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			s, err := a.importFiles(t.Context(), "vcard", []string{dir})
			if err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(dir, "*.vcf"))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			want := map[string]int{}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(strings.ToUpper(string(text))) {
					line = strings.TrimPrefix(line, "ITEM"+strings.Trim(line[:strings.IndexAny(line, ".:")+1], "ITEM.:")+".")
					switch {
					case strings.HasPrefix(line, "BEGIN:"):
						want["cards"]++
					case strings.HasPrefix(line, "TEL;"), strings.HasPrefix(line, "TEL:"):
						want["phone"]++
					case strings.HasPrefix(line, "URL;"), strings.HasPrefix(line, "URL:"):
						want["web"]++
					case strings.HasPrefix(line, "EMAIL;"), strings.HasPrefix(line, "EMAIL:"):
						want["email"]++
					}
				}
			}
			got := map[string]int{"cards": s.Rows}
			for _, c := range a.of("customer.add_contact_point") {
				got[c.body["kind"].(string)]++
			}
			got["email"] += s.Rejected // the one that is no address
			delete(got, "postal")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			organisations := map[string]bool{}
			for _, c := range a.of("customer.register") {
				if name := c.body["name"].(string); c.body["kind"] == "organization" {
					if organisations[name] {
						t.Errorf("%s is there twice", name)
					}
					organisations[name] = true
				}
			}
			if len(a.of("customer.link_to_organization")) < len(organisations) || len(organisations) == 0 {
				t.Errorf("organisations %v, %d links", organisations, len(a.of("customer.link_to_organization")))
			}
			events := a.events()
			if _, err := a.importFiles(t.Context(), "vcard", []string{dir}); err != nil || a.events() != events {
				t.Errorf("the second time appends %d, %v", a.events()-events, err)
			}
		})
	}
}
