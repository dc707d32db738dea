package projections

import "math/bits"

// pages is a list that grows without moving what is in it: rows are large, and a window
// holds hundreds of thousands. Each page is twice as long as the one before.
type pages[T any] struct {
	pages [][]T
	n     int
}

const firstPage = 16 // elements

func (p *pages[T]) len() int { return p.n }

// room is for how many elements there is memory.
func (p *pages[T]) room() int { return (1<<len(p.pages) - 1) * firstPage }

// at is the i-th element, at an address that stays until reset.
func (p *pages[T]) at(i int) *T {
	k := bits.Len(uint(i/firstPage+1)) - 1
	return &p.pages[k][i-(1<<k-1)*firstPage]
}

// add puts an element behind the others.
func (p *pages[T]) add(element T) {
	if k := bits.Len(uint(p.n/firstPage+1)) - 1; k == len(p.pages) {
		p.pages = append(p.pages, make([]T, firstPage<<k))
	}
	p.n++
	*p.at(p.n - 1) = element
}

// reset keeps the memory and lets go of what it held.
func (p *pages[T]) reset() {
	for _, page := range p.pages {
		used := min(p.n, len(page))
		clear(page[:used])
		p.n -= used
	}
}
