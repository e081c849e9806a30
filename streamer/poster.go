package streamer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
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
	problem    atomic.Pointer[error] // why the last post failed; nil: it did not

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
			Help: "Events posted over HTTP, by result: ok, kept (409: the receiver keeps the event that it has), refused (another 4xx, given up), retried."}, []string{"result"}),
		waiting: map[string]any{},
		wake:    make(chan struct{}, 1),
	}
	for _, result := range []string{"ok", "kept", "refused", "retried"} { // rate() misses a counter's first increment
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

// Problem returns why posts fail at present, and what to do; nil if they do not.
func (p *Poster) Problem() error {
	if problem := p.problem.Load(); problem != nil {
		return fmt.Errorf("PUBLISH_URL: %w", *problem)
	}
	return nil
}

// probe warns at the start if nobody answers: the first event may come much later. Any answer
// will do.
func (p *Poster) probe(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, p.url, http.NoBody)
	if err != nil {
		return
	}
	res, err := p.client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			p.warnOnce("no answer at PUBLISH_URL, keep trying", "", explainPost(err))
		}
		return
	}
	_ = res.Body.Close()
}

// Run posts until ctx ends.
func (p *Poster) Run(ctx context.Context) error { //nolint:gocognit // one loop over the queue; each result of a post is a short case
	pause := wait.Backoff{Min: 250 * time.Millisecond, Max: 30 * time.Second}
	defer p.client.CloseIdleConnections()
	p.probe(ctx)
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
			if err == nil || errors.Is(err, ErrKept) {
				result := "ok"
				if err != nil {
					result = "kept"
				}
				p.posts.WithLabelValues(result).Inc()
				pause.Reset()
				p.failing.Works(p.url)
				p.problem.Store(nil)
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
			if WaitToPost(ctx, err, &pause) != nil {
				return nil
			}
		}
	}
}

// warnOnce does not log the same reason twice in a row.
func (p *Poster) warnOnce(msg, subject string, err error) {
	p.problem.Store(&err)
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

// ErrKept matches the error of a post that the receiver answered with 409: it keeps the event
// that it has, since that is later or has an order.
var ErrKept = errors.New("the receiver keeps the event that it has")

// A Busy error is that of a receiver that says when to try again.
type Busy struct {
	After time.Duration // Retry-After, at most maxRetryAfter
	Err   error
}

func (b *Busy) Error() string { return fmt.Sprintf("%v (try again after %s)", b.Err, b.After) }
func (b *Busy) Unwrap() error { return b.Err }

// maxRetryAfter bounds how long a receiver can keep a poster from trying again.
const maxRetryAfter = 5 * time.Minute

// parseRetryAfter parses the header Retry-After: seconds or a date. 0 means that it names no time.
func parseRetryAfter(text string, now time.Time) time.Duration {
	after := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		after = at.Sub(now)
	}
	return min(max(after, 0), maxRetryAfter)
}

// WaitToPost waits before the next try: as long as the receiver asked for, else for pause. err is that
// of Post.
func WaitToPost(ctx context.Context, err error, pause *wait.Backoff) error {
	var busy *Busy
	if errors.As(err, &busy) {
		return wait.For(ctx, busy.After)
	}
	return pause.Wait(ctx)
}

// explainPost adds what to look at to the error of a post that nobody answered.
func explainPost(err error) error {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return fmt.Errorf("%w: is the receiver running there, and may this machine connect to it?", err)
	}
	return err
}

// Post sends one JSON body. again reports whether another try may succeed: not if the
// receiver refused the body. The error is a *Busy if the receiver says when to try again.
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
		return true, explainPost(err)
	}
	defer res.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	switch {
	case res.StatusCode < 300:
		return false, nil
	case res.StatusCode == http.StatusConflict:
		return false, fmt.Errorf("post to %s: %w", url, ErrKept)
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		err := fmt.Errorf("post to %s: %s: %s", url, res.Status, bytes.TrimSpace(said))
		if after := parseRetryAfter(res.Header.Get("Retry-After"), time.Now()); after > 0 {
			err = &Busy{after, err}
		}
		return true, err
	case res.StatusCode == http.StatusUnauthorized:
		return false, fmt.Errorf("post to %s: %s: %s: PUBLISH_TOKEN must be that of the receiver", url, res.Status, bytes.TrimSpace(said))
	}
	return false, fmt.Errorf("post to %s: %s: %s", url, res.Status, bytes.TrimSpace(said))
}
