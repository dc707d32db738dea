package http

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/uuid"

	"crm/http/access"
)

// exchange is one request as its middlewares and handler note it.
type exchange struct {
	id        string           // X-Request-Id
	principal access.Principal // who asks
	trace     string           // of the request's span, if it has one
	fault     error            // what the log must know and the caller must not
}

type exchangeKey struct{}

// exchangeOf gives the request's notes; fresh ones outside of a request.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// identify gives every request an id, the caller's own if it is one.
func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !isKey(id) || len(id) > 128 {
			id = uuid.NewString()
		}
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, &exchange{id: id})))
	})
}

// observe measures every request and logs one line, with the route's pattern
// instead of its path: what people type never gets into a log.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		s.measures.running.Inc()
		defer s.measures.running.Dec()
		wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(wrapped, r)

		took, status := time.Since(began), wrapped.Status()
		if status == 0 {
			status = http.StatusOK
		}
		route := chi.RouteContext(r.Context()).RoutePattern()
		if route == "" {
			route = "none"
		}
		s.measures.observe(r.Method, route, status, took)
		x := exchangeOf(r.Context())
		attrs := []slog.Attr{
			slog.String("method", r.Method), slog.String("route", route), slog.Int("status", status),
			slog.Duration("took", took), slog.Int("bytes", wrapped.BytesWritten()),
			slog.String("actor_id", x.principal.Actor), slog.String("request_id", x.id),
		}
		if trace := x.traceID(r); trace != "" {
			attrs = append(attrs, slog.String("trace_id", trace))
		}
		level := slog.LevelInfo
		if x.fault != nil {
			level = slog.LevelError
			if errors.Is(x.fault, ErrBehind) {
				level = slog.LevelWarn // who asks for a position that is far ahead makes no error of ours
			}
			attrs = append(attrs, slog.String("error", x.fault.Error()))
		}
		s.cfg.Log.LogAttrs(r.Context(), level, "request", attrs...)
	})
}

// recoverPanics answers a panic as what it is, our mistake, and keeps serving.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			reason := recover()
			if reason == nil {
				return
			}
			if reason == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(reason)
			}
			fail(w, r, fmt.Errorf("panic: %v\n%s", reason, debug.Stack()))
		}()
		next.ServeHTTP(w, r)
	})
}

// limitTime ends what takes too long. Who follows the feed may stay.
func (s *Server) limitTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if follows(r) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.cfg.Timeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// plainQuery refuses a query string of which a part would be passed over: one
// that cannot be read, a parameter given twice, an instant without a value. What
// is not understood must not widen a list, nor show the present for the past.
func plainQuery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			fail(w, r, ErrParameter.At("", "The query string cannot be read. In a value, ; and %% are percent-encoded."))
			return
		}
		for _, name := range slices.Sorted(maps.Keys(given)) {
			if len(given[name]) > 1 {
				fail(w, r, &parameterFault{name, "The parameter is there more than once."})
				return
			}
			if (name == "as_of" || name == "known_at") && given.Get(name) == "" {
				fail(w, r, &parameterFault{name, "The parameter is empty. Leave it out to ask for the present."})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// unambiguous ends the connection after a body in chunks. The request may have had a
// Content-Length too, which net/http drops without a word, and a proxy in front that
// went by it would take the next bytes for the same request (RFC 9112, 6.1).
func unambiguous(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// secure tells browsers to trust nothing and proxies to keep nothing. The pages
// that need more say so themselves.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if r.TLS != nil { // a proxy that ends TLS says it itself, for it knows its subdomains
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
