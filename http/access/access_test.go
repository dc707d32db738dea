package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"crm/domain"
	"crm/http/access"
)

// Nobody outside of the table may anything, and nothing outside of it is allowed.
func TestTheRestIsDenied(t *testing.T) {
	t.Parallel()
	for _, action := range actions {
		for _, role := range []access.Role{"", "root", "Admin", "admin "} {
			if role.May(action) || role.Valid() || role.SeesPersonal() {
				t.Errorf("%q may %s", role, action)
			}
		}
		if (access.Principal{}).May(action) {
			t.Errorf("nobody may %s", action)
		}
		if !action.Valid() || !access.Admin.May(action) {
			t.Errorf("the admin may not %s", action)
		}
	}
	for _, role := range access.Roles {
		for _, action := range []access.Action{"", "customers", "customers.*", "customers.read "} {
			if role.May(action) || action.Valid() {
				t.Errorf("%s may %q", role, action)
			}
		}
	}
}

// Who has the rows of one owner may do only what can be narrowed to them.
func TestAScopeNarrows(t *testing.T) {
	t.Parallel()
	for _, role := range access.Roles {
		whole := access.As("eve", role)
		scoped := whole
		scoped.Scope = domain.EmployeeID{UUID: uuid.New()}
		for _, action := range actions {
			if got, want := scoped.May(action), whole.May(action) && action.Owned(); got != want {
				t.Errorf("%s of one owner may %s: %t", role, action, got)
			}
		}
	}
}

// Who does not see what is personal cannot do what deals in nothing else.
func TestAMaskedAdminImportsNothing(t *testing.T) {
	t.Parallel()
	masked := access.As("eve", access.Admin)
	masked.Personal = false
	for _, action := range actions {
		if got, want := masked.May(action), action != access.ImportsRun; got != want {
			t.Errorf("a masked admin may %s: %t", action, got)
		}
	}
	if err := masked.Check(access.ImportsRun); !errors.Is(err, access.ErrNotAllowed) || !strings.Contains(fmt.Sprint(err), "personal") {
		t.Error(err)
	}
}

// A refusal says what it took, and that nobody else is asked about.
func TestARefusalNamesTheAction(t *testing.T) {
	t.Parallel()
	scoped := access.As("eve", access.Admin)
	scoped.Scope = domain.EmployeeID{UUID: uuid.New()}
	for action, asks := range map[access.Action]access.Principal{
		access.KeysManage:  access.As("eve", access.Sales),
		access.ReportsRead: scoped,
	} {
		err := asks.Check(action)
		if !errors.Is(err, access.ErrNotAllowed) || !strings.Contains(fmt.Sprint(err), string(action)) {
			t.Errorf("%s: %v", action, err)
		}
	}
	if err := access.As("eve", access.Sales).Check(access.DealsWrite); err != nil {
		t.Error(err)
	}
}
