package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Answers of /publish, as label values.
const (
	publishStored       = "stored"
	publishKept         = "kept" // a later event stays
	publishBad          = "bad"
	publishTooLarge     = "too_large"
	publishUnauthorized = "unauthorized"
	publishNoRoom       = "no_room"
	publishUnreachable  = "unreachable"
)

// A receipt is the answer to an event that was taken.
type receipt struct {
	Stored  bool   `json:"stored"`
	Subject string `json:"subject"`
	Seq     uint64 `json:"seq,omitempty"`
	Because string `json:"because,omitempty"` // why a later event stays
}

// A refusal is an answer to one that was not.
type refusal struct {
	code     int
	result   string
	sentence string
}

func (r *refusal) Error() string { return r.sentence }

// crossOrigin keeps pages of other sites from posting through a browser that
// can reach us. Programs are not concerned: they send no such headers.
var crossOrigin = http.NewCrossOriginProtection()

// servePublish is POST publish. It answers once the stream has acknowledged.
func (d *Dashboard) servePublish(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(d.cfg.BodyTimeout))
	_ = control.SetWriteDeadline(time.Now().Add(d.cfg.BodyTimeout + d.cfg.PublishTimeout + d.cfg.WriteTimeout))
	answer, err := d.publish(w, r)
	var no *refusal
	if errors.As(err, &no) {
		d.metrics.publish.WithLabelValues(no.result).Inc()
		switch no.code {
		case http.StatusUnauthorized:
			unauthorized(w, no.sentence)
			return
		case http.StatusServiceUnavailable:
			w.Header().Set("Retry-After", "1")
		}
		http.Error(w, no.sentence, no.code)
		return
	}
	if answer.Stored {
		d.metrics.publish.WithLabelValues(publishStored).Inc()
	} else {
		d.metrics.publish.WithLabelValues(publishKept).Inc()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !answer.Stored {
		w.WriteHeader(http.StatusConflict) // success is for what the stream has acknowledged
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// publish's error is a refusal.
func (d *Dashboard) publish(w http.ResponseWriter, r *http.Request) (receipt, error) {
	if err := crossOrigin.Check(r); err != nil {
		return receipt{}, &refusal{http.StatusForbidden, publishUnauthorized, "a page of another site may not publish"}
	}
	if !allowed(r, d.cfg.PublishToken, false) {
		return receipt{}, &refusal{http.StatusUnauthorized, publishUnauthorized, "publishing takes a token: Authorization: Bearer <PUBLISH_TOKEN>"}
	}
	body, err := readBody(w, r)
	if err != nil {
		return receipt{}, err
	}
	// Else the server would take the deadline for a browser that went away.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	subject, err := subjectOf(body)
	if err != nil {
		return receipt{}, &refusal{http.StatusBadRequest, publishBad, err.Error()}
	}
	if !d.board.room(subject, len(body)) {
		return receipt{}, &refusal{http.StatusInsufficientStorage, publishNoRoom,
			"the dashboard holds all it may (MAX_SUBJECTS, MAX_STATE_BYTES): there is no room for " + subject}
	}
	if !d.deps.Bus.Connected() {
		return receipt{}, &refusal{http.StatusServiceUnavailable, publishUnreachable, "NATS is not reachable at the moment: post the event again"}
	}
	seq, because, err := d.show(r.Context(), subject, body)
	if err != nil {
		if d.warned.due(time.Now()) {
			d.deps.Log.Warn("publish a posted event", "subject", subject, "err", err)
		}
		return receipt{}, &refusal{http.StatusServiceUnavailable, publishUnreachable,
			"NATS did not acknowledge the event in time, it may be stored or not: post it again"}
	}
	return receipt{Stored: because == "", Subject: subject, Seq: seq, Because: because}, nil
}

// show gives an event to the bus, for as long as its producer may be kept waiting.
func (d *Dashboard) show(ctx context.Context, subject string, body []byte) (uint64, string, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.PublishTimeout)
	defer cancel()
	unlock, err := d.locks.lock(ctx, subject)
	if err != nil {
		return 0, "", err
	}
	defer unlock()
	return d.events.ShowRaw(ctx, subject, body)
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := &refusal{http.StatusRequestEntityTooLarge, publishTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxBody)}
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, &refusal{http.StatusUnsupportedMediaType, publishBad, "the body must be sent as it is, without Content-Encoding"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, tooLarge
	}
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, publishBad, "the body did not come to its end"}
	}
	return body, nil
}
