package service

import (
	"context"
	"sync"
)

// Views run the views of a session in the background until Close. They do not end with the
// context of the session, so that work that drains at its end can still use them.
type Views struct {
	ctx       context.Context
	end       context.CancelFunc
	following sync.WaitGroup
}

// NewViews returns Views without a view. They have the values of ctx, but do not end with it.
func NewViews(ctx context.Context) *Views {
	v := &Views{}
	v.ctx, v.end = context.WithCancel(context.WithoutCancel(ctx))
	return v
}

// Follow calls the Run method of a view in the background. Its error is ignored: the
// session notices by the view's own checks that the view has stopped.
func (v *Views) Follow(run func(context.Context) error) {
	v.following.Go(func() { _ = run(v.ctx) })
}

// Close ends all views and waits for them.
func (v *Views) Close() {
	v.end()
	v.following.Wait()
}
