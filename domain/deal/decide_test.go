package deal_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/deal"
	"crm/domain/domaintest"
)

type story = domaintest.Story[deal.Command, deal.Event]

func facts(events ...deal.Event) []deal.Event { return events }

func eur(minor int64) domain.Money { return domain.Money{Minor: minor, Currency: "EUR"} }
func usd(minor int64) domain.Money { return domain.Money{Minor: minor, Currency: "USD"} }

var (
	sales  = domain.PipelineID{UUID: uuid.UUID{15: 1}}
	acme   = domain.CustomerID{UUID: uuid.UUID{15: 2}}
	globex = domain.CustomerID{UUID: uuid.UUID{15: 3}}
	agent  = domain.EmployeeID{UUID: uuid.UUID{15: 4}}
	first  = domain.LineItemID{UUID: uuid.UUID{15: 1}}
	second = domain.LineItemID{UUID: uuid.UUID{15: 2}}

	prospecting = deal.Stage{Pipeline: sales, ID: "prospecting", Probability: 10, Category: domain.Pipeline}
	proposal    = deal.Stage{Pipeline: sales, ID: "proposal", Probability: 60, Category: domain.BestCase}

	opened   = deal.Opened{Title: "200 chairs", Stage: prospecting, Amount: eur(100_000)}
	unpriced = deal.Opened{Title: "200 chairs", Stage: prospecting}
	won      = deal.Won{Value: eur(100_000)}
	lost     = deal.Lost{Reason: deal.LostToCompetitor, Competitor: "Globex", Note: "cheaper"}

	chairs = deal.LineItem{ID: first, Name: "Chair", Quantity: 2 * domain.One, UnitPrice: eur(4_999)}
	tables = deal.LineItem{ID: second, Name: "Table", Quantity: 1_500, UnitPrice: eur(10_001), Discount: 1_250}
)

func TestOpen(t *testing.T) {
	t.Parallel()
	full := deal.Open{
		Title: "200 chairs", Stage: prospecting, Customer: acme, Owner: agent, Amount: eur(0),
		ExpectedClose: "2026-12-31", LineItems: []deal.LineItem{chairs, tables},
	}
	with := func(change func(*deal.Open)) deal.Open {
		open := full
		change(&open)
		return open
	}
	domaintest.Run(t, deal.Decider, []story{
		{
			Name: "with little", When: deal.Open{Title: "200 chairs", Stage: prospecting},
			Then: facts(unpriced),
		},
		{
			Name: "with all", When: full,
			Then: facts(
				deal.Opened{Title: "200 chairs", Stage: prospecting, Customer: acme, Owner: agent, Amount: eur(0), ExpectedClose: "2026-12-31"},
				deal.LineItemAdded{Item: chairs}, deal.LineItemAdded{Item: tables},
			),
		},
		{
			Name: "the same line item twice is one", When: with(func(c *deal.Open) { c.LineItems = []deal.LineItem{chairs, chairs} }),
			Then: facts(
				deal.Opened{Title: "200 chairs", Stage: prospecting, Customer: acme, Owner: agent, Amount: eur(0), ExpectedClose: "2026-12-31"},
				deal.LineItemAdded{Item: chairs},
			),
		},
		{Name: "twice", Given: facts(opened), When: full, Refused: deal.ErrAlreadyOpened},
		{Name: "again after it was lost", Given: facts(opened, lost), When: full, Refused: deal.ErrAlreadyOpened},
		{Name: "without a title", When: with(func(c *deal.Open) { c.Title = " \t" }), Refused: domain.ErrInvalid, At: "/title"},
		{Name: "with a title of bytes", When: with(func(c *deal.Open) { c.Title = "\xff" }), Refused: domain.ErrInvalid, At: "/title"},
		{Name: "without a pipeline", When: with(func(c *deal.Open) { c.Stage.Pipeline = domain.PipelineID{} }), Refused: domain.ErrInvalid, At: "/pipeline"},
		{Name: "without a stage", When: with(func(c *deal.Open) { c.Stage.ID = "" }), Refused: domain.ErrInvalid, At: "/stage"},
		{Name: "in an impossible stage", When: with(func(c *deal.Open) { c.Stage.Probability = 101 }), Refused: domain.ErrInvalid, At: "/stage"},
		{Name: "in a stage without category", When: with(func(c *deal.Open) { c.Stage.Category = "" }), Refused: domain.ErrInvalid, At: "/stage"},
		{Name: "for strange money", When: with(func(c *deal.Open) { c.Amount.Currency = "XXX" }), Refused: domain.ErrInvalid, At: "/amount/currency"},
		{Name: "to close on no day", When: with(func(c *deal.Open) { c.ExpectedClose = "2026-02-29" }), Refused: domain.ErrInvalid, At: "/expected_close"},
		{
			Name: "with a line item of nothing", Refused: domain.ErrInvalid, At: "/line_items/1/quantity",
			When: with(func(c *deal.Open) { c.LineItems = []deal.LineItem{chairs, {ID: second, Name: "x", UnitPrice: eur(1)}} }),
		},
		{
			Name: "with two line items of one id", Refused: domain.ErrInvalid, At: "/line_items/1/id",
			When: with(func(c *deal.Open) {
				c.LineItems = []deal.LineItem{chairs, {ID: first, Name: "x", Quantity: 1, UnitPrice: eur(1)}}
			}),
		},
	})
}

