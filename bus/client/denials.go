package client

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// ErrDenied matches the error of a request that the server does not permit: the
// user of this connection has no right to a subject.
var ErrDenied = errors.New("not permitted")

// denials connects permission violations with the requests that they end. The
// server never answers a request that it does not permit. It reports the violation
// to the connection instead, so without this each such request would time out
// without a reason.
type denials struct {
	mu      sync.Mutex
	pending map[*pendingRequest]struct{}
	// inbox is set when the connection may not subscribe to replies: no request can
	// be answered then.
	inbox error
}

type pendingRequest struct {
	subject string // the subject, or a prefix of it that ends with ">"
	end     context.CancelCauseFunc
}

func (r *pendingRequest) asksFor(subject string) bool {
	prefix, all := strings.CutSuffix(r.subject, ">")
	return subject == r.subject || all && strings.HasPrefix(subject, prefix)
}

var violation = regexp.MustCompile(`(?i)permissions violation for (publish|subscription) to "([^"]+)"`)

// report takes an error of the connection. Where it is a permission violation, it
// ends the requests that it concerns. It reports whether there were any.
func (d *denials) report(err error, inboxPrefix string) (ended bool) {
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
	for r := range d.pending {
		if inbox || r.asksFor(subject) {
			r.end(denied)
			ended = true
		}
	}
	return ended
}

// reset is called when the connection is lost. The next one may have more rights.
func (d *denials) reset() {
	d.mu.Lock()
	d.inbox = nil
	d.mu.Unlock()
}

// WatchDenials returns a context for one request or subscription. The context ends when
// the server reports that this connection may not publish or subscribe to the subject, or
// may not subscribe to replies. A subject that ends with ">" stands for all below it.
// OrDenied then gives the reason. The returned function must be called when the
// request has ended.
func (c *Client) WatchDenials(ctx context.Context, subject string) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	d, r := &c.denials, &pendingRequest{subject, end}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inbox != nil {
		end(d.inbox)
	}
	if d.pending == nil {
		d.pending = map[*pendingRequest]struct{}{}
	}
	d.pending[r] = struct{}{}
	return ctx, func() {
		d.mu.Lock()
		delete(d.pending, r)
		d.mu.Unlock()
		end(nil)
	}
}

// OrDenied returns the denial that ended a context of WatchDenials, else err. A
// nil err stays nil.
func OrDenied(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrDenied) {
		return cause
	}
	return err
}
