package projections

// Remembering adds to a schema what the history of versioned tables takes.
var Remembering = Schema.remembering
