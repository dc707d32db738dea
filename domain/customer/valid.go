package customer

import (
	"cmp"
	"regexp"
	"strconv"

	"crm/domain"
)

func validDetails(kind Kind, d Details) error {
	switch {
	case domain.Blank(d.Name):
		return domain.ErrInvalid.At("/name", "A customer has a name.")
	case d.Language != "" && !languageTag.MatchString(d.Language):
		return domain.ErrInvalid.At("/language", "A language is a BCP 47 tag such as de-AT.")
	case d.FoundedYear < 0 || d.FoundedYear > 9999:
		return domain.ErrInvalid.At("/founded_year", "A year has four digits.")
	case d.Employees < 0:
		return domain.ErrInvalid.At("/employees", "An organisation cannot have fewer than no employees.")
	}
	foreign := organizationOnly
	if kind == Organization {
		foreign = personOnly
	}
	for _, name := range foreign {
		if DetailFields.Set(&d, name) {
			return domain.ErrInvalid.At("/"+name, "The customer is of kind %s, which has no %s.", kind, name)
		}
	}
	return cmp.Or(
		domain.CheckDate("/birth_date", domain.Date(d.BirthDate)),
		domain.CheckMoney("/annual_revenue", d.AnnualRevenue),
		DetailFields.Check(d),
	)
}

// languageTag is the shape of a BCP 47 tag; whether its parts are registered is
// not for us to know.
var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}$`)

var (
	personOnly       = []string{"honorific", "given_name", "family_name", "birth_date", "job_title"}
	organizationOnly = []string{"legal_name", "industry", "founded_year", "employees", "annual_revenue", "vat_id"}
)

func (t Touchpoint) valid() error {
	return cmp.Or(
		domain.CheckText("/touchpoint/source", t.Source, domain.ShortText),
		domain.CheckText("/touchpoint/medium", t.Medium, domain.ShortText),
		domain.CheckText("/touchpoint/campaign", t.Campaign, domain.ShortText),
	)
}

// valid leaves whether an address or number is one to the edge, which knows how
// to read it.
func (p ContactPoint) valid() error {
	switch p.Kind {
	case Email, Phone, Postal, Web, Social:
	default:
		return domain.ErrInvalid.At("/kind", "%q is not a kind of contact point.", string(p.Kind))
	}
	switch {
	case p.ID.IsZero():
		return domain.ErrInvalid.At("/id", "A contact point has an id.")
	case domain.Blank(p.Normalized):
		return domain.ErrInvalid.At("/value", "A contact point says where the customer can be reached.")
	}
	return cmp.Or(
		domain.CheckText("/value", p.Typed, domain.ShortText),
		domain.CheckText("/value", p.Normalized, domain.ShortText),
		domain.CheckText("/label", p.Label, domain.ShortText),
		domain.CheckText("/address/street", p.Address.Street, domain.ShortText),
		domain.CheckText("/address/postal_code", p.Address.PostalCode, domain.ShortText),
		domain.CheckText("/address/city", p.Address.City, domain.ShortText),
		domain.CheckText("/address/region", p.Address.Region, domain.ShortText),
		domain.CheckText("/address/country", p.Address.Country, domain.ShortText),
	)
}

func (a Attribute) valid() error {
	if !domain.IsSlug(a.Key) {
		return domain.ErrInvalid.At("/key", "A key is 1 to 64 of a-z, 0-9, _ and -.")
	}
	valid := false
	switch a.Kind {
	case Text:
		valid = true
	case Number:
		valid = isNumber(a.Value.Plain())
	case Boolean:
		valid = a.Value == "true" || a.Value == "false"
	case Day:
		valid = domain.Date(a.Value).Valid()
	default:
		return domain.ErrInvalid.At("/kind", "%q is not a kind of attribute.", string(a.Kind))
	}
	if !valid {
		return domain.ErrInvalid.At("/value", "The value is not a %s.", string(a.Kind))
	}
	return domain.CheckText("/value", a.Value, domain.LongText)
}

// jsonNumber is the grammar of RFC 8259 §6.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// isNumber also refuses what a reader with 64-bit floats could not take.
func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil && len(text) <= 64 && jsonNumber.MatchString(text)
}

func (l Link) valid(from Kind) error {
	switch l.Relation {
	case WorksAt, SubsidiaryOf, MemberOf, PartnerOf:
	default:
		return domain.ErrInvalid.At("/relation", "%q is not a relation.", string(l.Relation))
	}
	switch {
	case l.Organization.IsZero():
		return domain.ErrInvalid.At("/organization", "A link names an organisation.")
	case l.Relation == WorksAt && from != Person:
		return domain.ErrInvalid.At("/relation", "Only a person works at an organisation.")
	case l.Relation == SubsidiaryOf && from != Organization:
		return domain.ErrInvalid.At("/relation", "Only an organisation is a subsidiary of another.")
	}
	return domain.CheckText("/title", l.Title, domain.ShortText)
}
