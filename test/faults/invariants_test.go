//go:build faults

package faults

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
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
	"github.com/cis490/profiles/model"
	"github.com/cis490/profiles/streamer"
)

// Limits of time after a fault.
const (
	healthyWithin = 90 * time.Second
	settledWithin = 2 * time.Minute
	shownWithin   = 30 * time.Second
)

// Names of the invariants, as docs/RELIABILITY.md has them.
const (
	holdsLog        = "acknowledged, and in the log"
	holdsLast       = "the log accepts what the receiver does"
	holdsAccounted  = "every episode accounted for"
	holdsEqual      = "export equals fit"
	holdsSigned     = "signatures equal the fit's"
	holdsForward    = "envelopes only forward"
	holdsShown      = "events show the envelopes"
	holdsStored     = "no stored event goes back"
	holdsOrder      = "no browser sees an event go back"
	holdsHealthy    = "streams and consumers healthy"
	holdsAlive      = "no process died, memory under its limit"
	holdsGoroutines = "goroutines under their limit"

	emitRestoresLog        = "profiles emit brings a lost log back"
	emitSendsRejectedAgain = "profiles emit --rejected sends late archives again"
)

// A round is the check of the system after one fault.
type round struct {
	*fleet
	wrong []string
	held  map[string]int // checks by invariant
}

func (r *round) fail(invariant, format string, args ...any) {
	r.wrong = append(r.wrong, invariant+": "+fmt.Sprintf(format, args...))
}

// check records the result of one check of an invariant.
func (r *round) check(invariant string, question func() error) {
	r.held[invariant]++
	if err := question(); err != nil {
		r.fail(invariant, "%v", err)
	}
}

// checkAll waits until the system is at rest and checks every invariant. The receiver
// sends nothing meanwhile.
func (r *round) checkAll() {
	ctx, cancel := context.WithTimeout(context.Background(), patient(healthyWithin+settledWithin+shownWithin))
	defer cancel()
	validation := filepath.Join(r.dir, "validation.parquet")
	if err := r.receiver.writeValidation(validation); err != nil {
		r.t.Fatal(err)
	}
	if r.lost[bus.EpisodesStream] {
		r.check(emitRestoresLog, func() error {
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
		r.check(emitSendsRejectedAgain, func() error { return r.rejectedAgain(ctx) })
	}
	r.check(holdsEqual, func() error { return r.becomesEqual(ctx, validation) })
	r.check(holdsSigned, func() error { return r.becomesSigned(ctx) })
	r.checkLog(ctx)
	r.check(holdsAccounted, func() error { return r.becomesAccounted(ctx) })
	r.check(holdsForward, func() error { return r.forward(ctx) })
	r.check(holdsShown, func() error { return r.shows(ctx) })
	r.checkEvents(ctx)
	r.check(holdsAlive, r.alive)
	r.check(holdsGoroutines, func() error { return r.fewGoroutines(ctx) })
	clear(r.lost)
	if len(r.wrong) > 0 {
		r.report(ctx)
		return
	}
	r.prune(ctx)
}

// becomesEqual waits as `profiles status --wait` does, and compares the live envelopes with
// the fit of the validation file, by the commands of an operator. If no stream was lost,
// they must be equal at once.
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
			return cmp.Or(differs, fmt.Errorf("it did not come to rest, and still waits for %s: %w", waitsFor, err))
		}
		if differs = r.equal(ctx, live, batch); differs == nil || len(r.lost) == 0 {
			return differs
		}
		r.while(200 * time.Millisecond)
	}
}

// rejectedAgain sends the episodes in REJECTED again, as an operator does when archives
// came late. Before that it waits until every episode has its reason.
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

// sameFile compares an exported file with that of the fit.
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
		return fmt.Errorf("the exported file %s differs from %s, the fit of the same episodes", live, batch)
	}
	return nil
}

func (r *round) signatures(of string) string { return filepath.Join(r.dir, of+".signatures.json") }

// becomesSigned waits until the signatures and the scores of the models, which are written
// after the envelopes, equal those of the fit.
func (r *round) becomesSigned(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patient(settledWithin))
	defer cancel()
	return ask(ctx, func(context.Context) error {
		if _, err := r.profiles(ctx, "export", "--spec", r.file, "--fit-out", filepath.Join(r.dir, "signed.parquet"), "--signatures-out", r.signatures("live")); err != nil {
			return err
		}
		if err := r.sameFile(r.signatures("live"), r.signatures("batch")); err != nil {
			return err
		}
		return measured(r.signatures("live"))
	})
}

