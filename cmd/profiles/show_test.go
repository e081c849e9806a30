package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cis490/profiles/command/dataset"
)

func TestShow(t *testing.T) {
	fitted := func(more ...string) string {
		t.Helper()
		out := filepath.Join(t.TempDir(), "fit.parquet")
		must(t, append([]string{"fit", "--store", recordedStore, "--fit-out", out}, more...)...)
		return out
	}
	one := fitted()
	text := must(t, "show", "--json", one)
	if again := must(t, "show", "--json", fitted("--concurrency", "1")); again != text {
		t.Error("two fits of the same episodes show different texts")
	}
	if other := must(t, "show", "--json", fitted("--seed", "1", "--n-episodes-per-profile", "5")); other == text {
		t.Error("a different fit shows the same text")
	}
	// Every value is in the JSON, exact in every bit.
	rows, meta := table(t, one)
	r := decode[tableReport](t, text)
	if !reflect.DeepEqual(r.Meta, meta) || len(r.Profiles) != len(rows) {
		t.Errorf("%v, %d rows", r.Meta, len(r.Profiles))
	}
	for i, p := range r.Profiles {
		if !reflect.DeepEqual(dataset.AttackProfile(p), rows[i]) {
			t.Errorf("row %d: %+v, want %+v", i, p, rows[i])
		}
	}

	lines := strings.Split(strings.TrimSpace(must(t, "show", one)), "\n")
	if len(lines) != 8 || !strings.HasPrefix(lines[7], "generation ") || !strings.HasSuffix(lines[7], ", sampler bottomk") {
		t.Errorf("%s", strings.Join(lines, "\n"))
	}
	for _, want := range []string{"cpu-saturate", "proc.cpu_user_jiffies", "7 of 8", "0 to 100 jiffies/s", "█"} {
		if !strings.Contains(lines[1], want) {
			t.Errorf("%q is not in %s", want, lines[1])
		}
	}
	// A file of another program has no generation.
	var out strings.Builder
	if err := printTable(&out, rows, map[string]string{"pandas": "{}"}); err != nil || strings.Count(out.String(), "\n") != 7 {
		t.Errorf("%s, %v", out.String(), err)
	}
}

// TestShowIsExact: numbers at the ends of their ranges read back unchanged.
func TestShowIsExact(t *testing.T) {
	row := dataset.AttackProfile{
		Profile: "a", Channel: "proc.x", Used: math.MaxInt32, Attempted: math.MaxInt32,
		Median:       []float32{0, float32(math.Copysign(0, -1)), 1, 0.1, math.SmallestNonzeroFloat32},
		MedianRaw:    []float32{math.MaxFloat32, -math.MaxFloat32, 1.0 / 3, 16777217, 1e21},
		P25Raw:       make([]float32, 5),
		P75Raw:       make([]float32, 5),
		MedianMinRaw: math.SmallestNonzeroFloat64, MedianMaxRaw: math.Nextafter(math.MaxFloat64, 0),
	}
	data, err := json.Marshal(newTableReport([]dataset.AttackProfile{row, {Profile: "b", Channel: "proc.y"}}, map[string]string{}))
	if err != nil {
		t.Fatal(err)
	}
	back := decode[tableReport](t, string(data))
	got := dataset.AttackProfile(back.Profiles[0])
	if !reflect.DeepEqual(got, row) || !math.Signbit(float64(got.Median[1])) {
		t.Errorf("%+v, want %+v", got, row)
	}
	if !strings.Contains(string(data), `"median":[]`) || strings.Contains(string(data), "null") {
		t.Errorf("%s", data)
	}
}
