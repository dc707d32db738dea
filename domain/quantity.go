package domain

import (
	"fmt"
	"strconv"
	"strings"
)

// Quantity is how many of something, in thousandths. As JSON it is a decimal
// text, "1.5", because a float would not stay what was typed.
type Quantity int64

// One is a single piece.
const One Quantity = 1000

// ParseQuantity reads a decimal with at most three places.
func ParseQuantity(text string) (Quantity, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimPrefix(whole, "-")
	if digits == "" || len(fraction) > 3 || strings.HasSuffix(text, ".") || strings.ContainsFunc(digits+fraction, notDigit) {
		return 0, fmt.Errorf("%q is not a quantity such as 1.5", text)
	}
	thousandths, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", 3-len(fraction)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is too large a quantity", text)
	}
	return Quantity(thousandths), nil
}

func (q Quantity) String() string {
	digits := fmt.Sprintf("%04d", abs(int64(q)))
	cut := len(digits) - 3
	text := strings.TrimRight(strings.TrimRight(digits[:cut]+"."+digits[cut:], "0"), ".")
	if q < 0 {
		return "-" + text
	}
	return text
}

// MarshalText gives the decimal text.
func (q Quantity) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText reads the decimal text.
func (q *Quantity) UnmarshalText(text []byte) error {
	parsed, err := ParseQuantity(string(text))
	*q = parsed
	return err
}
