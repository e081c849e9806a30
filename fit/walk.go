package fit

import "math"

// Walk has the times of an episode's phases that a curve depends on, in seconds since the episode's first label.
type Walk struct {
	Armed      float64 // start of the first armed segment; NaN if there is none
	Infecting  float64 // start of the first infecting segment; NaN if there is none
	Running    float64 // start of the first infected_running segment
	RunningEnd float64 // end of the last infected_running segment
	DormantEnd float64 // end of the last dormant segment; NaN if there is none
	Duration   float64 // observed duration of the episode; 0 if it is not known
}

// A Slice is one of the five parts of a curve: Points points over the seconds from Start to End. If End is not after Start, or
// one of them is NaN, the slice has no data.
type Slice struct {
	Name       string
	Start, End float64
	Points     int
}

// shortSlice is the length in seconds of a slice whose end is not in the episode.
const shortSlice = 0.1

// Slices cuts an episode into the five slices of its curve:
//
//	clean_lead        0                     to  Armed
//	armed             Armed                 to  Infecting, or Armed + 0.1 if there is none
//	infecting         end of the one before to  Running
//	infected_running  Running               to  RunningEnd, or DormantEnd if that is later
//	clean_tail        end of the one before to  Duration if that is later, else its start + 0.1
//
// So dormant counts as infected_running. If the phases come in an unusual order, slices may overlap, or end before they start; a
// slice that ends before it starts has no data.
//
// A slice of 0 points has the same times, so the slice behind it begins where it would have ended. If armed has 0 points,
// clean_lead ends at the earliest of Armed, Infecting and Running that there is; and if there is no Armed either, armed would have
// started and ended at Infecting, or at Running if there is no Infecting.
func (p Points) Slices(w Walk) [5]Slice {
	leadEnd, armed, armedEnd := w.Armed, w.Armed, w.Infecting
	if math.IsNaN(armedEnd) {
		armedEnd = w.Armed + shortSlice
	}
	if p.Armed == 0 {
		leadEnd = earliest(w.Armed, w.Infecting, w.Running)
		if math.IsNaN(w.Armed) {
			armedEnd = w.Infecting
			if math.IsNaN(armedEnd) {
				armedEnd = w.Running
			}
			armed = armedEnd
		}
	}
	runningEnd := w.RunningEnd
	if w.DormantEnd > runningEnd {
		runningEnd = w.DormantEnd
	}
	tailEnd := runningEnd + shortSlice
	if w.Duration > runningEnd {
		tailEnd = w.Duration
	}
	return [5]Slice{
		{SliceCleanLead, 0, leadEnd, p.CleanLead},
		{SliceArmed, armed, armedEnd, p.Armed},
		{SliceInfecting, armedEnd, w.Running, p.Infecting},
		{SliceInfectedRunning, w.Running, runningEnd, p.InfectedRunning},
		{SliceCleanTail, runningEnd, tailEnd, p.CleanTail},
	}
}

// earliest returns the least of the times that are not NaN; NaN if all are.
func earliest(times ...float64) float64 {
	least := math.NaN()
	for _, t := range times {
		if !(t >= least) && !math.IsNaN(t) {
			least = t
		}
	}
	return least
}
