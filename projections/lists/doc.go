// Package lists is the grammar of all lists: by what a list may be filtered and sorted,
// how such a question is written, and the SQL that answers it. It is pure: no database,
// no HTTP.
//
//	List (fields, allowed) + Question (as asked) ─▶ Query (read) ─▶ Statement (SQL + args)
//	                             └▶ Fault: what is wrong, where, and what there is
//
// A [List] is the one allow-list of a list. What a caller may name, what the OpenAPI
// document tells, and every piece of SQL come from it.
//
// # Promises
//
//   - No statement holds text of a request. Pieces of SQL are of a type that other
//     packages can only make from constants (so the compiler refuses a variable), and
//     values are parameters: what a caller names is looked up, and never written.
//   - The order is total: after the fields asked for comes the id. So a [Mark], which is
//     the place of a row in it, splits a list in two, whatever is written meanwhile: a
//     row that did not change is on one side, and stays there.
//   - What is unknown has a place in the order too: [Field] says which.
//   - A caller who may not see personal data can neither filter nor sort by it, not even
//     by leaving the sort out: then the order is that of ids.
//
// # What it does not promise
//
// A row that changes while pages are read may be on two of them or on none, when the
// change moves it over the place between them.
//
// # How it fails
//
// [Fault] for a question that is wrong, with the place as the caller named it; [ErrMark]
// for a mark of another order; [ErrTooCostly] for a question that took too long.
//
// # Decisions
//
//   - 2026-11-22 Conditions are a flat list, all of which hold, and groups of which one
//     must: what a form with filters needs. Trees of and, or and not were weighed: nobody
//     asked for one, and their cost cannot be told.
//   - 2026-11-22 No totals. Counting what a filter lets through reads all of it, which a
//     page does not: 0.3 to 1 s for a million rows. Whether more follow the cursor tells;
//     how many there are is a report's business.
//   - 2026-11-22 Only fields that an index has in order can be sorted by first (or those
//     of small tables): a sort of a million rows for fifty of them takes a second. A filter
//     may be on any field, and is bounded by time: five seconds, then ErrTooCostly.
//   - 2026-11-22 When something last changed cannot be sorted by: an index on it would make
//     every event rewrite all indexes of its row (no heap-only updates), search included.
//     The feed of events gives changes in order.
//   - 2026-11-22 A text is compared as it is, letter by letter; only prefix and contains
//     of names pass over case and accents. Search (q) is for people.
package lists
