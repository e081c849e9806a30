package bus

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// FuzzNotice: any message to the log is refused, or is decoded to a notice that is the same
// after it was sent again.
func FuzzNotice(f *testing.F) {
	for _, body := range []string{
		`{"episode_id":"ep-1","host_id":"lab-01","profile":"cpu-saturate","accepted_at":"2026-01-01T00:00:00Z"}`,
		`{"episode_id":"ep-1","host_id":"lab-01","profile":"cpu-saturate","retracted_at":1767225600.5}`,
		`{"episode_id":"../../etc","host_id":"..","profile":"*.>","accepted_at":1e99}`,
		`{"episode_id":"\ud800","host_id":"\u0000","profile":"","accepted_at":{"a":[]},"accepted_at":-1}`,
		`{"EPISODE_ID":"a","episode_id":null,"host_id":["x"]}`, `{"episode_id":"` + strings.Repeat("x", 300) + `"}`,
		`[]`, `null`, `"x"`, ``, " \n{} ", `{}{}`, "{\"episode_id\":\"\xff\"}", strings.Repeat(`{"a":`, 20_000),
	} {
		f.Add(SubjectAccepted, []byte(body))
		f.Add(SubjectRetracted, []byte(body))
	}
	f.Fuzz(func(t *testing.T, subject string, body []byte) {
		n, err := parseNotice(subject, body)
		if err != nil {
			if n.Episode+n.Host+n.Profile != "" || !utf8.ValidString(oneLine(err.Error(), maxDetail)) {
				t.Fatalf("%+v with error %v", n, err)
			}
			return
		}
		msg := n.message()
		if strings.ContainsAny(msg.Subject, " *>") {
			t.Fatalf("subject %q", msg.Subject)
		}
		again, err := parseNotice(msg.Subject, msg.Data)
		if err != nil {
			t.Fatalf("%s: %v", msg.Data, err)
		}
		if year := n.At.Year(); year < 0 || year > 9999 { // RFC 3339 has no such time
			again.At = n.At
		}
		if !again.At.Equal(n.At) {
			t.Fatalf("%v became %v", n.At, again.At)
		}
		if again.At = n.At; again != n {
			t.Fatalf("%+v became %+v", n, again)
		}
	})
}

// A foreign entry is one that another program may have written.
type foreign struct {
	key   string
	value []byte
	op    jetstream.KeyValueOp
}

func (k foreign) Bucket() string                  { return "" }
func (k foreign) Key() string                     { return k.key }
func (k foreign) Value() []byte                   { return k.value }
func (k foreign) Revision() uint64                { return 7 }
func (k foreign) Created() time.Time              { return time.Time{} }
func (k foreign) Delta() uint64                   { return 0 }
func (k foreign) Operation() jetstream.KeyValueOp { return k.op }

// FuzzBuckets: any value in a bucket is ignored, or everything that is made of it can be
// computed and written again.
func FuzzBuckets(f *testing.F) {
	spec := fit.DefaultSpec()
	curve, err := fit.EncodeEntry(fit.Entry{Seq: 1, Host: "lab-01", Episode: "ep-1", State: fit.StateCurve, Curve: make(fit.Curve, spec.Points.Total())})
	if err != nil {
		f.Fatal(err)
	}
	sample := fit.NewSample(1)
	sample.Put(fit.Rank{}, fit.Entry{Seq: 1, Host: "h", Episode: "e", State: fit.StateCurve, Curve: make(fit.Curve, spec.Points.Total())})
	envelope, err := json.Marshal(Envelope{Envelope: sample.Envelope(spec.Points.Total()), AsOf: client.AsOf{Incarnation: "l", Seq: 1}})
	if err != nil {
		f.Fatal(err)
	}
	gen := Generation{Spec: *spec, Limits: json.RawMessage(`{}`), Base: spec.Generation(nil, 0), Streams: Incarnations{"l", "c"}}
	known, err := json.Marshal(gen)
	if err != nil {
		f.Fatal(err)
	}
	id := string(gen.id())
	for _, key := range []string{id + ".cpu-saturate." + strings.Repeat("0", 32), id + ".cpu-saturate", id, removedPrefix + id, "a.b.c.d", ".", "", "x.\xff.y"} {
		for _, value := range [][]byte{
			curve, envelope, known, nil, []byte("7"), []byte("-1"), []byte(`{}`), []byte(`null`), []byte(`[[[`), []byte("\xff"),
			[]byte(`{"seq":18446744073709551615,"host":"h","episode":"e","retracted":true}`),
			[]byte(`{"seq":1,"host":"h","episode":"e","curve":[1e308,-1e308,null]}`),
			[]byte(`{"seq":1,"host":"h","episode":"e","reason":"` + strings.Repeat("x", 300) + `"}`),
			[]byte(`{"median":[1e308],"p25":[-1e308],"p75":null,"n_used":-1,"as_of":{"seq":-1}}`),
			[]byte(`{"spec":{"revision":18446744073709551615,"target":99999999},"limits":"\u0000","epoch":18446744073709551615}`),
			[]byte(`{"type":"attack_profile","revision":[1,2,3],"turn":1e9,"life":["x"]}`),
		} {
			f.Add(key, value, uint8(jetstream.KeyValuePut))
		}
		f.Add(key, []byte(nil), uint8(jetstream.KeyValueDelete))
	}
	for _, value := range [][]byte{
		[]byte(`{"as_of":{"life":"l","seq":9}}`), []byte(`{"as_of":{"life":"l","seq":18446744073709551615}}`), []byte(`{"as_of":{"life":"x","seq":9}}`),
		[]byte(`{"as_of":{"seq":9},"AS_OF":{"Life":"l"}}`), []byte("-1000000"), []byte("9223372036854775807"),
	} {
		f.Add(id, value, uint8(jetstream.KeyValuePut))
	}
	b := offlineBus(f)
	curves := &Curves{bus: b, gen: fit.Generation(id), spec: spec}
	f.Fuzz(func(t *testing.T, key string, value []byte, op uint8) {
		kv := foreign{key, value, jetstream.KeyValueOp(op % 3)}
		checkCurves(t, curves, kv)
		checkSpecs(t, b, kv)
		checkPutAsOf(t, kv)
		checkMarks(t, kv)
	})
}

