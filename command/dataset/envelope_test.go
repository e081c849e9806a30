package dataset

import (
	"bytes"
	"math"
	"reflect"
	"testing"

	"github.com/cis490/profiles/fit"
)

func TestNewAttackProfile(t *testing.T) {
	nan := math.NaN()
	e := fit.EnvelopeOf([]fit.Curve{{1, 10, nan, 0.1}, {3, 20, nan, 0.1}}, 4)
	e.Attempted = 5
	p := NewAttackProfile(fit.Profile{Name: "io-walk", Channel: "proc.cpu_sys_jiffies"}, e)
	tenth := 0.1
	want := AttackProfile{
		Profile: "io-walk", Channel: "proc.cpu_sys_jiffies", Used: 2, Attempted: 5,
		Median:       []float32{float32(2.0 / 15), 1, 0, float32(tenth / 15)},
		MedianRaw:    []float32{2, 15, 0, 0.1},
		P25Raw:       []float32{1.5, 12.5, 0, 0.1},
		P75Raw:       []float32{2.5, 17.5, 0, 0.1},
		MedianMinRaw: 0, MedianMaxRaw: 15,
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	b := writeProfiles(t, []AttackProfile{p}, nil)
	got, _, err := ReadAttackProfiles(bytes.NewReader(b), int64(len(b)))
	if err != nil || !reflect.DeepEqual(got, []AttackProfile{want}) {
		t.Errorf("read %+v, %v", got, err)
	}
}

// What no float32 can hold must not become an infinity: the file has none.
func TestNewAttackProfileOfHugeNumbers(t *testing.T) {
	huge := []float64{1e300, 0}
	p := NewAttackProfile(fit.Profile{Name: "x", Channel: "proc.x"}, fit.Envelope{Median: huge, P25: huge, P75: huge, Max: 1e300, Used: math.MaxInt32 + 1, Attempted: math.MaxInt32 + 1})
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	if p.MedianRaw[0] != math.MaxFloat32 || p.MedianMaxRaw != 1e300 || p.Used != math.MaxInt32 {
		t.Errorf("got %+v", p)
	}
}
