//go:build race

package faulttest

// raced reports whether the race detector is on, which makes a case five to ten
// times as long.
const raced = true
