package streamer_test

import (
	"encoding/json"
	"testing"

	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
	"github.com/cis490/profiles/streamer"
)

// TestSlicesWithoutPoints: the events name the slices that have points, in the phases of each channel, too.
func TestSlicesWithoutPoints(t *testing.T) {
	t.Parallel()
	g := generation(gen, gen, 0, 1)
	g.Spec.Points = fit.Points{CleanLead: 1, InfectedRunning: 4}
	five := []float64{1, 2, 3, 4, 5}
	event, err := streamer.NewAttackProfile(g, stored(five, five, five))
	if err != nil {
		t.Fatal(err)
	}
	want := []fit.Span{{Name: fit.SliceCleanLead, Start: 0, Points: 1}, {Name: fit.SliceInfectedRunning, Start: 1, Points: 4}}
	if len(event.Phases) != 2 || event.Phases[0].Span != want[0] || event.Phases[1].Span != want[1] {
		t.Errorf("the phases are %+v, want %+v", event.Phases, want)
	}

	member := signature.Member{Host: "h", Episode: "e", Curve: five, Seconds: fit.Seconds{10, 0, 0, 25, 0}}
	for range g.Spec.Signature.Channels {
		member.Signature = append(member.Signature, []float32{1, 2, 3, 4, 5})
	}
	shown, err := streamer.NewAttackSignature(g, signatures.Signature{Profile: "a", Summary: signature.Of(&g.Spec, []signature.Member{member})}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(shown.Phases) != 2 || len(shown.Channels[0].Phases) != 2 || shown.Channels[0].Phases[1].Name != fit.SliceInfectedRunning || shown.Channels[0].Phases[1].Total != 87.5 {
		t.Errorf("the phases are %+v, those of a channel %+v", shown.Phases, shown.Channels[0].Phases)
	}
	if _, err := json.Marshal(shown); err != nil {
		t.Error(err)
	}
}
