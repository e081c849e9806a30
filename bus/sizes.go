package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
)

// A StreamSize is how much one of the project's streams holds. Buckets are
// streams, too: bucket curves is KV_curves.
type StreamSize struct {
	Name     string `json:"name"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	MaxBytes int64  `json:"max_bytes,omitempty"` // the stream's limit; 0 if it has none
	LastSeq  uint64 `json:"last_seq"`
	// Replicas is how many servers should have a copy, Current how many have one that is
	// complete and answer at present.
	Replicas int `json:"replicas"`
	Current  int `json:"current"`
	// Incarnation is the stream's creation time.
	Incarnation client.Incarnation `json:"life"`
}

// logNearlyFull is the share of the log's limit from which on status warns. The alert ProfilesLogFills has the same.
const logNearlyFull = 0.8

// Warning says that the log is full, or will be, in a sentence without a full stop; "" if neither. Other
// streams with a limit drop their oldest messages, which is no reason to warn.
func (s StreamSize) Warning() string {
	const cure = "give it more room with NATS_LOG_BYTES (docs/OPERATIONS.md, \"Storage\")"
	switch {
	case s.Name != EpisodesStream || s.MaxBytes == 0:
		return ""
	case int64(s.Bytes)+maxNoticeBytes > s.MaxBytes:
		return "the log EPISODES is full: accepts and retractions are refused; " + cure
	case float64(s.Bytes) > logNearlyFull*float64(s.MaxBytes):
		return fmt.Sprintf("the log EPISODES has used %d%% of its room; when it is full, accepts and retractions are refused: %s", 100*int64(s.Bytes)/s.MaxBytes, cure)
	}
	return ""
}

// Streams returns the sizes of the project's streams that exist, in the order in
// which topology.go declares them.
func (b *Bus) Streams(ctx context.Context) ([]StreamSize, error) {
	var sizes []StreamSize
	for _, want := range streams(b.Replicas(), 0) {
		s, err := b.OpenStream(ctx, want.Name)
		if client.IsAbsent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		info := s.CachedInfo()
		sizes = append(sizes, StreamSize{
			Name: want.Name, Messages: info.State.Msgs, Bytes: info.State.Bytes, MaxBytes: max(0, info.Config.MaxBytes),
			LastSeq: info.State.LastSeq, Replicas: info.Config.Replicas, Current: current(info), Incarnation: client.IncarnationOf(info),
		})
	}
	return sizes, nil
}

// current counts the servers whose copy of a stream is complete: the leader, which answered, and others.
func current(info *jetstream.StreamInfo) int {
	n := 1
	if info.Cluster != nil {
		for _, r := range info.Cluster.Replicas {
			if r.Current && !r.Offline {
				n++
			}
		}
	}
	return n
}
