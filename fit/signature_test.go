package fit

import (
	"math"
	"testing"
)

func TestAlignSignature(t *testing.T) {
	p := Points{CleanLead: 2, Armed: 1, Infecting: 1, InfectedRunning: 2, CleanTail: 1}
	w := Walk{Armed: 2, Infecting: 3, Running: 4, RunningEnd: 6, DormantEnd: math.NaN(), Duration: 7}
	channels := []Series{
		{T: []float64{0, 1, 7}, V: []float64{0, 0.1, 60.1}, Counts: true},
		{}, // the episode lacks it
		{T: []float64{0, 7}, V: []float64{1e60, 1e60}},
		{T: []float64{0, 4}, V: []float64{2, 2}},
	}
	gap := float32(math.NaN())
	want := Signature{
		{0.1, 10, 10, 10, 10, 10, 10},
		{gap, gap, gap, gap, gap, gap, gap},
		{math.MaxFloat32, math.MaxFloat32, math.MaxFloat32, math.MaxFloat32, math.MaxFloat32, math.MaxFloat32, math.MaxFloat32},
		{2, 2, 2, 2, gap, gap, gap},
	}
	got := AlignSignature(p, Mean, w, channels)
	if len(got) != len(want) {
		t.Fatalf("%d channels, want %d", len(got), len(want))
	}
	for i := range want {
		if len(got[i]) != len(want[i]) {
			t.Fatalf("channel %d has %d points", i, len(got[i]))
		}
		for k, v := range want[i] {
			if math.Float32bits(got[i][k]) != math.Float32bits(v) {
				t.Errorf("channel %d point %d is %v, want %v", i, k, got[i][k], v)
			}
		}
	}
	if none := AlignSignature(p, Mean, w, nil); len(none) != 0 {
		t.Errorf("no channels give %v", none)
	}
}
