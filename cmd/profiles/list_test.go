package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/emit"
	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

// recordedList returns the recorded list in another format: its columns are named run, machine, kind and verdict; accepted
// has another word, and cpu-saturate another name.
func recordedList(t *testing.T, asJSON bool, accepted string) string {
	t.Helper()
	var list strings.Builder
	if !asJSON {
		list.WriteString("kind,,verdict,machine,run\n")
	}
	for row, err := range dataset.OpenValidation(filepath.Join(filepath.Dir(recordedStore), "validation.parquet"), fit.DefaultValidation()) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Accepted {
			row.Status = accepted
		}
		if row.Profile == "cpu-saturate" {
			row.Profile = "T1496_xmrig"
		}
		if !asJSON {
			list.WriteString(strings.Join([]string{row.Profile, "7", row.Status, row.HostID, row.EpisodeID}, ",") + "\r\n")
			continue
		}
		line, err := json.Marshal(map[string]any{"kind": row.Profile, "verdict": row.Status, "machine": row.HostID, "run": row.EpisodeID})
		if err != nil {
			t.Fatal(err)
		}
		list.Write(append(line, '\n'))
	}
	return list.String()
}

// listSpec is a spec for these lists.
const listSpec = `target: 100
validation: {episode_id: run, host_id: machine, profile: kind, status: verdict, accepted: [ok, good]}
profiles:
  - {name: T1496_xmrig, channel: proc.cpu_user_jiffies}
  - {name: io-walk, channel: proc.cpu_sys_jiffies}
`

// storeWith returns a store of the recorded archives with files beside it.
func storeWith(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	archives, err := filepath.Abs(recordedStore)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(archives, filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "store")
}

// TestFitReadsOtherLists: the same episodes in another list give the same envelopes.
func TestFitReadsOtherLists(t *testing.T) {
	fitOf := func(args ...string) ([]dataset.AttackProfile, string) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "fit.parquet")
		code, _, stderr := call(t, "", append([]string{"fit", "--fit-out", out}, args...)...)
		if code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, stderr)
		}
		rows, _ := table(t, out)
		return rows, stderr
	}
	want, _ := fitOf("--store", recordedStore)
	want = want[:2]
	want[0].Profile = "T1496_xmrig"
	spec := write(t, "spec.yaml", listSpec)
	for name, text := range map[string]string{
		"list.csv":   recordedList(t, false, "ok"),
		"list.jsonl": recordedList(t, true, "good"),
		"anything":   "\xef\xbb\xbf" + recordedList(t, false, "good"),
	} {
		if got, _ := fitOf("--store", recordedStore, "--validation", write(t, name, text), "--spec", spec); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: other envelopes", name)
		}
	}
	// Without --validation, the list is beside the store.
	store := storeWith(t, map[string]string{"validation.jsonl": recordedList(t, true, "ok"), "validation.csv": recordedList(t, false, "ok")})
	got, stderr := fitOf("--store", store, "--spec", spec)
	if !reflect.DeepEqual(got, want) || !strings.Contains(stderr, "the list of episodes is "+filepath.Dir(store)+"/validation.csv, not validation.jsonl (--validation names another one)\n") {
		t.Errorf("beside the store: %s", stderr)
	}
	if folder, _, err := (&sourceFlags{store: "."}).besideStore(); err != nil || folder != ".." {
		t.Errorf("beside the store . is %s, %v", folder, err)
	}
}

