//go:build faults

package faulttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
)

// A fault is something that goes wrong. inject does it while the receiver sends;
// what it leaves behind is healed after it.
type fault struct {
	name   string
	inject func(*fleet)
	lossy  bool // acknowledged messages may be lost with it
	disks  bool // it needs nodes with disks of their own
}

// faults are all that the harness knows, each of them injected by every run.
func faults() []fault {
	all := []fault{
		{name: "nothing", inject: func(f *fleet) { f.while(3 * time.Second) }},
		{name: "kill -9: a worker at a time", inject: (*fleet).killWorkers},
		{name: "kill -9: all services at once", inject: (*fleet).killServices},
		{name: "kill -9: a node", inject: (*fleet).killNode},
		{name: "kill -9: all nodes at once", inject: (*fleet).killNodes},
		{name: "kill -9: the leader of each stream in turn", inject: (*fleet).killLeaders},
		{name: "stop and continue: services", inject: (*fleet).pauseServices},
		{name: "stop and continue: a node", inject: (*fleet).pauseNode},
		{name: "partition: a node from the others, connections cut", inject: (*fleet).cutNode},
		{name: "partition: a node from the others, in silence", inject: (*fleet).silenceNode},
		{name: "partition: services from nodes", inject: (*fleet).cutServices},
		{name: "partition: all nodes from each other", inject: (*fleet).cutAll},
		{name: "delay and reordering on all links", inject: (*fleet).delay},
		{name: "redelivery storm", inject: (*fleet).storm},
		{name: "slow store", inject: (*fleet).slowStore},
		{name: "failing store", inject: (*fleet).failingStore},
		{name: "missing archives that come late", inject: (*fleet).lateArchives},
		{name: "poison episode", inject: (*fleet).poison},
		{name: "clock jumps of a receiver", inject: (*fleet).clockJumps},
		{name: "more retractions than the reserve", inject: (*fleet).retract},
		{name: "two generations at once", inject: (*fleet).twoGenerations},
		{name: "full disk of a node", inject: (*fleet).fullDisk, disks: true},
		{name: "full disks of all nodes", inject: (*fleet).fullDisks, disks: true},
		{name: "streams deleted under live services", inject: (*fleet).deleteStreams, lossy: true},
		{name: "old backup restored", inject: (*fleet).oldBackup, lossy: true},
		{name: "total loss", inject: (*fleet).totalLoss, lossy: true},
	}
	return all
}

func (f *fleet) killWorkers() {
	for range 4 {
		w := pick(f, f.workers)
		f.while(f.between(50*time.Millisecond, 500*time.Millisecond))
		w.kill()
		f.while(f.between(50*time.Millisecond, 500*time.Millisecond))
		f.startService(w)
	}
}

func (f *fleet) killServices() {
	f.while(f.between(100*time.Millisecond, time.Second))
	killAll(f.services()...)
	f.while(f.between(100*time.Millisecond, time.Second))
}

func (f *fleet) killNode() {
	n := pick(f, f.cluster.nodes[:])
	f.while(f.between(100*time.Millisecond, time.Second))
	n.kill()
	f.while(f.between(500*time.Millisecond, 4*time.Second))
	n.start()
}

func (f *fleet) killNodes() {
	f.while(f.between(100*time.Millisecond, time.Second))
	killAll(f.cluster.nodes[:]...)
	f.while(f.between(100*time.Millisecond, 2*time.Second))
}

// allStreams are the project's.
var allStreams = []string{
	bus.EpisodesStream, bus.RejectedStream, bus.DashboardStream,
	"KV_" + bus.CurvesBucket, "KV_" + bus.EnvelopesBucket, "KV_" + bus.AttemptsBucket, "KV_" + bus.SpecsBucket,
}

func (f *fleet) killLeaders() {
	for _, stream := range allStreams {
		f.must("a leader of "+stream, time.Minute, func(ctx context.Context) error {
			name, err := leader(ctx, f.js, stream)
			if err != nil {
				return err
			}
			n := f.cluster.node(name)
			n.kill()
			err = ask(ctx, func(ctx context.Context) error { // the others must do without
				now, err := leader(ctx, f.js, stream)
				if err == nil && now == name {
					err = errors.New("the dead one leads")
				}
				return err
			})
			n.start()
			return err
		})
	}
}

func (f *fleet) pauseServices() {
	for range 3 {
		s := pick(f, f.services())
		s.pause()
		f.while(f.between(100*time.Millisecond, 5*time.Second)) // also longer than AckWait
		s.resume()
	}
}

