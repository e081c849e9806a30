//go:build faults

package faults

import (
	"time"
)

// A fault is one kind of failure. inject causes it while the receiver sends. Whatever
// it leaves broken is repaired by heal.
type fault struct {
	name              string
	inject            func(*fleet)
	disks             bool // nodes need disks of their own for it
	brief             bool // it is part of TestBrief
	neverWithFlapping bool // never together with flapping episodes
}

// faults returns all faults. TestFaults injects each of them once.
func faults() []fault {
	all := []fault{
		{name: "nothing", inject: func(f *fleet) { f.while(3 * time.Second) }},
		{name: "kill -9: a worker at a time", inject: (*fleet).killWorkers, brief: true},
		{name: "kill -9: all services at once", inject: (*fleet).killServices},
		{name: "kill -9: a node", inject: (*fleet).killNode, brief: true},
		{name: "kill -9: all nodes at once", inject: (*fleet).killNodes},
		{name: "kill -9: the leader of each stream in turn", inject: (*fleet).killLeaders},
		{name: "stop and continue: services", inject: (*fleet).pauseServices},
		{name: "stop and continue: a node", inject: (*fleet).pauseNode},
		{name: "partition: a node from the others, connections cut", inject: (*fleet).cutNode},
		{name: "partition: a node from the others, in silence", inject: (*fleet).silenceNode, brief: true},
		{name: "partition: services from nodes", inject: (*fleet).cutServices, brief: true},
		{name: "partition: all nodes from each other", inject: (*fleet).cutAll},
		{name: "delay and reordering on all links", inject: (*fleet).delay},
		{name: "redelivery storm", inject: (*fleet).redeliveryStorm, brief: true},
		{name: "slow store", inject: (*fleet).slowStore},
		{name: "failing store", inject: (*fleet).failingStore},
		{name: "missing archives that come late", inject: (*fleet).lateArchives, brief: true},
		{name: "poison episode", inject: (*fleet).poison, neverWithFlapping: true},
		{name: "clock jumps of a receiver", inject: (*fleet).clockJumps},
		{name: "more retractions than the reserve", inject: (*fleet).retract, brief: true},
		{name: "two generations at once", inject: (*fleet).twoGenerations},
		{name: "full disk of a node", inject: (*fleet).fullDisk, disks: true},
		{name: "full disks of all nodes", inject: (*fleet).fullDisks, disks: true},
		{name: "streams deleted under live services", inject: (*fleet).deleteStreams},
		{name: "old backup restored", inject: (*fleet).oldBackup},
		{name: "total loss", inject: (*fleet).totalLoss, brief: true},
	}
	return all
}
