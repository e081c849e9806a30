package bus_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
)

// rejectAll rejects every episode for a reason, for one generation.
func rejectAll(t *testing.T, b *bus.Bus, g fit.Generation, why bus.Rejection) {
	t.Helper()
	if err := b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: g}, time.Second, time.Second); err != nil {
		t.Fatal(err)
	}
	follow(t, func(ctx context.Context) error {
		return b.ConsumeEpisodes(ctx, g, bus.EpisodeOptions{Concurrency: 1, DrainTime: time.Second},
			handler{run: func(context.Context, try) error { return &why }}.prepare)
	})
	until(t, "all done", func() bool {
		ok, err := b.CaughtUp(bustest.Context(t), g)
		return err == nil && ok
	})
}

// TestRejectedCopy: the copy has the body and headers of the message, without the headers
// that would make the server refuse it for ever.
func TestRejectedCopy(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b, js := srv.Topology(), srv.JetStream()
	msg := nats.NewMsg(bus.SubjectAccepted)
	msg.Data = []byte(`{"episode_id": "e", "host_id": "h", "profile": "p"}`)
	msg.Header = nats.Header{
		"X-Sender": {"one", "two"}, "x-sender": {"small"},
		jetstream.MsgIDHeader:                         {"id"},
		jetstream.ExpectedStreamHeader:                {bus.EpisodesStream},
		jetstream.ExpectedLastSeqHeader:               {"0"},
		jetstream.ExpectedLastSubjSeqHeader:           {"0"},
		"Nats-Expected-Last-Subject-Sequence-Subject": {bus.SubjectAccepted},
	}
	if _, err := js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	rejectAll(t, b, gen, bus.Rejection{Reason: fit.ReasonCorrupt, Detail: strings.Repeat("ä\r\n", 400)})
	s, err := js.Stream(t.Context(), bus.RejectedStream)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if kept.Subject != "episode.rejected.corrupt" || string(kept.Data) != string(msg.Data) {
		t.Errorf("%s: %s", kept.Subject, kept.Data)
	}
	for key, want := range map[string]string{
		"X-Sender": "one,two", "x-sender": "small", bus.HeaderReason: "corrupt", bus.HeaderSubject: bus.SubjectAccepted, bus.HeaderSequence: "1",
	} {
		if got := strings.Join(kept.Header.Values(key), ","); got != want {
			t.Errorf("header %s is %q, want %q", key, got, want)
		}
	}
	for key := range kept.Header {
		if strings.HasPrefix(key, "Nats-Expected-") {
			t.Errorf("header %s was kept", key)
		}
	}
	if d := kept.Header.Get(bus.HeaderDetail); len([]rune(d)) != 500 || !strings.HasSuffix(d, "…") {
		t.Errorf("the detail has %d characters: %q", len([]rune(d)), d)
	}
}

// TestMalformed: each kind of malformed message is filed unchanged and makes no task.
func TestMalformed(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	bodies := []string{"", "garbage", "[]", `"x"`, "null", `{"episode_id": 7}`, `{"episode_id": "e"`, "\xff\xfe"}
	for _, body := range bodies {
		if _, err := srv.JetStream().Publish(t.Context(), bus.SubjectRetracted, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	consume(t, b, time.Second, bus.EpisodeOptions{Concurrency: 2}, handler{run: func(_ context.Context, n try) error {
		t.Errorf("handed to the handler: %+v", n)
		return nil
	}})
	until(t, "all done", caughtUp(t, b))
	n := 0
	err := b.ReadRejected(bustest.Context(t), func(r bus.Rejected) error {
		n++
		if r.Reason != fit.ReasonMalformed || r.Detail == "" || r.FiledAt.IsZero() {
			t.Errorf("%+v", r)
		}
		return nil
	})
	if err != nil || n != len(bodies) {
		t.Errorf("%d of %d are filed, %v", n, len(bodies), err)
	}
}

// TestRejectedOnce: when two generations reject a message at about the same time, it is
// filed once. For another reason it is filed again.
func TestRejectedOnce(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	publish(t, b, 3)
	var both sync.WaitGroup
	for _, g := range []fit.Generation{gen, "klmnopqrst"} {
		own := srv.Connect()
		both.Go(func() { rejectAll(t, own, g, bus.Rejection{Reason: fit.ReasonMissing, Detail: "of " + string(g)}) })
	}
	both.Wait()
	count := func() (n int) {
		if err := b.ReadRejected(bustest.Context(t), func(bus.Rejected) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 3 {
		t.Errorf("3 messages were filed %d times", n)
	}
	rejectAll(t, b, "uvwxyz0123", bus.Rejection{Reason: fit.ReasonCorrupt})
	if n := count(); n != 6 {
		t.Errorf("%d are filed, want 6", n)
	}
}

// TestRejectedAfterRestore: a log that was restored from an older backup gives the lost
// sequences to other messages. When those are rejected, they are filed, too.
func TestRejectedAfterRestore(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	restore := srv.Backup(bus.EpisodesStream)
	reject := func(episode, body string) {
		t.Helper()
		b := srv.Connect()
		if _, err := b.Publish(bustest.Context(t), bus.Notice{Host: "h", Episode: episode, Profile: "p", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if _, err := srv.JetStream().Publish(t.Context(), bus.SubjectAccepted, []byte(body)); err != nil {
			t.Fatal(err)
		}
		rejectAll(t, b, gen, bus.Rejection{Reason: fit.ReasonCorrupt})
	}
	reject("lost", "garbage")
	restore()
	reject("later", "more garbage")
	var filed []string
	err := srv.Connect().ReadRejected(bustest.Context(t), func(r bus.Rejected) error {
		filed = append(filed, string(r.Reason)+" "+r.Episode)
		return nil
	})
	if want := []string{"corrupt lost", "malformed ", "corrupt later", "malformed "}; err != nil || !slices.Equal(filed, want) {
		t.Errorf("filed are %q, want %q, %v", filed, want, err)
	}
}