func (f *fleet) pauseNode() {
	n := pick(f, f.cluster.nodes[:])
	n.pause()
	f.while(f.between(time.Second, 8*time.Second))
	n.resume()
}

func (f *fleet) setLinks(links []*link, s linkState, delay time.Duration) {
	for _, l := range links {
		l.set(s, delay)
	}
}

func (f *fleet) cutNode() {
	f.setLinks(f.cluster.around(pick(f, f.cluster.nodes[:])), cut, 0)
	f.while(f.between(2*time.Second, 8*time.Second))
}

func (f *fleet) silenceNode() {
	n := pick(f, f.cluster.nodes[:])
	f.setLinks(f.cluster.around(n), silent, 0)
	for _, s := range f.services() {
		for _, l := range s.links {
			if l.to == n.name && f.rand.IntN(2) == 0 {
				l.set(silent, 0)
			}
		}
	}
	f.while(f.between(2*time.Second, 8*time.Second))
}

func (f *fleet) cutServices() {
	for _, s := range f.services() {
		for _, l := range s.links {
			l.set(pick(f, []linkState{whole, cut, silent}), 0)
		}
	}
	f.while(f.between(2*time.Second, 6*time.Second))
}

func (f *fleet) cutAll() {
	for _, n := range f.cluster.nodes {
		f.setLinks(n.to, cut, 0)
	}
	f.while(f.between(2*time.Second, 6*time.Second))
}

// delay makes each link slow by another measure, so that what goes by several
// ways changes its order.
func (f *fleet) delay() {
	for _, n := range f.cluster.nodes {
		for _, l := range n.to {
			l.set(whole, f.between(0, 40*time.Millisecond))
		}
	}
	for _, s := range f.services() {
		for _, l := range s.links {
			l.set(whole, f.between(0, 150*time.Millisecond))
		}
	}
	f.while(f.between(4*time.Second, 8*time.Second))
}

// moody replaces the workers by such whose store has moods, and brings the
// others back after do.
func (f *fleet) moody(do func()) {
	self, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	real := f.workers[0].path
	f.swap(self, roleEnv+"="+roleWorker)
	do()
	for _, mood := range []string{moodSlow, moodFails, moodPoison} {
		f.mood(mood, "", false)
	}
	f.swap(real)
}

// swap ends the workers and starts others in their place.
func (f *fleet) swap(path string, env ...string) {
	for _, w := range f.workers {
		if err := w.stop(); err != nil {
			f.t.Error(err)
		}
		w.path = path
		f.startService(w, env...)
	}
}

// storm makes the server deliver again much earlier than the work takes.
func (f *fleet) storm() {
	f.mood(moodSlow, "400ms", true)
	f.moody(func() {
		var c jetstream.Consumer
		f.must("a shorter AckWait", time.Minute, func(ctx context.Context) error {
			return ask(ctx, func(ctx context.Context) error {
				gen, err := (&round{fleet: f}).wanted(ctx)
				if err != nil {
					return err
				}
				if c, err = f.js.Consumer(ctx, bus.EpisodesStream, bus.AlignConsumer(gen.ID)); err != nil {
					return err
				}
				cfg := c.CachedInfo().Config
				cfg.AckWait = 100 * time.Millisecond
				c, err = f.js.UpdateConsumer(ctx, bus.EpisodesStream, cfg)
				return err
			})
		})
		// Episodes that must be read: those that were taken back and come again.
		for _, p := range f.spec.Profiles {
			for _, c := range f.lowest(string(p.Name), 3) {
				f.receiver.send(c, true, false)
				f.receiver.send(c, false, true)
			}
		}
		f.while(5 * time.Second)
		before := c.CachedInfo().Delivered
		if now, err := c.Info(context.Background()); err == nil {
			f.t.Logf("the storm: %d deliveries of %d messages", now.Delivered.Consumer-before.Consumer, now.Delivered.Stream-before.Stream)
		}
	})
}

func (f *fleet) slowStore() {
	f.mood(moodSlow, f.between(200*time.Millisecond, 2*time.Second).String(), true)
	f.moody(func() { f.while(6 * time.Second) })
}

func (f *fleet) failingStore() {
	f.mood(moodFails, "", true)
	f.moody(func() {
		f.while(4 * time.Second)
		f.mood(moodFails, "", false)
		f.while(time.Second)
	})
}

