//go:build faults

package faults

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/command/status"
	"github.com/cis490/profiles/fit"
)

// Limits of the wait after a fault.
const (
	healthyWithin = 90 * time.Second
	settledWithin = 2 * time.Minute
	shownWithin   = 30 * time.Second
)

// Invariants, by the names that the table has.
const (
	holdsLog       = "acknowledged, and in the log"
	holdsLast      = "the log accepts what the receiver does"
	holdsAccounted = "every episode accounted for"
	holdsEqual     = "export equals fit"
	holdsSigned    = "signatures equal the fit's"
	holdsForward   = "envelopes only forward"
	holdsShown     = "events show the envelopes"
	holdsStored    = "no stored event goes back"
	holdsOrder     = "no browser sees an event go back"
	holdsHealthy   = "streams and consumers healthy"
	holdsAlive     = "nobody died, memory under its limit"
	holdsFew       = "goroutines under their limit"

	managesEmit  = "profiles emit brings a lost log back"
	managesAgain = "profiles emit --rejected sends late archives again"
)

// A round is what is known of one fault while it is checked.
type round struct {
	*fleet
	wrong []string
	held  map[string]int // checks by invariant
}

func (r *round) fail(invariant, format string, args ...any) {
	r.wrong = append(r.wrong, invariant+": "+fmt.Sprintf(format, args...))
}

// check holds an invariant against what a question finds.
func (r *round) check(invariant string, question func() error) {
	r.held[invariant]++
	if err := question(); err != nil {
		r.fail(invariant, "%v", err)
	}
}

// settle waits until all is quiet and checks everything. The receiver is silent.
func (r *round) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), patient(healthyWithin+settledWithin+shownWithin))
	defer cancel()
	validation := filepath.Join(r.dir, "validation.parquet")
	if err := r.receiver.writeValidation(validation); err != nil {
		r.t.Fatal(err)
	}
	if r.lost[bus.EpisodesStream] {
		r.check(managesEmit, func() error {
			return ask(ctx, func(context.Context) error { _, err := r.profiles(ctx, "emit", "--validation", validation); return err })
		})
		r.receiver.forget()
	}
	r.check(holdsHealthy, func() error {
		ctx, cancel := context.WithTimeout(ctx, patient(healthyWithin))
		defer cancel()
		return r.healthy(ctx)
	})
	if r.missed {
		r.missed = false
		r.check(managesAgain, func() error { return r.rejectedAgain(ctx) })
	}
	r.check(holdsEqual, func() error { return r.becomesEqual(ctx, validation) })
	r.check(holdsSigned, func() error { return r.becomesSigned(ctx) })
	r.checkLog(ctx)
	r.check(holdsAccounted, func() error { return r.becomesAccounted(ctx) })
	r.check(holdsForward, func() error { return r.forward(ctx) })
	r.check(holdsShown, func() error { return r.shows(ctx) })
	r.checkEvents(ctx)
	r.check(holdsAlive, r.alive)
	r.check(holdsFew, func() error { return r.uncrowded(ctx) })
	clear(r.lost)
	if len(r.wrong) > 0 {
		r.report(ctx)
		return
	}
	r.prune(ctx)
}

// becomesEqual waits until the system says that it has settled, and compares the
// live envelopes with the fit of the validation file, by the programs that an
// operator has. Where nothing was lost, settled is settled: it may not differ.
func (r *round) becomesEqual(ctx context.Context, validation string) error {
	live, batch := filepath.Join(r.dir, "live.parquet"), filepath.Join(r.dir, "batch.parquet")
	if _, err := r.profiles(ctx, "fit", "--spec", r.file, "--store", r.storeDir(), "--validation", validation, "--fit-out", batch, "--signatures-out", r.signatures("batch")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patient(settledWithin))
	defer cancel()
	var differs error
	for {
		waitsFor := ""
		err := ask(ctx, func(context.Context) error {
			_, err := status.Wait(ctx, r.bus, func(what string) { waitsFor = what })
			return err
		})
		if err != nil {
			return cmp.Or(differs, fmt.Errorf("it did not settle, and waits for %s: %w", waitsFor, err))
		}
		if differs = r.equal(ctx, live, batch); differs == nil || len(r.lost) == 0 {
			return differs
		}
		r.while(200 * time.Millisecond)
	}
}

// rejectedAgain sends what is in REJECTED again, as an operator does when archives
// came late, once everything has its reason.
func (r *round) rejectedAgain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patient(settledWithin))
	defer cancel()
	return ask(ctx, func(context.Context) error {
		if _, err := status.Wait(ctx, r.bus, func(string) {}); err != nil {
			return err
		}
		_, err := r.profiles(ctx, "emit", "--rejected")
		return err
	})
}

func (r *round) equal(ctx context.Context, live, batch string) error {
	if err := os.RemoveAll(live); err != nil {
		return err
	}
	if _, err := r.profiles(ctx, "export", "--spec", r.file, "--fit-out", live); err != nil {
		return err
	}
	return r.sameFile(live, batch)
}

