package draft

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/profiles/command/inspect"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

// made makes a draft of archives.
func made(t *testing.T, in Input, archives ...episodetest.Archive) *Draft {
	t.Helper()
	var all []*inspect.Archive
	for _, a := range archives {
		read, err := inspect.Read(t.Context(), bytes.NewReader(a.Bytes()), episode.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, read)
	}
	in.From, in.Summary = "store", inspect.Summarize(all)
	d, err := Make(in)
	if err != nil {
		t.Fatalf("%v\n%s", err, d.YAML)
	}
	return d
}

// labels returns labels with the words in their order, 10 s apart.
func labels(words string) string {
	var at []string
	for i, word := range strings.Fields(words) {
		at = append(at, fmt.Sprintf("%s@%d", word, 10*i))
	}
	return episodetest.Labels(at...)
}

// TestPhases: words of another fleet are guessed by their order; where that is not possible, the draft asks.
func TestPhases(t *testing.T) {
	for _, c := range []struct {
		walks string // several, separated by /
		want  string // the phases of the spec
		asks  string
	}{
		{"clean armed infecting infected_running clean", "map[]", ""},
		{"clean armed infecting infected_running dormant clean", "map[]", ""},
		{"clean setup armed infecting infected_running clean", "map[]", ""},
		{"Clean ARMED infecting Infected-Running clean", "map[ARMED:armed Clean:clean Infected-Running:infected_running]", ""},
		{"a b c d a", "map[a:clean b:armed c:infecting d:infected_running]", ""},
		{"a b c d e", "map[a:clean b:armed c:infecting d:infected_running e:clean]", ""},
		{"a b c d s a", "map[a:clean b:armed c:infecting d:infected_running s:dormant]", ""},
		{"a b c d a / a b c d s d a / a b a b c d a", "map[a:clean b:armed c:infecting d:infected_running s:dormant]", ""},
		{"idle armed c d idle", "map[c:infecting d:infected_running idle:clean]", ""},
		{"a b c d a / a c b d a", "map[]", "what do the phases mean"},
		{"a b a", "map[]", `The labels have "a", "b"`},
		{"a b c d e f g", "map[]", "what do the phases mean"},
		{"armed b c d e", "map[]", "what do the phases mean"},
		{"clean infecting infected_running clean", "map[]", "no label means armed"},
	} {
		var archives []episodetest.Archive
		for walk := range strings.SplitSeq(c.walks, "/") {
			archives = append(archives, episodetest.Episode(100).With("labels.jsonl", labels(walk)))
		}
		d := made(t, Input{List: &List{Columns: fit.DefaultValidation(), Profiles: []string{"x"}}}, archives...)
		if got := fmt.Sprint(d.Spec.Format.Phases); got != c.want {
			t.Errorf("%s: %s, want %s", c.walks, got, c.want)
		}
		if asked := strings.Join(d.Questions, "\n"); !strings.Contains(asked, c.asks) || c.asks == "" && asked != "" {
			t.Errorf("%s: asks %q, want %q", c.walks, asked, c.asks)
		}
		if c.asks != "" && strings.Contains(c.asks, "phases mean") && !strings.Contains(string(d.YAML), ": FILL IN") {
			t.Errorf("%s: no line to fill in:\n%s", c.walks, d.YAML)
		}
	}
	if d := made(t, Input{}, episodetest.Episode(100).With("labels.jsonl", labels("clean infecting infected_running clean"))); d.Spec.Points.Armed != 0 {
		t.Errorf("points %+v", d.Spec.Points)
	}
}

