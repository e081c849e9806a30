package episode

import (
	"errors"
	"fmt"
)

var (
	// ErrCorrupt matches every error about an archive that is damaged, incomplete or not of the
	// format. Reading it again gives the same error.
	ErrCorrupt = errors.New("corrupt archive")

	// ErrTooLarge matches every error about an archive that exceeds one of the [Limits]. Reading it
	// again gives the same error.
	ErrTooLarge = errors.New("archive too large")

	// ErrUnusable matches every [*UnusableError].
	ErrUnusable = errors.New("unusable episode")

	// ErrNotFound matches the error of a [Store] that answers that it has no such archive.
	ErrNotFound = errors.New("archive not found")

	// ErrRefused matches the error of a [Store] that answers, but does not give this archive, such
	// as for lack of a right. The archive may not exist. If other archives can be read meanwhile,
	// this one is at fault, otherwise the store may be.
	ErrRefused = errors.New("archive refused")
)

// A Reason says why no curve can be made of an archive that is complete and well-formed.
type Reason string

// The reasons, in the order in which they are checked.
const (
	ReasonNoLabels    Reason = "no_labels"           // labels.jsonl has no label
	ReasonFewSegments Reason = "few_segments"        // fewer than four segments
	ReasonNoArmed     Reason = "no_armed"            // no segment is armed
	ReasonNoRunning   Reason = "no_infected_running" // no segment is infected_running
	ReasonBadClock    Reason = "bad_clock"           // the labels span too little time, or too many rows were dropped
	ReasonNoSource    Reason = "no_source"           // the archive has no such telemetry member
	ReasonNoChannel   Reason = "no_channel"          // no selected row has the field
	ReasonFewPoints   Reason = "few_points"          // fewer than two points, gaps included
	ReasonBadCounter  Reason = "bad_counter"         // too many restarts, dips, peaks and unknown falls
	ReasonNoData      Reason = "no_data"             // too few points of the curve have a value; package align finds this
)

// An UnusableError says why no curve can be made of an archive that is complete and well-formed. It
// matches [ErrUnusable].
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
