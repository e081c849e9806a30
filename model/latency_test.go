package model

import (
	"reflect"
	"testing"
	"time"
)

func TestLatency(t *testing.T) {
	if got := latencyOf(nil); got.N != 0 || got.Buckets == nil {
		t.Errorf("of nothing: %+v", got)
	}
	took := []time.Duration{time.Microsecond, 1001, 30 * time.Microsecond, 0}
	want := Latency{4, 1, 30, 30, 30, []Bucket{{1, 2}, {2, 1}, {5, 0}, {10, 0}, {20, 0}, {50, 1}}}
	if got := latencyOf(took); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
