package fit

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawFormat returns a format of few sources and channels, in which sources are shared often.
func drawFormat(t *rapid.T) Format {
	path := rapid.StringMatching(`[A-Za-zé_%][A-Za-z0-9 _.-]{0,10}`)
	unit := rapid.SampledFrom(TimeUnits())
	f := partialFormat()
	f.Suffixes = rapid.SampledFrom([][]string{{".tar.zst"}, {".tar.gz", ".tar"}, {".x"}}).Draw(t, "suffixes")
	f.Time = unit.Draw(t, "time")
	f.Meta = MetaFormat{
		Member:   rapid.SampledFrom([]string{"", "meta.json", "run/info"}).Draw(t, "meta"),
		Duration: path.Draw(t, "duration"), Unit: rapid.SampledFrom(TimeUnits()[:4]).Draw(t, "unit"),
	}
	f.Labels = LabelFormat{Member: "labels.jsonl", Time: path.Draw(t, "time"), Unit: unit.Draw(t, "unit"), Phase: path.Draw(t, "phase")}
	for range rapid.IntRange(0, 3).Draw(t, "phases") {
		if f.Phases == nil {
			f.Phases = map[string]string{}
		}
		f.Phases[path.Draw(t, "word")] = rapid.SampledFrom(phaseNames()).Draw(t, "phase")
	}
	f.Sources = map[string]SourceFormat{}
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"*", "net", "proc", "a"}), rapid.ID).Draw(t, "sources") {
		f.Sources[name] = SourceFormat{
			Member: strings.ReplaceAll("rows/*.x", "*", name), Time: path.Draw(t, "time"), Unit: unit.Draw(t, "unit"),
			Rows: rapid.SampledFrom([]string{"jsonl", "csv"}).Draw(t, "rows"),
		}
	}
	f.complete()
	for range rapid.IntRange(0, 2).Draw(t, "channels") {
		if f.Channels == nil {
			f.Channels = map[string]Channel{}
		}
		f.Channels[rapid.StringMatching(`[a-z]{1,8}\.[a-z.]{1,8}`).Draw(t, "channel")] = Channel{
			Kind: rapid.SampledFrom([]ChannelKind{"", Counter, Gauge}).Draw(t, "kind"), Unit: rapid.StringMatching(`[a-z/]{0,8}`).Draw(t, "unit"),
			Scale: rapid.SampledFrom([]float64{0, 1, -2, 1e-6}).Draw(t, "scale"), Field: rapid.StringMatching(`[a-z.]{0,8}`).Draw(t, "field"),
		}
	}
	return f
}

// formatYAML has every key of a format, with the values of the specification.
const formatYAML = `
format:
  suffixes: [.tar.zst]
  time: ns
  meta: {member: meta.json, duration: result.duration_observed_s, unit: s}
  labels: {member: labels.jsonl, time: t_wall_ns, phase: phase}
  phases: {}
  sources:
    "*": {member: "telemetry-*.jsonl", time: t_wall_ns, rows: jsonl}
  channels: {}
quality: {min_span: 1s, max_duration: 100, rows_dropped: 0.25, counter_events: 0.05, min_points: 1}
validation: {episode_id: episode_id, host_id: host_id, profile: profile, status: status, accepted: [accepted]}
`

func TestWrittenDefaultsAreTheDefaults(t *testing.T) {
	got, err := ParseSpec([]byte(formatYAML))
	if err != nil || !reflect.DeepEqual(got, DefaultSpec()) {
		t.Errorf("%+v, %v\nwant %+v", got, err, DefaultSpec())
	}
	longer := strings.NewReplacer("phases: {}", "phases: {armed: armed}", "channels: {}", "channels: {proc.minflt: {kind: counter, scale: 1, field: minflt, unit: faults/s}, x.y: {kind: counter}}",
		`rows: jsonl}`, "rows: jsonl, unit: ns}\n    proc: {member: telemetry-proc.jsonl}\n    other: {rows: csv}", "phase: phase}", "phase: phase, unit: ns}").Replace(formatYAML)
	if got, err = ParseSpec([]byte(longer)); err != nil || got.Generation(nil, 0) != DefaultSpec().Generation(nil, 0) {
		t.Errorf("%+v, %v has another generation", got, err)
	}
}

