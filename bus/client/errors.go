package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrRefusedChange means that NATS cannot change a setting of a stream or consumer that exists.
var ErrRefusedChange = errors.New("NATS refuses the change")

// refusedChange makes the answer to an update match ErrRefusedChange where it is final.
func refusedChange(err error) error {
	// The NATS library has no names for these; the server sends them with 500.
	const invalidStream, streamUpdate, invalidConsumer = 10052, 10069, 10012
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.Code < 500 || api.ErrorCode == invalidStream || api.ErrorCode == streamUpdate || api.ErrorCode == invalidConsumer) {
		return fmt.Errorf("%w: %w", ErrRefusedChange, err)
	}
	return err
}

// IsAbsent reports whether err means that a stream, bucket or consumer does not
// exist.
func IsAbsent(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) ||
		errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrConsumerDoesNotExist)
}

// IsUnanswered reports whether err means only that nobody answered: a leader is
// being elected, or servers are starting. Asking again may help.
func IsUnanswered(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code >= 500 && !errors.Is(err, ErrFull)
	}
	return errors.Is(err, ErrNoLeader) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout)
}

// IsRefused reports whether err is a final answer of the server or of the NATS
// library. Asking again gives the same.
func IsRefused(err error) bool {
	if errors.Is(err, ErrRefusedChange) {
		return true
	}
	var api *jetstream.APIError
	if errors.As(err, &api) && !errors.Is(err, ErrFull) {
		return api.Code < 500 // 503 means no leader at the moment, and the like
	}
	return errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) ||
		errors.Is(err, ErrFull) || errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, ErrDenied)
}

// IsConflict reports whether err means that a compare-and-set lost. It does not
// say whether an earlier try that timed out was stored.
func IsConflict(err error) bool {
	if errors.Is(err, jetstream.ErrKeyRevisionMismatch) || errors.Is(err, jetstream.ErrKeyExists) {
		return true
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// ErrFull matches the error of a publish to a stream that has reached its limit and keeps what it has.
var ErrFull = errors.New("the stream is full")

// orFull returns ErrFull with err if err is the server's answer that the stream is full.
func orFull(err error) error {
	const storeFailed = 10077 // the NATS library has no name for it
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == storeFailed && strings.HasPrefix(api.Description, "maximum ") {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// explainStorage adds to the error of creating or changing a stream what to do if its limit in bytes does not
// fit into the storage of the server.
func explainStorage(err error) error {
	const storageExceeded = 10047 // the NATS library has no name for it
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == storageExceeded {
		return fmt.Errorf("%w: the servers' storage has no room for the limits of all streams; raise max_file_store, or lower NATS_LOG_BYTES or NATS_ARCHIVES_BYTES (docs/OPERATIONS.md, \"Storage\")", err)
	}
	return err
}

// isInUse reports whether err means that another client has just created the
// stream or consumer.
func isInUse(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) || errors.Is(err, jetstream.ErrConsumerExists)
}

// isTooFewServers reports whether err means that the cluster has fewer servers
// than replicas are asked for. The others may still be starting.
func isTooFewServers(err error) bool {
	const code = 10005 // the NATS library has no name for it
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == code
}

// hasNoLeader reports whether the server answers that its cluster has no leader at present: it elects one, or the server is cut
// off from the others.
func hasNoLeader(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == 10008 // JSClusterNotAvailErr of nats-server
}
