//go:build faults

// Package faults tests the system under faults. Three NATS servers, workers,
// streamers and dashboards run as processes of their own. The connections between
// them go through links that the test can cut. Meanwhile a receiver accepts and
// retracts episodes. After each fault the system must come to rest and satisfy the
// invariants of docs/RELIABILITY.md.
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
	// seed determines the schedule: PROFILES_FAULT_SEED, or else a random one.
	seed = fromEnv("PROFILES_FAULT_SEED", strconv.ParseUint, rand.Uint64()>>32)
	// soak is the duration of TestSoak: PROFILES_FAULT_TIME. With 0 it is skipped.
	soak = fromEnv("PROFILES_FAULT_TIME", duration, 0)
	// patience multiplies every limit of time, for slow or busy machines:
	// PROFILES_FAULT_PATIENCE.
	patience = fromEnv("PROFILES_FAULT_PATIENCE", strconv.ParseInt, 1)
	// hostile is the number of hostile archives in TestHostile: PROFILES_FAULT_ARCHIVES.
	hostile = int(fromEnv("PROFILES_FAULT_ARCHIVES", strconv.ParseInt, 10_000))
	// only selects faults by parts of their names, separated by commas:
	// PROFILES_FAULT_ONLY. Empty selects all.
	only = os.Getenv("PROFILES_FAULT_ONLY")
	// race builds the services with the race detector: PROFILES_FAULT_RACE=1.
	race = os.Getenv("PROFILES_FAULT_RACE") == "1"
)

// bin is the folder of the programs that this run has built.
var bin string

func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) == roleWorker {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		os.Exit(faultyStoreWorker(ctx))
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

// build builds the services, the profiles command and the NATS server.
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

// patient multiplies a limit by the patience.
func patient(limit time.Duration) time.Duration { return limit * time.Duration(patience) }

func duration(text string, _, _ int) (time.Duration, error) { return time.ParseDuration(text) }
