package domain

import "github.com/google/uuid"

// ID is a UUID that knows what it names, so that the compiler keeps a deal from
// being filed under a customer. As JSON and SQL it is a plain UUID.
type ID[Of any] struct{ uuid.UUID }

// The ids of the aggregates and of what lives inside them.
type (
	CustomerID     = ID[ofCustomer]
	DealID         = ID[ofDeal]
	PipelineID     = ID[ofPipeline]
	EmployeeID     = ID[ofEmployee]
	ProductID      = ID[ofProduct]
	ContactPointID = ID[ofContactPoint]
	InteractionID  = ID[ofInteraction]
	LineItemID     = ID[ofLineItem]
)

type (
	ofCustomer     struct{}
	ofDeal         struct{}
	ofPipeline     struct{}
	ofEmployee     struct{}
	ofProduct      struct{}
	ofContactPoint struct{}
	ofInteraction  struct{}
	ofLineItem     struct{}
)

// IsZero reports whether the id names nothing.
func (id ID[Of]) IsZero() bool { return id.UUID == uuid.Nil }

// The streams of the aggregates. A customer's consents and interactions are
// streams of their own, so that a busy channel does not slow the customer down.
func CustomerStream(id CustomerID) Stream    { return NewStream("customer", id.UUID) }
func DealStream(id DealID) Stream            { return NewStream("deal", id.UUID) }
func PipelineStream(id PipelineID) Stream    { return NewStream("pipeline", id.UUID) }
func ConsentStream(id CustomerID) Stream     { return NewStream("consent", id.UUID) }
func InteractionStream(id CustomerID) Stream { return NewStream("interaction", id.UUID) }
func EmployeeStream(id EmployeeID) Stream    { return NewStream("employee", id.UUID) }
func ProductStream(id ProductID) Stream      { return NewStream("product", id.UUID) }

// Namespace is under which this program derives its own ids (UUIDv5).
var Namespace = uuid.MustParse("6f0c5e0a-8a0f-5a53-9d1c-6a1a5f3f7c11")

// DefaultPipeline is the pipeline that exists from the first start on.
var DefaultPipeline = PipelineID{uuid.NewSHA1(Namespace, []byte("pipeline/default"))}
