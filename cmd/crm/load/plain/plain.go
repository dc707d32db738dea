package plain

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed schema.sql
var schema string

// Server answers the routes. It is safe for concurrent use.
type Server struct {
	pool *pgxpool.Pool
	key  [sha256.Size]byte
}

// New makes the tables in an empty database, and a server that takes one key.
func New(ctx context.Context, pool *pgxpool.Pool, key string) (*Server, error) {
	if _, err := pool.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("make the tables: %w", err)
	}
	return &Server{pool: pool, key: sha256.Sum256([]byte(key))}, nil
}

// Handler is the routes.
func (s *Server) Handler() http.Handler {
	r := chi.NewRouter()
	r.Use(s.authenticate)
	r.Post("/v1/customers", answering(s.register))
	r.Patch("/v1/customers/{id}", answering(s.change))
	r.Post("/v1/customers/{id}/interactions", answering(s.log))
	r.Post("/v1/deals", answering(s.open))
	r.Post("/v1/deals/{id}/stage", answering(s.advance))
	r.Get("/v1/customers", answering(s.list))
	r.Get("/v1/customers/{id}", answering(s.card))
	r.Get("/v1/customers/{id}/timeline", answering(s.timeline))
	r.Get("/v1/pipelines/{id}/board", answering(s.board))
	return r
}

func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		presented := sha256.Sum256([]byte(key))
		if subtle.ConstantTimeCompare(presented[:], s.key[:]) != 1 {
			http.Error(w, "no such key", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

var (
	errMissing = errors.New("there is no such thing")
	errInvalid = errors.New("the request cannot be used")
)

// answering writes what a handler gives as JSON.
func answering[T any](handle func(*http.Request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		value, err := handle(r)
		switch {
		case errors.Is(err, errMissing), errors.Is(err, pgx.ErrNoRows):
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		case errors.Is(err, errInvalid):
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body, err := json.Marshal(value)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(body, '\n')) // the caller has gone
	}
}

func read[T any](r *http.Request) (body T, err error) {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return body, fmt.Errorf("%w: %w", errInvalid, err)
	}
	return body, nil
}

func idOf(r *http.Request) (uuid.UUID, error) {
	id, err := uuid.Parse(chi.URLParam(r, "id"))
	if err != nil {
		return id, errMissing
	}
	return id, nil
}

// now is the clock as Postgres keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
