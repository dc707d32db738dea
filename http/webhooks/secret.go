package webhooks

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"crm/domain/webhook"
)

// secretBytes is how many random bytes a secret has; Standard Webhooks says 24 to 64.
const secretBytes = 32

// A Secret signs what is sent to one endpoint. It prints as [secret].
type Secret struct{ key []byte }

// NewSecret makes a secret.
func NewSecret() Secret {
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // never fails, crypto/rand says
	return Secret{key}
}

// Plain is the secret as its receiver is given it, once: whsec_ and base64.
func (s Secret) Plain() string { return "whsec_" + base64.StdEncoding.EncodeToString(s.key) }

// String hides the secret, also from %#v.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret.
func (Secret) GoString() string { return "[secret]" }

// Fingerprint tells the secret from others.
func (s Secret) Fingerprint() webhook.Fingerprint {
	sum := sha256.Sum256(s.key)
	return webhook.Fingerprint(hex.EncodeToString(sum[:8]))
}

// sign is the v1 signature of a message.
func (s Secret) sign(id string, at time.Time, payload []byte) string {
	mac := hmac.New(sha256.New, s.key)
	_, _ = fmt.Fprintf(mac, "%s.%s.", id, unix(at))
	_, _ = mac.Write(payload)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signatures are those of all secrets that are in force.
func signatures(secrets []Secret, id string, at time.Time, payload []byte) string {
	each := make([]string, len(secrets))
	for i, secret := range secrets {
		each[i] = secret.sign(id, at, payload)
	}
	return strings.Join(each, " ")
}

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
