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

// filler is the file that fills a disk.
const filler = "filler"

// fill fills a node's disk, and never that of the machine.
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

// isMount: a folder is the root of a file system of its own.
func isMount(dir string) error {
	var here, above syscall.Stat_t
	err := errors.Join(syscall.Stat(dir, &here), syscall.Stat(filepath.Dir(dir), &above))
	if err == nil && here.Dev == above.Dev {
		err = errors.New(dir + " is no disk of its own")
	}
	return err
}

func TestIsMount(t *testing.T) {
	if isMount(t.TempDir()) == nil {
		t.Error("any folder may be filled")
	}
	if err := isMount("/proc"); err != nil {
		t.Error(err)
	}
}

// fullDisk fills a node's disk. A server that could not write gives JetStream up
// until it is started again, which is for the operator to do.
func (f *fleet) fullDisk() {
	f.full(pick(f, f.cluster.nodes[:]))
}

func (f *fleet) fullDisks() { f.full(f.cluster.nodes[:]...) }

// full fills disks for a while. One of their nodes must say that it could not write.
func (f *fleet) full(nodes ...*node) {
	said := map[*node]int{}
	for _, n := range nodes {
		said[n] = len(n.said())
		f.fill(n)
	}
	f.while(f.between(3*time.Second, 6*time.Second))
	if !slices.ContainsFunc(nodes, func(n *node) bool { return bytes.Contains(n.said()[said[n]:], []byte("no space left on device")) }) {
		f.t.Error("no node noticed that its disk was full")
	}
	f.replenish(nodes...)
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

// lose says that streams will be lost, or come back from a backup.
func (f *fleet) lose(streams ...string) {
	for _, s := range streams {
		f.lost[s] = true
	}
	if slices.Contains(streams, bus.DashboardStream) {
		f.watchers.lose()
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
			f.uncopied = 0
		case bus.RejectedStream:
			f.uncopied = f.logEnd()
		}
		f.while(f.between(100*time.Millisecond, 3*time.Second))
	}
	f.must("the topology again", time.Minute, f.bus.EnsureTopology)
}

// logEnd is the last sequence of the log; 0 where that is deleted.
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

// oldBackup copies the nodes' files, goes on, and puts the copy back.
func (f *fleet) oldBackup() {
	f.halted(func(n *node) error { return copyTree(n.store, f.backup(n)) })
	f.must("the cluster after the copy", time.Minute, f.healthy)
	f.while(f.between(3*time.Second, 5*time.Second))
	f.lose(f.topology...)
	f.halted(func(n *node) error {
		f.watchers.trail.restored()
		f.history.trail.restored()
		return copyTree(f.backup(n), n.store)
	})
	f.watchers.plain.forget() // orders of a backup are lower in the same life: nobody tells plain subscribers
	f.must("the cluster of the backup", time.Minute, f.healthy)
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
	f.lose(f.topology...)
	f.uncopied = 0
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
