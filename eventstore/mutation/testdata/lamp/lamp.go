// Package lamp is what the tests of package mutation change.
package lamp

// Lamp is on or off.
type Lamp struct{ on bool }

// Press turns it on when it is off, and off when it is on.
func (l *Lamp) Press() { l.on = !l.on }

// Colour is the same, on or off.
func (l *Lamp) Colour() string { return "green" }
