//go:build k8s

package k8s_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// An event has the fields of an attack_profile that the test reads.
type event struct {
	Name       string    `json:"name"`
	Curve      []float64 `json:"curve"`
	Used       int       `json:"n_used"`
	Target     int       `json:"target"`
	Complete   bool      `json:"complete"`
	Generation string    `json:"generation"`
	Revision   [2]uint64 `json:"revision"`
	Epoch      uint64    `json:"epoch"`
}

// A browser follows the dashboard's feed through a port-forward, and reconnects when that
// ends, as a page does.
type browser struct {
	t  *testing.T
	mu sync.Mutex
	// events are those received, in order, by profile. One that is repeated after a
	// reconnect is left out.
	events map[string][]event
	lost   int // how often the feed ended
}

func (c *cluster) browse(ctx context.Context) *browser {
	b := &browser{t: c.t, events: map[string][]event{}}
	go func() {
		for ctx.Err() == nil {
			b.listen(ctx)
			b.mu.Lock()
			b.lost++
			b.mu.Unlock()
			select {
			case <-time.After(500 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return b
}

// listen reads the feed over one port-forward until it ends.
func (b *browser) listen(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	address, end, err := forward(ctx, "service/profile-dashboard", 80)
	if err != nil {
		return
	}
	defer end()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/events", nil)
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	// A forward to a pod that is gone does not end by itself: end it without heartbeats.
	silent := time.AfterFunc(30*time.Second, cancel)
	defer silent.Stop()
	feed := bufio.NewScanner(response.Body)
	feed.Buffer(nil, 1<<20)
	for feed.Scan() {
		silent.Reset(30 * time.Second)
		if data, ok := strings.CutPrefix(feed.Text(), "data: "); ok && strings.Contains(data, `"attack_profile"`) {
			b.take(data)
		}
	}
}

func (b *browser) take(data string) {
	var e event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		b.t.Errorf("parse an event: %v", err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.events[e.Name]
	if n := len(seen); n > 0 && seen[n-1].Generation == e.Generation && seen[n-1].Revision == e.Revision {
		return
	}
	b.events[e.Name] = append(seen, e)
}

// seen returns the events of each profile since the last call.
func (b *browser) seen() map[string][]event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = map[string][]event{}
	return events
}

// switched reports whether the last event of every profile has this target and is
// complete.
func (b *browser) switched(target int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, events := range b.events {
		if last := events[len(events)-1]; last.Target == target && last.Complete {
			n++
		}
	}
	return n == 6
}

// neverBack returns an error if the events of a profile went back to an earlier revision
// of the spec, or to an earlier envelope of one generation.
func neverBack(events []event) error {
	for i := 1; i < len(events); i++ {
		before, now := events[i-1], events[i]
		switch {
		case now.Revision[0] < before.Revision[0]:
			return fmt.Errorf("revision %d of the spec was shown after %d", now.Revision[0], before.Revision[0])
		case now.Generation == before.Generation && now.Revision[1] < before.Revision[1]:
			return fmt.Errorf("envelope %d was shown after %d", now.Revision[1], before.Revision[1])
		}
	}
	return nil
}
