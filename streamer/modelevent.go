package streamer

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
)

// modelEvents are the events of a generation's scores, kept to be published again.
type modelEvents struct {
	source source
	events map[string]any // nil: none
}

// publishModels publishes the figures of the models. If the scores of the wanted
// generation have changed, it publishes those; with again it also publishes the figures of
// Config.Models, which have subjects of their own (see measuredName).
func (s *session) publishModels(ctx context.Context, wanted bus.Generation, again bool) error {
	source := sourceOf(wanted, s.signatures.Scores(wanted.ID))
	changed := s.details.models.source != source
	if !changed && !again {
		return nil
	}
	if changed {
		s.details.models = modelEvents{source: source}
	}
	if source.version.Digest != "" && s.details.models.events == nil {
		reading, end := context.WithTimeout(ctx, readTimeout)
		scores, ok, err := signatures.ReadScores(reading, s.bus, wanted.ID)
		end()
		s.warnOnce("read the models' scores", wanted, "", err)
		if ok && scores.Digest == source.version.Digest {
			s.details.models.events = scoreEvents(wanted, scores)
			s.warnOnce("remove the events of models that are not measured any more", wanted, "", s.removeUnmeasured(ctx))
		}
	}
	events := map[string]any{}
	maps.Copy(events, s.details.models.events)
	if again {
		maps.Copy(events, s.cfg.Models.Events())
	}
	for subject, event := range events {
		if _, err := s.send(ctx, subject, event, s.held(subject, nil)); err != nil {
			return err
		}
	}
	return nil
}

// removeUnmeasured removes the last events of models that a streamer published as measured and
// that are not in the scores any more. Figures that another program posted stay: they do not say
// how they were measured.
func (s *session) removeUnmeasured(ctx context.Context) error {
	published := s.cfg.Models.Events()
	maps.Copy(published, s.details.models.events)
	gone := map[string]ModelMetric{} // by subject
	err := events.EachLast(ctx, s.bus, events.TypeModelMetric, func(subject string, event []byte) {
		if m, measured := parseMeasured(event); measured && published[subject] == nil {
			gone[subject] = m
		}
	})
	for subject, m := range gone {
		if err == nil {
			err = s.removeFigures(ctx, subject, m)
		}
	}
	return err
}

// removeFigures removes a measured model_metric, and before it the model_perf that the streamer
// published with it, which has the same accuracy. A streamer that dies between the two leaves the
// metric, which shows that the model was measured.
func (s *session) removeFigures(ctx context.Context, metricSubject string, m ModelMetric) error {
	perf := Removed{events.TypeModelPerf, m.Name, m.Model, true}
	perfSubject := events.Subject(events.TypeModelPerf, cmp.Or(m.Name, m.Model))
	_, err := s.publisher.Remove(ctx, perfSubject, perf, func(event []byte) bool {
		var p ModelPerf
		return json.Unmarshal(event, &p) == nil && p.Accuracy == m.Metric
	})
	if err != nil {
		return err
	}
	metric := Removed{events.TypeModelMetric, m.Name, m.Model, true}
	_, err = s.publisher.Remove(ctx, metricSubject, metric, func(event []byte) bool {
		_, measured := parseMeasured(event)
		return measured
	})
	return err
}

// parseMeasured returns the figures of a model_metric; false if they do not say how they were measured.
func parseMeasured(event []byte) (ModelMetric, bool) {
	var m ModelMetric
	err := json.Unmarshal(event, &m)
	return m, err == nil && m.Measured != nil && m.Episodes > 0
}

// A Removed is the event that says that the last event of its subject was removed.
type Removed struct {
	Type    string `json:"type"`
	Name    string `json:"name,omitempty"`
	Model   string `json:"model,omitempty"`
	Removed bool   `json:"removed"`
}

// maxSuspects is the number of suspects that an event has at most.
const maxSuspects = 50

// measuredName is the name of the events of a model that the workers measure. It is not the
// model's own: figures under that name were typed, or posted by another program. So neither
// replaces the other, and the page shows both.
func measuredName(method string) string { return method + "-measured" }

// scoreEvents returns the events of a generation's scores, by subject: two for each model,
// and one for each profile, with its suspects or an empty list.
func scoreEvents(gen bus.Generation, scores signatures.Scores) map[string]any {
	all := map[string]any{}
	for _, m := range scores.Models {
		name := measuredName(m.Method)
		all[events.Subject(events.TypeModelMetric, name)] = ModelMetric{
			Type: events.TypeModelMetric, Name: name, Model: m.Method, Metric: m.Accuracy,
			Measured: &Measured{Episodes: m.Episodes, Low: m.Low, High: m.High, Baseline: m.Baseline, WithGaps: scores.WithGaps},
		}
		if m.Latency.P50 > 0 {
			all[events.Subject(events.TypeModelPerf, name)] = ModelPerf{
				Type: events.TypeModelPerf, Name: name, Model: m.Method, Latency: m.Latency.P50, Accuracy: m.Accuracy,
			}
		}
	}
	of := map[fit.ProfileName][]bus.Suspect{}
	for _, s := range scores.Suspects {
		of[s.Profile] = append(of[s.Profile], s)
	}
	for _, p := range gen.Spec.Profiles {
		list := append([]bus.Suspect{}, of[p.Name]...)
		all[events.Subject(events.TypeSuspects, string(p.Name))] = SuspectList{
			Type: events.TypeSuspects, Name: string(p.Name), Episodes: list[:min(len(list), maxSuspects)], All: len(list),
		}
	}
	return all
}

// A ModelMetric is the event of one model's quality.
type ModelMetric struct {
	Type   string  `json:"type"`
	Name   string  `json:"name,omitempty"` // of measured figures; "": the model's
	Model  string  `json:"model"`
	Metric float64 `json:"metric"` // accuracy
	*Measured
}

// Measured describes how a worker measured an accuracy.
type Measured struct {
	Episodes int     `json:"episodes"` // each was classified by the model of all others
	Low      float64 `json:"low"`      // Wilson's 95% interval
	High     float64 `json:"high"`
	Baseline float64 `json:"baseline"`            // accuracy of always answering the most frequent profile
	WithGaps int     `json:"with_gaps,omitempty"` // members with gaps, which no model uses as examples
}

// A SuspectList is the event of a profile's suspects.
type SuspectList struct {
	Type     string        `json:"type"`
	Name     string        `json:"name"` // the profile that they were accepted for
	Episodes []bus.Suspect `json:"episodes"`
	All      int           `json:"n"` // the number of suspects; Episodes has the first of them
}

// A ModelPerf is the event of the latency of one model's inference.
type ModelPerf struct {
	Type     string  `json:"type"`
	Name     string  `json:"name,omitempty"` // of measured figures; "": the model's
	Model    string  `json:"model"`
	Latency  float64 `json:"latency_us"`
	Accuracy float64 `json:"accuracy"`
}
