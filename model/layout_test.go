package model

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/cis490/profiles/fit"
)

func TestLayoutVersion(t *testing.T) {
	old, newer := small, small
	old.Version, newer.Version = 0, LayoutVersion+1
	for _, l := range []Layout{old, newer} {
		if _, err := New(l, []Example{example("a", 1, 1, 2, 3)}); !errors.Is(err, ErrVersion) {
			t.Errorf("version %d: %v", l.Version, err)
		}
	}
	for _, points := range []fit.Points{{}, {CleanLead: 3, Armed: -1, InfectedRunning: 3}, {CleanLead: 1, InfectedRunning: 1}} {
		l := small
		l.Points = points
		if err := l.Validate(); err == nil {
			t.Errorf("a layout with the points %+v is valid", points)
		}
	}
}

// TestReference: the points of the curves are compared as they are; a gap is 0.
func TestReference(t *testing.T) {
	l := NewLayout(Reference, "linear", []string{"x.a"}, fit.Points{InfectedRunning: 2})
	v, err := l.Vector(fit.Signature{{3, nan}})
	if err != nil || !slices.Equal(v, []float32{3, 0}) {
		t.Fatalf("%v, %v", v, err)
	}
	m := mustNew(t, l, []Example{example("a", 1, 3, 0), example("b", 1, 1e30, 4)})
	answer, err := m.KNN([]float32{3, 4}, 1)
	if err != nil || answer.Profile != "a" || math.Abs(answer.Distance-4/math.Sqrt2) > 1e-12 {
		t.Errorf("%+v, %v", answer, err)
	}
}
