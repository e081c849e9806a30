package client

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Listen calls hear with every message that is published to a subject that matches a
// filter, until stop is called. hear must be quick and safe for concurrent use with its
// caller. A message may be missed while the connection is lost, and also just after
// Listen has returned: the other servers of a cluster learn of the subscription later.
//
// The returned context ends when stop is called, or with ErrDenied when the server does
// not permit the subscription.
func (c *Client) Listen(ctx context.Context, filter string, hear func(*nats.Msg)) (listening context.Context, stop func(), err error) {
	ctx, done := c.WatchDenials(ctx, filter)
	subscription, err := c.nc.Subscribe(filter, hear)
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("subscribe to %s: %w", filter, err)
	}
	stop = func() {
		_ = subscription.Unsubscribe() // without a connection there is nothing to end
		done()
	}
	flushing, end := context.WithTimeout(ctx, RequestTimeout)
	defer end()
	if err := c.nc.FlushWithContext(flushing); err != nil {
		err = fmt.Errorf("subscribe to %s: %w", filter, OrDenied(ctx, err))
		stop()
		return nil, nil, err
	}
	return ctx, stop, nil
}
