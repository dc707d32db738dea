package commands

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crm/domain"
)

// ErrUnknownReference is a command that names something else that does not
// exist: a deal's customer, an owner, a product.
var ErrUnknownReference = &domain.Error{
	Code: domain.Invalid, Slug: "unknown-reference",
	Detail: "The command refers to something that does not exist.",
}

// freshness is how new what is known of a reference must be.
type freshness int

const (
	// lasting facts never change: that something exists, that it is an organisation.
	lasting freshness = iota
	// recent facts are as old as Config.ReferenceAge at most.
	recent
	// current facts are read from the log.
	current
)

// about gives the facts of another aggregate, nil when it does not exist. It
// takes no turn, so that commands which refer to each other's streams never
// wait for each other. That something is missing is always read from the log,
// for another process may just have made it.
func (h *Handler) about(ctx context.Context, of family, id uuid.UUID, needed freshness) (any, error) {
	s := h.streams.acquire(of.stream(id))
	defer h.streams.release(s)
	known := s.facts.Load()
	if known != nil && (needed == lasting || needed == recent && time.Since(known.at) < h.cfg.ReferenceAge) {
		return known.value, nil
	}
	asked := time.Now()
	history, err := h.load(ctx, of, s.name)
	if err != nil {
		return nil, err
	}
	value := history.state.facts()
	if value != nil {
		s.learn(facts{value: value, revision: history.revision, at: asked})
	}
	return value, nil
}

// mustExist refuses a reference to what does not exist. The zero id refers to
// nothing and passes.
func (a asking) mustExist(ctx context.Context, of family, id uuid.UUID, pointer, noun string) error {
	if id == uuid.Nil {
		return nil
	}
	value, err := a.known(ctx, of, id)
	if err == nil && value == nil {
		err = ErrUnknownReference.At(pointer, "There is no %s %s.", noun, id)
	}
	return err
}

// exists are the facts of an aggregate of which others only ask whether it is there.
type exists struct{}

// some lists the streams of those ids that refer to something.
func some[Of any](stream func(domain.ID[Of]) domain.Stream, ids ...domain.ID[Of]) []domain.Stream {
	var streams []domain.Stream
	for _, id := range ids {
		if !id.IsZero() {
			streams = append(streams, stream(id))
		}
	}
	return streams
}