// lateArchives takes some archives away, has their episodes accepted, and puts
// them back while they are waited for, or later.
func (f *fleet) lateArchives() {
	for _, p := range f.spec.Profiles {
		for _, c := range f.lowest(string(p.Name), 2) {
			path := filepath.Join(f.storeDir(), c.host, c.episode+".tar.zst")
			if os.Rename(path, path+".away") != nil {
				continue // missing for good
			}
			f.receiver.send(c, true, false)
			f.receiver.send(c, false, false)
			defer func() { _ = os.Rename(path+".away", path) }()
		}
	}
	f.while(f.between(100*time.Millisecond, 3*time.Second))
	defer f.must("the rejected once more", time.Minute, func(ctx context.Context) error {
		return ask(ctx, func(context.Context) error { _, err := f.profiles(ctx, "emit", "--rejected"); return err })
	})
}

// poison lets an episode kill whoever opens it, until it is in REJECTED. Its
// archive is a damaged one, so that a fit counts it as what it comes to.
func (f *fleet) poison() {
	var damaged []claim
	for _, c := range f.receiver.all {
		path := filepath.Join(f.storeDir(), c.host, c.episode+".tar.zst")
		if info, err := os.Stat(path); err == nil && info.Size() == damagedSize && !f.poisoned[c] {
			damaged = append(damaged, c)
		}
	}
	if len(damaged) == 0 {
		f.t.Log("every damaged episode has been poison once")
		return
	}
	slicesSortByRank(f.spec, damaged) // one beyond the sample would never be opened
	victim := damaged[0]
	f.poisoned[victim] = true
	f.mood(moodPoison, victim.episode, true)
	f.moody(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var nursing sync.WaitGroup
		for _, w := range f.workers {
			nursing.Go(func() { f.nurse(ctx, w) })
		}
		f.receiver.send(victim, true, false)
		f.receiver.send(victim, false, false)
		f.must("the poison in REJECTED", 90*time.Second, func(ctx context.Context) error {
			return ask(ctx, func(ctx context.Context) error {
				found := false
				err := f.bus.Rejected(ctx, func(r bus.Rejected) error {
					found = found || claimOf(r.Notice) == victim && r.Reason == "fatal"
					return nil
				})
				if err == nil && !found {
					err = errors.New("not yet")
				}
				return err
			})
		})
		cancel()
		nursing.Wait()
	})
}

// nurse starts a worker again whenever it dies, as an orchestrator does.
func (f *fleet) nurse(ctx context.Context, w *daemon) {
	for {
		w.doom()
		select {
		case <-w.gone():
			f.startService(w, roleEnv+"="+roleWorker)
		case <-ctx.Done():
			return
		}
	}
}

func (f *fleet) clockJumps() {
	for _, skew := range []time.Duration{-30 * 365 * 24 * time.Hour, 30 * 365 * 24 * time.Hour, -time.Hour, 0} {
		f.receiver.mu.Lock()
		f.receiver.skew = skew
		f.receiver.mu.Unlock()
		f.while(time.Second)
	}
}

// lowest are the claims of a profile that stand, of lowest rank: they are in the sample.
func (f *fleet) lowest(profile string, n int) []claim {
	all := f.receiver.of(profile, true)
	slicesSortByRank(f.spec, all)
	return all[:min(n, len(all))]
}

// retract takes back more than the reserve of one profile, so that the epoch must
// rise; then accepts and takes back the same episodes in any order.
func (f *fleet) retract() {
	profile := string(pick(f, f.spec.Profiles[:6]).Name)
	var before bus.Generation
	wanted := func(ctx context.Context) (err error) { before, err = (&round{fleet: f}).wanted(ctx); return err }
	f.must("the generation", time.Minute, func(ctx context.Context) error { return ask(ctx, wanted) })
	low := f.lowest(profile, target)
	for _, c := range low[:min(len(low), target*3/4)] {
		f.receiver.send(c, true, f.rand.IntN(3) == 0)
	}
	f.must("another epoch", time.Minute, func(ctx context.Context) error {
		return ask(ctx, func(ctx context.Context) error {
			gen, err := (&round{fleet: f}).wanted(ctx)
			if err == nil && gen.Epoch <= before.Epoch {
				err = fmt.Errorf("still epoch %d", gen.Epoch)
			}
			return err
		})
	})
	var sending sync.WaitGroup
	for range 3 {
		order := f.rand.Perm(len(low) * 3)
		backs := f.rand.Perm(len(low) * 3)
		sending.Go(func() {
			for i, k := range order {
				f.receiver.send(low[k%len(low)], backs[i]%2 == 0, false)
			}
		})
	}
	f.while(f.between(50*time.Millisecond, 500*time.Millisecond))
	pick(f, f.workers).kill()
	sending.Wait()
	for _, c := range low { // or too few would stand for the rounds to come
		if f.rand.IntN(4) != 0 {
			f.receiver.send(c, false, false)
		}
	}
}

