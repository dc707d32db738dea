package domain

import (
	"fmt"
	"time"
)

// Date is a day without a time or zone, "2006-01-02" (ISO 8601). Days sort as
// text. The zero value is no date.
type Date string

// ParseDate reads an ISO 8601 day and refuses days that do not exist, as every
// day of the year 0 does not: the calendar of business, and of Postgres, starts
// with the year 1.
func ParseDate(text string) (Date, error) {
	if day, err := time.Parse(time.DateOnly, text); err != nil || day.Year() < 1 {
		return "", fmt.Errorf("%q is not a date such as 2026-11-22", text)
	}
	return Date(text), nil
}

// DateOf is the day of an instant in UTC.
func DateOf(instant time.Time) Date { return Date(instant.UTC().Format(time.DateOnly)) }

// Valid reports whether d is a day that exists.
func (d Date) Valid() bool {
	_, err := ParseDate(string(d))
	return err == nil
}

// CheckDate refuses with [ErrInvalid] at the pointer a day that does not exist.
// No date passes.
func CheckDate(pointer string, d Date) error {
	if d == "" || d.Valid() {
		return nil
	}
	return ErrInvalid.At(pointer, "A day looks like 2026-11-22 and exists.")
}
