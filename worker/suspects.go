package worker

import (
	"context"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/model"
)

// checkSuspect checks the label of an episode after its archive was read, and reports it if
// it looks like another profile. An error does not matter: if the episode is in the sample,
// the next measurement checks it again.
func (s *session) checkSuspect(ctx context.Context, accepted fit.ProfileName, entry fit.Entry) {
	labels := s.models.labels.Load()
	if labels == nil || entry.Signature == nil {
		return
	}
	vector, err := s.models.layout.Vector(entry.Signature)
	if err != nil {
		return
	}
	if suspect, is := labels.Check(model.Example{Profile: accepted, Host: entry.Host, Episode: entry.Episode, Vector: vector}); is {
		s.reportSuspect(ctx, busSuspect(suspect))
	}
}

func busSuspect(s model.Suspect) bus.Suspect {
	return bus.Suspect{Host: s.Host, Episode: s.Episode, Profile: s.Profile, Said: s.LooksLike}
}

// reportSuspect counts and logs a suspect and publishes it.
func (s *session) reportSuspect(ctx context.Context, suspect bus.Suspect) {
	s.metrics.suspects.WithLabelValues(string(suspect.Profile)).Inc()
	s.logger.Warn("an accepted episode looks like another profile", logkey.Host, suspect.Host, logkey.Episode, suspect.Episode, logkey.Profile, suspect.Profile, logkey.OtherProfile, suspect.Said)
	if err := s.bus.PublishSuspect(ctx, s.gen.ID, suspect, time.Now()); err != nil && ctx.Err() == nil {
		s.logger.Warn("publish a suspect episode", logkey.Err, err)
	}
}
