// Package gc removes generations that no one uses: consumers, entries and
// envelopes. What keeps a generation is decided here, what is removed in which
// order is the bus's affair.
package gc

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// A Collector removes generations. It may run beside workers, streamers and
// others of its kind: should it take a generation for unused whose workers are
// only away, they begin the spec's next epoch and read the log from its start.
type Collector struct {
	Bus *bus.Bus
	// Idle is how long a generation is kept after its last use; zero keeps none
	// for that reason.
	Idle time.Duration
	// DryRun removes nothing.
	DryRun bool
	// Pause waits between two looks at who works; nil: a second.
	Pause func(context.Context) error
}

// looks is how often it is asked whether somebody works on a generation: a worker
// between two requests for messages has none waiting.
const looks = 6

// A Report is what became of every generation. Its JSON is what `profiles gc
// --json` prints.
type Report struct {
	DryRun bool `json:"dry_run"`
	// Generations are in order of revision and epoch, the wanted one last; before
	// them those of which nothing but a consumer is known.
	Generations []Generation `json:"generations"`
}

// A Generation is one of them with its fate.
type Generation struct {
	ID         fit.Generation `json:"id"`
	Base       fit.Generation `json:"base,omitempty"` // what all generations of the spec share
	Revision   int64          `json:"revision"`
	Epoch      uint64         `json:"epoch"`
	Registered bool           `json:"registered"` // false: only consumers of its name were found
	Fate       Fate           `json:"fate"`
	Why        Reason         `json:"why,omitempty"`    // where it is kept
	Detail     string         `json:"detail,omitempty"` // of why, for people
	// Consumers and Holding are what was removed, or in a dry run would be.
	Consumers int         `json:"consumers"`
	Holding   bus.Holding `json:"holding"`
	// SpecKept says that its entry in specs stays, since other generations of the
	// spec do: the spec's turn is where its first one was registered.
	SpecKept bool `json:"spec_kept"`
}

// A Fate is what becomes of a generation.
type Fate string

// Fates.
const (
	Kept          Fate = "kept"
	Removed       Fate = "removed"        // in a dry run: would be
	RemovedBefore Fate = "removed_before" // nothing is left but its entry in specs
)

// A Reason is why a generation is kept.
type Reason string

// Reasons, the first that holds.
const (
	Wanted Reason = "wanted"  // the dashboard shall show it
	Shown  Reason = "shown"   // the dashboard shows it
	AtWork Reason = "at_work" // a worker is at it
	Recent Reason = "recent"  // it was used less than Idle ago
)

// A candidate is a generation that may have to go.
type candidate struct {
	bus.Generation
	at int // its place in the report
}

// Run decides about every generation and removes those that nothing keeps.
func (c *Collector) Run(ctx context.Context) (*Report, error) {
	r := &Report{DryRun: c.DryRun, Generations: []Generation{}}
	specs, err := c.Bus.SpecsNow(ctx)
	if bus.IsAbsent(err) {
		return r, nil // nobody has made it yet
	}
	if err != nil {
		return nil, err
	}
	left, err := c.list(ctx, specs, r)
	if err != nil {
		return nil, err
	}
	if left, err = c.removedBefore(ctx, specs, r, left); err != nil {
		return nil, err
	}
	for look := 1; len(left) > 0; look++ {
		if left, err = c.keepUsed(ctx, r, left); err != nil {
			return nil, err
		}
		if look == looks || len(left) == 0 {
			break
		}
		if err := c.pause(ctx); err != nil {
			return nil, err
		}
	}
	// Asked again, and last: what was wanted may have changed meanwhile.
	if specs, err = c.Bus.SpecsNow(ctx); err != nil {
		return nil, err
	}
	if left, err = c.keepSeen(ctx, specs, r, left); err != nil {
		return nil, err
	}
	for _, x := range left {
		if err := c.remove(ctx, &r.Generations[x.at]); err != nil {
			return r, err
		}
	}
	return r, c.unregister(ctx, specs, r)
}

