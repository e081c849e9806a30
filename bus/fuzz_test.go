package bus

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
	"github.com/cis490/profiles/signature"
)

// FuzzNotice: what anybody sends to the log is refused, or says the same when it
// is sent again.
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

// A foreign is a key of a bucket as somebody else may have written it.
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

// FuzzBuckets: whatever stands in a bucket, or as the last event of a subject, is
// ignored, or everything that hangs on it can be computed, shown and written again.
func FuzzBuckets(f *testing.F) {
	spec := fit.DefaultSpec()
	curve, err := fit.EncodeEntry(fit.Entry{Seq: 1, Host: "lab-01", Episode: "ep-1", State: fit.StateCurve, Curve: make(fit.Curve, spec.Points.Total())})
	if err != nil {
		f.Fatal(err)
	}
	sample := fit.NewSample(1)
	sample.Put(fit.Rank{}, fit.Entry{Seq: 1, Host: "h", Episode: "e", State: fit.StateCurve, Curve: make(fit.Curve, spec.Points.Total())})
	envelope, err := json.Marshal(Envelope{Envelope: sample.Envelope(spec.Points.Total()), AsOf: AsOf{Life: "l", Seq: 1}})
	if err != nil {
		f.Fatal(err)
	}
	gen := Generation{Spec: *spec, Limits: json.RawMessage(`{}`), Base: spec.Generation(nil, 0), Lives: Lives{"l", "c"}}
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
	signed, parts := signedParts(f)
	scores, err := json.Marshal(Scores{Models: []model.Score{{Method: "knn", Latency: model.Latency{P50: 1}}}, Suspects: []Suspect{{"h", "e", "io-walk", "bursty-c2"}}, Digest: "d", AsOf: AsOf{"l", 1}})
	if err != nil {
		f.Fatal(err)
	}
	values := [][]byte{
		scores, bytes.Replace(scores, []byte("knn"), bytes.Repeat([]byte("*"), 2_000), 1), bytes.Replace(scores, []byte("io-walk"), []byte("> \u2028"), 1),
		[]byte(`{"as_of":{"life":"l","seq":9}}`), []byte(`{"as_of":{"life":"l","seq":18446744073709551615}}`), []byte(`{"as_of":{"life":"x","seq":9}}`),
		[]byte(`{"as_of":{"seq":9},"AS_OF":{"Life":"l"}}`), []byte("-1000000"), []byte("9223372036854775807"),
		[]byte(`{"digest":"d","snapshots":[{"at":"9999-12-31T23:59:59-23:59","accepted":null,"median":[1e308,-1e308,null],"levels":[[],[1],null]},{}]}`),
		[]byte(`{"digest":"d","curve":{"n":[1,2,3,4,5],"low":[0,0,0,0,0,0]},"channels":2}`), []byte(`{"digest":"d","channels":9223372036854775807}`),
		[]byte(`{"digest":"d","levels":{"median":[1e308]},"phases":[]}`), []byte(`{"digest":"d","envelopes":[{"host":"\u0000"}],"left_out":-1}`),
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		values = append(values, parts[name], bytes.ReplaceAll(parts[name], []byte("6,6,6,6,6"), []byte("6")), bytes.ReplaceAll(parts[name], []byte("[1,1,1,1,1]"), []byte("null")))
	}
	values = append(values, bytes.ReplaceAll(parts[partSnapshots], []byte("1970-"), []byte("9999-")))
	for _, value := range values {
		f.Add(id, value, uint8(jetstream.KeyValuePut))
	}
	b := &Bus{log: slog.New(slog.DiscardHandler)}
	curves := &Curves{bus: b, gen: fit.Generation(id), spec: spec}
	f.Fuzz(func(t *testing.T, key string, value []byte, op uint8) {
		kv := foreign{key, value, jetstream.KeyValueOp(op % 3)}
		checkCurves(t, curves, kv)
		checkSpecs(t, b, kv)
		checkEnvelope(t, gen, kv)
		checkLater(t, kv)
		checkSignature(t, signed, parts, kv)
		checkScores(t, kv)
		checkMarks(t, kv)
	})
}

