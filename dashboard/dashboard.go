// Package dashboard is the bridge from the bus to browsers: it keeps the last
// event of every subject of the DASHBOARD stream, feeds them to browsers as
// server-sent events, takes events that producers post over HTTP, and serves
// the page that shows it all. Any number of dashboards may run.
package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/dashboard/web"
	"github.com/cis490/profiles/internal/service"
)

// Deps are what a dashboard works with; they stay the caller's.
type Deps struct {
	Bus      *bus.Bus
	Log      *slog.Logger
	Registry *prometheus.Registry // also what /metrics shows
	// Ready answers /readyz; nil means the dashboard's own. A process that runs
	// other services, too, speaks for all.
	Ready func() error
	// Page is what is served beside the feed; nil means dashboard/web.
	Page fs.FS
}

// A Dashboard is the bridge. Run it once.
type Dashboard struct {
	cfg      Config
	deps     Deps
	board    *board
	events   *bus.Dashboard
	metrics  *metrics
	sessions service.Sessions
	browsers slots
	locks    locks
	page     *page
	warned   rarely        // of posts that the bus did not take
	crowded  rarely        // of events that there is no room for
	ended    chan struct{} // closed when Run ends: so do all feeds
}

// New makes a dashboard and starts nothing.
func New(cfg Config, deps Deps) (*Dashboard, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Page == nil {
		deps.Page = web.Files
	}
	page, err := newPage(deps.Page)
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	d := &Dashboard{
		cfg: cfg, deps: deps, page: page,
		board: newBoard(service.Version()), events: deps.Bus.Dashboard(),
		browsers: newSlots(cfg.MaxBrowsers), locks: newLocks(),
		ended: make(chan struct{}),
	}
	d.metrics = newMetrics(deps.Registry, d.board, &d.browsers)
	return d, nil
}

// Ready returns nil while the dashboard shows what the stream holds; else what
// it waits for.
func (d *Dashboard) Ready() error {
	if err := d.sessions.Ready(); err != nil {
		return err
	}
	if !d.deps.Bus.Connected() {
		return errors.New("waiting for NATS")
	}
	return nil
}

// Run follows the stream until ctx ends. All feeds end with it.
func (d *Dashboard) Run(ctx context.Context) error {
	defer close(d.ended)
	return d.sessions.Run(ctx, d.deps.Log, func(ctx context.Context) error {
		defer d.board.lost()
		return d.session(ctx)
	})
}

// errLost and errCameBack end a session whose work goes on in another.
var (
	errLost     = fmt.Errorf("NATS was lost: %w", service.ErrRenew)
	errCameBack = fmt.Errorf("NATS came back: %w", service.ErrRenew)
)

// session follows one life of the stream over one connection.
func (d *Dashboard) session(ctx context.Context) error {
	d.sessions.WaitFor("NATS")
	if err := d.deps.Bus.Ready(ctx); err != nil {
		return err
	}
	d.sessions.WaitFor("the topology")
	if err := d.deps.Bus.EnsureTopology(ctx); err != nil {
		return err
	}
	d.sessions.WaitFor("the last events")
	changes, stop := d.deps.Bus.StatusChanges() // from before the feed: nothing is missed in between
	defer stop()
	feed, err := d.open(ctx)
	if err != nil {
		return err
	}
	d.metrics.sessions.Inc()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.follow(ctx, feed) })
	g.Go(func() error { return d.watch(ctx, changes) })
	g.Go(func() error { return d.check(ctx, feed) })
	return g.Wait()
}

const (
	// catchUpPatience is how long a stream may end before what was seen of it. A
	// leader that was elected this moment gets there; an old backup never does.
	catchUpPatience = 5 * time.Second
	catchUpPause    = 100 * time.Millisecond
)

