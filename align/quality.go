package align

import (
	"fmt"
	"math"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// qualityOf returns what is doubtful about the source and the channel of an episode's curve.
func qualityOf(e *episode.Episode, curve fit.Curve) fit.Quality {
	c := &e.Channels[0]
	q := fit.Quality{
		RowsDropped: e.RowsDropped, Restarts: c.Restarts, Dips: c.Dips, Peaks: c.Peaks, Unknown: len(c.Unknown), Jumps: c.Jumps,
		Gaps: c.Gaps, Longest: float32(min(c.Longest, math.MaxFloat32)),
	}
	for _, v := range curve {
		if math.IsNaN(v) {
			q.Empty++
		}
	}
	return q
}

// checkPoints returns an error that matches [episode.ErrUnusable] if too few points of a curve have
// a value.
func checkPoints(e *episode.Episode, have, points, least int) error {
	if have >= least {
		return nil
	}
	c := &e.Channels[0]
	return &episode.UnusableError{Reason: episode.ReasonNoData, Detail: fmt.Sprintf(
		"%d of %d points of the curve of %s have a value, fewer than %d: the labels span 0 s to %.9g s, the points of the channel %.9g s to %.9g s",
		have, points, c.Name, least, e.Labels[len(e.Labels)-1].Time, c.Times[0], c.Times[len(c.Times)-1])}
}
