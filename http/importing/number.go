package importing

import (
	"fmt"
	"math/big"
	"strings"
)

// plainDecimal reads a number as people write it, with their decimal and
// thousands separators, into "-1234.5": no leading or trailing zeros, no sign
// for plus. A thousands separator must stand where one belongs, so that 1.5 is
// not taken for 15.
func plainDecimal(text, decimal, thousands string) (string, error) {
	wrong := fmt.Errorf("%q is not a number", text)
	rest, negative := strings.CutPrefix(strings.TrimPrefix(strings.ReplaceAll(text, "\u2212", "-"), "+"), "-")
	rest = trim(rest)
	if decimal == "" {
		decimal = "."
	}
	if exponent := strings.IndexAny(rest, "eE"); exponent > 0 && decimal == "." && thousands == "" {
		number, ok := new(big.Rat).SetString(rest)
		if !ok || len(rest)-exponent > 3 {
			return "", wrong
		}
		return signed(shortest(number), negative), nil
	}
	whole, fraction, point := strings.Cut(rest, decimal)
	if thousands != "" {
		groups := strings.Split(strings.ReplaceAll(whole, "\u00a0", " "), thousands)
		for i, group := range groups {
			last := i == len(groups)-1
			if len(groups) > 1 && (last && len(group) != 3 || !last && (len(group) == 0 || len(group) > 3)) {
				return "", wrong
			}
		}
		whole = strings.Join(groups, "")
	}
	if whole+fraction == "" || point && fraction == "" && whole == "" || len(whole)+len(fraction) > 40 {
		return "", wrong
	}
	if strings.ContainsFunc(whole+fraction, func(r rune) bool { return r < '0' || r > '9' }) {
		return "", wrong
	}
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return signed(whole, negative), nil
}

func signed(number string, negative bool) string {
	if negative && number != "0" {
		return "-" + number
	}
	return number
}

// times multiplies exactly.
func times(number string, factor int64) string {
	product, ok := new(big.Rat).SetString(number)
	if !ok {
		panic("importing: not a plain decimal: " + number)
	}
	return shortest(product.Mul(product, new(big.Rat).SetInt64(factor)))
}

// shortest writes a number that has a finite decimal form.
func shortest(number *big.Rat) string {
	digits, _ := number.FloatPrec()
	return number.FloatString(digits)
}
