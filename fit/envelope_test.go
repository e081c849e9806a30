package fit

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
)

func TestEnvelopeOf(t *testing.T) {
	e := EnvelopeOf([]Curve{{1, nan, -3}, {2, nan, -1}}, 4)
	want := Envelope{
		Median: []float64{1.5, 0, -2, 0},
		P25:    []float64{1.25, 0, -2.5, 0},
		P75:    []float64{1.75, 0, -1.5, 0},
		Min:    -2, Max: 1.5,
		Used: 2, Attempted: 2,
	}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got %+v\nwant %+v", e, want)
	}
	if e := EnvelopeOf(nil, 0); e.Min != 0 || e.Max != 0 || len(e.Median) != 0 {
		t.Errorf("envelope of nothing: %+v", e)
	}
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
	e := EnvelopeOf([]Curve{{.1, 1e-300, -7}, {.2, nan, 1e30}}, 3)
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
