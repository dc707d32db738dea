package projections_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"

	"crm/domain"
	"crm/projections/projectionstest"
)

func subjectOf(i int) uuid.UUID {
	return uuid.NewSHA1(domain.Namespace, fmt.Append(nil, "subject ", i))
}

func streamOf(i int) domain.Stream { return domain.NewStream("test", subjectOf(i)) }

// newLives is a log of that many notes, the first in each stream in turn, the others
// anywhere. The same arguments give the same log.
func newLives(streams, notes int, seed uint64) *projectionstest.Log {
	l := &projectionstest.Log{}
	random := rand.New(rand.NewPCG(seed, seed))
	for i := range notes {
		of := i
		if i >= streams {
			of = random.IntN(streams)
		}
		l.Add(streamOf(of), noted{Subject: subjectOf(of), Text: fmt.Sprint("note ", i), N: i})
	}
	return l
}
