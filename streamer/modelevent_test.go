package streamer_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
	"github.com/cis490/profiles/streamer"
)

// TestMeasuredModels: what a worker measured is published as it changes, with the
// suspects, under names of their own; a figure given by hand stays beside them.
func TestMeasuredModels(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	g := generation(gen, "base", 0, 1)
	s.register(g)
	accuracy := 0.5
	s.start(streamer.Config{CyclePause: 100 * time.Millisecond, Models: streamer.Models{Name: model.NameKNN, Metric: &accuracy}})
	write := func(accuracy float64, withGaps int, suspects ...bus.Suspect) {
		t.Helper()
		ctx := bustest.Context(t)
		ack, err := s.srv.JetStream().Publish(ctx, "$KV."+bus.CurvesBucket+".x.y.z", nil)
		if err != nil {
			t.Fatal(err)
		}
		score := func(method string) model.Score {
			return model.Score{Method: method, Episodes: 42, Accuracy: accuracy, Low: 0.5, High: 1, Baseline: 0.25, Latency: model.Latency{N: 42, P50: 30}}
		}
		wrote, err := signatures.WriteScores(ctx, s.bus, gen, signatures.Scores{
			Models: []model.Score{score(model.NameLDA), score(model.NameKNN)}, WithGaps: withGaps, Suspects: suspects,
			Stamp: signatures.Stamp{Digest: fit.Digest(fmt.Sprint(accuracy)), AsOf: client.AsOf{Incarnation: s.life("KV_" + bus.CurvesBucket), Seq: ack.Sequence}},
		})
		if err != nil || !wrote {
			t.Fatalf("write scores: %t, %v", wrote, err)
		}
	}
	shows := func(kind, name, want string) {
		t.Helper()
		ctx := bustest.Context(t)
		seen := make(chan struct{})
		var once sync.Once
		following, stop := context.WithCancel(ctx)
		defer stop()
		var last atomic.Value
		go func() {
			_ = events.Follow(following, s.bus, events.Subject(kind, name), true, func(_ string, data []byte, _ uint64) {
				if last.Store(string(data)); string(data) == want {
					once.Do(func() { close(seen) })
				}
			})
		}()
		select {
		case <-seen:
		case <-ctx.Done():
			t.Fatalf("%s %s: %v, want %s", kind, name, last.Load(), want)
		}
	}
	write(0.9, 0, bus.Suspect{Host: "h", Episode: "e", Profile: "a", Said: "b"})
	shows(events.TypeModelMetric, "lda-measured", `{"type":"model_metric","name":"lda-measured","model":"lda","metric":0.9,"episodes":42,"low":0.5,"high":1,"baseline":0.25}`)
	shows(events.TypeModelPerf, "lda-measured", `{"type":"model_perf","name":"lda-measured","model":"lda","latency_us":30,"accuracy":0.9}`)
	shows(events.TypeModelMetric, "knn", `{"type":"model_metric","model":"knn","metric":0.5}`)
	shows(events.TypeModelMetric, "knn-measured", `{"type":"model_metric","name":"knn-measured","model":"knn","metric":0.9,"episodes":42,"low":0.5,"high":1,"baseline":0.25}`)
	shows(events.TypeModelPerf, "knn-measured", `{"type":"model_perf","name":"knn-measured","model":"knn","latency_us":30,"accuracy":0.9}`)
	shows(events.TypeSuspects, "a", `{"type":"suspects","name":"a","episodes":[{"host_id":"h","episode_id":"e","profile":"a","looks_like":"b"}],"n":1}`)
	shows(events.TypeSuspects, "b", `{"type":"suspects","name":"b","episodes":[],"n":0}`)
	write(0.95, 2)
	shows(events.TypeModelMetric, "lda-measured", `{"type":"model_metric","name":"lda-measured","model":"lda","metric":0.95,"episodes":42,"low":0.5,"high":1,"baseline":0.25,"with_gaps":2}`)
	shows(events.TypeSuspects, "a", `{"type":"suspects","name":"a","episodes":[],"n":0}`)
}

