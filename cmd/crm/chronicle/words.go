package chronicle

import (
	"strings"

	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/interaction"
)

var (
	givenNames = strings.Fields(`Anna Björn Chiara Dragan Elif François Gülşen Hans Ingrid Jiří Karolína Łukasz María Nikos Ödön
		Paulina Quentin Réka Søren Thùy Ursula Valentina Wioletta Xenia Yusuf Zoë 明 さくら Дмитрий Ольга محمد Noor`)
	familyNames = strings.Fields(`Albrecht Bauer Çelik Dvořák Eriksson Fischer García Hofer Ivanova Jansen Kovács Lindqvist Müller
		Nowak Öztürk Papadopoulos Rossi Schäfer Tremblay Ungureanu Varga Weiß Yıldız Zimmermann 王 田中 Кузнецов Nguyễn O'Brien`)
	offices   = []string{"Hamburg", "Wien", "Zürich"}
	things    = []string{"Bench drill", "Lathe", "Milling machine", "Band saw", "Tool cabinet", "Workbench"}
	families  = []string{"Drilling", "Turning", "Milling", "Sawing", "Workshop", "Service"}
	trades    = []string{"Maschinenbau", "Metallbau", "Werkzeuge", "Feinmechanik", "Anlagenbau", "Automation"}
	jobTitles = []string{"Head of Purchasing", "Workshop Manager", "Managing Director", "Production Engineer"}
	languages = []string{"de", "de-AT", "en", "fr"}
	sources   = []string{"Google", "trade fair", "recommendation", "newsletter", "website"}
	mediums   = []string{"organic_search", "event", "referral", "email", "direct"}
	subjects  = []string{"First call", "Asked for a quotation", "Machine demonstration", "Price negotiation", "Delivery date", "Spare parts"}
	notes     = []string{
		"Wants to see the machine at work before anything is signed.", "Asked for a second offer with a longer warranty.",
		"The budget for this year is spent; call again in January.", "Very content with the last delivery.",
	}

	channels   = []interaction.Channel{interaction.Call, interaction.Email, interaction.Meeting, interaction.Visit}
	directions = []interaction.Direction{interaction.Inbound, interaction.Outbound}
	moods      = []interaction.Mood{"", interaction.Delighted, interaction.Satisfied, interaction.Neutral, interaction.Annoyed}
	answers    = []interaction.Reaction{"", interaction.Interested, interaction.Undecided, interaction.Declined}
	reasons    = []deal.LossReason{deal.LostToPrice, deal.LostToCompetitor, deal.LostToTiming, deal.LostToNoBudget}
)

// lifecycle is what comes after each stage.
var lifecycle = map[customer.LifecycleStage]customer.LifecycleStage{
	customer.Lead:               customer.MarketingQualified,
	customer.MarketingQualified: customer.SalesQualified,
	customer.SalesQualified:     customer.Opportunity,
	customer.Opportunity:        customer.Customer,
	customer.Customer:           customer.Former,
	customer.Former:             customer.WonBack,
	customer.WonBack:            customer.Former,
}
