package domain

import "strings"

// ForecastCategory says how a deal counts in a forecast, as Salesforce names it.
type ForecastCategory string

// The forecast categories.
const (
	Omitted  ForecastCategory = "omitted"
	Pipeline ForecastCategory = "pipeline"
	BestCase ForecastCategory = "best_case"
	Commit   ForecastCategory = "commit"
	Closed   ForecastCategory = "closed"
)

// Valid reports whether the category is one of the five.
func (c ForecastCategory) Valid() bool {
	switch c {
	case Omitted, Pipeline, BestCase, Commit, Closed:
		return true
	}
	return false
}

// StageID names a stage within its pipeline: "proposal_sent".
type StageID string

// Valid reports whether the id is a slug.
func (s StageID) Valid() bool { return IsSlug(string(s)) }

// IsSlug reports whether text is a short machine-readable name: 1 to 64 of a–z,
// 0–9, _ and -, starting with a letter or digit.
func IsSlug(text string) bool {
	if text == "" || len(text) > 64 || text[0] == '_' || text[0] == '-' {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}
