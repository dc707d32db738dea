package apikey

import (
	"time"

	"crm/domain"
)

// Event is what happened to an API key.
//
//sumtype:decl
type Event interface {
	domain.Event
	event()
}

type (
	// Issued records that the key lets somebody in from now on.
	Issued struct {
		Name   string `json:"name"`
		Terms  Terms  `json:"terms"`
		Secret Digest `json:"secret_sha256"`
	}

	// Rotated records that the key has another secret.
	Rotated struct {
		Secret      Digest    `json:"secret_sha256"`
		FormerUntil time.Time `json:"former_until,omitzero"` // zero: the former one ended here
	}

	// TermsChanged records that the terms became different.
	TermsChanged struct {
		domain.Patch[Terms]
	}

	// Revoked records that the key lets nobody in any more.
	Revoked struct{}
)

func (Issued) EventType() string       { return "apikey.issued" }
func (Rotated) EventType() string      { return "apikey.rotated" }
func (TermsChanged) EventType() string { return "apikey.terms_changed" }
func (Revoked) EventType() string      { return "apikey.revoked" }

func (Issued) event()       {}
func (Rotated) event()      {}
func (TermsChanged) event() {}
func (Revoked) event()      {}
