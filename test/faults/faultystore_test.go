//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/store"
	"github.com/cis490/profiles/worker"
)

// The test binary is also a worker, if the environment says so: profile-worker with a
// store that has faults.
const (
	roleEnv        = "PROFILES_FAULT_ROLE"
	roleWorker     = "worker"
	storeFaultsEnv = "PROFILES_FAULT_MOODS" // folder of the store's faults
)

// Faults of the store. A fault is on while a file of its name exists; the content is its
// parameter.
const (
	storeSlow   = "slow"   // a duration: opening an archive takes so long
	storeFails  = "fails"  // no archive can be opened
	storePoison = "poison" // episode ids: opening one of them kills the process
)

func faultyStoreWorker(ctx context.Context) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := runFaultyStoreWorker(ctx, log); err != nil && ctx.Err() == nil {
		log.Error("the worker ends", logkey.Err, err)
		return 1
	}
	return 0
}

func runFaultyStoreWorker(ctx context.Context, log *slog.Logger) error {
	var cfg worker.Config
	for _, s := range cfg.Settings() {
		if err := s.FromEnvironment(); err != nil {
			return err
		}
	}
	spec, err := service.LoadSpec(cfg.Spec)
	if err != nil {
		return err
	}
	nc, err := bus.Connect(cfg.Bus, log)
	if err != nil {
		return err
	}
	defer nc.Close()
	archives, err := store.Open(cfg.Store, store.Config{Suffixes: spec.Format.Suffixes}, nc)
	if err != nil {
		return err
	}
	w, err := worker.New(cfg, worker.Deps{
		Bus: nc, Store: &faultyStore{archives, os.Getenv(storeFaultsEnv)}, Spec: spec, Log: log, Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

type faultyStore struct {
	archives episode.Store
	faults   string
}

// storeFault returns the parameter of a fault, and whether it is on.
func (s *faultyStore) storeFault(name string) (string, bool) {
	text, err := os.ReadFile(filepath.Join(s.faults, name))
	return strings.TrimSpace(string(text)), err == nil
}

// usedSuffix is the suffix of the file that a worker makes when it meets a fault.
const usedSuffix = ".used"

func (s *faultyStore) recordUse(name string) error {
	return os.WriteFile(filepath.Join(s.faults, name+usedSuffix), nil, 0o644)
}

func (s *faultyStore) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	if ids, on := s.storeFault(storePoison); on && slices.Contains(strings.Fields(ids), string(ref.ID)) {
		fmt.Fprintln(os.Stderr, "poisoned by", ref)
		_ = s.recordUse(storePoison)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if text, on := s.storeFault(storeSlow); on {
		wait, err := time.ParseDuration(text)
		if err == nil {
			err = s.recordUse(storeSlow)
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if _, on := s.storeFault(storeFails); on {
		return nil, errors.Join(errors.New("the store fails"), s.recordUse(storeFails))
	}
	return s.archives.Open(ctx, ref)
}
