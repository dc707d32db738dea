package domain

import "github.com/google/uuid"

// ID is a UUID that knows what it names, so that the compiler keeps a deal from
// being filed under a customer. As JSON and SQL it is a plain UUID.
type ID[Of any] struct{ uuid.UUID }

type (
	// CustomerID names a customer.
	CustomerID = ID[ofCustomer]

	// DealID names a deal.
	DealID = ID[ofDeal]

	// PipelineID names a pipeline.
	PipelineID = ID[ofPipeline]

	// EmployeeID names an employee.
	EmployeeID = ID[ofEmployee]

	// ProductID names a product.
	ProductID = ID[ofProduct]

	// ContactPointID names a contact point within a customer.
	ContactPointID = ID[ofContactPoint]

	// InteractionID names an interaction within a customer.
	InteractionID = ID[ofInteraction]

	// LineItemID names a line item within a deal.
	LineItemID = ID[ofLineItem]

	// ReadModelID names a read model.
	ReadModelID = ID[ofReadModel]

	// WebhookID names a webhook.
	WebhookID = ID[ofWebhook]

	// APIKeyID names an API key.
	APIKeyID = ID[ofAPIKey]

	// ImportID names an import of files.
	ImportID = ID[ofImport]
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
	ofReadModel    struct{}
	ofWebhook      struct{}
	ofAPIKey       struct{}
	ofImport       struct{}
)

// IsZero reports whether the id names nothing.
func (id ID[Of]) IsZero() bool { return id.UUID == uuid.Nil }

// Categories are those of all streams of ours. The name of an event's type begins
// with the one of its stream.
var Categories = []string{"apikey", "consent", "customer", "deal", "employee", "import", "interaction", "pipeline", "product", "readmodel", "webhook"}

// CustomerStream holds a customer.
func CustomerStream(id CustomerID) Stream { return NewStream("customer", id.UUID) }

// DealStream holds a deal.
func DealStream(id DealID) Stream { return NewStream("deal", id.UUID) }

// PipelineStream holds a pipeline.
func PipelineStream(id PipelineID) Stream { return NewStream("pipeline", id.UUID) }

// ConsentStream holds a customer's consents. It is a stream of its own,
// so that a customer who is archived may still withdraw.
func ConsentStream(id CustomerID) Stream { return NewStream("consent", id.UUID) }

// InteractionStream holds a customer's interactions. It is a stream of its
// own, so that a busy channel does not slow the customer down.
func InteractionStream(id CustomerID) Stream { return NewStream("interaction", id.UUID) }

// EmployeeStream holds an employee.
func EmployeeStream(id EmployeeID) Stream { return NewStream("employee", id.UUID) }

// ProductStream holds a product.
func ProductStream(id ProductID) Stream { return NewStream("product", id.UUID) }

// ImportStream holds an import of files.
func ImportStream(id ImportID) Stream { return NewStream("import", id.UUID) }

// ReadModelStream holds what operators asked of a read model.
func ReadModelStream(id ReadModelID) Stream { return NewStream("readmodel", id.UUID) }

// WebhookStream holds a webhook.
func WebhookStream(id WebhookID) Stream { return NewStream("webhook", id.UUID) }

// APIKeyStream holds an API key.
func APIKeyStream(id APIKeyID) Stream { return NewStream("apikey", id.UUID) }

// ReadModelNamed is the id of the read model of that name.
func ReadModelNamed(name string) ReadModelID {
	return ReadModelID{uuid.NewSHA1(Namespace, []byte("readmodel/"+name))}
}

// Namespace is under which this program derives its own ids (UUIDv5).
var Namespace = uuid.MustParse("6f0c5e0a-8a0f-5a53-9d1c-6a1a5f3f7c11")

// DefaultPipeline is the pipeline that exists from the first start on.
var DefaultPipeline = PipelineID{uuid.NewSHA1(Namespace, []byte("pipeline/default"))}
