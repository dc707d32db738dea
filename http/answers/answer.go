package answers

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/google/uuid"

	"crm/domain"
)

// Answer is what a command was answered with.
type Answer struct {
	// Command and Fingerprint say which, as in domain.CommandRef.
	Command     uuid.UUID
	Fingerprint string
	// Status is the HTTP status.
	Status int
	// Receipt is of a command that was carried out, or was so already.
	Receipt domain.Receipt
	// Problem is the slug of a refusal; empty with a receipt.
	Problem string
	// Words are what the refusal said, sealed by [Seal].
	Words []byte

	at time.Time // when it was learnt, by the clock of this process
}

// ErrInProgress is a key whose command is being carried out at this moment.
var ErrInProgress = &domain.Error{
	Code: domain.Conflict, Slug: "in-progress",
	Detail: "A request with this Idempotency-Key is being carried out. Send it again after Retry-After to get its answer.",
}

var errUnopenable = errors.New("answers: sealed with another request")

// Seal encrypts words so that they can be read with the same command, key and body.
func Seal(command uuid.UUID, key string, body, words []byte) ([]byte, error) {
	sealer, err := sealerOf(key, body)
	if err != nil {
		return nil, err
	}
	return sealer.Seal(nil, nil, words, command[:]), nil //nolint:gosec // it draws its nonces itself
}

// Unseal decrypts what [Seal] gave for the same command, key and body.
func Unseal(command uuid.UUID, key string, body, sealed []byte) ([]byte, error) {
	sealer, err := sealerOf(key, body)
	if err != nil {
		return nil, err
	}
	words, err := sealer.Open(nil, nil, sealed, command[:])
	if err != nil {
		return nil, errUnopenable
	}
	return words, nil
}

// sealerOf makes the cipher for one request. The idempotency key is kept nowhere
// and, being a UUID mostly, is not to be guessed.
func sealerOf(key string, body []byte) (cipher.AEAD, error) {
	secret := append([]byte(key+"\x00"), body...)
	derived, err := hkdf.Key(sha256.New, secret, nil, "crm answer", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
