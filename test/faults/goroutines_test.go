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

// goroutinesMost is how many goroutines a service may have when all is quiet; seen
// are 29 to 43.
const goroutinesMost = 60

// uncrowded waits until no service has more goroutines than it may. What leaks stays.
func (r *round) uncrowded(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patient(shownWithin))
	defer cancel()
	return ask(ctx, func(ctx context.Context) error {
		for _, s := range r.services() {
			if err := s.uncrowded(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// uncrowded asks a service's metrics for its goroutines.
func (d *daemon) uncrowded(ctx context.Context) error {
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
	return errors.New(d.name + " does not say how many goroutines it has")
}

func TestUncrowded(t *testing.T) {
	h := &service.Health{Ready: func() error { return nil }, Registry: service.NewRegistry()}
	srv := httptest.NewServer(h.Handler())
	defer srv.Close()
	d := &daemon{&process{name: "it"}, nil, srv.Listener.Addr().String()}
	if err := d.uncrowded(t.Context()); err != nil {
		t.Error(err)
	}
	end := make(chan struct{})
	defer close(end)
	for range goroutinesMost {
		go func() { <-end }()
	}
	if err := d.uncrowded(t.Context()); err == nil {
		t.Error("any number of goroutines will do")
	}
	srv.Config.Handler = http.NotFoundHandler()
	if err := d.uncrowded(t.Context()); err == nil {
		t.Error("it need not say anything")
	}
}
