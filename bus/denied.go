package bus

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// ErrDenied matches the error of what the server does not let this connection
// do: its user has no right to a subject.
var ErrDenied = errors.New("not permitted")

// Denials are what the server says that this connection may not do. It says so
// beside the requests, which are never answered: without them whoever asks would
// wait for a time-out, and not know why.
type denials struct {
	mu      sync.Mutex
	waiting map[*waiter]struct{}
	// inbox is why no answer can ever come: replies may not be subscribed to.
	inbox error
}

// A waiter is a request under way.
type waiter struct {
	subject string // its own, or a prefix that ends with ">"
	tell    context.CancelCauseFunc
}

func (w *waiter) asks(subject string) bool {
	prefix, all := strings.CutSuffix(w.subject, ">")
	return subject == w.subject || all && strings.HasPrefix(subject, prefix)
}

var violation = regexp.MustCompile(`(?i)permissions violation for (publish|subscription) to "([^"]+)"`)

// hear takes an error of the connection and reports whether somebody who waits
// was told of it.
func (d *denials) hear(err error, inboxPrefix string) (told bool) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return false
	}
	parts := violation.FindStringSubmatch(err.Error())
	if parts == nil {
		return false
	}
	subject := parts[2]
	publish := strings.EqualFold(parts[1], "publish")
	denied := fmt.Errorf("%w: the user of this connection may not publish to %s (is NATS_NKEY that of the right role?)", ErrDenied, subject)
	if !publish {
		denied = fmt.Errorf("%w: the user of this connection may not subscribe to %s", ErrDenied, subject)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	inbox := !publish && strings.HasPrefix(subject, inboxPrefix+".")
	if inbox {
		denied = fmt.Errorf("%w (is NATS_INBOX_PREFIX that of the role, and NATS_NKEY?)", denied)
		d.inbox = denied
	}
	for w := range d.waiting {
		if inbox || publish && w.asks(subject) {
			w.tell(denied)
			told = true
		}
	}
	return told
}

// forget is called when the connection is another: its user may have got rights.
func (d *denials) forget() {
	d.mu.Lock()
	d.inbox = nil
	d.mu.Unlock()
}

// heed returns a context for a request that ends when the server says that this
// connection may not publish to its subject (or to any under it, where it ends
// with ">"), or not get answers at all. The function must be called after it.
func (b *Bus) heed(ctx context.Context, subject string) (context.Context, context.CancelFunc) {
	ctx, tell := context.WithCancelCause(ctx)
	d, w := &b.denials, &waiter{subject, tell}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inbox != nil {
		tell(d.inbox)
	}
	if d.waiting == nil {
		d.waiting = map[*waiter]struct{}{}
	}
	d.waiting[w] = struct{}{}
	return ctx, func() {
		d.mu.Lock()
		delete(d.waiting, w)
		d.mu.Unlock()
		tell(nil)
	}
}

// toldBy returns err, or what the server said instead of an answer.
func toldBy(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrDenied) {
		return cause
	}
	return err
}
