//go:build faults

package faults

import (
	"time"
)

// A fault is something that goes wrong. inject does it while the receiver sends;
// what it leaves behind is healed after it.
type fault struct {
	name   string
	inject func(*fleet)
	disks  bool // it needs nodes with disks of their own
	brief  bool // TestBrief injects it, too
	calm   bool // never amid fickle episodes
}

// faults are all that the harness knows, each of them injected by every run.
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
		{name: "redelivery storm", inject: (*fleet).storm, brief: true},
		{name: "slow store", inject: (*fleet).slowStore},
		{name: "failing store", inject: (*fleet).failingStore},
		{name: "missing archives that come late", inject: (*fleet).lateArchives, brief: true},
		{name: "poison episode", inject: (*fleet).poison, calm: true},
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
