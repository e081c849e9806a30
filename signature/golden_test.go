package signature

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"testing"

	"github.com/cis490/profiles/fit"
)

const oracle = "testdata/oracle.py"

// exact is a row as the oracle writes it: with all digits, null for a gap.
type exact []*float64

func (e exact) row() []float64 {
	row := make([]float64, len(e))
	for i, v := range e {
		row[i] = math.NaN()
		if v != nil {
			row[i] = *v
		}
	}
	return row
}

func rowsOf(all []exact) [][]float64 {
	rows := make([][]float64, len(all))
	for i, e := range all {
		rows[i] = e.row()
	}
	return rows
}

type golden struct {
	Intervals []exact `json:"intervals"` // n, lower, coverage
	Samples   []struct {
		Kind    string  `json:"kind"`
		N       int     `json:"n"`
		Rows    []exact `json:"rows"`
		Seconds []exact `json:"seconds"`
		Band    struct {
			Median, P25, P75, Mean, Low, High exact
			N                                 []int
		} `json:"band"`
		Levels  []exact `json:"levels"`
		Phases  []exact `json:"phases"` // per minute, length, height, total, share
		Depths  exact   `json:"depths"`
		Boxplot struct {
			Deepest  int
			Outliers []exact // row, points outside, farthest, value, low, high
		} `json:"boxplot"`
	} `json:"samples"`
	Tests []struct {
		Groups []exact
		H, P   float64
	} `json:"tests"`
	Holm [][2]exact `json:"holm"`
}

func loadGolden(t *testing.T) golden {
	t.Helper()
	text, err := os.ReadFile("testdata/goldens.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Intervals) == 0 || len(g.Samples) == 0 || len(g.Tests) == 0 || len(g.Holm) == 0 {
		t.Fatal("no cases")
	}
	return g
}

// toTheBit is the tolerance of rules without rounding.
const toTheBit = 0

func compare(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, the oracle has %d", what, len(got), len(want))
		return
	}
	for i, v := range got {
		near := math.Abs(v-want[i]) <= tolerance*max(1, math.Abs(want[i]))
		if !near && !(math.IsNaN(v) && math.IsNaN(want[i])) {
			t.Errorf("%s: value %d is %v, the oracle has %v", what, i, v, want[i])
			return
		}
	}
}

func TestGoldens(t *testing.T) {
	g := loadGolden(t)
	for _, c := range g.Intervals {
		lower, coverage := MedianInterval(int(*c[0]))
		compare(t, "interval", []float64{*c[0], float64(lower), coverage}, c.row(), 1e-12)
	}
	points := fit.DefaultPoints()
	for _, c := range g.Samples {
		what := func(part string) string {
			return c.Kind + " of " + string(rune('0'+c.N/10)) + string(rune('0'+c.N%10)) + " " + part
		}
		rows := rowsOf(c.Rows)
		band := BandOf(rows, points.Total())
		compare(t, what("median"), band.Median, c.Band.Median.row(), toTheBit)
		compare(t, what("p25"), band.P25, c.Band.P25.row(), toTheBit)
		compare(t, what("p75"), band.P75, c.Band.P75.row(), toTheBit)
		compare(t, what("low"), band.Low, c.Band.Low.row(), toTheBit)
		compare(t, what("high"), band.High, c.Band.High.row(), toTheBit)
		compare(t, what("mean"), band.Mean, c.Band.Mean.row(), 1e-12)
		for i, n := range band.N {
			if n != c.Band.N[i] {
				t.Errorf("%s: %d values at point %d, the oracle has %d", what("n"), n, i, c.Band.N[i])
			}
		}
		for i, row := range rows {
			compare(t, what("levels"), LevelsOf(row, points), c.Levels[i].row(), toTheBit)
		}
		phases, _ := phasesOf(rows, rowsOf(c.Seconds), points)
		for i, p := range phases {
			got := []float64{float64(p.PerMinute), float64(p.Length), float64(p.Height), float64(p.Total), float64(p.Share)}
			compare(t, what(p.Name), got, c.Phases[i].row(), 1e-12)
		}
		compare(t, what("depths"), Depths(rows, points.Total()), c.Depths.row(), 1e-12)

		ids := make([]Episode, len(rows))
		for i := range ids {
			ids[i] = Episode{Host: "h", Episode: string(rune('a' + i))}
		}
		trust := trustOf(rows, points.Total(), ids)
		deepest := -1
		if trust.Deepest != nil {
			deepest = int(trust.Deepest.Episode[0] - 'a')
		}
		if deepest != c.Boxplot.Deepest || len(trust.Outliers) != len(c.Boxplot.Outliers) {
			t.Errorf("%s: deepest %d, %d outliers, the oracle has %d and %d", what("boxplot"), deepest, len(trust.Outliers), c.Boxplot.Deepest, len(c.Boxplot.Outliers))
			continue
		}
		for i, o := range trust.Outliers {
			got := []float64{float64(o.Episode.Episode[0] - 'a'), float64(o.Outside), float64(o.Point), float64(o.Value), float64(o.Low), float64(o.High)}
			compare(t, what("outlier"), got, c.Boxplot.Outliers[i].row(), 1e-12)
		}
	}
	for _, c := range g.Tests {
		h, p := KruskalWallis(rowsOf(c.Groups))
		compare(t, "kruskal", []float64{h, p}, []float64{c.H, c.P}, 1e-12)
	}
	for _, c := range g.Holm {
		compare(t, "holm", Holm(c[0].row()), c[1].row(), 1e-15)
	}
}

// TestPythonOracle computes the goldens again with numpy and scipy and compares them with the committed ones, and the depths with
// those of scikit-fda. It needs a Python that has these, which PROFILES_PYTHON names; `make oracle-test` sets it.
func TestPythonOracle(t *testing.T) {
	python := os.Getenv("PROFILES_PYTHON")
	if python == "" {
		t.Log("PROFILES_PYTHON is not set: the goldens are not computed again")
		return
	}
	out, err := exec.Command(python, oracle, "check").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
