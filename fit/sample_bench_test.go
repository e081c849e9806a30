package fit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// BenchmarkSamplePut puts a million episodes, as a worker that skips those that are not needed.
func BenchmarkSamplePut(b *testing.B) {
	const episodes = 1_000_000
	for _, target := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("target=%d", target), func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			ranks := make([]Rank, episodes)
			for i := range ranks {
				for k := range ranks[i] {
					ranks[i][k] = byte(random.Uint32())
				}
			}
			e := curveEntry(1, make([]float64, 80)...)
			b.ReportAllocs()
			puts := 0
			for b.Loop() {
				s := NewSample(target)
				for _, rank := range ranks {
					if s.Needed(rank) {
						s.Put(rank, e)
						puts++
					}
				}
			}
			b.ReportMetric(float64(puts)/float64(b.N), "puts/op")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(puts), "ns/put")
		})
	}
}

func BenchmarkSampleEnvelope(b *testing.B) {
	for _, target := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("target=%d", target), func(b *testing.B) {
			s := NewSample(target)
			random := rand.New(rand.NewPCG(1, 2))
			for i := range target * 10 {
				values := make([]float64, 80)
				for k := range values {
					values[k] = random.Float64()
				}
				s.Put(RankOf(0, "h", fmt.Sprint(i)), curveEntry(1, values...))
			}
			low := slices.MinFunc(members(s), Rank.Compare)
			seq := uint64(1)
			b.ReportAllocs()
			for b.Loop() {
				seq++
				s.Put(low, curveEntry(seq, make([]float64, 80)...)) // else the digest would be kept
				if e := s.Envelope(80); e.Used != target {
					b.Fatal(e.Used)
				}
			}
		})
	}
}
