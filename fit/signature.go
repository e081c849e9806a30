package fit

import "math"

// Signature is one episode on the grid in the channels of the spec's [SignatureSpec]: for each of them, in the spec's order, one value
// for each point of a curve, NaN for a gap. A channel that the episode lacks is nothing but gaps. Values are float32, which holds a rate
// to seven digits in half the room. Signatures are never changed once made, so they may be shared.
type Signature [][]float32

// AlignSignature brings an episode's channels onto the grid, each as [Align] does, and rounds to float32 at last ([Float32]). A series
// without samples is a channel that the episode lacks. The result belongs to the caller.
func AlignSignature(p Points, r Resample, w Walk, channels []Series) Signature {
	points := p.Total()
	all := make([]float32, points*len(channels))
	s := make(Signature, len(channels))
	for i, channel := range channels {
		s[i], all = all[:points:points], all[points:]
		for k, v := range Align(p, r, w, channel) {
			s[i][k] = toFloat32(v)
		}
	}
	return s
}

// toFloat32 is [Float32], with one kind of NaN for all gaps.
func toFloat32(v float64) float32 {
	if math.IsNaN(v) {
		return float32(math.NaN())
	}
	return Float32(v)
}
