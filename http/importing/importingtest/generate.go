package importingtest

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// As the sales files have it.
const (
	MisspeltSector = "technolgy"  //nolint:misspell // on purpose
	MisspeltOffice = "Philipines" //nolint:misspell // on purpose
)

// source is where the choices come from: the same ones for the same seed.
type source struct{ *rand.Rand }

func newSource(seed uint64) source { return source{rand.New(rand.NewPCG(seed, seed))} }

func (s source) pick(of ...string) string { return of[s.IntN(len(of))] }

func sales(deals int) map[string]string {
	random := newSource(7)
	accounts := table{strings.Split("account,sector,year_established,revenue,employees,office_location,subsidiary_of", ",")}
	teams := table{{"sales_agent", "manager", "regional_office"}}
	for i := range 40 {
		parent := ""
		if i%5 == 1 {
			parent = account((i + 17) % 40) // above or below it
		}
		accounts = append(accounts, []string{
			account(i), random.pick(MisspeltSector, "retail", "medical"), strconv.Itoa(1980 + i), fmt.Sprintf("%d.%02d", i+1, i),
			strconv.Itoa(10*i + 1), random.pick("Kenya", MisspeltOffice), parent,
		})
		teams = append(teams, []string{agent(i), fmt.Sprintf("Manager %d", i/8), random.pick("East", "West")})
	}
	pipeline := table{strings.Split("opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value", ",")}
	for i := range deals {
		engaged := time.Date(2016, 10, 20, 0, 0, 0, 0, time.UTC).AddDate(0, 0, random.IntN(400))
		closed := engaged.AddDate(0, 0, 1+random.IntN(130)).Format(time.DateOnly)
		stage, customer := random.pick("Prospecting", "Engaging", "Engaging", "Lost", "Lost", "Won", "Won", "Won"), account(random.IntN(40))
		if random.IntN(8) == 0 {
			customer = ""
		}
		row := []string{fmt.Sprintf("ID%05d", i), agent(random.IntN(30)), random.pick("GTXPro", "MG Special", "GTX Basic"), customer, stage}
		switch stage {
		case "Prospecting":
			row = append(row, "", "", "")
		case "Engaging":
			row = append(row, engaged.Format(time.DateOnly), "", "")
		case "Lost":
			row = append(row, engaged.Format(time.DateOnly), closed, "0")
		default:
			row = append(row, engaged.Format(time.DateOnly), closed, strconv.Itoa(40+random.IntN(6000)))
		}
		pipeline = append(pipeline, row)
	}
	return map[string]string{
		"accounts.csv":       accounts.text(),
		"products.csv":       "product,series,sales_price\nGTX Basic,GTX,550\nGTX Pro,GTX,4821\nMG Special,MG,55\n",
		"sales_teams.csv":    teams.text(),
		"sales_pipeline.csv": pipeline.text(),
		"README.md":          "not data",
	}
}

func account(i int) string { return fmt.Sprintf("Account %d", i) }
func agent(i int) string   { return fmt.Sprintf("Agent %d", i) }

const leadColumns = "Prospect ID,Lead Number,Lead Origin,Lead Source,Do Not Email,Do Not Call,Converted,TotalVisits," +
	"Total Time Spent on Website,Page Views Per Visit,Last Activity,Country,Specialization,How did you hear about X Education," +
	"What is your current occupation,What matters most to you in choosing a course,Search,Magazine,Newspaper Article," +
	"X Education Forums,Newspaper,Digital Advertisement,Through Recommendations,Receive More Updates About Our Courses,Tags," +
	"Lead Quality,Update me on Supply Chain Content,Get updates on DM Content,Lead Profile,City,Asymmetrique Activity Index," +
	"Asymmetrique Profile Index,Asymmetrique Activity Score,Asymmetrique Profile Score,I agree to pay the amount through cheque," +
	"A free copy of Mastering The Interview,Last Notable Activity,"

