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
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/store"
	"github.com/cis490/profiles/worker"
)

// The test's own binary is a worker, too, where the environment says so: the
// same as profile-worker, on a store that has moods.
const (
	roleEnv    = "PROFILES_FAULT_ROLE"
	roleWorker = "worker"
	moodsEnv   = "PROFILES_FAULT_MOODS" // folder of the moods
)

// Moods, each a file of that name. What it holds says more.
const (
	moodSlow   = "slow"   // a duration: how long the store takes to open an archive
	moodFails  = "fails"  // the store does not answer
	moodPoison = "poison" // episode ids: who opens one of them dies
)

func moodyWorker(ctx context.Context) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := runMoodyWorker(ctx, log); err != nil && ctx.Err() == nil {
		log.Error("the worker ends", "err", err)
		return 1
	}
	return 0
}

func runMoodyWorker(ctx context.Context, log *slog.Logger) error {
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
	archives, err := store.Open(cfg.Store, store.Config{}, nc)
	if err != nil {
		return err
	}
	w, err := worker.New(cfg, worker.Deps{
		Bus: nc, Store: &moodyStore{archives, os.Getenv(moodsEnv)}, Spec: spec, Log: log, Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

type moodyStore struct {
	archives episode.Store
	moods    string
}

// mood returns what a mood says, and whether it is on.
func (s *moodyStore) mood(name string) (string, bool) {
	text, err := os.ReadFile(filepath.Join(s.moods, name))
	return strings.TrimSpace(string(text)), err == nil
}

// feltMark is what a mood's name gets for the file that says that somebody felt it.
const feltMark = ".felt"

func (s *moodyStore) felt(name string) error {
	return os.WriteFile(filepath.Join(s.moods, name+feltMark), nil, 0o644)
}

func (s *moodyStore) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	if ids, on := s.mood(moodPoison); on && slices.Contains(strings.Fields(ids), string(ref.ID)) {
		fmt.Fprintln(os.Stderr, "poisoned by", ref)
		_ = s.felt(moodPoison)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if text, on := s.mood(moodSlow); on {
		wait, err := time.ParseDuration(text)
		if err == nil {
			err = s.felt(moodSlow)
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
	if _, on := s.mood(moodFails); on {
		return nil, errors.Join(errors.New("the store is in a bad mood"), s.felt(moodFails))
	}
	return s.archives.Open(ctx, ref)
}
