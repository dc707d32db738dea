package imports_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The list of imports is filtered and sorted by the grammar of all lists, and its pages
// hold each import once.
func TestListingImports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var drafts []string
	for range 3 {
		drafts = append(drafts, w.prepare(house))
	}
	done := w.bring(house, "people.csv", "id,name,job,colour,mail,may,call\n1,Ada,,,,no,\n").ID.String()
	list := func(query string) (ids []string, next string) {
		t.Helper()
		var page struct {
			Data []struct{ ID string }
			Page struct {
				NextCursor string `json:"next_cursor"`
			}
		}
		if err := json.Unmarshal([]byte(w.must(http.MethodGet, "/v1/imports?"+query, nil)), &page); err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Data {
			ids = append(ids, row.ID)
		}
		return ids, page.Page.NextCursor
	}
	for query, want := range map[string][]string{
		"":                                    {done, drafts[2], drafts[1], drafts[0]},
		"sort=created_at":                     {drafts[0], drafts[1], drafts[2], done},
		"sort=ended_at,-created_at&fields=id": {done, drafts[2], drafts[1], drafts[0]},
		"filter[status][in]=finished,failed":  {done},
		"filter[status][eq]=draft&sort=created_at": drafts,
		"filter[started_at][null]=true&limit=200":  {drafts[2], drafts[1], drafts[0]},
		"filter[actor][eq]=somebody":               nil,
		"filter[id][eq]=" + drafts[1]:              {drafts[1]},
	} {
		if got, _ := list(query); !cmp.Equal(want, got) {
			t.Errorf("%s: %s", query, cmp.Diff(want, got))
		}
	}
	for _, sort := range []string{"created_at", "-created_at", "ended_at", "-started_at"} {
		whole, _ := list("sort=" + sort)
		var got []string
		for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
			ids, next := list("limit=1&sort=" + sort + "&cursor=" + cursor)
			got, cursor = append(got, ids...), next
		}
		if len(whole) != 4 || !cmp.Equal(whole, got) {
			t.Errorf("pages by %s: %s", sort, cmp.Diff(whole, got))
		}
	}
	for _, query := range []string{"filter[status][eq]=asleep", "filter[failure][eq]=x", "sort=mapping", "cursor=x", "colour=red"} {
		if status, text := w.try(http.MethodGet, "/v1/imports?"+query, nil); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, status, text)
		}
	}
}
