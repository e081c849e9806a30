package bus_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
)

// TestHeadersAreRefused: no stream takes a message that asks the server to remove messages,
// or to do anything but store it. Workers remove their marks so, and an object store its
// descriptions, and streamers let events end that say that another was removed.
func TestHeadersAreRefused(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	js, ctx := srv.JetStream(), bustest.Context(t)
	if err := b.Objects(bus.ArchivesBucket, client.RequestTimeout).Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	headers := map[string][]nats.Header{
		"rollup":   {{jetstream.MsgRollup: {jetstream.MsgRollupSubject}}, {jetstream.MsgRollup: {jetstream.MsgRollupAll}}},
		"TTL":      {{jetstream.MsgTTLHeader: {"1s"}}},
		"schedule": {{"Nats-Schedule": {"@at 2100-01-01T00:00:00Z"}, "Nats-Schedule-Target": {"episode.accepted"}}},
		"counter":  {{"Nats-Incr": {"+1"}}},
		"batch":    {{"Nats-Batch-Id": {"x"}, "Nats-Batch-Sequence": {"1"}, "Nats-Batch-Commit": {"1"}}},
	}
	for stream, subject := range map[string]string{
		"EPISODES": "episode.accepted", "REJECTED": "episode.rejected.missing", "SUSPECTS": "episode.suspect.p", "DASHBOARD": "dashboard.a.b",
		"KV_specs": "$KV.specs.g", "KV_curves": "$KV.curves.g.p.0", "KV_envelopes": "$KV.envelopes.g.p", "KV_signatures": "$KV.signatures.g.p.0",
		"KV_attempts": "$KV.attempts.g.1", "OBJ_episodes": "$O.episodes.M.x",
	} {
		for name, all := range headers {
			if name == "rollup" && (stream == "KV_attempts" || stream == "OBJ_episodes") || name == "TTL" && stream == "DASHBOARD" {
				continue
			}
			for _, header := range all {
				if ack, err := js.PublishMsg(ctx, &nats.Msg{Subject: subject, Header: header, Data: []byte("{}")}); err == nil {
					t.Errorf("%s took a message with %s: %+v", stream, name, ack)
				}
			}
		}
		if s, err := js.Stream(ctx, stream); err != nil || s.CachedInfo().State.LastSeq != 0 {
			t.Errorf("%s: %v, or it has stored something", stream, err)
		}
	}
}

// TestRollupIsTakenBack: streams of an earlier version allow rollups. That is mended, and
// what can't be taken back is left.
func TestRollupIsTakenBack(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	js, ctx := srv.JetStream(), bustest.Context(t)
	config := func() jetstream.StreamConfig {
		s, err := js.Stream(ctx, "KV_curves")
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().Config
	}
	cfg := config()
	cfg.AllowRollup, cfg.AllowMsgTTL, cfg.AllowAtomicPublish = true, true, true
	if _, err := js.UpdateStream(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.EnsureTopology(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if cfg := config(); cfg.AllowRollup || cfg.AllowAtomicPublish || !cfg.AllowMsgTTL {
		t.Errorf("%+v", cfg)
	}
}
