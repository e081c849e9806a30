package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

const long = time.Hour

// ordered returns an event with an order.
func ordered(incarnation client.Incarnation, revision, epoch, envelope uint64, digest string) streamer.AttackProfile {
	return streamer.AttackProfile{Type: events.TypeAttackProfile, Name: "a", Generation: gen, Digest: fit.Digest(digest),
		Order: events.Order{Revision: [2]uint64{revision, envelope}, Epoch: epoch, Incarnation: incarnation}}
}

var profileA = events.Subject(events.TypeAttackProfile, "a")

func TestPublish(t *testing.T) {
	t.Parallel()
	const other = client.Incarnation("2001-02-03T04:05:06Z")
	python := map[string]any{"type": "attack_profile", "name": "a", "curve": []float64{1}}
	for name, c := range map[string]struct {
		first, second func(client.Incarnation) any
		repeat        time.Duration
		published     bool
		err           error
	}{
		"a higher envelope":                        {at(1, 0, 5, "x"), at(1, 0, 6, "y"), long, true, nil},
		"a lower envelope":                         {at(1, 0, 5, "x"), at(1, 0, 4, "y"), 0, false, nil},
		"a higher spec":                            {at(1, 0, 5, "x"), at(2, 0, 1, "y"), long, true, nil},
		"a lower spec":                             {at(2, 0, 1, "x"), at(1, 9, 9, "y"), 0, false, nil},
		"a higher epoch":                           {at(1, 0, 9, "x"), at(1, 1, 1, "y"), long, true, nil},
		"a later turn":                             {turn(1, at(1, 9, 9, "x")), turn(2, at(1, 0, 1, "y")), long, true, nil},
		"an earlier turn":                          {turn(2, at(1, 0, 1, "x")), turn(1, at(1, 9, 9, "y")), 0, false, nil},
		"a lower epoch":                            {at(1, 1, 1, "x"), at(1, 0, 9, "y"), 0, false, nil},
		"the same, young":                          {at(1, 0, 5, "x"), at(1, 0, 5, "x"), long, false, nil},
		"the same, old":                            {at(1, 0, 5, "x"), at(1, 0, 5, "x"), 0, true, nil},
		"the same digest, young":                   {at(1, 0, 5, "x"), at(1, 0, 6, "x"), long, false, nil},
		"the same digest, old":                     {at(1, 0, 5, "x"), at(1, 0, 6, "x"), 0, true, nil},
		"ordered over unordered":                   {is(python), at(0, 0, 1, "x"), long, true, nil},
		"unordered over ordered":                   {at(0, 0, 1, "x"), is(python), 0, false, nil},
		"unordered over unordered":                 {is(python), is(map[string]any{"type": "t"}), long, true, nil},
		"the same unordered, young":                {is(python), is(python), long, false, nil},
		"the same unordered, old":                  {is(python), is(python), 0, true, nil},
		"over numbers, no incarnation":             {is(map[string]any{"revision": []int{99, 99}, "epoch": 9}), at(1, 0, 1, "x"), long, true, nil},
		"over an invalid order":                    {is(map[string]any{"revision": "newest", "life": 7}), at(1, 0, 1, "x"), long, true, nil},
		"numbers without an incarnation over such": {is(map[string]any{"revision": []int{9, 9}}), is(map[string]any{"revision": []int{1, 1}}), long, true, nil},
		"over another incarnation":                 {is(ordered(other, 9, 9, 9, "x")), at(1, 0, 1, "x"), long, true, nil},
		"of another incarnation":                   {at(1, 0, 1, "x"), is(ordered(other, 9, 9, 9, "x")), 0, false, client.ErrStreamReplaced},
		"other over another incarnation":           {is(ordered("x", 1, 1, 1, "x")), is(ordered(other, 9, 9, 9, "x")), 0, false, client.ErrStreamReplaced},
	} {
		t.Run(name, func(t *testing.T) {
			srv := bustest.Start(t)
			b, ctx := srv.Topology(), bustest.Context(t)
			incarnation := eventIncarnation(t, b)
			first, second := c.first(incarnation), c.second(incarnation)
			d := events.NewPublisher(b)
			if published, err := d.Publish(ctx, profileA, first, long); err != nil || !published {
				t.Fatalf("the first: %t, %v", published, err)
			}
			published, err := d.Publish(ctx, profileA, second, c.repeat)
			if published != c.published || !errors.Is(err, c.err) {
				t.Errorf("published %t, %v", published, err)
			}
			want := first
			if c.published {
				want = second
			}
			text, _ := json.Marshal(want)
			if have, ok, err := d.Last(ctx, profileA); err != nil || !ok || string(have) != string(text) {
				t.Errorf("the last is %s, want %s, %v", have, text, err)
			}
		})
	}
}

func eventIncarnation(t *testing.T, b *bus.Bus) client.Incarnation {
	t.Helper()
	incarnation, err := events.Incarnation(bustest.Context(t), b)
	if err != nil {
		t.Fatal(err)
	}
	return incarnation
}

// at and is return functions that make an event when the incarnation is known.
func at(revision, epoch, envelope uint64, digest string) func(client.Incarnation) any {
	return func(incarnation client.Incarnation) any {
		return ordered(incarnation, revision, epoch, envelope, digest)
	}
}

