package service

import (
	"context"
	"sync"
)

// Views are followed in the background until Close, so that work that drains at the end of
// a session still has them.
type Views struct {
	ctx       context.Context
	end       context.CancelFunc
	following sync.WaitGroup
}

// NewViews returns no views. They have the values of ctx, but not its end.
func NewViews(ctx context.Context) *Views {
	v := &Views{}
	v.ctx, v.end = context.WithCancel(context.WithoutCancel(ctx))
	return v
}

// Follow calls the Run method of a view in the background. Its error is ignored: the
// session learns from the view's own checks that it is not followed any more.
func (v *Views) Follow(run func(context.Context) error) {
	v.following.Go(func() { _ = run(v.ctx) })
}

// Close ends all views and waits for them.
func (v *Views) Close() {
	v.end()
	v.following.Wait()
}