func TestParseFormat(t *testing.T) {
	tests := []struct {
		name, text string
		edit       func(*Format) // what is other than the default
	}{
		{"nothing", "format: {}", func(*Format) {}},
		{"suffixes", "format: {suffixes: [.tgz, .tar.gz]}", func(f *Format) { f.Suffixes = []string{".tgz", ".tar.gz"} }},
		{"the time of all", "format: {time: ms}", func(f *Format) {
			f.Time, f.Labels.Unit = "ms", "ms"
			f.Sources["*"] = SourceFormat{"telemetry-*.jsonl", "t_wall_ns", "ms", "jsonl"}
		}},
		{"the time of all, last", "format:\n  labels: {unit: s}\n  sources: {net: {unit: us}}\n  time: rfc3339\n", func(f *Format) {
			f.Time, f.Labels.Unit = "rfc3339", "s"
			f.Sources["*"] = SourceFormat{"telemetry-*.jsonl", "t_wall_ns", "rfc3339", "jsonl"}
			f.Sources["net"] = SourceFormat{"telemetry-net.jsonl", "t_wall_ns", "us", "jsonl"}
		}},
		{"no meta", `format: {meta: {member: ""}}`, func(f *Format) { f.Meta.Member = "" }},
		{"meta", "format: {meta: {member: run/meta, duration: d, unit: ms}}", func(f *Format) { f.Meta = MetaFormat{"run/meta", "d", "ms"} }},
		{"labels", "format: {labels: {member: l, time: a.b, phase: c, unit: s}}", func(f *Format) { f.Labels = LabelFormat{"l", "a.b", "s", "c"} }},
		{"phases", "format: {phases: {detonated: infected_running, idle: clean, 3: clean, a.b: dormant}}", func(f *Format) {
			f.Phases = map[string]string{"detonated": "infected_running", "idle": "clean", "3": "clean", "a.b": "dormant"}
		}},
		{"all sources", `format: {sources: {"*": {rows: csv, member: "*/rows-*.csv"}}}`, func(f *Format) {
			f.Sources["*"] = SourceFormat{"*/rows-*.csv", "t_wall_ns", "ns", "csv"}
		}},
		{"a source takes the rest from *, wherever that stands", "format:\n  sources:\n    net: {time: ts}\n    cg: {member: x/cg.log, unit: s}\n    '*': {rows: csv, unit: us, member: 'm-*'}\n", func(f *Format) {
			f.Sources["*"] = SourceFormat{"m-*", "t_wall_ns", "us", "csv"}
			f.Sources["net"] = SourceFormat{"m-net", "ts", "us", "csv"}
			f.Sources["cg"] = SourceFormat{"x/cg.log", "t_wall_ns", "s", "csv"}
		}},
		{"two sources of one member", "format: {sources: {a: {member: x}, b: {member: x}}}", func(f *Format) {
			f.Sources["a"] = SourceFormat{"x", "t_wall_ns", "ns", "jsonl"}
			f.Sources["b"] = SourceFormat{"x", "t_wall_ns", "ns", "jsonl"}
		}},
		{"channels", "format: {channels: {net.rx_bytes: {kind: counter, unit: B/s, scale: 1e-6, field: net.rx}, a.b.c: {kind: gauge}, a.b: {scale: -2}, a.b.kind: {unit: 1}}}", func(f *Format) {
			f.Channels = map[string]Channel{
				"net.rx_bytes": {Counter, "B/s", 1e-6, "net.rx"}, "a.b.c": {Kind: Gauge}, "a.b": {Scale: -2}, "a.b.kind": {Unit: "1"},
			}
		}},
	}
	for _, test := range tests {
		want := DefaultSpec()
		test.edit(&want.Format)
		text := strings.Replace(test.text, "unit: 1}", `unit: "1"}`, 1)
		if got, err := ParseSpec([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v\nwant %+v", test.name, got, err, want)
		}
	}
}

func TestParseQualityAndValidation(t *testing.T) {
	tests := []struct {
		text string
		edit func(*Spec)
	}{
		{"quality: {min_span: 500ms}", func(s *Spec) { s.Quality.MinSpan = 0.5 }},
		{"quality: {min_span: 2.5}", func(s *Spec) { s.Quality.MinSpan = 2.5 }},
		{"quality: {min_span: 90.5s, max_duration: 1.5, rows_dropped: 1, counter_events: 0, min_points: 80}", func(s *Spec) {
			s.Quality = QualityLimits{90.5, 1.5, 1, 0, 80}
		}},
		{"quality: {min_span: 0}", func(s *Spec) { s.Quality.MinSpan = 0 }},
		{`validation: {status: ""}`, func(s *Spec) { s.Validation.Status = "" }},
		{`validation: {status: "", accepted: []}`, func(s *Spec) { s.Validation.Status, s.Validation.Accepted = "", []string{} }},
		{"validation: {episode_id: id, host_id: Host name, profile: p, status: s, accepted: [Accepted, ok, '']}", func(s *Spec) {
			s.Validation = Validation{"id", "Host name", "p", "s", []string{"Accepted", "ok", ""}}
		}},
	}
	for _, test := range tests {
		want := DefaultSpec()
		test.edit(want)
		if got, err := ParseSpec([]byte(test.text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v\nwant %+v", test.text, got, err, want)
		}
	}
}

func TestParseFormatNamesTheLine(t *testing.T) {
	tests := []struct{ text, want string }{
		{"target: 1\nchannels: {}\n", `line 2: channels: the key stands under format`},
		{"format: x\n", `line 1: format: want keys and values`},
		{"format:\n  sufixes: []\n", `line 2: format.sufixes: unknown key`},
		{"format:\n  suffixes: .tar\n", `line 2: format.suffixes: want a list`},
		{"format:\n  suffixes: []\n", `line 2: format.suffixes: the list has 0`},
		{"format:\n  suffixes:\n  - .tar\n  - tar.gz\n", `line 4: format.suffixes[1]: suffix "tar.gz" does not match`},
		{"format:\n  suffixes: ['.']\n", `does not match`},
		{"format:\n  suffixes: ['']\n", `does not match`},
		{"format:\n  suffixes: [.tar..gz]\n", `does not match`},
		{"format:\n  suffixes: [.tar_gz]\n", `does not match`},
		{"format:\n  suffixes: [\".tar\\n\"]\n", `does not match`},
		{"format:\n  suffixes: [.gz, .tar.gz]\n", `one is the end of the other`},
		{"format:\n  suffixes: [.tar.gz, .gz]\n", `one is the end of the other`},
		{"format:\n  suffixes: [.tar, .tar]\n", `is there twice`},
		{"format:\n  time: m\n", `line 2: format.time: "m" is not one of ns, us, ms, s and rfc3339`},
		{"format:\n  time: 1\n", `line 2: format.time: want text`},
		{"format:\n  time: ''\n", `line 2: format.time: it is empty`},
		{"format:\n  meta: {member: 1}\n", `line 2: format.meta.member: want text`},
		{"format:\n  meta:\n    duration: ''\n", `line 3: format.meta.duration: it is empty`},
		{"format:\n  meta:\n    unit: rfc3339\n", `line 3: format.meta.unit: a duration cannot be rfc3339`},
		{"format:\n  meta:\n    unit: h\n", `line 3: format.meta.unit: "h" is not one of`},
		{"format:\n  meta:\n    units: s\n", `line 3: format.meta.units: unknown key`},
		{"format:\n  labels:\n    member: ''\n", `line 3: format.labels.member: it is empty`},
		{"format:\n  labels:\n    member: a//b\n", `line 3: format.labels.member: member "a//b" has a part that is empty`},
		{"format:\n  labels:\n    member: ./b\n", `has a part that is empty`},
		{"format:\n  labels:\n    member: \"a\\nb\"\n", `cannot be printed`},
		{"format:\n  labels:\n    unit: ''\n", `line 3: format.labels.unit: it is empty`},
		{"format:\n  labels:\n    rows: csv\n", `line 3: format.labels.rows: unknown key`},
		{"format:\n  labels:\n    member: meta.json\n", `line 3: format.labels.member: "meta.json" is also the member of meta`},
		{"format:\n  meta:\n    member: a/labels.jsonl\n", `format.labels.member: "labels.jsonl" is also`},
		{"format:\n  phases:\n    on: infected\n", `line 3: format.phases[on]: "infected" is not a phase: they are clean, armed, infecting, infected_running, dormant`},
		{"format:\n  phases:\n    x: clean\n    x: clean\n", `line 4: format.phases[x]: the key is there twice`},
		{"format:\n  phases: [a]\n", `line 2: format.phases: want keys and values`},
		{"format:\n  phases:\n    x: 1\n", `line 3: format.phases[x]: want text`},
		{"format:\n  sources:\n    a.b: {}\n", `line 3: format.sources[a.b]: source "a.b" does not match`},
		{"format:\n  sources:\n    a b: {}\n", `does not match`},
		{"format:\n  sources:\n    a: {member: 'x-*'}\n", `line 3: format.sources[a].member: "x-*" has a "*"`},
		{"format:\n  sources:\n    a: {member: ''}\n", `line 3: format.sources[a].member: it is empty`},
		{"format:\n  sources:\n    a:\n      rows: tsv\n", `line 4: format.sources[a].rows: "tsv" is neither jsonl nor csv`},
		{"format:\n  sources:\n    a: {unit: d}\n", `format.sources[a].unit: "d" is not one of`},
		{"format:\n  sources:\n    a: {phase: d}\n", `format.sources[a].phase: unknown key`},
		{"format:\n  sources:\n    a:\n", `line 3: format.sources[a]: want keys and values`},
		{"format:\n  sources:\n    a: {member: x, time: t}\n    b: {member: x}\n", `line 4: format.sources[b]: the sources a and b have one member`},
		{"format:\n  sources:\n    a: {member: x, unit: s}\n    b: {member: y/x}\n", `have one member`},
		{"format:\n  sources:\n    a: {member: x, rows: csv}\n    b: {member: x}\n", `have one member`},
		{"format:\n  sources:\n    a: {member: telemetry-proc.jsonl, time: t}\n", `the sources a and proc have one member`},
		{"format:\n  sources:\n    a: {member: labels.jsonl}\n", `line 3: format.sources[a]: the member "labels.jsonl" of source a is also that of labels`},
		{"format:\n  sources:\n    '*': {member: meta.json}\n", `of source proc is also that of meta`},
		{"format:\n  channels:\n    net: {}\n", `line 3: format.channels[net]: channel "net" is not <source>.<field>`},
		{"format:\n  channels:\n    a.b:\n      kind: sum\n", `line 4: format.channels[a.b].kind: "sum" is neither counter nor gauge`},
		{"format:\n  channels:\n    a.b:\n      scale: 0\n", `line 4: format.channels[a.b].scale: a scale of 0`},
		{"format:\n  channels:\n    a.b: {scale: 1e16}\n", `format.channels[a.b].scale: 1e+16 is not a number of at most 1e+15`},
		{"format:\n  channels:\n    a.b: {scale: .inf}\n", `scale: want a decimal number, have ".inf"`},
		{"format:\n  channels:\n    a.b: {scale: .nan}\n", `scale: want a decimal number`},
		{"format:\n  channels:\n    a.b: {scale: 1e999}\n", `scale: want`},
		{"format:\n  channels:\n    a.b: {scale: '1'}\n", `scale: want a decimal number`},
		{"format:\n  channels:\n    a.b: {scale: 0x10}\n", `scale: want a decimal number`},
		{"format:\n  channels:\n    a.b: {unit: a unit of more than 24 letters}\n", `format.channels[a.b].unit: "a unit of`},
		{"format:\n  channels:\n    a.b: {unit: \"a\\tb\"}\n", `cannot be printed`},
		{"format:\n  channels:\n    a.b: {field: ''}\n", `field: it is empty`},
		{"format:\n  channels:\n    a.b: {feld: x}\n", `line 3: format.channels[a.b].feld: unknown key`},
		{"quality:\n  min_span: x\n", `line 2: quality.min_span: want a time such as 1s`},
		{"quality:\n  min_span: '1'\n", `quality.min_span: want a time`},
		{"quality:\n  min_span: -1s\n", `line 2: quality.min_span: -1 is not from 0`},
		{"quality:\n  min_span: .inf\n", `quality.min_span: want a time`},
		{"quality:\n  max_duration: 0.5\n", `line 2: quality.max_duration: 0.5 is not from 1 to 1000000000`},
		{"quality:\n  rows_dropped: 1.1\n", `line 2: quality.rows_dropped: 1.1 is not from 0 to 1`},
		{"quality:\n  counter_events: -0.1\n", `line 2: quality.counter_events: -0.1`},
		{"quality:\n  min_points: 0\n", `line 2: quality.min_points: 0 is not from 1 to 80`},
		{"quality:\n  min_points: 81\n", `line 2: quality.min_points: 81 is not from 1 to 80`},
		{"quality:\n  min_points: 1.5\n", `line 2: quality.min_points: want a decimal integer`},
		{"quality:\n  gaps: 1\n", `line 2: quality.gaps: unknown key`},
		{"validation:\n  host: x\n", `line 2: validation.host: unknown key`},
		{"validation:\n  host_id: ''\n", `line 2: validation.host_id: it is empty`},
		{"validation:\n  host_id: episode_id\n", `line 2: validation.host_id: column "episode_id" is also episode_id`},
		{"validation:\n  accepted: []\n", `line 2: validation.accepted: the list is empty`},
		{"validation:\n  accepted: yes please\n", `line 2: validation.accepted: want a list`},
		{"validation:\n  accepted: [a, a]\n", `line 2: validation.accepted[1]: status "a" is there twice`},
		{"points:\n  infected_running: 1\n", `line 2: points.infected_running: 1 is not from 2`},
		{"points: {infected_running: 0}\n", `points.infected_running: 0 is not from 2`},
		{"profiles:\n  - {name: T1, channel: b.c}\n  - {name: t1, channel: b.c}\n", `line 3: profiles[1].name: profiles "T1" and "t1" differ by case alone`},
	}
	for _, test := range tests {
		s, err := ParseSpec([]byte(test.text))
		if err == nil || !strings.HasPrefix(err.Error(), "parse spec line") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q gives %+v and the error\n  %v\nwant\n  ...%s...", test.text, s, err, test.want)
		}
	}
}

func TestFormatJSONRefuses(t *testing.T) {
	for _, text := range []string{
		`{"format":{"sufixes":[]}}`, `{"format":{"suffixes":[]}}`, `{"format":{"suffixes":["tar"]}}`, `{"format":{"time":"h"}}`, `{"format":{"meta":{"units":"s"}}}`,
		`{"format":{"phases":{"a":"b"}}}`, `{"format":{"sources":{"a":{"row":"csv"}}}}`, `{"format":{"sources":{"a":{"rows":"tsv"}}}}`,
		`{"format":{"channels":{"a.b":{"scale":0}}}}`, `{"format":{"channels":{"a.b":{"scale":"1"}}}}`, `{"format":{"channels":{"a.b":{"knd":"gauge"}}}}`,
		`{"format":{"channels":{"a":{}}}}`, `{"quality":{"min_span":"1s"}}`, `{"quality":{"min_span":-1}}`, `{"quality":{"gaps":1}}`, `{"validation":{"accepted":[]}}`,
		`{"validation":{"profile":""}}`, `{"validation":{"columns":""}}`, `{"channels":{}}`,
	} {
		var s Spec
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s gives %+v", text, s)
		}
	}
}

