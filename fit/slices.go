package fit

import "math"

// Walk is what a curve needs to know of an episode's phases. Times are seconds since the episode's first label.
type Walk struct {
	Armed      float64 // start of the first armed segment
	Infecting  float64 // start of the first infecting segment; NaN where there is none
	Running    float64 // start of the first infected_running segment
	RunningEnd float64 // end of the last infected_running segment
	DormantEnd float64 // end of the last dormant segment; NaN where there is none
	Duration   float64 // observed duration of the episode; 0 where it is not known
}

// A Slice is one of the five parts of a curve: Points points over the seconds from Start to End. One whose End does not lie after
// its Start, or is NaN, has no data.
type Slice struct {
	Name       string
	Start, End float64
	Points     int
}

// shortSlice is the length in seconds that a slice gets where nothing in the episode ends it.
const shortSlice = 0.1

// Slices cuts an episode into the five slices of its curve:
//
//	clean_lead        0                     to  Armed
//	armed             Armed                 to  Infecting, or Armed + 0.1 where there is none
//	infecting         end of the one before to  Running
//	infected_running  Running               to  RunningEnd, or DormantEnd where that is later
//	clean_tail        end of the one before to  Duration where that is later, else its start + 0.1
//
// So dormant counts as infected_running. Where phases come in another order than the usual, slices may overlap, or end before they
// start; those of the second kind have no data.
func (p Points) Slices(w Walk) [5]Slice {
	armedEnd := w.Infecting
	if math.IsNaN(armedEnd) {
		armedEnd = w.Armed + shortSlice
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
		{SliceCleanLead, 0, w.Armed, p.CleanLead},
		{SliceArmed, w.Armed, armedEnd, p.Armed},
		{SliceInfecting, armedEnd, w.Running, p.Infecting},
		{SliceInfectedRunning, w.Running, runningEnd, p.InfectedRunning},
		{SliceCleanTail, runningEnd, tailEnd, p.CleanTail},
	}
}
