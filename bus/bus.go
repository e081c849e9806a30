// Package bus has the streams, buckets and messages of the project in NATS. Package
// client, below it, deals with NATS itself. bus/events and bus/signatures, above it, have
// the events of the dashboard and the stored signatures.
//
// What is stored, and the consumers:
//
//	bus.go           connects
//	topology.go      declares every stream, bucket and consumer, with all settings and limits
//	quota.go         how much streams may hold
//	ensure.go        creates them, compares those that exist (package settings), and mends them
//	archives.go      the same for a bucket of archives
//	loglosses.go     messages that the log lost, and whether they were made up for
//	tell.go          logs settings that are wrong
//	sizes.go         how much the streams hold
//	lag.go           how far the consumers are
//
// The episode log, stream EPISODES, which workers align:
//
//	notice.go        one message of the log: an episode was accepted or retracted
//	log.go           publishes notices and reads the log
//	episodes.go      delivers notices to the tasks of a worker, and ends the messages
//	marks.go         counts the readers that died of an episode; after FatalTries it is given up
//	handedback.go    remembers the tries of messages that were handed back
//	rejected.go      stream REJECTED: messages that could not be used
//	suspects.go      stream SUSPECTS: accepted episodes that look like another profile
//
// The values that are computed from the log:
//
//	curves.go        bucket curves: the entry of each episode (a curve, a reason, or retracted)
//	sample.go        reads the sample of one profile for a program that may only read
//	lossdetector.go  detects that bucket curves lost entries, as after a restore from a backup
//	puts.go          delivers each put of an entry to a worker, which reduces its profile
//	asof.go          the rule for computed values: one that has seen more is never replaced
//	envelopes.go     bucket envelopes
//
// Fit specs:
//
//	generation.go    a spec at work: its id, epoch, and the streams that it depends on
//	specs.go         bucket specs: all generations, and the one that is wanted
//	remove.go        removes a generation
package bus

import (
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus/client"
)

// A Bus is one service's connection. It is safe for concurrent use; Close ends it.
type Bus struct {
	*client.Client
	told told
}

// Connect is client.Connect.
func Connect(cfg client.Config, log *slog.Logger, more ...nats.Option) (*Bus, error) {
	c, err := client.Connect(cfg, log, more...)
	if err != nil {
		return nil, err
	}
	return &Bus{Client: c}, nil
}
