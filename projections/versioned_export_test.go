package projections

import "crm/domain"

// Remembering adds to a schema what the history of versioned tables takes.
var Remembering = Schema.remembering

// AllowGaps has the builder take events whose streams lack some.
func AllowGaps(b *Builder) {
	b.writer.skipped = func(domain.Stream, domain.Revision) bool { return true }
	b.sequence = newSequence(nil)
}
