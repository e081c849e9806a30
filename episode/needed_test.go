package episode

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	et "github.com/cis490/profiles/episode/episodetest"
)

// renamed returns an archive with members under other names. Members without a new name are left
// out.
func renamed(a et.Archive, names map[string]string) et.Archive {
	var out et.Archive
	for _, m := range a.Members {
		if name, ok := names[m.Name]; ok {
			m.Name = name
			out.Members = append(out.Members, m)
		}
	}
	return out
}

// TestReadOtherMembers reads the same episode from archives with other members.
func TestReadOtherMembers(t *testing.T) {
	both := []Wanted{wanted("proc", "cpu_user_jiffies"), wanted("host", "cpu_user")}
	want, err := Read(bytes.NewReader(et.Episode(9).Bytes()), both, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	lines := SourceFormat{Time: "t_wall_ns", Unit: Nanoseconds, Rows: JSONLines}
	in := func(member string) SourceFormat { s := lines; s.Member = member; return s }
	format := func(meta, labels string, sources map[string]SourceFormat) Format {
		f := DefaultFormat()
		f.Meta.Member, f.Labels.Member, f.Sources = meta, labels, sources
		return f
	}
	names := func(meta, labels, proc, host string) map[string]string {
		return map[string]string{"meta.json": meta, "labels.jsonl": labels, "telemetry-proc.jsonl": proc, "telemetry-host.jsonl": host}
	}
	for name, c := range map[string]struct {
		names  map[string]string
		format Format
	}{
		"a pattern":         {names("info", "events", "proc.ndjson", "host.ndjson"), format("info", "events", map[string]SourceFormat{"*": in("*.ndjson")})},
		"a source's own":    {names("a/m", "a/l", "b/rows", "b/host.x"), format("m", "l", map[string]SourceFormat{"*": in("*.x"), "proc": in("rows")})},
		"with a folder":     {names("x/a/m", "x/b/m", "r/proc/r", "r/host/r"), format("a/m", "./b//m", map[string]SourceFormat{"*": in("*/r")})},
		"the longer counts": {names("m", "a/m", "r", "a/r"), format("m", "a/m", map[string]SourceFormat{"proc": in("r"), "host": in("a/r")})},
	} {
		got, err := Read(bytes.NewReader(renamed(et.Episode(9), c.names).Bytes()), both, Rules{Format: c.format})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, got %+v, want %+v", name, err, got, want)
		}
	}
}

// TestReadSharedMember reads two sources from the same rows.
func TestReadSharedMember(t *testing.T) {
	row := func(i int) string { return fmt.Sprintf(`"u": %d, "v": %d`, i, 2*i) }
	data := small().Without("telemetry-proc.jsonl").With("rows", et.Rows(5, row)).Bytes()
	f := DefaultFormat()
	rows := SourceFormat{Member: "rows", Time: "t_wall_ns", Unit: Nanoseconds, Rows: JSONLines}
	f.Sources = map[string]SourceFormat{"a": rows, "b": rows}
	want := []Wanted{{Name: ChannelName{"a", "x"}, Field: "u"}, {Name: ChannelName{"b", "v"}}, {Name: ChannelName{"a", "v"}}}
	e, err := Read(bytes.NewReader(data), want, Rules{Format: f})
	if err != nil {
		t.Fatal(err)
	}
	for i, factor := range []float64{1, 2, 2} {
		if c := e.Channels[i]; c.Name != want[i].Name || len(c.Values) != 5 || c.Values[4] != 4*factor {
			t.Errorf("channel %d is %+v", i, c)
		}
	}
	other := rows
	other.Time = "t"
	f.Sources["b"] = other
	if _, err := Read(bytes.NewReader(data), want, Rules{Format: f}); err == nil || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "two sources read member rows in different ways") {
		t.Errorf("in different ways: %v", err)
	}
	f.Sources["b"] = SourceFormat{Member: "labels.jsonl"}
	if _, err := Read(bytes.NewReader(data), want, Rules{Format: f}); err == nil || errors.Is(err, ErrCorrupt) {
		t.Errorf("rows in the labels: %v", err)
	}
}

