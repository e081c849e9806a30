package inspect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/command/inspect"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
)

// summary reads archives and returns what they hold together.
func summary(t *testing.T, archives ...episodetest.Archive) *inspect.Summary {
	t.Helper()
	var all []*inspect.Archive
	for i, a := range archives {
		read, err := inspect.Read(t.Context(), bytes.NewReader(a.Bytes()), episode.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		read.Host, read.Episode, read.Suffix = "lab-01", fmt.Sprintf("ep-%d", i), ".tar.zst"
		all = append(all, read)
	}
	return inspect.Summarize(all)
}

func TestSummary(t *testing.T) {
	s := summary(t, episodetest.Episode(450), episodetest.Episode(400))
	if s.Archives != 2 || s.Compressions["zstd"] != 2 || len(s.Members) != 4 {
		t.Errorf("%d archives, %v, %d members", s.Archives, s.Compressions, len(s.Members))
	}
	if s.Labels == nil || *s.Labels != (inspect.Labels{Member: "labels.jsonl", Time: "t_wall_ns", Unit: episode.Nanoseconds, Phase: "phase"}) {
		t.Errorf("labels %+v", s.Labels)
	}
	if s.Meta == nil || *s.Meta != (inspect.Meta{Member: "meta.json", Duration: "result.duration_observed_s", Unit: episode.Seconds, Sure: true}) {
		t.Errorf("meta %+v", s.Meta)
	}
	for i, name := range []string{"telemetry-host.jsonl", "telemetry-proc.jsonl"} {
		want := inspect.Source{Member: name, Time: "t_wall_ns", Unit: episode.Nanoseconds, Epoch: true, Rows: inspect.JSONLines}
		if len(s.Sources) != 2 || s.Sources[i] != want {
			t.Errorf("sources %+v", s.Sources)
		}
	}
	if got := fmt.Sprint(s.Walks[1].Labels); got != "[{0 clean} {10 armed} {12 infecting} {15 infected_running} {40 clean}]" {
		t.Errorf("labels %s", got)
	}
	proc := s.Member("telemetry-proc.jsonl")
	if proc.Rows != 850 || proc.Archives != 2 {
		t.Errorf("%d rows in %d archives", proc.Rows, proc.Archives)
	}
	for path, counter := range map[string]bool{"minflt": true, "io_rchar": true, "rss_bytes": false, "num_fds": false, "vsize_bytes": false} {
		if f := proc.Field(path); f.LooksLikeCounter() != counter || f.Rows != 850 {
			t.Errorf("%s: counter %t, %+v", path, !counter, f)
		}
	}
	if f := proc.Field("minflt"); *f.Least != 2641 || *f.Greatest != 2641+3*449 || f.Falls != 0 || f.Rises != 848 {
		t.Errorf("minflt %+v", f)
	}
	if f := proc.Field("state"); strings.Join(f.Words, " ") != "R" || f.IsNumber() || !proc.Field("pid").Constant() {
		t.Errorf("state %+v", f)
	}
}

// TestTimes: the unit of a time is guessed from the size of its values.
func TestTimes(t *testing.T) {
	cases := map[string]struct {
		time string // of row i, with %d for the seconds since the start
		unit episode.TimeUnit
	}{
		"seconds":      {`"ts": 17672256%02d.25`, episode.Seconds},
		"milliseconds": {`"ts": 17672256%02d250`, episode.Milliseconds},
		"microseconds": {`"ts": "17672256%02d250000"`, episode.Microseconds},
		"nanoseconds":  {`"ts": 17672256%02d250000000`, episode.Nanoseconds},
		"RFC 3339":     {`"ts": "2026-01-01T00:00:%02d.25+00:00"`, episode.RFC3339},
		"since boot":   {`"uptime_ms": 52%02d000`, episode.Milliseconds},
		"since boot s": {`"t": 52%02d.5`, episode.Seconds},
		"two clocks":   {`"mono_ns": 52%02d000000000, "zz": 1, "at": "2026-01-01T00:00:00Z"`, episode.Nanoseconds},
	}
	for name, c := range cases {
		var labels, rows strings.Builder
		for i := range 50 {
			time := fmt.Sprintf(c.time, i+10)
			fmt.Fprintf(&rows, "{%s, \"x\": %d}\n", time, i*i%7)
			if i%10 == 0 {
				fmt.Fprintf(&labels, "{%s, \"phase\": \"p%d\"}\n", time, i/10)
			}
		}
		s := summary(t, episodetest.Archive{Members: []episodetest.Member{{Name: "a/labels.jsonl", Body: labels.String()}, {Name: "a/rows.jsonl", Body: rows.String()}}})
		if s.Labels == nil || s.Labels.Unit != c.unit || len(s.Sources) != 1 || s.Sources[0].Unit != c.unit {
			t.Errorf("%s: labels %+v, sources %+v", name, s.Labels, s.Sources)
		} else if last := s.Walks[0].Labels[4].Time; c.unit != episode.Nanoseconds && (last < 39.999 || last > 40.001) {
			t.Errorf("%s: the last label is at %g s", name, last)
		}
	}
}

// TestSloppyTimes: rows that are there twice, and the rows of two processes, have a time all the same.
func TestSloppyTimes(t *testing.T) {
	rows := strings.SplitAfter(episodetest.ProcRows(50), "\n")
	var twice, two strings.Builder
	for i, row := range rows[:50] {
		twice.WriteString(row + row)
		two.WriteString(row + strings.Replace(row, "28526", "99", 1))
		if i == 25 {
			two.WriteString(rows[0])
		}
	}
	for name, body := range map[string]string{"twice": twice.String(), "two": two.String(), "one time": strings.Repeat(rows[3], 20)} {
		s := summary(t, episodetest.Episode(50).Without("telemetry-host.jsonl").With("telemetry-proc.jsonl", body))
		if len(s.Sources) != 1 || s.Sources[0].Time != "t_wall_ns" {
			t.Errorf("%s: sources %+v", name, s.Sources)
		}
	}
}

// TestLongDocument: a document of many lines takes no time without end.
func TestLongDocument(t *testing.T) {
	s := summary(t, episodetest.Archive{Members: []episodetest.Member{
		{Name: "long", Body: "{\n" + strings.Repeat("\n", 1_000_000) + "\"a\": 1}"}, {Name: "longer", Body: "{\n" + strings.Repeat("\n", 1_100_000) + "\"a\": 1}"},
	}})
	if m := s.Member("long"); m.Kind != inspect.Document || m.Field("a") == nil {
		t.Errorf("%s, %q", m.Kind, m.Note)
	}
	if m := s.Member("longer"); m.Kind != inspect.Other || !strings.Contains(m.Note, "more than 1048576 bytes") {
		t.Errorf("%s, %q", m.Kind, m.Note)
	}
}

// TestKinds: members of every kind are told apart, and what cannot be read is said.
func TestKinds(t *testing.T) {
	cases := map[string]struct {
		body string
		kind inspect.Kind
		rows int
		note string
	}{
		"lines":      {"{\"a\": 1}\r\n\n{\"a\": 2}", inspect.JSONLines, 2, ""},
		"NaN":        {"{\"a\": NaN}\n{\"a\": 2}\n", inspect.JSONLines, 2, ""},
		"one bad":    {"{\"a\": 1}\n{\"a\": 2\n{\"a\": 3}\n", inspect.JSONLines, 2, "line 2 is no row: the JSON ends early"},
		"document":   {"{\n \"a\":\n 1\n}\n", inspect.Document, 1, ""},
		"one row":    {"{\"a\": 1}\n", inspect.Document, 1, ""},
		"array":      {"[{\"a\": 1}]", inspect.Other, 0, "JSON array"},
		"csv":        {"a,b\n1,2\n3,\n", inspect.CSV, 2, ""},
		"csv cells":  {"a,b\n1,2,3\n4,5\n", inspect.CSV, 1, "line 2 is no row: it has 3 cells, the first line has 2"},
		"semicolons": {"a;b\n1;2\n", inspect.Other, 0, "separated by commas"},
		"no names":   {"1,2\n3,4\n", inspect.Other, 0, "neither JSON lines nor CSV"},
		"text":       {"hello\n", inspect.Other, 0, "neither JSON lines nor CSV"},
		"binary":     {"\x00\x01\xff", inspect.Other, 0, "neither JSON lines nor CSV"},
		"empty":      {"", inspect.Other, 0, "it is empty"},
		"blank":      {"\n \n", inspect.Other, 0, "it is empty"},
		"mark":       {"\ufeffa,b\n1,2\n", inspect.CSV, 1, "byte order mark"},
		"long":       {"{\"a\": 1}\n{\"b\": \"" + strings.Repeat("x", 2<<20) + "\"}\n{\"a\": 1}\n", inspect.JSONLines, 2, "line 2 is no row: it is too long"},
	}
	for name, c := range cases {
		s := summary(t, episodetest.Archive{Members: []episodetest.Member{{Name: "m", Body: c.body}}})
		m := s.Members[0]
		if m.Kind != c.kind || m.Rows != c.rows || !strings.Contains(m.Note, c.note) || c.note == "" && m.Note != "" {
			t.Errorf("%s: %s, %d rows, %q", name, m.Kind, m.Rows, m.Note)
		}
	}
}

// TestNames: members are told apart by as many parts of their paths as it takes, links are said to be links, and of two members
// with one path the last counts.
func TestNames(t *testing.T) {
	s := summary(t, episodetest.Archive{Members: []episodetest.Member{
		{Name: "./x/raw/t.jsonl", Body: "{}\n{}\n"}, {Name: "x/agg/t.jsonl", Body: "{}\n"}, {Name: "x/raw//t.jsonl", Body: "{}\n{}\n{}\n"},
		{Name: "x/link.jsonl", Type: '2', Link: "t.jsonl"}, {Name: "x/", Type: '5'},
	}})
	var names []string
	for _, m := range s.Members {
		names = append(names, m.Name)
	}
	if got := strings.Join(names, " "); got != "agg/t.jsonl link.jsonl raw/t.jsonl" {
		t.Fatal(got)
	}
	if m := s.Member("raw/t.jsonl"); m.Rows != 3 || !strings.Contains(s.Member("link.jsonl").Note, `a link to "t.jsonl"`) {
		t.Errorf("%d rows, %q", m.Rows, s.Member("link.jsonl").Note)
	}
}

// TestMemory: however many fields, words and members an archive has, what is kept of it is bounded.
func TestMemory(t *testing.T) {
	var wide, words strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&wide, "{\"field-%d-%s\": 1}\n", i, strings.Repeat("x", 100))
	}
	for i := range 100 {
		words.WriteString("{\"a\": 1")
		for j := range 2000 {
			fmt.Fprintf(&words, ", \"%d\": \"%060d\"", j, i)
		}
		words.WriteString("}\n")
	}
	a := episodetest.Archive{Members: []episodetest.Member{{Name: "wide", Body: wide.String()}, {Name: "words", Body: words.String()}}}
	for i := range 1000 {
		a.Members = append(a.Members, episodetest.Member{Name: fmt.Sprint(i), Body: "{\"a\": 1}\n{\"a\": 2}\n"})
	}
	packed := a.Bytes()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	read, err := inspect.Read(t.Context(), bytes.NewReader(packed), episode.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(a)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 24<<20 {
		t.Errorf("%d bytes are kept", grown)
	}
	if s := inspect.Summarize([]*inspect.Archive{read}); s.MoreMembers < 700 || s.Member("wide").MoreFields < 200_000 {
		t.Errorf("%d members and %d fields are left out", s.MoreMembers, s.Member("wide").MoreFields)
	}
}

