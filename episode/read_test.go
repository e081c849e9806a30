package episode

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	et "github.com/cis490/profiles/episode/episodetest"
)

var user = []ChannelName{{"proc", "cpu_user_jiffies"}}

func read(data []byte) (*Episode, error) {
	return Read(bytes.NewReader(data), user, Limits{})
}

// small is a whole episode of few bytes.
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
	if c.Name != user[0] || !c.Counter || len(c.Times) != 449 || len(c.Values) != 449 || len(c.Counts) != 450 || len(c.CountTimes) != 450 {
		t.Errorf("channel %v of %d points, %d counts", c.Name, len(c.Times), len(c.Counts))
	}
	if c.Times[0] != 0.15 || c.CountTimes[0] != 0.05 || c.Counts[0] != 0 || c.Counts[1] != 8 || c.Values[0] != 8/(0.15-0.05) {
		t.Errorf("starts with %v %v %v %v", c.Times[0], c.CountTimes[0], c.Counts[:2], c.Values[0])
	}
}

// TestReadSame holds what must make no difference.
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
		"the other way round":         reversed.Bytes(),
		"dot prefix":                  prefixed("./"),
		"folders":                     prefixed("a/b.d/../"),
		"absolute":                    prefixed("/"),
		"long folders":                prefixed(strings.Repeat("folder/", 60)),
		"ustar":                       format(tar.FormatUSTAR),
		"pax":                         format(tar.FormatPAX),
		"gnu":                         format(tar.FormatGNU),
		"pax records":                 first(et.Member{Name: "note.txt", Body: "hi", PAX: [][2]string{{"VENDOR.note", "x"}}}),
		"a folder":                    first(et.Member{Name: "meta.json/", Type: tar.TypeDir}),
		"links are no members":        first(et.Member{Name: "meta.json", Type: tar.TypeSymlink, Link: "/etc/passwd"}, et.Member{Name: "labels.jsonl", Type: tar.TypeLink, Link: "x"}),
		"the first of two counts":     last(et.Member{Name: "x/meta.json", Body: "no"}, et.Member{Name: "labels.jsonl", Body: "no"}, et.Member{Name: "telemetry-proc.jsonl", Body: "\xff"}),
		"others hold anything":        first(et.Member{Name: "telemetry-net.jsonl", Body: "\xff{"}, et.Member{Name: "meta.json.bak", Body: "no"}, et.Member{Name: "telemetry-proc.jsonl.gz"}, et.Member{Name: ""}),
		"contiguous":                  last(et.Member{Name: "x", Body: "y", Type: tar.TypeCont}),
		"no end":                      noEnd.Bytes(),
		"bytes after the end":         tail.Bytes(),
		"no checksum":                 et.Compress(content, zstd.WithEncoderCRC(false)),
		"fast":                        et.Compress(content, zstd.WithEncoderLevel(zstd.SpeedFastest)),
		"best":                        et.Compress(content, zstd.WithEncoderLevel(zstd.SpeedBestCompression)),
		"small window":                et.Compress(content, zstd.WithWindowSize(1<<10)),
		"window of 8 MiB":             et.Compress(content, zstd.WithWindowSize(8<<20), zstd.WithSingleSegment(false)),
		"single segment":              et.Compress(content, zstd.WithSingleSegment(true)),
		"several frames":              et.Frames(content, 700),
		"many frames":                 et.Frames(content, 100, zstd.WithEncoderCRC(false)),
		"skippable frames":            join(et.Skippable(nil), et.Skippable([]byte("hello")), et.Frames(content, 5000), et.Skippable(make([]byte, 70_000)), et.Skippable(nil)),
		"an empty frame":              join(et.Raw(et.Window(10), nil), et.Compress(content), et.Raw(et.SingleSegment(0), nil)),
		"raw blocks":                  et.Raw(et.Window(17), content),
		"raw single segment":          et.Raw(et.SingleSegment(uint64(len(content))), content),
		"repeated blocks at the end":  join(et.Compress(content), et.Window(17), et.Block(false, et.BlockRepeated, 1000, 0), et.Block(true, et.BlockRepeated, 0, 7)),
		"dictionary 0":                et.Raw(et.Header(3, 7<<3, 0, 0, 0, 0), content),
		"unused bit":                  et.Raw(et.Header(0x10, 7<<3), content),
		"CRLF":                        everywhere("\n", "\r\n"),
		"blank lines":                 everywhere("\n", "\n \t\r\n\n"),
		"no newline at the end":       small().With("labels.jsonl", strings.TrimSuffix(members[1].Body, "\n")).Bytes(),
		"odd spacing":                 everywhere(": ", "\t :  "),
		"tight":                       everywhere(": ", ":"),
		"escaped keys":                everywhere(`"t_wall_ns"`, `"t_\u0077all\u005fns"`),
		"escaped phases":              replace("labels.jsonl", `"armed"`, `"\u0061rmed"`),
		"a key twice":                 everywhere(`{"t_wall_ns"`, `{"t_wall_ns": "x", "phase": 7, "cpu_user_jiffies": 0, "result": 0, "t_wall_ns"`),
		"more keys":                   everywhere(`{"t_wall_ns"`, `{"": {"t_wall_ns": [1e999]}, "é\u0000": "\ud800", "t_wall_ns"`),
		"meta on many lines":          small().With("meta.json", "\n{\n\"result\"\r\n:\n{\"duration_observed_s\"\n:\n45.02\n,\"phases_seen\":[\n1\n,\"\"]}}\n\n").Bytes(),
		"meta of a wrong kind before": small().With("meta.json", `{"result": 7, "result": {"duration_observed_s": "x", "duration_observed_s": 4502e-2}}`).Bytes(),
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

