//go:build faults

// Package faults lets the real processes meet real faults: three servers of
// NATS, workers, streamers and dashboards, each a process of its own, joined by
// links that can be cut, while a receiver accepts and takes back episodes. After
// each fault the system must settle, and hold what docs/RELIABILITY.md says.
package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Settings of a run, from the environment.
var (
	// seed draws the schedule: PROFILES_FAULT_SEED, or another each time.
	seed = fromEnv("PROFILES_FAULT_SEED", strconv.ParseUint, rand.Uint64()>>32)
	// soak is how long TestSoak goes on: PROFILES_FAULT_TIME. 0: it does not run.
	soak = fromEnv("PROFILES_FAULT_TIME", duration, 0)
	// patience is how many times longer than usual everything may take:
	// PROFILES_FAULT_PATIENCE. It is for machines that are slow, or busy.
	patience = fromEnv("PROFILES_FAULT_PATIENCE", strconv.ParseInt, 1)
	// hostile is how many hostile archives TestHostile makes: PROFILES_FAULT_ARCHIVES.
	hostile = int(fromEnv("PROFILES_FAULT_ARCHIVES", strconv.ParseInt, 10_000))
	// only are the faults that run, separated by commas: PROFILES_FAULT_ONLY. Empty: all.
	only = os.Getenv("PROFILES_FAULT_ONLY")
	// race says that the daemons are built with the race detector: PROFILES_FAULT_RACE=1.
	race = os.Getenv("PROFILES_FAULT_RACE") == "1"
)

// bin is where the programs are that this run has built.
var bin string

func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) == roleWorker {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		os.Exit(moodyWorker(ctx))
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "profiles-faults-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = dir
	began := time.Now()
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("seed %d (PROFILES_FAULT_SEED=%d gives the same schedule); built in %s\n", seed, seed, time.Since(began).Round(time.Second))
	return m.Run()
}

// build builds the daemons, the operator's command and the NATS server.
func build() error {
	daemons := []string{"build", "-o", bin + "/"}
	if race {
		daemons = append(daemons, "-race")
	}
	for _, args := range [][]string{
		append(daemons, "../../cmd/profile-worker", "../../cmd/profile-streamer", "../../cmd/profile-dashboard"),
		{"build", "-o", bin + "/", "../../cmd/profiles"},
		{"build", "-o", filepath.Join(bin, "nats-server"), "github.com/nats-io/nats-server/v2"},
	} {
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

func fromEnv[T any](key string, parse func(string, int, int) (T, error), otherwise T) T {
	text := os.Getenv(key)
	if text == "" {
		return otherwise
	}
	v, err := parse(text, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%s is %q: %v", key, text, err))
	}
	return v
}

// patient is a limit on this machine.
func patient(limit time.Duration) time.Duration { return limit * time.Duration(patience) }

func duration(text string, _, _ int) (time.Duration, error) { return time.ParseDuration(text) }