func TestLinkCustomer(t *testing.T) {
	t.Parallel()
	domaintest.Run(t, deal.Decider, []story{
		{Name: "later", Given: facts(opened), When: deal.LinkCustomer{Customer: acme}, Then: facts(deal.CustomerLinked{Customer: acme})},
		{
			Name: "to another", Given: facts(opened, deal.CustomerLinked{Customer: acme}),
			When: deal.LinkCustomer{Customer: globex}, Then: facts(deal.CustomerLinked{Customer: globex, Previous: acme}),
		},
		{Name: "of a closed deal", Given: facts(opened, won), When: deal.LinkCustomer{Customer: acme}, Then: facts(deal.CustomerLinked{Customer: acme})},
		{Name: "already", Given: facts(opened, deal.CustomerLinked{Customer: acme}), When: deal.LinkCustomer{Customer: acme}},
		{Name: "to nobody", Given: facts(opened), When: deal.LinkCustomer{}, Refused: domain.ErrInvalid, At: "/customer"},
		{Name: "of no deal", When: deal.LinkCustomer{Customer: acme}, Refused: deal.ErrUnknown},
	})
}

func TestChangeStage(t *testing.T) {
	t.Parallel()
	elsewhere := proposal
	elsewhere.Pipeline = domain.PipelineID{UUID: uuid.UUID{15: 99}}
	domaintest.Run(t, deal.Decider, []story{
		{Name: "forwards", Given: facts(opened), When: deal.ChangeStage{Stage: proposal}, Then: facts(deal.StageChanged{From: "prospecting", To: proposal})},
		{
			Name: "backwards", Given: facts(opened, deal.StageChanged{From: "prospecting", To: proposal}),
			When: deal.ChangeStage{Stage: prospecting}, Then: facts(deal.StageChanged{From: "proposal", To: prospecting}),
		},
		{Name: "to where it stands", Given: facts(opened), When: deal.ChangeStage{Stage: prospecting}},
		{
			Name: "to where it stands, though the stage means more now", Given: facts(opened),
			When: deal.ChangeStage{Stage: deal.Stage{Pipeline: sales, ID: "prospecting", Probability: 20, Category: domain.Commit}},
		},
		{Name: "to another pipeline", Given: facts(opened), When: deal.ChangeStage{Stage: elsewhere}, Refused: deal.ErrOtherPipeline, At: "/pipeline"},
		{Name: "to no stage", Given: facts(opened), When: deal.ChangeStage{Stage: deal.Stage{Pipeline: sales}}, Refused: domain.ErrInvalid, At: "/stage"},
		{Name: "of a won deal", Given: facts(opened, won), When: deal.ChangeStage{Stage: proposal}, Refused: deal.ErrNotOpen},
		{Name: "of no deal", When: deal.ChangeStage{Stage: proposal}, Refused: deal.ErrUnknown},
	})
}

