package tracing

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"crm/commands"
	"crm/domain"
)

// Tracing makes spans and sends them. A nil one does nothing, at no cost.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// Open begins to trace where the environment says to which collector; otherwise it
// gives nil.
func Open(ctx context.Context, version string, log *slog.Logger) (*Tracing, error) {
	if !asked() {
		return nil, nil //nolint:nilnil // nil is tracing that is off
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	of, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "crm"), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.WarnContext(context.Background(), "traces are not exported", slog.Any("error", err))
	}))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(wordless{exporter}), sdktrace.WithResource(of))
	return &Tracing{provider: provider, tracer: provider.Tracer("crm")}, nil
}

// asked reports whether the environment names a collector for traces.
func asked() bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Close sends what was not sent yet, for five seconds at most.
func (t *Tracing) Close(ctx context.Context) {
	if t == nil {
		return
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = t.provider.Shutdown(within) // the error handler has told
}

// Tracer makes the spans of requests and commands; nil where tracing is off.
func (t *Tracing) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.tracer
}

// Postgres has the pool's statements traced.
func (t *Tracing) Postgres(config *pgxpool.Config) {
	if t != nil {
		config.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(t.provider),
			otelpgx.WithDisableConnectionDetailsInAttributes())
	}
}

// Log has loads and appends traced, and gives the events of an append its span.
func (t *Tracing) Log(log commands.Log) commands.Log {
	if t == nil {
		return log
	}
	return tracedLog{log, t.tracer}
}

type tracedLog struct {
	commands.Log
	tracer trace.Tracer
}

func (l tracedLog) Load(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	ctx, span := l.tracer.Start(ctx, "load", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("crm.stream", string(stream))))
	recorded, err := l.Log.Load(ctx, stream, after)
	span.SetAttributes(attribute.Int("crm.events", len(recorded)))
	end(span, err)
	return recorded, err
}

func (l tracedLog) Append(ctx context.Context, stream domain.Stream, expected domain.Revision, events []domain.Proposed) (domain.Receipt, error) {
	ctx, span := l.tracer.Start(ctx, "append", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("crm.stream", string(stream)), attribute.Int("crm.events", len(events))))
	carried := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carried)
	for i := range events {
		events[i].Meta.TraceParent = carried["traceparent"]
	}
	receipt, err := l.Log.Append(ctx, stream, expected, events)
	end(span, err)
	return receipt, err
}

// maxLinks is how many requests a batch's span names; a trace is for looking at, and
// the SDK keeps no more.
const maxLinks = 128

// Batch begins the span of a batch that a read model takes in; what it gives ends it.
func (t *Tracing) Batch(ctx context.Context, model string, batch domain.Batch) (context.Context, func(error)) {
	var links []trace.Link
	for _, e := range batch.Events {
		from := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(),
			propagation.MapCarrier{"traceparent": e.Meta.TraceParent}))
		if from.IsValid() && (len(links) == 0 || links[len(links)-1].SpanContext.SpanID() != from.SpanID()) && len(links) < maxLinks {
			links = append(links, trace.Link{SpanContext: from})
		}
	}
	ctx, span := t.tracer.Start(ctx, "projection "+model, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithLinks(links...), trace.WithAttributes(
			attribute.String("crm.read_model", model), attribute.Int("crm.events", len(batch.Events)),
			attribute.String("crm.position", batch.Through.String())))
	return ctx, func(err error) { end(span, err) }
}

// end says whether it went well, and not in words.
func end(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// wordless is an exporter that leaves out what errors say: Postgres quotes values.
type wordless struct{ sdktrace.SpanExporter }

func (w wordless) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	quiet := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		quiet[i] = wordlessSpan{span}
	}
	return w.SpanExporter.ExportSpans(ctx, quiet)
}

type wordlessSpan struct{ sdktrace.ReadOnlySpan }

func (wordlessSpan) Events() []sdktrace.Event { return nil }

func (s wordlessSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}
