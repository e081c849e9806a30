//go:build faults

package faults

import (
	"context"
	"errors"
	"time"
)

func (f *fleet) killWorkers() {
	for range 4 {
		w := pick(f, f.workers)
		f.while(f.between(50*time.Millisecond, 500*time.Millisecond))
		w.kill()
		f.while(f.between(50*time.Millisecond, 500*time.Millisecond))
		f.startService(w)
	}
}

func (f *fleet) killServices() {
	f.while(f.between(100*time.Millisecond, time.Second))
	killAll(f.services()...)
	f.while(f.between(100*time.Millisecond, time.Second))
}

func (f *fleet) killNode() {
	n := pick(f, f.cluster.nodes[:])
	f.while(f.between(100*time.Millisecond, time.Second))
	n.kill()
	f.while(f.between(500*time.Millisecond, 4*time.Second))
	n.start()
}

func (f *fleet) killNodes() {
	f.while(f.between(100*time.Millisecond, time.Second))
	killAll(f.cluster.nodes[:]...)
	f.while(f.between(100*time.Millisecond, 2*time.Second))
}

func (f *fleet) killLeaders() {
	for _, stream := range f.topology {
		// If a restarted node still catches up, the end of another leaves no quorum.
		f.must("all replicas of "+stream, healthyWithin, func(ctx context.Context) error { return ask(ctx, f.caughtUp(stream)) })
		f.must("a leader of "+stream, time.Minute, func(ctx context.Context) error {
			name, err := leader(ctx, f.js, stream)
			if err != nil {
				return err
			}
			n := f.cluster.node(name)
			n.kill()
			err = ask(ctx, func(ctx context.Context) error { // the others must elect another
				now, err := leader(ctx, f.js, stream)
				if err == nil && now == name {
					err = errors.New("the killed node still leads")
				}
				return err
			})
			n.start()
			return err
		})
	}
}

func (f *fleet) pauseServices() {
	for range 3 {
		s := pick(f, f.services())
		s.pause()
		f.while(f.between(100*time.Millisecond, 5*time.Second)) // also longer than AckWait
		s.resume()
	}
}

func (f *fleet) pauseNode() {
	n := pick(f, f.cluster.nodes[:])
	n.pause()
	f.while(f.between(time.Second, 8*time.Second))
	n.resume()
}
