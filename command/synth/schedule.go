package synth

// walk has the phases of an episode with their canonical lengths in seconds. The lengths of a run differ from these by up to
// spread, which is relative.
var walk = []struct {
	phase          string
	length, spread float64
}{
	{"clean", 10, 0.15},
	{"armed", 2, 0.25},
	{"infecting", 3, 0.25},
	{"infected_running", 25, 0.10},
	{"clean", 5, 0.20},
}

const (
	clean = iota
	armed
	infecting
	running
	tail
)

// A schedule has the times at which the phases of one run start, in seconds since its first label; starts[len(walk)] is the run's
// end.
type schedule struct{ starts [6]float64 }

func newSchedule(r *random) (s schedule) {
	for i, step := range walk {
		s.starts[i+1] = s.starts[i] + float64(step.length*r.between(1-step.spread, 1+step.spread))
	}
	return s
}

// at returns the step of the walk at time t, and the part of it that is over, 0 to 1.
func (s *schedule) at(t float64) (step int, through float64) {
	for step < tail && t >= s.starts[step+1] {
		step++
	}
	through = (t - s.starts[step]) / (s.starts[step+1] - s.starts[step])
	return step, min(max(through, 0), 1)
}

const interval = 0.1 // seconds between samples

// instants returns the times at which a source is sampled, ascending, from about the first label to just after the end: 10 Hz
// with jitter, with a few samples missing.
func (s *schedule) instants(r *random, jitter float64) []float64 {
	end := s.starts[len(walk)] + 1.5*interval
	times := make([]float64, 0, 460)
	start := r.between(-0.05, 0.05)
	for k := 0; ; k++ {
		t := start + float64(interval*float64(k)) + float64(jitter*r.noise())
		if t > end {
			return times
		}
		if r.below(500) == 0 && k > 0 { // a missing sample
			continue
		}
		if n := len(times); n == 0 || t > times[n-1] {
			times = append(times, t)
		}
	}
}