// open opens the feed, and waits for a leader that has not got as far as what
// browsers have seen: else all of them would begin anew for nothing.
func (d *Dashboard) open(ctx context.Context) (*bus.Feed, error) {
	for end := time.Now().Add(catchUpPatience); ; {
		feed, err := d.deps.Bus.OpenFeed(ctx)
		if err != nil || !d.board.beyond(feed.Life(), feed.Last()) || time.Now().After(end) {
			return feed, err
		}
		select {
		case <-time.After(catchUpPause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// follow folds the feed: into a state of its own until that is whole, into the
// board from then on.
func (d *Dashboard) follow(ctx context.Context, feed *bus.Feed) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	fresh := newState(d.cfg.MaxSubjects, d.cfg.MaxStateBytes)
	whole := false
	take := func(p bus.Posted) {
		d.metrics.in.Inc()
		if p.Seq <= fresh.seq {
			return // known already
		}
		e := d.board.same(feed.Life(), p.Subject, p.Seq)
		if e == nil {
			var because string
			if e, because = newEvent(p); e != nil && e.size() > d.cfg.MaxStateBytes {
				e, because = nil, leftSize
			}
			if e == nil {
				d.metrics.left.WithLabelValues(because).Inc()
				d.deps.Log.Warn("an event is not shown", "subject", p.Subject, "seq", p.Seq, "because", because)
				return
			}
		}
		put := fresh.put
		if whole {
			put = d.board.put // which holds fresh from now on
			// The client goes on by itself in a stream that was restored from a backup,
			// and may be quicker than whoever looks at the connection.
			if d.board.goesBack(e) {
				end(fmt.Errorf("event %d of %s goes back: %w", e.seq, e.subject, bus.ErrNewLife))
			}
			if ctx.Err() != nil {
				return
			}
		}
		d.left(put(e))
	}
	return feed.Run(ctx, take, func() {
		d.board.connected(feed.Life(), fresh)
		whole = true
		d.sessions.SetReady()
		d.deps.Log.Info("the last events are here", "subjects", len(fresh.last), "seq", fresh.seq)
	})
}

// left counts events that had to make room, and says so now and then.
func (d *Dashboard) left(evicted int) {
	if evicted == 0 {
		return
	}
	d.metrics.left.WithLabelValues(leftRoom).Add(float64(evicted))
	if d.crowded.due(time.Now()) {
		d.deps.Log.Warn("there are more events than are kept: the oldest are not shown",
			"MAX_SUBJECTS", d.cfg.MaxSubjects, "MAX_STATE_BYTES", d.cfg.MaxStateBytes)
	}
}

// watch ends the session when the connection is not the one that it began with.
func (d *Dashboard) watch(ctx context.Context, changes <-chan bus.ConnStatus) error {
	look := time.NewTicker(time.Second) // a change may be missed
	defer look.Stop()
	for {
		select {
		case <-changes:
			if d.deps.Bus.Connected() {
				return errCameBack
			}
			return errLost
		case <-look.C:
			if !d.deps.Bus.Connected() {
				return errLost
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// check ends the session when the stream is not the one that it follows.
func (d *Dashboard) check(ctx context.Context, feed *bus.Feed) error {
	every := time.NewTicker(d.cfg.CheckEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			d.deps.Bus.KeepTopology(ctx)
			if err := feed.Check(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Handler serves everything HTTP: the page, the feed and /publish under the
// base path; /healthz, /readyz and /metrics at the root.
func (d *Dashboard) Handler() http.Handler {
	ready := d.deps.Ready
	if ready == nil {
		ready = d.Ready
	}
	health := (&service.Health{Ready: ready, Registry: d.deps.Registry}).Handler()
	mux := http.NewServeMux()
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		mux.Handle("GET "+path, health)
	}
	base := d.cfg.BasePath
	mux.HandleFunc("GET "+base+"events", d.reads(d.serveFeed))
	mux.HandleFunc("GET "+base+"api/events", d.reads(d.serveEvents))
	mux.HandleFunc("POST "+base+"publish", d.servePublish)
	mux.HandleFunc("GET "+base+"publish", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "events are published with POST", http.StatusMethodNotAllowed)
	})
	mux.Handle("GET "+base, http.StripPrefix(base, d.page))
	return secure(mux)
}
