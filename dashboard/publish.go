package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"time"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/service"
)

// Results of a post: values of a metric's label.
const (
	publishStored       = "stored"
	publishKept         = "kept" // the last event of the subject was later and stays
	publishBad          = "bad"
	publishTooLarge     = "too_large"
	publishUnauthorized = "unauthorized"
	publishNoRoom       = "no_room"
	publishUnreachable  = "unreachable"
)

// A receipt is the answer to a valid event.
type receipt struct {
	Stored  bool   `json:"stored"`
	Subject string `json:"subject"`
	Seq     uint64 `json:"seq,omitempty"`
	Because string `json:"because,omitempty"` // why the event was not stored
}

// A refusal is the answer to a request whose event was not sent to NATS, or which NATS may
// or may not have stored.
type refusal struct {
	status  int    // of HTTP
	result  string // for the metric
	message string // one sentence for the producer
}

// crossOrigin refuses posts that a page of another site makes through a visitor's
// browser. Programs send none of the headers that it looks at.
var crossOrigin = http.NewCrossOriginProtection()

// servePublish is POST publish. It answers when the stream has acknowledged the
// event.
func (d *Dashboard) servePublish(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(d.cfg.BodyTimeout))
	_ = control.SetWriteDeadline(time.Now().Add(d.cfg.BodyTimeout + d.cfg.PublishTimeout + d.cfg.WriteTimeout))
	answer, refused := d.publish(w, r)
	if refused != nil {
		d.metrics.publish.WithLabelValues(refused.result).Inc()
		switch refused.status {
		case http.StatusUnauthorized:
			unauthorized(w, refused.message)
			return
		case http.StatusServiceUnavailable:
			w.Header().Set("Retry-After", "1")
		}
		http.Error(w, refused.message, refused.status)
		return
	}
	result, status := publishStored, http.StatusOK
	if !answer.Stored {
		result, status = publishKept, http.StatusConflict
	}
	d.metrics.publish.WithLabelValues(result).Inc()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (d *Dashboard) publish(w http.ResponseWriter, r *http.Request) (receipt, *refusal) {
	if err := crossOrigin.Check(r); err != nil {
		service.DropBody(w)
		return receipt{}, &refusal{http.StatusForbidden, publishUnauthorized, "a page of another site may not publish"}
	}
	if !hasToken(r, d.cfg.PublishToken, false) {
		service.DropBody(w)
		return receipt{}, &refusal{http.StatusUnauthorized, publishUnauthorized, "publishing requires a token: Authorization: Bearer <PUBLISH_TOKEN>"}
	}
	body, refused := readBody(w, r)
	if refused != nil {
		return receipt{}, refused
	}
	// The body is read. If the deadline passed later, the server would cancel the request's context.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	subject, err := subjectOf(body)
	if err != nil {
		return receipt{}, &refusal{http.StatusBadRequest, publishBad, err.Error()}
	}
	if events.HasOrder(body) {
		return receipt{}, &refusal{http.StatusBadRequest, publishBad,
			`the event claims an order, which only streamers may: send it without the key "life"`}
	}
	if !d.shared.hasRoom(subject, len(body)) {
		return receipt{}, &refusal{http.StatusInsufficientStorage, publishNoRoom,
			"the dashboard keeps as many events as MAX_SUBJECTS and MAX_STATE_BYTES allow: there is no room for " + subject}
	}
	if !d.deps.Bus.Connected() {
		return receipt{}, &refusal{http.StatusServiceUnavailable, publishUnreachable, "NATS is not reachable: post the event again"}
	}
	seq, err := d.store(r.Context(), subject, body)
	var conflict *events.Conflict
	if errors.As(err, &conflict) {
		return receipt{Subject: subject, Because: conflict.Reason}, nil
	}
	if err != nil {
		d.warnUnstored.Do(func() {
			d.deps.Log.Warn("publish a posted event", logkey.Subject, subject, logkey.Err, err)
		})
		return receipt{}, &refusal{http.StatusServiceUnavailable, publishUnreachable,
			"NATS did not acknowledge the event in time, and may or may not have stored it: post the event again"}
	}
	return receipt{Stored: true, Subject: subject, Seq: seq}, nil
}

// readBody reads at most maxBody bytes.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		service.DropBody(w)
		return nil, &refusal{http.StatusUnsupportedMediaType, publishBad, "the body must be sent without Content-Encoding"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, &refusal{http.StatusRequestEntityTooLarge, publishTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxBody)}
	}
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, publishBad, "the body was not received completely"}
	}
	return body, nil
}

// store publishes an event within PUBLISH_TIMEOUT. If the stream keeps its last
// event, the error is an *events.Conflict.
func (d *Dashboard) store(ctx context.Context, subject string, body []byte) (seq uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.PublishTimeout)
	defer cancel()
	unlock, err := d.locks.lock(ctx, subject)
	if err != nil {
		return 0, err
	}
	defer unlock()
	return d.events.PublishRaw(ctx, subject, body)
}

// subjectLocks serialize the posts of one subject, whose compare-and-sets would
// otherwise conflict. Subjects share the locks by their hash.
type subjectLocks struct {
	seed  maphash.Seed
	locks []chan struct{} // each holds a value while it is locked
}

func newSubjectLocks() subjectLocks {
	l := subjectLocks{maphash.MakeSeed(), make([]chan struct{}, 64)}
	for i := range l.locks {
		l.locks[i] = make(chan struct{}, 1)
	}
	return l
}

// lock waits until the subject's lock is free or ctx ends.
func (l *subjectLocks) lock(ctx context.Context, subject string) (unlock func(), err error) {
	c := l.locks[maphash.String(l.seed, subject)%uint64(len(l.locks))]
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
