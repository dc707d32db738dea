package commands

import (
	"context"
	"reflect"

	"crm/domain"
)

// rests refuses a task that rests on a revision which there is not yet, or since when
// somebody else has set a field that it would change. The proposed events are those
// of the run so far, which the state has and the log has not.
func (k *history) rests(ctx context.Context, h *Handler, t *task, changes bool, proposed []domain.Proposed) error {
	switch {
	case t.BasedOn == nil || t.IfMatch != nil || *t.BasedOn == k.revision:
		return nil
	case *t.BasedOn > k.revision:
		return domain.ErrInvalid.At("/based_on", "There is no revision %d yet; the last one is %d.", *t.BasedOn, k.revision)
	}
	now := k.state.settings(t.Command)
	if !changes || len(now) == 0 {
		return nil
	}
	then, err := k.at(ctx, h, t, proposed)
	if err != nil {
		return err
	}
	return compare(then.settings(t.Command), now)
}

// compare tells the fields that have another value now than then, and not the one
// that they are to get.
func compare(then, now []domain.Setting) error {
	originals := make(map[string]any, len(then))
	for _, setting := range then {
		originals[setting.Field] = setting.Is
	}
	var fields []domain.FieldDifference
	for _, setting := range now {
		original := originals[setting.Field]
		if !reflect.DeepEqual(setting.Is, original) && !reflect.DeepEqual(setting.Is, setting.To) {
			fields = append(fields, domain.FieldDifference{Field: setting.Field, Original: original, Theirs: setting.Is, Yours: setting.To})
		}
	}
	if fields == nil {
		return nil
	}
	return &domain.FieldConflict{Fields: fields}
}

// at folds the stream up to the revision that the task rests on, which the history
// has passed.
func (k *history) at(ctx context.Context, h *Handler, t *task, proposed []domain.Proposed) (folded, error) {
	recorded, err := h.log.Load(ctx, k.family.stream(t.Target), domain.NoStream)
	if err != nil {
		return nil, err
	}
	past := newHistory(k.family)
	for i, r := range recorded {
		if r.Revision > *t.BasedOn {
			recorded = recorded[:i]
			break
		}
	}
	if err := past.fold(recorded); err != nil {
		return nil, err
	}
	first := k.revision - domain.Revision(len(proposed)) + 1
	for i, p := range proposed {
		if at := first + domain.Revision(i); at > past.revision && at <= *t.BasedOn {
			if err := past.state.evolve(p.Event); err != nil {
				return nil, err
			}
		}
	}
	return past.state, nil
}
