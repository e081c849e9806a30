package check_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/profiles/command/check"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
)

const cpu, walk = "cpu-saturate", "io-walk"

// A listed is an episode of the list, with its archives by suffix.
type listed struct {
	host, id, profile string
	archives          map[string][]byte
}

func zst(a episodetest.Archive) map[string][]byte { return map[string][]byte{".tar.zst": a.Bytes()} }

// run checks episodes in a directory.
func run(t *testing.T, cfg check.Config, episodes []listed) *check.Report {
	t.Helper()
	dir := t.TempDir()
	for _, e := range episodes {
		for suffix, content := range e.archives {
			path := filepath.Join(dir, e.host, e.id+suffix)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	archives, err := store.OpenDir(dir, cfg.Spec.Format.Suffixes...)
	if err != nil {
		t.Fatal(err)
	}
	r, err := check.Check(context.Background(), cfg, archives, rosterOf(t, cfg.Spec, episodes))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rosterOf(t *testing.T, spec *fit.Spec, episodes []listed) *roster.Roster {
	t.Helper()
	var rows iter.Seq2[dataset.ValidationRow, error] = func(yield func(dataset.ValidationRow, error) bool) {
		for _, e := range episodes {
			if !yield(dataset.ValidationRow{EpisodeID: e.id, HostID: e.host, Profile: e.profile, Status: "accepted", Accepted: true}, nil) {
				return
			}
		}
	}
	r, err := roster.Read(rows, spec.Seed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCheck: a store with every kind of fault gives a report that names each.
func TestCheck(t *testing.T) {
	whole := episodetest.Episode(450)
	dropped := whole.With("telemetry-proc.jsonl", `{"t_wall_ns": null, "cpu_user_jiffies": 3}`+"\n"+episodetest.ProcRows(450))
	noData := whole.With("telemetry-proc.jsonl", strings.ReplaceAll(episodetest.ProcRows(450), "17672256", "17672996"))
	packed := whole.Bytes()
	episodes := []listed{
		{"lab-01", "ep-1", cpu, zst(whole)},
		{"lab-01", "ep-2", cpu, zst(whole)},
		{"lab-02", "ep-3", cpu, zst(dropped)},
		{"lab-02", "ep-4", cpu, nil},
		{"lab-02", "ep-5", cpu, map[string][]byte{".tar.zst": packed[:len(packed)/2]}},
		{"lab-02", "ep-6", cpu, zst(whole.Without("telemetry-proc.jsonl"))},
		{"lab-03", "ep-7", walk, zst(whole.With("labels.jsonl", episodetest.Labels("a", "b", "c", "d", "e")))},
		{"lab-03", "ep-8", walk, zst(whole.With("labels.jsonl", episodetest.Labels("a", "b", "c", "d", "e")))},
		{"lab-03", "ep-9", walk, zst(noData)},
		{"lab-03", "ep-10", walk, map[string][]byte{".tar.zst": whole.Bytes(), ".tar.gz": whole.Gzip()}},
	}
	spec := fit.DefaultSpec()
	spec.Format.Suffixes = []string{".tar.zst", ".tar.gz"}
	calls := 0
	cfg := check.Config{Spec: spec, Concurrency: 3, Progress: func(done, total int) {
		if calls++; done != calls || total != 10 {
			t.Errorf("progress %d of %d", done, total)
		}
	}}
	r := run(t, cfg, episodes)
	if r.Tried != 10 || r.Curves != 4 || r.Unreadable() != 1 || calls != 10 {
		t.Errorf("tried %d, curves %d, unreadable %d, calls %d", r.Tried, r.Curves, r.Unreadable(), calls)
	}
	if got := fmt.Sprint(r.Twice); got != "[{lab-03/ep-10 [.tar.zst .tar.gz]}]" {
		t.Error(got)
	}
	of := func(name fit.ProfileName) check.Profile {
		i := slices.IndexFunc(r.Profiles, func(p check.Profile) bool { return p.Name == name })
		return r.Profiles[i]
	}
	c := of(cpu)
	if got := fmt.Sprint(c.Tried, c.Curves, c.Hosts); got != "6 3 [{lab-01 2 2} {lab-02 4 1}]" || c.Unlisted != "" {
		t.Error(got)
	}
	wantReasons(t, c, map[fit.Reason][]string{
		fit.ReasonMissing:  {"1 lab-02/ep-4", "ep-4.tar.zst"},
		fit.ReasonCorrupt:  {"1 lab-02/ep-5"},
		fit.ReasonNoSource: {"1 lab-02/ep-6", "telemetry-proc.jsonl", "telemetry-host.jsonl", "labels.jsonl"},
	})
	i := slices.IndexFunc(c.Quality, func(a fit.Affected) bool { return a.Kind == fit.QualityRowsDropped })
	if i < 0 || c.Quality[i] != (fit.Affected{Kind: fit.QualityRowsDropped, Episodes: 1, Worst: 1, Host: "lab-02", Episode: "ep-3"}) {
		t.Errorf("quality %+v", c.Quality)
	}
	w := of(walk)
	if w.Tried != 4 || w.Curves != 1 || w.Without[0].Episodes != 2 {
		t.Errorf("%+v", w)
	}
	wantReasons(t, w, map[fit.Reason][]string{
		fit.ReasonNoArmed: {"2 lab-03/", `"a"`},
		fit.ReasonNoData:  {"1 lab-03/ep-9"},
	})
	if p := of("bursty-c2"); p.Tried != 0 || !strings.Contains(p.Unlisted, "bursty-c2") {
		t.Errorf("%+v", p)
	}

	cfg.Concurrency, cfg.Progress = 1, nil
	again, _ := json.Marshal(run(t, cfg, episodes))
	if first, _ := json.Marshal(r); withoutPaths(first) != withoutPaths(again) {
		t.Errorf("with one at once:\n%s\nwant\n%s", again, first)
	}
	cfg.Sample = 1
	if r := run(t, cfg, episodes); r.Tried != 2 {
		t.Errorf("a sample of 1 tries %d", r.Tried)
	}
}

// withoutPaths removes the name of the temporary folder.
func withoutPaths(report []byte) string {
	before, after, _ := strings.Cut(string(report), " in /")
	_, after, _ = strings.Cut(after, `"`)
	return before + after
}

func wantReasons(t *testing.T, p check.Profile, want map[fit.Reason][]string) {
	t.Helper()
	if len(p.Without) != len(want) {
		t.Errorf("%s: %+v", p.Name, p.Without)
	}
	for _, w := range p.Without {
		text := fmt.Sprintf("%d %s %s", w.Episodes, w.Example, w.Detail)
		for _, part := range want[w.Reason] {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %s lacks %q", w.Reason, text, part)
			}
		}
	}
}

// TestWarnings: a gauge that looks like a counter is named once for its profile.
func TestWarnings(t *testing.T) {
	spec := fit.DefaultSpec()
	spec.Profiles = []fit.Profile{{Name: cpu, Channel: "host.ctxt"}}
	spec.Signature.Channels = nil
	r := run(t, check.Config{Spec: spec}, []listed{{"lab-01", "ep-1", cpu, zst(episodetest.Episode(450))}, {"lab-01", "ep-2", cpu, zst(episodetest.Episode(450))}})
	w := r.Profiles[0].Warnings
	if len(w) != 1 || w[0].Kind != episode.WarnLooksLikeCounter || w[0].Channel != "host.ctxt" || w[0].Episodes != 2 || !strings.HasPrefix(w[0].Example, "lab-01/") || w[0].Detail == "" {
		t.Errorf("warnings %+v", w)
	}
}

// A silentStore does not answer.
type silentStore struct{ check.Store }

var errSilent = errors.New("no answer")

func (silentStore) Open(context.Context, episode.Ref) (io.ReadCloser, error) { return nil, errSilent }

// TestStoreDoesNotAnswer: then there is no report.
func TestStoreDoesNotAnswer(t *testing.T) {
	spec := fit.DefaultSpec()
	r := rosterOf(t, spec, []listed{{host: "lab-01", id: "ep-1", profile: cpu}, {host: "lab-01", id: "ep-2", profile: cpu}})
	if report, err := check.Check(context.Background(), check.Config{Spec: spec}, silentStore{}, r); !errors.Is(err, errSilent) || report != nil {
		t.Errorf("%+v, %v", report, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := check.Check(ctx, check.Config{Spec: spec}, silentStore{}, r); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
