//go:build linux

package scale

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/embedded"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/worker"
)

// roleVariable selects what the test binary runs as: a program that is measured, or the tests.
const roleVariable = "PROFILES_SCALE_ROLE"

func TestMain(m *testing.M) {
	var role func() error
	switch os.Getenv(roleVariable) {
	case "server":
		role = serve
	case "worker":
		role = work
	case "archives":
		role = render
	default:
		os.Exit(m.Run())
	}
	if err := role(); err != nil {
		slog.Error(os.Getenv(roleVariable), logkey.Err, err)
		os.Exit(1)
	}
}

// A process is this program in a role. It writes one line of JSON when it is ready, and one at its end.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer // closing it ends the process
	says  *json.Decoder
}

// start starts this program in a role and decodes its first line into ready.
func start(tb testing.TB, role string, ready any, env ...string) *process {
	tb.Helper()
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(append(os.Environ(), roleVariable+"="+role), env...)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = p.cmd.Process.Kill() })
	p.says = json.NewDecoder(bufio.NewReader(out))
	if err := p.says.Decode(ready); err != nil {
		tb.Fatalf("%s did not start: %v", role, err)
	}
	return p
}

// end ends the process, decodes its last line into last, and returns its usage.
func (p *process) end(tb testing.TB, last any) usage {
	tb.Helper()
	_ = p.stdin.Close()
	if err := p.says.Decode(last); err != nil {
		tb.Fatalf("read the last line of a process: %v", err)
	}
	if err := p.cmd.Wait(); err != nil {
		tb.Fatal(err)
	}
	used := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return usage{cpu: p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(), memory: used.Maxrss << 10}
}

// spent returns the CPU time of the running process so far.
func (p *process) spent(tb testing.TB) time.Duration {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		tb.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third on
	const tick = 10 * time.Millisecond
	var ticks int64
	for _, field := range fields[11:13] { // in user and in system mode
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick
}

// usage is the CPU time of a process and its peak memory in bytes.
type usage struct {
	cpu    time.Duration
	memory int64
}

// say writes a line of JSON for the parent process.
func say(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// untilStdinEnds returns a context that ends with stdin or a signal.
func untilStdinEnds() (context.Context, context.CancelFunc) {
	ctx, end := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		end()
	}()
	return ctx, end
}

const (
	directoryVariable = "PROFILES_SCALE_DIR"      // of the server
	urlVariable       = "PROFILES_SCALE_URL"      // of the server, for workers
	archivesVariable  = "PROFILES_SCALE_ARCHIVES" // URL of the archives, for workers
	numberVariable    = "PROFILES_SCALE_NUMBER"   // episodes a profile

	// profileVariable names a folder for CPU profiles of the workers. By default there are none.
	profileVariable = "PROFILES_SCALE_PPROF"
)

// serve runs a NATS server until stdin ends.
func serve() error {
	ctx, end := untilStdinEnds()
	defer end()
	server, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0", Dir: os.Getenv(directoryVariable)})
	if err != nil {
		return err
	}
	if err := say(server.URL()); err != nil {
		return err
	}
	<-ctx.Done()
	server.Shutdown()
	return say("ended")
}

// profiled writes a CPU profile of this process until stop is called, if profileVariable is set.
func profiled() (stop func(), err error) {
	dir := os.Getenv(profileVariable)
	if dir == "" {
		return func() {}, nil
	}
	file, err := os.Create(filepath.Join(dir, fmt.Sprintf("worker-%d.pprof", os.Getpid())))
	if err != nil {
		return nil, err
	}
	return pprof.StopCPUProfile, pprof.StartCPUProfile(file)
}

// work runs a worker until stdin ends.
func work() error {
	ctx, end := untilStdinEnds()
	defer end()
	stop, err := profiled()
	if err != nil {
		return err
	}
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	nc, err := bus.Connect(client.Config{URL: os.Getenv(urlVariable)}, log)
	if err != nil {
		return err
	}
	defer nc.Close()
	store := remote(os.Getenv(archivesVariable))
	w, err := worker.New(worker.Config{}, worker.Deps{Bus: nc, Store: store, Spec: fit.DefaultSpec(), Log: log, Registry: prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	if err := say("started"); err != nil {
		return err
	}
	if err := w.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return say("ended")
}