// TestDefault: archives of the default format give the default spec.
func TestDefault(t *testing.T) {
	var profiles []string
	for _, p := range fit.DefaultSpec().Profiles {
		profiles = append(profiles, string(p.Name))
	}
	d := made(t, Input{Suffixes: []string{".tar.zst"}, List: &List{Columns: fit.DefaultValidation(), Profiles: profiles}}, episodetest.Episode(100))
	got, _ := json.Marshal(d.Spec)
	if want, _ := json.Marshal(fit.DefaultSpec()); !bytes.Equal(got, want) || len(d.Questions) > 0 {
		t.Errorf("%s\nwant %s\nasks %q\n%s", got, want, d.Questions, d.YAML)
	}
}

// TestQuestions: what cannot be known is asked, and the spec is valid all the same.
func TestQuestions(t *testing.T) {
	whole := episodetest.Episode(100)
	rows := episodetest.ProcRows(100)
	numbered := whole.Without("telemetry-proc.jsonl").With("telemetry-101.jsonl", rows).With("telemetry-202.jsonl", rows)
	for name, c := range map[string]struct {
		in      Input
		archive episodetest.Archive
		asks    string
	}{
		"no list":      {Input{}, whole, "which profiles are there?"},
		"no labels":    {Input{}, whole.Without("labels.jsonl"), "no member looks like the labels"},
		"no telemetry": {Input{}, whole.Without("telemetry-proc.jsonl").Without("telemetry-host.jsonl"), "no member looks like telemetry"},
		"nothing":      {Input{}, episodetest.Archive{Members: []episodetest.Member{{Name: "x", Body: "y"}}}, "no member looks like telemetry"},
		"two suffixes": {Input{Suffixes: []string{".tar.gz", ".gz"}}, whole, "a spec cannot have both"},
		"numbers":      {Input{}, numbered, `"telemetry-101.jsonl", "telemetry-202.jsonl" differ only by a number, and "telemetry-101.jsonl" is taken for now`},
		"a name":       {Input{List: &List{Profiles: []string{"a b", "x"}}}, whole, `profile "a b" cannot be in a spec`},
		"a status":     {Input{List: &List{Columns: fit.DefaultValidation(), Unknown: []string{"which status means accepted?"}}}, whole, "which status"},
	} {
		d := made(t, c.in, c.archive)
		if asked := strings.Join(d.Questions, "\n"); !strings.Contains(asked, c.asks) || !strings.Contains(string(d.YAML), "FILL IN") {
			t.Errorf("%s: asks %q, want %q\n%s", name, asked, c.asks, d.YAML)
		}
	}
}

// TestChannels: fields of any names get channels, counters are declared, and the profile gets CPU time.
func TestChannels(t *testing.T) {
	rows := episodetest.Rows(100, func(i int) string {
		return fmt.Sprintf(`"net": {"rx bytes": %d, "load": %d}, "cpu": {"idleTicks": %d, "userTicks": %d}, "seq": %d`, 7*i, i%3, 9*i, 5*i, i)
	})
	a := episodetest.Episode(10).Without("telemetry-proc.jsonl").Without("telemetry-host.jsonl").With("samples.ndjson", rows)
	d := made(t, Input{List: &List{Columns: fit.DefaultValidation(), Profiles: []string{"T1496_xmrig"}}}, a)
	f := d.Spec.Format
	if f.Source("samples").Member != "samples.ndjson" || d.Spec.Profiles[0].Channel != "samples.cpu.userTicks" || len(d.Spec.Signature.Channels) != 0 {
		t.Errorf("%+v, %+v", f.Sources, d.Spec.Profiles)
	}
	want := map[string]fit.Channel{
		"samples.net.rx_bytes": {Kind: fit.Counter, Field: "net.rx bytes"}, "samples.cpu.idleTicks": {Kind: fit.Counter},
		"samples.cpu.userTicks": {Kind: fit.Counter}, "samples.seq": {Kind: fit.Counter},
	}
	if fmt.Sprint(f.Channels) != fmt.Sprint(want) {
		t.Errorf("%+v\nwant %+v", f.Channels, want)
	}
}

