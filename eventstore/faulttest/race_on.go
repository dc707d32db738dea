//go:build race

package faulttest

// raced reports whether the race detector is on.
const raced = true
