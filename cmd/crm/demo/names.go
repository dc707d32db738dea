package demo

import "strings"

var offices = []string{"Hamburg", "Wien", "Zürich"}

var catalogue = []struct {
	name, family, sku string
	price             int64 // cents
}{
	{"Bench drill BD 16", "Drilling", "BD-16", 48_900},
	{"Pillar drill PD 30", "Drilling", "PD-30", 219_000},
	{"Lathe L 180", "Turning", "LT-180", 389_000},
	{"Lathe L 320 CNC", "Turning", "LT-320C", 1_849_000},
	{"Milling machine M 20", "Milling", "ML-20", 729_000},
	{"Milling centre MC 5", "Milling", "MC-5", 6_480_000},
	{"Band saw B 250", "Sawing", "BS-250", 164_900},
	{"Tool cabinet", "Workshop", "TC-7", 89_500},
	{"Workbench 2 m", "Workshop", "WB-200", 64_900},
	{"Maintenance contract, one year", "Service", "SV-1Y", 120_000},
	{"Operator training, one day", "Service", "TR-1D", 95_000},
}

var givenNames = strings.Fields(`Anna Björn Chiara Dragan Elif François Gülşen Hans Ingrid Jiří Karolína Łukasz María Nikos
	Ödön Paulina Quentin Réka Søren Thùy Ursula Valentina Wioletta Xenia Yusuf Zoë 明 さくら Дмитрий Ольга محمد Noor`)

var familyNames = strings.Fields(`Albrecht Bauer Çelik Dvořák Eriksson Fischer García Hofer Ivanova Jansen Kovács Lindqvist Müller
	Nowak Öztürk Papadopoulos Rossi Schäfer Tremblay Ungureanu Varga Weiß Yıldız Zimmermann 王 田中 Кузнецов الهاشمي Nguyễn O'Brien`)

var (
	firmNames = strings.Fields(`Alpen Nordsee Donau Elbe Rhein Adler Falken Silber Kupfer Eisen Granit Linden Eichen Birken Sonnen Stern
		Phönix Merkur Atlas Vulkan Titan Orion Saturn Hanse Tiroler Berner Grazer Linzer Kieler Ulmer`)
	firmTrades = []string{"Maschinenbau", "Metallbau", "Werkzeuge", "Feinmechanik", "Schlosserei", "Anlagenbau", "Tischlerei", "Automation"}
	firmForms  = []string{"GmbH", "AG", "KG", "OHG", "e.K."}
	industries = []string{"mechanical engineering", "metal construction", "toolmaking", "carpentry", "automation", "education"}
	cities     = []struct{ postalCode, city, country string }{
		{"20095", "Hamburg", "DE"},
		{"80331", "München", "DE"},
		{"50667", "Köln", "DE"},
		{"01067", "Dresden", "DE"},
		{"1010", "Wien", "AT"},
		{"8010", "Graz", "AT"},
		{"4020", "Linz", "AT"},
		{"8001", "Zürich", "CH"},
		{"3011", "Bern", "CH"},
	}
	streets   = []string{"Hauptstraße", "Bahnhofstraße", "Industriestraße", "Am Hafen", "Werkgasse", "Lindenallee"}
	jobTitles = []string{"Head of Purchasing", "Workshop Manager", "Managing Director", "Production Engineer", "Apprentice Master"}

	touchpoints = []struct{ source, medium, campaign string }{
		{"Google", "organic_search", ""},
		{"Google", "paid_search", "drills-2025"},
		{"trade fair", "event", "EMO"},
		{"recommendation", "referral", ""},
		{"Fachzeitschrift", "print", ""},
		{"newsletter", "email", ""},
		{"website", "direct", ""},
	}
	subjects = []string{"First call", "Asked for a quotation", "Machine demonstration", "Price negotiation", "Delivery date", "Service visit", "Spare parts"}
	notes    = []string{
		"Wants to replace two machines this year.", "Budget is approved in the next quarter only.",
		"Compares with a competitor's offer.", "Very content with the last delivery.",
		"Complained about the waiting time for spare parts.", "Asked for a longer payment term.",
	}
)

// personName is a name in the order in which its bearer writes it.
type personName struct{ given, family string }

func (n personName) full() string { return n.given + " " + n.family }

func (c *company) personName() personName {
	return personName{given: pick(c, givenNames), family: pick(c, familyNames)}
}
