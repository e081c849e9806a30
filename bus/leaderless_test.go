package bus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
)

// TestNoLeader: while a stream has no leader, each server answers with the state of its own
// copy. Such an answer must not be used: the copy may lack the stream's end, which would
// look as if the stream had been restored from a backup.
func TestNoLeader(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts three servers and waits for elections")
	}
	cluster := bustest.StartCluster(t)
	b := cluster.Topology()
	if _, _, err := b.Incarnations(bustest.Context(t)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"n1", "n2"} {
		cluster.Stop(name)
	}
	// This takes a while: a server that was the leader still answers as the leader, and
	// another gives no answer, or answers that it is not available, until it has noticed.
	ctx := bustest.Context(t)
	for answered := false; !answered; {
		try, end := context.WithTimeout(ctx, 2*time.Second)
		_, _, err := b.Incarnations(try)
		end()
		switch {
		case ctx.Err() != nil:
			t.Fatalf("the last server never said that there is no leader: %v", err)
		case err != nil && !client.IsUnanswered(err):
			t.Fatalf("without a leader: %v", err)
		}
		answered = errors.Is(err, client.ErrNoLeader)
	}
	// That is no answer. The other stream may have a leader for a moment longer.
	for {
		last := b.Answered()
		try, end := context.WithTimeout(ctx, 2*time.Second)
		_, _, err := b.Incarnations(try)
		end()
		if err != nil && b.Answered().Equal(last) {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("%v; the last answer was at %s, and is at %s now", err, last, b.Answered())
		}
	}
}