func TestChangeAmount(t *testing.T) {
	t.Parallel()
	domaintest.Run(t, deal.Decider, []story{
		{Name: "to more", Given: facts(opened), When: deal.ChangeAmount{Amount: eur(1)}, Then: facts(deal.AmountChanged{Amount: eur(1)})},
		{Name: "to another currency", Given: facts(opened), When: deal.ChangeAmount{Amount: usd(100_000)}, Then: facts(deal.AmountChanged{Amount: usd(100_000)})},
		{Name: "from unknown to nothing", Given: facts(unpriced), When: deal.ChangeAmount{Amount: eur(0)}, Then: facts(deal.AmountChanged{Amount: eur(0)})},
		{Name: "to what it is", Given: facts(opened), When: deal.ChangeAmount{Amount: eur(100_000)}},
		{Name: "to no amount", Given: facts(opened), When: deal.ChangeAmount{}, Refused: domain.ErrInvalid, At: "/amount"},
		{Name: "to strange money", Given: facts(opened), When: deal.ChangeAmount{Amount: domain.Money{Minor: 1}}, Refused: domain.ErrInvalid, At: "/amount/currency"},
		{Name: "of a lost deal", Given: facts(opened, lost), When: deal.ChangeAmount{Amount: eur(1)}, Refused: deal.ErrNotOpen},
		{Name: "of no deal", When: deal.ChangeAmount{Amount: eur(1)}, Refused: deal.ErrUnknown},
	})
}

func TestChangeCloseDate(t *testing.T) {
	t.Parallel()
	moved := deal.CloseDateChanged{ExpectedClose: "2027-01-15"}
	domaintest.Run(t, deal.Decider, []story{
		{Name: "to a day", Given: facts(opened), When: deal.ChangeCloseDate{ExpectedClose: "2027-01-15"}, Then: facts(moved)},
		{Name: "to unknown", Given: facts(opened, moved), When: deal.ChangeCloseDate{}, Then: facts(deal.CloseDateChanged{})},
		{Name: "to what it is", Given: facts(opened, moved), When: deal.ChangeCloseDate{ExpectedClose: "2027-01-15"}},
		{Name: "from unknown to unknown", Given: facts(opened), When: deal.ChangeCloseDate{}},
		{Name: "to no day", Given: facts(opened), When: deal.ChangeCloseDate{ExpectedClose: "15.1.2027"}, Refused: domain.ErrInvalid, At: "/expected_close"},
		{Name: "of a won deal", Given: facts(opened, won), When: deal.ChangeCloseDate{}, Refused: deal.ErrNotOpen},
		{Name: "of no deal", When: deal.ChangeCloseDate{}, Refused: deal.ErrUnknown},
	})
}

func TestAssignOwner(t *testing.T) {
	t.Parallel()
	assigned := deal.OwnerAssigned{Owner: agent}
	domaintest.Run(t, deal.Decider, []story{
		{Name: "to somebody", Given: facts(opened), When: deal.AssignOwner{Owner: agent}, Then: facts(assigned)},
		{Name: "to nobody", Given: facts(opened, assigned), When: deal.AssignOwner{}, Then: facts(deal.OwnerAssigned{})},
		{Name: "of a closed deal", Given: facts(opened, lost), When: deal.AssignOwner{Owner: agent}, Then: facts(assigned)},
		{Name: "to the owner", Given: facts(opened, assigned), When: deal.AssignOwner{Owner: agent}},
		{Name: "to nobody, as it is", Given: facts(opened), When: deal.AssignOwner{}},
		{Name: "of no deal", When: deal.AssignOwner{Owner: agent}, Refused: deal.ErrUnknown},
	})
}

func TestChangeForecastCategory(t *testing.T) {
	t.Parallel()
	override := deal.ForecastCategoryChanged{Category: domain.Commit}
	domaintest.Run(t, deal.Decider, []story{
		{Name: "over the stage's", Given: facts(opened), When: deal.ChangeForecastCategory{Category: domain.Commit}, Then: facts(override)},
		{
			Name: "anew after the next stage", Given: facts(opened, override, deal.StageChanged{From: "prospecting", To: proposal}),
			When: deal.ChangeForecastCategory{Category: domain.Commit}, Then: facts(override),
		},
		{Name: "to what it is", Given: facts(opened, override), When: deal.ChangeForecastCategory{Category: domain.Commit}},
		{Name: "to the stage's own", Given: facts(opened), When: deal.ChangeForecastCategory{Category: domain.Pipeline}},
		{Name: "to none", Given: facts(opened), When: deal.ChangeForecastCategory{Category: "hope"}, Refused: domain.ErrInvalid, At: "/category"},
		{Name: "of a won deal", Given: facts(opened, won), When: deal.ChangeForecastCategory{Category: domain.Commit}, Refused: deal.ErrNotOpen},
		{Name: "of no deal", When: deal.ChangeForecastCategory{Category: domain.Commit}, Refused: deal.ErrUnknown},
	})
}

