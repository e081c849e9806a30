package fit

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// canonicalWalk has clean 10 s, armed 2 s, infecting 3 s, infected_running 25 s, clean 5 s.
var canonicalWalk = Walk{Armed: 10, Infecting: 12, Running: 15, RunningEnd: 40, DormantEnd: nan, Duration: 45}

func TestSlices(t *testing.T) {
	change := func(edit func(*Walk)) Walk {
		w := canonicalWalk
		edit(&w)
		return w
	}
	tests := []struct {
		name string
		walk Walk
		want [6]float64 // edges; each slice but clean_lead and infected_running begins where the one before ends
	}{
		{"canonical", canonicalWalk, [6]float64{0, 10, 12, 15, 40, 45}},
		{"no infecting", change(func(w *Walk) { w.Infecting = nan }), [6]float64{0, 10, 10.1, 15, 40, 45}},
		{"dormant later", change(func(w *Walk) { w.DormantEnd = 43 }), [6]float64{0, 10, 12, 15, 43, 45}},
		{"dormant earlier", change(func(w *Walk) { w.DormantEnd = 30 }), [6]float64{0, 10, 12, 15, 40, 45}},
		{"duration earlier", change(func(w *Walk) { w.Duration = 39 }), [6]float64{0, 10, 12, 15, 40, 40.1}},
		{"duration the same", change(func(w *Walk) { w.Duration = 40 }), [6]float64{0, 10, 12, 15, 40, 40.1}},
		{"duration unknown", change(func(w *Walk) { w.Duration = 0 }), [6]float64{0, 10, 12, 15, 40, 40.1}},
		{"infecting before armed", change(func(w *Walk) { w.Infecting = 9 }), [6]float64{0, 10, 9, 15, 40, 45}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := test.want
			want := [5]Slice{
				{"clean_lead", e[0], e[1], 10},
				{"armed", e[1], e[2], 5},
				{"infecting", e[2], e[3], 10},
				{"infected_running", e[3], e[4], 40},
				{"clean_tail", e[4], e[5], 15},
			}
			if got := DefaultPoints().Slices(test.walk); got != want {
				t.Errorf("got %v\nwant %v", got, want)
			}
		})
	}
}

// TestSlicesLeftOut: a slice without points has the times that it would have, and armed need not be there.
func TestSlicesLeftOut(t *testing.T) {
	without := func(armed, infecting float64) Walk {
		w := canonicalWalk
		w.Armed, w.Infecting = armed, infecting
		return w
	}
	noArmed := Points{CleanLead: 10, Infecting: 10, InfectedRunning: 40, CleanTail: 15}
	tests := []struct {
		name   string
		points Points
		walk   Walk
		lead   float64 // end of clean_lead
		armed  [2]float64
	}{
		{"armed", noArmed, canonicalWalk, 10, [2]float64{10, 12}},
		{"armed, no infecting", noArmed, without(10, nan), 10, [2]float64{10, 10.1}},
		{"armed, which is not there", noArmed, without(nan, 12), 12, [2]float64{12, 12}},
		{"armed, neither is there", noArmed, without(nan, nan), 15, [2]float64{15, 15}},
		{"armed, infecting earlier", noArmed, without(10, 9), 9, [2]float64{10, 9}},
		{"armed, running the earliest", noArmed, without(20, 18), 15, [2]float64{20, 18}},
		{"armed, which is not there, running before infecting", noArmed, without(nan, 20), 15, [2]float64{20, 20}},
		{"infecting", Points{10, 5, 0, 40, 15}, canonicalWalk, 10, [2]float64{10, 12}},
		{"infecting, which is earlier", Points{10, 5, 0, 40, 15}, without(10, 9), 10, [2]float64{10, 9}},
		{"all but infected_running", Points{InfectedRunning: 2}, without(nan, nan), 15, [2]float64{15, 15}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n := test.points.Counts()
			want := [5]Slice{
				{"clean_lead", 0, test.lead, n[0]},
				{"armed", test.armed[0], test.armed[1], n[1]},
				{"infecting", test.armed[1], 15, n[2]},
				{"infected_running", 15, 40, n[3]},
				{"clean_tail", 40, 45, n[4]},
			}
			got := test.points.Slices(test.walk)
			if got != want {
				t.Errorf("got %v\nwant %v", got, want)
			}
			line := Series{T: []float64{0, 45}, V: []float64{0, 45}}
			for _, r := range []Resample{Linear, Mean} {
				curve := Align(test.points, r, test.walk, line)
				if len(curve) != test.points.Total() {
					t.Errorf("%s: %d points, want %d", r, len(curve), test.points.Total())
				}
			}
			for i, s := range SecondsOf(got) {
				if (s > 0) != (got[i].Points > 0 && got[i].End > got[i].Start) {
					t.Errorf("slice %v lasts %v s", got[i], s)
				}
			}
		})
	}
}

