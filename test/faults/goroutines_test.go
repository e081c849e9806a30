//go:build faults

package faults

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/cis490/profiles/internal/service"
)

// goroutinesMost is the limit of goroutines of a service at rest. 29 to 43 were seen.
const goroutinesMost = 60

// fewGoroutines waits until no service exceeds the limit of goroutines. A leak would
// not go away.
func (r *round) fewGoroutines(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patient(shownWithin))
	defer cancel()
	return ask(ctx, func(ctx context.Context) error {
		for _, s := range r.services() {
			if err := s.fewGoroutines(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// fewGoroutines reads the number of goroutines from a service's metrics.
func (d *daemon) fewGoroutines(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.http+"/metrics", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			n, err := strconv.Atoi(text)
			if err == nil && n > goroutinesMost {
				err = fmt.Errorf("%s has %d goroutines", d.name, n)
			}
			return err
		}
	}
	return errors.New(d.name + " has no metric go_goroutines")
}

func TestFewGoroutines(t *testing.T) {
	h := &service.Health{Ready: func() error { return nil }, Registry: service.NewRegistry()}
	srv := httptest.NewServer(h.Handler())
	defer srv.Close()
	d := &daemon{&process{name: "it"}, nil, srv.Listener.Addr().String()}
	if err := d.fewGoroutines(t.Context()); err != nil {
		t.Error(err)
	}
	end := make(chan struct{})
	defer close(end)
	for range goroutinesMost {
		go func() { <-end }()
	}
	if err := d.fewGoroutines(t.Context()); err == nil {
		t.Error("too many goroutines were accepted")
	}
	srv.Config.Handler = http.NotFoundHandler()
	if err := d.fewGoroutines(t.Context()); err == nil {
		t.Error("a service without the metric was accepted")
	}
}
