package model

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"testing"

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
		Signature [][]number
		Vector    []number
	}
	Models []struct {
		Title             string
		Vectors, Queries  [][]number
		Profiles, Hosts   []string
		Answers           []goldenAnswer
		Neighbours        [][]int
		Far               [][]number `json:"neighbour_distances"`
		Whitened, Medians [][]number
		MedianFences      []number `json:"median_fences"`
	}
	Intervals []struct {
		Right, N  int
		Low, High float64
	}
	Quantiles []struct {
		Freedom  int
		Quantile float64
	}
}

type goldenAnswer struct {
	Distances, Fences, P, Parts []float64
	Order                       []fit.ProfileName
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

var oracleLayout = NewLayout(Running, "mean", []string{userTime, kernelTime},
	fit.Points{CleanLead: 2, Armed: 1, Infecting: 3, InfectedRunning: 9, CleanTail: 2})

func TestVectorsAreTheOracles(t *testing.T) {
	for _, c := range loadGolden(t).Vectors {
		got := oracleLayout.running(float32s(c.Signature))
		for i, want := range c.Vector {
			if !near(got[i], float64(want)) {
				t.Errorf("feature %d: %v, want %v", i, got[i], want)
			}
		}
	}
}

// TestModelsAreTheOracles compares distances, fences, p-values, what decided, neighbours and medians with numpy and scikit-learn,
// to 1e-12.
func TestModelsAreTheOracles(t *testing.T) {
	for _, c := range loadGolden(t).Models {
		var examples []Example
		for i, v := range float32s(c.Vectors) {
			examples = append(examples, Example{fit.ProfileName(c.Profiles[i]), c.Hosts[i], fmt.Sprintf("%04d", i), v})
		}
		m, err := New(oracleLayout, examples)
		if err != nil {
			t.Fatal(err)
		}
		for i, query := range float32s(c.Queries) {
			known, query := m.knownOnly(query)
			compareAnswer(t, fmt.Sprintf("%s, query %d", c.Title, i), known, query, c.Answers[i])
		}
		rows := m.Examples() // no golden has a gap, so these are the examples of the rows
		for i, want := range c.Neighbours {
			query := m.whitened(float32s(c.Queries)[i])
			found, err := Nearest(query, m.rows, len(want))
			if err != nil {
				t.Fatal(err)
			}
			for j, n := range found {
				exact := m.space.length(difference(float32s(c.Queries)[i], wide(examples[want[j]].Vector)))
				if got := rows[n.Number].Episode; got != examples[want[j]].Episode || !near(exact, float64(c.Far[i][j])) || math.Abs(n.Distance-exact) > 1e-5*max(1, exact) {
					t.Errorf("%s: query %d, neighbour %d: %s at %v (%v), want %d at %v", c.Title, i, j, got, n.Distance, exact, want[j], c.Far[i][j])
				}
			}
		}
		for i, want := range c.Whitened {
			for f, z := range m.space.whiten(wide(examples[i].Vector)) {
				if !near(z, float64(want[f])) {
					t.Errorf("%s: whitened %d, feature %d: %v, want %v", c.Title, i, f, z, want[f])
				}
			}
		}
		compareLabels(t, c.Title, examples, c.Medians, c.MedianFences)
	}
}

func compareAnswer(t *testing.T, title string, m *Model, query []float32, want goldenAnswer) {
	t.Helper()
	own := ownDistances(m.layout.Features, m.classes, len(m.features))
	fences := fencesOf(own)
	for c, class := range m.classes {
		d := m.space.length(difference(query, class.mean))
		if !near(d, want.Distances[c]) {
			t.Errorf("%s, profile %d: distance %v, want %v", title, c, d, want.Distances[c])
		}
		if !near(fences[c], want.Fences[c]) {
			t.Errorf("%s, profile %d: fence %v, want %v", title, c, fences[c], want.Fences[c])
		}
		p, ok := limit{distances: slices.Sorted(slices.Values(own[c]))}.p(d)
		if ok && !near(p, want.P[c]) {
			t.Errorf("%s, profile %d: p %v, want %v", title, c, p, want.P[c])
		}
	}
	v, err := m.LDA(query)
	if err != nil || v.Profile != want.Order[0] {
		t.Fatalf("%s: answer %s, %v, want %s", title, v.Profile, err, want.Order[0])
	}
	for _, p := range v.Decided {
		f := slices.Index(m.features, p.Feature)
		if !near(p.Part, want.Parts[f]) {
			t.Errorf("%s: part of %s %v, want %v", title, p.Feature, p.Part, want.Parts[f])
		}
	}
}

func compareLabels(t *testing.T, title string, examples []Example, medians [][]number, fences []number) {
	t.Helper()
	labels, err := NewLabels(endless, oracleLayout, examples)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range examples {
		for c, d := range labels.without(func(o Example) bool { return compareExamples(o, e) == 0 }).from(e.Vector) {
			if want := float64(medians[i][c]); !near(d, want) && !(math.IsInf(d, 1) && math.IsNaN(want)) {
				t.Errorf("%s: example %d from median %d: %v, want %v", title, i, c, d, want)
			}
		}
	}
	for c, fence := range labels.fences {
		if !near(fence, float64(fences[c])) {
			t.Errorf("%s: fence %d of the medians %v, want %v", title, c, fence, fences[c])
		}
	}
}

func wide(v []float32) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

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

func TestQuantilesAreTheOracles(t *testing.T) {
	for _, c := range loadGolden(t).Quantiles {
		if got := studentQuantile(fenceQuantile, c.Freedom); !near(got, c.Quantile) {
			t.Errorf("%d degrees of freedom: %v, want %v", c.Freedom, got, c.Quantile)
		}
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