func TestFormatJSONMerges(t *testing.T) {
	const text = `{"format":{"time":"s","suffixes":[".tgz"],"sources":{"net":{"rows":"csv"}},"channels":{"a.b":{"scale":2}}},"validation":{"accepted":["ok"]},"quality":{"min_points":2}}`
	var s Spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	want := DefaultSpec()
	want.Format.Time, want.Format.Labels.Unit, want.Format.Suffixes = "s", "s", []string{".tgz"}
	want.Format.Sources = map[string]SourceFormat{
		"*": {"telemetry-*.jsonl", "t_wall_ns", "s", "jsonl"}, "net": {"telemetry-net.jsonl", "t_wall_ns", "s", "csv"},
	}
	want.Format.Channels = map[string]Channel{"a.b": {Scale: 2}}
	want.Validation.Accepted, want.Quality.MinPoints = []string{"ok"}, 2
	if !reflect.DeepEqual(&s, want) {
		t.Errorf("got %+v\nwant %+v", &s, want)
	}
}

func TestSourceOfFormat(t *testing.T) {
	f := DefaultFormat()
	if got, want := f.Source("net"), (SourceFormat{"telemetry-net.jsonl", "t_wall_ns", "ns", "jsonl"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	own := SourceFormat{"rx", "t", "s", "csv"}
	f.Sources["net"] = own
	if got := f.Source("net"); got != own {
		t.Errorf("got %+v, want %+v", got, own)
	}
	if again := DefaultFormat(); len(again.Sources) != 1 {
		t.Errorf("two default formats share their sources: %v", again.Sources)
	}
}

func TestGenerationOfFormat(t *testing.T) {
	base := DefaultSpec().Generation(nil, 0)
	seen := map[Generation]string{base: "the default"}
	for _, text := range []string{
		"format: {suffixes: [.tar.gz]}", "format: {suffixes: [.tar.gz, .tar.zst]}", "format: {suffixes: [.tar.zst, .tar.gz]}",
		"format: {time: us}", "format: {labels: {unit: us}}", `format: {sources: {"*": {unit: us}}}`, "format: {sources: {proc: {rows: csv}}}",
		"format: {sources: {proc: {time: t}}}", "format: {sources: {proc: {member: p}}}", "format: {meta: {member: m}}", `format: {meta: {member: ""}}`,
		"format: {meta: {duration: d}}", "format: {meta: {unit: ms}}", "format: {labels: {member: m}}", "format: {labels: {time: t}}", "format: {labels: {phase: t}}",
		"format: {phases: {a: clean}}", "format: {phases: {a: armed}}", "format: {phases: {armed: clean}}", "format: {channels: {proc.minflt: {kind: gauge}}}",
		"format: {channels: {proc.minflt: {scale: 2}}}", "format: {channels: {proc.minflt: {field: faults}}}",
		"quality: {min_span: 2}", "quality: {max_duration: 2}", "quality: {rows_dropped: 0.5}", "quality: {counter_events: 0.5}", "quality: {min_points: 2}",
	} {
		s, err := ParseSpec([]byte(text))
		if err != nil {
			t.Fatal(text, err)
		}
		g := s.Generation(nil, 0)
		if other, ok := seen[g]; ok {
			t.Errorf("%s and %s have the generation %s", text, other, g)
		}
		seen[g] = text
	}
	for _, text := range []string{
		`validation: {status: ""}`, "format: {channels: {proc.minflt: {unit: faults/s}}}", "format: {channels: {net.rx: {kind: counter}}}",
		"format: {sources: {net: {rows: csv}}}", `format: {time: s, labels: {unit: ns}, sources: {"*": {unit: ns}}}`,
	} {
		s, err := ParseSpec([]byte(text))
		if err != nil {
			t.Fatal(text, err)
		}
		if s.Generation(nil, 0) != base {
			t.Errorf("%s changes the generation", text)
		}
	}
}

// TestGenerationOfMapsIsStable: the order of Go maps changes from one iteration to the next.
func TestGenerationOfMapsIsStable(t *testing.T) {
	s := DefaultSpec()
	s.Format.Phases, s.Format.Channels = map[string]string{}, map[string]Channel{}
	for i := range 20 {
		s.Format.Phases[fmt.Sprint("word", i)] = "clean"
		s.Format.Sources[fmt.Sprint("s", i)] = SourceFormat{Member: fmt.Sprint("m", i), Time: "t", Unit: "ns", Rows: "csv"}
		name := fmt.Sprintf("s%d.x", i)
		s.Format.Channels[name] = Channel{Kind: Counter}
		s.Signature.Channels = append(s.Signature.Channels, name)
	}
	base := string(s.canonical(nil, 0))
	for range 20 {
		s.Format.Phases, s.Format.Channels = maps.Clone(s.Format.Phases), maps.Clone(s.Format.Channels)
		if got := string(s.canonical(nil, 0)); got != base {
			t.Fatalf("%s\nthen %s", base, got)
		}
	}
}

func TestChannelOfSpec(t *testing.T) {
	s := DefaultSpec()
	s.Format.Channels = map[string]Channel{"net.rx_bytes": {Kind: Counter}, "cg.usage_usec": {Kind: Counter, Unit: "cores", Scale: 1e-6, Field: "cpu.usage"}}
	for name, want := range map[string]Channel{
		"proc.minflt":    {Counter, "1/s", 1, "minflt"},
		"net.rx_bytes":   {Counter, "bytes/s", 1, "rx_bytes"},
		"net.tx_bytes":   {Gauge, "bytes", 1, "tx_bytes"},
		"cg.usage_usec":  {Counter, "cores", 1e-6, "cpu.usage"},
		"proc.a.b.c":     {Gauge, "", 1, "a.b.c"},
		"host.minflt":    {Gauge, "", 1, "minflt"},
		"proc.rss_bytes": {Gauge, "bytes", 1, "rss_bytes"},
	} {
		if got := s.Channel(name); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}
