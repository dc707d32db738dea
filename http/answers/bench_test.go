package answers

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/projections"
	"crm/projections/projectionstest"
)

// BenchmarkSeen tells whether a new key has been seen, with so many in each filter; and how
// many of a hundred it would have looked up for nothing.
func BenchmarkSeen(b *testing.B) {
	for _, noted := range []int{0, 1 << 20, 4 << 20, 17 << 20} {
		b.Run(fmt.Sprintf("noted=%dM", noted>>20), func(b *testing.B) {
			s, now, bytes := newSeen(24*time.Hour), time.Now(), rand.NewChaCha8([32]byte{})
			var random uuid.UUID
			for range noted {
				_, _ = bytes.Read(random[:]) // never fails
				s.note(random, 0, now)
			}
			wrong := 0
			b.ReportAllocs()
			for b.Loop() {
				_, _ = bytes.Read(random[:])
				if s.has(random, now) {
					wrong++
				}
			}
			b.ReportMetric(100*float64(wrong)/float64(b.N), "%wrong")
		})
	}
}

// BenchmarkFind asks a table of 100,000 answers for keys that it does not have, which is
// what a look-up for nothing costs who waits for it.
func BenchmarkFind(b *testing.B) {
	pool := projectionstest.Pool(b)
	if err := projections.Migrate(b.Context(), pool); err != nil {
		b.Fatal(err)
	}
	_, err := pool.Exec(b.Context(), `
		INSERT INTO crm.answers (command, fingerprint, answered_at, status, revision, position_commit, position_prepare, events, problem, words)
		SELECT gen_random_uuid(), '\x00', now(), 201, 0, n, n, 1, '', NULL FROM generate_series(1, 100000) AS n`)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := pool.Exec(b.Context(), "ANALYZE crm.answers"); err != nil {
		b.Fatal(err)
	}
	for _, at := range []int{1, 64, 500} {
		b.Run(fmt.Sprintf("keys=%d", at), func(b *testing.B) {
			commands, bytes := make([]uuid.UUID, at), rand.NewChaCha8([32]byte{})
			for b.Loop() {
				for i := range commands {
					_, _ = bytes.Read(commands[i][:])
				}
				if _, err := (Postgres{pool}).Find(b.Context(), commands, 24*time.Hour); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
