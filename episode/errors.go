package episode

import (
	"errors"
	"fmt"
)

var (
	// ErrCorrupt matches every error about an archive that is not whole or not of the format: bad bytes of any kind.
	// Reading it again gives the same.
	ErrCorrupt = errors.New("corrupt archive")

	// ErrTooLarge matches every error about an archive that goes beyond [Limits]. Reading it again gives the same.
	ErrTooLarge = errors.New("archive too large")

	// ErrUnusable matches every [*UnusableError].
	ErrUnusable = errors.New("unusable episode")

	// ErrNotFound is what a [Store] answers that has no such archive.
	ErrNotFound = errors.New("archive not found")
)

// A Reason says why an archive that is whole gives no curve.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	ReasonNoLabels    Reason = "no_labels"           // labels.jsonl has no label
	ReasonFewSegments Reason = "few_segments"        // fewer than four segments
	ReasonNoArmed     Reason = "no_armed"            // no segment is armed
	ReasonNoRunning   Reason = "no_infected_running" // no segment is infected_running
	ReasonNoSource    Reason = "no_source"           // the archive has no such telemetry member
	ReasonNoChannel   Reason = "no_channel"          // no row that counts has the field
	ReasonFewPoints   Reason = "few_points"          // fewer than two points, gaps counted
)

// UnusableError says that an archive is fine but gives no curve. It matches [ErrUnusable].
type UnusableError struct {
	Reason Reason
	Detail string // one sentence with the figures
}

func (e *UnusableError) Error() string { return ErrUnusable.Error() + ": " + e.Detail }

// Is reports whether target is [ErrUnusable].
func (e *UnusableError) Is(target error) bool { return target == ErrUnusable }

func corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

func tooLargef(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTooLarge, fmt.Sprintf(format, args...))
}

func unusablef(reason Reason, format string, args ...any) error {
	return &UnusableError{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
