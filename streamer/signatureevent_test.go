package streamer_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
	"github.com/cis490/profiles/streamer"
)

// TestSignatureIsShown beside the envelope, and only once it is whole.
func TestSignatureIsShown(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	g := generation(gen, gen, 1, 7)
	s.register(g)
	s.start(streamer.Config{CyclePause: time.Hour, CheckEvery: time.Hour})
	s.envelope(gen, "a", 3, 2)
	s.shows("a", gen, 3)

	ctx := bustest.Context(t)
	last := func() (event streamer.AttackSignature, ok bool) {
		t.Helper()
		data, ok, err := events.NewPublisher(s.bus).Last(ctx, events.Subject(events.TypeAttackSignature, "a"))
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			if err := json.Unmarshal(data, &event); err != nil {
				t.Fatal(err)
			}
		}
		return event, ok
	}
	if _, ok := last(); ok {
		t.Fatal("there is one before there is any signature")
	}
	member := signature.Member{Host: "h", Episode: "e", Curve: fit.Curve{1, 2, 3, 4, 5}, Seconds: fit.Seconds{10, 2, 3, 25, 5}}
	for range g.Spec.Signature.Channels {
		member.Signature = append(member.Signature, []float32{1, 2, 3, 4, 5})
	}
	write := func(digest fit.Digest, seq uint64) {
		t.Helper()
		stamp := signatures.Stamp{Digest: digest, AsOf: client.AsOf{Incarnation: s.life("KV_" + bus.CurvesBucket), Seq: seq}, UpdatedAt: time.Now().UTC()}
		if _, err := signatures.Write(ctx, s.bus, gen, "a", signature.Of(&g.Spec, []signature.Member{member}), 1, stamp); err != nil {
			t.Fatal(err)
		}
	}
	write("1111", 1)
	s.until("a signature to be shown", func() bool { _, ok := last(); return ok })
	e, _ := last()
	if e.Type != "attack_signature" || e.Name != "a" || e.Used != 1 || len(e.Channels) != 7 || e.Channels[6].Median[4] != 5 || e.Channels[0].Phases[3].Total != 100 ||
		e.Revision != [2]uint64{7, 1} || e.Epoch != 1 || e.Digest != "1111" || e.Generation != gen || len(e.Phases) != 5 || len(e.Drift) != 1 || e.N[0] != 1 {
		t.Errorf("event %+v", e)
	}
	member.Signature[6][4] = 6
	write("2222", 1)
	s.until("the next one", func() bool { e, _ := last(); return e.Digest == "2222" && e.Channels[6].Median[4] == 6 })

	at := func() uint64 {
		t.Helper()
		stream, err := s.srv.JetStream().Stream(ctx, bus.DashboardStream)
		if err != nil {
			t.Fatal(err)
		}
		msg, err := stream.GetLastMsgForSubject(ctx, events.Subject(events.TypeAttackSignature, "a"))
		if err != nil {
			t.Fatal(err)
		}
		return msg.Sequence
	}
	before := at()
	s.start(streamer.Config{CyclePause: 50 * time.Millisecond})
	s.until("it comes again", func() bool { return at() > before })
	// The same sample as of a later put is no change, but has a later place, and so
	// has that of a spec with a new revision.
	write("2222", 2)
	s.until("its place", func() bool { e, _ := last(); return e.Revision == [2]uint64{7, 2} })
	s.register(generation(gen, gen, 1, 8))
	s.until("its new revision", func() bool { e, _ := last(); return e.Revision == [2]uint64{8, 2} })
	forged, _ := last()
	forged.Revision[1]++
	forged.Digest = "forged"
	data, err := json.Marshal(forged)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.srv.JetStream().Publish(ctx, events.Subject(events.TypeAttackSignature, "a"), data); err != nil {
		t.Fatal(err)
	}
	s.until("a forged one to be replaced", func() bool { e, _ := last(); return e.Digest == "2222" })
	if e, _ := last(); e.Digest != "2222" || e.Channels[6].Median[4] != 6 {
		t.Errorf("event %+v", e)
	}
}
