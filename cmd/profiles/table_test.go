package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
	"github.com/cis490/profiles/streamer"
)

// TestLinesOfATable: where there is no screen, each change has a line below the header. The streamer repeats its last events
// every 20 s: these have no line.
func TestLinesOfATable(t *testing.T) {
	var out strings.Builder
	table := newLiveTable(plain.NewWriter(&out), fit.DefaultSpec())
	event := func(profile string, used int) {
		t.Helper()
		data, err := json.Marshal(streamer.AttackProfile{Name: profile, Used: used, Target: 100, Attempted: 9, Curve: []float64{1, 2}, MedianRaw: []float64{1, 2}})
		if err != nil {
			t.Fatal(err)
		}
		table.add("dashboard.attack_profile."+profile, data, 1)
	}
	for range 3 {
		event("cpu-saturate", 7)
		event("io-walk", 7)
	}
	event("io-walk", 8)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, want := range []string{"profile ", "cpu-saturate      7/100", "io-walk           7/100", "io-walk           8/100"} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("line %d is not %q:\n%s", i, want, out.String())
		}
	}
	if len(lines) != 4 {
		t.Errorf("%d lines:\n%s", len(lines), out.String())
	}
}

// TestProblemOfATable: what fails has a line when it begins and when it ends, if there is no screen. On a screen it stands
// below the table, whole, however long it is.
func TestProblemOfATable(t *testing.T) {
	var out strings.Builder
	table := newLiveTable(plain.NewWriter(&out), fit.DefaultSpec())
	for _, err := range []error{nil, errors.New("PUBLISH_URL: a"), errors.New("PUBLISH_URL: a"), nil, nil} {
		table.showProblem(err)
	}
	if got, want := out.String(), "PUBLISH_URL: a\nposts to PUBLISH_URL work again\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for text, want := range map[string][]string{
		"":                   nil,
		"one two three":      {"one two", "three"},
		"önë tw":             {"önë tw"},
		"a-word-of-18-chars": {"a-word-of", "-18-chars"},
	} {
		if got := wrap(text, 9); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
