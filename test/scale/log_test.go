//go:build linux

package scale

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/command/synth"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// seed is the seed of the synthetic episodes.
const seed = 1

// memoryLimit is GOMEMLIMIT of the workers. The manifests set one, too.
const memoryLimit = "48MiB"

// mostVariable is the environment variable for the size of the largest log, in episodes. The default is the smallest log only.
const mostVariable = "PROFILES_SCALE_EPISODES"

// BenchmarkLog starts two workers on a log that is complete. They, the NATS server, and the program that makes archives when a worker opens
// them are processes of their own on one machine. It fails unless the envelopes equal those of the whole log in every bit. Publishing is
// timed separately.
//
//	s             seconds from the workers' start until everything is acknowledged and reduced
//	worker-cpu-s  CPU time of both workers
//	server-cpu-s  CPU time of the server from the workers' start on
//	render-cpu-s  CPU time of making archives
//	x-opened      most archives opened of one profile, divided by K·(1 + ln(n/K)), with K = N + R
//	worker-MiB    peak resident memory of the larger worker
//	log-MB        bytes of stream EPISODES; curves-MB: of the curves bucket
func BenchmarkLog(b *testing.B) {
	most := 10_000
	if text := os.Getenv(mostVariable); text != "" {
		var err error
		if most, err = strconv.Atoi(text); err != nil {
			b.Fatalf("%s: %v", mostVariable, err)
		}
	}
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		if n <= most {
			b.Run(strconv.Itoa(n), func(b *testing.B) {
				for b.Loop() {
					readLog(b, n)
				}
			})
		}
	}
}

// A run is a log at a server, and the workers that read it.
type run struct {
	b        *testing.B
	spec     *fit.Spec
	bus      *bus.Bus
	each     int // episodes a profile
	archives *process
	workers  []*process
}

func readLog(b *testing.B, n int) {
	b.Helper()
	r := &run{b: b, spec: fit.DefaultSpec()}
	r.each = n / len(r.spec.Profiles)
	var url string
	server := start(b, "server", &url, directoryVariable+"="+b.TempDir())
	var err error
	if r.bus, err = bus.Connect(client.Config{URL: url}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))); err != nil {
		b.Fatal(err)
	}
	if err := r.bus.EnsureTopology(b.Context()); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := r.bus.PublishAll(b.Context(), r.notices(), func(bus.Notice) {}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(began).Seconds(), "publish-s")

	var archives string
	r.archives = start(b, "archives", &archives, fmt.Sprintf("%s=%d", numberVariable, r.each))
	served := server.spent(b)
	began = time.Now()
	for range 2 {
		var ready string
		r.workers = append(r.workers, start(b, "worker", &ready, urlVariable+"="+url, archivesVariable+"="+archives, "GOMEMLIMIT="+memoryLimit))
	}
	gen := r.caughtUp()
	b.ReportMetric(time.Since(began).Seconds(), "s")
	b.ReportMetric((server.spent(b) - served).Seconds(), "server-cpu-s")
	b.ReportMetric(0, "ns/op") // would include publishing and checking
	r.ended()
	r.exact(gen)
	r.stored()
	r.bus.Close()
	_ = server.end(b, &url)
}

// notices yields messages that accept every episode, of the profiles in turn.
func (r *run) notices() iter.Seq[bus.Notice] {
	generator := synth.New(seed)
	at := time.Now()
	return func(yield func(bus.Notice) bool) {
		for i := range r.each {
			for _, p := range r.spec.Profiles {
				host, id := generator.Ref(string(p.Name), i)
				if !yield(bus.Notice{Host: host, Episode: id, Profile: string(p.Name), At: at}) {
					return
				}
			}
		}
	}
}