// checkCurves applies an entry to an empty view and calls everything that a view offers.
func checkCurves(t *testing.T, c *Curves, kv foreign) {
	c.view = client.FixedView(c.fold())
	c.view.Modify(func(s *curvesState, _ client.AsOf) { c.apply(s, kv) })
	for _, p := range c.spec.Profiles {
		reduction, err := c.Reduce(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(reduction.Envelope); err != nil {
			t.Fatalf("%s = %q gives an envelope that can't be written: %v", kv.key, kv.value, err)
		}
	}
	id, err := parseEntryID(kv.key)
	if err != nil {
		return
	}
	e := c.Seen(id)
	c.Needed(id)
	if e.Found && e.Revision != kv.Revision() {
		t.Fatalf("%s has revision %d", kv.key, e.Revision)
	}
	if !e.Found {
		return
	}
	if err := e.Validate(c.spec); err != nil {
		t.Fatalf("%q counts, but %v", kv.value, err)
	}
	if _, err := fit.EncodeEntry(e.Entry); err != nil {
		t.Fatalf("%q can't be written again: %v", kv.value, err)
	}
}

// checkSpecs does the same with the bucket specs.
func checkSpecs(t *testing.T, b *Bus, kv foreign) {
	s := &Specs{client.FixedView(b.foldSpecs())}
	s.view.Modify(func(all *generations, _ client.AsOf) { b.applySpec(all, kv) })
	wanted, ok := s.Wanted()
	if !ok {
		return
	}
	if err := wanted.Spec.Validate(); err != nil {
		t.Fatalf("%q is wanted, but %v", kv.value, err)
	}
	if _, err := json.Marshal(wanted.Next()); err != nil {
		t.Fatalf("%q has no next epoch: %v", kv.value, err)
	}
	if latest, ok := s.Latest(wanted.Base); !ok || latest.ID != wanted.ID {
		t.Fatalf("%q is not the latest of its base", kv.value)
	}
}

// checkPutAsOf checks what may be replaced by an envelope, a part or scores.
// The curves stream is of incarnation "l" and ends at 10.
func checkPutAsOf(t *testing.T, kv foreign) {
	stored := client.Value{Data: kv.value, Revision: kv.Revision(), Exists: kv.op == jetstream.KeyValuePut}
	curves := func() (client.AsOf, error) { return client.AsOf{Incarnation: "l", Seq: 10}, nil }
	for seq := range uint64(11) {
		stays, err := isLater(stored, client.AsOf{Incarnation: "l", Seq: seq}, curves)
		if err != nil && !errors.Is(err, client.ErrStreamTruncated) || err != nil && stays {
			t.Fatalf("%q stays: %t, %v", kv.value, stays, err)
		}
		if stays && (seq == 10 || !stored.Exists) {
			t.Fatalf("nothing ever replaces %q", kv.value)
		}
	}
	if _, err := isLater(stored, client.AsOf{Incarnation: "of before", Seq: 3}, curves); err != nil && !errors.Is(err, client.ErrStreamReplaced) {
		t.Fatal(err)
	}
}

// checkMarks reads a value as marks and adds one.
func checkMarks(t *testing.T, kv foreign) {
	marks := parseMarks(client.Value{Data: kv.value, Exists: true})
	if more := parseMarks(client.Value{Data: []byte(strconv.Itoa(marks + 1)), Exists: true}); marks < 0 || more != marks+1 && more != 0 || marks < FatalTries && more == 0 {
		t.Fatalf("%q is %d marks, and with one more %d", kv.value, marks, more)
	}
}

// offlineBus has no server.
func offlineBus(t testing.TB) *Bus {
	t.Helper()
	c, err := client.Connect(client.Config{URL: "nats://127.0.0.1:1"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &Bus{Client: c}
}
