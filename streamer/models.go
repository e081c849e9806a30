package streamer

import (
	"context"
	"maps"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// scored are the events of a generation's scores, kept to be published again.
type scored struct {
	of     source
	events map[string]any // nil: none
}

// publishModels publishes how well the models tell the profiles apart: what was
// measured on the wanted generation's samples where that changed, and with again
// that and what was given by hand, which goes over a measurement of the same name.
func (s *session) publishModels(ctx context.Context, wanted bus.Generation, again bool) error { //nolint:gocognit // a list of steps in their order, each with one condition
	of := sourceOf(wanted, s.signatures.Scores(wanted.ID))
	changed := s.scored.of != of
	if !changed && !again {
		return nil
	}
	if changed {
		s.scored = scored{of: of}
	}
	if of.mark.Digest != "" && s.scored.events == nil {
		reading, end := context.WithTimeout(ctx, readWithin)
		scores, ok, err := signatures.ReadScores(reading, s.deps.Bus, wanted.ID)
		end()
		if err != nil {
			s.deps.Log.Warn("read the models' scores", logkey.Generation, wanted.ID, logkey.Err, err)
		}
		if ok && scores.Digest == of.mark.Digest {
			s.scored.events = measured(wanted, scores)
		}
	}
	events := map[string]any{}
	maps.Copy(events, s.scored.events)
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

// suspectsShown is how many suspects of a profile an event has at most.
const suspectsShown = 50

// measured are the events of a generation's scores, by subject: two for each
// model, and one for each profile, which has its suspects or says that there are
// none.
func measured(gen bus.Generation, scores signatures.Scores) map[string]any {
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
			Type: events.TypeSuspects, Name: string(p.Name), Episodes: list[:min(len(list), suspectsShown)], All: len(list),
		}
	}
	return all
}
