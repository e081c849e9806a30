//go:build faults

package faulttest

import (
	"time"
)

func (f *fleet) setLinks(links []*link, s linkState, delay time.Duration) {
	for _, l := range links {
		l.set(s, delay)
	}
}

func (f *fleet) cutNode() {
	f.setLinks(f.cluster.around(pick(f, f.cluster.nodes[:])), cut, 0)
	f.while(f.between(2*time.Second, 8*time.Second))
}

func (f *fleet) silenceNode() {
	n := pick(f, f.cluster.nodes[:])
	f.setLinks(f.cluster.around(n), silent, 0)
	for _, l := range f.clientLinks() {
		if l.to == n.name && f.rand.IntN(2) == 0 {
			l.set(silent, 0)
		}
	}
	f.while(f.between(2*time.Second, 8*time.Second))
}

// cutServices is for the receiver, too.
func (f *fleet) cutServices() {
	for _, l := range f.clientLinks() {
		l.set(pick(f, []linkState{whole, cut, silent}), 0)
	}
	f.while(f.between(2*time.Second, 6*time.Second))
}

func (f *fleet) cutAll() {
	for _, n := range f.cluster.nodes {
		f.setLinks(n.to, cut, 0)
	}
	f.while(f.between(2*time.Second, 6*time.Second))
}

// delay makes each link slow by another measure, so that what goes by several
// ways changes its order.
func (f *fleet) delay() {
	for _, n := range f.cluster.nodes {
		for _, l := range n.to {
			l.set(whole, f.between(0, 40*time.Millisecond))
		}
	}
	for _, l := range f.clientLinks() {
		l.set(whole, f.between(0, 150*time.Millisecond))
	}
	f.while(f.between(4*time.Second, 8*time.Second))
}
