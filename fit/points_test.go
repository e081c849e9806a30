package fit

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestScalePoints(t *testing.T) {
	tests := []struct {
		n    int
		want Points
	}{
		{80, Points{10, 5, 10, 40, 15}},
		{160, Points{20, 10, 20, 80, 30}},
		{40, Points{5, 3, 5, 20, 7}}, // two remainders of a half for one point: the earlier
		{81, Points{10, 5, 10, 41, 15}},
		{82, Points{10, 5, 10, 41, 16}},
		{5, Points{1, 1, 1, 1, 1}}, // armed is empty and takes one
		{6, Points{1, 1, 1, 2, 1}},
		{100_000, Points{12_500, 6_250, 12_500, 50_000, 18_750}},
	}
	for _, test := range tests {
		if got, err := ScalePoints(test.n); err != nil || got != test.want {
			t.Errorf("%d: %v, %v, want %v", test.n, got, err, test.want)
		}
	}
	for _, n := range []int{-80, 0, 4, 100_001} {
		if got, err := ScalePoints(n); err == nil {
			t.Errorf("%d: %v", n, got)
		}
	}
}

func TestScalePointsIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(5, 2_000).Draw(t, "n")
		p, err := ScalePoints(n)
		if err != nil || p.Total() != n || p.check("points") != nil {
			t.Fatalf("%v, %v", p, err)
		}
		if n < 16 {
			return // an empty slice may have taken a point
		}
		for i, w := range DefaultPoints().Counts() {
			if got := p.Counts()[i]; got < w*n/80 || got > w*n/80+1 {
				t.Fatalf("slice %d of %d has %d points, its share is %g", i, n, got, float64(w*n)/80)
			}
		}
	})
}

func TestSpans(t *testing.T) {
	want := [5]Span{{"clean_lead", 0, 10}, {"armed", 10, 5}, {"infecting", 15, 10}, {"infected_running", 25, 40}, {"clean_tail", 65, 15}}
	if got := DefaultPoints().Spans(); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFilledSpans(t *testing.T) {
	p := Points{CleanLead: 3, InfectedRunning: 4, CleanTail: 2}
	want := []Span{{"clean_lead", 0, 3}, {"infected_running", 3, 4}, {"clean_tail", 7, 2}}
	if got := p.FilledSpans(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := p.Spans(); got[1] != (Span{"armed", 3, 0}) {
		t.Errorf("armed is %v", got[1])
	}
}
