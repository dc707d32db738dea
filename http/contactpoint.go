package http

import (
	"errors"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"

	"crm/domain"
	"crm/domain/customer"
)

// ContactPointInput is a contact point as it is asked for.
type ContactPointInput struct {
	NewID
	Kind    customer.ContactKind `json:"kind" enum:"email,phone,postal,web,social"`
	Value   domain.Personal      `json:"value,omitempty" maxLength:"500" doc:"As it was typed. It is kept; an e-mail address, phone number or web address is also brought into its normal form, by which equal ones are found." example:"+43 1 234567"`
	Region  string               `json:"region,omitempty" doc:"ISO 3166-1 alpha-2: where a phone number without + belongs." example:"AT"`
	Label   string               `json:"label,omitempty" maxLength:"500" example:"work"`
	Primary bool                 `json:"primary,omitempty" doc:"The first one of its kind to use."`
	Address addressInput         `json:"address,omitzero" doc:"Of a postal contact point."`
}

type addressInput struct {
	Street     domain.Personal `json:"street,omitempty" maxLength:"500"`
	PostalCode domain.Personal `json:"postal_code,omitempty" maxLength:"500"`
	City       domain.Personal `json:"city,omitempty" maxLength:"500"`
	Region     domain.Personal `json:"region,omitempty" maxLength:"500"`
	Country    string          `json:"country,omitempty" maxLength:"500" doc:"ISO 3166-1 alpha-2 where known." example:"AT"`
}

// contactPoint brings what was typed into its normal form.
func (s *Server) contactPoint(input ContactPointInput, id uuid.UUID) (customer.ContactPoint, error) {
	if input.ID != uuid.Nil {
		id = input.ID
	}
	point := customer.ContactPoint{
		ID: domain.ContactPointID{UUID: id}, Kind: input.Kind, Label: input.Label, Typed: input.Value,
		Address: customer.Address(input.Address), Primary: input.Primary,
	}
	if point.Address != (customer.Address{}) && point.Kind != customer.Postal {
		return point, domain.ErrInvalid.At("/address", "Only a postal contact point has an address.")
	}
	if point.Kind == customer.Postal {
		if point.Typed == "" {
			point.Typed = domain.Personal(strings.Join(lines(point.Address), ", "))
		}
		point.Normalized = domain.Personal(normalAddress(point))
		return point, nil
	}
	typed := strings.TrimSpace(input.Value.Plain())
	if typed == "" {
		return point, domain.ErrInvalid.At("/value", "A contact point says where the customer can be reached.")
	}
	normal, err := typed, error(nil)
	switch point.Kind {
	case customer.Email:
		normal, err = normalEmail(typed)
	case customer.Phone:
		normal, err = normalPhone(typed, input.Region, s.cfg.PhoneRegion)
	case customer.Web:
		normal, err = normalURL(typed)
	case customer.Social, customer.Postal: // a handle is what was typed
	}
	if region, ok := errors.AsType[regionError](err); ok {
		return point, domain.ErrInvalid.At("/region", "%s", string(region))
	}
	if err != nil {
		return point, domain.ErrInvalid.At("/value", "%s", said(err))
	}
	point.Normalized = domain.Personal(normal)
	return point, nil
}

// normalEmail checks an address (RFC 5322, without a display name) and brings its
// domain into lower-case ASCII. The part before the @ is the recipient's own
// business and stays.
func normalEmail(typed string) (string, error) {
	wrong := errors.New("this is not an e-mail address such as ada@example.org")
	typed = strings.TrimSpace(typed)
	address, err := mail.ParseAddress(typed)
	if err != nil || address.Name != "" || len(typed) > 254 || strings.ContainsAny(typed, "<>()") {
		return "", wrong
	}
	at := strings.LastIndexByte(typed, '@')
	host, err := normalHost(typed[at+1:])
	if err != nil {
		return "", wrong
	}
	return typed[:at+1] + host, nil
}

// said is an error as a sentence to the caller.
func said(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func normalHost(host string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(host, "."))
	if err != nil {
		return "", err
	}
	if !strings.Contains(ascii, ".") || slices.Contains(strings.Split(ascii, "."), "") || net.ParseIP(ascii) != nil {
		return "", errors.New("not a domain name")
	}
	return ascii, nil
}

// regionError is what is wrong with the region of a phone number.
type regionError string

func (r regionError) Error() string { return string(r) }

// normalPhone brings a number into E.164, with its extension if it has one. A
// number need only be possible: which ones are in use changes every month.
func normalPhone(typed, region, otherwise string) (string, error) {
	region = strings.ToUpper(region)
	if region != "" && !phonenumbers.GetSupportedRegions()[region] {
		return "", regionError("A region is a country code such as AT.")
	}
	if region == "" {
		region = otherwise
	}
	number, err := phonenumbers.Parse(typed, region)
	switch {
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode) && region == "" && !strings.HasPrefix(typed, "+"):
		return "", errors.New("a number without + and country code needs a region")
	case err != nil || !phonenumbers.IsPossibleNumber(number):
		return "", errors.New("this is not a phone number such as +43 1 234567")
	}
	normal := phonenumbers.Format(number, phonenumbers.E164)
	if extension := number.GetExtension(); extension != "" {
		normal += ";ext=" + extension // RFC 3966
	}
	return normal, nil
}

// normalURL brings a web address into the form scheme://host/path with a
// lower-case ASCII host. Without a scheme it is https.
func normalURL(typed string) (string, error) {
	wrong := errors.New("this is not a web address such as https://example.org/about")
	if !strings.Contains(typed, "://") {
		typed = "https://" + typed
	}
	address, err := url.Parse(typed)
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.User != nil {
		return "", wrong
	}
	host, err := normalHost(address.Hostname())
	if err != nil {
		return "", wrong
	}
	if port := address.Port(); port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return "", wrong
		}
		host = net.JoinHostPort(host, port)
	}
	address.Host = host
	if address.Path == "/" && address.RawQuery == "" && address.Fragment == "" {
		address.Path = ""
	}
	return address.String(), nil
}

// lines are the parts of an address that are known.
func lines(a customer.Address) []string {
	var known []string
	for _, part := range []string{
		a.Street.Plain(), strings.TrimSpace(a.PostalCode.Plain() + " " + a.City.Plain()), a.Region.Plain(), a.Country,
	} {
		if part != "" {
			known = append(known, part)
		}
	}
	return known
}

// normalAddress is an address in lower case and with single spaces, of its parts
// where they are known, else of what was typed.
func normalAddress(point customer.ContactPoint) string {
	text := strings.Join(lines(point.Address), ", ")
	if text == "" {
		text = point.Typed.Plain()
	}
	return strings.ToLower(strings.Join(strings.Fields(text), " "))
}