func TestAddLineItem(t *testing.T) {
	t.Parallel()
	with := func(change func(*deal.LineItem)) deal.AddLineItem {
		item := tables
		change(&item)
		return deal.AddLineItem{Item: item}
	}
	added := deal.LineItemAdded{Item: chairs}
	domaintest.Run(t, deal.Decider, []story{
		{Name: "the first", Given: facts(opened), When: deal.AddLineItem{Item: chairs}, Then: facts(added)},
		{Name: "in another currency", Given: facts(opened, added), When: with(func(l *deal.LineItem) { l.UnitPrice = usd(1) }), Then: facts(deal.LineItemAdded{
			Item: deal.LineItem{ID: second, Name: "Table", Quantity: 1_500, UnitPrice: usd(1), Discount: 1_250},
		})},
		{Name: "for free", Given: facts(opened), When: with(func(l *deal.LineItem) { l.Discount = 10_000 }), Then: facts(deal.LineItemAdded{
			Item: deal.LineItem{ID: second, Name: "Table", Quantity: 1_500, UnitPrice: eur(10_001), Discount: 10_000},
		})},
		{Name: "again", Given: facts(opened, added), When: deal.AddLineItem{Item: chairs}},
		{Name: "with the id of another", Given: facts(opened, added), When: with(func(l *deal.LineItem) { l.ID = first }), Refused: domain.ErrInvalid, At: "/id"},
		{Name: "without an id", Given: facts(opened), When: with(func(l *deal.LineItem) { l.ID = domain.LineItemID{} }), Refused: domain.ErrInvalid, At: "/id"},
		{Name: "without a name", Given: facts(opened), When: with(func(l *deal.LineItem) { l.Name = "" }), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "with too long a name", Given: facts(opened), When: with(func(l *deal.LineItem) { l.Name = strings.Repeat("é", 501) }), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "of nothing", Given: facts(opened), When: with(func(l *deal.LineItem) { l.Quantity = 0 }), Refused: domain.ErrInvalid, At: "/quantity"},
		{Name: "without a price", Given: facts(opened), When: with(func(l *deal.LineItem) { l.UnitPrice = domain.Money{} }), Refused: domain.ErrInvalid, At: "/unit_price"},
		{Name: "for strange money", Given: facts(opened), When: with(func(l *deal.LineItem) { l.UnitPrice.Currency = "DEM" }), Refused: domain.ErrInvalid, At: "/unit_price/currency"},
		{Name: "below no price", Given: facts(opened), When: with(func(l *deal.LineItem) { l.Discount = 10_001 }), Refused: domain.ErrInvalid, At: "/discount_basis_points"},
		{Name: "with a surcharge", Given: facts(opened), When: with(func(l *deal.LineItem) { l.Discount = -1 }), Refused: domain.ErrInvalid, At: "/discount_basis_points"},
		{Name: "beyond all money", Given: facts(opened), When: with(func(l *deal.LineItem) { l.UnitPrice = eur(math.MaxInt64) }), Refused: domain.ErrInvalid, At: "/unit_price"},
		{Name: "to a won deal", Given: facts(opened, won), When: deal.AddLineItem{Item: chairs}, Refused: deal.ErrNotOpen},
		{Name: "to no deal", When: deal.AddLineItem{Item: chairs}, Refused: deal.ErrUnknown},
	})
}

func TestChangeLineItem(t *testing.T) {
	t.Parallel()
	fewer := chairs
	fewer.Quantity = domain.One
	added := deal.LineItemAdded{Item: chairs}
	domaintest.Run(t, deal.Decider, []story{
		{Name: "to fewer", Given: facts(opened, added), When: deal.ChangeLineItem{Item: fewer}, Then: facts(deal.LineItemChanged{Item: fewer})},
		{Name: "to what it is", Given: facts(opened, added), When: deal.ChangeLineItem{Item: chairs}},
		{Name: "that is not there", Given: facts(opened, added), When: deal.ChangeLineItem{Item: tables}, Refused: deal.ErrNoLineItem},
		{Name: "that was removed", Given: facts(opened, added, deal.LineItemRemoved{ID: first}), When: deal.ChangeLineItem{Item: chairs}, Refused: deal.ErrNoLineItem},
		{Name: "to nothing", Given: facts(opened, added), When: deal.ChangeLineItem{Item: deal.LineItem{ID: first, Name: "Chair"}}, Refused: domain.ErrInvalid, At: "/quantity"},
		{Name: "of a lost deal", Given: facts(opened, added, lost), When: deal.ChangeLineItem{Item: fewer}, Refused: deal.ErrNotOpen},
		{Name: "of no deal", When: deal.ChangeLineItem{Item: chairs}, Refused: deal.ErrUnknown},
	})
}

