package model

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/cis490/profiles/fit"
)

// The size of the classifier of the Python program: 138 MB of float32.
const (
	benchRows     = 150_000
	benchFeatures = 230
	benchK        = 5
	benchHosts    = 12
)

func benchVectors(n int) [][]float32 {
	rnd := rand.New(rand.NewPCG(1, uint64(n)))
	vectors := make([][]float32, n)
	for i := range vectors {
		vectors[i] = make([]float32, benchFeatures)
		for j := range vectors[i] {
			vectors[i][j] = rnd.Float32()
		}
	}
	return vectors
}

// BenchmarkNearest measures the k nearest of 150,000 x 230 float32, for one query and for batches of 64. If PROFILES_PYTHON is set,
// scikit-learn's brute force does the same ("scikit-learn").
func BenchmarkNearest(b *testing.B) {
	vectors := benchVectors(benchRows)
	for _, n := range []int{1, 64} {
		queries := benchVectors(n)
		perQuery := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N*n), "ms/query")
		}
		b.Run(fmt.Sprintf("%d/each", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, q := range queries {
					if _, err := Nearest(q, vectors, benchK); err != nil {
						b.Fatal(err)
					}
				}
			}
			perQuery(b)
		})
		b.Run(fmt.Sprintf("%d/batch", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := NearestOfEach(queries, vectors, benchK); err != nil {
					b.Fatal(err)
				}
			}
			perQuery(b)
		})
		b.Run(fmt.Sprintf("%d/scikit-learn", n), func(b *testing.B) { scikitLearn(b, n) })
	}
}

func scikitLearn(b *testing.B, queries int) {
	python := os.Getenv("PROFILES_PYTHON")
	if python == "" {
		b.Skip("PROFILES_PYTHON is not set")
	}
	var took float64
	for b.Loop() {
		out, err := exec.Command(python, "testdata/bench.py", fmt.Sprint(benchRows), fmt.Sprint(benchFeatures), fmt.Sprint(benchK), fmt.Sprint(queries)).Output()
		if err != nil {
			b.Fatal(err)
		}
		if took, err = strconv.ParseFloat(strings.TrimSpace(string(out)), 64); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(took, "ms/query")
}

// liveModel returns the model of a worker with the default spec: 100 examples of each of six profiles in seven channels.
// signature makes the signature of one more episode.
func liveModel(b *testing.B) (m *Model, signature func() fit.Signature) {
	b.Helper()
	spec := fit.DefaultSpec()
	l := NewLayout(Running, string(fit.Mean), spec.Signature.Channels, spec.Points)
	rnd := rand.New(rand.NewPCG(1, 2))
	signature = func() fit.Signature {
		s := make(fit.Signature, len(l.Channels))
		for c := range s {
			for range l.Points.Total() {
				s[c] = append(s[c], 1000*rnd.Float32())
			}
		}
		return s
	}
	var examples []Example
	for i := range 600 {
		vector, err := l.Vector(signature())
		if err != nil {
			b.Fatal(err)
		}
		examples = append(examples, Example{Profile: spec.Profiles[i%6].Name, Host: fmt.Sprintf("h-%02d", i%benchHosts), Episode: strconv.Itoa(i), Vector: vector})
	}
	m, err := New(l, examples)
	if err != nil {
		b.Fatal(err)
	}
	return m, signature
}

// BenchmarkClassify makes a vector and a verdict, as a worker does for each archive that it reads.
func BenchmarkClassify(b *testing.B) {
	m, signature := liveModel(b)
	query := signature()
	for _, method := range Methods(3) {
		b.Run(method.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				vector, err := m.Layout().Vector(query)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := method.Classify(m, vector); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEvaluate measures a model as a worker does: it classifies each of 600 members by the model of all others, and checks
// their labels.
func BenchmarkEvaluate(b *testing.B) {
	m, _ := liveModel(b)
	for b.Loop() {
		if _, err := Evaluate(endless, m.LeaveOneEpisodeOut(), Methods(3), stopped); err != nil {
			b.Fatal(err)
		}
		labels, err := NewLabels(endless, m.Layout(), m.Examples())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := labels.Suspects(endless); err != nil {
			b.Fatal(err)
		}
	}
}