// turn sets the turn of an event.
func turn(turn uint64, event func(client.Incarnation) any) func(client.Incarnation) any {
	return func(incarnation client.Incarnation) any {
		e := event(incarnation).(streamer.AttackProfile)
		e.Turn = turn
		return e
	}
}

func is(event any) func(client.Incarnation) any { return func(client.Incarnation) any { return event } }

// TestPublishOverOthers: an event of another program, even invalid JSON, is replaced.
func TestPublishOverOthers(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b, ctx := srv.Topology(), bustest.Context(t)
	incarnation := eventIncarnation(t, b)
	for i, data := range []string{"", "null", "no JSON", "[1]", `{"life":"`} {
		if _, err := srv.JetStream().Publish(ctx, profileA, []byte(data)); err != nil {
			t.Fatal(err)
		}
		if published, err := events.NewPublisher(b).Publish(ctx, profileA, ordered(incarnation, 1, 0, uint64(i), "x"), long); err != nil || !published {
			t.Errorf("over %q: %t, %v", data, published, err)
		}
	}
}

// TestPublishByMany: of five publishers the highest order stays in the end, and the order
// of the stored messages never goes back.
func TestPublishByMany(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b, ctx := srv.Topology(), bustest.Context(t)
	incarnation := eventIncarnation(t, b)
	received := record(t, srv)
	const publishers, each = 5, 40
	var all sync.WaitGroup
	var mu sync.Mutex
	published := 0
	for p := range publishers {
		own := events.NewPublisher(srv.Connect())
		all.Go(func() {
			for i := range each {
				n := uint64(i * publishers)
				switch {
				case p == 1:
					n = each*publishers - n // from the highest down
				case p > 1:
					n = (n * 37 * uint64(p)) % (each * publishers)
				}
				ok, err := own.Publish(ctx, profileA, ordered(incarnation, n/100, n/10%10, n%10, fmt.Sprint(n)), long)
				if err != nil {
					t.Error(err)
				}
				if ok {
					mu.Lock()
					published++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	last, err := streamer.LastAttackProfile(ctx, events.NewPublisher(b), "a")
	if err != nil || last.Revision[0] != 2 {
		t.Errorf("the last is %+v, %v", last.Order, err)
	}
	seen := received(published)
	for i := 1; i < len(seen); i++ {
		before, now := decode[streamer.AttackProfile](t, seen[i-1].Data), decode[streamer.AttackProfile](t, seen[i].Data)
		if now.Compare(before.Order) < 0 {
			t.Errorf("event %d: %+v after %+v", i, now.Order, before.Order)
		}
	}
	if got := decode[streamer.AttackProfile](t, seen[len(seen)-1].Data); got.Order != last.Order {
		t.Errorf("the last that was sent is %+v, the last that is kept %+v", got.Order, last.Order)
	}
}

// record follows the stored events. The returned function waits for n of them and fails if
// there are more. A plain subscriber can't be used: it also gets the events that the stream
// refused (TestSubscribersSeeWhatIsRefused in package bus).
func record(t *testing.T, srv *bustest.Server) func(n int) []*nats.Msg {
	t.Helper()
	js := srv.JetStream()
	s, err := js.Stream(t.Context(), bus.DashboardStream)
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.RePublish = &jetstream.RePublish{Source: "dashboard.>", Destination: "stored.>"}
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	sub, err := js.Conn().SubscribeSync("stored.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	return func(n int) []*nats.Msg {
		t.Helper()
		var got []*nats.Msg
		for len(got) < n {
			msg, err := sub.NextMsgWithContext(bustest.Context(t))
			if err != nil {
				t.Fatalf("%d of %d events: %v", len(got), n, err)
			}
			got = append(got, msg)
		}
		if err := js.Conn().Flush(); err != nil { // everything that was sent before has come now
			t.Fatal(err)
		}
		if more, _, _ := sub.Pending(); more > 0 {
			t.Errorf("%d events more than the %d expected", more, n)
		}
		return got
	}
}

// TestSubject: each name gives one token of its own; names of 200 bytes work.
func TestSubject(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	seen := map[string]string{}
	names := []string{"", "_", "a", "A", "a.b", "a b", "a%20b", "%", "%%", "*", ">", "a.*", "ä", "日本", "a/b", "\x00", "\n", "..", "a-b_c", "%C3%A4", strings.Repeat("x", 200)}
	for _, name := range names {
		subject := events.Subject("model_metric", name)
		if before, has := seen[subject]; has && !(name == "_" && before == "") {
			t.Errorf("%q and %q are both %s", name, before, subject)
		}
		seen[subject] = name
		if strings.Count(subject, ".") != 2 || strings.ContainsAny(subject, " *>\x00\n\t") {
			t.Errorf("%q becomes %q", name, subject)
		}
		if events.TypeOf(subject) != "model_metric" {
			t.Errorf("the type of %q is %q", subject, events.TypeOf(subject))
		}
		if _, err := events.NewPublisher(b).Publish(bustest.Context(t), subject, map[string]string{"name": name}, 0); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		data, ok, err := events.NewPublisher(b).Last(bustest.Context(t), subject)
		if err != nil || !ok || decode[map[string]string](t, data)["name"] != name {
			t.Errorf("%q: the last is %s, %t, %v", name, data, ok, err)
		}
	}
}
