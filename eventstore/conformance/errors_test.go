package conformance

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// trailers are those that clients read, as text.
func trailers(md metadata.MD) map[string]string {
	known := map[string]string{}
	for key, values := range md {
		if strings.HasPrefix(key, "grpc-") || key == "content-type" || key == "date" || key == "server" {
			continue
		}
		known[key] = strings.Join(values, ", ")
	}
	return known
}

func deleteOptions(stream string, expected int64) *streamspb.DeleteReq {
	o := &streamspb.DeleteReq_Options{StreamIdentifier: identifier(stream)}
	switch expected {
	case noStream:
		o.ExpectedStreamRevision = &streamspb.DeleteReq_Options_NoStream{NoStream: &shared.Empty{}}
	case anything:
		o.ExpectedStreamRevision = &streamspb.DeleteReq_Options_Any{Any: &shared.Empty{}}
	case exists:
		o.ExpectedStreamRevision = &streamspb.DeleteReq_Options_StreamExists{StreamExists: &shared.Empty{}}
	default:
		o.ExpectedStreamRevision = &streamspb.DeleteReq_Options_Revision{Revision: uint64(expected)}
	}
	return &streamspb.DeleteReq{Options: o}
}

func tombstoneOptions(stream string, expected int64) *streamspb.TombstoneReq {
	o := &streamspb.TombstoneReq_Options{StreamIdentifier: identifier(stream)}
	switch expected {
	case noStream:
		o.ExpectedStreamRevision = &streamspb.TombstoneReq_Options_NoStream{NoStream: &shared.Empty{}}
	case anything:
		o.ExpectedStreamRevision = &streamspb.TombstoneReq_Options_Any{Any: &shared.Empty{}}
	case exists:
		o.ExpectedStreamRevision = &streamspb.TombstoneReq_Options_StreamExists{StreamExists: &shared.Empty{}}
	default:
		o.ExpectedStreamRevision = &streamspb.TombstoneReq_Options_Revision{Revision: uint64(expected)}
	}
	return &streamspb.TombstoneReq{Options: o}
}

// A call is one that is refused; it returns the trailers and the error.
type call func(ctx context.Context) (metadata.MD, error)

func (s *server) appending(messages ...*streamspb.AppendReq) call {
	return func(ctx context.Context) (metadata.MD, error) {
		_, md, err := s.send(ctx, messages...)
		return md, err
	}
}

func (s *server) reading(o *streamspb.ReadReq_Options) call {
	return func(ctx context.Context) (metadata.MD, error) {
		_, md, err := s.begin(ctx, o)
		return md, err
	}
}

func (s *server) deleting(stream string, expected int64) call {
	return func(ctx context.Context) (md metadata.MD, err error) {
		_, err = s.raw.Delete(ctx, deleteOptions(stream, expected), grpc.Trailer(&md))
		return md, err
	}
}

func (s *server) tombstoning(stream string, expected int64) call {
	return func(ctx context.Context) (md metadata.MD, err error) {
		_, err = s.raw.Tombstone(ctx, tombstoneOptions(stream, expected), grpc.Trailer(&md))
		return md, err
	}
}

// subscribing follows a stream until that ends.
func (s *server) subscribing(stream string) call {
	return func(ctx context.Context) (metadata.MD, error) {
		sub, err := s.raw.Read(ctx, subscription(stream))
		for err == nil {
			_, err = sub.Recv()
		}
		return sub.Trailer(), err
	}
}

