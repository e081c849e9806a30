package align

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// TestUnitsAgree checks that fit.Unit returns the unit of a rate for exactly the channels that
// episode turns into rates. Neither package imports the other, so each has a list of the counters; a name
// that is added to one list only is found here.
func TestUnitsAgree(t *testing.T) {
	fields := map[string]bool{"rss_bytes": true, "num_fds": true}
	for path, begin := range map[string]string{"../episode/channel.go": ") IsCounter()", "../fit/unit.go": "var counters = "} {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, list, found := strings.Cut(string(source), begin)
		list, _, ended := strings.Cut(list, "\n}")
		names := regexp.MustCompile(`"([a-z]+_?\w+)"[,:]`).FindAllStringSubmatch(list, -1)
		if !found || !ended || len(names) < 10 {
			t.Fatalf("%s: found %d counters after %q", path, len(names), begin)
		}
		for _, name := range names {
			fields[name[1]] = true
		}
	}
	for field := range fields {
		for _, source := range []string{"proc", "host"} {
			channel, err := episode.ParseChannelName(source + "." + field)
			if err != nil {
				t.Fatal(err)
			}
			if rate := strings.HasSuffix(fit.Unit(channel.String()), "/s"); rate != channel.IsCounter() {
				t.Errorf("%s: unit %q, counter %v", channel, fit.Unit(channel.String()), channel.IsCounter())
			}
		}
	}
}

// TestReasonsAgree: the reasons of package episode are those of fit's table that do not reject a
// message.
func TestReasonsAgree(t *testing.T) {
	files, err := filepath.Glob("../episode/*.go")
	if err != nil {
		t.Fatal(err)
	}
	constant := regexp.MustCompile(`\bReason\w+\s+Reason = "(\w+)"`)
	declared := map[fit.Reason]bool{}
	for _, path := range files {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range constant.FindAllStringSubmatch(string(source), -1) {
			declared[fit.Reason(match[1])] = true
		}
	}
	want := map[fit.Reason]bool{}
	for _, r := range fit.Reasons() {
		if !r.Rejected() {
			want[r] = true
		}
	}
	if !maps.Equal(declared, want) {
		t.Errorf("package episode declares %v, fit.Reasons has %v", declared, want)
	}
}