// twoGenerations rolls out another spec: the workers of both work side by side.
func (f *fleet) twoGenerations() {
	f.wantSpec(int(f.spec.Revision)+1, target+f.rand.IntN(5))
	f.while(f.between(100*time.Millisecond, time.Second))
	for _, w := range f.workers {
		if err := w.stop(); err != nil {
			f.t.Error(err)
		}
		f.startService(w)
		f.while(f.between(500*time.Millisecond, 2*time.Second))
	}
}

// filler is the file that fills a disk.
const filler = "filler"

func (f *fleet) fill(n *node) {
	out, err := os.Create(filepath.Join(n.disk, filler))
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	block := make([]byte, 1<<20)
	for err == nil {
		_, err = out.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		f.t.Fatal(err)
	}
}

// fullDisk fills a node's disk. A server that could not write gives JetStream up
// until it is started again, which is for the operator to do.
func (f *fleet) fullDisk() {
	n := pick(f, f.cluster.nodes[:])
	f.fill(n)
	f.while(f.between(3*time.Second, 6*time.Second))
	f.replenish(n)
}

func (f *fleet) fullDisks() {
	for _, n := range f.cluster.nodes {
		f.fill(n)
	}
	f.while(f.between(3*time.Second, 6*time.Second))
	f.replenish(f.cluster.nodes[:]...)
}

// replenish makes room again and starts the nodes anew.
func (f *fleet) replenish(nodes ...*node) {
	for _, n := range nodes {
		if err := os.Remove(filepath.Join(n.disk, filler)); err != nil {
			f.t.Fatal(err)
		}
		n.kill()
		n.start()
	}
}

// deleteStreams deletes two streams, as an operator might by mistake.
func (f *fleet) deleteStreams() {
	for _, i := range f.rand.Perm(len(allStreams))[:3] {
		f.must("the end of "+allStreams[i], time.Minute, func(ctx context.Context) error {
			return ask(ctx, func(ctx context.Context) error {
				err := f.js.DeleteStream(ctx, allStreams[i])
				if bus.IsAbsent(err) {
					return nil
				}
				return err
			})
		})
		f.while(f.between(100*time.Millisecond, 3*time.Second))
	}
	f.must("the topology again", time.Minute, f.bus.EnsureTopology)
}

// oldBackup copies the nodes' files, goes on, and puts the copy back.
func (f *fleet) oldBackup() {
	f.halted(func(n *node) error { return copyTree(n.store, f.backup(n)) })
	f.must("the cluster after the copy", time.Minute, func(ctx context.Context) error { return healthy(ctx, f.js) })
	f.while(f.between(3*time.Second, 5*time.Second))
	f.halted(func(n *node) error { return copyTree(f.backup(n), n.store) })
	f.watchers.plain.forget() // orders of a backup are lower in the same life: nobody tells plain subscribers
	f.must("the cluster of the backup", time.Minute, func(ctx context.Context) error { return healthy(ctx, f.js) })
	f.while(f.between(0, 3*time.Second))
}

func (f *fleet) backup(n *node) string { return filepath.Join(f.dir, "backup-"+n.name) }

// halted does something to all nodes' files while none runs.
func (f *fleet) halted(do func(*node) error) {
	var ending sync.WaitGroup
	for _, n := range f.cluster.nodes {
		ending.Go(func() { _ = n.stop() })
	}
	ending.Wait()
	for _, n := range f.cluster.nodes {
		if err := do(n); err != nil {
			f.t.Fatal(err)
		}
	}
	for _, n := range f.cluster.nodes {
		n.start()
	}
}

func (f *fleet) totalLoss() {
	f.while(f.between(100*time.Millisecond, time.Second))
	killAll(f.cluster.nodes[:]...)
	for _, n := range f.cluster.nodes {
		if err := os.RemoveAll(n.store); err != nil {
			f.t.Fatal(err)
		}
		n.start()
	}
	f.must("the topology again", time.Minute, f.bus.EnsureTopology)
	f.while(f.between(0, 3*time.Second))
}
