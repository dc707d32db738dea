package importing

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func generateSales(t *testing.T, dir string) {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 7))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	accounts, agents := "account,sector,year_established,revenue,employees,office_location,subsidiary_of\n", "sales_agent,manager,regional_office\n"
	for i := range 40 {
		parent := ""
		if i%5 == 1 {
			parent = fmt.Sprintf("Account %d", (i+17)%40) // above or below it
		}
		accounts += fmt.Sprintf("Account %d,%s,%d,%d.%02d,%d,%s,%s\n", i, pick(misspeltSector, "retail", "medical"), 1980+i, i+1, i, 10*i+1, pick("Kenya", misspeltOffice), parent)
		agents += fmt.Sprintf("Agent %d,Manager %d,%s\n", i, i/8, pick("East", "West"))
	}
	deals := "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"
	for i := range 1000 {
		stage := pick("Prospecting", "Engaging", "Won", "Lost")
		account, engaged, closed, value := fmt.Sprintf("Account %d", random.IntN(40)), "", "", ""
		if stage != "Prospecting" {
			engaged = fmt.Sprintf("2016-%02d-%02d", 1+random.IntN(12), 1+random.IntN(28))
		}
		switch stage {
		case "Won":
			closed, value = fmt.Sprintf("2017-%02d-%02d", 1+random.IntN(12), 1+random.IntN(28)), strconv.Itoa(random.IntN(9000))
		case "Lost":
			closed, value = "2017-05-05", "0"
		default:
			account = pick(account, "")
		}
		deals += fmt.Sprintf("ID%05d,Agent %d,%s,%s,%s,%s,%s,%s\n", i, random.IntN(30), pick("GTXPro", "MG Special", "GTX Basic"), account, stage, engaged, closed, value)
	}
	write(t, dir, "accounts.csv", accounts)
	write(t, dir, "sales_teams.csv", agents)
	write(t, dir, "products.csv", "product,series,sales_price\nGTX Basic,GTX,550\nGTX Pro,GTX,4821\nMG Special,MG,55\n")
	write(t, dir, "sales_pipeline.csv", deals)
	write(t, dir, "README.md", "not data")
}

const leadColumns = "Prospect ID,Lead Number,Lead Origin,Lead Source,Do Not Email,Do Not Call,Converted,TotalVisits,Total Time Spent on Website," +
	"Page Views Per Visit,Last Activity,Country,Specialization,How did you hear about X Education,What is your current occupation," +
	"What matters most to you in choosing a course,Receive More Updates About Our Courses,Tags,Lead Quality,Update me on Supply Chain Content," +
	"Get updates on DM Content,Lead Profile,City,Asymmetrique Activity Index,Asymmetrique Profile Index,Asymmetrique Activity Score," +
	"Asymmetrique Profile Score,I agree to pay the amount through cheque,A free copy of Mastering The Interview,Last Notable Activity,"

func generateLeads(t *testing.T, dir string) {
	t.Helper()
	random := rand.New(rand.NewPCG(8, 8))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	var file bytes.Buffer
	packed := gzip.NewWriter(&file)
	lines := leadColumns + "\n"
	for i := range 600 {
		lines += strings.Join([]string{
			fmt.Sprintf("prospect-%d", i), strconv.Itoa(600000 + i), pick("API", "Lead Import"), pick("Google", "google", "", "testone"),
			pick("No", "Yes"), pick("No", "Yes"), pick("0", "1"), pick("", "0", "7"), pick("0", "674"), pick("2.5", "0"), pick("Email Opened", "", "SMS Sent", "Never heard of"),
			pick("", "India", "unknown"), pick("Select", "", "\"Banking, Investment And Insurance\""), pick("Select", "Other"), pick("Unemployed", ""), "",
			pick("No", "Yes"), pick("", "Ringing"), "", pick("No", "Yes"), pick("No", "Yes"), "Select", pick("Mumbai", "Select"), "02.Medium", "", "15", "",
			"No", pick("Yes", "No"), pick("Modified", "Unsubscribed"), "",
		}, ",") + "\n"
	}
	if _, err := packed.Write([]byte(lines)); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "Leads.csv.gz", file.String())
	write(t, dir, "data_dictionary.csv", "Variables,Description\n")
}

func generateCards(t *testing.T, dir string) {
	t.Helper()
	var file strings.Builder
	for i := range 500 {
		end := []string{"\n", "\r\n", "\r\r\n"}[i%3]
		lines := []string{"BEGIN:VCARD", "VERSION:" + []string{"2.1", "3.0", "4.0"}[i%3], fmt.Sprintf("FN:Card %d", i)}
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
	write(t, dir, "cards.vcf", file.String())
}
