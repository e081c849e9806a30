package signatures_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
	"github.com/cis490/profiles/signature"
	"github.com/cis490/profiles/streamer"
)

// FuzzSignatures: any value in bucket signatures is ignored, or everything that is made
// of it can be computed, shown and written again.
func FuzzSignatures(f *testing.F) {
	g, parts := completeParts(f)
	stamp := signatures.Stamp{Digest: "d", AsOf: client.AsOf{Incarnation: "l", Seq: 1}}
	scores, err := json.Marshal(signatures.Scores{Models: []model.Score{{Method: "knn", Latency: model.Latency{P50: 1}}}, Suspects: []bus.Suspect{{Host: "h", Episode: "e", Profile: "io-walk", Said: "bursty-c2"}}, Stamp: stamp})
	if err != nil {
		f.Fatal(err)
	}
	values := [][]byte{
		scores, bytes.Replace(scores, []byte("knn"), bytes.Repeat([]byte("*"), 2_000), 1), bytes.Replace(scores, []byte("io-walk"), []byte("> \u2028"), 1),
		[]byte(`{"digest":"d","snapshots":[{"at":"9999-12-31T23:59:59-23:59","accepted":null,"median":[1e308,-1e308,null],"levels":[[],[1],null]},{}]}`),
		[]byte(`{"digest":"d","curve":{"n":[1,2,3,4,5],"low":[0,0,0,0,0,0]},"channels":2}`), []byte(`{"digest":"d","channels":9223372036854775807}`),
		[]byte(`{"digest":"d","levels":{"median":[1e308]},"phases":[]}`), []byte(`{"digest":"d","envelopes":[{"host":"\u0000"}],"left_out":-1}`),
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		values = append(values, parts[name], bytes.ReplaceAll(parts[name], []byte("6,6,6,6,6"), []byte("6")), bytes.ReplaceAll(parts[name], []byte("[1,1,1,1,1]"), []byte("null")))
	}
	values = append(values, bytes.ReplaceAll(parts[signatures.PartSnapshots], []byte("1970-"), []byte("9999-")))
	for _, value := range values {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		checkSignature(t, g, parts, value)
		checkScores(t, value)
	})
}

// completeParts returns the parts of the signature of a small spec's first profile.
func completeParts(f *testing.F) (bus.Generation, map[string][]byte) {
	spec := fit.DefaultSpec()
	spec.Points = fit.Points{CleanLead: 1, Armed: 1, Infecting: 1, InfectedRunning: 1, CleanTail: 1}
	spec.Signature.Channels = spec.Signature.Channels[:2]
	members := make([]signature.Member, 6)
	for i := range members {
		row := fit.Signature{slices.Repeat([]float32{1}, 5), slices.Repeat([]float32{1}, 5)}
		members[i] = signature.Member{Host: "h", Episode: strconv.Itoa(i), Curve: slices.Repeat(fit.Curve{1}, 5), Signature: row, Seconds: fit.Seconds{1, 1, 1, 1, 1}}
	}
	stamp := signatures.Stamp{Digest: "d", AsOf: client.AsOf{Incarnation: "l", Seq: 1}}
	parts := signatures.EncodeParts(f, signature.Of(spec, members), stamp, time.Unix(0, 0).UTC())
	g := bus.Generation{Spec: *spec, ID: gen}
	if s, ok := signatures.Assemble(g.ID, spec.Profiles[0].Name, func(part string) []byte { return parts[part] }); !ok || len(s.Drift()) != 1 {
		f.Fatalf("the signature is not complete: %+v", s)
	}
	return g, parts
}

// checkSignature replaces each part in turn by a value that another program wrote, and
// makes the signature, its event and its next snapshots.
func checkSignature(t *testing.T, g bus.Generation, parts map[string][]byte, value []byte) {
	points, now := g.Spec.Points.Total(), time.Unix(1e9, 0)
	for name := range parts {
		s, ok := signatures.Assemble(g.ID, g.Spec.Profiles[0].Name, func(part string) []byte {
			if part == name {
				return value
			}
			return parts[part]
		})
		if !ok {
			continue
		}
		if _, err := json.Marshal(s.Summary); err != nil {
			t.Fatalf("part %s %q can't be exported: %v", name, value, err)
		}
		event, err := streamer.NewAttackSignature(g, s, "e")
		if err != nil {
			continue
		}
		rows := [][]float64{event.Low, event.High}
		for _, c := range event.Channels {
			rows = append(rows, c.Median, c.P25, c.P75)
		}
		for _, row := range rows {
			if len(row) != points {
				t.Fatalf("part %s %q is shown with a row of %d points", name, value, len(row))
			}
		}
		if _, err := json.Marshal(event); err != nil {
			t.Fatalf("part %s %q has no event: %v", name, value, err)
		}
		if !signature.Due(s.Snapshots, now, 0) {
			t.Fatalf("after %q no snapshot is ever due", value)
		}
		next := signature.Keep(s.Snapshots, s.Summary.Snapshot(now, 1e12))
		if _, err := json.Marshal(next); err != nil || len(next) > 64 {
			t.Fatalf("%d snapshots after %q can't be written: %v", len(next), value, err)
		}
		for _, snapshot := range next {
			if len(snapshot.Median) != points || len(snapshot.Levels) != len(s.Channels) {
				t.Fatalf("a snapshot of another spec is kept of %q", value)
			}
		}
	}
}

// checkScores makes the events of a value that may be scores.
func checkScores(t *testing.T, value []byte) {
	scores, ok := signatures.ParseScores(value)
	if !ok {
		return
	}
	if _, err := json.Marshal(scores); err != nil {
		t.Fatalf("%q can't be written again: %v", value, err)
	}
	for _, m := range scores.Models {
		event := streamer.ModelMetric{Type: events.TypeModelMetric, Model: m.Method, Metric: m.Accuracy, Measured: &streamer.Measured{Episodes: m.Episodes, Low: m.Low, High: m.High, Baseline: m.Baseline}}
		if _, err := json.Marshal(event); err != nil {
			t.Fatalf("%q has no event: %v", value, err)
		}
		if subject := events.Subject(events.TypeModelMetric, m.Method); len(subject) > 250 || strings.Count(subject, ".") != 2 {
			t.Fatalf("%q asks for the subject %q", value, subject)
		}
	}
	for _, x := range scores.Suspects {
		if text, err := json.Marshal(x); err != nil || len(text) > 2_000 {
			t.Fatalf("suspects of %q take %d bytes each, %v", value, len(text), err)
		}
	}
}
