//go:build linux

package scale

import (
	"context"
	"io"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/command/synth"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// BenchmarkBatch fits 102,000 rows of a validation file, 17,000 of each profile. It fails if other archives are opened than those that
// were attempted. The archives are made when they are opened, in this process.
//
//	s       seconds for everything, including making the archives
//	rows-s  part of that for reading the rows
//	opened  archives
//	used    episodes in the envelopes
func BenchmarkBatch(b *testing.B) {
	const each = 17_000
	generator, spec := synth.New(seed), fit.DefaultSpec()
	archives, err := synth.NewStore(generator, each)
	if err != nil {
		b.Fatal(err)
	}
	for _, sampler := range []batch.Sampler{batch.BottomK, batch.Numpy} {
		b.Run(string(sampler), func(b *testing.B) {
			store := &counting{Store: archives}
			var reading time.Duration
			used := 0
			for b.Loop() {
				began := time.Now()
				rows, err := roster.Read(validationRows(generator, each), spec.Seed)
				if err != nil {
					b.Fatal(err)
				}
				reading += time.Since(began)
				store.opened.Store(0)
				fitted, err := batch.Fit(context.Background(), batch.Config{Spec: spec, Sampler: sampler, Rows: validationRows(generator, each)}, store, rows)
				if err != nil {
					b.Fatal(err)
				}
				used = 0
				attempted := 0
				for _, f := range fitted {
					used += f.Envelope.Used
					attempted += f.Envelope.Attempted
				}
				if opened := int(store.opened.Load()); opened != attempted || used == 0 {
					b.Fatalf("%d archives opened, %d attempted, %d used", opened, attempted, used)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s")
			b.ReportMetric(reading.Seconds()/float64(b.N), "rows-s")
			b.ReportMetric(float64(store.opened.Load()), "opened")
			b.ReportMetric(float64(used), "used")
			b.ReportMetric(0, "ns/op") // reported as "s"
		})
	}
}

// counting counts the archives that are opened.
type counting struct {
	episode.Store
	opened atomic.Int64
}

func (c *counting) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	c.opened.Add(1)
	return c.Store.Open(ctx, ref)
}

// validationRows yields rows that accept so many episodes of each profile, in turn.
func validationRows(g *synth.Generator, each int) iter.Seq2[dataset.ValidationRow, error] {
	return func(yield func(dataset.ValidationRow, error) bool) {
		for i := range each {
			for _, profile := range synth.Profiles() {
				host, id := g.Ref(profile, i)
				if !yield(dataset.ValidationRow{EpisodeID: id, HostID: host, Profile: profile, Accepted: true}, nil) {
					return
				}
			}
		}
	}
}
