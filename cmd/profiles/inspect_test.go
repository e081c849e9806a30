package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

// A fleet writes the recorded episodes in another format. Each function is nil where the format is ours.
type fleet struct {
	name   string
	suffix string
	pack   func(content []byte) []byte
	member func(name string) string
	row    func(member string, row map[string]any) map[string]any
	csv    bool // telemetry
	meta   func(meta map[string]any) any
	list   func(rows []map[string]string) (file, text string)
}

func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}

// withTime replaces the time of a row.
func withTime(key string, value func(ns int64) any) func(string, map[string]any) map[string]any {
	return func(_ string, row map[string]any) map[string]any {
		ns, _ := row["t_wall_ns"].(json.Number).Int64()
		delete(row, "t_wall_ns")
		row[key] = value(ns)
		return row
	}
}

var otherWords = map[any]string{
	"clean": "baseline", "armed": "staged", "infecting": "dropping", "infected_running": "detonated", "dormant": "sleeping",
}

var fleets = []fleet{
	{name: "plain tar in a folder", suffix: ".tar", pack: func(b []byte) []byte { return b }, member: func(name string) string { return "./run/" + name }},
	{name: "nested", row: func(member string, row map[string]any) map[string]any {
		out := map[string]any{"time": map[string]any{"wall_ns": row["t_wall_ns"]}}
		delete(row, "t_wall_ns")
		if strings.HasPrefix(member, "telemetry") {
			out["sample"] = map[string]any{"values": row}
		} else {
			maps.Copy(out, row)
		}
		return out
	}},
	{name: "CSV", suffix: ".tar.gz", pack: gzipped, csv: true, member: func(name string) string { return strings.Replace(name, "telemetry-", "", 1) }},
	{name: "RFC 3339", row: withTime("@timestamp", func(ns int64) any { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) })},
	{name: "ns as strings", row: func(_ string, row map[string]any) map[string]any {
		for k, v := range row {
			if n, ok := v.(json.Number); ok {
				row[k] = n.String()
			}
		}
		return row
	}},
	{name: "seconds", row: withTime("ts", func(ns int64) any {
		return json.Number(fmt.Sprintf("%d.%09d", ns/1e9, ns%1e9))
	})},
	{name: "words", row: func(_ string, row map[string]any) map[string]any {
		if word, ok := otherWords[row["phase"]]; ok {
			row["state_name"] = word
			delete(row, "phase")
		}
		return row
	}},
	{name: "members", member: func(name string) string {
		return map[string]string{
			"labels.jsonl": "events.ndjson", "meta.json": "info.json", "telemetry-proc.jsonl": "process.ndjson", "telemetry-host.jsonl": "machine.ndjson",
		}[name]
	}, meta: func(meta map[string]any) any {
		seconds, _ := meta["result"].(map[string]any)["duration_observed_s"].(json.Number).Float64()
		return map[string]any{"run": map[string]any{"elapsed_ms": json.Number(strconv.FormatFloat(seconds*1e3, 'f', -1, 64))}}
	}, row: withTime("ts_us", func(ns int64) any { return json.Number(fmt.Sprintf("%d.%03d", ns/1e3, ns%1e3)) })},
	{name: "list in CSV", list: func(rows []map[string]string) (string, string) {
		var b strings.Builder
		b.WriteString("run,node,family,verdict\n")
		for _, r := range rows {
			verdict := map[string]string{"accepted": "OK"}[r["status"]]
			fmt.Fprintf(&b, "%s,%s,%s,%s\n", r["episode_id"], r["host_id"], r["profile"], verdict+"bad"[min(3, 3*len(verdict)):])
		}
		return "validation.csv", b.String()
	}},
	{name: "list in JSON lines", list: func(rows []map[string]string) (string, string) {
		var b strings.Builder
		for _, r := range rows {
			line, _ := json.Marshal(map[string]any{"id": map[string]string{"episode": r["episode_id"], "host": r["host_id"]}, "profile": r["profile"], "status": r["status"]})
			fmt.Fprintf(&b, "%s\n", line)
		}
		return "validation.jsonl", b.String()
	}},
}

