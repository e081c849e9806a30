//go:build faults

package faults

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process is a program that runs, or has run, under a name. It is started
// again under the same name and with the same log.
type process struct {
	t    *testing.T
	name string
	log  string // file that gets what it says
	path string
	args []string
	env  []string

	mu     sync.Mutex
	cmd    *exec.Cmd     // nil: it does not run
	ended  chan struct{} // closed when cmd has ended
	doomed bool          // it is meant to end
	died   []string      // ends that nobody meant
	most   int           // KiB of memory that any of its lives had at most
}

func newProcess(t *testing.T, logs, name, path string, args, env []string) *process {
	return &process{t: t, name: name, log: filepath.Join(logs, name+".log"), path: path, args: args, env: env}
}

// start starts the program, with more of an environment for this life.
func (p *process) start(more ...string) {
	p.t.Helper()
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	fmt.Fprintf(out, "--- %s starts at %s\n", p.name, time.Now().Format(time.RFC3339Nano))
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(append(os.Environ(), p.env...), more...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing outlives the test
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	ended := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.ended, p.doomed = cmd, ended, false
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.doomed {
			p.died = append(p.died, fmt.Sprintf("%s ended by itself: %v", p.name, err))
		}
		p.cmd = nil
		close(ended)
	}()
}

// signal sends a signal; nothing where the process does not run.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s)
	}
}

// end measures, sends a signal that ends the process, and waits.
func (p *process) end(s syscall.Signal, limit time.Duration) error {
	p.measure()
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	p.doomed = true
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(s)
	select {
	case <-ended:
		return nil
	case <-time.After(patient(limit)):
		_ = cmd.Process.Kill()
		<-ended
		return fmt.Errorf("%s did not end within %s of %s", p.name, limit, s)
	}
}

// kill ends it at once, wherever it is.
func (p *process) kill() { _ = p.end(syscall.SIGKILL, time.Minute) }

// stop ends it in order.
func (p *process) stop() error { return p.end(syscall.SIGTERM, time.Minute) }

// pause stops its clock, resume lets it go on.
func (p *process) pause() {
	p.signal(syscall.SIGSTOP)
	for range 100 {
		if strings.HasPrefix(p.status("State:"), "T") {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	p.t.Errorf("%s was to stop, and is %q", p.name, p.status("State:"))
}

func (p *process) resume() { p.signal(syscall.SIGCONT) }

// status is what the kernel says of the present life; empty: it has ended.
func (p *process) status(field string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return ""
	}
	all, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)) // none: it ends just now
	for line := range strings.Lines(string(all)) {
		if text, ok := strings.CutPrefix(line, field); ok {
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// said is all that it has said so far.
func (p *process) said() []byte {
	all, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// doom says that it may die any time from now on.
func (p *process) doom() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = true
}

// gone returns a channel that is closed when the present life has ended.
func (p *process) gone() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

func (p *process) runs() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd != nil
}

// deaths returns the ends that nobody meant since the last call.
func (p *process) deaths() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	died := p.died
	p.died = nil
	return died
}

// measure notes the most memory that the present life had, and returns the most
// that any had, in KiB.
func (p *process) measure() int {
	kib, _ := strconv.Atoi(strings.TrimSuffix(p.status("VmHWM:"), " kB")) // 0 where it does not run
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = max(p.most, kib)
	return p.most
}

// goroutines ends the process with SIGQUIT, at which Go lists all of them, and
// counts those.
func (p *process) goroutines() (int, error) {
	before := len(p.said())
	if err := p.end(syscall.SIGQUIT, time.Minute); err != nil {
		return 0, err
	}
	n := bytes.Count(p.said()[before:], []byte("\ngoroutine "))
	if n == 0 {
		return 0, errors.New(p.name + " listed no goroutines")
	}
	return n, nil
}
