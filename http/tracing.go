package http

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traced makes a span of every request, below the caller's where it names one. It has
// the route's pattern and not the path, as the log has.
func (s *Server) traced(next http.Handler) http.Handler {
	if s.cfg.Tracer == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := s.cfg.Tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		exchangeOf(ctx).trace = span.SpanContext().TraceID().String()
		wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(wrapped, r.WithContext(ctx))
		if !span.IsRecording() {
			return
		}
		route := chi.RouteContext(r.Context()).RoutePattern()
		if route != "" {
			span.SetName(r.Method + " " + route)
		}
		span.SetAttributes(attribute.String("http.request.method", r.Method), attribute.String("http.route", route),
			attribute.Int("http.response.status_code", wrapped.Status()))
		if wrapped.Status() >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	})
}

// spanOf makes the span of a command; what it gives ends it.
func (s *Server) spanOf(ctx context.Context, command string) (context.Context, func(*Problem)) {
	if s.cfg.Tracer == nil {
		return ctx, func(*Problem) {}
	}
	ctx, span := s.cfg.Tracer.Start(ctx, "command "+command)
	return ctx, func(problem *Problem) {
		if problem != nil {
			span.SetAttributes(attribute.String("crm.problem", problem.Type))
		}
		span.End()
	}
}

// traceID is the trace that a request belongs to, for its log line: the one that a span
// of it has, or that the caller names.
func (x *exchange) traceID(r *http.Request) string {
	if x.trace != "" {
		return x.trace
	}
	if parent := r.Header.Get("Traceparent"); traceParent.MatchString(parent) {
		return parent[3:35]
	}
	return ""
}
