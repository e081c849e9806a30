package worker

import (
	"sync"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// warnReason logs the first episode of each profile and reason. The metrics count the others, and `profiles status` has an
// example of each.
func (s *session) warnReason(p fit.ProfileName, e fit.Entry) {
	if s.warned.IsNew("reason "+string(p)+" "+string(e.Reason), "") {
		s.logger.Warn("an episode gives no curve; others of this profile and reason are not logged",
			logkey.Profile, p, logkey.Reason, e.Reason, logkey.Host, e.Host, logkey.Episode, e.Episode, logkey.Detail, e.Detail)
	}
}

// warnChannels logs the first warning of each kind about each channel. The spec may have to say more about such a channel.
func (s *session) warnChannels(ref episode.Ref, warnings []episode.Warning) {
	for _, w := range warnings {
		if s.warned.IsNew("channel "+w.Channel.String()+" "+string(w.Kind), "") {
			s.logger.Warn("a recording may not be what the spec takes it for; others of this channel and reason are not logged",
				logkey.Channel, w.Channel.String(), logkey.Reason, w.Kind, logkey.Host, ref.Host, logkey.Episode, ref.ID, logkey.Detail, w.Detail)
		}
	}
}

// countRejected counts a message that was filed under REJECTED, and logs the first malformed one: it has no entry.
func (s *session) countRejected(n bus.Notice, r *bus.Rejection) {
	s.metrics.rejected.WithLabelValues(string(r.Reason)).Inc()
	if !r.Reason.HasEntry() && s.warned.IsNew("message "+string(r.Reason), "") {
		s.logger.Warn("a message was rejected; others with this reason are not logged",
			logkey.Reason, r.Reason, logkey.Seq, n.Seq, logkey.Detail, r.Detail)
	}
}

// unanswered limits the warning that the store does not give an archive. The zero value is ready. It is safe for concurrent use.
type unanswered struct {
	mu    sync.Mutex
	last  time.Time // the last warning
	tries int       // since then
}

// unansweredPause is the time between two such warnings.
const unansweredPause = 30 * time.Second

// warnUnanswered counts a try that ended because the store did not give an archive. It logs one of them every unansweredPause, with
// the number of the tries since the last warning.
func (s *session) warnUnanswered(ref episode.Ref, err error) {
	s.metrics.unanswered.Inc()
	u := s.unanswered
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tries++
	if time.Since(u.last) < unansweredPause {
		return
	}
	s.logger.Warn("the store does not give an archive, keep trying", logkey.Episode, ref, logkey.Tries, u.tries, logkey.Err, err)
	u.last, u.tries = time.Now(), 0
}