// checkCurves folds a key into an empty view and asks for all that a view gives.
func checkCurves(t *testing.T, c *Curves, kv foreign) {
	c.view = &view[*samples]{state: c.fresh()}
	c.fold(c.view.state, kv)
	for _, p := range c.spec.Profiles {
		standing, err := c.Standing(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(standing.Envelope); err != nil {
			t.Fatalf("%s = %q gives an envelope that can't be written: %v", kv.key, kv.value, err)
		}
		if c.Digest(p.Name) != standing.Envelope.Digest {
			t.Fatalf("%s = %q: two digests", kv.key, kv.value)
		}
	}
	id, err := parseCurveKey(kv.key)
	if err != nil {
		return
	}
	e := c.Seen(id.profile, id.rank)
	c.Needed(id.profile, id.rank)
	if e.Found && e.Rev != kv.Revision() {
		t.Fatalf("%s has revision %d", kv.key, e.Rev)
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
	s := &Specs{view: &view[*generations]{state: freshSpecs()}}
	b.foldSpec(s.view.state, kv)
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

// checkEnvelope makes the event of what may be an envelope.
func checkEnvelope(t *testing.T, gen Generation, kv foreign) {
	env := Envelope{Profile: gen.Spec.Profiles[0].Name}
	if json.Unmarshal(kv.value, &env) != nil {
		return
	}
	event, err := NewAttackProfile(gen, env)
	if err != nil {
		return
	}
	text, err := json.Marshal(event)
	if err != nil {
		var never *json.UnsupportedValueError
		t.Fatalf("the event of %q can't be written (a value that JSON lacks: %v): %v", kv.value, errors.As(err, &never), err)
	}
	if markOf(text).Order != event.Order {
		t.Fatalf("%s has another order than %v", text, event.Order)
	}
}

// checkLater holds an envelope, part or scores to be written against what is there.
// The curves stream is of life "l" and ends at 10.
func checkLater(t *testing.T, kv foreign) {
	stored := value{data: kv.value, rev: kv.Revision(), live: kv.op == jetstream.KeyValuePut}
	curves := func() (Life, uint64, error) { return "l", 10, nil }
	for seq := range uint64(11) {
		stays, err := later(stored, AsOf{"l", seq}, curves)
		if err != nil && !errors.Is(err, ErrWentBack) || err != nil && stays {
			t.Fatalf("%q stays: %t, %v", kv.value, stays, err)
		}
		if stays && (seq == 10 || !stored.live) {
			t.Fatalf("nothing ever replaces %q", kv.value)
		}
	}
	if _, err := later(stored, AsOf{"of before", 3}, curves); err != nil && !errors.Is(err, ErrNewLife) {
		t.Fatal(err)
	}
}

// signedParts are those of the whole signature of a small spec's first profile.
func signedParts(f *testing.F) (Generation, map[string][]byte) {
	spec := fit.DefaultSpec()
	spec.Points = fit.Points{CleanLead: 1, Armed: 1, Infecting: 1, InfectedRunning: 1, CleanTail: 1}
	spec.Signature.Channels = spec.Signature.Channels[:2]
	members := make([]signature.Member, 6)
	for i := range members {
		row := fit.Signature{slices.Repeat([]float32{1}, 5), slices.Repeat([]float32{1}, 5)}
		members[i] = signature.Member{Host: "h", Episode: strconv.Itoa(i), Curve: slices.Repeat(fit.Curve{1}, 5), Signature: row, Seconds: fit.Seconds{1, 1, 1, 1, 1}}
	}
	summary, st := signature.Of(spec, members), stamp{Digest: "d", AsOf: AsOf{"l", 1}}
	parts := map[string][]byte{}
	for name, part := range map[string]any{
		partHead:       headPart{st, summary.Used, summary.Curve, summary.Trust, len(summary.Channels)},
		partHosts:      hostsPart{st, summary.Hosts},
		partSnapshots:  snapshotsPart{st, []signature.Snapshot{summary.Snapshot(time.Unix(0, 0).UTC(), 6)}},
		channelName(0): channelPart{st, summary.Channels[0]}, channelName(1): channelPart{st, summary.Channels[1]},
	} {
		text, err := json.Marshal(part)
		if err != nil {
			f.Fatal(err)
		}
		parts[name] = text
	}
	gen := Generation{Spec: *spec, ID: "abcdefghij"}
	if s, ok := assemble(gen.ID, spec.Profiles[0].Name, func(part string) []byte { return parts[part] }); !ok || len(s.Drift()) != 1 {
		f.Fatalf("these are no whole signature: %+v", s)
	}
	return gen, parts
}

// checkSignature makes the signature, its event and its next snapshots where each of
// the parts is what somebody else wrote.
func checkSignature(t *testing.T, gen Generation, parts map[string][]byte, kv foreign) {
	points, now := gen.Spec.Points.Total(), time.Unix(1e9, 0)
	for name := range parts {
		s, ok := assemble(gen.ID, gen.Spec.Profiles[0].Name, func(part string) []byte {
			if part == name {
				return kv.value
			}
			return parts[part]
		})
		if !ok {
			continue
		}
		if _, err := json.Marshal(s.Summary); err != nil {
			t.Fatalf("part %s %q can't be exported: %v", name, kv.value, err)
		}
		event, err := NewAttackSignature(gen, s, "e")
		if err != nil {
			continue
		}
		rows := [][]float64{event.Low, event.High}
		for _, c := range event.Channels {
			rows = append(rows, c.Median, c.P25, c.P75)
		}
		for _, row := range rows {
			if len(row) != points {
				t.Fatalf("part %s %q is shown with a row of %d points", name, kv.value, len(row))
			}
		}
		text, err := json.Marshal(event)
		if err != nil {
			t.Fatalf("part %s %q has no event: %v", name, kv.value, err)
		}
		if markOf(text).Order != event.Order {
			t.Fatalf("part %s %q has another order than %v", name, kv.value, event.Order)
		}
		if !signature.Due(s.Snapshots, now, 0) {
			t.Fatalf("after %q no snapshot is ever due", kv.value)
		}
		next := signature.Keep(s.Snapshots, s.Summary.Snapshot(now, 1e12))
		if _, err := json.Marshal(snapshotsPart{Snapshots: next}); err != nil || len(next) > 64 {
			t.Fatalf("%d snapshots after %q can't be written: %v", len(next), kv.value, err)
		}
		for _, snapshot := range next {
			if len(snapshot.Median) != points || len(snapshot.Levels) != len(s.Channels) {
				t.Fatalf("a snapshot of another spec is kept of %q", kv.value)
			}
		}
	}
}

// checkScores makes the events of what may be scores.
func checkScores(t *testing.T, kv foreign) {
	scores, ok := parseScores(kv.value)
	if !ok {
		return
	}
	if _, err := json.Marshal(scores); err != nil {
		t.Fatalf("%q can't be written again: %v", kv.value, err)
	}
	for _, m := range scores.Models {
		event := ModelMetric{Type: TypeModelMetric, Model: m.Method, Metric: m.Accuracy, Measured: &Measured{m.Episodes, m.Low, m.High, m.Baseline}}
		if _, err := json.Marshal(event); err != nil {
			t.Fatalf("%q has no event: %v", kv.value, err)
		}
		if subject := EventSubject(TypeModelMetric, m.Method); len(subject) > 250 || strings.Count(subject, ".") != 2 {
			t.Fatalf("%q asks for the subject %q", kv.value, subject)
		}
	}
	for _, x := range scores.Suspects {
		if text, err := json.Marshal(x); err != nil || len(text) > 2_000 {
			t.Fatalf("suspects of %q take %d bytes each, %v", kv.value, len(text), err)
		}
	}
}

// checkMarks counts what may be marks, or an event, and adds one.
func checkMarks(t *testing.T, kv foreign) {
	marks := marksIn(value{data: kv.value, live: true})
	if more := marksIn(value{data: []byte(strconv.Itoa(marks + 1)), live: true}); marks < 0 || more != marks+1 && more != 0 || marks < FatalTries && more == 0 {
		t.Fatalf("%q is %d marks, and with one more %d", kv.value, marks, more)
	}
	if event := markOf(kv.value); marks > 0 && event != (eventMark{}) {
		t.Fatalf("%q is %d marks and an event with the order %v", kv.value, marks, event)
	}
}
