package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	et "github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

func newSession(t *testing.T, nc *bus.Bus, store episode.Store, spec *fit.Spec, gen bus.Generation, curves *bus.Curves) *session {
	t.Helper()
	w, err := New(Config{}, Deps{Bus: nc, Store: store, Spec: spec, Log: bustest.Log(t), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return &session{
		bus: nc, store: store, spec: spec, cfg: &w.cfg, logger: w.deps.Log, metrics: w.metrics, warned: w.warned, fitter: w.fitter, channels: w.channels,
		gen: gen, curves: curves, log: &logView{}, models: newSampleModel(spec), witness: w.witness, unanswered: &w.unanswered,
	}
}

// handle runs the task of a message, whether Done or not.
func handle(ctx context.Context, s *session, n bus.Notice) error {
	id, ref, err := s.parse(n)
	if err != nil {
		return err
	}
	return (&candidate{s, n, id, ref}).Run(ctx, bus.Attempt{Await: func(open func() error) error { return open() }})
}

// TestNeededNoMore: the threshold falls below an episode after its message was
// delivered. Its archive need not be read any more.
func TestNeededNoMore(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	spec.Target = 1 // and one in reserve
	nc := bustest.Start(t).Topology()
	ctx := bustest.Context(t)
	gen, curves, end := bustest.Curves(t, nc, spec)
	defer end()
	a := newSession(t, nc, nil, spec, gen, curves)
	profile := spec.Profiles[0].Name
	put := func(rank fit.Rank, e fit.Entry) uint64 {
		t.Helper()
		if err := bustest.PutEntry(ctx, curves, bus.EntryID{Profile: profile, Rank: rank}, e, 0, time.Time{}); err != nil {
			t.Fatal(err)
		}
		have, err := curves.Read(ctx, bus.EntryID{Profile: profile, Rank: rank})
		if err != nil {
			t.Fatal(err)
		}
		if err := curves.Reached(ctx, have.Revision, time.Minute); err != nil {
			t.Fatal(err)
		}
		return have.Revision
	}
	entry := fit.Entry{Seq: 1, Host: "lab-01", Episode: "ep-1", State: fit.StateCurve, Curve: make(fit.Curve, spec.Points.Total())}
	rank := spec.Rank(entry.Host, entry.Episode)
	before := put(rank, entry)
	again := bus.Notice{Host: entry.Host, Episode: entry.Episode, Profile: string(profile), Seq: 9, At: time.Now()}
	task, err := a.prepare(again)
	if task == nil || err != nil {
		t.Fatalf("not needed at first: %v", err)
	}
	for _, lower := range []fit.Rank{{0}, {0, 1}} {
		e := entry
		e.Episode = "ep-" + lower.String()
		put(lower, e)
	}
	if err := task.Run(ctx, bus.Attempt{}); err != nil {
		t.Fatal(err)
	}
	if have, err := curves.Read(ctx, bus.EntryID{Profile: profile, Rank: rank}); err != nil || have.Revision != before || have.Seq != 1 {
		t.Errorf("the entry is now %+v, %v", have, err)
	}
}

// replaceable is a store of one archive.
type replaceable struct{ archive []byte }

func (s *replaceable) Open(context.Context, episode.Ref) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(s.archive)), nil
}

// TestReplacedArchive: an episode is retracted, its archive is replaced, and it is accepted
// again. In any order of delivery the new archive counts.
func TestReplacedArchive(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	nc := bustest.Start(t).Topology()
	ctx := bustest.Context(t)
	gen, curves, end := bustest.Curves(t, nc, spec)
	defer end()
	older, newer := &replaceable{et.Episode(450).Bytes()}, &replaceable{et.Episode(300).Bytes()}
	profile := spec.Profiles[0].Name
	accept := bus.Notice{Host: "lab-01", Profile: string(profile), Seq: 5, At: time.Now()}
	retract, again := accept, accept
	retract.Retracted, retract.Seq, again.Seq = true, 10, 15

	old, fresh := newSession(t, nc, older, spec, gen, curves), newSession(t, nc, newer, spec, gen, curves)
	type delivery struct {
		to *session
		bus.Notice
	}
	var want fit.Entry
	for i, order := range [][]delivery{
		{{old, accept}, {fresh, retract}, {fresh, again}},
		{{old, accept}, {fresh, again}, {fresh, retract}},
		{{fresh, again}, {old, accept}, {fresh, retract}}, // the archive was read earlier, and the entry written late
		{{fresh, retract}, {old, accept}, {fresh, again}},
		{{fresh, retract}, {fresh, again}, {old, accept}},
		{{fresh, again}, {fresh, retract}, {old, accept}},
	} {
		id := fmt.Sprint("ep-", i)
		for _, d := range order {
			d.Episode = id
			if err := handle(ctx, d.to, d.Notice); err != nil {
				t.Fatal(err)
			}
		}
		have, err := curves.Read(ctx, bus.EntryID{Profile: profile, Rank: spec.Rank(accept.Host, id)})
		if err != nil || have.State != fit.StateCurve || have.Seq != again.Seq {
			t.Fatalf("order %d: %v, %v at %d", i, err, have.State, have.Seq)
		}
		if i == 0 {
			want = have.Entry
		}
		if !slices.EqualFunc(have.Curve, want.Curve, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }) {
			t.Errorf("order %d: the curve is of the archive that was replaced", i)
		}
	}
}

// TestRejectedAgain: when a worker dies between the entry and the copy under REJECTED, the
// next one makes the copy, with the reason and detail of the entry.
func TestRejectedAgain(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	nc := bustest.Start(t).Topology()
	ctx := bustest.Context(t)
	gen, curves, end := bustest.Curves(t, nc, spec)
	defer end()
	a := newSession(t, nc, &replaceable{[]byte("no archive")}, spec, gen, curves)
	accept := bus.Notice{Host: "lab-01", Episode: "ep-1", Profile: string(spec.Profiles[0].Name), Seq: 5, At: time.Now()}
	var first, again *bus.Rejection
	if err := handle(ctx, a, accept); !errors.As(err, &first) || first.Detail == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	if err := curves.Reached(ctx, 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	a.store = nil // the archive is not read again
	if task, err := a.prepare(accept); task == nil || err != nil {
		t.Fatalf("the message is done although the view has no detail: %v", err)
	}
	if err := handle(ctx, a, accept); !errors.As(err, &again) || *again != *first {
		t.Errorf("%v at first, %v again", first, err)
	}
}
