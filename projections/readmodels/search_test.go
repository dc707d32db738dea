package readmodels_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/customer"
	"crm/projections/projectionstest"
	"crm/projections/readmodels"
	"crm/projections/search"
)

// What people type finds whom they mean, among the first three, in a company with many
// customers whose names are like those.
func TestSearchFindsWhoIsMeant(t *testing.T) {
	t.Parallel()
	w := newWorld()
	given := strings.Fields("Anna Björn Chiara Dragan Elif François Gülşen Hans Ingrid Jiří Karolína Łukasz María Nikos Paul Quentin Søren Ursula Zoë Jane John Mary Peter Susan Thomas")
	family := strings.Fields("Albrecht Bauer Çelik Dvořák Eriksson Fischer García Hofer Jansen Kovács Lindqvist Nowak Öztürk Rossi Schäfer Tremblay Varga Weiß Zimmermann Smith Jones Taylor Brown Wilson")
	n := 100
	for _, first := range given {
		for _, last := range family {
			n++
			w.must(t, w.customer(customerID(n), register(first+" "+last, reachedAt(customer.Email, fmt.Sprintf("c%d@mail%d.example", n, n%40), fmt.Sprintf("c%d@mail%d.example", n, n%40)))))
		}
	}
	organization := func(c *customer.Register) { c.Kind = customer.Organization }
	at := func(n int) func(*customer.Register) {
		return func(c *customer.Register) {
			c.Links = []customer.Link{{Organization: customerID(n), Relation: customer.WorksAt}}
		}
	}
	for i, c := range []customer.Register{
		register("Jürgen Müller", reachedAt(customer.Email, "J.Mueller@Firma-Beispiel.de", "J.Mueller@firma-beispiel.de"), reachedAt(customer.Phone, "030 / 90 26 39 11", "+493090263911")),
		register("Groß Straßenbau GmbH", organization, reachedAt(customer.Phone, "+43 1 58801-0", "+431588010")),
		register("Ada Lovelace", at(3), reachedAt(customer.Email, "ada@analytical.engines.co.uk", "ada@analytical.engines.co.uk"), reachedAt(customer.Phone, "020 7946 0018", "+442079460018")),
		register("Analytical Engines Ltd", organization),
		register("Siobhán O'Hara", reachedAt(customer.Email, "siobhan.ohara@example.ie", "siobhan.ohara@example.ie")),
		register("Annegret Müller-Lüdenscheidt"),
		register("Stadtwerke Göttingen AG", organization, reachedAt(customer.Email, "info@swgoe.example", "info@swgoe.example")),
		register("Wilhelmina Weißgerber", at(6)),
		register("Christopher Montgomery"),
		register("Køge Mølleværk", organization),
		register("田中 さくら"),
		register("Дмитрий Кузнецов"),
		register("Bäckerei Öhlschläger", organization),
		register("McKenzie & Sons", organization),
		register("Katharina Schmidt", reachedAt(customer.Phone, "0171 2345678", "+491712345678")),
		register("Catherine Schmitt"),
		register("3M Deutschland", organization),
		register("Jean-Pierre Lefèvre"),
	} {
		w.must(t, w.customer(customerID(i), c))
	}
	models, _ := w.build(t)
	for text, want := range map[string]string{
		// names, as they are and as they are typed
		"Jürgen Müller": "Jürgen Müller", "juergen mueller": "Jürgen Müller", "Jurgen Muller": "Jürgen Müller", "müller jürgen": "Jürgen Müller",
		"MÜLLER, JÜRGEN": "Jürgen Müller", "jürg": "Jürgen Müller", "j müller": "Jürgen Müller", "Juergen Mueler": "Jürgen Müller", "Jügren Müller": "Jürgen Müller",
		"Müller-Lüdenscheidt": "Annegret Müller-Lüdenscheidt", "mueller luedenscheidt": "Annegret Müller-Lüdenscheidt", "Lüdensch": "Annegret Müller-Lüdenscheidt",
		"Ludenscheid": "Annegret Müller-Lüdenscheidt", "annegret m": "Annegret Müller-Lüdenscheidt",
		"Ada Lovelace": "Ada Lovelace", "lovelace": "Ada Lovelace", "Lovelase": "Ada Lovelace", "ada lov": "Ada Lovelace", "Lovleace, Ada": "Ada Lovelace",
		"O'Hara": "Siobhán O'Hara", "ohara": "Siobhán O'Hara", "Siobhan O’Hara": "Siobhán O'Hara", "siobahn": "Siobhán O'Hara",
		"Christofer Montgomery": "Christopher Montgomery", "montgomry": "Christopher Montgomery", "mont": "Christopher Montgomery",
		"Katarina Schmidt": "Katharina Schmidt", "katharina schmid": "Katharina Schmidt", "Kathrina": "Katharina Schmidt",
		"Schmitt": "Catherine Schmitt", "cathrine schmitt": "Catherine Schmitt",
		"Jean Pierre Lefevre": "Jean-Pierre Lefèvre", "jean-p": "Jean-Pierre Lefèvre", "lefebre": "Jean-Pierre Lefèvre",
		"Weissgerber": "Wilhelmina Weißgerber", "weißgerb": "Wilhelmina Weißgerber",
		"田中": "田中 さくら", "さくら": "田中 さくら", "кузнецов": "Дмитрий Кузнецов", "ДМИТРИЙ": "Дмитрий Кузнецов",
		// one of many that are like it
		"Anna Bauer": "Anna Bauer", "bjoern schaefer": "Björn Schäfer", "Bjorn Schafer": "Björn Schäfer", "Zoe Weiss": "Zoë Weiß", "soren oztuerk": "Søren Öztürk",
		"lukasz dvorak": "Łukasz Dvořák", "Mary Jnoes": "Mary Jones", "peter taylr": "Peter Taylor", "smith susan": "Susan Smith",
		// organizations
		"Strassenbau": "Groß Straßenbau GmbH", "Gross Straßenbau": "Groß Straßenbau GmbH", "Straßnebau": "Groß Straßenbau GmbH",
		"stadtwerke": "Stadtwerke Göttingen AG", "Goettingen": "Stadtwerke Göttingen AG", "twerke": "Stadtwerke Göttingen AG",
		"Koege": "Køge Mølleværk", "oehlschlaeger": "Bäckerei Öhlschläger", "Backerei Ohl": "Bäckerei Öhlschläger", "mckenzie and": "", "McKenzie & Sons": "McKenzie & Sons",
		"3m": "3M Deutschland", "analytical eng": "Analytical Engines Ltd",
		// who works there
		"ada analytical": "Ada Lovelace", "wilhelmina stadtwerke": "Wilhelmina Weißgerber", "göttingen weiß": "Wilhelmina Weißgerber",
		// addresses and domains
		"j.mueller@firma-beispiel.de": "Jürgen Müller", "J.Mueller@": "Jürgen Müller", "@firma-beispiel.de": "Jürgen Müller", "firma-beispiel": "Jürgen Müller",
		"analytical.engines.co.uk": "Ada Lovelace", "siobhan.ohara@ex": "Siobhán O'Hara", "info@swgoe.example": "Stadtwerke Göttingen AG",
		// numbers, in any notation
		"+493090263911": "Jürgen Müller", "030 90263911": "Jürgen Müller", "(030) 9026-3911": "Jürgen Müller", "0049 30 90 26 39 11": "Jürgen Müller", "9026 3911": "Jürgen Müller",
		"030 / 90 26": "Jürgen Müller", "+44 20 7946 0018": "Ada Lovelace", "7946 0018": "Ada Lovelace", "0171/2345678": "Katharina Schmidt", "+43 1 58801": "Groß Straßenbau GmbH",
	} {
		page, err := models.Customers.List(t.Context(), asked(t, readmodels.CustomerList, "", "", 3), text)
		if err != nil {
			t.Errorf("%.80q: %v", text, err)
			continue
		}
		if found := names(page.Items); want == "" && len(found) > 0 || want != "" && !slices.Contains(found, want) {
			t.Errorf("%q finds %q, not %q", text, found, want)
		}
	}
}

