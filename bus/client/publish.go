package client

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/internal/wait"
)

// publishTime is how long PublishMsg tries. An election takes 4 to 9 s, and the
// NATS library's own retries end after half a second.
const publishTime = 20 * time.Second

// PublishMsg stores one message and returns its stream sequence. While nobody
// answers, it tries again for up to 20 s; a refusal (IsRefused) is returned at
// once. After any other error the message may be stored or not.
func (c *Client) PublishMsg(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	sent := *msg
	sent.Subject = c.publishSubject(msg.Subject)
	ctx, done := c.WatchDenials(ctx, sent.Subject)
	defer done()
	pause := wait.Backoff{Min: 50 * time.Millisecond, Max: time.Second}
	for {
		try, end := context.WithTimeout(ctx, RequestTimeout)
		ack, err := c.js.PublishMsg(try, &sent, opts...)
		end()
		if err == nil {
			return ack.Sequence, nil
		}
		if err = orFull(OrDenied(ctx, err)); IsRefused(err) || ctx.Err() != nil {
			return 0, err
		}
		if pause.Wait(ctx) != nil {
			return 0, fmt.Errorf("publish %s: no acknowledgement within %s: %w", msg.Subject, publishTime, c.explainSilence(err))
		}
	}
}

// publishSubject is the subject under which a message must be sent to be stored under subject.
// A leaf node passes nothing of buckets on to a server of another domain, but for requests
// to that domain: the server takes the prefix away.
func (c *Client) publishSubject(subject string) string {
	if c.cfg.JSDomain != "" && strings.HasPrefix(subject, "$KV.") {
		return c.APISubject(subject)
	}
	return subject
}
