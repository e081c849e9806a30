package streamer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/wait"
)

// A Poster posts events to a URL, each as one JSON body. It never holds its
// callers back: of a subject only the newest event waits.
type Poster struct {
	url, token string
	log        *slog.Logger
	client     http.Client
	posts      *prometheus.CounterVec

	mu      sync.Mutex
	waiting map[string]any // newest event by subject
	order   []string       // whose turn it is: the subjects of waiting
	wake    chan struct{}
}

// NewPoster makes a poster; Run does its work. An empty token sends none.
func NewPoster(url, token string, log *slog.Logger, r prometheus.Registerer) *Poster {
	p := &Poster{
		url: url, token: token, log: log,
		client: http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // following one could turn a post into a GET of nothing
		}},
		posts: promauto.With(r).NewCounterVec(prometheus.CounterOpts{Name: "profiles_posts_total",
			Help: "Events posted over HTTP, by result: ok, refused (4xx, given up), retried."}, []string{"result"}),
		waiting: map[string]any{},
		wake:    make(chan struct{}, 1),
	}
	for _, result := range []string{"ok", "refused", "retried"} { // there from the start, so that the first is a rise
		p.posts.WithLabelValues(result)
	}
	return p
}

// Post leaves an event to be posted.
func (p *Poster) Post(subject string, event any) {
	p.mu.Lock()
	p.queue(subject, event)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run posts until ctx ends.
func (p *Poster) Run(ctx context.Context) error { //nolint:gocognit // one loop over the queue; each result of a post is a short case
	pause := wait.Backoff{Min: 250 * time.Millisecond, Max: 30 * time.Second}
	defer p.client.CloseIdleConnections()
	for {
		select {
		case <-p.wake:
		case <-ctx.Done():
			return nil
		}
		for {
			subject, event, ok := p.next()
			if !ok {
				break
			}
			again, err := p.post(ctx, event)
			if err == nil {
				p.posts.WithLabelValues("ok").Inc()
				pause.Reset()
				continue
			}
			if !again {
				p.posts.WithLabelValues("refused").Inc()
				p.log.Warn("post an event", logkey.URL, p.url, logkey.Subject, subject, logkey.Err, err)
				continue
			}
			p.posts.WithLabelValues("retried").Inc()
			p.log.Debug("post an event, try again", logkey.URL, p.url, logkey.Subject, subject, logkey.Err, err)
			p.putBack(subject, event)
			if pause.Wait(ctx) != nil {
				return nil
			}
		}
	}
}

func (p *Poster) next() (string, any, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return "", nil, false
	}
	subject := p.order[0]
	p.order = p.order[1:]
	event := p.waiting[subject]
	delete(p.waiting, subject)
	return subject, event, true
}

// queue keeps the event in its subject's place, or last. mu is held.
func (p *Poster) queue(subject string, event any) {
	if _, has := p.waiting[subject]; !has {
		p.order = append(p.order, subject)
	}
	p.waiting[subject] = event
}

// putBack keeps the event unless a newer one has come. It goes last: one event
// that the receiver chokes on must not hold back those of other subjects.
func (p *Poster) putBack(subject string, event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, newer := p.waiting[subject]; !newer {
		p.queue(subject, event)
	}
}

// post sends one event. again tells whether another try may help.
func (p *Poster) post(ctx context.Context, event any) (again bool, err error) {
	body, err := json.Marshal(event)
	if err != nil {
		return false, fmt.Errorf("encode the event: %w", err)
	}
	return Post(ctx, &p.client, p.url, p.token, body)
}

// Post sends one JSON body. again tells whether another try may help: not where
// the receiver refused the body.
func Post(ctx context.Context, client *http.Client, url, token string, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("post to %s: %w", url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return true, err
	}
	defer res.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	switch {
	case res.StatusCode < 300, res.StatusCode == http.StatusConflict: // a conflict: it has a later one
		return false, nil
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		return true, fmt.Errorf("post to %s: %s: %s", url, res.Status, bytes.TrimSpace(said))
	}
	return false, fmt.Errorf("post to %s: %s: %s", url, res.Status, bytes.TrimSpace(said))
}
