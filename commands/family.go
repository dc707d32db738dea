package commands

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"crm/domain"
)

// family is a kind of aggregate as the loop sees it, whatever its types are.
type family interface {
	// stream names the stream of one aggregate.
	stream(target uuid.UUID) domain.Stream
	// creates reports whether the command brings a stream into being.
	creates(command domain.Command) bool
	// refers lists the other streams that deciding the command will look at.
	refers(target uuid.UUID, command domain.Command) []domain.Stream
	// empty is an aggregate without a history.
	empty() folded
}

// folded is one aggregate folded from its history.
type folded interface {
	// decide completes the command with what other streams know and decides it.
	decide(ctx context.Context, a asking, command domain.Command) ([]domain.Event, error)
	// owner is whose the aggregate is: nobody's when it does not exist.
	owner(ctx context.Context, a asking) (domain.EmployeeID, error)
	// settings are the fields that the command gives a value.
	settings(command domain.Command) []domain.Setting
	// evolve folds one event in. After an error the aggregate is of no use.
	evolve(event domain.Event) error
	// facts is what other aggregates may know of this one; nil when it does not
	// exist. It never changes afterwards.
	facts() any
}

// kind is the family of one decider.
type kind[S any, C domain.Command, E domain.Event] struct {
	domain.Decider[S, C, E]
	streamOf func(uuid.UUID) domain.Stream
	// isCreating tells the commands that bring a stream into being.
	isCreating func(C) bool
	// references lists the streams that resolve will look at; nil for none.
	references func(target uuid.UUID, command C) []domain.Stream
	// resolve completes a command; nil leaves it as it is.
	resolve func(ctx context.Context, a asking, state S, command C) (C, error)
	// ownerOf is whose an aggregate is; nil where there are no owners, and so no
	// commands of somebody who may see one owner's only.
	ownerOf func(ctx context.Context, a asking, state S) (domain.EmployeeID, error)
	// settings are the fields that a command gives a value; nil when none does.
	settings func(state S, command C) []domain.Setting
	// tell gives the facts of a state; nil when nobody asks.
	tell func(state S) any
}

func (k *kind[S, C, E]) stream(target uuid.UUID) domain.Stream { return k.streamOf(target) }

func (k *kind[S, C, E]) creates(command domain.Command) bool {
	c, ok := command.(C)
	return ok && k.isCreating(c)
}

func (k *kind[S, C, E]) refers(target uuid.UUID, command domain.Command) []domain.Stream {
	c, ok := command.(C)
	if !ok || k.references == nil {
		return nil
	}
	return k.references(target, c)
}

func (k *kind[S, C, E]) empty() folded { return &aggregate[S, C, E]{kind: k, state: k.Initial()} }

// aggregate is one state and its kind.
type aggregate[S any, C domain.Command, E domain.Event] struct {
	kind  *kind[S, C, E]
	state S
}

func (a *aggregate[S, C, E]) decide(ctx context.Context, by asking, command domain.Command) ([]domain.Event, error) {
	c, ok := command.(C)
	if !ok {
		return nil, fmt.Errorf("%T was asked of a stream that does not decide it", command)
	}
	if a.kind.resolve != nil {
		var err error
		if c, err = a.kind.resolve(ctx, by, a.state, c); err != nil {
			return nil, err
		}
	}
	decided, err := a.kind.Decide(a.state, c)
	if err != nil || len(decided) == 0 {
		return nil, err
	}
	events := make([]domain.Event, len(decided))
	for i, event := range decided {
		events[i] = event
	}
	return events, nil
}

func (a *aggregate[S, C, E]) settings(command domain.Command) []domain.Setting {
	c, ok := command.(C)
	if !ok || a.kind.settings == nil {
		return nil
	}
	return a.kind.settings(a.state, c)
}

func (a *aggregate[S, C, E]) evolve(event domain.Event) error {
	if unreadable, ok := event.(domain.Unreadable); ok {
		return fmt.Errorf("an event of type %s cannot be read: %s", unreadable.Type, unreadable.Why)
	}
	e, ok := event.(E)
	if !ok {
		return fmt.Errorf("an event of type %s does not belong there", event.EventType())
	}
	a.state = a.kind.Evolve(a.state, e)
	return nil
}

func (a *aggregate[S, C, E]) owner(ctx context.Context, by asking) (domain.EmployeeID, error) {
	if a.kind.ownerOf == nil {
		return domain.EmployeeID{}, fmt.Errorf("%T has no owner to look within", a.state)
	}
	return a.kind.ownerOf(ctx, by, a.state)
}

func (a *aggregate[S, C, E]) facts() any {
	if a.kind.tell == nil {
		return nil
	}
	return a.kind.tell(a.state)
}