// sameFile: what was exported is what the fit of the same episodes wrote.
func (r *round) sameFile(live, batch string) error {
	a, err := os.ReadFile(live)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(batch)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return fmt.Errorf("%s, exported, differs from %s of the fit of the same episodes", live, batch)
	}
	return nil
}

func (r *round) signatures(of string) string { return filepath.Join(r.dir, of+".signatures.json") }

// becomesSigned waits until the signatures, which follow the envelopes, are those
// of the last fit.
func (r *round) becomesSigned(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patient(settledWithin))
	defer cancel()
	return ask(ctx, func(context.Context) error {
		if _, err := r.profiles(ctx, "export", "--spec", r.file, "--fit-out", filepath.Join(r.dir, "signed.parquet"), "--signatures-out", r.signatures("live")); err != nil {
			return err
		}
		return r.sameFile(r.signatures("live"), r.signatures("batch"))
	})
}

// checkLog reads the log: it has what was acknowledged, and its last word is the
// receiver's.
func (r *round) checkLog(ctx context.Context) {
	have, accepted := map[string]bool{}, map[claim]bool{}
	err := ask(ctx, func(ctx context.Context) error {
		clear(have)
		clear(accepted)
		_, err := r.bus.ReadLog(ctx, func(n bus.Notice) error {
			have[key(n)] = true
			accepted[claimOf(n)] = !n.Retracted
			return nil
		})
		return err
	})
	r.receiver.mu.Lock()
	defer r.receiver.mu.Unlock()
	r.check(holdsLog, func() error {
		if err != nil {
			return err
		}
		for k := range r.receiver.acked {
			if !have[k] {
				return fmt.Errorf("the log lacks %s", k)
			}
		}
		return nil
	})
	if err != nil {
		return // a part of the log has no last word
	}
	r.check(holdsLast, func() error {
		for _, c := range r.receiver.all {
			if accepted[c] != r.receiver.accepted[c] {
				return fmt.Errorf("the log says accepted=%v of %v", accepted[c], c)
			}
		}
		return nil
	})
}

// becomesAccounted looks again where something seems to be missing: a server that led
// a stream and does not know yet that it was succeeded answers with what it has. What
// was lost stays lost.
func (r *round) becomesAccounted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patient(shownWithin))
	defer cancel()
	looks := 0
	err := ask(ctx, func(ctx context.Context) error {
		looks++
		return r.accounted(ctx)
	})
	if err == nil && looks > 1 {
		r.t.Logf("every episode was accounted for at the look number %d", looks)
	}
	return err
}

// A filing is what a copy in REJECTED says of itself.
type filing struct {
	claim
	seq    uint64 // of the message in the log
	reason fit.Reason
}

// filings reads REJECTED. What was filed before the log was made is of another log.
func (r *round) filings(ctx context.Context) (map[filing]bool, error) {
	log, err := leads(ctx, r.js, bus.EpisodesStream)
	if err != nil {
		return nil, err
	}
	all := map[filing]bool{}
	err = r.bus.ReadRejected(ctx, func(x bus.Rejected) error {
		if x.FiledAt.After(log.CachedInfo().Created) {
			all[filing{claimOf(x.Notice), x.Seq, x.Reason}] = true
		}
		return nil
	})
	return all, err
}

// accounted looks for every claim that stands: it has a curve, or a reason (and a
// copy of that very message in REJECTED, with the same reason, where the reason asks
// for one and REJECTED was not deleted since), or ranks beyond the sample. What does
// is acknowledged when it is delivered again, also where a reader died between the
// reason and the copy.
func (r *round) accounted(ctx context.Context) error {
	gen, err := r.wanted(ctx)
	if err != nil {
		return err
	}
	curves, err := r.bus.ReadCurves(ctx, gen)
	if err != nil {
		return err
	}
	filed, err := r.filings(ctx)
	if err != nil {
		return err
	}
	for _, p := range gen.Spec.Profiles {
		if standing, err := curves.Reduce(p.Name); err != nil || standing.Short {
			return fmt.Errorf("the sample of %s is short, and no epoch was raised (%v)", p.Name, err)
		}
	}
	counts := map[string]int{}
	for _, c := range r.receiver.standing() {
		profile, rank := fit.ProfileName(c.profile), gen.Spec.Rank(c.host, c.episode)
		entry := curves.Seen(bus.EntryID{Profile: profile, Rank: rank})
		switch {
		case entry.Found && entry.State == fit.StateCurve:
			counts["curve"]++
		case entry.Found && entry.State == fit.StateReason:
			counts[string(entry.Reason)]++
			copied := filed[filing{c, entry.Seq, entry.Reason}]
			if entry.Reason.Rejected() && !copied && entry.Seq > r.uncopied && curves.Needed(bus.EntryID{Profile: profile, Rank: rank}) {
				return fmt.Errorf("%v is %s by message %d, which is not in REJECTED with that reason", c, entry.Reason, entry.Seq)
			}
			if entry.Reason == fit.ReasonFatal && !r.poisoned[c] {
				return fmt.Errorf("%v was rejected as fatal, but is harmless", c)
			}
		case !curves.Needed(bus.EntryID{Profile: profile, Rank: rank}):
			counts["beyond the sample"]++
		default:
			return fmt.Errorf("nothing is known of %v", c)
		}
	}
	for what, n := range counts {
		r.fates[what] = max(r.fates[what], n)
	}
	return nil
}

