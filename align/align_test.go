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

// TestUnitsAgree checks that fit.Unit returns a rate for the same channels of which
// episode computes rates. Neither package imports the other.
func TestUnitsAgree(t *testing.T) {
	for _, name := range []string{
		"proc.cpu_user_jiffies", "proc.cpu_sys_jiffies", "proc.io_read_bytes", "proc.io_write_bytes", "proc.io_rchar",
		"proc.io_wchar", "proc.minflt", "proc.majflt", "proc.ctxt_voluntary", "proc.ctxt_involuntary",
		"proc.rss_bytes", "proc.num_fds", "proc.vsize_bytes", "proc.num_threads", "host.cpu_user_jiffies", "net.rx_bytes",
	} {
		channel, err := episode.ParseChannelName(name)
		if err != nil {
			t.Fatal(err)
		}
		if rate := strings.HasSuffix(fit.Unit(name), "/s"); rate != channel.IsCounter() {
			t.Errorf("%s: unit %q, counter %v", name, fit.Unit(name), channel.IsCounter())
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
