package streamer

import (
	"context"
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
// Config.Models. These replace the measured figures of a model of the same name.
func (s *session) publishModels(ctx context.Context, wanted bus.Generation, again bool) error {
	source := sourceOf(wanted, s.signatures.Scores(wanted.ID))
	changed := s.modelEvents.source != source
	if !changed && !again {
		return nil
	}
	if changed {
		s.modelEvents = modelEvents{source: source}
	}
	if source.version.Digest != "" && s.modelEvents.events == nil {
		reading, end := context.WithTimeout(ctx, readTimeout)
		scores, ok, err := signatures.ReadScores(reading, s.bus, wanted.ID)
		end()
		s.warnOnce("read the models' scores", wanted, "", err)
		if ok && scores.Digest == source.version.Digest {
			s.modelEvents.events = scoreEvents(wanted, scores)
		}
	}
	events := map[string]any{}
	maps.Copy(events, s.modelEvents.events)
	for subject, event := range s.cfg.Models.Events() {
		delete(events, subject)
		if again {
			events[subject] = event
		}
	}
	for subject, event := range events {
		if _, err := s.send(ctx, subject, event); err != nil {
			return err
		}
	}
	return nil
}

// maxSuspects is the number of suspects that an event has at most.
const maxSuspects = 50

// scoreEvents returns the events of a generation's scores, by subject: two for each model,
// and one for each profile, with its suspects or an empty list.
func scoreEvents(gen bus.Generation, scores signatures.Scores) map[string]any {
	all := map[string]any{}
	for _, m := range scores.Models {
		all[events.Subject(events.TypeModelMetric, m.Method)] = ModelMetric{
			Type: events.TypeModelMetric, Model: m.Method, Metric: m.Accuracy,
			Measured: &Measured{Episodes: m.Episodes, Low: m.Low, High: m.High, Baseline: m.Baseline},
		}
		if m.Latency.P50 > 0 {
			all[events.Subject(events.TypeModelPerf, m.Method)] = ModelPerf{
				Type: events.TypeModelPerf, Model: m.Method, Latency: m.Latency.P50, Accuracy: m.Accuracy,
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
	Model  string  `json:"model"`
	Metric float64 `json:"metric"` // accuracy
	*Measured
}

// Measured describes how a worker measured an accuracy.
type Measured struct {
	Episodes int     `json:"episodes"` // each was classified by the model of all others
	Low      float64 `json:"low"`      // Wilson's 95% interval
	High     float64 `json:"high"`
	Baseline float64 `json:"baseline"` // accuracy of always answering the most frequent profile
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
	Model    string  `json:"model"`
	Latency  float64 `json:"latency_us"`
	Accuracy float64 `json:"accuracy"`
}