// forward: within a life and a generation as_of only rises, and n_used, too, unless
// episodes were taken back. `profiles emit` takes back what a log that came back from
// a backup has too many.
func (r *round) forward(ctx context.Context) error {
	backs := r.receiver.tookBack()
	if r.lost[bus.EpisodesStream] {
		backs = nil
	}
	ctx, cancel := context.WithTimeout(ctx, patient(shownWithin))
	defer cancel()
	return errors.Join(r.history.trail.catchUp(ctx), r.history.look(backs))
}

// checkEvents: no event went back, neither where they are stored nor where they are shown.
func (r *round) checkEvents(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patient(shownWithin))
	defer cancel()
	followed := r.watchers.trail.catchUp(ctx)
	backs := r.watchers.look()
	none := func(backs []string) error {
		if len(backs) > 0 {
			return fmt.Errorf("%d times, first: %s", len(backs), backs[0])
		}
		return nil
	}
	r.check(holdsStored, func() error { return errors.Join(followed, none(backs[holdsStored])) })
	r.check(holdsOrder, func() error { return none(backs[holdsOrder]) })
}

// shows waits until the last events show the envelopes, in the stream and at
// every dashboard.
func (r *round) shows(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patient(shownWithin))
	defer cancel()
	return ask(ctx, func(ctx context.Context) error {
		gen, err := r.wanted(ctx)
		if err != nil {
			return err
		}
		at := map[string]map[string]events.AttackProfile{}
		for _, d := range r.dashboards {
			if at[d.name], err = d.events(ctx); err != nil {
				return err
			}
		}
		for _, p := range gen.Spec.Profiles {
			env, ok, err := r.bus.ReadEnvelope(ctx, gen.ID, p.Name)
			if err != nil {
				return err
			}
			event, err := events.NewPublisher(r.bus).LastAttackProfile(ctx, p.Name)
			if err != nil {
				return err
			}
			if ok && (event.Generation != gen.ID || event.Digest != env.Digest) {
				return fmt.Errorf("the event of %s shows %s/%s, the envelope is %s/%s", p.Name, event.Generation, event.Digest, gen.ID, env.Digest)
			}
			for name, last := range at {
				shown := last[events.Subject(events.TypeAttackProfile, string(p.Name))]
				if shown.Digest != event.Digest || shown.Generation != event.Generation {
					return fmt.Errorf("%s shows %s/%s of %s, the event is %s/%s", name, shown.Generation, shown.Digest, p.Name, event.Generation, event.Digest)
				}
			}
		}
		return nil
	})
}

// alive: nobody ended who was not meant to, and nobody took more memory than it may.
func (r *round) alive() error {
	for _, p := range r.processes() {
		if died := p.deaths(); len(died) > 0 {
			return fmt.Errorf("%s", died[0])
		}
		if kib := p.measure(); kib > memoryLimit(p.name) {
			return fmt.Errorf("%s had %d MiB", p.name, kib>>10)
		}
	}
	return nil
}

// memoryLimit is what a process may have, in KiB. One with the race detector
// takes several times as much.
func memoryLimit(name string) int {
	limit := 256 << 10
	if name[0] == 'n' { // a node of NATS
		return 1 << 20
	}
	if race {
		limit *= 5
	}
	return limit
}

// prune removes the consumers of generations that no worker runs any more, as
// docs/OPERATIONS.md says. They would slow the cluster down.
func (r *round) prune(ctx context.Context) {
	gen, err := r.wanted(ctx)
	if err != nil {
		return
	}
	for stream, name := range map[string]func(fit.Generation) string{
		bus.EpisodesStream: bus.AlignConsumer, "KV_" + bus.CurvesBucket: bus.ReduceConsumer,
	} {
		s, err := r.js.Stream(ctx, stream)
		if err != nil {
			return
		}
		names := s.ConsumerNames(ctx)
		for other := range names.Name() {
			if strings.HasPrefix(other, name("")) && other != name(gen.ID) {
				_ = r.js.DeleteConsumer(ctx, stream, other)
			}
		}
	}
}

// report says how the system stands, for who looks into it.
func (r *round) report(ctx context.Context) {
	text, err := r.profiles(ctx, "status", "--json")
	r.t.Logf("status: %s %v", text, err)
	for _, what := range slices.Sorted(maps.Keys(r.fates)) {
		r.t.Logf("%s: %d", what, r.fates[what])
	}
}
