package events_test

import (
	"encoding/json"
	"testing"

	"github.com/cis490/profiles/fit"
)

const gen = fit.Generation("abcdefghij")

func decode[T any](t *testing.T, data []byte) (x T) {
	t.Helper()
	if err := json.Unmarshal(data, &x); err != nil {
		t.Fatal(err)
	}
	return x
}
