package main

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// figures are what is known about the imported files. They are computed twice:
// here from the files, by code that shares nothing with the program, and by the
// program's reports.
type figures struct {
	DealsByStage  map[string]int   // prospecting, engaging, won, lost
	WonByQuarter  map[string]int64 // cents
	WonByAgent    map[string]int64
	Won, Lost     int
	DaysToWin     float64                   // mean
	LeadsBySource map[string]map[string]int // source, lifecycle stage
	OptOuts       map[string]int            // channel
}

// dataset is where the files lie.
type dataset struct {
	opportunities string // folder
	leads         string // file, gzip or plain
	vcards        string // folder
}

// sharedDataset is the data that is kept beside the repository, if it is there.
func sharedDataset(t *testing.T) (dataset, bool) {
	t.Helper()
	root, err := filepath.Abs("../../../shared/data")
	if err != nil {
		t.Fatal(err)
	}
	d := dataset{
		opportunities: filepath.Join(root, "crm_sales_opportunities"),
		leads:         filepath.Join(root, "x_education_leads", "Leads.csv.gz"),
		vcards:        filepath.Join(root, "vcards"),
	}
	_, err = os.Stat(d.leads)
	return d, err == nil
}

// generatedDataset writes files like those, with the same headers and the same
// kinds of dirt.
func generatedDataset(t *testing.T, deals, leads int) dataset {
	t.Helper()
	rng := rand.New(rand.NewPCG(11, 7))
	root := t.TempDir()
	write := func(name string, rows [][]string) string {
		file, err := os.Create(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		out := csv.NewWriter(file)
		if err := out.WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		return file.Name()
	}
	accounts := [][]string{strings.Split("account,sector,year_established,revenue,employees,office_location,subsidiary_of", ",")}
	for i := range 40 {
		parent := ""
		if i%9 == 0 {
			parent = fmt.Sprintf("Account %d", (i+5)%40) // also one that comes later
		}
		accounts = append(accounts, []string{fmt.Sprintf("Account %d", i), "retail", strconv.Itoa(1950 + i), "11.5", "120", "Kenya", parent})
	}
	write("accounts.csv", accounts)
	write("products.csv", [][]string{{"product", "series", "sales_price"}, {"GTX Pro", "GTX", "4821"}, {"MG Special", "MG", "55"}})
	teams := [][]string{{"sales_agent", "manager", "regional_office"}}
	for i := range 12 {
		teams = append(teams, []string{fmt.Sprintf("Agent %d", i), fmt.Sprintf("Manager %d", i%3), []string{"West", "East"}[i%2]})
	}
	write("sales_teams.csv", teams)
	pipeline := [][]string{strings.Split("opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value", ",")}
	for i := range deals {
		engaged := time.Date(2016, 10, 20, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rng.IntN(400))
		row := []string{
			fmt.Sprintf("OPP%05d", i), fmt.Sprintf("Agent %d", rng.IntN(12)), []string{"GTXPro", "MG Special"}[rng.IntN(2)],
			fmt.Sprintf("Account %d", rng.IntN(40)), "Prospecting", "", "", "",
		}
		if rng.IntN(8) == 0 {
			row[3] = ""
		}
		switch rng.IntN(10) {
		case 0:
		case 1, 2:
			row[4], row[5] = "Engaging", engaged.Format(time.DateOnly)
		case 3, 4, 5:
			row[4], row[5], row[6], row[7] = "Lost", engaged.Format(time.DateOnly), engaged.AddDate(0, 0, 1+rng.IntN(130)).Format(time.DateOnly), "0"
		default:
			row[4], row[5], row[6], row[7] = "Won", engaged.Format(time.DateOnly), engaged.AddDate(0, 0, 1+rng.IntN(130)).Format(time.DateOnly), strconv.Itoa(40+rng.IntN(6000))
		}
		pipeline = append(pipeline, row)
	}
	write("sales_pipeline.csv", pipeline)
	header := strings.Split(leadsHeader, ",")
	people := [][]string{header}
	for i := range leads {
		row := make([]string, len(header))
		for at, column := range header {
			switch column {
			case "Prospect ID":
				row[at] = fmt.Sprintf("7927b2df-8bba-4d29-b9a2-%012d", i)
			case "Lead Number":
				row[at] = strconv.Itoa(500000 + i)
			case "Lead Origin":
				row[at] = "API"
			case "Lead Source":
				row[at] = []string{"Google", "google", "Olark Chat", "", "Reference"}[rng.IntN(5)]
			case "Converted":
				row[at] = strconv.Itoa(rng.IntN(2))
			case "Do Not Email", "Do Not Call":
				row[at] = []string{"No", "No", "No", "Yes"}[rng.IntN(4)]
			case "TotalVisits":
				row[at] = []string{"", "3", "17"}[rng.IntN(3)]
			case "Total Time Spent on Website":
				row[at] = "674"
			case "Page Views Per Visit":
				row[at] = "2.5"
			case "Last Activity", "Last Notable Activity":
				row[at] = []string{"Email Opened", "Unsubscribed", "Page Visited on Website", "SMS Sent"}[rng.IntN(4)]
			case "Specialization", "City", "Lead Profile":
				row[at] = "Select"
			case "":
			default:
				row[at] = "No"
			}
		}
		people = append(people, row)
	}
	d := dataset{opportunities: root, vcards: filepath.Join(root, "cards")}
	if err := os.Mkdir(d.vcards, 0o700); err != nil {
		t.Fatal(err)
	}
	card := "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Jörg Müller\r\nN:Müller;Jörg;;;\r\nEMAIL;TYPE=work:joerg@firma.example\r\nORG:Firma\r\nEND:VCARD\r\n"
	if err := os.WriteFile(filepath.Join(d.vcards, "one.vcf"), []byte(card), 0o600); err != nil {
		t.Fatal(err)
	}
	leadsFolder := filepath.Join(root, "leads")
	if err := os.Mkdir(leadsFolder, 0o700); err != nil {
		t.Fatal(err)
	}
	d.leads = write(filepath.Join("leads", "Leads.csv"), people)
	return d
}

const leadsHeader = `Prospect ID,Lead Number,Lead Origin,Lead Source,Do Not Email,Do Not Call,Converted,TotalVisits,` +
	`Total Time Spent on Website,Page Views Per Visit,Last Activity,Country,Specialization,How did you hear about X Education,` +
	`What is your current occupation,What matters most to you in choosing a course,Search,Magazine,Newspaper Article,` +
	`X Education Forums,Newspaper,Digital Advertisement,Through Recommendations,Receive More Updates About Our Courses,Tags,` +
	`Lead Quality,Update me on Supply Chain Content,Get updates on DM Content,Lead Profile,City,Asymmetrique Activity Index,` +
	`Asymmetrique Profile Index,Asymmetrique Activity Score,Asymmetrique Profile Score,I agree to pay the amount through cheque,` +
	`A free copy of Mastering The Interview,Last Notable Activity,`

// figuresOf computes the figures from the files themselves.
func figuresOf(t *testing.T, d dataset) figures {
	t.Helper()
	f := figures{
		DealsByStage: map[string]int{}, WonByQuarter: map[string]int64{}, WonByAgent: map[string]int64{},
		LeadsBySource: map[string]map[string]int{}, OptOuts: map[string]int{},
	}
	days := 0.0
	for _, row := range rowsOf(t, filepath.Join(d.opportunities, "sales_pipeline.csv")) {
		f.DealsByStage[strings.ToLower(row["deal_stage"])]++
		switch row["deal_stage"] {
		case "Lost":
			f.Lost++
		case "Won":
			f.Won++
			engaged, closed := day(t, row["engage_date"]), day(t, row["close_date"])
			cents := number(t, row["close_value"]) * 100
			f.WonByQuarter[fmt.Sprintf("%d-Q%d", closed.Year(), (int(closed.Month())+2)/3)] += cents
			f.WonByAgent[row["sales_agent"]] += cents
			days += closed.Sub(engaged).Hours() / 24
		}
	}
	f.DaysToWin = days / float64(f.Won)
	for _, row := range rowsOf(t, d.leads) {
		source, stage := row["Lead Source"], "lead"
		if source == "Select" {
			source = ""
		}
		if row["Converted"] == "1" {
			stage = "customer"
		}
		if f.LeadsBySource[source] == nil {
			f.LeadsBySource[source] = map[string]int{}
		}
		f.LeadsBySource[source][stage]++
		if row["Do Not Email"] == "Yes" {
			f.OptOuts["email"]++
		}
		if row["Do Not Call"] == "Yes" {
			f.OptOuts["phone"]++
		}
	}
	return f
}

func rowsOf(t *testing.T, name string) []map[string]string {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	all, err := csv.NewReader(in).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]map[string]string, 0, len(all))
	for _, cells := range all[1:] {
		row := map[string]string{}
		for i, column := range all[0] {
			row[column] = cells[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func day(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	parsed, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
