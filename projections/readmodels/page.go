package readmodels

// Page is one page of a list. Next is the mark of its last item where more follow,
// else nil: the page after it is what the same question answers after that mark.
// Rows that come into being meanwhile move nothing: a mark is a place in the order,
// not a count.
type Page[T, Mark any] struct {
	Items []T
	Next  *Mark
}

// pageOf makes a page of rows that were asked for with a limit one higher. The limit
// is at least 1.
func pageOf[Row, T, Mark any](rows []Row, limit int, item func(Row) T, mark func(T) Mark) Page[T, Mark] {
	shown := rows[:min(len(rows), limit)]
	page := Page[T, Mark]{Items: make([]T, len(shown))}
	for i, row := range shown {
		page.Items[i] = item(row)
	}
	if len(rows) > limit {
		next := mark(page.Items[limit-1])
		page.Next = &next
	}
	return page
}
