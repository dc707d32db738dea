package importingtest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/http/importing/importingtest"
)

func TestGeneratedFilesAreTheSameEveryTime(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]importingtest.Set{
		"sales": importingtest.Sales, "leads": importingtest.Leads, "cards": importingtest.Cards,
	} {
		if diff := cmp.Diff(contents(t, set.Generate(t, 30)), contents(t, set.Generate(t, 30))); diff != "" {
			t.Errorf("%s (-first +second):\n%s", name, diff)
		}
	}
}

// Where the real files are there, the generated ones have their columns.
func TestGeneratedFilesHaveTheColumnsOfTheRealOnes(t *testing.T) {
	t.Parallel()
	for file, set := range map[string]importingtest.Set{
		"accounts.csv": importingtest.Sales, "products.csv": importingtest.Sales, "sales_teams.csv": importingtest.Sales,
		"sales_pipeline.csv": importingtest.Sales, "Leads.csv.gz": importingtest.Leads,
	} {
		real, there := set.Real(t)
		if !there {
			continue
		}
		want, got := importingtest.Rows(t, filepath.Join(real, file)), importingtest.Rows(t, filepath.Join(set.Generate(t, 1), file))
		for column := range want[0] {
			if _, ok := got[0][column]; !ok {
				t.Errorf("%s has no column %q", file, column)
			}
		}
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	texts := map[string]string{}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		texts[entry.Name()] = string(text)
	}
	return texts
}
