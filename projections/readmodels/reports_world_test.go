package readmodels_test

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/interaction"
	"crm/domain/pipeline"
	"crm/domain/product"
	"crm/projections/readmodels"
)

// The reports' own reading of the log: everything here is folded from the events, in
// one pass, by no code that a report uses.

// twoClocks gives a random world a log as a store would write it: recorded in order,
// mostly when it occurred, and often enough a good while later.
func twoClocks(n int, seed uint64) *world {
	w, r := randomWorld(n, seed), rand.New(rand.NewPCG(seed, 99))
	w.mix(r, talks(n/10, r))
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	step := 2 * 365 * 24 * time.Hour / time.Duration(len(w.events))
	for i := range w.events {
		e := &w.events[i]
		e.RecordedAt = start.Add(time.Duration(i) * step).Truncate(time.Microsecond)
		switch r.IntN(10) {
		case 0, 1: // backdated, as an import or a correction is
			e.Meta.OccurredAt = e.RecordedAt.Add(-time.Duration(r.Int64N(int64(200 * 24 * time.Hour)))).Truncate(time.Microsecond)
		case 2: // on the day, as imports of days are: several events share an instant
			e.Meta.OccurredAt = e.RecordedAt.Truncate(24 * time.Hour)
		default:
			e.Meta.OccurredAt = e.RecordedAt
		}
	}
	return w
}

// talks are interactions of employees, some of them amended.
func talks(n int, r *rand.Rand) *world {
	w := newWorld()
	channel := func() interaction.Channel {
		return pick(r, interaction.Call, interaction.Email, interaction.Meeting)
	}
	for range n {
		who := domain.CustomerID{UUID: numbered("talker", r.IntN(n/10+1))}
		id := domain.InteractionID{UUID: numbered("talk", r.IntN(5))}
		_ = w.interaction(who, pick[interaction.Command](r,
			interaction.Log{ID: id, Details: interaction.Details{Channel: channel(), Employee: pick(r, domain.EmployeeID{}, employeeID(r.IntN(6)))}},
			interaction.Amend{ID: id, Patch: domain.Patch[interaction.Details]{Set: interaction.Details{Channel: channel(), Mood: interaction.Angry}}},
			interaction.Amend{ID: id, Patch: domain.Patch[interaction.Details]{Set: interaction.Details{Employee: employeeID(r.IntN(6))}}},
			interaction.Amend{ID: id, Patch: domain.Patch[interaction.Details]{Clear: []string{"employee"}}},
			interaction.Amend{ID: id, Patch: domain.Patch[interaction.Details]{Set: interaction.Details{Mood: interaction.Neutral}}},
		))
	}
	return w
}

// mix lets the events of another world happen among those of this one.
func (w *world) mix(r *rand.Rand, other *world) {
	var mixed []domain.Recorded
	mine, theirs := w.events, other.events
	for len(mine)+len(theirs) > 0 {
		from := &mine
		if r.IntN(len(mine)+len(theirs)) >= len(mine) {
			from = &theirs
		}
		e := (*from)[0]
		*from = (*from)[1:]
		at := uint64(len(mixed)+1) * 100
		e.Position = domain.Position{Commit: at, Prepare: at}
		e.ID = numbered("event", len(mixed))
		mixed = append(mixed, e)
	}
	w.events = mixed
}

