package status

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/settings"
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
	case r.UnnamedDomain != "":
		return "the streams; " + r.NoStreams()
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

// NoStreams says, if there are no streams, why that may be so and what to do.
func (r *Report) NoStreams() string {
	if r.UnnamedDomain != "" {
		return fmt.Sprintf("there are no streams in JetStream domain %s of this server: set NATS_JS_DOMAIN to the domain that has them, or to %[1]s to make them there", r.UnnamedDomain)
	}
	return "there are no streams yet: no service has run with this NATS (`profiles topology` makes the streams)"
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
	brief := &Report{}
	specs, err := b.ReadSpecs(ctx)
	if client.IsAbsent(err) {
		brief.UnnamedDomain = b.UnnamedDomain()
		return nil, brief.WaitsFor(), nil
	}
	if err != nil {
		return nil, "", err
	}
	if gen, ok := specs.Wanted(); ok {
		brief.Wanted = gen.ID
		if brief.Lag, err = lag(ctx, b, gen.ID); err != nil {
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
