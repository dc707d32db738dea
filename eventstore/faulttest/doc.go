// Package faulttest runs one test over many random or numbered cases, and makes
// each failure repeatable.
//
//	func TestACrashLosesNothing(t *testing.T) {
//		t.Parallel()
//		faulttest.Run(t, faulttest.Sweep{Small: 2_000, Large: 50_000}, func(c *faulttest.Case) {
//			… c.Rand is the only source of chance …
//		})
//	}
//
// # What it promises
//
//   - A case is given its seed and nothing else: two runs with one seed draw the
//     same numbers. What a case does with them, threads and disks included, is its
//     own affair.
//
//   - A failing case logs the line to run it again, and the commit:
//
//     rerun with CRM_SEED=8241 go test ./eventstore/embedded -run '^TestACrashLosesNothing$' (commit 4f2c1d9a03be)
//
//   - With CRM_SEED set, exactly that case runs, in every sweep that is asked for.
//
//   - go test does the small number of cases, and a tenth of it with -short or the
//     race detector, which makes Pebble check itself and a case ten times as long.
//     With CRM_FAULTS=small it does the small number in any case; with
//     CRM_FAULTS=large the large one, or what fits into CRM_FAULTS_BUDGET, a
//     duration for each test, and logs how many that was.
//
// # How it fails
//
// A sweep stops at its third failing case: one fault often fails all of them. A
// value of one of the variables that cannot be read fails the test. When a
// goroutine of a case panics, the whole process ends and nothing can be logged;
// the trace then names the case, if the program is built with
//
//	//go:debug tracebacklabels=1
//
// # Decisions
//
//   - 2026-11-22. Cases are run by a few workers that each take the next, and are
//     not parallel subtests: those all start before the first ends, so that a
//     budget could stop nothing.
package faulttest
