package batch

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/command/synth"
)

// BenchmarkFit fits synthetic episodes with one core and with all cores in turn,
// and reports how many times faster all cores are.
func BenchmarkFit(b *testing.B) {
	const each = 20
	generator, profiles := synth.New(1), synth.Profiles()
	episodes := each * len(profiles)
	store := &memoryStore{archives: map[string][]byte{}}
	var rows [][4]string
	for _, profile := range profiles {
		for i := range each {
			var archive bytes.Buffer
			if err := generator.Archive(&archive, profile, i); err != nil {
				b.Fatal(err)
			}
			host, id := generator.Ref(profile, i)
			store.archives[host+"/"+id] = archive.Bytes()
			rows = append(rows, accepted(host, id, profile))
		}
	}
	spec := specOf(each, profiles...)
	list, err := roster.Read(listed(rows), spec.Seed)
	if err != nil {
		b.Fatal(err)
	}
	run := func(atOnce int) time.Duration {
		store.asked = store.asked[:0]
		start := time.Now()
		fitted, err := Fit(context.Background(), Config{Spec: spec, Concurrency: atOnce}, store, list)
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range fitted {
			if f.Envelope.Used != each {
				b.Fatalf("%s: %d used", f.Profile.Name, f.Envelope.Used)
			}
		}
		return time.Since(start)
	}
	cores := runtime.GOMAXPROCS(0)
	var one, all time.Duration
	for b.Loop() {
		one += run(1)
		all += run(cores)
	}
	rate := func(d time.Duration) float64 { return float64(episodes*b.N) / d.Seconds() }
	b.ReportMetric(0, "ns/op") // meaningless: the time of both runs together
	b.ReportMetric(rate(one), "episodes/s-1")
	b.ReportMetric(rate(all), fmt.Sprintf("episodes/s-%d", cores))
	b.ReportMetric(one.Seconds()/all.Seconds(), "x-one")
}
