package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestFigure(t *testing.T) {
	all, err := parse(strings.NewReader("goos: linux\nBenchmarkCost/recorded-host-2 \t 15\t 200 align-µs\t 100 KB\t 12.5 episodes/s\nPASS\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"{align-µs} µs":           "200 µs",
		"{1e6/align-µs} a second": "5000 a second",
		"{KB/align-µs/1e-3} MB/s": "500 MB/s",
		"{episodes/s} episodes/s": "12.5 episodes/s",
		"{KB} and {no such unit}": "not measured",
	} {
		if got := (row{benchmark: "Cost/recorded-host", text: text}).figure(all); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if got := (row{benchmark: "Cost/other"}).figure(all); got != "not measured" {
		t.Error(got)
	}
}

// TestRunsHavePackages: a package that was moved would only give "not measured".
func TestRunsHavePackages(t *testing.T) {
	for _, r := range runs {
		if tests, err := filepath.Glob(filepath.Join("../..", r.pkg, "*_test.go")); err != nil || len(tests) == 0 {
			t.Errorf("%s has no tests, %v", r.pkg, err)
		}
	}
}
