//go:build k8s

package k8s_test

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// A table prints one row for each step of the test, as soon as the step is done.
type table struct {
	t     *testing.T
	began time.Time
	last  time.Time
}

func newTable(t *testing.T) *table {
	now := time.Now()
	fmt.Fprintf(os.Stderr, "%7s %7s  %s\n", "at", "took", "step")
	return &table{t: t, began: now, last: now}
}

// row prints what happened since the row before.
func (r *table) row(format string, args ...any) {
	now := time.Now()
	fmt.Fprintf(os.Stderr, "%6.0fs %6.1fs  %s\n", now.Sub(r.began).Seconds(), now.Sub(r.last).Seconds(), fmt.Sprintf(format, args...))
	r.last = now
}
