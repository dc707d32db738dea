package main

import (
	"crm/domain"
	"crm/eventstore"
	crmhttp "crm/http"
)

// feedLog is the event store as the change feed reads it.
type feedLog struct{ *eventstore.Store }

// Follow reads the log after a position.
func (l feedLog) Follow(after domain.Position, selection domain.Selection, most int) crmhttp.Following {
	return l.Store.Follow(after, selection, most)
}

// Types are the types of all events.
func (feedLog) Types() []string { return eventstore.Types() }
