package dashboard

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/service"
)

// Why a browser's feed ended: values of a metric's label.
const (
	endedLeft     = "left"     // the browser closed the connection, or it broke
	endedSlow     = "slow"     // a write took longer than WRITE_TIMEOUT
	endedShutdown = "shutdown" // the dashboard ends
	endedFull     = "full"     // MAX_BROWSERS had feeds already: this one got none
	endedAddress  = "address"  // its address had MAX_PER_ADDRESS feeds already
)

// Types of the events that the dashboard itself sends. In them, the bridge is the
// dashboard, between NATS and browsers.
const (
	bridgeEvent   = "bridge"    // the status of the dashboard
	caughtUpEvent = "caught-up" // the browser has the last event of every subject
	refusedEvent  = "refused"   // the browser gets no feed now, and should try again
)

const eventStream = "text/event-stream" // a media type

// serveFeed is GET events.
func (d *Dashboard) serveFeed(w http.ResponseWriter, r *http.Request) {
	leave, refused := d.enter(r)
	if refused != nil {
		d.metrics.ended.WithLabelValues(refused.ended).Inc()
		refused.answer(w, r)
		return
	}
	defer leave()
	defer service.Hold(r.Context())() // enter limits feeds
	h := w.Header()
	h.Set("Content-Type", eventStream+"; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or nginx holds events back
	if r.Method == http.MethodHead {
		return
	}
	f := feed{
		dashboard: d, w: w, control: http.NewResponseController(w), heartbeat: time.NewTimer(d.cfg.Heartbeat),
		sent: lastEventID(r), resumes: r.URL.Query().Get("life"),
	}
	defer f.heartbeat.Stop()
	_ = f.control.SetReadDeadline(time.Time{}) // when it passes, the request's context would end
	err := f.run(r.Context())
	switch {
	case errors.Is(err, errShutdown):
		d.metrics.ended.WithLabelValues(endedShutdown).Inc()
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.metrics.ended.WithLabelValues(endedSlow).Inc()
		d.deps.Log.Info("dropped a browser that did not read for WRITE_TIMEOUT", logkey.Address, r.RemoteAddr)
	default:
		d.metrics.ended.WithLabelValues(endedLeft).Inc()
	}
}

// enter counts a browser that gets a feed. The caller must leave.
func (d *Dashboard) enter(r *http.Request) (leave func(), refused *feedRefusal) {
	client := d.proxies.clientOf(r)
	release, ok := d.clients.take(client, d.cfg.MaxPerAddress)
	if !ok {
		message := fmt.Sprintf("%d browsers of %s are connected, which is all that MAX_PER_ADDRESS allows", d.cfg.MaxPerAddress, client)
		if r.Header.Get("X-Forwarded-For") != "" {
			message += "; if that is a proxy, name it in TRUSTED_PROXIES"
		}
		d.warnClient.Do(func() { d.deps.Log.Warn("refuse a browser", logkey.Reason, message) })
		return nil, &feedRefusal{endedAddress, message}
	}
	select {
	case d.browsers <- struct{}{}:
		return func() {
			<-d.browsers
			release()
		}, nil
	default:
		release()
		message := fmt.Sprintf("%d browsers are connected, which is all that MAX_BROWSERS allows", d.cfg.MaxBrowsers)
		d.warnClient.Do(func() { d.deps.Log.Warn("refuse a browser", logkey.Reason, message) })
		return nil, &feedRefusal{endedFull, message}
	}
}

// A feedRefusal is the answer to a browser that gets no feed.
type feedRefusal struct {
	ended   string // for the metric
	message string
}

// retryRefused is after how long a browser that was refused should try again.
const retryRefused = 10 * time.Second

// answer writes the refusal. An EventSource gives up for good after any status but 200. So it
// gets a feed that says why, and ends: it tries again after the time in that feed.
func (f *feedRefusal) answer(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), eventStream) {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryRefused.Seconds())))
		http.Error(w, f.message, http.StatusServiceUnavailable)
		return
	}
	data, err := json.Marshal(map[string]string{"reason": f.message})
	if err != nil {
		panic(err) // a string
	}
	w.Header().Set("Content-Type", eventStream+"; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintf(w, "retry: %d\nevent: %s\ndata: %s\n\n", retryRefused.Milliseconds(), refusedEvent, data)
}

// lastEventID returns the sequence up to which the browser has all events, or 0
// if it is new or sends no number.
func lastEventID(r *http.Request) uint64 {
	id := cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("last-event-id"))
	seq, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return 0
	}
	return seq
}

// A feed writes events to one browser. It queues none: it knows up to which
// sequence the browser has all events, and reads later ones from the shared
// state. A slow browser thus skips events that were replaced meanwhile.
type feed struct {
	dashboard *Dashboard
	w         http.ResponseWriter
	control   *http.ResponseController
	heartbeat *time.Timer

	opened   bool   // the status was sent once
	status   status // as last sent
	resumes  string // the status.Incarnation that the browser resumes from; empty if it sent none
	stateID  uint64 // of the shared state that the fields below refer to; 0: none yet
	sent     uint64 // the browser has all events up to this sequence
	caughtUp bool
	events   int    // sent before it had caught up
	received uint64 // the shared state's, at the last send
}

