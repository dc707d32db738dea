package domain_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"crm/domain"
)

func TestRefusal(t *testing.T) {
	t.Parallel()
	err := domain.Within("/items/2", domain.Within("/price", domain.ErrInvalid.At("/currency", "%q is none.", "x")))
	refusal, ok := errors.AsType[*domain.Refusal](fmt.Errorf("decide: %w", err))
	if !ok || refusal.Pointer != "/items/2/price/currency" || refusal.Detail != `"x" is none.` {
		t.Errorf("the refusal is %+v", refusal)
	}
	if !errors.Is(err, domain.ErrInvalid) || errors.Is(err, domain.ErrStale) {
		t.Errorf("%v is not what it was made of", err)
	}
	if cause, ok := errors.AsType[*domain.Error](err); !ok || cause.Code != domain.Invalid {
		t.Errorf("the cause is %+v", cause)
	}
	for _, err := range []error{nil, domain.ErrStale, errors.New("x")} {
		if got := domain.Within("/x", err); got != err { //nolint:errorlint // the very same error
			t.Errorf("%v becomes %v", err, got)
		}
	}
}

func TestIDsAreUUIDsInJSON(t *testing.T) {
	t.Parallel()
	type link struct {
		Deal  domain.DealID     `json:"deal"`
		Owner domain.EmployeeID `json:"owner,omitzero"`
	}
	const want = `{"deal":"0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21"}`
	known := link{Deal: domain.DealID{UUID: uuid.MustParse("0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21")}}
	data, err := json.Marshal(known)
	if err != nil || string(data) != want {
		t.Errorf("it is %s, %v, want %s", data, err, want)
	}
	var again link
	if err := json.Unmarshal(data, &again); err != nil || again != known || !again.Owner.IsZero() {
		t.Errorf("%s is read as %+v, %v", data, again, err)
	}
}
