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
	"github.com/cis490/profiles/internal/warnonce"
)

// A Poster posts events to a URL, each as one JSON body. Post never waits: if the receiver
// is slow, only the newest event of each subject is kept. It is safe for concurrent use.
type Poster struct {
	url, token string
	log        *slog.Logger
	client     http.Client
	posts      *prometheus.CounterVec
	failing    warnonce.Reasons

	mu      sync.Mutex
	waiting map[string]any // newest event by subject
	order   []string       // the subjects of waiting, the next one first
	wake    chan struct{}
}

// NewPoster returns a poster. Run posts. An empty token means that none is sent.
func NewPoster(url, token string, log *slog.Logger, r prometheus.Registerer) *Poster {
	p := &Poster{
		url: url, token: token, log: log,
		client: http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect could turn the post into a GET
		}},
		posts: promauto.With(r).NewCounterVec(prometheus.CounterOpts{Name: "profiles_posts_total",
			Help: "Events posted over HTTP, by result: ok, refused (4xx, given up), retried."}, []string{"result"}),
		waiting: map[string]any{},
		wake:    make(chan struct{}, 1),
	}
	for _, result := range []string{"ok", "refused", "retried"} { // rate() misses a counter's first increment
		p.posts.WithLabelValues(result)
	}
	return p
}

// Post queues an event.
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
			if ctx.Err() != nil {
				return nil
			}
			if err == nil {
				p.posts.WithLabelValues("ok").Inc()
				pause.Reset()
				p.failing.Works(p.url)
				continue
			}
			if !again {
				p.posts.WithLabelValues("refused").Inc()
				p.warnOnce("an event was refused at PUBLISH_URL", subject, err)
				continue
			}
			p.posts.WithLabelValues("retried").Inc()
			p.warnOnce("no answer at PUBLISH_URL, keep trying", subject, err)
			p.putBack(subject, event)
			if pause.Wait(ctx) != nil {
				return nil
			}
		}
	}
}

// warnOnce does not log the same reason twice in a row.
func (p *Poster) warnOnce(msg, subject string, err error) {
	if p.failing.IsNew(p.url, err.Error()) {
		p.log.Warn(msg, logkey.URL, p.url, logkey.Subject, subject, logkey.Err, err)
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

// putBack queues an event again, unless a newer one of its subject is queued. It goes to the
// end: an event that the receiver fails on must not delay those of other subjects.
func (p *Poster) putBack(subject string, event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, newer := p.waiting[subject]; !newer {
		p.queue(subject, event)
	}
}

// post sends one event. again reports whether another try may succeed.
func (p *Poster) post(ctx context.Context, event any) (again bool, err error) {
	body, err := json.Marshal(event)
	if err != nil {
		return false, fmt.Errorf("encode the event: %w", err)
	}
	return Post(ctx, &p.client, p.url, p.token, body)
}

// Post sends one JSON body. again reports whether another try may succeed: not if the
// receiver refused the body.
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
	case res.StatusCode < 300, res.StatusCode == http.StatusConflict: // conflict: the receiver has a later event
		return false, nil
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		return true, fmt.Errorf("post to %s: %s: %s", url, res.Status, bytes.TrimSpace(said))
	}
	return false, fmt.Errorf("post to %s: %s: %s", url, res.Status, bytes.TrimSpace(said))
}
