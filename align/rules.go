package align

import (
	"fmt"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// rulesOf returns what a spec and the limits mean for package episode.
func rulesOf(s *fit.Spec, limits episode.Limits) episode.Rules {
	f := s.Format
	rules := episode.Rules{
		Limits:  limits.OrDefault(),
		Quality: episode.QualityLimits(s.Quality),
		Format: episode.Format{
			Meta:    episode.MetaFormat{Member: f.Meta.Member, Duration: f.Meta.Duration, Unit: episode.TimeUnit(f.Meta.Unit)},
			Labels:  episode.LabelFormat{Member: f.Labels.Member, Time: f.Labels.Time, Unit: episode.TimeUnit(f.Labels.Unit), Phase: f.Labels.Phase},
			Phases:  make(map[string]episode.Phase, len(f.Phases)),
			Sources: make(map[string]episode.SourceFormat, len(f.Sources)),
		},
	}
	for word, phase := range f.Phases {
		rules.Format.Phases[word] = episode.Phase(phase)
	}
	for name, source := range f.Sources {
		rules.Format.Sources[name] = episode.SourceFormat{
			Member: source.Member, Time: source.Time, Unit: episode.TimeUnit(source.Unit), Rows: episode.RowSyntax(source.Rows),
		}
	}
	// A slice without points needs no segment.
	rules.MinSegments = len(s.Points.FilledSpans()) - 1
	if rules.MinSegments == 0 {
		rules.MinSegments = -1 // 0 would mean the default
	}
	rules.ArmedOptional = s.Points.Armed == 0
	return rules
}

// wantedOf returns how a channel of the spec is read.
func wantedOf(s *fit.Spec, channel string) (episode.Wanted, error) {
	name, err := episode.ParseChannelName(channel)
	if err != nil {
		return episode.Wanted{}, fmt.Errorf("spec: %w", err)
	}
	c := s.Channel(channel)
	return episode.Wanted{Name: name, Field: c.Field, Counter: c.Kind == fit.Counter}, nil
}