// The best come first, and pages go through all of them, each once.
func TestSearchPages(t *testing.T) {
	t.Parallel()
	w := newWorld()
	all := []string{ // newest last
		"Stan Meyer", "Mary Meyer", "Meyerhof Anna", "Otto Meyer", "Meyer Werft", "Meyer", "Mayer Eva", "Anna Meyerling", "Meyer", "Meier",
	}
	for i, name := range all {
		w.now = w.now.AddDate(0, 0, 1)
		w.must(t, w.customer(customerID(i), register(name)))
	}
	models, _ := w.build(t)
	want := []string{"Meyer", "Meyer", "Meyer Werft", "Meyerhof Anna", "Otto Meyer", "Mary Meyer", "Stan Meyer", "Anna Meyerling"}
	for _, limit := range []int{1, 2, 3, 100} {
		var got []string
		a := asked(t, readmodels.CustomerList, "", "", limit)
		for {
			page, err := models.Customers.List(t.Context(), a, "meyer")
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page.Items {
				got = append(got, c.Details.Name.Plain())
			}
			if page.Next == nil {
				break
			}
			a.After = *page.Next
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %d: %q, want %q", limit, got, want)
		}
	}
}

// Whatever is in a name, an address or a search, Postgres takes the terms that are made
// of it.
func TestTermsAreTaken(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	signs := []string{"'", `"`, `\`, ":", "*", "&", "|", "!", "(", ")", "<->", "@", "?", "~", "#", "+", "-", ".", "_", " ", "\t", "\u00a0", "\u2028", "\u200b", "%", "$1", "a", "Ü", "ß", "1", "23456", "ﬀ", "ͅ", "क्षि", "😀", "İ", "x'; DROP TABLE customers; --", strings.Repeat("ab", 2000)}
	r := rand.New(rand.NewPCG(3, 3))
	for range 500 {
		var b strings.Builder
		for range r.IntN(8) {
			b.WriteString(signs[r.IntN(len(signs))])
		}
		text := b.String()
		if !utf8.ValidString(text) {
			t.Fatal(text)
		}
		var c search.Contacts
		c.Email(text)
		c.Phone(text, text)
		c.Words(text)
		q := search.Parse(text)
		queries := []string{search.EmailQuery(text), search.PhoneQuery(text)}
		if !q.Empty() {
			queries = append(queries, q.Exact(), q.Begins(), q.Whole(), q.Begun(), q.Through(nil), q.Like(map[string][]string{}))
		}
		if _, err := pool.Exec(t.Context(), `SELECT (@terms::text)::tsvector, (SELECT count((x::text)::tsquery) FROM unnest(@queries::text[]) AS x)`,
			pgx.NamedArgs{"terms": search.NameTerms(text, true) + "\n" + c.Text() + "\n", "queries": queries}); err != nil {
			t.Errorf("%.80q: %v", text, err)
		}
	}
}

// The dictionary holds the words of today's names, however often they changed.
func TestWordsOfNames(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.must(t, w.customer(customerID(1), register("Ada Byron")))
	w.must(t, w.customer(customerID(2), register("Ada Ada Müller")))
	w.must(t, w.customer(customerID(1), customer.ChangeDetails{Patch: domain.Patch[customer.Details]{Set: customer.Details{Name: "Ada Lovelace"}}}))
	_, pool := w.build(t)
	rows, err := pool.Query(t.Context(), `SELECT word || ' ' || customers FROM customers.words ORDER BY word`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if want := []string{"ada 2", "lovelace 1", "muller 1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q %v, want %q", got, err, want)
	}
}
