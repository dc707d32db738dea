package projections

// Models are all read models.
//
//	Catalog    employees and products: the names that all others join       catalog.go
//	Customers  a customer's card, the list, search, sources                 customers.go
//	Timeline   what happened with a customer, deals of theirs included      timeline.go
//	Deals      a deal's card, the list; pipelines and their boards          deals.go
//	Consents   the register of consents: may we?                            consents.go
//	Sales      how deals closed, for the reports                            sales.go
//	Activity   what employees did with customers, for the reports           activity.go
//
// A row is the state that the aggregate's own decider folds, spread over columns:
// an event's effect is computed by deal.Evolve and copied, never told a second time.
// Names that belong to another aggregate are joined when a question is asked. What
// is inside an aggregate and read with it is jsonb in its row, with a view that
// spreads it out for SQL. Queries stand in x_query.go beside the model x.
//
// # Decisions
//
//   - 2026-11-22 Contact points, attributes, links, line items and stages are jsonb
//     and not tables of their own. A card is then one read by key, the decider's
//     rules that look at siblings (of each kind one primary contact point; a deal's
//     worth as the sum of its items) hold without being written again, and a
//     customer registered with six things is one row to write. The views keep SQL
//     simple. If a join over millions of contact points became a habit, a table of
//     them would be another read model.
//
//   - 2026-11-22 Which customer a deal's events belong to is said once per deal, and
//     the timeline merges the newest few events of each entity when it is asked.
//     The other way, a customer on every row, must rewrite history when a deal moves.
//
//   - 2026-11-22 Search is substrings over pg_trgm, with words of one and two letters
//     only at the beginning of a word, where trigrams still help.
//
//   - 2026-11-22 Lists with filters are planned for each call: one statement serves
//     all combinations, and a plan for all of them would be good for none.
//
//   - 2026-11-22 Lists are newest first by an instant that never changes, so that a
//     cursor is a place that stays; sorting by other columns is not offered yet.
//
//   - 2026-11-22 The sums of a board's columns are increments: what a deal came to is
//     taken off where it stood and added where it stands, once per deal and batch
//     ([Versioned.Settled], [Sums]). Counting a million deals for every look at a
//     board took 600 ms on a busy machine; triggers, as it was before, ran PL/pgSQL
//     for every batch and scanned it twice.
//
//   - 2026-11-22 The board and the sources of the past are sums by month and by day, with
//     the instant's own day read one by one (sums_past.go): at a load average of 10 a
//     board of 50,000 deals takes 6 to 20 ms and took 240 to 790, one of a million 35 to
//     110 ms and took 6 to 16 s (at best 15 to 25 ms); the
//     sources of a million customers 0.5 ms, and took 1.1 s. It costs 0.7 to 1 µs of Go an
//     event of a deal and 0.1 µs one of a customer; three small indexes of instants and
//     one to walk, and 93 MB for the turns of a million customers. An index alone
//     was weighed: it finds the deals that a column shows, but the closed ones would be
//     counted for ever. Consent coverage adds up its register as before (170 ms for
//     190,000 consents): a grant that expires turns without an event, and would take an
//     index on that and a rule of its own.
//
//   - 2026-11-22 The products of a closing are two arrays in the deal's row, and no
//     table: a version of the deal holds its own shares, as of any date.
//
//   - 2026-11-22 The catalog tells today only: names are shown as they are now, also
//     beside the past, since people ask for others by the name they know.
//
//   - 2026-11-22 Reports have hardly a table of their own. Deals and customers keep the
//     path they took in their row, and so in each version of it: a report about the past
//     is the same statement on x_at. A fact for each event, the other way, doubles the
//     rows to write and must be folded by every report. Interactions alone are facts:
//     nothing else keeps them. Today's sums ([Sums]) follow from the rows.
//
// # Measured
//
// Two cores shared with other builds (load average 4), Postgres 15 with its default
// settings, 2026-11-22; 1 M customers, 8 M timeline entries, 1 M deals on one board,
// 1 M consents, 1 M closed deals of 1.3 M with 1.3 M products; a page is 50 rows.
//
//	                                           p50        p99
//	card                                       0.5 ms     1.0 ms
//	list, newest first / by stage              1.5 ms     4.3 ms
//	search: e-mail address                     8.5 ms    13.5 ms
//	search: first and last name                 22 ms      67 ms
//	search: a common word, or nothing found    0.9 ms     4.0 ms
//	timeline page                              1.5 ms     5.8 ms
//	timeline page, 1,000 deals, 20,000 events   10 ms      17 ms
//	board, 10 deals a column                   1.6 ms    10.8 ms
//	the same as of a past day, load 15          50 ms     227 ms
//	consent check                              0.3 ms     2.9 ms
//	sources / consent coverage                 0.3 / 125 ms
//	sales by owner or month, all years          23 / 15 ms
//	sales by product / family, all years        81 / 134 ms
//	funnel / stage durations, all years          2 / 23 ms
//	forecast by month / owner, all years       147 / 79 ms
//	forecast accuracy, all years / of a quarter  2.0 s / 0.3 s
//
// The reports from sales on at a load average of 15 to 20, with 1 M interactions. Later,
// at 6 to 8, BenchmarkReports of 1 M deals over three years with 3.6 M former versions
// and 0.75 M interactions, all years; as of is a year before the end; the
// second slowest of eight:
//
//	                                           today      as of
//	sales by owner or month                    3.8 ms     73 ms
//	sales by product / family                  122 / 267 ms   300 / 400 ms
//	stage durations                            19 ms      28 ms
//	owners' activity                           13 ms      1.3 s
//
// Owners' activity of a quarter that begins within a month took 250 ms: its edges are
// read interaction by interaction.
//
// Not from sums, and so in seconds where the past is long: the funnel and the
// forecast as of a day, forecast accuracy, who opened what as of a day, and what was
// known at an instant of stage durations.
type Models struct {
	Catalog   Catalog
	Customers Customers
	Timeline  Timeline
	Deals     Deals
	Consents  Consents
	Sales     Sales
	Activity  Activity
	// Parked tells what they stand still for.
	Parked ParkedStreams
}

// NewModels gives the read models that answer from db. Without one they can be
// built, but not asked.
func NewModels(db Querier) Models {
	return Models{
		Catalog: Catalog{db}, Customers: Customers{db}, Timeline: Timeline{db},
		Deals: Deals{db}, Consents: Consents{db}, Sales: Sales{db}, Activity: Activity{db},
		Parked: ParkedStreams{db},
	}
}

// Projections are the models as the engine builds them.
func (m Models) Projections() []Projection {
	return []Projection{m.Catalog, m.Customers, m.Timeline, m.Deals, m.Consents, m.Sales, m.Activity}
}
