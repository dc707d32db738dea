package credentials

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math/bits"
	"strings"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/apikey"
)

// Prefix is how every key begins.
const Prefix = "crm_"

// hidden is a key where it does not belong.
const hidden = Prefix + "…"

const (
	secretLength = 32
	payload      = 65 // digits of 48 bytes: 62^64 < 2^384 < 62^65
	checksum     = 6  // digits of 4 bytes
	length       = len(Prefix) + payload + checksum
)

// The ways in which a text is no key.
var (
	ErrNoToken  = errors.New("not an API key of this program")
	ErrMistyped = errors.New("an API key with a typing error: its checksum is not that of its characters")
)

// Token is a key in the hands of who holds it.
type Token struct {
	ID     domain.APIKeyID
	secret [secretLength]byte
}

// New is a key of that id with a secret that nobody has seen.
func New(id domain.APIKeyID) Token {
	t := Token{ID: id}
	_, _ = rand.Read(t.secret[:]) // never fails, crypto/rand says
	return t
}

// Digest is what is kept of the secret.
func (t Token) Digest() apikey.Digest {
	sum := sha256.Sum256(t.secret[:])
	return apikey.Digest(hex.EncodeToString(sum[:]))
}

// Opens reports whether the key has one of those secrets, in a time that depends on
// neither; "" is none.
func (t Token) Opens(current, former apikey.Digest) bool {
	sum := sha256.Sum256(t.secret[:])
	var shown [2 * sha256.Size]byte
	hex.Encode(shown[:], sum[:])
	return subtle.ConstantTimeCompare(shown[:], []byte(current))|subtle.ConstantTimeCompare(shown[:], []byte(former)) == 1
}

// Reveal is the key as one word.
func (t Token) Reveal() string {
	var number [words]uint64
	bytes := append(t.ID.UUID[:len(t.ID.UUID):len(t.ID.UUID)], t.secret[:]...)
	for i := range number {
		number[i] = binary.BigEndian.Uint64(bytes[8*i:])
	}
	text := make([]byte, length)
	copy(text, Prefix)
	digitsOf(&number, text[len(Prefix):len(Prefix)+payload])
	writeSum(text)
	return string(text)
}

// Format shows, whatever the verb, that it is a key and nothing of it.
func (Token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue is for log/slog.
func (Token) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText is for JSON and the like.
func (Token) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Parse reads what Reveal gave. It answers [ErrNoToken] for what does not look like a
// key and [ErrMistyped] for what does and is none.
func Parse(text string) (Token, error) {
	if len(text) != length || !strings.HasPrefix(text, Prefix) {
		return Token{}, ErrNoToken
	}
	var number [words]uint64
	for i := len(Prefix); i < len(text); i++ {
		if values[text[i]] < 0 {
			return Token{}, ErrNoToken
		}
	}
	var expected [length]byte
	copy(expected[:], text)
	writeSum(expected[:])
	if text[len(text)-checksum:] != string(expected[len(text)-checksum:]) || !numberOf(text[len(Prefix):len(Prefix)+payload], &number) {
		return Token{}, ErrMistyped
	}
	var bytes [8 * words]byte
	for i, word := range number {
		binary.BigEndian.PutUint64(bytes[8*i:], word)
	}
	t := Token{ID: domain.APIKeyID{UUID: uuid.UUID(bytes[:len(uuid.UUID{})])}}
	copy(t.secret[:], bytes[len(uuid.UUID{}):])
	return t, nil
}

// writeSum ends the text with the checksum of what is before.
func writeSum(text []byte) {
	sum := crc32.ChecksumIEEE(text[:len(text)-checksum])
	for i := len(text) - 1; i >= len(text)-checksum; i-- {
		text[i] = digits[sum%62]
		sum /= 62
	}
}

const (
	digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	words  = 6 // 64 bits each, the most significant first
	chunk  = 10
	radix  = 839_299_365_868_340_224 // 62^10, which fits a word
)

// values are the digits' values by character, -1 for what is none.
var values = func() (values [256]int8) {
	for i := range values {
		values[i] = int8(strings.IndexByte(digits, byte(i)))
	}
	return values
}()

// digitsOf writes a number in base 62, ten digits to a division.
func digitsOf(number *[words]uint64, text []byte) {
	rest := *number
	for end := len(text); end > 0; end -= chunk {
		var low uint64
		for i := range rest {
			rest[i], low = bits.Div64(low, rest[i], radix)
		}
		for i := end - 1; i >= max(end-chunk, 0); i-- {
			text[i] = digits[low%62]
			low /= 62
		}
	}
}

// numberOf reads digits, and reports whether the number fits.
func numberOf(text string, number *[words]uint64) bool {
	for begin, size := 0, len(text)%chunk; begin < len(text); begin, size = begin+size, chunk {
		if size == 0 {
			size = chunk
		}
		factor, carry := uint64(1), uint64(0)
		for _, c := range []byte(text[begin : begin+size]) {
			factor, carry = factor*62, carry*62+uint64(values[c])
		}
		for i := words - 1; i >= 0; i-- {
			high, low := bits.Mul64(number[i], factor)
			sum, over := bits.Add64(low, carry, 0)
			number[i], carry = sum, high+over
		}
		if carry != 0 {
			return false
		}
	}
	return true
}
