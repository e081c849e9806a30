package client

import (
	"strings"
	"testing"
)

func TestServerVersion(t *testing.T) {
	t.Parallel()
	for v, ok := range map[string]bool{
		"2.11.0": true, "2.15.2": true, "v2.12.1-RC.3": true, "3.0.0": true,
		"2.10.29": false, "1.4.1": false, "": false, "next": false,
	} {
		err := checkVersion(v)
		if (err == nil) != ok {
			t.Errorf("%q: %v", v, err)
		}
		if err != nil && !strings.Contains(err.Error(), "this needs 2.11 or newer") {
			t.Errorf("%q: %v does not say what is needed", v, err)
		}
	}
}
