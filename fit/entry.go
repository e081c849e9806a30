package fit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
)

// State says what an [Entry] has. The zero value is not valid.
type State uint8

// The states. Of two entries at the same place in the log, [Join] takes the one with the higher state.
const (
	StateReason    State = iota + 1 // a reason why the episode has no curve
	StateCurve                      // a curve
	StateRetracted                  // neither: the episode was retracted
)

func (s State) valid() bool { return StateReason <= s && s <= StateRetracted }

func (s State) String() string {
	switch s {
	case StateReason:
		return "reason"
	case StateCurve:
		return "curve"
	case StateRetracted:
		return "retracted"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Entry has what is stored about one episode. Stored entries are changed by [Join] only. The slices are shared between copies and
// never changed.
type Entry struct {
	Seq     uint64 // place in the episode log of the message that gave the state
	Host    string
	Episode string
	State   State

	Curve     Curve     // of StateCurve: one value for each point, NaN for a gap
	Signature Signature // of StateCurve: the channels of the spec's signature; nil if the spec has none
	Seconds   Seconds   // of StateCurve: the lengths of the slices
	Quality   Quality   // of StateCurve: what is wrong with the recording
	Reason    Reason    // of StateReason
	Detail    string    // of StateReason: a sentence for people; may be empty

	// HadCurve says that the entry has no curve, but an earlier state had one.
	HadCurve bool
}

// Join merges two entries of one episode, and reports whether the result differs from old. The later one in the episode log wins.
// At the same place in the log, retracted wins over a curve, a curve over a reason, and of two entries of one state the one with
// the greater JSON, byte by byte. HadCurve is set if one of the entries has or had a curve and the result has none. So Join is
// commutative, associative and idempotent: entries may arrive in any order and any number of times. Every entry wins over the
// zero Entry.
func Join(old, new Entry) (Entry, bool) {
	order := compareEntries(new, old)
	joined := old
	if order > 0 {
		joined = new
	}
	joined.HadCurve = joined.State != StateCurve && (old.everCurve() || new.everCurve())
	return joined, order > 0 || joined.everCurve() != old.everCurve()
}

// everCurve reports whether the entry has or had a curve.
func (e Entry) everCurve() bool { return e.State == StateCurve || e.HadCurve }

// Outline returns the entry without what only an entry with a curve has, and without its detail. That of an entry with a curve
// cannot be stored.
func (e Entry) Outline() Entry {
	e.Curve, e.Signature, e.Seconds, e.Quality, e.Detail = nil, nil, Seconds{}, Quality{}, ""
	return e
}

// compareEntries returns +1 if a wins over b in [Join], -1 if b wins. HadCurve does not matter.
func compareEntries(a, b Entry) int {
	if c := cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.State, b.State)); c != 0 {
		return c
	}
	a.HadCurve, b.HadCurve = false, false
	return bytes.Compare(a.appendJSON(nil), b.appendJSON(nil))
}

// Validate returns an error if the entry is not valid for the spec: if its curve or signature has another length, a value is
// infinite or above 1e60, a slice's length or a value of the quality is not a number from 0, the reason is not a word, or a field does not belong to the
// state. An entry that was read must pass it before it is put into a [Sample].
func (e Entry) Validate(spec *Spec) error {
	points := spec.Points.Total()
	if err := e.ValidateCurve(points); err != nil || e.State != StateCurve {
		return err
	}
	return e.Signature.check(len(spec.Signature.Channels), points)
}

// ValidateCurve is [Entry.Validate] for a reader that knows the number of points but not the spec. It does not check the signature.
func (e Entry) ValidateCurve(points int) error {
	if err := e.check(); err != nil {
		return err
	}
	if e.State != StateCurve {
		return nil
	}
	if len(e.Curve) != points {
		return fmt.Errorf("entry has a curve of %d points, want %d", len(e.Curve), points)
	}
	for i, v := range e.Curve {
		if math.Abs(v) > maxMagnitude {
			return fmt.Errorf("entry has the value %g at point %d, above %g in magnitude", v, i, maxMagnitude)
		}
	}
	return nil
}

// check checks everything that does not depend on a spec.
func (e Entry) check() error {
	switch {
	case e.Host == "" || e.Episode == "":
		return errors.New("entry lacks its host or episode")
	case !e.State.valid():
		return errors.New("entry has no curve and no reason, and is not retracted")
	case e.State != StateCurve && (e.Signature != nil || e.Seconds != Seconds{} || e.Quality != Quality{}):
		return fmt.Errorf("entry of state %v has a signature, seconds or quality", e.State)
	case e.State == StateCurve && e.Curve == nil:
		return errors.New("entry is the outline of one with a curve")
	case e.State != StateCurve && e.Curve != nil:
		return fmt.Errorf("entry of state %v has a curve", e.State)
	case e.State != StateReason && (e.Reason != "" || e.Detail != ""):
		return fmt.Errorf("entry of state %v has a reason", e.State)
	case e.State == StateReason && !e.Reason.valid():
		return fmt.Errorf("entry has reason %s, which does not match [a-z][a-z_]*", quote(string(e.Reason)))
	case e.State == StateCurve && e.HadCurve:
		return errors.New("entry has a curve and had_curve")
	}
	if err := e.Seconds.check(); err != nil {
		return err
	}
	return e.Quality.check()
}
