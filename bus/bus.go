// Package bus is what the project stores in NATS and says by it: the streams,
// buckets and consumers, the messages of the episode log, the stored values with
// their types, and the views that services keep of the buckets. Package client,
// below it, deals with NATS itself; bus/signatures and bus/events, above it, have
// the stored signatures and the events of the dashboard.
package bus

import (
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus/client"
)

// A Bus is one service's connection. It is safe for concurrent use; Close ends it.
type Bus struct{ *client.Client }

// Connect is client.Connect.
func Connect(cfg client.Config, log *slog.Logger, more ...nats.Option) (*Bus, error) {
	c, err := client.Connect(cfg, log, more...)
	if err != nil {
		return nil, err
	}
	return &Bus{c}, nil
}
