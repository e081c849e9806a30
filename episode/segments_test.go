package episode

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	et "github.com/cis490/profiles/episode/episodetest"
)

func TestSegments(t *testing.T) {
	for name, c := range map[string]struct {
		labels   []Label
		duration float64
		want     []Segment
	}{
		"none":                 {nil, 5, nil},
		"to the duration":      {[]Label{{0, "a", true}, {1, "b", true}}, 5, []Segment{{"a", 0, 1}, {"b", 1, 5}}},
		"no duration":          {[]Label{{0, "a", true}, {1, "b", true}}, 0, []Segment{{"a", 0, 1}, {"b", 1, 2}}},
		"duration at start":    {[]Label{{0, "a", true}, {1, "b", true}}, 1, []Segment{{"a", 0, 1}, {"b", 1, 2}}},
		"a second is too fine": {[]Label{{0, "a", true}, {1e300, "b", true}}, 1, []Segment{{"a", 0, 1e300}}},
		"a hole":               {[]Label{{0, "a", true}, {1, "", false}, {3, "b", true}, {4, "", false}}, 9, []Segment{{"a", 0, 1}, {"b", 3, 4}}},
		"of no length":         {[]Label{{0, "a", true}, {0, "b", true}, {1, "c", true}}, 2, []Segment{{"b", 0, 1}, {"c", 1, 2}}},
		"goes back":            {[]Label{{0, "a", true}, {5, "b", true}, {3, "c", true}, {4, "d", true}}, 9, []Segment{{"a", 0, 5}, {"c", 3, 4}, {"d", 4, 9}}},
		"phase again":          {[]Label{{0, "a", true}, {1, "a", true}}, 2, []Segment{{"a", 0, 1}, {"a", 1, 2}}},
		"empty phase":          {[]Label{{0, "", true}}, 2, []Segment{{"", 0, 2}}},
	} {
		e := Episode{Labels: c.labels, Duration: c.duration}
		if got := e.Segments(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestLongLabels checks the warning about labels that span far more time than the duration: 1,000
// times as much, if their unit is wrong.
func TestLongLabels(t *testing.T) {
	for name, c := range map[string]struct {
		duration string
		want     bool
	}{
		"as long as the duration": {"45.02", false},
		"100 times, nearly":       {"0.41", false},
		"more than 100 times":     {"0.39", true},
		"unknown":                 {"null", false},
		"zero":                    {"0", false},
	} {
		e := mustRead(t, small().With("meta.json", et.Meta(c.duration)).Bytes())
		if got := len(e.Warnings) == 1 && e.Warnings[0].Kind == WarnLongLabels && e.Warnings[0].Channel == user[0].Name; got != c.want {
			t.Errorf("%s: warnings %v", name, e.Warnings)
		}
	}
}

// TestNoDuration checks the warning about a duration that is not where the format says.
func TestNoDuration(t *testing.T) {
	for meta, want := range map[string]bool{
		`{"result": {"duration_observed_s": 45}}`: false, `{"result": {"duration_observed_s": null}}`: true,
		`{"result": {"duration_s": 45}}`: true, `{}`: true,
	} {
		e := mustRead(t, small().With("meta.json", meta).Bytes())
		if got := len(e.Warnings) == 1 && e.Warnings[0].Kind == WarnNoDuration; got != want {
			t.Errorf("%s: warnings %v", meta, e.Warnings)
		}
	}
	format := DefaultFormat()
	format.Meta.Member = ""
	e, err := Read(bytes.NewReader(small().Bytes()), user, Rules{Format: format})
	if err != nil || len(e.Warnings) > 0 {
		t.Errorf("no meta: %v, %v", e, err)
	}
}

// TestOneTime checks that labels of one time are said to be so.
func TestOneTime(t *testing.T) {
	for want, labels := range map[string][]string{
		`the labels have 1 segments of the phases "armed", fewer than 4: all 2 labels have the same time`: {"clean@1", "armed@1"},
		`the labels have 3 segments of the phases "clean", "armed", "infected_running", fewer than 4`:     {"clean", "armed", "infected_running"},
	} {
		_, err := read(small().With("labels.jsonl", et.Labels(labels...)).Bytes())
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
