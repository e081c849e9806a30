package service

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// Health serves the paths that Kubernetes and Prometheus ask for:
//
//	/healthz   200 while the process can answer; it does not depend on NATS
//	/readyz    200 if Ready returns nil, else 503 and the error
//	/metrics   metrics of Prometheus
type Health struct {
	Ready func() error
	// Problem returns what fails although the service is ready; /readyz shows it. It may be nil.
	Problem  func() error
	Registry *prometheus.Registry
	// More has further paths, by patterns such as "GET /scale". It may be nil.
	More map[string]http.HandlerFunc
}

// NewRegistry returns a registry that has the metrics of the process and of Go's runtime.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	return r
}

// Handler returns a handler for the paths.
func (h *Health) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := h.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
		if h.Problem != nil {
			if err := h.Problem(); err != nil {
				fmt.Fprintln(w, err)
			}
		}
	})
	for pattern, handler := range h.More {
		mux.HandleFunc(pattern, handler)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.Registry, promhttp.HandlerOpts{Registry: h.Registry}))
	return IgnoreBody(mux)
}

// healthLimits are the limits of a server that has nothing but health and metrics.
var healthLimits = Limits{All: 128, PerAddress: 32}

// Serve serves the paths on l until ctx ends, and closes l. If l is on a loopback
// address, requests to other host names are refused (see OnlyHosts).
func (h *Health) Serve(ctx context.Context, l net.Listener) error {
	handler := h.Handler()
	if IsLoopback(l.Addr()) {
		handler = OnlyHosts(nil, "health and metrics on a loopback address do not answer to that name: use localhost", handler)
	}
	return Serve(ctx, l, healthLimits, handler)
}

// Run calls run, and serves health at addr until that returns. An empty addr means no
// health. Run returns the first error of the two; each ends the other.
func (h *Health) Run(ctx context.Context, addr string, run func(context.Context) error) error {
	if addr == "" {
		return run(ctx)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for health and metrics (LISTEN): %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	ctx, end := context.WithCancel(ctx)
	g.Go(func() error { return h.Serve(ctx, l) })
	g.Go(func() error {
		defer end()
		return run(ctx)
	})
	return g.Wait()
}