// moments are the pasts that reports are asked about.
func moments() map[string]readmodels.AsOf {
	day := func(month, day int) time.Time {
		return time.Date(2025, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	}
	return map[string]readmodels.AsOf{
		"today":          {},
		"as of":          {At: day(14, 3)},
		"in the middle":  {At: day(10, 7).Add(15*time.Hour + 30*time.Minute)},
		"known at":       {KnownAt: day(15, 20)},
		"as of known at": {At: day(9, 1), KnownAt: day(16, 1)},
		"early":          {At: day(5, 5), KnownAt: day(5, 5)},
	}
}

func periods() map[string]readmodels.Period {
	day := func(month, day int) time.Time {
		return time.Date(2025, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	}
	west := time.FixedZone("west", -8*60*60) // where March of UTC begins on the last day of February, on which deals are due
	return map[string]readmodels.Period{
		"ever": {}, "since": {From: day(6, 17)}, "until": {Until: day(14, 8)}, "within": {From: day(3, 1), Until: day(13, 12)},
		"in the west": {From: day(15, 1).In(west), Until: day(26, 1).In(west)},
	}
}

func has(p readmodels.Period, at time.Time) bool {
	return !at.Before(p.From) && (p.Until.IsZero() || at.Before(p.Until))
}

// then is what the log says of a moment.
type then struct {
	events       []domain.Recorded // that count
	deals        map[uuid.UUID]*dealThen
	void         map[uuid.UUID]bool // deals that no report counts
	customers    map[uuid.UUID]*customerThen
	interactions map[interactionKey]*interactionThen
	pipeline     pipeline.State
	employees    map[domain.EmployeeID]employee.Details // today's
	families     map[domain.ProductID]string            // today's
}

type stay struct {
	place        string
	since, until time.Time // until: zero while it goes on
}

type dealThen struct {
	deal.State
	id             uuid.UUID
	opened, closed time.Time
	days           float64
	creditedTo     domain.EmployeeID
	moves          []stay
}

type customerThen struct {
	customer.State
	registered time.Time
	moves      []stay
}

type interactionKey struct {
	customer uuid.UUID
	id       domain.InteractionID
}

type interactionThen struct {
	interaction.Details
	at time.Time
}

func (w *world) then(asOf readmodels.AsOf) *then {
	t := &then{
		deals: map[uuid.UUID]*dealThen{}, void: map[uuid.UUID]bool{}, customers: map[uuid.UUID]*customerThen{},
		interactions: map[interactionKey]*interactionThen{}, employees: map[domain.EmployeeID]employee.Details{},
		families: map[domain.ProductID]string{},
	}
	for stream, state := range w.states {
		id, _ := stream.ID()
		switch s := state.(type) {
		case employee.State:
			t.employees[domain.EmployeeID{UUID: id}] = s.Details
		case product.State:
			t.families[domain.ProductID{UUID: id}] = s.Details.Family
		}
	}
	for _, e := range w.events {
		if !asOf.At.IsZero() && e.Meta.OccurredAt.After(asOf.At) || !asOf.KnownAt.IsZero() && e.RecordedAt.After(asOf.KnownAt) {
			continue
		}
		t.events = append(t.events, e)
		id, _ := e.Stream.ID()
		switch event := e.Event.(type) {
		case deal.Event:
			t.deal(id, event, e.Meta.OccurredAt)
		case customer.Event:
			t.customer(id, event, e.Meta.OccurredAt)
		case interaction.Logged:
			t.interactions[interactionKey{id, event.ID}] = &interactionThen{event.Details, e.Meta.OccurredAt}
		case interaction.Amended:
			if i := t.interactions[interactionKey{id, event.ID}]; i != nil {
				i.Details = interaction.DetailFields.Apply(i.Details, event.Patch)
			}
		case pipeline.Event:
			if _, first := event.(pipeline.Defined); first || t.pipeline.Exists() {
				t.pipeline = pipeline.Decider.Evolve(t.pipeline, event)
			}
		}
	}
	for id, d := range t.deals {
		if d.Status == deal.IsVoid {
			t.void[id] = true
			delete(t.deals, id)
		}
	}
	if !t.pipeline.Exists() { // then today's is what the stages are called by
		t.pipeline = stateOf[pipeline.State](w, domain.PipelineStream(domain.DefaultPipeline))
	}
	return t
}

func (t *then) deal(id uuid.UUID, event deal.Event, at time.Time) {
	d := t.deals[id]
	if _, first := event.(deal.Opened); first {
		d = &dealThen{State: deal.Decider.Initial(), id: id, opened: at}
		t.deals[id] = d
	}
	if d == nil {
		return // before it was opened there was none
	}
	d.State = deal.Decider.Evolve(d.State, event)
	switch event.(type) {
	case deal.Won, deal.Lost:
		d.closed, d.creditedTo, d.days = at, d.Owner, at.Sub(d.opened).Hours()/24
	case deal.Reopened, deal.Voided:
		d.closed = time.Time{}
	case deal.Opened, deal.StageChanged:
	default:
		return
	}
	place := string(d.Stage.ID)
	switch d.Status {
	case deal.IsWon:
		place = readmodels.WonKey
	case deal.IsLost:
		place = readmodels.LostKey
	case deal.IsVoid:
		place = "nowhere"
	case deal.Running:
	}
	d.moves = append(d.moves, stay{place: place, since: latest(at, d.opened)})
}

func (t *then) customer(id uuid.UUID, event customer.Event, at time.Time) {
	c := t.customers[id]
	if _, first := event.(customer.Registered); first {
		c = &customerThen{State: customer.Decider.Initial(), registered: at}
		t.customers[id] = c
	}
	if c == nil {
		return
	}
	c.State = customer.Decider.Evolve(c.State, event)
	switch event.(type) {
	case customer.Registered, customer.LifecycleStageChanged:
		c.moves = append(c.moves, stay{place: string(c.Stage), since: latest(at, c.registered)})
	default:
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// stays are the moves that hold: one that occurred before another that is recorded
// already takes it back. Two to the same place are one stay.
func stays(moves []stay) []stay {
	var held []stay
	for i, m := range moves {
		overruled := slices.ContainsFunc(moves[i+1:], func(later stay) bool { return later.since.Before(m.since) })
		if !overruled && (len(held) == 0 || held[len(held)-1].place != m.place) {
			held = append(held, m)
		}
	}
	for i := range held[:max(len(held)-1, 0)] {
		held[i].until = held[i+1].since
	}
	return held
}

func (d *dealThen) stays() []stay { return stays(d.moves) }

// value is what a won deal brought.
func (d *dealThen) value() domain.Money {
	if d.Status != deal.IsWon {
		return domain.Money{}
	}
	return d.Value
}

// purse adds up by currency.
type purse map[domain.Currency]int64

func (p purse) add(m domain.Money) { p.addPart(m, m.Minor) }

func (p purse) addPart(m domain.Money, minor int64) {
	if !m.IsZero() {
		p[m.Currency] += minor
	}
}

func (p purse) list() []domain.Money {
	var list []domain.Money
	for _, code := range slices.Sorted(maps.Keys(p)) {
		list = append(list, domain.Money{Minor: p[code], Currency: code})
	}
	return list
}

// reportLines are the groups of a report by key, each with the deals and customers that it
// counts.
type reportLines[L any] map[string]*reportLine[L]

type reportLine[L any] struct {
	name   string
	counts map[uuid.UUID]bool
	of     L
}

func (l reportLines[L]) at(key, name string, id uuid.UUID) *L {
	if l[key] == nil {
		l[key] = &reportLine[L]{name: name, counts: map[uuid.UUID]bool{}}
	}
	l[key].counts[id] = true
	return &l[key].of
}

// keys are in the order of reports: by name, then by key.
func (l reportLines[L]) keys() []string {
	return slices.SortedFunc(maps.Keys(l), func(a, b string) int { return cmp.Or(cmp.Compare(l[a].name, l[b].name), cmp.Compare(a, b)) })
}

func idKey[Of any](id domain.ID[Of]) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// some are a few of the lines, the first and the last among them: enough to see that
// each key finds its own.
func (l reportLines[L]) some() map[string]*reportLine[L] {
	keys, few := l.keys(), map[string]*reportLine[L]{}
	for i, key := range keys {
		if i == 0 || i == len(keys)/2 || i == len(keys)-1 {
			few[key] = l[key]
		}
	}
	return few
}

// behind checks a drill-down: the events of the types, that count, of the deals and
// customers of the line, and no others.
func (log *then) behind(t *testing.T, m readmodels.Models, figure readmodels.Figure, counts map[uuid.UUID]bool, types ...string) {
	t.Helper()
	log.behindOnly(t, m, figure, func(e domain.Recorded) bool {
		id, _ := e.Stream.ID()
		return counts[id] && slices.Contains(types, e.Event.EventType())
	})
}

func (log *then) behindOnly(t *testing.T, m readmodels.Models, figure readmodels.Figure, wanted func(domain.Recorded) bool) {
	t.Helper()
	var want, got []uint64
	of := map[uint64]uuid.UUID{}
	for _, e := range log.events {
		if wanted(e) {
			want = append(want, e.Position.Commit)
			of[e.Position.Commit], _ = e.Stream.ID()
		}
	}
	slices.SortFunc(want, func(a, b uint64) int {
		x, y := of[a], of[b]
		return cmp.Or(slices.Compare(x[:], y[:]), cmp.Compare(a, b))
	})
	for after, pages := (*readmodels.BehindMark)(nil), 0; ; pages++ {
		page, err := m.Timeline.Behind(t.Context(), figure, after, 37)
		if err != nil {
			t.Fatalf("drill-down: %v", err)
		}
		for _, e := range page.Items {
			got = append(got, e.Position.Commit)
		}
		if after = page.Next; after == nil {
			break
		}
		if pages > len(want) {
			t.Fatal("the pages do not end")
		}
	}
	if !slices.Equal(want, got) {
		t.Errorf("drill-down: %d events, want %d\n%v\n%v", len(got), len(want), got, want)
	}
}
