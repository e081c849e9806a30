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
	"github.com/cis490/profiles/streamer"
)

// observers check the events: a browser at each dashboard, one that reads everything
// that DASHBOARD stores, and a plain subscriber. No event that is stored, or that a
// browser gets, may be earlier than the one before. No browser may be told to discard
// everything unless DASHBOARD was lost. A plain subscriber also gets events that the
// stream refused, and drops them by their order (docs/MESSAGES.md): they are counted.
type observers struct {
	plain    *observer // the plain subscriber
	follower *follower // of DASHBOARD

	mu          sync.Mutex
	regressions map[string][]string // events that went back since the last look, by invariant
	dropped     int                 // by the plain subscriber, in all
	compared    int                 // stored events that were compared with the previous one
	losses      int                 // of DASHBOARD
	losing      bool                // DASHBOARD was lost since the last look
}

// An observer gets events in order and compares each with the previous one.
type observer struct {
	*observers
	name      string
	invariant string                            // that it checks; empty: none
	last      map[string]streamer.AttackProfile // by subject
	resets    int                               // losses at the time of its last reset
}

func watch(t *testing.T, nc *nats.Conn, js jetstream.JetStream, dashboards []*daemon) *observers {
	w := &observers{regressions: map[string][]string{}}
	w.store(t, js)
	w.plain = w.observer("a plain subscriber", "")
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

// store follows stream DASHBOARD.
func (w *observers) store(t *testing.T, js jetstream.JetStream) {
	stored := w.observer("DASHBOARD", holdsStored)
	w.follower = &follower{js: js, stream: bus.DashboardStream, restart: stored.forget, take: stored.see}
	w.follower.follow(t)
}

func (w *observers) observer(name, invariant string) *observer {
	return &observer{observers: w, name: name, invariant: invariant, last: map[string]streamer.AttackProfile{}}
}

// see compares an event with the previous one.
func (e *observer) see(subject string, data []byte) {
	var event streamer.AttackProfile
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
		e.regressed("%s has for %s %v epoch %d after %v epoch %d", e.name, subject,
			event.Revision, event.Epoch, before.Revision, before.Epoch)
		return
	}
	e.last[subject] = event
}

// regressed records a violation. The caller holds mu.
func (e *observer) regressed(format string, args ...any) {
	e.regressions[e.invariant] = append(e.regressions[e.invariant], fmt.Sprintf(format, args...))
}

// forget drops what was seen of another incarnation.
func (e *observer) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.last)
}

// lose records that DASHBOARD is lost or restored, so that browsers must discard
// everything.
func (w *observers) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.losses++
	w.losing = true
}

// look returns what went back since the last call.
func (w *observers) look() map[string][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	regressions := w.regressions
	w.regressions, w.losing = map[string][]string{}, false
	return regressions
}

// browse follows a dashboard's feed as a browser does, and reconnects whenever it ends.
func (w *observers) browse(ctx context.Context, d *daemon) {
	e := w.observer("a browser at "+d.name, holdsOrder)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	incarnation, id := "", ""
	for ctx.Err() == nil {
		_ = e.listen(ctx, client, "http://"+d.http+"/events", &incarnation, &id)
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// listen reads one response to its end.
func (e *observer) listen(ctx context.Context, client *http.Client, url string, incarnation, id *string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"?life="+*incarnation, nil)
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
		case "": // end of the event
			e.take(kind, data, incarnation)
			kind, data = "", ""
		}
	}
	return lines.Err()
}

// checkReset is called when a dashboard gives a browser another incarnation. That is
// allowed once for each loss, and while DASHBOARD is being lost. A dashboard that
// reset itself within an incarnation marks it ("incarnation-mark"), and forgets the
// mark when it is restarted.
func (e *observer) checkReset(before, incarnation string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if before != "" && e.resets == e.losses && !e.losing && !strings.HasPrefix(before, incarnation+"-") {
		e.regressed("%s was reset to incarnation %s after %s, and nothing was lost", e.name, incarnation, before)
	}
	e.resets = e.losses
}

func (e *observer) take(kind, data string, incarnation *string) {
	switch kind {
	case "bridge":
		var status struct {
			Life string `json:"life"`
		}
		if json.Unmarshal([]byte(data), &status) == nil && status.Life != "" && status.Life != *incarnation {
			e.checkReset(*incarnation, status.Life)
			e.forget()
			*incarnation = status.Life
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

// TestObserveStored: an event that is stored after a later one is an error, also across a
// restart of the server. In another incarnation of the stream it is not.
func TestObserveStored(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	w := &observers{regressions: map[string][]string{}}
	w.store(t, srv.JetStream())
	ctx := bustest.Context(t)
	store := func(revision uint64) {
		t.Helper()
		data, err := json.Marshal(streamer.AttackProfile{Type: events.TypeAttackProfile, Name: "a", Order: events.Order{Revision: [2]uint64{1, revision}, Incarnation: "life"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := ask(ctx, func(ctx context.Context) error {
			_, err := srv.JetStream().Publish(ctx, events.Subject(events.TypeAttackProfile, "a"), data)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := w.follower.catchUp(ctx); err != nil {
			t.Fatal(err)
		}
	}
	wantBacks := func(when string, want int) {
		t.Helper()
		if regressions := w.look()[holdsStored]; len(regressions) != want {
			t.Errorf("%s: %q, want %d", when, regressions, want)
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