// caughtUp waits until the workers have nothing left to do, and returns their generation.
func (r *run) caughtUp() fit.Generation {
	r.b.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		<-tick.C
		ctx, end := context.WithTimeout(r.b.Context(), time.Minute)
		specs, err := r.bus.ReadSpecs(ctx)
		if err != nil {
			r.b.Fatal(err)
		}
		gen, err := r.bus.Present(ctx, specs, r.spec, episode.DefaultLimits())
		if err != nil {
			r.b.Fatal(err)
		}
		done, err := r.bus.CaughtUp(ctx, gen.ID)
		end()
		if err != nil {
			r.b.Fatal(err)
		}
		if done {
			return gen.ID
		}
	}
}

// ended ends the workers and reports their metrics.
func (r *run) ended() {
	r.b.Helper()
	var cpu time.Duration
	var memory int64
	for _, w := range r.workers {
		var last string
		used := w.end(r.b, &last)
		cpu += used.cpu
		memory = max(memory, used.memory)
	}
	var opened map[string]int
	rendering := r.archives.end(r.b, &opened).cpu
	k := float64(r.spec.Target + max(1, r.spec.Target/4))
	expected := k
	if n := float64(r.each); n > k {
		expected = k * (1 + math.Log(n/k))
	}
	most, all := 0, 0
	for _, n := range opened {
		most = max(most, n)
		all += n
	}
	r.b.ReportMetric(cpu.Seconds(), "worker-cpu-s")
	r.b.ReportMetric(rendering.Seconds(), "render-cpu-s")
	r.b.ReportMetric(float64(memory)/(1<<20), "worker-MiB")
	r.b.ReportMetric(float64(all), "opened")
	r.b.ReportMetric(float64(most)/expected, "x-opened")
}

// exact checks that each envelope is computed from the episodes of lowest rank in the whole log.
func (r *run) exact(gen fit.Generation) {
	r.b.Helper()
	type ranked struct {
		rank fit.Rank
		ref  episode.Ref
	}
	generator := synth.New(seed)
	store, err := synth.NewStore(generator, r.each)
	if err != nil {
		r.b.Fatal(err)
	}
	fitter, err := align.New(r.spec, episode.Limits{})
	if err != nil {
		r.b.Fatal(err)
	}
	for _, p := range r.spec.Profiles {
		all := make([]ranked, r.each)
		for i := range all {
			host, id := generator.Ref(string(p.Name), i)
			ref, err := episode.ParseRef(host, id)
			if err != nil {
				r.b.Fatal(err)
			}
			all[i] = ranked{r.spec.Rank(host, id), ref}
		}
		slices.SortFunc(all, func(x, y ranked) int { return x.rank.Compare(y.rank) })
		sample := fit.NewSample(r.spec.Target)
		for _, e := range all[:min(r.spec.Target, len(all))] {
			entry, err := fitter.Entry(r.b.Context(), store, e.ref, p.Channel)
			if err != nil {
				r.b.Fatal(err)
			}
			sample.Put(e.rank, entry)
		}
		want := sample.Envelope(r.spec.Points.Total())
		have, ok, err := r.bus.ReadEnvelope(r.b.Context(), gen, p.Name)
		if err != nil || !ok {
			r.b.Fatalf("no envelope of %s: %v", p.Name, err)
		}
		if !slices.Equal(have.Median, want.Median) || !slices.Equal(have.P25, want.P25) || !slices.Equal(have.P75, want.P75) || have.Used != want.Used {
			r.b.Errorf("the envelope of %s differs from that of the whole log", p.Name)
		}
	}
}

// stored reports the sizes of streams.
func (r *run) stored() {
	r.b.Helper()
	sizes, err := r.bus.Streams(r.b.Context())
	if err != nil {
		r.b.Fatal(err)
	}
	names := map[string]string{bus.EpisodesStream: "log-MB", "KV_" + bus.CurvesBucket: "curves-MB"}
	for _, s := range sizes {
		if name, ok := names[s.Name]; ok {
			r.b.ReportMetric(float64(s.Bytes)/1e6, name)
		}
	}
}
