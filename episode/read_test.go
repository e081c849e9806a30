package episode

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	et "github.com/cis490/profiles/episode/episodetest"
)

// wanted returns a channel, which is a counter if it is in the list of the episode format.
func wanted(source, field string) Wanted {
	counters := []string{"cpu_user_jiffies", "cpu_sys_jiffies", "io_read_bytes", "io_write_bytes", "io_rchar", "io_wchar", "minflt", "majflt", "ctxt_voluntary", "ctxt_involuntary"}
	return Wanted{Name: ChannelName{source, field}, Counter: source == "proc" && slices.Contains(counters, field)}
}

var user = []Wanted{wanted("proc", "cpu_user_jiffies")}

func read(data []byte) (*Episode, error) {
	return Read(bytes.NewReader(data), user, Rules{})
}

// small returns the archive of a short episode.
func small() et.Archive {
	return et.Episode(5).Without("telemetry-host.jsonl")
}

func mustRead(t *testing.T, data []byte) *Episode {
	t.Helper()
	e, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRead(t *testing.T) {
	e := mustRead(t, et.Episode(450).Bytes())
	if e.Duration != 45.02 || e.Rows != 450 || e.RowsDropped != 0 || len(e.Channels) != 1 {
		t.Errorf("got %v s, %d rows, %d dropped, %d channels", e.Duration, e.Rows, e.RowsDropped, len(e.Channels))
	}
	want := []Label{{0, "clean", true}, {10, "armed", true}, {12, "infecting", true}, {15, "infected_running", true}, {40, "clean", true}}
	if !reflect.DeepEqual(e.Labels, want) {
		t.Errorf("labels %v", e.Labels)
	}
	c := e.Channels[0]
	if c.Name != user[0].Name || !c.Counter || len(c.Times) != 449 || len(c.Values) != 449 || len(c.Counts) != 450 || len(c.CountTimes) != 450 {
		t.Errorf("channel %v of %d points, %d counts", c.Name, len(c.Times), len(c.Counts))
	}
	if c.Times[0] != 0.15 || c.CountTimes[0] != 0.05 || c.Counts[0] != 0 || c.Counts[1] != 8 || c.Values[0] != 8/(0.15-0.05) {
		t.Errorf("starts with %v %v %v %v", c.Times[0], c.CountTimes[0], c.Counts[:2], c.Values[0])
	}
}

// TestReadSame reads archives that differ in ways that must not change the result.
func TestReadSame(t *testing.T) {
	want := mustRead(t, small().Bytes())
	members := small().Members
	reversed := et.Archive{Members: []et.Member{members[2], members[1], members[0]}}
	prefixed := func(prefix string) []byte {
		var a et.Archive
		for _, m := range members {
			m.Name = prefix + m.Name
			a.Members = append(a.Members, m)
		}
		return a.Bytes()
	}
	first := func(extra ...et.Member) []byte { return et.Archive{Members: append(extra, members...)}.Bytes() }
	last := func(extra ...et.Member) []byte { return et.Archive{Members: append(members[:3:3], extra...)}.Bytes() }
	format := func(f tar.Format) []byte { a := small(); a.Format = f; return a.Bytes() }
	content := small().Tar()
	noEnd := small()
	noEnd.NoEnd = true
	tail := small()
	tail.Tail = "anything " + strings.Repeat("x", 1000)
	replace := func(name, old, new string) []byte {
		for _, m := range members {
			if m.Name == name {
				if !strings.Contains(m.Body, old) {
					t.Fatalf("%s has no %q", name, old)
				}
				return small().With(name, strings.ReplaceAll(m.Body, old, new)).Bytes()
			}
		}
		t.Fatal(name)
		return nil
	}
	everywhere := func(old, new string) []byte {
		var a et.Archive
		for _, m := range members {
			m.Body = strings.ReplaceAll(m.Body, old, new)
			a.Members = append(a.Members, m)
		}
		return a.Bytes()
	}
	for name, data := range map[string][]byte{
		"the other way round":              reversed.Bytes(),
		"dot prefix":                       prefixed("./"),
		"folders":                          prefixed("a/b.d/../"),
		"absolute":                         prefixed("/"),
		"long folders":                     prefixed(strings.Repeat("folder/", 60)),
		"ustar":                            format(tar.FormatUSTAR),
		"pax":                              format(tar.FormatPAX),
		"gnu":                              format(tar.FormatGNU),
		"pax records":                      first(et.Member{Name: "note.txt", Body: "hi", PAX: [][2]string{{"VENDOR.note", "x"}}}),
		"a folder":                         first(et.Member{Name: "meta.json/", Type: tar.TypeDir}),
		"links are no members":             first(et.Member{Name: "meta.json", Type: tar.TypeSymlink, Link: "/etc/passwd"}, et.Member{Name: "labels.jsonl", Type: tar.TypeLink, Link: "x"}),
		"the last of two counts":           first(et.Member{Name: "./meta.json", Body: "no"}, et.Member{Name: "/labels.jsonl", Body: "no"}, et.Member{Name: ".//telemetry-proc.jsonl", Body: "\xff"}),
		"a member that tar was told twice": last(et.Member{Name: "meta.json", Type: tar.TypeLink, Link: "./meta.json"}),
		"a link in another folder":         last(et.Member{Name: "x/meta.json", Type: tar.TypeLink, Link: "meta.json"}),
		"a folder of the same name":        last(et.Member{Name: "meta.json/", Type: tar.TypeDir}),
		"others twice":                     last(et.Member{Name: "a/x", Body: "1"}, et.Member{Name: "b/x", Body: "2"}, et.Member{Name: "a/x"}, et.Member{Name: "a/telemetry-host.jsonl"}, et.Member{Name: "b/telemetry-host.jsonl"}),
		"others hold anything":             first(et.Member{Name: "telemetry-net.jsonl", Body: "\xff{"}, et.Member{Name: "meta.json.bak", Body: "no"}, et.Member{Name: "telemetry-proc.jsonl.gz"}, et.Member{Name: ""}),
		"contiguous":                       last(et.Member{Name: "x", Body: "y", Type: tar.TypeCont}),
		"no end":                           noEnd.Bytes(),
		"bytes after the end":              tail.Bytes(),
		"no checksum":                      et.Compress(content, zstd.WithEncoderCRC(false)),
		"fast":                             et.Compress(content, zstd.WithEncoderLevel(zstd.SpeedFastest)),
		"best":                             et.Compress(content, zstd.WithEncoderLevel(zstd.SpeedBestCompression)),
		"small window":                     et.Compress(content, zstd.WithWindowSize(1<<10)),
		"window of 8 MiB":                  et.Compress(content, zstd.WithWindowSize(8<<20), zstd.WithSingleSegment(false)),
		"single segment":                   et.Compress(content, zstd.WithSingleSegment(true)),
		"several frames":                   et.Frames(content, 700),
		"many frames":                      et.Frames(content, 100, zstd.WithEncoderCRC(false)),
		"skippable frames":                 join(et.Skippable(nil), et.Skippable([]byte("hello")), et.Frames(content, 5000), et.Skippable(make([]byte, 70_000)), et.Skippable(nil)),
		"an empty frame":                   join(et.Raw(et.Window(10), nil), et.Compress(content), et.Raw(et.SingleSegment(0), nil)),
		"raw blocks":                       et.Raw(et.Window(17), content),
		"raw single segment":               et.Raw(et.SingleSegment(uint64(len(content))), content),
		"repeated blocks at the end":       join(et.Compress(content), et.Window(17), et.Block(false, et.BlockRepeated, 1000, 0), et.Block(true, et.BlockRepeated, 0, 7)),
		"gzip":                             et.Gzip(content),
		"gzip streams":                     join(et.Gzip(nil), et.GzipStreams(content, 700), et.Gzip(nil)),
		"not compressed":                   content,
		"an old tar, not compressed":       v7(content),
		"a tar without its end":            noEnd.Tar(),
		"a tar with bytes at its end":      tail.Tar(),
		"dictionary 0":                     et.Raw(et.Header(3, 7<<3, 0, 0, 0, 0), content),
		"unused bit":                       et.Raw(et.Header(0x10, 7<<3), content),
		"CRLF":                             everywhere("\n", "\r\n"),
		"blank lines":                      everywhere("\n", "\n \t\r\n\n"),
		"no newline at the end":            small().With("labels.jsonl", strings.TrimSuffix(members[1].Body, "\n")).Bytes(),
		"odd spacing":                      everywhere(": ", "\t :  "),
		"tight":                            everywhere(": ", ":"),
		"escaped keys":                     everywhere(`"t_wall_ns"`, `"t_\u0077all\u005fns"`),
		"escaped phases":                   replace("labels.jsonl", `"armed"`, `"\u0061rmed"`),
		"a key twice":                      everywhere(`{"t_wall_ns"`, `{"t_wall_ns": "x", "phase": 7, "cpu_user_jiffies": 0, "result": 0, "t_wall_ns"`),
		"more keys":                        everywhere(`{"t_wall_ns"`, `{"": {"t_wall_ns": [1e999]}, "é\u0000": "\ud800", "t_wall_ns"`),
		"meta on many lines":               small().With("meta.json", "\n{\n\"result\"\r\n:\n{\"duration_observed_s\"\n:\n45.02\n,\"phases_seen\":[\n1\n,\"\"]}}\n\n").Bytes(),
		"meta of a wrong kind before":      small().With("meta.json", `{"result": 7, "result": {"duration_observed_s": "x", "duration_observed_s": 4502e-2}}`).Bytes(),
	} {
		got, err := read(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestReadUnusable(t *testing.T) {
	labels := func(labels ...string) et.Archive { return small().With("labels.jsonl", et.Labels(labels...)) }
	rows := func(body string) et.Archive { return small().With("telemetry-proc.jsonl", body) }
	row := func(i int) string { return fmt.Sprintf(`"cpu_user_jiffies": %d, "rss_bytes": 7`, i) }
	rss := []Wanted{wanted("proc", "rss_bytes")}
	for name, c := range map[string]struct {
		archive et.Archive
		want    []Wanted
		reason  Reason
	}{
		"no labels":                  {small().With("labels.jsonl", ""), user, ReasonNoLabels},
		"blank labels":               {small().With("labels.jsonl", "\n \n"), user, ReasonNoLabels},
		"three segments":             {labels("clean", "armed", "infected_running"), user, ReasonFewSegments},
		"one of no length":           {labels("clean@0", "armed@1", "armed@1", "infected_running@2"), user, ReasonFewSegments},
		"one goes back":              {labels("clean@0", "armed@1", "infecting@0.5", "infected_running@0.2", "clean@0.1"), user, ReasonFewSegments},
		"no armed":                   {labels("clean", "infecting", "infected_running", "clean"), user, ReasonNoArmed},
		"armed of no length":         {labels("clean@0", "armed@1", "infecting@1", "infected_running@2", "clean@3"), user, ReasonNoArmed},
		"no infected_running":        {labels("clean", "armed", "infecting", "dormant"), user, ReasonNoRunning},
		"neither":                    {labels("clean", "a", "b", "c"), user, ReasonNoArmed},
		"labels before channels":     {labels("clean").Without("telemetry-proc.jsonl"), user, ReasonFewSegments},
		"no source":                  {small().Without("telemetry-proc.jsonl"), user, ReasonNoSource},
		"another source":             {small(), []Wanted{wanted("host", "cpu_user")}, ReasonNoSource},
		"the first of two channels":  {small(), []Wanted{wanted("proc", "nothing"), user[0]}, ReasonNoChannel},
		"no channel":                 {small(), []Wanted{wanted("proc", "pid.x")}, ReasonNoChannel},
		"a channel of texts":         {small(), []Wanted{wanted("proc", "state")}, ReasonNoChannel},
		"a channel of gaps":          {rows(et.Rows(5, func(int) string { return `"cpu_user_jiffies": 1e31` })), user, ReasonNoChannel},
		"no rows":                    {rows(""), user, ReasonNoChannel},
		"no rows with a time":        {rows(`{"cpu_user_jiffies": 1}`), user, ReasonNoChannel},
		"only in a row without time": {rows(et.Rows(3, func(int) string { return `"x": 1` }) + `{"cpu_user_jiffies": 1}`), user, ReasonNoChannel},
		"two rows of a counter":      {rows(et.Rows(2, row)), user, ReasonFewPoints},
		"one row of a gauge":         {rows(et.Rows(1, row)), rss, ReasonFewPoints},
		"rows that don't advance":    {rows(et.Rows(1, row) + et.Rows(1, row)), rss, ReasonFewPoints},
	} {
		e, err := Read(bytes.NewReader(c.archive.Bytes()), c.want, Rules{})
		var unusable *UnusableError
		if !errors.Is(err, ErrUnusable) || !errors.As(err, &unusable) || unusable.Reason != c.reason || e != nil {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
		if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v matches too much", name, err)
		}
		// A damaged archive is corrupt, even if it is also unusable.
		damaged := c.archive.Bytes()
		damaged[len(damaged)-1] ^= 1
		if _, err := Read(bytes.NewReader(damaged), c.want, Rules{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s, damaged: %v", name, err)
		}
	}
	for name, a := range map[string]et.Archive{
		"three rows of a counter":  rows(et.Rows(3, row)),
		"a gap is a point":         rows(et.Rows(3, func(i int) string { return fmt.Sprintf(`"cpu_user_jiffies": %d`, i) })),
		"one of three has it":      rows(et.Rows(2, func(int) string { return `"x": 1` }) + `{"t_wall_ns": 1767225601000000000, "cpu_user_jiffies": 1}`),
		"four segments with holes": small().With("labels.jsonl", `{"t_wall_ns": 0, "phase": "armed"}{"t_wall_ns": 1e9, "phase": null}{"t_wall_ns": 2e9, "phase": 7}{"t_wall_ns": 3e9}{"t_wall_ns": 4e9, "phase": ""}{"t_wall_ns": 5e9, "phase": "infected_running"}`),
	} {
		for i, m := range a.Members {
			a.Members[i].Body = strings.ReplaceAll(m.Body, "}{", "}\n{")
		}
		if _, err := Read(bytes.NewReader(a.Bytes()), user, Rules{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReadSlowSources reads from sources that return few bytes at a time.
func TestReadSlowSources(t *testing.T) {
	data := et.Episode(100).Bytes()
	want := mustRead(t, data)
	for name, r := range map[string]io.Reader{
		"a byte":     iotest.OneByteReader(bytes.NewReader(data)),
		"half":       iotest.HalfReader(bytes.NewReader(data)),
		"EOF at end": iotest.DataErrReader(bytes.NewReader(data)),
		"buffer":     bytes.NewBuffer(bytes.Clone(data)),
	} {
		got, err := Read(r, user, Rules{})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReadMissingChannels checks that a channel that the archive lacks has no points, if it is not
// the first.
func TestReadMissingChannels(t *testing.T) {
	want := []Wanted{user[0], wanted("net", "rx_bytes"), wanted("proc", "minflt"), wanted("proc", "nothing"), wanted("proc", "state"), user[0]}
	e, err := Read(bytes.NewReader(small().Bytes()), want, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	alone := mustRead(t, small().Bytes())
	for i, c := range e.Channels {
		switch lacks := i == 1 || i == 3 || i == 4; {
		case c.Name != want[i].Name || c.Counter != want[i].Counter:
			t.Errorf("channel %d is %v, counter %v", i, c.Name, c.Counter)
		case lacks != (len(c.Times)+len(c.Values)+len(c.CountTimes)+len(c.Counts) == 0):
			t.Errorf("%v has %d points", c.Name, len(c.Values))
		}
	}
	if !sameChannel(e.Channels[0], alone.Channels[0]) || !sameChannel(e.Channels[5], alone.Channels[0]) || e.Rows != alone.Rows {
		t.Errorf("%+v, alone %+v", e, alone)
	}
}
