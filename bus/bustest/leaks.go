package bustest

import "go.uber.org/goleak"

// Leaks are the goroutines that a server of a cluster may leave in this process
// when it ends while it makes a stream; they are the server's, not ours. With
// servers that are alone there are none.
func Leaks() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
	}
}
