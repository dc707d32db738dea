package readmodel_test

import (
	"strings"
	"testing"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/readmodel"
)

type story = domaintest.Story[readmodel.Command, readmodel.Event]

func facts(events ...readmodel.Event) []readmodel.Event { return events }

const parked = domain.Stream("deal-0b5f0a1c-3a52-4b52-8a53-8d1bb4a45c01")

func TestRetry(t *testing.T) {
	t.Parallel()
	retry := readmodel.Retry{Name: "deals", Stream: parked}
	requested := readmodel.RetryRequested(retry)
	domaintest.Run(t, readmodel.Decider, []story{
		{Name: "one stream", When: retry, Then: facts(requested)},
		{Name: "all streams", When: readmodel.Retry{Name: "deals"}, Then: facts(readmodel.RetryRequested{Name: "deals"})},
		{Name: "again, because it may have been parked again", Given: facts(requested), When: retry, Then: facts(requested)},
		{Name: "of no read model", When: readmodel.Retry{Stream: parked}, Refused: domain.ErrInvalid, At: "/name"},
		{Name: "of a long stream", When: readmodel.Retry{Name: "deals", Stream: domain.Stream(strings.Repeat("x", 501))}, Refused: domain.ErrInvalid, At: "/stream"},
	})
}

func TestSkipEvent(t *testing.T) {
	t.Parallel()
	skip := readmodel.SkipEvent{Name: "deals", Stream: parked, Revision: 3}
	skipped := readmodel.EventSkipped(skip)
	domaintest.Run(t, readmodel.Decider, []story{
		{Name: "once", When: skip, Then: facts(skipped)},
		{Name: "again, because a new build may be parked there", Given: facts(skipped), When: skip, Then: facts(skipped)},
		{Name: "of no read model", When: readmodel.SkipEvent{Stream: parked}, Refused: domain.ErrInvalid, At: "/name"},
		{Name: "of no stream", When: readmodel.SkipEvent{Name: "deals"}, Refused: domain.ErrInvalid, At: "/stream"},
		{Name: "of no revision", When: readmodel.SkipEvent{Name: "deals", Stream: parked, Revision: -1}, Refused: domain.ErrInvalid, At: "/revision"},
		{Name: "with a line of control", When: readmodel.SkipEvent{Name: "de\x00als", Stream: parked}, Refused: domain.ErrInvalid, At: "/name"},
	})
}
