package batch

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cis490/profiles/roster"
	"github.com/cis490/profiles/synth"
)

// BenchmarkFit fits synthetic episodes with one core and with all, in turn, and reports how many times faster all are.
func BenchmarkFit(b *testing.B) {
	const episodes = 64
	generator := synth.New(1)
	profile := synth.Profiles()[0]
	store := &shelf{archives: map[string][]byte{}}
	var rows [][4]string
	for i := range episodes {
		var archive bytes.Buffer
		if err := generator.Archive(&archive, profile, i); err != nil {
			b.Fatal(err)
		}
		host, id := generator.Ref(profile, i)
		store.archives[host+"/"+id] = archive.Bytes()
		rows = append(rows, accepted(host, id, profile))
	}
	spec := specOf(episodes, profile)
	list, err := roster.Read(listed(rows), spec.Seed)
	if err != nil {
		b.Fatal(err)
	}
	run := func(atOnce int) time.Duration {
		store.asked = store.asked[:0]
		start := time.Now()
		fitted, err := Fit(context.Background(), Config{Spec: spec, Concurrency: atOnce}, store, list)
		if err != nil || fitted[0].Envelope.Used != episodes {
			b.Fatal(fitted, err)
		}
		return time.Since(start)
	}
	cores := runtime.GOMAXPROCS(0)
	var one, all time.Duration
	for b.Loop() {
		one += run(1)
		all += run(cores)
	}
	rate := func(d time.Duration) float64 { return episodes * float64(b.N) / d.Seconds() }
	b.ReportMetric(0, "ns/op") // of both
	b.ReportMetric(rate(one), "episodes/s-1")
	b.ReportMetric(rate(all), fmt.Sprintf("episodes/s-%d", cores))
	b.ReportMetric(one.Seconds()/all.Seconds(), "x-one")
}
