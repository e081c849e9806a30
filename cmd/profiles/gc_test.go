package main

import (
	"strings"
	"testing"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/command/gc"
)

func TestGC(t *testing.T) {
	t.Setenv("NATS_URL", bustest.Start(t).URL())
	if out := must(t, "gc"); !strings.Contains(out, "there is no generation yet") {
		t.Error(out)
	}
	for _, spec := range []string{"revision: 1\ntarget: 3\n", "revision: 2\ntarget: 4\n"} {
		must(t, "topology", "--spec", write(t, "spec.yaml", spec))
	}
	lines := func(args ...string) (wanted, old string) {
		t.Helper()
		out := must(t, append([]string{"gc"}, args...)...)
		l := strings.Split(strings.TrimSpace(out), "\n")
		if len(l) != 3 || !strings.HasPrefix(l[0], "GENERATION") {
			t.Fatal(out)
		}
		return l[1], l[2]
	}
	wanted, old := lines()
	if !strings.Contains(wanted, " kept  the dashboard shall show it") || !strings.Contains(old, " kept  it was used ") {
		t.Errorf("%s\n%s", wanted, old)
	}
	if _, old = lines("--idle", "0s", "--dry-run"); !strings.Contains(old, "would be removed  2 consumers, 0 entries, 0 envelopes, 0 signature parts, 0B") {
		t.Error(old)
	}
	const leftOver = "left over: no worker asks for its messages; profiles gc removes it, or says why it stays"
	for _, line := range strings.Split(must(t, "status"), "\n") {
		if old, wanted := strings.Contains(line, leftOver), strings.HasSuffix(line, "  wanted"); old != strings.Contains(line, "  1         0") || wanted != strings.Contains(line, "  2         0") {
			t.Error(line)
		}
	}
	r := decode[gc.Report](t, must(t, "gc", "--idle", "0s", "--json"))
	if len(r.Generations) != 2 || r.DryRun || r.Generations[0].Fate != gc.Removed || r.Generations[0].SpecKept || r.Generations[1].Why != gc.Wanted {
		t.Errorf("%+v", r)
	}
	if out := must(t, "gc"); strings.Count(out, "\n") != 2 {
		t.Error(out)
	}
	if out := must(t, "status"); strings.Contains(out, " 1         0") || strings.Contains(out, leftOver) {
		t.Error(out)
	}
}

func TestPlural(t *testing.T) {
	for want, got := range map[string]string{
		"1 entry": plural(1, "entry"), "0 entries": plural(0, "entry"), "2 consumers": plural(2, "consumer"), "1 consumer": plural(1, "consumer"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
