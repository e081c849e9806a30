package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// A Backlog is how much work waits for the workers of the wanted generation, for a program that
// decides how many workers there should be. Its JSON form is the answer to GET /scale.
type Backlog struct {
	Waiting     uint64         `json:"waiting"`     // messages of the log that no worker has got yet
	InWork      int            `json:"in_work"`     // messages that workers have and did not acknowledge yet
	Redelivered int            `json:"redelivered"` // part of InWork: delivered more than once
	Generation  fit.Generation `json:"generation"`  // the wanted one
	Revision    int64          `json:"revision"`    // of its spec
	Epoch       uint64         `json:"epoch"`
	AskedAt     time.Time      `json:"asked_at"` // when NATS was asked, by the worker's clock
}

const (
	backlogAge   = 5 * time.Second // how long an answer of NATS is used
	backlogLimit = 2 * time.Second // how long NATS may take to answer; KEDA waits 3 s by default
)

// backlogs keeps the last answer, so that NATS is asked once in backlogAge, however often the
// worker is asked.
type backlogs struct {
	mu   sync.Mutex // locked while NATS is asked: requests share one answer
	last Backlog
	err  error // instead of last
}

// Backlog returns how much waits for the wanted generation, which need not be the one that this
// worker works on. The answer is at most 5 s old. It is an error while the worker is not ready,
// NATS does not answer, or the generation has no consumers yet: then the number is not known.
func (w *Worker) Backlog(ctx context.Context) (Backlog, error) {
	if err := w.Ready(); err != nil {
		return Backlog{}, err
	}
	wanted, ok := w.specs.Load().Wanted()
	if !ok {
		return Backlog{}, errors.New("no generation is registered")
	}
	c := &w.backlogs
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.Generation != wanted.ID || time.Since(c.last.AskedAt) > backlogAge {
		// The answer is not only for this caller, who may be gone before it comes.
		asking, end := context.WithTimeout(context.WithoutCancel(ctx), backlogLimit)
		defer end()
		c.last, c.err = w.askBacklog(asking, wanted)
	}
	return c.last, c.err
}

// askBacklog asks NATS. With an error the answer has the generation and the time only.
func (w *Worker) askBacklog(ctx context.Context, wanted bus.Generation) (Backlog, error) {
	b := Backlog{Generation: wanted.ID, Revision: wanted.Spec.Revision, Epoch: wanted.Epoch, AskedAt: time.Now().UTC()}
	align, _, err := w.deps.Bus.Lags(ctx, wanted.ID)
	switch {
	case client.IsAbsent(err):
		return b, fmt.Errorf("generation %s has no consumers yet: %w", wanted.ID, err)
	case err != nil:
		return b, fmt.Errorf("ask NATS how much waits for generation %s: %w", wanted.ID, err)
	}
	b.Waiting, b.InWork, b.Redelivered = align.Pending, align.Unacked, align.Redelivered
	return b, nil
}

// ServeScale answers GET /scale with the Backlog as JSON, or with 503 and the reason why it is
// not known. It never answers with a number that NATS did not give.
func (w *Worker) ServeScale(rw http.ResponseWriter, r *http.Request) {
	backlog, err := w.Backlog(r.Context())
	if err != nil {
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(rw).Encode(backlog); err != nil {
		w.deps.Log.Debug("answer /scale", logkey.Err, err)
	}
}
