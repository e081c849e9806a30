package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	maxTries   = 3                      // of one request
	firstPause = 100 * time.Millisecond // between the first try and the second; each further pause is twice as long
)

// A permanentError is an error that would come back if the request were tried again.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// retry sends a request until it succeeds, its error is a permanentError, ctx ends, or it has failed
// maxTries times. It unwraps a permanentError.
func retry(ctx context.Context, request func() error) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := request()
		var permanent permanentError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &permanent):
			return permanent.error
		case try == maxTries:
			return fmt.Errorf("no answer in %d tries: %w", maxTries, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		pause *= 2
	}
}
