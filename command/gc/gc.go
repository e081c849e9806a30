// Package gc removes generations that nothing uses any more: their consumers,
// entries, envelopes and signatures, and their record in bucket specs.
//
// Start with [Collector.Run]. This package decides which generations go; package
// bus removes them, in an order that is safe beside running workers.
package gc

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/wait"
)

// A Collector removes generations. It may run beside workers, streamers and other
// collectors. If it removes a generation whose workers were only disconnected,
// they begin the spec's next epoch and read the log from its start.
type Collector struct {
	Bus *bus.Bus
	// Idle is how long a generation is kept after its last use. With zero, recent
	// use is no reason to keep it.
	Idle time.Duration
	// DryRun reports what would be removed and removes nothing.
	DryRun bool
	// Pause waits between two checks for use. Nil waits one second.
	Pause func(context.Context) error
}

// useChecks is how many times each generation is checked for use. One check is
// not enough: between two requests for messages a worker has no request open.
const useChecks = 6

// A Report lists every generation and what happened to it. Its JSON form is the
// output of `profiles gc --json`.
type Report struct {
	DryRun bool `json:"dry_run"`
	// Generations are sorted by revision and epoch, the wanted one last. Before them
	// come generations that are not registered but have a consumer.
	Generations []Generation `json:"generations"`
}

// A Generation is a generation and what happened to it.
type Generation struct {
	ID         fit.Generation `json:"id"`
	Base       fit.Generation `json:"base,omitempty"` // the same for all generations of a spec
	Revision   int64          `json:"revision"`
	Epoch      uint64         `json:"epoch"`
	Registered bool           `json:"registered"` // false: only consumers with its id exist
	Fate       Fate           `json:"fate"`
	Why        Reason         `json:"why,omitempty"`    // only if it is kept
	Detail     string         `json:"detail,omitempty"` // Why as a sentence
	// Consumers and Holding count what was removed, or would be in a dry run.
	Consumers int        `json:"consumers"`
	Holding   bus.Stored `json:"holding"`
	// SpecKept is true if its record in bucket specs stays because other generations
	// of its spec stay. The record of a spec's first generation holds the spec's turn.
	SpecKept bool `json:"spec_kept"`
}

// A Fate says what happened to a generation.
type Fate string

// The values of Fate.
const (
	Kept          Fate = "kept"
	Removed       Fate = "removed"        // in a dry run: would be removed
	RemovedBefore Fate = "removed_before" // removed by an earlier run; only its record in specs is left
)

// A Reason says why a generation is kept.
type Reason string

// The values of Reason. If several hold, the first one is reported.
const (
	Wanted Reason = "wanted"  // it is the generation that the dashboard should show
	Shown  Reason = "shown"   // the dashboard still shows it
	AtWork Reason = "at_work" // a worker works on it
	Recent Reason = "recent"  // it was used less than Idle ago
)

// A candidate is a generation for which no reason to keep it was found so far.
type candidate struct {
	generation bus.Generation
	index      int // in Report.Generations
}

// Run removes every generation for which it finds no reason to keep it. If
// the streams do not exist yet the report is empty. With an error the report may
// be nil; generations that are removed by then stay removed, and Run may be
// repeated.
func (c *Collector) Run(ctx context.Context) (*Report, error) {
	r := &Report{DryRun: c.DryRun, Generations: []Generation{}}
	specs, err := c.Bus.ReadSpecs(ctx)
	if client.IsAbsent(err) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	left, err := c.list(ctx, specs, r)
	if err != nil {
		return nil, err
	}
	if left, err = c.keepShown(ctx, specs, r, left); err != nil {
		return nil, err
	}
	if left, err = c.skipRemoved(ctx, specs, r, left); err != nil {
		return nil, err
	}
	if left, err = c.keepUsed(ctx, r, left); err != nil {
		return nil, err
	}
	// The wanted and the shown generations may have changed during the checks.
	if specs, err = c.Bus.ReadSpecs(ctx); err != nil {
		return nil, err
	}
	if left, err = c.keepShown(ctx, specs, r, left); err != nil {
		return nil, err
	}
	for _, x := range left {
		if err := c.remove(ctx, &r.Generations[x.index]); err != nil {
			return r, err
		}
	}
	return r, c.unregister(ctx, specs, r)
}

