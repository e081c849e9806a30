package synth

// An activity has the rates of a guest at one moment, per second.
type activity struct {
	user, sys              float64 // share of one core
	read, write            float64 // bytes of system calls
	diskRead, diskWrite    float64 // bytes that reached the disk
	faults                 float64
	sent, received, dialed float64 // packets sent and received, connections tried
	resident               float64 // MB beyond the quiet guest's
	threads, files         int     // beyond the quiet guest's
}

// A run has the differences between two runs of one profile on one host.
type run struct {
	period float64 // relative period of repeated activity
	offset float64 // delay of repeated activity, in seconds
	level  float64 // relative strength
}

func newRun(r *random) run {
	return run{period: r.between(0.99, 1.01), offset: r.between(0, 0.25), level: r.between(0.85, 1.15)}
}

// quiet is the guest at rest. It is added to every other activity.
var quiet = activity{user: 0.008, sys: 0.006, read: 900, faults: 4, sent: 0.5, received: 0.5}

// A shape returns a profile's activity in the phase infected_running. through is the part of the phase that is over, 0 to 1.
// since is the same part of a run of canonical length, in seconds. So activity repeats equally often in short and in long runs,
// and appears in the envelope.
type shape func(r run, since, through float64) activity

var shapes = map[string]shape{
	"cpu-saturate":   peg,
	"io-walk":        fileWalk,
	"bursty-c2":      bursts,
	"low-and-slow":   churn,
	"scan-and-dial":  probes,
	"shell-resident": ticks,
}

// peg uses all of one core, and slows down a little with time.
func peg(r run, since, through float64) activity {
	up := min(since/0.6, 1)
	return activity{user: float64(float64(0.97*up) * (1 - float64(0.06*through))), sys: 0.012, faults: 8, resident: float64(240 * up), threads: 2, files: 3}
}

// fileWalk traverses files and writes random data for two fifths of the phase. After that only reading goes on, and fades out.
func fileWalk(r run, since, through float64) activity {
	if through < 0.42 {
		return activity{user: 0.10, sys: 0.66, read: 2.4e6, write: 5.1e7, diskWrite: 2.2e7, diskRead: 6e5, faults: 60, resident: 35, files: 24}
	}
	fade := (1 - through) / 0.58
	fade = float64(fade * fade)
	return activity{user: float64(0.05 * fade), sys: float64(0.30 * fade), read: float64(1.1e6 * fade), diskRead: float64(2e5 * fade), faults: float64(20 * fade), resident: 35, files: 18}
}

// bursts idles, with short bursts of network traffic and computing.
func bursts(r run, since, _ float64) activity {
	a := activity{user: 0.012, sys: 0.006, resident: 12, files: 4}
	if at := cycle(since-r.offset, 5*r.period); at < 1.3 {
		a.user, a.sys, a.sent, a.received, a.faults = 0.48, 0.08, 220, 170, 220
		a.read, a.write = 4e4, 9e4
	}
	return a
}

// churn uses more and more memory and CPU, then frees the memory and begins again.
func churn(r run, since, _ float64) activity {
	swell := cycle(since-r.offset, 8.4*r.period) / (8.4 * r.period)
	return activity{user: 0.04 + float64(0.24*float64(swell*swell)), sys: 0.01 + float64(0.03*swell), faults: float64(900 * swell), resident: float64(180 * swell), files: 2}
}

// probes tries many short connections, with pauses, and then dials home twice.
func probes(r run, since, through float64) activity {
	a := activity{user: 0.02, sys: 0.02, resident: 8, files: 6}
	if through < 0.6 {
		if cycle(since-r.offset, 3.6*r.period) < 2.1 {
			a.user, a.sys, a.dialed, a.sent, a.received, a.files = 0.14, 0.42, 900, 1900, 950, 64
		}
		return a
	}
	if at := cycle(through-0.6, 0.2); at > 0.06 && at < 0.12 {
		a.user, a.sys, a.sent, a.received, a.write = 0.10, 0.21, 400, 380, 2e5
	}
	return a
}

// ticks holds one connection and runs a command every few seconds.
func ticks(r run, since, _ float64) activity {
	a := activity{user: 0.006, sys: 0.012, resident: 6, files: 5, sent: 2, received: 2, threads: 1}
	if cycle(since-r.offset, 2.5*r.period) < 0.85 {
		a.user, a.sys, a.sent, a.received, a.read, a.faults = 0.06, 0.23, 40, 35, 6e4, 350
	}
	return a
}

// cycle returns how far t is into its period; the whole period if t is below 0.
func cycle(t, period float64) float64 {
	if t < 0 {
		return period
	}
	return t - float64(period*float64(int64(t/period)))
}

// at returns the guest's activity in one step of the walk, with that of the quiet guest.
func (s shape) at(r run, step int, through float64) activity {
	var a activity
	switch step {
	case armed:
		a = activity{user: 0.05, sys: 0.03, read: 3e6, diskRead: 4e5, faults: 60, resident: 3, files: 1}
	case infecting:
		a = activity{user: 0.08 + float64(0.1*through), sys: 0.09, read: 1.2e6, write: 2.5e6, diskWrite: 9e5, faults: 700, sent: 60, received: 140, resident: float64(20 * through), files: 4}
	case running:
		a = s(r, float64(walk[running].length*through), through)
	case tail:
		a = activity{user: 0.004, sys: 0.004, resident: 2}
	}
	a.user = min(quiet.user+float64(a.user*r.level), 1)
	a.sys = min(quiet.sys+float64(a.sys*r.level), 1-float64(a.user*0.3))
	a.read, a.faults = a.read+quiet.read, a.faults+quiet.faults
	a.sent, a.received = a.sent+quiet.sent, a.received+quiet.received
	return a
}
