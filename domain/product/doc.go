// Package product is what is sold, with its list price. A deal's line item copies
// name and price when it is added, so that a later list price does not rewrite
// what was offered. It is small enough for one file beside this.
//
//	(none) ──Define──▶ on sale ──Retire──▶ retired ──Reinstate──▶ on sale
//	                   ChangeDetails, SetListPrice
package product
