package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cis490/profiles/fit"
)

// TestVector: neither the order in time nor the first bin of the run nor the other slices matter; gaps are left out.
func TestVector(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := rapid.SliceOfN(rapid.Float32Range(0, 100), 1, 40).Draw(t, "run")
		vector := func(first float32, run []float32, tail float32) []float32 {
			l := NewLayout(Running, "mean", []string{userTime, kernelTime}, fit.Points{CleanLead: 1, InfectedRunning: 1 + len(run), CleanTail: 1})
			row := slices.Concat([]float32{tail, first}, run, []float32{tail})
			v, err := l.Vector(fit.Signature{row, slices.Repeat([]float32{nan}, len(row))})
			if err != nil || !slices.Equal([]bool{v[2] == v[2], v[3] == v[3], v[6] == v[6]}, []bool{true, false, false}) {
				t.Fatalf("%v, %v: the second channel and the ratio are gaps", v, err)
			}
			return v[:3]
		}
		shuffled := slices.Clone(run)
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		one := vector(5, run, 1)
		if other := vector(nan, append(shuffled, nan, nan), 7); !slices.Equal(one, other) || one[1] < one[0] || one[2] > one[0] {
			t.Fatalf("%v and %v", one, other)
		}
	})
}

// TestKernelShare: a feature's value is told in the units that people know.
func TestKernelShare(t *testing.T) {
	l := NewLayout(Running, "mean", []string{kernelTime, userTime}, small.Points)
	v, err := l.Vector(fit.Signature{{9, 3, 3, 3, 3}, {9, 7, 7, 7, 7}})
	if err != nil {
		t.Fatal(err)
	}
	all := l.features()
	if got := all[6].original(float64(v[6])); all[6].Kind != KernelToUser || math.Abs(got-3.1/10.2) > 1e-6 {
		t.Errorf("%v is %v", all[6], got)
	}
	if got := all[0].original(float64(v[0])); math.Abs(got-3) > 1e-6 {
		t.Errorf("%v is %v", all[0], got)
	}
	if got := words(all[6], 0.41, 0.05, "bursty-c2"); got != "more kernel time in CPU time: 0.41, bursty-c2 has 0.05" {
		t.Error(got)
	}
}
