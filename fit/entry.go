package fit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
)

// State is what an [Entry] holds. The zero value is no valid state. The states are in the order of who wins at the same place in the
// log ([Join]).
type State uint8

// The states, in the order in which they lose to each other at the same place in the log.
const (
	StateReason    State = iota + 1 // a reason why the episode has no curve
	StateCurve                      // a curve
	StateRetracted                  // nothing: the episode was withdrawn
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

// Entry is what is known of one episode: a register that is written by [Join] only. Entries are values; the curve is shared and
// never changed.
type Entry struct {
	Seq     uint64 // place in the episode log of the message that the state stems from
	Host    string
	Episode string
	State   State

	Curve Curve // of StateCurve: one value for each point, NaN for a gap
	// Signature and Seconds stand beside the curve: the channels of the spec's signature, and the lengths of the slices.
	Signature Signature
	Seconds   Seconds
	Reason    Reason // of StateReason
	Detail    string // of StateReason: the reason at length; for people only, may be empty

	// HadCurve says that an earlier state was a curve and the present one is none. Join keeps it through all later states but a
	// curve, beside which it says nothing: what Join and DecodeEntry return never has both.
	HadCurve bool
}

// Join merges two states of one episode's entry, and reports whether the result differs from old. The later one in the episode log
// wins. At the same place in the log retracted beats a curve and a curve beats a reason, and between two of a kind the greater JSON,
// byte by byte. HadCurve holds if either has or had a curve and the result is none. So Join is commutative, associative and
// idempotent: entries may arrive in any order and any number of times. The zero Entry loses against every other.
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

// Outline returns the entry without what its state holds: a curve's values, a reason's detail. It has the same place in the log, and is
// no entry to be written.
func (e Entry) Outline() Entry {
	e.Curve, e.Signature, e.Seconds, e.Detail = nil, nil, Seconds{}, ""
	return e
}

// compareEntries orders entries by who wins, without regard to HadCurve.
func compareEntries(a, b Entry) int {
	if c := cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.State, b.State)); c != 0 {
		return c
	}
	a.HadCurve, b.HadCurve = false, false
	return bytes.Compare(a.appendJSON(nil), b.appendJSON(nil))
}

// Validate returns an error that names the first thing that can't be in an entry under a spec: no or another length of curve or signature,
// an infinite value or one above 1e60, a length that is none, a reason that is no word, anything that does not belong to the state.
// Entries from outside must pass it before they enter a [Sample].
func (e Entry) Validate(spec *Spec) error {
	points := spec.Points.Total()
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
	for i, s := range e.Seconds {
		if !(s >= 0 && s <= math.MaxFloat32) {
			return fmt.Errorf("entry has a slice %d of %g seconds", i, s)
		}
	}
	return e.Signature.check(len(spec.Signature.Channels), points)
}

// check tests all but the points of the curve.
func (e Entry) check() error {
	switch {
	case e.Host == "" || e.Episode == "":
		return errors.New("entry lacks its host or episode")
	case !e.State.valid():
		return errors.New("entry has neither curve nor reason nor is it retracted")
	case e.State != StateCurve && (e.Signature != nil || e.Seconds != Seconds{}):
		return fmt.Errorf("entry of state %v has a signature", e.State)
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
	return nil
}
