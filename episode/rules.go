package episode

// Rules say how archives are read, and which of them give a curve. They are part of a generation. The zero value of each field
// means its default.
type Rules struct {
	Format  Format        // if it has no sources: DefaultFormat
	Limits  Limits        // what reading one archive may cost
	Quality QualityLimits // if zero: DefaultQuality

	MinSegments   int  // the fewest segments of an episode; 0 means 4
	ArmedOptional bool // an episode without an armed segment gives a curve
}

// QualityLimits say how sloppy a recording may be.
type QualityLimits struct {
	MinSpan       float64 // the least time in seconds from the first label to the last
	MaxDuration   float64 // the longest duration, as a multiple of the time from the first label to the last
	RowsDropped   float64 // the largest share of the rows with a time that may be dropped
	CounterEvents float64 // the largest share of a counter's samples that may be events: restarts, dips, unknown falls, peaks
	MinPoints     int     // the fewest points of a curve that are no gaps
}

// DefaultQuality returns the limits of docs/EPISODES.md.
func DefaultQuality() QualityLimits {
	return QualityLimits{MinSpan: 1, MaxDuration: 100, RowsDropped: 0.25, CounterEvents: 0.05, MinPoints: 1}
}

// Validate returns an error that names the first limit out of range.
func (r Rules) Validate() error { return r.Limits.Validate() }

// OrDefault returns r with each zero replaced by the default.
func (r Rules) OrDefault() Rules {
	if r.Format.Sources == nil {
		r.Format = DefaultFormat()
	}
	if r.Quality == (QualityLimits{}) {
		r.Quality = DefaultQuality()
	}
	if r.MinSegments == 0 {
		r.MinSegments = leastSegments
	}
	r.Limits = r.Limits.OrDefault()
	return r
}

const leastSegments = 4