// store writes files below a directory.
func store(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestStore(t *testing.T) {
	whole := episodetest.Episode(100)
	other := whole.Without("telemetry-host.jsonl").With("labels.jsonl", episodetest.Labels("clean@0", "armed@1", "infected_running@2", "clean@9"))
	files := map[string][]byte{"README": nil, "lab-03/x.tar.gz": []byte("no archive"), "lab-03/sub/x.tar.zst": nil, "lab-01/ep.0.sha256": nil}
	for i := range 40 {
		files[fmt.Sprintf("lab-01/ep.%d.tar.zst", i)] = whole.Bytes()
	}
	files["lab-02/a.tar.zst"] = other.Bytes()
	files["lab-02/a.tar"] = whole.Tar()
	files["lab-02/b.tar.zst"] = whole.Without("labels.jsonl").Bytes()
	dir := store(t, files)
	if err := os.Symlink("a.tar.zst", filepath.Join(dir, "lab-02", "c.tar.zst")); err != nil {
		t.Fatal(err)
	}
	calls := 0
	r, err := inspect.Store(context.Background(), dir, inspect.StoreConfig{Archives: 10, Progress: func(done, total int) {
		if calls++; done != calls || total != 10 {
			t.Errorf("progress %d of %d", done, total)
		}
	}})
	if err != nil || calls != 10 {
		t.Fatal(err, calls)
	}
	if r.Hosts != 3 || r.Files != 45 || r.Twice != 1 || r.TwiceFirst != "lab-02/a" || strings.Join(r.LeftOut, " ") != "README lab-02/c.tar.zst lab-03/sub" {
		t.Errorf("%+v", r)
	}
	if got := fmt.Sprint(r.Suffixes); got != "[{.tar.zst 42 true} {.sha256 1 false} {.tar 1 true} {.tar.gz 1 true}]" {
		t.Error(got)
	}
	if !r.HasHost("lab-02") || r.HasHost("lab-04") || !r.HasEpisode("ep.7") || r.HasEpisode("ep.7.tar") {
		t.Error("hosts and episodes are not those of the files")
	}
	if len(r.Unreadable) != 1 || r.Unreadable[0].Archive != "lab-03/x.tar.gz" || r.Summary.Archives != 9 {
		t.Errorf("%d archives, unreadable %+v", r.Summary.Archives, r.Unreadable)
	}
	if len(r.NoCurve) != 1 || r.NoCurve[0].Archive != "lab-02/b.tar.zst" || !strings.Contains(r.NoCurve[0].Error, `no member "labels.jsonl"`) || !strings.Contains(r.NoCurve[0].Error, "telemetry-proc.jsonl") {
		t.Errorf("no curve %+v", r.NoCurve)
	}
	for _, want := range []string{
		`member "telemetry-host.jsonl" is in 8 of 9 archives, not in lab-02/a.tar.zst`,
		`member "labels.jsonl" is in 8 of 9 archives, not in lab-02/b.tar.zst`,
		`phase "infecting" is in the labels of 7 of 8 archives, not in lab-02/a.tar.zst`,
	} {
		if !slices.Contains(r.Differ, want) {
			t.Errorf("differences %q lack %q", r.Differ, want)
		}
	}
	again, err := inspect.Store(context.Background(), dir, inspect.StoreConfig{Archives: 10})
	if err != nil || fmt.Sprint(again.Summary.Walks) != fmt.Sprint(r.Summary.Walks) {
		t.Errorf("the second time other archives are read: %v", err)
	}
}

func TestStoreWithoutArchives(t *testing.T) {
	if _, err := inspect.Store(context.Background(), t.TempDir(), inspect.StoreConfig{}); !errors.Is(err, inspect.ErrNoArchives) {
		t.Error(err)
	}
	flat := store(t, map[string][]byte{"ep-1.tar.zst": episodetest.Episode(100).Bytes()})
	if _, err := inspect.Store(context.Background(), flat, inspect.StoreConfig{}); !errors.Is(err, inspect.ErrNoArchives) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := inspect.Store(ctx, store(t, map[string][]byte{"h/e.tar": nil}), inspect.StoreConfig{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestNamedUnit: the name of a time says its unit, unless an episode would last no second in it.
func TestNamedUnit(t *testing.T) {
	for factor, want := range map[int64]episode.TimeUnit{1e9: episode.Seconds, 1e6: episode.Milliseconds, 1: episode.Nanoseconds} {
		sinceBoot := func(text string) string {
			return ticks.ReplaceAllStringFunc(text, func(ns string) string {
				n, _ := strconv.ParseInt(ns, 10, 64)
				return strconv.FormatInt((n-1767225500e9)/factor, 10)
			})
		}
		a := episodetest.Episode(450).With("labels.jsonl", sinceBoot(episodetest.Walk())).With("telemetry-proc.jsonl", sinceBoot(episodetest.ProcRows(450)))
		s := summary(t, a.Without("telemetry-host.jsonl"))
		if s.Labels == nil || s.Labels.Unit != want || s.Meta == nil || s.Meta.Unit != episode.Seconds {
			t.Errorf("t_wall_ns in %s: labels %+v, duration %+v", want, s.Labels, s.Meta)
		}
	}
}

var ticks = regexp.MustCompile("17672255[0-9]{11}|17672256[0-9]{11}")

// TestGivesNoCurve: what makes an archive useless is said.
func TestGivesNoCurve(t *testing.T) {
	whole := episodetest.Episode(450)
	noOffset := regexp.MustCompile(`"t_wall_ns": [0-9]+`).ReplaceAllString(episodetest.Walk(), `"t_wall_ns": "2026-01-01 00:00:00"`)
	for want, a := range map[string]episodetest.Archive{
		"": whole,
		`several members are named "telemetry-proc.jsonl"`: whole.With("old/telemetry-proc.jsonl", "{}"),
		`has dates such as "2026-01-01 00:00:00"`:          whole.With("labels.jsonl", noOffset),
	} {
		none := summary(t, a).NoCurve()
		if want == "" && len(none) > 0 || want != "" && (len(none) != 1 || !strings.Contains(none[0].Error, want)) {
			t.Errorf("want %q, got %+v", want, none)
		}
	}
}

// TestNumbersWithWords: a field whose missing values are words is still a number.
func TestNumbersWithWords(t *testing.T) {
	rows := strings.Split(episodetest.ProcRows(450), "\n")
	for i := range rows {
		if i%3 == 0 {
			rows[i] = regexp.MustCompile(`"minflt": [0-9]+`).ReplaceAllString(rows[i], `"minflt": "n/a"`)
		}
	}
	s := summary(t, episodetest.Episode(450).With("telemetry-proc.jsonl", strings.Join(rows, "\n")))
	if f := s.Member("telemetry-proc.jsonl").Field("minflt"); !f.IsNumber() || !f.LooksLikeCounter() || f.Strings != 150 {
		t.Errorf("%+v", f)
	}
}

// TestManyColumns: the time for a line of CSV does not grow with the square of its columns.
func TestManyColumns(t *testing.T) {
	names := make([]string, 140_000)
	for i := range names {
		names[i] = fmt.Sprintf("c%05x", i)
	}
	a := episodetest.Archive{Members: []episodetest.Member{{Name: "a.csv", Body: strings.Join(names, ",") + "\n"}}}
	packed := a.Bytes()
	start := time.Now()
	read, err := inspect.Read(t.Context(), bytes.NewReader(packed), episode.Limits{})
	if err != nil || inspect.Summarize([]*inspect.Archive{read}).Member("a.csv").Kind != inspect.CSV {
		t.Error(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Error(took)
	}
}