func TestReadCorrupt(t *testing.T) {
	content := small().Tar()
	good := small().Bytes()
	flipped := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[(at+len(data))%len(data)] ^= 1
		return data
	}
	line := func(member, line string) []byte {
		for _, m := range small().Members {
			if m.Name == member {
				lines := strings.SplitAfter(m.Body, "\n")
				return small().With(member, lines[0]+line+"\n"+strings.Join(lines[1:], "")).Bytes()
			}
		}
		t.Fatal(member)
		return nil
	}
	meta := func(body string) []byte { return small().With("meta.json", body).Bytes() }
	const at = `{"t_wall_ns": 1767225600060000000, `
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":                        {nil, "corrupt archive: empty"},
		"not zstd":                       {content, "not zstd"},
		"gzip":                           {[]byte("\x1f\x8b\x08\x00\x00\x00"), "not zstd"},
		"three bytes":                    {good[:3], "not zstd"},
		"only a magic number":            {good[:4], "truncated in a frame header"},
		"only skippable":                 {et.Skippable([]byte("x")), "no meta.json"},
		"truncated":                      {good[:len(good)-100], "truncated in a zstd frame"},
		"truncated checksum":             {good[:len(good)-1], "truncated"},
		"truncated skippable":            {join(good, et.Skippable([]byte("hello"))[:10]), "truncated"},
		"truncated skippable header":     {join(good, et.Skippable([]byte("hello"))[:6]), "truncated in a skippable frame"},
		"wrong checksum":                 {flipped(good, -1), "zstd: "},
		"bytes after":                    {join(good, []byte("x")), "bytes after the last zstd frame"},
		"more bytes after":               {join(good, make([]byte, 100)), "bytes after the last zstd frame"},
		"a newline after":                {join(good, []byte("\n")), "bytes after the last zstd frame"},
		"another frame is damaged":       {join(good, flipped(good, -1)), "zstd: "},
		"another frame is not whole":     {join(good, good[:20]), "truncated"},
		"reserved bit":                   {et.Raw(et.Header(0x08, 7<<3), content), "reserved bit"},
		"reserved block":                 {join(et.Window(17), et.Block(true, et.BlockReserved, 0)), "reserved type"},
		"dictionary":                     {et.Raw(et.Header(1, 7<<3, 9), content), "dictionary 9"},
		"block over its window":          {join(et.Window(10), et.Block(true, et.BlockRaw, len(content), content...)), "zstd: "},
		"more than the content size":     {et.Raw(et.SingleSegment(uint64(len(content)-1)), content), "zstd: "},
		"less than the content size":     {et.Raw(et.SingleSegment(uint64(len(content)+1)), content), "zstd: "},
		"damaged tar header":             {et.Compress(flipped(content, 0)), "damaged tar"},
		"a later tar header":             {et.Compress(flipped(content, 1024)), "damaged tar"},
		"not tar":                        {et.Compress(bytes.Repeat([]byte("x"), 5000)), "damaged tar"},
		"half a tar header":              {et.Compress(content[:100]), "ends early"},
		"a member ends early":            {et.Compress(content[:600]), "meta.json: ends early"},
		"an unneeded member ends early":  {et.Compress(et.Archive{Members: []et.Member{{Name: "x", Body: "hello"}}}.Tar()[:514]), "damaged tar: ends early"},
		"an empty tar":                   {et.Archive{}.Bytes(), "no meta.json"},
		"no meta":                        {small().Without("meta.json").Bytes(), "no meta.json"},
		"no labels":                      {small().Without("labels.jsonl").Bytes(), "no labels.jsonl"},
		"only a link to meta":            {et.Archive{Members: append([]et.Member{{Name: "meta.json", Type: tar.TypeSymlink, Link: "x"}}, small().Members[1:]...)}.Bytes(), "no meta.json"},
		"empty meta":                     {meta(""), "meta.json line 0: ends early"},
		"blank meta":                     {meta("\n \n"), "meta.json line 2: ends early"},
		"two metas":                      {meta("{}\n{}"), "meta.json line 2: unexpected '{' at byte 1"},
		"meta is a list":                 {meta("[]"), "meta.json line 1: unexpected '['"},
		"meta has a byte order mark":     {meta("\ufeff{}"), "meta.json line 1: byte order mark"},
		"meta is not UTF-8":              {meta("{\n\"\xff\": 1}"), "meta.json line 2: not UTF-8"},
		"meta is broken":                 {meta("{\n\"a\":\n}"), "meta.json line 3: unexpected '}'"},
		"meta has a string over lines":   {meta("{\"a\n\": 1}"), "meta.json line 1: ends early"},
		"result is a list":               {meta(`{"result": []}`), `meta.json: "result" is not an object`},
		"result is a number":             {meta(`{"result": 7}`), `"result" is not an object`},
		"result is a string":             {meta(`{"result": {}, "result": "x"}`), `"result" is not an object`},
		"result is nothing":              {meta(`{"result": nul}`), `unexpected`},
		"duration is a string":           {meta(et.Meta(`"45"`)), `meta.json: "duration_observed_s" is not a finite number`},
		"duration is a bool":             {meta(et.Meta(`true`)), `"duration_observed_s" is not a finite number`},
		"duration is infinite":           {meta(et.Meta(`-1e999`)), `"duration_observed_s" is not a finite number`},
		"duration is NaN":                {meta(et.Meta(`NaN`)), `meta.json line 1: unexpected 'N'`},
		"duration is null?":              {meta(et.Meta(`nil`)), `meta.json line 1: unexpected 'n'`},
		"meta too deep":                  {meta(`{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}"), "nested too deep"},
		"label without a time":           {line("labels.jsonl", `{"phase": "armed"}`), `corrupt archive: labels.jsonl line 2: "t_wall_ns" is missing or not a number`},
		"label with a null time":         {line("labels.jsonl", `{"t_wall_ns": null}`), `labels.jsonl line 2: "t_wall_ns"`},
		"label with a text for a time":   {line("labels.jsonl", `{"t_wall_ns": "7"}`), `labels.jsonl line 2: "t_wall_ns"`},
		"label with an infinite time":    {line("labels.jsonl", `{"t_wall_ns": 1e999}`), `labels.jsonl line 2: "t_wall_ns" is not finite`},
		"first label with infinite time": {small().With("labels.jsonl", `{"t_wall_ns": 1e999}`).Bytes(), `labels.jsonl line 1: "t_wall_ns" is not finite`},
		"label that is no object":        {line("labels.jsonl", `7`), `labels.jsonl line 2: unexpected '7' at byte 1, want an object`},
		"label with more after it":       {line("labels.jsonl", at+`"phase": "x"} 7`), `labels.jsonl line 2: unexpected '7'`},
		"two labels in a line":           {line("labels.jsonl", at+`"phase": "x"}`+at+`"phase": "x"}`), `labels.jsonl line 2: unexpected '{'`},
		"label over two lines":           {line("labels.jsonl", at+"\n"+`"phase": "x"}`), `labels.jsonl line 2: ends early`},
		"label with a broken phase":      {line("labels.jsonl", at+`"phase": [}`), `labels.jsonl line 2: unexpected '}'`},
		"row that is no object":          {line("telemetry-proc.jsonl", `[]`), `telemetry-proc.jsonl line 2: unexpected '['`},
		"row that is broken":             {line("telemetry-proc.jsonl", at+`"x": 01}`), `telemetry-proc.jsonl line 2: unexpected '0'`},
		"row not UTF-8":                  {line("telemetry-proc.jsonl", at+"\"\xc3\": 1}"), `telemetry-proc.jsonl line 2: not UTF-8`},
		"row with a byte order mark":     {line("telemetry-proc.jsonl", "\ufeff"+at+`"x": 1}`), `telemetry-proc.jsonl line 2: byte order mark`},
		"rows behind the needed":         {line("telemetry-proc.jsonl", `{"a": 1,}`), `telemetry-proc.jsonl line 2`},
		"row too deep":                   {line("telemetry-proc.jsonl", `{"a":`+strings.Repeat(`{"a":`, 1000)+"1"+strings.Repeat("}", 1001)), `line 2: nested too deep`},
		"no-break space":                 {line("telemetry-proc.jsonl", "\u00a0"), `line 2: unexpected '\u00a0'`},
		"form feed":                      {line("telemetry-proc.jsonl", "\f"), `line 2: unexpected '\f'`},
	} {
		e, err := read(c.data)
		if !errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnusable) || e != nil {
			t.Errorf("%s: %v", name, err)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q doesn't say %q", name, err, c.says)
		}
	}
}

func TestReadUnusable(t *testing.T) {
	labels := func(labels ...string) et.Archive { return small().With("labels.jsonl", et.Labels(labels...)) }
	rows := func(body string) et.Archive { return small().With("telemetry-proc.jsonl", body) }
	row := func(i int) string { return fmt.Sprintf(`"cpu_user_jiffies": %d, "rss_bytes": 7`, i) }
	rss := []ChannelName{{"proc", "rss_bytes"}}
	for name, c := range map[string]struct {
		archive et.Archive
		want    []ChannelName
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
		"another source":             {small(), []ChannelName{{"host", "cpu_user"}}, ReasonNoSource},
		"one of two channels":        {small(), []ChannelName{user[0], {"proc", "nothing"}}, ReasonNoChannel},
		"no channel":                 {small(), []ChannelName{{"proc", "pid.x"}}, ReasonNoChannel},
		"a channel of texts":         {small(), []ChannelName{{"proc", "state"}}, ReasonNoChannel},
		"a channel of gaps":          {rows(et.Rows(5, func(int) string { return `"cpu_user_jiffies": 1e31` })), user, ReasonNoChannel},
		"no rows":                    {rows(""), user, ReasonNoChannel},
		"no rows with a time":        {rows(`{"cpu_user_jiffies": 1}`), user, ReasonNoChannel},
		"only in a row without time": {rows(et.Rows(3, func(int) string { return `"x": 1` }) + `{"cpu_user_jiffies": 1}`), user, ReasonNoChannel},
		"two rows of a counter":      {rows(et.Rows(2, row)), user, ReasonFewPoints},
		"one row of a gauge":         {rows(et.Rows(1, row)), rss, ReasonFewPoints},
		"rows that don't advance":    {rows(et.Rows(1, row) + et.Rows(1, row)), rss, ReasonFewPoints},
	} {
		e, err := Read(bytes.NewReader(c.archive.Bytes()), c.want, Limits{})
		var unusable *UnusableError
		if !errors.Is(err, ErrUnusable) || !errors.As(err, &unusable) || unusable.Reason != c.reason || e != nil {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
		if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v matches too much", name, err)
		}
		// What is wrong with the rest of the archive comes first.
		damaged := c.archive.Bytes()
		damaged[len(damaged)-1] ^= 1
		if _, err := Read(bytes.NewReader(damaged), c.want, Limits{}); !errors.Is(err, ErrCorrupt) {
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
		if _, err := Read(bytes.NewReader(a.Bytes()), user, Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReadTruncated cuts an archive at every byte.
func TestReadTruncated(t *testing.T) {
	content := small().Tar()
	for name, data := range map[string][]byte{
		"one frame":      small().Bytes(),
		"several frames": join(et.Skippable([]byte("note")), et.Frames(content, 3000), et.Skippable([]byte("note"))),
		"no checksum":    et.Compress(content, zstd.WithEncoderCRC(false), zstd.WithEncoderLevel(zstd.SpeedFastest)),
	} {
		whole := map[int]bool{}
		if name == "several frames" {
			whole[len(data)-12] = true // without the last skippable frame
		}
		for n := range data {
			_, err := read(data[:n])
			// An archive of whole frames is whole zstd, but then a tar that ends early.
			if whole[n] != (err == nil) || !whole[n] && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s, %d of %d bytes: %v", name, n, len(data), err)
			}
		}
	}
	// The tar, cut inside its frame: between members, that only means that members are missing.
	between := func(n int) bool {
		end := 0
		for _, m := range small().Members {
			body := end + 512 + len(m.Body)
			padded := (body + 511) / 512 * 512
			if n == end || body <= n && n <= padded {
				return true
			}
			end = padded
		}
		return n == end || n == end+512 || n == len(content) // one end block, or both
	}
	for n := range content {
		if n%512 > 8 && n%512 < 504 && n%16 != 0 {
			continue // enough
		}
		_, err := read(et.Compress(content[:n], zstd.WithEncoderLevel(zstd.SpeedFastest)))
		if damaged := err != nil && strings.Contains(err.Error(), "ends early"); between(n) == damaged || damaged && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d of %d bytes of tar: %v", n, len(content), err)
		}
	}
}

// TestReadFlipped flips bits and looks for panics, and for errors of no kind.
func TestReadFlipped(t *testing.T) {
	each := func(data []byte, try func(i int, bit byte)) {
		for i := range data {
			for bit := byte(1); bit != 0; bit <<= 3 {
				data[i] ^= bit
				try(i, bit)
				data[i] ^= bit
			}
		}
	}
	known := func(err error) bool {
		return err == nil || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnusable)
	}
	data := small().Bytes()
	want := mustRead(t, data)
	each(data, func(i int, bit byte) {
		e, err := read(data)
		if err == nil && reflect.DeepEqual(e, want) {
			return // a bit that means nothing, or a larger window
		}
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLarge) {
			t.Fatalf("byte %d, bit %d: %v", i, bit, err)
		}
	})
	content := small().Tar()
	each(content, func(i int, bit byte) {
		if _, err := read(et.Raw(et.Window(17), content)); !known(err) {
			t.Fatalf("byte %d of the tar, bit %d: %v", i, bit, err)
		}
	})
}

// TestReadSourceError holds that an error of the source comes back as it is, wherever it happens.
func TestReadSourceError(t *testing.T) {
	broken := errors.New("connection reset")
	for name, data := range map[string][]byte{
		"one frame": small().Bytes(),
		"skippable": join(et.Skippable(make([]byte, 300)), small().Bytes()),
	} {
		for n := range len(data) + 1 {
			for kind, r := range map[string]io.Reader{
				"after": io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken)),
				"with":  iotest.DataErrReader(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken))),
				"EOF":   io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(io.ErrUnexpectedEOF)),
			} {
				_, err := Read(r, user, Limits{})
				want := broken
				if kind == "EOF" {
					want = io.ErrUnexpectedEOF
				}
				if !errors.Is(err, want) || errors.Is(err, ErrCorrupt) {
					t.Fatalf("%s, %s %d bytes: %v", name, kind, n, err)
				}
			}
		}
	}
}

// TestReadSlowSources reads from sources that give little at a time.
func TestReadSlowSources(t *testing.T) {
	data := et.Episode(100).Bytes()
	want := mustRead(t, data)
	for name, r := range map[string]io.Reader{
		"a byte":     iotest.OneByteReader(bytes.NewReader(data)),
		"half":       iotest.HalfReader(bytes.NewReader(data)),
		"EOF at end": iotest.DataErrReader(bytes.NewReader(data)),
		"buffer":     bytes.NewBuffer(bytes.Clone(data)),
	} {
		got, err := Read(r, user, Limits{})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReadRows holds the rules for rows.
func TestReadRows(t *testing.T) {
	const zero = 1_767_225_600_000_000_000
	nan := math.NaN()
	const s = 1_000_000_000
	for name, c := range map[string]struct {
		rows    string // "time value;...", the time in nanoseconds since zero where it starts with +
		times   []float64
		values  []float64
		counts  []float64
		resets  int
		dropped int
	}{
		"a counter":           {"+1e9 5;+2e9 7;+4e9 13", []float64{2, 4}, []float64{2, 3}, []float64{0, 2, 8}, 0, 0},
		"a reset":             {"+1e9 5;+2e9 7;+3e9 4;+4e9 5", []float64{2, 3, 4}, []float64{2, 4, 1}, []float64{0, 2, 6, 7}, 1, 0},
		"a reset to zero":     {"+1e9 5;+2e9 0;+3e9 0", []float64{2, 3}, []float64{0, 0}, []float64{0, 0, 0}, 1, 0},
		"negative":            {"+1e9 -5;+2e9 -3;+3e9 -7", []float64{2, 3}, []float64{2, -7}, []float64{0, 2, -5}, 1, 0},
		"a gap":               {"+1e9 5;+2e9 null;+3e9 9", []float64{2, 3}, []float64{nan, 2}, []float64{0, 4}, 0, 0},
		"gaps first":          {"+1e9 \"5\";+2e9 true;+3e9 9;+4e9 10", []float64{2, 3, 4}, []float64{nan, nan, 1}, []float64{0, 1}, 0, 0},
		"kinds of gaps":       {"+1e9 0;+2e9 [1];+3e9 {};+4e9 1e999;+5e9 -1e31;+6e9 10", []float64{2, 3, 4, 5, 6}, []float64{nan, nan, nan, nan, 2}, []float64{0, 10}, 0, 0},
		"not advancing":       {"+1e9 5;+1e9 99;+0.5e9 99;+2e9 7;+2e9 1;+3e9 8", []float64{2, 3}, []float64{2, 1}, []float64{0, 2, 3}, 0, 3},
		"without a time":      {"null 9;\"x\" 9;+1e9 5;1e999 6;[] 6;+2e9 7;+3e9 8", []float64{2, 3}, []float64{2, 1}, []float64{0, 2, 3}, 0, 4},
		"before the label":    {"+-2e9 5;+-1e9 6;+0 8", []float64{-1, 0}, []float64{1, 2}, []float64{0, 1, 3}, 0, 0},
		"one ulp is none":     {"+1e9 5;+2e9 6;+2000000000 9;+3e9 7", []float64{2, 3}, []float64{1, 1}, []float64{0, 1, 2}, 0, 1},
		"beyond 2^53":         {"+1e9 9007199254740993;+2e9 9007199254740994;+3e9 18446744073709551615", []float64{2, 3}, []float64{1, 18437736874454810624}, []float64{0, 1, 18437736874454810622}, 0, 0},
		"65 bits":             {"+1e9 -9223372036854775808;+2e9 18446744073709551615;+3e9 18446744073709551615", []float64{2, 3}, []float64{27670116110564327424, 0}, []float64{0, 27670116110564327423, 27670116110564327423}, 0, 0},
		"decimals":            {"+1e9 0.1;+2e9 0.3;+3e9 0.2", []float64{2, 3}, []float64{0.3 - float64(0.1), 0.2}, []float64{0, 0.3 - float64(0.1), (0.3 - float64(0.1)) + 0.2}, 1, 0},
		"huge rate":           {"+1 0;+2 1e29;+3 1e29", []float64{2e-9, 3e-9}, []float64{nan, 0}, []float64{0, 1e29, 1e29}, 0, 0},
		"integers and others": {"+1e9 9007199254740993;+2e9 9007199254740994.0;+3e9 9007199254740996", []float64{2, 3}, []float64{2, 2}, []float64{0, 2, 4}, 0, 0},
	} {
		if name == "decimals" {
			a, b := 0.1, 0.3
			c.values = []float64{b - a, 0.2}
			c.counts = []float64{0, b - a, (b - a) + 0.2}
		}
		if name == "65 bits" {
			c.counts[1] = 27670116110564327424
			c.counts[2] = 27670116110564327424
		}
		var body strings.Builder
		for row := range strings.SplitSeq(c.rows, ";") {
			at, value, _ := strings.Cut(row, " ")
			if since, ok := strings.CutPrefix(at, "+"); ok {
				var ns float64
				fmt.Sscan(since, &ns)
				at = fmt.Sprint(int64(ns) + zero)
			}
			fmt.Fprintf(&body, `{"t_wall_ns": %s, "minflt": %s}`+"\n", at, value)
		}
		_ = s
		e, err := Read(bytes.NewReader(small().With("telemetry-proc.jsonl", body.String()).Bytes()), []ChannelName{{"proc", "minflt"}}, Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := e.Channels[0]
		if !sameFloats(got.Times, c.times) || !sameFloats(got.Values, c.values) || !sameFloats(got.Counts, c.counts) {
			t.Errorf("%s: times %v values %v counts %v, want %v %v %v", name, got.Times, got.Values, got.Counts, c.times, c.values, c.counts)
		}
		if got.Resets != c.resets || e.RowsDropped != c.dropped {
			t.Errorf("%s: %d resets, %d dropped", name, got.Resets, e.RowsDropped)
		}
	}
}

// TestReadGauge holds that gauges are used as they are.
func TestReadGauge(t *testing.T) {
	rows := et.Rows(4, func(i int) string {
		return []string{`"load": 0.5`, `"x": 1`, `"load": -3`, `"load": 18446744073709551616`}[i]
	})
	a := small().With("telemetry-host.jsonl", rows)
	e, err := Read(bytes.NewReader(a.Bytes()), []ChannelName{{"host", "load"}, {"host", "t_wall_ns"}, {"proc", "minflt"}, {"host", "load"}}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	load, clock := e.Channels[0], e.Channels[1]
	if !sameFloats(load.Values, []float64{0.5, math.NaN(), -3, 1 << 64}) || load.Gaps != 1 || load.Counter || load.Counts != nil {
		t.Errorf("load %v", load)
	}
	if clock.Values[0] != float64(et.Start+50_000_000) || len(clock.Times) != 4 || e.Rows != 4 {
		t.Errorf("clock %v of %d rows", clock, e.Rows)
	}
	if !e.Channels[2].Counter || !sameChannel(e.Channels[3], load) {
		t.Errorf("minflt %v, load again %v", e.Channels[2], e.Channels[3])
	}
}

func TestReadMeta(t *testing.T) {
	for body, want := range map[string]float64{
		`{}`:                                0,
		`{"result": null}`:                  0,
		`{"result": {}}`:                    0,
		et.Meta("null"):                     0,
		et.Meta("45.02"):                    45.02,
		et.Meta("-1"):                       -1,
		et.Meta("-0"):                       0,
		et.Meta("1e300"):                    1e300,
		et.Meta("18446744073709551616"):     1 << 64,
		`{"duration_observed_s": 7}`:        0,
		`{"a": {"duration_observed_s": 7}}`: 0,
		`{"result": {"x": {"duration_observed_s": 7}}}`:                                      0,
		`{"result": {"duration_observed_s": 7}, "result": {"status": "x"}}`:                  0,
		`{"result": {"duration_observed_s": 7, "duration_observed_s": null}}`:                0,
		`{"result": {"duration_observed_s": "x"}, "result": {"duration_observed_s": 5}}`:     5,
		`{"result": {"duration_observed_s": true, "d": 1, "duration_observ\u0065d_s": 5e0}}`: 5,
		`{"result": [], "r\u0065sult": null}`:                                                0,
	} {
		e, err := read(small().With("meta.json", body).Bytes())
		if err != nil || e.Duration != want {
			t.Errorf("%s: %v, %v, want %v", body, e, err, want)
		}
	}
}

func TestReadLabels(t *testing.T) {
	long := strings.Repeat("é", 100)
	body := strings.Join([]string{
		`{"t_wall_ns": 1000000000, "phase": "armed"}`,
		`{"phase": "infected_running", "t_wall_ns": 2000000000.5}`,
		`{"t_wall_ns": 3000000000}`,
		`{"t_wall_ns": 4e9, "phase": null}`,
		`{"t_wall_ns": 500000000, "phase": 7}`,
		`{"t_wall_ns": 18446744073709551615, "phase": {"a":[1,"x"]} }`,
		`{"t_wall_ns": -9223372036854775808, "phase": ""}`,
		`{"t_wall_ns": 1e300, "phase": "` + long + `"}`,
		`{"t_wall_ns": 1, "phase": "` + long + `", "phase": false, "t_wall_ns": 6e9}`,
		`{"t_wall_ns": 7e9, "phase": "x", "phase": null}`,
	}, "\n")
	e, err := read(small().With("labels.jsonl", body).With("telemetry-proc.jsonl", et.Rows(9, func(int) string { return `"cpu_user_jiffies": 1` })).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	first := 1e9
	want := []Label{
		{0, "armed", true}, {(2000000000.5 - first) / 1e9, PhaseRunning, true}, {2, "", false}, {3, "", false}, {-0.5, "7", true},
		{float64(uint64(math.MaxUint64-1000000000)) / 1e9, `{"a":[1,"x"]}`, true}, {-float64(uint64(1<<63+1000000000)) / 1e9, "", true},
		{(1e300 - first) / 1e9, Phase(strings.Repeat("é", 32)), true}, {5, "false", true}, {6, "", false},
	}
	if !reflect.DeepEqual(e.Labels, want) {
		t.Errorf("labels\n%v, want\n%v", e.Labels, want)
	}
}