// TestRefusals: the status and the trailers of everything that is refused with
// trailers.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := examine(t)
	live, ended, missing, soft := s.stream("live"), s.stream("ended"), s.stream("missing"), s.stream("soft")
	s.append(t, live, esdb.NoStream{}, events("x", 3)...)
	s.append(t, ended, esdb.NoStream{}, events("x", 2)...)
	s.tombstone(t, ended)
	s.append(t, soft, esdb.NoStream{}, events("x", 2)...)
	s.softDelete(t, soft)
	limit := s.limit(t)

	id := stringID(uuid.NewString())
	deleted := func(stream string) map[string]string {
		return map[string]string{"exception": "stream-deleted", "stream-name": stream}
	}
	wrong := func(stream string, expected, actual int64) map[string]string {
		return map[string]string{
			"exception": "wrong-expected-version", "stream-name": stream,
			"expected-version": fmt.Sprint(expected), "actual-version": fmt.Sprint(actual),
		}
	}
	required := map[string]string{
		"exception": "missing-required-metadata-property", "required-metadata-properties": "type,content-type",
	}
	read := func(stream string, d streamspb.ReadReq_Options_ReadDirection) *streamspb.ReadReq_Options {
		return &streamspb.ReadReq_Options{
			StreamOption: streamStart(stream), CountOption: count(9), FilterOption: noFilter, UuidOption: structured, ReadDirection: d,
		}
	}
	for _, tt := range []struct {
		name string
		call call
		code codes.Code
		want map[string]string
	}{
		{"append to a tombstone", s.appending(appendOptions(ended, anything), plain(uuid.New())), codes.FailedPrecondition, deleted(ended)},
		{"append to a tombstone, exact", s.appending(appendOptions(ended, 1), plain(uuid.New())), codes.FailedPrecondition, deleted(ended)},
		{"append nothing to a tombstone", s.appending(appendOptions(ended, anything)), codes.FailedPrecondition, deleted(ended)},
		{"append to a tombstone's metadata", s.appending(appendOptions("$$"+ended, anything), plain(uuid.New())), codes.FailedPrecondition, deleted("$$" + ended)},
		{"read a tombstone", s.reading(read(ended, streamspb.ReadReq_Options_Forwards)), codes.FailedPrecondition, deleted(ended)},
		{"read a tombstone backwards", s.reading(read(ended, streamspb.ReadReq_Options_Backwards)), codes.FailedPrecondition, deleted(ended)},
		{"read a tombstone's metadata", s.reading(read("$$"+ended, streamspb.ReadReq_Options_Backwards)), codes.FailedPrecondition, deleted("$$" + ended)},
		{"subscribe to a tombstone", s.subscribing(ended), codes.FailedPrecondition, deleted(ended)},
		{"delete a tombstone", s.deleting(ended, anything), codes.FailedPrecondition, deleted(ended)},
		{"tombstone a tombstone", s.tombstoning(ended, anything), codes.FailedPrecondition, deleted(ended)},
		{"a soft-deleted stream does not exist", s.appending(appendOptions(soft, exists), plain(uuid.New())), codes.FailedPrecondition, deleted(soft)},
		{"delete what is soft-deleted, if it exists", s.deleting(soft, exists), codes.FailedPrecondition, deleted(soft)},

		{"delete behind", s.deleting(live, 1), codes.FailedPrecondition, wrong(live, 1, 2)},
		{"delete ahead", s.deleting(live, 3), codes.FailedPrecondition, wrong(live, 3, 2)},
		{"delete no stream", s.deleting(live, noStream), codes.FailedPrecondition, wrong(live, -1, 2)},
		{"delete what is missing", s.deleting(missing, anything), codes.FailedPrecondition, wrong(missing, -2, -1)},
		{"delete what is missing, if it exists", s.deleting(missing, exists), codes.FailedPrecondition, wrong(missing, -4, -1)},
		{"tombstone behind", s.tombstoning(live, 0), codes.FailedPrecondition, wrong(live, 0, 2)},
		{"tombstone ahead", s.tombstoning(live, 7), codes.FailedPrecondition, wrong(live, 7, 2)},
		{"tombstone no stream", s.tombstoning(live, noStream), codes.FailedPrecondition, wrong(live, -1, 2)},
		{"tombstone what is missing, if it exists", s.tombstoning(missing, exists), codes.FailedPrecondition, wrong(missing, -4, -1)},

		{
			"too large", s.appending(appendOptions(missing, anything), proposal(id, make([]byte, limit+1), "type", "t", "content-type", "c")),
			codes.InvalidArgument,
			map[string]string{"exception": "maximum-append-size-exceeded", "maximum-append-size": fmt.Sprint(limit)},
		},
		{"no type", s.appending(appendOptions(missing, anything), proposal(id, nil, "content-type", "application/json")), codes.InvalidArgument, required},
		{"no content type", s.appending(appendOptions(missing, anything), proposal(id, nil, "type", "t")), codes.InvalidArgument, required},
	} {
		md, err := tt.call(within(t))
		if got := status.Code(err); got != tt.code {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.code)
		}
		if diff := cmp.Diff(tt.want, trailers(md)); diff != "" {
			t.Errorf("%s, trailers:\n%s", tt.name, diff)
		}
	}
	if got := len(s.whole(t, live)); got != 3 {
		t.Errorf("%d events after refusals only, want 3", got)
	}
	if _, err := s.read(t, missing, esdb.Start{}, esdb.Forwards, 9); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Errorf("missing after refusals only: %v", err)
	}
}

