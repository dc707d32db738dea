package projections

import (
	"encoding/binary"
	"math/big"
	"slices"
	"unsafe"
)

// A numeric in the binary format: how many digits to the base of 10,000, the
// weight of the first, the sign, how many decimals to show; the digits.
const (
	wideBase     = 10_000
	wideNegative = 0x4000
	wideHeader   = 8
)

func encodeWide(buf []byte, at unsafe.Pointer) ([]byte, error) {
	n := (*big.Int)(at)
	var digits []uint16 // the last one first
	rest, digit, base := new(big.Int).Abs(n), new(big.Int), big.NewInt(wideBase)
	for rest.Sign() > 0 {
		rest.QuoRem(rest, base, digit)
		digits = append(digits, uint16(digit.Uint64()))
	}
	sign := uint16(0)
	if n.Sign() < 0 {
		sign = wideNegative
	}
	buf = appendLength(buf, wideHeader+2*len(digits))
	for _, field := range []uint16{uint16(len(digits)), uint16(max(len(digits), 1) - 1), sign, 0} {
		buf = binary.BigEndian.AppendUint16(buf, field)
	}
	for _, digit := range slices.Backward(digits) {
		buf = binary.BigEndian.AppendUint16(buf, digit)
	}
	return buf, nil
}

func decodeWide(src []byte, at unsafe.Pointer) error {
	if len(src) < wideHeader {
		return wrongLength(src)
	}
	digits, weight, sign := int(binary.BigEndian.Uint16(src)), int(int16(binary.BigEndian.Uint16(src[2:]))), binary.BigEndian.Uint16(src[4:])
	switch {
	case len(src) != wideHeader+2*digits:
		return wrongLength(src)
	case sign != 0 && sign != wideNegative, // infinite, or no number
		digits > weight+1: // a fraction
		return errRange
	}
	n, base := new(big.Int), big.NewInt(wideBase)
	for i := range weight + 1 {
		n.Mul(n, base)
		if i < digits {
			n.Add(n, big.NewInt(int64(binary.BigEndian.Uint16(src[wideHeader+2*i:]))))
		}
	}
	if sign == wideNegative {
		n.Neg(n)
	}
	(*big.Int)(at).Set(n)
	return nil
}
