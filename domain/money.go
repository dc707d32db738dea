package domain

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Money is an amount in minor units (cents) of an ISO 4217 currency. The zero
// value is no amount, which is not the same as 0.00 of a currency.
type Money struct {
	Minor    int64    `json:"minor"`
	Currency Currency `json:"currency"`
}

// Currency is an ISO 4217 alphabetic code.
type Currency string

// Valid reports whether the code is one in ISO 4217's list of active currencies.
func (c Currency) Valid() bool {
	_, ok := c.Exponent()
	return ok
}

// Exponent is how many decimal places the minor unit has: 2 for EUR, 0 for JPY,
// 3 for KWD. It is false for a code that is not in the list.
func (c Currency) Exponent() (int, bool) {
	exponent, ok := exponents[c]
	return exponent, ok
}

// exponents is ISO 4217, list one, without funds, metals and testing codes.
var exponents = func() map[Currency]int {
	const (
		two = `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP
			CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR
			KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN
			PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD
			TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG`
		none  = `BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF`
		three = `BHD IQD JOD KWD LYD OMR TND`
	)
	places := make(map[Currency]int, 160)
	for codes, exponent := range map[string]int{two: 2, none: 0, three: 3} {
		for code := range strings.FieldsSeq(codes) {
			places[Currency(code)] = exponent
		}
	}
	return places
}()

// IsZero reports whether no amount is given.
func (m Money) IsZero() bool { return m == Money{} }

// Valid reports whether the currency is known.
func (m Money) Valid() bool { return m.Currency.Valid() }

// CheckMoney refuses with [ErrInvalid] below the pointer an amount in no known
// currency. No amount passes.
func CheckMoney(pointer string, m Money) error {
	if m.IsZero() || m.Valid() {
		return nil
	}
	return ErrInvalid.At(pointer+"/currency", "%q is not an ISO 4217 currency.", string(m.Currency))
}

// ParseMoney reads a decimal amount such as "1054.50" with a point and without
// grouping. More places than the currency has are an error, not a rounding.
func ParseMoney(amount string, currency Currency) (Money, error) {
	exponent, ok := currency.Exponent()
	if !ok {
		return Money{}, fmt.Errorf("%q is not an ISO 4217 currency", string(currency))
	}
	whole, fraction, point := strings.Cut(amount, ".")
	trimmed := strings.TrimRight(fraction, "0")
	digits := strings.TrimPrefix(whole, "-")
	if digits == "" || point && fraction == "" || strings.ContainsFunc(digits+fraction, notDigit) {
		return Money{}, fmt.Errorf("%q is not an amount such as 1054.50", amount)
	}
	if len(trimmed) > exponent {
		return Money{}, fmt.Errorf("%q has more decimal places than %s has", amount, currency)
	}
	minor, err := strconv.ParseInt(whole+trimmed+strings.Repeat("0", exponent-len(trimmed)), 10, 64)
	if err != nil {
		return Money{}, fmt.Errorf("%q is too large an amount", amount)
	}
	return Money{Minor: minor, Currency: currency}, nil
}

func notDigit(r rune) bool { return r < '0' || r > '9' }

// String is the amount with its currency: "1054.50 EUR".
func (m Money) String() string {
	exponent, ok := m.Currency.Exponent()
	if !ok {
		return fmt.Sprintf("%d %s", m.Minor, string(m.Currency))
	}
	digits := fmt.Sprintf("%0*d", exponent+1, abs(m.Minor))
	sign := ""
	if m.Minor < 0 {
		sign = "-"
	}
	if exponent == 0 {
		return fmt.Sprintf("%s%s %s", sign, digits, m.Currency)
	}
	cut := len(digits) - exponent
	return fmt.Sprintf("%s%s.%s %s", sign, digits[:cut], digits[cut:], m.Currency)
}

func abs(n int64) uint64 {
	if n < 0 {
		return uint64(-(n + 1)) + 1 // also right for the smallest number
	}
	return uint64(n)
}

// Plus is the sum. It is false when the currencies differ or the sum overflows.
// No amount plus an amount is that amount.
func (m Money) Plus(other Money) (Money, bool) {
	switch {
	case m.IsZero():
		return other, true
	case other.IsZero():
		return m, true
	case m.Currency != other.Currency:
		return Money{}, false
	}
	sum := m.Minor + other.Minor
	if (sum > m.Minor) != (other.Minor > 0) {
		return Money{}, false
	}
	return Money{Minor: sum, Currency: m.Currency}, true
}

// Portion is the amount times numerator over denominator, rounded half away from
// zero. It is false when the result exceeds math.MaxInt64 on either side of zero;
// the product on the way may exceed it. The denominator is positive.
func (m Money) Portion(numerator, denominator int64) (Money, bool) {
	divisor := abs(denominator)
	high, low := bits.Mul64(abs(m.Minor), abs(numerator))
	if high >= divisor {
		return Money{}, false
	}
	quotient, rest := bits.Div64(high, low, divisor)
	if quotient <= math.MaxInt64 && rest >= divisor-rest {
		quotient++
	}
	if quotient > math.MaxInt64 {
		return Money{}, false
	}
	minor := int64(quotient)
	if (m.Minor < 0) != (numerator < 0) {
		minor = -minor
	}
	return Money{Minor: minor, Currency: m.Currency}, true
}
