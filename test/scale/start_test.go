//go:build linux

package scale

import (
	"context"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/worker"
)

// BenchmarkStart starts a worker when the bucket has 10,000 curves of each of six profiles, all of them in the sample or its reserve.
//
//	s      seconds until it is ready
//	cpu-s  CPU time of this process meanwhile, including the server's
func BenchmarkStart(b *testing.B) {
	const each = 10_000
	spec := fit.DefaultSpec()
	spec.Target = each * 4 / 5 // the rest is the reserve
	server := bustest.Start(b)
	nc := server.Topology()
	fill(b, nc, spec, each)
	var took, cpu time.Duration
	for b.Loop() {
		w, err := worker.New(worker.Config{}, worker.Deps{Bus: server.Connect(), Store: remote(""), Spec: spec, Log: bustest.Log(b), Registry: prometheus.NewRegistry()})
		if err != nil {
			b.Fatal(err)
		}
		ctx, end := context.WithCancel(context.Background())
		var running errgroup.Group
		began, spent := time.Now(), processTime()
		running.Go(func() error { return w.Run(ctx) })
		for tick := time.NewTicker(time.Millisecond); w.Ready() != nil; <-tick.C {
		}
		took += time.Since(began)
		cpu += processTime() - spent
		end()
		_ = running.Wait()
	}
	b.ReportMetric(took.Seconds()/float64(b.N), "s")
	b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s")
	b.ReportMetric(0, "ns/op") // would include its end
}

// fill publishes that so many episodes of each profile are accepted, and puts their curves.
func fill(b *testing.B, nc *bus.Bus, spec *fit.Spec, each int) {
	b.Helper()
	ctx := context.Background()
	_, curves, end := bustest.Curves(b, nc, spec)
	defer end()
	r := run{spec: spec, each: each}
	if err := nc.PublishAll(ctx, r.notices(), func(bus.Notice) {}); err != nil {
		b.Fatal(err)
	}
	var puts errgroup.Group
	puts.SetLimit(64)
	place := uint64(0) // in the log
	for n := range r.notices() {
		place++
		entry := fit.Entry{Seq: place, Host: n.Host, Episode: n.Episode, State: fit.StateCurve}
		entry.Curve, entry.Signature = randomCurve(spec, place), randomSignature(spec, place)
		puts.Go(func() error {
			return bustest.PutEntry(ctx, curves, bus.EntryID{Profile: fit.ProfileName(n.Profile), Rank: spec.Rank(n.Host, n.Episode)}, entry, 0, time.Time{})
		})
	}
	if err := puts.Wait(); err != nil {
		b.Fatal(err)
	}
}

func randomCurve(spec *fit.Spec, seed uint64) fit.Curve {
	random := rand.New(rand.NewPCG(seed, 0))
	curve := make(fit.Curve, spec.Points.Total())
	for k := range curve {
		curve[k] = 100 * random.Float64()
	}
	return curve
}

func randomSignature(spec *fit.Spec, seed uint64) fit.Signature {
	random := rand.New(rand.NewPCG(seed, 1))
	signature := make(fit.Signature, len(spec.Signature.Channels))
	for c := range signature {
		for range spec.Points.Total() {
			signature[c] = append(signature[c], 100*random.Float32())
		}
	}
	return signature
}

// processTime returns the CPU time of this process.
func processTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // it fails only for invalid arguments
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
