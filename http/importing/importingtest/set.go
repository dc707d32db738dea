package importingtest

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Set is a data set: a folder of files.
type Set struct {
	name     string // of its folder
	generate func(rows int) map[string]string
}

// The data sets that the built-in mappings are for.
var (
	// Sales is for crm-sales-opportunities; its rows are deals.
	Sales = Set{"crm_sales_opportunities", sales}
	// Leads is for x-education-leads.
	Leads = Set{"x_education_leads", leads}
	// Cards is for vcard.
	Cards = Set{"vcards", cards}
)

// Generate writes files like those of the set into a new folder.
func (s Set) Generate(tb testing.TB, rows int) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range s.generate(rows) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// Real is the folder of the set itself, if it is kept beside the repository.
func (s Set) Real(tb testing.TB) (string, bool) {
	tb.Helper()
	root, err := filepath.Abs(".")
	if err != nil {
		tb.Fatal(err)
	}
	for ; !exists(tb, filepath.Join(root, "go.mod")); root = filepath.Dir(root) {
		if root == filepath.Dir(root) {
			tb.Fatal("the tests run outside of the module")
		}
	}
	dir := filepath.Join(root, "../shared/data", s.name)
	return dir, exists(tb, dir)
}

func exists(tb testing.TB, path string) bool {
	tb.Helper()
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		tb.Fatal(err)
	}
	return err == nil
}

// Rows are the rows of a CSV file, gzipped or not, by the names of their columns.
func Rows(tb testing.TB, name string) []map[string]string {
	tb.Helper()
	file, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			tb.Fatal(err)
		}
	}
	all, err := csv.NewReader(in).ReadAll()
	if err != nil {
		tb.Fatal(err)
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