func TestAlignPutsSlicesInPlace(t *testing.T) {
	p := Points{CleanLead: 2, Armed: 1, Infecting: 2, InfectedRunning: 3, CleanTail: 2}
	line := Series{T: []float64{0, 45}, V: []float64{0, 45}}
	want := Curve{0, 10, 10, 12, 15, 15, 27.5, 40, 40, 45}
	if got := Align(p, Linear, canonicalWalk, line); !same(got, want) {
		t.Errorf("linear: got %v, want %v", got, want)
	}
	want = Curve{2.5, 7.5, 11, 12.75, 14.25, 115.0 / 6, 27.5, 215.0 / 6, 41.25, 43.75}
	for i, v := range Align(p, Mean, canonicalWalk, line) {
		if math.Abs(v-want[i]) > 1e-12 {
			t.Errorf("mean: point %d is %v, want %v", i, v, want[i])
		}
	}
	line.Counts = true
	for i, v := range Align(p, Mean, canonicalWalk, line) {
		if math.Abs(v-1) > 1e-12 {
			t.Errorf("mean of counts: point %d is %v, want 1", i, v)
		}
	}
}

func TestAlignWithoutData(t *testing.T) {
	p := DefaultPoints()
	series := map[string]Series{
		"nothing":         {},
		"one sample":      {T: []float64{1}, V: []float64{1}},
		"one finite":      {T: []float64{1, 2, 3}, V: []float64{1, nan, math.Inf(1)}},
		"times not ready": {T: []float64{nan, nan, 3}, V: []float64{1, 2, 3}},
	}
	for name, s := range series {
		for _, r := range []Resample{Linear, Mean} {
			for _, s.Counts = range []bool{false, true} {
				curve := Align(p, r, canonicalWalk, s)
				if len(curve) != 80 || slices.ContainsFunc(curve, func(v float64) bool { return v == v }) {
					t.Errorf("%s, %s: %v", name, r, curve)
				}
			}
		}
	}
	s := Series{T: []float64{0, 50}, V: []float64{1, 1}}
	for _, v := range Align(p, Linear, Walk{nan, nan, nan, nan, nan, nan}, s) {
		if v == v {
			t.Error("a zero walk has data")
		}
	}
}

func TestAlignTakesCountsAsTheyAreForLinear(t *testing.T) {
	s := Series{T: []float64{0, 50}, V: []float64{0, 50}}
	want := Align(DefaultPoints(), Linear, canonicalWalk, s)
	s.Counts = true
	if got := Align(DefaultPoints(), Linear, canonicalWalk, s); !same(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAlignLeavesOutTimesThatAreNone(t *testing.T) {
	want := Align(DefaultPoints(), Linear, canonicalWalk, Series{T: []float64{0, 50}, V: []float64{0, 50}})
	got := Align(DefaultPoints(), Linear, canonicalWalk, Series{T: []float64{0, nan, 50}, V: []float64{0, 7, 50}})
	if !same(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAlignOfSliceTurnedRound(t *testing.T) {
	p := Points{1, 2, 1, 1, 1}
	w := canonicalWalk
	w.Infecting = 9
	got := Align(p, Linear, w, Series{T: []float64{0, 50}, V: []float64{0, 50}})
	if want := (Curve{0, nan, nan, 9, 15, 40}); !same(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestAlignIgnoresGaps: only the finite samples count, and the input is not changed.
func TestAlignLeavesOutGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Series{Counts: rapid.Bool().Draw(t, "counts")}
		var dense Series
		s.T, s.V = drawSamples(t, rapid.OneOf(rapid.Float64Range(0, 10), rapid.Just(nan)))
		dense.Counts = s.Counts
		for i, v := range s.V {
			if v == v {
				dense.T, dense.V = append(dense.T, s.T[i]), append(dense.V, v)
			}
		}
		w := Walk{Armed: 1, Infecting: 1.5, Running: 2, RunningEnd: 3, DormantEnd: nan, Duration: 4}
		r := rapid.SampledFrom([]Resample{Linear, Mean}).Draw(t, "resample")
		before := Series{T: slices.Clone(s.T), V: slices.Clone(s.V)}
		got, want := Align(DefaultPoints(), r, w, s), Align(DefaultPoints(), r, w, dense)
		if !same(got, want) {
			t.Fatalf("got %v\nwant %v", got, want)
		}
		if !same(s.T, before.T) || !same(s.V, before.V) {
			t.Fatal("the series was changed")
		}
		if len(dense.T) < 2 && slices.ContainsFunc(got, func(v float64) bool { return v == v }) {
			t.Fatalf("data from %d samples", len(dense.T))
		}
	})
}

func BenchmarkAlign(b *testing.B) {
	s := Series{T: make([]float64, 450), V: make([]float64, 450)}
	for i := range s.T {
		s.T[i], s.V[i] = float64(i)*.1, float64(i*7919%100)
	}
	for _, r := range []Resample{Linear, Mean} {
		b.Run(string(r), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Align(DefaultPoints(), r, canonicalWalk, s)
			}
		})
	}
}
