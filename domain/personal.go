package domain

import "log/slog"

// Personal is text about a person. It will be sealed with that person's key
// where it is stored, and it prints as "[personal]" so that a careless log line
// does not outlive the key. That is a belt, not braces: %#v and reflection still
// show the text.
type Personal string

// String hides the text.
func (Personal) String() string { return "[personal]" }

// LogValue hides the text.
func (Personal) LogValue() slog.Value { return slog.StringValue("[personal]") }

// Plain is the text itself.
func (p Personal) Plain() string { return string(p) }