func TestReadWithoutMeta(t *testing.T) {
	f := DefaultFormat()
	f.Meta.Member = ""
	e, err := Read(bytes.NewReader(small().With("meta.json", "no").Bytes()), user, Rules{Format: f})
	if err != nil || e.Duration != 0 {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestReadTwice checks that the last of two members of one path counts alone, whatever was in the
// one before.
func TestReadTwice(t *testing.T) {
	want := mustRead(t, small().Bytes())
	for _, name := range []string{"meta.json", "labels.jsonl", "telemetry-proc.jsonl"} {
		for _, before := range []string{"", "no", "\xff", "{}\n{}", "{", strings.Repeat(" ", 2<<20) + "x", strings.Repeat("{}\n", 2000), et.ProcRows(30), et.Meta("7"), et.Labels("a", "b", "c")} {
			a := et.Archive{Members: append([]et.Member{{Name: name, Body: before}}, small().Members...)}
			lim := DefaultLimits()
			lim.Rows, lim.Labels = 1000, 1000
			got, err := Read(bytes.NewReader(a.Bytes()), user, Rules{Limits: lim})
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s after %.20q: %v", name, before, err)
			}
			got, err = Read(bytes.NewReader(et.Archive{Members: append(a.Members[1:], a.Members[0])}.Bytes()), user, Rules{Limits: lim})
			alone, aloneErr := Read(bytes.NewReader(small().With(name, before).Bytes()), user, Rules{Limits: lim})
			if fmt.Sprint(err) != fmt.Sprint(aloneErr) || !reflect.DeepEqual(got, alone) {
				t.Errorf("%s, then %.20q: %v, alone %v", name, before, err, aloneErr)
			}
		}
	}
}

// TestReadFirstError checks which of several errors is returned.
func TestReadFirstError(t *testing.T) {
	bad := small().With("meta.json", "no").With("labels.jsonl", strings.Repeat("x", 2<<20))
	for name, c := range map[string]struct {
		data []byte
		want error
		says string
	}{
		"of two members, the first":      {bad.Bytes(), ErrCorrupt, "meta.json line 1"},
		"the other way round":            {et.Archive{Members: []et.Member{bad.Members[1], bad.Members[0]}}.Bytes(), ErrTooLarge, "labels.jsonl line 1"},
		"a member, and then the archive": {et.Compress(bad.Tar()[:600]), ErrCorrupt, "meta.json line 1"},
		"a member, then a missing one":   {bad.Without("labels.jsonl").Bytes(), ErrCorrupt, "meta.json line 1"},
	} {
		_, err := read(c.data)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadNoSource(t *testing.T) {
	link := func(kind byte, to string) et.Archive {
		return et.Archive{Members: append(small().Without("telemetry-proc.jsonl").Members, et.Member{Name: "telemetry-proc.jsonl", Type: kind, Link: to})}
	}
	many := small().Without("telemetry-proc.jsonl")
	for i := range 20 {
		many.Members = append(many.Members, et.Member{Name: fmt.Sprintf("x%d", i%15)})
	}
	for want, a := range map[string]et.Archive{
		"no telemetry-proc.jsonl; the archive has meta.json, labels.jsonl":                                            small().Without("telemetry-proc.jsonl"),
		"no telemetry-proc.jsonl; the archive has meta.json, labels.jsonl, d/proc.ndjson":                             small().Without("telemetry-proc.jsonl").With("./d//proc.ndjson", ""),
		`no telemetry-proc.jsonl; the archive has meta.json, labels.jsonl, "\x1b[2Jx, y"`:                             small().Without("telemetry-proc.jsonl").With("\x1b[2Jx, y", ""),
		"no telemetry-proc.jsonl: it is a hard link to a/run.jsonl":                                                   link(tar.TypeLink, "./a/run.jsonl"),
		`no telemetry-proc.jsonl: it is a symbolic link to "../\n"`:                                                   link(tar.TypeSymlink, "../\n"),
		"no telemetry-proc.jsonl; the archive has meta.json, labels.jsonl, x0, x1, x2, x3, x4, x5, x6, x7 and 7 more": many,
	} {
		_, err := read(a.Bytes())
		var unusable *UnusableError
		if !errors.As(err, &unusable) || unusable.Reason != ReasonNoSource || unusable.Detail != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	f := DefaultFormat()
	delete(f.Sources, "*")
	f.Sources["host"] = SourceFormat{Member: "x"}
	_, err := Read(bytes.NewReader(small().Bytes()), user, Rules{Format: f})
	if err == nil || !strings.Contains(err.Error(), "the format has no source proc") {
		t.Error(err)
	}
}

// TestPrintable checks that a name in a message is short, and can do nothing to a terminal.
func TestPrintable(t *testing.T) {
	for name, want := range map[string]string{
		"a/b.jsonl":               "a/b.jsonl",
		"é":                       "é",
		"":                        `""`,
		"a b":                     `"a b"`,
		"\xff":                    `"\xff"`,
		"a\u202eb":                `"a\u202eb"`,
		strings.Repeat("x", 64):   strings.Repeat("x", 64),
		strings.Repeat("x", 65):   `"` + strings.Repeat("x", 64) + `"...`,
		strings.Repeat("\x00", 9): `"` + strings.Repeat(`\x00`, 9) + `"`,
	} {
		if got := printable(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	if got := printable(strings.Repeat("\x80", 1000)); len(got) > 300 || !utf8.ValidString(got) {
		t.Error(got)
	}
}

// TestMemberListMemory checks that a list keeps nothing of long paths.
func TestMemberListMemory(t *testing.T) {
	var l memberList
	for i := range 1000 {
		l.add(strings.Repeat("x", 1000) + fmt.Sprint(i))
	}
	if n := len(l.paths[0]); n > 2*clipBytes || l.listed != 1 {
		t.Errorf("%d paths, the first of %d bytes", l.listed, n)
	}
}

// TestSecondTar: of tars that were joined with cat only the first is read; the reason says so.
func TestSecondTar(t *testing.T) {
	const says = "the file has another tar behind the first"
	whole := et.Episode(9)
	first, second := whole.Without("telemetry-proc.jsonl").Tar(), whole.Tar()
	for name, c := range map[string]struct {
		content []byte
		found   bool
	}{
		"alone":   {first, false},
		"twice":   {append(bytes.Clone(first), second...), true},
		"garbage": {append(bytes.Clone(first), bytes.Repeat([]byte("ustar "), 1000)...), false},
	} {
		_, err := Read(bytes.NewReader(et.Compress(c.content)), []Wanted{wanted("proc", "cpu_user_jiffies")}, Rules{})
		if err == nil || strings.Contains(err.Error(), says) != c.found || !strings.Contains(err.Error(), "no telemetry-proc.jsonl") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is behind a tar that has everything does not matter.
	if _, err := Read(bytes.NewReader(et.Compress(append(second, first...))), []Wanted{wanted("proc", "cpu_user_jiffies")}, Rules{}); err != nil {
		t.Error(err)
	}
}
