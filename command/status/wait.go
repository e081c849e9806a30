package status

import (
	"context"
	"fmt"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// Unsettled says what the wanted generation still has to do, in a few words;
// empty: nothing. Its order is that in which work goes through the system.
func (r *Report) Unsettled() string {
	switch {
	case r.Wanted == "":
		return "a generation: no worker has registered its spec yet"
	case r.Lag == nil:
		return "the consumers of generation " + string(r.Wanted)
	}
	if what := r.Lag.unsettled(); what != "" {
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

func (l *Lag) unsettled() string {
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
	mostPause  = 200 * time.Millisecond
)

// Wait returns the report when all is settled: everything that was accepted
// before is in an envelope, in an entry with its reason, or in REJECTED. Before
// that it calls waiting, where that is set, whenever what it waits for changes.
// It ends with ctx's cause where ctx ends first.
//
// As long as something is in work only that is asked for, five times a second.
func Wait(ctx context.Context, b *bus.Bus, waiting func(what string)) (*Report, error) {
	// What is asked of NATS while a leader is elected may never be answered. A
	// request has a limit of its own only where its context has none.
	asking, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer context.AfterFunc(ctx, end)()
	pause, said := firstPause, ""
	for {
		report, what, err := look(asking, b)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case bus.IsUnanswered(err):
			what = "an answer of NATS"
		case err != nil:
			return nil, err
		case what == "":
			return report, nil
		}
		if what != said && waiting != nil {
			waiting(what)
		}
		said = what
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		pause = min(2*pause, mostPause)
	}
}

// look asks for little while that shows something unsettled, else for all. The
// whole report comes after the lags, and from a fresh snapshot: when the lags
// were nothing every put had been made, so it holds them.
func look(ctx context.Context, b *bus.Bus) (*Report, string, error) {
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
	}
	if what := brief.Unsettled(); what != "" {
		return nil, what, nil
	}
	report, err := Collect(ctx, b)
	if err != nil {
		return nil, "", err
	}
	return report, report.Unsettled(), nil
}

func wanted(ctx context.Context, b *bus.Bus) (fit.Generation, bool, error) {
	specs, err := b.SpecsNow(ctx)
	if bus.IsAbsent(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	g, ok := specs.Wanted()
	return g.ID, ok, nil
}
