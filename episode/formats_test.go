package episode

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	et "github.com/cis490/profiles/episode/episodetest"
)

// writeTime writes a time in a unit, of nanoseconds since 1970.
func writeTime(ns int64, unit TimeUnit) string {
	point := func(digits int) string {
		text := fmt.Sprint(ns)
		return text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	switch unit {
	case Seconds:
		return point(9)
	case Milliseconds:
		return point(6)
	case Microseconds:
		return point(3)
	case RFC3339:
		return `"` + time.Unix(0, ns).In(time.FixedZone("", 5400)).Format("2006-01-02T15:04:05.999999999Z07:00") + `"`
	}
	return fmt.Sprint(ns)
}

// rewritten returns an archive with the measurements of et.Episode, with labels and rows of layouts
// for Sprintf: of the time and the phase, and of the time, the user and the system time.
func rewritten(rows int, label, row string, unit TimeUnit, phases map[string]string, rename func(member string) string) et.Archive {
	a := et.Episode(rows).Without("telemetry-host.jsonl")
	for i, m := range a.Members {
		objects, ok := oracleRows([]byte(m.Body))
		if !ok || m.Name == "meta.json" {
			continue
		}
		var body strings.Builder
		if m.Name != "labels.jsonl" && !strings.HasPrefix(row, "{") {
			body.WriteString("at,cpu.user,sys\n")
		}
		for _, object := range objects {
			o := object.values
			ns := oracleNumberOf(o["t_wall_ns"]).integer.Int64()
			if m.Name == "labels.jsonl" {
				phase := o["phase"].(string)
				if word, ok := phases[phase]; ok {
					phase = word
				}
				fmt.Fprintf(&body, label+"\n", writeTime(ns, unit), phase)
			} else {
				fmt.Fprintf(&body, row+"\n", writeTime(ns, unit), o["cpu_user_jiffies"], o["cpu_sys_jiffies"])
			}
		}
		a.Members[i].Body = body.String()
		a.Members[i].Name = rename(m.Name)
	}
	return a
}

// TestReadFormats reads the same measurements in many formats. Everything must be equal to the bit.
func TestReadFormats(t *testing.T) {
	const plainLabel, plainRow = `{"t_wall_ns": %s, "phase": "%s"}`, `{"t_wall_ns": %s, "cpu_user_jiffies": %v, "cpu_sys_jiffies": %v}`
	const nestedLabel, nestedRow = `{"event": {"at": %s, "state": "%s"}}`, `{"clock": {"wall": %s}, "cpu": {"user": %v, "sys": %v}}`
	words := map[string]string{"infected_running": "detonated", "clean": "idle", "armed": "3"}
	for name, c := range map[string]struct {
		label, row    string
		unit          TimeUnit
		phases        map[string]string
		labels        LabelFormat
		source        SourceFormat
		user, sys     string
		meta, metaKey string
		metaUnit      TimeUnit
	}{
		"default": {plainLabel, plainRow, Nanoseconds, nil, LabelFormat{Time: "t_wall_ns", Phase: "phase"}, SourceFormat{Time: "t_wall_ns"}, "", "", et.Meta("45.02"), "result.duration_observed_s", Seconds},
		"strings": {
			`{"t_wall_ns": "%s", "phase": "%s"}`, `{"t_wall_ns": "%s", "cpu_user_jiffies": "%v", "cpu_sys_jiffies": "%v"}`, Nanoseconds, nil,
			LabelFormat{Time: "t_wall_ns", Phase: "phase"}, SourceFormat{Time: "t_wall_ns"}, "", "", et.Meta(`"45.02"`), "result.duration_observed_s", Seconds,
		},
		"nested, ms": {
			nestedLabel, nestedRow, Milliseconds, words, LabelFormat{Time: "event.at", Phase: "event.state"}, SourceFormat{Time: "clock.wall"}, "cpu.user", "cpu.sys",
			`{"run": {"time": {"ms": 45020}}}`, "run.time.ms", Milliseconds,
		},
		"nested, us": {
			nestedLabel, nestedRow, Microseconds, words, LabelFormat{Time: "event.at", Phase: "event.state"}, SourceFormat{Time: "clock.wall"}, "cpu.user", "cpu.sys",
			`{"run.us": "45020000", "run": 5}`, "run.us", Microseconds,
		},
		"seconds": {plainLabel, plainRow, Seconds, words, LabelFormat{Time: "t_wall_ns", Phase: "phase"}, SourceFormat{Time: "t_wall_ns"}, "", "", `{"ns": 45020000000}`, "ns", Nanoseconds},
		"rfc3339": {plainLabel, nestedRow, RFC3339, words, LabelFormat{Time: "t_wall_ns", Phase: "phase"}, SourceFormat{Time: "clock.wall"}, "cpu.user", "cpu.sys", `{"s": 4502e-2}`, "s", Seconds},
		"csv":     {plainLabel, `%s , %v,"%v"`, Seconds, nil, LabelFormat{Time: "t_wall_ns", Phase: "phase"}, SourceFormat{Time: "at", Rows: CSV}, "cpu.user", "sys", et.Meta("45.02"), "result.duration_observed_s", Seconds},
		"csv, rfc3339": {
			nestedLabel, "%s,%v,%v", RFC3339, nil, LabelFormat{Time: "event.at", Phase: "event.state"}, SourceFormat{Time: "at", Rows: CSV}, "cpu.user", "sys",
			et.Meta("45.02"), "result.duration_observed_s", Seconds,
		},
	} {
		rename := map[string]string{"labels.jsonl": "events", "telemetry-proc.jsonl": "data/rows.proc"}
		format := Format{Labels: c.labels, Phases: map[string]Phase{}, Sources: map[string]SourceFormat{}}
		format.Labels.Member, format.Labels.Unit = "events", c.unit
		c.source.Member, c.source.Unit = "rows.proc", c.unit
		format.Sources["proc"] = c.source
		for phase, word := range c.phases {
			format.Phases[word] = Phase(phase)
		}
		format.Meta = MetaFormat{Member: "meta.json", Duration: c.metaKey, Unit: c.metaUnit}
		a := rewritten(450, c.label, c.row, c.unit, c.phases, func(member string) string { return rename[member] }).With("meta.json", c.meta)
		fields := []Wanted{wanted("proc", "cpu_user_jiffies"), wanted("proc", "cpu_sys_jiffies")}
		want, err := Read(bytes.NewReader(et.Episode(450).Bytes()), fields, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		fields[0].Field, fields[1].Field = c.user, c.sys
		got, err := Read(bytes.NewReader(a.Bytes()), fields, Rules{Format: format})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got.Labels, want.Labels) || got.Duration != 45.02 || got.Rows != 450 {
			t.Errorf("%s: %v s, %d rows, labels %v", name, got.Duration, got.Rows, got.Labels)
		}
		for i := range fields {
			if !sameChannel(got.Channels[i], want.Channels[i]) {
				t.Errorf("%s: channel %s differs", name, fields[i].Name)
			}
		}
	}
}

func TestReadMetaFormats(t *testing.T) {
	milliseconds := 45020.0000001 // not a constant, whose product would be exact
	for name, c := range map[string]struct {
		path string
		unit TimeUnit
		body string
		want float64
		says string
	}{
		"ms":                     {"ms", Milliseconds, `{"ms": 45020}`, 45.02, ""},
		"a string":               {"ms", Milliseconds, `{"ms": "45020.0"}`, 45.02, ""},
		"negative":               {"us", Microseconds, `{"us": -5}`, -5e-6, ""},
		"many digits":            {"s", Seconds, `{"s": 45.0200000001}`, 45.0200000001, ""},
		"many digits in ms":      {"s", Milliseconds, `{"s": 45020.0000001}`, milliseconds * 1e-3, ""},
		"whole name":             {"a.b", Seconds, `{"a": 7, "a.b": 5, "a": {"b": 6}}`, 5, ""},
		"whole name null":        {"a.b", Seconds, `{"a": {"b": 6}, "a.b": null}`, 0, ""},
		"missing":                {"a.b.c", Seconds, `{"a": {"b": {}}}`, 0, ""},
		"an object that is null": {"a.b.c", Seconds, `{"a": {"b": null}}`, 0, ""},
		"many lines":             {"a.b.c", Seconds, "{\"a\"\n:\n{\"b\":\n{\n\"c\"\n:\n\"5\"\n}}}", 5, ""},
		"many lines and lists":   {"a", Seconds, "{\"a\":\n[\n1\n],\n\"a\": 2}", 2, ""},
		"twice":                  {"a.b", Seconds, `{"a": {"b": 1}, "a": {}}`, 0, ""},
		"twice and wrong":        {"a.b", Seconds, `{"a": {"b": "x"}, "a": {"b": 2}}`, 2, ""},
		"wrong":                  {"a.b", Seconds, `{"a": {"b": "5 s"}}`, 0, `meta.json: "a.b" is not a finite number`},
		"not finite":             {"a.b", Seconds, `{"a": {"b": Infinity}}`, 0, `"a.b" is not a finite number`},
		"a list":                 {"a.b", Seconds, "{\"a\": {\"b\":\n[\n1]}}", 0, `"a.b" is not a finite number`},
		"no object":              {"a.b", Seconds, `{"a": 5}`, 0, `meta.json: "a" is not an object`},
		"no object deeper":       {"a.b.c", Seconds, `{"a": {"b": "x"}}`, 0, `meta.json: "a.b" is not an object`},
		"NaN for an object":      {"a.b", Seconds, `{"a": NaN}`, 0, `"a" is not an object`},
	} {
		f := DefaultFormat()
		f.Meta.Duration, f.Meta.Unit = c.path, c.unit
		e, err := Read(bytes.NewReader(small().With("meta.json", c.body).Bytes()), user, Rules{Format: f})
		switch {
		case c.says == "" && (err != nil || e.Duration != c.want):
			t.Errorf("%s: %v, %v, want %v", name, e, err, c.want)
		case c.says != "" && (!errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestReadLabelFormats(t *testing.T) {
	for name, c := range map[string]struct {
		labels LabelFormat
		line   string
		says   string
	}{
		"no time":           {LabelFormat{Time: "t", Unit: Nanoseconds, Phase: "p"}, `{"ts": 1, "state": "x"}`, "events line 1: no t, the keys are ts, state"},
		"no time in it":     {LabelFormat{Time: "at.ns", Unit: Nanoseconds, Phase: "p"}, `{"at": {"s": 1, "x y": 2}, "n": 5}`, `no at.ns, the keys are at.s, "at.x y", n`},
		"no keys":           {LabelFormat{Time: "t", Unit: Nanoseconds, Phase: "p"}, `{}`, "no t, the keys are none"},
		"many keys":         {LabelFormat{Time: "t", Unit: Nanoseconds, Phase: "p"}, `{` + strings.Repeat(`"a": 1, `, 30) + `"b": {"c": 1}}`, "a, a and 11 more"},
		"a number":          {LabelFormat{Time: "t", Unit: RFC3339, Phase: "p"}, `{"t": 5}`, "t is 5, not a time in rfc3339"},
		"no offset":         {LabelFormat{Time: "t", Unit: RFC3339, Phase: "p"}, `{"t": "2026-01-01T00:00:00"}`, `t is "2026-01-01T00:00:00", not a time in rfc3339`},
		"a date":            {LabelFormat{Time: "t", Unit: Seconds, Phase: "p"}, `{"t": "2026-01-01T00:00:00Z"}`, `t is "2026-01-01T00:00:00Z", not a time in s`},
		"NaN":               {LabelFormat{Time: "t", Unit: Seconds, Phase: "p"}, `{"t": NaN}`, `t is NaN, not a time in s`},
		"a long text":       {LabelFormat{Time: "t", Unit: Seconds, Phase: "p"}, `{"t": "` + strings.Repeat("é", 500) + `"}`, `t is "` + strings.Repeat("é", 31) + `, not a time in s`},
		"whole name counts": {LabelFormat{Time: "t.s", Unit: Seconds, Phase: "p"}, `{"t": {"s": 5}, "t.s": null}`, `t.s is null, not a time in s`},
	} {
		f := DefaultFormat()
		f.Labels = c.labels
		f.Labels.Member = "events"
		_, err := Read(bytes.NewReader(small().With("events", c.line).Bytes()), user, Rules{Format: f})
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestReadPhases checks the words of a fleet for the phases.
func TestReadPhases(t *testing.T) {
	f := DefaultFormat()
	f.Labels.Phase, f.Labels.Unit = "s", Seconds
	f.Phases = map[string]Phase{"idle": PhaseClean, "1": PhaseArmed, "true": PhaseInfecting, strings.Repeat("x", 100): PhaseRunning, "clean": "washed"}
	lines := []string{`{"t_wall_ns": 0.5, "s": "idle"}`, `{"t_wall_ns": 1, "s": 1}`, `{"t_wall_ns": 2, "s": true}`, `{"t_wall_ns": 3, "s": "` + strings.Repeat("x", 100) + `"}`,
		`{"t_wall_ns": 4, "s": "cl\u0065an"}`, `{"t_wall_ns": 5, "s": "armed"}`, `{"t_wall_ns": 6, "s": null}`, `{"t_wall_ns": 7, "phase": "idle"}`, `{"t_wall_ns": 8e0, "s": NaN}`}
	e, err := Read(bytes.NewReader(small().With("labels.jsonl", strings.Join(lines, "\n")).Bytes()), nil, Rules{Format: f})
	if err != nil {
		t.Fatal(err)
	}
	want := []Label{{0, PhaseClean, true}, {.5, PhaseArmed, true}, {1.5, PhaseInfecting, true}, {2.5, PhaseRunning, true}, {3.5, "washed", true}, {4.5, PhaseArmed, true}, {5.5, "", false}, {6.5, "", false}, {7.5, "NaN", true}}
	if !reflect.DeepEqual(e.Labels, want) {
		t.Errorf("labels %v, want %v", e.Labels, want)
	}
}

// TestReadZero checks that time zero is an integer of nanoseconds.
func TestReadZero(t *testing.T) {
	labels := strings.Replace(et.Walk(), "1767225600000000000", "1767225600000000000e0", 1)
	e, err := read(small().With("labels.jsonl", labels).Bytes())
	if err != nil || !sameChannel(e.Channels[0], mustRead(t, small().Bytes()).Channels[0]) {
		t.Errorf("%v", err)
	}
}
