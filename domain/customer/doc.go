// Package customer is a person or an organisation that we deal with, from the
// first touch to the last. One stream, customer-<uuid>, holds the whole life.
//
//	(none) ──Register──▶ registered ──Archive──▶ archived
//	                         ▲                      │
//	                         └───────Restore────────┘
//
// An archived customer refuses every command but Restore and, quietly, Archive.
// Consents and interactions are streams of their own and go on: whoever is
// archived may still withdraw a consent.
//
// # Kind and details
//
// The kind never changes, and each kind has details of its own: an organisation
// has no date of birth, a person no VAT id. A customer always has a name.
// ChangeDetails says that the world changed, Correct that we had been wrong
// (GDPR Art. 16); both leave only what is different, so that a history shows no
// change that was none.
//
// # Life cycle
//
//	subscriber · lead · marketing_qualified · sales_qualified · opportunity
//	                                                                │
//	                             ┌──────────────────────────────────┘
//	                             ▼
//	                         customer ──▶ former ──▶ won_back
//	                                        ▲           │
//	                                        └───────────┘
//
// The stages before customer may be entered in any order and from any stage,
// also backwards and after former: leads are recycled. Two steps are bound.
// Former is who was customer or won back; won back is who was former. A customer
// may be registered at any stage, because imports bring people in mid-life.
//
// # Contact points
//
// Two contact points are the same when kind and normal form agree, whatever was
// typed. Adding a known one stays quiet and leaves it as it is, also its label
// and whether it is primary; to change those, remove it and add it anew. Of each
// kind at most one is primary: a primary one that is added takes over, and when
// it is removed none is primary until another is added as such. Whether a number
// or address exists is the edge's to judge; the rules here take its normal form
// as it comes.
//
// # Attributes and links
//
// An attribute is a custom field with a typed value in canonical text. Setting it
// again may change its kind. A link says how the customer belongs to an
// organisation; there is one per organisation and relation, and linking again
// with another title changes the title. That the other end is an organisation is
// checked where its stream can be read.
//
// # Refusals
//
// What needs the world comes with the command; what is refused is an error of
// decide.go or [domain.ErrInvalid] with a pointer into the command.
// Removing and unlinking are refused the second time, since what they name is
// gone; every other command asked twice stays quiet, but Register.
//
// # Decisions
//
//   - 2026-11-22 Registering leaves one event for the customer and one for each
//     contact point, attribute change, link and owner, the same that their own
//     commands leave. A reader needs to know only one way in which a contact
//     point comes to be.
//   - 2026-11-22 Person and organisation are one aggregate: leads often turn out
//     to be the other, and everything but a few details is shared.
//
// The terms follow vCard 4.0 (RFC 6350), schema.org/PostalAddress, BCP 47 and the
// life cycle stages that HubSpot made common.
package customer
