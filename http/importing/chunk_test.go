package importing

import (
	"testing"

	"github.com/google/uuid"
)

func TestChunksWait(t *testing.T) {
	t.Parallel()
	p, err := parse("people", []byte(people))
	if err != nil {
		t.Fatal(err)
	}
	add := func(k *chunk, id, boss, noMail string) {
		rec := &record{columns: map[string]int{"id": 0, "name": 1, "boss": 2, "no_mail": 3}, cells: []string{id, "x", boss, noMail}}
		of := &row{}
		made, problems := p.sections[0].commandsOf(p, rec, of)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		k.add(of, made)
	}
	k := newChunk()
	add(k, "1", "", "yes")
	add(k, "2", "1", "no")
	flying := &inFlight{writers: map[uuid.UUID][]*chunk{}}
	second, third, fourth := newChunk(), newChunk(), newChunk()
	add(second, "3", "", "no")
	add(third, "4", "2", "no")  // needs one of the first
	add(fourth, "3", "4", "no") // writes one of the second, needs one of the third
	if before := flying.enter(k); len(before) != 0 {
		t.Errorf("the first waits for %v", before)
	}
	if before := flying.enter(second); len(before) != 0 {
		t.Errorf("the second waits for %v", before)
	}
	if before := flying.enter(third); len(before) != 1 || before[0] != k {
		t.Errorf("the third waits for %v", before)
	}
	flying.leave(k)
	if before := flying.enter(fourth); len(before) != 2 {
		t.Errorf("the fourth waits for %d chunks", len(before))
	}
	for _, k := range []*chunk{second, third, fourth} {
		flying.leave(k)
	}
	if len(flying.writers) != 0 {
		t.Errorf("%d are not forgotten", len(flying.writers))
	}
}
