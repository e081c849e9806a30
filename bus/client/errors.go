package client

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

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
		return api.Code >= 500
	}
	return errors.Is(err, ErrNoLeader) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout)
}

// IsRefused reports whether err is a final answer of the server or of the NATS
// library. Asking again gives the same.
func IsRefused(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code < 500 // 503 means no leader at the moment, and the like
	}
	return errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) ||
		errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, ErrDenied)
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