// TestFitSaysWhyTheListHasNothing names what the list has instead.
func TestFitSaysWhyTheListHasNothing(t *testing.T) {
	csv := func(rows ...string) string { return "episode_id,host_id,profile,status\n" + strings.Join(rows, "\n") }
	for name, test := range map[string]struct {
		list string
		code int
		says []string
	}{
		"other status":  {csv("e1,h1,cpu-saturate,Accepted", "e2,h1,cpu-saturate,Accepted"), 1, []string{"cpu-saturate     used 0 of 0 attempted: no row has status accepted; 2 have Accepted\n", "nothing was written: no row has status accepted; 2 have Accepted\n"}},
		"other profile": {csv("e1,h1,T1496_xmrig,accepted"), 1, []string{"io-walk          used 0 of 0 attempted: the list has no profile io-walk; it has T1496_xmrig (1)\n", "and so on for 4 more profiles\n"}},
		"no row":        {csv(), 1, []string{"the list has no row"}},
		"some":          {recordedList(t, false, "accepted"), 1, []string{"no column episode_id; the file has kind, \"\", verdict, machine, run"}},
		"malformed":     {csv("e1,h1,cpu-saturate,accepted", "e 2,h1,cpu-saturate,accepted"), 1, []string{"warning: left out: line 3: ", "nothing was written: 1 missing, for example h1/e1: "}},
	} {
		out := filepath.Join(t.TempDir(), "fit.parquet")
		code, stdout, stderr := call(t, "", "fit", "--store", recordedStore, "--validation", write(t, "list", test.list), "--fit-out", out)
		if code != test.code || stdout != "" {
			t.Errorf("%s: exit %d, %s", name, code, stdout)
		}
		for _, want := range test.says {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q is not in\n%s", name, want, stderr)
			}
		}
	}
	code, _, stderr := call(t, "", "fit", "--store", storeWith(t, nil))
	if code != 1 || !strings.Contains(stderr, "no list of episodes: ") || !strings.Contains(stderr, "has no validation.parquet, validation.csv, ") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestEmitSaysHowItReadTheList(t *testing.T) {
	s := bustest.Start(t)
	url := s.URL()
	list, spec := write(t, "list.csv", recordedList(t, false, "ok")), write(t, "spec.yaml", listSpec)
	text := must(t, "emit", "--nats", url, "--validation", list, "--spec", spec)
	for _, want := range []string{
		"58 rows accept 48 episodes: 0 in the log already, 48 published, 0 retracted\n",
		"read with columns run, machine, kind; status column verdict, accepted: ok, good\n",
		"statuses: 48 ok, ", "profiles: ", " T1496_xmrig",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	summary := decode[emit.Summary](t, must(t, "emit", "--nats", url, "--validation", list, "--spec", spec, "--json", "--dry-run"))
	if summary.Already != 48 || summary.Columns == nil || summary.Columns.Status != "verdict" || summary.Statuses[0].Rows != 48 {
		t.Errorf("%+v", summary)
	}
	// Another word for accepted takes back every episode: the summary says which word the list has.
	other := write(t, "other.csv", recordedList(t, false, "OK"))
	text = must(t, "emit", "--nats", url, "--validation", other, "--spec", spec, "--dry-run")
	if !strings.HasPrefix(text, "emit would publish nothing without --retract-all: the list would take back 48 of the 48 episodes that the log accepts: by status 48 OK (only ok or good counts)\n") ||
		!strings.Contains(text, "48 would be retracted\nread with ") || !strings.Contains(text, "no row has status ok or good; 48 have OK, ") {
		t.Error(text)
	}
}

// TestUpOfOtherLists: up takes a list of another format, and fails if nothing is usable.
func TestUpOfOtherLists(t *testing.T) {
	t.Setenv("MISSING_PATIENCE", "20ms")
	up := func(list, spec string, more ...string) (int, string, string) {
		return call(t, "", append([]string{"up", "--exit-when-settled", "--nats", "127.0.0.1:0", "--listen", "127.0.0.1:0",
			"--log-level", "error", "--validation", write(t, "list", list), "--spec", write(t, "spec.yaml", spec)}, more...)...)
	}
	code, stdout, stderr := up(recordedList(t, true, "good"), listSpec, "--store", recordedStore)
	if code != 0 || !strings.Contains(stdout, "settled: 16 episodes tried, 14 of them in the envelopes; in REJECTED: 2 missing") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = up(recordedList(t, true, "Good"), listSpec, "--store", recordedStore)
	const why = "no row has status ok or good; 48 have Good, "
	if code != 1 || !strings.Contains(stdout, "accepts 0 episodes: 0 published, 0 were known, 0 retracted: "+why) ||
		!strings.HasPrefix(stderr, "profiles up: no profile has a usable episode: "+why) {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	code, _, stderr = up(recordedList(t, false, "ok"), strings.NewReplacer("cpu_user_jiffies", "cpu_users", "io-walk", "walk").Replace(listSpec), "--store", recordedStore)
	for _, want := range []string{"profiles up: no profile has a usable episode: ", "7 no_channel, for example lab-0", "1 missing, for example lab-0", "the list has no profile walk; it has bursty-c2 (", "io-walk ("} {
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("exit %d, %q is not in: %s", code, want, stderr)
		}
	}
	if strings.Count(stderr, "\n") != 1 {
		t.Errorf("more than one line: %s", stderr)
	}
}

// TestFitWarnsOnce: a channel that looks like a counter is named once, not for each episode or profile.
func TestFitWarnsOnce(t *testing.T) {
	dir := t.TempDir()
	list := "episode_id,host_id,profile,status\n"
	for i := range 4 {
		archive := episodetest.Episode(80).With("telemetry-net.jsonl", episodetest.Rows(80, func(k int) string { return fmt.Sprintf(`"rx": %d`, k) })).Bytes()
		name := fmt.Sprintf("e%d", i)
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "h"), 0o755), os.WriteFile(filepath.Join(dir, "h", name+".tar.zst"), archive, 0o600)); err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintf("%s,h,%s,accepted\n", name, []string{"a", "b"}[i%2])
	}
	spec := write(t, "spec.yaml", "profiles: [{name: a, channel: net.rx}, {name: b, channel: net.rx}]\n")
	code, stdout, stderr := call(t, "", "fit", "--store", dir, "--validation", write(t, "list.csv", list), "--spec", spec, "--fit-out", filepath.Join(t.TempDir(), "fit.parquet"))
	if code != 0 || strings.Count(stderr, "warning: looks_like_counter in 4 episodes, for example h/e") != 1 || strings.Count(stderr, "warning") != 1 {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if r := decode[savedReport](t, stdout); len(r.Warnings) != 1 || r.Warnings[0].Channel != "net.rx" || r.Warnings[0].Episodes != 4 {
		t.Errorf("%s", stdout)
	}
}
