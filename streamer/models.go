package streamer

import (
	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// suspectsShown is how many suspects of a profile an event has at most.
const suspectsShown = 50

// measured are the events of a generation's scores, by subject: two for each
// model, and one for each profile, which has its suspects or says that there are
// none.
func measured(gen bus.Generation, scores bus.Scores) map[string]any {
	events := map[string]any{}
	for _, m := range scores.Models {
		events[bus.EventSubject(bus.TypeModelMetric, m.Method)] = bus.ModelMetric{
			Type: bus.TypeModelMetric, Model: m.Method, Metric: m.Accuracy,
			Measured: &bus.Measured{Episodes: m.Episodes, Low: m.Low, High: m.High, Baseline: m.Baseline},
		}
		if m.Latency.P50 > 0 {
			events[bus.EventSubject(bus.TypeModelPerf, m.Method)] = bus.ModelPerf{
				Type: bus.TypeModelPerf, Model: m.Method, Latency: m.Latency.P50, Accuracy: m.Accuracy,
			}
		}
	}
	of := map[fit.ProfileName][]bus.Suspect{}
	for _, s := range scores.Suspects {
		of[s.Profile] = append(of[s.Profile], s)
	}
	for _, p := range gen.Spec.Profiles {
		list := append([]bus.Suspect{}, of[p.Name]...)
		events[bus.EventSubject(bus.TypeSuspects, string(p.Name))] = bus.SuspectList{
			Type: bus.TypeSuspects, Name: string(p.Name), Episodes: list[:min(len(list), suspectsShown)], All: len(list),
		}
	}
	return events
}
