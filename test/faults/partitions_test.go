//go:build faults

package faults

import "time"

func (f *fleet) setLinks(links []*link, s linkState) {
	for _, l := range links {
		l.set(s, 0)
	}
}

// waitAffected waits while links are disturbed. At least one link of each group must
// have had traffic to disturb.
func (f *fleet) waitAffected(least, most time.Duration, groups ...[]*link) {
	f.while(f.between(least, most))
	for _, links := range groups {
		affected := 0
		for _, l := range links {
			affected += l.affected()
		}
		if affected == 0 {
			f.t.Errorf("the links of %s and others had no traffic", links[0].from)
		}
	}
}

func (f *fleet) cutNode() {
	around := f.cluster.around(pick(f, f.cluster.nodes[:]))
	f.setLinks(around, cut)
	f.waitAffected(2*time.Second, 8*time.Second, around)
}

func (f *fleet) silenceNode() {
	n := pick(f, f.cluster.nodes[:])
	around := f.cluster.around(n)
	f.setLinks(around, silent)
	for _, l := range f.clientLinks() {
		if l.to == n.name && f.rand.IntN(2) == 0 {
			l.set(silent, 0)
		}
	}
	f.waitAffected(2*time.Second, 8*time.Second, around)
}

// cutServices also disturbs the links of the receiver. One service loses all of its links: the
// others may by chance be connected by links that stay whole.
func (f *fleet) cutServices() {
	for _, l := range f.clientLinks() {
		l.set(pick(f, []linkState{whole, cut, silent}), 0)
	}
	f.setLinks(pick(f, f.services()).links, cut)
	f.waitAffected(2*time.Second, 6*time.Second, f.clientLinks())
}

func (f *fleet) cutAll() {
	var all []*link
	for _, n := range f.cluster.nodes {
		all = append(all, n.to...)
	}
	f.setLinks(all, cut)
	f.waitAffected(2*time.Second, 6*time.Second, all)
}

// delay makes each link slow by another measure, so that what goes by several
// ways changes its order.
func (f *fleet) delay() {
	var routes []*link
	for _, n := range f.cluster.nodes {
		routes = append(routes, n.to...)
	}
	for _, l := range routes {
		l.set(whole, f.between(0, 40*time.Millisecond))
	}
	for _, l := range f.clientLinks() {
		l.set(whole, f.between(0, 150*time.Millisecond))
	}
	f.waitAffected(4*time.Second, 8*time.Second, routes, f.receiving)
}
