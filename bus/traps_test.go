package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
)

// These tests show, against a real server, what the rest of the package relies on. If one
// fails, the server or the NATS library has changed.

// one pulls a single message, waiting for it.
func one(t *testing.T, cons jetstream.Consumer) (jetstream.Msg, uint64) {
	t.Helper()
	for ctx := bustest.Context(t); ctx.Err() == nil; {
		msg, err := cons.Next(jetstream.FetchMaxWait(time.Second))
		if err != nil {
			continue
		}
		meta, err := msg.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		return msg, meta.NumDelivered
	}
	t.Fatal("no message came")
	return nil, 0
}

func alignConsumer(t *testing.T, srv *bustest.Server, b *bus.Bus, wait time.Duration) jetstream.Consumer {
	t.Helper()
	if err := b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: gen}, wait, wait); err != nil {
		t.Fatal(err)
	}
	cons, err := srv.JetStream().Consumer(t.Context(), bus.EpisodesStream, bus.AlignConsumer(gen))
	if err != nil {
		t.Fatal(err)
	}
	return cons
}

// TestNakRaisesTheCount shows why the delivery count is not the number of readers that
// died. With MaxDeliver -1 a message is delivered for ever; only a term ends that.
func TestNakRaisesTheCount(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	cons := alignConsumer(t, srv, b, time.Minute)
	publish(t, b, 1)
	for want := uint64(1); want <= 20; want++ {
		msg, n := one(t, cons)
		if n != want {
			t.Fatalf("delivery %d counts as %d", want, n)
		}
		var err error
		if want < 20 {
			err = msg.Nak()
		} else {
			err = msg.Term()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the term to be noted", caughtUp(t, b))
	if _, err := cons.Next(jetstream.FetchMaxWait(300 * time.Millisecond)); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("after the term: %v", err)
	}
}

// TestAckWaitRunsFromDelivery: a message is delivered again unless its deadline is
// extended; an extension in each third of AckWait prevents that.
func TestAckWaitRunsFromDelivery(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	cons := alignConsumer(t, srv, b, time.Second)
	publish(t, b, 1)
	if _, n := one(t, cons); n != 1 {
		t.Fatalf("delivered %d times", n)
	}
	msg, n := one(t, cons) // it came again by itself
	if n != 2 {
		t.Fatalf("delivered %d times", n)
	}
	for range 9 { // three times AckWait
		if err := msg.InProgress(); err != nil {
			t.Fatal(err)
		}
		if _, err := cons.Next(jetstream.FetchMaxWait(time.Second / 3)); !errors.Is(err, nats.ErrTimeout) {
			t.Fatalf("it came again though it is in progress: %v", err)
		}
	}
}

// TestHeaderKeysAreCaseSensitive, also for the server.
func TestHeaderKeysAreCaseSensitive(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	js := srv.JetStream()
	msg := nats.NewMsg(bus.SubjectAccepted)
	msg.Header["nats-msg-id"] = []string{"x"}
	for range 2 { // the server sees no message id, so the second is no duplicate
		if ack, err := js.PublishMsg(t.Context(), msg); err != nil || ack.Duplicate {
			t.Fatalf("%+v, %v", ack, err)
		}
	}
	s, err := js.Stream(t.Context(), bus.EpisodesStream)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.GetMsg(t.Context(), 1)
	if err != nil || kept.Header.Get("nats-msg-id") != "x" || kept.Header.Get(jetstream.MsgIDHeader) != "" {
		t.Errorf("%v, %v", kept.Header, err)
	}
}

// profileA is the subject of the events of profile a.
const profileA = "dashboard.attack_profile.a"

// TestConflictCode: the error of a conflict with one replica.
func TestConflictCode(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	_, err := srv.JetStream().Publish(t.Context(), profileA, nil, jetstream.WithExpectLastSequencePerSubject(7))
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence {
		t.Errorf("a conflict is told as %v", err)
	}
	if _, err := bucketOf(t, srv, bus.CurvesBucket).Update(t.Context(), "a.b.c", nil, 7); !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		t.Errorf("a bucket's conflict is told as %v", err)
	}
}

// TestSubscribersSeeWhatIsRefused: plain subscribers of a subject also get the messages
// that the stream refuses to store.
func TestSubscribersSeeWhatIsRefused(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	js := srv.JetStream()
	sub, err := js.Conn().SubscribeSync("dashboard.>")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), profileA, []byte("refused"), jetstream.WithExpectLastSequencePerSubject(7)); err == nil {
		t.Fatal("stored")
	}
	if msg, err := sub.NextMsgWithContext(bustest.Context(t)); err != nil || string(msg.Data) != "refused" {
		t.Errorf("%v", err)
	}
}

