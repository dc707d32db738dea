package embedded

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// BenchmarkAMillion measures what an operator does with a store of 1,000,000
// events of about 350 bytes in 100,000 streams:
//
//	go test ./eventstore/embedded -run '^$' -bench AMillion -benchtime 1x
func BenchmarkAMillion(b *testing.B) {
	const million, streams, atOnce = 1_000_000, 100_000, 10
	s := start(b, Config{})
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for round := range million / streams / atOnce * 1 {
				for stream := w; stream < streams; stream += 8 {
					r := &request{stream: fmt.Sprint("customer-", stream), expected: int64(round*atOnce) - 1}
					for range atOnce {
						r.events = append(r.events, proposal{
							id: uuid.New(), kind: "customer.details_changed", json: true,
							data: bytes.Repeat([]byte("d"), 170), metadata: bytes.Repeat([]byte("m"), 120),
						})
					}
					if o, err := s.submit(b.Context(), r); err != nil || o.verdict != accepted {
						b.Error(o, err)
						return
					}
				}
			}
		})
	}
	writers.Wait()
	var frozen *Frozen
	timed := func(what string, do func() error) {
		began := time.Now()
		if err := do(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(began).Seconds(), what+"-s")
	}
	for b.Loop() {
		timed("freeze", func() (err error) {
			frozen, err = FreezeServed(b.Context(), s.socket())
			return err
		})
		backup, dir := filepath.Join(b.TempDir(), "backup"), filepath.Join(b.TempDir(), "events")
		timed("check", func() error {
			report, err := Check(b.Context(), frozen.Dir, CheckConfig{})
			if report.Events != million || report.Damages != 0 {
				b.Errorf("%+v", report)
			}
			return err
		})
		timed("backup", func() error {
			m, err := Backup(b.Context(), frozen, backup, nil)
			b.ReportMetric(float64(m.Bytes())/(1<<20), "MiB")
			return err
		})
		timed("restore", func() error {
			_, _, err := Restore(b.Context(), backup, dir, nil)
			return err
		})
		if err := frozen.Close(); err != nil {
			b.Error(err)
		}
		_ = os.RemoveAll(backup)
	}
}
