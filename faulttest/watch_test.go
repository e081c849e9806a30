//go:build faults

package faulttest

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

	"github.com/cis490/profiles/bus"
)

// Watchers see what is shown: one that plainly subscribes to all events, and a
// browser at each dashboard. What a browser sees must not go back. A plain
// subscriber gets what the stream refused, too, and drops it by its order, as
// docs/MESSAGES.md says: it is only counted.
type watchers struct {
	plain   *eyewitness // the plain subscriber
	mu      sync.Mutex
	backs   []string // what went back since the last look
	dropped int      // by the plain subscriber, in all
}

// An eyewitness is one of them.
type eyewitness struct {
	*watchers
	name string
	last map[string]bus.AttackProfile // by subject
}

func watch(t *testing.T, nc *nats.Conn, dashboards []*daemon) *watchers {
	w := &watchers{}
	w.plain = w.eyewitness("a plain subscriber")
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

func (w *watchers) eyewitness(name string) *eyewitness {
	return &eyewitness{w, name, map[string]bus.AttackProfile{}}
}

// see compares an event with the one before.
func (e *eyewitness) see(subject string, data []byte) {
	var event bus.AttackProfile
	if json.Unmarshal(data, &event) != nil || event.Type != bus.TypeAttackProfile {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	before, had := e.last[subject]
	if had && before.Life == event.Life && event.Compare(before.Order) < 0 {
		if e == e.plain {
			e.dropped++
			return
		}
		e.backs = append(e.backs, fmt.Sprintf("%s of %s saw %v epoch %d after %v epoch %d", e.name, subject,
			event.Revision, event.Epoch, before.Revision, before.Epoch))
		return
	}
	e.last[subject] = event
}

// forget: what was seen is of another life.
func (e *eyewitness) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.last)
}

// look returns what went back since the last call.
func (w *watchers) look() (backs []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	backs, w.backs = w.backs, nil
	return backs
}

// browse follows a dashboard's feed as a browser does, and comes back whenever
// it ends.
func (w *watchers) browse(ctx context.Context, d *daemon) {
	e := w.eyewitness("a browser at " + d.name)
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

func (e *eyewitness) take(kind, data string, life *string) {
	switch kind {
	case "bridge":
		var status struct {
			Life string `json:"life"`
		}
		if json.Unmarshal([]byte(data), &status) == nil && status.Life != "" && status.Life != *life {
			e.forget()
			*life = status.Life
		}
	case bus.TypeAttackProfile:
		var named struct {
			Name string `json:"name"`
		}
		if json.Unmarshal([]byte(data), &named) == nil {
			e.see(bus.EventSubject(kind, named.Name), []byte(data))
		}
	}
}
