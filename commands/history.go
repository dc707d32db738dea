package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"crm/domain"
)

// history is a stream folded: its state, how far that reaches, and the commands
// that left its events.
type history struct {
	family   family
	state    folded
	revision domain.Revision
	position domain.Position // of the last stored event
	commands map[uuid.UUID]answered
	cost     int64 // bytes, about
}

// answered is a command that the stream has answered.
type answered struct {
	fingerprint string
	receipt     domain.Receipt
}

// What an event and an answered command weigh in memory beside the payload.
const (
	eventCost   = 64
	commandCost = 160
)

func newHistory(of family) *history {
	return &history{family: of, state: of.empty(), revision: domain.NoStream, commands: map[uuid.UUID]answered{}}
}

// end is where the history stands.
func (k *history) end() domain.Receipt {
	return domain.Receipt{Revision: k.revision, Position: k.position}
}

// fold takes in what the store has recorded. After an error the history is of
// no use.
func (k *history) fold(recorded []domain.Recorded) error {
	for _, r := range recorded {
		if err := k.state.evolve(r.Event); err != nil {
			return fmt.Errorf("fold %s at revision %d: %w", r.Stream, r.Revision, err)
		}
		k.revision, k.position = r.Revision, r.Position
		k.cost += eventCost + int64(len(r.Data))
		receipt := k.end()
		receipt.Events = k.commands[r.Meta.Command.ID].receipt.Events + 1
		k.remember(r.Meta.Command, receipt)
	}
	return nil
}

// decide decides the run in order, each command on the state that those before
// it leave, and gives the events to store.
func (k *history) decide(ctx context.Context, h *Handler, run []*task) ([]domain.Proposed, error) {
	var proposed []domain.Proposed
	for i, t := range run {
		t.answer, t.remembered, t.twin = Answer{}, false, nil
		command := t.Meta.Command
		if earlier, ok := k.commands[command.ID]; ok {
			t.remembered = true
			t.answer = earlier.answer(command.Fingerprint)
			continue
		}
		if t.twin = twinOf(t, run[:i]); t.twin != nil {
			continue
		}
		seen, err := k.seen(ctx, h, t)
		if err != nil {
			return nil, err
		}
		if t.IfMatch != nil && *t.IfMatch != seen.revision {
			t.answer.Err = domain.ErrStale
			continue
		}
		events, err := seen.state.decide(ctx, asking{h, t.Target, t.Within}, t.Command)
		if err != nil {
			t.answer.Err = err
			continue
		}
		if err := k.rests(ctx, h, t, len(events) > 0, proposed); err != nil {
			if _, refused := errors.AsType[*domain.Error](err); !refused {
				return nil, err
			}
			t.answer.Err = err
			continue
		}
		for index, event := range events {
			if err := k.state.evolve(event); err != nil {
				return nil, err
			}
			proposed = append(proposed, domain.Proposed{ID: command.EventID(index), Event: event, Meta: t.Meta})
		}
		k.revision += domain.Revision(len(events))
		t.answer.Receipt = k.end()
		t.answer.Receipt.Events = len(events)
	}
	return proposed, nil
}

func (a answered) answer(fingerprint string) Answer {
	if a.fingerprint != fingerprint {
		return Answer{Err: domain.ErrKeyReused}
	}
	return Answer{Receipt: a.receipt, Replayed: true}
}

// twinOf finds the command of the same id among those of the run that were
// decided before it and not refused.
func twinOf(t *task, before []*task) *task {
	for _, other := range before {
		if other.Meta.Command.ID == t.Meta.Command.ID && other.twin == nil && other.answer.Err == nil {
			return other
		}
	}
	return nil
}

// allRemembered reports whether no answer of the run rests on the state.
func allRemembered(run []*task) bool {
	for _, t := range run {
		if !t.remembered {
			return false
		}
	}
	return true
}

// extend takes in what the store has just appended; the state has it already.
func (k *history) extend(receipt domain.Receipt, proposed []domain.Proposed) {
	k.position = receipt.Position
	for _, p := range proposed {
		payload, _ := json.Marshal(p.Event) // only weighed; the store reports what it cannot encode
		k.cost += eventCost + int64(len(payload))
	}
}

// settle completes the answers of a run that began where the history stood, and
// remembers them. In an append of several commands the position is that of the
// last event, which is late enough for each of them.
func (k *history) settle(run []*task, stood domain.Receipt) {
	for _, t := range run {
		switch {
		case t.twin != nil:
			t.answer = k.commands[t.twin.Meta.Command.ID].answer(t.Meta.Command.Fingerprint)
		case !t.remembered && t.answer.Err == nil:
			if t.answer.Receipt.Revision > stood.Revision {
				t.answer.Receipt.Position = k.position
			}
			k.remember(t.Meta.Command, t.answer.Receipt)
		}
	}
}

func (k *history) remember(command domain.CommandRef, receipt domain.Receipt) {
	if _, known := k.commands[command.ID]; !known {
		k.cost += commandCost
	}
	k.commands[command.ID] = answered{fingerprint: command.Fingerprint, receipt: receipt}
}
