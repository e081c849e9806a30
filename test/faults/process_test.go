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

// A process is a program with a name and a log file. It may be started again and again.
type process struct {
	t    *testing.T
	name string
	log  string // file of its output
	path string
	args []string
	env  []string

	mu            sync.Mutex
	cmd           *exec.Cmd     // nil: it is not running
	ended         chan struct{} // closed when cmd has ended
	deathExpected bool          // its end is intended
	died          []string      // ends that were not intended
	most          int           // greatest memory of any run, in KiB
}

func newProcess(t *testing.T, logs, name, path string, args, env []string) *process {
	return &process{t: t, name: name, log: filepath.Join(logs, name+".log"), path: path, args: args, env: env}
}

// start starts the program, with more variables for this run.
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // ends with the test
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	ended := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.ended, p.deathExpected = cmd, ended, false
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.deathExpected {
			p.died = append(p.died, fmt.Sprintf("%s ended by itself: %v", p.name, err))
		}
		p.cmd = nil
		close(ended)
	}()
}

// signal sends a signal, if the process is running.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s)
	}
}

// end measures the process, sends it a signal, and waits until it has ended.
func (p *process) end(s syscall.Signal, limit time.Duration) error {
	p.measure()
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	p.deathExpected = true
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

// kill ends the process at once.
func (p *process) kill() { _ = p.end(syscall.SIGKILL, time.Minute) }

// stop asks the process to end and waits for it.
func (p *process) stop() error { return p.end(syscall.SIGTERM, time.Minute) }

// pause stops the process until resume is called.
func (p *process) pause() {
	p.signal(syscall.SIGSTOP)
	for range 100 {
		if strings.HasPrefix(p.status("State:"), "T") {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	p.t.Errorf("%s did not stop: its state is %q", p.name, p.status("State:"))
}

func (p *process) resume() { p.signal(syscall.SIGCONT) }

// status returns a field of /proc/<pid>/status. It is empty if the process has ended.
func (p *process) status(field string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return ""
	}
	all, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)) // an error means that it just ended
	for line := range strings.Lines(string(all)) {
		if text, ok := strings.CutPrefix(line, field); ok {
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// output returns everything that the process has written so far.
func (p *process) output() []byte {
	all, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// expectDeath says that the process may end at any time from now on.
func (p *process) expectDeath() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deathExpected = true
}

// gone returns a channel that is closed when the present run has ended.
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

// deaths returns the unintended ends since the last call.
func (p *process) deaths() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	died := p.died
	p.died = nil
	return died
}

// measure reads the peak memory of the present run and returns the greatest of all
// runs, in KiB.
func (p *process) measure() int {
	kib, _ := strconv.Atoi(strings.TrimSuffix(p.status("VmHWM:"), " kB")) // 0 if it is not running
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = max(p.most, kib)
	return p.most
}

// goroutines ends the process with SIGQUIT and counts the goroutines that it lists.
func (p *process) goroutines() (int, error) {
	before := len(p.output())
	if err := p.end(syscall.SIGQUIT, time.Minute); err != nil {
		return 0, err
	}
	n := bytes.Count(p.output()[before:], []byte("\ngoroutine "))
	if n == 0 {
		return 0, errors.New(p.name + " listed no goroutines")
	}
	return n, nil
}
