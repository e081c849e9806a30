//go:build faults

package faults

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

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
)

// Watchers see what is shown: a browser at each dashboard, one that reads all that
// DASHBOARD stores, and one that plainly subscribes to all events. Nothing that is
// stored, and nothing that a browser sees, may go back; nor may a browser be told to
// begin anew where DASHBOARD was not lost, since then a dashboard took something for
// a restored backup. A plain subscriber gets what the stream refused, too, and drops
// it by its order, as docs/MESSAGES.md says: it is only counted.
type watchers struct {
	plain *eyewitness // the plain subscriber
	trail *trail      // of DASHBOARD

	mu       sync.Mutex
	backs    map[string][]string // what went back since the last look, by invariant
	dropped  int                 // by the plain subscriber, in all
	compared int                 // stored events, each with the one before
	losses   int                 // of DASHBOARD
	losing   bool                // it was lost since the last look
}

// An eyewitness is one of them.
type eyewitness struct {
	*watchers
	name      string
	invariant string                          // that it holds; empty: none
	last      map[string]events.AttackProfile // by subject
	told      int                             // losses of which it was told
}

func watch(t *testing.T, nc *nats.Conn, js jetstream.JetStream, dashboards []*daemon) *watchers {
	w := &watchers{backs: map[string][]string{}}
	w.store(t, js)
	w.plain = w.eyewitness("a plain subscriber", "")
	_, err := nc.Subscribe("dashboard.>", func(msg *nats.Msg) { w.plain.see(msg.Subject, msg.Data) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	for _, d := range dashboards {
		watching.Go(func() { w.browse(ctx, d) })
	}
	t.Cleanup(func() {
		cancel()
		watching.Wait()
	})
	return w
}

// store follows what DASHBOARD stores.
func (w *watchers) store(t *testing.T, js jetstream.JetStream) {
	stored := w.eyewitness("DASHBOARD", holdsStored)
	w.trail = &trail{js: js, stream: bus.DashboardStream, fresh: stored.forget, take: stored.see}
	w.trail.follow(t)
}

func (w *watchers) eyewitness(name, invariant string) *eyewitness {
	return &eyewitness{watchers: w, name: name, invariant: invariant, last: map[string]events.AttackProfile{}}
}

// see compares an event with the one before.
func (e *eyewitness) see(subject string, data []byte) {
	var event events.AttackProfile
	if json.Unmarshal(data, &event) != nil || event.Type != events.TypeAttackProfile {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	before, had := e.last[subject]
	comparable := had && before.Incarnation == event.Incarnation
	if comparable && e.invariant == holdsStored {
		e.compared++
	}
	if comparable && event.Compare(before.Order) < 0 {
		if e.invariant == "" {
			e.dropped++
			return
		}
		e.wentBack("%s has for %s %v epoch %d after %v epoch %d", e.name, subject,
			event.Revision, event.Epoch, before.Revision, before.Epoch)
		return
	}
	e.last[subject] = event
}

// wentBack notes what must not be. mu is held.
func (e *eyewitness) wentBack(format string, args ...any) {
	e.backs[e.invariant] = append(e.backs[e.invariant], fmt.Sprintf(format, args...))
}

// forget: what was seen is of another life.
func (e *eyewitness) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.last)
}

// lose says that DASHBOARD is lost, or comes back from a backup: browsers will be
// told to begin anew.
func (w *watchers) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.losses++
	w.losing = true
}

// look returns what went back since the last call.
func (w *watchers) look() map[string][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	backs := w.backs
	w.backs, w.losing = map[string][]string{}, false
	return backs
}

// browse follows a dashboard's feed as a browser does, and comes back whenever
// it ends.
func (w *watchers) browse(ctx context.Context, d *daemon) {
	e := w.eyewitness("a browser at "+d.name, holdsOrder)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	life, id := "", ""
	for ctx.Err() == nil {
		_ = e.listen(ctx, client, "http://"+d.http+"/events", &life, &id)
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// listen reads one response to its end.
func (e *eyewitness) listen(ctx context.Context, client *http.Client, url string, life, id *string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"?life="+*life, nil)
	if err != nil {
		return err
	}
	if *id != "" {
		req.Header.Set("Last-Event-ID", *id)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	kind, data := "", ""
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			kind = value
		case "id":
			*id = value
		case "data":
			data = value
		case "": // the event is whole
			e.take(kind, data, life)
			kind, data = "", ""
		}
	}
	return lines.Err()
}

// beginAnew: a dashboard gives a browser another life. A loss is reason enough, once
// or while it lasts. A dashboard that began anew within a life marks it ("life-mark"),
// and knows no more of that when it is started again.
func (e *eyewitness) beginAnew(before, life string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if before != "" && e.told == e.losses && !e.losing && !strings.HasPrefix(before, life+"-") {
		e.wentBack("%s has to begin anew in life %s after %s, and nothing was lost", e.name, life, before)
	}
	e.told = e.losses
}

func (e *eyewitness) take(kind, data string, life *string) {
	switch kind {
	case "bridge":
		var status struct {
			Life string `json:"life"`
		}
		if json.Unmarshal([]byte(data), &status) == nil && status.Life != "" && status.Life != *life {
			e.beginAnew(*life, status.Life)
			e.forget()
			*life = status.Life
		}
	case events.TypeAttackProfile:
		var named struct {
			Name string `json:"name"`
		}
		if json.Unmarshal([]byte(data), &named) == nil {
			e.see(events.Subject(kind, named.Name), []byte(data))
		}
	}
}

// TestWatchStored: an event that is stored after a later one is seen, over a restart
// of the server too; in another life of the stream it is none.
func TestWatchStored(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	w := &watchers{backs: map[string][]string{}}
	w.store(t, srv.JetStream())
	ctx := bustest.Context(t)
	store := func(revision uint64) {
		t.Helper()
		data, err := json.Marshal(events.AttackProfile{Type: events.TypeAttackProfile, Name: "a", Order: events.Order{Revision: [2]uint64{1, revision}, Incarnation: "life"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := ask(ctx, func(ctx context.Context) error {
			_, err := srv.JetStream().Publish(ctx, events.Subject(events.TypeAttackProfile, "a"), data)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := w.trail.catchUp(ctx); err != nil {
			t.Fatal(err)
		}
	}
	wantBacks := func(when string, want int) {
		t.Helper()
		if backs := w.look()[holdsStored]; len(backs) != want {
			t.Errorf("%s: %q, want %d", when, backs, want)
		}
	}
	for _, revision := range []uint64{1, 2, 2, 5} {
		store(revision)
	}
	wantBacks("forward", 0)
	store(4)
	wantBacks("back", 1)
	srv.Restart()
	store(3)
	wantBacks("back after a restart", 1)
	store(6)
	wantBacks("forward again", 0)
	srv.Wipe()
	srv.Topology()
	store(1)
	wantBacks("another life", 0)
	if w.compared != 6 {
		t.Errorf("%d comparisons, want 6", w.compared)
	}
}
