package fit

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestMeanOfUnknownSteps: a bin that touches only the end of an unknown step is no gap.
func TestMeanOfUnknownSteps(t *testing.T) {
	p := Points{CleanLead: 5, InfectedRunning: 2}
	w := Walk{Armed: 5, Infecting: nan, Running: 5, RunningEnd: 7, DormantEnd: nan}
	at := []float64{0, 1, 2, 3, 4, 5, 6, 7}
	counts := []float64{0, 1, 2, 3, 4, 5, 6, 7}
	tests := []struct {
		name    string
		t       []float64
		unknown []int
		gaps    []int // points of the curve
	}{
		{"none", at, nil, nil},
		{"one whole bin", at, []int{3}, []int{2}},
		{"the first and the last", at, []int{1, 7}, []int{0, 6}},
		{"neighbours", at, []int{2, 3}, []int{1, 2}},
		{"across a border of slices", []float64{0, 1, 2, 3, 4, 4.5, 6.5, 7}, []int{6}, []int{4, 5, 6}},
		{"a part of a bin", []float64{0, 1, 1.5, 1.75, 4, 5, 6, 7}, []int{3}, []int{1}},
		{"outside the samples", at, []int{0, 8, 99}, nil},
	}
	for _, test := range tests {
		var gaps []int
		for i, v := range Align(p, Mean, w, Series{T: test.t, V: counts, Counts: true, Unknown: test.unknown}) {
			if math.IsNaN(v) {
				gaps = append(gaps, i)
			}
		}
		if !slices.Equal(gaps, test.gaps) {
			t.Errorf("%s: gaps at %v, want %v", test.name, gaps, test.gaps)
		}
		for name, other := range map[string]Curve{
			"linear":  Align(p, Linear, w, Series{T: test.t, V: counts, Counts: true, Unknown: test.unknown}),
			"a gauge": Align(p, Mean, w, Series{T: test.t, V: counts, Unknown: test.unknown}),
		} {
			if slices.ContainsFunc(other, math.IsNaN) {
				t.Errorf("%s, %s: %v", test.name, name, other)
			}
		}
	}
}

// TestUnknownStepsAreTheBins compares with the definition, bin by bin.
func TestUnknownStepsAreTheBins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(t, "samples")
		s := Series{T: make([]float64, n), V: make([]float64, n), Counts: true}
		at := 0.0
		for i := range n {
			s.T[i], s.V[i] = at, float64(i)
			at += rapid.SampledFrom([]float64{0.25, 0.5, 1, 3}).Draw(t, "step")
			if i > 0 && rapid.Bool().Draw(t, "unknown") {
				s.Unknown = append(s.Unknown, i)
			}
		}
		lo, hi := rapid.Float64Range(0, at).Draw(t, "lo"), rapid.Float64Range(0, at).Draw(t, "hi")
		bins := rapid.IntRange(1, 20).Draw(t, "bins")
		w := Walk{Armed: nan, Infecting: nan, Running: lo, RunningEnd: hi, DormantEnd: nan}
		p := Points{InfectedRunning: bins}
		got := Align(p, Mean, w, s)
		known := s
		known.Unknown = nil
		want := Align(p, Mean, w, known)
		for i := range want {
			from, to := gridPoint(lo, hi, bins+1, i), gridPoint(lo, hi, bins+1, i+1)
			for _, k := range s.Unknown {
				if from < s.T[k] && to > s.T[k-1] {
					want[i] = nan
				}
			}
		}
		if !same(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestScale(t *testing.T) {
	p := DefaultPoints()
	s := Series{T: []float64{0, 7, 30, 44}, V: []float64{0.1, 3, nan, 1e30}}
	for _, r := range []Resample{Linear, Mean} {
		s.Scale = 0
		base := Align(p, r, canonicalWalk, s)
		for _, scale := range []float64{1, 1e-6, -0.1, 1e15} {
			s.Scale = scale
			got := Align(p, r, canonicalWalk, s)
			signature := AlignSignature(p, r, canonicalWalk, []Series{s})
			for i, v := range base {
				want := v * scale
				if !same(got[i:i+1], []float64{want}) {
					t.Fatalf("%s: point %d is %v, want %v", r, i, got[i], want)
				}
				if math.Float32bits(signature[0][i]) != math.Float32bits(toFloat32(want)) {
					t.Fatalf("%s: point %d of the signature is %v, want %v", r, i, signature[0][i], toFloat32(want))
				}
			}
		}
	}
}
