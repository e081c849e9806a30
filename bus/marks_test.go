package bus

import (
	"testing"

	"github.com/cis490/profiles/bus/client"
)

// TestMarksOfOthers: invalid counts read as 0. A count below zero would never reach
// FatalTries, and the greatest number can't be raised.
func TestMarksOfOthers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"0": 0, "1": 1, "5": 5, "14": 14, "10000": 10_000,
		"-1": 0, "-1000000": 0, "10001": 0, "9223372036854775807": 0, "-9223372036854775808": 0, "99999999999999999999": 0,
		"": 0, "many": 0, "1e3": 0, "5 ": 0, "\xff": 0,
	} {
		if got := parseMarks(client.Value{Data: []byte(text), Exists: true}); got != want {
			t.Errorf("%q is %d marks, want %d", text, got, want)
		}
	}
	if got := parseMarks(client.Value{Data: []byte("3")}); got != 0 {
		t.Errorf("a deleted key has %d marks", got)
	}
}