func TestRemoveLineItem(t *testing.T) {
	t.Parallel()
	added, removed := deal.LineItemAdded{Item: chairs}, deal.LineItemRemoved{ID: first}
	domaintest.Run(t, deal.Decider, []story{
		{Name: "once", Given: facts(opened, added), When: deal.RemoveLineItem{ID: first}, Then: facts(removed)},
		{Name: "twice", Given: facts(opened, added, removed), When: deal.RemoveLineItem{ID: first}, Refused: deal.ErrNoLineItem},
		{Name: "that was never there", Given: facts(opened), When: deal.RemoveLineItem{ID: first}, Refused: deal.ErrNoLineItem},
		{Name: "of a won deal", Given: facts(opened, added, won), When: deal.RemoveLineItem{ID: first}, Refused: deal.ErrNotOpen},
		{Name: "of no deal", When: deal.RemoveLineItem{ID: first}, Refused: deal.ErrUnknown},
	})
}

func TestWin(t *testing.T) {
	t.Parallel()
	soldChairs, soldTables := deal.LineItemAdded{Item: chairs}, deal.LineItemAdded{Item: tables}
	inDollars := tables
	inDollars.UnitPrice = usd(10_001)
	huge := deal.LineItem{ID: second, Name: "x", Quantity: domain.One, UnitPrice: eur(math.MaxInt64)}
	domaintest.Run(t, deal.Decider, []story{
		{Name: "at its amount", Given: facts(opened), When: deal.Win{}, Then: facts(won)},
		{Name: "at the amount signed", Given: facts(opened), When: deal.Win{Amount: usd(5)}, Then: facts(deal.Won{Value: usd(5)})},
		{Name: "for nothing", Given: facts(opened), When: deal.Win{Amount: eur(0)}, Then: facts(deal.Won{Value: eur(0)})},
		{
			// 2 × 49.99 + round(round(1.5 × 100.01) × 0.875) = 99.98 + 131.27
			Name: "at the sum of its line items", Given: facts(unpriced, soldChairs, soldTables),
			When: deal.Win{}, Then: facts(deal.Won{Value: eur(9_998 + 13_127)}),
		},
		{Name: "at its amount, though line items sum to another", Given: facts(opened, soldChairs), When: deal.Win{}, Then: facts(won)},
		{
			Name: "at no value, where line items have two currencies", Given: facts(unpriced, soldChairs, deal.LineItemAdded{Item: inDollars}),
			When: deal.Win{}, Then: facts(deal.Won{}),
		},
		{
			Name: "at no value, where the sum has no end", Given: facts(unpriced, soldChairs, deal.LineItemAdded{Item: huge}),
			When: deal.Win{}, Then: facts(deal.Won{}),
		},
		{Name: "at no value, where nobody said one", Given: facts(unpriced), When: deal.Win{}, Then: facts(deal.Won{})},
		{Name: "after it was reopened", Given: facts(opened, lost, deal.Reopened{}), When: deal.Win{}, Then: facts(won)},
		{Name: "twice", Given: facts(opened, won), When: deal.Win{}},
		{Name: "twice at the same value", Given: facts(opened, won), When: deal.Win{Amount: eur(100_000)}},
		{Name: "twice at another value", Given: facts(opened, won), When: deal.Win{Amount: eur(1)}, Refused: deal.ErrNotOpen},
		{Name: "what is lost", Given: facts(opened, lost), When: deal.Win{}, Refused: deal.ErrNotOpen},
		{Name: "at strange money", Given: facts(opened), When: deal.Win{Amount: domain.Money{Minor: 1, Currency: "EUX"}}, Refused: domain.ErrInvalid, At: "/amount/currency"},
		{Name: "no deal", When: deal.Win{}, Refused: deal.ErrUnknown},
	})
}