// list adds every generation to the report and returns all of them as candidates.
func (c *Collector) list(ctx context.Context, specs *bus.Specs, r *Report) ([]candidate, error) {
	consumed, err := c.Bus.GenerationsWithConsumers(ctx)
	if err != nil {
		return nil, err
	}
	var all []candidate
	add := func(g bus.Generation, registered bool) {
		all = append(all, candidate{g, len(r.Generations)})
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
	return all, nil
}

// keep records that a generation stays.
func (r *Report) keep(x candidate, why Reason, detail string) {
	g := &r.Generations[x.index]
	g.Fate, g.Why, g.Detail, g.SpecKept = Kept, why, detail, g.Registered
}

// keepShown keeps the wanted generation and those that the dashboard shows, and
// returns the other candidates.
func (c *Collector) keepShown(ctx context.Context, specs *bus.Specs, r *Report, from []candidate) ([]candidate, error) {
	shown, err := events.ShownProfiles(ctx, c.Bus)
	if err != nil && !client.IsAbsent(err) {
		return nil, err
	}
	wanted, ok := specs.Wanted()
	return slices.DeleteFunc(from, func(x candidate) bool {
		switch profiles := shown[x.generation.ID]; {
		case ok && x.generation.ID == wanted.ID:
			r.keep(x, Wanted, "the dashboard shall show it")
		case profiles != nil:
			slices.Sort(profiles)
			r.keep(x, Shown, "the dashboard shows it for "+strings.Join(profiles, ", "))
		default:
			return false
		}
		return true
	}), nil
}

// skipRemoved marks the generations that an earlier run has removed, and returns
// the other candidates. If that run left consumers or values of a generation, it stays
// a candidate.
func (c *Collector) skipRemoved(ctx context.Context, specs *bus.Specs, r *Report, from []candidate) ([]candidate, error) {
	var left []candidate
	for _, x := range from {
		if specs.Removed(x.generation.ID) {
			use, err := c.Bus.Usage(ctx, x.generation)
			if err != nil {
				return nil, err
			}
			holding, err := c.Bus.Stored(ctx, x.generation.ID)
			if err != nil {
				return nil, err
			}
			if use.Consumers == 0 && holding == (bus.Stored{}) {
				r.Generations[x.index].Fate = RemovedBefore
				continue
			}
		}
		left = append(left, x)
	}
	return left, nil
}

// keepUsed checks useChecks times for use, keeps the generations that are in use
// at any of them, and returns the other candidates.
func (c *Collector) keepUsed(ctx context.Context, r *Report, left []candidate) ([]candidate, error) {
	for n := range useChecks {
		if len(left) == 0 {
			break
		}
		if n > 0 {
			if err := c.pause(ctx); err != nil {
				return nil, err
			}
		}
		var err error
		if left, err = c.checkUse(ctx, r, left); err != nil {
			return nil, err
		}
	}
	return left, nil
}

func (c *Collector) pause(ctx context.Context) error {
	if c.Pause != nil {
		return c.Pause(ctx)
	}
	return wait.For(ctx, time.Second)
}

func (c *Collector) checkUse(ctx context.Context, r *Report, from []candidate) ([]candidate, error) {
	var left []candidate
	for _, x := range from {
		use, err := c.Bus.Usage(ctx, x.generation)
		if err != nil {
			return nil, err
		}
		if why, detail := reasonToKeep(use, c.Idle); why != "" {
			r.keep(x, why, detail)
		} else {
			r.Generations[x.index].Consumers = use.Consumers
			left = append(left, x)
		}
	}
	return left, nil
}

// abandonedAfter is how long unacknowledged messages count as the work of a
// worker. A killed worker leaves them for ever; a running one gets another
// message, which renews the time of last use, long before.
const abandonedAfter = 24 * time.Hour

// reasonToKeep returns why a generation with this use is kept, or "" if it may be
// removed.
func reasonToKeep(u bus.Usage, idle time.Duration) (Reason, string) {
	switch {
	case u.Waiting > 0:
		return AtWork, "a worker asks for messages"
	case u.Unacked > 0 && u.Idle < abandonedAfter:
		return AtWork, fmt.Sprintf("%d messages are in work", u.Unacked)
	case u.Idle < idle:
		return Recent, fmt.Sprintf("it was used %s ago", max(u.Idle, 0).Round(time.Second))
	}
	return "", ""
}

// remove counts the values of a generation and removes everything but its record
// in specs.
func (c *Collector) remove(ctx context.Context, g *Generation) (err error) {
	if g.Holding, err = c.Bus.Stored(ctx, g.ID); err != nil || c.DryRun {
		return err
	}
	return c.Bus.Remove(ctx, g.ID)
}

// unregister removes the records of removed generations from specs, but only if
// no generation of the same spec stays. The one that was registered last goes
// first, so that the turn of the spec never changes in between.
func (c *Collector) unregister(ctx context.Context, specs *bus.Specs, r *Report) error {
	stays := map[fit.Generation]bool{} // by base
	for _, g := range r.Generations {
		if g.Fate == Kept {
			stays[g.Base] = true
		}
	}
	all := specs.All()
	for _, g := range all {
		listed := slices.ContainsFunc(r.Generations, func(x Generation) bool { return x.ID == g.ID })
		stays[g.Base] = stays[g.Base] || !listed // registered during this run
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
