package bus

import (
	"context"

	"github.com/cis490/profiles/bus/client"
)

// A StreamSize is how much one of the project's streams holds. Buckets are
// streams, too: bucket curves is KV_curves.
type StreamSize struct {
	Name     string `json:"name"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	LastSeq  uint64 `json:"last_seq"`
	// Incarnation is the stream's creation time.
	Incarnation client.Incarnation `json:"life"`
}

// Streams returns the sizes of the project's streams that exist, in the order in
// which topology.go declares them.
func (b *Bus) Streams(ctx context.Context) ([]StreamSize, error) {
	var sizes []StreamSize
	for _, want := range streams(b.Replicas()) {
		s, err := b.OpenStream(ctx, want.Name)
		if client.IsAbsent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		info := s.CachedInfo()
		sizes = append(sizes, StreamSize{
			Name: want.Name, Messages: info.State.Msgs, Bytes: info.State.Bytes, LastSeq: info.State.LastSeq, Incarnation: client.IncarnationOf(info),
		})
	}
	return sizes, nil
}
