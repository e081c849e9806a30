package model

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cis490/profiles/fit"
)

// TestLabels: one wrong label in seven of every profile is found, and no other.
func TestLabels(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "b", "c"}
	var examples []Example
	for i, name := range names {
		of := cloud(rnd, name, 7, 3, float32(6*i))
		of[2].Profile = fit.ProfileName(names[(i+1)%3])
		examples = append(examples, of...)
	}
	labels, err := NewLabels(endless, small, examples)
	if err != nil {
		t.Fatal(err)
	}
	found, err := labels.Suspects(endless)
	if err != nil {
		t.Fatal(err)
	}
	want := []Suspect{{"host-2", "a-2", "b", "a"}, {"host-2", "b-2", "c", "b"}, {"host-2", "c-2", "a", "c"}}
	if !slices.Equal(found, want) {
		t.Errorf("suspects %v", found)
	}
	check := func(vector ...float32) bool {
		_, is := labels.Check(example("a", 99, vector...))
		return is
	}
	if !check(6, 6, 6) || !check(6, nan, 6) || check(0, 0, 0) || check(60, 60, 60) || check(nan, nan, nan) {
		t.Error("a new episode near b is a suspect, one near a, far from all or of nothing but gaps is none")
	}
	if _, is := labels.Check(example("other", 99, 6, 6, 6)); is {
		t.Error("an episode of a profile without examples is a suspect")
	}
}
