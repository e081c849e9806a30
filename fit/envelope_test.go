package fit

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEnvelopeOf(t *testing.T) {
	e := EnvelopeOf(entriesOf([]Curve{{1, nan, -3}, {2, nan, -1}}), 4)
	want := Envelope{
		Median: []float64{1.5, 0, -2, 0},
		P25:    []float64{1.25, 0, -2.5, 0},
		P75:    []float64{1.75, 0, -1.5, 0},
		Min:    -2, Max: 1.5,
		N:    []int{2, 0, 2, 0},
		Used: 2, Attempted: 2,
	}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got %+v\nwant %+v", e, want)
	}
	if e := EnvelopeOf(nil, 0); e.Min != 0 || e.Max != 0 || len(e.Median) != 0 {
		t.Errorf("envelope of nothing: %+v", e)
	}
}

// TestEnvelopeSeconds: the median of the known lengths of each slice, by sorting.
func TestEnvelopeSeconds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.OneOf(rapid.Just(float32(0)), rapid.Float32Range(0.01, 100), rapid.SampledFrom([]float32{1, 2, 3}))
		members := entriesOf(make([]Curve, rapid.IntRange(0, 300).Draw(t, "members")))
		for i := range members {
			for k := range members[i].Seconds {
				members[i].Seconds[k] = length.Draw(t, "length")
			}
		}
		var want []float64
		for k := range sliceCount {
			var known []float64
			for _, m := range members {
				if m.Seconds[k] > 0 {
					known = append(known, float64(m.Seconds[k]))
				}
			}
			if slices.Sort(known); known != nil {
				want = append(want, make([]float64, sliceCount-len(want))...)
				want[k] = naiveMedian(known)
			}
		}
		if got := EnvelopeOf(members, 0).Seconds; !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestNormalised(t *testing.T) {
	n := Envelope{Median: []float64{10, 20, 30}, P25: []float64{5, 15, 25}, P75: []float64{20, 30, 50}, Min: 10, Max: 30}.Normalised()
	want := Normalised{Median: []float32{0, .5, 1}, P25: []float32{-.25, .25, .75}, P75: []float32{.5, 1, 2}}
	if !reflect.DeepEqual(n, want) {
		t.Errorf("got %v, want %v", n, want)
	}
	flat := Envelope{Median: []float64{5, 5}, P25: []float64{4, 4}, P75: []float64{6, 6}, Min: 5, Max: 5 + 9e-10}.Normalised()
	for _, values := range [][]float32{flat.Median, flat.P25, flat.P75} {
		if !slices.Equal(values, []float32{0, 0}) {
			t.Errorf("a flat envelope gives %v", flat)
		}
	}
	empty := Envelope{}.Normalised()
	if empty.Median == nil || len(empty.Median)+len(empty.P25)+len(empty.P75) != 0 {
		t.Errorf("no points give %v", empty)
	}
}

func TestFloat32(t *testing.T) {
	tests := []struct {
		v    float64
		want float32
	}{
		{0, 0},
		{.1, .1},
		{1 + 0x1p-24, 1},                  // a tie, to even
		{1 + 0x3p-24, 1 + 0x1p-22},        // a tie, to even
		{1 + 0x1.000001p-24, 1 + 0x1p-23}, // just above a tie
		{math.MaxFloat32, math.MaxFloat32},
		{1e39, math.MaxFloat32},
		{-1e39, -math.MaxFloat32},
	}
	for _, test := range tests {
		if got := Float32(test.v); got != test.want {
			t.Errorf("%x gives %x, want %x", test.v, got, test.want)
		}
	}
}

func TestEnvelopeJSON(t *testing.T) {
	e := EnvelopeOf(entriesOf([]Curve{{.1, 1e-300, -7}, {.2, nan, 1e30}}), 3)
	e.Target, e.Complete, e.Digest = 2, true, "0123456789abcdef"
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back Envelope
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, e) {
		t.Errorf("%s gives %+v, %v", text, back, err)
	}
}

