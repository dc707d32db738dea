package readmodels_test

import (
	"strings"
	"testing"

	"crm/projections/lists"
	"crm/projections/readmodels"
)

// asked is a question about the present, its conditions as "field op value; …".
func asked(t *testing.T, list *lists.List, conditions, sort string, limit int) readmodels.Asked {
	t.Helper()
	question := lists.Question{Sort: sort}
	for text := range strings.SplitSeq(conditions, "; ") {
		parts := strings.SplitN(text, " ", 3)
		if len(parts) < 3 {
			continue
		}
		values := []string{parts[2]}
		if parts[1] == "in" {
			values = strings.Split(parts[2], ",")
		}
		question.All = append(question.All, lists.Condition{Field: parts[0], Op: parts[1], Values: values})
	}
	query, err := list.Read(question, true)
	if err != nil {
		t.Fatal(err)
	}
	return readmodels.Asked{Query: query, Limit: limit}
}
