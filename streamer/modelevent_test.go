package streamer_test

import (
	"context"
	"fmt"
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
// suspects; a figure given by hand goes over that of the same name.
func TestMeasuredModels(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	g := generation(gen, "base", 0, 1)
	s.register(g)
	accuracy := 0.5
	s.start(streamer.Config{CyclePause: 100 * time.Millisecond, Models: streamer.Models{Name: model.NameKNN, Metric: &accuracy}})
	write := func(accuracy float64, suspects ...bus.Suspect) {
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
			Models: []model.Score{score(model.NameNearestEnvelope), score(model.NameKNN)}, Suspects: suspects,
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
	write(0.9, bus.Suspect{Host: "h", Episode: "e", Profile: "a", Said: "b"})
	shows(events.TypeModelMetric, "nearest-envelope", `{"type":"model_metric","model":"nearest-envelope","metric":0.9,"episodes":42,"low":0.5,"high":1,"baseline":0.25}`)
	shows(events.TypeModelPerf, "nearest-envelope", `{"type":"model_perf","model":"nearest-envelope","latency_us":30,"accuracy":0.9}`)
	shows(events.TypeModelMetric, "knn", `{"type":"model_metric","model":"knn","metric":0.5}`)
	shows(events.TypeModelPerf, "knn", `{"type":"model_perf","model":"knn","latency_us":30,"accuracy":0.9}`)
	shows(events.TypeSuspects, "a", `{"type":"suspects","name":"a","episodes":[{"host_id":"h","episode_id":"e","profile":"a","looks_like":"b"}],"n":1}`)
	shows(events.TypeSuspects, "b", `{"type":"suspects","name":"b","episodes":[],"n":0}`)
	write(0.95)
	shows(events.TypeModelMetric, "nearest-envelope", `{"type":"model_metric","model":"nearest-envelope","metric":0.95,"episodes":42,"low":0.5,"high":1,"baseline":0.25}`)
	shows(events.TypeSuspects, "a", `{"type":"suspects","name":"a","episodes":[],"n":0}`)
}