// TestUnmeasuredModels: the last events of a model that was measured and is not any more are
// removed, also those without a name, which earlier releases published. Those of other programs,
// and figures given by hand, stay.
func TestUnmeasuredModels(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := bustest.Context(t)
	s.register(generation(gen, "base", 0, 1))
	const measured = `,"metric":0.9,"episodes":42,"low":0.5,"high":1,"baseline":0.25}`
	const perf = `,"latency_us":30,"accuracy":0.9}`
	for subject, event := range map[string]string{
		"dashboard.model_metric.nearest-envelope":   `{"type":"model_metric","model":"nearest-envelope"` + measured,
		"dashboard.model_perf.nearest-envelope":     `{"type":"model_perf","model":"nearest-envelope"` + perf,
		"dashboard.model_metric.knn":                `{"type":"model_metric","model":"knn"` + measured, // knn is measured, but under another name now
		"dashboard.model_perf.knn":                  `{"type":"model_perf","model":"knn"` + perf,
		"dashboard.model_metric.old-measured":       `{"type":"model_metric","name":"old-measured","model":"old"` + measured,
		"dashboard.model_perf.old-measured":         `{"type":"model_perf","name":"old-measured","model":"old"` + perf,
		"dashboard.model_metric.measured-elsewhere": `{"type":"model_metric","model":"measured-elsewhere"` + measured,
		"dashboard.model_perf.measured-elsewhere":   `{"type":"model_perf","model":"measured-elsewhere","latency_us":3,"accuracy":0.8}`,
		"dashboard.model_metric.mlp":                `{"type":"model_metric","model":"mlp","metric":0.7}`,
		"dashboard.model_perf.mlp":                  `{"type":"model_perf","model":"mlp"` + perf,
		"dashboard.model_metric.by-hand":            `{"type":"model_metric","model":"by-hand"` + measured,
	} {
		if _, err := s.srv.JetStream().Publish(ctx, subject, []byte(event)); err != nil {
			t.Fatal(err)
		}
	}
	accuracy := 0.5
	s.start(streamer.Config{CyclePause: 100 * time.Millisecond, Models: streamer.Models{Name: "by-hand", Metric: &accuracy}})
	ack, err := s.srv.JetStream().Publish(ctx, "$KV."+bus.CurvesBucket+".x.y.z", nil)
	if err != nil {
		t.Fatal(err)
	}
	wrote, err := signatures.WriteScores(ctx, s.bus, gen, signatures.Scores{
		Models: []model.Score{{Method: model.NameKNN, Episodes: 42, Accuracy: 1, Baseline: 0.25}, {Method: model.NameLDA, Episodes: 42, Accuracy: 1, Baseline: 0.25}},
		Stamp:  signatures.Stamp{Digest: "d", AsOf: client.AsOf{Incarnation: s.life("KV_" + bus.CurvesBucket), Seq: ack.Sequence}},
	})
	if err != nil || !wrote {
		t.Fatalf("write scores: %t, %v", wrote, err)
	}
	last := map[string]string{}
	following, stop := context.WithCancel(ctx)
	defer stop()
	err = events.Follow(following, s.bus, "dashboard.>", true, func(subject string, data []byte, _ uint64) {
		last[subject] = string(data)
		if last["dashboard.model_metric.lda-measured"] != "" {
			stop() // this came after the removals
		}
	})
	if err != nil || ctx.Err() != nil {
		t.Fatalf("%v, last events %v", err, last)
	}
	for subject, want := range map[string]string{
		"dashboard.model_metric.nearest-envelope":   `{"type":"model_metric","model":"nearest-envelope","removed":true}`,
		"dashboard.model_perf.nearest-envelope":     `{"type":"model_perf","model":"nearest-envelope","removed":true}`,
		"dashboard.model_metric.knn":                `{"type":"model_metric","model":"knn","removed":true}`,
		"dashboard.model_perf.knn":                  `{"type":"model_perf","model":"knn","removed":true}`,
		"dashboard.model_metric.old-measured":       `{"type":"model_metric","name":"old-measured","model":"old","removed":true}`,
		"dashboard.model_perf.old-measured":         `{"type":"model_perf","name":"old-measured","model":"old","removed":true}`,
		"dashboard.model_metric.measured-elsewhere": `{"type":"model_metric","model":"measured-elsewhere","removed":true}`,
		"dashboard.model_perf.measured-elsewhere":   `{"type":"model_perf","model":"measured-elsewhere","latency_us":3,"accuracy":0.8}`,
		"dashboard.model_metric.mlp":                `{"type":"model_metric","model":"mlp","metric":0.7}`,
		"dashboard.model_perf.mlp":                  `{"type":"model_perf","model":"mlp"` + perf,
	} {
		if last[subject] != want {
			t.Errorf("%s: %s, want %s", subject, last[subject], want)
		}
	}
	if strings.Contains(last["dashboard.model_metric.by-hand"], "removed") {
		t.Error("figures given by hand were removed")
	}
	msg, err := s.srv.JetStream().Stream(ctx, bus.DashboardStream)
	if err != nil {
		t.Fatal(err)
	}
	marker, err := msg.GetLastMsgForSubject(ctx, "dashboard.model_perf.nearest-envelope")
	if err != nil || marker.Header.Get("Nats-TTL") != "1h0m0s" {
		t.Errorf("the marker stays for %v, %v", marker, err)
	}
}
