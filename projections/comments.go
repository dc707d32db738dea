package projections

import (
	"regexp"
	"strings"
)

// described is the COMMENT ON statements for what a .sql file creates, from the
// comments in it: those right above a table, view or function, and those behind a
// column. So there is one text for who reads the file and who asks the database,
// and it stands where the column does. In a view a column has a line of its own and
// its name at the end of it.
//
//	-- Deals as …                          COMMENT ON TABLE deals IS 'Deals as …';
//	CREATE TABLE deals (
//	  deal_id uuid NOT NULL, -- the deal   COMMENT ON COLUMN deals.deal_id IS 'the deal';
func described(sql string) string {
	var statements strings.Builder
	comment := func(on, text string) {
		statements.WriteString("COMMENT ON " + on + " IS '" + strings.ReplaceAll(text, "'", "''") + "';\n")
	}
	var above []string      // the comment that may turn out to be of what comes next
	var kind, object string // what is being created
	for line := range strings.Lines(sql) {
		line = strings.TrimRight(line, "\n")
		if text, is := strings.CutPrefix(line, "--"); is {
			above = append(above, strings.TrimSpace(text))
			continue
		}
		if made := creation.FindStringSubmatch(line); made != nil {
			kind, object = made[1], made[2]
			if len(above) > 0 {
				comment(kind+" "+object, strings.Join(above, " "))
			}
		}
		above = nil
		code, text, behind := strings.Cut(line, "--")
		if name := columnIn(kind, code); behind && name != "" {
			comment("COLUMN "+object+"."+name, strings.TrimSpace(text))
		}
		if strings.HasSuffix(strings.TrimSpace(code), ";") {
			kind = ""
		}
	}
	return statements.String()
}

var (
	creation = regexp.MustCompile(`^CREATE (TABLE|VIEW|FUNCTION) (\w+)`)
	first    = regexp.MustCompile(`^\s+(\w+|"\w+")\s`)
	last     = regexp.MustCompile(`(\w+|"\w+")\s*,?\s*$`)
)

// columnIn is the column that a line of a table or view is about, or "".
func columnIn(kind, code string) string {
	var found []string
	switch kind {
	case "TABLE":
		found = first.FindStringSubmatch(code)
	case "VIEW":
		found = last.FindStringSubmatch(code)
	}
	if found == nil {
		return ""
	}
	return found[1]
}
