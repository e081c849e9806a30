package setting_test

import (
	"testing"
	"time"

	"github.com/cis490/profiles/internal/setting"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		value, want time.Duration
		err         string
	}{
		{0, 20 * time.Second, ""},
		{time.Second, time.Second, ""},
		{time.Minute, time.Minute, ""},
		{time.Second - 1, 0, "PAUSE is 999.999999ms: it must be between 1s and 1m0s"},
		{time.Minute + 1, 0, "PAUSE is 1m0.000000001s: it must be between 1s and 1m0s"},
		{-time.Second, 0, "PAUSE is -1s: it must be between 1s and 1m0s"},
	} {
		got := c.value
		err := setting.Number("PAUSE", &got, 20*time.Second, time.Second, time.Minute)
		switch {
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("%s: %s, %v; want %s", c.value, got, err, c.want)
		case c.err != "" && (err == nil || err.Error() != c.err):
			t.Errorf("%s: error %v, want %q", c.value, err, c.err)
		}
	}
}
