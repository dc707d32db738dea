package http

import (
	"net/http"

	"crm/domain"
	"crm/domain/product"
	"crm/http/access"
)

// ProductInput mirrors product.Details.
type ProductInput struct {
	Name        string `json:"name,omitempty" maxLength:"500" doc:"Every product has one."`
	SKU         string `json:"sku,omitempty" maxLength:"500"`
	Family      string `json:"family,omitempty" maxLength:"500" doc:"A group of products."`
	Description string `json:"description,omitempty" maxLength:"100000"`
}

type (
	defineProductBody struct {
		NewID
		ProductInput
		ListPrice domain.Money `json:"list_price,omitzero" doc:"Of one piece."`
		Envelope
	}
	productDetailsBody struct {
		ProductInput
		Envelope
	}
	listPriceBody struct {
		ListPrice domain.Money `json:"list_price" doc:"Of one piece, from now on."`
		Envelope
	}
)

var productCommands = []*command{
	describe("product.define", access.CatalogWrite, http.MethodPost, "/products", "Define a product",
		func(_ *Server, _ *place, b *defineProductBody) (domain.Command, error) {
			return product.Define{Details: product.Details(b.ProductInput), ListPrice: b.ListPrice}, nil
		}),
	describe("product.change_details", access.CatalogWrite, http.MethodPatch, "/products/{id}", "Change details (merge patch; null clears)",
		func(_ *Server, at *place, b *productDetailsBody) (domain.Command, error) {
			set := product.Details(b.ProductInput)
			return product.ChangeDetails{Patch: domain.Patch[product.Details]{
				Set: set, Clear: cleared(at, product.DetailFields, set),
			}}, nil
		}),
	describe("product.set_list_price", access.CatalogWrite, http.MethodPost, "/products/{id}/list-price", "Set the list price",
		func(_ *Server, _ *place, b *listPriceBody) (domain.Command, error) {
			return product.SetListPrice{ListPrice: b.ListPrice}, nil
		}),
	describe("product.retire", access.CatalogWrite, http.MethodPost, "/products/{id}/retire", "Take out of the catalogue",
		func(*Server, *place, *nothing) (domain.Command, error) { return product.Retire{}, nil }),
	describe("product.reinstate", access.CatalogWrite, http.MethodPost, "/products/{id}/reinstate", "Bring a retired one back into the catalogue",
		func(*Server, *place, *nothing) (domain.Command, error) { return product.Reinstate{}, nil }),
}