// TestHostileNames: names of members, fields and words are quoted, so the YAML means what was found.
func TestHostileNames(t *testing.T) {
	member := "a: {b}\n# \"'*&\u2028\u00e9.jsonl"
	rows := episodetest.Rows(100, func(i int) string { return fmt.Sprintf(`"x: y\n- z": %d, "yes": %d, "#": %d`, i, 2*i, 3*i) })
	a := episodetest.Archive{Members: []episodetest.Member{
		{Name: "labels.jsonl", Body: labels(`on "no: armed ~ on`)}, {Name: member, Body: rows},
	}}
	var all []*inspect.Archive
	read, err := inspect.Read(t.Context(), bytes.NewReader(a.Bytes()), episode.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Make(Input{From: "x\ny", Summary: inspect.Summarize(append(all, read)), List: &List{Columns: fit.DefaultValidation(), Profiles: []string{"yes", "1"}}})
	if err != nil && !strings.Contains(err.Error(), "line ") {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(d.YAML)) {
		if strings.HasPrefix(line, "y") && !strings.HasPrefix(line, "yes") {
			t.Errorf("a comment goes on in the next line:\n%s", d.YAML)
		}
	}
}

func TestReadList(t *testing.T) {
	known := func(prefix string) func(string) bool {
		return func(id string) bool { return strings.HasPrefix(id, prefix) }
	}
	for name, c := range map[string]struct{ content, want, guessed, unknown string }{
		"ours": {"episode_id,host_id,profile,status\nep-1,lab-01,b,accepted\nep-2,lab-01,a,accepted\nep-3,lab-02,c,rejected\n",
			"{episode_id host_id profile status [accepted]} [a b]", "", ""},
		"theirs":    {"when,vm,run,family,result\n1,lab-01,ep-1,b,PASS\n2,lab-02,ep-2,a,FAIL\n", "{run vm family result [PASS]} [b]", "episode_id host_id profile status accepted", ""},
		"no status": {`{"host": "lab-01", "id": "ep-1", "profile": "x"}` + "\n", "{id host profile  [accepted]} [x]", "episode_id host_id", ""},
		"what is accepted": {"episode_id,host_id,profile,status\nep-1,lab-01,b,7\nep-2,lab-01,a,8\n",
			"{episode_id host_id profile status [accepted]} []", "", `Column "status" has "7", "8"`},
		"no ids": {"a,b,profile,status\n1,2,x,ok\n", "{  profile status [ok]} []", "accepted", "which column of the list has the episodes?"},
		"absent": {"episode_id,host_id,profile,status\nep-1,lab-01,here,accepted\nxx-2,lab-01,gone,accepted\n", "{episode_id host_id profile status [accepted]} [here]", "", ""},
	} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		l, err := ReadList(path, known("lab-"), known("ep-"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := fmt.Sprint(l.Columns, " ", l.Profiles); got != c.want || strings.Join(l.Guessed, " ") != c.guessed {
			t.Errorf("%s: %s, guessed %q, want %s", name, got, l.Guessed, c.want)
		}
		if unknown := strings.Join(l.Unknown, "\n"); !strings.Contains(unknown, c.unknown) || c.unknown == "" && unknown != "" {
			t.Errorf("%s: unknown %q", name, unknown)
		}
	}
}

// TestOddFields: a field that a spec cannot have is left out, and text that a terminal would obey is escaped.
func TestOddFields(t *testing.T) {
	rows := strings.ReplaceAll(episodetest.ProcRows(20), `"minflt"`, `"a\u009bb\u202e": 1, "minflt"`)
	d := made(t, Input{}, episodetest.Episode(20).With("telemetry-proc.jsonl", rows))
	if strings.ContainsAny(string(d.YAML), "\u009b\u202e") {
		t.Errorf("%q", d.YAML)
	}
	if got := scalar("\x1b\u009b\u202e"); got != `"\u001b\U0000009B\U0000202E"` {
		t.Error(got)
	}
}