func (c *Collector) pause(ctx context.Context) error {
	if c.Pause != nil {
		return c.Pause(ctx)
	}
	select {
	case <-time.After(time.Second):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// list fills the report with all generations and returns those that are neither
// wanted nor shown.
func (c *Collector) list(ctx context.Context, specs *bus.Specs, r *Report) ([]candidate, error) {
	consumed, err := c.Bus.Consumed(ctx)
	if err != nil {
		return nil, err
	}
	var all []candidate
	add := func(g bus.Generation, registered bool) {
		all = append(all, candidate{g, len(all)})
		r.Generations = append(r.Generations, Generation{
			ID: g.ID, Base: g.Base, Revision: g.Spec.Revision, Epoch: g.Epoch, Registered: registered, Fate: Removed,
		})
	}
	for _, id := range consumed {
		if _, ok := specs.Get(id); !ok {
			add(bus.Generation{ID: id}, false)
		}
	}
	for _, g := range specs.All() {
		add(g, true)
	}
	return c.keepSeen(ctx, specs, r, all)
}

// keep says that a generation stays.
func (r *Report) keep(x candidate, why Reason, detail string) {
	g := &r.Generations[x.at]
	g.Fate, g.Why, g.Detail, g.SpecKept = Kept, why, detail, g.Registered
}

// keepSeen keeps the wanted generation and those that the dashboard shows.
func (c *Collector) keepSeen(ctx context.Context, specs *bus.Specs, r *Report, from []candidate) ([]candidate, error) {
	shown, err := c.Bus.Shown(ctx)
	if err != nil && !bus.IsAbsent(err) {
		return nil, err
	}
	wanted, ok := specs.Wanted()
	return slices.DeleteFunc(from, func(x candidate) bool {
		switch by := shown[x.ID]; {
		case ok && x.ID == wanted.ID:
			r.keep(x, Wanted, "the dashboard shall show it")
		case by != nil:
			slices.Sort(by)
			r.keep(x, Shown, "the dashboard shows it for "+strings.Join(by, ", "))
		default:
			return false
		}
		return true
	}), nil
}

// removedBefore sorts out those of which nothing is left but their entry in specs.
func (c *Collector) removedBefore(ctx context.Context, specs *bus.Specs, r *Report, from []candidate) ([]candidate, error) {
	var left []candidate
	for _, x := range from {
		if specs.Removed(x.ID) {
			use, err := c.Bus.Use(ctx, x.Generation)
			if err != nil {
				return nil, err
			}
			holding, err := c.Bus.Holding(ctx, x.ID)
			if err != nil {
				return nil, err
			}
			if use.Consumers == 0 && holding == (bus.Holding{}) {
				r.Generations[x.at].Fate = RemovedBefore
				continue
			}
		}
		left = append(left, x)
	}
	return left, nil
}

// keepUsed keeps those that somebody uses.
func (c *Collector) keepUsed(ctx context.Context, r *Report, from []candidate) ([]candidate, error) {
	var left []candidate
	for _, x := range from {
		use, err := c.Bus.Use(ctx, x.Generation)
		if err != nil {
			return nil, err
		}
		if why, detail := judge(use, c.Idle); why != "" {
			r.keep(x, why, detail)
		} else {
			r.Generations[x.at].Consumers = use.Consumers
			left = append(left, x)
		}
	}
	return left, nil
}

// abandoned is when messages that were handed out and never acknowledged no
// longer speak for a worker: one that was killed leaves them for ever, and who
// works is handed another before that.
const abandoned = 24 * time.Hour

// judge says why a generation of this use is kept; nothing: it isn't.
func judge(u bus.Use, idle time.Duration) (Reason, string) {
	switch {
	case u.Waiting > 0:
		return AtWork, "a worker asks for messages"
	case u.Unacked > 0 && u.Idle < abandoned:
		return AtWork, fmt.Sprintf("%d messages are in work", u.Unacked)
	case u.Idle < idle:
		return Recent, fmt.Sprintf("it was used %s ago", max(u.Idle, 0).Round(time.Second))
	}
	return "", ""
}

// remove counts what a generation has and removes it, but not its entry in specs.
func (c *Collector) remove(ctx context.Context, g *Generation) (err error) {
	if g.Holding, err = c.Bus.Holding(ctx, g.ID); err != nil || c.DryRun {
		return err
	}
	return c.Bus.Remove(ctx, g.ID)
}

// unregister removes from specs what is gone, unless other generations of its
// spec stay; that which was registered last goes first.
func (c *Collector) unregister(ctx context.Context, specs *bus.Specs, r *Report) error {
	stays := map[fit.Generation]bool{} // by base
	for _, g := range r.Generations {
		if g.Fate == Kept {
			stays[g.Base] = true
		}
	}
	all := specs.All()
	for _, g := range all {
		known := slices.ContainsFunc(r.Generations, func(x Generation) bool { return x.ID == g.ID })
		stays[g.Base] = stays[g.Base] || !known // it has come meanwhile
	}
	slices.SortFunc(all, func(a, b bus.Generation) int { return cmp.Compare(b.Registered, a.Registered) })
	for _, registered := range all {
		i := slices.IndexFunc(r.Generations, func(x Generation) bool { return x.ID == registered.ID })
		if i < 0 || r.Generations[i].Fate == Kept {
			continue
		}
		g := &r.Generations[i]
		if g.SpecKept = stays[g.Base]; g.SpecKept || c.DryRun {
			continue
		}
		gone, err := c.Bus.Unregister(ctx, registered)
		if err != nil {
			return err
		}
		g.SpecKept = !gone
	}
	return nil
}
