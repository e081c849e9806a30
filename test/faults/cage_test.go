//go:build faults

package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A cage limits the memory of a process as a container does: by a cgroup where this user may make
// one, else by looking at the memory of the process and killing it when it has too much.
type cage struct {
	t     *testing.T
	bytes int64
	group string // folder of the cgroup; "" if there is none
}

// newCage makes a cage, which is removed when the test ends.
func newCage(t *testing.T, bytes int64) *cage {
	c := &cage{t: t, bytes: bytes}
	limit := strconv.FormatInt(bytes, 10)
	for _, kind := range []struct {
		root     string
		settings [][2]string // files and their contents; a file that does not exist is skipped
	}{
		{"/sys/fs/cgroup", [][2]string{{"memory.max", limit}, {"memory.swap.max", "0"}}},
		{"/sys/fs/cgroup/memory", [][2]string{{"memory.limit_in_bytes", limit}, {"memory.memsw.limit_in_bytes", limit}}},
	} {
		group := filepath.Join(kind.root, fmt.Sprintf("profiles-test-%d", os.Getpid()))
		if os.Mkdir(group, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(group) }) // works when the process has ended
		if writeSettings(group, kind.settings) == nil {
			c.group = group
			t.Logf("a cgroup limits the memory to %d MiB", bytes>>20)
			return c
		}
	}
	t.Logf("no cgroup can be made: the test looks at the memory and kills above %d MiB", bytes>>20)
	return c
}

// writeSettings writes files of a cgroup, which exist in every cgroup of that kind. The first one must exist.
func writeSettings(group string, settings [][2]string) error {
	for i, s := range settings {
		f, err := os.OpenFile(filepath.Join(group, s[0]), os.O_WRONLY, 0)
		if errors.Is(err, os.ErrNotExist) && i > 0 {
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.WriteString(s[1])
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// hold puts a running process into the cage.
func (c *cage) hold(p *process) {
	c.t.Helper()
	if c.group != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		if err := os.WriteFile(filepath.Join(c.group, "cgroup.procs"), []byte(strconv.Itoa(p.cmd.Process.Pid)), 0o644); err != nil {
			c.t.Fatal(err)
		}
		return
	}
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if kib, _ := strconv.ParseInt(strings.TrimSuffix(p.status("VmRSS:"), " kB"), 10, 64); kib<<10 > c.bytes {
					p.signal(syscall.SIGKILL)
				}
			case <-p.gone():
				return
			}
		}
	}()
}