func TestCurveJSON(t *testing.T) {
	tests := []struct {
		text string
		want Curve
	}{
		{`[]`, Curve{}},
		{` [ ] `, Curve{}},
		{`[null]`, Curve{nan}},
		{"[ 1 ,\n-0,null, 1E+2,5e-324 ]", Curve{1, math.Copysign(0, -1), nan, 100, math.SmallestNonzeroFloat64}},
		{`null`, nil},
	}
	for _, test := range tests {
		var got Curve
		if err := json.Unmarshal([]byte(test.text), &got); err != nil || !same(got, test.want) {
			t.Errorf("%s gives %v, %v, want %v", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{``, `1`, `{}`, `[1`, `1]`, `[,]`, `[1,]`, `[,1]`, `[[1]]`, `["1"]`, `[true]`, `[1e999]`, `[-1e999]`, `[Inf]`, `[nan]`, `[0x1p3]`, `[1 2]`} {
		kept := Curve{7}
		if err := kept.UnmarshalJSON([]byte(text)); err == nil || !same(kept, Curve{7}) {
			t.Errorf("%s gives %v, %v", text, kept, err)
		}
	}
	if text, err := json.Marshal(Curve(nil)); err != nil || string(text) != "[]" {
		t.Errorf("no curve is written as %s, %v", text, err)
	}
}

// entriesOf returns an entry for each curve.
func entriesOf(curves []Curve) []Entry {
	entries := make([]Entry, len(curves))
	for i, c := range curves {
		entries[i] = Entry{State: StateCurve, Curve: c}
	}
	return entries
}

func TestEnvelopeOfDoubts(t *testing.T) {
	member := func(episode string, q Quality) Entry {
		return Entry{Host: "lab-01", Episode: episode, State: StateCurve, Curve: Curve{1}, Quality: q}
	}
	members := []Entry{
		member("a", Quality{Gaps: 2, Longest: 0.1}), member("b", Quality{Gaps: 5, Restarts: 1, Longest: 0.1}), member("c", Quality{}), member("d", Quality{Gaps: 5}),
	}
	want := []Affected{
		{QualityRestarts, 1, 1, "lab-01", "b"},
		{QualityGaps, 3, 5, "lab-01", "b"},
		{QualityLongest, 2, 0.1, "lab-01", "a"},
	}
	e := EnvelopeOf(members, 1)
	if !reflect.DeepEqual(e.Quality, want) {
		t.Errorf("got %+v\nwant %+v", e.Quality, want)
	}
	text, err := json.Marshal(e)
	if err != nil || !strings.Contains(string(text), `"n":[4],`) || !strings.Contains(string(text), `{"kind":"longest_gap","n":2,"worst":0.1,"host":"lab-01","episode":"a"}]`) {
		t.Errorf("%s, %v", text, err)
	}
	var back Envelope
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, e) {
		t.Errorf("%s gives %+v, %v", text, back, err)
	}
	if none := EnvelopeOf(members[2:3], 1); none.Quality != nil {
		t.Errorf("a member without doubts gives %+v", none.Quality)
	}
}

// TestEnvelopeOfEarlierVersion: envelopes that were stored before they had n, quality and reasons can be read.
func TestEnvelopeOfEarlierVersion(t *testing.T) {
	const text = `{"median":[1],"p25":[1],"p75":[1],"min":1,"max":1,"used":1,"attempted":2,"target":3,"complete":false,"digest":"0123456789abcdef"}`
	want := Envelope{Median: []float64{1}, P25: []float64{1}, P75: []float64{1}, Min: 1, Max: 1, Used: 1, Attempted: 2, Target: 3, Digest: "0123456789abcdef"}
	var got Envelope
	if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if again, err := json.Marshal(got); err != nil || string(again) != text {
		t.Errorf("written again: %s, %v", again, err)
	}
}

// TestEnvelopeFitsMessage: an envelope, raw and scaled, with all that it can have.
func TestEnvelopeFitsMessage(t *testing.T) {
	s := DefaultSpec()
	s.Signature.Channels = nil
	points := s.Points.Total()
	name := strings.Repeat("x", 128)
	row := slices.Repeat([]float64{-1.2345678901234567e-100}, points)
	e := Envelope{Median: row, P25: row, P75: row, Min: row[0], Max: row[0], N: slices.Repeat([]int{100_000}, points), Digest: "0123456789abcdef"}
	for _, kind := range QualityKinds() {
		e.Quality = append(e.Quality, Affected{kind, 100_000, -1.2345678e-30, name, name})
	}
	var reasons []ReasonCount
	for i := range 40 {
		reasons = append(reasons, ReasonCount{Reason(strings.Repeat("x", 31) + string(rune('a'+i))), 100_000, name, name, Rank{}})
	}
	e.SetReasons(reasons)
	text, err := json.Marshal(e)
	if err != nil || len(e.Reasons) != maxReasons {
		t.Fatal(err, len(e.Reasons))
	}
	scaled, err := json.Marshal([]any{row, row, row})
	if err != nil {
		t.Fatal(err)
	}
	if need, bound := len(text)+len(scaled), s.MessageBytes(); need > bound {
		t.Errorf("%d bytes at most, but it has %d", bound, need)
	}
}

// TestMedianSeconds: the median length of a slice is that of the members for which it is known.
func TestMedianSeconds(t *testing.T) {
	members := entriesOf([]Curve{{1}, {2}, {3}})
	if e := EnvelopeOf(members, 1); e.Seconds != nil {
		t.Errorf("lengths are known: %v", e.Seconds)
	}
	members[0].Seconds = Seconds{10, 5, 0, 30, 1}
	members[1].Seconds = Seconds{20, 5, 0, 0, 1}
	members[2].Seconds = Seconds{12, 7, 0, 50, 1}
	if e := EnvelopeOf(members, 1); !slices.Equal(e.Seconds, []float64{12, 5, 0, 40, 1}) {
		t.Errorf("the lengths are %v", e.Seconds)
	}
}
