package readmodels

import "crm/projections"

// Models are all read models.
type Models struct {
	Catalog   Catalog
	Customers Customers
	Timeline  Timeline
	Deals     Deals
	Consents  Consents
	Sales     Sales
	Activity  Activity
	Access    Access
	// Parked tells what they stand still for.
	Parked projections.ParkedStreams
}

// NewModels gives the read models that answer from db. Without one they can be
// built, but not asked.
func NewModels(db projections.Querier) Models {
	return Models{
		Catalog: Catalog{db}, Customers: Customers{db: db}, Timeline: Timeline{db: db},
		Deals: Deals{db: db}, Consents: Consents{db: db}, Sales: Sales{db}, Activity: Activity{db}, Access: Access{db},
		Parked: projections.ParkedStreams{DB: db},
	}
}

// Projections are the models as the engine builds them.
func (m Models) Projections() []projections.Projection {
	return []projections.Projection{m.Catalog, m.Customers, m.Timeline, m.Deals, m.Consents, m.Sales, m.Activity, m.Access}
}
