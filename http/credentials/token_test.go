package credentials

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/apikey"
)

func TestATokenIsReadBack(t *testing.T) {
	t.Parallel()
	zero, full := Token{}, Token{}
	for i := range full.ID.UUID {
		full.ID.UUID[i] = 0xff
	}
	for i := range full.secret {
		full.secret[i] = 0xff
	}
	for range 1000 {
		for _, token := range []Token{zero, full, New(domain.APIKeyID{UUID: uuid.New()})} {
			text := token.Reveal()
			read, err := Parse(text)
			if err != nil || read != token || len(text) != 75 {
				t.Fatalf("%s (%d characters): %v", text, len(text), err)
			}
		}
	}
}

// TestTheFormStays: keys that were given out are read for ever.
func TestTheFormStays(t *testing.T) {
	t.Parallel()
	token := Token{ID: domain.APIKeyID{UUID: uuid.MustParse("0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21")}}
	for i := range token.secret {
		token.secret[i] = byte(i)
	}
	const text = "crm_0KmOaqzAfYsCvS3xojKp3r4FrUy9FUNv8rSpbrGVjRZxiI9iC6iZiKpjqA7khD6ul2ysr1j"
	if got := token.Reveal(); got != text {
		t.Errorf("%s, was %s", got, text)
	}
	if got, want := token.Digest(), apikey.Digest("630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"); got != want {
		t.Errorf("digest %s, was %s", got, want)
	}
}

// TestEveryTypingErrorIsTold changes every character to every other one, swaps
// neighbours and drops some.
func TestEveryTypingErrorIsTold(t *testing.T) {
	t.Parallel()
	text := New(apikey.ID("shop")).Reveal()
	for i := len(Prefix); i < len(text); i++ {
		for _, digit := range []byte(digits) {
			if digit == text[i] {
				continue
			}
			if _, err := Parse(text[:i] + string(digit) + text[i+1:]); !errors.Is(err, ErrMistyped) {
				t.Fatalf("%q for the character %d: %v", digit, i, err)
			}
		}
		if i+1 < len(text) && text[i] != text[i+1] {
			if _, err := Parse(text[:i] + text[i+1:i+2] + text[i:i+1] + text[i+2:]); !errors.Is(err, ErrMistyped) {
				t.Fatalf("the characters from %d on swapped: %v", i, err)
			}
		}
		if _, err := Parse(text[:i] + text[i+1:]); !errors.Is(err, ErrNoToken) {
			t.Fatalf("without the character %d: %v", i, err)
		}
	}
	for _, other := range []string{"", "crm_", text + "0", " " + text[1:], "CRM_" + text[4:], text[:74] + "-", text[:74] + "\xff", strings.Replace(text, text[10:12], "é", 1)} {
		if _, err := Parse(other); !errors.Is(err, ErrNoToken) {
			t.Errorf("%q: %v", other, err)
		}
	}
}

func TestOpens(t *testing.T) {
	t.Parallel()
	token, other := New(apikey.ID("shop")), New(apikey.ID("shop"))
	for name, c := range map[string]struct {
		current, former apikey.Digest
		want            bool
	}{
		"its secret":          {current: token.Digest(), want: true},
		"its former secret":   {current: other.Digest(), former: token.Digest(), want: true},
		"another's secret":    {current: other.Digest(), former: other.Digest()},
		"no secret":           {},
		"a secret in capital": {current: apikey.Digest(strings.ToUpper(string(token.Digest())))},
	} {
		if token.Opens(c.current, c.former) != c.want {
			t.Errorf("%s: opens is not %t", name, c.want)
		}
	}
}

// TestADigestIsNoSecret shows the digest as if it were the secret, as who has found it
// in a dump would.
func TestADigestIsNoSecret(t *testing.T) {
	t.Parallel()
	token := New(apikey.ID("shop"))
	forged := Token{ID: token.ID}
	if n, err := hex.Decode(forged.secret[:], []byte(token.Digest())); err != nil || n != len(forged.secret) {
		t.Fatal(n, err)
	}
	if forged.Opens(token.Digest(), token.Digest()) {
		t.Error("it opens")
	}
}

// TestATokenDoesNotShow formats one in the ways that careless lines do.
func TestATokenDoesNotShow(t *testing.T) {
	t.Parallel()
	token := New(apikey.ID("shop"))
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("key", slog.Any("key", token), slog.Any("in", []Token{token}))
	encoded, err := json.Marshal(map[string]any{"key": token})
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%s %v %+v %#v %q %d", token, token, token, token, token, &token) + logged.String() + string(encoded)
	for _, secret := range []string{token.Reveal(), fmt.Sprintf("%x", token.secret), fmt.Sprint(token.secret)} {
		if strings.Contains(shown, strings.Trim(secret, "[]")) {
			t.Errorf("it shows: %s", shown)
		}
	}
}

// FuzzParse looks for a second way to write a key, and for what is read outside of it.
func FuzzParse(f *testing.F) {
	f.Add(New(apikey.ID("shop")).Reveal())
	f.Add(Prefix + strings.Repeat("z", payload+checksum))
	f.Add("crm_é")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Parse(text)
		if err == nil && token.Reveal() != text {
			t.Errorf("%q and %q are the same key", text, token.Reveal())
		}
		// Whatever it is, its digits with the right checksum are a key or too large.
		if len(text) == length && errors.Is(err, ErrMistyped) {
			mended := []byte(text)
			writeSum(mended)
			if token, err := Parse(string(mended)); err == nil && token.Reveal() != string(mended) {
				t.Errorf("%q and %q are the same key", mended, token.Reveal())
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := New(apikey.ID("shop")).Reveal()
	token, _ := Parse(text)
	digest := token.Digest()
	b.ReportAllocs()
	for b.Loop() {
		if token, err := Parse(text); err != nil || !token.Opens(digest, "") {
			b.Fatal(err)
		}
	}
}
