package commands

import (
	"context"

	"github.com/google/uuid"

	"crm/domain"
)

// asking is what a command is decided with besides the state: whom it is about and
// for whom it is asked, and what other streams know.
type asking struct {
	*Handler
	target uuid.UUID
	within domain.EmployeeID
}

// owned are facts that say whose the aggregate is.
type owned interface{ ownedBy() domain.EmployeeID }

// known gives what the caller may know of another aggregate: nil when it does not
// exist, and when it is another owner's.
func (a asking) known(ctx context.Context, of family, id uuid.UUID) (any, error) {
	needed := lasting
	if !a.within.IsZero() {
		needed = recent // owners change
	}
	value, err := a.about(ctx, of, id, needed)
	if theirs, ok := value.(owned); ok && !a.within.IsZero() && theirs.ownedBy() != a.within {
		return nil, err
	}
	return value, err
}

// customersOwner is whose the customer is that a command's stream belongs to.
func customersOwner(ctx context.Context, a asking) (domain.EmployeeID, error) {
	value, err := a.about(ctx, customers, a.target, recent)
	if known, exists := value.(knownCustomer); exists {
		return known.owner, err
	}
	return domain.EmployeeID{}, err
}

// seen is the history as the task's caller may see it. An aggregate of another owner
// has none, so that every answer about it is that about one which does not exist: the
// same refusal, also of a wrong If-Match. A command that creates sees what is there:
// an id that is taken is taken.
func (k *history) seen(ctx context.Context, h *Handler, t *task) (*history, error) {
	if t.Within.IsZero() || k.family.creates(t.Command) {
		return k, nil
	}
	owner, err := k.state.owner(ctx, asking{h, t.Target, t.Within})
	if err != nil || owner == t.Within {
		return k, err
	}
	return newHistory(k.family), nil
}
