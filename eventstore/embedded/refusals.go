package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// A refusal is an answer that clients tell apart by its trailers.
type refusal struct {
	code     codes.Code
	message  string
	trailers metadata.MD
}

func (r *refusal) Error() string { return r.message }

func refuse(code codes.Code, exception, message string, pairs ...string) *refusal {
	return &refusal{code: code, message: message, trailers: metadata.Pairs(append([]string{"exception", exception}, pairs...)...)}
}

func streamDeleted(stream string) *refusal {
	return refuse(codes.FailedPrecondition, "stream-deleted", fmt.Sprintf("Event stream '%s' is deleted.", stream),
		"stream-name", headerSafe(stream))
}

func wrongRevision(operation, stream string, expected, actual int64) *refusal {
	return refuse(codes.FailedPrecondition, "wrong-expected-version",
		fmt.Sprintf("%s failed due to WrongExpectedVersion. Stream: %s, Expected version: %d, Actual version: %d",
			operation, stream, expected, actual),
		"stream-name", headerSafe(stream),
		"expected-version", strconv.FormatInt(expected, 10),
		"actual-version", strconv.FormatInt(actual, 10))
}

func appendTooLarge(limit int) *refusal {
	return refuse(codes.InvalidArgument, "maximum-append-size-exceeded",
		fmt.Sprintf("Maximum Append Size of %d Exceeded.", limit),
		"maximum-append-size", strconv.Itoa(limit))
}

func missingMetadata(property string) *refusal {
	return refuse(codes.InvalidArgument, "missing-required-metadata-property",
		fmt.Sprintf("Required Metadata Property '%s' is missing", property),
		"required-metadata-properties", metadataType+","+metadataContentType)
}

func accessDenied() *refusal {
	return refuse(codes.PermissionDenied, "access-denied", "Access Denied")
}

func invalidArgument(format string, args ...any) *refusal {
	return &refusal{code: codes.InvalidArgument, message: fmt.Sprintf(format, args...)}
}

// Answers of a node that cannot serve now; the same call may be sent again. A
// disk that is full or stuck is answered as EventStoreDB answers for one that is
// too slow: Aborted. On Unavailable the Go client would open a new connection for every
// refused append, and never close the old one.
var (
	errClosing = &refusal{code: codes.Unavailable, message: "the node is closing"}
	errBroken  = &refusal{code: codes.Unavailable, message: "the storage is unavailable: it failed, and the node stopped"}
	errFull    = &refusal{code: codes.Aborted, message: "the storage is unavailable: no space left on the device"}
	errStalled = &refusal{code: codes.Aborted, message: "the storage is unavailable: the disk does not answer"}
)

// headerSafe makes a stream name fit for a trailer, which may hold printable
// ASCII only.
func headerSafe(s string) string {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return url.PathEscape(s)
		}
	}
	return s
}

// toStatus turns err into what gRPC sends, and sets the trailers through setTrailer.
func toStatus(err error, setTrailer func(metadata.MD)) error {
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		if r.trailers != nil {
			setTrailer(r.trailers)
		}
		return status.Error(r.code, r.message)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err).Err()
	}
	if errors.Is(err, errDamaged) {
		return status.Error(codes.DataLoss, err.Error())
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Internal, err.Error())
}
