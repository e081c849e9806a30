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

// publishModels publishes how well the models classify. If the scores of the wanted
// generation have changed, it publishes those; with again it also publishes the figures of
// Config.Models. A model of that name is not published as measured.
func (s *session) publishModels(ctx context.Context, wanted bus.Generation, again bool) error { //nolint:gocognit // a list of steps in their order, each with one condition
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
		if err != nil {
			s.warnOnce("read the models' scores", wanted, "", err)
		}
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
		all[events.Subject(events.TypeModelMetric, m.Method)] = events.ModelMetric{
			Type: events.TypeModelMetric, Model: m.Method, Metric: m.Accuracy,
			Measured: &events.Measured{Episodes: m.Episodes, Low: m.Low, High: m.High, Baseline: m.Baseline},
		}
		if m.Latency.P50 > 0 {
			all[events.Subject(events.TypeModelPerf, m.Method)] = events.ModelPerf{
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
		all[events.Subject(events.TypeSuspects, string(p.Name))] = events.SuspectList{
			Type: events.TypeSuspects, Name: string(p.Name), Episodes: list[:min(len(list), maxSuspects)], All: len(list),
		}
	}
	return all
}