// measured checks that a file of signatures has models that classified episodes. Without that, two
// files without models would be equal, too.
func measured(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file struct {
		Measured *model.Measured `json:"measured"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	if file.Measured == nil || len(file.Measured.Models) == 0 || file.Measured.Models[0].Episodes == 0 {
		return fmt.Errorf("%s has no models that classified episodes: %+v", path, file.Measured)
	}
	return nil
}

// checkLog reads the log: it must have every acknowledged message, and its last message
// on each claim must be the receiver's.
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
		return // the rest of the log may have later messages
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

// becomesAccounted checks again for a while if something seems to be missing: a server that
// does not yet know that it is no longer the leader answers from its own copy. What is
// really lost stays lost.
func (r *round) becomesAccounted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patient(shownWithin))
	defer cancel()
	looks := 0
	err := ask(ctx, func(ctx context.Context) error {
		looks++
		return r.accounted(ctx)
	})
	if err == nil && looks > 1 {
		r.t.Logf("every episode was accounted for at attempt %d", looks)
	}
	return err
}

// A rejectedCopy identifies a copy in REJECTED.
type rejectedCopy struct {
	claim
	seq    uint64 // of the message in the log
	reason fit.Reason
}

// rejectedCopies reads REJECTED. Copies from before the log was created belong to another
// log.
func (r *round) rejectedCopies(ctx context.Context) (map[rejectedCopy]bool, error) {
	log, err := leads(ctx, r.js, bus.EpisodesStream)
	if err != nil {
		return nil, err
	}
	all := map[rejectedCopy]bool{}
	err = r.bus.ReadRejected(ctx, func(x bus.Rejected) error {
		if x.FiledAt.After(log.CachedInfo().Created) {
			all[rejectedCopy{claimOf(x.Notice), x.Seq, x.Reason}] = true
		}
		return nil
	})
	return all, err
}

// accounted checks every accepted claim: it has a curve, or a reason, or it ranks beyond
// the sample. If the reason is one that is rejected, REJECTED must have a copy of that
// very message with that reason, unless REJECTED was deleted since, or the episode ranks
// beyond the sample by now: if a worker died between the reason and the copy, the
// redelivered message was acknowledged without a copy.
func (r *round) accounted(ctx context.Context) error {
	gen, err := r.wanted(ctx)
	if err != nil {
		return err
	}
	curves, err := r.bus.ReadCurves(ctx, gen)
	if err != nil {
		return err
	}
	filed, err := r.rejectedCopies(ctx)
	if err != nil {
		return err
	}
	for _, p := range gen.Spec.Profiles {
		if standing, err := curves.Reduce(p.Name); err != nil || standing.Short {
			return fmt.Errorf("the sample of %s is short, and no epoch was raised (%v)", p.Name, err)
		}
	}
	counts := map[string]int{}
	for _, c := range r.receiver.acceptedClaims() {
		profile, rank := fit.ProfileName(c.profile), gen.Spec.Rank(c.host, c.episode)
		entry := curves.Seen(bus.EntryID{Profile: profile, Rank: rank})
		switch {
		case entry.Found && entry.State == fit.StateCurve:
			counts["curve"]++
		case entry.Found && entry.State == fit.StateReason:
			counts[string(entry.Reason)]++
			copied := filed[rejectedCopy{c, entry.Seq, entry.Reason}]
			if entry.Reason.Rejected() && !copied && entry.Seq > r.copiesLostUpTo && curves.Needed(bus.EntryID{Profile: profile, Rank: rank}) {
				return fmt.Errorf("%v is %s by message %d, which is not in REJECTED with that reason", c, entry.Reason, entry.Seq)
			}
			if entry.Reason == fit.ReasonFatal && !r.poisoned[c] {
				return fmt.Errorf("%v was rejected as fatal, but is not the poison", c)
			}
		case !curves.Needed(bus.EntryID{Profile: profile, Rank: rank}):
			counts["beyond the sample"]++
		default:
			return fmt.Errorf("%v has no entry", c)
		}
	}
	for what, n := range counts {
		r.fates[what] = max(r.fates[what], n)
	}
	return nil
}

// forward checks that as_of never goes back within an incarnation and a generation, and
// that n_used decreases only by retractions. That is not checked if the log was lost,
// since `profiles emit` retracts what a restored log has too many.
func (r *round) forward(ctx context.Context) error {
	retractions := r.receiver.takeRetractions()
	if r.lost[bus.EpisodesStream] {
		retractions = nil
	}
	ctx, cancel := context.WithTimeout(ctx, patient(shownWithin))
	defer cancel()
	return errors.Join(r.history.follower.catchUp(ctx), r.history.look(retractions))
}

// checkEvents checks that no event went back, neither in DASHBOARD nor at a browser.
func (r *round) checkEvents(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patient(shownWithin))
	defer cancel()
	followed := r.observers.follower.catchUp(ctx)
	regressions := r.observers.look()
	none := func(regressions []string) error {
		if len(regressions) > 0 {
			return fmt.Errorf("%d times, first: %s", len(regressions), regressions[0])
		}
		return nil
	}
	r.check(holdsStored, func() error { return errors.Join(followed, none(regressions[holdsStored])) })
	r.check(holdsOrder, func() error { return none(regressions[holdsOrder]) })
}

// shows waits until the last events belong to the envelopes, in the stream and at every
// dashboard.
func (r *round) shows(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patient(shownWithin))
	defer cancel()
	return ask(ctx, func(ctx context.Context) error {
		gen, err := r.wanted(ctx)
		if err != nil {
			return err
		}
		at := map[string]map[string]streamer.AttackProfile{}
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
			event, err := streamer.LastAttackProfile(ctx, events.NewPublisher(r.bus), p.Name)
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

// alive checks that no process ended by itself, and that none exceeded its memory.
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

// memoryLimit returns the memory limit of a process in KiB. With the race detector it is
// five times as much.
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
// docs/OPERATIONS.md describes. They would slow down the cluster.
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

// report logs the state of the system after a failed check.
func (r *round) report(ctx context.Context) {
	text, err := r.profiles(ctx, "status", "--json")
	r.t.Logf("status: %s %v", text, err)
	for _, what := range slices.Sorted(maps.Keys(r.fates)) {
		r.t.Logf("%s: %d", what, r.fates[what])
	}
}
