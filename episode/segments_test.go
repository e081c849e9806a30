package episode

import (
	"slices"
	"testing"
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
