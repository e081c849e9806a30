package signatures_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

const gen = fit.Generation("abcdefghij")

// A source is the sample that a signature is made of.
type source struct {
	signatures.Stamp
	accepted float64
}

// summaryOf returns the summary of episodes whose values are all v.
func summaryOf(v float32, episodes int) signature.Summary {
	spec := fit.DefaultSpec()
	members := make([]signature.Member, episodes)
	for i := range members {
		m := signature.Member{Host: "lab-01", Episode: fmt.Sprint(i), Curve: slices.Repeat([]float64{float64(v)}, 80), Seconds: fit.Seconds{10, 2, 3, 25, 5}}
		for range spec.Signature.Channels {
			m.Signature = append(m.Signature, slices.Repeat([]float32{v}, 80))
		}
		members[i] = m
	}
	return signature.Of(spec, members)
}

func text(t *testing.T, s signature.Summary) string {
	t.Helper()
	out, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	ctx := bustest.Context(t)
	if _, ok, err := signatures.Read(ctx, b, gen, "io-walk"); ok || err != nil {
		t.Fatalf("there is one: %v", err)
	}
	curves, err := b.OpenCurves(ctx, gen, fit.DefaultSpec())
	if err != nil {
		t.Fatal(err)
	}
	view, err := signatures.OpenVersions(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	following, stop := context.WithCancel(ctx)
	done := make(chan struct{}, 2)
	go func() { _ = view.Run(following); done <- struct{}{} }()
	go func() { _ = curves.Run(following); done <- struct{}{} }()
	defer func() { stop(); <-done; <-done }()

	put := func(rank byte) { // the curves stream must have the sequences that are named below
		t.Helper()
		entry := fit.Entry{Seq: 1, Host: "h", Episode: fmt.Sprint(rank), State: fit.StateCurve, Curve: make(fit.Curve, 80)}
		if err := bustest.PutEntry(ctx, curves, bus.EntryID{Profile: "io-walk", Rank: fit.Rank{rank}}, entry, 0, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if err := curves.Reached(ctx, uint64(rank), 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	sampled := func(digest fit.Digest, accepted float64) source {
		t.Helper()
		from := source{accepted: accepted}
		from.Digest = digest
		if err := curves.Inspect("io-walk", func(_ *fit.Sample, at client.AsOf) { from.AsOf = at }); err != nil {
			t.Fatal(err)
		}
		return from
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	write := func(s signature.Summary, from source, at time.Time, want bool) {
		t.Helper()
		from.UpdatedAt = at
		written, err := signatures.Write(ctx, b, gen, "io-walk", s, from.accepted, from.Stamp)
		if err != nil || written != want {
			t.Fatalf("written: %v, %v", written, err)
		}
	}
	holds := func(want signature.Summary, digest fit.Digest) signatures.Signature {
		t.Helper()
		got, ok, err := signatures.Read(ctx, b, gen, "io-walk")
		if err != nil || !ok || got.Digest != digest || text(t, got.Summary) != text(t, want) {
			t.Fatalf("read %v, %v: %.200s", ok, err, text(t, got.Summary))
		}
		for { // and the view has it soon
			moved := view.Changed()
			if view.Signature(gen, "io-walk").Digest == digest {
				return got
			}
			select {
			case <-moved:
			case <-ctx.Done():
				t.Fatal("the view does not get there")
			}
		}
	}

	put(1)
	early := sampled("aaaa", 3)
	put(2)
	late := sampled("bbbb", 4)
	if late.AsOf.Seq != 2 {
		t.Fatalf("sampled %+v", late)
	}
	write(summaryOf(5, 8), late, now, true)
	write(summaryOf(1, 3), early, now, false) // too late: the stored one has seen more
	got := holds(summaryOf(5, 8), "bbbb")
	if len(got.Snapshots) != 1 || got.Drift()[0].Distance != 0 {
		t.Errorf("snapshots %+v", got.Snapshots)
	}
	// The next snapshot is a day later, or at twice as many episodes.
	put(3)
	write(summaryOf(6, 8), sampled("cccc", 7), now.Add(time.Hour), true)
	if got := holds(summaryOf(6, 8), "cccc"); len(got.Snapshots) != 1 || got.Drift()[0].Distance < 0.15 || got.Drift()[0].Outside != 1 {
		t.Errorf("drift %+v", got.Drift())
	}
	write(summaryOf(7, 8), sampled("dddd", 8), now.Add(2*time.Hour), true)
	if got := holds(summaryOf(7, 8), "dddd"); len(got.Snapshots) != 2 || got.Snapshots[1].Accepted != 8 {
		t.Errorf("snapshots %+v", got.Snapshots)
	}
	kv, err := srv.JetStream().KeyValue(ctx, bus.SignaturesBucket)
	if err != nil {
		t.Fatal(err)
	}

	// A day passes by the server's clock: a worker's clock may be 30 years ahead.
	ahead := now.AddDate(30, 0, 0)
	write(summaryOf(7, 8), sampled("dddd", 8), ahead, true)
	if got := holds(summaryOf(7, 8), "dddd"); len(got.Snapshots) != 2 {
		t.Errorf("a wrong clock takes a snapshot: %+v", got.Snapshots)
	}
	for _, last := range []time.Time{time.Now().Add(-25 * time.Hour), ahead} { // ahead: taken when the worker's clock counted
		earlier := holds(summaryOf(7, 8), "dddd").Snapshots[1]
		earlier.At = last
		snapshots, err := json.Marshal(map[string]any{"snapshots": []signature.Snapshot{earlier}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(ctx, string(gen)+".io-walk.snapshots", snapshots); err != nil {
			t.Fatal(err)
		}
		for _, clock := range []time.Time{ahead, now, ahead} {
			write(summaryOf(7, 8), sampled("dddd", 8), clock, true)
		}
		if got := holds(summaryOf(7, 8), "dddd").Snapshots; len(got) != 2 || time.Since(got[1].At).Abs() > time.Hour {
			t.Errorf("after a snapshot of %s: %+v", last, got)
		}
	}

	// A writer that dies between two parts leaves a signature that is not complete.
	part, err := kv.Get(ctx, string(gen)+".io-walk.channel-3")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(ctx, part.Key(), []byte(`{"digest":"eeee"}`)); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := signatures.Read(ctx, b, gen, "io-walk"); ok || err != nil {
		t.Errorf("parts of two samples are taken for a whole: %v", err)
	}
	put(4)
	write(summaryOf(7, 8), sampled("dddd", 8), now.Add(2*time.Hour), true)
	holds(summaryOf(7, 8), "dddd")

	holding, err := b.Stored(ctx, gen)
	if err != nil || holding.Signatures != 10 { // head, hosts, snapshots and seven channels
		t.Errorf("holding %+v, %v", holding, err)
	}
	if err := b.Remove(ctx, gen); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := signatures.Read(ctx, b, gen, "io-walk"); ok || err != nil {
		t.Errorf("removed, but there: %v", err)
	}
}

// TestVersionsStaySmall: the view does not keep the signatures themselves.
func TestVersionsStaySmall(t *testing.T) {
	srv := bustest.Start(t)
	b := srv.Topology()
	ctx := bustest.Context(t)
	kv, err := srv.JetStream().KeyValue(ctx, bus.SignaturesBucket)
	if err != nil {
		t.Fatal(err)
	}
	const parts, size = 60, 512 << 10
	value := []byte(`{"digest":"dddd","n":"` + strings.Repeat("x", size) + `"}`)
	for i := range parts {
		name := []string{"head", "hosts", "channel-0"}[i%3]
		if _, err := kv.Put(ctx, fmt.Sprintf("generation%d.io-walk.%s", i/3, name), value); err != nil {
			t.Fatal(err)
		}
	}
	view, err := signatures.OpenVersions(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(ctx)
	end()
	_ = view.Run(ended)
	srv.Stop()              // the server's memory must not count
	heap := func() uint64 { // once it no longer falls: the server releases memory bit by bit
		var m runtime.MemStats
		for {
			before := m.HeapAlloc >> 20
			runtime.GC()
			runtime.GC() // pools are emptied by the second
			runtime.ReadMemStats(&m)
			if m.HeapAlloc>>20 == before {
				return m.HeapAlloc
			}
		}
	}
	with := heap()
	if view.Signature("generation7", "io-walk").Digest != "dddd" {
		t.Error("the view lacks a signature: this shows nothing")
	}
	if without := heap(); with > without+parts*size/2 {
		t.Errorf("the view of %d MiB holds %d MiB", parts*size>>20, (with-without)>>20)
	}
}
