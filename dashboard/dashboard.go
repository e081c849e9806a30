// Package dashboard is the service between NATS and browsers. It keeps the last event of
// each subject of stream DASHBOARD, sends these to browsers, publishes events that producers
// post, and serves the page (package web). Any number of dashboards may run.
//
//	dashboard.go    New, Run, and the paths; config.go: the settings and their defaults
//	follower.go     takes the events of the stream
//	event.go        one event, and which events are not shown
//	state.go        the last event of each subject; shared.go: the same, read by all browsers
//	feed.go         GET events: what one browser gets, and when a slow one is disconnected
//	api.go          GET api/events
//	episodes.go     GET api/profiles/{name}/episodes; episodelist.go: its answer, as JSON and CSV
//	samples.go      reads the samples of profiles, and keeps them
//	publish.go      POST publish; body.go: the checks of a posted event
//	page.go         the files of the page
//	listener.go     the addresses and limits of the server; usertimeout_*.go: when a silent
//	                connection is closed
//	address.go      the addresses of clients and proxies
//	security.go     headers and tokens
//	metrics.go      the metrics
package dashboard

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard/web"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/internal/wait"
)

// Deps are what a dashboard uses. It closes none of them.
type Deps struct {
	Bus      *bus.Bus
	Log      *slog.Logger
	Registry *prometheus.Registry // gets the dashboard's metrics; /metrics shows all metrics in it
	// Ready answers /readyz; nil means Dashboard.Ready. A process with other
	// services passes a function that asks all of them.
	Ready func() error
	// Problem returns what fails although the process is ready; /readyz shows it. It may be nil.
	Problem func() error
	// Page has the page's files; nil means web.Files.
	Page fs.FS
}

// A Dashboard is made by New. Its methods are safe for concurrent use, but Run
// may be called only once.
type Dashboard struct {
	cfg      Config
	deps     Deps
	shared   *sharedState
	events   *events.Publisher
	samples  *samples
	metrics  *metrics
	sessions *service.Sessions
	browsers chan struct{} // holds a value for each browser that has a feed
	clients  perClient     // counts the same browsers by their address
	proxies  proxies
	locks    subjectLocks
	page     page
	ended    chan struct{} // closed when Run ends, which ends all feeds

	// Warnings about what may happen often. The metrics count each.
	warnUnstored, warnFull, warnConnections, warnClient, warnEpisodes rate.Sometimes
}

// warnEvery is the least time between two warnings of one kind.
const warnEvery = 10 * time.Second

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
	proxies, err := parseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	d := &Dashboard{
		cfg: cfg, deps: deps, page: page, proxies: proxies,
		shared: newSharedState(service.Version()), events: events.NewPublisher(deps.Bus), samples: newSamples(deps.Bus),
		sessions: service.NewSessions(deps.Bus, deps.Log),
		browsers: make(chan struct{}, cfg.MaxBrowsers), locks: newSubjectLocks(),
		ended: make(chan struct{}),
	}
	for _, warn := range []*rate.Sometimes{&d.warnUnstored, &d.warnFull, &d.warnConnections, &d.warnClient, &d.warnEpisodes} {
		warn.Interval = warnEvery
	}
	service.ShowState(deps.Registry, "dashboard", d.Ready, deps.Bus.Answered)
	d.metrics = newMetrics(deps.Registry, deps.Log, d.shared, d.browsers)
	return d, nil
}

// Ready returns nil while the dashboard shows the present events of the stream, else
// an error that names what it waits for.
func (d *Dashboard) Ready() error { return d.sessions.Ready() }

// Run follows the stream until ctx ends, and then ends all feeds.
func (d *Dashboard) Run(ctx context.Context) error {
	defer close(d.ended)
	return d.sessions.Run(ctx, func(ctx context.Context) error {
		defer d.shared.setLost()
		return d.session(ctx)
	})
}

// Why a session ends and another begins.
var (
	errLost        = fmt.Errorf("NATS was lost: %w", service.ErrRenew)
	errReconnected = fmt.Errorf("NATS came back: %w", service.ErrRenew)
)

// session follows the stream over one connection, until the connection is lost or
// the stream is created again.
func (d *Dashboard) session(ctx context.Context) error {
	d.sessions.WaitFor("the last events")
	changes, stop := d.deps.Bus.StatusChanges() // before the feed opens, or a change between the two is missed
	defer stop()
	feed, err := d.openFeed(ctx)
	if err != nil {
		return err
	}
	d.metrics.sessions.Inc()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.follow(ctx, feed) })
	g.Go(func() error { return d.watchConnection(ctx, changes) })
	// Two loops: KeepTopology may wait long for a stream that the dashboard does not need.
	g.Go(func() error {
		return wait.Every(ctx, d.cfg.CheckEvery, func() error { d.deps.Bus.KeepTopology(ctx); return nil })
	})
	g.Go(func() error { return wait.Every(ctx, d.cfg.CheckEvery, func() error { return feed.Check(ctx) }) })
	return g.Wait()
}

const (
	// leaderTimeout is how long openFeed waits for a leader to apply the events that
	// browsers have. After an election that takes a moment; a stream that was
	// restored from a backup never gets there.
	leaderTimeout = 5 * time.Second
	leaderPause   = 100 * time.Millisecond
)

// openFeed opens a feed. If the stream ends before the last event that browsers have,
// it tries again for leaderTimeout, since otherwise all browsers would begin anew.
func (d *Dashboard) openFeed(ctx context.Context) (*events.Feed, error) {
	for end := time.Now().Add(leaderTimeout); ; {
		feed, err := events.OpenFeed(ctx, d.deps.Bus)
		if err != nil || !d.shared.isAhead(feed.Incarnation(), feed.Last()) || time.Now().After(end) {
			return feed, err
		}
		if err := wait.For(ctx, leaderPause); err != nil {
			return nil, err
		}
	}
}

// watchConnection returns an error when the connection is lost or comes back.
func (d *Dashboard) watchConnection(ctx context.Context, changes <-chan nats.Status) error {
	tick := time.NewTicker(time.Second) // in case a change is missed
	defer tick.Stop()
	for {
		select {
		case <-changes:
			if d.deps.Bus.Connected() {
				return errReconnected
			}
			return errLost
		case <-tick.C:
			if !d.deps.Bus.Connected() {
				return errLost
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// health serves /healthz, /readyz and /metrics.
func (d *Dashboard) health() *service.Health {
	ready := d.deps.Ready
	if ready == nil {
		ready = d.Ready
	}
	return &service.Health{Ready: ready, Problem: d.deps.Problem, Registry: d.deps.Registry}
}

// Handler serves the page, the feed, api/ and publish under BASE_PATH and, with
// health, /healthz, /readyz and /metrics at the root.
func (d *Dashboard) Handler(health bool) http.Handler {
	base := d.cfg.BasePath
	reads := http.NewServeMux()
	if health {
		paths := d.health().Handler()
		for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
			reads.Handle("GET "+path, paths)
		}
	}
	reads.HandleFunc("GET "+base+"events", d.requireReadToken(d.serveFeed))
	reads.HandleFunc("GET "+base+"api/events", d.requireReadToken(d.serveEvents))
	reads.HandleFunc("GET "+base+"api/profiles/{name}/episodes", d.requireReadToken(d.serveEpisodes))
	reads.HandleFunc("GET "+base+"publish", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "events are published with POST", http.StatusMethodNotAllowed)
	})
	reads.Handle("GET "+base, http.StripPrefix(base, d.page))
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+base+"publish", d.servePublish)
	mux.Handle("/", service.IgnoreBody(reads))
	return secure(mux)
}
