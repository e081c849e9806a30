package dashboard

import (
	"bufio"
	"encoding/json"
	"net/http"
	"time"
)

// A listed is an event as GET api/events shows it.
type listed struct {
	Subject   string          `json:"subject"`
	Seq       uint64          `json:"seq"`
	Published time.Time       `json:"published_at"`
	Event     json.RawMessage `json:"event"` // as published
}

// serveEvents is GET api/events: the last events, by subject.
func (d *Dashboard) serveEvents(w http.ResponseWriter, r *http.Request) {
	kind := r.URL.Query().Get("type")
	if kind != "" && !isType(kind) {
		http.Error(w, "type must be of the letters a-z, digits and _, at most 64", http.StatusBadRequest)
		return
	}
	if d.board.glance().epoch == 0 {
		http.Error(w, "the last events are not here yet: waiting for NATS", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	out := bufio.NewWriterSize(w, chunkBytes)
	separator := "["
	// One event at a time: a reader that takes its time holds no more than that.
	for _, subject := range d.board.subjects(kind) {
		e := d.board.lastOf(subject)
		if e == nil {
			continue
		}
		// The event stands in it as it was published: an encoder would compact it.
		head, err := json.Marshal(listed{e.subject, e.seq, e.at.UTC(), json.RawMessage("0")})
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
