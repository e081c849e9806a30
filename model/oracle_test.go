package model

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/cis490/profiles/fit"
)

// number is a float64. NaN is null in JSON.
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = number(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(n))
}

func float32s(rows [][]number) [][]float32 {
	var all [][]float32
	for _, row := range rows {
		var v []float32
		for _, n := range row {
			v = append(v, float32(n))
		}
		all = append(all, v)
	}
	return all
}

// golden has what testdata/oracle.py computes with numpy, scipy and scikit-learn.
type golden struct {
	Vectors []struct {
		Features  Features
		Signature [][]number
		Vector    []number
	}
	Distances []struct {
		X, Y                 [][]number
		Manhattan, Euclidean [][]number
	}
	Neighbours []struct {
		Metric           Metric
		K                int
		Vectors, Queries [][]number
		Numbers          [][]int
		Distances        [][]number
	}
	Models []struct {
		Vectors         [][]number
		Profiles, Hosts []string
		Classes         map[fit.ProfileName]struct {
			Median      []number
			MedianFence float64 `json:"median_fence"`
			MemberFence float64 `json:"member_fence"`
		}
		Episodes int `json:"right_leaving_episodes_out"`
		ByHost   int `json:"right_leaving_hosts_out"`
	}
	Intervals []struct {
		Right, N  int
		Low, High float64
	}
}

func loadGolden(t *testing.T) golden {
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// near reports whether two numbers differ by 1e-12 of their size at most, or are both NaN.
func near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-12*max(1, math.Abs(a)) || math.IsNaN(a) && math.IsNaN(b)
}

var goldenPoints = fit.Points{CleanLead: 2, Armed: 1, Infecting: 3, InfectedRunning: 4, CleanTail: 2}

func TestVectorsAreTheOracles(t *testing.T) {
	for _, c := range loadGolden(t).Vectors {
		l := Layout{Features: c.Features, Channels: []string{"x.a", "x.b", "x.c"}, Points: goldenPoints}
		got, err := l.Vector(float32s(c.Signature))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.Vector {
			// A float64 in the middle of two float32s may be rounded to either, since the oracle may add in another order.
			if ulp := math.Nextafter32(float32(want), math.MaxFloat32) - float32(want); !near(float64(got[i]), float64(want)) && math.Abs(float64(got[i])-float64(want)) > float64(ulp) {
				t.Errorf("%s, feature %d: %v, want %v", c.Features, i, got[i], want)
			}
		}
	}
}

func TestDistancesAreTheOracles(t *testing.T) {
	for _, c := range loadGolden(t).Distances {
		for i, x := range float32s(c.X) {
			for j, y := range float32s(c.Y) {
				if got, want := Manhattan.Distance(x, y), float64(c.Manhattan[i][j]); !near(got, want) {
					t.Errorf("manhattan %v, want %v", got, want)
				}
				if got, want := Euclidean.Distance(x, y), float64(c.Euclidean[i][j]); !near(got, want) {
					t.Errorf("euclidean %v, want %v", got, want)
				}
			}
		}
	}
}

func TestNeighboursAreTheOracles(t *testing.T) {
	for _, c := range loadGolden(t).Neighbours {
		for i, query := range float32s(c.Queries) {
			found, err := c.Metric.Nearest(query, float32s(c.Vectors), c.K)
			if err != nil {
				t.Fatal(err)
			}
			for j, n := range found {
				if n.Number != c.Numbers[i][j] || !near(n.Distance, float64(c.Distances[i][j])) {
					t.Errorf("%s, query %d, neighbour %d: %v, want number %d at %v", c.Metric, i, j, n, c.Numbers[i][j], c.Distances[i][j])
				}
			}
		}
	}
}

func TestModelsAreTheOracles(t *testing.T) {
	for _, c := range loadGolden(t).Models {
		l := Layout{Features: Levels, Channels: []string{"x.a"}, Points: goldenPoints}
		var examples []Example
		for i, v := range float32s(c.Vectors) {
			examples = append(examples, Example{fit.ProfileName(c.Profiles[i]), c.Hosts[i], fmt.Sprint(i), v})
		}
		m, err := New(l, examples)
		if err != nil {
			t.Fatal(err)
		}
		for _, class := range m.classes {
			want := c.Classes[class.profile]
			if !slices.Equal(class.median, float32s([][]number{want.Median})[0]) {
				t.Errorf("%s: median %v, want %v", class.profile, class.median, want.Median)
			}
			if !near(class.medianFence, want.MedianFence) || !near(class.memberFence, want.MemberFence) {
				t.Errorf("%s: fences %v and %v, want %v and %v", class.profile, class.medianFence, class.memberFence, want.MedianFence, want.MemberFence)
			}
		}
		for _, split := range []struct {
			right int
			folds iter.Seq2[Fold, error]
		}{{c.Episodes, m.LeaveOneEpisodeOut()}, {c.ByHost, m.LeaveOneHostOut()}} {
			scores, err := Evaluate(split.folds, Methods(1), stopped)
			if err != nil {
				t.Fatal(err)
			}
			if scores[0].Right != split.right {
				t.Errorf("%d right, want %d", scores[0].Right, split.right)
			}
		}
	}
}

// stopped is a clock that does not advance.
func stopped() time.Duration { return 0 }

func TestWilsonIsTheOracles(t *testing.T) {
	for _, c := range loadGolden(t).Intervals {
		if low, high := Wilson(c.Right, c.N); !near(low, c.Low) || !near(high, c.High) {
			t.Errorf("%d of %d: %v to %v, want %v to %v", c.Right, c.N, low, high, c.Low, c.High)
		}
	}
	if low, high := Wilson(0, 0); low != 0 || high != 1 {
		t.Errorf("of nothing: %v to %v", low, high)
	}
}

// TestPythonOracle computes the goldens again. It needs a Python with numpy, scipy and scikit-learn, which PROFILES_PYTHON names;
// `make oracle-test` sets it.
func TestPythonOracle(t *testing.T) {
	python := os.Getenv("PROFILES_PYTHON")
	if python == "" {
		t.Log("PROFILES_PYTHON is not set: the goldens are not computed again")
		return
	}
	if out, err := exec.Command(python, "testdata/oracle.py", "check").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
