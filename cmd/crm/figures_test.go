package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"crm/http/importing/importingtest"
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

// dataset is where the files lie, each in a folder.
type dataset struct{ sales, leads, cards string }

// importable is the data that is kept beside the repository where it is there,
// else generated files like it.
func importable(t *testing.T) dataset {
	t.Helper()
	folder := func(set importingtest.Set, rows int) string {
		if dir, there := set.Real(t); there {
			return dir
		}
		return set.Generate(t, rows)
	}
	return dataset{
		sales: folder(importingtest.Sales, 1500),
		leads: folder(importingtest.Leads, 1200),
		cards: folder(importingtest.Cards, 30),
	}
}

// figuresOf computes the figures from the files themselves.
func figuresOf(t *testing.T, d dataset) figures {
	t.Helper()
	f := figures{
		DealsByStage: map[string]int{}, WonByQuarter: map[string]int64{}, WonByAgent: map[string]int64{},
		LeadsBySource: map[string]map[string]int{}, OptOuts: map[string]int{},
	}
	days := 0.0
	for _, row := range importingtest.Rows(t, filepath.Join(d.sales, "sales_pipeline.csv")) {
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
	for _, row := range importingtest.Rows(t, filepath.Join(d.leads, "Leads.csv.gz")) {
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
