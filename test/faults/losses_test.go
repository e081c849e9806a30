//go:build faults

package faults

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
)

// filler is the name of the file that fills a disk.
const filler = "filler"

// fill fills a node's disk. It refuses to fill the machine's own disk.
func (f *fleet) fill(n *node) {
	if err := isMount(n.disk); err != nil {
		f.t.Fatal(err)
	}
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

// isMount returns an error unless a folder is the root of a file system.
func isMount(dir string) error {
	var here, above syscall.Stat_t
	err := errors.Join(syscall.Stat(dir, &here), syscall.Stat(filepath.Dir(dir), &above))
	if err == nil && here.Dev == above.Dev {
		err = errors.New(dir + " is not the root of a file system")
	}
	return err
}

func TestIsMount(t *testing.T) {
	if isMount(t.TempDir()) == nil {
		t.Error("an ordinary folder would be filled")
	}
	if err := isMount("/proc"); err != nil {
		t.Error(err)
	}
}

// fullDisk fills a node's disk. A server that cannot write stops JetStream until an
// operator starts it again, as replenish does.
func (f *fleet) fullDisk() {
	f.full(pick(f, f.cluster.nodes[:]))
}

func (f *fleet) fullDisks() { f.full(f.cluster.nodes[:]...) }

// full fills disks for a while. At least one of the nodes must log that it cannot write.
func (f *fleet) full(nodes ...*node) {
	said := map[*node]int{}
	for _, n := range nodes {
		said[n] = len(n.output())
		f.fill(n)
	}
	f.while(f.between(3*time.Second, 6*time.Second))
	if !slices.ContainsFunc(nodes, func(n *node) bool { return bytes.Contains(n.output()[said[n]:], []byte("no space left on device")) }) {
		f.t.Error("no node logged that its disk was full")
	}
	f.replenish(nodes...)
}

// replenish makes room again and restarts the nodes.
func (f *fleet) replenish(nodes ...*node) {
	for _, n := range nodes {
		if err := os.Remove(filepath.Join(n.disk, filler)); err != nil {
			f.t.Fatal(err)
		}
		n.kill()
		n.start()
	}
}

// lose records that streams will be lost or restored from a backup.
func (f *fleet) lose(streams ...string) {
	for _, s := range streams {
		f.lost[s] = true
	}
	if slices.Contains(streams, bus.DashboardStream) {
		f.observers.lose()
	}
}

// deleteStreams deletes three streams, as an operator might by mistake.
func (f *fleet) deleteStreams() {
	for _, i := range f.rand.Perm(len(f.topology))[:3] {
		stream := f.topology[i]
		f.lose(stream)
		f.must("the end of "+stream, time.Minute, func(ctx context.Context) error {
			return ask(ctx, func(ctx context.Context) error {
				err := f.js.DeleteStream(ctx, stream)
				if client.IsAbsent(err) {
					return nil
				}
				return err
			})
		})
		switch stream {
		case bus.EpisodesStream:
			f.copiesLostUpTo = 0
		case bus.RejectedStream:
			f.copiesLostUpTo = f.logEnd()
		}
		f.while(f.between(100*time.Millisecond, 3*time.Second))
	}
	f.must("the topology again", time.Minute, f.bus.EnsureTopology)
}

// logEnd returns the last sequence of the log, or 0 if it is deleted.
func (f *fleet) logEnd() (last uint64) {
	f.must("the end of the log", time.Minute, func(ctx context.Context) error {
		return ask(ctx, func(ctx context.Context) error {
			s, err := leads(ctx, f.js, bus.EpisodesStream)
			if client.IsAbsent(err) {
				return nil
			}
			if err == nil {
				last = s.CachedInfo().State.LastSeq
			}
			return err
		})
	})
	return last
}

// oldBackup copies the nodes' files, and restores the copy some seconds later.
func (f *fleet) oldBackup() {
	f.halted(func(n *node) error { return copyTree(n.store, f.backup(n)) })
	f.must("the cluster after the copy", time.Minute, f.healthy)
	f.while(f.between(3*time.Second, 5*time.Second))
	f.lose(f.topology...)
	f.halted(func(n *node) error {
		f.observers.follower.restored()
		f.history.follower.restored()
		return copyTree(f.backup(n), n.store)
	})
	f.observers.plain.forget() // it is not told of the backup, whose events are earlier in the same incarnation
	f.must("the cluster of the backup", time.Minute, f.healthy)
	f.while(f.between(0, 3*time.Second))
}

func (f *fleet) backup(n *node) string { return filepath.Join(f.dir, "backup-"+n.name) }

// halted calls do for each node while none is running.
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
	f.lose(f.topology...)
	f.copiesLostUpTo = 0
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
