package model

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/viterin/vek/vek32"

	"github.com/cis490/profiles/fit"
)

// The size of the Python program's classifier: 138 MB of float32.
const (
	benchRows     = 150_000
	benchFeatures = 230
	benchBatch    = 64
	benchK        = 5
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

// BenchmarkNearest measures k nearest of 150,000 x 230 float32, of one query and of 64 at once, beside what bounds it:
// one pass of all cores over the same memory ("memory") and, of a batch, as many distances of vectors that lie in the
// first-level cache ("arithmetic"). With PROFILES_PYTHON, scikit-learn's brute force does the same ("scikit-learn").
func BenchmarkNearest(b *testing.B) {
	vectors, queries := benchVectors(benchRows), benchVectors(benchBatch)
	for _, metric := range []Metric{Euclidean, Manhattan} {
		x, err := NewIndex(metric, vectors)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(metric)+"/memory", func(b *testing.B) {
			b.SetBytes(4 * benchRows * benchFeatures)
			for b.Loop() {
				everyCore(func(part, parts int) {
					vek32.Sum(x.rows[part*len(x.rows)/parts : (part+1)*len(x.rows)/parts])
				})
			}
		})
		b.Run(string(metric)+"/single", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(4 * benchRows * benchFeatures)
			for b.Loop() {
				if _, err := x.Nearest(queries[0], benchK); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(string(metric)+"/arithmetic", func(b *testing.B) {
			sketch := metric.sketch()
			for b.Loop() {
				everyCore(func(part, parts int) {
					for range benchRows * benchBatch / parts {
						sketch(vectors[part], queries[part])
					}
				})
			}
			perQuery(b)
		})
		b.Run(string(metric)+"/batch", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.NearestOfEach(queries, benchK); err != nil {
					b.Fatal(err)
				}
			}
			perQuery(b)
		})
		b.Run(string(metric)+"/scikit-learn", func(b *testing.B) { scikitLearn(b, metric) })
	}
}

func everyCore(pass func(part, parts int)) {
	parts := runtime.GOMAXPROCS(0)
	var all sync.WaitGroup
	for part := range parts {
		all.Go(func() { pass(part, parts) })
	}
	all.Wait()
}

func perQuery(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/benchBatch, "ms/query")
}

func scikitLearn(b *testing.B, metric Metric) {
	python := os.Getenv("PROFILES_PYTHON")
	if python == "" {
		b.Skip("PROFILES_PYTHON is not set")
	}
	var single, batch float64
	for b.Loop() {
		out, err := exec.Command(python, "testdata/bench.py", string(metric),
			fmt.Sprint(benchRows), fmt.Sprint(benchFeatures), fmt.Sprint(benchBatch), fmt.Sprint(benchK)).Output()
		if err != nil {
			b.Fatal(err)
		}
		times := strings.Fields(string(out))
		if single, err = strconv.ParseFloat(times[0], 64); err != nil {
			b.Fatal(err)
		}
		if batch, err = strconv.ParseFloat(times[1], 64); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(single, "ms-single/query")
	b.ReportMetric(batch, "ms-batch/query")
}

// liveModel is what a worker of the default spec has: 100 examples of each of six profiles in seven channels. signature makes one
// more episode.
func liveModel(b *testing.B) (m *Model, signature func() fit.Signature) {
	b.Helper()
	spec := fit.DefaultSpec()
	l := Layout{Features: Levels, Resample: string(fit.Mean), Channels: spec.Signature.Channels, Points: spec.Points}
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
		examples = append(examples, Example{Profile: spec.Profiles[i%6].Name, Host: "h", Episode: strconv.Itoa(i), Vector: vector})
	}
	m, err := New(l, examples)
	if err != nil {
		b.Fatal(err)
	}
	return m, signature
}

// BenchmarkClassify is what a worker does with an archive that it opened: a vector, and a method's verdict on it.
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

// BenchmarkEvaluate is a worker's measurement: each of 600 members by the model of all others.
func BenchmarkEvaluate(b *testing.B) {
	m, _ := liveModel(b)
	for b.Loop() {
		if _, err := Evaluate(m.LeaveOneEpisodeOut(), Methods(3), func() time.Duration { return 0 }); err != nil {
			b.Fatal(err)
		}
	}
}
