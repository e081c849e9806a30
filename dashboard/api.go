package dashboard

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// A listedEvent is one element of the answer to GET api/events.
type listedEvent struct {
	Subject   string          `json:"subject"`
	Seq       uint64          `json:"seq"`
	Published time.Time       `json:"published_at"`
	Event     json.RawMessage `json:"event"` // as published
}

// serveEvents is GET api/events: the last events, sorted by subject.
func (d *Dashboard) serveEvents(w http.ResponseWriter, r *http.Request) {
	kind := r.URL.Query().Get("type")
	if kind != "" && !isType(kind) {
		http.Error(w, fmt.Sprintf("type must have at most %d characters of a-z, 0-9 and _", maxType), http.StatusBadRequest)
		return
	}
	if d.shared.snapshot().id == 0 {
		http.Error(w, "the events are not read yet: waiting for NATS", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	out := bufio.NewWriterSize(w, chunkBytes)
	separator := "["
	// Look up one event at a time: a slow reader then keeps only one event in memory.
	for _, subject := range d.shared.subjects(kind) {
		e := d.shared.lastOf(subject)
		if e == nil {
			continue
		}
		// An encoder would compact the event: write its bytes in place of the 0.
		head, err := json.Marshal(listedEvent{e.subject, e.seq, e.at.UTC(), json.RawMessage("0")})
		if err != nil {
			return
		}
		_, _ = out.WriteString(separator)
		_, _ = out.Write(head[:len(head)-len("0}")])
		_ = control.SetWriteDeadline(time.Now().Add(d.cfg.WriteTimeout)) // for the next 64 KiB
		_, _ = out.Write(e.data)
		if _, err := out.WriteString("}"); err != nil {
			return
		}
		separator = ",\n"
	}
	if separator == "[" {
		_, _ = out.WriteString("[")
	}
	_, _ = out.WriteString("]\n")
	_ = control.SetWriteDeadline(time.Now().Add(d.cfg.WriteTimeout))
	_ = out.Flush()
}
