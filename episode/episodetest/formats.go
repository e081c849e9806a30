package episodetest

import (
	"archive/tar"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A Format is a way in which a fleet may write its archives.
type Format struct {
	Name   string
	Suffix string // of the files in a store
	Spec   string // YAML: what a spec says about it
	Mixed  bool   // sources share a member: each row lacks the fields of the other sources, so more gaps are counted
	write  func(Recording) []byte
}

// Write returns an archive of a recording in this format. It holds the same measurements in every format, so it gives the same
// curves to the last bit.
func (f Format) Write(r Recording) []byte { return f.write(r) }

// Formats returns formats that differ from the default in one respect each, or in several.
func Formats() []Format {
	return []Format{
		{"gzip", ".tar.gz", "format: {suffixes: [.tar.gz]}", false, func(r Recording) []byte { return r.archive().Gzip() }},
		{"tar", ".tar", "format: {suffixes: [.tar]}", false, func(r Recording) []byte { return r.archive().Tar() }},
		{"nested", ".tar.zst", nestedSpec, false, writeNested},
		{"csv", ".tar.zst", `format: {sources: {"*": {member: "*.csv", rows: csv}}}`, false, writeCSV},
		{"rfc3339", ".tar.zst", "format: {time: rfc3339}", false, func(r Recording) []byte {
			return r.withTimes(func(ns json.Number) any { return inZone(ns) }).archive().Bytes()
		}},
		{"strings", ".tar.zst", "", false, writeStrings},
		{"milliseconds", ".tar.zst", "format: {time: ms, meta: {duration: length_ms, unit: ms}}", false, writeMilliseconds},
		{"microseconds", ".tar.zst", `format: {time: us, labels: {unit: s}, sources: {host: {unit: ns}}}`, false, writeMicroseconds},
		{"phases", ".tar.zst", phasesSpec, false, writePhases},
		{"folders", ".tar.zst", foldersSpec, false, writeFolders},
		{"shared", ".tgz", sharedSpec(), true, writeShared},
	}
}

// A Recording is what an archive of the default format holds. It is not changed by the functions of this package, so it may be
// written in many formats at once.
type Recording struct {
	meta   object
	labels []object
	rows   map[string][]object // by source
}

// An object is one of JSON. Its numbers are as they are written.
type object = map[string]any

// ReadRecording reads an archive of the default format.
func ReadRecording(archive []byte) Recording {
	decoder, err := zstd.NewReader(bytes.NewReader(archive))
	must(err)
	defer decoder.Close()
	r := Recording{rows: map[string][]object{}}
	for members := tar.NewReader(decoder); ; {
		header, err := members.Next()
		if err == io.EOF {
			return r
		}
		must(err)
		name := path.Base(header.Name)
		source, isRows := strings.CutPrefix(strings.TrimSuffix(name, ".jsonl"), "telemetry-")
		switch {
		case name == "meta.json":
			r.meta = objectsOf(members)[0]
		case name == "labels.jsonl":
			r.labels = objectsOf(members)
		case isRows:
			r.rows[source] = objectsOf(members)
		}
	}
}

func objectsOf(r io.Reader) []object {
	decoder := json.NewDecoder(r)
	decoder.UseNumber()
	var objects []object
	for {
		var o object
		err := decoder.Decode(&o)
		if err == io.EOF {
			return objects
		}
		must(err)
		objects = append(objects, o)
	}
}

func lines(objects []object) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	for _, o := range objects {
		must(encoder.Encode(o))
	}
	return b.String()
}

// archive returns the recording in the default format.
func (r Recording) archive() Archive {
	members := []Member{{Name: "meta.json", Body: lines([]object{r.meta})}, {Name: "labels.jsonl", Body: lines(r.labels)}}
	for _, source := range slices.Sorted(maps.Keys(r.rows)) {
		members = append(members, Member{Name: "telemetry-" + source + ".jsonl", Body: lines(r.rows[source])})
	}
	return Archive{Members: members}
}

const timeKey = "t_wall_ns"

// withTimes returns the recording with each time written in another way.
func (r Recording) withTimes(write func(ns json.Number) any) Recording {
	r.labels = changed(r.labels, timeChange(write))
	rows := map[string][]object{}
	for source := range r.rows {
		rows[source] = changed(r.rows[source], timeChange(write))
	}
	r.rows = rows
	return r
}

func timeChange(write func(ns json.Number) any) func(object) {
	return func(o object) { o[timeKey] = write(o[timeKey].(json.Number)) }
}

// changed returns copies of objects, with change called for each.
func changed(objects []object, change func(object)) []object {
	var copies []object
	for _, o := range objects {
		o = maps.Clone(o)
		change(o)
		copies = append(copies, o)
	}
	return copies
}

// moved returns n times ten to the power of by, without zeros at the end.
func moved(n json.Number, by int) json.Number {
	exact, ok := new(big.Rat).SetString(fmt.Sprintf("%se%d", n, by))
	if !ok {
		panic("episodetest: not a number: " + n.String())
	}
	text := exact.FloatString(18)
	return json.Number(strings.TrimSuffix(strings.TrimRight(text, "0"), "."))
}

func inZone(ns json.Number) string {
	n, err := ns.Int64()
	must(err)
	return time.Unix(0, n).In(time.FixedZone("", 2*60*60)).Format(time.RFC3339Nano)
}

// nestedFields are the fields of proc that the nested format has in objects.
var nestedFields = map[string]string{
	"cpu_user_jiffies": "cpu.user", "cpu_sys_jiffies": "cpu.sys", "ctxt_voluntary": "switches.voluntary", "minflt": "faults.minor",
	"io_wchar": "io.chars.written", "io_rchar": "io.chars.read", "io_write_bytes": "io.bytes.written",
}

