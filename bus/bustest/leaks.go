package bustest

import "go.uber.org/goleak"

// Leaks are the goroutines that a server of a cluster may leave in this process when it
// stops while it creates a stream. They are those of nats-server. Single servers leave
// none.
func Leaks() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
	}
}
