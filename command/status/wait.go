package status

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/settings"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/wait"
)

// WaitsFor names the first thing that the wanted generation still has to do, in
// the order in which work goes through the system. It is empty when the system
// is settled: no setting is wrong, no message is pending or unacknowledged, and every
// envelope is of the present sample.
func (r *Report) WaitsFor() string {
	for _, w := range r.Wrong {
		if w.Level >= settings.Unsettled {
			return w.String()
		}
	}
	switch {
	case r.Wanted == "":
		return "a generation: no worker has registered its spec yet"
	case r.Lag == nil:
		return "the consumers of generation " + string(r.Wanted)
	case r.MustReadAgain:
		return "a new epoch: the log was filled again after it had lost messages"
	}
	if what := r.Lag.waitsFor(); what != "" {
		return what
	}
	for _, p := range r.Profiles {
		if p.Short {
			return fmt.Sprintf("a new epoch: too many episodes of %s were retracted", p.Name)
		}
		if !p.Agrees {
			return fmt.Sprintf("the envelope of %s", p.Name)
		}
	}
	return ""
}

func (l *Lag) waitsFor() string {
	switch {
	case !l.Align.None():
		return fmt.Sprintf("episodes: %d to deliver, %d in work", l.Align.Pending, l.Align.Unacked)
	case !l.Reduce.None():
		return fmt.Sprintf("puts to reduce: %d to deliver, %d in work", l.Reduce.Pending, l.Reduce.Unacked)
	}
	return ""
}

const (
	firstPause = 25 * time.Millisecond
	maxPause   = 200 * time.Millisecond
)

// Wait returns a report of the settled system: every episode that was accepted
// before the call is in an envelope, has an entry with a reason, or is in
// REJECTED. Until then it calls waiting, unless that is nil, each time the thing
// that it waits for changes. When ctx ends first it returns the cause of ctx.
//
// While work is pending it asks only for the lag of the consumers, five times a
// second.
func Wait(ctx context.Context, b *bus.Bus, waiting func(what string)) (*Report, error) {
	// A request to a stream that elects a leader may never be answered. Only a
	// request whose context has no deadline gets one of its own, so the requests
	// get a context without the deadline of ctx.
	requests, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer context.AfterFunc(ctx, end)()
	pause, last := wait.Backoff{Min: firstPause, Max: maxPause}, ""
	for {
		report, what, err := check(requests, b)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case client.IsUnanswered(err):
			what = "an answer of NATS"
		case err != nil:
			return nil, err
		case what == "":
			return report, nil
		}
		if what != last && waiting != nil {
			waiting(what)
		}
		last = what
		if err := pause.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

// check collects a full report only if the lag shows no pending work. The report
// must be read after the lag: when the lag was zero every put had been made, so
// the report includes all of them.
func check(ctx context.Context, b *bus.Bus) (*Report, string, error) {
	gen, ok, err := wanted(ctx, b)
	if err != nil {
		return nil, "", err
	}
	brief := &Report{}
	if ok {
		brief.Wanted = gen
		if brief.Lag, err = lag(ctx, b, gen); err != nil {
			return nil, "", err
		}
		if brief.Lag != nil {
			brief.Wrong = slices.Concat(brief.Lag.Align.Wrong(), brief.Lag.Reduce.Wrong())
		}
	}
	if what := brief.WaitsFor(); what != "" {
		return nil, what, nil
	}
	report, err := Collect(ctx, b)
	if err != nil {
		return nil, "", err
	}
	return report, report.WaitsFor(), nil
}

func wanted(ctx context.Context, b *bus.Bus) (fit.Generation, bool, error) {
	specs, err := b.ReadSpecs(ctx)
	if client.IsAbsent(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	g, ok := specs.Wanted()
	return g.ID, ok, nil
}
