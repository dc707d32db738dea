package lamp

import "testing"

func TestPress(t *testing.T) {
	t.Parallel()
	var l Lamp
	if l.Press(); !l.on {
		t.Error("it stays dark")
	}
}

func TestIsRed(t *testing.T) {
	t.Parallel()
	if (&Lamp{}).Colour() != "red" {
		t.Error("it is not red")
	}
}