const nestedSpec = `format:
  labels: {time: at.ns, phase: event.phase}
  sources: {"*": {time: at.ns}}
  channels:
    proc.cpu_user_jiffies: {field: cpu.user}
    proc.cpu_sys_jiffies: {field: cpu.sys}
    proc.ctxt_voluntary: {field: switches.voluntary}
    proc.minflt: {field: faults.minor}
    proc.io_wchar: {field: io.chars.written}
    proc.io_rchar: {field: io.chars.read}
    proc.io_write_bytes: {field: io.bytes.written}
`

func writeNested(r Recording) []byte {
	nestTime := func(o object) { nest(o, timeKey, "at.ns") }
	r.labels = changed(r.labels, func(o object) {
		nestTime(o)
		nest(o, "phase", "event.phase")
	})
	rows := map[string][]object{}
	for source := range r.rows {
		rows[source] = changed(r.rows[source], func(o object) {
			nestTime(o)
			for field, to := range nestedFields {
				nest(o, field, to)
			}
		})
	}
	r.rows = rows
	return r.archive().Bytes()
}

// nest moves the value of a key, if there is one, to a path.
func nest(o object, key, to string) {
	value, ok := o[key]
	if !ok {
		return
	}
	delete(o, key)
	keys := strings.Split(to, ".")
	for _, k := range keys[:len(keys)-1] {
		inner, ok := o[k].(object)
		if !ok {
			inner = object{}
			o[k] = inner
		}
		o = inner
	}
	o[keys[len(keys)-1]] = value
}

func writeCSV(r Recording) []byte {
	a := Recording{meta: r.meta, labels: r.labels}.archive()
	for source, rows := range r.rows {
		a = a.With(source+".csv", table(rows))
	}
	return a.Bytes()
}

func table(rows []object) string {
	fields := map[string]bool{}
	for _, row := range rows {
		for field := range row {
			fields[field] = true
		}
	}
	names := slices.Sorted(maps.Keys(fields))
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	must(w.Write(names))
	for _, row := range rows {
		cells := make([]string, len(names))
		for i, name := range names {
			if value := row[name]; value != nil {
				cells[i] = fmt.Sprint(value)
			}
		}
		must(w.Write(cells))
	}
	w.Flush()
	must(w.Error())
	return b.String()
}

func writeStrings(r Recording) []byte {
	text := func(o object) {
		for key, value := range o {
			if n, ok := value.(json.Number); ok {
				o[key] = n.String()
			}
		}
	}
	r.labels = changed(r.labels, text)
	rows := map[string][]object{}
	for source := range r.rows {
		rows[source] = changed(r.rows[source], text)
	}
	r.rows = rows
	return r.archive().Bytes()
}

func writeMilliseconds(r Recording) []byte {
	r = r.withTimes(func(ns json.Number) any { return moved(ns, -6) })
	r.meta = object{"length_ms": moved(r.meta["result"].(object)["duration_observed_s"].(json.Number), 3)}
	return r.archive().Bytes()
}

func writeMicroseconds(r Recording) []byte {
	to := r.withTimes(func(ns json.Number) any { return moved(ns, -3) })
	to.labels = changed(r.labels, timeChange(func(ns json.Number) any { return moved(ns, -9) }))
	to.rows["host"] = r.rows["host"]
	return to.archive().Bytes()
}

const phasesSpec = `format:
  labels: {phase: state}
  phases: {idle: clean, set: armed, dropped: infecting, detonated: infected_running, sleeping: dormant}
`

func writePhases(r Recording) []byte {
	words := map[any]string{"clean": "idle", "armed": "set", "infecting": "dropped", "infected_running": "detonated", "dormant": "sleeping"}
	r.labels = changed(r.labels, func(o object) {
		o["state"], o["phase"] = o["phase"], "none"
		if word, ok := words[o["state"]]; ok {
			o["state"] = word
		}
	})
	return r.archive().Bytes()
}

const foldersSpec = `format:
  meta: {member: run.json, duration: seconds}
  labels: {member: events/phases.ndjson}
  sources: {"*": {member: "*/rows.ndjson"}}
`

func writeFolders(r Recording) []byte {
	meta := object{"seconds": r.meta["result"].(object)["duration_observed_s"]}
	a := Archive{}.With("2026/notes/phases.ndjson", "of another kind").With("2026/./run.json", lines([]object{meta})).With("2026/events/phases.ndjson", lines(r.labels))
	for source, rows := range r.rows {
		a = a.With("2026/data/"+source+"/rows.ndjson", lines(rows))
	}
	return a.Bytes()
}

// sharedSpec is for two sources in one member: each row has the fields of one of them, in an object.
func sharedSpec() string {
	spec := "format:\n  suffixes: [.tgz]\n  sources: {\"*\": {member: all.jsonl}}\n  channels:\n"
	for _, field := range slices.Sorted(maps.Keys(nestedFields)) {
		spec += fmt.Sprintf("    proc.%s: {field: proc.%s}\n", field, field)
	}
	return spec
}

func writeShared(r Recording) []byte {
	var rows []object
	for source, of := range r.rows {
		for _, row := range of {
			at := row[timeKey]
			row = maps.Clone(row)
			delete(row, timeKey)
			rows = append(rows, object{timeKey: at, source: row})
		}
	}
	slices.SortFunc(rows, func(a, b object) int {
		i, err := a[timeKey].(json.Number).Int64()
		must(err)
		j, err := b[timeKey].(json.Number).Int64()
		must(err)
		return cmp.Compare(i, j)
	})
	return Recording{meta: r.meta, labels: r.labels}.archive().With("all.jsonl", lines(rows)).Gzip()
}
