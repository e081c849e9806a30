package worker

import (
	"context"
	"slices"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/model"
)

// checkSuspect classifies an episode after its archive was read, and reports it if every
// method puts it in another profile. An error does not matter: if the episode is in the
// sample, the next measurement classifies it again.
func (s *session) checkSuspect(ctx context.Context, accepted fit.ProfileName, entry fit.Entry) {
	m := s.models.current.Load()
	if m == nil || entry.Signature == nil {
		return
	}
	vector, err := s.models.layout.Vector(entry.Signature)
	if m.Has(entry.Host, entry.Episode) {
		m = m.Without(func(e model.Example) bool { return e.Host == entry.Host && e.Episode == entry.Episode })
	}
	if err != nil || m == nil {
		return
	}
	if other, ok := agreedProfile(m, vector, accepted); ok {
		s.reportSuspect(ctx, bus.Suspect{Host: entry.Host, Episode: entry.Episode, Profile: accepted, Said: other})
	}
}

// agreedProfile returns the profile, other than the accepted one, that every method
// puts a vector in; false where they do not agree or do not refute the accepted one.
func agreedProfile(m *model.Model, vector []float32, accepted fit.ProfileName) (agreed fit.ProfileName, ok bool) {
	for _, method := range model.Methods(model.DefaultNeighbours) {
		v, err := method.Classify(m, vector)
		if err != nil || !v.Refutes(accepted) || agreed != "" && v.Profile != agreed {
			return "", false
		}
		agreed = v.Profile
	}
	return agreed, true
}

// findSuspects returns the episodes that every method refutes and puts in the same
// other profile.
func findSuspects(scores []model.Score) []bus.Suspect {
	found := []bus.Suspect{}
	if len(scores) == 0 {
		return found
	}
	for _, miss := range scores[0].Wrong {
		agree := miss.Refuted
		for _, other := range scores[1:] {
			agree = agree && slices.ContainsFunc(other.Wrong, func(o model.Miss) bool {
				return o.Host == miss.Host && o.Episode == miss.Episode && o.Said == miss.Said && o.Refuted
			})
		}
		if agree {
			found = append(found, bus.Suspect{Host: miss.Host, Episode: miss.Episode, Profile: miss.Profile, Said: miss.Said})
		}
	}
	return found
}

// reportSuspect counts and logs a suspect and publishes it.
func (s *session) reportSuspect(ctx context.Context, suspect bus.Suspect) {
	s.metrics.suspects.WithLabelValues(string(suspect.Profile)).Inc()
	s.logger.Warn("an accepted episode looks like another profile", logkey.Host, suspect.Host, logkey.Episode, suspect.Episode, logkey.Profile, suspect.Profile, logkey.OtherProfile, suspect.Said)
	if err := s.bus.PublishSuspect(ctx, s.gen.ID, suspect, time.Now()); err != nil && ctx.Err() == nil {
		s.logger.Warn("publish a suspect episode", logkey.Err, err)
	}
}
