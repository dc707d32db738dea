package readmodels

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"crm/domain"
)

// How values of the domain stand in columns: an id that names nothing, an amount
// nobody said and a day nobody knows are NULL, a text nobody gave is ''.

// nullable is the column of an id that may name nothing.
func nullable[Of any](id domain.ID[Of]) *domain.ID[Of] {
	if id.IsZero() {
		return nil
	}
	return &id
}

// known is the id that such a column holds.
func known[Of any](column *domain.ID[Of]) domain.ID[Of] {
	if column == nil {
		return domain.ID[Of]{}
	}
	return *column
}

// amount is the two columns of a money.
func amount(m domain.Money) (minor *int64, currency *domain.Currency) {
	if m.IsZero() {
		return nil, nil
	}
	return &m.Minor, &m.Currency
}

// money is what the two columns hold.
func money(minor *int64, currency *domain.Currency) domain.Money {
	if minor == nil || currency == nil {
		return domain.Money{}
	}
	return domain.Money{Minor: *minor, Currency: *currency}
}

// decoded is what a jsonb column holds; a row that is new holds nothing yet. What
// lies there was written by encoded, so anything else is a broken program.
func decoded[T any](column string) T {
	var value T
	if column == "" {
		return value
	}
	if err := json.Unmarshal([]byte(column), &value); err != nil {
		panic(fmt.Sprintf("readmodels: a jsonb column is not a %T: %v", value, err))
	}
	return value
}

// encoded is the jsonb column of a value. An empty list is [], never null.
func encoded[T any](values []T) string {
	if len(values) == 0 {
		return "[]"
	}
	return text(values)
}

func text(value any) string {
	json, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("readmodels: %T cannot be a jsonb column: %v", value, err))
	}
	return string(json)
}

// subject is the id of the aggregate that the event is about.
func subject(e domain.Recorded) (uuid.UUID, error) {
	id, ok := e.Stream.ID()
	if !ok {
		return uuid.Nil, fmt.Errorf("%s in stream %q, whose name holds no id", e.Event.EventType(), e.Stream)
	}
	return id, nil
}

// typesOf are the types of events, given one of each.
func typesOf[E domain.Event](events ...E) []string {
	types := make([]string, len(events))
	for i, event := range events {
		types[i] = event.EventType()
	}
	return types
}