func TestLose(t *testing.T) {
	t.Parallel()
	said := deal.Lose{Reason: deal.LostToCompetitor, Competitor: "Globex", Note: "cheaper"}
	domaintest.Run(t, deal.Decider, []story{
		{Name: "for a reason", Given: facts(opened), When: said, Then: facts(lost)},
		{Name: "for no known reason", Given: facts(opened), When: deal.Lose{}, Then: facts(deal.Lost{Reason: deal.LostUnexplained})},
		{Name: "twice", Given: facts(opened, lost), When: said},
		{Name: "twice for no known reason", Given: facts(opened, deal.Lost{Reason: deal.LostUnexplained}), When: deal.Lose{}},
		{Name: "twice for another reason", Given: facts(opened, lost), When: deal.Lose{Reason: deal.LostToPrice}, Refused: deal.ErrNotOpen},
		{Name: "what is won", Given: facts(opened, won), When: said, Refused: deal.ErrNotOpen},
		{Name: "for a strange reason", Given: facts(opened), When: deal.Lose{Reason: "weather"}, Refused: domain.ErrInvalid, At: "/loss_reason"},
		{Name: "to a competitor with a NUL", Given: facts(opened), When: deal.Lose{Competitor: "a\x00b"}, Refused: domain.ErrInvalid, At: "/competitor"},
		{Name: "with too long a note", Given: facts(opened), When: deal.Lose{Note: domain.Personal(strings.Repeat("x", domain.LongText+1))}, Refused: domain.ErrInvalid, At: "/note"},
		{Name: "no deal", When: said, Refused: deal.ErrUnknown},
	})
}

// A close that was taken back leaves nothing behind.
func TestReopenedStandsWhereItStood(t *testing.T) {
	t.Parallel()
	history := facts(opened, deal.LineItemAdded{Item: chairs}, deal.StageChanged{From: "prospecting", To: proposal}, deal.ForecastCategoryChanged{Category: domain.Commit})
	before := deal.Decider.Fold(history...)
	for _, closed := range facts(won, lost) {
		after := deal.Decider.Fold(slices.Concat(history, facts(closed, deal.Reopened{}))...)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s left something behind (-before +after):\n%s", closed.EventType(), diff)
		}
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	moved := deal.StageChanged{From: "prospecting", To: proposal}
	domaintest.Run(t, deal.Decider, []story{
		{Name: "what is won", Given: facts(opened, won), When: deal.Reopen{}, Then: facts(deal.Reopened{})},
		{Name: "what is lost", Given: facts(opened, lost), When: deal.Reopen{}, Then: facts(deal.Reopened{})},
		{
			Name: "and it stands where it stood", Given: facts(opened, moved, lost, deal.Reopened{}),
			When: deal.ChangeStage{Stage: prospecting}, Then: facts(deal.StageChanged{From: "proposal", To: prospecting}),
		},
		{
			Name: "and it is worth what it was", Given: facts(opened, deal.Won{Value: eur(1)}, deal.Reopened{}),
			When: deal.Win{}, Then: facts(won),
		},
		{Name: "what is void", Given: facts(opened, deal.Voided{}), When: deal.Reopen{}, Then: facts(deal.Reopened{})},
		{Name: "what is open", Given: facts(opened), When: deal.Reopen{}},
		{Name: "no deal", When: deal.Reopen{}, Refused: deal.ErrUnknown},
	})
}

func TestVoid(t *testing.T) {
	t.Parallel()
	void := deal.Voided{}
	domaintest.Run(t, deal.Decider, []story{
		{Name: "what is open", Given: facts(opened), When: deal.Void{}, Then: facts(void)},
		{Name: "what is won", Given: facts(opened, won), When: deal.Void{}, Then: facts(void)},
		{Name: "what is lost", Given: facts(opened, lost), When: deal.Void{}, Then: facts(void)},
		{Name: "what is void", Given: facts(opened, void), When: deal.Void{}},
		{Name: "no deal", When: deal.Void{}, Refused: deal.ErrUnknown},
		{Name: "and it can be neither won", Given: facts(opened, void), When: deal.Win{}, Refused: deal.ErrNotOpen},
		{Name: "nor lost", Given: facts(opened, void), When: deal.Lose{}, Refused: deal.ErrNotOpen},
	})
}
