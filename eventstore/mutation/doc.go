// Package mutation shows that a test can fail: it switches one guard of the
// program off and demands that the test which claims to hold it turns red.
//
//	mutation.Run(t, mutation.Mutant{
//		Name: "a future expected revision is accepted",
//		File: "eventstore/embedded/checkcommit.go",
//		Old:  "case expected > h.last:",
//		New:  "case expected > h.last+1:",
//		Package: "./eventstore/conformance",
//		Test:    "^TestCheckCommit$",
//	})
//
// # How
//
//	File ──Old→New──▶ copy ──go test -c -overlay──▶ binary ──-test.run Test──▶ must fail
//	  └──────────────── as it is ────────────────▶ binary ──-test.run Test──▶ must pass, once
//
// The source tree is never touched: the changed file lives in a temporary folder
// and reaches the compiler by an overlay. Each binary runs in its package's
// folder, as under go test, with a temporary folder of its own.
//
// # What it promises
//
// A mutant counts as caught only when a test says so ("--- FAIL"). A change that
// no longer applies (Old is not in File exactly once), that does not compile,
// whose test does not exist, is red without the change, or hangs until it is
// killed, is an error of its own, so that a guard's test cannot rot into one
// that is red for a foolish reason.
//
// # What it does not
//
// It invents no mutants: each is written by hand, for a mistake somebody could
// make. It measures no coverage.
//
// # Decisions
//
//   - The binaries are built without the race detector and without debug
//     information, also when the tests around them have both: building is the cost
//     here, and what is asked is only whether the test notices. Two are at work at
//     a time.
//   - A test of randomized sizes runs its small ones: CRM_FAULTS and CRM_SEED are
//     not handed on.
package mutation