func leads(rows int) map[string]string {
	random := newSource(8)
	people := table{strings.Split(leadColumns, ",")}
	for i := range rows {
		row := make([]string, len(people[0]))
		for at, column := range people[0] {
			row[at] = random.leadCell(column, i)
		}
		people = append(people, row)
	}
	return map[string]string{
		"Leads.csv.gz":        gzipped(people.text()),
		"data_dictionary.csv": "Variables,Description\n",
	}
}

// leadCell is what stands in a column of the i-th lead.
func (s source) leadCell(column string, i int) string {
	switch column {
	case "Prospect ID":
		return fmt.Sprintf("7927b2df-8bba-4d29-b9a2-%012d", i)
	case "Lead Number":
		return strconv.Itoa(600000 + i)
	case "Lead Origin":
		return s.pick("API", "Lead Import")
	case "Lead Source":
		return s.pick("Google", "google", "Olark Chat", "", "testone")
	case "Converted":
		return s.pick("0", "1")
	case "TotalVisits":
		return s.pick("", "0", "7", "17")
	case "Total Time Spent on Website":
		return s.pick("0", "674")
	case "Page Views Per Visit":
		return s.pick("2.5", "0")
	case "Last Activity":
		return s.pick("Email Opened", "", "SMS Sent", "Page Visited on Website", "Never heard of")
	case "Last Notable Activity":
		return s.pick("Modified", "Unsubscribed")
	case "Country":
		return s.pick("", "India", "unknown")
	case "Specialization":
		return s.pick("Select", "", "Banking, Investment And Insurance")
	case "How did you hear about X Education":
		return s.pick("Select", "Other")
	case "What is your current occupation":
		return s.pick("Unemployed", "")
	case "City":
		return s.pick("Mumbai", "Select")
	case "Lead Profile":
		return "Select"
	case "Tags":
		return s.pick("", "Ringing")
	case "Asymmetrique Activity Index":
		return "02.Medium"
	case "Asymmetrique Activity Score":
		return "15"
	case "Do Not Email", "Do Not Call", "Receive More Updates About Our Courses", "Update me on Supply Chain Content",
		"Get updates on DM Content", "A free copy of Mastering The Interview":
		return s.pick("No", "No", "Yes")
	case "What matters most to you in choosing a course", "Lead Quality", "Asymmetrique Profile Index", "Asymmetrique Profile Score", "":
		return ""
	default:
		return "No"
	}
}

func cards(rows int) map[string]string {
	var file strings.Builder
	for i := range rows {
		end := []string{"\n", "\r\n", "\r\r\n"}[i%3]
		lines := []string{"BEGIN:VCARD", "VERSION:" + []string{"2.1", "3.0", "4.0"}[i%3], fmt.Sprintf("FN:Jörg %d", i)}
		switch i % 3 {
		case 0:
			lines = append(lines, "TEL;CELL;PREF:0151 2345678", "NOTE;ENCODING=QUOTED-PRINTABLE:=C3=91=", "=C3=91", "PHOTO;BASE64:", "AAAA", "")
		case 1:
			lines = append(lines, "item1.TEL;TYPE=HOME,VOICE:905-555-1234", "item1.X-ABLabel:_$!<Other>!$_", "URL:http\\://x.", " org", "UID:"+strconv.Itoa(i))
		default:
			lines = append(lines, "TEL;VALUE=uri:tel:+1-418-656-9254;ext=102", "EMAIL:a"+strconv.Itoa(i)+"@x.org")
		}
		lines = append(lines, fmt.Sprintf("ORG:Organisation %d;Unit", i%7), "END:VCARD", "")
		file.WriteString(strings.Join(lines, end))
	}
	return map[string]string{"cards.vcf": file.String()}
}

// table is a header and its rows.
type table [][]string

func (t table) text() string {
	var file strings.Builder
	if err := csv.NewWriter(&file).WriteAll(t); err != nil {
		panic(err) // a strings.Builder takes everything
	}
	return file.String()
}

func gzipped(text string) string {
	var file bytes.Buffer
	packed := gzip.NewWriter(&file)
	_, err := packed.Write([]byte(text))
	if closeErr := packed.Close(); err != nil || closeErr != nil {
		panic("a bytes.Buffer takes everything")
	}
	return file.String()
}
