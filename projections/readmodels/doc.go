// Package readmodels is what can be seen: the read models that [projections] keeps, and
// the questions they answer. It decides nothing; what it shows is what the log says.
//
//	model      one row per                        answers                                            files
//	catalog    employee, product                  names that all others join                         catalog*
//	customers  customer                           card, list, search; sources, churn                 customers*, sources_, churn_
//	timeline   event, of customers and of deals   what happened with a customer; events of a figure  timeline*, drilldown
//	deals      deal, pipeline                     card, list, board; funnel, durations, forecast     deals*, pipelines_, funnel_ …
//	consents   customer, purpose and channel      may we? the register; coverage                     consents*, coverage_
//	sales      closed deal                        how deals closed                                   sales*
//	activity   event of an interaction            what each employee did                             activity, owners_
//	access     API key                            who may ask, and when they last did                access*
//
// A model x is x.go (which events, what they do to rows) and x.sql (the tables, each
// column explained, which is what analysts read as COMMENT). What is asked stands in
// files x_query.go, a question a file where it is a report.
//
// A row is the state that the aggregate's own decider folds, spread over columns: an
// event's effect is computed by deal.Evolve and copied, never told a second time. Names
// that belong to another aggregate are joined when a question is asked. What is inside
// an aggregate and read with it is jsonb in its row, with a view that spreads it out
// for SQL.
//
// # The past
//
// [AsOf] is part of each question, as of one date as known at another. The present is
// read from the table; the past from x_at(as_of, known_at), a function of SQL that gives
// the rows as they were ([projections.Versioned]); what would add up a whole table as of
// a date, from sums by month and day (sums_past.go). The catalog and its names are
// always today's.
//
// # Reports
//
// Each answers for a [Period], in UTC, as of any date, and each line drills down to the
// events behind it ([Timeline.Behind]). The definition stands beside the SQL, with the
// source where one was followed: the forecast's categories and the stage durations are
// Salesforce's.
//
//	sales              Sales.Report              how deals closed                     sales_query.go
//	funnel             Deals.Funnel              how far deals came                   funnel_query.go
//	stage durations    Deals.Durations           how long they stood where            durations_query.go
//	forecast           Deals.Forecast            what open deals are likely to bring  forecast_query.go
//	forecast accuracy  Deals.ForecastAccuracy    what came of a forecast              accuracy_query.go
//	owners             Activity.Owners           what each employee did               owners_query.go
//	churn, win-back    Customers.Churn           who left and who came back           churn_query.go
//	sources            Customers.Sources         where customers came from            sources_query.go
//	consent coverage   Consents.Coverage         who may be reached                   coverage_query.go
//
// # How it fails
//
// A question meets [projections.ErrUnavailable] while Postgres is away or the tables are
// not built yet, the aggregate's own error ("no such deal") for what is not there, and
// [ErrParked] for what is not there only because the read model could not take in its
// first event; a card whose later events are parked says that it is degraded. A swap for
// tables of another version is not noticed (ask.go). Lists are never cut in silence: a
// [Page] has the mark of the next.
//
// # To add one
//
// Write name.sql, name.go with a [projections.Projection] and name_query.go; list it in
// [Models]. The tests of models_test.go then hold it to its promises: the same rows in
// batches of any size, live, rebuilt and in bulk, a history applied twice, every column
// described. Raise Version with every change of the tables or of what Apply writes; the
// next start builds the new ones beside the old.
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
//   - 2026-11-22 Search is words and beginnings of words in a GIN index of terms
//     (package search), in tiers: exact, begins so, words, beginnings, through an
//     organization, with typos; a tier is read only when the page is not full yet. Which way
//     is known of the newest 500 customers, each time: a tier that one in a hundred of them
//     is in is read in the order of the list until the page is full, all others are looked
//     up together and sorted. Statistics know of no beginning how common it is, and an
//     index gives a million hits for "info" before the first. Where what is common now was
//     not before, or the other way round, a page takes as long as it has to read, and at
//     most 5 s. Substrings over pg_trgm, as it was, took 35 ms (p99) for an address
//     among a million. Trigrams look for the like of a mistyped word among the words of
//     names only (the table words), and where pg_trgm may not be had, words that begin
//     alike stand in. Of the past there is no index: a search as of a day reads all rows.
//
//   - 2026-11-22 A list's statement is made for what is asked, out of its allow-list
//     (package lists), planned for each call and ended after 5 s. One statement for all
//     combinations would be good for none.
//
//   - 2026-11-22 Customers are sorted by when they were registered or by name (name_key is
//     in the order of bytes, so no locale of a server changes it); deals also by worth,
//     expected close and close, three small indexes of a table that no change leaves
//     alone anyway. Sorting the past by what changes sorts all of it.
//
//   - 2026-11-22 The sums of a board's columns are increments: what a deal came to is
//     taken off where it stood and added where it stands, once per deal and batch
//     ([projections.Versioned.Settled], [projections.Sums]). Counting a million deals
//     for every look at a board took 600 ms on a busy machine; triggers, as it was
//     before, ran PL/pgSQL for every batch and scanned it twice.
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
//   - 2026-11-22 The forecast and the funnel of the past are such sums as well: the changes
//     of the board's columns know the category and the expected month, the changes of ways
//     which stages a deal has stood in (as a set: there are a hundred times fewer than
//     orders); churn is the steps of lives by day, and who opened what as of a day is
//     today's less what went from hand to hand since. They replace sums that only today
//     had, and are 300,000 rows for a million deals, in 100 MB with their indexes. In a
//     rebuild of a million events of all kinds a profile has 0.8 µs of Go an event for the ways
//     and 1.1 for the columns, which were there before with fewer parts. All read models
//     together took 43.5 to 48.2 µs without (five runs) and 41.8 to 54.5 with (six), mostly
//     in turn at load averages of 8 to 12: some 2 or 3 µs, less sure than that. Owners
//     are no part of them: with 40 owners there is a row for nearly every change, so that
//     the forecast by owner reads the versions that ended since.
//
//   - 2026-11-22 Versions that held at an instant ended after it, so they lie at the young
//     end of the history: a BRIN index of when they ended (320 kB, made in 4 s for 3.4 M
//     versions) spares the rest. A B-tree that holds what the forecast reads was weighed: by
//     estimate 430 MB, for the accuracy of forecasts alone.
//
//   - 2026-11-22 Forecast accuracy compares deal by deal: by default it asks what was known
//     on the day, which sums do not tell, and what came of each.
//
//   - 2026-11-22 The products of a closing are two arrays in the deal's row, and no
//     table: a version of the deal holds its own shares, as of any date.
//
//   - 2026-11-22 The catalog tells today only: names are shown as they are now, also
//     beside the past, since people ask for others by the name they know.
//
//   - 2026-11-22 Reports rest on rows and their versions. Deals and customers keep the
//     path they took in their row, and so in each version of it. A fact for each event,
//     the other way, doubles the rows to write and must be folded by every report:
//     interactions alone are facts, as nothing else keeps them. What would read too many
//     rows has sums that follow from them ([projections.Sums]), also as of a day: the
//     funnel (way_changes), the board and the forecast (column_changes), churn
//     (life_steps), and with each handover the owners. Other reports about the past,
//     and all with KnownAt, are the same statement on x_at.
//
//   - 2026-11-22 Queries name the table for the present and x_at(as_of, known_at) for
//     the past. One statement for both was weighed: the present would pay for a
//     history it does not read.
//
//   - 2026-11-22 How long a statement may take is a parameter of the connections that
//     models are asked through (cmd/crm: 5 s), and not SET LOCAL in a transaction around
//     each list, which made one round trip four; and what asks whether a row is parked is
//     text in the statement, not a function of SQL. CPU of Postgres per read over both, in
//     turns on a busy machine: a card 237 and 338 µs, now 107 and 97; a timeline 510 and
//     707, now 375 and 434; a list 838 and 959, now 780 and 731.
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
//	timeline page                              1.5 ms     5.8 ms
//	timeline page, 1,000 deals, 20,000 events   10 ms      17 ms
//	board, 10 deals a column                   1.6 ms    10.8 ms
//	the same as of a past day, load 15          50 ms     227 ms
//	consent check                              0.3 ms     2.9 ms
//	sources / consent coverage                 0.3 / 125 ms
//
// Reports, of 1 M customers and 1 M deals (309,000 of them open) over three years, with
// 3.4 M former versions and 0.9 M interactions, all years, as of a year before the end; no
// time but what Postgres computed (log_statement_stats), since the machine was busy with
// other work (load average 9 to 11), in ms, one run of each, without parallel workers; by
// the clock it was two to seven times as much: BenchmarkReports with
// CRM_BENCH_DEALS=1000000. The sums of deals were built from the log; handovers, steps of
// lives and turns were put together in SQL from the same tables, to the same effect but for
// the turns, which were fewer.
//
//	                              today     as of
//	sales by month or owner       1.3       9
//	sales by product / family     19 / 115  48 / 146
//	funnel                        5         12
//	stage durations               14        18
//	forecast by month             3         13
//	forecast accuracy             2,000     2,000
//	owners' activity              9         86
//	churn                         2         1
//
// Sales by family read what was sold with what, month by month (107,000 rows); owners'
// activity as of a day reads the interactions of the month that the day lies in, and the
// handovers since. What was known at an instant (known_at) reads all versions that held
// by then: by the clock 0.5 to 1.6 s for sales, 2 to 9 s for the others. The forecast by
// owner and that of a period with parts of months read, as of a day, the versions that ended
// since, and were not measured. Forecast accuracy reads them as well, and all closes: 70,000 pages of history for a
// day a year ago, and fewer the later the day.
package readmodels
