package bus

import "testing"

// TestMarksOfOthers: what can't be a number of readers is none. A number below zero
// would never reach FatalTries, and there is none after the greatest.
func TestMarksOfOthers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"0": 0, "1": 1, "5": 5, "14": 14, "10000": 10_000,
		"-1": 0, "-1000000": 0, "10001": 0, "9223372036854775807": 0, "-9223372036854775808": 0, "99999999999999999999": 0,
		"": 0, "many": 0, "1e3": 0, "5 ": 0, "\xff": 0,
	} {
		if got := marksIn(value{data: []byte(text), live: true}); got != want {
			t.Errorf("%q is %d marks, want %d", text, got, want)
		}
	}
	if got := marksIn(value{data: []byte("3")}); got != 0 {
		t.Errorf("what was removed is %d marks", got)
	}
}
