package answers

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
)

func command(n int) uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, n)) }

// What was noted is known for as long as answers are kept, however old it was; and is
// forgotten some time later.
func TestSeenForADay(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	s := newSeen(24 * time.Hour)
	for hour := range 24 { // noted late, as when a server starts
		s.note(command(hour), time.Duration(hour)*time.Hour, began)
	}
	for minutes := 0; minutes < 24*60; minutes += 30 {
		now := began.Add(time.Duration(minutes) * time.Minute)
		for hour := range 24 {
			if now.Sub(began)+time.Duration(hour)*time.Hour < 24*time.Hour && !s.has(command(hour), now) {
				t.Fatalf("of %d h is not known at %s", hour, now)
			}
		}
	}
	if s.has(command(0), began.Add(33*time.Hour)) {
		t.Error("it is never forgotten")
	}
}

// Four million commands in a filter are what the room's doc tells of.
func TestHowOftenTheNewIsTakenForSeen(t *testing.T) {
	t.Parallel()
	const noted, asked = 4 << 20, 100_000
	s, now := newSeen(24*time.Hour), time.Now()
	bytes := rand.NewChaCha8([32]byte{}) // as even as hashes, and quicker
	for range noted {
		var random uuid.UUID
		_, _ = bytes.Read(random[:]) // never fails
		s.note(random, 0, now)
	}
	wrong := 0
	for n := range asked {
		if s.has(command(n), now) {
			wrong++
		}
	}
	t.Logf("%d of %d", wrong, asked)
	if wrong > asked/100 {
		t.Errorf("%d of %d new commands are taken for seen", wrong, asked)
	}
}