// TestRepublishedIsStored shows how plain subscribers could get stored messages only
// (docs/DECISIONS.md): publishers use another subject, which the stream listens to, and the
// stream republishes the messages that it stored. Order, last sequence and late readers are
// then those of the subject that it stores.
func TestRepublishedIsStored(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func() (jetstream.JetStream, int){
		"one server":      func() (jetstream.JetStream, int) { return bustest.Start(t).JetStream(), 1 },
		"three of a kind": func() (jetstream.JetStream, int) { return bustest.StartCluster(t).JetStream(), 3 },
	} {
		t.Run(name, func(t *testing.T) {
			js, replicas := at()
			ctx := bustest.Context(t)
			s, err := js.CreateStream(ctx, jetstream.StreamConfig{
				Name: "SHOWN", Subjects: []string{"show.>"}, MaxMsgsPerSubject: 1, Replicas: replicas, AllowDirect: true,
				SubjectTransform: &jetstream.SubjectTransformConfig{Source: "show.>", Destination: "dashboard.>"},
				RePublish:        &jetstream.RePublish{Source: "dashboard.>", Destination: "dashboard.>"},
			})
			if err != nil {
				t.Fatal(err)
			}
			sub, err := js.Conn().SubscribeSync("dashboard.>")
			if err != nil {
				t.Fatal(err)
			}
			last := uint64(0)
			for i := range 20 {
				if _, err := js.Publish(ctx, "show.x.y", []byte("refused"), jetstream.WithExpectLastSequencePerSubject(last+7)); err == nil {
					t.Fatal("stored")
				}
				ack, err := js.Publish(ctx, "show.x.y", fmt.Append(nil, i), jetstream.WithExpectLastSequencePerSubject(last))
				for isInFlight(err) {
					ack, err = js.Publish(ctx, "show.x.y", fmt.Append(nil, i), jetstream.WithExpectLastSequencePerSubject(last))
				}
				if err != nil {
					t.Fatal(err)
				}
				last = ack.Sequence
				if msg, err := sub.NextMsgWithContext(ctx); err != nil || msg.Subject != "dashboard.x.y" || string(msg.Data) != fmt.Sprint(i) {
					t.Fatalf("%v, %v", msg, err)
				}
			}
			if msg, err := s.GetLastMsgForSubject(ctx, "dashboard.x.y"); err != nil || string(msg.Data) != "19" {
				t.Errorf("%v, %v", msg, err)
			}
		})
	}
}

// isInFlight reports whether a publish was refused only because the leader was still
// sending the one before to the other servers.
func isInFlight(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant
}

// TestFetchWaits shows why the reduce loop does not use Fetch: if it asks for many messages
// and there is one, it waits until its time-out.
func TestFetchWaits(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	cons := alignConsumer(t, srv, b, time.Minute)
	publish(t, b, 1)
	began := time.Now()
	batch, err := cons.Fetch(10, jetstream.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range batch.Messages() {
		n++
	}
	if took := time.Since(began); n != 1 || took < 400*time.Millisecond {
		t.Errorf("%d messages after %s", n, took)
	}
}

// TestHandlesOutliveStreams: a handle still works when its stream was created again.
func TestHandlesOutliveStreams(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b, ctx := srv.Topology(), bustest.Context(t)
	d := events.NewPublisher(b)
	show := func(n int) {
		t.Helper()
		if ok, err := d.Publish(ctx, profileA, map[string]int{"n": n}, 0); err != nil || !ok {
			t.Fatalf("%t, %v", ok, err)
		}
		if data, ok, err := d.Last(ctx, profileA); err != nil || !ok || string(data) != fmt.Sprintf(`{"n":%d}`, n) {
			t.Fatalf("the last is %q, %t, %v", data, ok, err)
		}
	}
	show(1)
	for name := range map[string]bool{bus.DashboardStream: true, "KV_" + bus.EnvelopesBucket: true} {
		if err := srv.JetStream().DeleteStream(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, _, err := d.Last(soon, profileA); err == nil {
		t.Error("the stream is gone, but there was no error")
	}
	if err := b.EnsureTopology(ctx); err != nil {
		t.Fatal(err)
	}
	show(2)
	srv.Wipe()
	if err := b.EnsureTopology(ctx); err != nil {
		t.Fatal(err)
	}
	show(3)
}

// TestPublishAllWithoutAnswer: a message that is lost with its stream's leader is never
// answered and has to be sent again.
func TestPublishAllWithoutAnswer(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Connect()
	nc := srv.JetStream().Conn()
	got := make(chan *nats.Msg, 10)
	silent, err := nc.ChanSubscribe(bus.SubjectAccepted, got) // a subscriber, so that the publish does not fail at once
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- b.PublishAll(bustest.Context(t), func(yield func(bus.Notice) bool) {
			yield(bus.Notice{Host: "h", Episode: "e", Profile: "p", At: time.Now()})
		}, func(bus.Notice) {})
	}()
	<-got
	if err := silent.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	maker := srv.Topology()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := len(readLog(t, maker)); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

func TestCaughtUp(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b, ctx := srv.Topology(), bustest.Context(t)
	expect := func(when string, want bool) {
		t.Helper()
		if ok, err := b.CaughtUp(ctx, gen); err != nil || ok != want {
			t.Errorf("%s: %t, %v", when, ok, err)
		}
	}
	expect("without consumers", false)
	if _, _, err := b.Lags(ctx, gen); !client.IsAbsent(err) {
		t.Errorf("lags without consumers: %v", err)
	}
	cons := alignConsumer(t, srv, b, time.Minute)
	expect("with nothing to do", true)
	publish(t, b, 2)
	expect("with two pending", false)
	msg, _ := one(t, cons)
	if align, _, err := b.Lags(ctx, gen); err != nil || align.Pending != 1 || align.Unacked != 1 || align.Redelivered != 0 {
		t.Errorf("one in hand: %+v, %v", align, err)
	}
	if err := msg.DoubleAck(ctx); err != nil {
		t.Fatal(err)
	}
	msg, _ = one(t, cons)
	expect("with one in hand", false)
	if err := msg.DoubleAck(ctx); err != nil {
		t.Fatal(err)
	}
	expect("with all done", true)
	putCurves(t, b, 1, 2)
	until(t, "a put to be pending", func() bool { ok, err := b.CaughtUp(ctx, gen); return err == nil && !ok })
	reduce, err := srv.JetStream().Consumer(ctx, "KV_"+bus.CurvesBucket, bus.ReduceConsumer(gen))
	if err != nil {
		t.Fatal(err)
	}
	msg, _ = one(t, reduce)
	expect("with a put in hand", false)
	if err := msg.DoubleAck(ctx); err != nil {
		t.Fatal(err)
	}
	expect("with all reduced", true)
}
