package dashboard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// Why a browser's feed ended, as label values.
const (
	endedLeft     = "left"     // it went away
	endedSlow     = "slow"     // it did not take a write in time
	endedShutdown = "shutdown" // the dashboard ends
	endedFull     = "full"     // it was one too many and had none
)

// serveFeed is GET events.
func (d *Dashboard) serveFeed(w http.ResponseWriter, r *http.Request) {
	if !d.browsers.take() {
		d.metrics.ended.WithLabelValues(endedFull).Inc()
		w.Header().Set("Retry-After", "10")
		http.Error(w, fmt.Sprintf("%d browsers listen already, which is all that MAX_BROWSERS allows", d.cfg.MaxBrowsers), http.StatusServiceUnavailable)
		return
	}
	defer d.browsers.give()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy must not hold events back
	if r.Method == http.MethodHead {
		return
	}
	b := browser{
		Dashboard: d, w: w, control: http.NewResponseController(w),
		sent: resumeFrom(r), life: r.URL.Query().Get("life"), heartbeat: time.NewTimer(d.cfg.Heartbeat),
	}
	defer b.heartbeat.Stop()
	err := b.feed(r.Context())
	switch {
	case errors.Is(err, errShutdown):
		d.metrics.ended.WithLabelValues(endedShutdown).Inc()
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.metrics.ended.WithLabelValues(endedSlow).Inc()
		d.deps.Log.Info("a browser was too slow", "remote", r.RemoteAddr)
	default:
		d.metrics.ended.WithLabelValues(endedLeft).Inc()
	}
}

// resumeFrom is the sequence up to which a browser says that it has seen all; 0
// where it is new, or says what can't be.
func resumeFrom(r *http.Request) uint64 {
	id := cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("last-event-id"))
	seq, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return 0
	}
	return seq
}

// A browser is one that listens. It remembers no events, only how far in the
// stream it has got: what it is owed is what the board has beyond that, each
// subject once.
type browser struct {
	*Dashboard
	w         http.ResponseWriter
	control   *http.ResponseController
	heartbeat *time.Timer

	told     status
	greeted  bool
	epoch    uint64 // of the board that sent is about; 0: none yet
	life     string // of the bridge event that it resumes from; empty: it doesn't say
	sent     uint64 // it has all events up to here
	caughtUp bool
	events   int    // sent of this epoch until caught up
	folded   uint64 // the board's, when the last pass was made
}

var errShutdown = errors.New("the dashboard ends")

// feed writes events until the browser can't take them or ctx or Run ends.
func (b *browser) feed(ctx context.Context) error {
	for {
		began := time.Now()
		g := b.board.glance()
		if err := b.greet(g); err != nil {
			return err
		}
		if g.epoch > 0 {
			valid, err := b.pass(ctx, g)
			if err != nil {
				return err
			}
			if !valid {
				continue // the board changed its epoch meanwhile
			}
		}
		if err := b.wait(ctx, g.moved, began.Add(b.cfg.MergeEvery)); err != nil {
			return err
		}
	}
}

// greet says how the bridge stands where that is news, and finds out from where
// the browser has to hear events.
func (b *browser) greet(g glance) error {
	void := b.epoch > 0 && g.epoch != b.epoch // what it has seen of another life
	var out []byte
	if !b.greeted {
		out = append(out, "retry: 1000\n\n"...)
	}
	if !b.greeted || g.status != b.told {
		out = appendBridge(out, g.status, void)
	}
	b.greeted, b.told = true, g.status
	if g.epoch != b.epoch {
		// Or it resumes in another life: it says so, or is beyond the end.
		other := b.life != "" && b.life != g.status.Life
		if void || other || b.sent > g.until {
			b.sent = 0
		}
		b.life = ""
		b.epoch, b.caughtUp, b.events = g.epoch, false, 0
	}
	if len(out) == 0 {
		return nil
	}
	return b.write(out)
}

// chunks are used again by other browsers.
var chunks = sync.Pool{New: func() any { return &chunk{bytes: make([]byte, 0, chunkBytes)} }}

// pass writes what the browser is owed up to the glance: each subject at most
// once. It is not valid where the board's epoch changed.
func (b *browser) pass(ctx context.Context, g glance) (valid bool, err error) {
	c := chunks.Get().(*chunk)
	defer func() {
		if cap(c.bytes) <= 2*chunkBytes { // not those that one huge event has grown
			chunks.Put(c)
		}
	}()
	n := 0
	for more := true; more; {
		if more, valid = b.board.read(c, g.epoch, b.sent, g.until); !valid {
			return false, nil
		}
		if len(c.stored) == 0 {
			break
		}
		if err := b.write(c.bytes); err != nil {
			return true, err
		}
		n += len(c.stored)
		b.sent = c.last
		b.metrics.wrote(c.stored, b.caughtUp)
		if err := b.over(ctx); err != nil {
			return true, err
		}
	}
	b.sent = max(b.sent, g.until)
	if b.caughtUp {
		if skipped := int64(g.folded-b.folded) - int64(n); skipped > 0 {
			b.metrics.merged.Add(float64(skipped))
		}
	}
	b.folded = g.folded
	if b.events += n; b.caughtUp {
		return true, nil
	}
	b.caughtUp = true
	return true, b.write(fmt.Appendf(nil, "event: %s\ndata: {\"events\":%d}\n\n", caughtUpEvent, b.events))
}

// wait returns when there is news and it is time for it. Until then it keeps
// the connection alive.
func (b *browser) wait(ctx context.Context, moved <-chan struct{}, notBefore time.Time) error {
	var pace <-chan time.Time
	for {
		select {
		case <-moved:
			moved = nil
			t := time.NewTimer(time.Until(notBefore))
			defer t.Stop()
			pace = t.C
		case <-pace:
			return nil
		case <-b.heartbeat.C:
			if err := b.write([]byte(": still here\n\n")); err != nil {
				return err
			}
		case <-b.ended:
			return errShutdown
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// over returns why the feed has to end, if it has to.
func (b *browser) over(ctx context.Context) error {
	select {
	case <-b.ended:
		return errShutdown
	default:
		return ctx.Err()
	}
}

// write writes and flushes within the time that a browser is given.
func (b *browser) write(p []byte) error {
	if err := b.control.SetWriteDeadline(time.Now().Add(b.cfg.WriteTimeout)); err != nil {
		return err
	}
	if _, err := b.w.Write(p); err != nil {
		return err
	}
	b.heartbeat.Reset(b.cfg.Heartbeat)
	return b.control.Flush()
}