// write writes some of the recorded store in the format of the fleet, and returns the paths of the store and the list.
func (f fleet) write(t testing.TB) (store, list string) {
	t.Helper()
	dir := t.TempDir()
	store = filepath.Join(dir, "store")
	files, err := filepath.Glob(recordedStore + "/*/*.tar.zst")
	if err != nil || len(files) < 40 {
		t.Fatal(files, err)
	}
	for i, path := range files {
		if i%3 > 0 { // a third of them is enough
			continue
		}
		suffix := f.suffix
		if suffix == "" {
			suffix = ".tar.zst"
		}
		out := filepath.Join(store, filepath.Base(filepath.Dir(path)), strings.TrimSuffix(filepath.Base(path), ".tar.zst")+suffix)
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			t.Fatal(err)
		}
		content := f.archive(t, path).Tar()
		packed := episodetest.Compress(content)
		if f.pack != nil {
			packed = f.pack(content)
		}
		if err := os.WriteFile(out, packed, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return store, f.writeList(t, dir)
}

func (f fleet) writeList(t testing.TB, dir string) string {
	t.Helper()
	text, err := os.ReadFile(recordedStore + "/../validation.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	name, content := "validation.jsonl", string(text)
	if f.list != nil {
		var rows []map[string]string
		for line := range strings.Lines(string(text)) {
			var row map[string]string
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		name, content = f.list(rows)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// archive rewrites an archive.
func (f fleet) archive(t testing.TB, path string) episodetest.Archive {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := zstd.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var a episodetest.Archive
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if err == io.EOF {
			return a
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(h.Name)
		text := f.body(t, name, string(body))
		if f.csv && strings.HasPrefix(name, "telemetry") {
			name = strings.TrimSuffix(name, ".jsonl") + ".csv"
		}
		if f.member != nil {
			name = f.member(name)
		}
		if name != "" && text != "" {
			a.Members = append(a.Members, episodetest.Member{Name: name, Body: text})
		}
	}
}

// body rewrites a member.
func (f fleet) body(t testing.TB, name, text string) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var b strings.Builder
	var columns []string
	for {
		var row map[string]any
		if err := d.Decode(&row); err == io.EOF {
			return b.String()
		} else if err != nil {
			t.Fatal(err)
		}
		var out any = row
		switch {
		case name == "meta.json" && f.meta != nil:
			if out = f.meta(row); out == nil {
				return ""
			}
		case name == "meta.json":
			return text
		case f.row != nil:
			out = f.row(name, row)
		}
		if f.csv && strings.HasPrefix(name, "telemetry") {
			if columns == nil {
				columns = slices.Sorted(maps.Keys(row))
				b.WriteString(strings.Join(columns, ",") + "\n")
			}
			for i, c := range columns {
				columnEnd := ","
				if i == len(columns)-1 {
					columnEnd = "\n"
				}
				fmt.Fprintf(&b, "%v%s", row[c], columnEnd)
			}
			continue
		}
		line, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
}

// fitted fits, and returns the envelopes as show prints them, without the names and units of the channels.
func fitted(t *testing.T, args ...string) string {
	t.Helper()
	table := filepath.Join(t.TempDir(), "fit.parquet")
	must(t, append([]string{"fit", "--fit-out", table}, args...)...)
	var shown struct{ Profiles []map[string]any }
	d := json.NewDecoder(strings.NewReader(must(t, "show", table, "--json")))
	d.UseNumber()
	if err := d.Decode(&shown); err != nil {
		t.Fatal(err)
	}
	rows := shown.Profiles
	slices.SortFunc(rows, func(a, b map[string]any) int { return strings.Compare(a["profile"].(string), b["profile"].(string)) })
	for _, r := range rows {
		delete(r, "channel")
		delete(r, "unit")
	}
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestInspectWritesSpec: of the recorded store in the format of another fleet, inspect finds a spec that gives the same fits to the
// last bit.
func TestInspectWritesSpec(t *testing.T) {
	ours, list := fleet{}.write(t)
	want := fitted(t, "--store", ours, "--validation", list)
	for _, f := range fleets {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			store, list := f.write(t)
			spec := filepath.Join(t.TempDir(), "spec.yaml")
			code, stdout, stderr := call(t, "", "inspect", store, "--write-spec", spec)
			yaml, _ := os.ReadFile(spec)
			if code != 0 || strings.Contains(stderr, "fill in") {
				t.Fatalf("exit %d\n%s%s\n%s", code, stdout, stderr, yaml)
			}
			got := fitted(t, "--store", store, "--validation", list, "--spec", spec)
			if got != want {
				t.Errorf("the fits differ; the spec is\n%s", yaml)
			}
		})
	}
}

// TestInspectFormats: the same, of the formats of package episodetest.
func TestInspectFormats(t *testing.T) {
	ours, list := fleet{}.write(t)
	want := fitted(t, "--store", ours, "--validation", list)
	files, err := filepath.Glob(ours + "/*/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	recordings := map[string]episodetest.Recording{}
	for _, path := range files {
		archive, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		recordings[path] = episodetest.ReadRecording(archive)
	}
	for i, f := range episodetest.Formats() {
		if testing.Short() && i%5 != 0 {
			continue // make test-all tries every format
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			store := filepath.Join(t.TempDir(), "store")
			for path, recording := range recordings {
				out := filepath.Join(store, filepath.Base(filepath.Dir(path)), strings.TrimSuffix(filepath.Base(path), ".tar.zst")+f.Suffix)
				if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(out, f.Write(recording), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			spec := filepath.Join(t.TempDir(), "spec.yaml")
			code, stdout, stderr := call(t, "", "inspect", store, "--validation", list, "--write-spec", spec)
			yaml, _ := os.ReadFile(spec)
			if code != 0 || strings.Contains(stderr, "fill in") {
				t.Fatalf("exit %d\n%s%s\n%s", code, stdout, stderr, yaml)
			}
			if got := fitted(t, "--store", store, "--validation", list, "--spec", spec); got != want {
				t.Errorf("the fits differ; the spec is\n%s", yaml)
			}
		})
	}
}

// TestInspectOnlyList: a list with another name is found if no other file beside the store may be one.
func TestInspectOnlyList(t *testing.T) {
	var lists fleet
	for _, f := range fleets {
		if f.name == "list in CSV" {
			lists = f
		}
	}
	store, list := lists.write(t)
	dir := filepath.Dir(list)
	if err := os.Rename(list, filepath.Join(dir, "runs.csv")); err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(dir, "spec.yaml")
	for _, other := range []string{"", "fit.parquet"} {
		if other != "" {
			if err := os.WriteFile(filepath.Join(dir, other), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, _, stderr := call(t, "", "inspect", store, "--write-spec", spec)
		yaml, _ := os.ReadFile(spec)
		if found := strings.Contains(string(yaml), "status: verdict"); found != (other == "") || found != strings.Contains(stderr, "runs.csv: no other file") {
			t.Errorf("beside %q: stderr %s, spec %s", other, stderr, yaml)
		}
	}
	if err := os.Remove(filepath.Join(dir, "runs.csv")); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := call(t, "", "inspect", store, "--write-spec", spec); code != 0 || strings.Contains(stderr, "fit.parquet") {
		t.Errorf("a file that is no list: exit %d, %s", code, stderr)
	}
}

// TestInspectDefaultFormat: for archives in our format, the spec is the default one.
func TestInspectDefaultFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spec.yaml")
	must(t, "inspect", recordedStore, "--write-spec", path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := fit.ParseSpec(text)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(spec)
	if want, _ := json.Marshal(fit.DefaultSpec()); !bytes.Equal(got, want) {
		t.Errorf("%s\nwant %s\nof\n%s", got, want, text)
	}
}
