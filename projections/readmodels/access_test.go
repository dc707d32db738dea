package readmodels_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain/apikey"
	"crm/domain/employee"
	"crm/projections/readmodels"
)

func TestKeysAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld()
	secret := apikey.Digest(strings.Repeat("5e", 32))
	w.must(t, w.employee(employeeID(1), employee.Register{Details: employee.Details{Name: "Eve"}}))
	for _, name := range []string{"shop", "bot", "zoo"} {
		w.must(t, w.apikey(name, apikey.Issue{Name: name, Terms: apikey.Terms{Role: apikey.Sales, Scope: employeeID(1)}, Secret: secret, Now: w.now}))
	}
	w.must(t, w.apikey("bot", apikey.Revoke{}))
	models, pool := w.build(t)

	page, err := models.Access.Keys(t.Context(), asked(t, readmodels.KeyList, "", "", 2))
	if err != nil || page.Next == nil {
		t.Fatal(page, err)
	}
	more := asked(t, readmodels.KeyList, "", "", 2)
	more.After = *page.Next
	rest, err := models.Access.Keys(t.Context(), more)
	if err != nil || rest.Next != nil {
		t.Fatal(rest, err)
	}
	var names []string
	for _, k := range append(page.Items, rest.Items...) {
		names = append(names, k.Name)
		if k.ScopeName != "Eve" || k.Revoked != (k.Name == "bot") || !k.LastUsedAt.IsZero() {
			t.Errorf("%+v", k)
		}
	}
	if diff := cmp.Diff([]string{"bot", "shop", "zoo"}, names); diff != "" {
		t.Error(diff)
	}
	if _, err := models.Access.Key(t.Context(), apikey.ID("nobody")); !errors.Is(err, apikey.ErrUnknown) {
		t.Error(err)
	}

	// A use is noted if it is later than what is known.
	late, shop := w.now.Add(time.Hour), apikey.ID("shop")
	for _, at := range []time.Time{w.now, late, w.now.Add(time.Minute)} {
		if err := models.Access.Used(t.Context(), map[uuid.UUID]time.Time{shop.UUID: at, uuid.New(): at}); err != nil {
			t.Fatal(err)
		}
	}
	if k, err := models.Access.Key(t.Context(), shop); err != nil || !k.LastUsedAt.Equal(late) {
		t.Error(k.LastUsedAt, err)
	}

	// No table holds a digest.
	var dump string
	if err := pool.QueryRow(t.Context(), "SELECT string_agg(k::text, ' ') FROM access.keys AS k").Scan(&dump); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(dump, string(secret)) || !strings.Contains(dump, "shop") {
		t.Error(dump)
	}
}