// TestTheClientUnderstands what is refused: it looks into the trailers, and
// panics at some that are missing.
func TestTheClientUnderstands(t *testing.T) {
	t.Parallel()
	s := examine(t)
	ended := s.stream("日本") // a name that no trailer can hold as it is
	s.append(t, ended, esdb.NoStream{}, events("x", 2)...)
	s.tombstone(t, ended)
	_, err := s.read(t, ended, esdb.Start{}, esdb.Forwards, 9)
	if code(err) != esdb.ErrorCodeStreamDeleted {
		t.Errorf("read a tombstone: %v", err)
	}
	_, err = s.client.AppendToStream(within(t), ended, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event("x"))
	if code(err) != esdb.ErrorCodeStreamDeleted {
		t.Errorf("append to a tombstone: %v", err)
	}
	_, err = s.client.DeleteStream(within(t), ended, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	if code(err) != esdb.ErrorCodeStreamDeleted {
		t.Errorf("delete a tombstone: %v", err)
	}
	if s.own {
		md, _ := s.deleting(ended, anything)(within(t))
		if got, want := trailers(md)["stream-name"], url.PathEscape(ended); got != want {
			t.Errorf("stream-name %q, want %q", got, want)
		}
	}
}

// TestWhatMakesNoSense is refused. With which status is not documented: a server
// lets an exception through for most of it, which is Unknown.
func TestWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	s := examine(t)
	a := s.stream("a")
	s.append(t, a, esdb.NoStream{}, event("x"))
	position := s.whole(t, a)[0].Position
	id := stringID(uuid.NewString())
	follow := func(o *streamspb.ReadReq_Options) *streamspb.ReadReq_Options {
		o.CountOption, o.UuidOption = subscribe, structured
		return o
	}
	read := func(o *streamspb.ReadReq_Options) *streamspb.ReadReq_Options {
		o.CountOption, o.UuidOption = count(1), structured
		return o
	}
	none := filterBy("type", "x")
	none.Filter.CheckpointIntervalMultiplier = 0
	windowless := filterBy("type", "x")
	windowless.Filter.Window = &streamspb.ReadReq_Options_FilterOptions_Max{Max: 0}
	beyond := &streamspb.ReadReq_Options_All{All: &streamspb.ReadReq_Options_AllOptions{
		AllOption: &streamspb.ReadReq_Options_AllOptions_Position{Position: &streamspb.ReadReq_Options_Position{
			CommitPosition: position.Commit + 1<<40, PreparePosition: position.Commit + 1<<40,
		}},
	}}
	for _, tt := range []struct {
		name   string
		call   call
		beyond bool // what the node is stricter in, or what a server without users lets pass
	}{
		{"append nothing at all", s.appending(), false},
		{"append without options", s.appending(plain(uuid.New())), false},
		{"append to no stream", s.appending(appendOptions("", anything), plain(uuid.New())), false},
		{"append to no stream's metadata", s.appending(appendOptions("$$", anything), plain(uuid.New())), true},
		{"append options twice", s.appending(appendOptions(a, anything), appendOptions(a, anything)), false},
		{"append a name of 5 KiB", s.appending(appendOptions(strings.Repeat("x", 5<<10), anything), plain(uuid.New())), true},
		{"append without an id", s.appending(appendOptions(a, anything), proposal(nil, nil, "type", "t", "content-type", "c")), false},
		{"append a bad id", s.appending(appendOptions(a, anything), proposal(stringID("zzz"), nil, "type", "t", "content-type", "c")), false},
		{"append an id of zeros", s.appending(appendOptions(a, anything), plain(uuid.Nil)), false},
		{"append an empty type", s.appending(appendOptions(a, anything), proposal(id, nil, "type", "", "content-type", "c")), false},
		{"append at a negative revision", s.appending(appendOptions(a, -3), plain(uuid.New())), false},
		{"delete no stream", s.deleting("", anything), false},
		{"delete metadata", s.deleting("$$"+a, anything), true},
		{"tombstone no stream", s.tombstoning("", anything), false},
		{"read without options", s.reading(nil), false},
		{"read neither a stream nor $all", s.reading(read(&streamspb.ReadReq_Options{FilterOption: noFilter})), false},
		{"read no stream", s.reading(read(&streamspb.ReadReq_Options{FilterOption: noFilter, StreamOption: streamStart("")})), false},
		{"read without a count", s.reading(&streamspb.ReadReq_Options{FilterOption: noFilter, StreamOption: allStart, UuidOption: structured}), false},
		{"read by an empty filter", s.reading(read(&streamspb.ReadReq_Options{StreamOption: allStart, FilterOption: filterBy("type", "")})), true},
		{"read by a bad pattern", s.reading(read(&streamspb.ReadReq_Options{StreamOption: allStart, FilterOption: filterBy("type", "(")})), false},
		{"read beyond the log", s.reading(read(&streamspb.ReadReq_Options{StreamOption: beyond, FilterOption: noFilter})), true},
		{"subscribe beyond the log", s.reading(follow(&streamspb.ReadReq_Options{StreamOption: beyond, FilterOption: noFilter})), true},
		{"subscribe to nothing", s.reading(follow(&streamspb.ReadReq_Options{FilterOption: noFilter})), false},
		{"subscribe backwards", s.reading(follow(&streamspb.ReadReq_Options{
			StreamOption: allStart, FilterOption: noFilter, ReadDirection: streamspb.ReadReq_Options_Backwards,
		})), false},
		{"subscribe to a stream with a filter", s.reading(follow(&streamspb.ReadReq_Options{
			StreamOption: streamStart(a), FilterOption: filterBy("type", "x"),
		})), false},
		{"subscribe without checkpoints", s.reading(follow(&streamspb.ReadReq_Options{StreamOption: allStart, FilterOption: none})), false},
		{"subscribe without a window", s.reading(follow(&streamspb.ReadReq_Options{StreamOption: allStart, FilterOption: windowless})), true},
	} {
		if tt.beyond && !s.own {
			continue
		}
		_, err := tt.call(within(t))
		got := status.Code(err)
		if s.own && got != codes.InvalidArgument || got == codes.OK || got == codes.DeadlineExceeded {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if s.own { // a server without users lets it pass
		md, err := s.appending(appendOptions("$all", anything), plain(uuid.New()))(within(t))
		if status.Code(err) != codes.PermissionDenied || trailers(md)["exception"] != "access-denied" {
			t.Errorf("append to $all: %v, %v", err, md)
		}
	}
	if got := len(s.whole(t, a)); got != 1 {
		t.Errorf("%d events after refusals only, want 1", got)
	}
}

// TestCallsEndWithTheirContext: a read and a subscription that the client leaves,
// and calls whose time is up.
func TestCallsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	s := examine(t)
	const n = 12
	for range n { // more than the windows of a connection hold
		large := event("x")
		large.Data = make([]byte, 900_000)
		s.append(t, s.stream("a"), esdb.Any{}, large)
	}
	for name, o := range map[string]*streamspb.ReadReq_Options{
		"read":         {StreamOption: streamStart(s.stream("a")), CountOption: count(n)},
		"subscription": {StreamOption: streamStart(s.stream("a")), CountOption: subscribe},
	} {
		o.FilterOption, o.UuidOption = noFilter, structured
		ctx, cancel := context.WithCancel(within(t))
		call, err := s.raw.Read(ctx, &streamspb.ReadReq{Options: o})
		if err == nil {
			_, err = call.Recv()
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cancel()
		for err == nil {
			_, err = call.Recv()
		}
		if status.Code(err) != codes.Canceled {
			t.Errorf("%s, left: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(within(t), 1)
	defer cancel()
	if _, _, err := s.send(ctx, appendOptions(s.stream("late"), noStream), plain(uuid.New())); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("append without time: %v", err)
	}
	if _, err := s.client.AppendToStream(ctx, s.stream("late"), esdb.AppendToStreamOptions{}, event("x")); code(err) != esdb.ErrorCodeDeadlineExceeded {
		t.Errorf("append without time, by the client: %v", err)
	}
	// A subscription's time is up while it waits for events.
	waiting, stop := context.WithTimeout(within(t), 200*time.Millisecond)
	defer stop()
	if _, err := s.subscribing(s.stream("none"))(waiting); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a subscription without time: %v", err)
	}
	if got := len(s.whole(t, s.stream("a"))); got != n {
		t.Errorf("the server answers %d events afterwards, want %d", got, n)
	}
}