var errShutdown = errors.New("the dashboard ends")

// run writes events until the browser is gone or too slow, or ctx or
// Dashboard.Run ends.
func (f *feed) run(ctx context.Context) error {
	for {
		began := time.Now()
		s := f.dashboard.shared.snapshot()
		if err := f.sendStatus(s); err != nil {
			return err
		}
		if s.id > 0 {
			ok, err := f.send(ctx, s)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
		}
		if err := f.wait(ctx, s.changed, began.Add(f.dashboard.cfg.MergeEvery)); err != nil {
			return err
		}
	}
}

// sendStatus sends the dashboard's status if that has changed, and decides after
// which sequence the browser needs events.
func (f *feed) sendStatus(s snapshot) error {
	void := f.stateID > 0 && s.id != f.stateID // the browser must drop all its events
	var out []byte
	if !f.opened {
		out = append(out, "retry: 1000\n\n"...)
	}
	if !f.opened || s.status != f.status {
		out = appendStatus(out, s.status, void)
	}
	f.opened, f.status = true, s.status
	if s.id != f.stateID {
		other := f.resumes != "" && f.resumes != s.status.Incarnation
		if void || other || f.sent > s.seq {
			f.sent = 0
		}
		f.resumes = ""
		f.stateID, f.caughtUp, f.events = s.id, false, 0
	}
	if len(out) == 0 {
		return nil
	}
	return f.write(out)
}

// appendStatus appends a bridge event. With clearID, the browser forgets the id
// that it would resume from.
func appendStatus(b []byte, s status, clearID bool) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings, a time and a bool
	}
	b = append(b, "event: "+bridgeEvent+"\n"...)
	if clearID {
		b = append(b, "id\n"...)
	}
	b = append(b, "data: "...)
	b = append(b, data...)
	return append(b, "\n\n"...)
}

// chunks are shared by all feeds.
var chunks = sync.Pool{New: func() any { return &chunk{bytes: make([]byte, 0, chunkBytes)} }}

// send writes the events that the browser lacks up to the snapshot's sequence, of
// each subject the last one. ok is false if the snapshot's state was replaced
// meanwhile.
func (f *feed) send(ctx context.Context, s snapshot) (ok bool, err error) {
	c := chunks.Get().(*chunk)
	defer func() {
		if cap(c.bytes) <= 2*chunkBytes { // else one large event has grown it
			chunks.Put(c)
		}
	}()
	n := 0
	for more := true; more; {
		if more, ok = f.dashboard.shared.read(c, s.id, f.sent, s.seq); !ok {
			return false, nil
		}
		if len(c.stored) == 0 {
			break
		}
		if err := f.write(c.bytes); err != nil {
			return true, err
		}
		n += len(c.stored)
		f.sent = c.last
		f.dashboard.metrics.wrote(c.stored, f.caughtUp)
		if err := f.ended(ctx); err != nil {
			return true, err
		}
	}
	f.sent = max(f.sent, s.seq)
	received := s.received - f.received
	f.received = s.received
	if f.caughtUp {
		if n := uint64(n); received > n {
			f.dashboard.metrics.merged.Add(float64(received - n))
		}
		return true, nil
	}
	f.caughtUp = true
	f.events += n
	return true, f.write(fmt.Appendf(nil, "event: %s\ndata: {\"events\":%d}\n\n", caughtUpEvent, f.events))
}

// wait returns after changed is closed, but not before notBefore. Meanwhile it
// sends heartbeats.
func (f *feed) wait(ctx context.Context, changed <-chan struct{}, notBefore time.Time) error {
	var due <-chan time.Time
	for {
		select {
		case <-changed:
			changed = nil
			t := time.NewTimer(time.Until(notBefore))
			defer t.Stop()
			due = t.C
		case <-due:
			return nil
		case <-f.heartbeat.C:
			if err := f.write([]byte(": still here\n\n")); err != nil {
				return err
			}
		case <-f.dashboard.ended:
			return errShutdown
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ended returns the reason why the feed must end, or nil.
func (f *feed) ended(ctx context.Context) error {
	select {
	case <-f.dashboard.ended:
		return errShutdown
	default:
		return ctx.Err()
	}
}

// write writes and flushes within WRITE_TIMEOUT.
func (f *feed) write(p []byte) error {
	if err := f.control.SetWriteDeadline(time.Now().Add(f.dashboard.cfg.WriteTimeout)); err != nil {
		return err
	}
	if _, err := f.w.Write(p); err != nil {
		return err
	}
	f.heartbeat.Reset(f.dashboard.cfg.Heartbeat)
	return f.control.Flush()
}
