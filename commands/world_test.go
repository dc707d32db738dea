package commands_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/domaintest"
	"crm/domain/employee"
	"crm/domain/pipeline"
	"crm/domain/product"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// ledger is a log in memory that counts what is asked of it and fails on demand.
type ledger struct {
	*domaintest.Memory
	loads, appends atomic.Int64

	mu     sync.Mutex
	before func(stream domain.Stream, events []domain.Proposed) error // instead of storing
	after  func(stream domain.Stream, events []domain.Proposed) error // stored, but the answer is lost
}

func newLedger() *ledger {
	return &ledger{Memory: domaintest.NewMemory(func() time.Time { return noon })}
}

func (l *ledger) fail(before, after func(domain.Stream, []domain.Proposed) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before, l.after = before, after
}

func (l *ledger) Load(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	l.loads.Add(1)
	return l.Memory.Load(ctx, stream, after)
}

func (l *ledger) Append(ctx context.Context, stream domain.Stream, expected domain.Revision, events []domain.Proposed) (domain.Receipt, error) {
	l.appends.Add(1)
	l.mu.Lock()
	before, after := l.before, l.after
	l.mu.Unlock()
	if before != nil {
		if err := before(stream, events); err != nil {
			return domain.Receipt{}, err
		}
	}
	receipt, err := l.Memory.Append(ctx, stream, expected, events)
	if err == nil && after != nil {
		err = after(stream, events)
	}
	return receipt, err
}

// id is the same for the same name.
func id(name string) uuid.UUID { return uuid.NewSHA1(domain.Namespace, []byte(name)) }

func person(name string) domain.CustomerID   { return domain.CustomerID{UUID: id(name)} }
func dealID(name string) domain.DealID       { return domain.DealID{UUID: id(name)} }
func staff(name string) domain.EmployeeID    { return domain.EmployeeID{UUID: id(name)} }
func article(name string) domain.ProductID   { return domain.ProductID{UUID: id(name)} }
func funnel(name string) domain.PipelineID   { return domain.PipelineID{UUID: id(name)} }
func line(name string) domain.LineItemID     { return domain.LineItemID{UUID: id(name)} }
func euro(minor int64) domain.Money          { return domain.Money{Minor: minor, Currency: "EUR"} }
func register(name string) customer.Register { return of(customer.Person, name) }
func of(kind customer.Kind, name string) customer.Register {
	return customer.Register{Kind: kind, Details: customer.Details{Name: domain.Personal(name)}}
}

// ask makes a command under a key; the same key is the same command id.
func ask(key string, target uuid.UUID, command domain.Command) commands.Ask {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %#v", command.CommandName(), target, command))
	return commands.Ask{Target: target, Command: command, Meta: domain.Meta{
		OccurredAt: noon, Actor: "test",
		Command: domain.CommandRef{ID: id("key/" + key), Fingerprint: hex.EncodeToString(sum[:16])},
	}}
}

func do(t *testing.T, h *commands.Handler, a commands.Ask) domain.Receipt {
	t.Helper()
	receipt, err := h.Do(t.Context(), a)
	if err != nil {
		t.Fatalf("%s: %v", a.Command.CommandName(), err)
	}
	return receipt
}

// types are the types of a stream's events.
func types(t *testing.T, log commands.Log, stream domain.Stream) []string {
	t.Helper()
	recorded, err := log.Load(t.Context(), stream, domain.NoStream)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range recorded {
		names = append(names, r.Event.EventType())
	}
	return names
}

// company fills a log with what commands refer to.
func company(t *testing.T, h *commands.Handler) {
	t.Helper()
	stages := []pipeline.Stage{
		{ID: "new", Name: "New", Probability: 10, Category: domain.Pipeline},
		{ID: "offer", Name: "Offer", Probability: 60, Category: domain.BestCase},
		{ID: "old", Name: "Old", Probability: 1, Category: domain.Omitted},
	}
	for _, a := range []commands.Ask{
		ask("c1", domain.DefaultPipeline.UUID, pipeline.Define{Name: "Sales", Stages: stages}),
		ask("c2", domain.DefaultPipeline.UUID, pipeline.RetireStage{ID: "old"}),
		ask("c0", funnel("other").UUID, pipeline.Define{Name: "Other", Stages: stages}),
		ask("c3", id("ada"), register("Ada")),
		ask("c4", id("acme"), of(customer.Organization, "Acme")),
		ask("c5", id("eve"), employee.Register{Details: employee.Details{Name: "Eve"}}),
		ask("c6", id("lamp"), product.Define{Details: product.Details{Name: "Lamp"}, ListPrice: euro(4900)}),
		ask("c7", id("deal"), deal.Open{Title: "Lamps"}),
	} {
		do(t, h, a)
	}
}
